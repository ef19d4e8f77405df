/* A key-encryption key that comes of a device or a secret (secenv/root.h). Inside lib/keeper only. */
#ifndef MST_KEEPER_KEK_DEVICE_H
#define MST_KEEPER_KEK_DEVICE_H

#include "keeper/kek.h"

#define KEK_RECORD_MAX 1100u            /* head, and a back end's record */

/* Which back end's a file is: 0: a key as it is; -1: neither. */
int kek_device_kind(struct mst_view file);
/* The key of a file that says so. 0 or a fault, explained. */
MST_MUST_CHECK int kek_device_unlock(const struct mst_keeper_device *dev, struct mst_view file, uint8_t ret_key[KEK_LEN], struct mst_diag *d);
/* A new one: what its file is to hold, and its key. */
MST_MUST_CHECK int kek_device_bind(const struct mst_keeper_device *dev, struct mst_writer *file, uint8_t ret_key[KEK_LEN], struct mst_diag *d);
/* What is left of it in the device goes. */
MST_MUST_CHECK int kek_device_unbind(const struct mst_keeper_device *dev, struct mst_view file, struct mst_diag *d);

#endif
