/* What every process does alike: hear the supervisor, start, reload, drain, report. */
#include "server/unit.h"

#include "crypto/heap.h"
#include "proto/gba/digest.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "server/confine.h"

mst_ms mst_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (mst_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const struct mst_role_ops *mst_role_of(mst_role_table roles, enum mst_role role)
{
	for (mst_role_table r = roles; *r; r++)
		if ((*r)->role == role)
			return *r;
	return NULL;
}

const struct mst_role_ops *mst_unit_role(const struct mst_unit *u, enum mst_role role)
{
	return mst_role_of(u->roles, role);
}

const struct mst_material *mst_unit_material(const struct mst_unit *u, enum mst_role role)
{
	for (size_t i = 0; i < u->n_materials; i++)
		if (u->material[i].role == role)
			return &u->material[i];
	return NULL;
}

struct mst_link_config mst_unit_link(struct mst_unit *u, enum mst_process peer)
{
	return (struct mst_link_config){ .base = u->base,
					 .self = u->ops->kind,
					 .peer = peer,
					 .frame_max = MST_FRAME_MAX,
					 .queue_max = 32 * MST_FRAME_MAX,
					 .log = &u->log,
					 .violations = &u->m.v[MST_M_VIOLATIONS],
					 .gather = u->ops->kind == MST_PROC_LISTENER || u->ops->kind == MST_PROC_ENGINE };
}

static void leave_with(struct mst_unit *u, int status)
{
	u->exit_status = status;
	u->done = true;
	if (u->own_process)
		event_base_loopbreak(u->base);
	else if (status)
		u->control = mst_link_free(u->control); /* the supervisor sees it as it would a process */
}

static void fail(struct mst_unit *u, const char *what, const struct mst_diag *d)
{
	char text[400];

	snprintf(text, sizeof(text), "%s%s%s%s%s", what, d && d->field[0] ? ": " : "", d ? d->field : "",
	         d && d->text[0] ? ": " : "", d ? d->text : "");
	mst_log(&u->log, MST_LOG_ERROR, "failed", "why", text, NULL);
	if (u->control)
		(void)!mst_link_send(u->control, MST_FRAME_FAILED, 0, mst_view_str(text));
}

static void send_metrics(struct mst_unit *u)
{
	uint8_t b[4096];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	if (!u->control || !u->started)
		return;
	if (u->ops->tick)
		u->ops->tick(u);
	mst_metrics_encode(&u->m, &w);
	(void)!mst_link_send(u->control, MST_FRAME_METRICS, 0, mst_written(&w));
}

/* At once, between two turns: what comes meanwhile might be refused for no reason of its own. */
static void look_for_lack(struct mst_unit *u)
{
	/* the others have looked for all that they want before they start */
	if (!u->started || (u->ops->kind != MST_PROC_LISTENER && u->ops->kind != MST_PROC_CONNECTOR) || !mst_heap_lacked())
		return;
	mst_log(&u->log, MST_LOG_ERROR, "the crypto library had no memory, and may be of no use since", "remedy",
		u->own_process ? "none; another process begins" : "restart musterd", NULL);
	if (u->own_process)
		mst_unit_done(u);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct mst_unit *u = arg;

	(void)fd;
	(void)what;
	send_metrics(u);
	if (!u->own_process)
		look_for_lack(u);
}

static void take_log(struct mst_unit *u)
{
	u->log.json = u->conf->log_format == MST_CONF_LOG_JSON;
	u->log.level = (enum mst_log_level)u->conf->log_level;
}

static void said_wrong(void *arg, const char *text)
{
	mst_log(&((struct mst_unit *)arg)->log, MST_LOG_ERROR, "configuration", "error", text, NULL);
}

bool mst_unit_lock_memory(const struct mst_log *log, const struct mst_conf *c, bool meets)
{
	if (mst_heap_lock(meets ? (size_t)c->limits.connections : 0))
		return true;
	mst_log(log, MST_LOG_ERROR, "cannot lock memory for keys; raise the limit of locked memory (LimitMEMLOCK= of the unit, ulimit -l)",
		"why", strerror(errno), NULL);
	return false;
}

static bool lock_memory(struct mst_unit *u, const struct mst_conf *c)
{
	return u->started || !u->own_process ||
	       mst_unit_lock_memory(&u->log, c, u->ops->kind == MST_PROC_LISTENER || u->ops->kind == MST_PROC_CONNECTOR);
}

static int take_conf(struct mst_unit *u, struct mst_view payload)
{
	struct mst_conf_report rep = { .line = said_wrong, .arg = u };
	struct mst_conf_frame f;
	struct mst_conf *c;
	char *text;
	int r;

	if (!mst_get_conf(payload, &f))
		return MST_FAULT_BUG;
	text = malloc(f.text.n + 1);
	if (!text)
		return MST_FAULT_MEMORY;
	if (f.text.n)
		memcpy(text, f.text.p, f.text.n);
	text[f.text.n] = '\0';
	r = mst_conf_read(f.file, text, &rep, &c);
	free(text);
	/* before the first key comes. A process that has none locks the least. */
	if (!r && !lock_memory(u, c)) {
		mst_conf_free(c);
		r = MST_FAULT_IO;
	}
	if (r)
		return r;
	memcpy(u->maf_anchor, f.maf_anchor, sizeof(u->maf_anchor));
	u->makers = f.makers;
	u->crl_number = f.crl_number;
	u->crl_made = f.crl_made;
	u->crl_until = f.crl_until;
	if (u->started) {
		mst_conf_free(u->conf_next);
		u->conf_next = c;
	} else {
		mst_conf_free(u->conf);
		u->conf = c;
		u->crash = mst_crash_of(c);
		take_log(u);
	}
	return 0;
}

static int take_material(struct mst_unit *u, struct mst_view payload)
{
	struct mst_material m;
	size_t i = 0;

	if (!mst_material_decode(payload, &m))
		return MST_FAULT_BUG;
	while (i < u->n_materials && (u->material[i].role != m.role || u->material[i].kind != m.kind))
		i++;
	if (i == MST_UNIT_MATERIALS) {
		mst_material_deinit(&m);
		return MST_FAULT_BUG;
	}
	if (i == u->n_materials)
		u->n_materials++;
	else {
		u->material_changed = u->material_changed || !mst_material_same_but_lists(&u->material[i], &m);
		mst_material_deinit(&u->material[i]);
	}
	u->material[i] = m;
	return 0;
}

int mst_unit_attach(struct mst_unit *u, const struct mst_link_frame *who, struct mst_link *l)
{
	mst_link_phase(l, u->draining ? MST_PHASE_DRAINING : MST_PHASE_RUNNING);
	return u->ops->attach(u, who, l, -1);
}

static int take_link(struct mst_unit *u, struct mst_view payload, int fd)
{
	struct mst_link_config lc;
	struct mst_link_frame who;
	struct mst_link *l;
	int r;

	if (!mst_get_link(payload, &who) || fd < 0)
		return MST_FAULT_BUG;
	if (u->ops->raw_peer == who.peer)
		return u->ops->attach(u, &who, NULL, fd);
	lc = mst_unit_link(u, who.peer);
	r = mst_link_socket(&lc, fd, NULL, NULL, &l);
	if (r) {
		close(fd);
		return r;
	}
	return mst_unit_attach(u, &who, l);
}

static void start(struct mst_unit *u)
{
	struct mst_diag d = { 0 };
	int r = u->conf ? u->ops->start(u, &d) : MST_FAULT_BUG;

	int c = r ? 0 : mst_confine(u);

	if (c) {
		mst_diag_set(&d, 0, "sandbox", mst_sandbox_fault(c), "; set sandbox = false to run without", NULL);
		r = MST_FAULT_IO;
	}
	if (!r && u->ops->confined)
		r = u->ops->confined(u, &d);
	if (r) {
		fail(u, d.text[0] ? "start" : mst_fault_text(r), &d);
		leave_with(u, 3);
		return;
	}
	u->started = true;
	(void)!mst_link_send(u->control, MST_FRAME_READY, 0, MST_VIEW_NONE);
	mst_link_phase(u->control, MST_PHASE_RUNNING);
	mst_log(&u->log, MST_LOG_DEBUG, "ready", NULL);
}

static void reload(struct mst_unit *u)
{
	struct mst_diag d = { 0 };
	int r;

	if (u->conf_next) {
		mst_conf_free(u->conf);
		u->conf = u->conf_next;
		u->conf_next = NULL;
		take_log(u);
	}
	r = u->ops->reload ? u->ops->reload(u, &d) : 0;
	if (r) {
		fail(u, "reload", &d);      /* and goes on with what it had */
		return;
	}
	mst_log(&u->log, MST_LOG_DEBUG, "reloaded", NULL);
	(void)!mst_link_send(u->control, MST_FRAME_READY, 0, MST_VIEW_NONE);
}

static void drain(struct mst_unit *u)
{
	if (u->draining)
		return;
	u->draining = true;
	mst_link_phase(u->control, MST_PHASE_DRAINING);
	if (u->started && u->ops->drain)
		u->ops->drain(u);
	else
		mst_unit_done(u);
}

void mst_unit_done(struct mst_unit *u)
{
	if (u->done)
		return;
	send_metrics(u);
	leave_with(u, 0);
	if (!u->own_process)
		u->control = mst_link_free(u->control); /* the supervisor sees it as it would a process */
}

static int take_channel(struct mst_unit *u, struct mst_view payload)
{
	struct mst_channel c;

	if (!mst_get_channel(payload, &c))
		return MST_FAULT_BUG;
	if (u->ops->channel)
		u->ops->channel(u, &c);
	else
		u->channel = c;
	mst_wipe(&c, sizeof(c));
	return 0;
}

static void on_control(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	struct mst_unit *u = owner;
	struct mst_health_frame h;
	struct mst_pids p;
	int r = 0;

	(void)l;
	switch ((int)f->type) {
	case MST_FRAME_CONF: r = take_conf(u, f->payload); break;
	case MST_FRAME_MATERIAL: r = take_material(u, f->payload); break;
	case MST_FRAME_CHANNEL: r = take_channel(u, f->payload); break;
	case MST_FRAME_LINK: r = take_link(u, f->payload, fd); break;
	case MST_FRAME_START:
		u->again = f->payload.n != 0;
		start(u);
		break;
	case MST_FRAME_RELOAD: reload(u); break;
	case MST_FRAME_RELOAD_FAILED:
		if (u->ops->reload_failed)
			u->ops->reload_failed(u, f->payload);
		break;
	case MST_FRAME_DRAIN: drain(u); break;
	case MST_FRAME_HEALTH:
		if (!mst_get_health(f->payload, &h))
			r = MST_FAULT_BUG;
		else if (u->ops->health)
			u->ops->health(u, &h);
		break;
	case MST_FRAME_PIDS:
		if (!mst_get_pids(f->payload, &p))
			r = MST_FAULT_BUG;
		else if (u->ops->pids)
			u->ops->pids(u, &p);
		break;
	default: break;
	}
	if (r) {
		fail(u, mst_fault_text(r), NULL);
		leave_with(u, 3);
	}
}

/* Without its supervisor a process has nothing to do. */
static void on_control_down(void *owner, struct mst_link *l, const char *why)
{
	struct mst_unit *u = owner;

	if (!u->done)
		mst_log(&u->log, mst_link_broke(l) ? MST_LOG_ERROR : MST_LOG_DEBUG, "the supervisor is gone, or the link to it", "why", why, NULL);
	leave_with(u, u->draining ? 0 : 3);
}

static const struct mst_link_ops control_ops = { on_control, on_control_down };

int mst_unit_new(const struct mst_unit_ops *ops, const struct mst_unit_setup *s, struct mst_link *control,
		 struct mst_unit **ret_u)
{
	struct mst_unit *u = calloc(1, ops->size);
	struct timeval second = { 1, 0 };

	if (!u)
		return MST_FAULT_MEMORY;
	u->ops = ops;
	u->base = s->base;
	u->crypto = s->crypto;
	u->roles = s->roles;
	u->role = s->role;
	u->own_process = s->own_process;
	u->metrics_socket = s->metrics_socket;
	u->log = mst_log_of(STDERR_FILENO, false, MST_LOG_INFO, s->name);
	for (size_t i = 0; i < s->n_sockets && i < MST_UNIT_SOCKETS; i++)
		u->socket[u->n_sockets++] = s->socket[i];
	u->second = event_new(u->base, -1, EV_PERSIST, on_second, u);
	if (!u->second || event_add(u->second, &second)) {
		if (u->second)
			event_free(u->second);
		free(u);
		return MST_FAULT_MEMORY;
	}
	u->control = control;
	mst_link_owner(control, &control_ops, u);
	*ret_u = u;
	return 0;
}

struct mst_unit *mst_unit_free(struct mst_unit *u)
{
	if (!u)
		return NULL;
	if (u->ops->stop)
		u->ops->stop(u);
	event_free(u->second);
	(void)mst_link_free(u->control);
	for (size_t i = 0; i < u->n_materials; i++)
		mst_material_deinit(&u->material[i]);
	mst_conf_free(u->conf);
	mst_conf_free(u->conf_next);
	mst_wipe(u, u->ops->size);
	free(u);
	return NULL;
}

bool mst_unit_is_child(void)
{
	struct ucred who = { 0 };
	socklen_t n = sizeof(who);

	return !getsockopt(3, SOL_SOCKET, SO_PEERCRED, &who, &n) && who.pid > 0 && who.pid == getppid();
}

/* Under load a turn of the loop may be long; links (priority 0) are looked at again after so much of it. */
static struct event_base *make_base(void)
{
	static const struct timeval turn = { 0, 2000 };
	struct event_config *c = event_config_new();
	struct event_base *base = NULL;

	if (c && !event_config_set_max_dispatch_interval(c, &turn, -1, 1))
		base = event_base_new_with_config(c);
	if (c)
		event_config_free(c);
	return base;
}

/* Nobody but this process knows why. */
static int cannot_begin(const char *name, const char *what)
{
	struct mst_log log = mst_log_of(STDERR_FILENO, false, MST_LOG_INFO, name);

	mst_log(&log, MST_LOG_ERROR, "cannot begin", "what", what, "why", errno ? strerror(errno) : "unknown", NULL);
	return 3;
}

int mst_unit_main(const struct mst_unit_ops *kind, enum mst_role role, const char *name, size_t n_sockets,
		  bool metrics_socket, mst_role_table roles, struct mst_crypto *crypto)
{
	struct event_base *base = make_base();
	struct mst_link_config lc = { .base = base, .self = kind ? kind->kind : MST_PROC_SUPERVISOR, .peer = MST_PROC_SUPERVISOR,
		.frame_max = MST_FRAME_CONTROL_MAX, .queue_max = 2 * MST_FRAME_CONTROL_MAX };
	int sockets[MST_UNIT_SOCKETS];
	struct mst_unit_setup s = { .base = base,
				    .crypto = crypto,
				    .roles = roles,
				    .name = name,
				    .role = role,
				    .socket = sockets,
				    .n_sockets = n_sockets,
				    .metrics_socket = metrics_socket,
				    .own_process = true };
	struct mst_link *control;
	struct mst_unit *u;
	int status = 3;

	/* what the supervisor says next are keys */
	if (mst_sandbox_limits.apply(NULL) < 0)
		return cannot_begin(name, "limits of the process");
	if (!base || !kind || n_sockets > MST_UNIT_SOCKETS || event_base_priority_init(base, 3))
		return cannot_begin(name, "the loop of events");
	/* signals are the supervisor's; a terminal's ^C goes to the whole group */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < n_sockets; i++)
		sockets[i] = 4 + (int)i;
	if (mst_link_socket(&lc, 3, NULL, NULL, &control) || mst_unit_new(kind, &s, control, &u)) {
		event_base_free(base);
		return cannot_begin(name, "the link to the supervisor");
	}
	while (!u->done && event_base_loop(base, EVLOOP_ONCE) == 0)
		look_for_lack(u);
	if (u->control)
		mst_link_flush(u->control);
	status = u->exit_status;
	mst_unit_free(u);
	event_base_free(base);
	return status;
}

int mst_unit_gba_test(const struct mst_unit *u, struct mst_diag *d)
{
	const char *which = "";
	/* a crypto library without MD5 and SHA-1 serves every other role (decision 0021) */
	int r = u->conf && mst_conf_role(u->conf, MST_ROLE_BSF) ? gba_self_test(u->crypto, &which) : 0;

	if (r)
		mst_diag_set(d, 0, "self test", which, ": the crypto library gives a wrong answer, or none; a BSF needs it", NULL);
	return r;
}
