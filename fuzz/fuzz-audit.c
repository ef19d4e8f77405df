/*
 * What `muster audit verify` reads of strangers: a seal, and copies of the log. Lines are read as they are; then once more with the number and
 * the hash that fit, which no fuzzer finds: what is taken so is taken no more when any member of it is another one, one is missing or one is added.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "jansson/read.h"
#include "src/muster/audit-chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct audit_trust nobody;

static bool take(const struct audit_chain *before, const json_t *o, struct audit_chain *ret)
{
	char *text = json_dumps(o, JSON_COMPACT);
	bool ok;

	*ret = *before;
	if (!text)
		abort();
	ok = audit_chain_line(ret, text, strlen(text));
	if (!ok && !ret->why)
		abort();
	free(text);
	return ok;
}

/* Is it to the hash as if it were not there? */
static bool empty(const char *name, const json_t *v)
{
	mst_time t = 1;

	if (json_is_integer(v))
		return json_integer_value(v) == 0;
	return json_string_length(v) == 0 || (!strcmp(name, "when") && mst_parse_timestamp(mst_view_str(json_string_value(v)), &t) && t == 0);
}

/* What stands around the entries has its members in an object of its own; NULL: an entry. */
static const char *frame_of(const json_t *o)
{
	return json_object_get(o, "anchor") ? "anchor" : json_object_get(o, "seal") ? "seal" : json_object_get(o, "end") ? "end" : NULL;
}

/* `o` is what stands in a line of that kind. */
static void refuse(const struct audit_chain *before, const char *frame, json_t *o)
{
	json_t *line = frame ? json_pack("{s:O}", frame, o) : json_incref(o);
	struct audit_chain c;

	if (!line || take(before, line, &c))
		abort();
	json_decref(line);
}

/* Another value, where it is not what may be any in a line by itself: times and signatures of seals are looked at with a CA, `told` by an entry. */
static void change(const struct audit_chain *before, const char *frame, json_t *o, const char *name, const json_t *v)
{
	static const char *const more[] = { "x", "00", ",1" };
	char longer[4096];

	if (json_is_integer(v) && strcmp(name, "told")) {
		json_object_set_new(o, name, json_integer(json_integer_value(v) ^ (INT64_C(1) << 40)));
		refuse(before, frame, o);
	}
	for (size_t i = 0; json_is_string(v) && i < MST_COUNT(more) && json_string_length(v) + 3 < sizeof(longer); i++) {
		snprintf(longer, sizeof(longer), "%s%s", json_string_value(v), more[i]);
		json_object_set_new(o, name, json_string(longer));
		refuse(before, frame, o);
	}
}

static void tamper(const struct audit_chain *before, const char *frame, const json_t *o)
{
	json_t *other = json_copy((json_t *)o);
	const char *name;
	json_t *v;

	json_object_set_new(other, "x", json_integer(0));
	refuse(before, frame, other);
	json_decref(other);
	json_object_foreach((json_t *)o, name, v) {
		other = json_copy((json_t *)o);
		json_object_del(other, name);
		if (frame ? strcmp(name, "told") != 0 : !empty(name, v))
			refuse(before, frame, other);
		change(before, frame, other, name, v);
		json_decref(other);
	}
}

static void text_into(const json_t *o, const char *name, char *out, size_t cap)
{
	const char *s = json_string_value(json_object_get(o, name));

	snprintf(out, cap, "%s", s ? s : "");
}

/* What is hashed of a text: its octets, where they stand beside it. */
static void octets_into(const json_t *o, const char *name, const char *hex_name, char *out, size_t cap)
{
	const char *hex = json_string_value(json_object_get(o, hex_name));
	size_t n;

	if (!hex || !mst_hex_decode(mst_view_str(hex), (uint8_t *)out, cap - 1, &n))
		text_into(o, name, out, cap);
	else
		out[n] = '\0';
}

static void put_number_and_hash(json_t *o, uint64_t seq, const uint8_t hash[MST_SHA256_LEN])
{
	char hex[2 * MST_SHA256_LEN + 1];
	struct mst_writer w = mst_writer_of(hex, sizeof(hex));

	mst_put_hex_lower(&w, (struct mst_view){ hash, MST_SHA256_LEN });
	mst_put_nul(&w);
	json_object_set_new(o, "seq", json_integer((json_int_t)seq));
	json_object_set_new(o, "hash", json_string(hex));
}

/* Number and hash as they belong behind `c`. */
static void mend_entry(const struct audit_chain *c, json_t *o)
{
	const char *when = json_string_value(json_object_get(o, "when"));
	struct mst_event e = { .seq = c->seq + 1, .node = json_integer_value(json_object_get(o, "node")),
			       .outcome = (int)json_integer_value(json_object_get(o, "outcome")) };
	uint8_t hash[MST_SHA256_LEN];

	if (when && !mst_parse_timestamp(mst_view_str(when), &e.when))
		e.when = 0;
	text_into(o, "role", e.role, sizeof(e.role));
	text_into(o, "what", e.what, sizeof(e.what));
	octets_into(o, "who", "whoOctets", e.who, sizeof(e.who));
	text_into(o, "attempt", e.attempt, sizeof(e.attempt));
	octets_into(o, "why", "whyOctets", e.why, sizeof(e.why));
	if (mst_event_hash(c->hash, &e, hash))
		abort();
	put_number_and_hash(o, e.seq, hash);
}

static void mend(const struct audit_chain *c, const char *frame, json_t *o)
{
	if (!frame)
		mend_entry(c, o);
	else if (json_is_object(o))
		put_number_and_hash(o, c->seq, c->hash);
}

static void one_line(struct audit_chain *plain, struct audit_chain *mended, struct mst_view line)
{
	json_t *o = mst_json_read((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
	const char *frame = frame_of(o);
	json_t *inside = frame ? json_object_get(o, frame) : o;
	struct audit_chain before = *mended, after;

	if (plain->trust && !audit_chain_line(plain, (const char *)line.p, line.n)) {
		if (!plain->why)
			abort();
		plain->trust = NULL;
	}
	if (json_is_object(o))
		mend(mended, frame, inside);
	if (json_is_object(o) && take(&before, o, &after)) {
		tamper(&before, frame, inside);
		*mended = after;
	}
	json_decref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct audit_chain plain = { .trust = &nobody }, mended = plain;
	struct mst_view left = { p, n };
	struct mst_log_seal s;

	if (mst_log_seal_read(left, &s) && !s.seq)
		abort();
	/* behind an anchor at once, so that a line may be an entry */
	if (!audit_chain_line(&mended, "{\"anchor\":{\"seq\":0,\"hash\":\"0000000000000000000000000000000000000000000000000000000000000000\"}}", 94))
		abort();
	while (left.n) {
		size_t end = mst_view_find(left, '\n');

		one_line(&plain, &mended, mst_view_sub(left, 0, end));
		left = mst_view_sub(left, end + 1, left.n);
	}
	(void)!audit_chain_end(&mended);
	return 0;
}
