/*
 * The CA's key signs: here, or in the device that has it (decision 0035). Whoever is to sign with it asks for a signer, uses it once, and
 * ends it.
 */
#include <stdio.h>
#include <string.h>

#include "keeper/local.h"

#define KNOCK_MS 2000

/* Told the first time only; until it signs again it is away. */
static int note(struct local *l, int r, const struct mst_diag *d)
{
	struct mst_keeper_ca *ca = &l->ca_state;

	if (r > 0 || r == MST_FAULT_CLOSED || r == MST_FAULT_IO) {
		ca->times += !ca->away;
		ca->away = true;
		snprintf(ca->why, sizeof(ca->why), "%.199s", d->text[0] ? d->text : "it does not answer");
		return MST_KEEPER_AWAY;
	}
	if (!r) {
		ca->away = false;
		ca->why[0] = '\0';
	}
	return r;
}

static int ask_holder(struct mst_signer *s, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap, size_t *ret_n)
{
	struct keeper_ca_signer *q = s->ctx;
	struct local *l = q->l;
	struct mst_diag d = { 0 };
	int r = MST_KEEPER_AWAY;

	if (l->ca.sign)
		r = l->ca.sign(l->ca.arg, (struct mst_view){ l->files.ca_key, l->files.n_ca_key }, digest, out, cap, ret_n, &d);
	else
		mst_diag_set(&d, 0, "ca_key", "the CA's key is in a device, and this program opens none", NULL);
	l->ca_asked = l->now ? l->now() + 1 : 1;
	q->away = note(l, r, &d);
	return q->away;
}

int keeper_ca_signer(struct local *l, struct keeper_ca_signer *s)
{
	memset(s, 0, sizeof(*s));
	s->l = l;
	s->signer = &s->device;
	s->device.ctx = s;
	s->device.sign = ask_holder;
	if (l->files.ca_kind)
		return 0;
	/* decoded for this one signature; between signatures the key is in the locked pages only */
	s->signer = &s->here.signer;
	return mst_local_signer_init(&s->here, (struct mst_view){ l->files.ca_key, l->files.n_ca_key }) ? MST_FAULT_CRYPTO : 0;
}

int keeper_ca_signer_end(struct keeper_ca_signer *s, int r)
{
	if (!s->l->files.ca_kind)
		mst_local_signer_deinit(&s->here);
	if (r && s->away)
		return s->away > 0 ? keeper_refuse(s->l, MST_KEEPER_AWAY) : s->away;
	return r > 0 ? MST_FAULT_CRYPTO : r;
}

/* A digest of all zero is none of any message that somebody could find. */
static void knock(struct local *l)
{
	static const uint8_t zero[MST_SHA256_LEN];
	struct keeper_ca_signer s;
	uint8_t sig[80];
	size_t n = 0;
	int r = keeper_ca_signer(l, &s);

	if (!r)
		r = s.signer->sign(s.signer, zero, sig, sizeof(sig), &n);
	r = keeper_ca_signer_end(&s, r);
	(void)r;                         /* ca_state has it */
}

/* Nobody may have asked yet, or for long: an outage is to be known before somebody needs the key, and so is its end. */
int keeper_ca_state(struct mst_keeper *k, struct mst_keeper_ca *ret)
{
	struct local *l = keeper_of(k);

	if (l->ca_state.kind && (!l->ca_asked || (l->ca_state.away && l->now && l->now() - l->ca_asked >= KNOCK_MS)))
		knock(l);
	*ret = l->ca_state;
	return 0;
}
