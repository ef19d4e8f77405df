/* Reading PEM: whatever is accepted comes back the same after writing, and OpenSSL reads the same first certificate of it, or none. */
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* OpenSSL takes a long line to pieces, and a NUL ends a line there: text between blocks may hold both, which is for people. */
static bool is_plain(struct mst_view in)
{
	size_t width = 0;

	for (size_t i = 0; i < in.n; i++) {
		width = in.p[i] == '\n' ? 0 : width + 1;
		if (width > 250 || !in.p[i])
			return false;
	}
	return true;
}

static void against_openssl(struct mst_view in, struct mst_view ours)
{
	BIO *b = BIO_new_mem_buf(in.p, (int)in.n);
	char *label = NULL, *header = NULL;
	unsigned char *der = NULL;
	long len = 0;
	bool same = false;

	while (b && !same && PEM_read_bio(b, &label, &header, &der, &len)) {
		same = strcmp(label, "CERTIFICATE") == 0;
		if (same && !mst_view_eq(ours, (struct mst_view){ der, (size_t)len }))
			abort();
		OPENSSL_free(label);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	if (same != (ours.n > 0))
		abort();
	BIO_free(b);
	ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t out[4096], pem[8192], again[4096];
	struct mst_view in = { p, n };
	struct mst_diag d;
	size_t at = 0, len, len2, at2;
	bool first = true;

	while (mst_pem_next(in, &at, "CERTIFICATE", out, sizeof(out), &len, &d) == 0) {
		struct mst_writer w = mst_writer_of(pem, sizeof(pem));

		if (first && is_plain(in))
			against_openssl(in, (struct mst_view){ out, len });
		first = false;
		if (!len)
			break;
		mst_pem_put(&w, "CERTIFICATE", (struct mst_view){ out, len });
		at2 = 0;
		if (!w.ok ||
		    mst_pem_next(mst_written(&w), &at2, "CERTIFICATE", again, sizeof(again), &len2, &d) ||
		    len2 != len || memcmp(out, again, len))
			abort();
	}
	return 0;
}
