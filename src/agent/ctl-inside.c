/* `muster-agent doctor`: what this machine offers to keep keys in; `muster-agent request`: a key made inside, and its request. */
#include "agent/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_FAULT = 3 };

/* --- doctor --- */

/* What the agent has of it. That a device attests is no use of anybody's yet, and is not promised (decision 0026);
 * HMACs by imported keys open the store and a maker's secret that was taken (decision 0054), which "bound" speaks of. */
static const struct { const char *name, *yes, *no; size_t at; } traits[] = {
	{ "bound", "the store opens with this device alone", "whoever copies the disk and the key file has the store", offsetof(struct mst_secenv_offers, bound) },
	{ "keysInside", "private keys of certificates are made in it and never leave", "private keys are made in memory and kept sealed",
	  offsetof(struct mst_secenv_offers, keys_inside) },
	{ "counter", "an old copy of the store is recognised", "an old copy of the store passes for the newest", offsetof(struct mst_secenv_offers, counter) },
};

static bool trait(const struct mst_secenv_offers *o, size_t i)
{
	return *(const bool *)((const char *)o + traits[i].at);
}

static json_t *offer_json(const struct inside_offer *o)
{
	json_t *j = json_pack("{s:s, s:b}", "backend", mst_secenv_kind_text(o->kind), "usable", !o->r);

	for (size_t i = 0; !o->r && i < MST_COUNT(traits); i++)
		json_object_set_new(j, traits[i].name, json_boolean(trait(&o->offers, i)));
	if (o->r) {
		json_object_set_new(j, "why", json_string(inside_words(o->r, &o->d)));
		json_object_set_new(j, "remedy", json_string(o->remedy));
	}
	return j;
}

static void print_offer(const json_t *o)
{
	const char *why = json_string_value(json_object_get(o, "why"));

	printf("%-20s %s%s\n", json_string_value(json_object_get(o, "backend")), why ? "not usable: " : "usable", why ? why : "");
	if (why)
		printf("%-20s what to do: %s\n", "", json_string_value(json_object_get(o, "remedy")));
	for (size_t i = 0; !why && i < MST_COUNT(traits); i++)
		printf("%-20s %s %s\n", "", json_is_true(json_object_get(o, traits[i].name)) ? "+" : "-",
		       json_is_true(json_object_get(o, traits[i].name)) ? traits[i].yes : traits[i].no);
}

static void print_unnamed(const json_t *o)
{
	printf("%-20s not looked at, as no setting names it: %s\n%-20s %s\n", json_string_value(json_object_get(o, "backend")),
	       json_string_value(json_object_get(o, "name")), "", json_string_value(json_object_get(o, "remedy")));
}

static void print_born(const json_t *o)
{
	const char *warning = json_string_value(json_object_get(o, "warning"));

	if (warning)
		printf("warning: %s: %s\n  what to do: %s\n", json_string_value(json_object_get(o, "setting")), warning, json_string_value(json_object_get(o, "remedy")));
}

int ctl_doctor(const struct agent_config *cfg, bool json)
{
	struct mst_crypto *c = mst_crypto_openssl();
	struct inside_offer o[INSIDE_KINDS];
	struct inside_choice choice;
	struct mst_diag d = { 0 };
	json_t *all = json_array(), *unnamed = inside_unnamed(cfg), *born = inside_born(cfg), *answer, *x;
	size_t n = inside_offers(cfg, c, o), i;
	int r = inside_choose(cfg, c, o, n, &choice, &d);
	bool usable = false;

	for (i = 0; i < n; i++) {
		json_array_append_new(all, offer_json(&o[i]));
		usable |= !r && o[i].kind == choice.kind && !o[i].r;
	}
	if (r)
		answer = json_pack("{s:o, s:n, s:s, s:s, s:b}", "offers", all, "chosen", "why", inside_words(r, &d), "remedy",
				   mst_secenv_remedy(r), "ok", false);
	else
		answer = json_pack("{s:o, s:s, s:s, s:b}", "offers", all, "chosen", mst_secenv_kind_text(choice.kind), "why", choice.why,
				   "ok", usable);
	json_object_set_new(answer, "unnamed", unnamed);
	json_object_set_new(answer, "born", born);
	if (json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		fputc('\n', stdout);
	} else {
		json_array_foreach(all, i, x)
			print_offer(x);
		json_array_foreach(unnamed, i, x)
			print_unnamed(x);
		printf("\nchosen: %s (%s)\n", r ? "none" : mst_secenv_kind_text(choice.kind), json_string_value(json_object_get(answer, "why")));
		if (r)
			printf("what to do: %s\n", mst_secenv_remedy(r));
		json_array_foreach(born, i, x)
			print_born(x);
	}
	json_decref(answer);
	return usable ? EXIT_DONE : EXIT_REFUSED;
}

/* --- request --- */

static int say(const struct agent_config *cfg, int r, const struct mst_diag *d)
{
	char words[AGENT_PATH_MAX + 192];

	agent_store_words(cfg, d, r, words, sizeof(words));
	fprintf(stderr, "%s\n  what to do: %s\n", words, agent_store_remedy(r));
	return r < 0 ? EXIT_FAULT : EXIT_REFUSED;
}

static bool san_of(const char *name, struct mst_san *ret)
{
	static const enum mst_id_kind kinds[] = { MST_ID_NODE, MST_ID_DEVICE, MST_ID_CSE_ABS, MST_ID_AE_ABS, MST_ID_FQDN };

	for (size_t i = 0; i < MST_COUNT(kinds); i++) {
		if (mst_id_valid(kinds[i], mst_view_str(name)) && strlen(name) < sizeof(ret->value)) {
			ret->kind = kinds[i];
			snprintf(ret->value, sizeof(ret->value), "%s", name);
			return true;
		}
	}
	return false;
}

/* Never over anything: a key that is there may be in use. */
static int write_new(const char *path, struct mst_view v, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	bool ok = fd >= 0 && write(fd, v.p, v.n) == (ssize_t)v.n && fsync(fd) == 0;

	if (fd >= 0 && close(fd))
		ok = false;
	if (ok)
		return 0;
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		unlink(path);
	return EXIT_FAULT;
}

/* The key of the setting `key`: the one that was made before, or a new one. */
static int have_key(const struct agent_config *cfg, struct mst_secenv *env, struct mst_secenv_key *k)
{
	uint8_t *pem = NULL, out[2 * MST_SECENV_KEY_MAX];
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_diag d = { 0 };
	size_t n = 0;
	int r;

	if (access(cfg->key, F_OK) == 0) {
		r = agent_read_secret(cfg->key, &pem, &n, &d);
		if (!r)
			r = inside_key_of(env, (struct mst_view){ pem, n }, k, &d);
		if (pem)
			mst_wipe(pem, n);
		free(pem);
		if (!r && k->n)
			return 0;
		fprintf(stderr, "%s: there is a key already%s%s; move it away, or name another file with the setting \"key\"\n", cfg->key,
			d.text[0] ? ": " : ", and it is not in the secure environment", d.text);
		return EXIT_REFUSED;
	}
	r = env->ops->key_make(env, k, &d);
	if (r)
		return say(cfg, r, &d);
	mst_pem_put(&w, INSIDE_LABEL, (struct mst_view){ k->b, k->n });
	r = w.ok ? write_new(cfg->key, mst_written(&w), 0600) : EXIT_FAULT;
	if (r && env->ops->key_erase(env, k, &d))
		(void)say(cfg, MST_FAULT_IO, &d);
	return r;
}

int ctl_request(const struct agent_config *cfg, const char *name, const char *out)
{
	struct mst_secenv *env = NULL;
	struct mst_secenv_key k = { .n = 0 };
	struct mst_diag d = { 0 };
	struct mst_san san;
	uint8_t der[MST_CSR_MAX], pem[2 * MST_CSR_MAX];
	struct mst_writer w = mst_writer_of(pem, sizeof(pem));
	size_t n = 0;
	int r, code;

	if (!san_of(name ? name : cfg->node_id, &san)) {
		fprintf(stderr, "muster-agent request: \"%s\" is no name of a node, a device, a CSE, an AE or a host; give one, or set node_id\n",
			name ? name : cfg->node_id);
		return EXIT_REFUSED;
	}
	r = agent_store_open(cfg, mst_crypto_openssl(), &env, &d);
	if (r)
		return say(cfg, r, &d);
	code = have_key(cfg, env, &k);
	if (!code) {
		r = inside_request(env, &k, &san, NULL, der, sizeof(der), &n, &d);
		code = r ? say(cfg, r, &d) : EXIT_DONE;
	}
	env->ops->close(env);
	mst_wipe(&k, sizeof(k));
	if (code)
		return code;
	mst_pem_put(&w, "CERTIFICATE REQUEST", (struct mst_view){ der, n });
	if (out)
		return write_new(out, mst_written(&w), 0644);
	return fwrite(pem, 1, w.n, stdout) == w.n ? EXIT_DONE : EXIT_FAULT;
}
