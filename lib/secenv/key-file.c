/*
 * The key file of a store. 32 octets are the key itself. Otherwise:
 *
 *   "mstK", version 1, kind (enum mst_secenv_kind), record (u16 length), SHA-256 over all that
 *
 * The record is the back end's, and worthless without it. The hash tells a damaged file from a cleared TPM.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secenv/private.h"
#include "secenv/store.h"

#define VERSION 1
#define PLAIN 32
static const uint8_t magic[4] = { 'm', 's', 't', 'K' };

const char *mst_secenv_kind_text(enum mst_secenv_kind k)
{
	switch (k) {
	case MST_SECENV_FILE: return "file";
	case MST_SECENV_SECRET: return "file with a secret";
	case MST_SECENV_TPM: return "tpm";
	case MST_SECENV_PKCS11: return "pkcs11";
	case MST_SECENV_UICC: return "card";
	}
	return "unknown";
}

static int bad(struct mst_diag *d, const char *path, const char *text, int r)
{
	mst_diag_set(d, 0, path, text, NULL);
	return r;
}

int key_file_parse(struct mst_crypto *c, struct mst_view v, const char *path, enum mst_secenv_kind *ret_kind, struct mst_view *ret_record,
		   struct mst_diag *d)
{
	struct mst_reader r = mst_reader_of(v);
	uint8_t sum[MST_SHA256_LEN], kind;
	struct mst_view stored;

	if (v.n == PLAIN) {
		*ret_kind = MST_SECENV_FILE;
		*ret_record = v;
		return 0;
	}
	if (!mst_view_eq(mst_read(&r, sizeof(magic)), (struct mst_view){ magic, sizeof(magic) }) || mst_read_u8(&r) != VERSION)
		return bad(d, path, "not a key of 32 octets, nor the record of a back end", MST_SECENV_CORRUPT);
	kind = mst_read_u8(&r);
	*ret_record = mst_read_block16(&r);
	stored = mst_read(&r, sizeof(sum));
	if (!mst_read_end(&r) || kind <= MST_SECENV_FILE || kind > MST_SECENV_UICC)      /* a file's is the 32 octets */
		return bad(d, path, "damaged", MST_SECENV_CORRUPT);
	if (c->ops->sha256(c, (struct mst_view){ v.p, v.n - sizeof(sum) }, sum))
		return MST_FAULT_CRYPTO;
	if (!mst_view_eq(stored, (struct mst_view){ sum, sizeof(sum) }))
		return bad(d, path, "damaged", MST_SECENV_CORRUPT);
	*ret_kind = (enum mst_secenv_kind)kind;
	return 0;
}

int key_file_put(struct mst_crypto *c, enum mst_secenv_kind kind, struct mst_view record, struct mst_writer *w)
{
	const size_t from = w->n;
	uint8_t sum[MST_SHA256_LEN];

	if (kind == MST_SECENV_FILE) {
		mst_put(w, record);
		return 0;
	}
	mst_put(w, (struct mst_view){ magic, sizeof(magic) });
	mst_put_u8(w, VERSION);
	mst_put_u8(w, (uint8_t)kind);
	mst_put_block16(w, record);
	if (c->ops->sha256(c, mst_view_sub(mst_written(w), from, w->n), sum))
		return MST_FAULT_CRYPTO;
	mst_put(w, (struct mst_view){ sum, sizeof(sum) });
	return 0;
}

int key_file_read(struct secenv_port *p, struct mst_crypto *c, const char *path, uint8_t b[KEY_FILE_MAX], enum mst_secenv_kind *ret_kind,
		  struct mst_view *ret_record, struct mst_diag *d)
{
	int fd = p->open(p, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), r;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? MST_SECENV_NONE : secenv_os_outcome(d, path);
	n = fstat(fd, &st) ? -1 : p->read(p, fd, b, KEY_FILE_MAX);
	if (n < 0)
		r = secenv_os_outcome(d, path);
	else if (!mst_is_private(fd, &st))
		r = bad(d, path, "others may read or write this key; mode 0600 is right", MST_FAULT_CONFIG);
	else
		r = key_file_parse(c, (struct mst_view){ b, (size_t)n }, path, ret_kind, ret_record, d);
	close(fd);
	return r;
}

int key_file_write(struct secenv_port *p, struct mst_crypto *c, const char *path, enum mst_secenv_kind kind, struct mst_view record,
		   struct mst_diag *d)
{
	uint8_t b[KEY_FILE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	int r = key_file_put(c, kind, record, &w);

	if (!r)
		r = w.ok ? secenv_write_path(p, path, mst_written(&w), d) : MST_FAULT_BUG;
	mst_wipe(b, sizeof(b));
	return r;
}

int mst_secenv_kind_of(const char *key_file, struct mst_crypto *c, enum mst_secenv_kind *ret_k, struct mst_diag *d)
{
	uint8_t b[KEY_FILE_MAX];
	struct mst_view record;
	int r = key_file_read(secenv_port_real(), c, key_file, b, ret_k, &record, d);

	mst_wipe(b, sizeof(b));
	return r;
}
