/*
 * A UICC as the secure environment: a card with a key applet (applet.h) behind PC/SC; the one with the subscription, or another.
 *
 * The store's key is HMAC-SHA-256 of a salt under a key that the card made; key pairs are made in it and sign in it, and changes of the
 * store are counted in it. Nothing of these leaves the card. Each operation opens the card, gives the PIN and closes it again, so that
 * others, the SIM's side of the agent among them, go on using it; until then it waits.
 */
#ifndef MST_SECENV_UICC_H
#define MST_SECENV_UICC_H

#include "secenv/secenv.h"

struct mst_secenv_uicc {
	const char *reader;     /* as mst_card_pcsc_open() has it; "" = the first with a card */
	const char *pin_file;   /* "" = none */
};
/* 0, MST_SECENV_ABSENT, MST_SECENV_NOT_OFFERED (no such applet), MST_SECENV_REFUSED, MST_SECENV_LOCKOUT, or a fault. The strings are copied. */
MST_MUST_CHECK int mst_secenv_uicc_open(const struct mst_secenv_uicc *cfg, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d);

#endif
