/* Seals of the audit log: numbers rise, the last is kept over a restart, and nobody else's counts. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/pki.h"
#include "keeper/keeper.h"

#define NOW INT64_C(1800000000)

static struct mst_crypto *c;
static char top[64], dir[96];
static struct mst_keeper *k;

static int open_keeper(void **state)
{
	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", NOW, c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	return 0;
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

static void open_again(void)
{
	k->ops->close(k);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
}

/* Somebody stands for another log, at the local socket. */
static void stand(void)
{
	static const struct mst_channel local = { .id = 1, .key = { 1 } };
	static mst_time when = NOW;
	const struct mst_view request = MST_VIEW_LIT("POST /v1/events/accept\n{}");
	struct mst_wrapped said;

	when++;
	assert_int_equal(mst_keeper_local_channel(k, local.id, local.key, MST_DUTY_ADMIN), 0);
	assert_int_equal(mst_statement_make(&local, c, 1, when, request, &said), 0);
	assert_int_equal(k->ops->leave_own(k, &(struct mst_said){ local.id, { said.b, said.n }, request, when }), 0);
}

static void numbers_rise(void **state)
{
	static const struct { uint64_t seq; enum { NOT, ALONE, STOOD } anew; bool restart; int want; } row[] = {
		{ 0, NOT, false, MST_KEEPER_DENIED }, { 0, STOOD, false, MST_KEEPER_DENIED }, { 5, NOT, false, 0 },
		{ 5, NOT, false, MST_KEEPER_DENIED }, { 4, NOT, false, MST_KEEPER_DENIED }, { 5, NOT, true, MST_KEEPER_DENIED },
		{ 6, NOT, false, 0 }, { 2, ALONE, true, MST_KEEPER_LEAVE }, { 2, STOOD, false, 0 }, { 1, ALONE, false, MST_KEEPER_LEAVE },
		{ 2, NOT, true, MST_KEEPER_DENIED }, { 3, NOT, false, 0 }, { UINT64_MAX, STOOD, false, MST_KEEPER_DENIED },
	};
	struct mst_log_seal last;
	uint8_t ca[MST_CERT_MAX];
	uint64_t have = 0;
	size_t n;

	(void)state;
	assert_int_equal(k->ops->ca_cert(k, ca, sizeof(ca), &n), 0);
	assert_int_equal(k->ops->last_seal(k, &last), 0);
	assert_int_equal(last.seq, 0);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_log_seal s = { .seq = row[i].seq, .when = NOW + (mst_time)i };
		int got;

		memset(s.hash, (int)i, sizeof(s.hash));
		if (row[i].restart)
			open_again();
		if (row[i].anew == STOOD)
			stand();
		got = k->ops->seal_log(k, &s, row[i].anew != NOT);
		if (got != row[i].want)
			fail_msg("row %zu: %d", i, got);
		have = got ? have : s.seq;
		assert_int_equal(k->ops->last_seal(k, &last), 0);
		assert_int_equal(last.seq, have);
		if (got)
			continue;
		assert_memory_equal(&last, &s, sizeof(s));
		assert_int_equal(mst_log_seal_check(c, (struct mst_view){ ca, n }, &s), 0);
	}
}

/* As text and back; nothing else is one. */
static void texts(void **state)
{
	static const char *const bad[] = {
		"", "muster audit seal 1\n", "muster audit seal 2\nseq=1\nhash=%s\nat=1\nsignature=%s%s\n",
		"muster audit seal 1\nseq=01\nhash=%s\nat=1\nsignature=%s%s\n", "muster audit seal 1\nseq=0\nhash=%s\nat=1\nsignature=%s%s\n",
		"muster audit seal 1\nseq=-1\nhash=%s\nat=1\nsignature=%s%s\n", "muster audit seal 1\nseq=1\nhash=%s0\nat=1\nsignature=%s%s\n",
		"muster audit seal 1\nseq=1\nhash=%s\nat= 1\nsignature=%s%s\n", "muster audit seal 1\nseq=1\nhash=%s\nat=1\nsignature=%s%.62s\n",
		"muster audit seal 1\nseq=1\nhash=%s\nat=1\nsignature=%s%s", "muster audit seal 1\nseq=1\nhash=%s\nat=1\nsignature=%s%s\n\n",
	};
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
	struct mst_log_seal s = { .seq = 77, .when = NOW }, got;
	uint8_t text[MST_LOG_SEAL_TEXT];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	(void)state;
	memset(s.hash, 0xab, sizeof(s.hash));
	memset(s.sig, 0xcd, sizeof(s.sig));
	mst_log_seal_put(&w, &s, true);
	assert_true(w.ok && mst_log_seal_read(mst_written(&w), &got));
	assert_memory_equal(&s, &got, sizeof(s));
	for (size_t i = 0; i < w.n; i++) {
		text[i] ^= 0x20;
		if (mst_log_seal_read(mst_written(&w), &got) && !memcmp(&got, &s, sizeof(s)))
			fail_msg("octet %zu does not count", i);
		text[i] ^= 0x20;
	}
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		char one[600];

		/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
		_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
		snprintf(one, sizeof(one), bad[i], zeros, zeros, zeros);
		_Pragma("GCC diagnostic pop")
		if (mst_log_seal_read(mst_view_str(one), &got))
			fail_msg("row %zu is taken", i);
	}
}

/* A seal that is damaged, or of another keeper, stops the start: it is the proof of the log's end, not to be lost in silence. */
static void a_seal_that_is_not_ours(void **state)
{
	struct mst_log_seal s = { .seq = 9, .when = NOW };
	char path[128], other[128];
	struct mst_keeper *theirs, *none = NULL;
	struct mst_diag d = { 0 };
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/audit.seal", dir);
	snprintf(other, sizeof(other), "%s/other", top);
	assert_int_equal(k->ops->seal_log(k, &s, false), 0);
	assert_int_equal(mst_keeper_create_files(other, "muster test CA", NOW, c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(other, c, &theirs, NULL), 0);
	assert_int_equal(theirs->ops->seal_log(theirs, &s, false), 0);
	theirs->ops->close(theirs);
	k->ops->close(k);
	k = NULL;
	snprintf(other, sizeof(other), "%s/other/audit.seal", top);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &none, &d), MST_FAULT_CORRUPT);
	assert_string_equal(d.field[0] ? d.field : "audit.seal", "audit.seal");
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &none, &d), MST_FAULT_CORRUPT);
	assert_null(none);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, &d), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_keeper, close_keeper)
int main(void)
{
	const struct CMUnitTest tests[] = { T(numbers_rise), T(texts), T(a_seal_that_is_not_ours) };

	return cmocka_run_group_tests_name("keeper-log", tests, NULL, NULL);
}
