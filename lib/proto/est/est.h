/*
 * The client of EST (RFC 7030, TS-0003 8.3.6.2): a pure state machine over one authenticated session with an MEF.
 * The shell opens the session, sends what est_request() gives, and feeds answers; `now` is monotonic.
 *
 *   ENROLL     cacerts → csrattrs → request made → simpleenroll
 *   REENROLL   the same with simplereenroll, in a session with the certificate that is to be renewed
 *   PROVE      cacerts alone: does the MEF take the new certificate?
 *   AGAIN      as ENROLL, for the name of a certificate that there is, where no session can be had with that
 *
 * A request that was answered 202 is sent again as it was (`csr` of the configuration): then its attributes are not asked
 * for. Keys, requests and certificates are the port's: the key never comes here (lesson 28).
 */
#ifndef MST_PROTO_EST_H
#define MST_PROTO_EST_H

#include "codec/est.h"
#include "codec/ident.h"
#include "codec/primitive.h"

#define EST_CSR_OCTETS 2048
#define EST_DER_OCTETS 8192          /* of an answer, decoded */
#define EST_REQUEST_OCTETS 6144
#define EST_RETRY_MAX (30 * 86400)

enum est_job { EST_JOB_ENROLL, EST_JOB_REENROLL, EST_JOB_PROVE, EST_JOB_AGAIN, EST_JOB__COUNT };
enum est_state { EST_IDLE, EST_CACERTS, EST_CSRATTRS, EST_ENROLLING, EST_DONE, EST_LATER, EST_FAILED, EST_STATE__COUNT };
const char *est_state_text(enum est_state s);
enum est_event { EST_EV_OPENED, EST_EV_ANSWER, EST_EV_LOST, EST_EV_TIMER, EST_EVENT__COUNT };
/* Whose doing a failure is: cmdStatusCode 100 or 101 (TS-0003 12.3.2.4). */
enum est_blame { EST_BLAME_NONE, EST_BLAME_SERVER, EST_BLAME_CLIENT };

struct est_name { enum mst_id_kind kind; char value[MST_ID_MAX]; };      /* as it stands in a certificate */
struct est_attrs { bool has_name, has_challenge; struct est_name name; char challenge[65]; };

/* What needs keys or ASN.1. Each 0, or the text of what is wrong. */
struct est_port {
	void *ctx;
	const char *(*attrs)(void *ctx, struct mst_view der, struct est_attrs *ret);
	/* Make a request for `name`; `challenge` may be "". */
	const char *(*csr)(void *ctx, const struct est_name *name, const char *challenge, uint8_t *out, size_t cap, size_t *ret_n);
	const char *(*ca)(void *ctx, struct mst_view bag);
	/* The certificate that was issued: is it for our key and name, and of that CA? Keep it. */
	const char *(*issued)(void *ctx, struct mst_view bag);
};

struct est_config {
	enum est_job job;
	const char *host;            /* for the Host header: FQDN, with the port when that is not 443 */
	const char *base;            /* path of estBaseURI, without a trailing slash */
	struct est_name name;        /* of all but PROVE: what is to be certified */
	struct mst_view csr;         /* a request made before, or empty. Copied */
	const struct est_port *port; /* borrowed until the end */
	mst_ms answer_ms;
};

struct est {
	enum est_job job;
	enum est_state state;
	char host[MST_ID_MAX + 8], base[MST_ID_MAX];
	struct est_name name;
	const struct est_port *port;
	uint8_t csr[EST_CSR_OCTETS];
	size_t csr_n;
	uint8_t out[EST_REQUEST_OCTETS];
	size_t out_n;
	bool to_send;
	mst_ms answer_ms, deadline;
	int64_t retry_after;         /* LATER: seconds */
	enum est_blame blame;
	char detail[192];
};

/* "https://fqdn[:port]/path" of CERT_PROV; what it wants certified. False when that is nothing that can be. */
MST_MUST_CHECK bool est_name_of(int64_t subject_type, struct mst_view subject_id, struct est_name *ret);
/* False when a text does not fit. */
MST_MUST_CHECK bool est_init(struct est *e, const struct est_config *c);
void est_opened(struct est *e, mst_ms now);
/* The whole HTTP request to send, or an empty view; then est_sent(). */
struct mst_view est_request(const struct est *e);
void est_sent(struct est *e);
void est_feed(struct est *e, const struct mst_http_msg *m, mst_ms now);
void est_lost(struct est *e, const char *detail, mst_ms now);
void est_tick(struct est *e, mst_ms now);
bool est_ended(const struct est *e);
mst_ms est_deadline(const struct est *e);

#endif
