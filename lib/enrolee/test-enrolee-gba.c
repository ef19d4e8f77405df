/* Method gba: what comes of a run on Ub, in both arrangements, with a card that keeps Ks and one that does not. */
#include "tests/support/cm.h"

#include "crypto/derive.h"
#include "enrolee/enrolee.h"
#include "enrolee/renewal.h"

#define UTC 1800000000
#define BSF "bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@" BSF
#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define ATTEMPT "00112233445566778899aabbccddeeff"
#define MAF_REG(kmid) "{\"sec:mafClientReg\":{\"ri\":\"r7\",\"et\":\"20280501T000000\",\"adminFQDN\":\"sp.example.com\"," kmid "\"clientID\":\"//sp.example.com/C1\"}}"
#define ASSIGNED "\"assignedSymmKeyID\":\"" BTID "\","
#define CFG "{\"sec:mefClientCfg\":{\"cseID\":\"//sp.example.com/C1\",\"nodeID\":\"urn:dev:ops:1-2-3\",\"registrarPoA\":[\"https://in.sp.example.com\"]," \
	"\"mafURI\":\"https://maf.example.com:8444/MAF\",\"subscriptionUntil\":\"20270115T083000\"}}"

static struct enrolee e;
static mst_ms now;
static const struct mst_instruction instruction = {
	.kind = MST_INSTR_BOOTSTRAP, .method = MST_METHOD_GBA, .uri = MST_VIEW_LIT("http://" BSF "/"), .target = MST_VIEW_LIT("MAF.example.com"),
	.admin_fqdn = MST_VIEW_LIT("sp.example.com"),
};

static struct enrolee_config config(void)
{
	return (struct enrolee_config){ .crypto = mst_crypto_openssl(), .methods = 1u << MST_METHOD_GBA, .from = "", .ua = gba_ua_tls(0x00ae),
					.bootstrap_ms = 9000, .open_ms = 3000, .answer_ms = 5000 };
}

static struct gba_context context(void)
{
	struct gba_context x = { .btid = BTID, .impi = IMPI, .ks = { .n = GBA_KS }, .authenticated = true, .expires = UTC + 3600, .bsf_time = UTC + 5,
				 .remaining = 3595, .configuration = MST_VIEW_LIT(CFG) };

	for (unsigned i = 0; i < GBA_KS; i++)
		x.ks.b[i] = (uint8_t)(i * 7);
	memset(x.rnd, 0x23, sizeof(x.rnd));
	return x;
}

static bool start_with(const struct enrolee_config *c, const struct mst_instruction *i, const struct mst_root_cred *pending, struct mst_diag *d)
{
	now = 1000;
	enrolee_init(&e, c);
	return enrolee_start(&e, i, ATTEMPT, pending, now, UTC, d);
}

static void start(const struct mst_root_cred *pending)
{
	struct enrolee_config c = config();
	struct mst_diag d = { 0 };

	assert_true(start_with(&c, &instruction, pending, &d));
}

static void answer(int rsc, const char *json)
{
	struct mst_response a = { .rsc = rsc, .content = mst_view_str(json) };

	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_SEND);
	a.rqi = enrolee_request(&e)->rqi;
	enrolee_sent(&e);
	enrolee_feed(&e, &a, now, UTC);
}

static void is_naf_key(const struct mst_key *key, const struct gba_context *x, const char *fqdn)
{
	struct gba_ua ua = gba_ua_tls(0x00ae);
	uint8_t id[GBA_NAF_ID_MAX];
	struct mst_key want;
	size_t n;

	assert_true(gba_naf_id(mst_view_str(fqdn), &ua, id, &n));
	assert_int_equal(gba_ks_naf(mst_crypto_openssl(), GBA_KEY_ME, x->ks.b, x->rnd, mst_view_str(IMPI), (struct mst_view){ id, n }, &want), 0);
	assert_true(mst_ct_equal(mst_key_view(key), mst_key_view(&want)));
}

static void from_bootstrapping_to_promotion(void **state)
{
	const struct mst_root_cred *c = enrolee_credential(&e);
	struct gba_context x = context();
	struct enrolee_session s;

	(void)state;
	start(NULL);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_BOOTSTRAP);
	assert_string_equal(enrolee_bsf(&e), "http://" BSF "/");
	assert_string_equal(enrolee_step_text(enrolee_step(&e)), "bsf.bootstrap");
	assert_true(enrolee_deadline(&e) == now + 9000);
	assert_null(enrolee_request(&e));
	enrolee_bootstrapped(&e, &x, now, UTC);
	assert_int_equal(enrolee_point(&e), ENROLEE_AT_NAF_KEYED);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_SAVE);
	assert_true(e.server_time == UTC + 5);
	/* TS-0003 8.3.2.3: Ke is Ks, KeID the B-TID, Km the NAF key; nothing else is derived */
	assert_string_equal(c->key_id, BTID);
	assert_string_equal(c->ke_id, BTID);
	assert_true(mst_ct_equal(mst_key_view(&c->ke), mst_key_view(&x.ks)));
	is_naf_key(&c->key, &x, "maf.example.com");
	assert_int_equal(c->method, MST_METHOD_GBA);
	assert_memory_equal(c->ua, "\1\0\1\0\xae", 5);
	assert_true(mst_is_naf_key(c));
	assert_string_equal(c->cse_id, "//sp.example.com/C1");
	assert_string_equal(c->registrar_poa[0], "https://in.sp.example.com");
	assert_string_equal(c->maf_uri, "https://maf.example.com:8444/MAF");
	assert_string_equal(c->mef_fqdn, BSF);
	assert_true(c->not_after == 1800001800);     /* the subscription's end is the sooner */
	assert_true(c->obtained == UTC + 5);
	enrolee_saved(&e, now, UTC);
	assert_int_equal(enrolee_point(&e), ENROLEE_AT_PENDING_SAVED);
	s = enrolee_session(&e);
	assert_true(s.psk && !s.exports && s.port == 8444 && s.key == &c->key);
	assert_memory_equal(s.ua, "\1\0\1\0\xae", 5);
	assert_string_equal(s.psk_identity, BTID);
	enrolee_opened(&e, NULL, now, UTC);
	assert_true(mst_view_eq_str(enrolee_request(&e)->from, "/C1"));
	answer(2001, MAF_REG(ASSIGNED));
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_SAVE);
	assert_string_equal(c->key_id, BTID);
	assert_string_equal(c->maf_reg_id, "r7");
	enrolee_saved(&e, now, UTC);
	assert_int_equal(enrolee_state(&e), ENROLEE_CONFIRMING);
	assert_string_equal(enrolee_session(&e).psk_identity, BTID);
	enrolee_opened(&e, NULL, now, UTC);
	answer(2000, MAF_REG(ASSIGNED));
	assert_int_equal(c->ke.n, 0);                /* Ks is not kept beyond its use */
	enrolee_saved(&e, now, UTC);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_PROMOTE);
	enrolee_saved(&e, now, UTC);
	assert_int_equal(enrolee_state(&e), ENROLEE_DONE);
	assert_int_equal(c->key.n, 0);
}

static void the_card_keeps_ks(void **state)
{
	static const struct mst_key key = { { 1, 2, 3 }, MST_KEY_LEN }, bad = { { 1 }, 16 };
	const struct mst_root_cred *c = enrolee_credential(&e);
	struct gba_context x = context();
	struct enrolee_naf naf;

	(void)state;
	for (int i = 0; i < 2; i++) {
		x.in_card = true;
		mst_key_wipe(&x.ks);
		start(NULL);
		enrolee_bootstrapped(&e, &x, now, UTC);
		assert_int_equal(enrolee_want(&e), ENROLEE_WANT_NAF_KEY);
		assert_int_equal(enrolee_point(&e), ENROLEE_AT_BOOTSTRAPPED);
		assert_string_equal(enrolee_step_text(enrolee_step(&e)), "card.naf-key");
		naf = enrolee_naf(&e);
		assert_string_equal(naf.impi, IMPI);
		assert_true(mst_view_eq(naf.naf_id, MST_VIEW_LIT("maf.example.com\1\0\1\0\xae")));
		enrolee_keyed(&e, i ? &bad : &key, now, UTC);
		if (i) {
			assert_int_equal(enrolee_failure(&e)->reason, PROV_INTERNAL);
			return;
		}
		assert_int_equal(enrolee_want(&e), ENROLEE_WANT_SAVE);
		assert_true(mst_ct_equal(mst_key_view(&c->key), mst_key_view(&key)));
		assert_int_equal(c->ke.n, 0);
		assert_string_equal(c->ke_id, BTID);
	}
}

/* Lesson 14: with one name for the key in every stage it is the registration that tells how far a slot is. */
static void with_the_power_back(void **state)
{
	struct gba_context x = context();
	struct mst_root_cred slot;

	(void)state;
	start(NULL);
	enrolee_bootstrapped(&e, &x, now, UTC);
	slot = *enrolee_credential(&e);
	start(&slot);
	assert_int_equal(enrolee_state(&e), ENROLEE_MAF);
	enrolee_opened(&e, NULL, now, UTC);
	answer(2001, MAF_REG(""));                   /* no name assigned is no other name */
	slot = *enrolee_credential(&e);
	assert_string_equal(slot.key_id, BTID);
	start(&slot);
	assert_int_equal(enrolee_state(&e), ENROLEE_CONFIRMING);
	assert_true(enrolee_resume(&e, &slot, now, UTC));
	assert_int_equal(enrolee_state(&e), ENROLEE_CONFIRMING);
	/* what the MAF does not know any more goes back to the BSF, once; unreachable does not (lesson 6) */
	start(&slot);
	enrolee_lost(&e, PROV_UNREACHABLE, "no route", now, UTC);
	assert_int_equal(enrolee_state(&e), ENROLEE_FAILED);
	start(&slot);
	enrolee_lost(&e, PROV_NOT_AUTHENTICATED, "alert 115", now, UTC);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_BOOTSTRAP);
	enrolee_bootstrapped(&e, &x, now, UTC);
	enrolee_saved(&e, now, UTC);
	enrolee_lost(&e, PROV_NOT_AUTHENTICATED, "alert 115", now, UTC);
	assert_int_equal(enrolee_failure(&e)->reason, PROV_NOT_AUTHENTICATED);
	/* no common suite says nothing about the key; only that one for another suite is wanted, when the settings name one by now */
	start(&slot);
	enrolee_lost(&e, PROV_UNSUPPORTED, "no common TLS version or cipher suite", now, UTC);
	assert_int_equal(enrolee_failure(&e)->reason, PROV_UNSUPPORTED);
	{
		struct enrolee_config other = config();
		struct mst_diag d = { 0 };

		other.ua = gba_ua_tls(0x00a8);
		assert_true(start_with(&other, &instruction, &slot, &d));
		assert_int_equal(enrolee_state(&e), ENROLEE_CONFIRMING);
		enrolee_lost(&e, PROV_UNSUPPORTED, "no common TLS version or cipher suite", now, UTC);
		assert_int_equal(enrolee_want(&e), ENROLEE_WANT_BOOTSTRAP);
	}
	/* a slot whose key has ended is none */
	slot.not_after = UTC;
	start(&slot);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_BOOTSTRAP);
}

static void another_name_for_the_key(void **state)
{
	struct gba_context x = context();

	(void)state;
	start(NULL);
	enrolee_bootstrapped(&e, &x, now, UTC);
	enrolee_saved(&e, now, UTC);
	enrolee_opened(&e, NULL, now, UTC);
	answer(2001, MAF_REG("\"assignedSymmKeyID\":\"0123abcd@maf.example.com\","));
	assert_int_equal(enrolee_failure(&e)->reason, PROV_MALFORMED);
	assert_non_null(strstr(enrolee_failure(&e)->detail, "assignedSymmKeyID"));
}

/* An operator's BSF knows no oneM2M: then the settings say who this node is. */
static void no_configuration(void **state)
{
	struct enrolee_config c = config();
	struct gba_context x = context();
	struct mst_root_cred slot;
	struct mst_diag d = { 0 };

	(void)state;
	x.configuration = MST_VIEW_NONE;
	x.bsf_time = 0;
	c.own_cse_id = "//sp.example.com/C7";
	c.psk_separator = ';';
	assert_true(start_with(&c, &instruction, NULL, &d));
	enrolee_bootstrapped(&e, &x, now, UTC);
	assert_string_equal(enrolee_credential(&e)->cse_id, "//sp.example.com/C7");
	assert_string_equal(enrolee_credential(&e)->maf_uri, "https://maf.example.com");
	assert_true(enrolee_credential(&e)->not_after == UTC + 3600);
	enrolee_saved(&e, now, UTC);
	assert_string_equal(enrolee_session(&e).psk_identity, "3GPP-bootstrapping;" BTID);
	slot = *enrolee_credential(&e);
	/* nobody says: no packet leaves towards the MAF, and no slot is written */
	c.own_cse_id = NULL;
	assert_true(start_with(&c, &instruction, NULL, &d));
	enrolee_bootstrapped(&e, &x, now, UTC);
	assert_int_equal(enrolee_state(&e), ENROLEE_FAILED);
	assert_int_equal(enrolee_failure(&e)->reason, PROV_UNSUPPORTED);
	assert_non_null(strstr(enrolee_failure(&e)->detail, "gba.cse_id"));
	/* one from before does not stand in the way, for what is said by now is asked for */
	assert_true(start_with(&c, &instruction, &slot, &d));
	assert_int_equal(enrolee_state(&e), ENROLEE_MAF);
	slot.cse_id[0] = 0;
	assert_true(start_with(&c, &instruction, &slot, &d));
	assert_int_equal(enrolee_state(&e), ENROLEE_BOOTSTRAPPING);
	assert_false(enrolee_resume(&e, &slot, now, UTC));
}

static void configurations_that_are_none(void **state)
{
	static const struct { const char *json, *says; } row[] = {
		{ "{", "" }, { "[]", "" }, { "{\"cseID\":7}", "sec:mefClientCfg" }, { "{\"sec:mefClientCfg\":{\"cseID\":7}}", "cseID" }, { "{\"sec:mefClientCfg\":{\"mafFQDN\":\"other.example.com\"}}", "mafFQDN" }, { "{\"sec:mefClientCfg\":{\"cseID\":\"C1\"}}", "cseID" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct gba_context x = context();

		x.configuration = mst_view_str(row[i].json);
		start(NULL);
		enrolee_bootstrapped(&e, &x, now, UTC);
		assert_int_equal(enrolee_failure(&e)->reason, PROV_MALFORMED);
		assert_non_null(strstr(enrolee_failure(&e)->detail, "the BSF's configuration: "));
		assert_non_null(strstr(enrolee_failure(&e)->detail, row[i].says));
		assert_int_equal(enrolee_credential(&e)->ke.n, 0);
	}
}

/* The older arrangement: the MEF is the NAF; everything behind its session is as with a maker's secret. */
static void through_a_mef(void **state)
{
	struct mst_instruction i = instruction;
	struct enrolee_config c = config();
	struct gba_context x = context();
	struct enrolee_session s;
	struct mst_diag d = { 0 };

	(void)state;
	i.uri = MST_VIEW_LIT("https://mef.example.com:8443");
	assert_true(start_with(&c, &i, NULL, &d));
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_BOOTSTRAP);
	assert_string_equal(enrolee_bsf(&e), "");
	enrolee_bootstrapped(&e, &x, now, UTC);
	s = enrolee_session(&e);
	assert_true(s.psk && s.exports && s.port == 8443);
	assert_string_equal(s.host, "mef.example.com");
	assert_string_equal(s.psk_identity, BTID);
	assert_memory_equal(s.ua, "\1\0\1\0\xae", 5);
	is_naf_key(s.key, &x, "mef.example.com");
	/* an https BSF is one when the settings say so */
	c.bsf_host = "mef.example.com";
	assert_true(start_with(&c, &i, NULL, &d));
	assert_string_equal(enrolee_bsf(&e), "https://mef.example.com:8443");
}

#define CSE "//sp.example.com/IN-CSE"
#define CSE_NAME "IN-CSE.sp.example.com"
#define CSE_CFG(poa) "{\"sec:mefClientCfg\":{\"cseID\":\"//sp.example.com/C1\",\"mafFQDN\":\"maf.example.com\",\"registrarPoA\":[" poa "]}}"

static struct mst_instruction to_cse(void)
{
	struct mst_instruction i = instruction;

	i.target = MST_VIEW_LIT(CSE);
	i.suid = MST_SUID_KPSA;
	return i;
}

/*
 * All of ours ask for and derive keys for the NAF's name in lower case, whatever the instruction says: so any of them meets any other.
 * With a NAF of somebody else's that spells its name with capitals to its BSF the settings say "as it is spelled" (quirks.naf).
 */
static void the_name_that_the_key_is_for(void **state)
{
	static const struct { const char *target; bool cse, as_spelled; const char *name; } row[] = {
		{ "maf.example.com", false, false, "maf.example.com" }, { "MAF.Example.com", false, false, "maf.example.com" },
		{ "maf.example.com", false, true, "maf.example.com" }, { "MAF.Example.com", false, true, "MAF.Example.com" },
		{ CSE, true, false, "in-cse.sp.example.com" }, { "//SP.example.com/IN-CSE", true, false, "in-cse.sp.example.com" },
		{ CSE, true, true, CSE_NAME }, { "//SP.example.com/In-CSE", true, true, "In-CSE.SP.example.com" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_instruction to = row[i].cse ? to_cse() : instruction;
		struct mst_quirks q = mst_quirks_default;
		struct enrolee_config c = config();
		struct gba_context x = context();
		struct mst_diag d = { 0 };

		to.target = mst_view_str(row[i].target);
		q.naf_as_spelled = row[i].as_spelled;
		c.quirks = &q;
		c.own_cse_id = "//sp.example.com/C7";
		x.configuration = MST_VIEW_NONE;
		if (!start_with(&c, &to, NULL, &d))
			fail_msg("%s: %s", d.field, d.text);
		enrolee_bootstrapped(&e, &x, now, UTC);
		is_naf_key(&enrolee_credential(&e)->key, &x, row[i].name);
		/* where it is dialled has no case */
		enrolee_saved(&e, now, UTC);
		assert_string_equal(enrolee_session(&e).host, row[i].cse ? "in-cse.sp.example.com" : "maf.example.com");
	}
}

static void start_cse(const struct mst_root_cred *pending, const char *configuration, struct gba_context *x)
{
	struct mst_instruction i = to_cse();
	struct enrolee_config c = config();
	struct mst_diag d = { 0 };

	*x = context();
	x->configuration = mst_view_str(configuration);
	c.own_cse_id = "//sp.example.com/C7";
	if (!start_with(&c, &i, pending, &d))
		fail_msg("%s: %s", d.field, d.text);
	if (!pending)
		enrolee_bootstrapped(&e, x, now, UTC);
}

/* TS-0003 8.3.2.3 with a CSE as Enrolment Target: Kpsa is the NAF key for its public domain name, KpsaId the B-TID. */
static void a_cse_as_target(void **state)
{
	const struct mst_root_cred *c = enrolee_credential(&e);
	struct enrolee_session s;
	struct gba_context x;
	struct mst_root_cred slot;

	(void)state;
	start_cse(NULL, CSE_CFG("\"https://other.example.com\",\"https://in-cse.sp.example.com:8443/in\""), &x);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_SAVE);
	is_naf_key(&c->key, &x, "in-cse.sp.example.com");
	assert_string_equal(c->key_id, BTID);
	assert_int_equal(c->suid, 22);
	assert_string_equal(c->registrar_cse_id, CSE);
	assert_string_equal(c->registrar_poa[0], "https://in-cse.sp.example.com:8443/in");
	assert_string_equal(c->registrar_poa[1], "https://other.example.com");
	assert_int_equal(c->n_registrar_poa, 2);
	assert_true(!c->maf_fqdn[0] && !c->maf_uri[0] && mst_is_naf_key(c));
	assert_string_equal(c->cse_id, "//sp.example.com/C1");
	enrolee_saved(&e, now, UTC);
	slot = *c;
	{
		struct mst_instruction home = to_cse(), other = home, to_maf = instruction;

		other.target = MST_VIEW_LIT("//sp.example.com/OTHER");
		assert_true(mst_leads_home(&home, &slot) && !mst_leads_home(&other, &slot) && !mst_leads_home(&to_maf, &slot));
	}
	s = enrolee_session(&e);
	assert_true(s.psk && !s.exports && s.port == 8443 && s.key == &c->key);
	assert_string_equal(s.host, "in-cse.sp.example.com");
	assert_string_equal(s.psk_identity, BTID);
	assert_memory_equal(s.ua, "\1\0\1\0\xae", 5);
	assert_string_equal(enrolee_step_text(enrolee_step(&e)), "cse.open");
	assert_true(enrolee_deadline(&e) == now + 3000);
	/* that the session opens is the proof; nothing is sent in it */
	enrolee_opened(&e, NULL, now, UTC);
	assert_int_equal(enrolee_point(&e), ENROLEE_AT_CONFIRMED);
	assert_null(enrolee_request(&e));
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_SAVE);
	assert_true(c->confirmed && !c->ke.n);
	enrolee_saved(&e, now, UTC);
	enrolee_saved(&e, now, UTC);
	assert_int_equal(enrolee_state(&e), ENROLEE_DONE);
	/* the power goes before the proof, and behind it */
	start_cse(&slot, "", &x);
	assert_int_equal(enrolee_state(&e), ENROLEE_PROVING);
	assert_true(enrolee_resume(&e, &slot, now, UTC));
	assert_int_equal(enrolee_state(&e), ENROLEE_PROVING);
	slot.confirmed = true;
	start_cse(&slot, "", &x);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_PROMOTE);
	/* unreachable is no reason to bootstrap again, refused is, once (lessons 3 and 6) */
	slot.confirmed = false;
	start_cse(&slot, "", &x);
	enrolee_lost(&e, PROV_UNREACHABLE, "no route", now, UTC);
	assert_int_equal(enrolee_failure(&e)->reason, PROV_UNREACHABLE);
	start_cse(&slot, "", &x);
	enrolee_lost(&e, PROV_NOT_AUTHENTICATED, "alert 115", now, UTC);
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_BOOTSTRAP);
	x.configuration = MST_VIEW_NONE;
	enrolee_bootstrapped(&e, &x, now, UTC);
	enrolee_saved(&e, now, UTC);
	enrolee_lost(&e, PROV_NOT_AUTHENTICATED, "alert 115", now, UTC);
	assert_int_equal(enrolee_failure(&e)->reason, PROV_NOT_AUTHENTICATED);
}

static void where_the_cse_is(void **state)
{
	static const struct { const char *cfg, *poa[4]; } row[] = {
		{ "", { "https://in-cse.sp.example.com" } },
		{ CSE_CFG("\"https://a.example\""), { "https://in-cse.sp.example.com", "https://a.example" } },
		{ CSE_CFG("\"http://in-cse.sp.example.com\""), { "https://in-cse.sp.example.com", "http://in-cse.sp.example.com" } },
		/* a NAF key is no key for DTLS */
		{ CSE_CFG("\"coaps://in-cse.sp.example.com\""), { "https://in-cse.sp.example.com", "coaps://in-cse.sp.example.com" } },
		{ CSE_CFG("\"coaps://in-cse.sp.example.com\",\"https://in-cse.sp.example.com:8443\""),
		  { "https://in-cse.sp.example.com:8443", "coaps://in-cse.sp.example.com" } },
		{ CSE_CFG("\"https://a.example\",\"https://b.example\",\"https://c.example\",\"https://d.example\""),
		  { "https://in-cse.sp.example.com", "https://a.example", "https://b.example", "https://c.example" } },
		{ CSE_CFG("\"https://a.example\",\"https://b.example\",\"https://c.example\",\"https://IN-CSE.sp.example.com:1\""),
		  { "https://IN-CSE.sp.example.com:1", "https://a.example", "https://b.example", "https://c.example" } },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		const struct mst_root_cred *c = enrolee_credential(&e);
		struct gba_context x;
		size_t n = 0;

		start_cse(NULL, row[i].cfg, &x);
		while (n < 4 && row[i].poa[n]) {
			assert_string_equal(c->registrar_poa[n], row[i].poa[n]);
			n++;
		}
		assert_int_equal(c->n_registrar_poa, n);
	}
}

static void targets_that_are_no_cse(void **state)
{
	static const struct { const char *target, *uri; int suid, method; const char *says; } row[] = {
		{ CSE, "http://" BSF, 21, MST_METHOD_GBA, "SUID 22" },
		{ CSE, "http://" BSF, 23, MST_METHOD_GBA, "SUID 22" },
		{ "//sp.example.com/IN_CSE", "http://" BSF, 22, MST_METHOD_GBA, "letters, digits and hyphens" },
		{ "//sp.example.com/CSE1/C2", "http://" BSF, 22, MST_METHOD_GBA, "absolute CSE-ID" },
		{ CSE, "https://mef.example.com", 22, MST_METHOD_GBA, "gba.bsf" },
		{ CSE, "https://mef.example.com", 22, MST_METHOD_CERT, "method gba alone" },
	};
	struct gba_context x;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_instruction q = to_cse();
		struct enrolee_config c = config();
		struct mst_diag d = { 0 };

		c.methods |= 1u << MST_METHOD_CERT;
		q.target = mst_view_str(row[i].target);
		q.uri = mst_view_str(row[i].uri);
		q.suid = row[i].suid;
		q.method = row[i].method;
		assert_false(start_with(&c, &q, NULL, &d));
		assert_string_equal(d.field, "target");
		if (!strstr(d.text, row[i].says))
			fail_msg("%s: %s", row[i].target, d.text);
	}
	start_cse(NULL, "{\"sec:mefClientCfg\":{\"registrarCSEID\":\"//sp.example.com/OTHER\"}}", &x);
	assert_int_equal(enrolee_failure(&e)->reason, PROV_MALFORMED);
	if (!strstr(enrolee_failure(&e)->detail, "registrar"))
		fail_msg("%s", enrolee_failure(&e)->detail);
}

static void what_is_not_supported(void **state)
{
	struct enrolee_config c = config();
	struct mst_instruction i = instruction;
	struct mst_diag d = { 0 };

	(void)state;
	c.methods = 1u << MST_METHOD_CERT | 1u << MST_METHOD_PSK;
	assert_false(start_with(&c, &i, NULL, &d));
	assert_non_null(strstr(d.text, "card"));
	c = config();
	i.uri = MST_VIEW_LIT("coaps://bsf.example.com");
	assert_false(start_with(&c, &i, NULL, &d));
	assert_string_equal(d.field, "uri");
	i.uri = MST_VIEW_LIT("http://127.0.0.1/");
	assert_false(start_with(&c, &i, NULL, &d));
}

/* A session with a server's certificate proves no key: that is for where requests follow, and for a MAF alone. */
static void digest_is_for_a_maf(void **state)
{
	struct enrolee_config c = config();
	struct mst_instruction i = instruction;
	struct gba_context x = context();
	struct mst_diag d = { 0 };

	(void)state;
	c.digest = true;
	c.ua = gba_ua_tls(0xc02b);
	assert_true(start_with(&c, &i, NULL, &d));
	assert_int_equal(enrolee_want(&e), ENROLEE_WANT_BOOTSTRAP);
	enrolee_bootstrapped(&e, &x, now, UTC);
	assert_memory_equal(enrolee_credential(&e)->ua, c.ua.b, GBA_UA);
	i.uri = MST_VIEW_LIT("https://mef.example.com");
	assert_false(start_with(&c, &i, NULL, &d));
	assert_string_equal(d.field, "method");
	assert_non_null(strstr(d.text, "gba.ua"));
	i = instruction;
	i.suid = MST_SUID_KPSA;
	i.target = MST_VIEW_LIT("//sp.example.com/CSE1");
	assert_false(start_with(&c, &i, NULL, &d));
	assert_string_equal(d.field, "method");
	c.digest = false;
	assert_true(start_with(&c, &i, NULL, &d));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(from_bootstrapping_to_promotion), cmocka_unit_test(the_card_keeps_ks), cmocka_unit_test(with_the_power_back),
		cmocka_unit_test(another_name_for_the_key), cmocka_unit_test(no_configuration), cmocka_unit_test(configurations_that_are_none),
		cmocka_unit_test(through_a_mef), cmocka_unit_test(what_is_not_supported), cmocka_unit_test(digest_is_for_a_maf),
		cmocka_unit_test(the_name_that_the_key_is_for), cmocka_unit_test(a_cse_as_target), cmocka_unit_test(where_the_cse_is), cmocka_unit_test(targets_that_are_no_cse),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
