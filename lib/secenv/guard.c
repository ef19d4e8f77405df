#include "secenv/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/heap.h"

struct guarded {
	struct secenv_root root;             /* first */
	struct secenv_root_ops ops;          /* what the device has, each between before() and after() */
	struct secenv_root *in;
	struct mst_secenv_guarded how;
	char device[MST_SECENV_DEVICE];
	char mark[MST_SECENV_MARK];          /* of the PIN that it has: the file may be another one by now */
	bool refused;
};

static struct guarded *of(struct secenv_root *r)
{
	return (struct guarded *)(void *)r;
}

/* Where it was changed in the device the file may be right by now; and a credential cannot be written once more. */
static int held(const struct mst_secenv_guarded *how, const char *mark, struct mst_diag *d)
{
	char device[64];

	snprintf(device, sizeof(device), "%s", how->device);
	if (!*how->pin_file)
		mst_diag_set(d, 0, how->group, device, " wants a PIN, and is not asked again without, as it counts that, too; name the file of its PIN "
			     "(pin_file)", NULL);
	else if (how->guard && strncmp(mark, MST_SECENV_CREDENTIAL, strlen(MST_SECENV_CREDENTIAL)) == 0)
		mst_diag_set(d, 0, how->group, device, " has refused this PIN, and is not given it again; put the right one where this credential comes from, and "
			     "remove ", how->guard->path, NULL);
	else
		mst_diag_set(d, 0, how->group, device, " has refused this PIN, and is not given it again; put the right one into ", how->pin_file,
			     ", or this one once more if it is right by now", NULL);
	return MST_SECENV_REFUSED;
}

static int before(const struct guarded *x, struct mst_diag *d)
{
	return x->refused ? held(&x->how, x->mark, d) : 0;
}

/* This process knows it in any case. */
static void note(struct guarded *x, struct mst_diag *d)
{
	struct mst_diag why = { 0 }, said;

	x->refused = true;
	if (!mst_secenv_note(x->how.guard, x->device, x->mark, &why) || !d)
		return;
	said = *d;
	mst_diag_set(d, 0, said.field, said.text, "; and that could not be noted in ", x->how.guard->path, ": ", why.text,
		     "; it will be tried again at the next start", NULL);
}

/* `proves`: when this was done, the device has taken the PIN. */
static int after(struct guarded *x, int r, bool proves, struct mst_diag *d)
{
	if (r == MST_SECENV_REFUSED && x->how.judge)
		r = x->how.judge(x->in, d);
	if (r == MST_SECENV_REFUSED)
		note(x, d);
	else if (!r && proves)
		mst_secenv_taken(x->how.guard, x->device);
	return r;
}

static int guarded_bind(struct secenv_root *r, struct mst_writer *record, uint8_t ret_key[32], struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->bind(of(r)->in, record, ret_key, d), true, d);
}

static int guarded_unlock(struct secenv_root *r, struct mst_view record, uint8_t ret_key[32], struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->unlock(of(r)->in, record, ret_key, d), true, d);
}

static int guarded_unbind(struct secenv_root *r, struct mst_view record, struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->unbind(of(r)->in, record, d), false, d);
}

static int guarded_counter(struct secenv_root *r, uint64_t *ret_n, struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->counter(of(r)->in, ret_n, d), false, d);
}

static int guarded_advance(struct secenv_root *r, struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->advance(of(r)->in, d), false, d);
}

static int guarded_key_make(struct secenv_root *r, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->key_make(of(r)->in, ret_k, d), false, d);
}

static int guarded_key_public(struct secenv_root *r, const struct mst_secenv_key *k, uint8_t *ret_spki, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->key_public(of(r)->in, k, ret_spki, cap, ret_n, d), false, d);
}

static int guarded_key_sign(struct secenv_root *r, const struct mst_secenv_key *k, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap,
			    size_t *ret_n, struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->key_sign(of(r)->in, k, digest, out, cap, ret_n, d), true, d);
}

static int guarded_key_erase(struct secenv_root *r, const struct mst_secenv_key *k, struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->key_erase(of(r)->in, k, d), false, d);
}

static int guarded_secret_import(struct secenv_root *r, struct mst_view secret, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->secret_import(of(r)->in, secret, ret_k, d), false, d);
}

static int guarded_secret_hmac(struct secenv_root *r, const struct mst_secenv_key *k, struct mst_view message, uint8_t out[MST_SHA256_LEN],
			       struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->secret_hmac(of(r)->in, k, message, out, d), true, d);
}

static int guarded_attest(struct secenv_root *r, const struct mst_secenv_key *k, struct mst_view nonce, struct mst_writer *w, struct mst_diag *d)
{
	int q = before(of(r), d);

	return q ? q : after(of(r), of(r)->in->ops->attest(of(r)->in, k, nonce, w, d), true, d);
}

static void guarded_free(struct secenv_root *r)
{
	of(r)->in->ops->free(of(r)->in);
	free(of(r));
}

static void wrap(struct guarded *x)
{
	const struct secenv_root_ops *in = x->in->ops;

#define IF_THERE(op) .op = in->op ? guarded_##op : NULL
	x->ops = (struct secenv_root_ops){ .kind = in->kind, .offers = in->offers, .tag = in->tag, IF_THERE(bind), IF_THERE(unlock), IF_THERE(unbind),
					   IF_THERE(counter), IF_THERE(advance), IF_THERE(key_make), IF_THERE(key_public), IF_THERE(key_sign),
					   IF_THERE(key_erase), IF_THERE(secret_import), IF_THERE(secret_hmac), IF_THERE(attest), .free = guarded_free };
#undef IF_THERE
	x->root.ops = &x->ops;
}

/* One that cannot be read has not been refused by any device. */
static int readable(const char *pin_file, struct mst_diag *d)
{
	uint8_t *pin = *pin_file ? mst_heap_take(ROOT_PIN_MAX) : NULL;
	size_t n = 0;
	int r = pin ? secenv_read_secret(pin_file, pin, ROOT_PIN_MAX, &n, d) : *pin_file ? MST_FAULT_MEMORY : 0;

	mst_heap_give(pin);
	return r;
}

int mst_secenv_guarded_open(const struct mst_secenv_guarded *how, struct secenv_root **ret, struct mst_diag *d)
{
	const char *mark = mst_secenv_refused(how->guard, how->device, how->pin_file);
	struct guarded *x;
	int r = mark ? held(how, mark, d) : readable(how->pin_file, d);

	if (r)
		return r;
	x = calloc(1, sizeof(*x));
	if (!x)
		return MST_FAULT_MEMORY;
	x->how = *how;
	snprintf(x->device, sizeof(x->device), "%s", how->device);
	x->how.device = x->device;
	/* before it is read: a newer one is tried. Who logs in without a PIN was not asked for one, and nothing was counted */
	if (*how->pin_file || !how->logs_in)
		mst_secenv_mark(how->pin_file, x->mark);
	r = how->open(how->ctx, &x->in, d);
	if (r == MST_SECENV_REFUSED && how->logs_in)
		note(x, d);
	else if (!r && how->logs_in)
		mst_secenv_taken(how->guard, x->device);
	if (r) {
		free(x);
		return r;
	}
	x->how.ctx = NULL;
	wrap(x);
	*ret = &x->root;
	return 0;
}
