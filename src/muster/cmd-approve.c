/* What waits for a second person: `muster approve …`. */
#include <string.h>

#include "approve.h"
#include "base/text.h"
#include "keeper/keeper.h"

#define DIGITS APPROVE_DIGITS
#define FEWEST 8

bool approve_digest(const json_t *a, char hex[DIGITS + 1])
{
	uint8_t nonce[MST_TICKET_NONCE], sum[MST_SHA256_LEN], text[MST_SAID_MAX];
	struct mst_writer w = mst_writer_of(hex, DIGITS + 1), t = mst_writer_of(text, sizeof(text));
	const json_t *body = json_object_get(a, "body");
	json_int_t uid = json_integer_value(json_object_get(a, "askedBy"));
	size_t n = 0;

	mst_put_str(&t, text_of(a, "request"));
	mst_put_u8(&t, '\n');
	mst_put(&t, (struct mst_view){ (const uint8_t *)json_string_value(body), json_string_length(body) });
	if (!t.ok || uid < 0 || uid > UINT32_MAX || !mst_hex_decode(mst_view_str(text_of(a, "nonce")), nonce, sizeof(nonce), &n) || n != sizeof(nonce) ||
	    mst_ticket_digest(mst_crypto_openssl(), (uint32_t)uid, json_integer_value(json_object_get(a, "at")), nonce, mst_written(&t), sum))
		return false;
	mst_put_hex(&w, (struct mst_view){ sum, sizeof(sum) });
	mst_put_nul(&w);
	return true;
}

static void print_one(const json_t *a)
{
	say("%lld  %s  uid %lld  %s  %s", (long long)json_integer_value(json_object_get(a, "id")), text_of(a, "state"),
	    (long long)json_integer_value(json_object_get(a, "askedBy")), human_time(text_of(a, "asked")), shown(text_of(a, "request")));
}

static int approve_list(struct muster *m, int argc, char **argv)
{
	bool all = false;
	const struct opt opts[] = { { "all", NULL, &all } };
	json_t *answer = NULL, *one;
	size_t i;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc)
		return usage_error(NULL, "unexpected argument %s", argv[0]);
	r = api_pages(m, all ? "/v1/approvals" : "/v1/approvals?state=waiting", "approvals", &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	json_array_foreach(json_object_get(answer, "approvals"), i, one)
		print_one(one);
	if (!i)
		say(all ? "nothing was asked for" : "nothing waits");
	json_decref(answer);
	return EXIT_DONE;
}

static int get_one(struct muster *m, int argc, char **argv, json_t **ret)
{
	struct mst_writer w;
	char path[300];

	if (argc != 1)
		return usage_error(NULL, "give the number of one request (muster approve list)");
	w = path_start(path, sizeof(path), "/v1/approvals/");
	path_piece(&w, argv[0]);
	return api_ask(m, "GET", path_end(&w), NULL, ret);
}

static int approve_show(struct muster *m, int argc, char **argv)
{
	char hex[DIGITS + 1];
	json_t *a = NULL;
	int r;

	argc = take_options(NULL, argc, argv, NULL, 0);
	if (argc < 0)
		return EXIT_USAGE;
	r = get_one(m, argc, argv, &a);
	if (r != EXIT_DONE)
		return r;
	if (!approve_digest(a, hex)) {
		json_decref(a);
		complain("the answer makes no sense");
		return EXIT_FAULT;
	}
	json_object_set_new(a, "digest", json_string(hex));
	if (m->json)
		return print_json(a);
	print_one(a);
	say("content: %s", shown(text_of(a, "body")));
	say("until:   %s", human_time(text_of(a, "expires")));
	if (*text_of(a, "reason"))
		say("reason:  %s", shown(text_of(a, "reason")));
	say("digest:  %s", hex);
	json_decref(a);
	return EXIT_DONE;
}

static int answer_to(struct muster *m, const char *id, const char *word, json_t *body, json_t **ret)
{
	struct mst_writer w;
	char path[300];

	w = path_start(path, sizeof(path), "/v1/approvals/");
	path_piece(&w, id);
	mst_put_str(&w, word);
	return api_ask(m, "POST", path_end(&w), body, ret);
}

static bool begins(const char *given, const char *hex)
{
	size_t n = strlen(given);

	return n >= FEWEST && n <= DIGITS && strncasecmp(given, hex, n) == 0;
}

static int approve_give(struct muster *m, int argc, char **argv)
{
	const char *digest = NULL;
	const struct opt opts[] = { { "digest", &digest, NULL } };
	json_t *a = NULL, *answer = NULL;
	char hex[DIGITS + 1];
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (!digest || strlen(digest) < FEWEST)
		return usage_error(NULL, "wants --digest with the first 8 digits at least of what muster approve show tells");
	r = get_one(m, argc, argv, &a);
	if (r != EXIT_DONE)
		return r;
	if (!approve_digest(a, hex) || !begins(digest, hex)) {
		json_decref(a);
		complain("the digest is another one: this is not the content that you looked at; look again (muster approve show)");
		return EXIT_REFUSED;
	}
	json_decref(a);
	r = answer_to(m, argv[0], "/give", json_pack("{s:s}", "digest", hex), &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	json_decref(answer);
	say("done");
	return EXIT_DONE;
}

static int approve_refuse(struct muster *m, int argc, char **argv)
{
	const char *reason = NULL;
	const struct opt opts[] = { { "reason", &reason, NULL } };
	json_t *answer = NULL, *body;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || !reason)
		return usage_error(NULL, "wants one number and --reason TEXT");
	body = json_object();
	put_member(body, "reason", reason);
	r = answer_to(m, argv[0], "/refuse", body, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	json_decref(answer);
	say("refused");
	return EXIT_DONE;
}

static const struct command commands[] = {
	{ "list", approve_list, "[--all]", "what waits for a second person" },
	{ "show", approve_show, "NUMBER", "what it is, in full, and its digest" },
	{ "give", approve_give, "NUMBER --digest HEX", "say yes to it, as a second person; it is done at once" },
	{ "refuse", approve_refuse, "NUMBER --reason TEXT", "say no, or take back what you asked for" },
	{ "page", approve_page, "[--port N]", "the same in your browser, on this machine" },
};

int cmd_approve(struct muster *m, int argc, char **argv)
{
	return run_command(m, commands, MST_COUNT(commands), "muster approve", argc, argv);
}
