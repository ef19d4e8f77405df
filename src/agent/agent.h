/*
 * muster-agent: the enrolee on Linux (architecture 2). The shell around three pure machines:
 *
 *   lib/proto/provisioning   which instruction next, when again
 *   lib/enrolee              one instruction, from first packet to promoted credential
 *   lib/proto/mmaf           the check of a credential in use
 *
 * Everything here is wiring: sessions, files, timers, sockets, texts. One event loop, no thread.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H


#include "agent/config.h"
#include "agent/managed.h"
#include "agent/own.h"
#include "agent/policy.h"
#include "enrolee/clock.h"
#include "enrolee/enrolee.h"
#include "jansson/read.h"
#include "proto/provisioning/provisioning.h"
#include "secenv/secenv.h"
#include "transport/client.h"

struct event;
struct event_base;
struct agent_ask;
struct agent_bundles;
struct agent_card;
struct agent_gba;
struct agent_ub;
struct agent_control;
struct agent_page;
struct agent_discovery;
struct agent_leave;
struct agent_tell;
struct agent_door;
struct agent_keys;
struct lan_found;
struct agent_visit;
struct agent_order;
struct agent_upkeep;

/* Commands of the MEF that are carried out (visit.c, order.c). */
#define COMMAND_CLASSES (UINT32_C(1) << MST_CMD_CERT_PROV | UINT32_C(1) << MST_CMD_DEV_CFG | UINT32_C(1) << MST_CMD_MO_NODE)

enum agent_mode {
	AGENT_EMPTY,                 /* no credential, nothing to do: waiting for a trigger */
	AGENT_BUSY,                  /* a run is going on */
	AGENT_WAITING,               /* all instructions failed; the backoff runs */
	AGENT_ENROLLED,
	AGENT_DAMAGED,               /* the credential store does not check; a person decides (lesson 16) */
	AGENT_MODE__COUNT
};

/* What the running enrolee, if any, belongs to. */
enum agent_errand { AGENT_NO_ERRAND, AGENT_RUN /* of the engine */, AGENT_FINISH /* a pending slot alone */,
		    AGENT_KEEP /* renews the credential in use while a run of the engine waits */ };

/* Public keys that an instruction says its peer has (RFC 6920), as long as a session may need them. */
struct session_pins { char text[MST_PINS_MAX][65]; struct mst_view v[MST_PINS_MAX]; size_t n; };

struct agent {
	struct agent_config cfg;
	struct event_base *base;
	struct event *timer, *on_term, *on_int;
	bool once, stop;
	bool failed_once;            /* once: the run has failed; what is left is to tell it */
	bool only_check;             /* one check of the credential, nothing else */
	int exit_code;
	unsigned late;               /* how often in a row the timer was set for what should have been done already: agent_rest() */

	struct mst_crypto *crypto;
	struct mst_secenv *env;
	struct mst_clock clock;
	mst_time server_not_after;   /* session_speaks_until() of the session that is open */
	struct mst_tls_ctx *tls_psk, *dtls_psk;
	struct mst_tls_ctx *tls_naf;         /* for keys of GBA: its suite alone, which … */
	uint16_t tls_naf_suite;              /* … is this */

	/* Initial credential. */
	char *chain_pem;
	size_t chain_n;
	struct mst_secenv_key key;   /* of the chain: as it is, or in the secure environment */
	uint8_t *anchor[16];
	struct mst_view anchors[16];
	size_t n_anchors;
	char from[MST_ID_MAX];
	bool has_secret;             /* the maker's (Kpm), in psk_file: inside_secret() */
	char secret_why[256];        /* that did not give it when it was wanted last; "" = it did */
	json_t *born;                /* how the initial credential is kept: inside_born() */

	struct agent_place place;    /* what was said on the spot (place.h) */
	uint8_t sequence_sha[MST_SHA256_LEN];        /* of the instructions of the last trigger */

	/* Root credentials; keys in them, so wiped at the end. */
	struct mst_root_cred active, pending;        /* the active one without its keys: inside_root_key() */
	struct mst_root_cred unsealed;               /* for moments */
	bool has_active, has_pending, active_damaged, pending_damaged;
	json_t *inside;              /* which back end, and a warning: inside_look() */
	size_t unlocked;             /* octets that may be swapped out, as far as it was told: inside_look_memory() */
	json_t *damage;              /* of a slot, for people: slot, text, remedy; NULL when there is none */
	bool finishing_first;        /* the pending slot being finished is all there is */
	bool run_moot;               /* it gave a credential while a run waited that was to get one */
	mst_time renew_at;
	mst_ms renew_hold;           /* not before that: a renewal that came to nothing */
	mst_ms keep_hold;            /* the same for one between the tries of a run (upkeep.c) */
	struct agent_upkeep *upkeep; /* such a one that is going on, or NULL */
	/* the last run that was tried where the credential in use came from */
	struct { bool tried; unsigned run; char attempt[33]; int64_t retry_after; } home;
	json_t *once_list;           /* with --once: what was done beside the run (once.c) */
	struct { char id[MST_ID_MAX]; mst_time until, at; mst_ms hold; bool runs; } reg[2 + MANAGED_REGS];         /* renew.c */
	mst_ms check_at;
	unsigned check_refusals;     /* by the MAF, since it was good last */
	mst_ms refused_since;        /* the first of them; not kept over a restart (lesson 3) */
	char check_text[MST_DIALOG_DETAIL + 32];

	void *prov_storage;
	struct prov *prov;
	enum prov_state seen_state;
	unsigned seen_runs;
	uint32_t serial;             /* of the thing wanted that the errand serves */

	const struct agent_discovery *discovery;     /* the one that runs, or NULL */
	uint32_t discovery_serial;   /* of the thing wanted that it serves */
	void *discovery_work;        /* the method's own */
	struct lan_found *lan;       /* what the LAN said last, LAN_FOUND_MAX of them (lan.h) */

	struct enrolee *enrolee;
	struct mst_quirks quirks;            /* of the errand under way */
	enum agent_errand errand;
	enum enrolee_point seen_point;
	struct mst_client *client;
	struct mst_tls_ctx *tls_mef;
	struct session_pins pins_mef;
	unsigned session;            /* number of the open (or opening) session */
	bool errand_waits;           /* for the BSF or for the card */
	int64_t bsf_retry_after;     /* that the BSF asked for; 0 = none */
	char bsf_host[MST_ID_MAX];   /* of gba.bsf */

	struct agent_tell *tell;     /* reports to briefing nodes (tell.c) */
	struct agent_bundles *bundles;               /* bundle.c */
	json_int_t pushed_told;      /* how many refused triggers a briefing node has heard of (facts.c) */

	json_t *record;              /* of the last run (record.c) */
	mst_ms record_base;          /* its steps count from here */
	bool record_dirty;
	enum enrolee_step doing;

	struct mmaf *check;          /* a running check, or NULL */
	struct agent_ask *ask;       /* a question to the MEF that follows it, or NULL (ask.c) */
	struct mst_client *check_client;
	bool check_asked;            /* by a person: told, not acted on */

	json_t *verdict;             /* only_check: what came of it */

	struct agent_own own;        /* certificates that the MEF gave */
	const struct own_cert *show; /* in the session that is being opened, whatever else would be shown */
	struct managed *managed;     /* what the MEF's commands left here (managed.h) */
	struct agent_order *order;   /* a command being carried out in a visit (order.h), or NULL */
	struct agent_visit *visit;
	struct agent_leave *leave;   /* providers that are being left (leave.c) */
	mst_ms visit_at;
	int64_t commands_every;      /* seconds; as the MEF says */
	bool visit_https;            /* the next one, for a command that CoAP does not carry out */
	unsigned proofs_failed;

	struct agent_control *control;
	struct agent_door *door;     /* for pushed triggers (door.h), or NULL */
	struct agent_page *page;     /* NULL: none */
	struct agent_card *card;     /* the subscriber's, once it was asked (card.h) */
	struct agent_ub *ub;         /* a run with a BSF, or NULL (ub.h) */
	struct agent_gba *gba;       /* what the last one gave, or NULL */
	struct agent_keys *keys;     /* keys shared with others (keys.h); NULL: none yet */
	int lock_fd;
};

/* agent.c */
struct agent *agent_new(const struct agent_config *cfg, bool once);
struct agent *agent_free(struct agent *a);
/* Opens everything that must be there; 0 or a fault, explained in the log. */
MST_MUST_CHECK int agent_open(struct agent *a);
int agent_run(struct agent *a);                      /* exit code */
/* Instead of running: check the credential once and return what there is to say; NULL after a fault. */
json_t *agent_check(struct agent *a);
void agent_told(struct agent *a, json_t *verdict);   /* the check ended; takes the reference */
/*
 * Hand in a sequence (CBOR); `by` is a word for the record. 0 or a positive prov_reason with `d`. It may join the run that
 * is going on (policy.h): prov_attempt() is the one that serves it.
 */
MST_MUST_CHECK int agent_trigger(struct agent *a, struct mst_view cbor, const char *by, struct mst_diag *d);
bool agent_make_attempt(struct agent *a, char out[33]);
/* The same under an attempt id that was made before. */
MST_MUST_CHECK int agent_trigger_as(struct agent *a, struct mst_view cbor, const char *attempt, const char *by,
				    struct mst_diag *d);
MST_MUST_CHECK int agent_trigger_file(struct agent *a, const char *by, struct mst_diag *d);
/* For the agent itself: what came of it is in the log. With a credential, also one that has ended, as agent_again(), else by the file. */
void agent_trigger_or_say(struct agent *a, const char *why);
enum policy_phase agent_phase(const struct agent *a);
enum agent_mode agent_mode(const struct agent *a);
/* Do what is wanted until everything waits; then set the timer. Every callback ends with it. */
void agent_turn(struct agent *a);
/*
 * How long until the timer, when `left` is how long until the next thing is due. What arm() asks for must be what a turn takes; should something
 * that is past stay all the same, the node does not turn round and round for it, with its battery and a log on flash: it is told once, and
 * looked at each second.
 */
mst_ms agent_rest(struct agent *a, mst_ms left);
mst_ms agent_now(void);
mst_time agent_utc(const struct agent *a);           /* best knowledge */
mst_time agent_utc_or_0(const struct agent *a);      /* 0 while it is only a lower bound */
uint32_t agent_random(struct agent *a);
void agent_learn_time(struct agent *a, mst_time server);
/* A server's certificate seems to have ended: is it our time that is wrong? */
/* A server showed a certificate that has ended. It may be anybody's: it changes what the next session is judged by, and nothing that is kept. */
void agent_doubt_time(struct agent *a);
/* What the certificate of a session that begins is judged by at least. */
mst_time agent_floor(struct agent *a);
void agent_load_clock(struct agent *a);
void agent_save_clock(struct agent *a);
/* Where the node is, from now on and after a power cut; NULL: only what the settings say. 0, 1 with `d`, or a fault. */
MST_MUST_CHECK int agent_set_place(struct agent *a, const struct agent_place *p, struct mst_diag *d);
/* A credential is in use, and nothing is under way that would replace it: what it needs of its provider can be done. */
bool agent_lives(const struct agent *a);

/* upkeep.c */
void agent_enrolled_now(struct agent *a);            /* the active slot has a new credential, or one for the first time */
/*
 * Enrol again, with whom the node is: by the instructions of the last run, from their beginning; when these cannot be followed any more,
 * because they have ended, by the one that led to the credential. Never by the file of the configuration: it may lead to a provider
 * that the node was moved away from. 0 or a positive prov_reason with `d`.
 */
MST_MUST_CHECK int agent_again(struct agent *a, const char *by, struct mst_diag *d);
/* An errand for a pending slot alone has ended. */
void agent_finished(struct agent *a, bool done, enum prov_reason r);
/* The way back from "enrolled": agent_again(), as a run of its own named by `trigger`. The old slot
 * survives it until a new credential has been used. */
void agent_bootstrap_again(struct agent *a, const char *trigger, const char *why);
/* Enrol anew because something ends; what there is goes on meanwhile. */
void agent_renew(struct agent *a);
/* Renew the key of the credential in use as soon as may be, should a run be waiting. */
void upkeep_wanted(struct agent *a);
/* The same, by somebody who may say so, and at once, where a run waits that leads elsewhere: that run goes on waiting. False: none does. */
bool upkeep_now(struct agent *a);
void upkeep_start(struct agent *a);
const struct mst_instruction *upkeep_instruction(const struct agent *a);
void upkeep_ended(struct agent *a, bool done, const struct mst_failure *f, enum enrolee_step step);
void upkeep_drop(struct agent *a);
/* What the engine does: it tries this; a try failed and the server asked for that; all failed, and it waits. */
void upkeep_tries(struct agent *a, const struct mst_instruction *i);
void upkeep_run_failed(struct agent *a, int64_t retry_after);
void upkeep_waits(struct agent *a);

/* once.c: `run --once` says what it did beside the run */
void once_did(struct agent *a, bool good, const char *what, const char *detail);
bool once_failed(const struct agent *a);
void once_print(FILE *out, const struct agent *a);
/* `muster-agent run`, from its settings to its exit status. */
int agent_live(const struct agent_config *cfg, bool once);

/* errand.c: carries enrolee's wants out */
void errand_start(struct agent *a, const struct mst_instruction *i);
void errand_finish_pending(struct agent *a);
/* The credential in use is got anew while the engine waits; both must live until upkeep_ended(). */
void errand_keep(struct agent *a, const struct mst_instruction *i, const char *attempt);
void errand_drive(struct agent *a);                  /* until it waits or has ended */
void errand_drop(struct agent *a);                   /* superseded: close and forget */

/* session.c */
/*
 * By HTTPS or CoAPS, as `at` says; callbacks with `owner`. `tls` NULL: the settings for keys. `pins`: keys that the peer may have
 * instead of a certificate under an anchor; NULL = none.
 */
MST_MUST_CHECK int session_open(struct agent *a, void *owner, const struct enrolee_peer *at, struct mst_tls_ctx *tls, const struct session_pins *pins,
				const struct mst_key *psk, const char *psk_identity, const struct mst_client_ops *ops, struct mst_client **ret);
/* With a MEF, as origin_open() says: `tls` NULL where the maker's secret proves both ends. */
MST_MUST_CHECK int session_open_mef(struct agent *a, void *owner, const struct enrolee_peer *at, struct mst_tls_ctx *tls,
				    const struct session_pins *pins, const struct mst_client_ops *ops, struct mst_client **ret);
/* A session with the MAF of that credential, as its key demands: for one of GBA with the one suite that it was derived for. */
MST_MUST_CHECK int session_open_maf(struct agent *a, void *owner, const struct enrolee_peer *at, const struct mst_root_cred *c,
				    const struct mst_client_ops *ops, struct mst_client **ret);
/* The same with a key for that Ua protocol, which says how it is proved: by PSK, or by Digest; NULL: PSK as the profile says. */
MST_MUST_CHECK int session_open_key(struct agent *a, void *owner, const struct enrolee_peer *at, const uint8_t *ua, const struct mst_key *key,
				    const char *identity, const struct mst_client_ops *ops, struct mst_client **ret);
/* What authenticates the MEF: the instruction's anchors and pins; ours when it has neither, or is NULL. */
MST_MUST_CHECK int session_tls_mef(struct agent *a, const struct mst_instruction *i, bool coap, struct mst_tls_ctx **ret,
				   struct session_pins *ret_pins, struct mst_diag *d);
/* What TLS judges validity by: 0 while that is nothing but a floor (lesson 15). `arg` is the agent. */
mst_time session_utc(void *arg);
/* Bits (1 << method) of the bootstrap methods for which the initial credential is there. */
uint32_t agent_bootstrap_methods(const struct agent *a);
MST_MUST_CHECK int session_tls_psk(struct agent *a, bool coap, struct mst_tls_ctx **ret, struct mst_diag *d);
/* No server is heard after its certificate's end: a bound for the time that it may tell. A key that proves it has none. */
mst_time session_speaks_until(const struct mst_peer *p);
enum prov_reason session_reason(enum mst_tls_end why);
/* The same of a session with a root credential. Over datagrams a key that is not taken shows as silence; it is to lead to the MEF as an alert does. */
enum prov_reason session_root_reason(enum mst_tls_end why);
void session_detail(char *out, size_t cap, enum mst_tls_end why, const char *detail);
MST_MUST_CHECK int session_answer(const struct mst_http_msg *m, struct mst_response *ret_a,
				  struct mst_diag *d);
bool session_send(struct mst_client *c, const struct mst_request *q, const char *host);

/* origin.c: the instruction that led to a credential. Keep it, named by the attempt, before the pending slot is
 * stored; a fault or a secenv outcome. */
MST_MUST_CHECK int origin_keep(struct agent *a, const struct mst_instruction *i, const char *attempt,
			       struct mst_diag *d);
/* The instruction that led to `c`: the first of o->s, with views into `o` and `c`. The same outcomes. */
#define AGENT_ORIGIN_MAX (MST_SEQ_OCTETS + 64)
struct agent_origin { struct mst_sequence s; uint8_t scratch[MST_SEQ_OCTETS], blob[AGENT_ORIGIN_MAX]; };
MST_MUST_CHECK int origin_instruction(struct agent *a, const struct mst_root_cred *c, struct agent_origin *o, struct mst_diag *d);
/* The MEF of a credential of ours, and the trust that its instruction gave it: *ret_tls, or NULL when the maker's secret
 * proves both ends. `https`: for what is there over that alone, whatever the instruction says. 0, a secenv outcome or a fault. */
MST_MUST_CHECK int origin_open(struct agent *a, const struct mst_root_cred *c, bool https, struct enrolee_peer *ret_mef, struct mst_tls_ctx **ret_tls,
			       struct session_pins *ret_pins, struct mst_diag *d);

/* ask.c: what the MEF says of this node, in an authenticated session. Ends in check_asked_mef(). */
enum ask_answer {
	ASK_UNCLEAR,                 /* unreachable, busy, untrusted, …: no answer */
	ASK_KNOWN,
	ASK_LOST,                    /* unknown or revoked */
	ASK_REFUSED,                 /* another refusal: a suspended subscription, say */
};
MST_MUST_CHECK bool ask_start(struct agent *a, struct mst_diag *d);
void ask_drop(struct agent *a);
mst_ms ask_deadline(const struct agent *a);
void ask_tick(struct agent *a);

/* status.c: with whom the key is shared, a MAF's FQDN or a CSE-ID; and where that is. */
const char *agent_target(const struct mst_root_cred *c);
const char *agent_target_uri(const struct mst_root_cred *c);
/* check.c: is the credential in use still known? */
void check_start(struct agent *a);
void check_drop(struct agent *a);
bool check_running(const struct agent *a);
mst_ms check_deadline(const struct agent *a);
void check_tick(struct agent *a);
void check_asked_mef(struct agent *a, enum ask_answer what, const struct mst_failure *f);
/* Somebody asks: try it now, change nothing. NULL: wait for check_told(); else the answer at once. */
json_t *check_ask(struct agent *a);
json_t *check_verdict(const struct mst_root_cred *c, enum prov_reason r, const char *detail);

/* visit.c: to the MEF, after the enrolment */
bool visit_due(const struct agent *a);               /* what is due can be begun, too */
void visit_start(struct agent *a);
void visit_begin(struct agent *a);                   /* after a start, once slots and managed things are loaded */
void visit_soon(struct agent *a, int64_t seconds);
void visit_drop(struct agent *a);
mst_ms visit_deadline(const struct agent *a);        /* of the one that goes on; else when the next one can begin */
void visit_go_on(struct agent *a);                   /* its order came on in a session of its own */
void visit_tick(struct agent *a);

/* renew.c: the registrations at MEF and MAF are prolonged before they end, the root key is renewed */
#define RENEW_RETRY_S 3600           /* a renewal that could not even be triggered is tried again after this */
void renew_plan(struct agent *a);                    /* for the credential that is active now */
/* Begin what is due. True: the engine or an errand has something to do now. */
bool renew_tick(struct agent *a);
mst_ms renew_deadline(struct agent *a);
bool renew_running(const struct agent *a);           /* something is being prolonged */
/* Its registration of that number ends then, an authenticated answer said; kept when that is news. */
void renew_learned(struct agent *a, bool maf, const char *id, mst_time until);

/* leave.c: what the node had from another provider, until it has de-registered there */
MST_MUST_CHECK int leave_load(struct agent *a);
/* Before the pending slot is promoted: keep what it replaces, when that is of another provider. A fault or a secenv outcome. */
MST_MUST_CHECK int leave_keep(struct agent *a, struct mst_diag *d);
/* The attempt that led to the i-th of those that are left; NULL: there are not so many. */
const char *leave_attempt(const struct agent *a, size_t i);
bool leave_due(const struct agent *a);
bool leave_running(const struct agent *a);
void leave_start(struct agent *a);
void leave_stop(struct agent *a);
void leave_close(struct agent *a);
mst_ms leave_deadline(const struct agent *a);
void leave_tick(struct agent *a);
void leave_print(FILE *out, const json_t *list);
json_t *leave_status(struct mst_secenv *env, const char *in_use);     /* `in_use`: KmID of the active slot, "" = none */

/* files.c */
MST_MUST_CHECK int agent_read_file(const char *path, size_t max, bool trusted, uint8_t **ret_p, size_t *ret_n,
				   struct mst_diag *d);
/* One that nobody else may read. */
MST_MUST_CHECK int agent_read_secret(const char *path, uint8_t **ret_p, size_t *ret_n, struct mst_diag *d);
/* `ret_path`: the file that `d` speaks of. */
MST_MUST_CHECK int agent_load_identity(struct agent *a, const char **ret_path, struct mst_diag *d);
/* What failed, in words: those of `d`, or where it has none (there was no memory for them) those of the fault `r`. */
static inline const char *agent_why(const struct mst_diag *d, int r)
{
	return d->text[0] ? d->text : r < 0 ? mst_fault_text(r) : "no more is known";
}
/* "path: field: text", each once. Of what the functions here refuse (`d` names no path by itself). */
const char *agent_file_words(char *out, size_t cap, const char *path, const struct mst_diag *d, int r);
/* The same as a diag for others: the field is the path, the text says where in it and what. */
void agent_name_file(struct mst_diag *d, const char *path, int r);
/* "path: text" of what the secure environment refused, and what to do about that. */
void agent_store_words(const struct agent_config *cfg, const struct mst_diag *d, int r, char *out, size_t cap);
const char *agent_store_remedy(int r);
/* As mst_secenv_file_open(); while another has it, for seconds at most: commands look into it for a moment, and an agent
 * that starts or asks then must not fail for that. */
MST_MUST_CHECK int agent_store_open(const struct agent_config *cfg, struct mst_crypto *c, struct mst_secenv **ret_s, struct mst_diag *d);
/* A PEM file of at most 16 certificates into `store`, to be freed also after a failure, and views of them. */
MST_MUST_CHECK int agent_load_anchors(const char *path, uint8_t *store[16], struct mst_view view[16], size_t *n,
				      struct mst_diag *d);
/* A sequence file (JSON or CBOR) to CBOR; `trusted`: only root's or our own, and nobody else may write it. */
MST_MUST_CHECK int agent_read_sequence(const char *path, bool trusted, uint8_t *out, size_t cap,
				       size_t *ret_n, struct mst_diag *d);
/* The same of a trusted file, with the reason why it cannot be followed: that it cannot be read is one thing, what stands in it another. */
MST_MUST_CHECK enum prov_reason agent_read_instructions(const char *path, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d);
/* Of what agent_read_file() gave. */
enum prov_reason agent_file_reason(int r);
MST_MUST_CHECK int agent_sequence_to_cbor(struct mst_view in, uint8_t *out, size_t cap, size_t *ret_n,
					  struct mst_diag *d);

/* control.c, ctl.c, ctl-trigger.c */
MST_MUST_CHECK int control_open(struct agent *a);
void control_close(struct agent *a);
/* To all who asked for a check. */
void control_told(struct agent *a, const json_t *verdict);
/* Connects; -1 with errno. Then one question; takes `q`, closes `fd`; NULL: no answer. */
int ctl_dial(const struct agent_config *cfg, time_t seconds);
json_t *ctl_ask(int fd, json_t *q);
int ctl_status(const struct agent_config *cfg, bool json);
int ctl_check(const struct agent_config *cfg, bool json);
/* `at`, `site`: NULL = not said. All of them unset: show what is known. */
int ctl_place(const struct agent_config *cfg, const char *at, const char *site, bool clear, bool json);
/* Factory reset; with `yes` only. */
int ctl_reset(const struct agent_config *cfg, bool yes);
int ctl_page(const struct agent_config *cfg, bool json);
int ctl_trigger(const struct agent_config *cfg, const char *what);
/* A message that somebody else received, for the door: a file, or "-". */
int ctl_push(const struct agent_config *cfg, const char *file, const char *source);
/* Hand in the bundle of a medium, of that device (NULL: of any); wait that many seconds for one to be mounted. */
int ctl_trigger_media(const struct agent_config *cfg, const char *device, int64_t wait_s);

/* door.c, for pushed triggers. Opens what the configuration says, nothing with --once; 0 or a fault, explained in the log. */
MST_MUST_CHECK int door_open(struct agent *a);
void door_close(struct agent *a);

/* record.c: the last run, durable */
void record_load(struct agent *a);
json_t *record_read(struct mst_secenv *env);         /* an empty one when there is none */
void record_begin(struct agent *a, const char *attempt, const char *trigger);
void record_join(struct agent *a, const char *trigger);      /* another trigger, served by the same run */
/* The engine came to rest in an end: say so, once. */
void record_settle(struct agent *a);
void record_end(struct agent *a, const char *outcome);
void record_take(struct agent *a);                   /* what the engine has reported by now */
json_t *record_failures(const struct agent *a);      /* of the last run when that failed, and of this one; to be freed */
void record_follow(struct agent *a, const char *trigger);    /* begin, when the engine began another run */
void record_step(struct agent *a);
/* The engine's report of that index failed at that step. */
/* An arrow of the dialogue with a briefing node has ended well: "bbn.open", "bbn.ask", "bbn.report". Nothing when the record
 * is of another attempt already. */
void record_arrow(struct agent *a, const char *attempt, const char *arrow, const char *at);
void record_failed(struct agent *a, size_t report, enum enrolee_step step);
/* A report of our own, for an errand that the engine knows nothing of. */
void record_report(struct agent *a, const char *resource, enum prov_reason reason, const char *detail,
		   enum enrolee_step step);
/* A renewal between the tries of a run: into the history, not in the place of the run's record. */
void record_between(struct agent *a, const char *attempt, mst_time began, const char *resource, enum prov_reason reason, const char *detail,
		    enum enrolee_step step);
void record_save(struct agent *a);
void record_into(json_t *status, const json_t *record);
/* "stepWords" beside every "step" or "arrow" of these: the same for people. */
void record_words(json_t *all, const char *member);

/* history.c: the runs before the last one, bounded; a member of the record, a blob of its own */
void history_load(struct mst_secenv *env, json_t *record);
void history_save(struct agent *a);
/* `old` has made room for `record`. */
void history_push(json_t *record, json_t *old);
json_t *history_json(const json_t *record);          /* newest first, the record itself among them */
void history_print(FILE *out, const json_t *status);
enum prov_reason record_reason_of(const char *text);  /* PROV_INTERNAL when there is none such */

/* status.c */
json_t *status_time(mst_time t);                     /* null when it is none */
json_t *status_text(const char *s);
json_t *status_json(const struct agent *a);
json_t *status_damage(const struct agent_config *cfg, enum mst_slot slot, const struct mst_diag *d, int r);
json_t *status_credential(const struct mst_root_cred *c, mst_time renew_at);
void status_print(FILE *out, const json_t *status);
void status_print_reasons(FILE *out, const json_t *status);
/* `method`: enum mst_method, 0 = of none */
const char *status_remedy(enum prov_reason r, int method);
const char *status_words(enum prov_reason r);

/* log.c: event, then name, value, …, NULL */
void agent_log(const struct agent *a, enum agent_log_level level, const char *event, ...)
	__attribute__((sentinel));

/* point.c */
bool agent_point_known(const char *name);
void agent_point_list(FILE *out);
/* A durable point was reached: log it; with crash_at set to it, die as in a power cut. */
void agent_point(const struct agent *a, const char *name);

#endif
