/* What keeper_key of the configuration names: where the key-encryption key comes from. */
#ifndef MST_SERVER_KEEPER_DEVICE_H
#define MST_SERVER_KEEPER_DEVICE_H

#include "server/config.h"

/* mst_keeper_local_open_with() by the configuration, with its keeper_limits. `starts`: false only looks, leaves nothing in a device, and is not limited. */
MST_MUST_CHECK int mst_keeper_open(const struct mst_conf *c, bool starts, struct mst_crypto *crypto, struct mst_keeper **ret_k, struct mst_diag *d);

#endif
