/* What owner's rules look at: table, and how it is gathered. */
#include <string.h>

#include "codec/checks.h"
#include "codec/rule.h"

#define LABEL .check = mst_check_label, .expects = MST_EXPECTS_LABEL

#define S struct mst_rule_facts
static const struct mst_field facts_row[] = {
	MST_ROW(NOW, 1, TIME, MST_F_REQUIRED, S, now, 0, 0, "when"),
	MST_ROW(AUTHENTICATION, 2, ENUM, MST_F_REQUIRED, S, auth, 0, 0, "how the node proved who it is",
		.values = &mst_rule_auth_table),
	MST_ROW(NODE_ID, 3, STR, 0, S, node_id, 1, 255, "M2M-Node-ID", LABEL),
	MST_ROW(DEVICE_ID, 4, STR, 0, S, device_id, 1, 255, "M2M Device ID", LABEL),
	MST_ROW(IMSI, 5, STR, 0, S, imsi, 1, 15, "of the SIM", LABEL),
	MST_ROW(NODE_PROVEN, 6, BOOL, 0, S, node_proven, 0, 0, "not only the node says so"),
	MST_ROW(DEVICE_PROVEN, 7, BOOL, 0, S, device_proven, 0, 0, "not only the node says so"),
	MST_ROW(IMSI_PROVEN, 8, BOOL, 0, S, imsi_proven, 0, 0, "not only the node says so"),
	MST_ROW(ISSUER, 9, BYTES, 0, S, issuer, 32, 32, "SHA-256 of the anchor of its certificate"),
	MST_ROW(ISSUER_NAME, 10, STR, 0, S, issuer_name, 1, 255, "subject of that anchor", LABEL),
	MST_ROW(MAKER, 11, STR, 0, S, maker, 1, 63, "maker", LABEL),
	MST_ROW(MODEL, 12, STR, 0, S, model, 1, 63, "model", LABEL),
	MST_ROW(SERIAL, 13, STR, 0, S, serial, 1, 63, "serial number", LABEL),
	MST_ROW(BATCH, 14, STR, 0, S, batch, 1, 63, "batch", LABEL),
	MST_ROW(FIRMWARE, 15, STR, 0, S, firmware, 1, 63, "version of its firmware", LABEL),
	MST_ROW(SUBSCRIPTION, 16, STR, 0, S, subscription, 1, 255, "M2M-Sub-ID", LABEL),
	MST_ROW(SP, 17, STR, 0, S, sp, 1, 255, "adminFQDN of the subscription", LABEL),
	MST_ROW(MAF, 18, STR, 0, S, maf, 1, 255, "MAF of the subscription", LABEL),
	MST_ROW(MAF_URI, 19, STR, 0, S, maf_uri, 1, 255, "and where it listens", LABEL),
	MST_ROW(PLACE, 20, OBJECT, 0, S, place, 0, 0, "where the registry says that it is", .sub = &mst_location_msg),
	MST_ROW(LOCATION, 21, OBJECT, 0, S, location, 0, 0, "where the node says that it is", .sub = &mst_location_msg),
	MST_ROW_LIST(METHODS, 22, ENUM, 0, S, methods, n_methods, 0, MST_BRIEF_METHODS_MAX, 0, 0,
		     "what the node can do, what it likes best first", .values = &mst_method_table),
	MST_ROW_LIST(TRANSPORTS, 23, STR, 0, S, transports, n_transports, 0, MST_BRIEF_TRANSPORTS_MAX, 3, 5,
		     "transports that it has; https when absent", LABEL),
	MST_ROW_LIST(FAILURES, 24, OBJECT, 0, S, failures, n_failures, 0, MST_BRIEF_FAILURES_MAX, 0, 0,
		     "what has failed before", .sub = &mst_brief_failure_msg),
	MST_ROW(ATTEMPT, 25, STR, 0, S, attempt, 1, 32, "attempt id", LABEL),
	MST_ROW(UNKNOWN_NODE, 26, BOOL, 0, S, unknown, 0, 0, "it proved who it is, but nobody has made it known"),
};
#undef S
const struct mst_msg mst_rule_facts_msg = { .what = "facts", .size = sizeof(struct mst_rule_facts), .field = facts_row,
	.n = MST_COUNT(facts_row), .doc = "All that a rule may look at." };

static int finish(int o, struct mst_rule_facts *f, struct mst_diag *d)
{
	if (!o)
		o = mst_location_check(&f->place, d);
	if (!o)
		o = mst_location_check(&f->location, d);
	if (o)
		memset(f, 0, sizeof(*f));
	return o;
}

static int too_large(struct mst_rule_facts *f, struct mst_diag *d)
{
	memset(f, 0, sizeof(*f));
	mst_diag_set(d, MST_FACTS_OCTETS, "", "facts of more than 16384 octets", NULL);
	return MST_MSG_TOO_LARGE;
}

int mst_rule_facts_read_json(struct mst_view in, struct mst_arena *a, struct mst_rule_facts *ret_f, struct mst_diag *d)
{
	if (in.n > MST_FACTS_OCTETS)
		return too_large(ret_f, d);
	return finish(mst_msg_read_json(&mst_rule_facts_msg, MST_PROFILE_LONG, in, a, ret_f, d), ret_f, d);
}

int mst_rule_facts_read_cbor(struct mst_view in, struct mst_arena *a, struct mst_rule_facts *ret_f, struct mst_diag *d)
{
	if (in.n > MST_FACTS_OCTETS)
		return too_large(ret_f, d);
	return finish(mst_msg_read_cbor(&mst_rule_facts_msg, in, a, ret_f, d), ret_f, d);
}

static bool is_empty(const struct mst_field *f, const void *p)
{
	const struct mst_location *l = p;

	switch (f->type) {
	case MST_T_STR:
	case MST_T_BYTES:
	case MST_T_SECRET:
		return !((const struct mst_view *)p)->n;
	case MST_T_BOOL:
		return !*(const bool *)p;
	case MST_T_OBJECT:
		return !l->has;
	case MST_T_INT:
	case MST_T_TIME:
	case MST_T_DURATION:
	case MST_T_ENUM:
		break;
	}
	return false;
}

void mst_rule_facts_mark(struct mst_rule_facts *f)
{
	f->has = 0;
	for (size_t i = 0; i < MST_COUNT(facts_row); i++) {
		const struct mst_field *row = &facts_row[i];
		const uint8_t *base = (const uint8_t *)f;
		uint16_t n = 1;

		if (row->flags & MST_F_LIST)
			memcpy(&n, base + row->count, sizeof(n));
		if (row->flags & MST_F_LIST ? n > 0 : !is_empty(row, base + row->offset))
			f->has |= UINT32_C(1) << i;
	}
}

void mst_rule_facts_write_json(const struct mst_rule_facts *f, struct mst_writer *w)
{
	mst_msg_write_json(&mst_rule_facts_msg, MST_PROFILE_LONG, f, w);
}

void mst_rule_facts_write_cbor(const struct mst_rule_facts *f, struct mst_writer *w)
{
	mst_msg_write_cbor(&mst_rule_facts_msg, f, w);
}

static void add(struct mst_view *v, struct mst_view stated)
{
	if (!v->n)
		*v = stated;
}

void mst_rule_facts_ask(struct mst_rule_facts *f, const struct mst_brief_ask *ask)
{
	add(&f->node_id, ask->node_id);
	add(&f->device_id, ask->device_id);
	add(&f->imsi, ask->imsi);
	add(&f->maker, ask->maker);
	add(&f->model, ask->model);
	add(&f->serial, ask->serial);
	add(&f->batch, ask->batch);
	f->firmware = ask->firmware;
	f->attempt = ask->attempt;
	f->location = ask->location;
	memcpy(f->methods, ask->methods, sizeof(f->methods));
	f->n_methods = ask->n_methods;
	memcpy(f->transports, ask->transports, sizeof(f->transports));
	f->n_transports = ask->n_transports;
	memcpy(f->failures, ask->failures, sizeof(f->failures));
	f->n_failures = ask->n_failures;
	mst_rule_facts_mark(f);
}
