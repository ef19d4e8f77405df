/* Checks that several tables name. Internal to lib/codec. */
#ifndef MST_CODEC_CHECKS_H
#define MST_CODEC_CHECKS_H

#include "base/view.h"

bool mst_check_fqdn(struct mst_view v);
bool mst_check_token(struct mst_view v);        /* printable ASCII without blanks */
bool mst_check_label(struct mst_view v);        /* UTF-8 without control characters */
bool mst_check_key_id(struct mst_view v);
bool mst_check_rel_key(struct mst_view v);
bool mst_check_node_id(struct mst_view v);
bool mst_check_cse_abs(struct mst_view v);
bool mst_check_ae_abs(struct mst_view v);
bool mst_check_pin(struct mst_view v);
bool mst_check_target(struct mst_view v);       /* MAF-FQDN, absolute CSE-ID or AE-ID */
bool mst_check_uri(struct mst_view v);          /* https, coaps or wss */
bool mst_check_der(struct mst_view v);          /* one SEQUENCE, definite length, nothing after it */

#define MST_EXPECTS_FQDN "an FQDN like maf.example.com"
#define MST_EXPECTS_TOKEN "printable ASCII without blanks"
#define MST_EXPECTS_LABEL "text without control characters"
#define MST_EXPECTS_URI "a URI like https://mef.example.com:8443"
#define MST_EXPECTS_DER "one DER SEQUENCE (a certificate)"
#define MST_EXPECTS_CSE "an absolute CSE-ID like //sp.example.com/CSE0001"

#endif
