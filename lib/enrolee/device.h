/*
 * What a struct muster_enrolee (include/muster/enrolee.h) is inside: the enrolee, the sequence that it works through, one
 * buffer for the octets of an exchange, and the words for what became of it all.
 */
#ifndef MST_ENROLEE_DEVICE_H
#define MST_ENROLEE_DEVICE_H

#include "codec/http-read.h"
#include "crypto/derive.h"
#include "enrolee/clock.h"
#include "enrolee/enrolee.h"
#include "muster/enrolee.h"

#define DEVICE_IO_OCTETS 20480       /* a request, then its answer; a configuration with four anchors fits */
#define DEVICE_PIN_MAX 65
#define DEVICE_REPORTS_MAX (MST_SEQ_MAX + 1)

struct device_card;
struct device_crypto {
	struct mst_crypto base;
	struct muster_crypto port;
	const struct muster_card *card;      /* its MD5; NULL: no card, no MD5 */
};

struct device_report {
	enum muster_reason reason;
	const char *step;
	char uri[128];
	char detail[MST_DIALOG_DETAIL];
};

struct device {
	struct device_crypto crypto;
	struct mst_quirks quirks;
	struct mst_key kpm;
	struct enrolee_config cfg;
	struct device_card *card;            /* device-card.h; NULL: none */
	struct mst_clock clock;
	bool running;
	uint64_t generation;                 /* the newest of both slots */
	struct mst_root_cred pending;
	bool has_pending;
	uint8_t cbor[MST_SEQ_OCTETS];        /* the sequence; its views point here */
	struct mst_sequence sequence;
	unsigned next;                       /* instruction to try when this one has failed */
	char attempt[33];
	enum enrolee_step doing;
	int64_t retry_after;
	struct device_report report[DEVICE_REPORTS_MAX];
	unsigned n_reports;
	enum muster_reason end;
	char detail[MST_DIALOG_DETAIL];
	/* the session wanted, as the caller is told */
	struct muster_session session;
	struct muster_octets anchor[MST_ANCHORS_MAX];
	char pin_text[MST_PINS_MAX][DEVICE_PIN_MAX];
	const char *pin[MST_PINS_MAX];
	/* octets of the exchange */
	struct mst_http_read http;
	size_t out_n, out_sent;
	uint8_t io[DEVICE_IO_OCTETS];
	struct enrolee inner;
};
_Static_assert(sizeof(struct device) <= sizeof(struct muster_enrolee), "MUSTER_ENROLEE_SIZE is too small: a new major version");
_Static_assert(_Alignof(struct device) <= _Alignof(struct muster_enrolee), "alignment");
_Static_assert(MUSTER_EXPORT_LEN == MST_EXPORT_LEN && MUSTER_RECORD_MAX == MST_ROOT_CRED_MAX && MUSTER_KEY_LEN == MST_KEY_LEN, "lengths");

static inline struct device *device_of(struct muster_enrolee *e)
{
	return (struct device *)(void *)e;
}

static inline const struct device *device_of_const(const struct muster_enrolee *e)
{
	return (const struct device *)(const void *)e;
}

/* Best knowledge of the time of day. */
mst_time device_utc(const struct device *d, mst_ms now, mst_time utc);
enum muster_reason device_reason(enum prov_reason r);
enum prov_reason device_reason_inside(enum muster_reason r);
/* After every input: note what was learnt, begin the next instruction, make ready what is wanted. */
void device_settle(struct device *d, mst_ms now, mst_time utc);
/* A port failed before the start. */
void device_not_begun(struct device *d, enum muster_reason r, const char *detail);
/* What is wanted of the caller. */
enum muster_want device_want(const struct device *d);
/* device-io.c: the session's description, the request's octets. */
void device_describe_session(struct device *d, mst_ms now, mst_time utc);
void device_make_request(struct device *d, mst_ms now, mst_time utc);

#endif
