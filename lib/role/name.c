#include "role/name.h"

/* Of a CSE or an AE, neither what the node is called nor its provider's to give: one that has moved has left it behind. */
static bool is_foreign(const struct mst_node *n, const char *sp_fqdn, enum mst_id_kind kind, const char *name)
{
	return (kind == MST_ID_CSE_ABS || kind == MST_ID_AE_ABS) && strcmp(name, n->cse_id) && strcmp(name, n->ae_id) && !mst_name_of_realm(name, sp_fqdn);
}

/* Has it been with the provider of this FQDN? Its past is walked from the oldest on. */
static int was_with(struct mst_store *s, int64_t node, struct mst_view sp_fqdn, bool *ret_was)
{
	struct mst_node_past p = { .last = 0 };
	int r;

	*ret_was = false;
	while (!(r = mst_store_past_find(s, node, (uint64_t)p.last, &p)) && !*ret_was) {
		*ret_was = mst_id_equal(MST_ID_FQDN, sp_fqdn, mst_view_str(p.sp_fqdn));
		p.last++;
	}
	return r < 0 ? r : 0;
}

/* The name of a CSE of a provider that it has left, written as certificates do (TS-0001 6.5.1.1). Its maker's is of no provider, and goes with it. */
static int fqdn_left(struct mst_store *s, const struct mst_node *n, const char *sp_fqdn, const char *fqdn, bool *ret_left)
{
	char cse[MST_ID_MAX], own[MST_ID_MAX];
	struct mst_view realm;

	if (!mst_cse_of_public_name(fqdn, cse) || mst_name_of_realm(cse, sp_fqdn))
		return 0;
	if (n->cse_id[0] && mst_cse_public_name(mst_view_str(n->cse_id), own) && mst_id_equal(MST_ID_FQDN, mst_view_str(own), mst_view_str(fqdn)))
		return 0;
	realm = mst_view_sub(mst_view_str(cse), 2, strlen(cse));
	return was_with(s, n->id, mst_view_sub(realm, 0, mst_view_find(realm, '/')), ret_left);
}

int mst_name_left(struct mst_store *s, const struct mst_node *n, const char *sp_fqdn, enum mst_id_kind kind, const char *name, bool *ret_left)
{
	struct mst_node_past past;
	int r;

	*ret_left = false;
	if (kind == MST_ID_FQDN)
		return fqdn_left(s, n, sp_fqdn, name, ret_left);
	r = is_foreign(n, sp_fqdn, kind, name) ? mst_store_past_last(s, n->id, &past) : MST_STORE_NONE;
	*ret_left = !r;
	return r < 0 ? r : 0;
}
