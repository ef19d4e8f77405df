/*
 * Which process may say what to which, and when (architecture 5.3). One table, looked at by sender and
 * receiver; anything else is a violation: the link is dropped and the fact logged.
 */
#ifndef MST_SERVER_PERMIT_H
#define MST_SERVER_PERMIT_H

#include "server/frame.h"

enum mst_phase {
	MST_PHASE_STARTING,      /* before READY of the process that is not the supervisor */
	MST_PHASE_RUNNING,
	MST_PHASE_DRAINING,
	MST_PHASE__COUNT
};

bool mst_permitted(enum mst_process from, enum mst_process to, enum mst_frame_type type,
		   enum mst_phase phase);

#endif
