/* A session that proves each request by HTTP Digest with a B-TID and its key (TS 33.222 5.3). */
#ifndef AGENT_SESSION_DIGEST_H
#define AGENT_SESSION_DIGEST_H

#include "crypto/crypto.h"
#include "transport/client.h"

/* Sets what `cfg` needs for it. `identity`: the B-TID as in TLS, bare or with its prefix. 0 or a fault. */
MST_MUST_CHECK int session_digest(struct mst_crypto *crypto, const char *host, const char *identity, const struct mst_key *key,
				  struct mst_client_config *cfg);

#endif
