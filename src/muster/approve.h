/* What waits for a second person, for `muster approve` and its page. */
#ifndef MUSTER_APPROVE_H
#define MUSTER_APPROVE_H

#include "crypto/crypto.h"
#include "muster.h"

#define APPROVE_DIGITS (2 * MST_SHA256_LEN)

/* Made here, of what is shown here: a server that shows one thing and means another gets a yes to nothing. False: the answer makes no sense. */
bool approve_digest(const json_t *a, char hex[APPROVE_DIGITS + 1]);
/* approve-page.c */
int approve_page(struct muster *m, int argc, char **argv);

#endif
