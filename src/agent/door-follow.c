/* What a pushed trigger that was accepted makes the agent do: the same as if a person had asked on the spot. */
#include <stdlib.h>

#include "agent/door.h"

/* The engine's refusal is the trigger's. */
static enum trigger_verdict of_engine(int r, struct mst_diag *d)
{
	if (r && !d->text[0])
		mst_diag_set(d, 0, "", r > 0 ? prov_reason_text((enum prov_reason)r) : mst_fault_text(r), NULL);
	return r < 0 ? TRIGGER_INTERNAL : r ? TRIGGER_UNUSABLE : TRIGGER_ACCEPTED;
}

static enum trigger_verdict unusable(struct mst_diag *d, const char *text)
{
	mst_diag_set(d, 0, "", text, NULL);
	return TRIGGER_UNUSABLE;
}

static enum trigger_verdict run_sequence(struct agent *a, const struct mst_sequence *s, const char *by,
					 struct mst_diag *d)
{
	uint8_t *cbor = malloc(MST_SEQ_OCTETS);
	struct mst_writer w = mst_writer_of(cbor, cbor ? MST_SEQ_OCTETS : 0);
	int r = MST_FAULT_MEMORY;

	mst_sequence_write_cbor(s, &w);
	if (w.ok)
		r = agent_trigger(a, mst_written(&w), by, d);
	free(cbor);
	return of_engine(r, d);
}

static enum trigger_verdict do_instruction(struct agent *a, const struct mst_trigger *t, const char *by,
					   struct mst_diag *d)
{
	struct mst_sequence *s = calloc(1, sizeof(*s));
	uint8_t room[600];
	struct mst_arena arena = mst_arena_of(room, sizeof(room));
	enum trigger_verdict v = TRIGGER_INTERNAL;

	if (s)
		v = mst_trigger_sequence(t, &arena, s, d) ? TRIGGER_MALFORMED : run_sequence(a, s, by, d);
	free(s);
	return v;
}

/* Room for the instructions that this node holds. */
struct known { struct mst_sequence s[3]; uint8_t cbor[2][MST_SEQ_OCTETS], none[1]; size_t n; };

static void add_known(struct known *k, size_t i, size_t n)
{
	struct mst_arena none = mst_arena_of(k->none, 0);

	if (mst_sequence_read_cbor((struct mst_view){ k->cbor[i], n }, &none, &k->s[k->n], NULL) == 0)
		k->n++;
}

/* An enrolled node knows its MEF even when the instructions are gone. */
static void add_credential(const struct agent *a, struct known *k)
{
	const struct mst_root_cred *c = &a->active;
	struct mst_instruction *i = &k->s[k->n].instructions[0];

	if (!a->has_active || !c->mef_uri[0] || c->suid != MST_SUID_KM)
		return;
	*i = (struct mst_instruction){
		.has = 1u << MST_IN_KIND | 1u << MST_IN_METHOD | 1u << MST_IN_URI | 1u << MST_IN_TARGET | 1u << MST_IN_SUID |
		       1u << MST_IN_ADMIN | 1u << MST_IN_MAF_URI,
		.kind = MST_INSTR_BOOTSTRAP, .method = MST_METHOD_CERT, .uri = mst_view_str(c->mef_uri),
		.target = mst_view_str(c->maf_fqdn), .suid = c->suid, .admin_fqdn = mst_view_str(c->admin_fqdn),
		.maf_uri = mst_view_str(c->maf_uri),
	};
	k->s[k->n++].n_instructions = 1;
}

static enum trigger_verdict do_device(struct agent *a, struct mst_view payload, const char *by, struct mst_diag *d)
{
	struct known *k = calloc(1, sizeof(*k));
	struct mst_sequence *s = calloc(1, sizeof(*s));
	uint8_t room[2048];
	struct mst_arena arena = mst_arena_of(room, sizeof(room));
	enum trigger_verdict v = TRIGGER_INTERNAL;
	size_t n = 0;

	if (!k || !s)
		goto out;
	if (a->cfg.bootstrap[0] && agent_read_sequence(a->cfg.bootstrap, true, k->cbor[0], MST_SEQ_OCTETS, &n, NULL) == 0)
		add_known(k, 0, n);
	if (a->env->ops->load_blob(a->env, "sequence", k->cbor[1], MST_SEQ_OCTETS, &n, NULL) == 0)
		add_known(k, 1, n);
	add_credential(a, k);
	v = trigger_from_device(payload, k->s, k->n, &arena, s, d);
	if (!v)
		v = run_sequence(a, s, by, d);
out:
	free(k);
	free(s);
	return v;
}

enum trigger_verdict door_follow(struct agent *a, const struct trigger_order *o, const char *by, struct mst_diag *d)
{
	switch ((enum mst_trigger_what)o->what) {
	case MST_TRIGGER_RENEW:
		if (!a->has_active)
			return unusable(d, "there is no credential to renew");
		if (agent_mode(a) == AGENT_BUSY)
			return unusable(d, "a bootstrap is going on");
		/* a run that waits for another provider is not given up for it (decision 0030) */
		return upkeep_now(a) ? TRIGGER_ACCEPTED : of_engine(agent_again(a, by, d), d);
	case MST_TRIGGER_RUN:
		return of_engine(agent_trigger_file(a, by, d), d);
	case MST_TRIGGER_CHECK:
		if (!a->has_active)
			return unusable(d, "there is no credential to check");
		if (a->errand != AGENT_NO_ERRAND)
			return unusable(d, "a bootstrap is going on");
		if (!check_running(a))       /* also a question to the MEF, and a session with a CSE */
			check_start(a);
		return TRIGGER_ACCEPTED;
	case MST_TRIGGER_INSTRUCTION:
		return do_instruction(a, &o->trigger, by, d);
	case MST_TRIGGER_ONEM2M:
		return do_device(a, o->payload, by, d);
	}
	return TRIGGER_INTERNAL;
}
