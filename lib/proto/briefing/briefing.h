/*
 * The node's side of a briefing (architecture 3.4; wire contract in codec/briefing.h): a pure state machine over one
 * session with a briefing node. Same idiom as proto/mmaf/mmaf.h; one machine does one job:
 *
 *   ASK      state who and where the node is and what it can do → a sequence, or why there is none
 *   REPORT   say how the instructions of a briefing went → nothing more
 *
 * That the server is who the instruction meant is the shell's to see to, before it says "opened". Depth, loops and the
 * next try are the engine's (proto/provisioning).
 */
#ifndef MST_PROTO_BRIEFING_H
#define MST_PROTO_BRIEFING_H

#include "codec/briefing.h"
#include "codec/ident.h"
#include "codec/primitive.h"
#include "proto/dialog/dialog.h"

#define BRIEFING_PATH 512
#define BRIEFING_REQUEST (MST_BRIEF_OCTETS + 2048)   /* octets of a whole HTTP request */

enum briefing_job { BRIEFING_JOB_ASK, BRIEFING_JOB_REPORT, BRIEFING_JOB__COUNT };

enum briefing_state {
	BRIEFING_OPENING,            /* the session is to be opened */
	BRIEFING_ASKING,
	BRIEFING_REPORTING,
	BRIEFING_DONE,
	BRIEFING_FAILED,
	BRIEFING_STATE__COUNT
};
const char *briefing_state_text(enum briefing_state s);

enum briefing_event {
	BRIEFING_EV_OPENED,
	BRIEFING_EV_ANSWER,
	BRIEFING_EV_GARBAGE,         /* no HTTP, or an answer to nothing */
	BRIEFING_EV_LOST,
	BRIEFING_EV_TIMER,
	BRIEFING_EVENT__COUNT
};

enum briefing_want { BRIEFING_WANT_SESSION, BRIEFING_WANT_SEND, BRIEFING_WANT_ANSWER, BRIEFING_WANT_NOTHING };

struct briefing_config {
	struct mst_view uri;         /* of the discovery instruction; https or coaps, and a name that a certificate can prove */
	bool cbor;                   /* encoding of what is sent, and wanted back */
	mst_ms open_ms, answer_ms;
};

struct briefing {
	enum briefing_job job;
	enum briefing_state state;
	bool cbor, to_send;
	bool coap;                   /* the URI wants CoAP: what is sent is path, media type and content */
	char host[MST_ID_MAX];       /* to dial, for SNI and for the server's certificate */
	uint16_t port;
	char path[BRIEFING_PATH];
	uint8_t content[MST_BRIEF_OCTETS];
	size_t content_n;
	mst_ms answer_ms, deadline;
	struct mst_failure failure;  /* rsc: status of HTTP */
	/* What came of it. */
	mst_time server_time;        /* 0 = not said; a refusal may say it too */
	char id[65];                 /* ASK, done: of the briefing */
	uint8_t sequence[MST_SEQ_OCTETS];
	size_t sequence_n;
	/* working storage */
	struct mst_brief_answer answer;
	uint8_t scratch[MST_BRIEF_ANSWER_OCTETS];
};

/*
 * Begin a job. When the encoded question or report is too long, the oldest failures in it are left out. False, with
 * `d`, when the URI is none that this device can reach or a text is no text: then nothing is to be sent.
 */
MST_MUST_CHECK bool briefing_ask(struct briefing *b, const struct briefing_config *cfg, const struct mst_brief_ask *q,
				 mst_ms now, struct mst_diag *d);
/* `id`: of the briefing that is reported on. */
MST_MUST_CHECK bool briefing_report(struct briefing *b, const struct briefing_config *cfg, const char *id,
				    const struct mst_brief_report *q, mst_ms now, struct mst_diag *d);

void briefing_opened(struct briefing *b, mst_ms now);
void briefing_sent(struct briefing *b);
void briefing_feed(struct briefing *b, const struct mst_http_msg *m, mst_ms now);
void briefing_garbage(struct briefing *b, const char *detail, mst_ms now);
void briefing_lost(struct briefing *b, enum prov_reason r, const char *detail, mst_ms now);
void briefing_tick(struct briefing *b, mst_ms now);

enum briefing_want briefing_want(const struct briefing *b);
enum briefing_state briefing_state(const struct briefing *b);
mst_ms briefing_deadline(const struct briefing *b);              /* MST_NEVER when it has ended */
const struct mst_failure *briefing_failure(const struct briefing *b);
/* While SEND is wanted: the whole HTTP request; or, over CoAP, a POST of b->content of this media type to b->path, wanted back in the same. */
void briefing_request(const struct briefing *b, struct mst_writer *w);
const char *briefing_media(const struct briefing *b);
/* ASK, done: the sequence in CBOR, as the engine takes it. */
struct mst_view briefing_sequence(const struct briefing *b);

/* A text of somebody else, cut between characters and made plain, so that every member of a message may hold it. */
void briefing_plain(char *out, size_t cap, struct mst_view v);

#endif
