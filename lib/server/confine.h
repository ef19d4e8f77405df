/*
 * Which process keeps what, of files, of the network and of system calls: tables (confine.c, sandbox-calls.c), carried
 * out by lib/sandbox.
 */
#ifndef MST_SERVER_CONFINE_H
#define MST_SERVER_CONFINE_H

#include "sandbox/sandbox.h"
#include "server/unit.h"

/* Bits of mst_sandbox_call.who. */
#define MST_WHO(kind) (1u << (kind))
/* The engine has these, too, when its database is a server, and when that is reached by TCP, or by a local socket. */
#define MST_WHO_SERVER MST_WHO(MST_PROC__COUNT)
#define MST_WHO_SERVER_TCP MST_WHO(MST_PROC__COUNT + 1)
#define MST_WHO_SERVER_LOCAL MST_WHO(MST_PROC__COUNT + 2)
/* By kind of process; the supervisor has none, for it starts the others. */
extern const struct mst_sandbox_call mst_server_calls[];
extern const size_t mst_server_n_calls;

/* Before its first peer: what this process will never need again goes away. 0, or a fault. */
MST_MUST_CHECK int mst_confine(struct mst_unit *u);
/*
 * The process apart with the module of keeper_key, when the device is open: the signer's list of calls; and, where the settings say what the module needs
 * (module_state, module_network), no other file and no other socket.
 */
MST_MUST_CHECK int mst_confine_apart(const struct mst_conf *c);

#endif
