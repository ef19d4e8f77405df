/*
 * MAF and MEF as a NAF of GBA (TS 33.220, TS 33.222 5.4): a handshake whose PSK identity is a B-TID. The key is asked of the
 * BSF that made the B-TID (Zn), for our FQDN and the Ua identifier of the negotiated suite, and kept until it ends.
 *
 * In oneM2M's terms (TS-0003 8.3.2.3): KeID and KmID are the B-TID, and Km is the key for the MAF. At a MEF it takes the place of a
 * maker's secret (the older arrangement: the MEF in front of an operator's BSF).
 *
 * Who it is, the BSF says: the uid of the USS whose GSID is ours, in the subscriber's GUSS.
 */
#ifndef MST_ROLE_COMMON_NAF_H
#define MST_ROLE_COMMON_NAF_H

#include "proto/gba/keys.h"
#include "role/common/common.h"

#define MST_NAF_GSID 1000001            /* below 1000000 they are 3GPP's; no standard has one for oneM2M */

/* What a PSK identity is asking for. */
struct mst_naf {
	char btid[MST_ID_MAX];           /* as the UE spelt it: only the BSF may know more of it */
	const struct mst_bsf_link *bsf;
	struct gba_ua ua;
};
enum mst_naf_identity { MST_NAF_NOT /* no B-TID of a BSF that we know */, MST_NAF_BTID, MST_NAF_REFUSED };

/* --- decide-naf.c: PURE --- */

/* Bare or with one of 3GPP's prefixes. `suite`: as in struct mst_peer. NOT_: the identity may be something else. */
enum mst_naf_identity mst_naf_of(const struct mst_role_conf *conf, const char *identity, uint16_t suite, struct mst_naf *ret,
				 const char **ret_why);
/* The identity under which the credential of a handshake is kept: a B-TID, else a key identifier; in canonical spelling. */
MST_MUST_CHECK bool mst_naf_key_name(const struct mst_role_conf *conf, const char *identity, char out[MST_ID_MAX]);
/* Is it one of GBA (by its `via`), and for which Ua identifier? */
bool mst_naf_cred(const char *via, struct gba_ua *ret_ua, struct mst_view *ret_bsf);
/* Does a BSF's domain stand behind the @? */
bool mst_naf_domain(const struct mst_role_conf *conf, struct mst_view domain);

struct mst_naf_lookup { int outcome /* 0 or enum mst_psk_outcome */; struct mst_release release; struct mst_fetch fetch; const char *why; };
void mst_naf_decide_lookup(const struct mst_naf *n, const struct mst_credential *cred, const struct mst_who *owner,
			   enum mst_key_purpose purpose, const struct mst_role_conf *conf, mst_time now, struct mst_naf_lookup *ret);
/* May what the BSF gave be kept? True: *ret_cred is it, without its key. False: `ret_why` is for the operator's event psk-refused. */
bool mst_naf_decide_fetched(const struct mst_naf *n, const struct mst_fetch_result *got, const char *uid, const struct mst_who *owner,
			    enum mst_key_purpose purpose, mst_time now, struct mst_credential *ret_cred, char ret_why[200]);
/* The identifier of the enrolee in a list of USSs (JSON: mst_uss_list_read_json), or words for why it gets none: none there, or not with the ME's key. */
const char *mst_naf_uid(struct mst_view uss_list, char ret_uid[MST_ID_MAX]);
/* The release of such a credential to the listener that waits. */
void mst_naf_release(const struct mst_credential *cred, struct mst_release *ret);

/* --- naf.c --- */

/* 0, MST_PSK_FETCH, MST_PSK_UNKNOWN (mst_naf_hint says why), or a fault. */
MST_MUST_CHECK int mst_naf_lookup(struct mst_role_env *env, enum mst_role role, const struct mst_naf *n, struct mst_psk_answer *a);
/* MST_NAF_REFUSED: MST_PSK_UNKNOWN, after as long. */
MST_MUST_CHECK int mst_naf_nobody(struct mst_role_env *env, enum mst_role role, struct mst_psk_answer *a);
/* *ret_one: it is for a NAF (not MST_NAF_NOT). */
MST_MUST_CHECK int mst_naf_hint(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p, struct mst_psk_hint *ret, bool *ret_one);
/* MST_PSK_UNKNOWN with its event psk-refused: for what a fetch came to. */
MST_MUST_CHECK int mst_naf_refused(struct mst_role_env *env, enum mst_role role, const struct mst_psk_ask *q, const char *why);
/* The BSF has answered. */
MST_MUST_CHECK int mst_naf_fetched(struct mst_role_env *env, enum mst_role role, const struct mst_naf *n, const struct mst_psk_ask *q,
				   const struct mst_fetch_result *got, struct mst_psk_answer *a);

#endif
