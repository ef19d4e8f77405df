#include "secenv/place.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if MST_WITH_TPM
#include "secenv/tpm.h"
#endif
#if MST_WITH_PKCS11
#include "secenv/pkcs11.h"
#endif

static int wanted(struct mst_diag *d, const struct mst_secenv_place *p, const char *setting, const char *words)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", p->group, setting);
	mst_diag_set(d, 0, name, words, NULL);
	return MST_FAULT_CONFIG;
}

struct opening { const struct mst_secenv_place *p; struct mst_crypto *c; };

static int open_tpm(const void *ctx, struct secenv_root **ret, struct mst_diag *d)
{
	const struct opening *o = ctx;
	const struct mst_secenv_place *p = o->p;
#if MST_WITH_TPM
	struct mst_secenv_tpm t = { .tcti = p->tcti, .pin_file = p->pin_file };

	if (!mst_secenv_pcrs(p->pcrs, &t.pcrs))
		return wanted(d, p, "pcrs", "not a list like \"0,2,7\", each once, 0 to 23");
	return mst_secenv_tpm_open(&t, o->c, ret, d);
#else
	(void)ret;
	return wanted(d, p, "backend", "tpm was left out when this program was built");
#endif
}

static int open_token(const void *ctx, struct secenv_root **ret, struct mst_diag *d)
{
	const struct opening *o = ctx;
	const struct mst_secenv_place *p = o->p;
#if MST_WITH_PKCS11
	const struct mst_secenv_pkcs11 t = { .module = p->module, .token = p->token, .pin_file = p->pin_file };

	if (!*t.token || !*t.pin_file)
		return wanted(d, p, *t.token ? "pin_file" : "token", "is needed with pkcs11");
	return mst_secenv_pkcs11_open(&t, o->c, ret, d);
#else
	(void)ret;
	return wanted(d, p, "backend", "pkcs11 was left out when this program was built");
#endif
}

void mst_secenv_place_device(const struct mst_secenv_place *p, enum mst_secenv_kind kind, char out[MST_SECENV_DEVICE])
{
	mst_secenv_device(kind, kind == MST_SECENV_TPM ? p->tcti : p->token, out);
}

int mst_secenv_place_open(const struct mst_secenv_place *p, enum mst_secenv_kind kind, struct mst_secenv_guard *guard,
			  struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
	const struct opening o = { p, c };
	char device[MST_SECENV_DEVICE];
	const struct mst_secenv_guarded how = { .group = p->group, .pin_file = p->pin_file, .device = device, .guard = guard, .logs_in = kind != MST_SECENV_TPM,
						.open = kind == MST_SECENV_TPM ? open_tpm : open_token, .ctx = &o,
#if MST_WITH_TPM
						.judge = kind == MST_SECENV_TPM ? mst_secenv_tpm_judge : NULL,
#endif
	};

	if (kind == MST_SECENV_FILE || kind == MST_SECENV_SECRET) {
		if (kind == MST_SECENV_SECRET && !*p->secret_file)
			return wanted(d, p, "secret_file", "is needed with secret");
		*ret = mst_secenv_file(kind == MST_SECENV_SECRET ? p->secret_file : NULL, c);
		return *ret ? 0 : MST_FAULT_MEMORY;
	}
	mst_secenv_place_device(p, kind, device);
	return mst_secenv_guarded_open(&how, ret, d);
}

int mst_secenv_place_works(const struct mst_secenv_place *p, enum mst_secenv_kind kind, unsigned what, struct mst_secenv_guard *guard,
			   struct mst_crypto *c, struct mst_diag *d)
{
	struct secenv_root *root = NULL;
	int r;

	if (kind == MST_SECENV_FILE)
		return 0;
	r = mst_secenv_place_open(p, kind, guard, c, &root, d);
	if (r)
		return r;
	r = secenv_root_try(root, what, d);
	root->ops->free(root);
	return r;
}

bool mst_secenv_place_tpm_there(void)
{
	return access("/dev/tpmrm0", F_OK) == 0 || access("/sys/class/tpmrm/tpmrm0", F_OK) == 0;
}

/* --- as people write it --- */

bool mst_secenv_place_parse(const char *text, enum mst_secenv_kind *ret_kind, struct mst_secenv_place *ret_p, char buf[MST_SECENV_URI_MAX],
			    struct mst_diag *d)
{
	*ret_p = (struct mst_secenv_place){ "ca_key", "", "", "", "", "", "" };
	if (strcmp(text, "file") == 0) {
		*ret_kind = MST_SECENV_FILE;
		return true;
	}
	if (strcmp(text, "tpm") == 0 || strncmp(text, "tpm:", 4) == 0) {
		*ret_kind = MST_SECENV_TPM;
		snprintf(buf, MST_SECENV_URI_MAX, "%s", text[3] ? text + 4 : "");
		ret_p->tcti = buf;
		return true;
	}
#if MST_WITH_PKCS11
	if (strncmp(text, "pkcs11:", 7) == 0) {
		*ret_kind = MST_SECENV_PKCS11;
		return mst_secenv_pkcs11_uri(text, buf, ret_p, d);
	}
#endif
	mst_diag_set(d, 0, "", "is neither file nor tpm nor a URI like pkcs11:token=LABEL?pin-source=FILE", NULL);
	return false;
}

int mst_secenv_place_tokens(void (*each)(void *arg, const char *label, bool initialised), void *arg, struct mst_diag *d)
{
#if MST_WITH_PKCS11
	return mst_secenv_pkcs11_tokens(each, arg, d);
#else
	(void)each, (void)arg;
	mst_diag_set(d, 0, "pkcs11", "was left out when this program was built", NULL);
	return MST_SECENV_NONE;
#endif
}
