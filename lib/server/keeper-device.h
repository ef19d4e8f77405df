/* What keeper_key and ca_key of the configuration name: where the key-encryption key comes from, and where the CA's key is. */
#ifndef MST_SERVER_KEEPER_DEVICE_H
#define MST_SERVER_KEEPER_DEVICE_H

#include "secenv/place.h"
#include "server/config.h"

/* A group's settings as a place. Borrowed. */
struct mst_secenv_place mst_key_place(const char *group, const struct mst_conf_keeper_key *k);
enum mst_secenv_kind mst_ca_key_kind(const struct mst_conf *c);

enum mst_secenv_kind mst_keeper_key_kind(const struct mst_conf *c);
/* The TPM's device, where that is one of this machine; "": another back end, or another TCTI, which is a service's. */
const char *mst_key_device(enum mst_secenv_kind kind, const struct mst_conf_keeper_key *k);

/*
 * mst_keeper_local_open_with() by the configuration, with its keeper_limits, certifying as mst_keeper_take() has it. `starts`: false only looks, leaves
 * nothing in a device, and is not limited.
 * `ca`: who signs with a CA key in a device; NULL: nobody.
 */
MST_MUST_CHECK int mst_keeper_open(const struct mst_conf *c, bool starts, const struct mst_ca_holder *ca, struct mst_crypto *crypto,
				   struct mst_keeper **ret_k, struct mst_diag *d);

/* What a reload may have changed: the people of four_eyes, and whom the CA certifies. Of one that mst_keeper_open() gave; told by the supervisor,
 * never by the engine. `c` is borrowed until the next one. */
void mst_keeper_take(struct mst_keeper *k, const struct mst_conf *c);

/*
 * A device of the key-encryption key, at the far side of a process (keeper-apart.c): strangers' code of a token has no place beside keys. Begun before anything is
 * read; ended by free, and with this process. Its root has bind, unlock and unbind. `open`: opens the device there,
 * for as long as that process is there; `conf`: what it then keeps (confine.h).
 */
struct mst_apart;
typedef int mst_apart_open(void *arg, int kind, struct secenv_root **ret, struct mst_diag *d);
MST_MUST_CHECK int mst_apart_new(mst_apart_open *open, void *arg, const struct mst_conf *conf, struct mst_apart **ret, struct mst_diag *d);
MST_MUST_CHECK int mst_apart_root(struct mst_apart *a, int kind, struct secenv_root **ret, struct mst_diag *d);
struct mst_apart *mst_apart_free(struct mst_apart *a);

#endif
