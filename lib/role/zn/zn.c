/* Role zn: the order of things. */
#include "role/zn/zn.h"

#include <stdio.h>

#include "codec/est.h"
#include "server/metrics.h"

static void refuse_call(struct zn_call *q, int status, const struct mst_diag *d)
{
	q->status = status;
	snprintf(q->words, sizeof(q->words), "%.95s%s%.150s", d->field, d->field[0] ? ": " : "", d->text);
}

/*
 * The name enters the key as the NAF spells it, for that is what its UE derives for: TS 33.220 B.3 folds no case. Whose name it is, is
 * decided without case. With our private identifier both ends have it in lower case.
 */
static bool take_name(struct zn_call *q, const struct gba_ua *ua)
{
	if (!memcmp(ua->b, gba_ua_trigger.b, GBA_UA))
		return mst_id_normalise(MST_ID_FQDN, q->ask.naf_fqdn, q->naf);
	return mst_view_to_str(q->ask.naf_fqdn, q->naf, sizeof(q->naf));
}

static void read_ask(const struct mst_exchange *x, struct zn_call *q)
{
	struct mst_arena a = mst_arena_of(q->room, sizeof(q->room));
	struct mst_diag d = { 0 };
	struct gba_ua ua;
	int r = mst_zn_ask_read(x->request.content, &a, &q->ask, &d);

	if (r) {
		if (!d.text[0])
			mst_diag_set(&d, 0, "content", mst_msg_outcome_text(r), NULL);
		refuse_call(q, 400, &d);
		return;
	}
	memcpy(ua.b, q->ask.ua, sizeof(ua.b));
	if (!mst_view_to_str(q->ask.btid, q->btid, sizeof(q->btid)) || !mst_printable_ascii(q->ask.btid)) {
		mst_diag_set(&d, 0, "btId", "no B-TID", NULL);
		refuse_call(q, 400, &d);
	} else if (!take_name(q, &ua) || !gba_ua_words(&ua) || !gba_naf_id(mst_view_str(q->naf), &ua, q->naf_id, &q->naf_id_n)) {
		mst_diag_set(&d, 0, "nafId", "no FQDN with a Ua security protocol identifier (TS 33.220 annex H)", NULL);
		refuse_call(q, 400, &d);
	}
}

static void decode(const struct mst_exchange *x, struct zn_call *q)
{
	struct mst_view to = mst_view_sub(x->request.to, 0, mst_view_find(x->request.to, '?'));
	struct mst_sbi_route route;
	struct mst_diag d = { 0 };

	memset(q, 0, offsetof(struct zn_call, room));
	if (mst_view_eq_str(to, ZN_PUSH)) {
		mst_diag_set(&d, 0, "", "GBA Push is not here: the layout of its push information is not at hand (TS 33.223)", NULL);
		refuse_call(q, 501, &d);
	} else if (mst_sbi_route(to, &route) || route.call != MST_SBI_ZN_INFO) {
		mst_diag_set(&d, 0, "", "nothing here; Nbsp_GBA is below /nbsp-gba/v1", NULL);
		refuse_call(q, 404, &d);
	} else if (x->request.op != MST_OP_CREATE) {
		mst_diag_set(&d, 0, "", "POST is taken", NULL);
		refuse_call(q, 405, &d);
	} else if (!mst_est_media_is(x->request.media, "application/json")) {
		mst_diag_set(&d, 0, "Content-Type", "application/json is taken", NULL);
		refuse_call(q, 415, &d);
	} else {
		read_ask(x, q);
	}
}

static int load(struct mst_role_env *env, const struct mst_exchange *x, const struct zn_call *q, struct zn_records *r)
{
	struct mst_arena a = mst_arena_of(r->room, sizeof(r->room));
	int e;

	memset(r, 0, offsetof(struct zn_records, room));
	r->peer = &x->peer;
	if (q->status)
		return 0;
	e = mst_store_gba_session_get(env->store, q->btid, &r->session);
	r->has_session = !e;
	if (e)
		return e < 0 ? e : 0;
	e = mst_role_sim(env, MST_SIM_BY_IMPI, r->session.session.impi, &r->sim, &r->who);
	r->has_sim = !e;
	if (e < 0)
		return e;
	return mst_guss_read_json(mst_view_str(r->session.guss), &a, &r->guss, NULL) ? MST_FAULT_CORRUPT : 0;
}

static int put_keys(struct mst_role_env *env, const struct mst_exchange *x, const struct zn_call *q, const struct zn_records *r,
		    struct zn_verdict *v, struct mst_answer *a)
{
	const struct gba_session *s = &r->session.session;
	const struct mst_zn_answer m = { .has_int = v->in_card, .has_expiry = true, .has_created = true, .expiry = s->expires,
					 .created = s->created, .type = MST_GBA_3G, .uss = &v->uss,
					 .impi = v->impi ? mst_view_str(s->impi) : MST_VIEW_NONE };
	struct mst_sbi_hole hole[MST_SBI_HOLES];
	size_t n;
	int e = env->keeper->ops->gba_naf_keys(env->keeper, &v->leave, &r->session.ks, s->btid, s->impi,
					       (struct mst_view){ q->naf_id, q->naf_id_n }, v->in_card, x->channel, &a->parcel.sealed);

	if (e)
		return e;
	n = mst_zn_answer_write(&m, &a->content, hole);
	_Static_assert(MST_SBI_HOLES <= MST_FILLS_MAX, "each hole has its fill");
	for (size_t i = 0; i < n; i++)
		a->parcel.fill[i] = (struct mst_fill){ hole[i].at, hole[i].from, hole[i].n };
	a->parcel.n_fills = (uint8_t)n;
	return a->content.ok ? 0 : MST_FAULT_MEMORY;
}

static int tell(struct mst_role_env *env, const struct mst_exchange *x, const struct zn_call *q, const struct zn_records *r,
		const struct zn_verdict *v)
{
	const char *who = v->who[0] ? v->who : x->peer.cert.n_san ? x->peer.cert.san[0].value : x->peer.address;
	char why[256];

	if (v->status == 200)
		snprintf(why, sizeof(why), "%.100s as %.100s", r->session.session.impi, q->naf);
	else
		snprintf(why, sizeof(why), "%.140s%s%.90s", v->why, q->btid[0] ? "; B-TID " : "", q->btid);
	return mst_role_event(env, MST_ROLE_ZN, v->status == 200 ? "key-given" : "refused", NULL, who, x->attempt, v->status, why, NULL);
}

struct work { struct zn_call call; struct zn_records records; struct zn_verdict verdict; };

static int handle(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a)
{
	static _Thread_local struct work k;     /* too much for a stack; nothing of it outlives the call */
	struct zn_verdict *v = &k.verdict;
	int e;

	decode(x, &k.call);
	e = load(env, x, &k.call, &k.records);
	if (e)
		return e;
	zn_decide(&k.call, &k.records, env->conf, env->now, v);
	if (v->status == 200) {
		e = put_keys(env, x, &k.call, &k.records, v, a);
		if (e > 0) {
			v->status = e == MST_KEEPER_BUSY ? 503 : 500;
			v->title = e == MST_KEEPER_BUSY ? "Service Unavailable" : "Internal Server Error";
			a->retry_after = e == MST_KEEPER_BUSY ? MST_KEEPER_BUSY_SECONDS : 0;
			MST_STR_SET(v->why, e == MST_KEEPER_BUSY ? "more keys than keeper_limits.naf_keys_most" : "the keeper does not give the key");
		} else if (!e) {
			e = mst_store_gba_session_used(env->store, k.call.btid, env->now);
			e = e > 0 ? MST_FAULT_BUG : e;
		}
		if (e < 0)
			return e;
	}
	a->rsc = v->status;
	a->counts = v->status == 200 ? MST_M_GBA_NAF_KEYS : 0;
	a->event_only = v->status != 200;
	if (v->status != 200) {
		a->parcel.n_fills = 0;
		a->content.n = 0;
		a->media = MST_SBI_PROBLEM;
		mst_problem_write(&a->content, v->status, v->title, v->say, v->cause);
	}
	e = tell(env, x, &k.call, &k.records, v);
	return e ? e : a->content.ok ? 0 : MST_FAULT_MEMORY;
}

static int handshake_failed(struct mst_role_env *env, const struct mst_peer *p, enum mst_tls_end why, const char *detail)
{
	return mst_role_handshake_failed(env, MST_ROLE_ZN, p, why, detail, NULL);
}

static int refused(struct mst_role_env *env, const struct mst_peer *p, const char *attempt, int status, const char *why)
{
	return mst_role_refused(env, MST_ROLE_ZN, p, attempt, status, why);
}

const struct mst_role_ops mst_role_zn = {
	.role = MST_ROLE_ZN,
	.network = true,
	.sbi = true,
	.content_max = 4096,
	.for_strangers = true,
	.client_cert_required = true,
	.handle = handle,
	.handshake_failed = handshake_failed,
	.refused = refused,
};
