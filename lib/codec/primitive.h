/*
 * oneM2M primitives (TS-0004 8.2.2) and their HTTP binding (TS-0009, spec 8.1 to 8.3).
 * Pure: bytes and header lists in, structs out, and back. The transport parses HTTP/1.1 itself with
 * llhttp; here a message is already a list of headers.
 */
#ifndef MST_CODEC_PRIMITIVE_H
#define MST_CODEC_PRIMITIVE_H

#include "base/diag.h"
#include "base/time.h"
#include "base/writer.h"

#define MST_HTTP_HEADERS_MAX 48

enum mst_op { MST_OP_NONE, MST_OP_CREATE, MST_OP_RETRIEVE, MST_OP_UPDATE, MST_OP_DELETE, MST_OP_NOTIFY };
const char *mst_op_text(enum mst_op op);

/* Response status codes used here (spec 8.7). */
enum mst_rsc {
	MST_RSC_ACCEPTED = 1000,
	MST_RSC_OK = 2000,
	MST_RSC_CREATED = 2001,
	MST_RSC_DELETED = 2002,
	MST_RSC_UPDATED = 2004,
	MST_RSC_BAD_REQUEST = 4000,
	MST_RSC_RELEASE_NOT_SUPPORTED = 4001,
	MST_RSC_NOT_FOUND = 4004,
	MST_RSC_OPERATION_NOT_ALLOWED = 4005,
	MST_RSC_REQUEST_TIMEOUT = 4008,
	MST_RSC_UNSUPPORTED_MEDIA_TYPE = 4015,
	MST_RSC_CONTENTS_UNACCEPTABLE = 4102,
	MST_RSC_NO_PRIVILEGE = 4103,
	MST_RSC_CONFLICT = 4105,
	MST_RSC_NOT_AUTHENTICATED = 4106,
	MST_RSC_SECURITY_REQUIRED = 4107,
	MST_RSC_ALREADY_REGISTERED = 4117,
	MST_RSC_SUBSCRIPTION_NOT_ESTABLISHED = 4128,
	MST_RSC_INTERNAL = 5000,
	MST_RSC_NOT_IMPLEMENTED = 5001,
	MST_RSC_TARGET_NOT_REACHABLE = 5103,
	MST_RSC_NOT_ACCEPTABLE = 5207,
};
/* HTTP status of an RSC (TS-0009 6.3.2); 500 for one that is not in the table. */
int mst_rsc_http(int rsc);
/* RSC that goes with a refusal of HTTP itself, from before there was a primitive; 0 where none fits (503: it was not looked at). */
int mst_http_rsc(int status);
const char *mst_rsc_text(int rsc);            /* "ORIGINATOR_NOT_AUTHENTICATED" */

struct mst_http_header { struct mst_view name, value; };

struct mst_http_msg {                         /* a request or a response; views are borrowed */
	struct mst_view method, target;       /* request only */
	int status;                           /* response only */
	struct mst_http_header header[MST_HTTP_HEADERS_MAX];
	size_t n;
	struct mst_view body;
};
/* First header of that name (case-insensitive), or an empty view. */
struct mst_view mst_http_find(const struct mst_http_msg *m, const char *name);

struct mst_request {
	enum mst_op op;
	/* decoded path, "/MEFBase/reg-1"; `/~/`, `/_/` forms resolved */
	struct mst_view to;
	struct mst_view from, rqi, rvi, vsi;
	struct mst_view accept, media;        /* media type of the content, without parameters */
	int ty;                               /* resource type on Create, 0 = none */
	struct mst_view content;
};

struct mst_response {
	int rsc;
	struct mst_view rqi, rvi;
	struct mst_view content, media;
	struct mst_view location;             /* Content-Location of a created resource */
	int retry_after;                      /* seconds, 0 = none */
	struct mst_view headers;              /* writing: more header lines, ready with their line ends */
};

enum mst_prim_outcome { MST_PRIM_BAD = 1 };   /* ret_rsc says which status to answer with */

/* `scratch` receives decoded text (path). On MST_PRIM_BAD *ret_rsc is set and `d` explains. */
MST_MUST_CHECK int mst_request_from_http(const struct mst_http_msg *m, struct mst_arena *scratch,
                                         struct mst_request *ret_q, int *ret_rsc, struct mst_diag *d);
MST_MUST_CHECK int mst_response_from_http(const struct mst_http_msg *m, struct mst_response *ret_a,
                                          struct mst_diag *d);
/* An answer, or what stands for one: a server that is full says 503 (429) before it has looked at the primitive. */
MST_MUST_CHECK int mst_answer_from_http(const struct mst_http_msg *m, struct mst_response *ret_a, struct mst_diag *d);
/* Whole HTTP/1.1 message octets. `host` goes into the Host header. Overflow latches in `w`. */
void mst_request_to_http(const struct mst_request *q, struct mst_view host, struct mst_writer *w);
void mst_response_to_http(const struct mst_response *a, bool keep_alive, struct mst_writer *w);

#endif
