/* Between the config-*.c files. */
#ifndef MST_SERVER_CONFIG_INTERNAL_H
#define MST_SERVER_CONFIG_INTERNAL_H

#include "server/config-table.h"

void mst_conf_wrong(struct mst_conf_report *r, const char *file, unsigned line, const char *field,
		    const char *fmt, ...) MST_PRINTF(5, 6);
/* Line of a setting, "maf.mefs[1].fqdn"; of what it stands in when it is not given; 0 when that neither is.
 */
typedef unsigned (*mst_conf_line)(const void *text, const char *field);
/* The same of a text that was read before. */
unsigned mst_conf_line_in(const char *text, const char *field);
/* Rules between settings, once each of them is good. */
void mst_conf_rules(const struct mst_conf *c, const char *file, mst_conf_line line, const void *text,
		    struct mst_conf_report *r);
bool mst_conf_cwd(char *out, size_t cap);

#endif
