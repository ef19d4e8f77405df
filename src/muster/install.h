/* What `muster init` makes; the demo makes the same. */
#ifndef MUSTER_INSTALL_H
#define MUSTER_INSTALL_H

#include "base/writer.h"
#include "codec/ident.h"

struct init_ca;
struct install {
	const char *dir;
	const char *socket;              /* of the admin API; NULL = run/admin.sock in `dir` */
	char sp[MST_ID_MAX], mef[MST_ID_MAX], maf[MST_ID_MAX], bbn[MST_ID_MAX];
	const char *address;
	unsigned mef_port, maf_port, bbn_port;
	const char *processes;
	const char *metrics;             /* "" = off */
	/* GBA: HSS, BSF and its face towards NAFs; `plmn` is MCC and MNC, "" = none of them */
	char plmn[8], hss[MST_ID_MAX], bsf[MST_ID_MAX], zn[MST_ID_MAX];
	unsigned hss_port, bsf_port, zn_port;
	char cse[MST_ID_MAX];            /* a CSE that is to be a NAF: it gets a certificate of the keeper's CA, tls/cse.pem; "" = none */
	int listeners;
	struct init_ca *ca;              /* NULL: the CA's key in its file */
};

/* Names of the GBA roles by `sp` and MCC and MNC (5 or 6 digits; TS 23.003 16.2). False when these are none. */
bool install_gba(struct install *in, const char *plmn);
/* init-gba.c: what these roles add to the MAF's group, and their own groups. */
void install_gba_maf(const struct install *in, const char *host, struct mst_writer *w);
void install_gba_groups(const struct install *in, const char *host, struct mst_writer *w);
int install_make(const struct install *in);

#endif
