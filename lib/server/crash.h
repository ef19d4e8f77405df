/*
 * Dying on purpose, for the power-cut scenario only: the configuration's group `test` names a point and a
 * number of passages; there the process kills itself without any clean-up, and the supervisor, seeing
 * that, takes the whole daemon down the same way.
 */
#ifndef MST_SERVER_CRASH_H
#define MST_SERVER_CRASH_H

#include "server/config.h"

enum mst_crash_point {
	MST_CRASH_NEVER,
	MST_CRASH_REQUEST_READ,      /* listener: a request arrived, the engine does not know it */
	MST_CRASH_DECIDED,           /* engine: a decision stands in the open transaction */
	MST_CRASH_COMMIT_BEFORE,
	MST_CRASH_COMMIT_AFTER,
	MST_CRASH_RELEASE_BEFORE,    /* engine: before the keeper hands out a key */
	MST_CRASH_ANSWER_BEFORE,     /* listener: the answer came, the peer has not got it */
	MST_CRASH_ANSWER_AFTER,
	MST_CRASH_PSK_BEFORE,        /* listener: the key came, the handshake is still suspended */
	MST_CRASH_FETCH_BEFORE,      /* connector: before the request to the MEF */
	MST_CRASH_FETCH_AFTER,       /* connector: the MEF has answered, the engine does not know */
	MST_CRASH__COUNT
};
extern const char *const mst_crash_name[MST_CRASH__COUNT];
/* MST_CRASH__COUNT when there is no such name. "" is MST_CRASH_NEVER. */
enum mst_crash_point mst_crash_find(const char *name);

struct mst_crash { enum mst_crash_point at; int64_t left; };
struct mst_crash mst_crash_of(const struct mst_conf *c);
void mst_crash_pass(struct mst_crash *k, enum mst_crash_point here);

#endif
