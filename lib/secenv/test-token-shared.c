/* A token that several processes use: SoftHSM2 writes its file anew with each log-in, and whoever looks just then sees no token. */
#include "tests/support/cm.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "secenv/root.h"
#include "secenv/test-device.h"

#define OPENS 150

static int open_it(struct mst_diag *d)
{
	struct secenv_root *root = NULL;
	int r = device_root(&root, d);

	if (!r)
		root->ops->free(root);
	return r;
}

/* Logs in and out until nobody holds the other end of the pipe any more. */
static void log_in_and_out(int held)
{
	struct pollfd p = { .fd = held, .events = POLLIN };
	struct mst_diag d = { 0 };

	while (poll(&p, 1, 0) == 0) {
		if (open_it(&d)) {
			print_message("# the other: %s: %s\n", d.field, d.text);
			_exit(1);
		}
	}
	_exit(0);
}

static void others_log_in(void **state)
{
	struct mst_diag d = { 0 };
	int hold[2], status;
	pid_t other;

	(void)state;
	assert_int_equal(pipe(hold), 0);
	other = fork();
	assert_true(other >= 0);
	if (other == 0) {
		close(hold[1]);
		log_in_and_out(hold[0]);
	}
	close(hold[0]);
	for (int i = 0; i < OPENS; i++)
		if (open_it(&d))
			fail_msg("the %d. time: %s: %s", i + 1, d.field, d.text);
	close(hold[1]);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(status, 0);
}

/* Patience ends, and what is told is what is the matter. */
static void not_there_at_all(void **state)
{
	struct mst_diag d = { 0 };

	(void)state;
	device_remove();
	assert_int_equal(open_it(&d), MST_SECENV_ABSENT);
	assert_non_null(strstr(d.text, "none with the label"));
	device_return();
	assert_int_equal(open_it(&d), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(others_log_in), cmocka_unit_test(not_there_at_all) };
	int r;

	device_start("pkcs11");
	r = cmocka_run_group_tests(tests, NULL, NULL);
	device_stop();
	return r;
}
