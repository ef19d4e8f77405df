/*
 * A store changes its back end: what it holds is sealed anew for another root, and the old one is given back (decision 0034).
 *
 * Beside the store, which goes on being the store, another one is built: `state`/moving.part under KEY.moving. The step that counts is
 * one rename of one file, KEY.moving to KEY: before it everything is of the old back end, after it of the new one. What is cut off
 * is finished or taken back by the next who looks, mst_secenv_move_settle(), and nobody opens a store before that:
 *
 *   moving.part/               being built: goes
 *   moving/ and KEY.moving     built, not yet the store: goes, and so does what it has in its device
 *   moving/ without            it is the store: the old files go, then …
 *   moved/                     … its files take their places
 *   KEY.old                    the old back end's record: what it has in its device goes (counter, key), then it is overwritten
 */
#ifndef MST_SECENV_MOVE_H
#define MST_SECENV_MOVE_H

#include "secenv/sealed.h"

struct secenv_move {
	const char *dir, *key_file;
	struct mst_crypto *c;
	void *ctx;
	/* The root of a back end as the settings have it. */
	int (*root)(void *ctx, enum mst_secenv_kind kind, struct secenv_root **ret, struct mst_diag *d);
	/* A blob on its way, to be changed where it lies (`cap` octets): keys in it are the old store's. NULL: as it is. */
	int (*blob)(void *ctx, struct mst_secenv *from, struct mst_secenv *to, const char *name, uint8_t *b, size_t cap, size_t *n, struct mst_diag *d);
	/* Before the step that counts: what lies outside of the store and is its own. NULL: nothing. */
	int (*also)(void *ctx, struct mst_secenv *from, struct mst_secenv *to, struct mst_diag *d);
	void (*point)(void *ctx, const char *name);      /* reached: for tests of power cuts; may be NULL */
	struct secenv_port *port;                        /* NULL: the real one */
};

/*
 * To `to`. 0; NONE (no store is there); OTHER (it is there already); an outcome of either device, LOCKED, CORRUPT, FULL or a fault: then nothing
 * has changed, or everything has and the next look finishes it. A `d` that is filled although 0 was returned: what the old one had in
 * its device could not be given back, and KEY.old is kept for another try.
 */
MST_MUST_CHECK int mst_secenv_move(const struct secenv_move *m, enum mst_secenv_kind to, struct mst_diag *d);
/* What a move that was cut off left behind. 0, LOCKED, or a fault; `d` as above. `root` is asked for where a device is to give back. */
MST_MUST_CHECK int mst_secenv_move_settle(const struct secenv_move *m, struct mst_diag *d);

/* A key of `from` for `to`: sealed anew, or as it is when it was never sealed. NONE: it is inside of the old device, and stays there. */
MST_MUST_CHECK int mst_secenv_rekey(struct mst_secenv *from, struct mst_secenv *to, const struct mst_secenv_key *k, struct mst_secenv_key *ret_k,
				    struct mst_diag *d);

#endif
