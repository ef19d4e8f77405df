/* The CA's key as a signer of certificates and lists (crypto/pki.h): each signature is asked of the keeper, which reads what it signs. */
#ifndef MST_KEEPER_SIGNER_H
#define MST_KEEPER_SIGNER_H

#include <stdio.h>

#include "crypto/pki.h"
#include "keeper/keeper.h"

struct mst_keeper_signer {
	struct mst_signer signer;                         /* first: who is handed this has the rest */
	struct mst_keeper *keeper;
	const struct mst_authorisation *leave;            /* MST_AUTH_SIGN for the one name, or MST_KEEPER_CRL */
	int outcome;                                      /* what the keeper said last */
};

static inline int mst_keeper_sign_tbs(struct mst_signer *s, struct mst_view tbs, uint8_t *out, size_t cap, size_t *ret_n)
{
	struct mst_keeper_signer *k = (struct mst_keeper_signer *)(void *)s;

	k->outcome = k->keeper->ops->sign(k->keeper, k->leave, tbs, out, cap, ret_n);
	return k->outcome;
}

/* Both are borrowed. */
static inline struct mst_keeper_signer mst_keeper_signer_of(struct mst_keeper *k, const struct mst_authorisation *leave)
{
	return (struct mst_keeper_signer){ .signer = { .sign_tbs = mst_keeper_sign_tbs }, .keeper = k, .leave = leave };
}

/* Leave for who is the authority himself, in whose process the keeper was opened. */
static inline struct mst_authorisation mst_keeper_own_leave(const char *name, const char *who)
{
	struct mst_authorisation a = { .what = MST_AUTH_SIGN };

	snprintf(a.key_id, sizeof(a.key_id), "%s", name);
	snprintf(a.to, sizeof(a.to), "%s", who);
	return a;
}

#endif
