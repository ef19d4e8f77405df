#include "agent/inside.h"

#include <stdlib.h>
#include <string.h>

#define PKCS8 0x30               /* a key that is not inside begins so (lib/secenv/keys.c) */

/* Who signs for a TLS context, for as long as that lives. */
struct holder { struct agent *a; struct mst_secenv_key key; };

static int holder_sign(void *ctx, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap, size_t *ret_n)
{
	struct holder *h = ctx;
	struct mst_diag d = { 0 };
	int r = h->a->env ? h->a->env->ops->key_sign(h->a->env, &h->key, digest, out, cap, ret_n, &d) : MST_FAULT_BUG;

	if (r)
		agent_log(h->a, AGENT_ERROR, "key", "why", inside_words(r, &d), "remedy", agent_store_remedy(r), NULL);
	return r;
}

static void holder_done(void *ctx)
{
	struct holder *h = ctx;

	mst_wipe(h, sizeof(*h));
	free(h);
}

int inside_tls(struct agent *a, const struct mst_secenv_key *k, struct mst_tls_config *cfg, struct mst_tls_ctx **ret, struct mst_diag *d)
{
	uint8_t spki[MST_SPKI_MAX];
	struct mst_foreign_key f = { .sign = holder_sign, .done = holder_done };
	struct holder *h;
	size_t n = 0;
	int r;

	if (!k->n || k->b[0] == PKCS8) {
		cfg->key_pkcs8 = (struct mst_view){ k->b, k->n };
		return mst_tls_ctx_new(cfg, ret, d);
	}
	r = a->env->ops->key_public(a->env, k, spki, sizeof(spki), &n, d);
	if (r) {
		agent_log(a, AGENT_ERROR, "key", "why", inside_words(r, d), "remedy", agent_store_remedy(r), NULL);
		return r < 0 ? r : MST_FAULT_CONFIG;
	}
	h = calloc(1, sizeof(*h));
	if (!h)
		return MST_FAULT_MEMORY;
	*h = (struct holder){ a, *k };
	f.spki = (struct mst_view){ spki, n };
	f.ctx = h;
	cfg->foreign = &f;
	r = mst_tls_ctx_new(cfg, ret, d);
	cfg->foreign = NULL;
	return r;
}

int inside_key_of(struct mst_secenv *env, struct mst_view pem, struct mst_secenv_key *ret, struct mst_diag *d)
{
	uint8_t spki[MST_SPKI_MAX];
	struct mst_secenv_key k;
	size_t at = 0, n = 0;
	int r;

	ret->n = 0;
	while (!(r = mst_pem_next(pem, &at, INSIDE_LABEL, k.b, sizeof(k.b), &k.n, d)) && k.n) {
		*ret = k;
		if (env && !env->ops->key_public(env, &k, spki, sizeof(spki), &n, NULL))
			break;
	}
	mst_wipe(&k, sizeof(k));
	return r;
}

struct signing { struct mst_secenv *env; const struct mst_secenv_key *key; struct mst_diag *d; int r; };

static int sign(struct mst_signer *s, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap, size_t *ret_n)
{
	struct signing *x = s->ctx;

	x->r = x->env->ops->key_sign(x->env, x->key, digest, out, cap, ret_n, x->d);
	return x->r;
}

int inside_request(struct mst_secenv *env, const struct mst_secenv_key *k, const struct mst_san *san, const char *challenge, uint8_t *out,
		   size_t cap, size_t *ret_n, struct mst_diag *d)
{
	struct signing x = { env, k, d, 0 };
	struct mst_signer s = { .sign = sign, .ctx = &x };
	uint8_t spki[MST_SPKI_MAX];
	size_t n = 0;
	int r = env->ops->key_public(env, k, spki, sizeof(spki), &n, d);

	if (r)
		return r;
	r = mst_csr_make(&s, (struct mst_view){ spki, n }, san, challenge, out, cap, ret_n);
	return x.r ? x.r : r > 0 ? MST_FAULT_CRYPTO : r;
}

/* --- the root credential --- */

void inside_put_away(struct agent *a)
{
	mst_key_wipe(&a->active.key);
	mst_key_wipe(&a->active.ke);
}

/* The credential of the active slot, as it is there, into a->unsealed: it is `key_id`'s, or it is not what was read before. */
static int unseal(struct agent *a, const char *key_id, struct mst_diag *d)
{
	int r = a->env->ops->load(a->env, MST_SLOT_ACTIVE, &a->unsealed, d);

	if (!r && strcmp(a->unsealed.key_id, key_id) != 0) {
		mst_diag_set(d, 0, "slots", "the credential in the store is not the one that was read before", NULL);
		r = MST_SECENV_CORRUPT;
	}
	return r;
}

int inside_root_key(struct agent *a, const struct mst_root_cred *c, struct mst_key *ret, struct mst_diag *d)
{
	int r;

	if (c != &a->active || c->key.n) {
		*ret = c->key;
		return 0;
	}
	r = unseal(a, c->key_id, d);
	if (!r)
		*ret = a->unsealed.key;
	else
		agent_log(a, AGENT_ERROR, "key", "why", inside_words(r, d), "remedy", agent_store_remedy(r), NULL);
	mst_root_cred_wipe(&a->unsealed);
	return r;
}

int inside_store_active(struct agent *a, struct mst_diag *d)
{
	int r = unseal(a, a->active.key_id, d);
	struct mst_key key = a->unsealed.key, ke = a->unsealed.ke;

	if (!r) {
		a->unsealed = a->active;
		a->unsealed.key = key;
		a->unsealed.ke = ke;
		r = a->env->ops->store(a->env, MST_SLOT_ACTIVE, &a->unsealed, d);
	}
	mst_key_wipe(&key);
	mst_key_wipe(&ke);
	mst_root_cred_wipe(&a->unsealed);
	return r;
}
