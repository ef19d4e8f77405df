/*
 * Certificates, key, trust anchors and revocation lists of one role, read by the supervisor and sent to the
 * processes that speak TLS: those open no files.
 */
#ifndef MST_SERVER_MATERIAL_H
#define MST_SERVER_MATERIAL_H

#include "server/config.h"

#define MST_MATERIAL_ANCHORS 64
#define MST_MATERIAL_CRLS 64

struct mst_material {
	enum mst_role role;
	enum mst_fetch_kind kind;         /* connector: what these anchors are for */
	uint8_t *octets;                  /* everything else points into this; wiped and freed together */
	size_t n_octets;
	uint8_t *key;                     /* the private key, in locked pages (crypto/heap.h); among the octets there are zeros */
	struct mst_view chain_pem, key_pkcs8;
	struct mst_view anchor[MST_MATERIAL_ANCHORS], crl[MST_MATERIAL_CRLS], crl_issuer[MST_MATERIAL_ANCHORS];
	size_t n_anchors, n_crls, n_crl_issuers;
};

/*
 * Read what the role's settings name and encode it as the payload of a MATERIAL frame into `w`.
 * `asker`: for the connector, with the anchors for the servers it dials; NULL: for the role's listener. 0, or MST_FAULT_CONFIG with `d`
 * naming the setting and the file.
 */
MST_MUST_CHECK int mst_material_load(const struct mst_conf *c, enum mst_role role, const struct mst_asker *asker,
				     struct mst_writer *w, struct mst_diag *d);
/* The same for the process of Diameter, which belongs to no role. */
MST_MUST_CHECK int mst_material_diameter(const struct mst_conf *c, struct mst_writer *w, struct mst_diag *d);
/* SHA-256 of the certificate that mef.maf_anchor names; all zero when it names none. 0 or
 * MST_FAULT_CONFIG. */
MST_MUST_CHECK int mst_material_maf_anchor(const struct mst_conf *c, uint8_t ret_sha256[MST_SHA256_LEN],
					   struct mst_diag *d);
/* The makers' anchors of the installation: see struct mst_makers. 0 or MST_FAULT_CONFIG. */
MST_MUST_CHECK int mst_material_makers(const struct mst_conf *c, struct mst_makers *ret_m, struct mst_diag *d);
/* Takes a copy. False when malformed. */
MST_MUST_CHECK bool mst_material_decode(struct mst_view v, struct mst_material *ret_m);
void mst_material_deinit(struct mst_material *m);
bool mst_material_same_but_lists(const struct mst_material *a, const struct mst_material *b);
/*
 * The TLS settings of a server (`ops`: of its role) or of the connector (`ops` NULL). 0 or a fault that `d` explains.
 */
enum { MST_MATERIAL_TRIAL = 1 /* only to see whether they can be used */, MST_MATERIAL_DATAGRAM = 2 /* DTLS */ };
MST_MUST_CHECK int mst_material_tls(const struct mst_conf *c, const struct mst_material *m, const struct mst_role_ops *ops,
				    unsigned how, struct mst_tls_ctx **ret, struct mst_diag *d);

#endif
