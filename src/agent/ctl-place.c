/* `muster-agent place`: the installer says where the device hangs, before or while the agent runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/place.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_FAULT = 3 };

static void print_degrees(FILE *out, const json_t *v)
{
	long long x = (long long)json_integer_value(v), left = x < 0 ? -x : x;

	fprintf(out, "%s%lld.%07lld", x < 0 ? "-" : "", left / MST_DEGREE, left % MST_DEGREE);
}

static void print_place(const json_t *l)
{
	if (!json_is_object(l)) {
		printf("no place is known\n");
		return;
	}
	if (json_object_get(l, "latitude")) {
		printf("at            ");
		print_degrees(stdout, json_object_get(l, "latitude"));
		putchar(',');
		print_degrees(stdout, json_object_get(l, "longitude"));
		if (json_object_get(l, "accuracy"))
			printf(", within %lld m", (long long)json_integer_value(json_object_get(l, "accuracy")));
		putchar('\n');
	}
	if (json_object_get(l, "cell"))
		printf("cell          %s\n", json_string_value(json_object_get(l, "cell")));
	if (json_object_get(l, "site"))
		printf("site          %s\n", json_string_value(json_object_get(l, "site")));
}

/* Without a running agent this process opens the store itself. */
static json_t *alone(const struct agent_config *cfg, const struct agent_place *said, bool change)
{
	struct mst_secenv *env = NULL;
	struct agent_place p, merged;
	struct mst_diag d = { 0 };
	int r;

	if (!change && access(cfg->state, F_OK) && errno == ENOENT)
		return json_pack("{s:b, s:o}", "ok", true, "location", place_json(&cfg->place));
	r = agent_store_open(cfg, mst_crypto_openssl(), &env, &d);
	if (!r && change)
		r = place_store(env, said, &d);
	if (r) {
		fprintf(stderr, "%s: %s\n", cfg->state, r > 0 || d.text[0] ? d.text : mst_fault_text(r));
		if (env)
			env->ops->close(env);
		return NULL;
	}
	place_load(env, &p);
	env->ops->close(env);
	merged = place_merged(&cfg->place, &p);
	return json_pack("{s:b, s:o}", "ok", true, "location", place_json(&merged));
}

int ctl_place(const struct agent_config *cfg, const char *at, const char *site, bool clear, bool json)
{
	struct agent_place p = { 0 };
	struct mst_diag d = { 0 };
	bool change = at || site || clear;
	json_t *q, *answer;
	int fd, code = EXIT_REFUSED;

	if ((at && !place_set_at(&p, at, &d)) || (site && !place_set(&p, "site", site, &d)) || !place_good(&p, &d)) {
		fprintf(stderr, "--%s: %s: %s\n", site && !strcmp(d.field, "site") ? "site" : "at", d.field, d.text);
		return EXIT_REFUSED;
	}
	fd = ctl_dial(cfg, 10);
	if (fd >= 0) {
		q = json_pack("{s:s}", "op", "place");
		if (clear)
			json_object_set_new(q, "clear", json_true());
		else if (change)
			json_object_set_new(q, "location", place_json(&p));
		answer = ctl_ask(fd, q);
	} else {
		answer = alone(cfg, &p, change);
	}
	if (!answer)
		return EXIT_FAULT;
	if (json_is_true(json_object_get(answer, "ok"))) {
		code = EXIT_DONE;
		if (json) {
			json_dumpf(json_object_get(answer, "location"), stdout, JSON_COMPACT | JSON_ENCODE_ANY);
			putchar('\n');
		} else {
			print_place(json_object_get(answer, "location"));
		}
	} else {
		q = json_object_get(answer, "error");
		fprintf(stderr, "refused: %s %s\n", json_string_value(json_object_get(q, "field")),
			json_string_value(json_object_get(q, "text")));
	}
	json_decref(answer);
	return code;
}
