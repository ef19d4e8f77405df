/* Bytes → call. Which operation stands on which resource is one table (spec 4.1, 4.5). */
#include "role/common/common.h"

#include <string.h>

enum place { AT_BASE, AT_REG, AT_CFG, AT_CMD, AT_KEY, AT_FETCH, AT_OBJECTS, AT__COUNT };

static const enum mst_call_what calls[AT__COUNT][MST_OP_NOTIFY + 1] = {
	[AT_BASE] = { [MST_OP_CREATE] = MST_CALL_REGISTER },     /* or KEY_REGISTER, by resource type */
	[AT_REG] = { [MST_OP_RETRIEVE] = MST_CALL_REG_GET, [MST_OP_UPDATE] = MST_CALL_REG_SET, [MST_OP_DELETE] = MST_CALL_REG_DELETE },
	[AT_CFG] = { [MST_OP_RETRIEVE] = MST_CALL_CFG_GET },
	[AT_CMD] = { [MST_OP_RETRIEVE] = MST_CALL_CMD_GET, [MST_OP_UPDATE] = MST_CALL_CMD_SET },
	[AT_KEY] = { [MST_OP_RETRIEVE] = MST_CALL_KEY_GET, [MST_OP_UPDATE] = MST_CALL_KEY_SET, [MST_OP_DELETE] = MST_CALL_KEY_DELETE },
	[AT_FETCH] = { [MST_OP_RETRIEVE] = MST_CALL_FETCH },
	[AT_OBJECTS] = { [MST_OP_RETRIEVE] = MST_CALL_OBJECTS_GET },
};

static int refuse(struct mst_verdict *v, const struct mst_call *c, int rsc, const char *say)
{
	mst_verdict_init(v, c);
	mst_refuse(v, rsc, say, NULL);
	return rsc;
}

static void put_type(struct mst_writer *w, int ty, const struct mst_msg *m, const struct mst_role_conf *conf)
{
	mst_put_dec(w, ty);
	mst_put_str(w, " (");
	mst_put_str(w, mst_name(m->root, conf->quirks.names));
	mst_put_str(w, ")");
}

/* Without one (0) what was meant for a Create is a Notify (TS-0009 6.2.1). */
static int refuse_type(const struct mst_role_twin *t, const struct mst_role_conf *conf, int ty, const struct mst_call *c,
                       struct mst_verdict *v)
{
	char text[sizeof(v->say)];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	mst_put_str(&w, "ty: ");
	if (ty)
		mst_put_dec(&w, ty);
	mst_put_str(&w, ty ? " is not made here; " : "missing, so this is a Notify; to Create, ");
	put_type(&w, t->reg_ty, t->reg_msg, conf);
	mst_put_str(&w, " or ");
	put_type(&w, MST_TY_SYMM_KEY_REG, &mst_key_reg_msg, conf);
	mst_put_str(&w, ty ? " is" : " is wanted");
	mst_put_nul(&w);
	return refuse(v, c, ty ? MST_RSC_BAD_REQUEST : MST_RSC_OPERATION_NOT_ALLOWED, w.ok ? text : "ty: not made here");
}

/* First segment of *rest, which loses it and its slash. */
static struct mst_view segment(struct mst_view *rest)
{
	struct mst_view s = mst_view_sub(*rest, 0, mst_view_find(*rest, '/'));

	*rest = mst_view_sub(*rest, s.n + 1, rest->n);
	return s;
}

/* "/fetchCredentials/<KeID>/<SUID>": TS-0003 8.3.2.1. */
static bool at_fetch(struct mst_view rest, struct mst_call *c)
{
	struct mst_view key = segment(&rest);
	uint64_t suid;

	if (!mst_id_normalise(MST_ID_KEY, key, c->id) || !mst_parse_dec(rest, 99, &suid))
		return false;
	c->suid = (int)suid;
	return true;
}

static bool below_base(const struct mst_role_twin *t, struct mst_view rest, struct mst_call *c, enum place *ret_at)
{
	struct mst_view name = segment(&rest);

	/* no key id of ours is such a word: they are hex digits */
	if (t->commands && rest.n && mst_view_eq_str(name, "deviceConfig")) {
		*ret_at = AT_OBJECTS;
		return mst_id_normalise(MST_ID_FQDN, rest, c->id);
	}
	if (!mst_view_starts(name, "reg-")) {
		*ret_at = AT_KEY;
		return !rest.n && mst_id_normalise(MST_ID_REL_KEY, name, c->id);
	}
	if (!mst_view_to_str(name, c->id, sizeof(c->id)) || name.n >= sizeof(((struct mst_registration *)0)->reg_id))
		return false;
	*ret_at = !rest.n ? AT_REG : mst_view_eq_str(rest, "cfg") ? AT_CFG : AT_CMD;
	return *ret_at != AT_CMD || (t->commands && mst_view_eq_str(rest, "cmd"));
}

static bool find_place(const struct mst_role_twin *t, const struct mst_role_conf *conf, struct mst_view to,
                       struct mst_call *c, enum place *ret_at)
{
	static const char fetch[] = "/fetchCredentials/";
	struct mst_view base = mst_view_str(conf->base);

	if (t->fetch && mst_view_starts(to, fetch)) {
		*ret_at = AT_FETCH;
		return at_fetch(mst_view_sub(to, sizeof(fetch) - 1, to.n), c);
	}
	if (!mst_view_starts(to, conf->base))
		return false;
	to = mst_view_sub(to, base.n, to.n);
	*ret_at = AT_BASE;
	if (!to.n)
		return true;
	return to.n > 1 && to.p[0] == '/' && below_base(t, mst_view_sub(to, 1, to.n), c, ret_at);
}

static bool is_json(struct mst_view media)
{
	return mst_view_eq_str(media, "application/json") || mst_view_eq_str(media, "application/vnd.onem2m-res+json");
}

static int read_content(const struct mst_msg *m, const struct mst_role_conf *conf, const struct mst_exchange *x,
                        struct mst_arena *a, void *ret, struct mst_call *c, struct mst_verdict *v)
{
	char text[sizeof(v->say)];
	struct mst_writer w = mst_writer_of(text, sizeof(text) - 1);
	struct mst_diag d = { 0 };
	int r;

	if (!is_json(x->request.media))
		return refuse(v, c, MST_RSC_UNSUPPORTED_MEDIA_TYPE, "application/json is taken");
	r = mst_msg_read_json(m, conf->quirks.names, x->request.content, a, ret, &d);
	if (r <= 0)
		return r;
	if (d.field[0]) {
		mst_put_str(&w, d.field);
		mst_put_str(&w, ": ");
	}
	mst_put(&w, mst_view_sub(mst_view_str(d.text), 0, w.cap - w.n));
	if (!w.ok || !w.n)
		return refuse(v, c, MST_RSC_BAD_REQUEST, mst_msg_outcome_text(r));
	text[w.n] = 0;
	return refuse(v, c, MST_RSC_BAD_REQUEST, text);
}

static int decode_content(const struct mst_role_twin *t, const struct mst_role_conf *conf, const struct mst_exchange *x,
                          struct mst_arena *a, struct mst_call *c, struct mst_verdict *v)
{
	switch (c->what) {
	case MST_CALL_REGISTER:
	case MST_CALL_REG_SET:
		return read_content(t->reg_msg, conf, x, a, &c->reg, c, v);
	case MST_CALL_KEY_REGISTER:
	case MST_CALL_KEY_SET:
		return read_content(&mst_key_reg_msg, conf, x, a, &c->key, c, v);
	case MST_CALL_CMD_SET:
		return read_content(&mst_client_cmd_msg, conf, x, a, &c->cmd, c, v);
	case MST_CALL_NONE:
	case MST_CALL_REG_GET:
	case MST_CALL_REG_DELETE:
	case MST_CALL_CFG_GET:
	case MST_CALL_CMD_GET:
	case MST_CALL_KEY_GET:
	case MST_CALL_KEY_DELETE:
	case MST_CALL_FETCH:
	case MST_CALL_OBJECTS_GET:
	case MST_CALL__COUNT:
		break;
	}
	return x->request.content.n ? refuse(v, c, MST_RSC_BAD_REQUEST, "no content belongs to this operation") : 0;
}

static bool release_known(struct mst_view rvi)
{
	return mst_view_eq_str(rvi, "2a") || mst_view_eq_str(rvi, "3");
}

static int decode_session(const struct mst_role_conf *conf, const struct mst_exchange *x, struct mst_call *c, struct mst_verdict *v)
{
	struct mst_writer w = mst_writer_of(c->rel_key, sizeof(c->rel_key));

	c->session = x->session;
	c->from = x->request.from;
	c->has_key_value = x->has_key_value;
	memcpy(c->attempt, x->attempt, sizeof(c->attempt));
	c->attempt[sizeof(c->attempt) - 1] = 0;
	c->has_export = x->has_export;
	if (!x->has_export)
		return 0;
	mst_put_hex(&w, (struct mst_view){ x->export_id, sizeof(x->export_id) });
	mst_put_nul(&w);
	if (!w.ok || !mst_key_id_join(c->rel_key, conf->fqdn, c->key_id))
		return refuse(v, c, MST_RSC_INTERNAL, "");
	return 0;
}

int mst_role_decode(const struct mst_role_twin *t, const struct mst_role_conf *conf, const struct mst_exchange *x,
                    struct mst_arena *a, struct mst_call *c, struct mst_verdict *v)
{
	enum place at = AT_BASE;
	int r;

	memset(c, 0, sizeof(*c));
	c->role = t->role;
	r = decode_session(conf, x, c, v);
	if (r)
		return r;
	if (!release_known(x->request.rvi))
		return refuse(v, c, MST_RSC_RELEASE_NOT_SUPPORTED, "releases 2a and 3 are served");
	if (!x->request.rqi.n)
		return refuse(v, c, MST_RSC_BAD_REQUEST, "a request identifier is missing");
	if (!find_place(t, conf, x->request.to, c, &at))
		return refuse(v, c, MST_RSC_NOT_FOUND, "no such resource");
	c->what = (unsigned)x->request.op <= MST_OP_NOTIFY ? calls[at][x->request.op] : MST_CALL_NONE;
	if (c->what == MST_CALL_NONE && at == AT_BASE && x->request.op == MST_OP_NOTIFY)
		return refuse_type(t, conf, 0, c, v);
	if (c->what == MST_CALL_NONE)
		return refuse(v, c, MST_RSC_OPERATION_NOT_ALLOWED, "no such operation on this resource");
	if (c->what == MST_CALL_REGISTER) {
		if (x->request.ty == MST_TY_SYMM_KEY_REG)
			c->what = MST_CALL_KEY_REGISTER;
		else if (x->request.ty != t->reg_ty)
			return refuse_type(t, conf, x->request.ty, c, v);
	}
	return decode_content(t, conf, x, a, c, v);
}
