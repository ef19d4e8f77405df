/* Owner's rules: what must fit between the fields. */
#include "codec/rule.h"

#include <string.h>

#define HAS(m, row) ((m)->has >> (row)&1)

static int wrong(struct mst_diag *d, int outcome, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return outcome;
}

static bool all_digits(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	return v.n > 0;
}

static int check_range(const struct mst_rule_range *r, struct mst_diag *d)
{
	struct mst_view a = r->from, b = r->to;
	int order;

	if (all_digits(a) && all_digits(b)) {
		while (a.n > 1 && a.p[0] == '0')
			a = mst_view_sub(a, 1, a.n);
		while (b.n > 1 && b.p[0] == '0')
			b = mst_view_sub(b, 1, b.n);
		order = a.n != b.n ? (a.n < b.n ? -1 : 1) : memcmp(a.p, b.p, a.n);
	} else if (a.n != b.n) {
		return wrong(d, MST_MSG_INVALID, "when.serials.to",
			     "serial numbers that are not all digits: both of the same length expected");
	} else {
		order = memcmp(a.p, b.p, a.n);
	}
	return order > 0 ? wrong(d, MST_MSG_INVALID, "when.serials.to", "must not be before from") : 0;
}

static int64_t turn(int64_t from, int64_t to)
{
	int64_t x = to - from;

	if (x > 180 * MST_DEGREE)
		x -= 360 * MST_DEGREE;
	return x < -180 * MST_DEGREE ? x + 360 * MST_DEGREE : x;
}

static int check_polygon(const struct mst_rule_when *w, struct mst_diag *d)
{
	for (size_t i = 0; i < w->n_polygon; i++) {
		const struct mst_rule_point *a = &w->polygon[i], *b = &w->polygon[(i + 1) % w->n_polygon];
		int64_t x = turn(a->longitude, b->longitude);

		if (x == 180 * MST_DEGREE || x == -180 * MST_DEGREE)
			return wrong(d, MST_MSG_INVALID, "when.polygon",
				     "a side spans 180 degrees of longitude: nobody knows which way round; put a corner between");
		if (x == 0 && a->latitude == b->latitude)
			return wrong(d, MST_MSG_INVALID, "when.polygon", "two neighbouring corners are the same point");
	}
	return 0;
}

static int check_place(const struct mst_rule_when *w, struct mst_diag *d)
{
	bool area = HAS(w, MST_RW_CIRCLE) || HAS(w, MST_RW_POLYGON);

	if (HAS(w, MST_RW_MAX_ACCURACY) && !area)
		return wrong(d, MST_MSG_INVALID, "when.maxAccuracy", "belongs to a circle or a polygon");
	if (HAS(w, MST_RW_PLACE_FROM) && !area && !HAS(w, MST_RW_SITES) && !HAS(w, MST_RW_CELLS))
		return wrong(d, MST_MSG_INVALID, "when.placeFrom", "belongs to circle, polygon, sites or cells");
	return HAS(w, MST_RW_POLYGON) ? check_polygon(w, d) : 0;
}

static int check_when(const struct mst_rule *r, struct mst_diag *d)
{
	const struct mst_rule_when *w = &r->when;
	int o = check_place(w, d);

	if (!o && HAS(w, MST_RW_SERIALS))
		o = check_range(&w->serials, d);
	if (o)
		return o;
	if (HAS(w, MST_RW_STATED) && !HAS(w, MST_RW_NODES) && !HAS(w, MST_RW_DEVICES) && !HAS(w, MST_RW_IMSIS))
		return wrong(d, MST_MSG_INVALID, "when.stated", "belongs to nodePrefixes, devicePrefixes or imsiPrefixes");
	if (HAS(w, MST_RW_FAILED) && !w->failed.has)
		return wrong(d, MST_MSG_MISSING, "when.failed", "a reason, method or resource expected");
	for (size_t i = 0; i < w->n_authentication; i++)
		if (w->authentication[i] == MST_RULE_AUTH_NONE && !r->open)
			return wrong(d, MST_MSG_INVALID, "when.authentication",
				     "only a rule with public true serves nodes without authentication");
	return 0;
}

/* As in a sequence, what a subscription will fill in taken as given. */
static int check_instructions(const struct mst_rule_then *t, struct mst_diag *d)
{
	struct mst_diag inner = { 0 };
	struct mst_sequence s = { .version = 1, .n_instructions = t->n_instructions };
	uint8_t field[sizeof(inner.field)];
	struct mst_writer w = mst_writer_of(field, sizeof(field));
	int o;

	memcpy(s.instructions, t->instructions, sizeof(s.instructions));
	for (size_t i = 0; i < s.n_instructions; i++) {
		struct mst_instruction *in = &s.instructions[i];

		if (in->kind != MST_INSTR_BOOTSTRAP)
			continue;
		if (!HAS(in, MST_IN_TARGET) && (!HAS(in, MST_IN_SUID) || in->suid == 21)) {
			in->target = MST_VIEW_LIT("maf.example.com");
			in->has |= UINT32_C(1) << MST_IN_TARGET;
		}
		if (!HAS(in, MST_IN_ADMIN)) {
			in->admin_fqdn = MST_VIEW_LIT("sp.example.com");
			in->has |= UINT32_C(1) << MST_IN_ADMIN;
		}
	}
	o = mst_sequence_check(&s, &inner);
	if (o) {
		mst_put_str(&w, "then.");
		mst_put_str(&w, inner.field);
		mst_put_nul(&w);
		mst_diag_set(d, 0, w.ok ? (const char *)field : "then", inner.text, NULL);
	}
	return o;
}

static int check_then(const struct mst_rule_then *t, struct mst_diag *d)
{
	bool deny = HAS(t, MST_RT_DENY);

	if (deny == (bool)HAS(t, MST_RT_INSTRUCTIONS))
		return wrong(d, deny ? MST_MSG_INVALID : MST_MSG_MISSING, "then",
			     "either instructions, or deny with a text, expected");
	if (deny && (HAS(t, MST_RT_VALID_FOR) || HAS(t, MST_RT_ORDER)))
		return wrong(d, MST_MSG_INVALID, "then", "validFor and order belong to instructions, not to deny");
	if (HAS(t, MST_RT_VALID_FOR) && (t->valid_for < 60 || t->valid_for > INT64_C(315360000)))
		return wrong(d, MST_MSG_OUT_OF_RANGE, "then.validFor", "from 60 seconds (PT60S) to ten years expected");
	return deny ? 0 : check_instructions(t, d);
}

int mst_rule_check(const struct mst_rule *r, struct mst_diag *d)
{
	int o = 0;

	if (HAS(r, MST_RU_FROM) && HAS(r, MST_RU_UNTIL) && r->valid_until <= r->valid_from)
		return wrong(d, MST_MSG_INVALID, "validUntil", "must be later than validFrom");
	if (HAS(r, MST_RU_WHEN))
		o = check_when(r, d);
	return o ? o : check_then(&r->then, d);
}
