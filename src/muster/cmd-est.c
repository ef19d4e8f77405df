/* `muster cert` for what the installation issued over EST. */

#include <stdio.h>
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "muster.h"

/* --- requests that wait --- */

static int print_requests(const struct muster *m, const json_t *list)
{
	static const char *const head[] = { "request", "node", "name", "state", "asked", "SHA-256 begins", "serial" };
	struct table t = { 0 };
	const json_t *one;
	char id[24], sum[17];
	size_t i;

	table_row(&t, MST_COUNT(head), head);
	json_array_foreach((json_t *)list, i, one) {
		snprintf(sum, sizeof(sum), "%s", text_of(one, "sha256"));
		snprintf(id, sizeof(id), "%lld", (long long)json_integer_value(json_object_get(one, "id")));
		table_row(&t, MST_COUNT(head), (const char *const[]){ id, text_of(one, "node"), text_of(one, "subject"), text_of(one, "state"),
								      human_time(text_of(one, "asked")), sum, text_of(one, "serial") });
	}
	table_print(m, &t);
	return EXIT_DONE;
}

int cert_requests(struct muster *m, int argc, char **argv)
{
	const char *state = "pending";
	const struct opt opts[] = { { "state", &state, NULL } };
	json_t *answer = NULL;
	struct mst_writer w;
	char path[200];
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc)
		return usage_error(NULL, "give no argument, or --state pending, approved, rejected, issued or any");
	w = path_start(path, sizeof(path), "/v1/certificate-requests");
	path_query(&w, "state", strcmp(state, "any") ? state : "");
	r = api_pages(m, path_end(&w), "requests", &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	r = print_requests(m, json_object_get(answer, "requests"));
	json_decref(answer);
	return r;
}

/* Which one it is, node and CSR: so it is that one that is decided, and a second person sees it. Of none, nothing: then the answer says so. */
static int which(struct muster *m, const char *number, json_t **ret_body)
{
	json_t *answer = NULL, *one;
	uint64_t id = 0;
	struct mst_writer w;
	char path[200];
	int r;

	*ret_body = json_object();
	if (!mst_parse_dec(mst_view_str(number), INT64_MAX, &id) || !id)
		return EXIT_DONE;
	w = path_start(path, sizeof(path), "/v1/certificate-requests");
	path_query_number(&w, "after", (int64_t)id - 1);
	path_query_number(&w, "limit", 1);
	r = api_ask(m, "GET", path_end(&w), NULL, &answer);
	one = json_array_get(json_object_get(answer, "requests"), 0);
	if (r == EXIT_DONE && json_integer_value(json_object_get(one, "id")) == (json_int_t)id) {
		put_member(*ret_body, "sha256", text_of(one, "sha256"));
		put_member(*ret_body, "node", text_of(one, "node"));
	}
	json_decref(answer);
	return r;
}

static int decide(struct muster *m, int argc, char **argv, const char *act, const char *done)
{
	const char *reason = NULL;
	const struct opt opts[] = { { "reason", &reason, NULL } };
	json_t *answer = NULL, *body = NULL;
	struct mst_writer w;
	char path[200];
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || (!reason && !strcmp(act, "reject")))
		return usage_error(NULL, "give the number of one request (muster cert requests)%s", strcmp(act, "reject") ? "" : " and --reason TEXT");
	r = which(m, argv[0], &body);
	if (r != EXIT_DONE) {
		json_decref(body);
		return r;
	}
	if (reason)
		put_member(body, "reason", reason);
	w = path_start(path, sizeof(path), "/v1/certificate-requests/");
	path_piece(&w, argv[0]);
	mst_put_str(&w, "/");
	mst_put_str(&w, act);
	r = api_ask(m, "POST", path_end(&w), body, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	say("%s request %s of %s", done, argv[0], text_of(answer, "subject"));
	json_decref(answer);
	return EXIT_DONE;
}

int cert_approve(struct muster *m, int argc, char **argv)
{
	return decide(m, argc, argv, "approve", "approved");
}

int cert_reject(struct muster *m, int argc, char **argv)
{
	return decide(m, argc, argv, "reject", "rejected");
}

/* --- what was issued --- */

static void print_certs(const struct muster *m, const json_t *list)
{
	static const char *const head[] = { "serial", "name", "issued", "until", "revoked" };
	struct table t = { 0 };
	const json_t *one;
	size_t i;

	table_row(&t, MST_COUNT(head), head);
	json_array_foreach((json_t *)list, i, one)
		table_row(&t, MST_COUNT(head), (const char *const[]){ text_of(one, "serial"), text_of(one, "subject"),
								      human_time(text_of(one, "issued")), human_time(text_of(one, "notAfter")),
								      human_time(text_of(one, "revoked")) });
	table_print(m, &t);
}

int cert_list(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL;
	int r = api_node(m, argc, argv, "/certificates", &answer);

	if (r != EXIT_DONE || !answer)
		return r;
	print_certs(m, json_object_get(answer, "certificates"));
	json_decref(answer);
	return EXIT_DONE;
}

static bool is_serial(const char *s)
{
	size_t n = strlen(s);

	for (const char *p = s; *p; p++)
		if (!isxdigit((unsigned char)*p))
			return false;
	return n >= 16 && n < 64;
}

/* Not a file: the serial number of one certificate, or a node with all of its. */
int cert_revoke_issued(struct muster *m, const char *what, int reason)
{
	bool serial = is_serial(what);
	json_t *answer = NULL;
	struct mst_writer w;
	char path[1200];
	int r;

	w = path_start(path, sizeof(path), serial ? "/v1/certificates/" : "/v1/nodes/");
	path_piece(&w, what);
	mst_put_str(&w, serial ? "/revoke" : "/certificates/revoke");
	r = api_ask(m, "POST", path_end(&w), json_pack("{s:i}", "reason", reason), &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	if (serial)
		say("revoked %s, serial %s; the new revocation list is being taken over", text_of(answer, "subject"), text_of(answer, "serial"));
	else
		say("revoked %zu certificate(s) of %s; the new revocation list is being taken over",
		    json_array_size(json_object_get(answer, "certificates")), what);
	json_decref(answer);
	return EXIT_DONE;
}
