/*
 * Failure sweep (lessons 4, 16): every call to the file system fails once, for each way to fail, in each
 * operation; afterwards the environment is opened anew on a healthy disk and must hold the state from before
 * or the state from after the operation, whole, never anything else.
 *
 * With the name of a device's back end on the command line (test-device.h): the same steps where that counts, too; fewer,
 * since each asks the device a dozen times.
 */
#include "tests/support/cm.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "secenv/test-device.h"

enum mode {
	ONCE,           /* one call fails, the disk is well again */
	FULL,           /* from then on there is no space */
	UNREADABLE,     /* from then on nothing can be read, while what is written is kept */
	POWER,          /* from then on nothing happens any more; a write is torn in the middle */
	MODES
};

struct faulty {
	struct secenv_port port;
	enum mode mode;
	unsigned fail_at, calls;
	bool fired;
	char log[512];          /* order of what was done: w, f(ile fsync), r, d(irectory fsync) */
	int last_fd;
};

static struct mst_crypto *c;
static char top[64], dir[96], key_file[96];

static bool fails(struct faulty *f)
{
	f->calls++;
	if (f->fail_at && (f->calls == f->fail_at || (f->mode != ONCE && f->calls > f->fail_at))) {
		f->fired = true;
		errno = f->mode == FULL ? ENOSPC : EIO;
		return true;
	}
	return false;
}

static void note(struct faulty *f, char what)
{
	size_t n = strlen(f->log);

	if (n < sizeof(f->log) - 1)
		f->log[n] = what;
}

static int faulty_open(struct secenv_port *p, int at, const char *name, int flags, mode_t mode)
{
	struct faulty *f = (struct faulty *)p;

	/* what is only read always opens in this sweep, except after a power cut */
	if ((flags & O_CREAT || f->mode == POWER) && f->mode != UNREADABLE && fails(f))
		return -1;
	return secenv_port_real()->open(p, at, name, flags, mode);
}

/* A full disk reads; one without power fails at the next step that is counted. */
static ssize_t faulty_read(struct secenv_port *p, int fd, void *b, size_t n)
{
	struct faulty *f = (struct faulty *)p;

	if ((f->mode == ONCE || f->mode == UNREADABLE) && fails(f)) {
		errno = EIO;
		return -1;
	}
	return read(fd, b, n);
}

static struct dirent *faulty_readdir(struct secenv_port *p, DIR *d)
{
	struct faulty *f = (struct faulty *)p;

	if ((f->mode == ONCE || f->mode == UNREADABLE) && fails(f)) {
		errno = EIO;
		return NULL;
	}
	return secenv_port_real()->readdir(p, d);
}

static ssize_t faulty_write(struct secenv_port *p, int fd, const void *b, size_t n)
{
	struct faulty *f = (struct faulty *)p;

	if (f->mode != UNREADABLE && fails(f)) {
		if (f->mode != ONCE && f->calls == f->fail_at)
			(void)!write(fd, b, n / 2);
		errno = f->mode == FULL ? ENOSPC : EIO;
		return -1;
	}
	note(f, 'w');
	f->last_fd = fd;
	return write(fd, b, n);
}

static int faulty_fsync(struct secenv_port *p, int fd)
{
	struct faulty *f = (struct faulty *)p;

	if (f->mode != UNREADABLE && fails(f))
		return -1;
	note(f, fd == f->last_fd ? 'f' : 'd');
	f->last_fd = -1;
	return 0;               /* thousands of runs; waiting for a real disk shows nothing more */
}

static int faulty_rename(struct secenv_port *p, int at, const char *from, const char *to)
{
	struct faulty *f = (struct faulty *)p;

	if (f->mode != UNREADABLE && fails(f))
		return -1;
	note(f, 'r');
	return secenv_port_real()->rename(p, at, from, to);
}

static int faulty_unlink(struct secenv_port *p, int at, const char *name)
{
	struct faulty *f = (struct faulty *)p;

	/* a full disk still deletes */
	if (f->mode != FULL && f->mode != UNREADABLE && fails(f))
		return -1;
	return secenv_port_real()->unlink(p, at, name);
}

static void start(struct faulty *f, enum mode mode)
{
	*f = (struct faulty){ .port = { faulty_open, faulty_read, faulty_readdir, faulty_write, faulty_fsync, faulty_rename,
					faulty_unlink, NULL },
			      .mode = mode,
			      .last_fd = -1 };
}

static int open_on(struct secenv_port *p, struct mst_secenv **ret, struct mst_diag *d)
{
	struct secenv_root *root = NULL;
	int r = device_root(&root, d);

	return r ? r : secenv_open_on(p, dir, key_file, root, c, ret, d);
}

static bool on_device(void)
{
	return device_kind() >= DEVICE_TPM;
}

/* The environment on a disk that is well. */
static struct mst_secenv *open_well(void)
{
	static struct faulty well;
	struct mst_secenv *s = NULL;

	start(&well, ONCE);
	assert_int_equal(open_on(&well.port, &s, NULL), 0);
	return s;
}

static void fresh(void)
{
	c = mst_crypto_openssl();
	/* thousands of stores, of which no disk is asked anything: in memory, where that can be had */
	snprintf(top, sizeof(top), "%s/mst-secenv-XXXXXX", access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/state", top);
	snprintf(key_file, sizeof(key_file), "%s/state.key", top);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void clean(void)
{
	struct secenv_root *root = NULL;

	/* a first start that was cut off may have left no key file */
	if (on_device() && access(key_file, F_OK) == 0) {
		assert_int_equal(device_root(&root, NULL), 0);
		assert_int_equal(mst_secenv_unbind(key_file, root, c, NULL), 0);
	}
	assert_int_equal(nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static struct mst_root_cred cred(uint8_t x)
{
	struct mst_root_cred k;

	memset(&k, 0, sizeof(k));
	memset(k.key.b, x, MST_KEY_LEN);
	k.key.n = MST_KEY_LEN;
	k.generation = x;
	return k;
}

/* What a slot holds: generation, 0 for none; anything else fails the test. */
static unsigned holds(struct mst_secenv *s, enum mst_slot slot)
{
	struct mst_root_cred k;
	struct mst_diag d = { 0 };
	int r = s->ops->load(s, slot, &k, &d);

	if (r != 0 && r != MST_SECENV_NONE)
		print_error("%s: %s\n", d.field, d.text);
	assert_true(r == 0 || r == MST_SECENV_NONE);
	return r ? 0 : (unsigned)k.generation;
}

static unsigned blob_of(struct mst_secenv *s)
{
	uint8_t b[8];
	size_t n = 0;
	int r = s->ops->load_blob(s, "progress", b, sizeof(b), &n, NULL);

	assert_true(r == 0 || r == MST_SECENV_NONE);
	return r ? 0 : b[0];
}

/* The state as one number, for comparing. */
static unsigned state_of(struct mst_secenv *s)
{
	return holds(s, MST_SLOT_ACTIVE) * 10000 + holds(s, MST_SLOT_PENDING) * 100 + blob_of(s);
}

static struct mst_diag told;        /* what an act said of its failure */

static int do_store_active(struct mst_secenv *s)
{
	struct mst_root_cred k = cred(11);
	return s->ops->store(s, MST_SLOT_ACTIVE, &k, &told);
}
static int do_store_pending(struct mst_secenv *s)
{
	struct mst_root_cred k = cred(12);
	return s->ops->store(s, MST_SLOT_PENDING, &k, &told);
}
static int do_promote(struct mst_secenv *s) { return s->ops->promote(s, &told); }
static int do_erase_active(struct mst_secenv *s) { return s->ops->erase(s, MST_SLOT_ACTIVE, &told); }
static int do_erase_pending(struct mst_secenv *s) { return s->ops->erase(s, MST_SLOT_PENDING, &told); }
static int do_blob(struct mst_secenv *s)
{
	return s->ops->store_blob(s, "progress", MST_VIEW_LIT("\x0d"), &told);
}

static const struct { const char *name; int (*act)(struct mst_secenv *s); } acts[] = {
	{ "store active", do_store_active }, { "store pending", do_store_pending }, { "promote", do_promote },
	{ "erase active", do_erase_active }, { "erase pending", do_erase_pending }, { "store blob", do_blob },
};

/* Where to start from: bit 0 an active credential (1), bit 1 a pending one (2), bit 2 a blob (3). */
static void prepare(unsigned from)
{
	struct mst_secenv *s = open_well();
	struct mst_root_cred a = cred(1), p = cred(2);

	if (from & 1)
		assert_int_equal(s->ops->store(s, MST_SLOT_ACTIVE, &a, NULL), 0);
	if (from & 2)
		assert_int_equal(s->ops->store(s, MST_SLOT_PENDING, &p, NULL), 0);
	if (from & 4)
		assert_int_equal(s->ops->store_blob(s, "progress", MST_VIEW_LIT("\x03"), NULL), 0);
	s->ops->close(s);
}

/* What the operation leads to when nothing fails. */
static unsigned goal(size_t act, unsigned from)
{
	struct mst_secenv *s = NULL;
	unsigned x;
	int r;

	fresh();
	prepare(from);
	s = open_well();
	r = acts[act].act(s);
	assert_true(r == 0 || r == MST_SECENV_NONE);
	x = state_of(s);
	s->ops->close(s);
	clean();
	return x;
}

static unsigned seen_full;

/* One run; true when the failure point was reached. */
static bool run(size_t act, unsigned from, enum mode mode, unsigned fail_at, unsigned new)
{
	struct mst_secenv *s = NULL;
	unsigned old, after, found;
	struct faulty f;
	int r;

	fresh();
	prepare(from);
	start(&f, mode);
	assert_int_equal(open_on(&f.port, &s, NULL), 0);
	old = state_of(s);
	f.calls = 0;
	f.fail_at = fail_at;
	told = (struct mst_diag){ 0 };
	r = acts[act].act(s);
	if (r == MST_SECENV_CORRUPT || r == MST_SECENV_FULL)
		assert_true(told.field[0] && told.text[0]);    /* an operator is told which file, and what of it */
	if (r < 0 && acts[act].act == do_blob)
		assert_true(told.text[0]);      /* the agent's log shows that, and nothing else */
	/* the state as the running agent sees it when the disk is well again, and after a restart */
	f.fail_at = 0;
	after = state_of(s);
	s->ops->close(s);
	s = open_well();
	found = state_of(s);
	assert_int_equal(found, after);
	if (r == 0 || r == MST_SECENV_NONE)
		assert_int_equal(found, new);   /* said to be done, so it is */
	else if (r == MST_SECENV_FULL || r == MST_SECENV_CORRUPT)
		assert_int_equal(found, old);   /* said that nothing was changed */
	else
		assert_true(r == MST_FAULT_IO && (found == old || found == new));
	assert_true(r != MST_SECENV_FULL || mode == FULL);
	assert_true(r != MST_SECENV_CORRUPT || mode == ONCE || mode == UNREADABLE);
	seen_full += r == MST_SECENV_FULL;
	/* and the environment is good for another try (lesson 1) */
	r = acts[act].act(s);
	assert_true(r == 0 || r == MST_SECENV_NONE);
	s->ops->close(s);
	clean();
	return f.fired;
}

static void every_failure_leaves_the_old_or_the_new_state(void **state)
{
	unsigned runs = 0;

	(void)state;
	for (size_t act = 0; act < MST_COUNT(acts); act++)
		for (unsigned from = 0; from < 8; from++) {
			unsigned new;

			if (on_device() && ((acts[act].act != do_store_active && acts[act].act != do_promote) || from != 3))
				continue;
			new = goal(act, from);

			for (enum mode mode = on_device() ? POWER : ONCE; mode < MODES; mode++) {
				unsigned fail_at = 1;

				while (run(act, from, mode, fail_at, new))
					fail_at++;
				runs += fail_at;
				assert_true(fail_at < 100);
			}
		}
	assert_true(runs > (on_device() ? 15 : 500));
	assert_true(on_device() || seen_full > 50);
}

/* Old or new, and nothing third: checked against both for the step that matters most. */
static void promotion_is_one_step(void **state)
{
	(void)state;
	for (enum mode mode = ONCE; mode < MODES; mode++)
		for (unsigned fail_at = 1;; fail_at++) {
			struct mst_secenv *s = NULL;
			struct faulty f;
			unsigned found;

			fresh();
			prepare(3);
			start(&f, mode);
			assert_int_equal(open_on(&f.port, &s, NULL), 0);
			f.calls = 0;
			f.fail_at = fail_at;
			(void)!s->ops->promote(s, NULL);
			s->ops->close(s);
			s = open_well();
			found = state_of(s);
			assert_true(found == 10200 || found == 20000);
			s->ops->close(s);
			clean();
			if (!f.fired)
				break;
		}
}

static void a_first_start_that_is_cut_off_can_be_repeated(void **state)
{
	(void)state;
	for (enum mode mode = ONCE; mode < MODES; mode++)
		for (unsigned fail_at = 1;; fail_at++) {
			struct mst_secenv *s = NULL;
			struct faulty f;
			int r;

			fresh();
			start(&f, mode);
			f.fail_at = fail_at;
			r = open_on(&f.port, &s, NULL);
			if (r == 0)
				s->ops->close(s);
			else
				assert_true(r == MST_FAULT_IO || (mode == FULL && r == MST_SECENV_FULL));
			s = open_well();
			assert_int_equal(state_of(s), 0);
			s->ops->close(s);
			clean();
			if (!f.fired)
				break;
		}
}

/* Whatever fails while it is opened, it is not taken for a first start. */
static void an_opening_that_fails_changes_nothing(void **state)
{
	(void)state;
	for (enum mode mode = ONCE; mode < MODES; mode++)
		for (unsigned fail_at = 1;; fail_at++) {
			struct mst_secenv *s = NULL;
			struct faulty f;
			int r;

			fresh();
			prepare(7);
			start(&f, mode);
			f.fail_at = fail_at;
			r = open_on(&f.port, &s, NULL);
			assert_true(r == 0 || r == MST_FAULT_IO || (mode == FULL && r == MST_SECENV_FULL));
			if (r == 0)
				s->ops->close(s);
			s = open_well();
			assert_int_equal(state_of(s), 10203);
			s->ops->close(s);
			clean();
			if (!f.fired)
				break;
		}
}

/* No test can take a disk's power away, but the order that makes it safe can be seen. */
static void data_is_on_the_disk_before_its_name_is(void **state)
{
	struct mst_secenv *s = NULL;
	struct faulty f;

	(void)state;
	fresh();
	prepare(1);
	start(&f, ONCE);
	assert_int_equal(open_on(&f.port, &s, NULL), 0);
	f.log[0] = '\0';
	memset(f.log, 0, sizeof(f.log));
	assert_int_equal(do_blob(s), 0);
	assert_string_equal(f.log, "wfrd");
	memset(f.log, 0, sizeof(f.log));
	assert_int_equal(do_store_pending(s), 0);
	/* credential, slots, second copy of slots */
	assert_string_equal(f.log, "wfrdwfrdwfrd");
	s->ops->close(s);
	clean();
}

/* An octet of one of its files is another now. */
static void spoil(const char *name)
{
	char path[sizeof(dir) + 16];
	uint8_t b = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR);
	assert_return_code(fd, errno);
	assert_int_equal(pread(fd, &b, 1, 30), 1);
	b ^= 0x40;
	assert_int_equal(pwrite(fd, &b, 1, 30), 1);
	close(fd);
}

/* The one way out of a record of slots that nobody can read; what counts goes on from where the device is. */
static void damaged_slots_begin_anew(void **state)
{
	struct mst_root_cred got;
	struct mst_secenv *s;

	(void)state;
	fresh();
	prepare(3);
	spoil("slots.a");
	spoil("slots.b");
	s = open_well();
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, NULL), MST_SECENV_CORRUPT);
	assert_int_equal(do_erase_pending(s), 0);
	assert_int_equal(do_erase_active(s), 0);
	assert_int_equal(state_of(s), 0);
	s->ops->close(s);
	s = open_well();
	assert_int_equal(do_store_active(s), 0);
	s->ops->close(s);
	s = open_well();
	assert_int_equal(holds(s, MST_SLOT_ACTIVE), 11);
	s->ops->close(s);
	clean();
}

/* One copy of that record is enough, whichever it is, also after a credential was written over another one. */
static void one_copy_of_slots_is_enough(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct mst_secenv *s;

		fresh();
		prepare(1);
		s = open_well();
		assert_int_equal(do_store_active(s), 0);
		s->ops->close(s);
		spoil(i ? "slots.a" : "slots.b");
		s = open_well();
		assert_int_equal(holds(s, MST_SLOT_ACTIVE), 11);
		s->ops->close(s);
		clean();
	}
}

/* A store that cannot be begun leaves nothing in its device: each start would leave some more, until that is full. */
static void a_beginning_that_fails_leaves_nothing(void **state)
{
	static const struct { const char *before, *after; } look[] = {
		[DEVICE_TPM] = { "(tpm2_getcap handles-nv-index > before)", "tpm2_getcap handles-nv-index | cmp - before" },
		[DEVICE_TOKEN] = { "(find tokens -name '*.object' | sort > before)", "find tokens -name '*.object' | sort | cmp - before" },
	};
	bool card = device_kind() == DEVICE_CARD;
	char was[sizeof(key_file)], list[sizeof(key_file) + 16];
	struct mst_secenv *s = NULL;

	(void)state;
	fresh();
	if (card) {
		snprintf(list, sizeof(list), "list %s/before", top);
		device_card(list);
	} else {
		device_tool(look[device_kind()].before);
	}
	memcpy(was, key_file, sizeof(was));
	snprintf(key_file, sizeof(key_file), "%s/none/state.key", top);
	for (int i = 0; i < 2; i++)
		assert_int_equal(open_on(secenv_port_real(), &s, NULL), MST_FAULT_IO);
	memcpy(key_file, was, sizeof(was));
	if (card) {
		snprintf(list, sizeof(list), "list %s/after", top);
		device_card(list);
		snprintf(list, sizeof(list), "cd %s && cmp before after", top);
		device_tool(list);
	} else {
		device_tool(look[device_kind()].after);
	}
	s = open_well();
	assert_int_equal(do_store_active(s), 0);
	s->ops->close(s);
	clean();
}

int main(int argc, char **argv)
{
	int failed;

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failure_leaves_the_old_or_the_new_state),
		cmocka_unit_test(promotion_is_one_step),
		cmocka_unit_test(a_first_start_that_is_cut_off_can_be_repeated),
		cmocka_unit_test(an_opening_that_fails_changes_nothing),
		cmocka_unit_test(data_is_on_the_disk_before_its_name_is),
		cmocka_unit_test(damaged_slots_begin_anew),
		cmocka_unit_test(one_copy_of_slots_is_enough),
	};
	const struct CMUnitTest counted[] = {
		cmocka_unit_test(every_failure_leaves_the_old_or_the_new_state),
		cmocka_unit_test(damaged_slots_begin_anew),
		cmocka_unit_test(one_copy_of_slots_is_enough),
		cmocka_unit_test(a_beginning_that_fails_leaves_nothing),
	};

	device_start(argc > 1 ? argv[1] : "file");
	/* what the device has no part in is shown on files */
	failed = argc > 1 ? cmocka_run_group_tests_name(argv[1], counted, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
	device_stop();
	return failed;
}
