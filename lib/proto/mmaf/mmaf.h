/*
 * The client of Mmaf (spec 2.7.3, 5.1, 5.2, 5.4): a pure state machine over one authenticated session with a
 * MAF. Same idiom as proto/mmef/mmef.h.
 *
 *   REGISTER      in a session with psk_identity = KeID: registration, whose answer assigns KmID
 *   CONFIRM       in a session with psk_identity = KmID: the registration is read back, which proves KmID
 *   UPDATE        registration update: a new expirationTime; the answer may move the client to a new KmID
 *   LEAVE         de-registration
 *   CONFIG        configuration retrieval
 *   KEY_REGISTER  a key for others, SUID 32 to 35: the session's own (exporter), or one that we made (Key Value)
 *   KEY_RETRIEVE  the key that somebody else registered for us
 *   KEY_UPDATE    another end, labels or targets of a key that we registered
 *   KEY_DELETE    key de-registration
 *
 * The struct holds views into itself: do not move it after mmaf_init().
 */
#ifndef MST_PROTO_MMAF_H
#define MST_PROTO_MMAF_H

#include "base/secret.h"
#include "proto/dialog/dialog.h"

enum mmaf_job {
	MMAF_JOB_REGISTER,
	MMAF_JOB_CONFIRM,
	MMAF_JOB_UPDATE,
	MMAF_JOB_LEAVE,
	MMAF_JOB_CONFIG,
	MMAF_JOB_KEY_REGISTER,
	MMAF_JOB_KEY_RETRIEVE,
	MMAF_JOB_KEY_UPDATE,
	MMAF_JOB_KEY_DELETE,
	MMAF_JOB__COUNT
};

enum mmaf_state {
	MMAF_IDLE,                   /* the session is to be opened */
	MMAF_REGISTERING,
	MMAF_CONFIRMING,
	MMAF_UPDATING,
	MMAF_LEAVING,
	MMAF_CONFIGURING,
	MMAF_KEY_REGISTERING,
	MMAF_KEY_RETRIEVING,
	MMAF_KEY_UPDATING,
	MMAF_KEY_DELETING,
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

/* What a key procedure asks (spec 4.4, 5.4). Everything is borrowed until mmaf_opened() has returned. */
struct mmaf_key_ask {
	const char *rel_key_id;      /* all but REGISTER: RelativeKeyID, the part before the @ */
	int64_t suid;                /* REGISTER: 32 to 35 */
	const char *const *targets;  /* absolute CSE-IDs and AE-IDs; UPDATE: none = as they are */
	size_t n_targets;
	const char *const *labels;   /* UPDATE: none = as they are */
	size_t n_labels;
	const struct mst_key *value; /* REGISTER: Key Value, 16 to 64 octets; NULL: the session's key */
};

struct mmaf_config {
	enum mmaf_job job;
	const char *maf_fqdn;
	const char *base;            /* "/MAFBase" */
	const char *from;            /* the identity under which the MEF introduced us */
	const char *attempt;
	const char *admin_fqdn;
	mst_time expires;            /* REGISTER, UPDATE, KEY_REGISTER: proposed; KEY_UPDATE: 0 = as it is */
	const char *reg_id;          /* CONFIRM, UPDATE, LEAVE, CONFIG */
	const char *client_id;       /* KEY_REGISTER: what the MAF must call us; NULL or "" = whatever it says */
	const char *btid;            /* GBA: the B-TID of this session, which is the KmID; NULL or "": another framework */
	bool with_km;                /* REGISTER in a session with KmID or a certificate: no KmID need be assigned */
	const struct mmaf_key_ask *key;      /* KEY_…; borrowed until mmaf_opened() has returned */
	const struct mst_quirks *quirks;
	mst_ms answer_ms;
};

/* What is known of a key after a procedure with it. */
struct mmaf_key {
	char key_id[MST_ID_MAX];     /* RelativeKeyID@MAF-FQDN */
	char source[MST_ID_MAX];     /* RETRIEVE, REGISTER: Source MAF Client ID */
	int64_t suid;                /* 0 = not said */
	mst_time until;              /* 0 = not said */
	struct mst_key value;        /* REGISTER, RETRIEVE */
	bool other_id;               /* the MAF took another id than the exporter gave: its id counts (spec 3.3) */
};

struct mmaf_result {
	char reg_id[MST_REG_ID_MAX];
	char client_id[MST_ID_MAX];
	char km_id[MST_ID_MAX];      /* KmID, with GBA the B-TID, whether the MAF says so or not; "" when none was assigned (CONFIRM, UPDATE) */
	mst_time reg_until;          /* 0 = not said */
	mst_time server_time, subscription_until;    /* CONFIG; 0 = not said */
	char registrar_cse_id[MST_ID_MAX];           /* CONFIG */
	struct mmaf_key key;
};

struct mmaf {
	enum mmaf_job job;
	enum mmaf_state state;
	struct mst_dialog dialog;
	char btid[MST_ID_MAX];
	char maf_fqdn[MST_ID_MAX], base[MST_ID_MAX], admin_fqdn[MST_ID_MAX];
	mst_time expires;
	const struct mmaf_key_ask *key;
	bool with_km, exported;
	char client_id[MST_ID_MAX];
	uint8_t rel[16];             /* KEY_REGISTER: KcID of the session */
	int64_t suid;
	char target[MST_ID_MAX];     /* KEY_REGISTER with one target: which */
	struct mmaf_result result;
};

MST_MUST_CHECK bool mmaf_init(struct mmaf *m, const struct mmaf_config *cfg, struct mst_diag *d);
void mmaf_deinit(struct mmaf *m);

/* KEY_REGISTER without a Key Value, before mmaf_opened(): what the session's exporter gave (label Connection, 10.3.5). */
void mmaf_exported(struct mmaf *m, const uint8_t rel[16], const struct mst_key *kc);
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
