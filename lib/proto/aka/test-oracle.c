/*
 * AKA against others, with random input: osmo-auc-gen (Milenage of another project: vectors from K, OP and OPc, and what it
 * reads out of our AUTS), and SHAKE256 of the crypto library for TUAK, whose state is exactly a SHAKE256 block of 96 octets
 * (suffix 1f, rate 136): the n-th further block that is squeezed out is the state after n + 1 permutations.
 */
#include "tests/support/cm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "base/text.h"
#include "proto/aka/keccak.h"
#include "proto/aka/vectors.h"

#define VECTORS 12                   /* programs started: a few milliseconds each */
#define RATE 136

static struct mst_crypto *c;

static void some(void *p, size_t n)
{
	assert_int_equal(c->ops->random(c, p, n), 0);
}

static const char *text(const uint8_t *v, size_t n, char out[2 * AKA_LONG + 1])
{
	struct mst_writer w = mst_writer_of(out, 2 * AKA_LONG + 1);

	mst_put_hex(&w, (struct mst_view){ v, n });
	mst_put_nul(&w);
	assert_true(w.ok);
	return out;
}

/* --- osmo-auc-gen --- */

struct said { char autn[64], ck[64], ik[64], res[64], nonce[64], ims_res[64]; uint64_t sqn, sqn_ms; };

static struct said osmo(const char *arguments)
{
	char command[640], line[256];
	struct said s = { .sqn = UINT64_MAX, .sqn_ms = UINT64_MAX };
	FILE *f;

	snprintf(command, sizeof(command), "osmo-auc-gen -3 -a milenage %s 2>&1", arguments);
	f = popen(command, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		(void)sscanf(line, "AUTN: %63s", s.autn);
		(void)sscanf(line, "CK: %63s", s.ck);
		(void)sscanf(line, "IK: %63s", s.ik);
		(void)sscanf(line, "RES: %63s", s.res);
		(void)sscanf(line, "IMS nonce: %63s", s.nonce);
		(void)sscanf(line, "IMS res: %63s", s.ims_res);
		(void)sscanf(line, "SQN: %" SCNu64, &s.sqn);
		(void)sscanf(line, "SQN.MS: %" SCNu64, &s.sqn_ms);
	}
	assert_int_equal(pclose(f), 0);
	return s;
}

static void same(const uint8_t *got, size_t n, const char *said)
{
	assert_true(aka_test_is(got, n, said));
}

struct subscriber { struct aka_keys k; uint8_t op[16], rnd[AKA_RAND], amf[AKA_AMF]; uint64_t sqn; char args[320]; };

/* Every other one is told to the program with OP instead of OPc. */
static void make(struct subscriber *s, bool with_op)
{
	char k[65], top[65], rnd[65], amf[65];
	uint8_t key[16];

	some(key, sizeof(key));
	some(s->op, sizeof(s->op));
	some(s->rnd, sizeof(s->rnd));
	some(s->amf, sizeof(s->amf));
	some(&s->sqn, sizeof(s->sqn));
	s->sqn &= AKA_SQN_MAX >> 1;          /* room for a next one */
	assert_int_equal(aka_keys_set(&s->k, AKA_MILENAGE, (struct mst_view){ key, 16 }, MST_VIEW_NONE), 0);
	assert_int_equal(aka_keys_derive_top(c, &s->k, (struct mst_view){ s->op, 16 }), 0);
	snprintf(s->args, sizeof(s->args), "-k %s -%c %s -f %s -r %s", text(key, 16, k), with_op ? 'O' : 'o',
		 text(with_op ? s->op : s->k.top, 16, top), text(s->amf, 2, amf), text(s->rnd, 16, rnd));
}

static void vectors_are_osmo_auc_gens(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VECTORS; i++) {
		struct subscriber s;
		struct aka_vector v;
		struct said o;
		char args[384];
		uint8_t nonce[32];
		char b64[64];
		struct mst_writer w = mst_writer_of(b64, sizeof(b64));

		make(&s, i % 2);
		snprintf(args, sizeof(args), "%s -s %" PRIu64, s.args, s.sqn);
		o = osmo(args);
		assert_int_equal(aka_vector_make(c, &s.k, s.rnd, s.sqn, s.amf, &v), 0);
		same(v.autn, AKA_AUTN, o.autn);
		same(v.ck, 16, o.ck);
		same(v.ik, 16, o.ik);
		same(v.xres, 8, o.res);
		memcpy(nonce, v.rnd, 16);
		memcpy(nonce + 16, v.autn, 16);
		mst_put_base64(&w, (struct mst_view){ nonce, 32 });
		mst_put_nul(&w);
		assert_string_equal(b64, o.nonce);
	}
}

/* The other direction: its vector at our card; then our AUTS at its centre, and its answer at our card. */
static void our_card_takes_osmo_auc_gens_vectors(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VECTORS; i++) {
		struct subscriber s;
		struct aka_usim u = { .ind_bits = 5 };
		struct aka_answer a;
		struct said o;
		char args[512], auts[65];
		uint8_t autn[AKA_AUTN];
		uint64_t highest, next;
		size_t n;

		make(&s, i % 2);
		snprintf(args, sizeof(args), "%s -s %" PRIu64, s.args, s.sqn);
		o = osmo(args);
		assert_true(aka_test_octets(o.autn, autn, sizeof(autn), &n));
		aka_usim_accept(&u, s.sqn + 1000 * 32);         /* the card is ahead */
		highest = u.highest;
		u.seq[s.sqn % 32] = highest >> 5;
		assert_int_equal(aka_usim_run(c, &s.k, &u, s.rnd, autn, &a), AKA_SYNC_FAILURE);
		snprintf(args, sizeof(args), "%s -i %u -A %s", s.args, i % 32, text(a.auts, AKA_AUTS, auts));
		o = osmo(args);
		assert_int_equal(o.sqn_ms, highest);
		/* what it takes next is what we would take */
		assert_int_equal(aka_sqn_next(highest, 5, i % 32, &next), 0);
		assert_int_equal(o.sqn, next);
		assert_true(aka_test_octets(o.autn, autn, sizeof(autn), &n));
		assert_int_equal(aka_usim_run(c, &s.k, &u, s.rnd, autn, &a), 0);
		assert_int_equal(u.highest, next);
		same(a.res, 8, o.res);
		same(a.ck, 16, o.ck);
		same(a.ik, 16, o.ik);
	}
}

/* --- TUAK --- */

static void reversed(uint8_t *to, const uint8_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = v[n - 1 - i];
}

/* The state after `times` permutations, its first 136 octets. */
static void shake(const uint8_t in[96], unsigned times, uint8_t out[RATE])
{
	uint8_t *all = malloc((size_t)times * RATE);
	EVP_MD_CTX *x = EVP_MD_CTX_new();

	assert_non_null(all);
	assert_non_null(x);
	assert_true(EVP_DigestInit_ex(x, EVP_shake256(), NULL) && EVP_DigestUpdate(x, in, 96) &&
		    EVP_DigestFinalXOF(x, all, (size_t)times * RATE));
	memcpy(out, all + (size_t)(times - 1) * RATE, RATE);
	EVP_MD_CTX_free(x);
	free(all);
}

/* Another reading of TS 35.231: the whole block as one string, written from its end. */
static void block(uint8_t in[96], const struct aka_keys *k, const uint8_t *top, uint8_t instance, const uint8_t *rnd, const uint8_t *amf,
		  const uint8_t *sqn)
{
	uint8_t forward[96] = { 0 };

	memcpy(forward + 32 - k->k_n, k->k, k->k_n);
	if (sqn) {
		memcpy(forward + 32, sqn, 6);
		memcpy(forward + 38, amf, 2);
	}
	if (rnd)
		memcpy(forward + 40, rnd, 16);
	memcpy(forward + 56, "TUAK1.0", 7);
	forward[63] = instance;
	memcpy(forward + 64, top, 32);
	reversed(in, forward, 96);
}

static void expect(const uint8_t *got, size_t n, const uint8_t *from)
{
	uint8_t want[AKA_LONG];

	reversed(want, from, n);
	assert_memory_equal(got, want, n);
}

static void tuak_one(size_t k_n, uint8_t mac_n, uint8_t res_n, uint8_t ck_n, uint8_t ik_n, uint8_t times)
{
	uint8_t key[32], top[32], rnd[16], amf[2], sqn[6], in[96], out[RATE];
	unsigned k256 = k_n == 32, mac = mac_n, res = res_n == 4 ? 0 : res_n;
	struct aka_keys k;
	struct aka_out o;

	some(key, sizeof(key));
	some(top, sizeof(top));
	some(rnd, sizeof(rnd));
	some(amf, sizeof(amf));
	some(sqn, sizeof(sqn));
	assert_int_equal(aka_keys_set(&k, AKA_TUAK, (struct mst_view){ key, k_n }, MST_VIEW_NONE), 0);
	k.mac_n = mac_n;
	k.res_n = res_n;
	k.ck_n = ck_n;
	k.ik_n = ik_n;
	k.times = times;
	assert_int_equal(aka_keys_derive_top(c, &k, (struct mst_view){ top, 32 }), 0);
	block(in, &k, top, (uint8_t)k256, NULL, NULL, NULL);
	shake(in, times, out);
	expect(k.top, 32, out);
	assert_int_equal(aka_compute(c, &k, rnd, sqn, amf, AKA_WANT_F1 | AKA_WANT_F1S | AKA_WANT_F2345 | AKA_WANT_F5S, &o), 0);
	block(in, &k, k.top, (uint8_t)(mac | k256), rnd, amf, sqn);     /* 8, 16, 32 octets are bits 08, 10, 20 */
	shake(in, times, out);
	expect(o.mac_a, mac_n, out);
	block(in, &k, k.top, (uint8_t)(0x80 | mac | k256), rnd, amf, sqn);
	shake(in, times, out);
	expect(o.mac_s, mac_n, out);
	block(in, &k, k.top, (uint8_t)(0x40 | res | (ck_n == 32 ? 4u : 0u) | (ik_n == 32 ? 2u : 0u) | k256), rnd, NULL, NULL);
	shake(in, times, out);
	expect(o.res, res_n, out);
	expect(o.ck, ck_n, out + 32);
	expect(o.ik, ik_n, out + 64);
	expect(o.ak, 6, out + 96);
	block(in, &k, k.top, (uint8_t)(0xc0 | k256), rnd, NULL, NULL);
	shake(in, times, out);
	expect(o.ak_s, 6, out + 96);
}

static void tuak_is_made_of_shake256_blocks(void **state)
{
	static const uint8_t key[] = { 16, 32 }, mac[] = { 8, 16, 32 }, res[] = { 4, 8, 16, 32 }, times[] = { 1, 2, 3, 255 };

	(void)state;
	for (size_t a = 0; a < 2; a++)
		for (size_t b = 0; b < 3; b++)
			for (size_t d = 0; d < 4; d++)
				for (size_t e = 0; e < 4; e++)
					for (size_t f = 0; f < 4; f++)
						tuak_one(key[a], mac[b], res[d], e & 1 ? 32 : 16, e & 2 ? 32 : 16, times[f]);
}

/* Twelve times the permutation of many states, against the library's squeezing. */
static void keccak_is_the_librarys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		uint8_t s[AKA_KECCAK_OCTETS] = { 0 }, out[RATE];

		some(s, 96);
		shake(s, 12, out);
		s[96] = 0x1f;
		s[135] = 0x80;
		aka_keccak(s, 12);
		assert_memory_equal(s, out, RATE);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(vectors_are_osmo_auc_gens), cmocka_unit_test(our_card_takes_osmo_auc_gens_vectors),
		cmocka_unit_test(tuak_is_made_of_shake256_blocks), cmocka_unit_test(keccak_is_the_librarys),
	};

	c = mst_crypto_openssl();
	return cmocka_run_group_tests(t, NULL, NULL);
}
