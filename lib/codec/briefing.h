/*
 * What passes between a node and an online Bootstrap Briefing Node (architecture 3.4; seed G). Ours, not
 * oneM2M's. HTTP binding, JSON or CBOR by Content-Type and Accept (application/json, application/cbor):
 *
 *   POST <resource of the discovery instruction; path /briefing when it has none>
 *        mst_brief_ask → 200 mst_brief_answer | 4xx, 503 mst_brief_refusal (with Retry-After when to come again)
 *   POST <the same>/<briefing id>/report
 *        mst_brief_report → 204; a repeated report changes nothing
 *
 * Who the node is comes from the TLS session. What it states of itself must agree with that; a statement
 * about place, firmware and failures is believed as far as the owner's rules let it.
 */
#ifndef MST_CODEC_BRIEFING_H
#define MST_CODEC_BRIEFING_H

#include "codec/instr.h"

#define MST_BRIEF_OCTETS 8192           /* largest encoded ask or report */
#define MST_BRIEF_ANSWER_OCTETS (MST_SEQ_OCTETS + 512)
#define MST_BRIEF_METHODS_MAX 12
#define MST_BRIEF_TRANSPORTS_MAX 4
#define MST_BRIEF_FAILURES_MAX 16

/* Where a node is. Degrees are integers of 1e-7 degree (WGS 84), so no text of a fraction is ever compared. */
struct mst_location {
	uint32_t has;
	int64_t latitude, longitude;    /* both or neither */
	int64_t accuracy;               /* metres, radius around them */
	struct mst_view cell;           /* "mcc-mnc-tac-cell" in decimal, as the modem says it */
	struct mst_view site;           /* label that people gave */
};
enum { MST_LO_LATITUDE, MST_LO_LONGITUDE, MST_LO_ACCURACY, MST_LO_CELL, MST_LO_SITE };
#define MST_DEGREE INT64_C(10000000)
extern const struct mst_msg mst_location_msg;

/* One instruction that failed: in an ask those of the last run, in a report those of this one. */
struct mst_brief_failure {
	uint32_t has;
	struct mst_view resource;       /* URI, cut */
	int method;                     /* enum mst_method */
	struct mst_view reason;         /* prov_reason_text() */
	struct mst_view step;           /* enrolee_step_text(), when it was a bootstrap */
	struct mst_view detail;
	mst_time when;
};
enum { MST_BF_RESOURCE, MST_BF_METHOD, MST_BF_REASON, MST_BF_STEP, MST_BF_DETAIL, MST_BF_WHEN };
extern const struct mst_msg mst_brief_failure_msg;

struct mst_brief_ask {
	uint32_t has;
	int64_t version;                /* 1 */
	struct mst_view attempt;        /* attempt id, 32 hex digits: ties all servers' events together */
	struct mst_view node_id, device_id, imsi;      /* as far as the node has them */
	struct mst_view maker, model, serial, batch, firmware;
	int methods[MST_BRIEF_METHODS_MAX];            /* what it can do, in its order of preference */
	uint16_t n_methods;
	struct mst_view transports[MST_BRIEF_TRANSPORTS_MAX];  /* "https", "coaps", "wss" */
	uint16_t n_transports;
	struct mst_location location;
	struct mst_brief_failure failures[MST_BRIEF_FAILURES_MAX];
	uint16_t n_failures;
};
enum { MST_BA_VERSION, MST_BA_ATTEMPT, MST_BA_NODE, MST_BA_DEVICE, MST_BA_IMSI, MST_BA_MAKER, MST_BA_MODEL,
       MST_BA_SERIAL, MST_BA_BATCH, MST_BA_FIRMWARE, MST_BA_METHODS, MST_BA_TRANSPORTS, MST_BA_LOCATION,
       MST_BA_FAILURES };
extern const struct mst_msg mst_brief_ask_msg;

struct mst_brief_answer {
	uint32_t has;
	int64_t version;                /* 1 */
	mst_time server_time;           /* authenticated time: lesson 15 */
	struct mst_sequence sequence;   /* its id is the briefing id */
};
enum { MST_BW_VERSION, MST_BW_TIME, MST_BW_SEQUENCE };
extern const struct mst_msg mst_brief_answer_msg;

enum mst_brief_why {
	MST_BRIEF_NO_RULE = 1,          /* no rule of the owner fits: somebody must make one */
	MST_BRIEF_UNKNOWN_NODE,         /* authenticated, but nobody we know */
	MST_BRIEF_NOT_AUTHENTICATED,    /* what is wanted is not for strangers */
	MST_BRIEF_MISMATCH,             /* what it says of itself is not what it proved */
	MST_BRIEF_NOT_ACTIVE,           /* suspended, revoked or its subscription has ended */
	MST_BRIEF_NO_METHOD,            /* nothing that the owner allows can this node do */
	MST_BRIEF_MALFORMED,
	MST_BRIEF_BUSY,
};
const char *mst_brief_why_text(int why);        /* "no-rule" */
struct mst_brief_refusal {
	uint32_t has;
	int64_t version;
	int why;                        /* enum mst_brief_why */
	struct mst_view text;           /* for people */
	mst_time server_time;
};
enum { MST_BX_VERSION, MST_BX_WHY, MST_BX_TEXT, MST_BX_TIME };
extern const struct mst_msg mst_brief_refusal_msg;

struct mst_brief_report {
	uint32_t has;
	int64_t version;
	struct mst_view attempt;
	bool done;                      /* the run has ended: enrolled, or all failed */
	bool enrolled;
	struct mst_view target;         /* enrolled: with whom */
	struct mst_brief_failure failures[MST_BRIEF_FAILURES_MAX];
	uint16_t n_failures;
};
enum { MST_BR_VERSION, MST_BR_ATTEMPT, MST_BR_DONE, MST_BR_ENROLLED, MST_BR_TARGET, MST_BR_FAILURES };
extern const struct mst_msg mst_brief_report_msg;

/* Rules between fields: both coordinates or neither, no method twice; enum mst_msg_outcome. */
MST_MUST_CHECK int mst_brief_ask_check(const struct mst_brief_ask *m, struct mst_diag *d);
MST_MUST_CHECK int mst_location_check(const struct mst_location *l, struct mst_diag *d);
/* The answer's sequence must pass mst_sequence_check() and carry an id. */
MST_MUST_CHECK int mst_brief_answer_check(struct mst_brief_answer *m, struct mst_diag *d);
/* Only who is done is enrolled, only who is enrolled has a target. */
MST_MUST_CHECK int mst_brief_report_check(const struct mst_brief_report *m, struct mst_diag *d);

#endif
