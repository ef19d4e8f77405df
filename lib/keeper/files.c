#include "keeper/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secenv/private.h"
#include "secenv/root.h"

#define CA_YEARS 20
#define YEAR INT64_C(31557600)
#define PATH_MAX_OURS 4000u
#define CA_FILE_MAX (MST_PKEY_MAX + 64)

static const struct mst_view ca_aad = MST_VIEW_LIT("muster ca key 1");
static const char ca_label[] = "muster keeper: CA key 1";
/* ca.key of a key in a device: behind this one octet for the back end (enum mst_secenv_kind), and its record. A sealed one begins with noise. */
static const char ca_head[] = "muster ca key in a device 1\n";
#define CA_HEAD (sizeof(ca_head) - 1)

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

static int read_ca_pem(int dir, struct keeper_files *f, struct mst_diag *d)
{
	uint8_t buf[2 * MST_CERT_MAX];
	struct mst_cert_info info;
	size_t n = 0, at = 0;
	int r = slurp(dir, "ca.pem", false, buf, sizeof(buf), &n, d);

	if (!r && mst_pem_next((struct mst_view){ buf, n }, &at, "CERTIFICATE", f->ca_der, sizeof(f->ca_der),
			       &f->n_ca_der, d))
		r = MST_FAULT_CORRUPT;
	if (!r && (f->n_ca_der == 0 || mst_cert_info((struct mst_view){ f->ca_der, f->n_ca_der }, &info, d) ||
		   !info.is_ca))
		r = corrupt(d, "ca.pem", "holds no CA certificate");
	return r;
}

/* Its key: 0, 1: sealed, in `buf`; or a fault. */
static int read_ca_key(int dir, struct keeper_files *f, uint8_t buf[CA_FILE_MAX], size_t *ret_n, struct mst_diag *d)
{
	int r = slurp(dir, "ca.key", true, buf, CA_FILE_MAX, ret_n, d);
	size_t n = *ret_n;

	f->ca_kind = 0;
	if (r)
		return r;
	if (n <= CA_HEAD + 1 || memcmp(buf, ca_head, CA_HEAD) != 0)
		return 1;
	f->ca_kind = buf[CA_HEAD];
	f->n_ca_key = n - CA_HEAD - 1;
	if ((f->ca_kind != MST_SECENV_TPM && f->ca_kind != MST_SECENV_PKCS11) || f->n_ca_key > sizeof(f->ca_key))
		return corrupt(d, "ca.key", "in a device of a kind that this version does not know");
	memcpy(f->ca_key, buf + CA_HEAD + 1, f->n_ca_key);
	return 0;
}

static int fits(struct mst_view spki, const struct keeper_files *f, struct mst_diag *d)
{
	uint8_t b[128];
	size_t n = 0;

	if (mst_cert_public((struct mst_view){ f->ca_der, f->n_ca_der }, b, sizeof(b), &n) == 0 && mst_view_eq(spki, (struct mst_view){ b, n }))
		return 0;
	return corrupt(d, "ca.key", "not the key of the certificate in ca.pem");
}

static int read_ca(int dir, struct mst_crypto *c, struct keeper_files *f, struct mst_diag *d)
{
	uint8_t buf[CA_FILE_MAX], spki[128];
	size_t n = 0, n_spki = 0;
	int r = read_ca_pem(dir, f, d);

	if (!r)
		r = read_ca_key(dir, f, buf, &n, d);
	if (!r)
		f->ca_gen = f->kek[0].gen;       /* no generation seals it; who signs with it has looked whether it fits (mst_keeper_ca_fits) */
	if (r <= 0)
		return r;
	r = open_ca(c, f, (struct mst_view){ buf, n });
	if (r)
		return r > 0 ? corrupt(d, "ca.key", "damaged, or sealed with another kek.key") : r;
	r = mst_pkey_public((struct mst_view){ f->ca_key, f->n_ca_key }, spki, sizeof(spki), &n_spki);
	return fits((struct mst_view){ spki, r ? 0 : n_spki }, f, d);
}

/* --- for who has the device --- */

static int open_directory(const char *dir, int *ret_fd, struct mst_diag *d)
{
	*ret_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	return errno == ENOENT ? config_fault(d, dir, "no such directory; `muster init` makes it") : keeper_os_fault(d, dir);
}

int mst_keeper_ca_record(const char *dir, struct mst_ca_record *ret, struct mst_diag *d)
{
	struct keeper_files f = { .n_kek = 0 };
	uint8_t buf[CA_FILE_MAX];
	size_t n = 0;
	int fd, r = open_directory(dir, &fd, d);

	if (r)
		return r;
	memset(ret, 0, sizeof(*ret));
	r = read_ca_pem(fd, &f, d);
	if (!r && mst_cert_public((struct mst_view){ f.ca_der, f.n_ca_der }, ret->spki, sizeof(ret->spki), &ret->n_spki))
		r = corrupt(d, "ca.pem", "holds no key on P-256");
	if (!r)
		r = read_ca_key(fd, &f, buf, &n, d);
	close(fd);
	if (r)
		return r > 0 ? 0 : r;
	ret->kind = f.ca_kind;
	memcpy(ret->b, f.ca_key, ret->n = f.n_ca_key);
	return 0;
}

int mst_ca_record_fits(const struct mst_ca_record *rec, struct secenv_root *device, struct mst_diag *d)
{
	struct mst_secenv_key k = { .n = rec->n };
	uint8_t spki[128];
	size_t n = 0;
	int r;

	if (rec->kind != device->ops->kind)
		return config_fault(d, "ca_key.backend", "the CA's key is not in such a device; musterd.conf(5) says how it comes there");
	memcpy(k.b, rec->b, rec->n);
	r = device->ops->key_public(device, &k, spki, sizeof(spki), &n, d);
	if (!r && !mst_view_eq((struct mst_view){ spki, n }, (struct mst_view){ rec->spki, rec->n_spki }))
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
	/* the power went between a new generation and this; who only looks may be another user, and leaves it to whoever starts */
	if (!r && ret_f->ca_gen != ret_f->kek[0].gen && (!dev || dev->starts))
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

/* A signer of the device, while the CA's certificate is made. */
struct in_device { struct mst_signer signer; struct secenv_root *root; struct mst_secenv_key key; struct mst_diag *d; };

static int sign_in_device(struct mst_signer *s, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap, size_t *ret_n)
{
	struct in_device *v = s->ctx;

	return v->root->ops->key_sign(v->root, &v->key, digest, out, cap, ret_n, v->d);
}

static int self_sign(struct mst_crypto *c, struct mst_signer *signer, const struct mst_keeper_new_ca *ca, struct mst_view spki, mst_time now,
		     struct keeper_files *f, struct mst_diag *d)
{
	struct mst_cert_spec spec = { .role = MST_CERT_CA, .path_len = 0, .not_before = now, .not_after = now + CA_YEARS * YEAR };
	int r;

	if (ca->n_permitted > MST_COUNT(spec.permitted_dns) || !mst_view_to_str(mst_view_str(ca->name), spec.common_name, sizeof(spec.common_name)))
		return config_fault(d, "ca_name", "too long, or more than 8 permitted names");
	for (; spec.n_permitted_dns < ca->n_permitted; spec.n_permitted_dns++)
		spec.permitted_dns[spec.n_permitted_dns] = ca->permitted_dns[spec.n_permitted_dns];
	r = mst_cert_issue(c, signer, MST_VIEW_NONE, spki, &spec, f->ca_der, sizeof(f->ca_der), &f->n_ca_der);
	if (r == MST_PKI_NOT_SIGNED && ca->device)
		return MST_FAULT_IO;     /* which the device has explained */
	return r > 0 ? config_fault(d, "ca_name", "not a name for a CA (1 to 64 octets), or a permitted name is no FQDN") : r;
}

static int make_ca(struct mst_crypto *c, const struct mst_keeper_new_ca *ca, mst_time now, struct keeper_files *f, struct mst_diag *d)
{
	struct mst_local_signer signer = { 0 };
	uint8_t spki[128];
	size_t n = 0;
	int r = mst_pkey_generate(f->ca_key, sizeof(f->ca_key), &f->n_ca_key);

	if (!r)
		r = mst_pkey_public((struct mst_view){ f->ca_key, f->n_ca_key }, spki, sizeof(spki), &n);
	if (!r)
		r = mst_local_signer_init(&signer, (struct mst_view){ f->ca_key, f->n_ca_key });
	if (!r)
		r = self_sign(c, &signer.signer, ca, (struct mst_view){ spki, n }, now, f, d);
	mst_local_signer_deinit(&signer);
	return r > 0 ? MST_FAULT_CRYPTO : r;
}

/* What a device says is no fault of ours: with its words, and what to do. */
static int device_fault(int r, struct mst_diag *d)
{
	char text[sizeof(d->text)];

	if (r <= 0)
		return r;
	snprintf(text, sizeof(text), "%s", d->text[0] ? d->text : "the device refused");
	mst_diag_set(d, 0, "ca_key", text, "; ", mst_secenv_server_remedy(r), NULL);
	return MST_FAULT_CONFIG;
}

static void drop_key(struct secenv_root *root, struct mst_view key)
{
	struct mst_secenv_key k = { .n = key.n };
	struct mst_diag none = { 0 };

	memcpy(k.b, key.p, key.n);
	if (root->ops->key_erase)
		(void)root->ops->key_erase(root, &k, &none);
}

/* Made where it stays. What is half done leaves nothing in the device. */
static int make_ca_in_device(struct mst_crypto *c, const struct mst_keeper_new_ca *ca, mst_time now, struct keeper_files *f, struct mst_diag *d)
{
	struct in_device v = { .signer = { .sign = sign_in_device }, .root = ca->device, .d = d };
	uint8_t spki[128];
	size_t n = 0;
	int r;

	if (!ca->device->ops->key_make)
		return config_fault(d, "ca_key", "no key can be made in such a device");
	v.signer.ctx = &v;
	r = device_fault(v.root->ops->key_make(v.root, &v.key, d), d);
	if (r)
		return r;
	r = device_fault(v.root->ops->key_public(v.root, &v.key, spki, sizeof(spki), &n, d), d);
	if (!r && v.key.n > sizeof(f->ca_key))
		r = MST_FAULT_BUG;
	if (!r)
		r = self_sign(c, &v.signer, ca, (struct mst_view){ spki, n }, now, f, d);
	if (r) {
		drop_key(v.root, (struct mst_view){ v.key.b, v.key.n });
		return r;
	}
	f->ca_kind = v.root->ops->kind;
	memcpy(f->ca_key, v.key.b, f->n_ca_key = v.key.n);
	return 0;
}

static int put_record(int dir, const struct keeper_files *f, struct mst_diag *d)
{
	uint8_t b[CA_FILE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_str(&w, ca_head);
	mst_put_u8(&w, (uint8_t)f->ca_kind);
	mst_put(&w, (struct mst_view){ f->ca_key, f->n_ca_key });
	return w.ok ? keeper_file_replace(dir, "ca.key", 0600, mst_written(&w), d) : MST_FAULT_BUG;
}

int keeper_ca_seal(int dir, struct mst_crypto *c, const struct keeper_kek *k, struct keeper_files *f, struct mst_diag *d)
{
	uint8_t buf[MST_PKEY_MAX + MST_BOX_OVERHEAD], sub[KEK_LEN];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	int r = f->ca_kind ? 0 : keeper_subkey(c, k->key, ca_label, sub);

	if (f->ca_kind) {                /* nothing of it is here */
		f->ca_gen = k->gen;
		return 0;
	}
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
	int r = c->ops->random(c, f->kek[0].key, KEK_LEN);

	f->kek[0].gen = 1;
	if (!r)
		r = keeper_kek_write(dir, 1, f->kek[0].key, d);
	if (!r)
		r = f->ca_kind ? put_record(dir, f, d) : keeper_ca_seal(dir, c, &f->kek[0], f, d);
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

int mst_keeper_create_files_in(const char *dir, const struct mst_keeper_new_ca *ca, mst_time now, struct mst_crypto *c, struct mst_diag *d)
{
	struct keeper_files f = { .n_kek = 0 };
	int r = ca->device ? make_ca_in_device(c, ca, now, &f, d) : make_ca(c, ca, now, &f, d);

	if (!r) {
		r = put_directory(dir, c, &f, d);
		if (r && ca->device)
			drop_key(ca->device, (struct mst_view){ f.ca_key, f.n_ca_key });
	}
	mst_wipe(&f, sizeof(f));
	return r;
}

int mst_keeper_create_files_for(const char *dir, const char *ca_name,
				const char *const *permitted_dns, size_t n_permitted,
				mst_time now, struct mst_crypto *c, struct mst_diag *d)
{
	const struct mst_keeper_new_ca ca = { ca_name, permitted_dns, n_permitted, NULL };

	return mst_keeper_create_files_in(dir, &ca, now, c, d);
}

int mst_keeper_create_files(const char *dir, const char *ca_name, mst_time now, struct mst_crypto *c,
			    struct mst_diag *d)
{
	return mst_keeper_create_files_for(dir, ca_name, NULL, 0, now, c, d);
}
