/*
 * An AE registers with its registrar CSE (TS-0001 10.2.2.2; TD_M2M_SE_01 of TS-0013 8.4), inside a session that is secured already:
 * one Create of an <AE>, and what the registrar made of it. Where the node's own credential has led to that session (Kpsa, or a key
 * of the MAF: TS-0003 8.2.2) this is the first thing that its application does. PURE.
 *
 *   registrar_init() → registrar_request() → registrar_sent() → registrar_feed() → registrar_end()
 */
#ifndef MST_PROTO_REGISTRAR_H
#define MST_PROTO_REGISTRAR_H

#include "proto/dialog/dialog.h"

struct registrar_config {
	const char *base;            /* path of the <CSEBase>: "/cse-in", or "/~/IN-CSE" for its SP-relative CSE-ID (TS-0009) */
	const char *from;            /* an AE-ID-Stem that it has already, "C" or "S" for one to be given; "" = it has none yet */
	const char *attempt;
	const char *app_id;
	const char *release;         /* "3" */
	mst_time expires;            /* proposed; 0 = as the registrar likes */
	mst_ms answer_ms;
};

struct registrar_result { char ae_id[MST_ID_MAX], id[MST_ID_MAX], name[MST_ID_MAX]; mst_time expires; /* 0 = not said */ };

enum registrar_end { REGISTRAR_RUNS, REGISTRAR_DONE, REGISTRAR_FAILED };

struct registrar {
	enum registrar_end end;
	struct mst_dialog dialog;
	char from[MST_ID_MAX], app_id[MST_ID_MAX], release[8];
	struct registrar_result result;
};

/* False with `d` when something of it is no good. The struct holds views into itself: do not move it afterwards. */
MST_MUST_CHECK bool registrar_init(struct registrar *r, const struct registrar_config *c, mst_ms now, struct mst_diag *d);
const struct mst_request *registrar_request(const struct registrar *r);      /* NULL: nothing to send */
void registrar_sent(struct registrar *r);
void registrar_feed(struct registrar *r, const struct mst_response *a);
void registrar_garbage(struct registrar *r, const char *detail);
void registrar_lost(struct registrar *r, enum prov_reason why, const char *detail);
enum registrar_end registrar_end(const struct registrar *r);
const struct mst_failure *registrar_failure(const struct registrar *r);

#endif
