/*
 * DNS-SD over mDNS through the Avahi daemon: _muster-bbn._tcp (HTTPS) and _muster-bbn._udp (CoAPS).
 * TXT: fqdn=… the name that the briefing node proves in TLS; path=… of its resource. Without fqdn the host's name
 * is taken, when it is one that a certificate can carry (nothing under .local).
 */
#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-common/domain.h>
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
/*
 * Whose name is wanted is known when it has been resolved, not before; so everybody is, in an order by chance, many at a
 * time; who does not answer makes way for those that had no turn yet, and then gets another. Avahi itself remembers 4096 records of an interface, and lets a
 * client ask 1024 things at once.
 */
#define SLOTS 256                /* resolved at the same time */
#define SLOT_MS 1000             /* that long at least, when others wait */
#define WAITING_MAX 2048         /* beyond: each has the same chance */
#define STEP_MS 100

struct dnssd {
	struct agent *a;
	AvahiPoll poll;
	AvahiClient *client;
	AvahiServiceBrowser *browser;
	struct event *end;
	mst_ms end_at;                       /* 0 = not yet set */
	bool coaps;
	char type[64], domain[MST_ID_MAX];
	mst_ms last_at;                      /* it ends then, whoever still waits */
	struct lan_left left;
	unsigned seen;
	struct event *step;
	struct waiting { AvahiIfIndex on; AvahiProtocol proto; bool tried; char name[AVAHI_LABEL_MAX]; } waiting[WAITING_MAX];
	struct slot { struct dnssd *s; AvahiServiceResolver *r; mst_ms since; struct waiting who; } slot[SLOTS];
	size_t n_waiting, untried;
	unsigned told_of;
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

static void step_in(struct dnssd *s, int ms)
{
	const struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	if (!evtimer_pending(s->step, NULL) || !ms)
		evtimer_add(s->step, &tv);
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
		s->left.malformed++;
		return;
	}
	if (!lan_wanted(s->a, fqdn, "dns-sd", &s->left.refused))
		return;
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
	struct slot *slot = arg;
	struct dnssd *s = slot->s;

	(void)proto;
	(void)name;
	(void)type;
	(void)domain;
	(void)flags;
	if (event == AVAHI_RESOLVER_FOUND)
		take(s, on, host, address, port, txt);
	slot->r = NULL;
	avahi_service_resolver_free(r);
	if (s->n_waiting)
		step_in(s, 0);
}

/* One by chance of those who wait, and had no turn as long as there are such. False when it could not be asked for. */
static bool resolve_one(struct dnssd *s, struct slot *slot)
{
	size_t i = agent_random(s->a) % s->n_waiting;
	struct waiting w;

	while (s->untried && s->waiting[i].tried)
		i = (i + 1) % s->n_waiting;
	w = s->waiting[i];
	s->waiting[i] = s->waiting[--s->n_waiting];
	s->untried -= !w.tried;
	w.tried = true;
	slot->s = s;
	slot->who = w;
	slot->since = agent_now();
	slot->r = avahi_service_resolver_new(s->client, w.on, w.proto, w.name, s->type, s->domain, AVAHI_PROTO_UNSPEC, 0, on_resolved,
					     slot);
	return slot->r;
}

/* It waits in front of others, and goes to the end. */
static void give_up(struct dnssd *s, struct slot *slot)
{
	avahi_service_resolver_free(slot->r);
	slot->r = NULL;
	if (s->n_waiting < WAITING_MAX)
		s->waiting[s->n_waiting++] = slot->who;
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
	struct dnssd *s = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < SLOTS && s->n_waiting; i++) {
		struct slot *slot = &s->slot[i];

		if (slot->r && agent_now() - slot->since < SLOT_MS)
			continue;
		if (slot->r)
			give_up(s, slot);
		if (!resolve_one(s, slot))
			break;
	}
	if (s->n_waiting)
		step_in(s, STEP_MS);
}

static void wait_for(struct dnssd *s, AvahiIfIndex on, AvahiProtocol proto, const char *name)
{
	struct waiting *w = &s->waiting[s->n_waiting];

	s->told_of++;
	if (s->n_waiting == WAITING_MAX) {
		if (agent_random(s->a) % s->told_of >= WAITING_MAX)
			return;
		w = &s->waiting[agent_random(s->a) % WAITING_MAX];
		s->untried -= !w->tried;
	} else {
		s->n_waiting++;
	}
	s->untried++;
	w->tried = false;
	w->on = on;
	w->proto = proto;
	snprintf(w->name, sizeof(w->name), "%s", name);
	step_in(s, 0);
}

static void on_browse(AvahiServiceBrowser *b, AvahiIfIndex on, AvahiProtocol proto, AvahiBrowserEvent event,
		      const char *name, const char *type, const char *domain, AvahiLookupResultFlags flags, void *arg)
{
	struct dnssd *s = arg;

	(void)b;
	(void)type;
	(void)domain;
	(void)flags;
	if (event == AVAHI_BROWSER_NEW)
		wait_for(s, on, proto, name);
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

static const struct lan_words words = {
	.from = "dns-sd", .want = "no name that a certificate could prove, no port, or no path", .nobody = "nobody answers there",
};

static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct dnssd *s = arg;
	struct agent *a = s->a;
	struct lan_found found[LAN_FOUND_MAX];
	struct lan_left left = s->left;
	size_t n = s->n;

	(void)fd;
	(void)what;
	if (s->untried && agent_now() < s->last_at) {
		s->end_at = 0;
		end_in(s, STEP_MS);          /* who answered sooner is no better than who still waits */
		return;
	}
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
		lan_yield(a, found, n, &left, &words);
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
	if (s->step)
		event_free(s->step);
	free(s);
}

static void start(struct agent *a, const struct mst_instruction *i)
{
	struct dnssd *s = calloc(1, sizeof(*s));
	char why[96];
	int error = 0;

	a->discovery_work = s;
	if (!s || !(s->end = evtimer_new(a->base, on_end, s)) || !(s->step = evtimer_new(a->base, on_step, s))) {
		discover_failed(a, PROV_INTERNAL, "out of memory", 0);
		return;
	}
	s->a = a;
	if (!lan_service(i->uri, s->type, s->domain, &s->coaps)) {
		discover_failed(a, PROV_MALFORMED, "no service name like _muster-bbn._tcp.local", 0);
		return;
	}
	avahi_poll_on(a->base, &s->poll);
	s->client = avahi_client_new(&s->poll, 0, on_client, s, &error);
	if (s->client) {
		s->browser = avahi_service_browser_new(s->client, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, s->type, s->domain, 0,
						       on_browse, s);
		error = s->browser ? 0 : avahi_client_errno(s->client);
	}
	if (!s->browser) {
		snprintf(why, sizeof(why), "no answer from the Avahi daemon (is avahi-daemon running?): %s", avahi_strerror(error));
		discover_failed(a, PROV_UNREACHABLE, why, 0);
		return;
	}
	s->last_at = agent_now() + BROWSE_MS;
	end_in(s, BROWSE_MS);
}

const struct agent_discovery agent_discover_dnssd = { .method = MST_METHOD_DNS_SD, .start = start, .drop = drop };
