/*
 * Is a file with a secret its reader's alone? One answer for keys, PINs, passphrases and imports, on node and server.
 *
 * Its mode says so (nothing for group and others), or an access control list does: a service manager's credential (systemd's
 * LoadCredential=) belongs to root and names its reader in a list, and what stands where the group's rights do is then the mask of
 * that. Then nobody but the owner and that one user may read it, and nobody else anything.
 */
#ifndef MST_SECENV_PRIVATE_H
#define MST_SECENV_PRIVATE_H

#include <stdbool.h>
#include <sys/stat.h>

/* Of a file that is open; the reader is this process's user. */
bool mst_is_private(int fd, const struct stat *st);
/* Of a private key's file, which is its holder: nobody else's eyes, and nobody else's file. NULL, or what is wrong with it. */
const char *mst_private_distrust(int fd);
/* Of one by its name, which need not be readable. `any_reader`: whoever the list names, if it is one alone: for those who look
 * at somebody else's files (doctor). */
bool mst_is_private_file(const char *path, const struct stat *st, bool any_reader);

#endif
