#include "tests/support/cm.h"

#include <string.h>

#include "base/text.h"
#include "codec/secret-text.h"

static int take(const char *text, struct mst_key *k, struct mst_diag *d)
{
	memset(d, 0, sizeof(*d));
	return mst_secret_read(mst_view_str(text), k, d);
}

static const char good[] = "0123-4567-89AB-CDEF-FEDC-BA98-7654-3210=296E";

static void read_back(void **state)
{
	static const char *const same[] = {
		good, "0123456789abcdeffedcba9876543210=296e", " 0123 4567 89AB CDEF FEDC BA98 7654 3210=296E\r\n",
		"01-23-45-67-89-ab-cd-ef-fe-dc-ba-98-76-54-32-10=29-6e",
	};
	char text[MST_SECRET_TEXT_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_key k, first;
	struct mst_diag d;

	(void)state;
	assert_int_equal(take(good, &first, &d), 0);
	assert_int_equal(first.n, 16);
	assert_true(first.b[0] == 0x01 && first.b[15] == 0x10);
	for (size_t i = 0; i < MST_COUNT(same); i++) {
		if (take(same[i], &k, &d))
			fail_msg("%s: %s", same[i], d.text);
		assert_true(mst_ct_equal(mst_key_view(&k), mst_key_view(&first)));
	}
	mst_secret_write(&first, &w);
	assert_true(mst_view_eq_str(mst_written(&w), good));
	/* the known answer of this CRC */
	assert_true(mst_key_set(&k, MST_VIEW_LIT("123456789")));
	assert_int_equal(mst_secret_check(&k), 0x29b1);
	/* the longest */
	k.n = MST_KEY_MAX;
	memset(k.b, 0xa5, sizeof(k.b));
	w = mst_writer_of(text, sizeof(text));
	mst_secret_write(&k, &w);
	mst_put_nul(&w);
	assert_true(w.ok);
	assert_int_equal(take(text, &first, &d), 0);
	assert_true(mst_ct_equal(mst_key_view(&k), mst_key_view(&first)));
}

static void refused(void **state)
{
	static const struct { const char *text, *why; } row[] = {
		{ "", "not in hex" }, { "=", "not in hex" }, { "=296E", "not in hex" },
		{ "0123456789abcdeffedcba9876543210", "no check code" },
		{ "0123456789abcdeffedcba987654321=296e", "half an octet" },
		{ "0123456789abcdeffedcba98765432=296e", "too short" },
		{ "0123456789abcdeffedcba9876543210=296f", "check code" },
		{ "0123456789abcdeffedcba9876543210=296", "four hex digits" },
		{ "0123456789abcdeffedcba9876543210=296e0", "four hex digits" },
		{ "0123456789abcdeffedcba9876543210==296e", "four hex digits" },
		{ "0123456789abcdeffedcba9876543210=", "four hex digits" },
		{ "0123--456789abcdeffedcba9876543210=296e", "not in hex" },
		{ "-0123456789abcdeffedcba9876543210=296e", "not in hex" },
		{ "0123456789abcdeffedcba9876543210-=296e", "not in hex" },
		{ "open sesame, open sesame, open sesame", "not in hex" },
		{ "0x0123456789abcdeffedcba9876543210=296e", "not in hex" },
	};
	char text[300];
	struct mst_key k;
	struct mst_diag d;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		assert_int_equal(take(row[i].text, &k, &d), MST_FAULT_CONFIG);
		if (!strstr(d.text, row[i].why))
			fail_msg("%s: %s", row[i].text, d.text);
		assert_int_equal(k.n, 0);
		assert_int_equal(k.b[0], 0);
	}
	memset(text, 'a', 130);
	strcpy(text + 130, "=0000");
	assert_int_equal(take(text, &k, &d), MST_FAULT_CONFIG);
	assert_non_null(strstr(d.text, "too long"));
}

/* Each digit, replaced by each other one, and each two neighbours swapped. */
static void every_slip_is_found(void **state)
{
	static const char hex[] = "0123456789ABCDEF";
	char text[sizeof(good)];
	struct mst_key k;
	struct mst_diag d;
	unsigned tried = 0;

	(void)state;
	for (size_t i = 0; good[i]; i++) {
		if (good[i] == '-' || good[i] == '=')
			continue;
		for (const char *h = hex; *h; h++) {
			memcpy(text, good, sizeof(good));
			text[i] = *h;
			if (*h != good[i] && ++tried)
				assert_int_equal(take(text, &k, &d), MST_FAULT_CONFIG);
		}
		memcpy(text, good, sizeof(good));
		text[i] = good[i + 1];
		text[i + 1] = good[i];
		if (strchr(hex, good[i + 1]) && good[i + 1] && good[i] != good[i + 1])
			assert_int_equal(take(text, &k, &d), MST_FAULT_CONFIG);
	}
	assert_int_equal(tried, 36 * 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(read_back), cmocka_unit_test(refused), cmocka_unit_test(every_slip_is_found) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
