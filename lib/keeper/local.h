/* The keeper in this process, for the files that it is made of. Inside lib/keeper only. */
#ifndef MST_KEEPER_LOCAL_H
#define MST_KEEPER_LOCAL_H

#include "keeper/channel.h"
#include "keeper/files.h"
#include "keeper/responder.h"

enum keeper_guarded { KEEPER_NOTHING, KEEPER_ROTATE, KEEPER_ACCEPT };    /* bits: MST_GUARD_* */
#define RATE_SLOTS 60                   /* seconds of the minute */

/* All of it in pages that are neither swapped nor dumped. */
struct local {
	struct mst_keeper k;
	struct mst_crypto *c;
	struct keeper_kek wrap[KEKS_MAX]; /* their keys for wrapping, the newest first */
	size_t n_wrap;
	struct keeper_kek spare;          /* the next one, of a device */
	struct keeper_kek unsealed;       /* the newest, until the CA's key is sealed by it; gen 0: it is */
	bool in_device;                   /* new ones are */
	struct keeper_files files;
	struct mst_ca_holder ca;          /* of a CA key in a device */
	struct mst_keeper_ca ca_state;
	mst_ms ca_asked;                  /* when, last; 0: never */
	struct responder responder;
	int dir;                          /* of its files, for as long as it is open */
	struct mst_log_seal seal;         /* the last of the audit log */
	struct mst_channel channel[MST_CHANNELS_MAX];
	size_t n_channels;
	struct mst_keeper_counts counts;
	struct mst_keeper_certifies certifies;
	struct mst_four_eyes four;
	struct keeper_used { uint8_t nonce[MST_TICKET_NONCE]; mst_time until; } used[64];
	mst_time heard;                   /* the latest time that a statement told */
	mst_time stood;                   /* when the last person stood for another audit log: said once, it is not heard again */
	enum keeper_guarded armed;        /* somebody has just said yes to it */
	mst_ms armed_until;
	mst_ms (*now)(void);              /* NULL: nothing is counted by the minute */
	mst_ms spent;                     /* the second since when the minute counts as full; 0: it does not */
	struct keeper_rate {
		uint32_t slot[RATE_SLOTS];
		mst_ms second, alarmed, refused;  /* newest slot; last alarm, last refusal that was told: seconds of `now`, 0 never */
		struct mst_keeper_rate_state s;
	} rate[MST_RATE__COUNT];
};

static inline struct local *keeper_of(struct mst_keeper *k)
{
	return (struct local *)k;
}

/* keeper-local.c */
int keeper_refuse(struct local *l, enum mst_keeper_outcome why);                    /* counts it */
bool keeper_id_usable(const char *id);
const struct mst_channel *keeper_channel_of(const struct local *l, uint32_t id);   /* NULL: there is none */
bool keeper_gets(enum mst_key_purpose p, const struct mst_channel *ch);            /* may its process have keys of that purpose? */
/* A key that is of that purpose, or was made of one, as it leaves: for the use that the purpose has, and no other. */
MST_MUST_CHECK int keeper_seal_for(struct local *l, const struct mst_channel *ch, enum mst_key_purpose p, const struct mst_key *key,
				   struct mst_wrapped *ret_s);
bool keeper_authorised(const struct mst_authorisation *a, int what, const char *key_id);
MST_MUST_CHECK int keeper_wrap(struct local *l, const struct mst_key *k, enum mst_key_purpose p, const char *key_id,
			       struct mst_wrapped *ret_w);
/* 0, FORGED or a fault. */
MST_MUST_CHECK int keeper_unwrap(struct local *l, const struct mst_wrapped *w, enum mst_key_purpose p, const char *key_id,
				 struct mst_key *ret_k);

/* Is this a trigger, to be checked with that key? */
bool keeper_is_trigger(struct local *l, const char *key_id, struct mst_view body);
/* Its MAC, under the trigger key of that root key. */
MST_MUST_CHECK int keeper_trigger_mac(struct local *l, const struct mst_key *root, const char *key_id, const char *node_id,
				      struct mst_view body, uint8_t ret_mac[MST_TRIGGER_MAC]);

/* rates.c. Before: 0 or BUSY. After it was given: count it. */
MST_MUST_CHECK int keeper_rate_ask(struct local *l, enum mst_keeper_rate what);
void keeper_rate_count(struct local *l, enum mst_keeper_rate what);
/* Of keys of that purpose; MST_RATE__COUNT: they are never given as they are. */
enum mst_keeper_rate keeper_rate_of(enum mst_key_purpose p);
int keeper_rates(struct mst_keeper *k, struct mst_keeper_rates *ret);

/* keeper-aka.c. A SIM as it was given in to what is kept: OPc or TOPc instead of OP or TOP. 0, DENIED or a fault. */
MST_MUST_CHECK int keeper_sim_take(struct mst_crypto *c, struct mst_key *k);
int keeper_aka_vector(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *sim, const char *key_id,
		      uint64_t sqn, const uint8_t amf[2], uint32_t to, struct mst_vector *ret_v);
int keeper_aka_resync(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *sim, const char *key_id,
		      const uint8_t rnd[16], const uint8_t auts[14], uint64_t *ret_sqn_ms);

/* keeper-rotate.c */
/* What wraps, of a key-encryption key. */
MST_MUST_CHECK int keeper_kek_ready(struct local *l, const struct keeper_kek *k, struct keeper_kek *ret);
int keeper_generations(struct mst_keeper *k, struct mst_keeper_generations *ret);
int keeper_rotate(struct mst_keeper *k, uint32_t *ret_gen);
int keeper_rewrap(struct mst_keeper *k, const struct mst_wrapped *w, enum mst_key_purpose p, const char *key_id, struct mst_wrapped *ret_w);
int keeper_retire(struct mst_keeper *k, uint32_t gen);

/* keeper-ca.c. The CA's signer for one use, which takes what signing gave: 0, AWAY, or a fault. */
struct keeper_ca_signer { struct mst_signer *signer, device; struct mst_local_signer here; struct local *l; int away; };
MST_MUST_CHECK int keeper_ca_signer(struct local *l, struct keeper_ca_signer *s);
MST_MUST_CHECK int keeper_ca_signer_end(struct keeper_ca_signer *s, int r);
int keeper_ca_state(struct mst_keeper *k, struct mst_keeper_ca *ret);

/* responder.c. Is there one whose certificate is good for half of its life at least? Else one is made, when the CA's key signs: an older one
 * serves to its end. 0, AWAY, or a fault. */
MST_MUST_CHECK int responder_ready(struct local *l, mst_time now);

/* keeper-leave.c. allowed: no four eyes for it, or a yes, which is used. */
int keeper_leave_ask(struct mst_keeper *k, const struct mst_said *q, struct mst_ticket *ret_t);
int keeper_leave_give(struct mst_keeper *k, const struct mst_said *yes, struct mst_view request, const struct mst_wrapped *ticket);
int keeper_leave_own(struct mst_keeper *k, const struct mst_said *q);
bool keeper_allowed(struct local *l, enum keeper_guarded op);

/* keeper-log.c */
MST_MUST_CHECK int keeper_log_open(struct local *l, struct mst_diag *d);
int keeper_seal_log(struct mst_keeper *k, struct mst_log_seal *s, bool anew);
int keeper_last_seal(struct mst_keeper *k, struct mst_log_seal *ret_s);

/* keeper-gba.c */
int keeper_gba_star(struct mst_keeper *k, const struct mst_wrapped *av, const char *btid, uint8_t autn[GBA_AUTN]);
int keeper_gba_answer(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *av, const char *btid,
		      const struct mst_ub *q, struct mst_ub_answer *ret_a);
int keeper_gba_naf_keys(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *ks, const char *btid,
			const char *impi, struct mst_view naf_id, bool in_card, uint32_t to, struct mst_wrapped *ret_sealed);
int keeper_gba_trigger(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *ks, const struct mst_gba_trigger *q,
		       uint8_t ret_mac[MST_TRIGGER_MAC]);

#endif
