/* What a node is called, and which of its names may say so. PURE. */
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

/* Of a CSE or an AE, neither what the node is called nor its provider's to give: one that has moved has left it behind. */
static inline bool mst_name_foreign(const struct mst_node *n, const char *sp_fqdn, enum mst_id_kind kind, const char *name)
{
	return (kind == MST_ID_CSE_ABS || kind == MST_ID_AE_ABS) && strcmp(name, n->cse_id) && strcmp(name, n->ae_id) && !mst_name_of_realm(name, sp_fqdn);
}

#endif
