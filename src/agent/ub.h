/*
 * One bootstrapping run with a BSF (TS 24.109; lib/proto/gba/ue.h): the connection, the card, and what of it is kept. Who
 * starts one gets exactly one outcome, from the loop, unless he drops it.
 */
#ifndef AGENT_UB_H
#define AGENT_UB_H

#include "agent/agent.h"
#include "proto/gba/ue.h"

struct ub_outcome {
	enum prov_reason reason;     /* PROV_OK: `context` is there */
	char detail[MST_DIALOG_DETAIL];
	int64_t retry_after;
	const struct gba_context *context;
};
typedef void ub_done(struct agent *a, const struct ub_outcome *o);

/*
 * `uri` "": the operator's, as gba.bsf says, or else the card's names. `i` (may be NULL) authenticates an https one. The BSF is not
 * asked when this card has a session with it that is good still and that no NAF has refused, nor one taken (TS-0003 8.3.2.3): what
 * fails behind the BSF costs the HSS nothing. For instructions, too: of the same trigger, and not for long.
 */
enum ub_for { UB_KEY, UB_INSTRUCTIONS };
void ub_start(struct agent *a, const char *uri, const struct mst_instruction *i, enum ub_for what, ub_done *done);
void ub_drop(struct agent *a);
bool ub_running(const struct agent *a);
/*
 * What a run of this attempt gave, when it was with that BSF and is good still: one run serves all instructions that name it
 * (TS-0003 8.3.2.3: the handshake is left out while there is a valid Ks). NULL: none.
 */
const struct gba_context *ub_kept(const struct agent *a, const char *uri);
/* The NAF does not take it, or has: it is of no use any more. */
void ub_forget(struct agent *a);
void ub_free(struct agent *a);
/* How long one may take, cards and resynchronisation included; 0 without a card. */
mst_ms ub_ms(const struct agent_config *c);
/* For how long a BSF that asks to come again later may put this node off. Before rspauth nothing but TLS authenticates it: over plain HTTP it
 * may be anybody, and gets no more than the node's own longest wait. */
int64_t ub_later(const struct agent_config *c, bool tls, int64_t asked);

#endif
