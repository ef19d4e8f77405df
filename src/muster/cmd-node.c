#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"
#include "codec/secret-text.h"
#include "cert.h"
#include "muster.h"
#include "node.h"

static const char *const id_columns[] = { "nodeID", "cseID", "subscription", "maker", "state", "reason" };

/* "--identity fqdn=node1.example.com" and "--identity device=0.2.481.1.100.1.7@<anchor sha-256 in hex>" */
static json_t *identity_from(const char *text)
{
	const char *eq = strchr(text, '='), *at = strrchr(text, '@');
	json_t *j;

	if (!eq)
		return NULL;
	if (at && strlen(at + 1) != 64)
		at = NULL;
	j = json_pack("{s:s%,s:s%}", "kind", text, (size_t)(eq - text), "value", eq + 1,
	              at ? (size_t)(at - eq - 1) : strlen(eq + 1));
	if (j && at)
		put_member(j, "anchor", at + 1);
	return j;
}

static int node_add(struct muster *m, int argc, char **argv)
{
	const char *field[8] = { 0 }, *identity = NULL, *anchor = NULL;
	char hash[2 * MST_SHA256_LEN + 1];
	static const char *const key[] = { "cseID", "aeID", "subscription", "maker", "model", "serial", "batch" };
	const struct opt opts[] = {
		{ "cse-id", &field[0], NULL }, { "ae-id", &field[1], NULL }, { "subscription", &field[2], NULL },
		{ "maker", &field[3], NULL }, { "model", &field[4], NULL }, { "serial", &field[5], NULL },
		{ "batch", &field[6], NULL }, { "identity", &identity, NULL },
		{ "anchor", &anchor, NULL },
	};
	json_t *body, *answer = NULL;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1)
		return usage_error(NULL, "give one M2M-Node-ID");
	if (anchor && !anchor_text(anchor, hash))
		return EXIT_USAGE;
	body = json_pack("{s:s}", "nodeID", argv[0]);
	if (anchor)
		put_member(body, "anchor", hash);
	for (size_t i = 0; i < MST_COUNT(key); i++)
		if (field[i])
			put_member(body, key[i], field[i]);
	if (identity) {
		json_t *one = identity_from(identity);

		if (!one) {
			json_decref(body);
			return usage_error(NULL, "--identity wants KIND=VALUE, for example node=urn:dev:ops:1");
		}
		json_object_set_new(body, "identities", json_pack("[o]", one));
	}
	r = api_ask(m, "POST", "/v1/nodes", body, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	say("added %s", argv[0]);
	json_decref(answer);
	return EXIT_DONE;
}

static void add_rows(struct table *t, const json_t *nodes)
{
	size_t i;
	json_t *node;

	json_array_foreach(nodes, i, node) {
		const char *cell[MST_COUNT(id_columns)];

		for (size_t c = 0; c < MST_COUNT(id_columns); c++)
			cell[c] = text_of(node, id_columns[c]);
		table_row(t, MST_COUNT(id_columns), cell);
	}
}

/* All pages up to `limit` rows, so that a pipe gets the whole fleet. */
static int node_list(struct muster *m, int argc, char **argv)
{
	const char *state = "", *sub = "", *maker = "", *limit = "1000000";
	const struct opt opts[] = { { "state", &state, NULL }, { "subscription", &sub, NULL }, { "maker", &maker, NULL },
		                    { "limit", &limit, NULL } };
	static const char *const head[] = { "NODE", "CSE-ID", "SUBSCRIPTION", "MAKER", "STATE", "REASON" };
	json_t *all = json_array();
	struct table t = { 0 };
	json_int_t after = 0;
	unsigned long left;
	char *end;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	left = strtoul(limit, &end, 10);
	if (argc != 0 || *end || *limit < '0' || *limit > '9' || left < 1 || left > 1000000) {
		json_decref(all);
		return argc < 0 ? EXIT_USAGE
		                : usage_error(NULL, argc ? "unexpected argument %s" : "--limit is 1 to 1000000, not %s", argc ? argv[0] : limit);
	}
	while (left) {
		unsigned long page = left < 500 ? left : 500;
		json_t *answer = NULL, *nodes;
		struct mst_writer w;
		char path[4096];
		int r;

		w = path_start(path, sizeof(path), "/v1/nodes");
		path_query_number(&w, "limit", (int64_t)page);
		path_query_number(&w, "after", after);
		path_query(&w, "state", state);
		path_query(&w, "subscription", sub);
		path_query(&w, "maker", maker);
		r = api_ask(m, "GET", path_end(&w), NULL, &answer);
		if (r != EXIT_DONE) {
			json_decref(all);
			return r;
		}
		nodes = json_object_get(answer, "nodes");
		left -= json_array_size(nodes) < left ? json_array_size(nodes) : left;
		json_array_extend(all, nodes);
		after = json_integer_value(json_object_get(answer, "next"));
		json_decref(answer);
		if (!after)
			break;
	}
	if (m->json)
		return print_json(all);
	if (json_array_size(all) == 0) {
		say("no node%s. Add one with: muster node add NODE-ID --subscription ID", *state || *sub || *maker ? " like that" : " yet");
	} else {
		table_row(&t, MST_COUNT(head), head);
		add_rows(&t, all);
		table_print(m, &t);
	}
	json_decref(all);
	return EXIT_DONE;
}

static void print_members(const json_t *object, const char *indent)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		if (json_is_string(value) && *json_string_value(value))
			say("%s%-14s %s", indent, key, human_time(shown(json_string_value(value))));
		else if (json_is_integer(value))
			say("%s%-14s %lld", indent, key, (long long)json_integer_value(value));
	}
}

/* Degrees are whole numbers of 1e-7 on the wire. */
static void print_place(const json_t *place)
{
	const json_t *lat = json_object_get(place, "latitude"), *lon = json_object_get(place, "longitude");
	const json_t *accuracy = json_object_get(place, "accuracy");

	say("place:");
	if (lat)
		say("  %-14s %.7f,%.7f", "at", (double)json_integer_value(lat) / 1e7, (double)json_integer_value(lon) / 1e7);
	if (accuracy)
		say("  %-14s %lld m", "accuracy", (long long)json_integer_value(accuracy));
	if (*text_of(place, "site"))
		say("  %-14s %s", "site", shown(text_of(place, "site")));
	if (*text_of(place, "cell"))
		say("  %-14s %s", "cell", shown(text_of(place, "cell")));
	say("  %-14s %s, %s", "said by", shown(text_of(place, "who")), human_time(text_of(place, "at")));
}

static void print_lists(const json_t *object)
{
	const char *key;
	json_t *value, *one;
	size_t i;

	json_object_foreach((json_t *)object, key, value) {
		if (!json_is_array(value))
			continue;
		json_array_foreach(value, i, one) {
			say("%s:", key);
			print_members(one, "  ");
		}
	}
}

static int node_show(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL;
	int r = api_node(m, argc, argv, "", &answer);

	if (r != EXIT_DONE || !answer)
		return r;
	print_members(answer, "");
	if (json_object_get(answer, "place"))
		print_place(json_object_get(answer, "place"));
	if (json_object_get(answer, "sim")) {
		say("sim:");
		print_members(json_object_get(answer, "sim"), "  ");
	}
	print_lists(answer);
	json_decref(answer);
	return EXIT_DONE;
}

static int node_bind(struct muster *m, int argc, char **argv)
{
	const char *anchor = NULL;
	const struct opt opts[] = { { "anchor", &anchor, NULL } };
	char path[1200], hash[2 * MST_SHA256_LEN + 1];
	json_t *answer = NULL;
	struct mst_writer w;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || !anchor)
		return usage_error(NULL, "give one node and --anchor FILE.pem (its maker's CA), its SHA-256 in hex, any, or none (it has no certificate)");
	if (!anchor_text(anchor, hash))
		return EXIT_USAGE;
	w = path_start(path, sizeof(path), "/v1/nodes/");
	path_piece(&w, argv[0]);
	mst_put_str(&w, "/bind");
	r = api_ask(m, "POST", path_end(&w), json_pack("{s:s}", "anchor", hash), &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	say("bound %s", argv[0]);
	json_decref(answer);
	return EXIT_DONE;
}

/* Degrees as people write them, "52.5200066" → 525200066; no floating point, so no digit is lost. */
static bool degrees_from(struct mst_view v, int64_t most, int64_t *ret)
{
	bool minus = v.n && v.p[0] == '-';
	size_t dot;
	uint64_t whole, part = 0;

	if (minus)
		v = mst_view_sub(v, 1, v.n);
	dot = mst_view_find(v, '.');
	if (!mst_parse_dec(mst_view_sub(v, 0, dot), 360, &whole))
		return false;
	if (dot < v.n) {
		struct mst_view digits = mst_view_sub(v, dot + 1, v.n);

		if (!digits.n || digits.n > 7 || !mst_parse_dec(digits, 9999999, &part))
			return false;
		for (size_t i = digits.n; i < 7; i++)
			part *= 10;
	}
	*ret = (int64_t)(whole * 10000000 + part);
	if (*ret > most * 10000000)
		return false;
	*ret = minus ? -*ret : *ret;
	return true;
}

/* "LAT,LON" or "LAT,LON,ACCURACY" */
static bool place_from(const char *text, json_t *body)
{
	struct mst_view part[4], rest = mst_view_str(text);
	int64_t lat, lon;
	uint64_t accuracy;
	size_t n = 0;

	while (n < 4) {
		size_t end = mst_view_find(rest, ',');

		part[n++] = mst_view_sub(rest, 0, end);
		if (end == rest.n)
			break;
		rest = mst_view_sub(rest, end + 1, rest.n);
	}
	if ((n != 2 && n != 3) || !degrees_from(part[0], 90, &lat) || !degrees_from(part[1], 180, &lon) ||
	    (n == 3 && !mst_parse_dec(part[2], 40000000, &accuracy)))
		return false;
	json_object_set_new(body, "latitude", json_integer(lat));
	json_object_set_new(body, "longitude", json_integer(lon));
	if (n == 3)
		json_object_set_new(body, "accuracy", json_integer((json_int_t)accuracy));
	return true;
}

static int node_place(struct muster *m, int argc, char **argv)
{
	const char *at = NULL, *site = NULL, *cell = NULL;
	bool clear = false;
	const struct opt opts[] = { { "at", &at, NULL }, { "site", &site, NULL }, { "cell", &cell, NULL }, { "clear", NULL, &clear } };
	json_t *answer = NULL, *body;
	struct mst_writer w;
	char path[1200];
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || clear == (at || site || cell))
		return usage_error(NULL, "give one node, and --at LAT,LON[,ACCURACY], --site S, --cell C, or --clear");
	body = clear ? NULL : json_object();
	if (at && !place_from(at, body)) {
		json_decref(body);
		return usage_error(NULL, "--at %s: expected degrees and metres, like 52.5200066,13.4049540,20", at);
	}
	if (site)
		put_member(body, "site", site);
	if (cell)
		put_member(body, "cell", cell);
	w = path_start(path, sizeof(path), "/v1/nodes/");
	path_piece(&w, argv[0]);
	mst_put_str(&w, "/place");
	r = api_ask(m, clear ? "DELETE" : "POST", path_end(&w), body, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json && !m->quiet)
		return print_json(answer);
	if (!m->quiet)
		say(clear ? "%s has no place any more" : "placed %s", argv[0]);
	json_decref(answer);
	return EXIT_DONE;
}

/* A JSON string, or NULL after having explained. */
static json_t *secret_from(const char *file)
{
	struct mst_diag d = { 0 };
	struct mst_key k;
	json_t *text = NULL;
	size_t n = 0;
	char *p = read_file(file, &n);

	if (!p)
		return NULL;
	if (mst_secret_read((struct mst_view){ (uint8_t *)p, n }, &k, &d)) {
		complain("%s: %s %s", file, d.field, d.text);
	} else {
		while (n && strchr(" \t\r\n", p[n - 1]))
			n--;
		text = json_stringn(p, n);
	}
	mst_key_wipe(&k);
	mst_wipe(p, n);
	free(p);
	return text;
}

/* One for a node that has none yet: to be brought to it, and to be gone here. */
static json_t *make_secret(const char *file)
{
	struct mst_key k = { .n = MST_KEY_LEN };
	char text[MST_SECRET_TEXT_MAX + 1];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	json_t *body = NULL;

	if (access(file, F_OK) == 0) {
		complain("%s: is there already; give a file that is not", file);
		return NULL;
	}
	if (getrandom(k.b, k.n, 0) != (ssize_t)k.n) {
		complain("no random octets: %s", strerror(errno));
		return NULL;
	}
	mst_secret_write(&k, &w);
	if (w.ok)
		body = json_stringn(text, w.n);
	mst_put_str(&w, "\n");
	if (!w.ok || write_file(file, text, w.n, 0600)) {
		json_decref(body);
		body = NULL;
	}
	mst_key_wipe(&k);
	mst_wipe(text, sizeof(text));
	return body;
}

/* From a file or standard input, never on the command line, which everybody on this machine can read. */
static int node_secret(struct muster *m, int argc, char **argv)
{
	const char *file = NULL, *fresh = NULL, *identity = "";
	const struct opt opts[] = { { "file", &file, NULL }, { "new", &fresh, NULL }, { "identity", &identity, NULL } };
	json_t *answer = NULL, *body;
	struct mst_writer w;
	char path[2048];
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || !file == !fresh)
		return usage_error(NULL, "give one node, and --file FILE (or -) with its secret or --new FILE to make one");
	body = fresh ? make_secret(fresh) : secret_from(file);
	if (!body)
		return EXIT_USAGE;
	w = path_start(path, sizeof(path), "/v1/nodes/");
	path_piece(&w, argv[0]);
	mst_put_str(&w, "/secret");
	path_query(&w, "identity", identity);
	r = api_ask(m, "POST", path_end(&w), body, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	if (!m->quiet)
		say("the secret of %s is stored; its identity in handshakes is %s", argv[0], text_of(answer, "identity"));
	json_decref(answer);
	return EXIT_DONE;
}

static int node_number(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL;
	struct mst_writer w;
	char path[1200];
	int r;

	argc = take_options(NULL, argc, argv, NULL, 0);
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 2)
		return usage_error(NULL, "give one node, and its number like +491701234567, or none");
	w = path_start(path, sizeof(path), "/v1/nodes/");
	path_piece(&w, argv[0]);
	mst_put_str(&w, "/number");
	r = api_ask(m, "POST", path_end(&w), json_pack("{s:s}", "number", strcmp(argv[1], "none") ? argv[1] : ""), &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	say("%s: %s", argv[0], *text_of(answer, "number") ? text_of(answer, "number") : "no number");
	json_decref(answer);
	return EXIT_DONE;
}

int cmd_node(struct muster *m, int argc, char **argv)
{
	static const struct command table[] = {
		{ "add", node_add,
		  "NODE-ID [--cse-id ID] [--ae-id ID] [--subscription ID] [--maker M] [--model M] [--serial S] [--batch B] "
		  "[--identity KIND=VALUE[@ANCHOR]] [--anchor FILE.pem|SHA256|any|none]", "make a node known" },
		{ "import", node_import, "FILE.csv|FILE.json|- [--anchor FILE.pem|SHA256|any|none] [--answers FILE] "
		  "[--password-file FILE | --certificate FILE.pem --key FILE.pem] [--secrets-only]",
		  "make many nodes known, with makers' secrets from an encrypted file; every row gets an answer" },
		{ "bind", node_bind, "NODE --anchor FILE.pem|SHA256|any|none", "its names are good under that CA only" },
		{ "number", node_number, "NODE +NUMBER|none", "where its short messages go" },
		{ "place", node_place, "NODE --at LAT,LON[,ACCURACY] [--site S] [--cell C] | NODE --clear", "where it stands, for the rules" },
		{ "secret", node_secret, "NODE --file FILE|- | --new FILE [--identity KEY-ID]", "the secret that its maker gave it: it proves the node to MEF and briefing node" },
		{ "list", node_list, "[--state S] [--subscription ID] [--maker M] [--limit N]", "the fleet" },
		{ "show", node_show, "NODE", "one node: state, names, registrations, credentials (never keys)" },
		{ "revoke", node_revoke, "NODE --reason TEXT", "its credentials are dead at MEF and MAF from now on" },
		{ "release", node_release, "NODE --reason TEXT [--grace 7d]", "let it go: free to join another provider; with --grace what it has works that long" },
		{ "suspend", node_suspend, "NODE --reason TEXT", "no enrolment and no key until it is resumed" },
		{ "resume", node_resume, "NODE --reason TEXT", "lift a suspension" },
		{ "reenrol", node_reenrol, "NODE --window 24h --reason TEXT", "let it enrol anew: after a factory reset, a theft, a return" },
		{ "move", node_move, "NODE --subscription ID [--cse-id ID] [--ae-id ID] [--grace 7d] --reason TEXT",
		  "to another provider of this installation; its old key works until the new one is used" },
	};

	return run_command(m, table, MST_COUNT(table), "muster node", argc, argv);
}
