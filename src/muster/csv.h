/*
 * CSV as RFC 4180 writes it, read in place: quoted cells, doubled quotes, CR LF or LF. The text is
 * overwritten; cells point into it.
 */
#ifndef MUSTER_CSV_H
#define MUSTER_CSV_H

#include <stddef.h>
#include <stdio.h>

#include "base/secret.h"

#define CSV_COLUMNS 32

struct csv {
	char *p, *end, *start;           /* `start`: of the record just read */
	size_t line;                     /* of the record just read */
	size_t next_line;
	char *cell[CSV_COLUMNS];
	const char *error;               /* of the record just read; NULL = good */
};

void csv_start(struct csv *c, char *text, size_t n);
/* Next record: how many cells (blank lines are passed over), 0 at the end. */
size_t csv_next(struct csv *c);
/* Wipes the record just read: nobody has its cells any more. */
static inline void csv_forget(struct csv *c)
{
	mst_wipe(c->start, (size_t)(c->p - c->start));
}
/* How many records csv_next() will give from here, bad ones included; does not move. */
size_t csv_count(const struct csv *c);
/* Write one cell, quoted when it must be. */
void csv_put(FILE *f, const char *s);

#endif
