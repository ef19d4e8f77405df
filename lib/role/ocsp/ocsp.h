/*
 * Certificate status online (RFC 6960): what the store knows of the certificates that our CA has issued, for anybody who asks,
 * by plain HTTP. Answers are signed by the keeper; nothing is written.
 *
 *     request (HTTP) → decode → load → decide (PURE) → encode
 */
#ifndef MST_ROLE_OCSP_OCSP_H
#define MST_ROLE_OCSP_OCSP_H

#include "crypto/ocsp.h"
#include "crypto/pki.h"
#include "role/role.h"

struct ocsp_call {
	bool path_fits, media_fits;
	enum mst_op op;
	int end;                       /* of reading the request: 0 or MST_PKI_MALFORMED */
	struct mst_ocsp_request q;
};

/* Of each that was asked for and is ours. */
struct ocsp_records { struct { bool found; struct mst_cert_row row; } of[MST_OCSP_ASKED_MAX]; };

struct ocsp_verdict {
	int status;                    /* of HTTP */
	const char *say;               /* when that is not 200 */
	enum mst_ocsp_error error;     /* 200: NO_ERROR means `answer` */
	struct mst_ocsp_answer answer;
	struct mst_authorisation leave;        /* to have `answer` signed; only decide can make one */
};

/* PURE. */
void ocsp_decide(const struct ocsp_call *c, const struct ocsp_records *r, const struct mst_role_conf *conf, const char *to,
		 mst_time now, struct ocsp_verdict *v);

#endif
