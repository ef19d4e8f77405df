/* AKA by the keys of a SIM: right vectors, for a HSS alone, and nothing else of a SIM ever. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "keeper/keeper.h"
#include "proto/aka/sim.h"

#define IMSI "001010000000001"
#define BSF "bsf.example.com"

static struct mst_crypto *c;
static char top[64];
static struct mst_keeper *k;
static struct mst_channel local = { .id = 1 }, hss = { .id = 2 }, bsf = { .id = 3 }, maf = { .id = 4 };
static const uint8_t amf[2] = { 0, 0 };

static void channel(struct mst_channel *ch, unsigned duties)
{
	assert_int_equal(c->ops->random(c, ch->key, sizeof(ch->key)), 0);
	assert_int_equal(mst_keeper_local_channel(k, ch->id, ch->key, duties), 0);
}

static int set_up(void **state)
{
	char dir[96];

	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", 1800000000, c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	channel(&local, MST_DUTY_ADMIN);
	channel(&hss, MST_DUTY_HSS);
	channel(&bsf, MST_DUTY_CONNECTOR);
	channel(&maf, (unsigned)MST_DUTY__ALL & ~(unsigned)(MST_DUTY_HSS | MST_DUTY_ADMIN));
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	k->ops->close(k);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

/* TS 35.208 set 1 with OPc or OP; TUAK with 32 octets of each, the longest that there is. */
static struct aka_sim sim_of(enum aka_algorithm a, bool is_op)
{
	static const char key[] = "465b5ce8b199b49faa5f0a2ee238a6bc465b5ce8b199b49faa5f0a2ee238a6bc",
			  opc[] = "cd63cb71954a9f4e48a5994e37a02bafcd63cb71954a9f4e48a5994e37a02baf",
			  op[] = "cdc202d5123e20f62b6d676ac72cb318cdc202d5123e20f62b6d676ac72cb318";
	struct aka_sim s = { .is_op = is_op };
	uint8_t kk[32], tt[32];
	size_t n = a == AKA_TUAK ? 32 : 16, got;

	assert_true(mst_hex_decode(mst_view_str(key), kk, sizeof(kk), &got));
	assert_true(mst_hex_decode(mst_view_str(is_op ? op : opc), tt, sizeof(tt), &got));
	assert_int_equal(aka_keys_set(&s.keys, a, (struct mst_view){ kk, n }, (struct mst_view){ tt, n }), 0);
	s.keys.res_n = a == AKA_TUAK ? 16 : 8;
	return s;
}

static int give_in(const struct aka_sim *s, const struct mst_channel *from, struct mst_wrapped *ret)
{
	struct mst_key key = { .n = 0 };
	struct mst_writer w = mst_writer_of(key.b, sizeof(key.b));
	struct mst_wrapped sealed;

	aka_sim_pack(s, &w);
	assert_true(w.ok);
	key.n = w.n;
	assert_int_equal(mst_channel_seal(from, c, MST_PURPOSE_SIM, &key, &sealed), 0);
	return k->ops->wrap(k, from->id, (struct mst_view){ sealed.b, sealed.n }, MST_PURPOSE_SIM, IMSI, ret);
}

static struct mst_authorisation leave(int what, const char *id, const char *to)
{
	struct mst_authorisation a = { .what = MST_AUTH_NOTHING };

	a.what = (__typeof__(a.what))what;
	snprintf(a.key_id, sizeof(a.key_id), "%s", id);
	snprintf(a.to, sizeof(a.to), "%s", to);
	return a;
}

/* The card at the other end accepts it and comes to the same XRES, CK and IK. */
static void check(const struct aka_sim *s, const struct mst_wrapped *w, uint64_t sqn)
{
	struct mst_authorisation a = leave(MST_AUTH_VECTOR, IMSI, BSF);
	struct aka_usim card = { .ind_bits = 5 };
	struct aka_answer said;
	struct mst_vector v;
	struct mst_key av;

	assert_int_equal(k->ops->aka_vector(k, &a, w, IMSI, sqn, amf, hss.id, &v), 0);
	assert_int_equal(mst_channel_open(&hss, c, MST_USE_VECTOR, &v.sealed, &av), 0);
	assert_int_equal(aka_usim_run(c, &s->keys, &card, v.rnd, v.autn, &said), 0);
	assert_false(aka_amf_separated(v.autn));
	assert_int_equal(card.highest, sqn);
	assert_true(v.xres_n == said.res_n && av.n == (size_t)said.res_n + 32);
	assert_memory_equal(av.b, said.res, said.res_n);
	assert_memory_equal(av.b + said.res_n, said.ck, 16);
	assert_memory_equal(av.b + said.res_n + 16, said.ik, 16);
}

static void vectors_are_what_the_card_makes(void **state)
{
	static const enum aka_algorithm all[] = { AKA_MILENAGE, AKA_TUAK };
	struct mst_keeper_counts before = mst_keeper_local_counts(k);
	uint8_t op[AKA_LONG];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct aka_sim s = sim_of(all[i / 2], i % 2);
		struct mst_wrapped w;

		assert_int_equal(give_in(&s, &local, &w), 0);
		if (s.is_op) {
			memcpy(op, s.keys.top, sizeof(op));
			assert_int_equal(aka_keys_derive_top(c, &s.keys, (struct mst_view){ op, s.keys.algorithm == AKA_TUAK ? 32 : 16 }), 0);
		}
		check(&s, &w, 0x21);
		check(&s, &w, AKA_SQN_MAX);
	}
	assert_int_equal(mst_keeper_local_counts(k).vectors, before.vectors + 8);
	assert_int_equal(mst_keeper_local_counts(k).refused, before.refused);
}

static void two_vectors_have_two_rand(void **state)
{
	struct mst_authorisation a = leave(MST_AUTH_VECTOR, IMSI, BSF);
	struct aka_sim s = sim_of(AKA_MILENAGE, false);
	struct mst_vector v, v2;
	struct mst_wrapped w;

	(void)state;
	assert_int_equal(give_in(&s, &local, &w), 0);
	assert_int_equal(k->ops->aka_vector(k, &a, &w, IMSI, 1, amf, hss.id, &v), 0);
	assert_int_equal(k->ops->aka_vector(k, &a, &w, IMSI, 1, amf, hss.id, &v2), 0);
	assert_true(memcmp(v.rnd, v2.rnd, sizeof(v.rnd)) != 0);
}

/* Default deny: each thing that is wrong alone is enough, and is counted. */
static void refused_and_counted(void **state)
{
	static const struct { const char *why; int what; const char *id, *to, *key_id; uint64_t sqn; uint8_t amf; uint32_t channel; int want; } row[] = {
		{ "no leave", MST_AUTH_NOTHING, IMSI, BSF, IMSI, 1, 0, 2, MST_KEEPER_DENIED },
		{ "to release", MST_AUTH_RELEASE, IMSI, BSF, IMSI, 1, 0, 2, MST_KEEPER_DENIED },
		{ "to sign", MST_AUTH_SIGN, IMSI, BSF, IMSI, 1, 0, 2, MST_KEEPER_DENIED },
		{ "to trigger", MST_AUTH_TRIGGER, IMSI, BSF, IMSI, 1, 0, 2, MST_KEEPER_DENIED },
		{ "for another SIM", MST_AUTH_VECTOR, "001010000000002", BSF, IMSI, 1, 0, 2, MST_KEEPER_DENIED },
		{ "to nobody", MST_AUTH_VECTOR, IMSI, "", IMSI, 1, 0, 2, MST_KEEPER_DENIED },
		{ "a number too large", MST_AUTH_VECTOR, IMSI, BSF, IMSI, AKA_SQN_MAX + 1, 0, 2, MST_KEEPER_DENIED },
		{ "for EPS", MST_AUTH_VECTOR, IMSI, BSF, IMSI, 1, 0x80, 2, MST_KEEPER_DENIED },
		{ "to no channel", MST_AUTH_VECTOR, IMSI, BSF, IMSI, 1, 0, 9, MST_KEEPER_NO_CHANNEL },
		{ "to the local listener", MST_AUTH_VECTOR, IMSI, BSF, IMSI, 1, 0, 1, MST_KEEPER_DENIED },
		{ "to the connector", MST_AUTH_VECTOR, IMSI, BSF, IMSI, 1, 0, 3, MST_KEEPER_DENIED },
		{ "to everybody else", MST_AUTH_VECTOR, IMSI, BSF, IMSI, 1, 0, 4, MST_KEEPER_DENIED },
		{ "with another's row", MST_AUTH_VECTOR, "001010000000002", BSF, "001010000000002", 1, 0, 2, MST_KEEPER_FORGED },
		{ "the right one", MST_AUTH_VECTOR, IMSI, BSF, IMSI, 1, 0x7f, 2, 0 },
	};
	struct aka_sim s = sim_of(AKA_MILENAGE, false);
	uint8_t auts[14] = { 0 };
	struct mst_wrapped w;
	uint64_t sqn;

	(void)state;
	assert_int_equal(give_in(&s, &local, &w), 0);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_authorisation a = leave(row[i].what, row[i].id, row[i].to);
		uint64_t refused = mst_keeper_local_counts(k).refused;
		uint8_t f[2] = { row[i].amf, 0 };
		struct mst_vector v;
		int got;

		memset(&v, 0, sizeof(v));
		got = k->ops->aka_vector(k, &a, &w, row[i].key_id, row[i].sqn, f, row[i].channel, &v);
		if (got != row[i].want)
			fail_msg("%s: %d, expected %d", row[i].why, got, row[i].want);
		assert_int_equal(mst_keeper_local_counts(k).refused, refused + (row[i].want != 0));
		assert_true(!row[i].want || (!v.xres_n && !v.sealed.n));
		if (row[i].want == MST_KEEPER_DENIED && !row[i].amf && row[i].sqn == 1 && row[i].channel == 2)
			assert_int_equal(k->ops->aka_resync(k, &a, &w, row[i].key_id, auts, auts, &sqn), MST_KEEPER_DENIED);
	}
}

static void nothing_else_leaves_of_a_sim(void **state)
{
	struct aka_sim s = sim_of(AKA_MILENAGE, false);
	struct mst_authorisation a = leave(MST_AUTH_RELEASE, IMSI, BSF);
	struct mst_wrapped w, out, sealed;
	struct mst_key key = { .n = MST_KEY_LEN };

	(void)state;
	/* only who brings SIMs may, and only what is one */
	assert_int_equal(give_in(&s, &hss, &w), MST_KEEPER_DENIED);
	assert_int_equal(give_in(&s, &bsf, &w), MST_KEEPER_DENIED);
	assert_int_equal(give_in(&s, &maf, &w), MST_KEEPER_DENIED);
	assert_int_equal(mst_channel_seal(&local, c, MST_PURPOSE_SIM, &key, &sealed), 0);
	assert_int_equal(k->ops->wrap(k, 1, (struct mst_view){ sealed.b, sealed.n }, MST_PURPOSE_SIM, IMSI, &w), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->create(k, MST_PURPOSE_SIM, IMSI, &w), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->create(k, MST_PURPOSE_AV, IMSI, &w), MST_KEEPER_DENIED);
	assert_int_equal(give_in(&s, &local, &w), 0);
	for (int how = MST_DERIVE_NONE; how <= MST_DERIVE_USAGE; how++) {
		for (uint32_t to = 1; to <= 4; to++)
			assert_int_equal(k->ops->release(k, &a, &w, MST_PURPOSE_SIM, IMSI, (enum mst_derive_how)how, 21, "x", to, &out),
					 MST_KEEPER_DENIED);
		for (int p = 1; p < MST_PURPOSE__COUNT; p++)
			assert_int_equal(k->ops->derive(k, &w, MST_PURPOSE_SIM, IMSI, (enum mst_derive_how)how, 21, "x",
							(enum mst_key_purpose)p, "new", &out), MST_KEEPER_DENIED);
	}
	assert_int_equal(k->ops->differs(k, 1, (struct mst_view){ sealed.b, sealed.n }, &w, MST_PURPOSE_SIM, IMSI), MST_KEEPER_DENIED);
	/* what was sealed as a SIM is wrapped as nothing else, and a maker's secret is no SIM, whatever the row says */
	assert_int_equal(k->ops->wrap(k, 1, (struct mst_view){ sealed.b, sealed.n }, MST_PURPOSE_KPM, IMSI, &out), MST_KEEPER_FORGED);
	assert_int_equal(mst_channel_seal(&local, c, MST_PURPOSE_KPM, &key, &sealed), 0);
	assert_int_equal(k->ops->wrap(k, 1, (struct mst_view){ sealed.b, sealed.n }, MST_PURPOSE_KPM, IMSI, &out), 0);
	a = leave(MST_AUTH_VECTOR, IMSI, BSF);
	assert_int_equal(k->ops->aka_vector(k, &a, &out, IMSI, 1, amf, hss.id, &(struct mst_vector){ .xres_n = 0 }), MST_KEEPER_FORGED);
}

static void auts_is_believed_when_genuine(void **state)
{
	struct aka_sim s = sim_of(AKA_TUAK, false);
	struct mst_authorisation a = leave(MST_AUTH_VECTOR, IMSI, BSF);
	uint8_t rnd[16] = { 1, 2, 3 }, auts[14];
	struct mst_wrapped w;
	uint64_t sqn = 0;

	(void)state;
	assert_int_equal(give_in(&s, &local, &w), 0);
	assert_int_equal(aka_auts_make(c, &s.keys, rnd, 0xff9bb4d0b607, auts), 0);
	assert_int_equal(k->ops->aka_resync(k, &a, &w, IMSI, rnd, auts, &sqn), 0);
	assert_true(sqn == 0xff9bb4d0b607);
	for (size_t i = 0; i < 8 * sizeof(auts); i++) {
		auts[i / 8] ^= (uint8_t)(1 << i % 8);
		sqn = 5;
		assert_int_equal(k->ops->aka_resync(k, &a, &w, IMSI, rnd, auts, &sqn), MST_KEEPER_FORGED);
		assert_int_equal(sqn, 5);
		auts[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	rnd[0] ^= 1;
	assert_int_equal(k->ops->aka_resync(k, &a, &w, IMSI, rnd, auts, &sqn), MST_KEEPER_FORGED);
	assert_int_equal(mst_keeper_local_counts(k).resyncs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(vectors_are_what_the_card_makes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_vectors_have_two_rand, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused_and_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_else_leaves_of_a_sim, set_up, tear_down),
		cmocka_unit_test_setup_teardown(auts_is_believed_when_genuine, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("keeper-aka", tests, NULL, NULL);
}
