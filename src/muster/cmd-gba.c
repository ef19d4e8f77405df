/* What the BSF has given out: `muster gba …`. */
#include <string.h>

#include "muster.h"

/* One page after the other, so that the store is never kept from other work for long. */
static int each_page(struct muster *m, const char *of, json_t *all, json_t **ret_last)
{
	char after[300] = "";

	do {
		json_t *answer = NULL, *one;
		char path[1200];
		struct mst_writer w = path_start(path, sizeof(path), "/v1/gba/sessions");
		size_t i;
		int r;

		path_query(&w, "of", of);
		path_query(&w, "after", after);
		r = api_ask(m, "GET", path_end(&w), NULL, &answer);
		if (r != EXIT_DONE)
			return r;
		json_array_foreach(json_object_get(answer, "sessions"), i, one)
			json_array_append(all, one);
		snprintf(after, sizeof(after), "%s", text_of(answer, "next"));
		json_decref(*ret_last);
		*ret_last = answer;
	} while (*after);
	return EXIT_DONE;
}

static void print_sessions(struct muster *m, json_t *all)
{
	static const char *const head[] = { "B-TID", "IMPI", "KIND", "EXPIRES", "LAST USED" };
	struct table t = { 0 };
	json_t *one;
	size_t i;

	table_row(&t, MST_COUNT(head), head);
	json_array_foreach(all, i, one) {
		char expires[40], used[40];
		const char *cell[] = { text_of(one, "btid"), text_of(one, "impi"), text_of(one, "uiccType"), expires, used };

		snprintf(expires, sizeof(expires), "%s", human_time(text_of(one, "expires")));
		snprintf(used, sizeof(used), "%s", *text_of(one, "used") ? human_time(text_of(one, "used")) : "not yet");
		table_row(&t, MST_COUNT(cell), cell);
	}
	table_print(m, &t);
}

static int gba_show(struct muster *m, int argc, char **argv)
{
	json_t *all = json_array(), *last = NULL;
	int r;

	argc = take_options(NULL, argc, argv, NULL, 0);
	if (argc < 0)
		return EXIT_USAGE;
	if (argc > 1)
		return usage_error(NULL, "give one IMPI or B-TID, or nothing for all");
	r = each_page(m, argc ? argv[0] : "", all, &last);
	if (r == EXIT_DONE && m->json) {
		json_object_set_new(last, "sessions", all);
		json_object_del(last, "next");
		return print_json(last);
	}
	if (r == EXIT_DONE && json_array_size(all))
		print_sessions(m, all);
	else if (r == EXIT_DONE)
		say("no session%s", argc ? " of that IMPI or B-TID" : ": nobody has bootstrapped, or all of it has ended");
	if (r == EXIT_DONE && *text_of(last, "lockedUntil"))
		say("locked out after %lld wrong answers, until %s. To let it in again: muster gba flush %s",
		    (long long)json_integer_value(json_object_get(last, "wrongAnswers")), human_time(text_of(last, "lockedUntil")), argv[0]);
	json_decref(last);
	json_decref(all);
	return r;
}

static int gba_flush(struct muster *m, int argc, char **argv)
{
	bool all = false;
	const struct opt opts[] = { { "all", NULL, &all } };
	json_t *answer = NULL, *body;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != !all)
		return usage_error(NULL, "give one IMPI, or --all");
	body = all ? json_pack("{s:b}", "all", 1) : json_object();
	if (!all)
		put_member(body, "impi", argv[0]);
	r = api_ask(m, "POST", "/v1/gba/flush", body, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	if (!m->quiet)
		say("ended %lld sessions; keys that NAFs have already are good until they end",
		    (long long)json_integer_value(json_object_get(answer, "sessions")));
	json_decref(answer);
	return EXIT_DONE;
}

int cmd_gba(struct muster *m, int argc, char **argv)
{
	static const struct command table[] = {
		{ "show", gba_show, "[IMPI|B-TID|SIM]", "what nodes have bootstrapped at the BSF (never a key)" },
		{ "flush", gba_flush, "IMPI|SIM|--all", "end it: sessions, challenges, TMPI, and a lock-out" },
	};

	return run_command(m, table, MST_COUNT(table), "muster gba", argc, argv);
}
