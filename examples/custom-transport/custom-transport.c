/*
 * A transport of one's own: GnuTLS over a blocking socket. Crypto, storage and clock are the ready-made ones.
 *
 *   cc -I.. custom-transport.c $(pkg-config --cflags --libs muster-openssl gnutls) -o custom-transport
 *   ./custom-transport STATE SEAL-KEY INSTRUCTIONS CERTIFICATE KEY ANCHORS NAME IPV4-ADDRESS
 */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <muster/openssl.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

#define SUITES "NORMAL:-KX-ALL:+ECDHE-ECDSA:+ECDHE-PSK:+PSK:+SHA256:-VERS-ALL:+VERS-TLS1.2"

struct wire { const char *address; int fd; gnutls_session_t tls; gnutls_certificate_credentials_t cert; gnutls_psk_client_credentials_t psk; };

static void shut(void *ctx)
{
	struct wire *w = ctx;

	if (w->tls)
		gnutls_bye(w->tls, GNUTLS_SHUT_WR), gnutls_deinit(w->tls), close(w->fd);
	w->tls = NULL;
}

static enum muster_reason open_session(void *ctx, const struct muster_session *s, unsigned char exported[MUSTER_EXPORT_LEN], int64_t ms,
				       char *detail)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(s->port) };
	gnutls_datum_t key = { (void *)s->psk.p, (unsigned)s->psk.n };
	struct wire *w = ctx;
	int r;

	gnutls_init(&w->tls, GNUTLS_CLIENT | GNUTLS_NO_TICKETS);
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (inet_pton(AF_INET, w->address, &a.sin_addr) != 1 || connect(w->fd, (struct sockaddr *)&a, sizeof(a)))
		return MUSTER_UNREACHABLE;
	gnutls_priority_set_direct(w->tls, SUITES, NULL);
	gnutls_server_name_set(w->tls, GNUTLS_NAME_DNS, s->host, strlen(s->host));
	gnutls_transport_set_int(w->tls, w->fd);
	gnutls_handshake_set_timeout(w->tls, (unsigned)ms);
	if (s->auth == MUSTER_AUTH_PSK) {
		gnutls_psk_set_client_credentials(w->psk, s->psk_identity, &key, GNUTLS_PSK_KEY_RAW);
		gnutls_credentials_set(w->tls, GNUTLS_CRD_PSK, w->psk);
	} else {
		gnutls_credentials_set(w->tls, GNUTLS_CRD_CERTIFICATE, w->cert);
		gnutls_session_set_verify_cert(w->tls, s->host, 0);
	}
	while ((r = gnutls_handshake(w->tls)) < 0 && !gnutls_error_is_fatal(r))
		;
	if (!r && s->export_label)
		r = gnutls_prf_rfc5705(w->tls, strlen(s->export_label), s->export_label, 0, NULL, MUSTER_EXPORT_LEN, (char *)exported);
	snprintf(detail, 160, "%s", r ? gnutls_strerror(r) : "");
	if (r)
		return r == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR ? MUSTER_UNTRUSTED : MUSTER_NOT_AUTHENTICATED;
	return gnutls_session_ext_master_secret_status(w->tls) ? MUSTER_OK : MUSTER_UNSUPPORTED;
}

static enum muster_reason moved(ssize_t n, size_t *ret_n)
{
	*ret_n = n > 0 ? (size_t)n : 0;
	return n > 0 || n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_TIMEDOUT ? MUSTER_OK : MUSTER_UNREACHABLE;
}

static enum muster_reason write_some(void *ctx, const void *octets, size_t n, size_t *ret_n, int64_t ms, char *detail)
{
	return (void)ms, (void)detail, moved(gnutls_record_send(((struct wire *)ctx)->tls, octets, n), ret_n);
}

static enum muster_reason read_some(void *ctx, void *out, size_t cap, size_t *ret_n, int64_t ms, char *detail)
{
	gnutls_record_set_timeout(((struct wire *)ctx)->tls, (unsigned)ms);
	return (void)detail, moved(gnutls_record_recv(((struct wire *)ctx)->tls, out, cap), ret_n);
}

int main(int argc, char **argv)
{
	static struct muster_enrolee enrolee;
	static char sequence[32768], detail[160];
	struct muster_openssl_config place = { .size = sizeof(place) };
	struct muster_config config = { .size = sizeof(config), .crypto = muster_openssl_crypto() };
	struct wire wire = { .fd = -1 };
	struct muster_openssl *o;
	struct muster_ports ports;

	if (argc != 9)
		return fprintf(stderr, "usage: %s STATE SEAL-KEY INSTRUCTIONS CERTIFICATE KEY ANCHORS NAME IPV4-ADDRESS\n", argv[0]), 2;
	place.state = argv[1], place.key_file = argv[2];
	config.certified_name = argv[7], wire.address = argv[8];
	if (!private_file(argv[5], detail) || muster_openssl_open(&place, &o, detail) || gnutls_certificate_allocate_credentials(&wire.cert) ||
	    gnutls_psk_allocate_client_credentials(&wire.psk) || muster_init(&enrolee, &config) ||
	    gnutls_certificate_set_x509_key_file(wire.cert, argv[4], argv[5], GNUTLS_X509_FMT_PEM) ||
	    gnutls_certificate_set_x509_trust_file(wire.cert, argv[6], GNUTLS_X509_FMT_PEM) < 1)
		return fprintf(stderr, "custom-transport: %s\n", *detail ? detail : "certificate, key or anchors cannot be used"), 1;
	ports = muster_openssl_ports(o);
	ports.transport = (struct muster_transport){ &wire, open_session, write_some, read_some, shut };
	return say_end(&enrolee, muster_run(&enrolee, &ports, sequence, read_file(argv[3], sequence, sizeof(sequence))));
}
