/*
 * The door for pushed triggers (architecture 3.3): whatever arrives, by whichever way, is octets that lib/proto/trigger
 * judges; what is good becomes the agent's own trigger. One file a way in: door-socket.c (UDP, local datagrams),
 * door-mm.c (ModemManager); the control socket hands in what helpers bring (RunOnReceive of gammu-smsd).
 *
 * The sender is never answered. A refusal costs a counter and a line in memory: no disk, no log line but for the 1st,
 * 2nd, 4th, 8th … of a kind.
 */
#ifndef AGENT_DOOR_H
#define AGENT_DOOR_H

#include "agent/agent.h"
#include "proto/gba/ue.h"
#include "proto/trigger/trigger.h"

struct door_sockets;
struct door_mm;

struct agent_door {
	struct trigger trigger;
	uint8_t signer[TRIGGER_KEYS_MAX][128];      /* public keys of configured certificates */
	size_t signer_n[TRIGGER_KEYS_MAX], n_signers;
	char key_id[MST_ID_MAX];                    /* root credential that the keys were made for */
	uint64_t generation;
	bool keyed;
	mst_time gba_expires;                       /* of the session whose key is among them; 0 = none */
	mst_ms again_at, wait;                      /* the store did not give a key: when it is asked once more; 0 = it gave all */
	struct door_sockets *sockets;
	char why[192];                              /* what the configuration names and is not there: an enrolled node goes on without it */
	struct door_mm *mm;
};

/* What configuration names and cannot be used; for --check. */
MST_MUST_CHECK int door_check_listen(const struct agent_config *c, struct mst_diag *d);
MST_MUST_CHECK int door_check_signers(const struct agent_config *c, struct mst_diag *d);
/* Judge and follow. `d` gets what is to be said to whoever handed it in locally. Ends with agent_turn() by the caller. */
enum trigger_verdict door_push(struct agent *a, struct mst_view in, enum trigger_source s, struct mst_diag *d);
json_t *door_status(const struct agent *a);
void door_print(FILE *out, const json_t *door);

/* What is named and cannot be had: told, kept for the status. True: the node goes on without it, as it is enrolled (lesson 2). */
bool door_lacks(struct agent *a, const char *setting, const char *what, const char *why);
/* door-socket.c */
MST_MUST_CHECK int door_sockets_open(struct agent *a, struct door_sockets **ret_s);
struct door_sockets *door_sockets_close(struct door_sockets *s);
/* "127.0.0.1:5686", "[::1]:5686". */
MST_MUST_CHECK bool door_address_good(const char *text);
/* door-mm.c */
MST_MUST_CHECK int door_mm_open(struct agent *a, struct door_mm **ret_m);
struct door_mm *door_mm_close(struct door_mm *m);
const char *door_mm_state(const struct door_mm *m);  /* "connected", "no bus", "off" */

/* door-follow.c: what an accepted order makes the agent do. */
enum trigger_verdict door_follow(struct agent *a, const struct trigger_order *o, const char *by, struct mst_diag *d);

/* door-gba.c: the key of a GBA session for trigger.naf. Kept when a session begins, also when there is no door just now. */
void door_gba_keep(struct agent *a, const struct gba_context *x);
/* Among the door's keys, while the session lasts. 0, 1: there is none, or a fault. */
MST_MUST_CHECK int door_gba_add(struct agent *a);

#endif
