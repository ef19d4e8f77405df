/*
 * Does what the configuration names exist and fit together? `musterd --check` asks it, and so do start and
 * reload, so that nothing passes the one and fails the other. Nothing is changed and nothing is created.
 */
#ifndef MST_SERVER_CHECK_H
#define MST_SERVER_CHECK_H

#include "server/unit.h"

/* 0, or MST_FAULT_CONFIG after everything wrong was reported with its setting and the setting's line in `text`, which `c` was read from. */
MST_MUST_CHECK int mst_check_installation(const struct mst_conf *c, const char *text, mst_role_table roles,
					  struct mst_conf_report *r);

#endif
