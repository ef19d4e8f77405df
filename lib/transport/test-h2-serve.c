/*
 * A server for other people's clients: our HTTP/2 with a certificate of its own, clients without. It writes its port, answers what is
 * asked with as many octets as the path says (/20000), and ends with its standard input. For tests of the transport alone.
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "transport/test-rig.h"

static void on_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	static char out[300000];
	uint64_t n = 0;
	int head;

	(void)owner;
	if (!mst_parse_dec(mst_view_sub(m->target, 1, m->target.n), 200000, &n))
		n = m->body.n;
	head = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %llu\r\n\r\n", (unsigned long long)n);
	memset(out + head, 'x', (size_t)n);
	mst_conn_answer(c, (struct mst_view){ (uint8_t *)out, (size_t)head + (size_t)n }, false);
}

static void on_close(void *owner, struct mst_conn *c, bool pending)
{
	(void)owner;
	(void)c;
	(void)pending;
}

static void on_failed(void *owner, const struct mst_peer *p, enum mst_tls_end why, const char *detail)
{
	(void)owner;
	fprintf(stderr, "%s: %s: %s\n", p->address, mst_tls_end_text(why), detail);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	char octet;

	(void)what;
	if (read(fd, &octet, 1) != 1)
		event_base_loopbreak(arg);
}

int main(void)
{
	static const struct mst_server_ops ops = { .on_request = on_request, .on_close = on_close, .on_handshake_failed = on_failed };
	struct mst_diag d = { 0 };
	struct mst_tls_ctx *ctx;
	struct event *input;
	struct rig r;
	int fd;

	rig_init(&r);
	r.server_config.h2 = true;
	r.server_config.allow_psk = r.server_config.require_client_cert = false;
	if (mst_listen("127.0.0.1:0", false, &fd, &r.port, &d) || mst_tls_ctx_new(&r.server_config, &ctx, &d) ||
	    mst_server_new(r.base, fd, ctx, &r.limits, &ops, NULL, &r.server))
		return 1;
	mst_tls_ctx_free(ctx);
	input = event_new(r.base, 0, EV_READ | EV_PERSIST, on_input, r.base);
	event_add(input, NULL);
	printf("%u\n", r.port);
	fflush(stdout);
	event_base_dispatch(r.base);
	event_free(input);
	rig_deinit(&r);
	return 0;
}
