/*
 * BootstrappingInfo (TS 24.109 C.1): what a BSF answers when AKA has succeeded. Written here; read by lib/xml, which
 * needs a library.
 *
 * Ours, not 3GPP's, are two elements in Extension, each with JSON as text: `instructions`, a sequence (codec/instr.h), and
 * `configuration`, what a MEF hands a node in the other methods (mst_mef_client_cfg_msg, long names, with its root). A client that does
 * not know them ignores them, as the schema asks.
 */
#ifndef MST_CODEC_BSF_INFO_H
#define MST_CODEC_BSF_INFO_H

#include "base/time.h"
#include "base/writer.h"

#define MST_BSF_INFO_OCTETS 32768            /* largest body that is read or written */
#define MST_BSF_INFO_MEDIA "application/vnd.3gpp.bsf+xml"
#define MST_BSF_INFO_NS "uri:3gpp-gba"
/* Ours is named by the number that our other names hang from. */
#define MST_BSF_INFO_OUR_NS "urn:uuid:fa5410ff-74bf-4d3b-9c60-39ec6b3666e5"
#define MST_BTID_MAX 256                     /* with its NUL: what a TLS identity has room for (OpenSSL) */

struct mst_bsf_info {
	struct mst_view btid;                /* opaque text; printable ASCII, shorter than MST_BTID_MAX. Required */
	mst_time lifetime;                   /* the instant at which the key ends. Required */
	mst_time current_time;               /* the BSF's clock; 0 = not said */
	struct mst_view instructions;        /* JSON; empty = none */
	struct mst_view configuration;       /* JSON; empty = none */
};
/* 0, or the words that say what is wrong. */
const char *mst_bsf_info_wrong(const struct mst_bsf_info *i);
/* On one line, without a line end. What is wrong, or no character of XML 1.0, latches `w`. */
void mst_bsf_info_write(const struct mst_bsf_info *i, struct mst_writer *w);

#endif
