/*
 * The admin API over the installation's unix socket: blocking, one exchange at a time, parsed by the same
 * strict HTTP parser that the servers use.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/secret.h"
#include "crypto/heap.h"
#include "muster.h"
#include "transport/http.h"

struct api {
	int fd;
	bool quiet;
	const char *provider;
	struct mst_http_parser *parser;
};

static int connect_to(const char *path, bool quiet)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 60 };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		complain("the socket path %s is longer than %zu octets; use a shorter -C DIR or --socket", path,
		         sizeof(sa.sun_path) - 1);
		return -1;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int why = errno;

		if (quiet)
			goto out;
		complain("cannot reach the installation at %s: %s", path, strerror(why));
		if (why == ENOENT || why == ECONNREFUSED)
			complain("is it running? Start it with: musterd -c musterd.conf   (or give -C DIR)");
out:
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

static struct api *open_api(const struct muster *m, bool quiet)
{
	static const struct mst_http_limits limits = { 16384, 8u << 20 };
	struct api *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->quiet = quiet;
	a->provider = m->provider;
	a->fd = connect_to(m->socket, quiet);
	if (a->fd < 0 || mst_http_parser_new(true, &limits, &a->parser) != 0)
		return api_close(a);
	return a;
}

struct api *api_open(const struct muster *m)
{
	return open_api(m, false);
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

static int send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
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
	r = send_all(a->fd, head, (size_t)h);
	if (r == 0 && n)
		r = send_all(a->fd, text, n);
	if (text)
		mst_wipe(text, n);      /* it may be a node's secret */
	free(text);
	if (r < 0 && !a->quiet)
		complain("the installation closed the connection: %s", strerror(errno));
	return r;
}

static int read_answer(struct api *a, int *ret_status, json_t **ret_body)
{
	static uint8_t buf[65536];

	for (;;) {
		ssize_t got = recv(a->fd, buf, sizeof(buf), 0);
		struct mst_diag d = { 0 };
		size_t used;
		int status, r;

		if (got < 0 && errno == EINTR)
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
	*ret_body = json_loadb((const char *)mst_http_message(a->parser)->body.p, mst_http_message(a->parser)->body.n,
	                       JSON_REJECT_DUPLICATES, NULL);
	mst_http_parser_next(a->parser);
	return 0;
}

int api_call(struct api *a, const char *method, const char *path, json_t *body, int *ret_status, json_t **ret_body)
{
	int r;

	/* what was said may be a secret: nobody has to have it while the answer takes its time */
	mst_heap_below();
	r = send_request(a, method, path, body);
	json_decref(body);
	mst_heap_below();
	return r < 0 ? r : read_answer(a, ret_status, ret_body);
}

bool api_probe(const struct muster *m, json_t **ret_body)
{
	struct api *a = open_api(m, true);
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

	complain("refused (%d)%s%s: %s", status, *field ? ": " : "", field, *text ? text : "no reason given");
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

int api_node(struct muster *m, int argc, char **argv, const char *part, json_t **ret_answer)
{
	struct mst_writer w;
	char path[1200];
	int r;

	*ret_answer = NULL;
	if (argc != 1)
		return usage_error(NULL, "give one node: its M2M-Node-ID, CSE-ID or number");
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
