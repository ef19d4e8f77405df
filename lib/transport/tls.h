/*
 * The TLS profile of spec 2.5: named profiles of suites, certificate flavours with exact name matching,
 * revocation lists, exporter. OpenSSL inside; only lib/transport sees its types.
 */
#ifndef MST_TRANSPORT_TLS_H
#define MST_TRANSPORT_TLS_H

#include "crypto/pki.h"

/* Named profiles (switchable in the configuration). */
enum mst_tls_profile {
	MST_TLS_ONEM2M,      /* TLS 1.2 only, the mandatory suites of 2.5.2 and 2.5.3 */
	MST_TLS_MODERN,      /* TLS 1.3 and TLS 1.2 with ECDHE AEAD suites, ECDHE-PSK; no mandatory CBC suite */
	MST_TLS_BOTH,        /* both of the above, and TLS_PSK_WITH_AES_128_GCM_SHA256 for keys of GBA; the default */
};
extern const char *const mst_tls_profile_name[];     /* "onem2m", "modern", "both" */

enum mst_auth { MST_AUTH_ANONYMOUS, MST_AUTH_CERT, MST_AUTH_RAW_KEY, MST_AUTH_PSK, MST_AUTH_LOCAL };

/*
 * Whose session the owner of a server says it is: numbers of his own, 0 = not said. Named like that, sessions can be ended: those
 * of one, or those of a whole group. The work is one look at each open session, however large the group.
 */
struct mst_whose { int64_t one, group; };
static inline bool mst_whose_in(const struct mst_whose *session, const struct mst_whose *cut)
{
	return (cut->one && session->one == cut->one) || (cut->group && session->group == cut->group);
}

/* As whom the kernel tells of a user whom it cannot tell of here (overflowuid, user_namespaces(7)): of all of those, so it is never anybody. */
#define MST_UID_NOBODY 65534

/* Who is at the other end; established once, by the handshake. */
struct mst_peer {
	enum mst_auth how;
	struct mst_cert_info cert;              /* CERT: all names in it */
	uint8_t anchor_sha256[MST_SHA256_LEN];  /* CERT: the trust anchor that the path ended at */
	char psk_identity[MST_ID_MAX];          /* PSK */
	uint16_t suite;                         /* what was negotiated, its IANA number; 0: none, or TLS 1.3 with a PSK */
	uint32_t uid;                           /* LOCAL: of the unix socket's peer */
	char sni[MST_ID_MAX];
	char address[64];                       /* "[::1]:41234", for people */
};

/* Why a handshake or a connection ended. Stable words, shown to people and written into events. */
enum mst_tls_end {
	MST_TLS_OPEN,
	MST_TLS_CLOSED,                 /* orderly, by close_notify */
	MST_TLS_TRUNCATED,              /* the peer vanished in the middle */
	MST_TLS_UNREACHABLE,            /* no address answered */
	MST_TLS_NAME_UNKNOWN,           /* the name does not resolve */
	MST_TLS_TIMEOUT,
	MST_TLS_NO_COMMON_SUITE,
	MST_TLS_NO_CERTIFICATE,         /* a client certificate was required */
	MST_TLS_UNTRUSTED,              /* no path to a configured anchor */
	MST_TLS_EXPIRED, MST_TLS_NOT_YET_VALID, MST_TLS_REVOKED, MST_TLS_CRL_STALE,
	MST_TLS_BAD_CERTIFICATE,        /* malformed, weak, wrong usage, name constraint broken */
	MST_TLS_WRONG_NAME,             /* no name in it equals the expected one */
	MST_TLS_NO_SNI,
	MST_TLS_PSK_REFUSED,            /* unknown identity or wrong key: not told apart to the peer */
	MST_TLS_ALERT,                  /* the peer refused; text has its alert */
	MST_TLS_PROTOCOL,               /* not TLS, or broken TLS */
	MST_TLS_TOO_LARGE,              /* an answer with more octets than this end takes */
	MST_TLS_BUSY,                   /* refused early: too many; or this end has no memory for it */
	MST_TLS_SILENT,                 /* datagrams, of the client: as PSK_REFUSED, or the server went away in that moment */
	MST_TLS_CUT,                    /* of a server: the key was proven, and mst_server_cut() or mst_coap_server_cut() came before the handshake was over */
};
const char *mst_tls_end_text(enum mst_tls_end e);       /* "certificate expired" */
const char *mst_tls_end_remedy(enum mst_tls_end e);     /* what a person should do next */

#define MST_TLS_PSK_13 0x1300
/* Is that a suite for psk_suite, or for cert_suite? */
bool mst_tls_psk_suite_known(uint16_t suite);
bool mst_tls_cert_suite_known(uint16_t suite);

struct mst_tls_ctx;      /* one per endpoint (server) or per trust setting (client) */

struct mst_tls_config {
	bool server;
	bool datagram;                          /* DTLS 1.2 instead of TLS, with the suites of DTLS: for CoAP */
	enum mst_tls_profile profile;
	struct mst_view chain_pem;              /* own certificate and intermediates; may be empty (client, PSK) */
	struct mst_view key_pkcs8;              /* own key, DER; copied into the library and to be wiped by the caller */
	const struct mst_foreign_key *foreign;  /* instead of key_pkcs8: taken over by mst_tls_ctx_new(), also when that fails */
	const struct mst_view *anchors;         /* DER trust anchors */
	size_t n_anchors;
	const struct mst_view *crls;            /* DER; checked for every certificate whose issuer has one here;
	                                           with require_crl a missing or stale list refuses: 2.5.6 */
	size_t n_crls;
	bool require_crl;
	const struct mst_view *crl_issuers;     /* DER certificates of CAs for which it is required whatever require_crl says */
	size_t n_crl_issuers;
	bool require_client_cert;               /* server; PSK sessions are not asked for one */
	bool allow_psk;
	bool require_sni;                       /* server: refuse a ClientHello without, or with a name not in `names` */
	const char *const *names; size_t n_names;   /* server: names served */
	bool resumption;                        /* false on Mmef/Mmaf; true is refused so far */
	const char *psk_hint;
	/* Client: the one suite that sessions with a PSK offer, by its IANA number, where the key depends on it (TS 33.220 H.3),
	 * and that version of TLS alone; MST_TLS_PSK_13: TLS 1.3, whatever suite. 0: as the profile says. */
	uint16_t psk_suite;
	uint16_t cert_suite;                    /* the same of sessions with the server's certificate, TLS 1.2 alone; not both */
	bool allow_raw_keys;                    /* RFC 7250 where the library can (not OpenSSL 3.0) */
	/* Server: a client's certificate is taken so many seconds beyond its end. Whoever asks for this must look at
	 * peer.cert.not_after. */
	int64_t expired_grace;
	bool h2;                                /* server: HTTP/2 for who asks for it (ALPN), with suites that RFC 9113 allows */
	bool require_ems;                       /* TLS 1.2: refuse a peer without RFC 7627, so that no other session
	                                           can have the exporter's output; TLS 1.3 always binds it */
	bool synchronous_psk;                   /* server: on_psk must answer at once; no handshake is suspended.
	                                           Always so in ThreadSanitizer builds */
	/* Validity is judged at this time instead of the system clock; below `clock_floor` the clock counts as
	 * unset: then "not yet valid" is forgiven and expiry judged against the floor (lesson 15). */
	mst_time (*now)(void *arg);
	void *now_arg;
	mst_time clock_floor;
};
MST_MUST_CHECK int mst_tls_ctx_new(const struct mst_tls_config *c, struct mst_tls_ctx **ret, struct mst_diag *d);
/* Reference-counted by servers, clients and live connections. To be freed in the thread that made it. */
struct mst_tls_ctx *mst_tls_ctx_free(struct mst_tls_ctx *c);
/* For tests: how often a path was known good already. */
uint64_t mst_tls_ctx_verdict_hits(const struct mst_tls_ctx *c);

/* Does any name of the certificate equal `value` of flavour `kind` exactly (spec 2.5.4)? */
bool mst_cert_names(const struct mst_cert_info *i, enum mst_id_kind kind, const char *value);

#endif
