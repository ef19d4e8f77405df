/* Times in the life of a key and a subscription, for every role. PURE. */
#ifndef MST_ROLE_LIFE_H
#define MST_ROLE_LIFE_H

#include "store/store.h"

#define MST_LIFE_WARN_MOST (7 * INT64_C(86400))

/*
 * When the operator hears that an end is near. A node renews in the ninth tenth of a key's life (mst_renew_at), so in the last
 * sixteenth it should have; seven days are warning enough for what lives long.
 */
static inline mst_time mst_life_warn_at(mst_time from, mst_time until)
{
	int64_t left = until > from ? (until - from) / 16 : 0;

	return until - (left < MST_LIFE_WARN_MOST ? left : MST_LIFE_WARN_MOST);
}

/* Let go, and what it has works until it has gone. */
static inline bool mst_life_leaving(const struct mst_node *n, mst_time now)
{
	return n->state == MST_NODE_RELEASED && n->leave_by > now;
}

#endif
