/*
 * Signed bundles (architecture 3.4; doc/decisions/0012): who is believed, for whom, when, and only once; and how a
 * file is read from a medium that anybody may have prepared.
 */
#ifndef AGENT_BUNDLE_H
#define AGENT_BUNDLE_H

#include "agent/agent.h"
#include "crypto/cms.h"

#define BUNDLE_NAME "muster.bundle"      /* on a medium */

/* What became of one. The first ones are those of the envelope, by the same numbers. */
enum bundle_outcome {
	BUNDLE_ACCEPTED,
	BUNDLE_MALFORMED = MST_CMS_MALFORMED,
	BUNDLE_OVERSIZED = MST_CMS_OVERSIZED,
	BUNDLE_UNSIGNED = MST_CMS_UNSIGNED,
	BUNDLE_WRONGLY_SIGNED = MST_CMS_WRONGLY_SIGNED,
	BUNDLE_SIGNER_UNTRUSTED = MST_CMS_UNTRUSTED,
	BUNDLE_SIGNER_EXPIRED = MST_CMS_EXPIRED,
	BUNDLE_SIGNER_EARLY = MST_CMS_NOT_YET_VALID,
	BUNDLE_WRONG_PURPOSE = MST_CMS_WRONG_PURPOSE,
	BUNDLE_EMPTY,
	BUNDLE_TOO_DEEP,
	BUNDLE_UNKNOWN_METHOD,
	BUNDLE_EXPIRED,
	BUNDLE_EARLY,
	BUNDLE_OTHER_NODE,
	BUNDLE_REPLAYED,
	BUNDLE_NO_ANCHORS,       /* no signer is configured */
	BUNDLE_UNREADABLE,       /* no regular file, no rights, a symbolic link */
	BUNDLE_NOT_KEPT,         /* what was used before cannot be read, or that this one is used cannot be written */
	BUNDLE__COUNT
};
const char *bundle_text(int outcome);            /* "replayed", … */
int bundle_of_text(const char *text);            /* -1: none */
enum prov_reason bundle_reason(int outcome);

/* bundle.c. Anchors and what was used before; a fault of either is told when a bundle comes (lesson 2). */
MST_MUST_CHECK int bundle_load(struct agent *a);
void bundle_unload(struct agent *a);
/* Does it look like an envelope at all? */
bool bundle_looks_so(struct mst_view octets);
/*
 * A bundle as a trigger. 0, a positive outcome with `d`, or a fault. Whatever comes of it, status tells.
 */
MST_MUST_CHECK int bundle_trigger(struct agent *a, struct mst_view octets, const char *name, struct mst_diag *d);
/* A bundle as what a discovery found: the sequence in it, as CBOR. The same one again is welcome (0012). */
MST_MUST_CHECK int bundle_discover(struct agent *a, struct mst_view octets, const char *name, uint8_t *out, size_t cap,
				   size_t *ret_n, struct mst_diag *d);
/* Refused before its octets came here. */
void bundle_refused(struct agent *a, const char *name, int outcome, const char *detail);
/* The runs that bundles began have ended, but for that of this attempt. */
void bundle_ended(struct agent *a, const char *except);
/*
 * The last one lies in the record of the last run (record.c), and is so known after a restart. bundle_json: null before the first one. bundle_untold: it was
 * refused, and no briefing node has heard of it; borrowed, or NULL. bundle_carry: into the record of the next run.
 */
json_t *bundle_json(const json_t *record);
const json_t *bundle_untold(const struct agent *a);
void bundle_told(struct agent *a);
void bundle_carry(json_t *record, const json_t *old);
void bundle_print(FILE *out, const json_t *status);

/* medium.c: with the rights of whoever calls. */
/* 0, an outcome with `d`, or a fault. The file is opened through nothing that is a link, and only if it is regular. */
MST_MUST_CHECK int medium_read(const char *path, uint8_t **ret_p, size_t *ret_n, struct mst_diag *d);
/* Does that file lie on a configured medium, links resolved? Then nobody is believed for owning it. */
bool medium_holds(const struct agent_config *cfg, const char *path);
/* Bundles on the media that are there, at most `max`, each to be freed. `device` != 0: of that one alone. */
size_t medium_find(const struct agent_config *cfg, const char *name, dev_t device, char **ret_path, size_t max);

#endif
