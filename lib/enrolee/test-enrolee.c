#include "tests/support/cm.h"

#include "crypto/derive.h"
#include "enrolee/enrolee.h"

#define UTC 1800000000               /* 2027-01-15 */
#define MEF_REG                                                                                              \
	"{\"sec:mefClientReg\":{\"ri\":\"reg-1\",\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example."     \
	"com\","                                                                                             \
	"\"clientID\":\"urn:dev:ops:1-2-3\"}}"
#define NO_MORE                                                                                              \
	"{\"sec:mefClientCmd\":{\"cmdID\":\"c\",\"cmdStatusCode\":10,\"cmdDescription\":{\"cmdClassID\":0,"  \
	"\"cmdArgs\":{\"noMoreCmdArgs\":{\"retryDuration\":\"P1D\"}}}}}"
#define CFG                                                                                                  \
	"{\"sec:mefClientCfg\":{\"nodeID\":\"urn:dev:ops:1-2-3\",\"cseID\":\"//sp.example.com/C1\","         \
	"\"registrarPoA\":[\"https://"                                                                       \
	"in.sp.example.com\"],\"subscriptionUntil\":\"20270601T000000\",\"serverTime\":\"20270115T080001\"," \
	"\"mafURI\":\"https://maf.example.com:8444/MAF\"}}"
#define CFG_COAP                                                                                             \
	"{\"sec:mefClientCfg\":{\"cseID\":\"//sp.example.com/C1\",\"serverTime\":\"20270115T080001\"," \
	"\"mafURI\":\"coaps://maf.example.com\"}}"
#define KEY                                                                                                  \
	"{\"sec:symmKeyReg\":{\"relativeKeyID\":\"A0A1A2A3A4A5A6A7A8A9AAABACADAEAF\",\"et\":"                \
	"\"20270701T000000\","                                                                               \
	"\"sourceClientID\":\"urn:dev:ops:1-2-3\",\"adminFQDN\":\"sp.example.com\",\"SUID\":21,"             \
	"\"targetIDs\":[\"maf.example.com\"]}}"
#define MAF_REG                                                                                              \
	"{\"sec:mafClientReg\":{\"ri\":\"r7\",\"et\":\"20270501T000000\",\"adminFQDN\":\"sp.example.com\","  \
	"\"clientID\":\"//sp.example.com/C1\",\"assignedSymmKeyID\":\"0123abcd@maf.example.com\"}}"
#define KE_ID "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF@mef.example.com"
#define KM_ID "0123abcd@maf.example.com"
#define ATTEMPT "00112233445566778899aabbccddeeff"

static struct enrolee e;
static mst_ms now;
static const struct mst_instruction instruction = {
	.kind = MST_INSTR_BOOTSTRAP,
	.method = MST_METHOD_CERT,
	.uri = MST_VIEW_LIT("https://mef.example.com:8443"),
	.target = MST_VIEW_LIT("maf.example.com"),
	.suid = 21,
	.admin_fqdn = MST_VIEW_LIT("sp.example.com"),
};

static const struct mst_instruction by_card = {
	.kind = MST_INSTR_BOOTSTRAP,
	.method = MST_METHOD_GBA,
	.uri = MST_VIEW_LIT("http://bsf.mnc001.mcc001.pub.3gppnetwork.org"),
	.target = MST_VIEW_LIT("maf.example.com"),
	.suid = 21,
	.admin_fqdn = MST_VIEW_LIT("sp.example.com"),
};
static const struct gba_context in_card = { .btid = "cmFuZA==@bsf.x", .impi = "001010000000001@ims.x", .in_card = true, .expires = UTC + 3600,
					    .configuration = MST_VIEW_LIT("{\"sec:mefClientCfg\":{\"cseID\":\"//sp.example.com/C1\"}}") };
static const struct mst_key naf_key = { { 7, 8, 9 }, MST_KEY_LEN };

static struct enrolee_config config(void)
{
	return (struct enrolee_config){ .crypto = mst_crypto_openssl(),
					.methods = 1u << MST_METHOD_CERT | 1u << MST_METHOD_GBA,
					.ua = { { 1, 0, 1, 0, 0xae } },
					.bootstrap_ms = 9000,
					.from = "urn:dev:ops:1-2-3",
					.open_ms = 3000,
					.answer_ms = 5000 };
}

static bool start(const struct mst_instruction *i, const struct mst_root_cred *pending)
{
	struct enrolee_config c = config();
	struct mst_diag d = { 0 };

	now = 1000;
	enrolee_init(&e, &c);
	return enrolee_start(&e, i, ATTEMPT, pending, now, UTC, &d);
}

static void opened(void)
{
	uint8_t out[MST_EXPORT_LEN];
	bool psk = !enrolee_session(&e).exports;

	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_OPEN);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(0xa0 + i);
	enrolee_opened(&e, psk ? NULL : out, now, UTC);
	/* Nothing of the export is left with the caller. */
	for (unsigned i = 0; !psk && i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
}

static void answer(int rsc, const char *json)
{
	const struct mst_request *q = enrolee_request(&e);
	struct mst_response a = { .rsc = rsc, .content = mst_view_str(json) };

	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_SEND);
	a.rqi = q->rqi;
	enrolee_sent(&e);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_ANSWER);
	now += 10;
	enrolee_feed(&e, &a, now, UTC);
}

static void mef_stage(void)
{
	opened();
	answer(2001, MEF_REG);
	answer(2000, NO_MORE);
	answer(2000, CFG);
	answer(2001, KEY);
}

/* Brings a fresh enrolee into a state; what is sent is sent. */
static void reach(enum enrolee_state s)
{
	struct enrolee_config c = config();

	if (s == ENROLEE_IDLE) {
		enrolee_init(&e, &c);
		return;
	}
	if (s == ENROLEE_BOOTSTRAPPING || s == ENROLEE_KEYING) {
		assert_true(start(&by_card, NULL));
		if (s == ENROLEE_KEYING)
			enrolee_bootstrapped(&e, &in_card, now, UTC);
		return;
	}
	if (s == ENROLEE_PROVING) {
		struct mst_instruction to_cse = by_card;

		to_cse.target = MST_VIEW_LIT("//sp.example.com/IN-CSE");
		to_cse.suid = 22;
		assert_true(start(&to_cse, NULL));
		enrolee_bootstrapped(&e, &in_card, now, UTC);
		enrolee_keyed(&e, &naf_key, now, UTC);
		enrolee_saved(&e, now, UTC);
		return;
	}
	assert_true(start(&instruction, NULL));
	if (s == ENROLEE_FAILED) {
		enrolee_lost(&e, PROV_UNREACHABLE, "no address answered", now, UTC);
		return;
	}
	if (s == ENROLEE_MEF)
		return;
	mef_stage();
	if (s == ENROLEE_SAVING_KEY)
		return;
	enrolee_saved(&e, now, UTC);
	if (s == ENROLEE_MAF)
		return;
	opened();
	answer(2001, MAF_REG);
	if (s == ENROLEE_SAVING_KMID)
		return;
	enrolee_saved(&e, now, UTC);
	if (s == ENROLEE_CONFIRMING)
		return;
	opened();
	answer(2000, MAF_REG);
	if (s == ENROLEE_SAVING_PROOF)
		return;
	enrolee_saved(&e, now, UTC);
	if (s == ENROLEE_PROMOTING)
		return;
	enrolee_saved(&e, now, UTC);
}

static struct mst_root_cred slot_at(enum enrolee_state s)
{
	reach(s);
	assert_int_equal(enrolee_state(&e), s);
	return *enrolee_credential(&e);
}

static void test_from_packet_to_promotion(void **state)
{
	struct mst_key ke = { .n = MST_KEY_LEN }, km;
	const struct mst_root_cred *c = enrolee_credential(&e);
	struct enrolee_session s;

	(void)state;
	for (unsigned i = 0; i < MST_KEY_LEN; i++)
		ke.b[i] = (uint8_t)(0xb0 + i);
	assert_int_equal(
		mst_derive_usage(mst_crypto_openssl(), &ke, 21, MST_VIEW_LIT("maf.example.com"), &km), 0);
	assert_true(start(&instruction, NULL));
	s = enrolee_session(&e);
	assert_false(s.psk);
	assert_string_equal(s.host, "mef.example.com");
	assert_int_equal(s.port, 8443);
	assert_true(enrolee_deadline(&e) == now + 3000);
	opened();
	assert_int_equal(enrolee_point(&e), ENROLEE_AT_MEF_OPENED);
	answer(2001, MEF_REG);
	assert_int_equal(enrolee_point(&e), ENROLEE_AT_MEF_REGISTERED);
	answer(2000, NO_MORE);
	answer(2000, CFG);
	answer(2001, KEY);
	assert_int_equal(enrolee_point(&e), ENROLEE_AT_MEF_KEYED);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_SAVE);
	assert_string_equal(c->key_id, KE_ID);
	assert_true(mst_ct_equal(mst_key_view(&c->key), mst_key_view(&km)));
	assert_true(mst_ct_equal(mst_key_view(&c->ke), mst_key_view(&ke)));
	assert_string_equal(c->maf_uri, "https://maf.example.com:8444/MAF");
	assert_string_equal(c->cse_id, "//sp.example.com/C1");
	assert_true(c->not_after == 1811808000 && mst_root_cred_until(c) == 1811808000);     /* the subscription's end, the soonest */
	assert_true(c->obtained == 1800000001);      /* the server's time */
	enrolee_saved(&e, now, UTC);
	assert_int_equal(enrolee_point(&e), ENROLEE_AT_PENDING_SAVED);
	s = enrolee_session(&e);
	assert_true(s.psk && s.number == 2 && s.port == 8444);
	assert_string_equal(s.host, "maf.example.com");
	assert_string_equal(s.psk_identity, KE_ID);
	opened();
	assert_true(mst_view_eq_str(enrolee_request(&e)->to, "/MAF"));
	assert_true(mst_view_eq_str(enrolee_request(&e)->from, "/C1"));
	answer(2001, MAF_REG);
	assert_string_equal(c->key_id, KM_ID);
	assert_string_equal(c->ke_id, KE_ID);
	assert_true(c->not_after == 1811808000);     /* the key works on … */
	assert_true(mst_root_cred_until(c) == 1809129600);   /* … though now the MAF's et is the soonest */
	assert_int_equal(c->ke.n, MST_KEY_LEN);      /* kept until KmID is confirmed */
	enrolee_saved(&e, now, UTC);
	s = enrolee_session(&e);
	assert_true(s.psk && s.number == 3);
	assert_string_equal(s.psk_identity, KM_ID);
	opened();
	assert_true(mst_view_eq_str(enrolee_request(&e)->to, "/MAF/r7"));
	answer(2000, MAF_REG);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_SAVE);
	assert_true(c->confirmed);
	assert_int_equal(c->ke.n, 0);
	enrolee_saved(&e, now, UTC);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_PROMOTE);
	enrolee_saved(&e, now, UTC);
	assert_int_equal(enrolee_state(&e), ENROLEE_DONE);
	assert_int_equal(enrolee_point(&e), ENROLEE_AT_PROMOTED);
	assert_int_equal(c->key.n, 0);               /* nothing secret stays in memory */
}

/* Lesson 14: wherever the power went, the slot says what is left to do. */
static void test_resume(void **state)
{
	struct mst_root_cred slot = slot_at(ENROLEE_SAVING_KEY);

	(void)state;
	assert_true(start(&instruction, &slot));
	assert_int_equal(enrolee_state(&e), ENROLEE_MAF);
	assert_string_equal(enrolee_session(&e).psk_identity, KE_ID);
	slot = slot_at(ENROLEE_SAVING_KMID);
	assert_true(start(&instruction, &slot));
	assert_int_equal(enrolee_state(&e), ENROLEE_CONFIRMING);
	assert_string_equal(enrolee_session(&e).psk_identity, KM_ID);
	/* … also without an instruction. */
	assert_true(enrolee_resume(&e, &slot, now, UTC));
	assert_int_equal(enrolee_state(&e), ENROLEE_CONFIRMING);
	opened();
	answer(2000, MAF_REG);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_SAVE);
	slot = slot_at(ENROLEE_SAVING_PROOF);
	assert_true(start(&instruction, &slot));
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_PROMOTE);
}

/* A slot of another provider, or one that has ended, is nobody's business: begin anew. */
static void test_slot_that_does_not_fit(void **state)
{
	struct mst_root_cred slot = slot_at(ENROLEE_SAVING_KEY);
	struct mst_instruction other = instruction;

	(void)state;
	other.admin_fqdn = MST_VIEW_LIT("other.example.com");
	assert_true(start(&other, &slot));
	assert_int_equal(enrolee_state(&e), ENROLEE_MEF);
	slot.not_after = UTC;
	assert_true(start(&instruction, &slot));
	assert_int_equal(enrolee_state(&e), ENROLEE_MEF);
	assert_false(enrolee_resume(&e, &slot, now, UTC));
}

/* Lesson 3: a slot that the MAF does not take leads back to the MEF once; lesson 6: only that. */
static void test_dead_slot(void **state)
{
	struct mst_root_cred slot = slot_at(ENROLEE_SAVING_KEY);

	(void)state;
	assert_true(start(&instruction, &slot));
	enrolee_lost(&e, PROV_NOT_AUTHENTICATED, "alert", now, UTC);
	assert_int_equal(enrolee_state(&e), ENROLEE_MEF);
	mef_stage();
	enrolee_saved(&e, now, UTC);
	enrolee_lost(&e, PROV_NOT_AUTHENTICATED, "alert", now, UTC);
	assert_int_equal(enrolee_state(&e), ENROLEE_FAILED);
	assert_int_equal(enrolee_failure(&e)->reason, PROV_NOT_AUTHENTICATED);

	assert_true(start(&instruction, &slot));
	enrolee_lost(&e, PROV_UNREACHABLE, "no address answered", now, UTC);
	assert_int_equal(enrolee_state(&e), ENROLEE_FAILED);
	assert_true(start(&instruction, &slot));
	opened();
	answer(4103, "");
	assert_int_equal(enrolee_failure(&e)->reason, PROV_REFUSED);
	/* KmID that the MAF does not know inside its own session */
	slot = slot_at(ENROLEE_SAVING_KMID);
	assert_true(start(&instruction, &slot));
	opened();
	answer(4004, "");
	assert_int_equal(enrolee_state(&e), ENROLEE_MEF);
}

/* Lesson 7: an instruction is judged before a packet leaves. */
static void test_unsupported(void **state)
{
	struct enrolee_config c = config();
	struct { struct mst_instruction i; const char *field; } bad[7];
	struct mst_diag d;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		bad[i].i = instruction;
	bad[0].i.method = MST_METHOD_PSK, bad[0].field = "method";
	bad[1].i.kind = MST_INSTR_DISCOVERY, bad[1].field = "method";
	bad[2].i.uri = MST_VIEW_LIT("coaps://mef.example.com"), bad[2].field = "uri";
	bad[3].i.suid = 22, bad[3].field = "target";
	bad[4].i.target = MST_VIEW_LIT("//sp.example.com/C2"), bad[4].field = "target";
	bad[5].i.admin_fqdn = MST_VIEW_NONE, bad[5].field = "adminFQDN";
	bad[6].i.maf_uri = MST_VIEW_LIT("http://maf.example.com"), bad[6].field = "mafURI";
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		assert_false(enrolee_supports(&c, &bad[i].i, &d));
		assert_string_equal(d.field, bad[i].field);
		assert_false(start(&bad[i].i, NULL));
		assert_int_equal(enrolee_want(&e), ENROLEE_WANT_NOTHING);
	}
	c.methods = 0;
	assert_false(enrolee_supports(&c, &instruction, &d));
}

/* '-' stays; 'B' begins; 'L', 'G', 'T', 'S': failed as lost, garbage, timeout, storage; 'V' out of turn;
 * 'A' the answer decides (refused here); '>' goes on. */
static void test_every_cell(void **state)
{
	static const char *const expect[ENROLEE_STATE__COUNT] = {
		/* START OPENED ANSWER GARBAGE LOST SAVED SAVE_FAILED TIMER BOOTSTRAPPED KEYED */
		[ENROLEE_IDLE] = "BV---VV-VV",          [ENROLEE_BOOTSTRAPPING] = "?V--LVVT>V",
		[ENROLEE_KEYING] = "?V--LVVTV>",        [ENROLEE_MEF] = "?>AGLVVTVV",
		[ENROLEE_SAVING_KEY] = "?V--->S-VV",    [ENROLEE_MAF] = "?>AGLVVTVV",
		[ENROLEE_SAVING_KMID] = "?V--->S-VV",   [ENROLEE_CONFIRMING] = "?>AGLVVTVV",
		[ENROLEE_SAVING_PROOF] = "?V--->S-VV",  [ENROLEE_PROMOTING] = "?V--->S-VV",
		[ENROLEE_DONE] = "?---------",          [ENROLEE_FAILED] = "?---------",
		[ENROLEE_PROVING] = "?>--LVVTVV",
	};

	(void)state;
	for (int s = 0; s < ENROLEE_STATE__COUNT; s++) {
		const char *row = expect[s];

		for (int ev = ENROLEE_EV_OPENED; ev < ENROLEE_EVENT__COUNT; ev++) {
			struct mst_response a = { .rsc = 4103 };
			enum enrolee_state before;
			uint8_t out[MST_EXPORT_LEN] = { 1 };
			enum prov_reason want = PROV_OK;
			bool in_session = s == ENROLEE_MEF || s == ENROLEE_MAF || s == ENROLEE_CONFIRMING;

			reach((enum enrolee_state)s);
			if (in_session && (ev == ENROLEE_EV_ANSWER || ev == ENROLEE_EV_GARBAGE)) {
				opened();
				a.rqi = enrolee_request(&e)->rqi;
				enrolee_sent(&e);
			}
			before = enrolee_state(&e);
			now += 10000;
			switch ((enum enrolee_event)ev) {
			case ENROLEE_EV_START: break;
			case ENROLEE_EV_OPENED:
				enrolee_opened(&e, s == ENROLEE_MEF ? out : NULL, now, UTC);
				break;
			case ENROLEE_EV_ANSWER: enrolee_feed(&e, &a, now, UTC); break;
			case ENROLEE_EV_GARBAGE: enrolee_garbage(&e, "no RSC", now, UTC); break;
			case ENROLEE_EV_LOST: enrolee_lost(&e, PROV_UNTRUSTED, "wrong name", now, UTC); break;
			case ENROLEE_EV_SAVED: enrolee_saved(&e, now, UTC); break;
			case ENROLEE_EV_SAVE_FAILED: enrolee_save_failed(&e, "disk full", now, UTC); break;
			case ENROLEE_EV_TIMER: enrolee_tick(&e, now, UTC); break;
			case ENROLEE_EV_BOOTSTRAPPED: enrolee_bootstrapped(&e, &in_card, now, UTC); break;
			case ENROLEE_EV_KEYED: enrolee_keyed(&e, &naf_key, now, UTC); break;
			case ENROLEE_EVENT__COUNT: break;
			}
			switch (row[ev]) {
			case '-': assert_int_equal(enrolee_state(&e), before); continue;
			case '>': assert_int_not_equal(enrolee_state(&e), ENROLEE_FAILED); continue;
			case 'A': want = PROV_REFUSED; break;
			case 'G': want = PROV_MALFORMED; break;
			case 'L': want = PROV_UNTRUSTED; break;
			case 'S': want = PROV_STORAGE; break;
			case 'T': want = PROV_TIMEOUT; break;
			case 'V': want = PROV_INTERNAL; break;
			default: fail_msg("no expectation for %d, %d", s, ev);
			}
			assert_int_equal(enrolee_state(&e), ENROLEE_FAILED);
			assert_int_equal(enrolee_failure(&e)->reason, want);
			assert_int_equal(enrolee_want(&e), ENROLEE_WANT_NOTHING);
			assert_int_equal(e.cred.key.n, 0);
			assert_int_equal(e.cred.ke.n, 0);
			assert_int_equal(e.naf_key.n, 0);
		}
	}
}

static void test_points_have_names(void **state)
{
	(void)state;
	for (int p = ENROLEE_AT_NOTHING + 1; p < ENROLEE_POINT__COUNT; p++)
		assert_int_equal(enrolee_point_of(enrolee_point_text((enum enrolee_point)p)), p);
	assert_int_equal(enrolee_point_of("nowhere"), ENROLEE_AT_NOTHING);
	assert_int_equal(enrolee_point_of(""), ENROLEE_AT_NOTHING);
}

static void expect_step(const char *name)
{
	assert_string_equal(enrolee_step_text(enrolee_step(&e)), name);
}

/* Every arrow has its name while it is under way: what a failing run is told by (lesson 20). */
static void test_steps(void **state)
{
	(void)state;
	for (int s = ENROLEE_STEP_NONE + 1; s < ENROLEE_STEP__COUNT; s++) {
		assert_int_equal(enrolee_step_of(enrolee_step_text((enum enrolee_step)s)), s);
		assert_true(enrolee_step_words((enum enrolee_step)s)[0]);
	}
	assert_int_equal(enrolee_step_of("mef.lunch"), ENROLEE_STEP_NONE);
	reach(ENROLEE_IDLE);
	expect_step("");
	assert_true(start(&instruction, NULL));
	expect_step("mef.open");
	opened();
	expect_step("mef.register");
	answer(2001, MEF_REG);
	expect_step("mef.command");
	answer(2000, NO_MORE);
	expect_step("mef.config");
	answer(2000, CFG);
	expect_step("mef.key-register");
	answer(2001, KEY);
	expect_step("node.save");
	enrolee_saved(&e, now, UTC);
	expect_step("maf.open");
	opened();
	expect_step("maf.register");
	answer(2001, MAF_REG);
	enrolee_saved(&e, now, UTC);
	expect_step("maf.activated");
	opened();
	expect_step("maf.registration");
	answer(2000, MAF_REG);
	expect_step("node.save");
	enrolee_saved(&e, now, UTC);
	expect_step("node.promote");
	enrolee_saved(&e, now, UTC);
	expect_step("");
}

static void test_peer(void **state)
{
	static const char *const bad[] = { "",
					   "HTTPS://mef.example.com",
					   "coap://mef.example.com",
					   "https://127.0.0.1",
					   "https://",
					   "http://mef.example.com",
					   "https://user@mef.example.com",
					   "https://mef.example.com:0",
					   "https://mef.example.com:65536",
					   "https://mef.example.com:",
					   "https://mef.example.com/a?b",
					   "https://mef.example.com/a b",
					   "https://[::1]/",
					   "https://mef_x.example.com" };
	struct enrolee_peer u;

	(void)state;
	assert_true(enrolee_peer_of(MST_VIEW_LIT("https://MEF.Example.com"), &u));
	assert_string_equal(u.host, "mef.example.com");
	assert_int_equal(u.port, 443);
	assert_string_equal(u.path, "");
	assert_true(enrolee_peer_of(MST_VIEW_LIT("https://mef.example.com:8443/a/b/"), &u));
	assert_int_equal(u.port, 8443);
	assert_string_equal(u.path, "/a/b");
	assert_true(!u.coap && u.https == 8443);
	assert_true(enrolee_peer_of(MST_VIEW_LIT("coaps://mef.example.com/M"), &u));
	assert_true(u.coap && u.port == 5684 && u.https == 443);
	assert_false(enrolee_https_of(MST_VIEW_LIT("coaps://mef.example.com/M"), &u));
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		if (enrolee_peer_of(mst_view_str(bad[i]), &u))
			fail_msg("taken: %s", bad[i]);
	}
}

/* CoAPS where the device says that it can: its own port wins over the URI's, and HTTPS is where httpPort says. */
static void test_over_coap(void **state)
{
	struct mst_instruction i = instruction;
	struct enrolee_config c = config();
	struct mst_diag d = { 0 };
	struct enrolee_peer u;

	(void)state;
	i.uri = MST_VIEW_LIT("coaps://mef.example.com");
	i.maf_uri = MST_VIEW_LIT("coaps://maf.example.com");
	i.coap_port = 5685;
	assert_false(enrolee_supports(&c, &i, &d));
	assert_true(!strcmp(d.field, "uri") && strstr(d.text, "not https://"));
	c.coap = true;
	assert_true(enrolee_supports(&c, &i, &d));
	assert_true(enrolee_mef_of(&i, &u) && u.coap && u.port == 5685 && u.https == 443);
	i.http_port = 8443;
	assert_true(enrolee_mef_of(&i, &u) && u.port == 5685 && u.https == 8443);
	i.uri = MST_VIEW_LIT("https://mef.example.com");
	assert_true(enrolee_mef_of(&i, &u) && !u.coap && u.port == 8443);
	i.uri = MST_VIEW_LIT("coap://mef.example.com");
	assert_false(enrolee_supports(&c, &i, &d));
	assert_non_null(strstr(d.text, "not https or coaps://"));
	i.uri = MST_VIEW_LIT("coaps://mef.example.com");
	enrolee_init(&e, &c);
	assert_true(enrolee_start(&e, &i, ATTEMPT, NULL, now, UTC, &d));
	assert_true(enrolee_session(&e).at->coap && enrolee_session(&e).port == 5685);
	/* a key of GBA is one of TLS */
	c.methods |= 1u << MST_METHOD_GBA;
	i.method = MST_METHOD_GBA;
	i.uri = MST_VIEW_LIT("https://bsf.example.com");
	assert_false(enrolee_supports(&c, &i, &d));
	assert_string_equal(d.field, "mafURI");
}

/* The MEF says where the MAF is; a device without CoAP says that it cannot go there. */
static void test_a_maf_that_is_out_of_reach(void **state)
{
	(void)state;
	assert_true(start(&instruction, NULL));
	opened();
	answer(2001, MEF_REG);
	answer(2000, NO_MORE);
	answer(2000, CFG_COAP);
	answer(2001, KEY);
	enrolee_saved(&e, now, UTC);
	assert_int_equal(enrolee_failure(&e)->reason, PROV_UNSUPPORTED);
	assert_non_null(strstr(enrolee_failure(&e)->detail, "coaps"));
}

/* The other way in (TS-0003 8.3.2.1): the maker's secret proves both ends; everything behind it is the same. */
static void test_by_secret(void **state)
{
	static const struct mst_key kpm = { { 1, 2, 3 }, 32 }, none;
	struct mst_instruction i = instruction;
	struct enrolee_config c = config();
	struct mst_root_cred pending;
	struct enrolee_session s;
	struct mst_diag d = { 0 };

	(void)state;
	i.method = MST_METHOD_PSK;
	assert_false(enrolee_supports(&c, &i, &d));      /* lesson 7: before anything leaves */
	assert_non_null(strstr(d.text, "holds no maker's secret"));
	c.methods = 1u << MST_METHOD_PSK;
	c.kpm_id = "n7@mef.example.com";
	c.kpm = &none;
	assert_false(enrolee_supports(&c, &i, &d));
	c.kpm = &kpm;
	assert_true(enrolee_supports(&c, &i, &d));
	assert_false(enrolee_supports(&c, &instruction, &d));    /* lesson 27: one does not bring the other */
	c.from = "";                                     /* a node that knows its secret only */
	now = 1000;
	enrolee_init(&e, &c);
	assert_true(enrolee_start(&e, &i, ATTEMPT, NULL, now, UTC, &d));
	s = enrolee_session(&e);
	assert_true(s.psk && s.exports && s.key == &kpm);
	assert_string_equal(s.psk_identity, "n7@mef.example.com");
	assert_string_equal(s.host, "mef.example.com");
	/* a shell that keeps it elsewhere is asked for the session, and has it for that alone */
	c.kpm = NULL;
	assert_true(enrolee_supports(&c, &i, &d));
	enrolee_init(&e, &c);
	assert_true(enrolee_start(&e, &i, ATTEMPT, NULL, now, UTC, &d));
	s = enrolee_session(&e);
	assert_true(s.psk && s.exports && !s.key);
	assert_string_equal(s.psk_identity, "n7@mef.example.com");
	opened();
	assert_int_equal(enrolee_request(&e)->from.n, 0);
	answer(2001, MEF_REG);
	assert_true(mst_view_eq_str(enrolee_request(&e)->from, "urn:dev:ops:1-2-3"));
	answer(2000, NO_MORE);
	answer(2000, CFG);
	answer(2001, KEY);
	pending = *enrolee_credential(&e);
	assert_int_equal(pending.ke.n, MST_KEY_LEN);
	assert_string_equal(pending.ke_id, KE_ID);
	enrolee_saved(&e, now, UTC);
	s = enrolee_session(&e);
	assert_true(s.psk && !s.exports);
	assert_string_equal(s.psk_identity, KE_ID);
	/* with the power back the slot is gone on with, and a slot that the MAF does not know leads back, by the secret */
	assert_true(enrolee_start(&e, &i, ATTEMPT, &pending, now, UTC, &d));
	enrolee_lost(&e, PROV_NOT_AUTHENTICATED, "refused", now, UTC);
	s = enrolee_session(&e);
	assert_true(s.psk && s.exports);
	enrolee_deinit(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_secret),
		cmocka_unit_test(test_from_packet_to_promotion),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_slot_that_does_not_fit),
		cmocka_unit_test(test_dead_slot),
		cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_points_have_names),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_peer), cmocka_unit_test(test_over_coap), cmocka_unit_test(test_a_maf_that_is_out_of_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
