/*
 * Where the node is: from the settings (group `location`), and over them what a technician said on the spot
 * (`muster-agent place`, the local page), which is kept in the secure environment. Coordinates, with their accuracy,
 * are one thing; cell and site are one each: what was said replaces that thing alone.
 */
#ifndef AGENT_PLACE_H
#define AGENT_PLACE_H

#include "agent/agent.h"

/* One member by its name in a message ("latitude", …), as people write it: degrees "52.5200066", metres "20". */
MST_MUST_CHECK bool place_set(struct agent_place *p, const char *name, const char *text, struct mst_diag *d);
/* "LAT,LON" or "LAT,LON,METRES" */
MST_MUST_CHECK bool place_set_at(struct agent_place *p, const char *text, struct mst_diag *d);
/* The rules of codec/briefing.h. */
MST_MUST_CHECK bool place_good(const struct agent_place *p, struct mst_diag *d);
/* Views into `p`. */
void place_location(const struct agent_place *p, struct mst_location *ret_l);
/* What was said on the spot; nothing when there is nothing, or what there is cannot be read. */
void place_load(struct mst_secenv *env, struct agent_place *ret_p);
/* 0, or a fault or outcome of the environment. An empty place is none. */
MST_MUST_CHECK int place_store(struct mst_secenv *env, const struct agent_place *p, struct mst_diag *d);
/* What was said over what is configured. */
struct agent_place place_merged(const struct agent_place *configured, const struct agent_place *said);
/* As in a message; null when nothing is known. */
json_t *place_json(const struct agent_place *p);
/* Members of `o` as in a message; false with field and text. */
MST_MUST_CHECK bool place_from_json(const json_t *o, struct agent_place *ret_p, struct mst_diag *d);

#endif
