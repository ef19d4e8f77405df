/* The key that answers about certificates are signed with, and its certificate. Inside lib/keeper only. */
#ifndef MST_KEEPER_RESPONDER_H
#define MST_KEEPER_RESPONDER_H

#include "crypto/pki.h"
#include "keeper/files.h"

#define RESPONDER_LIFE (INT64_C(30) * 86400)

/* Made by the process that has the CA key, in its memory only; a restart makes another one. */
struct responder {
	uint8_t key[MST_PKEY_MAX], der[MST_CERT_MAX];
	size_t n_key, n_der;
	mst_time made;
};

#endif
