/* mst_cert_info, and the reader of to-be-signed parts, on any octets. */
#include <stdlib.h>
#include <string.h>

#include "crypto/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view v = { p, n };
	struct mst_cert_info info;
	struct mst_tbs_info tbs;
	struct mst_diag d;

	if (mst_cert_info(v, &info, &d) == 0)
		for (size_t i = 0; i < info.n_san; i++)
			if (!mst_id_valid(info.san[i].kind, mst_view_str(info.san[i].value)))
				abort();
	if (mst_tbs_info(v, v, &tbs, &d) == 0 && tbs.cert.n_san > MST_SANS_MAX)
		abort();
	return 0;
}
