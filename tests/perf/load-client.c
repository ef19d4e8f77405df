/*
 * load-client: COUNT sessions, CONCURRENCY at a time, each with its own certificate or key, every answer
 * checked; then one JSON line. Always ends by itself. Used by tools/bench.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "crypto/pki.h"
#include "load.h"
#include "perf.h"

static const char *const kinds[] = {
	[LOAD_MTLS] = "mtls", [LOAD_PSK] = "psk", [LOAD_MEF] = "mef", [LOAD_MAF] = "maf",
	[LOAD_BBN] = "bbn", [LOAD_BBN_PSK] = "bbn-psk", [LOAD_MEF_PSK] = "mef-psk",
	[LOAD_EST] = "est", [LOAD_MAF_KEY] = "maf-key", [LOAD_UB] = "ub", [LOAD_GBA] = "gba",
	[LOAD_COAP] = "coap", [LOAD_COAP_PSK] = "coap-psk", [LOAD_BBN_COAP] = "bbn-coap", [LOAD_BBN_COAP_PSK] = "bbn-coap-psk",
};

static const char usage[] =
	"usage: load-client --kind mtls|psk|mef|maf|bbn|bbn-psk|mef-psk|est|maf-key|ub|gba|coap|coap-psk|bbn-coap|bbn-coap-psk\n"
	"  --connect 127.0.0.1:PORT --server-name NAME [--ca FILE]\n"
	"  --certs DIR    node-00000.pem and .key and so on (mtls, mef, bbn, est, coap, bbn-coap)\n"
	"  --ids FILE     what each node puts into From, a line each (mef)\n"
	"  --keys-out FILE, --keys-in FILE   what kind mef enrolled, for kind maf; secrets (bbn-psk, mef-psk, bbn-coap-psk)\n"
	"  --key ID       RelativeKeyID that is retrieved, by keys of kind mef that the MAF has seen (maf-key)\n"
	"  --sims FILE    IMPI, K, OPc, and what goes into From, a line each (ub, gba); --maf-connect 127.0.0.1:PORT (gba)\n"
	"  --admin FQDN --maf FQDN           adminFQDN and the key's target; a briefing's target\n"
	"  --count N --nodes N --first N     sessions; nodes taken in turn, from this one on\n"
	"  --warmup N --concurrency N --seconds N --tls 1.2|1.3 --request\n";

static bool number(const char *text, unsigned max, unsigned *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!*text || *end || n > max)
		return false;
	*ret = (unsigned)n;
	return true;
}

static bool address(const char *text, struct sockaddr_in *ret)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	unsigned port;

	if (!colon || (size_t)(colon - text) >= sizeof(host) || !number(colon + 1, 65535, &port))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	*ret = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	/* a load generator stays on this machine */
	return inet_pton(AF_INET, host, &ret->sin_addr) == 1 && ntohl(ret->sin_addr.s_addr) >> 24 == 127;
}

static bool kind(const char *text, enum load_kind *ret)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(text, kinds[i]) == 0) {
			*ret = (enum load_kind)i;
			return true;
		}
	return false;
}

static bool tls(const char *text, unsigned *ret)
{
	*ret = strcmp(text, "1.2") == 0 ? 12 : 13;
	return *ret == 12 || strcmp(text, "1.3") == 0;
}

static bool set_kind(struct load *l)
{
	return kind(optarg, &l->kind);
}

static bool set_to(struct load *l)
{
	return address(optarg, &l->to);
}

static bool set_maf_to(struct load *l)
{
	return address(optarg, &l->maf_to);
}

static bool set_tls(struct load *l)
{
	return tls(optarg, &l->tls);
}

static bool set_request(struct load *l)
{
	l->request = true;
	return true;
}

/* clang-format off */
#define TEXT(name, member) { name, NULL, offsetof(struct load, member), 0, 0 }
#define NUMBER(name, member, least, most) { name, NULL, offsetof(struct load, member), least, most }
/* clang-format on */

static const struct word {
	const char *name;
	bool (*set)(struct load *l); /* NULL: a text, or a number where `most` says so */
	size_t offset;
	unsigned least, most;
} words[] = {
	{ "kind", set_kind, 0, 0, 0 },
	{ "connect", set_to, 0, 0, 0 },
	{ "maf-connect", set_maf_to, 0, 0, 0 },
	{ "tls", set_tls, 0, 0, 0 },
	{ "request", set_request, 0, 0, 0 },
	TEXT("server-name", server_name),
	TEXT("ca", ca),
	TEXT("certs", certs),
	TEXT("ids", ids),
	TEXT("keys-in", keys_in),
	TEXT("keys-out", keys_out),
	TEXT("key", key),
	TEXT("sims", sims),
	TEXT("admin", admin),
	TEXT("maf", maf),
	NUMBER("count", count, 1, 1000000),
	NUMBER("nodes", nodes, 1, 100000),
	NUMBER("first", first, 0, 100000),
	NUMBER("warmup", warmup, 0, 100000),
	NUMBER("concurrency", concurrency, 1, 1000),
	NUMBER("seconds", seconds, 1, PERF_SECONDS_MAX),
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

static bool set(struct load *l, const struct word *w)
{
	char *at = (char *)l + w->offset;
	unsigned n;

	if (w->set)
		return w->set(l);
	if (!w->most) {
		memcpy(at, &optarg, sizeof(optarg));
		return true;
	}
	if (!number(optarg, w->most, &n) || n < w->least)
		return false;
	memcpy(at, &n, sizeof(n));
	return true;
}

static bool take(struct load *l, int argc, char **argv)
{
	struct option options[N_WORDS + 1] = { 0 };
	int o;

	for (size_t i = 0; i < N_WORDS; i++)
		options[i] = (struct option){ words[i].name, words[i].set != set_request, NULL, (int)i + 1 };
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (o < 1 || o > (int)N_WORDS || !set(l, &words[o - 1]))
			return false;
	return optind == argc;
}

static bool complete(const struct load *l)
{
	if (!l->to.sin_port || !l->server_name || !l->count)
		return false;
	switch (l->kind) {
	case LOAD_MTLS:
	case LOAD_EST:
	case LOAD_COAP:
		return l->certs && l->ca;
	case LOAD_MEF:
		return l->certs && l->ca && l->ids && l->admin && l->maf;
	case LOAD_MAF:
	case LOAD_MEF_PSK:
		return l->keys_in && l->admin && l->maf;
	case LOAD_BBN:
	case LOAD_BBN_COAP:
		return l->certs && l->ca && l->maf;
	case LOAD_BBN_PSK:
	case LOAD_BBN_COAP_PSK:
		return l->keys_in && l->maf;
	case LOAD_MAF_KEY:
		return l->keys_in && l->maf && l->key;
	case LOAD_UB:
		return l->sims;
	case LOAD_GBA:
		return l->sims && l->maf && l->admin && l->maf_to.sin_port;
	case LOAD_PSK:
	case LOAD_COAP_PSK:
		return true;
	default:
		return false;
	}
}

static int up(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double clock_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int measure(struct load *l)
{
	double wall, cpu;

	if (l->warmup) {
		load_run(l, 0, l->warmup);
		if (l->failed)
			return fprintf(stderr, "load-client: %u of %u failed while warming up\n", l->failed,
				       l->warmup),
			       1;
	}
	cpu = cpu_seconds();
	wall = clock_seconds();
	load_run(l, l->warmup, l->warmup + l->count);
	wall = clock_seconds() - wall;
	cpu = cpu_seconds() - cpu;
	qsort(l->ms, l->done, sizeof(*l->ms), up);
	printf("{\"kind\":\"%s\",\"count\":%u,\"failed\":%u,\"seconds\":%.4f,\"rate\":%.1f,\"p50_ms\":%.3f,"
	       "\"p99_ms\":%.3f,"
	       "\"client_cpu_seconds\":%.4f,\"client_cpu_share\":%.3f}\n",
	       kinds[l->kind], l->count, l->failed, wall, l->done / wall, l->done ? l->ms[l->done / 2] : 0,
	       l->done ? l->ms[l->done * 99 / 100] : 0, cpu, cpu / wall);
	return l->failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct load l = { .kind = LOAD_MTLS, .tls = 13, .concurrency = 16, .seconds = 60, .nodes = 1 };
	time_t until = time(NULL) + 30 * 86400;
	struct tm tm;
	int r = 3;

	if (!take(&l, argc, argv) || !complete(&l)) {
		fputs(usage, stderr);
		return 2;
	}
	strftime(l.until, sizeof(l.until), "%Y%m%dT%H%M%S", gmtime_r(&until, &tm));
	mst_ec_fast_install();
	l.base = event_base_new();
	l.ms = calloc((size_t)l.count + l.warmup, sizeof(*l.ms));
	l.ssl = load_context(&l);
	if (l.base && l.ms && l.ssl && load_nodes(&l) == 0) {
		r = measure(&l);
		if (l.keys_out && load_keys_write(&l) < 0)
			r = 3;
	}
	/* after a deadline sessions may still be open: they go with the process */
	load_nodes_free(&l);
	SSL_CTX_free(l.ssl);
	free(l.ms);
	if (l.base)
		event_base_free(l.base);
	return r;
}
