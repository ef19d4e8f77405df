/* `run`, whole; and `run --once`: what it did beside the run, for the person or the timer that started it. Each thing that was due is tried once. */
#include "agent/agent.h"

void once_did(struct agent *a, bool good, const char *what, const char *detail)
{
	if (!a->once)
		return;
	if (!a->once_list)
		a->once_list = json_array();
	json_array_append_new(a->once_list, json_pack("{s:b, s:s, s:o}", "good", good, "what", what, "detail", status_text(detail)));
}

bool once_failed(const struct agent *a)
{
	json_t *one;
	size_t i;

	json_array_foreach(a->once_list, i, one)
		if (!json_is_true(json_object_get(one, "good")))
			return true;
	return false;
}

void once_print(FILE *out, const struct agent *a)
{
	json_t *one;
	size_t i;

	json_array_foreach(a->once_list, i, one) {
		const char *detail = json_string_value(json_object_get(one, "detail"));

		fprintf(out, "%-13s %s%s%s\n", json_is_true(json_object_get(one, "good")) ? "renewed" : "not renewed",
			json_string_value(json_object_get(one, "what")), detail && *detail ? ": " : "", detail ? detail : "");
	}
}

int agent_live(const struct agent_config *cfg, bool once)
{
	struct agent *a = agent_new(cfg, once);
	int r = a ? agent_open(a) : MST_FAULT_MEMORY, code = 3;
	json_t *s;

	if (!r)
		code = agent_run(a);
	else if (r < 0 && r != MST_FAULT_CONFIG)
		fprintf(stderr, "muster-agent: it cannot begin: %s\n", mst_fault_text(r));
	/* With --once a person is watching: say it in their words, beside the log. */
	if (!r && once) {
		s = status_json(a);
		once_print(code ? stderr : stdout, a);
		if (code)
			status_print_reasons(stderr, s);
		else
			status_print(stdout, s);
		json_decref(s);
	}
	agent_free(a);
	return r == MST_FAULT_CONFIG ? 1 : code;
}
