/* Verification of files that `muster audit export` made, without an installation (doc/audit-log.md). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/text.h"
#include "cert.h"
#include "store/store.h"

struct reading { struct audit_chain chain; const char *path; unsigned long line; };

static bool wrong(const struct reading *r, const char *what)
{
	complain("%s:%lu: %s", r->path, r->line, what);
	return false;
}

static int verify_file(struct reading *r, const char *path)
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
	r->path = path;
	r->line = 0;
	while (ok && (n = getline(&line, &cap, f)) >= 0) {
		r->line++;
		ok = audit_chain_line(&r->chain, line, (size_t)n) || wrong(r, r->chain.why);
	}
	if (ok) {
		r->line++;
		ok = ferror(f) ? wrong(r, strerror(errno)) : (r->line > 1 && audit_chain_end(&r->chain)) || wrong(r, "the file was cut off: it has no end");
	}
	free(line);
	fclose(f);
	return ok ? EXIT_DONE : EXIT_REFUSED;
}

/* The number before the first entry of the copies: theirs rise by one. */
static uint64_t before_all(const struct audit_chain *c)
{
	return c->seq - c->entries;
}

/* The last that is known: one that the copies have, or the one that was kept. */
static const struct mst_log_seal *last_seal(const struct audit_chain *c)
{
	return c->found && c->trust->kept.seq > c->sealed.seq ? &c->trust->kept : &c->sealed;
}

/*
 * Entries, and a CA that has sealed none of them. A seal of the anchor, or one that was kept and is of an earlier entry than the last, was given out
 * before these entries were there: anybody who has it can write others behind it.
 */
static bool unsealed(const struct audit_chain *c)
{
	return c->entries && c->sealed.seq <= before_all(c) && !(c->found && c->trust->kept.seq == c->seq);
}

/* Every file is whole; is it the log that somebody has the seal of? */
static int judge(const struct reading *r)
{
	const struct audit_chain *c = &r->chain;
	const struct mst_log_seal *kept = &c->trust->kept;

	if (c->trust->n_ca && unsealed(c)) {
		complain("%s: there is no seal in it that is of one of its entries, so that CA stands for nothing here: anybody can write a chain that fits; "
			 "a seal that was kept (--seal) stands for it when it is of the last entry", r->path);
		return EXIT_REFUSED;
	}
	if (c->found)
		return EXIT_DONE;
	if (!kept->seq && !c->behind)
		return EXIT_DONE;
	if (!kept->seq)
		complain("the first copy begins behind entry %llu, and nothing accounts for what was before: give that from before, too, or a seal that was "
			 "kept (--seal)", (unsigned long long)c->behind);
	else if (kept->seq > c->seq)
		complain("%s: ends with entry %llu, but entry %llu was sealed: the end is missing", r->path, (unsigned long long)c->seq,
			 (unsigned long long)kept->seq);
	else
		complain("the files begin behind entry %llu, which was sealed; give those from before, too", (unsigned long long)kept->seq);
	return EXIT_REFUSED;
}

static void tell_seals(const struct audit_chain *c, uint64_t nobodys)
{
	const struct mst_log_seal *seal = last_seal(c);
	uint64_t first = c->seq - nobodys + 1;
	char when[16];

	timestamp_text(seal->when, when);
	if (seal->seq)
		say("sealed up to entry %llu, at %s UTC%s", (unsigned long long)seal->seq, human_time(when),
		    c->trust->n_ca ? "" : "; signatures were not looked at: give --ca");
	if (nobodys == 1)
		say("entry %llu has nobody's seal: nobody stands for it but who made the copy", (unsigned long long)c->seq);
	else if (nobodys)
		say("entries %llu to %llu have nobody's seal: nobody stands for them but who made the copy", (unsigned long long)first, (unsigned long long)c->seq);
}

static void tell(const struct muster *m, const struct audit_chain *c, bool ok)
{
	uint64_t sealed = last_seal(c)->seq, nobodys = c->seq - (sealed > before_all(c) ? sealed : before_all(c));

	if (m->json) {
		print_json(json_pack("{s:b, s:I, s:I, s:I, s:I, s:b}", "ok", ok, "entries", (json_int_t)c->entries, "last", (json_int_t)c->seq, "sealed",
				     (json_int_t)sealed, "unsealed", (json_int_t)nobodys, "signaturesChecked", c->trust->n_ca > 0));
		return;
	}
	if (!ok)
		return;
	if (c->behind)
		say("entries %llu to %llu of the audit log are whole, every hash fits", (unsigned long long)c->behind + 1, (unsigned long long)c->seq);
	else
		say("the audit log is whole up to entry %llu: %llu entries, every hash fits", (unsigned long long)c->seq, c->entries);
	tell_seals(c, nobodys);
}

int audit_verify_files(struct muster *m, const struct audit_trust *trust, int n, char **path)
{
	struct reading r = { .chain = { .trust = trust } };
	int code = EXIT_DONE;

	for (int i = 0; i < n && code == EXIT_DONE; i++)
		code = verify_file(&r, path[i]);
	if (code == EXIT_DONE)
		code = judge(&r);
	tell(m, &r.chain, code == EXIT_DONE);
	return code;
}
