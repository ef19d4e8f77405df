/* What `muster init` makes; the demo makes the same. */
#ifndef MUSTER_INSTALL_H
#define MUSTER_INSTALL_H

#include "codec/ident.h"

struct install {
	const char *dir;
	char sp[MST_ID_MAX], mef[MST_ID_MAX], maf[MST_ID_MAX], bbn[MST_ID_MAX];
	const char *address;
	unsigned mef_port, maf_port, bbn_port;
	const char *processes;
	const char *metrics;             /* "" = off */
	int listeners;
};

int install_make(const struct install *in);

#endif
