/*
 * The load client: many sessions at once against one server, every answer checked. On purpose it shares no
 * TLS and no message code with the daemon that it measures: OpenSSL and libevent directly, requests as text.
 */
#ifndef PERF_LOAD_H
#define PERF_LOAD_H

#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "crypto/derive.h"

enum load_kind { LOAD_MTLS, LOAD_PSK, LOAD_MEF, LOAD_MAF, LOAD_BBN, LOAD_BBN_PSK, LOAD_MEF_PSK, LOAD_EST, LOAD_MAF_KEY,
                 LOAD_UB, LOAD_GBA /* ub, then a session with the MAF */,
                 LOAD_COAP, LOAD_COAP_PSK, LOAD_BBN_COAP, LOAD_BBN_COAP_PSK /* over DTLS */ };

static inline bool load_datagrams(enum load_kind k) { return k >= LOAD_COAP; }

/* ub, gba: a SIM, and what its last challenge and answer gave. */
struct load_sim {
	char impi[160], nonce[64], opaque[160], cnonce[33];
	EVP_CIPHER_CTX *aes;        /* with K */
	unsigned char opc[16], rnd[16], res[8], ks[32];
};

/* One node: its certificate, or the key that it enrolled before. */
struct load_node {
	char id[256]; /* what goes into From */
	X509 *cert;
	EVP_PKEY *pkey;
	char key_id[256]; /* KeID, written by kind mef and used by kind maf; or the name of the maker's secret */
	struct mst_key ke;
	struct mst_key kpm;         /* mef-psk: the maker's secret, which enrolling does not overwrite */
	char kpm_id[256];
	unsigned char attrs[512];   /* est: what csrattrs said last */
	size_t n_attrs;
	struct load_sim sim;
};

struct load {
	/* options */
	enum load_kind kind;
	struct sockaddr_in to, maf_to;  /* maf_to: gba */
	const char *server_name, *ca, *certs, *ids, *admin, *maf, *keys_in, *keys_out, *key, *sims;
	unsigned tls; /* 12 or 13 */
	unsigned count, warmup, nodes, first, concurrency, seconds;
	bool request; /* bare kinds: ask for "/" too, and check the 200 */
	/* at work */
	struct event_base *base;
	SSL_CTX *ssl;
	X509 *server_cert; /* verified once; every further session must show the very same */
	struct load_node *node;
	char until[16];                         /* et of what is created */
	unsigned next, end, open, done, failed; /* jobs of this run */
	double *ms;                             /* time of each that went well */
	bool out_of_time;
};

/* load-node.c: certificates and keys, all before the clock starts. 0, or -1 with a message. */
int load_nodes(struct load *l);
int load_keys_write(const struct load *l);
void load_nodes_free(struct load *l);

/* load-tls.c */
SSL_CTX *load_context(struct load *l);
int load_session(struct load *l, SSL *ssl, struct load_node *n);

/* load-http.c: the request of a step, 0 when there is none left; and the check of its answer. */
size_t load_request(const struct load *l, struct load_node *n, unsigned step, char *out, size_t cap);
enum load_answer { LOAD_MORE, LOAD_GOOD, LOAD_BAD };
enum load_answer load_check(const struct load *l, struct load_node *n, unsigned step, const char *in,
			    size_t size, char why[160]);

/* A briefing's question in JSON, 0 when it cannot be; is that its answer? */
size_t load_question(char *out, size_t cap);
bool load_briefing(const struct load *l, const char *body, size_t length);

/* load-coap.c: a whole message each */
size_t load_coap_request(const struct load *l, unsigned step, char *out, size_t cap);
enum load_answer load_coap_check(const struct load *l, const char *in, size_t size, char why[160]);

/* load-est.c */
size_t load_est_request(const struct load *l, const struct load_node *n, unsigned step, char *out, size_t cap);
bool load_est_check(struct load_node *n, unsigned step, const char *body, size_t length);

/* load-gba.c: steps 0 and 1, in clear; after them key_id is the B-TID and, with kind gba, ke the MAF's key. */
#define LOAD_UB_STEPS 2
size_t load_ub_request(const struct load *l, struct load_node *n, unsigned step, char *out, size_t cap);
bool load_ub_check(const struct load *l, struct load_node *n, unsigned step, const char *in, size_t head, const char *body, size_t length);
int load_sim_read(struct load_node *n, char *line);

/* load-conn.c: run jobs [from, to) with the wanted concurrency. */
void load_run(struct load *l, unsigned from, unsigned to);

#endif
