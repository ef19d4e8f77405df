/*
 * The process that asks a device for the key-encryption key (decision 0042). The keeper has neither the module's code nor its threads; the module has neither the keeper's
 * keys, which are not read yet when this begins, nor its links. It begins no program, no process, and is gone before the keeper hears its first frame.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "server/confine.h"
#include "server/keeper-device.h"

#define DEADLINE_S 60            /* a device that hangs; people press buttons */
#define RECORD_MAX 1200
#define THERE 3                  /* its only descriptor but those of people */

enum op { OP_BIND, OP_UNLOCK, OP_UNBIND };
struct question { enum op op; int kind; size_t n; uint8_t record[RECORD_MAX]; };
struct answer { int r; size_t n; uint8_t record[RECORD_MAX], key[32]; struct mst_diag d; };

struct mst_apart { pid_t pid; int fd; };
struct apart_root { struct secenv_root root; /* first */ struct mst_apart *apart; int kind; };

/* --- there --- */

static int work(struct secenv_root *root, const struct question *q, struct answer *a)
{
	struct mst_writer w = mst_writer_of(a->record, sizeof(a->record));
	struct mst_view record = { q->record, q->n };
	int r;

	switch (q->op) {
	case OP_BIND:
		r = root->ops->bind(root, &w, a->key, &a->d);
		a->n = w.n;
		return r || w.ok ? r : MST_FAULT_BUG;
	case OP_UNLOCK: return root->ops->unlock(root, record, a->key, &a->d);
	case OP_UNBIND: return root->ops->unbind ? root->ops->unbind(root, record, &a->d) : 0;
	}
	return MST_FAULT_BUG;
}

/* By the calls that every process of ours keeps. */
static bool hear(struct question *q)
{
	struct iovec v = { q, sizeof(*q) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	return recvmsg(THERE, &m, MSG_WAITALL) == (ssize_t)sizeof(*q);
}

static bool say(struct answer *a)
{
	struct iovec v = { a, sizeof(*a) };
	const struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	return sendmsg(THERE, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(*a);
}

/* The device is opened once: behind the sandbox its library may find its settings no more. NULL: what failed is in `a`. */
static struct secenv_root *opened(mst_apart_open *open_it, void *arg, const struct mst_conf *conf, int kind, struct answer *a)
{
	struct secenv_root *root = NULL;
	int r;

	a->r = open_it(arg, kind, &root, &a->d);
	r = !a->r && conf->sandbox ? mst_confine_apart(conf) : 0;
	if (r) {
		mst_diag_set(&a->d, 0, "keeper_key.module", mst_sandbox_fault(r), NULL);
		a->r = MST_FAULT_IO;
	}
	if (!a->r)
		return root;
	if (root)
		root->ops->free(root);
	return NULL;
}

static void serve(mst_apart_open *open_it, void *arg, const struct mst_conf *conf)
{
	struct secenv_root *root = NULL;
	struct question q = { .n = 0 };
	struct answer a;

	while (hear(&q)) {
		memset(&a, 0, sizeof(a));
		alarm(DEADLINE_S);
		if (!root)
			root = opened(open_it, arg, conf, q.kind, &a);
		if (root)
			a.r = work(root, &q, &a);
		alarm(0);
		if (!say(&a))
			break;
		mst_wipe(&a, sizeof(a));
	}
	mst_wipe(&a, sizeof(a));
	if (root)
		root->ops->free(root);
}

static void become(mst_apart_open *open_it, void *arg, const struct mst_conf *conf, int fd, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_DFL);
	if (getppid() != parent || dup2(fd, THERE) < 0 || close_range(THERE + 1, ~0U, 0))
		_exit(3);
	serve(open_it, arg, conf);
	_exit(0);
}

/* --- here --- */

int mst_apart_new(mst_apart_open *open_it, void *arg, const struct mst_conf *conf, struct mst_apart **ret, struct mst_diag *d)
{
	struct mst_apart *a = calloc(1, sizeof(*a));
	pid_t parent = getpid();
	int fd[2];

	if (!a)
		return MST_FAULT_MEMORY;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) {
		free(a);
		return MST_FAULT_IO;
	}
	a->pid = fork();
	if (a->pid == 0)
		become(open_it, arg, conf, fd[1], parent);
	close(fd[1]);
	a->fd = fd[0];
	*ret = a;
	if (a->pid > 0)
		return 0;
	mst_diag_set(d, 0, "keeper_key", "no process for the device: ", strerrordesc_np(errno), NULL);
	*ret = mst_apart_free(a);
	return MST_FAULT_IO;
}

struct mst_apart *mst_apart_free(struct mst_apart *a)
{
	int status;

	if (!a)
		return NULL;
	close(a->fd);
	/* it has nothing to finish: a device that hangs holds nobody up */
	if (a->pid > 0 && !kill(a->pid, SIGKILL))
		while (waitpid(a->pid, &status, 0) < 0 && errno == EINTR)
			;
	free(a);
	return NULL;
}

static int ask(struct secenv_root *root, enum op op, struct mst_view record, struct mst_writer *w, uint8_t *ret_key, struct mst_diag *d)
{
	struct apart_root *r = (struct apart_root *)(void *)root;
	struct question q = { .op = op, .kind = r->kind, .n = record.n };
	struct answer a;
	int out;

	if (record.n > sizeof(q.record))
		return MST_FAULT_BUG;
	if (record.n)
		memcpy(q.record, record.p, record.n);
	if (send(r->apart->fd, &q, sizeof(q), MSG_NOSIGNAL) != (ssize_t)sizeof(q) ||
	    recv(r->apart->fd, &a, sizeof(a), MSG_WAITALL) != (ssize_t)sizeof(a)) {
		mst_diag_set(d, 0, "keeper_key", "the device hangs, or its library ended the process that asks it", NULL);
		return MST_FAULT_IO;
	}
	a.d.text[sizeof(a.d.text) - 1] = a.d.field[sizeof(a.d.field) - 1] = '\0';
	*d = a.d;
	out = a.n > sizeof(a.record) ? MST_FAULT_BUG : a.r;
	if (!out && w)
		mst_put(w, (struct mst_view){ a.record, a.n });
	if (!out && ret_key)
		memcpy(ret_key, a.key, sizeof(a.key));
	mst_wipe(&a, sizeof(a));
	return out;
}

static int apart_bind(struct secenv_root *r, struct mst_writer *record, uint8_t ret_key[32], struct mst_diag *d)
{
	return ask(r, OP_BIND, MST_VIEW_NONE, record, ret_key, d);
}

static int apart_unlock(struct secenv_root *r, struct mst_view record, uint8_t ret_key[32], struct mst_diag *d)
{
	return ask(r, OP_UNLOCK, record, NULL, ret_key, d);
}

static int apart_unbind(struct secenv_root *r, struct mst_view record, struct mst_diag *d)
{
	return ask(r, OP_UNBIND, record, NULL, NULL, d);
}

static void apart_root_free(struct secenv_root *r)
{
	free(r);
}

static const struct secenv_root_ops apart_ops = { .kind = MST_SECENV_PKCS11, .bind = apart_bind, .unlock = apart_unlock, .unbind = apart_unbind,
						  .free = apart_root_free };

int mst_apart_root(struct mst_apart *a, int kind, struct secenv_root **ret, struct mst_diag *d)
{
	struct apart_root *r = calloc(1, sizeof(*r));

	(void)d;
	if (!r)
		return MST_FAULT_MEMORY;
	*r = (struct apart_root){ { &apart_ops }, a, kind };
	*ret = &r->root;
	return 0;
}
