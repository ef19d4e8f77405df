/* The server's end. What a peer sends is judged here; what it means is the owner's. */
#include "proto/coap/coap.h"

#include "base/secret.h"
#include "base/text.h"

void coap_resend_begin(struct coap_resend *r, uint16_t id, mst_ms now, uint32_t rnd)
{
	/* ACK_RANDOM_FACTOR 1.5 (RFC 7252 4.2) */
	*r = (struct coap_resend){ .on = true, .id = id, .wait = COAP_ACK_MS + (mst_ms)(rnd % (COAP_ACK_MS / 2)) };
	r->at = now + r->wait;
}

bool coap_resend_due(struct coap_resend *r, mst_ms now)
{
	if (!r->on || now < r->at)
		return false;
	if (r->times == COAP_RESEND_MAX) {
		r->on = false;
		return false;
	}
	r->times++;
	r->wait *= 2;
	r->at = now + r->wait;
	return true;
}

bool coap_more_add(struct coap_more *x, const struct mst_coap_option *o)
{
	uint8_t *at = x->text + x->n_text;

	if (x->n == COAP_MORE_MAX || o->value.n > sizeof(x->text) - x->n_text)
		return false;
	if (o->value.n)
		memcpy(at, o->value.p, o->value.n);
	x->n_text += o->value.n;
	x->option[x->n++] = (struct mst_coap_option){ o->number, { at, o->value.n } };
	return true;
}

uint8_t coap_fitting(uint8_t szx, size_t octets)
{
	while (szx && mst_coap_block_size(szx) + octets > COAP_DATAGRAM)
		szx--;
	return szx;
}

/* Header, token, blocks, tag, sizes and format; and an option has five octets before its value at most. */
#define FRAME 64
static size_t octets_of(const struct mst_coap_option *o, size_t n)
{
	size_t sum = FRAME;

	for (size_t i = 0; i < n; i++)
		sum += 5 + o[i].value.n;
	return sum;
}

void coap_server_init(struct coap_server *s, const struct coap_server_config *cfg, const struct coap_room *room)
{
	memset(s, 0, sizeof(*s));
	s->cfg = *cfg;
	s->room = *room;
	s->next_id = cfg->first_id;
	s->deadline = MST_NEVER;
}

static void drop_in(struct coap_server *s)
{
	if (s->in)
		s->room.back(s->room.arg, s->in, s->cfg.body_max);
	s->in = NULL;
	s->n_in = 0;
}

static void drop_out(struct coap_server *s)
{
	if (s->out)
		s->room.back(s->room.arg, s->out, s->out_cap);
	s->out = NULL;
	s->n_out = s->out_cap = 0;
}

void coap_server_deinit(struct coap_server *s)
{
	drop_in(s);
	drop_out(s);
	mst_wipe(s, sizeof(*s));
}

/* ---- sending ----------------------------------------------------------------------------------------- */

static void send_small(struct coap_server *s, enum mst_coap_type type, uint16_t id)
{
	struct mst_coap_msg m = { .type = type, .id = id };
	struct mst_writer w = mst_writer_of(s->small, sizeof(s->small));

	mst_coap_write(&m, &w);
	s->n_small = w.n;
}

/* In the acknowledgement while that is still owed, else by itself. */
static void put_reply(struct coap_server *s, struct mst_coap_msg *m, mst_ms now, uint32_t rnd)
{
	struct mst_writer w = mst_writer_of(s->reply, sizeof(s->reply));
	bool separate = s->type == MST_COAP_NON || s->acked;

	m->type = s->type == MST_COAP_NON ? MST_COAP_NON : s->acked ? MST_COAP_CON : MST_COAP_ACK;
	m->id = separate ? s->next_id++ : s->id;
	memcpy(m->token, s->token, s->n_token);
	m->n_token = s->n_token;
	mst_coap_write(m, &w);
	s->n_reply = w.ok ? w.n : 0;
	s->send_reply = w.ok;
	s->reply_to = s->id;
	s->replied = true;
	s->resend.on = false;
	if (m->type == MST_COAP_CON)
		coap_resend_begin(&s->resend, m->id, now, rnd);
}

/* A refusal or a step, without content of an owner. `text` is for people (RFC 7252 5.5.2). */
static void say(struct coap_server *s, uint8_t code, const char *text, uint32_t max_age, mst_ms now)
{
	struct mst_coap_msg m = { .code = code, .payload = mst_view_str(text) };
	uint8_t age[4], one[4], size[4];

	if (max_age)
		mst_coap_add_uint(&m, MST_COAP_MAX_AGE, max_age, age);
	if (s->has_block1)
		mst_coap_add_block(&m, MST_COAP_BLOCK1, &s->block1, one);
	if (code == MST_COAP_TOO_LARGE)
		mst_coap_add_uint(&m, MST_COAP_SIZE1, (uint32_t)s->cfg.body_max, size);
	put_reply(s, &m, now, 0);
}

/* Nothing is asked. Of an answer no more is kept than somebody may still fetch, and no longer: the room is everybody's. */
static void rest(struct coap_server *s, mst_ms now)
{
	drop_in(s);
	s->state = COAP_SERVER_IDLE;
	s->deadline = s->out ? now + COAP_SPAN_MS : MST_NEVER;
}

static void note(struct coap_server *s, uint8_t code, const char *field, const char *text)
{
	s->refused = (struct coap_refusal){ .on = true, .code = code };
	mst_diag_set(&s->refused.why, 0, field, text, (const char *)NULL);
}

static void refuse(struct coap_server *s, uint8_t code, const char *field, const char *text, mst_ms now)
{
	rest(s, now);
	note(s, code, field, text);
	say(s, code, text, 0, now);
}

static void refuse_option(struct coap_server *s, uint16_t number, mst_ms now)
{
	char field[24];
	struct mst_writer w = mst_writer_of(field, sizeof(field));

	mst_put_str(&w, "option ");
	mst_put_dec(&w, number);
	mst_put_nul(&w);
	refuse(s, MST_COAP_BAD_OPTION, field, "an option that cannot be taken", now);
}

/* Not the peer's fault, and over soon. */
static void no_room(struct coap_server *s, mst_ms now)
{
	rest(s, now);
	say(s, MST_COAP_UNAVAILABLE, NULL, 1, now);
}

/* ---- blocks of an answer ----------------------------------------------------------------------------- */

static void put_block(struct coap_server *s, struct mst_view body, uint32_t num, uint8_t szx, uint32_t max_age, mst_ms now, uint32_t rnd)
{
	size_t size = mst_coap_block_size(szx), at = (size_t)num * size;
	struct mst_coap_block b = { .num = num, .szx = szx, .more = at + size < body.n };
	struct mst_coap_msg m = { .code = s->out_code, .payload = mst_view_sub(body, at, size) };
	uint8_t format[4], age[4], two[4], one[4], tag[4], total[4];

	if (s->out_has_format)
		mst_coap_add_uint(&m, MST_COAP_CONTENT_FORMAT, s->out_format, format);
	if (max_age)
		mst_coap_add_uint(&m, MST_COAP_MAX_AGE, max_age, age);
	if (num || b.more) {
		mst_coap_add_block(&m, MST_COAP_BLOCK2, &b, two);
		for (size_t i = 0; i < sizeof(tag); i++)
			tag[i] = (uint8_t)(s->out_tag >> (24 - 8 * i));
		mst_coap_add(&m, MST_COAP_ETAG, (struct mst_view){ tag, sizeof(tag) });
	}
	if (!num && b.more)
		mst_coap_add_uint(&m, MST_COAP_SIZE2, (uint32_t)body.n, total);
	if (s->has_block1)
		mst_coap_add_block(&m, MST_COAP_BLOCK1, &s->block1, one);
	for (size_t i = 0; i < s->out_more.n; i++)
		mst_coap_add(&m, s->out_more.option[i].number, s->out_more.option[i].value);
	put_reply(s, &m, now, rnd);
}

static uint8_t smaller(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* Another block of the answer that was given last. The last one is kept as a reply, so that the rest may go. */
static void next_block(struct coap_server *s, mst_ms now)
{
	struct mst_view body = { s->out, s->n_out };
	uint8_t szx = smaller(s->block2.szx, s->out_szx);
	size_t at = (size_t)s->block2.num << (4 + s->block2.szx);

	s->has_block1 = false;
	if (!s->out || s->out_key != s->key) {
		refuse(s, MST_COAP_INCOMPLETE, "Block2", "no answer is kept of which this is a block", now);
		return;
	}
	if (at >= body.n) {
		refuse(s, MST_COAP_BAD_REQUEST, "Block2", "the answer has no such block", now);
		return;
	}
	put_block(s, body, (uint32_t)(at >> (4 + szx)), szx, 0, now, 0);
	if (at + mst_coap_block_size(szx) >= body.n)
		drop_out(s);
}

void coap_server_answer(struct coap_server *s, const struct coap_answer *a, mst_ms now, uint32_t rnd)
{
	uint8_t szx = coap_fitting(s->cfg.szx, octets_of(a->option, a->n_option));
	bool good = true;

	if (s->state != COAP_SERVER_ASKED)
		return;
	drop_out(s);
	rest(s, now);
	s->out_szx = szx;
	szx = s->has_block2 ? smaller(s->block2.szx, szx) : szx;
	s->out_more.n = s->out_more.n_text = 0;
	for (size_t i = 0; i < a->n_option; i++)
		good = coap_more_add(&s->out_more, &a->option[i]) && good;
	if (!good) {
		say(s, MST_COAP_INTERNAL, "the answer's options have no room", 0, now);
		return;
	}
	if (a->body.n > mst_coap_block_size(szx)) {
		s->out = s->room.take(s->room.arg, a->body.n);
		if (!s->out) {
			say(s, MST_COAP_UNAVAILABLE, NULL, 1, now);
			return;
		}
		memcpy(s->out, a->body.p, a->body.n);
		s->n_out = s->out_cap = a->body.n;
		s->out_tag++;
		s->out_key = s->key;
		s->deadline = now + COAP_SPAN_MS;
	}
	s->out_code = a->code;
	s->out_has_format = a->has_format;
	s->out_format = a->format;
	put_block(s, a->body, 0, szx, a->max_age, now, rnd);
}

/* ---- requests ---------------------------------------------------------------------------------------- */

static void remember(struct coap_server *s, uint16_t id, mst_ms now)
{
	s->seen[s->at_seen].id = id;
	s->seen[s->at_seen].until = now + COAP_LIFETIME_MS;
	s->at_seen = (s->at_seen + 1) % COAP_SEEN;
	s->n_seen += s->n_seen < COAP_SEEN;
}

static bool seen(const struct coap_server *s, uint16_t id, mst_ms now)
{
	for (unsigned i = 0; i < s->n_seen; i++)
		if (s->seen[i].id == id && s->seen[i].until > now)
			return true;
	return false;
}

/*
 * RFC 7252 4.5: what has come before is not done again. The last one gets what it got; an older one is late, for its sender
 * has had the answer that let it ask something else.
 */
static void again(struct coap_server *s, const struct mst_coap_msg *m)
{
	s->stats.repeated++;
	if (m->type != MST_COAP_CON)
		return;
	if (s->state == COAP_SERVER_ASKED && s->id == m->id) {
		if (s->acked)
			send_small(s, MST_COAP_ACK, m->id);
		return;
	}
	if (s->replied && s->reply_to == m->id && s->n_reply) {
		if (s->acked && s->id == m->id)
			send_small(s, MST_COAP_ACK, m->id);     /* its response goes by itself */
		else
			s->send_reply = true;
	}
}

static uint32_t key_of(const struct mst_coap_msg *m)
{
	uint32_t h = 2166136261u ^ m->code;

	for (size_t i = 0; i < m->n; i++) {
		const struct mst_coap_option *o = &m->option[i];

		if (o->number == MST_COAP_BLOCK1 || o->number == MST_COAP_BLOCK2 || o->number == MST_COAP_SIZE1 || o->number == MST_COAP_SIZE2)
			continue;
		h = (h ^ o->number) * 16777619u;
		h = (h ^ (uint32_t)o->value.n) * 16777619u;
		for (size_t k = 0; k < o->value.n; k++)
			h = (h ^ o->value.p[k]) * 16777619u;
	}
	return h;
}

static bool read_blocks(struct coap_server *s, const struct mst_coap_msg *m)
{
	const struct mst_coap_option *one = mst_coap_find(m, MST_COAP_BLOCK1), *two = mst_coap_find(m, MST_COAP_BLOCK2);

	s->has_block1 = one;
	s->has_block2 = two;
	if (one && !mst_coap_block_read(one->value, &s->block1))
		s->has_block1 = false;
	if (two && !mst_coap_block_read(two->value, &s->block2))
		s->has_block2 = false;
	return (!one || s->has_block1) && (!two || s->has_block2);
}

/* One block of a request, in its turn. True: that was the last, and all of it stands in s->in. */
static bool take_block(struct coap_server *s, const struct mst_coap_msg *m, uint32_t key, mst_ms now)
{
	size_t size = mst_coap_block_size(s->block1.szx), at = (size_t)s->block1.num * size;

	if (s->block1.num == 0) {
		drop_in(s);
		s->state = COAP_SERVER_TAKING;
		s->key = key;
	}
	if (s->state != COAP_SERVER_TAKING || s->key != key || at != s->n_in) {
		refuse(s, MST_COAP_INCOMPLETE, "Block1", "not the next block of this request", now);
		return false;
	}
	/* every block but the last is full (RFC 7959 2.2) */
	if (m->payload.n > size || (s->block1.more && m->payload.n != size)) {
		refuse(s, MST_COAP_BAD_REQUEST, "Block1", "a block of another size than it says", now);
		return false;
	}
	if (at + m->payload.n > s->cfg.body_max || mst_coap_uint_of(m, MST_COAP_SIZE1, 0) > s->cfg.body_max) {
		refuse(s, MST_COAP_TOO_LARGE, "content", "more octets than are taken", now);
		return false;
	}
	if (!s->in)
		s->in = s->room.take(s->room.arg, s->cfg.body_max);
	if (!s->in) {
		no_room(s, now);
		return false;
	}
	if (m->payload.n)
		memcpy(s->in + at, m->payload.p, m->payload.n);
	s->n_in += m->payload.n;
	s->deadline = now + COAP_SPAN_MS;
	if (!s->block1.more)
		return true;
	say(s, MST_COAP_CONTINUE, NULL, 0, now);
	return false;
}

static bool hand_over(struct coap_server *s, struct mst_coap_msg *m, struct mst_view body, mst_ms now, struct coap_request *ret_q)
{
	s->state = COAP_SERVER_ASKED;
	/* a request that need not be confirmed has nothing to be acknowledged */
	s->deadline = s->type == MST_COAP_CON ? now + s->cfg.patience_ms : MST_NEVER;
	*ret_q = (struct coap_request){ m, body };
	return true;
}

/* One at a time; the one at work keeps its place, and this one hears when to come again. */
static void busy(struct coap_server *s, const struct mst_coap_msg *m)
{
	struct mst_coap_msg a = { .type = m->type == MST_COAP_CON ? MST_COAP_ACK : MST_COAP_NON, .code = MST_COAP_UNAVAILABLE,
				  .id = m->type == MST_COAP_CON ? m->id : s->next_id++, .n_token = m->n_token };
	struct mst_writer w = mst_writer_of(s->reply, sizeof(s->reply));
	uint8_t age[4];

	memcpy(a.token, m->token, m->n_token);
	mst_coap_add_uint(&a, MST_COAP_MAX_AGE, 1, age);
	mst_coap_write(&a, &w);
	s->n_reply = w.n;
	s->send_reply = s->replied = true;
	s->reply_to = m->id;
}

/* What can be told of a request by its options. False: it was refused. */
static bool judge(struct coap_server *s, struct mst_coap_msg *m, mst_ms now)
{
	uint16_t bad = 0;

	if (mst_coap_find(m, MST_COAP_PROXY_URI) || mst_coap_find(m, MST_COAP_PROXY_SCHEME)) {
		refuse(s, MST_COAP_NO_PROXY, "Proxy-Uri", "this is no proxy", now);
		return false;
	}
	if (!mst_coap_check(m, s->cfg.dialect, &bad)) {
		refuse_option(s, bad, now);
		return false;
	}
	if (mst_coap_find(m, MST_COAP_IF_MATCH) || mst_coap_find(m, MST_COAP_IF_NONE_MATCH)) {
		refuse_option(s, mst_coap_find(m, MST_COAP_IF_MATCH) ? MST_COAP_IF_MATCH : MST_COAP_IF_NONE_MATCH, now);
		return false;
	}
	if (!read_blocks(s, m)) {
		refuse(s, MST_COAP_BAD_OPTION, "Block", "a block that is none", now);
		return false;
	}
	return true;
}

/* `size`: of the datagram. */
static bool on_request(struct coap_server *s, struct mst_coap_msg *m, size_t size, mst_ms now, struct coap_request *ret_q)
{
	uint32_t key;

	remember(s, m->id, now);
	s->resend.on = false;                /* who asks the next has had the answer, or wants it no more */
	if (s->state == COAP_SERVER_ASKED) {
		busy(s, m);
		return false;
	}
	s->type = m->type;
	s->code = m->code;
	s->id = m->id;
	s->acked = false;
	s->n_token = m->n_token;
	memcpy(s->token, m->token, m->n_token);
	s->has_block1 = s->has_block2 = false;
	if (size > COAP_TAKEN) {
		refuse(s, MST_COAP_TOO_LARGE, "datagram", "longer than is taken in one piece", now);
		return false;
	}
	if (!judge(s, m, now))
		return false;
	key = key_of(m);
	if (s->has_block1)
		return take_block(s, m, key, now) ? hand_over(s, m, (struct mst_view){ s->in, s->n_in }, now, ret_q) : false;
	rest(s, now);
	s->key = key;
	if (s->has_block2 && s->block2.num) {
		next_block(s, now);
		return false;
	}
	if (m->payload.n > s->cfg.body_max) {
		refuse(s, MST_COAP_TOO_LARGE, "content", "more octets than are taken", now);
		return false;
	}
	return hand_over(s, m, m->payload, now, ret_q);
}

/* An acknowledgement or a reset of what we have sent by ourselves. */
static void on_reply(struct coap_server *s, const struct mst_coap_msg *m)
{
	if (!s->resend.on || s->resend.id != m->id)
		return;
	s->resend.on = false;
	if (m->type == MST_COAP_RST)
		drop_out(s);         /* nobody waits for it any more */
}

bool coap_server_feed(struct coap_server *s, struct mst_view datagram, mst_ms now, struct mst_coap_msg *m, struct coap_request *ret_q)
{
	struct mst_diag d = { 0 };
	int r = mst_coap_read(datagram, m, &d);

	s->refused.on = false;
	if (r) {
		s->stats.malformed++;
		note(s, 0, d.field, d.text);
	}
	if (r == MST_COAP_FOREIGN || (r && m->type != MST_COAP_CON))
		return false;
	/* RFC 7252 4.2: a confirmable message that cannot be processed is reset; 4.3: an empty one is a ping */
	if (r || (m->type == MST_COAP_CON && !mst_coap_is_request(m->code))) {
		if (!r && m->code)
			note(s, 0, "code", "an answer, and nothing was asked");
		send_small(s, MST_COAP_RST, m->id);
		return false;
	}
	if (m->type == MST_COAP_ACK || m->type == MST_COAP_RST) {
		on_reply(s, m);
		return false;
	}
	if (!mst_coap_is_request(m->code))
		return false;
	if (seen(s, m->id, now)) {
		again(s, m);
		return false;
	}
	return on_request(s, m, datagram.n, now, ret_q);
}

const struct coap_refusal *coap_server_refused(struct coap_server *s)
{
	bool on = s->refused.on;

	s->refused.on = false;
	return on ? &s->refused : NULL;
}

const struct coap_refusal *coap_server_broken_off(struct coap_server *s)
{
	if (s->state != COAP_SERVER_TAKING)
		return NULL;
	s->state = COAP_SERVER_IDLE;
	note(s, 0, "request", "broke off between two blocks");
	return coap_server_refused(s);
}

void coap_server_tick(struct coap_server *s, mst_ms now)
{
	if (coap_resend_due(&s->resend, now)) {
		s->send_reply = true;
		s->stats.resent++;
	}
	s->refused.on = false;
	if (now < s->deadline)
		return;
	s->deadline = MST_NEVER;
	if (s->state == COAP_SERVER_ASKED && !s->acked) {
		/* RFC 7252 5.2.2: it takes longer than the peer waits; the answer will come by itself */
		s->acked = true;
		send_small(s, MST_COAP_ACK, s->id);
	} else if (s->state == COAP_SERVER_TAKING) {
		rest(s, now);
		note(s, MST_COAP_INCOMPLETE, "request", "the next block did not come in time");
	} else if (s->state == COAP_SERVER_IDLE) {
		drop_out(s);         /* nobody has come for it */
	}
}

struct mst_view coap_server_send(struct coap_server *s)
{
	struct mst_view v = MST_VIEW_NONE;

	if (s->n_small) {
		v = (struct mst_view){ s->small, s->n_small };
		s->n_small = 0;
	} else if (s->send_reply) {
		v = (struct mst_view){ s->reply, s->n_reply };
		s->send_reply = false;
	}
	return v;
}

mst_ms coap_server_deadline(const struct coap_server *s)
{
	return s->resend.on && s->resend.at < s->deadline ? s->resend.at : s->deadline;
}

bool coap_server_idle(const struct coap_server *s)
{
	return s->state == COAP_SERVER_IDLE && !s->resend.on && !s->out;
}
