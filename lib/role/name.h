/* What a node is called, and which of its names may say so. PURE, but for mst_name_left(). */
#ifndef MST_ROLE_NAME_H
#define MST_ROLE_NAME_H

#include <string.h>

#include "codec/ident.h"
#include "store/store.h"

/* "//sp.example.com/…": an absolute CSE-ID or AE-ID, which names one CSE or AE of all (TS-0001 7.2). */
static inline bool mst_name_of_entity(const char *name)
{
	return name[0] == '/' && name[1] == '/';
}

/*
 * An M2M-Node-ID may be any text. One in the form of a CSE-ID is the node's where it is its CSE-ID or AE-ID, too (TS-0001 7.1.5 lets a provider
 * give both the same value); else it would be somebody else's, or could become it.
 */
static inline bool mst_node_id_counts(const struct mst_node *n, const char *name)
{
	return !mst_name_of_entity(name) || !strcmp(name, n->cse_id) || !strcmp(name, n->ae_id);
}

/* What it is called here: CSE-ID, else AE-ID, else M2M-Node-ID; "" when that does not count. */
static inline const char *mst_node_name(const struct mst_node *n)
{
	return n->cse_id[0] ? n->cse_id : n->ae_id[0] ? n->ae_id : mst_node_id_counts(n, n->node_id) ? n->node_id : "";
}

/* Is "//sp.example.com/…" in the realm of this provider (TS-0001 7.2)? */
static inline bool mst_name_of_realm(const char *name, const char *sp_fqdn)
{
	struct mst_view v = mst_view_str(name), sp = mst_view_sub(v, 2, v.n);

	return mst_name_of_entity(name) && mst_id_equal(MST_ID_FQDN, mst_view_sub(sp, 0, mst_view_find(sp, '/')), mst_view_str(sp_fqdn));
}

/*
 * Is it a name by which it was known to a provider that it has left (doc/decisions/0025), and which may be another's now? `sp_fqdn` is its provider's. Asks the
 * store; 0 and *ret_left, or a fault.
 */
MST_MUST_CHECK int mst_name_left(struct mst_store *s, const struct mst_node *n, const char *sp_fqdn, enum mst_id_kind kind, const char *name, bool *ret_left);

#endif
