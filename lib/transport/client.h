/*
 * HTTPS client on libevent_core, HTTP/1.1 and, when it is asked to, HTTP/2; for primitives CoAP over DTLS in their place: resolves (all addresses, IPv6 and IPv4, in order: lesson 8), connects,
 * hands-shakes, sends one request at a time (HTTP/2: several) on a kept session. Every step has a deadline.
 * Names are resolved off the loop, so that a slow resolver never stops it; numeric hosts at once.
 */
#ifndef MST_TRANSPORT_CLIENT_H
#define MST_TRANSPORT_CLIENT_H

#include "codec/coap.h"
#include "transport/http.h"
#include "transport/tls.h"

struct event_base;
struct mst_client;

/*
 * Who proves each request inside the session (HTTP Digest): what is sent passes through `put`, and each answer through `judge` before its
 * owner has it. HTTP/1.1 alone.
 */
#define MST_CLIENT_PROOF_OCTETS 4096         /* by so much `put` may lengthen a request */
struct mst_client_proof_ops {
	/* False: it cannot be sent. */
	bool (*put)(void *arg, struct mst_view request, struct mst_writer *w);
	/* MST_TLS_OPEN: *ret_again: the same request once more, else the answer is the owner's. Anything else ends the session; *ret_detail
	 * is borrowed until the next call. */
	enum mst_tls_end (*judge)(void *arg, const struct mst_http_msg *m, bool *ret_again, const char **ret_detail);
	void (*free)(void *arg);
};

struct mst_client_config {
	struct event_base *base;
	struct mst_tls_ctx *tls;             /* NULL: plain, only for "unix:/path", or with `clear` */
	bool clear;                          /* plain text over the network: for what is protected inside (Ub, TS 24.109) */
	const char *host;                    /* name or address; SNI and name check use `server_name` */
	uint16_t port;
	const char *server_name;             /* FQDN that the server's certificate must name exactly (kind FQDN) */
	const char *connect_to;              /* optional "host:port" to dial instead (tests, proxies); name check unchanged */
	const struct mst_key *psk;           /* PSK session: key and identity; copied and wiped by the client */
	const char *psk_identity;
	struct mst_http_limits limits;
	mst_ms connect_ms, handshake_ms, answer_ms;      /* 0 = 10, 15, 30 s; connect_ms counts for each address */
	const struct mst_view *pins;         /* public key pins (ni:) that may replace the anchors */
	size_t n_pins;
	const struct mst_client_proof_ops *proof;    /* NULL: none. `proof_arg` is the client's, also when mst_client_new() fails */
	void *proof_arg;
	/* Primitives over CoAP (coap-client.h) instead, with these options; `tls` made with `datagram`. BARE: HTTP. */
	enum mst_coap_dialect dialect;
	unsigned streams;                    /* HTTP/2 is offered, with so many requests at a time; 0: HTTP/1.1 alone */
};

struct mst_client_ops {
	void (*on_open)(void *owner, struct mst_client *c);                      /* handshake done */
	/* A whole response; borrowed until the callback returns. */
	void (*on_response)(void *owner, struct mst_client *c, const struct mst_http_msg *m);
	/* The session ended; nothing more will be called. `why` MST_TLS_CLOSED after mst_client_close(). */
	void (*on_end)(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail);
	/*
	 * To mst_client_ask(): the answer to that request, borrowed until the callback returns; or NULL, and why there is none
	 * while the session goes on. MST_TLS_BUSY: the server has not looked at it, so it may be asked again.
	 * With on_end whatever was not answered ends, without a word to each.
	 */
	void (*on_answer)(void *owner, struct mst_client *c, uint64_t id, const struct mst_http_msg *m, enum mst_tls_end why, const char *detail);
};

/* Starts connecting; callbacks come from the loop, never from inside this call. */
MST_MUST_CHECK int mst_client_new(const struct mst_client_config *cfg, const struct mst_client_ops *ops, void *owner, struct mst_client **ret);
/* Send whole HTTP/1.1 octets (copied). One request may be outstanding. Not where HTTP/2 is offered, nor over CoAP. */
MST_MUST_CHECK int mst_client_send(struct mst_client *c, struct mst_view octets);
#define MST_CLIENT_PRIMITIVE 8192            /* octets of one over HTTP, header and all */
/* A primitive, in the binding of the session, answered by on_response with the headers of TS-0009. `host`: of HTTP. */
MST_MUST_CHECK int mst_client_request(struct mst_client *c, const struct mst_request *q, const char *host);
/* The same for either version, answered by on_answer: as many at a time as there is room for. */
MST_MUST_CHECK int mst_client_ask(struct mst_client *c, struct mst_view octets, uint64_t *ret_id);
unsigned mst_client_room(const struct mst_client *c);         /* how many more may be asked now; 0 before on_open */
bool mst_client_is_h2(const struct mst_client *c);
/* In on_end: the server has ended the session in order (close_notify). What it had not answered it has not looked at: servers that drain, or have
 * new settings, finish what they have begun. */
bool mst_client_good_bye(const struct mst_client *c);
/*
 * In on_end: had the server shown by then that it has its key? Before that whatever ended the session may be the word of anybody on the way. In
 * TLS 1.2 alerts are in clear until the handshake's end: somebody who passes on what a server says can still put one behind its proof.
 */
bool mst_client_proven(const struct mst_client *c);
MST_MUST_CHECK int mst_client_export(struct mst_client *c, const char *label, uint8_t *out, size_t n);
const struct mst_peer *mst_client_peer(const struct mst_client *c);
/* Orderly: close_notify, then on_end(MST_TLS_CLOSED) from the loop. */
void mst_client_close(struct mst_client *c);
struct mst_client *mst_client_free(struct mst_client *c);     /* allowed inside callbacks; no further callback */

#endif
