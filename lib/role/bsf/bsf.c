/* Role bsf: the order of things. */
#include "role/bsf/bsf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "server/metrics.h"

/* --- octets → call --- */

static void refuse_call(struct bsf_call *q, int status, const struct mst_diag *d)
{
	q->status = status;
	snprintf(q->words, sizeof(q->words), "%.95s%s%.150s", d->field, d->field[0] ? ": " : "", d->text);
}

/* "192.0.2.1:443" and "[2001:db8::1]:443" without the port; of IPv6 the 64 bits that one subscriber's line has. */
static void origin_of(const char *address, char out[MST_GBA_ORIGIN_MAX])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	bool six = address[0] == '[';
	char text[64];
	uint8_t b[16];

	snprintf(text, sizeof(text), "%s", address + six);
	text[strcspn(text, six ? "]%" : ":")] = '\0';
	if (six && inet_pton(AF_INET6, text, b) == 1 && memcmp(b, mapped, sizeof(mapped)) != 0) {
		memset(b + 8, 0, 8);
		(void)!inet_ntop(AF_INET6, b, text, sizeof(text));
	}
	snprintf(out, MST_GBA_ORIGIN_MAX, "%.47s", text);
}

void bsf_decode(const struct mst_role_conf *conf, const struct mst_exchange *x, struct bsf_call *q)
{
	static const char *const method[] = { [MST_OP_RETRIEVE] = "GET" };
	struct mst_http_msg m = { .target = x->request.to, .body = x->request.content };
	unsigned op = (unsigned)x->request.op;
	struct mst_diag d = { 0 };
	int status = 400;

	memset(q, 0, sizeof(*q));
	MST_STR_SET(q->attempt, x->attempt);
	origin_of(x->peer.address, q->origin);
	m.method = mst_view_str(op < MST_COUNT(method) && method[op] ? method[op] : "POST");
	if (x->authorization.n)
		m.header[m.n++] = (struct mst_http_header){ MST_VIEW_LIT("Authorization"), x->authorization };
	m.header[m.n++] = (struct mst_http_header){ MST_VIEW_LIT("User-Agent"), x->user_agent };
	if (!mst_view_eq_str(mst_view_sub(m.target, 0, mst_view_find(m.target, '?')), conf->base)) {
		mst_diag_set(&d, 0, "", "nothing here; see bsf.base in musterd.conf(5)", NULL);
		refuse_call(q, 404, &d);
	} else if (gba_ask_read(&m, conf->fqdn, &q->ask, &status, &d)) {
		refuse_call(q, status, &d);
	} else if (m.body.n) {
		mst_diag_set(&d, 0, "content", "none is taken", NULL);
		refuse_call(q, 400, &d);
	} else if (q->ask.auth.cnonce.n > BSF_CNONCE_MAX) {
		mst_diag_set(&d, 0, "cnonce", "longer than 128 octets", NULL);
		refuse_call(q, 400, &d);
	}
	if (!q->status)
		(void)!mst_view_to_str(q->ask.auth.username, q->username, sizeof(q->username));
}

/* --- call → records --- */

static int found(int r, bool *ret)
{
	*ret = r == 0;
	return r < 0 ? r : 0;
}

static int who_is_it(struct mst_role_env *env, const struct bsf_call *q, struct bsf_records *r)
{
	struct mst_gba_tmpi t;
	bool known = false;
	int e = 0;

	if (q->ask.with_tmpi) {
		e = found(mst_store_gba_tmpi_get(env->store, q->username, &t), &known);
		if (e)
			return e;
	}
	if (known || !q->ask.with_tmpi)
		MST_STR_SET(r->impi, known ? t.impi : q->username);
	if (!r->has_run)
		return 0;
	/* a challenge is the subscriber's, by whichever of its names, and whoever had it made */
	if (mst_id_impi_equal(mst_view_str(r->impi), r->run.run.impi)) {
		MST_STR_SET(r->run.run.impi, r->impi);
		MST_STR_SET(r->run.run.username, q->username);
		r->run.run.tmpi_ue |= q->ask.tmpi_ue;
	}
	MST_STR_SET(r->impi, r->run.run.impi);
	return 0;
}

/* The SIM by the name that its HSS has given a vector for. */
static int load_about(struct mst_role_env *env, const struct mst_gba_run *run, struct bsf_records *r)
{
	r->hard = mst_wrapped_octets(&run->av) >= BSF_RES_HARD + 32;           /* behind it CK and IK */
	return found(mst_role_sim(env, MST_SIM_BY_IMPI, run->run.impi, &r->sim, &r->whose), &r->has_sim);
}

static int load_run(struct mst_role_env *env, const struct bsf_call *q, struct bsf_records *r)
{
	struct mst_arena a = mst_arena_of(r->room, sizeof(r->room));
	char nonce[GBA_NONCE_TEXT], btid[MST_ID_MAX];
	int e;

	/* one that is longer is none of ours */
	if (q->ask.kind == GBA_ASK_FIRST || !mst_view_to_str(q->ask.auth.nonce, nonce, sizeof(nonce)))
		return 0;
	e = found(mst_store_gba_run_get(env->store, nonce, &r->run), &r->has_run);
	if (e || !r->has_run)
		return e;
	e = load_about(env, &r->run, r);
	if (e)
		return e;
	/* it was read when the HSS gave it */
	if (mst_guss_read_json(mst_view_str(r->run.guss), &a, &r->guss, NULL))
		return MST_FAULT_CORRUPT;
	if (r->run.run.state != GBA_RUN_GRANTED || !bsf_btid(env->conf, r->run.run.rnd, btid))
		return 0;
	return found(mst_store_gba_session_get(env->store, btid, &r->session), &r->has_session);
}

int bsf_load(struct mst_role_env *env, const struct bsf_call *q, struct bsf_records *r)
{
	int e;

	memset(r, 0, offsetof(struct bsf_records, room));
	if (q->status || q->ask.kind == GBA_ASK_ANONYMOUS)
		return 0;
	e = load_run(env, q, r);
	if (!e)
		e = who_is_it(env, q, r);
	if (e || !r->impi[0])
		return e;
	e = bsf_held(env, q, r, &r->held);
	if (!e)
		e = found(mst_store_gba_lock_get(env->store, r->impi, q->origin, &r->lock), &r->has_lock);
	if (!e)
		e = mst_store_gba_flushed(env->store, r->impi, &r->flushed);
	if (e || (r->has_run && r->run.run.state == GBA_RUN_OPEN && env->now < r->run.run.until))
		return e;
	e = found(mst_store_gba_run_waiting(env->store, r->impi, env->now, &r->open), &r->has_open);
	return e || !r->has_open ? e : load_about(env, &r->open, r);
}

/* --- verdict → answer --- */

struct work {
	struct bsf_call call;
	struct bsf_records records;
	struct bsf_verdict verdict;
	struct bsf_vector vector;
	struct bsf_briefing briefing;
	struct mst_ub_answer proof;
	struct mst_guss guss;
	uint8_t room[MST_SBI_ARENA];
};

static int encode(struct mst_role_env *env, const struct work *k, struct mst_answer *a)
{
	const struct bsf_verdict *v = &k->verdict;
	struct mst_writer h = mst_writer_of(a->headers, sizeof(a->headers));

	a->rsc = v->status;
	a->retry_after = v->retry;
	a->counts = v->challenge ? MST_M_GBA_CHALLENGES : v->granted ? MST_M_GBA_BOOTSTRAPS : v->wrong ? MST_M_GBA_WRONG : 0;
	a->event_only = v->what && !v->settle_run && !v->put_run && !v->granted && !v->put_lock;
	if (v->challenge)
		gba_put_401_lines(&v->run.run, env->conf->fqdn, v->stale, &h);
	if (v->granted)
		gba_put_200_lines(&k->records.run.run, &v->session.session, &k->call.ask, k->proof.rspauth, env->conf->gba.tmpi, &h);
	mst_put_nul(&h);
	if (v->granted) {
		a->media = MST_BSF_INFO_MEDIA;         /* the body is there: it is what the keeper has seen */
	} else {
		a->media = "text/plain";
		a->content.n = 0;
		if (v->say[0]) {
			mst_put_str(&a->content, v->say);
			mst_put_str(&a->content, "\n");
		}
	}
	return h.ok && a->content.ok ? 0 : MST_FAULT_MEMORY;
}

/* --- the keeper --- */

static int put_body(struct mst_role_env *env, struct work *k, struct mst_writer *w)
{
	struct bsf_briefing *b = &k->briefing;
	const struct gba_session *s = &k->verdict.session.session;
	struct mst_bsf_info i = { mst_view_str(s->btid), s->expires, env->now, { b->instructions, b->n_instructions },
				  { b->configuration, b->n_configuration } };

	w->n = 0;
	mst_bsf_info_write(&i, w);
	if (w->ok && w->n <= MST_BSF_INFO_OCTETS)
		return 0;
	/* a B-TID without a briefing is better than none; the operator is told */
	b->n_instructions = b->n_configuration = 0;
	b->put = b->put_node = false;
	MST_STR_SET(b->text, "what it was to be told does not fit into the answer");
	i.instructions = i.configuration = MST_VIEW_NONE;
	*w = mst_writer_of(w->p, w->cap);
	mst_bsf_info_write(&i, w);
	return w->ok ? 0 : MST_FAULT_BUG;
}

static int prove(struct mst_role_env *env, struct work *k, struct mst_answer *a)
{
	const struct bsf_records *r = &k->records;
	struct bsf_verdict *v = &k->verdict;
	struct mst_wrapped again;
	struct mst_ub q = { .claim = gba_claim_of(&r->run.run, &k->call.ask), .impi = r->run.run.impi,
			    .tmpi = env->conf->gba.tmpi && r->run.run.tmpi_ue && !r->run.run.in_card && !v->repeat };
	int e = v->repeat ? bsf_brief_again(env, r, &k->briefing) : bsf_brief(env, &k->call, r, &k->briefing);

	if (!e)
		e = put_body(env, k, &a->content);
	if (e)
		return e;
	q.body = mst_written(&a->content);
	e = env->keeper->ops->gba_answer(env->keeper, &v->leave, &r->run.av, v->session.session.btid, &q, &k->proof);
	/* the keeper says the same of RES that is wrong and of a vector that it cannot open, and who is right must not be told the former */
	if (e == MST_KEEPER_FORGED && !v->repeat) {
		int opens = env->keeper->ops->rewrap(env->keeper, &r->run.av, MST_PURPOSE_AV, v->session.session.btid, &again);

		e = opens == MST_KEEPER_FORGED ? MST_KEEPER_DENIED : opens < 0 ? opens : e;
	}
	if (e < 0)
		return e;
	bsf_decide_proof(&k->call, r, env->conf, e, &k->proof, env->now, v);
	return 0;
}

/* --- the HSS --- */

static void put_fetch(const struct mst_role_env *env, const struct work *k, struct mst_fetch *f)
{
	const struct mst_gba_server *s = &env->conf->gba.hss;

	*f = (struct mst_fetch){ .kind = MST_FETCH_ZH, .binding = s->binding, .resync = k->verdict.resync, .mark = k->records.flushed };
	MST_STR_SET(f->uri, s->uri);
	MST_STR_SET(f->server_name, s->fqdn);
	MST_STR_SET(f->connect_to, s->connect_to);
	MST_STR_SET(f->from, env->conf->fqdn);
	MST_STR_SET(f->ue_id, k->records.impi);
	MST_STR_SET(f->attempt, k->call.attempt);
	if (k->verdict.resync) {
		memcpy(f->rnd, k->records.run.run.rnd, sizeof(f->rnd));
		memcpy(f->auts, k->call.ask.auth.auts, sizeof(f->auts));
	}
}

/* What the connector has brought goes under the keeper's key before anything else is done with it. */
static int take_vector(struct mst_role_env *env, const struct mst_fetch_result *f, struct work *k)
{
	struct mst_arena a = mst_arena_of(k->room, sizeof(k->room));
	struct bsf_vector *z = &k->vector;
	struct mst_diag d = { 0 };
	char btid[MST_ID_MAX];
	int e;

	*z = (struct bsf_vector){ .end = f->end, .retry_after = f->retry_after, .guss = f->text, .asked = f->mark };
	z->lost = f->end == MST_FETCH_MALFORMED || (f->end != MST_FETCH_OK && f->xres_n);
	MST_STR_SET(z->detail, f->detail);
	/* one came meanwhile, which is used: this one is not kept */
	if (f->end != MST_FETCH_OK || k->records.has_open)
		return 0;
	z->wrong = "what the HSS gives is no vector";
	if (f->xres_n < GBA_XRES_MIN || f->xres_n > GBA_XRES_MAX || !bsf_btid(env->conf, f->rnd, btid))
		return 0;
	if (!env->conf->gba.amf_any && aka_amf_separated(f->autn)) {
		snprintf(z->detail, sizeof(z->detail), "the HSS gives a vector for EPS or 5G, AMF %02x%02x; bsf.hss.amf = \"any\" would take it",
			 f->autn[AKA_SQN], f->autn[AKA_SQN + 1]);
		z->wrong = z->detail;
		return 0;
	}
	if (mst_guss_read_json(f->text, &a, &k->guss, &d)) {
		snprintf(z->detail, sizeof(z->detail), "the HSS's subscriber data: %.30s: %.90s", d.field, d.text);
		z->wrong = z->detail;
		return 0;
	}
	memcpy(z->rnd, f->rnd, sizeof(z->rnd));
	memcpy(z->autn, f->autn, sizeof(z->autn));
	z->in_card = k->guss.in_card;
	e = env->keeper->ops->wrap(env->keeper, f->channel, (struct mst_view){ f->key.b, f->key.n }, MST_PURPOSE_AV, btid, &z->av);
	if (!e && z->in_card)
		e = env->keeper->ops->gba_star(env->keeper, &z->av, btid, z->autn);
	if (!e)
		e = env->crypto->ops->random(env->crypto, z->opaque, sizeof(z->opaque));
	z->good = !e;
	return e < 0 ? e : 0;
}

/* --- whole exchanges --- */

static _Thread_local struct work work;     /* too much for a stack; nothing of it outlives the call */

static int handle(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a)
{
	struct work *k = &work;
	int e;

	k->briefing.put = k->briefing.put_node = false;
	bsf_decode(env->conf, x, &k->call);
	e = bsf_load(env, &k->call, &k->records);
	if (!e)
		e = bsf_decide(env->crypto, &k->call, &k->records, env->conf, env->now, &k->verdict);
	if (!e && k->verdict.next == BSF_PROVE)
		e = prove(env, k, a);
	if (e)
		return e;
	e = bsf_apply(env, x, &k->call, &k->records, &k->verdict, &k->briefing);
	if (e || k->verdict.next != BSF_FETCH)
		return e ? e : encode(env, k, a);
	a->wants_fetch = true;
	put_fetch(env, k, &a->fetch);
	return 0;
}

static int resumed(struct mst_role_env *env, const struct mst_exchange *x, const struct mst_fetch_result *f, struct mst_answer *a)
{
	struct work *k = &work;
	int e;

	k->briefing.put = k->briefing.put_node = false;
	bsf_decode(env->conf, x, &k->call);
	e = bsf_load(env, &k->call, &k->records);
	if (!e)
		e = take_vector(env, f, k);
	if (!e)
		e = bsf_decide_fetched(&k->call, &k->records, env->conf, &k->vector, env->now, &k->verdict);
	if (!e)
		e = bsf_apply(env, x, &k->call, &k->records, &k->verdict, &k->briefing);
	if (!e && k->verdict.hold)
		e = bsf_hold(env, &k->call, &k->records);
	return e ? e : encode(env, k, a);
}

static int refused(struct mst_role_env *env, const struct mst_peer *p, const char *attempt, int status, const char *why)
{
	return mst_role_refused(env, MST_ROLE_BSF, p, attempt, status, why);
}

static int clock_(struct mst_role_env *env, struct mst_clocked *c)
{
	unsigned n = 0;
	int e = mst_store_gba_sweep(env->store, env->now, MST_CLOCK_BATCH, &n);

	c->more = c->more || n >= MST_CLOCK_BATCH;
	return e;
}

const struct mst_role_ops mst_role_bsf = {
	.role = MST_ROLE_BSF,
	.network = true,
	.clear = true,
	.strangers_count = true,
	.handle = handle,
	.resumed = resumed,
	.refused = refused,
	.clock = clock_,
	.forget = bsf_forget,
};
