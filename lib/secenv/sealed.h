/*
 * Sealed files with two generations, in one directory. Logical file `name` is name.a and name.b; each has a
 * counter, the greatest that opens counts. A new one is always written over the one that does not count.
 */
#ifndef MST_SECENV_SEALED_H
#define MST_SECENV_SEALED_H

#include <dirent.h>
#include <sys/types.h>

#include "secenv/secenv.h"

/* The calls that can fail on a device, for tests to fail on purpose. */
struct secenv_port {
	int (*open)(struct secenv_port *p, int dir, const char *name, int flags, mode_t mode);
	ssize_t (*read)(struct secenv_port *p, int fd, void *b, size_t n);
	struct dirent *(*readdir)(struct secenv_port *p, DIR *d);       /* NULL: the end when errno is 0 */
	ssize_t (*write)(struct secenv_port *p, int fd, const void *b, size_t n);
	int (*fsync)(struct secenv_port *p, int fd);
	int (*rename)(struct secenv_port *p, int dir, const char *from, const char *to);
	int (*unlink)(struct secenv_port *p, int dir, const char *name);
	int (*link)(struct secenv_port *p, int dir, const char *from, const char *to);
};
struct secenv_port *secenv_port_real(void);

#define SEALED_PLAIN_MAX (64u * 1024u)
#define SEALED_HEAD 14u                 /* magic 4, version 2, counter 8 */
#define SEALED_MAX (SEALED_HEAD + MST_BOX_OVERHEAD + SEALED_PLAIN_MAX)
#define SEALED_NAME_MAX 48

struct sealed {
	struct secenv_port *port;
	struct mst_crypto *c;
	int dir;
	uint8_t key[32];
	bool unreadable;                        /* the last look could not read a copy that is there; what it holds nobody knows */
	uint8_t plain[SEALED_PLAIN_MAX];        /* what the last load gave */
	uint8_t file[SEALED_MAX + 1];
};

/* Result of a fault in errno: MST_SECENV_FULL or MST_FAULT_IO, explained in `d`. */
int secenv_os_outcome(struct mst_diag *d, const char *what);

/* 0, MST_SECENV_NONE, MST_SECENV_CORRUPT. *ret_v is good until the next call. `settled`: both generations
 * are there and hold the same octets. */
MST_MUST_CHECK int sealed_load(struct sealed *s, const char *name, struct mst_view *ret_v, bool *ret_settled,
			       struct mst_diag *d);
/* Durable when it returns 0; else MST_SECENV_FULL or a fault. */
MST_MUST_CHECK int sealed_store(struct sealed *s, const char *name, struct mst_view v, struct mst_diag *d);
/*
 * The same for a file that another one names by a mark, which is bound as the name is: what was stored with another mark counts as damaged. `was`:
 * the mark that it has had, so that the copy that counts is not the one that is written over. Both empty: as above.
 */
#define SEALED_MARK 8u
MST_MUST_CHECK int sealed_load_marked(struct sealed *s, const char *name, struct mst_view mark, struct mst_view *ret_v, bool *ret_settled,
				      struct mst_diag *d);
MST_MUST_CHECK int sealed_store_marked(struct sealed *s, const char *name, struct mst_view was, struct mst_view mark, struct mst_view v,
				       struct mst_diag *d);
/* Gone when it returns 0. */
MST_MUST_CHECK int sealed_erase(struct sealed *s, const char *name, struct mst_diag *d);
bool sealed_exists(const struct sealed *s, const char *name);

/* Write-new, fsync, rename, fsync(dir); `dir` is a directory's descriptor. */
MST_MUST_CHECK int secenv_write_file(struct secenv_port *p, int dir, const char *name, struct mst_view v,
				     struct mst_diag *d);
/* The same by its path. */
MST_MUST_CHECK int secenv_write_path(struct secenv_port *p, const char *path, struct mst_view v, struct mst_diag *d);

/* mst_secenv_open() and mst_secenv_file_open() on another port. */
struct secenv_root;
MST_MUST_CHECK int secenv_open_on(struct secenv_port *p, const char *dir, const char *key_file, struct secenv_root *root,
				  struct mst_crypto *c, struct mst_secenv **ret_s, struct mst_diag *d);
MST_MUST_CHECK int secenv_file_open_on(struct secenv_port *p, const char *dir, const char *key_file,
				       struct mst_crypto *c, struct mst_secenv **ret_s, struct mst_diag *d);

#endif
