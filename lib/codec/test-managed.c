#include "tests/support/cm.h"

#include <stdio.h>

#include "codec/managed.h"

static struct mst_objects got, again;
static uint8_t room[16384], room2[16384], out[32768];

static int read_text(const char *json, bool from_mef, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	int r;

	memset(d, 0, sizeof(*d));
	r = mst_msg_read_json(&mst_objects_msg, MST_PROFILE_LONG, mst_view_str(json), &a, &got, d);
	return r ? r : mst_objects_check(&got, from_mef, d);
}

#define DOC(x) "{\"objects\":[" x "]}"
#define PRINT "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define WHOLE DOC( \
	"{\"path\":\"reg\",\"mgmtDefinition\":1020,\"originatorID\":\"/C1\",\"pointOfAccess\":[\"https://in.example.com\"],\"CSEBase\":\"/in\"," \
	"\"CSE-ID\":\"//sp.example.com/IN\",\"appID\":\"N.app\"}," \
	"{\"path\":\"reg/auth.1\",\"mgmtDefinition\":1022,\"SUID\":22,\"TLSCiphersuites\":[\"A\",\"B\"],\"keyRegLabels\":[\"x\"]," \
	"\"keyRegDuration\":\"P30D\",\"myCertFingerprint\":\"" PRINT "\"}," \
	"{\"path\":\"reg/auth.1/mef\",\"mgmtDefinition\":1026,\"fqdn\":\"mef.example.com\",\"adminFQDN\":\"sp.example.com\"," \
	"\"expirationTime\":\"20280101T000000\",\"labels\":[\"l\"],\"httpPort\":8443,\"coapPort\":5684,\"websocketPort\":443}," \
	"{\"path\":\"data\",\"mgmtDefinition\":1021,\"containerPath\":\"//sp.example.com/IN/c\"}," \
	"{\"path\":\"ca\",\"mgmtDefinition\":1024,\"certFingerprint\":\"" PRINT "\",\"URI\":\"https://ca.example.com/x\"}")

static void the_whole_document(void **state)
{
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_arena a = mst_arena_of(room2, sizeof(room2));
	const struct mst_object *x;
	struct mst_diag d;

	(void)state;
	assert_int_equal(read_text(WHOLE, true, &d), 0);
	assert_int_equal(got.n, 5);
	x = mst_object_find(&got, MST_VIEW_LIT("/reg/auth.1"));
	assert_non_null(x);
	assert_ptr_equal(mst_object_parent(&got, x), &got.object[0]);
	assert_ptr_equal(mst_object_child(&got, x, MST_MGMT_MEF_REG), &got.object[2]);
	assert_null(mst_object_child(&got, x, MST_MGMT_MAF_REG));
	assert_null(mst_object_parent(&got, &got.object[0]));
	assert_null(mst_object_find(&got, MST_VIEW_LIT("reg/auth")));
	assert_true(x->key_duration == 30 * 86400 && x->n_suites == 2);
	mst_msg_write_json(&mst_objects_msg, MST_PROFILE_LONG, &got, &w);
	assert_int_equal(mst_msg_read_json(&mst_objects_msg, MST_PROFILE_LONG, mst_written(&w), &a, &again, &d), 0);
	assert_int_equal(w.n, strlen(WHOLE));
	assert_memory_equal(out, WHOLE, w.n);
	assert_string_equal(mst_mgmt_text(1022), "authenticationProfile");
	assert_string_equal(mst_mgmt_text(1023), "?");
}

static void what_is_wrong_is_named(void **state)
{
	static const struct { const char *json; bool from_mef; const char *field, *text; } rows[] = {
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1023}"), true, "a", "1020, 1021" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1022}"), true, "a", "SUID is missing" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1022,\"SUID\":31}"), true, "a", "SUID" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1022,\"SUID\":22,\"fqdn\":\"x.example\"}"), true, "a", "fqdn does not belong" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1022,\"SUID\":22,\"keyRegDuration\":\"PT0S\"}"), true, "a", "keyRegDuration" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1022,\"SUID\":11,\"symmKeyID\":\"k@x.example.com\"}"), true, "a", "8.3.8" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1025,\"fqdn\":\"x.example.com\"}"), true, "a", "adminFQDN is missing" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1024}"), true, "a", "certFingerprint is missing" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1024,\"certFingerprint\":\"" PRINT "\",\"URI\":\"http://x.example\"}"), true, "objects[0].URI", "https" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1024,\"certFingerprint\":\"x\"}"), true, "objects[0].certFingerprint", "" },
		{ DOC("{\"path\":\"a//b\",\"mgmtDefinition\":1020}"), true, "objects[0].path", "segments" },
		{ DOC("{\"path\":\"/a\",\"mgmtDefinition\":1020}"), true, "objects[0].path", "segments" },
		{ DOC("{\"path\":\"a/b\",\"mgmtDefinition\":1020}"), true, "a/b", "above it" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1020},{\"path\":\"a\",\"mgmtDefinition\":1020}"), true, "a", "two objects" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1021}"), true, "a", "containerPath is missing" },
		{ DOC("{\"path\":\"a\",\"mgmtDefinition\":1020,\"x\":1}"), true, "objects[0].x", "" },
		{ "{}", true, "objects", "" },
	};
	struct mst_diag d;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		int r = read_text(rows[i].json, rows[i].from_mef, &d);

		if (r <= 0 || strcmp(d.field, rows[i].field) || !strstr(d.text, rows[i].text))
			fail_msg("%s: %d \"%s\" \"%s\"", rows[i].json, r, d.field, d.text);
	}
	/* what a MEF may not give, whoever made the device may */
	assert_int_equal(read_text(DOC("{\"path\":\"a\",\"mgmtDefinition\":1022,\"SUID\":11,\"symmKeyID\":\"k@x.example.com\","
				       "\"symmKeyValue\":\"AAECAwQFBgcICQoLDA0ODw==\"}"), false, &d), 0);
}

static void where_a_configuration_is(void **state)
{
	static const char *const bad[] = { "", "1", "1:", ":x", "x:y", "256:https://x", "-1:https://x", "1:a b" };
	struct mst_view uri;
	int64_t id;

	(void)state;
	assert_true(mst_device_config_split(MST_VIEW_LIT("1:http://server.dmprovider.com"), &id, &uri));
	assert_true(id == 1 && mst_view_eq_str(uri, "http://server.dmprovider.com"));
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		if (mst_device_config_split(mst_view_str(bad[i]), &id, &uri))
			fail_msg("%s", bad[i]);
	assert_string_equal(mst_cmd_status_text(304), "MO_NODE_INCONSISTENT_CONFIG");
	assert_string_equal(mst_cmd_status_text(200), "?");
	assert_string_equal(mst_cmd_class_text(3), "MO_NODE");
	assert_string_equal(mst_cmd_class_text(4), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_document), cmocka_unit_test(what_is_wrong_is_named), cmocka_unit_test(where_a_configuration_is),
	};

	return cmocka_run_group_tests_name("managed", tests, NULL, NULL);
}
