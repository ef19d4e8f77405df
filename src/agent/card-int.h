/* Shared by the two files about the card. */
#ifndef AGENT_CARD_INT_H
#define AGENT_CARD_INT_H

#include "agent/card.h"

/* One question, with all that a thread needs for it. */
struct card_work {
	struct agent_config cfg;     /* a copy: the thread may outlive the agent */
	struct mst_crypto *crypto;
	struct mst_secenv *env;      /* of a card in software */
	struct aka_keys keys;
	struct mst_key pin;
	struct card_question question;
	struct card_reply reply;
	int fd;                      /* one octet into it when the reply is there */
	bool abandoned;              /* the loop's: nobody reads the reply */
};
void card_work(struct card_work *w);
MST_MUST_CHECK int card_load_keys(const struct agent_config *cfg, struct mst_crypto *c, struct aka_keys *ret_k, struct mst_diag *d);
MST_MUST_CHECK int card_load_pin(const struct agent_config *cfg, struct mst_key *ret_pin, struct mst_diag *d);

#endif
