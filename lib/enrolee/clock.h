/*
 * What time it is on a device whose clock may say 1970 (lesson 15). PURE: readings are inputs.
 *
 * Three sources, from weak to strong: a floor (build time of this program, and the last time that was
 * known before the power went), the system's clock, and the time that an authenticated server told.
 * The answer never goes back behind the build. While nothing but the floor is known it is a lower bound:
 * good for "has ended already", not for "is not yet valid".
 */
#ifndef MST_ENROLEE_CLOCK_H
#define MST_ENROLEE_CLOCK_H

#include "base/time.h"

/*
 * No server is believed beyond this many seconds after the build: a time that is told wrong once must not end every
 * certificate that this device could ever check. Who runs a program for longer has a clock, or updates it.
 */
#define MST_CLOCK_BEYOND (INT64_C(4000) * 86400)
#define MST_CLOCK_AGREE 3600         /* seconds within which the system's clock and a server's agree */

struct mst_clock {
	mst_time known;              /* best knowledge … */
	mst_ms at;                   /* … at this monotonic time */
	mst_time floor, ceiling;     /* between the build and MST_CLOCK_BEYOND: what may be told at all */
	bool told;                   /* `known` came from an authenticated server */
	bool doubt, judged;          /* `known` is not believed; and a certificate was judged without it */
	mst_ms doubted;              /* since then */
};

/* `build`: when this program was made; `last`: the newest time kept from earlier runs, 0 = none. */
void mst_clock_init(struct mst_clock *c, mst_time build, mst_time last, mst_ms now);
/*
 * An authenticated server said so; `not_after` is the end of the certificate that authenticated it, and no server
 * can be heard after it. The newest word counts, also downwards, but never to before the build: the time
 * that was kept from before may have been told wrong, and the device must find back without a hand on it.
 */
bool mst_clock_told(struct mst_clock *c, mst_time server, mst_time not_after, mst_ms now);
/*
 * A server's certificate has ended, they say: as likely it is our knowledge that is wrong. What was told or kept is not
 * believed, down to the build, in the next session that judges a certificate, so that it can be opened and tell better. Who showed the ended
 * one has proven nothing: what was known is not forgotten for it. True when there was something to doubt.
 */
bool mst_clock_doubt(struct mst_clock *c, mst_ms now);
/* A certificate is being judged. */
void mst_clock_judges(struct mst_clock *c);
/* A session begins that will judge one: the doubt that has served another one is over. */
void mst_clock_session(struct mst_clock *c);
/* What is worth keeping for the next start, doubted or not: never the system's clock. */
mst_time mst_clock_kept(const struct mst_clock *c, mst_ms now);
/* Best knowledge of the time of day. */
mst_time mst_clock_now(const struct mst_clock *c, mst_time wall, mst_ms now);
/* Is it more than a lower bound? */
bool mst_clock_is_set(const struct mst_clock *c, mst_time wall, mst_ms now);

/*
 * When to renew a credential: after 80 % of its life, spread over the following 10 % by `rnd` so that a
 * fleet that was enrolled together does not come back together (lesson 18). Never in the second in which it was obtained: what is
 * renewed up to a fixed end, as a subscription's, lives for less each time.
 */
mst_time mst_renew_at(mst_time obtained, mst_time not_after, uint32_t rnd);

#endif
