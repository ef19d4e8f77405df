/* What a running agent gives up once its files and sockets are open (lib/sandbox); `sandbox = "no"` keeps it. */
#ifndef AGENT_CONFINE_H
#define AGENT_CONFINE_H

#include "agent/agent.h"

/* Before the first thread, and before anything is heard from a peer. 0, or a fault that was logged. */
MST_MUST_CHECK int agent_confine(struct agent *a);

#endif
