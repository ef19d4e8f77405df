#include "keeper/responder.h"

#include <string.h>

#define NAME "OCSP responder"
#define SKEW 3600                      /* asked with a clock that is behind the CA's */

static int make(struct responder *r, struct mst_crypto *c, const struct keeper_files *f, mst_time now)
{
	struct mst_cert_spec spec = { .role = MST_CERT_OCSP, .common_name = NAME, .not_before = now - SKEW,
				      .not_after = now + RESPONDER_LIFE, .path_len = -1 };
	struct mst_local_signer ca = { 0 };
	uint8_t spki[128];
	size_t n = 0;
	int e = mst_pkey_generate(r->key, sizeof(r->key), &r->n_key);

	if (!e)
		e = mst_pkey_public((struct mst_view){ r->key, r->n_key }, spki, sizeof(spki), &n);
	if (!e)
		e = mst_local_signer_init(&ca, (struct mst_view){ f->ca_key, f->n_ca_key });
	if (!e)
		e = mst_cert_issue(c, &ca.signer, (struct mst_view){ f->ca_der, f->n_ca_der }, (struct mst_view){ spki, n }, &spec, r->der,
				   sizeof(r->der), &r->n_der);
	mst_local_signer_deinit(&ca);
	r->made = now;
	return e > 0 ? MST_FAULT_CRYPTO : e;
}

int responder_ready(struct responder *r, struct mst_crypto *c, const struct keeper_files *f, mst_time now, uint64_t *ret_made)
{
	int e;

	/* a clock that was set back makes it one from the future */
	if (r->n_der && r->made <= now + SKEW && now - r->made < RESPONDER_LIFE / 2)
		return 0;
	e = make(r, c, f, now);
	if (e)
		mst_wipe(r, sizeof(*r));
	*ret_made += !e;
	return e;
}
