/* What every database must survive: a killed writer, a second program. */
#include "contract.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Commits one decision after the other, each in its own group, and says its number after each commit. */
static void writer(const char *url, int fd)
{
	struct mst_store *s;

	if (mst_store_open(url, &s, NULL))
		_exit(1);
	for (int i = 1; i < 10000; i++) {
		if (mst_store_begin(s) || write_decision(s, i) || mst_store_commit(s))
			_exit(2);
		if (write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(3);
	}
	_exit(0);
}

/* Killed from outside after each of its first commits: everything acknowledged is there, nothing is half. */
static void killed_after_commit(void **state)
{
	(void)state;
	for (int kill_at = 1; kill_at <= 12; kill_at++) {
		struct fix *f = contract_new();
		void *st = f;
		int fd[2], said = 0, i, status;
		pid_t pid;

		assert_int_equal(pipe(fd), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid) {
			close(fd[0]);
			writer(f->url, fd[1]);
		}
		close(fd[1]);
		while (said < kill_at && read(fd[0], &i, sizeof(i)) == sizeof(i))
			said = i;
		kill(pid, SIGKILL);
		while (read(fd[0], &i, sizeof(i)) == sizeof(i))
			said = i;
		close(fd[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_true(said >= kill_at);
		assert_int_equal(mst_store_open(f->url, &f->s, NULL), 0);
		for (i = 1; i <= said; i++)
			assert_int_equal(read_decision(f->s, i), 1);
		/* the one that was under way is there as a whole, or not at all */
		assert_int_equal(check_invariants(f->s), said + read_decision(f->s, said + 1));
		contract_tear_down(&st);
	}
}

#define TURNS 20

static int write_one(struct mst_store *s, int i)
{
	int r = mst_store_begin(s);

	if (!r)
		r = write_decision(s, i);
	return r ? r : mst_store_commit(s);
}

/* One group each time it is its turn. */
static int take_turns(struct mst_store *s, int first, int from, int to)
{
	char c = 0;

	for (int i = 0; i < TURNS; i++)
		if (read(from, &c, 1) != 1 || write_one(s, first + i) || write(to, &c, 1) != 1)
			return 1;
	return 0;
}

/* Two programs write in turns: each goes on where the other has left the chain. */
static void two_programs(void **state)
{
	struct fix *f = contract_new();
	int status, there[2], back[2];
	void *st = f;
	char c = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(there), 0);
	assert_int_equal(pipe(back), 0);
	pid = fork(); /* before anything is open: a database connection does not survive it */
	assert_true(pid >= 0);
	if (!pid) {
		struct mst_store *s;

		/* opens while the other is inside its group, and waits */
		if (read(there[0], &c, 1) != 1 || write(back[1], &c, 1) != 1)
			_exit(1);
		_exit(mst_store_open(f->url, &s, NULL) || take_turns(s, 1, there[0], back[1]) ? 2 : 0);
	}
	assert_int_equal(mst_store_open(f->url, &f->s, NULL), 0);
	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(write_decision(f->s, 100), 0);
	assert_int_equal(write(there[1], &c, 1), 1);
	assert_int_equal(read(back[0], &c, 1), 1);
	assert_int_equal(mst_store_commit(f->s), 0);
	assert_int_equal(write(there[1], &c, 1), 1);
	assert_int_equal(take_turns(f->s, 101, back[0], there[1]), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (int i = 1; i <= TURNS; i++) {
		assert_int_equal(read_decision(f->s, i), 1);
		assert_int_equal(read_decision(f->s, 100 + i), 1);
	}
	assert_int_equal(check_invariants(f->s), 2 * TURNS + 1);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	contract_tear_down(&st);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_after_commit),
		cmocka_unit_test(two_programs),
	};

	if (argc > 1)
		contract_prefix = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
