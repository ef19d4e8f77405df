#include "proto/aka/sim.h"

#include <string.h>

#include "base/text.h"
#include "codec/secret-text.h"

#define IS_OP 0x80

static const struct kind { const char *name; enum aka_algorithm algorithm; bool is_op; size_t octets; } kinds[] = {
	{ "opc", AKA_MILENAGE, false, 16 }, { "op", AKA_MILENAGE, true, 16 },
	{ "topc", AKA_TUAK, false, 32 }, { "top", AKA_TUAK, true, 32 },
};

static const struct kind *kind_of(enum aka_algorithm a, bool is_op)
{
	size_t i = 0;

	while (i + 1 < MST_COUNT(kinds) && (kinds[i].algorithm != a || kinds[i].is_op != is_op))
		i++;
	return &kinds[i];
}

void aka_sim_wipe(struct aka_sim *s)
{
	mst_wipe(s, sizeof(*s));
}

static int refuse(struct aka_sim *s, struct mst_diag *d, const char *what)
{
	aka_sim_wipe(s);
	mst_diag_set(d, 0, "secret", what, "; expected milenage:K:opc:OPc=CHECK with K and OPc in hex, or op; or tuak:K:topc:TOPc=CHECK; "
		     "see muster(1)", NULL);
	return MST_FAULT_CONFIG;
}

/* Up to the next colon, which is taken, too. */
static struct mst_view part(struct mst_view *rest)
{
	size_t at = mst_view_find(*rest, ':');
	struct mst_view v = mst_view_sub(*rest, 0, at);

	*rest = mst_view_sub(*rest, at + 1, rest->n);
	return v;
}

static bool number_after(struct mst_view v, const char *name, uint64_t max, uint8_t *ret)
{
	uint64_t x;

	if (!mst_view_starts(v, name) || !mst_parse_dec(mst_view_sub(v, strlen(name), v.n), max, &x) || !x)
		return false;
	*ret = (uint8_t)x;
	return true;
}

static const char *read_parts(struct mst_view v, struct aka_sim *s)
{
	struct mst_view algorithm = part(&v), k = part(&v), name = part(&v), top = part(&v);
	const struct kind *kind = NULL;
	uint8_t octets[AKA_LONG];
	struct mst_diag d = { 0 };
	int n;

	s->keys = (struct aka_keys){ .mac_n = AKA_MAC, .res_n = 8, .ck_n = 16, .ik_n = 16, .times = 1 };
	s->keys.algorithm = mst_view_eq_str(algorithm, "tuak") ? AKA_TUAK : AKA_MILENAGE;
	if (!mst_view_eq_str(algorithm, aka_algorithm_text(s->keys.algorithm)))
		return "names no algorithm";
	for (size_t i = 0; i < MST_COUNT(kinds); i++)
		if (kinds[i].algorithm == s->keys.algorithm && mst_view_eq_str(name, kinds[i].name))
			kind = &kinds[i];
	if (!kind)
		return "does not say what stands behind K";
	s->is_op = kind->is_op;
	n = mst_secret_digits(k, s->keys.k, sizeof(s->keys.k));
	s->keys.k_n = (uint8_t)(n > 0 ? n / 2 : 0);
	if (n % 2 || (n != 32 && (n != 64 || s->keys.algorithm != AKA_TUAK)))
		return s->keys.algorithm == AKA_TUAK ? "has a K that is not 32 or 64 hex digits" : "has a K that is not 32 hex digits";
	n = mst_secret_digits(top, octets, sizeof(octets));
	if (n != 2 * (int)kind->octets) {
		mst_wipe(octets, sizeof(octets));
		return kind->octets == 16 ? "has an OPc or OP that is not 32 hex digits" : "has a TOPc or TOP that is not 64 hex digits";
	}
	memcpy(s->keys.top, octets, kind->octets);
	mst_wipe(octets, sizeof(octets));
	while (v.n) {
		struct mst_view o = part(&v);

		if (!number_after(o, "res", AKA_SIM_RES_MAX, &s->keys.res_n) &&
		    (s->keys.algorithm != AKA_TUAK || !number_after(o, "times", 255, &s->keys.times)))
			return "has an option that is none: res4 to res16, and times1 to times255 with TUAK";
	}
	return aka_keys_check(&s->keys, &d) ? "has a RES of a length that the algorithm does not make" : NULL;
}

static uint16_t check_of(const struct aka_sim *s)
{
	size_t top_n = kind_of(s->keys.algorithm, s->is_op)->octets;
	struct mst_key k = { .n = s->keys.k_n + top_n };
	uint16_t crc;

	memcpy(k.b, s->keys.k, s->keys.k_n);
	memcpy(k.b + s->keys.k_n, s->keys.top, top_n);
	crc = mst_secret_check(&k);
	mst_key_wipe(&k);
	return crc;
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int aka_sim_read(struct mst_view text, struct aka_sim *ret_s, struct mst_diag *d)
{
	const char *wrong;
	uint8_t check[2];
	size_t eq;

	while (text.n && blank(text.p[text.n - 1]))
		text.n--;
	while (text.n && blank(text.p[0]))
		text = mst_view_sub(text, 1, text.n - 1);
	eq = mst_view_find(text, '=');
	aka_sim_wipe(ret_s);
	wrong = read_parts(mst_view_sub(text, 0, eq), ret_s);
	if (wrong)
		return refuse(ret_s, d, wrong);
	if (eq == text.n)
		return refuse(ret_s, d, "has no check code");
	if (mst_secret_digits(mst_view_sub(text, eq + 1, text.n), check, sizeof(check)) != 4)
		return refuse(ret_s, d, "has a check code that is not four hex digits");
	if ((check[0] << 8 | check[1]) != check_of(ret_s))
		return refuse(ret_s, d, "does not fit its check code: a digit is wrong or missing");
	return 0;
}

static void put_groups(struct mst_writer *w, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i && i % 2 == 0)
			mst_put_u8(w, '-');
		mst_put_hex(w, (struct mst_view){ p + i, 1 });
	}
}

static void put_option(struct mst_writer *w, const char *name, uint8_t x, uint8_t usual)
{
	if (x == usual)
		return;
	mst_put_u8(w, ':');
	mst_put_str(w, name);
	mst_put_dec(w, x);
}

void aka_sim_write(const struct aka_sim *s, struct mst_writer *w)
{
	const struct kind *kind = kind_of(s->keys.algorithm, s->is_op);
	uint16_t crc = check_of(s);

	mst_put_str(w, aka_algorithm_text(s->keys.algorithm));
	mst_put_u8(w, ':');
	put_groups(w, s->keys.k, s->keys.k_n);
	mst_put_u8(w, ':');
	mst_put_str(w, kind->name);
	mst_put_u8(w, ':');
	put_groups(w, s->keys.top, kind->octets);
	put_option(w, "res", s->keys.res_n, 8);
	put_option(w, "times", s->keys.times, 1);
	mst_put_u8(w, '=');
	mst_put_hex(w, (struct mst_view){ (const uint8_t[]){ (uint8_t)(crc >> 8), (uint8_t)crc }, 2 });
}

void aka_sim_pack(const struct aka_sim *s, struct mst_writer *w)
{
	mst_put_u8(w, (uint8_t)(s->keys.algorithm | (s->is_op ? IS_OP : 0)));
	mst_put_u8(w, s->keys.k_n);
	mst_put_u8(w, s->keys.res_n);
	mst_put_u8(w, s->keys.times);
	mst_put(w, (struct mst_view){ s->keys.k, s->keys.k_n });
	mst_put(w, (struct mst_view){ s->keys.top, kind_of(s->keys.algorithm, s->is_op)->octets });
}

bool aka_sim_unpack(struct mst_view v, struct aka_sim *ret_s)
{
	struct mst_reader r = mst_reader_of(v);
	uint8_t first = mst_read_u8(&r), k_n = mst_read_u8(&r), res_n = mst_read_u8(&r), times = mst_read_u8(&r);
	enum aka_algorithm a = (first & ~IS_OP) == AKA_TUAK ? AKA_TUAK : AKA_MILENAGE;
	struct mst_view k = mst_read(&r, k_n), top = mst_read(&r, kind_of(a, first & IS_OP)->octets);

	aka_sim_wipe(ret_s);
	if (!mst_read_end(&r) || (first & ~IS_OP) != (int)a || res_n > AKA_SIM_RES_MAX || (a == AKA_MILENAGE && times != 1) || aka_keys_set(&ret_s->keys, a, k, top)) {
		aka_sim_wipe(ret_s);
		return false;
	}
	ret_s->keys.res_n = res_n;
	ret_s->keys.times = times;
	ret_s->is_op = first & IS_OP;
	if (!aka_keys_check(&ret_s->keys, NULL))
		return true;
	aka_sim_wipe(ret_s);
	return false;
}
