/* A back end, tried: what opens may still lack what a store needs. */
#include "secenv/store.h"

static int try_store(struct secenv_root *root, struct mst_diag *d)
{
	uint8_t record[ROOT_RECORD_MAX], key[32];
	struct mst_writer w = mst_writer_of(record, sizeof(record));
	int r = root->ops->bind(root, &w, key, d);

	mst_wipe(key, sizeof(key));
	if (!r && root->ops->unbind)
		r = root->ops->unbind(root, mst_written(&w), d);
	mst_wipe(record, sizeof(record));
	return r;
}

static int try_keys(struct secenv_root *root, struct mst_diag *d)
{
	uint8_t digest[MST_SHA256_LEN] = { 0 }, sig[80];
	struct mst_secenv_key k = { .n = 0 };
	struct mst_diag unused;
	size_t n = 0;
	int r = root->ops->key_make(root, &k, d), gone = 0;

	if (r)
		return r;
	r = root->ops->key_sign(root, &k, digest, sig, sizeof(sig), &n, d);
	if (root->ops->key_erase)                /* else it is in `k` alone */
		gone = root->ops->key_erase(root, &k, r ? &unused : d);
	mst_wipe(&k, sizeof(k));
	return r ? r : gone;
}

int secenv_root_try(struct secenv_root *root, unsigned what, struct mst_diag *d)
{
	int r = what & ROOT_STORE ? try_store(root, d) : 0;

	/* what a device cannot make is made in memory */
	return r || !(what & ROOT_KEYS) || !root->ops->key_make ? r : try_keys(root, d);
}

int secenv_root_opens(struct secenv_root *root, const char *key_file, struct mst_crypto *c, struct mst_diag *d)
{
	uint8_t b[KEY_FILE_MAX], key[32];
	enum mst_secenv_kind kind;
	struct mst_view record;
	int r = key_file_read(secenv_port_real(), c, key_file, b, &kind, &record, d);

	if (!r && kind != root->ops->kind)
		r = MST_SECENV_OTHER;
	if (!r)
		r = root->ops->unlock(root, record, key, d);
	mst_wipe(b, sizeof(b));
	mst_wipe(key, sizeof(key));
	return r;
}
