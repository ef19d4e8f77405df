/*
 * The pump alone: handshake, a request, an empty 200. What a role costs is measured against it. With -t the
 * answer tells what the server knows of the session (exporter, identity): other TLS programs are tested with it.
 * Listens on loopback only; says "port N" on its standard output; ends when its standard input does.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/derive.h"
#include "tests/interop/tls-util.h"
#include "transport/server.h"

struct state {
	struct perf_tls tls;
	struct event_base *base;
	bool tell;
};

static void on_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	struct state *s = owner;
	const struct mst_peer *p = mst_conn_peer(c);
	uint8_t out[MST_EXPORT_LEN], text[1024], body[512];
	struct mst_writer b = mst_writer_of(body, sizeof(body)), w = mst_writer_of(text, sizeof(text));

	(void)m;
	if (s->tell && mst_conn_export(c, MST_LABEL_BOOTSTRAP, out, sizeof(out)) == 0) {
		mst_put_str(&b, "export ");
		mst_put_hex(&b, (struct mst_view){ out, sizeof(out) });
		mst_put_str(&b, "\nidentity ");
		mst_put_str(&b, p->how == MST_AUTH_PSK ? p->psk_identity : p->cert.n_san ? p->cert.san[0].value : "?");
		mst_put_str(&b, "\n");
		mst_wipe(out, sizeof(out));
	}
	mst_put_str(&w, "HTTP/1.1 200 \r\nContent-Length: ");
	mst_put_dec(&w, (int64_t)b.n);
	mst_put_str(&w, mst_conn_keep_alive(c) ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
	mst_put(&w, mst_written(&b));
	mst_conn_answer(c, mst_written(&w), false);
}

static void on_psk(void *owner, struct mst_conn *c, const char *identity)
{
	struct state *s = owner;

	mst_conn_psk(c, s->tls.psk.n && !strcmp(identity, s->tls.psk_identity) ? &s->tls.psk : NULL);
}

static void on_failed(void *owner, const struct mst_peer *p, enum mst_tls_end why, const char *detail)
{
	(void)owner;
	fprintf(stderr, "%s: %s: %s\n", p->address, mst_tls_end_text(why), detail);
}

static void on_close(void *owner, struct mst_conn *c, bool pending)
{
	(void)owner;
	(void)c;
	(void)pending;
}

static void on_stdin(evutil_socket_t fd, short what, void *arg)
{
	char buf[64];

	(void)what;
	if (read(fd, buf, sizeof(buf)) <= 0)
		event_base_loopbreak(((struct state *)arg)->base);
}

static const struct mst_server_ops ops = { on_request, on_psk, on_failed, on_close, NULL };

static bool options(struct state *s, int argc, char **argv, const char **ret_listen)
{
	int o;

	while ((o = getopt(argc, argv, "c:k:a:p:P:l:h:te")) > 0)
		switch (o) {
		case 'c': s->tls.config.chain_pem = perf_file(optarg); break;
		case 'k': perf_key(&s->tls, optarg); break;
		case 'a': perf_anchors(&s->tls, optarg); s->tls.config.require_client_cert = true; break;
		case 'p': perf_psk(&s->tls, optarg); s->tls.config.allow_psk = true; break;
		case 'P':
			if (!perf_profile(&s->tls, optarg))
				return false;
			break;
		case 'l': *ret_listen = optarg; break;
		case 'h': s->tls.config.psk_hint = optarg; break;
		case 't': s->tell = true; break;
		case 'e': s->tls.config.require_ems = true; break;
		default: return false;
		}
	return optind == argc;
}

int main(int argc, char **argv)
{
	static struct state s = { .tls.config = { .server = true, .profile = MST_TLS_BOTH } };
	const char *where = "127.0.0.1:0";
	struct mst_diag d = { 0 };
	struct mst_server *server;
	struct mst_tls_ctx *ctx;
	struct event *in;
	uint16_t port;
	int fd;

	if (!options(&s, argc, argv, &where)) {
		fprintf(stderr, "usage: tls-server [-c CHAIN -k KEY] [-a ANCHORS] [-p PSKFILE] [-P PROFILE] [-l ADDRESS] [-h HINT] [-t] [-e]\n");
		return 2;
	}
	mst_ec_fast_install();
	s.base = event_base_new();
	ctx = perf_ctx(&s.tls);
	if (!s.base || mst_listen(where, true, &fd, &port, &d) ||
	    mst_server_new(s.base, fd, ctx, NULL, &ops, &s, &server)) {
		fprintf(stderr, "%s: %s\n", d.field, d.text);
		return 3;
	}
	mst_tls_ctx_free(ctx);
	printf("port %u\n", port);
	fflush(stdout);
	in = event_new(s.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_stdin, &s);
	event_add(in, NULL);
	event_base_dispatch(s.base);
	event_free(in);
	mst_server_free(server);
	event_base_free(s.base);
	mst_key_wipe(&s.tls.psk);
	return 0;
}
