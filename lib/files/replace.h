/*
 * Files that take the place of others: written beside it under a name that nobody guesses (who else may write in that directory has put nothing
 * there that a key would go into), on the disk, then renamed. At every moment there is the old one or the new.
 *
 * No file system gives two names at once. When the power goes between the first and the second, the first is new and the second is not; the old
 * first one and the new second one are beside them then, as .NAME.XXXXXX, with six letters or digits.
 */
#ifndef MST_FILES_REPLACE_H
#define MST_FILES_REPLACE_H

#include <stdbool.h>

#include "base/view.h"

#define MST_FILES_TOGETHER 2
#define MST_FILES_PATH 4096

struct mst_file {
	const char *path;                 /* up to MST_FILES_PATH octets with its NUL */
	struct mst_view content;
	unsigned mode;                    /* less what the umask takes */
	bool same_owner;                  /* done by root, it goes to whom the old one belonged; where there is none, to whom the directory belongs */
};

/*
 * All or none: each is written before the first takes its place, and when a name is refused then, those before it get back what they had (but where a
 * file system cannot exchange two names, like NFS: there they stay). `n`: 1 to MST_FILES_TOGETHER. 0, or an errno of file[*ret_at]: *ret_placed when
 * all are in place, and may be gone after a power cut.
 */
int mst_files_replace(const struct mst_file *file, size_t n, size_t *ret_at, bool *ret_placed);

#endif
