#include "proto/briefing/briefing.h"

#include "base/text.h"
#include "codec/uri.h"

#define DEFAULT_PATH "/briefing"
#define MEDIA_JSON "application/json"
#define MEDIA_CBOR "application/cbor"

struct input {
	const struct mst_http_msg *answer;   /* ANSWER */
	enum prov_reason reason;             /* LOST */
	const char *detail;                  /* LOST, GARBAGE */
	mst_ms now;
};

typedef enum briefing_state handler(struct briefing *b, const struct input *in);

const char *briefing_state_text(enum briefing_state s)
{
	static const char *const text[BRIEFING_STATE__COUNT] = {
		[BRIEFING_OPENING] = "opening the session with the briefing node",
		[BRIEFING_ASKING] = "asking the briefing node",
		[BRIEFING_REPORTING] = "reporting to the briefing node",
		[BRIEFING_DONE] = "done",
		[BRIEFING_FAILED] = "failed",
	};

	return (unsigned)s < BRIEFING_STATE__COUNT ? text[s] : "?";
}

void briefing_plain(char *out, size_t cap, struct mst_view v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n;) {
		size_t step = mst_plain_step(v.p + i, v.n - i);

		if (n + (step ? step : 1) >= cap)
			break;
		for (size_t k = 0; k < step; k++)
			out[n++] = (char)v.p[i + k];
		if (!step)
			out[n++] = '?';
		i += step ? step : 1;
	}
	out[n] = '\0';
}

/* The first failure stays; pieces are joined as far as they fit, and are plain whoever said them. */
static enum briefing_state failed(struct briefing *b, enum prov_reason r, const char *one, const char *two, const char *three)
{
	const char *piece[] = { one, two, three };
	size_t n = 0;

	if (b->failure.reason != PROV_OK)
		return BRIEFING_FAILED;
	b->failure.reason = r;
	for (size_t i = 0; i < MST_COUNT(piece) && piece[i]; i++) {
		briefing_plain(b->failure.detail + n, sizeof(b->failure.detail) - n, mst_view_str(piece[i]));
		n += strlen(b->failure.detail + n);
	}
	return BRIEFING_FAILED;
}

static enum briefing_state on_opened(struct briefing *b, const struct input *in)
{
	b->to_send = true;
	b->deadline = in->now + b->answer_ms;
	return b->job == BRIEFING_JOB_ASK ? BRIEFING_ASKING : BRIEFING_REPORTING;
}

/* ---- answers ---------------------------------------------------------------------------------------- */

enum media { MEDIA_OTHER, MEDIA_IS_JSON, MEDIA_IS_CBOR };

static enum media media_of(const struct mst_http_msg *m)
{
	struct mst_view v = mst_http_find(m, "Content-Type");

	v = mst_view_sub(v, 0, mst_view_find(v, ';'));
	while (v.n && v.p[v.n - 1] == ' ')
		v.n--;
	if (mst_view_eq_nocase(v, MST_VIEW_LIT(MEDIA_JSON)))
		return MEDIA_IS_JSON;
	return mst_view_eq_nocase(v, MST_VIEW_LIT(MEDIA_CBOR)) ? MEDIA_IS_CBOR : MEDIA_OTHER;
}

static int read_body(struct briefing *b, const struct mst_http_msg *m, const struct mst_msg *table, void *ret, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(b->scratch, sizeof(b->scratch));
	enum media media = media_of(m);

	if (media == MEDIA_OTHER) {
		mst_diag_set(d, 0, "Content-Type", "neither " MEDIA_JSON " nor " MEDIA_CBOR, NULL);
		return MST_MSG_MALFORMED;
	}
	if (m->body.n > MST_BRIEF_ANSWER_OCTETS) {
		mst_diag_set(d, 0, "", "more octets than a briefing may have", NULL);
		return MST_MSG_TOO_LARGE;
	}
	if (media == MEDIA_IS_CBOR)
		return mst_msg_read_cbor(table, m->body, &a, ret, d);
	return mst_msg_read_json(table, MST_PROFILE_LONG, m->body, &a, ret, d);
}

static void take_retry_after(struct briefing *b, const struct mst_http_msg *m)
{
	uint64_t seconds = 0;

	if (!mst_parse_dec(mst_http_find(m, "Retry-After"), UINT32_MAX, &seconds))
		seconds = 0;         /* a date: what the peer's clock says is not asked for */
	b->failure.retry_after = seconds < PROV_RETRY_AFTER_MAX ? (int64_t)seconds : PROV_RETRY_AFTER_MAX;
}

#define BUSY "the briefing node is busy"
/* A refusal in the contract's words. */
static const struct { int why; enum prov_reason reason; const char *text; } refusals[] = {
	{ MST_BRIEF_NO_RULE, PROV_REFUSED, "no rule of the owner fits this node" },
	{ MST_BRIEF_UNKNOWN_NODE, PROV_UNKNOWN, "the briefing node does not know this node" },
	{ MST_BRIEF_NOT_AUTHENTICATED, PROV_NOT_AUTHENTICATED, "only an authenticated node is told more" },
	{ MST_BRIEF_MISMATCH, PROV_NOT_AUTHENTICATED, "what this node says of itself is not what it proved" },
	{ MST_BRIEF_NOT_ACTIVE, PROV_REFUSED, "this node is not active there" },
	{ MST_BRIEF_NO_METHOD, PROV_REFUSED, "nothing that the owner allows can this node do" },
	{ MST_BRIEF_MALFORMED, PROV_REFUSED, "the briefing node did not understand the question" },
	{ MST_BRIEF_BUSY, PROV_BUSY, BUSY },
};

/* One in HTTP's own words: from a proxy, from a server that is full, from something that is no briefing node. */
static const struct { int from, to; enum prov_reason reason; const char *text; } statuses[] = {
	/* over CoAP 200 without content is this (codec/coap-map.h), and it says no more over HTTP */
	{ 204, 204, PROV_EMPTY, "an answer without content" },
	{ 100, 299, PROV_WRONG_SERVICE, "a status that was not asked for" },
	{ 300, 399, PROV_WRONG_SERVICE, "a redirection of HTTP is not followed; an instruction can say where to go" },
	{ 401, 401, PROV_NOT_AUTHENTICATED, "it did not accept this node's credential" },
	{ 403, 403, PROV_REFUSED, "refused without a reason" },
	{ 408, 408, PROV_TIMEOUT, "it waited too long for the question" },
	{ 413, 413, PROV_REFUSED, "the question is too large for it" },
	{ 425, 425, PROV_BUSY, "too early" },
	{ 429, 429, PROV_BUSY, "too many questions" },
	{ 400, 499, PROV_WRONG_SERVICE, "is there a briefing node at this path?" },
	{ 500, 599, PROV_BUSY, "the briefing node failed or is busy" },
};

static void put_status(char out[16], int status)
{
	struct mst_writer w = mst_writer_of(out, 16);

	mst_put_str(&w, "HTTP ");
	mst_put_dec(&w, status);
	mst_put_nul(&w);
}

static enum briefing_state by_status(struct briefing *b, int status)
{
	char number[16];

	put_status(number, status);
	for (size_t i = 0; i < MST_COUNT(statuses); i++)
		if (status >= statuses[i].from && status <= statuses[i].to)
			return failed(b, statuses[i].reason, number, ": ", statuses[i].text);
	return failed(b, PROV_WRONG_SERVICE, number, ": no such status", NULL);
}

static enum briefing_state refused(struct briefing *b, const struct mst_http_msg *m)
{
	struct mst_brief_refusal r;
	struct mst_diag d = { 0 };
	char said[sizeof(b->failure.detail)];

	b->failure.rsc = m->status;
	take_retry_after(b, m);
	if (m->status < 400 || !m->body.n || read_body(b, m, &mst_brief_refusal_msg, &r, &d) != 0)
		return by_status(b, m->status);
	b->server_time = r.has >> MST_BX_TIME & 1 ? r.server_time : 0;
	briefing_plain(said, sizeof(said), r.text);
	/* Whatever the words are, these two ask to come again later. */
	if (m->status == 503 || m->status == 429)
		return failed(b, PROV_BUSY, BUSY, r.text.n ? ": " : NULL, said);
	for (size_t i = 0; i < MST_COUNT(refusals); i++)
		if (refusals[i].why == r.why)
			return failed(b, refusals[i].reason, refusals[i].text, r.text.n ? ": " : NULL, said);
	return by_status(b, m->status);
}

static enum briefing_state on_asked(struct briefing *b, const struct input *in)
{
	struct mst_writer w = mst_writer_of(b->sequence, sizeof(b->sequence));
	struct mst_diag d = { 0 };
	int r;

	if (in->answer->status != 200)
		return refused(b, in->answer);
	if (media_of(in->answer) == MEDIA_OTHER)
		return failed(b, PROV_WRONG_SERVICE, "Content-Type: neither " MEDIA_JSON " nor " MEDIA_CBOR, NULL, NULL);
	if (!in->answer->body.n)
		return failed(b, PROV_EMPTY, "an answer without content", NULL, NULL);
	r = read_body(b, in->answer, &mst_brief_answer_msg, &b->answer, &d);
	r = r ? r : mst_brief_answer_check(&b->answer, &d);
	if (r)
		return failed(b, prov_reason_of(r, &d), d.field, d.field[0] ? ": " : "", d.text);
	mst_sequence_write_cbor(&b->answer.sequence, &w);
	if (!w.ok)
		return failed(b, PROV_OVERSIZED, "sequence: too large", NULL, NULL);
	if (!mst_view_to_str(b->answer.sequence.id, b->id, sizeof(b->id)))
		return failed(b, PROV_MALFORMED, "sequence.id: too long", NULL, NULL);
	b->sequence_n = w.n;
	b->server_time = b->answer.server_time;
	return BRIEFING_DONE;
}

static enum briefing_state on_reported(struct briefing *b, const struct input *in)
{
	return in->answer->status == 204 || in->answer->status == 200 ? BRIEFING_DONE : refused(b, in->answer);
}

/* ---- other ends ------------------------------------------------------------------------------------- */

static enum briefing_state on_lost(struct briefing *b, const struct input *in)
{
	return failed(b, in->reason == PROV_OK ? PROV_UNREACHABLE : in->reason, in->detail, NULL, NULL);
}

static enum briefing_state on_garbage(struct briefing *b, const struct input *in)
{
	return failed(b, PROV_MALFORMED, in->detail, NULL, NULL);
}

static enum briefing_state on_timer(struct briefing *b, const struct input *in)
{
	if (in->now < b->deadline)
		return b->state;
	return failed(b, PROV_TIMEOUT, "no end in time while ", briefing_state_text(b->state), NULL);
}

static enum briefing_state ignore(struct briefing *b, const struct input *in)
{
	(void)in;
	return b->state;
}

static enum briefing_state violated(struct briefing *b, const struct input *in)
{
	(void)in;
	return failed(b, PROV_MALFORMED, "out of turn while ", briefing_state_text(b->state), NULL);
}

static handler *const table[BRIEFING_STATE__COUNT][BRIEFING_EVENT__COUNT] = {
	/*                       OPENED     ANSWER       GARBAGE     LOST     TIMER    */
	[BRIEFING_OPENING]   = { on_opened, violated,    violated,   on_lost, on_timer },
	[BRIEFING_ASKING]    = { violated,  on_asked,    on_garbage, on_lost, on_timer },
	[BRIEFING_REPORTING] = { violated,  on_reported, on_garbage, on_lost, on_timer },
	[BRIEFING_DONE]      = { ignore,    ignore,      ignore,     ignore,  ignore   },
	[BRIEFING_FAILED]    = { ignore,    ignore,      ignore,     ignore,  ignore   },
};

/* The only writer of the state. */
static void step(struct briefing *b, enum briefing_event ev, const struct input *in)
{
	b->state = table[b->state][ev](b, in);
	if (b->state == BRIEFING_DONE || b->state == BRIEFING_FAILED) {
		b->to_send = false;
		b->deadline = MST_NEVER;
	}
}

/* ---- beginning -------------------------------------------------------------------------------------- */

static bool refuse(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return false;
}

static bool begin(struct briefing *b, const struct briefing_config *cfg, enum briefing_job job, const char *id, mst_ms now,
		  struct mst_diag *d)
{
	struct mst_writer w = mst_writer_of(b->path, sizeof(b->path));
	struct mst_uri_parts u;

	memset(b, 0, sizeof(*b));
	b->job = job;
	b->state = BRIEFING_FAILED;
	b->deadline = MST_NEVER;
	if (!mst_uri_split(cfg->uri, &u) || (u.path.n && !mst_printable_ascii(u.path)) || !mst_uri_scheme_in(&u, "https coaps") || u.host_kind != MST_URI_FQDN ||
	    mst_view_find(u.path, '?') < u.path.n || !mst_id_normalise(MST_ID_FQDN, u.host, b->host))
		return refuse(d, "uri", "not https:// or coaps://fqdn[:port][/path], which is what this device can reach");
	while (u.path.n && u.path.p[u.path.n - 1] == '/')
		u.path.n--;
	mst_put(&w, u.path.n ? u.path : MST_VIEW_LIT(DEFAULT_PATH));
	if (id) {
		mst_put_str(&w, "/");
		mst_put_percent(&w, mst_view_str(id));
		mst_put_str(&w, "/report");
	}
	mst_put_nul(&w);
	if (!w.ok)
		return refuse(d, "uri", "its path is too long");
	b->port = u.port;
	b->coap = mst_view_eq_str(u.scheme, "coaps");
	b->cbor = cfg->cbor;
	b->answer_ms = cfg->answer_ms;
	b->deadline = now + cfg->open_ms;
	b->state = BRIEFING_OPENING;
	return true;
}

static bool put_content(struct briefing *b, const struct mst_msg *m, const void *msg)
{
	struct mst_writer w = mst_writer_of(b->content, sizeof(b->content));

	if (b->cbor)
		mst_msg_write_cbor(m, msg, &w);
	else
		mst_msg_write_json(m, MST_PROFILE_LONG, msg, &w);
	b->content_n = w.ok ? w.n : 0;
	return w.ok;
}

/* What is older is worth less, and anything is worth less than the question itself. */
static void drop_oldest(struct mst_brief_failure *f, uint16_t *n)
{
	memmove(f, f + 1, (size_t)--*n * sizeof(*f));
}

static bool encoded(struct briefing *b, bool ok, struct mst_diag *d)
{
	if (ok)
		return true;
	b->state = BRIEFING_FAILED;
	b->deadline = MST_NEVER;
	return refuse(d, "", "a text in it is none, or there are too many");
}

bool briefing_ask(struct briefing *b, const struct briefing_config *cfg, const struct mst_brief_ask *q, mst_ms now,
		  struct mst_diag *d)
{
	struct mst_brief_ask m = *q;
	bool ok;

	if (!begin(b, cfg, BRIEFING_JOB_ASK, NULL, now, d))
		return false;
	while (!(ok = put_content(b, &mst_brief_ask_msg, &m)) && m.n_failures)
		drop_oldest(m.failures, &m.n_failures);
	return encoded(b, ok, d);
}

bool briefing_report(struct briefing *b, const struct briefing_config *cfg, const char *id, const struct mst_brief_report *q,
		     mst_ms now, struct mst_diag *d)
{
	struct mst_brief_report m = *q;
	bool ok;

	if (!begin(b, cfg, BRIEFING_JOB_REPORT, id, now, d))
		return false;
	while (!(ok = put_content(b, &mst_brief_report_msg, &m)) && m.n_failures)
		drop_oldest(m.failures, &m.n_failures);
	return encoded(b, ok, d);
}

/* ---- the outside ------------------------------------------------------------------------------------ */

void briefing_opened(struct briefing *b, mst_ms now)
{
	step(b, BRIEFING_EV_OPENED, &(struct input){ .now = now });
}

void briefing_sent(struct briefing *b)
{
	b->to_send = false;
}

void briefing_feed(struct briefing *b, const struct mst_http_msg *m, mst_ms now)
{
	step(b, b->to_send ? BRIEFING_EV_GARBAGE : BRIEFING_EV_ANSWER,
	     &(struct input){ .answer = m, .detail = "an answer before the request was sent", .now = now });
}

void briefing_garbage(struct briefing *b, const char *detail, mst_ms now)
{
	step(b, BRIEFING_EV_GARBAGE, &(struct input){ .detail = detail, .now = now });
}

void briefing_lost(struct briefing *b, enum prov_reason r, const char *detail, mst_ms now)
{
	step(b, BRIEFING_EV_LOST, &(struct input){ .reason = r, .detail = detail, .now = now });
}

void briefing_tick(struct briefing *b, mst_ms now)
{
	step(b, BRIEFING_EV_TIMER, &(struct input){ .now = now });
}

enum briefing_want briefing_want(const struct briefing *b)
{
	switch (b->state) {
	case BRIEFING_OPENING: return BRIEFING_WANT_SESSION;
	case BRIEFING_ASKING:
	case BRIEFING_REPORTING: return b->to_send ? BRIEFING_WANT_SEND : BRIEFING_WANT_ANSWER;
	case BRIEFING_DONE:
	case BRIEFING_FAILED:
	case BRIEFING_STATE__COUNT: break;
	}
	return BRIEFING_WANT_NOTHING;
}

enum briefing_state briefing_state(const struct briefing *b) { return b->state; }
mst_ms briefing_deadline(const struct briefing *b) { return b->deadline; }
const struct mst_failure *briefing_failure(const struct briefing *b) { return &b->failure; }

struct mst_view briefing_sequence(const struct briefing *b)
{
	return (struct mst_view){ b->sequence, b->sequence_n };
}

const char *briefing_media(const struct briefing *b)
{
	return b->cbor ? MEDIA_CBOR : MEDIA_JSON;
}

void briefing_request(const struct briefing *b, struct mst_writer *w)
{
	const char *media = briefing_media(b);

	mst_put_str(w, "POST ");
	mst_put_str(w, b->path);
	mst_put_str(w, " HTTP/1.1\r\nHost: ");
	mst_put_str(w, b->host);
	if (b->port != 443) {
		mst_put_str(w, ":");
		mst_put_dec(w, b->port);
	}
	mst_put_str(w, "\r\nContent-Type: ");
	mst_put_str(w, media);
	mst_put_str(w, "\r\nAccept: ");
	mst_put_str(w, media);
	mst_put_str(w, "\r\nContent-Length: ");
	mst_put_dec(w, (int64_t)b->content_n);
	mst_put_str(w, "\r\n\r\n");
	mst_put(w, (struct mst_view){ b->content, b->content_n });
}
