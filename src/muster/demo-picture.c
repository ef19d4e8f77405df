/*
 * The arrows of one attempt, as the seed documents draw them: node, MEF and MAF as columns, time downwards.
 * What each server saw comes from its audit log, tied together by the attempt id.
 */
#include <stdlib.h>
#include <string.h>

#include "demo.h"

enum column { NODE, MEF, MAF, COLUMNS };
#define WIDTH 30

static const struct arrow {
	const char *what;                /* the event that shows it */
	enum column from, to;
	const char *text;
} arrows[] = {
	{ "mef.register", NODE, MEF, "TLS with certificate; register" },
	{ "mef.command", NODE, MEF, "anything to do?" },
	{ "mef.config", NODE, MEF, "who am I, where is my MAF?" },
	{ "mef.key-register", NODE, MEF, "Ke may become a key for the MAF" },
	{ "mef.fetch", MAF, MEF, "whose KeID is this? Km, please" },
	{ "maf.fetched", MEF, MAF, "Km, enrolee, lifetime" },
	{ "maf.register", NODE, MAF, "TLS with Km under KeID; register" },
	{ "maf.activated", NODE, MAF, "TLS with Km under KmID" },
	{ "maf.retrieve", NODE, MAF, "TLS with Km under KmID" },
	{ "mef.refused", MEF, NODE, "refused" },
	{ "maf.refused", MAF, NODE, "refused" },
};

static const struct arrow *arrow_of(const char *what)
{
	for (size_t i = 0; i < MST_COUNT(arrows); i++)
		if (strcmp(arrows[i].what, what) == 0)
			return &arrows[i];
	return NULL;
}

static void put_cells(const char *glyph, size_t n)
{
	while (n--)
		fputs(glyph, stdout);
}

/* "│" at each column, an arrow from one to another, its text above the line. */
static void draw(const struct muster *m, const struct arrow *a, const char *when)
{
	size_t left = (size_t)(a->from < a->to ? a->from : a->to), right = (size_t)(a->from < a->to ? a->to : a->from);
	size_t span = (right - left) * WIDTH - 1;
	bool bad = strstr(a->what, "refused") != NULL;

	printf("  %-10s ", "");
	for (size_t c = 0; c < COLUMNS; c++) {
		fputs("│", stdout);
		if (c == left)
			printf(" %-*.*s", (int)span - 1, (int)span - 1, a->text);
		if (c == left && right - left > 1)
			c = right - 1;
		else if (c != left && c + 1 < COLUMNS)
			put_cells(" ", WIDTH - 1);
	}
	printf("\n  %s%-10s%s ", ink(m, DIM), when, ink(m, PLAIN));
	for (size_t c = 0; c < COLUMNS; c++) {
		fputs("│", stdout);
		if (c == left) {
			fputs(ink(m, bad ? RED : GREEN), stdout);
			fputs(a->from < a->to ? "─" : "◀", stdout);
			put_cells("─", span - 2);
			fputs(a->from < a->to ? "▶" : "─", stdout);
			fputs(ink(m, PLAIN), stdout);
			c = right - 1;
		} else if (c + 1 < COLUMNS) {
			put_cells(" ", WIDTH - 1);
		}
	}
	putchar('\n');
}

/* What the node says about its last run: attempt id, and milliseconds of each step since the start. */
static json_t *agent_status(const struct demo *d, size_t number)
{
	char command[9000], dir[4096];
	json_t *status;
	FILE *p;

	demo_node_dir(d, number, dir);
	snprintf(command, sizeof(command), "'%s' -c '%s/muster-agent.conf' status --json", d->agent, dir);
	p = popen(command, "re");
	if (!p)
		return NULL;
	status = json_loadf(p, 0, NULL);
	pclose(p);
	return status;
}

static const char *step_time(const json_t *steps, const char *what, char out[16])
{
	json_t *step;
	size_t i;

	snprintf(out, 16, "%s", "");
	json_array_foreach((json_t *)steps, i, step) {
		if (strcmp(text_of(step, "arrow"), what) == 0)
			snprintf(out, 16, "%lld ms", (long long)json_integer_value(json_object_get(step, "ms")));
	}
	return out;
}

int demo_picture(struct demo *d, size_t number)
{
	json_t *status = agent_status(d, number), *answer = NULL, *e;
	const char *attempt = text_of(status, "attempt");
	static const char *const head[COLUMNS] = { "node", "MEF", "MAF" };
	char path[256], id[128], ms[16];
	size_t i;
	int r;

	if (!*attempt) {
		json_decref(status);
		complain("the node has no attempt to show");
		return EXIT_FAULT;
	}
	snprintf(path, sizeof(path), "/v1/events?limit=200&attempt=%s", percent(attempt));
	r = api_ask(&d->inside, "GET", path, NULL, &answer);
	demo_node_id(d, number, id);
	say("%s%s%s, attempt %.8s:\n", ink(d->m, BOLD), id, ink(d->m, PLAIN), attempt);
	printf("  %-10s ", "");
	for (size_t c = 0; c < COLUMNS; c++)
		printf("%-*s", WIDTH, head[c]);
	putchar('\n');
	json_array_foreach(json_object_get(answer, "events"), i, e) {
		const struct arrow *a = arrow_of(text_of(e, "what"));

		if (a)
			draw(d->m, a, step_time(json_object_get(status, "steps"), a->what, ms));
	}
	if (r == EXIT_DONE)
		say("\nKmID %s, good until %s", text_of(json_object_get(status, "credential"), "keyID"),
		    human_time(text_of(json_object_get(status, "credential"), "notAfter")));
	json_decref(answer);
	json_decref(status);
	return r;
}
