/* The TPM back end: a root of the store (root.h) on the operations of tpm-esys.c. */
#include "secenv/tpm-int.h"

#include <stdlib.h>
#include <string.h>

#include <tss2/tss2_mu.h>

#include "crypto/heap.h"

#define VERSION 2
#define UNBOUND 1                /* its counter is not in the store's key: another one of the same TPM passes for it */

static struct tpm_root *of(struct secenv_root *r)
{
	return (struct tpm_root *)r;
}

/* --- symmetric --- */

static int hmac(struct tpm_root *t, struct mst_view wrapped, struct mst_view message, uint8_t out[MST_SHA256_LEN], struct mst_diag *d)
{
	TPM2B_MAX_BUFFER in = { .size = (UINT16)message.n };
	TPM2B_DIGEST *sum = NULL;
	TSS2_RC rc;
	int r;

	if (message.n > sizeof(in.buffer))
		return MST_FAULT_BUG;
	r = tpm_load(t, wrapped, d);
	if (r)
		return r;
	if (message.n)
		memcpy(in.buffer, message.p, message.n);
	rc = Esys_HMAC(t->esys, t->object, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &in, TPM2_ALG_NULL, &sum);
	if (rc)
		r = tpm_outcome(rc, "HMAC", d);
	else if (sum->size != MST_SHA256_LEN)
		r = MST_FAULT_CRYPTO;
	else
		memcpy(out, sum->buffer, MST_SHA256_LEN);
	if (sum)
		mst_wipe(sum, sizeof(*sum));
	Esys_Free(sum);
	return r;
}

static int tpm_secret_import(struct secenv_root *root, struct mst_view secret, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	struct mst_writer w = mst_writer_of(ret_k->b, sizeof(ret_k->b));
	int r = tpm_begin(of(root), d);

	if (r)
		return r;
	r = tpm_make(of(root), TPM_HMAC_KEY, secret, &w, d);
	ret_k->n = w.n;
	return tpm_end(of(root), r);
}

static int tpm_secret_hmac(struct secenv_root *root, const struct mst_secenv_key *k, struct mst_view message, uint8_t out[MST_SHA256_LEN],
			   struct mst_diag *d)
{
	int r = tpm_begin(of(root), d);

	return r ? r : tpm_end(of(root), hmac(of(root), (struct mst_view){ k->b, k->n }, message, out, d));
}

/* --- the store's key: record = version, counter's index, salt, wrapped HMAC key --- */

struct record { uint8_t version; uint32_t index; struct mst_view salt, wrapped; };

/* The counter's index is in it, so that a record with another one opens nothing. */
static int store_key(struct tpm_root *t, const struct record *rec, uint8_t ret_key[32], struct mst_diag *d)
{
	uint8_t b[ROOT_STORE_MESSAGE];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	if (rec->version == UNBOUND)
		return hmac(t, rec->wrapped, secenv_store_message(rec->salt, b), ret_key, d);
	mst_put_str(&w, "muster store key 2");
	mst_put_u32(&w, rec->index);
	mst_put(&w, rec->salt);
	return hmac(t, rec->wrapped, mst_written(&w), ret_key, d);
}

static int bind_in(struct tpm_root *t, struct mst_writer *record, uint8_t ret_key[32], struct mst_diag *d)
{
	uint8_t salt[ROOT_SALT], b[MST_SECENV_KEY_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct record rec = { .version = VERSION, .salt = { salt, sizeof(salt) } };
	int r = t->c->ops->random(t->c, salt, sizeof(salt));

	if (!r)
		r = tpm_make(t, TPM_HMAC_KEY, MST_VIEW_NONE, &w, d);
	(void)tpm_end(t, 0);             /* the slots are free again for what comes */
	rec.wrapped = mst_written(&w);
	if (!r)
		r = tpm_begin(t, d);
	if (!r)
		r = tpm_counter_make(t, &rec.index, d);
	if (r)
		return r;
	r = store_key(t, &rec, ret_key, d);
	if (r)                           /* half a store is nobody's: each attempt would leave one more */
		(void)!tpm_counter_drop(t, NULL);
	mst_put_u8(record, rec.version);
	mst_put_u32(record, rec.index);
	mst_put(record, rec.salt);
	mst_put(record, rec.wrapped);
	return r;
}

static int tpm_bind(struct secenv_root *root, struct mst_writer *record, uint8_t ret_key[32], struct mst_diag *d)
{
	int r = tpm_begin(of(root), d);

	return r ? r : tpm_end(of(root), bind_in(of(root), record, ret_key, d));
}

static bool read_record(struct mst_view record, struct record *ret, struct mst_diag *d)
{
	struct mst_reader rd = mst_reader_of(record);
	bool known;

	ret->version = mst_read_u8(&rd);
	known = ret->version == VERSION || ret->version == UNBOUND;
	ret->index = mst_read_u32(&rd);
	ret->salt = mst_read(&rd, ROOT_SALT);
	ret->wrapped = (struct mst_view){ rd.p, rd.left };
	if (!known || !rd.ok)
		mst_diag_set(d, 0, "key_file", "its record is none that this version knows of a TPM", NULL);
	return known && rd.ok;
}

static int tpm_unlock(struct secenv_root *root, struct mst_view record, uint8_t ret_key[32], struct mst_diag *d)
{
	struct tpm_root *t = of(root);
	struct record rec;
	int r;

	if (!read_record(record, &rec, d))
		return MST_SECENV_CORRUPT;
	t->counter = rec.index;
	r = tpm_begin(t, d);
	return r ? r : tpm_end(t, store_key(t, &rec, ret_key, d));
}

static int tpm_unbind(struct secenv_root *root, struct mst_view record, struct mst_diag *d)
{
	struct tpm_root *t = of(root);
	struct record rec;
	int r;

	if (!read_record(record, &rec, d))
		return MST_SECENV_CORRUPT;
	t->counter = rec.index;
	r = tpm_begin(t, d);
	if (!r)
		r = tpm_end(t, tpm_counter_drop(t, d));
	return r == MST_SECENV_CLEARED ? 0 : r;
}

static int tpm_counter(struct secenv_root *root, uint64_t *ret_n, struct mst_diag *d)
{
	int r = tpm_begin(of(root), d);

	return r ? r : tpm_end(of(root), tpm_counter_read(of(root), ret_n, d));
}

static int tpm_advance(struct secenv_root *root, struct mst_diag *d)
{
	int r = tpm_begin(of(root), d);

	return r ? r : tpm_end(of(root), tpm_counter_step(of(root), d));
}

/* --- key pairs --- */

static int tpm_key_make(struct secenv_root *root, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	struct mst_writer w = mst_writer_of(ret_k->b, sizeof(ret_k->b));
	int r = tpm_begin(of(root), d);

	if (r)
		return r;
	r = tpm_make(of(root), TPM_SIGNING_KEY, MST_VIEW_NONE, &w, d);
	ret_k->n = w.n;
	return tpm_end(of(root), r);
}

/* A number of at most 32 octets, to 32. */
static bool pad(const TPM2B_ECC_PARAMETER *p, uint8_t out[32])
{
	if (p->size > 32)
		return false;
	memset(out, 0, 32);
	memcpy(out + 32 - p->size, p->buffer, p->size);
	return true;
}

static int spki_of(const TPM2B_PUBLIC *pub, uint8_t *ret_spki, size_t cap, size_t *ret_n)
{
	const TPMS_ECC_POINT *p = &pub->publicArea.unique.ecc;
	uint8_t xy[64];

	if (pub->publicArea.type != TPM2_ALG_ECC || !pad(&p->x, xy) || !pad(&p->y, xy + 32))
		return MST_SECENV_CORRUPT;
	return secenv_spki(xy, ret_spki, cap, ret_n);
}

static int tpm_key_public(struct secenv_root *root, const struct mst_secenv_key *k, uint8_t *ret_spki, size_t cap, size_t *ret_n,
			  struct mst_diag *d)
{
	TPM2B_PUBLIC pub;
	int r = tpm_public((struct mst_view){ k->b, k->n }, &pub, d);

	(void)root;
	return r ? r : spki_of(&pub, ret_spki, cap, ret_n);
}

static bool raw_of(const TPMT_SIGNATURE *s, uint8_t rs[64])
{
	return s->sigAlg == TPM2_ALG_ECDSA && pad(&s->signature.ecdsa.signatureR, rs) && pad(&s->signature.ecdsa.signatureS, rs + 32);
}

static int sign(struct tpm_root *t, const struct mst_secenv_key *k, const uint8_t digest[MST_SHA256_LEN], uint8_t rs[64], struct mst_diag *d)
{
	static const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };      /* the key has one */
	static const TPMT_TK_HASHCHECK no_ticket = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	TPM2B_DIGEST in = { .size = MST_SHA256_LEN };
	TPMT_SIGNATURE *s = NULL;
	TSS2_RC rc;
	int r = tpm_load(t, (struct mst_view){ k->b, k->n }, d);

	if (r)
		return r;
	memcpy(in.buffer, digest, MST_SHA256_LEN);
	rc = Esys_Sign(t->esys, t->object, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &in, &scheme, &no_ticket, &s);
	r = rc ? tpm_outcome(rc, "signing", d) : raw_of(s, rs) ? 0 : MST_FAULT_CRYPTO;
	Esys_Free(s);
	return r;
}

static int tpm_key_sign(struct secenv_root *root, const struct mst_secenv_key *k, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap,
			size_t *ret_n, struct mst_diag *d)
{
	uint8_t rs[64];
	int r = tpm_begin(of(root), d);

	if (r)
		return r;
	r = tpm_end(of(root), sign(of(root), k, digest, rs, d));
	return r ? r : secenv_signature(rs, out, cap, ret_n) ? 0 : MST_FAULT_MEMORY;
}

/* --- attestation --- */

static int attestation_key(struct tpm_root *t, ESYS_TR *ret_h, TPM2B_PUBLIC **ret_pub, struct mst_diag *d)
{
	static const TPM2B_PUBLIC template = { .publicArea = {
		.type = TPM2_ALG_ECC, .nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
				    TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT,
		.parameters.eccDetail = { .symmetric.algorithm = TPM2_ALG_NULL, .curveID = TPM2_ECC_NIST_P256, .kdf.scheme = TPM2_ALG_NULL,
					  .scheme = { .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256 } },
	} };
	static const TPM2B_SENSITIVE_CREATE nothing;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	TSS2_RC rc = Esys_CreatePrimary(t->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing, &template,
					&no_data, &no_pcrs, ret_h, ret_pub, NULL, NULL, NULL);

	return rc ? tpm_outcome(rc, "making the attestation key", d) : 0;
}

static int certify(struct tpm_root *t, ESYS_TR ak, struct mst_view nonce, TPM2B_ATTEST **ret_a, TPMT_SIGNATURE **ret_s, struct mst_diag *d)
{
	static const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	TPM2B_DATA q = { .size = (UINT16)nonce.n };
	TSS2_RC rc;

	if (nonce.n > 32)                       /* what every TPM takes */
		return MST_FAULT_BUG;
	if (nonce.n)
		memcpy(q.buffer, nonce.p, nonce.n);
	rc = Esys_Certify(t->esys, t->object, ak, t->session, ESYS_TR_PASSWORD, ESYS_TR_NONE, &q, &scheme, ret_a, ret_s);
	return rc ? tpm_outcome(rc, "certifying a key", d) : 0;
}

static int attest(struct tpm_root *t, const struct mst_secenv_key *k, struct mst_view nonce, struct mst_writer *w, struct mst_diag *d)
{
	ESYS_TR ak = ESYS_TR_NONE;
	TPM2B_PUBLIC *ak_pub = NULL;
	TPM2B_ATTEST *a = NULL;
	TPMT_SIGNATURE *s = NULL;
	uint8_t rs[64], spki[MST_PKEY_MAX];
	size_t n = 0;
	int r = tpm_load(t, (struct mst_view){ k->b, k->n }, d);

	if (r)
		return r;
	tpm_flush(t, &t->parent);                /* its slot is needed */
	r = attestation_key(t, &ak, &ak_pub, d);
	if (!r)
		r = certify(t, ak, nonce, &a, &s, d);
	if (!r && (!raw_of(s, rs) || spki_of(ak_pub, spki, sizeof(spki), &n)))
		r = MST_FAULT_CRYPTO;
	if (!r) {
		mst_put_block16(w, (struct mst_view){ a->attestationData, a->size });
		mst_put_block16(w, (struct mst_view){ rs, sizeof(rs) });
		mst_put_block16(w, (struct mst_view){ spki, n });
		r = w->ok ? 0 : MST_FAULT_MEMORY;
	}
	tpm_flush(t, &ak);
	Esys_Free(ak_pub);
	Esys_Free(a);
	Esys_Free(s);
	return r;
}

static int tpm_attest(struct secenv_root *root, const struct mst_secenv_key *k, struct mst_view nonce, struct mst_writer *w, struct mst_diag *d)
{
	int r = tpm_begin(of(root), d);

	return r ? r : tpm_end(of(root), attest(of(root), k, nonce, w, d));
}

/* --- opening --- */

static void tpm_free(struct secenv_root *root)
{
	struct tpm_root *t = of(root);

	free(t->tcti);
	mst_heap_give(t->pin);
	mst_wipe(t, sizeof(*t));
	free(t);
}

static const struct secenv_root_ops tpm_ops = {
	.kind = MST_SECENV_TPM, .tag = TPM_TAG,
	.offers = { .bound = true, .keys_inside = true, .hmac_inside = true, .counter = true, .attests = true },
	.bind = tpm_bind, .unlock = tpm_unlock, .unbind = tpm_unbind, .counter = tpm_counter, .advance = tpm_advance,
	.key_make = tpm_key_make, .key_public = tpm_key_public, .key_sign = tpm_key_sign, .secret_import = tpm_secret_import,
	.secret_hmac = tpm_secret_hmac, .attest = tpm_attest, .free = tpm_free,
};

int mst_secenv_tpm_open(const struct mst_secenv_tpm *cfg, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
	struct tpm_root *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t)
		return MST_FAULT_MEMORY;
	t->root.ops = &tpm_ops;
	t->c = c;
	t->pcrs = cfg->pcrs;
	t->tcti = strdup(cfg->tcti);
	t->pin = mst_heap_take(ROOT_PIN_MAX);
	if (!t->tcti || !t->pin)
		r = MST_FAULT_MEMORY;
	if (!r && cfg->pin_file[0])
		r = secenv_read_secret(cfg->pin_file, t->pin, 32, &t->pin_n, d);      /* a TPM takes no longer one for SHA-256 */
	if (!r)
		r = tpm_begin(t, d);
	if (!r)
		r = tpm_end(t, 0);
	if (r) {
		tpm_free(&t->root);
		return r;
	}
	*ret = &t->root;
	return 0;
}
