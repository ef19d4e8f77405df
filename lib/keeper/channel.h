/* Sealing a key for one transfer; both ends of a channel. Inside lib/keeper only. */
#ifndef MST_KEEPER_CHANNEL_H
#define MST_KEEPER_CHANNEL_H

#include "keeper/keeper.h"

/* The direction is bound, so that nothing that the keeper sent can be handed back to it as new; and beside it `what`: to the keeper the purpose, from it the use. */
enum channel_way { CHANNEL_TO_KEEPER = 1, CHANNEL_FROM_KEEPER = 2, CHANNEL_STATEMENT = 3 /* who asks: no key */ };

MST_MUST_CHECK int channel_seal(const struct mst_channel *ch, enum channel_way way, unsigned what, struct mst_crypto *c,
                                const struct mst_key *k, struct mst_wrapped *ret_s);
/* 0, MST_KEEPER_FORGED or a fault. */
MST_MUST_CHECK int channel_open(const struct mst_channel *ch, enum channel_way way, unsigned what, struct mst_crypto *c,
                                struct mst_view sealed, struct mst_key *ret_k);

#endif
