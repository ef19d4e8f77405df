/* Owner's rules: tables. The rules between their fields are in rule-check.c. */
#include "codec/rule.h"

#include <string.h>

#include "codec/checks.h"

static bool check_pattern(struct mst_view v)
{
	size_t star = mst_view_find(v, '*');

	return mst_check_label(v) && star + 1 >= v.n;
}

static bool check_cell_pattern(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!(v.p[i] >= '0' && v.p[i] <= '9') && v.p[i] != '-' && !(v.p[i] == '*' && i + 1 == v.n))
			return false;
	return v.n > 0;
}

static bool check_digits(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	return v.n > 0;
}

static bool check_arcs(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!(v.p[i] >= '0' && v.p[i] <= '9') && v.p[i] != '.')
			return false;
	return v.n > 0 && v.p[0] != '.';
}

#define LABEL .check = mst_check_label, .expects = MST_EXPECTS_LABEL
#define TOKEN .check = mst_check_token, .expects = MST_EXPECTS_TOKEN
#define PATTERN .check = check_pattern, .expects = "a text, or its beginning with * at the end"
#define LATITUDE_ROW(S)                                                                                               \
	MST_ROW(LATITUDE, 1, INT, MST_F_REQUIRED, S, latitude, -90 * MST_DEGREE, 90 * MST_DEGREE,                     \
		"1e-7 degree, north is positive (WGS 84)")
#define LONGITUDE_ROW(S)                                                                                              \
	MST_ROW(LONGITUDE, 2, INT, MST_F_REQUIRED, S, longitude, -180 * MST_DEGREE, 180 * MST_DEGREE,                 \
		"1e-7 degree, east is positive")

static const struct mst_enum_value auth_value[] = {
	{ "none", MST_RULE_AUTH_NONE }, { "cert", MST_RULE_AUTH_CERT }, { "psk", MST_RULE_AUTH_PSK },
	{ "gba", MST_RULE_AUTH_GBA },
};
const struct mst_enum_table mst_rule_auth_table = { "authentication", auth_value, MST_COUNT(auth_value) };
static const struct mst_enum_value place_value[] = {
	{ "registry", MST_RULE_PLACE_REGISTRY }, { "node", MST_RULE_PLACE_NODE },
};
static const struct mst_enum_table place_table = { "source of a place", place_value, MST_COUNT(place_value) };
static const struct mst_enum_value order_value[] = {
	{ "owner", MST_RULE_ORDER_OWNER }, { "node", MST_RULE_ORDER_NODE },
};
static const struct mst_enum_table order_table = { "order", order_value, MST_COUNT(order_value) };

#define S struct mst_rule_circle
static const struct mst_field circle_row[] = {
	LATITUDE_ROW(S), LONGITUDE_ROW(S),
	MST_ROW(RADIUS, 3, INT, MST_F_REQUIRED, S, radius, 1, 20100000, "metres around it"),
};
#undef S
static const struct mst_msg circle_msg = { .what = "circle", .size = sizeof(struct mst_rule_circle), .field = circle_row,
	.n = MST_COUNT(circle_row), .doc = "A point and all within a distance of it." };

#define S struct mst_rule_point
static const struct mst_field point_row[] = { LATITUDE_ROW(S), LONGITUDE_ROW(S) };
#undef S
static const struct mst_msg point_msg = { .what = "point", .size = sizeof(struct mst_rule_point), .field = point_row,
	.n = MST_COUNT(point_row), .doc = "One corner." };

#define S struct mst_rule_range
static const struct mst_field range_row[] = {
	MST_ROW(FROM, 1, STR, MST_F_REQUIRED, S, from, 1, 63, "first serial number", LABEL),
	MST_ROW(TO, 2, STR, MST_F_REQUIRED, S, to, 1, 63, "last serial number", LABEL),
};
#undef S
static const struct mst_msg range_msg = { .what = "range", .size = sizeof(struct mst_rule_range), .field = range_row,
	.n = MST_COUNT(range_row), .doc = "Serial numbers by value, or of one length octet by octet." };

#define S struct mst_rule_failed
static const struct mst_field failed_row[] = {
	MST_ROW(REASON, 1, STR, 0, S, reason, 1, 32, "why it failed", PATTERN),
	MST_ROW(METHOD, 2, ENUM, 0, S, method, 0, 0, "how it was tried", .values = &mst_method_table),
	MST_ROW(RESOURCE, 3, STR, 0, S, resource, 1, 96, "beginning of what was tried", LABEL),
};
#undef S
static const struct mst_msg failed_msg = { .what = "earlier failure", .size = sizeof(struct mst_rule_failed),
	.field = failed_row, .n = MST_COUNT(failed_row), .doc = "One failure of the node's is all of this." };

#define S struct mst_rule_when
#define PATTERNS(NAME, KEY, m, MAX, DOC) \
	MST_ROW_LIST(NAME, KEY, STR, 0, S, m, n_##m, 1, MST_RULE_LIST_MAX, 1, MAX, DOC, PATTERN)
static const struct mst_field when_row[] = {
	MST_ROW(CIRCLE, 1, OBJECT, 0, S, circle, 0, 0, "the middle of its place is in it", .sub = &circle_msg),
	MST_ROW_LIST(POLYGON, 2, OBJECT, 0, S, polygon, n_polygon, 3, MST_RULE_POINTS_MAX, 0, 0,
		     "the middle of its place is inside; corners in order", .sub = &point_msg),
	MST_ROW(MAX_ACCURACY, 3, INT, 0, S, max_accuracy, 0, 40000000, "and is known to so many metres"),
	MST_ROW(PLACE_FROM, 4, ENUM, 0, S, place_from, 0, 0,
		"whose word about the place counts; the registry's, else the node's when absent", .values = &place_table),
	PATTERNS(SITES, 5, sites, 64, "site label, or its beginning and *"),
	MST_ROW_LIST(CELLS, 6, STR, 0, S, cells, n_cells, 1, MST_RULE_LIST_MAX, 1, 48, "cell, or its beginning and *",
		     .check = check_cell_pattern, .expects = "mcc-mnc-tac-cell, or its beginning with * at the end"),
	PATTERNS(ISSUERS, 7, issuers, 255, "SHA-256 (64 hex digits) of the anchor of its certificate, or the anchor's subject"),
	MST_ROW(SERIALS, 8, OBJECT, 0, S, serials, 0, 0, "serial number in this range", .sub = &range_msg),
	MST_ROW_LIST(NODE_PREFIXES, 9, STR, 0, S, node_prefixes, n_node_prefixes, 1, MST_RULE_LIST_MAX, 1, 255,
		     "beginning of its M2M-Node-ID", TOKEN),
	MST_ROW_LIST(DEVICE_PREFIXES, 10, STR, 0, S, device_prefixes, n_device_prefixes, 1, MST_RULE_LIST_MAX, 1, 255,
		     "first numbers of its M2M Device ID", .check = check_arcs, .expects = "the beginning of a dotted OID"),
	MST_ROW_LIST(IMSI_PREFIXES, 11, STR, 0, S, imsi_prefixes, n_imsi_prefixes, 1, MST_RULE_LIST_MAX, 1, 15,
		     "beginning of its IMSI", .check = check_digits, .expects = "digits"),
	MST_ROW(STATED, 12, BOOL, 0, S, stated, 0, 0, "names that the node only stated are good enough for the three above"),
	PATTERNS(MAKERS, 13, makers, 63, "maker"),
	PATTERNS(MODELS, 14, models, 63, "model"),
	PATTERNS(BATCHES, 15, batches, 63, "batch"),
	PATTERNS(SUBSCRIPTIONS, 16, subscriptions, 255, "the node's subscription"),
	MST_ROW(FAILED, 17, OBJECT, 0, S, failed, 0, 0, "something failed before", .sub = &failed_msg),
	MST_ROW_LIST(AUTHENTICATION, 18, ENUM, 0, S, authentication, n_authentication, 1, 4, 0, 0,
		     "how it proved who it is", .values = &mst_rule_auth_table),
	MST_ROW_LIST(METHODS, 19, ENUM, 0, S, methods, n_methods, 1, MST_BRIEF_METHODS_MAX, 0, 0,
		     "it can do one of these", .values = &mst_method_table),
};
#undef S
static const struct mst_msg when_msg = { .what = "conditions", .size = sizeof(struct mst_rule_when), .field = when_row,
	.n = MST_COUNT(when_row),
	.doc = "Which nodes: all members that are present hold; a list holds when one of its elements does." };

#define S struct mst_rule_then
static const struct mst_field then_row[] = {
	MST_ROW(DENY, 1, STR, 0, S, deny, 1, 255, "refuse, with these words for people", LABEL),
	MST_ROW_LIST(INSTRUCTIONS, 2, OBJECT, 0, S, instructions, n_instructions, 1, MST_RULE_INSTRUCTIONS_MAX, 0, 0,
		     "what to do; target, adminFQDN and mafURI are the subscription's where absent",
		     .sub = &mst_instruction_msg),
	MST_ROW(VALID_FOR, 3, DURATION, 0, S, valid_for, 0, 0,
		"for so long: 60 seconds to ten years; a day when absent"),
	MST_ROW(ORDER, 4, ENUM, 0, S, order, 0, 0, "in whose order; the owner's when absent", .values = &order_table),
};
#undef S
static const struct mst_msg then_msg = { .what = "action", .size = sizeof(struct mst_rule_then), .field = then_row,
	.n = MST_COUNT(then_row), .doc = "Instructions, or a refusal." };

#define S struct mst_rule
static const struct mst_field rule_row[] = {
	MST_ROW(NAME, 1, STR, MST_F_REQUIRED, S, name, 1, MST_RULE_NAME_MAX, "what people call it; unique", TOKEN),
	MST_ROW(NOTE, 2, STR, 0, S, note, 1, 255, "for people", LABEL),
	MST_ROW(DISABLED, 3, BOOL, 0, S, disabled, 0, 0, "switched off"),
	MST_ROW(PUBLIC, 4, BOOL, 0, S, open, 0, 0, "may serve nodes that did not prove who they are"),
	MST_ROW(VALID_FROM, 5, TIME, 0, S, valid_from, 0, 0, "does not hold before"),
	MST_ROW(VALID_UNTIL, 6, TIME, 0, S, valid_until, 0, 0, "does not hold from then on"),
	MST_ROW(WHEN, 7, OBJECT, 0, S, when, 0, 0, "which nodes; all when absent", .sub = &when_msg),
	MST_ROW(THEN, 8, OBJECT, MST_F_REQUIRED, S, then, 0, 0, "what they get", .sub = &then_msg),
};
#undef S
const struct mst_msg mst_rule_msg = { .what = "owner's rule", .size = sizeof(struct mst_rule), .field = rule_row,
	.n = MST_COUNT(rule_row), .doc = "Which nodes get which instructions." };

static int finish(int o, struct mst_rule *r, struct mst_diag *d)
{
	if (!o)
		o = mst_rule_check(r, d);
	if (o)
		memset(r, 0, sizeof(*r));
	return o;
}

static int too_large(struct mst_rule *r, struct mst_diag *d)
{
	memset(r, 0, sizeof(*r));
	mst_diag_set(d, MST_RULE_OCTETS, "", "a rule of more than 12288 octets; use fewer instructions or anchors", NULL);
	return MST_MSG_TOO_LARGE;
}

int mst_rule_read_json(struct mst_view in, struct mst_arena *a, struct mst_rule *ret_r, struct mst_diag *d)
{
	if (in.n > MST_RULE_OCTETS)
		return too_large(ret_r, d);
	return finish(mst_msg_read_json(&mst_rule_msg, MST_PROFILE_LONG, in, a, ret_r, d), ret_r, d);
}

int mst_rule_read_cbor(struct mst_view in, struct mst_arena *a, struct mst_rule *ret_r, struct mst_diag *d)
{
	if (in.n > MST_RULE_OCTETS)
		return too_large(ret_r, d);
	return finish(mst_msg_read_cbor(&mst_rule_msg, in, a, ret_r, d), ret_r, d);
}

void mst_rule_write_json(const struct mst_rule *r, struct mst_writer *w)
{
	mst_msg_write_json(&mst_rule_msg, MST_PROFILE_LONG, r, w);
}

void mst_rule_write_cbor(const struct mst_rule *r, struct mst_writer *w)
{
	mst_msg_write_cbor(&mst_rule_msg, r, w);
}
