/*
 * What a module of PKCS#11 that is asked for the key-encryption key still has once it is open: here it is an intruder, who tries. Where the settings say what it
 * needs it has that; where they do not, it has files and sockets.
 */
#include "tests/support/cm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/config.h"
#include "server/keeper-device.h"

static char dir[64], kept[128], others[128];
static struct mst_conf *conf;
static unsigned opened;

enum { STATE = 1, OTHERS = 2, LOCAL = 4, INET = 8, BEGINS = 16, LINK = 32 };
static int open_here;            /* as the keeper's links are when the process is begun */

static bool begins(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}


static bool can(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Which of these it may, in the first octet; how often it was opened, in the second. */
static int tries(struct secenv_root *r, struct mst_writer *record, uint8_t ret_key[32], struct mst_diag *d)
{
	unsigned may = 0;

	(void)r;
	(void)record;
	(void)d;
	may |= can(open(kept, O_RDWR)) ? STATE : 0U;
	may |= can(open(others, O_RDONLY)) ? OTHERS : 0U;
	may |= can(socket(AF_UNIX, SOCK_STREAM, 0)) ? LOCAL : 0U;
	may |= can(socket(AF_INET, SOCK_STREAM, 0)) ? INET : 0U;
	may |= begins() ? BEGINS : 0U;
	may |= fcntl(open_here, F_GETFD) >= 0 ? LINK : 0U;
	ret_key[0] = (uint8_t)may;
	ret_key[1] = (uint8_t)opened;
	return 0;
}

static void nothing(struct secenv_root *r)
{
	(void)r;
}

static const struct secenv_root_ops ops = { .kind = MST_SECENV_PKCS11, .bind = tries, .free = nothing };
static struct secenv_root device = { &ops };

static int open_it(void *arg, int kind, struct secenv_root **ret, struct mst_diag *d)
{
	(void)arg;
	(void)kind;
	(void)d;
	opened++;
	*ret = &device;
	return can(open(others, O_RDONLY)) ? 0 : MST_FAULT_IO;           /* what it needs while it is opened */
}

static unsigned asked(void)
{
	struct mst_apart *a;
	struct secenv_root *root;
	struct mst_diag d = { 0 };
	uint8_t key[32] = { 0 }, room[16];
	struct mst_writer w = mst_writer_of(room, sizeof(room));

	assert_int_equal(mst_apart_new(open_it, NULL, conf, &a, &d), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(mst_apart_root(a, MST_SECENV_PKCS11, &root, &d), 0);
		if (root->ops->bind(root, &w, key, &d))
			fail_msg("%s: %s", d.field, d.text);
		assert_int_equal(key[1], 1);
		root->ops->free(root);
	}
	assert_null(mst_apart_free(a));
	return key[0];
}

static void what_is_left(void **state)
{
	(void)state;
	conf->sandbox = true;
	assert_int_equal(asked(), STATE | OTHERS | LOCAL | INET);
	snprintf(conf->keeper_key.module_state, sizeof(conf->keeper_key.module_state), "%s/kept", dir);
	assert_int_equal(asked(), STATE);
	conf->keeper_key.module_network = true;
	assert_int_equal(asked(), STATE | INET);
	conf->keeper_key.module_state[0] = '\0';
	assert_int_equal(asked(), INET);
	conf->sandbox = false;
	assert_int_equal(asked(), STATE | OTHERS | LOCAL | INET | BEGINS);
}

static void put_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static int set_up(void **state)
{
	char path[128];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/mst-apart-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/kept", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(kept, sizeof(kept), "%s/kept/object", dir);
	snprintf(others, sizeof(others), "%s/others", dir);
	put_file(kept);
	put_file(others);
	open_here = fcntl(STDERR_FILENO, F_DUPFD, 100);
	assert_true(open_here >= 100);
	conf = calloc(1, sizeof(*conf));
	assert_non_null(conf);
	snprintf(conf->file, sizeof(conf->file), "%s/musterd.conf", dir);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	free(conf);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_left) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
