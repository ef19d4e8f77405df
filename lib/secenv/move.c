#include "secenv/move.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secenv/store.h"

#define PATH 4096u

static const char part[] = "moving.part", built[] = "moving", taking[] = "moved";

/* A move under way: what is open, and the names. */
struct run {
	const struct secenv_move *m;
	struct secenv_port *port;
	int dir, keys;                           /* the store's directory, and the key file's */
	char key[256], key_moving[256], key_old[256];    /* names in `keys` */
};

static void reached(const struct run *r, const char *name)
{
	if (r->m->point)
		r->m->point(r->m->ctx, name);
}

static bool there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void finish(struct run *r)
{
	if (r->dir >= 0)
		close(r->dir);
	if (r->keys >= 0)
		close(r->keys);
}

/* 0, NONE (no store), or a fault. */
static int begin(struct run *r, const struct secenv_move *m, struct mst_diag *d)
{
	const char *slash = strrchr(m->key_file, '/'), *name = slash ? slash + 1 : m->key_file;
	char where[PATH];

	*r = (struct run){ .m = m, .port = m->port ? m->port : secenv_port_real(), .dir = -1, .keys = -1 };
	if ((size_t)snprintf(r->key, sizeof(r->key), "%s", name) >= sizeof(r->key) - 8 ||
	    (size_t)snprintf(where, sizeof(where), "%.*s", slash ? (int)(slash - m->key_file + 1) : 1, slash ? m->key_file : ".") >= sizeof(where)) {
		mst_diag_set(d, 0, "key_file", "its name is too long", NULL);
		return MST_FAULT_CONFIG;
	}
	snprintf(r->key_moving, sizeof(r->key_moving), "%.240s.moving", name);
	snprintf(r->key_old, sizeof(r->key_old), "%.240s.old", name);
	r->dir = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r->keys = r->dir < 0 ? -1 : open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir >= 0 && r->keys >= 0)
		return 0;
	return errno == ENOENT ? MST_SECENV_NONE : secenv_os_outcome(d, r->dir < 0 ? m->dir : where);
}

static int sync_dir(struct run *r, int dir, const char *what, struct mst_diag *d)
{
	return r->port->fsync(r->port, dir) ? secenv_os_outcome(d, what) : 0;
}

/* One name to another in a directory, durably. */
static int rename_in(struct run *r, int dir, const char *from, const char *to, struct mst_diag *d)
{
	if (r->port->rename(r->port, dir, from, to))
		return secenv_os_outcome(d, from);
	return sync_dir(r, dir, from, d) ? MST_FAULT_IO : 0;
}

static int remove_in(struct run *r, int dir, const char *name, struct mst_diag *d)
{
	return r->port->unlink(r->port, dir, name) && errno != ENOENT ? secenv_os_outcome(d, name) : 0;
}

/* Each regular file in `sub` of the store's directory ("." for itself): `act` gets its path from that directory, and its name. */
static int each_file(struct run *r, const char *sub, int (*act)(struct run *r, const char *path, const char *name, struct mst_diag *d),
		     struct mst_diag *d)
{
	int fd = openat(r->dir, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	struct stat st;
	char path[300];

	if (!list) {
		result = secenv_os_outcome(d, sub);
		if (fd >= 0)
			close(fd);
		return result;
	}
	while (!result && (e = r->port->readdir(r->port, list)) != NULL) {
		if (fstatat(dirfd(list), e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		snprintf(path, sizeof(path), "%s/%s", sub, e->d_name);
		result = act(r, path, e->d_name, d);
	}
	if (!result && !e && errno)              /* half a list is none */
		result = secenv_os_outcome(d, sub);
	closedir(list);
	return result;
}

static int drop_file(struct run *r, const char *path, const char *name, struct mst_diag *d)
{
	(void)name;
	return remove_in(r, r->dir, path, d);
}

static int drop_sealed(struct run *r, const char *path, const char *name, struct mst_diag *d)
{
	struct mst_view v = mst_view_str(name);

	return mst_view_ends(v, ".a") || mst_view_ends(v, ".b") || mst_view_ends(v, ".new") ? remove_in(r, r->dir, path, d) : 0;
}

static int take_file(struct run *r, const char *path, const char *name, struct mst_diag *d)
{
	if (!strcmp(name, "lock"))               /* the store has one, which is held */
		return remove_in(r, r->dir, path, d);
	return r->port->rename(r->port, r->dir, path, name) ? secenv_os_outcome(d, path) : 0;
}

static int drop_dir(struct run *r, const char *sub, struct mst_diag *d)
{
	int result = there(r->dir, sub) ? each_file(r, sub, drop_file, d) : 0;

	if (!result && unlinkat(r->dir, sub, AT_REMOVEDIR) && errno != ENOENT)
		result = secenv_os_outcome(d, sub);
	return result;
}

/* --- giving back --- */

static int path_of(const struct run *r, const char *name, char out[PATH])
{
	const char *slash = strrchr(r->m->key_file, '/');

	return (size_t)snprintf(out, PATH, "%.*s%s", slash ? (int)(slash - r->m->key_file + 1) : 0, r->m->key_file, name) < PATH ? 0 : MST_FAULT_CONFIG;
}

/* Octets that were a key's or a record's. What the disk itself keeps of them is the disk's. */
static void overwrite(struct run *r, const char *name)
{
	static const uint8_t nothing[KEY_FILE_MAX];
	struct stat st;
	int fd = r->port->open(r->port, r->keys, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_size > 0 && (size_t)st.st_size <= sizeof(nothing) && st.st_nlink == 1 &&
	    r->port->write(r->port, fd, nothing, (size_t)st.st_size) == st.st_size)
		(void)r->port->fsync(r->port, fd);
	close(fd);
}

/*
 * What the store of that key file has in its device goes, and then the file. A device that is not there keeps it; `keep`: then the file is
 * kept as well, for another try. Never a reason to stop.
 */
static int give_back(struct run *r, const char *name, bool keep, struct mst_diag *d)
{
	struct secenv_root *root = NULL;
	enum mst_secenv_kind kind = MST_SECENV_FILE;
	char path[PATH];
	int done = path_of(r, name, path);

	if (!done)
		done = mst_secenv_kind_of(path, r->m->c, &kind, d);
	if (!done && kind != MST_SECENV_FILE && kind != MST_SECENV_SECRET) {
		done = r->m->root(r->m->ctx, kind, &root, d);
		if (!done)
			done = mst_secenv_unbind(path, root, r->m->c, d);        /* the file goes with it */
	}
	if (done && done != MST_SECENV_NONE && keep)
		return 0;
	overwrite(r, name);
	done = remove_in(r, r->keys, name, d);
	return done ? done : sync_dir(r, r->keys, name, d);
}

/* --- what a cut left --- */

static int take_back(struct run *r, struct mst_diag *d)
{
	struct stat a, b;
	char fresh[sizeof(r->key_moving) + 8];
	int result = drop_dir(r, part, d);

	snprintf(fresh, sizeof(fresh), "%s.new", r->key_moving);
	if (!result)
		result = drop_dir(r, built, d);
	if (!result)
		result = sync_dir(r, r->dir, r->m->dir, d);      /* the key file goes last: without it the built one would be the store */
	if (!result)
		result = remove_in(r, r->keys, fresh, d);
	if (!result && there(r->keys, r->key_moving))
		result = give_back(r, r->key_moving, false, d);
	/* another name of the file that is the store's */
	if (!result && !fstatat(r->keys, r->key_old, &a, 0) && !fstatat(r->keys, r->key, &b, 0) && a.st_ino == b.st_ino)
		result = remove_in(r, r->keys, r->key_old, d);
	return result;
}

/* Behind the step that counts. Each part can be done again. */
static int go_on(struct run *r, struct mst_diag *d)
{
	int result = 0;

	if (there(r->dir, built)) {
		/* whoever did the step that counts may have been cut off before it was on the disk, where the key file is another one's */
		result = sync_dir(r, r->keys, r->key, d);
		if (!result)
			result = each_file(r, ".", drop_sealed, d);
		if (!result)
			result = sync_dir(r, r->dir, r->m->dir, d);
		reached(r, "move-emptied");
		if (!result)
			result = rename_in(r, r->dir, built, taking, d);
	}
	if (!result && there(r->dir, taking)) {
		result = each_file(r, taking, take_file, d);
		if (!result)
			result = sync_dir(r, r->dir, r->m->dir, d);
		reached(r, "move-taken");
		if (!result && unlinkat(r->dir, taking, AT_REMOVEDIR))
			result = secenv_os_outcome(d, taking);           /* a name that the reading missed: the next look takes it */
	}
	if (!result && there(r->keys, r->key_old))
		result = give_back(r, r->key_old, true, d);
	return result;
}

static int settle(struct run *r, struct mst_diag *d)
{
	if (there(r->dir, part) || there(r->keys, r->key_moving))
		return take_back(r, d);
	return go_on(r, d);
}

static bool left_over(const struct run *r)
{
	return there(r->dir, part) || there(r->dir, built) || there(r->dir, taking) || there(r->keys, r->key_moving) || there(r->keys, r->key_old);
}

int mst_secenv_move_settle(const struct secenv_move *m, struct mst_diag *d)
{
	struct run r;
	int result = begin(&r, m, d), lock;

	if (result || !left_over(&r)) {
		finish(&r);
		return result == MST_SECENV_NONE ? 0 : result;
	}
	lock = openat(r.dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lock < 0) {
		result = secenv_os_outcome(d, m->dir);
	} else if (flock(lock, LOCK_EX | LOCK_NB)) {
		mst_diag_set(d, 0, m->dir, "in use by another process", NULL);
		result = MST_SECENV_LOCKED;
	} else {
		result = settle(&r, d);
	}
	if (lock >= 0)
		close(lock);
	finish(&r);
	return result > 0 && result != MST_SECENV_LOCKED ? MST_FAULT_IO : result;
}

/* --- the move --- */

static int copy_slots(struct mst_secenv *from, struct mst_secenv *to, struct mst_diag *d)
{
	struct mst_root_cred *c = calloc(1, sizeof(*c));
	int r = c ? 0 : MST_FAULT_MEMORY;

	for (int slot = MST_SLOT_ACTIVE; !r && slot <= MST_SLOT_PENDING; slot++) {
		r = from->ops->load(from, (enum mst_slot)slot, c, d);
		if (!r)
			r = to->ops->store(to, (enum mst_slot)slot, c, d);
		else if (r == MST_SECENV_NONE)
			r = 0;
	}
	if (c)
		mst_root_cred_wipe(c);
	free(c);
	return r;
}

struct copying { struct mst_secenv *from, *to; uint8_t *b; };

static int copy_blob(const struct run *r, const struct copying *x, const char *name, struct mst_diag *d)
{
	size_t n = 0;
	int result = x->from->ops->load_blob(x->from, name, x->b, SEALED_PLAIN_MAX, &n, d);

	if (!result && r->m->blob)
		result = r->m->blob(r->m->ctx, x->from, x->to, name, x->b, SEALED_PLAIN_MAX, &n, d);
	if (!result)
		result = x->to->ops->store_blob(x->to, name, (struct mst_view){ x->b, n }, d);
	mst_wipe(x->b, SEALED_PLAIN_MAX);
	return result;
}

/* Both generations have one name; the second one finds it copied. */
static int copy_blobs(const struct run *r, const struct copying *x, struct mst_diag *d)
{
	int fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!list) {
		if (fd >= 0)
			close(fd);
		return secenv_os_outcome(d, r->m->dir);
	}
	while (!result && (e = r->port->readdir(r->port, list)) != NULL) {
		struct mst_view v = mst_view_str(e->d_name);
		char name[SEALED_NAME_MAX], again[SEALED_NAME_MAX + 32];

		if (v.n < 8 || v.n > 39 || strncmp(e->d_name, "blob-", 5) != 0 || (!mst_view_ends(v, ".a") && !mst_view_ends(v, ".b")))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(v.n - 7), e->d_name + 5);
		snprintf(again, sizeof(again), "%s/blob-%s.a", part, name);
		if (!there(r->dir, again))
			result = copy_blob(r, x, name, d);
	}
	if (!result && !e && errno)              /* what was not seen would be lost */
		result = secenv_os_outcome(d, r->m->dir);
	closedir(list);
	return result;
}

/* The other store, whole, beside the one that counts. */
static int build(struct run *r, struct mst_secenv *from, struct secenv_root *root, struct mst_diag *d)
{
	char dir[PATH], key[PATH];
	struct copying x = { .from = from };
	int result = path_of(r, r->key_moving, key);

	if (result || (size_t)snprintf(dir, sizeof(dir), "%s/%s", r->m->dir, part) >= sizeof(dir)) {
		root->ops->free(root);
		return MST_FAULT_CONFIG;
	}
	result = secenv_open_on(r->port, dir, key, root, r->m->c, &x.to, d);
	if (result)
		return result;
	x.b = malloc(SEALED_PLAIN_MAX);
	result = x.b ? copy_slots(from, x.to, d) : MST_FAULT_MEMORY;
	if (!result)
		result = copy_blobs(r, &x, d);
	if (!result && r->m->also)
		result = r->m->also(r->m->ctx, from, x.to, d);
	free(x.b);
	x.to->ops->close(x.to);
	return result;
}

static int switch_over(struct run *r, struct mst_diag *d)
{
	int result = rename_in(r, r->dir, part, built, d);

	reached(r, "move-built");
	if (!result && r->port->link(r->port, r->keys, r->key, r->key_old) && errno != EEXIST)
		result = secenv_os_outcome(d, r->key_old);
	if (!result)
		result = sync_dir(r, r->keys, r->key_old, d);
	reached(r, "move-kept");
	if (!result && r->port->rename(r->port, r->keys, r->key_moving, r->key))         /* this one */
		result = secenv_os_outcome(d, r->key_moving);
	if (result)
		return result;
	reached(r, "move-switched");
	return sync_dir(r, r->keys, r->key, d) ? MST_FAULT_IO : 0;
}

static int move_from(struct run *r, struct mst_secenv *from, struct secenv_root *root, struct mst_diag *d)
{
	int result = build(r, from, root, d);

	if (!result)
		result = switch_over(r, d);
	if (!result)
		return go_on(r, d);
	/* nothing has happened, then, unless it has */
	if (there(r->keys, r->key_moving) || there(r->dir, part))
		(void)take_back(r, NULL);
	return result;
}

int mst_secenv_move(const struct secenv_move *m, enum mst_secenv_kind to, struct mst_diag *d)
{
	struct secenv_root *old = NULL, *new = NULL;
	struct mst_secenv *from = NULL;
	enum mst_secenv_kind kind = to;
	struct run r;
	int result = mst_secenv_move_settle(m, d);

	if (result)
		return result;
	result = begin(&r, m, d);
	if (!result)
		result = mst_secenv_kind_of(m->key_file, m->c, &kind, d);
	if (!result && kind == to) {
		mst_diag_set(d, 0, m->key_file, "the store is in this back end already: ", mst_secenv_kind_text(to), NULL);
		result = MST_SECENV_OTHER;
	}
	if (!result && there(r.keys, r.key_old)) {
		mst_diag_set(d, 0, r.key_old, "is left from a move before: its device has to come back first, or the file has to go", NULL);
		result = MST_SECENV_FULL;
	}
	if (!result)
		result = m->root(m->ctx, kind, &old, d);
	if (!result)
		result = m->root(m->ctx, to, &new, d);
	if (!result) {
		result = secenv_open_on(r.port, m->dir, m->key_file, old, m->c, &from, d);
		old = NULL;
	}
	if (!result) {
		result = move_from(&r, from, new, d);
		new = NULL;
		from->ops->close(from);
	}
	if (old)
		old->ops->free(old);
	if (new)
		new->ops->free(new);
	finish(&r);
	return result;
}
