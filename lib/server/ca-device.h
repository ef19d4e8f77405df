/*
 * The device that has the CA's key (ca_key of the configuration, decision 0035): opened when it is needed, let go when it does not answer, and
 * asked again. Never without a pause, never with a PIN that it has refused. Used by the signer's process, and in one process by the keeper.
 */
#ifndef MST_SERVER_CA_DEVICE_H
#define MST_SERVER_CA_DEVICE_H

#include "keeper/keeper.h"
#include "server/config.h"

struct mst_ca_device;
/* Below the keeper's directory, for its process alone: which PIN was refused. Made by who runs it; a look at it needs none. */
#define MST_CA_DEVICE_OWN "/signer"
#define MST_CA_DEVICE_REFUSED MST_CA_DEVICE_OWN "/ca.refused"
MST_MUST_CHECK int mst_ca_device_own(const struct mst_conf *conf, struct mst_diag *d);
/* Reads what ca.key of conf->keeper says; the device itself is reached later. 0, or a fault: the key is in a file, in another device, or not there. */
MST_MUST_CHECK int mst_ca_device_new(const struct mst_conf *conf, struct mst_crypto *c, struct mst_ca_device **ret, struct mst_diag *d);
struct mst_ca_device *mst_ca_device_free(struct mst_ca_device *v);
/* Is it there, and has it the key of ca.pem? 0, MST_KEEPER_AWAY with words in `d`, or a fault. */
MST_MUST_CHECK int mst_ca_device_look(struct mst_ca_device *v, struct mst_diag *d);
/* 0, MST_KEEPER_AWAY with words, or a fault. */
MST_MUST_CHECK int mst_ca_device_sign(struct mst_ca_device *v, const uint8_t digest[MST_SHA256_LEN], uint8_t *ret_sig, size_t cap, size_t *ret_n,
				      struct mst_diag *d);
/* It as the holder of a keeper in this process. */
struct mst_ca_holder mst_ca_device_holder(struct mst_ca_device *v);

#endif
