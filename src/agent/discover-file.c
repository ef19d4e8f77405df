/* A file whose owner we trust (architecture 3.4). */
#include <stdio.h>
#include <stdlib.h>

#include "agent/discover.h"

static void start(struct agent *a, const struct mst_instruction *i)
{
	char path[AGENT_PATH_MAX], words[sizeof(((struct mst_diag *)0)->field) + sizeof(((struct mst_diag *)0)->text) + 4];
	struct mst_diag d = { 0 };
	uint8_t *cbor;
	size_t n = 0;
	int r;

	if (!mst_view_to_str(i->uri, path, sizeof(path)) || path[0] != '/') {
		discover_failed(a, PROV_UNSUPPORTED, "discovery by file wants an absolute path", 0);
		return;
	}
	cbor = malloc(MST_SEQ_OCTETS);
	r = cbor ? agent_read_sequence(path, true, cbor, MST_SEQ_OCTETS, &n, &d) : MST_FAULT_MEMORY;
	snprintf(words, sizeof(words), "%s%s%s", d.field, d.field[0] ? ": " : "", d.text);
	if (r < 0)
		discover_failed(a, PROV_INTERNAL, mst_fault_text(r), 0);
	else if (r)
		discover_failed(a, PROV_UNREACHABLE, words, 0);      /* the report names the file by itself */
	else
		discover_yield(a, (struct mst_view){ cbor, n }, path);
	free(cbor);
}

const struct agent_discovery agent_discover_file = { .method = MST_METHOD_FILE, .start = start };
