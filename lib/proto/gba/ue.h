/*
 * The UE's side of Ub (TS 24.109 4): one bootstrapping run against a BSF. A pure state machine: the shell opens the
 * connection, sends what gba_ue_request() gives, feeds answers, and runs the card; time and randomness are inputs.
 *
 *   ASKING     GET with the identity alone          401: a challenge              → CARD
 *   CARD       the shell runs AUTHENTICATE          RES (and CK, IK, or not)      → ANSWERING
 *                                                   AUTS                          → RESYNCING
 *                                                   MAC failure                   → FAILED: nothing is sent (24.109 4.4)
 *   ANSWERING  GET with the response                200, rspauth right            → DONE
 *   RESYNCING  GET with auts, empty password        401: a new challenge          → CARD
 *
 * GBA_ME and GBA_U look the same here: with GBA_U the card keeps CK and IK, and so Ks, and gives RES alone (trap 10).
 * An identity that is a TMPI and is rejected is replaced by the IMPI, once.
 * Of the answer nothing counts before rspauth has been checked; instructions and configuration only when it was.
 */
#ifndef MST_PROTO_GBA_UE_H
#define MST_PROTO_GBA_UE_H

#include "base/time.h"
#include "proto/gba/digest.h"
#include "proto/gba/keys.h"

#define GBA_CNONCE 16
#define GBA_REQUEST_OCTETS 2560
#define GBA_RETRY_MAX (30 * 86400)

enum gba_ue_state { GBA_UE_ASKING, GBA_UE_CARD, GBA_UE_ANSWERING, GBA_UE_RESYNCING, GBA_UE_DONE, GBA_UE_LATER, GBA_UE_FAILED, GBA_UE_STATE__COUNT };
const char *gba_ue_state_text(enum gba_ue_state s);

enum gba_failure {
	GBA_FAIL_NONE,
	GBA_FAIL_UNREACHABLE,        /* lost, or no answer in time */
	GBA_FAIL_IDENTITY,           /* the BSF does not know the IMPI (403, 404) */
	GBA_FAIL_REFUSED,            /* RES was not taken, or another refusal */
	GBA_FAIL_NETWORK,            /* the challenge is not from who shares K: MAC failure. Say so loudly */
	GBA_FAIL_AMF,                /* the challenge is for another kind of access: `strict_amf` */
	GBA_FAIL_SYNC,               /* the card refused again after as many resynchronisations as are allowed */
	GBA_FAIL_CARD,               /* no card, PIN, no application: the shell's words */
	GBA_FAIL_PROTOCOL,           /* malformed, or not what was asked for */
	GBA_FAIL_RSPAUTH,            /* the answer is not the BSF's */
	GBA_FAIL_INTERNAL,
	GBA_FAIL__COUNT
};
const char *gba_failure_text(enum gba_failure f);    /* "network-authentication" */

/* Reads BootstrappingInfo; the texts go into `a`. As mst_xml_bsf_info() (lib/xml): 0, positive = malformed, or a fault. */
typedef int gba_read_info(struct mst_view body, struct mst_arena *a, struct mst_bsf_info *ret_i, struct mst_diag *d);

struct gba_ue_config {               /* texts are copied; `crypto`, `read_info` and `info` are borrowed until the end */
	struct mst_crypto *crypto;
	gba_read_info *read_info;
	/* Instead of it: the same with a word of whoever reads. */
	int (*read_with)(void *ctx, struct mst_view body, struct mst_arena *a, struct mst_bsf_info *ret_i, struct mst_diag *d);
	void *read_ctx;
	struct mst_arena info;       /* MST_BSF_INFO_OCTETS, for the texts of the answer */
	const char *impi;
	const char *tmpi;            /* of the run before, or NULL */
	const char *host;            /* Host header: name, with the port when that is not the scheme's */
	const char *bsf;             /* the realm that is expected: the BSF's FQDN. NULL: any, for BSFs that say another */
	const char *path;            /* NULL = "/" */
	const char *agent;           /* product for User-Agent, "muster-agent" */
	bool no_tmpi;                /* do not announce that TMPI is understood */
	bool akav2;                  /* take AKAv2-MD5 too (RFC 4169); 3GPP has AKAv1 only */
	bool without_rspauth;        /* go on when there is none (some open BSFs); a wrong one is never gone on with */
	bool strict_amf;             /* refuse a challenge that is for EPS or 5G alone (AMF; trap 11), before the card is asked */
	unsigned resyncs;            /* 0 = 2 */
	mst_ms answer_ms;            /* 0 = 15 s */
};

/* What a run yields. Ks is 32 octets, or 0 when the card keeps it (GBA_U). Wipe it. */
struct gba_context {
	char btid[MST_BTID_MAX], impi[MST_ID_MAX], tmpi[MST_ID_MAX];        /* tmpi "": none for the next run */
	uint8_t rnd[GBA_RAND];
	struct mst_key ks;
	bool in_card, authenticated;         /* rspauth was right, and the body was under it (auth-int) */
	mst_time expires;                    /* by the BSF's clock */
	mst_time bsf_time;                   /* the BSF's clock; 0 = not said, or not authenticated */
	int64_t remaining;                   /* seconds from the answer; -1 = not to be told without a clock */
	/* JSON, in the arena; only when authenticated: a sequence, and what the node is to be called and where it belongs */
	struct mst_view instructions, configuration;
};
void gba_context_wipe(struct gba_context *x);

struct gba_ue {
	struct gba_ue_config cfg;
	char impi[MST_ID_MAX], tmpi[MST_ID_MAX], host[MST_ID_MAX + 8], bsf[MST_ID_MAX], path[MST_ID_MAX], agent[64];
	enum gba_ue_state state;
	enum gba_failure failure;
	bool with_tmpi, to_send, bsf_tmpi;
	unsigned resyncs, stales;
	mst_ms deadline;
	int64_t retry_after;                 /* LATER: seconds */
	/* the challenge as it stood, for the echo and for checking the answer */
	char realm[GBA_VALUE_MAX + 1], nonce[GBA_VALUE_MAX + 1], opaque[GBA_VALUE_MAX + 1];
	bool has_opaque;
	enum gba_algorithm algorithm;
	enum gba_qop qop;
	uint8_t rnd[GBA_RAND], autn[GBA_AUTN];
	char cnonce[2 * GBA_CNONCE + 1];
	uint8_t password[GBA_PASSWORD_MAX];
	size_t password_n;
	struct gba_context result;
	uint8_t out[GBA_REQUEST_OCTETS];
	size_t out_n;
	char detail[160];
};

/* False when a text does not fit, or an identity cannot stand in a header. */
MST_MUST_CHECK bool gba_ue_init(struct gba_ue *u, const struct gba_ue_config *c, mst_ms now);
void gba_ue_deinit(struct gba_ue *u);        /* wipes */

/* The whole HTTP request to send, or an empty view; then gba_ue_sent(). */
struct mst_view gba_ue_request(const struct gba_ue *u);
void gba_ue_sent(struct gba_ue *u);
/* `utc` 0 = the clock is not known. */
void gba_ue_feed(struct gba_ue *u, const struct mst_http_msg *m, mst_ms now, mst_time utc);

/* CARD: what AUTHENTICATE is run with, and what it said. */
struct gba_ue_challenge { const uint8_t *rnd, *autn; };
struct gba_ue_challenge gba_ue_challenge(const struct gba_ue *u);
enum gba_card { GBA_CARD_OK, GBA_CARD_SYNC, GBA_CARD_MAC, GBA_CARD_FAILED };
struct gba_card_answer {
	uint8_t res[32], ck[16], ik[16], auts[GBA_AUTS];
	uint8_t res_n;
	bool has_keys;               /* GBA_ME: CK and IK are here. GBA_U: they stay in the card */
	const char *words;           /* GBA_CARD_FAILED: what is wrong, for people */
};
/* `cnonce`: fresh random octets. */
void gba_ue_card(struct gba_ue *u, enum gba_card what, const struct gba_card_answer *a, const uint8_t cnonce[GBA_CNONCE], mst_ms now);

void gba_ue_lost(struct gba_ue *u, const char *detail);
void gba_ue_tick(struct gba_ue *u, mst_ms now);
bool gba_ue_ended(const struct gba_ue *u);

#endif
