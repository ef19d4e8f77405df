/* What is hashed (RFC 2617 3.2.2 and 3.2.3), and the passwords of AKA. */
#include "proto/gba/digest.h"

#include <string.h>

#include "base/text.h"

#define MD5_BLOCK 64
#define TEXT_MAX (4 * (GBA_VALUE_MAX + 1))   /* the longest thing that is hashed from parts */

/* Without a table: H(A1) is as good as the password, and no address may depend on it. */
static uint8_t digit(unsigned x)
{
	return (uint8_t)('0' + x + ((9 - x) >> 8 & ('a' - '0' - 10)));
}

/* Appends to `w`: the hash of `v` in lower-case hex. */
static int put_hash(struct mst_crypto *c, enum gba_algorithm a, struct mst_view v, struct mst_writer *w)
{
	uint8_t h[MST_SHA256_LEN];
	size_t n = a == GBA_SHA256 ? MST_SHA256_LEN : MST_MD5_LEN;
	int r = a == GBA_SHA256 ? c->ops->sha256(c, v, h) : c->ops->old_hash(c, MST_OLD_MD5, v, h);

	for (size_t i = 0; !r && i < n; i++) {
		mst_put_u8(w, digit(h[i] >> 4));
		mst_put_u8(w, digit(h[i] & 15));
	}
	mst_wipe(h, sizeof(h));
	return r;
}

static void put_with_colon(struct mst_writer *w, struct mst_view v)
{
	mst_put(w, v);
	mst_put_u8(w, ':');
}

/* Hash what stands in `t`, into `w`. */
static int hash_text(struct mst_crypto *c, enum gba_algorithm a, const struct mst_writer *t, struct mst_writer *w)
{
	return t->ok ? put_hash(c, a, mst_written(t), w) : MST_FAULT_MEMORY;
}

static int put_a1(struct mst_crypto *c, const struct gba_digest *g, struct mst_writer *w)
{
	uint8_t text[TEXT_MAX];
	struct mst_writer t = mst_writer_of(text, sizeof(text));
	int r;

	put_with_colon(&t, g->username);
	put_with_colon(&t, g->realm);
	mst_put(&t, g->password);
	r = hash_text(c, g->algorithm, &t, w);
	mst_wipe(text, sizeof(text));
	return r;
}

static int put_a2(struct mst_crypto *c, const struct gba_digest *g, struct mst_writer *w)
{
	uint8_t text[TEXT_MAX];
	struct mst_writer t = mst_writer_of(text, sizeof(text));
	int r = 0;

	put_with_colon(&t, g->method);
	mst_put(&t, g->uri);
	if (g->qop == GBA_QOP_AUTH_INT) {
		mst_put_u8(&t, ':');
		r = put_hash(c, g->algorithm, g->body, &t);
	}
	return r ? r : hash_text(c, g->algorithm, &t, w);
}

static int digest_text(struct mst_crypto *c, const struct gba_digest *g, char ret_hex[GBA_DIGEST_HEX], size_t *ret_n)
{
	uint8_t text[TEXT_MAX];
	struct mst_writer t = mst_writer_of(text, sizeof(text)), out = mst_writer_of(ret_hex, GBA_DIGEST_HEX - 1);
	int r;

	memset(ret_hex, 0, GBA_DIGEST_HEX);
	r = put_a1(c, g, &t);
	mst_put_u8(&t, ':');
	put_with_colon(&t, g->nonce);
	if (g->qop) {
		put_with_colon(&t, g->nc);
		put_with_colon(&t, g->cnonce);
		put_with_colon(&t, mst_view_str(gba_qop_text(g->qop)));
	}
	if (!r)
		r = put_a2(c, g, &t);
	if (!r)
		r = hash_text(c, g->algorithm, &t, &out);
	mst_wipe(text, sizeof(text));        /* begins with H(A1), which is as good as the password */
	*ret_n = out.n;
	return r;
}

int gba_digest(struct mst_crypto *c, const struct gba_digest *g, char ret_hex[GBA_DIGEST_HEX])
{
	size_t n;

	return digest_text(c, g, ret_hex, &n);
}

int gba_digest_check(struct mst_crypto *c, const struct gba_digest *g, struct mst_view claimed)
{
	char hex[GBA_DIGEST_HEX];
	size_t n;
	int r = digest_text(c, g, hex, &n);

	if (!r && !mst_ct_equal((struct mst_view){ (const uint8_t *)hex, n }, claimed))
		r = GBA_MISMATCH;
	mst_wipe(hex, sizeof(hex));
	return r;
}

/* HMAC-MD5 (RFC 2104) of a short text under key = RES || IK || CK, which always fits a block. */
static int hmac_md5(struct mst_crypto *c, struct mst_view res, struct mst_view ik, struct mst_view ck, struct mst_view msg,
		    uint8_t out[MST_MD5_LEN])
{
	uint8_t text[MD5_BLOCK + 64] = { 0 };
	struct mst_writer w = mst_writer_of(text, MD5_BLOCK);
	int r;

	mst_put(&w, res);
	mst_put(&w, ik);
	mst_put(&w, ck);
	if (!w.ok || msg.n > 64)
		return MST_FAULT_MEMORY;
	for (size_t i = 0; i < MD5_BLOCK; i++)
		text[i] ^= 0x36;
	memcpy(text + MD5_BLOCK, msg.p, msg.n);
	r = c->ops->old_hash(c, MST_OLD_MD5, (struct mst_view){ text, MD5_BLOCK + msg.n }, out);
	for (size_t i = 0; i < MD5_BLOCK; i++)
		text[i] ^= 0x36 ^ 0x5c;
	memcpy(text + MD5_BLOCK, out, MST_MD5_LEN);
	if (!r)
		r = c->ops->old_hash(c, MST_OLD_MD5, (struct mst_view){ text, MD5_BLOCK + MST_MD5_LEN }, out);
	mst_wipe(text, sizeof(text));
	return r;
}

int gba_password(struct mst_crypto *c, enum gba_algorithm a, struct mst_view res, struct mst_view ik, struct mst_view ck,
		 uint8_t ret_password[GBA_PASSWORD_MAX], size_t *ret_n)
{
	struct mst_writer w = mst_writer_of(ret_password, GBA_PASSWORD_MAX);
	uint8_t mac[MST_MD5_LEN] = { 0 };
	int r = 0;

	if (res.n < 4 || res.n > 32 || (a != GBA_AKAV1_MD5 && a != GBA_AKAV2_MD5))
		return MST_FAULT_BUG;
	if (a == GBA_AKAV1_MD5) {
		mst_put(&w, res);
	} else {
		r = hmac_md5(c, res, ik, ck, MST_VIEW_LIT("http-digest-akav2-password"), mac);
		mst_put_base64(&w, (struct mst_view){ mac, sizeof(mac) });
	}
	*ret_n = w.n;
	mst_wipe(mac, sizeof(mac));
	return r;
}

int gba_akav2_key(struct mst_crypto *c, enum gba_akav2_key which, struct mst_view res, struct mst_view ik, struct mst_view ck,
		  uint8_t ret_key[16])
{
	return hmac_md5(c, res, ik, ck, which == GBA_AKAV2_IK ? MST_VIEW_LIT("http-digest-akav2-integritykey") :
							       MST_VIEW_LIT("http-digest-akav2-cipherkey"), ret_key);
}
