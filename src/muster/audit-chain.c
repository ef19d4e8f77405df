/*
 * A copy of the audit log (doc/audit-log.md), line by line: pure, but for the crypto library that signatures are looked at with. Files, and words for
 * people, are audit-file.c's.
 */
#include "audit-chain.h"

#include <string.h>

#include "base/text.h"
#include "jansson/read.h"

static bool wrong(struct audit_chain *c, const char *what)
{
	c->why = what;
	return false;
}

static const char *text_at(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

/* One way to write them, as it is in a copy: lower case. */
static bool octets_of(const json_t *o, const char *name, uint8_t *out, size_t cap, size_t *ret_n)
{
	const char *hex = text_at(o, name);

	return !strpbrk(hex, "ABCDEF") && mst_hex_decode(mst_view_str(hex), out, cap, ret_n);
}

static bool hex_of(const json_t *o, const char *name, uint8_t *out, size_t want)
{
	size_t n;

	return octets_of(o, name, out, want, &n) && n == want;
}

/* Seconds are what is hashed and signed: a fraction of one, which is read elsewhere, is nobody's here. */
static bool time_of(const json_t *o, const char *name, mst_time *ret)
{
	const char *text = text_at(o, name);

	return strlen(text) == strlen("YYYYMMDDThhmmss") && mst_parse_timestamp(mst_view_str(text), ret);
}

bool audit_seal_from(const json_t *o, struct mst_log_seal *ret)
{
	struct mst_log_seal s = { .seq = (uint64_t)json_integer_value(json_object_get(o, "seq")) };

	if (!s.seq || !hex_of(o, "hash", s.hash, sizeof(s.hash)) || !hex_of(o, "signature", s.sig, sizeof(s.sig)) || !time_of(o, "when", &s.when))
		return false;
	*ret = s;
	return true;
}

static bool copy_text(const json_t *o, const char *name, char *out, size_t cap)
{
	return mst_view_to_str(mst_view_str(text_at(o, name)), out, cap);
}

/*
 * A text that is no UTF-8 stands there in hexadecimal, too: then the text is what these octets look like, and nothing else. No text has a NUL in it:
 * what is behind one is neither hashed nor compared.
 */
static bool copy_octets(const json_t *o, const char *name, const char *hex_name, char *out, size_t cap)
{
	char shown[sizeof(((struct mst_event *)NULL)->why)];
	size_t n;

	if (!json_object_get(o, hex_name))
		return copy_text(o, name, out, cap);
	if (cap > sizeof(shown) || !octets_of(o, hex_name, (uint8_t *)shown, cap - 1, &n) ||
	    !mst_view_to_str((struct mst_view){ (const uint8_t *)shown, n }, out, cap))
		return false;
	shown[n] = '\0';
	mst_utf8_mend(shown);
	return !mst_utf8_valid(mst_view_str(out)) && strcmp(shown, text_at(o, name)) == 0;
}

struct member { const char *name; json_type type; bool may_be_absent; };

static const struct member of_entry[] = {
	{ "seq", JSON_INTEGER, false }, { "when", JSON_STRING, true }, { "role", JSON_STRING, true }, { "what", JSON_STRING, true },
	{ "node", JSON_INTEGER, true }, { "who", JSON_STRING, true }, { "attempt", JSON_STRING, true }, { "outcome", JSON_INTEGER, true },
	{ "why", JSON_STRING, true }, { "whoOctets", JSON_STRING, true }, { "whyOctets", JSON_STRING, true }, { "hash", JSON_STRING, false },
};
static const struct member of_anchor[] = { { "seq", JSON_INTEGER, false }, { "hash", JSON_STRING, false }, { "told", JSON_INTEGER, true } };
static const struct member of_seal[] = {
	{ "seq", JSON_INTEGER, false }, { "hash", JSON_STRING, false }, { "when", JSON_STRING, false }, { "signature", JSON_STRING, false },
};
static const struct member of_end[] = { { "seq", JSON_INTEGER, false }, { "hash", JSON_STRING, false } };

/* Whoever reads a copy reads all that is in it, so nothing is in it that is not looked at. */
static bool members_good(json_t *o, const struct member *known, size_t n)
{
	const char *name;
	size_t i, found = 0, wanted = 0;
	json_t *v;

	json_object_foreach(o, name, v) {
		for (i = 0; i < n && strcmp(known[i].name, name); i++)
			;
		if (i == n || json_typeof(v) != known[i].type)
			return false;
		found += !known[i].may_be_absent;
	}
	for (i = 0; i < n; i++)
		wanted += !known[i].may_be_absent;
	return found == wanted;
}

static bool read_entry(json_t *o, struct mst_event *e)
{
	json_int_t outcome = json_integer_value(json_object_get(o, "outcome"));

	*e = (struct mst_event){ .seq = (uint64_t)json_integer_value(json_object_get(o, "seq")),
				 .node = json_integer_value(json_object_get(o, "node")),
				 .outcome = (int)outcome };
	return members_good(o, of_entry, MST_COUNT(of_entry)) && e->outcome == outcome && (!json_object_get(o, "when") || time_of(o, "when", &e->when)) &&
	       hex_of(o, "hash", e->hash, sizeof(e->hash)) && copy_text(o, "role", e->role, sizeof(e->role)) &&
	       copy_text(o, "what", e->what, sizeof(e->what)) && copy_octets(o, "who", "whoOctets", e->who, sizeof(e->who)) &&
	       copy_text(o, "attempt", e->attempt, sizeof(e->attempt)) && copy_octets(o, "why", "whyOctets", e->why, sizeof(e->why));
}

/* Is this entry, or the anchor, the one that a seal kept elsewhere is of? */
static bool look_for_kept(struct audit_chain *c)
{
	const struct mst_log_seal *kept = &c->trust->kept;

	if (kept->seq != c->seq || !kept->seq)
		return true;
	c->found = memcmp(kept->hash, c->hash, sizeof(kept->hash)) == 0;
	return c->found || wrong(c, "another entry than the one that was sealed");
}

static bool take_seal(struct audit_chain *c, json_t *o)
{
	struct mst_log_seal s;

	if (!members_good(o, of_seal, MST_COUNT(of_seal)))
		return wrong(c, "no seal as muster audit export writes it");
	if (!audit_seal_from(o, &s))
		return wrong(c, "no seal");
	if (s.seq != c->seq || memcmp(s.hash, c->hash, sizeof(s.hash)) != 0)
		return wrong(c, "the seal is of another entry than the one before it");
	if (c->trust->n_ca && mst_log_seal_check(mst_crypto_openssl(), (struct mst_view){ c->trust->ca, c->trust->n_ca }, &s))
		return wrong(c, "the seal is not of that CA");
	c->sealed = s;
	return true;
}

/* Its numbers: that of an entry, or 0, before which there is none and no hash; and of one behind it that tells of it. */
static bool read_anchor(json_t *o, struct mst_event_anchor *a)
{
	static const uint8_t none[MST_SHA256_LEN];
	json_int_t seq = json_integer_value(json_object_get(o, "seq")), told = json_integer_value(json_object_get(o, "told"));

	a->seq = (uint64_t)seq;
	a->told = (uint64_t)told;
	return members_good(o, of_anchor, MST_COUNT(of_anchor)) && seq >= 0 && (!json_object_get(o, "told") || told > seq) &&
	       (seq || !memcmp(a->hash, none, sizeof(none)));
}

static bool take_anchor(struct audit_chain *c, json_t *o)
{
	struct mst_event_anchor a = { .seq = 0 };

	if (c->inside)
		return wrong(c, "an anchor in the middle");
	if (!hex_of(o, "hash", a.hash, sizeof(a.hash)))
		return wrong(c, "an anchor without a hash");
	if (!read_anchor(o, &a))
		return wrong(c, "no anchor as muster audit export writes it");
	if (c->begun && (a.seq != c->seq || memcmp(a.hash, c->hash, sizeof(a.hash)) != 0))
		return wrong(c, "does not go on where the file before ends");
	if (!c->begun && !a.told)
		c->behind = a.seq;
	c->anchor = a;
	c->seq = a.seq;
	memcpy(c->hash, a.hash, sizeof(a.hash));
	c->told = !a.told;
	c->begun = c->inside = true;
	return look_for_kept(c);
}

static bool take_end(struct audit_chain *c, json_t *o)
{
	uint8_t hash[MST_SHA256_LEN];

	if (!members_good(o, of_end, MST_COUNT(of_end)))
		return wrong(c, "no end as muster audit export writes it");
	if (!hex_of(o, "hash", hash, sizeof(hash)) || (uint64_t)json_integer_value(json_object_get(o, "seq")) != c->seq ||
	    memcmp(hash, c->hash, sizeof(hash)) != 0)
		return wrong(c, "the end names another entry than the last: lines are missing");
	if (!c->told)
		return wrong(c, "the beginning is missing, and no entry tells so");
	c->inside = false;
	return true;
}

static bool take_entry(struct audit_chain *c, json_t *o)
{
	uint8_t hash[MST_SHA256_LEN];
	struct mst_event e;

	if (!read_entry(o, &e))
		return wrong(c, "no entry of an audit log");
	if (e.seq != c->seq + 1 || mst_event_hash(c->hash, &e, hash) != 0 || memcmp(hash, e.hash, sizeof(hash)) != 0)
		return wrong(c, "the entry does not fit its hash, or its number is not the next");
	if (e.seq == c->anchor.told && !(c->told = mst_event_tells(&e, &c->anchor)))
		return wrong(c, "the beginning is missing, and this entry tells of another");
	c->seq = e.seq;
	memcpy(c->hash, hash, sizeof(hash));
	c->entries++;
	return look_for_kept(c);
}

bool audit_chain_line(struct audit_chain *c, const char *text, size_t n)
{
	json_t *o = mst_json_read(text, n, JSON_REJECT_DUPLICATES, NULL);
	bool frame = json_object_get(o, "anchor") || json_object_get(o, "end") || json_object_get(o, "seal"), ok;

	if (!json_is_object(o))
		ok = wrong(c, "no JSON object");
	else if (frame && json_object_size(o) != 1)
		ok = wrong(c, "more than an anchor, a seal or an end");
	else if (json_object_get(o, "anchor"))
		ok = take_anchor(c, json_object_get(o, "anchor"));
	else if (!c->inside)
		ok = wrong(c, "no anchor before it; give files of muster audit export");
	else
		ok = json_object_get(o, "end") ? take_end(c, json_object_get(o, "end")) :
		     json_object_get(o, "seal") ? take_seal(c, json_object_get(o, "seal")) : take_entry(c, o);
	json_decref(o);
	return ok;
}

bool audit_chain_end(struct audit_chain *c)
{
	return c->begun && !c->inside ? true : wrong(c, "the file was cut off: it has no end");
}
