/*
 * Between lib/crypto and lib/transport only, the two layers that know OpenSSL: a certificate that the library
 * has decoded for a handshake need not be decoded a second time for its names.
 */
#ifndef MST_CRYPTO_PKI_X509_H
#define MST_CRYPTO_PKI_X509_H

#include <openssl/x509.h>

#include "crypto/pki.h"

/* As mst_cert_info(), of a certificate at hand. */
MST_MUST_CHECK int mst_cert_info_x509(X509 *x, struct mst_cert_info *ret_i, struct mst_diag *d);

#endif
