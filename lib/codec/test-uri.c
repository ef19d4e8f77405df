#include "tests/support/cm.h"

#include "codec/uri.h"

static void parts(void **state)
{
	static const struct { const char *in, *scheme, *host, *path; enum mst_uri_host kind; uint16_t port; } row[] = {
		{ "https://mef.example.com", "https", "mef.example.com", "", MST_URI_FQDN, 443 },
		{ "https://mef.example.com:8443/MEFBase?x=%20", "https", "mef.example.com", "/MEFBase?x=%20", MST_URI_FQDN, 8443 },
		{ "coaps://mef", "coaps", "mef", "", MST_URI_FQDN, 5684 },
		{ "wss://MEF.x/", "wss", "MEF.x", "/", MST_URI_FQDN, 443 },
		{ "http://bsf.x?a", "http", "bsf.x", "?a", MST_URI_FQDN, 80 },
		{ "https://127.0.0.1:65535", "https", "127.0.0.1", "", MST_URI_IPV4, 65535 },
		{ "https://[2001:db8::1]/a", "https", "2001:db8::1", "/a", MST_URI_IPV6, 443 },
		{ "https://[::1]:1", "https", "::1", "", MST_URI_IPV6, 1 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_uri_parts u;

		if (!mst_uri_split(mst_view_str(row[i].in), &u))
			fail_msg("%s", row[i].in);
		assert_true(mst_view_eq_str(u.scheme, row[i].scheme) && mst_view_eq_str(u.host, row[i].host));
		assert_true(mst_view_eq_str(u.path, row[i].path));
		assert_int_equal(u.port, row[i].port);
		assert_int_equal(u.host_kind, row[i].kind);
	}
}

static void refused(void **state)
{
	static const char *const row[] = {
		"", "https", "https:", "https:/x", "https://", "https:///x", "HTTPS://a", "ftp://a", "coap://a", "//a", "a",
		"https://u@a", "https://u:p@a", "https://a:", "https://a:0", "https://a:65536", "https://a:+1", "https://a:01",
		"https://a:1:2", "https://a b", "https://a/ b", "https://a/\n", "https://a/%", "https://a/%2", "https://a/%zz",
		"https://a/#f", "https://a#f", "https://a_b", "https://a..b", "https://256.0.0.1", "https://1.2.3", "https://127.0x1", "https://0x7f000001",
		"https://[::1", "https://::1", "https://[]", "https://[a]", "https://[::1]x", "https://[::g]",
		"https://a/\xc3\xa4", "https://\xc3\xa4", "https://a\\b", "https://a/<x>",
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_uri_parts u;

		if (mst_uri_split(mst_view_str(row[i]), &u))
			fail_msg("\"%s\"", row[i]);
	}
	assert_false(mst_uri_split((struct mst_view){ (const uint8_t *)"https://a\0b", 11 }, &(struct mst_uri_parts){ 0 }));
}

static void schemes(void **state)
{
	struct mst_uri_parts u;

	(void)state;
	assert_true(mst_uri_split(mst_view_str("http://a"), &u));
	assert_true(mst_uri_scheme_in(&u, "https http"));
	assert_true(mst_uri_scheme_in(&u, "http"));
	assert_false(mst_uri_scheme_in(&u, "https"));
	assert_false(mst_uri_scheme_in(&u, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(parts), cmocka_unit_test(refused), cmocka_unit_test(schemes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
