/*
 * The admin API over the installation's unix socket: blocking, one exchange at a time, parsed by the same
 * strict HTTP parser that the servers use.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"
#include "crypto/heap.h"
#include "init-place.h"
#include "muster.h"
#include "transport/http.h"

#define TAKEN_MS 15000  /* a listener that is well has read a request long before */

struct api {
	int fd;
	bool quiet;
	mst_ms patience, until;         /* for one exchange; and when that is over, of the one that is going on */
	const char *provider;
	struct mst_http_parser *parser;
};

static mst_ms lesser(mst_ms a, mst_ms b)
{
	return a < b ? a : b;
}

static mst_ms now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (mst_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int connect_to(const char *path, bool quiet, mst_ms patience)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = patience / 1000, .tv_usec = patience % 1000 * 1000 };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		complain("the socket path %s is longer than %zu octets; use a shorter -C DIR or --socket", path,
		         sizeof(sa.sun_path) - 1);
		return -1;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* so long it waits where more ask than are let in */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int why = errno;

		if (quiet)
			goto out;
		complain("cannot reach the installation at %s: %s", path, why == EAGAIN ? "too many ask, and nobody is let in" : strerror(why));
		if (why == ENOENT || why == ECONNREFUSED)
			complain("is it running? Start it with: musterd -c musterd.conf   (or give -C DIR)");
out:
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

const char *api_socket(const struct muster *m)
{
	return m->units && (access(UNIT_SOCKET, F_OK) == 0 || access(m->socket, F_OK) < 0) ? UNIT_SOCKET : m->socket;
}

static struct api *open_api(const struct muster *m, bool quiet, mst_ms patience)
{
	static const struct mst_http_limits limits = { 16384, 8u << 20 };
	struct api *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->quiet = quiet;
	a->provider = m->provider;
	a->patience = patience;
	a->fd = connect_to(api_socket(m), quiet, patience);
	if (a->fd < 0 || mst_http_parser_new(true, &limits, &a->parser) != 0)
		return api_close(a);
	return a;
}

struct api *api_open(const struct muster *m)
{
	return open_api(m, false, m->patience);
}

struct api *api_close(struct api *a)
{
	if (!a)
		return NULL;
	if (a->fd >= 0)
		close(a->fd);
	mst_http_parser_free(a->parser);
	free(a);
	return NULL;
}

/* Octets that nobody has read at the other end (unix(7)): nobody has begun with what they ask for. */
static bool untaken(const struct api *a)
{
	int n = 0;

	return ioctl(a->fd, SIOCOUTQ, &n) == 0 && n > 0;
}

static int give_up(const struct api *a, bool taken)
{
	long seconds = (long)((taken ? a->patience : lesser(a->patience, TAKEN_MS)) / 1000);

	if (a->quiet)
		return -1;
	if (taken)
		complain("no answer from the installation within %ld s; it may be done, or nothing was changed: look before you repeat it, and at what "
			 "musterd's log says (--timeout has muster wait longer)", seconds);
	else
		complain("the installation has not taken the command within %ld s: musterd is stopped, has too much to do or no file descriptors, as its log "
			 "says. What to do: mend that, or start musterd anew; look whether it was done after all, for it may be yet; then repeat it", seconds);
	return -1;
}

/* Until the socket is ready for `what`; -1, and said why, when that takes too long. */
static int wait_for(const struct api *a, short what)
{
	mst_ms taken_by = a->until - a->patience + lesser(a->patience, TAKEN_MS);

	for (;;) {
		struct pollfd p = { .fd = a->fd, .events = what };
		mst_ms now = now_ms();
		bool late = now >= taken_by;
		int n;

		if (late && untaken(a))
			return give_up(a, false);
		if (now >= a->until)
			return give_up(a, true);
		n = poll(&p, 1, (int)((late ? a->until : taken_by) - now));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR) {
			complain("cannot wait for the installation: %s", strerror(errno));
			return -1;
		}
	}
}

static int send_all(const struct api *a, const char *p, size_t n)
{
	while (n) {
		ssize_t w;

		if (wait_for(a, POLLOUT) < 0)
			return -1;
		w = send(a->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (w < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (w < 0 && !a->quiet)
			complain("the installation closed the connection: %s", strerror(errno));
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int send_request(struct api *a, const char *method, const char *path, json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	size_t n = text ? strlen(text) : 0;
	char head[2048];
	int h, r;

	/* every path begins with "/v1" */
	h = snprintf(head, sizeof(head), "%s %s%s%s HTTP/1.1\r\nHost: admin\r\nAccept: application/json\r\n%sContent-Length: %zu\r\n\r\n",
	             method, a->provider ? "/v1/providers/" : "", a->provider ? a->provider : "", a->provider ? path + 3 : path, text ? "Content-Type: application/json\r\n" : "", n);
	if (h < 0 || (size_t)h >= sizeof(head)) {
		complain("the request path is too long");
		free(text);
		return -1;
	}
	r = send_all(a, head, (size_t)h);
	if (r == 0 && n)
		r = send_all(a, text, n);
	if (text)
		mst_wipe(text, n);      /* it may be a node's secret */
	free(text);
	return r;
}

static int read_answer(struct api *a, int *ret_status, json_t **ret_body)
{
	static uint8_t buf[65536];

	for (;;) {
		struct mst_diag d = { 0 };
		ssize_t got;
		size_t used;
		int status, r;

		if (wait_for(a, POLLIN) < 0)
			return -1;
		got = recv(a->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0) {
			if (!a->quiet)
				complain("no answer from the installation: %s",
				         got == 0 ? "it closed the connection" : strerror(errno));
			return -1;
		}
		r = mst_http_parser_feed(a->parser, (struct mst_view){ buf, (size_t)got }, &used, &status, &d);
		if (r == MST_HTTP_MORE)
			continue;
		if (r != 0) {
			complain("the answer is not understandable: %s", d.text);
			return -1;
		}
		break;
	}
	*ret_status = mst_http_message(a->parser)->status;
	*ret_body = mst_json_read((const char *)mst_http_message(a->parser)->body.p, mst_http_message(a->parser)->body.n,
	                       JSON_REJECT_DUPLICATES, NULL);
	mst_http_parser_next(a->parser);
	return 0;
}

int api_call(struct api *a, const char *method, const char *path, json_t *body, int *ret_status, json_t **ret_body)
{
	int r;

	/* what was said may be a secret: nobody has to have it while the answer takes its time */
	mst_heap_below();
	a->until = now_ms() + a->patience;
	r = send_request(a, method, path, body);
	json_decref(body);
	mst_heap_below();
	return r < 0 ? r : read_answer(a, ret_status, ret_body);
}

bool api_probe(const struct muster *m, mst_ms patience, json_t **ret_body)
{
	struct api *a = open_api(m, true, patience);
	int status = 0;
	bool good;

	if (!a)
		return false;
	good = api_call(a, "GET", "/v1/status", NULL, &status, ret_body) == 0 && status == 200;
	api_close(a);
	return good;
}

int api_explain(int status, const json_t *body)
{
	const json_t *error = json_object_get(body, "error");
	const char *field = text_of(error, "field"), *text = text_of(error, "text");
	static const char busy[] = "musterd is busy, or a process of it begins anew; look whether it is done, then try again";

	complain("refused (%d)%s%s: %s", status, *field ? ": " : "", field, *text ? text : status == 503 ? busy : "no reason given");
	return EXIT_REFUSED;
}

/* Four eyes: nothing has been done yet. */
int api_waits(const struct muster *m, int status, json_t *answer)
{
	const json_t *a = json_object_get(answer, "approval");
	long long id = json_integer_value(json_object_get(a, "id"));

	if (status != 202 || !json_is_object(a))
		return EXIT_DONE;
	if (m->json)
		print_json(json_incref(answer));
	else
		say("waits for a second person until %s: muster approve show %lld, muster approve give %lld", human_time(text_of(a, "expires")), id, id);
	return EXIT_WAITS;
}

int api_ask(const struct muster *m, const char *method, const char *path, json_t *body, json_t **ret_body)
{
	struct api *a = api_open(m);
	json_t *answer = NULL;
	int status = 0, r;

	if (!a) {
		json_decref(body);
		return EXIT_FAULT;
	}
	r = api_call(a, method, path, body, &status, &answer);
	api_close(a);
	if (r < 0)
		return EXIT_FAULT;
	if (status / 100 != 2) {
		r = api_explain(status, answer);
		json_decref(answer);
		return status == 500 ? EXIT_FAULT : r;
	}
	r = api_waits(m, status, answer);
	if (r == EXIT_DONE)
		*ret_body = answer;
	else
		json_decref(answer);
	return r;
}

int api_pages(const struct muster *m, const char *path, const char *name, json_t **ret)
{
	json_t *all = json_array(), *answer, *next;
	char at[4096], after[1200] = "";
	struct mst_writer w;
	int r;

	do {
		w = path_start(at, sizeof(at), path);
		path_query_number(&w, "limit", 500);
		path_query(&w, "after", after);
		answer = NULL;
		r = api_ask(m, "GET", path_end(&w), NULL, &answer);
		if (r != EXIT_DONE) {
			json_decref(all);
			return r;
		}
		json_array_extend(all, json_object_get(answer, name));
		next = json_object_get(answer, json_is_true(json_object_get(answer, "more")) ? "last" : "next");
		if (json_is_integer(next))
			snprintf(after, sizeof(after), "%lld", (long long)json_integer_value(next));
		else
			snprintf(after, sizeof(after), "%s", next ? json_string_value(next) : "");
		json_decref(answer);
	} while (*after);
	*ret = json_pack("{s:o}", name, all);
	return EXIT_DONE;
}

int api_node(struct muster *m, int argc, char **argv, const char *part, json_t **ret_answer)
{
	struct mst_writer w;
	char path[1200];
	int r;

	*ret_answer = NULL;
	if (argc != 1)
		return usage_error(NULL, "give one node: its M2M-Node-ID, CSE-ID, AE-ID or number");
	w = path_start(path, sizeof(path), "/v1/nodes/");
	path_piece(&w, argv[0]);
	mst_put_str(&w, part);
	r = api_ask(m, "GET", path_end(&w), NULL, ret_answer);
	if (r != EXIT_DONE || !m->json)
		return r;
	r = print_json(*ret_answer);
	*ret_answer = NULL;
	return r;
}
