#include "proto/est/est.h"

#include <string.h>

#include "base/text.h"

#define NEVER INT64_MAX

struct input { const struct mst_http_msg *m; const char *detail; mst_ms now; };
typedef enum est_state handler(struct est *e, const struct input *in);

const char *est_state_text(enum est_state s)
{
	static const char *const text[EST_STATE__COUNT] = {
		[EST_IDLE] = "opening",
		[EST_CACERTS] = "asking for the CA",
		[EST_CSRATTRS] = "asking what the request must say",
		[EST_ENROLLING] = "asking for the certificate",
		[EST_DONE] = "done",
		[EST_LATER] = "waiting for approval",
		[EST_FAILED] = "failed",
	};

	return (unsigned)s < EST_STATE__COUNT ? text[s] : "?";
}

static enum est_state failed(struct est *e, enum est_blame b, const char *a, const char *text)
{
	struct mst_writer w = mst_writer_of(e->detail, sizeof(e->detail) - 1);

	e->blame = b;
	mst_put_str(&w, a);
	/* what a peer said is cut by copying what fits, and is shown as printable text */
	for (; text && *text && w.n < w.cap; text++)
		mst_put_u8(&w, *text < 0x20 || *text > 0x7e ? '?' : (uint8_t)*text);
	e->detail[w.n] = 0;
	return EST_FAILED;
}

/* --- requests --- */

static enum est_state ask(struct est *e, enum mst_est_op op, enum est_state next, mst_ms now)
{
	struct mst_writer w = mst_writer_of(e->out, sizeof(e->out));
	uint8_t body[EST_CSR_OCTETS * 3 / 2];
	struct mst_writer b = mst_writer_of(body, sizeof(body));
	bool post = next == EST_ENROLLING;

	if (post)
		mst_est_put_base64(&b, (struct mst_view){ e->csr, e->csr_n });
	mst_put_str(&w, mst_est_method[op]);
	mst_put_str(&w, " ");
	mst_put_str(&w, e->base);
	mst_put_str(&w, "/");
	mst_put_str(&w, mst_est_name[op]);
	mst_put_str(&w, " HTTP/1.1\r\nHost: ");
	mst_put_str(&w, e->host);
	mst_put_str(&w, "\r\nAccept: */*\r\n");
	if (post) {
		mst_put_str(&w, "Content-Type: " MST_EST_PKCS10 "\r\nContent-Transfer-Encoding: base64\r\nContent-Length: ");
		mst_put_dec(&w, (int64_t)b.n);
		mst_put_str(&w, "\r\n");
	}
	mst_put_str(&w, "\r\n");
	mst_put(&w, mst_written(&b));
	if (!w.ok || !b.ok)
		return failed(e, EST_BLAME_CLIENT, "the request does not fit", "");
	e->out_n = w.n;
	e->to_send = true;
	e->deadline = now + e->answer_ms;
	return next;
}

static enum est_state ask_certificate(struct est *e, mst_ms now)
{
	return ask(e, e->job == EST_JOB_REENROLL ? MST_EST_REENROLL : MST_EST_ENROLL, EST_ENROLLING, now);
}

/* --- answers --- */

/* Ours say what is wrong in one line of plain text. */
static enum est_state refused(struct est *e, const struct mst_http_msg *m)
{
	char text[128];
	struct mst_writer w = mst_writer_of(text, sizeof(text) - 1);
	struct mst_view body = mst_view_sub(m->body, 0, mst_view_find(m->body, '\n'));

	mst_put_dec(&w, m->status);
	mst_put_str(&w, " ");
	mst_put(&w, mst_view_sub(body, 0, 100));
	text[w.n] = 0;
	return failed(e, EST_BLAME_SERVER, "the MEF refused: ", text);
}

static bool decode(struct est *e, const struct mst_http_msg *m, uint8_t der[EST_DER_OCTETS], struct mst_view *ret)
{
	size_t n = 0;

	if (!mst_est_get_base64(m->body, der, EST_DER_OCTETS, &n)) {
		(void)failed(e, EST_BLAME_SERVER, "the MEF's answer is not base64", "");
		return false;
	}
	*ret = (struct mst_view){ der, n };
	return true;
}

static enum est_state on_opened(struct est *e, const struct input *in)
{
	return ask(e, MST_EST_CACERTS, EST_CACERTS, in->now);
}

static enum est_state on_cacerts(struct est *e, const struct input *in)
{
	uint8_t der[EST_DER_OCTETS];
	struct mst_view v;
	const char *why;

	if (in->m->status != 200)
		return refused(e, in->m);
	if (!decode(e, in->m, der, &v))
		return EST_FAILED;
	why = e->port->ca(e->port->ctx, v);
	if (why)
		return failed(e, EST_BLAME_SERVER, "the MEF's CA certificates: ", why);
	if (e->job == EST_JOB_PROVE)
		return EST_DONE;
	return e->csr_n ? ask_certificate(e, in->now) : ask(e, MST_EST_CSRATTRS_GET, EST_CSRATTRS, in->now);
}

static enum est_state make_request(struct est *e, const struct est_attrs *a, mst_ms now)
{
	const char *why;

	/* RFC 7030 4.2.2: a renewal names what the certificate names, whatever else is wanted; so does what stands for one */
	if (e->job == EST_JOB_ENROLL && a->has_name && (a->name.kind != e->name.kind || strcmp(a->name.value, e->name.value)))
		return failed(e, EST_BLAME_SERVER, "the MEF wants another name certified: ", a->name.value);
	why = e->port->csr(e->port->ctx, &e->name, a->has_challenge ? a->challenge : "", e->csr, sizeof(e->csr), &e->csr_n);
	if (why)
		return failed(e, EST_BLAME_CLIENT, "no request could be made: ", why);
	return ask_certificate(e, now);
}

static enum est_state on_attributes(struct est *e, const struct input *in)
{
	struct est_attrs a = { .has_name = false };
	uint8_t der[EST_DER_OCTETS];
	const char *why = NULL;
	struct mst_view v;

	/* RFC 7030 4.5.2: 204 and 404 mean that there is no wish */
	if (in->m->status != 204 && in->m->status != 404) {
		if (in->m->status != 200)
			return refused(e, in->m);
		if (!decode(e, in->m, der, &v))
			return EST_FAILED;
		why = e->port->attrs(e->port->ctx, v, &a);
	}
	if (why)
		return failed(e, EST_BLAME_SERVER, "the MEF's attributes: ", why);
	return make_request(e, &a, in->now);
}

static enum est_state on_enrolled(struct est *e, const struct input *in)
{
	uint8_t der[EST_DER_OCTETS];
	uint64_t seconds = 0;
	struct mst_view v;
	const char *why;

	if (in->m->status == 202) {
		if (!mst_parse_dec(mst_http_find(in->m, "Retry-After"), EST_RETRY_MAX, &seconds) || !seconds)
			seconds = 300;
		e->retry_after = (int64_t)seconds;
		return EST_LATER;
	}
	if (in->m->status != 200)
		return refused(e, in->m);
	if (!decode(e, in->m, der, &v))
		return EST_FAILED;
	why = e->port->issued(e->port->ctx, v);
	return why ? failed(e, EST_BLAME_SERVER, "the certificate: ", why) : EST_DONE;
}

static enum est_state on_lost(struct est *e, const struct input *in)
{
	return failed(e, EST_BLAME_SERVER, "the session ended: ", in->detail);
}

static enum est_state on_timer(struct est *e, const struct input *in)
{
	return in->now < e->deadline ? e->state : failed(e, EST_BLAME_SERVER, "no answer in time while ", est_state_text(e->state));
}

static enum est_state ignore(struct est *e, const struct input *in)
{
	(void)in;
	return e->state;
}

static enum est_state violated(struct est *e, const struct input *in)
{
	(void)in;
	return failed(e, EST_BLAME_SERVER, "an answer to nothing that was asked", "");
}

static handler *const table[EST_STATE__COUNT][EST_EVENT__COUNT] = {
	/*                  OPENED     ANSWER         LOST     TIMER    */
	[EST_IDLE]      = { on_opened, violated,      on_lost, ignore   },
	[EST_CACERTS]   = { violated,  on_cacerts,    on_lost, on_timer },
	[EST_CSRATTRS]  = { violated,  on_attributes, on_lost, on_timer },
	[EST_ENROLLING] = { violated,  on_enrolled,   on_lost, on_timer },
	[EST_DONE]      = { ignore,    ignore,        ignore,  ignore   },
	[EST_LATER]     = { ignore,    ignore,        ignore,  ignore   },
	[EST_FAILED]    = { ignore,    ignore,        ignore,  ignore   },
};

static void step(struct est *e, enum est_event ev, const struct input *in)
{
	e->state = table[e->state][ev](e, in);
	if (est_ended(e))
		e->to_send = false;
}

/* --- interface --- */

bool est_name_of(int64_t subject_type, struct mst_view id, struct est_name *ret)
{
	static const enum mst_id_kind kinds[] = { MST_ID_NONE, MST_ID_NODE, MST_ID_CSE_ABS, MST_ID_AE_ABS };
	char pub[MST_ID_MAX];

	memset(ret, 0, sizeof(*ret));
	if (subject_type < 1 || subject_type > 3 || !mst_id_normalise(kinds[subject_type], id, ret->value))
		return false;
	ret->kind = kinds[subject_type];
	if (ret->kind != MST_ID_CSE_ABS)
		return true;
	/* the public domain name of the CSE stands in its certificate (TS-0001 6.5.1.1) */
	ret->kind = MST_ID_FQDN;
	return mst_cse_public_name(mst_view_str(ret->value), pub) && mst_id_normalise(MST_ID_FQDN, mst_view_str(pub), ret->value);
}

static bool copy(char *out, size_t cap, const char *s)
{
	return mst_view_to_str(mst_view_str(s), out, cap) && mst_printable_ascii(mst_view_str(out));
}

bool est_init(struct est *e, const struct est_config *c)
{
	memset(e, 0, sizeof(*e));
	e->job = c->job;
	e->name = c->name;
	e->port = c->port;
	e->answer_ms = c->answer_ms;
	e->deadline = NEVER;
	if (c->csr.n > sizeof(e->csr) || !copy(e->host, sizeof(e->host), c->host) || !copy(e->base, sizeof(e->base), c->base) ||
	    e->base[0] != '/')
		return false;
	if (c->csr.n)
		memcpy(e->csr, c->csr.p, c->csr.n);
	e->csr_n = c->csr.n;
	return true;
}

void est_opened(struct est *e, mst_ms now)
{
	step(e, EST_EV_OPENED, &(struct input){ .now = now });
}

struct mst_view est_request(const struct est *e)
{
	return e->to_send ? (struct mst_view){ e->out, e->out_n } : MST_VIEW_NONE;
}

void est_sent(struct est *e)
{
	e->to_send = false;
}

void est_feed(struct est *e, const struct mst_http_msg *m, mst_ms now)
{
	step(e, EST_EV_ANSWER, &(struct input){ .m = m, .now = now });
}

void est_lost(struct est *e, const char *detail, mst_ms now)
{
	step(e, EST_EV_LOST, &(struct input){ .detail = detail, .now = now });
}

void est_tick(struct est *e, mst_ms now)
{
	step(e, EST_EV_TIMER, &(struct input){ .now = now });
}

bool est_ended(const struct est *e)
{
	return e->state == EST_DONE || e->state == EST_LATER || e->state == EST_FAILED;
}

mst_ms est_deadline(const struct est *e)
{
	return e->state == EST_IDLE || est_ended(e) ? NEVER : e->deadline;
}
