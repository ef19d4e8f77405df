/*
 * A Diameter node for Zh and Zn on freeDiameter's libraries: connections, capabilities, watchdog and routing are theirs, the
 * messages are ours (codec/diameter.h). The library has threads and one state for the whole process, so there is one node, in
 * a process of its own (decision 0023). Its threads put what happens into a queue; everything here but `log` is called from
 * the thread that takes from it.
 */
#ifndef MST_DIAMETER_DIAMETER_H
#define MST_DIAMETER_DIAMETER_H

#include "base/attr.h"
#include "base/diag.h"
#include "base/fault.h"
#include "codec/diameter.h"
#include "codec/ident.h"

#define MST_DIAM_PEERS 16
#define MST_DIAM_WITHOUT 64
#define MST_DIAM_LISTEN 8

struct mst_diam_peer {
	char identity[MST_ID_MAX], realm[MST_ID_MAX];
	char address[64];              /* dial it there; "" = it dials us */
	uint16_t port;                 /* 0 = the usual one */
	bool tls;                      /* else in clear: loopback, or a line that is protected otherwise (IPsec) */
	bool relay;                    /* speaks for others: agents of an operator; gets what nobody else is for */
};

struct mst_diam_config {
	const char *identity, *realm;
	char listen[MST_DIAM_LISTEN][64];      /* addresses without port; none: nobody can dial us */
	size_t n_listen;
	uint16_t port, secure_port;            /* 0 = not listened to */
	const struct mst_diam_peer *peer;
	size_t n_peers;
	bool zh, zn;                           /* applications that are told to peers */
	/* TLS, wanted when a peer has it: PEM, the others DER */
	struct mst_view chain_pem, key_pkcs8;
	const struct mst_view *anchors;
	size_t n_anchors;
	const struct mst_view *without;        /* some of `anchors`: for our own certificate, but for no peer's */
	size_t n_without;                      /* MST_DIAM_WITHOUT at most */
	unsigned retry, watchdog;              /* seconds: between attempts to connect (Tc); of silence (Tw, at least 6) */
	size_t requests_max;                   /* that wait for an answer of ours; then TOO_BUSY */
	void (*log)(void *arg, bool error, const char *text);     /* from any thread */
	void *log_arg;
};

struct mst_diam;
struct mst_diam_ops {
	/* A request from an authenticated peer, `peer` its identity. Answer it once with this id. */
	void (*request)(void *owner, uint64_t id, const char *peer, bool relay, struct mst_view raw);
	/* The answer to mst_diam_ask(id), of whatever result. */
	void (*answer)(void *owner, uint64_t id, struct mst_view raw);
	/* There will be none, or none that can be read; `words` say why. Not `unreachable`: it was sent. */
	void (*none)(void *owner, uint64_t id, bool unreachable, const char *words);
	/* A peer can be talked to, or no longer. */
	void (*peer)(void *owner, const char *identity, bool open, const char *words);
};

/* Files in memory of which the library reads: before a sandbox forbids to make any. 0 or a fault with `d`. */
MST_MUST_CHECK int mst_diam_prepare(const struct mst_diam_config *c, struct mst_diam **ret_n, struct mst_diag *d);
/*
 * The revocation lists that count from now on, in place of those before: of who comes, and of who is here. He is not heard any more
 * when he is on one, and gets nothing; `ret_gone`: the library ends no connection of its own accord, so this process is to end.
 */
MST_MUST_CHECK int mst_diam_lists(struct mst_diam *n, const struct mst_view *crls, size_t n_crls, bool *ret_gone);
/* Threads, sockets, first attempts to connect. Once in a process. */
MST_MUST_CHECK int mst_diam_start(struct mst_diam *n, const struct mst_diam_ops *ops, void *owner, struct mst_diag *d);
int mst_diam_fd(const struct mst_diam *n);      /* readable: call mst_diam_pump() */
void mst_diam_pump(struct mst_diam *n);
size_t mst_diam_waiting(const struct mst_diam *n);      /* requests without an answer of ours */
bool mst_diam_is_open(struct mst_diam *n, const char *identity);

/* AVPs behind Session-Id and origin (mst_dm_put_…). `result`: sets the E bit for those that are protocol errors. */
MST_MUST_CHECK int mst_diam_answer(struct mst_diam *n, uint64_t id, uint32_t result, struct mst_view avps);
MST_MUST_CHECK int mst_diam_ask(struct mst_diam *n, uint32_t application, uint64_t id, struct mst_view avps, unsigned seconds);

/* Says goodbye to the peers, which may take some seconds, and ends the threads. */
struct mst_diam *mst_diam_free(struct mst_diam *n);

#endif
