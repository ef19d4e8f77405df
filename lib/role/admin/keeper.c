/* /v1/keeper: generations of the key-encryption key (decision 0027). The rows are the engine's work (engine-rotate.c). */
#include <stdio.h>
#include <string.h>

#include "role/admin/admin.h"

static const char *const part_name[MST_WRAPPED__COUNT + 1] = { "credentials", "registered keys", "SIMs", "sessions of GBA", "challenges of GBA", "done" };

static const char *kind_name(uint32_t kind)
{
	static const char *const name[] = { "file", "file", "secret", "tpm", "pkcs11" };

	return kind < MST_COUNT(name) ? name[kind] : "unknown";
}

/* Where it is; *ret_z is all zero when the store has not seen that generation. */
static int look(struct admin *q, struct mst_keeper_generations *g, struct mst_rotation *ret_z)
{
	int r = q->env->keeper->ops->generations(q->env->keeper, g);

	if (!r)
		r = mst_store_rotation_get(q->env->store, ret_z);
	if (r == MST_STORE_NONE || (!r && !mst_rotation_fits(ret_z, g))) {
		*ret_z = (struct mst_rotation){ .generation = 0 };
		r = 0;
	}
	return r > 0 ? MST_FAULT_BUG : r;
}

/* Every key is wrapped anew, and the generation before waits for a standby that lags. */
static bool is_kept(const struct admin *q, const struct mst_keeper_generations *g, const struct mst_rotation *z)
{
	return g->before && !z->bad && z->kept_until > q->env->now && z->part == MST_WRAPPED__COUNT;
}

static json_t *rotation_json(const struct admin *q, const struct mst_keeper_generations *g, const struct mst_rotation *z)
{
	if (!z->generation)
		return NULL;
	return json_pack("{s:s, s:I, s:I, s:I, s:o*, s:o, s:o*}", "at", part_name[z->part >= 0 && z->part <= MST_WRAPPED__COUNT ? z->part : MST_WRAPPED__COUNT], "keys",
			 (json_int_t)z->rows, "changed", (json_int_t)z->changed, "unreadable", (json_int_t)z->bad, "firstUnreadable",
			 z->bad ? json_string(z->bad_key) : NULL, "begun", admin_json_time(z->begun), "keptUntil",
			 is_kept(q, g, z) ? admin_json_time(z->kept_until) : NULL);
}

/* What has left it in a minute. */
static json_t *rates_json(const struct mst_keeper_rates *s)
{
	json_t *all = json_object();

	for (size_t i = 0; i < MST_RATE__COUNT; i++) {
		const struct mst_keeper_rate_state *x = &s->of[i];

		if (json_object_set_new(all, mst_rate_name[i],
					json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o*, s:o*}", "minute", (json_int_t)x->minute, "busiest", (json_int_t)x->peak,
						  "alarm", (json_int_t)x->limit.alarm, "most", (json_int_t)x->limit.most, "alarms", (json_int_t)x->alarms,
						  "limited", (json_int_t)x->limited, "ago",
						  x->ago == MST_RATE_NEVER ? NULL : json_integer((json_int_t)x->ago), "full",
						  x->spent ? json_integer((json_int_t)x->spent) : NULL))) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static json_t *ca_json(const struct mst_keeper_ca *ca)
{
	json_t *j = json_pack("{s:s, s:b}", "in", kind_name(ca->kind), "away", (int)ca->away);

	if (j && ca->away)
		json_object_set_new(j, "why", json_string(ca->why));
	return j;
}

static int answer(struct admin *q)
{
	struct mst_keeper_generations g;
	struct mst_keeper_rates s;
	struct mst_keeper_ca ca;
	struct mst_rotation z;
	int r = look(q, &g, &z);

	if (!r)
		r = q->env->keeper->ops->rates(q->env->keeper, &s);
	if (!r)
		r = q->env->keeper->ops->ca_state(q->env->keeper, &ca);
	if (r)
		return r > 0 ? MST_FAULT_BUG : r;
	return admin_answer(q, MST_RSC_OK, json_pack("{s:I, s:s, s:o*, s:o*, s:o, s:o}", "generation", (json_int_t)g.now, "in", kind_name(g.kind), "before",
						     g.before ? json_integer((json_int_t)g.before) : NULL, "rotation", rotation_json(q, &g, &z), "rates", rates_json(&s), "ca", ca_json(&ca)));
}

/* --- keys that nobody can open, a piece a request: who asks carries the place --- */

#define DEAD_PIECE 1000u         /* the keeper is asked about each, and decisions wait meanwhile */

enum { DEAD_PART, DEAD_AFTER };

struct dead {
	struct admin *q;
	enum mst_wrapped_part part;
	struct mst_keeper_generations g;
	int64_t after, n, foreign;
	size_t seen;
	char first[MST_ID_MAX], first_foreign[MST_ID_MAX];
};

/* Of a registered key's role there must be the name that is bound into it. */
static int look_dead(void *arg, const struct mst_wrapped_row *r)
{
	struct dead *d = arg;
	const char *fqdn = d->q->env->conf->own_fqdn[r->role == MST_ROLE_MAF];
	struct mst_wrapped none;
	int got;

	d->seen++;
	d->after = r->row;
	if (!mst_keeper_has(&d->g, &r->key)) {
		if (!d->n++)
			snprintf(d->first, sizeof(d->first), "%s", r->key_id);
		return 0;
	}
	if (!r->key.n || (d->part == MST_WRAPPED_KEYREG && !*fqdn))
		return 0;
	got = mst_wrapped_anew(d->q->env->keeper, d->part, r, fqdn, &none);
	if (got == MST_KEEPER_FORGED && !d->foreign++)
		snprintf(d->first_foreign, sizeof(d->first_foreign), "%s", r->key_id);
	return got < 0 ? got : 0;
}

int admin_keeper_dead(struct admin *q)
{
	struct dead s = { .q = q };
	uint64_t part, after;
	struct mst_diag d;
	bool whole;
	int r;

	if (!admin_number("part", q->param[DEAD_PART], 0, MST_WRAPPED_AV - 1, &part, &d) || !admin_number("after", q->param[DEAD_AFTER], 0, INT64_MAX, &after, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	s.after = (int64_t)after;
	s.part = (enum mst_wrapped_part)part;
	r = q->env->keeper->ops->generations(q->env->keeper, &s.g);
	if (!r)
		r = mst_store_wrapped_list(q->env->store, s.part, s.after, DEAD_PIECE, look_dead, &s);
	if (r)
		return r > 0 ? MST_FAULT_BUG : r;
	whole = s.seen < DEAD_PIECE;
	part += whole;
	return admin_answer(q, MST_RSC_OK, json_pack("{s:I, s:I, s:o*, s:I, s:o*, s:I, s:I, s:b}", "keys", (json_int_t)s.seen, "dead", (json_int_t)s.n, "first",
						     s.n ? json_string(s.first) : NULL, "foreign", (json_int_t)s.foreign, "firstForeign",
						     s.foreign ? json_string(s.first_foreign) : NULL, "part", (json_int_t)part, "after",
						     (json_int_t)(whole ? 0 : s.after), "done", whole && part == MST_WRAPPED_AV));
}

int admin_keeper_show(struct admin *q)
{
	return answer(q);
}

static int conflict(struct admin *q, const char *words)
{
	struct mst_diag d;

	mst_diag_set(&d, 0, "", words, NULL);
	return admin_refuse(q, MST_RSC_CONFLICT, &d);
}

/* The keeper does not begin one: what it wants instead. */
static int no_rotation(struct admin *q, int outcome)
{
	static const struct { int outcome, rsc; const char *words; } table[] = {
		{ MST_KEEPER_LEAVE, MST_RSC_NO_PRIVILEGE, "the keeper wants a second person's yes to this, of the last half minute (four_eyes.keeper); "
		  "ask again, and have it approved at once (muster approve)" },
		{ MST_KEEPER_AWAY, MST_RSC_CONFLICT, "the next key is made in the device when musterd starts, and that one is in use; restart it, then rotate" },
		{ MST_KEEPER_DENIED, MST_RSC_NO_PRIVILEGE, "the keeper does not permit it: it has two generations already, or no number is left for "
		  "another one; muster keeper show" },
	};
	struct mst_diag d;

	for (size_t i = 0; i < MST_COUNT(table); i++)
		if (table[i].outcome == outcome) {
			mst_diag_set(&d, 0, "", table[i].words, NULL);
			return admin_refuse(q, table[i].rsc, &d);
		}
	return MST_FAULT_BUG;
}

static struct mst_rotation rotation_to(const struct mst_keeper_generations *g, int64_t changed, mst_time begun)
{
	struct mst_rotation z = { .generation = g->now, .changed = changed, .begun = begun };

	memcpy(z.mark, g->mark, sizeof(z.mark));
	return z;
}

/*
 * The keeper's part is not undone when this transaction fails; the engine then goes on with the rows all the same, from the first one, and tells
 * the end: what stands in the store until then is of another key, also when its number is the same. A rotation that is held begins its pass
 * once more.
 */
int admin_keeper_rotate(struct admin *q)
{
	struct mst_keeper_generations g;
	struct mst_rotation z;
	char why[64];
	uint32_t gen;
	bool alone;
	int r = look(q, &g, &z);

	if (r)
		return r;
	if (g.before && !(z.part == MST_WRAPPED__COUNT && z.bad))
		return conflict(q, is_kept(q, &g, &z) ? "the key-encryption key of before is still there, for a standby that lags; muster keeper show says until when, "
				"muster keeper finish destroys it" : "keys are still being wrapped anew; muster keeper show says how far it is");
	if (g.before) {
		z = rotation_to(&g, z.changed, z.begun);
		r = mst_store_rotation_put(q->env->store, &z);
		gen = g.now;
	} else {
		r = mst_store_alone(q->env->store, &alone);
		if (!r && !alone)
			return conflict(q, "another musterd uses this database and would not have the new key; end the others first, rotate, copy the "
					"keeper's directory to them (musterd(8))");
		r = r ? r : q->env->keeper->ops->rotate(q->env->keeper, &gen);
		if (!r)
			r = q->env->keeper->ops->generations(q->env->keeper, &g);
		z = rotation_to(&g, 0, q->env->now);
		if (!r)
			r = mst_store_rotation_put(q->env->store, &z);
	}
	if (r)
		return r > 0 ? no_rotation(q, r) : r;
	snprintf(why, sizeof(why), "generation %u of the key-encryption key", (unsigned)gen);
	r = admin_event(q, "keeper.rotation", 0, why);
	return r ? r : answer(q);
}

/* What nobody can open goes with the generation before; and that one goes without waiting for a standby. */
int admin_keeper_finish(struct admin *q)
{
	struct mst_keeper_generations g;
	char reason[128], why[256];
	struct mst_rotation z;
	struct mst_diag d;
	int r;

	if (!admin_decode_reason(q->body, true, reason, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = look(q, &g, &z);
	if (r)
		return r;
	if (!is_kept(q, &g, &z) && (!g.before || z.part != MST_WRAPPED__COUNT || !z.bad))
		return conflict(q, "no rotation is held up by keys that cannot be opened, and none waits for a standby");
	if (z.bad) {
		snprintf(why, sizeof(why), "%lld keys that nobody can open are given up: %s", (long long)z.bad, reason);
		z.given_up = z.bad;
		z.bad = 0;
		z.bad_key[0] = '\0';
	} else {
		snprintf(why, sizeof(why), "generation %u of the key-encryption key does not wait for a standby: %s", (unsigned)g.before, reason);
		z.kept_until = q->env->now;
	}
	r = mst_store_rotation_put(q->env->store, &z);
	if (!r)
		r = admin_event(q, "keeper.finished", 0, why);
	return r > 0 ? MST_FAULT_BUG : r ? r : answer(q);
}
