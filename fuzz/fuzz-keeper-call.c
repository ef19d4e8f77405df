/* The keeper's decoder over a keeper that checks what reaches it. */
#include <stdlib.h>
#include <string.h>

#include "keeper/keeper-wire.h"

static int gba_trigger(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *ks, const struct mst_gba_trigger *q,
		       uint8_t *mac)
{
	(void)k;
	if (a->what > MST_AUTH_BOOTSTRAP || ks->n > MST_WRAPPED_MAX || strlen(q->btid) >= MST_ID_MAX || strlen(q->impi) >= MST_ID_MAX ||
	    strlen(q->naf_fqdn) >= MST_ID_MAX || strlen(q->node_id) >= MST_ID_MAX || !q->body.n || q->body.n > MST_TRIGGER_MAX)
		abort();
	memset(mac, 0, MST_TRIGGER_MAC);
	return 0;
}

static int seal_log(struct mst_keeper *k, struct mst_log_seal *s, bool anew)
{
	(void)k;
	(void)anew;
	if (!s->seq || s->seq > INT64_MAX || s->when < 0)
		abort();
	return 0;
}

static int last_seal(struct mst_keeper *k, struct mst_log_seal *ret)
{
	(void)k;
	*ret = (struct mst_log_seal){ .seq = 1 };
	return 0;
}

static int generations(struct mst_keeper *k, struct mst_keeper_generations *ret)
{
	(void)k;
	*ret = (struct mst_keeper_generations){ 2, 1, 3 };
	return 0;
}

static int rotate(struct mst_keeper *k, uint32_t *ret)
{
	(void)k;
	*ret = 3;
	return 0;
}

static int rewrap(struct mst_keeper *k, const struct mst_wrapped *w, enum mst_key_purpose p, const char *id, struct mst_wrapped *ret)
{
	(void)k;
	if (w->n > MST_WRAPPED_MAX || (unsigned)p >= MST_PURPOSE__COUNT || strlen(id) >= MST_ID_MAX)
		abort();
	ret->n = MST_WRAPPED_MAX;
	return 0;
}

static int retire(struct mst_keeper *k, uint32_t gen)
{
	(void)k;
	return gen == 2 ? 0 : MST_KEEPER_DENIED;
}

static int rates(struct mst_keeper *k, struct mst_keeper_rates *ret)
{
	(void)k;
	*ret = (struct mst_keeper_rates){ .of[0] = { .minute = 7 } };
	return 0;
}

static int ca_state(struct mst_keeper *k, struct mst_keeper_ca *ret)
{
	(void)k;
	*ret = (struct mst_keeper_ca){ .kind = 3 };
	memset(ret->why, 'w', sizeof(ret->why) - 1);
	return 0;
}

static int leave_ask(struct mst_keeper *k, const struct mst_said *q, struct mst_ticket *ret)
{
	(void)k;
	if (q->request.n > MST_SAID_MAX || q->now < 0)
		abort();
	memset(ret, 0, sizeof(*ret));
	ret->wrapped.n = MST_WRAPPED_MAX;
	return 0;
}

static int leave_give(struct mst_keeper *k, const struct mst_said *yes, struct mst_view request, const struct mst_wrapped *ticket)
{
	(void)k;
	if (yes->request.n > MST_SAID_MAX || request.n > MST_SAID_MAX || ticket->n > MST_WRAPPED_MAX)
		abort();
	return 0;
}

static int leave_own(struct mst_keeper *k, const struct mst_said *q)
{
	(void)k;
	if (q->request.n > MST_SAID_MAX || q->now < 0)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int give(const char *id, struct mst_wrapped *ret)
{
	if (strlen(id) >= MST_ID_MAX)
		abort();
	memset(ret, 0, sizeof(*ret));
	ret->n = 32;
	return 0;
}

static int wrap(struct mst_keeper *k, uint32_t from, struct mst_view s, enum mst_key_purpose p, const char *id, struct mst_wrapped *ret)
{
	(void)k;
	(void)from;
	(void)s;
	if (p == MST_PURPOSE_NONE || p >= MST_PURPOSE__COUNT)
		abort();
	return give(id, ret);
}

static int create(struct mst_keeper *k, enum mst_key_purpose p, const char *id, struct mst_wrapped *ret)
{
	return wrap(k, 0, MST_VIEW_NONE, p, id, ret);
}

static int release(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, enum mst_key_purpose p,
                   const char *id, enum mst_derive_how how, int suid, const char *target, uint32_t to, struct mst_wrapped *ret)
{
	(void)to;
	if (w->n > MST_WRAPPED_MAX || a->what > MST_AUTH_BOOTSTRAP || how > MST_DERIVE_USAGE || suid < 0 || strlen(target) >= MST_ID_MAX)
		abort();
	return wrap(k, 0, MST_VIEW_NONE, p, id, ret);
}

static int derive(struct mst_keeper *k, const struct mst_wrapped *w, enum mst_key_purpose p, const char *id, enum mst_derive_how how,
                  int suid, const char *target, enum mst_key_purpose np, const char *nid, struct mst_wrapped *ret)
{
	(void)suid;
	if (w->n > MST_WRAPPED_MAX || how > MST_DERIVE_USAGE || strlen(target) >= MST_ID_MAX || wrap(k, 0, MST_VIEW_NONE, np, nid, ret))
		abort();
	return wrap(k, 0, MST_VIEW_NONE, p, id, ret);
}

static int differs(struct mst_keeper *k, uint32_t from, struct mst_view s, const struct mst_wrapped *w, enum mst_key_purpose p, const char *id)
{
	struct mst_wrapped none;

	(void)from;
	(void)s;
	if (w->n > MST_WRAPPED_MAX)
		abort();
	return wrap(k, 0, MST_VIEW_NONE, p, id, &none);
}

static int sign(struct mst_keeper *k, const struct mst_authorisation *a, struct mst_view tbs, uint8_t *sig, size_t cap, size_t *ret_n)
{
	(void)k;
	if (a->what > MST_AUTH_BOOTSTRAP || !tbs.n || tbs.n > MST_TBS_MAX || cap < 72)
		abort();
	memset(sig, 0, 72);
	*ret_n = 72;
	return 0;
}

static int ca_cert(struct mst_keeper *k, uint8_t *der, size_t cap, size_t *ret_n)
{
	(void)k;
	(void)cap;
	der[0] = 0x30;
	*ret_n = 1;
	return 0;
}

static int trigger(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, enum mst_key_purpose p,
                   const char *id, const char *node, struct mst_view body, uint8_t *mac)
{
	(void)k;
	if (a->what > MST_AUTH_BOOTSTRAP || w->n > MST_WRAPPED_MAX || p == MST_PURPOSE_NONE || p >= MST_PURPOSE__COUNT ||
	    strlen(id) >= MST_ID_MAX || strlen(node) >= MST_ID_MAX || !body.n || body.n > MST_TRIGGER_MAX)
		abort();
	memset(mac, 0, MST_TRIGGER_MAC);
	return 0;
}

static int status(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_ocsp_answer *s, uint8_t *der, size_t cap,
                  size_t *ret_n)
{
	(void)k;
	if (a->what > MST_AUTH_BOOTSTRAP || !s->n || s->n > MST_OCSP_ASKED_MAX || s->n_nonce > MST_OCSP_NONCE_MAX || s->this_update < 0 ||
	    s->next_update < 0 || cap < MST_OCSP_RESPONSE_MAX)
		abort();
	for (size_t i = 0; i < s->n; i++)
		if (s->single[i].id.n > MST_OCSP_ID_MAX || (unsigned)s->single[i].status > MST_OCSP_UNKNOWN || s->single[i].reason > 10 ||
		    s->single[i].revoked < 0)
			abort();
	der[0] = 0x30;
	*ret_n = 1;
	return 0;
}

static int aka_vector(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, const char *id, uint64_t sqn,
		      const uint8_t amf[2], uint32_t to, struct mst_vector *ret)
{
	(void)k;
	(void)sqn;
	(void)to;
	if (a->what > MST_AUTH_BOOTSTRAP || w->n > MST_WRAPPED_MAX || strlen(id) >= MST_ID_MAX)
		abort();
	memset(ret, amf[0] ^ amf[1], sizeof(*ret));
	ret->sealed.n = MST_WRAPPED_MAX;
	return 0;
}

static int aka_resync(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, const char *id,
		      const uint8_t rnd[16], const uint8_t auts[14], uint64_t *ret)
{
	(void)k;
	if (a->what > MST_AUTH_BOOTSTRAP || w->n > MST_WRAPPED_MAX || strlen(id) >= MST_ID_MAX)
		abort();
	*ret = (uint64_t)rnd[15] << 8 | auts[13];
	return 0;
}

static int gba_star(struct mst_keeper *k, const struct mst_wrapped *av, const char *btid, uint8_t autn[GBA_AUTN])
{
	(void)k;
	(void)autn;
	if (av->n > MST_WRAPPED_MAX || strlen(btid) >= MST_ID_MAX)
		abort();
	return 0;
}

static int gba_answer(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *av, const char *btid,
		      const struct mst_ub *q, struct mst_ub_answer *ret)
{
	const struct mst_view *const v[] = { &q->claim.username, &q->claim.realm, &q->claim.nonce, &q->claim.nc, &q->claim.cnonce, &q->claim.uri,
					     &q->claim.response };

	(void)k;
	if (a->what > MST_AUTH_BOOTSTRAP || av->n > MST_WRAPPED_MAX || strlen(btid) >= MST_ID_MAX || strlen(q->impi) >= MST_ID_MAX ||
	    q->claim.algorithm >= GBA_ALGORITHM__COUNT || (unsigned)q->claim.qop > GBA_QOP_AUTH_INT || q->body.n > MST_BSF_INFO_OCTETS)
		abort();
	for (size_t i = 0; i < MST_COUNT(v); i++)
		if (v[i]->n > GBA_VALUE_MAX)
			abort();
	memset(ret, 0, sizeof(*ret));
	memset(ret->tmpi, 't', sizeof(ret->tmpi) - 1);
	ret->ks.n = MST_WRAPPED_MAX;
	return 0;
}

static int gba_naf_keys(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *ks, const char *btid,
			const char *impi, struct mst_view naf_id, bool in_card, uint32_t to, struct mst_wrapped *ret)
{
	(void)k;
	(void)in_card;
	(void)to;
	if (a->what > MST_AUTH_BOOTSTRAP || ks->n > MST_WRAPPED_MAX || strlen(btid) >= MST_ID_MAX || strlen(impi) >= MST_ID_MAX ||
	    naf_id.n > GBA_NAF_ID_MAX)
		abort();
	return give(btid, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct mst_keeper_ops ops = { "fuzz", wrap, create, release, differs, derive, sign, ca_cert, trigger, status, aka_vector, aka_resync,
						   gba_star, gba_answer, gba_naf_keys, gba_trigger, seal_log, last_seal, generations, rotate, rewrap, retire,
						   rates, ca_state, leave_ask, leave_give, leave_own, NULL };
	struct mst_keeper k = { &ops };
	uint8_t out[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	(void)mst_keeper_serve(&k, (struct mst_view){ p, n }, &w);
	if (!w.ok || w.n < 6)
		abort();
	return 0;
}
