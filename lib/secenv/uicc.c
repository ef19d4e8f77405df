/* The UICC back end: a root of the store (root.h) on the objects of a card's key applet. */
#include "secenv/uicc.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/heap.h"
#include "secenv/applet.h"

#define TAG 'U'
#define VERSION 1

struct uicc_root {
	struct secenv_root root;
	struct mst_crypto *c;
	char *reader;
	uint8_t *pin;                        /* in locked pages */
	size_t pin_n;
	int no_more;                    /* the card has refused the PIN so: it is not asked again by this process */
	uint8_t id[ROOT_ID];            /* of the store: its key, its counter */
	struct mst_card_port *port;     /* of the operation under way */
};

static struct uicc_root *of(struct secenv_root *r)
{
	return (struct uicc_root *)r;
}

/* An operation is between these two; end is for every way out, and passes `r` on. */
static int begin(struct uicc_root *u, struct mst_diag *d)
{
	struct applet_info i;
	int r;

	if (u->no_more) {
		mst_diag_set(d, 0, "card", "PIN: the card has refused it, and it is not given a second time", NULL);
		return u->no_more;
	}
	r = mst_card_pcsc_open(u->reader, &u->port, d);
	if (r)
		return applet_outcome(r);
	r = applet_select(u->port, (struct mst_view){ u->pin, u->pin_n }, &i, d);
	if (r == MST_SECENV_REFUSED || r == MST_SECENV_LOCKOUT)
		u->no_more = r;
	if (r) {
		u->port->ops->close(u->port);
		u->port = NULL;
	}
	return r;
}

static int end(struct uicc_root *u, int r)
{
	u->port->ops->close(u->port);
	u->port = NULL;
	return r;
}

static int new_id(struct uicc_root *u, uint8_t id[ROOT_ID])
{
	return u->c->ops->random(u->c, id, ROOT_ID);
}

/* --- the store's key: record = version, id, salt --- */

static int store_key(struct uicc_root *u, struct mst_view salt, uint8_t ret_key[32], struct mst_diag *d)
{
	uint8_t b[ROOT_STORE_MESSAGE];

	return applet_hmac(u->port, u->id, secenv_store_message(salt, b), ret_key, d);
}

static int uicc_bind(struct secenv_root *root, struct mst_writer *record, uint8_t ret_key[32], struct mst_diag *d)
{
	struct uicc_root *u = of(root);
	uint8_t salt[ROOT_SALT];
	int r = new_id(u, u->id);

	if (!r)
		r = u->c->ops->random(u->c, salt, sizeof(salt));
	if (!r)
		r = begin(u, d);
	if (r)
		return r;
	r = applet_make(u->port, APPLET_SECRET, u->id, d);
	if (!r)
		r = applet_make(u->port, APPLET_COUNTER, u->id, d);
	if (!r)
		r = store_key(u, (struct mst_view){ salt, sizeof(salt) }, ret_key, d);
	if (r && applet_delete(u->port, u->id, NULL))    /* half a store is nobody's; a card that is gone keeps it */
		mst_wipe(ret_key, 32);
	secenv_named_record(record, VERSION, u->id, salt);
	return end(u, r);
}

static int uicc_unlock(struct secenv_root *root, struct mst_view record, uint8_t ret_key[32], struct mst_diag *d)
{
	struct uicc_root *u = of(root);
	struct mst_view salt;
	int r = secenv_named_record_read(record, VERSION, u->id, &salt, "a card", d) ? begin(u, d) : MST_SECENV_CORRUPT;

	return r ? r : end(u, store_key(u, salt, ret_key, d));
}

static int uicc_unbind(struct secenv_root *root, struct mst_view record, struct mst_diag *d)
{
	struct uicc_root *u = of(root);
	struct mst_view salt;
	int r = secenv_named_record_read(record, VERSION, u->id, &salt, "a card", d) ? begin(u, d) : MST_SECENV_CORRUPT;

	return r ? r : end(u, applet_delete(u->port, u->id, d));
}

static int uicc_counter(struct secenv_root *root, uint64_t *ret_n, struct mst_diag *d)
{
	int r = begin(of(root), d);

	return r ? r : end(of(root), applet_count(of(root)->port, of(root)->id, false, ret_n, d));
}

static int uicc_advance(struct secenv_root *root, struct mst_diag *d)
{
	uint64_t unused;
	int r = begin(of(root), d);

	return r ? r : end(of(root), applet_count(of(root)->port, of(root)->id, true, &unused, d));
}

/* --- keys --- */

static int uicc_key_make(struct secenv_root *root, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	struct uicc_root *u = of(root);
	uint8_t id[ROOT_ID];
	int r = new_id(u, id);

	if (!r)
		r = begin(u, d);
	if (r)
		return r;
	secenv_name_key(ret_k, TAG, id);
	return end(u, applet_make(u->port, APPLET_PAIR, id, d));
}

static int uicc_key_public(struct secenv_root *root, const struct mst_secenv_key *k, uint8_t *ret_spki, size_t cap, size_t *ret_n,
			   struct mst_diag *d)
{
	struct uicc_root *u = of(root);
	const uint8_t *id = secenv_id_of(k, TAG, d);
	uint8_t xy[64];
	int r = id ? begin(u, d) : MST_SECENV_CORRUPT;

	if (!r)
		r = end(u, applet_public(u->port, id, xy, d));
	return r ? r : secenv_spki(xy, ret_spki, cap, ret_n);
}

static int uicc_key_sign(struct secenv_root *root, const struct mst_secenv_key *k, const uint8_t digest[MST_SHA256_LEN], uint8_t *out,
			 size_t cap, size_t *ret_n, struct mst_diag *d)
{
	struct uicc_root *u = of(root);
	const uint8_t *id = secenv_id_of(k, TAG, d);
	uint8_t rs[64];
	int r = id ? begin(u, d) : MST_SECENV_CORRUPT;

	if (!r)
		r = end(u, applet_sign(u->port, id, digest, rs, d));
	return r ? r : secenv_signature(rs, out, cap, ret_n) ? 0 : MST_FAULT_CRYPTO;
}

static int uicc_key_erase(struct secenv_root *root, const struct mst_secenv_key *k, struct mst_diag *d)
{
	struct uicc_root *u = of(root);
	const uint8_t *id = secenv_id_of(k, TAG, d);
	int r = id ? begin(u, d) : MST_SECENV_CORRUPT;

	return r ? r : end(u, applet_delete(u->port, id, d));
}

static int uicc_secret_import(struct secenv_root *root, struct mst_view secret, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	struct uicc_root *u = of(root);
	uint8_t id[ROOT_ID];
	int r = new_id(u, id);

	if (!r)
		r = begin(u, d);
	if (r)
		return r;
	secenv_name_key(ret_k, TAG, id);
	return end(u, applet_import(u->port, id, secret, d));
}

static int uicc_secret_hmac(struct secenv_root *root, const struct mst_secenv_key *k, struct mst_view message, uint8_t out[MST_SHA256_LEN],
			    struct mst_diag *d)
{
	struct uicc_root *u = of(root);
	const uint8_t *id = secenv_id_of(k, TAG, d);
	int r = id ? begin(u, d) : MST_SECENV_CORRUPT;

	return r ? r : end(u, applet_hmac(u->port, id, message, out, d));
}

/* --- opening --- */

static void uicc_free(struct secenv_root *root)
{
	struct uicc_root *u = of(root);

	free(u->reader);
	mst_heap_give(u->pin);
	mst_wipe(u, sizeof(*u));
	free(u);
}

static const struct secenv_root_ops uicc_ops = {
	.kind = MST_SECENV_UICC, .tag = TAG,
	.offers = { .bound = true, .keys_inside = true, .hmac_inside = true, .counter = true },
	.bind = uicc_bind, .unlock = uicc_unlock, .unbind = uicc_unbind, .counter = uicc_counter, .advance = uicc_advance,
	.key_make = uicc_key_make, .key_public = uicc_key_public, .key_sign = uicc_key_sign, .key_erase = uicc_key_erase,
	.secret_import = uicc_secret_import, .secret_hmac = uicc_secret_hmac, .free = uicc_free,
};

int mst_secenv_uicc_open(const struct mst_secenv_uicc *cfg, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
	struct uicc_root *u = calloc(1, sizeof(*u));
	int r = 0;

	if (!u)
		return MST_FAULT_MEMORY;
	u->root.ops = &uicc_ops;
	u->c = c;
	u->reader = strdup(cfg->reader);
	u->pin = mst_heap_take(MST_UICC_PIN_MAX);
	if (!u->reader || !u->pin)
		r = MST_FAULT_MEMORY;
	if (!r && cfg->pin_file[0])
		r = secenv_read_secret(cfg->pin_file, u->pin, MST_UICC_PIN_MAX, &u->pin_n, d);
	if (!r)
		r = begin(u, d);
	if (!r)
		r = end(u, 0);
	if (r) {
		uicc_free(&u->root);
		return r;
	}
	*ret = &u->root;
	return 0;
}
