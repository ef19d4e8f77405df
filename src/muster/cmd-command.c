/* `muster command`: what the MEF tells nodes to do (TS-0003 8.3.9), and what became of it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "muster.h"

/* --- for whom --- */

struct whom { const char *subscription, *maker; };
#define WHOM(w) { "subscription", &(w).subscription, NULL }, { "maker", &(w).maker, NULL }
#define FOR_WHOM { "target", &target, NULL }, { "stakeholder", &stakeholder, NULL }

/* Every node of a subscription or maker, page by page. EXIT_DONE, or explained. */
static int add_selected(struct muster *m, const struct whom *who, json_t *nodes)
{
	int64_t after = 0;

	do {
		json_t *answer = NULL, *one;
		struct mst_writer w;
		char path[2048];
		size_t i;
		int r;

		w = path_start(path, sizeof(path), "/v1/nodes");
		path_query_number(&w, "limit", 500);
		path_query_number(&w, "after", after);
		path_query(&w, "subscription", who->subscription ? who->subscription : "");
		path_query(&w, "maker", who->maker ? who->maker : "");
		r = api_ask(m, "GET", path_end(&w), NULL, &answer);
		if (r != EXIT_DONE)
			return r;
		json_array_foreach(json_object_get(answer, "nodes"), i, one) {
			const char *state = text_of(one, "state");

			if (strcmp(state, "revoked") && strcmp(state, "released"))
				json_array_append_new(nodes, json_string(text_of(one, "nodeID")));
		}
		after = json_integer_value(json_object_get(answer, "next"));
		json_decref(answer);
	} while (after);
	return EXIT_DONE;
}

static int pick(struct muster *m, int argc, char **argv, const struct whom *who, json_t *nodes)
{
	for (int i = 0; i < argc; i++)
		json_array_append_new(nodes, json_string(argv[i]));
	if (who->subscription || who->maker) {
		int r = add_selected(m, who, nodes);

		if (r != EXIT_DONE)
			return r;
		if (!json_array_size(nodes)) {
			complain("no node that takes commands is like that");
			return EXIT_REFUSED;
		}
	}
	return json_array_size(nodes) ? EXIT_DONE :
	       usage_error(NULL, "give nodes: an M2M-Node-ID, CSE-ID, AE-ID or number each; or --subscription ID, or --maker NAME");
}

/* One request for up to 1000 nodes: all of them or none. More are told to be split: half of a fleet is no accident. */
static int give(struct muster *m, json_t *body, json_t *nodes, const char *words)
{
	json_t *answer = NULL, *list;
	int r;

	json_object_set_new(body, "nodes", nodes);
	if (json_array_size(nodes) > 1000) {
		json_decref(body);
		complain("%s", "more than 1000 nodes; give them in portions (--maker, or by name)");
		return EXIT_REFUSED;
	}
	r = api_ask(m, "POST", "/v1/commands", body, &answer);
	if (r != EXIT_DONE)
		return r;
	list = json_object_get(answer, "commands");
	if (m->quiet) {
		json_decref(answer);
		return EXIT_DONE;
	}
	if (m->json)
		return print_json(answer);
	if (json_array_size(list) == 1)
		say("command %lld waits: %s is %s when it asks the MEF the next time",
		    (long long)json_integer_value(json_object_get(json_array_get(list, 0), "id")), text_of(json_array_get(list, 0), "node"), words);
	else
		say("%zu commands wait, %lld to %lld: each node is %s when it asks the MEF the next time", json_array_size(list),
		    (long long)json_integer_value(json_object_get(json_array_get(list, 0), "id")),
		    (long long)json_integer_value(json_object_get(json_array_get(list, json_array_size(list) - 1), "id")), words);
	json_decref(answer);
	return EXIT_DONE;
}

static int finish(struct muster *m, int argc, char **argv, const struct whom *who, json_t *body, const char *target, const char *stakeholder,
		  const char *words)
{
	json_t *nodes = json_array();
	int r = pick(m, argc, argv, who, nodes);

	if (r != EXIT_DONE) {
		json_decref(nodes);
		json_decref(body);
		return r;
	}
	if (target)
		put_member(body, "target", target);
	if (stakeholder)
		put_member(body, "adminFQDN", stakeholder);
	return give(m, body, nodes, words);
}

/* --- the classes --- */

static int command_cert_prov(struct muster *m, int argc, char **argv)
{
	const char *subject = NULL, *uri = NULL, *target = NULL, *stakeholder = NULL;
	struct whom who = { NULL, NULL };
	const struct opt opts[] = { { "subject", &subject, NULL }, { "uri", &uri, NULL }, FOR_WHOM, WHOM(who) };
	json_t *body;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	body = json_pack("{s:s}", "class", "cert-prov");
	if (subject)
		put_member(body, "subject", subject);
	if (uri)
		put_member(body, "uri", uri);
	return finish(m, argc, argv, &who, body, target, stakeholder, "to get a certificate");
}

/* A document or its list of objects; NULL after having explained. */
static json_t *read_objects(const char *path)
{
	json_error_t e;
	size_t n;
	char *text = read_file(path, &n);
	json_t *j = text ? mst_json_read(text, n, JSON_REJECT_DUPLICATES, &e) : NULL, *list;

	free(text);
	if (text && !j)
		complain("%s:%d: no JSON: %s", path, e.line, e.text);
	if (!j)
		return NULL;
	list = json_is_object(j) && json_object_size(j) == 1 ? json_object_get(j, "objects") : j;
	if (!json_is_array(list)) {
		complain("%s: expected {\"objects\":[ … ]}, management objects as muster(1) describes them", path);
		json_decref(j);
		return NULL;
	}
	json_incref(list);
	json_decref(j);
	return list;
}

static int command_dev_cfg(struct muster *m, int argc, char **argv)
{
	const char *objects = NULL, *uri = NULL, *target = NULL, *stakeholder = NULL;
	struct whom who = { NULL, NULL };
	const struct opt opts[] = { { "objects", &objects, NULL }, { "uri", &uri, NULL }, FOR_WHOM, WHOM(who) };
	json_t *body, *list = NULL;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (!objects == !uri)
		return usage_error(NULL, "give --objects FILE, or --uri devMgmtID:URI of a device management server");
	if (objects && !(list = read_objects(objects)))
		return EXIT_REFUSED;
	body = json_pack("{s:s}", "class", "dev-cfg");
	if (list)
		json_object_set_new(body, "objects", list);
	if (uri)
		put_member(body, "uri", uri);
	return finish(m, argc, argv, &who, body, target, stakeholder, "to be configured");
}

static int command_mo_node(struct muster *m, int argc, char **argv)
{
	const char *path = NULL, *type = NULL, *suid = NULL, *target = NULL, *stakeholder = NULL;
	struct whom who = { NULL, NULL };
	const struct opt opts[] = { { "path", &path, NULL }, { "type", &type, NULL }, { "suid", &suid, NULL }, FOR_WHOM, WHOM(who) };
	char *end = NULL;
	long number = 0;
	json_t *body;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (!path || !type)
		return usage_error(NULL, "give --path PATH and --type authenticationProfile|trustAnchorCred|MAFClientRegCfg");
	if (suid && ((number = strtol(suid, &end, 10)) < 1 || number > 99 || *end))
		return usage_error(NULL, "--suid wants a number of m2m:suid, like 22");
	body = json_pack("{s:s}", "class", "mo-node");
	put_member(body, "path", path);
	put_member(body, "type", type);
	if (suid)
		json_object_set_new(body, "SUID", json_integer(number));
	return finish(m, argc, argv, &who, body, target, stakeholder, "to act on that object");
}

/* --- looking, and taking back --- */

static const char *about(const json_t *c)
{
	const char *path = text_of(c, "path"), *subject = text_of(c, "subject");

	return *path ? path : *subject ? subject : text_of(c, "uri");
}

static void print_commands(const struct muster *m, const json_t *list)
{
	static const char *const head[] = { "command", "node", "class", "about", "state", "status", "created", "ended" };
	struct table t = { 0 };
	json_t *one;
	size_t i;

	table_row(&t, MST_COUNT(head), head);
	json_array_foreach((json_t *)list, i, one) {
		char id[24], status[64] = "";
		json_int_t code = json_integer_value(json_object_get(one, "status"));

		snprintf(id, sizeof(id), "%lld", (long long)json_integer_value(json_object_get(one, "id")));
		if (code)
			snprintf(status, sizeof(status), "%lld %.50s", (long long)code, text_of(one, "words"));
		table_row(&t, MST_COUNT(head), (const char *const[]){ id, text_of(one, "node"), text_of(one, "name"), about(one), text_of(one, "state"),
								      status, human_time(text_of(one, "created")),
								      human_time(text_of(one, "ended")) });
	}
	table_print(m, &t);
}

static int command_list(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL;
	struct mst_writer w;
	char path[1200];
	int r;

	if (argc > 1)
		return usage_error(NULL, "give one node, its M2M-Node-ID, CSE-ID, AE-ID or number; or nothing, for all");
	w = path_start(path, sizeof(path), argc ? "/v1/nodes/" : "/v1/commands");
	if (argc) {
		path_piece(&w, argv[0]);
		mst_put_str(&w, "/commands");
	}
	r = api_pages(m, path_end(&w), "commands", &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	print_commands(m, json_object_get(answer, "commands"));
	json_decref(answer);
	return EXIT_DONE;
}

static int print_one(const struct muster *m, json_t *answer)
{
	static const char *const head[] = { "when", "what", "cmdID", "status", "times" };
	struct table t = { 0 };
	json_t *one, *list;
	size_t i;

	if (m->json)
		return print_json(answer);
	say("command %lld  %s %s for %s: %s", (long long)json_integer_value(json_object_get(answer, "id")), text_of(answer, "name"), about(answer),
	    text_of(answer, "node"), text_of(answer, "state"));
	if (*text_of(answer, "adminFQDN"))
		say("stakeholder  %s", text_of(answer, "adminFQDN"));
	if (*text_of(answer, "target"))
		say("target       %s", text_of(answer, "target"));
	table_row(&t, MST_COUNT(head), head);
	list = json_object_get(answer, "history");
	json_array_foreach(list, i, one) {
		char status[64] = "", times[24];
		json_int_t code = json_integer_value(json_object_get(one, "status"));

		if (code)
			snprintf(status, sizeof(status), "%lld %.50s", (long long)code, text_of(one, "words"));
		snprintf(times, sizeof(times), "%lld", (long long)json_integer_value(json_object_get(one, "times")));
		table_row(&t, MST_COUNT(head), (const char *const[]){ human_time(text_of(one, "at")), text_of(one, "what"), text_of(one, "cmdID"),
								      status, times });
	}
	table_print(m, &t);
	json_decref(answer);
	return EXIT_DONE;
}

static int command_show(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL;
	struct mst_writer w;
	char path[1200];
	int r;

	if (argc != 1)
		return usage_error(NULL, "give the number of one command (muster command list)");
	w = path_start(path, sizeof(path), "/v1/commands/");
	path_piece(&w, argv[0]);
	r = api_ask(m, "GET", path_end(&w), NULL, &answer);
	return r == EXIT_DONE ? print_one(m, answer) : r;
}

static int cancel_one(struct muster *m, const char *number, const char *reason, json_t *done)
{
	json_t *answer = NULL, *body = json_object();
	struct mst_writer w;
	char path[1200];
	int r;

	if (reason)
		put_member(body, "reason", reason);
	w = path_start(path, sizeof(path), "/v1/commands/");
	path_piece(&w, number);
	mst_put_str(&w, "/cancel");
	r = api_ask(m, "POST", path_end(&w), body, &answer);
	if (r != EXIT_DONE)
		return r;
	if (!m->json && !m->quiet)
		say("cancelled command %s%s", number, *text_of(answer, "cmdID") ? "; the node had been given it, and may have begun" : "");
	json_array_append_new(done, answer);
	return EXIT_DONE;
}

/* One after the other, up to the first that is refused; what was done until then is told. */
static int command_cancel(struct muster *m, int argc, char **argv)
{
	const char *reason = NULL;
	const struct opt opts[] = { { "reason", &reason, NULL } };
	json_t *done;
	int r = EXIT_DONE;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (!argc)
		return usage_error(NULL, "give numbers of commands (muster command list)");
	done = json_array();
	for (int i = 0; i < argc && r == EXIT_DONE; i++)
		r = cancel_one(m, argv[i], reason, done);
	if (m->json && json_array_size(done))
		(void)print_json(json_pack("{s:O}", "commands", done));
	json_decref(done);
	return r;
}

#define MANY "[--subscription ID] [--maker NAME] [--target ID] [--stakeholder FQDN]"

int cmd_command(struct muster *m, int argc, char **argv)
{
	static const struct command table[] = {
		{ "cert-prov", command_cert_prov, "NODE... [--subject node|cse|ae] [--uri URI] " MANY,
		  "have nodes get a certificate over EST (CERT_PROV)" },
		{ "dev-cfg", command_dev_cfg, "NODE... --objects FILE|--uri ID:URI " MANY,
		  "give nodes management objects, or send them to a device management server (DEV_CFG)" },
		{ "mo-node", command_mo_node, "NODE... --path PATH --type TYPE [--suid N] " MANY,
		  "have nodes do what one of their management objects is for (MO_NODE)" },
		{ "list", command_list, "[NODE]", "commands and what became of them" },
		{ "show", command_show, "NUMBER", "one command with its history" },
		{ "cancel", command_cancel, "NUMBER... [--reason TEXT]", "take commands back that have not ended" },
	};

	return run_command(m, table, MST_COUNT(table), "muster command", argc, argv);
}
