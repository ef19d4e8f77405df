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
	bool revoked, seen;
} t;

static int saw(void *arg, const struct mst_event *e)
{
	t.seen = t.seen || !strcmp(e->what, *(const char **)arg);
	return 0;
}

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
	mst_keeper_local_certifies(t.k, &(struct mst_keeper_certifies){ .servers = true });
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

static void put_revoked(unsigned from, unsigned to, mst_time until, int64_t node)
{
	assert_int_equal(mst_store_begin(t.s), 0);
	for (unsigned i = from; i < to; i++) {
		struct mst_cert_row r = { .issued = t.now, .expires = until, .revoked = t.now, .reason = 1, .node = node };

		snprintf(r.serial, sizeof(r.serial), "FFEEDDCCBBAA99887766554433%06X", i);
		snprintf(r.subject, sizeof(r.subject), "n%u", i);
		assert_int_equal(mst_store_cert_put(t.s, &r), 0);
	}
	assert_int_equal(mst_store_commit(t.s), 0);
}

static bool last_event_is(const char *what)
{
	struct mst_event_filter filter = { .limit = 1 };
	uint64_t last;

	assert_int_equal(mst_store_event_last(t.s, &last), 0);
	filter.after = last - 1;
	t.seen = false;
	assert_int_equal(mst_store_event_list(t.s, &filter, saw, &what), 0);
	return t.seen;
}

/* As many as are promised fit into one signature of the keeper; one more is revoked all the same, and told. */
static void a_full_list(void **state)
{
	static struct mst_cert_info info;
	struct mst_role_env env = env_now();
	struct admin_revoked count;
	struct mst_cert_row row;
	uint8_t der[MST_CERT_MAX];
	char other[4096];
	size_t at = 0, n = 0;
	int rsc;

	(void)state;
	put_revoked(1, ADMIN_REVOKED_MAX, t.now + 5000, 0);
	assert_int_equal(list(5).n, ADMIN_REVOKED_MAX);
	assert_false(last_event_is("certificate.unlisted"));
	certify(other, false, t.now + 5000);
	t.now++;
	(void)do_revoke(json_pack("{s:s}", "certificate", other), &rsc);
	assert_int_equal(rsc, 2000);
	assert_true(last_event_is("certificate.unlisted"));
	assert_int_equal(mst_pem_next(mst_view_str(other), &at, "CERTIFICATE", der, sizeof(der), &n, NULL), 0);
	assert_int_equal(mst_cert_info((struct mst_view){ der, n }, &info, NULL), 0);
	assert_int_equal(mst_store_cert_get(t.s, info.serial, &row), 0);
	assert_int_equal(row.revoked, t.now);
	assert_int_equal(list(6).n, ADMIN_REVOKED_MAX);
	assert_int_equal(admin_revoked_count(&env, info.serial, &count), 0);
	assert_true(count.listed == ADMIN_REVOKED_MAX && count.unlisted == 1 && !count.has);
}

/* Providers with people of their own have equal shares, and the installation what they cannot have. */
static void shares(void **state)
{
	static struct mst_role_conf conf;
	struct admin_listing l = { .n = 0 };
	size_t a = 0, b = 0, ours = 0;

	(void)state;
	conf.n_provider = 3;
	strcpy(conf.provider[0].sp, "a.example.com");
	strcpy(conf.provider[1].sp, "A.example.com");        /* two of its people */
	strcpy(conf.provider[2].sp, "b.example.com");
	while (admin_decide_listed(&l, &conf, "a.example.com"))
		a++;
	assert_int_equal(a, 400);
	while (admin_decide_listed(&l, &conf, "b.example.com"))
		b++;
	assert_int_equal(b, 400);
	while (admin_decide_listed(&l, &conf, ours % 2 ? "" : "c.example.com"))
		ours++;
	assert_int_equal(ours, ADMIN_REVOKED_OURS);
	/* the installation's own are bound by the whole alone, and so is everybody where no provider has people */
	memset(&l, 0, sizeof(l));
	for (ours = 0; admin_decide_listed(&l, &conf, ""); ours++)
		;
	assert_int_equal(ours, ADMIN_REVOKED_MAX);
	memset(&l, 0, sizeof(l));
	conf.n_provider = 0;
	for (a = 0; admin_decide_listed(&l, &conf, "a.example.com"); a++)
		;
	assert_int_equal(a, ADMIN_REVOKED_MAX);
}

/* What has ended and may still be renewed can be revoked; it goes on no list, and takes no room there. */
static void within_the_window(void **state)
{
	static struct mst_role_conf conf;
	struct mst_cert_row row = { .expires = t.now - 100 };
	struct mst_diag d;
	int rsc = 0;

	(void)state;
	conf.est.on = true;
	conf.est.grace = 100;
	assert_int_equal(admin_decide_revoke(&row, 1, &conf, t.now, &rsc, &d), ADMIN_REFUSED);
	conf.est.grace = 101;
	assert_int_equal(admin_decide_revoke(&row, 1, &conf, t.now, &rsc, &d), ADMIN_DONE);
	assert_int_equal(row.revoked, t.now);
	assert_int_equal(admin_decide_revoke(&row, 1, &conf, t.now, &rsc, &d), ADMIN_UNCHANGED);
	row.revoked = 0;
	conf.est.on = false;
	assert_int_equal(admin_decide_revoke(&row, 1, &conf, t.now, &rsc, &d), ADMIN_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(revoked_once), cmocka_unit_test(refusals), cmocka_unit_test(a_full_list),
		cmocka_unit_test(shares), cmocka_unit_test(within_the_window) };

	return cmocka_run_group_tests_name("certs", tests, up, down);
}
