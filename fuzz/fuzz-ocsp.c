/*
 * Requests for the status of certificates on any octets: what is taken is within its bounds, and an answer to it can be made
 * that says "unknown" of everything; what is said of our own CA's certificates is as the request names them.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/ocsp.h"
#include "crypto/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct { uint8_t key[MST_PKEY_MAX], ca[MST_CERT_MAX]; size_t n_key, n_ca; } w;

static void world(void)
{
	struct mst_cert_spec spec = { .role = MST_CERT_CA, .common_name = "fuzz CA", .not_before = 0, .not_after = MST_NEVER, .path_len = -1 };
	struct mst_local_signer s;
	uint8_t spki[128];
	size_t n;

	if (mst_pkey_generate(w.key, sizeof(w.key), &w.n_key) || mst_local_signer_init(&s, (struct mst_view){ w.key, w.n_key }) ||
	    mst_pkey_public((struct mst_view){ w.key, w.n_key }, spki, sizeof(spki), &n) ||
	    mst_cert_issue(mst_crypto_openssl(), &s.signer, MST_VIEW_NONE, (struct mst_view){ spki, n }, &spec, w.ca, sizeof(w.ca), &w.n_ca))
		abort();
	mst_local_signer_deinit(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_ocsp_answer a = { .this_update = 1, .next_update = 2 };
	uint8_t der[MST_OCSP_RESPONSE_MAX];
	struct mst_ocsp_request q;
	struct mst_diag d = { 0 };
	size_t len;
	int r;

	if (!w.n_ca)
		world();
	r = mst_ocsp_request_read((struct mst_view){ p, n }, (struct mst_view){ w.ca, w.n_ca }, &q, &d);
	if (r < 0 || (r && !d.text[0]))
		abort();
	if (r)
		return 0;
	if (!q.n || q.n > MST_OCSP_ASKED_MAX || q.n_nonce > MST_OCSP_NONCE_MAX)
		abort();
	a.n = q.n;
	a.n_nonce = q.n_nonce;
	memcpy(a.nonce, q.nonce, sizeof(a.nonce));
	for (size_t i = 0; i < q.n; i++) {
		if (!memchr(q.asked[i].serial, 0, sizeof(q.asked[i].serial)))
			abort();
		a.single[i].id = q.asked[i].id;
		a.single[i].status = q.asked[i].ours ? MST_OCSP_REVOKED : MST_OCSP_UNKNOWN;
	}
	if (mst_ocsp_response_make((struct mst_view){ w.key, w.n_key }, (struct mst_view){ w.ca, w.n_ca }, (struct mst_view){ w.ca, w.n_ca }, &a,
				   der, sizeof(der), &len))
		abort();
	return 0;
}
