/*
 * CoAP, bare and with the primitives of oneM2M in it: one octet of what to do, two of length, then a datagram; again and again. A
 * datagram is a message where it is one for libcoap, and the same one; every message that is read writes back to the same octets'
 * meaning; a primitive that is read, asked by our client, is the same primitive again; a server hands nothing over but whole requests
 * within its limits and never sends more than a datagram; a client takes no more than its room.
 */
#include <coap3/coap.h>
#include <stdlib.h>

#include "base/secret.h"
#include "codec/coap-m2m.h"
#include "proto/coap/coap.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define BODY_MAX 4096

static void must(bool x)
{
	if (!x)
		abort();
}

static size_t held;
static uint8_t *take(void *arg, size_t n)
{
	(void)arg;
	if (held + n > 64 * 1024)
		return NULL;
	held += n;
	return malloc(n);
}
static void back(void *arg, uint8_t *p, size_t n)
{
	(void)arg;
	held -= n;
	free(p);
}

/* As a client of ours asks it (mst_coap_client_primitive), read by a server of ours. */
static void asked_again(const struct mst_request *q, enum mst_coap_dialect x)
{
	static uint8_t scratch[8192], room[16];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	static struct coap_client c;
	struct mst_coap_primitive p;
	struct coap_question say;
	struct mst_coap_msg m;
	struct mst_http_msg h;
	struct mst_request r;
	uint16_t bad;
	int rsc;

	/* a format that CoAP has no number for */
	if (!mst_coap_of_request(q, x, &a, &p))
		return;
	say = (struct coap_question){ .code = p.code, .path = p.path, .has_format = p.has_format, .format = p.format, .accept = p.accept,
				      .option = p.params.option, .n_option = p.params.n, .dialect = x, .body = q->content };
	coap_client_init(&c, room, sizeof(room), MST_COAP_SZX_MAX, 7);
	/* more than our client's datagram has room for */
	if (!coap_client_ask(&c, &say, 0))
		return;
	must(mst_coap_read(coap_client_send(&c), &m, NULL) == 0 && mst_coap_check(&m, x, &bad));
	must(mst_coap_primitive_as_http(&m, m.payload, "mef.example.com", x, &a, &h, NULL));
	must(mst_request_from_http(&h, &a, &r, &rsc, NULL) == 0);
	must(r.op == q->op && r.ty == q->ty && mst_view_eq(r.to, q->to) && mst_view_eq(r.from, q->from) && mst_view_eq(r.rqi, q->rqi));
	must(mst_view_eq(r.rvi, q->rvi) && mst_view_eq(r.vsi, q->vsi) && mst_view_eq(r.accept, q->accept) && mst_view_eq(r.media, q->media));
	/* the first block, where there are more */
	must(mst_coap_find(&m, MST_COAP_BLOCK1) ? r.content.n && r.content.n <= q->content.n : mst_view_eq(r.content, q->content));
}

/* What passes as a primitive has nothing in it that a header must not hold, and reads as one or is refused with a status. */
static void primitive(const struct mst_coap_msg *m, enum mst_coap_dialect x)
{
	uint8_t scratch[8192];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	struct mst_coap_msg copy = *m;
	struct mst_http_msg h = { .n = 0 };
	struct mst_coap_params p;
	struct mst_response said;
	struct mst_request q;
	uint16_t bad;
	int rsc = 0;

	if (!mst_coap_check(&copy, x, &bad))
		return;
	if (!mst_coap_is_request(copy.code)) {
		if (!mst_coap_params_as_http(copy.option, copy.n, x, &a, &h))
			return;
		h.status = mst_coap_status_of(copy.code, true);
		if (mst_answer_from_http(&h, &said, NULL) == 0 && mst_coap_of_response(&said, x, &a, &p))
			must(p.n >= 1 && p.option[0].number == mst_coap_param(x, MST_COAP_RSC));
		return;
	}
	if (!mst_coap_primitive_as_http(&copy, copy.payload, "mef.example.com", x, &a, &h, NULL))
		return;
	if (mst_request_from_http(&h, &a, &q, &rsc, NULL)) {
		must(mst_coap_code_of_rsc(rsc, false) >= 0x80);
	} else {
		must(q.rqi.n && q.to.n && q.to.p[0] == '/');
		must(!mst_coap_find(&copy, mst_coap_param(x, MST_COAP_TY)) || q.op == MST_OP_CREATE);
		asked_again(&q, x);
	}
}

/* As RFC 7252 3.1 has it. libcoap has 16 bits for it, and goes on with what is left of a larger one. */
static size_t delta_of(const coap_opt_t *o)
{
	size_t d = (size_t)o[0] >> 4;

	return d < 13 ? d : d == 13 ? (size_t)o[1] + 13 : ((size_t)o[1] << 8 | o[2]) + 269;
}

/* What RFC 7252 has no meaning for and libcoap leaves to whom it hands the message to, or is more than we have room for. */
static bool refused_by_us_alone(const coap_pdu_t *theirs, size_t n, size_t number)
{
	int code = (int)coap_pdu_get_code(theirs), type = (int)coap_pdu_get_type(theirs);

	return n > MST_COAP_OPTIONS_MAX || number > 65535 || (code && !mst_coap_is_request((uint8_t)code) && !mst_coap_is_response((uint8_t)code)) ||
	       (type == COAP_MESSAGE_RST && code) || (type == COAP_MESSAGE_ACK && mst_coap_is_request((uint8_t)code));
}

static void same(const struct mst_coap_msg *m, const coap_pdu_t *theirs)
{
	const coap_bin_const_t token = coap_pdu_get_token(theirs);
	const uint8_t *body = NULL;
	coap_opt_iterator_t oi;
	const coap_opt_t *o;
	size_t n = 0, i = 0;

	must(m->code == (int)coap_pdu_get_code(theirs) && (int)m->type == (int)coap_pdu_get_type(theirs) && m->id == coap_pdu_get_mid(theirs));
	must(mst_view_eq((struct mst_view){ m->token, m->n_token }, (struct mst_view){ token.s, token.length }));
	must(coap_get_data(theirs, &n, &body) ? mst_view_eq(m->payload, (struct mst_view){ body, n }) : !m->payload.n);
	for (coap_option_iterator_init(theirs, &oi, COAP_OPT_ALL); (o = coap_option_next(&oi)); i++)
		must(i < m->n && m->option[i].number == oi.number && mst_view_eq(m->option[i].value, (struct mst_view){ coap_opt_value(o), coap_opt_length(o) }));
	must(i == m->n);
}

static bool has_empty_query(const struct mst_coap_msg *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->option[i].number == MST_COAP_URI_QUERY && !m->option[i].value.n)
			return true;
	return false;
}

/*
 * `ours`: read by us as `m`. Options of a length that they may not have libcoap refuses here, we only when we look at what they say;
 * and a Uri-Query of no octets, which RFC 7252 5.10 allows.
 */
static void against_libcoap(struct mst_view in, bool ours, const struct mst_coap_msg *m)
{
	coap_pdu_t *u = coap_pdu_init(0, 0, 0, in.n);
	bool theirs = coap_pdu_parse(COAP_PROTO_UDP, in.p, in.n, u);
	struct mst_coap_msg copy = *m;
	uint16_t bad;

	if (ours && theirs) {
		same(m, u);
	} else if (ours) {
		must(!mst_coap_check(&copy, MST_COAP_BARE, &bad) || copy.n < m->n || has_empty_query(m));
	} else if (theirs) {
		coap_opt_iterator_t oi;
		const coap_opt_t *o;
		size_t n = 0, number = 0;

		coap_option_iterator_init(u, &oi, COAP_OPT_ALL);
		for (; (o = coap_option_next(&oi)); n++)
			number += delta_of(o);
		must(refused_by_us_alone(u, n, number));
	}
	coap_delete_pdu(u);
}

static void message(struct mst_view in)
{
	struct mst_coap_msg m, again;
	uint8_t out[70000], scratch[8192];
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	struct mst_http_msg h;
	uint16_t bad;
	bool ours;

	ours = mst_coap_read(in, &m, NULL) == 0;
	against_libcoap(in, ours, &m);
	if (!ours)
		return;
	mst_coap_write(&m, &w);
	must(w.ok && w.n <= in.n && mst_coap_read(mst_written(&w), &again, NULL) == 0);
	must(again.n == m.n && again.code == m.code && again.id == m.id && mst_view_eq(again.payload, m.payload));
	for (size_t i = 0; i < m.n; i++)
		must(again.option[i].number == m.option[i].number && mst_view_eq(again.option[i].value, m.option[i].value));
	for (int x = MST_COAP_ONEM2M; x < MST_COAP_DIALECT__COUNT; x++)
		primitive(&m, (enum mst_coap_dialect)x);
	if (mst_coap_check(&m, MST_COAP_BARE, &bad) && mst_coap_is_request(m.code) && mst_coap_request_as_http(&m, m.payload, "bbn.example.com", &a, &h, NULL)) {
		must(h.target.n && h.target.p[0] == '/');
		for (size_t i = 0; i < h.target.n; i++)
			must(h.target.p[i] > 0x20 && h.target.p[i] < 0x7f);
	}
}

static void sent(struct mst_view v)
{
	struct mst_coap_msg m;

	if (v.n)
		must(v.n <= COAP_DATAGRAM + COAP_OPTIONS_OCTETS && mst_coap_read(v, &m, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t room[BODY_MAX], answer[6000], question[3000];
	const struct mst_coap_option more[3] = { { 307, MST_VIEW_LIT("\x07\xd1") }, { 283, { question, n % 200 } }, { 8, MST_VIEW_LIT("MEFBase") } };
	const struct coap_question ask = { .code = MST_COAP_POST, .host = MST_VIEW_LIT("bbn.example.com"), .path = MST_VIEW_LIT("/briefing"),
					   .has_format = true, .format = 60, .accept = 60, .body = { question, n % sizeof(question) },
					   .option = more, .n_option = n % 4, .dialect = MST_COAP_ONEM2M };
	struct mst_reader r = mst_reader_of((struct mst_view){ p, n });
	struct coap_server s;
	struct coap_client c;
	mst_ms now = 0;

	coap_set_log_level(LOG_EMERG);
	coap_server_init(&s, &(struct coap_server_config){ .body_max = BODY_MAX, .szx = MST_COAP_SZX_MAX, .patience_ms = 1000, .dialect = n % 2 ? MST_COAP_ONEM2M : MST_COAP_BARE },
			 &(struct coap_room){ take, back, NULL });
	coap_client_init(&c, room, sizeof(room), MST_COAP_SZX_MAX, 7);
	must(coap_client_ask(&c, &ask, now));
	while (r.ok && r.left) {
		uint8_t what = mst_read_u8(&r);
		struct mst_view in = mst_read_block16(&r);
		struct coap_request q;
		struct mst_coap_msg m;

		now += (what & 7) * 1000;
		message(in);
		if (coap_server_feed(&s, in, now, &m, &q)) {
			must(q.body.n <= BODY_MAX && s.state == COAP_SERVER_ASKED);
			if (what & 8)
				coap_server_answer(&s, &(struct coap_answer){ .code = MST_COAP_CHANGED, .body = { answer, (what >> 4) * 400u },
						   .option = more, .n_option = (what >> 4) % 4u }, now, what);
		}
		sent(coap_server_send(&s));
		coap_client_feed(&c, in, now);
		must(c.n_in <= sizeof(room));
		sent(coap_client_send(&c));
		coap_server_tick(&s, now);
		coap_client_tick(&c, now);
		sent(coap_server_send(&s));
		sent(coap_client_send(&c));
		if (c.state == COAP_CLIENT_DONE || c.state == COAP_CLIENT_FAILED)
			must(coap_client_ask(&c, &ask, now));
	}
	coap_server_deinit(&s);
	must(held == 0);
	return 0;
}
