#include "tests/support/cm.h"

#include "transport/test-rig.h"

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
		r.hold_psk = i < 2;
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
		assert_int_equal(r.client_peer.how, MST_AUTH_PSK);
		assert_memory_equal(r.server_export, r.client_export, 48);
		rig_deinit(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutual), cmocka_unit_test(psk_suspended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
