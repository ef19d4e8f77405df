/* Reading a root credential: what is accepted is written back to the same octets; of an older version, to such as are read to the same. */
#include <stdlib.h>
#include <string.h>

#include "secenv/secenv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t out[MST_ROOT_CRED_MAX];
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_root_cred c, again;

	if (!mst_root_cred_decode((struct mst_view){ p, n }, &c))
		return 0;
	if (mst_root_cred_encode(&c, &w))
		abort();
	if (n >= 2 && !memcmp(out, p, 2)) {
		if (w.n != n || memcmp(out, p, n))
			abort();
	} else if (!mst_root_cred_decode(mst_written(&w), &again) || memcmp(&again, &c, sizeof(c))) {
		abort();
	}
	return 0;
}
