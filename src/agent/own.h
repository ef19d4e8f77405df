/*
 * Certificates that an MEF gave to this node over EST (TS-0003 8.3.6). Two slots, as for root credentials: the old one
 * stays until the new one has been used (lesson 4); and what was asked for and waits for its answer, each with its key: a command's
 * request and the renewal's, since either may wait for an approval while the other goes on. All of it lies sealed in the secure environment. The initial credential is never touched: it is the last resort (lesson 9).
 */
#ifndef AGENT_OWN_H
#define AGENT_OWN_H

#include <jansson.h>

#include "base/time.h"
#include "crypto/request.h"
#include "proto/est/est.h"
#include "secenv/secenv.h"
#include "transport/tls.h"

struct own_cert {
	bool there;
	struct mst_secenv_key key;       /* made in the secure environment */
	uint8_t csr[EST_CSR_OCTETS];     /* a request that waits */
	size_t csr_n;
	uint8_t der[MST_CERT_MAX];       /* a certificate */
	size_t der_n;
	struct est_name name;
	char cmd_id[128];                /* of the CERT_PROV that it serves */
	char mef[MST_ID_MAX];            /* FQDN of the MEF that gives it: to no other it proves anything. "": kept before that was */
	mst_time obtained, not_after;
};
enum own_slot { OWN_ACTIVE, OWN_PENDING, OWN_REQUEST, OWN_RENEWAL, OWN__COUNT };

struct agent_own {
	struct own_cert slot[OWN__COUNT];
	mst_time renew_at;
	int64_t refused_wait;        /* seconds from the renewal's last refusal to its next try; 0: it was not refused. Only in memory: a start tries at once */
	mst_ms refused_until;        /* the active one was not taken: until then the initial one is shown; only in memory (lesson 3) */
	bool left_behind;            /* its key has stayed in another device: it cannot be shown */
};

struct agent;
/*
 * What cannot be read is told and left alone: the initial credential does. What is of another MEF than the root credential
 * in use goes: the power went between the new one's promotion and own_forget().
 */
void own_load(struct agent *a);
/* 0 when it is durable. */
MST_MUST_CHECK int own_store(struct agent *a, enum own_slot s, struct mst_diag *d);
void own_forget(struct agent *a, enum own_slot s);
/*
 * A new key, which is made inside and never leaves (lesson 28), and a request with it, in place of the one that waits in OWN_REQUEST or
 * OWN_RENEWAL. It is durable before anybody certifies it. 0, or what the secure environment said: then the one before is still there.
 */
MST_MUST_CHECK int own_request(struct agent *a, enum own_slot s, const struct est_name *name, const char *challenge, const char *cmd_id,
			       struct mst_diag *d);
/* The MEF has refused the renewal's request: in how many seconds is it asked again? */
int64_t own_renewal_refused(struct agent *a);
/* The pending one has been used: it is the active one from now on, and no renewal of the one before is wanted any more. */
MST_MUST_CHECK int own_promote(struct agent *a, struct mst_diag *d);
/* The certificate that a session with the MEF is to show; NULL: the initial one. */
const struct own_cert *own_choice(const struct agent *a);
/*
 * A session that showed own_choice() ended before anything was answered in it: was it our certificate? `proven`: mst_client_proven(); an alert
 * of anybody says nothing. A MEF that does not take the initial one either has taken nothing back. True: the initial one is shown next.
 */
bool own_session_ended(struct agent *a, enum mst_tls_end why, bool proven);
bool own_refused(const struct agent *a);     /* the active one is not to be shown now */
void own_wipe(struct own_cert *c);
/* A key that no slot has any more goes from the device, where it is an object there. */
void own_release(struct agent *a, const struct mst_secenv_key *k);
/*
 * A slot's blob on its way into another store: its key is sealed for that one. One that is in the old device stays there, and the slot
 * is what it was: *ret_left is that key (n = 0: none), and the agent asks for another certificate when it sees the slot.
 */
MST_MUST_CHECK int own_rekey(struct mst_secenv *from, struct mst_secenv *to, const char *name, uint8_t *b, size_t cap, size_t *n,
			     struct mst_secenv_key *ret_left, struct mst_diag *d);
/*
 * A factory reset: the keys of all slots go from the device, each before the blob that names it. Called again it goes on where it was. 0; CORRUPT, with all others
 * gone: a slot cannot be read, and nobody knows its key; or what the device said, with the slots that are left as they were.
 */
MST_MUST_CHECK int own_erase(struct mst_secenv *env, struct mst_diag *d);
/* Name and times of the active one, for people; null when there is none. */
json_t *own_status(struct mst_secenv *env);

#endif
