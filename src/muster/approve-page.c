/*
 * `muster approve page`: what waits for a second person, in that person's browser. It is a process of theirs, so the admin socket sees their user id
 * as with any other command; it listens on loopback only, and gives nothing and takes nothing before its one-time code was entered.
 *
 *   GET  /  /page.js  /page.css            the page itself
 *   POST /PATH/session  {"code":"…"}       → {"ok":true,"token":"…"}, which whatever follows says in Muster-Page; the code is used up
 *   GET  /approvals                        → {"you":…, "approvals":[{"id", "by", "own", "asked", "until", "request", "content", "digest"}]}
 *   POST /give     {"id":N,"digest":"…"}   the digest of what was shown
 *   POST /refuse   {"id":N,"reason":"…"}   also to take back what one asked for
 *   POST /leave    {}                      the end: nobody else has a session, and the code is used up
 *
 * A refusal is {"error":{"field","text"}}, and "state" says what became of the request.
 */
#include <event2/event.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "approve.h"
#include "base/secret.h"
#include "base/text.h"
#include "transport/local-page.h"

#define OUT_MAX (2u << 20)
#define IDLE_MS (900 * 1000)             /* nobody says anything: it ends */

struct page {
	struct muster *m;
	struct event_base *base;
	struct mst_server *server;
	struct mst_page_door door;
	mst_ms used;
	bool left;
	uint8_t out[OUT_MAX];
};

static mst_ms now_ms(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (mst_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- answers --- */

static void answer_json(struct page *p, struct mst_conn *c, int status, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	mst_page_answer(c, &(struct mst_page_answer){ text ? status : 500, "application/json", mst_view_str(text ? text : "{}") }, p->out, OUT_MAX);
	free(text);
	json_decref(o);
}

static void refuse(struct page *p, struct mst_conn *c, int status, const char *field, const char *text)
{
	answer_json(p, c, status, json_pack("{s:{s:s, s:s}}", "error", "field", field, "text", text));
}

/* --- the installation --- */

/* 0, or it does not answer. */
static int call(struct page *p, const char *method, const char *path, json_t *body, int *ret_status, json_t **ret)
{
	struct api *a = api_open(p->m);
	int r;

	*ret = NULL;
	if (!a) {
		json_decref(body);
		return -1;
	}
	r = api_call(a, method, path, body, ret_status, ret);
	api_close(a);
	return r;
}

static void nobody_there(struct page *p, struct mst_conn *c)
{
	refuse(p, c, 502, "", "the installation does not answer; is musterd running? Start it, then try again");
}

static int call_one(struct page *p, const char *method, json_int_t id, const char *word, json_t *body, int *ret_status, json_t **ret)
{
	char path[100];

	snprintf(path, sizeof(path), "/v1/approvals/%lld%s", (long long)id, word);
	return call(p, method, path, body, ret_status, ret);
}

/* What it was refused for, and what became of what waited. */
static void pass_on(struct page *p, struct mst_conn *c, json_int_t id, int status, json_t *why)
{
	json_t *error = json_object_get(why, "error"), *a = NULL, *o;
	int got = 0;

	o = json_is_object(error) ? json_pack("{s:O}", "error", error)
				  : json_pack("{s:{s:s, s:s}}", "error", "field", "", "text", "it was refused without a reason; look into the log of musterd");
	if (call_one(p, "GET", id, "", NULL, &got, &a) == 0 && got == 200)
		json_object_set(o, "state", json_object_get(a, "state"));
	json_decref(a);
	json_decref(why);
	answer_json(p, c, status, o);
}

static void name_of(uint32_t uid, char *out, size_t cap)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(out, cap, "%s (uid %u)", pw->pw_name, (unsigned)uid);
	else
		snprintf(out, cap, "uid %u", (unsigned)uid);
}

/* As the page shows it; NULL when it makes no sense. */
static json_t *shown_json(const json_t *a)
{
	json_int_t uid = json_integer_value(json_object_get(a, "askedBy"));
	char hex[APPROVE_DIGITS + 1], by[100];

	if (!approve_digest(a, hex))
		return NULL;
	name_of((uint32_t)uid, by, sizeof(by));
	return json_pack("{s:O, s:s, s:b, s:s+, s:s+, s:O, s:O, s:s}", "id", json_object_get(a, "id"), "by", by, "own", uid == (json_int_t)geteuid(), "asked",
			 human_time(text_of(a, "asked")), " UTC", "until", human_time(text_of(a, "expires")), " UTC", "request", json_object_get(a, "request"),
			 "content", json_object_get(a, "body"), "digest", hex);
}

static void do_list(struct page *p, struct mst_conn *c)
{
	json_t *answer = NULL, *list, *one, *row;
	char you[100];
	size_t i;
	int status = 0;

	if (call(p, "GET", "/v1/approvals?state=waiting&limit=500", NULL, &status, &answer) || !answer) {
		nobody_there(p, c);
		return;
	}
	if (status != 200) {
		answer_json(p, c, status, answer);
		return;
	}
	list = json_array();
	json_array_foreach(json_object_get(answer, "approvals"), i, one) {
		row = shown_json(one);
		if (row)
			json_array_append_new(list, row);
	}
	json_decref(answer);
	name_of(geteuid(), you, sizeof(you));
	answer_json(p, c, 200, json_pack("{s:s, s:o}", "you", you, "approvals", list));
}

/* --- requests --- */

static void do_session(struct page *p, struct mst_conn *c, const json_t *q)
{
	const char *code = json_string_value(json_object_get(q, "code"));
	const struct mst_peer *peer = mst_conn_peer(c);
	char body[80];

	if (!code) {
		refuse(p, c, 400, "code", "is missing");
	} else if (!mst_page_code_is(&p->door, peer, code, now_ms())) {
		complain("somebody entered a wrong code, from %s", peer->address);
		refuse(p, c, 403, "code", mst_page_may_guess(&p->door, peer) ? "is not right" :
		       "is used up, too old or was guessed too often; end muster approve page and begin it anew");
	} else if (!mst_page_begin(&p->door, mst_crypto_openssl(), now_ms(), body)) {
		refuse(p, c, 500, "", "no randomness");
	} else {
		p->used = now_ms();
		mst_page_answer(c, &(struct mst_page_answer){ 200, "application/json", mst_view_str(body) }, p->out, OUT_MAX);
		mst_wipe(body, sizeof(body));
	}
}

static json_int_t id_of(const json_t *q)
{
	json_int_t id = json_integer_value(json_object_get(q, "id"));

	return id > 0 ? id : 0;
}

static void do_give(struct page *p, struct mst_conn *c, const json_t *q)
{
	const char *digest = json_string_value(json_object_get(q, "digest"));
	json_int_t id = id_of(q);
	char hex[APPROVE_DIGITS + 1];
	json_t *a = NULL, *answer = NULL;
	int status = 0;

	if (call_one(p, "GET", id, "", NULL, &status, &a)) {
		nobody_there(p, c);
		return;
	}
	if (status != 200) {
		pass_on(p, c, id, status, a);
		return;
	}
	if (!digest || !approve_digest(a, hex) || strcmp(digest, hex) != 0) {
		json_decref(a);
		refuse(p, c, 409, "", "it is not what you were shown: look at it again, and refuse it when you cannot tell why");
		return;
	}
	json_decref(a);
	if (call_one(p, "POST", id, "/give", json_pack("{s:s}", "digest", hex), &status, &answer))
		nobody_there(p, c);
	else if (status / 100 != 2)
		pass_on(p, c, id, status, answer);
	else
		answer_json(p, c, 200, answer);
}

static void do_refuse(struct page *p, struct mst_conn *c, const json_t *q)
{
	json_t *reason = json_object_get(q, "reason"), *answer = NULL;
	json_int_t id = id_of(q);
	int status = 0;

	if (call_one(p, "POST", id, "/refuse", json_pack("{s:O*}", "reason", reason), &status, &answer))
		nobody_there(p, c);
	else if (status != 200)
		pass_on(p, c, id, status, answer);
	else
		answer_json(p, c, 200, answer);
}

static void do_leave(struct page *p, struct mst_conn *c, const json_t *q)
{
	(void)q;
	p->left = true;
	answer_json(p, c, 200, json_pack("{s:b}", "ok", 1));
}

static const struct page_op {
	const char *path;
	bool open;                           /* without a session */
	void (*run)(struct page *p, struct mst_conn *c, const json_t *q);
} ops[] = { { "/session", true, do_session }, { "/give", false, do_give }, { "/refuse", false, do_refuse }, { "/leave", false, do_leave } };

static void run_op(struct page *p, struct mst_conn *c, const struct page_op *op, const struct mst_http_msg *m)
{
	json_t *q = mst_page_is_json(m) ? mst_json_read((const char *)m->body.p, m->body.n, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (!op->open)
		p->used = now_ms();
	if (json_is_object(q))
		op->run(p, c, q);
	else
		refuse(p, c, 400, "", "a JSON object expected, as application/json");
	json_decref(q);
}

static void on_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	struct page *p = owner;
	struct mst_view target = m->target;
	bool told = mst_page_at_path(&p->door, &target), inside;

	if (!mst_page_host_is_local(mst_http_find(m, "Host"))) {
		refuse(p, c, 421, "Host", "use 127.0.0.1 or localhost");
		return;
	}
	if (!told && mst_view_ends(target, "/session")) {
		refuse(p, c, 404, "", "open the address as it was printed; the code is taken there only");
		return;
	}
	if (mst_page_serve_file(c, m->method, target, mst_page_files, mst_page_n_files, p->out, OUT_MAX))
		return;
	inside = mst_page_in_session(&p->door, m, now_ms());
	for (size_t i = 0; mst_view_eq_str(m->method, "POST") && i < MST_COUNT(ops); i++)
		if (mst_view_eq_str(target, ops[i].path) && (inside || ops[i].open)) {
			run_op(p, c, &ops[i], m);
			return;
		}
	if (!inside)
		refuse(p, c, 401, "code", "enter the one-time code first");
	else if (mst_view_eq_str(m->method, "GET") && mst_view_eq_str(target, "/approvals"))
		do_list(p, c);
	else
		refuse(p, c, 404, "", "there is no such thing here");
}

static void on_close(void *owner, struct mst_conn *c, bool pending)
{
	(void)owner;
	(void)c;
	(void)pending;
}

/* --- start and end --- */

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(((struct page *)arg)->base);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct page *p = arg;

	(void)fd;
	(void)what;
	if (!p->left && now_ms() - p->used < IDLE_MS)
		return;
	complain("%s; it has ended", p->left ? "the page was left" : "nobody used the page for a quarter of an hour");
	event_base_loopbreak(p->base);
}

static int serve(struct page *p)
{
	static const struct timeval second = { 1, 0 };
	struct event *on[3] = { evsignal_new(p->base, SIGINT, on_signal, p), evsignal_new(p->base, SIGTERM, on_signal, p),
				event_new(p->base, -1, EV_PERSIST, on_tick, p) };
	int r = EXIT_DONE;

	for (size_t i = 0; i < MST_COUNT(on); i++)
		if (!on[i] || event_add(on[i], i == 2 ? &second : NULL))
			r = EXIT_FAULT;
	if (r == EXIT_DONE && event_base_dispatch(p->base) < 0)
		r = EXIT_FAULT;
	for (size_t i = 0; i < MST_COUNT(on); i++)
		if (on[i])
			event_free(on[i]);
	return r;
}

static int listen_at(struct page *p, uint16_t *port)
{
	static const struct mst_server_ops server_ops = { .on_request = on_request, .on_close = on_close };
	struct mst_server_limits l = mst_server_limits_default;
	struct mst_diag d = { 0 };
	char address[32];
	int fd = -1, r;

	snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)*port);
	l.connections = 16;
	l.first_ms = l.header_ms = 5000;
	l.http = (struct mst_http_limits){ .header_octets = 8192, .body_octets = 4096 };
	r = mst_listen(address, false, &fd, port, &d);
	if (!r)
		r = mst_server_new(p->base, fd, NULL, &l, &server_ops, p, &p->server);
	if (r)
		complain("cannot listen at %s: %s", address, d.text[0] ? d.text : mst_fault_text(r));
	return r ? EXIT_FAULT : EXIT_DONE;
}

static int tell(struct page *p, uint16_t port)
{
	char url[64];

	if (!mst_page_make_path(&p->door, mst_crypto_openssl()) || !mst_page_fresh_code(&p->door, mst_crypto_openssl(), now_ms())) {
		complain("no randomness");
		return EXIT_FAULT;
	}
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/%s/", (unsigned)port, p->door.path);
	if (p->m->json) {
		print_json(json_pack("{s:s, s:s, s:i}", "url", url, "code", p->door.code, "seconds", MST_PAGE_CODE_SECONDS));
	} else {
		say("open %s and enter the code %.4s-%s, within ten minutes", url, p->door.code, p->door.code + 4);
		say("it ends with Ctrl-C, and by itself when nobody uses it for a quarter of an hour");
	}
	fflush(stdout);
	return EXIT_DONE;
}

int approve_page(struct muster *m, int argc, char **argv)
{
	const char *at = NULL;
	const struct opt opts[] = { { "port", &at, NULL } };
	json_t *answer = NULL;
	uint64_t n = 0;
	uint16_t port;
	struct page *p;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc)
		return usage_error(NULL, "unexpected argument %s", argv[0]);
	if (at && !mst_parse_dec(mst_view_str(at), UINT16_MAX, &n))
		return usage_error(NULL, "--port wants a number up to 65535; without it any free one is taken");
	/* who may not look is told here */
	r = api_ask(m, "GET", "/v1/approvals?state=waiting&limit=1", NULL, &answer);
	json_decref(answer);
	if (r != EXIT_DONE)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p) {
		complain("not enough memory");
		return EXIT_FAULT;
	}
	p->m = m;
	p->used = now_ms();
	p->base = event_base_new();
	port = (uint16_t)n;
	r = p->base ? listen_at(p, &port) : EXIT_FAULT;
	if (r == EXIT_DONE)
		r = tell(p, port);
	if (r == EXIT_DONE)
		r = serve(p);
	if (p->server)
		mst_server_free(p->server);
	if (p->base)
		event_base_free(p->base);
	mst_wipe(&p->door, sizeof(p->door));
	free(p);
	return r;
}
