#include "server/keeper-device.h"
#include "server/unit.h"

#include <stdlib.h>

#include "secenv/root.h"
#if MST_WITH_TPM
#include "secenv/tpm.h"
#endif
#if MST_WITH_PKCS11
#include "secenv/pkcs11.h"
#endif

struct device { struct mst_keeper_device d; /* first */ const struct mst_conf_keeper_key *conf; struct mst_crypto *c; };

static int wanted(struct mst_diag *d, const char *setting, const char *words)
{
	mst_diag_set(d, 0, setting, words, NULL);
	return MST_FAULT_CONFIG;
}

static int open_tpm(const struct device *v, struct secenv_root **ret, struct mst_diag *d)
{
#if MST_WITH_TPM
	struct mst_secenv_tpm t = { .tcti = v->conf->tcti, .pin_file = v->conf->pin_file };

	if (!mst_secenv_pcrs(v->conf->pcrs, &t.pcrs))
		return wanted(d, "keeper_key.pcrs", "not a list like \"0,2,7\", each once, 0 to 23");
	return mst_secenv_tpm_open(&t, v->c, ret, d);
#else
	(void)v, (void)ret;
	return wanted(d, "keeper_key.backend", "tpm was left out when this musterd was built");
#endif
}

static int open_token(const struct device *v, struct secenv_root **ret, struct mst_diag *d)
{
#if MST_WITH_PKCS11
	const struct mst_secenv_pkcs11 p = { .module = v->conf->module, .token = v->conf->token, .pin_file = v->conf->pin_file };

	if (!*p.token || !*p.pin_file)
		return wanted(d, *p.token ? "keeper_key.pin_file" : "keeper_key.token", "is needed with pkcs11");
	return mst_secenv_pkcs11_open(&p, v->c, ret, d);
#else
	(void)v, (void)ret;
	return wanted(d, "keeper_key.backend", "pkcs11 was left out when this musterd was built");
#endif
}

static int open_root(const struct mst_keeper_device *dev, int kind, struct secenv_root **ret, struct mst_diag *d)
{
	const struct device *v = (const struct device *)dev;

	if (kind == MST_SECENV_TPM)
		return open_tpm(v, ret, d);
	if (kind == MST_SECENV_PKCS11)
		return open_token(v, ret, d);
	if (kind != MST_SECENV_SECRET)
		return wanted(d, "keeper", "a key-encryption key of a back end that this version does not know");
	if (!v->conf->secret_file[0])
		return wanted(d, "keeper_key.secret_file", "is needed: the key-encryption key comes of a secret");
	*ret = mst_secenv_file(v->conf->secret_file, v->c);
	return *ret ? 0 : MST_FAULT_MEMORY;
}

static void set_limits(struct mst_keeper *k, const struct mst_conf *c)
{
	struct mst_keeper_limit limit[MST_RATE__COUNT];

	for (size_t i = 0; i < MST_RATE__COUNT; i++)
		limit[i] = (struct mst_keeper_limit){ (uint32_t)c->keeper_limits.alarm[i], (uint32_t)c->keeper_limits.most[i] };
	mst_keeper_local_limits(k, limit, mst_now_ms);
}

int mst_keeper_open(const struct mst_conf *c, bool starts, struct mst_crypto *crypto, struct mst_keeper **ret_k, struct mst_diag *d)
{
	static const int kinds[] = { MST_SECENV_FILE, MST_SECENV_SECRET, MST_SECENV_TPM, MST_SECENV_PKCS11 };
	const struct device v = { .d = { .open = open_root, .kind = kinds[c->keeper_key.backend], .starts = starts }, .conf = &c->keeper_key, .c = crypto };

	int r;

	setenv("TSS2_LOG", "all+NONE", 0);       /* what a TPM says, we say */
	r = mst_keeper_local_open_with(c->keeper, &v.d, crypto, ret_k, d);
	if (!r && starts)
		set_limits(*ret_k, c);
	return r;
}
