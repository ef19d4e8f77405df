/*
 * EST as it stands in HTTP (RFC 7030, RFC 8951): the operations, their paths and media types, and the base64 of their
 * contents. Both ends use these. How estBaseURI leads to the paths is not said by TS-0003 8.3.6.2: the operation's name
 * is appended to it (ours).
 */
#ifndef MST_CODEC_EST_H
#define MST_CODEC_EST_H

#include "base/attr.h"
#include "base/view.h"
#include "base/writer.h"

#define MST_EST_PATH "/.well-known/est"
#define MST_EST_BODY_MAX 8192                 /* octets of a request's content; beyond is refused unread */
#define MST_EST_CERTS_ONLY "application/pkcs7-mime; smime-type=certs-only"
#define MST_EST_PKCS10 "application/pkcs10"
#define MST_EST_CSRATTRS "application/csrattrs"

enum mst_est_op {
	MST_EST_NONE,
	MST_EST_CACERTS,
	MST_EST_CSRATTRS_GET,
	MST_EST_ENROLL,
	MST_EST_REENROLL,
	MST_EST_SERVERKEYGEN,         /* recognised, and refused: keys are made on the device (lesson 28) */
	MST_EST_FULLCMC,              /* recognised, and refused */
	MST_EST__COUNT
};
extern const char *const mst_est_name[MST_EST__COUNT];     /* "simpleenroll" */
extern const char *const mst_est_method[MST_EST__COUNT];   /* "POST" */

/* The operation of a path below MST_EST_PATH; MST_EST_NONE for any other, labels included. */
enum mst_est_op mst_est_op_of(struct mst_view path);
/* Is it a media type (parameters left aside) of that name? */
bool mst_est_media_is(struct mst_view media, const char *name);
/* Base64 in one piece: RFC 8951 3.1 asks for no lines, and there are readers that take none. */
void mst_est_put_base64(struct mst_writer *w, struct mst_view v);
/* What a peer sent as base64, in lines or not. False when it is none, or longer than `cap`. */
MST_MUST_CHECK bool mst_est_get_base64(struct mst_view in, uint8_t *out, size_t cap, size_t *ret_n);

#endif
