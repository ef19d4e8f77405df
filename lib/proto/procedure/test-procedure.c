/* Every procedure of 4.3, 4.4, 5.2 and 5.4 with all of its parameters, and every answer that must not be taken. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "proto/procedure/procedure.h"

#define UTC 1800000000               /* 2027-01-15 */
#define ET "20280101T000000"
static struct procedure p;
static const struct mst_view labels[] = { MST_VIEW_LIT("site:7") }, targets[] = { MST_VIEW_LIT("//sp.example.com/C2"), MST_VIEW_LIT("//sp.example.com/C3") };
static const struct mst_key value = { .n = 32, .b = { 1 } };

static struct procedure_config base(enum procedure_what what)
{
	struct procedure_config c = { .what = what, .base = "/MEFBase", .from = "/C1", .attempt = "00112233445566778899aabbccddeeff",
				      .own = { "//sp.example.com/C1" }, .answer_ms = 5000 };

	switch (what) {
	case PROCEDURE_REGISTER:
		c.expires = 1830297600;
		c.admin_fqdn = "sp.example.com";
		break;
	case PROCEDURE_KEY_REGISTER:
		c.expires = 1830297600;
		c.admin_fqdn = "sp.example.com";
		c.suid = 24;
		break;
	case PROCEDURE_REG_GET:
	case PROCEDURE_DEREGISTER: c.id = "reg-1"; break;
	case PROCEDURE_REG_UPDATE:
		c.id = "reg-1";
		c.expires = 1830297600;
		break;
	case PROCEDURE_KEY_GET:
	case PROCEDURE_KEY_DEREGISTER: c.id = "A0"; break;
	case PROCEDURE_KEY_UPDATE:
		c.id = "A0";
		c.expires = 1830297600;
		break;
	case PROCEDURE__COUNT: break;
	}
	return c;
}

static void begin(const struct procedure_config *c)
{
	struct mst_diag d = { 0 };

	if (!procedure_init(&p, c, 0, &d))
		fail_msg("%s: %s", d.field, d.text);
}

static void sends(enum mst_op op, const char *to, int ty, const char *content)
{
	const struct mst_request *q = procedure_request(&p);

	assert_non_null(q);
	assert_int_equal(q->op, op);
	assert_true(mst_view_eq_str(q->to, to));
	assert_int_equal(q->ty, ty);
	if (!mst_view_eq_str(q->content, content))
		fail_msg("%.*s", (int)q->content.n, (const char *)q->content.p);
	procedure_sent(&p);
	assert_null(procedure_request(&p));
}

static enum procedure_end answered(int rsc, const char *json)
{
	struct mst_response a = { .rsc = rsc, .rqi = p.dialog.out.rqi, .rvi = MST_VIEW_LIT("3"), .content = mst_view_str(json) };

	if (procedure_request(&p))
		procedure_sent(&p);
	procedure_feed(&p, &a, UTC);
	return procedure_end(&p);
}

#define REG(ri, et, admin, client) "{\"sec:mefClientReg\":{\"ri\":\"" ri "\",\"et\":\"" et "\",\"adminFQDN\":\"" admin "\",\"clientID\":\"" client "\"}}"
#define GOOD_REG REG("reg-1", ET, "sp.example.com", "//sp.example.com/C1")
#define KEY(rel, et, source, admin, suid, targets, more) "{\"sec:symmKeyReg\":{\"et\":\"" et "\",\"adminFQDN\":\"" admin "\",\"SUID\":" suid \
	",\"targetIDs\":[" targets "],\"relativeKeyID\":\"" rel "\",\"sourceClientID\":\"" source "\"" more "}}"
#define TWO "\"//sp.example.com/C2\",\"//sp.example.com/C3\""

static void registrations(void **state)
{
	struct procedure_config c = base(PROCEDURE_REGISTER);

	(void)state;
	c.labels = labels;
	c.n_labels = 1;
	begin(&c);
	sends(MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG, "{\"sec:mefClientReg\":{\"et\":\"" ET "\",\"lbl\":[\"site:7\"],\"adminFQDN\":\"sp.example.com\"}}");
	assert_int_equal(answered(2001, GOOD_REG), PROCEDURE_DONE);
	assert_string_equal(p.result.id, "reg-1");
	assert_string_equal(p.result.client_id, "//sp.example.com/C1");
	assert_true(p.result.expires == 1830297600);
	assert_true(procedure_deadline(&p) == MST_NEVER);
	c = base(PROCEDURE_REG_UPDATE);
	c.expires = 0;
	c.labels = labels;
	begin(&c);
	sends(MST_OP_UPDATE, "/MEFBase/reg-1", 0, "{\"sec:mefClientReg\":{\"lbl\":[]}}");
	assert_int_equal(answered(2004, "{\"sec:mefClientReg\":{\"lbl\":[]}}"), PROCEDURE_DONE);
	c = base(PROCEDURE_DEREGISTER);
	begin(&c);
	sends(MST_OP_DELETE, "/MEFBase/reg-1", 0, "");
	assert_int_equal(answered(2002, ""), PROCEDURE_DONE);
	/* the MAF's twin, which may assign a key identifier */
	c = base(PROCEDURE_REG_UPDATE);
	c.maf = true;
	c.base = "/MAFBase";
	begin(&c);
	sends(MST_OP_UPDATE, "/MAFBase/reg-1", 0, "{\"sec:mafClientReg\":{\"et\":\"" ET "\"}}");
	assert_int_equal(answered(2004, "{\"sec:mafClientReg\":{\"et\":\"" ET "\",\"assignedSymmKeyID\":\"K2@maf.example.com\"}}"), PROCEDURE_DONE);
	assert_string_equal(p.result.km_id, "K2@maf.example.com");
}

static void keys(void **state)
{
	struct procedure_config c = base(PROCEDURE_KEY_REGISTER);

	(void)state;
	c.labels = labels;
	c.n_labels = 1;
	c.targets = targets;
	c.n_targets = 2;
	c.value = &value;
	begin(&c);
	sends(MST_OP_CREATE, "/MEFBase", MST_TY_SYMM_KEY_REG, "{\"sec:symmKeyReg\":{\"et\":\"" ET "\",\"lbl\":[\"site:7\"],\"adminFQDN\":\"sp.example.com\","
	      "\"SUID\":24,\"targetIDs\":[" TWO "],\"keyValue\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}}");
	/* what has left holds no key any more */
	for (size_t i = 0; i < sizeof(p.dialog.content); i++)
		assert_int_equal(p.dialog.content[i], 0);
	assert_int_equal(answered(2001, KEY("A0", ET, "//sp.example.com/C1", "sp.example.com", "24", TWO, "")), PROCEDURE_DONE);
	assert_string_equal(p.result.id, "A0");
	assert_int_equal(p.result.n_targets, 2);
	c = base(PROCEDURE_KEY_GET);
	begin(&c);
	sends(MST_OP_RETRIEVE, "/MEFBase/A0", 0, "");
	assert_int_equal(answered(2000, "{\"sec:symmKeyReg\":{\"et\":\"" ET "\",\"adminFQDN\":\"sp.example.com\",\"SUID\":24,\"sourceClientID\":"
				  "\"//sp.example.com/C9\",\"keyValue\":\"AAECAwQFBgcICQoLDA0ODw==\"}}"), PROCEDURE_DONE);
	assert_true(p.result.key.n == 16 && p.result.key.b[15] == 15);
	c = base(PROCEDURE_KEY_UPDATE);
	c.expires = 0;
	c.targets = targets;
	c.n_targets = 1;
	begin(&c);
	sends(MST_OP_UPDATE, "/MEFBase/A0", 0, "{\"sec:symmKeyReg\":{\"targetIDs\":[\"//sp.example.com/C2\"]}}");
	assert_int_equal(answered(2004, "{\"sec:symmKeyReg\":{\"targetIDs\":[\"//sp.example.com/C2\"]}}"), PROCEDURE_DONE);
	c = base(PROCEDURE_KEY_DEREGISTER);
	begin(&c);
	sends(MST_OP_DELETE, "/MEFBase/A0", 0, "");
	assert_int_equal(answered(4004, ""), PROCEDURE_DONE);       /* lesson 11: the first answer was lost */
}

/* The FQDN in an absolute CSE-ID or AE-ID has no case (spec 1.3); the rest of it has. */
static void other_spellings(void **state)
{
	static const struct mst_view maf = MST_VIEW_LIT("maf.example.com");
	struct procedure_config c = base(PROCEDURE_REGISTER);

	(void)state;
	begin(&c);
	assert_int_equal(answered(2001, REG("reg-1", ET, "sp.example.com", "//SP.example.com/C1")), PROCEDURE_DONE);
	begin(&c);
	assert_int_equal(answered(2001, REG("reg-1", ET, "sp.example.com", "//sp.example.com/c1")), PROCEDURE_FAILED);
	c = base(PROCEDURE_KEY_REGISTER);
	c.targets = targets;
	c.n_targets = 2;
	begin(&c);
	assert_int_equal(answered(2001, KEY("A0", ET, "//SP.Example.com/C1", "sp.example.com", "24",
					    "\"//sp.Example.com/C2\",\"//sp.example.COM/C3\"", "")), PROCEDURE_DONE);
	begin(&c);
	assert_int_equal(answered(2001, KEY("A0", ET, "//sp.example.com/c1", "sp.example.com", "24", TWO, "")), PROCEDURE_FAILED);
	begin(&c);           /* another CSE's key */
	assert_int_equal(answered(2001, KEY("A0", ET, "//sp.example.com/C1", "sp.example.com", "24",
					    "\"//sp.example.com/c2\",\"//sp.example.com/C3\"", "")), PROCEDURE_FAILED);
	c.targets = &maf;
	c.n_targets = 1;
	begin(&c);
	assert_int_equal(answered(2001, KEY("A0", ET, "//sp.example.com/C1", "sp.example.com", "24", "\"MAF.example.com\"", "")), PROCEDURE_DONE);
}

static void bad_answers(void **state)
{
	static const struct { enum procedure_what what; int rsc; const char *json; enum prov_reason reason; const char *word; } rows[] = {
		{ PROCEDURE_REGISTER, 4000, "", PROV_MALFORMED, "4000" }, { PROCEDURE_REGISTER, 4103, "", PROV_REFUSED, "4103" },
		{ PROCEDURE_REGISTER, 4106, "", PROV_NOT_AUTHENTICATED, "4106" }, { PROCEDURE_REGISTER, 4105, "", PROV_REFUSED, "4105" },
		{ PROCEDURE_REGISTER, 4117, "", PROV_REFUSED, "4117" }, { PROCEDURE_REGISTER, 4001, "", PROV_MALFORMED, "4001" },
		{ PROCEDURE_REGISTER, 5000, "", PROV_BUSY, "5000" }, { PROCEDURE_REGISTER, 2000, GOOD_REG, PROV_MALFORMED, "2000" },
		{ PROCEDURE_REG_GET, 4004, "", PROV_UNKNOWN, "4004" },
		{ PROCEDURE_REGISTER, 2001, "{}", PROV_MALFORMED, "" },
		{ PROCEDURE_REGISTER, 2001, REG("a b", ET, "sp.example.com", "//sp.example.com/C1"), PROV_MALFORMED, "" },
		{ PROCEDURE_REGISTER, 2001, REG("reg-1", "20260101T000000", "sp.example.com", "//sp.example.com/C1"), PROV_EXPIRED, "ended" },
		{ PROCEDURE_REGISTER, 2001, REG("reg-1", ET, "x.example.com", "//sp.example.com/C1"), PROV_MALFORMED, "adminFQDN" },
		{ PROCEDURE_REGISTER, 2001, REG("reg-1", ET, "sp.example.com", "//sp.example.com/C2"), PROV_MALFORMED, "not ours" },
		{ PROCEDURE_REG_GET, 2000, REG("reg-2", ET, "sp.example.com", "//sp.example.com/C1"), PROV_MALFORMED, "another registration" },
		{ PROCEDURE_REG_UPDATE, 2004, "{\"sec:mefClientReg\":{\"lbl\":[]}}", PROV_MALFORMED, "lacks" },
		{ PROCEDURE_KEY_REGISTER, 2001, KEY("A0", "20260101T000000", "//sp.example.com/C1", "sp.example.com", "24", TWO, ""), PROV_EXPIRED, "ended" },
		{ PROCEDURE_KEY_REGISTER, 2001, KEY("A0", ET, "//sp.example.com/C2", "sp.example.com", "24", TWO, ""), PROV_MALFORMED, "not ours" },
		{ PROCEDURE_KEY_REGISTER, 2001, KEY("A0", ET, "//sp.example.com/C1", "x.example.com", "24", TWO, ""), PROV_MALFORMED, "adminFQDN" },
		{ PROCEDURE_KEY_REGISTER, 2001, KEY("A0", ET, "//sp.example.com/C1", "sp.example.com", "25", TWO, ""), PROV_MALFORMED, "SUID" },
		{ PROCEDURE_KEY_REGISTER, 2001, KEY("A0", ET, "//sp.example.com/C1", "sp.example.com", "24", "\"//sp.example.com/C2\"", ""), PROV_MALFORMED, "targetIDs" },
		{ PROCEDURE_KEY_GET, 4103, "", PROV_REFUSED, "4103" },
		{ PROCEDURE_KEY_GET, 2000, KEY("A0", ET, "//sp.example.com/C1", "sp.example.com", "24", TWO, ""), PROV_MALFORMED, "keyValue" },
		{ PROCEDURE_KEY_UPDATE, 2004, "{\"sec:symmKeyReg\":{\"lbl\":[]}}", PROV_MALFORMED, "lacks" },
		{ PROCEDURE_KEY_DEREGISTER, 4103, "", PROV_REFUSED, "4103" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct procedure_config c = base(rows[i].what);

		if (rows[i].what == PROCEDURE_KEY_REGISTER) {
			c.targets = targets;
			c.n_targets = 2;
		}
		begin(&c);
		if (answered(rows[i].rsc, rows[i].json) != PROCEDURE_FAILED || procedure_failure(&p)->reason != rows[i].reason ||
		    !strstr(procedure_failure(&p)->detail, rows[i].word))
			fail_msg("%zu: %d %s", i, procedure_failure(&p)->reason, procedure_failure(&p)->detail);
		assert_int_equal(p.result.key.n, 0);
	}
}

static void bad_parameters(void **state)
{
	struct { const char *field; struct procedure_config c; } rows[16];
	size_t n = 0;
	struct mst_diag d;

	(void)state;
#define ROW(f, w, change) do { rows[n].field = f; rows[n].c = base(w); rows[n].c.change; n++; } while (0)
	ROW("expirationTime", PROCEDURE_REGISTER, expires = 0);
	ROW("adminFQDN", PROCEDURE_REGISTER, admin_fqdn = "");
	ROW("adminFQDN", PROCEDURE_REGISTER, admin_fqdn = "no blank.example");
	ROW("SUID", PROCEDURE_REGISTER, suid = 22);
	ROW("SUID", PROCEDURE_KEY_REGISTER, suid = 0);
	ROW("SUID", PROCEDURE_KEY_REGISTER, suid = 32);
	ROW("SUID", PROCEDURE_KEY_REGISTER, maf = true);
	ROW("targetIDs", PROCEDURE_KEY_REGISTER, targets = targets);
	ROW("", PROCEDURE_REG_UPDATE, expires = 0);
	ROW("", PROCEDURE_KEY_UPDATE, expires = 0);
	ROW("id", PROCEDURE_REG_UPDATE, id = NULL);
	ROW("id", PROCEDURE_REG_GET, id = "a/b");
	ROW("id", PROCEDURE_KEY_GET, id = "a@b");
	ROW("Key Value", PROCEDURE_KEY_UPDATE, value = &value);
	ROW("expirationTime", PROCEDURE_KEY_GET, expires = 1);
	ROW("labels", PROCEDURE_KEY_REGISTER, n_labels = 17);
	for (size_t i = 0; i < n; i++) {
		if (procedure_init(&p, &rows[i].c, 0, &d) || strcmp(d.field, rows[i].field))
			fail_msg("%zu: %s: %s", i, d.field, d.text);
		assert_null(procedure_request(&p));
		assert_int_equal(procedure_end(&p), PROCEDURE_FAILED);
	}
}

static void other_ends(void **state)
{
	struct procedure_config c = base(PROCEDURE_REG_GET);
	struct mst_response a = { .rsc = 2000, .rqi = MST_VIEW_LIT("other") };

	(void)state;
	begin(&c);
	procedure_feed(&p, &a, UTC);                 /* an answer before the question */
	assert_int_equal(procedure_failure(&p)->reason, PROV_MALFORMED);
	begin(&c);
	procedure_sent(&p);
	procedure_feed(&p, &a, UTC);
	assert_int_equal(procedure_failure(&p)->reason, PROV_MALFORMED);
	begin(&c);
	procedure_lost(&p, PROV_UNREACHABLE, "gone");
	assert_int_equal(procedure_failure(&p)->reason, PROV_UNREACHABLE);
	procedure_tick(&p, MST_NEVER - 1);           /* an end is an end */
	assert_int_equal(procedure_failure(&p)->reason, PROV_UNREACHABLE);
	begin(&c);
	procedure_tick(&p, 4999);
	assert_int_equal(procedure_end(&p), PROCEDURE_RUNS);
	procedure_tick(&p, 5000);
	assert_int_equal(procedure_failure(&p)->reason, PROV_TIMEOUT);
	begin(&c);
	procedure_garbage(&p, "no RSC");
	assert_string_equal(procedure_failure(&p)->detail, "no RSC");
	procedure_deinit(&p);
	assert_int_equal(procedure_end(&p), PROCEDURE_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registrations), cmocka_unit_test(keys), cmocka_unit_test(other_spellings), cmocka_unit_test(bad_answers), cmocka_unit_test(bad_parameters),
		cmocka_unit_test(other_ends),
	};

	return cmocka_run_group_tests_name("procedure", tests, NULL, NULL);
}
