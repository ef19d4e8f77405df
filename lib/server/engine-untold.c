/* What others can bring about is told one by one while there is room, and then by its number: nobody may choose how large the audit log is. */
#include <stdio.h>
#include <time.h>

#include "server/engine-internal.h"

/* What is said to one role does not hide what is said to another: of OCSP everybody asks as nobody, and often. */
bool engine_room_to_tell(struct engine *e, enum mst_role role)
{
	mst_ms now = mst_now_ms();
	double *left = &e->may[role].tokens;

	*left = e->may[role].at ? *left + (double)(now - e->may[role].at) / 1000 * REFUSALS_A_SECOND : REFUSALS_BURST;
	e->may[role].at = now;
	if (*left > REFUSALS_BURST)
		*left = REFUSALS_BURST;
	if (*left < 1)
		return false;
	*left -= 1;
	return true;
}

bool engine_may_tell(struct engine *e, enum mst_role role, enum engine_untold what)
{
	bool may = engine_room_to_tell(e, role);

	e->untold[what][role] += !may;
	return may;
}

static const struct untold_words { const char *what, *why; } untold_words[UNTOLD__COUNT] = {
	[UNTOLD_PSK] = { "psk-refused", "more handshakes with identities that are not known, or with wrong keys" },
	[UNTOLD_STRANGERS] = { "strangers", "more requests of peers that have shown nothing" },
	[UNTOLD_OTHERS] = { "refused", "more requests for others that were refused" },
};

static bool tell_untold(struct engine *e, enum mst_role role, unsigned *n, const struct untold_words *words)
{
	struct mst_event v = { .when = (mst_time)time(NULL), .who = "engine" };

	snprintf(v.role, sizeof(v.role), "%s", mst_role_name[role]);
	snprintf(v.what, sizeof(v.what), "%s.%s", mst_role_name[role], words->what);
	snprintf(v.why, sizeof(v.why), "%u %s; not told one by one", *n, words->why);
	if (mst_store_begin(e->store))
		return false;
	if (mst_store_event_append(e->store, &v) || mst_store_commit(e->store))
		mst_store_rollback(e->store);
	else
		*n = 0;
	return true;
}

void engine_tell_untold(struct engine *e)
{
	mst_ms now = mst_now_ms();

	if (e->untold_at && now - e->untold_at < REFUSALS_TOLD_MS)
		return;
	for (int k = 0; k < UNTOLD__COUNT; k++)
		for (int i = 0; i < MST_ROLE__COUNT; i++) {
			if (!e->untold[k][i])
				continue;
			e->untold_at = now;
			if (!tell_untold(e, (enum mst_role)i, &e->untold[k][i], &untold_words[k]))
				return;
		}
}
