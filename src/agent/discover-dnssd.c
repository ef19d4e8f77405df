/*
 * DNS-SD over mDNS through the Avahi daemon: _muster-bbn._tcp (HTTPS) and _muster-bbn._udp (CoAPS).
 * TXT: fqdn=… the name that the briefing node proves in TLS; path=… of its resource. Without fqdn the host's name
 * is taken, when it is one that a certificate can carry (nothing under .local).
 */
#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <event2/event.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/avahi-poll.h"
#include "agent/lan.h"
#include "base/text.h"

#define BROWSE_MS 10000          /* nobody answers: that is how long we listen */
#define SETTLE_MS 1000           /* after a first answer: for the others */
#define RESOLVERS_MAX 64         /* a flood of answers costs no more than this */

struct dnssd {
	struct agent *a;
	AvahiPoll poll;
	AvahiClient *client;
	AvahiServiceBrowser *browser;
	struct event *end;
	mst_ms end_at;                       /* 0 = not yet set */
	bool coaps;
	unsigned resolving, seen;
	char why[96];
	size_t n;
	struct lan_found found[LAN_FOUND_MAX];
};

/* Avahi does not like to be freed from inside its callbacks: the end comes from the loop. */
static void end_in(struct dnssd *s, int ms)
{
	const struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };
	mst_ms at = agent_now() + ms;

	if (s->end_at && s->end_at < at)
		return;                      /* it ends sooner already */
	s->end_at = at;
	evtimer_add(s->end, &tv);
}

static void txt_value(AvahiStringList *txt, const char *key, char *out, size_t cap)
{
	AvahiStringList *e = txt ? avahi_string_list_find(txt, key) : NULL;
	char *k = NULL, *v = NULL;
	size_t n = 0;

	*out = '\0';
	if (e && !avahi_string_list_get_pair(e, &k, &v, &n) && v && n < cap && n == strlen(v))
		snprintf(out, cap, "%s", v);
	avahi_free(k);
	avahi_free(v);
}

/* Everything here was said by a stranger: what is no name, path and address is no answer. */
static void take(struct dnssd *s, AvahiIfIndex on, const char *host, const AvahiAddress *address, uint16_t port,
		 AvahiStringList *txt)
{
	struct lan_found f = { .coaps = s->coaps, .port = port };
	char at[AVAHI_ADDRESS_STR_MAX], fqdn[MST_ID_MAX], path[LAN_PATH_MAX], zone[IF_NAMESIZE] = "";

	txt_value(txt, "fqdn", fqdn, sizeof(fqdn));
	txt_value(txt, "path", path, sizeof(path));
	if (!fqdn[0] && host)
		snprintf(fqdn, sizeof(fqdn), "%s", host);
	mst_ascii_lower(fqdn);
	if (!mst_id_valid(MST_ID_FQDN, mst_view_str(fqdn)) || mst_view_ends(mst_view_str(fqdn), ".local") ||
	    !port || (path[0] && path[0] != '/') || !mst_text_plain(mst_view_str(path)) || strpbrk(path, " \"\\?#")) {
		agent_log(s->a, AGENT_INFO, "lan-answer-useless", "name", fqdn, "why",
			  "it has no name that a certificate could prove, no port, or no path", NULL);
		return;
	}
	avahi_address_snprint(at, sizeof(at), address);
	if (address->proto == AVAHI_PROTO_INET6 && address->data.ipv6.address[0] == 0xfe &&
	    (address->data.ipv6.address[1] & 0xc0) == 0x80)
		if_indextoname((unsigned)on, zone);
	snprintf(f.fqdn, sizeof(f.fqdn), "%s", fqdn);
	snprintf(f.path, sizeof(f.path), "%s", path);
	snprintf(f.address, sizeof(f.address), address->proto == AVAHI_PROTO_INET6 ? "[%.45s%s%.15s]:%u" : "%.45s%s%.15s:%u",
		 at, *zone ? "%" : "", zone, port);
	for (size_t i = 0; i < s->n; i++)
		/* The same name at another address may be the same host by its other IP, or a liar: each has its turn. */
		if (!strcmp(s->found[i].fqdn, f.fqdn) && !strcmp(s->found[i].address, f.address) && !strcmp(s->found[i].path, f.path))
			return;
	/* More answers than places: each has the same chance, however early it was. */
	s->seen++;
	if (s->n < LAN_FOUND_MAX)
		s->found[s->n++] = f;
	else if (agent_random(s->a) % s->seen < LAN_FOUND_MAX)
		s->found[agent_random(s->a) % LAN_FOUND_MAX] = f;
	end_in(s, SETTLE_MS);
}

static void on_resolved(AvahiServiceResolver *r, AvahiIfIndex on, AvahiProtocol proto, AvahiResolverEvent event,
			const char *name, const char *type, const char *domain, const char *host,
			const AvahiAddress *address, uint16_t port, AvahiStringList *txt, AvahiLookupResultFlags flags,
			void *arg)
{
	struct dnssd *s = arg;

	(void)proto;
	(void)name;
	(void)type;
	(void)domain;
	(void)flags;
	s->resolving--;
	if (event == AVAHI_RESOLVER_FOUND)
		take(s, on, host, address, port, txt);
	avahi_service_resolver_free(r);
}

static void on_browse(AvahiServiceBrowser *b, AvahiIfIndex on, AvahiProtocol proto, AvahiBrowserEvent event,
		      const char *name, const char *type, const char *domain, AvahiLookupResultFlags flags, void *arg)
{
	struct dnssd *s = arg;

	(void)b;
	(void)flags;
	if (event == AVAHI_BROWSER_NEW && s->resolving < RESOLVERS_MAX &&
	    avahi_service_resolver_new(s->client, on, proto, name, type, domain, AVAHI_PROTO_UNSPEC, 0, on_resolved, s))
		s->resolving++;
	if (event == AVAHI_BROWSER_FAILURE) {
		snprintf(s->why, sizeof(s->why), "%s", avahi_strerror(avahi_client_errno(s->client)));
		end_in(s, 0);
	}
}

static void on_client(AvahiClient *c, AvahiClientState state, void *arg)
{
	struct dnssd *s = arg;

	if (state == AVAHI_CLIENT_FAILURE) {
		snprintf(s->why, sizeof(s->why), "the Avahi daemon went: %s", avahi_strerror(avahi_client_errno(c)));
		end_in(s, 0);
	}
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct dnssd *s = arg;
	struct agent *a = s->a;
	struct lan_found found[LAN_FOUND_MAX];
	size_t n = s->n;

	(void)fd;
	(void)what;
	/* Whoever answers first is not tried first for that. */
	for (size_t i = n; i > 1; i--) {
		size_t j = agent_random(a) % i;
		struct lan_found t = s->found[i - 1];

		s->found[i - 1] = s->found[j];
		s->found[j] = t;
	}
	memcpy(found, s->found, sizeof(found));
	if (!n && s->why[0]) {
		char why[sizeof(s->why)];

		memcpy(why, s->why, sizeof(why));
		discover_failed(a, PROV_UNREACHABLE, why, 0);
	} else {
		lan_yield(a, found, n, "dns-sd");
	}
	agent_turn(a);
}

static void drop(struct agent *a)
{
	struct dnssd *s = a->discovery_work;

	a->discovery_work = NULL;
	if (!s)
		return;
	if (s->client)
		avahi_client_free(s->client);    /* and its browser and resolvers */
	if (s->end)
		event_free(s->end);
	free(s);
}

static void start(struct agent *a, const struct mst_instruction *i)
{
	struct dnssd *s = calloc(1, sizeof(*s));
	char type[64], domain[MST_ID_MAX], why[96];
	int error = 0;

	a->discovery_work = s;
	if (!s || !(s->end = evtimer_new(a->base, on_end, s))) {
		discover_failed(a, PROV_INTERNAL, "out of memory", 0);
		return;
	}
	s->a = a;
	if (!lan_service(i->uri, type, domain, &s->coaps)) {
		discover_failed(a, PROV_MALFORMED, "no service name like _muster-bbn._tcp.local", 0);
		return;
	}
	avahi_poll_on(a->base, &s->poll);
	s->client = avahi_client_new(&s->poll, 0, on_client, s, &error);
	if (s->client) {
		s->browser = avahi_service_browser_new(s->client, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, type, domain, 0,
						       on_browse, s);
		error = s->browser ? 0 : avahi_client_errno(s->client);
	}
	if (!s->browser) {
		snprintf(why, sizeof(why), "no answer from the Avahi daemon (is avahi-daemon running?): %s", avahi_strerror(error));
		discover_failed(a, PROV_UNREACHABLE, why, 0);
		return;
	}
	end_in(s, BROWSE_MS);
}

const struct agent_discovery agent_discover_dnssd = { .method = MST_METHOD_DNS_SD, .start = start, .drop = drop };
