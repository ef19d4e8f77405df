/*
 * The arrows of one node's last run, as the seed documents draw them: node, MEF and MAF as columns, time
 * downwards. What the node did and when, its own record says; that the other end saw the same, the servers'
 * audit log says. An arrow that only one of the two knows of is marked, never made up.
 */
#include <stdlib.h>
#include <string.h>

#include "demo.h"

enum column { NODE, MEF, MAF, COLUMNS };
#define WIDTH 33                         /* from one line of life to the next: 80 columns in all */

static const struct arrow {
	const char *step;                /* in the node's record; NULL: between servers */
	const char *event;               /* in the servers' log; NULL: they write none */
	enum column from, to;            /* the same: something at home */
	const char *text;
} arrows[] = {
	{ "mef.open", NULL, NODE, MEF, "TLS by certificate; exports Ke" },
	{ "mef.register", "mef.register", NODE, MEF, "register" },
	{ "mef.command", "mef.command", NODE, MEF, "anything to do?" },
	{ "mef.config", "mef.config", NODE, MEF, "who am I, where is my MAF?" },
	{ "mef.key-register", "mef.key-register", NODE, MEF, "Ke may make a key for that MAF" },
	{ "maf.open", "maf.fetched", NODE, MAF, "TLS by key, called KeID: the handshake waits" },
	{ NULL, "mef.fetch", MAF, MEF, "whose is KeID? Km, please" },
	{ NULL, "maf.fetched", MEF, MAF, "Km, the node's name, its end" },
	{ "maf.register", "maf.register", NODE, MAF, "register: the MAF gives KmID" },
	{ "maf.activated", "maf.activated", NODE, MAF, "TLS by key, called KmID" },
	{ "maf.registration", "maf.registration", NODE, MAF, "read the registration back: both hold the same" },
	{ "node.save", NULL, NODE, NODE, "saved" },
	{ "node.promote", NULL, NODE, NODE, "new credential in use" },
};

struct picture {
	const struct muster *m;
	json_t *status, *events;
	const char *attempt;
};

static const struct arrow *arrow_of(const char *step)
{
	for (size_t i = 0; i < MST_COUNT(arrows); i++)
		if (arrows[i].step && strcmp(arrows[i].step, step) == 0)
			return &arrows[i];
	return NULL;
}

/* The servers' event of that name: of this attempt; key fetches happen before the attempt's name is known there. */
static json_t *event_of(const struct picture *p, const char *what)
{
	json_t *e, *found = NULL;
	bool begun = false;
	size_t i;

	json_array_foreach(json_object_get(p->events, "events"), i, e) {
		bool ours = strcmp(text_of(e, "attempt"), p->attempt) == 0;

		begun |= ours;
		if (strcmp(text_of(e, "what"), what) == 0 && (ours || (begun && !*text_of(e, "attempt"))))
			found = e;
	}
	return found;
}

static void put_cells(const char *glyph, size_t n)
{
	while (n--)
		fputs(glyph, stdout);
}

static void put_text(const char *text, size_t cells)
{
	printf(" %-*.*s", (int)cells - 1, (int)cells - 1, text);
}

static void put_line(const struct muster *m, const struct arrow *a, enum colour c, size_t cells)
{
	fputs(ink(m, c), stdout);
	if (a->from > a->to)
		fputs("◀", stdout);
	put_cells(c == GREEN ? "─" : "╌", cells - 1);
	if (a->from < a->to)
		fputs("▶", stdout);
	fputs(ink(m, PLAIN), stdout);
}

/* One line of output: the lines of life, and between `left` and `right` the text or the arrow. */
static void draw_line(const struct muster *m, const struct arrow *a, const char *text, const char *when, enum colour c)
{
	size_t left = a->from < a->to ? a->from : a->to, right = a->from < a->to ? a->to : a->from;

	printf("%s%10s%s ", ink(m, DIM), when, ink(m, PLAIN));
	for (size_t i = 0; i + 1 < COLUMNS; i++) {
		fputs("│", stdout);
		if (i != left) {
			put_cells(" ", WIDTH - 1);
			continue;
		}
		if (text)
			put_text(text, (right - left) * WIDTH - 1);
		else
			put_line(m, a, c, (right - left) * WIDTH - 1);
		i = right - 1;
	}
	puts("│");
}

static void draw(const struct picture *p, const struct arrow *a, const char *when, enum colour c)
{
	draw_line(p->m, a, a->text, "", c);
	draw_line(p->m, a, NULL, when, c);
}

/* Something that the node does at home: a knot on its line. */
static void draw_knot(const struct picture *p, const char *text, const char *when)
{
	printf("%s%10s%s %s●%s%-*s│%*s│\n", ink(p->m, DIM), when, ink(p->m, PLAIN), ink(p->m, GREEN), ink(p->m, PLAIN), WIDTH - 1, text,
	       WIDTH - 1, "");
}

/* The node's handshake waits while the MAF asks the MEF; it is over at `when`. */
static void draw_suspended(const struct picture *p, const struct arrow *open, const char *when, enum colour c)
{
	const struct arrow back = { NULL, NULL, open->to, open->from, "the key is right: handshake done" };

	draw(p, open, "", c);
	for (size_t i = 0; i < MST_COUNT(arrows); i++)
		if (!arrows[i].step && event_of(p, arrows[i].event))
			draw(p, &arrows[i], "", GREEN);
	draw(p, &back, when, c);
}

static const char *const saved[] = { " Km saved as pending", " KmID saved", " proof saved" };

/* One step of the node's, ended well at `ms`. */
static void draw_step(const struct picture *p, const json_t *step, size_t *saves)
{
	const struct arrow *a = arrow_of(text_of(step, "arrow"));
	enum colour c = a && a->event && !event_of(p, a->event) ? YELLOW : GREEN;
	char when[32];

	if (!a)
		return;
	snprintf(when, sizeof(when), "%lld ms", (long long)json_integer_value(json_object_get(step, "ms")));
	if (a->from == a->to) {
		bool save = strcmp(a->step, "node.save") == 0;

		draw_knot(p, !save ? " new credential in use" : *saves < MST_COUNT(saved) ? saved[*saves] : " saved", when);
		*saves += save;
		return;
	}
	if (strcmp(a->step, "maf.open") == 0)
		draw_suspended(p, a, when, c);
	else
		draw(p, a, when, c);
}

/* The arrow at which the run failed, and what came back. */
static void draw_failure(const struct picture *p, const json_t *report)
{
	const struct arrow *a = arrow_of(text_of(report, "step"));
	struct arrow back;
	char text[160];

	if (!a || a->from == a->to)
		return;
	draw(p, a, "", RED);
	snprintf(text, sizeof(text), "%s", text_of(report, "reason"));
	back = (struct arrow){ NULL, NULL, a->to, a->from, text };
	draw(p, &back, "", RED);
}

static void node_view(const struct picture *p)
{
	json_t *all = json_object_get(p->status, "reports"), *r;
	size_t i;

	json_array_foreach(all, i, r) {
		const char *detail = text_of(r, "detail"), *remedy = text_of(r, "remedy");

		if (strcmp(text_of(r, "reason"), "ok") == 0)
			continue;
		say("  the node says:     %s%s%s, at %s%s%s%s", ink(p->m, RED), text_of(r, "words"), ink(p->m, PLAIN), text_of(r, "step"),
		    *detail ? " (" : "", detail, *detail ? ")" : "");
		if (*remedy)
			say("                     what to do: %s", remedy);
	}
}

/* What the node says about its last run. */
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

static int look(const struct demo *d, size_t number, struct picture *p)
{
	struct mst_writer w;
	char path[1024], id[128];

	*p = (struct picture){ .m = d->m, .status = agent_status(d, number) };
	p->attempt = text_of(p->status, "attempt");
	if (!*p->attempt) {
		complain("the node has no attempt to show");
		return EXIT_FAULT;
	}
	demo_node_id(d, number, id);
	/* a node that was refused is nobody yet: its events are found by the attempt */
	w = path_start(path, sizeof(path), "/v1/events?limit=200");
	path_query(&w, number == d->clone ? "attempt" : "node", number == d->clone ? p->attempt : id);
	return api_ask(&d->inside, "GET", path_end(&w), NULL, &p->events);
}

int demo_picture(struct demo *d, size_t number)
{
	static const char *const head[COLUMNS] = { "node", "MEF", "MAF" };
	struct picture p;
	json_t *step, *report;
	int r = look(d, number, &p);
	size_t i, saves = 0;
	char id[128];

	demo_node_id(d, number, id);
	if (r != EXIT_DONE)
		goto out;
	say("%s%s%s, attempt %.8s, milliseconds since it began:\n", ink(d->m, BOLD), id, ink(d->m, PLAIN), p.attempt);
	printf("%11s", "");
	for (size_t c = 0; c < COLUMNS; c++)
		printf("%s%-*s%s", ink(d->m, BOLD), c + 1 < COLUMNS ? WIDTH : 0, head[c], ink(d->m, PLAIN));
	putchar('\n');
	json_array_foreach(json_object_get(p.status, "steps"), i, step)
		draw_step(&p, step, &saves);
	json_array_foreach(json_object_get(p.status, "reports"), i, report)
		draw_failure(&p, report);
	if (json_is_object(json_object_get(p.status, "credential")))
		say("\nKmID %s, good until %s", text_of(json_object_get(p.status, "credential"), "keyID"),
		    human_time(text_of(json_object_get(p.status, "credential"), "notAfter")));
out:
	json_decref(p.events);
	json_decref(p.status);
	return r;
}

int demo_refused(struct demo *d)
{
	struct picture p;
	int r = look(d, d->clone, &p);
	json_t *e = r == EXIT_DONE ? event_of(&p, "mef.refused") : NULL;
	char id[128];

	demo_node_id(d, d->clone, id);
	say("\n%sRefused on purpose:%s %s, a name that is known, in the other maker's certificate", ink(d->m, BOLD), ink(d->m, PLAIN), id);
	if (e)
		say("  the operator sees: %s%s%s %s", ink(d->m, RED), text_of(e, "what"), ink(d->m, PLAIN), text_of(e, "why"));
	if (r == EXIT_DONE)
		node_view(&p);
	json_decref(p.events);
	json_decref(p.status);
	return r;
}
