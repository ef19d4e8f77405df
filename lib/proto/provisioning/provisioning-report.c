#include <string.h>

#include "proto/provisioning/provisioning-state.h"

static const char *const reason_text[PROV_REASON__COUNT] = {
	[PROV_OK] = "ok",
	[PROV_UNSUPPORTED] = "unsupported",
	[PROV_UNREACHABLE] = "unreachable",
	[PROV_TIMEOUT] = "timeout",
	[PROV_UNTRUSTED] = "untrusted",
	[PROV_NOT_AUTHENTICATED] = "not authenticated",
	[PROV_REFUSED] = "refused",
	[PROV_UNKNOWN] = "unknown",
	[PROV_BUSY] = "busy",
	[PROV_MALFORMED] = "malformed",
	[PROV_EXPIRED] = "expired",
	[PROV_NOT_YET_VALID] = "not yet valid",
	[PROV_TOO_DEEP] = "too deep",
	[PROV_LOOP] = "loop",
	[PROV_EMPTY] = "empty",
	[PROV_STORAGE] = "storage",
	[PROV_INTERNAL] = "internal",
	[PROV_OVERSIZED] = "oversized",
	[PROV_UNKNOWN_METHOD] = "unknown method",
	[PROV_WRONG_SERVICE] = "wrong service",
	[PROV_NO_READER] = "no reader",
	[PROV_NO_CARD] = "no card",
	[PROV_NO_APPLICATION] = "no application",
	[PROV_CARD_PIN] = "card pin",
	[PROV_CARD_SYNC] = "card out of step",
	[PROV_FALSE_NETWORK] = "false network",
	[PROV_NOT_PROVEN] = "not proven",
	[PROV_UNKNOWN_SUBSCRIBER] = "unknown subscriber",
};

static bool ends(const char *text, const char *with)
{
	size_t n = strlen(text), k = strlen(with);

	return n >= k && !strcmp(text + n - k, with);
}

enum prov_reason prov_reason_of(int outcome, const struct mst_diag *d)
{
	if (outcome <= 0)
		return outcome ? PROV_INTERNAL : PROV_OK;
	if (outcome == MST_MSG_DEPTH_EXCEEDED)
		return PROV_TOO_DEEP;
	if (outcome == MST_MSG_TOO_LARGE)
		return PROV_OVERSIZED;
	if (outcome == MST_MSG_UNKNOWN_VALUE && ends(d->field, ".method"))
		return PROV_UNKNOWN_METHOD;
	if (outcome == MST_MSG_OUT_OF_RANGE && ends(d->field, "instructions") && d->text[0] == '0')
		return PROV_EMPTY;
	return PROV_MALFORMED;
}

const char *prov_reason_text(enum prov_reason r)
{
	return (unsigned)r < PROV_REASON__COUNT ? reason_text[r] : "?";
}

/*
 * For people, so it must be harmless on a terminal: no control characters, cut between characters
 * of UTF-8, never inside one.
 */
void prov_put_text(char *out, size_t cap, struct mst_view v)
{
	size_t n = v.n < cap ? v.n : cap - 1;

	if (n < v.n)
		while (n && (v.p[n] & 0xc0) == 0x80)
			n--;
	for (size_t i = 0; i < n; i++)
		out[i] = v.p[i] < 0x20 || v.p[i] == 0x7f ? '?' : (char)v.p[i];
	memset(out + n, 0, cap - n);
}

/* NULL when there is no room. The first reasons are worth more than the last: nothing is overwritten. */
static struct prov_report *new_report(struct prov *p, enum prov_reason r, const char *detail, mst_time utc)
{
	struct prov_report *x;

	if (p->n_reports == PROV_REASONS_MAX) {
		p->reports_lost += p->reports_lost < UINT32_MAX;
		return NULL;
	}
	x = &p->report[p->n_reports++];
	memset(x, 0, sizeof(*x));
	x->reason = r;
	x->when = utc > 0 && utc <= MST_TIME_MAX ? utc : 0;
	prov_put_text(x->detail, sizeof(x->detail), mst_view_str(detail));
	return x;
}

void prov_report_current(struct prov *p, enum prov_reason r, const char *detail, mst_time utc)
{
	struct prov_report *x = new_report(p, r, detail, utc);
	const struct mst_instruction *i = prov_at_work(p);

	if (!x || !i)
		return;
	x->depth = p->depth;
	x->index = p->level[p->depth].index;
	x->kind = (uint8_t)i->kind;
	x->method = (uint8_t)i->method;
	prov_put_text(x->resource, sizeof(x->resource), i->uri);
}

void prov_report_run(struct prov *p, enum prov_reason r, const char *detail, mst_time utc)
{
	(void)new_report(p, r, detail, utc);
}
