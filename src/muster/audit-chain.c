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

static bool hex_of(const json_t *o, const char *name, uint8_t *out, size_t want)
{
	size_t n;

	return mst_hex_decode(mst_view_str(text_at(o, name)), out, want, &n) && n == want;
}

bool audit_seal_from(const json_t *o, struct mst_log_seal *ret)
{
	struct mst_log_seal s = { .seq = (uint64_t)json_integer_value(json_object_get(o, "seq")) };

	if (!s.seq || !hex_of(o, "hash", s.hash, sizeof(s.hash)) || !hex_of(o, "signature", s.sig, sizeof(s.sig)) ||
	    !mst_parse_timestamp(mst_view_str(text_at(o, "when")), &s.when))
		return false;
	*ret = s;
	return true;
}

static bool copy_text(const json_t *o, const char *name, char *out, size_t cap)
{
	return mst_view_to_str(mst_view_str(text_at(o, name)), out, cap);
}

/* A text that is no UTF-8 stands there in hexadecimal, too: then the text is what these octets look like, and nothing else. */
static bool copy_octets(const json_t *o, const char *name, const char *hex_name, char *out, size_t cap)
{
	const char *hex = text_at(o, hex_name);
	char shown[sizeof(((struct mst_event *)NULL)->why)];
	size_t n;

	if (!*hex)
		return copy_text(o, name, out, cap);
	if (cap > sizeof(shown) || !mst_hex_decode(mst_view_str(hex), (uint8_t *)out, cap - 1, &n))
		return false;
	out[n] = '\0';
	memcpy(shown, out, n + 1);
	mst_utf8_mend(shown);
	return !mst_utf8_valid(mst_view_str(out)) && strcmp(shown, text_at(o, name)) == 0;
}

/* Whoever reads a copy reads all that is in it, so nothing is in it that is not hashed. */
static bool members_good(json_t *o)
{
	static const struct { const char *name; json_type type; } known[] = {
		{ "seq", JSON_INTEGER }, { "when", JSON_STRING }, { "role", JSON_STRING }, { "what", JSON_STRING }, { "node", JSON_INTEGER },
		{ "who", JSON_STRING }, { "attempt", JSON_STRING }, { "outcome", JSON_INTEGER }, { "why", JSON_STRING }, { "whoOctets", JSON_STRING },
		{ "whyOctets", JSON_STRING }, { "hash", JSON_STRING },
	};
	const char *name;
	size_t i = 0;
	json_t *v;

	json_object_foreach(o, name, v) {
		for (i = 0; i < MST_COUNT(known) && strcmp(known[i].name, name); i++)
			;
		if (i == MST_COUNT(known) || json_typeof(v) != known[i].type)
			return false;
	}
	return true;
}

static bool read_entry(json_t *o, struct mst_event *e)
{
	const char *when = text_at(o, "when");
	json_int_t outcome = json_integer_value(json_object_get(o, "outcome"));

	*e = (struct mst_event){ .seq = (uint64_t)json_integer_value(json_object_get(o, "seq")),
				 .node = json_integer_value(json_object_get(o, "node")),
				 .outcome = (int)outcome };
	return members_good(o) && e->outcome == outcome && (!*when || mst_parse_timestamp(mst_view_str(when), &e->when)) && hex_of(o, "hash", e->hash, sizeof(e->hash)) &&
	       copy_text(o, "role", e->role, sizeof(e->role)) && copy_text(o, "what", e->what, sizeof(e->what)) &&
	       copy_octets(o, "who", "whoOctets", e->who, sizeof(e->who)) &&
	       copy_text(o, "attempt", e->attempt, sizeof(e->attempt)) &&
	       copy_octets(o, "why", "whyOctets", e->why, sizeof(e->why));
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

static bool take_seal(struct audit_chain *c, const json_t *o)
{
	struct mst_log_seal s;

	if (!audit_seal_from(o, &s))
		return wrong(c, "no seal");
	if (s.seq != c->seq || memcmp(s.hash, c->hash, sizeof(s.hash)) != 0)
		return wrong(c, "the seal is of another entry than the one before it");
	if (c->trust->n_ca && mst_log_seal_check(mst_crypto_openssl(), (struct mst_view){ c->trust->ca, c->trust->n_ca }, &s))
		return wrong(c, "the seal is not of that CA");
	c->sealed = s;
	return true;
}

static bool take_anchor(struct audit_chain *c, const json_t *o)
{
	struct mst_event_anchor a = { .seq = (uint64_t)json_integer_value(json_object_get(o, "seq")),
				      .told = (uint64_t)json_integer_value(json_object_get(o, "told")) };

	if (c->inside)
		return wrong(c, "an anchor in the middle");
	if (!hex_of(o, "hash", a.hash, sizeof(a.hash)))
		return wrong(c, "an anchor without a hash");
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

static bool take_end(struct audit_chain *c, const json_t *o)
{
	uint8_t hash[MST_SHA256_LEN];

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
