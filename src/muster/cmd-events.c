#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "muster.h"

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static void print_event(const struct muster *m, const json_t *e)
{
	json_int_t outcome = json_integer_value(json_object_get(e, "outcome"));
	const char *what = text_of(e, "what");
	bool bad = outcome >= 4000 || strstr(what, "refused") || strstr(what, "failed");

	if (m->json) {
		json_dumpf(e, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	printf("%s%s%s %-5s %s%-22s%s %s", ink(m, DIM), human_time(text_of(e, "when")), ink(m, PLAIN), shown(text_of(e, "role")),
	       ink(m, bad ? RED : GREEN), shown(what), ink(m, PLAIN), shown(text_of(e, "who")));
	if (outcome)
		printf(" %lld", (long long)outcome);
	if (*text_of(e, "why"))
		printf(" (%s)", shown(text_of(e, "why")));
	if (*text_of(e, "attempt"))
		printf(" %s[%.8s]%s", ink(m, DIM), shown(text_of(e, "attempt")), ink(m, PLAIN));
	putchar('\n');
}

/* What is asked for, and the newest that were found so far: a ring of as many as are wanted. */
struct look {
	struct muster *m;
	struct api *api;
	const char *node, *attempt, *what, *role;
	char since[16];
	json_int_t after;                /* the last that the daemon has looked at for us */
	bool more;                       /* it has not looked at all that there is */
	json_t **newest;
	size_t wanted, found;
	bool live;                       /* print each at once: the past is through */
};

static void take(struct look *l, json_t *e)
{
	json_t **slot = &l->newest[l->found++ % l->wanted];

	if (l->live) {
		print_event(l->m, e);
		return;
	}
	json_decref(*slot);
	*slot = json_incref(e);
}

/* One page; EXIT_DONE, or another after having explained. */
static int page(struct look *l)
{
	json_t *answer = NULL, *list, *e;
	struct mst_writer w;
	char path[4096];
	int status = 0;
	json_int_t last;
	size_t i;

	w = path_start(path, sizeof(path), "/v1/events?limit=500");
	path_query_number(&w, "after", l->after);
	path_query(&w, "node", l->node);
	path_query(&w, "attempt", l->attempt);
	path_query(&w, "what", l->what);
	path_query(&w, "role", l->role);
	path_query(&w, "since", l->since);
	if (api_call(l->api, "GET", path_end(&w), NULL, &status, &answer) < 0)
		return EXIT_FAULT;
	if (status != 200) {
		api_explain(status, answer);
		json_decref(answer);
		return status == 500 ? EXIT_FAULT : EXIT_REFUSED;
	}
	list = json_object_get(answer, "events");
	json_array_foreach(list, i, e)
		take(l, e);
	fflush(stdout);
	/* not behind the last that is shown: there may be none in a page, and more behind it */
	last = json_integer_value(json_object_get(answer, "last"));
	l->more = json_is_true(json_object_get(answer, "more")) && last > l->after;
	l->after = last > l->after ? last : l->after;
	json_decref(answer);
	return EXIT_DONE;
}

static void print_newest(struct look *l)
{
	size_t first = l->found > l->wanted ? l->found - l->wanted : 0;

	for (size_t i = first; i < l->found; i++)
		print_event(l->m, l->newest[i % l->wanted]);
	fflush(stdout);
	for (size_t i = 0; i < l->wanted; i++)
		json_decref(l->newest[i]);
	memset(l->newest, 0, l->wanted * sizeof(json_t *));
}

static int look_at_events(struct look *l, bool follow)
{
	int r;

	do {
		r = page(l);
	} while (r == EXIT_DONE && l->more && !stopped);
	print_newest(l);
	l->live = true;
	while (follow && r == EXIT_DONE && !stopped) {
		if (!l->more)
			poll(NULL, 0, 250);      /* look again soon; a signal ends the wait */
		r = page(l);
	}
	return r;
}

int cmd_events(struct muster *m, int argc, char **argv)
{
	const char *since = NULL, *limit = "1000";
	struct look l = { .m = m, .node = "", .attempt = "", .what = "", .role = "" };
	bool follow = false;
	const struct opt opts[] = { { "node", &l.node, NULL }, { "attempt", &l.attempt, NULL }, { "what", &l.what, NULL },
		                    { "role", &l.role, NULL }, { "since", &since, NULL }, { "limit", &limit, NULL },
		                    { "follow", NULL, &follow } };
	char *end;
	int r;

	if (argc && (strcmp(argv[0], "export") == 0 || strcmp(argv[0], "verify") == 0))
		return cmd_audit(m, argc, argv);
	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	l.wanted = strtoul(limit, &end, 10);
	if (argc || *end || !l.wanted || l.wanted > 1000000)
		return usage_error(NULL, argc ? "unexpected argument %s" : "--limit is 1 to 1000000, not %s", argc ? argv[0] : limit);
	if (since && !date_from(since, l.since))
		return usage_error(NULL, "--since: " DATE_HELP);
	l.newest = calloc(l.wanted, sizeof(json_t *));
	l.api = l.newest ? api_open(m) : NULL;
	if (!l.api) {
		free(l.newest);
		return EXIT_FAULT;
	}
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	r = look_at_events(&l, follow);
	api_close(l.api);
	free(l.newest);
	return r;
}

/* --wait: for scripts that have just started the daemon. */
static bool wait_for_daemon(const struct muster *m, long seconds)
{
	struct timespec now;
	mst_ms until, left;

	clock_gettime(CLOCK_BOOTTIME, &now);
	until = ((mst_ms)now.tv_sec + seconds) * 1000 + now.tv_nsec / 1000000;
	for (;;) {
		json_t *answer = NULL;

		clock_gettime(CLOCK_BOOTTIME, &now);
		left = until - (mst_ms)now.tv_sec * 1000 - now.tv_nsec / 1000000;
		if (left <= 0)
			return false;
		if (api_probe(m, left, &answer)) {
			json_decref(answer);
			return true;
		}
		poll(NULL, 0, left < 100 ? (int)left : 100);
	}
}

int cmd_status(struct muster *m, int argc, char **argv)
{
	const char *seconds = NULL;
	const struct opt opts[] = { { "wait", &seconds, NULL } };
	json_t *answer = NULL, *nodes, *n;
	const char *state, *oldest;
	json_int_t all = 0;
	char *end = NULL;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc)
		return usage_error(NULL, "takes no argument");
	if (seconds && !wait_for_daemon(m, strtol(seconds, &end, 10)) && end)
		complain("the installation did not answer within %s seconds", seconds);
	r = api_ask(m, "GET", "/v1/status", NULL, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	say("muster %s, %s UTC", text_of(answer, "version"), human_time(text_of(answer, "time")));
	nodes = json_object_get(answer, "nodes");
	json_object_foreach(nodes, state, n) {
		if (json_integer_value(n))
			say("  %-10s %lld", state, (long long)json_integer_value(n));
		all += json_integer_value(n);
	}
	say("  %-10s %lld", "nodes", (long long)all);
	oldest = text_of(answer, "oldestEvent");
	say("  %-10s %lld%s%s", "events", (long long)json_integer_value(json_object_get(answer, "events")),
	    *oldest ? " since " : "", *oldest ? human_time(oldest) : "");
	say("  %-10s %.1f MiB", "store", (double)json_integer_value(json_object_get(answer, "storeOctets")) / (1 << 20));
	json_decref(answer);
	return EXIT_DONE;
}
