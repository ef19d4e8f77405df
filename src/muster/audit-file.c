/* Verification of files that `muster audit export` made, without an installation (doc/audit-log.md). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/text.h"
#include "cert.h"
#include "store/store.h"

struct chain {
	const char *path;
	unsigned long line;
	struct mst_event_anchor anchor;
	uint64_t seq;            /* of the last good entry */
	uint8_t hash[MST_SHA256_LEN];
	unsigned long long entries;
	bool begun, inside, told;
	uint64_t behind;                 /* the first file goes on where another one ends, which is not here */
	const struct audit_trust *trust;
	struct mst_log_seal sealed;      /* the last seal that was right */
	bool found;                      /* the entry of the seal that was kept elsewhere */
};

static bool wrong(const struct chain *c, const char *what)
{
	complain("%s:%lu: %s", c->path, c->line, what);
	return false;
}

static bool hash_of(const json_t *o, uint8_t out[MST_SHA256_LEN])
{
	size_t n;

	return mst_hex_decode(mst_view_str(text_of(o, "hash")), out, MST_SHA256_LEN, &n) && n == MST_SHA256_LEN;
}

static bool copy_text(const json_t *o, const char *name, char *out, size_t cap)
{
	return mst_view_to_str(mst_view_str(text_of(o, name)), out, cap);
}

/* A text that is no UTF-8 stands there in hexadecimal, too: then the text is what these octets look like, and nothing else. */
static bool copy_octets(const json_t *o, const char *name, const char *hex_name, char *out, size_t cap)
{
	const char *hex = text_of(o, hex_name);
	char shown[sizeof(((struct mst_event *)NULL)->why)];
	size_t n;

	if (!*hex)
		return copy_text(o, name, out, cap);
	if (cap > sizeof(shown) || !mst_hex_decode(mst_view_str(hex), (uint8_t *)out, cap - 1, &n))
		return false;
	out[n] = '\0';
	memcpy(shown, out, n + 1);
	mst_utf8_mend(shown);
	return !mst_utf8_valid(mst_view_str(out)) && strcmp(shown, text_of(o, name)) == 0;
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
	const char *when = text_of(o, "when");
	json_int_t outcome = json_integer_value(json_object_get(o, "outcome"));

	*e = (struct mst_event){ .seq = (uint64_t)json_integer_value(json_object_get(o, "seq")),
				 .node = json_integer_value(json_object_get(o, "node")),
				 .outcome = (int)outcome };
	return members_good(o) && e->outcome == outcome && (!*when || mst_parse_timestamp(mst_view_str(when), &e->when)) && hash_of(o, e->hash) &&
	       copy_text(o, "role", e->role, sizeof(e->role)) && copy_text(o, "what", e->what, sizeof(e->what)) &&
	       copy_octets(o, "who", "whoOctets", e->who, sizeof(e->who)) &&
	       copy_text(o, "attempt", e->attempt, sizeof(e->attempt)) &&
	       copy_octets(o, "why", "whyOctets", e->why, sizeof(e->why));
}

/* Is this entry, or the anchor, the one that a seal kept elsewhere is of? */
static bool look_for_kept(struct chain *c)
{
	const struct mst_log_seal *kept = &c->trust->kept;

	if (kept->seq != c->seq || !kept->seq)
		return true;
	c->found = memcmp(kept->hash, c->hash, sizeof(kept->hash)) == 0;
	return c->found || wrong(c, "another entry than the one that was sealed");
}

static bool take_seal(struct chain *c, const json_t *o)
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

static bool take_anchor(struct chain *c, const json_t *o)
{
	struct mst_event_anchor a = { .seq = (uint64_t)json_integer_value(json_object_get(o, "seq")),
				      .told = (uint64_t)json_integer_value(json_object_get(o, "told")) };

	if (c->inside)
		return wrong(c, "an anchor in the middle");
	if (!hash_of(o, a.hash))
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

static bool take_end(struct chain *c, const json_t *o)
{
	uint8_t hash[MST_SHA256_LEN];

	if (!hash_of(o, hash) || (uint64_t)json_integer_value(json_object_get(o, "seq")) != c->seq ||
	    memcmp(hash, c->hash, sizeof(hash)) != 0)
		return wrong(c, "the end names another entry than the last: lines are missing");
	if (!c->told)
		return wrong(c, "the beginning is missing, and no entry tells so");
	c->inside = false;
	return true;
}

static bool take_entry(struct chain *c, json_t *o)
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

static bool take_line(struct chain *c, const char *text, size_t n)
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

static int verify_file(struct chain *c, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	bool ok = true;

	if (!f) {
		complain("cannot read %s: %s", path, strerror(errno));
		return EXIT_FAULT;
	}
	c->path = path;
	for (c->line = 1; ok && (n = getline(&line, &cap, f)) >= 0; c->line++)
		ok = take_line(c, line, (size_t)n);
	if (ok && ferror(f))
		ok = wrong(c, strerror(errno));
	else if (ok && (c->inside || c->line == 1))
		ok = wrong(c, "the file was cut off: it has no end");
	free(line);
	fclose(f);
	return ok ? EXIT_DONE : EXIT_REFUSED;
}

/* Every file is whole; is it the log that somebody has the seal of? */
static int judge(const struct chain *c)
{
	const struct mst_log_seal *kept = &c->trust->kept;

	if (c->found)
		return EXIT_DONE;
	if (c->trust->n_ca && c->entries && !c->sealed.seq) {
		complain("%s: there is no seal in it, so that CA stands for nothing here: anybody can write a chain that fits", c->path);
		return EXIT_REFUSED;
	}
	if (!kept->seq && !c->behind)
		return EXIT_DONE;
	if (!kept->seq)
		complain("the first copy begins behind entry %llu, and nothing accounts for what was before: give that from before, too, or a seal that was "
			 "kept (--seal)", (unsigned long long)c->behind);
	else if (kept->seq > c->seq)
		complain("%s: ends with entry %llu, but entry %llu was sealed: the end is missing", c->path, (unsigned long long)c->seq,
			 (unsigned long long)kept->seq);
	else
		complain("the files begin behind entry %llu, which was sealed; give those from before, too", (unsigned long long)kept->seq);
	return EXIT_REFUSED;
}

static void tell(const struct muster *m, const struct chain *c, bool ok)
{
	unsigned long long last = (unsigned long long)c->seq, sealed = (unsigned long long)c->sealed.seq;
	char when[16];

	if (m->json) {
		print_json(json_pack("{s:b, s:I, s:I, s:I, s:b}", "ok", ok, "entries", (json_int_t)c->entries, "last", (json_int_t)c->seq, "sealed",
				     (json_int_t)c->sealed.seq, "signaturesChecked", c->trust->n_ca > 0));
		return;
	}
	if (!ok)
		return;
	if (c->behind)
		say("entries %llu to %llu of the audit log are whole, every hash fits", (unsigned long long)c->behind + 1, last);
	else
		say("the audit log is whole up to entry %llu: %llu entries, every hash fits", last, c->entries);
	timestamp_text(c->sealed.when, when);
	if (sealed)
		say("sealed up to entry %llu, at %s UTC%s", sealed, human_time(when), c->trust->n_ca ? "" : "; signatures were not looked at: give --ca");
}

int audit_verify_files(struct muster *m, const struct audit_trust *trust, int n, char **path)
{
	struct chain c = { .trust = trust };
	int r = EXIT_DONE;

	for (int i = 0; i < n && r == EXIT_DONE; i++)
		r = verify_file(&c, path[i]);
	if (r == EXIT_DONE)
		r = judge(&c);
	tell(m, &c, r == EXIT_DONE);
	return r;
}
