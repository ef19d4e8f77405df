/*
 * The audit log in a file: one JSON object a line. The first is {"anchor":{"seq":…,"hash":…}}, the entry before the
 * first; then entries as the admin API gives them, behind some of them {"seal":{…}}; the last is {"end":{"seq":…,"hash":…}}, the
 * last entry again, so that a file that was cut off is told from a whole one. Whoever has SHA-256 can verify it (doc/audit-log.md).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "base/secret.h"
#include "base/text.h"
#include "cert.h"
#include "store/store.h"

struct copy {
	const char *path;
	char part[4096];
	FILE *f;
	json_t *seals;           /* ascending */
	size_t next;             /* the first of them that is not written */
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

/* Behind its entry; those of entries that are not in this copy are left out. */
static bool put_seal(struct copy *c)
{
	json_t *s;

	while ((s = json_array_get(c->seals, c->next)) && json_integer_value(json_object_get(s, "seq")) < c->seq)
		c->next++;
	if (!s || json_integer_value(json_object_get(s, "seq")) != c->seq)
		return true;
	c->next++;
	return put_line(c, json_pack("{s:O}", "seal", s));
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
	return put_line(c, json_incref(entry)) && put_seal(c);
}

/* NULL after having explained. */
static json_t *ask(struct api *api, const char *method, const char *path, json_t *body)
{
	json_t *answer = NULL;
	int status = 0;

	if (api_call(api, method, path, body, &status, &answer) < 0)
		return NULL;
	if (status / 100 == 2)
		return answer;
	api_explain(status, answer);
	json_decref(answer);
	return NULL;
}

static json_t *ask_page(struct api *api, json_int_t after, int limit, const char *approval)
{
	char path[160];

	snprintf(path, sizeof(path), "/v1/events?limit=%d&after=%lld%s%.20s", limit, (long long)after, *approval ? "&approval=" : "", approval);
	return ask(api, "GET", path, NULL);
}

/* The log as it is now is sealed, then: {"head":…,"keeper":…,"seals":[…]}. NULL after having explained. */
static json_t *ask_seals(struct api *api)
{
	json_t *head = ask(api, "POST", "/v1/events/seal", json_object());

	if (!head)
		return NULL;
	json_decref(head);
	return ask(api, "GET", "/v1/events/seals", NULL);
}

/* The entry before the first: the log's own anchor, or the entry that is named. */
static json_t *find_anchor(struct api *api, json_int_t after, const char *approval)
{
	json_t *page = ask_page(api, after ? after - 1 : 0, 1, approval), *first, *anchor = NULL;

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

static bool copy_all(struct copy *c, struct api *api, json_int_t after, const char *approval)
{
	json_t *anchor = find_anchor(api, after, approval);
	json_t *seals = anchor ? ask_seals(api) : NULL;
	bool ok = seals != NULL;

	c->seals = json_object_get(seals, "seals");
	if (!ok)
		json_decref(anchor);
	if (ok) {
		c->seq = json_integer_value(json_object_get(anchor, "seq"));
		snprintf(c->hash, sizeof(c->hash), "%s", text_of(anchor, "hash"));
		ok = put_line(c, json_pack("{s:o}", "anchor", anchor));
	}
	while (ok) {
		json_t *page = ask_page(api, c->seq, 500, approval), *entry;
		size_t i, n = json_array_size(json_object_get(page, "events"));

		ok = page != NULL;
		json_array_foreach(json_object_get(page, "events"), i, entry)
			ok = ok && put_entry(c, entry);
		json_decref(page);
		if (ok && !n)
			break;
	}
	json_decref(seals);
	return ok && put_line(c, json_pack("{s:{s:I, s:s}}", "end", "seq", c->seq, "hash", c->hash));
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

/* Where a copy wants two persons it is asked for, and made later, with what the second one said yes to. */
static int ask_leave(struct muster *m, struct api *api)
{
	json_t *answer = NULL;
	int status = 0, r;

	if (api_call(api, "POST", "/v1/events/export", json_object(), &status, &answer) < 0)
		return EXIT_FAULT;
	r = status / 100 == 2 ? api_waits(m, status, answer) : api_explain(status, answer);
	json_decref(answer);
	return r;
}

static int audit_export(struct muster *m, int argc, char **argv)
{
	const char *out = NULL, *after = "0", *approval = "";
	const struct opt opts[] = { { "out", &out, NULL }, { "after", &after, NULL }, { "approval", &approval, NULL } };
	struct copy c = { 0 };
	struct api *api;
	json_int_t first;
	char *end;
	int fd, r;
	bool ok;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	first = strtoll(after, &end, 10);
	if (argc || !out || *end || first < 0 || strspn(approval, "0123456789") != strlen(approval))
		return usage_error(NULL, "wants --out FILE, --after the number of an entry, and --approval a number of muster approve");
	c.path = out;
	if (snprintf(c.part, sizeof(c.part), "%s.part", out) >= (int)sizeof(c.part))
		return usage_error(NULL, "the name of the file is too long");
	api = api_open(m);
	if (!api)
		return EXIT_FAULT;
	r = *approval ? EXIT_DONE : ask_leave(m, api);
	if (r != EXIT_DONE) {
		api_close(api);
		return r;
	}
	(void)unlink(c.part);                                    /* of a copy that broke off; or somebody else's, who would read this one in it */
	fd = open(c.part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	c.f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!c.f) {
		complain("cannot write %s: %s", c.part, strerror(errno));
		if (fd >= 0)
			close(fd);
		api_close(api);
		return EXIT_FAULT;
	}
	ok = finish(&c, copy_all(&c, api, first, approval));
	api_close(api);
	if (ok && m->json)
		print_json(json_pack("{s:I, s:s}", "seq", c.seq, "hash", c.hash));
	else if (ok)
		say("%s: entries up to %lld, hash %s", out, (long long)c.seq, c.hash);
	return ok ? EXIT_DONE : EXIT_FAULT;
}

/* --- is it whole? --- */

/* One seal of our own that was kept, against the log itself. */
static int look_for_kept(struct api *api, const struct mst_log_seal *kept)
{
	uint8_t hash[MST_SHA256_LEN];
	json_t *page, *one, *anchor;
	size_t n = 0;
	bool same;

	page = ask_page(api, (json_int_t)kept->seq - 1, 1, "");
	if (!page)
		return EXIT_FAULT;
	one = json_array_get(json_object_get(page, "events"), 0);
	anchor = json_object_get(page, "anchor");
	if (json_integer_value(json_object_get(anchor, "seq")) == (json_int_t)kept->seq)
		one = anchor;
	same = json_integer_value(json_object_get(one, "seq")) == (json_int_t)kept->seq &&
	       mst_hex_decode(mst_view_str(text_of(one, "hash")), hash, sizeof(hash), &n) && n == sizeof(hash) &&
	       memcmp(hash, kept->hash, sizeof(hash)) == 0;
	if (!same)
		complain(json_integer_value(json_object_get(anchor, "seq")) > (json_int_t)kept->seq
				 ? "entry %llu, which was sealed, was given up by now; look into a copy"
				 : "entry %llu, which was sealed, is missing or another one", (unsigned long long)kept->seq);
	json_decref(page);
	return same ? EXIT_DONE : EXIT_REFUSED;
}

/* What the pieces gave together: the last answer, with the entries of all. NULL after having explained. */
static json_t *walk(const struct muster *m, struct api *api)
{
	json_t *status = ask(api, "GET", "/v1/status", NULL), *answer;
	json_int_t all = json_integer_value(json_object_get(status, "events")), n = 0;
	bool shown_once = false, end;
	char path[160] = "/v1/events/verify";

	json_decref(status);
	do {
		json_t *at;

		answer = ask(api, "GET", path, NULL);
		if (!answer)
			return NULL;
		n += json_integer_value(json_object_get(answer, "entries"));
		at = json_object_get(answer, "at");
		end = !json_is_true(json_object_get(answer, "ok")) || json_is_true(json_object_get(answer, "end"));
		snprintf(path, sizeof(path), "/v1/events/verify?after=%lld&hash=%.64s", (long long)json_integer_value(json_object_get(at, "seq")),
			 text_of(at, "hash"));
		if (!end || shown_once) {
			progress(m, "entries verified", (size_t)n, (size_t)(end || n > all ? n : all));
			shown_once = true;
		}
		if (!end)
			json_decref(answer);
	} while (!end);
	json_object_set_new(answer, "entries", json_integer(n));
	return answer;
}

int audit_look(struct muster *m, json_t **ret_answer)
{
	struct api *api = api_open(m);

	*ret_answer = api ? walk(m, api) : NULL;
	api_close(api);
	return *ret_answer ? EXIT_DONE : EXIT_FAULT;
}

static void tell(const json_t *answer)
{
	const json_t *seal = json_object_get(answer, "seal");
	long long bad = (long long)json_integer_value(json_object_get(answer, "firstBad"));

	if (!json_is_true(json_object_get(answer, "ok"))) {
		if (seal)
			complain("the audit log is not the one that the keeper sealed: entry %lld is missing or another one", bad);
		else
			complain("the audit log was changed: entry %lld does not fit its hash", bad);
		return;
	}
	say("the audit log is whole: %lld entries, every hash fits", (long long)json_integer_value(json_object_get(answer, "entries")));
	if (seal)
		say("sealed up to entry %lld, at %s UTC", (long long)json_integer_value(json_object_get(seal, "seq")), human_time(text_of(seal, "when")));
}

/* The answer says so, too, when it is not the log that somebody has the seal of. */
static int judge(struct api *api, const struct mst_log_seal *kept, json_t *answer)
{
	int r = json_is_true(json_object_get(answer, "ok")) ? EXIT_DONE : EXIT_REFUSED;

	if (r != EXIT_DONE || !kept->seq)
		return r;
	r = look_for_kept(api, kept);
	if (r == EXIT_REFUSED)
		r = json_object_update_new(answer, json_pack("{s:b, s:I}", "ok", 0, "firstBad", (json_int_t)kept->seq)) ? EXIT_FAULT : r;
	return r;
}

static int verify_live(struct muster *m, const struct audit_trust *trust)
{
	struct api *api = api_open(m);
	json_t *answer = api ? walk(m, api) : NULL;
	int r = EXIT_FAULT;

	if (answer && !m->json)
		tell(answer);
	if (answer)
		r = judge(api, &trust->kept, answer);
	if (m->json && r != EXIT_FAULT)
		print_json(json_incref(answer));
	json_decref(answer);
	api_close(api);
	return r;
}

static bool read_trust(struct audit_trust *t, const char *ca, const char *seal)
{
	char *text;
	size_t n;
	bool ok;

	if (ca && cert_read(ca, t->ca, sizeof(t->ca), &t->n_ca) != EXIT_DONE)
		return false;
	if (!seal)
		return true;
	text = read_file(seal, &n);
	if (!text)
		return false;
	ok = mst_log_seal_read((struct mst_view){ (const uint8_t *)text, n }, &t->kept);
	free(text);
	if (!ok)
		complain("%s: no seal of an audit log; give what muster audit seal --out wrote, or audit.seal of the keeper's directory", seal);
	else if (t->n_ca && mst_log_seal_check(mst_crypto_openssl(), (struct mst_view){ t->ca, t->n_ca }, &t->kept)) {
		complain("%s: the seal is not of that CA", seal);
		ok = false;
	}
	return ok;
}

static int audit_verify(struct muster *m, int argc, char **argv)
{
	static struct audit_trust trust;
	const char *ca = NULL, *seal = NULL;
	const struct opt opts[] = { { "ca", &ca, NULL }, { "seal", &seal, NULL } };

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (!read_trust(&trust, ca, seal))
		return EXIT_FAULT;
	return argc ? audit_verify_files(m, &trust, argc, argv) : verify_live(m, &trust);
}

static int audit_seal(struct muster *m, int argc, char **argv)
{
	const char *out = NULL;
	const struct opt opts[] = { { "out", &out, NULL } };
	uint8_t text[MST_LOG_SEAL_TEXT];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_log_seal s = { .seq = 0 };
	json_t *seals, *head;
	struct api *api;
	bool ok;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc)
		return usage_error(NULL, "unexpected argument %s", argv[0]);
	api = api_open(m);
	seals = api ? ask_seals(api) : NULL;
	api_close(api);
	if (!seals)
		return EXIT_FAULT;
	head = json_object_get(seals, "head");
	ok = json_is_true(json_object_get(seals, "fits")) && audit_seal_from(json_object_get(seals, "keeper"), &s) &&
	     (json_int_t)s.seq >= json_integer_value(json_object_get(head, "seq"));
	json_decref(seals);
	if (!ok) {
		complain("the keeper has not sealed the log; its reason is in the log of musterd, and in: muster audit verify");
		return EXIT_REFUSED;
	}
	mst_log_seal_put(&w, &s, true);
	if (out && write_file(out, text, w.n, 0644))
		return EXIT_FAULT;
	if (m->json)
		return print_json(json_pack("{s:I, s:s%}", "seq", (json_int_t)s.seq, "text", (const char *)text, w.n));
	if (!out)
		fwrite(text, 1, w.n, stdout);
	return EXIT_DONE;
}

static int audit_accept(struct muster *m, int argc, char **argv)
{
	const char *reason = NULL;
	const struct opt opts[] = { { "reason", &reason, NULL } };
	json_t *body, *answer = NULL;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc || !reason)
		return usage_error(NULL, "wants --reason TEXT");
	body = json_object();
	put_member(body, "reason", reason);
	r = api_ask(m, "POST", "/v1/events/accept", body, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	say("this log is sealed from now on, instead of the one whose entry %lld was sealed; the event audit.accepted tells so",
	    (long long)json_integer_value(json_object_get(answer, "instead")));
	json_decref(answer);
	return EXIT_DONE;
}

static const struct command commands[] = {
	{ "verify", audit_verify, "[FILE...] [--ca FILE] [--seal FILE]", "is the audit log, or a copy of it, whole and the one that was sealed?" },
	{ "export", audit_export, "--out FILE [--after N] [--approval N]", "copy the audit log into a file" },
	{ "seal", audit_seal, "[--out FILE]", "have the keeper sign the newest entry now, and show that" },
	{ "accept", audit_accept, "--reason TEXT", "stand for a log that is not the one that was sealed: after a restored backup" },
};

int cmd_audit(struct muster *m, int argc, char **argv)
{
	return run_command(m, commands, MST_COUNT(commands), "muster audit", argc, argv);
}
