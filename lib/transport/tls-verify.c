/*
 * Judging the peer's certificate: path to a configured anchor and nowhere else, purpose, profile of spec
 * 2.5.4, revocation lists of 2.5.6, time (lesson 15), and for a client the server's name. Everything is
 * decided inside the handshake, so that the peer gets an alert (2.5.6: failures abort the handshake).
 *
 * On a server this may run on a fibre with a small stack: no large objects here.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "transport/tls-int.h"

static const struct { int x509; enum mst_tls_end end; } end_of[] = {
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, MST_TLS_UNTRUSTED },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, MST_TLS_UNTRUSTED },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, MST_TLS_UNTRUSTED },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, MST_TLS_UNTRUSTED },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, MST_TLS_UNTRUSTED },
	{ X509_V_ERR_CERT_UNTRUSTED, MST_TLS_UNTRUSTED },
	/* an issuer of the right name and another key: somebody else's CA */
	{ X509_V_ERR_CERT_SIGNATURE_FAILURE, MST_TLS_UNTRUSTED },
	{ X509_V_ERR_CERT_HAS_EXPIRED, MST_TLS_EXPIRED },
	{ X509_V_ERR_CERT_NOT_YET_VALID, MST_TLS_NOT_YET_VALID },
	{ X509_V_ERR_CERT_REVOKED, MST_TLS_REVOKED },
	{ X509_V_ERR_UNABLE_TO_GET_CRL, MST_TLS_CRL_STALE },
	{ X509_V_ERR_CRL_HAS_EXPIRED, MST_TLS_CRL_STALE },
	{ X509_V_ERR_HOSTNAME_MISMATCH, MST_TLS_WRONG_NAME },
};

/* Client: does the certificate that was shown name who is expected? A key that was pinned does. */
static bool names_expected(struct tls_session *t)
{
	return !t->expect_name || (tls_read_names(t) && (mst_cert_names(&t->peer.cert, MST_ID_FQDN, t->expect_name) ||
							 (t->n_pin && tls_pin_matches(t->peer.cert.spki_sha256, t->pin, t->n_pin))));
}

/* Latch the refusal; the X509 code chooses the alert. */
static int no(struct tls_session *t, X509_STORE_CTX *x, int code, X509 *who, const char *text)
{
	enum mst_tls_end end = MST_TLS_BAD_CERTIFICATE;
	char name[96] = "";

	for (size_t i = 0; i < MST_COUNT(end_of); i++)
		if (end_of[i].x509 == code)
			end = end_of[i].end;
	/* that it has ended says something about our clock only when it is the server's own, not of anybody under the same anchor (lesson 15) */
	if (end == MST_TLS_EXPIRED && !t->ctx->server && !names_expected(t)) {
		end = MST_TLS_WRONG_NAME;
		code = X509_V_ERR_HOSTNAME_MISMATCH;
		text = "no name in the server's certificate is the expected one, and it has ended";
	}
	if (who)
		X509_NAME_oneline(X509_get_subject_name(who), name, sizeof(name));
	tls_session_end(t, end, "%s%s%s", text ? text : X509_verify_cert_error_string(code), *name ? ": " : "", name);
	X509_STORE_CTX_set_error(x, code);
	return 0;
}

static mst_time time_of(const ASN1_TIME *a)
{
	struct tm tm;

	return a && ASN1_TIME_to_tm(a, &tm) ? (mst_time)timegm(&tm) : 0;
}

/* The clock is unset: "not yet valid" says nothing about the certificate. */
static int forgive_early(int ok, X509_STORE_CTX *x)
{
	return ok || X509_STORE_CTX_get_error(x) == X509_V_ERR_CERT_NOT_YET_VALID;
}

/* A client's own certificate that ended a while ago, where that is permitted; nobody's else. */
static bool lapsed(X509_STORE_CTX *x)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct tls_session *t = SSL_get_app_data(ssl);
	mst_time now;

	if (!t->ctx->expired_grace || X509_STORE_CTX_get_error_depth(x) != 0 || tls_judge_time(t->ctx, &now))
		return false;
	return now - time_of(X509_get0_notAfter(X509_STORE_CTX_get_current_cert(x))) <= t->ctx->expired_grace;
}

static int no_excuse(int ok, X509_STORE_CTX *x)
{
	return ok || (X509_STORE_CTX_get_error(x) == X509_V_ERR_CERT_HAS_EXPIRED && lapsed(x));
}

/* Spec 2.5.4: P-256, keyUsage present with digitalSignature, an end entity. */
static int check_profile(struct tls_session *t, X509_STORE_CTX *x, X509 *leaf)
{
	EVP_PKEY *k = X509_get0_pubkey(leaf);
	uint32_t usage = X509_get_key_usage(leaf);
	char group[32];

	if (!k || EVP_PKEY_get_base_id(k) != EVP_PKEY_EC || !EVP_PKEY_get_group_name(k, group, sizeof(group), NULL) ||
	    OBJ_txt2nid(group) != NID_X9_62_prime256v1)
		return no(t, x, X509_V_ERR_EE_KEY_TOO_SMALL, leaf, "key is not on the curve P-256");
	if (usage == UINT32_MAX || !(usage & KU_DIGITAL_SIGNATURE))
		return no(t, x, X509_V_ERR_INVALID_PURPOSE, leaf, "keyUsage lacks digitalSignature");
	if (X509_get_extension_flags(leaf) & EXFLAG_CA)
		return no(t, x, X509_V_ERR_INVALID_PURPOSE, leaf, "a CA's certificate is nobody's identity");
	return 1;
}

/* Can this list speak for that issuer? Lists with a critical extension (partial, indirect) are not used. */
static bool crl_fits(X509_CRL *crl, X509 *issuer)
{
	uint32_t usage = X509_get_key_usage(issuer);

	if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) ||
	    (usage != UINT32_MAX && !(usage & KU_CRL_SIGN)))
		return false;
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++)
		if (X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, i)))
			return false;
	return X509_CRL_verify(crl, X509_get0_pubkey(issuer)) == 1;
}

struct crl_search { bool found, fresh; mst_time until; };

static int check_crls_of(struct tls_session *t, X509_STORE_CTX *x, X509 *cert, X509 *issuer, struct crl_search *s)
{
	mst_time now;
	bool unset = tls_judge_time(t->ctx, &now);

	for (size_t i = 0; i < t->ctx->n_crl; i++) {
		X509_CRL *crl = t->ctx->crl[i];
		X509_REVOKED *entry;
		mst_time from, until;

		if (!crl_fits(crl, issuer))
			continue;
		if (X509_CRL_get0_by_cert(crl, &entry, cert) == 1)
			return no(t, x, X509_V_ERR_CERT_REVOKED, cert, "certificate revoked by its issuer");
		from = time_of(X509_CRL_get0_lastUpdate(crl));
		until = time_of(X509_CRL_get0_nextUpdate(crl));
		s->found = true;
		if (until >= now && (unset || from <= now)) {
			s->fresh = true;
			s->until = until > s->until ? until : s->until;
		}
	}
	return 1;
}

/* By name and key, as the path has it: a CA may be there in more than one certificate. */
static bool list_required(const struct mst_tls_ctx *c, X509 *issuer)
{
	for (size_t i = 0; i < c->n_crl_issuer; i++)
		if (!X509_NAME_cmp(X509_get_subject_name(c->crl_issuer[i]), X509_get_subject_name(issuer)) &&
		    EVP_PKEY_eq(X509_get0_pubkey(c->crl_issuer[i]), X509_get0_pubkey(issuer)) == 1)
			return true;
	return c->require_crl;
}

/*
 * Spec 2.5.6. A list that is here always counts: its entries even when it is stale. Where one is required the
 * absence of a fresh one refuses.
 */
static int check_crls(struct tls_session *t, X509_STORE_CTX *x, STACK_OF(X509) *chain, struct verdict *v)
{
	for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i), *issuer = sk_X509_value(chain, i + 1);
		struct crl_search s = { 0 };

		if (!check_crls_of(t, x, cert, issuer, &s))
			return 0;
		if (!list_required(t->ctx, issuer))
			continue;
		if (!s.found)
			return no(t, x, X509_V_ERR_UNABLE_TO_GET_CRL, issuer, "no revocation list of the issuer");
		if (!s.fresh)
			return no(t, x, X509_V_ERR_CRL_HAS_EXPIRED, issuer, "the issuer's revocation list is out of date");
		if (s.until < v->not_after)
			v->not_after = s.until;
	}
	return 1;
}

static struct verdict *slot_of(const struct mst_tls_ctx *c, const uint8_t *sha256)
{
	return &c->verdict[(sha256[0] | (size_t)sha256[1] << 8) & (TLS_VERDICTS - 1)];
}

/* Known good already, under this very context (a reload makes a new one) and still in time? */
static bool known_good(struct tls_session *t, const uint8_t *sha256)
{
	struct verdict *v = slot_of(t->ctx, sha256);
	mst_time now;
	bool unset = tls_judge_time(t->ctx, &now);

	if (!v->set || memcmp(v->leaf, sha256, sizeof(v->leaf)) || now > v->not_after ||
	    (now < v->not_before && !unset))
		return false;
	memcpy(t->peer.anchor_sha256, v->anchor, sizeof(v->anchor));
	t->ctx->verdict_hits++;
	return true;
}

static int check_path(struct tls_session *t, X509_STORE_CTX *x, const uint8_t *sha256)
{
	struct verdict v = { .set = true, .not_before = 0, .not_after = MST_NEVER };
	STACK_OF(X509) *chain;
	unsigned int n = sizeof(v.anchor);
	mst_time now;

	X509_STORE_CTX_set_verify_cb(x, tls_judge_time(t->ctx, &now) ? forgive_early : no_excuse);
	X509_STORE_CTX_set_time(x, 0, (time_t)now);
	if (X509_verify_cert(x) != 1)
		return no(t, x, X509_STORE_CTX_get_error(x), X509_STORE_CTX_get_current_cert(x), NULL);
	chain = X509_STORE_CTX_get0_chain(x);
	if (!chain || sk_X509_num(chain) < 1 ||
	    !X509_digest(sk_X509_value(chain, sk_X509_num(chain) - 1), EVP_sha256(), v.anchor, &n))
		return no(t, x, X509_V_ERR_UNSPECIFIED, NULL, NULL);
	for (int i = 0; i < sk_X509_num(chain); i++) {
		mst_time from = time_of(X509_get0_notBefore(sk_X509_value(chain, i)));
		mst_time until = time_of(X509_get0_notAfter(sk_X509_value(chain, i)));

		if (i == 0)
			until += t->ctx->expired_grace;
		v.not_before = from > v.not_before ? from : v.not_before;
		v.not_after = until < v.not_after ? until : v.not_after;
	}
	if (!check_crls(t, x, chain, &v))
		return 0;
	memcpy(v.leaf, sha256, sizeof(v.leaf));
	memcpy(t->peer.anchor_sha256, v.anchor, sizeof(v.anchor));
	*slot_of(t->ctx, sha256) = v;
	return 1;
}

/* The key itself was named beforehand (spec 2.5.5): no path is needed, but the dates still count. */
static int check_pinned(struct tls_session *t, X509_STORE_CTX *x, X509 *leaf)
{
	mst_time now;
	bool unset = tls_judge_time(t->ctx, &now);

	if (time_of(X509_get0_notAfter(leaf)) < now)
		return no(t, x, X509_V_ERR_CERT_HAS_EXPIRED, leaf, NULL);
	if (!unset && time_of(X509_get0_notBefore(leaf)) > now)
		return no(t, x, X509_V_ERR_CERT_NOT_YET_VALID, leaf, NULL);
	return 1;
}

/* Client only: read the names (not on a fibre), and find the one that must be there. */
static int check_name(struct tls_session *t, X509_STORE_CTX *x, X509 *leaf)
{
	if (!tls_read_names(t))
		return no(t, x, X509_V_ERR_UNSPECIFIED, leaf, "certificate cannot be read");
	if (t->expect_name && !mst_cert_names(&t->peer.cert, MST_ID_FQDN, t->expect_name))
		return no(t, x, X509_V_ERR_HOSTNAME_MISMATCH, leaf, "no name in the server's certificate is the expected one");
	return 1;
}

int tls_verify_cb(X509_STORE_CTX *x, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_session *t = SSL_get_app_data(ssl);
	X509 *leaf = X509_STORE_CTX_get0_cert(x);
	uint8_t sha256[MST_SHA256_LEN];
	unsigned int n = sizeof(sha256);
	int ok;

	(void)arg;
	if (!leaf || !X509_digest(leaf, EVP_sha256(), sha256, &n))
		return no(t, x, X509_V_ERR_UNSPECIFIED, NULL, NULL);
	X509_free(t->leaf);
	t->leaf = X509_up_ref(leaf) ? leaf : NULL;
	if (t->psk_identity) {
		tls_session_end(t, MST_TLS_PSK_REFUSED, "the server did not take the key and showed a certificate");
		X509_STORE_CTX_set_error(x, X509_V_ERR_APPLICATION_VERIFICATION);
		return 0;
	}
	if (t->n_pin && tls_read_names(t) && tls_pin_matches(t->peer.cert.spki_sha256, t->pin, t->n_pin))
		ok = check_pinned(t, x, leaf);
	else
		ok = known_good(t, sha256) || check_path(t, x, sha256);
	ok = ok && check_profile(t, x, leaf) && (t->ctx->server || check_name(t, x, leaf));
	if (ok)
		X509_STORE_CTX_set_error(x, X509_V_OK);
	return ok;
}

/* As the library has it in a handshake (ssl_verify_cert_chain), by another context. */
static bool judge_by(struct tls_session *t, X509_STORE_CTX *x, X509 *leaf, struct mst_tls_ctx *by)
{
	struct mst_tls_ctx *had = t->ctx;
	bool good;

	if (!X509_STORE_CTX_init(x, SSL_CTX_get_cert_store(by->ssl), leaf, SSL_get_peer_cert_chain(t->ssl)) ||
	    !X509_STORE_CTX_set_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx(), t->ssl) || !X509_STORE_CTX_set_default(x, "ssl_client") ||
	    !X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(x), SSL_CTX_get0_param(by->ssl)))
		return false;
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(x), SSL_CTX_get_security_level(by->ssl));
	t->ctx = by;
	good = tls_verify_cb(x, NULL) == 1;
	t->ctx = had;
	return good;
}

bool tls_judge_again(struct tls_session *t, struct mst_tls_ctx *by)
{
	X509_STORE_CTX *x;
	X509 *leaf = t->leaf;
	bool good;

	if (!leaf || t->ctx == by)
		return true;
	x = X509_STORE_CTX_new();
	good = x && X509_up_ref(leaf) && judge_by(t, x, leaf, by);
	X509_STORE_CTX_free(x);
	if (x)
		X509_free(leaf);
	if (!good)
		tls_session_end(t, MST_TLS_BUSY, "no memory");        /* the first reason stays */
	return good;
}
