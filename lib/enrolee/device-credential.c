/* What a slot's record says (include/muster/credential.h). */
#include "enrolee/clock.h"
#include "muster/credential.h"
#include "secenv/secenv.h"

_Static_assert(sizeof(struct mst_root_cred) <= sizeof(struct muster_credential), "MUSTER_CREDENTIAL_SIZE is too small: a new major version");
_Static_assert(_Alignof(struct mst_root_cred) <= _Alignof(struct muster_credential), "alignment");

static const struct mst_root_cred *cred(const struct muster_credential *c)
{
	return (const struct mst_root_cred *)(const void *)c;
}

bool muster_credential_read(struct muster_credential *c, const void *record, size_t n)
{
	muster_credential_wipe(c);
	return mst_root_cred_decode((struct mst_view){ record, n }, (struct mst_root_cred *)(void *)c);
}

void muster_credential_wipe(struct muster_credential *c)
{
	mst_wipe(c, sizeof(*c));
}

const char *muster_credential_text(const struct muster_credential *c, enum muster_text what)
{
	static const size_t at[MUSTER_TEXT_COUNT_] = {
		[MUSTER_KEY_ID] = offsetof(struct mst_root_cred, key_id),
		[MUSTER_NODE_ID] = offsetof(struct mst_root_cred, node_id),
		[MUSTER_CSE_ID] = offsetof(struct mst_root_cred, cse_id),
		[MUSTER_AE_ID] = offsetof(struct mst_root_cred, ae_id),
		[MUSTER_REGISTRAR_CSE_ID] = offsetof(struct mst_root_cred, registrar_cse_id),
		[MUSTER_REGISTRAR_POA] = offsetof(struct mst_root_cred, registrar_poa),
		[MUSTER_MAF_FQDN] = offsetof(struct mst_root_cred, maf_fqdn),
		[MUSTER_MAF_URI] = offsetof(struct mst_root_cred, maf_uri),
		[MUSTER_MEF_FQDN] = offsetof(struct mst_root_cred, mef_fqdn),
		[MUSTER_MEF_URI] = offsetof(struct mst_root_cred, mef_uri),
		[MUSTER_ADMIN_FQDN] = offsetof(struct mst_root_cred, admin_fqdn),
		[MUSTER_ATTEMPT] = offsetof(struct mst_root_cred, attempt),
	};

	return (unsigned)what < MUSTER_TEXT_COUNT_ ? (const char *)c + at[what] : "";
}

const unsigned char *muster_credential_key(const struct muster_credential *c)
{
	return cred(c)->key.b;
}

bool muster_credential_confirmed(const struct muster_credential *c)
{
	return cred(c)->confirmed;
}

int64_t muster_credential_obtained(const struct muster_credential *c)
{
	return cred(c)->obtained;
}

int64_t muster_credential_until(const struct muster_credential *c)
{
	return mst_root_cred_until(cred(c));
}

uint64_t muster_credential_generation(const struct muster_credential *c)
{
	return cred(c)->generation;
}

int64_t muster_credential_renew_at(const struct muster_credential *c, uint32_t random)
{
	return mst_renew_at(cred(c)->obtained, mst_root_cred_until(cred(c)), random);
}
