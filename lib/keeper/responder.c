#include "keeper/local.h"

#include <string.h>

#define NAME "OCSP responder"
#define SKEW 3600                      /* asked with a clock that is behind the CA's */

static int make(struct local *l, struct responder *r, mst_time now)
{
	struct mst_cert_spec spec = { .role = MST_CERT_OCSP, .common_name = NAME, .not_before = now - SKEW,
				      .not_after = now + RESPONDER_LIFE, .path_len = -1 };
	struct keeper_ca_signer ca;
	uint8_t spki[128];
	size_t n = 0;
	int e = mst_pkey_generate(r->key, sizeof(r->key), &r->n_key);

	if (!e)
		e = mst_pkey_public((struct mst_view){ r->key, r->n_key }, spki, sizeof(spki), &n);
	if (e)
		return e > 0 ? MST_FAULT_CRYPTO : e;
	e = keeper_ca_signer(l, &ca);
	if (!e)
		e = mst_cert_issue(l->c, ca.signer, (struct mst_view){ l->files.ca_der, l->files.n_ca_der }, (struct mst_view){ spki, n }, &spec, r->der,
				   sizeof(r->der), &r->n_der);
	r->made = now;
	return keeper_ca_signer_end(&ca, e);
}

int responder_ready(struct local *l, mst_time now)
{
	struct responder fresh = { .n_key = 0 }, *r = &l->responder;
	/* a clock that was set back makes it one from the future */
	mst_time age = r->n_der && r->made <= now + SKEW ? now - r->made : RESPONDER_LIFE;
	int e;

	if (age < RESPONDER_LIFE / 2)
		return 0;
	e = make(l, &fresh, now);
	if (!e)
		*r = fresh;
	else if (e < 0 || age >= RESPONDER_LIFE - MST_STATUS_LIFE)
		mst_wipe(r, sizeof(*r));
	mst_wipe(&fresh, sizeof(fresh));
	l->counts.responders += !e;
	return e > 0 && r->n_der ? 0 : e;
}
