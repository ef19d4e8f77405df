#include "agent/test-run.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

const char *program;
struct mock *m;
char out_path[192], err_path[192];

void read_text(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(out, 1, cap - 1, f) : 0;

	out[n] = '\0';
	if (f)
		fclose(f);
}

pid_t start_agent(const char *conf, const char *a1, const char *a2)
{
	pid_t pid;

	fflush(NULL);
	/* what an earlier one said is not what is waited for */
	(void)unlink(out_path);
	(void)unlink(err_path);
	pid = fork();
	if (pid == 0) {
		int o = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600),
		    e = open(err_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(o, 1);
		dup2(e, 2);
		execl(program, program, "-c", conf, a1, a2, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

void serve_a_moment(void)
{
	static const struct timeval step = { .tv_usec = 20000 };

	event_base_loopexit(m->base, &step);
	event_base_dispatch(m->base);
}

/* Serves until the program has ended; its wait status. A program that hangs fails the test with its log. */
int serve_until_exit(pid_t pid)
{
	struct timespec begin, t;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		serve_a_moment();
		clock_gettime(CLOCK_MONOTONIC, &t);
		if (t.tv_sec - begin.tv_sec > DEADLINE_S) {
			char log[8192];

			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			read_text(err_path, log, sizeof(log));
			fail_msg("the agent did not end: %s", log);
		}
	}
	return status;
}

int run(const char *conf, const char *a1, const char *a2)
{
	int status = serve_until_exit(start_agent(conf, a1, a2));

	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void expect_exit(int got, int want)
{
	char log[8192];

	if (got == want)
		return;
	read_text(err_path, log, sizeof(log));
	fail_msg("exit %d instead of %d; log: %s", got, want, log);
}

json_t *status_of(const char *conf)
{
	json_t *s;

	(void)run(conf, "status", "--json");
	s = json_load_file(out_path, 0, NULL);
	assert_non_null(s);
	return s;
}

const char *text(const json_t *s, const char *object, const char *name)
{
	const char *t = json_string_value(json_object_get(json_object_get(s, object), name));

	return t ? t : "";
}

/* Both sides have the same truth: the agent's active slot is what the MAF saw confirmed. */
void expect_enrolled(const char *conf)
{
	json_t *s = status_of(conf);
	const struct mock_key *k = mock_find(m, text(s, "credential", "keyID"));

	assert_non_null(k);
	assert_true(k->confirmed);
	assert_true(json_is_true(json_object_get(json_object_get(s, "credential"), "confirmed")));
	assert_string_equal(text(s, "credential", "cseID"), "//sp.example.com/C1");
	assert_true(json_is_null(json_object_get(s, "pending")));
	json_decref(s);
}

struct mst_secenv *state_of(const char *name)
{
	struct mst_secenv *s = NULL;
	char dir[256], key[256];
	struct mst_diag d = { 0 };

	snprintf(dir, sizeof(dir), "%s/%s-state", m->dir, name);
	snprintf(key, sizeof(key), "%s/%s.key", m->dir, name);
	assert_int_equal(mst_secenv_file_open(dir, key, mst_crypto_openssl(), &s, &d), 0);
	return s;
}

struct mst_root_cred slot_of(const char *name)
{
	struct mst_secenv *s = state_of(name);
	struct mst_root_cred c;

	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &c, NULL), 0);
	s->ops->close(s);
	return c;
}

void slot_put(const char *name, struct mst_root_cred *c)
{
	struct mst_secenv *s = state_of(name);

	assert_int_equal(s->ops->store(s, MST_SLOT_ACTIVE, c, NULL), 0);
	mst_root_cred_wipe(c);
	s->ops->close(s);
}

mst_time key_near_the_end(const char *name, int lived, int left)
{
	struct mst_root_cred c = slot_of(name);
	mst_time end = time(NULL) + left;

	c.obtained = end - left - lived;
	c.not_after = end;
	slot_put(name, &c);
	return end;
}

int setup(void **state)
{
	(void)state;
	m = mock_new();
	snprintf(out_path, sizeof(out_path), "%s/out", m->dir);
	snprintf(err_path, sizeof(err_path), "%s/err", m->dir);
	return 0;
}

int teardown(void **state)
{
	(void)state;
	mock_free(m);
	return 0;
}

static unsigned occurrences(const char *log, const char *word)
{
	unsigned n = 0;

	while ((log = strstr(log, word)) != NULL) {
		n++;
		log++;
	}
	return n;
}

/* Wait until `word` stands in the running agent's log so many times. */
void serve_until_times(pid_t pid, const char *word, unsigned times)
{
	static char log[1 << 18];

	for (int i = 0; i < DEADLINE_S * 50; i++) {
		serve_a_moment();
		read_text(err_path, log, sizeof(log));
		if (occurrences(log, word) >= times)
			return;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fail_msg("did not say %s %u times: %s", word, times, log);
}

void serve_until(pid_t pid, const char *word)
{
	serve_until_times(pid, word, 1);
}

/* In the running agent's log, up to now. */
unsigned said(const char *word)
{
	static char log[1 << 18];

	read_text(err_path, log, sizeof(log));
	return occurrences(log, word);
}

json_t *status_beside(const char *conf)
{
	char log[sizeof(err_path)];
	json_t *s;

	memcpy(log, err_path, sizeof(log));
	snprintf(err_path, sizeof(err_path), "%s/err2", m->dir);
	s = status_of(conf);
	memcpy(err_path, log, sizeof(log));
	return s;
}

void expect_clean_stop(pid_t pid)
{
	assert_int_equal(kill(pid, SIGTERM), 0);
	expect_exit(WEXITSTATUS(serve_until_exit(pid)), 0);
}
