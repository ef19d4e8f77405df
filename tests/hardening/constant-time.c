/*
 * Does time or the cache tell of a secret? Run under valgrind's memcheck, for which each secret is memory that was never
 * set: a branch or an address that depends on it is an error. What a comparison says is no secret: of mst_ct_equal() the
 * outcome is declared to be known, at link time (--wrap); what it does to find out is looked at.
 *
 * A line for each case: name, "leaks" when it is a mistake on purpose or "tight", whether it "did" what it was to do, and how many
 * errors valgrind has found in it.
 */
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "base/secret.h"
#include "base/text.h"
#include "codec/secret-text.h"
#include "crypto/derive.h"
#include "proto/aka/aka.h"
#include "proto/gba/digest.h"
#include "proto/gba/keys.h"

bool __real_mst_ct_equal(struct mst_view a, struct mst_view b);
bool __wrap_mst_ct_equal(struct mst_view a, struct mst_view b);

static unsigned compared;

bool __wrap_mst_ct_equal(struct mst_view a, struct mst_view b)
{
	bool same = __real_mst_ct_equal(a, b);

	VALGRIND_MAKE_MEM_DEFINED(&same, sizeof(same));
	compared++;
	return same;
}

static void secret(void *p, size_t n)
{
	VALGRIND_MAKE_MEM_UNDEFINED(p, n);
}

static void known(void *p, size_t n)
{
	VALGRIND_MAKE_MEM_DEFINED(p, n);
}

#define V(x) ((struct mst_view){ (const uint8_t *)(x), sizeof(x) })

static uint8_t a32[32] = { 1, 2, 3 }, b32[32] = { 1, 2, 3 };
static struct mst_crypto *c;

static struct mst_key key_of(void)
{
	struct mst_key k = { .n = 32 };

	memcpy(k.b, a32, sizeof(a32));
	secret(k.b, k.n);
	return k;
}

static int equal(void)
{
	secret(a32, sizeof(a32));
	return !mst_ct_equal(V(a32), V(b32));
}

/* The mistakes that this is for. */
static int leaky_compare(void)
{
	secret(a32, sizeof(a32));
	for (size_t i = 0; i < sizeof(a32); i++)
		if (((volatile uint8_t *)a32)[i] != b32[i])
			return 1;
	return 0;
}

static int leaky_table(void)
{
	static const volatile uint8_t table[256] = { 1 };

	secret(a32, sizeof(a32));
	return table[a32[7]] == 200;
}

static int km(void)
{
	struct mst_key k = key_of(), out;

	return mst_derive_km(c, &k, MST_VIEW_LIT("maf.example.com"), &out) || mst_derive_kpsa(c, &k, MST_VIEW_LIT("//sp.example.com/C1"), &out) ||
	       mst_derive_usage(c, &k, 32, MST_VIEW_LIT("cse.example.com"), &out);
}

static int trigger(void)
{
	struct mst_key k = key_of(), t;
	uint8_t mac[MST_TRIGGER_MAC];

	return mst_derive_trigger(c, &k, MST_VIEW_LIT("id"), &t) || mst_trigger_mac(c, &t, MST_VIEW_LIT("what is covered"), mac) ||
	       mst_ct_equal(V(mac), (struct mst_view){ b32, sizeof(mac) });
}

/* A key that is sealed, and opened again: the tag's comparison is the crypto library's. */
static int seal(void)
{
	uint8_t out[64];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	secret(a32, sizeof(a32));
	return mst_box_seal(c, b32, MST_VIEW_LIT("purpose"), V(a32), &w);
}

static int seal_key(void)
{
	uint8_t out[64];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	secret(b32, sizeof(b32));
	return mst_box_seal(c, b32, MST_VIEW_LIT("purpose"), V(a32), &w);
}

static int aka_of(enum aka_algorithm algorithm)
{
	uint8_t rnd[AKA_RAND] = { 7 }, auts[AKA_AUTS], amf[AKA_AMF] = { 0x80 }, top[32] = { 9 };
	struct aka_vector v;
	struct aka_keys k;
	uint64_t sqn;
	int r = aka_keys_set(&k, algorithm, (struct mst_view){ b32, 16 }, (struct mst_view){ top, algorithm == AKA_TUAK ? 32 : 16 });

	if (r)
		return r;
	secret(k.k, sizeof(k.k));
	secret(k.top, sizeof(k.top));
	r = aka_vector_make(c, &k, rnd, 64, amf, &v);
	/* what a card sends is known to all, and so is whether it was genuine */
	r = r ? r : aka_auts_make(c, &k, rnd, 96, auts);
	known(auts, sizeof(auts));
	r = r ? r : aka_auts_check(c, &k, rnd, auts, &sqn);
	known(&sqn, sizeof(sqn));
	auts[3] ^= 1;
	return r ? r : sqn != 96 || aka_auts_check(c, &k, rnd, auts, &sqn) != AKA_MAC_FAILURE;
}

static int milenage(void) { return aka_of(AKA_MILENAGE); }
static int tuak(void) { return aka_of(AKA_TUAK); }

static int digest(void)
{
	struct gba_digest g = { .algorithm = GBA_AKAV1_MD5, .qop = GBA_QOP_AUTH_INT, .username = MST_VIEW_LIT("u"), .realm = MST_VIEW_LIT("r"),
		.nonce = MST_VIEW_LIT("n"), .nc = MST_VIEW_LIT("00000001"), .cnonce = MST_VIEW_LIT("c"), .uri = MST_VIEW_LIT("/"), .password = V(a32),
		.method = MST_VIEW_LIT("GET") };

	secret(a32, sizeof(a32));
	return gba_digest_check(c, &g, MST_VIEW_LIT("0123456789abcdef0123456789abcdef")) != GBA_MISMATCH;
}

static int naf_keys(void)
{
	uint8_t rnd[GBA_RAND] = { 1 };
	struct mst_key out;

	secret(a32, sizeof(a32));
	return gba_ks_naf(c, GBA_KEY_ME, a32, rnd, MST_VIEW_LIT("impi"), MST_VIEW_LIT("naf.example.com\1\0\1\0\xae"), &out);
}

static int hex(void)
{
	uint8_t text[80];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	secret(a32, sizeof(a32));
	mst_put_hex(&w, V(a32));
	w.n = 0;
	mst_put_hex_lower(&w, V(a32));
	return !w.ok;
}

static int secret_text(void)
{
	uint8_t text[120];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_key k = key_of();

	mst_secret_write(&k, &w);
	return !w.ok;
}

/* Which digit stands there is secret; that one does, or what else does, is not: the outcome of a comparison, therefore. */
static int hex_read(void)
{
	uint8_t text[64], out[32];
	size_t n;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)"0123456789abcdefABCDEF"[i % 22];
	secret(text, sizeof(text));
	return !mst_hex_decode(V(text), out, sizeof(out), &n) || n != sizeof(out);
}

static int base64(void)
{
	uint8_t text[80];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	secret(a32, sizeof(a32));
	for (size_t n = 0; n <= 3; n++)
		mst_put_base64(&w, (struct mst_view){ a32 + 7 * n, n });
	mst_put_base64(&w, V(a32));
	return !w.ok;
}

/* As of hex: each digit is secret. Where the text ends is not, and that is a comparison, too. */
static int base64_read(void)
{
	uint8_t text[68], out[51];
	size_t n;

	memcpy(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/Zg==", sizeof(text));
	for (size_t end = 64; end <= sizeof(text); end += 4) {
		secret(text, end);
		if (!mst_base64_decode((struct mst_view){ text, end }, out, sizeof(out), &n) || n != (end == 64 ? 48 : 49))
			return 1;
	}
	return 0;
}

static int secret_read(void)
{
	uint8_t text[120];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_key k = { .n = 32 }, again;

	memcpy(k.b, a32, sizeof(a32));
	mst_secret_write(&k, &w);
	for (size_t i = 0; i < w.n; i++)
		if (!strchr("-=", text[i]))
			secret(text + i, 1);
	return mst_secret_read(mst_written(&w), &again, NULL) || again.n != k.n || !mst_ct_equal(mst_key_view(&k), mst_key_view(&again));
}

/* The key and what it opens. That the tag is right is known to all; the library compares it (constant-time.supp). */
static int box_open(void)
{
	uint8_t box[64], out[32];
	struct mst_writer w = mst_writer_of(box, sizeof(box));
	size_t n = 0;
	int r = mst_box_seal(c, b32, MST_VIEW_LIT("purpose"), V(a32), &w);

	secret(b32, sizeof(b32));
	r = r ? r : mst_box_open(c, b32, MST_VIEW_LIT("purpose"), mst_written(&w), out, sizeof(out), &n);
	return r ? r : n != sizeof(a32) || !mst_ct_equal(V(out), V(a32));
}

/* `compares`: what comes to a comparison must have come to ours. */
static const struct { const char *name; int (*go)(void); bool leaks, compares; } cases[] = {
	{ "leaky-compare", leaky_compare, true, false }, { "leaky-table", leaky_table, true, false },
	{ "equal", equal, false, true }, { "km", km, false, false }, { "trigger", trigger, false, true },
	{ "seal", seal, false, false }, { "seal-key", seal_key, false, false }, { "milenage", milenage, false, true },
	{ "tuak", tuak, false, true }, { "digest", digest, false, true }, { "naf-keys", naf_keys, false, false },
	{ "hex", hex, false, false }, { "secret-text", secret_text, false, false },
	{ "hex-read", hex_read, false, true }, { "base64", base64, false, false }, { "base64-read", base64_read, false, true }, { "secret-read", secret_read, false, true }, { "open", box_open, false, true },
};

static void fresh(void)
{
	for (size_t i = 0; i < 32; i++)
		a32[i] = b32[i] = (uint8_t)(i + 1);
	known(a32, sizeof(a32));
	known(b32, sizeof(b32));
	compared = 0;
}

int main(void)
{
	c = mst_crypto_openssl();
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		unsigned before = (unsigned)VALGRIND_COUNT_ERRORS, found;
		int r;

		fresh();
		r = cases[i].go();
		found = (unsigned)VALGRIND_COUNT_ERRORS - before;
		known(&r, sizeof(r));
		printf("%s %s %s %u\n", cases[i].name, cases[i].leaks ? "leaks" : "tight",
		       cases[i].leaks || (!r && (!cases[i].compares || compared)) ? "did" : "failed", found);
		fflush(stdout);
	}
	return !RUNNING_ON_VALGRIND;
}
