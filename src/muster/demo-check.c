/*
 * The demo's verdict, taken from the servers and not from what the agents say of themselves: every node is enrolled
 * with the provider that its place demands and with no other, by the rule that stands for that place, and holds the certificate
 * that it was to get; the clone is with nobody.
 */
#include <string.h>

#include "demo.h"

const char *demo_node_path(size_t number, char out[1200])
{
	struct mst_writer w = path_start(out, 1200, "/v1/nodes/");
	char id[128];

	demo_node_id(number, id);
	path_piece(&w, id);
	return path_end(&w);
}

json_t *demo_node_at(const struct demo *d, enum demo_who who, size_t number)
{
	json_t *answer = NULL;
	char path[1200];

	return api_ask(&d->house[who].inside, "GET", demo_node_path(number, path), NULL, &answer) == EXIT_DONE ? answer : NULL;
}

/* The rule of the last briefing, when that led to `target` ("" = anywhere). */
static bool briefed_by(const json_t *node, const char *rule, const char *target)
{
	const json_t *last = json_array_get(json_object_get(node, "briefings"), 0);

	return strcmp(text_of(last, "rule"), rule) == 0 && strcmp(text_of(last, "state"), "enrolled") == 0 &&
	       (!*target || strcmp(text_of(last, "target"), target) == 0);
}

static bool is(const json_t *node, const char *state)
{
	return strcmp(text_of(node, "state"), state) == 0;
}

static bool good(struct demo *d, size_t number, const struct demo_place *p)
{
	enum demo_who other = p->provider == DEMO_NORTH ? DEMO_SOUTH : DEMO_NORTH;
	json_t *owner = demo_node_at(d, DEMO_OWNER, number), *here = demo_node_at(d, p->provider, number), *there = demo_node_at(d, other, number);
	json_t *maker = demo_makers_node(number) ? demo_node_at(d, DEMO_MAKER, number) : NULL;
	bool ok;

	if (number == d->clone)
		ok = is(owner, "known") && is(here, "known") && is(there, "known");
	else
		/* a short contract may have ended since its node enrolled */
		ok = (demo_ends(d, number) || is(here, "enrolled")) && is(there, "known") && briefed_by(owner, p->rule, d->house[p->provider].in.maf) &&
		     (!demo_makers_node(number) || briefed_by(maker, "lot-7", ""));
	ok = (demo_note(d, number, p->provider, here) || demo_ends(d, number)) && ok;
	json_decref(owner);
	json_decref(here);
	json_decref(there);
	json_decref(maker);
	return ok;
}

int demo_check(struct demo *d)
{
	for (size_t i = 1; i <= d->nodes; i++) {
		size_t at;
		const struct demo_place *p = demo_place_of(i, &at);
		char id[128];

		if (!good(d, i, p)) {
			demo_node_id(i, id);
			if (d->wrong++ < 10)
				complain("%s is not where it belongs (%s, rule %s); look into %s/nodes/%05zu/agent.log", id,
				         i == d->clone ? "nowhere" : d->house[p->provider].in.sp, p->rule, d->dir, i);
		} else if (i != d->clone) {
			d->placed[at][!demo_makers_node(i)]++;
		}
		progress(d->m, "looking", i, d->nodes);
	}
	if (!d->wrong && d->enrolled == d->nodes - 1 && d->refused == 1)
		return EXIT_DONE;
	complain("expected %zu enrolled and 1 refused, each in its place: %zu enrolled, %zu refused, %zu not where they belong; look into "
	         "%s/nodes/*/agent.log and %s/*/musterd.log", d->nodes - 1, d->enrolled, d->refused, d->wrong, d->dir, d->dir);
	return EXIT_REFUSED;
}
