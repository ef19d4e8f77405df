/*
 * bare-server: our own TLS pump with nothing behind it. Handshake, a whole request, an empty 200; no store,
 * no keeper, no second process. What the daemon adds to this is the price of an enrolment.
 */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf.h"
#include "transport/coap-server.h"
#include "transport/server.h"

struct bare {
	struct event_base *base;
	struct mst_key psk;
	unsigned failed;
};

static void on_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	(void)owner;
	(void)m;
	mst_conn_answer(c, MST_VIEW_LIT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), false);
}

static void on_psk(void *owner, struct mst_conn *c, const char *identity)
{
	struct bare *b = owner;

	mst_conn_psk(c, strcmp(identity, PERF_PSK_IDENTITY) == 0 ? &b->psk : NULL);
}

static void on_coap_request(void *owner, struct mst_coap_conn *c, const struct mst_http_msg *m)
{
	(void)owner;
	(void)m;
	mst_coap_conn_answer(c, &(struct mst_coap_result){ .status = 204 });
}

static void on_coap_psk(void *owner, struct mst_coap_conn *c, const char *identity)
{
	struct bare *b = owner;

	mst_coap_conn_psk(c, strcmp(identity, PERF_PSK_IDENTITY) == 0 ? &b->psk : NULL);
}

static void on_coap_close(void *owner, struct mst_coap_conn *c, bool pending)
{
	(void)owner;
	(void)c;
	(void)pending;
}

static void on_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail)
{
	struct bare *b = owner;

	(void)peer;
	if (b->failed++ < 5)
		fprintf(stderr, "bare-server: %s: %s\n", mst_tls_end_text(why), detail ? detail : "");
}

static void on_close(void *owner, struct mst_conn *c, bool pending)
{
	(void)owner;
	(void)c;
	(void)pending;
}

static void on_signal(evutil_socket_t n, short what, void *arg)
{
	(void)n;
	(void)what;
	event_base_loopbreak(arg);
}

static size_t read_file(const char *path, uint8_t *out, size_t cap)
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(out, 1, cap, f) : 0;

	if (f)
		fclose(f);
	return n < cap ? n : 0;
}

/* One block of a PEM file as DER; 0 when there is none. */
static size_t read_pem(const char *path, const char *label, uint8_t *out, size_t cap)
{
	static uint8_t text[4 * MST_CERT_MAX];
	size_t n = read_file(path, text, sizeof(text)), at = 0, size = 0;
	struct mst_diag d = { 0 };

	if (mst_pem_next((struct mst_view){ text, n }, &at, label, out, cap, &size, &d) != 0)
		size = 0;
	mst_wipe(text, sizeof(text));
	return size;
}

static struct mst_tls_ctx *context(const char *cert, const char *anchor, const char *name, bool psk, bool coap)
{
	static uint8_t chain[4 * MST_CERT_MAX], anchor_der[MST_CERT_MAX], key[MST_PKEY_MAX];
	char path[4096];
	const char *names[] = { name };
	struct mst_view anchors[1];
	struct mst_tls_config c = { .server = true,
				    .profile = MST_TLS_BOTH,
				    .anchors = anchors,
				    .require_sni = true,
				    .names = names,
				    .n_names = 1,
				    .allow_psk = psk,
				    .datagram = coap,
				    .require_client_cert = true };
	struct mst_tls_ctx *ctx = NULL;
	struct mst_diag d = { 0 };

	snprintf(path, sizeof(path), "%s.pem", cert);
	c.chain_pem = (struct mst_view){ chain, read_file(path, chain, sizeof(chain)) };
	snprintf(path, sizeof(path), "%s.key", cert);
	c.key_pkcs8 = (struct mst_view){ key, read_pem(path, "PRIVATE KEY", key, sizeof(key)) };
	anchors[0] = (struct mst_view){ anchor_der,
					read_pem(anchor, "CERTIFICATE", anchor_der, sizeof(anchor_der)) };
	c.n_anchors = 1;
	if (mst_tls_ctx_new(&c, &ctx, &d) != 0) {
		fprintf(stderr, "bare-server: %s: %s\n", d.field, d.text);
		ctx = NULL;
	}
	mst_wipe(key, sizeof(key));
	return ctx;
}

/* DTLS and CoAP instead: a 2.04. */
static struct mst_coap_server *serve_coap(struct bare *b, struct mst_tls_ctx *ctx, const char *listen, uint16_t *ret_port)
{
	static const struct mst_coap_ops ops = { .on_request = on_coap_request, .on_psk = on_coap_psk, .on_handshake_failed = on_failed,
						 .on_close = on_coap_close };
	static const struct mst_coap_limits l = { .sessions = 4096, .handshakes = 1024, .requests = 1024, .body_octets = 8192,
						  .held_octets = 1 << 24, .handshake_ms = 10000, .idle_ms = 60000, .answer_ms = 10000, .session_ms = 3600000 };
	struct mst_coap_server *s = NULL;
	struct mst_diag d = { 0 };
	int fd;

	if (mst_listen_udp(listen, false, &fd, ret_port, &d) < 0 || mst_coap_server_new(b->base, fd, ctx, "", &l, &ops, b, &s) < 0)
		fprintf(stderr, "bare-server: %s %s\n", d.field, d.text);
	return s;
}

static int serve(struct mst_tls_ctx *ctx, const char *listen, unsigned seconds, bool with_coap)
{
	static const struct mst_server_ops ops = { .on_request = on_request,
						   .on_psk = on_psk,
						   .on_handshake_failed = on_failed,
						   .on_close = on_close };
	struct bare b = { .base = event_base_new() };
	struct event *term = evsignal_new(b.base, SIGTERM, on_signal, b.base);
	struct timeval t = { (time_t)seconds, 0 };
	struct mst_server_stats stats;
	struct mst_coap_server *coap = NULL;
	struct mst_server *s = NULL;
	struct mst_diag d = { 0 };
	uint16_t port;
	int fd;

	if (!mst_key_set(&b.psk, MST_VIEW_LIT(PERF_PSK_KEY)))
		return 3;
	if (with_coap) {
		coap = serve_coap(&b, ctx, listen, &port);
		if (!coap)
			return 3;
	} else if (mst_listen(listen, false, &fd, &port, &d) < 0 ||
	    mst_server_new(b.base, fd, ctx, &mst_server_limits_default, &ops, &b, &s) < 0) {
		fprintf(stderr, "bare-server: %s %s\n", d.field, d.text);
		return 3;
	}
	printf("{\"port\":%u}\n", port);
	fflush(stdout);
	event_add(term, NULL);
	event_base_loopexit(b.base, &t); /* bounded, whatever happens to the one who started it */
	event_base_dispatch(b.base);
	if (s) {
		stats = mst_server_stats(s);
		printf("{\"handshakes\":%llu,\"failures\":%llu,\"answers\":%llu}\n",
		       (unsigned long long)stats.handshakes, (unsigned long long)stats.handshake_failures,
		       (unsigned long long)stats.answers);
	}
	mst_server_free(s);
	mst_coap_server_free(coap);
	event_free(term);
	event_base_free(b.base);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "cert", 1, NULL, 'c' },
						 { "anchor", 1, NULL, 'a' },
						 { "name", 1, NULL, 'n' },
						 { "listen", 1, NULL, 'l' },
						 { "seconds", 1, NULL, 's' },
						 { "psk", 0, NULL, 'p' },
						 { "coap", 0, NULL, 'd' },
						 { 0 } };
	const char *cert = NULL, *anchor = NULL, *name = NULL, *listen = "127.0.0.1:0";
	bool psk = false, coap = false;
	unsigned long seconds = 120;
	struct mst_tls_ctx *ctx;
	int o, r;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 'c':
			cert = optarg;
			break;
		case 'a':
			anchor = optarg;
			break;
		case 'n':
			name = optarg;
			break;
		case 'l':
			listen = optarg;
			break;
		case 's':
			seconds = strtoul(optarg, NULL, 10);
			break;
		case 'p':
			psk = true;
			break;
		case 'd':
			coap = true;
			break;
		default:
			seconds = 0;
			break;
		}
	if (!cert || !anchor || !name || seconds == 0 || seconds > PERF_SECONDS_MAX) {
		fputs("usage: bare-server --cert PREFIX --anchor FILE --name FQDN [--listen 127.0.0.1:0] "
		      "[--psk] [--coap]\n"
		      "  [--seconds N]     PREFIX.pem and PREFIX.key\n",
		      stderr);
		return 2;
	}
	mst_ec_fast_install();
	ctx = context(cert, anchor, name, psk, coap);
	r = ctx ? serve(ctx, listen, (unsigned)seconds, coap) : 3;
	mst_tls_ctx_free(ctx);
	return r;
}
