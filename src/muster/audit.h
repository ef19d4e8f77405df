/* What `muster audit` looks at beside the chain itself. */
#ifndef MUSTER_AUDIT_H
#define MUSTER_AUDIT_H

#include "audit-chain.h"
#include "muster.h"

int audit_verify_files(struct muster *m, const struct audit_trust *trust, int n, char **path);

#endif
