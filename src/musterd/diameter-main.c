/* musterd-diameter: the one process of musterd that is a program of its own, for the libraries that it needs (decision 0023). */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/heap.h"
#include "muster/version.h"
#include "server/diameter.h"

static const char usage[] =
	"musterd-diameter is started by musterd, for the group diameter of its configuration; see musterd(8)\n";

int main(int argc, char **argv)
{
	static const struct mst_role_ops *const none[] = { NULL };
	const char *name = "diameter";

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--version")) {
			printf("musterd-diameter %s\n", MST_VERSION);
			return 0;
		}
		if (!strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return 0;
		}
		if (!strncmp(argv[i], "--name=", 7))
			name = argv[i] + 7;
	}
	if (!mst_unit_is_child()) {
		fputs(usage, stderr);
		return 2;
	}
	(void)mst_heap_openssl();
	event_set_mem_functions(malloc, mst_heap_realloc, mst_heap_free);
	return mst_unit_main(&mst_diameter_unit, MST_ROLE_NONE, name, 0, false, none, mst_crypto_openssl());
}
