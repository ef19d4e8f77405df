/* A node's proof by the secret that its maker gave it: KpmID and Kpm, TS-0003 8.3.2.1 step 1. PURE. */
#include "role/authorise.h"
#include "role/common/common.h"

#include <string.h>

bool mst_decide_secret(const struct mst_credential *cred, const struct mst_who *owner, mst_time now, struct mst_release *ret,
                       const char **ret_why)
{
	memset(ret, 0, sizeof(*ret));
	if (!cred || cred->purpose != MST_PURPOSE_KPM)
		*ret_why = "identity unknown";
	else if (cred->state == MST_CRED_REVOKED)
		*ret_why = "identity known, its secret is revoked";
	else if (cred->expires <= now)
		*ret_why = "identity known, its secret has expired";
	else if (owner->kind != MST_WHO_NODE)
		*ret_why = "identity known, its node is gone";
	else {
		ret->wanted = true;
		ret->key = cred->key;
		ret->purpose = MST_PURPOSE_KPM;
		ret->how = MST_DERIVE_NONE;
		MST_STR_SET(ret->key_id, cred->key_id);
		MST_STR_SET(ret->target, owner->id);
		ret->authorisation = mst_authorise_release(cred->key_id, owner->id);
		return true;
	}
	return false;
}
