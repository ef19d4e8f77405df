/*
 * mst_cert_info, and the reader of to-be-signed parts, on any octets. What a file or a database says of a certificate is what a
 * handshake says of it, its fingerprint as well: the library reads more than DER, and writes DER.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/pki.h"
#include "crypto/pki-x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void as_of_a_peer(struct mst_view v, const struct mst_cert_info *info)
{
	const unsigned char *p = v.p;
	X509 *x = d2i_X509(NULL, &p, (long)v.n);
	struct mst_cert_info peer;

	if (!x || mst_cert_info_x509(x, &peer, NULL) || memcmp(&peer, info, sizeof(peer)) != 0)
		abort();
	X509_free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view v = { p, n };
	struct mst_cert_info info;
	struct mst_tbs_info tbs;
	struct mst_diag d;

	if (mst_cert_info(v, &info, &d) == 0) {
		as_of_a_peer(v, &info);
		for (size_t i = 0; i < info.n_san; i++)
			if (!mst_id_valid(info.san[i].kind, mst_view_str(info.san[i].value)))
				abort();
	}
	if (mst_tbs_info(v, v, &tbs, &d) == 0 && tbs.cert.n_san > MST_SANS_MAX)
		abort();
	return 0;
}
