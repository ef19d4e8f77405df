/* All or none; whose they are; nothing stays behind. */
#include "tests/support/cm.h"

#include "files/replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/test-replace-XXXXXX", one[64], two[64];
static bool cut;                 /* the power goes before the last name is given */
static bool no_exchange;         /* as on NFS */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_renameat2(int at, const char *from, int there, const char *to, unsigned flags);
int __wrap_renameat2(int at, const char *from, int there, const char *to, unsigned flags);

int __wrap_rename(const char *from, const char *to)
{
	if (cut && strcmp(to, two) == 0)
		_exit(0);
	return __real_rename(from, to);
}

int __wrap_renameat2(int at, const char *from, int there, const char *to, unsigned flags)
{
	errno = EINVAL;
	return no_exchange ? -1 : __real_renameat2(at, from, there, to, flags);
}

static int set_up(void **state)
{
	(void)state;
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(dir));
	snprintf(one, sizeof(one), "%s/one", dir);
	snprintf(two, sizeof(two), "%s/two", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(one);
	(void)(unlink(two) && rmdir(two));
	assert_int_equal(rmdir(dir), 0);         /* nothing stays behind */
	return 0;
}

static void holds(const char *path, const char *text)
{
	char b[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && read(fd, b, sizeof(b) - 1) == (ssize_t)strlen(text));
	assert_string_equal(b, text);
	close(fd);
}

static int replace(const char *first, const char *second, size_t *ret_at, bool *ret_placed)
{
	const struct mst_file f[] = { { .path = one, .content = mst_view_str(first), .mode = 0600, .same_owner = true },
				      { .path = two, .content = mst_view_str(second), .mode = 0644, .same_owner = true } };

	return mst_files_replace(f, 2, ret_at, ret_placed);
}

static void both_or_none(void **state)
{
	struct rlimit was, few;
	struct stat st;
	bool placed;
	size_t at;

	(void)state;
	assert_int_equal(replace("1", "2", &at, &placed), 0);
	assert_true(placed);
	holds(one, "1");
	holds(two, "2");
	assert_int_equal(stat(one, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* room for the first alone */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	few = (struct rlimit){ 4, was.rlim_max };
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
	assert_int_equal(replace("new", "too long", &at, &placed), EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_true(at == 1 && !placed);
	holds(one, "1");
	holds(two, "2");
	/* a directory stands in the second's place */
	assert_true(!unlink(two) && !mkdir(two, 0700));
	assert_int_equal(replace("new", "2", &at, &placed), EISDIR);
	assert_true(at == 1 && !placed);
	holds(one, "1");
}

/* All that could be seen before was in order. The name is longer than any directory takes; the one beside it is not. */
static void a_name_is_refused(void **state)
{
	char longer[MST_FILES_PATH];
	const struct mst_file f[] = { { .path = one, .content = MST_VIEW_LIT("new"), .mode = 0600 }, { .path = longer, .content = MST_VIEW_LIT("new"), .mode = 0600 } };
	struct stat st;
	bool placed;
	size_t at;

	(void)state;
	snprintf(longer, sizeof(longer), "%s/%0*d", dir, 300, 0);
	assert_int_equal(mst_files_replace(f, 2, &at, &placed), ENAMETOOLONG);
	assert_true(at == 1 && !placed);
	assert_true(stat(one, &st) != 0 && errno == ENOENT);             /* as it was */
	assert_int_equal(replace("1", "2", &at, &placed), 0);
	assert_int_equal(mst_files_replace(f, 2, &at, &placed), ENAMETOOLONG);
	assert_true(at == 1 && !placed);
	holds(one, "1");
	/* where two files cannot change names: */
	no_exchange = true;
	assert_int_equal(mst_files_replace(f, 2, &at, &placed), ENAMETOOLONG);
	assert_true(at == 1 && !placed);
	holds(one, "new");
	assert_int_equal(replace("3", "4", &at, &placed), 0);
	no_exchange = false;
	holds(one, "3");
	holds(two, "4");
}

/* One more in the directory, .NAME.XXXXXX. */
static void beside(const char *path, const char *text)
{
	char name[80], found[320] = "";
	struct dirent *e;
	DIR *d = opendir(dir);

	snprintf(name, sizeof(name), ".%s.", strrchr(path, '/') + 1);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (strncmp(e->d_name, name, strlen(name)) == 0)
			snprintf(found, sizeof(found), "%s/%s", dir, e->d_name);
	closedir(d);
	holds(found, text);
	assert_int_equal(unlink(found), 0);
}

/* One name is given, and then nothing more is done: of both pairs each half is there. */
static void the_power_goes_between(void **state)
{
	bool placed;
	int status;
	size_t at;
	pid_t pid;

	(void)state;
	assert_int_equal(replace("1", "2", &at, &placed), 0);
	cut = true;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(replace("3", "4", &at, &placed) + 100);
	cut = false;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	holds(one, "3");
	holds(two, "2");
	beside(one, "1");
	beside(two, "4");
}

static void where_it_cannot_be(void **state)
{
	char longer[MST_FILES_PATH + 8], nowhere[80];
	bool placed;
	size_t at;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(mst_files_replace(&(struct mst_file){ .path = longer }, 1, &at, &placed), ENAMETOOLONG);
	snprintf(nowhere, sizeof(nowhere), "%s/none/file", dir);
	assert_int_equal(mst_files_replace(&(struct mst_file){ .path = nowhere }, 1, &at, &placed), ENOENT);
	assert_false(placed);
}

/* Root writes for somebody: what was that one's stays so, and what is new belongs to whom the directory does. */
static void whose_they_are(void **state)
{
	uid_t is_root = geteuid();
	struct stat st;
	bool placed;
	size_t at;

	(void)state;
	assert_int_equal(replace("1", "2", &at, &placed), 0);
	assert_int_equal(chown(one, is_root ? is_root : 4711, (gid_t)-1), 0);
	assert_int_equal(unlink(two), 0);
	assert_int_equal(chown(dir, is_root ? is_root : 4712, (gid_t)-1), 0);
	assert_int_equal(replace("3", "4", &at, &placed), 0);
	assert_int_equal(stat(one, &st), 0);
	assert_int_equal(st.st_uid, is_root ? is_root : 4711);
	assert_int_equal(stat(two, &st), 0);
	assert_int_equal(st.st_uid, is_root ? is_root : 4712);
	holds(one, "3");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = { T(both_or_none), T(a_name_is_refused), T(the_power_goes_between), T(where_it_cannot_be), T(whose_they_are) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
