/* Decisions of the MEF. PURE: functions of their arguments, writing only the verdict. */
#ifndef MST_ROLE_MEF_DECIDE_H
#define MST_ROLE_MEF_DECIDE_H

#include "role/common/common.h"

void mst_mef_decide(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                    const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance, struct mst_verdict *v);
/* May this node enrol, or have a key for a MAF, now (mef.reenrol)? Else `v` has the refusal. */
bool mst_mef_may_again(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                       const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v);
/* What an enrolled node deletes leaves behind when it was enrolled: a revoked row without the key. */
void mst_mef_remember(const struct mst_who *w, const struct mst_records *r, const struct mst_role_conf *conf, struct mst_verdict *v);
/* /fetchCredentials/<KeID>/<SUID>: spec 2.7.1. */
void mst_mef_decide_fetch(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                          const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v);
/* Command Retrieve and Command Update: 8.3.9. */
void mst_mef_decide_command(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                            const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v);
/* The management objects that a DEV_CFG of ours names: doc/decisions/0017. */
void mst_mef_decide_objects(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, mst_time now,
                            struct mst_verdict *v);
/* May a client report this status of a command of that class (TS-0003 12.3.2.4)? Class 0: NO_MORE_COMMANDS. */
bool mst_mef_status_fits(int64_t status, int class_id);
void mst_mef_decide_config(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, mst_time now,
                           struct mst_verdict *v);

#endif
