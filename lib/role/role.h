/*
 * The roles that speak oneM2M primitives (architecture 5.2). One directory a role; the procedures that
 * TS-0003 gives to MEF and MAF as twins (8.3.5.2 and 8.8.2) stand once, in common/.
 */
#ifndef MST_ROLE_ROLE_H
#define MST_ROLE_ROLE_H

#include "server/exchange.h"

extern const struct mst_role_ops mst_role_bbn, mst_role_mef, mst_role_maf, mst_role_ocsp, mst_role_hss, mst_role_bsf, mst_role_zn;

#endif
