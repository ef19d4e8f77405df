/* muster-naf(1): settings from the command line, files, signals. */
#include "naf/naf.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/uri.h"
#include "crypto/heap.h"
#include "crypto/pki.h"
#include "muster/version.h"
#include "sandbox/sandbox.h"
#include "secenv/private.h"
#include "transport/address.h"
#include "transport/server.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_FAULT = 3 };

static const char synopsis[] =
	"usage: muster-naf --name FQDN --listen ADDRESS:PORT --to ADDRESS:PORT|unix:PATH --bsf URI --domain NAME…\n"
	"                  --certificate FILE --key FILE --anchors FILE [--crls FILE] [--dial HOST:PORT] [--profile NAME]\n"
	"                  [--idle SECONDS] [--per-address N] [--proxy] [--json] [--no-sandbox]\n"
	"       muster-naf --help | --version\n"
	"The NAF of GBA before a CSE: nodes come with TLS-PSK and a key of their SIM; see muster-naf(1).\n";

/* --- words --- */

static void put_json(const char *event, va_list ap)
{
	json_t *o = json_pack("{s:s}", "event", event);
	char *line;

	for (const char *name; (name = va_arg(ap, const char *)) != NULL;) {
		const char *value = va_arg(ap, const char *);
		json_t *text = value && *value ? json_string(value) : NULL;

		if (value && *value)
			json_object_set_new(o, name, text ? text : json_string("(not printable)"));
	}
	line = json_dumps(o, JSON_COMPACT);
	fprintf(stderr, "%s\n", line ? line : "{}");
	free(line);
	json_decref(o);
}

void naf_say(const struct naf_settings *s, const char *event, ...)
{
	va_list ap;

	va_start(ap, event);
	if (s->json) {
		put_json(event, ap);
	} else {
		fprintf(stderr, "muster-naf: %s", event);
		for (const char *name; (name = va_arg(ap, const char *)) != NULL;) {
			const char *value = va_arg(ap, const char *);

			if (value && *value)
				fprintf(stderr, " %s=\"%s\"", name, value);
		}
		fputc('\n', stderr);
	}
	va_end(ap);
}

static bool wrong(const char *what, const char *value, const char *expected)
{
	fprintf(stderr, "muster-naf: %s: %s: %s\n", what, value ? value : "missing", expected);
	return false;
}

/* --- files --- */

/* A secret is no file that one waits for (a pipe). NULL with a word to people. */
static FILE *open_file(const char *what, const char *path, bool secret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | (secret ? O_NONBLOCK : 0));
	const char *why = fd < 0 ? "cannot be read" : secret ? mst_private_distrust(fd) : NULL;
	FILE *f = why ? NULL : fdopen(fd, "r");

	if (f)
		return f;
	if (fd >= 0)
		close(fd);
	(void)wrong(what, path, why ? why : "cannot be read");
	return NULL;
}

/* The file's octets; NULL with a word to people. */
static uint8_t *read_file(const char *what, const char *path, bool secret, size_t *ret_n)
{
	static const size_t most = (size_t)1 << 20;
	FILE *f = open_file(what, path, secret);
	uint8_t *b = f ? malloc(most) : NULL;
	const char *why = NULL;

	if (!f)
		return NULL;
	(void)setvbuf(f, NULL, _IONBF, 0);              /* no other buffer has a key */
	*ret_n = b ? fread(b, 1, most, f) : 0;
	if (!b)
		why = "no memory";
	else if (ferror(f))
		why = "cannot be read";
	else if (*ret_n == most)
		why = "is larger than 1 MiB";
	fclose(f);
	if (!why)
		return b;
	if (b)
		mst_wipe(b, *ret_n);
	free(b);
	(void)wrong(what, path, why);
	return NULL;
}

/* What a PEM file holds, up to NAF_PEM_MAX; `der` is freed by whoever asked. */
struct pem { uint8_t *der; struct mst_view v[NAF_PEM_MAX]; size_t n; };

static bool read_pem(const char *what, const char *path, const char *label, struct pem *ret)
{
	size_t n = 0, at = 0, used = 0, got = 1;
	uint8_t *text = read_file(what, path, false, &n);
	struct mst_diag d = { 0 };
	bool good;

	ret->n = 0;
	ret->der = text ? malloc(n + 1) : NULL;         /* what it encodes is shorter */
	good = ret->der != NULL;
	while (good && got && ret->n < NAF_PEM_MAX) {
		good = mst_pem_next((struct mst_view){ text, n }, &at, label, ret->der + used, n - used, &got, &d) == 0;
		if (good && got) {
			ret->v[ret->n++] = (struct mst_view){ ret->der + used, got };
			used += got;
		}
	}
	free(text);
	if (text && (!good || !ret->n))
		return wrong(what, path, d.text[0] ? d.text : "holds none: PEM, BEGIN CERTIFICATE or BEGIN X509 CRL, is expected");
	return good;
}

static bool read_lists(struct naf_settings *s, struct pem *ret)
{
	struct mst_crl_info i;

	if (!s->crls)
		return true;
	if (!read_pem("--crls", s->crls, "X509 CRL", ret))
		return false;
	for (s->n_lists = 0; s->n_lists < ret->n; s->n_lists++) {
		if (mst_crl_info(ret->v[s->n_lists], MST_VIEW_NONE, &i) || !i.next_update)
			return wrong("--crls", s->crls, "a list in it is malformed, or does not say when it ends");
		s->list[s->n_lists] = (struct naf_list){ i.next_update - (i.next_update - i.this_update) / 4, i.next_update };
	}
	return true;
}

static bool make_tls(struct naf_settings *s)
{
	struct pem anchors = { 0 }, lists = { 0 };
	uint8_t key[MST_PKEY_MAX], *chain = NULL, *pem = NULL;
	size_t chain_n = 0, pem_n = 0, key_n = 0, at = 0;
	struct mst_diag d = { 0 };
	struct mst_tls_config nodes = { .server = true, .profile = s->profile, .allow_psk = true, .require_ems = false, .psk_hint = "3GPP-bootstrapping" };
	bool good = read_pem("--anchors", s->anchors, "CERTIFICATE", &anchors) && read_lists(s, &lists) && (chain = read_file("--certificate", s->certificate, false, &chain_n)) &&
		    (pem = read_file("--key", s->key, true, &pem_n));

	if (good && (mst_pem_next((struct mst_view){ pem, pem_n }, &at, "PRIVATE KEY", key, sizeof(key), &key_n, &d) || !key_n))
		good = wrong("--key", s->key, "no PRIVATE KEY (PKCS#8, PEM) stands in it");
	if (good) {
		/* the profile is what nodes are met with; between servers there is always an AEAD, without which there is no HTTP/2 */
		struct mst_tls_config bsf = { .profile = s->profile == MST_TLS_ONEM2M ? MST_TLS_BOTH : s->profile,
					      .chain_pem = { chain, chain_n }, .key_pkcs8 = { key, key_n }, .anchors = anchors.v,
					      .n_anchors = anchors.n, .crls = lists.v, .n_crls = lists.n, .require_crl = s->crls, .h2 = true };

		if (mst_tls_ctx_new(&bsf, &s->tls_bsf, &d) || mst_tls_ctx_new(&nodes, &s->tls, &d))
			good = wrong("--certificate", s->certificate, d.text[0] ? d.text : "does not go with the key, or is no certificate");
	}
	mst_wipe(key, sizeof(key));
	if (pem)
		mst_wipe(pem, pem_n);
	free(pem);
	free(chain);
	free(anchors.der);
	free(lists.der);
	return good;
}

/* --- settings --- */

static bool take_bsf(struct naf_settings *s, const char *uri)
{
	static char root[MST_ID_MAX];
	struct mst_uri_parts u;

	if (!uri || !mst_uri_split(mst_view_str(uri), &u) || !mst_uri_scheme_in(&u, "https") || u.host_kind != MST_URI_FQDN ||
	    mst_view_find(u.path, '?') < u.path.n)
		return wrong("--bsf", uri, "expected https://FQDN[:PORT][/PATH] of its face towards NAFs (Zn)");
	while (u.path.n && u.path.p[u.path.n - 1] == '/')
		u.path.n--;
	s->bsf_port = u.port;
	s->root = root;
	return (mst_id_normalise(MST_ID_FQDN, u.host, s->bsf_host) && mst_view_to_str(u.path, root, sizeof(root))) || wrong("--bsf", uri, "too long");
}

static bool take_profile(struct naf_settings *s, const char *name)
{
	for (int i = MST_TLS_ONEM2M; i <= MST_TLS_BOTH; i++)
		if (!strcmp(name, mst_tls_profile_name[i])) {
			s->profile = (enum mst_tls_profile)i;
			return true;
		}
	return wrong("--profile", name, "one of onem2m, modern, both");
}

static bool take_domain(struct naf_settings *s, const char *name)
{
	if (s->n_domains == NAF_DOMAINS_MAX || !mst_id_valid(MST_ID_FQDN, mst_view_str(name)))
		return wrong("--domain", name, "expected an FQDN, at most 8 times");
	s->domain[s->n_domains++] = name;
	return true;
}

static bool take_number(const char *what, const char *unit, const char *text, unsigned most, unsigned *ret)
{
	char expected[48];
	uint64_t n;

	snprintf(expected, sizeof(expected), "expected %s, 1 to %u", unit, most);
	if (!mst_parse_dec(mst_view_str(text), most, &n) || !n)
		return wrong(what, text, expected);
	*ret = (unsigned)n;
	return true;
}

static int usage(void)
{
	fputs(synopsis, stderr);
	return EXIT_USAGE;
}

/* EXIT_DONE, or how to end; -1: go on. */
static int take_options(int argc, char **argv, struct naf_settings *s)
{
	static const struct option all[] = {
		{ "name", required_argument, NULL, 'n' }, { "listen", required_argument, NULL, 'l' }, { "to", required_argument, NULL, 't' },
		{ "bsf", required_argument, NULL, 'b' }, { "domain", required_argument, NULL, 'd' }, { "dial", required_argument, NULL, 'D' },
		{ "certificate", required_argument, NULL, 'c' }, { "key", required_argument, NULL, 'k' }, { "anchors", required_argument, NULL, 'a' },
		{ "crls", required_argument, NULL, 'r' },
		{ "profile", required_argument, NULL, 'p' }, { "proxy", no_argument, NULL, 'P' }, { "json", no_argument, NULL, 'j' },
		{ "idle", required_argument, NULL, 'i' }, { "per-address", required_argument, NULL, 'A' }, { "no-sandbox", no_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 },
	};
	const char *name = NULL, *bsf = NULL;
	bool good = true;
	char host[256];
	uint16_t port;
	int c;

	while ((c = getopt_long(argc, argv, "h", all, NULL)) != -1) {
		switch (c) {
		case 'n': name = optarg; break;
		case 'l': s->listen = optarg; break;
		case 't': s->to = optarg; break;
		case 'b': bsf = optarg; break;
		case 'D': s->dial = optarg; break;
		case 'c': s->certificate = optarg; break;
		case 'k': s->key = optarg; break;
		case 'a': s->anchors = optarg; break;
		case 'r': s->crls = optarg; break;
		case 'P': s->proxy = true; break;
		case 'j': s->json = true; break;
		case 'S': s->sandbox = false; break;
		case 'i': good = good && take_number("--idle", "seconds", optarg, NAF_IDLE_MAX, &s->idle_s); break;
		case 'A': good = good && take_number("--per-address", "connections", optarg, NAF_CONNS_MAX, &s->per_address); break;
		case 'd': good = good && take_domain(s, optarg); break;
		case 'p': good = good && take_profile(s, optarg); break;
		case 'h': fputs(synopsis, stdout); return EXIT_DONE;
		case 'V': printf("muster-naf %s\n", MST_VERSION); return EXIT_DONE;
		default: return usage();
		}
	}
	if (!good)
		return EXIT_USAGE;
	if (optind != argc || !name || !s->listen || !s->to || !bsf || !s->n_domains || !s->certificate || !s->key || !s->anchors)
		return usage();
	if (!mst_id_normalise(MST_ID_FQDN, mst_view_str(name), s->name))
		good = wrong("--name", name, "expected an FQDN: of a CSE its public domain name, like in-cse.sp.example.com");
	if (good && !naf_to_good(s->to))
		good = wrong("--to", s->to, "expected a numeric address and a port like 127.0.0.1:8080, or unix:PATH");
	if (good && s->dial && !address_split(s->dial, host, sizeof(host), &port))
		good = wrong("--dial", s->dial, "expected HOST:PORT, like 192.0.2.7:8448");
	return good && take_bsf(s, bsf) ? -1 : EXIT_USAGE;
}

/* --- life --- */

/* Two for each connection; where the system gives fewer, fewer nodes come in at one time (front.c). */
static void more_descriptors(void)
{
	static const rlim_t wanted = 2 * NAF_CONNS_MAX + 64;
	struct rlimit have;

	if (getrlimit(RLIMIT_NOFILE, &have) || have.rlim_cur >= wanted)
		return;
	have.rlim_cur = have.rlim_max < wanted ? have.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &have);
}

static void on_signal(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(base);
}

/* As musterd's processes do: who lacked memory in the TLS library ends between two turns, and is started anew with one that is whole. */
static int run(const struct naf_settings *s, struct event_base *base)
{
	while (!event_base_got_break(base)) {
		if (event_base_loop(base, EVLOOP_ONCE))
			return EXIT_FAULT;
		if (mst_heap_lacked()) {
			naf_say(s, "fault", "why", "the TLS library had no memory, and may be of no use since", "remedy",
				"start muster-naf anew; its unit does", NULL);
			return EXIT_FAULT;
		}
	}
	return EXIT_DONE;
}

static int serve(const struct naf_settings *s)
{
	struct event_base *base = event_base_new();
	struct naf_zn *z = base ? naf_zn_new(base, s) : NULL;
	struct event *term = base ? evsignal_new(base, SIGTERM, on_signal, base) : NULL, *intr = base ? evsignal_new(base, SIGINT, on_signal, base) : NULL;
	struct naf_front *front = NULL;
	struct naf_watch *watch = NULL;
	struct mst_diag d = { 0 };
	int listener, code = EXIT_FAULT;
	char where[32], held[NAF_WORDS];
	uint16_t port;

	if (z && term && intr && event_add(term, NULL) == 0 && event_add(intr, NULL) == 0) {
		if (mst_listen(s->listen, false, &listener, &port, &d))
			(void)wrong("--listen", s->listen, d.text);
		else
			front = naf_front_new(base, s, z, listener);
	}
	if (front && naf_confine(s, held) == 0) {
		snprintf(where, sizeof(where), "%u", port);
		naf_say(s, "listening", "name", s->name, "port", where, "sandbox", held, NULL);
		watch = naf_watch_new(base, s, z);
		code = watch ? run(s, base) : EXIT_FAULT;
	}
	naf_watch_free(watch);
	naf_front_free(front);
	naf_zn_free(z);
	if (term)
		event_free(term);
	if (intr)
		event_free(intr);
	if (base)
		event_base_free(base);
	return code;
}

int main(int argc, char **argv)
{
	struct naf_settings s = { .profile = MST_TLS_BOTH, .idle_s = 600, .per_address = NAF_CONNS_MAX / 4, .sandbox = true };
	int code = take_options(argc, argv, &s);

	if (code >= 0)
		return code;
	/* before the first key is here: no core, no tracer */
	(void)mst_heap_openssl();
	event_set_mem_functions(malloc, mst_heap_realloc, mst_heap_free);
	if (mst_sandbox_limits.apply(&(struct mst_sandbox_ask){ 0 }) < 0)
		return EXIT_FAULT;
	(void)signal(SIGPIPE, SIG_IGN);
	more_descriptors();
	if (!mst_heap_lock(2 * NAF_CONNS_MAX)) {     /* one to the BSF for each at most */
		fprintf(stderr, "muster-naf: cannot lock memory for keys: %s; raise the limit of locked memory (LimitMEMLOCK= of the unit, ulimit -l)\n",
			strerror(errno));
		return EXIT_FAULT;
	}
	mst_heap_watch();
	code = make_tls(&s) ? serve(&s) : EXIT_REFUSED;
	mst_tls_ctx_free(s.tls);
	mst_tls_ctx_free(s.tls_bsf);
	return code;
}
