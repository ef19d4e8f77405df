/* The rig with the real keeper and a MEF that provisions certificates (test-est.c and its kin). */
#ifndef MST_ROLE_TEST_EST_RIG_H
#define MST_ROLE_TEST_EST_RIG_H

#include "role/mef/est.h"
#include "role/test-rig.h"

struct est_party { uint8_t key[MST_PKEY_MAX], spki[MST_SPKI_MAX]; size_t n_key, n_spki; struct mst_local_signer s; };
struct est_csr { uint8_t b[2 * MST_CSR_MAX]; size_t n; };
struct est_cert { uint8_t b[MST_CERT_MAX]; size_t n; struct mst_cert_info i; };

extern struct rig est_rig;
extern struct est_party est_k1, est_k2;

/* A fresh world; the peer is the node with its maker's certificate. */
int est_up(void **state);
int est_down(void **state);
/* What the CA key has signed. */
uint64_t est_signatures(void);
/* One request of EST; the answer's RSC. */
int est_ask(enum mst_op op, const char *name, const char *media, struct mst_view body);
int est_enroll(const char *op, const struct est_csr *c);
struct mst_csr_attrs est_attributes(void);
struct est_csr est_csr_of(struct est_party *p, const struct mst_san *san, const char *challenge);
struct mst_san est_san_of(enum mst_id_kind kind, const char *value);
/* The certificate of the answer. */
struct est_cert est_got(void);
/* The session after that certificate was installed. */
void est_peer_is(const struct est_cert *c, mst_time until);
struct est_cert est_enrolled(void);
/* A maker's secret of the node's, for rig_peer_psk(). */
extern const char est_secret_id[];
void est_give_secret(void);
/* A CERT_PROV that is issued to the node, and its end. */
int64_t est_command(int64_t kind, const char *subject);
void est_end_command(int64_t id);
/* By its secret, or by its maker's certificate: there is no session with the certificate that is to be renewed. */
int est_asks_again(bool by_secret, struct est_party *key, const struct mst_san *san);

#endif
