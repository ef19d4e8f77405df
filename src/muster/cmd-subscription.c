#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "muster.h"

static const char *const state_acts[] = { "suspend", "resume", "end" };

/* Where this installation's own MAF listens, when `maf` is that one: "https://maf.example.com:8444". */
static bool own_maf_uri(const struct muster *m, const char *maf, char *out, size_t cap)
{
	const char *fqdn = NULL, *address, *colon;
	const config_setting_t *listen;
	bool own = false;
	char path[4096];
	config_t conf;

	config_init(&conf);
	if (access(path_join(path, sizeof(path), m->dir, "musterd.conf"), R_OK) == 0 && config_read_file(&conf, path) == CONFIG_TRUE) {
		config_lookup_string(&conf, "maf.fqdn", &fqdn);
		listen = config_lookup(&conf, "maf.listen");
		address = listen ? config_setting_get_string_elem(listen, 0) : NULL;
		colon = address ? strrchr(address, ':') : NULL;
		own = fqdn && colon && strcmp(fqdn, maf) == 0;
		if (own)
			snprintf(out, cap, "https://%s:%s", fqdn, colon + 1);
	}
	config_destroy(&conf);
	return own;
}

static int subscription_add(struct muster *m, int argc, char **argv)
{
	const char *sp = NULL, *maf = NULL, *maf_uri = NULL, *registrar = NULL, *poa = NULL, *from = "+0s", *until = NULL,
	           *lifetime = NULL;
	const struct opt opts[] = { { "sp", &sp, NULL }, { "maf", &maf, NULL }, { "maf-uri", &maf_uri, NULL },
		                    { "registrar", &registrar, NULL }, { "poa", &poa, NULL }, { "from", &from, NULL },
		                    { "until", &until, NULL }, { "key-lifetime", &lifetime, NULL } };
	json_t *body, *answer = NULL;
	char not_before[16], not_after[16], own_uri[600];
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || !sp || !maf || !until)
		return usage_error(NULL, "a subscription needs its ID, --sp FQDN, --maf FQDN and --until DATE");
	if (!date_from(from, not_before) || !date_from(until, not_after))
		return usage_error(NULL, DATE_HELP);
	body = json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", argv[0], "spFQDN", sp, "mafFQDN", maf, "notBefore", not_before, "notAfter",
	                 not_after);
	if (!maf_uri && own_maf_uri(m, maf, own_uri, sizeof(own_uri)))
		maf_uri = own_uri;
	if (maf_uri)
		put_member(body, "mafURI", maf_uri);
	if (registrar)
		put_member(body, "registrarCSE", registrar);
	if (poa)
		put_member(body, "registrarPoA", poa);
	if (lifetime) {
		json_int_t seconds = duration_from(lifetime);

		if (!seconds) {
			json_decref(body);
			return usage_error(NULL, "--key-lifetime is a duration, " DURATION_FORMS);
		}
		json_object_set_new(body, "keyLifetime", json_integer(seconds));
	}
	r = api_ask(m, "POST", "/v1/subscriptions", body, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	if (!m->quiet)
		say("added subscription %s, valid from %s until %s", argv[0], human_time(not_before), human_time(not_after));
	if (!maf_uri)
		say("note: %s is not this installation's MAF; nodes will look for it at https://%s (port 443); --maf-uri says otherwise",
		    maf, maf);
	json_decref(answer);
	return EXIT_DONE;
}

static int subscription_list(struct muster *m, int argc, char **argv)
{
	static const char *const head[] = { "SUBSCRIPTION", "PROVIDER", "MAF", "STATE", "FROM", "UNTIL" };
	json_t *answer = NULL, *list, *one;
	struct table t = { 0 };
	size_t i;
	int r;

	(void)argv;
	if (argc)
		return usage_error(NULL, "takes no argument");
	r = api_pages(m, "/v1/subscriptions", "subscriptions", &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	list = json_object_get(answer, "subscriptions");
	if (json_array_size(list) == 0)
		say("no subscription yet. Add one with: muster subscription add ID --sp FQDN --maf FQDN --until +365d");
	else
		table_row(&t, MST_COUNT(head), head);
	json_array_foreach(list, i, one) {
		const char *cell[] = { text_of(one, "id"), text_of(one, "spFQDN"), text_of(one, "mafFQDN"), text_of(one, "state"),
			               human_time(text_of(one, "notBefore")), human_time(text_of(one, "notAfter")) };

		table_row(&t, MST_COUNT(cell), cell);
	}
	table_print(m, &t);
	json_decref(answer);
	return EXIT_DONE;
}

static int subscription_show(struct muster *m, int argc, char **argv)
{
	json_t *answer = NULL, *value;
	struct mst_writer w;
	const char *key;
	char path[1200];
	int r;

	if (argc != 1)
		return usage_error(NULL, "give one subscription");
	w = path_start(path, sizeof(path), "/v1/subscriptions/");
	path_piece(&w, argv[0]);
	r = api_ask(m, "GET", path_end(&w), NULL, &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	json_object_foreach(answer, key, value) {
		if (json_is_string(value))
			say("%-14s %s", key, human_time(json_string_value(value)));
		else if (json_is_integer(value))
			say("%-14s %lld", key, (long long)json_integer_value(value));
	}
	json_decref(answer);
	return EXIT_DONE;
}

static int subscription_act(struct muster *m, int argc, char **argv, const char *act)
{
	json_t *answer = NULL;
	struct mst_writer w;
	char path[1200];
	int r;

	if (argc != 1)
		return usage_error(NULL, "give one subscription");
	w = path_start(path, sizeof(path), "/v1/subscriptions/");
	path_piece(&w, argv[0]);
	mst_put_str(&w, "/");
	mst_put_str(&w, act);
	r = api_ask(m, "POST", path_end(&w), json_object(), &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	say("subscription %s is now %s", argv[0], text_of(answer, "state"));
	json_decref(answer);
	return EXIT_DONE;
}

static int subscription_extend(struct muster *m, int argc, char **argv)
{
	const char *until = NULL;
	const struct opt opts[] = { { "until", &until, NULL } };
	json_t *answer = NULL;
	struct mst_writer w;
	char path[1200], not_after[16];
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || !until)
		return usage_error(NULL, "give one subscription and --until DATE");
	if (!date_from(until, not_after))
		return usage_error(NULL, DATE_HELP);
	w = path_start(path, sizeof(path), "/v1/subscriptions/");
	path_piece(&w, argv[0]);
	mst_put_str(&w, "/extend");
	r = api_ask(m, "POST", path_end(&w), json_pack("{s:s}", "notAfter", not_after), &answer);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(answer);
	say("subscription %s is valid until %s", argv[0], human_time(text_of(answer, "notAfter")));
	json_decref(answer);
	return EXIT_DONE;
}

static int subscription_suspend(struct muster *m, int argc, char **argv)
{
	return subscription_act(m, argc, argv, state_acts[0]);
}

static int subscription_resume(struct muster *m, int argc, char **argv)
{
	return subscription_act(m, argc, argv, state_acts[1]);
}

static int subscription_end(struct muster *m, int argc, char **argv)
{
	return subscription_act(m, argc, argv, state_acts[2]);
}

int cmd_subscription(struct muster *m, int argc, char **argv)
{
	static const struct command table[] = {
		{ "add", subscription_add,
		  "ID --sp FQDN --maf FQDN --until DATE [--from DATE] [--maf-uri URI] [--registrar CSE-ID] [--poa URI] "
		  "[--key-lifetime 90d]", "a new M2M service subscription; its validity bounds every key" },
		{ "list", subscription_list, "", "all subscriptions" },
		{ "show", subscription_show, "ID", "one subscription" },
		{ "extend", subscription_extend, "ID --until DATE", "a later end; nodes renew their keys into it" },
		{ "suspend", subscription_suspend, "ID", "no enrolment and no key until it is resumed" },
		{ "resume", subscription_resume, "ID", "lift a suspension" },
		{ "end", subscription_end, "ID", "end it for good" },
	};

	return run_command(m, table, MST_COUNT(table), "muster subscription", argc, argv);
}
