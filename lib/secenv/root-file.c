/* Roots without a device: a key in a file, or one that is made of a secret. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secenv/private.h"
#include "secenv/root.h"

#define SALT 16u
#define SECRET_MAX 4096u

struct file_root {
	struct secenv_root root;
	struct mst_crypto *c;
	char *secret_file;
};

int secenv_read_secret(const char *path, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	uint8_t b[SECRET_MAX + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = MST_SECENV_REFUSED;
	struct stat st;
	bool private;
	ssize_t n;

	if (fd < 0) {
		mst_diag_set(d, 0, path, strerror(errno), NULL);
		return r;
	}
	n = fstat(fd, &st) || !S_ISREG(st.st_mode) ? -1 : read(fd, b, sizeof(b));
	private = n >= 0 && mst_is_private(fd, &st);
	close(fd);
	if (n > 0 && b[n - 1] == '\n')
		n--;
	if (n < 0)
		mst_diag_set(d, 0, path, "cannot be read", NULL);
	else if (!private)
		mst_diag_set(d, 0, path, "others may read or write this secret; mode 0600 is right", NULL);
	else if (n == 0 || (size_t)n > cap)
		mst_diag_set(d, 0, path, n ? "is too long" : "is empty", NULL);
	else
		r = 0;
	if (!r)
		memcpy(out, b, *ret_n = (size_t)n);
	mst_wipe(b, sizeof(b));
	return r;
}

/* --- a key in a file --- */

static int plain_bind(struct secenv_root *root, struct mst_writer *record, uint8_t ret_key[32], struct mst_diag *d)
{
	struct file_root *f = (struct file_root *)root;
	int r = f->c->ops->random(f->c, ret_key, 32);

	(void)d;
	mst_put(record, (struct mst_view){ ret_key, 32 });
	return r;
}

static int plain_unlock(struct secenv_root *root, struct mst_view record, uint8_t ret_key[32], struct mst_diag *d)
{
	(void)root;
	(void)d;
	memcpy(ret_key, record.p, 32);   /* key-file.c takes no other length for one */
	return 0;
}

static void file_free(struct secenv_root *root)
{
	struct file_root *f = (struct file_root *)root;

	free(f->secret_file);
	free(f);
}

/* --- a key of a secret --- */

static int stretch(struct file_root *f, struct mst_view salt, uint8_t ret_key[32], struct mst_diag *d)
{
	uint8_t secret[SECRET_MAX];
	size_t n = 0;
	int r = secenv_read_secret(f->secret_file, secret, sizeof(secret), &n, d);

	if (!r)
		r = mst_stretch((struct mst_view){ secret, n }, salt, ret_key);
	mst_wipe(secret, sizeof(secret));
	return r;
}

/* What tells a wrong secret from damaged files. */
static int proof(struct file_root *f, const uint8_t key[32], uint8_t ret[MST_SHA256_LEN])
{
	return f->c->ops->hmac_sha256(f->c, (struct mst_view){ key, 32 }, MST_VIEW_LIT("muster store of a secret"), ret);
}

static int secret_bind(struct secenv_root *root, struct mst_writer *record, uint8_t ret_key[32], struct mst_diag *d)
{
	struct file_root *f = (struct file_root *)root;
	uint8_t salt[SALT], sum[MST_SHA256_LEN];
	int r = f->c->ops->random(f->c, salt, sizeof(salt));

	if (!r)
		r = stretch(f, (struct mst_view){ salt, sizeof(salt) }, ret_key, d);
	if (!r)
		r = proof(f, ret_key, sum);
	mst_put(record, (struct mst_view){ salt, sizeof(salt) });
	if (!r)
		mst_put(record, (struct mst_view){ sum, sizeof(sum) });
	return r;
}

static int secret_unlock(struct secenv_root *root, struct mst_view record, uint8_t ret_key[32], struct mst_diag *d)
{
	struct file_root *f = (struct file_root *)root;
	struct mst_reader rd = mst_reader_of(record);
	struct mst_view salt = mst_read(&rd, SALT), want = mst_read(&rd, MST_SHA256_LEN);
	uint8_t sum[MST_SHA256_LEN];
	int r;

	if (!mst_read_end(&rd)) {
		mst_diag_set(d, 0, "key_file", "its record is none of a secret", NULL);
		return MST_SECENV_CORRUPT;
	}
	r = stretch(f, salt, ret_key, d);
	if (!r)
		r = proof(f, ret_key, sum);
	if (!r && !mst_ct_equal(want, (struct mst_view){ sum, sizeof(sum) })) {
		mst_diag_set(d, 0, f->secret_file, "not the secret that this store was made with", NULL);
		r = MST_SECENV_REFUSED;
	}
	return r;
}

static const struct secenv_root_ops plain_ops = {
	.kind = MST_SECENV_FILE, .bind = plain_bind, .unlock = plain_unlock, .free = file_free,
};
static const struct secenv_root_ops secret_ops = {
	.kind = MST_SECENV_SECRET, .bind = secret_bind, .unlock = secret_unlock, .free = file_free,
};

struct secenv_root *mst_secenv_file(const char *secret_file, struct mst_crypto *c)
{
	struct file_root *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->root.ops = secret_file && *secret_file ? &secret_ops : &plain_ops;
	f->c = c;
	f->secret_file = f->root.ops == &secret_ops ? strdup(secret_file) : NULL;
	if (f->root.ops == &secret_ops && !f->secret_file) {
		free(f);
		return NULL;
	}
	return &f->root;
}
