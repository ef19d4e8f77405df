/* Both ends of CoAP against each other over a network that loses, doubles and turns round, and one by one against rows. */
#include "tests/support/cm.h"

#include <stdlib.h>

#include "proto/coap/coap.h"

static uint32_t seed;
static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

struct held { size_t taken, most, now; bool full; };
static uint8_t *take(void *arg, size_t n)
{
	struct held *h = arg;

	if (h->full)
		return NULL;
	h->taken++;
	h->now += n;
	h->most = h->now > h->most ? h->now : h->most;
	return malloc(n);
}
static void back(void *arg, uint8_t *p, size_t n)
{
	((struct held *)arg)->now -= n;
	free(p);
}

struct flight { mst_ms at; bool to_server; size_t n; uint8_t b[COAP_DATAGRAM + 800]; };

struct world {
	struct coap_server s;
	struct coap_client c;
	struct held held;
	uint8_t in[32768];
	struct flight air[64];
	size_t n_air;
	mst_ms now, answer_at;
	unsigned loss, dup, asked, sent;
	mst_ms jitter, takes;
	size_t largest;
	uint8_t got[16384], answer[20000];
	size_t n_got, n_answer;
	uint8_t code;
	struct mst_coap_option more[4];      /* of the answer */
	size_t n_more;
};

static void fly(struct world *w, bool to_server, struct mst_view v)
{
	w->sent++;
	w->largest = v.n > w->largest ? v.n : w->largest;
	for (unsigned copies = 1 + (chance(100) < w->dup); copies; copies--) {
		struct flight *f = &w->air[w->n_air];

		if (chance(100) < w->loss || w->n_air == MST_COUNT(w->air))
			continue;
		assert_true(v.n <= sizeof(f->b));
		*f = (struct flight){ .at = w->now + 1 + (w->jitter ? chance((uint32_t)w->jitter) : 0), .to_server = to_server, .n = v.n };
		memcpy(f->b, v.p, v.n);
		w->n_air++;
	}
}

static void flush(struct world *w)
{
	struct mst_view v;

	while ((v = coap_client_send(&w->c)).n)
		fly(w, true, v);
	while ((v = coap_server_send(&w->s)).n)
		fly(w, false, v);
}

static void answer(struct world *w)
{
	struct coap_answer a = { .code = w->code, .has_format = true, .format = 60, .body = { w->answer, w->n_answer } };

	w->answer_at = MST_NEVER;
	a.option = w->more;
	a.n_option = w->n_more;
	coap_server_answer(&w->s, &a, w->now, chance(1u << 30));
}

static void deliver(struct world *w, size_t at)
{
	struct flight f = w->air[at];
	struct mst_coap_msg m;
	struct coap_request q;

	w->air[at] = w->air[--w->n_air];
	if (!f.to_server) {
		coap_client_feed(&w->c, (struct mst_view){ f.b, f.n }, w->now);
	} else if (coap_server_feed(&w->s, (struct mst_view){ f.b, f.n }, w->now, &m, &q)) {
		w->asked++;
		assert_true(q.body.n <= sizeof(w->got));
		w->n_got = q.body.n;
		if (q.body.n)
			memcpy(w->got, q.body.p, q.body.n);
		w->answer_at = w->now + w->takes;
		if (!w->takes)
			answer(w);
	}
}

/* To the end of the exchange: the next thing that happens, again and again. */
static void play(struct world *w)
{
	flush(w);
	while (w->c.state == COAP_CLIENT_SENT || w->c.state == COAP_CLIENT_WAITING) {
		mst_ms next = coap_client_deadline(&w->c), s = coap_server_deadline(&w->s);
		size_t first = w->n_air;

		next = s < next ? s : next;
		next = w->answer_at < next ? w->answer_at : next;
		for (size_t i = 0; i < w->n_air; i++)
			if (w->air[i].at <= next && (first == w->n_air || w->air[i].at < w->air[first].at))
				first = i;
		assert_true(first < w->n_air || next < MST_NEVER);
		if (first < w->n_air) {
			w->now = w->air[first].at > w->now ? w->air[first].at : w->now;
			deliver(w, first);
		} else {
			w->now = next;
			if (w->now >= w->answer_at)
				answer(w);
			coap_server_tick(&w->s, w->now);
			coap_client_tick(&w->c, w->now);
		}
		flush(w);
	}
}

static struct world *world(uint32_t s, uint8_t server_szx, uint8_t client_szx)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	seed = s;
	coap_server_init(&w->s, &(struct coap_server_config){ .body_max = 8192, .szx = server_szx, .patience_ms = 1000, .first_id = (uint16_t)s },
			 &(struct coap_room){ take, back, &w->held });
	coap_client_init(&w->c, w->in, sizeof(w->in), client_szx, s);
	w->answer_at = MST_NEVER;
	w->code = MST_COAP_CHANGED;
	for (size_t i = 0; i < sizeof(w->answer); i++)
		w->answer[i] = (uint8_t)(i * 31 + i / 251);
	return w;
}

static void end(struct world *w)
{
	coap_server_deinit(&w->s);
	assert_int_equal(w->held.now, 0);
	free(w);
}

static uint8_t body[8192 + 64];

static void ask(struct world *w, size_t n)
{
	struct coap_question q = { .code = MST_COAP_POST, .host = MST_VIEW_LIT("bbn.example.com"), .path = MST_VIEW_LIT("/briefing"),
				   .has_format = true, .format = 60, .accept = 60, .body = { body, n } };

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 17 + 3);
	assert_true(coap_client_ask(&w->c, &q, w->now));
	play(w);
}

static void arrived(const struct world *w, size_t n)
{
	assert_int_equal(w->c.state, COAP_CLIENT_DONE);
	assert_int_equal(w->c.code, w->code);
	assert_int_equal(w->c.n_in, w->n_answer);
	assert_memory_equal(w->in, w->answer, w->n_answer);
	assert_int_equal(w->n_got, n);
	assert_memory_equal(w->got, body, n);
}

static void every_size_both_ways(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 1023, 1024, 1025, 2048, 5000, 8191, 8192 };

	(void)state;
	for (uint8_t szx = 0; szx <= MST_COAP_SZX_MAX; szx = (uint8_t)(szx + 3))
		for (size_t i = 0; i < MST_COUNT(sizes); i++)
			for (size_t k = 0; k < MST_COUNT(sizes); k++) {
				struct world *w = world((uint32_t)(1 + i * 100 + k), (uint8_t)(MST_COAP_SZX_MAX - szx), szx);

				w->n_answer = sizes[k] * 2;
				ask(w, sizes[i]);
				arrived(w, sizes[i]);
				assert_int_equal(w->asked, 1);
				assert_true(w->largest <= COAP_DATAGRAM);
				end(w);
			}
}

/* Promise 4 of the architecture, as far as it is the transport's: lost, doubled and reordered, the owner is asked once. */
static void a_bad_network(void **state)
{
	unsigned done = 0, silent = 0;

	(void)state;
	for (uint32_t s = 1; s <= 600; s++) {
		struct world *w = world(s, MST_COAP_SZX_MAX - (uint8_t)(s % 3), MST_COAP_SZX_MAX - (uint8_t)(s % 2));

		w->loss = s % 4 * 10;
		w->dup = s % 5 * 15;
		w->jitter = s % 3 * 3000;        /* longer than the first repetition */
		w->takes = s % 7 ? 0 : 500 * (s % 6);
		w->n_answer = s * 97 % 17000;
		for (int i = 0; i < 3; i++) {
			size_t n = (s * 131 + (size_t)i * 977) % 8192;

			w->asked = 0;
			ask(w, n);
			if (w->c.state == COAP_CLIENT_DONE && w->c.code == w->code) {
				arrived(w, n);
				assert_int_equal(w->asked, 1);
				done++;
			} else {
				/* given up: by silence, or by an answer that the server has no more */
				assert_true(w->c.why == COAP_CLIENT_SILENCE || w->c.code == MST_COAP_INCOMPLETE || w->c.code == MST_COAP_UNAVAILABLE);
				assert_true(w->asked <= 1);
				silent++;
			}
		}
		end(w);
	}
	assert_true(done > 1200);
	assert_true(silent > 0);
}

static void a_slow_owner_answers_by_itself(void **state)
{
	struct world *w = world(5, 6, 6);

	(void)state;
	w->takes = 60000;
	w->n_answer = 10;
	ask(w, 10);
	arrived(w, 10);
	assert_int_equal(w->c.stats.resent, 0);
	assert_true(w->c.answered_separately);
	end(w);
}

static void a_dead_network_is_silence(void **state)
{
	struct world *w = world(6, 6, 6);

	(void)state;
	w->loss = 100;
	ask(w, 10);
	assert_int_equal(w->c.state, COAP_CLIENT_FAILED);
	assert_int_equal(w->c.why, COAP_CLIENT_SILENCE);
	assert_int_equal(w->c.stats.resent, COAP_RESEND_MAX);
	assert_in_range(w->now, 62000, COAP_SPAN_MS);        /* 2 + 4 + 8 + 16 + 32 seconds, times 1 to 1.5 */
	end(w);
}

static void no_room_is_busy(void **state)
{
	struct world *w = world(7, 6, 6);

	(void)state;
	w->held.full = true;
	w->n_answer = 10;
	ask(w, 5000);
	assert_int_equal(w->c.code, MST_COAP_UNAVAILABLE);
	assert_int_equal(w->c.max_age, 1);
	ask(w, 100);                        /* what needs none is served */
	arrived(w, 100);
	w->n_answer = 5000;
	ask(w, 100);
	assert_int_equal(w->c.code, MST_COAP_UNAVAILABLE);
	end(w);
}

static void more_than_is_taken(void **state)
{
	struct world *w = world(8, 6, 6);

	(void)state;
	ask(w, 8193);
	assert_int_equal(w->c.code, MST_COAP_TOO_LARGE);
	assert_int_equal(w->asked, 0);
	w->n_answer = 20000;
	w->c.cap = 4096;
	ask(w, 10);
	assert_int_equal(w->c.why, COAP_CLIENT_OVERSIZED);
	end(w);
}

/* Options that say something themselves: in every block, and blocks leave them room. More than there is room for is the server's fault. */
static void options_beside_blocks(void **state)
{
	static uint8_t text[255];
	static const size_t lengths[] = { 0, 3, 100, 240 };

	(void)state;
	memset(text, 'i', sizeof(text));
	for (size_t i = 0; i < MST_COUNT(lengths); i++) {
		struct mst_coap_option asked[] = { { 283, { text, lengths[i] } }, { 279, { text, lengths[i] } }, { 267, MST_VIEW_LIT("\xfd\xe9") } };
		struct coap_question q = { .code = MST_COAP_POST, .host = MST_VIEW_LIT("mef.example.com"), .path = MST_VIEW_LIT("/MEFBase"), .port = 5685,
					   .has_format = true, .format = 50, .accept = 50, .body = { body, 5000 }, .option = asked, .n_option = 3,
					   .dialect = MST_COAP_ONEM2M };
		struct world *w = world(9, 6, 6);

		w->s.cfg.dialect = MST_COAP_ONEM2M;
		w->n_more = 3;
		w->more[0] = (struct mst_coap_option){ 307, MST_VIEW_LIT("\x07\xd1") };
		w->more[1] = (struct mst_coap_option){ 283, { text, lengths[i] } };
		w->more[2] = (struct mst_coap_option){ MST_COAP_LOCATION_PATH, MST_VIEW_LIT("MEFBase") };
		w->n_answer = 6000;
		w->loss = 10;
		w->jitter = 50;
		assert_true(coap_client_ask(&w->c, &q, w->now));
		play(w);
		arrived(w, 5000);
		assert_int_equal(w->asked, 1);
		assert_true(w->largest <= COAP_DATAGRAM);
		assert_int_equal(w->c.more.n, 3);
		assert_int_equal(w->c.more.option[0].number, MST_COAP_LOCATION_PATH);
		assert_true(w->c.more.option[1].number == 283 && w->c.more.option[1].value.n == lengths[i]);
		assert_true(mst_view_eq_str(w->c.more.option[2].value, "\x07\xd1"));
		end(w);
	}
}

static void options_without_room(void **state)
{
	static uint8_t text[255];
	struct mst_coap_option asked[] = { { 279, { text, 255 } }, { 283, { text, 255 } }, { 331, { text, 255 } } };
	struct coap_question q = { .code = MST_COAP_GET, .host = MST_VIEW_LIT("h"), .path = MST_VIEW_LIT("/"), .accept = 0xffff, .option = asked,
				   .n_option = 3, .dialect = MST_COAP_ONEM2M };
	struct world *w = world(10, 6, 6);

	(void)state;
	memset(text, 'i', sizeof(text));
	w->s.cfg.dialect = MST_COAP_ONEM2M;
	for (size_t i = 0; i < 3; i++)
		w->more[i] = asked[i];
	w->n_more = 3;
	assert_true(coap_client_ask(&w->c, &q, w->now));
	play(w);
	assert_int_equal(w->c.code, MST_COAP_INTERNAL);
	q.host = (struct mst_view){ text, 255 };
	assert_false(coap_client_ask(&w->c, &q, w->now));
	end(w);
}

/* ---- one end against rows ---------------------------------------------------------------------------- */

static struct mst_view message(uint8_t *b, size_t cap, enum mst_coap_type type, uint8_t code, uint16_t id, const struct mst_coap_block *one,
			       const struct mst_coap_block *two, size_t payload)
{
	struct mst_coap_msg m = { .type = type, .code = code, .id = id, .n_token = 1, .token = { 9 }, .payload = { body, payload } };
	struct mst_writer w = mst_writer_of(b, cap);
	uint8_t r1[4], r2[4];

	mst_coap_add(&m, MST_COAP_URI_PATH, MST_VIEW_LIT("briefing"));
	if (one)
		mst_coap_add_block(&m, MST_COAP_BLOCK1, one, r1);
	if (two)
		mst_coap_add_block(&m, MST_COAP_BLOCK2, two, r2);
	mst_coap_write(&m, &w);
	assert_true(w.ok);
	return mst_written(&w);
}

static uint8_t said(struct world *w, struct mst_view in, enum mst_coap_type *ret_type)
{
	struct mst_coap_msg m;
	struct coap_request q;
	struct mst_view out;

	if (coap_server_feed(&w->s, in, w->now, &m, &q)) {
		w->asked++;
		answer(w);
	}
	out = coap_server_send(&w->s);
	*ret_type = (enum mst_coap_type)4;
	if (!out.n)
		return 0xff;
	assert_int_equal(mst_coap_read(out, &m, NULL), 0);
	*ret_type = m.type;
	assert_int_equal(coap_server_send(&w->s).n, 0);
	return m.code;
}

static void blocks_out_of_turn(void **state)
{
	static const struct { struct mst_coap_block b; size_t n; uint8_t code; unsigned asked; } rows[] = {
		{ { 1, true, 6 }, 1024, MST_COAP_INCOMPLETE, 0 },      /* the first is missing */
		{ { 0, true, 6 }, 1024, MST_COAP_CONTINUE, 0 }, { { 0, true, 6 }, 1024, MST_COAP_CONTINUE, 0 },      /* begun anew */
		{ { 2, true, 6 }, 1024, MST_COAP_INCOMPLETE, 0 },      /* one is left out */
		{ { 1, false, 6 }, 10, MST_COAP_INCOMPLETE, 0 },       /* and what had come is forgotten */
		{ { 0, true, 6 }, 1000, MST_COAP_BAD_REQUEST, 0 },     /* not full */
		{ { 0, true, 4 }, 512, MST_COAP_BAD_REQUEST, 0 },      /* more than full */
		{ { 0, true, 6 }, 1024, MST_COAP_CONTINUE, 0 }, { { 2, true, 5 }, 512, MST_COAP_CONTINUE, 0 },       /* smaller ones, in step */
		{ { 3, false, 5 }, 1, MST_COAP_CHANGED, 1 },
	};
	struct world *w = world(9, 6, 6);
	enum mst_coap_type type;
	uint8_t b[2048];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, (uint16_t)(100 + i), &rows[i].b, NULL, rows[i].n), &type),
				 rows[i].code);
		assert_int_equal(type, MST_COAP_ACK);
		assert_int_equal(w->asked, rows[i].asked);
	}
	end(w);
}

static void nobody_elses_blocks(void **state)
{
	struct world *w = world(10, 6, 6);
	enum mst_coap_type type;
	uint8_t b[2048];

	(void)state;
	w->n_answer = 3000;
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, 1, NULL, &(struct mst_coap_block){ 1, false, 6 }, 0), &type), MST_COAP_INCOMPLETE);
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, 2, NULL, NULL, 4), &type), MST_COAP_CHANGED);
	/* another method's; beyond the end; the one before the last twice; the last; and then it is gone, but for repetitions */
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_PUT, 3, NULL, &(struct mst_coap_block){ 1, false, 6 }, 0), &type), MST_COAP_INCOMPLETE);
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, 4, NULL, &(struct mst_coap_block){ 3, false, 6 }, 0), &type), MST_COAP_BAD_REQUEST);
	for (uint16_t id = 5; id < 7; id++)
		assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, id, NULL, &(struct mst_coap_block){ 1, false, 6 }, 0), &type), MST_COAP_CHANGED);
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, 7, NULL, &(struct mst_coap_block){ 2, false, 6 }, 0), &type), MST_COAP_CHANGED);
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, 7, NULL, &(struct mst_coap_block){ 2, false, 6 }, 0), &type), MST_COAP_CHANGED);
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, 8, NULL, &(struct mst_coap_block){ 2, false, 6 }, 0), &type), MST_COAP_INCOMPLETE);
	assert_int_equal(w->asked, 1);
	assert_int_equal(w->held.now, 0);
	end(w);
}

static void oddities(void **state)
{
	struct world *w = world(11, 6, 6);
	enum mst_coap_type type;
	uint8_t b[2048];

	(void)state;
	/* ping; a response where requests are taken; an unreadable one; one that need not be confirmed */
	assert_int_equal(said(w, MST_VIEW_LIT("\x40\x00\x00\x01"), &type), MST_COAP_EMPTY);
	assert_int_equal(type, MST_COAP_RST);
	assert_int_equal(said(w, MST_VIEW_LIT("\x40\x45\x00\x02"), &type), MST_COAP_EMPTY);
	assert_int_equal(type, MST_COAP_RST);
	assert_int_equal(said(w, MST_VIEW_LIT("\x40\x02\x00\x03\xff"), &type), MST_COAP_EMPTY);
	assert_int_equal(type, MST_COAP_RST);
	assert_int_equal(said(w, MST_VIEW_LIT("\x50\x02\x00\x04\xff"), &type), 0xff);
	assert_int_equal(said(w, MST_VIEW_LIT("\x00\x02\x00\x04"), &type), 0xff);
	assert_int_equal(said(w, MST_VIEW_LIT("\x60\x00\x12\x34"), &type), 0xff);
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_NON, MST_COAP_POST, 5, NULL, NULL, 4), &type), MST_COAP_CHANGED);
	assert_int_equal(type, MST_COAP_NON);
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_NON, MST_COAP_POST, 5, NULL, NULL, 4), &type), 0xff);
	assert_int_equal(w->asked, 1);
	/* critical and unknown; to be proxied; a block that is none */
	assert_int_equal(said(w, MST_VIEW_LIT("\x40\x02\x00\x06\x91x"), &type), MST_COAP_BAD_OPTION);
	assert_int_equal(said(w, MST_VIEW_LIT("\x40\x02\x00\x07\xd1\x16x"), &type), MST_COAP_NO_PROXY);
	assert_int_equal(said(w, MST_VIEW_LIT("\x40\x02\x00\x08\xd1\x0e\x07"), &type), MST_COAP_BAD_OPTION);
	assert_int_equal(w->asked, 1);
	end(w);
}

/* Each has its own reason, told once; and the next good one is served. */
static void refusals_have_their_reasons(void **state)
{
#define BLOCK1(num, more, szx) .one = { num, more, szx }, .has_one = true
	static const struct { const char *octets; size_t n; struct mst_coap_block one; bool has_one; size_t payload; uint8_t code; const char *field, *text; } rows[] = {
		{ "\x40\x02\0\x01\xff", 5, .code = 0, .field = "payload", .text = "a marker, and none behind it" },
		{ "\x50\x02\0\x01\xff", 5, .code = 0, .field = "payload", .text = "a marker, and none behind it" },
		{ "\x80\x02\0\x01", 4, .code = 0, .field = "version", .text = "not CoAP, version 1" },
		{ "\x40", 1, .code = 0, .field = "version", .text = "not CoAP, version 1" },
		{ "\x49\x02\0\x01", 4, .code = 0, .field = "token", .text = "longer than 8 octets" },
		{ "\x40\x02\0\x01\xf1x", 6, .code = 0, .field = "option", .text = "its number or length is none" },
		{ "\x40\x45\0\x01", 4, .code = 0, .field = "code", .text = "an answer, and nothing was asked" },
		{ "\x40\x02\0\x02\xe1\x06\xf4x", 8, .code = MST_COAP_BAD_OPTION, .field = "option 2049", .text = "an option that cannot be taken" },
		{ "\x40\x02\0\x03\x11x", 6, .code = MST_COAP_BAD_OPTION, .field = "option 1", .text = "an option that cannot be taken" },
		{ "\x40\x02\0\x04\x50", 5, .code = MST_COAP_BAD_OPTION, .field = "option 5", .text = "an option that cannot be taken" },
		{ "\x40\x02\0\x05\xd1\x16x", 7, .code = MST_COAP_NO_PROXY, .field = "Proxy-Uri", .text = "this is no proxy" },
		{ "\x40\x02\0\x06\xd1\x0e\x07", 7, .code = MST_COAP_BAD_OPTION, .field = "Block", .text = "a block that is none" },
		{ "\x40\x02\0\x07\xd1\x0a\x16", 7, .code = MST_COAP_INCOMPLETE, .field = "Block2", .text = "no answer is kept of which this is a block" },
		{ .n = 10, BLOCK1(1, true, 6), .payload = 1024, .code = MST_COAP_INCOMPLETE, .field = "Block1", .text = "not the next block of this request" },
		{ .n = 11, BLOCK1(0, true, 6), .payload = 7, .code = MST_COAP_BAD_REQUEST, .field = "Block1", .text = "a block of another size than it says" },
		{ .n = 12, .payload = 4090, .code = MST_COAP_TOO_LARGE, .field = "datagram", .text = "longer than is taken in one piece" },
		{ .n = 13, .payload = 3001, .code = MST_COAP_TOO_LARGE, .field = "content", .text = "more octets than are taken" },
	};
#undef BLOCK1
	struct world *w = world(14, 6, 6);
	const struct coap_refusal *r;
	static uint8_t b[8192];
	enum mst_coap_type type;

	(void)state;
	w->s.cfg.body_max = 3000;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_view v = { (const uint8_t *)rows[i].octets, rows[i].n };
		uint8_t code;

		if (!v.p)
			v = message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, (uint16_t)rows[i].n, rows[i].has_one ? &rows[i].one : NULL, NULL, rows[i].payload);
		code = said(w, v, &type);
		r = coap_server_refused(&w->s);
		assert_non_null(r);
		assert_int_equal(r->code, rows[i].code);
		assert_string_equal(r->why.field, rows[i].field);
		assert_string_equal(r->why.text, rows[i].text);
		if (r->code)
			assert_int_equal(code, r->code);
		assert_null(coap_server_refused(&w->s));
		/* the same again is answered, and not told again */
		if (r->code) {
			assert_int_equal(said(w, v, &type), rows[i].code);
			assert_null(coap_server_refused(&w->s));
		}
		w->asked = 0;
		w->now += 10;
		assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, (uint16_t)(100 + i), NULL, NULL, 4), &type), MST_COAP_CHANGED);
		assert_null(coap_server_refused(&w->s));
		assert_int_equal(w->asked, 1);
	}
	/* a ping, an acknowledgement of nothing: no refusals */
	(void)said(w, MST_VIEW_LIT("\x40\x00\x02\x01"), &type);
	assert_null(coap_server_refused(&w->s));
	(void)said(w, MST_VIEW_LIT("\x60\x00\x02\x02"), &type);
	assert_null(coap_server_refused(&w->s));
	end(w);
}

/* Whose blocks stop coming: after a while, or because the session ends. */
static void half_a_request_is_told(void **state)
{
	static const struct mst_coap_block first = { 0, true, 6 };
	struct world *w = world(15, 6, 6);
	const struct coap_refusal *r;
	enum mst_coap_type type;
	uint8_t b[2048];

	(void)state;
	assert_null(coap_server_broken_off(&w->s));
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, 1, &first, NULL, 1024), &type), MST_COAP_CONTINUE);
	w->now = coap_server_deadline(&w->s);
	coap_server_tick(&w->s, w->now);
	r = coap_server_refused(&w->s);
	assert_non_null(r);
	assert_int_equal(r->code, MST_COAP_INCOMPLETE);
	assert_string_equal(r->why.text, "the next block did not come in time");
	assert_null(coap_server_broken_off(&w->s));
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, 2, &first, NULL, 1024), &type), MST_COAP_CONTINUE);
	r = coap_server_broken_off(&w->s);
	assert_non_null(r);
	assert_int_equal(r->code, 0);
	assert_string_equal(r->why.text, "broke off between two blocks");
	assert_null(coap_server_broken_off(&w->s));
	end(w);
}

/* Room for blocks is every session's: none that is idle keeps it from the others. */
static void room_is_given_back(void **state)
{
	struct world *w = world(12, 6, 6);
	enum mst_coap_type type;
	uint8_t b[2048];

	(void)state;
	w->n_answer = 10;
	ask(w, 5000);
	arrived(w, 5000);
	assert_int_equal(w->held.taken, 1);
	assert_int_equal(w->held.now, 0);
	/* an answer that nobody fetches to its end, whatever else is asked meanwhile */
	w->n_answer = 3000;
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, 1, NULL, NULL, 4), &type), MST_COAP_CHANGED);
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, 2, NULL, &(struct mst_coap_block){ 1, false, 6 }, 0), &type), MST_COAP_CHANGED);
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_PUT, 3, NULL, &(struct mst_coap_block){ 1, false, 6 }, 0), &type), MST_COAP_INCOMPLETE);
	assert_int_equal(w->held.now, 3000);
	assert_in_range(coap_server_deadline(&w->s), w->now + 1, w->now + COAP_SPAN_MS);
	w->now = coap_server_deadline(&w->s);
	coap_server_tick(&w->s, w->now);
	assert_int_equal(w->held.now, 0);
	assert_true(coap_server_idle(&w->s));
	assert_int_equal(said(w, message(b, sizeof(b), MST_COAP_CON, MST_COAP_POST, 4, NULL, &(struct mst_coap_block){ 2, false, 6 }, 0), &type), MST_COAP_INCOMPLETE);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_both_ways), cmocka_unit_test(a_bad_network), cmocka_unit_test(a_slow_owner_answers_by_itself),
		cmocka_unit_test(a_dead_network_is_silence), cmocka_unit_test(no_room_is_busy), cmocka_unit_test(more_than_is_taken),
		cmocka_unit_test(options_beside_blocks), cmocka_unit_test(options_without_room),
		cmocka_unit_test(blocks_out_of_turn), cmocka_unit_test(nobody_elses_blocks), cmocka_unit_test(oddities),
		cmocka_unit_test(room_is_given_back), cmocka_unit_test(refusals_have_their_reasons), cmocka_unit_test(half_a_request_is_told),
	};

	return cmocka_run_group_tests_name("coap machines", tests, NULL, NULL);
}
