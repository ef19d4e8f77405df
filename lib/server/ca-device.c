#include "server/ca-device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "secenv/place.h"
#include "server/keeper-device.h"
#include "server/unit.h"

#define PAUSE_MS 1000            /* after it did not answer: a crowd of requests is no reason to knock more often */

struct mst_ca_device {
	const struct mst_conf *conf;
	struct mst_crypto *c;
	struct mst_secenv_place place;
	struct mst_secenv_guard guard;
	struct secenv_root *root;            /* NULL: not reached */
	struct mst_ca_record record;
	bool fits;                           /* looked at: it has the key of ca.pem */
	mst_ms again;
	struct mst_diag last;                /* why not, until then */
};

int mst_ca_device_own(const struct mst_conf *conf, struct mst_diag *d)
{
	char path[MST_CONF_PATH + 16];

	snprintf(path, sizeof(path), "%s" MST_CA_DEVICE_OWN, conf->keeper);
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	mst_diag_set(d, 0, "keeper", path, ": ", strerrordesc_np(errno), NULL);
	return MST_FAULT_CONFIG;
}

int mst_ca_device_new(const struct mst_conf *conf, struct mst_crypto *c, struct mst_ca_device **ret, struct mst_diag *d)
{
	struct mst_ca_device *v = calloc(1, sizeof(*v));
	int r = v ? mst_keeper_ca_record(conf->keeper, &v->record, d) : MST_FAULT_MEMORY;
	uint32_t kind = r ? 0 : v->record.kind;

	if (!r && kind != (conf->ca_key.key.backend ? (uint32_t)mst_ca_key_kind(conf) : 0)) {
		mst_diag_set(d, 0, "ca_key.backend", kind ? "the CA's key is in a device, and this names another place: set it to " : "the CA's key is in the file "
			     "ca.key; set it to ", kind ? mst_secenv_kind_text((enum mst_secenv_kind)kind) : "file", NULL);
		r = MST_FAULT_CONFIG;
	}
	if (r) {
		free(v);
		return r;
	}
	v->conf = conf;
	v->c = c;
	v->place = mst_key_place("ca_key", &conf->ca_key.key);
	snprintf(v->guard.path, sizeof(v->guard.path), "%.980s" MST_CA_DEVICE_REFUSED, conf->keeper);
	setenv("TSS2_LOG", "all+NONE", 0);       /* what a TPM says, we say */
	*ret = v;
	return 0;
}

static void let_go(struct mst_ca_device *v)
{
	if (v->root)
		v->root->ops->free(v->root);
	v->root = NULL;
	v->fits = false;
}

struct mst_ca_device *mst_ca_device_free(struct mst_ca_device *v)
{
	if (v) {
		let_go(v);
		mst_wipe(v, sizeof(*v));
		free(v);
	}
	return NULL;
}

/* An outcome of the device's: it is let go, and why is kept with what to do about it. */
static int away(struct mst_ca_device *v, int r, const struct mst_diag *why, struct mst_diag *d)
{
	char text[sizeof(d->text)];

	let_go(v);
	if (r == MST_FAULT_MEMORY || r == MST_FAULT_BUG)
		return r;
	v->again = mst_now_ms() + PAUSE_MS;
	snprintf(text, sizeof(text), "%s", why->text[0] ? why->text : r < 0 ? mst_fault_text(r) : "the device refused");
	mst_diag_set(&v->last, 0, why->field[0] ? why->field : "ca_key", text, r > 0 ? "; " : "", r > 0 ? mst_secenv_server_remedy(r) : "", NULL);
	*d = v->last;
	return MST_KEEPER_AWAY;
}

static int reach(struct mst_ca_device *v, struct mst_diag *d)
{
	struct mst_diag why = { 0 };
	int r = 0;

	if (v->root && v->fits)
		return 0;
	if (mst_now_ms() < v->again) {
		*d = v->last;
		return MST_KEEPER_AWAY;
	}
	if (!v->root)
		r = mst_secenv_place_open(&v->place, mst_ca_key_kind(v->conf), &v->guard, v->c, &v->root, &why);
	if (!r)
		r = mst_ca_record_fits(&v->record, v->root, &why);
	v->fits = !r;
	return r ? away(v, r, &why, d) : 0;
}

int mst_ca_device_sign(struct mst_ca_device *v, const uint8_t digest[MST_SHA256_LEN], uint8_t *ret_sig, size_t cap, size_t *ret_n,
		       struct mst_diag *d)
{
	struct mst_secenv_key key = { .n = v->record.n };
	struct mst_diag why = { 0 };
	int r = reach(v, d);

	if (r)
		return r;
	memcpy(key.b, v->record.b, key.n);
	r = v->root->ops->key_sign(v->root, &key, digest, ret_sig, cap, ret_n, &why);
	return r ? away(v, r, &why, d) : 0;
}

int mst_ca_device_look(struct mst_ca_device *v, struct mst_diag *d)
{
	uint8_t digest[MST_SHA256_LEN] = { 0 }, sig[80];
	size_t n = 0;

	/* of nothing that anybody signs: a digest of all zero is none of any message that can be found */
	return mst_ca_device_sign(v, digest, sig, sizeof(sig), &n, d);
}

static int hold(void *arg, struct mst_view record, const uint8_t digest[MST_SHA256_LEN], uint8_t *ret_sig, size_t cap, size_t *ret_n,
		struct mst_diag *d)
{
	(void)record;                    /* it has read the same file */
	return mst_ca_device_sign(arg, digest, ret_sig, cap, ret_n, d);
}

struct mst_ca_holder mst_ca_device_holder(struct mst_ca_device *v)
{
	return (struct mst_ca_holder){ hold, v };
}
