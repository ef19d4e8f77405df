/*
 * The key applet on a UICC: key pairs and symmetric keys that are made in the card and never leave it, and counters that only go up.
 *
 * OURS, command by command: what GSMA's IoT SAFE (IoT.05) promises (make a key pair, give its public key, sign a hash), in a set of
 * APDUs of our own, since that document was not at hand; nothing here is meant to be its encoding. Its identifier is of the range that
 * ISO/IEC 7816-5 leaves to the unregistered (F…). An applet that speaks IoT.05 fits behind the functions of this header.
 *
 *   select   00 A4 04 0C  F0 6D 75 73 74 65 72 01
 *   PIN      00 20 00 01  8 octets, FF-padded (TS 102 221 11.1.9)
 *   info     80 CA 00 00                    gives version 01, PIN on (0 or 1), tries left, room for further objects
 *   make     80 46 KIND 00  id              1 a key pair on P-256, 2 a symmetric key of 32 octets, 3 a counter (at 1)
 *   import   80 DB 02 00  id, 1 to 64 octets
 *   public   80 CB 00 00  id                gives x || y
 *   sign     80 9E 00 00  id, 32 octets     gives r || s, ECDSA
 *   HMAC     80 2A PART 00                  0: id; 1: some of the message; 2: the last of it, gives HMAC-SHA-256
 *   counter  80 32 STEP 00  id              0: as it is, 1: one further; gives 8 octets
 *   delete   80 E4 00 00  id                whatever has that id
 *
 * An id is 16 octets of the caller's choice. All but select and info want the PIN when it is on. Answers: 9000; 6982 PIN wanted,
 * 63Cx wrong PIN, 6983 blocked; 6A84 no room; 6A88 no such object; 6A89 there is one already; 6985 not with this object.
 *
 * Calls block for as long as the card takes. Outcomes are those of secenv.h, with the reason in `d`.
 */
#ifndef MST_SECENV_APPLET_H
#define MST_SECENV_APPLET_H

#include "secenv/card.h"
#include "secenv/root.h"

enum applet_kind { APPLET_PAIR = 1, APPLET_SECRET, APPLET_COUNTER };

struct applet_info { bool pin; unsigned tries, room; };

/*
 * The applet selected, and its PIN verified when that is on. A PIN is given once: when it is refused that is an outcome, and the last
 * try is never taken but left for a person. NOT_OFFERED: the card has no such applet.
 */
MST_MUST_CHECK int applet_select(struct mst_card_port *p, struct mst_view pin, struct applet_info *ret_i, struct mst_diag *d);
MST_MUST_CHECK int applet_make(struct mst_card_port *p, enum applet_kind k, const uint8_t id[ROOT_ID], struct mst_diag *d);
MST_MUST_CHECK int applet_import(struct mst_card_port *p, const uint8_t id[ROOT_ID], struct mst_view secret, struct mst_diag *d);
MST_MUST_CHECK int applet_public(struct mst_card_port *p, const uint8_t id[ROOT_ID], uint8_t ret_xy[64], struct mst_diag *d);
MST_MUST_CHECK int applet_sign(struct mst_card_port *p, const uint8_t id[ROOT_ID], const uint8_t digest[MST_SHA256_LEN], uint8_t ret_rs[64],
			       struct mst_diag *d);
MST_MUST_CHECK int applet_hmac(struct mst_card_port *p, const uint8_t id[ROOT_ID], struct mst_view message, uint8_t ret[MST_SHA256_LEN],
			       struct mst_diag *d);
MST_MUST_CHECK int applet_count(struct mst_card_port *p, const uint8_t id[ROOT_ID], bool step, uint64_t *ret_n, struct mst_diag *d);
/* Gone is done. */
MST_MUST_CHECK int applet_delete(struct mst_card_port *p, const uint8_t id[ROOT_ID], struct mst_diag *d);

/* What a card's port says (enum mst_card_outcome), as an outcome of the secure environment. */
int applet_outcome(int r);

#endif
