/* Known answers, at the start of every program that does GBA. */
#include "proto/gba/digest.h"
#include "proto/gba/keys.h"

#include "base/text.h"

#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define BSF "bsf.mnc001.mcc001.pub.3gppnetwork.org"

/* In hex, for octets that are compared with what was computed. */
static bool is(const uint8_t *got, size_t n, const char *want)
{
	uint8_t w[32];
	size_t w_n;

	return mst_hex_decode(mst_view_str(want), w, sizeof(w), &w_n) && w_n == n &&
	       mst_view_eq((struct mst_view){ got, n }, (struct mst_view){ w, n });
}

static bool octets(const char *hex, uint8_t *out, size_t n)
{
	size_t got;

	return mst_hex_decode(mst_view_str(hex), out, n, &got) && got == n;
}

static const struct { const char *name; enum mst_old_hash which; const char *text, *want; } hashes[] = {
	{ "MD5, RFC 1321", MST_OLD_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
	{ "SHA-1, FIPS 180", MST_OLD_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
};

/* Milenage test set 1 through Ub and Ua, and RFC 2617's own example with text. */
static const struct { const char *name; struct gba_digest g; const char *res, *want; } digests[] = {
	{ "HTTP Digest, RFC 2617 3.5",
	  { GBA_MD5, GBA_QOP_AUTH, MST_VIEW_LIT("Mufasa"), MST_VIEW_LIT("testrealm@host.com"),
	    MST_VIEW_LIT("dcd98b7102dd2f0e8b11d0f600bfb0c093"), MST_VIEW_LIT("00000001"), MST_VIEW_LIT("0a4f113b"),
	    MST_VIEW_LIT("/dir/index.html"), MST_VIEW_LIT("Circle Of Life"), MST_VIEW_LIT("GET"), { 0 } },
	  NULL, "6629fae49393a05397450978507c4ef1" },
	{ "HTTP Digest with AKAv1-MD5, auth-int",
	  { GBA_AKAV1_MD5, GBA_QOP_AUTH_INT, MST_VIEW_LIT(IMPI), MST_VIEW_LIT(BSF), MST_VIEW_LIT("I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="),
	    MST_VIEW_LIT("00000001"), MST_VIEW_LIT("6629fae49393a05397450978507c4ef1"), MST_VIEW_LIT("/"), { 0 }, MST_VIEW_LIT("GET"), { 0 } },
	  "a54211d5e3ba50bf", "89908cbf89ab0dd80f68724fea78576a" },
	{ "HTTP Digest with AKAv2-MD5, auth-int",
	  { GBA_AKAV2_MD5, GBA_QOP_AUTH_INT, MST_VIEW_LIT(IMPI), MST_VIEW_LIT(BSF), MST_VIEW_LIT("I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="),
	    MST_VIEW_LIT("00000001"), MST_VIEW_LIT("6629fae49393a05397450978507c4ef1"), MST_VIEW_LIT("/"), { 0 }, MST_VIEW_LIT("GET"), { 0 } },
	  "a54211d5e3ba50bf", "65cd8201ea513a4114665ad8f02cad06" },
};

static const struct { const char *name; enum gba_key_kind kind; const char *want; } naf_keys[] = {
	{ "Ks_NAF, TS 33.220 B.3", GBA_KEY_ME, "6aa69249e8d7ab28aeb9ddf96d6a4444b0690b79534e4a3d755a0590493890dc" },
	{ "Ks_int_NAF, TS 33.220 B.3", GBA_KEY_INT, "03d06324af1380e9061c42c4f5a42c3d319c03c4ffaf80824934c5a9e568c65f" },
};

static bool hash_right(struct mst_crypto *c, size_t i)
{
	uint8_t out[MST_SHA1_LEN];

	return c->ops->old_hash(c, hashes[i].which, mst_view_str(hashes[i].text), out) == 0 &&
	       is(out, hashes[i].which == MST_OLD_MD5 ? MST_MD5_LEN : MST_SHA1_LEN, hashes[i].want);
}

struct keys { uint8_t ck[16], ik[16], ks[GBA_KS], rnd[GBA_RAND]; };

static bool keys_of_set_1(struct keys *k)
{
	if (!octets("b40ba9a3c58b2a05bbf0d987b21bf8cb", k->ck, 16) || !octets("f769bcd751044604127672711c6d3441", k->ik, 16) ||
	    !octets("23553cbe9637a89d218ae64dae47bf35", k->rnd, 16))
		return false;
	gba_ks(k->ck, k->ik, k->ks);
	return true;
}

static bool digest_right(struct mst_crypto *c, size_t i)
{
	struct gba_digest g = digests[i].g;
	uint8_t res[8], password[GBA_PASSWORD_MAX];
	char hex[GBA_DIGEST_HEX];
	struct keys k;
	size_t n;

	if (digests[i].res) {
		if (!keys_of_set_1(&k) || !octets(digests[i].res, res, sizeof(res)) ||
		    gba_password(c, g.algorithm, (struct mst_view){ res, sizeof(res) }, (struct mst_view){ k.ik, 16 }, (struct mst_view){ k.ck, 16 },
				 password, &n))
			return false;
		g.password = (struct mst_view){ password, n };
	}
	return gba_digest(c, &g, hex) == 0 && mst_view_eq_str(mst_view_str(hex), digests[i].want);
}

static bool naf_key_right(struct mst_crypto *c, size_t i)
{
	const struct gba_ua ua = gba_ua_tls(0x00ae);
	uint8_t id[GBA_NAF_ID_MAX];
	struct mst_key key;
	struct keys k;
	size_t n;

	return keys_of_set_1(&k) && gba_naf_id(MST_VIEW_LIT("mef.sp.example"), &ua, id, &n) &&
	       gba_ks_naf(c, naf_keys[i].kind, k.ks, k.rnd, MST_VIEW_LIT(IMPI), (struct mst_view){ id, n }, &key) == 0 &&
	       is(key.b, key.n, naf_keys[i].want);
}

static bool star_right(struct mst_crypto *c)
{
	uint8_t autn[GBA_AUTN];
	struct keys k;

	return keys_of_set_1(&k) && octets("55f328b43577b9b94a9ffac354dfafb3", autn, sizeof(autn)) && gba_autn_star(c, k.ik, autn) == 0 &&
	       is(autn, sizeof(autn), "55f328b43577b9b98c7f3f0d723fb244");
}

int gba_self_test(struct mst_crypto *c, const char **ret_which)
{
	*ret_which = NULL;
	for (size_t i = 0; !*ret_which && i < MST_COUNT(hashes); i++)
		if (!hash_right(c, i))
			*ret_which = hashes[i].name;
	for (size_t i = 0; !*ret_which && i < MST_COUNT(digests); i++)
		if (!digest_right(c, i))
			*ret_which = digests[i].name;
	for (size_t i = 0; !*ret_which && i < MST_COUNT(naf_keys); i++)
		if (!naf_key_right(c, i))
			*ret_which = naf_keys[i].name;
	if (!*ret_which && !star_right(c))
		*ret_which = "AUTN*, TS 33.220 5.3.2";
	return *ret_which ? MST_FAULT_CRYPTO : 0;
}
