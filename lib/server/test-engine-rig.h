/* The engine with a role of its own over a real store and links in memory; for test-engine and test-suspend. */
#ifndef MST_SERVER_TEST_ENGINE_RIG_H
#define MST_SERVER_TEST_ENGINE_RIG_H

#include "server/engine-internal.h"

#define CHANNEL 5

struct engine_rig {
	struct event_base *base;
	struct mst_unit *engine;
	struct mst_link *control, *listener, *connector, *diameter, *local;      /* our ends */
	char dir[64];
	unsigned answers, rsc[512], busy, asks, fetches, psk_known, psk_unknown;
	uint64_t fetch_id;
	struct mst_fetch fetch;
	struct mst_answer_frame answer;
	unsigned resumed;
	int64_t mark, given_back;     /* what the role marks its questions with; what came with the last answer */
	unsigned releases;
	unsigned commands;            /* of operators that were decided */
	uint32_t released_to[8];
	unsigned cuts, violations;    /* told to a listener, to the supervisor */
	size_t queue_max;             /* of what the engine says to whom is attached next; 0: as ever */
	struct mst_whose cut;
	bool ready, failed;
	enum mst_auth how;            /* whom the next exchange is of */
	char address[64];             /* and from where */
	struct mst_store *fail_store;
	unsigned fail_at;             /* arm the store when the role is asked the next time */
	struct mst_log_seal sealed;   /* the keeper's last; nothing yet */
};
extern struct engine_rig t;
int up(void **state);
int down(void **state);
void turn(void);
struct mst_link *attach(enum mst_process kind, enum mst_role r, uint32_t channel);
void ask_on(struct mst_link *l, uint64_t id, const char *path, enum mst_role r);
void ask(uint64_t id, const char *path, enum mst_role r);
void ask_local(uint64_t id, const char *path);
void ask_psk(uint64_t id, const char *identity);
void ask_psk_with(uint64_t id, const char *identity, uint16_t suite);
void tell_failed(enum mst_tls_end why);   /* as the listener does of a handshake */
unsigned events(const char *what);       /* whose `what` begins so */

#endif
