/* The keeper's key-encryption key: `muster keeper …`. */
#include <poll.h>
#include <string.h>

#include "muster.h"

static void print_state(const json_t *answer)
{
	const json_t *z = json_object_get(answer, "rotation");

	say("generation %lld of the key-encryption key is in use (%s)", (long long)json_integer_value(json_object_get(answer, "generation")),
	    text_of(answer, "in"));
	if (!json_object_get(answer, "before"))
		return;
	say("generation %lld is still there: %lld keys looked at, %lld wrapped anew, at: %s",
	    (long long)json_integer_value(json_object_get(answer, "before")), (long long)json_integer_value(json_object_get(z, "keys")),
	    (long long)json_integer_value(json_object_get(z, "changed")), z ? text_of(z, "at") : "the beginning");
	if (json_object_get(z, "keptUntil"))
		say("it is kept until %s, for a standby that lags (keeper_wait); muster keeper finish destroys it at once", text_of(z, "keptUntil"));
	if (json_integer_value(json_object_get(z, "unreadable")))
		say("%lld keys cannot be opened by any generation, the first is %s; muster keeper finish gives them up",
		    (long long)json_integer_value(json_object_get(z, "unreadable")), shown(text_of(z, "firstUnreadable")));
}

/* What leaves it; what never did is left out. */
static void print_rates(const json_t *answer)
{
	const char *what;
	json_t *rate;

	json_object_foreach(json_object_get(answer, "rates"), what, rate) {
		if (!json_integer_value(json_object_get(rate, "busiest")))
			continue;
		say("%s: %lld in the last minute, %lld in the busiest; %lld minutes with an alarm, %lld in which more was refused", what,
		    (long long)json_integer_value(json_object_get(rate, "minute")), (long long)json_integer_value(json_object_get(rate, "busiest")),
		    (long long)json_integer_value(json_object_get(rate, "alarms")), (long long)json_integer_value(json_object_get(rate, "limited")));
	}
}

static int show(struct muster *m, json_t *answer)
{
	if (m->json)
		return print_json(answer);
	print_state(answer);
	json_decref(answer);
	return EXIT_DONE;
}

static int keeper_show(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL;
	int r;

	argc = take_options(NULL, argc, argv, NULL, 0);
	if (argc < 0)
		return EXIT_USAGE;
	if (argc)
		return usage_error(NULL, "unexpected argument %s", argv[0]);
	r = api_ask(m, "GET", "/v1/keeper", NULL, &answer);
	if (r == EXIT_DONE && !m->json)
		print_rates(answer);
	return r == EXIT_DONE ? show(m, answer) : r;
}

/* Until one generation is left, or the one before waits for a standby, which may be long; or it is held up. */
static int wait_for_end(struct muster *m, json_t **answer)
{
	for (;;) {
		const json_t *z = json_object_get(*answer, "rotation");
		int r;

		if (!json_object_get(*answer, "before") || json_object_get(z, "keptUntil"))
			return EXIT_DONE;
		if (json_integer_value(json_object_get(z, "unreadable")) && !strcmp(text_of(z, "at"), "done"))
			return EXIT_REFUSED;
		if (m->terminal)
			fprintf(stderr, "\r%lld keys looked at, %lld wrapped anew ", (long long)json_integer_value(json_object_get(z, "keys")),
				(long long)json_integer_value(json_object_get(z, "changed")));
		poll(NULL, 0, 200);
		json_decref(*answer);
		*answer = NULL;
		r = api_ask(m, "GET", "/v1/keeper", NULL, answer);
		if (r != EXIT_DONE)
			return r;
	}
}

static int keeper_rotate(struct muster *m, int argc, char **argv)
{
	bool wait = false;
	const struct opt opts[] = { { "wait", NULL, &wait } };
	json_t *answer = NULL;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc)
		return usage_error(NULL, "unexpected argument %s", argv[0]);
	r = api_ask(m, "POST", "/v1/keeper/rotate", json_object(), &answer);
	if (r != EXIT_DONE)
		return r;
	r = wait ? wait_for_end(m, &answer) : EXIT_DONE;
	if (wait && m->terminal)
		fputc('\n', stderr);
	if (answer)
		show(m, answer);
	return r;
}

static int keeper_finish(struct muster *m, int argc, char **argv)
{
	const char *reason = NULL;
	const struct opt opts[] = { { "reason", &reason, NULL } };
	json_t *body, *answer = NULL;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc || !reason)
		return usage_error(NULL, "wants --reason TEXT");
	body = json_object();
	put_member(body, "reason", reason);
	r = api_ask(m, "POST", "/v1/keeper/finish", body, &answer);
	return r == EXIT_DONE ? show(m, answer) : r;
}

static const struct command commands[] = {
	{ "show", keeper_show, "", "which key-encryption key is in use, how far a rotation is, and how much leaves the keeper in a minute" },
	{ "rotate", keeper_rotate, "[--wait]", "a new key-encryption key: every key in the store is wrapped anew, then the old one is destroyed" },
	{ "finish", keeper_finish, "--reason TEXT", "end a rotation: give up keys that nobody can open, or do not wait for a standby" },
};

int cmd_keeper(struct muster *m, int argc, char **argv)
{
	return run_command(m, commands, MST_COUNT(commands), "muster keeper", argc, argv);
}
