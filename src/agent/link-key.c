/* `muster-agent key …`: the key procedures with the MAF or the MEF by hand (TS-0003 8.8.2.7 to 8.8.2.10, 8.3.5.2.7 to 8.3.5.2.10). */
#include "agent/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"

static const struct verb {
	const char *name, *op;
	bool by_id, targets;                 /* takes a KEYID; needs targets */
	const char *takes;                   /* which options: Target, suid, Lifetime, label, Value, Out; all take --mef */
} verbs[] = {
	{ "list", "key-list", false, false, "" },
	{ "register", "key-register", false, true, "TULBV" },
	{ "retrieve", "key-retrieve", true, false, "O" },
	{ "update", "key-update", true, false, "TLB" },
	{ "delete", "key-delete", true, false, "" },
};

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < MST_COUNT(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

/* What is wrong with it, or NULL. */
static const char *misuse(const struct verb *v, const struct link_key_options *o)
{
	const struct { bool given; char letter; } options[] = {
		{ o->n_targets > 0, 'T' }, { o->suid != 0, 'U' }, { o->lifetime_s != 0, 'L' }, { o->n_labels > 0, 'B' },
		{ o->value != NULL, 'V' }, { o->out != NULL, 'O' },
	};

	if (!v)
		return "one of list, register, retrieve, update, delete";
	if (v->by_id != (o->key_id != NULL))
		return v->by_id ? "which key? KEYID is missing" : "no KEYID belongs here";
	if (v->targets && !o->n_targets)
		return "for whom? --target ID is missing";
	for (size_t i = 0; i < MST_COUNT(options); i++)
		if (options[i].given && !strchr(v->takes, options[i].letter))
			return "an option that does not belong here";
	return NULL;
}

json_t *link_list_of(const char *const *v, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_string(v[i]));
	return all;
}

/* A key of our own, in the one encoding for secrets (codec/secret-text.h). */
static bool read_value(const char *path, json_t *q)
{
	char words[AGENT_PATH_MAX + 160];
	struct mst_diag d = { 0 };
	uint8_t *p;
	size_t n;
	int r = agent_read_secret(path, &p, &n, &d);

	if (r) {
		fprintf(stderr, "%s\n", agent_file_words(words, sizeof(words), path, &d, r));
		return false;
	}
	json_object_set_new(q, "value", json_stringn((const char *)p, n));
	mst_wipe(p, n);
	free(p);
	return true;
}

static bool write_key(const char *path, const char *text)
{
	int fd = !strcmp(path, "-") ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && dprintf(fd, "%s\n", text) > 0;

	if (!ok)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (fd > STDERR_FILENO)
		ok = close(fd) == 0 && ok;
	return ok;
}

static void print_one(const json_t *k)
{
	const json_t *targets = json_object_get(k, "targets"), *t;
	const char *source = json_string_value(json_object_get(k, "source")), *until = json_string_value(json_object_get(k, "until"));
	size_t i;

	printf("%s", json_string_value(json_object_get(k, "keyID")));
	if (json_integer_value(json_object_get(k, "SUID")))
		printf("  SUID %lld", (long long)json_integer_value(json_object_get(k, "SUID")));
	if (until)
		printf("  until %s", until);
	if (source)
		printf("  from %s", source);
	json_array_foreach(targets, i, t)
		printf("%s%s", i ? ", " : "  for ", json_string_value(t));
	putchar('\n');
}

int link_refused(const json_t *answer)
{
	const json_t *e = json_object_get(answer, "error");
	const char *words = json_string_value(json_object_get(answer, "words")), *detail = json_string_value(json_object_get(answer, "detail"));

	if (e)
		fprintf(stderr, "%s: %s\n", json_string_value(json_object_get(e, "field")), json_string_value(json_object_get(e, "text")));
	else
		fprintf(stderr, "%s: %s%s%s\n", json_string_value(json_object_get(answer, "outcome")), words ? words : "", detail ? ": " : "",
			detail ? detail : "");
	return LINK_REFUSED;
}

static int show(const struct link_key_options *o, json_t *answer)
{
	const json_t *keys = json_object_get(answer, "keys"), *k;
	const char *key = json_string_value(json_object_get(answer, "key"));
	bool ok = json_is_true(json_object_get(answer, "ok"));
	size_t i;

	if (ok && key && o->out && !write_key(o->out, key))
		return LINK_FAULT;
	json_object_del(answer, "key");      /* only where it was asked for: no key on a terminal by accident */
	if (o->json) {
		/* with the key on standard output, what is said of it goes beside it */
		json_dumpf(answer, o->out && !strcmp(o->out, "-") ? stderr : stdout, JSON_COMPACT);
		fputc('\n', o->out && !strcmp(o->out, "-") ? stderr : stdout);
		return ok ? LINK_DONE : LINK_REFUSED;
	}
	if (!ok)
		return link_refused(answer);
	json_array_foreach(keys, i, k)
		print_one(k);
	if (!keys && !(o->out && !strcmp(o->out, "-")))
		print_one(answer);
	return LINK_DONE;
}

int link_key(const struct agent_config *cfg, const struct link_key_options *o)
{
	const struct verb *v = find(o->verb);
	const char *wrong = misuse(v, o);
	json_t *q, *answer;
	int code;

	if (wrong) {
		fprintf(stderr, "muster-agent key %s: %s\n", o->verb, wrong);
		return LINK_USAGE;
	}
	q = json_pack("{s:s, s:I, s:I}", "op", v->op, "seconds", (json_int_t)o->lifetime_s, "SUID", (json_int_t)(o->suid ? o->suid : o->mef ? 22 : 32));
	if (o->mef)
		json_object_set_new(q, "mef", json_true());
	if (o->key_id)
		json_object_set_new(q, "keyID", json_string(o->key_id));
	if (o->n_targets)
		json_object_set_new(q, "targets", link_list_of(o->targets, o->n_targets));
	if (o->n_labels)
		json_object_set_new(q, "labels", link_list_of(o->labels, o->n_labels));
	if (o->value && !read_value(o->value, q)) {
		json_decref(q);
		return LINK_REFUSED;
	}
	answer = link_ask(cfg, q, o->json);
	if (!answer) {
		fprintf(stderr, "the agent gave no answer, and the state cannot be opened\n");
		return LINK_FAULT;
	}
	code = show(o, answer);
	json_decref(answer);
	return code;
}
