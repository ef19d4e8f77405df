#ifndef MUSTER_INIT_CA_H
#define MUSTER_INIT_CA_H

#include <limits.h>

#include "keeper/keeper.h"
#include "muster.h"
#include "secenv/place.h"

/* Where the CA's key of a new installation is to be. */
struct init_ca {
	enum mst_secenv_kind kind;
	struct mst_secenv_place place;
	bool best, given;                        /* what works here; said by whoever makes it, and not by us */
	const char *state;                       /* what a token's module needs besides */
	struct secenv_root *root;
	char text[MST_SECENV_URI_MAX], paths[3][PATH_MAX];
};
/* `where` as in muster(1); `pin_file`, `state`: NULL when not given. False when said to be wrong. */
bool init_ca_parse(struct init_ca *ca, const char *where, const char *pin_file, const char *state);
/* 0, or EXIT_FAULT, told. A file has none: nothing is opened. */
int init_ca_open(const struct muster *m, struct init_ca *ca, struct mst_diag *d);
void init_ca_close(struct init_ca *ca);
/* The keeper that was made with it. */
int init_ca_keeper(struct init_ca *ca, const char *dir, struct mst_keeper **ret, struct mst_diag *d);
/* Nobody said where: is there a better place? Told, with what to type. */
void init_ca_hint(const struct init_ca *ca, bool split);
/* Its group for musterd.conf. */
void init_ca_config(const struct init_ca *ca, struct mst_writer *w);

#endif
