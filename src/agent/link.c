/* link.h: the pump between standard input and output and the secured connection, and who opens it. */
#include "agent/link.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/secret.h"
#include "codec/secret-text.h"
#include "proto/saef/saef.h"
#include "transport/address.h"
#include "transport/server.h"
#include "transport/stream.h"

#define OUT_MAX (MST_STREAM_ROOM + 16384)
#define PIPE_BUF_SURE 4096                   /* a pipe that is ready takes so much without blocking */

struct link;

/* A peer whose handshake goes on, or the one that is connected. */
struct link_peer {
	struct link *l;
	struct mst_stream *s;
	struct link_ask *ask;                /* its key */
	struct event *answered;
	char identity[MST_ID_MAX], who[MST_ID_MAX], credential[MST_ID_MAX];
	uint64_t origin;                     /* whence it comes */
	uint64_t number;                     /* counts up: who has waited longest? */
	enum saef_outcome outcome;           /* of the key; GOING_ON: nobody has asked yet */
	bool opened;
};

struct link {
	const struct agent_config *cfg;
	const struct link_options *o;
	struct event_base *base;
	struct mst_tls_ctx *tls;
	struct event *in, *out, *accepting, *late;
	struct link_peer peer[LINK_HANDSHAKES_MAX];
	struct link_peer *open;              /* the one */
	uint8_t buf[OUT_MAX];
	size_t buf_n;
	uint64_t sent, received, peers;
	bool peer_done, out_closed, ended, reused, retry;
	int listener, code;
};

/* Events ------------------------------------------------------------------------------------------------- */

static void put_text(const char *event, va_list ap)
{
	fprintf(stderr, "muster-agent: %s", event);
	for (const char *name; (name = va_arg(ap, const char *)) != NULL;) {
		const char *value = va_arg(ap, const char *);

		if (value && *value)
			fprintf(stderr, " %s=%s", name, value);
	}
	fputc('\n', stderr);
}

static void put_json(const char *event, va_list ap)
{
	json_t *o = json_pack("{s:s}", "event", event);
	char *line;

	for (const char *name; (name = va_arg(ap, const char *)) != NULL;) {
		const char *value = va_arg(ap, const char *);

		if (value && *value)
			json_object_set_new(o, name, status_text(value));
	}
	line = json_dumps(o, JSON_COMPACT);
	fprintf(stderr, "%s\n", line ? line : "{}");
	free(line);
	json_decref(o);
}

/* event, then name, value, …, NULL; an empty value is left out. */
static void __attribute__((sentinel)) say(const struct link *l, const char *event, ...)
{
	va_list ap;

	va_start(ap, event);
	if (l->o->json)
		put_json(event, ap);
	else
		put_text(event, ap);
	va_end(ap);
}

static void stop(struct link *l, int code)
{
	l->code = code;
	event_base_loopbreak(l->base);
}

/* Pump ---------------------------------------------------------------------------------------------------- */

static void maybe_over(struct link *l)
{
	if (l->ended && (!l->buf_n || l->out_closed))
		event_base_loopbreak(l->base);
}

static void close_out(struct link *l)
{
	if (l->out_closed)
		return;
	l->out_closed = true;
	event_del(l->out);
	close(STDOUT_FILENO);
}

/* As much as is sure not to block: standard output may be shared with others, so it is not made non-blocking. */
static void on_out(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	ssize_t n = write(fd, l->buf, l->buf_n < PIPE_BUF_SURE ? l->buf_n : PIPE_BUF_SURE);

	(void)what;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		say(l, "output-closed", "detail", strerror(errno), NULL);
		close_out(l);
		l->buf_n = 0;
		stop(l, LINK_BROKEN);
		return;
	}
	memmove(l->buf, l->buf + n, l->buf_n - (size_t)n);
	l->buf_n -= (size_t)n;
	if (l->open && l->open->s && l->buf_n <= MST_STREAM_ROOM / 2)
		mst_stream_pause(l->open->s, false);
	if (l->buf_n)
		return;
	event_del(l->out);
	if (l->peer_done)
		close_out(l);
	maybe_over(l);
}

static void on_in(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	uint8_t block[16384];
	size_t room = mst_stream_room(l->open->s);
	ssize_t n;

	(void)what;
	if (!room) {
		event_del(l->in);            /* until on_room */
		return;
	}
	n = read(fd, block, room < sizeof(block) ? room : sizeof(block));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		(void)mst_stream_write(l->open->s, (struct mst_view){ block, (size_t)n });
		l->sent += (uint64_t)n;
		mst_wipe(block, (size_t)n);
		return;
	}
	event_del(l->in);
	mst_stream_finish(l->open->s);
}

static void on_data(void *owner, struct mst_stream *s, struct mst_view octets)
{
	struct link_peer *p = owner;
	struct link *l = p->l;

	l->received += octets.n;
	if (l->out_closed)
		return;
	memcpy(l->buf + l->buf_n, octets.p, octets.n);
	l->buf_n += octets.n;
	event_add(l->out, NULL);
	if (l->buf_n >= MST_STREAM_ROOM)
		mst_stream_pause(s, true);
}

static void on_eof(void *owner, struct mst_stream *s)
{
	struct link_peer *p = owner;
	struct link *l = p->l;

	(void)s;
	l->peer_done = true;
	say(l, "peer-ended", NULL);
	if (!l->buf_n)
		close_out(l);
}

static void on_room(void *owner, struct mst_stream *s)
{
	struct link_peer *p = owner;

	(void)s;
	if (p == p->l->open)
		event_add(p->l->in, NULL);
}

static void say_closed(struct link *l, const char *how, const char *detail)
{
	char sent[24], received[24];

	snprintf(sent, sizeof(sent), "%llu", (unsigned long long)l->sent);
	snprintf(received, sizeof(received), "%llu", (unsigned long long)l->received);
	say(l, "closed", "how", how, "sent", sent, "received", received, "detail", detail, NULL);
}

static void connection_ended(struct link *l, enum mst_tls_end why, const char *detail)
{
	event_del(l->in);
	l->ended = l->peer_done = true;
	l->code = why == MST_TLS_CLOSED ? LINK_DONE : LINK_BROKEN;
	say_closed(l, why == MST_TLS_CLOSED ? "good-bye" : mst_tls_end_text(why), why == MST_TLS_CLOSED ? "" : detail);
	maybe_over(l);
}

/* The handshake is done: from now on this one alone. */
static void connected(struct link_peer *p)
{
	struct link *l = p->l;

	l->open = p;
	p->opened = true;
	if (l->accepting)
		event_del(l->accepting);
	if (l->listener >= 0)
		close(l->listener);
	l->listener = -1;
	if (l->late)
		event_del(l->late);
	say(l, "open", "peer", p->who, "credentialID", p->credential, "identity", p->identity, "address", mst_stream_peer(p->s)->address,
	    "version", mst_stream_version(p->s), "suite", mst_stream_suite(p->s), NULL);
	event_add(l->in, NULL);
}

static void peer_drop(struct link_peer *p)
{
	p->s = mst_stream_free(p->s);
	if (p->answered)
		event_free(p->answered);
	p->answered = NULL;
	if (p->ask)
		link_ask_drop(p->ask);
	free(p->ask);
	p->ask = NULL;
}

/* Both sides ---------------------------------------------------------------------------------------------- */

static void unused_psk(void *owner, struct mst_stream *s, const char *identity)
{
	(void)owner;
	(void)s;
	(void)identity;
}

int link_tls(const struct agent_config *cfg, bool server, int suite, struct mst_tls_ctx **ret, struct mst_diag *d)
{
	struct mst_tls_config c = { .server = server, .profile = (enum mst_tls_profile)cfg->tls_profile, .allow_psk = true, .psk_suite = (uint16_t)suite };

	return mst_tls_ctx_new(&c, ret, d);
}

static bool begin(struct link *l, const struct agent_config *cfg, const struct link_options *o, bool accepts)
{
	struct event_config *ec = event_config_new();
	struct mst_diag d = { 0 };

	l->cfg = cfg;
	l->o = o;
	l->listener = -1;
	l->code = LINK_FAULT;
	/* standard input may be a file, which epoll does not take */
	if (ec && event_config_avoid_method(ec, "epoll") == 0)
		l->base = event_base_new_with_config(ec);
	if (ec)
		event_config_free(ec);
	if (!l->base || link_tls(cfg, accepts, 0, &l->tls, &d)) {
		say(l, "fault", "detail", d.text[0] ? d.text : "the event loop cannot be made", NULL);
		return false;
	}
	l->in = event_new(l->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_in, l);
	l->out = event_new(l->base, STDOUT_FILENO, EV_WRITE | EV_PERSIST, on_out, l);
	return l->in && l->out;
}

static int end(struct link *l)
{
	int code = l->code;

	for (size_t i = 0; i < LINK_HANDSHAKES_MAX; i++)
		peer_drop(&l->peer[i]);
	if (l->in)
		event_free(l->in);
	if (l->out)
		event_free(l->out);
	if (l->accepting)
		event_free(l->accepting);
	if (l->late)
		event_free(l->late);
	if (l->listener >= 0)
		close(l->listener);
	mst_tls_ctx_free(l->tls);
	if (l->base)
		event_base_free(l->base);
	mst_wipe(l, sizeof(*l));
	free(l);
	return code;
}

static const char *text_of(const json_t *o, const char *member)
{
	const char *s = json_string_value(json_object_get(o, member));

	return s ? s : "";
}

/* What the agent said, for this peer. True: the key is there. */
static bool take_answer(struct link_peer *p, const json_t *answer, struct mst_key *ret_key)
{
	struct mst_diag d = { 0 };

	p->outcome = SAEF_INTERNAL;
	if (!answer || !json_is_true(json_object_get(answer, "ok"))) {
		if (answer)
			p->outcome = saef_outcome_of(text_of(answer, "outcome"));
		return false;
	}
	if (!mst_copy_text(p->identity, sizeof(p->identity), text_of(answer, "identity")) ||
	    !mst_copy_text(p->who, sizeof(p->who), text_of(answer, "peer")) ||
	    !mst_copy_text(p->credential, sizeof(p->credential), text_of(answer, "credentialID")) ||
	    mst_secret_read(mst_view_str(text_of(answer, "key")), ret_key, &d))
		return false;
	p->outcome = SAEF_DONE;
	return true;
}

static void say_refused(const struct link_peer *p, const json_t *answer)
{
	const json_t *e = json_object_get(answer, "error");
	const char *outcome = answer ? text_of(answer, "outcome") : "internal";
	const char *words = answer ? text_of(answer, "words") : "the agent gave no answer, and the state cannot be opened; without "
								"--json the log says why";

	if (e)
		say(p->l, "refused", "outcome", outcome, "detail", text_of(e, "text"), "field", text_of(e, "field"), NULL);
	else
		say(p->l, "refused", "outcome", outcome, "words", words, "detail", text_of(answer, "detail"), "identity", p->identity,
		    "address", p->s ? mst_stream_peer(p->s)->address : "", NULL);
}

/* Connecting ----------------------------------------------------------------------------------------------- */

static void a_opened(void *owner, struct mst_stream *s)
{
	(void)s;
	connected(owner);
}

static void a_ended(void *owner, struct mst_stream *s, enum mst_tls_end why, const char *detail)
{
	struct link_peer *p = owner;
	struct link *l = p->l;

	(void)s;
	if (p->opened) {
		connection_ended(l, why, detail);
		return;
	}
	if (why == MST_TLS_PSK_REFUSED && l->reused) {
		l->retry = true;             /* a key of before: the peer's MAF may have forgotten it */
		stop(l, LINK_REFUSED);
		return;
	}
	say(l, "refused", "outcome", why == MST_TLS_PSK_REFUSED ? "peer-refused-key" : mst_tls_end_text(why), "words",
	    why == MST_TLS_PSK_REFUSED ? "the peer does not take the key; its operator sees why" : mst_tls_end_remedy(why), "detail",
	    detail, "identity", p->identity, "address", l->o->where, NULL);
	stop(l, LINK_REFUSED);
}

static const struct mst_stream_ops a_ops = { unused_psk, a_opened, on_data, on_eof, on_room, a_ended };

static json_t *question_of(const struct link_options *o, bool fresh)
{
	return json_pack("{s:s, s:s, s:b, s:I}", "op", "saef-connect", "peer", o->peer ? o->peer : "", "fresh", fresh, "seconds",
			 (json_int_t)o->lifetime_s);
}

/* One way to the peer. True: to be tried again with another key. */
static bool dial(struct link *l, const char *host, uint16_t port, bool fresh)
{
	struct link_peer *p = &l->peer[0];
	struct mst_stream_config c = { .base = l->base, .tls = l->tls, .host = host, .port = port,
				       .connect_ms = l->cfg->open_timeout * 1000, .handshake_ms = l->cfg->open_timeout * 1000 };
	json_t *answer = link_ask(l->cfg, question_of(l->o, fresh), l->o->json);
	struct mst_key key = { 0 };
	struct mst_diag d = { 0 };
	int suite, r = 0;
	bool good;

	*p = (struct link_peer){ .l = l };
	good = take_answer(p, answer, &key);
	l->reused = json_is_true(json_object_get(answer, "reused"));
	if (!good) {
		say_refused(p, answer);
		l->code = answer ? LINK_REFUSED : LINK_FAULT;
		json_decref(answer);
		return false;
	}
	suite = (int)json_integer_value(json_object_get(answer, "suite"));
	json_decref(answer);
	if (suite) {
		l->tls = mst_tls_ctx_free(l->tls);
		r = link_tls(l->cfg, false, suite, &l->tls, &d);
		c.tls = l->tls;
	}
	if (r) {
		mst_key_wipe(&key);
		say(l, "fault", "detail", d.text, NULL);
		return false;
	}
	c.psk = &key;
	c.psk_identity = p->identity;
	r = mst_stream_connect(&c, &a_ops, p, &p->s);
	mst_key_wipe(&key);
	if (r) {
		say(l, "fault", "detail", mst_fault_text(r), NULL);
		return false;
	}
	event_base_dispatch(l->base);
	return l->retry;
}

int link_connect(const struct agent_config *cfg, const struct link_options *o)
{
	struct link *l = calloc(1, sizeof(*l));
	char host[256];
	const char *route;
	uint16_t port;

	if (!l)
		return LINK_FAULT;
	if (!address_split(o->where, host, sizeof(host), &port) || !port) {
		fprintf(stderr, "%s: expected HOST:PORT\n", o->where);
		free(l);
		return LINK_USAGE;
	}
	route = agent_config_route(cfg, host, port);
	if (route && !address_split(route, host, sizeof(host), &port)) {
		fprintf(stderr, "connect_to: %s: expected \"host:port\"\n", route);
		free(l);
		return LINK_FAULT;
	}
	if (begin(l, cfg, o, false) && dial(l, host, port, false)) {
		peer_drop(&l->peer[0]);
		l->retry = false;
		(void)dial(l, host, port, true);
	}
	return end(l);
}

/* Accepting ------------------------------------------------------------------------------------------------ */

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct link_peer *p = arg;
	struct mst_key key = { 0 };
	json_t *answer;

	(void)fd;
	(void)what;
	if (!link_ask_read(p->ask, &answer))
		return;
	event_del(p->answered);
	if (take_answer(p, answer, &key)) {
		mst_stream_psk(p->s, &key);
	} else {
		say_refused(p, answer);
		/* lesson 21: one face for all that is wrong with the key; our own trouble is no verdict on it */
		if (saef_hidden(p->outcome))
			mst_stream_psk(p->s, NULL);
		else
			mst_stream_busy(p->s, "the key could not be asked for");
	}
	mst_key_wipe(&key);
	json_decref(answer);
}

static json_t *identity_question(const struct link *l, const char *identity, uint16_t suite)
{
	json_t *from = json_array();

	for (size_t i = 0; i < l->o->n_from; i++)
		json_array_append_new(from, json_string(l->o->from[i]));
	return json_pack("{s:s, s:o, s:o, s:i}", "op", "saef-accept", "identity", status_text(identity), "from", from, "suite", suite);
}

static void b_psk(void *owner, struct mst_stream *s, const char *identity)
{
	struct link_peer *p = owner;

	(void)mst_copy_text(p->identity, sizeof(p->identity), identity);
	p->ask = calloc(1, sizeof(*p->ask));
	if (p->ask && link_ask_start(p->l->cfg, identity_question(p->l, identity, mst_stream_peer(s)->suite), p->l->o->json, p->ask) == 0) {
		p->answered = event_new(p->l->base, p->ask->fd, EV_READ | EV_PERSIST, on_answer, p);
		if (p->answered && event_add(p->answered, NULL) == 0)
			return;
	}
	p->outcome = SAEF_INTERNAL;
	say(p->l, "refused", "outcome", saef_outcome_text(p->outcome), "words", saef_outcome_words(p->outcome), "identity", identity, NULL);
	mst_stream_busy(s, "the key could not be asked for");
}

static void b_opened(void *owner, struct mst_stream *s)
{
	struct link_peer *p = owner;
	struct link *l = p->l;

	(void)s;
	for (size_t i = 0; i < LINK_HANDSHAKES_MAX; i++)
		if (&l->peer[i] != p)
			peer_drop(&l->peer[i]);
	connected(p);
}

static void b_ended(void *owner, struct mst_stream *s, enum mst_tls_end why, const char *detail)
{
	struct link_peer *p = owner;
	bool said = p->outcome != SAEF_GOING_ON && p->outcome != SAEF_DONE;

	(void)s;
	if (p->opened) {
		connection_ended(p->l, why, detail);
		return;
	}
	/* the reason was said when it was known; what is left is a key that does not fit, or no handshake at all */
	if (!said)
		say(p->l, "refused", "outcome", why == MST_TLS_PSK_REFUSED && p->outcome == SAEF_DONE ? "wrong-key" : mst_tls_end_text(why),
		    "words", why == MST_TLS_PSK_REFUSED && p->outcome == SAEF_DONE ?
		    "the peer names a key of ours but does not have it" : mst_tls_end_remedy(why),
		    "detail", detail, "identity", p->identity, "address", mst_stream_peer(p->s)->address, NULL);
	peer_drop(p);
}

static const struct mst_stream_ops b_ops = { b_psk, b_opened, on_data, on_eof, on_room, b_ended };

/* Gives `p` way before `q`? Who has sent nothing first, then who has greeted only; of these the one that has waited longest. */
static bool gives_way(const struct link_peer *p, const struct link_peer *q)
{
	bool p_greeted = mst_stream_greeted(p->s), q_greeted = q && mst_stream_greeted(q->s);

	return !q || (p_greeted == q_greeted ? p->number < q->number : q_greeted);
}

static unsigned places_of(const struct link *l, uint64_t origin)
{
	unsigned n = 0;

	for (size_t i = 0; i < LINK_HANDSHAKES_MAX; i++)
		n += l->peer[i].s && l->peer[i].origin == origin;
	return n;
}

/* All have named a key. Of the address with most the one that has waited longest, if the newcomer's has two less. */
static struct link_peer *crowded_out(struct link *l, uint64_t origin)
{
	unsigned most = places_of(l, origin) + 2;
	struct link_peer *found = NULL;

	for (size_t i = 0; i < LINK_HANDSHAKES_MAX; i++) {
		struct link_peer *p = &l->peer[i];
		unsigned n = places_of(l, p->origin);

		if (p->opened || n < most || (n == most && found && p->number > found->number))
			continue;
		most = n;
		found = p;
	}
	if (found)
		say(l, "refused", "outcome", saef_outcome_text(SAEF_BUSY), "words", "too many handshakes of its address wait for keys", "identity",
		    found->identity, "address", mst_stream_peer(found->s)->address, NULL);
	return found;
}

/*
 * Where there is none, one that has named no key yet gives way: a greeting costs nothing, and TLS 1.2 names the key after it. To
 * whoever comes from elsewhere, though, only if its address has more places than the newcomer's.
 */
static struct link_peer *free_place(struct link *l, uint64_t origin)
{
	struct link_peer *nameless = NULL;
	unsigned own = places_of(l, origin);

	for (size_t i = 0; i < LINK_HANDSHAKES_MAX; i++) {
		struct link_peer *p = &l->peer[i];

		if (!p->s)
			return p;
		if (!p->ask && p->outcome == SAEF_GOING_ON && (p->origin == origin || places_of(l, p->origin) > own) && gives_way(p, nameless))
			nameless = p;
	}
	nameless = nameless ? nameless : crowded_out(l, origin);
	if (nameless)
		peer_drop(nameless);
	return nameless;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	struct mst_stream_config c = { .base = l->base, .tls = l->tls,
				       .handshake_ms = 2 * (l->cfg->open_timeout + l->cfg->answer_timeout) * 1000 };
	struct sockaddr_storage from = { 0 };
	socklen_t n = sizeof(from);
	int k = accept4(fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	uint64_t origin = address_origin(&from);
	struct link_peer *p = k < 0 ? NULL : free_place(l, origin);

	(void)what;
	if (!p) {
		if (k >= 0)
			close(k);            /* every place has a handshake that goes on: it tries again */
		return;
	}
	*p = (struct link_peer){ .l = l, .origin = origin, .number = ++l->peers };
	if (mst_stream_accept(&c, k, &b_ops, p, &p->s))
		p->s = NULL;
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;

	(void)fd;
	(void)what;
	say(l, "nobody-came", "words", "no peer connected within --wait", NULL);
	stop(l, LINK_REFUSED);
}

static bool listen_on(struct link *l, const char *where)
{
	struct timeval wait = { .tv_sec = l->o->wait_s };
	char host[256], address[300];
	struct mst_diag d = { 0 };
	uint16_t port;

	if (mst_listen(where, false, &l->listener, &port, &d)) {
		say(l, "fault", "address", where, "detail", d.text, NULL);
		return false;
	}
	l->accepting = event_new(l->base, l->listener, EV_READ | EV_PERSIST, on_accept, l);
	l->late = evtimer_new(l->base, on_late, l);
	if (!l->accepting || event_add(l->accepting, NULL) || !l->late || (l->o->wait_s && event_add(l->late, &wait)))
		return false;
	if (!address_split(where, host, sizeof(host), &(uint16_t){ 0 }))
		host[0] = '\0';
	snprintf(address, sizeof(address), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
	say(l, "listening", "address", address, NULL);
	return true;
}

int link_accept(const struct agent_config *cfg, const struct link_options *o)
{
	struct link *l = calloc(1, sizeof(*l));
	char host[256];
	uint16_t port;

	if (!l)
		return LINK_FAULT;
	if (!address_split(o->where, host, sizeof(host), &port)) {
		fprintf(stderr, "%s: expected ADDRESS:PORT\n", o->where);
		free(l);
		return LINK_USAGE;
	}
	if (begin(l, cfg, o, true) && listen_on(l, o->where))
		event_base_dispatch(l->base);
	return end(l);
}
