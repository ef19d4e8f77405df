/*
 * Instructions that were given to this node on the spot and cannot be followed: its own file, what a person handed in
 * or typed on the page. No run begins with them, so no report speaks of them. The last one of each way in is kept with
 * the record of the last run, shown until something good comes the same way, and told to a briefing node once.
 */
#ifndef AGENT_REFUSED_H
#define AGENT_REFUSED_H

#include "agent/agent.h"

enum refused_by { REFUSED_FILE, REFUSED_CONTROL, REFUSED_PAGE, REFUSED_BY__COUNT };

/* `what`: a path, or words for it. `why` PROV_OK: followed, so that an earlier one is shown no longer. */
void refused_note(struct agent *a, enum refused_by by, const char *what, enum prov_reason why, const struct mst_diag *d);
/* Those that no briefing node has heard of, as reports (record.c), at the end of `all`. */
void refused_untold(const struct agent *a, json_t *all);
void refused_told(struct agent *a);
/* For the status: "refused", an array, of a record. */
json_t *refused_json(const json_t *record);
void refused_print(FILE *out, const json_t *status);

#endif
