/* A SIM's keys as people write them, and as octets. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "proto/aka/sim.h"

/* TS 35.208 set 1, and TS 35.233 set 2 with a RES of 16 octets and two permutations. */
static const char set1[] = "milenage:465B-5CE8-B199-B49F-AA5F-0A2E-E238-A6BC:opc:CD63-CB71-954A-9F4E-48A5-994E-37A0-2BAF=6D51";
static const char set1_op[] = "milenage:465B-5CE8-B199-B49F-AA5F-0A2E-E238-A6BC:op:CDC2-02D5-123E-20F6-2B6D-676A-C72C-B318=";

static int take(const char *text, struct aka_sim *s, struct mst_diag *d)
{
	memset(d, 0, sizeof(*d));
	return aka_sim_read(mst_view_str(text), s, d);
}

static bool same(const struct aka_keys *a, const struct aka_keys *b)
{
	return a->algorithm == b->algorithm && !memcmp(a->k, b->k, sizeof(a->k)) && !memcmp(a->top, b->top, sizeof(a->top)) && a->k_n == b->k_n &&
	       a->mac_n == b->mac_n && a->res_n == b->res_n && a->ck_n == b->ck_n && a->ik_n == b->ik_n && a->times == b->times;
}

static void same_after_packing(const struct aka_sim *s)
{
	uint8_t b[AKA_SIM_OCTETS_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct aka_sim again;

	aka_sim_pack(s, &w);
	assert_true(w.ok && w.n <= MST_KEY_ROOM);
	assert_true(aka_sim_unpack(mst_written(&w), &again));
	assert_true(same(&again.keys, &s->keys));
	assert_int_equal(again.is_op, s->is_op);
	/* not an octet less, and not one more */
	for (size_t n = 0; n < w.n; n++)
		assert_false(aka_sim_unpack((struct mst_view){ b, n }, &again));
	memset(&again, 1, sizeof(again));
	b[2] = 17;
	assert_false(aka_sim_unpack(mst_written(&w), &again));
	assert_true(again.keys.k[0] == 0 && again.keys.k_n == 0);
	for (unsigned first = 0; first < 256; first++) {
		b[2] = s->keys.res_n;
		b[0] = (uint8_t)first;
		if (aka_sim_unpack(mst_written(&w), &again))
			assert_true((first & 0x7f) == (unsigned)s->keys.algorithm);
	}
}

static void read_and_written(void **state)
{
	char text[AKA_SIM_TEXT_MAX], other[AKA_SIM_TEXT_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct aka_sim s, t;
	struct mst_diag d;

	(void)state;
	if (take(set1, &s, &d))
		fail_msg("%s", d.text);
	assert_true(s.keys.algorithm == AKA_MILENAGE && s.keys.k_n == 16 && s.keys.res_n == 8 && !s.is_op);
	assert_true(s.keys.k[0] == 0x46 && s.keys.k[15] == 0xbc && s.keys.top[0] == 0xcd && s.keys.top[15] == 0xaf);
	aka_sim_write(&s, &w);
	assert_true(mst_view_eq_str(mst_written(&w), set1));
	same_after_packing(&s);
	snprintf(other, sizeof(other), " milenage:465b5ce8b199b49faa5f0a2ee238a6bc:opc:cd63cb71954a9f4e48a5994e37a02baf=6d51\r\n");
	assert_int_equal(take(other, &t, &d), 0);
	assert_true(same(&s.keys, &t.keys));
	/* the longest there is */
	memset(&s, 0, sizeof(s));
	s.keys = (struct aka_keys){ AKA_TUAK, { 0 }, { 0 }, 32, 8, 16, 16, 16, 255 };
	memset(s.keys.k, 0xab, 32);
	memset(s.keys.top, 0xcd, 32);
	s.is_op = true;
	w = mst_writer_of(text, sizeof(text));
	aka_sim_write(&s, &w);
	mst_put_nul(&w);
	assert_true(w.ok);
	if (take(text, &t, &d))
		fail_msg("%s: %s", text, d.text);
	assert_true(same(&s.keys, &t.keys));
	assert_true(t.is_op);
	same_after_packing(&t);
}

static void every_changed_digit_is_found(void **state)
{
	char text[sizeof(set1)];
	struct aka_sim s;
	struct mst_diag d;

	(void)state;
	for (size_t i = sizeof("milenage"); i + 1 < sizeof(set1); i++) {
		memcpy(text, set1, sizeof(text));
		if (text[i] >= '0' && text[i] <= '9')
			text[i] = text[i] == '9' ? '8' : (char)(text[i] + 1);
		else if (text[i] >= 'A' && text[i] <= 'F')
			text[i] = text[i] == 'F' ? 'E' : (char)(text[i] + 1);
		else
			continue;
		assert_int_equal(take(text, &s, &d), MST_FAULT_CONFIG);
		assert_int_equal(s.keys.k_n, 0);
	}
}

static void refused_with_words(void **state)
{
	static const struct { const char *text, *why; } row[] = {
		{ "", "names no algorithm" },
		{ "aes:465B", "names no algorithm" },
		{ "milenage:465B5CE8B199B49FAA5F0A2EE238A6BC", "what stands behind K" },
		{ "milenage:465B5CE8B199B49FAA5F0A2EE238A6BC:topc:CD63CB71954A9F4E48A5994E37A02BAF=6D51", "what stands behind K" },
		{ "milenage:465B5CE8B199B49FAA5F0A2EE238A6B:opc:CD63CB71954A9F4E48A5994E37A02BAF=6D51", "not 32 hex digits" },
		{ "milenage:465B5CE8B199B49FAA5F0A2EE238A6BC465B5CE8B199B49FAA5F0A2EE238A6BC:opc:CD63CB71954A9F4E48A5994E37A02BAF=6D51",
		  "K that is not 32 hex digits" },
		{ "milenage:465B5CE8B199B49FAA5F0A2EE238A6BC:opc:CD63=6D51", "OPc or OP that is not 32" },
		{ "tuak:465B5CE8B199B49FAA5F0A2EE238A6BC:topc:CD63CB71954A9F4E48A5994E37A02BAF=6D51", "TOPc or TOP that is not 64" },
		{ "milenage:465B5CE8B199B49FAA5F0A2EE238A6BC:opc:CD63CB71954A9F4E48A5994E37A02BAF", "no check code" },
		{ "milenage:465B5CE8B199B49FAA5F0A2EE238A6BC:opc:CD63CB71954A9F4E48A5994E37A02BAF=6D5", "four hex digits" },
		{ "milenage:465B5CE8B199B49FAA5F0A2EE238A6BC:opc:CD63CB71954A9F4E48A5994E37A02BAF:res9=6D51", "RES of a length" },
		{ "milenage:465B5CE8B199B49FAA5F0A2EE238A6BC:opc:CD63CB71954A9F4E48A5994E37A02BAF:times2=6D51", "an option that is none" },
		{ "milenage:465B5CE8B199B49FAA5F0A2EE238A6BC:opc:CD63CB71954A9F4E48A5994E37A02BAF:res0=6D51", "an option that is none" },
	};
	struct aka_sim s;
	struct mst_diag d;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		assert_int_equal(take(row[i].text, &s, &d), MST_FAULT_CONFIG);
		if (!strstr(d.text, row[i].why) || strstr(d.text, "465B"))
			fail_msg("\"%s\": %s", row[i].text, d.text);
	}
	assert_int_equal(take(set1_op, &s, &d), MST_FAULT_CONFIG);
	assert_non_null(strstr(d.text, "four hex digits"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(read_and_written), cmocka_unit_test(every_changed_digit_is_found),
					    cmocka_unit_test(refused_with_words) };

	return cmocka_run_group_tests_name("aka-sim", tests, NULL, NULL);
}
