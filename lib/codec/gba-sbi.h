/*
 * GBA over the service based interface: what BSF, HSS and NAF say to one another in JSON over HTTP (TS 29.309 Nbsp_GBA,
 * TS 29.562 Nhss_gbaUEAU and Nhss_gbaSDM, TS 29.503 Nudm_UEAU). It is also the one language inside: the Diameter binding
 * translates to it. PURE.
 *
 * Members that we do not know are skipped, as 3GPP wants it; what we do know is judged strictly. Hex is read in either case
 * and written in lower case.
 *
 * Keys. A message that carries one is read into a struct mst_key of the caller's, who wipes that, the input and the arena
 * (an escaped text is unescaped there). No error text repeats a digit of it. An answer is written with holes instead: its key
 * members are empty texts, and `hole` says which octets of the secret go where, in rising order, so that only the process at
 * the wire has it in clear.
 */
#ifndef MST_CODEC_GBA_SBI_H
#define MST_CODEC_GBA_SBI_H

#include "base/secret.h"
#include "codec/guss.h"
#include "codec/ident.h"
#include "codec/msg.h"

#define MST_SBI_ARENA 8192              /* enough for each of the messages */
#define MST_SBI_UA 5
#define MST_SBI_RAND 16
#define MST_SBI_AUTS 14
#define MST_SBI_GSIDS_MAX 16
#define MST_SBI_PROBLEM "application/problem+json"

/* Octets [from, from + n) of the secret go as hex into the content, between the octets at - 1 and at. */
struct mst_sbi_hole { uint32_t at; uint8_t from, n; };
#define MST_SBI_HOLES 3
/* The content with its holes filled. Latches `w` when a hole is out of place or the secret too short. */
void mst_sbi_fill(struct mst_view content, const struct mst_sbi_hole *h, size_t n, struct mst_view secret, struct mst_writer *w);

/* --- what is called --- */

enum mst_sbi_call {
	MST_SBI_ZN_INFO,        /* POST /nbsp-gba/v1/bootstrapping-info-retrieval */
	MST_SBI_ZH_AUTH,        /* POST /nhss-gba-ueau/v1/{ueId}/security-information/generate-auth-data */
	MST_SBI_ZH_SDM,         /* GET /nhss-gba-sdm/v1/{ueId}/subscriber-data */
	MST_SBI_UDM_AV,         /* POST /nudm-ueau/v1/{supi}/gba-security-information/generate-av */
	MST_SBI_CALL__COUNT
};
const char *mst_sbi_method(enum mst_sbi_call c);      /* "POST" */
/* How a subscriber is named in a path: `impi-` and the IMPI, percent-encoded, and so on. */
enum mst_sbi_ue { MST_SBI_UE_IMPI, MST_SBI_UE_IMSI, MST_SBI_UE_MSISDN, MST_SBI_UE_IMPU };
struct mst_sbi_route { enum mst_sbi_call call; enum mst_sbi_ue kind; char ue_id[MST_ID_MAX]; /* without its prefix; "" on Zn */ };

enum mst_sbi_outcome { MST_SBI_NO_SUCH = 1 /* path */, MST_SBI_BAD_UE /* the subscriber's name in it */ };
/* `path` behind the API root; a query string is not looked at. 0 or an outcome. */
MST_MUST_CHECK int mst_sbi_route(struct mst_view path, struct mst_sbi_route *ret_r);
void mst_sbi_put_path(struct mst_writer *w, const struct mst_sbi_route *r);

/* --- the tables, for documents and tests; the functions below are what programs use --- */

extern const struct mst_msg mst_zn_ask_msg, mst_zn_answer_msg, mst_zh_ask_msg, mst_zh_answer_msg, mst_udm_ask_msg, mst_udm_answer_msg,
	mst_sdm_answer_msg, mst_uss_list_msg, mst_problem_msg;

/* All readers: 0 or an enum mst_msg_outcome, and then `d` (may be NULL) names the member and what would be right. */

/* --- Zn --- */

struct mst_zn_ask {
	struct mst_view btid, naf_fqdn;
	uint8_t ua[MST_SBI_UA];
	bool in_card_aware;              /* gbaUAware */
	uint32_t gsid[MST_SBI_GSIDS_MAX];
	size_t n_gsids;
};
MST_MUST_CHECK int mst_zn_ask_read(struct mst_view in, struct mst_arena *a, struct mst_zn_ask *ret, struct mst_diag *d);
void mst_zn_ask_write(const struct mst_zn_ask *m, struct mst_writer *w);

enum mst_gba_type { MST_GBA_3G = 1, MST_GBA_2G, MST_GBA_DIGEST };
struct mst_zn_answer {
	bool has_int;                    /* Ks_int_NAF is there, too */
	bool has_expiry, has_created;
	mst_time expiry, created;
	enum mst_gba_type type;          /* 0: not said */
	struct mst_view impi;            /* may be empty */
	const struct mst_guss *uss;      /* may be NULL */
};
/* Secret: Ks_(ext_)NAF || [Ks_int_NAF]. `ret_uss`: the list, its views as those of *ret; ret->uss points to it. */
MST_MUST_CHECK int mst_zn_answer_read(struct mst_view in, struct mst_arena *a, struct mst_zn_answer *ret, struct mst_guss *ret_uss,
				      struct mst_key *ret_secret, struct mst_diag *d);
/* How many holes. */
size_t mst_zn_answer_write(const struct mst_zn_answer *m, struct mst_writer *w, struct mst_sbi_hole hole[MST_SBI_HOLES]);

/* --- Zh --- */

struct mst_zh_ask { bool resync; uint8_t rnd[MST_SBI_RAND], auts[MST_SBI_AUTS]; };
/* DIGEST_AKAV1_MD5 is the one scheme. `call`: MST_SBI_ZH_AUTH or MST_SBI_UDM_AV. */
MST_MUST_CHECK int mst_zh_ask_read(enum mst_sbi_call call, struct mst_view in, struct mst_arena *a, struct mst_zh_ask *ret, struct mst_diag *d);
void mst_zh_ask_write(enum mst_sbi_call call, const struct mst_zh_ask *m, struct mst_writer *w);

struct mst_zh_answer {
	struct mst_view impi;            /* may be empty, as in the UDM's it always is */
	uint8_t rnd[MST_SBI_RAND], autn[MST_SBI_RAND];
	uint8_t xres_n;                  /* 4 to 16 */
};
/* Secret: XRES || CK || IK. */
MST_MUST_CHECK int mst_zh_answer_read(enum mst_sbi_call call, struct mst_view in, struct mst_arena *a, struct mst_zh_answer *ret,
				      struct mst_key *ret_secret, struct mst_diag *d);
size_t mst_zh_answer_write(enum mst_sbi_call call, const struct mst_zh_answer *m, struct mst_writer *w, struct mst_sbi_hole hole[MST_SBI_HOLES]);

/* --- user security settings --- */

/* Whole body of gbaSDM subscriber-data, {"guss": …}. JSON has no impi: empty when read, not written. */
MST_MUST_CHECK int mst_guss_read_json(struct mst_view in, struct mst_arena *a, struct mst_guss *ret, struct mst_diag *d);
void mst_guss_write_json(const struct mst_guss *g, struct mst_writer *w);
/* What a NAF gets, {"ussList": […]}. */
MST_MUST_CHECK int mst_uss_list_read_json(struct mst_view in, struct mst_arena *a, struct mst_guss *ret, struct mst_diag *d);
void mst_uss_list_write_json(const struct mst_guss *g, struct mst_writer *w);

/* --- problems (RFC 7807, TS 29.571) --- */

struct mst_problem {
	uint32_t has;                    /* bit of each member, in this order */
	struct mst_view title;
	int64_t status;
	struct mst_view detail, cause;
};
MST_MUST_CHECK int mst_problem_read(struct mst_view in, struct mst_arena *a, struct mst_problem *ret, struct mst_diag *d);
/* `status` 0, and `detail`, `cause` NULL or "" are left out. What is no text that a person can be shown is left out, too. */
void mst_problem_write(struct mst_writer *w, int status, const char *title, const char *detail, const char *cause);

#endif
