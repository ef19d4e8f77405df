/* The keeper's seal against the audit log: it fits, or it does not; only then there is something to accept. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "role/admin/admin.h"
#include "role/admin/test-store.h"

#define NOW 1795212591
#define BERT 1301                        /* of four_eyes.people */
#define OF_A 4711                        /* of a provider */

static struct mst_log_seal sealed;
static int keeper_says;
static uint8_t room[MST_ANSWER_MAX + 1];

static unsigned four;                    /* what wants a second person */

static int last_seal(struct mst_keeper *k, struct mst_log_seal *ret)
{
	(void)k;
	*ret = sealed;
	return keeper_says;
}

static int generations(struct mst_keeper *k, struct mst_keeper_generations *ret)
{
	(void)k;
	*ret = (struct mst_keeper_generations){ .now = 1 };
	return 0;
}

static int rotate(struct mst_keeper *k, uint32_t *ret)
{
	(void)k;
	*ret = 2;
	return keeper_says;
}

static int stood;                        /* what the keeper says of who stands for the log */
static int leave_own(struct mst_keeper *k, const struct mst_said *q)
{
	(void)k;
	assert_true(q->from == 7 && mst_view_eq_str(q->statement, "said") && q->now == NOW);
	assert_true(mst_view_eq_str(q->request, "POST /v1/events/accept\n{\"reason\":\"restored\"}"));
	return stood;
}

static const struct mst_keeper_ops keeper_ops = { .name = "seals", .last_seal = last_seal, .leave_own = leave_own, .generations = generations, .rotate = rotate };
static struct mst_keeper keeper = { &keeper_ops };

/* The answer's text stands in `room`. */
static int ask_as(struct mst_store *s, uint32_t uid, enum mst_op op, const char *target, const char *body, struct mst_answer *a)
{
	struct mst_role_conf conf = { .provider = { { "a.example.com", OF_A } }, .n_provider = 1,
				      .four = { .of = four, .expires = 3600, .people = { BERT }, .n_people = 1 } };
	struct mst_role_env env = { .store = s, .keeper = &keeper, .conf = &conf, .now = NOW };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .channel = 7, .said = { "said", 4 }, .peer = { .how = MST_AUTH_LOCAL, .uid = uid },
				  .request = { .op = op, .to = mst_view_str(target), .content = mst_view_str(body) } };
	int r;

	memset(a, 0, sizeof(*a));
	a->content = mst_writer_of(room, sizeof(room) - 1);
	assert_int_equal(mst_store_begin(s), 0);
	r = mst_role_admin.handle(&env, &x, a);
	if (r)
		mst_store_rollback(s);
	else
		assert_int_equal(mst_store_commit(s), 0);
	room[a->content.n] = 0;
	return r ? r : a->rsc;
}

static int ask(struct mst_store *s, enum mst_op op, const char *target, const char *body, struct mst_answer *a)
{
	return ask_as(s, geteuid(), op, target, body, a);
}

static bool told(const char *text)
{
	return strstr((const char *)room, text) != NULL;
}

static void seals(void **state)
{
	static struct mst_answer a;
	struct mst_event_head h;
	struct mst_store *s;
	char dir[64];

	(void)state;
	test_store_open(dir, "seals", &s);
	assert_int_equal(mst_store_event_append(s, &(struct mst_event){ .when = NOW, .what = "x", .role = "admin" }), 0);
	assert_int_equal(mst_store_event_head(s, &h), 0);
	for (int other = 0; other < 2; other++) {
		sealed = (struct mst_log_seal){ .seq = h.seq, .when = NOW };
		memcpy(sealed.hash, h.hash, sizeof(h.hash));
		sealed.hash[0] ^= (uint8_t)other;
		assert_int_equal(ask(s, MST_OP_RETRIEVE, "/v1/events/verify", "", &a), MST_RSC_OK);
		assert_true(told(other ? "{\"ok\":false," : "{\"ok\":true,") && told(other ? "\"fits\":false" : "\"fits\":true"));
		assert_int_equal(ask(s, MST_OP_RETRIEVE, "/v1/events/seals", "", &a), MST_RSC_OK);
		assert_true(told(other ? "\"fits\":false" : "\"fits\":true") && told("\"keeper\":{\"seq\":1,"));
		assert_int_equal(ask(s, MST_OP_CREATE, "/v1/events/seal", "{}", &a), MST_RSC_OK);
		assert_int_equal(a.seal, MST_SEAL_NOW);
		assert_int_equal(ask(s, MST_OP_CREATE, "/v1/events/accept", "{\"reason\":\"restored\"}", &a), other ? MST_RSC_OK : MST_RSC_CONFLICT);
		assert_int_equal(a.seal, other ? MST_SEAL_ANEW : MST_SEAL_NOT);
	}
	/* one that hears nobody does not let it be taken back */
	stood = MST_KEEPER_FORGED;
	assert_int_equal(ask(s, MST_OP_CREATE, "/v1/events/accept", "{\"reason\":\"restored\"}", &a), MST_RSC_CONFLICT);
	assert_true(a.seal == MST_SEAL_NOT && told("does not take it that you said so"));
	/* a keeper that is away is a fault, not a verdict */
	keeper_says = MST_FAULT_CLOSED;
	assert_int_equal(ask(s, MST_OP_RETRIEVE, "/v1/events/verify", "", &a), MST_FAULT_CLOSED);
	assert_int_equal(ask(s, MST_OP_CREATE, "/v1/events/accept", "{\"reason\":\"restored\"}", &a), MST_FAULT_CLOSED);
	test_store_close(dir, s);
}

/* Why there is no new key-encryption key: what is told is what helps. */
static void no_rotation(void **state)
{
	static const struct { int says, status; const char *words; } table[] = {
		{ MST_KEEPER_LEAVE, MST_RSC_NO_PRIVILEGE, "a second person's yes" }, { MST_KEEPER_AWAY, MST_RSC_CONFLICT, "restart it, then rotate" },
		{ MST_KEEPER_DENIED, MST_RSC_NO_PRIVILEGE, "does not permit it: it has two generations already" },
		{ MST_KEEPER_FORGED, MST_FAULT_BUG, "" }, { MST_FAULT_CLOSED, MST_FAULT_CLOSED, "" },
	};
	static struct mst_answer a;
	struct mst_store *s;
	char dir[64];

	(void)state;
	test_store_open(dir, "rotation", &s);
	for (size_t i = 0; i < MST_COUNT(table); i++) {
		keeper_says = table[i].says;
		assert_int_equal(ask(s, MST_OP_CREATE, "/v1/keeper/rotate", "{}", &a), table[i].status);
		assert_true(told(table[i].words));
		for (size_t j = 0; j < MST_COUNT(table); j++)
			assert_true(j == i || !*table[j].words || !told(table[j].words));
	}
	test_store_close(dir, s);
}

/* Where a copy wants two persons, one sees of what is older than a day that it is there, and no filter is an oracle of what it is. */
static void what_is_older_than_a_day(void **state)
{
	static const char *const asked[] = { "/v1/events?what=node.", "/v1/events?role=mef", "/v1/events?attempt=a1", "/v1/events?since=19700101T000001&what=node." };
	static struct mst_answer a;
	char dir[64], first[2 * MST_SHA256_LEN + 1];
	struct mst_store *s;

	(void)state;
	test_store_open(dir, "withheld", &s);
	for (int i = 0; i < 2; i++) {
		struct mst_event e = { .when = i ? NOW - 60 : NOW - 86401, .what = "node.revoked", .role = "mef", .attempt = "a1", .who = "somebody", .why = "stolen" };

		assert_int_equal(mst_store_event_append(s, &e), 0);
		for (size_t k = 0; !i && k < sizeof(e.hash); k++)
			snprintf(first + 2 * k, 3, "%02x", e.hash[k]);
	}
	for (int on = 0; on < 2; on++) {
		four = on ? 1u << MST_FOUR_EXPORT : 0;
		assert_int_equal(ask(s, MST_OP_RETRIEVE, "/v1/events?limit=1", "", &a), MST_RSC_OK);
		assert_true(told("\"seq\":1,") && told(first));
		assert_int_equal(told("\"role\":\"-\"") && told("\"withheld\":true"), on);
		assert_int_equal(told("node.revoked") || told("stolen") || told("somebody") || told("mef"), !on);
		assert_int_equal(ask(s, MST_OP_RETRIEVE, "/v1/events?after=1", "", &a), MST_RSC_OK);
		assert_true(told("\"seq\":2,") && told("node.revoked"));
		for (size_t i = 0; i < MST_COUNT(asked); i++) {
			assert_int_equal(ask(s, MST_OP_RETRIEVE, asked[i], "", &a), MST_RSC_OK);
			assert_int_equal(told("\"seq\":1,"), !on);
			assert_true(told("\"seq\":2,"));
		}
	}
	four = 0;
	test_store_close(dir, s);
}

/* Who speaks in a provider's name is of the installation all the same, and asks for a copy; the provider's own people have nobody to ask. */
static void in_a_providers_name(void **state)
{
	static const struct { uint32_t uid; const char *target; bool all; } table[] = {
		{ BERT, "/v1/providers/a.example.com/events?after=0", false }, { 0, "/v1/providers/a.example.com/events?after=0", false },
		{ BERT, "/v1/providers/a.example.com/events?what=subscription.", false }, { OF_A, "/v1/events?after=0", true },
		{ OF_A, "/v1/providers/a.example.com/events?what=subscription.", true },
	};
	struct mst_subscription sub = { .id = "sub-a", .sp_fqdn = "a.example.com", .maf_fqdn = "maf.example.com", .not_after = NOW + 86400 };
	struct mst_event e[] = { { .when = NOW - 86401, .what = "subscription.suspended", .role = "admin", .why = "sub-a: stolen" },
				 { .when = NOW - 60, .what = "subscription.suspended", .role = "admin", .why = "sub-a: late" } };
	static struct mst_answer a;
	struct mst_store *s;
	char dir[64];

	(void)state;
	test_store_open(dir, "spoken-for", &s);
	assert_int_equal(mst_store_sub_put(s, &sub, true), 0);
	for (size_t i = 0; i < MST_COUNT(e); i++)
		assert_int_equal(mst_store_event_append(s, &e[i]), 0);
	four = 1u << MST_FOUR_EXPORT;
	for (size_t i = 0; i < MST_COUNT(table); i++) {
		assert_int_equal(ask_as(s, table[i].uid, MST_OP_RETRIEVE, table[i].target, "", &a), MST_RSC_OK);
		assert_true(told("sub-a: late"));
		/* nor is told which of them are the provider's */
		assert_true(told("sub-a: stolen") == table[i].all && told("\"seq\":1,") == table[i].all);
	}
	four = 0;
	for (size_t i = 0; i < MST_COUNT(table); i++) {
		assert_int_equal(ask_as(s, table[i].uid, MST_OP_RETRIEVE, table[i].target, "", &a), MST_RSC_OK);
		assert_true(told("sub-a: late") && told("sub-a: stolen"));
	}
	test_store_close(dir, s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(in_a_providers_name), cmocka_unit_test(what_is_older_than_a_day), cmocka_unit_test(seals), cmocka_unit_test(no_rotation) };

	return cmocka_run_group_tests_name("seals", tests, NULL, NULL);
}
