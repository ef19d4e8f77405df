/*
 * Time is an input. Two kinds, never mixed: monotonic milliseconds for timers, UTC seconds for
 * validity. Text forms are those of TS-0004 6.3.3 (m2m:timestamp) and xs:duration.
 */
#ifndef MST_BASE_TIME_H
#define MST_BASE_TIME_H

#include "base/attr.h"
#include "base/writer.h"

typedef int64_t mst_ms;         /* monotonic, since an arbitrary start */
typedef int64_t mst_time;       /* seconds since 1970-01-01T00:00:00Z, leap seconds not counted */

#define MST_NEVER INT64_MAX     /* "no timer" / "no end" */
/* The last second a timestamp can spell: 9999-12-31T23:59:59Z */
#define MST_TIME_MAX INT64_C(253402300799)

struct mst_civil {
	int year, month, day, hour, minute, second;
};

void mst_civil_from_time(mst_time t, struct mst_civil *ret_c);
mst_time mst_time_from_civil(const struct mst_civil *c);

/* `20261121T214500`; UTC always, no zone suffix. `t` outside 0..MST_TIME_MAX latches `w`. */
void mst_put_timestamp(struct mst_writer *w, mst_time t);
/* Accepts a comma and 1 to 6 fraction digits, which are dropped. Calendar-checked. */
MST_MUST_CHECK bool mst_parse_timestamp(struct mst_view v, mst_time *ret_t);

/* xs:dateTime as 3GPP's messages have it, `2026-11-21T21:45:00Z`: always UTC, always Z. */
void mst_put_datetime(struct mst_writer *w, mst_time t);
/* Accepts a point and 1 to 9 fraction digits, which are dropped. Calendar-checked. */
MST_MUST_CHECK bool mst_parse_datetime(struct mst_view v, mst_time *ret_t);
/* `Sat, 21 Nov 2026 21:45:00 GMT` (RFC 9110 5.6.7), for HTTP headers. */
void mst_put_http_date(struct mst_writer *w, mst_time t);

/* xs:duration without years and months (their length is not fixed): `P1DT2H`, `PT30S`, `P0D` = zero. */
void mst_put_duration(struct mst_writer *w, int64_t seconds);
MST_MUST_CHECK bool mst_parse_duration(struct mst_view v, int64_t *ret_seconds);

#endif
