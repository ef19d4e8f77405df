/*
 * Custody of the server's long-term keys (architecture 5.3). The keeper holds the key-encryption key
 * and the CA key; it wraps, unwraps for one use, derives and signs. It answers "derive" and "seal for
 * that process", never "give key".
 *
 * Two forms of ciphertext:
 *   wrapped  under the key-encryption key, bound to a purpose; what the store holds
 *   sealed   under the channel key of one other process (listener or connector), for one transfer
 *
 * The same ops exist in process (keeper-local.c) and over a link to the keeper process (keeper-remote.c).
 */
#ifndef MST_KEEPER_KEEPER_H
#define MST_KEEPER_KEEPER_H

#include "base/diag.h"
#include "base/time.h"
#include "codec/ident.h"
#include "codec/trigger.h"
#include "crypto/crypto.h"
#include "crypto/ocsp.h"
#include "proto/gba/bsf.h"

#define MST_WRAPPED_MAX 160          /* octets of any wrapped or sealed key */
#define MST_CHANNELS_MAX 64
#define MST_TBS_MAX (48 * 1024)      /* a revocation list of about 1000 entries */

struct mst_wrapped { uint8_t b[MST_WRAPPED_MAX]; uint16_t n; };

/* Generations of the key-encryption key (decision 0027). `before`: the one that is still needed, 0: none. */
#define MST_GENERATION_MAX 65535u
/* Tells one key from another of the same number, which comes again when the keeper's directory was brought back from a backup. It says nothing of the key. */
#define MST_GENERATION_MARK 16
struct mst_keeper_generations { uint32_t now, before; uint32_t kind /* of `now`: 0 a file, else enum mst_secenv_kind */; uint8_t mark[MST_GENERATION_MARK] /* of `now` */; };
/* Which one wrapped it; 0: it is nothing that a keeper wraps. */
uint32_t mst_wrapped_generation(const struct mst_wrapped *w);
/* What is wrapped with that generation begins with this, and nothing of another one does, so that a database can tell them apart. (In the first format, of the first one, it did not.) */
#define MST_WRAPPED_HEAD 3
void mst_wrapped_head(uint32_t generation, uint8_t ret[MST_WRAPPED_HEAD]);
/* How many octets the key in it has, which is no secret; 0: it is nothing that a keeper wraps. */
size_t mst_wrapped_octets(const struct mst_wrapped *w);
/* No key, or one of a generation that is there. */
static inline bool mst_keeper_has(const struct mst_keeper_generations *g, const struct mst_wrapped *w)
{
	uint32_t gen = w->n ? mst_wrapped_generation(w) : g->now;

	return gen && (gen == g->now || gen == g->before);
}

/* What a wrapped key may be used for; bound into the ciphertext, so a row cannot be passed off as another. */
enum mst_key_purpose {
	MST_PURPOSE_NONE,
	MST_PURPOSE_KPM,       /* maker's secret */
	MST_PURPOSE_KE,        /* MEF: enrolment key */
	MST_PURPOSE_KEYREG,    /* MEF or MAF: a registered key */
	MST_PURPOSE_KM,        /* MAF: master credential */
	MST_PURPOSE_SIM,       /* HSS: K with OPc or TOPc and their lengths (proto/aka/sim.h) */
	MST_PURPOSE_AV,        /* BSF: XRES || CK || IK of one vector; bound to the B-TID that its RAND gives */
	MST_PURPOSE_KS,        /* BSF: Ks, bound to its B-TID */
	MST_PURPOSE__COUNT
};

/*
 * Where the process that opens a released key puts it. The keeper binds the use into the seal, by the purpose alone; whoever opens says
 * where the key is about to go. So no key of a handshake gets into an answer, whatever an engine that was taken over makes of its box.
 *
 *   use         of                    opened
 *   HANDSHAKE   KPM, KM               by a PSK_ANSWER, for TLS, DTLS or HTTP Digest (server/listener.c: answered_psk)
 *   ANSWER      KE (derived), KEYREG  into an answer, as base64 (server/listener-answer.c: splice)
 *   VECTOR      AV                    into an HSS's answer (listener-answer.c: fill; server/diameter-serve.c: take_vector)
 *   NAF_KEYS    KS (keys for NAFs)    into a BSF's answer to a NAF (listener-answer.c: fill; diameter-serve.c: send_bia)
 *
 * No purpose has two uses. SIM has none, and nothing that leaves goes into a question to another server.
 */
enum mst_key_use { MST_USE_NONE, MST_USE_HANDSHAKE, MST_USE_ANSWER, MST_USE_VECTOR, MST_USE_NAF_KEYS, MST_USE__COUNT };

/*
 * Leave to release or sign, made only by a role's decide function (lib/role/authorise.h is the only
 * maker). The keeper checks that it fits the request and writes it into its own count of releases.
 */
struct mst_authorisation {
	enum { MST_AUTH_NOTHING, MST_AUTH_RELEASE, MST_AUTH_SIGN, MST_AUTH_TRIGGER, MST_AUTH_STATUS, MST_AUTH_VECTOR, MST_AUTH_BOOTSTRAP } what;
	char key_id[MST_ID_MAX];         /* RELEASE, TRIGGER, VECTOR, BOOTSTRAP: which key; SIGN: subject; STATUS: serial number asked for first */
	char to[MST_ID_MAX];             /* authenticated identity that gets it */
	uint64_t event;                  /* number of the audit event that records it */
};

/* One vector as it leaves the keeper: 2 x 16 octets in clear, the rest sealed. */
struct mst_vector { uint8_t rnd[16], autn[16]; uint8_t xres_n; struct mst_wrapped sealed; };

/*
 * What a UE says in its answer on Ub, whose it is, and the body of our answer to it (proto/gba/bsf.h). Of a UE's message itself
 * the keeper knows method and body: GET, and none.
 */
struct mst_ub { struct gba_claim claim; const char *impi; bool tmpi /* make one */; struct mst_view body; };
struct mst_ub_answer { struct mst_wrapped ks; char tmpi[MST_ID_MAX] /* "": none */, rspauth[GBA_DIGEST_HEX]; };

/* A pushed trigger keyed by a session of GBA: whose, with which NAF's key (Ua identifier FF00000001), for which node. */
struct mst_gba_trigger { const char *btid, *impi, *naf_fqdn, *node_id; struct mst_view body; };

/*
 * A seal of the audit log: the CA key's word that entry `seq` had this hash at `when`. doc/audit-log.md has the text that is signed;
 * it begins with words that no certificate and no list begins with. seq 0: none.
 */
#define MST_LOG_SEAL_SIG 64
#define MST_LOG_SEAL_TEXT 400
struct mst_log_seal { uint64_t seq; uint8_t hash[MST_SHA256_LEN]; mst_time when; uint8_t sig[MST_LOG_SEAL_SIG]; };
/* As text: what is signed, and with `whole` the signature behind it, as the keeper's file and an operator's copy have it. */
void mst_log_seal_put(struct mst_writer *w, const struct mst_log_seal *s, bool whole);
/* The whole text; false: it is none. */
MST_MUST_CHECK bool mst_log_seal_read(struct mst_view text, struct mst_log_seal *ret_s);
/* Is it of that CA (a certificate, DER)? 0, an mst_pki_outcome, or a fault. */
MST_MUST_CHECK int mst_log_seal_check(struct mst_crypto *c, struct mst_view ca_der, const struct mst_log_seal *s);

/*
 * The CA's key. In a file it signs in the keeper's memory; in a device (`kind`: enum mst_secenv_kind, a TPM or a token, decision 0035) it never
 * was here: a holder (struct mst_ca_holder) has each digest signed there. `away`: it could not, the last time that it was asked; `times`
 * counts how often that began.
 */
struct mst_keeper_ca { uint32_t kind; bool away; uint32_t times; char why[200]; };

/*
 * Four eyes. What somebody asks for at the local socket is a statement of its listener's: this user, at this time, sent this request ("POST /v1/x", a line
 * feed, the body). The keeper makes a ticket of it; with another person's statement that names the ticket's digest it is used, once.
 */
#define MST_TICKET_NONCE 16
#define MST_SAID_MAX 4096                /* octets of a request that can wait for somebody else */
struct mst_said { uint32_t from /* channel */; struct mst_view statement, request; mst_time now; };
struct mst_ticket { uint32_t uid; mst_time when; uint8_t nonce[MST_TICKET_NONCE]; struct mst_wrapped wrapped; };
/* A request as it is vouched for. */
void mst_put_said(struct mst_writer *w, struct mst_view target, struct mst_view body);
/* For the listener, by its channel. */
struct mst_channel;
MST_MUST_CHECK int mst_statement_make(const struct mst_channel *ch, struct mst_crypto *c, uint32_t uid, mst_time when, struct mst_view request,
				      struct mst_wrapped *ret_s);
/* What a yes has to name, in upper case hex. Whoever is asked for it makes it himself of what he was shown. */
MST_MUST_CHECK int mst_ticket_digest(struct mst_crypto *c, uint32_t uid, mst_time when, const uint8_t nonce[MST_TICKET_NONCE], struct mst_view request,
				     uint8_t ret[MST_SHA256_LEN]);
/* Operations of the keeper's own that want it. */
#define MST_GUARD_ROTATE 2u
#define MST_GUARD_ACCEPT 4u
#define MST_PEOPLE_MAX 16
struct mst_four_eyes { unsigned guards; int64_t expires /* seconds; 0: off */; uint32_t people[MST_PEOPLE_MAX]; size_t n_people /* 0: whoever may ask */; };

enum mst_derive_how { MST_DERIVE_NONE, MST_DERIVE_KM, MST_DERIVE_USAGE };

/*
 * What leaves and how (default deny; everything else is MST_KEEPER_DENIED):
 *
 *   purpose   release            derive, to purpose     create              trigger
 *   KPM       as it is           -                      yes: nobody's       yes
 *   KE        derived only       -                      -                   no
 *   KEYREG    as it is           -                      -                   no
 *   KM        as it is           as it is, to KM        -                   yes
 *   SIM, AV   -                  -                      -                   no
 *   KS        -                  -                      -                   by the key of a NAF
 *
 * These are the requests that somebody of ours makes, and no more: the test of the permits lists them by who makes them.
 *
 * Of a SIM only vectors leave, and what a genuine AUTS says. Of an AV: AUTN*, whether an answer was right and the proof that we
 * know what it should have been; it becomes Ks, when the answer was right. Of Ks: keys for NAFs.
 * Ke itself never leaves. Where a session's key is also a registered key (quirks.km), its listener has sealed it as that, too.
 */
enum mst_keeper_outcome { MST_KEEPER_FORGED = 1, MST_KEEPER_DENIED, MST_KEEPER_NO_CHANNEL, MST_KEEPER_SAME, MST_KEEPER_BUSY,
			  MST_KEEPER_AWAY /* the device with the CA's key does not sign now; it may come back */,
			  MST_KEEPER_LEAVE /* wants four eyes, and there is no yes of the last 30 s */ };

/*
 * What has left in the last minute, each counted by itself: keys by their purpose (those for NAFs are of Ks), vectors, certificates
 * signed, pushed triggers. With so many that `alarm` is reached, one alarm for each minute that it lasts; what would be more than `most`
 * is refused: BUSY, before the key is opened. 0: without. Revocation lists, OCSP answers and seals are not counted: they give
 * nothing away, and must not wait for an attack to end.
 */
enum mst_keeper_rate { MST_RATE_KPM, MST_RATE_KE, MST_RATE_KEYREG, MST_RATE_KM, MST_RATE_NAF_KEYS, MST_RATE_VECTORS, MST_RATE_CERTIFICATES,
		       MST_RATE_TRIGGERS, MST_RATE__COUNT };
extern const char *const mst_rate_name[MST_RATE__COUNT];           /* as settings and events say it */
struct mst_keeper_limit { uint32_t alarm, most; };
#define MST_RATE_NEVER UINT32_MAX
#define MST_KEEPER_BUSY_SECONDS 30   /* what a peer is told to wait then: half a minute has left the count */
#define MST_KEEPER_AWAY_SECONDS 60   /* and then: somebody has to do something first */
struct mst_keeper_rates {
	struct mst_keeper_rate_state {
		uint32_t minute, peak;           /* in the last minute; in the busiest since the start */
		uint32_t alarms, limited;        /* minutes with an alarm, minutes in which something was refused, since the start */
		uint32_t ago;                    /* seconds since the last of either; MST_RATE_NEVER */
		uint32_t spent;                  /* seconds for which the minute still counts as full (mst_keeper_local_spent) */
		struct mst_keeper_limit limit;
	} of[MST_RATE__COUNT];
};

/*
 * Every operation: 0, an mst_keeper_outcome, or a fault; results are written on 0 only. DENIED comes before
 * everything else: who may not ask learns nothing about the key.
 */
struct mst_keeper;
struct mst_keeper_ops {
	const char *name;
	/* A key that channel `from` sealed as one of that purpose becomes a wrapped one. `key_id` is bound into the wrapping. */
	int (*wrap)(struct mst_keeper *k, uint32_t from, struct mst_view sealed, enum mst_key_purpose p,
	            const char *key_id, struct mst_wrapped *ret_w);
	/* A fresh random key of 32 octets, wrapped: for a look-up that refuses to take as long as another (role/common/handshake.c). */
	int (*create)(struct mst_keeper *k, enum mst_key_purpose p, const char *key_id,
		      struct mst_wrapped *ret_w);
	/* Wrapped key, or a key derived from it, sealed for channel `to`, for one use. */
	int (*release)(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w,
	               enum mst_key_purpose p, const char *key_id, enum mst_derive_how how, int suid,
	               const char *target, uint32_t to, struct mst_wrapped *ret_sealed);
	/* Lesson 26, both ways: is the key that channel `from` sealed another one than this maker's secret (KPM; for whoever may
	 * give in registered keys), or than this registered key (KEYREG; for the local listener alone, where makers' secrets
	 * come in)? 0, or MST_KEEPER_SAME. Nothing else is compared. */
	int (*differs)(struct mst_keeper *k, uint32_t from, struct mst_view sealed, const struct mst_wrapped *w,
		       enum mst_key_purpose p, const char *key_id);
	/* Wrap again under another id, as the table above has it; nothing leaves. */
	int (*derive)(struct mst_keeper *k, const struct mst_wrapped *w, enum mst_key_purpose p,
		      const char *key_id, enum mst_derive_how how, int suid, const char *target,
		      enum mst_key_purpose new_p, const char *new_key_id, struct mst_wrapped *ret_w);
	/* ECDSA P-256 signature (DER) by the CA key over the SHA-256 digest of `tbs`, a to-be-signed
	 * certificate or revocation list, which the keeper parses before it signs: issued by our CA, not a CA
	 * itself and for TLS only, as struct mst_keeper_certifies has it, and its one alternative name (as mst_cert_info spells it) is the key_id of the
	 * authorisation; for a revocation list that is MST_KEEPER_CRL. */
	int (*sign)(struct mst_keeper *k, const struct mst_authorisation *a, struct mst_view tbs,
	            uint8_t *ret_sig, size_t cap, size_t *ret_n);
	int (*ca_cert)(struct mst_keeper *k, uint8_t *ret_der, size_t cap, size_t *ret_n);
	/* MAC of a pushed trigger under the trigger key of a root credential (mst_derive_trigger). The keeper reads the
	 * body before: it is a trigger, its key hint is that of `key_id`, and it is for the node that the authorisation
	 * names, so that nothing else can ever be had under that key. */
	int (*trigger)(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w,
		       enum mst_key_purpose p, const char *key_id, const char *node_id, struct mst_view body,
		       uint8_t ret_mac[MST_TRIGGER_MAC]);
	/* An OCSP answer, whole, by a responder's key that the keeper makes for itself (in memory, certified for 30 days by
	 * our CA, for nothing else; renewed by half of that). It writes and signs what `s` says and no octets of anybody
	 * else's: of certificates of our CA anything, of others that they are unknown, and for MST_STATUS_LIFE at most. */
	int (*status)(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_ocsp_answer *s,
		      uint8_t *ret_der, size_t cap, size_t *ret_n);
	/*
	 * A vector of AKA for GBA (TS 33.102 6.3, TS 33.220 4.5.2) by the keys of a SIM: RAND is the keeper's own, XRES || CK || IK are
	 * sealed for channel `to`. DENIED also for an AMF whose separation bit is set: such vectors are for EPS and 5G (annex H of TS
	 * 33.102), and this keeper makes none. `sqn` is the caller's to have kept before anything leaves.
	 */
	int (*aka_vector)(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *sim, const char *key_id,
			  uint64_t sqn, const uint8_t amf[2], uint32_t to, struct mst_vector *ret_v);
	/* SQN_MS of an AUTS, which must be genuine for this SIM and RAND: else FORGED. */
	int (*aka_resync)(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *sim, const char *key_id,
			  const uint8_t rnd[16], const uint8_t auts[14], uint64_t *ret_sqn_ms);
	/* GBA_U: AUTN of this vector becomes AUTN*, in place (TS 33.220 5.3.2). */
	int (*gba_star)(struct mst_keeper *k, const struct mst_wrapped *av, const char *btid, uint8_t autn[GBA_AUTN]);
	/*
	 * An answer on Ub is judged by its vector, for the IMPI that the authorisation names: FORGED when RES is not the one. Else
	 * rspauth over our body, Ks wrapped, and the subscriber's next TMPI. The nonce must be that of the B-TID's RAND.
	 */
	int (*gba_answer)(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *av, const char *btid,
			  const struct mst_ub *q, struct mst_ub_answer *ret_a);
	/* Ks_(ext_)NAF, and with `in_card` behind it Ks_int_NAF, sealed for channel `to`: for the NAF that the authorisation names,
	 * which is the FQDN of the NAF_Id. RAND is the B-TID's. */
	int (*gba_naf_keys)(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *ks, const char *btid,
			    const char *impi, struct mst_view naf_id, bool in_card, uint32_t to, struct mst_wrapped *ret_sealed);
	/* As `trigger`, with the session's key for that NAF as root, under the key id of gba_trigger_id(). */
	int (*gba_trigger)(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *ks,
			   const struct mst_gba_trigger *q, uint8_t ret_mac[MST_TRIGGER_MAC]);
	/*
	 * Seal the audit log: number, hash and time are given, the signature is written. The keeper keeps its last seal in its
	 * directory, before it answers. Numbers rise, or it is DENIED; `anew`: not this once, an operator stands for the log (LEAVE: nobody's
	 * word for it was heard just now: leave_own, or leave_give with four eyes).
	 */
	int (*seal_log)(struct mst_keeper *k, struct mst_log_seal *s, bool anew);
	/* The last one. */
	int (*last_seal)(struct mst_keeper *k, struct mst_log_seal *ret_s);
	int (*generations)(struct mst_keeper *k, struct mst_keeper_generations *ret);
	/* A new generation: everything is wrapped with it from now on. LEAVE: four eyes. DENIED while the one before is still needed, or no
	 * number is left. AWAY: a device would have to be reached for it, which is at the next start. */
	int (*rotate)(struct mst_keeper *k, uint32_t *ret_gen);
	/* A row's key, wrapped with the generation that is in use; nothing leaves. SAME: it is that already, and opens. FORGED: it does not. */
	int (*rewrap)(struct mst_keeper *k, const struct mst_wrapped *w, enum mst_key_purpose p, const char *key_id, struct mst_wrapped *ret_w);
	/* The one before is destroyed: no row has it any more. DENIED: it is not the one. */
	int (*retire)(struct mst_keeper *k, uint32_t gen);
	/* All zero when nothing was limited (mst_keeper_local_limits). */
	int (*rates)(struct mst_keeper *k, struct mst_keeper_rates *ret);
	/* Where the CA's key is, and whether it signs. */
	int (*ca_state)(struct mst_keeper *k, struct mst_keeper_ca *ret);
	/* A ticket for what was asked. FORGED: nobody said so, or not just now. */
	int (*leave_ask)(struct mst_keeper *k, const struct mst_said *q, struct mst_ticket *ret_t);
	/* A yes to it. SAME: by who asked. FORGED: another content, not said, or of another generation than the one in use. DENIED: too late,
	 * used, or one who may not. */
	int (*leave_give)(struct mst_keeper *k, const struct mst_said *yes, struct mst_view request, const struct mst_wrapped *ticket);
	/* Where one person's word is enough: somebody stands for another audit log ("POST /v1/events/accept"). Good for one seal_log anew, within
	 * moments. LEAVE: four eyes want two. FORGED: nobody said so, not just now, or it was said before. DENIED: it is something else. */
	int (*leave_own)(struct mst_keeper *k, const struct mst_said *q);
	void (*close)(struct mst_keeper *k);
};
struct mst_keeper { const struct mst_keeper_ops *ops; };
#define MST_KEEPER_CRL "crl"
#define MST_STATUS_LIFE (INT64_C(15) * 86400)       /* the longest that an OCSP answer is good */

/*
 * Where the key-encryption key comes from, beside files: a root of secenv/root.h by its kind (enum mst_secenv_kind). New generations are of
 * `kind`; which one those that are there need their files say. `starts`: the next one is made ahead, as no device can be reached later.
 */
struct secenv_root;
/* Who can have the device with the CA's key sign. `record`: what ca.key holds of it. 0, MST_KEEPER_AWAY explained in `d`, or a fault. */
struct mst_ca_holder {
	int (*sign)(void *arg, struct mst_view record, const uint8_t digest[MST_SHA256_LEN], uint8_t *ret_sig, size_t cap, size_t *ret_n, struct mst_diag *d);
	void *arg;
};
struct mst_keeper_device {
	int (*open)(const struct mst_keeper_device *dev, int kind, struct secenv_root **ret, struct mst_diag *d);
	int kind;
	bool starts;
	struct mst_ca_holder ca;            /* copied; sign NULL: a CA key in a device is away */
};

/*
 * In process: keys from `dir` (kek.key or kek-N.key, ca.key wrapped by it, ca.pem). Locks its memory, marks itself
 * undumpable; a child of this process does not inherit it (the pages read as zero there), so open it in the
 * process that uses it. mst_keeper_create_files() makes them once (`muster init`): all or none, and never
 * over something: MST_KEEPER_DENIED when `dir` is there and not empty.
 */
MST_MUST_CHECK int mst_keeper_local_open(const char *dir, struct mst_crypto *c, struct mst_keeper **ret_k,
					 struct mst_diag *d);
/* The same with a device; it is not needed any more when this returns. */
MST_MUST_CHECK int mst_keeper_local_open_with(const char *dir, const struct mst_keeper_device *dev, struct mst_crypto *c, struct mst_keeper **ret_k,
					      struct mst_diag *d);
MST_MUST_CHECK int mst_keeper_create_files(const char *dir, const char *ca_name, mst_time now,
					   struct mst_crypto *c, struct mst_diag *d);
/* The same with permitted DNS subtrees for the CA (spec 2.5.4: CA certificates carry name constraints). */
MST_MUST_CHECK int mst_keeper_create_files_for(const char *dir, const char *ca_name,
					       const char *const *permitted_dns, size_t n_permitted,
					       mst_time now, struct mst_crypto *c, struct mst_diag *d);
/* And with the CA's key made in a device, where it stays (NULL: in a file). The device is the caller's. */
struct mst_keeper_new_ca { const char *name; const char *const *permitted_dns; size_t n_permitted; struct secenv_root *device; };
MST_MUST_CHECK int mst_keeper_create_files_in(const char *dir, const struct mst_keeper_new_ca *ca, mst_time now, struct mst_crypto *c, struct mst_diag *d);
/* What ca.key of that directory holds of a key in a device: which kind (enum mst_secenv_kind; 0: it is in the file), its record, and the public key of
 * ca.pem's certificate. Read once, since who has the device reads nothing of that directory later. */
struct mst_ca_record { uint32_t kind; size_t n, n_spki; uint8_t b[512], spki[128]; };
MST_MUST_CHECK int mst_keeper_ca_record(const char *dir, struct mst_ca_record *ret, struct mst_diag *d);
/* Has that device the key? 0, an outcome of secenv or a fault, explained. */
MST_MUST_CHECK int mst_ca_record_fits(const struct mst_ca_record *r, struct secenv_root *device, struct mst_diag *d);
/* Count, and limit, from now on. `now`: a clock that never goes back, in milliseconds. */
void mst_keeper_local_limits(struct mst_keeper *k, const struct mst_keeper_limit limit[MST_RATE__COUNT], mst_ms (*now)(void));
/*
 * Behind mst_keeper_local_limits(): another keeper was here a moment ago, and nobody knows how much it gave in its last minute. It counts as if that had been
 * all: for a minute nothing leaves that has a most, and the first thing of a kind that has an alarm is one. Who can have a keeper end would else
 * have the whole of it again each time.
 */
void mst_keeper_local_spent(struct mst_keeper *k);
/* From now on these want four eyes: rotate, seal_log anew. Without a yes that was given moments ago it is LEAVE. (Without four eyes seal_log anew
 * wants one person's word all the same.) Told again when the people are others: a yes that was given and not used yet is none then. */
void mst_keeper_local_four_eyes(struct mst_keeper *k, const struct mst_four_eyes *f);
/*
 * Whom the CA's key certifies. A keeper that was just opened: clients. `servers`: servers, too, for who opens it in his own process and is the
 * authority himself (`muster init`, `musterd --renew-certificates`). The daemon's: clients that end `longest` from `clock` at most, under no name that `is_server` says is one.
 * With a clock and 0 nobody; nor is there an OCSP answer of a later time, nor a revocation list of one or one that is good for longer than `longest_list`.
 */
struct mst_keeper_certifies {
	bool servers;
	int64_t longest, longest_list;       /* seconds; they count with a clock */
	mst_time (*clock)(void);
	bool (*is_server)(void *arg, const char *name);
	void *arg;
};
void mst_keeper_local_certifies(struct mst_keeper *k, const struct mst_keeper_certifies *c);
/* For tests: what a keeper has done since it was opened. */
struct mst_keeper_counts { uint64_t wrapped, created, released, derived, signed_, triggers, statuses, responders, vectors, resyncs, bootstraps, naf_keys, seals, rotated, rewrapped, refused; };
struct mst_keeper_counts mst_keeper_local_counts(const struct mst_keeper *k);
/*
 * What the process at the other end of a channel does, a set; told by the supervisor, never by the engine. A key
 * goes only where its purpose is served (everything else is DENIED), so that an engine that has been taken over
 * cannot have keys sealed for a process that has nothing to do with them:
 *
 *   MEF listener   gives in KE, KEYREG        gets what is derived from KE, KEYREG, KPM
 *   BBN listener   gives in nothing           gets KPM
 *   local listener gives in KPM, SIM          gets nothing
 *   MAF listener   gives in KEYREG            gets KM, KEYREG
 *   HSS listener   gives in nothing           gets AV
 *   Zn listener    gives in nothing           gets keys for NAFs
 *   connector      gives in KM, KPM, AV       gets nothing    (KPM: a key of GBA, at a MEF that is a NAF)
 *
 * Who gives a key in binds its purpose into the seal, for he knows where he has it from and the engine does not have to be believed:
 *
 *   sealed as   by                               what
 *   KPM         local listener                   a maker's secret that a person gives in (listener-http.c: cut_secret)
 *               connector, diameter              a key of GBA for the MEF (exchange.h: mst_fetch_purpose)
 *   KE          MEF listener                     what a session exports (listener-http.c: take_export)
 *   KEYREG      MAF listener                     the same
 *               MEF listener                     the same, once more, with mef.quirks.km "registered" alone
 *               MEF listener, MAF listener       keyValue of a key registration (listener-http.c: cut_key)
 *   KM          connector, diameter              what a MEF, or a BSF for the MAF, gives (mst_fetch_purpose)
 *   SIM         local listener                   (listener-sims.c)
 *   AV          connector, diameter              what an HSS gives (mst_fetch_purpose)
 */
enum mst_duty { MST_DUTY_MEF = 1, MST_DUTY_MAF = 2, MST_DUTY_CONNECTOR = 4, MST_DUTY_BBN = 8, MST_DUTY_ADMIN = 16, MST_DUTY_HSS = 32,
                MST_DUTY_ZN = 64, MST_DUTY__ALL = 127 };
/* Give the keeper the channel key of process `channel`. */
MST_MUST_CHECK int mst_keeper_local_channel(struct mst_keeper *k, uint32_t channel, const uint8_t key[32], unsigned duties);

/* For the process at the other end of a channel: seal a key for the keeper, as what it is, open one from it that is for this use (0, FORGED). */
struct mst_channel { uint32_t id; uint8_t key[32]; unsigned duties; /* enum mst_duty; for the keeper */ };
MST_MUST_CHECK int mst_channel_seal(const struct mst_channel *ch, struct mst_crypto *c, enum mst_key_purpose p,
				    const struct mst_key *k, struct mst_wrapped *ret_s);
MST_MUST_CHECK int mst_channel_open(const struct mst_channel *ch, struct mst_crypto *c, enum mst_key_use use,
				    const struct mst_wrapped *s, struct mst_key *ret_k);

#endif
