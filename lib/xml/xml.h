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
#include "codec/guss.h"

enum mst_xml_outcome { MST_XML_BAD = 1 };

#define MST_XML_DEPTH_MAX 16

struct mst_xml_element {
	const char *name, *ns;       /* local name; namespace, "" = none */
	unsigned depth;              /* 0 = the root */
	void *reader;                /* for mst_xml_attribute() */
};
/* In begin(): the value of that attribute, good until the next call; p is NULL when there is none. */
struct mst_view mst_xml_attribute(const struct mst_xml_element *e, const char *name);
/* Each returns NULL, or the words that say what is wrong, which end the walk. */
struct mst_xml_ops {
	const char *(*begin)(void *ctx, const struct mst_xml_element *e);
	const char *(*text)(void *ctx, struct mst_view piece);       /* in pieces; CDATA too; not between elements alone */
	const char *(*end)(void *ctx, const struct mst_xml_element *e);
};
/* Walk over a whole document of at most `max` octets. 0, MST_XML_BAD with `d`, or a fault. */
MST_MUST_CHECK int mst_xml_walk(struct mst_view in, size_t max, const struct mst_xml_ops *ops, void *ctx, struct mst_diag *d);

/*
 * A document whose elements are known, as a table: where each may stand, and whether it holds text. Others are skipped with
 * all that is in them. Text is joined in the arena and handed over when its element ends.
 */
struct mst_xml_part {
	const char *name;
	unsigned parent;             /* index in the table; 0 = the root stands there. Row 0 itself is empty */
	const char *ns;              /* NULL: any */
	bool ns_or_none;             /* local elements may come without */
	bool text, many;
};
struct mst_xml_parts {
	const struct mst_xml_part *part;
	unsigned n;                  /* at most 32 */
	const char *what;            /* "the root is not …" */
	struct mst_arena *a;
	/* Either may be NULL; they return what is wrong. */
	const char *(*begin)(void *ctx, unsigned part, const struct mst_xml_element *e);
	const char *(*value)(void *ctx, unsigned part, struct mst_view text);
};
MST_MUST_CHECK int mst_xml_parts(struct mst_view in, size_t max, const struct mst_xml_parts *p, void *ctx, struct mst_diag *d);

/* White space of XML at both ends taken off. */
struct mst_view mst_xml_stripped(struct mst_view v);

/* GUSS, or the list that a NAF gets: local names count, namespaces do not; both spellings of `uid`. Texts go into `a`, of
 * which MST_GUSS_OCTETS are enough. */
MST_MUST_CHECK int mst_xml_guss(struct mst_view in, struct mst_arena *a, struct mst_guss *ret_g, struct mst_diag *d);

/* The same for BootstrappingInfo; texts go into `a`, of which MST_BSF_INFO_OCTETS are always enough. The signature is
 * the port's that lib/proto/gba has for it. */
MST_MUST_CHECK int mst_xml_bsf_info(struct mst_view in, struct mst_arena *a, struct mst_bsf_info *ret_i, struct mst_diag *d);

#endif
