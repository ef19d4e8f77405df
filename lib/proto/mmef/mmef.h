/*
 * The client of Mmef (spec 4, 7.1): a pure state machine over one authenticated session with an MEF.
 * The shell opens the session, exports, sends what mmef_want() gives, and feeds answers; `now` is
 * monotonic, `utc` the best known time of day (a lower bound while the clock is unset, lesson 15).
 *
 *   ENROL     register → commands until NO_MORE_COMMANDS → configuration → key registration
 *   COMMANDS  commands only (retryDuration has run out: 7.1 class 0)
 *   CONFIRM   the registration is read back: does the MEF still know us? Changes nothing there
 *   UPDATE    registration update: a new expirationTime (4.3.3)
 *   LEAVE     de-registration (4.3.4)
 *
 * Commands of the classes that the configuration names are executed by the shell: in COMMANDS at once; in ENROL they are left
 * for a visit of its own after the enrolment (the MEF issues them again). Others are answered with 41. The result of the last
 * one is to be kept durably and given back by the configuration, so that a report that was lost is only repeated (rule 7).
 * The struct holds views into itself: do not move it after mmef_init().
 */
#ifndef MST_PROTO_MMEF_H
#define MST_PROTO_MMEF_H

#include "base/secret.h"
#include "proto/dialog/dialog.h"

#define MMEF_SERVES 4
#define MMEF_COMMANDS_MAX 32         /* commands of one session; a MEF that never stops is a broken one */
#define MMEF_CFG_OCTETS 12288        /* decoded text and anchors of a configuration; or a document of objects as it came */

enum mmef_job { MMEF_JOB_ENROL, MMEF_JOB_COMMANDS, MMEF_JOB_CONFIRM, MMEF_JOB_UPDATE, MMEF_JOB_LEAVE,
	MMEF_JOB__COUNT };

enum mmef_state {
	MMEF_IDLE,                   /* the session is to be opened */
	MMEF_REGISTERING,
	MMEF_COMMANDING,             /* Command Retrieve is out */
	MMEF_FETCHING,               /* DEV_CFG: the document is asked for */
	MMEF_EXECUTING,              /* the shell carries a command out: mmef_executed() */
	MMEF_REPORTING,              /* Command Update is out; its answer is the next command */
	MMEF_CONFIGURING,
	MMEF_KEYING,
	MMEF_CONFIRMING,
	MMEF_UPDATING,
	MMEF_LEAVING,
	MMEF_DONE,
	MMEF_FAILED,
	MMEF_STATE__COUNT
};
const char *mmef_state_text(enum mmef_state s);

enum mmef_event {
	MMEF_EV_OPENED,              /* handshake done, exporter run */
	MMEF_EV_ANSWER,
	MMEF_EV_GARBAGE,             /* something came that is no oneM2M response */
	MMEF_EV_LOST,                /* the session ended */
	MMEF_EV_TIMER,
	MMEF_EVENT__COUNT
};

enum mmef_want {
	MMEF_WANT_SESSION,           /* open it, then mmef_opened() */
	MMEF_WANT_SEND,              /* send the request, then mmef_sent() */
	MMEF_WANT_ANSWER,            /* feed, or tick at mmef_deadline() */
	MMEF_WANT_EXECUTE,           /* carry result.command out, then mmef_executed() */
	MMEF_WANT_NOTHING,           /* ended: mmef_state() and mmef_failure() say how */
};

struct mmef_config {
	enum mmef_job job;
	const char *mef_fqdn;
	const char *base;            /* "/MEFBase" */
	const char *from;            /* an identity that the session's credential proves; "" = what the MEF will call us */
	const char *attempt;
	const char *admin_fqdn;      /* administrating stakeholder */
	const char *target;          /* enrolment target: the MAF's FQDN */
	int64_t suid;
	mst_time expires;            /* proposed expirationTime */
	const char *reg_id;          /* all but ENROL: the registration */
	uint32_t classes;            /* bit (1 << enum mst_cmd_class): what can be executed, see above */
	const char *last_cmd;        /* cmdID of the last Update under this registration, and what it said; NULL: none is known */
	int64_t last_status;
	/* whom this client serves: a command with another targetID is not for it. "" or NULL: none */
	const char *serves[MMEF_SERVES];
	int64_t only_subject;        /* 0: a Node's client, certSubjectType of any kind; 2: a CSE's, 3: an AE's */
	uint16_t port;               /* where the session is: EST is spoken in it */
	const struct mst_quirks *quirks;
	mst_ms answer_ms;
};

/* A CERT_PROV command that was found good (TS-0003 8.3.9.7). */
struct mmef_cert_prov {
	char cmd_id[MST_REG_ID_MAX];
	char path[MST_ID_MAX];       /* of estBaseURI, without a trailing slash */
	int64_t subject_type;
	char subject_id[MST_ID_MAX];
};

/* A command that was found good, to be executed. */
enum mmef_specific { MMEF_SPECIFIC_NONE, MMEF_SPECIFIC_GOOD, MMEF_SPECIFIC_BAD };
struct mmef_command {
	int64_t class_id;
	char cmd_id[MST_REG_ID_MAX];
	/* CERT_PROV: result.cert_prov. DEV_CFG: a document of management objects as the MEF gave it, in the machine */
	struct mst_view document;
	/* MO_NODE */
	char object_path[MST_ID_MAX];
	int64_t object_type;
	enum mmef_specific specific;
	int64_t suid;
};

/* What the node learnt. Texts are NUL-terminated; anchors are views into the machine. */
struct mmef_result {
	char reg_id[MST_REG_ID_MAX];
	char client_id[MST_ID_MAX];  /* the identity that the MEF holds for us */
	char admin_fqdn[MST_ID_MAX]; /* as granted */
	mst_time reg_until;
	int64_t retry_duration;      /* of NO_MORE_COMMANDS, seconds */
	char node_id[MST_ID_MAX], cse_id[MST_ID_MAX], ae_id[MST_ID_MAX], registrar_cse_id[MST_ID_MAX];
	char registrar_poa[MST_POA_MAX][MST_ID_MAX];
	size_t n_registrar_poa;
	char maf_fqdn[MST_ID_MAX], maf_uri[MST_ID_MAX];
	mst_time subscription_until; /* 0 = not said */
	mst_time server_time;        /* 0 = not said */
	struct mst_view anchors[4];
	size_t n_anchors;
	char ke_id[MST_ID_MAX];      /* KeID, made of the relative id that the MEF answered (spec 3.3) */
	bool other_ke_id; /* the MEF chose another relative id than the exporter gave: worth a log line */
	mst_time key_until;
	bool command_waits;          /* ENROL: a visit is due */
	struct mmef_command command;
	struct mmef_cert_prov cert_prov;
	unsigned commands_refused;   /* classes answered with 41 */
};

struct mmef {
	enum mmef_job job;
	enum mmef_state state;
	struct mst_dialog dialog;
	char mef_fqdn[MST_ID_MAX], base[MST_ID_MAX], target[MST_ID_MAX], admin_fqdn[MST_ID_MAX];
	int64_t suid;
	mst_time expires;
	uint8_t rel[16];             /* RelativeKeID of this session */
	struct mst_key ke;
	unsigned commands;           /* received in this session */
	bool retrieved_again;        /* rule 3: one second try after an unreadable command */
	char last_cmd[MST_REG_ID_MAX];   /* rule 4: cmdID of the last Update, */
	int64_t last_status;             /* and what it said */
	uint32_t classes;
	char serves[MMEF_SERVES][MST_ID_MAX];
	int64_t only_subject;
	uint16_t port;
	struct mmef_result result;
	uint8_t text[MMEF_CFG_OCTETS];
};

/* False when a text of the configuration does not fit or is not what it should be: `d` says which. */
MST_MUST_CHECK bool mmef_init(struct mmef *m, const struct mmef_config *cfg, struct mst_diag *d);
void mmef_deinit(struct mmef *m);    /* wipes */

/* `rel` and `ke` as mst_export_split() gave them; NULL for jobs that register no key. Copied. */
void mmef_opened(struct mmef *m, const uint8_t rel[16], const struct mst_key *ke, mst_ms now, mst_time utc);
void mmef_feed(struct mmef *m, const struct mst_response *a, mst_ms now, mst_time utc);
void mmef_garbage(struct mmef *m, const char *detail, mst_ms now, mst_time utc);
void mmef_lost(struct mmef *m, enum prov_reason r, const char *detail, mst_ms now, mst_time utc);
/* The command was carried out, with this cmdStatusCode for the MEF; 0: not yet, ask again in `again` seconds. */
void mmef_executed(struct mmef *m, int64_t status, int64_t again, mst_ms now);
void mmef_tick(struct mmef *m, mst_ms now, mst_time utc);
void mmef_sent(struct mmef *m);

enum mmef_want mmef_want(const struct mmef *m, const struct mst_request **ret_q);
enum mmef_state mmef_state(const struct mmef *m);
mst_ms mmef_deadline(const struct mmef *m);
const struct mst_failure *mmef_failure(const struct mmef *m);
/* Ke of this session; empty before it was opened and after mmef_deinit(). Borrowed. */
const struct mst_key *mmef_ke(const struct mmef *m);

#endif
