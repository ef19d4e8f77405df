/*
 * The arrows of a node with a SIM: Ub with the BSF, Zh between BSF and HSS, Ua with the MAF or with a CSE's NAF, Zn between those and the BSF. Times are the
 * node's; an arrow that the servers' log does not confirm is drawn broken, as in demo-picture.c.
 */
#include <string.h>

#include "demo.h"

enum column { NODE, NAF, ZN, BSF, LAST, MAF = NAF, HSS = LAST, CSE = LAST };

struct view {
	const struct demo *d;
	const struct muster *m;
	json_t *status, *events, *keys;          /* of this node; and the keys that were given on Zn, which name the subscriber */
	char imsi[16];
};

#define AFTERWARDS "afterwards"                  /* no step of the run: what is done with the key */

struct line {
	const char *step;                        /* of the node's, whose time it has when it is the last one; NULL: of the one before */
	const char *event;                       /* in the servers' log; NULL: they write none */
	enum column from, to;
	const char *text;
};

static const struct line with_a_maf[] = {
	{ "bsf.bootstrap", NULL, NODE, BSF, "Ub: who I am (IMPI), and no proof yet" },
	{ NULL, "hss.vector", BSF, HSS, "Zh: a vector" },
	{ NULL, "hss.vector", HSS, BSF, "AKA vector" },
	{ NULL, "hss.vector", BSF, HSS, "Zh: who is it?" },
	{ NULL, "hss.vector", HSS, BSF, "CSE-ID, lifetime" },
	{ NULL, NULL, BSF, NODE, "Ub: challenge, made of RAND and AUTN, for the card" },
	{ NULL, NULL, NODE, BSF, "Ub: the card's answer (RES) proves it" },
	{ NULL, "bsf.bootstrapped", BSF, NODE, "Ub: B-TID, how long, rule sims: whom to join" },
	{ "maf.open", NULL, NODE, MAF, "Ua: TLS by B-TID" },
	{ NULL, "zn.key-given", MAF, ZN, "Zn: its key for me" },
	{ NULL, "zn.key-given", ZN, MAF, "Ks_NAF, CSE-ID" },
	{ NULL, "maf.fetched", MAF, NODE, "the key is right" },
	{ "maf.register", "maf.register", NODE, MAF, "Ua: register" },
	{ "maf.activated", "maf.activated", NODE, MAF, "Ua: TLS by B-TID" },
	{ "maf.registration", "maf.registration", NODE, MAF, "Ua: read it back" },
};

static const struct line with_a_cse[] = {
	{ "bsf.bootstrap", NULL, NODE, BSF, "Ub: who I am, a challenge, the card's answer: as above" },
	{ NULL, "bsf.bootstrapped", BSF, NODE, "Ub: B-TID, how long, rule at-the-cse: the CSE is my registrar" },
	{ "cse.open", NULL, NODE, NAF, "Ua: TLS by B-TID" },
	{ NULL, "zn.key-given", NAF, ZN, "Zn: its key for me" },
	{ NULL, "zn.key-given", ZN, NAF, "Ks_NAF, CSE-ID" },
	{ NULL, DEMO_CSE_NAF, NAF, NODE, "the key is right" },
	{ AFTERWARDS, DEMO_CSE_NAF, NODE, NAF, "Mca in TLS: an AE" },
	{ NULL, DEMO_CSE_CAME, NAF, CSE, "Mca in clear, and whose key it was (PROXY)" },
	{ NULL, DEMO_CSE_CAME, CSE, NODE, "registered: this is its AE-ID" },
};

/* A head, and what belongs below it. */
struct story { const char *head[DEMO_COLUMNS], *title; const struct line *line; size_t n; };

static const struct story stories[] = {
	{ { "node", "MAF", "BSF, for NAFs", "BSF, for nodes", "HSS" }, "a SIM and nothing else", with_a_maf, MST_COUNT(with_a_maf) },
	{ { "node", "the CSE's NAF", "BSF, for NAFs", "BSF, for nodes", "CSE" }, "a SIM for a CSE", with_a_cse, MST_COUNT(with_a_cse) },
};

static bool seen(const struct view *v, const char *event)
{
	bool zn = strncmp(event, "zn.", 3) == 0;
	json_t *e;
	size_t i;

	if (strchr(event, '/'))         /* what the CSE and its NAF write themselves */
		return demo_cse_saw(v->d, event);
	json_array_foreach(json_object_get(zn ? v->keys : v->events, "events"), i, e)
		if (strcmp(text_of(e, "what"), event) == 0 && (!zn || strncmp(text_of(e, "why"), v->imsi, strlen(v->imsi)) == 0))
			return true;
	return false;
}

/* The step, and what the servers say among themselves before it ends; its time stands at the last. */
static void draw_step(const struct view *v, const struct story *s, const char *step, const char *when)
{
	size_t at = 0, end;

	while (at < s->n && (!s->line[at].step || strcmp(s->line[at].step, step) != 0))
		at++;
	for (end = at + 1; end < s->n && !s->line[end].step;)
		end++;
	for (; at < s->n && at < end; at++)
		demo_draw(v->m, s->line[at].from, s->line[at].to, s->line[at].text, at + 1 == end ? when : "",
			  !s->line[at].event || seen(v, s->line[at].event) ? GREEN : YELLOW);
}

static void draw_all(const struct view *v, const struct story *s)
{
	json_t *step;
	size_t i;

	demo_draw_head(v->m, s->head);
	json_array_foreach(json_object_get(v->status, "steps"), i, step) {
		const char *name = text_of(step, "arrow");
		char when[32];

		snprintf(when, sizeof(when), "%lld ms", (long long)json_integer_value(json_object_get(step, "ms")));
		if (strcmp(name, "node.save") == 0 || strcmp(name, "node.promote") == 0)
			demo_draw_knot(v->m, strcmp(name, "node.save") ? " new credential used" : " saved", when);
		draw_step(v, s, name, when);
	}
	draw_step(v, s, AFTERWARDS, "");
}

int demo_sim_picture(struct demo *d, size_t i)
{
	const struct muster *inside = &d->house[DEMO_SOUTH].inside;
	const struct story *s = &stories[i == d->cse.node];
	struct view v = { .d = d, .m = d->m, .status = demo_agent_status(d, DEMO_SIM + i) };
	struct mst_writer w;
	char id[128], path[1024];
	int r;

	demo_node_id(DEMO_SIM + i, id);
	demo_imsi(i, v.imsi);
	w = path_start(path, sizeof(path), "/v1/events?limit=200");
	path_query(&w, "node", id);
	r = api_ask(inside, "GET", path_end(&w), NULL, &v.events);
	if (r == EXIT_DONE)
		r = api_pages(inside, "/v1/events?what=zn.key-given", "events", &v.keys);
	if (r == EXIT_DONE) {
		say("%s%s%s, %s, attempt %.8s, milliseconds since it began:\n", ink(d->m, BOLD), id, ink(d->m, PLAIN), s->title, text_of(v.status, "attempt"));
		draw_all(&v, s);
		say("\nB-TID (%s) %s, good until %s", i == d->cse.node ? "KpsaId" : "KeID and KmID", d->sim[i].key, human_time(d->sim[i].key_until));
	}
	if (r == EXIT_DONE && i == d->cse.node)
		say("AE-ID %s, of an application of the node's that is registered at %s by that key", d->cse.ae, d->cse.id);
	json_decref(v.status);
	json_decref(v.events);
	json_decref(v.keys);
	return r;
}
