/*
 * The audit log in a file: one JSON object a line. The first is {"anchor":{"seq":…,"hash":…}}, the entry before the
 * first; then entries as the admin API gives them; the last is {"end":{"seq":…,"hash":…}}, the last entry again, so
 * that a file that was cut off is told from a whole one. Whoever has sha256 can verify it (store/store.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "muster.h"
#include "store/store.h"

struct copy {
	const char *path;
	char part[4096];
	FILE *f;
	json_int_t seq;          /* of the last entry that was written */
	char hash[2 * MST_SHA256_LEN + 1];
};

static bool put_line(struct copy *c, json_t *line)
{
	bool ok = line && json_dumpf(line, c->f, JSON_COMPACT) == 0 && fputc('\n', c->f) != EOF;

	json_decref(line);
	if (!ok)
		complain("cannot write %s: %s", c->part, strerror(errno));
	return ok;
}

static bool put_entry(struct copy *c, json_t *entry)
{
	json_int_t seq = json_integer_value(json_object_get(entry, "seq"));

	if (seq != c->seq + 1) {
		complain("entry %lld is not there any more: the log was shortened meanwhile; export again", (long long)c->seq + 1);
		return false;
	}
	c->seq = seq;
	snprintf(c->hash, sizeof(c->hash), "%s", text_of(entry, "hash"));
	return put_line(c, json_incref(entry));
}

/* NULL after having explained. */
static json_t *ask_page(struct api *api, json_int_t after, int limit)
{
	json_t *answer = NULL;
	struct mst_writer w;
	char path[128];
	int status = 0;

	w = path_start(path, sizeof(path), "/v1/events");
	snprintf(path + w.n, sizeof(path) - w.n, "?limit=%d&after=%lld", limit, (long long)after);
	if (api_call(api, "GET", path, NULL, &status, &answer) < 0)
		return NULL;
	if (status == 200)
		return answer;
	api_explain(status, answer);
	json_decref(answer);
	return NULL;
}

/* The entry before the first: the log's own anchor, or the entry that is named. */
static json_t *find_anchor(struct api *api, json_int_t after)
{
	json_t *page = ask_page(api, after ? after - 1 : 0, 1), *first, *anchor = NULL;

	if (!page)
		return NULL;
	first = json_array_get(json_object_get(page, "events"), 0);
	if (!after)
		anchor = json_incref(json_object_get(page, "anchor"));
	else if (json_integer_value(json_object_get(first, "seq")) == after)
		anchor = json_pack("{s:I, s:s}", "seq", after, "hash", text_of(first, "hash"));
	else
		complain("--after %lld: there is no such entry in the log", (long long)after);
	json_decref(page);
	return anchor;
}

static bool copy_all(struct copy *c, struct api *api, json_int_t after)
{
	json_t *anchor = find_anchor(api, after);
	bool ok = anchor != NULL;

	if (ok) {
		c->seq = json_integer_value(json_object_get(anchor, "seq"));
		snprintf(c->hash, sizeof(c->hash), "%s", text_of(anchor, "hash"));
		ok = put_line(c, json_pack("{s:o}", "anchor", anchor));
	}
	while (ok) {
		json_t *page = ask_page(api, c->seq, 500), *entry;
		size_t i, n = json_array_size(json_object_get(page, "events"));

		ok = page != NULL;
		json_array_foreach(json_object_get(page, "events"), i, entry)
			ok = ok && put_entry(c, entry);
		json_decref(page);
		if (ok && !n)
			return put_line(c, json_pack("{s:{s:I, s:s}}", "end", "seq", c->seq, "hash", c->hash));
	}
	return false;
}

static bool finish(struct copy *c, bool ok)
{
	if (ok && (fflush(c->f) || fsync(fileno(c->f)) || rename(c->part, c->path))) {
		complain("cannot write %s: %s", c->path, strerror(errno));
		ok = false;
	}
	fclose(c->f);
	if (!ok)
		unlink(c->part);
	return ok;
}

int events_export(struct muster *m, int argc, char **argv)
{
	const char *out = NULL, *after = "0";
	const struct opt opts[] = { { "out", &out, NULL }, { "after", &after, NULL } };
	struct copy c = { 0 };
	struct api *api;
	json_int_t first;
	char *end;
	int fd;
	bool ok;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	first = strtoll(after, &end, 10);
	if (argc || !out || *end || first < 0)
		return usage_error(NULL, "wants --out FILE, and --after the number of an entry");
	c.path = out;
	if (snprintf(c.part, sizeof(c.part), "%s.part", out) >= (int)sizeof(c.part))
		return usage_error(NULL, "the name of the file is too long");
	api = api_open(m);
	if (!api)
		return EXIT_FAULT;
	fd = open(c.part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	c.f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!c.f) {
		complain("cannot write %s: %s", c.part, strerror(errno));
		if (fd >= 0)
			close(fd);
		api_close(api);
		return EXIT_FAULT;
	}
	ok = finish(&c, copy_all(&c, api, first));
	api_close(api);
	if (ok && m->json)
		print_json(json_pack("{s:I, s:s}", "seq", c.seq, "hash", c.hash));
	else if (ok)
		say("%s: entries up to %lld, hash %s", out, (long long)c.seq, c.hash);
	return ok ? EXIT_DONE : EXIT_FAULT;
}

/* --- verification of such files, without an installation --- */

struct chain {
	const char *path;
	unsigned long line;
	struct mst_event_anchor anchor;
	uint64_t seq;            /* of the last good entry */
	uint8_t hash[MST_SHA256_LEN];
	unsigned long long entries;
	bool begun, inside, told;
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

/* A text that is no UTF-8 stands there in hexadecimal, too. */
static bool copy_octets(const json_t *o, const char *name, const char *hex_name, char *out, size_t cap)
{
	const char *hex = text_of(o, hex_name);
	size_t n;

	if (!*hex)
		return copy_text(o, name, out, cap);
	if (!mst_hex_decode(mst_view_str(hex), (uint8_t *)out, cap - 1, &n))
		return false;
	out[n] = '\0';
	return true;
}

static bool read_entry(const json_t *o, struct mst_event *e)
{
	const char *when = text_of(o, "when");

	*e = (struct mst_event){ .seq = (uint64_t)json_integer_value(json_object_get(o, "seq")),
				 .node = json_integer_value(json_object_get(o, "node")),
				 .outcome = (int)json_integer_value(json_object_get(o, "outcome")) };
	return (!*when || mst_parse_timestamp(mst_view_str(when), &e->when)) && hash_of(o, e->hash) &&
	       copy_text(o, "role", e->role, sizeof(e->role)) && copy_text(o, "what", e->what, sizeof(e->what)) &&
	       copy_octets(o, "who", "whoOctets", e->who, sizeof(e->who)) &&
	       copy_text(o, "attempt", e->attempt, sizeof(e->attempt)) &&
	       copy_octets(o, "why", "whyOctets", e->why, sizeof(e->why));
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
	c->anchor = a;
	c->seq = a.seq;
	memcpy(c->hash, a.hash, sizeof(a.hash));
	c->told = !a.told;
	c->begun = c->inside = true;
	return true;
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

static bool take_entry(struct chain *c, const json_t *o)
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
	return true;
}

static bool take_line(struct chain *c, const char *text)
{
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	bool ok;

	if (!json_is_object(o))
		ok = wrong(c, "no JSON object");
	else if (json_object_get(o, "anchor"))
		ok = take_anchor(c, json_object_get(o, "anchor"));
	else if (!c->inside)
		ok = wrong(c, "no anchor before it; give files of muster events export");
	else
		ok = json_object_get(o, "end") ? take_end(c, json_object_get(o, "end")) : take_entry(c, o);
	json_decref(o);
	return ok;
}

static int verify_file(struct chain *c, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	bool ok = true;

	if (!f) {
		complain("cannot read %s: %s", path, strerror(errno));
		return EXIT_FAULT;
	}
	c->path = path;
	for (c->line = 1; ok && getline(&line, &cap, f) >= 0; c->line++)
		ok = take_line(c, line);
	if (ok && ferror(f))
		ok = wrong(c, strerror(errno));
	else if (ok && (c->inside || c->line == 1))
		ok = wrong(c, "the file was cut off: it has no end");
	free(line);
	fclose(f);
	return ok ? EXIT_DONE : EXIT_REFUSED;
}

int events_verify_files(struct muster *m, int n, char **path)
{
	struct chain c = { 0 };
	int r = EXIT_DONE;

	for (int i = 0; i < n && r == EXIT_DONE; i++)
		r = verify_file(&c, path[i]);
	if (m->json)
		print_json(json_pack("{s:b, s:I, s:I}", "ok", r == EXIT_DONE, "entries", (json_int_t)c.entries, "last", (json_int_t)c.seq));
	else if (r == EXIT_DONE)
		say("the audit log is whole up to entry %llu: %llu entries, every hash fits", (unsigned long long)c.seq, c.entries);
	return r;
}
