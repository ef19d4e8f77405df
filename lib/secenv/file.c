/*
 * Secure environment in encrypted files.
 *
 *   lock              held while open: two agents never share one environment
 *   slots.a slots.b   which credential file is the active one and which the pending one
 *   cred-0, cred-1    a credential each (.a, .b)
 *   blob-NAME         small things (.a, .b)
 *
 * `slots` is the only truth about slots, so that promoting is one write of one file. A credential file that
 * it does not name is left over from a step that was cut off, and goes away at the next chance. `slots` is
 * there from the first start on; when it is missing although other files are there, something was lost, and
 * that is never taken for a fresh start (lesson 16).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secenv/sealed.h"

#define SLOTS_VERSION 1
#define NO_FILE 0xff

static const char slots_name[] = "slots";
static const char *const cred_name[2] = { "cred-0", "cred-1" };

struct file_env {
	struct mst_secenv env;
	struct sealed s;
	int lock;
	uint8_t file[2];        /* by enum mst_slot: number of the credential file, or NO_FILE */
	uint8_t cred[MST_ROOT_CRED_MAX];
};

static struct file_env *of(struct mst_secenv *env)
{
	return (struct file_env *)env;
}

/* Read `slots`. 0, CORRUPT (also when absent: open makes it), or a fault. */
static int read_slots(struct file_env *e, bool *ret_settled, struct mst_diag *d)
{
	struct mst_view v;
	int r = sealed_load(&e->s, slots_name, &v, ret_settled, d);

	if (r == MST_SECENV_NONE) {
		mst_diag_set(d, 0, slots_name, "missing", NULL);
		return MST_SECENV_CORRUPT;
	}
	if (r)
		return r;
	if (v.n != 3 || v.p[0] != SLOTS_VERSION || (v.p[1] > 1 && v.p[1] != NO_FILE) ||
	    (v.p[2] > 1 && v.p[2] != NO_FILE) || (v.p[1] == v.p[2] && v.p[1] != NO_FILE)) {
		mst_diag_set(d, 0, slots_name, "holds no record of slots that this version knows", NULL);
		return MST_SECENV_CORRUPT;
	}
	memcpy(e->file, v.p + 1, 2);
	return 0;
}

static int write_slots(struct file_env *e, uint8_t active, uint8_t pending, struct mst_diag *d)
{
	const uint8_t record[3] = { SLOTS_VERSION, active, pending };

	return sealed_store(&e->s, slots_name, (struct mst_view){ record, sizeof(record) }, d);
}

/*
 * After a change of `slots`: bring its second copy up to date, and only then erase what no copy names any
 * more. Nothing here decides anything, so a failure waits for the next time.
 */
static void settle(struct file_env *e)
{
	bool settled = false;

	if (read_slots(e, &settled, NULL))
		return;
	if (!settled && write_slots(e, e->file[MST_SLOT_ACTIVE], e->file[MST_SLOT_PENDING], NULL))
		return;
	for (uint8_t i = 0; i < 2; i++)
		if (e->file[MST_SLOT_ACTIVE] != i && e->file[MST_SLOT_PENDING] != i &&
		    sealed_exists(&e->s, cred_name[i]))
			if (sealed_erase(&e->s, cred_name[i], NULL))
				return;
}

static int file_load(struct mst_secenv *env, enum mst_slot slot, struct mst_root_cred *ret_c,
		     struct mst_diag *d)
{
	struct file_env *e = of(env);
	struct mst_view v;
	int r = read_slots(e, NULL, d);

	if (r)
		return r;
	if (e->file[slot] == NO_FILE)
		return MST_SECENV_NONE;
	r = sealed_load(&e->s, cred_name[e->file[slot]], &v, NULL, d);
	if (r == MST_SECENV_NONE) {
		mst_diag_set(d, 0, cred_name[e->file[slot]], "missing", NULL);
		r = MST_SECENV_CORRUPT;
	}
	if (!r && !mst_root_cred_decode(v, ret_c)) {
		mst_diag_set(d, 0, cred_name[e->file[slot]], "holds no credential that this version knows",
			     NULL);
		r = MST_SECENV_CORRUPT;
	}
	mst_wipe(e->s.plain, sizeof(e->s.plain));
	return r;
}

static int file_store(struct mst_secenv *env, enum mst_slot slot, const struct mst_root_cred *c,
		      struct mst_diag *d)
{
	struct file_env *e = of(env);
	struct mst_writer w = mst_writer_of(e->cred, sizeof(e->cred));
	int r = mst_root_cred_encode(c, &w);
	uint8_t file[2], fresh;

	if (!r)
		r = read_slots(e, NULL, d);
	if (r)
		goto out;
	memcpy(file, e->file, sizeof(file));
	if (file[slot] != NO_FILE) {
		r = sealed_store(&e->s, cred_name[file[slot]], mst_written(&w), d);
		goto out;
	}
	/* a file that no slot names; what is left in it must not come back as an older copy of this one */
	fresh = file[!slot] == 0 ? 1 : 0;
	r = sealed_erase(&e->s, cred_name[fresh], d);
	if (!r)
		r = sealed_store(&e->s, cred_name[fresh], mst_written(&w), d);
	if (r)
		goto out;
	file[slot] = fresh;
	r = write_slots(e, file[MST_SLOT_ACTIVE], file[MST_SLOT_PENDING], d);
	if (!r)
		settle(e);
out:
	mst_wipe(e->cred, sizeof(e->cred));
	mst_wipe(e->s.plain, sizeof(e->s.plain));
	return r;
}

static int file_promote(struct mst_secenv *env, struct mst_diag *d)
{
	struct file_env *e = of(env);
	int r = read_slots(e, NULL, d);

	if (r)
		return r;
	if (e->file[MST_SLOT_PENDING] == NO_FILE)
		return MST_SECENV_NONE;
	r = write_slots(e, e->file[MST_SLOT_PENDING], NO_FILE, d);
	if (!r)
		settle(e);
	return r;
}

static int file_erase(struct mst_secenv *env, enum mst_slot slot, struct mst_diag *d)
{
	struct file_env *e = of(env);
	int r = read_slots(e, NULL, d);

	if (r == MST_SECENV_CORRUPT)
		memset(e->file, NO_FILE, sizeof(e->file));
	else if (r)
		return r;
	else if (e->file[slot] == NO_FILE)
		return 0;
	e->file[slot] = NO_FILE;
	r = write_slots(e, e->file[MST_SLOT_ACTIVE], e->file[MST_SLOT_PENDING], d);
	if (!r)
		settle(e);
	return r;
}

static bool blob_file(const char *name, char out[SEALED_NAME_MAX])
{
	size_t n = strnlen(name, 33);

	for (size_t i = 0; i < n; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') &&
		    name[i] != '-')
			return false;
	snprintf(out, SEALED_NAME_MAX, "blob-%.32s", name);
	return n > 0 && n <= 32;
}

static int file_load_blob(struct mst_secenv *env, const char *name, uint8_t *out, size_t cap, size_t *ret_n,
			  struct mst_diag *d)
{
	struct file_env *e = of(env);
	char file[SEALED_NAME_MAX];
	struct mst_view v;
	int r;

	if (!blob_file(name, file))
		return MST_FAULT_BUG;
	r = sealed_load(&e->s, file, &v, NULL, d);
	if (r)
		return r;
	if (v.n > cap)
		return MST_FAULT_MEMORY;
	if (v.n)
		memcpy(out, v.p, v.n);
	*ret_n = v.n;
	mst_wipe(e->s.plain, v.n);
	return 0;
}

static int file_store_blob(struct mst_secenv *env, const char *name, struct mst_view v, struct mst_diag *d)
{
	struct file_env *e = of(env);
	char file[SEALED_NAME_MAX];

	return blob_file(name, file) ? sealed_store(&e->s, file, v, d) : MST_FAULT_BUG;
}

static void file_close(struct mst_secenv *env)
{
	struct file_env *e = of(env);

	if (e->s.dir >= 0)
		close(e->s.dir);
	if (e->lock >= 0)
		close(e->lock);         /* and with it the lock */
	mst_wipe(e, sizeof(*e));
	free(e);
}

static const struct mst_secenv_ops file_ops = {
	.name = "file", .load = file_load, .store = file_store, .promote = file_promote, .erase = file_erase,
	.load_blob = file_load_blob, .store_blob = file_store_blob, .close = file_close,
};

static int open_directory(struct file_env *e, const char *dir, struct mst_diag *d)
{
	struct stat st;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return secenv_os_outcome(d, dir);
	e->s.dir = e->s.port->open(e->s.port, AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (e->s.dir < 0 || fstat(e->s.dir, &st))
		return secenv_os_outcome(d, dir);
	if (st.st_mode & 022) {
		mst_diag_set(d, 0, dir, "others may write here; mode 0700 is right", NULL);
		return MST_FAULT_CONFIG;
	}
	e->lock =
		e->s.port->open(e->s.port, e->s.dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (e->lock < 0)
		return secenv_os_outcome(d, dir);
	if (flock(e->lock, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return secenv_os_outcome(d, dir);
		mst_diag_set(d, 0, dir, "in use by another process", NULL);
		return MST_SECENV_LOCKED;
	}
	return 0;
}

/* The key from its file: 0, NONE, CORRUPT, or a fault. */
static int read_key(struct file_env *e, const char *key_file, struct mst_diag *d)
{
	uint8_t octet[sizeof(e->s.key) + 1];
	struct stat st;
	ssize_t n;
	int fd = e->s.port->open(e->s.port, AT_FDCWD, key_file, O_RDONLY | O_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return errno == ENOENT ? MST_SECENV_NONE : secenv_os_outcome(d, key_file);
	n = fstat(fd, &st) ? -1 : read(fd, octet, sizeof(octet));
	if (n < 0) {
		r = secenv_os_outcome(d, key_file);
	} else if (st.st_mode & 077) {
		mst_diag_set(d, 0, key_file, "others may read or write this key; mode 0600 is right", NULL);
		r = MST_FAULT_CONFIG;
	} else if (n != (ssize_t)sizeof(e->s.key)) {
		mst_diag_set(d, 0, key_file, "not a key of 32 octets", NULL);
		r = MST_SECENV_CORRUPT;
	} else {
		memcpy(e->s.key, octet, sizeof(e->s.key));
	}
	mst_wipe(octet, sizeof(octet));
	close(fd);
	return r;
}

/* A new key, whole or not at all. */
static int make_key(struct file_env *e, const char *key_file, struct mst_diag *d)
{
	const char *slash = strrchr(key_file, '/');
	char dir[4096];
	int fd, r = e->s.c->ops->random(e->s.c, e->s.key, sizeof(e->s.key));

	if (r)
		return r;
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - key_file + 1) : 1, slash ? key_file : ".");
	fd = e->s.port->open(e->s.port, AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return secenv_os_outcome(d, key_file);
	r = secenv_write_file(e->s.port, fd, slash ? slash + 1 : key_file,
			      (struct mst_view){ e->s.key, sizeof(e->s.key) }, d);
	close(fd);
	return r;
}

/* Is any sealed file here, whatever its name? Then this is no fresh start. */
static int any_file(const struct file_env *e, bool *ret_any, struct mst_diag *d)
{
	int fd = openat(e->s.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *f;

	if (!list) {
		if (fd >= 0)
			close(fd);
		return secenv_os_outcome(d, "directory of the secure environment");
	}
	*ret_any = false;
	while ((f = readdir(list))) {
		struct mst_view name = mst_view_str(f->d_name);

		if (mst_view_ends(name, ".a") || mst_view_ends(name, ".b"))
			*ret_any = true;
	}
	closedir(list);
	return 0;
}

static int start(struct file_env *e, const char *dir, const char *key_file, struct mst_diag *d)
{
	int r = open_directory(e, dir, d);
	bool any = false;

	if (!r)
		r = any_file(e, &any, d);
	if (r)
		return r;
	r = read_key(e, key_file, d);
	if (r == MST_SECENV_NONE) {
		if (any) {
			mst_diag_set(d, 0, key_file, "missing, but there are files sealed with it", NULL);
			return MST_SECENV_CORRUPT;
		}
		r = make_key(e, key_file, d);
	}
	if (!r && !any)
		r = write_slots(e, NO_FILE, NO_FILE, d);
	if (!r)
		settle(e);
	return r;
}

int secenv_file_open_on(struct secenv_port *p, const char *dir, const char *key_file, struct mst_crypto *c,
                        struct mst_secenv **ret_s, struct mst_diag *d)
{
	struct file_env *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return MST_FAULT_MEMORY;
	(void)mlock(e, sizeof(*e));     /* the key is in here: not into swap, where the limits allow it */
	e->env.ops = &file_ops;
	e->s.port = p;
	e->s.c = c;
	e->s.dir = e->lock = -1;
	r = start(e, dir, key_file, d);
	if (r) {
		file_close(&e->env);
		return r;
	}
	*ret_s = &e->env;
	return 0;
}

int mst_secenv_file_open(const char *dir, const char *key_file, struct mst_crypto *c,
			 struct mst_secenv **ret_s, struct mst_diag *d)
{
	return secenv_file_open_on(secenv_port_real(), dir, key_file, c, ret_s, d);
}
