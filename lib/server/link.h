/*
 * The port between two processes: frames in, frames out, permits checked at both ends. Two
 * implementations behind it: a socketpair on the event loop, and a queue in memory for
 * `processes = single`, which carries the very same octets.
 *
 * A violation (an undecodable frame, one that is not permitted, an overfull queue) drops the link; the
 * owner hears of it through on_down, once, from the loop.
 */
#ifndef MST_SERVER_LINK_H
#define MST_SERVER_LINK_H

#include "server/log.h"
#include "server/permit.h"

struct event_base;
struct mst_link;

struct mst_link_ops {
	/* `fd` >= 0 came with the frame and is now the owner's. Payload borrowed until return. */
	void (*on_frame)(void *owner, struct mst_link *l, const struct mst_frame *f, int fd);
	/* The other end is gone, or broke the rules (`why`). The link may be freed here. */
	void (*on_down)(void *owner, struct mst_link *l, const char *why);
};

struct mst_link_config {
	struct event_base *base;
	enum mst_process self, peer;
	size_t frame_max;                 /* MST_FRAME_MAX or MST_FRAME_CONTROL_MAX */
	size_t queue_max;                 /* octets waiting to be sent; beyond: MST_LINK_FULL */
	const struct mst_log *log;
	uint64_t *violations;             /* counted here; may be NULL */
	int priority;                     /* of its events in the loop */
	bool gather;                      /* sockets: frames wait for the end of the loop's turn and go out together */
};

enum mst_link_outcome { MST_LINK_FULL = 1, MST_LINK_FORBIDDEN };

/* `fd`: one end of a stream socketpair; taken over. */
MST_MUST_CHECK int mst_link_socket(const struct mst_link_config *c, int fd, const struct mst_link_ops *ops,
				   void *owner, struct mst_link **ret_l);
/* Two ends in memory. The second is described by its own configuration. */
MST_MUST_CHECK int mst_link_memory(const struct mst_link_config *a, const struct mst_link_config *b,
                                   struct mst_link **ret_a, struct mst_link **ret_b);
void mst_link_owner(struct mst_link *l, const struct mst_link_ops *ops, void *owner);

/* Queue a frame; it goes out at once, or with `gather` soon (mst_link_free sends what waits). `fd` >= 0 goes along as a duplicate; the caller keeps (and closes) its own. */
MST_MUST_CHECK int mst_link_send(struct mst_link *l, enum mst_frame_type type, uint64_t id,
				 struct mst_view payload);
MST_MUST_CHECK int mst_link_send_fd(struct mst_link *l, enum mst_frame_type type, uint64_t id,
				    struct mst_view payload, int fd);
bool mst_link_broke(const struct mst_link *l);         /* on_down: by broken rules, or a fault here; not because the other end is gone */
void mst_link_phase(struct mst_link *l, enum mst_phase p);
size_t mst_link_queued(const struct mst_link *l);     /* for tests: octets not yet taken by the other end */
void mst_link_flush(struct mst_link *l);              /* try to send what waits, at once */
struct mst_link *mst_link_free(struct mst_link *l);   /* allowed inside its callbacks; NULL is fine */

/* One question, one answer, on a blocking socket: the engine's way to the keeper process, and the keeper's to the signer. */
struct mst_call;
struct mst_call_way { enum mst_process self, peer; enum mst_frame_type ask; };
extern const struct mst_call_way mst_call_keeper, mst_call_signer;
MST_MUST_CHECK int mst_call_new(const struct mst_call_way *way, int fd, int timeout_ms, struct mst_call **ret);
/* 0, or MST_FAULT_CLOSED / MST_FAULT_IO; after a fault the call link is dead. */
MST_MUST_CHECK int mst_call(struct mst_call *c, struct mst_view question, uint8_t *answer, size_t cap,
			    size_t *ret_n);
struct mst_call *mst_call_free(struct mst_call *c);

#endif
