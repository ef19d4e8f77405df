#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

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
	printf("%s%s%s %-5s %s%-22s%s %s", ink(m, DIM), human_time(text_of(e, "when")), ink(m, PLAIN), text_of(e, "role"),
	       ink(m, bad ? RED : GREEN), what, ink(m, PLAIN), text_of(e, "who"));
	if (outcome)
		printf(" %lld", (long long)outcome);
	if (*text_of(e, "why"))
		printf(" (%s)", text_of(e, "why"));
	if (*text_of(e, "attempt"))
		printf(" %s[%.8s]%s", ink(m, DIM), text_of(e, "attempt"), ink(m, PLAIN));
	putchar('\n');
}

static int verify(struct muster *m)
{
	json_t *answer = NULL;
	bool ok;
	int r = api_ask(m, "GET", "/v1/events/verify", NULL, &answer);

	if (r != EXIT_DONE)
		return r;
	ok = json_is_true(json_object_get(answer, "ok"));
	if (m->json) {
		print_json(answer);
		return ok ? EXIT_DONE : EXIT_REFUSED;
	}
	if (ok)
		say("the audit log is whole: %lld entries, every hash fits",
		    (long long)json_integer_value(json_object_get(answer, "entries")));
	else
		complain("the audit log was changed: entry %lld does not fit its hash",
		         (long long)json_integer_value(json_object_get(answer, "firstBad")));
	json_decref(answer);
	return ok ? EXIT_DONE : EXIT_REFUSED;
}

/* One page after *after; how many were printed, or -1 after having explained. */
static long page(struct muster *m, struct api *a, const char *filter, unsigned long limit, json_int_t *after)
{
	json_t *answer = NULL, *list, *e;
	char path[2048];
	int status = 0;
	long n = 0;
	size_t i;

	snprintf(path, sizeof(path), "/v1/events?after=%lld&limit=%lu%s", (long long)*after, limit < 500 ? limit : 500, filter);
	if (api_call(a, "GET", path, NULL, &status, &answer) < 0)
		return -1;
	if (status != 200) {
		api_explain(status, answer);
		json_decref(answer);
		return -1;
	}
	list = json_object_get(answer, "events");
	json_array_foreach(list, i, e) {
		print_event(m, e);
		*after = json_integer_value(json_object_get(e, "seq"));
		n++;
	}
	fflush(stdout);
	json_decref(answer);
	return n;
}

int cmd_events(struct muster *m, int argc, char **argv)
{
	const char *node = "", *attempt = "", *what = "", *role = "", *since = "", *limit = "1000000";
	bool follow = false;
	const struct opt opts[] = { { "node", &node, NULL }, { "attempt", &attempt, NULL }, { "what", &what, NULL },
		                    { "role", &role, NULL }, { "since", &since, NULL }, { "limit", &limit, NULL },
		                    { "follow", NULL, &follow } };
	unsigned long left;
	json_int_t after = 0;
	char filter[1500], *end;
	struct api *a;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc == 1 && strcmp(argv[0], "verify") == 0)
		return verify(m);
	left = strtoul(limit, &end, 10);
	if (argc || *end)
		return usage_error(NULL, "unexpected argument %s", argc ? argv[0] : limit);
	snprintf(filter, sizeof(filter), "%s%s%s%s%s%s%s%s%s%s", *node ? "&node=" : "", percent(node), *attempt ? "&attempt=" : "",
	         percent(attempt), *what ? "&what=" : "", percent(what), *role ? "&role=" : "", percent(role),
	         *since ? "&since=" : "", percent(since));
	a = api_open(m);
	if (!a)
		return EXIT_FAULT;
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	while (!stopped && left) {
		long n = page(m, a, filter, left, &after);

		if (n < 0) {
			api_close(a);
			return EXIT_FAULT;
		}
		left -= (unsigned long)n;
		if (n == 0 && !follow)
			break;
		if (n == 0)
			poll(NULL, 0, 250);      /* following: look again soon; a signal ends the wait */
	}
	api_close(a);
	return EXIT_DONE;
}

/* --wait: for scripts that have just started the daemon. */
static bool wait_for_daemon(const struct muster *m, long seconds)
{
	for (long tenths = seconds * 10; tenths > 0; tenths--) {
		struct muster quiet = *m;
		json_t *answer = NULL;

		if (api_probe(&quiet, &answer)) {
			json_decref(answer);
			return true;
		}
		poll(NULL, 0, 100);
	}
	return false;
}

int cmd_status(struct muster *m, int argc, char **argv)
{
	const char *seconds = NULL;
	const struct opt opts[] = { { "wait", &seconds, NULL } };
	json_t *answer = NULL, *nodes, *n;
	const char *state;
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
	json_decref(answer);
	return EXIT_DONE;
}
