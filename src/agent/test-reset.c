/*
 * A factory reset in a directory whose list breaks off: whatever was not seen would stay, so it fails, says so, and the same
 * command finishes the work. The linker leads the listing here (--wrap).
 */
#include "tests/support/cm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/inside.h"

static struct { unsigned at, calls; bool fired; } plan;
static struct agent_config cfg;
static char top[64];

/* NOLINTBEGIN: the linker's names */
struct dirent *__real_readdir64(DIR *d);
struct dirent *__wrap_readdir64(DIR *d);
struct dirent *__wrap_readdir64(DIR *d)
{
	if (!plan.at || ++plan.calls != plan.at)
		return __real_readdir64(d);
	plan.fired = true;
	errno = EIO;
	return NULL;
}
/* NOLINTEND */

static void arm(unsigned at)
{
	plan.at = at;
	plan.calls = 0;
	plan.fired = false;
}

static void put_file(const char *name)
{
	char path[AGENT_PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", cfg.state, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static unsigned files(void)
{
	const struct dirent *e;
	DIR *d = opendir(cfg.state);
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* A node with a store and what it was told. */
static void prepare(void)
{
	struct mst_secenv *s = NULL;

	memset(&cfg, 0, sizeof(cfg));
	snprintf(top, sizeof(top), "%s/mst-reset-XXXXXX", access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(top));
	snprintf(cfg.state, sizeof(cfg.state), "%s/state", top);
	snprintf(cfg.run, sizeof(cfg.run), "%s/run", top);
	snprintf(cfg.key_file, sizeof(cfg.key_file), "%s/store.key", top);
	cfg.secenv_backend = AGENT_BACKEND_FILE;
	assert_int_equal(mkdir(cfg.state, 0700), 0);
	assert_int_equal(agent_store_open(&cfg, mst_crypto_openssl(), &s, &(struct mst_diag){ 0 }), 0);
	s->ops->close(s);
	put_file("status.json");
	put_file("history");
	assert_true(files() >= 3);
}

static void clean(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	assert_int_equal(system(command), 0);         /* NOLINT: a directory of our own */
}

/* Without its words, which are for people. */
static int reset(void)
{
	int out = dup(STDOUT_FILENO), none = open("/dev/null", O_WRONLY | O_CLOEXEC), r;

	assert_true(out >= 0 && none >= 0);
	(void)fflush(stdout);
	assert_true(dup2(none, STDOUT_FILENO) >= 0);
	r = ctl_reset(&cfg, true);
	(void)fflush(stdout);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	close(out);
	close(none);
	return r;
}

static void a_list_that_breaks_off_is_no_end(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (unsigned at = 1;; at++) {
		bool fired;
		int r;

		prepare();
		arm(at);
		r = reset();
		fired = plan.fired;
		arm(0);
		assert_int_equal(r, fired ? 3 : 0);
		failed += fired;
		assert_int_equal(reset(), 0);
		assert_int_equal(files(), 0);
		clean();
		if (!fired)
			break;
	}
	/* ".", "..", three files and the end, of the reset's own list alone */
	assert_true(failed >= 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_list_that_breaks_off_is_no_end) };

	return cmocka_run_group_tests_name("agent-reset", tests, NULL, NULL);
}
