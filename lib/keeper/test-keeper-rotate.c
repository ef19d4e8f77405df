/* Generations of the key-encryption key: what is wrapped stays readable until it is wrapped anew, wherever the power goes. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "keeper/keeper.h"
#include "secenv/secenv.h"

#define NOW INT64_C(1800000000)
#define ID  "KM1@maf.example.com"

static struct mst_crypto *c;
static char top[64], dir[96];
static struct mst_keeper *k;
static const struct mst_channel ch = { .id = 1, .key = { 7 } };

static int open_it(struct mst_diag *d)
{
	int r = mst_keeper_local_open(dir, c, &k, d);

	if (!r)
		assert_int_equal(mst_keeper_local_channel(k, ch.id, ch.key, MST_DUTY__ALL), 0);
	return r;
}

static int open_keeper(void **state)
{
	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", NOW, c, NULL), 0);
	return open_it(NULL);
}

static int close_keeper(void **state)
{
	char cmd[128];

	(void)state;
	if (k)
		k->ops->close(k);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static void shut(void)
{
	k->ops->close(k);
	k = NULL;
}

static void sh(const char *line)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "cd %s && %s", dir, line);
	assert_int_equal(system(cmd), 0);
}

static struct mst_wrapped made(void)
{
	struct mst_wrapped w;

	assert_int_equal(k->ops->create(k, MST_PURPOSE_KPM, ID, &w), 0);
	return w;
}

/* The key itself, or the outcome. */
static int opened(const struct mst_wrapped *w, struct mst_key *ret)
{
	const struct mst_authorisation a = { .what = MST_AUTH_RELEASE, .key_id = ID, .to = "urn:dev:ops:1" };
	struct mst_wrapped s;
	int r = k->ops->release(k, &a, w, MST_PURPOSE_KPM, ID, MST_DERIVE_NONE, 0, "", ch.id, &s);

	return r ? r : mst_channel_open(&ch, c, MST_USE_HANDSHAKE, &s, ret);
}

static void same_key(const struct mst_wrapped *w, const struct mst_key *want)
{
	struct mst_key got;

	assert_int_equal(opened(w, &got), 0);
	assert_true(mst_ct_equal(mst_key_view(&got), mst_key_view(want)));
}

static void generations_are(uint32_t now, uint32_t before)
{
	struct mst_keeper_generations g;

	assert_int_equal(k->ops->generations(k, &g), 0);
	assert_int_equal(g.now, now);
	assert_int_equal(g.before, before);
}

static void a_rotation(void **state)
{
	struct mst_wrapped old = made(), fresh, again, forged;
	uint8_t head[MST_WRAPPED_HEAD];
	struct mst_key key;
	uint32_t gen = 0;

	(void)state;
	generations_are(1, 0);
	assert_int_equal(mst_wrapped_generation(&old), 1);
	assert_int_equal(opened(&old, &key), 0);
	assert_int_equal(mst_wrapped_octets(&old), key.n);
	forged = old;
	forged.b[0] = 1;                       /* as the first version would have it */
	assert_int_equal(mst_wrapped_octets(&forged), key.n + 2);
	forged.n = 1 + MST_BOX_OVERHEAD;
	assert_int_equal(mst_wrapped_octets(&forged), 0);
	/* nothing rotates: nothing to wrap anew, nothing to destroy; but what is ours is told from what is not */
	assert_int_equal(k->ops->rewrap(k, &old, MST_PURPOSE_KPM, ID, &again), MST_KEEPER_SAME);
	forged = old;
	forged.b[forged.n - 1] ^= 1;
	assert_int_equal(k->ops->rewrap(k, &forged, MST_PURPOSE_KPM, ID, &again), MST_KEEPER_FORGED);
	forged = old;
	forged.b[2] = 7;
	assert_int_equal(k->ops->rewrap(k, &forged, MST_PURPOSE_KPM, ID, &again), MST_KEEPER_FORGED);
	assert_int_equal(k->ops->retire(k, 1), MST_KEEPER_DENIED);
	for (int turn = 0; turn < 2; turn++) {
		uint32_t was = (uint32_t)turn + 1;

		assert_int_equal(k->ops->rotate(k, &gen), 0);
		assert_int_equal(gen, was + 1);
		assert_int_equal(k->ops->rotate(k, &gen), MST_KEEPER_DENIED);
		fresh = made();
		assert_int_equal(mst_wrapped_generation(&fresh), was + 1);
		mst_wrapped_head(was + 1, head);
		assert_true(!memcmp(fresh.b, head, sizeof(head)) && memcmp(old.b, head, sizeof(head)));
		for (int restart = 0; restart < 2; restart++) {
			generations_are(was + 1, was);
			same_key(&old, &key);
			assert_int_equal(k->ops->rewrap(k, &fresh, MST_PURPOSE_KPM, ID, &again), MST_KEEPER_SAME);
			assert_int_equal(k->ops->rewrap(k, &old, MST_PURPOSE_KPM, "another", &again), MST_KEEPER_FORGED);
			assert_int_equal(k->ops->rewrap(k, &old, MST_PURPOSE_KM, ID, &again), MST_KEEPER_FORGED);
			assert_int_equal(k->ops->rewrap(k, &old, MST_PURPOSE_NONE, ID, &again), MST_KEEPER_DENIED);
			assert_int_equal(k->ops->rewrap(k, &old, MST_PURPOSE_KPM, "", &again), MST_KEEPER_DENIED);
			assert_int_equal(k->ops->rewrap(k, &old, MST_PURPOSE_KPM, ID, &again), 0);
			assert_int_equal(mst_wrapped_generation(&again), was + 1);
			same_key(&again, &key);
			/* a generation is bound into what it wrapped */
			forged = old;
			forged.b[2] = (uint8_t)(was + 1);
			assert_int_equal(opened(&forged, &(struct mst_key){ .n = 0 }), MST_KEEPER_FORGED);
			shut();
			assert_int_equal(open_it(NULL), 0);
		}
		assert_int_equal(k->ops->retire(k, was + 1), MST_KEEPER_DENIED);
		assert_int_equal(k->ops->retire(k, was), 0);
		assert_int_equal(k->ops->retire(k, was), MST_KEEPER_DENIED);
		for (int restart = 0; restart < 2; restart++) {
			generations_are(was + 1, 0);
			assert_int_equal(opened(&old, &(struct mst_key){ .n = 0 }), MST_KEEPER_FORGED);
			same_key(&again, &key);
			shut();
			assert_int_equal(open_it(NULL), 0);
		}
		old = again;
	}
	sh("test ! -e kek.key && test ! -e kek-2.key && test $(stat -c %s.%a kek-3.key) = 32.600");
}

/* The power went behind the new generation, before or behind the CA's key was sealed by it; or while a file was written. */
static void the_power_goes(void **state)
{
	struct mst_wrapped old = made();
	struct mst_key key;
	uint32_t gen;

	(void)state;
	assert_int_equal(opened(&old, &key), 0);
	sh("cp -p ca.key old && printf half >kek-2.key.new && printf half >ca.key.new");
	assert_int_equal(k->ops->rotate(k, &gen), 0);
	shut();
	sh("cp -p old ca.key && rm old && cp -a . ../changed");
	/* who only looks has all the keys, and writes nothing: he may be somebody else */
	assert_int_equal(mst_keeper_local_open_with(dir, &(struct mst_keeper_device){ .kind = MST_SECENV_FILE }, c, &k, NULL), 0);
	assert_int_equal(mst_keeper_local_channel(k, ch.id, ch.key, MST_DUTY__ALL), 0);
	same_key(&old, &key);
	shut();
	sh("diff -r . ../changed");
	assert_int_equal(open_it(NULL), 0);
	sh("! cmp -s ca.key ../changed/ca.key");
	generations_are(2, 1);
	same_key(&old, &key);
	/* now it is the new one's: the old one may go */
	assert_int_equal(k->ops->retire(k, 1), 0);
	shut();
	assert_int_equal(open_it(NULL), 0);
	generations_are(2, 0);
}

/* What is not the right directory ends the start in words, and is as it was. */
static void directories_that_do_not_fit(void **state)
{
	static const struct { const char *change; int want; const char *words; } row[] = {
		{ "head -c 32 /dev/urandom >kek.key", MST_FAULT_CORRUPT, "sealed with another kek.key" },
		{ "head -c 31 /dev/urandom >kek.key", MST_FAULT_CORRUPT, "not a key of 32 octets" },
		{ "rm kek.key", MST_FAULT_CONFIG, "missing" },
		{ "mv kek.key kek-02.key", MST_FAULT_CONFIG, "missing" },
		{ "mv kek.key kek-1.key", MST_FAULT_CONFIG, "missing" },
		{ "mv kek.key kek-2.key; head -c 32 /dev/urandom >kek-2.key", MST_FAULT_CORRUPT, "another kek.key" },
		{ "cp -p kek.key kek-2.key; cp -p kek.key kek-3.key", MST_FAULT_CONFIG, "more than two generations" },
		{ "chmod 640 kek.key", MST_FAULT_CONFIG, "mode 0600 is right" },
		{ "printf x >>ca.key", MST_FAULT_CORRUPT, "damaged" },
	};

	(void)state;
	shut();
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_diag d = { 0 };
		int r;

		sh("rm -rf ../kept ../changed && cp -a . ../kept");
		sh(row[i].change);
		sh("cp -a . ../changed");
		r = open_it(&d);
		if (r != row[i].want || !strstr(d.text, row[i].words))
			fail_msg("%s: %d, %s", row[i].change, r, d.text);
		sh("diff -r . ../changed && rm -f * && cp -a ../kept/. .");
	}
	assert_int_equal(open_it(NULL), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_keeper, close_keeper)
int main(void)
{
	const struct CMUnitTest tests[] = { T(a_rotation), T(the_power_goes), T(directories_that_do_not_fit) };

	return cmocka_run_group_tests_name("keeper-rotate", tests, NULL, NULL);
}
