/* The life of a node: revoke, release, suspend, resume, reenrol, move. */
#include <string.h>

#include "muster.h"
#include "node.h"

static int post(struct muster *m, const char *node, const char *act, json_t *body, const char *done)
{
	json_t *answer = NULL;
	struct mst_writer w;
	char path[1200];
	int r;

	w = path_start(path, sizeof(path), "/v1/nodes/");
	path_piece(&w, node);
	mst_put_str(&w, "/");
	mst_put_str(&w, act);
	r = api_ask(m, "POST", path_end(&w), body, &answer);
	/* it may be stolen, and the second person asleep */
	if (r == EXIT_WAITS && !m->json && !strcmp(act, "revoke"))
		say("until then: muster node suspend stops it at once, and can be taken back");
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	if (m->quiet) {
		json_decref(answer);
		return EXIT_DONE;
	}
	if (*text_of(answer, "leaveBy") && strcmp(act, "reenrol") != 0)
		say(strcmp(act, "move") ? "%s %s; what it has works until %s" : "%s %s; what it had works until %s", done, node, human_time(text_of(answer, "leaveBy")));
	else if (*text_of(answer, "reenrolUntil"))
		say("%s %s until %s", done, node, human_time(text_of(answer, "reenrolUntil")));
	else
		say("%s %s", done, node);
	json_decref(answer);
	return EXIT_DONE;
}

/* `span`: an option with a duration, NULL = there is none; put into the body under its own name. */
static int act(struct muster *m, int argc, char **argv, const char *what, const char *span, bool needed, const char *done)
{
	const char *reason = NULL, *length = NULL;
	const struct opt opts[] = { { "reason", &reason, NULL }, { span ? span : "", &length, NULL } };
	json_int_t seconds = 0;
	json_t *body;

	argc = take_options(NULL, argc, argv, opts, span ? 2 : 1);
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || !reason || (needed && !length))
		return usage_error(NULL, needed ? "give one node, --%s DURATION and --reason TEXT (it goes into the audit log)"
		                                : "give one node and --reason TEXT (it goes into the audit log)", span);
	if (length && !(seconds = duration_from(length)))
		return usage_error(NULL, "--%s is a duration, " DURATION_FORMS, span);
	body = json_object();
	put_member(body, "reason", reason);
	if (length)
		json_object_set_new(body, span, json_integer(seconds));
	return post(m, argv[0], what, body, done);
}

int node_revoke(struct muster *m, int argc, char **argv)
{
	return act(m, argc, argv, "revoke", NULL, false, "revoked");
}

int node_release(struct muster *m, int argc, char **argv)
{
	return act(m, argc, argv, "release", "grace", false, "released");
}

int node_suspend(struct muster *m, int argc, char **argv)
{
	return act(m, argc, argv, "suspend", NULL, false, "suspended");
}

int node_resume(struct muster *m, int argc, char **argv)
{
	return act(m, argc, argv, "resume", NULL, false, "resumed");
}

int node_reenrol(struct muster *m, int argc, char **argv)
{
	return act(m, argc, argv, "reenrol", "window", true, "may enrol anew:");
}

int node_move(struct muster *m, int argc, char **argv)
{
	const char *field[4] = { 0 }, *grace = NULL;
	static const char *const key[] = { "subscription", "cseID", "aeID", "reason" };
	const struct opt opts[] = { { "subscription", &field[0], NULL }, { "cse-id", &field[1], NULL }, { "ae-id", &field[2], NULL },
		                    { "reason", &field[3], NULL }, { "grace", &grace, NULL } };
	json_int_t seconds = 0;
	json_t *body;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || !field[0] || !field[3])
		return usage_error(NULL, "give one node, --subscription ID and --reason TEXT (it goes into the audit log)");
	if (grace && !(seconds = duration_from(grace)))
		return usage_error(NULL, "--grace is a duration, " DURATION_FORMS);
	body = json_object();
	for (size_t i = 0; i < MST_COUNT(key); i++)
		if (field[i])
			put_member(body, key[i], field[i]);
	if (grace)
		json_object_set_new(body, "grace", json_integer(seconds));
	return post(m, argv[0], "move", body, "moved");
}
