#include "server/permit.h"

#include "base/attr.h"

#define S 1u         /* starting */
#define R 2u         /* running */
#define D 4u         /* draining: nothing new, but what is outstanding ends */
#define SUP (1u << MST_PROC_SUPERVISOR)
#define LIS (1u << MST_PROC_LISTENER)
#define CON (1u << MST_PROC_CONNECTOR)
#define ENG (1u << MST_PROC_ENGINE)
#define KEE (1u << MST_PROC_KEEPER)
#define DIA (1u << MST_PROC_DIAMETER)      /* a listener and a connector in one */
#define SIG (1u << MST_PROC_SIGNER)
#define CHILD (LIS | CON | ENG | KEE | DIA | SIG)

static const struct { unsigned from, to, phases; } permit[MST_FRAME__COUNT] = {
	[MST_FRAME_CONF]             = { SUP,   CHILD,           S | R },
	[MST_FRAME_MATERIAL]         = { SUP,   LIS | CON | DIA, S | R },
	[MST_FRAME_CHANNEL]          = { SUP,   LIS | CON | KEE | DIA, S | R | D },
	[MST_FRAME_LINK]             = { SUP,   CHILD,           S | R | D },
	[MST_FRAME_START]            = { SUP,   CHILD,           S },
	[MST_FRAME_RELOAD]           = { SUP,   CHILD,           R },
	[MST_FRAME_DRAIN]            = { SUP,   CHILD,           S | R },
	[MST_FRAME_HEALTH]           = { SUP,   LIS,             R | D },
	[MST_FRAME_READY]            = { CHILD, SUP,             S | R | D },   /* R: taken over; DRAIN may cross it */
	[MST_FRAME_FAILED]           = { CHILD, SUP,             S | R | D },
	[MST_FRAME_METRICS]          = { CHILD, SUP,             R | D },
	[MST_FRAME_EXCHANGE]         = { LIS | DIA, ENG,             R | D },
	[MST_FRAME_ANSWER]           = { ENG,   LIS | DIA,             R | D },
	[MST_FRAME_BUSY]             = { ENG,   LIS | DIA,             R | D },
	[MST_FRAME_PSK_ASK]          = { LIS,   ENG,             R | D },
	[MST_FRAME_PSK_ANSWER]       = { ENG,   LIS,             R | D },
	[MST_FRAME_HANDSHAKE_FAILED] = { LIS,   ENG,             R | D },
	[MST_FRAME_CRL]              = { ENG,   SUP,             R | D },
	[MST_FRAME_RELOAD_FAILED]    = { SUP,   ENG,             R | D },
	[MST_FRAME_CUT]              = { ENG,   LIS,             R | D },
	[MST_FRAME_REFUSED]          = { LIS,   ENG,             R | D },
	[MST_FRAME_FETCH]            = { ENG,   CON | DIA,             R | D },
	[MST_FRAME_FETCH_RESULT]     = { CON | DIA, ENG,             R | D },
	[MST_FRAME_KEEPER_CALL]      = { ENG,   KEE,             R | D },
	[MST_FRAME_KEEPER_ANSWER]    = { KEE,   ENG,             R | D },
	[MST_FRAME_SIGN]             = { KEE,   SIG,             R | D },
	[MST_FRAME_SIGNED]           = { SIG,   KEE,             R | D },
	[MST_FRAME_VIOLATION]        = { ENG,   SUP,             S | R | D },
	[MST_FRAME_PIDS]             = { SUP,   LIS,             S | R | D },
};

bool mst_permitted(enum mst_process from, enum mst_process to, enum mst_frame_type type, enum mst_phase phase)
{
	if (from >= MST_PROC__COUNT || to >= MST_PROC__COUNT || type >= MST_FRAME__COUNT ||
	    phase >= MST_PHASE__COUNT)
		return false;
	return (permit[type].from & (1u << from)) && (permit[type].to & (1u << to)) &&
	       (permit[type].phases & (1u << phase));
}
