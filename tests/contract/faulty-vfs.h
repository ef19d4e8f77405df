/* The default VFS with an accident waiting at the n-th write or sync of any file. */
#ifndef TESTS_CONTRACT_FAULTY_VFS_H
#define TESTS_CONTRACT_FAULTY_VFS_H

enum accident {
	ACCIDENT_NONE,
	ACCIDENT_FULL,      /* no space left: SQLITE_FULL, from then on until cleared */
	ACCIDENT_IO,        /* the medium fails once */
	ACCIDENT_KILL,      /* SIGKILL to the own process, before anything is written */
	ACCIDENT_KILL_HALF, /* the same, with half of the octets written */
};

void faulty_vfs_install(void);
/* At the n-th write or sync from now. */
void faulty_vfs_arm(enum accident what, unsigned n);
/* Syncs counted since armed. */
unsigned faulty_vfs_syncs(void);

/* Another program does this to the database file. */
void by_other_hands(const char *path, const char *sql);

#endif
