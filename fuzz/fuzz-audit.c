/*
 * What `muster audit verify` reads of strangers: a seal, and copies of the log. Lines are read as they are; entries then once more with the number and
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

static void tamper(const struct audit_chain *before, const json_t *o)
{
	struct audit_chain c;
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)o, name, v) {
		json_t *other = json_copy((json_t *)o);
		char longer[4096];

		json_object_del(other, name);
		if (!empty(name, v) && take(before, other, &c))
			abort();
		if (json_is_integer(v)) {
			json_object_set_new(other, name, json_integer(json_integer_value(v) ^ (INT64_C(1) << 40)));
		} else if (json_string_length(v) + 2 < sizeof(longer)) {
			snprintf(longer, sizeof(longer), "%sx", json_string_value(v));
			json_object_set_new(other, name, json_string(longer));
		}
		if (json_object_get(other, name) && take(before, other, &c))
			abort();
		json_decref(other);
	}
	v = json_copy((json_t *)o);
	json_object_set_new(v, "x", json_integer(0));
	if (take(before, v, &c))
		abort();
	json_decref(v);
}

static void text_into(const json_t *o, const char *name, char *out, size_t cap)
{
	const char *s = json_string_value(json_object_get(o, name));

	snprintf(out, cap, "%s", s ? s : "");
}

/* Number and hash as they belong behind `c`. */
static void mend(const struct audit_chain *c, json_t *o)
{
	const char *when = json_string_value(json_object_get(o, "when"));
	struct mst_event e = { .seq = c->seq + 1, .node = json_integer_value(json_object_get(o, "node")),
			       .outcome = (int)json_integer_value(json_object_get(o, "outcome")) };
	uint8_t hash[MST_SHA256_LEN];
	char hex[2 * MST_SHA256_LEN + 1];
	struct mst_writer w = mst_writer_of(hex, sizeof(hex));

	if (when && !mst_parse_timestamp(mst_view_str(when), &e.when))
		e.when = 0;
	text_into(o, "role", e.role, sizeof(e.role));
	text_into(o, "what", e.what, sizeof(e.what));
	text_into(o, "who", e.who, sizeof(e.who));
	text_into(o, "attempt", e.attempt, sizeof(e.attempt));
	text_into(o, "why", e.why, sizeof(e.why));
	if (mst_event_hash(c->hash, &e, hash))
		abort();
	mst_put_hex_lower(&w, (struct mst_view){ hash, sizeof(hash) });
	mst_put_nul(&w);
	json_object_set_new(o, "seq", json_integer((json_int_t)e.seq));
	json_object_set_new(o, "hash", json_string(hex));
}

static void one_line(struct audit_chain *plain, struct audit_chain *mended, struct mst_view line)
{
	json_t *o = mst_json_read((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
	struct audit_chain before = *mended, after;

	if (plain->trust && !audit_chain_line(plain, (const char *)line.p, line.n)) {
		if (!plain->why)
			abort();
		plain->trust = NULL;
	}
	if (json_is_object(o) && !json_object_get(o, "anchor") && !json_object_get(o, "end") && !json_object_get(o, "seal"))
		mend(mended, o);
	if (json_is_object(o) && take(&before, o, &after)) {
		if (after.entries != before.entries)
			tamper(&before, o);
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
