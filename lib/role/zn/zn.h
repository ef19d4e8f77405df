/*
 * The BSF's face towards NAFs (Zn; TS 29.309 Nbsp_GBA, TS 33.220 4.5.3): by a B-TID the key of one NAF, for as long as the
 * session lasts, and what the subscriber may there.
 *
 *     decode → load → decide (PURE) → the keeper seals the keys for who writes the answer → apply → encode
 *
 * Who asks is proven by its certificate. It has keys under its own FQDN, and under names that the settings give it (bsf.nafs).
 * A subscriber must have a USS that lets it in: of the services that the NAF asks for (else of ours), and without nafGroup or
 * with one that this NAF is in. Which of the two keys of GBA_U it is given, that USS says, too (keyChoice).
 * The settings are those of the bootstrapping; but a subscriber whose SIM is of this installation
 * must be one that the HSS would serve now, too, and its node must still be called what they say.
 */
#ifndef MST_ROLE_ZN_ZN_H
#define MST_ROLE_ZN_ZN_H

#include "codec/gba-sbi.h"
#include "role/common/common.h"

#define ZN_PUSH "/nbsp-gba/v1/push-info-retrieval"

struct zn_call {
	int status;                     /* not 0: refused before anything is looked up */
	char words[260];
	struct mst_zn_ask ask;
	char btid[MST_ID_MAX], naf[MST_ID_MAX];     /* naf: as it enters the key */
	uint8_t naf_id[GBA_NAF_ID_MAX];
	size_t naf_id_n;
	uint8_t room[MST_SBI_ARENA];
};

struct zn_records {
	const struct mst_peer *peer;
	bool has_session, has_sim;
	struct mst_gba_session session;
	struct mst_sim sim;             /* of the subscriber, when this installation's HSS has it; and */
	struct mst_who who;             /* whose node it is in */
	struct mst_guss guss;           /* views into `room` */
	uint8_t room[MST_SBI_ARENA];
};

struct zn_verdict {
	int status;
	const char *title, *cause;      /* of the problem */
	char say[160], why[200];
	const char *who;                /* FQDN that the certificate proves; "" = none that counts */
	struct mst_authorisation leave; /* 200 */
	bool in_card;                   /* both keys */
	bool impi;                      /* the NAF is told it */
	struct mst_guss uss;            /* what the NAF is told */
};

/* PURE. */
void zn_decide(const struct zn_call *q, const struct zn_records *r, const struct mst_role_conf *conf, mst_time now, struct zn_verdict *v);

#endif
