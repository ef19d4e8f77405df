#include "keeper/kek-device.h"

#include <stdio.h>
#include <string.h>

#include "secenv/root.h"

/* Behind it one octet for the back end (enum mst_secenv_kind), and its record. A file of 32 octets is a key as it is. */
static const char head[] = "muster kek 1\n";
#define HEAD (sizeof(head) - 1)

int kek_device_kind(struct mst_view file)
{
	if (file.n == KEK_LEN)
		return 0;
	return file.n > HEAD + 1 && file.n <= KEK_RECORD_MAX && memcmp(file.p, head, HEAD) == 0 && file.p[HEAD] > MST_SECENV_FILE &&
	       file.p[HEAD] <= MST_SECENV_PKCS11 ? file.p[HEAD] : -1;
}

/* What a device says is no outcome of the keeper's: a fault, with its words and what to do. */
static int as_fault(int r, struct mst_diag *d)
{
	char text[sizeof(d->text)], field[sizeof(d->field)];

	if (r <= 0)
		return r;
	snprintf(field, sizeof(field), "%s", d->field[0] ? d->field : "keeper_key");
	snprintf(text, sizeof(text), "%s", d->text[0] ? d->text : "the device refused");
	mst_diag_set(d, 0, field, text, "; ", mst_secenv_server_remedy(r), NULL);
	return r == MST_SECENV_ABSENT || r == MST_SECENV_BUSY ? MST_FAULT_IO : r == MST_SECENV_FULL ? MST_FAULT_SPACE : MST_FAULT_CONFIG;
}

static int open_device(const struct mst_keeper_device *dev, int kind, struct secenv_root **ret, struct mst_diag *d)
{
	if (dev)
		return as_fault(dev->open(dev, kind, ret, d), d);
	mst_diag_set(d, 0, "keeper_key", "the key-encryption key is in a device, and this program opens none", NULL);
	return MST_FAULT_CONFIG;
}

int kek_device_unlock(const struct mst_keeper_device *dev, struct mst_view file, uint8_t ret_key[KEK_LEN], struct mst_diag *d)
{
	struct secenv_root *root = NULL;
	int r = open_device(dev, kek_device_kind(file), &root, d);

	if (r)
		return r;
	r = as_fault(root->ops->unlock(root, mst_view_sub(file, HEAD + 1, file.n), ret_key, d), d);
	root->ops->free(root);
	return r;
}

int kek_device_bind(const struct mst_keeper_device *dev, struct mst_writer *file, uint8_t ret_key[KEK_LEN], struct mst_diag *d)
{
	struct secenv_root *root = NULL;
	int r = open_device(dev, dev->kind, &root, d);

	if (r)
		return r;
	mst_put_str(file, head);
	mst_put_u8(file, (uint8_t)dev->kind);
	r = as_fault(root->ops->bind(root, file, ret_key, d), d);
	root->ops->free(root);
	return r ? r : file->ok ? 0 : MST_FAULT_BUG;
}

int kek_device_unbind(const struct mst_keeper_device *dev, struct mst_view file, struct mst_diag *d)
{
	struct secenv_root *root = NULL;
	int r = open_device(dev, kek_device_kind(file), &root, d);

	if (r)
		return r;
	r = root->ops->unbind ? as_fault(root->ops->unbind(root, mst_view_sub(file, HEAD + 1, file.n), d), d) : 0;
	root->ops->free(root);
	return r;
}
