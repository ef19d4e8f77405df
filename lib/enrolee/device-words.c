/* Answers to questions: wants, reasons, reports. */
#include "enrolee/device-card.h"

#include "muster/version.h"

/* Ours and the outside's. What happens only inside (loops of discovery, …) is "internal" there. */
static const struct { enum muster_reason out; enum prov_reason in; } reasons[] = {
	{ MUSTER_OK, PROV_OK }, { MUSTER_UNSUPPORTED, PROV_UNSUPPORTED }, { MUSTER_UNREACHABLE, PROV_UNREACHABLE },
	{ MUSTER_TIMEOUT, PROV_TIMEOUT }, { MUSTER_UNTRUSTED, PROV_UNTRUSTED }, { MUSTER_NOT_AUTHENTICATED, PROV_NOT_AUTHENTICATED },
	{ MUSTER_REFUSED, PROV_REFUSED }, { MUSTER_UNKNOWN, PROV_UNKNOWN }, { MUSTER_BUSY, PROV_BUSY }, { MUSTER_MALFORMED, PROV_MALFORMED },
	{ MUSTER_EXPIRED, PROV_EXPIRED }, { MUSTER_NOT_YET_VALID, PROV_NOT_YET_VALID }, { MUSTER_STORAGE, PROV_STORAGE },
	{ MUSTER_INTERNAL, PROV_INTERNAL }, { MUSTER_OVERSIZED, PROV_OVERSIZED }, { MUSTER_UNKNOWN_METHOD, PROV_UNKNOWN_METHOD },
	{ MUSTER_WRONG_SERVICE, PROV_WRONG_SERVICE }, { MUSTER_NO_CARD, PROV_NO_CARD }, { MUSTER_NO_APPLICATION, PROV_NO_APPLICATION },
	{ MUSTER_CARD_PIN, PROV_CARD_PIN }, { MUSTER_CARD_SYNC, PROV_CARD_SYNC }, { MUSTER_FALSE_NETWORK, PROV_FALSE_NETWORK },
	{ MUSTER_NOT_PROVEN, PROV_NOT_PROVEN }, { MUSTER_UNKNOWN_SUBSCRIBER, PROV_UNKNOWN_SUBSCRIBER },
};
_Static_assert(MST_COUNT(reasons) == MUSTER_REASON_COUNT_, "every reason has its counterpart");

enum muster_reason device_reason(enum prov_reason r)
{
	for (size_t i = 0; i < MST_COUNT(reasons); i++)
		if (reasons[i].in == r)
			return reasons[i].out;
	return MUSTER_INTERNAL;
}

enum prov_reason device_reason_inside(enum muster_reason r)
{
	for (size_t i = 0; i < MST_COUNT(reasons); i++)
		if (reasons[i].out == r)
			return reasons[i].in;
	return PROV_INTERNAL;
}

const char *muster_reason_text(enum muster_reason r)
{
	return prov_reason_text(device_reason_inside(r));
}

enum muster_want device_want(const struct device *d)
{
	static const enum muster_want want[] = {
		[ENROLEE_WANT_NOTHING] = MUSTER_WANT_NOTHING, [ENROLEE_WANT_OPEN] = MUSTER_WANT_OPEN, [ENROLEE_WANT_SEND] = MUSTER_WANT_SEND,
		[ENROLEE_WANT_ANSWER] = MUSTER_WANT_RECEIVE, [ENROLEE_WANT_SAVE] = MUSTER_WANT_SAVE, [ENROLEE_WANT_PROMOTE] = MUSTER_WANT_PROMOTE,
	};
	enum enrolee_want w = enrolee_want(&d->inner);

	if (!d->running)
		return MUSTER_WANT_NOTHING;
	/* only a device with a card gets so far */
	return w == ENROLEE_WANT_BOOTSTRAP || w == ENROLEE_WANT_NAF_KEY ? device_card_want(d) : want[w];
}

enum muster_want muster_want(const struct muster_enrolee *e)
{
	return device_want(device_of_const(e));
}

enum muster_reason muster_end(const struct muster_enrolee *e)
{
	const struct device *d = device_of_const(e);

	return d->running ? MUSTER_OK : d->end;
}

const char *muster_detail(const struct muster_enrolee *e)
{
	return device_of_const(e)->detail;
}

int64_t muster_retry_after(const struct muster_enrolee *e)
{
	return device_of_const(e)->retry_after;
}

unsigned muster_reports(const struct muster_enrolee *e)
{
	return device_of_const(e)->n_reports;
}

struct muster_report muster_report(const struct muster_enrolee *e, unsigned i)
{
	const struct device *d = device_of_const(e);
	const struct device_report *r = &d->report[i];

	if (i >= d->n_reports)
		return (struct muster_report){ MUSTER_INTERNAL, "", "", "there is no such report" };
	return (struct muster_report){ r->reason, r->uri, r->step, r->detail };
}

const char *muster_step(const struct muster_enrolee *e)
{
	const struct device *d = device_of_const(e);

	return d->running ? enrolee_step_text(enrolee_step(&d->inner)) : "";
}

const char *muster_attempt(const struct muster_enrolee *e)
{
	return device_of_const(e)->attempt;
}

int64_t muster_time(const struct muster_enrolee *e, int64_t now, int64_t utc)
{
	return device_utc(device_of_const(e), now, utc);
}

struct muster_octets muster_anchors(const struct muster_enrolee *e)
{
	struct mst_view v = enrolee_anchors(&device_of_const(e)->inner);

	return (struct muster_octets){ v.p, v.n };
}

const char *muster_version(void)
{
	return MST_VERSION;
}

size_t muster_enrolee_size(void)
{
	return sizeof(struct device);
}
