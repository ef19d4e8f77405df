/* Sequence numbers (TS 33.102 annex C). Numbers are no secrets: they may be compared as it comes. */
#include "proto/aka/aka.h"

#include <string.h>

uint64_t aka_sqn_get(const uint8_t sqn[AKA_SQN])
{
	uint64_t x = 0;

	for (size_t i = 0; i < AKA_SQN; i++)
		x = x << 8 | sqn[i];
	return x;
}

void aka_sqn_put(uint64_t x, uint8_t sqn[AKA_SQN])
{
	for (size_t i = AKA_SQN; i--; x >>= 8)
		sqn[i] = (uint8_t)x;
}

int aka_sqn_next(uint64_t last, unsigned ind_bits, unsigned ind, uint64_t *ret_next)
{
	uint64_t seq;

	if (ind_bits > AKA_IND_BITS || ind >> ind_bits || last > AKA_SQN_MAX)
		return MST_FAULT_BUG;
	seq = (last >> ind_bits) + 1;
	if (seq > AKA_SQN_MAX >> ind_bits)
		return AKA_SQN_EXHAUSTED;
	*ret_next = seq << ind_bits | ind;
	return 0;
}

enum aka_resync aka_sqn_resync(uint64_t last, uint64_t sqn_ms, unsigned ind_bits, uint64_t delta, uint64_t *ret_last)
{
	uint64_t next = (last >> ind_bits) + 1, card = sqn_ms >> ind_bits;

	*ret_last = last;
	if (next <= card) {
		*ret_last = sqn_ms;
		return AKA_RESYNC_FORWARD;
	}
	if (delta && next - card > delta) {
		*ret_last = sqn_ms;
		return AKA_RESYNC_BACK;
	}
	return AKA_RESYNC_KEPT;
}

bool aka_usim_fresh(const struct aka_usim *u, uint64_t sqn)
{
	uint64_t seq = sqn >> u->ind_bits, top = u->highest >> u->ind_bits;
	unsigned ind = (unsigned)(sqn & ((UINT64_C(1) << u->ind_bits) - 1));

	if (sqn > AKA_SQN_MAX || seq <= u->seq[ind])
		return false;
	if (u->delta && seq > top && seq - top > u->delta)
		return false;
	return !u->age || seq >= top || top - seq < u->age;
}

void aka_usim_accept(struct aka_usim *u, uint64_t sqn)
{
	u->seq[sqn & ((UINT64_C(1) << u->ind_bits) - 1)] = sqn >> u->ind_bits;
	if (sqn > u->highest)
		u->highest = sqn;
}
