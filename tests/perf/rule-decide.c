/*
 * How long does a briefing node think? One rule set of N rules as owners have them (a tenth each by place in a circle,
 * polygon, cell; the others by site, maker and model, names, subscription), and facts of nodes that meet the rules at
 * random. Prints one JSON object: nanoseconds a decision, by the index and one rule after the other, and milliseconds
 * to compile the set.
 *
 *   rule-decide RULES DECISIONS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "role/rules/rule.h"

#define FACTS 1024

struct owner {
	uint8_t *octets;
	struct mst_view *cbor;
	size_t n;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct mst_view text(char *room, size_t cap, const char *head, unsigned long i)
{
	snprintf(room, cap, "%s%lu", head, i);
	return mst_view_str(room);
}

/* Places on a spiral over the globe, so that rule and node i meet. */
static void place_of(unsigned long i, int64_t *lat, int64_t *lon)
{
	*lat = (int64_t)(i * 7919 % 1700) * 1000000 - 850000000;
	*lon = (int64_t)(i * 104729 % 3599) * 1000000 - 1799000000;
}

static void conditions(struct mst_rule_when *w, unsigned long i, char room[2][64])
{
	int64_t lat, lon;

	place_of(i, &lat, &lon);
	switch (i % 10) {
	case 0:
		w->circle = (struct mst_rule_circle){ 7, lat, lon, 5000 };
		w->has |= 1u << MST_RW_CIRCLE;
		break;
	case 1:
		for (int k = 0; k < 4; k++)
			w->polygon[k] = (struct mst_rule_point){ 3, lat + (k & 2 ? 400000 : -400000), lon + ((k + 1) & 2 ? 400000 : -400000) };
		w->n_polygon = 4;
		w->has |= 1u << MST_RW_POLYGON;
		break;
	case 2:
		w->cells[0] = text(room[0], 64, "262-01-4711-", i);
		w->n_cells = 1;
		w->has |= 1u << MST_RW_CELLS;
		break;
	case 3: case 4:
		w->node_prefixes[0] = text(room[0], 64, "urn:dev:ops:batch-", i);
		w->n_node_prefixes = 1;
		w->has |= 1u << MST_RW_NODES;
		break;
	case 5: case 6:
		w->makers[0] = text(room[0], 64, "maker-", i % 20);
		w->models[0] = text(room[1], 64, "model-", i);
		w->n_makers = w->n_models = 1;
		w->has |= 1u << MST_RW_MAKERS | 1u << MST_RW_MODELS;
		break;
	case 7:
		w->subscriptions[0] = text(room[0], 64, "contract-", i);
		w->n_subscriptions = 1;
		w->has |= 1u << MST_RW_SUBSCRIPTIONS;
		break;
	default:
		w->sites[0] = text(room[0], 64, "site-", i);
		w->n_sites = 1;
		w->has |= 1u << MST_RW_SITES;
		break;
	}
}

static int make_rules(struct owner *o, size_t n)
{
	size_t at = 0;

	o->octets = malloc(n * 1024);
	o->cbor = calloc(n, sizeof(*o->cbor));
	for (size_t i = 0; i < n && o->octets && o->cbor; i++) {
		struct mst_rule r = { .has = 1u << MST_RU_NAME | 1u << MST_RU_WHEN | 1u << MST_RU_THEN };
		struct mst_instruction *in = &r.then.instructions[0];
		struct mst_writer w = mst_writer_of(o->octets + at, 1024);
		char name[64], room[2][64];

		r.name = text(name, sizeof(name), "rule-", i);
		conditions(&r.when, i, room);
		in->has = 1u << MST_IN_KIND | 1u << MST_IN_METHOD | 1u << MST_IN_URI;
		in->kind = MST_INSTR_BOOTSTRAP;
		in->method = MST_METHOD_CERT;
		in->uri = MST_VIEW_LIT("https://mef.example.com:8443");
		r.then.n_instructions = 1;
		r.then.has = 1u << MST_RT_INSTRUCTIONS;
		mst_rule_write_cbor(&r, &w);
		if (!w.ok)
			return -1;
		o->cbor[o->n++] = mst_written(&w);
		at += w.n;
	}
	return o->n == n ? 0 : -1;
}

struct node {
	struct mst_rule_facts f;
	char room[6][64];
};

/* A node of rule i: every tenth meets its rule, the others have all these facts and meet none or another. */
static void make_node(struct node *k, unsigned long i, bool meets)
{
	unsigned long other = meets ? i : i + 10000000;
	int64_t lat, lon;

	place_of(meets ? i : i + 17, &lat, &lon);
	k->f = (struct mst_rule_facts){ .now = 1, .auth = MST_RULE_AUTH_CERT, .node_proven = true, .sp = MST_VIEW_LIT("sp.example.com"),
					.maf = MST_VIEW_LIT("maf.example.com"), .methods = { MST_METHOD_CERT }, .n_methods = 1 };
	k->f.node_id = text(k->room[0], 64, "urn:dev:ops:batch-", other);
	k->f.maker = text(k->room[1], 64, "maker-", i % 20);
	k->f.model = text(k->room[2], 64, "model-", other);
	k->f.subscription = text(k->room[3], 64, "contract-", other);
	k->f.place.site = text(k->room[4], 64, "site-", other);
	k->f.location.cell = text(k->room[5], 64, "262-01-4711-", other);
	k->f.place.latitude = lat;
	k->f.place.longitude = lon;
	k->f.place.has = 1u << MST_LO_LATITUDE | 1u << MST_LO_LONGITUDE | 1u << MST_LO_SITE;
	k->f.location.has = 1u << MST_LO_CELL;
}

typedef int decide_fn(const struct mst_rule_set *set, const struct mst_rule_facts *f, struct mst_rule_match *ret_m);

static double time_of(decide_fn *decide, const struct mst_rule_set *set, const struct node *nodes, size_t n, size_t *ret_found)
{
	struct mst_rule_match m;
	double start = seconds();

	for (size_t i = 0; i < n; i++)
		*ret_found += decide(set, &nodes[i % FACTS].f, &m) == 0;
	return (seconds() - start) / (double)n * 1e9;
}

int main(int argc, char **argv)
{
	size_t rules = argc == 3 ? strtoul(argv[1], NULL, 10) : 0, n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0, found = 0, found2 = 0;
	size_t few = rules ? 20000000 / rules + 1 : 1;
	struct node *nodes = calloc(FACTS, sizeof(*nodes));
	struct mst_rule_set *set = NULL;
	struct owner o = { 0 };
	double start, build, index, list;

	if (!rules || !n || rules > MST_RULES_MAX || !nodes)
		return fprintf(stderr, "usage: rule-decide RULES DECISIONS   (1 to %d rules)\n", MST_RULES_MAX), 2;
	if (make_rules(&o, rules))
		return fprintf(stderr, "rule-decide: no memory\n"), 3;
	srandom(1);
	for (size_t i = 0; i < FACTS; i++)
		make_node(&nodes[i], (unsigned long)random() % rules, i % 10 == 0);
	start = seconds();
	if (mst_rule_set_build(o.cbor, o.n, &set, NULL, NULL))
		return fprintf(stderr, "rule-decide: the set cannot be built\n"), 3;
	build = (seconds() - start) * 1e3;
	few = few < n ? few : n;
	(void)time_of(mst_rule_decide, set, nodes, FACTS, &found); /* warm */
	found = 0;
	index = time_of(mst_rule_decide, set, nodes, few, &found);
	list = time_of(mst_rule_decide_linear, set, nodes, few, &found2);
	if (found != found2 || !found)
		return fprintf(stderr, "rule-decide: the index says something else\n"), 1;
	index = time_of(mst_rule_decide, set, nodes, n, &found);
	printf("{\"rules\": %zu, \"decisions\": %zu, \"index_ns\": %.0f, \"list_ns\": %.0f, \"build_ms\": %.1f}\n", rules, n, index, list, build);
	mst_rule_set_free(set);
	free(o.octets);
	free(o.cbor);
	free(nodes);
	return 0;
}
