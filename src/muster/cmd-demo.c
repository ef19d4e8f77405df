#include <dirent.h>
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

static int prepare(struct demo *d, const char *dir)
{
	if (dir) {
		snprintf(d->dir, sizeof(d->dir), "%s", dir);
	} else {
		snprintf(d->dir, sizeof(d->dir), "/tmp/muster-demo.XXXXXX");
		if (!mkdtemp(d->dir)) {
			complain("cannot make a directory in /tmp");
			return EXIT_FAULT;
		}
	}
	d->in = (struct install){ .dir = d->dir, .address = "127.0.0.1", .processes = "split", .metrics = "", .listeners = 2,
		                  .sp = "sp.example.com", .mef = "mef.sp.example.com", .maf = "maf.sp.example.com",
		                  .bbn = "bbn.sp.example.com" };
	d->in.mef_port = demo_free_port();
	d->in.maf_port = demo_free_port();
	d->in.bbn_port = demo_free_port();
	d->inside = *d->m;
	d->inside.dir = d->dir;
	d->inside.quiet = d->m->json;
	path_join(d->inside.socket, sizeof(d->inside.socket), d->dir, "run/admin.sock");
	return EXIT_DONE;
}

static void tell_result(struct demo *d, double seconds)
{
	say("\n%s%zu of %zu nodes enrolled, %zu refused, in %.1f s%s", ink(d->m, BOLD), d->enrolled, d->nodes, d->refused, seconds,
	    ink(d->m, PLAIN));
	cmd_status(&d->inside, 0, NULL);
	demo_refused(d);
	putchar('\n');
	demo_picture(d, d->clone);
	putchar('\n');
	demo_picture(d, d->clone == 1 ? 2 : 1);
}

/* Everything that the demo promises: all but the clone enrolled, and the clone refused. */
static int verdict(const struct demo *d)
{
	if (d->enrolled == d->nodes - 1 && d->refused == 1)
		return EXIT_DONE;
	complain("expected %zu enrolled and 1 refused; look into %s/nodes/*/agent.log and %s/musterd.log", d->nodes - 1, d->dir, d->dir);
	return EXIT_REFUSED;
}

static double since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static int play(struct demo *d)
{
	struct timespec start;
	double seconds;
	int r;

	if (!d->m->json)
		say("An installation in %s: MEF on port %u, MAF on port %u, provider %s", d->dir, d->in.mef_port, d->in.maf_port, d->in.sp);
	if ((r = install_make(&d->in)) != EXIT_DONE || (r = demo_makers(d)) != EXIT_DONE || (r = demo_start(d)) != EXIT_DONE)
		return r;
	if (!d->m->json)
		say("musterd is up. %zu nodes of two makers become known, each name bound to its maker's CA:", d->nodes);
	if ((r = demo_known(d)) != EXIT_DONE || (r = demo_build(d)) != EXIT_DONE)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &start);
	if ((r = demo_enrol(d)) != EXIT_DONE)
		return r;
	seconds = since(&start);
	if (d->m->json) {
		r = verdict(d);
		print_json(json_pack("{s:I,s:I,s:I,s:f,s:s}", "nodes", (json_int_t)d->nodes, "enrolled", (json_int_t)d->enrolled, "refused",
		                     (json_int_t)d->refused, "seconds", seconds, "dir", d->dir));
		return r;
	}
	tell_result(d, seconds);
	return verdict(d);
}

/* --keep: the installation stays until somebody ends it. */
static void keep_running(struct demo *d)
{
	sigset_t set;
	int sig;

	say("\nThe installation is still running. Try, in another terminal:");
	say("  muster -C %s node list", d->dir);
	say("  muster -C %s events --follow", d->dir);
	say("  muster -C %s doctor", d->dir);
	say("Ctrl-C stops it; %s stays for you to look at.", d->dir);
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
	if (argc || *end || d->nodes < 2 || d->nodes > 99999) {
		free(d);
		return usage_error(NULL, argc ? "unexpected argument %s" : "--nodes is 2 to 99999", argc ? argv[0] : "");
	}
	d->clone = d->nodes / 2;
	r = prepare(d, dir);
	if (r == EXIT_DONE)
		r = demo_find_programs(d, bin);
	if (r == EXIT_DONE)
		r = play(d);
	if (r == EXIT_DONE && keep)
		keep_running(d);
	demo_stop(d);
	if (r == EXIT_DONE && !keep && !dir)
		nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(d);
	return r;
}
