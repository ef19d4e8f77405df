/*
 * Failure sweep over the keeper's directory: every call to the file system fails once, and from the n-th on there is no room, in the
 * making of a directory, its opening, a rotation and the end of one. Whatever comes of it, what was wrapped opens: with the keeper
 * that lives on, after another try, and after a start.
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
#include <unistd.h>

#include "keeper/keeper.h"

#define NOW INT64_C(1800000000)
#define ID  "KM1@maf.example.com"

enum mode { ONCE, FULL, MODES };
static struct { enum mode mode; unsigned at, calls; bool fired; } plan;

static struct mst_crypto *c;
static char top[64], dir[96];
static struct mst_keeper *k;
static const struct mst_channel ch = { .id = 1, .key = { 7 } };

/* A full disk reads and deletes. */
static bool fails(bool takes_room)
{
	if (!plan.at || (plan.mode == FULL && !takes_room))
		return false;
	plan.calls++;
	if (plan.mode == ONCE ? plan.calls != plan.at : plan.calls < plan.at)
		return false;
	plan.fired = true;
	errno = plan.mode == FULL ? ENOSPC : EIO;
	return true;
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

static int open_it(void)
{
	int r = mst_keeper_local_open(dir, c, &k, NULL);

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
	c = mst_crypto_openssl();
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
	int r = k->ops->release(k, &a, w, MST_PURPOSE_KM, ID, MST_DERIVE_NONE, 0, "", ch.id, &s);

	return r ? r : mst_channel_open(&ch, c, &s, ret);
}

static void still_opens(const struct row *row)
{
	struct mst_key got;

	assert_int_equal(opened(&row->w, &got), 0);
	assert_true(mst_ct_equal(mst_key_view(&got), mst_key_view(&row->key)));
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
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KM, ID, &row->w), 0);
	assert_int_equal(opened(&row->w, &row->key), 0);
	if (act == RETIRE) {
		assert_int_equal(do_rotate(), 0);
		assert_int_equal(k->ops->rewrap(k, &row->w, MST_PURPOSE_KM, ID, &w), 0);
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
	struct row row;
	bool fired;
	int r;

	prepare(act, &row);
	arm(mode, at);
	r = act_of[act]();
	fired = plan.fired;
	arm(mode, 0);
	assert_true(r <= 0);
	assert_true(fired || r == 0);
	if (k)
		still_opens(&row);
	if (r && again)
		once_more(act);
	shut();
	assert_int_equal(open_it(), 0);
	still_opens(&row);
	assert_int_equal(k->ops->generations(k, &g), 0);
	if (act != OPEN && (!r || again)) {
		assert_int_equal(g.now, 2);
		assert_int_equal(g.before, act == ROTATE);
	}
	/* the CA's key is the newest generation's at the latest now, so the one before may go */
	if (g.before)
		assert_int_equal(do_retire(), 0);
	clean();
	return fired;
}

static void what_is_wrapped_opens_whatever_fails(void **state)
{
	unsigned runs = 0;

	(void)state;
	for (enum act act = 0; act < ACTS; act++)
		for (enum mode mode = 0; mode < MODES; mode++)
			for (int again = 0; again < 2; again++) {
				unsigned at = 1;

				while (run(act, mode, at, again))
					at++;
				assert_true(at < 100);
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
				assert_int_equal(k->ops->rewrap(k, &row.w, MST_PURPOSE_KM, ID, &w), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rotation_that_has_begun_ends), cmocka_unit_test(what_is_wrapped_opens_whatever_fails),
		cmocka_unit_test(a_directory_is_made_whole_or_not_at_all),
	};

	return cmocka_run_group_tests_name("keeper-failure", tests, NULL, NULL);
}
