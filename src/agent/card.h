/*
 * The node's subscriber card, asked without stopping the loop. A call may take a card's hundreds of milliseconds, or for
 * ever: a real card is asked in a thread of its own, one at a time, and who asked hears of the end in any case. A card in
 * software is asked at once, as it keeps what it counts in the node's store, which is the loop's.
 *
 * The card is opened for each question and closed after it: nothing of it is held while a server is waited for.
 */
#ifndef AGENT_CARD_H
#define AGENT_CARD_H

#include "agent/agent.h"
#include "proto/gba/keys.h"
#include "secenv/card.h"

enum card_job {
	CARD_IDENTITY,               /* who the subscriber is, and which BSF is his */
	CARD_AUTHENTICATE,
	CARD_NAF_KEY,
	CARD_NOTE,                   /* B-TID and end into EF_GBABP (GBA_U) */
};
struct card_question {
	enum card_job job;
	uint8_t rnd[GBA_RAND], autn[GBA_AUTN];
	uint8_t naf_id[GBA_NAF_ID_MAX];
	size_t naf_id_n;
	char impi[MST_ID_MAX], btid[MST_BTID_MAX], lifetime[32];
};
struct card_reply {
	int r;                       /* 0, enum mst_card_outcome, or a fault */
	struct mst_diag d;
	char impi[MST_ID_MAX], bsf[MST_ID_MAX];      /* IDENTITY; bsf: "" when none can be told */
	struct mst_card_aka aka;     /* AUTHENTICATE: with 0 and MST_CARD_STALE */
	bool has_keys;               /* GBA_ME: CK and IK are in it */
	struct mst_key key;
};
typedef void card_done(struct agent *a, const struct card_reply *r);

bool card_there(const struct agent_config *c);
/* The calculations that only a card needs. A failure is explained in the log. */
MST_MUST_CHECK int card_self_test(struct agent *a);
/* `done` comes from the loop, never from inside this call. One question at a time. 0 or a fault. */
MST_MUST_CHECK int card_ask(struct agent *a, const struct card_question *q, card_done *done);
/* Nobody waits for the answer any more. */
void card_forget(struct agent *a);
void card_free(struct agent *a);
/* What that outcome is in a report, and its words. */
enum prov_reason card_reason(int r);
void card_words(const struct card_reply *r, char *out, size_t cap);
/* --check, which every start begins with: the files that the settings name, and never the card, which may be missing and counts PINs. */
MST_MUST_CHECK int card_check(const struct agent_config *c, struct card_reply *ret_r);
/* The settings for keys of GBA. False: gba.ua is none that is built in. */
MST_MUST_CHECK bool card_ua(const struct agent_config *c, struct gba_ua *ret_ua);
/* Which suite of TLS 1.2 goes with it, or MST_TLS_PSK_13; 0: none that is built in. */
uint16_t card_suite(const uint8_t ua[GBA_UA]);
/* Its suite is one with a server's certificate: the key is proved inside, by HTTP Digest (TS 33.222 5.3). */
bool card_digest(const uint8_t ua[GBA_UA]);

#endif
