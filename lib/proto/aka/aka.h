/*
 * UMTS AKA (TS 33.102 6.3) for both ends: the authentication centre and the USIM. PURE: subscriber key, RAND and SQN in,
 * vectors and verdicts out. Two sets of functions: Milenage (TS 35.206) on the crypto port's AES-128, and TUAK (TS 35.231)
 * on our own Keccak (keccak.h).
 *
 *   AuC    aka_sqn_next()  → keep it durably → aka_vector_make() → give the vector out
 *          a synchronisation failure comes back: aka_auts_check() → aka_sqn_resync() → keep → a new vector
 *   USIM   aka_usim_run(): checks MAC, then SQN; makes RES, CK, IK, or AUTS → keep the counters → answer
 *
 * The counters are the caller's to keep before anything leaves (a crash may lose a number, never use it twice).
 * Everything secret that a function needed for itself is wiped; what it returns is the caller's to wipe.
 */
#ifndef MST_PROTO_AKA_H
#define MST_PROTO_AKA_H

#include "base/diag.h"
#include "crypto/crypto.h"

#define AKA_RAND 16
#define AKA_SQN 6
#define AKA_AMF 2
#define AKA_AK 6
#define AKA_MAC 8                    /* as AUTN and AUTS have room for */
#define AKA_AUTN 16                  /* (SQN xor AK) || AMF || MAC-A */
#define AKA_AUTS 14                  /* (SQN_MS xor AK*) || MAC-S */
#define AKA_LONG 32                  /* of any key or output of TUAK */

enum aka_outcome {
	AKA_BAD_KEYS = 1,            /* lengths that the algorithm does not have */
	AKA_MAC_FAILURE,             /* not from who shares K, or changed on the way */
	AKA_SYNC_FAILURE,            /* genuine, but SQN was seen before or is too far ahead: AUTS was made */
	AKA_SQN_EXHAUSTED,           /* no sequence number is left: the card must be replaced */
};

/* --- subscribers --- */

enum aka_algorithm { AKA_MILENAGE = 1, AKA_TUAK = 2 };
const char *aka_algorithm_text(enum aka_algorithm a);        /* "milenage", "tuak" */

/*
 * K with what the operator set beside it. The lengths are octets: Milenage knows K 16, top 16, MAC 8, RES 4 to 8 (shorter
 * ones are cut), CK and IK 16; TUAK knows K 16 or 32, top 32, MAC 8, 16, 32, RES 4, 8, 16, 32, CK and IK 16 or 32.
 */
struct aka_keys {
	enum aka_algorithm algorithm;
	uint8_t k[AKA_LONG];
	uint8_t top[AKA_LONG];       /* OPc or TOPc; never OP or TOP: see aka_keys_derive_top() */
	uint8_t k_n, mac_n, res_n, ck_n, ik_n;
	uint8_t times;               /* TUAK: permutations, 1 to 255 */
};
/* Milenage with an OPc, or TUAK with a TOPc, and the usual lengths: MAC 8, RES 8, CK and IK 16. `top` may be empty. */
MST_MUST_CHECK int aka_keys_set(struct aka_keys *ret_k, enum aka_algorithm a, struct mst_view k, struct mst_view top);
/* From OP (16 octets) or TOP (32). Outcomes: AKA_BAD_KEYS. */
MST_MUST_CHECK int aka_keys_derive_top(struct mst_crypto *c, struct aka_keys *k, struct mst_view op);
/* 0 or AKA_BAD_KEYS, with `d` saying which length and what would be right. */
MST_MUST_CHECK int aka_keys_check(const struct aka_keys *k, struct mst_diag *d);
void aka_keys_wipe(struct aka_keys *k);

/* --- the functions f1 to f5* themselves --- */

enum aka_want {
	AKA_WANT_F1 = 1,             /* MAC-A */
	AKA_WANT_F1S = 2,            /* MAC-S */
	AKA_WANT_F2345 = 4,          /* RES, CK, IK, AK */
	AKA_WANT_F5S = 8,            /* AK* */
};
struct aka_out {
	uint8_t mac_a[AKA_LONG], mac_s[AKA_LONG], res[AKA_LONG], ck[AKA_LONG], ik[AKA_LONG];
	uint8_t ak[AKA_AK], ak_s[AKA_AK];
};
/* Only what is wanted is set. `sqn` and `amf` may be NULL when no f1 is. Outcomes: AKA_BAD_KEYS. */
MST_MUST_CHECK int aka_compute(struct mst_crypto *c, const struct aka_keys *k, const uint8_t rnd[AKA_RAND],
			       const uint8_t sqn[AKA_SQN], const uint8_t amf[AKA_AMF], unsigned want, struct aka_out *ret_o);

/* --- vectors and tokens --- */

struct aka_vector {
	uint8_t rnd[AKA_RAND], autn[AKA_AUTN];
	uint8_t xres[AKA_LONG], ck[AKA_LONG], ik[AKA_LONG];
	uint8_t xres_n, ck_n, ik_n;
};
void aka_vector_wipe(struct aka_vector *v);

/* AKA_BAD_KEYS also when MAC is not 8 octets: AUTN has no room for more. `sqn` below 2^48. */
MST_MUST_CHECK int aka_vector_make(struct mst_crypto *c, const struct aka_keys *k, const uint8_t rnd[AKA_RAND], uint64_t sqn,
				   const uint8_t amf[AKA_AMF], struct aka_vector *ret_v);
/*
 * Is it of a vector for EPS or 5G alone? AMF stands in clear in AUTN, and as clear in AUTN*; its first bit separates
 * (TS 33.102 annex H). A vector for GBA has it clear.
 */
#define AKA_AMF_SEPARATION 0x80
static inline bool aka_amf_separated(const uint8_t autn[AKA_AUTN])
{
	return autn[AKA_SQN] & AKA_AMF_SEPARATION;      /* here, for libmuster, which has no AKA in it */
}
/* USIM: AUTS for the highest number that it accepted. MAC-S is over AMF 0000, whatever the challenge said. */
MST_MUST_CHECK int aka_auts_make(struct mst_crypto *c, const struct aka_keys *k, const uint8_t rnd[AKA_RAND], uint64_t sqn_ms,
				 uint8_t ret_auts[AKA_AUTS]);
/* AuC: `rnd` is the one that it sent. 0, AKA_MAC_FAILURE, AKA_BAD_KEYS. */
MST_MUST_CHECK int aka_auts_check(struct mst_crypto *c, const struct aka_keys *k, const uint8_t rnd[AKA_RAND],
				  const uint8_t auts[AKA_AUTS], uint64_t *ret_sqn_ms);

/* --- sequence numbers (TS 33.102 annex C): SQN = SEQ || IND --- */

#define AKA_SQN_BITS 48
#define AKA_SQN_MAX ((UINT64_C(1) << AKA_SQN_BITS) - 1)
#define AKA_IND_BITS 5               /* usual, and the most that are possible here */
#define AKA_IND_COUNT (1u << AKA_IND_BITS)
#define AKA_DELTA (UINT64_C(1) << 28)

uint64_t aka_sqn_get(const uint8_t sqn[AKA_SQN]);
void aka_sqn_put(uint64_t x, uint8_t sqn[AKA_SQN]);

/*
 * AuC: the next number of the index that belongs to a domain (C.3.2 with one fixed index a domain, so that vectors for
 * GBA do not disturb those for the mobile's other domains). `last` is the highest number given out in any domain.
 * 0 or AKA_SQN_EXHAUSTED.
 */
MST_MUST_CHECK int aka_sqn_next(uint64_t last, unsigned ind_bits, unsigned ind, uint64_t *ret_next);

/*
 * AuC, after aka_auts_check(): what `last` is to be. Unchanged when the next number would be taken anyway, so an old AUTS
 * that is sent again moves nothing. AKA_RESYNC_BACK: the card's limit (`delta`, 0 = none) lies below `last`, and only
 * going back would help; the number is told, but what was given out already must not be used again for a card without
 * that limit, so it is for the caller to allow (and to write down), never by itself.
 */
enum aka_resync { AKA_RESYNC_KEPT = 0, AKA_RESYNC_FORWARD = 1, AKA_RESYNC_BACK = 2 };
MST_MUST_CHECK enum aka_resync aka_sqn_resync(uint64_t last, uint64_t sqn_ms, unsigned ind_bits, uint64_t delta, uint64_t *ret_last);

/* USIM: the highest SEQ that was accepted at each index, and the highest number of all. All zero on a new card. */
struct aka_usim {
	unsigned ind_bits;           /* 0 to AKA_IND_BITS; 0 = one counter that must rise */
	uint64_t delta;              /* C.2.1: how far SEQ may jump; 0 = as far as it likes */
	uint64_t age;                /* C.2.2: how far below the highest SEQ another index may be; 0 = any */
	uint64_t seq[AKA_IND_COUNT];
	uint64_t highest;            /* SQN_MS */
};
bool aka_usim_fresh(const struct aka_usim *u, uint64_t sqn);
void aka_usim_accept(struct aka_usim *u, uint64_t sqn);

struct aka_answer {
	uint8_t res[AKA_LONG], ck[AKA_LONG], ik[AKA_LONG];
	uint8_t res_n, ck_n, ik_n;
	uint8_t auts[AKA_AUTS];      /* AKA_SYNC_FAILURE only */
};
void aka_answer_wipe(struct aka_answer *a);
/*
 * USIM: in the order of 6.3.3. On success the counters in `u` have moved and are to be kept before RES leaves; in every
 * other case they stand as they were and *ret_a holds nothing but AUTS. Outcomes: AKA_MAC_FAILURE, AKA_SYNC_FAILURE,
 * AKA_BAD_KEYS. What AMF says is not the card's to judge.
 */
MST_MUST_CHECK int aka_usim_run(struct mst_crypto *c, const struct aka_keys *k, struct aka_usim *u, const uint8_t rnd[AKA_RAND],
				const uint8_t autn[AKA_AUTN], struct aka_answer *ret_a);

/* Known answers (FIPS 197, FIPS 202, TS 35.207, TS 35.233), at the start of every program that does AKA: 0, or
 * MST_FAULT_CRYPTO with *ret_which naming the one that failed. */
MST_MUST_CHECK int aka_self_test(struct mst_crypto *c, const char **ret_which);

#endif
