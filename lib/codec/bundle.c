/* The bundle: table, and the rules between its fields. */
#include "codec/bundle.h"

#include <string.h>

#include "codec/cbor.h"
#include "codec/checks.h"
#include "codec/json.h"
#include "codec/walk.h"

#define LABEL .check = mst_check_label, .expects = MST_EXPECTS_LABEL

#define S struct mst_bundle
const char *const mst_bundle_text[MST_BUNDLE_TEXTS] = {
	"accepted", "malformed", "oversized", "unsigned", "wrongly-signed", "signer-untrusted", "signer-expired",
	"signer-not-yet-valid", "wrong-purpose", "empty", "too-deep", "unknown-method", "expired", "not-yet-valid", "other-node",
	"replayed", "no-anchors", "unreadable", "not-kept",
};

static const struct mst_field bundle_row[] = {
	MST_ROW(VERSION, 1, INT, MST_F_REQUIRED, S, version, 1, 1, "version of this format"),
	MST_ROW(ID, 2, STR, MST_F_REQUIRED, S, id, 1, 64, "name of this bundle, for correlation", .check = mst_check_token,
		.expects = MST_EXPECTS_TOKEN),
	MST_ROW(NUMBER, 3, INT, MST_F_REQUIRED, S, number, 1, MST_BUNDLE_NUMBER_MAX,
		"order among the bundles of one signer; a node takes no lower one afterwards"),
	MST_ROW(VALID_FROM, 4, TIME, 0, S, valid_from, 0, 0, "not to be used before"),
	MST_ROW(VALID_UNTIL, 5, TIME, MST_F_REQUIRED, S, valid_until, 0, 0, "not to be used from then on"),
	MST_ROW_LIST(NODES, 6, STR, 0, S, nodes, n_nodes, 1, MST_BUNDLE_NODES_MAX, 1, 255, "for these nodes: M2M-Node-IDs",
		     .check = mst_check_node_id, .expects = "an M2M-Node-ID"),
	MST_ROW(MAKER, 7, STR, 0, S, maker, 1, 63, "for nodes of this maker", LABEL),
	MST_ROW(MODEL, 8, STR, 0, S, model, 1, 63, "for nodes of this model", LABEL),
	MST_ROW(BATCH, 9, STR, 0, S, batch, 1, 63, "for nodes of this batch", LABEL),
	MST_ROW(ANY, 10, BOOL, 0, S, any, 0, 0, "true: for every node that trusts the signer"),
	MST_ROW(LABEL, 11, STR, 0, S, label, 1, 64, "for people", LABEL),
	MST_ROW(SEQUENCE, 12, OBJECT, MST_F_REQUIRED, S, sequence, 0, 0, "what to do", .sub = &mst_sequence_msg),
};
#undef S
const struct mst_msg mst_bundle_msg = {
	.what = "bundle", .size = sizeof(struct mst_bundle), .field = bundle_row, .n = MST_COUNT(bundle_row),
	.doc = "A sequence for certain nodes and a certain time; its signer vouches for it.",
};

static bool has(const struct mst_bundle *b, unsigned row)
{
	return b->has >> row & 1;
}

static int fail(struct mst_diag *d, unsigned row, int outcome, const char *text)
{
	struct mst_walk w = { NULL, d, MST_PROFILE_LONG };
	struct mst_path p = { NULL, mst_name(bundle_row[row].name, MST_PROFILE_LONG), 0 };

	return mst_walk_fail(&w, &p, 0, outcome, text, NULL, NULL);
}

int mst_bundle_check(struct mst_bundle *b, struct mst_diag *d)
{
	bool kind = has(b, MST_BU_MAKER) || has(b, MST_BU_MODEL) || has(b, MST_BU_BATCH), nodes = has(b, MST_BU_NODES);

	if (has(b, MST_BU_ANY) && !b->any)
		return fail(d, MST_BU_ANY, MST_MSG_INVALID, "is true or not there");
	if (!kind && !nodes && !has(b, MST_BU_ANY))
		return fail(d, MST_BU_NODES, MST_MSG_MISSING, "for whom? nodes, or maker, model, batch, or any");
	if (kind + nodes + has(b, MST_BU_ANY) > 1)
		return fail(d, nodes ? MST_BU_NODES : MST_BU_ANY, MST_MSG_INVALID,
			    "nodes, any, and maker, model, batch exclude each other");
	if (has(b, MST_BU_FROM) && b->valid_until <= b->valid_from)
		return fail(d, MST_BU_UNTIL, MST_MSG_INVALID, "must be later than validFrom");
	return mst_sequence_check(&b->sequence, d);
}

static int read_with(int (*read)(struct mst_view in, struct mst_arena *a, void *b, struct mst_diag *d), struct mst_view in,
		     struct mst_arena *a, struct mst_bundle *ret_b, struct mst_diag *d)
{
	int o;

	if (in.n > MST_BUNDLE_OCTETS) {
		mst_diag_set(d, MST_BUNDLE_OCTETS, "", "more than 32768 octets", NULL);
		o = MST_MSG_TOO_LARGE;
	} else {
		o = read(in, a, ret_b, d);
		if (!o)
			o = mst_bundle_check(ret_b, d);
	}
	if (o)
		memset(ret_b, 0, sizeof(*ret_b));
	return o;
}

/* What nests too deep stands where something else belongs, too; who must find the mistake is helped by the former. */
static int too_deep(struct mst_diag *d)
{
	mst_diag_set(d, 0, "", "nested deeper than 8 levels", NULL);
	return MST_MSG_DEPTH_EXCEEDED;
}

static int as_json(struct mst_view in, struct mst_arena *a, void *b, struct mst_diag *d)
{
	struct mst_arena scratch = *a;
	struct mst_json j = mst_json_of(in, &scratch);

	if (!mst_json_skip(&j, mst_json_next(&j)) && j.error == MST_MSG_DEPTH_EXCEEDED)
		return too_deep(d);
	return mst_msg_read_json(&mst_bundle_msg, MST_PROFILE_LONG, in, a, b, d);
}

static int as_cbor(struct mst_view in, struct mst_arena *a, void *b, struct mst_diag *d)
{
	struct mst_cbor c = mst_cbor_of(in);

	if (!mst_cbor_skip(&c, mst_cbor_next(&c), MST_MSG_DEPTH) && c.error == MST_MSG_DEPTH_EXCEEDED)
		return too_deep(d);
	return mst_msg_read_cbor(&mst_bundle_msg, in, a, b, d);
}

int mst_bundle_read_json(struct mst_view in, struct mst_arena *a, struct mst_bundle *ret_b, struct mst_diag *d)
{
	return read_with(as_json, in, a, ret_b, d);
}

int mst_bundle_read_cbor(struct mst_view in, struct mst_arena *a, struct mst_bundle *ret_b, struct mst_diag *d)
{
	return read_with(as_cbor, in, a, ret_b, d);
}

int mst_bundle_read(struct mst_view in, struct mst_arena *a, struct mst_bundle *ret_b, struct mst_diag *d)
{
	return mst_view_starts(in, "{") ? mst_bundle_read_json(in, a, ret_b, d) : mst_bundle_read_cbor(in, a, ret_b, d);
}

void mst_bundle_write_json(const struct mst_bundle *b, struct mst_writer *w)
{
	mst_msg_write_json(&mst_bundle_msg, MST_PROFILE_LONG, b, w);
}

void mst_bundle_write_cbor(const struct mst_bundle *b, struct mst_writer *w)
{
	mst_msg_write_cbor(&mst_bundle_msg, b, w);
}

const char *mst_bundle_not_for(const struct mst_bundle *b, const struct mst_bundle_reader *n)
{
	if (has(b, MST_BU_ANY))
		return NULL;
	if (has(b, MST_BU_NODES)) {
		for (uint16_t i = 0; i < b->n_nodes; i++)
			if (mst_view_eq(b->nodes[i], n->node_id))
				return NULL;
		return "it is for other nodes";
	}
	if (has(b, MST_BU_MAKER) && !mst_view_eq(b->maker, n->maker))
		return n->maker.n ? "it is for nodes of another maker" : "it is for a maker's nodes; this one's maker is not configured";
	if (has(b, MST_BU_MODEL) && !mst_view_eq(b->model, n->model))
		return n->model.n ? "it is for another model" : "it is for one model; this node's is not configured";
	if (has(b, MST_BU_BATCH) && !mst_view_eq(b->batch, n->batch))
		return n->batch.n ? "it is for another batch" : "it is for one batch; this node's is not configured";
	return NULL;
}
