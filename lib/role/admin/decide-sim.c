/* Decisions about SIMs. PURE. */
#include "codec/primitive.h"
#include "proto/aka/aka.h"
#include "role/admin/decide.h"

#define SIM_LIFETIME_MIN 60

static enum admin_verdict refuse(int rsc, int *ret_rsc, struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	*ret_rsc = rsc;
	return ADMIN_REFUSED;
}

static bool digits(const char *s, size_t least, size_t most)
{
	size_t n = strlen(s);

	return n >= least && n <= most && strspn(s, "0123456789") == n;
}

/* Printable, and with a realm: BSFs send it as it is, in a path and in headers. */
static bool impi_good(const char *s)
{
	const char *at = strchr(s, '@');

	for (const char *p = s; *p; p++)
		if (*p < 0x21 || *p > 0x7e || *p == '"' || *p == '\\' || *p == '/')
			return false;
	return at && at > s && mst_id_valid(MST_ID_FQDN, mst_view_str(at + 1));
}

enum admin_verdict admin_decide_sim(struct mst_sim *s, const struct mst_node *node, mst_time now, int *ret_rsc, struct mst_diag *d)
{
	if (!digits(s->imsi, 6, 15))
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "imsi", "expected 6 to 15 digits, like 001010000000001");
	if (!impi_good(s->impi))
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "impi", "expected a private identity, like "
			      "001010000000001@ims.mnc001.mcc001.3gppnetwork.org");
	if (s->msisdn[0] && !digits(s->msisdn, 5, 15))
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "msisdn", "expected 5 to 15 digits with the country's code, like 491701234567");
	if (s->amf & 0x8000)
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "amf", "expected four hex digits from 0000 to 7FFF; the separation bit is for EPS "
			      "and 5G alone (TS 33.102 annex H)");
	if (s->ind < 0 || s->ind >= (int)AKA_IND_COUNT)
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "ind", "expected 0 to 31");
	if (s->sqn < 0 || s->sqn > (int64_t)AKA_SQN_MAX)
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "sqn", "expected the last number that was used, below 2^48");
	if (s->gsid < 0 || s->gsid > UINT32_MAX)
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "gsid", "expected a number of 32 bits; from 1000000 on they are private");
	/* the shortest that a BSF's own setting may be: before its keys have reached a NAF it would be over */
	if (s->lifetime && s->lifetime < SIM_LIFETIME_MIN)
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "lifetime", "expected a minute at least, like 1h; leave it out for the BSF's own (bsf.lifetime)");
	/* no card, no key of it: no NAF would ever have one for this SIM */
	if (s->key_choice == MST_KEY_CHOICE_UICC && s->uicc != MST_SIM_GBA_U)
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "keyChoice", "UICC_BASED_KEY is for cards that derive in the card (uiccType GBA_U)");
	if (node && admin_decide_sim_bind(s, node, now, ret_rsc, d) == ADMIN_REFUSED)
		return ADMIN_REFUSED;
	s->created = s->changed = now;
	return ADMIN_DONE;
}

enum admin_verdict admin_decide_sim_bind(struct mst_sim *s, const struct mst_node *node, mst_time now, int *ret_rsc, struct mst_diag *d)
{
	if (s->node == (node ? node->id : 0))
		return ADMIN_UNCHANGED;
	if (node && s->node)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the SIM goes with another node; unbind it first");
	if (node && node->state == MST_NODE_REVOKED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "node", "the node is revoked; a SIM would be of no use");
	s->node = node ? node->id : 0;
	s->changed = now;
	return ADMIN_DONE;
}

enum admin_verdict admin_decide_sim_act(struct mst_sim *s, const char *act, const char *reason, mst_time now)
{
	enum mst_sim_state to = !strcmp(act, "suspend") ? MST_SIM_SUSPENDED : MST_SIM_ACTIVE;

	if (s->state == to)
		return ADMIN_UNCHANGED;
	s->state = to;
	s->changed = now;
	memset(s->reason, 0, sizeof(s->reason));
	(void)mst_view_to_str(mst_view_sub(mst_view_str(reason), 0, sizeof(s->reason) - 1), s->reason, sizeof(s->reason));
	return ADMIN_DONE;
}
