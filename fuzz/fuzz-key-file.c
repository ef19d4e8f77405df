/*
 * Files that say where a key is: the key file of a store, what back ends put into it, the key-encryption key's. What is taken is written back to the same
 * octets. The input is a file as it is; and then, behind an octet for the back end, a record in a key file whose hash fits, which no fuzzer finds.
 */
#include <stdlib.h>
#include <string.h>

#include "keeper/kek-device.h"
#include "secenv/store.h"
#if MST_WITH_TPM
#include "secenv/tpm-int.h"
#endif

#define TPM_HEAD 21u             /* version, the counter's index, salt (tpm.c) */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void record(enum mst_secenv_kind kind, struct mst_view v)
{
	uint8_t id[ROOT_ID], again[64];
	struct mst_writer w = mst_writer_of(again, sizeof(again));
	struct mst_diag d = { 0 };
	struct mst_view salt;

	if (kind == MST_SECENV_PKCS11 || kind == MST_SECENV_UICC) {
		if (secenv_named_record_read(v, 1, id, &salt, "a device", &d)) {
			secenv_named_record(&w, 1, id, salt.p);
			if (!w.ok || !mst_view_eq(mst_written(&w), v))
				abort();
		} else if (!d.text[0]) {
			abort();
		}
	}
#if MST_WITH_TPM
	if (kind == MST_SECENV_TPM && v.n > TPM_HEAD) {
		TPM2B_PUBLIC pub;

		if (tpm_public(mst_view_sub(v, TPM_HEAD, v.n), &pub, &d) && !d.text[0])
			abort();
	}
#endif
}

static void key_file(struct mst_crypto *c, struct mst_view in, bool wanted)
{
	uint8_t again[2 * KEY_FILE_MAX];
	struct mst_writer w = mst_writer_of(again, sizeof(again));
	enum mst_secenv_kind kind;
	struct mst_diag d = { 0 };
	struct mst_view v;
	int r = key_file_parse(c, in, "key", &kind, &v, &d);

	if (r) {
		if (wanted || !d.text[0])
			abort();
		return;
	}
	if (kind < MST_SECENV_FILE || kind > MST_SECENV_UICC || (kind == MST_SECENV_FILE) != (in.n == 32))
		abort();
	if (key_file_put(c, kind, v, &w) || !w.ok || !mst_view_eq(mst_written(&w), in))
		abort();
	record(kind, v);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_crypto *c = mst_crypto_openssl();
	const struct mst_view in = { p, n };
	uint8_t b[KEY_FILE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	int kind = kek_device_kind(in);

	if ((kind == 0) != (n == 32) || kind < -1 || kind == MST_SECENV_FILE || kind > MST_SECENV_PKCS11)
		abort();
	key_file(c, in, false);
	if (!n || n > ROOT_RECORD_MAX)
		return 0;
	kind = MST_SECENV_SECRET + p[0] % (MST_SECENV_UICC - MST_SECENV_SECRET + 1);
	if (key_file_put(c, (enum mst_secenv_kind)kind, mst_view_sub(in, 1, n), &w) || !w.ok)
		abort();
	key_file(c, mst_written(&w), true);
	return 0;
}
