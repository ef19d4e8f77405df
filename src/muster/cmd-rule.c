/* `muster rule`: which nodes get which instructions. */
#include <stdlib.h>
#include <string.h>

#include "rule.h"

#define WHAT "[--site LIST] [--circle LAT,LON,RADIUS] [--polygon CORNERS] [--max-accuracy M] [--place-from registry|node] [--cell LIST] " \
	"[--maker LIST] [--model LIST] [--batch LIST] [--serials A..B] [--subscription LIST] [--issuer FILE.pem|SHA256|TEXT] " \
	"[--node-prefix LIST] [--device-prefix LIST] [--imsi-prefix LIST] [--stated] [--failed REASON] [--auth LIST] [--can LIST] " \
	"[--from DATE] [--until DATE] [--public] [--disabled] [--note TEXT] " \
	"[--mef-uri URI --method LIST --sp FQDN --maf FQDN --maf-uri URI|--cse CSE-ID] [--redirect URI] [--anchor FILE.pem] [--label TEXT] [--deny TEXT] " \
	"[--valid-for 1d] [--order owner|node]"

static const char *rule_path(char out[1200], const char *name, const char *act)
{
	struct mst_writer w = path_start(out, 1200, "/v1/rules/");

	path_piece(&w, name);
	mst_put_str(&w, act);
	return path_end(&w);
}

/* What a change answers, in a line. */
static int said(struct muster *m, json_t *answer, const char *what, const char *name)
{
	json_int_t at = json_integer_value(json_object_get(answer, "position"));

	if (m->json && !m->quiet)
		return print_json(answer);
	if (m->quiet)
		;                /* whoever runs it tells about it */
	else if (at)
		say("%s rule %s; it is number %lld of set %lld", what, shown(name), (long long)at,
		    (long long)json_integer_value(json_object_get(answer, "set")));
	else
		say("%s rule %s; set %lld", what, shown(name), (long long)json_integer_value(json_object_get(answer, "set")));
	json_decref(answer);
	return EXIT_DONE;
}

static int change(struct muster *m, const char *path, json_t *body, const char *what, const char *name)
{
	json_t *answer = NULL;
	int r = api_ask(m, "POST", path, body, &answer);

	return r == EXIT_DONE ? said(m, answer, what, name) : r;
}

/* A rule from --file and flags. NULL: explained, *ret_r is the exit status. */
static json_t *given_rule(const struct rule_flags *f, const char *name, json_int_t *ret_set, int *ret_r)
{
	json_t *list = json_array(), *rule = NULL;

	*ret_r = EXIT_USAGE;
	*ret_set = 0;
	if (f->file && !rule_file_read(f->file, list, ret_set)) {
		*ret_r = EXIT_REFUSED;
	} else if (f->file && json_array_size(list) != 1) {
		complain("%s: expected one rule, there are %zu", f->file, json_array_size(list));
		*ret_r = EXIT_REFUSED;
	} else {
		rule = f->file ? json_incref(json_array_get(list, 0)) : json_object();
		rule_flags_apply(f, rule);
		if (name)
			put_member(rule, "name", name);
	}
	json_decref(list);
	return rule;
}

static int rule_add(struct muster *m, int argc, char **argv)
{
	struct rule_flags f;
	json_t *rule, *body;
	json_int_t set;
	int r = EXIT_USAGE;

	argc = rule_flags_take(&f, argc, argv);
	if (argc == 1 && !f.file && !json_object_size(f.then))
		usage_error(NULL, "what do the nodes get? --mef-uri URI, --redirect URI, --deny TEXT, or --file RULE.json");
	else if (argc == 1 && (rule = given_rule(&f, argv[0], &set, &r))) {
		body = json_pack("{s:o}", "rule", rule);
		if (rule_flags_place(&f, body))
			r = change(m, "/v1/rules", body, "added", argv[0]);
		else
			json_decref(body);
	} else if (argc >= 0 && argc != 1)
		usage_error(NULL, "give the rule one name");
	rule_flags_free(&f);
	return r;
}

/* The rule as it stands, with flags over it; so nothing of it is lost, and nobody else's change either. */
static json_t *edited(struct muster *m, const struct rule_flags *f, const char *name, json_int_t *ret_set, int *ret_r)
{
	json_t *answer = NULL, *rule;
	char path[1200];

	*ret_r = api_ask(m, "GET", rule_path(path, name, ""), NULL, &answer);
	if (*ret_r != EXIT_DONE)
		return NULL;
	rule = json_incref(json_object_get(answer, "rule"));
	*ret_set = json_integer_value(json_object_get(answer, "set"));
	json_decref(answer);
	rule_flags_apply(f, rule);
	return rule;
}

static int rule_edit(struct muster *m, int argc, char **argv)
{
	struct rule_flags f;
	json_t *rule = NULL, *body;
	json_int_t set = 0;
	char path[1200];
	int r = EXIT_USAGE;

	argc = rule_flags_take(&f, argc, argv);
	if (argc >= 0 && (argc != 1 || (!f.file && !rule_flags_any(&f))))
		usage_error(NULL, "give the rule's name and what is to change; or: muster rule show NAME --json > FILE, edit FILE, "
		            "muster rule edit NAME --file FILE");
	else if (argc == 1 && (f.before || f.after || f.position))
		usage_error(NULL, "editing leaves it in its place; muster rule move puts it elsewhere");
	else if (argc == 1)
		rule = f.file ? given_rule(&f, NULL, &set, &r) : edited(m, &f, argv[0], &set, &r);
	if (rule) {
		body = json_pack("{s:o}", "rule", rule);
		if (set)
			json_object_set_new(body, "set", json_integer(set));
		r = change(m, rule_path(path, argv[0], "/edit"), body, "changed", argv[0]);
	}
	rule_flags_free(&f);
	return r;
}

static int rule_move(struct muster *m, int argc, char **argv)
{
	struct rule_flags f;
	json_t *body = json_object();
	char path[1200];
	int r = EXIT_USAGE;

	argc = rule_flags_take(&f, argc, argv);
	if (argc >= 0 && (argc != 1 || rule_flags_any(&f) || f.file || !(f.before || f.after || f.position)))
		usage_error(NULL, "give the rule's name and where to: --before NAME, --after NAME or --position N");
	else if (argc == 1 && rule_flags_place(&f, body))
		r = change(m, rule_path(path, argv[0], "/move"), json_incref(body), "moved", argv[0]);
	json_decref(body);
	rule_flags_free(&f);
	return r;
}

static int act(struct muster *m, int argc, char **argv, const char *verb, const char *what)
{
	char path[1200];

	argc = take_options(NULL, argc, argv, NULL, 0);
	if (argc != 1)
		return argc < 0 ? EXIT_USAGE : usage_error(NULL, "give the rule's name");
	return change(m, rule_path(path, argv[0], verb), json_object(), what, argv[0]);
}

static int rule_enable(struct muster *m, int argc, char **argv)
{
	return act(m, argc, argv, "/enable", "switched on");
}

static int rule_disable(struct muster *m, int argc, char **argv)
{
	return act(m, argc, argv, "/disable", "switched off");
}

static int rule_delete(struct muster *m, int argc, char **argv)
{
	return act(m, argc, argv, "/delete", "deleted");
}

/* --- looking --- */

/* All pages as one answer. */
static int all_rules(struct muster *m, const char *set, json_t **ret)
{
	json_t *all = NULL, *page;
	json_int_t after = 0;
	struct mst_writer w;
	char path[200];
	int r;

	do {
		w = path_start(path, sizeof(path), "/v1/rules?limit=500");
		path_query(&w, "set", set);
		path_query_number(&w, "after", after);
		page = NULL;
		r = api_ask(m, "GET", path_end(&w), NULL, &page);
		if (r != EXIT_DONE) {
			json_decref(all);
			return r;
		}
		after = json_integer_value(json_object_get(page, "next"));
		json_object_del(page, "next");
		if (all) {
			json_array_extend(json_object_get(all, "rules"), json_object_get(page, "rules"));
			json_decref(page);
		} else {
			all = page;
		}
	} while (after);
	*ret = all;
	return EXIT_DONE;
}

static int rule_list(struct muster *m, int argc, char **argv)
{
	static const char *const head[] = { "#", "RULE", "STATE", "FOR", "GETS" };
	const char *set = "";
	const struct opt opts[] = { { "set", &set, NULL } };
	json_t *answer = NULL, *one;
	struct table t = { 0 };
	size_t i;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc)
		return argc < 0 ? EXIT_USAGE : usage_error(NULL, "takes no argument");
	r = all_rules(m, set, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	if (json_array_size(json_object_get(answer, "rules")))
		table_row(&t, MST_COUNT(head), head);
	else
		say("no rule yet: every briefing is refused. Add one with: muster rule add NAME --mef-uri URI");
	json_array_foreach(json_object_get(answer, "rules"), i, one) {
		const json_t *rule = json_object_get(one, "rule");
		char at[24];
		const char *cell[] = { at, shown(text_of(rule, "name")),
			               json_is_true(json_object_get(rule, "disabled")) ? "off" :
			               json_is_true(json_object_get(rule, "public"))   ? "public" : "on",
			               shown(rule_when_words(rule)), shown(rule_then_words(rule)) };

		snprintf(at, sizeof(at), "%lld", (long long)json_integer_value(json_object_get(one, "position")));
		table_row(&t, MST_COUNT(cell), cell);
	}
	table_print(m, &t);
	json_decref(answer);
	return EXIT_DONE;
}

static int rule_show(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL, *rule;
	char path[1200];
	int r;

	argc = take_options(NULL, argc, argv, NULL, 0);
	if (argc != 1)
		return argc < 0 ? EXIT_USAGE : usage_error(NULL, "give the rule's name");
	r = api_ask(m, "GET", rule_path(path, argv[0], ""), NULL, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	rule = json_object_get(answer, "rule");
	say("rule %s, number %lld of set %lld%s", shown(argv[0]), (long long)json_integer_value(json_object_get(answer, "position")),
	    (long long)json_integer_value(json_object_get(answer, "set")),
	    json_is_true(json_object_get(rule, "disabled")) ? ", switched off" : "");
	say("for  %s", shown(rule_when_words(rule)));
	say("gets %s\n", shown(rule_then_words(rule)));
	json_incref(rule);
	json_decref(answer);
	return print_json(rule);
}

static int rule_history(struct muster *m, int argc, char **argv)
{
	static const char *const head[] = { "SET", "WHEN", "WHO", "WHAT" };
	json_t *answer = NULL, *one;
	struct table t = { 0 };
	size_t i;
	int r;

	(void)argv;
	if (argc)
		return usage_error(NULL, "takes no argument");
	r = api_ask(m, "GET", "/v1/rule-sets", NULL, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	table_row(&t, MST_COUNT(head), head);
	json_array_foreach(json_object_get(answer, "sets"), i, one) {
		char set[24];
		const char *cell[] = { set, human_time(text_of(one, "at")), shown(text_of(one, "who")), shown(text_of(one, "what")) };

		snprintf(set, sizeof(set), "%lld", (long long)json_integer_value(json_object_get(one, "set")));
		table_row(&t, MST_COUNT(cell), cell);
	}
	table_print(m, &t);
	json_decref(answer);
	return EXIT_DONE;
}

static int rule_rollback(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL;
	char *end = NULL;
	long long to = argc == 1 ? strtoll(argv[0], &end, 10) : 0;
	int r;

	if (argc != 1 || *end || to < 1)
		return usage_error(NULL, "give the number of an earlier set: muster rule history");
	r = api_ask(m, "POST", "/v1/rule-rollback", json_pack("{s:I}", "to", (json_int_t)to), &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	say("the rules are those of set %lld again; this is set %lld", to, (long long)json_integer_value(json_object_get(answer, "set")));
	json_decref(answer);
	return EXIT_DONE;
}

/* --- before switching on --- */

/* Files of rules into a request: those of `--with` and those that stand behind it. */
static bool candidate(const char *with, int argc, char **argv, bool only, json_t *body)
{
	json_t *list = json_array();
	bool good = !with || rule_file_read(with, list, NULL);

	for (int i = 0; i < argc && good; i++)
		good = rule_file_read(argv[i], list, NULL);
	if (good && only && !with && !argc) {
		usage_error(NULL, "--only wants files of rules: --with FILE");
		good = false;
	}
	if (good && (with || argc)) {
		json_object_set(body, "rules", list);
		if (only)
			json_object_set_new(body, "only", json_true());
	}
	json_decref(list);
	return good;
}

struct trial {
	const char *with, *before, *after, *position, *facts, *since, *limit;
	bool only;
};

/* -1: explained. */
static int take_trial(struct trial *t, int argc, char **argv)
{
	const struct opt opts[] = { { "with", &t->with, NULL }, { "before", &t->before, NULL }, { "after", &t->after, NULL },
		                    { "position", &t->position, NULL }, { "facts", &t->facts, NULL }, { "since", &t->since, NULL },
		                    { "limit", &t->limit, NULL }, { "only", NULL, &t->only } };

	*t = (struct trial){ NULL };
	return take_options(NULL, argc, argv, opts, MST_COUNT(opts));
}

static bool trial_body(const struct trial *t, int argc, char **argv, json_t *body)
{
	const struct rule_flags place = { .before = t->before, .after = t->after, .position = t->position };

	return candidate(t->with, argc, argv, t->only, body) && rule_flags_place(&place, body);
}

static int rule_check(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL, *body = json_object(), *one, *findings;
	bool ok, errors = false;
	struct trial t;
	size_t i;
	int r;

	argc = take_trial(&t, argc, argv);
	if (argc < 0 || t.facts || t.since || t.limit || !trial_body(&t, argc, argv, body)) {
		json_decref(body);
		return argc < 0 ? EXIT_USAGE : t.facts || t.since || t.limit ? usage_error(NULL, "takes files of rules only") : EXIT_REFUSED;
	}
	r = api_ask(m, "POST", "/v1/rule-check", body, &answer);
	if (r != EXIT_DONE)
		return r;
	findings = json_object_get(answer, "findings");
	ok = json_is_true(json_object_get(answer, "ok"));
	json_array_foreach(findings, i, one) {
		bool error = strcmp(text_of(one, "level"), "error") == 0;

		errors = errors || error;
		if (!m->json)
			say("%s%s%s rule %s (%lld): %s", ink(m, error ? RED : YELLOW), text_of(one, "level"), ink(m, PLAIN),
			    shown(text_of(one, "rule")), (long long)json_integer_value(json_object_get(one, "position")),
			    shown(text_of(one, "text")));
	}
	if (!m->json)
		say("%lld rules, %s", (long long)json_integer_value(json_object_get(answer, "rules")), ok ? "nothing to say about them" :
		    json_is_true(json_object_get(answer, "cut")) ? "and more of this" : errors ? "some cannot work" : "look at the above");
	if (m->json)
		print_json(answer);
	else
		json_decref(answer);
	return errors ? EXIT_REFUSED : EXIT_DONE;
}

static void print_decision(const struct muster *m, const json_t *answer)
{
	const char *rule = text_of(answer, "rule"), *outcome = text_of(answer, "outcome");
	bool good = strcmp(outcome, "instructions") == 0;
	const json_t *in;
	size_t i;

	if (*rule)
		say("rule %s%s%s (number %lld) decides: %s%s%s", ink(m, BOLD), shown(rule), ink(m, PLAIN),
		    (long long)json_integer_value(json_object_get(answer, "position")), ink(m, good ? GREEN : RED), outcome, ink(m, PLAIN));
	else
		say("%sno rule decides: %s%s", ink(m, RED), outcome, ink(m, PLAIN));
	if (*text_of(answer, "text"))
		say("  %s", shown(text_of(answer, "text")));
	json_array_foreach(json_object_get(json_object_get(answer, "sequence"), "instructions"), i, in)
		say("  %zu. %s %s%s%s", i + 1, text_of(in, "method"), shown(text_of(in, "uri")), *text_of(in, "target") ? ", then " : "",
		    shown(text_of(in, "target")));
}

static void print_verdicts(const struct muster *m, const json_t *answer)
{
	const char *rule = text_of(answer, "rule");
	json_t *list = json_object_get(answer, "verdicts"), *one;
	size_t i, n = json_array_size(list);

	say("why:");
	json_array_foreach(list, i, one) {
		bool holds = json_is_true(json_object_get(one, "holds"));

		say("  %lld %s%s%s: %s", (long long)json_integer_value(json_object_get(one, "position")), ink(m, holds ? GREEN : DIM),
		    shown(text_of(one, "rule")), ink(m, PLAIN), shown(text_of(one, "words")));
		if (*rule && strcmp(text_of(one, "rule"), rule) == 0)
			break;
	}
	if (i + 1 < n)
		say("  and %zu more after it", n - i - 1);
}

static bool add_facts(const char *path, json_t *body)
{
	json_error_t e;
	size_t n;
	char *text = read_file(path, &n);
	json_t *j;

	if (!text)
		return false;
	j = mst_json_read(text, n, JSON_REJECT_DUPLICATES, &e);
	free(text);
	if (!j)
		complain("%s:%d: column %d: %s; expected facts in JSON", path, e.line, e.column, e.text);
	if (j)
		json_object_set_new(body, "facts", j);
	return j != NULL;
}

static int rule_try(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL, *body = json_object();
	struct trial t;
	int r;

	argc = take_trial(&t, argc, argv);
	if (argc < 0 || t.since || t.limit || (argc < 1 && !t.facts)) {
		json_decref(body);
		return argc < 0 ? EXIT_USAGE : usage_error(NULL, "give a node, or --facts FILE, or both");
	}
	if (argc)
		put_member(body, "node", argv[0]);
	if ((t.facts && !add_facts(t.facts, body)) || !trial_body(&t, argc ? argc - 1 : 0, argv + 1, body)) {
		json_decref(body);
		return EXIT_REFUSED;
	}
	r = api_ask(m, "POST", "/v1/rule-try", body, &answer);
	if (r != EXIT_DONE)
		return r;
	r = strcmp(text_of(answer, "outcome"), "instructions") == 0 ? EXIT_DONE : EXIT_REFUSED;
	if (m->json) {
		print_json(answer);
		return r;
	}
	if (json_is_true(json_object_get(answer, "assumed")))
		say("note: this node has not asked yet; assumed that it shows its certificate and can do cert, psk, gba and bbn");
	print_decision(m, answer);
	print_verdicts(m, answer);
	json_decref(answer);
	return r;
}

static void print_changes(const struct muster *m, const json_t *list)
{
	static const char *const head[] = { "WHEN", "NODE", "WAS", "WOULD BE", "" };
	struct table t = { 0 };
	const json_t *one;
	size_t i;

	if (json_array_size(list))
		table_row(&t, MST_COUNT(head), head);
	json_array_foreach((json_t *)list, i, one) {
		char was[200], now[200];
		const char *cell[] = { human_time(text_of(one, "at")), shown(text_of(one, "node")), was, now, shown(text_of(one, "text")) };

		snprintf(was, sizeof(was), "%.64s%s%.64s", text_of(one, "wasRule"), *text_of(one, "wasRule") ? ": " : "", text_of(one, "wasOutcome"));
		snprintf(now, sizeof(now), "%.64s%s%.64s", text_of(one, "rule"), *text_of(one, "rule") ? ": " : "", text_of(one, "outcome"));
		table_row(&t, MST_COUNT(cell), cell);
	}
	table_print(m, &t);
}

static int rule_replay(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL, *body = json_object();
	char since[16];
	struct trial t;
	int r;

	argc = take_trial(&t, argc, argv);
	if (argc < 0 || t.facts || (t.since && !date_from(t.since, since))) {
		json_decref(body);
		return argc < 0 ? EXIT_USAGE : usage_error(NULL, t.facts ? "takes its facts from the record" : DATE_HELP);
	}
	if (t.since)
		put_member(body, "since", since);
	if (t.limit)
		json_object_set_new(body, "limit", json_integer(strtoll(t.limit, NULL, 10)));
	if (!trial_body(&t, argc, argv, body)) {
		json_decref(body);
		return EXIT_REFUSED;
	}
	r = api_ask(m, "POST", "/v1/rule-replay", body, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	print_changes(m, json_object_get(answer, "changed"));
	say("%lld briefings judged again: %lld the same, %lld different%s", (long long)json_integer_value(json_object_get(answer, "briefings")),
	    (long long)json_integer_value(json_object_get(answer, "same")), (long long)json_integer_value(json_object_get(answer, "different")),
	    json_is_true(json_object_get(answer, "cut")) ? " (not all are shown; take fewer with --limit)" : "");
	json_decref(answer);
	return EXIT_DONE;
}

int cmd_rule(struct muster *m, int argc, char **argv)
{
	static const struct command table[] = {
		{ "add", rule_add, "NAME [--file RULE.json] [--before NAME|--after NAME|--position N] " WHAT,
		  "a new rule, at the end or where you say; LIST is comma-separated, a text with * at its end is a beginning" },
		{ "edit", rule_edit, "NAME [--file RULE.json] [what add takes]", "change what you give, or put the file's rule in its place" },
		{ "move", rule_move, "NAME --before NAME|--after NAME|--position N", "the first rule that holds decides" },
		{ "list", rule_list, "[--set N]", "all rules in order" },
		{ "show", rule_show, "NAME", "one rule" },
		{ "enable", rule_enable, "NAME", "switch it on" },
		{ "disable", rule_disable, "NAME", "switch it off; it keeps its place" },
		{ "delete", rule_delete, "NAME", "take it away; muster rule rollback brings it back" },
		{ "check", rule_check, "[--with FILE …] [--only] [--before NAME|--after NAME|--position N]",
		  "look for rules that cannot work or are never reached" },
		{ "try", rule_try, "NODE|--facts FILE [--with FILE …] [--only] [--before NAME|--after NAME|--position N]",
		  "what would this node be told, and why" },
		{ "replay", rule_replay, "[--with FILE …] [--only] [--before NAME|--after NAME|--position N] [--since DATE] [--limit N]",
		  "judge recorded briefings again: what would be different" },
		{ "history", rule_history, "", "the sets of rules that there were, and who made them" },
		{ "rollback", rule_rollback, "SET", "make an earlier set the one that stands" },
	};

	return run_command(m, table, MST_COUNT(table), "muster rule", argc, argv);
}
