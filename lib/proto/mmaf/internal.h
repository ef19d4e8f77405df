/* Shared by mmaf.c (states) and mmaf-key.c (the key procedures, spec 5.4). */
#ifndef MST_PROTO_MMAF_INTERNAL_H
#define MST_PROTO_MMAF_INTERNAL_H

#include "proto/mmaf/mmaf.h"

struct mmaf_input {
	const struct mst_response *answer;   /* ANSWER */
	enum prov_reason reason;             /* LOST */
	const char *detail;                  /* LOST, GARBAGE */
	mst_ms now;
	mst_time utc;
};

MST_MUST_CHECK bool mmaf_key_init(struct mmaf *m, const struct mmaf_config *cfg, struct mst_diag *d);
/* The session is open: ask. The next state. */
enum mmaf_state mmaf_key_begin(struct mmaf *m, const struct mmaf_input *in);
enum mmaf_state mmaf_key_registered(struct mmaf *m, const struct mmaf_input *in);
enum mmaf_state mmaf_key_retrieved(struct mmaf *m, const struct mmaf_input *in);
enum mmaf_state mmaf_key_updated(struct mmaf *m, const struct mmaf_input *in);

#endif
