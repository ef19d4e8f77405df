/*
 * X.509 for everybody who is not a TLS session: making keys, requests, certificates and revocation
 * lists in the profiles of spec 2.5.4 (P-256, SHA-256, name constraints on CAs), and reading names out
 * of certificates. OpenSSL types stay inside; certificates are DER, private keys PKCS#8 DER.
 */
#ifndef MST_CRYPTO_PKI_H
#define MST_CRYPTO_PKI_H

#include "base/diag.h"
#include "base/time.h"
#include "codec/ident.h"
#include "crypto/crypto.h"

#define MST_CERT_MAX 4096
#define MST_CRL_MAX 65536             /* of a list that we sign; about 1500 entries */
#define MST_PKEY_MAX 512
#define MST_SANS_MAX 8

/* Higher arc of the M2M Device IDs that we can put in a certificate: M2M Device Indication, TS-0001 annex H.
 */
#define MST_DEVICE_ARC "0.2.481.1"
/* type-id of an otherName that holds an M2M-Node-ID which is no URN. Ours: an arc under 2.25 (X.667). */
#define MST_NODE_NAME_OID "2.25.206559023643541847535815525919499007281"

/* One name in a certificate (or of a peer): what flavour it identifies and its value, NUL-terminated. */
struct mst_san {
	enum mst_id_kind kind;      /* MST_ID_FQDN, _CSE_ABS (from its public name: kind FQDN on the wire),
	                               _AE_ABS, _NODE, _DEVICE */
	char value[MST_ID_MAX];
};

struct mst_cert_info {
	struct mst_san san[MST_SANS_MAX];
	size_t n_san;
	char subject[256], issuer[256];      /* one-line text, for people */
	char serial[64];                     /* hex */
	uint8_t sha256[MST_SHA256_LEN];      /* of the DER */
	uint8_t spki_sha256[MST_SHA256_LEN]; /* of the SubjectPublicKeyInfo: RFC 6920 */
	mst_time not_before, not_after;      /* not_after MST_NEVER: 99991231235959Z, RFC 5280 4.1.2.5 */
	bool is_ca;
};
enum mst_pki_outcome {
	MST_PKI_MALFORMED = 1, /* not what it should be; or (issuing) a name that cannot be certified */
	MST_PKI_BAD_SIGNATURE, /* the signer's key is not the issuer's */
	MST_PKI_WEAK_KEY,      /* not P-256 with an uncompressed point */
	MST_PKI_NO_ROOM,
	MST_PKI_NOT_SIGNED, /* the signer refused */
};

/*
 * Read a certificate: one DER object, version 3, names strictly (pki-name.c says which forms). 0,
 * MST_PKI_MALFORMED, MST_PKI_NO_ROOM (more names than MST_SANS_MAX). Checks no signature and no chain.
 */
MST_MUST_CHECK int mst_cert_info(struct mst_view der, struct mst_cert_info *ret_i, struct mst_diag *d);

/* The same for the to-be-signed part of a certificate or revocation list, before signing it. */
struct mst_tbs_info {
	bool is_crl;
	bool issued_by;                      /* its issuer is the subject of the certificate given */
	bool other_usage;                    /* a certificate for more than being a client or server of TLS */
	bool server;                         /* … for being a server */
	char common_name[65];                /* of its subject, "" = none */
	bool other_names;                    /* it names somebody in another way than by that and by what is in `cert`: more of a subject, an address, an e-mail … */
	struct mst_cert_info cert;           /* when it is not a revocation list; sha256 means nothing */
	mst_time list_from, list_until;      /* when it is one: thisUpdate, and nextUpdate or 0 */
};
MST_MUST_CHECK int mst_tbs_info(struct mst_view tbs, struct mst_view issuer_der, struct mst_tbs_info *ret_t,
				struct mst_diag *d);

/* What to certify. */
enum mst_cert_role {
	MST_CERT_CA,
	MST_CERT_SERVER /* MEF, MAF: FQDN */,
	MST_CERT_CLIENT /* enrolee */,
	MST_CERT_BOTH,
	MST_CERT_BUNDLE, /* signs bundles of instructions (cms.h); needs no name but the common one */
	MST_CERT_OCSP    /* signs answers about certificates of its issuer (RFC 6960 4.2.2.2), and is not asked about itself */
};
struct mst_cert_spec {
	enum mst_cert_role role;
	char common_name[128];
	struct mst_san san[MST_SANS_MAX];
	size_t n_san;
	mst_time not_before, not_after;      /* MST_NEVER: no well-defined end */
	/* CA only: permitted subtrees (empty: none written, which a test CA may want) */
	const char *permitted_dns[8], *permitted_uri[8];
	size_t n_permitted_dns, n_permitted_uri;
	int path_len;                        /* CA: -1 = no limit */
	const char *crl_uri;                 /* optional distribution point */
	const char *ocsp_uri;                /* optional: where its status is told, RFC 5280 4.2.2.1 */
};

/*
 * A signer: a private key that may live elsewhere (keeper, token). Signs a SHA-256 digest, DER ECDSA out.
 * One that wants to see what it signs (the keeper) sets sign_tbs, which then is used instead of sign.
 */
struct mst_signer {
	int (*sign)(struct mst_signer *s, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap,
		    size_t *ret_n);
	void *ctx;
	int (*sign_tbs)(struct mst_signer *s, struct mst_view tbs, uint8_t *out, size_t cap, size_t *ret_n);
};

MST_MUST_CHECK int mst_pkey_generate(uint8_t *ret_pkcs8, size_t cap, size_t *ret_n);      /* P-256; wipe it */
/* SubjectPublicKeyInfo of a private key, or of a certificate. */
MST_MUST_CHECK int mst_pkey_public(struct mst_view pkcs8, uint8_t *ret_spki, size_t cap, size_t *ret_n);
MST_MUST_CHECK int mst_cert_public(struct mst_view der, uint8_t *ret_spki, size_t cap, size_t *ret_n);
/* A signer from a private key in memory. `storage` keeps the key; deinit wipes. */
struct mst_local_signer { struct mst_signer signer; void *pkey; };
MST_MUST_CHECK int mst_local_signer_init(struct mst_local_signer *s, struct mst_view pkcs8);
void mst_local_signer_deinit(struct mst_local_signer *s);

/*
 * A P-256 key whose private half is not in this process, or not to be seen by the TLS library: `sign` as in a signer (0, or
 * anything else for no). `done` is called once, when the last who can sign with it has gone.
 */
struct mst_foreign_key {
	struct mst_view spki;                /* its public half; read once */
	int (*sign)(void *ctx, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap, size_t *ret_n);
	void (*done)(void *ctx);
	void *ctx;
};
/* The same as an EVP_PKEY of the library, for those who speak with it; NULL (and done) when it is no such key. */
void *mst_foreign_pkey(const struct mst_foreign_key *f);

/*
 * ECDSA P-256 with SHA-256 in its short form, r || s, of 64 octets (codec/trigger.h). Signing: any signer; a fault, or
 * MST_PKI_NOT_SIGNED. Checking: 0, MST_PKI_BAD_SIGNATURE, MST_PKI_WEAK_KEY, MST_PKI_MALFORMED (no public key).
 */
#define MST_RAW_SIGNATURE 64
MST_MUST_CHECK int mst_raw_sign(struct mst_crypto *c, struct mst_signer *s, struct mst_view message,
				uint8_t ret_sig[MST_RAW_SIGNATURE]);
MST_MUST_CHECK int mst_raw_verify(struct mst_crypto *c, struct mst_view spki, struct mst_view message,
				  const uint8_t sig[MST_RAW_SIGNATURE]);

/*
 * Issue: `issuer_der` empty = self-signed with `spki`'s own key as signer. Random 128-bit serial. The
 * signature is checked before it is given out. 0 or an mst_pki_outcome.
 */
MST_MUST_CHECK int mst_cert_issue(struct mst_crypto *c, struct mst_signer *signer, struct mst_view issuer_der,
                                  struct mst_view spki, const struct mst_cert_spec *spec,
                                  uint8_t *ret_der, size_t cap, size_t *ret_n);
struct mst_revoked { char serial[64]; mst_time when; int reason; };     /* reason: RFC 5280 5.3.1; 0 none */
MST_MUST_CHECK int mst_crl_issue(struct mst_signer *signer, struct mst_view issuer_der,
				 const struct mst_revoked *r, size_t n, int64_t number, mst_time now,
				 mst_time next_update, uint8_t *ret_der, size_t cap, size_t *ret_n);

/* What a revocation list says. 0 or MST_PKI_MALFORMED. */
struct mst_crl_info {
	bool signed_by;                      /* by the certificate given, which may sign lists */
	int64_t number;                      /* -1: none */
	mst_time this_update, next_update;   /* next_update 0: none */
	size_t n;                            /* entries */
};
MST_MUST_CHECK int mst_crl_info(struct mst_view der, struct mst_view issuer_der, struct mst_crl_info *ret_i);
/* Has the holder of `issuer_der` signed this certificate? False too when either cannot be read. */
bool mst_cert_issued_by(struct mst_view der, struct mst_view issuer_der);

/* PEM files for people: several certificates in one file. Positive: MST_PKI_MALFORMED with line in `d`. */
void mst_pem_put(struct mst_writer *w, const char *label, struct mst_view der);
/* Next block with that label at or after *at in `pem`; 0, or MST_PKI_MALFORMED; *ret_n = 0 at the end. */
MST_MUST_CHECK int mst_pem_next(struct mst_view pem, size_t *at, const char *label, uint8_t *out, size_t cap,
                                size_t *ret_n, struct mst_diag *d);

/* The way around OpenSSL 3.0's decoder (dependencies.md 1): install the in-process copy of the EC method.
 * Once per process, before the first TLS context; idempotent. */
void mst_ec_fast_install(void);
bool mst_ec_fast_installed(void);      /* for tests */

#endif
