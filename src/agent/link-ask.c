/* link.h: the question to the agent, or in its place. */
#include "agent/keys.h"
#include "agent/link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "codec/secret-text.h"

static time_t patience(const struct agent_config *cfg)
{
	return (time_t)(2 * (cfg->open_timeout + cfg->answer_timeout) + 5);
}

static json_t *ask_agent(const struct agent_config *cfg, const json_t *q)
{
	int fd = ctl_dial(cfg, patience(cfg));

	return fd >= 0 ? ctl_ask(fd, json_deep_copy(q)) : NULL;
}

/* Questions of one state one after the other, so that none finds the state locked by its like. */
static int take_turn(const struct agent_config *cfg)
{
	char path[AGENT_PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/ask.lock", cfg->run);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	(void)alarm((unsigned)patience(cfg));        /* its default end is ours, too */
	if (fd >= 0 && flock(fd, LOCK_EX)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static json_t *ask_alone(const struct agent_config *cfg, const json_t *q)
{
	struct agent *a;
	json_t *answer = NULL;

	if (access(cfg->state, F_OK) && errno == ENOENT)
		return json_pack("{s:b, s:s, s:s}", "ok", false, "outcome", "no-credential", "words",
				 "this node has no state yet; it has to bootstrap first (muster-agent run)");
	a = agent_new(cfg, true);
	if (a && agent_open(a) == 0)
		answer = agent_keys(a, q);
	agent_free(a);
	return answer;
}

static json_t *ask_somehow(const struct agent_config *cfg, const json_t *q)
{
	json_t *answer = ask_agent(cfg, q);
	int turn;

	if (answer)
		return answer;
	turn = take_turn(cfg);
	answer = ask_agent(cfg, q);          /* it may have started meanwhile, or stopped in the middle */
	if (!answer)
		answer = ask_alone(cfg, q);
	if (turn >= 0)
		close(turn);
	return answer;
}

static void child(const struct agent_config *cfg, const json_t *q, int fd, bool quiet)
{
	struct agent_config own = *cfg;
	char *text;
	size_t n, at = 0;
	json_t *answer;

	own.log_level = own.log_level < AGENT_WARN ? own.log_level : AGENT_WARN;
	if (quiet) {
		int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (nowhere >= 0)
			(void)dup2(nowhere, STDERR_FILENO);
	}
	answer = ask_somehow(&own, q);
	text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	n = text ? strlen(text) : 0;
	while (at < n) {
		ssize_t w = send(fd, text + at, n - at, MSG_NOSIGNAL);

		if (w <= 0)
			break;
		at += (size_t)w;
	}
	/* nothing of the parent's is undone here: its streams, its files */
	_exit(0);
}

int link_ask_start(const struct agent_config *cfg, json_t *q, bool quiet, struct link_ask *k)
{
	int pair[2];

	*k = (struct link_ask){ .pid = -1, .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		json_decref(q);
		return MST_FAULT_IO;
	}
	fflush(NULL);
	k->pid = fork();
	if (k->pid == 0) {
		/* the listening socket, the peers: they end when the parent ends them */
		if (dup2(pair[1], 3) == 3)
			(void)close_range(4, ~0U, 0);
		child(cfg, q, 3, quiet);
	}
	json_decref(q);
	close(pair[1]);
	if (k->pid < 0) {
		close(pair[0]);
		return MST_FAULT_IO;
	}
	k->fd = pair[0];
	(void)fcntl(k->fd, F_SETFL, O_NONBLOCK);
	return 0;
}

bool link_ask_read(struct link_ask *k, json_t **ret_answer)
{
	ssize_t n = k->n < sizeof(k->text) ? read(k->fd, k->text + k->n, sizeof(k->text) - k->n) : 0;

	*ret_answer = NULL;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0) {
		k->n += (size_t)n;
		return false;
	}
	*ret_answer = mst_json_read(k->text, k->n, JSON_REJECT_DUPLICATES, NULL);
	link_ask_drop(k);
	return true;
}

void link_ask_drop(struct link_ask *k)
{
	mst_wipe(k->text, sizeof(k->text));
	k->n = 0;
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	if (k->pid <= 0)
		return;
	(void)kill(k->pid, SIGKILL);         /* an end that it has had already, but for those that are given up */
	(void)waitpid(k->pid, NULL, 0);
	k->pid = -1;
}

json_t *link_ask(const struct agent_config *cfg, json_t *q, bool quiet)
{
	struct link_ask *k = calloc(1, sizeof(*k));
	json_t *answer = NULL;

	if (k && link_ask_start(cfg, q, quiet, k) == 0) {
		(void)fcntl(k->fd, F_SETFL, 0);
		while (!link_ask_read(k, &answer))
			;
	} else if (!k) {
		json_decref(q);
	}
	free(k);
	return answer;
}
