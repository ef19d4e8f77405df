/* The engine's part of a new key-encryption key, over a real keeper and a real store: what a row of before, a failed commit or a restart cannot do. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/cm.h"

#include "base/text.h"
#include "server/engine-internal.h"

#define ID "KM1@maf.example.com"
#define OLD INT64_C(1700000000)

static char top[64], keeper_dir[96], url[96];
static struct mst_crypto *c;
static struct engine e;
static struct mst_conf conf;
static struct mst_key key;
static const struct mst_channel ch = { .id = 1, .key = { 7 } };

static void open_keeper(void)
{
	assert_int_equal(mst_keeper_local_open(keeper_dir, c, &e.keeper, NULL), 0);
	assert_int_equal(mst_keeper_local_channel(e.keeper, ch.id, ch.key, MST_DUTY__ALL), 0);
}

static struct mst_credential stored(void)
{
	struct mst_credential row;

	memset(&row, 0, sizeof(row));
	assert_int_equal(mst_store_cred_get(e.store, MST_ROLE_MAF, ID, &row), 0);
	return row;
}

/* As a handshake would have it. */
static int opens(struct mst_key *ret)
{
	const struct mst_authorisation a = { .what = MST_AUTH_RELEASE, .key_id = ID, .to = "urn:dev:ops:1" };
	struct mst_credential row = stored();
	struct mst_wrapped s;
	int r = e.keeper->ops->release(e.keeper, &a, &row.key, MST_PURPOSE_KPM, ID, MST_DERIVE_NONE, 0, "", ch.id, &s);

	return r ? r : mst_channel_open(&ch, c, MST_USE_HANDSHAKE, &s, ret);
}

static void still_opens(void)
{
	struct mst_key got;

	assert_int_equal(opens(&got), 0);
	assert_true(mst_ct_equal(mst_key_view(&got), mst_key_view(&key)));
}

static int set_up(void **state)
{
	struct mst_credential row = { .purpose = MST_PURPOSE_KPM, .expires = MST_NEVER };

	(void)state;
	c = mst_crypto_openssl();
	memset(&e, 0, sizeof(e));
	memset(&conf, 0, sizeof(conf));
	snprintf(top, sizeof(top), "/tmp/mst-rotate-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(keeper_dir, sizeof(keeper_dir), "%s/keeper", top);
	snprintf(url, sizeof(url), "sqlite:%s/muster.db", top);
	snprintf(conf.store, sizeof(conf.store), "%s", url);
	e.u.conf = &conf;
	e.u.started = true;
	e.u.log.fd = -1;
	assert_int_equal(mst_store_open(url, &e.store, NULL), 0);
	assert_int_equal(mst_keeper_create_files(keeper_dir, "muster test CA", OLD, c, NULL), 0);
	open_keeper();
	snprintf(row.key_id, sizeof(row.key_id), "%s", ID);
	assert_int_equal(e.keeper->ops->create(e.keeper, MST_PURPOSE_KPM, ID, &row.key), 0);
	assert_int_equal(mst_store_cred_put(e.store, MST_ROLE_MAF, &row, true), 0);
	assert_int_equal(opens(&key), 0);
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	e.keeper->ops->close(e.keeper);
	mst_store_close(e.store);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static struct mst_keeper_generations generations(void)
{
	struct mst_keeper_generations g;

	assert_int_equal(e.keeper->ops->generations(e.keeper, &g), 0);
	return g;
}

static struct mst_rotation place(void)
{
	struct mst_rotation z = { .generation = 0 };

	assert_true(mst_store_rotation_get(e.store, &z) >= 0);
	return z;
}

/* As often as its timer and its clock would have it in an hour. */
static void turns(void)
{
	for (int i = 0; i < 50; i++)
		engine_rotate(&e);
}

/*
 * The keeper's directory is of before a rotation that the store remembers as done, and the next one has the number of that. Its begin is in the keeper, and was
 * not committed: the row of before says "done", of another key. Until every row was seen the key that opens them stays.
 */
static void a_row_of_another_key_of_that_number(void **state)
{
	const struct mst_rotation done = { .generation = 2, .part = MST_WRAPPED__COUNT, .rows = 1, .changed = 1, .begun = OLD };
	struct mst_credential row;
	uint32_t gen;

	(void)state;
	assert_int_equal(mst_store_rotation_put(e.store, &done), 0);
	assert_int_equal(e.keeper->ops->rotate(e.keeper, &gen), 0);
	assert_int_equal(gen, done.generation);
	turns();
	still_opens();
	assert_int_equal(generations().before, 0);
	row = stored();
	assert_int_equal(mst_wrapped_generation(&row.key), 2);
	assert_true(place().changed == 1 && place().begun > OLD);
}

static struct mst_wrapped of_before;

/* With a server of databases: every key is wrapped anew, and the key of before is there. */
static void begin_on_a_server(void)
{
	uint32_t gen;

	snprintf(conf.store, sizeof(conf.store), "postgresql:dbname=muster user=muster");
	conf.keeper_wait = 3600;
	of_before = stored().key;
	assert_int_equal(e.keeper->ops->rotate(e.keeper, &gen), 0);
	turns();
	assert_true(place().part == MST_WRAPPED__COUNT && place().changed == 1);
	assert_int_equal(generations().before, 1);
	still_opens();
}

/* The time has come. */
static void later(void)
{
	struct mst_rotation z = place();

	assert_true(z.kept_until > time(NULL) + 3590 && z.kept_until <= time(NULL) + 3600);
	/* nobody has looked at the rows since */
	assert_true(e.rotate_looked != z.kept_until);
	z.kept_until = time(NULL);
	assert_int_equal(mst_store_rotation_put(e.store, &z), 0);
}

/* A standby takes over that has not all yet; what the daemon remembers is of the other one. */
static void falls_back(const struct mst_rotation *z)
{
	struct mst_credential row = stored();

	row.key = of_before;
	assert_int_equal(mst_store_cred_put(e.store, MST_ROLE_MAF, &row, false), 0);
	if (z)
		assert_int_equal(mst_store_rotation_put(e.store, z), 0);
}

static void a_standby_lags(void **state)
{
	(void)state;
	begin_on_a_server();
	turns();
	assert_int_equal(generations().before, 1);
	/* it takes over within the wait, or at its end */
	falls_back(NULL);
	later();
	turns();
	assert_int_equal(generations().before, 1);
	assert_true(place().part == MST_WRAPPED__COUNT && place().changed == 2);
	still_opens();
	/* and with the place of the middle of the pass */
	falls_back(&(struct mst_rotation){ .generation = 2, .begun = OLD });
	turns();
	still_opens();
	assert_int_equal(generations().before, 1);
	/* nothing of the sort: the look finds nothing, and the key goes */
	later();
	turns();
	assert_int_equal(generations().before, 0);
	still_opens();
	assert_int_equal(opens(&(struct mst_key){ .n = 0 }), 0);
}

/* The look is one over all rows, also when the power goes in the middle of it; and what was found before it is not forgotten. */
static void the_look_is_whole(void **state)
{
	struct mst_rotation z;

	(void)state;
	begin_on_a_server();
	later();
	engine_rotate(&e);                       /* the first of five pieces */
	z = place();
	assert_true(z.part == 1 && z.rows == 1 && generations().before == 1);
	e.rotate_looked = 0;
	turns();
	assert_int_equal(generations().before, 0);
	still_opens();
}

/* A file has no standby, and who says 0 wants none. */
static void nothing_to_wait_for(void **state)
{
	uint32_t gen;

	(void)state;
	conf.keeper_wait = 3600;
	assert_int_equal(e.keeper->ops->rotate(e.keeper, &gen), 0);
	turns();
	assert_int_equal(generations().before, 0);
	snprintf(conf.store, sizeof(conf.store), "postgresql:dbname=muster user=muster");
	conf.keeper_wait = 0;
	assert_int_equal(e.keeper->ops->rotate(e.keeper, &gen), 0);
	turns();
	assert_int_equal(generations().before, 0);
	still_opens();
}

/* Given up once, seen again: it holds nothing up. One more does. */
static void what_was_given_up(void **state)
{
	struct mst_credential row = stored();
	struct mst_rotation z;

	(void)state;
	snprintf(row.key_id, sizeof(row.key_id), "%s", "KM2@maf.example.com");
	row.key.b[row.key.n - 1] ^= 1;
	assert_int_equal(mst_store_cred_put(e.store, MST_ROLE_MAF, &row, true), 0);
	begin_on_a_server();
	z = place();
	assert_true(z.bad == 1 && !z.kept_until);
	z.given_up = z.bad;
	z.bad = 0;
	assert_int_equal(mst_store_rotation_put(e.store, &z), 0);
	turns();
	assert_true(place().bad == 0 && place().kept_until && generations().before == 1);
	snprintf(row.key_id, sizeof(row.key_id), "%s", "KM3@maf.example.com");
	assert_int_equal(mst_store_cred_put(e.store, MST_ROLE_MAF, &row, true), 0);
	later();
	turns();
	z = place();
	assert_true(z.bad == 2 && generations().before == 1);
	z.given_up = z.bad;
	z.bad = 0;
	assert_int_equal(mst_store_rotation_put(e.store, &z), 0);
	turns();
	assert_int_equal(generations().before, 0);
	still_opens();
}

#define BSF "bsf.example.com"

/* A challenge of GBA whose vector is bound to the B-TID that it has at this BSF. */
static void add_challenge(const char *bsf, uint8_t nth, char ret_nonce[GBA_NONCE_TEXT])
{
	static struct mst_gba_run run;
	uint8_t raw[GBA_RAND + GBA_AUTN] = { nth };
	char btid[MST_ID_MAX];
	struct mst_writer w = mst_writer_of(btid, sizeof(btid)), nonce = mst_writer_of(run.run.nonce, sizeof(run.run.nonce));
	const struct mst_key vector = { .n = 40, .b = { nth } };
	struct mst_wrapped sealed;

	memset(&run, 0, sizeof(run));
	mst_put_base64(&w, (struct mst_view){ raw, GBA_RAND });
	mst_put_str(&w, "@");
	mst_put_str(&w, bsf);
	mst_put_nul(&w);
	mst_put_base64(&nonce, (struct mst_view){ raw, sizeof(raw) });
	mst_put_nul(&nonce);
	assert_true(w.ok && nonce.ok);
	memcpy(run.run.rnd, raw, GBA_RAND);
	run.run.until = MST_NEVER;
	assert_int_equal(mst_channel_seal(&ch, c, MST_PURPOSE_AV, &vector, &sealed), 0);
	assert_int_equal(e.keeper->ops->wrap(e.keeper, ch.id, (struct mst_view){ sealed.b, sealed.n }, MST_PURPOSE_AV, btid, &run.av), 0);
	assert_int_equal(mst_store_gba_run_insert(e.store, &run), 0);
	memcpy(ret_nonce, run.run.nonce, GBA_NONCE_TEXT);
}

static uint32_t generation_of(const char *nonce)
{
	static struct mst_gba_run run;

	assert_int_equal(mst_store_gba_run_get(e.store, nonce, &run), 0);
	return mst_wrapped_generation(&run.av);
}

/* A challenge that nobody can answer any more is no loss: its BSF has another name by now, or is not played here. One that can be answered is wrapped anew. */
static void challenges_of_no_bsf(void **state)
{
	struct mst_role_conf bsf;
	char renamed[GBA_NONCE_TEXT], ours[GBA_NONCE_TEXT];
	uint32_t gen;

	(void)state;
	memset(&bsf, 0, sizeof(bsf));
	snprintf(bsf.fqdn, sizeof(bsf.fqdn), "%s", BSF);
	add_challenge("bsf.before.example.com", 1, renamed);
	add_challenge(BSF, 2, ours);
	e.role_conf[MST_ROLE_BSF] = &bsf;
	assert_int_equal(e.keeper->ops->rotate(e.keeper, &gen), 0);
	turns();
	assert_true(place().part == MST_WRAPPED__COUNT && place().rows == 3 && place().changed == 2);
	assert_int_equal(place().bad, 0);
	assert_int_equal(generations().before, 0);
	assert_true(generation_of(renamed) == 1 && generation_of(ours) == 2);
	e.role_conf[MST_ROLE_BSF] = NULL;
	assert_int_equal(e.keeper->ops->rotate(e.keeper, &gen), 0);
	turns();
	assert_int_equal(place().bad, 0);
	assert_int_equal(generations().before, 0);
	assert_int_equal(generation_of(ours), 2);
	still_opens();
}

/* Whatever somebody does to the file while the daemon does not run. */
static void by_other_hands(const char *sql)
{
	sqlite3 *db;

	mst_store_close(e.store);
	assert_int_equal(sqlite3_open(url + strlen("sqlite:"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(mst_store_open(url, &e.store, NULL), 0);
}

static int count_old(void *arg, const struct mst_wrapped_row *r)
{
	*(size_t *)arg += mst_wrapped_generation(&r->key) == 1;
	return 0;
}

static size_t old_rows(void)
{
	size_t n = 0;

	assert_int_equal(mst_store_wrapped_list(e.store, MST_WRAPPED_CREDENTIAL, 0, 0, count_old, &n), 0);
	return n;
}

static void add_credentials(int from, int to)
{
	for (int i = from; i < to; i++) {
		struct mst_credential row = { .purpose = MST_PURPOSE_KPM, .expires = MST_NEVER };

		snprintf(row.key_id, sizeof(row.key_id), "KM-%d@maf.example.com", i);
		assert_int_equal(e.keeper->ops->create(e.keeper, MST_PURPOSE_KPM, row.key_id, &row.key), 0);
		assert_int_equal(mst_store_cred_put(e.store, MST_ROLE_MAF, &row, true), 0);
	}
}

/*
 * A rotation is cut, and the rows have other numbers when it goes on, as after .dump and reading that in: its place passes rows over. The old key goes when no row
 * needs it any more.
 */
static void rows_have_other_numbers(void **state)
{
	uint32_t gen;

	(void)state;
	add_credentials(0, 299);
	by_other_hands("UPDATE credential SET rowid = rowid + 1000");
	assert_int_equal(e.keeper->ops->rotate(e.keeper, &gen), 0);
	engine_rotate(&e);
	assert_true(place().part == 0 && place().changed > 0 && place().changed < 300);
	by_other_hands("UPDATE credential SET rowid = rowid - 1000");
	assert_true(old_rows() > 0);
	turns();
	assert_int_equal(old_rows(), 0);
	assert_int_equal(place().changed, 300);
	assert_int_equal(place().bad, 0);
	assert_int_equal(generations().before, 0);
	still_opens();
}

/* The power went when the pass was through, and there is a key of before all the same; the one that nobody can open was given up. */
static void found_at_the_end(void **state)
{
	struct mst_rotation z = { .part = MST_WRAPPED__COUNT, .begun = OLD, .given_up = 1, .stays = 1 };
	struct mst_credential row = stored();
	struct mst_keeper_generations g;
	uint32_t gen;

	(void)state;
	snprintf(row.key_id, sizeof(row.key_id), "%s", "KM2@maf.example.com");
	row.key.b[row.key.n - 1] ^= 1;
	assert_int_equal(mst_store_cred_put(e.store, MST_ROLE_MAF, &row, true), 0);
	assert_int_equal(e.keeper->ops->rotate(e.keeper, &gen), 0);
	g = generations();
	z.generation = g.now;
	memcpy(z.mark, g.mark, sizeof(z.mark));
	assert_int_equal(mst_store_rotation_put(e.store, &z), 0);
	turns();
	still_opens();
	assert_true(place().changed == 1 && place().stays == 1 && old_rows() == 1);
	assert_int_equal(generations().before, 0);
}

/* One that no pass ever sees: the key stays, and nobody looks all the time. */
static void never_seen(void **state)
{
	uint32_t gen;

	(void)state;
	by_other_hands("UPDATE credential SET rowid = -1");
	assert_int_equal(e.keeper->ops->rotate(e.keeper, &gen), 0);
	turns();
	assert_int_equal(generations().before, 1);
	assert_true(e.rotate_at > mst_now_ms());
	by_other_hands("UPDATE credential SET rowid = 1");
	e.rotate_at = 0;
	turns();
	assert_int_equal(generations().before, 0);
	still_opens();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = { T(a_row_of_another_key_of_that_number), T(a_standby_lags), T(the_look_is_whole), T(nothing_to_wait_for),
					    T(what_was_given_up), T(challenges_of_no_bsf), T(rows_have_other_numbers), T(found_at_the_end), T(never_seen) };

	return cmocka_run_group_tests_name("rotate", tests, NULL, NULL);
}
