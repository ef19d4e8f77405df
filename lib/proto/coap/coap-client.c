/* The client's end: one question at a time, and its answer whole. */
#include "proto/coap/coap.h"

#include "base/text.h"

const char *coap_client_why_text(enum coap_client_why w)
{
	static const char *const text[] = {
		[COAP_CLIENT_OK] = "done",
		[COAP_CLIENT_SILENCE] = "no answer, however often it was asked",
		[COAP_CLIENT_RESET] = "the server refuses such a message (reset)",
		[COAP_CLIENT_OUT_OF_STEP] = "the blocks of the answer do not fit together",
		[COAP_CLIENT_OVERSIZED] = "an answer with more octets than there is room for",
	};

	return (unsigned)w < MST_COUNT(text) ? text[w] : "?";
}

void coap_client_init(struct coap_client *c, uint8_t *in, size_t cap, uint8_t szx, uint32_t rnd)
{
	memset(c, 0, sizeof(*c));
	c->in = in;
	c->cap = cap;
	c->szx = c->szx2 = szx;
	c->rnd = rnd;
	c->token = rnd * 2654435761u;
	c->next_id = (uint16_t)(rnd >> 16 ^ rnd);
	c->deadline = MST_NEVER;
}

static void end(struct coap_client *c, enum coap_client_why why)
{
	c->state = why == COAP_CLIENT_OK ? COAP_CLIENT_DONE : COAP_CLIENT_FAILED;
	c->why = why;
	c->resend.on = false;
	c->send_out = false;
	c->deadline = MST_NEVER;
}

static uint32_t chance(struct coap_client *c)
{
	c->rnd = c->rnd * 1664525u + 1013904223u;
	return c->rnd >> 8;
}

/* ---- asking ------------------------------------------------------------------------------------------ */

static bool add(struct coap_client *c, uint16_t number, struct mst_view v)
{
	if (c->n_option == MST_COAP_OPTIONS_MAX - 2)     /* two are the blocks' */
		return false;
	c->option[c->n_option++] = (struct mst_coap_option){ number, v };
	return true;
}

/* One of oneM2M's, or what else the caller has: behind those of lower or the same number. */
static bool add_more(struct coap_client *c, size_t *n, const struct mst_coap_option *o)
{
	struct mst_view v = { c->text + *n, o->value.n };
	size_t at = c->n_option;

	if (v.n > sizeof(c->text) - *n || !add(c, o->number, v))
		return false;
	if (v.n)
		memcpy(c->text + *n, o->value.p, v.n);
	*n += v.n;
	for (; at && c->option[at - 1].number > o->number; at--)
		c->option[at] = c->option[at - 1];
	c->option[at] = (struct mst_coap_option){ o->number, v };
	return true;
}

/* Into c->text, where the option's value stays. */
static bool add_uint(struct coap_client *c, size_t *n, uint16_t number, uint32_t x)
{
	struct mst_coap_msg m = { .n = 0 };
	uint8_t *room = c->text + *n;

	if (*n + 4 > sizeof(c->text))
		return false;
	mst_coap_add_uint(&m, number, x, room);
	*n += 4;
	return add(c, number, m.option[0].value);
}

/* RFC 7252 6.4: a segment each, decoded; the path "/" has none. */
static bool add_path(struct coap_client *c, size_t *n, struct mst_view path)
{
	if (path.n && path.p[0] != '/')
		return false;
	path = mst_view_sub(path, 1, path.n);
	while (path.n) {
		size_t len = mst_view_find(path, '/'), used;
		uint8_t *at = c->text + *n;

		if (mst_view_find(path, '?') < path.n || !mst_percent_decode(mst_view_sub(path, 0, len), at, sizeof(c->text) - *n, &used) ||
		    used > 255 || !add(c, MST_COAP_URI_PATH, (struct mst_view){ at, used }))
			return false;
		*n += used;
		/* a slash at the end is an empty segment behind it */
		if (len + 1 == path.n && !add(c, MST_COAP_URI_PATH, MST_VIEW_NONE))
			return false;
		path = mst_view_sub(path, len + 1, path.n);
	}
	return true;
}

#define FRAME 24                     /* header, token, blocks and the marker; three octets before an option's value are the rule */
/* In the order of their numbers. What is sent in one piece leaves room for them. */
static bool put_options(struct coap_client *c)
{
	const struct coap_question *q = &c->q;
	size_t n = 0;
	bool good;

	c->n_option = 0;
	if (q->host.n > 255)
		return false;
	if (q->host.n) {
		memcpy(c->text, q->host.p, q->host.n);
		n = q->host.n;
		if (!add(c, MST_COAP_URI_HOST, (struct mst_view){ c->text, n }))
			return false;
	}
	good = (!q->port || add_uint(c, &n, MST_COAP_URI_PORT, q->port)) && add_path(c, &n, q->path) &&
	       (!q->has_format || add_uint(c, &n, MST_COAP_CONTENT_FORMAT, q->format)) &&
	       (q->accept == 0xffff || add_uint(c, &n, MST_COAP_ACCEPT, q->accept));
	for (size_t i = 0; good && i < q->n_option; i++)
		good = add_more(c, &n, &q->option[i]);
	c->szx = coap_fitting(c->szx, FRAME + n + 3 * c->n_option);
	return good;
}

/* A message of this exchange, new: with an id and a token that were not there before. */
static void put(struct coap_client *c, struct mst_view payload, const struct mst_coap_block *one, const struct mst_coap_block *two, mst_ms now)
{
	struct mst_coap_msg m = { .type = MST_COAP_CON, .code = c->q.code, .id = c->next_id++, .n_token = 4, .payload = payload };
	struct mst_writer w = mst_writer_of(c->out, sizeof(c->out));
	uint8_t room1[4], room2[4];

	c->token++;
	for (size_t i = 0; i < 4; i++)
		m.token[i] = (uint8_t)(c->token >> (24 - 8 * i));
	for (size_t i = 0; i < c->n_option; i++)
		m.option[i] = c->option[i];
	m.n = c->n_option;
	if (two)
		mst_coap_add_block(&m, MST_COAP_BLOCK2, two, room2);
	if (one)
		mst_coap_add_block(&m, MST_COAP_BLOCK1, one, room1);
	mst_coap_write(&m, &w);
	if (!w.ok) {
		end(c, COAP_CLIENT_OVERSIZED);
		return;
	}
	c->n_out = w.n;
	c->send_out = true;
	c->state = COAP_CLIENT_SENT;
	c->deadline = MST_NEVER;
	coap_resend_begin(&c->resend, m.id, now, chance(c));
}

static void put_request(struct coap_client *c, mst_ms now)
{
	size_t size = mst_coap_block_size(c->szx), at = (size_t)c->num * size;
	struct mst_coap_block one = { .num = c->num, .szx = c->szx, .more = at + size < c->q.body.n };
	struct mst_coap_block two = { .szx = c->szx2 };

	/* the answer's blocks are to be no larger than ours are; said where the answer may begin (RFC 7959 2.3) */
	put(c, mst_view_sub(c->q.body, at, size), c->q.body.n > size || c->num ? &one : NULL,
	    !one.more && c->szx2 < MST_COAP_SZX_MAX ? &two : NULL, now);
}

bool coap_client_ask(struct coap_client *c, const struct coap_question *q, mst_ms now)
{
	if (c->state == COAP_CLIENT_SENT || c->state == COAP_CLIENT_WAITING)
		return false;
	c->q = *q;
	if (!put_options(c))
		return false;
	c->why = COAP_CLIENT_OK;
	c->num = c->num2 = 0;
	c->n_in = 0;
	c->tag = MST_VIEW_NONE;
	put_request(c, now);
	return c->state == COAP_CLIENT_SENT;
}

/* ---- answers ----------------------------------------------------------------------------------------- */

static void send_small(struct coap_client *c, enum mst_coap_type type, uint16_t id)
{
	struct mst_coap_msg m = { .type = type, .id = id };
	struct mst_writer w = mst_writer_of(c->small, sizeof(c->small));

	mst_coap_write(&m, &w);
	c->n_small = w.n;
}

static bool is_ours(const struct coap_client *c, const struct mst_coap_msg *m)
{
	return m->n_token == 4 && ((uint32_t)m->token[0] << 24 | (uint32_t)m->token[1] << 16 | (uint32_t)m->token[2] << 8 | m->token[3]) == c->token;
}

/* "Continue", or a wish for smaller blocks: RFC 7959 2.3. */
static bool go_on_asking(struct coap_client *c, const struct mst_coap_msg *m, mst_ms now)
{
	const struct mst_coap_option *o = mst_coap_find(m, MST_COAP_BLOCK1);
	size_t size = mst_coap_block_size(c->szx), sent = (size_t)(c->num + 1) * size;
	struct mst_coap_block b;

	if (!o || !mst_coap_block_read(o->value, &b))
		return false;
	if (m->code == MST_COAP_TOO_LARGE && !c->num && b.szx < c->szx) {
		c->szx = b.szx;          /* not even the first one was taken */
		put_request(c, now);
		return true;
	}
	if (m->code != MST_COAP_CONTINUE || b.num != c->num || sent >= c->q.body.n)
		return false;
	if (b.szx < c->szx)
		c->szx = b.szx;
	c->num = (uint32_t)(sent >> (4 + c->szx));
	put_request(c, now);
	return true;
}

/* All blocks are of one answer: its tag is theirs (RFC 7959 2.4). */
static bool same_tag(struct coap_client *c, const struct mst_coap_msg *m, bool first)
{
	const struct mst_coap_option *o = mst_coap_find(m, MST_COAP_ETAG);
	struct mst_view v = o ? o->value : MST_VIEW_NONE;

	if (!first)
		return mst_view_eq(v, c->tag);
	if (v.n)
		memcpy(c->tag_octets, v.p, v.n);
	c->tag = (struct mst_view){ c->tag_octets, v.n };
	return true;
}

/* What the owner may want to know. One for which there is no room is as one that did not come. */
static void keep_more(struct coap_client *c, const struct mst_coap_msg *m)
{
	c->more.n = c->more.n_text = 0;
	for (size_t i = 0; i < m->n; i++)
		if (m->option[i].number == MST_COAP_LOCATION_PATH || m->option[i].number > MST_COAP_SIZE1)
			(void)!coap_more_add(&c->more, &m->option[i]);
}

static void take_answer(struct coap_client *c, const struct mst_coap_msg *m, mst_ms now)
{
	const struct mst_coap_option *o = mst_coap_find(m, MST_COAP_BLOCK2);
	struct mst_coap_block b = { .szx = c->szx2 }, next;
	size_t size;

	if (o && !mst_coap_block_read(o->value, &b)) {
		end(c, COAP_CLIENT_OUT_OF_STEP);
		return;
	}
	size = mst_coap_block_size(b.szx);
	/* an error in the middle is the answer: whoever gives it has no further block */
	if (c->n_in && m->code != c->code && !o)
		c->n_in = 0;
	else if ((o && ((size_t)b.num * size != c->n_in || (b.more && m->payload.n != size) || m->payload.n > size)) || (!o && c->n_in) ||
		 (c->n_in && m->code != c->code) || !same_tag(c, m, c->n_in == 0)) {
		end(c, COAP_CLIENT_OUT_OF_STEP);
		return;
	}
	if (m->payload.n > c->cap - c->n_in || mst_coap_uint_of(m, MST_COAP_SIZE2, 0) > c->cap) {
		end(c, COAP_CLIENT_OVERSIZED);
		return;
	}
	if (m->payload.n)
		memcpy(c->in + c->n_in, m->payload.p, m->payload.n);
	if (!c->n_in) {
		c->has_format = mst_coap_find(m, MST_COAP_CONTENT_FORMAT);
		c->format = (uint16_t)mst_coap_uint_of(m, MST_COAP_CONTENT_FORMAT, 0);
		c->has_max_age = mst_coap_find(m, MST_COAP_MAX_AGE);
		c->max_age = mst_coap_uint_of(m, MST_COAP_MAX_AGE, 0);
		keep_more(c, m);
	}
	c->code = m->code;
	c->n_in += m->payload.n;
	if (!o || !b.more) {
		end(c, COAP_CLIENT_OK);
		return;
	}
	next = (struct mst_coap_block){ .num = b.num + 1, .szx = b.szx };
	put(c, MST_VIEW_NONE, NULL, &next, now);
}

static void on_response(struct coap_client *c, struct mst_coap_msg *m, mst_ms now)
{
	uint16_t bad;

	/* RFC 7252 5.4.1: a response with a critical option that is not understood is rejected */
	if (!mst_coap_check(m, c->q.dialect, &bad)) {
		end(c, COAP_CLIENT_OUT_OF_STEP);
		return;
	}
	if (go_on_asking(c, m, now))
		return;
	if (m->code == MST_COAP_CONTINUE)
		end(c, COAP_CLIENT_OUT_OF_STEP);
	else
		take_answer(c, m, now);
}

static bool outstanding(const struct coap_client *c)
{
	return c->state == COAP_CLIENT_SENT || c->state == COAP_CLIENT_WAITING;
}

static void on_ack(struct coap_client *c, struct mst_coap_msg *m, mst_ms now)
{
	if (c->state != COAP_CLIENT_SENT || m->id != c->resend.id)
		return;                      /* late, or to nothing */
	if (m->code == MST_COAP_EMPTY) {
		c->resend.on = false;
		c->state = COAP_CLIENT_WAITING;
		c->deadline = now + COAP_SPAN_MS;
	} else if (is_ours(c, m)) {
		on_response(c, m, now);
	}
}

void coap_client_feed(struct coap_client *c, struct mst_view datagram, mst_ms now)
{
	struct mst_coap_msg m;
	int r = mst_coap_read(datagram, &m, NULL);
	bool repeated;

	if (r) {
		c->stats.malformed++;
		if (r == MST_COAP_MALFORMED && m.type == MST_COAP_CON)
			send_small(c, MST_COAP_RST, m.id);
		return;
	}
	if (m.type == MST_COAP_ACK) {
		on_ack(c, &m, now);
		return;
	}
	if (m.type == MST_COAP_RST) {
		if (c->state == COAP_CLIENT_SENT && m.id == c->resend.id)
			end(c, COAP_CLIENT_RESET);
		return;
	}
	repeated = c->answered_separately && m.type == MST_COAP_CON && m.id == c->last_separate;
	if (mst_coap_is_response(m.code) && outstanding(c) && is_ours(c, &m)) {
		if (m.type == MST_COAP_CON) {
			send_small(c, MST_COAP_ACK, m.id);
			c->answered_separately = true;
			c->last_separate = m.id;
		}
		on_response(c, &m, now);
	} else if (m.type == MST_COAP_CON) {
		/* our acknowledgement was lost; anything else we have not asked for */
		send_small(c, repeated ? MST_COAP_ACK : MST_COAP_RST, m.id);
		c->stats.repeated += repeated;
	}
}

void coap_client_tick(struct coap_client *c, mst_ms now)
{
	if (c->state == COAP_CLIENT_SENT) {
		if (coap_resend_due(&c->resend, now)) {
			c->send_out = true;
			c->stats.resent++;
		} else if (!c->resend.on) {
			end(c, COAP_CLIENT_SILENCE);
		}
	} else if (c->state == COAP_CLIENT_WAITING && now >= c->deadline) {
		end(c, COAP_CLIENT_SILENCE);
	}
}

struct mst_view coap_client_send(struct coap_client *c)
{
	struct mst_view v = MST_VIEW_NONE;

	if (c->n_small) {
		v = (struct mst_view){ c->small, c->n_small };
		c->n_small = 0;
	} else if (c->send_out) {
		v = (struct mst_view){ c->out, c->n_out };
		c->send_out = false;
	}
	return v;
}

mst_ms coap_client_deadline(const struct coap_client *c)
{
	return c->state == COAP_CLIENT_SENT && c->resend.on ? c->resend.at : c->deadline;
}

struct mst_view coap_client_body(const struct coap_client *c)
{
	return (struct mst_view){ c->in, c->n_in };
}
