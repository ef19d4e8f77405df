/*
 * Certificate provisioning at the MEF over EST (TS-0003 8.3.6, RFC 7030): the MEF is the RA, the keeper has the CA.
 *
 *     request (HTTP) → decode → load → decide (PURE) → apply → encode
 *
 * The same order as for primitives, in types of its own: a request here has no primitive around it.
 */
#ifndef MST_ROLE_MEF_EST_H
#define MST_ROLE_MEF_EST_H

#include "codec/est.h"
#include "crypto/request.h"
#include "role/common/common.h"

#define EST_CHALLENGE_LIFE 86400       /* seconds that a challengePassword is taken; handed out for half of them */
#define EST_LIVE_MAX 16                /* certificates of a node that are good at the same time */
#define EST_REQUESTS_MAX 16            /* requests of a node that are remembered */

struct est_call {
	enum mst_est_op op;
	bool method_fits, media_fits;
	int csr_end;                   /* ENROLL, REENROLL: 0 or enum mst_pki_outcome */
	char csr_why[160];             /* what is wrong with it, for the peer */
	struct mst_csr_info csr;
};

struct est_records {
	bool has_challenge, has_req, has_issued, has_command;
	struct mst_challenge challenge;
	struct mst_certreq req;        /* of this very request */
	struct mst_cert_row issued;    /* that `req` led to */
	struct mst_command command;    /* a CERT_PROV that is issued or waits */
	mst_time shown_until;          /* end of the certificate that the session showed; 0: none */
	/* what the session showed, when we issued it: */
	bool has_own;
	bool own_former;               /* before the node came to its provider */
	struct mst_san own_san;
	uint8_t own_subject_sha256[MST_SHA256_LEN];
	mst_time own_until;
	size_t live;                   /* certificates of the node that are good */
	/* ENROLL, REENROLL: the last one for the name that is asked for is not revoked, and of the time with the provider that it has now; it may have ended */
	bool has_name;
	mst_time ca_until;
};

enum est_body { EST_BODY_NONE, EST_BODY_CACERTS, EST_BODY_ATTRS, EST_BODY_AGAIN /* the certificate that is there */,
                EST_BODY_ISSUE, EST_BODY_WAIT };

struct est_verdict {
	int rsc;
	char say[160], why[220];
	const char *what;              /* event: "mef." what */
	enum est_body body;
	int retry_after;
	struct mst_san san;            /* ATTRS, ISSUE: the name, as it stands in certificates */
	mst_time until;                /* ISSUE */
	bool put_challenge, insert_req, update_req;
	struct mst_challenge challenge;
	struct mst_certreq req;
	struct mst_authorisation leave;        /* ISSUE: to sign; only decide can make one */
};

/* PURE. */
void est_decide(const struct est_call *c, const struct mst_who *w, const struct est_records *r,
                const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance, struct est_verdict *v);
/* The name that the MEF wants the client certified by: what a CERT_PROV says, else CSE-ID, AE-ID, M2M-Node-ID in this
 * order; in the form that certificates have. False when there is none that can be certified. */
bool est_subject(const struct mst_who *w, const struct est_records *r, struct mst_san *ret);
/* The same of a certSubjectType and certSubjectID (TS-0003 12.3.2.5). */
bool est_subject_of(int64_t kind, const char *id, struct mst_san *ret);
/* Is it an open CERT_PROV by somebody whose word counts for the node now, and for a name that it has now? One that a former
 * provider gave is nobody's. */
bool est_command_fits(const struct mst_role_conf *conf, const struct mst_who *w, const struct mst_command *m);

/* Shell. */
MST_MUST_CHECK int est_handle(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a);

#endif
