/* Discovery by the operator's BSF as briefing node: the instructions in its answer, when rspauth proves them. */
#include "agent/discover.h"

#include <stdlib.h>

#include "agent/card.h"
#include "agent/ub.h"

static bool able(const struct agent *a)
{
	return card_there(&a->cfg);
}

static void yield(struct agent *a, const struct gba_context *x)
{
	uint8_t *cbor = malloc(MST_SEQ_OCTETS);
	struct mst_diag d = { 0 };
	size_t n = 0;
	int r = cbor ? agent_sequence_to_cbor(x->instructions, cbor, MST_SEQ_OCTETS, &n, &d) : MST_FAULT_MEMORY;

	if (r)
		discover_failed(a, prov_reason_of(r, &d), r > 0 ? d.text : mst_fault_text(r), 0);
	else
		discover_yield(a, (struct mst_view){ cbor, n }, x->btid);
	free(cbor);
}

static void bootstrapped(struct agent *a, const struct ub_outcome *o)
{
	if (o->reason)
		discover_failed(a, o->reason, o->detail, o->retry_after);
	else if (!o->context->instructions.n)
		discover_failed(a, PROV_EMPTY, o->context->authenticated ? "the BSF has no instructions for this node" :
				"the BSF's answer is not protected (auth-int): instructions in it would not count", 0);
	else
		yield(a, o->context);
}

static void start(struct agent *a, const struct mst_instruction *i)
{
	char uri[MST_ID_MAX];

	if (mst_view_to_str(i->uri, uri, sizeof(uri)))
		ub_start(a, uri, i, UB_INSTRUCTIONS, bootstrapped);
	else
		discover_failed(a, PROV_UNSUPPORTED, "the URI is too long", 0);
}

const struct agent_discovery agent_discover_bsf = { .method = MST_METHOD_BSF, .able = able, .start = start, .drop = ub_drop };
