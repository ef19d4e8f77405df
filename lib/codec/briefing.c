/* Briefing: tables, and the rules between their fields. */
#include "codec/briefing.h"

#include "base/text.h"
#include "codec/checks.h"
#include "codec/ident.h"
#include "codec/walk.h"

static bool check_attempt(struct mst_view v)
{
	if (v.n != 32)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'a' && v.p[i] <= 'f')))
			return false;
	return true;
}

static bool all_digits(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	return v.n > 0;
}

static bool check_imsi(struct mst_view v)
{
	return v.n >= 6 && v.n <= 15 && all_digits(v);
}

/* Four decimal numbers with a hyphen between each two. */
static bool check_cell(struct mst_view v)
{
	size_t part = 0, digits = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '-') {
			if (!digits)
				return false;
			part++;
			digits = 0;
		} else if (v.p[i] < '0' || v.p[i] > '9' || ++digits > 10) {
			return false;
		}
	}
	return part == 3 && digits;
}

static bool check_device_id(struct mst_view v)
{
	return mst_id_valid(MST_ID_DEVICE, v);
}

static bool check_transport(struct mst_view v)
{
	return mst_view_eq_str(v, "https") || mst_view_eq_str(v, "coaps") || mst_view_eq_str(v, "wss");
}

/* Strangers write these and people read them: nothing that a terminal obeys, nothing that turns a line around. */
#define LABEL .check = mst_text_plain, .expects = MST_EXPECTS_LABEL
#define ATTEMPT .check = check_attempt, .expects = "32 lower-case hex digits"

#define S struct mst_location
static const struct mst_field location_row[] = {
	MST_ROW(LATITUDE, 1, INT, 0, S, latitude, -90 * MST_DEGREE, 90 * MST_DEGREE,
		"1e-7 degree, north is positive (WGS 84)"),
	MST_ROW(LONGITUDE, 2, INT, 0, S, longitude, -180 * MST_DEGREE, 180 * MST_DEGREE,
		"1e-7 degree, east is positive"),
	MST_ROW(ACCURACY, 3, INT, 0, S, accuracy, 0, 40000000, "metres around it"),
	MST_ROW(CELL, 4, STR, 0, S, cell, 7, 48, "cell that the modem is in", .check = check_cell,
		.expects = "mcc-mnc-tac-cell in decimal, like 262-01-4711-1234567"),
	MST_ROW(SITE, 5, STR, 0, S, site, 1, 64, "site label that people gave", LABEL),
};
#undef S
const struct mst_msg mst_location_msg = {
	.what = "location", .size = sizeof(struct mst_location), .field = location_row,
	.n = MST_COUNT(location_row), .doc = "Where a node is.",
};

#define S struct mst_brief_failure
static const struct mst_field failure_row[] = {
	MST_ROW(RESOURCE, 1, STR, 0, S, resource, 1, 96, "URI or name of what was tried, cut", LABEL),
	MST_ROW(METHOD, 2, ENUM, 0, S, method, 0, 0, "how it was tried", .values = &mst_method_table),
	MST_ROW(REASON, 3, STR, MST_F_REQUIRED, S, reason, 1, 32, "why it failed", LABEL),
	MST_ROW(STEP, 4, STR, 0, S, step, 1, 32, "arrow that failed", LABEL),
	MST_ROW(DETAIL, 5, STR, 0, S, detail, 1, 96, "more words", LABEL),
	MST_ROW(WHEN, 6, TIME, 0, S, when, 0, 0, "when, by the node's clock"),
};
#undef S
const struct mst_msg mst_brief_failure_msg = {
	.what = "failure", .size = sizeof(struct mst_brief_failure), .field = failure_row,
	.n = MST_COUNT(failure_row), .doc = "One instruction that failed.",
};

#define S struct mst_brief_ask
static const struct mst_field ask_row[] = {
	MST_ROW(VERSION, 1, INT, MST_F_REQUIRED, S, version, 1, 1, "version of this format"),
	MST_ROW(ATTEMPT, 2, STR, MST_F_REQUIRED, S, attempt, 32, 32, "attempt id", ATTEMPT),
	MST_ROW(NODE_ID, 3, STR, 0, S, node_id, 1, 255, "M2M-Node-ID", .check = mst_check_node_id,
		.expects = "an M2M-Node-ID"),
	MST_ROW(DEVICE_ID, 4, STR, 0, S, device_id, 1, 255, "M2M Device ID (TS-0001 annex H)",
		.check = check_device_id, .expects = "a dotted OID"),
	MST_ROW(IMSI, 5, STR, 0, S, imsi, 6, 15, "of the SIM", .check = check_imsi, .expects = "6 to 15 digits"),
	MST_ROW(MAKER, 6, STR, 0, S, maker, 1, 63, "maker", LABEL),
	MST_ROW(MODEL, 7, STR, 0, S, model, 1, 63, "model", LABEL),
	MST_ROW(SERIAL, 8, STR, 0, S, serial, 1, 63, "serial number", LABEL),
	MST_ROW(BATCH, 9, STR, 0, S, batch, 1, 63, "batch", LABEL),
	MST_ROW(FIRMWARE, 10, STR, 0, S, firmware, 1, 63, "version of its firmware", LABEL),
	MST_ROW_LIST(METHODS, 11, ENUM, MST_F_REQUIRED, S, methods, n_methods, 1, MST_BRIEF_METHODS_MAX, 0, 0,
		     "what the node can do, what it likes best first", .values = &mst_method_table),
	MST_ROW_LIST(TRANSPORTS, 12, STR, 0, S, transports, n_transports, 1, MST_BRIEF_TRANSPORTS_MAX, 3, 5,
		     "transports that it has; https when absent", .check = check_transport,
		     .expects = "https, coaps or wss"),
	MST_ROW(LOCATION, 13, OBJECT, 0, S, location, 0, 0, "where it is", .sub = &mst_location_msg),
	MST_ROW_LIST(FAILURES, 14, OBJECT, 0, S, failures, n_failures, 0, MST_BRIEF_FAILURES_MAX, 0, 0,
		     "what has failed before", .sub = &mst_brief_failure_msg),
};
#undef S
const struct mst_msg mst_brief_ask_msg = {
	.what = "briefing request", .size = sizeof(struct mst_brief_ask), .field = ask_row,
	.n = MST_COUNT(ask_row), .doc = "A node asks what to do to get into service.",
};

#define S struct mst_brief_answer
static const struct mst_field answer_row[] = {
	MST_ROW(VERSION, 1, INT, MST_F_REQUIRED, S, version, 1, 1, "version of this format"),
	MST_ROW(SERVER_TIME, 2, TIME, MST_F_REQUIRED, S, server_time, 0, 0, "the briefing node's time"),
	MST_ROW(SEQUENCE, 3, OBJECT, MST_F_REQUIRED, S, sequence, 0, 0, "what to do; its id is the briefing's",
		.sub = &mst_sequence_msg),
};
#undef S
const struct mst_msg mst_brief_answer_msg = {
	.what = "briefing", .size = sizeof(struct mst_brief_answer), .field = answer_row,
	.n = MST_COUNT(answer_row), .doc = "What a briefing node tells a node to do.",
};

static const struct mst_enum_value why_value[] = {
	{ "no-rule", MST_BRIEF_NO_RULE }, { "unknown-node", MST_BRIEF_UNKNOWN_NODE },
	{ "not-authenticated", MST_BRIEF_NOT_AUTHENTICATED }, { "mismatch", MST_BRIEF_MISMATCH },
	{ "not-active", MST_BRIEF_NOT_ACTIVE }, { "no-method", MST_BRIEF_NO_METHOD },
	{ "malformed", MST_BRIEF_MALFORMED }, { "busy", MST_BRIEF_BUSY },
};
static const struct mst_enum_table why_table = { "refusal", why_value, MST_COUNT(why_value) };

const char *mst_brief_why_text(int why)
{
	return mst_enum_text(&why_table, why);
}

#define S struct mst_brief_refusal
static const struct mst_field refusal_row[] = {
	MST_ROW(VERSION, 1, INT, MST_F_REQUIRED, S, version, 1, 1, "version of this format"),
	MST_ROW(WHY, 2, ENUM, MST_F_REQUIRED, S, why, 0, 0, "why there are no instructions", .values = &why_table),
	MST_ROW(TEXT, 3, STR, 0, S, text, 1, 255, "the same for people", LABEL),
	MST_ROW(SERVER_TIME, 4, TIME, 0, S, server_time, 0, 0, "the briefing node's time"),
};
#undef S
const struct mst_msg mst_brief_refusal_msg = {
	.what = "refused briefing", .size = sizeof(struct mst_brief_refusal), .field = refusal_row,
	.n = MST_COUNT(refusal_row), .doc = "No instructions, and why.",
};

#define S struct mst_brief_report
static const struct mst_field report_row[] = {
	MST_ROW(VERSION, 1, INT, MST_F_REQUIRED, S, version, 1, 1, "version of this format"),
	MST_ROW(ATTEMPT, 2, STR, MST_F_REQUIRED, S, attempt, 32, 32, "attempt id", ATTEMPT),
	MST_ROW(DONE, 3, BOOL, MST_F_REQUIRED, S, done, 0, 0, "the run has ended"),
	MST_ROW(ENROLLED, 4, BOOL, MST_F_REQUIRED, S, enrolled, 0, 0, "with success"),
	MST_ROW(TARGET, 5, STR, 0, S, target, 1, 255, "enrolment target that succeeded", LABEL),
	MST_ROW_LIST(FAILURES, 6, OBJECT, 0, S, failures, n_failures, 0, MST_BRIEF_FAILURES_MAX, 0, 0,
		     "what failed in this run so far", .sub = &mst_brief_failure_msg),
};
#undef S
const struct mst_msg mst_brief_report_msg = {
	.what = "briefing report", .size = sizeof(struct mst_brief_report), .field = report_row,
	.n = MST_COUNT(report_row), .doc = "How the instructions of a briefing went.",
};

static int location_check(const struct mst_walk *w, const struct mst_path *at, const struct mst_location *l)
{
	bool lat = l->has >> MST_LO_LATITUDE & 1, lon = l->has >> MST_LO_LONGITUDE & 1;
	struct mst_path p = { at, mst_name(lat ? MST_N_LONGITUDE : MST_N_LATITUDE, MST_PROFILE_LONG), 0 };

	if (lat != lon)
		return mst_walk_fail(w, &p, 0, MST_MSG_MISSING, "latitude and longitude belong together", NULL, NULL);
	p.name = mst_name(MST_N_ACCURACY, MST_PROFILE_LONG);
	if (!lat && (l->has >> MST_LO_ACCURACY & 1))
		return mst_walk_fail(w, &p, 0, MST_MSG_INVALID, "accuracy of what? There are no coordinates", NULL,
				     NULL);
	return 0;
}

int mst_location_check(const struct mst_location *l, struct mst_diag *d)
{
	struct mst_walk w = { NULL, d, MST_PROFILE_LONG };

	return location_check(&w, NULL, l);
}

int mst_brief_ask_check(const struct mst_brief_ask *m, struct mst_diag *d)
{
	struct mst_walk w = { NULL, d, MST_PROFILE_LONG };
	struct mst_path location = { NULL, mst_name(MST_N_LOCATION, MST_PROFILE_LONG), 0 };
	struct mst_path list = { NULL, mst_name(MST_N_METHODS, MST_PROFILE_LONG), 0 };

	for (uint16_t i = 1; i < m->n_methods; i++) {
		struct mst_path at = { &list, NULL, i };

		for (uint16_t j = 0; j < i; j++)
			if (m->methods[j] == m->methods[i])
				return mst_walk_fail(&w, &at, 0, MST_MSG_INVALID, "is there twice", NULL, NULL);
	}
	return m->has >> MST_BA_LOCATION & 1 ? location_check(&w, &location, &m->location) : 0;
}

int mst_brief_answer_check(struct mst_brief_answer *m, struct mst_diag *d)
{
	struct mst_walk w = { NULL, d, MST_PROFILE_LONG };
	struct mst_path sequence = { NULL, mst_name(MST_N_SEQUENCE, MST_PROFILE_LONG), 0 };
	struct mst_path id = { &sequence, mst_name(MST_N_ID, MST_PROFILE_LONG), 0 };

	if (!(m->sequence.has >> MST_SQ_ID & 1))
		return mst_walk_fail(&w, &id, 0, MST_MSG_MISSING, "a briefing has an id", NULL, NULL);
	return mst_sequence_check(&m->sequence, d);
}

int mst_brief_report_check(const struct mst_brief_report *m, struct mst_diag *d)
{
	struct mst_walk w = { NULL, d, MST_PROFILE_LONG };
	struct mst_path p = { NULL, mst_name(MST_N_ENROLLED, MST_PROFILE_LONG), 0 };

	if (m->enrolled && !m->done)
		return mst_walk_fail(&w, &p, 0, MST_MSG_INVALID, "a node that is enrolled is done", NULL, NULL);
	p.name = mst_name(MST_N_TARGET, MST_PROFILE_LONG);
	if ((m->has >> MST_BR_TARGET & 1) && !m->enrolled)
		return mst_walk_fail(&w, &p, 0, MST_MSG_INVALID, "target of what? The node is not enrolled", NULL, NULL);
	return 0;
}
