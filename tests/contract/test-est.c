/* Contract of what certificates over EST and commands need. */
#include "tests/contract/contract.h"

#include <stdio.h>

/* Member by member: what lies between them is nobody's. */
static void same_command(const struct mst_command *a, const struct mst_command *b)
{
	assert_true(a->id == b->id && a->node == b->node && a->class_id == b->class_id && a->number == b->number &&
		    a->kind == b->kind && a->state == b->state && a->status == b->status && a->created == b->created &&
		    a->issued == b->issued && a->ended == b->ended);
	assert_string_equal(a->uri, b->uri);
	assert_string_equal(a->subject, b->subject);
	assert_string_equal(a->reg_id, b->reg_id);
	assert_string_equal(a->cmd_id, b->cmd_id);
	assert_string_equal(a->target, b->target);
	assert_string_equal(a->admin_fqdn, b->admin_fqdn);
}

static void same_request(const struct mst_certreq *a, const struct mst_certreq *b)
{
	assert_true(a->id == b->id && a->node == b->node && a->state == b->state && a->renewal == b->renewal && a->asked == b->asked &&
		    a->decided == b->decided);
	assert_memory_equal(a->csr_sha256, b->csr_sha256, sizeof(a->csr_sha256));
	assert_string_equal(a->subject, b->subject);
	assert_string_equal(a->serial, b->serial);
	assert_string_equal(a->reason, b->reason);
}

static void same_octets(const struct mst_cert_der *a, const struct mst_cert_der *b)
{
	assert_string_equal(a->serial, b->serial);
	assert_memory_equal(a->sha256, b->sha256, sizeof(a->sha256));
	assert_int_equal(a->der.n, b->der.n);
	assert_memory_equal(a->der.b, b->der.b, a->der.n);
}

static int64_t add_node(struct mst_store *s, int i)
{
	struct mst_subscription sub = make_sub(i);
	struct mst_node n = make_node(i);

	assert_int_equal(mst_store_sub_put(s, &sub, true), 0);
	assert_int_equal(mst_store_node_insert(s, &n), 0);
	return n.id;
}

static int count(void *arg)
{
	++*(int *)arg;
	return 0;
}
static int count_cert(void *arg, const struct mst_cert_row *r) { (void)r; return count(arg); }
static int count_req(void *arg, const struct mst_certreq *r) { (void)r; return count(arg); }
static int count_cmd(void *arg, const struct mst_command *r) { (void)r; return count(arg); }

static void octets_of_certificates(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_cert_row row = make_cert(1);
	struct mst_cert_der a = { .der.n = MST_CERT_STORED_MAX }, got;
	int n = 0;

	row.node = add_node(s, 1);
	memcpy(a.serial, row.serial, sizeof(a.serial));
	memset(a.sha256, 0xa5, sizeof(a.sha256));
	memset(a.der.b, 0x5a, sizeof(a.der.b));
	assert_int_equal(mst_store_cert_der_put(s, &a), MST_STORE_NONE);
	assert_int_equal(mst_store_cert_put(s, &row), 0);
	assert_int_equal(mst_store_cert_der_put(s, &a), 0);
	assert_int_equal(mst_store_cert_der_put(s, &a), MST_STORE_EXISTS);
	assert_int_equal(mst_store_cert_der_get(s, row.serial, &got), 0);
	same_octets(&a, &got);
	memset(&got, 0, sizeof(got));
	assert_int_equal(mst_store_cert_der_find(s, a.sha256, &got), 0);
	same_octets(&a, &got);
	/* a revocation keeps the octets */
	row.revoked = 9;
	assert_int_equal(mst_store_cert_put(s, &row), 0);
	assert_int_equal(mst_store_cert_of_node(s, row.node, count_cert, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(mst_store_cert_forget(s, row.node, row.expires), 0);
	assert_int_equal(mst_store_cert_der_find(s, a.sha256, &got), 0);
	assert_int_equal(mst_store_cert_forget(s, row.node, row.expires + 1), 0);
	assert_int_equal(mst_store_cert_der_find(s, a.sha256, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_cert_get(s, row.serial, &row), MST_STORE_NONE);
}

static void requests(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	int64_t node = add_node(s, 1), other = add_node(s, 2);
	struct mst_certreq a = { .node = node, .subject = "urn:a", .asked = 5, .renewal = true }, b, got;
	int n = 0;

	a.csr_sha256[3] = 7;
	assert_int_equal(mst_store_certreq_find(s, node, a.csr_sha256, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_certreq_insert(s, &a), 0);
	assert_int_equal(mst_store_certreq_find(s, node, a.csr_sha256, &got), 0);
	same_request(&a, &got);
	b = a;
	assert_int_equal(mst_store_certreq_insert(s, &b), MST_STORE_EXISTS);
	b.node = other;
	assert_int_equal(mst_store_certreq_insert(s, &b), 0);
	b.node = 999;
	b.csr_sha256[0] = 1;
	assert_int_equal(mst_store_certreq_insert(s, &b), MST_STORE_NONE);
	a.state = MST_CERTREQ_ISSUED;
	snprintf(a.serial, sizeof(a.serial), "AB12");
	snprintf(a.reason, sizeof(a.reason), "because");
	a.decided = 17;
	assert_int_equal(mst_store_certreq_update(s, &a), 0);
	assert_int_equal(mst_store_certreq_get(s, a.id, &got), 0);
	same_request(&a, &got);
	assert_int_equal(mst_store_certreq_list(s, MST_CERTREQ_PENDING, 0, 0, count_req, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(mst_store_certreq_list(s, -1, a.id, 0, count_req, &n), 0);
	assert_int_equal(n, 2);
	for (int i = 0; i < 5; i++) {
		a.csr_sha256[0] = (uint8_t)(100 + i);
		assert_int_equal(mst_store_certreq_insert(s, &a), 0);
	}
	assert_int_equal(mst_store_certreq_trim(s, node, 2), 0);
	n = 0;
	assert_int_equal(mst_store_certreq_list(s, -1, 0, 0, count_req, &n), 0);
	assert_int_equal(n, 3); /* and the other node's */
	assert_int_equal(mst_store_certreq_get(s, a.id, &got), 0);
	assert_int_equal(mst_store_certreq_trim(s, node, 0), 0);
	assert_int_equal(mst_store_certreq_get(s, a.id, &got), MST_STORE_NONE);
	/* a number is not given again, nor after a restart: somebody may be about to say yes to it */
	contract_reopen(*state);
	s = ((struct fix *)*state)->s;
	b.node = other;
	assert_int_equal(mst_store_certreq_insert(s, &b), 0);
	assert_true(b.id > a.id);
	a.id = 999;
	assert_int_equal(mst_store_certreq_update(s, &a), MST_STORE_NONE);
}

static void challenges(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_challenge a = { .node = add_node(s, 1), .value = "abc", .made = 3 }, got;

	assert_int_equal(mst_store_challenge_get(s, a.node, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_challenge_put(s, &a), 0);
	memset(a.value, 'f', 64);
	a.made = 4;
	assert_int_equal(mst_store_challenge_put(s, &a), 0);
	assert_int_equal(mst_store_challenge_get(s, a.node, &got), 0);
	assert_string_equal(got.value, a.value);
	assert_true(got.node == a.node && got.made == a.made);
	a.node = 999;
	assert_int_equal(mst_store_challenge_put(s, &a), MST_STORE_NONE);
}

static void commands(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	int64_t node = add_node(s, 1);
	struct mst_command a = { .node = node, .class_id = 1, .number = 1, .uri = "https://m/", .kind = 2, .subject = "//sp/x",
				 .created = 8, .target = "//sp/C1", .admin_fqdn = "sp.example.com" };
	struct mst_registration reg = make_reg(1);
	struct mst_command b = a, got;
	struct mst_subscription sub = make_sub(1);
	struct mst_node whose;
	int n = 0;

	snprintf(reg.reg_id, sizeof(reg.reg_id), "reg-1");
	assert_int_equal(mst_store_command_next(s, MST_ROLE_MEF, node, "sp.example.com", &got), MST_STORE_NONE);
	assert_int_equal(mst_store_command_insert(s, &a), 0);
	assert_int_equal(mst_store_command_insert(s, &b), 0);
	assert_int_equal(mst_store_command_next(s, MST_ROLE_MEF, node, "sp.example.com", &got), 0);
	same_command(&a, &got);
	a.state = MST_COMMAND_ISSUED;
	snprintf(a.reg_id, sizeof(a.reg_id), "reg-1");
	snprintf(a.cmd_id, sizeof(a.cmd_id), "c-1");
	a.issued = 9;
	assert_int_equal(mst_store_command_update(s, &a), 0);
	/* issued under a registration that there is not: it is to be issued anew */
	assert_int_equal(mst_store_command_next(s, MST_ROLE_MEF, node, "sp.example.com", &got), 0);
	assert_int_equal(got.id, a.id);
	assert_int_equal(mst_store_reg_put(s, MST_ROLE_MEF, &reg), 0);
	assert_int_equal(mst_store_command_next(s, MST_ROLE_MEF, node, "sp.example.com", &got), 0);
	assert_int_equal(got.id, b.id);
	assert_int_equal(mst_store_command_next(s, MST_ROLE_MAF, node, "sp.example.com", &got), 0);
	assert_int_equal(got.id, a.id);
	assert_int_equal(mst_store_command_issued(s, node, "reg-1", "c-1", &got), 0);
	same_command(&a, &got);
	assert_int_equal(mst_store_command_issued(s, node, "reg-2", "c-1", &got), MST_STORE_NONE);
	assert_int_equal(mst_store_command_open(s, "nobody's", 0, count_cmd, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(mst_store_node_get(s, node, &whose), 0);
	memcpy(whose.sub_id, sub.id, sizeof(sub.id));
	assert_int_equal(mst_store_node_update(s, &whose), 0);
	assert_int_equal(mst_store_command_open(s, whose.sub_id, 0, count_cmd, &n), 0);
	assert_int_equal(n, 2);
	n = 0;
	assert_int_equal(mst_store_command_open(s, whose.sub_id, 1, count_cmd, &n), 0);
	assert_int_equal(n, 1);
	n = 0;
	a.state = MST_COMMAND_ENDED;
	a.status = 20;
	a.ended = 10;
	assert_int_equal(mst_store_command_update(s, &a), 0);
	assert_int_equal(mst_store_command_issued(s, node, "reg-1", "c-1", &got), MST_STORE_NONE);
	assert_int_equal(mst_store_command_get(s, a.id, &got), 0);
	same_command(&a, &got);
	assert_int_equal(mst_store_command_list(s, 0, 0, 0, count_cmd, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(mst_store_command_list(s, node, a.id, 0, count_cmd, &n), 0);
	assert_int_equal(n, 3);
	a.node = 999;
	assert_int_equal(mst_store_command_insert(s, &a), MST_STORE_NONE);
}

static int keep_step(void *arg, const struct mst_command_step *r)
{
	struct { size_t n; struct mst_command_step v[4]; } *l = arg;

	assert_true(l->n < MST_COUNT(l->v));
	l->v[l->n++] = *r;
	return 0;
}

/* Two stakeholders' commands are apart; one that was cancelled while it was out is found by the id that it was given. */
static void commands_of_stakeholders(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	int64_t node = add_node(s, 1);
	struct mst_command a = { .node = node, .class_id = 3, .uri = "auth", .number = 1, .kind = 22, .admin_fqdn = "a.example.com" };
	struct mst_command b = { .node = node, .class_id = 2, .uri = "1:https://m/", .admin_fqdn = "b.example.com" }, got;

	assert_int_equal(mst_store_command_insert(s, &a), 0);
	assert_int_equal(mst_store_command_insert(s, &b), 0);
	assert_int_equal(mst_store_command_next(s, MST_ROLE_MEF, node, "b.example.com", &got), 0);
	same_command(&b, &got);
	assert_int_equal(mst_store_command_next(s, MST_ROLE_MEF, node, "c.example.com", &got), MST_STORE_NONE);
	a.state = MST_COMMAND_CANCELLED;
	snprintf(a.reg_id, sizeof(a.reg_id), "reg-9");
	snprintf(a.cmd_id, sizeof(a.cmd_id), "c-4");
	assert_int_equal(mst_store_command_update(s, &a), 0);
	assert_int_equal(mst_store_command_next(s, MST_ROLE_MEF, node, "a.example.com", &got), MST_STORE_NONE);
	assert_int_equal(mst_store_command_issued(s, node, "reg-9", "c-4", &got), 0);
	same_command(&a, &got);
	assert_int_equal(mst_store_command_issued(s, node, "reg-9", "c-5", &got), MST_STORE_NONE);
}

static void steps_of_commands(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_command a = { .node = add_node(s, 1), .class_id = 3 };
	struct mst_command_step one = { .at = 5, .what = MST_STEP_ADDED };
	struct { size_t n; struct mst_command_step v[4]; } l = { 0 };

	assert_int_equal(mst_store_command_insert(s, &a), 0);
	one.command = a.id;
	assert_int_equal(mst_store_command_step_add(s, &one), 0);
	one = (struct mst_command_step){ .command = a.id, .at = 6, .what = MST_STEP_REISSUED, .cmd_id = "c-2", .status = 11 };
	assert_int_equal(mst_store_command_step_add(s, &one), 0);
	one.at = 7;
	assert_int_equal(mst_store_command_step_add(s, &one), 0);
	one = (struct mst_command_step){ .command = a.id, .at = 8, .what = MST_STEP_REPORTED, .cmd_id = "c-2", .status = 20 };
	assert_int_equal(mst_store_command_step_add(s, &one), 0);
	assert_int_equal(mst_store_command_step_list(s, a.id, keep_step, &l), 0);
	assert_int_equal(l.n, 3);
	assert_true(l.v[0].what == MST_STEP_ADDED && l.v[0].at == 5 && l.v[0].times == 1);
	assert_true(l.v[1].what == MST_STEP_REISSUED && l.v[1].at == 7 && l.v[1].times == 2);
	assert_true(l.v[2].status == 20);
	assert_string_equal(l.v[2].cmd_id, "c-2");
	one.command = 999;
	assert_int_equal(mst_store_command_step_add(s, &one), MST_STORE_NONE);
	/* what has ended goes, the oldest first, with its steps; what has not stays */
	for (int i = 0; i < 4; i++) {
		struct mst_command b = { .node = a.node, .class_id = 1, .state = i == 0 ? MST_COMMAND_WAITING : MST_COMMAND_ENDED };

		assert_int_equal(mst_store_command_insert(s, &b), 0);
	}
	a.state = MST_COMMAND_ENDED;
	assert_int_equal(mst_store_command_update(s, &a), 0);
	assert_int_equal(mst_store_command_trim(s, a.node, 2), 0);
	assert_int_equal(mst_store_command_get(s, a.id, &a), MST_STORE_NONE);
	l.n = 0;
	assert_int_equal(mst_store_command_step_list(s, one.command, keep_step, &l), 0);
	assert_int_equal(l.n, 0);
	l.n = 0;
	assert_int_equal(mst_store_command_list(s, a.node, 0, 0, count_cmd, &l.n), 0);
	assert_int_equal(l.n, 3);
	assert_int_equal(mst_store_command_trim(s, a.node, 2), 0);
}

static void device_configs(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	static struct mst_device_config a = { .admin_fqdn = "a.example.com", .content = "{}", .changed = 4 }, got;

	a.node = add_node(s, 1);
	assert_int_equal(mst_store_device_config_get(s, a.node, "a.example.com", &got), MST_STORE_NONE);
	assert_int_equal(mst_store_device_config_put(s, &a), 0);
	snprintf(a.content, sizeof(a.content), "{\"objects\":[]}");
	a.changed = 5;
	assert_int_equal(mst_store_device_config_put(s, &a), 0);
	assert_int_equal(mst_store_device_config_get(s, a.node, "b.example.com", &got), MST_STORE_NONE);
	assert_int_equal(mst_store_device_config_get(s, a.node, "a.example.com", &got), 0);
	assert_string_equal(got.content, a.content);
	assert_true(got.changed == 5 && got.node == a.node);
	/* dropped: of every stakeholder, and of no other node */
	got = a;
	got.node = add_node(s, 2);
	assert_int_equal(mst_store_device_config_put(s, &got), 0);
	memcpy(a.admin_fqdn, "b.example.com", sizeof("b.example.com"));
	assert_int_equal(mst_store_device_config_put(s, &a), 0);
	assert_int_equal(mst_store_device_config_drop(s, a.node), 0);
	assert_int_equal(mst_store_device_config_drop(s, a.node), MST_STORE_NONE);
	assert_int_equal(mst_store_device_config_get(s, a.node, "a.example.com", &a), MST_STORE_NONE);
	assert_int_equal(mst_store_device_config_get(s, a.node, "b.example.com", &a), MST_STORE_NONE);
	assert_int_equal(mst_store_device_config_get(s, got.node, "a.example.com", &got), 0);
	a.node = 999;
	assert_int_equal(mst_store_device_config_put(s, &a), MST_STORE_NONE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, contract_set_up, contract_tear_down)
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { T(octets_of_certificates), T(requests), T(challenges), T(commands),
					     T(commands_of_stakeholders), T(steps_of_commands), T(device_configs) };

	if (argc > 1)
		contract_prefix = argv[1];
	return cmocka_run_group_tests_name("est", tests, NULL, NULL);
}
