/* PURE. What a briefing node answers, and why not. */
#include <string.h>

#include "role/authorise.h"
#include "role/bbn/bbn.h"

#define BIT(i) (1u << (i))

static void say_no(struct bbn_verdict *v, int rsc, int why, const char *say, const char *text)
{
	v->rsc = rsc;
	v->why = why;
	MST_STR_SET(v->say, say);
	MST_STR_SET(v->text, text && text[0] ? text : say);
}

void bbn_refuse(struct bbn_verdict *v, int rsc, int why, const char *say, const char *text)
{
	/* no bad request changes state: whatever was decided before is gone */
	v->put_briefing = v->put_node = v->mute = v->again = v->ended = false;
	v->tell_from = v->tell_to = 0;
	v->drop[0] = 0;
	v->retry = 0;
	say_no(v, rsc, why, say, text);
}

void bbn_whose(const struct mst_who *w, const struct mst_peer *p, char out[MST_ID_MAX])
{
	struct mst_writer b = mst_writer_of(out, MST_ID_MAX);

	out[0] = 0;
	if (w->has_node) {
		mst_put_str(&b, "node ");
		mst_put_dec(&b, w->node.id);
	} else if (p->how == MST_AUTH_CERT) {
		mst_put_str(&b, "key ");
		mst_put_hex(&b, (struct mst_view){ p->cert.spki_sha256, sizeof(p->cert.spki_sha256) });
	}
	mst_put_nul(&b);
}

/* --- who may be briefed --- */

/* Suspended, revoked, or with a subscription that does not hold. One without any, or released: the rules decide. */
static bool standing(const struct mst_who *w, mst_time now, struct bbn_verdict *v)
{
	const char *why = "";

	if (w->node.state == MST_NODE_RELEASED || !mst_decide_standing(w, now, &why))
		return true;
	if (!w->has_sub && w->node.state != MST_NODE_SUSPENDED && w->node.state != MST_NODE_REVOKED)
		return true;
	bbn_refuse(v, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_ACTIVE,
		   w->node.state == MST_NODE_SUSPENDED || w->node.state == MST_NODE_REVOKED ? "the node is not served" :
		                                                                             "no valid subscription", why);
	return false;
}

static bool admit(const struct bbn_call *c, const struct mst_who *w, const struct mst_role_conf *conf, mst_time now,
		  struct bbn_verdict *v)
{
	if (w->kind == MST_WHO_NODE)
		return standing(w, now, v);
	if (w->stranger && conf->strangers && c->what == BBN_BRIEF)
		return true;
	if (w->stranger)
		bbn_refuse(v, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_AUTHENTICATED, "prove who you are: a certificate or a key",
			   "nothing was shown in the handshake");
	else if (w->kind != MST_WHO_NOBODY || w->clash || w->why[0] == 0)
		bbn_refuse(v, MST_RSC_NO_PRIVILEGE, MST_BRIEF_UNKNOWN_NODE, "not known here", w->why);
	else
		return true;
	return false;
}

/* --- a question --- */

/* Names in the order of the facts that they become. */
static struct mst_view proved(const struct mst_who *w, const struct mst_peer *p, enum mst_id_kind kind)
{
	for (size_t i = 0; i < w->n_name; i++)
		if (w->name[i].kind == kind)
			return mst_view_str(w->name[i].value);
	for (size_t i = 0; !w->has_node && p->how == MST_AUTH_CERT && i < p->cert.n_san; i++)
		if (p->cert.san[i].kind == kind)
			return mst_view_str(p->cert.san[i].value);
	return MST_VIEW_NONE;
}

static bool names(const struct mst_who *w, const struct mst_peer *p, enum mst_id_kind kind, struct mst_view stated)
{
	for (size_t i = 0; i < w->n_name; i++)
		if (w->name[i].kind == kind && mst_id_equal(kind, mst_view_str(w->name[i].value), stated))
			return true;
	for (size_t i = 0; p->how == MST_AUTH_CERT && i < p->cert.n_san; i++)
		if (p->cert.san[i].kind == kind && mst_id_equal(kind, mst_view_str(p->cert.san[i].value), stated))
			return true;
	return false;
}

const char *bbn_mismatch(const struct mst_brief_ask *q, const struct mst_who *w, const struct mst_peer *p)
{
	const struct { const char *member; struct mst_view stated; const char *have; } rows[] = {
		{ "maker", q->maker, w->node.maker }, { "model", q->model, w->node.model },
		{ "serial", q->serial, w->node.serial }, { "batch", q->batch, w->node.batch },
	};

	/* who has shown nothing has nothing to disagree with */
	if (w->stranger)
		return NULL;
	if (q->node_id.n && proved(w, p, MST_ID_NODE).n && !names(w, p, MST_ID_NODE, q->node_id))
		return "nodeID";
	if (q->device_id.n && proved(w, p, MST_ID_DEVICE).n && !names(w, p, MST_ID_DEVICE, q->device_id))
		return "deviceID";
	for (size_t i = 0; w->has_node && i < MST_COUNT(rows); i++)
		if (rows[i].stated.n && rows[i].have[0] && !mst_view_eq_str(rows[i].stated, rows[i].have))
			return rows[i].member;
	return NULL;
}

static void place_fact(const struct mst_place *p, struct mst_location *ret)
{
	ret->has = (uint32_t)p->has;
	ret->latitude = p->latitude;
	ret->longitude = p->longitude;
	ret->accuracy = p->accuracy;
	ret->cell = mst_view_str(p->cell);
	ret->site = mst_view_str(p->site);
}

void bbn_facts(const struct bbn_call *c, const struct mst_who *w, const struct bbn_records *r, mst_time now,
	       struct mst_rule_facts *f)
{
	memset(f, 0, sizeof(*f));
	f->now = now;
	f->auth = w->stranger ? MST_RULE_AUTH_NONE : r->peer->how == MST_AUTH_PSK ? MST_RULE_AUTH_PSK : MST_RULE_AUTH_CERT;
	if (!w->stranger) {
		f->node_id = proved(w, r->peer, MST_ID_NODE);
		f->device_id = proved(w, r->peer, MST_ID_DEVICE);
		f->node_proven = f->node_id.n;
		f->device_proven = f->device_id.n;
		f->unknown = !w->has_node;
	}
	if (r->peer->how == MST_AUTH_CERT) {
		f->issuer = (struct mst_view){ r->peer->anchor_sha256, MST_SHA256_LEN };
		f->issuer_name = mst_view_str(r->issuer_name);
	}
	if (w->has_node) {
		f->maker = mst_view_str(w->node.maker);
		f->model = mst_view_str(w->node.model);
		f->serial = mst_view_str(w->node.serial);
		f->batch = mst_view_str(w->node.batch);
	}
	/* of a node that was let go the subscription says nothing any more */
	if (w->has_sub && w->node.state != MST_NODE_RELEASED) {
		f->subscription = mst_view_str(w->sub.id);
		f->sp = mst_view_str(w->sub.sp_fqdn);
		f->maf = mst_view_str(w->sub.maf_fqdn);
		f->maf_uri = mst_view_str(w->sub.maf_uri);
	}
	if (r->has_place)
		place_fact(&r->place, &f->place);
	mst_rule_facts_ask(f, &c->ask);
	mst_rule_facts_mark(f);
}

static bool repeated(const struct bbn_records *r, mst_time now)
{
	return r->has_briefing && !r->briefing.outcome && r->briefing.until > now;
}

/* The operator can judge it again by other rules: `muster rule replay`. */
static void remember(const struct bbn_call *c, const struct bbn_records *r, const struct mst_who *w, const struct mst_chance *chance,
		     mst_time now, struct bbn_verdict *v)
{
	struct mst_briefing *b = &v->briefing;
	struct mst_writer o = mst_writer_of(b->facts.b, sizeof(b->facts.b));
	struct mst_writer id = mst_writer_of(b->id, sizeof(b->id));

	if (r->has_briefing)
		MST_STR_SET(v->drop, r->briefing.id);
	/* of a stranger nothing is kept, so the same question must lead to the same id by itself */
	mst_put_hex(&id, (struct mst_view){ r->who[0] ? chance->b : c->sha256, 16 });
	mst_put_nul(&id);
	mst_ascii_lower(b->id);
	b->node = w->has_node ? w->node.id : 0;
	MST_STR_SET(b->who, r->who);
	MST_STR_SET(b->attempt, c->attempt);
	memcpy(b->ask, c->sha256, sizeof(b->ask));
	b->at = b->until = now;
	b->rules_version = r->rules_version;
	mst_rule_facts_write_cbor(&v->facts, &o);
	b->facts.n = (uint16_t)(o.ok ? o.n : 0);
	v->put_briefing = r->who[0] != 0;
}

/*
 * Who has not proven who it is, or is known to nobody, learns nothing of rules that are not public: whether there is one
 * for what it says of itself makes no difference in the answer. The operator is told.
 */
static void no_public_answer(bool would, struct bbn_verdict *v)
{
	if (v->facts.unknown)
		say_no(v, MST_RSC_NO_PRIVILEGE, MST_BRIEF_UNKNOWN_NODE, "not known here", would ?
		       "nobody has made it known; a rule that is not public would hold for it" :
		       "nobody has made it known, and no rule holds for it");
	else
		say_no(v, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_AUTHENTICATED, "not for those who do not prove who they are", would ?
		       "it has shown nothing; a rule that is not public would hold for it" :
		       "it has shown nothing, and no rule holds for it");
}

/* Without instructions. What was asked is remembered all the same: the operator makes a rule and replays it. */
static void no_answer(const struct mst_role_conf *conf, int outcome, const struct mst_diag *d, struct bbn_verdict *v)
{
	static const struct { int outcome, rsc, why; const char *say; } rows[] = {
		{ MST_RULE_NONE, MST_RSC_NOT_FOUND, MST_BRIEF_NO_RULE, "no instructions for this node yet" },
		{ MST_RULE_DENIED, MST_RSC_NOT_FOUND, MST_BRIEF_NO_RULE, "" },
		{ MST_RULE_NO_METHOD, MST_RSC_CONFLICT, MST_BRIEF_NO_METHOD, "none of the allowed methods is one that this node can do" },
		{ MST_RULE_NO_SUBSCRIPTION, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_ACTIVE, "no valid subscription" },
	};
	char deny[sizeof(v->say)] = "";
	struct mst_writer t = mst_writer_of(v->text, sizeof(v->text) - 1);

	if (outcome == MST_RULE_DENIED)
		(void)mst_view_to_str(mst_view_sub(v->rule.then.deny, 0, sizeof(deny) - 1), deny, sizeof(deny));
	for (size_t i = 0; i < MST_COUNT(rows); i++)
		if (rows[i].outcome == outcome)
			say_no(v, rows[i].rsc, rows[i].why, deny[0] ? deny : rows[i].say, d->text);
	if (outcome == MST_RULE_NONE_PUBLIC || (outcome == MST_RULE_NONE && (v->facts.unknown || v->facts.auth == MST_RULE_AUTH_NONE)))
		no_public_answer(outcome == MST_RULE_NONE_PUBLIC, v);
	if (v->briefing.rule[0]) {
		char words[sizeof(v->text)];

		memcpy(words, v->text, sizeof(words));
		mst_put_str(&t, "rule ");
		mst_put_str(&t, v->briefing.rule);
		mst_put_str(&t, ": ");
		mst_put(&t, mst_view_sub(mst_view_str(words), 0, t.cap - t.n));
		v->text[t.n] = 0;
	}
	v->retry = (int)conf->retry_duration;
	v->briefing.outcome = v->why;
}

static void brief_node(const struct mst_who *w, const struct bbn_call *c, mst_time now, struct bbn_verdict *v)
{
	if (!w->has_node)
		return;
	v->put_node = true;
	v->node = w->node;
	v->node.last_seen = now;
	MST_STR_SET(v->node.last_step, "bbn-brief");
	MST_STR_SET(v->node.attempt, c->attempt);
	/* never backwards: one that has come further is only told again */
	if (w->node.state == MST_NODE_KNOWN) {
		v->node.state = MST_NODE_BRIEFED;
		v->node.changed = now;
		MST_STR_SET(v->node.reason, "briefed");
	}
}

/* What the rules say: 0 and v->sequence, or an outcome. */
static int consult(const struct bbn_records *r, struct mst_arena *a, struct bbn_verdict *v, struct mst_diag *d)
{
	struct mst_briefing *b = &v->briefing;
	struct mst_rule_match m = { 0 };
	int out = r->rules ? mst_rule_decide(r->rules, &v->facts, &m) : MST_RULE_NONE;

	if (out)
		return out;
	(void)mst_view_to_str(mst_view_sub(m.name, 0, sizeof(b->rule) - 1), b->rule, sizeof(b->rule));
	return mst_rule_answer(&m, &v->facts, mst_view_str(b->id), a, &v->rule, &v->sequence, d);
}

static void ask(const struct bbn_call *c, const struct mst_who *w, const struct bbn_records *r, const struct mst_role_conf *conf,
		mst_time now, const struct mst_chance *chance, struct mst_arena *a, struct bbn_verdict *v)
{
	struct mst_briefing *b = &v->briefing;
	struct mst_writer o = mst_writer_of(b->answer.b, sizeof(b->answer.b)), t = mst_writer_of(v->text, sizeof(v->text) - 1);
	struct mst_diag d = { 0 };
	int out;

	bbn_facts(c, w, r, now, &v->facts);
	remember(c, r, w, chance, now, v);
	out = consult(r, a, v, &d);
	if (out > 0) {
		no_answer(conf, out, &d, v);
		return;
	}
	if (!out && !(v->rule.then.has & BIT(MST_RT_VALID_FOR)) && conf->validity > 0)
		v->sequence.valid_until = now + conf->validity;
	if (!out)
		mst_sequence_write_cbor(&v->sequence, &o);
	if (out || !o.ok) {
		bbn_refuse(v, MST_RSC_INTERNAL, MST_BRIEF_BUSY, "try again later", out ? "the rule that matched cannot be read" :
			   "the instructions of the rule are too long together");
		return;
	}
	b->answer.n = (uint16_t)o.n;
	b->until = v->sequence.valid_until;
	v->rsc = MST_RSC_OK;
	mst_put_str(&t, "rule ");
	mst_put_str(&t, b->rule);
	mst_put_str(&t, ", briefing ");
	mst_put_str(&t, b->id);
	mst_put_nul(&t);
	brief_node(w, c, now, v);
}

static void brief(const struct bbn_call *c, const struct mst_who *w, const struct bbn_records *r, const struct mst_role_conf *conf,
		  mst_time now, const struct mst_chance *chance, struct mst_arena *a, struct bbn_verdict *v)
{
	const char *bad = bbn_mismatch(&c->ask, w, r->peer);
	struct mst_writer t = mst_writer_of(v->text, sizeof(v->text) - 1);

	if (bad) {
		char text[96];
		struct mst_writer m = mst_writer_of(text, sizeof(text));

		mst_put_str(&m, bad);
		mst_put_str(&m, ": what it says of itself is not what it proved or what its record says");
		mst_put_nul(&m);
		bbn_refuse(v, MST_RSC_NO_PRIVILEGE, MST_BRIEF_MISMATCH, "what you say of yourself is not what you proved", text);
		return;
	}
	if (!repeated(r, now)) {
		ask(c, w, r, conf, now, chance, a, v);
		return;
	}
	v->again = true;
	v->rsc = MST_RSC_OK;
	mst_put_str(&t, "the same question again, briefing ");
	mst_put_str(&t, r->briefing.id);
	mst_put_nul(&t);
	brief_node(w, c, now, v);
}

/* --- a report --- */

static void note_report(const struct bbn_call *c, mst_time now, struct bbn_verdict *v)
{
	const struct mst_brief_report *q = &c->report;
	struct mst_briefing *b = &v->briefing;

	if (strcmp(b->reported, c->attempt)) {
		/* another run with the same instructions */
		MST_STR_SET(b->reported, c->attempt);
		b->state = MST_BRIEFING_OPEN;
		b->failures = 0;
	} else if (b->state != MST_BRIEFING_OPEN || (q->n_failures <= b->failures && !q->done)) {
		v->mute = true;
		return;
	}
	v->tell_from = (size_t)b->failures;
	v->tell_to = q->n_failures;
	if (q->n_failures > b->failures)
		b->failures = q->n_failures;
	v->ended = q->done;
	if (q->done)
		b->state = q->enrolled ? MST_BRIEFING_ENROLLED : MST_BRIEFING_FAILED;
	if (q->enrolled)
		(void)mst_view_to_str(q->target, b->target, sizeof(b->target));
	b->reports++;
	b->report_at = now;
	v->put_briefing = true;
}

static void report(const struct bbn_call *c, const struct mst_who *w, const struct bbn_records *r, mst_time now,
		   struct bbn_verdict *v)
{
	/* one answer for what is not there and what is somebody else's */
	if (!r->has_briefing || r->briefing.outcome || !r->who[0] || strcmp(r->briefing.who, r->who)) {
		bbn_refuse(v, MST_RSC_NOT_FOUND, MST_BRIEF_MISMATCH, "no briefing of yours has this id",
			   r->has_briefing ? "a report on another node's briefing" : "a report on a briefing that is not there");
		return;
	}
	if (c->report.enrolled && !c->report.done) {
		bbn_refuse(v, MST_RSC_BAD_REQUEST, MST_BRIEF_MALFORMED, "enrolled: true only when done is true", NULL);
		return;
	}
	v->rsc = 204;
	v->briefing = r->briefing;
	note_report(c, now, v);
	if (v->mute)
		return;
	if (v->briefing.reports > BBN_REPORTS_MAX) {
		bbn_refuse(v, MST_RSC_CONFLICT, MST_BRIEF_MALFORMED, "too many reports on one briefing; ask for a new one", NULL);
		return;
	}
	if (w->has_node) {
		v->put_node = true;
		v->node = w->node;
		v->node.last_seen = now;
		MST_STR_SET(v->node.attempt, c->attempt);
	}
}

void bbn_decide(const struct bbn_call *c, const struct mst_who *w, const struct bbn_records *r, const struct mst_role_conf *conf,
		mst_time now, const struct mst_chance *chance, struct mst_arena *a, struct bbn_verdict *v)
{
	memset(v, 0, sizeof(*v));
	v->what = c->what == BBN_REPORT ? "report" : "briefed";
	if (!admit(c, w, conf, now, v))
		return;
	switch (c->what) {
	case BBN_BRIEF: brief(c, w, r, conf, now, chance, a, v); return;
	case BBN_REPORT: report(c, w, r, now, v); return;
	case BBN_NOTHING: break;
	}
	bbn_refuse(v, MST_RSC_OPERATION_NOT_ALLOWED, MST_BRIEF_MALFORMED, "no such operation here", NULL);
}
