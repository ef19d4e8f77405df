/*
 * Who is configured, who is connected, who may be heard. The library checks a certificate's path, but a name only of whom it
 * dialled itself: a configured peer's name in a CER would be enough for anybody with a certificate of the same anchors. So
 * the name is looked at here for every connection, and of a peer that does not show it nothing is heard and it gets nothing.
 */
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "diameter/internal.h"

static struct {
	pthread_mutex_t lock;
	struct { struct mst_diam_peer conf; bool open; } peer[MST_DIAM_PEERS];
	size_t n;
	struct fd_hook_hdl *hook;
	struct fd_rt_out_hdl *route;
} peers = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t find(const char *identity, size_t n)
{
	for (size_t i = 0; i < peers.n; i++)
		if (strlen(peers.peer[i].conf.identity) == n && !strncasecmp(peers.peer[i].conf.identity, identity, n))
			return i;
	return peers.n;
}

bool diam_peer_good(const char *identity, size_t n, struct diam_peer *ret_p)
{
	size_t i, open = 0;
	bool good;

	pthread_mutex_lock(&peers.lock);
	i = find(identity, n);
	good = i < peers.n && peers.peer[i].open;
	for (size_t k = 0; good && k < peers.n; k++)
		open += peers.peer[k].open;
	if (good)
		*ret_p = (struct diam_peer){ .place = i, .open = open, .relay = peers.peer[i].conf.relay };
	pthread_mutex_unlock(&peers.lock);
	return good;
}

bool mst_diam_is_open(struct mst_diam *n, const char *identity)
{
	struct diam_peer peer;
	bool open = false;

	(void)n;
	if (!diam_peer_good(identity, strlen(identity), &peer))
		return false;
	/* it may have said goodbye, of which no hook tells */
	pthread_rwlock_rdlock(&fd_g_peers_rw);
	for (struct fd_list *l = fd_g_peers.next; l != &fd_g_peers; l = l->next) {
		struct peer_hdr *p = (struct peer_hdr *)l;
		int state = fd_peer_get_state(p);

		if (!strcasecmp(p->info.pi_diamid, identity))
			open = state == STATE_OPEN || state == STATE_OPEN_NEW || state == STATE_REOPEN || state == STATE_SUSPECT;
	}
	pthread_rwlock_unlock(&fd_g_peers_rw);
	return open;
}

/* NULL, or why the peer's certificate does not say that it is that one. */
static const char *wrong_name(const struct peer_info *p)
{
	const char *why = "its certificate cannot be read";
	gnutls_x509_crt_t crt;

	if (!p->runtime.pir_cert_list || !p->runtime.pir_cert_list_size)
		return "it came without TLS, which is wanted of it";
	if (gnutls_x509_crt_init(&crt))
		return why;
	if (!gnutls_x509_crt_import(crt, p->runtime.pir_cert_list, GNUTLS_X509_FMT_DER))
		why = gnutls_x509_crt_check_hostname2(crt, p->pi_diamid, GNUTLS_VERIFY_DO_NOT_ALLOW_WILDCARDS) ? NULL :
		      "its certificate is of another name";
	gnutls_x509_crt_deinit(crt);
	return why;
}

static void tell(const char *identity, bool open, const char *words)
{
	struct diam_event *e = diam_event(DIAM_PEER, 0);

	if (!e)
		return;
	snprintf(e->peer, sizeof(e->peer), "%s", identity);
	snprintf(e->words, sizeof(e->words), "%s", words ? words : "");
	e->flag = open;
	diam_post(e);
}

/* In the thread of that peer, which is connected now; `cea` is ours when it dialled us. Whom we dialled has shown the library
 * his name, which no longer has the certificate then. */
static void connected(const struct peer_info *p, struct msg *cea)
{
	const char *why = "it is not configured";
	DiamId_t from = NULL;
	bool dialled = cea && !fd_msg_source_get(cea, &from, NULL) && from;
	size_t i;

	pthread_mutex_lock(&peers.lock);
	i = find(p->pi_diamid, p->pi_diamidlen);
	if (i < peers.n) {
		why = peers.peer[i].conf.tls && !dialled ? wrong_name(p) : NULL;
		peers.peer[i].open = !why;
	}
	pthread_mutex_unlock(&peers.lock);
	tell(p->pi_diamid, !why, why);
}

static void disconnected(const struct peer_info *p, const char *words)
{
	size_t i;

	pthread_mutex_lock(&peers.lock);
	i = find(p->pi_diamid, p->pi_diamidlen);
	if (i < peers.n)
		peers.peer[i].open = false;
	pthread_mutex_unlock(&peers.lock);
	tell(p->pi_diamid, false, words);
}

/* All of them, since the library's own would write whole messages to its log, keys included. */
static void hook(enum fd_hook_type type, struct msg *msg, struct peer_hdr *peer, void *other, struct fd_hook_permsgdata *pmd, void *data)
{
	(void)pmd;
	(void)data;
	switch ((int)type) {
	case HOOK_PEER_CONNECT_SUCCESS:
		connected(&peer->info, msg);
		break;
	case HOOK_PEER_CONNECT_FAILED:
		if (peer)
			disconnected(&peer->info, other);
		else
			diam_say(true, "somebody who is no peer of ours was turned away");
		break;
	case HOOK_MESSAGE_DROPPED:
		if (msg)
			diam_dropped(msg, other);
		break;
	default:
		break;
	}
}

/* Who is not in the list of those that are dialled: may he come? */
static int validate(struct peer_info *p, int *auth, int (**second)(struct peer_info *))
{
	size_t i;

	(void)second;
	*auth = -1;
	pthread_mutex_lock(&peers.lock);
	i = find(p->pi_diamid, p->pi_diamidlen);
	if (i < peers.n) {
		const struct mst_diam_peer *c = &peers.peer[i].conf;

		p->config.pic_flags.sec = c->tls ? PI_SEC_DEFAULT : PI_SEC_NONE;
		p->config.pic_flags.pro4 = PI_P4_TCP;
		if ((!c->tls || !wrong_name(p)) && (!c->realm[0] || (p->runtime.pir_realm && !strcasecmp(c->realm, p->runtime.pir_realm))))
			*auth = 1;
	}
	pthread_mutex_unlock(&peers.lock);
	return 0;
}

/* Where a request may go: to peers that may be heard; by an agent when it is for none of them. */
static int route(void *data, struct msg **msg, struct fd_list *candidates)
{
	(void)data;
	(void)msg;
	for (struct fd_list *l = candidates->next; l != candidates; l = l->next) {
		struct rtd_candidate *c = (struct rtd_candidate *)l;
		struct diam_peer p;

		if (!diam_peer_good(c->diamid, c->diamidlen, &p))
			c->score = FD_SCORE_NO_DELIVERY;
		else if (p.relay)
			c->score += FD_SCORE_DEFAULT;
	}
	return 0;
}

int diam_peers_begin(const struct mst_diam_config *c)
{
	if (c->n_peers > MST_DIAM_PEERS)
		return MST_FAULT_CONFIG;
	for (size_t i = 0; i < c->n_peers; i++)
		peers.peer[i].conf = c->peer[i];
	peers.n = c->n_peers;
	return 0;
}

int diam_peers_hooks(void)
{
	uint32_t all = HOOK_MASK(HOOK_DATA_RECEIVED, HOOK_MESSAGE_RECEIVED, HOOK_MESSAGE_LOCAL, HOOK_MESSAGE_SENDING, HOOK_MESSAGE_SENT,
		HOOK_MESSAGE_FAILOVER, HOOK_MESSAGE_PARSING_ERROR, HOOK_MESSAGE_ROUTING_ERROR, HOOK_MESSAGE_ROUTING_FORWARD,
		HOOK_MESSAGE_ROUTING_LOCAL, HOOK_MESSAGE_DROPPED, HOOK_PEER_CONNECT_FAILED, HOOK_PEER_CONNECT_SUCCESS, HOOK_MESSAGE_PARSING_ERROR2);

	return fd_hook_register(all, hook, NULL, NULL, &peers.hook) || fd_peer_validate_register(validate) ||
	       fd_rt_out_register(route, NULL, 10, &peers.route) ? MST_FAULT_MEMORY : 0;
}

void diam_peers_end(void)
{
	pthread_mutex_lock(&peers.lock);
	peers.n = 0;
	pthread_mutex_unlock(&peers.lock);
}
