/*
 * The local socket run/agent.sock: one JSON object a line in, one out. Only root and the agent's own user
 * are listened to, by the kernel's word (SO_PEERCRED), not by the file's rights alone.
 *
 *   {"op":"status"}                      → the status object
 *   {"op":"trigger"}                     → the configured instructions, again
 *   {"op":"trigger","sequence":{…}}      → these instructions; with "file", for people, where they stand
 *   {"op":"trigger","file":"…","unusable":"malformed","detail":"…"} → instructions that could not even be handed in
 *   {"op":"trigger","file":"…","bundle":"BASE64"}          → a signed bundle; `file` is for people
 *   {"op":"trigger","file":"…","refused":"oversized","detail":"…"} → one that could not even be handed in
 *   {"op":"push","source":"sms","data":"…"} → what a helper received, in base64, to the door for pushed triggers
 *   {"op":"check"}                       → is the credential still good? The answer comes when the MAF's did.
 *   {"op":"place"}                       → where the node is, as far as it knows
 *   {"op":"place","location":{…}}        → it is there (members as in a briefing); {"op":"place","clear":true} → it is not
 *   {"op":"page"}                        → a one-time code for the local page (page.h)
 *   {"op":"saef-connect","peer":"//sp/CSE2"}, {"op":"saef-accept","identity":"KEY@MAF"}, {"op":"key-…"}
 *                                        → keys that this node shares with others through its MAF (keys.h)
 */
#include "agent/bundle.h"
#include "agent/door.h"
#include "agent/keys.h"
#include "agent/page.h"
#include "agent/place.h"
#include "agent/refused.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/heap.h"

#define LINE_MAX_OCTETS (MST_CMS_MAX / 3 * 4 + 2048)
#define CHECKS_MAX 8
#define PEERS_MAX (KEYS_JOBS_MAX + CHECKS_MAX + 8)      /* so that some never wait for others */
#define PEER_IDLE_S 30

struct control_peer {
	struct bufferevent *b;
	bool key, check;                     /* it waits for an answer about a key; for the end of a check */
	uint64_t turn;                       /* when it came, or asked last */
};

struct agent_control {
	struct event *ev;
	int fd;
	struct control_peer peer[PEERS_MAX];
	uint64_t turn;
	char path[108];
};

static struct control_peer *peer_of(const struct agent *a, const struct bufferevent *b)
{
	for (size_t i = 0; a->control && b && i < PEERS_MAX; i++)
		if (a->control->peer[i].b == b)
			return &a->control->peer[i];
	return NULL;
}

static void forget(struct agent *a, struct bufferevent *b)
{
	struct control_peer *p = peer_of(a, b);

	keys_forget(a, b);
	if (p)
		*p = (struct control_peer){ NULL, false, false, 0 };
	bufferevent_free(b);
}

static json_t *refusal(const char *field, const char *text)
{
	json_t *o = json_pack("{s:b, s:{s:s, s:s}}", "ok", false, "error", "field", field, "text", text);

	return o ? o : json_pack("{s:b}", "ok", false);
}

static json_t *refused_bundle(struct agent *a, const json_t *q)
{
	const char *file = json_string_value(json_object_get(q, "file")), *text = json_string_value(json_object_get(q, "refused")),
		   *detail = json_string_value(json_object_get(q, "detail"));
	int outcome = text ? bundle_of_text(text) : -1;

	if (outcome <= 0)
		return refusal("refused", "not a word for what may become of a bundle");
	bundle_refused(a, file ? file : "", outcome, detail ? detail : "");
	return refusal("", bundle_text(outcome));
}

static json_t *do_bundle(struct agent *a, const json_t *q)
{
	const char *file = json_string_value(json_object_get(q, "file")), *base64 = json_string_value(json_object_get(q, "bundle"));
	uint8_t *octets = malloc(MST_CMS_MAX);
	struct mst_diag d = { 0 };
	char text[sizeof(d.text) + 40];
	size_t n = 0;
	json_t *answer;
	int r = octets ? 0 : MST_FAULT_MEMORY;

	if (!r && (!base64 || !mst_base64_decode(mst_view_str(base64), octets, MST_CMS_MAX, &n))) {
		free(octets);
		return refusal("bundle", "not base64, or more than 49152 octets");
	}
	if (!r)
		r = bundle_trigger(a, (struct mst_view){ octets, n }, file ? file : "", &d);
	if (r) {
		snprintf(text, sizeof(text), "%s: %s", bundle_text(r), r < 0 ? mst_fault_text(r) : d.text);
		answer = refusal(d.field, text);
	} else {
		answer = json_pack("{s:b, s:s}", "ok", true, "attempt", prov_attempt(a->prov));
	}
	free(octets);
	return answer;
}

/* What a command could not even read, and told already; `q`: of which file, why and in which words. */
static json_t *unusable(struct agent *a, const json_t *q)
{
	const char *file = json_string_value(json_object_get(q, "file")), *why = json_string_value(json_object_get(q, "unusable")),
		   *detail = json_string_value(json_object_get(q, "detail"));
	enum prov_reason reason = record_reason_of(why);
	struct mst_diag d = { 0 };

	if (!why || !file || !reason || strcmp(why, prov_reason_text(reason)) != 0)
		return refusal("unusable", "not a reason why instructions cannot be followed, or no file");
	mst_diag_set(&d, 0, "", detail ? detail : "", NULL);
	refused_note(a, REFUSED_CONTROL, file, reason, &d);
	return refusal("", why);
}

static json_t *do_trigger(struct agent *a, const json_t *q)
{
	const char *file = json_string_value(json_object_get(q, "file"));
	json_t *sequence = json_object_get(q, "sequence");
	char *text = sequence ? json_dumps(sequence, JSON_COMPACT) : NULL;
	uint8_t *cbor = malloc(MST_SEQ_OCTETS);
	struct mst_diag d = { 0 };
	size_t n = 0;
	json_t *answer;
	int r;

	if (sequence && text && cbor) {
		r = (int)prov_reason_of(agent_sequence_to_cbor(mst_view_str(text), cbor, MST_SEQ_OCTETS, &n, &d), &d);
		if (!r)
			r = agent_trigger(a, (struct mst_view){ cbor, n }, "control", &d);
		if (r >= 0)
			refused_note(a, REFUSED_CONTROL, file ? file : "what was handed in", (enum prov_reason)r, &d);
	} else {
		r = sequence ? MST_FAULT_MEMORY : agent_trigger_file(a, "control", &d);
	}
	free(text);
	free(cbor);
	if (r)
		answer = refusal(d.field, d.text[0] ? d.text
					  : r > 0   ? prov_reason_text((enum prov_reason)r)
						    : mst_fault_text(r));
	else
		answer = json_pack("{s:b, s:s}", "ok", true, "attempt", prov_attempt(a->prov));
	if (!r)
		agent_log(a, AGENT_INFO, "triggered", "by", "control", "attempt", prov_attempt(a->prov),
			  NULL);
	return answer;
}

static json_t *do_place(struct agent *a, const json_t *q)
{
	const json_t *location = json_object_get(q, "location");
	bool clear = json_is_true(json_object_get(q, "clear"));
	struct agent_place p = { 0 }, merged;
	struct mst_diag d = { 0 };
	int r = 0;

	if (location && !clear && !place_from_json(location, &p, &d))
		return refusal(d.field, d.text);
	if (location || clear)
		r = agent_set_place(a, clear ? NULL : &p, &d);
	if (r)
		return refusal(d.field, d.text[0] ? d.text : mst_fault_text(r));
	merged = place_merged(&a->cfg.place, &a->place);
	return json_pack("{s:b, s:o}", "ok", true, "location", place_json(&merged));
}

static json_t *do_push(struct agent *a, const json_t *q)
{
	const char *source = json_string_value(json_object_get(q, "source")),
		   *data = json_string_value(json_object_get(q, "data"));
	uint8_t octets[MST_DEVICE_TRIGGER_MAX + 1];
	enum trigger_source s = TRIGGER_PUSH;
	struct mst_diag d = { 0 };
	enum trigger_verdict v;
	size_t n = 0;

	/* a datagram is what came as one, by network or socket: whoever speaks here cannot say that */
	if (source && (!trigger_source_of(source, &s) || s == TRIGGER_DATAGRAM || s == TRIGGER_SOCKET))
		return refusal("source", "one of sms, mm, push");
	if (!data || !mst_base64_decode(mst_view_str(data), octets, sizeof(octets), &n))
		return refusal("data", "expected the message in base64, at most 512 octets");
	v = door_push(a, (struct mst_view){ octets, n }, s, &d);
	if (!v)
		return json_pack("{s:b, s:s}", "ok", true, "attempt", prov_attempt(a->prov));
	return json_pack("{s:b, s:{s:s, s:o}, s:s}", "ok", false, "error", "field", trigger_verdict_text(v), "text",
			 status_text(d.text[0] ? d.text : trigger_verdict_words(v)), "reason", trigger_verdict_text(v));
}

static json_t *do_check(struct agent *a, const struct bufferevent *b)
{
	struct control_peer *p = peer_of(a, b);
	json_t *answer;
	size_t n = 0;

	for (size_t i = 0; i < PEERS_MAX; i++)
		n += a->control->peer[i].check;
	if (p && !p->check && n >= CHECKS_MAX)
		return refusal("op", "too many wait for a check already; ask again in a moment");
	answer = check_ask(a);
	if (p && !answer)
		p->check = true;
	return answer;
}

static json_t *do_key(struct agent *a, struct bufferevent *b, const json_t *q)
{
	struct control_peer *p = peer_of(a, b);
	json_t *answer = keys_ask(a, b, q);

	if (p && !answer)
		p->key = true;
	return answer;
}

/* NULL: later. */
static json_t *answer_to(struct agent *a, struct bufferevent *b, const char *line)
{
	json_error_t e;
	json_t *q = mst_json_read(line, strlen(line), JSON_REJECT_DUPLICATES, &e), *answer;
	const char *op = json_string_value(json_object_get(q, "op"));

	if (!q)
		answer = refusal("", e.text);
	else if (op && !strcmp(op, "status"))
		answer = status_json(a);
	else if (op && !strcmp(op, "trigger"))
		answer = json_object_get(q, "refused")  ? refused_bundle(a, q)
			 : json_object_get(q, "bundle") ? do_bundle(a, q)
			 : json_object_get(q, "unusable") ? unusable(a, q)
							: do_trigger(a, q);
	else if (op && !strcmp(op, "push"))
		answer = do_push(a, q);
	else if (op && !strcmp(op, "check"))
		answer = do_check(a, b);
	else if (op && !strcmp(op, "place"))
		answer = do_place(a, q);
	else if (op && !strcmp(op, "page"))
		answer = page_code(a);
	else if (op && keys_op(op))
		answer = do_key(a, b, q);
	else
		answer = refusal("op", "one of status, trigger, push, check, place, page, saef-connect, saef-accept, key-…");
	json_decref(q);
	return answer;
}

static void send_answer(struct bufferevent *b, const json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT);

	bufferevent_write(b, text ? text : "{}", text ? strlen(text) : 2);
	bufferevent_write(b, "\n", 1);
	mst_heap_free(text);         /* it may hold a key (keys.h) */
}

void control_answer(struct agent *a, struct bufferevent *to, const json_t *answer)
{
	struct control_peer *p = peer_of(a, to);

	if (p)
		p->key = false;
	send_answer(to, answer);
}

void control_told(struct agent *a, const json_t *verdict)
{
	for (size_t i = 0; a->control && i < PEERS_MAX; i++) {
		if (a->control->peer[i].check)
			send_answer(a->control->peer[i].b, verdict);
		a->control->peer[i].check = false;
	}
}

static void on_line(struct bufferevent *b, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(b);
	struct agent *a = arg;
	struct control_peer *p = peer_of(a, b);
	json_t *answer;
	char *line;

	if (p)
		p->turn = ++a->control->turn;
	while ((line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF)) != NULL) {
		answer = answer_to(a, b, line);
		if (!answer)             /* it waits for others: as long as those may take */
			bufferevent_set_timeouts(b, &(struct timeval){ 2 * (a->cfg.open_timeout + a->cfg.answer_timeout) + 5, 0 },
						 NULL);
		if (answer)
			send_answer(b, answer);
		mst_heap_free(line);
		json_decref(answer);
	}
	if (evbuffer_get_length(in) >= LINE_MAX_OCTETS)
		forget(a, b);
	agent_turn(a);
}

static void on_gone(struct bufferevent *b, short what, void *arg)
{
	(void)what;
	forget(arg, b);
}

static bool may_speak(int fd)
{
	struct ucred c;
	socklen_t n = sizeof(c);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) == 0 && (c.uid == 0 || c.uid == geteuid());
}

/* A free place, or that of who has been silent longest. Whose question waits for others keeps his: of those there are fewer than places. */
static struct control_peer *place(struct agent *a)
{
	struct agent_control *c = a->control;
	struct control_peer *silent = NULL;

	for (size_t i = 0; i < PEERS_MAX; i++) {
		struct control_peer *p = &c->peer[i];

		if (!p->b)
			return p;
		if (!p->key && !p->check && (!silent || p->turn < silent->turn))
			silent = p;
	}
	if (silent) {
		agent_log(a, AGENT_WARN, "control-full", "what", "who was silent longest gave way to another program", NULL);
		forget(a, silent->b);
	}
	return silent;
}

static void on_peer(evutil_socket_t listener, short what, void *arg)
{
	static const struct timeval idle = { .tv_sec = PEER_IDLE_S };
	struct agent *a = arg;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct control_peer *p;
	struct bufferevent *b;

	(void)what;
	if (fd < 0)
		return;
	p = may_speak(fd) ? place(a) : NULL;
	b = p ? bufferevent_socket_new(a->base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
	if (!b) {
		close(fd);
		return;
	}
	*p = (struct control_peer){ b, false, false, ++a->control->turn };
	bufferevent_setcb(b, on_line, NULL, on_gone, a);
	bufferevent_setwatermark(b, EV_READ, 0, LINE_MAX_OCTETS);
	bufferevent_set_timeouts(b, &idle, &idle);
	bufferevent_enable(b, EV_READ | EV_WRITE);
}

int control_open(struct agent *a)
{
	struct agent_control *c = calloc(1, sizeof(*c));
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	mode_t old;

	if (!c)
		return MST_FAULT_MEMORY;
	a->control = c;
	c->fd = -1;
	if ((size_t)snprintf(un.sun_path, sizeof(un.sun_path), "%s/agent.sock", a->cfg.run) >=
	    sizeof(un.sun_path)) {
		agent_log(a, AGENT_ERROR, "control", "path", a->cfg.run, "why",
			  "the run directory's name is too long for a socket", NULL);
		return MST_FAULT_CONFIG;
	}
	/* The lock is ours, so what lies there is left over from an agent that was killed. */
	unlink(un.sun_path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	old = umask(0177);
	if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&un, sizeof(un)) || listen(c->fd, 8)) {
		umask(old);
		agent_log(a, AGENT_ERROR, "control", "path", un.sun_path, "why", strerror(errno), NULL);
		return MST_FAULT_IO;
	}
	umask(old);
	memcpy(c->path, un.sun_path, sizeof(c->path));
	c->ev = event_new(a->base, c->fd, EV_READ | EV_PERSIST, on_peer, a);
	return c->ev && !event_add(c->ev, NULL) ? 0 : MST_FAULT_MEMORY;
}

void control_close(struct agent *a)
{
	struct agent_control *c = a->control;

	if (!c)
		return;
	for (size_t i = 0; i < PEERS_MAX; i++) {
		if (c->peer[i].b)
			bufferevent_free(c->peer[i].b);
	}
	if (c->ev)
		event_free(c->ev);
	if (c->fd >= 0)
		close(c->fd);
	if (c->path[0])
		unlink(c->path);
	free(c);
	a->control = NULL;
}
