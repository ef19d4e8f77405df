/*
 * New certificates of this installation's servers by the keeper's CA: `musterd --renew-certificates`. In this process and for who
 * may read the keeper's files; no process that runs can ask for a server's certificate.
 *
 * A certificate keeps its name, and its key, since nodes may have been told that key (pins of their instructions). One of another CA is left alone, and so is one
 * with several names. Where a file is missing, it is made, for the role's FQDN. What runs takes them over when it next reads its files. With `new_keys` key and certificate take
 * the place of the old ones together, and a key goes with its own certificate alone: any other that is found in its place may be what another CA has been asked to certify.
 */
#ifndef MST_SERVER_RENEW_H
#define MST_SERVER_RENEW_H

#include "keeper/keeper.h"
#include "server/config.h"

#define MST_RENEW_DAYS 825           /* as `muster init` gives */
#define MST_RENEW_DAYS_MAX 3650

struct mst_renewal {
	int64_t days;                                     /* but not beyond the CA's own end */
	mst_time now;
	bool new_keys;
	void (*tell)(void *arg, bool good, const char *text);     /* each certificate, once: what became of it */
	void *arg;
};
/* 0: each that is ours is new; 1: some are not, as was told; and how many are. Or a fault, explained in `d`, and nothing has changed. */
MST_MUST_CHECK int mst_renew_certificates(const struct mst_conf *c, struct mst_keeper *k, struct mst_crypto *crypto, const struct mst_renewal *r,
					  unsigned *ret_new, struct mst_diag *d);

#endif
