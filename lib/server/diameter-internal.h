/* Between diameter-unit.c (life), diameter-serve.c (questions of peers) and diameter-ask.c (questions to peers). */
#ifndef MST_SERVER_DIAMETER_INTERNAL_H
#define MST_SERVER_DIAMETER_INTERNAL_H

#include "codec/gba-sbi.h"
#include "diameter/diameter.h"
#include "server/unit.h"

struct call;                              /* a MAR or BIR that waits for the engine */
struct question;                          /* a fetch that waits for a peer */

struct diameter {
	struct mst_unit u;                /* first */
	struct mst_link *engine;
	struct mst_diam *node;
	struct mst_diam_peer peer[MST_DIAM_PEERS];
	char told[MST_DIAM_PEERS][160];   /* why each is not open, as the log has it; "" when it is */
	size_t n_peers;
	struct event *readable;
	struct call *calls;
	struct question *questions;
	uint64_t next;                    /* of exchanges and of questions: a number is used once */
	struct mst_conf_diameter as;      /* settings that it was started with */
	const char *again;                /* why the process ends, to begin anew; NULL: it does not. Nothing begins any more, and when nothing … */
	mst_ms hurry;                     /* … is under way, but not later than this, it ends */
	bool ending;
	bool without[MST_MATERIAL_ANCHORS];     /* which of those whose list is required had none when it was started */
	mst_time lists_until;             /* then a list that counts ends or begins, and so does the process */
	uint8_t *out;                     /* MST_FRAME_MAX: a frame's payload, or a message's AVPs */
	uint8_t *text;                    /* the same */
	uint8_t *arena;                   /* what is unescaped on the way between XML and JSON */
};
#define DIAMETER_ARENA (64 * 1024)

/* Which roles of this installation are served: the others' questions are for somebody else. */
bool diameter_plays(const struct diameter *d, enum mst_role role);

void serve_request(struct diameter *d, uint64_t id, const char *peer, bool relay, struct mst_view raw);
void serve_answer(struct diameter *d, uint64_t frame, struct mst_view payload);
void serve_busy(struct diameter *d, uint64_t frame);
void serve_late(struct diameter *d, mst_ms now);      /* MST_NEVER: all of them */

void ask_fetch(struct diameter *d, uint64_t frame, struct mst_view payload);
void ask_answer(struct diameter *d, uint64_t id, struct mst_view raw);
void ask_none(struct diameter *d, uint64_t id, bool unreachable, const char *words);
void ask_late(struct diameter *d, mst_ms now);
void ask_drop(struct diameter *d);

#endif
