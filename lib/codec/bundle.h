/*
 * A bundle: a sequence for certain nodes, for a certain time, that its signer can give out on anything that
 * holds a file (architecture 3.4, row `file`). Ours, not oneM2M's. This is the content; who signed it is
 * said by the envelope around it (crypto/cms.h). Signed as CBOR; JSON is read as well, for people.
 *
 * `number` orders the bundles of one signer: a node takes none with a lower number than it has taken before
 * (doc/decisions/0012).
 */
#ifndef MST_CODEC_BUNDLE_H
#define MST_CODEC_BUNDLE_H

#include "codec/instr.h"

#define MST_BUNDLE_OCTETS (2 * MST_SEQ_OCTETS)  /* largest content */
#define MST_BUNDLE_NODES_MAX 64
#define MST_BUNDLE_NUMBER_MAX INT64_C(9007199254740991)   /* what every reader of JSON holds exactly */

struct mst_bundle {
	uint32_t has;
	int64_t version;                /* 1 */
	struct mst_view id;             /* for correlation: goes into the sequence's id when that has none */
	int64_t number;                 /* 1 .. MST_BUNDLE_NUMBER_MAX */
	mst_time valid_from, valid_until;
	/* For whom. Either nodes, or any, or one or more of maker, model and batch, all of which must fit. */
	struct mst_view nodes[MST_BUNDLE_NODES_MAX];
	uint16_t n_nodes;
	struct mst_view maker, model, batch;
	bool any;
	struct mst_view label;          /* for people */
	struct mst_sequence sequence;
};
enum { MST_BU_VERSION, MST_BU_ID, MST_BU_NUMBER, MST_BU_FROM, MST_BU_UNTIL, MST_BU_NODES, MST_BU_MAKER, MST_BU_MODEL,
       MST_BU_BATCH, MST_BU_ANY, MST_BU_LABEL, MST_BU_SEQUENCE };
extern const struct mst_msg mst_bundle_msg;

/* Whole, rules between fields included. An arena of MST_BUNDLE_OCTETS is always enough. enum mst_msg_outcome. */
MST_MUST_CHECK int mst_bundle_read_json(struct mst_view in, struct mst_arena *a, struct mst_bundle *ret_b, struct mst_diag *d);
MST_MUST_CHECK int mst_bundle_read_cbor(struct mst_view in, struct mst_arena *a, struct mst_bundle *ret_b, struct mst_diag *d);
/* Either: what begins with '{' is JSON. */
MST_MUST_CHECK int mst_bundle_read(struct mst_view in, struct mst_arena *a, struct mst_bundle *ret_b, struct mst_diag *d);
/* The rules between fields alone, for one made by hand. */
MST_MUST_CHECK int mst_bundle_check(struct mst_bundle *b, struct mst_diag *d);
void mst_bundle_write_json(const struct mst_bundle *b, struct mst_writer *w);
void mst_bundle_write_cbor(const struct mst_bundle *b, struct mst_writer *w);

/* What a node says of a bundle, by its own numbers (enum bundle_outcome of src/agent); the first: that it took it. */
#define MST_BUNDLE_TEXTS 19
extern const char *const mst_bundle_text[MST_BUNDLE_TEXTS];

/* What a node says of itself; empty views: it does not know. */
struct mst_bundle_reader { struct mst_view node_id, maker, model, batch; };
/* NULL when it is for that node, else why not. What a node does not know of itself fits nothing. */
const char *mst_bundle_not_for(const struct mst_bundle *b, const struct mst_bundle_reader *n);

#endif
