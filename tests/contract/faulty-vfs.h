/* The default VFS with an accident waiting at the n-th write or sync of any file, or at the n-th read. */
#ifndef TESTS_CONTRACT_FAULTY_VFS_H
#define TESTS_CONTRACT_FAULTY_VFS_H

#include <stdbool.h>

enum accident {
	ACCIDENT_NONE,
	ACCIDENT_FULL,      /* no space left: SQLITE_FULL, from then on until cleared */
	ACCIDENT_IO,        /* the medium fails once */
	ACCIDENT_READ,      /* it fails once, where it is read: reads are counted, and nothing else */
	ACCIDENT_KILL,      /* SIGKILL to the own process, before anything is written */
	ACCIDENT_KILL_HALF, /* the same, with half of the octets written */
};

void faulty_vfs_install(void);
/* At the n-th write or sync (ACCIDENT_READ: read) from now. */
void faulty_vfs_arm(enum accident what, unsigned n);
/* Did it come to that? */
bool faulty_vfs_fired(void);
/* Syncs counted since armed. */
unsigned faulty_vfs_syncs(void);

/* Another program does this to the database file. */
void by_other_hands(const char *path, const char *sql);

#endif
