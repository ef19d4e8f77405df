/*
 * Default deny (the lesson of CVE-2026-30836: an operation that was recognised and not served reached the signer). Every
 * operation on every place of every role, by everybody there is, with content that would be good where something is signed; after
 * each the keeper is asked what it has signed. Only the few that may are expected to, and they do.
 */
#include "role/admin/admin.h"
#include "role/test-est-rig.h"
#include "tests/support/ocsp-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum who { NODE, CERTIFIED, MAF, PSK, NOBODY, LOCAL, WHO__COUNT };
static const char *const who_name[] = { "node", "certified", "maf", "psk", "nobody", "local" };
static const enum mst_role roles[] = { MST_ROLE_BBN, MST_ROLE_MEF, MST_ROLE_MAF, MST_ROLE_OCSP, MST_ROLE_ADMIN };

static struct est_cert mine;
static struct est_csr csr;
static struct { uint8_t b[MST_OCSP_REQUEST_MAX]; size_t n; } question;
static char place[128][160];
static size_t n_places;
static unsigned asked, signed_by[MST_ROLE__COUNT], told_by[MST_ROLE__COUNT];

static void add(const char *a, const char *b)
{
	assert_true(n_places < MST_COUNT(place));
	snprintf(place[n_places++], sizeof(place[0]), "%s%s", a, b);
}

/* Of what the tables know; a route or an operation that is added is tried without a word here. */
static void collect(void)
{
	static const char *const fixed[] = {
		"/", "/MEFBase", "/MEFBase/reg-1", "/MEFBase/reg-1/cfg", "/MEFBase/reg-1/cmd", "/MEFBase/A0A1", "/MAFBase", "/MAFBase/reg-1",
		"/fetchCredentials/A0A1A2A3A4A5A6A7A8A9AAABACADAEAF@mef.example.com/21", "/briefing", "/briefing/x/report", "/ocsp", "/ocsp/x",
		MST_EST_PATH, MST_EST_PATH "/", MST_EST_PATH "/simpleenroll/x",
	};

	n_places = 0;
	for (size_t i = 0; i < MST_COUNT(fixed); i++)
		add(fixed[i], "");
	for (int i = MST_EST_NONE + 1; i < MST_EST__COUNT; i++)
		add(MST_EST_PATH "/", mst_est_name[i]);
	for (size_t i = 0; i < admin_routes_n; i++) {
		const char *open = strstr(admin_routes[i].path, "{id}");
		char path[160];

		/* an id that names a node, a request, a certificate's place */
		snprintf(path, sizeof(path), "%.*s%s%s", open ? (int)(open - admin_routes[i].path) : 150, admin_routes[i].path, open ? "1" : "",
			 open ? open + 4 : "");
		add(path, "");
	}
}

static void be(enum who who)
{
	switch (who) {
	case NODE: rig_peer_cert(&est_rig, MST_ID_NODE, RIG_NODE); return;
	case CERTIFIED: est_peer_is(&mine, mine.i.not_after); return;
	case MAF: rig_peer_cert(&est_rig, MST_ID_FQDN, "maf.example.com"); return;
	case PSK: rig_peer_psk(&est_rig, "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF@mef.example.com"); return;
	case NOBODY: rig_peer_cert(&est_rig, MST_ID_NONE, NULL); est_rig.x.peer.how = MST_AUTH_ANONYMOUS; return;
	case LOCAL: rig_peer_cert(&est_rig, MST_ID_NONE, NULL); est_rig.x.peer.how = MST_AUTH_LOCAL; est_rig.x.peer.uid = geteuid(); return;
	case WHO__COUNT: break;
	}
	fail();
}

static int handle(enum mst_role role)
{
	struct mst_role_env env = { .store = est_rig.store, .keeper = est_rig.keeper, .crypto = est_rig.crypto, .conf = &est_rig.mef_conf,
				    .now = est_rig.now };
	int r;

	if (role != MST_ROLE_ADMIN)
		return rig_handle(&est_rig, role);
	memset(&est_rig.a, 0, sizeof(est_rig.a));
	est_rig.a.content = mst_writer_of(est_rig.content, sizeof(est_rig.content));
	assert_int_equal(mst_store_begin(est_rig.store), 0);
	r = mst_role_admin.handle(&env, &est_rig.x, &est_rig.a);
	mst_store_rollback(est_rig.store);        /* what the operator does is not to end the others' turn */
	return r;
}

/* Who may have what signed: two operations of EST by the node, and questions to the responder by anybody. */
static bool may_certify(enum mst_role role, enum mst_op op, const char *to, enum who who, bool plain)
{
	return role == MST_ROLE_MEF && plain && op == MST_OP_CREATE &&
	       ((!strcmp(to, MST_EST_PATH "/simpleenroll") && (who == NODE || who == CERTIFIED)) ||
		(!strcmp(to, MST_EST_PATH "/simplereenroll") && who == CERTIFIED));
}

static void try(enum mst_role role, enum mst_op op, const char *to, enum who who, bool plain, int ty, bool ocsp)
{
	struct mst_keeper_counts before = mst_keeper_local_counts(est_rig.keeper), after;
	struct mst_view content = ocsp ? (struct mst_view){ question.b, question.n } : (struct mst_view){ csr.b, csr.n };

	be(who);
	est_rig.x.role = role;
	est_rig.x.channel = RIG_CHANNEL;
	est_rig.x.plain = plain || role == MST_ROLE_OCSP || role == MST_ROLE_ADMIN || role == MST_ROLE_BBN;
	est_rig.x.request = (struct mst_request){ .op = op, .to = mst_view_str(to), .from = mst_view_str("/CSE0001"), .rqi = mst_view_str("r1"),
		.rvi = mst_view_str("3"), .media = mst_view_str(ocsp ? "application/ocsp-request" : MST_EST_PKCS10), .content = content, .ty = ty };
	(void)handle(role);
	after = mst_keeper_local_counts(est_rig.keeper);
	asked++;
	signed_by[role] += (unsigned)(after.signed_ - before.signed_);
	told_by[role] += (unsigned)(after.statuses - before.statuses);
	if (after.signed_ != before.signed_ && !may_certify(role, op, to, who, est_rig.x.plain))
		fail_msg("signed: %s %s op %d, %s, plain %d, ty %d", mst_role_name[role], to, op, who_name[who], plain, ty);
	if (after.statuses != before.statuses && (role != MST_ROLE_OCSP || op != MST_OP_CREATE || strcmp(to, "/ocsp") || !ocsp))
		fail_msg("told: %s %s op %d, %s, plain %d, ty %d", mst_role_name[role], to, op, who_name[who], plain, ty);
	if (after.triggers != before.triggers || (after.released != before.released && role == MST_ROLE_OCSP))
		fail_msg("left: %s %s op %d, %s", mst_role_name[role], to, op, who_name[who]);
}

/* One world for all: what is issued on the way is one certificate for each kind of session, given again afterwards. */
static void only_what_may_be_signed_is(void **state)
{
	static const int types[] = { 0, MST_TY_MEF_CLIENT_REG, MST_TY_MAF_CLIENT_REG, MST_TY_SYMM_KEY_REG, MST_TY_MEF_CLIENT_CMD };
	struct mst_csr_attrs a;
	uint8_t ca[MST_CERT_MAX];
	const char *serial;
	size_t n;

	(void)state;
	mine = est_enrolled();
	a = est_attributes();
	csr = est_csr_of(&est_k2, &a.san, a.challenge);
	serial = mine.i.serial;
	assert_int_equal(est_rig.keeper->ops->ca_cert(est_rig.keeper, ca, sizeof(ca), &n), 0);
	question.n = ocsp_client_request((struct mst_view){ ca, n }, &serial, 1, question.b, sizeof(question.b));
	collect();
	for (size_t r = 0; r < MST_COUNT(roles); r++)
		for (size_t p = 0; p < n_places; p++)
			for (int op = MST_OP_NONE; op <= MST_OP_NOTIFY; op++)
				for (int who = 0; who < WHO__COUNT; who++) {
					bool binding = roles[r] == MST_ROLE_MEF || roles[r] == MST_ROLE_MAF;

					try(roles[r], (enum mst_op)op, place[p], (enum who)who, true, 0, false);
					try(roles[r], (enum mst_op)op, place[p], (enum who)who, true, 0, true);
					for (size_t t = 0; binding && op == MST_OP_CREATE && t < MST_COUNT(types); t++)
						try(roles[r], MST_OP_CREATE, place[p], (enum who)who, false, types[t], false);
					if (binding && op != MST_OP_CREATE)
						try(roles[r], (enum mst_op)op, place[p], (enum who)who, false, 0, false);
				}
	assert_true(asked > 10000);
	/* the first part could have failed: those that may have been served */
	assert_true(signed_by[MST_ROLE_MEF] >= 1);
	assert_int_equal(told_by[MST_ROLE_OCSP], WHO__COUNT);
	assert_int_equal(signed_by[MST_ROLE_BBN] + signed_by[MST_ROLE_MAF] + signed_by[MST_ROLE_OCSP] + signed_by[MST_ROLE_ADMIN], 0);
	assert_int_equal(told_by[MST_ROLE_BBN] + told_by[MST_ROLE_MEF] + told_by[MST_ROLE_MAF] + told_by[MST_ROLE_ADMIN], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(only_what_may_be_signed_is, est_up, est_down) };

	/* a transaction each: no disk has to keep them */
	if (!access("/dev/shm", W_OK))
		setenv("TMPDIR", "/dev/shm", 1);
	return cmocka_run_group_tests_name("signing", tests, NULL, NULL);
}
