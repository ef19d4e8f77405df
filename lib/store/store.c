/* The store's face: names, choice of the database by URL, and one line a function. */
#include "store/ops.h"

#include <string.h>

#define PIECE 1000      /* of a long log, and of memory, at a time */

const char *const mst_role_name[MST_ROLE__COUNT] = {
	[MST_ROLE_NONE] = "none",   [MST_ROLE_BBN] = "bbn",         [MST_ROLE_MEF] = "mef",
	[MST_ROLE_MAF] = "maf",     [MST_ROLE_BSF] = "bsf",         [MST_ROLE_HSS] = "hss",
	[MST_ROLE_ADMIN] = "admin", [MST_ROLE_GATEWAY] = "gateway", [MST_ROLE_OCSP] = "ocsp",
	[MST_ROLE_ZN] = "zn",
};
const uint8_t mst_anchor_any[MST_SHA256_LEN] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};
/* the hash of nothing that anybody could find */
const uint8_t mst_anchor_none[MST_SHA256_LEN] = { [MST_SHA256_LEN - 1] = 1 };
const char *const mst_briefing_state_name[] = { "open", "enrolled", "failed" };
const char *const mst_by_name[] = { "installation", "provider" };
const char *const mst_sub_state_name[] = { "active", "suspended", "ended" };
const char *const mst_node_state_name[] = {
	"known", "briefed", "enrolling", "enrolled", "expiring", "suspended", "revoked", "released",
};

static const struct {
	const char *scheme;
	int (*open)(const char *rest, struct mst_store **ret_s, struct mst_diag *d);
	int (*check)(const char *rest, struct mst_diag *d);
	void (*needs)(const char *rest, struct mst_store_needs *ret);   /* NULL: it is a file */
} backends[] = {
	{ "sqlite:", mst_store_sqlite_open, NULL, NULL },
	{ "postgresql:", mst_store_pg_open, mst_store_pg_check, mst_store_pg_needs },
};

/* *ret_rest is what follows the scheme; MST_COUNT(backends): unknown, or nothing follows. */
static size_t backend_of(const char *url, const char **ret_rest)
{
	size_t i = 0;

	for (; i < MST_COUNT(backends); i++) {
		size_t n = strlen(backends[i].scheme);

		*ret_rest = url + n;
		if (!strncmp(url, backends[i].scheme, n) && url[n])
			break;
	}
	return i;
}

static int unknown(const char *url, struct mst_diag *d)
{
	mst_diag_set(d, 0, "store", "unknown store \"", url, "\"; expected sqlite:PATH or postgresql:CONNECTION", NULL);
	return MST_FAULT_CONFIG;
}

int mst_store_check(const char *url, struct mst_diag *d)
{
	const char *rest;
	size_t i = backend_of(url, &rest);

	if (i == MST_COUNT(backends))
		return unknown(url, d);
	return backends[i].check ? backends[i].check(rest, d) : 0;
}

const char *mst_store_file(const char *url)
{
	const char *rest;
	size_t i = backend_of(url, &rest);

	return i < MST_COUNT(backends) && !backends[i].needs ? rest : NULL;
}

void mst_store_needs(const char *url, struct mst_store_needs *ret)
{
	const char *rest;
	size_t i = backend_of(url, &rest);

	*ret = (struct mst_store_needs){ .n_reads = 0 };
	if (i < MST_COUNT(backends) && backends[i].needs)
		backends[i].needs(rest, ret);
}

int mst_store_open(const char *url, struct mst_store **ret_s, struct mst_diag *d)
{
	struct mst_diag none = { 0 };
	const char *rest;
	size_t i;

	d = d ? d : &none;
	mst_diag_set(d, 0, "", "", NULL);
	*ret_s = NULL;
	i = backend_of(url, &rest);
	return i < MST_COUNT(backends) ? backends[i].open(rest, ret_s, d) : unknown(url, d);
}

struct mst_store *mst_store_close(struct mst_store *s)
{
	return s ? s->ops->close(s) : NULL;
}

int mst_store_event_verify(struct mst_store *s, uint64_t *ret_bad)
{
	return mst_store_event_check(s, NULL, ret_bad);
}

int mst_store_event_check(struct mst_store *s, uint64_t *ret_entries, uint64_t *ret_bad)
{
	struct mst_event_walk w = { .limit = PIECE };
	uint64_t entries = 0;
	int r;

	do {
		r = s->ops->event_walk(s, &w);
		entries += w.entries;
	} while (!r && !w.end);
	if (ret_entries)
		*ret_entries = entries;
	if (ret_bad)
		*ret_bad = w.bad;
	return r;
}

int mst_store_version(struct mst_store *s)
{
	return s->ops->version(s);
}

const char *mst_store_error(struct mst_store *s)
{
	return s->ops->error(s);
}

bool mst_store_may_repeat(struct mst_store *s)
{
	return s->ops->may_repeat(s);
}

bool mst_store_in_doubt(struct mst_store *s)
{
	return s->ops->in_doubt(s);
}

int mst_store_present(struct mst_store *s)
{
	return s->ops->present(s);
}

int mst_store_begin(struct mst_store *s)
{
	return s->ops->begin(s);
}

int mst_store_commit(struct mst_store *s)
{
	return s->ops->commit(s);
}

void mst_store_rollback(struct mst_store *s)
{
	s->ops->rollback(s);
}

int mst_store_mark(struct mst_store *s)
{
	return s->ops->mark(s);
}

int mst_store_release(struct mst_store *s)
{
	return s->ops->release(s);
}

void mst_store_undo(struct mst_store *s)
{
	s->ops->undo(s);
}

void mst_store_fail_at(struct mst_store *s, unsigned n)
{
	s->ops->fail_at(s, n);
}

int mst_store_sub_put(struct mst_store *s, const struct mst_subscription *r, bool insert)
{
	return s->ops->sub_put(s, r, insert);
}

int mst_store_sub_get(struct mst_store *s, const char *id, struct mst_subscription *ret)
{
	return s->ops->sub_get(s, id, ret);
}

int mst_store_sub_list(struct mst_store *s, const char *after, size_t limit,
		       int (*each)(void *, const struct mst_subscription *), void *arg)
{
	return s->ops->sub_list(s, after, limit, each, arg);
}

int mst_store_sub_of_sp(struct mst_store *s, const char *sp_fqdn, struct mst_subscription *ret)
{
	return s->ops->sub_of_sp(s, sp_fqdn, ret);
}

int mst_store_node_insert(struct mst_store *s, struct mst_node *r)
{
	return s->ops->node_insert(s, r);
}

int mst_store_node_update(struct mst_store *s, const struct mst_node *r)
{
	return s->ops->node_update(s, r);
}

int mst_store_node_touch(struct mst_store *s, const struct mst_node *r)
{
	return s->ops->node_touch(s, r);
}

int mst_store_node_get(struct mst_store *s, int64_t id, struct mst_node *ret)
{
	return s->ops->node_get(s, id, ret);
}

int mst_store_node_find(struct mst_store *s, const char *name, struct mst_node *ret)
{
	return s->ops->node_find(s, name, ret);
}

int mst_store_node_of_cse(struct mst_store *s, const char *cse_id, int64_t but, struct mst_node *ret)
{
	return s->ops->node_of_cse(s, cse_id, but, ret);
}

int mst_store_node_list(struct mst_store *s, const struct mst_node_filter *f,
			int (*each)(void *, const struct mst_node *), void *arg)
{
	return s->ops->node_list(s, f, each, arg);
}

int mst_store_node_count(struct mst_store *s, int64_t ret_by_state[MST_NODE_RELEASED + 1])
{
	return s->ops->node_count(s, ret_by_state);
}

int mst_store_identity_put(struct mst_store *s, const struct mst_identity *r)
{
	return s->ops->identity_put(s, r);
}

int mst_store_identity_get(struct mst_store *s, enum mst_id_kind kind, const char *value,
			   struct mst_identity *ret)
{
	return s->ops->identity_get(s, kind, value, ret);
}

int mst_store_identity_of_cse(struct mst_store *s, const char *cse_id, int (*each)(void *, const struct mst_identity *), void *arg)
{
	return s->ops->identity_of_cse(s, cse_id, each, arg);
}

int mst_store_identity_count_wild(struct mst_store *s, int64_t *ret_n)
{
	return s->ops->identity_count_wild(s, ret_n);
}

int mst_store_identity_list(struct mst_store *s, int64_t node,
			    int (*each)(void *, const struct mst_identity *), void *arg)
{
	return s->ops->identity_list(s, node, each, arg);
}

int mst_store_reach_put(struct mst_store *s, const struct mst_reach *r)
{
	return s->ops->reach_put(s, r);
}

int mst_store_reach_get(struct mst_store *s, int64_t node, struct mst_reach *ret)
{
	return s->ops->reach_get(s, node, ret);
}

int mst_store_reg_put(struct mst_store *s, enum mst_role role, const struct mst_registration *r)
{
	return s->ops->reg_put(s, role, r);
}

int mst_store_reg_get(struct mst_store *s, enum mst_role role, const char *reg_id,
		      struct mst_registration *ret)
{
	return s->ops->reg_get(s, role, reg_id, ret);
}

int mst_store_reg_find(struct mst_store *s, enum mst_role role, const char *client_id, const char *admin_fqdn,
		       struct mst_registration *ret)
{
	return s->ops->reg_find(s, role, client_id, admin_fqdn, ret);
}

int mst_store_reg_delete(struct mst_store *s, enum mst_role role, const char *reg_id)
{
	return s->ops->reg_delete(s, role, reg_id);
}

int mst_store_reg_of_node(struct mst_store *s, enum mst_role role, int64_t node,
			  int (*each)(void *, const struct mst_registration *), void *arg)
{
	return s->ops->reg_of_node(s, role, node, each, arg);
}

int mst_store_reg_of_client(struct mst_store *s, enum mst_role role, const char *client_id,
			    int (*each)(void *, const struct mst_registration *), void *arg)
{
	return s->ops->reg_of_client(s, role, client_id, each, arg);
}

int mst_store_keyreg_put(struct mst_store *s, enum mst_role role, const struct mst_keyreg *r, bool insert)
{
	return s->ops->keyreg_put(s, role, r, insert);
}

int mst_store_keyreg_get(struct mst_store *s, enum mst_role role, const char *rel_key_id,
			 struct mst_keyreg *ret)
{
	return s->ops->keyreg_get(s, role, rel_key_id, ret);
}

int mst_store_keyreg_delete(struct mst_store *s, enum mst_role role, const char *rel_key_id)
{
	return s->ops->keyreg_delete(s, role, rel_key_id);
}

int mst_store_keyreg_list(struct mst_store *s, enum mst_role role, const char *reg_id,
			  int (*each)(void *, const struct mst_keyreg *), void *arg)
{
	return s->ops->keyreg_list(s, role, reg_id, each, arg);
}

int mst_store_cred_put(struct mst_store *s, enum mst_role role, const struct mst_credential *r, bool insert)
{
	return s->ops->cred_put(s, role, r, insert);
}

int mst_store_cred_get(struct mst_store *s, enum mst_role role, const char *key_id,
		       struct mst_credential *ret)
{
	return s->ops->cred_get(s, role, key_id, ret);
}

int mst_store_cred_delete(struct mst_store *s, enum mst_role role, const char *key_id)
{
	return s->ops->cred_delete(s, role, key_id);
}

int mst_store_cred_list(struct mst_store *s, enum mst_role role, const char *client_id,
			int (*each)(void *, const struct mst_credential *), void *arg)
{
	return s->ops->cred_list(s, role, client_id, each, arg);
}

int mst_store_cred_of_node(struct mst_store *s, enum mst_role role, int64_t node,
			   int (*each)(void *, const struct mst_credential *), void *arg)
{
	return s->ops->cred_of_node(s, role, node, each, arg);
}

int mst_store_cert_put(struct mst_store *s, const struct mst_cert_row *r)
{
	return s->ops->cert_put(s, r);
}

int mst_store_cert_get(struct mst_store *s, const char *serial, struct mst_cert_row *ret)
{
	return s->ops->cert_get(s, serial, ret);
}

int mst_store_cert_list_revoked(struct mst_store *s, mst_time now,
				int (*each)(void *, const struct mst_cert_row *), void *arg)
{
	return s->ops->cert_list_revoked(s, now, each, arg);
}

int mst_store_rules_version(struct mst_store *s, struct mst_rules_version *ret)
{
	return s->ops->rules_version(s, ret);
}

int mst_store_rules_next(struct mst_store *s, struct mst_rules_version *v)
{
	return s->ops->rules_next(s, v);
}

int mst_store_rules_versions(struct mst_store *s, int64_t before, size_t limit,
			     int (*each)(void *, const struct mst_rules_version *), void *arg)
{
	return s->ops->rules_versions(s, before, limit, each, arg);
}

int mst_store_rules_prune(struct mst_store *s, int64_t oldest)
{
	return s->ops->rules_prune(s, oldest);
}

int mst_store_rule_put(struct mst_store *s, const struct mst_rule_row *row)
{
	return s->ops->rule_put(s, row);
}

int mst_store_rule_end(struct mst_store *s, const char *name, int64_t version)
{
	return s->ops->rule_end(s, name, version);
}

int mst_store_rule_get(struct mst_store *s, const char *name, struct mst_rule_row *ret)
{
	return s->ops->rule_get(s, name, ret);
}

int mst_store_rule_list(struct mst_store *s, int64_t version, int64_t after, size_t limit,
			int (*each)(void *, const struct mst_rule_row *), void *arg)
{
	return s->ops->rule_list(s, version, after, limit, each, arg);
}

int mst_store_event_append(struct mst_store *s, struct mst_event *e)
{
	return s->ops->event_append(s, e);
}

int mst_store_event_list(struct mst_store *s, const struct mst_event_filter *f,
			 int (*each)(void *, const struct mst_event *), void *arg)
{
	return s->ops->event_list(s, f, each, arg);
}

int mst_store_event_last(struct mst_store *s, uint64_t *ret_seq)
{
	return s->ops->event_last(s, ret_seq);
}

int mst_store_place_put(struct mst_store *s, const struct mst_place *r)
{
	return s->ops->place_put(s, r);
}

int mst_store_place_get(struct mst_store *s, int64_t node, struct mst_place *ret)
{
	return s->ops->place_get(s, node, ret);
}

int mst_store_place_delete(struct mst_store *s, int64_t node)
{
	return s->ops->place_delete(s, node);
}

int mst_store_briefing_put(struct mst_store *s, const struct mst_briefing *r)
{
	return s->ops->briefing_put(s, r);
}

int mst_store_briefing_delete(struct mst_store *s, const char *id)
{
	return s->ops->briefing_delete(s, id);
}

int mst_store_briefing_get(struct mst_store *s, const char *id, struct mst_briefing *ret)
{
	return s->ops->briefing_get(s, id, ret);
}

int mst_store_briefing_find(struct mst_store *s, const char *who, const char *attempt,
			    const uint8_t ask[MST_SHA256_LEN], struct mst_briefing *ret)
{
	return s->ops->briefing_find(s, who, attempt, ask, ret);
}

int mst_store_briefing_list(struct mst_store *s, const struct mst_briefing_filter *f,
			    int (*each)(void *, const struct mst_briefing *), void *arg)
{
	return s->ops->briefing_list(s, f, each, arg);
}

int mst_store_briefing_prune(struct mst_store *s, const char *who, size_t most, mst_time before)
{
	return s->ops->briefing_prune(s, who, most, before);
}

int mst_store_event_anchor(struct mst_store *s, struct mst_event_anchor *ret)
{
	return s->ops->event_anchor(s, ret);
}

int mst_store_event_span(struct mst_store *s, struct mst_event_span *ret)
{
	return s->ops->event_span(s, ret);
}

int mst_store_event_shorten(struct mst_store *s, const struct mst_event_limit *k, struct mst_event *ret_told)
{
	return s->ops->event_shorten(s, k, ret_told);
}
