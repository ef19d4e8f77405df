/*
 * The walk through the sequences of one run (architecture 3.2, points 2 to 5). Everything here ends by
 * asking for progress to be made durable: PROV_SAVING is the only way to an effect (point 6).
 */
#include <string.h>

#include "proto/provisioning/provisioning-state.h"

static struct prov_level *open_level(struct prov *p)
{
	return &p->level[p->depth];
}

struct mst_instruction *prov_at_work(struct prov *p)
{
	struct prov_level *l = open_level(p);

	return l->index < l->seq.n_instructions ? &l->seq.instructions[l->index] : NULL;
}

/* ---- sequences ---------------------------------------------------------------------------------- */

/* An unknown clock judges nothing: a device that thinks it is 1970 must get in too (lesson 15). */
enum prov_reason prov_judge_sequence(const struct mst_sequence *s, mst_time utc, struct mst_diag *d)
{
	if (utc <= 0)
		return PROV_OK;
	if (s->valid_from > 0 && utc < s->valid_from) {
		mst_diag_set(d, 0, "validFrom", "the sequence is not valid yet", NULL);
		return PROV_NOT_YET_VALID;
	}
	if (s->valid_until > 0 && utc >= s->valid_until) {
		mst_diag_set(d, 0, "validUntil", "the sequence is not valid any more", NULL);
		return PROV_EXPIRED;
	}
	return PROV_OK;
}

static enum prov_reason decode(struct mst_view octets, uint8_t *scratch, struct mst_sequence *ret_s,
			       struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(scratch, PROV_ARENA);
	struct mst_diag own = { 0 };
	int r = mst_sequence_read_cbor(octets, &a, ret_s, d ? d : &own);

	return prov_reason_of(r, d ? d : &own);
}

enum prov_reason prov_try_sequence(struct prov *p, struct mst_view octets, mst_time utc, struct mst_diag *d)
{
	enum prov_reason r;

	if (!octets.n) {
		mst_diag_set(d, 0, "", "there is no sequence", NULL);
		return PROV_EMPTY;
	}
	if (octets.n > MST_SEQ_OCTETS) {
		mst_diag_set(d, 0, "", "the sequence is longer than 16384 octets", NULL);
		return PROV_OVERSIZED;
	}
	r = decode(octets, p->trial_scratch, &p->trial, d);
	if (r)
		return r;
	return prov_judge_sequence(&p->trial, utc, d);
}

enum prov_reason prov_load_level(struct prov *p, unsigned at, struct mst_view octets, struct mst_diag *d)
{
	struct prov_level *l = &p->level[at];

	memmove(l->octets, octets.p, octets.n);
	l->n = (uint32_t)octets.n;
	l->index = 0;
	return decode((struct mst_view){ l->octets, l->n }, l->scratch, &l->seq, d);
}

void prov_forget(struct prov *p)
{
	memset(p->attempt, 0, sizeof(p->attempt));
	p->after_save = PROV_IDLE;
	p->runs = p->retry_after = 0;
	p->wait_ms = p->wait_since = 0;
	p->depth = 0;
	for (unsigned i = 0; i < PROV_LEVELS; i++) {
		p->level[i].n = p->level[i].index = 0;
		memset(&p->level[i].seq, 0, sizeof(p->level[i].seq));
	}
	p->resources.count = 0;
	p->resources.n = 0;
	p->n_reports = p->reports_lost = 0;
}

/* ---- judging one instruction before anything leaves ---------------------------------------------- */

static enum prov_reason judge_ability(const struct prov *p, const struct mst_instruction *i,
				      const char **ret_why)
{
	const struct prov_config *c = &p->cfg;
	/* a file name and a service name are no URIs: nothing to reach yet */
	bool reach =
		i->kind == MST_INSTR_BOOTSTRAP || i->method == MST_METHOD_BBN || i->method == MST_METHOD_BSF;

	if (i->method < 0 || i->method > 31 || !(c->methods >> i->method & 1u)) {
		*ret_why = "this device cannot do this method";
		return PROV_UNSUPPORTED;
	}
	if (reach && c->can_reach && !c->can_reach(c->arg, i->uri)) {
		*ret_why = "this device has no transport for this URI";
		return PROV_UNSUPPORTED;
	}
	if (i->maf_uri.n && c->can_reach && !c->can_reach(c->arg, i->maf_uri)) {
		*ret_why = "this device has no transport for the MAF's URI";
		return PROV_UNSUPPORTED;
	}
	return PROV_OK;
}

static enum prov_reason judge_discovery(const struct prov *p, const struct mst_instruction *i,
					const char **ret_why)
{
	if (p->depth == PROV_DEPTH_MAX) {
		*ret_why = "discovery inside discovery ends at depth 3";
		return PROV_TOO_DEEP;
	}
	if (prov_resource_seen(&p->resources, i->method, i->uri)) {
		*ret_why = "this resource already answered in this run";
		return PROV_LOOP;
	}
	if (!prov_resource_fits(&p->resources, i->method, i->uri)) {
		*ret_why = "enough resources were asked in this run";
		return PROV_TOO_DEEP;
	}
	return PROV_OK;
}

/* Lesson 7: an instruction is held against what the device can do before it is tried. */
static enum prov_reason judge(const struct prov *p, const struct mst_instruction *i, mst_time utc,
			      const char **ret_why)
{
	enum prov_reason r = judge_ability(p, i, ret_why);

	if (r)
		return r;
	r = prov_judge_sequence(&p->level[p->depth].seq, utc, NULL);
	if (r) {
		*ret_why = "by the validity of its sequence";
		return r;
	}
	if (i->expires > 0 && utc >= i->expires) {
		*ret_why = "the enrolment that it proposes is over";
		return PROV_EXPIRED;
	}
	return i->kind == MST_INSTR_DISCOVERY ? judge_discovery(p, i, ret_why) : PROV_OK;
}

/* ---- the walk ------------------------------------------------------------------------------------ */

static int save_then(struct prov *p, enum prov_state after)
{
	p->after_save = after;
	return PROV_SAVING;
}

int prov_end_run(struct prov *p, const struct prov_input *in)
{
	p->depth = 0;
	p->level[0].index = 0;
	p->wait_ms = prov_wait(&p->cfg, p->runs, p->retry_after, in->rnd);
	p->wait_since = in->utc > 0 && in->utc <= MST_TIME_MAX ? in->utc : 0;
	return save_then(p, PROV_WAITING);
}

/* Ends: each turn uses up an instruction of a finite sequence, or closes one. */
int prov_next(struct prov *p, const struct prov_input *in)
{
	for (;;) {
		const struct mst_instruction *i = prov_at_work(p);
		const char *why = "";
		enum prov_reason r;

		if (!i && p->depth == 0)
			return prov_end_run(p, in);
		if (!i) {
			/* the discovery in whose place this sequence ran is done with */
			p->depth--;
			open_level(p)->index++;
			continue;
		}
		r = judge(p, i, in->utc, &why);
		if (r == PROV_OK)
			return save_then(p, i->kind == MST_INSTR_DISCOVERY ? PROV_DISCOVERING
									   : PROV_BOOTSTRAPPING);
		prov_report_current(p, r, why, in->utc);
		open_level(p)->index++;
	}
}

/* Nothing of an earlier run but the count of runs has a say in this one (lesson 3). */
int prov_start_run(struct prov *p, const struct prov_input *in)
{
	p->runs += p->runs < UINT32_MAX;
	p->retry_after = 0;
	p->wait_ms = p->wait_since = 0;
	p->depth = 0;
	p->level[0].index = 0;
	p->resources.count = 0;
	p->resources.n = 0;
	p->n_reports = p->reports_lost = 0;
	return prov_next(p, in);
}

static size_t open_octets(const struct prov *p)
{
	size_t n = 0;

	for (unsigned i = 0; i <= p->depth; i++)
		n += p->level[i].n;
	return n;
}

static enum prov_reason accept_sequence(struct prov *p, struct prov_input *in)
{
	const struct mst_instruction *i = prov_at_work(p);
	enum prov_reason r = prov_try_sequence(p, in->octets, in->utc, in->d);

	if (r)
		return r;
	if (open_octets(p) + in->octets.n > PROV_SEQ_TOTAL) {
		mst_diag_set(in->d, 0, "", "too long to be kept together with the sequences around it", NULL);
		return PROV_STORAGE;
	}
	if (!i || !prov_resource_add(&p->resources, i->method, i->uri))
		return PROV_INTERNAL;
	return prov_load_level(p, p->depth + 1u, in->octets, in->d);
}

/*
 * What was discovered runs in the place of the instruction that discovered it; if it is no good, that
 * instruction failed and the next one runs.
 */
int prov_enter_sequence(struct prov *p, struct prov_input *in)
{
	struct mst_diag d = { 0 };

	in->d = in->d ? in->d : &d;
	in->bad = accept_sequence(p, in);
	prov_report_current(p, in->bad, in->bad ? in->d->text : "", in->utc);
	if (in->bad)
		open_level(p)->index++;
	else
		p->depth++;
	return prov_next(p, in);
}
