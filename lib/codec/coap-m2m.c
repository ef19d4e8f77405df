#include "codec/coap-m2m.h"

#include "base/text.h"

uint8_t mst_coap_code_of_rsc(int rsc, bool get)
{
	/* TS-0008 table 6.2.4-1: a conflict has no code of its own there, and what was deleted says so */
	static const struct { int rsc; uint8_t code; } own[] = { { MST_RSC_DELETED, MST_COAP_DELETED }, { MST_RSC_CONFLICT, MST_COAP_FORBIDDEN } };

	for (size_t i = 0; i < MST_COUNT(own); i++)
		if (own[i].rsc == rsc)
			return own[i].code;
	return mst_coap_code_of(mst_rsc_http(rsc), get);
}

/* The parameters that a primitive of ours has (TS-0008 6.2.2.4, TS-0009 6.4.2). */
static const struct { enum mst_coap_param param; const char *header; bool number; } params[] = {
	{ MST_COAP_FR, "X-M2M-Origin", false }, { MST_COAP_RQI, "X-M2M-RI", false }, { MST_COAP_RVI, "X-M2M-RVI", false },
	{ MST_COAP_VSI, "X-M2M-VSI", false }, { MST_COAP_OT, "X-M2M-OT", false }, { MST_COAP_RQET, "X-M2M-RET", false },
	{ MST_COAP_RSET, "X-M2M-RST", false }, { MST_COAP_RSC, "X-M2M-RSC", true },
};

static bool refuse(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, (const char *)NULL);
	return false;
}

/* A number as HTTP writes it. */
static bool decimal(struct mst_arena *a, struct mst_view octets, const char *before, struct mst_view *ret)
{
	struct mst_writer w = mst_writer_of(a->p + a->n, a->cap - a->n);
	uint32_t x = 0;

	if (!mst_coap_uint(octets, &x))
		return false;
	mst_put_str(&w, before);
	mst_put_dec(&w, x);
	*ret = mst_written(&w);
	a->n += w.n;
	return w.ok;
}

static bool add(struct mst_http_msg *m, const char *name, struct mst_view value)
{
	if (m->n == MST_HTTP_HEADERS_MAX)
		return false;
	m->header[m->n++] = (struct mst_http_header){ mst_view_str(name), value };
	return true;
}

/* Segments of what was created (TS-0008 6.2.3): "/MEFBase/reg-1". */
static bool put_location(const struct mst_coap_option *o, size_t n, struct mst_arena *a, struct mst_http_msg *m)
{
	struct mst_writer w = mst_writer_of(a->p + a->n, a->cap - a->n);

	for (size_t i = 0; i < n; i++)
		if (o[i].number == MST_COAP_LOCATION_PATH) {
			mst_put_str(&w, "/");
			mst_put_percent(&w, o[i].value);
		}
	a->n += w.n;
	return w.ok && (!w.n || add(m, "Content-Location", mst_written(&w)));
}

bool mst_coap_params_as_http(const struct mst_coap_option *o, size_t n, enum mst_coap_dialect x, struct mst_arena *scratch,
			     struct mst_http_msg *m)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < MST_COUNT(params); k++) {
			struct mst_view v = o[i].value;

			if (mst_coap_param(x, params[k].param) != o[i].number)
				continue;
			/* what HTTP could not carry is not to get further than it would there */
			if (params[k].number ? !decimal(scratch, v, "", &v) : !mst_printable_ascii(v) && params[k].param != MST_COAP_VSI)
				return false;
			if (!add(m, params[k].header, v))
				return false;
		}
	return put_location(o, n, scratch, m);
}

/*
 * "application/json; ty=65001" (TS-0009 6.4.3). Where there is no format the type is not overlooked, for it says that this is a
 * Create: a content without one is refused anyhow, and with no content either the header is none that is taken.
 */
static bool join_type(const struct mst_coap_msg *m, struct mst_view body, enum mst_coap_dialect x, struct mst_arena *a, struct mst_http_msg *h)
{
	const struct mst_coap_option *o = mst_coap_find(m, mst_coap_param(x, MST_COAP_TY));
	size_t at = a->n;
	struct mst_view v;

	if (!o)
		return true;
	for (size_t i = 0; i < h->n; i++) {
		if (!mst_view_eq_str(h->header[i].name, "Content-Type"))
			continue;
		if (!mst_arena_take(a, h->header[i].value.n))
			return false;
		memcpy(a->p + at, h->header[i].value.p, h->header[i].value.n);
		if (!decimal(a, o->value, "; ty=", &v))
			return false;
		h->header[i].value = (struct mst_view){ a->p + at, a->n - at };
		return true;
	}
	return body.n || (decimal(a, o->value, "; ty=", &v) && add(h, "Content-Type", v));
}

bool mst_coap_primitive_as_http(const struct mst_coap_msg *m, struct mst_view body, const char *host, enum mst_coap_dialect x,
				struct mst_arena *scratch, struct mst_http_msg *ret_m, struct mst_diag *d)
{
	if (!mst_coap_request_as_http(m, body, host, scratch, ret_m, d))
		return false;
	if (!mst_coap_params_as_http(m->option, m->n, x, scratch, ret_m))
		return refuse(d, "oneM2M options", "a text that is none");
	return join_type(m, body, x, scratch, ret_m) || refuse(d, "oneM2M-TY", "no room for it");
}

static void say(struct mst_coap_params *p, enum mst_coap_dialect x, enum mst_coap_param which, struct mst_view v)
{
	if (v.n && p->n < MST_COAP_PARAMS_MAX)
		p->option[p->n++] = (struct mst_coap_option){ mst_coap_param(x, which), v };
}

static void say_number(struct mst_coap_params *p, enum mst_coap_dialect x, enum mst_coap_param which, uint32_t number, uint8_t room[4])
{
	struct mst_coap_msg m = { .n = 0 };

	mst_coap_add_uint(&m, 1, number, room);
	say(p, x, which, m.option[0].value);
}

/* "/MEFBase/reg-1", percent-encoded, into segments. */
static bool say_location(struct mst_coap_params *p, struct mst_view v, struct mst_arena *scratch)
{
	while (v.n) {
		size_t n, used;
		uint8_t *at;

		v = mst_view_sub(v, 1, v.n);
		n = mst_view_find(v, '/');
		at = mst_arena_take(scratch, n);
		if (p->n == MST_COAP_PARAMS_MAX || !at || !mst_percent_decode(mst_view_sub(v, 0, n), at, n, &used) || used > 255)
			return false;
		p->option[p->n++] = (struct mst_coap_option){ MST_COAP_LOCATION_PATH, { at, used } };
		v = mst_view_sub(v, n, v.n);
	}
	return true;
}

bool mst_coap_of_response(const struct mst_response *a, enum mst_coap_dialect x, struct mst_arena *scratch, struct mst_coap_params *ret_p)
{
	memset(ret_p, 0, sizeof(*ret_p));
	say_number(ret_p, x, MST_COAP_RSC, (uint32_t)a->rsc, ret_p->room);
	say(ret_p, x, MST_COAP_RQI, a->rqi);
	say(ret_p, x, MST_COAP_RVI, a->rvi);
	return (!a->location.n || a->location.p[0] == '/') && say_location(ret_p, a->location, scratch);
}

static uint8_t method_of(enum mst_op op)
{
	switch (op) {
	case MST_OP_CREATE: case MST_OP_NOTIFY: return MST_COAP_POST;
	case MST_OP_RETRIEVE: return MST_COAP_GET;
	case MST_OP_UPDATE: return MST_COAP_PUT;
	case MST_OP_DELETE: return MST_COAP_DELETE;
	case MST_OP_NONE: break;
	}
	return 0;
}

bool mst_coap_of_request(const struct mst_request *q, enum mst_coap_dialect x, struct mst_arena *scratch, struct mst_coap_primitive *ret_p)
{
	struct mst_writer w = mst_writer_of(scratch->p + scratch->n, scratch->cap - scratch->n);
	struct mst_coap_params *p = &ret_p->params;

	memset(ret_p, 0, sizeof(*ret_p));
	ret_p->code = method_of(q->op);
	ret_p->accept = 0xffff;
	if (!ret_p->code || !q->rqi.n || !q->to.n || q->to.p[0] != '/' || (q->op == MST_OP_CREATE) != (q->ty > 0) || q->ty > UINT16_MAX)
		return false;
	mst_put_to(&w, q->to);
	ret_p->path = mst_written(&w);
	scratch->n += w.n;
	if (q->accept.n && !mst_coap_format_of(q->accept, &ret_p->accept))
		return false;
	ret_p->has_format = q->content.n && mst_coap_format_of(q->media, &ret_p->format);
	say(p, x, MST_COAP_FR, q->from);
	say(p, x, MST_COAP_RQI, q->rqi);
	say(p, x, MST_COAP_RVI, q->rvi);
	say(p, x, MST_COAP_VSI, q->vsi);
	if (q->ty)
		say_number(p, x, MST_COAP_TY, (uint32_t)q->ty, p->room);
	return w.ok && ret_p->has_format == (q->content.n > 0);
}
