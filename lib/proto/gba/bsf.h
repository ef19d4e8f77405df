/*
 * The BSF's side of Ub (TS 24.109 4): decisions over one request at a time and one record (`struct gba_run`) for each
 * challenge that was given out. PURE: the role (lib/role/bsf) looks records up, keeps them before an answer leaves, asks
 * the HSS; time and randomness are inputs.
 *
 *   gba_ask_read()            what a request is: GBA_ASK_FIRST, _RESPONSE, _RESYNC, _ANONYMOUS
 *   FIRST:     vector from the HSS → gba_run_open() → keep → gba_put_401()
 *   RESPONSE:  record of the nonce → gba_run_judge() → GBA_JUDGE_GRANTED: gba_session_open() → keep both → gba_put_200()
 *   RESYNC:    the same → GBA_JUDGE_RESYNC: RAND of the record and AUTS to the HSS → a new vector → gba_run_open() …
 *   no record, or JUDGE_STALE: a vector and a challenge again, with stale
 *   ANONYMOUS: there is nobody to ask the HSS for: gba_put_refusal(400)
 *
 * Each nonce is good for one answer. The very same answer again, while the record is kept, is answered as it was: a lost
 * answer must not cost a run (and tells nobody anything that did not go over the line in clear before).
 */
#ifndef MST_PROTO_GBA_BSF_H
#define MST_PROTO_GBA_BSF_H

#include "base/time.h"
#include "proto/aka/aka.h"
#include "proto/gba/digest.h"
#include "proto/gba/keys.h"

#define GBA_OPAQUE 16
#define GBA_NONCE_TEXT 45            /* base64 of RAND || AUTN, with its NUL */
#define GBA_RUN_SECONDS 60           /* usual life of a challenge */
#define GBA_RESYNCS_MAX 2            /* in one run */
#define GBA_LIFETIME_MIN 60
#define GBA_LIFETIME_MAX (366 * 86400)

/* --- what a request is --- */

enum gba_ask_kind { GBA_ASK_ANONYMOUS, GBA_ASK_FIRST, GBA_ASK_RESPONSE, GBA_ASK_RESYNC };
struct gba_ask {
	enum gba_ask_kind kind;
	struct gba_authorization auth;       /* not when anonymous; borrowed from the message */
	bool with_tmpi;                      /* the username is a TMPI: the role finds the IMPI that it stands for */
	bool tmpi_ue;                        /* the UE announced that it understands TMPI */
	struct mst_view body;
};
/*
 * A GET whose Authorization, if there is one, is for `realm` and for this very request (uri is the request's target).
 * 0 or GBA_BAD: answer *ret_status (400, 405) with `d`'s words.
 */
MST_MUST_CHECK int gba_ask_read(const struct mst_http_msg *m, const char *realm, struct gba_ask *ret_a, int *ret_status, struct mst_diag *d);

/* --- a challenge --- */

enum gba_run_state { GBA_RUN_OPEN, GBA_RUN_GRANTED, GBA_RUN_SPENT };
struct gba_run {                             /* what the store keeps until `until`; found by `nonce` */
	enum gba_run_state state;
	char impi[MST_ID_MAX], username[MST_ID_MAX];
	char nonce[GBA_NONCE_TEXT], opaque[2 * GBA_OPAQUE + 1];
	enum gba_algorithm algorithm;
	enum gba_qop qop;                    /* the one that is offered */
	bool in_card, tmpi_ue;               /* GBA_U: AUTN* was sent */
	uint8_t rnd[GBA_RAND], xres[32], ck[16], ik[16];
	uint8_t xres_n;
	unsigned resyncs;                    /* how many this run has had already */
	mst_time until;
	/* GRANTED: the answer that was taken */
	char response[33], cnonce[GBA_VALUE_MAX + 1], nc[9];
};
void gba_run_wipe(struct gba_run *r);

struct gba_run_config {
	enum gba_algorithm algorithm;        /* GBA_AKAV1_MD5; AKAv2 only by configuration */
	bool auth_only;                      /* qop auth instead of auth-int: the body is then not protected. For a UE that has no other */
	bool in_card;                        /* GBA_U: GUSS says so (uiccType) */
	unsigned resyncs;                    /* already done in this run */
	int64_t seconds;                     /* 0 = GBA_RUN_SECONDS */
};
/* `impi` is the real one; `a` is the request; `opaque` fresh random octets. 0, GBA_BAD (vector or names cannot be used), fault. */
MST_MUST_CHECK int gba_run_open(struct mst_crypto *c, const struct gba_run_config *cfg, const struct aka_vector *v, const char *impi,
				const struct gba_ask *a, const uint8_t opaque[GBA_OPAQUE], mst_time now, struct gba_run *ret_r);

enum gba_judgement {
	GBA_JUDGE_GRANTED,
	GBA_JUDGE_REPEATED,          /* the very same answer as before: the same session again (the BSF's clock has moved) */
	GBA_JUDGE_RESYNC,            /* `auts` goes to the HSS with the record's RAND */
	GBA_JUDGE_RESYNC_LIMIT,      /* not again: GBA_RESYNCS_MAX of them did not help, and each costs the HSS a vector */
	GBA_JUDGE_WRONG,             /* RES is not the one: counts against the subscriber (lock-out is the role's) */
	GBA_JUDGE_STALE,             /* used up, or too old: a new challenge with stale=true */
	GBA_JUDGE_MISMATCH,          /* not an answer to this challenge: other name, opaque, algorithm, qop, nc */
	GBA_JUDGE__COUNT
};
const char *gba_judgement_text(enum gba_judgement j);        /* "wrong-res" */
/*
 * The record moves to GRANTED or SPENT, except with REPEATED, STALE and MISMATCH, which change nothing: keep it before the
 * answer leaves. `d` (may be NULL) says which field. Returns 0 or a fault.
 */
MST_MUST_CHECK int gba_run_judge(struct mst_crypto *c, struct gba_run *r, const struct gba_ask *a, const char *realm, mst_time now,
				 enum gba_judgement *ret_j, struct mst_diag *d);

/* --- what comes of it --- */

struct gba_session {                         /* what the store keeps until `expires`; found by `btid` */
	char btid[MST_BTID_MAX], impi[MST_ID_MAX], tmpi[MST_ID_MAX];        /* tmpi "": none */
	uint8_t rnd[GBA_RAND], ks[GBA_KS];
	bool in_card;
	mst_time created, expires;
};
void gba_session_wipe(struct gba_session *s);
/* Of a GRANTED record. `lifetime` seconds, kept between GBA_LIFETIME_MIN and GBA_LIFETIME_MAX. 0, GBA_BAD, fault. */
MST_MUST_CHECK int gba_session_open(struct mst_crypto *c, const struct gba_run *r, const char *bsf, int64_t lifetime, mst_time now,
				    struct gba_session *ret_s);
/* Zn: keys for one NAF, `int` empty unless GBA_U. 0, GBA_EXPIRED, GBA_BAD (NAF_Id), fault. */
struct gba_naf_keys { struct mst_key me, uicc; mst_time expires; };
void gba_naf_keys_wipe(struct gba_naf_keys *k);
MST_MUST_CHECK int gba_session_keys(struct mst_crypto *c, const struct gba_session *s, struct mst_view naf_id, mst_time now,
				    struct gba_naf_keys *ret_k);

/* --- whole answers --- */

/* Message 2. `stale`: the one before was right, but too late. */
void gba_put_401(const struct gba_run *r, const char *realm, bool stale, struct mst_writer *w);
/* What goes into Extension besides the time (codec/bsf-info.h); each may be empty. */
struct gba_briefing { struct mst_view instructions, configuration; };
/*
 * Message 4: rspauth over the body exactly as it is written. `briefing` may be NULL.
 * `server_tmpi`: say that TMPI is understood here. `w` has room for the body twice: it is hashed where it was first written. 0 or a fault; what does not fit latches `w`.
 */
MST_MUST_CHECK int gba_put_200(struct mst_crypto *c, const struct gba_run *r, const struct gba_session *s, const struct gba_ask *a,
			       const struct gba_briefing *briefing, bool server_tmpi, mst_time now, struct mst_writer *w);
/* Anything else, with one line of plain text. `retry_after` 0 = none. */
void gba_put_refusal(int status, int retry_after, const char *text, struct mst_writer *w);

#endif
