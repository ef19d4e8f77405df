/* Every refusal by its own reason; counters over power cuts; floods; clocks (lessons 15, 16, 30). */
#include <stdio.h>

#include "tests/support/cm.h"

#include "crypto/pki.h"
#include "proto/trigger/trigger.h"

#define NODE "urn:dev:ops:00004C-acme-000001"
#define KEY_ID "0123ABCD@maf.example.com"
#define NOW INT64_C(1795845926)

static struct mst_crypto *crypto;
static struct trigger door;
static struct trigger_order order;
static unsigned macs;                    /* HMACs and signatures computed */
static uint8_t octets[600];

static int counting_hmac(struct mst_crypto *c, struct mst_view key, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	(void)c;
	macs++;
	return crypto->ops->hmac_sha256(crypto, key, msg, out);
}

static int counting_verify(struct mst_crypto *c, struct mst_view spki, struct mst_view m, const uint8_t *sig)
{
	(void)c;
	macs++;
	return mst_raw_verify(crypto, spki, m, sig);
}

static struct mst_crypto_ops counting_ops;
static struct mst_crypto counting = { &counting_ops };
static const struct mst_key root = { .b = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, .n = 32 };
static uint8_t pkcs8[MST_PKEY_MAX], spki[128];
static size_t pkcs8_n, spki_n;

static int setup(void **state)
{
	struct trigger_config c = { &counting, counting_verify, { 40, 1 }, { 4, 1000 }, { 3, 60000 }, false };

	(void)state;
	counting_ops = *crypto->ops;
	counting_ops.hmac_sha256 = counting_hmac;
	trigger_init(&door, &c, 0);
	assert_int_equal(trigger_add_node(&door, NODE), 0);
	assert_int_equal(trigger_add_root(&door, &root, KEY_ID), 0);
	assert_int_equal(trigger_add_signer(&door, (struct mst_view){ spki, spki_n }), 0);
	macs = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	trigger_deinit(&door);
	return 0;
}

struct made { const char *node, *key_id; int64_t counter; mst_time issued; int64_t window; int what; bool sign; struct mst_view payload; };
#define GOOD(n) { NODE, KEY_ID, n, NOW, 3600, MST_TRIGGER_RUN, false, MST_VIEW_NONE }

static struct mst_view make(const struct made *m)
{
	uint8_t node[4], key[4], cover[MST_TRIGGER_COVER_MAX], tag[64];
	struct mst_writer w = mst_writer_of(octets, sizeof(octets)), cw = mst_writer_of(cover, sizeof(cover));
	struct mst_trigger t = { .has = 0x7f, .version = 1, .node = { node, 4 }, .key = { key, 4 }, .counter = m->counter,
				 .issued = m->issued, .window = m->window, .what = m->what, .payload = m->payload };
	struct mst_local_signer s;
	struct mst_key kt;

	t.has |= m->payload.n ? 1u << MST_TR_PAYLOAD : 0;
	assert_int_equal(mst_trigger_hint(crypto, mst_view_str(m->node), node), 0);
	assert_int_equal(mst_trigger_hint(crypto, m->sign ? (struct mst_view){ spki, spki_n } : mst_view_str(m->key_id), key), 0);
	mst_trigger_write_body(&t, &w);
	mst_trigger_cover(&cw, mst_view_str(m->node), mst_written(&w));
	if (m->sign) {
		assert_int_equal(mst_local_signer_init(&s, (struct mst_view){ pkcs8, pkcs8_n }), 0);
		assert_int_equal(mst_raw_sign(crypto, &s.signer, mst_written(&cw), tag), 0);
		mst_local_signer_deinit(&s);
	} else {
		assert_int_equal(mst_derive_trigger(crypto, &root, mst_view_str(m->key_id), &kt), 0);
		assert_int_equal(mst_trigger_mac(crypto, &kt, mst_written(&cw), tag), 0);
	}
	mst_trigger_put_tag(&w, (struct mst_view){ tag, m->sign ? 64 : 16 });
	assert_true(w.ok);
	return mst_written(&w);
}

static enum trigger_verdict take(struct mst_view v, mst_ms now, mst_time utc)
{
	enum trigger_verdict r = trigger_take(&door, v, TRIGGER_SMS, now, utc, &order);

	if (r == TRIGGER_ACCEPTED)
		trigger_kept(&door);
	return r;
}

static void a_good_one_is_followed_once(void **state)
{
	struct made m = GOOD(7);
	struct mst_view v = make(&m);

	(void)state;
	assert_int_equal(take(v, 0, NOW), TRIGGER_ACCEPTED);
	assert_int_equal(order.what, MST_TRIGGER_RUN);
	assert_int_equal(take(v, 0, NOW), TRIGGER_REPLAYED);
	m.counter = 6;
	assert_int_equal(take(make(&m), 0, NOW), TRIGGER_REPLAYED);
	m.counter = 8;
	assert_int_equal(take(make(&m), 0, NOW), TRIGGER_ACCEPTED);
	/* a signature has a counter of its own */
	m.sign = true;
	m.counter = 1;
	assert_int_equal(take(make(&m), 0, NOW), TRIGGER_ACCEPTED);
	assert_int_equal(take(make(&m), 0, NOW), TRIGGER_REPLAYED);
	assert_int_equal(door.count[TRIGGER_ACCEPTED], 3);
	assert_int_equal(door.count[TRIGGER_REPLAYED], 3);
}

static void every_refusal_has_its_reason(void **state)
{
	struct made m = GOOD(7), other = m;
	struct mst_view v;
	uint8_t keep;

	(void)state;
	assert_int_equal(take(MST_VIEW_LIT("hello"), 0, NOW), TRIGGER_MALFORMED);
	assert_int_equal(take((struct mst_view){ octets, sizeof(octets) }, 0, NOW), TRIGGER_OVERSIZED);
	v = make(&m);
	v.n -= 17;
	assert_int_equal(take(v, 0, NOW), TRIGGER_UNSIGNED);
	assert_int_equal(take(MST_VIEW_LIT("{\"m2m:tgp\":{\"tpe\":4,\"tia\":\"https://mef.example.com\"}}"), 0, NOW), TRIGGER_UNSIGNED);
	other.node = "urn:dev:ops:00004C-acme-000002";
	assert_int_equal(take(make(&other), 0, NOW), TRIGGER_OTHER_NODE);
	other = m;
	other.key_id = "FFFF@maf.example.com";
	assert_int_equal(take(make(&other), 0, NOW), TRIGGER_OTHER_KEY);
	assert_int_equal(take(make(&m), 0, NOW + 3600 + TRIGGER_SKEW + 1), TRIGGER_EXPIRED);
	assert_int_equal(take(make(&m), 0, NOW - TRIGGER_SKEW - 1), TRIGGER_EARLY);
	assert_int_equal(macs, 0);       /* nothing so far was worth one */
	v = make(&m);
	for (size_t i = v.n - 16; i < v.n; i += 5) {
		keep = octets[i];
		octets[i] ^= 0x80;
		assert_int_equal(take(v, (mst_ms)i * 10000, NOW), TRIGGER_FORGED);
		octets[i] = keep;
	}
	m.sign = true;
	v = make(&m);
	octets[v.n - 1] ^= 1;
	assert_int_equal(take(v, 9000000, NOW), TRIGGER_FORGED);
	/* none of them has moved a counter: the good one is still good, and once only */
	assert_int_equal(door.n_kept, 0);
	m.sign = false;
	assert_int_equal(take(make(&m), 9000000, NOW), TRIGGER_ACCEPTED);
	assert_int_equal(door.n_last, TRIGGER_LAST_MAX);
}

/* Which node it is for is under the MAC as a whole, not as its hint. */
static void a_hint_is_no_proof(void **state)
{
	struct made m = GOOD(7);
	struct mst_view v;

	(void)state;
	m.node = "urn:dev:ops:00004C-acme-000002";
	v = make(&m);
	memcpy(octets + 5, door.node_hint[0], 4);
	assert_int_equal(take(v, 0, NOW), TRIGGER_FORGED);
}

/* Lesson 15: a clock that was never set must not lock out, nor let anything through twice. */
static void without_a_clock_the_counter_counts(void **state)
{
	struct made m = GOOD(7);

	(void)state;
	m.issued = 10;
	assert_int_equal(take(make(&m), 0, 0), TRIGGER_ACCEPTED);
	assert_int_equal(take(make(&m), 0, 0), TRIGGER_REPLAYED);
	m.counter = 8;
	assert_int_equal(take(make(&m), 0, NOW), TRIGGER_EXPIRED);
}

static void a_flood_costs_counters_only(void **state)
{
	struct made m = GOOD(7);
	uint8_t blob[TRIGGER_BLOB_MAX];
	struct mst_writer w = mst_writer_of(blob, sizeof(blob));
	struct mst_view v;
	unsigned n = 0;

	(void)state;
	m.sign = true;
	macs = 0;
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(take(MST_VIEW_LIT("m1:AAAA"), 0, NOW), TRIGGER_MALFORMED);
	assert_int_equal(macs, 0);
	/* forged ones that say the right node and key: four signatures at once, then one a second */
	v = make(&m);
	octets[v.n - 1] ^= 1;
	macs = 0;
	for (mst_ms now = 0; now < 10000; now += 10)
		n += take(v, now, NOW) == TRIGGER_FORGED;
	assert_int_equal(n, macs);
	assert_in_range(n, 4, 14);
	assert_int_equal(door.count[TRIGGER_RATE], 1000 - n);
	/* a MAC has tokens of its own here */
	m.sign = false;
	assert_int_equal(take(make(&m), 10000, NOW), TRIGGER_ACCEPTED);
	m.sign = true;
	/* another way in has tokens of its own */
	assert_int_equal(trigger_take(&door, make(&m), TRIGGER_MM, 10000, NOW, &order), TRIGGER_ACCEPTED);
	trigger_not_kept(&door);
	/* and so has this one, a little later */
	assert_int_equal(take(make(&m), 20000, NOW), TRIGGER_ACCEPTED);
	trigger_kept_put(&door, &w);
	assert_int_equal(w.n, 2 + 2 * 40);
}

/* A thousand a second, each with the right hints and a wrong MAC: every one costs a MAC and no more, and the good one
 * among them is followed on the same way in. */
static void forged_macs_crowd_nobody_out(void **state)
{
	struct made m = GOOD(7);
	uint8_t forged[600];
	struct mst_view v = make(&m), bad = { forged, v.n };
	mst_ms now = 0;

	(void)state;
	memcpy(forged, v.p, v.n);
	forged[v.n - 1] ^= 1;
	for (; now < 30; now++)
		assert_int_equal(take(bad, 0, NOW), TRIGGER_FORGED);
	for (; now < 5000; now++)
		assert_int_equal(take(bad, now, NOW), TRIGGER_FORGED);
	assert_int_equal(take(v, now, NOW), TRIGGER_ACCEPTED);
	/* more of them than that are told from nothing, and leave signatures their tokens */
	m.counter = 8;
	v = make(&m);
	bad.n = v.n;
	memcpy(forged, v.p, v.n);
	forged[v.n - 1] ^= 1;
	for (unsigned i = 0; i < 40; i++)
		(void)take(bad, now, NOW);
	assert_int_equal(take(bad, now, NOW), TRIGGER_RATE);
	m.sign = true;
	assert_int_equal(take(make(&m), now, NOW), TRIGGER_ACCEPTED);
	/* a moment later there is one again */
	m.sign = false;
	assert_int_equal(take(make(&m), now + 1, NOW), TRIGGER_ACCEPTED);
}

/* A provider that sends without end, or with a key that was stolen: three runs, then one a minute. A trigger that came
 * too soon is not used up. */
static void runs_are_rationed(void **state)
{
	struct made m = GOOD(1);

	(void)state;
	for (; m.counter <= 3; m.counter++)
		assert_int_equal(take(make(&m), 0, NOW), TRIGGER_ACCEPTED);
	assert_int_equal(take(make(&m), 59000, NOW), TRIGGER_RATE);
	assert_int_equal(take(make(&m), 60000, NOW), TRIGGER_ACCEPTED);
}

/* Lessons 14 and 16: what was made durable decides; a power cut before it forgets the trigger, one after it forbids it. */
static void power_cuts(void **state)
{
	struct made m = GOOD(7);
	uint8_t before[TRIGGER_BLOB_MAX], after[TRIGGER_BLOB_MAX];
	struct mst_writer b = mst_writer_of(before, sizeof(before)), a = mst_writer_of(after, sizeof(after));

	(void)state;
	trigger_kept_put(&door, &b);
	assert_int_equal(trigger_take(&door, make(&m), TRIGGER_SMS, 0, NOW, &order), TRIGGER_ACCEPTED);
	trigger_kept_put(&door, &a);
	/* cut before the blob was there */
	assert_true(trigger_kept_load(&door, mst_written(&b)));
	assert_int_equal(trigger_take(&door, make(&m), TRIGGER_SMS, 0, NOW, &order), TRIGGER_ACCEPTED);
	/* the disk says no: nothing happened, it may be sent again */
	trigger_not_kept(&door);
	assert_int_equal(trigger_take(&door, make(&m), TRIGGER_SMS, 0, NOW, &order), TRIGGER_ACCEPTED);
	/* cut after it, before the effect */
	assert_true(trigger_kept_load(&door, mst_written(&a)));
	assert_int_equal(trigger_take(&door, make(&m), TRIGGER_SMS, 0, NOW, &order), TRIGGER_REPLAYED);
	/* damaged is not empty: everything is refused, and says why */
	for (size_t n = 1; n < a.n; n++) {
		assert_false(trigger_kept_load(&door, (struct mst_view){ after, n }));
		m.counter = 1000;
		assert_int_equal(trigger_take(&door, make(&m), TRIGGER_SMS, 0, NOW, &order), TRIGGER_NOT_KEPT);
	}
	after[0] = 2;
	assert_false(trigger_kept_load(&door, mst_written(&a)));
	assert_true(trigger_kept_load(&door, MST_VIEW_NONE));
}

/* Every renewal brings a new key; counters of keys that are gone make room, those in use never. */
static void keys_come_and_go(void **state)
{
	struct made m = GOOD(5);
	char id[40];

	(void)state;
	m.sign = true;
	assert_int_equal(take(make(&m), 0, NOW), TRIGGER_ACCEPTED);
	m.sign = false;
	for (int i = 0; i < 3 * TRIGGER_KEPT_MAX; i++) {
		snprintf(id, sizeof(id), "%08X@maf.example.com", (unsigned)i);
		trigger_forget_keys(&door);
		assert_int_equal(trigger_add_node(&door, NODE), 0);
		assert_int_equal(trigger_add_root(&door, &root, id), 0);
		assert_int_equal(trigger_add_signer(&door, (struct mst_view){ spki, spki_n }), 0);
		m.key_id = id;
		assert_int_equal(take(make(&m), (i + 1) * 60000, NOW), TRIGGER_ACCEPTED);
		assert_int_equal(take(make(&m), (i + 1) * 60000, NOW), TRIGGER_REPLAYED);
	}
	m.sign = true;
	assert_int_equal(take(make(&m), 0, NOW), TRIGGER_REPLAYED);
	m.key_id = KEY_ID;
	m.sign = false;
	assert_int_equal(take(make(&m), 0, NOW), TRIGGER_OTHER_KEY);
}

/* One key, one name: the server calls it by the canonical spelling, whatever the MAF said or somebody typed at the node. */
static void a_key_is_known_in_any_spelling(void **state)
{
#define HEX_UP "0F1E2D3C4B5A69788796A5B4C3D2E1F0"
#define HEX_LOW "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	static const struct { const char *here, *there; bool opaque; enum trigger_verdict v; } rows[] = {
		{ HEX_UP "@maf.example.com", HEX_UP "@maf.example.com", false, TRIGGER_ACCEPTED },
		{ HEX_LOW "@maf.example.com", HEX_UP "@maf.example.com", false, TRIGGER_ACCEPTED },
		{ HEX_UP "@MAF.example.com", HEX_UP "@maf.example.com", false, TRIGGER_ACCEPTED },
		{ "serial-7@BBN.example.com", "serial-7@bbn.example.com", false, TRIGGER_ACCEPTED },
		/* such a relative part is the issuer's business */
		{ "Serial-7@bbn.example.com", "serial-7@bbn.example.com", false, TRIGGER_OTHER_KEY },
		/* a B-TID is whole (TS 33.220 4.5.2), and so is what is made of one */
		{ "I1U8vpY3qJ0hiuZNrke/NQ==@BSF.example.com", "I1U8vpY3qJ0hiuZNrke/NQ==@BSF.example.com", true, TRIGGER_ACCEPTED },
		{ "abc@BSF.example.com", "abc@BSF.example.com", true, TRIGGER_ACCEPTED },
		{ "abc@BSF.example.com", "abc@bsf.example.com", true, TRIGGER_OTHER_KEY },
		{ "trigger:abc@BSF.example.com", "trigger:abc@BSF.example.com", true, TRIGGER_ACCEPTED },
	};
	struct made m = GOOD(1);

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		trigger_forget_keys(&door);
		assert_int_equal(trigger_add_node(&door, NODE), 0);
		assert_int_equal(rows[i].opaque ? trigger_add_opaque(&door, &root, rows[i].here) : trigger_add_root(&door, &root, rows[i].here), 0);
		m.key_id = rows[i].there;
		m.counter++;
		if (take(make(&m), (mst_ms)(i + 1) * 60000, NOW) != rows[i].v)
			fail_msg("%s for %s", rows[i].here, rows[i].there);
	}
}

#define TGP(purpose, uri, more) "{\"m2m:tgp\":{\"tpe\":" purpose ",\"tia\":\"" uri "\"" more "}}"

static void device_triggers(void **state)
{
	static const struct { const char *payload; enum trigger_verdict v; const char *uri; } cases[] = {
		{ TGP("4", "https://mef.example.com/MEFBase", ""), TRIGGER_ACCEPTED, "https://mef.example.com:443/MEFBase" },
		{ TGP("4", "https://MEF.example.com", ",\"tipa\":[\"coaps://mef.example.com:5684\",\"https://mef.example.com:8443\"]"),
		  TRIGGER_ACCEPTED, "https://mef.example.com:8443" },
		/* a point of access somewhere else is not where that MEF's name leads */
		{ TGP("4", "https://mef.example.com/", ",\"tipa\":[\"https://evil.example.org:8443\"]"), TRIGGER_ACCEPTED,
		  "https://mef.example.com:443" },
		{ TGP("2", "https://mef.example.com/MEFBase", ""), TRIGGER_WRONG_PURPOSE, NULL },
		{ TGP("4", "https://evil.example.org/MEFBase", ""), TRIGGER_UNKNOWN_MEF, NULL },
		{ TGP("4", "coaps://mef.example.com/MEFBase", ""), TRIGGER_UNKNOWN_MEF, NULL },
		{ TGP("4", "https://192.0.2.1/MEFBase", ""), TRIGGER_MALFORMED, NULL },
		{ TGP("4", "mef.example.com", ""), TRIGGER_MALFORMED, NULL },
		{ "{}", TRIGGER_MALFORMED, NULL },
		{ "{\"m2m:tgp\":{\"tpe\":4}}", TRIGGER_MALFORMED, NULL },
	};
	uint8_t room[2048];
	struct mst_sequence known = { .n_instructions = 1 }, s;
	struct mst_instruction *i = &known.instructions[0];

	(void)state;
	i->has = 1u << MST_IN_KIND | 1u << MST_IN_METHOD | 1u << MST_IN_URI | 1u << MST_IN_TARGET | 1u << MST_IN_ADMIN;
	i->kind = MST_INSTR_BOOTSTRAP;
	i->method = MST_METHOD_CERT;
	i->uri = mst_view_str("https://mef.example.com:9443");
	i->target = mst_view_str("maf.example.com");
	i->admin_fqdn = mst_view_str("sp.example.com");
	for (size_t c = 0; c < MST_COUNT(cases); c++) {
		struct mst_arena a = mst_arena_of(room, sizeof(room));
		struct mst_diag d = { 0 };

		assert_int_equal(trigger_from_device(mst_view_str(cases[c].payload), &known, 1, &a, &s, &d), cases[c].v);
		if (cases[c].v) {
			assert_true(d.text[0]);
			continue;
		}
		assert_true(mst_view_eq_str(s.instructions[0].uri, cases[c].uri));
		assert_true(mst_view_eq_str(s.instructions[0].target, "maf.example.com"));
		assert_int_equal(s.instructions[0].suid, 21);
	}
}

/* A bare one only where that was said, from local helpers; in a frame always. */
static void device_triggers_at_the_door(void **state)
{
	static const char tgp[] = TGP("4", "https://mef.example.com", "");
	struct made m = GOOD(7);

	(void)state;
	assert_int_equal(trigger_take(&door, mst_view_str(tgp), TRIGGER_PUSH, 0, NOW, &order), TRIGGER_UNSIGNED);
	door.cfg.bare_from_push = true;
	for (unsigned s = 0; s < TRIGGER_SOURCE__COUNT; s++)
		assert_int_equal(trigger_take(&door, mst_view_str(tgp), (enum trigger_source)s, 0, NOW, &order),
				 s == TRIGGER_PUSH ? TRIGGER_ACCEPTED : TRIGGER_UNSIGNED);
	assert_int_equal(trigger_take(&door, mst_view_str(tgp), TRIGGER_PUSH, 0, NOW, &order), TRIGGER_ACCEPTED);
	assert_true(order.bare && order.what == MST_TRIGGER_ONEM2M && mst_view_eq_str(order.payload, tgp));
	m.what = MST_TRIGGER_ONEM2M;
	m.payload = mst_view_str(tgp);
	assert_int_equal(take(make(&m), 0, NOW), TRIGGER_ACCEPTED);
	assert_true(!order.bare && mst_view_eq_str(order.payload, tgp));
}

/* What nobody has signed, where such is taken at all, is rationed apart: whoever sends it without end keeps nothing out that is signed. */
static void bare_ones_crowd_nobody_out(void **state)
{
	static const char tgp[] = TGP("4", "https://mef.example.com", "");
	struct made m = GOOD(7);
	unsigned n = 0;

	(void)state;
	door.cfg.bare_from_push = true;
	for (mst_ms now = 0; now < 600000; now += 1000)
		n += trigger_take(&door, mst_view_str(tgp), TRIGGER_PUSH, now, NOW, &order) == TRIGGER_ACCEPTED;
	assert_int_equal(n, 3 + 9);
	assert_int_equal(take(make(&m), 600000 - 1, NOW), TRIGGER_ACCEPTED);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_good_one_is_followed_once), T(every_refusal_has_its_reason), T(a_hint_is_no_proof),
		T(without_a_clock_the_counter_counts), T(a_flood_costs_counters_only), T(forged_macs_crowd_nobody_out), T(runs_are_rationed), T(power_cuts),
		T(keys_come_and_go), T(a_key_is_known_in_any_spelling), T(device_triggers), T(device_triggers_at_the_door), T(bare_ones_crowd_nobody_out),
	};

	crypto = mst_crypto_openssl();
	if (mst_pkey_generate(pkcs8, sizeof(pkcs8), &pkcs8_n) ||
	    mst_pkey_public((struct mst_view){ pkcs8, pkcs8_n }, spki, sizeof(spki), &spki_n))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
