/* The PKCS#11 back end: a root of the store (root.h) on the objects of a token. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "crypto/heap.h"
#include "secenv/pkcs11-int.h"

#define VERSION 1
#define TAG 'K'

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY, private_class = CKO_PRIVATE_KEY, public_class = CKO_PUBLIC_KEY, data_class = CKO_DATA;
static CK_KEY_TYPE generic_secret = CKK_GENERIC_SECRET;

static struct p11_root *of(struct secenv_root *r)
{
	return (struct p11_root *)r;
}

/* --- objects: ours are private ones, for whoever has the token can put others there without its PIN --- */

/* Objects of that name, at most two of them. */
static int look_for(struct p11_root *p, CK_OBJECT_CLASS *class, const uint8_t id[P11_ID], bool private, CK_OBJECT_HANDLE ret_h[2], CK_ULONG *ret_n,
		    struct mst_diag *d)
{
	uint8_t copy[P11_ID];
	CK_ATTRIBUTE t[] = { { CKA_CLASS, class, sizeof(*class) }, { CKA_TOKEN, &yes, sizeof(yes) }, { CKA_ID, copy, sizeof(copy) },
			     { CKA_PRIVATE, &yes, sizeof(yes) } };
	CK_RV rv;

	memcpy(copy, id, sizeof(copy));
	*ret_n = 0;
	rv = p->f->C_FindObjectsInit(p->session, t, MST_COUNT(t) - !private);
	if (rv == CKR_OK) {
		rv = p->f->C_FindObjects(p->session, ret_h, 2, ret_n);
		(void)p->f->C_FindObjectsFinal(p->session);
	}
	return rv == CKR_OK ? 0 : p11_outcome(rv, "looking for an object", d);
}

/* A public half may be one that is not private: made before they were, or in a token that makes no others. Then there has to be one alone. */
static int find(struct p11_root *p, CK_OBJECT_CLASS *class, const uint8_t id[P11_ID], CK_OBJECT_HANDLE *ret_h, struct mst_diag *d)
{
	CK_OBJECT_HANDLE h[2] = { 0, 0 };
	CK_ULONG n = 0;
	int r = look_for(p, class, id, true, h, &n, d);

	if (!r && !n && class == &public_class) {
		r = look_for(p, class, id, false, h, &n, d);
		if (!r && n > 1) {
			mst_diag_set(d, 0, "token", "has two public keys of one name: somebody has put one there", NULL);
			return MST_SECENV_CORRUPT;
		}
	}
	if (r)
		return r;
	*ret_h = h[0];
	if (n)
		return 0;
	mst_diag_set(d, 0, "token", "does not have the object that is looked for: it was initialised anew, or is another one with this label", NULL);
	return MST_SECENV_CLEARED;
}

static int destroy(struct p11_root *p, CK_OBJECT_CLASS *class, const uint8_t id[P11_ID], struct mst_diag *d)
{
	CK_OBJECT_HANDLE h = 0;
	int r = find(p, class, id, &h, d);
	CK_RV rv;

	if (r)
		return r == MST_SECENV_CLEARED ? 0 : r;
	rv = p->f->C_DestroyObject(p->session, h);
	return rv == CKR_OK ? 0 : p11_outcome(rv, "erasing an object", d);
}

static int new_id(struct p11_root *p, uint8_t id[P11_ID])
{
	return p->c->ops->random(p->c, id, P11_ID);
}

/* --- symmetric --- */

static int hmac(struct p11_root *p, const uint8_t id[P11_ID], struct mst_view message, uint8_t out[MST_SHA256_LEN], struct mst_diag *d)
{
	CK_MECHANISM m = { CKM_SHA256_HMAC, NULL, 0 };
	uint8_t copy[MST_SECENV_MESSAGE];
	CK_OBJECT_HANDLE key = 0;
	CK_ULONG n = MST_SHA256_LEN;
	CK_RV rv;
	int r = message.n > sizeof(copy) ? MST_FAULT_BUG : find(p, &secret_class, id, &key, d);

	if (r)
		return r;
	if (message.n)
		memcpy(copy, message.p, message.n);      /* the interface knows no const */
	rv = p->f->C_SignInit(p->session, &m, key);
	if (rv == CKR_OK)
		rv = p->f->C_Sign(p->session, copy, message.n, out, &n);
	if (rv != CKR_OK)
		return p11_outcome(rv, "HMAC", d);
	return n == MST_SHA256_LEN ? 0 : MST_FAULT_CRYPTO;
}

/* A token that passes over what it is asked for has made a key that comes out: it is erased, and the store is told. */
static int stays_inside(struct p11_root *p, CK_OBJECT_HANDLE h, struct mst_diag *d)
{
	CK_BBOOL out = CK_TRUE, sensitive = CK_FALSE, private = CK_FALSE;
	CK_ATTRIBUTE t[] = { { CKA_EXTRACTABLE, &out, sizeof(out) }, { CKA_SENSITIVE, &sensitive, sizeof(sensitive) }, { CKA_PRIVATE, &private, sizeof(private) } };
	CK_RV rv = p->f->C_GetAttributeValue(p->session, h, t, MST_COUNT(t));

	if (rv == CKR_OK && !out && sensitive && private)
		return 0;
	(void)p->f->C_DestroyObject(p->session, h);
	if (rv != CKR_OK)
		return p11_outcome(rv, "looking at a new key", d);
	mst_diag_set(d, 0, "token", "made a key that can be read out, though it was asked for one that cannot", NULL);
	return MST_SECENV_CORRUPT;
}

/* Made in the token, or taken in; either never to come out again. */
static int secret(struct p11_root *p, struct mst_view value, const uint8_t id[P11_ID], const char *label, struct mst_diag *d)
{
	CK_MECHANISM m = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	CK_ULONG length = MST_KEY_LEN;
	uint8_t copy[P11_ID], octets[MST_KEY_MAX];
	char name[32];
	CK_ATTRIBUTE t[] = {
		{ CKA_CLASS, &secret_class, sizeof(secret_class) }, { CKA_KEY_TYPE, &generic_secret, sizeof(generic_secret) },
		{ CKA_TOKEN, &yes, sizeof(yes) }, { CKA_PRIVATE, &yes, sizeof(yes) }, { CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_EXTRACTABLE, &no, sizeof(no) }, { CKA_SIGN, &yes, sizeof(yes) }, { CKA_ID, copy, sizeof(copy) },
		{ CKA_LABEL, name, strlen(label) }, { CKA_VALUE_LEN, &length, sizeof(length) },
	};
	CK_OBJECT_HANDLE h;
	CK_RV rv;

	memcpy(copy, id, sizeof(copy));
	snprintf(name, sizeof(name), "%s", label);
	if (value.n) {
		memcpy(octets, value.p, value.n);
		t[MST_COUNT(t) - 1] = (CK_ATTRIBUTE){ CKA_VALUE, octets, value.n };
		rv = p->f->C_CreateObject(p->session, t, MST_COUNT(t), &h);
		mst_wipe(octets, sizeof(octets));
	} else {
		rv = p->f->C_GenerateKey(p->session, &m, t, MST_COUNT(t), &h);
	}
	return rv == CKR_OK ? stays_inside(p, h, d) : p11_outcome(rv, "making a secret key", d);
}

static int p11_secret_import(struct secenv_root *root, struct mst_view value, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	struct p11_root *p = of(root);
	uint8_t id[P11_ID];
	int r = p11_ready(p, d);

	if (!r)
		r = new_id(p, id);
	if (!r)
		r = secret(p, value, id, "muster secret", d);
	if (!r)
		secenv_name_key(ret_k, TAG, id);
	return r;
}

static int p11_secret_hmac(struct secenv_root *root, const struct mst_secenv_key *k, struct mst_view message, uint8_t out[MST_SHA256_LEN],
			   struct mst_diag *d)
{
	const uint8_t *id = secenv_id_of(k, TAG, d);
	int r = id ? p11_ready(of(root), d) : MST_SECENV_CORRUPT;

	return r ? r : hmac(of(root), id, message, out, d);
}

/* --- counting: data objects with eight octets, of which the greatest counts; few tokens let one be changed --- */

#define COUNTS_MAX 64             /* a cut leaves one, a token that erases none all of them */

/* "muster " and the store's id in hex: what a data object can be found by everywhere. */
static size_t application(const struct p11_root *p, char out[48])
{
	struct mst_writer w = mst_writer_of((uint8_t *)out, 48);

	mst_put_str(&w, "muster ");
	mst_put_hex(&w, (struct mst_view){ p->store_id, P11_ID });
	return w.n;
}

static int count_make(struct p11_root *p, uint64_t count, struct mst_diag *d)
{
	uint8_t b[8];
	char label[] = "muster count", app[48];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	CK_ATTRIBUTE t[] = {
		{ CKA_CLASS, &data_class, sizeof(data_class) }, { CKA_TOKEN, &yes, sizeof(yes) }, { CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_LABEL, label, sizeof(label) - 1 }, { CKA_APPLICATION, app, application(p, app) }, { CKA_VALUE, b, sizeof(b) },
	};
	CK_OBJECT_HANDLE h;
	CK_RV rv;

	mst_put_u64(&w, count);
	rv = p->f->C_CreateObject(p->session, t, MST_COUNT(t), &h);
	return rv == CKR_OK ? 0 : p11_outcome(rv, "counting", d);
}

static int counts(struct p11_root *p, CK_OBJECT_HANDLE ret_h[COUNTS_MAX], CK_ULONG *ret_n, struct mst_diag *d)
{
	char app[48];
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &data_class, sizeof(data_class) }, { CKA_TOKEN, &yes, sizeof(yes) },
			     { CKA_APPLICATION, app, application(p, app) }, { CKA_PRIVATE, &yes, sizeof(yes) } };
	CK_RV rv = p->f->C_FindObjectsInit(p->session, t, MST_COUNT(t));
	CK_ULONG n = 0;

	*ret_n = 0;
	if (rv == CKR_OK) {
		do {
			rv = p->f->C_FindObjects(p->session, ret_h + *ret_n, COUNTS_MAX - *ret_n, &n);
			*ret_n += rv == CKR_OK ? n : 0;
		} while (rv == CKR_OK && n && *ret_n < COUNTS_MAX);
		(void)p->f->C_FindObjectsFinal(p->session);
	}
	if (rv != CKR_OK)
		return p11_outcome(rv, "looking for the counter", d);
	if (*ret_n == COUNTS_MAX) {
		mst_diag_set(d, 0, "token", "has more counters of this store than are ever left: it erases none, or somebody with its PIN made them", NULL);
		return MST_SECENV_CORRUPT;
	}
	if (*ret_n)
		return 0;
	mst_diag_set(d, 0, "token", "does not have the counter of this store: it was initialised anew, or is another one with this label", NULL);
	return MST_SECENV_CLEARED;
}

static int count_of(struct p11_root *p, CK_OBJECT_HANDLE h, uint64_t *ret_n, struct mst_diag *d)
{
	uint8_t b[8];
	CK_ATTRIBUTE t = { CKA_VALUE, b, sizeof(b) };
	CK_RV rv = p->f->C_GetAttributeValue(p->session, h, &t, 1);
	struct mst_reader rd = mst_reader_of((struct mst_view){ b, sizeof(b) });

	if (rv != CKR_OK || t.ulValueLen != sizeof(b))
		return rv == CKR_OK ? MST_SECENV_CORRUPT : p11_outcome(rv, "reading the counter", d);
	*ret_n = mst_read_u64(&rd);
	return 0;
}

static int p11_counter(struct secenv_root *root, uint64_t *ret_n, struct mst_diag *d)
{
	struct p11_root *p = of(root);
	CK_OBJECT_HANDLE h[COUNTS_MAX];
	uint64_t one = 0, most = 0;
	CK_ULONG n = 0;
	int r = p11_ready(p, d);

	if (!r)
		r = counts(p, h, &n, d);
	for (CK_ULONG i = 0; !r && i < n; i++) {
		r = count_of(p, h[i], &one, d);
		most = one > most ? one : most;
	}
	if (!r)
		*ret_n = most;
	return r;
}

/* The new one first: whenever it is cut off, the greatest is there. */
static int p11_advance(struct secenv_root *root, struct mst_diag *d)
{
	struct p11_root *p = of(root);
	CK_OBJECT_HANDLE old[COUNTS_MAX];
	uint64_t count = 0;
	CK_ULONG n = 0;
	int r = p11_counter(root, &count, d);

	if (!r)
		r = counts(p, old, &n, d);
	if (!r)
		r = count_make(p, count + 1, d);
	for (CK_ULONG i = 0; !r && i < n; i++)
		(void)p->f->C_DestroyObject(p->session, old[i]);         /* one that stays goes the next time */
	return r;
}

static int counts_drop(struct p11_root *p, struct mst_diag *d)
{
	CK_OBJECT_HANDLE h[COUNTS_MAX];
	CK_ULONG n = 0;
	int r = counts(p, h, &n, d);

	for (CK_ULONG i = 0; !r && i < n; i++)
		if (p->f->C_DestroyObject(p->session, h[i]) != CKR_OK)
			r = MST_FAULT_CRYPTO;
	return r == MST_SECENV_CLEARED ? 0 : r;
}

/* --- the store's key: record = version, CKA_ID, salt --- */

static int store_key(struct p11_root *p, struct mst_view salt, uint8_t ret_key[32], struct mst_diag *d)
{
	uint8_t b[ROOT_STORE_MESSAGE];

	return hmac(p, p->store_id, secenv_store_message(salt, b), ret_key, d);
}

static int p11_bind(struct secenv_root *root, struct mst_writer *record, uint8_t ret_key[32], struct mst_diag *d)
{
	struct p11_root *p = of(root);
	uint8_t salt[ROOT_SALT];
	int r = p11_ready(p, d);

	if (!r)
		r = new_id(p, p->store_id);
	if (!r)
		r = p->c->ops->random(p->c, salt, sizeof(salt));
	if (!r)
		r = secret(p, MST_VIEW_NONE, p->store_id, "muster store", d);
	if (!r)
		r = count_make(p, 1, d);
	if (!r)
		r = store_key(p, (struct mst_view){ salt, sizeof(salt) }, ret_key, d);
	if (r && p->f) {                 /* half a store is nobody's: each attempt would leave one more */
		(void)destroy(p, &secret_class, p->store_id, NULL);
		(void)counts_drop(p, NULL);
	}
	if (!r)
		secenv_named_record(record, VERSION, p->store_id, salt);
	return r;
}

static int p11_unlock(struct secenv_root *root, struct mst_view record, uint8_t ret_key[32], struct mst_diag *d)
{
	struct mst_view salt;
	int r = secenv_named_record_read(record, VERSION, of(root)->store_id, &salt, "a token", d) ? p11_ready(of(root), d) : MST_SECENV_CORRUPT;

	return r ? r : store_key(of(root), salt, ret_key, d);
}

static int p11_unbind(struct secenv_root *root, struct mst_view record, struct mst_diag *d)
{
	struct p11_root *p = of(root);
	struct mst_view salt;
	int r = secenv_named_record_read(record, VERSION, p->store_id, &salt, "a token", d) ? p11_ready(p, d) : MST_SECENV_CORRUPT;

	if (!r)
		r = destroy(p, &secret_class, p->store_id, d);
	return r ? r : counts_drop(p, d);
}

/* --- key pairs --- */

/* Both halves private, so that nobody without the PIN can take the public one away or put another beside it; some tokens make no such public ones. */
static CK_RV make_pair(struct p11_root *p, const uint8_t id[P11_ID], CK_OBJECT_HANDLE ret_h[2])
{
	uint8_t p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 }, copy[P11_ID];
	char label[] = "muster key";
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE pub[] = { { CKA_TOKEN, &yes, sizeof(yes) }, { CKA_VERIFY, &yes, sizeof(yes) }, { CKA_EC_PARAMS, p256, sizeof(p256) },
			       { CKA_ID, copy, sizeof(copy) }, { CKA_LABEL, label, sizeof(label) - 1 }, { CKA_PRIVATE, &yes, sizeof(yes) } };
	CK_ATTRIBUTE priv[] = { { CKA_TOKEN, &yes, sizeof(yes) }, { CKA_PRIVATE, &yes, sizeof(yes) }, { CKA_SENSITIVE, &yes, sizeof(yes) },
				{ CKA_EXTRACTABLE, &no, sizeof(no) }, { CKA_SIGN, &yes, sizeof(yes) }, { CKA_ID, copy, sizeof(copy) },
				{ CKA_LABEL, label, sizeof(label) - 1 } };
	CK_RV rv;

	memcpy(copy, id, sizeof(copy));
	rv = p->f->C_GenerateKeyPair(p->session, &m, pub, MST_COUNT(pub), priv, MST_COUNT(priv), &ret_h[0], &ret_h[1]);
	if (rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_TEMPLATE_INCONSISTENT)
		rv = p->f->C_GenerateKeyPair(p->session, &m, pub, MST_COUNT(pub) - 1, priv, MST_COUNT(priv), &ret_h[0], &ret_h[1]);
	return rv;
}

static int p11_key_make(struct secenv_root *root, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	struct p11_root *p = of(root);
	uint8_t id[P11_ID];
	CK_OBJECT_HANDLE h[2];
	CK_RV rv;
	int r = p11_ready(p, d);

	if (!r)
		r = new_id(p, id);
	if (r)
		return r;
	rv = make_pair(p, id, h);
	if (rv != CKR_OK)
		return p11_outcome(rv, "making a key", d);
	r = stays_inside(p, h[1], d);
	if (r)
		(void)p->f->C_DestroyObject(p->session, h[0]);
	else
		secenv_name_key(ret_k, TAG, id);
	return r;
}

static int p11_key_public(struct secenv_root *root, const struct mst_secenv_key *k, uint8_t *ret_spki, size_t cap, size_t *ret_n,
			  struct mst_diag *d)
{
	struct p11_root *p = of(root);
	const uint8_t *id = secenv_id_of(k, TAG, d);
	uint8_t b[128];
	CK_ATTRIBUTE t = { CKA_EC_POINT, b, sizeof(b) };
	CK_OBJECT_HANDLE h = 0;
	CK_RV rv;
	int r = id ? p11_ready(p, d) : MST_SECENV_CORRUPT;

	if (!r)
		r = find(p, &public_class, id, &h, d);
	if (r)
		return r;
	rv = p->f->C_GetAttributeValue(p->session, h, &t, 1);
	if (rv != CKR_OK)
		return p11_outcome(rv, "reading a public key", d);
	/* an OCTET STRING with an uncompressed point; some tokens give the point bare */
	if (t.ulValueLen < 65 || t.ulValueLen > 67 || b[t.ulValueLen - 65] != 0x04) {
		mst_diag_set(d, 0, "token", "gives a public key that is none on P-256", NULL);
		return MST_SECENV_CORRUPT;
	}
	return secenv_spki(b + t.ulValueLen - 64, ret_spki, cap, ret_n);
}

static int p11_key_sign(struct secenv_root *root, const struct mst_secenv_key *k, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap,
			size_t *ret_n, struct mst_diag *d)
{
	struct p11_root *p = of(root);
	const uint8_t *id = secenv_id_of(k, TAG, d);
	CK_MECHANISM m = { CKM_ECDSA, NULL, 0 };
	uint8_t in[MST_SHA256_LEN], rs[64];
	CK_OBJECT_HANDLE h = 0;
	CK_ULONG n = sizeof(rs);
	CK_RV rv;
	int r = id ? p11_ready(p, d) : MST_SECENV_CORRUPT;

	if (!r)
		r = find(p, &private_class, id, &h, d);
	if (r)
		return r;
	memcpy(in, digest, sizeof(in));
	rv = p->f->C_SignInit(p->session, &m, h);
	if (rv == CKR_OK)
		rv = p->f->C_Sign(p->session, in, sizeof(in), rs, &n);
	if (rv != CKR_OK)
		return p11_outcome(rv, "signing", d);
	return n == sizeof(rs) && secenv_signature(rs, out, cap, ret_n) ? 0 : MST_FAULT_CRYPTO;
}

static int p11_key_erase(struct secenv_root *root, const struct mst_secenv_key *k, struct mst_diag *d)
{
	struct p11_root *p = of(root);
	CK_OBJECT_CLASS *const all[] = { &private_class, &public_class, &secret_class };
	const uint8_t *id = secenv_id_of(k, TAG, d);
	int r = id ? p11_ready(p, d) : MST_SECENV_CORRUPT;

	for (size_t i = 0; !r && i < MST_COUNT(all); i++)
		r = destroy(p, all[i], id, d);
	return r;
}

/* --- opening --- */

static void p11_free(struct secenv_root *root)
{
	struct p11_root *p = of(root);

	p11_disconnect(p);
	free(p->module);
	free(p->token);
	mst_heap_give(p->pin);
	mst_wipe(p, sizeof(*p));
	free(p);
}

static const struct secenv_root_ops p11_ops = {
	.kind = MST_SECENV_PKCS11, .tag = TAG,
	.offers = { .bound = true, .keys_inside = true, .hmac_inside = true, .counter = true },
	.bind = p11_bind, .unlock = p11_unlock, .unbind = p11_unbind, .counter = p11_counter, .advance = p11_advance,
	.key_make = p11_key_make, .key_public = p11_key_public, .key_sign = p11_key_sign, .key_erase = p11_key_erase,
	.secret_import = p11_secret_import, .secret_hmac = p11_secret_hmac, .free = p11_free,
};

int mst_secenv_pkcs11_open(const struct mst_secenv_pkcs11 *cfg, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
	struct p11_root *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return MST_FAULT_MEMORY;
	p->root.ops = &p11_ops;
	p->c = c;
	p->module = strdup(cfg->module);
	p->token = strdup(cfg->token);
	p->pin = mst_heap_take(ROOT_PIN_MAX);
	if (!p->module || !p->token || !p->pin)
		r = MST_FAULT_MEMORY;
	else
		r = secenv_read_secret(cfg->pin_file, p->pin, ROOT_PIN_MAX, &p->pin_n, d);
	if (!r)
		r = p11_connect_first(p, d);
	if (r) {
		p11_free(&p->root);
		return r;
	}
	*ret = &p->root;
	return 0;
}
