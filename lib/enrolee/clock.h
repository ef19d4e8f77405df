/*
 * What time it is on a device whose clock may say 1970 (lesson 15). PURE: readings are inputs.
 *
 * Three sources, from weak to strong: a floor (build time of this program, and the last time that was
 * known before the power went), the system's clock, and the time that an authenticated server told.
 * The answer never goes back behind the floor. While nothing but the floor is known it is a lower bound:
 * good for "has ended already", not for "is not yet valid".
 */
#ifndef MST_ENROLEE_CLOCK_H
#define MST_ENROLEE_CLOCK_H

#include "base/time.h"

#define MST_CLOCK_AGREE 3600         /* seconds within which the system's clock and a server's agree */

struct mst_clock {
	mst_time known;              /* best knowledge … */
	mst_ms at;                   /* … at this monotonic time */
	bool told;                   /* `known` came from an authenticated server */
};

/* `build`: when this program was made; `last`: the newest time kept from earlier runs, 0 = none. */
void mst_clock_init(struct mst_clock *c, mst_time build, mst_time last, mst_ms now);
/* An authenticated server said so. Times before the floor are refused: no peer turns time back. */
bool mst_clock_told(struct mst_clock *c, mst_time server, mst_ms now);
/* Best knowledge of the time of day. */
mst_time mst_clock_now(const struct mst_clock *c, mst_time wall, mst_ms now);
/* Is it more than a lower bound? */
bool mst_clock_is_set(const struct mst_clock *c, mst_time wall, mst_ms now);

/*
 * When to renew a credential: after 80 % of its life, spread over the following 10 % by `rnd` so that a
 * fleet that was enrolled together does not come back together (lesson 18).
 */
mst_time mst_renew_at(mst_time obtained, mst_time not_after, uint32_t rnd);

#endif
