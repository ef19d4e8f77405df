/*
 * Several triggers, one run (architecture 3.3; issue 3 item 6). What comes while nothing is going on begins a run at
 * once. What comes during a run of the same instructions, whoever sends it, joins that run. Other instructions replace
 * a run when a person or an authenticated sender gives them; the node's own clock never interrupts anything. A wait
 * for the next try is cut short by a person or an authenticated sender, never by the node's own clock.
 */
#ifndef AGENT_POLICY_H
#define AGENT_POLICY_H

#include <stdbool.h>

enum policy_source {
	POLICY_OWN,                  /* boot, renewal, a lost credential: the node's own doing */
	POLICY_PUSHED,               /* from outside, authenticated before it came here */
	POLICY_MANUAL,               /* a person at the device */
	POLICY_SOURCE__COUNT
};
enum policy_phase { POLICY_RESTING, POLICY_WAITING, POLICY_RUNNING, POLICY_PHASE__COUNT };
enum policy_verdict { POLICY_START, POLICY_JOIN };
enum policy_upkeep { POLICY_LATER, POLICY_RUN, POLICY_BETWEEN };

/* The word that the record has for it ("boot", "control", "sms", …); with `once` a person has started the program. */
enum policy_source policy_source_of(const char *by, bool once);
enum policy_verdict policy_decide(enum policy_phase phase, bool same, enum policy_source source);
/*
 * The root key in use is due to be renewed (decision 0030). While nothing goes on: by a run of its own. While a run waits for its next
 * try: between two of these, where the key came from, because what that run leads to may stay away for longer than the key lives.
 * `errand`: an enrolment is going on already, for whatever reason: later.
 */
enum policy_upkeep policy_upkeep(enum policy_phase phase, bool errand);
/* The wait of a run is over: does it begin its next try now? Not while the key is being renewed, or a pending slot is being finished. */
bool policy_may_try(enum policy_phase phase, bool errand);

#endif
