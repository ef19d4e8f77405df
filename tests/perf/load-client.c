/*
 * Load: N connections, C at a time, each handshakes, sends the script's requests one after the other, and
 * closes. Prints rate, latencies of whole connections and failures as JSON.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/perf/perf-util.h"
#include "transport/client.h"

#define SCRIPT_MAX 16

struct slot { struct load *l; struct mst_client *c; double begun; unsigned at; bool ok; struct event *again; };

struct load {
	struct perf_tls tls;
	struct event_base *base;
	struct mst_client_config to;
	unsigned total, width, begun, ended, failed, bad_status, running;
	struct mst_view script[SCRIPT_MAX];
	unsigned n_script;
	double *ms;
	unsigned n_ms;
	char why[300];
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void on_open(void *owner, struct mst_client *c)
{
	struct slot *s = owner;

	if (mst_client_send(c, s->l->script[0]))
		mst_client_close(c);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct slot *s = owner;

	if (m->status / 100 != 2)
		s->l->bad_status++;
	s->ok = ++s->at == s->l->n_script;
	if (s->ok)
		mst_client_close(c);
	/* the session takes the next request when this callback is over */
	else
		event_active(s->again, EV_TIMEOUT, 0);
}

static void send_next(evutil_socket_t fd, short what, void *arg)
{
	struct slot *s = arg;

	(void)fd;
	(void)what;
	if (s->c && mst_client_send(s->c, s->l->script[s->at]))
		mst_client_close(s->c);
}

static void begin(struct slot *s);

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct slot *s = owner;
	struct load *l = s->l;

	s->c = mst_client_free(c);
	l->ended++;
	l->running--;
	if (s->ok) {
		l->ms[l->n_ms++] = now() - s->begun;
	} else {
		l->failed++;
		snprintf(l->why, sizeof(l->why), "%s: %s", mst_tls_end_text(why), detail);
	}
	if (l->begun < l->total)
		begin(s);
	else if (!l->running)
		event_base_loopbreak(l->base);
}

static const struct mst_client_ops ops = { on_open, on_response, on_end };

static void begin(struct slot *s)
{
	s->begun = now();
	s->at = 0;
	s->ok = false;
	s->l->begun++;
	s->l->running++;
	if (mst_client_new(&s->l->to, &ops, s, &s->c)) {
		fprintf(stderr, "cannot make a client\n");
		exit(3);
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static bool options(struct load *l, int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "c:k:a:p:P:s:n:C:r:")) > 0)
		switch (o) {
		case 'c': l->tls.config.chain_pem = perf_file(optarg); break;
		case 'k': perf_key(&l->tls, optarg); break;
		case 'a': perf_anchors(&l->tls, optarg); break;
		case 'p': perf_psk(&l->tls, optarg); break;
		case 'P':
			if (!perf_profile(&l->tls, optarg))
				return false;
			break;
		case 's': l->to.server_name = optarg; break;
		case 'n': l->total = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'C': l->width = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'r':
			if (l->n_script == SCRIPT_MAX)
				return false;
			l->script[l->n_script++] = perf_file(optarg);
			break;
		default: return false;
		}
	if (optind + 1 != argc || !l->total || !l->width)
		return false;
	l->to.connect_to = argv[optind];
	return true;
}

static void report(struct load *l, double spent)
{
	qsort(l->ms, l->n_ms, sizeof(*l->ms), by_size);
	printf("{\"connections\":%u,\"failed\":%u,\"badStatus\":%u,\"seconds\":%.3f,\"perSecond\":%.1f,"
	       "\"p50ms\":%.2f,\"p99ms\":%.2f,\"maxms\":%.2f}\n", l->ended, l->failed, l->bad_status, spent / 1e3,
	       l->n_ms / (spent / 1e3), l->n_ms ? l->ms[l->n_ms / 2] : 0, l->n_ms ? l->ms[l->n_ms * 99 / 100] : 0,
	       l->n_ms ? l->ms[l->n_ms - 1] : 0);
	if (l->failed)
		fprintf(stderr, "last failure: %s\n", l->why);
}

int main(int argc, char **argv)
{
	static struct load l = { .tls.config = { .profile = MST_TLS_BOTH }, .total = 1000, .width = 16,
		.to = { .host = "server", .server_name = "mef.example.com", .limits = { 16384, 262144 } } };
	static const char get[] = "GET / HTTP/1.1\r\nHost: server\r\n\r\n";
	struct slot *slots;
	double start;

	if (!options(&l, argc, argv)) {
		fprintf(stderr, "usage: load-client [-c CHAIN -k KEY] [-a ANCHORS] [-p PSKFILE] [-P PROFILE] [-s NAME] [-n N] [-C C] "
		        "[-r REQUESTFILE]... HOST:PORT\n");
		return 2;
	}
	mst_ec_fast_install();
	if (!l.n_script)
		l.script[l.n_script++] = mst_view_str(get);
	l.base = event_base_new();
	l.to.base = l.base;
	l.to.tls = perf_ctx(&l.tls);
	if (l.tls.psk.n) {
		l.to.psk = &l.tls.psk;
		l.to.psk_identity = l.tls.psk_identity;
	}
	l.ms = calloc(l.total, sizeof(*l.ms));
	slots = calloc(l.width, sizeof(*slots));
	if (!l.base || !l.ms || !slots)
		return 3;
	start = now();
	for (unsigned i = 0; i < l.width; i++) {
		slots[i].l = &l;
		slots[i].again = event_new(l.base, -1, 0, send_next, &slots[i]);
		if (i < l.total)
			begin(&slots[i]);
	}
	event_base_dispatch(l.base);
	report(&l, now() - start);
	for (unsigned i = 0; i < l.width; i++)
		event_free(slots[i].again);
	mst_tls_ctx_free(l.to.tls);
	event_base_free(l.base);
	mst_key_wipe(&l.tls.psk);
	free(l.ms);
	free(slots);
	return l.failed || l.bad_status ? 1 : 0;
}
