/*
 * libmuster-openssl: ready-made ports for devices with Linux, POSIX and OpenSSL 3 (pkg-config muster-openssl). Sessions block
 * with deadlines; records are AES-256-GCM files, written so that a power cut leaves the old or the new one, in the very form that
 * muster-agent(1) keeps with secenv.backend = "file": then either can go on where the other stopped.
 */
#ifndef MUSTER_OPENSSL_H
#define MUSTER_OPENSSL_H

#include <muster/card.h>
#include <muster/run.h>

#ifdef __cplusplus
extern "C" {
#endif

struct muster_openssl;               /* on the heap */

/* Fill with zeros first. Texts are borrowed until muster_openssl_close(). */
struct muster_openssl_config {
	size_t size;                 /* sizeof(struct muster_openssl_config) */
	const char *state;           /* directory of the slots; made when it is absent */
	const char *key_file;        /* what they are sealed with; made when it is absent */
	const char *certificate, *key;       /* PEM, PKCS#8; both or neither */
	const char *anchors;         /* PEM: whom the device trusts where an instruction names nobody; may be NULL */
	const char *address;         /* dial this host, whatever the name of the peer (laboratories); NULL: ask DNS */
};

/*
 * 0; or -1, with the file and what is wrong in `detail` (160 octets), and *ret = NULL. Takes the state for this process alone. Nobody else may read
 * or write `key` and `key_file` (mode 0600), and `key` belongs to root or the process's user: else that is what is wrong.
 */
int muster_openssl_open(const struct muster_openssl_config *c, struct muster_openssl **ret, char *detail);
/* Closes session and state, wipes. NULL is fine. */
void muster_openssl_close(struct muster_openssl *o);

/* The name that the certificate gives this device, for muster_config.certified_name; NULL without a certificate. */
const char *muster_openssl_name(const struct muster_openssl *o);
/* All ports at once; replace those that are to be your own. */
struct muster_ports muster_openssl_ports(struct muster_openssl *o);
struct muster_crypto muster_openssl_crypto(void);

/* For struct muster_card, whatever its `ctx`: MD5, and the reader of BootstrappingInfo, which is libxml2. What cannot be read leaves zeros in *ret. */
int muster_openssl_md5(void *ctx, const void *octets, size_t n, unsigned char out[16]);
int muster_openssl_bootstrapping_info(void *ctx, const void *xml, size_t n, void *room, size_t room_n, struct muster_bootstrapping *ret);

#ifdef __cplusplus
}
#endif
#endif
