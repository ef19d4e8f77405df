#include "server/ca-device.h"
#include "server/keeper-device.h"
#include "server/supervisor.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/check.h"
#include "sandbox/sandbox.h"
#include "server/supervisor-internal.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 10000
#define STEADY_MS 10000

static void advance(struct supervisor *s);

static void give_up(struct supervisor *s, int status)
{
	s->status = status;
	event_base_loopbreak(s->base);
}

static bool alive(const struct child *c)
{
	return c->state != CHILD_DOWN && c->state != CHILD_ENDED;
}

static bool ready_now(const struct supervisor *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->child[i].state != CHILD_READY)
			return false;
	return true;
}

/* Somebody who is ready and has no room, or can store nothing, serves nobody: whoever spreads the load should know. */
static enum mst_ready readiness(const struct supervisor *s)
{
	static const struct { enum mst_metric gauge; uint64_t least; enum mst_ready is; } row[] = {
		{ MST_M_STORE_GONE, 1, MST_READY_STORE_GONE },
		{ MST_M_STORE_FAILING, 2, MST_READY_STORE_FULL },
		{ MST_M_STORE_FAILING, 1, MST_READY_STORE_FAILING },
		{ MST_M_FULL, 1, MST_READY_NO_ROOM },
	};

	if (!ready_now(s))
		return MST_READY_STARTING;
	for (size_t k = 0; k < MST_COUNT(row); k++)
		for (size_t i = 0; i < s->n; i++)
			if (s->child[i].m.v[row[k].gauge] >= row[k].least)
				return row[k].is;
	return MST_READY_YES;
}

/* --- metrics and health --- */

static void tell_health(struct supervisor *s)
{
	static char text[192 * 1024];
	static uint8_t frame[200 * 1024];
	struct mst_metrics_row row[CHILDREN_MAX + 1];
	struct mst_writer t = mst_writer_of(text, sizeof(text)), w = mst_writer_of(frame, sizeof(frame));
	struct mst_health_frame h = { .ready = readiness(s), .draining = s->stopping };
	size_t n = 0;

	row[n++] = (struct mst_metrics_row){ "supervisor", &s->m };
	for (size_t i = 0; i < s->n; i++)
		row[n++] = (struct mst_metrics_row){ s->child[i].name, &s->child[i].m };
	mst_metrics_text(row, n, &t);
	h.text = mst_written(&t);
	mst_put_health(&w, &h);
	for (size_t i = 0; i < s->n; i++) {
		struct child *c = &s->child[i];

		if (c->kind == MST_PROC_LISTENER && c->role == MST_ROLE_NONE && c->control &&
		    (c->state == CHILD_READY || c->state == CHILD_DRAINING))
			(void)!mst_link_send(c->control, MST_FRAME_HEALTH, 0, mst_written(&w));
	}
}

/* A service manager that does not hear it takes the start for a failure, after a while, and ends what serves. */
static void tell_ready(struct supervisor *s)
{
	int why = daemon_notify("READY=1\n");

	if (why && !s->ready_untold)
		mst_log(&s->log, MST_LOG_WARNING, "the service manager could not be told that it is ready; tried again each second", "why", strerror(why), NULL);
	s->ready_untold = why != 0;
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *s = arg;

	(void)fd;
	(void)what;
	if (s->ready_untold && !s->stopping)
		tell_ready(s);
	tell_health(arg);
	crl_second(arg);
	reload_second(arg);
	pids_second(arg);
}

static void say_ready(struct supervisor *s)
{
	char line[1200];
	int n;

	s->ready = true;
	mst_log(&s->log, MST_LOG_INFO, "ready", "endpoints", s->endpoints + (s->endpoints[0] == ' '), NULL);
	n = snprintf(line, sizeof(line), "ready pid=%ld%s\n", (long)getpid(), s->endpoints);
	if (s->setup->ready_fd >= 0 && write(s->setup->ready_fd, line, (size_t)n) < 0)
		mst_log(&s->log, MST_LOG_WARNING, "nobody reads the readiness line", NULL);
	tell_ready(s);
	publish_start(s);
}

/* --- children --- */

static void on_again(evutil_socket_t fd, short what, void *arg);

static void restart_later(struct child *c)
{
	mst_ms wait = BACKOFF_FIRST_MS;
	struct timeval t;
	char text[24];

	if (mst_now_ms() - c->since > STEADY_MS)
		c->failures = 0;
	for (unsigned i = 0; i < c->failures && wait < BACKOFF_MAX_MS; i++)
		wait *= 2;
	c->failures++;
	c->s->m.v[MST_M_RESTARTS]++;
	wait = wait > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : wait;
	snprintf(text, sizeof(text), "%lld ms", (long long)wait);
	mst_log(&c->s->log, MST_LOG_WARNING, "a process ended and is started again", "process", c->name, "in",
		text, NULL);
	if (!c->again)
		c->again = event_new(c->s->base, -1, 0, on_again, c);
	t = (struct timeval){ wait / 1000, wait % 1000 * 1000 };
	if (c->again)
		event_add(c->again, &t);
}

/* The process is gone for good (reaped), or its unit has ended. */
static void child_gone(struct child *c)
{
	struct supervisor *s = c->s;
	bool first = c->state == CHILD_STARTING && !s->ready;

	c->control = mst_link_free(c->control);
	c->pid = 0;
	c->reload_pending = false;
	c->reloads = 0;                 /* whoever comes next begins with what is to be taken over */
	if (s->stopping) {
		c->state = CHILD_ENDED;
		advance(s);
		return;
	}
	c->state = CHILD_DOWN;
	if (first || s->conf->processes == MST_CONF_SINGLE) {
		mst_log(&s->log, MST_LOG_ERROR, "cannot run", "process", c->name, NULL);
		give_up(s, 3);
		return;
	}
	if (c->kind == MST_PROC_ENGINE && mst_store_file(s->conf->store) && access(mst_store_file(s->conf->store), F_OK)) {
		mst_log(&s->log, MST_LOG_ERROR, "not started again: it would begin with an empty store; bring the "
			"files back from the backup", "store", s->conf->store, NULL);
		give_up(s, 3);
		return;
	}
	restart_later(c);
	tell_health(s);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	if (c->s->stopping || c->state != CHILD_DOWN)
		return;
	if (child_spawn(c)) {
		mst_log(&c->s->log, MST_LOG_ERROR, "a process cannot be started", "process", c->name, NULL);
		if (c->pid > 0)
			kill(c->pid, SIGKILL);
		else
			restart_later(c);
	}
}

static void took_ready(struct child *c)
{
	if (c->state == CHILD_READY) {
		if (c->reloads)
			c->reloads--;
		if (c->kind == MST_PROC_KEEPER)
			reload_second(c->s);
		reload_progress(c->s);
		return;
	}
	mst_link_phase(c->control, c->state == CHILD_DRAINING ? MST_PHASE_DRAINING : MST_PHASE_RUNNING);
	if (c->state == CHILD_STARTING)
		c->state = CHILD_READY;
	if (c->reload_pending)
		reload_tell(c);
	reload_tell_why(c->s);
	if (ready_now(c->s)) {
		if (!c->s->ready)
			say_ready(c->s);
		else
			mst_log(&c->s->log, MST_LOG_INFO, "ready again", "process", c->name, NULL);
		tell_health(c->s);
	}
	reload_progress(c->s);
}

/*
 * The engine dropped the link of a process for what it said, or of the keeper, which did not answer. Without one it is of no use, and whatever it
 * has become it does not stay: it ends and is started again, after the same pauses as one that ends by itself.
 */
static void broke_rules(struct supervisor *s, struct mst_view payload)
{
	struct mst_reader r = mst_reader_of(payload);
	uint32_t number = mst_read_u32(&r);

	for (size_t i = 0; mst_read_end(&r) && number && i < s->n; i++) {
		struct child *c = &s->child[i];

		if (c->number != number || c->pid <= 0 || s->stopping)
			continue;
		mst_log(&s->log, MST_LOG_ERROR, "a process broke the rules between processes, or its link is lost; it is ended", "process", c->name, NULL);
		kill(c->pid, SIGKILL);
	}
}

static void on_control(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	struct child *c = owner;
	char text[400];

	(void)l;
	(void)fd;
	switch ((int)f->type) {
	case MST_FRAME_READY:
		took_ready(c);
		break;
	case MST_FRAME_METRICS:
		if (!mst_metrics_decode(f->payload, &c->m))
			mst_log(&c->s->log, MST_LOG_ERROR, "malformed metrics", "process", c->name, NULL);
		break;
	case MST_FRAME_CRL:
		crl_came(c->s, f->payload);
		break;
	case MST_FRAME_VIOLATION:
		broke_rules(c->s, f->payload);
		break;
	case MST_FRAME_FAILED:
		if (!mst_view_to_str(mst_view_sub(f->payload, 0, sizeof(text) - 1), text, sizeof(text)))
			break;
		mst_log(&c->s->log, MST_LOG_ERROR, "a process failed", "process", c->name, "why", text, NULL);
		if (c->reloads && c->state == CHILD_READY)
			reload_failed(c, text);
		break;
	default:
		break;
	}
}

static void on_control_down(void *owner, struct mst_link *l, const char *why)
{
	struct child *c = owner;

	(void)l;
	(void)why;
	c->control = mst_link_free(c->control);
	if (c->unit)
		child_gone(c);
	else if (c->pid > 0 && strcmp(why, "closed")) {
		/* it broke the rules, or a call failed here; SIGCHLD does the rest */
		mst_log(&c->s->log, MST_LOG_ERROR, "the link to a process is lost; it is ended", "process", c->name, "why", why, NULL);
		kill(c->pid, SIGKILL);
	}
}

const struct mst_link_ops supervisor_control_ops = { on_control, on_control_down };

/* A child killed itself at a crash point: the power is off for everybody. */
static void power_cut(struct supervisor *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->child[i].pid > 0)
			kill(s->child[i].pid, SIGKILL);
	raise(SIGKILL);
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (publish_ended(s, pid, status))
			continue;
		for (size_t i = 0; i < s->n; i++) {
			struct child *c = &s->child[i];
			char text[32];

			if (c->pid != pid)
				continue;
			c->pid = 0;
			pids_ended(s, pid);
			if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && s->conf->test.crash_at[0])
				power_cut(s);
			snprintf(text, sizeof(text), "%s %d", WIFSIGNALED(status) ? "signal" : "status",
			         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
			mst_log(&s->log, s->stopping ? MST_LOG_DEBUG : MST_LOG_WARNING, "a process has ended",
				"process", c->name, "with", text, NULL);
			if (c->control)
				mst_link_flush(c->control);
			child_gone(c);
		}
	}
}

/* --- draining: listeners, then the engine, then what it needed --- */

static unsigned drain_stage(struct supervisor *s, int stage)
{
	unsigned open = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct child *c = &s->child[i];
		int own = c->kind == MST_PROC_LISTENER ? 1 : c->kind == MST_PROC_ENGINE ? 2 : 3;

		if (own != stage || !alive(c))
			continue;
		open++;
		if (c->state == CHILD_DRAINING || !c->control)
			continue;
		if (mst_link_send(c->control, MST_FRAME_DRAIN, 0, MST_VIEW_NONE) && c->pid > 0)
			kill(c->pid, SIGKILL);
		c->state = CHILD_DRAINING;
		mst_link_phase(c->control, MST_PHASE_DRAINING);
	}
	return open;
}

static void advance(struct supervisor *s)
{
	while (s->stage <= 3 && !drain_stage(s, s->stage))
		s->stage++;
	if (s->stage > 3)
		give_up(s, 0);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *s = arg;

	(void)fd;
	(void)what;
	mst_log(&s->log, MST_LOG_WARNING, "not everything ended in time", NULL);
	for (size_t i = 0; i < s->n; i++)
		if (s->child[i].pid > 0)
			kill(s->child[i].pid, SIGKILL);
	if (s->conf->processes == MST_CONF_SINGLE)
		give_up(s, 0);
}

static void stop(struct supervisor *s)
{
	struct timeval t = { .tv_sec = s->conf->limits.drain };

	if (s->stopping)
		return;
	s->stopping = true;
	s->stage = 1;
	mst_log(&s->log, MST_LOG_INFO, "draining", NULL);
	(void)daemon_notify("STOPPING=1\n");
	publish_stop(s);
	tell_health(s);
	for (size_t i = 0; i < s->n; i++)
		if (s->child[i].state == CHILD_DOWN)
			s->child[i].state = CHILD_ENDED;
	s->deadline = event_new(s->base, -1, 0, on_deadline, s);
	if (s->deadline)
		event_add(s->deadline, &t);
	advance(s);
}

/* --- configuration --- */

void supervisor_say_wrong(void *arg, const char *text)
{
	struct supervisor *s = arg;

	mst_log(&s->log, MST_LOG_ERROR, text, NULL);
}

void supervisor_take_log(struct supervisor *s)
{
	s->log.json = s->conf->log_format == MST_CONF_LOG_JSON;
	s->log.level = (enum mst_log_level)s->conf->log_level;
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct supervisor *s = arg;

	(void)what;
	if (sig == SIGCHLD)
		reap(s);
	else if (sig == SIGHUP)
		reload(s);
	else
		stop(s);
}

/* --- start --- */

static struct child *add(struct supervisor *s, enum mst_process kind, enum mst_role role, const char *name)
{
	struct child *c = &s->child[s->n];

	c->s = s;
	c->kind = kind;
	c->role = role;
	snprintf(c->name, sizeof(c->name), "%s", name);
	s->n++;
	if (kind == MST_PROC_LISTENER || kind == MST_PROC_CONNECTOR || kind == MST_PROC_DIAMETER)
		c->number = c->channel = (uint32_t)s->n;
	return c;
}

bool supervisor_speaks_tls(enum mst_role role)
{
	return role != MST_ROLE_NONE && role != MST_ROLE_OCSP && role != MST_ROLE_BSF;
}

static void plan(struct supervisor *s)
{
	static const enum mst_role roles[] = { MST_ROLE_BBN, MST_ROLE_MEF, MST_ROLE_MAF, MST_ROLE_HSS, MST_ROLE_BSF, MST_ROLE_ZN,
					    MST_ROLE_OCSP };
	bool one = s->conf->processes == MST_CONF_SINGLE;
	char name[32];

	if (!one)
		(void)add(s, MST_PROC_KEEPER, MST_ROLE_NONE, "keeper");
	if (!one && s->conf->ca_key.key.backend)
		(void)add(s, MST_PROC_SIGNER, MST_ROLE_NONE, "signer");
	(void)add(s, MST_PROC_ENGINE, MST_ROLE_NONE, "engine");
	if (mst_conf_asks(s->conf))
		(void)add(s, MST_PROC_CONNECTOR, MST_ROLE_MAF, "connector");
	if (s->conf->diameter.present)
		(void)add(s, MST_PROC_DIAMETER, MST_ROLE_NONE, "diameter");
	for (size_t i = 0; i < MST_COUNT(roles); i++)
		for (int k = 0; mst_conf_role(s->conf, roles[i]) && k < (one ? 1 : s->conf->listeners); k++) {
			snprintf(name, sizeof(name), "listener-%s-%d", mst_role_name[roles[i]], k);
			(void)add(s, MST_PROC_LISTENER, roles[i], name);
		}
	if (s->conf->admin.present || s->conf->metrics[0])
		(void)add(s, MST_PROC_LISTENER, MST_ROLE_NONE, "listener-local");
}

/* Without its signals nobody could end it, and it would not hear of a process that ends. */
static int watch(struct supervisor *s, struct mst_diag *d)
{
	static const int sig[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	struct timeval second = { 1, 0 };
	bool good = true;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < MST_COUNT(sig) && good; i++) {
		s->signals[i] = evsignal_new(s->base, sig[i], on_signal, s);
		good = s->signals[i] && !event_add(s->signals[i], NULL);
	}
	s->second = good ? event_new(s->base, -1, EV_PERSIST, on_second, s) : NULL;
	if (s->second && !event_add(s->second, &second))
		return 0;
	mst_diag_set(d, 0, "", "signals and the clock cannot be watched: ", strerror(errno), NULL);
	return MST_FAULT_IO;
}

static int start(struct supervisor *s)
{
	struct mst_diag d = { 0 };
	int r = watch(s, &d);

	plan(s);
	s->connections = s->conf->limits.connections;
	r = r ? r : mst_privilege_find(s->conf->user, &s->privilege);
	r = r ? r : daemon_locks(s, &d);
	r = r ? r : daemon_sockets(s, &d);
	r = r ? r : daemon_become_somebody(s, &d);
	if (!r && s->conf->processes == MST_CONF_SINGLE)
		r = daemon_keeper(s, &d);
	if (r) {
		mst_log(&s->log, MST_LOG_ERROR, "cannot start", "setting", d.field, "why",
			d.text[0] ? d.text : mst_fault_text(r), NULL);
		return r;
	}
	for (size_t i = 0; i < s->n && !r; i++) {
		errno = 0;
		r = child_spawn(&s->child[i]);
		if (r) {
			mst_log(&s->log, MST_LOG_ERROR, "a process cannot be started", "process",
				s->child[i].name, "why", r == MST_FAULT_IO && errno ? strerror(errno) : mst_fault_text(r), NULL);
			return r;
		}
	}
	return r;
}

static void finish(struct supervisor *s)
{
	const int locks[] = { s->pid_fd, s->store_fd, s->keeper_fd };
	int status;

	publish_stop(s);
	for (size_t i = s->n; i-- > 0; ) {          /* listeners before the engine */
		struct child *c = &s->child[i];

		c->unit = mst_unit_free(c->unit);
		c->control = mst_link_free(c->control);
		if (c->pid > 0 && (kill(c->pid, SIGKILL) || waitpid(c->pid, &status, 0) < 0))
			mst_log(&s->log, MST_LOG_DEBUG, "already gone", "process", c->name, NULL);
		for (size_t k = 0; k < c->n_sockets; k++)
			close(c->socket[k]);
		if (c->again)
			event_free(c->again);
	}
	for (size_t i = 0; i < s->n_doors; i++)
		unlink(s->conf->admin.listen[i] + strlen("unix:"));
	crl_free(s);
	if (s->keeper)
		s->keeper->ops->close(s->keeper);
	s->ca = mst_ca_device_free(s->ca);
	for (size_t i = 0; i < MST_COUNT(s->signals); i++)
		if (s->signals[i])
			event_free(s->signals[i]);
	if (s->second)
		event_free(s->second);
	if (s->deadline)
		event_free(s->deadline);
	for (size_t i = 0; i < MST_COUNT(locks); i++)
		if (locks[i] >= 0)
			close(locks[i]);
}

int mst_supervise(const struct mst_supervisor_setup *setup)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	struct mst_conf_report rep = { .line = supervisor_say_wrong, .arg = s };
	int status = 2;

	if (!s) {
		fputs("musterd: cannot start: no memory\n", stderr);
		return 3;
	}
	s->setup = setup;
	s->pid_fd = s->store_fd = s->keeper_fd = -1;
	s->log = mst_log_of(STDERR_FILENO, false, MST_LOG_INFO, "supervisor");
	s->base = event_base_new();
	/* before it reads the servers' keys, and for all that it begins */
	if (!s->base || event_base_priority_init(s->base, 3) || mst_sandbox_limits.apply(NULL) < 0) {
		status = 3;
		mst_log(&s->log, MST_LOG_ERROR, "cannot start", "what", "the loop of events, or limits of the process", "why", strerror(errno), NULL);
	} else if (!mst_conf_load(setup->conf_file, &rep, &s->conf, &s->text)) {
		supervisor_take_log(s);
		s->status = 3;
		/* keys pass through here when they are checked and given out; with `processes = single` they stay */
		if (daemon_confine(s) && mst_unit_lock_memory(&s->log, s->conf, s->conf->processes == MST_CONF_SINGLE) &&
		    !mst_check_installation(s->conf, s->text, setup->roles, &rep) && !start(s))
			event_base_dispatch(s->base);
		status = s->status;
		finish(s);
		mst_log(&s->log, MST_LOG_INFO, "ended", NULL);
	}
	mst_conf_free(s->conf);
	free(s->text);
	if (s->base)
		event_base_free(s->base);
	free(s);
	return status;
}
