/* PostgreSQL: its library, loaded when it is wanted. */
#include <dlfcn.h>
#include <string.h>

#include "store/pg.h"

#define LIBRARY "libpq.so.5"

struct pg_library pq;

static int missing(struct mst_diag *d, const char *what)
{
	const char *why = dlerror();

	mst_diag_set(d, 0, "store", what, ": ", why ? why : "not there", "; the package libpq5 has it, of version 14 or later", NULL);
	return MST_FAULT_CONFIG;
}

int pg_load(struct mst_diag *d)
{
	static const struct { const char *name; size_t at; } row[] = {
#define ROW(f) { #f, offsetof(struct pg_library, f) },
		PG_FUNCTIONS(ROW)
#undef ROW
	};
	static void *library;

	if (library)
		return 0;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return missing(d, LIBRARY);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		void *f = dlsym(library, row[i].name);

		if (!f) {
			int r = missing(d, row[i].name);

			dlclose(library);
			library = NULL;
			return r;
		}
		memcpy((uint8_t *)&pq + row[i].at, &f, sizeof(f));
	}
	return 0;
}
