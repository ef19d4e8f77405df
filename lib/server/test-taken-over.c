/*
 * An engine that was taken over, with a listener that was not: what it may have the keeper seal, and what it then makes of the box. It has every
 * frame to itself and no channel's key.
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/aka/sim.h"
#include "server/listener-internal.h"

#define ID "id@mef.example.com"

static struct listener l;
static struct mst_keeper *k;
static struct mst_crypto *c;
static char top[64];

static const struct mst_role_ops role[] = { { .role = MST_ROLE_MEF }, { .role = MST_ROLE_MAF }, { .role = MST_ROLE_BBN }, { .role = MST_ROLE_HSS },
					    { .role = MST_ROLE_ZN }, { .role = MST_ROLE_ADMIN } };

static int up(void **state)
{
	char dir[96];

	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-taken-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", INT64_C(1800000000), c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	l.u.crypto = c;
	l.u.log.fd = -1;
	l.u.channel = (struct mst_channel){ .id = 4, .key = { 1, 2, 3 }, .duties = MST_DUTY__ALL };
	assert_int_equal(mst_keeper_local_channel(k, 4, l.u.channel.key, MST_DUTY__ALL), 0);
	return 0;
}

static int down(void **state)
{
	char cmd[96];

	(void)state;
	k->ops->close(k);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

/* What the store has. */
static struct mst_wrapped row(enum mst_key_purpose p)
{
	struct mst_key key = { .n = MST_KEY_LEN };
	struct mst_wrapped s, w;

	memset(key.b, 0x41, sizeof(key.b));
	assert_int_equal(mst_channel_seal(&l.u.channel, c, p, &key, &s), 0);
	assert_int_equal(k->ops->wrap(k, 4, (struct mst_view){ s.b, s.n }, p, ID, &w), 0);
	return w;
}

static struct mst_wrapped released(enum mst_key_purpose p)
{
	const struct mst_authorisation a = { .what = MST_AUTH_RELEASE, .key_id = ID, .to = "somebody" };
	struct mst_wrapped w = row(p), s;

	assert_int_equal(k->ops->release(k, &a, &w, p, ID, p == MST_PURPOSE_KE ? MST_DERIVE_KM : MST_DERIVE_NONE, 21, "maf.example.com", 4, &s), 0);
	return s;
}

/* Does the listener put it into the content of that role's answer? */
static bool in_answer(enum mst_role r, const struct mst_answer_frame *a)
{
	uint8_t room[512];
	struct mst_writer w = mst_writer_of(room, sizeof(room));
	struct mst_view v;

	for (size_t i = 0; i < MST_COUNT(role); i++)
		if (role[i].role == r)
			return listener_content(&l, &(struct slot){ .role = &role[i] }, a, &w, &v);
	fail();
	return false;
}

/* A key of a handshake is in no answer, as base64 or as hexadecimal text, whoever is answered. */
static void a_handshakes_key_is_in_no_answer(void **state)
{
	static const enum mst_key_purpose of[] = { MST_PURPOSE_KPM, MST_PURPOSE_KM };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(of); i++) {
		const struct mst_wrapped box = released(of[i]);
		struct mst_answer_frame a = { .rsc = 2000, .content = MST_VIEW_LIT("{}"), .has_key = true, .key = box, .at = 1 };
		struct mst_key key;

		for (size_t j = 0; j < MST_COUNT(role); j++)
			assert_false(in_answer(role[j].role, &a));
		a = (struct mst_answer_frame){ .rsc = 200, .content = MST_VIEW_LIT("{}"), .parcel = { box, { { 1, 0, 32 } }, 1 } };
		for (size_t j = 0; j < MST_COUNT(role); j++)
			assert_false(in_answer(role[j].role, &a));
		/* and it is good for what it is for */
		assert_int_equal(mst_channel_open(&l.u.channel, c, MST_USE_HANDSHAKE, &box, &key), 0);
		assert_int_equal(key.b[0], 0x41);
	}
}

/* What goes into an answer is in a oneM2M one, in no handshake, and not where an HSS or a BSF puts keys. */
static void an_answers_key_is_nowhere_else(void **state)
{
	static const enum mst_key_purpose of[] = { MST_PURPOSE_KE, MST_PURPOSE_KEYREG };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(of); i++) {
		const struct mst_wrapped box = released(of[i]);
		struct mst_answer_frame a = { .rsc = 2000, .content = MST_VIEW_LIT("{}"), .has_key = true, .key = box, .at = 1 };
		struct mst_key key;

		assert_true(in_answer(MST_ROLE_MEF, &a));
		a = (struct mst_answer_frame){ .rsc = 200, .content = MST_VIEW_LIT("{}"), .parcel = { box, { { 1, 0, 32 } }, 1 } };
		for (size_t j = 0; j < MST_COUNT(role); j++)
			assert_false(in_answer(role[j].role, &a));
		assert_int_equal(mst_channel_open(&l.u.channel, c, MST_USE_HANDSHAKE, &box, &key), MST_KEEPER_FORGED);
	}
}

/* What the listener made of a SIM's text that somebody gave in. */
static struct mst_wrapped of_a_sim(void)
{
	static const char before[] = "{\"sealed\":\"";
	char given[200], made[600];
	struct mst_writer g = mst_writer_of(given, sizeof(given)), m = mst_writer_of(made, sizeof(made));
	struct mst_wrapped s = { .n = 0 };
	struct aka_sim sim = { .keys.algorithm = AKA_MILENAGE };
	uint8_t key[16] = { 1 }, opc[16] = { 2 };
	struct mst_view v;
	size_t n;

	assert_int_equal(aka_keys_set(&sim.keys, AKA_MILENAGE, (struct mst_view){ key, 16 }, (struct mst_view){ opc, 16 }), 0);
	mst_put_str(&g, "{\"secret\":\"");
	aka_sim_write(&sim, &g);
	mst_put_str(&g, "\"}");
	assert_int_equal(listener_seal_sims(&l, mst_written(&g), &m, NULL), 0);
	mst_put_nul(&m);
	v = mst_view_str(strstr(made, before) + sizeof(before) - 1);
	assert_true(mst_base64_decode(mst_view_sub(v, 0, mst_view_find(v, '"')), s.b, sizeof(s.b), &n));
	s.n = (uint16_t)n;
	return s;
}

/* K and OPc of a SIM that is just given in are wrapped as a SIM's, of which only vectors leave, or not at all. */
static void a_sims_keys_are_nothing_else(void **state)
{
	const struct mst_wrapped box = of_a_sim();
	struct mst_wrapped w;

	(void)state;
	for (int p = MST_PURPOSE_NONE + 1; p < MST_PURPOSE__COUNT; p++) {
		int r = k->ops->wrap(k, 4, (struct mst_view){ box.b, box.n }, (enum mst_key_purpose)p, ID, &w);

		assert_int_equal(r, p == MST_PURPOSE_SIM ? 0 : p == MST_PURPOSE_KS ? MST_KEEPER_DENIED : MST_KEEPER_FORGED);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = { T(a_handshakes_key_is_in_no_answer), T(an_answers_key_is_nowhere_else), T(a_sims_keys_are_nothing_else) };

	return cmocka_run_group_tests_name("taken-over", tests, NULL, NULL);
}
