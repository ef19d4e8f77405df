/* `muster-agent register …`: the registration procedures with MEF and MAF by hand (regs.c). */
#include "agent/link.h"

#include <string.h>

static const struct verb {
	const char *name, *op;
	const char *takes;                   /* Id, Admin, Lifetime, laBel */
} verbs[] = {
	{ "new", "reg-new", "ALB" }, { "show", "reg-show", "I" }, { "update", "reg-update", "ILB" }, { "delete", "reg-delete", "I" },
};

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < MST_COUNT(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

/* What is wrong with it, or NULL. */
static const char *misuse(const struct verb *v, const struct link_reg_options *o)
{
	const struct { bool given; char letter; } options[] = {
		{ o->id != NULL, 'I' }, { o->admin_fqdn != NULL, 'A' }, { o->lifetime_s != 0, 'L' }, { o->n_labels > 0, 'B' },
	};

	if (!v)
		return "one of new, show, update, delete";
	if (!o->admin_fqdn && strchr(v->takes, 'A'))
		return "with whom? --admin-fqdn FQDN is missing";
	if (!strcmp(v->name, "delete") && !o->id)
		return "which one? ID is missing";
	for (size_t i = 0; i < MST_COUNT(options); i++)
		if (options[i].given && !strchr(v->takes, options[i].letter))
			return "something that does not belong here";
	return NULL;
}

static void print_one(const json_t *r)
{
	const char *client = json_string_value(json_object_get(r, "client")), *admin = json_string_value(json_object_get(r, "adminFQDN")),
		   *until = json_string_value(json_object_get(r, "until"));

	printf("%s  %s", json_string_value(json_object_get(r, "id")), json_string_value(json_object_get(r, "did")));
	if (client)
		printf("  as %s", client);
	if (admin)
		printf("  with %s", admin);
	if (until)
		printf("  until %s", until);
	puts(json_is_true(json_object_get(r, "own")) ? "  this node's own" : "");
}

int link_reg(const struct agent_config *cfg, const struct link_reg_options *o)
{
	const struct verb *v = find(o->verb);
	const char *wrong = misuse(v, o);
	json_t *q, *answer;
	int code = LINK_DONE;

	if (wrong) {
		fprintf(stderr, "muster-agent register %s: %s\n", o->verb, wrong);
		return LINK_USAGE;
	}
	q = json_pack("{s:s, s:I, s:b}", "op", v->op, "seconds", (json_int_t)o->lifetime_s, "mef", o->mef);
	if (o->id)
		json_object_set_new(q, "id", json_string(o->id));
	if (o->admin_fqdn)
		json_object_set_new(q, "adminFQDN", json_string(o->admin_fqdn));
	if (o->n_labels)
		json_object_set_new(q, "labels", link_list_of(o->labels, o->n_labels));
	answer = link_ask(cfg, q, o->json);
	if (!answer) {
		fprintf(stderr, "the agent gave no answer, and the state cannot be opened\n");
		return LINK_FAULT;
	}
	if (o->json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
		code = json_is_true(json_object_get(answer, "ok")) ? LINK_DONE : LINK_REFUSED;
	} else if (json_is_true(json_object_get(answer, "ok"))) {
		print_one(answer);
	} else {
		code = link_refused(answer);
	}
	json_decref(answer);
	return code;
}
