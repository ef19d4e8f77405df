/* Inside libmuster-openssl (include/muster/openssl.h). */
#ifndef MST_PORT_OPENSSL_PORT_H
#define MST_PORT_OPENSSL_PORT_H

#include "muster/openssl.h"
#include "secenv/secenv.h"
#include "transport/blocking.h"

#define PORT_ANCHORS_MAX 16
#define PORT_PINS_MAX 4
#define PORT_DETAIL 160                  /* octets of every `detail` of the ports */

struct muster_openssl {
	struct muster_openssl_config cfg;
	struct mst_secenv *env;
	char name[MST_ID_MAX];
	uint8_t *chain;                      /* PEM */
	size_t chain_n;
	uint8_t pkcs8[MST_PKEY_MAX];
	size_t pkcs8_n;
	uint8_t *anchor[PORT_ANCHORS_MAX];
	struct mst_view anchors[PORT_ANCHORS_MAX];
	size_t n_anchors;
	/* the session that is open */
	struct mst_blocking *session;
	mst_time utc;                        /* by which validity is judged */
};

/* "where: what", cut to fit. */
void port_say(char *detail, const char *where, const char *what);
/* port-files.c: credential and anchors. 0 or -1 with `detail`. */
int port_load_identity(struct muster_openssl *o, char *detail);
/* port-tls.c */
struct muster_transport port_transport(struct muster_openssl *o);

#endif
