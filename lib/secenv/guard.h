/*
 * A PIN that a device refused is not given to it again before its file has changed: devices count, and a daemon that is started again
 * and again would block it. Noted, in memory and in a file, is for each device which file it was in and when that was written; nothing of what it is.
 * Only a try that was counted is: what a device or a file lacks besides is MST_SECENV_UNREADY, or a file's that cannot be read.
 *
 *   guard.c      the root that notes
 *   pin-note.c   marks, and the note
 */
#ifndef MST_SECENV_GUARD_H
#define MST_SECENV_GUARD_H

#include "secenv/root.h"

#define MST_SECENV_DEVICE 192
#define MST_SECENV_MARK 512
#define MST_SECENV_NOTED 8           /* devices in one note; another one takes the oldest's place */
struct mst_secenv_noted { char device[MST_SECENV_DEVICE], mark[MST_SECENV_MARK]; };
struct mst_secenv_guard { char path[1024]; struct mst_secenv_noted noted[MST_SECENV_NOTED]; size_t n; bool unwritten; };

/* A device as the note and messages name it: the label of its token, its TCTI or its reader, as the settings have it; "": none is named. */
void mst_secenv_device(enum mst_secenv_kind kind, const char *name, char out[MST_SECENV_DEVICE]);
/*
 * The mark of that PIN as its file is now; "": a file that nobody can look at. No file named has a mark, too: a device counts who has no PIN.
 * A credential of a service manager's is a file anew at each start: its mark is its path and its length, and begins so.
 */
#define MST_SECENV_CREDENTIAL "credential "
void mst_secenv_mark(const char *pin_file, char out[MST_SECENV_MARK]);
/* The mark of its PIN, where that was refused by this device, as the guard knows; until the guard is used again. NULL: not known; NULL knows of none. */
const char *mst_secenv_refused(struct mst_secenv_guard *g, const char *device, const char *pin_file);
/*
 * This device has refused the PIN of that mark. The note is its directory's owner's, whoever writes it. FULL or a fault, with why in `d`: it could
 * not be written, and this process alone knows.
 */
MST_MUST_CHECK int mst_secenv_note(struct mst_secenv_guard *g, const char *device, const char *mark, struct mst_diag *d);
/* It has taken one: what was known of it when that began is forgotten. */
void mst_secenv_taken(struct mst_secenv_guard *g, const char *device);

/* How a device is opened under a guard. Everything is borrowed, and outlives the root. */
struct mst_secenv_guarded {
	const char *group, *pin_file;        /* of the settings, for messages: "keeper_key"; "": none is named */
	const char *device;                  /* of mst_secenv_device(); copied */
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
