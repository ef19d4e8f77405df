/*
 * The blocking way to enrol: ports of the device, and one loop over the machine of muster/enrolee.h. The loop is pure as
 * well: all that waits, reads, writes or asks a clock is in the ports.
 */
#ifndef MUSTER_RUN_H
#define MUSTER_RUN_H

#include <muster/enrolee.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * In all ports: what a call that ended otherwise than well has left in *ret_n, `out` or `exported` counts for nothing; those of muster/openssl.h
 * leave *ret_n = 0.
 */

/*
 * One TLS session at a time. No call may take longer than `ms` milliseconds. `detail`, which has room for 160 octets, may be
 * filled with what went wrong, in words; it is empty at first.
 */
struct muster_transport {
	void *ctx;
	/* Open it as muster_session describes; the handshake is through, and `exported` filled where a label was given. */
	enum muster_reason (*open)(void *ctx, const struct muster_session *s, unsigned char exported[MUSTER_EXPORT_LEN], int64_t ms,
				   char *detail);
	/* Write some: *ret_n is how many of `n` (0: not one within `ms`). */
	enum muster_reason (*write)(void *ctx, const void *octets, size_t n, size_t *ret_n, int64_t ms, char *detail);
	/* Read some: *ret_n is how many (0: none within `ms`). A session that the peer closed is MUSTER_UNREACHABLE. */
	enum muster_reason (*read)(void *ctx, void *out, size_t cap, size_t *ret_n, int64_t ms, char *detail);
	void (*close)(void *ctx);    /* also when none is open */
};

enum muster_slot { MUSTER_SLOT_ACTIVE, MUSTER_SLOT_PENDING };

/*
 * Two slots for records of up to MUSTER_RECORD_MAX octets. What a call reports as done must survive a power cut, and a power
 * cut during a call leaves the old or the new content, whole. Records hold keys: keep them where nobody else reads.
 */
struct muster_storage {
	void *ctx;
	/* *ret_n = 0: the slot is empty. A damaged one is MUSTER_STORAGE, never empty. */
	enum muster_reason (*load)(void *ctx, enum muster_slot slot, void *out, size_t cap, size_t *ret_n, char *detail);
	enum muster_reason (*store)(void *ctx, enum muster_slot slot, const void *record, size_t n, char *detail);
	enum muster_reason (*promote)(void *ctx, char *detail);    /* pending becomes active, the old active is erased */
};

struct muster_clock {
	void *ctx;
	int64_t (*now)(void *ctx);   /* monotonic milliseconds, from any origin */
	int64_t (*utc)(void *ctx);   /* seconds since 1970; 0: not known */
};

struct muster_random {
	void *ctx;
	int (*octets)(void *ctx, void *out, size_t n);             /* 0, or anything else for failure */
};

struct muster_ports {
	size_t size;                 /* sizeof(struct muster_ports) */
	struct muster_transport transport;
	struct muster_storage storage;
	struct muster_clock clock;
	struct muster_random random;
	/* May be NULL: called at every arrow of the sequence diagram, for a log or a lamp. */
	void (*step)(void *ctx, const char *step);
	void *step_ctx;
};

/*
 * Enrol, and return when that is done or has failed: MUSTER_OK, or why not (muster_report() has every reason,
 * muster_retry_after() when to come back); MUSTER_UNSUPPORTED without a report also for ports of a size that this library does not know,
 * MUSTER_INTERNAL when there are no random octets. `sequence` as in struct muster_start; NULL: only finish what is pending.
 * `e` has been through muster_init() and keeps its answers until the next call; wipe it at the end.
 */
enum muster_reason muster_run(struct muster_enrolee *e, const struct muster_ports *p, const void *sequence, size_t n);

#ifdef __cplusplus
}
#endif
#endif
