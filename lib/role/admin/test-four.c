/*
 * Four eyes and what a yes is for: a number or a name that is another's by then gets nothing done, and what ends certificates wants two persons
 * whatever it is called. The keeper here believes everybody: that it does not is keeper/test-keeper-leave.
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/ident.h"
#include "role/admin/admin.h"
#include "role/admin/test-store.h"

#define NOW 1795212591
#define BERT 1301                        /* asks */
#define CARL 1302                        /* says yes */
#define OF_A 4711                        /* of a provider */
#define SERIAL "00112233445566778899AABB"

struct fix {
	char dir[64];
	struct mst_store *s;
	struct mst_role_conf conf;
	mst_time now;
	uint32_t uid;                        /* who is asking */
};

static struct fix *f;
static char room[MST_ANSWER_MAX + 1];

static int leave_ask(struct mst_keeper *k, const struct mst_said *q, struct mst_ticket *ret)
{
	(void)k;
	*ret = (struct mst_ticket){ .uid = f->uid, .when = q->now, .wrapped = { .n = 1 } };
	return 0;
}

static int leave_give(struct mst_keeper *k, const struct mst_said *yes, struct mst_view request, const struct mst_wrapped *ticket)
{
	(void)k;
	(void)yes;
	(void)request;
	(void)ticket;
	return 0;
}

static int generations(struct mst_keeper *k, struct mst_keeper_generations *ret)
{
	(void)k;
	*ret = (struct mst_keeper_generations){ .now = 0 };
	return 0;
}

static const struct mst_keeper_ops keeper_ops = { .name = "believes", .leave_ask = leave_ask, .leave_give = leave_give, .generations = generations };
static struct mst_keeper keeper = { &keeper_ops };

/* The answer's text stands in `room`. */
static int ask_as(uint32_t uid, enum mst_op op, const char *target, const char *body)
{
	struct mst_role_env env = { .store = f->s, .keeper = &keeper, .conf = &f->conf, .now = f->now };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .said = { "said", 4 }, .peer = { .how = MST_AUTH_LOCAL, .uid = uid },
				  .request = { .op = op, .to = mst_view_str(target), .content = mst_view_str(body) } };
	struct mst_answer a = { .content = mst_writer_of((uint8_t *)room, sizeof(room) - 1) };

	f->uid = uid;
	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(mst_role_admin.handle(&env, &x, &a), 0);
	assert_int_equal(mst_store_commit(f->s), 0);
	room[a.content.n] = 0;
	return a.rsc;
}

static void must_as(uint32_t uid, const char *target, const char *body, int rsc)
{
	int got = ask_as(uid, MST_OP_CREATE, target, body);

	if (got != rsc)
		fail_msg("%s %s: %d instead of %d: %s", target, body, got, rsc, room);
}

static void must(const char *target, const char *body, int rsc)
{
	must_as(BERT, target, body, rsc);
}

static bool told(const char *text)
{
	return strstr(room, text) != NULL;
}

/* A yes to what was asked for last. */
static void yes(int rsc)
{
	const char *digest = "{\"digest\":\"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\"}";
	char path[64];
	json_t *j;

	assert_int_equal(ask_as(CARL, MST_OP_RETRIEVE, "/v1/approvals?state=waiting", ""), MST_RSC_OK);
	j = json_loads(room, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "approvals")), 1);
	snprintf(path, sizeof(path), "/v1/approvals/%lld/give",
		 (long long)json_integer_value(json_object_get(json_array_get(json_object_get(j, "approvals"), 0), "id")));
	json_decref(j);
	must_as(CARL, path, digest, rsc);
}

static bool nothing_waits(void)
{
	assert_int_equal(ask_as(CARL, MST_OP_RETRIEVE, "/v1/approvals?state=waiting", ""), MST_RSC_OK);
	return told("\"approvals\":[]");
}

static int64_t node_of(const char *id)
{
	struct mst_node n;

	assert_int_equal(mst_store_node_find(f->s, id, &n), 0);
	return n.id;
}

static enum mst_node_state state_of(const char *id)
{
	struct mst_node n;

	assert_int_equal(mst_store_node_find(f->s, id, &n), 0);
	return n.state;
}

static bool good(const char *serial)
{
	struct mst_cert_row r;

	assert_int_equal(mst_store_cert_get(f->s, serial, &r), 0);
	return !r.revoked;
}

static void issue_as(const char *node, const char *serial, const char *subject)
{
	struct mst_cert_row r = { .node = node_of(node), .issued = NOW - 9, .expires = NOW + 9999 };

	snprintf(r.serial, sizeof(r.serial), "%s", serial);
	snprintf(r.subject, sizeof(r.subject), "%s", subject);
	assert_int_equal(mst_store_cert_put(f->s, &r), 0);
}

static void issue(const char *node, const char *serial)
{
	issue_as(node, serial, node);
}

static void issue_ended(const char *node, unsigned number, mst_time expires)
{
	struct mst_cert_row r = { .node = node_of(node), .issued = NOW - 9000, .expires = expires };

	snprintf(r.serial, sizeof(r.serial), "00112233445566778899%04X", number);
	snprintf(r.subject, sizeof(r.subject), "%s", node);
	assert_int_equal(mst_store_cert_put(f->s, &r), 0);
}

static bool ended_is_good(unsigned number)
{
	char serial[40];

	snprintf(serial, sizeof(serial), "00112233445566778899%04X", number);
	return good(serial);
}

static int set_up(void **state)
{
	char body[300];

	f = calloc(1, sizeof(*f));
	f->now = NOW;
	test_store_open(f->dir, "four", &f->s);
	f->conf.makers.n = 1;
	f->conf.provider[0] = (struct mst_provider){ "a.example.com", OF_A };
	f->conf.n_provider = 1;
	f->conf.four.of = 1u << MST_FOUR_CERTIFICATES;
	f->conf.four.expires = 3600;
	f->conf.four.people[0] = BERT;
	f->conf.four.people[1] = CARL;
	f->conf.four.n_people = 2;
	for (const char *sp = "ab"; *sp; sp++) {
		snprintf(body, sizeof(body), "{\"id\":\"sub-%c\",\"spFQDN\":\"%c.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"20271121T000000\"}",
			 *sp, *sp);
		must("/v1/subscriptions", body, 2001);
	}
	must("/v1/subscriptions", "{\"id\":\"sub-a2\",\"spFQDN\":\"a.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"20271121T000000\"}", 2001);
	must("/v1/nodes", "{\"nodeID\":\"urn:a:1\",\"cseID\":\"//a.example.com/CSE1\",\"subscription\":\"sub-a\"}", 2001);
	must("/v1/nodes", "{\"nodeID\":\"urn:a:2\",\"cseID\":\"//a.example.com/CSE2\",\"subscription\":\"sub-a\"}", 2001);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_store_close(f->dir, f->s);
	free(f);
	return 0;
}

/* --- requests for certificates --- */

static int64_t request_of(const char *node, uint8_t what)
{
	struct mst_certreq r = { .node = node_of(node), .asked = f->now };

	snprintf(r.subject, sizeof(r.subject), "%s", node);
	memset(r.csr_sha256, what, sizeof(r.csr_sha256));
	assert_int_equal(mst_store_certreq_insert(f->s, &r), 0);
	return r.id;
}

static enum mst_certreq_state request_state(int64_t id)
{
	struct mst_certreq r;

	assert_int_equal(mst_store_certreq_get(f->s, id, &r), 0);
	return r.state;
}

static const char *which(uint8_t what, const char *node)
{
	static char body[300];
	char hex[2 * MST_SHA256_LEN + 1];

	for (size_t i = 0; i < MST_SHA256_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02X", what);
	snprintf(body, sizeof(body), "{\"sha256\":\"%s\",\"node\":\"%s\"}", hex, node);
	return body;
}

/* Between asking and yes the node has moved to another provider, and another node's request has its number. */
static void a_yes_is_for_one_request(void **state)
{
	int64_t id = request_of("urn:a:1", 0xA1), other;
	char path[80];

	(void)state;
	snprintf(path, sizeof(path), "/v1/certificate-requests/%lld/approve", (long long)id);
	must(path, which(0xA1, "urn:a:1"), MST_RSC_ACCEPTED);
	must("/v1/nodes/urn%3Aa%3A1/move", "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE1\"}", 2000);
	other = request_of("urn:a:2", 0xA2);
	yes(id == other ? 4105 : 4004);
	assert_int_equal(request_state(other), MST_CERTREQ_PENDING);
	assert_true(nothing_waits());
}

/* Nor for a number alone, for another node's, or for what waited before that was asked for. */
static void a_number_is_not_enough(void **state)
{
	int64_t id = request_of("urn:a:1", 0xA1), other = request_of("urn:a:2", 0xA2);
	struct mst_approval old = { .state = MST_APPROVAL_WAITS, .asked_by = BERT, .asked = NOW, .expires = NOW + 60, .ticket = { .n = 1 } };
	char path[80];

	(void)state;
	snprintf(path, sizeof(path), "/v1/certificate-requests/%lld/approve", (long long)id);
	must(path, "{}", 4000);
	assert_true(told("\"field\":\"sha256\""));
	must(path, "{\"sha256\":\"A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1\"}", 4000);
	assert_true(told("\"field\":\"node\""));
	must(path, which(0xA2, "urn:a:1"), 4105);
	must(path, which(0xA1, "urn:a:2"), 4105);
	must(path, which(0xA1, "urn:a:3"), 4105);
	assert_true(nothing_waits());
	old.request.n = (uint16_t)snprintf((char *)old.request.b, sizeof(old.request.b), "POST %s\n{}", path);
	assert_int_equal(mst_store_approval_insert(f->s, &old), 0);
	yes(4000);
	old.request.n = (uint16_t)snprintf((char *)old.request.b, sizeof(old.request.b), "POST %s\n%s", path, which(0xA2, "urn:a:1"));
	assert_int_equal(mst_store_approval_insert(f->s, &old), 0);
	yes(4105);
	assert_int_equal(request_state(id), MST_CERTREQ_PENDING);
	/* what they tell is what is wanted, and then it is done */
	assert_int_equal(ask_as(BERT, MST_OP_RETRIEVE, "/v1/certificate-requests", ""), MST_RSC_OK);
	assert_true(told("\"sha256\":\"A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1\""));
	must(path, which(0xA1, "urn:a:1"), MST_RSC_ACCEPTED);
	assert_true(told("A1A1A1A1") && told("urn:a:1"));
	yes(2000);
	assert_true(request_state(id) == MST_CERTREQ_APPROVED && request_state(other) == MST_CERTREQ_PENDING);
	/* a no wants nobody; a provider's own people have nobody; without four eyes it is as it was, and what is said is looked at all the same */
	snprintf(path, sizeof(path), "/v1/certificate-requests/%lld/reject", (long long)id);
	must(path, "{\"reason\":\"no\"}", 2000);
	snprintf(path, sizeof(path), "/v1/certificate-requests/%lld/approve", (long long)other);
	must_as(OF_A, path, "{}", 2000);
	f->conf.four.of = 0;
	snprintf(path, sizeof(path), "/v1/certificate-requests/%lld/approve", (long long)id);
	must(path, which(0xA2, "urn:a:1"), 4105);
	must(path, "{}", 2000);
	assert_true(nothing_waits());
}

/* --- nodes --- */

#define WHY "{\"reason\":\"stolen\"}"

/* What ends certificates for good wants two, whatever it is called; what has none to lose, and what can be taken back, does not. */
static void certificates_end_with_two(void **state)
{
	static const struct { const char *act, *body; } table[] = {
		{ "revoke", WHY }, { "release", WHY }, { "release", "{\"reason\":\"sold\",\"grace\":60}" },
		{ "move", "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE1\",\"grace\":1}" },
		{ "certificates/revoke", "{\"reason\":1}" },
	};
	struct mst_clocked clocked = { 0 };
	char path[80], id[16], serial[40], body[100];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(table); i++) {
		struct mst_role_env env = { .store = f->s, .conf = &f->conf };

		snprintf(id, sizeof(id), "urn:n:%zu", i);
		snprintf(serial, sizeof(serial), "%s%02zu", SERIAL, i);
		snprintf(body, sizeof(body), "{\"nodeID\":\"%s\",\"subscription\":\"sub-a\"}", id);
		must("/v1/nodes", body, 2001);
		issue(id, serial);
		/* stopped at once by one, and back */
		snprintf(path, sizeof(path), "/v1/nodes/%s/suspend", id);
		must(path, WHY, 2000);
		assert_int_equal(state_of(id), MST_NODE_SUSPENDED);
		snprintf(path, sizeof(path), "/v1/nodes/%s/resume", id);
		must(path, WHY, 2000);
		snprintf(path, sizeof(path), "/v1/nodes/%s/%s", id, table[i].act);
		must(path, table[i].body, MST_RSC_ACCEPTED);
		env.now = f->now += 61;
		assert_int_equal(mst_role_admin.clock(&env, &clocked), 0);
		assert_true(state_of(id) == MST_NODE_KNOWN && good(serial));
		yes(2000);
		env.now = f->now += 61;
		assert_int_equal(mst_role_admin.clock(&env, &clocked), 0);
		assert_false(good(serial));
		/* it has none now */
		snprintf(path, sizeof(path), "/v1/nodes/%s/revoke", id);
		must(path, WHY, 2000);
		assert_int_equal(state_of(id), MST_NODE_REVOKED);
	}
	assert_true(nothing_waits());
}

/* What a move within a provider leaves is not lost, and a second move ends at once what the first has left. */
static void moves(void **state)
{
	(void)state;
	issue("urn:a:1", SERIAL);
	must("/v1/nodes/urn%3Aa%3A1/move", "{\"reason\":\"tariff\",\"subscription\":\"sub-a2\",\"cseID\":\"//a.example.com/CSE1\"}", 2000);
	assert_true(nothing_waits());
	must("/v1/nodes/urn%3Aa%3A1/move", "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE1\"}", MST_RSC_ACCEPTED);
	yes(2000);
	assert_true(good(SERIAL));
	f->now++;
	must("/v1/nodes/urn%3Aa%3A1/move", "{\"reason\":\"back\",\"subscription\":\"sub-a\",\"cseID\":\"//a.example.com/CSE1\"}", MST_RSC_ACCEPTED);
	assert_true(good(SERIAL));
	yes(2000);
	assert_false(good(SERIAL));
}

/* A name that it had is lost with its certificate, also when the node takes it again before the grace is over. */
static void a_name_and_back(void **state)
{
	static const char to[] = "/v1/nodes/urn%3Aa%3A1/move", other[] = "{\"reason\":\"name\",\"subscription\":\"sub-a\",\"cseID\":\"//a.example.com/CSE9\"}",
			  back[] = "{\"reason\":\"name\",\"subscription\":\"sub-a\",\"cseID\":\"//a.example.com/CSE1\"}";
	char public[MST_ID_MAX];

	(void)state;
	assert_true(mst_cse_public_name(mst_view_str("//a.example.com/CSE1"), public));
	issue_as("urn:a:1", SERIAL, public);
	must(to, other, MST_RSC_ACCEPTED);
	yes(2000);
	assert_true(good(SERIAL));
	must(to, back, MST_RSC_ACCEPTED);
	assert_true(good(SERIAL));
	yes(2000);
	assert_false(good(SERIAL));
}

/* A provider's own people have nobody to ask. */
static void a_providers_people(void **state)
{
	(void)state;
	issue("urn:a:1", SERIAL);
	must("/v1/providers/a.example.com/nodes/urn%3Aa%3A1/revoke", WHY, MST_RSC_ACCEPTED);
	must_as(OF_A, "/v1/nodes/urn%3Aa%3A1/revoke", WHY, 2000);
	assert_false(good(SERIAL));
}

/* A CSE-ID is given anew when its node moves, and a node may be called by another one's number. */
static void a_yes_is_for_one_node(void **state)
{
	char path[80];

	(void)state;
	issue("urn:a:1", SERIAL);
	must("/v1/nodes/%2F%2Fa.example.com%2FCSE1/revoke", WHY, 4000);
	assert_true(told("M2M-Node-ID: urn:a:1"));
	must("/v1/nodes/%2F%2Fa.example.com%2FCSE1/certificates/revoke", "{}", 4000);
	snprintf(path, sizeof(path), "/v1/nodes/%lld/revoke", (long long)node_of("urn:a:1"));
	must(path, WHY, 4000);
	assert_true(nothing_waits() && good(SERIAL));
	/* where nobody is asked any of its names will do */
	f->conf.four.of = 0;
	must(path, WHY, 2000);
	assert_false(good(SERIAL));
}

/* What has ended and may still be renewed (mef.est_grace) is ended like what works: by two persons, and all of it. */
static void what_may_still_be_renewed(void **state)
{
	(void)state;
	f->conf.est.on = true;
	f->conf.est.grace = 100;
	issue_ended("urn:a:1", 0, NOW - 100);
	must("/v1/nodes/urn%3Aa%3A1/revoke", WHY, 2000);        /* over for good: nothing to lose */
	assert_true(ended_is_good(0));
	issue_ended("urn:a:2", 1, NOW - 99);
	must("/v1/nodes/urn%3Aa%3A2/revoke", WHY, MST_RSC_ACCEPTED);
	yes(2000);
	assert_false(ended_is_good(1));
	f->conf.four.of = 0;
	issue_ended("urn:a:2", 2, NOW - 99);
	issue_ended("urn:a:2", 3, NOW - 100);
	must("/v1/nodes/urn%3Aa%3A2/certificates/revoke", "{\"reason\":1}", 2000);
	assert_false(ended_is_good(2) || ended_is_good(3));      /* one that is over says still which name is certified again */
	/* however many there are */
	must("/v1/nodes", "{\"nodeID\":\"urn:a:3\",\"subscription\":\"sub-a\"}", 2001);
	for (unsigned i = 100; i < 140; i++)
		issue_ended("urn:a:3", i, NOW - 1);
	must("/v1/nodes/urn%3Aa%3A3/revoke", WHY, 2000);
	for (unsigned i = 100; i < 140; i++)
		assert_false(ended_is_good(i));
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(a_yes_is_for_one_request), T(a_number_is_not_enough), T(certificates_end_with_two), T(moves), T(a_name_and_back),
		T(a_providers_people), T(a_yes_is_for_one_node), T(what_may_still_be_renewed) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("admin: four eyes", tests, NULL, NULL);
}
