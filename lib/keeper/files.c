#include "keeper/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secenv/private.h"

#define CA_YEARS 20
#define YEAR INT64_C(31557600)
#define PATH_MAX_OURS 4000u

static const struct mst_view ca_aad = MST_VIEW_LIT("muster ca key 1");
static const char ca_label[] = "muster keeper: CA key 1";

int keeper_os_fault(struct mst_diag *d, const char *what)
{
	int e = errno;

	mst_diag_set(d, 0, what, strerror(e), NULL);
	return e == ENOSPC || e == EDQUOT ? MST_FAULT_SPACE : MST_FAULT_IO;
}

static int config_fault(struct mst_diag *d, const char *what, const char *why)
{
	mst_diag_set(d, 0, what, why, NULL);
	return MST_FAULT_CONFIG;
}

static int corrupt(struct mst_diag *d, const char *what, const char *why)
{
	mst_diag_set(d, 0, what, why, NULL);
	return MST_FAULT_CORRUPT;
}

/* At most `cap` octets of a file; `secret`: nobody else may read or write it. */
static int slurp(int dir, const char *name, bool secret, uint8_t *out, size_t cap, size_t *ret_n,
		 struct mst_diag *d)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	size_t n = 0;
	ssize_t got = 1;
	int r = 0;

	if (fd < 0)
		return errno == ENOENT ? config_fault(d, name, "missing; `muster init` makes it")
				       : keeper_os_fault(d, name);
	if (fstat(fd, &st))
		r = keeper_os_fault(d, name);
	else if (!S_ISREG(st.st_mode) || (secret ? !mst_is_private(fd, &st) : st.st_mode & 022))
		r = config_fault(d, name,
				 secret ? "others may read or write this key; mode 0600 is right"
					: "others may write this file");
	while (!r && got > 0 && n < cap) {
		got = read(fd, out + n, cap - n);
		if (got > 0)
			n += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	if (!r && got < 0)
		r = keeper_os_fault(d, name);
	close(fd);
	if (!r)
		*ret_n = n;
	return r;
}

int keeper_secret_read(int dir, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	return slurp(dir, name, true, out, cap, ret_n, d);
}

/* By whichever generation sealed it: 0, 1: by none of them, or a fault. */
static int open_ca(struct mst_crypto *c, struct keeper_files *f, struct mst_view box)
{
	uint8_t sub[KEK_LEN];
	int r = 1;

	for (size_t i = 0; r > 0 && i < f->n_kek; i++) {
		r = keeper_subkey(c, f->kek[i].key, ca_label, sub);
		if (!r)
			r = mst_box_open(c, sub, ca_aad, box, f->ca_key, sizeof(f->ca_key), &f->n_ca_key);
		f->ca_gen = r ? 0 : f->kek[i].gen;
	}
	mst_wipe(sub, sizeof(sub));
	return r;
}

static int read_ca(int dir, struct mst_crypto *c, struct keeper_files *f, struct mst_diag *d)
{
	uint8_t buf[2 * MST_CERT_MAX], a[128], b[128];
	size_t n = 0, at = 0, na = 0, nb = 0;
	struct mst_cert_info info;
	int r = slurp(dir, "ca.pem", false, buf, sizeof(buf), &n, d);

	if (!r && mst_pem_next((struct mst_view){ buf, n }, &at, "CERTIFICATE", f->ca_der, sizeof(f->ca_der),
			       &f->n_ca_der, d))
		r = MST_FAULT_CORRUPT;
	if (!r && (f->n_ca_der == 0 || mst_cert_info((struct mst_view){ f->ca_der, f->n_ca_der }, &info, d) ||
		   !info.is_ca))
		r = corrupt(d, "ca.pem", "holds no CA certificate");
	if (!r)
		r = slurp(dir, "ca.key", true, buf, MST_PKEY_MAX + MST_BOX_OVERHEAD, &n, d);
	if (!r) {
		r = open_ca(c, f, (struct mst_view){ buf, n });
		r = r > 0 ? corrupt(d, "ca.key", "damaged, or sealed with another kek.key") : r;
	}
	if (!r && (mst_pkey_public((struct mst_view){ f->ca_key, f->n_ca_key }, a, sizeof(a), &na) ||
	           mst_cert_public((struct mst_view){ f->ca_der, f->n_ca_der }, b, sizeof(b), &nb) ||
	           !mst_view_eq((struct mst_view){ a, na }, (struct mst_view){ b, nb })))
		r = corrupt(d, "ca.key", "not the key of the certificate in ca.pem");
	return r;
}

int keeper_files_read(const char *dir, const struct mst_keeper_device *dev, struct mst_crypto *c, struct keeper_files *ret_f, int *ret_dir,
		      struct mst_diag *d)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? config_fault(d, dir, "no such directory; `muster init` makes it")
				       : keeper_os_fault(d, dir);
	if (fstat(fd, &st))
		r = keeper_os_fault(d, dir);
	else if (st.st_mode & 022)
		r = config_fault(d, dir, "others may write here; mode 0700 is right");
	else
		r = keeper_keks_read(fd, dev, ret_f->kek, &ret_f->n_kek, d);
	if (!r)
		r = read_ca(fd, c, ret_f, d);
	/* the power went between a new generation and this */
	if (!r && ret_f->ca_gen != ret_f->kek[0].gen)
		r = keeper_ca_seal(fd, c, &ret_f->kek[0], ret_f, d);
	if (!r) {
		*ret_dir = fd;
		return 0;
	}
	close(fd);
	mst_wipe(ret_f, sizeof(*ret_f));
	return r;
}

/* A new file, on the disk when this returns 0. */
static int put_file(int dir, const char *name, mode_t mode, struct mst_view v, struct mst_diag *d)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode), r = 0;

	if (fd < 0)
		return keeper_os_fault(d, name);
	for (size_t at = 0; !r && at < v.n;) {
		ssize_t n = write(fd, v.p + at, v.n - at);

		if (n > 0)
			at += (size_t)n;
		else if (n == 0 || errno != EINTR)
			r = keeper_os_fault(d, name);
	}
	if (!r && fsync(fd))
		r = keeper_os_fault(d, name);
	if (close(fd) && !r)
		r = keeper_os_fault(d, name);
	return r;
}

int keeper_file_read(int dir, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && errno == ENOENT)
		return 1;
	return slurp(dir, name, false, out, cap, ret_n, d);
}

int keeper_file_replace(int dir, const char *name, unsigned mode, struct mst_view v, struct mst_diag *d)
{
	struct mst_diag none = { 0 };
	char fresh[64];
	int r;

	d = d ? d : &none;
	snprintf(fresh, sizeof(fresh), "%s.new", name);
	(void)unlinkat(dir, fresh, 0);                   /* of a moment when the power went */
	r = put_file(dir, fresh, mode, v, d);
	if (!r && (renameat(dir, fresh, dir, name) || fsync(dir)))
		r = keeper_os_fault(d, name);
	if (r)
		(void)unlinkat(dir, fresh, 0);
	return r;
}

static int make_ca(struct mst_crypto *c, const char *name, const char *const *permitted, size_t n_permitted,
		   mst_time now, struct keeper_files *f, struct mst_diag *d)
{
	struct mst_cert_spec spec = {
		.role = MST_CERT_CA, .path_len = 0, .not_before = now, .not_after = now + CA_YEARS * YEAR
	};
	struct mst_local_signer signer = { 0 };
	uint8_t spki[128];
	size_t n = 0;
	int r;

	if (n_permitted > MST_COUNT(spec.permitted_dns) ||
	    !mst_view_to_str(mst_view_str(name), spec.common_name, sizeof(spec.common_name)))
		return config_fault(d, "ca_name", "too long, or more than 8 permitted names");
	for (; spec.n_permitted_dns < n_permitted; spec.n_permitted_dns++)
		spec.permitted_dns[spec.n_permitted_dns] = permitted[spec.n_permitted_dns];
	r = mst_pkey_generate(f->ca_key, sizeof(f->ca_key), &f->n_ca_key);
	if (!r)
		r = mst_pkey_public((struct mst_view){ f->ca_key, f->n_ca_key }, spki, sizeof(spki), &n);
	if (!r)
		r = mst_local_signer_init(&signer, (struct mst_view){ f->ca_key, f->n_ca_key });
	if (!r)
		r = mst_cert_issue(c, &signer.signer, MST_VIEW_NONE, (struct mst_view){ spki, n }, &spec,
				   f->ca_der, sizeof(f->ca_der), &f->n_ca_der);
	mst_local_signer_deinit(&signer);
	return r > 0 ? config_fault(d, "ca_name",
				    "not a name for a CA (1 to 64 octets), or a permitted name is no FQDN")
		     : r;
}

int keeper_ca_seal(int dir, struct mst_crypto *c, const struct keeper_kek *k, struct keeper_files *f, struct mst_diag *d)
{
	uint8_t buf[MST_PKEY_MAX + MST_BOX_OVERHEAD], sub[KEK_LEN];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	int r = keeper_subkey(c, k->key, ca_label, sub);

	if (!r)
		r = mst_box_seal(c, sub, ca_aad, (struct mst_view){ f->ca_key, f->n_ca_key }, &w);
	if (!r)
		r = keeper_file_replace(dir, "ca.key", 0600, mst_written(&w), d);
	mst_wipe(sub, sizeof(sub));
	if (!r)
		f->ca_gen = k->gen;
	return r;
}

static int put_files(int dir, struct mst_crypto *c, struct keeper_files *f, struct mst_diag *d)
{
	uint8_t buf[2 * MST_CERT_MAX];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	int r = keeper_kek_make(dir, 1, c, f->kek[0].key, d);

	f->kek[0].gen = 1;
	if (!r)
		r = keeper_ca_seal(dir, c, &f->kek[0], f, d);
	mst_pem_put(&w, "CERTIFICATE", (struct mst_view){ f->ca_der, f->n_ca_der });
	if (!r)
		r = put_file(dir, "ca.pem", 0644, mst_written(&w), d);
	if (!r && fsync(dir))
		r = keeper_os_fault(d, "keeper directory");
	return r;
}

static void drop_directory(const char *path, int fd)
{
	static const char *const name[] = { "kek.key", "ca.key", "ca.pem" };

	for (size_t i = 0; i < MST_COUNT(name); i++)
		(void)unlinkat(fd, name[i], 0);
	(void)rmdir(path);
}

static int sync_parent(const char *path, struct mst_diag *d)
{
	char up[PATH_MAX_OURS + 8];
	int fd, r = 0;

	snprintf(up, sizeof(up), "%s/..", path);
	fd = open(up, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		r = keeper_os_fault(d, path);
	if (fd >= 0)
		close(fd);
	return r;
}

/* Made beside, then renamed as a whole: rename() takes the place of an empty directory and of nothing else.
 */
static int put_directory(const char *dir, struct mst_crypto *c, struct keeper_files *f,
			 struct mst_diag *d)
{
	char fresh[PATH_MAX_OURS + 8];
	size_t n = strnlen(dir, PATH_MAX_OURS);
	int fd, r;

	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (n == 0 || n == PATH_MAX_OURS)
		return config_fault(d, "keeper", "no usable name of a directory");
	snprintf(fresh, sizeof(fresh), "%.*s.XXXXXX", (int)n, dir);
	if (!mkdtemp(fresh))
		return keeper_os_fault(d, dir);
	fd = open(fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? keeper_os_fault(d, dir) : put_files(fd, c, f, d);
	if (!r && rename(fresh, dir)) {
		bool there = errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR;

		r = keeper_os_fault(d, dir);
		if (there) {
			mst_diag_set(d, 0, dir, "is there already and not empty; keys are never overwritten",
				     NULL);
			r = MST_KEEPER_DENIED;
		}
	}
	if (r)
		drop_directory(fresh, fd);
	if (fd >= 0)
		close(fd);
	return r ? r : sync_parent(dir, d);
}

int mst_keeper_create_files_for(const char *dir, const char *ca_name, const char *const *permitted_dns,
				size_t n_permitted, mst_time now, struct mst_crypto *c, struct mst_diag *d)
{
	struct keeper_files f = { .n_kek = 0 };
	int r = make_ca(c, ca_name, permitted_dns, n_permitted, now, &f, d);
	if (!r)
		r = put_directory(dir, c, &f, d);
	mst_wipe(&f, sizeof(f));
	return r;
}

int mst_keeper_create_files(const char *dir, const char *ca_name, mst_time now, struct mst_crypto *c,
			    struct mst_diag *d)
{
	return mst_keeper_create_files_for(dir, ca_name, NULL, 0, now, c, d);
}
