/*
 * The arrows of a node with a SIM: Ub with the BSF, Zh between BSF and HSS, Ua with the MAF, Zn between MAF and BSF. Times are the node's; an arrow that
 * the servers' log does not confirm is drawn broken, as in demo-picture.c.
 */
#include <string.h>

#include "demo.h"

enum column { NODE, MAF, ZN, BSF, HSS };

struct view {
	const struct muster *m;
	json_t *status, *events, *keys;          /* of this node; and the keys that were given on Zn, which name the subscriber */
	char imsi[16];
};

struct line {
	const char *step;                        /* of the node's, whose time it has when it is the last one; NULL: of the one before */
	const char *event;                       /* in the servers' log; NULL: they write none */
	enum column from, to;
	const char *text;
};

static const struct line lines[] = {
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

static bool seen(const struct view *v, const char *event)
{
	bool zn = strncmp(event, "zn.", 3) == 0;
	json_t *e;
	size_t i;

	json_array_foreach(json_object_get(zn ? v->keys : v->events, "events"), i, e)
		if (strcmp(text_of(e, "what"), event) == 0 && (!zn || strncmp(text_of(e, "why"), v->imsi, strlen(v->imsi)) == 0))
			return true;
	return false;
}

/* The step, and what the servers say among themselves before it ends; its time stands at the last. */
static void draw_step(const struct view *v, size_t at, const char *when)
{
	size_t end = at + 1;

	while (end < MST_COUNT(lines) && !lines[end].step)
		end++;
	for (; at < end; at++)
		demo_draw(v->m, lines[at].from, lines[at].to, lines[at].text, at + 1 == end ? when : "",
			  !lines[at].event || seen(v, lines[at].event) ? GREEN : YELLOW);
}

static void draw_all(const struct view *v)
{
	static const char *const head[DEMO_COLUMNS] = { "node", "MAF", "BSF, for NAFs", "BSF, for nodes", "HSS" };
	json_t *step;
	size_t i;

	demo_draw_head(v->m, head);
	json_array_foreach(json_object_get(v->status, "steps"), i, step) {
		const char *name = text_of(step, "arrow");
		char when[32];

		snprintf(when, sizeof(when), "%lld ms", (long long)json_integer_value(json_object_get(step, "ms")));
		if (strcmp(name, "node.save") == 0 || strcmp(name, "node.promote") == 0)
			demo_draw_knot(v->m, strcmp(name, "node.save") ? " new credential used" : " saved", when);
		for (size_t k = 0; k < MST_COUNT(lines); k++)
			if (lines[k].step && strcmp(lines[k].step, name) == 0)
				draw_step(v, k, when);
	}
}

int demo_sim_picture(struct demo *d, size_t i)
{
	const struct muster *inside = &d->house[DEMO_SOUTH].inside;
	struct view v = { .m = d->m, .status = demo_agent_status(d, DEMO_SIM + i) };
	struct mst_writer w;
	char id[128], path[1024];
	int r;

	demo_node_id(DEMO_SIM + i, id);
	snprintf(v.imsi, sizeof(v.imsi), "00101%010zu", i);
	w = path_start(path, sizeof(path), "/v1/events?limit=200");
	path_query(&w, "node", id);
	r = api_ask(inside, "GET", path_end(&w), NULL, &v.events);
	if (r == EXIT_DONE)
		r = api_ask(inside, "GET", "/v1/events?limit=200&what=zn.key-given", NULL, &v.keys);
	if (r == EXIT_DONE) {
		say("%s%s%s, a SIM and nothing else, attempt %.8s, milliseconds since it began:\n", ink(d->m, BOLD), id, ink(d->m, PLAIN),
		    text_of(v.status, "attempt"));
		draw_all(&v);
		say("\nB-TID (KeID and KmID) %s, good until %s", d->sim[i].key, human_time(d->sim[i].key_until));
	}
	json_decref(v.status);
	json_decref(v.events);
	json_decref(v.keys);
	return r;
}
