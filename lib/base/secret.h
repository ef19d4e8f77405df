/*
 * Secrets: their own type, no formatter, wiped on every path, compared in constant time.
 */
#ifndef MST_BASE_SECRET_H
#define MST_BASE_SECRET_H

#include "base/attr.h"
#include "base/view.h"

#define MST_KEY_LEN 32          /* Ke, Km, Kpsa, Kc: TS-0003 10.3 */
#define MST_KEY_MAX 64          /* a maker's Kpm may be longer; nothing longer is accepted */
#define MST_KEY_ROOM 72         /* of what our processes hand each other: a SIM's K with TOPc and lengths */

/* A symmetric key. `n` is 0 for "no key". Copy by assignment, wipe with mst_key_wipe(). */
struct mst_key {
	uint8_t b[MST_KEY_ROOM];
	size_t n;
};

/* Overwrite; the compiler may not leave it out. */
void mst_wipe(void *p, size_t n);
void mst_key_wipe(struct mst_key *k);
/* False, and an empty key, when `v` is empty or longer than MST_KEY_MAX. */
bool mst_key_set(struct mst_key *ret_k, struct mst_view v);
struct mst_view mst_key_view(const struct mst_key *k);   /* good as long as *k is */

/* Time depends on the lengths only. */
bool mst_ct_equal(struct mst_view a, struct mst_view b);

#endif
