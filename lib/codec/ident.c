/*
 * Which octets make an identifier (spec 1.3, 1.4). Every rule is a function from the rest of the text to
 * the length it matches, or 0, so that the compound forms are read like the table in the spec.
 */
#include "codec/ident.h"

#include <string.h>

#include "base/text.h"

#define FQDN_MAX 253u           /* RFC 1035: 255 octets on the wire */
#define REL_HEX 32u             /* hex digits of a 16 octet key id: TS-0003 10.3.4, 10.3.5 */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(uint8_t c)
{
	return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* RFC 3986 2.3 */
static bool is_unreserved(uint8_t c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* sec:relKeyID: TS-0003 12.2 */
static bool is_rel_key(uint8_t c)
{
	return is_alnum(c) || c == '.' || c == '_' || c == '-';
}

static bool all(struct mst_view v, bool (*rule)(uint8_t))
{
	for (size_t i = 0; i < v.n; i++)
		if (!rule(v.p[i]))
			return false;
	return v.n > 0;
}

static struct mst_view from(struct mst_view v, size_t at)
{
	return mst_view_sub(v, at, v.n);
}

/* One LDH label of RFC 1035. */
static bool label_ok(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!is_alnum(v.p[i]) && v.p[i] != '-')
			return false;
	return v.n >= 1 && v.n <= 63 && v.p[0] != '-' && v.p[v.n - 1] != '-';
}

/* inet_aton(3) takes "127.0x1" for an address: so would the resolver, whoever the name is shown to. */
static bool is_number(struct mst_view label)
{
	if (label.n < 2 || label.p[0] != '0' || (label.p[1] | 0x20) != 'x')
		return all(label, is_digit);
	for (size_t i = 2; i < label.n; i++)
		if (mst_hex_digit(label.p[i]) == MST_HEX_NONE)
			return false;
	return true;
}

/* No trailing dot; the last label of a name is no number (RFC 1123 2.1), or it would be an IPv4 address. */
static bool fqdn_ok(struct mst_view v)
{
	struct mst_view label = v;

	if (v.n == 0 || v.n > FQDN_MAX)
		return false;
	for (size_t at = 0; at <= v.n;) {
		label = mst_view_sub(v, at, mst_view_find(from(v, at), '.'));
		if (!label_ok(label))
			return false;
		at += label.n + 1;
	}
	return !is_number(label);
}

/* Length of "//fqdn" in front of `v`, 0 when there is none. */
static size_t sp_part(struct mst_view v)
{
	size_t n;

	if (!mst_view_starts(v, "//"))
		return 0;
	n = mst_view_find(from(v, 2), '/');
	return fqdn_ok(mst_view_sub(v, 2, n)) ? n + 2 : 0;
}

static bool cse_rel_ok(struct mst_view v)
{
	return v.n > 1 && v.p[0] == '/' && all(from(v, 1), is_unreserved);
}

static bool stem_ok(struct mst_view v, const char *first)
{
	return v.n > 1 && mst_view_find(mst_view_str(first), v.p[0]) < mst_view_str(first).n &&
	       all(from(v, 1), is_unreserved);
}

/* "/CSE/Cxyz" or "/Sxyz": TS-0001 T7.2-1 */
static bool ae_rel_ok(struct mst_view v)
{
	size_t slash;

	if (v.n < 2 || v.p[0] != '/')
		return false;
	slash = 1 + mst_view_find(from(v, 1), '/');
	if (slash == v.n)
		return stem_ok(from(v, 1), "S");
	return cse_rel_ok(mst_view_sub(v, 0, slash)) && stem_ok(from(v, slash + 1), "C");
}

/*
 * TS-0001 annex H: {higher arc}{manufacturer}{model}{serial}[{expanded}]. A higher arc has at least two
 * arcs, so an indication has at least five.
 */
static bool device_ok(struct mst_view v)
{
	size_t arcs = 0;

	for (size_t at = 0; at <= v.n; arcs++) {
		struct mst_view arc = mst_view_sub(v, at, mst_view_find(from(v, at), '.'));

		if (!all(arc, is_digit) || (arc.n > 1 && arc.p[0] == '0'))
			return false;
		if (arcs == 0 && (arc.n > 1 || arc.p[0] > '2'))
			return false;
		if (arcs == 1 && v.p[0] < '2' && (arc.n > 2 || (arc.n == 2 && arc.p[0] > '3')))
			return false;
		at += arc.n + 1;
	}
	return arcs >= 5;
}

static size_t last_at(struct mst_view v)
{
	size_t i = v.n;

	while (i > 0 && v.p[i - 1] != '@')
		i--;
	return i ? i - 1 : v.n;
}

static bool key_ok(struct mst_view v)
{
	size_t at = last_at(v);

	return at < v.n && all(mst_view_sub(v, 0, at), is_rel_key) && fqdn_ok(from(v, at + 1));
}

static int b64url(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* RFC 6920 with the three algorithms of TS-0003 10.1.2; one spelling: unused low bits are zero. */
static bool public_key_ok(struct mst_view v)
{
	static const struct { const char *prefix; size_t n; int spare; } alg[] = {
		{ "ni:///sha-256;", 43, 2 }, { "ni:///sha-256-128;", 22, 4 }, { "ni:///sha-256-120;", 20, 0 },
	};

	for (size_t a = 0; a < MST_COUNT(alg); a++) {
		struct mst_view hash;

		if (!mst_view_starts(v, alg[a].prefix))
			continue;
		hash = from(v, mst_view_str(alg[a].prefix).n);
		if (hash.n != alg[a].n)
			return false;
		for (size_t i = 0; i < hash.n; i++)
			if (b64url(hash.p[i]) < 0)
				return false;
		return !(b64url(hash.p[hash.n - 1]) & ((1 << alg[a].spare) - 1));
	}
	return false;
}

/*
 * To everybody but the BSF that made it a B-TID is opaque (TS 33.220 4.5.2). It enters hashes and quoted strings, where quotes,
 * backslashes and blanks would not be the same to everybody.
 */
static bool btid_ok(struct mst_view v)
{
	size_t at = last_at(v);

	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] == '"' || v.p[i] == '\\')
			return false;
	return at > 0 && at + 1 < v.n && mst_printable_ascii(v);
}

static bool node_ok(struct mst_view v)
{
	return v.n > 0 && mst_printable_ascii(v);
}

/*
 * sec:credIDTypeID, TS-0003 12.3.2.1, with what the value is. The text allows only A-Z a-z 0-9 . _ - @ in
 * a value, which cannot spell the identifiers that its own table names for 30 and above (spec 1.4), nor a B-TID; there
 * the identifier itself decides.
 */
static const struct { int type; enum mst_id_kind kind; } credential_type[] = {
	{ 10, MST_ID_KM }, { 11, MST_ID_KM }, { 12, MST_ID_KM }, { 13, MST_ID_KM }, { 14, MST_ID_KM },
	{ 15, MST_ID_KM }, { 16, MST_ID_KM },
	{ 30, MST_ID_PUBLIC_KEY }, { 31, MST_ID_DEVICE }, { 32, MST_ID_CSE_ABS }, { 33, MST_ID_AE_ABS },
	{ 34, MST_ID_NODE },
	{ 41, MST_ID_PUBLIC_KEY }, { 42, MST_ID_DEVICE }, { 43, MST_ID_CSE_ABS }, { 44, MST_ID_AE_ABS },
	{ 45, MST_ID_NODE },
	{ 51, MST_ID_PUBLIC_KEY }, { 52, MST_ID_DEVICE }, { 53, MST_ID_CSE_ABS }, { 54, MST_ID_AE_ABS },
	{ 55, MST_ID_NODE },
};

static enum mst_id_kind credential_kind(int type)
{
	for (size_t i = 0; i < MST_COUNT(credential_type); i++)
		if (credential_type[i].type == type)
			return credential_type[i].kind;
	return MST_ID_NONE;
}

bool mst_credential_type_known(int type)
{
	return credential_kind(type) != MST_ID_NONE;
}

bool mst_credential_id_split(struct mst_view id, int *ret_type, struct mst_view *ret_value)
{
	uint64_t type;

	if (id.n < 4 || id.n >= MST_ID_MAX || id.p[2] != '-' ||
	    !mst_parse_dec(mst_view_sub(id, 0, 2), 99, &type) ||
	    !mst_id_valid(credential_kind((int)type), from(id, 3)))
		return false;
	*ret_type = (int)type;
	*ret_value = from(id, 3);
	return true;
}

const char *mst_id_kind_text(enum mst_id_kind k)
{
	static const char *const text[] = {
		[MST_ID_NONE] = "no identifier", [MST_ID_FQDN] = "FQDN", [MST_ID_SP] = "M2M-SP-ID",
		[MST_ID_CSE_REL] = "SP-relative CSE-ID", [MST_ID_CSE_ABS] = "absolute CSE-ID",
		[MST_ID_AE_STEM] = "AE-ID-Stem", [MST_ID_AE_REL] = "SP-relative AE-ID",
		[MST_ID_AE_ABS] = "absolute AE-ID", [MST_ID_NODE] = "M2M-Node-ID",
		[MST_ID_DEVICE] = "M2M Device ID", [MST_ID_KEY] = "key identifier",
		[MST_ID_REL_KEY] = "relative key identifier", [MST_ID_CREDENTIAL] = "Credential-ID",
		[MST_ID_PUBLIC_KEY] = "public key identifier", [MST_ID_BTID] = "B-TID",
		[MST_ID_KM] = "key identifier or B-TID",
	};

	return (unsigned)k < MST_COUNT(text) ? text[k] : text[MST_ID_NONE];
}

bool mst_id_valid(enum mst_id_kind k, struct mst_view v)
{
	size_t sp = sp_part(v);
	struct mst_view value;
	int type;

	if (v.n == 0 || v.n >= MST_ID_MAX)
		return false;
	switch (k) {
	case MST_ID_NONE: return false;
	case MST_ID_FQDN: return fqdn_ok(v);
	case MST_ID_SP: return sp == v.n;
	case MST_ID_CSE_REL: return cse_rel_ok(v);
	case MST_ID_CSE_ABS: return sp && cse_rel_ok(from(v, sp));
	case MST_ID_AE_STEM: return stem_ok(v, "CS");
	case MST_ID_AE_REL: return ae_rel_ok(v);
	case MST_ID_AE_ABS: return sp && ae_rel_ok(from(v, sp));
	case MST_ID_NODE: return node_ok(v);
	case MST_ID_DEVICE: return device_ok(v);
	case MST_ID_KEY: return key_ok(v);
	case MST_ID_REL_KEY: return all(v, is_rel_key);
	case MST_ID_CREDENTIAL: return mst_credential_id_split(v, &type, &value);
	case MST_ID_PUBLIC_KEY: return public_key_ok(v);
	case MST_ID_BTID: return btid_ok(v);
	case MST_ID_KM: return key_ok(v) || btid_ok(v);
	}
	return false;
}

static void put_lower(struct mst_writer *w, struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		mst_put_u8(w, v.p[i] >= 'A' && v.p[i] <= 'Z' ? (uint8_t)(v.p[i] + 32) : v.p[i]);
}

/* hexBinary ids are upper case (spec 1.4); any other relative part is the issuer's business. */
static void put_rel_key(struct mst_writer *w, struct mst_view v)
{
	uint8_t raw[REL_HEX / 2];
	size_t n;

	if (v.n == REL_HEX && mst_hex_decode(v, raw, sizeof(raw), &n))
		mst_put_hex(w, (struct mst_view){ raw, n });
	else
		mst_put(w, v);
}

/* `v` is valid for `k`. */
static void put_canonical(struct mst_writer *w, enum mst_id_kind k, struct mst_view v)
{
	size_t cut = 0;
	int type = 0;
	struct mst_view value = MST_VIEW_NONE;

	if (k == MST_ID_CREDENTIAL && mst_credential_id_split(v, &type, &value)) {
		mst_put(w, mst_view_sub(v, 0, 3));
		k = credential_kind(type);
		v = value;
	}
	if (k == MST_ID_KEY || (k == MST_ID_KM && key_ok(v))) {
		cut = last_at(v);
		put_rel_key(w, mst_view_sub(v, 0, cut));
		put_lower(w, from(v, cut));
	} else if (k == MST_ID_REL_KEY) {
		put_rel_key(w, v);
	} else if (k == MST_ID_FQDN) {
		put_lower(w, v);
	} else {
		if (k == MST_ID_SP || k == MST_ID_CSE_ABS || k == MST_ID_AE_ABS)
			cut = sp_part(v);
		put_lower(w, mst_view_sub(v, 0, cut));
		mst_put(w, from(v, cut));
	}
}

/* Close `w` over out[MST_ID_MAX]; "" when it did not fit. */
static bool finish(struct mst_writer *w, char *out)
{
	mst_put_nul(w);
	if (!w->ok)
		out[0] = '\0';
	return w->ok;
}

bool mst_id_normalise(enum mst_id_kind k, struct mst_view v, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);

	if (!mst_id_valid(k, v))
		return false;
	put_canonical(&w, k, v);
	return finish(&w, out);
}

void mst_id_enrolee(const char *id, char out[MST_ID_MAX])
{
	char canonical[MST_ID_MAX] = "";
	struct mst_view v = mst_view_str(id);

	if (!mst_id_normalise(MST_ID_CSE_ABS, v, canonical) && !mst_id_normalise(MST_ID_AE_ABS, v, canonical) &&
	    !mst_view_to_str(v, canonical, sizeof(canonical)))
		canonical[0] = '\0';
	memcpy(out, canonical, sizeof(canonical));
}

bool mst_id_enrolee_equal(struct mst_view a, const char *b)
{
	struct mst_view v = mst_view_str(b);

	return a.n && (mst_view_eq(a, v) || mst_id_equal(MST_ID_CSE_ABS, a, v) || mst_id_equal(MST_ID_AE_ABS, a, v));
}

void mst_id_impi(const char *id, char out[MST_ID_MAX])
{
	struct mst_view v = mst_view_str(id);
	char key[MST_ID_MAX] = "";
	size_t at = 0;

	if (!mst_view_to_str(v, key, sizeof(key)))
		key[0] = '\0';
	for (size_t i = 0; key[i]; i++)
		at = key[i] == '@' ? i : at;
	if (key[at] == '@')
		mst_ascii_lower(key + at);
	memcpy(out, key, sizeof(key));
}

bool mst_id_impi_equal(struct mst_view a, const char *b)
{
	char x[MST_ID_MAX], y[MST_ID_MAX];

	if (!mst_view_to_str(a, x, sizeof(x)))
		return false;
	mst_id_impi(x, x);
	mst_id_impi(b, y);
	return !strcmp(x, y);
}

bool mst_id_equal(enum mst_id_kind k, struct mst_view a, struct mst_view b)
{
	char x[MST_ID_MAX], y[MST_ID_MAX];

	return mst_id_normalise(k, a, x) && mst_id_normalise(k, b, y) &&
	       mst_view_eq(mst_view_str(x), mst_view_str(y));
}

bool mst_key_id_split(struct mst_view id, struct mst_view *ret_rel, struct mst_view *ret_fqdn)
{
	size_t at = last_at(id);

	if (!mst_id_valid(MST_ID_KEY, id))
		return false;
	*ret_rel = mst_view_sub(id, 0, at);
	*ret_fqdn = from(id, at + 1);
	return true;
}

bool mst_key_id_make(const uint8_t rel[16], struct mst_view fqdn, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);

	if (!fqdn_ok(fqdn))
		return false;
	mst_put_hex(&w, (struct mst_view){ rel, 16 });
	mst_put_u8(&w, '@');
	put_lower(&w, fqdn);
	return finish(&w, out);
}

void mst_key_id_spell(const char *id, bool lower, char *out)
{
	struct mst_view v = mst_view_str(id);
	size_t cut = last_at(v);
	uint8_t raw[REL_HEX / 2];
	size_t n;
	bool hex;

	if (cut >= v.n || v.p[cut] != '@')
		cut = v.n;
	hex = cut == REL_HEX && mst_hex_decode(mst_view_sub(v, 0, cut), raw, sizeof(raw), &n);
	for (size_t i = 0; i <= v.n && i < MST_ID_MAX; i++) {
		char ch = id[i];

		if (hex && i < cut && (lower ? ch >= 'A' && ch <= 'F' : ch >= 'a' && ch <= 'f'))
			ch = (char)(ch ^ 0x20);
		out[i] = ch;
	}
}

bool mst_credential_id_make(int type, struct mst_view value, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);

	if (!mst_id_valid(credential_kind(type), value))
		return false;
	mst_put_dec(&w, type);
	mst_put_u8(&w, '-');
	put_canonical(&w, credential_kind(type), value);
	return finish(&w, out);
}

/* m2m:suid, TS-0004 6.3.4.2.39 */
static const struct { int suid; const char *text; } suid_row[] = {
	{ 10, "pre-provisioned key shared with a MEF" }, { 11, "pre-provisioned key shared with a MAF" },
	{ 12, "pre-provisioned key for SAEF" }, { 13, "pre-provisioned key for ESPrim" },
	{ 14, "pre-provisioned key for ESData encryption" },
	{ 15, "pre-provisioned key for ESData signature" },
	{ 21, "provisioned key shared with a MAF" }, { 22, "provisioned key for SAEF" },
	{ 23, "provisioned key for ESPrim" }, { 24, "provisioned key for ESData encryption" },
	{ 25, "provisioned key for ESData signature" },
	{ 32, "MAF-distributed key for SAEF" }, { 33, "MAF-distributed key for ESPrim" },
	{ 34, "MAF-distributed key for ESData encryption" },
	{ 35, "MAF-distributed key for ESData signature" },
	{ 40, "certificate for a MEF" }, { 41, "certificate for a MAF" }, { 42, "certificate for SAEF" },
	{ 43, "certificate for ESPrim" }, { 44, "certificate for ESData encryption" },
	{ 45, "certificate for ESData signature" },
};

bool mst_suid_known(int suid)
{
	for (size_t i = 0; i < MST_COUNT(suid_row); i++)
		if (suid_row[i].suid == suid)
			return true;
	return false;
}

const char *mst_suid_text(int suid)
{
	for (size_t i = 0; i < MST_COUNT(suid_row); i++)
		if (suid_row[i].suid == suid)
			return suid_row[i].text;
	return "unknown SUID";
}

bool mst_cse_public_name(struct mst_view abs_cse_id, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);
	size_t sp = sp_part(abs_cse_id);

	/* unreserved characters go beyond LDH, DNS does not (spec 1.3) */
	if (!mst_id_valid(MST_ID_CSE_ABS, abs_cse_id) || !label_ok(from(abs_cse_id, sp + 1)) ||
	    abs_cse_id.n - 3 + 1 > FQDN_MAX)
		return false;
	mst_put(&w, from(abs_cse_id, sp + 1));
	mst_put_u8(&w, '.');
	put_lower(&w, mst_view_sub(abs_cse_id, 2, sp - 2));
	return finish(&w, out);
}

bool mst_cse_of_public_name(const char *fqdn, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);
	struct mst_view v = mst_view_str(fqdn);
	size_t dot = mst_view_find(v, '.');

	if (!fqdn_ok(v) || dot == v.n)
		return false;
	mst_put_str(&w, "//");
	put_lower(&w, from(v, dot + 1));
	mst_put_u8(&w, '/');
	mst_put(&w, mst_view_sub(v, 0, dot));
	return finish(&w, out);
}

/* The SP-relative form of an absolute CSE-ID or AE-ID. */
static struct mst_view sp_relative(struct mst_view abs)
{
	return from(abs, sp_part(abs));
}

/* The stem of an absolute AE-ID: what follows the last slash. */
static struct mst_view stem(struct mst_view abs)
{
	size_t i = abs.n;

	while (i > 0 && abs.p[i - 1] != '/')
		i--;
	return from(abs, i);
}

bool mst_id_from_param(enum mst_id_kind k, struct mst_view abs, char out[MST_ID_MAX])
{
	if (!mst_id_valid(k, abs))
		return false;
	switch (k) {
	case MST_ID_CSE_ABS: return mst_view_to_str(sp_relative(abs), out, MST_ID_MAX);
	case MST_ID_AE_ABS: return mst_view_to_str(stem(abs), out, MST_ID_MAX);
	case MST_ID_FQDN: case MST_ID_NODE: case MST_ID_DEVICE: return mst_id_normalise(k, abs, out);
	case MST_ID_NONE: case MST_ID_SP: case MST_ID_CSE_REL: case MST_ID_AE_STEM: case MST_ID_AE_REL:
	case MST_ID_KEY: case MST_ID_REL_KEY: case MST_ID_CREDENTIAL: case MST_ID_PUBLIC_KEY: case MST_ID_BTID: case MST_ID_KM: break;
	}
	return false;       /* names no entity, or not completely */
}

bool mst_from_matches(struct mst_view from_param, enum mst_id_kind k, struct mst_view abs)
{
	char pub[MST_ID_MAX];

	if (!mst_id_valid(k, abs) || from_param.n == 0)
		return false;
	switch (k) {
	case MST_ID_CSE_ABS:
		return mst_id_equal(k, from_param, abs) || mst_view_eq(from_param, sp_relative(abs)) ||
		       (mst_cse_public_name(abs, pub) && mst_id_equal(MST_ID_FQDN, from_param, mst_view_str(pub)));
	case MST_ID_AE_ABS:
		return mst_id_equal(k, from_param, abs) || mst_view_eq(from_param, sp_relative(abs)) ||
		       mst_view_eq(from_param, stem(abs));
	case MST_ID_FQDN: case MST_ID_NODE: case MST_ID_DEVICE: return mst_id_equal(k, from_param, abs);
	case MST_ID_NONE: case MST_ID_SP: case MST_ID_CSE_REL: case MST_ID_AE_STEM: case MST_ID_AE_REL:
	case MST_ID_KEY: case MST_ID_REL_KEY: case MST_ID_CREDENTIAL: case MST_ID_PUBLIC_KEY: case MST_ID_BTID: case MST_ID_KM: break;
	}
	return false;
}
