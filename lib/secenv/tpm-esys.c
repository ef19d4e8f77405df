/* Keys in a TPM: connecting, the storage key, sessions, making and loading. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include "secenv/tpm-int.h"

/* Errors of format 1 carry which handle, session or parameter was meant: not part of what it is (part 2, 6.6). */
static TSS2_RC base_of(TSS2_RC rc)
{
	TSS2_RC x = rc & 0xffff;

	return x & TPM2_RC_FMT1 ? x & (TPM2_RC_FMT1 | 0x3f) : x & 0x97f;
}

int tpm_outcome(TSS2_RC rc, const char *doing, struct mst_diag *d)
{
	static const struct { TSS2_RC rc; int r; const char *text; } table[] = {
		{ TPM2_RC_AUTH_FAIL, MST_SECENV_REFUSED, "the TPM does not take this PIN" },
		{ TPM2_RC_BAD_AUTH, MST_SECENV_REFUSED, "the TPM does not take this PIN" },
		{ TPM2_RC_LOCKOUT, MST_SECENV_LOCKOUT, "the TPM takes no PIN for now: too many were wrong" },
		{ TPM2_RC_INTEGRITY, MST_SECENV_CLEARED, "not of this TPM: it was cleared, or is another one" },
		{ TPM2_RC_POLICY_FAIL, MST_SECENV_CHANGED, "the PCRs are not what they were when this was made" },
		{ TPM2_RC_PCR_CHANGED, MST_SECENV_CHANGED, "a PCR has changed meanwhile" },
		{ TPM2_RC_HANDLE, MST_SECENV_CLEARED, "the TPM does not have it any more: it was cleared, or is another one" },
		{ TPM2_RC_NV_SPACE, MST_SECENV_FULL, "the TPM has no room for another NV index" },
		{ TPM2_RC_MEMORY, MST_SECENV_FULL, "the TPM is out of memory" },
		{ TPM2_RC_OBJECT_MEMORY, MST_SECENV_FULL, "others have filled the TPM's slots for objects (tpm2_flushcontext -t)" },
		{ TPM2_RC_SESSION_MEMORY, MST_SECENV_FULL, "others have filled the TPM's slots for sessions (tpm2_flushcontext -l)" },
		{ TPM2_RC_RETRY, MST_SECENV_BUSY, "the TPM is busy: it could not begin the command" },
		{ TPM2_RC_YIELDED, MST_SECENV_BUSY, "the TPM is busy: it has put the command off" },
		{ TPM2_RC_TESTING, MST_SECENV_BUSY, "the TPM is busy: it tests itself" },
		{ TPM2_RC_NV_RATE, MST_SECENV_BUSY, "the TPM is busy: it holds back, so as not to wear out its memory" },
		{ TPM2_RC_NV_UNAVAILABLE, MST_SECENV_BUSY, "the TPM is busy: it cannot reach its memory for now" },
		{ TPM2_RC_INITIALIZE, MST_SECENV_ABSENT, "the TPM has not been started up" },
	};
	TSS2_RC layer = rc & TSS2_RC_LAYER_MASK, x = base_of(rc);

	if (layer == TSS2_TCTI_RC_LAYER || (layer == TSS2_ESAPI_RC_LAYER && (rc & 0xffff) == TSS2_BASE_RC_IO_ERROR)) {
		mst_diag_set(d, 0, "TPM", "does not answer", NULL);
		return MST_SECENV_ABSENT;
	}
	for (size_t i = 0; layer != TSS2_ESAPI_RC_LAYER && i < MST_COUNT(table); i++) {
		if (table[i].rc == x) {
			mst_diag_set(d, 0, "TPM", table[i].text, NULL);
			return table[i].r;
		}
	}
	mst_diag_set(d, 0, "TPM", doing, ": ", Tss2_RC_Decode(rc), NULL);
	return MST_FAULT_CRYPTO;
}

/* The device, when it is there and closed to this user: the TSS does not tell. Else NULL. */
static const char *closed_device(const char *tcti)
{
	const char *path = !*tcti ? "/dev/tpmrm0" : strncmp(tcti, "device:", 7) ? NULL : tcti + 7;
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1, e = errno;

	if (fd >= 0)
		close(fd);
	return path && fd < 0 && e == EACCES ? path : NULL;
}

int tpm_begin(struct tpm_root *t, struct mst_diag *d)
{
	const char *closed;
	TSS2_RC rc;

	t->parent = t->session = t->object = ESYS_TR_NONE;
	rc = Tss2_TctiLdr_Initialize(t->tcti[0] ? t->tcti : NULL, &t->io);
	if (!rc)
		rc = Esys_Initialize(&t->esys, tpm_patience_init(&t->patience, t->io), NULL);
	if (!rc)
		return 0;
	closed = closed_device(t->tcti);
	mst_diag_set(d, 0, "TPM", closed ? "this user may not use " : "no TPM answers at ", closed ? closed : t->tcti[0] ? t->tcti : "this machine",
		     closed ? " (group tss)" : "", NULL);
	return tpm_end(t, MST_SECENV_ABSENT);
}

void tpm_flush(struct tpm_root *t, ESYS_TR *h)
{
	TPM2_HANDLE inside;
	TSS2_RC rc;
	bool known;

	if (*h == ESYS_TR_NONE)
		return;
	known = !Esys_TR_GetTpmHandle(t->esys, *h, &inside);
	rc = Esys_FlushContext(t->esys, *h);
	/* one that the TPM has lost already is no reason to fail; who else says no has not asked it: a context is of no use after a lost command */
	if (rc && (rc & TSS2_RC_LAYER_MASK) != TSS2_TPM_RC_LAYER && known && t->n_left < MST_COUNT(t->left))
		t->left[t->n_left++] = inside;
	*h = ESYS_TR_NONE;
}

/*
 * What could not be flushed because the connection was lost, over another one. Behind a resource manager nothing of this name is there any more;
 * where there is none it would stay, and three fill a TPM. Later it might be somebody else's: it is tried now or not at all.
 */
static void flush_left(struct tpm_root *t)
{
	TSS2_TCTI_CONTEXT *io = NULL;

	if (!t->n_left || Tss2_TctiLdr_Initialize(t->tcti[0] ? t->tcti : NULL, &io))
		t->n_left = 0;
	while (t->n_left) {
		uint8_t b[64];
		struct mst_writer w = mst_writer_of(b, sizeof(b));
		size_t n = sizeof(b);

		mst_put_u16(&w, TPM2_ST_NO_SESSIONS);           /* part 3, 28.4: TPM2_FlushContext */
		mst_put_u32(&w, 14);
		mst_put_u32(&w, TPM2_CC_FlushContext);
		mst_put_u32(&w, t->left[--t->n_left]);
		if (!Tss2_Tcti_Transmit(io, w.n, b))
			(void)Tss2_Tcti_Receive(io, &n, b, TSS2_TCTI_TIMEOUT_BLOCK);
	}
	if (io)
		Tss2_TctiLdr_Finalize(&io);
}

/*
 * The TSS copies the PIN into what it keeps of the object, of the session and of a key that was to be made, and frees that as it is. So it
 * gets zeros to keep in the same places, for commands that are not sent.
 */
static void forget_pin(struct tpm_root *t)
{
	static const TPM2B_AUTH zeros = { .size = ROOT_PIN_MAX };
	static const TPM2B_SENSITIVE_CREATE nothing;
	static const TPM2B_PUBLIC template = { .publicArea.type = TPM2_ALG_KEYEDHASH };
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	TPM2B_SENSITIVE_DATA *data = NULL;
	TPM2B_PRIVATE *priv = NULL;
	TPM2B_PUBLIC *pub = NULL;

	t->patience.kept_away = true;
	if (t->object != ESYS_TR_NONE && !Esys_TR_SetAuth(t->esys, t->object, &zeros) && t->session != ESYS_TR_NONE)
		(void)Esys_Unseal(t->esys, t->object, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &data);
	if (t->parent != ESYS_TR_NONE)
		(void)Esys_Create(t->esys, t->parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing, &template, &no_data, &no_pcrs, &priv, &pub,
				  NULL, NULL, NULL);
	t->patience.kept_away = false;
	Esys_Free(data);
	Esys_Free(priv);
	Esys_Free(pub);
}

int tpm_end(struct tpm_root *t, int r)
{
	if (t->esys && t->pin_n)
		forget_pin(t);
	if (t->esys) {
		tpm_flush(t, &t->object);
		tpm_flush(t, &t->session);
		tpm_flush(t, &t->parent);
		Esys_Finalize(&t->esys);
	}
	if (t->io)
		Tss2_TctiLdr_Finalize(&t->io);
	flush_left(t);
	mst_wipe(&t->patience, sizeof(t->patience));
	return r;
}

int tpm_parent(struct tpm_root *t, struct mst_diag *d)
{
	/* TCG TPM v2.0 Provisioning Guidance 7.5.1 and the EK profile's template for storage keys: ECC P-256 */
	static const TPM2B_PUBLIC template = { .publicArea = {
		.type = TPM2_ALG_ECC, .nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
				    TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
		.parameters.eccDetail = { .symmetric = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB },
					  .scheme.scheme = TPM2_ALG_NULL, .curveID = TPM2_ECC_NIST_P256, .kdf.scheme = TPM2_ALG_NULL },
	} };
	static const TPM2B_SENSITIVE_CREATE nothing;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	TSS2_RC rc = Esys_CreatePrimary(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing, &template, &no_data,
					&no_pcrs, &t->parent, NULL, NULL, NULL, NULL);

	if (!rc)
		return 0;
	t->parent = ESYS_TR_NONE;
	if (base_of(rc) == TPM2_RC_BAD_AUTH || base_of(rc) == TPM2_RC_AUTH_FAIL) {
		mst_diag_set(d, 0, "TPM", "its owner hierarchy has a password; muster-agent uses a TPM whose owner has none", NULL);
		return MST_SECENV_REFUSED;
	}
	return tpm_outcome(rc, "making the storage key", d);
}

static void selection_of(uint32_t pcrs, TPML_PCR_SELECTION *ret)
{
	*ret = (TPML_PCR_SELECTION){ .count = 1, .pcrSelections[0] = { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3 } };
	for (size_t i = 0; i < 3; i++)
		ret->pcrSelections[0].pcrSelect[i] = (BYTE)(pcrs >> 8 * i);
}

/* What makes the policy of a key with PCRs: they, and the PIN when there is one. */
static TSS2_RC say_policy(struct tpm_root *t, ESYS_TR session, uint32_t pcrs)
{
	static const TPM2B_DIGEST as_they_are;
	TPML_PCR_SELECTION sel;
	TSS2_RC rc;

	selection_of(pcrs, &sel);
	rc = Esys_PolicyPCR(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &as_they_are, &sel);
	if (!rc && t->pin_n)
		rc = Esys_PolicyAuthValue(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE);
	return rc;
}

static const TPMT_SYM_DEF session_cipher = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB };

int tpm_session(struct tpm_root *t, uint32_t pcrs, bool policy, struct mst_diag *d)
{
	const TPMA_SESSION both = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT;
	/* salted with the storage key: nobody on the bus can follow */
	TSS2_RC rc = Esys_StartAuthSession(t->esys, t->parent, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
					   policy ? TPM2_SE_POLICY : TPM2_SE_HMAC, &session_cipher, TPM2_ALG_SHA256, &t->session);

	if (rc) {
		t->session = ESYS_TR_NONE;
		return tpm_outcome(rc, "beginning a session", d);
	}
	rc = Esys_TRSess_SetAttributes(t->esys, t->session, both, 0xff);
	if (!rc && policy)
		rc = say_policy(t, t->session, pcrs);
	return rc ? tpm_outcome(rc, "saying the policy", d) : 0;
}

/* The digest that a policy session would have now. */
static int policy_digest(struct tpm_root *t, TPM2B_DIGEST *ret, struct mst_diag *d)
{
	TPM2B_DIGEST *p = NULL;
	ESYS_TR trial = ESYS_TR_NONE;
	TSS2_RC rc = Esys_StartAuthSession(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
					   TPM2_SE_TRIAL, &session_cipher, TPM2_ALG_SHA256, &trial);

	if (!rc)
		rc = say_policy(t, trial, t->pcrs);
	if (!rc)
		rc = Esys_PolicyGetDigest(t->esys, trial, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &p);
	if (!rc)
		*ret = *p;
	Esys_Free(p);
	tpm_flush(t, &trial);
	return rc ? tpm_outcome(rc, "making the policy", d) : 0;
}

static int public_area(struct tpm_root *t, enum tpm_what what, bool made_inside, TPM2B_PUBLIC *ret, struct mst_diag *d)
{
	TPMT_PUBLIC *p = &ret->publicArea;

	*ret = (TPM2B_PUBLIC){ .publicArea = { .nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SIGN_ENCRYPT } };
	if (made_inside)
		p->objectAttributes |= TPMA_OBJECT_SENSITIVEDATAORIGIN;
	if (!t->pin_n)                          /* without a PIN there is nothing to guess */
		p->objectAttributes |= TPMA_OBJECT_NODA;
	if (!t->pcrs)
		p->objectAttributes |= TPMA_OBJECT_USERWITHAUTH;
	if (what == TPM_HMAC_KEY) {
		p->type = TPM2_ALG_KEYEDHASH;
		p->parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_HMAC;
		p->parameters.keyedHashDetail.scheme.details.hmac.hashAlg = TPM2_ALG_SHA256;
	} else {
		p->type = TPM2_ALG_ECC;
		p->parameters.eccDetail = (TPMS_ECC_PARMS){ .symmetric.algorithm = TPM2_ALG_NULL, .curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL,
			.scheme = { .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256 } };
	}
	return t->pcrs ? policy_digest(t, &p->authPolicy, d) : 0;
}

static bool put_wrapped(struct mst_writer *w, uint32_t pcrs, const TPM2B_PUBLIC *pub, const TPM2B_PRIVATE *priv)
{
	uint8_t b[2][sizeof(TPM2B_PUBLIC) + sizeof(TPM2B_PRIVATE)];
	size_t n[2] = { 0, 0 };

	if (Tss2_MU_TPM2B_PUBLIC_Marshal(pub, b[0], sizeof(b[0]), &n[0]) || Tss2_MU_TPM2B_PRIVATE_Marshal(priv, b[1], sizeof(b[1]), &n[1]))
		return false;
	mst_put_u8(w, TPM_TAG);
	mst_put_u32(w, pcrs);
	mst_put_block16(w, (struct mst_view){ b[0], n[0] });
	mst_put_block16(w, (struct mst_view){ b[1], n[1] });
	return w->ok;
}

int tpm_make(struct tpm_root *t, enum tpm_what what, struct mst_view secret, struct mst_writer *w, struct mst_diag *d)
{
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	TPM2B_SENSITIVE_CREATE in = { .sensitive.userAuth.size = (UINT16)t->pin_n };
	TPM2B_PUBLIC template, *pub = NULL;
	TPM2B_PRIVATE *priv = NULL;
	TSS2_RC rc;
	int r = tpm_parent(t, d);

	if (!r)
		r = public_area(t, what, !secret.n, &template, d);
	if (!r)
		r = tpm_session(t, 0, false, d);
	if (r)
		return r;
	memcpy(in.sensitive.userAuth.buffer, t->pin, t->pin_n);
	if (secret.n) {
		memcpy(in.sensitive.data.buffer, secret.p, secret.n);
		in.sensitive.data.size = (UINT16)secret.n;
	}
	rc = Esys_Create(t->esys, t->parent, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &in, &template, &no_data, &no_pcrs, &priv, &pub, NULL, NULL,
			 NULL);
	mst_wipe(&in, sizeof(in));
	r = rc ? tpm_outcome(rc, "making a key", d) : put_wrapped(w, t->pcrs, pub, priv) ? 0 : MST_FAULT_MEMORY;
	Esys_Free(priv);
	Esys_Free(pub);
	return r;
}

static int unwrap(struct mst_view wrapped, uint32_t *ret_pcrs, TPM2B_PUBLIC *ret_pub, TPM2B_PRIVATE *ret_priv, struct mst_diag *d)
{
	struct mst_reader r = mst_reader_of(wrapped);
	bool ours = mst_read_u8(&r) == TPM_TAG;
	struct mst_view pub, priv;
	size_t n = 0, m = 0;

	*ret_pcrs = mst_read_u32(&r);
	pub = mst_read_block16(&r);
	priv = mst_read_block16(&r);
	if (ours && mst_read_end(&r) && !Tss2_MU_TPM2B_PUBLIC_Unmarshal(pub.p, pub.n, &n, ret_pub) &&
	    !Tss2_MU_TPM2B_PRIVATE_Unmarshal(priv.p, priv.n, &m, ret_priv) && n == pub.n && m == priv.n)
		return 0;
	mst_diag_set(d, 0, "TPM", "not a key that a TPM wrapped", NULL);
	return MST_SECENV_CORRUPT;
}

int tpm_public(struct mst_view wrapped, TPM2B_PUBLIC *ret, struct mst_diag *d)
{
	TPM2B_PRIVATE priv;
	uint32_t pcrs;

	*ret = (TPM2B_PUBLIC){ .size = 0 };
	priv.size = 0;
	return unwrap(wrapped, &pcrs, ret, &priv, d);
}

int tpm_load(struct tpm_root *t, struct mst_view wrapped, struct mst_diag *d)
{
	TPM2B_AUTH pin = { .size = (UINT16)t->pin_n };
	TPM2B_PUBLIC pub = { .size = 0 };
	TPM2B_PRIVATE priv = { .size = 0 };
	uint32_t pcrs = 0;
	TSS2_RC rc;
	int r = unwrap(wrapped, &pcrs, &pub, &priv, d);

	if (!r)
		r = tpm_parent(t, d);
	if (r)
		return r;
	rc = Esys_Load(t->esys, t->parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &priv, &pub, &t->object);
	if (rc) {
		t->object = ESYS_TR_NONE;
		return tpm_outcome(rc, "loading a key", d);
	}
	memcpy(pin.buffer, t->pin, t->pin_n);
	rc = Esys_TR_SetAuth(t->esys, t->object, &pin);
	mst_wipe(&pin, sizeof(pin));
	r = rc ? tpm_outcome(rc, "using a key", d) : tpm_session(t, pcrs, !(pub.publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH), d);
	return r;
}
