/*
 * CoAP over DTLS 1.2 (RFC 7252 9) on libevent_core: one unconnected UDP socket, its sessions found by address, each a state
 * machine with deadlines. Nothing is kept of an address that has not returned a cookie, and nothing more is sent to it than
 * it has sent. Suites: TLS_PSK_WITH_AES_128_CCM_8 (TS-0003 10.2.2), TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 (TS-0003 10.2.3), and
 * better ones, as the profile of the context says. What arrives is told in HTTP's words (codec/coap-map.h), so that who serves one serves the other.
 *
 * The owner gives callbacks; a request is answered later, in any order between sessions, one at a time in each.
 */
#ifndef MST_TRANSPORT_COAP_SERVER_H
#define MST_TRANSPORT_COAP_SERVER_H

#include "codec/coap-m2m.h"
#include "transport/tls.h"

struct event_base;
struct mst_coap_server;              /* one socket */
struct mst_coap_conn;                /* one session; valid until on_close returns */

struct mst_coap_limits {
	/*
	 * About 45 kB each. When all are taken the one that idles longest gives way: of its own address when that has a quarter
	 * of them, else of one that has more than a quarter, else of any. Fixed at the start.
	 */
	unsigned sessions;
	unsigned handshakes;         /* running at the same time, behind the cookie, in half of the sessions at most; beyond, a ClientHello is not heard */
	unsigned requests;           /* outstanding with the owner: beyond 5.03 with Max-Age */
	size_t body_octets;          /* of a request */
	/* Of contents in blocks, both ways, in all sessions together: beyond 5.03. When half are taken, no address gets more than a
	 * quarter. */
	size_t held_octets;
	mst_ms handshake_ms, idle_ms, answer_ms;
	mst_ms session_ms;           /* the longest that a session is kept */
};

struct mst_coap_ops {
	/* A whole request arrived, borrowed until this returns. Answer with mst_coap_conn_answer(). */
	void (*on_request)(void *owner, struct mst_coap_conn *c, const struct mst_http_msg *m);
	/* As of struct mst_server_ops (server.h), with mst_coap_conn_psk(). */
	void (*on_psk)(void *owner, struct mst_coap_conn *c, const char *identity);
	void (*on_handshake_failed)(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail);
	void (*on_close)(void *owner, struct mst_coap_conn *c, bool pending);
	/* A request that never reached on_request was refused with this status, as HTTP would say it, or broke off, or was none (0).
	 * May be NULL. */
	void (*on_refused)(void *owner, struct mst_coap_conn *c, int status, const char *why);
};

/* `fd`: a bound UDP socket (mst_listen_udp), taken over. `tls`: made with `datagram`. `host`: for requests without Uri-Host. */
MST_MUST_CHECK int mst_coap_server_new(struct event_base *base, int fd, struct mst_tls_ctx *tls, const char *host,
				       const struct mst_coap_limits *l, const struct mst_coap_ops *ops, void *owner,
				       struct mst_coap_server **ret);
/* Of sessions from now on: whether their requests are primitives, and with which numbers (TS-0008). Else MST_COAP_BARE. */
void mst_coap_server_speak(struct mst_coap_server *s, enum mst_coap_dialect x);
/* For new sessions; idle ones end now, others after what is going on. One that has not asked yet may ask once, if its certificate
 * is good by the new settings too. */
void mst_coap_server_reload(struct mst_coap_server *s, struct mst_tls_ctx *tls);
/* Sessions of that one, or that group, end: idle ones now, others after the answer that is being made. What is not all there yet gets none, nor does
 * a handshake that is not over come to an end. */
void mst_coap_server_cut(struct mst_coap_server *s, const struct mst_whose *whose);
void mst_coap_server_set_limits(struct mst_coap_server *s, const struct mst_coap_limits *l);
void mst_coap_server_drain(struct mst_coap_server *s);
unsigned mst_coap_server_open(const struct mst_coap_server *s);
struct mst_coap_server *mst_coap_server_free(struct mst_coap_server *s);

struct mst_coap_server_stats {
	uint64_t accepted, refused, handshakes, handshake_failures, requests;
	uint64_t cookies;            /* ClientHellos answered with one, and forgotten */
	uint64_t evicted;            /* idle sessions that gave way to new ones */
	uint64_t repeated, resent;   /* CoAP messages that came again; that we had to send again */
	unsigned open;
};
struct mst_coap_server_stats mst_coap_server_stats(const struct mst_coap_server *s);

const struct mst_peer *mst_coap_conn_peer(const struct mst_coap_conn *c);
void *mst_coap_conn_data(const struct mst_coap_conn *c);
void mst_coap_conn_set_data(struct mst_coap_conn *c, void *data);
/* Whose session it has turned out to be, for mst_coap_server_cut(). */
void mst_coap_conn_set_whose(struct mst_coap_conn *c, const struct mst_whose *whose);
uint64_t mst_coap_conn_id(const struct mst_coap_conn *c);         /* of no connection of mst_server either */
MST_MUST_CHECK int mst_coap_conn_export(struct mst_coap_conn *c, const char *label, uint8_t *out, size_t n);
void mst_coap_conn_psk(struct mst_coap_conn *c, const struct mst_key *k);
void mst_coap_conn_busy(struct mst_coap_conn *c, const char *detail);
/* Answer the outstanding request: status as in HTTP, or the RSC of a primitive and its options; seconds until it is worth
 * asking again (0: not said). */
struct mst_coap_result { int status; const char *media; struct mst_view content; unsigned retry_after; const struct mst_coap_params *params; };
enum mst_coap_dialect mst_coap_conn_dialect(const struct mst_coap_conn *c);
void mst_coap_conn_answer(struct mst_coap_conn *c, const struct mst_coap_result *r);

/* UDP socket on "host:port" or "[v6]:port", as mst_listen(). */
MST_MUST_CHECK int mst_listen_udp(const char *address, bool reuseport, int *ret_fd, uint16_t *ret_port, struct mst_diag *d);

#endif
