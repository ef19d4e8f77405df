/*
 * A card that holds a subscriber's key: a USIM or ISIM application on a UICC, behind PC/SC, behind a modem, or, in the
 * laboratory, in software (architecture 3.5, spec gba.md 8). K never leaves it; what leaves is RES, and CK and IK
 * (GBA_ME) or a NAF key (GBA_U).
 *
 * Calls block for as long as the card takes (AUTHENTICATE: some 100 ms; a transport that gets no answer ends after its
 * own time limit), so the agent makes them from a thread. One thread at a time.
 *
 * Positive returns are outcomes, with the reason and what to do next in `d`.
 */
#ifndef MST_SECENV_CARD_H
#define MST_SECENV_CARD_H

#include "base/diag.h"
#include "base/secret.h"
#include "codec/uicc.h"
#include "proto/aka/aka.h"
#include "secenv/secenv.h"

enum mst_card_outcome {
	MST_CARD_NO_READER = 1,  /* no reader or modem, or the service that has it does not run */
	MST_CARD_NO_CARD,        /* a reader without a card, or a card that does not answer */
	MST_CARD_NO_APP,         /* a card without the application that is wanted */
	MST_CARD_PIN,            /* the PIN is switched on: give it */
	MST_CARD_PIN_WRONG,      /* it was refused; `d` says how often one may still try. Never tried again by us */
	MST_CARD_MAC,            /* AUTN is not from the network that the card belongs to */
	MST_CARD_STALE,          /* the sequence number is: the answer is an AUTS */
	MST_CARD_NO_GBA,         /* the card does no GBA_U: use the 3G context (GBA_ME) where that is allowed */
	MST_CARD_NO_KEY,         /* NAF derivation before bootstrapping */
	MST_CARD_ODD,            /* an answer that no specification has */
};

/* Transport of one command and one answer: both whole APDUs, the answer with its status word. */
struct mst_card_port;
struct mst_card_port_ops {
	const char *name;        /* "pcsc", "at", "software" */
	/* 0, NO_CARD, NO_READER, or a fault. `out` has room for MST_APDU_ANSWER_MAX. */
	int (*transmit)(struct mst_card_port *p, struct mst_view command, uint8_t *out, size_t *ret_n, struct mst_diag *d);
	void (*close)(struct mst_card_port *p);
};
struct mst_card_port {
	const struct mst_card_port_ops *ops;
	bool t1;                 /* T=1: Le goes with the command. T=0 (and modems): an answer is fetched with GET RESPONSE */
};

/* A command and its answer's data and status word, whichever way the card hands it over (61xx, 6Cxx). 0, ODD, or what transmit gives. */
MST_MUST_CHECK int mst_card_exchange(struct mst_card_port *p, struct mst_view command, uint8_t out[MST_APDU_ANSWER_MAX], struct mst_view *ret_data,
				     unsigned *ret_sw, struct mst_diag *d);

/*
 * PC/SC: the reader of this name (or whose name begins so), or with "" the first one that has a card. The card is
 * held in a transaction, so that no other program selects between our commands. `d` explains what is missing (lesson
 * 23): service not running, no reader, no card, refused by the system's policy.
 */
MST_MUST_CHECK int mst_card_pcsc_open(const char *reader, struct mst_card_port **ret_p, struct mst_diag *d);
/* Names of the readers, one a call: `at` from 0; false after the last. For `muster doctor` and error texts. */
bool mst_card_pcsc_reader(size_t at, char *out, size_t cap);

/*
 * AT+CSIM (TS 27.007 8.17) on a modem's port, for example /dev/ttyUSB2, or any terminal. `speed` 0 leaves it as it is.
 * Each answer is waited for `timeout_ms`. Unsolicited lines between are passed over.
 */
MST_MUST_CHECK int mst_card_at_open(const char *device, unsigned speed, unsigned timeout_ms, struct mst_card_port **ret_p,
                                    struct mst_diag *d);

/*
 * A USIM (and with `impi` an ISIM) in software, for laboratories and demonstrations: the same commands, and the same
 * code, as a card. K and OPc are copied and lie in this process's memory, so this is no secure environment of a product.
 * What a card keeps (counters, Ks and EF_GBABP) is kept in `secenv` as the blob "usim", before an answer leaves.
 * Outcomes: MST_CARD_NO_CARD (the blob is damaged or of other keys' making; `d` says what to do), MST_CARD_ODD (names or keys
 * that a card cannot have).
 */
struct mst_card_software {
	const char *imsi;                    /* 6 to 15 digits */
	int mnc_digits;                      /* 2 or 3 */
	const char *impi;                    /* NULL: no ISIM */
	const struct aka_keys *keys;
	bool gba;                            /* does GBA itself (GBA_U) */
	struct mst_secenv *secenv;           /* not owned; used until close */
};
MST_MUST_CHECK int mst_card_software_open(const struct mst_card_software *s, struct mst_crypto *c, struct mst_card_port **ret_p,
                                          struct mst_diag *d);

enum mst_card_app { MST_CARD_ANY, MST_CARD_USIM, MST_CARD_ISIM };    /* ANY: the ISIM when there is one, else the USIM */

#define MST_CARD_IMPI_MAX 256
struct mst_card {
	struct mst_card_port *port;          /* not owned */
	enum mst_card_app app;               /* the one selected: USIM or ISIM */
	uint8_t aid[MST_UICC_AID_MAX];
	size_t n_aid;
	char imsi[MST_UICC_IMSI_MAX];        /* "" on an ISIM */
	int mnc_digits;                      /* 2 or 3; 0 on an ISIM */
	char impi[MST_CARD_IMPI_MAX];        /* "" on a USIM: made from the IMSI (TS 23.003 13.3) */
	bool gba;                            /* the service table has GBA */
};

/* Finds and selects the application, verifies the PIN when it is on (`pin` may be empty), reads the identity. */
MST_MUST_CHECK int mst_card_open(struct mst_card *ret_c, struct mst_card_port *p, enum mst_card_app want, struct mst_view pin,
                                 struct mst_diag *d);

/* Filled as far as the context gives it; wiped by mst_card_aka_wipe(). */
struct mst_card_aka {
	uint8_t res[16];
	size_t n_res;
	uint8_t ck[16], ik[16];              /* 3G context only */
	uint8_t auts[MST_UICC_AUTS];         /* with MST_CARD_STALE only */
};
void mst_card_aka_wipe(struct mst_card_aka *a);

/* The card answers the network's challenge: 3G context for GBA_ME, GBA context for GBA_U (Ks stays in the card). */
MST_MUST_CHECK int mst_card_authenticate(struct mst_card *c, enum mst_uicc_context context, const uint8_t challenge[MST_UICC_RAND],
                                         const uint8_t autn[MST_UICC_AUTN], struct mst_card_aka *ret_a, struct mst_diag *d);
/* After a GBA bootstrapping: Ks_ext_NAF. NAF_Id is the FQDN and five octets of Ua identifier. */
MST_MUST_CHECK int mst_card_derive_naf(struct mst_card *c, struct mst_view naf_id, struct mst_view impi, struct mst_key *ret_key,
                                       struct mst_diag *d);
/* EF_GBABP after message 4 (33.220 annex G.1): B-TID and lifetime, the RAND that the card wrote is kept. */
MST_MUST_CHECK int mst_card_note_btid(struct mst_card *c, struct mst_view btid, struct mst_view lifetime, struct mst_diag *d);
/* What EF_GBABP holds; the views point into `room`, 512 octets of the caller's. */
MST_MUST_CHECK int mst_card_read_gbabp(struct mst_card *c, uint8_t room[512], struct mst_uicc_gbabp *ret_b, struct mst_diag *d);

#endif
