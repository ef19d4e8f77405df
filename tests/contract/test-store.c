/* What every database must do: rows, keys, lists, groups, marks. */
#include "contract.h"

#include <stdio.h>

/* Padding and unused ends are zero on both sides, so whole structs compare. */
#define SAME(a, b) assert_memory_equal(&(a), &(b), sizeof(a))

static void sub_rows(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_subscription a = make_sub(1), got = { 0 };

	assert_int_equal(mst_store_sub_get(s, a.id, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_sub_put(s, &a, false), MST_STORE_NONE);
	assert_int_equal(mst_store_sub_put(s, &a, true), 0);
	assert_int_equal(mst_store_sub_put(s, &a, true), MST_STORE_EXISTS);
	assert_int_equal(mst_store_sub_get(s, a.id, &got), 0);
	SAME(a, got);
	a.state = MST_SUB_ENDED;
	a.not_after = MST_NEVER;
	assert_int_equal(mst_store_sub_put(s, &a, false), 0);
	assert_int_equal(mst_store_sub_get(s, a.id, &got), 0);
	SAME(a, got);
}

struct ids {
	char id[16][MST_ID_MAX];
	int64_t n;
	int64_t stop_at;
};

static int keep(struct ids *ids, const char *id)
{
	snprintf(ids->id[ids->n++], MST_ID_MAX, "%s", id);
	return ids->stop_at == ids->n ? 77 : 0;
}

static int keep_sub(void *arg, const struct mst_subscription *r)
{
	return keep(arg, r->id);
}
static int keep_node(void *arg, const struct mst_node *r)
{
	return keep(arg, r->node_id);
}
static int keep_identity(void *arg, const struct mst_identity *r)
{
	return keep(arg, r->value);
}
static int keep_reg(void *arg, const struct mst_registration *r)
{
	return keep(arg, r->reg_id);
}
static int keep_keyreg(void *arg, const struct mst_keyreg *r)
{
	return keep(arg, r->rel_key_id);
}
static int keep_cred(void *arg, const struct mst_credential *r)
{
	return keep(arg, r->key_id);
}
static int keep_cert(void *arg, const struct mst_cert_row *r)
{
	return keep(arg, r->serial);
}

static void sub_pages(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct ids ids = { .n = 0 };
	struct mst_subscription got;

	for (int i = 5; i > 0; i--) {
		struct mst_subscription a = make_sub(i);

		assert_int_equal(mst_store_sub_put(s, &a, true), 0);
	}
	assert_int_equal(mst_store_sub_list(s, NULL, 2, keep_sub, &ids), 0);
	assert_int_equal(ids.n, 2);
	assert_string_equal(ids.id[0], "sub-0001");
	assert_int_equal(mst_store_sub_list(s, ids.id[1], 0, keep_sub, &ids), 0);
	assert_int_equal(ids.n, 5);
	assert_string_equal(ids.id[2], "sub-0003");
	assert_string_equal(ids.id[4], "sub-0005");
	assert_int_equal(mst_store_sub_of_sp(s, "sp3.example.com", &got), 0);
	assert_string_equal(got.id, "sub-0003");
	assert_int_equal(mst_store_sub_of_sp(s, "example.com", &got), MST_STORE_NONE);
	/* `each` ends a list, and its value comes back */
	ids = (struct ids){ .stop_at = 3 };
	assert_int_equal(mst_store_sub_list(s, NULL, 0, keep_sub, &ids), 77);
	assert_int_equal(ids.n, 3);
}

static void node_rows(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_subscription sub = make_sub(1);
	struct mst_node a = make_node(1), b = make_node(2), c = make_node(3), got = { 0 };

	memcpy(a.sub_id, sub.id, sizeof(sub.id));
	assert_int_equal(mst_store_node_insert(s, &a), MST_STORE_NONE); /* no such subscription */
	assert_int_equal(a.id, 0);
	assert_int_equal(mst_store_sub_put(s, &sub, true), 0);
	assert_int_equal(mst_store_node_insert(s, &a), 0);
	assert_true(a.id > 0);
	assert_int_equal(mst_store_node_get(s, a.id, &got), 0);
	SAME(a, got);
	assert_int_equal(mst_store_node_find(s, a.node_id, &got), 0);
	SAME(a, got);
	assert_int_equal(mst_store_node_find(s, a.cse_id, &got), 0);
	SAME(a, got);
	assert_int_equal(mst_store_node_find(s, a.ae_id, &got), 0);
	SAME(a, got);
	assert_int_equal(mst_store_node_find(s, "", &got), MST_STORE_NONE);
	/* a CSE-ID is a CSE's, whatever another is called; where it is none's, that one is found by what it is called */
	memcpy(c.node_id, a.cse_id, sizeof(c.node_id));
	assert_int_equal(mst_store_node_insert(s, &c), 0);
	assert_int_equal(mst_store_node_find(s, a.cse_id, &got), 0);
	SAME(a, got);
	memset(c.node_id, 0, sizeof(c.node_id));
	memcpy(c.node_id, "//none.example.com/CSE1", sizeof("//none.example.com/CSE1"));
	assert_int_equal(mst_store_node_update(s, &c), 0);
	assert_int_equal(mst_store_node_find(s, c.node_id, &got), 0);
	SAME(c, got);
	assert_int_equal(mst_store_node_get(s, c.id + 1, &got), MST_STORE_NONE);

	/* unique by M2M-Node-ID and by CSE-ID; a refused insert gives no number */
	memcpy(b.node_id, a.node_id, sizeof(b.node_id));
	assert_int_equal(mst_store_node_insert(s, &b), MST_STORE_EXISTS);
	b = make_node(2);
	memcpy(b.cse_id, a.cse_id, sizeof(b.cse_id));
	assert_int_equal(mst_store_node_insert(s, &b), MST_STORE_EXISTS);
	assert_int_equal(b.id, 0);
	/* nodes without a CSE-ID do not collide */
	b.cse_id[0] = '\0';
	memset(b.cse_id, 0, sizeof(b.cse_id));
	assert_int_equal(mst_store_node_insert(s, &b), 0);
	got = make_node(3);
	memset(got.cse_id, 0, sizeof(got.cse_id));
	assert_int_equal(mst_store_node_insert(s, &got), 0);

	b.state = MST_NODE_REVOKED;
	memcpy(b.cse_id, a.cse_id, sizeof(b.cse_id));
	assert_int_equal(mst_store_node_update(s, &b), MST_STORE_EXISTS);
	memset(b.cse_id, 0, sizeof(b.cse_id));
	assert_int_equal(mst_store_node_update(s, &b), 0);
	assert_int_equal(mst_store_node_get(s, b.id, &got), 0);
	SAME(b, got);
	b.id = 999;
	assert_int_equal(mst_store_node_update(s, &b), MST_STORE_NONE);
	assert_int_equal(check_invariants(s), 4);
}

/* What a node does is written without touching who it is, and the counters follow its state. */
static void node_life(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_subscription sub = make_sub(1);
	struct mst_node a = make_node(1), other = make_node(2), want, got;
	int64_t n[MST_NODE_RELEASED + 1];

	memcpy(a.sub_id, sub.id, sizeof(sub.id));
	memset(other.cse_id, 0, sizeof(other.cse_id));
	assert_int_equal(mst_store_sub_put(s, &sub, true), 0);
	assert_int_equal(mst_store_node_insert(s, &a), 0);
	assert_int_equal(mst_store_node_insert(s, &other), 0);
	for (int move = 0; move < 2; move++) {
		want = a;
		want.changed += 10;
		want.last_seen = want.changed + move;
		want.state = move ? MST_NODE_ENROLLING : a.state;
		memset(want.reason, 0, sizeof(want.reason));
		memcpy(want.reason, "because", 7);
		memset(want.attempt, 'f', sizeof(want.attempt) - 1);
		memset(want.last_step, 0, sizeof(want.last_step));
		memcpy(want.last_step, "mef-register", 12);
		got = want;
		memset(got.sub_id, 0, sizeof(got.sub_id)); /* none of these is written */
		memcpy(got.node_id, other.node_id, sizeof(got.node_id));
		memset(got.maker, 'x', 3);
		got.created++;
		assert_int_equal(mst_store_node_touch(s, &got), 0);
		assert_int_equal(mst_store_node_get(s, a.id, &got), 0);
		SAME(want, got);
	}
	assert_int_equal(mst_store_node_get(s, other.id, &got), 0);
	SAME(other, got);
	assert_int_equal(mst_store_node_count(s, n), 0);
	assert_int_equal(n[MST_NODE_ENROLLING], 1);
	want.id = 999;
	assert_int_equal(mst_store_node_touch(s, &want), MST_STORE_NONE);
	assert_int_equal(check_invariants(s), 2);
}

static void node_filters(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	static const struct {
		int st;
		const char *sub, *maker;
		int after, limit, n;
		const char *first;
	} row[] = {
		{ -1, NULL, NULL, 0, 0, 12, "urn:example:node:000000" },
		{ -1, NULL, NULL, 0, 5, 5, "urn:example:node:000000" },
		{ -1, "", "", 3, 5, 5, "urn:example:node:000003" },
		{ MST_NODE_KNOWN, NULL, NULL, 0, 0, 6, "urn:example:node:000000" },
		{ MST_NODE_ENROLLED, NULL, NULL, 0, 0, 6, "urn:example:node:000001" },
		{ MST_NODE_REVOKED, NULL, NULL, 0, 0, 0, "" },
		{ -1, "sub-0001", NULL, 0, 0, 4, "urn:example:node:000000" },
		{ -1, "sub-0002", NULL, 0, 0, 0, "" },
		{ -1, NULL, "maker-1", 0, 0, 4, "urn:example:node:000001" },
		{ MST_NODE_ENROLLED, "sub-0001", NULL, 0, 0, 2, "urn:example:node:000001" },
		{ MST_NODE_ENROLLED, "sub-0001", "maker-0", 0, 0, 1, "urn:example:node:000003" },
		{ MST_NODE_ENROLLED, NULL, "maker-1", 2, 1, 1, "urn:example:node:000007" },
		{ -1, "sub-0001", "maker-0", 1, 0, 1, "urn:example:node:000003" },
	};
	struct mst_subscription sub = make_sub(1);

	assert_int_equal(mst_store_sub_put(s, &sub, true), 0);
	for (int i = 0; i < 12; i++) {
		struct mst_node a = make_node(i);

		a.state = i % 2 ? MST_NODE_ENROLLED : MST_NODE_KNOWN;
		if (i < 4)
			memcpy(a.sub_id, sub.id, sizeof(sub.id));
		assert_int_equal(mst_store_node_insert(s, &a), 0);
	}
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_node_filter f = { row[i].st, row[i].sub, row[i].maker, row[i].after,
					     (size_t)row[i].limit };
		struct ids ids = { .n = 0 };

		print_message("# node filter %zu\n", i);
		assert_int_equal(mst_store_node_list(s, &f, keep_node, &ids), 0);
		assert_int_equal(ids.n, row[i].n);
		assert_string_equal(ids.id[0], row[i].first);
	}
}

static void identities(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_node a = make_node(1), b = make_node(2);
	struct mst_identity id = { MST_ID_FQDN, "node1.example.com", { 1, 2, 3 }, 4711 }, got = { 0 };
	struct ids ids = { .n = 0 };

	assert_int_equal(mst_store_identity_put(s, &id), MST_STORE_NONE); /* no such node */
	assert_int_equal(mst_store_node_insert(s, &a), 0);
	assert_int_equal(mst_store_node_insert(s, &b), 0);
	id.node = a.id;
	assert_int_equal(mst_store_identity_put(s, &id), 0);
	assert_int_equal(mst_store_identity_get(s, MST_ID_FQDN, id.value, &got), 0);
	SAME(id, got);
	/* exact: kind and every octet of the value */
	assert_int_equal(mst_store_identity_get(s, MST_ID_NODE, id.value, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_identity_get(s, MST_ID_FQDN, "NODE1.example.com", &got), MST_STORE_NONE);
	/* the same node: its anchor changes; another node: refused, and nothing changes */
	id.anchor[0] = 9;
	assert_int_equal(mst_store_identity_put(s, &id), 0);
	id.node = b.id;
	id.anchor[0] = 8;
	assert_int_equal(mst_store_identity_put(s, &id), MST_STORE_EXISTS);
	assert_int_equal(mst_store_identity_get(s, MST_ID_FQDN, id.value, &got), 0);
	assert_int_equal(got.node, a.id);
	assert_int_equal(got.anchor[0], 9);
	/* the same value as another kind is another name */
	id.kind = MST_ID_NODE;
	assert_int_equal(mst_store_identity_put(s, &id), 0);
	assert_int_equal(mst_store_identity_list(s, b.id, keep_identity, &ids), 0);
	assert_int_equal(ids.n, 1);
}

/* A CSE-ID in whatever case; the same text as another kind of name is none. */
static void cse_in_any_case(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_node a = make_node(1), b = make_node(2), c = make_node(3), got;
	struct mst_identity id[] = { { MST_ID_CSE_ABS, "//sp.example.com/CSE7", { 1 }, 0 }, { MST_ID_CSE_ABS, "//sp.example.com/cse7", { 2 }, 0 },
				     { MST_ID_NODE, "//sp.example.com/cSE7", { 3 }, 0 }, { MST_ID_CSE_ABS, "//sp.example.com/cse70", { 4 }, 0 } };
	struct ids ids = { .n = 0 };

	snprintf(a.cse_id, sizeof(a.cse_id), "%s", id[0].value);
	snprintf(b.cse_id, sizeof(b.cse_id), "%s", id[1].value);
	c.cse_id[0] = 0;
	snprintf(c.ae_id, sizeof(c.ae_id), "%s", id[0].value);
	assert_int_equal(mst_store_node_insert(s, &c), 0);
	assert_int_equal(mst_store_node_of_cse(s, id[0].value, 0, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_node_of_cse(s, "", 0, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_node_insert(s, &a), 0);
	assert_int_equal(mst_store_node_of_cse(s, "//sp.example.com/cSE7", 0, &got), 0);
	assert_int_equal(got.id, a.id);
	assert_int_equal(mst_store_node_of_cse(s, id[0].value, a.id, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_node_insert(s, &b), 0);
	assert_int_equal(mst_store_node_of_cse(s, id[0].value, a.id, &got), 0);
	assert_int_equal(got.id, b.id);
	for (size_t i = 0; i < MST_COUNT(id); i++) {
		id[i].node = i % 2 ? b.id : a.id;
		assert_int_equal(mst_store_identity_put(s, &id[i]), 0);
	}
	assert_int_equal(mst_store_identity_of_cse(s, "//SP.example.com/cSE7", keep_identity, &ids), 0);
	assert_int_equal(ids.n, 2);
	assert_string_equal(ids.id[0], id[0].value);
	assert_string_equal(ids.id[1], id[1].value);
	assert_int_equal(mst_store_identity_of_cse(s, "//sp.example.com/CSE", keep_identity, &ids), 0);
	assert_int_equal(ids.n, 2);
}

static void registrations(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_registration a = make_reg(1), b = make_reg(2), got = { 0 };
	struct ids ids = { .n = 0 };

	assert_int_equal(mst_store_reg_put(s, MST_ROLE_MEF, &a), 0);
	assert_int_equal(mst_store_reg_get(s, MST_ROLE_MEF, a.reg_id, &got), 0);
	SAME(a, got);
	assert_int_equal(mst_store_reg_find(s, MST_ROLE_MEF, a.client_id, a.admin_fqdn, &got), 0);
	SAME(a, got);
	/* roles do not see each other's rows */
	assert_int_equal(mst_store_reg_get(s, MST_ROLE_MAF, a.reg_id, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_reg_find(s, MST_ROLE_MAF, a.client_id, a.admin_fqdn, &got),
			 MST_STORE_NONE);
	assert_int_equal(mst_store_reg_delete(s, MST_ROLE_MAF, a.reg_id), MST_STORE_NONE);
	assert_int_equal(mst_store_reg_put(s, MST_ROLE_MAF, &a), 0);
	/* one registration of a client for a stakeholder */
	memcpy(b.client_id, a.client_id, sizeof(b.client_id));
	memcpy(b.admin_fqdn, a.admin_fqdn, sizeof(b.admin_fqdn));
	assert_int_equal(mst_store_reg_put(s, MST_ROLE_MEF, &b), MST_STORE_EXISTS);
	b = make_reg(2);
	memcpy(b.client_id, a.client_id, sizeof(b.client_id));
	b.node = a.node;
	assert_int_equal(mst_store_reg_put(s, MST_ROLE_MEF, &b), 0);
	/* the same reg_id: replaced */
	a.expires = 99;
	a.node = 0;
	memset(a.labels, 0, sizeof(a.labels));
	assert_int_equal(mst_store_reg_put(s, MST_ROLE_MEF, &a), 0);
	assert_int_equal(mst_store_reg_get(s, MST_ROLE_MEF, a.reg_id, &got), 0);
	SAME(a, got);
	assert_int_equal(mst_store_reg_of_node(s, MST_ROLE_MEF, b.node, keep_reg, &ids), 0);
	assert_int_equal(ids.n, 1);
	assert_string_equal(ids.id[0], b.reg_id);
	/* of a client: whoever it registered with */
	ids = (struct ids){ .n = 0 };
	assert_int_equal(mst_store_reg_of_client(s, MST_ROLE_MEF, a.client_id, keep_reg, &ids), 0);
	assert_int_equal(ids.n, 2);
	ids = (struct ids){ .n = 0 };
	assert_int_equal(mst_store_reg_of_client(s, MST_ROLE_MAF, a.client_id, keep_reg, &ids), 0);
	assert_int_equal(ids.n, 1);
	assert_int_equal(mst_store_reg_of_client(s, MST_ROLE_MAF, "nobody", keep_reg, &ids), 0);
	assert_int_equal(ids.n, 1);
}

static void key_registrations(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_registration reg = make_reg(1);
	struct mst_keyreg a = make_keyreg(1, 1), b = make_keyreg(2, 1), got = { 0 };
	struct ids ids = { .n = 0 };

	assert_int_equal(mst_store_keyreg_put(s, MST_ROLE_MEF, &a, true),
			 MST_STORE_NONE); /* no registration */
	assert_int_equal(mst_store_reg_put(s, MST_ROLE_MEF, &reg), 0);
	assert_int_equal(mst_store_keyreg_put(s, MST_ROLE_MAF, &a, true),
			 MST_STORE_NONE); /* not in that role */
	assert_int_equal(mst_store_keyreg_put(s, MST_ROLE_MEF, &a, false), MST_STORE_NONE);
	assert_int_equal(mst_store_keyreg_put(s, MST_ROLE_MEF, &a, true), 0);
	assert_int_equal(mst_store_keyreg_put(s, MST_ROLE_MEF, &a, true), MST_STORE_EXISTS);
	assert_int_equal(mst_store_keyreg_get(s, MST_ROLE_MEF, a.rel_key_id, &got), 0);
	SAME(a, got);
	b.key.n = 0;
	memset(b.key.b, 0, sizeof(b.key.b));
	assert_int_equal(mst_store_keyreg_put(s, MST_ROLE_MEF, &b, true), 0);
	assert_int_equal(mst_store_keyreg_get(s, MST_ROLE_MEF, b.rel_key_id, &got), 0);
	SAME(b, got);
	b.expires = 1;
	assert_int_equal(mst_store_keyreg_put(s, MST_ROLE_MEF, &b, false), 0);
	assert_int_equal(mst_store_keyreg_list(s, MST_ROLE_MEF, reg.reg_id, keep_keyreg, &ids), 0);
	assert_int_equal(ids.n, 2);
	assert_string_equal(ids.id[0], a.rel_key_id);
	assert_int_equal(mst_store_keyreg_delete(s, MST_ROLE_MEF, a.rel_key_id), 0);
	assert_int_equal(mst_store_keyreg_delete(s, MST_ROLE_MEF, a.rel_key_id), MST_STORE_NONE);
	assert_int_equal(mst_store_keyreg_get(s, MST_ROLE_MEF, a.rel_key_id, &got), MST_STORE_NONE);
}

static void credentials(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_credential a = make_cred(1), b = make_cred(2), got = { 0 };
	struct ids ids = { .n = 0 };

	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MEF, &a, false), MST_STORE_NONE);
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MEF, &a, true), 0);
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MEF, &a, true), MST_STORE_EXISTS);
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MAF, &a, true), 0);
	assert_int_equal(mst_store_cred_get(s, MST_ROLE_MEF, a.key_id, &got), 0);
	SAME(a, got);
	a.state = MST_CRED_REVOKED;
	a.node = 0;
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MEF, &a, false), 0);
	assert_int_equal(mst_store_cred_get(s, MST_ROLE_MEF, a.key_id, &got), 0);
	SAME(a, got);
	assert_int_equal(mst_store_cred_get(s, MST_ROLE_MAF, a.key_id, &got), 0);
	assert_int_equal(got.state, MST_CRED_ACTIVE);
	memcpy(b.client_id, a.client_id, sizeof(b.client_id));
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MEF, &b, true), 0);
	assert_int_equal(mst_store_cred_list(s, MST_ROLE_MEF, a.client_id, keep_cred, &ids), 0);
	assert_int_equal(ids.n, 2);
	assert_string_equal(ids.id[0], a.key_id);
	assert_int_equal(mst_store_cred_of_node(s, MST_ROLE_MEF, b.node, keep_cred, &ids), 0);
	assert_int_equal(ids.n, 3);
	assert_string_equal(ids.id[2], b.key_id);
	assert_int_equal(mst_store_cred_delete(s, MST_ROLE_MEF, a.key_id), 0);
	assert_int_equal(mst_store_cred_delete(s, MST_ROLE_MEF, a.key_id), MST_STORE_NONE);
	assert_int_equal(mst_store_cred_get(s, MST_ROLE_MAF, a.key_id, &got), 0);
}

static void registration_takes_its_keys(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_registration reg = make_reg(1);
	struct mst_keyreg k = make_keyreg(1, 1);
	struct mst_credential by_via = make_cred(1), by_key = make_cred(2), other = make_cred(3), got = { 0 };

	memcpy(by_key.key_id, reg.key_id, sizeof(reg.key_id));
	assert_int_equal(mst_store_reg_put(s, MST_ROLE_MEF, &reg), 0);
	assert_int_equal(mst_store_keyreg_put(s, MST_ROLE_MEF, &k, true), 0);
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MEF, &by_via, true), 0);
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MEF, &by_key, true), 0);
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MEF, &other, true), 0);
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MAF, &by_via, true), 0);
	assert_int_equal(mst_store_reg_delete(s, MST_ROLE_MEF, reg.reg_id), 0);
	assert_int_equal(mst_store_keyreg_get(s, MST_ROLE_MEF, k.rel_key_id, &k), MST_STORE_NONE);
	assert_int_equal(mst_store_cred_get(s, MST_ROLE_MEF, by_via.key_id, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_cred_get(s, MST_ROLE_MEF, by_key.key_id, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_cred_get(s, MST_ROLE_MEF, other.key_id, &got), 0);
	assert_int_equal(mst_store_cred_get(s, MST_ROLE_MAF, by_via.key_id, &got), 0);
}

static void certificates(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_cert_row a = make_cert(1), b = make_cert(2), good = make_cert(3), got = { 0 };
	struct ids ids = { .n = 0 };

	good.revoked = 0;
	assert_int_equal(mst_store_cert_get(s, a.serial, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_cert_put(s, &b), 0);
	assert_int_equal(mst_store_cert_put(s, &a), 0);
	assert_int_equal(mst_store_cert_put(s, &good), 0);
	assert_int_equal(mst_store_cert_get(s, a.serial, &got), 0);
	SAME(a, got);
	assert_int_equal(mst_store_cert_list_revoked(s, 0, keep_cert, &ids), 0);
	assert_int_equal(ids.n, 2);
	assert_string_equal(ids.id[0], a.serial);
	ids.n = 0;
	assert_int_equal(mst_store_cert_list_revoked(s, a.expires, keep_cert, &ids),
			 0); /* expired ones leave */
	assert_int_equal(ids.n, 1);
	good.revoked = 77;
	assert_int_equal(mst_store_cert_put(s, &good), 0);
	ids.n = 0;
	assert_int_equal(mst_store_cert_list_revoked(s, 0, keep_cert, &ids), 0);
	assert_int_equal(ids.n, 3);
}

static void groups(void **state)
{
	struct fix *f = *state;
	struct mst_store *s = f->s;

	assert_int_equal(mst_store_commit(s), MST_FAULT_BUG);
	assert_int_equal(mst_store_mark(s), MST_FAULT_BUG);
	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(mst_store_begin(s), MST_FAULT_BUG);
	assert_int_equal(write_decision(s, 1), 0);
	assert_int_equal(read_decision(s, 1), 1);
	mst_store_rollback(s);
	assert_int_equal(read_decision(s, 1), 0);
	assert_int_equal(check_invariants(s), 0);
	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(write_decision(s, 1), 0);
	assert_int_equal(write_decision(s, 2), 0);
	assert_int_equal(mst_store_commit(s), 0);
	contract_reopen(f);
	assert_int_equal(read_decision(f->s, 1), 1);
	assert_int_equal(read_decision(f->s, 2), 1);
	assert_int_equal(check_invariants(f->s), 2);
}

static void marks(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;

	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(write_decision(s, 1), 0);
	assert_int_equal(mst_store_mark(s), 0);
	assert_int_equal(write_decision(s, 2), 0);
	mst_store_undo(s);
	/* a decision with a part inside that fails, twice; then one that does not */
	assert_int_equal(mst_store_mark(s), 0);
	for (int i = 0; i < 2; i++) {
		struct mst_event e = make_event(3);

		assert_int_equal(mst_store_mark(s), 0);
		assert_int_equal(mst_store_mark(s), MST_FAULT_BUG);
		assert_int_equal(mst_store_event_append(s, &e), 0);
		assert_int_equal(e.seq, 2);
		mst_store_undo(s);
	}
	assert_int_equal(write_decision(s, 4), 0);
	assert_int_equal(mst_store_commit(s), MST_FAULT_BUG); /* a mark is open */
	mst_store_rollback(s);
	assert_int_equal(check_invariants(s), 0);

	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(write_decision(s, 1), 0);
	assert_int_equal(mst_store_mark(s), 0);
	assert_int_equal(write_decision(s, 2), 0);
	mst_store_undo(s);
	assert_int_equal(write_decision(s, 3), 0);
	assert_int_equal(mst_store_commit(s), 0);
	assert_int_equal(read_decision(s, 1), 1);
	assert_int_equal(read_decision(s, 2), 0);
	assert_int_equal(read_decision(s, 3), 1);
	assert_int_equal(check_invariants(s), 2);
}

/* Each write step of two decisions fails once; what remains is always whole, and the store goes on. */
static void failure_sweep(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	unsigned n;
	int r = 1;

	for (n = 1; r; n++) {
		mst_store_fail_at(s, n);
		r = mst_store_begin(s);
		if (!r) {
			for (int i = 1; i <= 2 && !r; i++)
				r = write_decision(s, i);
			if (r)
				mst_store_rollback(s);
			else
				r = mst_store_commit(s);
		}
		mst_store_fail_at(s, 0);
		assert_true(r == 0 || r == MST_FAULT_STORE);
		if (r)
			assert_string_equal(mst_store_error(s), "injected fault");
		assert_int_equal(read_decision(s, 1), !r);
		assert_int_equal(read_decision(s, 2), !r);
		assert_int_equal(check_invariants(s), r ? 0 : 2);
	}
	assert_int_equal(
		n, 2 + 2 + 2 * 11); /* begin, commit, eleven steps a decision; the last run fails nowhere */
}

/* A decision that fails leaves nothing; the others of its group are kept (lesson 14). */
static void failed_decision_in_a_group(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;

	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(write_decision(s, 1), 0);
	assert_int_equal(mst_store_mark(s), 0);
	mst_store_fail_at(s, 6);
	assert_int_equal(write_decision(s, 2), MST_FAULT_STORE);
	/* the inner mark of the decision is still open */
	mst_store_undo(s);
	mst_store_undo(s);
	assert_int_equal(write_decision(s, 3), 0);
	assert_int_equal(mst_store_commit(s), 0);
	assert_int_equal(read_decision(s, 1), 1);
	assert_int_equal(read_decision(s, 2), 0);
	assert_int_equal(read_decision(s, 3), 1);
	check_invariants(s);
}

static int nested_read(void *arg, const struct mst_node *n)
{
	struct mst_node_filter f = { .state = -1 };
	struct ids ids = { .n = 0 };
	struct mst_node got;

	assert_int_equal(mst_store_node_get(arg, n->id, &got), 0);
	assert_int_equal(mst_store_node_list(arg, &f, keep_node, &ids), 0);
	assert_int_equal(ids.n, 3);
	got.state = MST_NODE_BRIEFED;
	assert_int_equal(mst_store_node_update(arg, &got), 0);
	return 0;
}

static void lists_nest(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_node_filter f = { .state = -1 };
	int64_t n[MST_NODE_RELEASED + 1];

	for (int i = 0; i < 3; i++) {
		struct mst_node a = make_node(i);

		assert_int_equal(mst_store_node_insert(s, &a), 0);
	}
	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(mst_store_node_list(s, &f, nested_read, s), 0);
	assert_int_equal(mst_store_commit(s), 0);
	assert_int_equal(mst_store_node_count(s, n), 0);
	assert_int_equal(n[MST_NODE_KNOWN], 0);
	assert_int_equal(n[MST_NODE_BRIEFED], 3);
}

static void urls(void **state)
{
	static const char *const bad[] = {
		"", "sqlite", "sqlite:", "mysql:x", "sqlite:/nonexistent-directory/x.db", "sqlite:/dev/null"
	};
	struct mst_store *s;
	struct mst_diag d;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		s = (struct mst_store *)1;
		assert_true(mst_store_open(bad[i], &s, &d) < 0);
		assert_null(s);
		assert_string_equal(d.field, "store");
		assert_true(strlen(d.text) > 10);
	}
	assert_true(mst_store_open("nothing:", &s, NULL) < 0);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, contract_set_up, contract_tear_down)
	const struct CMUnitTest tests[] = {
		T(sub_rows),
		T(sub_pages),
		T(node_rows),
		T(node_life),
		T(node_filters),
		T(identities),
		T(cse_in_any_case),
		T(registrations),
		T(key_registrations),
		T(credentials),
		T(registration_takes_its_keys),
		T(certificates),
		T(groups),
		T(marks),
		T(failure_sweep),
		T(failed_decision_in_a_group),
		T(lists_nest),
		cmocka_unit_test(urls),
	};

	if (argc > 1)
		contract_prefix = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
