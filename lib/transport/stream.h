/*
 * A secured connection for octets of any kind: TLS with a pre-shared key on both sides (TS-0003 8.2.2.3 and its like),
 * on libevent_core, by the same pump and profile as server.h and client.h. The key of the accepting side may come late:
 * its handshake is suspended meanwhile.
 *
 * Each direction ends by itself (close_notify and FIN); the session is over when both have. What waits to be written is
 * bounded; what is read is given to the owner as long as he wants it.
 */
#ifndef MST_TRANSPORT_STREAM_H
#define MST_TRANSPORT_STREAM_H

#include "base/secret.h"
#include "transport/tls.h"

struct event_base;
struct mst_stream;

#define MST_STREAM_ROOM 65536        /* octets that wait to be written, at most */

struct mst_stream_ops {
	/* Accepting: the peer's identity. Suspended until mst_stream_psk() or mst_stream_busy(), from inside this call or later. */
	void (*on_psk)(void *owner, struct mst_stream *s, const char *identity);
	void (*on_open)(void *owner, struct mst_stream *s);              /* handshake done */
	/* Borrowed until it returns; everything is to be taken. Call mst_stream_pause() when there is no room for more. */
	void (*on_data)(void *owner, struct mst_stream *s, struct mst_view octets);
	void (*on_eof)(void *owner, struct mst_stream *s);               /* the peer has said that it sends no more */
	void (*on_room)(void *owner, struct mst_stream *s);              /* everything written has left */
	/* It is over; nothing more will be called. MST_TLS_CLOSED: both sides have said good-bye. */
	void (*on_end)(void *owner, struct mst_stream *s, enum mst_tls_end why, const char *detail);
};

struct mst_stream_config {
	struct event_base *base;
	struct mst_tls_ctx *tls;
	mst_ms connect_ms, handshake_ms;     /* 0 = 10, 30 s; connect_ms counts for each address */
	mst_ms hello_ms;                     /* accepting, until the peer's first message is complete; 0 = 5 s */
	/* connecting */
	const char *host;                    /* name or address; a name is sent as SNI */
	uint16_t port;
	const char *psk_identity;
	const struct mst_key *psk;           /* copied; wiped with the handshake */
};

/* Start; callbacks come from the loop, never from inside a call of the owner's. */
MST_MUST_CHECK int mst_stream_connect(const struct mst_stream_config *cfg, const struct mst_stream_ops *ops, void *owner,
                                      struct mst_stream **ret);
/* Takes the accepted, non-blocking `fd` over, also on failure. */
MST_MUST_CHECK int mst_stream_accept(const struct mst_stream_config *cfg, int fd, const struct mst_stream_ops *ops, void *owner,
                                     struct mst_stream **ret);
struct mst_stream *mst_stream_free(struct mst_stream *s);    /* allowed inside callbacks; no further callback; no good-bye */

/* The key of the suspended handshake; NULL: unknown, which fails exactly as a wrong key does. */
void mst_stream_psk(struct mst_stream *s, const struct mst_key *k);
/* Give the suspended handshake up without a verdict on the key; on_end is told MST_TLS_BUSY. */
void mst_stream_busy(struct mst_stream *s, const char *detail);

/* How much of it was taken (copied): less than all when there is no room, until on_room. */
size_t mst_stream_write(struct mst_stream *s, struct mst_view octets);
size_t mst_stream_room(const struct mst_stream *s);
void mst_stream_finish(struct mst_stream *s);                /* after what was written: good-bye; reading goes on */
void mst_stream_pause(struct mst_stream *s, bool paused);    /* stop and go on reading */

/* Accepting: has the peer said what it wants? Who has not is the first to give way. */
bool mst_stream_greeted(const struct mst_stream *s);
const struct mst_peer *mst_stream_peer(const struct mst_stream *s);
const char *mst_stream_suite(const struct mst_stream *s);    /* "PSK-AES128-CBC-SHA256", OpenSSL's name; "" before it is open */
const char *mst_stream_version(const struct mst_stream *s);  /* "TLSv1.2" */

#endif
