/* What a node is called, and which of its names may say so. PURE. */
#ifndef MST_ROLE_NAME_H
#define MST_ROLE_NAME_H

#include <string.h>

#include "store/store.h"

/* "//sp.example.com/…": an absolute CSE-ID or AE-ID, which names one CSE or AE of all (TS-0001 7.2). */
static inline bool mst_name_of_entity(const char *name)
{
	return name[0] == '/' && name[1] == '/';
}

/*
 * An M2M-Node-ID may be any text. One in the form of a CSE-ID is the node's where it is its CSE-ID, too (TS-0001 7.1.5 lets a provider
 * give both the same value); else it would be somebody else's, or could become it.
 */
static inline bool mst_node_id_counts(const struct mst_node *n, const char *name)
{
	return !mst_name_of_entity(name) || !strcmp(name, n->cse_id);
}

/* What it is called here: CSE-ID, else AE-ID, else M2M-Node-ID; "" when that does not count. */
static inline const char *mst_node_name(const struct mst_node *n)
{
	return n->cse_id[0] ? n->cse_id : n->ae_id[0] ? n->ae_id : mst_node_id_counts(n, n->node_id) ? n->node_id : "";
}

#endif
