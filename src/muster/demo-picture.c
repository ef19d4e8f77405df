/*
 * The arrows of one node's last run, as the seed documents draw them: node, briefing nodes, MEF and MAF as columns, time
 * downwards. What the node did and when, its own record says; that the other end saw the same, the servers'
 * audit logs say, by the attempt's id. An arrow that only one of the two knows of is marked, never made up.
 */
#include <stdlib.h>
#include <string.h>

#include "demo.h"

enum column { NODE, MAKER, OWNER, MEF, MAF, COLUMNS = DEMO_COLUMNS };
#define WIDTH 22                         /* from one line of life to the next: 100 columns in all */

struct arrow {
	const char *step;                /* in the node's record; NULL: between servers */
	const char *event;               /* in the servers' log; NULL: they write none */
	enum column from, to;            /* the same: something at home */
	const char *text;
};

static const struct arrow arrows[] = {
	{ "mef.open", NULL, NODE, MEF, "TLS by certificate, trusting the CA that was sent; exports Ke" },
	{ "mef.register", "mef.register", NODE, MEF, "register" },
	{ "mef.command", "mef.command", NODE, MEF, "anything to do?" },
	{ "mef.config", "mef.config", NODE, MEF, "who am I, where is my MAF?" },
	{ "mef.key-register", "mef.key-register", NODE, MEF, "Ke may make a key for that MAF" },
	{ "maf.open", "maf.fetched", NODE, MAF, "TLS by key, called KeID: the handshake waits" },
	{ NULL, "mef.fetch", MAF, MEF, "KeID's Km, please" },
	{ NULL, "maf.fetched", MEF, MAF, "Km, the node's name" },
	{ "maf.register", "maf.register", NODE, MAF, "register: the MAF gives KmID" },
	{ "maf.activated", "maf.activated", NODE, MAF, "TLS by key, called KmID" },
	{ "maf.registration", "maf.registration", NODE, MAF, "read the registration back: both hold the same" },
	{ "node.save", NULL, NODE, NODE, "saved" },
	{ "node.promote", NULL, NODE, NODE, "new credential in use" },
	/* with a briefing node; which one, the step says */
	{ "bbn.open", NULL, NODE, MAKER, "TLS, certificates" },
	{ "bbn.ask", "bbn.briefed", NODE, MAKER, "whom do I join?" },
	{ "bbn.report", "bbn.enrolled", NODE, MAKER, "I am enrolled" },
};

struct picture {
	const struct demo *d;
	const struct muster *m;
	json_t *status, *events[DEMO_HOUSES];
	const char *attempt;
	enum demo_who provider;
};

static const struct arrow *arrow_of(const char *step)
{
	for (size_t i = 0; i < MST_COUNT(arrows); i++)
		if (arrows[i].step && strcmp(arrows[i].step, step) == 0)
			return &arrows[i];
	return NULL;
}

static enum demo_who house_of(const struct picture *p, enum column c)
{
	return c == MAKER ? DEMO_MAKER : c == OWNER ? DEMO_OWNER : p->provider;
}

/* A server's event of that name: of this attempt; key fetches happen before the attempt's name is known there. */
static const json_t *event_at(const struct picture *p, enum demo_who who, const char *what)
{
	json_t *e, *found = NULL;
	bool begun = false;
	size_t i;

	json_array_foreach(json_object_get(p->events[who], "events"), i, e) {
		bool ours = strcmp(text_of(e, "attempt"), p->attempt) == 0;

		begun |= ours;
		if (strcmp(text_of(e, "what"), what) == 0 && (ours || (begun && !*text_of(e, "attempt"))))
			found = e;
	}
	return found;
}

/* An arrow belongs to the server's end of it. */
static const json_t *event_of(const struct picture *p, const struct arrow *a)
{
	return event_at(p, house_of(p, a->to == NODE ? a->from : a->to), a->event);
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

void demo_draw(const struct muster *m, size_t from, size_t to, const char *text, const char *when, enum colour c)
{
	const struct arrow a = { NULL, NULL, (enum column)from, (enum column)to, text };

	draw_line(m, &a, text, "", c);
	draw_line(m, &a, NULL, when, c);
}

static void draw(const struct picture *p, const struct arrow *a, const char *when, enum colour c)
{
	demo_draw(p->m, a->from, a->to, a->text, when, c);
}

/* Something that the node does at home: a knot on its line, its text in the columns that are free then. */
void demo_draw_knot(const struct muster *m, const char *text, const char *when)
{
	printf("%s%10s%s %s●%s%-*s", ink(m, DIM), when, ink(m, PLAIN), ink(m, GREEN), ink(m, PLAIN), WIDTH - 1, text);
	for (size_t i = 1; i + 1 < COLUMNS; i++)
		printf("│%*s", WIDTH - 1, "");
	puts("│");
}

/* The node's handshake waits while the MAF asks the MEF; it is over at `when`. */
static void draw_suspended(const struct picture *p, const struct arrow *open, const char *when, enum colour c)
{
	const struct arrow back = { NULL, NULL, open->to, open->from, "the key is right: handshake done" };

	draw(p, open, "", c);
	for (size_t i = 0; i < MST_COUNT(arrows); i++)
		if (!arrows[i].step && event_of(p, &arrows[i]))
			draw(p, &arrows[i], "", GREEN);
	draw(p, &back, when, c);
}

/* The node's side of an answer: where it went next on a briefing node's word. */
static const char *next_host(const struct picture *p, const char *host, char out[256])
{
	json_t *all = json_object_get(p->status, "reports"), *r;
	bool told = false;
	size_t i;

	out[0] = '\0';
	json_array_foreach(all, i, r) {
		const char *at = strstr(text_of(r, "resource"), "://");

		at = at ? at + 3 : text_of(r, "resource");
		if (told) {
			snprintf(out, 256, "%.*s", (int)strcspn(at, ":/"), at);
			break;
		}
		told = strncmp(at, host, strlen(host)) == 0 && strcmp(text_of(r, "reason"), "ok") == 0;
	}
	return out;
}

/* A briefing: the question, and the answer with the rule that the server's log names. */
static void draw_briefing(const struct picture *p, const struct arrow *ask, const char *host, const char *when, enum colour c)
{
	struct arrow back = { NULL, NULL, ask->to, ask->from, NULL };
	const char *why = text_of(event_of(p, ask), "why");
	char rule[160], next[256], text[300];

	draw(p, ask, "", c);
	snprintf(rule, sizeof(rule), "%.*s", (int)strcspn(why, ","), *why ? why : "no rule is known");
	draw_line(p->m, &back, rule, "", c);
	snprintf(text, sizeof(text), "%s, its CA", strcmp(next_host(p, host, next), p->d->house[DEMO_OWNER].in.bbn) == 0 ? "owner's BBN" : next);
	draw_line(p->m, &back, *next ? text : "", "", c);
	draw_line(p->m, &back, NULL, when, c);
}

static const char *const saved[] = { " Km saved as pending", " KmID saved", " proof saved" };

/* The columns of an arrow with a briefing node. False: a stranger's. */
static bool at_briefing_node(const struct picture *p, const char *host, struct arrow *a)
{
	a->to = strcmp(host, p->d->house[DEMO_MAKER].in.bbn) == 0 ? MAKER : OWNER;
	return a->to == MAKER || strcmp(host, p->d->house[DEMO_OWNER].in.bbn) == 0;
}

/* One step of the node's, ended well at `ms`. */
static void draw_step(const struct picture *p, const json_t *step, size_t *saves)
{
	const struct arrow *known = arrow_of(text_of(step, "arrow"));
	const char *host = text_of(step, "at");
	enum colour c;
	struct arrow a;
	char when[32];

	if (!known)
		return;
	a = *known;
	if (*host && !at_briefing_node(p, host, &a))
		return;
	c = a.event && !event_of(p, &a) ? YELLOW : GREEN;
	snprintf(when, sizeof(when), "%lld ms", (long long)json_integer_value(json_object_get(step, "ms")));
	if (a.from == a.to) {
		bool save = strcmp(a.step, "node.save") == 0;

		demo_draw_knot(p->m, !save ? " new credential used" : *saves < MST_COUNT(saved) ? saved[*saves] : " saved", when);
		*saves += save;
		return;
	}
	if (strcmp(a.step, "maf.open") == 0)
		draw_suspended(p, &a, when, c);
	else if (strcmp(a.step, "bbn.ask") == 0)
		draw_briefing(p, &a, host, when, c);
	else
		draw(p, &a, when, c);
}

/* The arrow at which the run failed, and what came back. */
static void draw_failure(const struct picture *p, const json_t *report)
{
	const char *reason = text_of(report, "reason"), *resource = text_of(report, "resource");
	const struct arrow *known;
	struct arrow a, back;

	if (strcmp(reason, "ok") == 0)
		return;
	known = arrow_of(strcmp(text_of(report, "method"), "bbn") == 0 ? "bbn.ask" : text_of(report, "step"));
	if (!known || known->from == known->to)
		return;
	a = *known;
	if (a.to == MAKER && !strstr(resource, p->d->house[DEMO_MAKER].in.bbn))
		a.to = OWNER;
	back = (struct arrow){ NULL, NULL, a.to, a.from, reason };
	draw(p, &a, "", RED);
	draw(p, &back, "", RED);
}

static void node_view(const struct picture *p)
{
	json_t *all = json_object_get(p->status, "reports"), *r;
	size_t i;

	json_array_foreach(all, i, r) {
		const char *detail = text_of(r, "detail"), *remedy = text_of(r, "remedy"), *step = text_of(r, "step");

		if (strcmp(text_of(r, "reason"), "ok") == 0)
			continue;
		say("  the node says:     %s%s%s, at %s%s%s%s", ink(p->m, RED), text_of(r, "words"), ink(p->m, PLAIN),
		    *step ? step : text_of(r, "resource"), *detail ? " (" : "", detail, *detail ? ")" : "");
		if (*remedy)
			say("                     what to do: %s", remedy);
	}
}

/* What the node says about its last run. */
json_t *demo_agent_status(const struct demo *d, size_t number)
{
	char command[9000], dir[4096], *text = NULL;
	json_t *status = NULL;
	size_t room = 0;
	ssize_t n;
	FILE *p;

	demo_node_dir(d, number, dir);
	snprintf(command, sizeof(command), "'%s' -c '%s/muster-agent.conf' status --json", d->agent, dir);
	p = popen(command, "re");
	if (!p)
		return NULL;
	n = getdelim(&text, &room, '\0', p);
	if (n > 0)
		status = mst_json_read(text, (size_t)n, 0, NULL);
	free(text);
	pclose(p);
	return status;
}

static int look(const struct demo *d, size_t number, struct picture *p)
{
	int r = EXIT_DONE;
	struct mst_writer w;
	char path[1024], id[128];

	*p = (struct picture){ .d = d, .m = d->m, .status = demo_agent_status(d, number), .provider = demo_place_of(number, NULL)->provider };
	p->attempt = text_of(p->status, "attempt");
	if (!*p->attempt) {
		complain("the node has no attempt to show");
		return EXIT_FAULT;
	}
	demo_node_id(number, id);
	/* a node that was refused is nobody yet: its events are found by the attempt */
	w = path_start(path, sizeof(path), "/v1/events?limit=200");
	path_query(&w, number == d->clone ? "attempt" : "node", number == d->clone ? p->attempt : id);
	path_end(&w);
	for (size_t i = 0; r == EXIT_DONE && i < DEMO_HOUSES; i++)
		r = api_ask(&d->house[i].inside, "GET", path, NULL, &p->events[i]);
	return r;
}

static void look_away(struct picture *p)
{
	for (size_t i = 0; i < DEMO_HOUSES; i++)
		json_decref(p->events[i]);
	json_decref(p->status);
}

void demo_draw_head(const struct muster *m, const char *const head[DEMO_COLUMNS])
{
	printf("%11s", "");
	for (size_t c = 0; c < COLUMNS; c++)
		printf("%s%-*s%s", ink(m, BOLD), c + 1 < COLUMNS ? WIDTH : 0, head[c], ink(m, PLAIN));
	putchar('\n');
}

static void draw_all(const struct picture *p)
{
	static const char *const head[COLUMNS] = { "node", "maker's BBN", "owner's BBN", "MEF", "MAF" };
	json_t *step, *report;
	size_t i, saves = 0;

	demo_draw_head(p->m, head);
	json_array_foreach(json_object_get(p->status, "steps"), i, step)
		draw_step(p, step, &saves);
	json_array_foreach(json_object_get(p->status, "reports"), i, report)
		draw_failure(p, report);
}

int demo_picture(struct demo *d, size_t number)
{
	struct picture p;
	int r = look(d, number, &p);
	char id[128];

	demo_node_id(number, id);
	if (r == EXIT_DONE) {
		const json_t *credential = json_object_get(p.status, "credential");

		say("%s%s%s, attempt %.8s, milliseconds since it began:\n", ink(d->m, BOLD), id, ink(d->m, PLAIN), p.attempt);
		draw_all(&p);
		if (json_is_object(credential))
			say("\nKmID %s, good until %s", text_of(credential, "keyID"), human_time(text_of(credential, "notAfter")));
	}
	look_away(&p);
	return r;
}

int demo_refused(struct demo *d)
{
	struct picture p;
	int r = look(d, d->clone, &p);
	const json_t *e = r == EXIT_DONE ? event_at(&p, DEMO_OWNER, "bbn.refused") : NULL;
	char id[128];

	demo_node_id(d->clone, id);
	say("\n%sRefused on purpose:%s %s, a name that is known, in a certificate of acme's instead of the owner's", ink(d->m, BOLD),
	    ink(d->m, PLAIN), id);
	if (e)
		say("  the owner sees:    %s%s%s %s", ink(d->m, RED), text_of(e, "what"), ink(d->m, PLAIN), text_of(e, "why"));
	if (r == EXIT_DONE)
		node_view(&p);
	look_away(&p);
	return r;
}
