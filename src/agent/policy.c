#include "agent/policy.h"

#include <string.h>

enum policy_source policy_source_of(const char *by, bool once)
{
	static const struct { const char *by; enum policy_source source; } rows[] = {
		{ "boot", POLICY_OWN }, { "renewal", POLICY_OWN }, { "credential-lost", POLICY_OWN }, { "retry", POLICY_OWN },
		{ "control", POLICY_MANUAL }, { "page", POLICY_MANUAL },
	};

	if (once && !strcmp(by, "boot"))
		return POLICY_MANUAL;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(by, rows[i].by))
			return rows[i].source;
	return POLICY_PUSHED;
}

enum policy_verdict policy_decide(enum policy_phase phase, bool same, enum policy_source source)
{
	/* [phase][source]: with the same instructions, with others */
	static const enum policy_verdict table[POLICY_PHASE__COUNT][POLICY_SOURCE__COUNT][2] = {
		[POLICY_RESTING] = { { POLICY_START, POLICY_START }, { POLICY_START, POLICY_START }, { POLICY_START, POLICY_START } },
		[POLICY_WAITING] = { { POLICY_JOIN, POLICY_JOIN }, { POLICY_START, POLICY_START }, { POLICY_START, POLICY_START } },
		[POLICY_RUNNING] = { { POLICY_JOIN, POLICY_JOIN }, { POLICY_JOIN, POLICY_START }, { POLICY_JOIN, POLICY_START } },
	};

	return table[phase][source][!same];
}

enum policy_upkeep policy_upkeep(enum policy_phase phase, bool errand)
{
	static const enum policy_upkeep table[POLICY_PHASE__COUNT][2] = {
		[POLICY_RESTING] = { POLICY_RUN, POLICY_LATER },
		[POLICY_WAITING] = { POLICY_BETWEEN, POLICY_LATER },
		[POLICY_RUNNING] = { POLICY_LATER, POLICY_LATER },
	};

	return table[phase][errand];
}

bool policy_may_try(enum policy_phase phase, bool errand)
{
	return phase != POLICY_WAITING || !errand;
}
