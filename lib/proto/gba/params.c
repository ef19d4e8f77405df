#include "proto/gba/params.h"

static const char *const name[P__COUNT] = {
	[P_USERNAME] = "username", [P_REALM] = "realm", [P_NONCE] = "nonce", [P_URI] = "uri", [P_RESPONSE] = "response",
	[P_QOP] = "qop", [P_NC] = "nc", [P_CNONCE] = "cnonce", [P_OPAQUE] = "opaque", [P_ALGORITHM] = "algorithm",
	[P_AUTS] = "auts", [P_STALE] = "stale", [P_RSPAUTH] = "rspauth", [P_NEXTNONCE] = "nextnonce",
};

const char *gba_param_name(enum gba_param which)
{
	return (unsigned)which < P__COUNT ? name[which] : "?";
}

bool gba_param_has(const struct gba_params *p, enum gba_param which)
{
	return p->has >> which & 1;
}

int gba_bad(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return GBA_BAD;
}

static bool is_blank(uint8_t x)
{
	return x == ' ' || x == '\t';
}

/* RFC 9110 5.6.2 */
static bool is_token(uint8_t x)
{
	return (x >= '0' && x <= '9') || (x >= 'A' && x <= 'Z') || (x >= 'a' && x <= 'z') ||
	       mst_view_find(MST_VIEW_LIT("!#$%&'*+-.^_`|~"), x) < 15;
}

static void step(struct mst_view *v, size_t n)
{
	v->p = v->n ? v->p + n : v->p;
	v->n -= n;
}

static void skip(struct mst_view *v, bool commas)
{
	while (v->n && (is_blank(v->p[0]) || (commas && v->p[0] == ',')))
		step(v, 1);
}

static struct mst_view token(struct mst_view *v)
{
	struct mst_view t = { v->p, 0 };

	while (t.n < v->n && is_token(v->p[t.n]))
		t.n++;
	step(v, t.n);
	return t;
}

/* Behind the opening quote. `*ret_plain`: printable ASCII without escapes. False when it does not end, or holds a control. */
static bool quoted(struct mst_view *v, struct mst_view *ret, bool *ret_plain)
{
	size_t n = 0;

	*ret_plain = true;
	while (n < v->n && v->p[n] != '"') {
		if (v->p[n] == '\\') {
			*ret_plain = false;
			n++;
		}
		if (n == v->n || (v->p[n] < 0x20 && v->p[n] != '\t') || v->p[n] == 0x7f)
			return false;
		*ret_plain &= v->p[n] >= 0x20 && v->p[n] < 0x7f;
		n++;
	}
	if (n == v->n)
		return false;
	*ret = mst_view_sub(*v, 0, n);
	step(v, n + 1);
	return true;
}

static bool at_end_of_item(const struct mst_view *v)
{
	return !v->n || v->p[0] == ',';
}

static int store(struct gba_params *p, struct mst_view n, struct mst_view value, bool plain, struct mst_diag *d)
{
	for (enum gba_param i = P_USERNAME; i < P__COUNT; i++) {
		if (!mst_view_eq_nocase(n, mst_view_str(name[i])))
			continue;
		if (gba_param_has(p, i))
			return gba_bad(d, name[i], "stands twice");
		if (!plain)
			return gba_bad(d, name[i], "not printable ASCII without quotes and backslashes");
		if (value.n > GBA_VALUE_MAX)
			return gba_bad(d, name[i], "longer than 512 octets");
		p->v[i] = value;
		p->has |= 1u << i;
		return 0;
	}
	return 0;
}

/* Behind the name, where an equals sign stands. */
static int value(struct mst_view *v, struct mst_view n, struct gba_params *p, struct mst_diag *d)
{
	struct mst_view x;
	bool plain = true;

	step(v, 1);
	skip(v, false);
	if (v->n && v->p[0] == '"') {
		step(v, 1);
		if (!quoted(v, &x, &plain))
			return gba_bad(d, "header", "a quoted text that does not end, or with control characters");
	} else {
		x = token(v);
		if (!x.n)
			return gba_bad(d, "header", "a parameter without a value");
	}
	skip(v, false);
	if (!at_end_of_item(v))
		return gba_bad(d, "header", "parameters are not separated by commas");
	return store(p, n, x, plain, d);
}

int gba_params_read(struct mst_view *rest, bool schemes, struct gba_params *ret_p, struct mst_diag *d)
{
	*ret_p = (struct gba_params){ 0 };
	for (skip(rest, true); rest->n; skip(rest, true)) {
		struct mst_view before = *rest, n = token(rest);
		int r;

		if (!n.n)
			return gba_bad(d, "header", "not a list of name=value");
		skip(rest, false);
		if (!rest->n || rest->p[0] != '=') {
			if (!schemes)
				return gba_bad(d, "header", "a name without a value");
			*rest = before;
			return 0;
		}
		r = value(rest, n, ret_p, d);
		if (r)
			return r;
	}
	return 0;
}

bool gba_scheme_read(struct mst_view *rest, struct mst_view *ret_name)
{
	skip(rest, true);
	*ret_name = token(rest);
	if (!ret_name->n || (rest->n && !is_blank(rest->p[0]) && rest->p[0] != ','))
		return false;
	skip(rest, false);
	return true;
}

/* A token68 (`Negotiate YII==`), parameters, or nothing. */
int gba_scheme_skip(struct mst_view *rest, struct mst_diag *d)
{
	struct gba_params other;
	struct mst_view v = *rest;

	while (v.n && (is_token(v.p[0]) || v.p[0] == '/'))
		step(&v, 1);
	while (v.n && v.p[0] == '=')
		step(&v, 1);
	skip(&v, false);
	if (at_end_of_item(&v)) {
		*rest = v;
		return 0;
	}
	return gba_params_read(rest, true, &other, d);
}

static void put_name(struct mst_writer *w, unsigned *n, enum gba_param which)
{
	if ((*n)++)
		mst_put_str(w, ", ");
	mst_put_str(w, name[which]);
	mst_put_str(w, "=");
}

void gba_put_quoted(struct mst_writer *w, unsigned *n, enum gba_param which, struct mst_view v)
{
	put_name(w, n, which);
	mst_put_str(w, "\"");
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] > 0x7e || v.p[i] == '"' || v.p[i] == '\\')
			w->ok = false;
	if (v.n > GBA_VALUE_MAX)
		w->ok = false;
	mst_put(w, v);
	mst_put_str(w, "\"");
}

void gba_put_plain(struct mst_writer *w, unsigned *n, enum gba_param which, struct mst_view v)
{
	put_name(w, n, which);
	for (size_t i = 0; i < v.n; i++)
		if (!is_token(v.p[i]))
			w->ok = false;
	mst_put(w, v);
}

bool gba_lower_hex(struct mst_view v, size_t n)
{
	for (size_t i = 0; i < v.n; i++)
		if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'a' && v.p[i] <= 'f')))
			return false;
	return v.n == n;
}
