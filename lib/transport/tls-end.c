/*
 * Why sessions end, in words that stay the same, and what a person should do about it.
 */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "transport/tls-int.h"

static const struct { const char *text, *remedy; } words[] = {
	[MST_TLS_OPEN] = { "open", "nothing to do" },
	[MST_TLS_CLOSED] = { "closed", "nothing to do" },
	[MST_TLS_TRUNCATED] = { "connection lost", "try again; if it repeats, look at the network path and at the other end's log" },
	[MST_TLS_UNREACHABLE] = { "unreachable", "check address, port, firewall and whether the server runs" },
	[MST_TLS_NAME_UNKNOWN] = { "name does not resolve", "check the spelling of the host and the DNS settings" },
	[MST_TLS_TIMEOUT] = { "timed out", "try again later; if it repeats, look at the load and the network path of the other end" },
	[MST_TLS_NO_COMMON_SUITE] = { "no common TLS version or cipher suite", "let the TLS profiles of both ends overlap (\"both\" takes in the oneM2M suites)" },
	[MST_TLS_NO_CERTIFICATE] = { "no client certificate", "install the client's certificate and key, or enrol with a pre-shared key" },
	[MST_TLS_UNTRUSTED] = { "certificate not trusted", "add the issuer's certificate to the anchors, or get a certificate of a known issuer" },
	[MST_TLS_EXPIRED] = { "certificate expired", "renew the certificate; check the clock" },
	[MST_TLS_NOT_YET_VALID] = { "certificate not yet valid", "set the clock; check the certificate's first date" },
	[MST_TLS_REVOKED] = { "certificate revoked", "get a new certificate; find out why the issuer revoked this one" },
	[MST_TLS_CRL_STALE] = { "revocation list missing or out of date", "install a fresh list of the issuer" },
	[MST_TLS_BAD_CERTIFICATE] = { "certificate not acceptable", "issue one with P-256, keyUsage digitalSignature and the right purpose" },
	[MST_TLS_WRONG_NAME] = { "certificate names somebody else", "check the address; the certificate must hold exactly the expected name" },
	[MST_TLS_NO_SNI] = { "server name missing or not served", "send the server's FQDN in the TLS handshake, or serve that name" },
	[MST_TLS_PSK_REFUSED] = { "key identity or key refused", "check key identity and key at both ends; a new bootstrap gives new ones" },
	[MST_TLS_ALERT] = { "refused by the peer", "the peer's log has its reason" },
	[MST_TLS_PROTOCOL] = { "protocol error", "check that the peer speaks TLS, and HTTP/1.1, on this port" },
	[MST_TLS_TOO_LARGE] = { "answer too large", "check that the right service answers on this port" },
	[MST_TLS_BUSY] = { "too busy", "try again later; raise the limits or add listeners when it lasts" },
	[MST_TLS_SILENT] = { "timed out", "check key identity and key at both ends; if they are right, look at the network path" },
	[MST_TLS_CUT] = { "cut off", "nothing, if it was meant: a node whose secret was replaced needs the new one" },
};

const char *mst_tls_end_text(enum mst_tls_end e)
{
	return (unsigned)e < MST_COUNT(words) ? words[e].text : "unknown";
}

const char *mst_tls_end_remedy(enum mst_tls_end e)
{
	return (unsigned)e < MST_COUNT(words) ? words[e].remedy : "";
}

void tls_session_cut(struct tls_session *t)
{
	tls_session_end(t, MST_TLS_CUT, "the key was right; meanwhile its owner is not served any more, or by another key");
}

static const struct { int reason; enum mst_tls_end end; } end_of[] = {
	{ SSL_R_NO_SHARED_CIPHER, MST_TLS_NO_COMMON_SUITE },
	{ SSL_R_UNSUPPORTED_PROTOCOL, MST_TLS_NO_COMMON_SUITE },
	{ SSL_R_VERSION_TOO_LOW, MST_TLS_NO_COMMON_SUITE },
	{ SSL_R_WRONG_SSL_VERSION, MST_TLS_NO_COMMON_SUITE },
	{ SSL_R_NO_PROTOCOLS_AVAILABLE, MST_TLS_NO_COMMON_SUITE },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, MST_TLS_NO_COMMON_SUITE },
	{ SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, MST_TLS_NO_COMMON_SUITE },
	{ SSL_R_NO_SUITABLE_KEY_SHARE, MST_TLS_NO_COMMON_SUITE },
	{ SSL_R_NO_SHARED_GROUPS, MST_TLS_NO_COMMON_SUITE },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, MST_TLS_NO_CERTIFICATE },
	{ SSL_R_UNEXPECTED_EOF_WHILE_READING, MST_TLS_TRUNCATED },
};

/* The last of the library's reasons: with an AEAD the cipher's own failure stands before it. */
static bool key_mismatch(void)
{
	unsigned long e = ERR_peek_last_error();
	int reason = ERR_GET_REASON(e);

	return ERR_GET_LIB(e) == ERR_LIB_SSL &&
	       (reason == SSL_R_BINDER_DOES_NOT_VERIFY || reason == SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC ||
	        reason == SSL_R_DIGEST_CHECK_FAILED);
}

/* What a server says to a key that it does not take: RFC 4279 2, RFC 8446 4.2.11, and what libraries do. */
static bool alert_means_key(int alert)
{
	return alert == SSL_AD_BAD_RECORD_MAC || alert == SSL_AD_DECRYPT_ERROR || alert == SSL_AD_UNKNOWN_PSK_IDENTITY ||
	       alert == SSL_AD_ILLEGAL_PARAMETER;
}

/*
 * The suite was the matter: the key had not been named yet, so it was not judged. Once it has been, the same alert may be a server's word for
 * an identity that it does not know (with TLS 1.3 OpenSSL's is).
 */
static bool alert_means_suite(const struct tls_session *t, int alert)
{
	return alert == SSL_AD_PROTOCOL_VERSION ||
	       (t->psk_identity && !t->psk_sent && (alert == SSL_AD_HANDSHAKE_FAILURE || alert == SSL_AD_INSUFFICIENT_SECURITY));
}

static void end_from_alert(struct tls_session *t, int alert)
{
	const char *text = SSL_alert_desc_string_long(alert);

	if (t->psk_identity && !SSL_is_init_finished(t->ssl) && alert_means_key(alert))
		tls_session_end(t, MST_TLS_PSK_REFUSED, "alert: %s", text);
	else if (alert_means_suite(t, alert))
		tls_session_end(t, MST_TLS_NO_COMMON_SUITE, "alert: %s", text);
	else if (alert == SSL_AD_UNRECOGNIZED_NAME)
		tls_session_end(t, MST_TLS_NO_SNI, "alert: %s", text);
	else if (alert == TLS13_AD_CERTIFICATE_REQUIRED)
		tls_session_end(t, MST_TLS_NO_CERTIFICATE, "alert: %s", text);
	else
		tls_session_end(t, MST_TLS_ALERT, "alert: %s", text);
}

/* Of this end: never the peer's doing. */
static bool memory_is_short(unsigned long e)
{
	return ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE || ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
}

static void end_from_error(struct tls_session *t, unsigned long e)
{
	int reason = ERR_GET_REASON(e);
	const char *text = ERR_reason_error_string(e);

	if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
		end_from_alert(t, reason - SSL_AD_REASON_OFFSET);
		return;
	}
	if (memory_is_short(e)) {
		tls_session_end(t, MST_TLS_BUSY, "no memory");
		return;
	}
	if (t->psk_asked && !SSL_is_init_finished(t->ssl) && key_mismatch()) {
		/* lesson 21: the operator learns which, the peer does not */
		tls_session_end(t, MST_TLS_PSK_REFUSED, "%s", t->psk_known ? "identity known, key wrong" :
		                t->peer.psk_identity[0] ? "identity unknown" : "identity malformed");
		return;
	}
	if (ERR_GET_LIB(e) == ERR_LIB_SSL)
		for (size_t i = 0; i < MST_COUNT(end_of); i++)
			if (end_of[i].reason == reason) {
				tls_session_end(t, end_of[i].end, "%s", text ? text : "");
				return;
			}
	tls_session_end(t, MST_TLS_PROTOCOL, "%s", text ? text : "unknown error");
}

void tls_end_from_library(struct tls_session *t, int ssl_error, int saved_errno)
{
	unsigned long e = ERR_peek_error();

	if (ssl_error == SSL_ERROR_ZERO_RETURN)
		tls_session_end(t, MST_TLS_CLOSED, "closed by the peer");
	else if (ssl_error == SSL_ERROR_SSL && e)
		end_from_error(t, e);
	else if (ssl_error == SSL_ERROR_SYSCALL && saved_errno)
		tls_session_end(t, MST_TLS_TRUNCATED, "%s", strerrordesc_np(saved_errno));
	else
		tls_session_end(t, MST_TLS_TRUNCATED, "the peer closed the connection");
	ERR_clear_error();
}
