/*
 * A client registration has an end of its own, which may come before the key's: it is prolonged by an update (TS-0003 8.3.5.2.5,
 * 8.8.2.5), without a new key and without an enrolment. What of it is a decision is here. PURE.
 *
 * The time may be wrong (clock.h): a registration that seems to have ended is still asked about, and only who keeps it can say that it
 * has. Nothing waits for a time of day that was told wrong once: tries are spaced by the monotonic clock.
 */
#ifndef MST_ENROLEE_RENEWAL_H
#define MST_ENROLEE_RENEWAL_H

#include "proto/provisioning/provisioning.h"
#include "secenv/secenv.h"

/*
 * When to prolong it: in the window of a credential's renewal (mst_renew_at()), but where it lives for less than a minute after half
 * of that. MST_NEVER: no end is known, or the key ends no later, and then an enrolment renews both.
 */
mst_time mst_reg_renew_at(const struct mst_reg_term *t, mst_time key_end, uint32_t rnd);

enum mst_reg_next {
	MST_REG_KEPT,                /* prolonged */
	MST_REG_AGAIN,               /* nobody's word: try again, after mst_reg_wait() */
	MST_REG_ENROL,               /* refused, or too late for another try: enrol anew */
};
/* What follows from an update that ended like that; `granted` counts when `r` is PROV_OK, 0 = not said. */
enum mst_reg_next mst_reg_judge(const struct mst_reg_term *t, enum prov_reason r, mst_time granted, mst_time utc);
/* Seconds until the next try: a quarter of what is left, 5 at least and 600 at most; 600 when it has ended. */
int64_t mst_reg_wait(const struct mst_reg_term *t, mst_time utc);

/*
 * A root key is renewed between the tries of a run that leads elsewhere (decision 0030). Until the next attempt after one that
 * failed, by a clock that nobody sets: a quarter of what is left of its life, between 5 seconds and `most` seconds, of that the half
 * to the whole by `rnd`; not sooner than `asked` seconds, which a server may say (a week at most). When it has ended: `most`.
 */
mst_ms mst_key_wait(mst_time key_end, mst_time utc, int64_t most, int64_t asked, uint32_t rnd);
/* Does what was instructed give a credential in the place of this one: of the same MEF, MAF and stakeholder? */
bool mst_leads_home(const struct mst_instruction *i, const struct mst_root_cred *c);

#endif
