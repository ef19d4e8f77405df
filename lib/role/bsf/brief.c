/*
 * The BSF as briefing node (architecture 3.4): the owner's rules say what a node does next, and what a MEF would have told it
 * of itself goes with it. Both stand under rspauth, so they count only with qop auth-int.
 */
#include "role/bsf/bsf.h"

#include <stdio.h>

#include "codec/resources.h"

#define SCRATCH (MST_RULE_OCTETS + MST_FACTS_OCTETS + MST_SEQ_OCTETS + 8192)

/* A node on Ub does not say what it can do, so the owner's order stands; it leaves out itself what it cannot. */
static const int methods[] = { MST_METHOD_GBA, MST_METHOD_PSK, MST_METHOD_CERT, MST_METHOD_BBN };

static _Thread_local uint8_t scratch[SCRATCH];

/* Of a subscriber who is no node of this installation's registry, what its settings call it. */
static void name_of(const struct mst_uss *u, struct bsf_briefing *b)
{
	struct mst_node *n = &b->who.node;
	const struct { enum mst_id_kind kind; char *to; size_t cap; } name[] = { { MST_ID_CSE_ABS, n->cse_id, sizeof(n->cse_id) },
		{ MST_ID_AE_ABS, n->ae_id, sizeof(n->ae_id) }, { MST_ID_NODE, n->node_id, sizeof(n->node_id) } };

	for (size_t k = 0; k < u->n_ids; k++)
		for (size_t i = 0; i < MST_COUNT(name); i++) {
			if (!mst_id_valid(name[i].kind, u->id[k]))
				continue;
			b->named |= !name[i].to[0] && mst_view_to_str(u->id[k], name[i].to, name[i].cap);
			break;
		}
}

/* Which node the subscriber is: the GUSS says what it is called at our service (TS-0003 8.3.2.3). */
static int find_node(struct mst_role_env *env, const struct mst_guss *g, struct bsf_briefing *b)
{
	char id[MST_ID_MAX];

	memset(&b->who, 0, sizeof(b->who));
	for (size_t i = 0; i < g->n && !b->known; i++)
		for (size_t k = 0; k < g->uss[i].n_ids && !b->known && g->uss[i].gsid == (uint32_t)env->conf->gba.gsid; k++) {
			int e = MST_STORE_NONE;

			if (mst_view_to_str(g->uss[i].id[k], id, sizeof(id))) {
				mst_id_enrolee(id, id);
				e = mst_role_client(env, id, 0, &b->who);
			}
			if (e < 0)
				return e;
			b->known = !e && b->who.has_node;
		}
	if (b->known)
		return 0;
	memset(&b->who, 0, sizeof(b->who));
	for (size_t i = 0; i < g->n && !b->named; i++)
		if (g->uss[i].gsid == (uint32_t)env->conf->gba.gsid)
			name_of(&g->uss[i], b);
	return 0;
}

/* An IMPI that was made of an IMSI begins with it (TS 23.003 13.3). */
static struct mst_view imsi_of(const char *impi)
{
	struct mst_view all = mst_view_str(impi), v = mst_view_sub(all, 0, mst_view_find(all, '@'));

	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return MST_VIEW_NONE;
	return v.n >= 6 && v.n <= GBA_IMSI_MAX ? v : MST_VIEW_NONE;
}

static void facts_of(const struct mst_role_env *env, const struct bsf_call *q, const char *impi, const struct bsf_briefing *b,
		     const struct mst_place *place, struct mst_rule_facts *f)
{
	memset(f, 0, sizeof(*f));
	f->now = env->now;
	f->auth = MST_RULE_AUTH_GBA;
	f->imsi = imsi_of(impi);
	f->imsi_proven = f->imsi.n;
	f->attempt = mst_view_str(q->attempt);
	for (size_t i = 0; i < MST_COUNT(methods); i++)
		f->methods[f->n_methods++] = methods[i];
	if (b->known) {
		const struct mst_who *w = &b->who;

		f->node_id = mst_view_str(w->node.node_id);
		f->node_proven = true;
		f->maker = mst_view_str(w->node.maker);
		f->model = mst_view_str(w->node.model);
		f->serial = mst_view_str(w->node.serial);
		f->batch = mst_view_str(w->node.batch);
		if (w->has_sub && w->node.state != MST_NODE_RELEASED) {
			f->subscription = mst_view_str(w->sub.id);
			f->sp = mst_view_str(w->sub.sp_fqdn);
			f->maf = mst_view_str(w->sub.maf_fqdn);
			f->maf_uri = mst_view_str(w->sub.maf_uri);
		}
	}
	if (place)
		f->place = (struct mst_location){ (uint32_t)place->has, place->latitude, place->longitude, place->accuracy,
						  mst_view_str(place->cell), mst_view_str(place->site) };
	mst_rule_facts_mark(f);
}

/* As a briefing node keeps it, so that `muster rule replay` and the list of briefings see it, too. */
static int remember(struct mst_role_env *env, const struct bsf_call *q, const struct bsf_records *r, const struct mst_rule_facts *f,
		    int64_t version, struct bsf_briefing *b)
{
	struct mst_briefing *row = &b->row;
	struct mst_writer o = mst_writer_of(row->facts.b, sizeof(row->facts.b)), id = mst_writer_of(row->id, sizeof(row->id));
	struct mst_writer who = mst_writer_of(row->who, sizeof(row->who));
	char impi[MST_ID_MAX];
	uint8_t chance[16];
	int e = env->crypto->ops->random(env->crypto, chance, sizeof(chance));

	memset(row, 0, sizeof(*row));
	/* of each run one: our own random name of it is the question. The nonce is not: an HSS may give a vector again, when nothing but this row is left of it */
	if (!e)
		e = env->crypto->ops->sha256(env->crypto, mst_view_str(r->run.run.opaque), row->ask);
	if (e)
		return e;
	mst_put_hex(&id, (struct mst_view){ chance, sizeof(chance) });
	mst_put_nul(&id);
	mst_ascii_lower(row->id);
	if (b->known) {
		mst_put_str(&who, "node ");
		mst_put_dec(&who, b->who.node.id);
	} else {
		mst_put_str(&who, "sim ");
		mst_id_impi(r->run.run.impi, impi);
		mst_put(&who, mst_view_sub(mst_view_str(impi), 0, sizeof(row->who) - 8));
	}
	mst_put_nul(&who);
	row->node = b->known ? b->who.node.id : 0;
	MST_STR_SET(row->attempt, q->attempt);
	row->at = row->until = env->now;
	row->rules_version = version;
	mst_rule_facts_write_cbor(f, &o);
	row->facts.n = (uint16_t)(o.ok ? o.n : 0);
	return who.ok && id.ok ? 0 : MST_FAULT_BUG;
}

static void node_was_briefed(const struct mst_role_env *env, const struct bsf_call *q, struct bsf_briefing *b)
{
	struct mst_node *n = &b->who.node;

	if (!b->known)
		return;
	b->put_node = true;
	n->last_seen = env->now;
	MST_STR_SET(n->last_step, "bsf-brief");
	MST_STR_SET(n->attempt, q->attempt);
	/* never backwards: one that has come further is only told again */
	if (n->state == MST_NODE_KNOWN) {
		n->state = MST_NODE_BRIEFED;
		n->changed = env->now;
		MST_STR_SET(n->reason, "briefed");
	}
}

static int no_instructions(int outcome, struct bsf_briefing *b, const struct mst_diag *d)
{
	b->row.outcome = outcome == MST_RULE_NO_METHOD ? MST_BRIEF_NO_METHOD : outcome == MST_RULE_NO_SUBSCRIPTION ? MST_BRIEF_NOT_ACTIVE :
										  MST_BRIEF_NO_RULE;
	snprintf(b->text, sizeof(b->text), "no instructions: %.60s%s%.100s", b->row.rule[0] ? b->row.rule : "no rule holds", d->text[0] ? ": " : "",
		 d->text);
	return 0;
}

/* A key with a CSE (SUID 22): what is here of a subscription holds when that CSE is its registrar, or nobody has said who is. */
static bool its_cse(const struct mst_instruction *one, const struct mst_subscription *sub)
{
	return sub->registrar_cse_id[0] ? mst_id_equal(MST_ID_CSE_ABS, one->target, mst_view_str(sub->registrar_cse_id)) :
					  mst_id_equal(MST_ID_FQDN, one->admin_fqdn, mst_view_str(sub->sp_fqdn));
}

/* The rules send it to another provider than the one that it has here: that one's MAF, registrar and term are not for it any more. */
static bool leads_elsewhere(const struct mst_sequence *s, const struct mst_who *who)
{
	for (size_t i = 0; i < s->n_instructions; i++) {
		const struct mst_instruction *one = &s->instructions[i];

		if (one->kind != MST_INSTR_BOOTSTRAP || !who->has_sub)
			continue;
		if (one->suid == MST_SUID_KPSA ? !its_cse(one, &who->sub) : !mst_id_equal(MST_ID_FQDN, one->target, mst_view_str(who->sub.maf_fqdn)))
			return true;
	}
	return false;
}

static int write_instructions(const struct mst_sequence *s, struct bsf_briefing *b)
{
	struct mst_writer w = mst_writer_of(b->instructions, sizeof(b->instructions)), o = mst_writer_of(b->row.answer.b, sizeof(b->row.answer.b));

	mst_sequence_write_json(s, &w);
	mst_sequence_write_cbor(s, &o);
	b->elsewhere = leads_elsewhere(s, &b->who);
	b->n_instructions = w.ok && o.ok ? w.n : 0;
	b->row.answer.n = (uint16_t)(o.ok ? o.n : 0);
	return 0;
}

static int consult(struct mst_role_env *env, const struct mst_rule_set *set, const struct mst_rule_facts *f, struct bsf_briefing *b)
{
	static _Thread_local struct mst_rule rule;
	static _Thread_local struct mst_sequence seq;
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	struct mst_rule_match m = { 0 };
	struct mst_diag d = { 0 };
	int out = set ? mst_rule_decide(set, f, &m) : MST_RULE_NONE;

	if (!out) {
		(void)!mst_view_to_str(mst_view_sub(m.name, 0, sizeof(b->row.rule) - 1), b->row.rule, sizeof(b->row.rule));
		out = mst_rule_answer(&m, f, mst_view_str(b->row.id), &a, &rule, &seq, &d);
	}
	if (out)
		return out < 0 ? out : no_instructions(out, b, &d);
	if (!(rule.then.has & 1u << MST_RT_VALID_FOR) && env->conf->validity > 0)
		seq.valid_until = env->now + env->conf->validity;
	b->row.until = seq.valid_until;
	snprintf(b->text, sizeof(b->text), "rule %s, briefing %s", b->row.rule, b->row.id);
	return write_instructions(&seq, b);
}

static int configure(struct mst_role_env *env, struct bsf_briefing *b)
{
	static _Thread_local struct mst_who who;
	struct mst_writer w = mst_writer_of(b->configuration, sizeof(b->configuration));
	uint8_t ca[MST_BSF_INFO_OCTETS / 4];
	size_t n = 0;
	int e;

	b->n_configuration = 0;
	if (!b->known && !b->named)
		return 0;
	who = b->who;
	who.has_node = true;
	who.has_sub = b->known && who.has_sub && !b->elsewhere;
	e = who.has_sub ? env->keeper->ops->ca_cert(env->keeper, ca, sizeof(ca), &n) : 0;
	if (e)
		return e < 0 ? e : MST_FAULT_BUG;
	mst_role_put_cfg(&mst_mef_client_cfg_msg, MST_PROFILE_LONG, &who, (struct mst_view){ ca, n }, env->now, &w);
	b->n_configuration = w.ok ? w.n : 0;
	return 0;
}

/* Suspended, revoked, with a subscription that has ended: its provider has nothing to say to it. */
static bool silent(const struct mst_role_env *env, struct bsf_briefing *b)
{
	const char *why = "";

	if (!b->known || b->who.node.state == MST_NODE_RELEASED || !b->who.has_sub || !mst_decide_standing(&b->who, env->now, &why))
		return false;
	snprintf(b->text, sizeof(b->text), "not briefed: %.150s", why);
	return true;
}

static void start(struct bsf_briefing *b)
{
	b->put = b->put_node = b->known = b->named = b->elsewhere = false;
	b->n_instructions = b->n_configuration = 0;
	b->text[0] = '\0';
}

int bsf_brief(struct mst_role_env *env, const struct bsf_call *q, const struct bsf_records *r, struct bsf_briefing *b)
{
	static _Thread_local struct mst_rule_facts f;
	const struct mst_rule_set *set = NULL;
	struct mst_place place;
	bool has_place = false;
	int64_t version = 0;
	int e;

	start(b);
	if (r->run.run.qop != GBA_QOP_AUTH_INT)
		return 0;
	e = find_node(env, &r->guss, b);
	if (e || !env->conf->gba.brief || silent(env, b))
		return e;
	if (b->known) {
		e = mst_store_place_get(env->store, b->who.node.id, &place);
		has_place = !e;
	}
	if (e >= 0)
		e = bsf_rules(env, &set, &version);
	if (e)
		return e;
	facts_of(env, q, r->run.run.impi, b, has_place ? &place : NULL, &f);
	e = remember(env, q, r, &f, version, b);
	if (!e)
		e = consult(env, set, &f, b);
	if (!e)
		e = configure(env, b);
	b->put = !e;
	node_was_briefed(env, q, b);
	return e;
}

int bsf_brief_again(struct mst_role_env *env, const struct bsf_records *r, struct bsf_briefing *b)
{
	static _Thread_local struct mst_sequence seq;
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	int e;

	start(b);
	if (!r->session.briefing[0])
		return 0;
	e = mst_store_briefing_get(env->store, r->session.briefing, &b->row);
	if (e)
		return e < 0 ? e : 0;
	e = find_node(env, &r->guss, b);
	if (e || b->row.outcome)
		return e ? e : configure(env, b);
	if (mst_sequence_read_cbor((struct mst_view){ b->row.answer.b, b->row.answer.n }, &a, &seq, NULL))
		return MST_FAULT_CORRUPT;
	e = write_instructions(&seq, b);
	return e ? e : configure(env, b);
}
