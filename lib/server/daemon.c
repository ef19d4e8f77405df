/* Manners of a daemon: pid file, service manager, listening sockets. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "server/ca-device.h"
#include "server/keeper-device.h"
#include "server/supervisor-internal.h"
#include "store/store.h"
#include "transport/coap-server.h"
#include "transport/server.h"

static int pid_file(const char *run, struct mst_diag *d, int *ret_fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[MST_CONF_PATH + 16], text[24];
	int fd, n;

	if (mkdir(run, 0700) && errno != EEXIST) {
		mst_diag_set(d, 0, "run", run, ": ", strerror(errno),
			     "; a directory that may be written is wanted", NULL);
		return MST_FAULT_CONFIG;
	}
	snprintf(path, sizeof(path), "%s/musterd.pid", run);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0) {
		mst_diag_set(d, 0, "run", path, ": ", strerror(errno), NULL);
		return MST_FAULT_CONFIG;
	}
	if (fcntl(fd, F_SETLK, &lock)) {
		if (errno == EACCES || errno == EAGAIN)
			mst_diag_set(d, 0, "run", path, " is locked; another musterd runs with this configuration", NULL);
		else
			mst_diag_set(d, 0, "run", path, " cannot be locked: ", strerror(errno), NULL);
		close(fd);
		return MST_FAULT_CONFIG;
	}
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) || write(fd, text, (size_t)n) != n) {
		mst_diag_set(d, 0, "run", path, ": ", strerror(errno), NULL);
		close(fd);
		return MST_FAULT_CONFIG;
	}
	*ret_fd = fd;
	return 0;
}

/* `why`: who has it; where nobody has, errno tells. */
static int locked(struct mst_diag *d, const char *field, const char *path, const char *why)
{
	if (why && errno == EWOULDBLOCK)
		mst_diag_set(d, 0, field, path, " is locked: ", why, NULL);
	else
		mst_diag_set(d, 0, field, path, why ? " cannot be locked: " : ": ", strerrordesc_np(errno), NULL);
	return MST_FAULT_CONFIG;
}

/*
 * One engine writes the records of a file: a second one would decide from what it read before (architecture 5.3),
 * and SQLite's own locks last for a transaction only. The lock stands beside the database, for that one's
 * are the library's. Held until this process ends, and in no child.
 */
static int lock_store(const char *store, struct mst_diag *d, int *ret_fd)
{
	char path[MST_CONF_PATH + 8];
	int fd;

	if (!mst_store_file(store))      /* a server, which several may use: decision 0032 */
		return 0;
	snprintf(path, sizeof(path), "%s.lock", mst_store_file(store));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return locked(d, "store", path, NULL);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		int r = locked(d, "store", path, "another musterd keeps its records there; stop it, or give each its own store");

		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int lock_keeper(const char *dir, struct mst_diag *d, int *ret_fd)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return locked(d, "keeper", dir, NULL);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		int r = locked(d, "keeper", dir, "another musterd uses these keys; stop it, or make each its own installation");

		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int daemon_locks(struct supervisor *s, struct mst_diag *d)
{
	int r = pid_file(s->conf->run, d, &s->pid_fd);

	r = r ? r : lock_store(s->conf->store, d, &s->store_fd);
	return r ? r : lock_keeper(s->conf->keeper, d, &s->keeper_fd);
}

/* The service manager's protocol: one datagram to the socket it named. */
int daemon_notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	int fd, why = 0;

	if (!n || n >= sizeof(a.sun_path) || (path[0] != '/' && path[0] != '@'))
		return 0;
	memcpy(a.sun_path, path, n);
	if (a.sun_path[0] == '@')
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&a,
	           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		why = errno;
	close(fd);
	/* nobody listens: nothing to be done about it */
	return why == ENOENT || why == ECONNREFUSED ? 0 : why;
}

/*
 * With SO_REUSEPORT the kernel lets any process of the same user in beside us and shares connections out
 * among all: a second daemon on the address would take a part of them. A socket without the option cannot
 * be bound where anybody listens, so it is tried first.
 */
typedef int listens(const char *address, bool reuseport, int *ret_fd, uint16_t *ret_port, struct mst_diag *d);

static int alone_on(const char *address, listens *on, struct mst_diag *d)
{
	uint16_t port;
	int fd, r = on(address, false, &fd, &port, d);

	if (!r)
		close(fd);
	return r;
}

/* Who asks is told by the kernel; the role decides who may. */
static mode_t door_mode(const struct mst_conf *c)
{
	return c->admin.n_providers || c->four_eyes.n_people ? 0666 : 0600;
}

/* Every listener of a role gets its own socket on each address (SO_REUSEPORT); a port 0 is chosen once. */
static int role_sockets(struct supervisor *s, enum mst_role role, listens *on, const char (*list)[MST_CONF_ADDR], size_t n,
			struct mst_diag *d)
{
	for (size_t a = 0; a < n; a++) {
		char address[MST_CONF_ADDR + 8];
		int rc;

		snprintf(address, sizeof(address), "%s", list[a]);
		rc = role == MST_ROLE_ADMIN ? 0 : alone_on(address, on, d);
		if (rc)
			return rc;
		for (size_t i = 0; i < s->n; i++) {
			struct child *c = &s->child[i];
			uint16_t port = 0;
			char *colon;

			if (c->kind != MST_PROC_LISTENER ||
			    c->role != (role == MST_ROLE_ADMIN ? MST_ROLE_NONE : role))
				continue;
			rc = on(address, role != MST_ROLE_ADMIN, &c->socket[c->n_sockets], &port, d);
			if (rc)
				return rc;
			c->n_sockets++;
			s->n_doors += role == MST_ROLE_ADMIN;
			if (role == MST_ROLE_ADMIN && s->privilege.drop &&
			    lchown(address + strlen("unix:"), s->privilege.uid, s->privilege.gid)) {
				mst_diag_set(d, 0, "admin.listen", address, ": ", strerrordesc_np(errno), NULL);
				return MST_FAULT_IO;
			}
			if (role == MST_ROLE_ADMIN && chmod(address + strlen("unix:"), door_mode(s->conf))) {
				mst_diag_set(d, 0, "admin.listen", address, ": ", strerrordesc_np(errno), NULL);
				return MST_FAULT_IO;
			}
			colon = strrchr(address, ':');
			if (port)
				snprintf(colon, sizeof(address) - (size_t)(colon - address), ":%u", port);
		}
		snprintf(s->endpoints + strlen(s->endpoints), sizeof(s->endpoints) - strlen(s->endpoints),
			 " %s%s=%s", mst_role_name[role], on == mst_listen_udp ? "-coap" : "", address);
	}
	return 0;
}

/*
 * A socket belongs to `user`, and so may the directory that it is in: root is wanted to get there, and here may not change what is another's; the owner may,
 * and is led nowhere by what could lie in its place by now. 0, or an errno.
 */
static int set_door(const struct supervisor *s, const char *path, mode_t mode)
{
	bool other = s->privilege.drop && !geteuid();
	int why = 0, fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char name[40];
	struct stat st;

	if (fd < 0)
		return errno;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) || (other && seteuid(s->privilege.uid)))
		why = errno;
	else if (!S_ISSOCK(st.st_mode))
		why = ENOTSOCK;
	else if (chmod(name, mode))
		why = errno;
	if (other && seteuid(0))
		abort();                 /* never, with root as the real user; and nothing here works as another */
	close(fd);
	return why;
}

/* All of them, or as they were. */
static int set_doors(const struct supervisor *s, mode_t was, mode_t is, size_t *ret_i)
{
	for (size_t i = 0; i < s->n_doors; i++) {
		int why = set_door(s, s->conf->admin.listen[i] + strlen("unix:"), is);

		if (!why)
			continue;
		*ret_i = i;
		while (i-- > 0)
			(void)set_door(s, s->conf->admin.listen[i] + strlen("unix:"), was);
		return why;
	}
	return 0;
}

int daemon_doors(struct supervisor *s, const struct mst_conf *is, struct mst_diag *d)
{
	mode_t was = door_mode(s->conf), now = door_mode(is);
	size_t i = 0;
	int why = was == now ? 0 : set_doors(s, was, now, &i);

	if (!why)
		return 0;
	mst_diag_set(d, 0, "admin.listen", s->conf->admin.listen[i], " cannot be opened to all users, or closed to them: ", strerrordesc_np(why), NULL);
	return MST_FAULT_IO;
}

int daemon_sockets(struct supervisor *s, struct mst_diag *d)
{
	static const enum mst_role roles[] = { MST_ROLE_BBN, MST_ROLE_MEF, MST_ROLE_MAF, MST_ROLE_HSS, MST_ROLE_BSF, MST_ROLE_ZN,
					       MST_ROLE_OCSP, MST_ROLE_ADMIN };
	uint16_t port = 0;
	int r;

	for (size_t i = 0; i < MST_COUNT(roles); i++) {
		const struct mst_conf_role *c = mst_conf_role(s->conf, roles[i]);

		r = c ? role_sockets(s, roles[i], mst_listen, c->listen, c->n_listen, d) : 0;
		r = r || !c ? r : role_sockets(s, roles[i], mst_listen_udp, c->coap_listen, c->n_coap_listen, d);
		if (r)
			return r;
	}
	for (size_t i = 0; i < s->n && s->conf->metrics[0]; i++) {
		struct child *c = &s->child[i];
		const char *colon = strrchr(s->conf->metrics, ':');

		if (c->kind != MST_PROC_LISTENER || c->role != MST_ROLE_NONE)
			continue;
		r = mst_listen(s->conf->metrics, false, &c->socket[c->n_sockets], &port, d);
		if (r)
			return r;
		c->n_sockets++;
		c->metrics_socket = true;
		if (port)
			snprintf(s->endpoints + strlen(s->endpoints),
				 sizeof(s->endpoints) - strlen(s->endpoints), " metrics=%.*s:%u",
				 (int)(colon - s->conf->metrics), s->conf->metrics, port);
		break;
	}
	return 0;
}

/* For itself and for all that it begins: what they need until their own lists come, nobody here knows. */
bool daemon_confine(struct supervisor *s)
{
	int r;

	if (!s->conf->sandbox || s->conf->processes == MST_CONF_SINGLE)
		return true;
	r = mst_sandbox_begins->apply(NULL);
	if (r < 0)
		mst_log(&s->log, MST_LOG_ERROR, "cannot start", "setting", "sandbox", "why", mst_sandbox_fault(r), NULL);
	else
		mst_log(&s->log, MST_LOG_DEBUG, r ? "sandbox: not on this system" : "sandbox", "mechanism", mst_sandbox_begins->name, NULL);
	return r >= 0;
}

/* The addresses are bound: from here nobody needs to be root but the supervisor, and that for files only. */
int daemon_become_somebody(struct supervisor *s, struct mst_diag *d)
{
	int r = 0;

	if (s->privilege.drop)
		r = s->conf->processes == MST_CONF_SINGLE ? mst_privilege_drop(&s->privilege) :
		                                            mst_privilege_reduce();
	else if (s->privilege.root) {
		mst_log(&s->log, MST_LOG_WARNING, "runs as root; give user = \"...\" to have it run as that one", NULL);
		r = s->conf->processes == MST_CONF_SINGLE ? 0 : mst_privilege_reduce();
	} else if (mst_privilege_drop(&s->privilege)) {
		/* what a unit gave for ports below 1024 has done its duty: the sockets are open */
		mst_diag_set(d, 0, "", "the capabilities that it was started with cannot be given up", NULL);
		return MST_FAULT_IO;
	}
	if (r)
		mst_diag_set(d, 0, "user", "cannot become ", s->conf->user, "; start as root with all "
			     "capabilities, or as that user", NULL);
	return r;
}

/* `processes = single`: it is here, and so is the device of a CA key. */
int daemon_keeper(struct supervisor *s, struct mst_diag *d)
{
	struct mst_ca_holder ca = { NULL, NULL };
	struct mst_diag why = { 0 };
	int r = s->conf->ca_key.key.backend ? mst_ca_device_own(s->conf, d) : 0;

	if (!r && s->conf->ca_key.key.backend)
		r = mst_ca_device_new(s->conf, s->setup->crypto, &s->ca, d);
	if (!r && s->ca) {
		ca = mst_ca_device_holder(s->ca);
		if (mst_ca_device_look(s->ca, &why))
			mst_log(&s->log, MST_LOG_ERROR, "the device with the CA's key does not sign; nothing is certified or revoked until it does", "why",
				why.text, NULL);
	}
	return r ? r : mst_keeper_open(s->conf, true, &ca, s->setup->crypto, &s->keeper, d);
}
