/* `muster init --ca-key`: the CA's key made in a TPM or a token, where it stays (decision 0035). */
#include "init-ca.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "muster.h"

/* musterd has another directory than who types this. */
static bool absolute(const char *what, const char **path, char out[PATH_MAX])
{
	if (!**path)
		return true;
	if (!realpath(*path, out)) {
		complain("%s %s: %s", what, *path, strerror(errno));
		return false;
	}
	*path = out;
	return true;
}

bool init_ca_parse(struct init_ca *ca, const char *where, const char *pin_file, const char *state)
{
	struct mst_diag d = { 0 };
	char tpm[MST_SECENV_URI_MAX];

	ca->given = where != NULL;
	ca->best = where && (strcmp(where, "best") == 0 || strncmp(where, "best:", 5) == 0);
	if (ca->best) {
		snprintf(tpm, sizeof(tpm), "tpm%s", where + 4);
		where = tpm;
	}
	where = where ? where : "file";
	if (!mst_secenv_place_parse(where, &ca->kind, &ca->place, ca->text, &d)) {
		usage_error(NULL, "--ca-key: \"%s\" %s", where, d.text);
		return false;
	}
	if (pin_file && ca->kind != MST_SECENV_TPM) {
		usage_error(NULL, "--ca-pin-file is for a TPM; a token has pin-source in its URI");
		return false;
	}
	if (state && ca->kind != MST_SECENV_PKCS11) {
		usage_error(NULL, "--ca-module-state is for a token");
		return false;
	}
	ca->place.pin_file = pin_file ? pin_file : ca->place.pin_file;
	ca->state = state ? state : "";
	return absolute("the PIN's file", &ca->place.pin_file, ca->paths[0]) && absolute("the module", &ca->place.module, ca->paths[1]) &&
	       absolute("--ca-module-state", &ca->state, ca->paths[2]);
}

static int try_tpm(const struct mst_secenv_place *p, struct mst_diag *d)
{
	setenv("TSS2_LOG", "all+NONE", 0);
	return mst_secenv_place_works(p, MST_SECENV_TPM, ROOT_KEYS, NULL, mst_crypto_openssl(), d);
}

static void each_token(void *arg, const char *label, bool initialised)
{
	(void)arg;
	if (initialised)
		say("there is a token, too, which is not tried without a PIN: muster init DIR --ca-key 'pkcs11:token=%s?pin-source=FILE'", shown(label));
}

void init_ca_hint(const struct init_ca *ca, bool split)
{
	struct mst_diag d = { 0 };

	if (ca->given)
		return;
	if (split && mst_secenv_place_tpm_there() && try_tpm(&ca->place, &d) == 0)
		say("the CA's key is in a file; this machine's TPM works, and a key that is made there cannot be copied: muster init DIR --ca-key tpm, for an "
		    "installation that nobody uses yet");
	(void)!mst_secenv_place_tokens(each_token, NULL, &d);
}

/* With --json the answer names the place, and only what it cannot have is left to be told. */
static void tell_best(const struct muster *m, int r, const struct mst_diag *d)
{
	static const char is[] = "the CA's key: the best place that works here is";
	const char *why = d->text[0] ? d->text : "this machine shows none";

	if (r && m->json)
		complain("%s a file; no TPM works: %s", is, why);
	else if (r)
		say("%s a file; no TPM works: %s", is, why);
	else if (!m->json)
		say("%s the TPM", is);
}

int init_ca_open(const struct muster *m, struct init_ca *ca, struct mst_diag *d)
{
	int r;

	if (ca->kind == MST_SECENV_FILE)
		return 0;
	setenv("TSS2_LOG", "all+NONE", 0);       /* what a TPM says, we say */
	if (ca->best) {
		r = *ca->place.tcti || mst_secenv_place_tpm_there() ? try_tpm(&ca->place, d) : MST_SECENV_ABSENT;
		tell_best(m, r, d);
		if (r)
			ca->kind = MST_SECENV_FILE;
		if (r)
			return EXIT_DONE;
	}
	r = mst_secenv_place_open(&ca->place, ca->kind, NULL, mst_crypto_openssl(), &ca->root, d);
	if (r > 0)
		complain("the CA's key: %s; %s", d->text[0] ? d->text : "the device refused", mst_secenv_server_remedy(r));
	else if (r)
		complain("the CA's key: %s: %s", d->field, d->text[0] ? d->text : mst_fault_text(r));
	return r ? EXIT_FAULT : 0;
}

void init_ca_close(struct init_ca *ca)
{
	if (ca->root)
		ca->root->ops->free(ca->root);
	ca->root = NULL;
}

static int hold(void *arg, struct mst_view record, const uint8_t digest[MST_SHA256_LEN], uint8_t *ret_sig, size_t cap, size_t *ret_n,
		struct mst_diag *d)
{
	struct init_ca *ca = arg;
	struct mst_secenv_key k = { .n = record.n };

	if (!ca->root || record.n > sizeof(k.b))
		return MST_FAULT_BUG;
	memcpy(k.b, record.p, record.n);
	return ca->root->ops->key_sign(ca->root, &k, digest, ret_sig, cap, ret_n, d);
}

/* No device gives the key-encryption key of what is made here. */
static int no_device(const struct mst_keeper_device *dev, int kind, struct secenv_root **ret, struct mst_diag *d)
{
	(void)dev, (void)kind, (void)ret;
	mst_diag_set(d, 0, "keeper_key", "a new installation's key-encryption key is in a file", NULL);
	return MST_FAULT_CONFIG;
}

int init_ca_keeper(struct init_ca *ca, const char *dir, struct mst_keeper **ret, struct mst_diag *d)
{
	const struct mst_keeper_device dev = { .open = no_device, .kind = MST_SECENV_FILE, .ca = { hold, ca } };

	return mst_keeper_local_open_with(dir, &dev, mst_crypto_openssl(), ret, d);
}

static void put_setting(struct mst_writer *w, const char *name, const char *value)
{
	if (!*value)
		return;
	mst_put_str(w, "  ");
	mst_put_str(w, name);
	mst_put_str(w, " = \"");
	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\')
			mst_put_u8(w, '\\');
		mst_put_u8(w, (uint8_t)*p);
	}
	mst_put_str(w, "\";\n");
}

void init_ca_config(const struct init_ca *ca, struct mst_writer *w)
{
	if (ca->kind == MST_SECENV_FILE) {
		mst_put_str(w, ca->given ? "\n# As whoever made this said.\nca_key = { backend = \"file\"; };\n" : "");
		return;
	}
	mst_put_str(w, "\n# The CA's key was made there and cannot leave it; without it nothing is certified or revoked.\nca_key = {\n");
	put_setting(w, "backend", ca->kind == MST_SECENV_TPM ? "tpm" : "pkcs11");
	put_setting(w, "tcti", ca->place.tcti);
	put_setting(w, "module", ca->place.module);
	put_setting(w, "module_state", ca->state);
	put_setting(w, "token", ca->place.token);
	put_setting(w, "pin_file", ca->place.pin_file);
	mst_put_str(w, "};\n");
}
