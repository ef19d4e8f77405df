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

#define SHOWN 64
/* The library's own look at a certificate's path, which it has no header for. */
int fd_tls_verify_credentials_2(gnutls_session_t session);

static struct {
	pthread_mutex_t lock;
	struct { struct mst_diam_peer conf; bool open; } peer[MST_DIAM_PEERS];
	size_t n;
	gnutls_x509_crl_t *list;               /* that count */
	unsigned n_lists;
	struct shown { gnutls_x509_crt_t *chain; unsigned n; } shown[SHOWN];     /* by peers, in handshakes that were good */
	size_t n_shown;
	bool forgot;                           /* some that were shown: there was no place any more */
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

/* --- revocation: looked at here, since the library reads lists once and never again --- */

static void free_chain(gnutls_x509_crt_t *chain, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(chain[i]);
	free(chain);
}

static bool read_chain(const gnutls_datum_t *der, unsigned n, gnutls_x509_crt_t **ret_chain)
{
	gnutls_x509_crt_t *chain = calloc(n, sizeof(*chain));          /* NOLINT(bugprone-sizeof-expression): an array of pointers */
	bool good = chain;
	unsigned k = 0;

	while (good && k < n) {
		good = !gnutls_x509_crt_init(&chain[k]);
		if (good) {
			good = !gnutls_x509_crt_import(chain[k], &der[k], GNUTLS_X509_FMT_DER);
			k++;
		}
	}
	if (good)
		*ret_chain = chain;
	else
		free_chain(chain, k);
	return good;
}

static bool on_a_list(const gnutls_x509_crt_t *chain, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (gnutls_x509_crt_check_revocation(chain[i], peers.list, peers.n_lists))          /* an error, too */
			return true;
	return false;
}

static bool names(gnutls_x509_crt_t crt, const char *identity)
{
	return gnutls_x509_crt_check_hostname2(crt, identity, GNUTLS_VERIFY_DO_NOT_ALLOW_WILDCARDS);
}

/* NULL, or why the peer's certificate does not say that it is that one. */
static const char *wrong(const struct peer_info *p)
{
	unsigned n = p->runtime.pir_cert_list_size;
	gnutls_x509_crt_t *chain;
	const char *why;

	if (!p->runtime.pir_cert_list || !n)
		return "it came without TLS, which is wanted of it";
	if (!read_chain(p->runtime.pir_cert_list, n, &chain))
		return "its certificate cannot be read";
	why = !names(chain[0], p->pi_diamid) ? "its certificate is of another name" : on_a_list(chain, n) ? "its certificate is revoked" : NULL;
	free_chain(chain, n);
	return why;
}

static bool equal(const struct shown *s, gnutls_x509_crt_t *chain, unsigned n)
{
	unsigned i = 0;

	while (i < n && s->n == n && gnutls_x509_crt_equals(s->chain[i], chain[i]))
		i++;
	return i == n;
}

/* NULL: nobody of ours, so that it will not be heard. */
static const char *whose(gnutls_x509_crt_t crt)
{
	for (size_t i = 0; i < peers.n; i++)
		if (names(crt, peers.peer[i].conf.identity))
			return peers.peer[i].conf.identity;
	return NULL;
}

/* Of a peer of ours, once. False: it is not kept. */
static bool keep(gnutls_x509_crt_t *chain, unsigned n)
{
	if (!whose(chain[0]))
		return false;
	for (size_t i = 0; i < peers.n_shown; i++)
		if (equal(&peers.shown[i], chain, n))
			return false;
	if (peers.n_shown == SHOWN) {
		peers.forgot = true;
		return false;
	}
	peers.shown[peers.n_shown++] = (struct shown){ chain, n };
	return true;
}

/* In each handshake, of who dials us and of whom we dial: 0, or it fails. */
static int verify(gnutls_session_t session)
{
	const gnutls_datum_t *der;
	gnutls_x509_crt_t *chain;
	unsigned n = 0;
	bool revoked, kept;
	const char *who;
	char text[MST_ID_MAX + 40];
	int r = fd_tls_verify_credentials_2(session);

	if (r)
		return r;
	der = gnutls_certificate_get_peers(session, &n);
	if (!der || !n || !read_chain(der, n, &chain))
		return GNUTLS_E_CERTIFICATE_ERROR;
	pthread_mutex_lock(&peers.lock);
	who = whose(chain[0]);
	revoked = on_a_list(chain, n);
	kept = !revoked && keep(chain, n);
	pthread_mutex_unlock(&peers.lock);
	if (!kept)
		free_chain(chain, n);
	snprintf(text, sizeof(text), "the certificate of %s is revoked", who ? who : "somebody who is no peer of ours");
	if (revoked)
		diam_say(true, text);
	return revoked ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

static void free_lists(gnutls_x509_crl_t *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crl_deinit(list[i]);
	free(list);
}

static int read_lists(const struct mst_view *crls, size_t n, gnutls_x509_crl_t **ret_list)
{
	gnutls_x509_crl_t *list = calloc(n ? n : 1, sizeof(*list));          /* NOLINT(bugprone-sizeof-expression): an array of pointers */
	int r = list ? 0 : MST_FAULT_MEMORY;
	unsigned k = 0;

	while (!r && k < n) {
		gnutls_datum_t der = { (unsigned char *)(uintptr_t)crls[k].p, (unsigned)crls[k].n };

		r = gnutls_x509_crl_init(&list[k]) ? MST_FAULT_MEMORY : 0;
		if (!r)
			r = gnutls_x509_crl_import(list[k++], &der, GNUTLS_X509_FMT_DER) ? MST_FAULT_CONFIG : 0;
	}
	if (r)
		free_lists(list, k);
	else
		*ret_list = list;
	return r;
}

/*
 * Whose certificate is on a list now: he is here by it, or by another one, which is not known of whom we dialled. There its
 * connection may also be about to open. When it is not known what was shown here, it may be anybody's. True: there is one.
 */
static bool deafen(bool gone[MST_DIAM_PEERS])
{
	bool any = peers.forgot;

	for (size_t i = 0; i < peers.n_shown; i++) {
		const struct shown *s = &peers.shown[i];

		if (!on_a_list(s->chain, s->n))
			continue;
		for (size_t k = 0; k < peers.n; k++) {
			const struct mst_diam_peer *c = &peers.peer[k].conf;
			bool is = c->tls && names(s->chain[0], c->identity);

			gone[k] = gone[k] || (is && peers.peer[k].open);
			any = any || (is && (peers.peer[k].open || c->address[0]));
		}
	}
	for (size_t k = 0; k < peers.n; k++)
		peers.peer[k].open = peers.peer[k].open && !gone[k];
	return any;
}

int mst_diam_lists(struct mst_diam *n, const struct mst_view *crls, size_t n_crls, bool *ret_gone)
{
	bool gone[MST_DIAM_PEERS] = { false }, any;
	gnutls_x509_crl_t *list, *was;
	unsigned n_was;
	int r = read_lists(crls, n_crls, &list);

	(void)n;
	if (r)
		return r;
	pthread_mutex_lock(&peers.lock);
	was = peers.list;
	n_was = peers.n_lists;
	peers.list = list;
	peers.n_lists = (unsigned)n_crls;
	any = deafen(gone);
	pthread_mutex_unlock(&peers.lock);
	free_lists(was, n_was);
	for (size_t i = 0; i < MST_DIAM_PEERS; i++)
		if (gone[i])
			tell(peers.peer[i].conf.identity, false, "a certificate of its name is revoked");
	*ret_gone = any;
	return 0;
}

/* --- who comes and goes --- */

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
		why = peers.peer[i].conf.tls && !dialled ? wrong(p) : NULL;
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
		if ((!c->tls || !wrong(p)) && (!c->realm[0] || (p->runtime.pir_realm && !strcasecmp(c->realm, p->runtime.pir_realm))))
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

int diam_peers_hooks(bool tls)
{
	uint32_t all = HOOK_MASK(HOOK_DATA_RECEIVED, HOOK_MESSAGE_RECEIVED, HOOK_MESSAGE_LOCAL, HOOK_MESSAGE_SENDING, HOOK_MESSAGE_SENT,
		HOOK_MESSAGE_FAILOVER, HOOK_MESSAGE_PARSING_ERROR, HOOK_MESSAGE_ROUTING_ERROR, HOOK_MESSAGE_ROUTING_FORWARD,
		HOOK_MESSAGE_ROUTING_LOCAL, HOOK_MESSAGE_DROPPED, HOOK_PEER_CONNECT_FAILED, HOOK_PEER_CONNECT_SUCCESS, HOOK_MESSAGE_PARSING_ERROR2);

	if (tls)
		gnutls_certificate_set_verify_function(fd_g_config->cnf_sec_data.credentials, verify);
	return fd_hook_register(all, hook, NULL, NULL, &peers.hook) || fd_peer_validate_register(validate) ||
	       fd_rt_out_register(route, NULL, 10, &peers.route) ? MST_FAULT_MEMORY : 0;
}

void diam_peers_end(void)
{
	pthread_mutex_lock(&peers.lock);
	peers.n = 0;
	for (size_t i = 0; i < peers.n_shown; i++)
		free_chain(peers.shown[i].chain, peers.shown[i].n);
	peers.n_shown = 0;
	free_lists(peers.list, peers.n_lists);
	peers.list = NULL;
	peers.n_lists = 0;
	pthread_mutex_unlock(&peers.lock);
}
