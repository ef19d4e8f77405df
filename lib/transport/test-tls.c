#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport/test-rig.h"
#include "transport/tls-int.h"

static void mutual(void **state)
{
	static const enum mst_tls_profile profile[] = { MST_TLS_ONEM2M, MST_TLS_MODERN, MST_TLS_BOTH };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(profile); i++) {
		struct rig r;
		struct mst_cert_info info;

		rig_init(&r);
		r.server_config.profile = r.client_config.profile = profile[i];
		r.server_config.require_ems = r.client_config.require_ems = true;
		rig_start(&r);
		rig_connect(&r);
		rig_until(&r, &r.responses);
		assert_int_equal(r.status, 200);
		assert_string_equal(r.response, "ok");
		assert_string_equal(r.target, "/hello");
		assert_int_equal(r.server_peer.how, MST_AUTH_CERT);
		assert_int_equal(r.client_peer.how, MST_AUTH_CERT);
		assert_true(mst_cert_names(&r.server_peer.cert, MST_ID_NODE, "urn:dev:ops:123456-thing-1"));
		assert_true(mst_cert_names(&r.client_peer.cert, MST_ID_FQDN, "MEF.example.com"));
		assert_string_equal(r.server_peer.sni, "mef.example.com");
		assert_int_equal(mst_cert_info(rig_der(&rig_pki()->root), &info, NULL), 0);
		assert_memory_equal(r.server_peer.anchor_sha256, info.sha256, 32);
		assert_memory_equal(r.client_peer.anchor_sha256, info.sha256, 32);
		assert_memory_equal(r.server_export, r.client_export, 48);
		rig_deinit(&r);
	}
}

static void use_psk(struct rig *r, enum mst_tls_profile p)
{
	rig_init(r);
	r->client_config.profile = p;
	r->client_config.chain_pem = MST_VIEW_NONE;
	r->client_to.psk = &r->key;
	r->client_to.psk_identity = r->identity;
}

/* Suspended, and resumed from the loop later: TLS 1.2 and 1.3, and with an answer at once */
static void psk_suspended(void **state)
{
	static const enum mst_tls_profile profile[] = { MST_TLS_ONEM2M, MST_TLS_BOTH };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct rig r;

		use_psk(&r, profile[i % 2]);
		r.hold_psk = i < 2 && !TLS_NO_FIBRES;
		rig_start(&r);
		rig_connect(&r);
		rig_until(&r, &r.psk_asked);
		assert_string_equal(r.asked, r.identity);
		if (r.hold_psk) {
			rig_turn(&r);
			assert_int_equal(r.opened, 0);
			mst_conn_psk(r.conn, &r.key);
		}
		rig_until(&r, &r.responses);
		assert_int_equal(r.psk_asked, 1);
		assert_int_equal(r.server_peer.how, MST_AUTH_PSK);
		assert_string_equal(r.server_peer.psk_identity, r.identity);
		/* on it a key of GBA depends (TS 33.220 H.3); in TLS 1.3 on none. Known when the key is asked for */
		assert_int_equal(r.asked_suite, r.server_peer.suite);
		assert_int_equal(r.server_peer.suite, profile[i % 2] == MST_TLS_ONEM2M ? 0x00ae : 0);
		assert_int_equal(r.client_peer.how, MST_AUTH_PSK);
		assert_memory_equal(r.server_export, r.client_export, 48);
		rig_deinit(&r);
	}
}

/* Connect, and see both ends say why it failed. */
static void expect_failure(struct rig *r, enum mst_tls_end server, enum mst_tls_end client)
{
	rig_start(r);
	rig_connect(r);
	rig_until(r, &r->failed);
	rig_until(r, &r->ended);
	if (r->server_end != server || r->client_end != client)
		fail_msg("server %s (%s), client %s (%s)", mst_tls_end_text(r->server_end), r->server_detail,
		         mst_tls_end_text(r->client_end), r->client_detail);
	assert_int_equal(r->requests, 0);
	assert_true(r->server_detail[0] && r->client_detail[0]);
	rig_deinit(r);
}

struct cert_case {
	const char *what;
	enum mst_tls_end end;
	bool other_root;
	enum mst_cert_role role;
	enum mst_id_kind kind;
	const char *name;
	mst_time from, until;
	mst_time now, floor;            /* of the one who judges, relative to now; 0 = system's clock */
};

static mst_time told(void *arg)
{
	return *(mst_time *)arg;
}

static const struct cert_case cases[] = {
	{ "good", MST_TLS_OPEN, false, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:x", -10, 1000, 0, 0 },
	{ "somebody else's CA", MST_TLS_UNTRUSTED, true, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:x", -10, 1000, 0, 0 },
	{ "expired", MST_TLS_EXPIRED, false, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:x", -1000, -10, 0, 0 },
	{ "not yet", MST_TLS_NOT_YET_VALID, false, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:x", 1000, 2000, 0, 0 },
	{ "purpose", MST_TLS_BAD_CERTIFICATE, false, MST_CERT_SERVER, MST_ID_FQDN, "a.example.com", -10, 1000, 0, 0 },
	/* lesson 15: clock in 1970, floor an hour ago: not the certificate's fault; expiry against the floor */
	{ "clock unset", MST_TLS_OPEN, false, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:x", -10, 1000, 1, -3600 },
	{ "clock unset, expired before", MST_TLS_EXPIRED, false, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:x", -9000, -7200, 1, -3600 },
	{ "clock right, floor below", MST_TLS_EXPIRED, false, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:x", -1000, -10, 0, -3600 },
};

static void client_certificates(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(cases) * 2; i++) {
		const struct cert_case *c = &cases[i / 2];
		struct rig_cert *cert = calloc(1, sizeof(*cert));
		struct rig r;
		mst_time now = c->now;

		rig_init(&r);
		assert_non_null(cert);
		rig_cert(cert, c->other_root ? &rig_pki()->other_root : &rig_pki()->root, c->role, c->kind, c->name, c->from, c->until);
		r.client_config.chain_pem = mst_view_str(cert->pem);
		r.client_config.key_pkcs8 = rig_key(cert);
		r.client_config.profile = i % 2 ? MST_TLS_ONEM2M : MST_TLS_BOTH;
		if (c->now) {
			r.server_config.now = told;
			r.server_config.now_arg = &now;
		}
		if (c->floor)
			r.server_config.clock_floor = time(NULL) + c->floor;
		rig_start(&r);
		rig_connect(&r);
		if (c->end == MST_TLS_OPEN) {
			rig_until(&r, &r.responses);
		} else {
			rig_until(&r, &r.failed);
			rig_until(&r, &r.ended);
			if (r.server_end != c->end)
				fail_msg("%s: %s %s", c->what, mst_tls_end_text(r.server_end), r.server_detail);
			assert_int_equal(r.client_end, MST_TLS_ALERT);
			assert_true(r.client_proven);        /* the server that refuses is the right one, in TLS 1.2 and 1.3 */
			/* who it was is known to the operator */
			assert_true(mst_cert_names(&r.failed_peer.cert, c->kind, c->name));
			assert_int_equal(r.requests, 0);
		}
		rig_deinit(&r);
		free(cert);
	}
}

/* What is sent is the chain file: an issuer that happens to be among one's own anchors is not added to it. */
static void the_chain_file_is_the_chain(void **state)
{
	struct rig_cert *mid = calloc(1, sizeof(*mid)), *leaf = calloc(1, sizeof(*leaf));
	struct mst_view anchors[2], chain, alone;

	(void)state;
	assert_non_null(mid);
	assert_non_null(leaf);
	rig_ca(mid, "Between", &rig_pki()->root);
	rig_cert(leaf, mid, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:x", -10, 1000);
	chain = mst_view_str(leaf->pem);
	alone = mst_view_sub(chain, 0, (size_t)(strstr(leaf->pem + 1, "-----BEGIN") - leaf->pem));
	anchors[0] = rig_der(&rig_pki()->root);
	anchors[1] = rig_der(mid);
	for (int whole = 0; whole < 2; whole++) {
		struct rig r;

		rig_init(&r);
		r.client_config.anchors = anchors;
		r.client_config.n_anchors = 2;
		r.client_config.chain_pem = whole ? chain : alone;
		r.client_config.key_pkcs8 = rig_key(leaf);
		if (!whole) {
			expect_failure(&r, MST_TLS_UNTRUSTED, MST_TLS_ALERT);
			continue;
		}
		rig_start(&r);
		rig_connect(&r);
		rig_until(&r, &r.responses);
		rig_deinit(&r);
	}
	free(mid);
	free(leaf);
}

static void server_certificates(void **state)
{
	(void)state;
	for (int i = 0; i < 7; i++) {
		struct rig_cert *cert = calloc(1, sizeof(*cert));
		static const enum mst_tls_end end[] = { MST_TLS_UNTRUSTED, MST_TLS_EXPIRED, MST_TLS_WRONG_NAME, MST_TLS_WRONG_NAME,
			MST_TLS_BAD_CERTIFICATE, MST_TLS_NOT_YET_VALID, MST_TLS_WRONG_NAME /* somebody's who has ended */ };
		struct rig r;

		rig_init(&r);
		assert_non_null(cert);
		rig_cert(cert, i == 0 ? &rig_pki()->other_root : &rig_pki()->root, i == 4 ? MST_CERT_CLIENT : MST_CERT_SERVER, MST_ID_FQDN,
		         i == 2 || i == 6 ? "maf.example.com" : i == 3 ? "x.mef.example.com" : "mef.example.com",
		         i == 5 ? 500 : -1000, i == 1 || i == 6 ? -10 : 1000);
		r.server_config.chain_pem = mst_view_str(cert->pem);
		r.server_config.key_pkcs8 = rig_key(cert);
		expect_failure(&r, MST_TLS_ALERT, end[i]);
		free(cert);
	}
}

/* Spec 2.5.6 */
static void revocation(void **state)
{
	static const struct { bool require, revoked, other_issuer; mst_time from, until; enum mst_tls_end end; int required_of; } row[] = {
		{ false, false, false, -10, 1000, MST_TLS_OPEN },
		{ true, false, false, -10, 1000, MST_TLS_OPEN },
		{ false, true, false, -10, 1000, MST_TLS_REVOKED },
		{ true, true, false, -10, 1000, MST_TLS_REVOKED },
		{ true, false, false, -1000, -10, MST_TLS_CRL_STALE },
		{ false, false, false, -1000, -10, MST_TLS_OPEN },
		{ false, true, false, -1000, -10, MST_TLS_REVOKED },       /* a stale list still counts */
		{ true, false, true, -10, 1000, MST_TLS_CRL_STALE },        /* none of this issuer */
		{ false, true, true, -10, 1000, MST_TLS_OPEN },             /* somebody else's word does not */
		/* required of one CA by name: 1 of this one, 2 of another */
		{ false, false, true, -10, 1000, MST_TLS_CRL_STALE, 1 },
		{ false, false, false, -1000, -10, MST_TLS_CRL_STALE, 1 },
		{ false, false, false, -10, 1000, MST_TLS_OPEN, 1 },
		{ false, false, false, -1000, -10, MST_TLS_OPEN, 2 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		const struct rig_pki *p = rig_pki();
		static uint8_t der[MST_CRL_MAX];
		struct mst_view crl = { der, 0 }, ca;
		struct rig r;

		rig_init(&r);
		crl.n = rig_crl(der, sizeof(der), row[i].other_issuer ? &p->other_root : &p->root, row[i].revoked ? &p->client : NULL,
		                row[i].from, row[i].until);
		r.server_config.crls = &crl;
		r.server_config.n_crls = 1;
		r.server_config.require_crl = row[i].require;
		ca = rig_der(row[i].required_of == 2 ? &p->other_root : &p->root);
		r.server_config.crl_issuers = &ca;
		r.server_config.n_crl_issuers = row[i].required_of != 0;
		if (row[i].end != MST_TLS_OPEN) {
			expect_failure(&r, row[i].end, MST_TLS_ALERT);
			continue;
		}
		rig_start(&r);
		rig_connect(&r);
		rig_until(&r, &r.responses);
		rig_deinit(&r);
	}
}

static void no_certificate(void **state)
{
	struct rig r;

	(void)state;
	for (int i = 0; i < 2; i++) {
		rig_init(&r);
		r.client_config.chain_pem = MST_VIEW_NONE;
		r.client_config.profile = i ? MST_TLS_ONEM2M : MST_TLS_MODERN;
		expect_failure(&r, MST_TLS_NO_CERTIFICATE, i ? MST_TLS_ALERT : MST_TLS_NO_CERTIFICATE);
	}
}

static void server_names(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.server_config.require_sni = true;
	rig_start(&r);
	rig_connect(&r);
	rig_until(&r, &r.responses);
	rig_deinit(&r);

	rig_init(&r);
	r.server_config.require_sni = true;
	r.client_to.server_name = "maf.example.com";
	expect_failure(&r, MST_TLS_NO_SNI, MST_TLS_NO_SNI);

	/* an address goes in no SNI */
	rig_init(&r);
	r.server_config.require_sni = true;
	r.client_to.server_name = "127.0.0.1";
	expect_failure(&r, MST_TLS_NO_SNI, MST_TLS_NO_SNI);
}

static void suites(void **state)
{
	struct rig r;

	(void)state;
	/* TLS 1.2 with the mandatory suites only, against those without them */
	rig_init(&r);
	r.server_config.profile = MST_TLS_MODERN;
	r.client_config.profile = MST_TLS_ONEM2M;
	expect_failure(&r, MST_TLS_NO_COMMON_SUITE, MST_TLS_ALERT);
	/* no word about the key, which the server has not heard of when it refuses the suites */
	use_psk(&r, MST_TLS_ONEM2M);
	r.server_config.profile = MST_TLS_MODERN;
	expect_failure(&r, MST_TLS_NO_COMMON_SUITE, MST_TLS_NO_COMMON_SUITE);
	for (int i = 0; i < 3; i++) {
		static const uint16_t suite[] = { 0x00ae, 0x00a8, MST_TLS_PSK_13 };

		use_psk(&r, MST_TLS_BOTH);
		r.server_config.profile = i < 2 ? MST_TLS_MODERN : MST_TLS_ONEM2M;
		r.client_config.psk_suite = suite[i];
		expect_failure(&r, MST_TLS_NO_COMMON_SUITE, MST_TLS_NO_COMMON_SUITE);
	}
	/* PSK switched off (lesson 27) */
	use_psk(&r, MST_TLS_ONEM2M);
	r.server_config.allow_psk = false;
	expect_failure(&r, MST_TLS_NO_COMMON_SUITE, MST_TLS_NO_COMMON_SUITE);
	/* certificates switched off */
	rig_init(&r);
	r.server_config.chain_pem = MST_VIEW_NONE;
	expect_failure(&r, MST_TLS_NO_COMMON_SUITE, MST_TLS_ALERT);
}

/* Lesson 21, and what a peer may not learn: unknown and wrong look the same to it, not to the operator. */
static void psk_refused(void **state)
{
	static const enum mst_tls_profile profile[] = { MST_TLS_ONEM2M, MST_TLS_MODERN };
	char seen[200] = "";

	(void)state;
	for (int i = 0; i < 16; i++) {
		bool unknown = i & 2, later = i & 4 && !TLS_NO_FIBRES, no_owner = i & 8;
		struct mst_key wrong = { 0 };
		struct rig r;

		use_psk(&r, profile[i % 2]);
		assert_true(mst_key_set(&wrong, MST_VIEW_LIT("another key of just as many octet")));
		if (unknown)
			r.client_to.psk_identity = "nobody@mef.example.com";
		else
			r.client_to.psk = &wrong;
		r.hold_psk = later;
		r.no_psk = no_owner;
		rig_start(&r);
		rig_connect(&r);
		if (later && !no_owner) {
			rig_until(&r, &r.psk_asked);
			mst_conn_psk(r.conn, unknown ? NULL : &r.key);
		}
		rig_until(&r, &r.ended);
		rig_until(&r, &r.failed);
		assert_int_equal(r.server_end, MST_TLS_PSK_REFUSED);
		assert_string_equal(r.server_detail, unknown || no_owner ? "identity unknown" : "identity known, key wrong");
		assert_string_equal(r.failed_peer.psk_identity, r.client_to.psk_identity);
		assert_int_equal(r.client_end, MST_TLS_PSK_REFUSED);
		if (i >= 2 && i % 2 == 0)
			assert_string_equal(r.client_detail, seen);
		if (i % 2 == 0)
			snprintf(seen, sizeof(seen), "%s", r.client_detail);
		assert_int_equal(r.opened, 0);
		rig_deinit(&r);
	}
}

/* For each suite that a key may be for (TS 33.220 H.3): the key opens it, and of a wrong one both ends know what it was, with an AEAD, too. */
static void each_psk_suite(void **state)
{
	static const uint16_t suite[] = { 0x00ae, 0x00a8, 0xc037, MST_TLS_PSK_13 };

	(void)state;
	for (size_t i = 0; i < 2 * MST_COUNT(suite); i++) {
		struct mst_key wrong = { 0 };
		struct rig r;

		use_psk(&r, MST_TLS_BOTH);
		r.client_config.psk_suite = suite[i / 2];
		assert_true(mst_key_set(&wrong, MST_VIEW_LIT("another key of just as many octet")));
		if (i % 2)
			r.client_to.psk = &wrong;
		rig_start(&r);
		rig_connect(&r);
		if (i % 2) {
			rig_until(&r, &r.ended);
			rig_until(&r, &r.failed);
			assert_int_equal(r.server_end, MST_TLS_PSK_REFUSED);
			assert_string_equal(r.server_detail, "identity known, key wrong");
			assert_int_equal(r.client_end, MST_TLS_PSK_REFUSED);
		} else {
			rig_until(&r, &r.responses);
			assert_int_equal(r.server_peer.suite, suite[i / 2] == MST_TLS_PSK_13 ? 0 : suite[i / 2]);
		}
		rig_deinit(&r);
	}
	assert_false(mst_tls_psk_suite_known(0xc0a8));     /* of DTLS */
}

/* A client with a shared key never falls back to trusting a certificate (gotcha 1's other half) */
static void psk_never_certificate(void **state)
{
	struct rig r;

	(void)state;
	use_psk(&r, MST_TLS_BOTH);
	r.server_config.allow_psk = false;
	r.server_config.require_client_cert = false;
	expect_failure(&r, MST_TLS_ALERT, MST_TLS_PSK_REFUSED);
}

#if !TLS_NO_FIBRES
/* Suspended for longer than allowed, and freed while suspended (gotcha 4) */
static void suspended_and_forgotten(void **state)
{
	struct rig r;

	(void)state;
	for (int i = 0; i < 6; i++) {
		use_psk(&r, i % 2 ? MST_TLS_ONEM2M : MST_TLS_BOTH);
		r.hold_psk = true;
		r.limits.handshake_ms = i < 2 ? 1000 : 60000;
		rig_start(&r);
		rig_connect(&r);
		rig_until(&r, &r.psk_asked);
		if (i >= 4)             /* at once, and not as if the key were wrong (lesson 6) */
			mst_conn_busy(r.conn, "the keeper is away");
		if (i < 2 || i >= 4) {
			rig_until(&r, &r.failed);
			assert_int_equal(r.server_end, i < 2 ? MST_TLS_TIMEOUT : MST_TLS_BUSY);
			assert_null(r.conn);
			rig_until(&r, &r.ended);
			assert_int_equal(r.client_end, MST_TLS_TRUNCATED);
		}
		rig_deinit(&r);
	}
}

#endif

static void synchronous_psk(void **state)
{
	struct rig r;

	(void)state;
	for (int i = 0; i < 4; i++) {
		use_psk(&r, i % 2 ? MST_TLS_ONEM2M : MST_TLS_BOTH);
		r.server_config.synchronous_psk = true;
		r.hold_psk = i >= 2;            /* too late is unknown */
		rig_start(&r);
		rig_connect(&r);
		if (i < 2) {
			rig_until(&r, &r.responses);
			assert_int_equal(r.server_peer.how, MST_AUTH_PSK);
		} else {
			rig_until(&r, &r.failed);
			assert_int_equal(r.server_end, MST_TLS_PSK_REFUSED);
		}
		rig_deinit(&r);
	}
}

/* The verdict on a path is kept, for as long as the context lives, and only when it is good (lesson 3) */
static void verdicts(void **state)
{
	struct mst_tls_ctx *ctx;
	struct rig r;
	mst_time now = time(NULL);

	(void)state;
	rig_init(&r);
	r.client_config.now = told;
	r.client_config.now_arg = &now;
	assert_int_equal(mst_tls_ctx_new(&r.client_config, &ctx, NULL), 0);
	r.client_to.tls = ctx;
	rig_start(&r);
	for (unsigned i = 1; i <= 3; i++) {
		rig_connect(&r);
		rig_until_n(&r, &r.responses, i);
		assert_int_equal(mst_tls_ctx_verdict_hits(ctx), i - 1);
	}
	/* time goes on for what was good as well */
	now += 86400 * 2;
	rig_connect(&r);
	rig_until(&r, &r.ended);
	assert_int_equal(r.client_end, MST_TLS_EXPIRED);
	assert_int_equal(mst_tls_ctx_verdict_hits(ctx), 2);
	rig_deinit(&r);
}

/* Spec 2.5.5: a pinned key needs no path; the name still counts */
static void pins(void **state)
{
	struct mst_cert_info *info = calloc(1, sizeof(*info));
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	static const struct { const char *prefix; unsigned octets; } form[] = { { "ni:///sha-256;", 32 },
		{ "ni:///sha-256-128;", 16 }, { "ni:///sha-256-120;", 15 }, { "ni:///sha-256;", 31 }, { "ni:///sha-512;", 32 } };

	(void)state;
	assert_non_null(info);
	assert_int_equal(mst_cert_info(rig_der(&rig_pki()->server), info, NULL), 0);
	for (unsigned i = 0; i < 12; i++) {
		unsigned f = i % 6 == 5 ? 0 : i % 6, n;
		char pin[100];
		struct mst_view view;
		struct rig r;

		rig_init(&r);
		n = (unsigned)snprintf(pin, sizeof(pin), "%s", form[f].prefix);
		for (unsigned bit = 0; bit < form[f].octets * 8; bit += 6) {
			unsigned two = (unsigned)info->spki_sha256[bit / 8] << 8 |
			               (bit / 8 + 1 < form[f].octets ? info->spki_sha256[bit / 8 + 1] : 0);

			pin[n++] = digit[two >> (10 - bit % 8) & 63];
		}
		if (i % 6 == 5)
			pin[n - 2] = pin[n - 2] == 'A' ? 'B' : 'A';
		view = (struct mst_view){ (uint8_t *)pin, n };
		r.client_config.n_anchors = 0;
		r.client_to.pins = &view;
		r.client_to.n_pins = 1;
		if (i >= 6)
			r.client_to.server_name = "maf.example.com";
		rig_start(&r);
		rig_connect(&r);
		if (i < 3)
			rig_until(&r, &r.responses);
		else {
			rig_until(&r, &r.ended);
			assert_int_equal(r.client_end, i < 6 || i >= 9 ? MST_TLS_UNTRUSTED : MST_TLS_WRONG_NAME);
		}
		rig_deinit(&r);
	}
	free(info);
}

static void names(void **state)
{
	static const struct { enum mst_id_kind have; const char *value; enum mst_id_kind kind; const char *want; bool yes; } row[] = {
		{ MST_ID_FQDN, "mef.example.com", MST_ID_FQDN, "mef.example.com", true },
		{ MST_ID_FQDN, "mef.example.com", MST_ID_FQDN, "MEF.Example.com", true },
		{ MST_ID_FQDN, "mef.example.com", MST_ID_FQDN, "mef.example.co", false },
		{ MST_ID_FQDN, "mef.example.com", MST_ID_FQDN, "x.mef.example.com", false },
		{ MST_ID_FQDN, "*.example.com", MST_ID_FQDN, "mef.example.com", false },
		{ MST_ID_FQDN, "*.example.com", MST_ID_FQDN, "*.example.com", false },
		{ MST_ID_FQDN, "cse0001.sp.example.com", MST_ID_CSE_ABS, "//sp.example.com/CSE0001", true },
		{ MST_ID_FQDN, "cse0002.sp.example.com", MST_ID_CSE_ABS, "//sp.example.com/CSE0001", false },
		{ MST_ID_AE_ABS, "//sp.example.com/S98821", MST_ID_AE_ABS, "//sp.example.com/S98821", true },
		{ MST_ID_AE_ABS, "https://sp.example.com/S98821", MST_ID_AE_ABS, "//sp.example.com/S98821", true },
		{ MST_ID_AE_ABS, "coaps://sp.example.com/S98821", MST_ID_AE_ABS, "//sp.example.com/S98821", true },
		{ MST_ID_AE_ABS, "//sp.example.com/S98821", MST_ID_AE_ABS, "//sp.example.com/S9882", false },
		{ MST_ID_AE_ABS, "//sp.example.com/S98821", MST_ID_AE_ABS, "//sp.example.com/s98821", false },
		{ MST_ID_NODE, "urn:dev:ops:1", MST_ID_NODE, "urn:dev:ops:1", true },
		{ MST_ID_NODE, "urn:dev:ops:1", MST_ID_NODE, "urn:dev:ops:12", false },
		{ MST_ID_NODE, "urn:dev:ops:1", MST_ID_DEVICE, "urn:dev:ops:1", false },
		{ MST_ID_DEVICE, "0.2.481.1.1.2", MST_ID_DEVICE, "0.2.481.1.1.2", true },
		{ MST_ID_FQDN, "", MST_ID_FQDN, "", false },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_cert_info info = { .n_san = 1 };

		info.san[0].kind = row[i].have;
		snprintf(info.san[0].value, sizeof(info.san[0].value), "%s", row[i].value);
		if (mst_cert_names(&info, row[i].kind, row[i].want) != row[i].yes)
			fail_msg("%s %s", row[i].value, row[i].want);
	}
}

static void refused_settings(void **state)
{
	const struct rig_pki *p = rig_pki();
	struct mst_view junk = MST_VIEW_LIT("junk");
	struct mst_tls_ctx *ctx;
	struct rig r;

	(void)state;
	rig_init(&r);
	for (int i = 0; i < 10; i++) {
		static const char *const field[] = { "allow_raw_keys", "resumption", "certificate", "key", "key", "anchors", "crls", "names",
			"certificate", "profile" };
		struct mst_tls_config c = r.server_config;
		struct mst_diag d = { 0 };

		c.allow_raw_keys = i == 0;
		c.resumption = i == 1;
		if (i == 2)
			c.chain_pem = junk;
		else if (i == 3)
			c.key_pkcs8 = junk;
		else if (i == 4)
			c.key_pkcs8 = rig_key(&p->client);
		else if (i == 5)
			c.anchors = &junk;
		else if (i == 6) {
			c.crls = &junk;
			c.n_crls = 1;
		} else if (i == 7) {
			c.require_sni = true;
			c.n_names = 0;
		} else if (i == 8) {
			c.allow_psk = false;
			c.chain_pem = MST_VIEW_NONE;
		} else if (i == 9)
			c.profile = (enum mst_tls_profile)7;
		assert_int_equal(mst_tls_ctx_new(&c, &ctx, &d), MST_FAULT_CONFIG);
		assert_string_equal(d.field, field[i]);
		assert_true(strlen(d.text) > 5);
	}
	rig_deinit(&r);
}

static void every_end_has_words(void **state)
{
	(void)state;
	for (int e = MST_TLS_OPEN; e <= MST_TLS_CUT; e++) {
		assert_true(strlen(mst_tls_end_text((enum mst_tls_end)e)) > 3);
		assert_true(strlen(mst_tls_end_remedy((enum mst_tls_end)e)) > 5);
	}
	assert_string_equal(mst_tls_end_text((enum mst_tls_end)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutual),
		cmocka_unit_test(psk_suspended),
		cmocka_unit_test(client_certificates),
		cmocka_unit_test(the_chain_file_is_the_chain),
		cmocka_unit_test(server_certificates),
		cmocka_unit_test(revocation),
		cmocka_unit_test(no_certificate),
		cmocka_unit_test(server_names),
		cmocka_unit_test(suites),
		cmocka_unit_test(psk_refused), cmocka_unit_test(each_psk_suite),
		cmocka_unit_test(psk_never_certificate),
#if !TLS_NO_FIBRES                      /* where nothing is ever suspended: synchronous_psk is that case */
		cmocka_unit_test(suspended_and_forgotten),
#endif
		cmocka_unit_test(synchronous_psk),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(pins),
		cmocka_unit_test(names),
		cmocka_unit_test(refused_settings),
		cmocka_unit_test(every_end_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
