/*
 * What passes between a listener, the engine and a role (architecture 5.2): binding-neutral, so no role
 * knows which transport carried a request or in which process it runs.
 *
 * The engine calls a role inside a store transaction: decode → load → decide (pure) → apply → encode. The
 * answer leaves only after the group has been committed.
 */
#ifndef MST_SERVER_EXCHANGE_H
#define MST_SERVER_EXCHANGE_H

#include "codec/primitive.h"
#include "codec/quirks.h"
#include "proto/gba/keys.h"
#include "store/store.h"
#include "transport/tls.h"

#define MST_ANSWER_MAX (256 * 1024)
#define MST_ANSWER_HEADERS 1024

struct mst_exchange {
	enum mst_role role;
	uint32_t channel;                 /* process that carries it: where a released key is to be sealed for */
	uint64_t session;                 /* connection */
	struct mst_peer peer;
	bool plain;                       /* no primitive but plain HTTP (below the role's plain_prefix; admin always) */
	struct mst_request request;       /* admin, plain: op from the method, `to` with its query string */
	struct mst_view http_query;       /* admin */
	bool has_export;                  /* on Create: exporter output of this session under the role's label */
	uint8_t export_id[16];
	/* Sealed by `channel`: as Ke, and as a key that is registered. A MEF's is the one, a MAF's the other; both with the MEF's quirk that
	 * Ke itself is registered (quirks.km). */
	struct mst_wrapped export_key, export_reg;
	/* An explicit key in the content of a key registration (spec 4.4.1): the listener cuts the member out of
	 * the content and passes the key sealed. The engine refuses content that still carries one. */
	bool has_key_value;
	struct mst_wrapped key_value;     /* sealed by `channel` */
	char attempt[33];                 /* from X-M2M-VSI "attempt=…"; "" when absent */
	/* Plain roles: header values as they came; "" when absent. A header that came twice is not passed on but refused. */
	struct mst_view authorization, user_agent;
	/* admin, POST: who sent this, for the keeper (mst_statement_make); n 0: none */
	struct mst_wrapped said;
};

/* A key that the answer must carry: the engine has it released after commit, the listener puts its base64
 * text into the content at `at`. */
struct mst_release {
	bool wanted;
	struct mst_authorisation authorisation;
	struct mst_wrapped key;
	enum mst_key_purpose purpose;
	char key_id[MST_ID_MAX];
	enum mst_derive_how how;
	int suid;
	char target[MST_ID_MAX];
	size_t at;                        /* octet offset in the content where the base64 text goes */
};

/*
 * Secrets in an answer: sealed by the keeper for the channel that writes it (x->channel), made inside the decision, and
 * leaving after the commit. The writer opens it and puts octets [from, from + n) of it as lower-case hex into the content at
 * `at`. Places rise.
 */
#define MST_FILLS_MAX 3
struct mst_fill { uint32_t at; uint8_t from, n; };
struct mst_parcel { struct mst_wrapped sealed; struct mst_fill fill[MST_FILLS_MAX]; uint8_t n_fills; };

/*
 * An outward request that the connector makes. `kind` says which members count.
 *
 *   KEY  a oneM2M server is asked for a key
 *   ZH   an HSS, for a vector and the subscriber's GUSS: one fetch for both (SBI: two requests; Diameter: one answer has both)
 *   ZN   a BSF, for the key of one NAF
 */
enum mst_fetch_kind { MST_FETCH_KEY, MST_FETCH_ZH, MST_FETCH_ZN, MST_FETCH_KIND__COUNT };
enum mst_fetch_binding { MST_BIND_SBI, MST_BIND_DIAMETER, MST_BIND__COUNT };
#define MST_AUTS_LEN 14
#define MST_FETCHES_AN_EXCHANGE 3         /* more is a defect of the role: 500 */
struct mst_fetch {
	enum mst_fetch_kind kind;
	enum mst_fetch_binding binding;   /* ZH, ZN */
	enum mst_role role;               /* whose certificate and anchors; set by the engine */
	char uri[512];                    /* "https://mef.example.com:8443" */
	char server_name[MST_ID_MAX];     /* FQDN that the server must prove */
	char connect_to[128];             /* optional */
	char from[MST_ID_MAX];            /* KEY: X-M2M-Origin; ZH, ZN: our FQDN */
	char attempt[33];
	char path[512];                   /* KEY: "/fetchCredentials/<KeID>/21", percent-encoded */
	enum mst_profile names;           /* KEY: as that server has them */
	bool registered;                  /* KEY: key retrieval (symmKeyReg) instead of fetchCredentials */
	char ue_id[MST_ID_MAX];           /* ZH: the IMPI */
	bool resync;                      /* ZH: the card has answered AUTS to RAND */
	uint8_t rnd[GBA_RAND], auts[MST_AUTS_LEN];
	char btid[MST_BTID_MAX];          /* ZN */
	char naf_fqdn[MST_ID_MAX];        /* ZN: with `ua` the NAF_Id */
	struct gba_ua ua;
	bool in_card_aware;               /* ZN: Ks_int_NAF is of use here */
	int64_t mark;                     /* ZH: the role's own, and given back with what came; it goes nowhere */
};

/* What the key is that it brings, for who seals it and for who keeps it. A BSF's is for the role that asks, whose certificate is shown there. */
static inline enum mst_key_purpose mst_naf_purpose(enum mst_role role)
{
	return role == MST_ROLE_MAF ? MST_PURPOSE_KM : MST_PURPOSE_KPM;
}
static inline enum mst_key_purpose mst_fetch_purpose(const struct mst_fetch *f)
{
	return f->kind == MST_FETCH_ZH ? MST_PURPOSE_AV : f->kind == MST_FETCH_ZN ? mst_naf_purpose(f->role) : MST_PURPOSE_KM;
}

/* The audit log is sealed once the decision is committed (engine-seal.c): NOW, or ANEW: the operator stands for it, whatever was sealed before. */
enum mst_seal_wanted { MST_SEAL_NOT, MST_SEAL_NOW, MST_SEAL_ANEW };

struct mst_answer {
	int rsc;
	int retry_after;
	struct mst_writer content;        /* storage given by the engine: MST_ANSWER_MAX */
	const char *media;                /* NULL = application/json */
	char location[MST_ID_MAX * 2];
	struct mst_release release;
	struct mst_parcel parcel;
	/* Ready header lines of a plain answer, "Name: value\r\n" each; the listener looks at them, and those that frame the
	 * message, Content-Type among them, are its own. */
	char headers[MST_ANSWER_HEADERS];
	/* Nothing is answered yet: what came stays as it is until `fetch` has been asked for, then .resumed() decides. What
	 * this decision stored is committed; the rest of the answer is not looked at. */
	bool wants_fetch;
	struct mst_fetch fetch;
	int counts;                       /* enum mst_metric: one more of these, once it is committed; 0 = none */
	bool event_only;                  /* with strangers_count, for_strangers: a refusal that stores nothing but its event, which may
	                                     be left out */
	bool close;                       /* end the connection after it */
	bool revoked;                     /* a certificate was: the list of our CA has to be made anew */
	struct mst_whose whose;           /* session it came in, when it is a node's; zero: nobody's that is known */
	struct mst_whose cut;             /* sessions of this node, or of all of this subscription, end now: they are not served any
	                                     more; zero: none */
	enum mst_seal_wanted seal;        /* admin */
};

/* A PSK handshake asks for a key. */
struct mst_psk_ask { enum mst_role role; uint32_t channel; char identity[MST_ID_MAX]; char address[64]; uint16_t suite; /* as in struct mst_peer */ };
enum mst_psk_outcome {
	MST_PSK_UNKNOWN = 1,              /* unknown, revoked, expired: the peer sees no difference */
	MST_PSK_BUSY,                     /* nobody can say now: the handshake ends without a verdict (lesson 6) */
	MST_PSK_FETCH,                    /* ask another server first: `fetch` is filled; then .fetched() */
};
enum mst_fetch_end { MST_FETCH_OK, MST_FETCH_UNKNOWN /* 4004; 404 */, MST_FETCH_REFUSED /* 4103 …; 403 */, MST_FETCH_UNREACHABLE,
                     MST_FETCH_UNTRUSTED, MST_FETCH_MALFORMED, MST_FETCH_BUSY /* 503, 429 */,
                     MST_FETCH_REVOKED /* its certificate */, MST_FETCH_LIST_STALE /* no current list to see that in */, MST_FETCH__COUNT };
extern const char *const mst_fetch_end_name[];
struct mst_fetch_result {
	enum mst_fetch_end end;
	int rsc;
	char detail[160];
	/* Sealed by the connector's channel. ZH: XRES || CK || IK, of 16 octets the latter two. ZN: Ks_(ext_)NAF, and behind it
	 * Ks_int_NAF when has_int (in_card_aware only). */
	struct mst_wrapped key;
	uint32_t channel;
	int64_t mark;                     /* as the question had it; set by the engine */
	char enrolee_id[MST_ID_MAX];      /* KEY */
	mst_time lifetime;                /* KEY: as that server says; ZN: when the key ends */
	/* ZH. xres_n not 0 without OK: a vector came, and what should have come with it did not. */
	uint8_t rnd[GBA_RAND], autn[GBA_AUTN], xres_n;
	bool has_int;                     /* ZN */
	char impi[MST_ID_MAX];            /* ZN; "" when the BSF keeps it to itself */
	struct mst_view text;             /* ZH: body of gbaSDM subscriber-data, ZN: {"ussList": …}, as mst_uss_list_write_json; <= MST_FETCH_TEXT */
	int retry_after;                  /* BUSY: as that server says, seconds; 0: it said nothing */
};
#define MST_FETCH_TEXT (16 * 1024)
struct mst_psk_answer {
	struct mst_release release;       /* what to seal for the listener when the outcome is 0 */
	struct mst_fetch fetch;
	struct mst_whose whose;           /* key it is; zero: not known */
};

/* Per-role settings, built from the configuration. */
#define MST_MEF_SPS 16
#define MST_PROVIDERS_MAX 16
struct mst_mef_link {
	char fqdn[MST_ID_MAX], uri[512], connect_to[128];
	/* Whose clients it may vouch for: FQDNs of M2M-SP-IDs (TS-0001 7.2.2). None: any, for the only MEF. */
	char sp[MST_MEF_SPS][MST_ID_MAX];
	size_t n_sp;
	struct mst_quirks quirks;
};
/* A BSF that is asked for keys of GBA (TS 33.220): its B-TIDs end with one of these domains. */
#define MST_BSFS_MAX 8
#define MST_BSF_DOMAINS 8
struct mst_bsf_link {
	char fqdn[MST_ID_MAX], uri[512], connect_to[128];
	enum mst_fetch_binding binding;
	char domain[MST_BSF_DOMAINS][MST_ID_MAX];
	size_t n_domain;
	char sp[MST_MEF_SPS][MST_ID_MAX];                     /* as of a MEF: none is any */
	size_t n_sp;
};
/*
 * The makers' anchors: SHA-256 of every client anchor but the provider's own (mef.maf_anchor). Each of these CAs could
 * sign any name, so with more than one of them a name is good only under the anchor that it is bound to.
 */
#define MST_MAKERS_MAX 64
struct mst_makers { size_t n; uint8_t sha256[MST_MAKERS_MAX][MST_SHA256_LEN]; char subject[MST_MAKERS_MAX][128]; };
/* May an enrolled node enrol anew (lesson 12)? Renewal near the end of its registration is always open. */
enum mst_reenrol { MST_REENROL_OPEN /* at any time */, MST_REENROL_ENDED /* when the key that enrolled has ended, or in a window */,
                   MST_REENROL_WINDOW /* in a window that the operator opened */ };
/* Another server of GBA that is asked: an HSS. */
struct mst_gba_server { char fqdn[MST_ID_MAX], uri[512], connect_to[128]; enum mst_fetch_binding binding; };
/* A NAF by the FQDN in its certificate: names that it may ask for besides its own, and the groups of NAFs that it is in. */
#define MST_NAFS_MAX 16
#define MST_NAF_NAMES 8
struct mst_naf_link {
	char fqdn[MST_ID_MAX], name[MST_NAF_NAMES][MST_ID_MAX], group[MST_NAF_NAMES][64];
	size_t n_names, n_groups;
	bool impi;                        /* it is told who the subscriber is at the operator */
};
struct mst_gba_conf {
	struct mst_gba_server hss;
	int64_t lifetime;                 /* longest session, seconds */
	int64_t challenge;                /* how long a challenge is good */
	bool amf_any;                     /* also vectors with the separation bit, which are for EPS and 5G (TS 33.102 annex H) */
	bool tmpi, brief;
	int64_t lock_after, lock_time;    /* wrong answers of one subscriber in a row, and how long none is taken then; 0 = never */
	int64_t gsid;                     /* of the service that USSs are for when a NAF names none */
	char trigger_naf[MST_ID_MAX];     /* whose keys authenticate pushed triggers; "" = none. ZN; admin has this member and gsid alone */
	struct mst_naf_link naf[MST_NAFS_MAX];
	size_t n_naf;
};
/*
 * How long an unanswered challenge of one subscriber waits, for everybody who asks: seconds. Half of a session's longest life, so that what
 * came with a vector is not in use for longer than that; two days are enough for the slowest pace that an HSS of ours has.
 */
#define MST_GBA_WAIT_MAX (2 * 86400)
static inline int64_t mst_gba_wait(int64_t lifetime, int64_t challenge)
{
	int64_t most = lifetime / 2 < MST_GBA_WAIT_MAX ? lifetime / 2 : MST_GBA_WAIT_MAX;

	return most > challenge ? most : challenge;
}
enum mst_four { MST_FOUR_NOTHING, MST_FOUR_KEEPER, MST_FOUR_AUDIT, MST_FOUR_CERTIFICATES, MST_FOUR_SUBSCRIPTIONS, MST_FOUR_EXPORT };
struct mst_role_conf {
	char fqdn[MST_ID_MAX];            /* MEF-FQDN, MAF-FQDN */
	char base[64];                    /* "/MEFBase" */
	struct mst_quirks quirks;
	int64_t reg_lifetime;             /* longest registration, seconds */
	int64_t retry_duration;           /* NO_MORE_COMMANDS */
	struct mst_mef_link mef[8]; size_t n_mef;      /* MAF: which MEFs it asks */
	struct mst_bsf_link bsf[MST_BSFS_MAX]; size_t n_bsf;  /* MAF, MEF as a NAF of GBA: which BSFs it asks */
	char maf_fqdn[8][MST_ID_MAX]; size_t n_maf;    /* MEF: MAFs that may fetch (by FQDN certificate); admin: the same */
	/* MEF: SHA-256 of the anchor that the path of such a MAF must end at; all zero = any of the listener's. A
	 * maker's CA is an anchor too, so an installation with makers' CAs should set it. */
	uint8_t maf_anchor[8][MST_SHA256_LEN];
	struct mst_makers makers;
	bool no_node_certs;               /* MEF: nodes prove themselves by their makers' secrets or SIMs only; those of EST are renewed all the same */
	bool no_secrets;                  /* MEF, BBN: makers' secrets are not taken, though a MEF's handshakes may be by B-TID */
	struct {                          /* MEF: certificate provisioning */
		bool on, approval;
		int64_t lifetime, grace, retry;
		char uri[MST_ID_MAX];     /* estBaseURI for CERT_PROV */
		char ocsp[MST_ID_MAX];    /* where the status of certificates is told; "" = certificates do not say */
	} est;
	int reenrol;                      /* MEF: enum mst_reenrol */
	/* MEF: other stakeholders than a client's provider with whom it may register (TS-0003 8.3.5.1) */
	char stakeholder[8][MST_ID_MAX]; size_t n_stakeholder;
	char objects_uri[MST_ID_MAX];     /* MEF, admin: where DEV_CFG sends nodes, without the stakeholder */
	bool maf_elsewhere;               /* MEF: no MAF in this installation, so its fetch is the last that is heard of a node */
	struct mst_gba_conf gba;          /* BSF, ZN */
	bool strangers;                   /* BBN: who shows nothing may ask; only public rules answer */
	int64_t validity;                 /* BBN: of instructions whose rule says nothing; OCSP: of answers */
	int64_t keep;                     /* BBN: how long briefings are remembered */
	char own_fqdn[2][MST_ID_MAX];     /* admin: of this installation's MEF and MAF; "" = there is none */
	char own_bsf[MST_ID_MAX];         /* MAF, MEF: of this installation's BSF, whose sessions are in the same store; "" = there is none */
	/* Of a server of this installation, or of one that it knows? NULL: not known. Set by the engine. */
	bool (*names_server)(const void *arg, const char *name); const void *names;
	char secret_fqdn[MST_ID_MAX];     /* admin: for identities of nodes' secrets: of the briefing node, else of the MEF; "" = none here */
	struct mst_provider { char sp[MST_ID_MAX]; uint32_t uid; } provider[MST_PROVIDERS_MAX]; size_t n_provider;    /* admin */
	/* admin: what wants a second person's yes, bits by enum mst_four; `expires`: how long that is waited for; people: who may ask and say yes */
	struct { unsigned of; int64_t expires; uint32_t people[MST_PEOPLE_MAX]; size_t n_people; } four;
	char zh_bsf[8][MST_ID_MAX]; size_t n_zh_bsf;          /* HSS: BSFs that may ask, by the FQDN in their certificate */
	int64_t vector_interval, vector_burst;                /* HSS: one vector of a SIM in so many seconds, so many at once */
	int64_t mnc_digits;               /* admin: of IMSIs whose IMPI is not said */
	unsigned roles_played;            /* admin: bit (1 << role) of each role of this installation, for /v1/status */
};

/* Other servers that this role may have to ask: each has its share of limits.fetches. */
static inline size_t mst_role_servers(const struct mst_role_conf *c)
{
	return c->n_mef + c->n_bsf + (c->gba.hss.fqdn[0] != 0);
}

struct mst_role_env {
	struct mst_store *store;
	struct mst_keeper *keeper;
	struct mst_crypto *crypto;
	const struct mst_role_conf *conf;
	mst_time now;
	void **state;                     /* what the role keeps in memory between requests; see forget */
};

/* A revocation list of our CA to be made: number and lifetime given, the rest written. */
struct mst_list { int64_t number, lifetime; mst_time made, until; uint8_t *der; size_t cap, n; };

/* What the clock did in one look: for the metrics, and whether there is more. */
#define MST_CLOCK_BATCH 64
struct mst_clocked {
	unsigned keys_near, keys_ended, subs_near, subs_ended, nodes_gone;
	int64_t gone[MST_CLOCK_BATCH];    /* which nodes: their sessions end, */
	int64_t over[MST_CLOCK_BATCH];    /* and those of these subscriptions (subs_ended of them) */
	bool revoked, more;
};

struct mst_role_ops {
	enum mst_role role;
	const char *export_label;         /* listeners export under it on Create; NULL = never */
	bool primitives;                  /* oneM2M binding (mef, maf) or plain HTTP (bbn, admin) */
	const char *plain_prefix;         /* below it primitives are not spoken: EST; NULL = nowhere */
	bool network;                     /* plain HTTP, but for peers far away: Host is checked, refusals are told */
	bool sbi;                         /* with `network`: HTTP/2 is offered beside HTTP/1.1, refusals are problem+json */
	bool clear;                       /* without TLS, for whoever comes; HTTP/1.0 too. What is said is signed, so Host does not matter */
	bool strangers_count;             /* with `network`: what a request of a peer without a proof stores stays (BSF); else only its
	                                     event, while there is room */
	bool for_strangers;               /* with `network`: who asks does so for whoever speaks with him (HSS, ZN), so that his refusals
	                                     are bounded as strangers' are */
	size_t content_max;               /* octets of a request's content, when less than limits.body_octets; 0 = that */
	bool client_cert_required;        /* a briefing node with `strangers` asks for one and takes none as well */
	bool psk;
	/* Fill *a; always 0 or a fault: every refusal is an answer. */
	int (*handle)(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a);
	/* handle() set a->wants_fetch, and the other server has answered, or cannot: the exchange as it came, in a later
	 * transaction. May set wants_fetch again, MST_FETCHES_AN_EXCHANGE in all. NULL: the role never asks. Not called when
	 * whoever asked is gone. */
	int (*resumed)(struct mst_role_env *env, const struct mst_exchange *x, const struct mst_fetch_result *r, struct mst_answer *a);
	/* What refuses writes nothing, and takes as long as what gives (lesson 21): handshake_failed() finds out again why. */
	int (*psk_lookup)(struct mst_role_env *env, const struct mst_psk_ask *q, struct mst_psk_answer *a);
	/* The connector has answered a MST_PSK_FETCH: 0 (release filled), MST_PSK_UNKNOWN or MST_PSK_BUSY; the latter two with the operator's event, for
	 * what that server said is not kept. */
	int (*fetched)(struct mst_role_env *env, const struct mst_psk_ask *q, const struct mst_fetch_result *r, struct mst_psk_answer *a);
	/* A handshake failed at a listener of this role: write the operator's event. */
	int (*handshake_failed)(struct mst_role_env *env, const struct mst_peer *p, enum mst_tls_end why, const char *detail);
	/* A listener refused a request by itself, with this status (an RSC, an HTTP status, or 0 when it broke off):
	 * write the operator's event. */
	int (*refused)(struct mst_role_env *env, const struct mst_peer *p, const char *attempt, int status, const char *why);
	/* Have the keeper sign a revocation list of what the store says is revoked. 0 or a fault. */
	int (*list)(struct mst_role_env *env, struct mst_list *l);
	/* What has ended, or will soon, is told and marked: MST_CLOCK_BATCH rows of a kind at most. 0 or a fault; may be NULL. */
	int (*clock)(struct mst_role_env *env, struct mst_clocked *c);
	/* Free *env.state, which is not NULL; may be NULL. */
	void (*forget)(void *state);
};

#endif
