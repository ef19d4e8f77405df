/* Why a rule holds or not, in words. Pure. */
#include "role/rules/rule-set.h"

#include "base/text.h"

#define HAS(m, row) ((m)->has >> (row)&1)

/* Text cut to fit: words are for people, who get "..." rather than nothing. */
struct words {
	char text[MST_RULE_WORDS_MAX];
	size_t n;
};

static void say_view(struct words *w, struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (w->n + 5 > sizeof(w->text)) {
			if (w->n + 1 < sizeof(w->text)) {
				while (w->n && ((uint8_t)w->text[w->n - 1] & 0xc0) == 0x80)
					w->n--;
				if (w->n && ((uint8_t)w->text[w->n - 1] & 0x80))
					w->n--;
				memcpy(w->text + w->n, "...", 4);
				w->n = sizeof(w->text);
			}
			return;
		}
		w->text[w->n++] = (char)v.p[i];
		w->text[w->n] = '\0';
	}
}

static void say(struct words *w, const char *s)
{
	say_view(w, mst_view_str(s));
}

static void say_number(struct words *w, int64_t x)
{
	uint8_t digits[24];
	struct mst_writer d = mst_writer_of(digits, sizeof(digits));

	mst_put_dec(&d, x);
	say_view(w, mst_written(&d));
}

/* 1e-7 degree as 52.5200000 */
static void say_degrees(struct words *w, int64_t x)
{
	uint64_t a = (uint64_t)(x < 0 ? -x : x);
	char part[8];

	say(w, x < 0 ? "-" : "");
	say_number(w, (int64_t)(a / MST_DEGREE));
	a %= MST_DEGREE;
	for (int i = 6; i >= 0; i--, a /= 10)
		part[i] = (char)('0' + a % 10);
	part[7] = '\0';
	say(w, ".");
	say(w, part);
}

static void say_time(struct words *w, mst_time t)
{
	uint8_t text[24];
	struct mst_writer d = mst_writer_of(text, sizeof(text));

	mst_put_timestamp(&d, t);
	say_view(w, mst_written(&d));
}

static void say_pattern(struct words *w, const struct mst_rule_set *s, const struct rs_text *t)
{
	uint8_t hex[64];
	struct mst_writer d = mst_writer_of(hex, sizeof(hex));

	if (t->match == RS_HASH)
		mst_put_hex(&d, rs_view(s, t));
	say_view(w, t->match == RS_HASH ? mst_written(&d) : rs_view(s, t));
	say(w, t->match == RS_BEGINS || t->match == RS_ARCS ? "*" : "");
}

static const char *const list_name[RS_LISTS] = {
	[RS_SITES] = "site", [RS_CELLS] = "cell", [RS_ISSUERS] = "issuer of the certificate",
	[RS_NODES] = "M2M-Node-ID", [RS_DEVICES] = "M2M Device ID", [RS_IMSIS] = "IMSI", [RS_MAKERS] = "maker",
	[RS_MODELS] = "model", [RS_BATCHES] = "batch", [RS_SUBS] = "subscription",
};

static bool only_stated(const struct rs_facts *x, enum rs_list l)
{
	const struct mst_rule_facts *f = x->f;

	return (l == RS_NODES && f->node_id.n && !f->node_proven) || (l == RS_DEVICES && f->device_id.n && !f->device_proven) ||
	       (l == RS_IMSIS && f->imsi.n && !f->imsi_proven);
}

static void tell_list(struct words *w, const struct mst_rule_set *s, const struct rs_rule *r, const struct rs_facts *x,
		      enum rs_list l, bool holds)
{
	struct mst_view v = rs_value(r, x, l);

	say(w, list_name[l]);
	if (v.n) {
		say(w, " is ");
		say_view(w, v);
	} else {
		say(w, only_stated(x, l) ? " is only stated, not proven" : " is not known");
	}
	say(w, holds ? ", as " : ", wanted ");
	for (size_t i = 0; i < r->n_list[l]; i++) {
		say(w, i ? " or " : "");
		say_pattern(w, s, &s->text[r->list[l] + i]);
	}
}

static void tell_area(struct words *w, const struct rs_rule *r, const struct rs_facts *x, bool circle, bool holds)
{
	int whose = rs_whose(r, x, MST_LO_LATITUDE);
	const struct mst_location *l;

	if (whose < 0) {
		say(w, r->place_from == MST_RULE_PLACE_REGISTRY ? "no coordinates in the registry" : "coordinates are not known");
		say(w, circle ? ", wanted in a circle" : ", wanted in a polygon");
		return;
	}
	l = x->from[whose];
	say(w, whose ? "place (said by the node) " : "place (from the registry) ");
	say_degrees(w, l->latitude);
	say(w, ",");
	say_degrees(w, l->longitude);
	if (r->has_accuracy && (!HAS(l, MST_LO_ACCURACY) || l->accuracy > r->max_accuracy)) {
		say(w, HAS(l, MST_LO_ACCURACY) ? " is known to " : " is known to nobody says how many");
		if (HAS(l, MST_LO_ACCURACY))
			say_number(w, l->accuracy);
		say(w, " m, wanted ");
		say_number(w, r->max_accuracy);
		say(w, " m or better");
		return;
	}
	say(w, holds ? " is" : " is not");
	if (!circle) {
		say(w, " inside the polygon of ");
		say_number(w, r->n_corners);
		say(w, " corners");
		return;
	}
	say(w, " within ");
	say_number(w, r->radius);
	say(w, " m of ");
	say_degrees(w, r->middle.latitude);
	say(w, ",");
	say_degrees(w, r->middle.longitude);
}

static void tell_serial(struct words *w, const struct mst_rule_set *s, const struct rs_rule *r, const struct rs_facts *x,
			bool holds)
{
	say(w, "serial number is ");
	say_view(w, x->f->serial.n ? x->f->serial : MST_VIEW_LIT("not known"));
	say(w, holds ? ", as from " : ", wanted from ");
	say_view(w, rs_view(s, &r->serial_from));
	say(w, " to ");
	say_view(w, rs_view(s, &r->serial_to));
}

static void tell_failed(struct words *w, const struct mst_rule_set *s, const struct rs_rule *r, bool holds)
{
	say(w, holds ? "it failed before" : "it did not fail before");
	if (r->fail_reason.n) {
		say(w, " with reason ");
		say_pattern(w, s, &r->fail_reason);
	}
	if (r->fail_method) {
		say(w, " by ");
		say(w, mst_enum_text(&mst_method_table, r->fail_method));
	}
	if (r->fail_resource.n) {
		say(w, " at ");
		say_pattern(w, s, &r->fail_resource);
	}
}

static void tell_auth(struct words *w, const struct rs_rule *r, const struct rs_facts *x, bool holds)
{
	bool more = false;

	say(w, "it authenticated by ");
	say(w, mst_enum_text(&mst_rule_auth_table, x->f->auth));
	say(w, holds ? ", as " : ", wanted ");
	for (size_t i = 0; i < mst_rule_auth_table.n; i++) {
		if (!(r->auths >> mst_rule_auth_table.v[i].value & 1))
			continue;
		say(w, more ? " or " : "");
		say(w, mst_rule_auth_table.v[i].text);
		more = true;
	}
}

static void tell_methods(struct words *w, const struct rs_rule *r, bool holds)
{
	bool more = false;

	say(w, holds ? "it can do one of " : "it can do none of ");
	for (size_t i = 0; i < mst_method_table.n; i++) {
		if (!(r->methods >> mst_method_table.v[i].value & 1))
			continue;
		say(w, more ? ", " : "");
		say(w, mst_method_table.v[i].text);
		more = true;
	}
}

static void tell_dates(struct words *w, const struct rs_rule *r, const struct rs_facts *x)
{
	if (x->f->now < r->from) {
		say(w, "it begins at ");
		say_time(w, r->from);
	} else if (x->f->now >= r->until) {
		say(w, "it ended at ");
		say_time(w, r->until);
	} else {
		say(w, "it is in its time");
	}
}

static void tell(struct words *w, const struct mst_rule_set *s, const struct rs_rule *r, const struct rs_facts *x,
		 unsigned c, bool holds)
{
	if (c < RS_LISTS) {
		tell_list(w, s, r, x, (enum rs_list)c, holds);
		return;
	}
	switch ((enum rs_cond)c) {
	case RS_CIRCLE: tell_area(w, r, x, true, holds); break;
	case RS_POLYGON: tell_area(w, r, x, false, holds); break;
	case RS_SERIALS: tell_serial(w, s, r, x, holds); break;
	case RS_FAILED: tell_failed(w, s, r, holds); break;
	case RS_AUTH: tell_auth(w, r, x, holds); break;
	case RS_METHODS: tell_methods(w, r, holds); break;
	case RS_DATES: tell_dates(w, r, x); break;
	case RS_CONDS: break;
	}
}

/* The first condition that does not hold; else all that do. */
static bool explain_one(struct words *w, const struct mst_rule_set *s, const struct rs_rule *r, const struct rs_facts *x)
{
	bool more = false;

	if (r->disabled) {
		say(w, "no: it is switched off");
		return false;
	}
	if (!r->open && x->f->auth == MST_RULE_AUTH_NONE) {
		say(w, "no: the node did not authenticate, and the rule is not public");
		return false;
	}
	if (!r->open && x->f->unknown) {
		say(w, "no: nobody has made this node known, and the rule is not public");
		return false;
	}
	for (unsigned c = 0; c < RS_CONDS; c++)
		if ((r->conds >> c & 1) && !rs_holds(s, r, x, (enum rs_cond)c)) {
			say(w, "no: ");
			tell(w, s, r, x, c, false);
			return false;
		}
	say(w, "holds: ");
	for (unsigned c = 0; c < RS_CONDS; c++)
		if (r->conds >> c & 1) {
			say(w, more ? "; " : "");
			tell(w, s, r, x, c, true);
			more = true;
		}
	say(w, more ? "" : "it is for every node");
	return true;
}

int mst_rule_explain(const struct mst_rule_set *set, const struct mst_rule_facts *f,
		     int (*each)(void *arg, const struct mst_rule_verdict *v), void *arg)
{
	struct rs_facts x;
	int r = 0;

	rs_prepare(f, &x);
	for (size_t i = 0; i < set->n && !r; i++) {
		struct words w = { .n = 0 };
		struct mst_rule_verdict v = { .place = i, .name = rs_view(set, &set->rule[i].name), .words = w.text };

		v.holds = explain_one(&w, set, &set->rule[i], &x);
		r = each(arg, &v);
	}
	return r;
}
