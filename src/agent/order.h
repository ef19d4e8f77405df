/*
 * An order of the MEF being carried out: DEV_CFG and MO_NODE (TS-0003 8.3.9.8, 8.3.9.9). What it needs of the session with the
 * MEF it asks of the visit that has it (visit.c); sessions with others are its own. It ends with a result that is durable
 * together with its effect; then the visit reports it.
 */
#ifndef AGENT_ORDER_H
#define AGENT_ORDER_H

#include "agent/agent.h"
#include "proto/mmef/object.h"
#include "proto/procedure/procedure.h"

#define ORDER_AGAIN_S 600             /* a renewal that failed */

/* The visit's session. */
struct order_mef {
	const char *host;            /* MEF-FQDN */
	const char *base, *from;
	const uint8_t *rel;          /* of the exporter; NULL: the session's key is used up, or there is none */
	const struct mst_key *ke;
};

void order_begin(struct agent *a, const struct mmef_command *c, const struct order_mef *mef);
void order_drop(struct agent *a);
/* While a->order: has it ended? `ret_status` is for the MEF; 0: it needs a session that has not been used yet. */
bool order_ended(const struct agent *a, int64_t *ret_status);
/* It has used the key of the visit's session. */
bool order_used_key(const struct agent *a);
/* In the visit's session: the request to send next, or NULL; and what came. */
const struct mst_request *order_request(struct agent *a);
void order_sent(struct agent *a);
void order_feed(struct agent *a, const struct mst_response *r);
void order_lost(struct agent *a, const char *detail);
mst_ms order_deadline(const struct agent *a);
void order_tick(struct agent *a);
/* order-local.c: is the key of an authenticationProfile here? A certificate (with its key), a trust anchor of that fingerprint? */
bool order_has_key_named(const struct agent *a, const struct mst_object *x);
bool order_has_cert(const struct agent *a, struct mst_view hex);
bool order_has_anchor(const struct agent *a, struct mst_view hex);
bool order_prints_as(const struct agent *a, struct mst_view der, struct mst_view hex);
/* A key that is to be registered anew, as the profile says (2.6): as an order without a number. False: none is due. */
bool order_renew(struct agent *a, const struct order_mef *mef);
/* A command that was carried out elsewhere: into the list of results. */
void order_note(struct agent *a, const char *cmd_id, int64_t class_id, const char *what, int64_t status, const char *detail);

#endif
