/*
 * The BSF's side of Ub (TS 24.109 4): decisions over one request at a time and one record (`struct gba_run`) for each
 * challenge that was given out. PURE: the role (lib/role/bsf) looks records up, keeps them before an answer leaves, asks
 * the HSS; time and randomness are inputs.
 *
 *   gba_ask_read()            what a request is: GBA_ASK_FIRST, _RESPONSE, _RESYNC, _ANONYMOUS
 *   FIRST:     vector from the HSS → gba_run_open() → keep → gba_put_401()
 *   RESPONSE:  record of the nonce → gba_run_match() → GBA_JUDGE_PROVE: gba_prove() → gba_run_proven() → GBA_JUDGE_GRANTED:
 *              gba_session_open() → keep both → gba_put_200()
 *   RESYNC:    the same → GBA_JUDGE_RESYNC: RAND of the record and AUTS to the HSS → a new vector → gba_run_open() …
 *   no record, or JUDGE_STALE: a vector and a challenge again, with stale
 *   ANONYMOUS: there is nobody to ask the HSS for: gba_put_refusal(400)
 *
 * What is secret of a run (XRES, CK, IK: `struct gba_av`) and of a session (Ks) stands apart from the records, so that only the
 * process that has custody of keys sees it: gba_prove(), gba_rspauth(), gba_ks() and gba_naf_keys_make() are run there.
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
#define GBA_LIFETIME_MIN 1           /* whatever an HSS says: settings end a session, and nothing prolongs it */
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
	uint8_t rnd[GBA_RAND];
	unsigned resyncs;                    /* how many this run has had already */
	mst_time until;
	/* GRANTED: the answer that was taken */
	char response[33], cnonce[GBA_VALUE_MAX + 1], nc[9];
};

struct gba_run_config {
	enum gba_algorithm algorithm;        /* GBA_AKAV1_MD5; AKAv2 only by configuration */
	bool auth_only;                      /* qop auth instead of auth-int: the body is then not protected. For a UE that has no other */
	bool in_card;                        /* GBA_U: GUSS says so (uiccType) */
	unsigned resyncs;                    /* already done in this run */
	int64_t seconds;                     /* 0 = GBA_RUN_SECONDS */
};
/*
 * `rnd` and `autn` as they go out (AUTN* with `in_card`); `impi` is the real one; `a` is the request; `opaque` fresh random
 * octets. 0, GBA_BAD (configuration or names cannot be used), fault.
 */
MST_MUST_CHECK int gba_run_open(const struct gba_run_config *cfg, const uint8_t rnd[GBA_RAND], const uint8_t autn[GBA_AUTN], const char *impi,
				const struct gba_ask *a, const uint8_t opaque[GBA_OPAQUE], mst_time now, struct gba_run *ret_r);

/* --- its secret half --- */

#define GBA_XRES_MIN 4
#define GBA_XRES_MAX 32
#define GBA_AV_MAX (GBA_XRES_MAX + 32)
struct gba_av { uint8_t xres[GBA_XRES_MAX], ck[16], ik[16]; uint8_t xres_n; };
void gba_av_wipe(struct gba_av *v);
/* From XRES || CK || IK. False when that is none. */
MST_MUST_CHECK bool gba_av_read(struct mst_view v, struct gba_av *ret_v);
/* What an answer says of itself; method, body and password are not the peer's to say. */
struct gba_claim {
	enum gba_algorithm algorithm;        /* the challenge's */
	enum gba_qop qop;
	struct mst_view username, realm, nonce, nc, cnonce, uri, response;
};
/* Is `response` the one of a GET with this body by a UE that knows XRES? 0, GBA_MISMATCH, fault. */
MST_MUST_CHECK int gba_prove(struct mst_crypto *c, const struct gba_av *v, const struct gba_claim *q, struct mst_view body);
/* Authentication-Info's proof that the BSF knew XRES, over the answer's body (RFC 2617 3.2.3: without a method). 0 or a fault. */
MST_MUST_CHECK int gba_rspauth(struct mst_crypto *c, const struct gba_av *v, const struct gba_claim *q, struct mst_view body,
			       char ret_hex[GBA_DIGEST_HEX]);

/* --- an answer to it --- */

enum gba_judgement {
	GBA_JUDGE_GRANTED,
	GBA_JUDGE_REPEATED,          /* the very same answer as before: the same session again (the BSF's clock has moved) */
	GBA_JUDGE_RESYNC,            /* `auts` goes to the HSS with the record's RAND */
	GBA_JUDGE_RESYNC_LIMIT,      /* not again: GBA_RESYNCS_MAX of them did not help, and each costs the HSS a vector */
	GBA_JUDGE_WRONG,             /* RES is not the one: counts against the subscriber (lock-out is the role's) */
	GBA_JUDGE_STALE,             /* used up, or too old: a new challenge with stale=true */
	GBA_JUDGE_MISMATCH,          /* not an answer to this challenge: other name, opaque, algorithm, qop, nc */
	GBA_JUDGE_PROVE,             /* all of it is the challenge's: RES decides, gba_prove() and then gba_run_proven() */
	GBA_JUDGE__COUNT
};
const char *gba_judgement_text(enum gba_judgement j);        /* "wrong-res" */
/*
 * As far as it goes without the secret half: never GRANTED. With RESYNC_LIMIT the record moves to SPENT (keep it before the
 * answer leaves), else it does not change: a guess, or an AUTS that nobody has judged yet, must not take a challenge from the
 * subscriber. A RESYNC that the HSS finds genuine ends it. `d` (may be NULL) says which field. Returns 0 or a fault.
 */
MST_MUST_CHECK int gba_run_match(struct mst_crypto *c, struct gba_run *r, const struct gba_ask *a, const char *realm, mst_time now,
				 enum gba_judgement *ret_j, struct mst_diag *d);
struct gba_claim gba_claim_of(const struct gba_run *r, const struct gba_ask *a);
/* After PROVE: the record moves to GRANTED, or stays as it was. GRANTED, or WRONG. */
enum gba_judgement gba_run_proven(struct gba_run *r, const struct gba_ask *a, bool right);

/* --- what comes of it --- */

struct gba_session {                         /* what the store keeps until `expires`; found by `btid` */
	char btid[MST_BTID_MAX], impi[MST_ID_MAX], tmpi[MST_ID_MAX];        /* tmpi "": none */
	uint8_t rnd[GBA_RAND];
	bool in_card;
	mst_time created, expires;
};
/* Of a record that is GRANTED, or will be when its answer has been proven; without TMPI, which is made of Ks (gba_tmpi(); a UE
 * with GBA_U has no Ks to make one from). `lifetime` seconds, kept between GBA_LIFETIME_MIN and GBA_LIFETIME_MAX. False: the BSF's
 * name is none. */
MST_MUST_CHECK bool gba_session_open(const struct gba_run *r, const char *bsf, int64_t lifetime, mst_time now, struct gba_session *ret_s);
/* Zn: keys for one NAF from a session's Ks, `uicc` empty unless GBA_U. Does not look at the clock. 0, GBA_BAD (NAF_Id), fault. */
struct gba_naf_keys { struct mst_key me, uicc; };
void gba_naf_keys_wipe(struct gba_naf_keys *k);
MST_MUST_CHECK int gba_naf_keys_make(struct mst_crypto *c, const uint8_t ks[GBA_KS], const uint8_t rnd[GBA_RAND], struct mst_view impi,
				     struct mst_view naf_id, bool in_card, struct gba_naf_keys *ret_k);

/* --- whole answers --- */

/* The header lines of messages 2 and 4 that are Ub's own, each with its line end. */
void gba_put_401_lines(const struct gba_run *r, const char *realm, bool stale, struct mst_writer *w);
void gba_put_200_lines(const struct gba_run *r, const struct gba_session *s, const struct gba_ask *a, const char *rspauth, bool server_tmpi,
		       struct mst_writer *w);
/* Message 2. `stale`: the one before was right, but too late. */
void gba_put_401(const struct gba_run *r, const char *realm, bool stale, struct mst_writer *w);
/* What goes into Extension besides the time (codec/bsf-info.h); each may be empty. */
struct gba_briefing { struct mst_view instructions, configuration; };
/*
 * Message 4: rspauth over the body exactly as it is written. `briefing` may be NULL.
 * `server_tmpi`: say that TMPI is understood here. `w` has room for the body twice: it is hashed where it was first written. 0 or a fault; what does not fit latches `w`.
 */
MST_MUST_CHECK int gba_put_200(struct mst_crypto *c, const struct gba_run *r, const struct gba_av *v, const struct gba_session *s,
			       const struct gba_ask *a, const struct gba_briefing *briefing, bool server_tmpi, mst_time now, struct mst_writer *w);
/* Anything else, with one line of plain text. `retry_after` 0 = none. */
void gba_put_refusal(int status, int retry_after, const char *text, struct mst_writer *w);

#endif
