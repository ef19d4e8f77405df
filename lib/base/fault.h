/*
 * Return values, everywhere in muster:
 *
 *    0         done
 *    positive  an outcome that the function's own header documents (not found, malformed, need more):
 *              part of the protocol, handled at once by the caller, never passed further up
 *    negative  a fault (enum mst_fault): passed up untouched, logged once at the top
 *
 * What a peer, a file or a database holds is never a fault; it is an outcome.
 */
#ifndef MST_BASE_FAULT_H
#define MST_BASE_FAULT_H

enum mst_fault {
	MST_FAULT_MEMORY = -1,  /* no memory, or a fixed limit of ours is too small */
	MST_FAULT_IO = -2,      /* the operating system said no; errno has the reason */
	MST_FAULT_CRYPTO = -3,  /* the crypto library failed */
	MST_FAULT_BUG = -4,     /* a promise of our own was broken */
	MST_FAULT_STORE = -5,   /* the database failed */
	MST_FAULT_SPACE = -6,   /* disk or database full; nothing was changed */
	MST_FAULT_CORRUPT = -7, /* data of our own does not check; never treated as absent */
	MST_FAULT_CONFIG = -8,  /* the configuration cannot be used; already explained to the user */
	MST_FAULT_CLOSED = -9,  /* the process at the other end of a link is gone */
};

/* A short constant text: "no memory", "input/output", … Never NULL. */
const char *mst_fault_text(int fault);

#endif
