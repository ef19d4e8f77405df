/* PURE. What a BSF answers on Ub, and why not (TS 24.109 4.4, spec gba 7.7). */
#include <string.h>

#include "role/authorise.h"
#include "role/bsf/bsf.h"

#define HSS_RETRY 10               /* when it says nothing itself */
#define NOT_FOR_IT "not for this identity"

static void refuse(struct bsf_verdict *v, int status, const char *what, const char *say, const char *why)
{
	v->next = BSF_ANSWER;
	v->challenge = v->granted = v->repeat = v->wrong = false;
	v->put_run = v->put_session = v->put_lock = v->drop_lock = v->settle_run = false;
	v->status = status;
	v->what = what;
	MST_STR_SET(v->say, say);
	MST_STR_SET(v->why, why && why[0] ? why : say);
}

bool bsf_btid(const struct mst_role_conf *conf, const uint8_t rnd[GBA_RAND], char out[MST_ID_MAX])
{
	_Static_assert(MST_BTID_MAX <= MST_ID_MAX, "a B-TID is an identifier");
	return gba_btid_make(rnd, mst_view_str(conf->fqdn), out);
}

static bool locked(const struct bsf_records *r, mst_time now, struct bsf_verdict *v)
{
	if (!r->has_lock || r->lock.until <= now)
		return false;
	refuse(v, 403, "refused", "too many wrong answers for this identity; later", "locked out after wrong answers");
	v->retry = (int)(r->lock.until - now);
	return true;
}

/*
 * The lock is of an address, which may be many people's: who guesses there must not keep the subscriber out. So where RES cannot be guessed its
 * challenge is told and its answer is judged all the same; what costs the HSS (a new vector, AUTS) waits.
 */
static bool kept_out(const struct bsf_records *r, mst_time now, struct bsf_verdict *v)
{
	return !r->hard && locked(r, now, v);
}

/* A challenge may be hours old: what the HSS here says of its subscriber now, and in its words. */
static bool served(const struct bsf_records *r, mst_time now, struct bsf_verdict *v)
{
	char why[200];

	if (!r->has_sim || mst_decide_sim(&r->sim, &r->whose, now, why))
		return true;
	refuse(v, 403, "refused", NOT_FOR_IT, why);
	return false;
}

/* The challenge that waits for this subscriber already. */
static void challenge_again(const struct bsf_records *r, bool stale, mst_time now, struct bsf_verdict *v)
{
	if (!served(r, now, v) || kept_out(r, now, v))
		return;
	v->next = BSF_ANSWER;
	v->status = 401;
	v->challenge = true;
	v->stale = stale;
	v->run = r->open;
}

static void fetch(const struct bsf_records *r, bool resync, bool stale, mst_time now, struct bsf_verdict *v)
{
	if (!r->impi[0]) {
		refuse(v, 403, "refused", "unknown here: say your IMPI", "a TMPI that is not known, or no longer");
		return;
	}
	if (r->has_open) {
		challenge_again(r, stale, now, v);
		return;
	}
	if (locked(r, now, v))
		return;
	if (r->held > now) {
		refuse(v, 503, "refused", "try again later", "what the HSS gave a moment ago could not be used, and it is not asked for more at once");
		v->retry = (int)(r->held - now);
		return;
	}
	v->next = BSF_FETCH;
	v->resync = resync;
	v->stale = stale;
}

/* How long a challenge waits for its answer: in that time nobody but the subscriber can cost the HSS more than this one vector. */
static int64_t wait_of(const struct mst_role_conf *conf)
{
	return mst_gba_wait(conf->gba.lifetime, conf->gba.challenge);
}

/* What the settings say; and what came with a vector that has waited is not in use for longer than with a new one. */
static int64_t lifetime_of(const struct bsf_records *r, const struct mst_role_conf *conf, mst_time now)
{
	int64_t made = r->run.run.until - wait_of(conf), left = made + conf->gba.challenge + conf->gba.lifetime - now;
	int64_t most = left < conf->gba.lifetime ? left : conf->gba.lifetime;

	return r->guss.lifetime > 0 && r->guss.lifetime < most ? r->guss.lifetime : most;
}

static void prove(const struct bsf_records *r, const struct mst_role_conf *conf, bool repeat, mst_time now, struct bsf_verdict *v)
{
	if ((!repeat && kept_out(r, now, v)) || !served(r, now, v))
		return;
	if (repeat)
		v->session = r->session;
	else if (!gba_session_open(&v->run.run, conf->fqdn, lifetime_of(r, conf, now), now, &v->session.session)) {
		refuse(v, 500, "refused", "", "bsf.fqdn makes no B-TID");
		return;
	}
	v->next = BSF_PROVE;
	v->repeat = repeat;
	v->leave = mst_authorise_bootstrap(v->session.session.btid, r->run.run.impi);
}

static int judge(struct mst_crypto *c, const struct bsf_call *q, const struct bsf_records *r, const struct mst_role_conf *conf, mst_time now,
		 struct bsf_verdict *v)
{
	enum gba_judgement j;
	struct mst_diag d = { 0 };
	char why[sizeof(v->why)];
	struct mst_writer w = mst_writer_of(why, sizeof(why) - 1);
	int e;

	v->run = r->run;
	e = gba_run_match(c, &v->run.run, &q->ask, conf->fqdn, now, &j, &d);
	if (e)
		return e;
	switch (j) {
	case GBA_JUDGE_PROVE:
		prove(r, conf, false, now, v);
		return 0;
	case GBA_JUDGE_REPEATED:
		if (r->has_session && r->session.session.expires > now)
			prove(r, conf, true, now, v);
		else
			fetch(r, false, true, now, v);
		return 0;
	case GBA_JUDGE_STALE:
		fetch(r, false, true, now, v);
		return 0;
	case GBA_JUDGE_RESYNC:
		fetch(r, true, false, now, v);
		return 0;
	case GBA_JUDGE_RESYNC_LIMIT:
		refuse(v, 403, "refused", "the card's sequence number does not settle", "resynchronised as often as one run may");
		v->settle_run = true;
		v->run.run.until = now + conf->gba.challenge;
		return 0;
	case GBA_JUDGE_WRONG:
		refuse(v, 403, "refused", "not an answer to the challenge", "AUTS under a wrong digest");
		return 0;
	case GBA_JUDGE_MISMATCH:
		mst_put_str(&w, "not an answer to this challenge: other ");
		mst_put_str(&w, d.field);
		mst_put_nul(&w);
		refuse(v, 403, "refused", "not an answer to the challenge", why);
		return 0;
	case GBA_JUDGE_GRANTED: case GBA_JUDGE__COUNT:
		break;
	}
	return MST_FAULT_BUG;
}

int bsf_decide(struct mst_crypto *c, const struct bsf_call *q, const struct bsf_records *r, const struct mst_role_conf *conf, mst_time now,
	       struct bsf_verdict *v)
{
	memset(v, 0, sizeof(*v));
	if (q->status)
		refuse(v, q->status, "refused", q->words, NULL);
	else if (q->ask.kind == GBA_ASK_ANONYMOUS)
		refuse(v, 400, "refused", "an identity is needed: Authorization: Digest username=\"<IMPI>\", ...", "no Authorization");
	else if (q->ask.kind == GBA_ASK_FIRST)
		fetch(r, false, false, now, v);
	else if (!r->has_run)
		fetch(r, false, true, now, v);
	else
		return judge(c, q, r, conf, now, v);
	return 0;
}

/* --- RES was right, or not --- */

/* Of a place, not of the subscriber: a stranger elsewhere must not lock it out. */
static void count_wrong(const struct bsf_call *q, const struct bsf_records *r, const struct mst_role_conf *conf, mst_time now, struct bsf_verdict *v)
{
	const struct mst_gba_conf *b = &conf->gba;
	struct mst_gba_lock l = { .wrong = 1 };

	if (!b->lock_after)
		return;
	MST_STR_SET(l.impi, r->run.run.impi);
	MST_STR_SET(l.origin, q->origin);
	/* those of a lock that has ended, or of long ago, do not count any more */
	if (r->has_lock && r->lock.forget > now && (!r->lock.until || r->lock.until > now))
		l.wrong += r->lock.wrong;
	l.forget = now + b->lock_time;
	if (l.wrong >= b->lock_after) {
		l.until = l.forget;
		v->what = "locked-out";
		MST_STR_SET(v->why, "wrong once more: from there no answer for this subscriber is taken for a while (bsf.lock_time)");
	}
	v->put_lock = true;
	v->lock = l;
}

static void wrong_answer(const struct bsf_call *q, const struct bsf_records *r, const struct mst_role_conf *conf, mst_time now, struct bsf_verdict *v)
{
	/* those beyond count no more, and bring no event of their own */
	if (locked(r, now, v))
		return;
	refuse(v, 403, "wrong-answer", "the answer is wrong", "RES is not the one that the vector wants");
	v->wrong = true;
	count_wrong(q, r, conf, now, v);
}

void bsf_decide_proof(const struct bsf_call *q, const struct bsf_records *r, const struct mst_role_conf *conf, int outcome,
		      const struct mst_ub_answer *a, mst_time now, struct bsf_verdict *v)
{
	bool right = outcome == 0;

	if (outcome && outcome != MST_KEEPER_FORGED) {
		bool mine = !v->repeat && outcome == MST_KEEPER_DENIED;

		refuse(v, 503, "refused", "try again later", "the keeper does not judge the answer: the vector is of another keeper or BSF, or was changed");
		v->retry = 1;
		/* it must not wait for an answer that nobody can give */
		v->settle_run = mine;
		v->run.run.state = GBA_RUN_SPENT;
		v->run.run.until = now;
		return;
	}
	if (!v->repeat && gba_run_proven(&v->run.run, &q->ask, right) != GBA_JUDGE_GRANTED)
		right = false;
	if (!right) {
		wrong_answer(q, r, conf, now, v);
		return;
	}
	v->next = BSF_ANSWER;
	v->status = 200;
	v->granted = true;
	v->what = v->repeat ? NULL : "bootstrapped";
	if (v->repeat)
		return;
	v->settle_run = v->put_session = true;
	/* the same answer may still come again */
	v->run.run.until = now + conf->gba.challenge;
	v->drop_lock = r->has_lock;
	v->session.ks = a->ks;
	MST_STR_SET(v->session.session.tmpi, a->tmpi);
	MST_STR_SET(v->session.guss, r->run.guss);
}

/* --- the HSS has answered --- */

/* It is down, or has given enough for now: what it said of the subscriber itself stands. */
static bool of_the_hss(enum mst_fetch_end end)
{
	return end != MST_FETCH_UNKNOWN && end != MST_FETCH_REFUSED;
}

static bool unusable(const struct bsf_call *q, const struct bsf_vector *f, struct bsf_verdict *v)
{
	if (f->end == MST_FETCH_OK && f->good)
		return false;
	v->hold = f->end == MST_FETCH_OK || f->lost;
	if (f->end == MST_FETCH_UNKNOWN)
		refuse(v, 403, "refused", "unknown here", "the HSS does not know it");
	else if (f->end == MST_FETCH_REFUSED)
		refuse(v, 403, "refused", q->ask.kind == GBA_ASK_RESYNC ? "AUTS is not this card's" : NOT_FOR_IT,
		       f->detail[0] ? f->detail : "the HSS refuses");
	else {
		/* it is down, or talks nonsense: not the UE's fault, and nothing is kept */
		refuse(v, 503, "refused", "try again later", f->end == MST_FETCH_OK ? f->wrong : f->detail[0] ? f->detail : "the HSS cannot be asked");
		v->retry = f->retry_after > 0 ? f->retry_after : HSS_RETRY;
	}
	return true;
}

int bsf_decide_fetched(const struct bsf_call *q, const struct bsf_records *r, const struct mst_role_conf *conf, const struct bsf_vector *f,
		       mst_time now, struct bsf_verdict *v)
{
	bool resync = q->ask.kind == GBA_ASK_RESYNC && r->has_run;
	struct gba_run_config cfg = { .algorithm = GBA_AKAV1_MD5, .in_card = f->in_card, .seconds = wait_of(conf),
				      .resyncs = !resync ? 0 : r->run.run.resyncs < GBA_RESYNCS_MAX ? r->run.run.resyncs + 1 : GBA_RESYNCS_MAX };
	int e;

	memset(v, 0, sizeof(*v));
	if (!r->impi[0]) {
		refuse(v, 403, "refused", "unknown here: say your IMPI", "its TMPI was replaced meanwhile");
		return 0;
	}
	if (r->has_open && of_the_hss(f->end)) {
		challenge_again(r, q->ask.kind != GBA_ASK_FIRST, now, v);
		return 0;
	}
	if (unusable(q, f, v)) {
		/* anybody can write an AUTS, and each answer to one costs a challenge */
		if (resync && f->end == MST_FETCH_REFUSED)
			count_wrong(q, r, conf, now, v);
		return 0;
	}
	if (locked(r, now, v))
		return 0;
	/* its settings may be those of a SIM that is gone, or name a node that it is not in any more */
	if (f->asked != r->flushed) {
		refuse(v, 503, "refused", "try again later", "an operator ended what stood of this subscriber while the HSS was asked");
		v->retry = 1;
		return 0;
	}
	e = gba_run_open(&cfg, f->rnd, f->autn, r->impi, &q->ask, f->opaque, now, &v->run.run);
	if (e < 0)
		return e;
	if (e || !mst_view_to_str(f->guss, v->run.guss, sizeof(v->run.guss))) {
		refuse(v, 503, "refused", "try again later", e ? "the name cannot be used" : "the HSS gives more subscriber data than fits");
		v->retry = HSS_RETRY;
		v->hold = true;
		return 0;
	}
	v->run.av = f->av;
	MST_STR_SET(v->run.origin, q->origin);
	v->put_run = v->challenge = true;
	v->stale = q->ask.kind == GBA_ASK_RESPONSE || (q->ask.kind == GBA_ASK_RESYNC && !r->has_run);
	v->status = 401;
	if (resync) {
		/* the one before is over: the card will not take it any more */
		v->settle_run = r->run.run.state == GBA_RUN_OPEN;
		v->spent = r->run.run;
		v->spent.state = GBA_RUN_SPENT;
		v->spent.until = now + conf->gba.challenge;
		v->what = "resynchronised";
		MST_STR_SET(v->why, "the card's sequence number was ahead; a new vector");
	}
	return 0;
}
