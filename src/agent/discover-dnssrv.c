/* Unicast DNS SRV (RFC 2782) through c-ares: who offers _muster-bbn._tcp in a domain. */
#include <ares.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lan.h"

struct dnssrv {
	struct agent *a;
	ares_channel channel;
	bool have_channel, done, coaps;
	struct event *io[ARES_GETSOCK_MAXNUM], *timer;
	char why[96];
	bool nobody;
	struct lan_left left;
	size_t n;
	struct lan_found found[LAN_FOUND_MAX];
};

/* By priority; within one, a chance by weight (RFC 2782). Weight 0 has a very small one. */
static size_t pick(struct agent *a, struct ares_srv_reply *const *r, const bool *taken, size_t n)
{
	unsigned best = 65536;
	uint64_t sum = 0, at;

	for (size_t i = 0; i < n; i++)
		if (!taken[i] && r[i]->priority < best)
			best = r[i]->priority;
	for (size_t i = 0; i < n; i++)
		sum += !taken[i] && r[i]->priority == best ? (uint64_t)r[i]->weight * 16 + 1 : 0;
	if (!sum)
		return n;
	at = agent_random(a) % sum;
	for (size_t i = 0; i < n; i++) {
		uint64_t w = (uint64_t)r[i]->weight * 16 + 1;

		if (taken[i] || r[i]->priority != best)
			continue;
		if (at < w)
			return i;
		at -= w;
	}
	return n;
}

/* "." says that the service is decidedly not there. */
static bool usable(struct dnssrv *s, const struct ares_srv_reply *e)
{
	if (!*e->host || !strcmp(e->host, "."))
		return false;
	if (e->port && strlen(e->host) < MST_ID_MAX && mst_id_valid(MST_ID_FQDN, mst_view_str(e->host)))
		return lan_wanted(s->a, e->host, "dns-srv", &s->left.refused);
	s->left.malformed++;
	return false;
}

/* All of one answer, which is no longer than a DNS message: first what is wanted at all, then by priority and weight. */
static void take(struct dnssrv *s, struct ares_srv_reply *first)
{
	struct ares_srv_reply **r;
	bool *taken;
	size_t all = 0, n = 0, i;

	for (struct ares_srv_reply *e = first; e; e = e->next)
		all++;
	r = calloc(all + 1, sizeof(struct ares_srv_reply *));
	taken = calloc(all + 1, sizeof(*taken));
	if (!r || !taken)
		snprintf(s->why, sizeof(s->why), "out of memory");
	for (struct ares_srv_reply *e = first; e && r && taken; e = e->next)
		if (usable(s, e))
			r[n++] = e;
	while (s->n < LAN_FOUND_MAX && n && (i = pick(s->a, r, taken, n)) < n) {
		struct lan_found *f = &s->found[s->n++];

		taken[i] = true;
		*f = (struct lan_found){ .coaps = s->coaps, .port = r[i]->port };
		snprintf(f->fqdn, sizeof(f->fqdn), "%s", r[i]->host);
	}
	free(taken);
	free(r);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *p, int n)
{
	struct dnssrv *s = arg;
	struct ares_srv_reply *first = NULL;

	(void)timeouts;
	if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED)
		return;
	s->done = true;
	if (status == ARES_SUCCESS)
		status = ares_parse_srv_reply(p, n, &first);
	/* An answer that says no, or cannot be understood, is one: the server is there. */
	s->nobody = status == ARES_ENOTFOUND || status == ARES_ENODATA;
	s->left.malformed += status == ARES_EBADRESP;
	if (status != ARES_SUCCESS)
		snprintf(s->why, sizeof(s->why), "DNS: %s", ares_strerror(status));
	else
		take(s, first);
	ares_free_data(first);
}

static void end(struct dnssrv *s)
{
	struct agent *a = s->a;
	struct lan_found found[LAN_FOUND_MAX];
	char why[sizeof(s->why)];
	struct lan_left left = s->left;
	struct lan_words words = { .from = "dns-srv", .want = "no name and port that can be used in its SRV records", .nobody = "nobody answers there" };
	bool unreached = s->why[0] && !s->nobody && !left.malformed;
	size_t n = s->n;

	memcpy(found, s->found, sizeof(found));
	memcpy(why, s->why, sizeof(why));
	if (why[0])
		words.want = words.nobody = why;
	if (unreached)
		discover_failed(a, PROV_UNREACHABLE, why, 0);
	else
		lan_yield(a, found, n, &left, &words);
	agent_turn(a);
}

static void on_io(evutil_socket_t fd, short what, void *arg);

static void wait_again(struct dnssrv *s)
{
	struct timeval tv = { 1, 0 };
	ares_socket_t fd[ARES_GETSOCK_MAXNUM];
	unsigned bits = (unsigned)ares_getsock(s->channel, fd, ARES_GETSOCK_MAXNUM);

	ares_timeout(s->channel, NULL, &tv);
	for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		/* ARES_GETSOCK_WRITABLE shifts a signed 1 into the sign */
		int what = (bits >> i & 1 ? EV_READ : 0) | (bits >> (i + ARES_GETSOCK_MAXNUM) & 1 ? EV_WRITE : 0);

		if (s->io[i])
			event_free(s->io[i]);
		s->io[i] = what ? event_new(s->a->base, fd[i], (short)(what | EV_PERSIST), on_io, s) : NULL;
		if (s->io[i])
			event_add(s->io[i], NULL);
	}
	evtimer_add(s->timer, &tv);
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
	struct dnssrv *s = arg;

	ares_process_fd(s->channel, what & EV_READ ? fd : ARES_SOCKET_BAD, what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	if (s->done)
		end(s);
	else
		wait_again(s);
}

static void drop(struct agent *a)
{
	struct dnssrv *s = a->discovery_work;

	a->discovery_work = NULL;
	if (!s)
		return;
	for (size_t i = 0; i < ARES_GETSOCK_MAXNUM; i++)
		if (s->io[i])
			event_free(s->io[i]);
	if (s->timer)
		event_free(s->timer);
	if (s->have_channel)
		ares_destroy(s->channel);
	free(s);
}

/* The system's servers, or those of setting `dns_server`. */
static int open_channel(struct dnssrv *s)
{
	struct ares_options o = { .timeout = 2000, .tries = 3 };
	int r = ares_init_options(&s->channel, &o, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);

	s->have_channel = r == ARES_SUCCESS;
	if (!r && s->a->cfg.dns_server[0])
		r = ares_set_servers_ports_csv(s->channel, s->a->cfg.dns_server);
	return r;
}

static void start(struct agent *a, const struct mst_instruction *i)
{
	struct dnssrv *s = calloc(1, sizeof(*s));
	char type[64], domain[MST_ID_MAX], name[MST_ID_MAX + 64];
	int r;

	a->discovery_work = s;
	if (!s || !(s->timer = evtimer_new(a->base, on_io, s))) {
		discover_failed(a, PROV_INTERNAL, "out of memory", 0);
		return;
	}
	s->a = a;
	if (!lan_service(i->uri, type, domain, &s->coaps)) {
		discover_failed(a, PROV_MALFORMED, "no service name like _muster-bbn._tcp.example.com", 0);
		return;
	}
	r = open_channel(s);
	if (r) {
		discover_failed(a, PROV_UNREACHABLE, ares_strerror(r), 0);
		return;
	}
	snprintf(name, sizeof(name), "%s.%s", type, domain);
	ares_query(s->channel, name, 1 /* IN */, 33 /* SRV */, on_answer, s);
	if (s->done)         /* at once: no server, no such name to ask for */
		event_active(s->timer, EV_TIMEOUT, 0);
	else
		wait_again(s);
}

const struct agent_discovery agent_discover_dnssrv = { .method = MST_METHOD_DNS_SRV, .start = start, .drop = drop };
