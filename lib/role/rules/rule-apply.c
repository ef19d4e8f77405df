/* What a rule gives to a node: negotiation of methods, and what comes from the subscription. Pure. */
#include "role/rules/rule.h"

#include "base/fault.h"

#define HAS(m, row) ((m)->has >> (row)&1)

static bool scheme_is(struct mst_view uri, const char *transport)
{
	return mst_view_starts(uri, transport) && mst_view_starts(mst_view_sub(uri, strlen(transport), uri.n), "://");
}

/* The node has the transport. Ub over plain HTTP needs none: the answer is protected by the AKA key (spec gba). */
static bool can_reach(const struct mst_rule_facts *f, const struct mst_instruction *in)
{
	static const char *const known[] = { "https", "coaps", "wss" };

	for (size_t i = 0; i < MST_COUNT(known); i++) {
		if (!scheme_is(in->uri, known[i]))
			continue;
		if (!f->n_transports)
			return i == 0;
		for (size_t k = 0; k < f->n_transports; k++)
			if (mst_view_eq_str(f->transports[k], known[i]))
				return true;
		return false;
	}
	return true;
}

/* False: it needs a subscription that is not there. */
static bool complete(struct mst_instruction *in, const struct mst_rule_facts *f)
{
	if (in->kind != MST_INSTR_BOOTSTRAP)
		return true;
	if (!HAS(in, MST_IN_TARGET)) {
		if (!f->maf.n)
			return false;
		in->target = f->maf;
		in->has |= UINT32_C(1) << MST_IN_TARGET;
		if (!HAS(in, MST_IN_MAF_URI) && f->maf_uri.n) {
			in->maf_uri = f->maf_uri;
			in->has |= UINT32_C(1) << MST_IN_MAF_URI;
		}
	}
	if (!HAS(in, MST_IN_ADMIN)) {
		if (!f->sp.n)
			return false;
		in->admin_fqdn = f->sp;
		in->has |= UINT32_C(1) << MST_IN_ADMIN;
	}
	return true;
}

struct gather {
	const struct mst_rule *rule;
	const struct mst_rule_facts *f;
	struct mst_sequence *s;
	bool incomplete;
};

static void take_method(struct gather *g, int method)
{
	const struct mst_rule_then *t = &g->rule->then;

	for (size_t i = 0; i < t->n_instructions; i++) {
		struct mst_instruction *in = &g->s->instructions[g->s->n_instructions];

		if (t->instructions[i].method != method || !can_reach(g->f, &t->instructions[i]))
			continue;
		*in = t->instructions[i];
		if (complete(in, g->f))
			g->s->n_instructions++;
		else
			g->incomplete = true;
	}
}

static void take_in_owners_order(struct gather *g)
{
	const struct mst_rule_then *t = &g->rule->then;

	for (size_t i = 0; i < t->n_instructions; i++) {
		struct mst_instruction *in = &g->s->instructions[g->s->n_instructions];
		bool can = false;

		for (size_t k = 0; k < g->f->n_methods; k++)
			can = can || g->f->methods[k] == t->instructions[i].method;
		if (!can || !can_reach(g->f, &t->instructions[i]))
			continue;
		*in = t->instructions[i];
		if (complete(in, g->f))
			g->s->n_instructions++;
		else
			g->incomplete = true;
	}
}

static int refuse(int outcome, struct mst_diag *d, const char *text, struct mst_view more)
{
	char end[128];

	if (!mst_view_to_str(mst_view_sub(more, 0, sizeof(end) - 1), end, sizeof(end)))
		end[0] = '\0';
	mst_diag_set(d, 0, "then", text, end, NULL);
	return outcome;
}

int mst_rule_apply(const struct mst_rule *rule, const struct mst_rule_facts *f, struct mst_view id,
		   struct mst_sequence *ret_s, struct mst_diag *d)
{
	struct gather g = { rule, f, ret_s, false };
	int64_t lasts = HAS(&rule->then, MST_RT_VALID_FOR) ? rule->then.valid_for : MST_RULE_VALID_FOR;

	memset(ret_s, 0, sizeof(*ret_s));
	if (HAS(&rule->then, MST_RT_DENY))
		return refuse(MST_RULE_DENIED, d, "", rule->then.deny);
	if (rule->then.order == MST_RULE_ORDER_NODE)
		for (size_t i = 0; i < f->n_methods; i++)
			take_method(&g, f->methods[i]);
	else
		take_in_owners_order(&g);
	if (!ret_s->n_instructions && g.incomplete)
		return refuse(MST_RULE_NO_SUBSCRIPTION, d,
			      "the rule leaves the target to the node's subscription, and it has none", MST_VIEW_NONE);
	if (!ret_s->n_instructions)
		return refuse(MST_RULE_NO_METHOD, d, "the node can do none of the rule's methods over a transport that it has",
			      MST_VIEW_NONE);
	ret_s->version = 1;
	ret_s->id = id;
	ret_s->valid_until = f->now + lasts;
	ret_s->has = UINT32_C(1) << MST_SQ_VERSION | UINT32_C(1) << MST_SQ_VALID_UNTIL | UINT32_C(1) << MST_SQ_INSTRUCTIONS;
	if (id.n)
		ret_s->has |= UINT32_C(1) << MST_SQ_ID;
	/* what a subscription says may not be what an instruction wants */
	return mst_sequence_check(ret_s, d) ? MST_RULE_NO_SUBSCRIPTION : 0;
}

int mst_rule_answer(const struct mst_rule_match *m, const struct mst_rule_facts *f, struct mst_view id,
		    struct mst_arena *a, struct mst_rule *ret_rule, struct mst_sequence *ret_s, struct mst_diag *d)
{
	/* read when the set was built: cannot fail but for the arena */
	return mst_rule_read_cbor(m->cbor, a, ret_rule, d) ? MST_FAULT_BUG : mst_rule_apply(ret_rule, f, id, ret_s, d);
}
