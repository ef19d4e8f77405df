/*
 * Certificates over EST at the MEF, with the real keeper over a real store: who is given which, what is refused and
 * why, that a repeated request gets the same answer. That nothing else reaches the CA key is tried in admin/test-signing.c.
 */
#include "role/test-est-rig.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"

#define CSE_NAME "CSE0001.sp.example.com"

static void event_is(const char *what, const char *part)
{
	struct mst_event e;

	assert_true(rig_last_event(&est_rig, &e));
	if (strcmp(e.what, what) || !strstr(e.why, part))
		fail_msg("%s: %s, not %s: %s", e.what, e.why, what, part);
}

/* --- good --- */

static void a_node_gets_its_certificate(void **state)
{
	struct mst_csr_attrs a = est_attributes();
	struct est_csr c = est_csr_of(&est_k1, &a.san, a.challenge);
	uint8_t ca[MST_CERT_MAX];
	struct mst_cert_row row;
	struct est_cert first, again;
	size_t n;

	(void)state;
	assert_int_equal(a.san.kind, MST_ID_FQDN);
	assert_string_equal(a.san.value, "cse0001.sp.example.com");
	assert_int_equal(est_ask(MST_OP_RETRIEVE, "cacerts", "", MST_VIEW_NONE), MST_RSC_OK);
	(void)est_got();
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	first = est_got();
	event_is("mef.certificate", first.i.serial);
	assert_int_equal(est_rig.keeper->ops->ca_cert(est_rig.keeper, ca, sizeof(ca), &n), 0);
	assert_true(mst_cert_issued_by((struct mst_view){ first.b, first.n }, (struct mst_view){ ca, n }));
	assert_int_equal(first.i.n_san, 1);
	assert_string_equal(first.i.san[0].value, a.san.value);
	assert_int_equal(first.i.not_after, RIG_NOW + 90 * RIG_DAY);
	assert_false(first.i.is_ca);
	assert_int_equal(mst_store_cert_get(est_rig.store, first.i.serial, &row), 0);
	assert_int_equal(row.node, est_rig.node);

	/* lessons 10 and 11: the answer was lost; the same request is given the same certificate, and nothing is signed */
	n = (size_t)est_signatures();
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	again = est_got();
	assert_int_equal(again.n, first.n);
	assert_memory_equal(again.b, first.b, first.n);
	assert_int_equal(est_signatures(), n);
	/* even when the challenge is long over */
	est_rig.now += 2 * EST_CHALLENGE_LIFE;
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	assert_int_equal(est_signatures(), n);
	/* the certificate is who the node is, and not under the maker's anchor */
	est_peer_is(&again, again.i.not_after);
	assert_int_equal(rig_do(&est_rig, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/reg-none/cmd", "/CSE0001", 0, 0, NULL), MST_RSC_NOT_FOUND);
}

static mst_ms no_time(void)
{
	return 1;
}

/* More certificates in a minute than keeper_limits lets go: later, not never, and what was given is given again all the same. */
static void too_many_in_a_minute(void **state)
{
	struct mst_keeper_limit limit[MST_RATE__COUNT] = { [MST_RATE_CERTIFICATES] = { 0, 1 } };
	struct mst_csr_attrs a = est_attributes();
	struct est_csr c = est_csr_of(&est_k1, &a.san, a.challenge), other;
	struct mst_event e;

	(void)state;
	mst_keeper_local_limits(est_rig.keeper, limit, no_time);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	a = est_attributes();
	other = est_csr_of(&est_k2, &a.san, a.challenge);
	assert_int_equal(est_enroll("simpleenroll", &other), 503);
	assert_int_equal(est_rig.a.retry_after, MST_KEEPER_BUSY_SECONDS);
	assert_true(rig_last_event(&est_rig, &e) && strstr(e.why, "keeper_limits.certificates_most"));
	assert_int_equal(est_signatures(), 1);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	limit[MST_RATE_CERTIFICATES].most = 0;
	mst_keeper_local_limits(est_rig.keeper, limit, no_time);
	assert_int_equal(est_enroll("simpleenroll", &other), MST_RSC_OK);
}

static void the_challenge_stays_for_a_while(void **state)
{
	struct mst_csr_attrs a = est_attributes(), b;

	(void)state;
	est_rig.now += EST_CHALLENGE_LIFE / 2 - 1;
	b = est_attributes();
	assert_string_equal(a.challenge, b.challenge);
	est_rig.now += 2;
	b = est_attributes();
	assert_string_not_equal(a.challenge, b.challenge);
}

static void a_certificate_is_renewed(void **state)
{
	struct est_cert old = est_enrolled(), new;
	struct mst_csr_attrs a;
	struct est_csr c;

	(void)state;
	est_rig.now += 60 * RIG_DAY;
	est_peer_is(&old, old.i.not_after);
	a = est_attributes();
	c = est_csr_of(&est_k2, &a.san, a.challenge);
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_OK);
	new = est_got();
	assert_int_equal(new.i.not_after, est_rig.now + 90 * RIG_DAY);
	assert_string_not_equal(new.i.serial, old.i.serial);
	/* never beyond the subscription's end */
	est_rig.now = RIG_NOW + 299 * RIG_DAY;
	est_peer_is(&new, est_rig.now + RIG_DAY);
	a = est_attributes();
	c = est_csr_of(&est_k1, &a.san, a.challenge);
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_OK);
	assert_int_equal(est_got().i.not_after, RIG_NOW + 300 * RIG_DAY);
}

/*
 * A MEF that takes no nodes' certificates takes those of its own, too, for their renewal alone: a node that enrolled by its maker's secret has
 * them for elsewhere, and RFC 7030 4.2.2 wants them shown.
 */
static void where_nodes_certificates_are_not_taken(void **state)
{
	static const char reg[] = "{\"sec:mefClientReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\"}}";
	struct est_cert cert;
	struct mst_csr_attrs a;
	struct est_csr c;

	(void)state;
	est_give_secret();
	est_rig.mef_conf.no_node_certs = true;
	/* a maker's: not over EST either */
	assert_int_equal(est_ask(MST_OP_RETRIEVE, "cacerts", "", MST_VIEW_NONE), MST_RSC_NO_PRIVILEGE);
	event_is("mef.refused", "mef.node_certificates");
	rig_peer_psk(&est_rig, est_secret_id);
	cert = est_enrolled();
	est_peer_is(&cert, cert.i.not_after);
	assert_int_equal(rig_do(&est_rig, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, 0, reg), MST_RSC_NO_PRIVILEGE);
	event_is("mef.refused", "mef.node_certificates");
	assert_int_equal(rig_do(&est_rig, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/reg-none/cmd", "/CSE0001", 0, 0, NULL), MST_RSC_NO_PRIVILEGE);
	a = est_attributes();
	c = est_csr_of(&est_k2, &a.san, a.challenge);
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_OK);
	cert = est_got();
	est_peer_is(&cert, cert.i.not_after);
	assert_int_equal(rig_do(&est_rig, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/reg-none/cmd", "/CSE0001", 0, 0, NULL), MST_RSC_NO_PRIVILEGE);
	est_rig.mef_conf.no_node_certs = false;
	assert_int_equal(rig_do(&est_rig, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/reg-none/cmd", "/CSE0001", 0, 0, NULL), MST_RSC_NOT_FOUND);
}

/* Lesson 35: devices that were off for months; by policy, and for re-enrolment alone. */
static void an_expired_certificate_is_renewed_within_the_window(void **state)
{
	struct est_cert old = est_enrolled();
	struct mst_csr_attrs a;
	struct est_csr c;

	(void)state;
	est_rig.now = old.i.not_after + 10 * RIG_DAY;
	est_rig.mef_conf.est.grace = 20 * RIG_DAY;
	est_peer_is(&old, old.i.not_after);
	/* the whole of 8.3.6.2's re-provisioning with the expired certificate and nothing else: attributes, too */
	assert_int_equal(est_ask(MST_OP_RETRIEVE, "cacerts", "", MST_VIEW_NONE), MST_RSC_OK);
	a = est_attributes();
	c = est_csr_of(&est_k2, &a.san, a.challenge);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NO_PRIVILEGE);
	assert_int_equal(rig_do(&est_rig, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/reg-none/cmd", "/CSE0001", 0, 0, NULL), MST_RSC_NO_PRIVILEGE);
	event_is("mef.refused", "the certificate has expired");
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_OK);
	(void)est_got();
	/* after the window, and without one */
	est_rig.now = old.i.not_after + 21 * RIG_DAY;
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_NO_PRIVILEGE);
	event_is("mef.refused", "the window for re-enrolment is over");
	est_rig.mef_conf.est.grace = 0;
	est_rig.now = old.i.not_after + 1;
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_NO_PRIVILEGE);
}

/* The window is for what is renewed: with a maker's certificate that has ended nobody gets one of ours. */
static void a_makers_certificate_has_no_window(void **state)
{
	struct mst_csr_attrs a = est_attributes();
	struct est_csr c = est_csr_of(&est_k1, &a.san, a.challenge);

	(void)state;
	est_rig.mef_conf.est.grace = 20 * RIG_DAY;
	rig_peer_cert(&est_rig, MST_ID_NODE, RIG_NODE);
	est_rig.x.peer.cert.not_after = RIG_NOW;
	assert_int_equal(est_ask(MST_OP_RETRIEVE, "csrattrs", "", MST_VIEW_NONE), MST_RSC_NO_PRIVILEGE);
	event_is("mef.refused", "has expired");
	assert_int_equal(est_ask(MST_OP_RETRIEVE, "cacerts", "", MST_VIEW_NONE), MST_RSC_NO_PRIVILEGE);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NO_PRIVILEGE);
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_NO_PRIVILEGE);
	assert_int_equal(est_signatures(), 0);
	est_rig.x.peer.cert.not_after = RIG_NOW + 1;
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
}

/* Revoked after its end: it is nobody's, although no list names it. */
static void what_was_revoked_after_its_end_is_not_renewed(void **state)
{
	struct est_cert old = est_enrolled();
	struct mst_cert_row row;
	struct mst_csr_attrs a;
	struct est_csr c;

	(void)state;
	est_rig.now = old.i.not_after + RIG_DAY;
	est_rig.mef_conf.est.grace = 20 * RIG_DAY;
	est_peer_is(&old, old.i.not_after);
	a = est_attributes();
	c = est_csr_of(&est_k2, &a.san, a.challenge);
	assert_int_equal(mst_store_cert_get(est_rig.store, old.i.serial, &row), 0);
	row.revoked = est_rig.now;
	assert_int_equal(mst_store_cert_put(est_rig.store, &row), 0);
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_NO_PRIVILEGE);
	event_is("mef.refused", "revoked");
}

static void set_request(enum mst_certreq_state s)
{
	struct mst_certreq q = { .state = MST_CERTREQ_ISSUED };
	int64_t id = 1;

	while (mst_store_certreq_get(est_rig.store, id, &q) == 0 && q.state != MST_CERTREQ_PENDING)
		id++;
	assert_int_equal(q.state, MST_CERTREQ_PENDING);
	q.state = s;
	snprintf(q.reason, sizeof(q.reason), "not ours");
	assert_int_equal(mst_store_certreq_update(est_rig.store, &q), 0);
}

static void the_operator_is_asked(void **state)
{
	struct mst_csr_attrs a = est_attributes();
	struct est_csr c = est_csr_of(&est_k1, &a.san, a.challenge);
	struct est_cert cert;

	(void)state;
	est_rig.mef_conf.est.approval = true;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_ACCEPTED);
		assert_int_equal(est_rig.a.retry_after, 300);
		est_rig.now += RIG_DAY;
	}
	assert_int_equal(est_signatures(), 0);
	set_request(MST_CERTREQ_APPROVED);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	cert = est_got();
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	assert_string_equal(est_got().i.serial, cert.i.serial);
	assert_int_equal(est_signatures(), 1);
}

/* The approval was the former provider's: with what it gave, the node comes to the new one, and is renewed when that one says so. */
static void who_has_moved_is_approved_anew(void **state)
{
	struct est_cert old = est_enrolled();
	struct mst_node_past past = { .node = est_rig.node, .sp_fqdn = "former.example.com" };
	struct mst_csr_attrs a;
	struct est_csr c;

	(void)state;
	est_rig.mef_conf.est.approval = true;
	est_peer_is(&old, old.i.not_after);
	est_rig.now += 10;
	past.at = est_rig.now - 1;
	assert_int_equal(mst_store_past_put(est_rig.store, &past), 0);
	a = est_attributes();
	c = est_csr_of(&est_k2, &a.san, a.challenge);
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_ACCEPTED);
	event_is("mef.est-reenroll", "waits for the operator's approval");
	assert_int_equal(est_signatures(), 1);
	/* what the new one has given is renewed as ever */
	est_rig.mef_conf.est.approval = false;
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_OK);
	old = est_got();
	est_rig.mef_conf.est.approval = true;
	est_peer_is(&old, old.i.not_after);
	a = est_attributes();
	c = est_csr_of(&est_k1, &a.san, a.challenge);
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_OK);
}

static void the_operator_says_no(void **state)
{
	struct mst_csr_attrs a = est_attributes();
	struct est_csr c = est_csr_of(&est_k1, &a.san, a.challenge);

	(void)state;
	est_rig.mef_conf.est.approval = true;
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_ACCEPTED);
	set_request(MST_CERTREQ_REJECTED);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NO_PRIVILEGE);
	event_is("mef.refused", "not ours");
	assert_null(strstr(est_rig.text, "not ours"));
	assert_int_equal(est_signatures(), 0);
}

/* --- refused --- */

static void what_is_wrong_is_refused(void **state)
{
	struct mst_csr_attrs a = est_attributes();
	struct mst_san node = est_san_of(MST_ID_NODE, RIG_NODE), other = est_san_of(MST_ID_FQDN, "cse0002.sp.example.com");
	struct mst_san mef = est_san_of(MST_ID_FQDN, "mef.example.com"), ae = est_san_of(MST_ID_AE_ABS, "//sp.example.com/S1");
	struct est_csr good = est_csr_of(&est_k1, &a.san, a.challenge), broken = good;
	const struct { struct est_csr c; int rsc; const char *why; } rows[] = {
		{ est_csr_of(&est_k1, &a.san, NULL), MST_RSC_BAD_REQUEST, "challengePassword" },
		{ est_csr_of(&est_k1, &a.san, "00112233"), MST_RSC_BAD_REQUEST, "challengePassword" },
		{ est_csr_of(&est_k1, &node, a.challenge), MST_RSC_BAD_REQUEST, "another kind" },
		{ est_csr_of(&est_k1, &other, a.challenge), MST_RSC_NOT_AUTHENTICATED, "somebody else" },
		{ est_csr_of(&est_k1, &mef, a.challenge), MST_RSC_NOT_AUTHENTICATED, "somebody else" },
		{ est_csr_of(&est_k1, &ae, a.challenge), MST_RSC_NOT_AUTHENTICATED, "somebody else" },
		{ { .b = "bm8gcmVxdWVzdA==", .n = 16 }, MST_RSC_BAD_REQUEST, "PKCS #10" },
		{ { .b = "!!", .n = 2 }, MST_RSC_BAD_REQUEST, "base64" },
		{ { .n = 0 }, MST_RSC_BAD_REQUEST, "no content" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		int rsc = est_enroll("simpleenroll", &rows[i].c);

		if (rsc != rows[i].rsc)
			fail_msg("row %zu: %d, %s", i, rsc, est_rig.text);
		event_is("mef.refused", rows[i].why);
		assert_string_equal(est_rig.a.media, "text/plain");
	}
	broken.b[broken.n - 24] = broken.b[broken.n - 24] == 'A' ? 'B' : 'A';
	assert_int_equal(est_enroll("simpleenroll", &broken), MST_RSC_BAD_REQUEST);
	event_is("mef.refused", "signature");
	assert_int_equal(est_ask(MST_OP_CREATE, "simpleenroll", "text/plain", (struct mst_view){ good.b, good.n }), MST_RSC_UNSUPPORTED_MEDIA_TYPE);
	assert_int_equal(est_ask(MST_OP_RETRIEVE, "simpleenroll", "", MST_VIEW_NONE), MST_RSC_OPERATION_NOT_ALLOWED);
	assert_int_equal(est_ask(MST_OP_CREATE, "cacerts", MST_EST_PKCS10, MST_VIEW_NONE), MST_RSC_OPERATION_NOT_ALLOWED);
	assert_int_equal(est_enroll("serverkeygen", &good), MST_RSC_NOT_IMPLEMENTED);
	assert_int_equal(est_enroll("fullcmc", &good), MST_RSC_NOT_IMPLEMENTED);
	assert_int_equal(est_enroll("other", &good), MST_RSC_NOT_FOUND);
	/* no certificate of ours in the session: there is nothing to renew */
	assert_int_equal(est_enroll("simplereenroll", &good), MST_RSC_NO_PRIVILEGE);
	assert_int_equal(est_signatures(), 0);
	assert_int_equal(est_enroll("simpleenroll", &good), MST_RSC_OK);
}

static void who_is_not_served_gets_nothing(void **state)
{
	struct mst_csr_attrs a = est_attributes();
	struct est_csr c = est_csr_of(&est_k1, &a.san, a.challenge);
	struct est_cert mine = est_enrolled();
	struct mst_cert_row row;
	struct mst_node n;

	(void)state;
	rig_peer_cert(&est_rig, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NO_PRIVILEGE);
	rig_peer_cert(&est_rig, MST_ID_NODE, "urn:dev:ops:somebody");
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NO_PRIVILEGE);
	assert_int_equal(est_ask(MST_OP_RETRIEVE, "cacerts", "", MST_VIEW_NONE), MST_RSC_NO_PRIVILEGE);
	rig_peer_psk(&est_rig, "00112233445566778899AABBCCDDEEFF@mef.example.com");
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NO_PRIVILEGE);

	/* a revoked certificate is nobody's, before any list says so */
	assert_int_equal(mst_store_cert_get(est_rig.store, mine.i.serial, &row), 0);
	row.revoked = est_rig.now;
	assert_int_equal(mst_store_cert_put(est_rig.store, &row), 0);
	est_peer_is(&mine, mine.i.not_after);
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_NO_PRIVILEGE);
	event_is("mef.refused", "the certificate is revoked");
	/* and the request that led to it leads nowhere any more */
	rig_peer_cert(&est_rig, MST_ID_NODE, RIG_NODE);
	a = est_attributes();
	c = est_csr_of(&est_k1, &a.san, a.challenge);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);

	assert_int_equal(mst_store_node_get(est_rig.store, est_rig.node, &n), 0);
	n.state = MST_NODE_REVOKED;
	assert_int_equal(mst_store_node_update(est_rig.store, &n), 0);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NO_PRIVILEGE);
	est_rig.mef_conf.est.on = false;
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NOT_FOUND);
}

static void a_node_cannot_hoard(void **state)
{
	struct mst_csr_attrs a = est_attributes();

	(void)state;
	for (int i = 0; i < EST_LIVE_MAX; i++) {
		struct est_csr c = est_csr_of(&est_k1, &a.san, a.challenge);

		assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	}
	{
		struct est_csr c = est_csr_of(&est_k1, &a.san, a.challenge);

		assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NO_PRIVILEGE);
		event_is("mef.refused", "16 certificates");
	}
	/* those that have ended are forgotten */
	est_rig.now += 91 * RIG_DAY;
	a = est_attributes();
	{
		struct est_csr c = est_csr_of(&est_k1, &a.san, a.challenge);

		assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	}
}

/* A name that the CA may not certify is not certified, and nothing is stored of the attempt. */
static void the_ca_keeps_to_its_constraints(void **state)
{
	struct mst_csr_attrs a;
	struct mst_node n;
	struct est_csr c;

	(void)state;
	assert_int_equal(mst_store_node_get(est_rig.store, est_rig.node, &n), 0);
	snprintf(n.cse_id, sizeof(n.cse_id), "//other.example.net/CSE1");
	assert_int_equal(mst_store_node_update(est_rig.store, &n), 0);
	a = est_attributes();
	assert_string_equal(a.san.value, "cse1.other.example.net");
	c = est_csr_of(&est_k1, &a.san, a.challenge);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NOT_FOUND);
	event_is("mef.refused", "name constraints");
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NOT_FOUND);
}

/* --- commands --- */

/* CERT_PROV (TS-0003 12.3.2.5): issued once, reissued until it is reported on, its status kept. */
static void a_command_is_given_until_it_is_reported(void **state)
{
	static const char path[] = "/MEFBase/reg-1/cmd";
	struct mst_registration reg = { .reg_id = "reg-1", .client_id = RIG_CSE, .admin_fqdn = "sp.example.com", .node = est_rig.node,
					.created = RIG_NOW, .expires = RIG_NOW + RIG_DAY };
	struct mst_csr_attrs a;
	struct est_cert got;
	struct est_csr c;
	char body[128];
	struct mst_command m;
	int64_t cmd;

	(void)state;
	assert_int_equal(mst_store_reg_put(est_rig.store, MST_ROLE_MEF, &reg), 0);
	assert_int_equal(rig_do(&est_rig, MST_ROLE_MEF, MST_OP_RETRIEVE, path, "/CSE0001", 0, 0, NULL), MST_RSC_OK);
	assert_non_null(strstr(est_rig.text, "\"cmdClassID\":0"));
	cmd = est_command(1, RIG_NODE);
	assert_int_equal(rig_do(&est_rig, MST_ROLE_MEF, MST_OP_RETRIEVE, path, "/CSE0001", 0, 0, NULL), MST_RSC_OK);
	assert_non_null(strstr(est_rig.text, "\"cmdID\":\"c-2\""));
	assert_non_null(strstr(est_rig.text, "\"cmdStatusCode\":10"));
	assert_non_null(strstr(est_rig.text, "\"certProvProtocolID\":1,\"URI\":\"https://mef.example.com/.well-known/est\",\"certSubjectType\":1,"
				       "\"certSubjectID\":\"" RIG_NODE "\""));
	assert_int_equal(rig_do(&est_rig, MST_ROLE_MEF, MST_OP_RETRIEVE, path, "/CSE0001", 0, 0, NULL), MST_RSC_OK);
	assert_non_null(strstr(est_rig.text, "\"cmdID\":\"c-2\""));
	assert_non_null(strstr(est_rig.text, "\"cmdStatusCode\":11"));
	/* what it says is what csrattrs asks for: the Node-ID, not the CSE-ID */
	a = est_attributes();
	assert_string_equal(a.san.value, RIG_NODE);
	c = est_csr_of(&est_k1, &a.san, a.challenge);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	got = est_got();
	est_rig.x.plain = false;
	snprintf(body, sizeof(body), "{\"sec:mefClientCmd\":{\"cmdID\":\"c-2\",\"cmdStatusCode\":20}}");
	assert_int_equal(rig_do(&est_rig, MST_ROLE_MEF, MST_OP_UPDATE, path, "/CSE0001", 0, 0, body), MST_RSC_UPDATED);
	assert_non_null(strstr(est_rig.text, "\"cmdClassID\":0"));
	assert_int_equal(mst_store_command_get(est_rig.store, cmd, &m), 0);
	assert_int_equal(m.state, MST_COMMAND_ENDED);
	assert_int_equal(m.status, 20);
	assert_string_equal(m.cmd_id, "c-2");
	/* the command is over, and what came of it can be renewed under the name that it has, and under no other (RFC 7030 4.2.2) */
	est_peer_is(&got, got.i.not_after);
	a = est_attributes();
	assert_string_equal(a.san.value, RIG_NODE);
	c = est_csr_of(&est_k2, &a.san, a.challenge);
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_OK);
	(void)est_got();
	/* who shows it may still have one for the other name, as before */
	assert_true(est_subject_of(2, RIG_CSE, &a.san));
	c = est_csr_of(&est_k1, &a.san, a.challenge);
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_BAD_REQUEST);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	/* and when a command wants that other name, the renewal does not wait for it */
	(void)est_command(2, RIG_CSE);
	est_rig.x.plain = false;
	assert_int_equal(rig_do(&est_rig, MST_ROLE_MEF, MST_OP_RETRIEVE, path, "/CSE0001", 0, 0, NULL), MST_RSC_OK);
	assert_string_equal(est_attributes().san.value, a.san.value);
	c = est_csr_of(&est_k2, &got.i.san[0], a.challenge);
	assert_int_equal(est_enroll("simplereenroll", &c), MST_RSC_OK);
}

/* A command of the provider that the node was with is not the new one's: it must not say which name is certified now. */
static void a_command_of_another_provider_decides_nothing(void **state)
{
	struct mst_command m = { .node = est_rig.node, .class_id = MST_CMD_CERT_PROV, .number = 1, .kind = 2, .created = RIG_NOW,
				 .subject = "//old.example.com/CSE9", .admin_fqdn = "old.example.com" };
	struct mst_csr_attrs a;
	struct est_csr c;

	(void)state;
	assert_int_equal(mst_store_command_insert(est_rig.store, &m), 0);
	/* not even where the name is one that the node has still */
	m.kind = 1;
	snprintf(m.subject, sizeof(m.subject), "%s", RIG_NODE);
	assert_int_equal(mst_store_command_insert(est_rig.store, &m), 0);
	a = est_attributes();
	assert_string_equal(a.san.value, "cse0001.sp.example.com");
	c = est_csr_of(&est_k1, &a.san, a.challenge);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	/* the present one's does */
	(void)est_command(1, RIG_NODE);
	assert_string_equal(est_attributes().san.value, RIG_NODE);
}

static void revoke_one(const char *serial)
{
	struct mst_cert_row row;

	assert_int_equal(mst_store_cert_get(est_rig.store, serial, &row), 0);
	row.revoked = est_rig.now;
	assert_int_equal(mst_store_cert_put(est_rig.store, &row), 0);
}

/* A certificate for another name than the default came of a command, which is over; the next one is for that name, too, until the last one for it is revoked. */
static void a_name_is_certified_again(void **state)
{
	struct mst_san node = est_san_of(MST_ID_NODE, RIG_NODE), cse = est_san_of(MST_ID_FQDN, "cse0001.sp.example.com");
	struct mst_cert_row others = { .serial = "01", .subject = RIG_NODE, .issued = RIG_NOW, .expires = RIG_NOW + RIG_DAY };
	char first[64];
	int64_t id;

	(void)state;
	est_give_secret();
	assert_int_equal(mst_store_cert_put(est_rig.store, &others), 0);      /* nobody's */
	for (int by_secret = 0; by_secret < 2; by_secret++) {
		assert_int_equal(est_asks_again(by_secret, &est_k1, &node), MST_RSC_BAD_REQUEST);
		event_is("mef.refused", "another kind");
		id = est_command(1, RIG_NODE);
		assert_int_equal(est_asks_again(by_secret, &est_k1, &node), MST_RSC_OK);
		snprintf(first, sizeof(first), "%s", est_got().i.serial);
		est_end_command(id);
		assert_int_equal(est_asks_again(by_secret, &est_k2, &node), MST_RSC_OK);
		assert_string_equal(est_got().i.san[0].value, RIG_NODE);
		/* another command does not make it wait, nor is what the MEF has certified by default refused */
		id = est_command(2, RIG_CSE);
		assert_int_equal(est_asks_again(by_secret, &est_k1, &node), MST_RSC_OK);
		est_end_command(id);
		assert_int_equal(est_asks_again(by_secret, &est_k1, &cse), MST_RSC_OK);
		/* one that has ended is known until there is a newer one, and it is the last one that counts */
		revoke_one(first);
		est_rig.now += 91 * RIG_DAY;
		assert_int_equal(est_asks_again(by_secret, &est_k1, &node), MST_RSC_OK);
		/* with that one revoked it is the operator's to say (admin/test-again.c) */
		revoke_one(est_got().i.serial);
		assert_int_equal(est_asks_again(by_secret, &est_k2, &node), MST_RSC_BAD_REQUEST);
		event_is("mef.refused", "muster command cert-prov");
	}
}

/* It is asked for as a first one is: the operator's approval is not got round, nor is his no; and it is for a name that the node has. */
static void a_name_is_certified_again_to_whom_it_may(void **state)
{
	struct mst_san node = est_san_of(MST_ID_NODE, RIG_NODE), cse = est_san_of(MST_ID_FQDN, "cse0001.sp.example.com");
	struct mst_csr_attrs a;
	struct est_cert other;
	struct est_csr c;
	struct mst_node n;
	int64_t id;

	(void)state;
	est_give_secret();
	other = est_enrolled();
	id = est_command(1, RIG_NODE);
	assert_int_equal(est_asks_again(true, &est_k1, &node), MST_RSC_OK);
	est_end_command(id);
	est_rig.mef_conf.est.approval = true;
	rig_peer_psk(&est_rig, est_secret_id);
	a = est_attributes();
	c = est_csr_of(&est_k2, &node, a.challenge);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_ACCEPTED);
	event_is("mef.est-enroll", "waits for the operator's approval");
	set_request(MST_CERTREQ_REJECTED);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NO_PRIVILEGE);
	est_rig.mef_conf.est.approval = false;
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_NO_PRIVILEGE);
	/* a session that shows one of ours renews that one (RFC 7030 4.2.2) */
	est_peer_is(&other, other.i.not_after);
	a = est_attributes();
	c = est_csr_of(&est_k1, &node, a.challenge);
	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_BAD_REQUEST);
	/* what it is not called any more it is not certified by, whatever it has */
	assert_int_equal(est_asks_again(true, &est_k1, &cse), MST_RSC_OK);
	assert_int_equal(mst_store_node_get(est_rig.store, est_rig.node, &n), 0);
	snprintf(n.cse_id, sizeof(n.cse_id), "//sp.example.com/CSE0007");
	assert_int_equal(mst_store_node_update(est_rig.store, &n), 0);
	assert_int_equal(est_asks_again(true, &est_k1, &cse), MST_RSC_NOT_AUTHENTICATED);
}

#define T(f) cmocka_unit_test_setup_teardown(f, est_up, est_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_node_gets_its_certificate), T(too_many_in_a_minute), T(the_challenge_stays_for_a_while), T(a_certificate_is_renewed),
		T(where_nodes_certificates_are_not_taken),
		T(a_makers_certificate_has_no_window), T(what_was_revoked_after_its_end_is_not_renewed),
		T(an_expired_certificate_is_renewed_within_the_window), T(the_operator_is_asked), T(who_has_moved_is_approved_anew), T(the_operator_says_no),
		T(what_is_wrong_is_refused), T(who_is_not_served_gets_nothing), T(a_node_cannot_hoard), T(the_ca_keeps_to_its_constraints),
		T(a_command_is_given_until_it_is_reported), T(a_command_of_another_provider_decides_nothing),
		T(a_name_is_certified_again), T(a_name_is_certified_again_to_whom_it_may),
	};

	return cmocka_run_group_tests_name("est", tests, NULL, NULL);
}
