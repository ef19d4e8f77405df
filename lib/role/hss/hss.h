/*
 * The operator's subscribers, for BSFs (TS 33.220 4.5.2 and 4.5.4, reference point Zh): Nhss_gbaUEAU gives a vector of AKA,
 * Nhss_gbaSDM the user security settings (TS 29.562). The Diameter binding asks the very same.
 *
 *     request (JSON) → decode → load → decide (PURE) → [AUTS to the keeper → decide] → apply → encode
 *
 * A vector costs a number that is never used again: it stands in the store, in the transaction of the decision, before the
 * vector leaves. So a repeated request gets a new vector, not the same answer; a limit bounds what that can cost.
 */
#ifndef MST_ROLE_HSS_HSS_H
#define MST_ROLE_HSS_HSS_H

#include "codec/gba-sbi.h"
#include "role/common/common.h"
#include "role/role.h"

#define HSS_SUBSCRIPTIONS "/subscriptions"     /* of gbaSDM: not served */

struct hss_call {
	int status;                      /* of HTTP, when it was refused while it was read; else 0 */
	const char *title;
	char detail[160];
	bool settings;                   /* subscriber-data; else a vector */
	struct mst_sbi_route route;
	struct mst_zh_ask ask;
};

enum hss_auts { HSS_AUTS_UNJUDGED, HSS_AUTS_GENUINE, HSS_AUTS_FORGED };
struct hss_records {
	bool has_sim;
	struct mst_sim sim;
	struct mst_who who;              /* the node that the SIM is in, with its subscription */
	enum hss_auts auts;
	uint64_t sqn_ms;                 /* GENUINE */
};

struct hss_verdict {
	int status;                      /* of HTTP */
	const char *title, *cause;       /* not 200 */
	char detail[160];                /* for the BSF; "" when the title says it all */
	char why[200];                   /* for the operator */
	const char *what;                /* the event: "vector", "resynchronised", "refused"; NULL: none, settings go with each vector */
	bool of_subscriber;              /* refused for what the subscriber is, whatever of his was asked for */
	int retry_after;
	struct mst_authorisation leave;
	bool judge_auts;                 /* the keeper says with `leave` whether AUTS is genuine; then decide again */
	bool vector;                     /* the keeper makes one with `leave`; `sim` is stored */
	struct mst_sim sim;
	bool settings;
	const char *uid;                 /* what the subscriber is called at the service; in the records */
};

/* PURE. The BSF that this certificate is of, as the settings name it; "" when it is of none that may ask. */
const char *hss_asker(const struct mst_role_conf *conf, const struct mst_peer *p);
/* PURE. */
void hss_decide(const struct hss_call *c, const struct hss_records *r, const char *bsf, const struct mst_role_conf *conf, mst_time now,
		struct hss_verdict *v);

/*
 * told.c: whose refusal was told a moment ago? A BSF asks for vector and settings at the same time, and both are refused for the same
 * reason: one challenge, one event. `state`: of the role, made when it is first needed.
 */
#define HSS_TOLD_S 10
bool hss_told_lately(void **state, const char *subscriber, mst_time now);
void hss_note_told(void **state, const char *subscriber, mst_time now);

#endif
