#include "base/diag.h"

#include <stdarg.h>
#include <string.h>

static void append(char *out, size_t cap, const char *piece)
{
	size_t n = strlen(out), m = strlen(piece);

	if (m > cap - 1 - n)
		m = cap - 1 - n;
	memcpy(out + n, piece, m);
	out[n + m] = '\0';
}

void mst_diag_set(struct mst_diag *d, size_t offset, const char *field, const char *piece, ...)
{
	va_list ap;

	if (!d)
		return;
	memset(d, 0, sizeof(*d));
	d->offset = offset;
	if (field)
		append(d->field, sizeof(d->field), field);
	va_start(ap, piece);
	for (; piece; piece = va_arg(ap, const char *))
		append(d->text, sizeof(d->text), piece);
	va_end(ap);
}
