/*
 * The supervisor: reads the configuration, opens the listening sockets, starts the processes and starts
 * them again, passes signals on. It sees no peer and no record. With `processes = single` the same units
 * live in its own process, joined by links in memory.
 */
#ifndef MST_SERVER_SUPERVISOR_H
#define MST_SERVER_SUPERVISOR_H

#include "server/unit.h"

struct mst_supervisor_setup {
	const char *conf_file;
	mst_role_table roles;
	struct mst_crypto *crypto;
	int ready_fd;                     /* one line there when everything runs; -1 = none */
};
/* Until SIGTERM or SIGINT. Exit status: 0 drained, 2 configuration, 3 could not start. */
int mst_supervise(const struct mst_supervisor_setup *s);

#endif
