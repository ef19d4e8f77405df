/*
 * What the transport's tests share: a small PKI made at run time, and a server and a client on one event
 * base over loopback that write down what happens.
 */
#ifndef MST_TRANSPORT_TEST_RIG_H
#define MST_TRANSPORT_TEST_RIG_H

#include <event2/event.h>
#include <time.h>

#include "transport/client.h"
#include "transport/server.h"

struct rig_cert {
	uint8_t der[MST_CERT_MAX], key[MST_PKEY_MAX];
	size_t n, n_key;
	char pem[4 * MST_CERT_MAX];             /* with the issuer, when that is no root */
};

struct rig_pki {
	struct rig_cert root, other_root, server, client;
};

/* A CA; `issuer` NULL: self-signed. */
void rig_ca(struct rig_cert *c, const char *cn, const struct rig_cert *issuer);
/* An end entity with one name. Times relative to now. */
void rig_cert(struct rig_cert *c, const struct rig_cert *issuer, enum mst_cert_role role, enum mst_id_kind kind,
              const char *name, mst_time from, mst_time until);
size_t rig_crl(uint8_t *out, size_t cap, const struct rig_cert *issuer, const struct rig_cert *revoked, mst_time from, mst_time until);
struct mst_view rig_der(const struct rig_cert *c);
struct mst_view rig_key(const struct rig_cert *c);
const struct rig_pki *rig_pki(void);            /* made once a process */

struct rig {
	struct event_base *base;
	struct mst_tls_config server_config, client_config;
	struct mst_server_limits limits;
	struct mst_server *server;
	struct mst_client *client;
	struct mst_client_config client_to;
	uint16_t port;
	bool no_psk;                            /* the owner takes no pre-shared keys */
	bool hold_answer, hold_psk;             /* the test answers itself */
	struct mst_key key;                     /* of `identity` */
	const char *identity;
	char answer[512];
	/* what happened at the server */
	struct mst_conn *conn;                  /* the last one that asked for something */
	unsigned requests, psk_asked, failed, closed, closed_pending, done;
	enum mst_tls_end server_end;
	char server_detail[200], asked[MST_ID_MAX], target[300], body[2000];
	uint16_t asked_suite;
	struct mst_peer server_peer, failed_peer;
	/* and at the client */
	unsigned opened, responses, ended;
	enum mst_tls_end client_end;
	bool client_proven;                     /* mst_client_proven() at the end */
	char client_detail[200];
	struct mst_peer client_peer;
	int status;
	char response[2000];
	const char *send_on_open;
	uint8_t server_export[48], client_export[48];
};

/* Mutual TLS by default: anchors, chains and keys of rig_pki(), names served and expected "mef.example.com". */
void rig_init(struct rig *r);
void rig_start(struct rig *r);                  /* contexts and the listening server */
void rig_plain_server(struct rig *r, int fd);   /* instead: without TLS, on a socket that listens already */
void rig_connect(struct rig *r);                /* the client, with its own new context */
/* Turn the loop until *what != 0; fails the test after 60 s. */
void rig_until(struct rig *r, const unsigned *what);
void rig_until_n(struct rig *r, const unsigned *what, unsigned n);
void rig_turn(struct rig *r);                   /* handle what is ready, at once */
void rig_wait(struct rig *r);                   /* and what is ready a moment later */
/* Turn it until it is so: what was sent over loopback need not be there at once. */
#define RIG_UNTIL(r, it_is_so)                                                                      \
	do {                                                                                        \
		for (time_t rig_late = time(NULL) + 60; !(it_is_so) && time(NULL) < rig_late;)      \
			rig_wait(r);                                                                \
		assert_true(it_is_so);                                                              \
	} while (0)
/* A plain TCP socket to the server, non-blocking for nothing. */
int rig_dial(struct rig *r);
/* A silent peer at 127.0.0.<last>, which the server has accepted. */
int rig_dial_from(struct rig *r, unsigned last);
void rig_deinit(struct rig *r);

#endif
