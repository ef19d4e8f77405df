/* Names in memory, as digests: a restart asks once more, and so does each engine of several. */
#include <stdlib.h>
#include <string.h>

#include "role/bsf/bsf.h"

struct held { uint8_t question[32]; mst_time at; };
struct state { void *rules; struct held of[BSF_HELD_MAX]; };

static struct state *state_of(struct mst_role_env *env)
{
	if (!*env->state)
		*env->state = calloc(1, sizeof(struct state));
	return *env->state;
}

/* The very same question: another AUTS, which anybody can make up, must not keep the subscriber's own one from the HSS. */
static int question_of(struct mst_role_env *env, const struct bsf_call *q, const struct bsf_records *r, uint8_t ret[32])
{
	uint8_t b[MST_ID_MAX + GBA_RAND + GBA_AUTS];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	bool open = r->has_run && r->run.run.state == GBA_RUN_OPEN && env->now < r->run.run.until;
	char impi[MST_ID_MAX];

	mst_id_impi(r->impi, impi);
	mst_put_str(&w, impi);
	mst_put_nul(&w);
	/* with a challenge that is over it is a first message */
	if (q->ask.kind == GBA_ASK_RESYNC && open) {
		mst_put(&w, (struct mst_view){ r->run.run.rnd, GBA_RAND });
		mst_put(&w, (struct mst_view){ q->ask.auth.auts, GBA_AUTS });
	}
	return w.ok ? env->crypto->ops->sha256(env->crypto, mst_written(&w), ret) : MST_FAULT_BUG;
}

int bsf_held(struct mst_role_env *env, const struct bsf_call *q, const struct bsf_records *r, mst_time *ret_until)
{
	const struct state *s = *env->state;
	uint8_t question[32];
	int e;

	*ret_until = 0;
	if (!s)
		return 0;
	e = question_of(env, q, r, question);
	for (size_t i = 0; !e && i < BSF_HELD_MAX; i++)
		/* a clock that was set back is no reason to refuse */
		if (!memcmp(s->of[i].question, question, sizeof(question)) && s->of[i].at <= env->now)
			*ret_until = s->of[i].at + BSF_HELD_S;
	return e;
}

int bsf_hold(struct mst_role_env *env, const struct bsf_call *q, const struct bsf_records *r)
{
	struct state *s = state_of(env);
	uint8_t question[32];
	size_t place = 0;
	int e;

	if (!s)
		return 0;              /* then the HSS is asked once more */
	e = question_of(env, q, r, question);
	if (e)
		return e;
	for (size_t i = 0; i < BSF_HELD_MAX; i++) {
		if (!memcmp(s->of[i].question, question, sizeof(question))) {
			place = i;
			break;
		}
		if (s->of[i].at < s->of[place].at)
			place = i;
	}
	memcpy(s->of[place].question, question, sizeof(question));
	s->of[place].at = env->now;
	return 0;
}

int bsf_rules(struct mst_role_env *env, const struct mst_rule_set **ret_set, int64_t *ret_version)
{
	struct mst_role_env own = *env;
	struct state *s = state_of(env);

	if (!s)
		return MST_FAULT_MEMORY;
	own.state = &s->rules;
	return mst_role_rules(&own, ret_set, ret_version);
}

void bsf_forget(void *state)
{
	struct state *s = state;

	if (s->rules)
		mst_role_rules_forget(s->rules);
	free(s);
}
