/* Between the config-*.c files. */
#ifndef MST_SERVER_CONFIG_INTERNAL_H
#define MST_SERVER_CONFIG_INTERNAL_H

#include "server/config-table.h"

void mst_conf_wrong(struct mst_conf_report *r, const char *file, unsigned line, const char *field,
		    const char *fmt, ...) MST_PRINTF(5, 6);
/* Rules between settings, once each of them is good. */
void mst_conf_rules(const struct mst_conf *c, const char *file, struct mst_conf_report *r);
bool mst_conf_cwd(char *out, size_t cap);

#endif
