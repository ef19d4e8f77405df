/*
 * The command channel at the MEF (TS-0003 8.3.9) over a real store: every class as it is given, every status for every class,
 * what a stakeholder does not see, and that nothing that is refused leaves anything behind.
 */
#include "role/mef/decide.h"
#include "role/test-rig.h"

#include <stdio.h>

#define SP "sp.example.com"
#define MTE "trust.example.org"
static struct rig r;
static char reg[2][64];

static int do_as(enum mst_op op, const char *to, int ty, uint8_t fill, const char *content)
{
	return rig_do(&r, MST_ROLE_MEF, op, to, "/CSE0001", ty, fill, content);
}

static void reg_path(int which, const char *tail, char out[128])
{
	snprintf(out, 128, "/MEFBase/%s%s", reg[which], tail);
}

/* Registers with `admin` in a session of its own. */
static void enrol(int which, const char *admin, uint8_t fill)
{
	char body[160];

	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	snprintf(body, sizeof(body), "{\"sec:mefClientReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"%s\"}}", admin);
	assert_int_equal(do_as(MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG, fill, body), MST_RSC_CREATED);
	rig_member(&r, "ri", reg[which], sizeof(reg[which]));
}

static int up(void **state)
{
	(void)state;
	rig_up(&r);
	r.mef_conf.n_stakeholder = 1;
	snprintf(r.mef_conf.stakeholder[0], MST_ID_MAX, MTE);
	enrol(0, SP, 0xa0);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_down(&r);
	return 0;
}

static int64_t add(int class_id, int64_t number, const char *uri, int64_t kind, const char *admin, const char *target)
{
	struct mst_command m = { .node = r.node, .class_id = class_id, .number = number, .kind = kind, .created = r.now };

	snprintf(m.uri, sizeof(m.uri), "%s", uri);
	snprintf(m.admin_fqdn, sizeof(m.admin_fqdn), "%s", admin);
	snprintf(m.target, sizeof(m.target), "%s", target);
	if (class_id == MST_CMD_CERT_PROV)
		snprintf(m.subject, sizeof(m.subject), "%s", RIG_CSE);
	assert_int_equal(mst_store_command_insert(r.store, &m), 0);
	return m.id;
}

static struct mst_command get(int64_t id)
{
	struct mst_command m;

	assert_int_equal(mst_store_command_get(r.store, id, &m), 0);
	return m;
}

static void retrieve(int which)
{
	char path[128];

	reg_path(which, "/cmd", path);
	assert_int_equal(do_as(MST_OP_RETRIEVE, path, 0, 0, NULL), MST_RSC_OK);
}

static int report(int which, const char *id, int status)
{
	char path[128], body[128];

	reg_path(which, "/cmd", path);
	snprintf(body, sizeof(body), "{\"sec:mefClientCmd\":{\"cmdID\":\"%s\",\"cmdStatusCode\":%d}}", id, status);
	return do_as(MST_OP_UPDATE, path, 0, 0, body);
}

static void says(const char *part)
{
	if (!strstr(r.text, part))
		fail_msg("no %s in %s", part, r.text);
}

static void every_class_as_it_is_given(void **state)
{
	int64_t id[3];

	(void)state;
	id[0] = add(MST_CMD_DEV_CFG, 0, "3:coaps://dm.example.com", 0, SP, "");
	id[1] = add(MST_CMD_MO_NODE, 1, "reg/auth", 22, SP, RIG_CSE);
	id[2] = add(MST_CMD_MO_NODE, 3, "maf", 0, "", "");
	retrieve(0);
	says("\"cmdDescription\":{\"cmdClassID\":2,\"cmdArgs\":{\"devCfgCmdArgs\":{\"deviceConfigURI\":\"3:coaps://dm.example.com\"}}}");
	assert_int_equal(report(0, "c-1", 43), MST_RSC_UPDATED);
	says("\"cmdClassID\":3,\"cmdArgs\":{\"MONodeCmdArgs\":{\"objectPath\":\"reg/auth\",\"objectTypeID\":1,\"objectTypeSpecificArgs\":{\"SUID\":22}}},"
	     "\"targetID\":\"" RIG_CSE "\"}");
	assert_int_equal(report(0, "c-2", 305), MST_RSC_UPDATED);
	says("\"MONodeCmdArgs\":{\"objectPath\":\"maf\",\"objectTypeID\":3}}}");
	/* the report again, since its answer was lost: ignored, and the next command again */
	assert_int_equal(report(0, "c-2", 305), MST_RSC_UPDATED);
	says("\"cmdStatusCode\":11");
	says("\"cmdID\":\"c-3\"");
	assert_int_equal(report(0, "c-3", 20), MST_RSC_UPDATED);
	says("\"cmdClassID\":0");
	assert_true(get(id[0]).status == 43 && get(id[1]).status == 305 && get(id[2]).status == 20);
	assert_int_equal(get(id[2]).state, MST_COMMAND_ENDED);
}

/* 12.3.2.4, as the standard has it: status and the classes that it is valid for. */
static bool valid(int status, int class_id)
{
	if (status == 20 || (status >= 40 && status <= 42))
		return true;
	return (status == 43 && class_id) || (class_id == 1 && (status == 100 || status == 101)) ||
	       (class_id == 2 && (status == 201 || status == 202)) || (class_id == 3 && status >= 300 && status <= 305);
}

static void every_status_of_every_class(void **state)
{
	static char before[65536], after[65536];
	unsigned n = 0, taken = 0;
	char id[16] = "";

	(void)state;
	for (int class_id = 1; class_id <= 3; class_id++)
		for (int status = -1; status < 320; status++) {
			int64_t cmd = 0;

			if (status >= 44 && status < 99)
				continue;
			if (!*id || get((int64_t)n).state != MST_COMMAND_ISSUED) {
				cmd = add(class_id, 1, "a", 22, "", "");
				n = (unsigned)cmd;
				retrieve(0);
				rig_member(&r, "cmdID", id, sizeof(id));
			}
			rig_fingerprint(&r, before, sizeof(before));
			if (valid(status, class_id)) {
				assert_int_equal(report(0, id, status), MST_RSC_UPDATED);
				assert_true(get((int64_t)n).status == status && get((int64_t)n).state == MST_COMMAND_ENDED);
				taken++;
				continue;
			}
			if (report(0, id, status) != MST_RSC_BAD_REQUEST)
				fail_msg("status %d of class %d was taken", status, class_id);
			rig_fingerprint(&r, after, sizeof(after));
			assert_string_equal(before, after);
			assert_int_equal(get((int64_t)n).state, MST_COMMAND_ISSUED);
			if (status == 319)         /* the next class begins with a command of its own */
				assert_int_equal(report(0, id, 20), MST_RSC_UPDATED);
		}
	assert_int_equal(taken, 7 + 7 + 11);
	assert_false(mst_mef_status_fits(43, 0));
	assert_true(mst_mef_status_fits(42, 0));
	assert_false(mst_mef_status_fits(20, 4));
}

static void stakeholders_are_apart(void **state)
{
	int64_t id;
	char path[128];

	(void)state;
	enrol(1, MTE, 0xb0);
	assert_string_not_equal(reg[0], reg[1]);
	id = add(MST_CMD_MO_NODE, 2, "ca", 0, MTE, "");
	retrieve(0);
	says("\"cmdClassID\":0");
	retrieve(1);
	says("\"objectPath\":\"ca\"");
	/* a report under the other registration says nothing of it */
	assert_int_equal(report(0, "c-1", 20), MST_RSC_UPDATED);
	assert_int_equal(get(id).state, MST_COMMAND_ISSUED);
	assert_int_equal(report(1, "c-1", 20), MST_RSC_UPDATED);
	assert_int_equal(get(id).state, MST_COMMAND_ENDED);
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(do_as(MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG, 0xc0,
			       "{\"sec:mefClientReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"other.example.net\"}}"), MST_RSC_NO_PRIVILEGE);
	/* gone with its registration: a command that was out is given to the next one (8.3.9.2) */
	id = add(MST_CMD_MO_NODE, 2, "again", 0, MTE, "");
	retrieve(1);
	reg_path(1, "", path);
	assert_int_equal(do_as(MST_OP_DELETE, path, 0, 0, NULL), MST_RSC_DELETED);
	enrol(1, MTE, 0xb1);
	retrieve(1);
	says("\"objectPath\":\"again\"");
	says("\"cmdStatusCode\":10");
}

static void objects_of_the_node_alone(void **state)
{
	static struct mst_device_config c = { .admin_fqdn = SP, .content = "{\"objects\":[]}" };

	(void)state;
	c.node = r.node;
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(do_as(MST_OP_RETRIEVE, "/MEFBase/deviceConfig/" SP, 0, 0, NULL), MST_RSC_NOT_FOUND);
	assert_int_equal(mst_store_device_config_put(r.store, &c), 0);
	assert_int_equal(do_as(MST_OP_RETRIEVE, "/MEFBase/deviceConfig/" SP, 0, 0, NULL), MST_RSC_OK);
	assert_string_equal(r.text, c.content);
	/* of another stakeholder, of nobody, and by other means */
	assert_int_equal(do_as(MST_OP_RETRIEVE, "/MEFBase/deviceConfig/" MTE, 0, 0, NULL), MST_RSC_NOT_FOUND);
	assert_int_equal(do_as(MST_OP_RETRIEVE, "/MEFBase/deviceConfig/a_b", 0, 0, NULL), MST_RSC_NOT_FOUND);
	assert_int_equal(do_as(MST_OP_UPDATE, "/MEFBase/deviceConfig/" SP, 0, 0, "{}"), MST_RSC_OPERATION_NOT_ALLOWED);
	assert_int_equal(do_as(MST_OP_DELETE, "/MEFBase/deviceConfig/" SP, 0, 0, NULL), MST_RSC_OPERATION_NOT_ALLOWED);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, "/MAFBase/deviceConfig/" SP, "/CSE0001", 0, 0, NULL) / 1000, 4);
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/deviceConfig/" SP, "maf.example.com", 0, 0, NULL), MST_RSC_NO_PRIVILEGE);
}

/* Spec 3.2: one exporter key a session. What was registered from one is there for its target after many more. */
static void keys_of_earlier_sessions_stay(void **state)
{
	char rel[6][64], path[128];

	(void)state;
	for (int i = 0; i < 6; i++) {
		rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
		assert_int_equal(do_as(MST_OP_CREATE, "/MEFBase", MST_TY_SYMM_KEY_REG, (uint8_t)(0x10 + i),
				       "{\"sec:symmKeyReg\":{\"et\":\"20270601T000000\",\"adminFQDN\":\"" SP "\",\"SUID\":22,\"targetIDs\":[\"" RIG_CSE "\"]}}"),
				 MST_RSC_CREATED);
		rig_member(&r, "relativeKeyID", rel[i], sizeof(rel[i]));
	}
	for (int i = 0; i < 6; i++) {
		rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
		snprintf(path, sizeof(path), "/MEFBase/%.63s", rel[i]);
		r.has_handed = false;
		assert_int_equal(do_as(MST_OP_RETRIEVE, path, 0, 0, NULL), MST_RSC_OK);
		assert_true(r.has_handed);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_class_as_it_is_given), T(every_status_of_every_class), T(stakeholders_are_apart), T(objects_of_the_node_alone),
		T(keys_of_earlier_sessions_stay),
	};

	return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
