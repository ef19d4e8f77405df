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

/* Every file is whole; is it the log that somebody has the seal of? */
static int judge(const struct reading *r)
{
	const struct audit_chain *c = &r->chain;
	const struct mst_log_seal *kept = &c->trust->kept;

	if (c->found)
		return EXIT_DONE;
	if (c->trust->n_ca && c->entries && !c->sealed.seq) {
		complain("%s: there is no seal in it, so that CA stands for nothing here: anybody can write a chain that fits", r->path);
		return EXIT_REFUSED;
	}
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

static void tell(const struct muster *m, const struct audit_chain *c, bool ok)
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
	struct reading r = { .chain = { .trust = trust } };
	int code = EXIT_DONE;

	for (int i = 0; i < n && code == EXIT_DONE; i++)
		code = verify_file(&r, path[i]);
	if (code == EXIT_DONE)
		code = judge(&r);
	tell(m, &r.chain, code == EXIT_DONE);
	return code;
}
