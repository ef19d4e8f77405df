/*
 * A PIN that the device refused is not given to it again before its file has changed: devices count, and a daemon that is started again
 * and again would block it. Noted, in memory and in a file, is which file it was in and when that was written; nothing of what it is.
 */
#ifndef MST_SECENV_GUARD_H
#define MST_SECENV_GUARD_H

#include "secenv/root.h"

#define MST_SECENV_MARK 128
struct mst_secenv_guard { char path[1024], refused[MST_SECENV_MARK]; bool looked; };

/* The mark of that PIN as its file is now; "": a file that nobody can look at. No file named has a mark, too: a device counts who has no PIN. */
void mst_secenv_mark(const char *pin_file, char out[MST_SECENV_MARK]);
/* Is its PIN one that was refused, as that guard knows? NULL knows of none. */
bool mst_secenv_refused(struct mst_secenv_guard *g, const char *pin_file);
/* The PIN of that mark was refused, or, with NULL, one was taken. The note is its directory's owner's, whoever writes it. */
void mst_secenv_note(struct mst_secenv_guard *g, const char *mark);

/* How a device is opened under a guard. Everything is borrowed, and outlives the root. */
struct mst_secenv_guarded {
	const char *group, *pin_file;        /* of the settings, for messages: "keeper_key"; "": none is named */
	struct mst_secenv_guard *guard;      /* NULL: nothing is noted */
	bool logs_in;                        /* opening gives the PIN to the device */
	int (*open)(const void *ctx, struct secenv_root **ret, struct mst_diag *d);
	/* What REFUSED means, when that may be something other than the PIN. NULL: that. */
	int (*judge)(struct secenv_root *root, struct mst_diag *d);
	const void *ctx;
};
/*
 * The root notes by itself what its operations are told later, as a TPM sees the PIN only then. One whose PIN was refused asks its device
 * nothing any more.
 */
MST_MUST_CHECK int mst_secenv_guarded_open(const struct mst_secenv_guarded *how, struct secenv_root **ret, struct mst_diag *d);

#endif
