/* What the tests of CoAP share: server and client on one loop over loopback, and a relay between them that loses, doubles and turns round. */
#ifndef MST_TRANSPORT_TEST_COAP_RIG_H
#define MST_TRANSPORT_TEST_COAP_RIG_H

#include <netinet/in.h>

#include "transport/coap-client.h"
#include "transport/coap-int.h"
#include "transport/test-rig.h"

#define NAME "mef.example.com"
#define AIR 64

/* Between client and server: what the client's address is to the server is the relay's. */
struct relay {
	int in, out;
	uint16_t port;
	struct event on_in, on_out, later;
	struct sockaddr_in client;
	unsigned loss, dup, turn;            /* per cent */
	unsigned passed, lost;
	size_t largest;
	bool closed;
	uint32_t seed;
	struct { bool to_server; size_t n; uint8_t b[2048]; } air[AIR];
	size_t n_air;
};

struct cw {
	struct event_base *base;
	struct mst_tls_config sc, cc;
	struct mst_coap_limits limits;
	struct mst_coap_server *server;
	struct mst_coap_client *client;
	struct mst_client_config to;
	struct mst_coap_client_ops client_ops;
	struct relay relay;
	uint16_t port;
	const char *on;                      /* where the server listens */
	struct mst_key key;
	const char *identity;
	bool hold_answer, hold_psk, no_psk, no_ask;
	struct mst_coap_conn *conn;
	unsigned refused;
	int refused_status;
	char refused_why[300];
	unsigned requests, psk_asked, failed, closed, closed_pending, opened, responses, ended;
	enum mst_tls_end server_end, client_end;
	char server_detail[200], client_detail[200], target[200], host[100], media[64], accept[64], retry[16];
	struct mst_peer server_peer, client_peer, failed_peer;
	int status, answer_status;
	unsigned answer_retry;
	uint8_t question[9000], answer[17000], got[9000], back[17000];
	size_t n_question, n_answer, n_got, n_back;
	uint8_t server_export[48], client_export[48];
};

/* Mutual TLS by default: rig_pki(), the name above served and expected; a secret is known, too. */
struct cw *cw_new(void);
void cw_free(struct cw *w);
struct mst_tls_ctx *cw_context(const struct mst_tls_config *c);
void cw_serve(struct cw *w);
void cw_dial(struct cw *w);                  /* the client; what was there goes */
void cw_post(struct cw *w);
void cw_answer(struct cw *w);                /* when it is held */
void cw_use_secret(struct cw *w);            /* instead of the client's certificate */
/* Turn the loop until *what has come to n; fails the test after a minute. */
void cw_until(struct cw *w, const unsigned *what, unsigned n);
void cw_whole(const struct cw *w);           /* what was asked and answered has arrived as it was */
void relay_start(struct cw *w);              /* the client dials it from now on */
void relay_end(struct relay *r);

#endif
