/* What the machine has and the agent does not use: told in the log, in status and by doctor, never passed over in silence. */
#include "agent/inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/heap.h"
#include "secenv/card.h"
#include "secenv/root.h"
#if MST_WITH_TPM
#include "secenv/tpm.h"
#endif
#if MST_WITH_PKCS11
#include "secenv/pkcs11.h"
#endif

#define TPM_DEVICE "/dev/tpmrm0"
#define TPM_IN_KERNEL "/sys/class/tpmrm/tpmrm0"  /* a TPM 2.0 with the kernel's resource manager, whoever may see its device */

bool inside_tpm_there(void)
{
	return access(TPM_DEVICE, F_OK) == 0 || access(TPM_IN_KERNEL, F_OK) == 0;
}

bool inside_tpm_hidden(struct mst_diag *d)
{
	int why = access(TPM_DEVICE, R_OK | W_OK) == 0 ? 0 : errno;

	if (!why || !inside_tpm_there())
		return false;
	mst_diag_set(d, 0, "TPM", "this machine has one, but this process cannot use " TPM_DEVICE ": ", strerror(why), NULL);
	return true;
}

static void put_unnamed(json_t *all, const char *backend, const char *name, const char *remedy)
{
	json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "backend", backend, "name", name, "remedy", remedy));
}

#if MST_WITH_PKCS11
struct tokens { json_t *all; const char *named; };

static void each_token(void *arg, const char *label, bool initialised)
{
	struct tokens *t = arg;
	char text[160];

	if (initialised && strcmp(label, t->named) == 0)
		return;
	if (initialised)
		snprintf(text, sizeof(text), "to use it: secenv = { token = \"%s\"; pin_file = \"…\"; };", label);
	else
		snprintf(text, sizeof(text), "to use it: give it a label and a PIN with its maker's tool");
	put_unnamed(t->all, "pkcs11", initialised ? label : "one that is not initialised", text);
}
#endif

json_t *inside_unnamed(const struct agent_config *cfg)
{
	json_t *all = json_array();
	char name[128], text[240];

#if MST_WITH_PKCS11
	(void)!mst_secenv_pkcs11_tokens(each_token, &(struct tokens){ all, cfg->secenv_token }, &(struct mst_diag){ 0 });
#endif
	/* readers by name: a card that belongs to others is not disturbed to see whether it has an applet */
	for (size_t i = 0; mst_card_pcsc_reader(i, name, sizeof(name)); i++) {
		if (cfg->secenv_backend == AGENT_BACKEND_CARD || (cfg->secenv_reader[0] && strncmp(name, cfg->secenv_reader, strlen(cfg->secenv_reader)) == 0))
			continue;
		snprintf(text, sizeof(text), "if its card has the key applet: secenv = { reader = \"%s\"; };", name);
		put_unnamed(all, "card", name, text);
	}
	return all;
}

/* A TPM that nobody named and that is not used, though the machine has it: why, and what to do. NULL: nothing to tell. */
static const char *unused_tpm(struct mst_crypto *c, struct mst_diag *d)
{
#if MST_WITH_TPM
	const struct mst_secenv_tpm t = { .tcti = "", .pin_file = "" };
	struct secenv_root *root = NULL;
	struct mst_diag unused;
	bool owned = false;

	if (inside_tpm_there() && !mst_secenv_tpm_open(&t, c, &root, &unused)) {
		owned = mst_secenv_tpm_owned(root, d);
		root->ops->free(root);
	}
	if (owned)
		return mst_secenv_remedy(MST_SECENV_OWNED);
#else
	(void)c;
#endif
	return inside_tpm_hidden(d) ? INSIDE_REACH_TPM : NULL;
}

json_t *inside_status(const struct agent_config *cfg, struct mst_crypto *c)
{
	struct mst_diag d = { 0 };
	enum mst_secenv_kind kind;
	const char *remedy;
	json_t *o;

	if (mst_secenv_kind_of(cfg->key_file, c, &kind, &d))
		return json_null();
	o = json_pack("{s:s, s:n}", "backend", mst_secenv_kind_text(kind), "warning");
	/* who says "file" wants files; who says nothing wants the best */
	if ((kind != MST_SECENV_FILE && kind != MST_SECENV_SECRET) || cfg->secenv_backend != AGENT_BACKEND_AUTO)
		return o;
	remedy = unused_tpm(c, &d);
	if (remedy) {
		json_object_set_new(o, "warning", json_string(d.text));
		json_object_set_new(o, "remedy", json_string(remedy));
	}
	return o;
}

void inside_look(struct agent *a)
{
	const char *warning;

	a->inside = inside_status(&a->cfg, a->crypto);
	warning = json_string_value(json_object_get(a->inside, "warning"));
	if (warning)
		agent_log(a, AGENT_WARN, "secure-environment", "backend", json_string_value(json_object_get(a->inside, "backend")), "why", warning,
			  "remedy", json_string_value(json_object_get(a->inside, "remedy")), NULL);
}

#define LOCK_REMEDY "raise the limit of locked memory (LimitMEMLOCK=8M in the unit, ulimit -l), or turn swap off or have it encrypted"

static size_t unlocked_words(char *out, size_t cap)
{
	int why;
	size_t n = mst_heap_unlocked(&why);

	snprintf(out, cap, "%zu KiB of memory that keys pass through may be swapped out: %s", (n + 1023) / 1024, strerror(why));
	return n;
}

void inside_look_memory(struct agent *a)
{
	char words[160];
	size_t n = unlocked_words(words, sizeof(words));

	if (n <= a->unlocked)
		return;
	a->unlocked = n;
	agent_log(a, AGENT_WARN, "memory-not-locked", "why", words, "remedy", LOCK_REMEDY, NULL);
}

json_t *inside_memory(void)
{
	char words[160];

	return json_pack("{s:o}", "warning", unlocked_words(words, sizeof(words)) ? json_string(words) : json_null());
}

/* How it lies there; what that means, doctor says. */
static void print_born(FILE *out, const json_t *status)
{
	const char *refused = json_string_value(json_object_get(status, "secretRefused"));
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(status, "born"), i, one) {
		const char *kept = json_string_value(json_object_get(one, "kept"));

		fprintf(out, "%-13s %s: %s\n", i ? "" : "born with", json_string_value(json_object_get(one, "setting")), !strcmp(kept, "clear") ? "in clear" :
			!strcmp(kept, "device") ? "good with the device alone" : "sealed");
	}
	if (refused)
		fprintf(out, "  the maker's secret cannot be used: %s\n  what to do: muster-agent --check and muster-agent doctor look at it\n", refused);
}

void inside_print(FILE *out, const json_t *status)
{
	const json_t *in = json_object_get(status, "secureEnvironment");
	const char *warning = json_string_value(json_object_get(in, "warning"));
	const char *memory = json_string_value(json_object_get(json_object_get(status, "memory"), "warning"));

	if (memory)
		fprintf(out, "warning: memory: %s\n  what to do: %s\n", memory, LOCK_REMEDY);
	if (!json_is_object(in))
		return;
	fprintf(out, "keys are in   %s\n", json_string_value(json_object_get(in, "backend")));
	print_born(out, status);
	if (warning)
		fprintf(out, "  warning: TPM: %s\n  what to do: %s\n", warning, json_string_value(json_object_get(in, "remedy")));
}
