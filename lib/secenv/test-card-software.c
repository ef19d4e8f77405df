/* The card in software through the same conversation as a real one; what it keeps; its answers to nonsense. */
#include "tests/support/cm.h"

#include "base/fault.h"
#include "base/text.h"
#include "proto/gba/keys.h"
#include "secenv/card.h"

#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"

/* A secure environment that is one blob in memory, and fails when it is told to. */
struct shelf {
	struct mst_secenv s;
	uint8_t b[1024];
	size_t n;
	int fail;
};

static int shelf_load(struct mst_secenv *s, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	struct shelf *f = (struct shelf *)s;

	(void)d;
	assert_string_equal(name, "usim");
	if (f->fail)
		return f->fail;
	if (f->n == 0)
		return MST_SECENV_NONE;
	assert_true(f->n <= cap);
	memcpy(out, f->b, f->n);
	*ret_n = f->n;
	return 0;
}

static int shelf_store(struct mst_secenv *s, const char *name, struct mst_view v, struct mst_diag *d)
{
	struct shelf *f = (struct shelf *)s;

	(void)d;
	assert_string_equal(name, "usim");
	if (f->fail)
		return f->fail;
	assert_true(v.n <= sizeof(f->b));
	memcpy(f->b, v.p, v.n);
	f->n = v.n;
	return 0;
}

static const struct mst_secenv_ops shelf_ops = { .name = "shelf", .load_blob = shelf_load, .store_blob = shelf_store };
static struct mst_crypto *crypto;
static struct aka_keys keys;

static struct mst_view hex(const char *s)
{
	static uint8_t room[4][64];
	static unsigned turn;
	uint8_t *out = room[turn++ % 4];
	size_t n = 0;

	assert_true(mst_hex_decode(mst_view_str(s), out, sizeof(room[0]), &n));
	return (struct mst_view){ out, n };
}

static int set_up(void **state)
{
	(void)state;
	crypto = mst_crypto_openssl();
	return aka_keys_set(&keys, AKA_MILENAGE, hex("465b5ce8b199b49faa5f0a2ee238a6bc"), hex("cd63cb71954a9f4e48a5994e37a02baf"));
}

static struct mst_card_port *insert(struct shelf *f, const char *impi, bool gba, enum mst_card_app app, struct mst_card *ret_c)
{
	const struct mst_card_software s = { "001010000000001", 2, impi, &keys, gba, &f->s };
	struct mst_card_port *p = NULL;
	struct mst_diag d = { 0 };

	f->s.ops = &shelf_ops;
	assert_int_equal(mst_card_software_open(&s, crypto, &p, &d), 0);
	assert_int_equal(mst_card_open(ret_c, p, app, MST_VIEW_NONE, &d), 0);
	return p;
}

static const uint8_t *challenge(void) { return hex("23553cbe9637a89d218ae64dae47bf35").p; }

/* Sheet 17.5. */
static void as_the_sheet_says(void **state)
{
	struct shelf f = { .fail = 0 };
	struct mst_card c;
	struct mst_card_port *p = insert(&f, NULL, true, MST_CARD_ANY, &c);
	struct mst_card_aka a;
	struct mst_key key;
	struct mst_diag d = { 0 };
	struct mst_uicc_gbabp b;
	uint8_t room[512];

	(void)state;
	assert_string_equal(c.imsi, "001010000000001");
	assert_int_equal(c.mnc_digits, 2);
	assert_true(c.gba && c.app == MST_CARD_USIM);
	assert_int_equal(mst_card_derive_naf(&c, hex("6d65662e73702e6578616d706c6501000100ae"), mst_view_str(IMPI), &key, &d), MST_CARD_NO_KEY);
	assert_int_equal(mst_card_authenticate(&c, MST_UICC_3G, challenge(), hex("aa689c648351800041ed662ae8c74ecd").p, &a, &d), 0);
	assert_memory_equal(a.res, hex("a54211d5e3ba50bf").p, 8);
	assert_memory_equal(a.ck, hex("b40ba9a3c58b2a05bbf0d987b21bf8cb").p, 16);
	assert_memory_equal(a.ik, hex("f769bcd751044604127672711c6d3441").p, 16);
	assert_int_equal(mst_card_authenticate(&c, MST_UICC_3G, challenge(), hex("aa689c648351800041ed662ae8c74ecd").p, &a, &d), MST_CARD_STALE);
	assert_memory_equal(a.auts, hex("451e8beca41a80125eca8884b56a").p, 14);
	assert_int_equal(mst_card_authenticate(&c, MST_UICC_3G, challenge(), hex("aa689c6483328000152dfba3e93e0f2d").p, &a, &d), MST_CARD_MAC);
	assert_int_equal(mst_card_authenticate(&c, MST_UICC_GBA, challenge(), hex("aa689c6483328000152dfba3e93e0f2d").p, &a, &d), 0);
	assert_int_equal(a.n_res, 8);
	assert_int_equal(a.ck[0] | a.ik[0], 0);
	assert_int_equal(mst_card_derive_naf(&c, hex("6d65662e73702e6578616d706c6501000100ae"), mst_view_str(IMPI), &key, &d), 0);
	assert_memory_equal(key.b, hex("6aa69249e8d7ab28aeb9ddf96d6a4444b0690b79534e4a3d755a0590493890dc").p, 32);
	assert_int_equal(mst_card_note_btid(&c, MST_VIEW_LIT("x@bsf"), MST_VIEW_LIT("2030-01-01T00:00:00Z"), &d), 0);
	assert_int_equal(mst_card_read_gbabp(&c, room, &b, &d), 0);
	assert_true(mst_view_eq(b.challenge, (struct mst_view){ challenge(), 16 }) && mst_view_eq_str(b.btid, "x@bsf"));
	p->ops->close(p);

	/* without power it remembers: the counters, Ks and what was noted */
	p = insert(&f, IMPI, true, MST_CARD_ANY, &c);
	assert_int_equal(c.app, MST_CARD_ISIM);
	assert_string_equal(c.impi, IMPI);
	assert_int_equal(mst_card_authenticate(&c, MST_UICC_3G, challenge(), hex("aa689c648351800041ed662ae8c74ecd").p, &a, &d), MST_CARD_STALE);
	assert_int_equal(mst_card_derive_naf(&c, hex("6d65662e73702e6578616d706c6501000100ae"), mst_view_str(IMPI), &key, &d), 0);
	assert_memory_equal(key.b, hex("6aa6").p, 2);
	assert_int_equal(mst_card_read_gbabp(&c, room, &b, &d), 0);
	assert_true(mst_view_eq_str(b.lifetime, "2030-01-01T00:00:00Z"));
	p->ops->close(p);
}

/* What cannot be kept is not answered, and the number is then still good. */
static void nothing_leaves_before_it_is_kept(void **state)
{
	struct shelf f = { .fail = 0 };
	struct mst_card c;
	struct mst_card_port *p = insert(&f, NULL, true, MST_CARD_ANY, &c);
	struct mst_card_aka a;
	struct mst_diag d = { 0 };

	(void)state;
	f.fail = MST_SECENV_FULL;
	assert_int_equal(mst_card_authenticate(&c, MST_UICC_3G, challenge(), hex("aa689c648351800041ed662ae8c74ecd").p, &a, &d), MST_CARD_ODD);
	assert_non_null(strstr(d.text, "6581"));
	assert_int_equal(a.n_res, 0);
	f.fail = 0;
	assert_int_equal(mst_card_authenticate(&c, MST_UICC_3G, challenge(), hex("aa689c648351800041ed662ae8c74ecd").p, &a, &d), 0);
	p->ops->close(p);
}

static void a_card_without_gba(void **state)
{
	struct shelf f = { .fail = 0 };
	struct mst_card c;
	struct mst_card_port *p = insert(&f, NULL, false, MST_CARD_USIM, &c);
	struct mst_card_aka a;
	struct mst_diag d = { 0 };
	uint8_t room[512];
	struct mst_uicc_gbabp b;

	(void)state;
	assert_false(c.gba);
	assert_int_equal(mst_card_authenticate(&c, MST_UICC_GBA, challenge(), hex("aa689c6483328000152dfba3e93e0f2d").p, &a, &d), MST_CARD_NO_GBA);
	assert_int_equal(mst_card_read_gbabp(&c, room, &b, &d), MST_CARD_NO_APP);
	assert_int_equal(mst_card_open(&c, p, MST_CARD_ISIM, MST_VIEW_NONE, &d), MST_CARD_NO_APP);
	p->ops->close(p);
}

static void what_no_card_can_be(void **state)
{
	struct aka_keys tuak;
	struct shelf f = { .s = { &shelf_ops } };
	const struct mst_card_software rows[] = {
		{ "12345", 2, NULL, &keys, true, &f.s }, { "0010100000000011", 2, NULL, &keys, true, &f.s }, { "00101000000000a", 2, NULL, &keys, true, &f.s },
		{ "001010000000001", 4, NULL, &keys, true, &f.s }, { "001010000000001", 2, NULL, &tuak, true, &f.s },
	};
	struct mst_card_port *p = NULL;
	struct mst_diag d;

	(void)state;
	assert_int_equal(aka_keys_set(&tuak, AKA_TUAK, hex("abababababababababababababababababababababababababababababababab"),
				      hex("5555555555555555555555555555555555555555555555555555555555555555")), 0);
	tuak.ck_n = 32;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		memset(&d, 0, sizeof(d));
		assert_int_equal(mst_card_software_open(&rows[i], crypto, &p, &d), MST_CARD_ODD);
		assert_true(d.text[0]);
	}
	f.n = 3;        /* a blob that is none of ours */
	assert_int_equal(mst_card_software_open(&(struct mst_card_software){ "001010000000001", 2, NULL, &keys, true, &f.s }, crypto, &p, &d),
			 MST_CARD_NO_CARD);
	f.fail = MST_SECENV_CORRUPT;
	assert_int_equal(mst_card_software_open(&(struct mst_card_software){ "001010000000001", 2, NULL, &keys, true, &f.s }, crypto, &p, &d),
			 MST_CARD_NO_CARD);
}

/* Any command gets an answer, and a nonsense one changes nothing that is kept. */
static void nonsense(void **state)
{
	static const struct { const char *command, *sw; } rows[] = {
		{ "", "6700" }, { "00", "6700" }, { "00a404", "6700" }, { "00a4000403", "6a86" },
		{ "80a40004023f00", "6e00" }, { "00a40004023f0000ff", "6700" }, { "00ff0000", "6d00" }, { "00a404040101", "6a82" },
		{ "0088008100", "6985" }, { "00b0000010", "6985" }, { "00b2010410", "6985" }, { "00d600000100", "6985" }, { "00a40004026f99", "6a82" },
	};
	struct shelf f = { .fail = 0 };
	struct mst_card c;
	struct mst_card_port *p = insert(&f, NULL, true, MST_CARD_ANY, &c);
	uint8_t out[MST_APDU_ANSWER_MAX];
	struct mst_diag d = { 0 };
	size_t n = 0;

	(void)state;
	p->ops->transmit(p, hex("00a40004023f00"), out, &n, &d);
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		assert_int_equal(p->ops->transmit(p, hex(rows[i].command), out, &n, &d), 0);
		assert_int_equal(n, 2);
		assert_memory_equal(out, hex(rows[i].sw).p, 2);
	}
	assert_int_equal(f.n, 0);
	p->ops->close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_sheet_says), cmocka_unit_test(nothing_leaves_before_it_is_kept), cmocka_unit_test(a_card_without_gba),
		cmocka_unit_test(what_no_card_can_be), cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests_name("card-software", tests, set_up, NULL);
}
