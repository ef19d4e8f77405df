/* Verifying copies of the audit log, one behind the other (doc/audit-log.md). */
#ifndef MUSTER_AUDIT_CHAIN_H
#define MUSTER_AUDIT_CHAIN_H

#include <jansson.h>

#include "crypto/pki.h"
#include "keeper/keeper.h"
#include "store/store.h"

struct audit_trust {
	uint8_t ca[MST_CERT_MAX];        /* --ca: whose seals count; n_ca 0: signatures are not looked at */
	size_t n_ca;
	struct mst_log_seal kept;        /* --seal: one that was kept elsewhere; seq 0: none */
};

struct audit_chain {
	const struct audit_trust *trust; /* the caller's, as long as the chain is read */
	struct mst_event_anchor anchor;  /* of this copy */
	uint64_t seq;                    /* of the last good entry */
	uint8_t hash[MST_SHA256_LEN];
	unsigned long long entries;
	bool begun, inside, told;
	uint64_t behind;                 /* the first copy goes on where another one ends, which is not here */
	struct mst_log_seal sealed;      /* the last seal that was right */
	bool found;                      /* the entry of the seal that was kept elsewhere */
	const char *why;                 /* what is wrong */
};

/* One line of a copy, with or without its line feed. False: `why`; nothing of that line counts. */
bool audit_chain_line(struct audit_chain *c, const char *text, size_t n);
/* The copy is over; another one may go on. False: it is not whole. */
bool audit_chain_end(struct audit_chain *c);

/* {"seq":…,"hash":…,"when":…,"signature":…} */
bool audit_seal_from(const json_t *o, struct mst_log_seal *ret);

#endif
