/* An NV counter of the store's own: it only goes up, and survives everything but the clearing of the TPM. */
#include "secenv/tpm-int.h"

/* Of the owner's range (TCG registry of reserved handles, 0x01800000 to 0x01bfffff), a stretch that nobody is known to use. */
#define FIRST UINT32_C(0x01a06d00)
#define INDICES 64u
#define ATTRIBUTES (TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA | (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT))

static int find(struct tpm_root *t, ESYS_TR *ret_h, struct mst_diag *d)
{
	TSS2_RC rc = Esys_TR_FromTPMPublic(t->esys, t->counter, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ret_h);

	return rc ? tpm_outcome(rc, "finding the counter", d) : 0;
}

int tpm_counter_make(struct tpm_root *t, uint32_t *ret_index, struct mst_diag *d)
{
	static const TPM2B_AUTH no_auth;
	uint8_t start = 0;
	TSS2_RC rc = TPM2_RC_NV_DEFINED;
	int r = t->c->ops->random(t->c, &start, 1);

	for (uint32_t i = 0; !r && i < INDICES && rc == TPM2_RC_NV_DEFINED; i++) {
		TPM2B_NV_PUBLIC p = { .nvPublic = { .nvIndex = FIRST + (start + i) % INDICES, .nameAlg = TPM2_ALG_SHA256, .attributes = ATTRIBUTES,
						    .dataSize = 8 } };
		ESYS_TR h = ESYS_TR_NONE;

		rc = Esys_NV_DefineSpace(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, &p, &h);
		if (!rc) {
			*ret_index = t->counter = p.nvPublic.nvIndex;
			/* from its first step on it can be read */
			rc = Esys_NV_Increment(t->esys, h, h, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
			if (rc)                  /* nobody would know of it */
				(void)Esys_NV_UndefineSpace(t->esys, ESYS_TR_RH_OWNER, h, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
		}
	}
	if (rc == TPM2_RC_NV_DEFINED) {
		mst_diag_set(d, 0, "TPM", "all the indices for counters of muster are taken (tpm2_nvundefine 0x1a06d00 …)", NULL);
		return MST_SECENV_FULL;
	}
	return r ? r : rc ? tpm_outcome(rc, "making a counter", d) : 0;
}

/* Anybody can put another index in its place, as the owner has no password; an ordinary one would say whatever number he likes. */
static int is_counter(struct tpm_root *t, ESYS_TR h, struct mst_diag *d)
{
	TPM2B_NV_PUBLIC *pub = NULL;
	TSS2_RC rc = Esys_NV_ReadPublic(t->esys, h, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub, NULL);
	bool counts = !rc && (pub->nvPublic.attributes & TPMA_NV_TPM2_NT_MASK) >> TPMA_NV_TPM2_NT_SHIFT == TPM2_NT_COUNTER;

	Esys_Free(pub);
	if (rc)
		return tpm_outcome(rc, "looking at the counter", d);
	if (counts)
		return 0;
	mst_diag_set(d, 0, "TPM", "the index that was this store's counter is no counter any more: somebody has replaced it", NULL);
	return MST_SECENV_CLEARED;
}

int tpm_counter_read(struct tpm_root *t, uint64_t *ret_n, struct mst_diag *d)
{
	TPM2B_MAX_NV_BUFFER *b = NULL;
	ESYS_TR h = ESYS_TR_NONE;
	struct mst_reader rd;
	TSS2_RC rc;
	int r = find(t, &h, d);

	if (!r)
		r = is_counter(t, h, d);
	if (r)
		return r;
	rc = Esys_NV_Read(t->esys, h, h, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, 8, 0, &b);
	if (rc)
		return tpm_outcome(rc, "reading the counter", d);
	rd = mst_reader_of((struct mst_view){ b->buffer, b->size });
	*ret_n = mst_read_u64(&rd);
	r = mst_read_end(&rd) ? 0 : MST_FAULT_CRYPTO;
	Esys_Free(b);
	return r;
}

int tpm_counter_step(struct tpm_root *t, struct mst_diag *d)
{
	ESYS_TR h = ESYS_TR_NONE;
	TSS2_RC rc;
	int r = find(t, &h, d);

	if (r)
		return r;
	rc = Esys_NV_Increment(t->esys, h, h, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
	return rc ? tpm_outcome(rc, "counting", d) : 0;
}

int tpm_counter_drop(struct tpm_root *t, struct mst_diag *d)
{
	ESYS_TR h = ESYS_TR_NONE;
	TSS2_RC rc;
	int r = find(t, &h, d);

	if (r)
		return r;
	rc = Esys_NV_UndefineSpace(t->esys, ESYS_TR_RH_OWNER, h, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
	return rc ? tpm_outcome(rc, "giving the counter back", d) : 0;
}
