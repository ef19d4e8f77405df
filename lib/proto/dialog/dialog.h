/*
 * One request at a time inside an authenticated session: what the client machines of Mmef and Mmaf have
 * in common. Builds the request in its own storage, keeps the deadline, matches the answer, and says in
 * one vocabulary (enum prov_reason) why an answer ends the procedure. PURE.
 */
#ifndef MST_PROTO_DIALOG_H
#define MST_PROTO_DIALOG_H

#include "codec/ident.h"
#include "codec/primitive.h"
#include "codec/quirks.h"
#include "codec/resources.h"
#include "proto/provisioning/provisioning.h"

#define MST_DIALOG_CONTENT 4096      /* octets of the largest request content */
#define MST_DIALOG_PATH 512
#define MST_REG_ID_MAX 128           /* a resource id as we accept it in a path */
#define MST_DIALOG_DETAIL 192

/* Why a procedure ended without success; also what status, events and log show. */
struct mst_failure {
	enum prov_reason reason;     /* PROV_OK: it did not fail */
	int rsc;                     /* the peer's status, 0 when there was no answer */
	int64_t retry_after;         /* seconds, 0 = the peer gave none */
	char detail[MST_DIALOG_DETAIL];
};

struct mst_dialog_config {
	const char *who;             /* "MEF" or "MAF", for texts */
	const char *from;            /* X-M2M-Origin; "" = none yet */
	const char *attempt;         /* 32 hex digits: correlates events on every side */
	enum mst_profile names;
	mst_ms answer_ms;            /* deadline of one answer */
};

struct mst_dialog {
	char who[8];
	char from[MST_ID_MAX];
	char vsi[48];
	char rqi[32];
	char path[MST_DIALOG_PATH];
	uint8_t content[MST_DIALOG_CONTENT];
	struct mst_request out;
	enum mst_profile names;
	uint32_t seq;
	bool to_send, outstanding;
	mst_ms answer_ms, deadline;
	struct mst_failure failure;
};

/* False when a text does not fit. */
MST_MUST_CHECK bool mst_dialog_init(struct mst_dialog *d, const struct mst_dialog_config *cfg);

/* Queue a request to base + "/" + id + tail (id and tail may be ""). `msg` NULL: no content. False, with
 * the failure noted, when it does not fit. */
MST_MUST_CHECK bool mst_dialog_ask(struct mst_dialog *d, enum mst_op op, const char *base, const char *id,
				   const char *tail, int ty, const struct mst_msg *m, const void *msg,
				   mst_ms now);
/* The request to send, or NULL. */
const struct mst_request *mst_dialog_out(const struct mst_dialog *d);
void mst_dialog_sent(struct mst_dialog *d);

/*
 * Is `a` the answer to what was asked, with status `want`? Otherwise the failure is noted: another rqi
 * or release is MALFORMED, another status is what the status means. Ends the outstanding request.
 */
MST_MUST_CHECK bool mst_dialog_answered(struct mst_dialog *d, const struct mst_response *a, int want);
/* Read the content by table; notes MALFORMED with field and text. */
MST_MUST_CHECK bool mst_dialog_read(struct mst_dialog *d, const struct mst_response *a,
				    const struct mst_msg *m, struct mst_arena *arena, void *ret);
/* Note a failure; the first one stays. Pieces are joined; always returns false. */
bool mst_dialog_fail(struct mst_dialog *d, enum prov_reason r, const char *piece, ...)
	__attribute__((sentinel));

/*
 * Ends that every procedure shares; `doing` is what it was about, for people. Each notes the failure and returns
 * false, unless it says otherwise.
 */
bool mst_dialog_lost(struct mst_dialog *d, enum prov_reason r, const char *detail);  /* PROV_OK: not reachable */
bool mst_dialog_out_of_turn(struct mst_dialog *d, const char *doing);
/* True while the answer is not overdue. */
MST_MUST_CHECK bool mst_dialog_in_time(struct mst_dialog *d, mst_ms now, const char *doing);
/* The answer to a de-registration. Not found is what we wanted too: a repeated one whose answer was lost (lesson 11). */
MST_MUST_CHECK bool mst_dialog_left(struct mst_dialog *d, const struct mst_response *a);
/* Nothing is asked or waited for any more. */
void mst_dialog_rest(struct mst_dialog *d);

/* What an RSC that is not success means for the node. */
enum prov_reason mst_reason_of_rsc(int rsc);

/* A resource id that can stand in a path as it is: 1..MST_REG_ID_MAX-1 unreserved characters. */
bool mst_reg_id_valid(struct mst_view v);
/* Copy a text into fixed storage as "does it fit": false leaves "" there. */
bool mst_copy_text(char *out, size_t cap, const char *s);

#endif
