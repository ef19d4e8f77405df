/* Two providers, two nodes of the first one with commands and objects: for the tests of what ends with a node. */
#ifndef MST_ROLE_ADMIN_TEST_LEAVING_H
#define MST_ROLE_ADMIN_TEST_LEAVING_H

#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "role/admin/test-store.h"

#define NOW 1795212591
#define OPEN 20              /* more than a batch of them */

struct fix {
	char dir[64];
	struct mst_store *s;
	struct mst_role_conf conf;
	mst_time now;
	int64_t node, other, ended, theirs;
};

static char room[MST_ANSWER_MAX + 1];
static struct mst_whose cut;         /* that the last answer asks for */
static struct mst_clocked clocked;   /* what the clock did last */

static inline struct mst_role_env env_of(struct fix *f, mst_time now)
{
	return (struct mst_role_env){ .store = f->s, .conf = &f->conf, .now = now };
}

/* The answer's text stands in `room`. A transaction that is not `kept` is undone. */
static inline void ask(struct fix *f, enum mst_op op, const char *target, const char *body, int rsc, bool kept)
{
	struct mst_role_env env = env_of(f, f->now);
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .peer = { .how = MST_AUTH_LOCAL, .uid = geteuid() },
				  .request = { .op = op, .to = mst_view_str(target), .content = mst_view_str(body) } };
	struct mst_answer a = test_admin_ask(&env, &x, kept, room);

	cut = a.cut;
	if (a.rsc != rsc)
		fail_msg("%s: %d instead of %d: %s", target, a.rsc, rsc, room);
}

static inline int64_t add(struct fix *f, int64_t node, enum mst_command_state state)
{
	struct mst_command m = { .node = node, .class_id = 3, .number = 2, .uri = "ca", .admin_fqdn = "a.example.com", .state = state,
				 .created = NOW };

	assert_int_equal(mst_store_command_insert(f->s, &m), 0);
	return m.id;
}

static inline void give_objects(struct fix *f, int64_t node)
{
	static struct mst_device_config c = { .admin_fqdn = "a.example.com", .content = "{\"objects\":[]}", .changed = NOW };

	c.node = node;
	assert_int_equal(mst_store_device_config_put(f->s, &c), 0);
}

static inline int64_t node_of(struct fix *f, const char *id)
{
	struct mst_node n;

	assert_int_equal(mst_store_node_find(f->s, id, &n), 0);
	return n.id;
}

static inline int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	char body[300];

	f->now = NOW;
	test_store_open(f->dir, "leaving", &f->s);
	f->conf.makers.n = 1;
	for (const char *sp = "ab"; *sp; sp++) {
		snprintf(body, sizeof(body), "{\"id\":\"sub-%c\",\"spFQDN\":\"%c.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"20271121T000000\"}",
			 *sp, *sp);
		ask(f, MST_OP_CREATE, "/v1/subscriptions", body, 2001, true);
	}
	ask(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:a:1\",\"cseID\":\"//a.example.com/CSE1\",\"subscription\":\"sub-a\"}", 2001, true);
	ask(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:a:2\",\"cseID\":\"//a.example.com/CSE2\",\"subscription\":\"sub-a\"}", 2001, true);
	f->node = node_of(f, "urn:a:1");
	f->other = node_of(f, "urn:a:2");
	f->ended = add(f, f->node, MST_COMMAND_ENDED);
	for (int i = 0; i < OPEN; i++)
		(void)add(f, f->node, i % 2 ? MST_COMMAND_ISSUED : MST_COMMAND_WAITING);
	f->theirs = add(f, f->other, MST_COMMAND_WAITING);
	give_objects(f, f->node);
	give_objects(f, f->other);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fix *f = *state;

	test_store_close(f->dir, f->s);
	free(f);
	return 0;
}

static inline int count(void *arg, const struct mst_command *m)
{
	((int *)arg)[m->state]++;
	return 0;
}

static inline void states(struct fix *f, int waiting, int issued, int cancelled)
{
	static struct mst_device_config c;
	int n[4] = { 0 };
	struct mst_command m;

	assert_int_equal(mst_store_command_list(f->s, f->node, 0, 0, count, n), 0);
	assert_true(n[MST_COMMAND_WAITING] == waiting && n[MST_COMMAND_ISSUED] == issued && n[MST_COMMAND_CANCELLED] == cancelled);
	assert_int_equal(mst_store_device_config_get(f->s, f->node, "a.example.com", &c), cancelled ? MST_STORE_NONE : 0);
	/* neither what was over, nor what is another's */
	assert_true(mst_store_command_get(f->s, f->ended, &m) == 0 && m.state == MST_COMMAND_ENDED);
	assert_true(mst_store_command_get(f->s, f->theirs, &m) == 0 && m.state == MST_COMMAND_WAITING);
	assert_int_equal(mst_store_device_config_get(f->s, f->other, "a.example.com", &c), 0);
}

static inline unsigned times(const char *part)
{
	unsigned n = 0;

	for (const char *at = room; (at = strstr(at, part)); at++)
		n++;
	return n;
}

/* OPEN events name the commands, one the objects, and all of them why. */
static inline void told(struct fix *f, const char *why)
{
	ask(f, MST_OP_RETRIEVE, "/v1/events?what=command.cancelled", "", 2000, true);
	assert_int_equal(times("MO_NODE, command "), OPEN);
	assert_int_equal(times(why), OPEN);
	ask(f, MST_OP_RETRIEVE, "/v1/events?what=device-config.dropped", "", 2000, true);
	assert_int_equal(times(why), 1);
}

static inline void clock_says(struct fix *f, mst_time now)
{
	struct mst_role_env env = env_of(f, now);
	struct mst_clocked c = { 0 };

	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(admin_clock(&env, &c), 0);
	assert_int_equal(mst_store_commit(f->s), 0);
	assert_int_equal(c.nodes_gone, 0);
	clocked = c;
}

static inline void give_cred(struct fix *f, const char *key_id, const char *client, int64_t node, mst_time expires)
{
	struct mst_credential c = { .purpose = MST_PURPOSE_KM, .key = { { 7 }, 1 }, .node = node, .state = MST_CRED_ACTIVE, .created = NOW - 9, .expires = expires };

	snprintf(c.key_id, sizeof(c.key_id), "%s", key_id);
	snprintf(c.client_id, sizeof(c.client_id), "%s", client);
	assert_int_equal(mst_store_cred_put(f->s, MST_ROLE_MAF, &c, true), 0);
}

static inline void give_reg(struct fix *f, const char *id, const char *client, int64_t node, mst_time expires)
{
	struct mst_registration g = { .node = node, .created = NOW - 9, .expires = expires };
	struct mst_keyreg k = { .suid = 22, .key = { { 7 }, 1 }, .targets = "//a.example.com/CSE9", .created = NOW - 9, .expires = expires };

	snprintf(g.reg_id, sizeof(g.reg_id), "%s", id);
	snprintf(g.client_id, sizeof(g.client_id), "%s", client);
	snprintf(g.admin_fqdn, sizeof(g.admin_fqdn), "%.3s.example.com", id);
	snprintf(k.rel_key_id, sizeof(k.rel_key_id), "%s", id);
	snprintf(k.reg_id, sizeof(k.reg_id), "%s", id);
	snprintf(k.client_id, sizeof(k.client_id), "%s", client);
	snprintf(k.admin_fqdn, sizeof(k.admin_fqdn), "%s", g.admin_fqdn);
	assert_int_equal(mst_store_reg_put(f->s, MST_ROLE_MAF, &g), 0);
	assert_int_equal(mst_store_keyreg_put(f->s, MST_ROLE_MAF, &k, true), 0);
}

#endif
