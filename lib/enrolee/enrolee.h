/*
 * The device composed from procedures (architecture 5.1): one bootstrap instruction from its first packet
 * to a credential that has been used. PURE: the shell opens sessions, sends, saves; this decides.
 *
 *   MEF session (certificate, or KpmID and Kpm)
 *                                      register, commands, configuration, key registration
 *   save pending slot                  Km under KeID: from here a power cut goes straight on to the MAF
 *   MAF session (psk_identity = KeID)  register: the MAF assigns KmID
 *   save pending slot                  Km under KmID: from here a power cut goes straight on to confirming
 *   MAF session (psk_identity = KmID)  read the registration back: both sides have the same truth
 *   save pending slot, promote         only now the old credential is replaced (lesson 4)
 *
 * Method gba (TS-0003 8.3.2.3) begins otherwise. The shell bootstraps with the operator's BSF and its card, and hands in
 * what that gave: then Ks is Ke, the B-TID KeID and KmID, and Km the NAF key for the MAF's FQDN, which a card with GBA_U
 * derives itself:
 *
 *   bootstrap with the BSF             Ks, or not (GBA_U); B-TID, end, configuration
 *   [card: NAF key]                    GBA_U only
 *   save pending slot                  … and on with the MAF as above, as B-TID in both sessions
 *
 * When the target is a CSE (SUID 22) that is a NAF itself, the NAF key is Kpsa, and KpsaId the B-TID: nobody gives another name, and
 * nothing is registered. A session that opens with the key proves it on both sides; then the slots change as ever:
 *
 *   save pending slot                  Kpsa under KpsaId
 *   CSE session                        opened: both have the key
 *   save pending slot, promote
 *
 * In the older arrangement the instruction names an https MEF, which is the NAF in front of that BSF: the key is for its
 * FQDN, and the MEF session is opened with B-TID and that key, as with a maker's secret.
 *
 * Every arrow that is durable, or that a power cut may hit, is a point (enum enrolee_point); the shell
 * logs them as they are reached, and tests cut the power there (lesson 14).
 * The struct holds views into itself: do not move it after enrolee_start() or enrolee_resume().
 */
#ifndef MST_ENROLEE_ENROLEE_H
#define MST_ENROLEE_ENROLEE_H

#include "codec/instr.h"
#include "proto/gba/ue.h"
#include "proto/mmaf/mmaf.h"
#include "proto/mmef/mmef.h"
#include "secenv/secenv.h"

#define ENROLEE_ANCHORS_OCTETS 8704

enum enrolee_state {
	ENROLEE_IDLE,
	ENROLEE_BOOTSTRAPPING,       /* with the BSF and the card, by the shell */
	ENROLEE_KEYING,              /* the card derives the NAF key */
	ENROLEE_MEF,                 /* in, or opening, the session with the MEF */
	ENROLEE_SAVING_KEY,
	ENROLEE_MAF,                 /* session as KeID */
	ENROLEE_SAVING_KMID,
	ENROLEE_CONFIRMING,          /* session as KmID */
	ENROLEE_PROVING,             /* session with the CSE, as KpsaId */
	ENROLEE_SAVING_PROOF,
	ENROLEE_PROMOTING,
	ENROLEE_DONE,
	ENROLEE_FAILED,
	ENROLEE_STATE__COUNT
};
const char *enrolee_state_text(enum enrolee_state s);

enum enrolee_event {
	ENROLEE_EV_START,            /* an instruction, nothing pending that fits */
	ENROLEE_EV_OPENED,
	ENROLEE_EV_ANSWER,
	ENROLEE_EV_GARBAGE,
	ENROLEE_EV_LOST,
	ENROLEE_EV_SAVED,
	ENROLEE_EV_SAVE_FAILED,
	ENROLEE_EV_TIMER,
	ENROLEE_EV_BOOTSTRAPPED,
	ENROLEE_EV_KEYED,
	ENROLEE_EVENT__COUNT
};

/* Whom a URI names, and where it is dialled. */
struct enrolee_peer {
	char host[MST_ID_MAX];       /* lower case */
	uint16_t port;               /* 443, 5684 when not said (spec 8.6) */
	bool coap;                   /* coaps: CoAP over DTLS (TS-0008) */
	uint16_t https;              /* where the same host is reached by HTTPS, for what there is over that alone (EST) */
	char path[MST_ID_MAX];       /* without a trailing slash; "" when there is none */
};
/* "https://fqdn[:port][/path]", or coaps. False for another scheme, an IP literal or a query: none of them names a
 * peer that a certificate or a KeID could prove. */
MST_MUST_CHECK bool enrolee_peer_of(struct mst_view uri, struct enrolee_peer *ret_p);
/* The same where nothing but HTTPS is spoken. */
MST_MUST_CHECK bool enrolee_https_of(struct mst_view uri, struct enrolee_peer *ret_p);
/* The MEF of an instruction: its httpPort or coapPort wins over the port of the URI (TS-0003 9.2.2.1). */
MST_MUST_CHECK bool enrolee_mef_of(const struct mst_instruction *i, struct enrolee_peer *ret_p);
/* The same of a BSF, which may be http as well (Ub protects itself): then 80 when no port is said. */
MST_MUST_CHECK bool enrolee_bsf_of(struct mst_view uri, struct enrolee_peer *ret_p, bool *ret_tls);

/* In order. The names are the agent's `crash_at` values and the arrows of its log. */
enum enrolee_point {
	ENROLEE_AT_NOTHING,
	ENROLEE_AT_BOOTSTRAPPED,     /* gba only, as the next one */
	ENROLEE_AT_NAF_KEYED,
	ENROLEE_AT_MEF_OPENED,
	ENROLEE_AT_MEF_REGISTERED,
	ENROLEE_AT_MEF_KEYED,
	ENROLEE_AT_PENDING_SAVED,
	ENROLEE_AT_MAF_OPENED,
	ENROLEE_AT_MAF_REGISTERED,
	ENROLEE_AT_KMID_SAVED,
	ENROLEE_AT_MAF_REOPENED,
	ENROLEE_AT_CONFIRMED,
	ENROLEE_AT_PROOF_SAVED,
	ENROLEE_AT_PROMOTED,
	ENROLEE_POINT__COUNT
};
const char *enrolee_point_text(enum enrolee_point p);        /* "mef-registered"; "" for NOTHING */
enum enrolee_point enrolee_point_of(const char *name); /* ENROLEE_AT_NOTHING when there is no such point */

/* What is going on just now: an arrow of the picture, or work at home. The names are those of the events that
 * the servers write for the same arrow, so the two can be laid side by side. */
enum enrolee_step {
	ENROLEE_STEP_NONE,
	ENROLEE_STEP_BOOTSTRAP,      /* gba: Ub, and the card */
	ENROLEE_STEP_NAF_KEY,
	ENROLEE_STEP_MEF_OPEN,
	ENROLEE_STEP_MEF_REGISTER,
	ENROLEE_STEP_MEF_COMMAND,
	ENROLEE_STEP_MEF_CONFIG,
	ENROLEE_STEP_MEF_KEY,
	ENROLEE_STEP_SAVE,
	ENROLEE_STEP_MAF_OPEN,       /* TLS as KeID: the MAF fetches the key meanwhile */
	ENROLEE_STEP_MAF_REGISTER,
	ENROLEE_STEP_MAF_REOPEN,     /* TLS as KmID */
	ENROLEE_STEP_MAF_RETRIEVE,
	ENROLEE_STEP_CSE_OPEN,       /* TLS as KpsaId */
	ENROLEE_STEP_PROMOTE,
	ENROLEE_STEP__COUNT
};
const char *enrolee_step_text(enum enrolee_step s);   /* "mef.register"; "" for NONE */
const char *enrolee_step_words(enum enrolee_step s);  /* "registering with the MEF", for people */
enum enrolee_step enrolee_step_of(const char *name);  /* NONE when there is no such step */

enum enrolee_want {
	ENROLEE_WANT_NOTHING, /* ended, or never started */
	ENROLEE_WANT_BOOTSTRAP, /* run Ub with enrolee_bsf(), then enrolee_bootstrapped() or enrolee_lost() */
	ENROLEE_WANT_NAF_KEY, /* have the card derive one for enrolee_naf(), then enrolee_keyed() or enrolee_lost() */
	ENROLEE_WANT_OPEN,    /* open enrolee_session(), then enrolee_opened() or enrolee_lost() */
	ENROLEE_WANT_SEND,    /* send enrolee_request() in it, then enrolee_sent() */
	ENROLEE_WANT_ANSWER,  /* wait: feed, lost, or tick at enrolee_deadline() */
	ENROLEE_WANT_SAVE,    /* store enrolee_credential() in the pending slot, then saved or save_failed */
	ENROLEE_WANT_PROMOTE, /* promote the pending slot, then saved or save_failed */
};

/* A session to open. A session of an earlier number is to be closed. Good until the next input. */
struct enrolee_session {
	unsigned number;             /* 0 = none */
	bool psk;                    /* false: with our certificate */
	bool exports;                /* with the MEF: its key is to be exported for enrolee_opened() */
	const char *host;            /* FQDN: to dial, for SNI, and for the server's certificate */
	uint16_t port;
	const struct enrolee_peer *at;       /* the same, and whether it is CoAP */
	const char *psk_identity;
	const struct mst_key *key;   /* NULL with psk: the maker's secret, which the shell has by itself */
	const uint8_t *ua;           /* the key is for this Ua protocol, which fixes TLS version and suite (5 octets); NULL: any */
};

/* What the card derives a key for. */
struct enrolee_naf { struct mst_view naf_id; const char *impi; };

struct enrolee_config {
	struct mst_crypto *crypto;
	const struct mst_quirks *quirks;
	uint32_t methods;            /* bit (1 << method): what this device can do */
	bool coap;                   /* MEF and MAF may be coaps, too */
	const char *from;            /* the identity that our credential proves: X-M2M-Origin towards the MEF; "" = what it calls us */
	const char *kpm_id;          /* method psk; borrowed, as the key is */
	const struct mst_key *kpm;   /* NULL: the shell gets it by itself for the session, and has one when `methods` says so */
	/* method gba */
	struct gba_ua ua;            /* for which keys are derived */
	bool digest;                 /* it is HTTPS with Digest inside: with a MAF alone, as the session itself proves no key */
	const char *bsf_host;        /* an https URI of this host is the BSF's, not a MEF's; NULL: none is */
	const char *own_cse_id;      /* what we are called when the BSF does not say; else `from`. May be NULL */
	char psk_separator;          /* of the prefixed identity in TLS; 0: the bare B-TID (TS-0003) */
	mst_ms bootstrap_ms;         /* for the whole run on Ub */
	mst_ms open_ms, answer_ms;
	uint32_t classes;            /* of commands that the shell carries out after the enrolment: bit (1 << enum mst_cmd_class) */
};

struct enrolee {
	struct enrolee_config cfg;
	enum enrolee_state state;
	enum enrolee_point point;
	unsigned session;            /* number of the session wanted or open */
	bool session_open;
	bool by_secret;              /* the instruction's method: psk, or cert */
	bool gba, via_mef;           /* or gba, and there in the older arrangement */
	bool has_instruction;        /* there is a way back to the first stage */
	bool resumed; /* the MAF stage began from a slot: a refusal there goes back to the beginning once */
	mst_ms open_deadline;
	char attempt[33];
	char from[MST_ID_MAX];
	struct enrolee_peer mef, maf;
	char mef_uri[MST_ID_MAX], maf_uri[MST_ID_MAX], target[MST_ID_MAX], admin_fqdn[MST_ID_MAX];
	char naf[MST_ID_MAX];        /* the target's name as a NAF: of a MAF its FQDN, of a CSE its public domain name (TS-0001 6.5.1.1) */
	char naf_said[MST_ID_MAX];   /* the same as it enters the key: in lower case, or as the instruction has it (quirks) */
	int64_t suid;
	mst_time expires;            /* proposed; 0 = as long as it is given */
	struct mst_root_cred cred;
	char identity[MST_ID_MAX];   /* cred.key_id as the MAF is sent it; via_mef: the B-TID as the MEF is */
	/* gba, until the key is there */
	char btid[MST_BTID_MAX], impi[MST_ID_MAX];
	uint8_t naf_id[GBA_NAF_ID_MAX];
	size_t naf_id_n;
	struct mst_key naf_key;      /* via_mef */
	struct mst_failure failure;
	union {
		struct mmef mef;
		struct mmaf maf;
	} machine;
	/* Of the MEF stage, for the shell: */
	mst_time server_time;        /* 0 = not said */
	int64_t retry_duration;      /* -1 = not said */
	unsigned commands_refused;
	bool command_waits;        /* the MEF has a command for us: visit it */
	bool other_ke_id;
	uint8_t anchors[ENROLEE_ANCHORS_OCTETS];     /* of the configuration: u16 length, DER, … */
	size_t anchors_n;
};

void enrolee_init(struct enrolee *e, const struct enrolee_config *cfg);
void enrolee_deinit(struct enrolee *e);      /* wipes */

/* Can this device carry the instruction out? False before any packet leaves, with field and reason (lesson
 * 7). */
MST_MUST_CHECK bool enrolee_supports(const struct enrolee_config *cfg, const struct mst_instruction *i,
				     struct mst_diag *d);

/*
 * Carry out `i`. `pending` (may be NULL) is what the pending slot holds: when it belongs to the same MEF,
 * target and stakeholder and has not ended, the procedure goes on from there; otherwise it begins anew.
 * False: the instruction cannot be carried out (enrolee_supports()).
 */
MST_MUST_CHECK bool enrolee_start(struct enrolee *e, const struct mst_instruction *i, const char *attempt,
				  const struct mst_root_cred *pending, mst_ms now, mst_time utc,
				  struct mst_diag *d);
/* Go on from a pending slot alone (power is back, no instruction at hand). False when nothing is left to do
 * with it. */
MST_MUST_CHECK bool enrolee_resume(struct enrolee *e, const struct mst_root_cred *pending, mst_ms now,
				   mst_time utc);

/* `exported`: the 48 octets of the MEF session's exporter; NULL in a session with a MAF. Wiped by the call. */
void enrolee_opened(struct enrolee *e, uint8_t *exported, mst_ms now, mst_time utc);
void enrolee_sent(struct enrolee *e);
void enrolee_feed(struct enrolee *e, const struct mst_response *a, mst_ms now, mst_time utc);
void enrolee_garbage(struct enrolee *e, const char *detail, mst_ms now, mst_time utc);
void enrolee_lost(struct enrolee *e, enum prov_reason r, const char *detail, mst_ms now, mst_time utc);
void enrolee_saved(struct enrolee *e, mst_ms now, mst_time utc);
void enrolee_save_failed(struct enrolee *e, const char *detail, mst_ms now, mst_time utc);
void enrolee_tick(struct enrolee *e, mst_ms now, mst_time utc);

/* gba: what the run on Ub gave; borrowed, and still the caller's to wipe. `x->expires` and `x->bsf_time` may lie before `utc`. */
void enrolee_bootstrapped(struct enrolee *e, const struct gba_context *x, mst_ms now, mst_time utc);
/* gba with GBA_U: the card's key; the caller's to wipe. */
void enrolee_keyed(struct enrolee *e, const struct mst_key *key, mst_ms now, mst_time utc);

enum enrolee_want enrolee_want(const struct enrolee *e);
enum enrolee_state enrolee_state(const struct enrolee *e);
enum enrolee_point enrolee_point(const struct enrolee *e);       /* the last one reached */
enum enrolee_step enrolee_step(const struct enrolee *e);         /* NONE when idle or ended */
mst_ms enrolee_deadline(const struct enrolee *e);
struct enrolee_session enrolee_session(const struct enrolee *e);
/* The BSF's URI as the instruction has it; "" = the operator's (older arrangement): as the settings or the card say. */
const char *enrolee_bsf(const struct enrolee *e);
struct enrolee_naf enrolee_naf(const struct enrolee *e);
const struct mst_request *enrolee_request(const struct enrolee *e);
const struct mst_root_cred *enrolee_credential(const struct enrolee *e);
const struct mst_failure *enrolee_failure(const struct enrolee *e);
/* Trust anchors of the configuration, each a u16 length and DER; empty when there were none. Borrowed. */
struct mst_view enrolee_anchors(const struct enrolee *e);

/* X-M2M-Origin towards the MAF: what the MEF introduced us as; SP-relative CSE-ID when there is one. */
MST_MUST_CHECK bool enrolee_maf_from(const struct mst_root_cred *c, char out[MST_ID_MAX]);

#endif
