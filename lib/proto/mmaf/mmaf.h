/*
 * The client of Mmaf (spec 2.7.3, 5.1, 5.2): a pure state machine over one authenticated session with a
 * MAF. Same idiom as proto/mmef/mmef.h.
 *
 *   REGISTER  in a session with psk_identity = KeID: registration, whose answer assigns KmID
 *   CONFIRM   in a session with psk_identity = KmID: the registration is read back, which proves KmID
 *   UPDATE    registration update: a new expirationTime; the answer may move the client to a new KmID
 *   LEAVE     de-registration
 *
 * The struct holds views into itself: do not move it after mmaf_init().
 */
#ifndef MST_PROTO_MMAF_H
#define MST_PROTO_MMAF_H

#include "proto/dialog/dialog.h"

enum mmaf_job { MMAF_JOB_REGISTER, MMAF_JOB_CONFIRM, MMAF_JOB_UPDATE, MMAF_JOB_LEAVE, MMAF_JOB__COUNT };

enum mmaf_state {
	MMAF_IDLE,                   /* the session is to be opened */
	MMAF_REGISTERING,
	MMAF_CONFIRMING,
	MMAF_UPDATING,
	MMAF_LEAVING,
	MMAF_DONE,
	MMAF_FAILED,
	MMAF_STATE__COUNT
};
const char *mmaf_state_text(enum mmaf_state s);

enum mmaf_event {
	MMAF_EV_OPENED,
	MMAF_EV_ANSWER,
	MMAF_EV_GARBAGE,
	MMAF_EV_LOST,
	MMAF_EV_TIMER,
	MMAF_EVENT__COUNT
};

enum mmaf_want { MMAF_WANT_SESSION, MMAF_WANT_SEND, MMAF_WANT_ANSWER, MMAF_WANT_NOTHING };

struct mmaf_config {
	enum mmaf_job job;
	const char *maf_fqdn;
	const char *base;            /* "/MAFBase" */
	const char *from;            /* the identity under which the MEF introduced us */
	const char *attempt;
	const char *admin_fqdn;
	mst_time expires;            /* REGISTER, UPDATE: proposed expirationTime */
	const char *reg_id;          /* all but REGISTER */
	const struct mst_quirks *quirks;
	mst_ms answer_ms;
};

struct mmaf_result {
	char reg_id[MST_REG_ID_MAX];
	char client_id[MST_ID_MAX];
	char km_id[MST_ID_MAX];      /* KmID; "" when none was assigned (CONFIRM, UPDATE) */
	mst_time reg_until;          /* 0 = not said */
};

struct mmaf {
	enum mmaf_job job;
	enum mmaf_state state;
	struct mst_dialog dialog;
	char maf_fqdn[MST_ID_MAX], base[MST_ID_MAX], admin_fqdn[MST_ID_MAX];
	mst_time expires;
	struct mmaf_result result;
};

MST_MUST_CHECK bool mmaf_init(struct mmaf *m, const struct mmaf_config *cfg, struct mst_diag *d);
void mmaf_deinit(struct mmaf *m);

void mmaf_opened(struct mmaf *m, mst_ms now, mst_time utc);
void mmaf_feed(struct mmaf *m, const struct mst_response *a, mst_ms now, mst_time utc);
void mmaf_garbage(struct mmaf *m, const char *detail, mst_ms now, mst_time utc);
void mmaf_lost(struct mmaf *m, enum prov_reason r, const char *detail, mst_ms now, mst_time utc);
void mmaf_tick(struct mmaf *m, mst_ms now, mst_time utc);
void mmaf_sent(struct mmaf *m);

enum mmaf_want mmaf_want(const struct mmaf *m, const struct mst_request **ret_q);
enum mmaf_state mmaf_state(const struct mmaf *m);
mst_ms mmaf_deadline(const struct mmaf *m);
const struct mst_failure *mmaf_failure(const struct mmaf *m);

#endif
