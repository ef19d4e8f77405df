#include "diameter/diameter.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"
#include "diameter/internal.h"

struct waiting { struct waiting *next; uint64_t id; struct msg *msg; size_t place; };

struct mst_diam {
	struct mst_diam_config conf;
	struct mst_diam_files files;
	struct diam_dict dict;
	const struct mst_diam_ops *ops;
	void *owner;
	struct waiting *waiting;
	bool started;
};

/* What the library's threads reach; the library's own state is one for the process, too. */
static struct {
	pthread_mutex_t lock;
	struct diam_event *head, **tail;
	size_t requests, requests_max;         /* not answered yet */
	size_t requests_of[MST_DIAM_PEERS];    /* and of each peer */
	uint64_t next;
	bool closed;
	int fd;
	void (*log)(void *arg, bool error, const char *text);
	void *log_arg;
	char last[160];                        /* error that was said last */
} q = { .lock = PTHREAD_MUTEX_INITIALIZER, .tail = &q.head, .fd = -1 };

void diam_say(bool error, const char *text)
{
	if (q.log)
		q.log(q.log_arg, error, text);
}

/* Errors only, and of each its first line: nobody promises what else stands in there. */
__attribute__((format(printf, 2, 0))) static void logger(int level, const char *format, va_list args)
{
	char text[160];

	if (level < FD_LOG_ERROR)
		return;
	(void)vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	pthread_mutex_lock(&q.lock);
	memcpy(q.last, text, sizeof(q.last));
	pthread_mutex_unlock(&q.lock);
	/* where in its own code it was, and goodbyes, are for whoever looks closer */
	diam_say(strncmp(text, "ERROR: in ", 10) && strncmp(text, "Initiating ", 11), text);
}

struct diam_event *diam_event(enum diam_what what, uint64_t id)
{
	struct diam_event *e = calloc(1, sizeof(*e));

	if (e) {
		e->what = what;
		e->id = id;
	}
	return e;
}

static void event_free(struct diam_event *e)
{
	if (e->raw) {
		mst_wipe(e->raw, e->n_raw);
		free(e->raw);
	}
	if (e->msg)
		fd_msg_free(e->msg);
	free(e);
}

void diam_post(struct diam_event *e)
{
	const uint64_t one = 1;
	bool closed;

	if (!e)
		return;
	pthread_mutex_lock(&q.lock);
	closed = q.closed;
	if (!closed) {
		*q.tail = e;
		q.tail = &e->next;
		if (write(q.fd, &one, sizeof(one)) < 0) {
			/* its counter is full: then it is readable */
		}
	}
	pthread_mutex_unlock(&q.lock);
	if (closed)
		event_free(e);
}

/* --- in the library's threads --- */

/* Half of the places is anybody's; beyond that each peer that is connected has an equal share of all of them. */
static bool room(const struct diam_peer *p)
{
	bool yes;

	pthread_mutex_lock(&q.lock);
	yes = !q.closed && q.requests < q.requests_max && (q.requests < q.requests_max / 2 || q.requests_of[p->place] < q.requests_max / p->open);
	if (yes) {
		q.requests++;
		q.requests_of[p->place]++;
	}
	pthread_mutex_unlock(&q.lock);
	return yes;
}

static void request_done(size_t place)
{
	pthread_mutex_lock(&q.lock);
	q.requests--;
	q.requests_of[place]--;
	pthread_mutex_unlock(&q.lock);
}

static bool octets(struct msg *m, struct diam_event *e)
{
	return !fd_msg_bufferize(m, &e->raw, &e->n_raw);
}

static int refuse(struct msg **msg, const char *result, enum disp_action *act)
{
	char name[40];

	snprintf(name, sizeof(name), "%s", result);
	if (fd_msg_new_answer_from_req(fd_g_config->cnf_dict, msg, MSGFL_ANSW_ERROR) || fd_msg_rescode_set(*msg, name, NULL, NULL, 1))
		return ENOMEM;
	*act = DISP_ACT_SEND;
	return 0;
}

static int on_request(struct msg **msg, struct avp *avp, struct session *session, void *data, enum disp_action *act)
{
	struct diam_event *e;
	struct diam_peer who;
	size_t n = 0;
	DiamId_t peer = NULL;

	(void)avp;
	(void)session;
	(void)data;
	if (fd_msg_source_get(*msg, &peer, &n) || !peer || n >= MST_ID_MAX || !diam_peer_good(peer, n, &who))
		return refuse(msg, "DIAMETER_UNKNOWN_PEER", act);
	if (!room(&who))
		return refuse(msg, "DIAMETER_TOO_BUSY", act);
	e = diam_event(DIAM_REQUEST, 0);
	if (!e || !octets(*msg, e)) {
		free(e);
		request_done(who.place);
		return refuse(msg, "DIAMETER_TOO_BUSY", act);
	}
	memcpy(e->peer, peer, n);
	e->flag = who.relay;
	e->place = who.place;
	e->msg = *msg;
	*msg = NULL;
	*act = DISP_ACT_CONT;
	diam_post(e);
	return 0;
}

static void none(uint64_t id, bool unreachable, const char *words)
{
	struct diam_event *e = diam_event(DIAM_NONE, id);

	if (e) {
		e->flag = unreachable;
		snprintf(e->words, sizeof(e->words), "%s", words ? words : "");
	}
	diam_post(e);
}

static void on_answer(void *data, struct msg **msg)
{
	struct diam_event *e = diam_event(DIAM_ANSWER, (uint64_t)(uintptr_t)data);

	if (e && octets(*msg, e)) {
		diam_post(e);
	} else {
		free(e);
		none((uint64_t)(uintptr_t)data, false, "no memory for the answer");
	}
	fd_msg_free(*msg);
	*msg = NULL;
}

static void on_expired(void *data, DiamId_t sent_to, size_t n, struct msg **msg)
{
	char words[100];

	snprintf(words, sizeof(words), "no answer in time from %.*s", (int)(n < 80 ? n : 80), sent_to ? sent_to : "");
	none((uint64_t)(uintptr_t)data, true, words);
	fd_msg_free(*msg);
	*msg = NULL;
}

void diam_dropped(struct msg *m, const char *why)
{
	void (*cb)(void *, struct msg **) = NULL;
	struct msg *question = NULL;
	struct msg_hdr *h = NULL;
	void *data = NULL;

	if (fd_msg_hdr(m, &h) || (h->msg_flags & CMD_FLAG_REQUEST) || fd_msg_answ_getq(m, &question) || !question ||
	    fd_msg_anscb_get(question, &cb, NULL, &data) || cb != on_answer)
		return;
	none((uint64_t)(uintptr_t)data, false, why);
}

/* --- life --- */

int mst_diam_prepare(const struct mst_diam_config *c, struct mst_diam **ret_n, struct mst_diag *d)
{
	struct mst_diam *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return MST_FAULT_MEMORY;
	n->conf = *c;
	q.log = c->log;
	q.log_arg = c->log_arg;
	q.requests_max = c->requests_max;
	q.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = q.fd < 0 ? MST_FAULT_IO : diam_peers_begin(c);
	r = r ? r : diam_settings(c, &n->files, d);
	if (r) {
		diam_settings_close(&n->files);
		free(n);
		return r;
	}
	*ret_n = n;
	return 0;
}

/* The words of the library, for whoever started us. */
static int failed(struct mst_diag *d, const char *what)
{
	char last[160];

	pthread_mutex_lock(&q.lock);
	memcpy(last, q.last, sizeof(last));
	pthread_mutex_unlock(&q.lock);
	mst_diag_set(d, 0, "diameter", what, last[0] ? ": " : "", last, NULL);
	return MST_FAULT_CONFIG;
}

static int support(struct mst_diam *n)
{
	const bool wanted[] = { n->conf.zn, n->conf.zh };

	for (size_t i = 0; i < MST_COUNT(wanted); i++) {
		struct disp_when when = { .app = n->dict.app[i], .command = n->dict.command[i] };

		if (!wanted[i])
			continue;
		if (fd_disp_app_support(n->dict.app[i], n->dict.vendor, 1, 0) || fd_disp_register(on_request, DISP_HOW_CC, &when, NULL, NULL))
			return MST_FAULT_MEMORY;
	}
	return 0;
}

int mst_diam_start(struct mst_diam *n, const struct mst_diam_ops *ops, void *owner, struct mst_diag *d)
{
	int r;

	n->ops = ops;
	n->owner = owner;
	if (fd_log_handler_register(logger))
		return failed(d, "the library does not start");
	fd_g_debug_lvl = FD_LOG_ERROR;
	if (fd_core_initialize())
		return failed(d, "the library does not start");
	fd_g_debug_lvl = FD_LOG_ERROR;
	r = fd_core_parseconf(n->files.settings) ? MST_FAULT_CONFIG : diam_settings_without(&n->files);
	diam_settings_close(&n->files);
	if (r)
		return failed(d, "the library does not take its settings");
	if (diam_dictionary(&n->dict) || support(n) || diam_peers_hooks(n->conf.n_anchors))
		return failed(d, "the library does not take the dictionary");
	n->started = true;
	if (fd_core_start() || fd_core_waitstartcomplete())
		return failed(d, "cannot listen; are the addresses free?");
	return 0;
}

int mst_diam_fd(const struct mst_diam *n)
{
	(void)n;
	return q.fd;
}

size_t mst_diam_waiting(const struct mst_diam *n)
{
	size_t k;

	(void)n;
	pthread_mutex_lock(&q.lock);
	k = q.requests;
	pthread_mutex_unlock(&q.lock);
	return k;
}

static void request(struct mst_diam *n, struct diam_event *e)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w) {
		request_done(e->place);
		return;                        /* the peer's own timer has to do */
	}
	w->id = ++q.next;
	w->msg = e->msg;
	w->place = e->place;
	w->next = n->waiting;
	n->waiting = w;
	e->msg = NULL;
	n->ops->request(n->owner, w->id, e->peer, e->flag, (struct mst_view){ e->raw, e->n_raw });
}

static struct diam_event *take(void)
{
	struct diam_event *e;

	pthread_mutex_lock(&q.lock);
	e = q.head;
	if (e) {
		q.head = e->next;
		if (!q.head)
			q.tail = &q.head;
	}
	pthread_mutex_unlock(&q.lock);
	return e;
}

void mst_diam_pump(struct mst_diam *n)
{
	struct diam_event *e;
	uint64_t count;

	if (read(q.fd, &count, sizeof(count)) < 0) {
		/* nothing new: what is in the queue is taken all the same */
	}
	while ((e = take())) {
		switch (e->what) {
		case DIAM_REQUEST: request(n, e); break;
		case DIAM_ANSWER: n->ops->answer(n->owner, e->id, (struct mst_view){ e->raw, e->n_raw }); break;
		case DIAM_NONE: n->ops->none(n->owner, e->id, e->flag, e->words); break;
		case DIAM_PEER: n->ops->peer(n->owner, e->peer, e->flag, e->words); break;
		}
		event_free(e);
	}
}

/* --- sending --- */

int mst_diam_answer(struct mst_diam *n, uint64_t id, uint32_t result, struct mst_view avps)
{
	struct waiting **at = &n->waiting, *w;
	struct msg *m;
	int r = 0;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	w = *at;
	if (!w)
		return MST_FAULT_BUG;
	*at = w->next;
	m = w->msg;
	request_done(w->place);
	free(w);
	if (fd_msg_new_answer_from_req(fd_g_config->cnf_dict, &m, result / 1000 == 3 ? MSGFL_ANSW_ERROR : 0) || fd_msg_add_origin(m, 0))
		r = MST_FAULT_MEMORY;
	r = r ? r : diam_add_avps(m, avps);
	if (!r && fd_msg_send(&m, NULL, NULL))
		r = MST_FAULT_IO;
	if (r && m)
		fd_msg_free(m);
	return r;
}

int mst_diam_ask(struct mst_diam *n, uint32_t application, uint64_t id, struct mst_view avps, unsigned seconds)
{
	struct dict_object *command = n->dict.command[application == MST_DM_ZH];
	struct timespec until;
	struct msg *m = NULL;
	int r;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	if (fd_msg_new(command, MSGFL_ALLOC_ETEID, &m))
		return MST_FAULT_MEMORY;
	r = fd_msg_new_session(m, NULL, 0) || fd_msg_add_origin(m, 0) ? MST_FAULT_MEMORY : diam_add_avps(m, avps);
	if (!r && fd_msg_send_timeout(&m, on_answer, (void *)(uintptr_t)id, on_expired, &until))
		r = MST_FAULT_IO;
	if (r && m)
		fd_msg_free(m);
	return r;
}

struct mst_diam *mst_diam_free(struct mst_diam *n)
{
	struct diam_event *e;

	if (!n)
		return NULL;
	diam_settings_close(&n->files);
	pthread_mutex_lock(&q.lock);
	q.closed = true;
	pthread_mutex_unlock(&q.lock);
	while ((e = take()))
		event_free(e);
	while (n->waiting) {
		struct waiting *w = n->waiting;

		n->waiting = w->next;
		fd_msg_free(w->msg);
		free(w);
	}
	if (n->started && !fd_core_shutdown())
		(void)!fd_core_wait_shutdown_complete();
	diam_peers_end();
	close(q.fd);
	q.fd = -1;
	free(n);
	return NULL;
}
