/* Revoking certificates of our own CA, and the list that the keeper signs of them. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "crypto/pki.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"

static struct {
	char dir[64], pem[4096], old_pem[4096], foreign_pem[4096], serial[64];
	struct mst_store *s;
	struct mst_keeper *k;
	mst_time now;
	uint8_t ca[MST_CERT_MAX];
	size_t n_ca;
	bool revoked;
} t;

static uint8_t answer_room[MST_ANSWER_MAX];

static int sign(struct mst_signer *s, struct mst_view tbs, uint8_t *out, size_t cap, size_t *ret_n)
{
	struct mst_authorisation a = { .what = MST_AUTH_SIGN, .key_id = "mef.example.com", .to = "test" };

	(void)s;
	return t.k->ops->sign(t.k, &a, tbs, out, cap, ret_n);
}

/* A server's certificate, PEM; `foreign` by a CA of its own name and key. */
static void certify(char pem[4096], bool foreign, mst_time until)
{
	static struct mst_cert_info info;
	struct mst_cert_spec spec = { .role = MST_CERT_BOTH, .common_name = "mef.example.com", .n_san = 1,
		.san = { { MST_ID_FQDN, "mef.example.com" } }, .not_before = t.now - 1000, .not_after = until };
	struct mst_signer ours = { .sign_tbs = sign };
	struct mst_local_signer theirs = { 0 };
	uint8_t key[MST_PKEY_MAX], spki[1024], der[MST_CERT_MAX];
	struct mst_writer w = mst_writer_of(pem, 4096);
	size_t n_key, n_spki, n;

	assert_int_equal(mst_pkey_generate(key, sizeof(key), &n_key), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ key, n_key }, spki, sizeof(spki), &n_spki), 0);
	if (foreign)
		assert_int_equal(mst_local_signer_init(&theirs, (struct mst_view){ key, n_key }), 0);
	assert_int_equal(mst_cert_issue(mst_crypto_openssl(), foreign ? &theirs.signer : &ours,
					foreign ? MST_VIEW_NONE : (struct mst_view){ t.ca, t.n_ca }, (struct mst_view){ spki, n_spki },
					&spec, der, sizeof(der), &n), 0);
	if (foreign)
		mst_local_signer_deinit(&theirs);
	assert_int_equal(mst_cert_info((struct mst_view){ der, n }, &info, NULL), 0);
	if (!t.serial[0])
		memcpy(t.serial, info.serial, sizeof(t.serial));
	mst_pem_put(&w, "CERTIFICATE", (struct mst_view){ der, n });
	mst_put_nul(&w);
	assert_true(w.ok);
}

static int up(void **state)
{
	char path[128];

	(void)state;
	memset(&t, 0, sizeof(t));
	t.now = (mst_time)time(NULL);
	strcpy(t.dir, "/tmp/mst-certs-XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	snprintf(path, sizeof(path), "%s/keeper", t.dir);
	assert_int_equal(mst_keeper_create_files(path, "test", t.now - 2000, mst_crypto_openssl(), NULL), 0);
	assert_int_equal(mst_keeper_local_open(path, mst_crypto_openssl(), &t.k, NULL), 0);
	assert_int_equal(t.k->ops->ca_cert(t.k, t.ca, sizeof(t.ca), &t.n_ca), 0);
	snprintf(path, sizeof(path), "sqlite:%s/t.db", t.dir);
	assert_int_equal(mst_store_open(path, &t.s, NULL), 0);
	certify(t.pem, false, t.now + 5000);
	certify(t.old_pem, false, t.now - 10);
	certify(t.foreign_pem, true, t.now + 5000);
	return 0;
}

static int down(void **state)
{
	static const char *const names[] = { "t.db", "t.db-wal", "t.db-shm", "keeper/kek.key", "keeper/ca.key", "keeper/ca.pem", "keeper", "" };
	char path[128];

	(void)state;
	mst_store_close(t.s);
	t.k->ops->close(t.k);
	for (size_t i = 0; i < MST_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", t.dir, names[i]);
		(void)remove(path);
	}
	return 0;
}

static struct mst_role_env env_now(void)
{
	return (struct mst_role_env){ .store = t.s, .keeper = t.k, .crypto = mst_crypto_openssl(), .now = t.now };
}

/* The answer's text; *ret_rsc is its code. */
static const char *do_revoke(json_t *body, int *ret_rsc)
{
	struct mst_role_env env = env_now();
	char *text = json_dumps(body, 0);
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .peer = { .how = MST_AUTH_LOCAL, .uid = geteuid() },
		.request = { .op = MST_OP_CREATE, .to = MST_VIEW_LIT("/v1/certificates/revoke"), .content = mst_view_str(text) } };
	struct mst_answer a = { .content = mst_writer_of(answer_room, sizeof(answer_room)) };

	assert_int_equal(mst_store_begin(t.s), 0);
	assert_int_equal(mst_role_admin.handle(&env, &x, &a), 0);
	assert_int_equal(mst_store_commit(t.s), 0);
	free(text);
	json_decref(body);
	mst_put_nul(&a.content);
	*ret_rsc = a.rsc;
	t.revoked = a.revoked;
	return (const char *)answer_room;
}

static struct mst_crl_info list(int64_t number)
{
	static uint8_t der[MST_CRL_MAX];
	struct mst_role_env env = env_now();
	struct mst_list l = { .number = number, .lifetime = 600, .der = der, .cap = sizeof(der) };
	struct mst_crl_info i;

	assert_int_equal(mst_store_begin(t.s), 0);
	assert_int_equal(mst_role_admin.list(&env, &l), 0);
	assert_int_equal(mst_store_commit(t.s), 0);
	assert_int_equal(mst_crl_info((struct mst_view){ der, l.n }, (struct mst_view){ t.ca, t.n_ca }, &i), 0);
	assert_true(i.signed_by && i.number == number && i.this_update == l.made && i.next_update == l.until);
	assert_true(l.made <= t.now && l.until == t.now + 600);
	return i;
}

static void revoked_once(void **state)
{
	const char *said;
	uint64_t before, after;
	int rsc;

	(void)state;
	assert_int_equal(list(1).n, 0);
	said = do_revoke(json_pack("{s:s, s:i}", "certificate", t.pem, "reason", 4), &rsc);
	assert_int_equal(rsc, 2000);
	assert_non_null(strstr(said, t.serial));
	assert_non_null(strstr(said, "\"subject\":\"mef.example.com\""));
	assert_true(t.revoked);
	assert_int_equal(list(2).n, 1);
	/* lesson 10: again is no error, changes nothing, and makes no new list */
	assert_int_equal(mst_store_event_last(t.s, &before), 0);
	said = do_revoke(json_pack("{s:s, s:i}", "certificate", t.pem, "reason", 1), &rsc);
	assert_true(rsc == 2000 && strstr(said, "\"reason\":4") && !t.revoked);
	assert_int_equal(mst_store_event_last(t.s, &after), 0);
	assert_int_equal(before, after);
	/* what has expired leaves the list */
	t.now += 6000;
	assert_int_equal(list(3).n, 0);
	t.now -= 6000;
}

static void refusals(void **state)
{
	const struct { const char *pem; int reason, rsc; const char *part; } row[] = {
		{ t.old_pem, 0, 4105, "expired" }, { t.foreign_pem, 0, 4000, "not signed by this installation's CA" },
		{ "", 0, 4000, "a certificate, PEM" }, { "nonsense", 0, 4000, "expected one certificate" },
		{ t.pem, 6, 4000, "a reason of RFC 5280" }, { t.pem, 7, 4000, "a reason of RFC 5280" },
		{ t.pem, -1, 4000, "a reason of RFC 5280" },
	};
	const char *said;
	int rsc;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		said = do_revoke(json_pack("{s:s, s:i}", "certificate", row[i].pem, "reason", row[i].reason), &rsc);
		if (rsc != row[i].rsc || !strstr(said, row[i].part) || t.revoked)
			fail_msg("row %zu: %d %s", i, rsc, said);
	}
	said = do_revoke(json_pack("{s:s, s:i}", "certificate", t.pem, "serial", 1), &rsc);
	assert_true(rsc == 4000 && strstr(said, "unknown member"));
	assert_int_equal(list(4).n, 1);
}

/* As many as are promised fit into one signature of the keeper; one more is refused before it is too late. */
static void a_full_list(void **state)
{
	char other[4096];
	const char *said;
	int rsc;

	(void)state;
	assert_int_equal(mst_store_begin(t.s), 0);
	for (int i = 1; i < ADMIN_REVOKED_MAX; i++) {
		struct mst_cert_row r = { .issued = t.now, .expires = t.now + 5000, .revoked = t.now, .reason = 1 };

		snprintf(r.serial, sizeof(r.serial), "FFEEDDCCBBAA99887766554433%06X", (unsigned)i);
		snprintf(r.subject, sizeof(r.subject), "n%d", i);
		assert_int_equal(mst_store_cert_put(t.s, &r), 0);
	}
	assert_int_equal(mst_store_commit(t.s), 0);
	assert_int_equal(list(5).n, ADMIN_REVOKED_MAX);
	certify(other, false, t.now + 5000);
	said = do_revoke(json_pack("{s:s}", "certificate", other), &rsc);
	assert_true(rsc == 4105 && strstr(said, "full"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(revoked_once), cmocka_unit_test(refusals), cmocka_unit_test(a_full_list) };

	return cmocka_run_group_tests_name("certs", tests, up, down);
}
