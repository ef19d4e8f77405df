#include "proto/provisioning/provisioning-state.h"

/* Doubles with every run of the same trigger, up to the cap. */
mst_ms prov_ceiling(const struct prov_config *cfg, uint32_t runs)
{
	mst_ms c = cfg->backoff_first;

	for (uint32_t i = 1; i < runs && c < cfg->backoff_max; i++)
		c *= 2;
	return c < cfg->backoff_max ? c : cfg->backoff_max;
}

/* Full jitter, at the cap as well: a herd that waits for exactly the cap stays a herd (lesson 18). */
mst_ms prov_jitter(mst_ms ceiling, uint32_t rnd)
{
	/* ceiling <= UINT32_MAX (prov_init), so the product fits */
	return (mst_ms)(((uint64_t)ceiling + 1) * rnd >> 32);
}

/* Retry-After is a floor, and the jitter comes on top: not all come back in the same second. */
mst_ms prov_wait(const struct prov_config *cfg, uint32_t runs, uint32_t retry_after, uint32_t rnd)
{
	return (mst_ms)retry_after * 1000 + prov_jitter(prov_ceiling(cfg, runs), rnd);
}

/*
 * What is left of a wait after a power cut. Without a clock on both sides of it, the whole wait again.
 * A cut hits a whole site at once, so there is jitter again on top.
 */
mst_ms prov_wait_left(const struct prov *p, mst_time utc, uint32_t rnd)
{
	mst_ms left = p->wait_ms;

	if (utc > 0 && p->wait_since > 0 && utc >= p->wait_since) {
		mst_time gone = utc - p->wait_since;

		left = gone < left / 1000 ? left - gone * 1000 : 0;
	}
	return left + prov_jitter(p->cfg.backoff_first, rnd);
}

mst_ms prov_later(mst_ms now, mst_ms wait)
{
	return now > MST_NEVER - 1 - wait ? MST_NEVER - 1 : now + wait;
}
