/* AKA against published sets, and everything that must be refused. */
#include "tests/support/cm.h"

#include "base/text.h"
#include "proto/aka/keccak.h"
#include "proto/aka/vectors.h"

static struct mst_crypto *c;

static struct mst_view hex(const char *s, uint8_t *out, size_t cap)
{
	size_t n;

	assert_true(mst_hex_decode(mst_view_str(s), out, cap, &n));
	return (struct mst_view){ out, n };
}

static void is(const uint8_t *got, size_t n, const char *want)
{
	uint8_t b[64];

	assert_int_equal(hex(want, b, sizeof(b)).n, n);
	assert_memory_equal(got, b, n);
}

struct one { struct aka_keys k; uint8_t rnd[AKA_RAND], sqn[AKA_SQN], amf[AKA_AMF]; uint64_t number; };

static struct one set_up(const struct aka_test_set *t)
{
	struct one s;

	assert_true(aka_test_keys(t, &s.k));
	(void)hex(t->rnd, s.rnd, sizeof(s.rnd));
	(void)hex(t->sqn, s.sqn, sizeof(s.sqn));
	(void)hex(t->amf, s.amf, sizeof(s.amf));
	s.number = aka_sqn_get(s.sqn);
	return s;
}

/* --- published sets, each a test of its name --- */

static void published(const struct aka_test_set *t)
{
	struct one s = set_up(t);
	struct aka_keys from_op = s.k;
	struct aka_out o;
	uint8_t op[32];

	memset(from_op.top, 0, sizeof(from_op.top));
	assert_int_equal(aka_keys_derive_top(c, &from_op, hex(t->op, op, sizeof(op))), 0);
	assert_memory_equal(&from_op, &s.k, sizeof(s.k));
	/* each function alone, so that none leans on another's */
	assert_int_equal(aka_compute(c, &s.k, s.rnd, s.sqn, s.amf, AKA_WANT_F1, &o), 0);
	is(o.mac_a, s.k.mac_n, t->f1);
	assert_int_equal(aka_compute(c, &s.k, s.rnd, s.sqn, s.amf, AKA_WANT_F1S, &o), 0);
	is(o.mac_s, s.k.mac_n, t->f1s);
	assert_int_equal(aka_compute(c, &s.k, s.rnd, NULL, NULL, AKA_WANT_F2345, &o), 0);
	is(o.res, s.k.res_n, t->f2);
	is(o.ck, s.k.ck_n, t->f3);
	is(o.ik, s.k.ik_n, t->f4);
	is(o.ak, AKA_AK, t->f5);
	assert_int_equal(aka_compute(c, &s.k, s.rnd, NULL, NULL, AKA_WANT_F5S, &o), 0);
	is(o.ak_s, AKA_AK, t->f5s);
	if (t->autn) {
		struct aka_vector v;

		assert_int_equal(aka_vector_make(c, &s.k, s.rnd, s.number, s.amf, &v), 0);
		is(v.autn, AKA_AUTN, t->autn);
		is(v.xres, v.xres_n, t->f2);
	}
	if (t->auts) {
		uint8_t auts[AKA_AUTS];
		uint64_t ms = 0;

		assert_int_equal(aka_auts_make(c, &s.k, s.rnd, s.number, auts), 0);
		is(auts, AKA_AUTS, t->auts);
		assert_int_equal(aka_auts_check(c, &s.k, s.rnd, auts, &ms), 0);
		assert_int_equal(ms, s.number);
	}
}

#define SET(n, i)                                                                                                      \
	static void n(void **state)                                                                                    \
	{                                                                                                              \
		(void)state;                                                                                           \
		published(&aka_test_set[i]);                                                                           \
	}
SET(milenage_set_1, 0)
SET(milenage_set_2, 1)
SET(milenage_set_3, 2)
SET(milenage_set_19, 3)
SET(tuak_set_1, 4)
SET(tuak_set_2, 5)
SET(tuak_set_4, 6)

/* The worked values of the sheet's 17.1, 17.2 and 17.5 that are of this layer. */
static void worked_values(void **state)
{
	static const struct { uint64_t sqn; uint8_t amf[2]; const char *autn; } row[] = {
		{ 0x21, { 0x00, 0x00 }, "aa689c64835100009f897ef2e7a4c5f8" },
		{ 0x21, { 0x80, 0x00 }, "aa689c648351800041ed662ae8c74ecd" },
	};
	struct one s = set_up(&aka_test_set[0]);
	struct aka_vector v;
	uint8_t auts[AKA_AUTS];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		assert_int_equal(aka_vector_make(c, &s.k, s.rnd, row[i].sqn, row[i].amf, &v), 0);
		is(v.autn, AKA_AUTN, row[i].autn);
		is(v.xres, v.xres_n, "a54211d5e3ba50bf");
	}
	assert_int_equal(aka_auts_make(c, &s.k, s.rnd, 0xff9bb4d0b627, auts), 0);
	is(auts, AKA_AUTS, "ba853f3c121cb55edb820040ab41");
	assert_int_equal(aka_auts_make(c, &s.k, s.rnd, 0x21, auts), 0);
	is(auts, AKA_AUTS, "451e8beca41a80125eca8884b56a");
}

/* --- the card --- */

static struct aka_usim new_card(void)
{
	return (struct aka_usim){ .ind_bits = 5, .delta = AKA_DELTA };
}

static void nothing_given(const struct aka_answer *a)
{
	struct aka_answer none = { 0 };

	memcpy(none.auts, a->auts, AKA_AUTS);
	assert_memory_equal(a, &none, sizeof(none));
}

static void both_ends_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < AKA_TEST_SETS; i++) {
		struct one s = set_up(&aka_test_set[i]);
		struct aka_usim u = { .ind_bits = 5 };
		struct aka_vector v;
		struct aka_answer a;

		s.k.mac_n = AKA_MAC;        /* TUAK sets with a longer MAC fit no AUTN */
		assert_int_equal(aka_vector_make(c, &s.k, s.rnd, s.number, s.amf, &v), 0);
		assert_int_equal(aka_usim_run(c, &s.k, &u, v.rnd, v.autn, &a), 0);
		assert_int_equal(a.res_n, v.xres_n);
		assert_memory_equal(a.res, v.xres, AKA_LONG);
		assert_memory_equal(a.ck, v.ck, AKA_LONG);
		assert_memory_equal(a.ik, v.ik, AKA_LONG);
		assert_int_equal(u.highest, s.number);
		/* the same again is stale, and the card says how far it is */
		assert_int_equal(aka_usim_run(c, &s.k, &u, v.rnd, v.autn, &a), AKA_SYNC_FAILURE);
		nothing_given(&a);
		assert_int_equal(u.highest, s.number);
	}
}

enum spoil { RIGHT, BIT_OF_SQN, BIT_OF_AMF, BIT_OF_MAC, OTHER_RAND, OTHER_K, OTHER_OPC, STALE, TOO_FAR, SPOILS };
static const struct { const char *what; uint64_t sqn; int want; } bad[SPOILS] = {
	[RIGHT] = { "nothing", 0x1021, 0 },
	[BIT_OF_SQN] = { "a bit of SQN", 0x1021, AKA_MAC_FAILURE },
	[BIT_OF_AMF] = { "a bit of AMF", 0x1021, AKA_MAC_FAILURE },
	[BIT_OF_MAC] = { "the last bit of MAC", 0x1021, AKA_MAC_FAILURE },
	[OTHER_RAND] = { "RAND", 0x1021, AKA_MAC_FAILURE },
	[OTHER_K] = { "K", 0x1021, AKA_MAC_FAILURE },
	[OTHER_OPC] = { "OPc", 0x1021, AKA_MAC_FAILURE },
	[STALE] = { "an old SQN", 0x1001, AKA_SYNC_FAILURE },
	[TOO_FAR] = { "an SQN too far ahead", 0x1001 + ((AKA_DELTA + 1) << 5), AKA_SYNC_FAILURE },
};

static void a_card_refuses_what_is_wrong(void **state)
{
	(void)state;
	for (enum spoil i = RIGHT; i < SPOILS; i++) {
		struct one s = set_up(&aka_test_set[0]);
		struct aka_usim u = new_card(), before;
		struct aka_vector v;
		struct aka_answer a;
		static const uint8_t amf[2];
		uint64_t ms = 0;

		aka_usim_accept(&u, 0x1001);
		before = u;
		assert_int_equal(aka_vector_make(c, &s.k, s.rnd, bad[i].sqn, amf, &v), 0);
		v.autn[5] ^= i == BIT_OF_SQN;
		v.autn[7] ^= i == BIT_OF_AMF;
		v.autn[15] ^= i == BIT_OF_MAC;
		v.rnd[0] ^= i == OTHER_RAND;
		s.k.k[15] ^= i == OTHER_K;
		s.k.top[15] ^= i == OTHER_OPC;
		print_message("# spoiled: %s\n", bad[i].what);
		assert_int_equal(aka_usim_run(c, &s.k, &u, v.rnd, v.autn, &a), bad[i].want);
		if (!bad[i].want) {
			assert_int_equal(u.highest, bad[i].sqn);
			continue;
		}
		nothing_given(&a);
		assert_memory_equal(&u, &before, sizeof(u));
		if (bad[i].want == AKA_SYNC_FAILURE) {
			assert_int_equal(aka_auts_check(c, &s.k, v.rnd, a.auts, &ms), 0);
			assert_int_equal(ms, 0x1001);
		} else {
			static const uint8_t none[AKA_AUTS];

			assert_memory_equal(a.auts, none, AKA_AUTS);    /* neither RES nor AUTS: TS 24.109 4.4 */
		}
	}
}

/* It stands in clear in AUTN, and in AUTN*: whoever is handed a challenge can tell. The card itself has no rule for it (trap 11). */
static void the_separation_bit_is_told_by_autn(void **state)
{
	static const struct { uint8_t amf[2]; bool separated; } row[] = {
		{ { 0, 0 }, false }, { { 0x7f, 0xff }, false }, { { 0x80, 0 }, true }, { { 0xb9, 0xb9 }, true },
	};
	struct one s = set_up(&aka_test_set[0]);

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct aka_usim u = { .ind_bits = 5 };
		struct aka_vector v;
		struct aka_answer a;

		assert_int_equal(aka_vector_make(c, &s.k, s.rnd, s.number, row[i].amf, &v), 0);
		assert_int_equal(aka_amf_separated(v.autn), row[i].separated);
		assert_int_equal(aka_usim_run(c, &s.k, &u, v.rnd, v.autn, &a), 0);
	}
}

/* --- counters --- */

static void one_counter_an_index(void **state)
{
	struct aka_usim u = { .ind_bits = 5, .delta = 100, .age = 10 };

	(void)state;
	assert_false(aka_usim_fresh(&u, 0));
	assert_false(aka_usim_fresh(&u, 31));                   /* SEQ 0 is no number at any index */
	assert_true(aka_usim_fresh(&u, 1u << 5));
	aka_usim_accept(&u, 50u << 5 | 3);
	assert_false(aka_usim_fresh(&u, 50u << 5 | 3));
	assert_false(aka_usim_fresh(&u, 49u << 5 | 3));
	assert_true(aka_usim_fresh(&u, 51u << 5 | 3));
	assert_true(aka_usim_fresh(&u, 45u << 5 | 4));          /* another index: behind the highest, but fresh there */
	assert_true(aka_usim_fresh(&u, 41u << 5 | 4));
	assert_false(aka_usim_fresh(&u, 40u << 5 | 4));         /* the age limit */
	assert_true(aka_usim_fresh(&u, 150u << 5));
	assert_false(aka_usim_fresh(&u, 151u << 5));            /* the jump limit */
	aka_usim_accept(&u, 45u << 5 | 4);
	assert_int_equal(u.highest, 50u << 5 | 3);              /* SQN_MS stays the highest of all */
	assert_false(aka_usim_fresh(&u, 45u << 5 | 4));
	assert_false(aka_usim_fresh(&u, AKA_SQN_MAX + 1));
}

static void one_counter_alone(void **state)
{
	struct aka_usim u = { .ind_bits = 0 };

	(void)state;
	aka_usim_accept(&u, 7);
	assert_false(aka_usim_fresh(&u, 7));
	assert_true(aka_usim_fresh(&u, 8));
	assert_int_equal(u.highest, 7);
}

static void next_number(void **state)
{
	static const struct { uint64_t last; unsigned bits, ind; int want; uint64_t next; } row[] = {
		{ 0, 5, 0, 0, 0x20 },
		{ 0x20, 5, 1, 0, 0x41 },                        /* as hlr_auc_gw counts */
		{ 0x20, 5, 0, 0, 0x40 },
		{ 1024, 5, 0, 0, 1056 },                        /* as osmo-auc-gen counts */
		{ 281044218590759, 5, 7, 0, 281044218590791 },
		{ 9, 0, 0, 0, 10 },
		{ AKA_SQN_MAX, 5, 0, AKA_SQN_EXHAUSTED, 0 },
		{ AKA_SQN_MAX - 31, 5, 0, AKA_SQN_EXHAUSTED, 0 },
		{ AKA_SQN_MAX - 32, 5, 31, 0, AKA_SQN_MAX },
		{ AKA_SQN_MAX, 0, 0, AKA_SQN_EXHAUSTED, 0 },
		{ 0, 5, 32, MST_FAULT_BUG, 0 },
		{ 0, 6, 0, MST_FAULT_BUG, 0 },
		{ AKA_SQN_MAX + 1, 5, 0, MST_FAULT_BUG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		uint64_t next = 0;

		assert_int_equal(aka_sqn_next(row[i].last, row[i].bits, row[i].ind, &next), row[i].want);
		assert_int_equal(next, row[i].next);
	}
}

static void resync_moves_only_when_it_must(void **state)
{
	static const struct { uint64_t last, ms, delta; int want; uint64_t then; } row[] = {
		{ 0x20, 0x4000, 0, AKA_RESYNC_FORWARD, 0x4000 },
		{ 0x4000, 0x20, 0, AKA_RESYNC_KEPT, 0x4000 },           /* an old AUTS again: nothing goes back */
		{ 0x4000, 0x401f, 0, AKA_RESYNC_KEPT, 0x4000 },         /* the same SEQ: the next one is taken */
		{ 0x4000, 0x4020, 0, AKA_RESYNC_FORWARD, 0x4020 },      /* the next one is that, and not taken */
		{ 0x4000, 0x20, AKA_DELTA, AKA_RESYNC_KEPT, 0x4000 },
		{ (AKA_DELTA + 1) << 5, 0x20, AKA_DELTA, AKA_RESYNC_BACK, 0x20 },
		{ AKA_DELTA << 5, 0x20, AKA_DELTA, AKA_RESYNC_KEPT, AKA_DELTA << 5 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		uint64_t then = 0;

		assert_int_equal(aka_sqn_resync(row[i].last, row[i].ms, 5, row[i].delta, &then), row[i].want);
		assert_int_equal(then, row[i].then);
	}
}

/* A card that is ahead: refusal, AUTS, the centre follows, and the next vector is taken. */
static void resynchronisation(void **state)
{
	struct one s = set_up(&aka_test_set[6]);
	struct aka_usim u = new_card();
	uint64_t last = 0x40, ms, next;
	static const uint8_t amf[2];
	struct aka_vector v;
	struct aka_answer a;

	(void)state;
	s.k.mac_n = AKA_MAC;
	aka_usim_accept(&u, 0x123456);
	assert_int_equal(aka_sqn_next(last, 5, 22, &next), 0);
	assert_int_equal(aka_vector_make(c, &s.k, s.rnd, next, amf, &v), 0);
	assert_int_equal(aka_usim_run(c, &s.k, &u, v.rnd, v.autn, &a), AKA_SYNC_FAILURE);
	assert_int_equal(aka_auts_check(c, &s.k, v.rnd, a.auts, &ms), 0);
	assert_int_equal(ms, 0x123456);
	assert_int_equal(aka_sqn_resync(next, ms, 5, AKA_DELTA, &last), AKA_RESYNC_FORWARD);
	assert_int_equal(aka_sqn_next(last, 5, 22, &next), 0);
	assert_int_equal(aka_vector_make(c, &s.k, s.rnd, next, amf, &v), 0);
	assert_int_equal(aka_usim_run(c, &s.k, &u, v.rnd, v.autn, &a), 0);
	/* the same AUTS again, and with another RAND, and forged in any one bit */
	assert_int_equal(aka_auts_make(c, &s.k, s.rnd, ms, a.auts), 0);
	assert_int_equal(aka_sqn_resync(next, ms, 5, AKA_DELTA, &last), AKA_RESYNC_KEPT);
	assert_int_equal(last, next);
	for (size_t bit = 0; bit < 8 * AKA_AUTS; bit++) {
		uint8_t forged[AKA_AUTS];

		memcpy(forged, a.auts, sizeof(forged));
		forged[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(aka_auts_check(c, &s.k, s.rnd, forged, &ms), AKA_MAC_FAILURE);
	}
	s.rnd[3] ^= 1;
	ms = 77;
	assert_int_equal(aka_auts_check(c, &s.k, s.rnd, a.auts, &ms), AKA_MAC_FAILURE);
	assert_int_equal(ms, 77);
}

/* --- keys --- */

static void lengths_are_checked_and_named(void **state)
{
	static const struct { struct aka_keys k; const char *field; } row[] = {
		{ { .algorithm = 0, .k_n = 16, .mac_n = 8, .res_n = 8, .ck_n = 16, .ik_n = 16, .times = 1 }, "algorithm" },
		{ { .algorithm = AKA_MILENAGE, .k_n = 32, .mac_n = 8, .res_n = 8, .ck_n = 16, .ik_n = 16, .times = 1 }, "k" },
		{ { .algorithm = AKA_MILENAGE, .k_n = 0, .mac_n = 8, .res_n = 8, .ck_n = 16, .ik_n = 16, .times = 1 }, "k" },
		{ { .algorithm = AKA_MILENAGE, .k_n = 16, .mac_n = 16, .res_n = 8, .ck_n = 16, .ik_n = 16, .times = 1 }, "mac" },
		{ { .algorithm = AKA_MILENAGE, .k_n = 16, .mac_n = 8, .res_n = 3, .ck_n = 16, .ik_n = 16, .times = 1 }, "res" },
		{ { .algorithm = AKA_MILENAGE, .k_n = 16, .mac_n = 8, .res_n = 16, .ck_n = 16, .ik_n = 16, .times = 1 }, "res" },
		{ { .algorithm = AKA_MILENAGE, .k_n = 16, .mac_n = 8, .res_n = 8, .ck_n = 32, .ik_n = 16, .times = 1 }, "ck" },
		{ { .algorithm = AKA_TUAK, .k_n = 24, .mac_n = 8, .res_n = 8, .ck_n = 16, .ik_n = 16, .times = 1 }, "k" },
		{ { .algorithm = AKA_TUAK, .k_n = 16, .mac_n = 4, .res_n = 8, .ck_n = 16, .ik_n = 16, .times = 1 }, "mac" },
		{ { .algorithm = AKA_TUAK, .k_n = 16, .mac_n = 8, .res_n = 6, .ck_n = 16, .ik_n = 16, .times = 1 }, "res" },
		{ { .algorithm = AKA_TUAK, .k_n = 16, .mac_n = 8, .res_n = 64, .ck_n = 16, .ik_n = 16, .times = 1 }, "res" },
		{ { .algorithm = AKA_TUAK, .k_n = 16, .mac_n = 8, .res_n = 8, .ck_n = 16, .ik_n = 15, .times = 1 }, "ik" },
		{ { .algorithm = AKA_TUAK, .k_n = 16, .mac_n = 8, .res_n = 8, .ck_n = 16, .ik_n = 16, .times = 0 }, "times" },
	};
	uint8_t long_key[33] = { 0 };
	struct aka_keys k;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_diag d = { 0 };
		struct aka_out o;
		uint8_t zero[16] = { 0 };

		assert_int_equal(aka_keys_check(&row[i].k, &d), AKA_BAD_KEYS);
		assert_string_equal(d.field, row[i].field);
		assert_true(d.text[0]);
		assert_int_equal(aka_compute(c, &row[i].k, zero, zero, zero, AKA_WANT_F2345, &o), AKA_BAD_KEYS);
	}
	assert_int_equal(aka_keys_set(&k, AKA_MILENAGE, (struct mst_view){ long_key, 33 }, MST_VIEW_NONE), AKA_BAD_KEYS);
	assert_int_equal(aka_keys_set(&k, AKA_MILENAGE, (struct mst_view){ long_key, 16 }, (struct mst_view){ long_key, 32 }), AKA_BAD_KEYS);
	assert_int_equal(aka_keys_set(&k, AKA_TUAK, (struct mst_view){ long_key, 32 }, (struct mst_view){ long_key, 16 }), AKA_BAD_KEYS);
	assert_int_equal(aka_keys_set(&k, AKA_TUAK, (struct mst_view){ long_key, 32 }, MST_VIEW_NONE), 0);
	assert_int_equal(aka_keys_derive_top(c, &k, (struct mst_view){ long_key, 16 }), AKA_BAD_KEYS);
}

static void a_long_mac_fits_no_autn(void **state)
{
	struct one s = set_up(&aka_test_set[5]);
	struct aka_usim u = new_card();
	struct aka_vector v;
	struct aka_answer a;
	uint8_t t[AKA_AUTN] = { 0 };
	uint64_t ms;

	(void)state;
	assert_int_equal(s.k.mac_n, 16);
	assert_int_equal(aka_vector_make(c, &s.k, s.rnd, 1, s.amf, &v), AKA_BAD_KEYS);
	assert_int_equal(aka_auts_make(c, &s.k, s.rnd, 1, t), AKA_BAD_KEYS);
	assert_int_equal(aka_auts_check(c, &s.k, s.rnd, t, &ms), AKA_BAD_KEYS);
	assert_int_equal(aka_usim_run(c, &s.k, &u, s.rnd, t, &a), AKA_BAD_KEYS);
}

/* RES may be cut by the operator; nothing else changes. */
static void short_res(void **state)
{
	struct one s = set_up(&aka_test_set[0]);
	struct aka_vector v;

	(void)state;
	s.k.res_n = 4;
	assert_int_equal(aka_vector_make(c, &s.k, s.rnd, s.number, s.amf, &v), 0);
	is(v.xres, v.xres_n, "a54211d5");
	is(v.autn, AKA_AUTN, aka_test_set[0].autn);
}

/* --- start-up --- */

static bool lying;

static struct mst_aes *lent_new(struct mst_crypto *x, const uint8_t key[16])
{
	(void)x;
	return c->ops->aes_new(c, key);
}

static struct mst_aes *no_new(struct mst_crypto *x, const uint8_t key[16])
{
	(void)x;
	(void)key;
	return NULL;
}

static void lent_free(struct mst_aes *a)
{
	c->ops->aes_free(a);
}

static int lying_run(struct mst_aes *a, const uint8_t *in, uint8_t *out, size_t blocks)
{
	int r = c->ops->aes_run(a, in, out, blocks);

	out[16 * blocks - 1] ^= lying;
	return r;
}

static int broken_run(struct mst_aes *a, const uint8_t *in, uint8_t *out, size_t blocks)
{
	(void)a;
	(void)in;
	(void)out;
	(void)blocks;
	return MST_FAULT_CRYPTO;
}

static const struct mst_crypto_ops liar_ops = { .name = "liar", .aes_new = lent_new, .aes_run = lying_run, .aes_free = lent_free },
				   broken_ops = { .name = "broken", .aes_new = lent_new, .aes_run = broken_run, .aes_free = lent_free },
				   absent_ops = { .name = "absent", .aes_new = no_new, .aes_run = broken_run, .aes_free = lent_free };

static void known_answers(void **state)
{
	struct mst_crypto l = { &liar_ops }, b = { &broken_ops }, none = { &absent_ops };
	const char *which = "";

	(void)state;
	assert_int_equal(aka_self_test(c, &which), 0);
	assert_null(which);
	assert_int_equal(aka_self_test(&l, &which), 0);
	lying = true;
	assert_int_equal(aka_self_test(&l, &which), MST_FAULT_CRYPTO);
	assert_non_null(strstr(which, "AES-128"));
	assert_int_equal(aka_self_test(&b, &which), MST_FAULT_CRYPTO);
	assert_int_equal(aka_self_test(&none, &which), MST_FAULT_CRYPTO);
}

/* A fault of the library is passed up, and moves no counter. */
static void faults_pass_through(void **state)
{
	struct mst_crypto b = { &broken_ops }, none = { &absent_ops };
	struct one s = set_up(&aka_test_set[0]);
	struct aka_usim u = new_card(), before = u;
	struct aka_vector v;
	struct aka_answer a;
	uint8_t autn[AKA_AUTN] = { 0 };
	uint64_t ms;

	(void)state;
	assert_int_equal(aka_vector_make(&b, &s.k, s.rnd, 1, s.amf, &v), MST_FAULT_CRYPTO);
	assert_int_equal(aka_vector_make(&none, &s.k, s.rnd, 1, s.amf, &v), MST_FAULT_CRYPTO);
	assert_int_equal(aka_keys_derive_top(&none, &s.k, (struct mst_view){ s.rnd, 16 }), MST_FAULT_CRYPTO);
	assert_int_equal(aka_auts_check(&b, &s.k, s.rnd, autn, &ms), MST_FAULT_CRYPTO);
	assert_int_equal(aka_usim_run(&b, &s.k, &u, s.rnd, autn, &a), MST_FAULT_CRYPTO);
	assert_memory_equal(&u, &before, sizeof(u));
	assert_int_equal(aka_vector_make(c, &s.k, s.rnd, AKA_SQN_MAX + 1, s.amf, &v), MST_FAULT_BUG);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(milenage_set_1), cmocka_unit_test(milenage_set_2), cmocka_unit_test(milenage_set_3),
		cmocka_unit_test(milenage_set_19), cmocka_unit_test(tuak_set_1), cmocka_unit_test(tuak_set_2),
		cmocka_unit_test(tuak_set_4), cmocka_unit_test(worked_values), cmocka_unit_test(both_ends_agree),
		cmocka_unit_test(a_card_refuses_what_is_wrong), cmocka_unit_test(the_separation_bit_is_told_by_autn),
		cmocka_unit_test(one_counter_an_index), cmocka_unit_test(one_counter_alone), cmocka_unit_test(next_number),
		cmocka_unit_test(resync_moves_only_when_it_must), cmocka_unit_test(resynchronisation),
		cmocka_unit_test(lengths_are_checked_and_named), cmocka_unit_test(a_long_mac_fits_no_autn),
		cmocka_unit_test(short_res), cmocka_unit_test(known_answers), cmocka_unit_test(faults_pass_through),
	};

	c = mst_crypto_openssl();
	return cmocka_run_group_tests(t, NULL, NULL);
}
