/*
 * Which processes are musterd's own. They run as the user whom the socket of administration believes, so the local listener is told whom not to
 * believe. Before a process hears its first peer that is said; and one that has ended is not forgotten at once, since a
 * connection that it made may wait to be accepted, longest while that listener begins anew.
 */
#include "server/supervisor-internal.h"

#include <signal.h>
#include <string.h>

#define KEPT_MS (10 * 60 * 1000)

int pids_tell(struct supervisor *s, struct mst_link *local)
{
	struct mst_pids p = { .n = s->pids.n };
	uint8_t b[2 + 4 * MST_PIDS];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	for (size_t i = 0; i < p.n; i++)
		p.pid[i] = s->pids.v[i].pid;
	mst_put_pids(&w, &p);
	return mst_link_send(local, MST_FRAME_PIDS, 0, mst_written(&w)) ? MST_FAULT_IO : 0;
}

/* One that does not take it is ended: it would believe whom it does not know. When it begins again it is told. */
static void tell_listener(struct supervisor *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct child *c = &s->child[i];

		if (c->kind == MST_PROC_LISTENER && c->role == MST_ROLE_NONE && c->control && c->pid > 0 && pids_tell(s, c->control))
			kill(c->pid, SIGKILL);
	}
}

static void forget(struct supervisor *s, size_t i)
{
	s->pids.n--;
	memmove(&s->pids.v[i], &s->pids.v[i + 1], (s->pids.n - i) * sizeof(s->pids.v[i]));
}

void pids_began(struct supervisor *s, pid_t pid)
{
	/* there is always one: children are a third of them at most. The first is the one that ended longest ago, or nearly so. */
	for (size_t i = 0; s->pids.n == MST_PIDS && i < MST_PIDS; i++)
		if (s->pids.v[i].ended)
			forget(s, i);
	s->pids.v[s->pids.n].ended = 0;
	s->pids.v[s->pids.n++].pid = (uint32_t)pid;
	tell_listener(s);
}

void pids_ended(struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < s->pids.n; i++)
		if (s->pids.v[i].pid == (uint32_t)pid && !s->pids.v[i].ended)
			s->pids.v[i].ended = mst_now_ms();
}

void pids_second(struct supervisor *s)
{
	size_t n = s->pids.n;

	for (size_t i = s->pids.n; i-- > 0; )
		if (s->pids.v[i].ended && mst_now_ms() - s->pids.v[i].ended > KEPT_MS)
			forget(s, i);
	if (s->pids.n != n)
		tell_listener(s);
}
