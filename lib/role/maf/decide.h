/* Decisions of the MAF. PURE: functions of their arguments, writing only the verdict. */
#ifndef MST_ROLE_MAF_DECIDE_H
#define MST_ROLE_MAF_DECIDE_H

#include "role/common/common.h"

void mst_maf_decide(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                    const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance, struct mst_verdict *v);

/* What a PSK handshake gets (spec 2.7.3). `cred` NULL = none under that identity; `owner` is read with it. */
struct mst_maf_lookup {
	int outcome;                  /* 0, or enum mst_psk_outcome */
	struct mst_release release;
	struct mst_fetch fetch;
	char why[200];                /* refused: for the operator; the peer sees no difference */
};
void mst_maf_decide_lookup(const char *key_id, const struct mst_credential *cred, const struct mst_who *owner,
                           const struct mst_role_conf *conf, mst_time now, struct mst_maf_lookup *ret);
/* May what the MEF answered be kept as the credential KeID? True: *ret_cred is it, without its key. False: the operator's
 * event is maf.*ret_event and says `ret_why`. */
bool mst_maf_decide_fetched(const char *key_id, const struct mst_fetch_result *got, const struct mst_who *owner,
                            const struct mst_role_conf *conf, mst_time now, struct mst_credential *ret_cred,
                            const char **ret_event, char ret_why[200]);
/* The PSK release of a stored credential, for the listener that waits. */
void mst_maf_release(const struct mst_credential *cred, struct mst_release *ret);
/* A KeID (of a MEF), in contrast to a KmID of this MAF. */
bool mst_maf_is_enrolment(const char *key_id, const struct mst_role_conf *conf);
/* Why a key that is here is nobody's any more by what is configured now; NULL: it stands. */
const char *mst_maf_unvouched(const struct mst_credential *c, const struct mst_role_conf *conf);

#endif
