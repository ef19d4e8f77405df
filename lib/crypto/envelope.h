/*
 * A file that somebody has encrypted for us: CMS EnvelopedData or AuthEnvelopedData (RFC 5652, RFC 5083), as
 * `openssl cms -encrypt -outform DER` or `-outform PEM` makes it, to a certificate or with a password. OpenSSL's own
 * reader: only people's files go through it, never what comes from the network.
 */
#ifndef MST_CRYPTO_ENVELOPE_H
#define MST_CRYPTO_ENVELOPE_H

#include "base/attr.h"
#include "base/diag.h"
#include "base/fault.h"
#include "base/view.h"

/* Either the certificate (DER) and its key (PKCS#8 DER), or a password. */
struct mst_envelope_key { struct mst_view cert, pkcs8, password; };

/* Does this look like one, DER or PEM? */
bool mst_envelope_is(struct mst_view cms);
/*
 * 0 and the content, malloc'ed with a NUL behind it and to be wiped by the caller; or MST_FAULT_CONFIG with the reason in
 * `d`. Without authentication (EnvelopedData) whoever has changed the file may have changed the content.
 */
MST_MUST_CHECK int mst_envelope_open(struct mst_view cms, const struct mst_envelope_key *k, char **ret_text, size_t *ret_n,
				     struct mst_diag *d);

#endif
