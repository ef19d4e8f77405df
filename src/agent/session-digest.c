/* Digest on Ua for the sessions of session.c: proto/gba/ua-client.h in the client's hands. */
#include "agent/session-digest.h"

#include <stdlib.h>

#include "proto/gba/ua-client.h"

struct digest {
	struct gba_client c;
	struct mst_crypto *crypto;
};

static bool put(void *arg, struct mst_view request, struct mst_writer *w)
{
	struct digest *g = arg;
	uint8_t cnonce[GBA_CLIENT_CNONCE];

	return !g->crypto->ops->random(g->crypto, cnonce, sizeof(cnonce)) && gba_client_request(&g->c, request, cnonce, w);
}

/* A key that is not taken looks like one that PSK-TLS refuses, so that the same follows from it: to bootstrap anew. */
static enum mst_tls_end judge(void *arg, const struct mst_http_msg *m, bool *ret_again, const char **ret_detail)
{
	static const enum mst_tls_end end[] = {
		[GBA_CLIENT_TAKE] = MST_TLS_OPEN, [GBA_CLIENT_AGAIN] = MST_TLS_OPEN, [GBA_CLIENT_REFUSED] = MST_TLS_PSK_REFUSED,
		[GBA_CLIENT_NOT_PROVEN] = MST_TLS_UNTRUSTED, [GBA_CLIENT_BAD] = MST_TLS_PROTOCOL, [GBA_CLIENT_FAULT] = MST_TLS_PROTOCOL,
	};
	struct digest *g = arg;
	enum gba_client_end e = gba_client_answer(&g->c, m);

	*ret_again = e == GBA_CLIENT_AGAIN;
	*ret_detail = g->c.detail;
	return end[e];
}

static void release(void *arg)
{
	struct digest *g = arg;

	gba_client_deinit(&g->c);
	free(g);
}

static const struct mst_client_proof_ops ops = { put, judge, release };
_Static_assert(GBA_CLIENT_OCTETS <= MST_CLIENT_PROOF_OCTETS, "a proof has room");

int session_digest(struct mst_crypto *crypto, const char *host, const char *identity, const struct mst_key *key, struct mst_client_config *cfg)
{
	struct digest *g = calloc(1, sizeof(*g));
	enum gba_hint hint;

	if (!g)
		return MST_FAULT_MEMORY;
	g->crypto = crypto;
	if (!gba_client_init(&g->c, crypto, host, gba_psk_identity_btid(mst_view_str(identity), &hint), key)) {
		release(g);
		return MST_FAULT_BUG;
	}
	cfg->proof = &ops;
	cfg->proof_arg = g;
	return 0;
}
