/*
 * XML from peers (decision 0021): the few documents of 3GPP that are XML. A library parses it, so this is not PURE; the
 * processes that need none of these documents do not link it.
 *
 * Only UTF-8, no document type and therefore no entities of its own, no network, no file, limits on octets and depth: all
 * looked at before, or besides, the library. What it refuses changes nothing.
 */
#ifndef MST_XML_XML_H
#define MST_XML_XML_H

#include "base/attr.h"
#include "base/diag.h"
#include "codec/bsf-info.h"

enum mst_xml_outcome { MST_XML_BAD = 1 };

#define MST_XML_DEPTH_MAX 16

struct mst_xml_element {
	const char *name, *ns;       /* local name; namespace, "" = none */
	unsigned depth;              /* 0 = the root */
};
/* Each returns NULL, or the words that say what is wrong, which end the walk. */
struct mst_xml_ops {
	const char *(*begin)(void *ctx, const struct mst_xml_element *e);
	const char *(*text)(void *ctx, struct mst_view piece);       /* in pieces; CDATA too; not between elements alone */
	const char *(*end)(void *ctx, const struct mst_xml_element *e);
};
/* Walk over a whole document of at most `max` octets. 0, MST_XML_BAD with `d`, or a fault. */
MST_MUST_CHECK int mst_xml_walk(struct mst_view in, size_t max, const struct mst_xml_ops *ops, void *ctx, struct mst_diag *d);

/* The same for BootstrappingInfo; texts go into `a`, of which MST_BSF_INFO_OCTETS are always enough. The signature is
 * the port's that lib/proto/gba has for it. */
MST_MUST_CHECK int mst_xml_bsf_info(struct mst_view in, struct mst_arena *a, struct mst_bsf_info *ret_i, struct mst_diag *d);

#endif
