/*
 * What the MEF's commands left on this node (TS-0003 8.3.8, 8.3.9): the management objects of the last DEV_CFG, the keys,
 * anchors and registrations that MO_NODE led to, and the last commands with their results. One blob, sealed, replaced as a
 * whole: effect and result of a command are durable together, or neither is, and what was there before stays (rollback).
 */
#ifndef AGENT_MANAGED_H
#define AGENT_MANAGED_H

#include <jansson.h>

#include "codec/managed.h"
#include "crypto/pki.h"
#include "secenv/secenv.h"

#define MANAGED_KEYS 16
#define MANAGED_ANCHORS 4
#define MANAGED_REGS 8
#define MANAGED_RESULTS 16
#define MANAGED_PATH 136

struct managed_key {
	char path[MANAGED_PATH];         /* of the authenticationProfile */
	char id[MST_ID_MAX];             /* RelativeKeyID@FQDN */
	char target[MST_ID_MAX], admin_fqdn[MST_ID_MAX];
	int64_t suid;
	mst_time until, renew_at;
	struct mst_key key;
};
struct managed_anchor { char path[MANAGED_PATH]; uint8_t sha256[MST_SHA256_LEN]; size_t n; uint8_t der[MST_CERT_MAX]; };
struct managed_reg {
	char path[MANAGED_PATH];         /* of the MAFClientRegCfg, or of the MEFClientRegCfg that another stakeholder wanted */
	char fqdn[MST_ID_MAX], admin_fqdn[MST_ID_MAX], id[128];
	bool maf;                        /* of a MAF; else of a MEF */
	mst_time since, until;           /* when its end was told, 0 = not kept (version 1); that end */
	mst_time want;                   /* the end that its object gives; 0: as late as may be */
};
struct managed_result {
	char reg_id[128], cmd_id[128];
	int64_t class_id, status;
	mst_time when;
	char what[MANAGED_PATH];         /* objectPath, certificate's name, … */
	char detail[128];
};

struct managed {
	struct managed_key key[MANAGED_KEYS];
	size_t n_keys;
	struct managed_anchor anchor[MANAGED_ANCHORS];
	size_t n_anchors;
	struct managed_reg reg[MANAGED_REGS];
	size_t n_regs;
	struct managed_result result[MANAGED_RESULTS];      /* oldest first */
	size_t n_results;
	uint8_t objects[MST_OBJECTS_OCTETS];                /* of the last DEV_CFG, as it came */
	size_t n_objects;
	mst_time objects_since;
	bool unreported;                                    /* the newest result may not have reached the MEF */
	int64_t every;                                      /* seconds, as the MEF said last; 0: it was never visited */
};

struct agent;
/* What cannot be read is told and counts as nothing: the MEF gives its commands again. 0 or MST_FAULT_MEMORY. */
MST_MUST_CHECK int managed_load(struct agent *a);
void managed_free(struct agent *a);
/* A copy to change, then to make durable: 0 and it counts from now on; else everything is as it was. Frees it. */
struct managed *managed_stage(const struct agent *a);
MST_MUST_CHECK int managed_commit(struct agent *a, struct managed *next, struct mst_diag *d);
void managed_drop(struct managed *m);
/* Into a copy; the oldest makes room. The same path replaces. False: there is no room. */
bool managed_put_key(struct managed *m, const struct managed_key *k);
bool managed_put_anchor(struct managed *m, const struct managed_anchor *x);
bool managed_put_reg(struct managed *m, const struct managed_reg *x);
/* The registration has that end from now on, or is none any more; durable, or a fault or a secenv outcome. */
MST_MUST_CHECK int managed_forget_reg(struct agent *a, const char *reg_id, struct mst_diag *d);
MST_MUST_CHECK int managed_prolonged(struct agent *a, const char *reg_id, mst_time until, struct mst_diag *d);
void managed_put_result(struct managed *m, const struct managed_result *x);
/* The key whose renewal is due first; NULL: there is none. */
struct managed_key *managed_next_key(const struct managed *m);
/* Renewals that are due are tried again then; in memory only. */
void managed_put_off(struct managed *m, mst_time now, mst_time until);
/* The last result under the registration; NULL: none. */
const struct managed_result *managed_last(const struct managed *m, const char *reg_id);
/* The MEF was visited and has all results; `every` 0: as before. Written only when it is news. */
void managed_visited(struct agent *a, int64_t every);
/* Decode a document of objects that was found good before; NULL when there is none. To be freed. */
struct mst_objects *managed_objects(struct mst_view json, uint8_t **ret_room, bool from_mef, struct mst_diag *d);
/* For `muster-agent status`. */
json_t *managed_status(struct mst_secenv *env);
void managed_print(FILE *out, const json_t *managed);

#endif
