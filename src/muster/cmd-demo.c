#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "demo.h"

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void tell_places(const struct demo *d)
{
	static const char *const head[] = { "RULE", "PROVIDER", "NODES", "FIG. 2", "FIG. 3" };
	struct table t = { 0 };

	table_row(&t, MST_COUNT(head), head);
	for (size_t i = 0; i < DEMO_PLACES; i++) {
		size_t at;
		const struct demo_place *p = demo_place_of((i + DEMO_PLACES - 1) * 2, &at);
		char all[24], makers[24], owners[24];
		const char *cell[] = { p->rule, d->house[p->provider].in.sp, all, makers, owners };

		snprintf(all, sizeof(all), "%zu", d->placed[at][0] + d->placed[at][1]);
		snprintf(makers, sizeof(makers), "%zu", d->placed[at][0]);
		snprintf(owners, sizeof(owners), "%zu", d->placed[at][1]);
		table_row(&t, MST_COUNT(cell), cell);
	}
	table_print(d->m, &t);
}

/* `muster rule try` of the node that is drawn. */
static int tell_rule(struct demo *d)
{
	char id[128];
	char *argv[] = { (char[]){ "try" }, id, NULL };

	demo_node_id(d->drawn, id);
	say("\n%s$ muster -C %s rule try %s%s", ink(d->m, DIM), d->house[DEMO_OWNER].name, id, ink(d->m, PLAIN));
	return cmd_rule(&d->house[DEMO_OWNER].inside, 2, argv);
}

static int tell_result(struct demo *d, double seconds)
{
	int r;

	say("\n%s%zu of %zu nodes enrolled, %zu refused, in %.1f s%s; each is with the provider of its place, and with no other:\n",
	    ink(d->m, BOLD), d->enrolled, d->nodes, d->refused, seconds, ink(d->m, PLAIN));
	tell_places(d);
	r = demo_refused(d);
	putchar('\n');
	if (r == EXIT_DONE)
		r = demo_picture(d, d->clone);
	if (r == EXIT_DONE)
		r = tell_rule(d);
	putchar('\n');
	if (r == EXIT_DONE)
		r = demo_picture(d, d->drawn);
	putchar('\n');
	if (r == EXIT_DONE)
		r = demo_sim_picture(d, 1);
	putchar('\n');
	if (r == EXIT_DONE)
		r = demo_sim_picture(d, d->cse.node);
	say("\n%sWhat each node holds, as its provider knows it:%s", ink(d->m, BOLD), ink(d->m, PLAIN));
	demo_tell_holdings(d);
	return r;
}

static int tell_json(const struct demo *d, double seconds)
{
	json_t *rules = json_array();
	char id[128], cse[128];

	for (size_t i = 0; i < DEMO_PLACES; i++) {
		size_t at;
		const struct demo_place *p = demo_place_of((i + DEMO_PLACES - 1) * 2, &at);

		json_array_append_new(rules, json_pack("{s:s,s:s,s:I,s:I}", "rule", p->rule, "provider", d->house[p->provider].in.sp, "fig2",
		                                       (json_int_t)d->placed[at][0], "fig3", (json_int_t)d->placed[at][1]));
	}
	demo_node_id(d->clone, id);
	demo_node_id(DEMO_SIM + d->cse.node, cse);
	return print_json(json_pack("{s:I,s:I,s:I,s:I,s:{s:I,s:I},s:{s:s,s:s,s:s},s:o,s:s,s:f,s:s,s:o}", "nodes", (json_int_t)d->nodes, "enrolled", (json_int_t)d->enrolled,
	                            "refused", (json_int_t)d->refused, "misplaced", (json_int_t)d->wrong, "sims", "nodes", (json_int_t)d->sims, "enrolled",
	                            (json_int_t)d->sims_enrolled, "cse", "cseID", d->cse.id, "node", cse, "aeID", d->cse.ae, "rules", rules, "clone", id,
	                            "seconds", seconds, "dir", d->dir, "fleet", demo_holdings(d)));
}

static double since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void tell_world(const struct demo *d)
{
	const struct demo_house *h = d->house;

	say("Four installations in %s:", d->dir);
	say("  %-6s %s:%u, the maker's briefing node", h[DEMO_MAKER].name, h[DEMO_MAKER].in.bbn, h[DEMO_MAKER].in.bbn_port);
	say("  %-6s %s:%u, the owner's briefing node", h[DEMO_OWNER].name, h[DEMO_OWNER].in.bbn, h[DEMO_OWNER].in.bbn_port);
	for (size_t i = DEMO_NORTH; i <= DEMO_SOUTH; i++)
		say("  %-6s provider %s: %s:%u, %s:%u", h[i].name, h[i].in.sp, h[i].in.mef, h[i].in.mef_port, h[i].in.maf, h[i].in.maf_port);
	say("  %-6s %s:%u, its BSF as an operator of SIMs", h[DEMO_SOUTH].name, h[DEMO_SOUTH].in.bsf, h[DEMO_SOUTH].in.bsf_port);
	putchar('\n');
}

/* The short contract runs while everybody is looked at and some move; then it has ended. */
static int later(struct demo *d, double seconds)
{
	int r;

	if (!d->m->json && d->ending)
		say("\n%zu more have a contract that ends soon; then %zu of the owner's are sold to somebody whose provider is %s:\n", d->ending, d->moving,
		    d->house[DEMO_SOUTH].in.sp);
	if ((r = demo_short_contract(d, seconds)) != EXIT_DONE || (r = demo_known(d, true)) != EXIT_DONE || (r = demo_enrol(d, true)) != EXIT_DONE ||
	    (r = demo_check(d)) != EXIT_DONE || (r = demo_move(d)) != EXIT_DONE)
		return r;
	if ((r = demo_sims(d)) != EXIT_DONE)
		return r;
	return demo_end(d);
}

static int play(struct demo *d)
{
	struct timespec start;
	double seconds;
	int r;

	if (!d->m->json)
		tell_world(d);
	if ((r = demo_install(d)) != EXIT_DONE || (r = demo_makers(d)) != EXIT_DONE || (r = demo_start(d)) != EXIT_DONE ||
	    (r = demo_rules(d)) != EXIT_DONE || (r = demo_known(d, false)) != EXIT_DONE || (r = demo_technician(d)) != EXIT_DONE)
		return r;
	if (!d->m->json) {
		say("\n%zu nodes. Half were sold with %s's certificates and ask its briefing node (fig. 2); the others", d->nodes, "acme");
		say("have the owner's certificates and ask the owner's (fig. 3). None was told of any provider. Some of the");
		say("owner's came without a certificate, with a serial number and a secret; some nodes are to get a certificate of their");
		say("provider's (CERT_PROV, EST):\n");
	}
	if ((r = demo_build(d)) != EXIT_DONE || (r = demo_secrets(d)) != EXIT_DONE || (r = demo_commands(d)) != EXIT_DONE)
		return r;
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &start);
	if ((r = demo_enrol(d, false)) != EXIT_DONE)
		return r;
	seconds = since(&start);
	r = later(d, seconds);
	if (d->m->json)
		return tell_json(d, seconds) == EXIT_DONE ? r : EXIT_FAULT;
	return r == EXIT_DONE ? tell_result(d, seconds) : r;
}

/* --keep: the installations stay until somebody ends them. */
static void keep_running(const struct demo *d)
{
	sigset_t set;
	int sig;

	if (!d->m->json) {
		say("\nEverything is still running. Try, in another terminal:");
		say("  muster -C %s rule list", d->house[DEMO_OWNER].dir);
		say("  muster -C %s rule replay", d->house[DEMO_OWNER].dir);
		say("  muster -C %s node list", d->house[DEMO_NORTH].dir);
		say("  muster -C %s events --follow", d->house[DEMO_SOUTH].dir);
		say("Ctrl-C stops it; %s stays for you to look at.", d->dir);
	}
	fflush(stdout);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigwait(&set, &sig);
}

int cmd_demo(struct muster *m, int argc, char **argv)
{
	const char *nodes = "200", *dir = NULL, *bin = NULL;
	bool keep = false;
	const struct opt opts[] = { { "nodes", &nodes, NULL }, { "dir", &dir, NULL }, { "bin", &bin, NULL }, { "keep", NULL, &keep } };
	struct demo *d;
	char *end;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	d = calloc(1, sizeof(*d));
	if (!d)
		return EXIT_FAULT;
	d->m = m;
	d->nodes = strtoul(nodes, &end, 10);
	if (argc || *end || d->nodes < 4 || d->nodes > 99999) {
		free(d);
		return usage_error(NULL, argc ? "unexpected argument %s" : "--nodes is 4 to 99999", argc ? argv[0] : "");
	}
	d->drawn = 1;                    /* of figure 2 */
	d->clone = d->nodes / 4 * 2;     /* of figure 3 */
	d->holding = calloc(d->nodes + 1, sizeof(*d->holding));
	r = d->holding ? demo_prepare(d, dir) : EXIT_FAULT;
	demo_choose(d);
	if (r == EXIT_DONE)
		r = demo_find_programs(d, bin);
	if (r == EXIT_DONE)
		r = play(d);
	if (r == EXIT_DONE && keep)
		keep_running(d);
	demo_stop(d);
	if (r == EXIT_DONE && !keep && !dir)
		nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(d->holding);
	free(d);
	return r;
}
