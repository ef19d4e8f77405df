/*
 * Known answers, run at start-up by every program: a crypto library that computes something else would
 * make keys that no other party has, and nobody would know why. Vectors: FIPS 180-4 examples, RFC 4231,
 * the GCM specification's AES-256 cases, and our own of spec 3.7.
 */
#include "crypto/derive.h"

#include <string.h>

#include "base/text.h"
#include "codec/ident.h"

#define BYTES_MAX 160

struct bytes { uint8_t b[BYTES_MAX]; size_t n; };

static struct mst_view hex(const char *s, struct bytes *out)
{
	if (!mst_hex_decode(mst_view_str(s), out->b, sizeof(out->b), &out->n))
		out->n = 0;
	return (struct mst_view){ out->b, out->n };
}

static bool is(const uint8_t *got, size_t n, const char *want)
{
	struct bytes w;

	return mst_view_eq((struct mst_view){ got, n }, hex(want, &w)) && w.n == n;
}

static const struct { const char *name, *msg, *want; } hashes[] = {
	{ "SHA-256 of nothing", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "SHA-256 of \"abc\"", "616263",
	  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "SHA-256 of two blocks",
	  "6162636462636465636465666465666765666768666768696768696a68696a6b696a6b6c6a6b6c6d6b6c6d6e6c6d6e6f6d"
	  "6e6f706e6f7071",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static const struct { const char *name, *key, *msg, *want; } macs[] = {
	{ "HMAC-SHA-256, RFC 4231 case 1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ "HMAC-SHA-256, RFC 4231 case 2", "4a656665",
	  "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ "HMAC-SHA-256, RFC 4231 case 3", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	  "dd",
	  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ "HMAC-SHA-256, RFC 4231 case 4", "0102030405060708090a0b0c0d0e0f10111213141516171819",
	  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	  "cd",
	  "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
	{ "HMAC-SHA-256, RFC 4231 case 6",
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b657920"
	  "4669727374",
	  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
};

static const struct { const char *name, *key, *nonce, *aad, *plain, *sealed; } boxes[] = {
	{ "AES-256-GCM case 13", "0000000000000000000000000000000000000000000000000000000000000000",
	  "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b" },
	{ "AES-256-GCM case 14", "0000000000000000000000000000000000000000000000000000000000000000",
	  "000000000000000000000000", "", "00000000000000000000000000000000",
	  "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919" },
	{ "AES-256-GCM case 16", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	  "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b" },
};

static const char test_ke[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

enum how { KM, KPSA, USAGE, TRIGGER };
static const struct { const char *name; enum how how; int suid; const char *id, *want; } derivations[] = {
	{ "Km, TS-0003 10.3.2", KM, 0, "maf.example.com",
	  "3055bf32dd9c95586aaffa2ae2e165dfeffd0803566e16bdd343171457da8a5e" },
	{ "Kpsa, TS-0003 10.3.3", KPSA, 0, "//sp.example.com/CSE0001",
	  "c8d6ddae0d441400f0c4d175e7b587112aa468acf4089b2de5b146db9fbdda88" },
	{ "usage-constrained key, SUID 21, TS-0003 10.3.7", USAGE, 21, "maf.example.com",
	  "f8610e4d1a428f72308e2941f53a1a0fdc1afa7b1dde3ec59fc52381dcbeb66a" },
	{ "usage-constrained key, SUID 22, TS-0003 10.3.7", USAGE, 22, "CSE0001.sp.example.com",
	  "856828aaff9a2325e019c0bee00bd4b6239516c5fb757c89d6ddd6a26cac8d6d" },
	{ "key of pushed triggers (ours)", TRIGGER, 0, "0123ABCD@maf.example.com",
	  "53e7c452a3afbf55c6cbb60b5873df33759d5fd55c6e939e17993e7ad103526c" },
};

static const struct { const char *name, *label, *rel, *key; } exports[] = {
	{ "exporter, EXPORTER-oneM2M-Bootstrap", MST_LABEL_BOOTSTRAP, "458def9ee9da81147f6262ccddd04930",
	  "0e141a1ad5c840760cc8de32e185e794f9b984813f46ec2f2fd91df83b51cf3a" },
	{ "exporter, EXPORTER-oneM2M-Connection", MST_LABEL_CONNECTION, "787c43ab32639663505a40c6b9bd6eb2",
	  "f22d075d52e1b3d18e7661b5e0f1bc757f20585133f924891722d8a9b2db4e49" },
	{ "exporter, EXPORTER-oneM2M-ESCertKE", MST_LABEL_ESCERTKE, "d61817d1d9d6d77d6d33e44f6db570dc",
	  "0fba3d1cf7da5badc5453f81691f7702b28dd9cffb80e606d1c8f5fe221a8ad3" },
};

static int test_hashes(struct mst_crypto *c, const char **ret_which)
{
	struct bytes a, k;
	uint8_t out[MST_SHA256_LEN];

	for (size_t i = 0; i < MST_COUNT(hashes); i++)
		if (c->ops->sha256(c, hex(hashes[i].msg, &a), out) || !is(out, sizeof(out), hashes[i].want)) {
			*ret_which = hashes[i].name;
			return MST_FAULT_CRYPTO;
		}
	for (size_t i = 0; i < MST_COUNT(macs); i++)
		if (c->ops->hmac_sha256(c, hex(macs[i].key, &k), hex(macs[i].msg, &a), out) ||
		    !is(out, sizeof(out), macs[i].want)) {
			*ret_which = macs[i].name;
			return MST_FAULT_CRYPTO;
		}
	return 0;
}

static bool box_right(struct mst_crypto *c, size_t i)
{
	struct bytes key, nonce, aad, plain, sealed;
	uint8_t out[BYTES_MAX];
	struct mst_view a = hex(boxes[i].aad, &aad), p = hex(boxes[i].plain, &plain),
			s = hex(boxes[i].sealed, &sealed);

	(void)hex(boxes[i].key, &key);
	(void)hex(boxes[i].nonce, &nonce);
	if (key.n != 32 || nonce.n != MST_AEAD_NONCE || s.n != p.n + MST_AEAD_TAG ||
	    c->ops->seal(c, key.b, nonce.b, a, p, out) || !mst_view_eq((struct mst_view){ out, s.n }, s))
		return false;
	if (c->ops->open(c, key.b, nonce.b, a, s, out) || !mst_view_eq((struct mst_view){ out, p.n }, p))
		return false;
	sealed.b[s.n - 1] ^= 1;         /* and one that is forged in its last bit */
	return c->ops->open(c, key.b, nonce.b, a, s, out) == MST_CRYPTO_FORGED;
}

static int test_derivations(struct mst_crypto *c, const char **ret_which)
{
	struct bytes b;
	struct mst_key ke, k;

	(void)mst_key_set(&ke, hex(test_ke, &b));
	for (size_t i = 0; i < MST_COUNT(derivations); i++) {
		struct mst_view id = mst_view_str(derivations[i].id);
		int r = MST_FAULT_BUG;

		switch (derivations[i].how) {
		case KM: r = mst_derive_km(c, &ke, id, &k); break;
		case KPSA: r = mst_derive_kpsa(c, &ke, id, &k); break;
		case USAGE: r = mst_derive_usage(c, &ke, derivations[i].suid, id, &k); break;
		case TRIGGER: r = mst_derive_trigger(c, &ke, id, &k); break;
		}
		if (r || !is(k.b, k.n, derivations[i].want)) {
			*ret_which = derivations[i].name;
			return MST_FAULT_CRYPTO;
		}
	}
	return 0;
}

static int test_exports(struct mst_crypto *c, const char **ret_which)
{
	uint8_t master[48], client[32], server[32], out[MST_EXPORT_LEN], rel[MST_REL_ID_LEN];
	struct mst_key k;

	memset(master, 0x11, sizeof(master));
	memset(client, 0x22, sizeof(client));
	memset(server, 0x33, sizeof(server));
	for (size_t i = 0; i < MST_COUNT(exports); i++) {
		int r = mst_export_tls12(c, (struct mst_view){ master, sizeof(master) },
					 (struct mst_view){ client, sizeof(client) },
					 (struct mst_view){ server, sizeof(server) }, exports[i].label, out);

		if (!r)
			mst_export_split(out, rel, &k);
		if (r || !is(rel, sizeof(rel), exports[i].rel) || !is(k.b, k.n, exports[i].key)) {
			*ret_which = exports[i].name;
			return MST_FAULT_CRYPTO;
		}
	}
	return 0;
}

/* TS-0003 10.3.4, spec 3.7 */
static bool key_id_right(void)
{
	struct bytes rel;
	char id[MST_ID_MAX];

	(void)hex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", &rel);
	return mst_key_id_make(rel.b, MST_VIEW_LIT("mef.example.com"), id) &&
	       strcmp(id, "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF@mef.example.com") == 0;
}

/* Not a test of quality: only that the generator is there and does not hand out the same octets twice. */
static bool random_moves(struct mst_crypto *c)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 }, zero[32] = { 0 };

	return !c->ops->random(c, a, sizeof(a)) && !c->ops->random(c, b, sizeof(b)) &&
	       memcmp(a, b, sizeof(a)) != 0 && memcmp(a, zero, sizeof(a)) != 0;
}

int mst_crypto_self_test(struct mst_crypto *c, const char **ret_which)
{
	int r = test_hashes(c, ret_which);

	for (size_t i = 0; !r && i < MST_COUNT(boxes); i++)
		if (!box_right(c, i)) {
			*ret_which = boxes[i].name;
			r = MST_FAULT_CRYPTO;
		}
	if (!r)
		r = test_derivations(c, ret_which);
	if (!r)
		r = test_exports(c, ret_which);
	if (!r && !key_id_right()) {
		*ret_which = "KeID, TS-0003 10.3.4";
		r = MST_FAULT_CRYPTO;
	}
	if (!r && !random_moves(c)) {
		*ret_which = "random octets";
		r = MST_FAULT_CRYPTO;
	}
	return r;
}
