/*
 * The key hierarchy of TS-0003 10.3 (spec 3.2 to 3.4) on top of the crypto port. PURE given the port.
 */
#ifndef MST_CRYPTO_DERIVE_H
#define MST_CRYPTO_DERIVE_H

#include "codec/trigger.h"
#include "crypto/crypto.h"

#define MST_EXPORT_LEN 48
#define MST_REL_ID_LEN 16
#define MST_LABEL_BOOTSTRAP "EXPORTER-oneM2M-Bootstrap"
#define MST_LABEL_CONNECTION "EXPORTER-oneM2M-Connection"
#define MST_LABEL_ESCERTKE "EXPORTER-oneM2M-ESCertKE"

/* Split exporter output: first 16 octets the relative id, last 32 the key. `out` is wiped. */
void mst_export_split(uint8_t out[MST_EXPORT_LEN], uint8_t ret_rel[MST_REL_ID_LEN], struct mst_key *ret_key);

/* HMAC-SHA-256(Ke, label || id). `id` must be ASCII and already normalised; else MST_DERIVE_BAD_ID. */
enum mst_derive_outcome { MST_DERIVE_BAD_ID = 1 };
/* 10.3.2: Km; id = MAF-FQDN */
MST_MUST_CHECK int mst_derive_km(struct mst_crypto *c, const struct mst_key *ke, struct mst_view maf_fqdn,
				 struct mst_key *ret_km);
/* 10.3.3: Kpsa; id = absolute CSE-ID or AE-ID of the other end */
MST_MUST_CHECK int mst_derive_kpsa(struct mst_crypto *c, const struct mst_key *ke, struct mst_view other_id,
				   struct mst_key *ret_kpsa);
/* 10.3.7: usage-constrained key; SUID as decimal ASCII digits, then the target's FQDN */
MST_MUST_CHECK int mst_derive_usage(struct mst_crypto *c, const struct mst_key *ke, int suid,
				    struct mst_view target_fqdn, struct mst_key *ret_key);
/*
 * Ours, not oneM2M's: the key of pushed triggers (codec/trigger.h), from a root credential (Km) or a maker's secret
 * (Kpm) and its key id. A label of its own, so that no MAC under it says anything about the root key or about a key
 * that is derived for another purpose; the root key itself never makes one.
 */
MST_MUST_CHECK int mst_derive_trigger(struct mst_crypto *c, const struct mst_key *root, struct mst_view key_id,
				      struct mst_key *ret_key);
/* First octets of HMAC-SHA-256 under that key over what mst_trigger_cover() wrote. */
MST_MUST_CHECK int mst_trigger_mac(struct mst_crypto *c, const struct mst_key *key, struct mst_view covered,
				   uint8_t ret_mac[MST_TRIGGER_MAC]);
/* First octets of SHA-256: which node, which key. No secret and no proof, only a way to find it quickly. */
MST_MUST_CHECK int mst_trigger_hint(struct mst_crypto *c, struct mst_view of, uint8_t ret_hint[MST_TRIGGER_HINT]);
/* RFC 5705 exporter for TLS 1.2, SHA-256 PRF, no context: oracle for tests of what the TLS library gives. */
MST_MUST_CHECK int mst_export_tls12(struct mst_crypto *c, struct mst_view master_secret,
				    struct mst_view client_random, struct mst_view server_random,
				    const char *label, uint8_t out[MST_EXPORT_LEN]);

#endif
