#include "role/hss/hss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/est.h"
#include "server/metrics.h"

/* --- octets → call --- */

static int say(struct hss_call *c, int status, const char *title, const char *detail)
{
	c->status = status;
	c->title = title;
	MST_STR_SET(c->detail, detail);
	return 0;
}

static int read_ask(struct hss_call *c, const struct mst_exchange *x)
{
	uint8_t room[MST_SBI_ARENA];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_diag d = { 0 };
	int r = mst_zh_ask_read(c->route.call, x->request.content, &a, &c->ask, &d);

	if (r < 0)
		return r;
	if (r) {
		say(c, 400, "Bad Request", "");
		snprintf(c->detail, sizeof(c->detail), "%.40s%s%.110s", d.field, d.field[0] ? ": " : "", d.text);
	}
	return 0;
}

static int decode(const struct mst_exchange *x, struct hss_call *c)
{
	struct mst_view to = mst_view_sub(x->request.to, 0, mst_view_find(x->request.to, '?'));
	int r = mst_sbi_route(to, &c->route);
	bool post;

	if (r == MST_SBI_NO_SUCH && mst_view_starts(to, "/nhss-gba-sdm/v1/") && mst_view_ends(to, HSS_SUBSCRIPTIONS))
		return say(c, 501, "Not Implemented", "changes of settings are not told; read subscriber-data anew for each bootstrapping");
	if (r == MST_SBI_BAD_UE)
		return say(c, 400, "Bad Request", "ueId: expected impi-, imsi- or msisdn- and the name");
	if (r || c->route.call == MST_SBI_ZN_INFO)
		return say(c, 404, "Not Found", "there is no such resource");
	post = c->route.call != MST_SBI_ZH_SDM;
	if (x->request.op != (post ? MST_OP_CREATE : MST_OP_RETRIEVE))
		return say(c, 405, "Method Not Allowed", post ? "POST is taken here" : "GET is taken here");
	if (post && !mst_est_media_is(x->request.media, "application/json"))
		return say(c, 415, "Unsupported Media Type", "application/json is taken here");
	c->settings = !post;
	return post ? read_ask(c, x) : 0;
}

/* --- call → records --- */

static int load(struct mst_role_env *env, const struct hss_call *c, struct hss_records *r)
{
	static const enum mst_sim_name by[] = {
		[MST_SBI_UE_IMPI] = MST_SIM_BY_IMPI, [MST_SBI_UE_IMSI] = MST_SIM_BY_IMSI, [MST_SBI_UE_MSISDN] = MST_SIM_BY_MSISDN,
	};
	int e;

	/* public identities of IMS are nothing that a SIM of ours has */
	if (c->status || c->route.kind == MST_SBI_UE_IMPU)
		return 0;
	e = mst_role_sim(env, by[c->route.kind], c->route.ue_id, &r->sim, &r->who);
	r->has_sim = !e;
	return e < 0 ? e : 0;
}

static int judge(struct mst_role_env *env, const struct hss_call *c, struct hss_records *r, const char *bsf, struct hss_verdict *v)
{
	int e;

	hss_decide(c, r, bsf, env->conf, env->now, v);
	if (!v->judge_auts)
		return 0;
	e = env->keeper->ops->aka_resync(env->keeper, &v->leave, &r->sim.key, r->sim.imsi, c->ask.rnd, c->ask.auts, &r->sqn_ms);
	if (e < 0)
		return e;
	r->auts = e ? HSS_AUTS_FORGED : HSS_AUTS_GENUINE;
	hss_decide(c, r, bsf, env->conf, env->now, v);
	return v->judge_auts ? MST_FAULT_BUG : 0;
}

/* --- verdict → store, keeper and the operator --- */

static void keeper_said_no(struct hss_verdict *v, int outcome)
{
	v->vector = false;
	v->status = 500;
	v->title = "Internal Server Error";
	v->cause = "";
	v->what = "refused";
	MST_STR_SET(v->detail, "no vector can be made");
	if (outcome == MST_KEEPER_BUSY) {
		v->status = 503;
		v->title = "Service Unavailable";
		v->retry_after = MST_KEEPER_BUSY_SECONDS;
		MST_STR_SET(v->why, "more vectors than keeper_limits.vectors_most");
		return;
	}
	MST_STR_SET(v->why, "the keeper makes no vector of this SIM: its key was wrapped by another keeper, or was changed");
}

static int apply(struct mst_role_env *env, const struct mst_exchange *x, const struct hss_call *c, const struct hss_records *r,
		 const char *bsf, struct hss_verdict *v, struct mst_vector *ret_vector)
{
	const uint8_t amf[2] = { (uint8_t)(v->sim.amf >> 8), (uint8_t)v->sim.amf };
	const char *who = *bsf ? bsf : x->peer.cert.n_san ? x->peer.cert.san[0].value : x->peer.address;
	char why[256];
	int e = 0;

	if (v->vector) {
		e = env->keeper->ops->aka_vector(env->keeper, &v->leave, &r->sim.key, r->sim.imsi, (uint64_t)v->sim.sqn, amf, x->channel,
						 ret_vector);
		if (e < 0)
			return e;
		if (e)
			keeper_said_no(v, e);
		else
			e = mst_store_sim_number(env->store, &v->sim);
		if (v->vector && e)
			return e < 0 ? e : MST_FAULT_BUG;
	}
	if (!v->what)
		return 0;
	if (v->of_subscriber) {
		const char *subscriber = r->has_sim ? r->sim.imsi : c->route.ue_id;
		bool lately = c->settings && hss_told_lately(env->state, subscriber, env->now);

		if (lately)
			return 0;
		hss_note_told(env->state, subscriber, env->now);
	}
	snprintf(why, sizeof(why), "%.48s%s%.200s", r->has_sim ? r->sim.imsi : c->route.ue_id, v->why[0] && c->route.ue_id[0] ? ": " : "", v->why);
	return mst_role_event(env, MST_ROLE_HSS, v->what, &r->who, who, x->attempt, v->status, why, NULL);
}

/* --- verdict → octets --- */

static void put_vector(const struct hss_call *c, const struct hss_records *r, const struct mst_vector *vec, struct mst_answer *a)
{
	/* in the words of who asked, however its realm is written there: a BSF may look for the name that it said */
	const char *impi = c->route.kind == MST_SBI_UE_IMPI ? c->route.ue_id : r->sim.impi;
	struct mst_zh_answer m = { .impi = mst_view_str(impi), .xres_n = vec->xres_n };
	struct mst_sbi_hole hole[MST_SBI_HOLES];
	size_t n;

	memcpy(m.rnd, vec->rnd, sizeof(m.rnd));
	memcpy(m.autn, vec->autn, sizeof(m.autn));
	n = mst_zh_answer_write(c->route.call, &m, &a->content, hole);
	a->parcel.sealed = vec->sealed;
	a->parcel.n_fills = (uint8_t)n;
	for (size_t i = 0; i < n && i < MST_FILLS_MAX; i++)
		a->parcel.fill[i] = (struct mst_fill){ hole[i].at, hole[i].from, hole[i].n };
}

static void put_settings(const struct hss_records *r, const struct hss_verdict *v, struct mst_answer *a)
{
	struct mst_guss g = { .in_card = r->sim.uicc == MST_SIM_GBA_U, .lifetime = r->sim.lifetime, .n = 1 };

	g.uss[0] = (struct mst_uss){ .gsid = (uint32_t)r->sim.gsid, .naf_group = mst_view_str(r->sim.naf_group),
				     .id = { mst_view_str(v->uid) }, .n_ids = 1, .key_choice = r->sim.key_choice };
	mst_guss_write_json(&g, &a->content);
}

static int encode(const struct hss_call *c, const struct hss_records *r, const struct hss_verdict *v, const struct mst_vector *vec,
		  struct mst_answer *a)
{
	a->rsc = v->status;
	a->retry_after = v->retry_after;
	a->event_only = !v->vector && !v->settings;
	a->counts = v->vector ? MST_M_HSS_VECTORS : v->settings ? MST_M_HSS_SETTINGS : 0;
	a->content.n = 0;
	if (v->vector)
		put_vector(c, r, vec, a);
	else if (v->settings)
		put_settings(r, v, a);
	else {
		a->media = MST_SBI_PROBLEM;
		mst_problem_write(&a->content, v->status, v->title, v->detail, v->cause);
	}
	return a->content.ok ? 0 : MST_FAULT_MEMORY;
}

struct work {
	struct hss_call call;
	struct hss_records records;
	struct hss_verdict verdict;
	struct mst_vector vector;
};

static int handle(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a)
{
	static _Thread_local struct work k;     /* too much for a stack; nothing of it outlives the call */
	const char *bsf = hss_asker(env->conf, &x->peer);
	int r = 0;

	memset(&k, 0, sizeof(k));
	if (*bsf)
		r = decode(x, &k.call);
	if (!r && *bsf)
		r = load(env, &k.call, &k.records);
	if (!r)
		r = judge(env, &k.call, &k.records, bsf, &k.verdict);
	if (!r)
		r = apply(env, x, &k.call, &k.records, bsf, &k.verdict, &k.vector);
	return r ? r : encode(&k.call, &k.records, &k.verdict, &k.vector, a);
}

static int handshake_failed(struct mst_role_env *env, const struct mst_peer *p, enum mst_tls_end why, const char *detail)
{
	return mst_role_handshake_failed(env, MST_ROLE_HSS, p, why, detail, NULL);
}

static int refused(struct mst_role_env *env, const struct mst_peer *p, const char *attempt, int status, const char *why)
{
	return mst_role_refused(env, MST_ROLE_HSS, p, attempt, status, why);
}

const struct mst_role_ops mst_role_hss = {
	.role = MST_ROLE_HSS,
	.network = true,
	.sbi = true,
	.content_max = 4096,
	.for_strangers = true,
	.client_cert_required = true,
	.handle = handle,
	.handshake_failed = handshake_failed,
	.refused = refused,
	.forget = free,
};
