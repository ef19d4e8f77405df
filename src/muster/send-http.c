#include "send-http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"

#define PATIENCE_S 20

bool http_url_split(const char *url, char *ret_host, size_t host_cap, unsigned *ret_port, char *ret_path, size_t path_cap)
{
	static const char scheme[] = "http://";
	const char *host = url + strlen(scheme), *slash, *end, *colon;
	uint64_t port = 80;

	if (strncmp(url, scheme, strlen(scheme)) != 0 || !mst_printable_ascii(mst_view_str(url)) || strpbrk(url, "@?#"))
		return false;
	slash = strchr(host, '/');
	if (!slash || strlen(slash) >= path_cap)
		return false;
	end = slash;
	colon = memchr(host, ':', (size_t)(slash - host));
	if (host[0] == '[') {
		end = memchr(host, ']', (size_t)(slash - host));
		colon = end && end[1] == ':' ? end + 1 : NULL;
		if (!end || (!colon && end + 1 != slash))
			return false;
		host++;
	} else if (colon) {
		end = colon;
	}
	if (colon && (!mst_parse_dec((struct mst_view){ (const uint8_t *)colon + 1, (size_t)(slash - colon - 1) }, 65535, &port) || !port))
		return false;
	if (end == host || (size_t)(end - host) >= host_cap)
		return false;
	snprintf(ret_host, host_cap, "%.*s", (int)(end - host), host);
	snprintf(ret_path, path_cap, "%s", slash);
	*ret_port = (unsigned)port;
	return true;
}

/* The password goes in clear, so it stays on this machine. */
static bool loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return (ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24) == 127;
	return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static int dial(const struct sms_way *w)
{
	const struct timeval limit = { .tv_sec = PATIENCE_S };
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
	char port[8];
	int fd = -1, r, local = 0;

	snprintf(port, sizeof(port), "%u", w->port);
	r = getaddrinfo(w->host, port, &hints, &all);
	if (r) {
		complain("the gateway %s: %s", w->host, gai_strerror(r));
		return -1;
	}
	for (struct addrinfo *i = all; i && fd < 0; i = i->ai_next) {
		if (!loopback(i->ai_addr))
			continue;
		local++;
		fd = socket(i->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (connect(fd, i->ai_addr, i->ai_addrlen)) {
			r = errno;
			close(fd);
			errno = r;
			fd = -1;
		}
	}
	freeaddrinfo(all);
	if (!local)
		complain("the gateway %s is not on this machine: its password would go over the network in clear; run the gateway, or "
			 "a tunnel's end, here", w->host);
	else if (fd < 0)
		complain("the gateway %s:%u: %s", w->host, w->port, strerror(errno));
	return fd;
}

static void pair(struct mst_writer *q, const char *name, struct mst_view v)
{
	mst_put_str(q, name);
	mst_put_percent(q, v);
}

static void write_request(struct mst_writer *q, const struct sms_way *w, const char *number, struct mst_view octets,
			  const char *text_form)
{
	mst_put_str(q, "GET ");
	mst_put_str(q, w->path);
	pair(q, "?username=", mst_view_str(w->username));
	pair(q, "&password=", mst_view_str(w->password));
	if (w->from[0])
		pair(q, "&from=", mst_view_str(w->from));
	pair(q, "&to=", mst_view_str(number));
	/* coding 0: the GSM alphabet; 1: octets */
	mst_put_str(q, w->binary ? "&coding=1" : "&coding=0");
	pair(q, "&text=", w->binary ? octets : mst_view_str(text_form));
	mst_put_str(q, " HTTP/1.0\r\nHost: ");
	mst_put_str(q, w->host);
	mst_put_str(q, "\r\nConnection: close\r\n\r\n");
}

/* "HTTP/1.1 202 Accepted": the status; 0 when it is no answer. */
static unsigned status_of(const char *answer)
{
	const char *blank = strncmp(answer, "HTTP/1.", 7) == 0 ? strchr(answer, ' ') : NULL;
	uint64_t n = 0;

	return blank && strlen(blank) > 3 && mst_parse_dec((struct mst_view){ (const uint8_t *)blank + 1, 3 }, 999, &n) ? (unsigned)n : 0;
}

static size_t read_answer(int fd, char *out, size_t cap)
{
	size_t n = 0;
	ssize_t r;

	while (n + 1 < cap && (r = recv(fd, out + n, cap - 1 - n, 0)) > 0)
		n += (size_t)r;
	out[n] = '\0';
	return n;
}

int http_sms(const struct sms_way *w, const char *number, struct mst_view octets, const char *text_form)
{
	char request[4096], answer[2048];
	struct mst_writer q = mst_writer_of(request, sizeof(request));
	const char *body;
	unsigned status;
	size_t at = 0;
	int fd;

	write_request(&q, w, number, octets, text_form);
	fd = q.ok ? dial(w) : -1;
	while (fd >= 0 && at < q.n) {
		ssize_t n = send(fd, request + at, q.n - at, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	mst_wipe(request, sizeof(request));
	if (fd < 0)
		return EXIT_FAULT;
	(void)read_answer(fd, answer, sizeof(answer));
	close(fd);
	status = status_of(answer);
	body = strstr(answer, "\r\n\r\n");
	if (status >= 200 && status < 300)
		return EXIT_DONE;
	if (status)
		complain("the gateway refused (%u): %.200s", status, body ? shown(body + 4) : "");
	else
		complain("the gateway %s:%u gave no answer", w->host, w->port);
	return status ? EXIT_REFUSED : EXIT_FAULT;
}
