/*
 * The store of every back end: encrypted files, under a key that a root (root.h) gives.
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
 *
 * Where the root counts (a TPM, a token), each change of a slot is one number further, in `slots` first and in the device
 * after it. So the device is never ahead of a store that is the newest; when it is, this is an older copy of the disk. There `slots`
 * names a mark of each credential, too, new with every change: an older file beside the newest record is none. Both of its copies are
 * of that mark, so that losing one is no way back either.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/heap.h"
#include "secenv/store.h"

#define SLOTS_VERSION 1
#define SLOTS_COUNTED 2          /* with the number that the device has counted to */
#define SLOTS_MARKED 3           /* and with the credentials' marks */
#define NO_FILE 0xff

static const char slots_name[] = "slots";
static const char *const cred_name[2] = { "cred-0", "cred-1" };

static struct file_env *of(struct mst_secenv *env)
{
	return (struct file_env *)env;
}

/* Is that number what the device has counted to, or one further: then the power went between the two. */
static int compare(struct file_env *e, uint64_t written, struct mst_diag *d)
{
	uint64_t counted = 0;
	int r = e->root->ops->counter(e->root, &counted, d);

	e->count = written;
	if (r)
		return r;
	if (written == counted + 1)
		return e->root->ops->advance(e->root, d);
	if (written == counted)
		return 0;
	mst_diag_set(d, 0, slots_name, written < counted ? "an older copy: the device has counted further" :
		     "the device has not counted as far: it was cleared, or is another one", NULL);
	return written < counted ? MST_SECENV_STALE : MST_SECENV_CLEARED;
}

/* Is it one that this version knows for such a root? */
static bool read_record(struct file_env *e, struct mst_view v, uint64_t *ret_written)
{
	struct mst_reader rd = mst_reader_of(v);
	uint8_t version = mst_read_u8(&rd), file[2];
	bool counts = e->root->ops->counter != NULL, known = counts ? version == SLOTS_COUNTED || version == SLOTS_MARKED : version == SLOTS_VERSION;

	for (size_t i = 0; i < 2; i++) {
		file[i] = mst_read_u8(&rd);
		known = known && (file[i] <= 1 || file[i] == NO_FILE);
	}
	*ret_written = counts ? mst_read_u64(&rd) : 0;
	memset(e->mark, 0, sizeof(e->mark));
	for (size_t i = 0; version == SLOTS_MARKED && i < 2; i++) {
		struct mst_view m = mst_read(&rd, SEALED_MARK);

		if (rd.ok)
			memcpy(e->mark[i], m.p, SEALED_MARK);
	}
	if (!mst_read_end(&rd) || !known || (file[0] == file[1] && file[0] != NO_FILE))
		return false;
	memcpy(e->file, file, sizeof(file));
	return true;
}

/* Read `slots`. 0, CORRUPT (also when absent: open makes it), what the device says, or a fault. */
static int read_slots(struct file_env *e, bool *ret_settled, struct mst_diag *d)
{
	uint64_t written;
	struct mst_view v;
	int r = sealed_load(&e->s, slots_name, &v, ret_settled, d);

	if (r == MST_SECENV_NONE) {
		mst_diag_set(d, 0, slots_name, "missing", NULL);
		return MST_SECENV_CORRUPT;
	}
	if (r)
		return r;
	if (!read_record(e, v, &written)) {
		mst_diag_set(d, 0, slots_name, "holds no record of slots that this version knows", NULL);
		return MST_SECENV_CORRUPT;
	}
	return e->root->ops->counter ? compare(e, written, d) : 0;
}

static int put_slots(struct file_env *e, uint8_t active, uint8_t pending, struct mst_diag *d)
{
	uint8_t record[11 + sizeof(e->mark)];
	struct mst_writer w = mst_writer_of(record, sizeof(record));

	mst_put_u8(&w, e->root->ops->counter ? SLOTS_MARKED : SLOTS_VERSION);
	mst_put_u8(&w, active);
	mst_put_u8(&w, pending);
	if (e->root->ops->counter) {
		mst_put_u64(&w, e->count);
		mst_put(&w, (struct mst_view){ e->mark[0], sizeof(e->mark) });
	}
	return sealed_store(&e->s, slots_name, mst_written(&w), d);
}

/* A change. Once `slots` is written it counts; should the device not count now, it does at the next look. */
static int write_slots(struct file_env *e, uint8_t active, uint8_t pending, struct mst_diag *d)
{
	uint64_t was = e->count;
	int r;

	e->count++;
	r = put_slots(e, active, pending, d);
	if (r) {
		e->count = was;
		return r;
	}
	if (!e->root->ops->counter)
		return 0;
	r = e->root->ops->advance(e->root, d);
	return r > 0 ? MST_FAULT_IO : r;         /* "full, nothing was changed" it is not */
}

static struct mst_view mark_of(const struct file_env *e, uint8_t file)
{
	static const uint8_t none[SEALED_MARK];

	return memcmp(e->mark[file], none, SEALED_MARK) ? (struct mst_view){ e->mark[file], SEALED_MARK } : MST_VIEW_NONE;
}

static int load_cred(struct file_env *e, uint8_t file, struct mst_view *ret_v, bool *ret_settled, struct mst_diag *d)
{
	return sealed_load_marked(&e->s, cred_name[file], mark_of(e, file), ret_v, ret_settled, d);
}

/* Where it is counted, with a new mark, which is for the next record of slots: until that is there, what was there counts. */
static int store_cred(struct file_env *e, uint8_t file, struct mst_view v, struct mst_diag *d)
{
	uint8_t mark[SEALED_MARK];
	int r;

	if (!e->root->ops->counter)
		return sealed_store(&e->s, cred_name[file], v, d);
	r = e->s.c->ops->random(e->s.c, mark, sizeof(mark));
	if (!r)
		r = sealed_store_marked(&e->s, cred_name[file], mark_of(e, file), (struct mst_view){ mark, sizeof(mark) }, v, d);
	if (!r)
		memcpy(e->mark[file], mark, sizeof(mark));
	return r;
}

/* Both copies of a credential that has a mark, of that mark. */
static void settle_cred(struct file_env *e, uint8_t file)
{
	struct mst_view mark = file == NO_FILE ? MST_VIEW_NONE : mark_of(e, file), v;
	bool settled = false;

	if (!mark.n || load_cred(e, file, &v, &settled, NULL))
		return;
	if (!settled && !e->s.unreadable && v.n <= sizeof(e->cred)) {
		memcpy(e->cred, v.p, v.n);
		(void)!sealed_store_marked(&e->s, cred_name[file], mark, mark, (struct mst_view){ e->cred, v.n }, NULL);
		mst_wipe(e->cred, sizeof(e->cred));
	}
	mst_wipe(e->s.plain, sizeof(e->s.plain));
}

/*
 * After a change of `slots`: bring its second copy up to date, and only then erase what no copy names any
 * more. Nothing here decides anything, so a failure waits for the next time. So does a copy that cannot be read
 * just now: it may be the newer one, and name what the other does not.
 */
static void settle(struct file_env *e)
{
	bool settled = false;

	if (read_slots(e, &settled, NULL) || e->s.unreadable)
		return;
	if (!settled && put_slots(e, e->file[MST_SLOT_ACTIVE], e->file[MST_SLOT_PENDING], NULL))
		return;
	for (size_t i = 0; i < 2; i++)
		settle_cred(e, e->file[i]);
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
	r = load_cred(e, e->file[slot], &v, NULL, d);
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
	int r = c->key.n ? mst_root_cred_encode(c, &w) : MST_FAULT_BUG;      /* one without its key would be lost for good */
	uint8_t file[2], fresh;

	if (!r)
		r = read_slots(e, NULL, d);
	if (r)
		goto out;
	memcpy(file, e->file, sizeof(file));
	if (file[slot] != NO_FILE) {
		r = store_cred(e, file[slot], mst_written(&w), d);
		if (!r && e->root->ops->counter)
			r = write_slots(e, file[MST_SLOT_ACTIVE], file[MST_SLOT_PENDING], d);
		r = r > 0 && e->root->ops->counter ? MST_FAULT_IO : r;
		/* with a number of before, the other copy would pass for an old disk, should this one be damaged */
		if (!r && e->root->ops->counter)
			settle(e);
		goto out;
	}
	/* a file that no slot names; what is left in it must not come back as an older copy of this one */
	fresh = file[!slot] == 0 ? 1 : 0;
	r = sealed_erase(&e->s, cred_name[fresh], d);
	if (!r)
		r = store_cred(e, fresh, mst_written(&w), d);
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

	if (r == MST_SECENV_CORRUPT && e->s.unreadable)
		return MST_FAULT_IO;    /* it may be whole, and then the other slot counts */
	if (r == MST_SECENV_CORRUPT) {
		memset(e->file, NO_FILE, sizeof(e->file));
		/* nobody knows what was written; counting goes on from where the device is */
		r = e->root->ops->counter ? e->root->ops->counter(e->root, &e->count, d) : 0;
		if (r)
			return r;
	} else if (r) {
		return r;
	} else if (e->file[slot] == NO_FILE) {
		return 0;
	}
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
	if (e->root)
		e->root->ops->free(e->root);
	mst_wipe(e, sizeof(*e));
	free(e);
}

static struct mst_secenv_offers file_offers(const struct mst_secenv *env)
{
	return ((const struct file_env *)env)->root->ops->offers;
}

static const struct mst_secenv_ops file_ops = {
	.name = "store", .load = file_load, .store = file_store, .promote = file_promote, .erase = file_erase,
	.load_blob = file_load_blob, .store_blob = file_store_blob, .close = file_close,
	.key_make = keys_make, .key_public = keys_public, .key_sign = keys_sign, .key_erase = keys_erase,
	.secret_import = keys_import, .secret_hmac = keys_hmac, .seal = keys_seal, .unseal = keys_unseal, .attest = keys_attest,
	.offers = file_offers,
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

/* A new store's key, and its key file. Without that nobody finds again what was made in the device: it goes, too. */
static int new_key(struct file_env *e, const char *key_file, struct mst_diag *d)
{
	struct mst_writer w = mst_writer_of(e->cred, ROOT_RECORD_MAX);
	const struct secenv_root_ops *o = e->root->ops;
	int r = o->bind(e->root, &w, e->s.key, d);

	if (r)
		return r;
	r = key_file_write(e->s.port, e->s.c, key_file, o->kind, mst_written(&w), d);
	/* it may be there all the same, when only the last step failed */
	if (r && o->unbind && (e->s.port->unlink(e->s.port, AT_FDCWD, key_file) == 0 || errno == ENOENT))
		(void)o->unbind(e->root, mst_written(&w), NULL);
	return r;
}

/* The store's key: of a new store, or of the one that is there. */
static int get_key(struct file_env *e, const char *key_file, bool any, struct mst_diag *d)
{
	uint8_t b[KEY_FILE_MAX];
	enum mst_secenv_kind kind;
	struct mst_view record;
	int r = key_file_read(e->s.port, e->s.c, key_file, b, &kind, &record, d);

	if (!r && kind != e->root->ops->kind) {
		mst_diag_set(d, 0, key_file, "this store is bound to another back end: ", mst_secenv_kind_text(kind), NULL);
		r = MST_SECENV_OTHER;
	} else if (!r) {
		r = e->root->ops->unlock(e->root, record, e->s.key, d);
	} else if (r == MST_SECENV_NONE && any) {
		mst_diag_set(d, 0, key_file, "missing, but there are files sealed with it", NULL);
		r = MST_SECENV_CORRUPT;
	} else if (r == MST_SECENV_NONE) {
		r = new_key(e, key_file, d);
	}
	mst_wipe(b, sizeof(b));
	mst_wipe(e->cred, sizeof(e->cred));
	return r;
}

/* Before the first record of slots there is nothing to compare: the device says where counting starts. */
static int begin(struct file_env *e, struct mst_diag *d)
{
	int r = e->root->ops->counter ? e->root->ops->counter(e->root, &e->count, d) : 0;

	return r ? r : write_slots(e, NO_FILE, NO_FILE, d);
}

/* Is any sealed file here, whatever its name? Then this is no fresh start. */
static int any_file(const struct file_env *e, bool *ret_any, struct mst_diag *d)
{
	int fd = openat(e->s.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *f;
	int r = 0;

	if (!list) {
		if (fd >= 0)
			close(fd);
		return secenv_os_outcome(d, "directory of the secure environment");
	}
	*ret_any = false;
	while ((f = e->s.port->readdir(e->s.port, list))) {
		struct mst_view name = mst_view_str(f->d_name);

		if (mst_view_ends(name, ".a") || mst_view_ends(name, ".b"))
			*ret_any = true;
	}
	/* half a list would pass for a first start */
	if (errno)
		r = secenv_os_outcome(d, "directory of the secure environment");
	closedir(list);
	return r;
}

static int start(struct file_env *e, const char *dir, const char *key_file, struct mst_diag *d)
{
	int r = open_directory(e, dir, d);
	bool any = false;

	if (!r)
		r = any_file(e, &any, d);
	if (!r)
		r = get_key(e, key_file, any, d);
	if (!r && !any)
		r = begin(e, d);
	if (!r && e->root->ops->counter) {
		r = read_slots(e, NULL, d);      /* an old copy of the disk is not to be worked with */
		r = r == MST_SECENV_CORRUPT ? 0 : r;
	}
	if (!r)
		settle(e);
	return r;
}

int mst_secenv_unbind(const char *key_file, struct secenv_root *root, struct mst_crypto *c, struct mst_diag *d)
{
	struct secenv_port *p = secenv_port_real();
	uint8_t b[KEY_FILE_MAX];
	enum mst_secenv_kind kind;
	struct mst_view record;
	int r = key_file_read(p, c, key_file, b, &kind, &record, d);

	if (!r && kind != root->ops->kind)
		r = MST_SECENV_OTHER;
	if (!r && root->ops->unbind) {
		r = root->ops->unbind(root, record, d);
		if (!r && p->unlink(p, AT_FDCWD, key_file) && errno != ENOENT)
			r = secenv_os_outcome(d, key_file);
	}
	root->ops->free(root);
	mst_wipe(b, sizeof(b));
	return r;
}

int secenv_open_on(struct secenv_port *p, const char *dir, const char *key_file, struct secenv_root *root, struct mst_crypto *c,
		   struct mst_secenv **ret_s, struct mst_diag *d)
{
	struct file_env *e = root ? mst_heap_locked(sizeof(*e)) : NULL;        /* the store's key is in here */
	int r;

	if (!e) {
		if (root)
			root->ops->free(root);
		return MST_FAULT_MEMORY;
	}
	e->env.ops = &file_ops;
	e->root = root;
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

int secenv_file_open_on(struct secenv_port *p, const char *dir, const char *key_file, struct mst_crypto *c,
                        struct mst_secenv **ret_s, struct mst_diag *d)
{
	return secenv_open_on(p, dir, key_file, mst_secenv_file(NULL, c), c, ret_s, d);
}

int mst_secenv_open(const char *dir, const char *key_file, struct secenv_root *root, struct mst_crypto *c, struct mst_secenv **ret_s,
		    struct mst_diag *d)
{
	return secenv_open_on(secenv_port_real(), dir, key_file, root, c, ret_s, d);
}

int mst_secenv_file_open(const char *dir, const char *key_file, struct mst_crypto *c,
			 struct mst_secenv **ret_s, struct mst_diag *d)
{
	return secenv_file_open_on(secenv_port_real(), dir, key_file, c, ret_s, d);
}
