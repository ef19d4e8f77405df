/*
 * Lists a page at a time, by a filter or in a provider's name: what is listed may be far apart, and no request looks at more than a page of
 * rows on its way to it. The answer says where to go on.
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "role/admin/admin.h"
#include "role/admin/test-store.h"
#include "store/ops.h"

#define NOW 1795212591
#define A "/v1/providers/a.example.com"
#define MANY 2500

struct fix {
	char dir[64];
	struct mst_store *s;
	struct mst_store_ops ops;
	const struct mst_store_ops *real;
	struct mst_role_conf conf;
	int64_t node[2];
	size_t most;                        /* that a list of the store was asked for at once; 0 means all there */
};

static struct fix f;
static uint8_t room[MST_ANSWER_MAX + 1];

static void see_limit(size_t limit)
{
	if (!limit || limit > f.most)
		f.most = limit ? limit : SIZE_MAX;
}

static int events_of(struct mst_store *s, const struct mst_event_filter *filter, int (*each)(void *, const struct mst_event *), void *arg)
{
	see_limit(filter->limit);
	return f.real->event_list(s, filter, each, arg);
}

static int commands_of(struct mst_store *s, int64_t node, int64_t after, size_t limit, int (*each)(void *, const struct mst_command *), void *arg)
{
	see_limit(limit);
	return f.real->command_list(s, node, after, limit, each, arg);
}

static int requests_of(struct mst_store *s, int state, int64_t after, size_t limit, int (*each)(void *, const struct mst_certreq *), void *arg)
{
	see_limit(limit);
	return f.real->certreq_list(s, state, after, limit, each, arg);
}

static int subs_of(struct mst_store *s, const char *after, size_t limit, int (*each)(void *, const struct mst_subscription *), void *arg)
{
	see_limit(limit);
	return f.real->sub_list(s, after, limit, each, arg);
}

static json_t *ask(enum mst_op op, const char *target, const char *body)
{
	struct mst_role_env env = { .store = f.s, .conf = &f.conf, .now = NOW };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .peer = { .how = MST_AUTH_LOCAL, .uid = geteuid() },
				  .request = { .op = op, .to = mst_view_str(target), .content = mst_view_str(body) } };
	struct mst_answer a = { .content = mst_writer_of(room, sizeof(room) - 1) };

	assert_int_equal(mst_store_begin(f.s), 0);
	assert_int_equal(mst_role_admin.handle(&env, &x, &a), 0);
	assert_int_equal(mst_store_commit(f.s), 0);
	room[a.content.n] = 0;
	if (a.rsc / 1000 != 2)
		fail_msg("%s: %d %s", target, a.rsc, room);
	return json_loadb((const char *)room, a.content.n, 0, NULL);
}

static void done(enum mst_op op, const char *target, const char *body)
{
	json_decref(ask(op, target, body));
}

/* One page after the other to the end; how many pages. What they list is in *ret. */
static int follow(const char *target, const char *name, json_t **ret)
{
	bool events = !strcmp(name, "events"), more;
	char path[400], after[64] = "";
	json_t *all = json_array();
	int pages = 0;

	f.most = 0;
	do {
		json_t *page, *next;

		snprintf(path, sizeof(path), "%s%s%s%s", target, *after ? strchr(target, '?') ? "&" : "?" : "", *after ? "after=" : "", after);
		page = ask(MST_OP_RETRIEVE, path, "");
		json_array_extend(all, json_object_get(page, name));
		next = json_object_get(page, events ? "last" : "next");
		more = events ? json_is_true(json_object_get(page, "more")) : next != NULL;
		if (json_is_string(next))
			snprintf(after, sizeof(after), "%s", json_string_value(next));
		else if (next)
			snprintf(after, sizeof(after), "%lld", (long long)json_integer_value(next));
		json_decref(page);
		assert_true(++pages < 100);
	} while (more);
	if (f.most > ADMIN_LOOKED_MOST + 1)
		fail_msg("%s: %zu rows were asked for at once", target, f.most);
	*ret = all;
	return pages;
}

static void expect(const char *target, const char *name, size_t n, int pages)
{
	json_t *all;
	int got = follow(target, name, &all);

	if (json_array_size(all) != n || got != pages)
		fail_msg("%s: %zu in %d pages instead of %zu in %d", target, json_array_size(all), got, n, pages);
	json_decref(all);
}

static int set_up(void **state)
{
	char body[300];
	struct mst_node n;

	(void)state;
	test_store_open(f.dir, "pages", &f.s);
	f.real = f.s->ops;
	f.ops = *f.real;
	f.ops.event_list = events_of;
	f.ops.command_list = commands_of;
	f.ops.certreq_list = requests_of;
	f.ops.sub_list = subs_of;
	f.s->ops = &f.ops;
	for (int i = 0; i < 2; i++) {
		char x = (char)('a' + i);

		snprintf(body, sizeof(body), "{\"id\":\"sub-%c\",\"spFQDN\":\"%c.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"20271121T000000\"}", x, x);
		done(MST_OP_CREATE, "/v1/subscriptions", body);
		snprintf(body, sizeof(body), "{\"nodeID\":\"urn:%c:1\",\"subscription\":\"sub-%c\"}", x, x);
		done(MST_OP_CREATE, "/v1/nodes", body);
		snprintf(body, sizeof(body), "urn:%c:1", x);
		assert_int_equal(mst_store_node_find(f.s, body, &n), 0);
		f.node[i] = n.id;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	f.s->ops = f.real;
	test_store_close(f.dir, f.s);
	return 0;
}

static void write_event(mst_time when, const char *role, const char *what, int64_t node)
{
	struct mst_event e = { .when = when, .node = node };

	snprintf(e.role, sizeof(e.role), "%s", role);
	snprintf(e.what, sizeof(e.what), "%s", what);
	assert_int_equal(mst_store_event_append(f.s, &e), 0);
}

/* Of a log of 2506 entries what is asked for stands at its ends. */
static void events(void **state)
{
	(void)state;
	write_event(NOW - 5000, "keeper", "keeper.alarm", 0);
	assert_int_equal(mst_store_begin(f.s), 0);
	for (int i = 0; i < MANY; i++)
		write_event(NOW + 10 * i, "mef", "mef.registered", f.node[1]);
	write_event(NOW + 10 * MANY, "keeper", "keeper.alarm", 0);
	assert_int_equal(mst_store_commit(f.s), 0);
	expect("/v1/events?limit=500", "events", MANY + 6, 6);
	expect("/v1/events?what=keeper.alarm", "events", 2, 3);
	expect("/v1/events?what=keeper.alarm.x", "events", 0, 3);
	expect("/v1/events?what=k_eper%25", "events", 0, 3);
	expect("/v1/events?role=keeper", "events", 2, 3);
	expect("/v1/events?role=keeper&what=mef.", "events", 0, 3);
	/* by name of a node and beginning */
	expect("/v1/events?node=urn%3Ab%3A1&what=node.", "events", 1, 3);
	expect("/v1/events?node=urn%3Aa%3A1&what=node.", "events", 1, 1);
	/* in a provider's name: one of the subscription, one of the node */
	expect(A "/events", "events", 2, 3);
}

/* The beginning of a time is found without reading what is before it; a clock that was set back by up to an hour hides nothing. */
static void since(void **state)
{
	mst_time last = NOW + 10 * MANY;

	(void)state;
	/* from the 2001st of them on, and the last one */
	expect("/v1/events?limit=500&since=20261121T034311", "events", 501, 2);
	expect("/v1/events?since=20261121T050632", "events", 0, 1);
	write_event(last + 50000, "mef", "clock.ahead", 0);
	for (int i = 0; i < 10; i++)
		write_event(last + 47000 + i, "mef", "clock.right", 0);
	expect("/v1/events?since=20261121T182631", "events", 1, 1);
}

/* Of a node that never was the provider's nothing is told, and be it by where a page ends. */
static void no_oracle(void **state)
{
	static char other[sizeof(room)];

	(void)state;
	done(MST_OP_RETRIEVE, A "/events?node=urn%3Ab%3A1", "");
	memcpy(other, room, sizeof(other));
	done(MST_OP_RETRIEVE, A "/events?node=urn%3Anobody", "");
	assert_string_equal((char *)room, other);
}

static void others_rows(void **state)
{
	(void)state;
	assert_int_equal(mst_store_begin(f.s), 0);
	for (int i = 0; i <= MANY; i++) {
		struct mst_command m = { .class_id = 1, .uri = "https://b.example.com", .created = NOW, .node = f.node[i < MANY] };
		struct mst_certreq r = { .subject = "urn:1", .asked = NOW, .node = f.node[i < MANY] };
		struct mst_subscription sub = { .state = MST_SUB_ACTIVE, .not_after = NOW + 9999 };

		memcpy(r.csr_sha256, &i, sizeof(i));
		snprintf(sub.id, sizeof(sub.id), "t-%05d", i);
		snprintf(sub.sp_fqdn, sizeof(sub.sp_fqdn), "%c.example.com", i < MANY ? 'b' : 'a');
		assert_int_equal(mst_store_command_insert(f.s, &m), 0);
		assert_int_equal(mst_store_certreq_insert(f.s, &r), 0);
		assert_int_equal(mst_store_sub_put(f.s, &sub, true), 0);
	}
	assert_int_equal(mst_store_commit(f.s), 0);
	expect(A "/commands", "commands", 1, 3);
	expect(A "/certificate-requests", "requests", 1, 3);
	expect(A "/certificate-requests?state=pending", "requests", 1, 3);
	expect(A "/subscriptions", "subscriptions", 2, 3);
	expect("/v1/commands?limit=500", "commands", MANY + 1, 6);
	expect("/v1/certificate-requests?limit=500", "requests", MANY + 1, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events),
		cmocka_unit_test(since),
		cmocka_unit_test(no_oracle),
		cmocka_unit_test(others_rows),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("pages", tests, set_up, tear_down);
}
