/*
 * What one process says to another (architecture 5.3): length-prefixed frames, decoded by the base
 * readers as strictly as anything that comes from outside, and fuzzed.
 *
 *     u32 length of what follows | u8 type | u64 id | payload
 *
 * `id` pairs an answer with its question; 0 where nothing is answered.
 */
#ifndef MST_SERVER_FRAME_H
#define MST_SERVER_FRAME_H

#include "server/exchange.h"

#define MST_FRAME_HEAD 13
#define MST_FRAME_MAX (640 * 1024)              /* between listener, engine, connector, keeper */
#define MST_FRAME_CONTROL_MAX (8 * 1024 * 1024) /* from the supervisor: certificates and revocation lists */
#define MST_CHANNEL_KEEPER 0x80000000u          /* from here on keepers, each by a number of its own; the channels of others are small numbers */

enum mst_process { MST_PROC_SUPERVISOR, MST_PROC_LISTENER, MST_PROC_CONNECTOR, MST_PROC_ENGINE, MST_PROC_KEEPER,
		   MST_PROC_DIAMETER, MST_PROC_SIGNER, MST_PROC__COUNT };
extern const char *const mst_process_name[MST_PROC__COUNT];

enum mst_frame_type {
	MST_FRAME_NONE,
	/* supervisor → all */
	MST_FRAME_CONF,             /* file name and text of the configuration */
	MST_FRAME_MATERIAL,         /* certificates, key, anchors, lists of one role */
	MST_FRAME_CHANNEL,          /* id and key of a sealing channel */
	MST_FRAME_LINK,             /* a socket to another process, with who is there */
	MST_FRAME_START,            /* everything was said: open the store, listen, … With any payload: it is not the first process that is this one */
	MST_FRAME_RELOAD,           /* take over the new CONF and MATERIAL */
	MST_FRAME_DRAIN,            /* finish what is outstanding, then end */
	MST_FRAME_HEALTH,           /* to the local listener: ready or not, and the metrics' text */
	/* all → supervisor */
	MST_FRAME_READY,
	MST_FRAME_FAILED,           /* why START or RELOAD failed, for people */
	MST_FRAME_METRICS,
	/* listener ↔ engine */
	MST_FRAME_EXCHANGE,
	MST_FRAME_ANSWER,
	MST_FRAME_BUSY,             /* in place of an answer: u32 seconds */
	MST_FRAME_PSK_ASK,
	MST_FRAME_PSK_ANSWER,
	MST_FRAME_HANDSHAKE_FAILED,
	/* engine ↔ connector */
	MST_FRAME_FETCH,
	MST_FRAME_FETCH_RESULT,
	/* engine ↔ keeper */
	MST_FRAME_KEEPER_CALL,
	MST_FRAME_KEEPER_ANSWER,
	/* listener → engine, to tell the operator (added last: the numbers stand in the corpus) */
	MST_FRAME_REFUSED,
	MST_FRAME_CRL,              /* engine → supervisor: a revocation list of our CA, DER, to be written and taken over */
	MST_FRAME_RELOAD_FAILED,    /* supervisor → engine: why a configuration was not taken over, for the audit log */
	MST_FRAME_CUT,              /* engine → listener: sessions of a node end */
	/* keeper ↔ signer: a digest for the CA's key, and its signature */
	MST_FRAME_SIGN,
	MST_FRAME_SIGNED,
	MST_FRAME_VIOLATION,        /* engine → supervisor: the process of that channel broke the rules, its link is dropped; or that keeper's */
	MST_FRAME_PIDS,             /* supervisor → the local listener: processes that are musterd's own, and no administrators */
	MST_FRAME__COUNT
};
extern const char *const mst_frame_name[MST_FRAME__COUNT];

struct mst_frame { enum mst_frame_type type; uint64_t id; struct mst_view payload; };

void mst_frame_put(struct mst_writer *w, enum mst_frame_type type, uint64_t id, struct mst_view payload);
enum mst_frame_outcome { MST_FRAME_MORE = 1, MST_FRAME_BAD };
/* First frame in `in`; *ret_used says how long it is. Views into `in`. BAD: unknown type or a length that
 * nothing permits; the link is of no use any more. */
MST_MUST_CHECK int mst_frame_get(struct mst_view in, size_t max, struct mst_frame *ret_f, size_t *ret_used);

/* --- payloads. get: false when malformed; views borrowed from the payload. --- */

void mst_put_exchange(struct mst_writer *w, const struct mst_exchange *x);
MST_MUST_CHECK bool mst_get_exchange(struct mst_view v, struct mst_exchange *ret_x);

/* An answer as it travels: the released key already sealed for the listener. */
struct mst_answer_frame {
	int rsc;
	int retry_after;
	bool close;
	char media[64];                   /* "" = application/json */
	char location[MST_ID_MAX * 2];
	bool has_key;
	struct mst_wrapped key;
	uint32_t at;                      /* <= content.n */
	struct mst_parcel parcel;         /* places rise and are inside the content */
	char headers[MST_ANSWER_HEADERS];
	struct mst_view content;
	struct mst_whose whose;           /* session it is */
};
/* Whole lines of headers that a role may add to a plain answer? */
MST_MUST_CHECK bool mst_answer_headers_good(const char *lines);
void mst_put_answer(struct mst_writer *w, const struct mst_answer_frame *a);
MST_MUST_CHECK bool mst_get_answer(struct mst_view v, struct mst_answer_frame *ret_a);

void mst_put_psk_ask(struct mst_writer *w, const struct mst_psk_ask *q);
MST_MUST_CHECK bool mst_get_psk_ask(struct mst_view v, struct mst_psk_ask *ret_q);
struct mst_psk_answer_frame { struct mst_wrapped key; /* n = 0: unknown */ struct mst_whose whose; /* zero: not known */ };
void mst_put_psk_answer(struct mst_writer *w, const struct mst_psk_answer_frame *a);
MST_MUST_CHECK bool mst_get_psk_answer(struct mst_view v, struct mst_psk_answer_frame *ret_a);
/* Whose sessions end: never zero. */
void mst_put_cut(struct mst_writer *w, const struct mst_whose *c);
MST_MUST_CHECK bool mst_get_cut(struct mst_view v, struct mst_whose *ret_c);

struct mst_handshake_failed { enum mst_role role; enum mst_tls_end why; struct mst_peer peer; char detail[160]; };
void mst_put_handshake_failed(struct mst_writer *w, const struct mst_handshake_failed *h);
MST_MUST_CHECK bool mst_get_handshake_failed(struct mst_view v, struct mst_handshake_failed *ret_h);

struct mst_refused { enum mst_role role; int status; struct mst_peer peer; char attempt[33]; char why[256]; };
void mst_put_refused(struct mst_writer *w, const struct mst_refused *f);
MST_MUST_CHECK bool mst_get_refused(struct mst_view v, struct mst_refused *ret_f);

void mst_put_fetch(struct mst_writer *w, const struct mst_fetch *f);
MST_MUST_CHECK bool mst_get_fetch(struct mst_view v, struct mst_fetch *ret_f);
void mst_put_fetch_result(struct mst_writer *w, const struct mst_fetch_result *r);
MST_MUST_CHECK bool mst_get_fetch_result(struct mst_view v, struct mst_fetch_result *ret_r);

/* Supervisor's own. */
struct mst_conf_frame {
	char file[512];
	struct mst_view text;
	uint8_t maf_anchor[MST_SHA256_LEN];
	struct mst_makers makers;
	/* engine: the file of crl.file as it is; 0: none that is of use */
	int64_t crl_number;
	mst_time crl_made, crl_until;
};
void mst_put_conf(struct mst_writer *w, const struct mst_conf_frame *c);
MST_MUST_CHECK bool mst_get_conf(struct mst_view v, struct mst_conf_frame *ret_c);
struct mst_link_frame { enum mst_process peer; enum mst_role role; uint32_t channel; };
void mst_put_link(struct mst_writer *w, const struct mst_link_frame *l);
MST_MUST_CHECK bool mst_get_link(struct mst_view v, struct mst_link_frame *ret_l);
void mst_put_channel(struct mst_writer *w, const struct mst_channel *c);
MST_MUST_CHECK bool mst_get_channel(struct mst_view v, struct mst_channel *ret_c);
/* SIGNED: 0 with the signature, or an mst_keeper_outcome or a fault with its words. */
struct mst_signed_frame { int rc; struct mst_view sig; char why[200]; };
void mst_put_signed(struct mst_writer *w, const struct mst_signed_frame *f);
MST_MUST_CHECK bool mst_get_signed(struct mst_view v, struct mst_signed_frame *ret_f);
/* Why the daemon is not ready. The first is what is so as long as nobody has said otherwise. */
enum mst_ready { MST_READY_STARTING, MST_READY_NO_ROOM, MST_READY_STORE_GONE, MST_READY_STORE_FAILING, MST_READY_STORE_FULL, MST_READY_DRAINING,
	MST_READY_YES, MST_READY__COUNT };
struct mst_health_frame { enum mst_ready ready; bool draining; struct mst_view text; };
void mst_put_health(struct mst_writer *w, const struct mst_health_frame *h);
MST_MUST_CHECK bool mst_get_health(struct mst_view v, struct mst_health_frame *ret_h);

/* u32 each; those that have ended a while ago as well. */
#define MST_PIDS 192
struct mst_pids { uint32_t pid[MST_PIDS]; size_t n; };
void mst_put_pids(struct mst_writer *w, const struct mst_pids *p);
MST_MUST_CHECK bool mst_get_pids(struct mst_view v, struct mst_pids *ret_p);

#endif
