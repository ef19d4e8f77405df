/*
 * Allocations of a node's whole enrolment fail in turn: the agent, in a process of its own that is forked here and not begun anew, from the opening
 * of its store over discovery, MEF and MAF to the confirmed key, against a provider in this process. It ends by itself, never by a signal, with
 * success or with a failure that is told; and the next run, which has all the memory there is, ends enrolled, with what the MAF has, from whatever
 * was left on the disk.
 *
 * There are thousands of them, most in TLS: POINTS of them are tried, evenly over the run. MST_SWEEP=N: N of them; MST_SWEEP_AT=K: the K-th alone.
 */
#include "agent/agent.h"
#include "agent/test-run.h"
#include "tests/support/failmalloc.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define POINTS 24

struct told { unsigned long count; bool reached; };

static void enrol_once(const char *conf, unsigned long n, int to)
{
	static struct agent_config cfg;
	int err = open(err_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), r;
	struct told t = { .count = 0 };

	signal(SIGPIPE, SIG_IGN);
	if (err < 0 || dup2(err, 1) < 0 || dup2(err, 2) < 0 || agent_config_read(conf, &cfg, stderr))
		_exit(99);
	failmalloc_arm(n);
	r = agent_live(&cfg, true);
	fflush(NULL);
	t.reached = failmalloc_disarm();
	t.count = failmalloc_count();
	if (write(to, &t, sizeof(t)) != (ssize_t)sizeof(t))
		_exit(99);
	_exit(r);
}

/* Its exit status. A signal, or no end, fails the test. */
static int enrol(const char *conf, unsigned long n, struct told *ret)
{
	int fd[2], status;
	pid_t pid;

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		enrol_once(conf, n, fd[1]);
	close(fd[1]);
	status = serve_until_exit(pid);
	if (!WIFEXITED(status) || read(fd[0], ret, sizeof(*ret)) != (ssize_t)sizeof(*ret)) {
		char log[8192];

		read_text(err_path, log, sizeof(log));
		fail_msg("allocation %lu: ended with wait status %x; log: %s", n, (unsigned)status, log);
	}
	close(fd[0]);
	return WEXITSTATUS(status);
}

/* What the node has is what the MAF saw. */
static void same_truth(const char *name, unsigned long n)
{
	struct mst_root_cred c = slot_of(name);
	const struct mock_key *k = mock_find(m, c.key_id);

	if (!c.confirmed || !k || !k->confirmed || memcmp(k->km.b, c.key.b, c.key.n) != 0)
		fail_msg("allocation %lu: the node's credential is not what the MAF has", n);
	mst_root_cred_wipe(&c);
}

static void nothing_is_lost(void **state)
{
	const char *more = getenv("MST_SWEEP"), *at = getenv("MST_SWEEP_AT"), *conf;
	unsigned long points = at ? 2 : more ? strtoul(more, NULL, 10) : POINTS, total, failed = 0, told = 0;
	char name[32], log[8192];
	struct told t;
	int r;

	(void)state;
	conf = mock_config(m, "good", mock_instruction(m), "");
	/* without memory seccomp_load() of 2.5.4 damages the heap, and says so when it is too late */
	failmalloc_spare("libseccomp");
	if (!at) {
		assert_int_equal(enrol(conf, 0, &t), 0);
		same_truth("good", 0);
	}
	total = at ? 0 : t.count;
	assert_true(points > 1 && (at || total > 1000));
	for (unsigned long i = 0; i < points; i++) {
		unsigned long n = at ? strtoul(at, NULL, 10) : 1 + i * (total - 1) / (points - 1);

		m->n_keys = 0;
		snprintf(name, sizeof(name), "n%lu", i);
		conf = mock_config(m, name, mock_instruction(m), "");
		r = enrol(conf, n, &t);
		if (r && r != 1 && r != 3)
			fail_msg("allocation %lu: exit status %d", n, r);
		failed += t.reached;
		read_text(err_path, log, sizeof(log));
		told += r && log[0];
		if (r && !log[0])
			fail_msg("allocation %lu: exit status %d, and not a word", n, r);
		if (r && enrol(conf, 0, &t)) {
			read_text(err_path, log, sizeof(log));
			fail_msg("allocation %lu: the run after it does not enrol: %s", n, log);
		}
		same_truth(name, n);
	}
	/* enough of them were reached and told, so that this is not about runs in which nothing failed */
	if (failed < points * 3 / 4 || told < points / 10)
		fail_msg("%lu of %lu were reached, %lu told", failed, points, told);
	print_message("# %lu allocations, %lu of them failed in turn, %lu ended the run\n", total, failed, told);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(nothing_is_lost, setup, teardown) };

	return cmocka_run_group_tests_name("agent-memory", tests, NULL, NULL);
}
