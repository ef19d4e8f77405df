/* Reading PEM: whatever is accepted comes back the same after writing. */
#include <stdlib.h>
#include <string.h>

#include "crypto/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t out[4096], pem[8192], again[4096];
	struct mst_view in = { p, n };
	struct mst_diag d;
	size_t at = 0, len, len2, at2;

	while (mst_pem_next(in, &at, "CERTIFICATE", out, sizeof(out), &len, &d) == 0 && len) {
		struct mst_writer w = mst_writer_of(pem, sizeof(pem));

		mst_pem_put(&w, "CERTIFICATE", (struct mst_view){ out, len });
		at2 = 0;
		if (!w.ok ||
		    mst_pem_next(mst_written(&w), &at2, "CERTIFICATE", again, sizeof(again), &len2, &d) ||
		    len2 != len || memcmp(out, again, len))
			abort();
	}
	return 0;
}
