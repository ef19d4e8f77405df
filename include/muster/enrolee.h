/*
 * libmuster: the enrolee of oneM2M remote security provisioning (TS-0003 8.3), for makers of constrained devices.
 *
 * A device that was born with a certificate or with its maker's serial number and secret is handed *instructions*: with
 * whom to enrol, and how. This library carries them out and comes out with a *root credential* (muster/credential.h):
 * a key that the device shares with its M2M service provider alone, the provider's name for it, and the addresses.
 *
 * The library does no input or output, allocates nothing, reads no clock and no random numbers, keeps no global state and
 * never blocks. A `struct muster_enrolee` is a machine in the caller's storage: ask it what it wants, do that, tell it how
 * that went. muster/run.h does this asking in one loop, over ports of the device's own; whoever has an event loop
 * drives the machine himself:
 *
 *   muster_want()            do                                            then tell
 *   MUSTER_WANT_OPEN         open the TLS session of muster_session();     muster_opened() or muster_lost()
 *                            close an earlier one first
 *   MUSTER_WANT_SEND         send octets of muster_output() in it          muster_sent() or muster_lost()
 *   MUSTER_WANT_RECEIVE      wait for octets in it                         muster_received(), muster_lost(),
 *                                                                          or muster_tick() at muster_deadline()
 *   MUSTER_WANT_SAVE         make muster_record() durable in the           muster_saved() or muster_save_failed()
 *                            slot "pending"
 *   MUSTER_WANT_PROMOTE      "pending" becomes "active", atomically        muster_saved() or muster_save_failed()
 *   MUSTER_WANT_CARD         muster_use_card() (muster/card.h), with a     that is told by the call; or muster_lost()
 *                            subscriber's card only
 *   MUSTER_WANT_NOTHING      close the session                             muster_end() says how it ended
 *
 * The power may be cut at any moment. At the next start hand in what the slots hold (struct muster_start): the work goes on
 * from there. The active slot changes only after the new credential has authenticated; there is never none.
 *
 * Time: `now` is monotonic milliseconds, from any origin that stays the same from muster_init() on; `utc` is the time of day in
 * seconds, or 0 when the device does not know it. A clock that lost its battery does no harm: the library knows when it was built,
 * and believes what an authenticated server says.
 *
 * Threads: none. Different machines may be used in different threads.
 * Stability: names here keep their meaning within a major version of the shared library; structures that the caller fills
 * begin with their size, enumerations grow at their end.
 */
#ifndef MUSTER_ENROLEE_H
#define MUSTER_ENROLEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MUSTER_ENROLEE_SIZE 98304    /* octets of a machine, with room for later versions */
#define MUSTER_RECORD_MAX 5120       /* octets of the largest record of a slot */
#define MUSTER_KEY_LEN 32            /* octets of a root key */
#define MUSTER_EXPORT_LEN 48         /* octets to export from the session with an MEF */
#define MUSTER_NEVER INT64_MAX       /* no deadline; no end */

struct muster_card;                  /* muster/card.h: a subscriber's card, for devices that have one */

/* The machine. Its content is none of the caller's business; do not move it while it runs. */
struct muster_enrolee { uint64_t opaque[MUSTER_ENROLEE_SIZE / sizeof(uint64_t)]; };

/* Why an instruction, or everything, ended. */
enum muster_reason {
	MUSTER_OK,
	MUSTER_UNSUPPORTED,          /* no such method, credential or transport here; nothing was sent */
	MUSTER_UNREACHABLE,          /* no address answered, name unknown, connection lost */
	MUSTER_TIMEOUT,
	MUSTER_UNTRUSTED,            /* the peer could not be authenticated */
	MUSTER_NOT_AUTHENTICATED,    /* the peer did not take our credential */
	MUSTER_REFUSED,              /* authenticated and refused: policy, subscription, revoked */
	MUSTER_UNKNOWN,              /* the peer does not know us */
	MUSTER_BUSY,                 /* try later: muster_retry_after() */
	MUSTER_MALFORMED,            /* sequence, record, or what the peer said, could not be understood */
	MUSTER_EXPIRED,
	MUSTER_NOT_YET_VALID,
	MUSTER_STORAGE,              /* something could not be made durable, or could not be read back */
	MUSTER_INTERNAL,             /* a port failed, or was used out of turn */
	MUSTER_OVERSIZED,            /* more octets than an answer or a sequence may have */
	MUSTER_UNKNOWN_METHOD,       /* an instruction with a method that does not exist */
	MUSTER_WRONG_SERVICE,        /* the peer is who it should be, and not what was looked for */
	/* with a subscriber's card */
	MUSTER_NO_CARD,              /* there is none, or it does not answer */
	MUSTER_NO_APPLICATION,       /* it holds no USIM or ISIM */
	MUSTER_CARD_PIN,             /* the PIN is wanted, or was refused: do not begin again with the same one, the card counts */
	MUSTER_CARD_SYNC,            /* card and operator do not agree on the sequence number */
	MUSTER_FALSE_NETWORK,        /* who sent the challenge does not share the card's key; nothing was answered */
	MUSTER_NOT_PROVEN,           /* the answer is not the BSF's */
	MUSTER_UNKNOWN_SUBSCRIBER,   /* the BSF does not know the card's identity */
	MUSTER_REASON_COUNT_         /* grows */
};
const char *muster_reason_text(enum muster_reason r);      /* "not authenticated"; never NULL */

/*
 * The crypto port. HMAC-SHA-256 is all that the enrolment itself needs: keys are made by the TLS session's exporter and by
 * derivation from that (TS-0003 10.3). 0, or anything else when the library or token behind it failed.
 */
struct muster_crypto {
	void *ctx;
	int (*hmac_sha256)(void *ctx, const void *key, size_t key_n, const void *message, size_t message_n, unsigned char out[32]);
};

/*
 * What this device is. Fill with zeros first. Everything pointed to is borrowed until muster_wipe().
 */
struct muster_config {
	size_t size;                 /* sizeof(struct muster_config) */
	struct muster_crypto crypto;
	/* Method "cert": the device holds a certificate, which names it so (its M2M-Node-ID, …). NULL: it holds none. */
	const char *certified_name;
	/*
	 * Method "psk": KpmID and Kpm, as the maker gave them (16 to 64 octets, as octets: a shorter one can be guessed by who has listened to a
	 * handshake without Diffie-Hellman). NULL: it holds none.
	 */
	const char *psk_identity;
	const void *psk;
	size_t psk_n;
	int64_t open_ms, answer_ms;  /* deadlines of opening a session, and of one answer; 0 = 30 s */
	/* Where the standard leaves two ways open and the provider took the second: */
	bool hex_lower;              /* key identifiers are sent in lower case */
	bool label_connection;       /* the MEF's exporter label is EXPORTER-oneM2M-Connection */
	/* Method "gba": the device has a subscriber's card. NULL: it has none. */
	const struct muster_card *card;
};

/*
 * Ready for muster_start(). MUSTER_OK, or MUSTER_UNSUPPORTED: no crypto port, a credential that is no credential (a secret of fewer than 16
 * octets among them), a negative deadline, a configuration, or a card's, of a size that this library does not know, a card without room or one of its calls.
 */
enum muster_reason muster_init(struct muster_enrolee *e, const struct muster_config *c);
/* Overwrites all that is secret. Any number of times, also on zeroed storage. */
void muster_wipe(struct muster_enrolee *e);

/* What to begin with. Fill with zeros first. Nothing is borrowed. */
struct muster_start {
	size_t size;                 /* sizeof(struct muster_start) */
	/*
	 * The sequence of instructions, JSON or CBOR (instruction-sequence.schema.json in /usr/share/doc/muster/schema), up to 16 KiB. Bootstrap
	 * instructions for a MAF (by method gba also those for a CSE, SUID 22) run in order, the first success ends; others (discovery) are passed over as unsupported.
	 * NULL: only finish what the pending slot holds.
	 */
	const void *sequence;
	size_t sequence_n;
	const void *pending, *active;        /* what the slots hold; NULL: nothing */
	size_t pending_n, active_n;
	unsigned char random[16];    /* fresh random octets: they name this attempt on both sides */
};

/*
 * Begin. MUSTER_OK; or nothing has begun: MUSTER_MALFORMED, MUSTER_OVERSIZED, MUSTER_UNKNOWN_METHOD (muster_detail() says what,
 * and where), MUSTER_EXPIRED, MUSTER_NOT_YET_VALID (the sequence; a device whose credential came from one that has ended is renewed
 * by the same instructions without that end), MUSTER_STORAGE (a slot's record is damaged: never taken for an empty one; erase it,
 * or hand in NULL, when that is what you want), MUSTER_UNKNOWN (neither a sequence nor anything pending), MUSTER_UNSUPPORTED (a size that
 * this library does not know).
 * May be called again whatever happened before, except between a WANT_SAVE and its answer.
 */
enum muster_reason muster_start(struct muster_enrolee *e, const struct muster_start *s, int64_t now, int64_t utc);

enum muster_want {
	MUSTER_WANT_NOTHING, MUSTER_WANT_OPEN, MUSTER_WANT_SEND, MUSTER_WANT_RECEIVE, MUSTER_WANT_SAVE, MUSTER_WANT_PROMOTE,
	MUSTER_WANT_CARD
};
enum muster_want muster_want(const struct muster_enrolee *e);

enum muster_auth {
	MUSTER_AUTH_CERTIFICATE,     /* ours, and the server's */
	MUSTER_AUTH_PSK,             /* TLS-PSK: that key authenticates both; no certificate is looked at */
	MUSTER_AUTH_NONE,            /* no TLS, plain TCP: to a BSF, where the card's key protects what is said. Only with a card */
};

struct muster_octets { const unsigned char *p; size_t n; };

/*
 * The TLS session to open. 1.2 with extended master secret (RFC 7627) or 1.3; no resumption, no early data, no renegotiation.
 * Suites: TS-0003 10.2.2 and 10.2.3; with a PSK an ECDHE one, or TLS_PSK_WITH_AES_128_CBC_SHA256 as the last resort.
 */
struct muster_session {
	unsigned number;             /* another one: another session */
	enum muster_auth auth;
	const char *host;            /* FQDN: to dial, for SNI (always), and to be found in the server's certificate */
	uint16_t port;
	const char *psk_identity;    /* PSK */
	struct muster_octets psk;
	/* CERTIFICATE: what the instruction says of the server, DER anchors and RFC 6920 ni: names of public keys; when it says
	 * neither, the anchors that the device was made with count. */
	const struct muster_octets *anchors;
	size_t n_anchors;
	const char *const *pins;
	size_t n_pins;
	/* Not NULL: export MUSTER_EXPORT_LEN octets with this label and no context (RFC 5705, RFC 8446 7.5). */
	const char *export_label;
	int64_t utc;                 /* best knowledge of the time of day, to judge validity by: a lower bound while the clock is unset */
	bool utc_is_set;
	unsigned suite;              /* PSK: this one suite of TLS 1.2 alone, by its IANA number, for which the key is; 0: as above */
};
const struct muster_session *muster_session(const struct muster_enrolee *e);  /* until the next input */

/* The session is open and authenticated. `exported` is wiped; NULL when nothing was to be exported. */
void muster_opened(struct muster_enrolee *e, unsigned char *exported, int64_t now, int64_t utc);
/* It did not open, or has ended; MUSTER_OK: closed by the peer in good order. `detail` is for people and may be NULL. */
void muster_lost(struct muster_enrolee *e, enum muster_reason r, const char *detail, int64_t now, int64_t utc);

/* Octets to send (an HTTP/1.1 request); fewer may be sent than there are. *ret_n = 0 out of turn. */
const void *muster_output(const struct muster_enrolee *e, size_t *ret_n);
void muster_sent(struct muster_enrolee *e, size_t n);
/* Octets that came. They are used up; what came behind the awaited answer is dropped. */
void muster_received(struct muster_enrolee *e, const void *octets, size_t n, int64_t now, int64_t utc);

/* The record for the slot "pending", up to MUSTER_RECORD_MAX octets, in storage of the machine. It holds the key: encrypt it. *ret_n = 0 out of turn. */
const void *muster_record(struct muster_enrolee *e, size_t *ret_n);
void muster_saved(struct muster_enrolee *e, int64_t now, int64_t utc);
void muster_save_failed(struct muster_enrolee *e, const char *detail, int64_t now, int64_t utc);

int64_t muster_deadline(const struct muster_enrolee *e);   /* monotonic; MUSTER_NEVER: none */
void muster_tick(struct muster_enrolee *e, int64_t now, int64_t utc);

/* How it ended: MUSTER_OK is "enrolled, and the credential has been used"; else the last instruction's reason. While it runs:
 * MUSTER_OK too, so ask muster_want() first. */
enum muster_reason muster_end(const struct muster_enrolee *e);
const char *muster_detail(const struct muster_enrolee *e);     /* in words, "" when there is nothing to say */
/* Seconds that the servers asked us to wait, the longest of this run; 0: none did. Add jitter: a fleet asks together. */
int64_t muster_retry_after(const struct muster_enrolee *e);

/* What became of every instruction, in order (lesson: never one reason for many). */
struct muster_report { enum muster_reason reason; const char *uri, *step, *detail; };
unsigned muster_reports(const struct muster_enrolee *e);
struct muster_report muster_report(const struct muster_enrolee *e, unsigned i);

/* The arrow of the sequence diagram that is under way: "mef.register", …, "" when none. The servers log the same names. */
const char *muster_step(const struct muster_enrolee *e);
/* 32 hex digits that name this attempt in the servers' logs. */
const char *muster_attempt(const struct muster_enrolee *e);
/* Best knowledge of the time of day after what the servers said: worth keeping for the next start. */
int64_t muster_time(const struct muster_enrolee *e, int64_t now, int64_t utc);
/* Trust anchors for the registrar that came with the configuration: each a length of two octets, big endian, and DER. */
struct muster_octets muster_anchors(const struct muster_enrolee *e);

/* The library's own version and sizes, to compare with those of the headers. */
const char *muster_version(void);
size_t muster_enrolee_size(void);    /* octets of MUSTER_ENROLEE_SIZE that are in use */

#ifdef __cplusplus
}
#endif
#endif
