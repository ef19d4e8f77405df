/* The operator's SIMs: `muster sim …`. Keys come from files or standard input, never from the command line. */
#include <string.h>

#include "proto/aka/sim.h"
#include "sim.h"

/* The line with a SIM's keys, or NULL after having explained. */
static json_t *secret_from(const char *file)
{
	struct mst_diag d = { 0 };
	struct aka_sim s;
	json_t *text = NULL;
	size_t n = 0;
	char *p = read_file(file, &n);

	if (!p)
		return NULL;
	if (aka_sim_read((struct mst_view){ (uint8_t *)p, n }, &s, &d)) {
		complain("%s: %s %s", file, d.field, d.text);
	} else {
		char *from = p + strspn(p, " \t\r\n");
		size_t len = n - (size_t)(from - p);

		while (len && strchr(" \t\r\n", from[len - 1]))
			len--;
		text = json_stringn(from, len);
	}
	aka_sim_wipe(&s);
	mst_wipe(p, n);
	free(p);
	return text;
}

static int done(struct muster *m, int r, json_t *answer, const char *what)
{
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	if (!m->quiet)
		say("%s %s%s%s", what, text_of(answer, "imsi"), *text_of(answer, "node") ? " in " : "", text_of(answer, "node"));
	json_decref(answer);
	return EXIT_DONE;
}

static int sim_add(struct muster *m, int argc, char **argv)
{
	const char *file = NULL, *lifetime = NULL;
	const char *value[10] = { NULL };
	static const char *const member[] = { "impi", "mncDigits", "msisdn", "amf", "sqn", "ind", "node", "uiccType", "nafGroup",
					     "keyChoice" };
	const char *gsid = NULL;
	const struct opt opts[] = {
		{ "file", &file, NULL }, { "impi", &value[0], NULL }, { "mnc-digits", &value[1], NULL }, { "msisdn", &value[2], NULL },
		{ "amf", &value[3], NULL }, { "sqn", &value[4], NULL }, { "ind", &value[5], NULL }, { "node", &value[6], NULL },
		{ "uicc", &value[7], NULL }, { "naf-group", &value[8], NULL }, { "key-choice", &value[9], NULL },
		{ "gsid", &gsid, NULL }, { "lifetime", &lifetime, NULL },
	};
	json_t *answer = NULL, *body, *secret;
	json_int_t seconds = 0;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || !file)
		return usage_error(NULL, "give one IMSI, and --file FILE (or -) with its keys");
	if (lifetime) {
		seconds = duration_from(lifetime);
		if (!seconds)
			return usage_error(NULL, "--lifetime is a duration, " DURATION_FORMS);
	}
	secret = secret_from(file);
	if (!secret)
		return EXIT_USAGE;
	body = json_pack("{s:o}", "secret", secret);
	put_member(body, "imsi", argv[0]);
	for (size_t i = 0; i < MST_COUNT(member); i++)
		if (value[i])
			put_member(body, member[i], value[i]);
	if (gsid)
		put_member(body, "gsid", gsid);
	if (seconds)
		json_object_set_new(body, "lifetime", json_integer(seconds));
	r = api_ask(m, "POST", "/v1/sims", body, &answer);
	return done(m, r, answer, "added SIM");
}

/* One page after the other, so that the store is never kept from other work for long. */
static int each_page(struct muster *m, const char *state, json_int_t limit, json_t *all)
{
	json_int_t after = 0;

	do {
		json_t *answer = NULL, *list, *one;
		char path[200];
		struct mst_writer w = path_start(path, sizeof(path), "/v1/sims");
		size_t i;
		int r;

		path_query(&w, "state", state);
		path_query_number(&w, "after", after);
		path_query_number(&w, "limit", 500);
		r = api_ask(m, "GET", path_end(&w), NULL, &answer);
		if (r != EXIT_DONE)
			return r;
		list = json_object_get(answer, "sims");
		json_array_foreach(list, i, one)
			if (!limit || (json_int_t)json_array_size(all) < limit)
				json_array_append(all, one);
		after = json_integer_value(json_object_get(answer, "next"));
		json_decref(answer);
	} while (after && (!limit || (json_int_t)json_array_size(all) < limit));
	return EXIT_DONE;
}

static int sim_list(struct muster *m, int argc, char **argv)
{
	static const char *const head[] = { "IMSI", "NUMBER", "STATE", "NODE", "VECTORS", "LAST VECTOR" };
	const char *state = "", *limit_text = NULL;
	const struct opt opts[] = { { "state", &state, NULL }, { "limit", &limit_text, NULL } };
	json_t *all = json_array(), *one;
	struct table t = { 0 };
	json_int_t limit = 0;
	size_t i;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc)
		return usage_error(NULL, "takes no argument");
	if (limit_text && (limit = strtoll(limit_text, NULL, 10)) < 1)
		return usage_error(NULL, "--limit is a number from 1 on");
	r = each_page(m, state, limit, all);
	if (r == EXIT_DONE && m->json)
		return print_json(json_pack("{s:o}", "sims", all));
	if (r == EXIT_DONE && json_array_size(all) == 0)
		say("no SIM%s. Add one with: muster sim add IMSI --file FILE", *state ? " in this state" : " yet");
	else if (r == EXIT_DONE)
		table_row(&t, MST_COUNT(head), head);
	json_array_foreach(all, i, one) {
		char vectors[24];
		const char *cell[] = { text_of(one, "imsi"), text_of(one, "msisdn"), text_of(one, "state"), text_of(one, "node"), vectors,
				       human_time(text_of(one, "vectorAt")) };

		snprintf(vectors, sizeof(vectors), "%lld", (long long)json_integer_value(json_object_get(one, "vectors")));
		if (r == EXIT_DONE)
			table_row(&t, MST_COUNT(cell), cell);
	}
	if (r == EXIT_DONE)
		table_print(m, &t);
	json_decref(all);
	return r;
}

static const char *sim_path(char *path, size_t cap, const char *sim, const char *act)
{
	struct mst_writer w = path_start(path, cap, "/v1/sims/");

	path_piece(&w, sim);
	if (act) {
		mst_put_str(&w, "/");
		mst_put_str(&w, act);
	}
	return path_end(&w);
}

static int sim_show(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL, *value;
	char path[1200];
	const char *key;
	int r;

	argc = take_options(NULL, argc, argv, NULL, 0);
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1)
		return usage_error(NULL, "give one SIM: its IMSI, IMPI or number");
	r = api_ask(m, "GET", sim_path(path, sizeof(path), argv[0], NULL), NULL, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	json_object_foreach(answer, key, value) {
		bool when = !strcmp(key, "created") || !strcmp(key, "changed") || !strcmp(key, "vectorAt");

		if (json_is_string(value) && *json_string_value(value))
			say("%-10s %s", key, when ? human_time(json_string_value(value)) : shown(json_string_value(value)));
		else if (json_is_integer(value))
			say("%-10s %lld", key, (long long)json_integer_value(value));
	}
	json_decref(answer);
	return EXIT_DONE;
}

static int post(struct muster *m, const char *sim, const char *act, json_t *body, const char *what)
{
	json_t *answer = NULL;
	char path[1200];
	int r = api_ask(m, "POST", sim_path(path, sizeof(path), sim, act), body, &answer);

	return done(m, r, answer, what);
}

static int sim_bind(struct muster *m, int argc, char **argv)
{
	json_t *body = json_object();

	argc = take_options(NULL, argc, argv, NULL, 0);
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 2)
		return usage_error(NULL, "give one SIM and one node");
	put_member(body, "node", argv[1]);
	return post(m, argv[0], "bind", body, "SIM");
}

static int sim_unbind(struct muster *m, int argc, char **argv)
{
	argc = take_options(NULL, argc, argv, NULL, 0);
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1)
		return usage_error(NULL, "give one SIM");
	return post(m, argv[0], "unbind", json_object(), "in no node: SIM");
}

static int act(struct muster *m, int argc, char **argv, const char *act, const char *what)
{
	const char *reason = NULL;
	const struct opt opts[] = { { "reason", &reason, NULL } };
	json_t *body;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || !reason)
		return usage_error(NULL, "give one SIM and --reason TEXT");
	body = json_object();
	put_member(body, "reason", reason);
	return post(m, argv[0], act, body, what);
}

static int sim_suspend(struct muster *m, int argc, char **argv)
{
	return act(m, argc, argv, "suspend", "suspended SIM");
}

static int sim_resume(struct muster *m, int argc, char **argv)
{
	return act(m, argc, argv, "resume", "active: SIM");
}

static int sim_remove(struct muster *m, int argc, char **argv)
{
	return act(m, argc, argv, "remove", "removed SIM");
}

int cmd_sim(struct muster *m, int argc, char **argv)
{
	static const struct command table[] = {
		{ "add", sim_add,
		  "IMSI --file FILE|- [--node NODE] [--impi IMPI] [--mnc-digits 2|3] [--msisdn N] [--amf HEX] [--sqn N] [--ind N] [--uicc GBA|GBA_U] "
		  "[--lifetime 1d] [--naf-group NAME] [--gsid N] [--key-choice ME_BASED_KEY|UICC_BASED_KEY|ME_UICC_BASED_KEYS]", "a SIM with its keys: they go to the keeper, and nowhere else" },
		{ "import", sim_import, "FILE.csv|- [--answers FILE] [--password-file FILE | --certificate FILE.pem --key FILE.pem]",
		  "many SIMs; every row gets an answer" },
		{ "list", sim_list, "[--state active|suspended] [--limit N]", "the SIMs" },
		{ "show", sim_show, "SIM", "one SIM, by IMSI, IMPI or number (never its keys)" },
		{ "bind", sim_bind, "SIM NODE", "it is in that node; one SIM a node" },
		{ "unbind", sim_unbind, "SIM", "it is in no node any more, and gets no vectors" },
		{ "suspend", sim_suspend, "SIM --reason TEXT", "no vectors until it is resumed" },
		{ "resume", sim_resume, "SIM --reason TEXT", "lift a suspension" },
		{ "remove", sim_remove, "SIM --reason TEXT", "forget it for good, with its keys" },
	};

	return run_command(m, table, MST_COUNT(table), "muster sim", argc, argv);
}
