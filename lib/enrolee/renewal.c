#include "enrolee/renewal.h"

#include "enrolee/clock.h"
#include "enrolee/enrolee.h"

#define SHORT_S 60
#define WAIT_MIN_S 5
#define WAIT_MAX_S 600

mst_time mst_reg_renew_at(const struct mst_reg_term *t, mst_time key_end, uint32_t rnd)
{
	mst_time at;

	if (!t->until || t->until >= key_end)
		return MST_NEVER;
	at = mst_renew_at(t->since, t->until, rnd);
	if (t->until - t->since >= 0 && t->until - t->since < SHORT_S)
		at = t->since + (t->until - t->since) / 2;
	return at;
}

enum mst_reg_next mst_reg_judge(const struct mst_reg_term *t, enum prov_reason r, mst_time granted, mst_time utc)
{
	if (r == PROV_OK)            /* an end that is no later is a refusal in other words */
		return granted > t->until ? MST_REG_KEPT : MST_REG_ENROL;
	if (r == PROV_REFUSED || r == PROV_UNKNOWN)
		return MST_REG_ENROL;
	/* unreachable, busy, not understood; and a handshake that is refused, which anybody on the way can do (lessons 5, 6) */
	return utc < t->until ? MST_REG_AGAIN : MST_REG_ENROL;
}

int64_t mst_reg_wait(const struct mst_reg_term *t, mst_time utc)
{
	int64_t left = (t->until - utc) / 4;

	if (t->until <= utc)         /* it could not even be begun, and may be so for long */
		return WAIT_MAX_S;
	return left < WAIT_MIN_S ? WAIT_MIN_S : left > WAIT_MAX_S ? WAIT_MAX_S : left;
}

mst_ms mst_key_wait(mst_time key_end, mst_time utc, int64_t most, int64_t asked, uint32_t rnd)
{
	int64_t wait = key_end > utc ? (key_end - utc) / 4 : most;
	mst_ms ms;

	wait = wait > most ? most : wait;
	wait = wait < WAIT_MIN_S ? WAIT_MIN_S : wait;
	ms = wait * 500 + (mst_ms)((uint64_t)(wait * 500) * rnd >> 32);
	asked = asked < PROV_RETRY_AFTER_MAX ? asked : PROV_RETRY_AFTER_MAX;
	return ms < asked * 1000 ? asked * 1000 : ms;
}

/* A MAF by its FQDN; with a key for a CSE, that one by its CSE-ID. */
static bool same_target(const struct mst_instruction *i, const struct mst_root_cred *c)
{
	if (c->suid == MST_SUID_KPSA)
		return i->suid == MST_SUID_KPSA && mst_id_equal(MST_ID_CSE_ABS, i->target, mst_view_str(c->registrar_cse_id));
	return mst_id_equal(MST_ID_FQDN, i->target, mst_view_str(c->maf_fqdn));
}

bool mst_leads_home(const struct mst_instruction *i, const struct mst_root_cred *c)
{
	struct enrolee_peer mef;
	bool tls;

	/* a MEF by HTTPS or CoAPS, or a BSF */
	return (enrolee_peer_of(i->uri, &mef) || enrolee_bsf_of(i->uri, &mef, &tls)) && same_target(i, c) &&
	       mst_id_equal(MST_ID_FQDN, i->admin_fqdn, mst_view_str(c->admin_fqdn)) &&
	       mst_id_equal(MST_ID_FQDN, mst_view_str(mef.host), mst_view_str(c->mef_fqdn));
}
