/* A handful of names in memory: what is pushed out is told once more, and a restart tells once more. */
#include <stdlib.h>
#include <string.h>

#include "role/hss/hss.h"

#define TOLD_MAX 64

struct told { struct { char subscriber[MST_ID_MAX]; mst_time at; } of[TOLD_MAX]; };

/* A clock that was set back is no reason for silence. */
static bool lately(mst_time at, mst_time now)
{
	return at <= now && now - at < HSS_TOLD_S;
}

bool hss_told_lately(void **state, const char *subscriber, mst_time now)
{
	const struct told *t = *state;

	for (size_t i = 0; t && i < TOLD_MAX; i++)
		if (!strcmp(t->of[i].subscriber, subscriber))
			return lately(t->of[i].at, now);
	return false;
}

void hss_note_told(void **state, const char *subscriber, mst_time now)
{
	struct told *t = *state ? *state : calloc(1, sizeof(*t));
	size_t place = 0;

	*state = t;
	if (!t)
		return;              /* then it is told again */
	for (size_t i = 0; i < TOLD_MAX; i++) {
		if (!strcmp(t->of[i].subscriber, subscriber)) {
			place = i;
			break;
		}
		if (t->of[i].at < t->of[place].at)
			place = i;
	}
	MST_STR_SET(t->of[place].subscriber, subscriber);
	t->of[place].at = now;
}
