/*
 * The keeper's calls as octets: one question, one answer. Used at both ends (keeper-remote.c asks,
 * mst_keeper_serve() answers), so the two cannot drift apart; pure, and fuzzed.
 */
#ifndef MST_KEEPER_WIRE_H
#define MST_KEEPER_WIRE_H

#include "keeper/keeper.h"

#define MST_KEEPER_WIRE_MAX 8192             /* an answer, and every question but */
#define MST_KEEPER_SIGN_MAX (MST_TBS_MAX + 1024)

/* Carries one question to the keeper process and brings its answer, or a fault. */
struct mst_keeper_caller {
	int (*call)(void *arg, struct mst_view question, uint8_t *answer, size_t cap, size_t *ret_n);
	void *arg;
};
/* A keeper that lives in another process. `caller` is copied. close() frees it. */
MST_MUST_CHECK int mst_keeper_remote_new(const struct mst_keeper_caller *caller, struct mst_keeper **ret_k);
/* Another keeper process answers from now on: what was learned of the one before is asked anew. */
void mst_keeper_remote_renewed(struct mst_keeper *k);

/* The keeper's side: decode, call, encode. Anything malformed is answered MST_KEEPER_DENIED; false then. */
bool mst_keeper_serve(struct mst_keeper *k, struct mst_view question, struct mst_writer *answer);

#endif
