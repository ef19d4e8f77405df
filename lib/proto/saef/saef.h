/*
 * MAF-based SAEF (TS-0003 8.2.2.3; spec 5.5): two nodes that share no key make one through the MAF that both
 * belong to, and secure a connection with it. PURE: one procedure with the MAF, for either side; the shell
 * opens the session with the MAF (KmID), and the TLS-PSK session between the two.
 *
 *   A (connects)                                  B (is connected to)
 *   saef_connect(): registers Kc for B            saef_accept(): the peer's psk_identity names a key and a MAF
 *      SUID 32, targetIDs = [B], exporter            not one of ours: an outcome at once, nothing is sent
 *   link: psk_identity, psk, until                   else retrieves the key, checks SUID, and who A is
 *                                                 link: psk, who A is, until
 *
 * Whatever keeps B from a key is an outcome with a word for B's operator. The peer is to see one and the same for
 * all of them but the MAF being out of reach (saef_hidden()): a handshake that fails as with a wrong key (lesson 21).
 *
 * The struct holds views into itself: do not move it after a saef_connect() or saef_accept() that succeeded.
 */
#ifndef MST_PROTO_SAEF_H
#define MST_PROTO_SAEF_H

#include "proto/mmaf/mmaf.h"

enum saef_outcome {
	SAEF_GOING_ON,               /* ask saef_want() */
	SAEF_DONE,                   /* saef_link() has it */
	/* B, about the identity, before anybody is asked */
	SAEF_IDENTITY_MALFORMED,     /* no key identifier */
	SAEF_OTHER_MAF,              /* names a MAF that we do not belong to: nobody is asked */
	/* B, by the MAF's word */
	SAEF_KEY_UNKNOWN,            /* never registered, ended, or de-registered */
	SAEF_NOT_A_TARGET,           /* registered for others */
	SAEF_KEY_ENDED,              /* its lifetime is over */
	SAEF_OTHER_USE,              /* SUID is not 32 */
	SAEF_PEER_NOT_WANTED,        /* A is none of those that the caller takes */
	/* A, by the MAF's word */
	SAEF_NOT_REGISTERED,         /* the MAF does not know our registration */
	/* either side */
	SAEF_REFUSED,                /* the MAF refuses: policy, subscription, limits */
	SAEF_NOT_AUTHENTICATED,      /* the MAF does not take our own credential */
	SAEF_MAF_UNREACHABLE,        /* no answer, or too busy */
	SAEF_MAF_UNTRUSTED,          /* who answers cannot prove to be the MAF */
	SAEF_MALFORMED,              /* the MAF's answer is not understandable */
	SAEF_NO_CREDENTIAL,          /* this node belongs to no MAF (yet): for shells */
	SAEF_BUSY,                   /* too much of this is going on here: for shells */
	SAEF_INTERNAL,
	SAEF_OUTCOME__COUNT
};
const char *saef_outcome_text(enum saef_outcome o);          /* "not-a-target": one word, for programs */
const char *saef_outcome_words(enum saef_outcome o);         /* for people, with what helps */
enum saef_outcome saef_outcome_of(const char *text);         /* SAEF_INTERNAL when there is no such word */
/* True: the peer sees a handshake with a wrong key. False: no verdict on its key; it may try again later. */
bool saef_hidden(enum saef_outcome o);

/* What comes of it: what the TLS-PSK session between A and B needs. Holds a key: wipe with saef_deinit(). */
struct saef_link {
	char psk_identity[MST_ID_MAX];       /* RelativeKeyID@MAF-FQDN, spelt as the MAF does */
	struct mst_key psk;                  /* Kc; its first half with quirk saef_psk_first_half */
	char peer[MST_ID_MAX];               /* A: B's identifier; B: A's absolute CSE-ID or AE-ID, "" when it has none */
	char credential_id[MST_ID_MAX];      /* Credential-ID of the session: "12-" and psk_identity; B, when the MAF knows A by
	                                        its key only: "11-" and KmID */
	mst_time until;                      /* Kc's end: no handshake after it */
};

struct saef_config {
	const char *maf_fqdn;        /* the MAF that we belong to, and no other */
	const char *base;            /* "/MAFBase" */
	const char *from;            /* our identity towards it */
	const char *client_id;       /* absolute, as it knows us; NULL = whatever it says */
	const char *admin_fqdn;
	const char *attempt;
	const struct mst_quirks *quirks;
	mst_ms answer_ms;
	mst_time expires;            /* A: proposed end of Kc */
	const char *const *peers;    /* B: who may connect, absolute ids; none = whoever the MAF vouches for */
	size_t n_peers;
};

struct saef {
	bool accepts;
	enum saef_outcome outcome;
	bool first_half;
	const char *const *peers;
	size_t n_peers;
	char peer[MST_ID_MAX];       /* A: whom to */
	char rel[MST_ID_MAX];        /* B: key asked for */
	const char *target[1];
	struct mmaf_key_ask ask;
	struct mmaf maf;
	struct mst_failure failure;
	struct saef_link link;
};

/* Which MAF does a psk_identity name? False: it is no key identifier. For shells that hold several credentials. */
MST_MUST_CHECK bool saef_maf_of(const char *psk_identity, char ret_fqdn[MST_ID_MAX]);

/* A: a key with `peer` (absolute CSE-ID or AE-ID). False with `d`: it cannot be asked for. `c` and its texts are copied or
 * borrowed until saef_opened() has returned; `peers` until the end. */
MST_MUST_CHECK bool saef_connect(struct saef *s, const struct saef_config *c, const char *peer, struct mst_diag *d);
/* B: the key behind `psk_identity`. SAEF_GOING_ON, or the outcome. */
MST_MUST_CHECK enum saef_outcome saef_accept(struct saef *s, const struct saef_config *c, const char *psk_identity);
void saef_deinit(struct saef *s);    /* wipes */

/* `exported`: A: the 48 octets of the MAF session's exporter, label Connection; wiped by the call. B: NULL. */
void saef_opened(struct saef *s, uint8_t *exported, mst_ms now, mst_time utc);
void saef_sent(struct saef *s);
void saef_feed(struct saef *s, const struct mst_response *a, mst_ms now, mst_time utc);
void saef_garbage(struct saef *s, const char *detail, mst_ms now, mst_time utc);
void saef_lost(struct saef *s, enum prov_reason r, const char *detail, mst_ms now, mst_time utc);
void saef_tick(struct saef *s, mst_ms now, mst_time utc);

/* As mmaf_want(): SESSION = with the MAF, by KmID. NOTHING: it has ended. */
enum mmaf_want saef_want(const struct saef *s, const struct mst_request **ret_q);
mst_ms saef_deadline(const struct saef *s);
enum saef_outcome saef_outcome(const struct saef *s);
const char *saef_detail(const struct saef *s);               /* for people; "" when there is nothing to add */
const struct saef_link *saef_link(const struct saef *s);     /* good after SAEF_DONE */
/* The psk for a Kc that was kept. */
void saef_psk(const struct mst_key *kc, bool first_half, struct mst_key *ret_psk);

#endif
