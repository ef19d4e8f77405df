/*
 * Prints doc/provisioning-states.md from the engine's own table, so that the picture cannot differ from
 * the code:
 *     gen-state-diagram                 the document, to standard output
 *     gen-state-diagram --check FILE    0 when FILE is that document, else 1 and the first line that differs
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/provisioning/provisioning-state.h"

static const char intro[] = "# The provisioning engine: states and events\n"
			    "\n"
			    "Made by `gen-state-diagram` from the table in "
			    "`lib/proto/provisioning/provisioning.c`; do not edit.\n"
			    "After a change of the table: `build/lib/proto/provisioning/gen-state-diagram > "
			    "doc/provisioning-states.md`.\n"
			    "A test compares this file with what the table gives.\n"
			    "\n"
			    "Every effect is behind *saving*: progress is durable before anything leaves the "
			    "device. From *saving* the\n"
			    "engine goes where the walk through the sequences had led: to the next "
			    "instruction, or to the end of the run.\n";

static const char *name(unsigned s)
{
	return prov_state_text((enum prov_state)s);
}

static const struct prov_cell *cell(unsigned s, unsigned ev)
{
	return prov_cell((enum prov_state)s, (enum prov_event)ev);
}

/* One arrow for each pair of states, with all its events. */
static void arrow(FILE *f, unsigned from, unsigned to)
{
	bool first = true;

	for (unsigned ev = 0; ev < PROV_EVENT__COUNT; ev++) {
		if (!(cell(from, ev)->to >> to & 1u))
			continue;
		if (first)
			fprintf(f, "    %s --> %s: ", name(from), name(to));
		fprintf(f, "%s%s", first ? "" : ", ", prov_event_text((enum prov_event)ev));
		first = false;
	}
	if (!first)
		fprintf(f, "\n");
}

static void diagram(FILE *f)
{
	fprintf(f, "\n```mermaid\nstateDiagram-v2\n    [*] --> %s\n", name(PROV_IDLE));
	for (unsigned s = 0; s < PROV_STATE__COUNT; s++)
		for (unsigned t = 0; t < PROV_STATE__COUNT; t++)
			arrow(f, s, t);
	fprintf(f, "```\n");
}

static void overview(FILE *f)
{
	fprintf(f, "\n## Where each event leads\n\nA dash: the event has no meaning there and changes "
		   "nothing.\n\n| |");
	for (unsigned s = 0; s < PROV_STATE__COUNT; s++)
		fprintf(f, " %s |", name(s));
	fprintf(f, "\n| --- |");
	for (unsigned s = 0; s < PROV_STATE__COUNT; s++)
		fprintf(f, " --- |");
	for (unsigned ev = 0; ev < PROV_EVENT__COUNT; ev++) {
		fprintf(f, "\n| **%s** |", prov_event_text((enum prov_event)ev));
		for (unsigned s = 0; s < PROV_STATE__COUNT; s++) {
			const char *sep = " ";

			for (unsigned t = 0; t < PROV_STATE__COUNT; t++)
				if (cell(s, ev)->to >> t & 1u) {
					fprintf(f, "%s%s", sep, name(t));
					sep = ", ";
				}
			fprintf(f, "%s |", cell(s, ev)->to ? "" : " –");
		}
	}
	fprintf(f, "\n");
}

static void reasons(FILE *f)
{
	fprintf(f, "\n## Why\n");
	for (unsigned s = 0; s < PROV_STATE__COUNT; s++) {
		fprintf(f, "\n### %s\n\n| event | what happens |\n| --- | --- |\n", name(s));
		for (unsigned ev = 0; ev < PROV_EVENT__COUNT; ev++)
			fprintf(f, "| %s | %s%s |\n", prov_event_text((enum prov_event)ev),
				cell(s, ev)->run ? "" : "*nothing:* ", cell(s, ev)->why);
	}
}

static void document(FILE *f)
{
	fputs(intro, f);
	diagram(f);
	overview(f);
	reasons(f);
}

/* Line by line, so that the difference can be named. */
static int check(const char *path)
{
	char *want = NULL, a[1024], b[1024];
	size_t n = 0;
	FILE *m = open_memstream(&want, &n), *f = fopen(path, "r"), *w;
	int bad = 0;

	if (!m || !f) {
		perror(path);
		return 1;
	}
	document(m);
	fclose(m);
	w = fmemopen(want, n, "r");
	for (unsigned line = 1; w && !bad; line++) {
		char *x = fgets(a, sizeof(a), w), *y = fgets(b, sizeof(b), f);

		if (!x && !y)
			break;
		if (!x || !y || strcmp(a, b) != 0) {
			fprintf(stderr, "%s:%u: is not what the table gives:\n  is:     %s  should: %s", path,
				line, y ? b : "(end)\n", x ? a : "(end)\n");
			bad = 1;
		}
	}
	bad |= !w;
	if (w)
		fclose(w);
	fclose(f);
	free(want);
	return bad;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--check"))
		return check(argv[2]);
	if (argc != 1) {
		fprintf(stderr, "usage: gen-state-diagram [--check FILE]\n");
		return 2;
	}
	document(stdout);
	return 0;
}
