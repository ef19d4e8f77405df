/* The process of Diameter (decision 0023): a listener of Zh and Zn and a connector in one, since both are the same peers. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "server/diameter-internal.h"
#include "server/diameter.h"

#define HURRY_MS 5000                     /* for what is under way when the process is to begin anew */

static void on_log(void *arg, bool error, const char *text)
{
	const struct diameter *d = arg;      /* from any thread; the log is written with one call */

	mst_log(&d->u.log, error ? MST_LOG_WARNING : MST_LOG_DEBUG, "freeDiameter", "says", text, NULL);
}

bool diameter_plays(const struct diameter *d, enum mst_role role)
{
	return d->u.channel.duties & (unsigned)(role == MST_ROLE_HSS ? MST_DUTY_HSS : MST_DUTY_ZN);
}

/* --- from the node --- */

static void on_request(void *owner, uint64_t id, const char *peer, bool relay, struct mst_view raw)
{
	serve_request(owner, id, peer, relay, raw);
}

static void on_answer(void *owner, uint64_t id, struct mst_view raw)
{
	ask_answer(owner, id, raw);
}

static void on_none(void *owner, uint64_t id, bool unreachable, const char *words)
{
	ask_none(owner, id, unreachable, words);
}

static void on_peer(void *owner, const char *identity, bool open, const char *words)
{
	struct diameter *d = owner;

	size_t i = 0;
	bool news;

	while (i < d->n_peers && strcasecmp(d->peer[i].identity, identity))
		i++;
	/* each attempt fails in the same way for as long as the peer is down */
	news = i == d->n_peers || open || strcmp(d->told[i], words) != 0;
	if (i < d->n_peers)
		snprintf(d->told[i], sizeof(d->told[i]), "%s", open ? "" : words);
	mst_log(&d->u.log, open ? MST_LOG_INFO : news ? MST_LOG_WARNING : MST_LOG_DEBUG,
		open ? "a Diameter peer is open" : "a Diameter peer is not open", "peer", identity, "why", words, NULL);
}

static const struct mst_diam_ops node_ops = { on_request, on_answer, on_none, on_peer };

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct diameter *d = arg;

	(void)fd;
	(void)what;
	mst_diam_pump(d->node);
}

/* --- from the engine --- */

static void on_frame(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	struct diameter *d = owner;

	(void)l;
	(void)fd;
	switch ((int)f->type) {
	case MST_FRAME_ANSWER: serve_answer(d, f->id, f->payload); break;
	case MST_FRAME_BUSY: serve_busy(d, f->id); break;
	case MST_FRAME_FETCH: ask_fetch(d, f->id, f->payload); break;
	default: break;
	}
}

static void on_down(void *owner, struct mst_link *l, const char *why)
{
	struct diameter *d = owner;

	(void)why;
	if (d->engine == l)
		d->engine = NULL;
	(void)mst_link_free(l);
	serve_late(d, MST_NEVER);
	ask_drop(d);
}

static const struct mst_link_ops link_ops = { on_frame, on_down };

static int diameter_attach(struct mst_unit *u, const struct mst_link_frame *who, struct mst_link *l, int fd)
{
	struct diameter *d = (struct diameter *)(void *)u;

	if (who->peer != MST_PROC_ENGINE || fd >= 0)
		return MST_FAULT_BUG;
	(void)mst_link_free(d->engine);
	d->engine = l;
	mst_link_owner(l, &link_ops, d);
	return 0;
}

/* --- life --- */

static void peers_of(struct diameter *d)
{
	const struct mst_conf_diameter *c = &d->u.conf->diameter;

	for (size_t i = 0; i < c->n_peers; i++) {
		const struct mst_conf_diameter_peer *from = &c->peers[i];
		struct mst_diam_peer *p = &d->peer[i];

		*p = (struct mst_diam_peer){ .tls = from->tls, .relay = from->relay };
		memcpy(p->identity, from->identity, sizeof(p->identity));
		memcpy(p->realm, from->realm, sizeof(p->realm));
		if (from->connect_to[0])
			(void)!mst_conf_ip(from->connect_to, p->address, sizeof(p->address), &p->port);
		if (from->connect_to[0] && !p->port)
			p->port = from->tls ? 5868 : 3868;
		if (!from->tls && from->ipsec)
			mst_log(&d->u.log, MST_LOG_WARNING, "a Diameter peer without TLS is believed by its word, since ipsec is true", "peer",
				from->identity, NULL);
	}
	d->n_peers = c->n_peers;
}

/*
 * Is there a current list of this CA? The library would take whoever is on none, also without any: so a CA that must have one
 * and has not is no anchor for peers, until there is one.
 */
static bool listed(struct diameter *d, const struct mst_material *m, struct mst_view ca, mst_time now)
{
	mst_time until = 0, from = MST_NEVER, change;

	for (size_t i = 0; i < m->n_crls; i++) {
		struct mst_crl_info c;

		if (mst_crl_info(m->crl[i], ca, &c) || !c.signed_by || c.next_update < now)
			continue;
		if (c.this_update <= now)
			until = c.next_update > until ? c.next_update : until;
		else
			from = c.this_update < from ? c.this_update : from;
	}
	change = until ? until + 1 : from;
	d->lists_until = change < d->lists_until ? change : d->lists_until;
	return until;
}

static size_t without_list(struct diameter *d, const struct mst_material *m, bool ret_is[MST_MATERIAL_ANCHORS], struct mst_view ret[MST_MATERIAL_ANCHORS])
{
	mst_time now = (mst_time)time(NULL);
	struct mst_cert_info info;
	size_t n = 0;

	d->lists_until = MST_NEVER;
	for (size_t i = 0; i < m->n_crl_issuers; i++) {
		ret_is[i] = !listed(d, m, m->crl_issuer[i], now);
		if (!ret_is[i])
			continue;
		if (mst_cert_info(m->crl_issuer[i], &info, NULL))
			info.subject[0] = '\0';
		mst_log(&d->u.log, MST_LOG_WARNING, "no current revocation list of a CA whose list is required: its Diameter peers are not heard",
			"ca", info.subject, "remedy", "put its list into diameter.crls and reload", NULL);
		ret[n++] = m->crl_issuer[i];
	}
	return n;
}

static int diameter_start(struct mst_unit *u, struct mst_diag *diag)
{
	struct diameter *d = (struct diameter *)(void *)u;
	const struct mst_material *m = mst_unit_material(u, MST_ROLE_NONE);
	const struct mst_conf_diameter *c = &u->conf->diameter;
	struct mst_view without[MST_MATERIAL_ANCHORS];
	bool gone;
	int r;
	struct mst_diam_config n = { .identity = c->identity, .realm = c->realm, .n_listen = c->n_listen, .port = (uint16_t)c->port,
		.secure_port = (uint16_t)c->secure_port, .peer = d->peer, .zh = true, .zn = true, .retry = (unsigned)c->retry,
		.watchdog = (unsigned)c->watchdog, .requests_max = (size_t)u->conf->limits.requests, .log = on_log, .log_arg = d };

	d->out = malloc(MST_FRAME_MAX);
	d->text = malloc(MST_FRAME_MAX);
	d->arena = malloc(DIAMETER_ARENA);
	if (!d->out || !d->text || !d->arena)
		return MST_FAULT_MEMORY;
	peers_of(d);
	memcpy(&d->as, c, sizeof(d->as));
	n.n_peers = d->n_peers;
	memcpy(n.listen, c->listen, sizeof(n.listen));
	if (m) {
		n.chain_pem = m->chain_pem;
		n.key_pkcs8 = m->key_pkcs8;
		n.anchors = m->anchor;
		n.n_anchors = m->n_anchors;
		n.without = without;
		n.n_without = without_list(d, m, d->without, without);
	}
	r = mst_diam_prepare(&n, &d->node, diag);
	return r || !m ? r : mst_diam_lists(d->node, m->crl, m->n_crls, &gone);
}

/* The library's threads begin in the sandbox. */
static int diameter_confined(struct mst_unit *u, struct mst_diag *diag)
{
	struct diameter *d = (struct diameter *)(void *)u;
	int r = mst_diam_start(d->node, &node_ops, d, diag);

	if (r)
		return r;
	d->readable = event_new(u->base, mst_diam_fd(d->node), EV_READ | EV_PERSIST, on_readable, d);
	return d->readable && !event_add(d->readable, NULL) ? 0 : MST_FAULT_MEMORY;
}

/* Octets, and all of them were zero before the reader filled them in. */
static bool same(const void *a, const void *b, size_t n)
{
	return !memcmp(a, b, n);
}

static void begin_again(struct diameter *d, const char *why)
{
	if (d->again)
		return;
	d->again = why;
	d->hurry = mst_now_ms() + HURRY_MS;
}

/*
 * Lists are made anew again and again, for nodes, too: that is no reason to cut everybody. They count at once. But an anchor that
 * comes or goes by them is the library's, and whoever is here and revoked is to go.
 */
static int take_lists(struct diameter *d, const struct mst_material *m, struct mst_diag *diag)
{
	struct mst_view without[MST_MATERIAL_ANCHORS];
	bool is[MST_MATERIAL_ANCHORS] = { false }, gone;
	int r = mst_diam_lists(d->node, m->crl, m->n_crls, &gone);

	if (r) {
		mst_diag_set(diag, 0, "diameter.crls", "the library cannot read a list", NULL);
		return r;
	}
	(void)without_list(d, m, is, without);
	if (gone || !same(is, d->without, sizeof(is)))
		begin_again(d, "begins again with the lists of now");
	return 0;
}

/*
 * The library takes its settings once. When ours are others now, this process ends once it has said that it took them over,
 * and the supervisor starts it again. Material is compared where it comes in: see mst_unit.material_changed.
 */
static int diameter_reload(struct mst_unit *u, struct mst_diag *diag)
{
	struct diameter *d = (struct diameter *)(void *)u;
	const struct mst_material *m = mst_unit_material(u, MST_ROLE_NONE);

	if (u->material_changed || !same(&d->as, &u->conf->diameter, sizeof(d->as)))
		begin_again(d, "begins again with the new settings");
	return m && d->node ? take_lists(d, m, diag) : 0;
}

static void diameter_tick(struct mst_unit *u)
{
	struct diameter *d = (struct diameter *)(void *)u;
	uint64_t open = 0;

	if (!d->node)
		return;
	serve_late(d, mst_now_ms());
	ask_late(d, mst_now_ms());
	for (size_t i = 0; i < d->n_peers; i++)
		open += mst_diam_is_open(d->node, d->peer[i].identity);
	u->m.v[MST_M_DIAMETER_PEERS] = d->n_peers;
	u->m.v[MST_M_DIAMETER_OPEN] = open;
	u->m.v[MST_M_WAITING] = mst_diam_waiting(d->node);
	if (d->lists_until && d->lists_until <= (mst_time)time(NULL) && !d->again) {
		mst_log(&u->log, MST_LOG_WARNING, "a revocation list that is required has ended, or another begins", NULL);
		begin_again(d, "begins again with the lists of now");
	}
	if (d->again && !d->ending && ((!d->calls && !d->questions) || d->hurry <= mst_now_ms())) {
		mst_log(&u->log, MST_LOG_INFO, d->again, NULL);
		d->ending = true;              /* the last metrics are another tick */
		mst_unit_done(u);
	}
}

static void diameter_drain(struct mst_unit *u)
{
	struct diameter *d = (struct diameter *)(void *)u;

	serve_late(d, MST_NEVER);
	mst_unit_done(u);
}

static void diameter_stop(struct mst_unit *u)
{
	struct diameter *d = (struct diameter *)(void *)u;

	if (d->readable)
		event_free(d->readable);
	if (d->node && d->out)
		serve_late(d, MST_NEVER);
	ask_drop(d);
	d->node = mst_diam_free(d->node);
	(void)mst_link_free(d->engine);
	if (d->text)
		mst_wipe(d->text, MST_FRAME_MAX);
	if (d->out)
		mst_wipe(d->out, MST_FRAME_MAX);
	free(d->out);
	free(d->text);
	free(d->arena);
}

const struct mst_unit_ops mst_diameter_unit = {
	.kind = MST_PROC_DIAMETER,
	.size = sizeof(struct diameter),
	.start = diameter_start,
	.confined = diameter_confined,
	.reload = diameter_reload,
	.attach = diameter_attach,
	.drain = diameter_drain,
	.tick = diameter_tick,
	.stop = diameter_stop,
};
