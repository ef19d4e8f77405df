/*
 * A MEF and a MAF over a real store in a directory of their own, one keeper, and exchanges as a listener makes
 * them. The keeper is a double that checks what the real one checks (seal, purpose, key id, authorisation) and
 * whose "ciphertext" a test can read.
 */
#ifndef MST_ROLE_TEST_RIG_H
#define MST_ROLE_TEST_RIG_H

#include "tests/support/cm.h"

#include "role/role.h"

#define RIG_NOW 1800000000
#define RIG_DAY 86400
#define RIG_CHANNEL 3
#define RIG_NODE "urn:dev:ops:1-a-7"
#define RIG_CSE "//sp.example.com/CSE0001"

struct rig {
	char dir[128], url[256];
	struct mst_store *store;
	struct mst_keeper *keeper;            /* the double, unless a test puts another */
	struct mst_crypto *crypto;
	struct mst_role_conf mef_conf, maf_conf, bbn_conf, ocsp_conf, hss_conf;
	void *state[MST_ROLE__COUNT];
	mst_time now;
	int64_t node;
	uint16_t suite;                       /* of PSK sessions and questions */
	struct mst_exchange x;                /* last exchange */
	struct mst_answer a;                  /* and its answer */
	uint8_t content[MST_ANSWER_MAX];
	char text[MST_ANSWER_MAX];            /* the answer as C string */
	uint8_t handed[32];                   /* key that the last release carried */
	bool has_handed;
	unsigned releases, wraps, created;
};

void rig_up(struct rig *r);
void rig_down(struct rig *r);
struct mst_role_env rig_env(struct rig *r, enum mst_role role);

/* A sealed key as channel RIG_CHANNEL makes it: 32 octets of `fill`. */
struct mst_wrapped rig_seal(uint8_t fill, enum mst_key_purpose as);

/* Into r->x what a listener of that role exports of a session. */
void rig_export(struct rig *r, enum mst_role role, uint8_t fill);

/* Prepare r->x: who asks. Then rig_do(). */
void rig_peer_cert(struct rig *r, enum mst_id_kind kind, const char *name);
/* … and what else the certificate names. */
void rig_peer_also(struct rig *r, enum mst_id_kind kind, const char *name);
void rig_peer_psk(struct rig *r, const char *identity);
/* One request in its own transaction; the answer's RSC. `fill` != 0: the listener exported that session key. */
int rig_do(struct rig *r, enum mst_role role, enum mst_op op, const char *to, const char *from, int ty,
           uint8_t fill, const char *content);
/* Decide on r->x as it is. */
int rig_handle(struct rig *r, enum mst_role role);
int rig_lookup(struct rig *r, const char *identity, struct mst_psk_answer *a);
int rig_lookup_at(struct rig *r, enum mst_role role, const char *identity, struct mst_psk_answer *a);
int rig_fetched_at(struct rig *r, enum mst_role role, const char *identity, const struct mst_fetch_result *got, struct mst_psk_answer *a);
int rig_fetched(struct rig *r, const char *identity, const struct mst_fetch_result *got, struct mst_psk_answer *a);
/* The listener says that a handshake with that identity has failed for its key; what the operator reads then. */
struct mst_event rig_failed(struct rig *r, enum mst_role role, const char *identity);
void rig_id(uint8_t fill, const char *fqdn, char out[MST_ID_MAX]);

/* One of the owner's rules, at this place. */
void rig_rule(struct rig *r, const char *json, int64_t place);
/* A question or a report to the briefing node from r->x.peer. */
int rig_brief(struct rig *r, enum mst_op op, const char *to, const char *media, const char *accept, struct mst_view content);

/* Everything durable but the audit log, as text; for "nothing changed". */
void rig_fingerprint(struct rig *r, char *out, size_t cap);
/* The last event; false when there is none. */
bool rig_last_event(struct rig *r, struct mst_event *ret);
/* Value of a string member in r->text, "" when absent. */
const char *rig_member(struct rig *r, const char *name, char *out, size_t cap);

#endif
