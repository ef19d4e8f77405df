/*
 * A store changes its back end: to the one named on the command line and back again, and cut off at every call to the file system. What
 * there is afterwards is the old store or the new one, whole; and of the other one nothing, on the disk or in its device.
 */
#include "tests/support/cm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secenv/move.h"
#include "secenv/test-device.h"

/*
 * From call `fail_at` on nothing reaches the disk any more; a write is torn. `turned`: the store's key file has got another one's name, and
 * its directory has not been synced since; `early`: something of the store went meanwhile, and might be gone when the name is not.
 */
struct cut { struct secenv_port port; unsigned fail_at, calls, linked_at, turned_at; bool turned, early; };

static struct mst_crypto *c;
static char top[64], dir[96], key_file[96], secret_file[96];
static struct mst_secenv_key pair, left;

static bool gone(struct secenv_port *p)
{
	struct cut *f = (struct cut *)p;

	errno = EIO;
	return ++f->calls >= f->fail_at && f->fail_at;
}

static int cut_open(struct secenv_port *p, int at, const char *name, int flags, mode_t mode)
{
	return gone(p) ? -1 : secenv_port_real()->open(p, at, name, flags, mode);
}

/* What is on the disk can be read: of copies that cannot, test-secenv-failure tells. */
static ssize_t cut_read(struct secenv_port *p, int fd, void *b, size_t n)
{
	(void)p;
	return secenv_port_real()->read(p, fd, b, n);
}

static struct dirent *cut_readdir(struct secenv_port *p, DIR *d)
{
	return gone(p) ? NULL : secenv_port_real()->readdir(p, d);         /* a list that breaks off: nothing that it had must be lost */
}

static ssize_t cut_write(struct secenv_port *p, int fd, const void *b, size_t n)
{
	if (!gone(p))
		return write(fd, b, n);
	if (((struct cut *)p)->calls == ((struct cut *)p)->fail_at)
		(void)!write(fd, b, n / 2);
	errno = EIO;
	return -1;
}

/* The key file lies in `top`, the store in a directory of it. */
static bool is_of_keys(int fd)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat(top, &b) && a.st_ino == b.st_ino;
}

static int cut_fsync(struct secenv_port *p, int fd)
{
	struct cut *f = (struct cut *)p;

	if (gone(p))
		return -1;
	f->turned = f->turned && !is_of_keys(fd);
	return 0;
}

static int cut_rename(struct secenv_port *p, int at, const char *from, const char *to)
{
	struct cut *f = (struct cut *)p;

	if (gone(p) || secenv_port_real()->rename(p, at, from, to))
		return -1;
	if (is_of_keys(at) && !strcmp(to, strrchr(key_file, '/') + 1)) {
		f->turned = true;
		f->turned_at = f->calls;
	}
	return 0;
}

static int cut_unlink(struct secenv_port *p, int at, const char *name)
{
	struct cut *f = (struct cut *)p;

	if (gone(p))
		return -1;
	f->early = f->early || (f->turned && !is_of_keys(at));
	return secenv_port_real()->unlink(p, at, name);
}

static int cut_link(struct secenv_port *p, int at, const char *from, const char *to)
{
	struct cut *f = (struct cut *)p;
	bool off = gone(p);

	f->linked_at = f->calls;
	return off ? -1 : secenv_port_real()->link(p, at, from, to);
}

/* A disk that is well, and does not let us wait. */
static struct cut well = { { cut_open, cut_read, cut_readdir, cut_write, cut_fsync, cut_rename, cut_unlink, cut_link }, 0, 0, 0, 0, false, false };

static int root(void *ctx, enum mst_secenv_kind kind, struct secenv_root **ret, struct mst_diag *d)
{
	(void)ctx;
	if (kind != MST_SECENV_FILE && kind != MST_SECENV_SECRET)
		return device_root(ret, d);
	*ret = mst_secenv_file(kind == MST_SECENV_SECRET ? secret_file : NULL, c);
	return *ret ? 0 : MST_FAULT_MEMORY;
}

/* The blob "pair" is a key of the store. */
static int blob(void *ctx, struct mst_secenv *from, struct mst_secenv *to, const char *name, uint8_t *b, size_t cap, size_t *n, struct mst_diag *d)
{
	struct mst_secenv_key k = { .n = *n };
	int r;

	(void)ctx, (void)cap;
	if (strcmp(name, "pair") != 0)
		return 0;
	memcpy(k.b, b, k.n);
	r = mst_secenv_rekey(from, to, &k, &pair, d);
	if (r == MST_SECENV_NONE) {
		left = k;
		return 0;
	}
	memcpy(b, pair.b, *n = pair.n);
	return r;
}

static struct secenv_move move_on(struct secenv_port *port)
{
	return (struct secenv_move){ .dir = dir, .key_file = key_file, .c = c, .root = root, .blob = blob, .port = port };
}

static enum mst_secenv_kind device(void)
{
	static const enum mst_secenv_kind kinds[] = { MST_SECENV_SECRET, MST_SECENV_SECRET, MST_SECENV_TPM, MST_SECENV_PKCS11, MST_SECENV_UICC };

	return kinds[device_kind()];
}

static struct mst_secenv *open_kind(enum mst_secenv_kind kind)
{
	struct secenv_root *r = NULL;
	struct mst_secenv *s = NULL;
	struct mst_diag d = { 0 };
	int got = root(NULL, kind, &r, &d);

	if (!got)
		got = secenv_open_on(&well.port, dir, key_file, r, c, &s, &d);
	if (got)
		fail_msg("%d: %s: %s", got, d.field, d.text);
	return s;
}

static enum mst_secenv_kind kind_now(void)
{
	enum mst_secenv_kind k = 0;

	assert_int_equal(mst_secenv_kind_of(key_file, c, &k, NULL), 0);
	return k;
}

static void put(struct mst_secenv *s, enum mst_slot slot, uint8_t x)
{
	static struct mst_root_cred k;

	memset(&k, 0, sizeof(k));
	memset(k.key.b, x, MST_KEY_LEN);
	k.key.n = MST_KEY_LEN;
	k.generation = x;
	assert_int_equal(s->ops->store(s, slot, &k, NULL), 0);
}

/* As it was filled: 1 active, 2 pending, two blobs, and a pair that signs, unless it was made in another device. */
static void whole(struct mst_secenv *s, bool signs)
{
	static struct mst_root_cred k;
	uint8_t digest[MST_SHA256_LEN] = { 7 }, sig[128], b[MST_SECENV_KEY_MAX];
	struct mst_secenv_key key;
	size_t n = 0;

	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &k, NULL), 0);
	assert_int_equal(k.generation, 1);
	assert_int_equal(s->ops->load(s, MST_SLOT_PENDING, &k, NULL), 0);
	assert_int_equal(k.generation, 2);
	assert_int_equal(s->ops->load_blob(s, "progress", b, sizeof(b), &n, NULL), 0);
	assert_int_equal(n, 4);
	assert_memory_equal(b, "here", 4);
	assert_int_equal(s->ops->load_blob(s, "empty", b, sizeof(b), &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(s->ops->load_blob(s, "pair", key.b, sizeof(key.b), &key.n, NULL), 0);
	assert_int_equal(s->ops->key_sign(s, &key, digest, sig, sizeof(sig), &n, NULL), signs ? 0 : MST_SECENV_CLEARED);
}

static void begin(enum mst_secenv_kind kind)
{
	struct mst_secenv_key k;
	struct mst_secenv *s;
	FILE *f;

	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-move-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/state", top);
	snprintf(key_file, sizeof(key_file), "%s/state.key", top);
	snprintf(secret_file, sizeof(secret_file), "%s/secret", top);
	f = fopen(secret_file, "w");
	assert_non_null(f);
	fputs("a secret of the machine\n", f);
	fclose(f);
	assert_int_equal(chmod(secret_file, 0600), 0);
	s = open_kind(kind);
	put(s, MST_SLOT_ACTIVE, 1);
	put(s, MST_SLOT_PENDING, 2);
	assert_int_equal(s->ops->store_blob(s, "progress", MST_VIEW_LIT("here"), NULL), 0);
	assert_int_equal(s->ops->store_blob(s, "empty", MST_VIEW_NONE, NULL), 0);
	assert_int_equal(s->ops->key_make(s, &k, NULL), 0);
	assert_int_equal(s->ops->store_blob(s, "pair", (struct mst_view){ k.b, k.n }, NULL), 0);
	s->ops->close(s);
	left.n = 0;
}

/* Nothing of a move is left beside the store. */
static void nothing_left(void)
{
	static const char *const where[] = { "", "/state" };

	for (size_t i = 0; i < MST_COUNT(where); i++) {
		char path[80];
		const struct dirent *e;
		DIR *list;

		snprintf(path, sizeof(path), "%s%s", top, where[i]);
		list = opendir(path);
		assert_non_null(list);
		while ((e = readdir(list)) != NULL)
			if (strstr(e->d_name, "mov") || strstr(e->d_name, ".old"))
				fail_msg("%s/%s is left", path, e->d_name);
		closedir(list);
	}
}

/* The device's own key, which a move leaves to its caller. */
static void erase_left(void)
{
	struct secenv_root *r = NULL;

	if (!left.n)
		return;
	assert_int_equal(device_root(&r, NULL), 0);
	if (r->ops->key_erase)
		assert_int_equal(r->ops->key_erase(r, &left, NULL), 0);
	r->ops->free(r);
	left.n = 0;
}

/* The store of a device gives back what it has there: then as much is in it as before. */
static void end(void)
{
	struct secenv_root *r = NULL;
	char cmd[80];

	erase_left();
	assert_int_equal(root(NULL, kind_now(), &r, NULL), 0);
	assert_int_equal(mst_secenv_unbind(key_file, r, c, NULL), 0);
	snprintf(cmd, sizeof(cmd), "rm -r %s", top);
	assert_int_equal(system(cmd), 0);
}

static void there_and_back(void **state)
{
	struct secenv_move m;
	struct mst_secenv *s;
	struct mst_diag d = { 0 };
	char was[64] = { 0 };
	int fd, old;

	(void)state;
	device_inventory("empty");
	begin(MST_SECENV_FILE);
	fd = open(key_file, O_RDONLY);
	assert_int_equal(pread(fd, was, 32, 0), 32);
	m = move_on(NULL);
	assert_int_equal(mst_secenv_move(&m, MST_SECENV_FILE, &d), MST_SECENV_OTHER);
	memset(&d, 0, sizeof(d));
	assert_int_equal(mst_secenv_move(&m, device(), &d), 0);
	assert_string_equal(d.text, "");
	assert_int_equal(kind_now(), device());
	nothing_left();
	/* the key in the file was overwritten before its name went */
	assert_int_equal(pread(fd, was + 32, 32, 0), 32);
	assert_memory_not_equal(was, was + 32, 32);
	close(fd);
	s = open_kind(device());
	whole(s, true);
	/* a key of the device's own: it stays there, and is nobody's afterwards */
	assert_int_equal(s->ops->key_make(s, &pair, NULL), 0);
	assert_int_equal(s->ops->store_blob(s, "pair", (struct mst_view){ pair.b, pair.n }, NULL), 0);
	old = s->ops->offers(s).keys_inside;
	s->ops->close(s);
	assert_int_equal(mst_secenv_move(&m, MST_SECENV_FILE, &d), 0);
	assert_string_equal(d.text, "");
	nothing_left();
	assert_int_equal(kind_now(), MST_SECENV_FILE);
	assert_int_equal(left.n != 0, old);
	s = open_kind(MST_SECENV_FILE);
	whole(s, !old);
	s->ops->close(s);
	erase_left();
	device_inventory("after");
	device_tool("cmp empty after");
	end();
}

/* One cut; none with 0. How many calls there were, and at which one the other store was whole, and became the store. */
static unsigned run(enum mst_secenv_kind from, enum mst_secenv_kind to, unsigned fail_at, unsigned *ret_built, unsigned *ret_turned)
{
	struct cut f = { .port = well.port, .fail_at = fail_at }, next = { .port = well.port };
	struct secenv_move m;
	enum mst_secenv_kind now;
	struct mst_secenv *s;
	bool inside;
	int r;

	begin(from);
	m = move_on(&f.port);
	r = mst_secenv_move(&m, to, NULL);
	/* power is back: whoever comes next */
	m.port = &next.port;
	next.turned = f.turned;
	assert_int_equal(mst_secenv_move_settle(&m, NULL), 0);
	assert_false(f.early || next.early || next.turned);
	nothing_left();
	now = kind_now();
	assert_true(now == from || now == to);
	if (!r)
		assert_int_equal(now, to);
	s = open_kind(now);
	inside = now == to && left.n;
	whole(s, !inside);
	s->ops->close(s);
	/* and the move can be made */
	if (now == from) {
		left.n = 0;
		assert_int_equal(mst_secenv_move(&m, to, NULL), 0);
		s = open_kind(to);
		whole(s, !left.n);
		s->ops->close(s);
	}
	nothing_left();
	end();
	*ret_built = f.linked_at;
	*ret_turned = f.turned_at;
	return f.calls;
}

static void every_cut_leaves_the_old_or_the_new_one(void **state)
{
	const enum mst_secenv_kind pairs[][2] = { { MST_SECENV_FILE, device() }, { device(), MST_SECENV_FILE } };
	/* the calls are the same for all: without a device every other one, and with one, which is asked dozens of times, fewer */
	const bool each = device_kind() == DEVICE_SECRET;
	const size_t ways = each ? 1 : 2;
	const unsigned step = each ? 2 : 5;

	(void)state;
	device_inventory("empty");
	for (size_t i = 0; i < ways; i++) {
		unsigned built = 0, turned = 0, unused, all = run(pairs[i][0], pairs[i][1], 0, &built, &turned);

		assert_true(built > 50 && turned > built && all > built + 15);
		/* while the other one is made, few of them */
		for (unsigned at = 1; at < built - 2; at += 60)
			(void)run(pairs[i][0], pairs[i][1], at, &unused, &unused);
		for (unsigned at = built - 2 + (unsigned)i; at <= all; at += step)
			(void)run(pairs[i][0], pairs[i][1], at, &unused, &unused);
		/* the new name is there, and not on the disk */
		(void)run(pairs[i][0], pairs[i][1], turned + 1, &unused, &unused);
	}
	device_inventory("after");
	device_tool("cmp empty after");
}

/* The old device is pulled out when the move has been made: what it has is given back when it is there again. */
static void the_old_device_is_away(void **state)
{
	struct secenv_move m;
	struct mst_diag d = { 0 };
	char old[sizeof(key_file) + 8];

	(void)state;
	if (device_kind() < DEVICE_TPM)
		return;
	device_inventory("empty");
	begin(device());
	left.n = 0;
	m = move_on(NULL);
	device_remove();
	assert_int_equal(mst_secenv_move(&m, MST_SECENV_FILE, &d), MST_SECENV_ABSENT);
	assert_int_equal(kind_now(), device());
	nothing_left();
	device_return();
	assert_int_equal(mst_secenv_move(&m, MST_SECENV_FILE, &d), 0);
	snprintf(old, sizeof(old), "%s.old", key_file);
	assert_int_not_equal(access(old, F_OK), 0);
	erase_left();
	device_inventory("after");
	device_tool("cmp empty after");
	end();
}

/*
 * What a factory reset does: keys that were made for certificates go from the device by their names, cut in the middle and done once more, then what the store had there.
 * One that was made before for somebody else ("pair") stays, and is used without the store.
 */
static void nothing_of_ours_is_left(void **state)
{
	struct mst_secenv_key initial, k[3];
	struct secenv_root *r = NULL;
	bool objects = device_kind() == DEVICE_TOKEN || device_kind() == DEVICE_CARD;
	uint8_t spki[128];
	struct mst_secenv *s;
	char cmd[96];
	size_t n = 0;

	(void)state;
	device_inventory("empty");
	begin(device());
	s = open_kind(device());
	assert_int_equal(s->ops->load_blob(s, "pair", initial.b, sizeof(initial.b), &initial.n, NULL), 0);
	for (size_t i = 0; i < MST_COUNT(k); i++)
		assert_int_equal(s->ops->key_make(s, &k[i], NULL), 0);
	for (size_t i = 0; i < MST_COUNT(k); i++)
		for (size_t j = 0; j <= i; j++)
			assert_int_equal(s->ops->key_erase(s, &k[j], NULL), 0);
	s->ops->close(s);
	assert_int_equal(root(NULL, device(), &r, NULL), 0);
	assert_int_equal(mst_secenv_unbind(key_file, r, c, NULL), 0);
	device_inventory("after");
	device_tool(objects ? "! cmp -s empty after" : "cmp empty after");
	assert_int_equal(root(NULL, device(), &r, NULL), 0);
	if (objects) {
		assert_int_equal(r->ops->key_public(r, &initial, spki, sizeof(spki), &n, NULL), 0);
		assert_int_equal(r->ops->key_erase(r, &initial, NULL), 0);
	}
	r->ops->free(r);
	device_inventory("after");
	device_tool("cmp empty after");
	left.n = 0;
	snprintf(cmd, sizeof(cmd), "rm -r %s", top);
	assert_int_equal(system(cmd), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(every_cut_leaves_the_old_or_the_new_one), cmocka_unit_test(the_old_device_is_away),
		cmocka_unit_test(nothing_of_ours_is_left),
	};
	int failed;

	device_start(argc > 1 ? argv[1] : "secret");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	device_stop();
	return failed;
}
