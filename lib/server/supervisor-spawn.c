/* Starting one child: a process by re-execution, or a unit in this process; then all it must be told. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/keeper-device.h"
#include "server/supervisor-internal.h"

static bool single(const struct supervisor *s)
{
	return s->conf->processes == MST_CONF_SINGLE;
}

/* What a process may know of the environment that the daemon was started in: nothing that names a secret. */
static const char *const passed[] = {
	"PATH=", "TZ=", "LANG=", "LC_ALL=", "SOFTHSM2_CONF=" /* where a token's module finds its tokens */,
	"CREDENTIALS_DIRECTORY=" /* whether a PIN's file is a new one at each start; where it is the settings say */,
#ifdef MST_SANITIZED
	"ASAN_OPTIONS=", "LSAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=",
#endif
};

static void environment(const char **ret_env)
{
	size_t n = 0;

	for (char **e = environ; *e; e++)
		for (size_t i = 0; i < MST_COUNT(passed); i++)
			if (n < MST_COUNT(passed) && !strncmp(*e, passed[i], strlen(passed[i])))
				ret_env[n++] = *e;
	ret_env[n] = NULL;
}

/* The one program that is not this one, because of the libraries that it brings: it is installed beside it. */
static const char *beside(char *path, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", path, cap - sizeof("-diameter"));

	while (n > 0 && path[n - 1] != '/')
		n--;
	if (n <= 0)
		return "musterd-diameter";
	snprintf(path + n, cap - (size_t)n, "musterd-diameter");
	return path;
}

/* The TPM of whom one is configured for. */
static const char *device_of(const struct child *c)
{
	const struct mst_conf *conf = c->s->conf;

	if (c->kind == MST_PROC_SIGNER)
		return mst_key_device(mst_ca_key_kind(conf), &conf->ca_key.key);
	return c->kind == MST_PROC_KEEPER ? mst_key_device(mst_keeper_key_kind(conf), &conf->keeper_key) : NULL;
}

/* In the new process, of which nothing else is heard any more. */
static void cannot_become(const struct child *c, const char *what)
{
	mst_log(&c->s->log, MST_LOG_ERROR, "a process cannot begin", "process", c->name, "what", what, "why", strerror(errno), NULL);
	_exit(3);
}

/* In the new process: control becomes fd 3, the listening sockets follow, everything else closes itself. */
static void become(struct child *c, int control, pid_t parent)
{
	char self[] = "musterd", kind[40], name[48], role[24], sockets[24], metrics[] = "--metrics-socket";
	const char *env[MST_COUNT(passed) + 1];
	struct mst_privilege as = c->s->privilege;
	char *argv[] = { self, kind, name, role, sockets, c->metrics_socket ? metrics : NULL, NULL };
	int high[MST_UNIT_SOCKETS + 1];
	char path[4096];

	snprintf(kind, sizeof(kind), "--process=%s", mst_process_name[c->kind]);
	snprintf(name, sizeof(name), "--name=%s", c->name);
	snprintf(role, sizeof(role), "--role=%s", c->role ? mst_role_name[c->role] : "none");
	snprintf(sockets, sizeof(sockets), "--sockets=%zu", c->n_sockets);
	/* first out of the way, then into place: dup2() also drops close-on-exec */
	high[0] = fcntl(control, F_DUPFD_CLOEXEC, 200);
	for (size_t i = 0; i < c->n_sockets; i++)
		high[i + 1] = fcntl(c->socket[i], F_DUPFD_CLOEXEC, 200);
	for (size_t i = 0; i <= c->n_sockets; i++)
		if (high[i] < 0 || dup2(high[i], 3 + (int)i) < 0)
			cannot_become(c, "its sockets");
	as.device = device_of(c);
	if (mst_privilege_drop(&as))
		cannot_become(c, "its user");
	prctl(PR_SET_PDEATHSIG, SIGKILL);        /* a change of the user would have undone it */
	if (getppid() != parent)
		_exit(3);
	environment(env);
	execve(c->kind == MST_PROC_DIAMETER ? beside(path, sizeof(path)) : "/proc/self/exe", argv, (char *const *)(uintptr_t)env);
	cannot_become(c, "its program");
}

static int cannot_spawn(const struct child *c, const char *what)
{
	mst_log(&c->s->log, MST_LOG_ERROR, "a process cannot be made", "process", c->name, "what", what, "why", strerror(errno), NULL);
	return MST_FAULT_IO;
}

static int spawn_process(struct child *c)
{
	struct mst_link_config lc = { .base = c->s->base, .self = MST_PROC_SUPERVISOR, .peer = c->kind,
		.frame_max = MST_FRAME_CONTROL_MAX, .queue_max = 4 * MST_FRAME_CONTROL_MAX, .log = &c->s->log,
		.violations = &c->s->m.v[MST_M_VIOLATIONS] };
	pid_t parent = getpid();
	int fd[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return cannot_spawn(c, "socketpair");
	c->pid = fork();
	if (c->pid == 0)
		become(c, fd[1], parent);
	close(fd[1]);
	if (c->pid < 0) {
		(void)cannot_spawn(c, "fork");
		close(fd[0]);
		return MST_FAULT_IO;
	}
	if (c->kind == MST_PROC_KEEPER)
		c->number = c->number ? c->number + 1 : MST_CHANNEL_KEEPER;
	pids_began(c->s, c->pid);
	r = mst_link_socket(&lc, fd[0], &supervisor_control_ops, c, &c->control);
	if (r)
		close(fd[0]);
	return r;
}

static int spawn_unit(struct child *c)
{
	static const struct mst_unit_ops *const all[MST_PROC__COUNT] = {
		[MST_PROC_LISTENER] = &mst_listener_unit, [MST_PROC_CONNECTOR] = &mst_connector_unit,
		[MST_PROC_ENGINE] = &mst_engine_unit,
	};
	struct supervisor *s = c->s;
	struct mst_link_config a = { .base = s->base,
				     .self = MST_PROC_SUPERVISOR,
				     .peer = c->kind,
				     .frame_max = MST_FRAME_CONTROL_MAX,
				     .queue_max = 4 * MST_FRAME_CONTROL_MAX,
				     .log = &s->log },
			       b = a;
	struct mst_unit_setup u = { .base = s->base,
				    .crypto = s->setup->crypto,
				    .roles = s->setup->roles,
				    .name = c->name,
				    .role = c->role,
				    .n_sockets = c->n_sockets,
				    .metrics_socket = c->metrics_socket };
	int sockets[MST_UNIT_SOCKETS], r;
	struct mst_link *end;

	b.self = c->kind;
	b.peer = MST_PROC_SUPERVISOR;
	for (size_t i = 0; i < c->n_sockets; i++)
		if ((sockets[i] = fcntl(c->socket[i], F_DUPFD_CLOEXEC, 3)) < 0)
			return MST_FAULT_IO;
	u.socket = sockets;
	r = mst_link_memory(&a, &b, &c->control, &end);
	if (r)
		return r;
	mst_link_owner(c->control, &supervisor_control_ops, c);
	r = mst_unit_new(all[c->kind], &u, end, &c->unit);
	if (!r && c->kind == MST_PROC_ENGINE)
		mst_engine_keeper(c->unit, s->keeper);
	return r;
}

static int tell_material(struct child *c, enum mst_role role, const struct mst_asker *asker, struct mst_writer *w, struct mst_diag *d)
{
	int r;

	w->n = 0;
	w->ok = true;
	r = c->kind == MST_PROC_DIAMETER ? mst_material_diameter(c->s->conf, w, d) : mst_material_load(c->s->conf, role, asker, w, d);
	if (r) {
		mst_wipe(w->p, w->n);
		return r;
	}
	r = mst_link_send(c->control, MST_FRAME_MATERIAL, 0, mst_written(w)) ? MST_FAULT_IO : 0;
	mst_wipe(w->p, w->n);            /* what comes next may be shorter */
	return r;
}

/* To the connector what each role that asks has; to a listener what its role has. */
static int tell_materials(struct child *c, struct mst_writer *w, struct mst_diag *d)
{
	size_t n;
	int r = 0;

	if (c->kind == MST_PROC_LISTENER && supervisor_speaks_tls(c->role))
		return tell_material(c, c->role, NULL, w, d);
	if (c->kind == MST_PROC_DIAMETER && mst_conf_diameter_tls(c->s->conf))
		return tell_material(c, MST_ROLE_NONE, NULL, w, d);
	for (size_t i = 0; i < MST_ASKERS && !r && c->kind == MST_PROC_CONNECTOR; i++)
		if (mst_conf_asker_anchors(c->s->conf, &mst_askers[i], &n))
			r = tell_material(c, mst_askers[i].role, &mst_askers[i], w, d);
	return r;
}

int child_tell_conf(struct child *c, struct mst_diag *d)
{
	size_t cap = MST_FRAME_CONTROL_MAX - 64;
	struct mst_conf_frame f = { .text = mst_view_str(c->s->text) };
	uint8_t *b = malloc(cap);
	struct mst_writer w = mst_writer_of(b, cap);
	const char *name;
	int r;

	if (!b)
		return MST_FAULT_MEMORY;
	/* With the directory that relative names are of: behind the sandbox no link is followed any more. */
	name = strrchr(c->s->conf->file, '/');
	r = snprintf(f.file, sizeof(f.file), "%s/%s", c->s->conf->dir, name ? name + 1 : c->s->conf->file) < (int)sizeof(f.file) ? 0 : MST_FAULT_CONFIG;
	r = r ? r : mst_material_maf_anchor(c->s->conf, f.maf_anchor, d);
	if (!r && c->kind == MST_PROC_ENGINE)
		r = mst_material_makers(c->s->conf, &f.makers, d);
	if (c->kind == MST_PROC_ENGINE)
		crl_state(c->s->conf, &f);
	mst_put_conf(&w, &f);
	r = r ? r : mst_link_send(c->control, MST_FRAME_CONF, 0, mst_written(&w)) ? MST_FAULT_IO : 0;
	r = r ? r : tell_materials(c, &w, d);
	mst_wipe(b, w.n);
	free(b);
	return r;
}

/* One without a link is ending: who comes next is joined with all that are there then. */
static bool up(const struct child *c)
{
	if (!c->control)
		return false;
	return c->state == CHILD_STARTING || c->state == CHILD_READY || c->state == CHILD_DRAINING;
}

static struct child *keeper_child(struct supervisor *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->child[i].kind == MST_PROC_KEEPER && up(&s->child[i]))
			return &s->child[i];
	return NULL;
}

static unsigned duties_of(const struct child *c)
{
	static const unsigned of_listener[MST_ROLE__COUNT] = {
		[MST_ROLE_NONE] = MST_DUTY_ADMIN,      /* the local one */
		[MST_ROLE_BBN] = MST_DUTY_BBN, [MST_ROLE_MEF] = MST_DUTY_MEF, [MST_ROLE_MAF] = MST_DUTY_MAF,
		[MST_ROLE_HSS] = MST_DUTY_HSS, [MST_ROLE_ZN] = MST_DUTY_ZN,
	};

	/* it serves those roles' peers, and asks other servers */
	if (c->kind == MST_PROC_DIAMETER)
		return MST_DUTY_CONNECTOR | (mst_conf_role(c->s->conf, MST_ROLE_HSS) ? MST_DUTY_HSS : 0U) |
		       (mst_conf_role(c->s->conf, MST_ROLE_ZN) ? MST_DUTY_ZN : 0U);
	return c->kind == MST_PROC_CONNECTOR ? MST_DUTY_CONNECTOR : of_listener[c->role];
}

/* A fresh key for one process and the keeper; kept by nobody else. */
static int tell_channel(struct child *c)
{
	struct mst_crypto *crypto = c->s->setup->crypto;
	struct child *k = keeper_child(c->s);
	struct mst_channel ch = { .id = c->channel, .duties = duties_of(c) };
	uint8_t b[64];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	int r = crypto->ops->random(crypto, ch.key, sizeof(ch.key));

	mst_put_channel(&w, &ch);
	if (!r && single(c->s))
		r = mst_keeper_local_channel(c->s->keeper, ch.id, ch.key, ch.duties);
	else if (!r && k && mst_link_send(k->control, MST_FRAME_CHANNEL, 0, mst_written(&w)))
		r = MST_FAULT_IO;
	if (!r && mst_link_send(c->control, MST_FRAME_CHANNEL, 0, mst_written(&w)))
		r = MST_FAULT_IO;
	mst_wipe(b, sizeof(b));
	mst_wipe(&ch, sizeof(ch));
	return r;
}

static int tell_link(struct child *to, const struct child *who, int fd)
{
	struct mst_link_frame f = { .peer = who->kind, .role = who->role, .channel = who->number };
	uint8_t b[16];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_link(&w, &f);
	return mst_link_send_fd(to->control, MST_FRAME_LINK, 0, mst_written(&w), fd) ? MST_FAULT_IO : 0;
}

static int join(struct child *a, struct child *b)
{
	int fd[2], r;

	if (single(a->s)) {
		struct mst_link_frame fa = { b->kind, b->role, b->channel },
				      fb = { a->kind, a->role, a->channel };
		struct mst_link_config ca = mst_unit_link(a->unit, b->kind),
				       cb = mst_unit_link(b->unit, a->kind);
		struct mst_link *la, *lb;

		r = mst_link_memory(&ca, &cb, &la, &lb);
		if (r)
			return r;
		r = mst_unit_attach(a->unit, &fa, la);
		return r ? r : mst_unit_attach(b->unit, &fb, lb);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return MST_FAULT_IO;
	r = tell_link(a, b, fd[0]);
	r = r ? r : tell_link(b, a, fd[1]);
	close(fd[0]);
	close(fd[1]);
	return r;
}

/* Who talks to whom: everybody with the engine, but for the signer, who has the keeper and nobody else. */
static bool talks(const struct child *a, const struct child *b)
{
	if (a->kind == MST_PROC_SIGNER || b->kind == MST_PROC_SIGNER)
		return a->kind == MST_PROC_KEEPER || b->kind == MST_PROC_KEEPER;
	return (a->kind == MST_PROC_ENGINE) != (b->kind == MST_PROC_ENGINE);
}

static int join_all(struct child *c)
{
	for (size_t i = 0; i < c->s->n; i++) {
		struct child *o = &c->s->child[i];
		int r;

		if (o == c || !up(o) || !talks(c, o))
			continue;
		r = join(c, o);
		if (r)
			return r;
	}
	return 0;
}

int child_spawn(struct child *c)
{
	struct mst_diag d = { 0 };
	int r;

	memset(&c->m, 0, sizeof(c->m));
	c->reload_pending = false;
	c->reloads = 0;
	r = single(c->s) ? spawn_unit(c) : spawn_process(c);
	if (r)
		return r;
	c->since = mst_now_ms();
	c->state = CHILD_STARTING;
	r = child_tell_conf(c, &d);
	if (d.text[0])
		mst_log(&c->s->log, MST_LOG_ERROR, "certificates cannot be used", "setting", d.field, "why", d.text, NULL);
	if (!r && c->kind == MST_PROC_LISTENER && c->role == MST_ROLE_NONE)
		r = pids_tell(c->s, c->control);
	if (!r && c->channel)
		r = tell_channel(c);
	for (size_t i = 0; i < c->s->n && !r && c->kind == MST_PROC_KEEPER; i++)
		if (c->s->child[i].channel && up(&c->s->child[i]))
			r = tell_channel(&c->s->child[i]);         /* a new keeper knows no old channel key */
	r = r ? r : join_all(c);
	/* a keeper is to know that another one was there: it may have ended on the word of an engine that wants its allowance twice (keeper_limits) */
	if (!r && mst_link_send(c->control, MST_FRAME_START, 0, c->kind == MST_PROC_KEEPER && c->number != MST_CHANNEL_KEEPER ? MST_VIEW_LIT("again") : MST_VIEW_NONE))
		r = MST_FAULT_IO;
	return r;
}
