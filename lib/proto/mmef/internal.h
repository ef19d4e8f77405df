/* Shared by mmef.c (states) and command.c (the command channel, spec 7.1). */
#ifndef MST_PROTO_MMEF_INTERNAL_H
#define MST_PROTO_MMEF_INTERNAL_H

#include "proto/mmef/mmef.h"

struct mmef_input {
	const uint8_t *rel;                  /* OPENED */
	const struct mst_key *ke;
	const struct mst_response *answer;   /* ANSWER */
	enum prov_reason reason;             /* LOST */
	const char *detail;                  /* LOST, GARBAGE */
	mst_ms now;
	mst_time utc;
};

enum mmef_state mmef_failed(struct mmef *m, enum prov_reason r, const char *text);
/* Command Retrieve, and what to do with a command; both return the next state. MMEF_CONFIGURING means:
 * there are no more commands, go on. */
enum mmef_state mmef_retrieve_command(struct mmef *m, mst_ms now);
enum mmef_state mmef_report(struct mmef *m, struct mst_view cmd_id, int64_t status, mst_ms now);
enum mmef_state mmef_on_command(struct mmef *m, const struct mmef_input *in, int want_rsc);

enum mmef_state mmef_on_document(struct mmef *m, const struct mmef_input *in);

#endif
