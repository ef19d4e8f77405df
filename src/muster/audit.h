/* What `muster audit` looks at beside the chain itself. */
#ifndef MUSTER_AUDIT_H
#define MUSTER_AUDIT_H

#include "crypto/pki.h"
#include "keeper/keeper.h"
#include "muster.h"

struct audit_trust {
	uint8_t ca[MST_CERT_MAX];        /* --ca: whose seals count; n_ca 0: signatures are not looked at */
	size_t n_ca;
	struct mst_log_seal kept;        /* --seal: one that was kept elsewhere; seq 0: none */
};

/* {"seq":…,"hash":…,"when":…,"signature":…} */
bool audit_seal_from(const json_t *o, struct mst_log_seal *ret);
int audit_verify_files(struct muster *m, const struct audit_trust *trust, int n, char **path);

#endif
