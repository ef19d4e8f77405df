/*
 * Keys of the store: asked of the root when it made them; made and used in this process's memory when no device does that,
 * and then kept under the store's key. The first octet of a key says whose it is:
 *
 *   0x30   a PKCS #8 key as it is, of a file or of a store before decision 0026
 *   'F'    a key pair, 'S' a symmetric key, sealed with the store's key
 *   other  the root's own (struct secenv_root_ops, tag)
 */
#include <string.h>

#include "secenv/move.h"
#include "secenv/store.h"

#define PKCS8 0x30
#define PAIR 'F'
#define SECRET 'S'

static struct file_env *of(struct mst_secenv *s)
{
	return (struct file_env *)s;
}

static bool is_roots(const struct file_env *e, const struct mst_secenv_key *k)
{
	return k->n > 1 && e->root->ops->tag && k->b[0] == e->root->ops->tag;
}

static int foreign(struct mst_diag *d)
{
	mst_diag_set(d, 0, "key", "belongs to another back end, or to another device", NULL);
	return MST_SECENV_CLEARED;
}

static int wrap(struct file_env *e, uint8_t tag, struct mst_view v, struct mst_secenv_key *ret_k)
{
	struct mst_writer w = mst_writer_of(ret_k->b, sizeof(ret_k->b));
	int r;

	mst_put_u8(&w, tag);
	r = mst_box_seal(e->s.c, e->s.key, (struct mst_view){ &tag, 1 }, v, &w);
	ret_k->n = w.n;
	return r ? r : w.ok ? 0 : MST_FAULT_BUG;
}

/* The key itself into `out`, for one use; the caller wipes. */
static int unwrap(struct file_env *e, uint8_t tag, const struct mst_secenv_key *k, uint8_t out[MST_PKEY_MAX], size_t *ret_n, struct mst_diag *d)
{
	int r;

	if (tag == PAIR && k->n && k->b[0] == PKCS8) {
		memcpy(out, k->b, *ret_n = k->n);
		return 0;
	}
	if (k->n < 2 || k->b[0] != tag)
		return foreign(d);
	r = mst_box_open(e->s.c, e->s.key, (struct mst_view){ &tag, 1 }, (struct mst_view){ k->b + 1, k->n - 1 }, out, MST_PKEY_MAX, ret_n);
	return r == MST_CRYPTO_FORGED ? foreign(d) : r;
}

int keys_make(struct mst_secenv *s, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	struct file_env *e = of(s);
	uint8_t b[MST_PKEY_MAX];
	size_t n = 0;
	int r;

	if (e->root->ops->key_make)
		return e->root->ops->key_make(e->root, ret_k, d);
	r = mst_pkey_generate(b, sizeof(b), &n);
	if (!r)
		r = wrap(e, PAIR, (struct mst_view){ b, n }, ret_k);
	mst_wipe(b, sizeof(b));
	return r > 0 ? MST_FAULT_CRYPTO : r;
}

int keys_public(struct mst_secenv *s, const struct mst_secenv_key *k, uint8_t *ret_spki, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	struct file_env *e = of(s);
	uint8_t b[MST_PKEY_MAX];
	size_t n = 0;
	int r;

	if (is_roots(e, k))
		return e->root->ops->key_public(e->root, k, ret_spki, cap, ret_n, d);
	r = unwrap(e, PAIR, k, b, &n, d);
	if (!r && mst_pkey_public((struct mst_view){ b, n }, ret_spki, cap, ret_n))
		r = foreign(d);
	mst_wipe(b, sizeof(b));
	return r;
}

int keys_sign(struct mst_secenv *s, const struct mst_secenv_key *k, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap,
	      size_t *ret_n, struct mst_diag *d)
{
	struct file_env *e = of(s);
	struct mst_local_signer l = { 0 };
	uint8_t b[MST_PKEY_MAX];
	size_t n = 0;
	int r;

	if (is_roots(e, k))
		return e->root->ops->key_sign(e->root, k, digest, out, cap, ret_n, d);
	r = unwrap(e, PAIR, k, b, &n, d);
	if (!r && mst_local_signer_init(&l, (struct mst_view){ b, n }))
		r = foreign(d);
	if (!r)
		r = l.signer.sign(&l.signer, digest, out, cap, ret_n);
	mst_local_signer_deinit(&l);
	mst_wipe(b, sizeof(b));
	return r;
}

int keys_erase(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_diag *d)
{
	struct file_env *e = of(s);

	return is_roots(e, k) && e->root->ops->key_erase ? e->root->ops->key_erase(e->root, k, d) : 0;
}

bool mst_secenv_key_inside(const struct mst_secenv_key *k)
{
	return k->n && k->b[0] != PKCS8 && k->b[0] != PAIR && k->b[0] != SECRET;
}

int mst_secenv_rekey(struct mst_secenv *from, struct mst_secenv *to, const struct mst_secenv_key *k, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	uint8_t b[MST_PKEY_MAX], tag = k->n ? k->b[0] : 0;
	size_t n = 0;
	int r;

	if (tag == PKCS8) {
		*ret_k = *k;
		return 0;
	}
	if (mst_secenv_key_inside(k))
		return MST_SECENV_NONE;
	r = unwrap(of(from), tag, k, b, &n, d);
	if (!r)
		r = wrap(of(to), tag, (struct mst_view){ b, n }, ret_k);
	mst_wipe(b, sizeof(b));
	return r;
}

int keys_import(struct mst_secenv *s, struct mst_view secret, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	struct file_env *e = of(s);

	if (!secret.n || secret.n > MST_KEY_MAX)
		return MST_FAULT_BUG;
	return e->root->ops->secret_import ? e->root->ops->secret_import(e->root, secret, ret_k, d) : wrap(e, SECRET, secret, ret_k);
}

int keys_hmac(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_view message, uint8_t out[MST_SHA256_LEN], struct mst_diag *d)
{
	struct file_env *e = of(s);
	uint8_t b[MST_PKEY_MAX];
	size_t n = 0;
	int r;

	if (message.n > MST_SECENV_MESSAGE)
		return MST_FAULT_BUG;
	if (is_roots(e, k))
		return e->root->ops->secret_hmac(e->root, k, message, out, d);
	r = unwrap(e, SECRET, k, b, &n, d);
	if (!r)
		r = e->s.c->ops->hmac_sha256(e->s.c, (struct mst_view){ b, n }, message, out);
	mst_wipe(b, sizeof(b));
	return r;
}

/* A purpose is a name of ours; its length keeps it apart from the boxes above and from sealed files. */
static struct mst_view purpose_of(const char *purpose, uint8_t b[64])
{
	struct mst_writer w = mst_writer_of(b, 64);

	mst_put_str(&w, "muster sealed: ");
	mst_put_str(&w, purpose);
	return w.ok ? mst_written(&w) : MST_VIEW_NONE;
}

int keys_seal(struct mst_secenv *s, const char *purpose, struct mst_view v, struct mst_writer *w, struct mst_diag *d)
{
	uint8_t b[64];
	struct mst_view aad = purpose_of(purpose, b);

	(void)d;
	return aad.n ? mst_box_seal(of(s)->s.c, of(s)->s.key, aad, v, w) : MST_FAULT_BUG;
}

int keys_unseal(struct mst_secenv *s, const char *purpose, struct mst_view box, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	uint8_t b[64];
	struct mst_view aad = purpose_of(purpose, b);
	int r;

	if (!aad.n)
		return MST_FAULT_BUG;
	r = mst_box_open(of(s)->s.c, of(s)->s.key, aad, box, out, cap, ret_n);
	if (r != MST_CRYPTO_FORGED)
		return r;
	mst_diag_set(d, 0, purpose, "is not what this store sealed", NULL);
	return MST_SECENV_CORRUPT;
}

int keys_attest(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_view nonce, struct mst_writer *w, struct mst_diag *d)
{
	struct file_env *e = of(s);

	if (e->root->ops->attest && is_roots(e, k))
		return e->root->ops->attest(e->root, k, nonce, w, d);
	mst_diag_set(d, 0, "key", e->root->ops->attest ? "was not made in the device, which can say nothing of it" :
		     "no device of this back end can say where a key is", NULL);
	return MST_SECENV_NOT_OFFERED;
}

/* --- for roots --- */

/* One INTEGER of DER: no octet more than it needs. */
static void put_integer(struct mst_writer *w, const uint8_t b[32])
{
	size_t at = 0;

	while (at < 31 && !b[at])
		at++;
	mst_put_u8(w, 0x02);
	mst_put_u8(w, (uint8_t)(32 - at + (b[at] >> 7)));
	if (b[at] >> 7)
		mst_put_u8(w, 0);
	mst_put(w, (struct mst_view){ b + at, 32 - at });
}

bool secenv_signature(const uint8_t rs[64], uint8_t *out, size_t cap, size_t *ret_n)
{
	uint8_t b[72];
	struct mst_writer body = mst_writer_of(b, sizeof(b)), w = mst_writer_of(out, cap);

	put_integer(&body, rs);
	put_integer(&body, rs + 32);
	mst_put_u8(&w, 0x30);
	mst_put_u8(&w, (uint8_t)body.n);
	mst_put(&w, mst_written(&body));
	*ret_n = w.n;
	return body.ok && w.ok;
}

int secenv_spki(const uint8_t xy[64], uint8_t *ret_spki, size_t cap, size_t *ret_n)
{
	/* id-ecPublicKey, prime256v1, an uncompressed point (RFC 5480 2.1) */
	static const uint8_t head[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
					0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };
	struct mst_writer w = mst_writer_of(ret_spki, cap);

	mst_put(&w, (struct mst_view){ head, sizeof(head) });
	mst_put(&w, (struct mst_view){ xy, 64 });
	*ret_n = w.n;
	return w.ok ? 0 : MST_FAULT_MEMORY;
}

/* --- words --- */

/* What `muster-agent secenv take` sealed for the same device is lost with it. */
#define SECRET_TOO " (a maker's secret that was taken into it has to be given anew: muster node secret)"

const char *mst_secenv_remedy(int r)
{
	switch (r) {
	case MST_SECENV_CORRUPT:
	case MST_FAULT_CORRUPT:
		return "put the file back from a copy; without one this credential is gone: move the state directory away, "
		       "and the node bootstraps anew";
	case MST_SECENV_LOCKED: return "another muster-agent has this state: ask that one, or stop it";
	case MST_SECENV_FULL: return "make room: on the disk, in the TPM's memory (tpm2_getcap handles-nv-index) or in the token, as said";
	case MST_SECENV_ABSENT: return "put the device or token back, and check the settings of secenv; muster-agent doctor says what is there";
	case MST_SECENV_BUSY:
		return "try again in some minutes; a TPM that is asked to write often holds back (other programs may do so, too: tpm2_getcap "
		       "properties-variable), and one that never gets ready is broken";
	case MST_SECENV_REFUSED: return "put the right PIN or secret into the file that the settings of secenv name, then start muster-agent again; what was refused is not tried before "
		       "that file has changed";
	case MST_SECENV_UNREADY: return "put that right with the maker's tool (pkcs11-tool --init-pin, --change-pin) or in the file of secenv.pin_file, then start muster-agent again: no PIN "
		       "was counted, and none is held back";
	case MST_SECENV_LOCKOUT:
		return "wait until the device takes a PIN again, or have its owner reset it (tpm2_dictionarylockout --clear-lockout; "
		       "pkcs11-tool --init-pin)";
	case MST_SECENV_OWNED:
		return "take the password off the owner hierarchy (tpm2_changeauth -c owner -p PASSWORD), which a TPM may have been given to keep others out; or "
		       "use another back end (secenv.backend)";
	case MST_SECENV_CLEARED:
		return "put the device back that this store was made with; when it is gone or was cleared, so are the keys: "
		       "muster-agent reset --yes, and the node bootstraps anew" SECRET_TOO;
	case MST_SECENV_STALE:
		return "put the newest state back: this is an older copy of it, and what it holds may have been replaced; without the "
		       "newest: muster-agent reset --yes, and the node bootstraps anew";
	case MST_SECENV_CHANGED:
		return "start the machine as it was when the store was made (firmware, boot loader, kernel); after a wanted change: "
		       "muster-agent reset --yes, and the node bootstraps anew" SECRET_TOO;
	case MST_SECENV_OTHER: return "set secenv.backend to what the store is bound to, or take the store to the other one: muster-agent secenv move, "
		       "with the settings of both";
	case MST_SECENV_NOT_OFFERED: return "use a back end that has it; muster-agent doctor says what this machine offers";
	case MST_FAULT_CONFIG: return "set the rights as said";
	default: return "check owner, rights and disk of the state directory and of the key file";
	}
}

const char *mst_secenv_server_remedy(int r)
{
	switch (r) {
	case MST_SECENV_ABSENT: return "put the device or token back, and check the settings; muster doctor says what this machine offers";
	case MST_SECENV_BUSY:
		return "it is tried again; a TPM that is asked to write often holds back (other programs may do so, too: tpm2_getcap "
		       "properties-variable), and one that never gets ready is broken";
	case MST_SECENV_REFUSED: return "put the right PIN or secret into the file that the settings name; what was refused is not tried again";
	case MST_SECENV_UNREADY: return "put that right with the maker's tool (pkcs11-tool --init-pin, --change-pin); no PIN was counted, and it is tried again";
	case MST_SECENV_LOCKOUT:
		return "wait until the device takes a PIN again, or have its owner reset it (tpm2_dictionarylockout --clear-lockout; "
		       "pkcs11-tool --init-pin)";
	case MST_SECENV_OWNED:
		return "take the password off the owner hierarchy (tpm2_changeauth -c owner -p PASSWORD), which a TPM may have been given to keep others out; or "
		       "name another place";
	case MST_SECENV_CLEARED: return "put the device back that the key was made in; when it is gone or was cleared, so is the key";
	case MST_SECENV_CHANGED: return "start the machine as it was when the key was made (firmware, boot loader, kernel)";
	case MST_SECENV_FULL: return "make room in the TPM or in the token";
	case MST_SECENV_NOT_OFFERED: return "use a device that has it; muster doctor says what this machine offers";
	default: return "check the device and the settings";
	}
}
