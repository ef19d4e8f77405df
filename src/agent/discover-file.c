/*
 * A file (architecture 3.4): a signed bundle wherever it lies, or a plain sequence whose owner we trust, which is never
 * one on a medium. A name without a slash is looked for on the media.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/bundle.h"
#include "agent/discover.h"

#define MEDIA_FOUND_MAX 16

static int read_bundle(struct agent *a, const char *path, uint8_t *cbor, size_t *ret_n, struct mst_diag *d)
{
	uint8_t *p = NULL;
	size_t n = 0;
	int r = medium_read(path, &p, &n, d);

	if (r > 0)
		bundle_refused(a, path, r, d->text);
	if (!r)
		r = bundle_discover(a, (struct mst_view){ p, n }, path, cbor, MST_SEQ_OCTETS, ret_n, d);
	free(p);
	return r;
}

static void no_bundle(struct agent *a, int r, const struct mst_diag *d)
{
	char detail[160];

	snprintf(detail, sizeof(detail), "%s: %.120s", bundle_text(r), r < 0 ? mst_fault_text(r) : d->text);
	discover_failed(a, r < 0 ? PROV_INTERNAL : bundle_reason(r), detail, 0);
}

static void look_on_media(struct agent *a, const char *name, uint8_t *cbor)
{
	char *path[MEDIA_FOUND_MAX];
	size_t found = medium_find(&a->cfg, name, 0, path, MST_COUNT(path)), n = 0;
	struct mst_diag d = { 0 };
	int r = 1;

	for (size_t i = 0; i < found; i++) {
		if (r)
			r = read_bundle(a, path[i], cbor, &n, &d);
		if (!r && n)
			discover_yield(a, (struct mst_view){ cbor, n }, path[i]);
		n = 0;
		free(path[i]);
	}
	if (!found)
		discover_failed(a, a->cfg.n_media ? PROV_UNREACHABLE : PROV_UNSUPPORTED,
				a->cfg.n_media ? "no medium with such a file is there" : "no media are configured", 0);
	else if (r)
		no_bundle(a, r, &d);
}

/* Looks at the first octet only: what is believed is decided by signature or by owner. */
static bool signed_or_on_medium(struct agent *a, const char *path)
{
	struct mst_diag d = { 0 };
	uint8_t *p = NULL;
	size_t n = 0;
	bool so = medium_holds(&a->cfg, path);

	if (!so && agent_read_file(path, MST_CMS_MAX, false, &p, &n, &d) == 0)
		so = bundle_looks_so((struct mst_view){ p, n });
	free(p);
	return so;
}

static void start(struct agent *a, const struct mst_instruction *i)
{
	uint8_t *cbor = malloc(MST_SEQ_OCTETS);
	char path[AGENT_PATH_MAX], words[sizeof(((struct mst_diag *)0)->field) + sizeof(((struct mst_diag *)0)->text) + 4];
	struct mst_diag d = { 0 };
	enum prov_reason reason;
	size_t n = 0;
	int r;

	if (!cbor) {
		discover_failed(a, PROV_INTERNAL, mst_fault_text(MST_FAULT_MEMORY), 0);
	} else if (!mst_view_to_str(i->uri, path, sizeof(path)) || (path[0] != '/' && strchr(path, '/'))) {
		discover_failed(a, PROV_UNSUPPORTED, "discovery by file wants an absolute path, or a name on a medium", 0);
	} else if (path[0] != '/') {
		look_on_media(a, path, cbor);
	} else if (signed_or_on_medium(a, path)) {
		r = read_bundle(a, path, cbor, &n, &d);
		if (r)
			no_bundle(a, r, &d);
		else
			discover_yield(a, (struct mst_view){ cbor, n }, path);
	} else {
		reason = agent_read_instructions(path, cbor, MST_SEQ_OCTETS, &n, &d);
		snprintf(words, sizeof(words), "%s%s%s", d.field, d.field[0] ? ": " : "", d.text);
		if (reason)
			discover_failed(a, reason, words, 0);        /* the report names the file by itself */
		else
			discover_yield(a, (struct mst_view){ cbor, n }, path);
	}
	free(cbor);
}

const struct agent_discovery agent_discover_file = { .method = MST_METHOD_FILE, .start = start };
