/*
 * Discovery (architecture 3.4): one row a method, each in a file of its own. A method starts on an
 * instruction of the engine and ends in exactly one of discover_yield() and discover_failed(), at once or
 * from a callback. The engine's deadline bounds it (agent.c, discover_ms); a discovery that a trigger has
 * replaced or that ran out of time is dropped and may not report any more.
 */
#ifndef AGENT_DISCOVER_H
#define AGENT_DISCOVER_H

#include "agent/agent.h"

struct agent_discovery {
	int method;                  /* enum mst_method */
	/* Can it be done here and now? NULL = always. */
	bool (*able)(const struct agent *a);
	void (*start)(struct agent *a, const struct mst_instruction *i);
	/* Stop and free what `start` opened; NULL = start ends at once. Called after an end, too. */
	void (*drop)(struct agent *a);
};
extern const struct agent_discovery agent_discover_file, agent_discover_bsf;

/* Bits (1 << method) of what this agent can discover by. */
uint32_t discover_methods(const struct agent *a);
void discover_start(struct agent *a, const struct mst_instruction *i);
/* Superseded, or ended: close and forget. Does nothing when none runs. */
void discover_drop(struct agent *a);

/* For the methods. `from` is who or what yielded it, for the log. Neither may touch `a->discovery` afterwards. */
void discover_yield(struct agent *a, struct mst_view cbor, const char *from);
void discover_failed(struct agent *a, enum prov_reason r, const char *detail, int64_t retry_after);

#endif
