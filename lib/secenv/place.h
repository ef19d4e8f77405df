/*
 * A device by its settings, as musterd.conf and `muster init` have them: one that makes or gives keys of the server. Programs that link this
 * link the devices.
 */
#ifndef MST_SECENV_PLACE_H
#define MST_SECENV_PLACE_H

#include "secenv/guard.h"

struct mst_secenv_place {
	const char *group;                   /* of the settings, for messages: "keeper_key" */
	const char *secret_file, *pin_file, *tcti, *pcrs, *module, *token;       /* "" = not said */
};
/* 0, an outcome of the device, or a fault. Under that guard, as the root is then; it may be NULL, and like the place's texts outlives the root. */
MST_MUST_CHECK int mst_secenv_place_open(const struct mst_secenv_place *p, enum mst_secenv_kind kind, struct mst_secenv_guard *guard,
					 struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d);
/* As a guard knows it. */
void mst_secenv_place_device(const struct mst_secenv_place *p, enum mst_secenv_kind kind, char out[MST_SECENV_DEVICE]);
/*
 * Does it do what the server wants of it? ROOT_KEYS for a CA's key: a pair is made, signs and goes again. ROOT_STORE for what keys are encrypted by: it
 * gives such a key. It leaves nothing behind.
 */
MST_MUST_CHECK int mst_secenv_place_works(const struct mst_secenv_place *p, enum mst_secenv_kind kind, unsigned what, struct mst_secenv_guard *guard,
					  struct mst_crypto *c, struct mst_diag *d);
/* Could this machine have a TPM 2.0 that nobody named? */
bool mst_secenv_place_tpm_there(void);

/*
 * Where a key is to be, as `muster init` takes it: "file"; "tpm", with a TCTI behind a colon if one is to be named; or a URI of PKCS#11 (RFC 7512)
 * with token=, and module-path= and pin-source= of its query. Texts go into `buf`. False: explained in `d`.
 */
#define MST_SECENV_URI_MAX 2048
MST_MUST_CHECK bool mst_secenv_place_parse(const char *text, enum mst_secenv_kind *ret_kind, struct mst_secenv_place *ret_p, char buf[MST_SECENV_URI_MAX],
					   struct mst_diag *d);
/* Is there one that nobody named? A TPM of this machine; tokens that p11-kit knows, by their labels, one a call; 0, or NONE. */
MST_MUST_CHECK int mst_secenv_place_tokens(void (*each)(void *arg, const char *label, bool initialised), void *arg, struct mst_diag *d);

#endif
