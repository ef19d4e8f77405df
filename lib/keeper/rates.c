/* How much leaves in a minute: sixty slots of a second each, for each kind of thing. */
#include <string.h>

#include "keeper/local.h"

const char *const mst_rate_name[MST_RATE__COUNT] = { "kpm", "ke", "keyreg", "km", "naf_keys", "vectors", "certificates", "triggers" };

enum mst_keeper_rate keeper_rate_of(enum mst_key_purpose p)
{
	switch (p) {
	case MST_PURPOSE_KPM: return MST_RATE_KPM;
	case MST_PURPOSE_KE: return MST_RATE_KE;
	case MST_PURPOSE_KEYREG: return MST_RATE_KEYREG;
	case MST_PURPOSE_KM: return MST_RATE_KM;
	case MST_PURPOSE_KS: return MST_RATE_NAF_KEYS;
	case MST_PURPOSE_NONE: case MST_PURPOSE_SIM: case MST_PURPOSE_AV: case MST_PURPOSE__COUNT: break;
	}
	return MST_RATE__COUNT;
}

/* Seconds, from 1 on. What is older than a minute goes. */
static mst_ms advance(struct local *l, struct keeper_rate *r)
{
	mst_ms second = l->now() / 1000 + 1;

	if (second - r->second >= RATE_SLOTS) {
		memset(r->slot, 0, sizeof(r->slot));
		r->s.minute = 0;
		r->second = second;
	}
	while (r->second < second) {
		uint32_t *slot = &r->slot[++r->second % RATE_SLOTS];

		r->s.minute -= *slot;
		*slot = 0;
	}
	return r->second;
}

/* Seconds for which the minute before still counts as full. */
static uint32_t still_spent(const struct local *l, mst_ms second)
{
	return l->spent && second - l->spent < RATE_SLOTS ? (uint32_t)(RATE_SLOTS - (second - l->spent)) : 0;
}

/* Told once for each minute that it lasts. */
static void tell(mst_ms *last, mst_ms second, uint32_t *times)
{
	if (*last && second - *last < RATE_SLOTS)
		return;
	*last = second;
	++*times;
}

int keeper_rate_ask(struct local *l, enum mst_keeper_rate what)
{
	struct keeper_rate *r;
	mst_ms second;

	if (!l->now || what >= MST_RATE__COUNT)
		return 0;
	r = &l->rate[what];
	second = advance(l, r);
	if (!r->s.limit.most || (r->s.minute < r->s.limit.most && !still_spent(l, second)))
		return 0;
	tell(&r->refused, second, &r->s.limited);
	return keeper_refuse(l, MST_KEEPER_BUSY);
}

void keeper_rate_count(struct local *l, enum mst_keeper_rate what)
{
	struct keeper_rate *r;
	mst_ms second;

	if (!l->now || what >= MST_RATE__COUNT)
		return;
	r = &l->rate[what];
	second = advance(l, r);
	r->slot[second % RATE_SLOTS]++;
	r->s.minute++;
	if (r->s.minute > r->s.peak)
		r->s.peak = r->s.minute;
	if (r->s.limit.alarm && (r->s.minute >= r->s.limit.alarm || still_spent(l, second)))
		tell(&r->alarmed, second, &r->s.alarms);
}

int keeper_rates(struct mst_keeper *k, struct mst_keeper_rates *ret)
{
	struct local *l = keeper_of(k);

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < MST_RATE__COUNT; i++) {
		struct keeper_rate *r = &l->rate[i];
		mst_ms second = l->now ? advance(l, r) : 0, last = r->alarmed > r->refused ? r->alarmed : r->refused;

		ret->of[i] = r->s;
		ret->of[i].spent = still_spent(l, second);
		ret->of[i].ago = last && second - last < MST_RATE_NEVER ? (uint32_t)(second - last) : MST_RATE_NEVER;
	}
	return 0;
}

void mst_keeper_local_limits(struct mst_keeper *k, const struct mst_keeper_limit limit[MST_RATE__COUNT], mst_ms (*now)(void))
{
	struct local *l = keeper_of(k);

	for (size_t i = 0; i < MST_RATE__COUNT; i++)
		l->rate[i].s.limit = limit[i];
	l->now = now;
}

void mst_keeper_local_spent(struct mst_keeper *k)
{
	struct local *l = keeper_of(k);

	l->spent = l->now ? l->now() / 1000 + 1 : 0;
}
