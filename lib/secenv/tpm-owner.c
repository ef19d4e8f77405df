/* Whose storage hierarchy is it? Where its owner has a password nobody else makes the storage key, and no PIN of ours has to do with that. */
#include "secenv/tpm-int.h"

static bool has_password(struct tpm_root *t)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;
	TSS2_RC rc = Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES, TPM2_PT_PERMANENT, 1, &more, &data);
	const TPML_TAGGED_TPM_PROPERTY *p = rc ? NULL : &data->data.tpmProperties;
	bool has = p && p->count && p->tpmProperty[0].property == TPM2_PT_PERMANENT && p->tpmProperty[0].value & TPMA_PERMANENT_OWNERAUTHSET;

	Esys_Free(data);
	return has;
}

bool mst_secenv_tpm_owned(struct secenv_root *root, struct mst_diag *d)
{
	struct tpm_root *t = (struct tpm_root *)(void *)root;
	struct mst_diag unused;
	bool has = false;

	if (!tpm_begin(t, &unused)) {
		has = has_password(t);
		(void)tpm_end(t, 0);
	}
	if (has)
		mst_diag_set(d, 0, "TPM", "its owner hierarchy has a password, and muster makes keys where the owner has none", NULL);
	return has;
}

int mst_secenv_tpm_judge(struct secenv_root *root, struct mst_diag *d)
{
	return mst_secenv_tpm_owned(root, d) ? MST_SECENV_OWNED : MST_SECENV_REFUSED;
}
