/*
 * Failure sweep over the keeper's directory: every call to the file system fails once, and from the n-th on there is no room, in the
 * making of a directory, its opening, a rotation and the end of one. Whatever comes of it, what was wrapped opens: with the keeper
 * that lives on, after another try, and after a start. The same when a call of the crypto port fails, or the library behind it finds no memory.
 *
 * And over what a device holds: the keys that it has are always those that the directory's files know it by, whatever failed, and
 * however often it could not take one back (kek.spare, kek.gone …).
 *
 * The calls are those of the static libraries; the linker leads them here (--wrap).
 */
#include "tests/support/cm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include "keeper/keeper.h"
#include "secenv/root.h"

#define NOW INT64_C(1800000000)
#define ID  "KM1@maf.example.com"

enum mode { ONCE, FULL, MODES, CRYPTO = MODES, MEMORY, ALL_MODES };
static struct { enum mode mode; unsigned at, calls; bool fired; } plan;

static struct mst_crypto *c;
static char top[64], dir[96];
static struct mst_keeper *k;
static const struct mst_channel ch = { .id = 1, .key = { 7 } };

static bool its_turn(void)
{
	plan.calls++;
	if (plan.mode == FULL ? plan.calls < plan.at : plan.calls != plan.at)
		return false;
	plan.fired = true;
	return true;
}

/* A full disk reads and deletes. */
static bool fails(bool takes_room)
{
	if (!plan.at || plan.mode >= MODES || (plan.mode == FULL && !takes_room) || !its_turn())
		return false;
	errno = plan.mode == FULL ? ENOSPC : EIO;
	return true;
}

/* --- the crypto port, and the memory of the library behind it --- */

static const struct mst_crypto_ops *real;

static bool not_here(enum mode mode)
{
	return plan.at && plan.mode == mode && its_turn();
}

static int weak_random(struct mst_crypto *x, uint8_t *out, size_t n)
{
	return not_here(CRYPTO) ? MST_FAULT_CRYPTO : real->random(x, out, n);
}

static int weak_hmac(struct mst_crypto *x, struct mst_view key, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	return not_here(CRYPTO) ? MST_FAULT_CRYPTO : real->hmac_sha256(x, key, msg, out);
}

static int weak_seal(struct mst_crypto *x, const uint8_t key[32], const uint8_t nonce[MST_AEAD_NONCE], struct mst_view aad, struct mst_view in, uint8_t *out)
{
	return not_here(CRYPTO) ? MST_FAULT_CRYPTO : real->seal(x, key, nonce, aad, in, out);
}

static int weak_open(struct mst_crypto *x, const uint8_t key[32], const uint8_t nonce[MST_AEAD_NONCE], struct mst_view aad, struct mst_view in, uint8_t *out)
{
	return not_here(CRYPTO) ? MST_FAULT_CRYPTO : real->open(x, key, nonce, aad, in, out);
}

static struct mst_crypto *weak_crypto(void)
{
	static struct mst_crypto_ops ops;
	static struct mst_crypto weak = { &ops };

	real = mst_crypto_openssl()->ops;
	ops = *real;
	ops.random = weak_random;
	ops.hmac_sha256 = weak_hmac;
	ops.seal = weak_seal;
	ops.open = weak_open;
	return &weak;
}

static void *lib_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return not_here(MEMORY) ? NULL : malloc(n);
}

static void *lib_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return not_here(MEMORY) ? NULL : realloc(p, n);
}

static void lib_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

#define WRAPPED(type, name, params, args, takes_room, failed) \
	type __real_##name params; \
	type __wrap_##name params; \
	type __wrap_##name params { return fails(takes_room) ? (failed) : __real_##name args; }
/* NOLINTBEGIN: the linker's names */
WRAPPED(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), true, -1)
WRAPPED(ssize_t, read, (int fd, void *b, size_t n), (fd, b, n), false, -1)
WRAPPED(int, fsync, (int fd), (fd), true, -1)
WRAPPED(int, renameat, (int d, const char *a, int e, const char *b), (d, a, e, b), true, -1)
WRAPPED(int, rename, (const char *a, const char *b), (a, b), true, -1)
WRAPPED(int, unlinkat, (int d, const char *a, int f), (d, a, f), false, -1)
WRAPPED(struct dirent *, readdir64, (DIR *d), (d), false, NULL)
int __real_openat64(int d, const char *name, int flags, ...);
int __wrap_openat64(int d, const char *name, int flags, ...);
int __wrap_openat64(int d, const char *name, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return fails(flags & O_CREAT) ? -1 : __real_openat64(d, name, flags, mode);
}
/* NOLINTEND */

static void arm(enum mode mode, unsigned at)
{
	plan.mode = mode;
	plan.at = at;
	plan.calls = 0;
	plan.fired = false;
}

static int make(void)
{
	return mst_keeper_create_files(dir, "muster test CA", NOW, c, NULL);
}

static const struct mst_keeper_device *device;   /* NULL: none */

static int open_it(void)
{
	int r = mst_keeper_local_open_with(dir, device, c, &k, NULL);

	if (!r)
		assert_int_equal(mst_keeper_local_channel(k, ch.id, ch.key, MST_DUTY__ALL), 0);
	return r;
}

static void shut(void)
{
	if (k)
		k->ops->close(k);
	k = NULL;
}

static void fresh(void)
{
	c = weak_crypto();
	snprintf(top, sizeof(top), "%s/mst-keeper-XXXXXX", access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
}

static void empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char name[512];

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (unlink(name))
			empty(name);
	}
	if (d)
		closedir(d);
	(void)rmdir(path);
}

static void clean(void)
{
	shut();
	empty(top);
	assert_int_equal(access(top, F_OK), -1);
}

/* What the keeper wrapped, and what it was. */
struct row { struct mst_wrapped w; struct mst_key key; };

static int opened(const struct mst_wrapped *w, struct mst_key *ret)
{
	const struct mst_authorisation a = { .what = MST_AUTH_RELEASE, .key_id = ID, .to = "urn:dev:ops:1" };
	struct mst_wrapped s;
	int r = k->ops->release(k, &a, w, MST_PURPOSE_KPM, ID, MST_DERIVE_NONE, 0, "", ch.id, &s);

	return r ? r : mst_channel_open(&ch, c, MST_USE_HANDSHAKE, &s, ret);
}

static void still_opens(const struct row *row)
{
	struct mst_key got;

	assert_int_equal(opened(&row->w, &got), 0);
	assert_true(mst_ct_equal(mst_key_view(&got), mst_key_view(&row->key)));
}

static void make_row(struct row *row)
{
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KPM, ID, &row->w), 0);
	assert_int_equal(opened(&row->w, &row->key), 0);
}

static int do_open(void) { return open_it(); }
static int do_rotate(void) { return k->ops->rotate(k, &(uint32_t){ 0 }); }
static int do_retire(void) { return k->ops->retire(k, 1); }

enum act { OPEN, ROTATE, RETIRE, ACTS };
static int (*const act_of[ACTS])(void) = { do_open, do_rotate, do_retire };

/* A directory in which `act` is the next thing to do, and a row that is in the store then. */
static void prepare(enum act act, struct row *row)
{
	struct mst_wrapped w;

	fresh();
	assert_int_equal(make(), 0);
	assert_int_equal(open_it(), 0);
	make_row(row);
	if (act == RETIRE) {
		assert_int_equal(do_rotate(), 0);
		assert_int_equal(k->ops->rewrap(k, &row->w, MST_PURPOSE_KPM, ID, &w), 0);
		row->w = w;
	}
	/* both generations are wanted: that of the row, and that of the CA's key */
	if (act == OPEN) {
		assert_int_equal(do_rotate(), 0);
		shut();
	}
}

/* One more try, on a disk that is well. A rotation whose new generation is there already goes on at the next start. */
static void once_more(enum act act)
{
	struct mst_keeper_generations g = { 0 };
	int r = act_of[act]();

	if (r == MST_KEEPER_DENIED && act == ROTATE) {
		assert_int_equal(k->ops->generations(k, &g), 0);
		assert_int_equal(g.now, 2);
	} else {
		assert_int_equal(r, 0);
	}
}

static bool run(enum act act, enum mode mode, unsigned at, bool again)
{
	struct mst_keeper_generations g = { 0 };
	struct row row, later = { .w = { .n = 0 } };
	struct mst_wrapped w;
	bool fired;
	int r;

	prepare(act, &row);
	arm(mode, at);
	r = act_of[act]();
	fired = plan.fired;
	arm(mode, 0);
	assert_true(r <= 0);
	assert_true(fired || r == 0);
	/* what is wrapped from here on is as good as what was before, under whichever number */
	if (k) {
		still_opens(&row);
		make_row(&later);
	}
	if (r && again)
		once_more(act);
	shut();
	assert_int_equal(open_it(), 0);
	still_opens(&row);
	if (later.w.n)
		still_opens(&later);
	assert_int_equal(k->ops->generations(k, &g), 0);
	if (act != OPEN && (!r || again)) {
		assert_int_equal(g.now, 2);
		assert_int_equal(g.before, act == ROTATE);
	}
	/* the CA's key is the newest generation's at the latest now, so the one before may go when no row needs it */
	if (g.before) {
		r = k->ops->rewrap(k, &row.w, MST_PURPOSE_KPM, ID, &w);
		row.w = r == 0 ? w : row.w;
		assert_true(r == 0 || r == MST_KEEPER_SAME);
		assert_int_equal(do_retire(), 0);
		still_opens(&row);
		if (later.w.n && mst_wrapped_generation(&later.w) == g.now)
			still_opens(&later);
	}
	clean();
	return fired;
}

static void what_is_wrapped_opens_whatever_fails(void **state)
{
	unsigned runs = 0;

	(void)state;
	for (enum act act = 0; act < ACTS; act++)
		for (enum mode mode = 0; mode < ALL_MODES; mode++)
			for (int again = 0; again < 2; again++) {
				unsigned at = 1;

				/* a start reads certificates, with hundreds of pieces of memory: when it fails nothing has changed */
				if (mode == MEMORY && act == OPEN)
					continue;
				while (run(act, mode, at, again))
					at++;
				assert_true(at < 100 && (at > 1 || act != ROTATE));
				runs += at;
			}
	assert_true(runs > 60);
}

/* Once the new generation is in use the rotation goes on to its end, whatever failed behind that: nobody has to start anything again. */
static void a_rotation_that_has_begun_ends(void **state)
{
	unsigned begun = 0;

	(void)state;
	for (enum mode mode = 0; mode < MODES; mode++)
		for (unsigned at = 1;; at++) {
			struct mst_keeper_generations g = { 0 };
			struct mst_wrapped w;
			struct row row;
			bool fired;
			int r;

			prepare(ROTATE, &row);
			arm(mode, at);
			r = do_rotate();
			fired = plan.fired;
			assert_int_equal(k->ops->generations(k, &g), 0);
			assert_int_equal(g.before, r ? 0 : 1);
			if (!r) {
				begun += fired;
				assert_int_equal(k->ops->rewrap(k, &row.w, MST_PURPOSE_KPM, ID, &w), 0);
				row.w = w;
				if (fired && mode == FULL)
					assert_int_equal(do_retire(), MST_FAULT_SPACE);
				arm(mode, 0);
				assert_int_equal(do_retire(), 0);
				shut();
				assert_int_equal(open_it(), 0);
				still_opens(&row);
				assert_int_equal(k->ops->generations(k, &g), 0);
				assert_true(g.now == 2 && g.before == 0);
			}
			arm(mode, 0);
			clean();
			if (!fired)
				break;
		}
	assert_true(begun >= 4);
}

/* A directory is there, whole, or it is not there. */
static void a_directory_is_made_whole_or_not_at_all(void **state)
{
	(void)state;
	for (enum mode mode = 0; mode < MODES; mode++)
		for (unsigned at = 1;; at++) {
			bool fired;
			int r;

			fresh();
			arm(mode, at);
			r = make();
			fired = plan.fired;
			arm(mode, 0);
			assert_true(r <= 0 && (fired || r == 0));
			if (access(dir, F_OK))
				assert_int_equal(make(), 0);
			assert_int_equal(open_it(), 0);
			clean();
			if (!fired)
				break;
		}
}

/* --- a device: it makes keys by number and takes them back, when it likes --- */

#define VAULT_KEYS 64
static struct { bool live[VAULT_KEYS], keeps, full; size_t made; } vault;

static int vault_key(struct mst_view record, uint8_t ret_key[32])
{
	size_t i = record.n == 1 ? record.p[0] : VAULT_KEYS;

	if (i >= VAULT_KEYS || !vault.live[i])
		return MST_SECENV_CLEARED;
	memset(ret_key, 0x40 + (int)i, 32);
	return 0;
}

static int vault_bind(struct secenv_root *r, struct mst_writer *record, uint8_t ret_key[32], struct mst_diag *d)
{
	uint8_t i = (uint8_t)vault.made;

	(void)r;
	(void)d;
	if (vault.full)
		return MST_SECENV_FULL;
	assert_true(vault.made < VAULT_KEYS);
	vault.live[vault.made++] = true;
	mst_put_u8(record, i);
	return vault_key((struct mst_view){ &i, 1 }, ret_key);
}

static int vault_unlock(struct secenv_root *r, struct mst_view record, uint8_t ret_key[32], struct mst_diag *d)
{
	(void)r;
	(void)d;
	return vault_key(record, ret_key);
}

static int vault_unbind(struct secenv_root *r, struct mst_view record, struct mst_diag *d)
{
	(void)r;
	(void)d;
	if (vault.keeps)
		return MST_SECENV_BUSY;
	assert_true(record.n == 1 && record.p[0] < vault.made);
	vault.live[record.p[0]] = false;
	return 0;
}

static void vault_free(struct secenv_root *r)
{
	(void)r;
}

static int vault_open(const struct mst_keeper_device *dev, int kind, struct secenv_root **ret, struct mst_diag *d)
{
	static const struct secenv_root_ops ops = { .bind = vault_bind, .unlock = vault_unlock, .unbind = vault_unbind, .free = vault_free };
	static struct secenv_root root = { &ops };

	(void)dev;
	(void)d;
	/* the other device is never there */
	*ret = &root;
	return kind == MST_SECENV_TPM ? 0 : MST_SECENV_ABSENT;
}

static const struct mst_keeper_device in_vault = { .open = vault_open, .kind = MST_SECENV_TPM, .starts = true },
				      in_file = { .open = vault_open, .kind = MST_SECENV_FILE, .starts = true },
				      elsewhere = { .open = vault_open, .kind = MST_SECENV_PKCS11, .starts = true };

static bool has(const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

/* Files that wait for the device to take a key back. */
static size_t waiting(void)
{
	char name[32] = "kek.gone";
	size_t n = has(name);

	for (unsigned i = 1; i < 32; i++) {
		snprintf(name, sizeof(name), "kek.gone-%u", i);
		n += has(name);
	}
	return n;
}

static size_t in_device(void)
{
	size_t n = 0;

	for (size_t i = 0; i < vault.made; i++)
		n += vault.live[i];
	return n;
}

/* As the program does it: one rotation a start. */
static int start_again(void)
{
	shut();
	return open_it();
}

static void begin_with_device(void)
{
	memset(&vault, 0, sizeof(vault));
	fresh();
	assert_int_equal(make(), 0);
	device = &in_vault;
	assert_int_equal(open_it(), 0);
}

static void end_with_device(void)
{
	clean();
	device = NULL;
}

/* The row goes along; 0, or what the end of the generation before came to. */
static int turn_over(struct row *row)
{
	struct mst_keeper_generations g;
	struct mst_wrapped w;
	uint32_t gen;

	assert_int_equal(k->ops->rotate(k, &gen), 0);
	assert_int_equal(k->ops->rewrap(k, &row->w, MST_PURPOSE_KPM, ID, &w), 0);
	row->w = w;
	assert_int_equal(k->ops->generations(k, &g), 0);
	return k->ops->retire(k, g.before);
}

/* None is forgotten, and none is written over: the generation before stays rather than that there is no name left for its record. */
static void what_the_device_does_not_take_back(void **state)
{
	struct mst_keeper_generations g;
	struct row row;
	size_t n = 0;
	int r;

	(void)state;
	begin_with_device();
	make_row(&row);
	assert_int_equal(turn_over(&row), 0);            /* out of the file, which leaves nothing */
	assert_int_equal(waiting(), 0);
	vault.keeps = true;
	do {
		assert_int_equal(start_again(), 0);
		still_opens(&row);
		assert_int_equal(waiting(), n);
		assert_int_equal(in_device(), n + 2);    /* one in use, and the spare one */
		r = turn_over(&row);
		n += !r;
	} while (!r);
	assert_int_equal(r, MST_FAULT_SPACE);
	assert_int_equal(n, 16);
	assert_int_equal(k->ops->generations(k, &g), 0);
	assert_int_equal(g.before, g.now - 1);
	still_opens(&row);
	/* the device is well again: the next start clears up, and the end that was held follows */
	vault.keeps = false;
	assert_int_equal(start_again(), 0);
	assert_int_equal(waiting(), 0);
	assert_int_equal(in_device(), 3);
	assert_int_equal(k->ops->retire(k, g.before), 0);
	assert_int_equal(start_again(), 0);
	assert_true(waiting() == 0 && in_device() == 2);
	still_opens(&row);
	end_with_device();
}

/* The spare one of another device, of one that was cleared, or that is not wanted any more. */
static void a_spare_that_does_not_fit(void **state)
{
	struct row row;

	(void)state;
	begin_with_device();
	make_row(&row);
	assert_true(has("kek.spare") && in_device() == 1);
	/* the same one, as often as it starts; who only looks touches nothing */
	assert_int_equal(start_again(), 0);
	assert_int_equal(vault.made, 1);
	/* cleared: another one */
	vault.live[0] = false;
	assert_int_equal(start_again(), 0);
	assert_true(has("kek.spare") && in_device() == 1 && vault.made == 2 && waiting() == 0);
	/* no room in the device: no start, and nothing has changed */
	vault.live[1] = false;
	vault.full = true;
	assert_int_equal(start_again(), MST_FAULT_SPACE);
	vault.full = false;
	assert_int_equal(start_again(), 0);
	assert_int_equal(in_device(), 1);
	/* keys are to be in a file again, and the device does not listen: its record stays until it does */
	device = &in_file;
	vault.keeps = true;
	assert_int_equal(start_again(), 0);
	assert_true(has("kek.spare"));
	vault.keeps = false;
	assert_int_equal(start_again(), 0);
	assert_true(!has("kek.spare") && in_device() == 0);
	/* and to be in a device that is not there: no start; the first one has what it had */
	device = &in_vault;
	assert_int_equal(start_again(), 0);
	device = &elsewhere;
	vault.keeps = true;
	assert_true(start_again() < 0);
	assert_true(waiting() == 1 && in_device() == 1 && !has("kek.spare"));
	device = &in_vault;
	vault.keeps = false;
	assert_int_equal(start_again(), 0);
	assert_true(waiting() == 0 && in_device() == 1 && has("kek.spare"));
	still_opens(&row);
	end_with_device();
}

/* Each call to the file system fails once, in a rotation, its end, and the start behind it; then all is well. */
static bool sweep_device(enum mode mode, unsigned at)
{
	struct row row;
	uint32_t gen;
	bool fired;
	int r;

	begin_with_device();
	make_row(&row);
	assert_int_equal(turn_over(&row), 0);
	assert_int_equal(start_again(), 0);
	arm(mode, at);
	r = k->ops->rotate(k, &gen);
	if (r) {                         /* what came of it is done, or done again by another try */
		arm(mode, 0);
		plan.fired = true;
		assert_int_equal(k->ops->rotate(k, &gen), 0);
	}
	assert_int_equal(gen, 3);
	plan.at = 0;                     /* the engine tries that again */
	assert_int_equal(k->ops->rewrap(k, &row.w, MST_PURPOSE_KPM, ID, &row.w), 0);
	plan.at = r ? 0 : at;
	r = k->ops->retire(k, 2);
	if (!r)
		r = start_again();
	fired = plan.fired;
	arm(mode, 0);
	assert_true(r <= 0 && (fired || r == 0));
	if (k && r)
		assert_int_equal(k->ops->retire(k, 2), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(start_again(), 0);
		still_opens(&row);
	}
	assert_true(has("kek.spare") && waiting() == 0);
	assert_int_equal(in_device(), 2);
	end_with_device();
	return fired;
}

static void no_key_is_left_in_the_device(void **state)
{
	unsigned runs = 0;

	(void)state;
	for (enum mode mode = 0; mode <= CRYPTO; mode++) {
		unsigned at = 1;

		while (sweep_device(mode, at))
			at++;
		assert_true(at < 200);
		runs += at;
	}
	assert_true(runs > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rotation_that_has_begun_ends), cmocka_unit_test(what_is_wrapped_opens_whatever_fails),
		cmocka_unit_test(a_directory_is_made_whole_or_not_at_all), cmocka_unit_test(what_the_device_does_not_take_back),
		cmocka_unit_test(a_spare_that_does_not_fit), cmocka_unit_test(no_key_is_left_in_the_device),
	};

	/* before the library asks for any */
	if (CRYPTO_set_mem_functions(lib_malloc, lib_realloc, lib_free) != 1)
		return 1;
	return cmocka_run_group_tests_name("keeper-failure", tests, NULL, NULL);
}
