/* RFC 3986 section 6: which spellings are one resource. */
#include "tests/support/cm.h"

#include "proto/provisioning/test-world.h"

static void normal_forms(void **state)
{
	static const struct { int method; const char *in, *out; } row[] = {
		{ MST_METHOD_BBN, "https://bbn.example.com", "https://bbn.example.com/" },
		{ MST_METHOD_BBN, "HTTPS://BBN.Example.COM/", "https://bbn.example.com/" },
		{ MST_METHOD_BBN, "https://bbn.example.com.:443", "https://bbn.example.com/" },
		{ MST_METHOD_BBN, "https://bbn.example.com:00443/", "https://bbn.example.com/" },
		{ MST_METHOD_BBN, "https://bbn.example.com:/", "https://bbn.example.com/" },
		{ MST_METHOD_BBN, "https://bbn.example.com:8443/x", "https://bbn.example.com:8443/x" },
		{ MST_METHOD_BBN, "coaps://b:5684/x", "coaps://b/x" },
		{ MST_METHOD_BBN, "coaps://b:443/x", "coaps://b:443/x" },
		{ MST_METHOD_BBN, "https://[2001:DB8::1]:443/x", "https://[2001:db8::1]/x" },
		{ MST_METHOD_BBN, "https://[::1]:8443", "https://[::1]:8443/" },
		{ MST_METHOD_BBN, "https://[::1]", "https://[::1]/" },
		{ MST_METHOD_BBN, "https://Me@Host/", "https://Me@host/" },
		/* RFC 3986 6.2.2: the example of the standard, with our schemes */
		{ MST_METHOD_BBN, "https://a/./b/../b/%63/%7bfoo%7d", "https://a/b/c/%7Bfoo%7D" },
		/* 5.2.4 */
		{ MST_METHOD_BBN, "https://h/a/b/c/./../../g", "https://h/a/g" },
		{ MST_METHOD_BBN, "https://h/..", "https://h/" },
		{ MST_METHOD_BBN, "https://h/../../x/.", "https://h/x/" },
		{ MST_METHOD_BBN, "https://h/a/b/..", "https://h/a/" },
		{ MST_METHOD_BBN, "https://h/a//b", "https://h/a//b" },
		{ MST_METHOD_BBN, "https://h/%2e%2E/x", "https://h/x" },
		{ MST_METHOD_BBN, "https://h/...", "https://h/..." },
		{ MST_METHOD_BBN, "https://h/x?A=%41&b=../c#frag", "https://h/x?A=A&b=../c" },
		{ MST_METHOD_BBN, "https://h?q/r", "https://h/?q/r" },
		{ MST_METHOD_BBN, "https://h#a/b?c", "https://h/" },
		{ MST_METHOD_BBN, "https://h/%", "https://h/%" },
		{ MST_METHOD_BBN, "https://h/%4", "https://h/%4" },
		{ MST_METHOD_BBN, "https://h/%zz", "https://h/%zz" },
		{ MST_METHOD_BBN, "https://", "https:///" },
		{ MST_METHOD_FILE, "/media/Usb/Seq.json", "/media/Usb/Seq.json" },
		{ MST_METHOD_FILE, "../x", "../x" },
		{ MST_METHOD_FILE, "FILE:///a/../b", "file:///b" },
		{ MST_METHOD_DNS_SD, "_Muster._TCP.local", "_muster._tcp.local" },
		{ MST_METHOD_DHCP, "", "" },
		{ MST_METHOD_FILE, "://x", "://x" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		uint8_t out[PROV_NAME_MAX], again[PROV_NAME_MAX];
		size_t n = 0, m = 0;
		char text[256];

		assert_true(prov_normalise(row[i].method, mst_view_str(row[i].in), out, &n));
		assert_true(mst_view_to_str((struct mst_view){ out, n }, text, sizeof(text)));
		assert_string_equal(text, row[i].out);
		/* a normal form is its own */
		assert_true(prov_normalise(row[i].method, (struct mst_view){ out, n }, again, &m));
		assert_int_equal(n, m);
		assert_memory_equal(out, again, n);
	}
}

static void what_was_seen(void **state)
{
	static struct prov_resources r;
	char name[128];

	(void)state;
	assert_false(prov_resource_seen(&r, MST_METHOD_BBN, mst_view_str("https://a")));
	assert_true(prov_resource_add(&r, MST_METHOD_BBN, mst_view_str("https://a")));
	assert_true(prov_resource_add(&r, MST_METHOD_DHCP, mst_view_str("Muster")));
	assert_true(prov_resource_seen(&r, MST_METHOD_BBN, mst_view_str("https://A:443/")));
	assert_true(prov_resource_seen(&r, MST_METHOD_DHCP, mst_view_str("muster")));
	assert_false(prov_resource_seen(&r, MST_METHOD_DNS_SD, mst_view_str("muster")));
	assert_false(prov_resource_seen(&r, MST_METHOD_BBN, mst_view_str("https://a/b")));
	/* full by number */
	for (unsigned i = 2; i < PROV_RESOURCES_MAX; i++) {
		name[0] = (char)('A' + i);
		assert_true(prov_resource_fits(&r, MST_METHOD_FILE, (struct mst_view){ (uint8_t *)name, 1 }));
		assert_true(prov_resource_add(&r, MST_METHOD_FILE, (struct mst_view){ (uint8_t *)name, 1 }));
	}
	assert_false(prov_resource_fits(&r, MST_METHOD_FILE, mst_view_str("z")));
	assert_false(prov_resource_add(&r, MST_METHOD_FILE, mst_view_str("z")));
	assert_true(prov_resource_seen(&r, MST_METHOD_BBN, mst_view_str("https://a")));
}

static void full_by_octets(void **state)
{
	static struct prov_resources r;
	static uint8_t name[PROV_NAME_MAX + 1];
	struct mst_view v = { name, 1000 };

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_false(prov_resource_add(&r, MST_METHOD_FILE, (struct mst_view){ name, sizeof(name) }));
	assert_true(prov_resource_add(&r, MST_METHOD_FILE, v));
	assert_false(prov_resource_seen(&r, MST_METHOD_FILE, (struct mst_view){ name, sizeof(name) }));
	assert_true(prov_resource_add(&r, MST_METHOD_BBN, v));
	assert_true(prov_resource_add(&r, MST_METHOD_DHCP, v));
	assert_true(prov_resource_add(&r, MST_METHOD_DNS_SD, v));
	assert_false(prov_resource_add(&r, MST_METHOD_BSF, v));
	assert_int_equal(r.count, 4);
	v.n = PROV_RESOURCES_OCTETS - 4 * 1003 - 3;
	assert_true(prov_resource_add(&r, MST_METHOD_BSF, v));
	assert_int_equal(r.n, PROV_RESOURCES_OCTETS);
	v.n = 0;
	assert_false(prov_resource_fits(&r, MST_METHOD_FILE, v));
}

static void text_for_people(void **state)
{
	char out[8];

	(void)state;
	prov_put_text(out, sizeof(out), mst_view_str("a\x1b[1m\n\x7f"));
	assert_string_equal(out, "a?[1m??");
	/* cut between characters, never inside one */
	prov_put_text(out, sizeof(out), mst_view_str("123456\xc3\xa9"));
	assert_string_equal(out, "123456");
	prov_put_text(out, sizeof(out), mst_view_str("12345\xc3\xa9"));
	assert_string_equal(out, "12345\xc3\xa9");
	prov_put_text(out, sizeof(out), mst_view_str("12345678"));
	assert_string_equal(out, "1234567");
	prov_put_text(out, sizeof(out), MST_VIEW_NONE);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(normal_forms),
		cmocka_unit_test(what_was_seen),
		cmocka_unit_test(full_by_octets),
		cmocka_unit_test(text_for_people),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
