#include "secenv/maker.h"

#include <string.h>

#include "base/text.h"

#define VERSION 1

bool maker_is_sealed(struct mst_view pem)
{
	for (size_t at = 0; at < pem.n; at++)
		if (mst_view_starts(mst_view_sub(pem, at, pem.n), "-----BEGIN " MAKER_LABEL "-----"))
			return true;
	return false;
}

static int corrupt(struct mst_diag *d, const char *text)
{
	mst_diag_set(d, 0, "", text, NULL);
	return MST_SECENV_CORRUPT;
}

/* The identity goes into messages. */
static bool take_apart(size_t n, struct maker_box *x)
{
	struct mst_reader r = mst_reader_of((struct mst_view){ x->b, n });
	bool known = mst_read_u8(&r) == VERSION;
	struct mst_view key, identity;

	x->salt = mst_read(&r, MAKER_SALT);
	key = mst_read(&r, mst_read_u16(&r));
	identity = mst_read(&r, mst_read_u8(&r));
	x->box = mst_read(&r, r.left);
	x->head = (struct mst_view){ x->b, n - x->box.n };
	if (!known || !mst_read_end(&r) || !key.n || key.n > sizeof(x->key.b) || !identity.n || !mst_printable_ascii(identity) || x->box.n <= MST_BOX_OVERHEAD ||
	    x->box.n > MST_BOX_OVERHEAD + MST_KEY_MAX || !mst_view_to_str(identity, x->identity, sizeof(x->identity)))
		return false;
	memcpy(x->key.b, key.p, x->key.n = key.n);
	return true;
}

int maker_read(struct mst_view pem, size_t *at, struct maker_box *ret, struct mst_diag *d)
{
	size_t n = 0;
	int r;

	ret->key.n = 0;
	r = mst_pem_next(pem, at, MAKER_LABEL, ret->b, sizeof(ret->b), &n, d);
	if (r > 0)
		return MST_SECENV_CORRUPT;
	if (!r && n && !take_apart(n, ret)) {
		ret->key.n = 0;
		return corrupt(d, "damaged, or of a version that this one does not know");
	}
	return r;
}

static int other_identity(const struct maker_box *x, struct mst_diag *d)
{
	mst_diag_set(d, 0, "", "was taken for psk_identity ", x->identity, ", and is of no use with another one", NULL);
	return MST_SECENV_OTHER;
}

int maker_check(struct mst_view pem, const char *identity, bool *ret_inside, struct mst_diag *d)
{
	struct maker_box x;
	size_t at = 0, found = 0;
	bool inside = true;
	int r;

	while (!(r = maker_read(pem, &at, &x, d)) && x.key.n) {
		if (strcmp(x.identity, identity))
			return other_identity(&x, d);
		inside = inside && mst_secenv_key_inside(&x.key);
		found++;
	}
	*ret_inside = inside && found;
	return r ? r : found ? 0 : MST_SECENV_NONE;
}

/* What the box is sealed with. */
static int key_of(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_view salt, uint8_t out[MST_SHA256_LEN], struct mst_diag *d)
{
	uint8_t b[sizeof(MAKER_PURPOSE) + MAKER_SALT];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_str(&w, MAKER_PURPOSE);
	mst_put(&w, salt);
	return w.ok ? s->ops->secret_hmac(s, k, mst_written(&w), out, d) : MST_FAULT_BUG;
}

static int put_block(struct mst_secenv *s, struct mst_crypto *c, const struct mst_secenv_key *k, const char *identity, const struct mst_key *secret,
		     struct mst_writer *pem, struct mst_diag *d)
{
	uint8_t b[MAKER_MAX], salt[MAKER_SALT], key[MST_SHA256_LEN];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_view name = mst_view_str(identity), head;
	int r = c->ops->random(c, salt, sizeof(salt));

	mst_put_u8(&w, VERSION);
	mst_put(&w, (struct mst_view){ salt, sizeof(salt) });
	mst_put_u16(&w, (uint16_t)k->n);
	mst_put(&w, (struct mst_view){ k->b, k->n });
	mst_put_u8(&w, (uint8_t)name.n);
	mst_put(&w, name);
	head = mst_written(&w);
	if (!r)
		r = key_of(s, k, (struct mst_view){ salt, sizeof(salt) }, key, d);
	if (!r)
		r = mst_box_seal(c, key, head, mst_key_view(secret), &w);
	mst_wipe(key, sizeof(key));
	if (!r && w.ok)
		mst_pem_put(pem, MAKER_LABEL, mst_written(&w));
	return r ? r : w.ok && pem->ok ? 0 : MST_FAULT_BUG;
}

int maker_seal(struct mst_secenv *s, struct mst_crypto *c, const char *identity, const struct mst_key *secret, struct mst_writer *pem,
	       struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	uint8_t fresh[32];
	int r;

	ret_k->n = 0;
	if (!secret->n || secret->n > MST_KEY_MAX || !identity[0] || !mst_printable_ascii(mst_view_str(identity)) || strlen(identity) >= MST_ID_MAX)
		return MST_FAULT_BUG;
	r = c->ops->random(c, fresh, sizeof(fresh));
	if (!r)
		r = s->ops->secret_import(s, (struct mst_view){ fresh, sizeof(fresh) }, ret_k, d);
	mst_wipe(fresh, sizeof(fresh));
	if (r) {
		ret_k->n = 0;
		return r;
	}
	r = put_block(s, c, ret_k, identity, secret, pem, d);
	if (r && !s->ops->key_erase(s, ret_k, NULL))
		ret_k->n = 0;
	return r;
}

static int open_one(struct mst_secenv *s, struct mst_crypto *c, const struct maker_box *x, struct mst_key *ret, struct mst_diag *d)
{
	uint8_t key[MST_SHA256_LEN];
	int r = key_of(s, &x->key, x->salt, key, d);

	if (!r) {
		r = mst_box_open(c, key, x->head, x->box, ret->b, MST_KEY_MAX, &ret->n);
		if (r == MST_CRYPTO_FORGED)
			r = corrupt(d, "the secret in it does not open: it is damaged");
	}
	mst_wipe(key, sizeof(key));
	if (r)
		mst_key_wipe(ret);
	return r;
}

int maker_open(struct mst_secenv *s, struct mst_crypto *c, struct mst_view pem, const char *identity, struct mst_key *ret_secret,
	       struct maker_box *ret, struct mst_diag *d)
{
	struct maker_box own = { .b = { 0 } }, *x = ret ? ret : &own;
	bool inside;
	size_t at = 0;
	int r = maker_check(pem, identity, &inside, d), why = 0;

	mst_key_wipe(ret_secret);
	while (!r && !(r = maker_read(pem, &at, x, d)) && x->key.n) {
		struct mst_diag one = { 0 };
		int o = open_one(s, c, x, ret_secret, &one);

		if (!o)
			return 0;
		/* the other store's block is CLEARED for this one: what its own says counts for more */
		if (!why || why == MST_SECENV_CLEARED) {
			why = o;
			if (d)
				*d = one;
		}
	}
	return r ? r : why;
}

void maker_put(const struct maker_box *x, struct mst_writer *pem)
{
	mst_pem_put(pem, MAKER_LABEL, (struct mst_view){ x->b, x->head.n + x->box.n });
}
