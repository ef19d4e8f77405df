#include "agent/inside.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "secenv/root.h"
#include "secenv/uicc.h"
#if MST_WITH_TPM
#include "secenv/tpm.h"
#endif
#if MST_WITH_PKCS11
#include "secenv/pkcs11.h"
#endif

#define STORE_MS 5000            /* a command that looks at the store takes moments */

const char *agent_store_remedy(int r)
{
	return mst_secenv_remedy(r);
}

const char *inside_words(int r, const struct mst_diag *d)
{
	return d->text[0] ? d->text : r < 0 ? mst_fault_text(r) : "the device refused";
}

#if !MST_WITH_TPM || !MST_WITH_PKCS11
static int left_out(const char *what, struct mst_diag *d)
{
	mst_diag_set(d, 0, "secenv.backend", what, " was left out when this muster-agent was built", NULL);
	return MST_SECENV_NOT_OFFERED;
}
#endif

static int open_tpm(const struct agent_config *cfg, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
#if MST_WITH_TPM
	struct mst_secenv_tpm t = { .tcti = cfg->secenv_tcti, .pin_file = cfg->secenv_pin };

	int r = agent_config_pcrs(cfg, &t.pcrs) ? mst_secenv_tpm_open(&t, c, ret, d) : MST_FAULT_CONFIG;

	/* what tpm2-tss finds by itself may be a daemon's, which needs no device here */
	if (r == MST_SECENV_ABSENT && !cfg->secenv_tcti[0])
		(void)inside_tpm_hidden(d);
	return r;
#else
	(void)cfg, (void)c, (void)ret;
	return left_out("tpm", d);
#endif
}

static int open_token(const struct agent_config *cfg, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
#if MST_WITH_PKCS11
	const struct mst_secenv_pkcs11 p = { .module = cfg->secenv_module, .token = cfg->secenv_token, .pin_file = cfg->secenv_pin };

	return mst_secenv_pkcs11_open(&p, c, ret, d);
#else
	(void)cfg, (void)c, (void)ret;
	return left_out("pkcs11", d);
#endif
}

static int open_card(const struct agent_config *cfg, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
	const struct mst_secenv_uicc u = { .reader = cfg->secenv_reader, .pin_file = cfg->secenv_pin };

	return mst_secenv_uicc_open(&u, c, ret, d);
}

int inside_root(const struct agent_config *cfg, enum mst_secenv_kind kind, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
	switch (kind) {
	case MST_SECENV_FILE:
	case MST_SECENV_SECRET:
		*ret = mst_secenv_file(kind == MST_SECENV_SECRET ? cfg->secenv_secret : NULL, c);
		return *ret ? 0 : MST_FAULT_MEMORY;
	case MST_SECENV_TPM: return open_tpm(cfg, c, ret, d);
	case MST_SECENV_PKCS11: return open_token(cfg, c, ret, d);
	case MST_SECENV_UICC: return open_card(cfg, c, ret, d);
	}
	return MST_FAULT_BUG;
}

/* Is there a reason to look for it? A TPM is there or not; a token and a card have to be named. */
static bool spoken_of(const struct agent_config *cfg, enum mst_secenv_kind kind)
{
	switch (kind) {
	case MST_SECENV_FILE: return !cfg->secenv_secret[0];
	case MST_SECENV_SECRET: return cfg->secenv_secret[0] != 0;
	case MST_SECENV_TPM: return cfg->secenv_backend == AGENT_BACKEND_TPM || cfg->secenv_tcti[0] || inside_tpm_there();
	case MST_SECENV_PKCS11: return cfg->secenv_token[0] != 0;
	case MST_SECENV_UICC: return cfg->secenv_backend == AGENT_BACKEND_CARD || cfg->secenv_reader[0];
	}
	return false;
}

/* A device that the settings name is meant to be used: without it a store that is new does not quietly begin elsewhere. */
static bool named(const struct agent_config *cfg, enum mst_secenv_kind kind)
{
	return (kind == MST_SECENV_TPM && cfg->secenv_tcti[0]) || (kind == MST_SECENV_PKCS11 && cfg->secenv_token[0]) ||
	       (kind == MST_SECENV_UICC && cfg->secenv_reader[0]) ||
	       kind == MST_SECENV_SECRET;
}

/* Best first: what cannot be copied off the machine, before what can. */
static const enum mst_secenv_kind order[INSIDE_KINDS] = { MST_SECENV_TPM, MST_SECENV_PKCS11, MST_SECENV_UICC, MST_SECENV_SECRET, MST_SECENV_FILE };

size_t inside_offers(const struct agent_config *cfg, struct mst_crypto *c, struct inside_offer ret[INSIDE_KINDS])
{
	size_t n = 0;

	for (size_t i = 0; i < INSIDE_KINDS; i++) {
		struct inside_offer *o = &ret[n];
		struct secenv_root *root = NULL;
		struct mst_diag unused;

		if (!spoken_of(cfg, order[i]))
			continue;
		*o = (struct inside_offer){ .kind = order[i] };
		o->r = inside_root(cfg, order[i], c, &root, &o->d);
		o->remedy = mst_secenv_remedy(o->r);
		if (o->r == MST_SECENV_ABSENT && order[i] == MST_SECENV_TPM && !cfg->secenv_tcti[0] && inside_tpm_hidden(&unused))
			o->remedy = INSIDE_REACH_TPM;
		if (!o->r) {
			o->offers = root->ops->offers;
			root->ops->free(root);
		}
		n++;
	}
	return n;
}

static enum mst_secenv_kind wanted(const struct agent_config *cfg)
{
	switch ((enum agent_backend)cfg->secenv_backend) {
	case AGENT_BACKEND_TPM: return MST_SECENV_TPM;
	case AGENT_BACKEND_PKCS11: return MST_SECENV_PKCS11;
	case AGENT_BACKEND_CARD: return MST_SECENV_UICC;
	case AGENT_BACKEND_FILE:
	case AGENT_BACKEND_AUTO: break;
	}
	return cfg->secenv_secret[0] ? MST_SECENV_SECRET : MST_SECENV_FILE;
}

int inside_choose(const struct agent_config *cfg, struct mst_crypto *c, struct inside_choice *ret, struct mst_diag *d)
{
	struct inside_offer o[INSIDE_KINDS];
	enum mst_secenv_kind kind;
	size_t n;
	int r;

	if (cfg->secenv_backend != AGENT_BACKEND_AUTO) {
		*ret = (struct inside_choice){ wanted(cfg), "the settings say so (secenv.backend)" };
		return 0;
	}
	/* Never another one than before: that would be an empty store beside the credential that the node has. */
	r = mst_secenv_kind_of(cfg->key_file, c, &kind, d);
	if (!r)
		*ret = (struct inside_choice){ kind, "the store that is there is bound to it" };
	if (r != MST_SECENV_NONE)
		return r;
	n = inside_offers(cfg, c, o);
	for (size_t i = 0; i < n; i++) {
		if (o[i].r && named(cfg, o[i].kind)) {
			*d = o[i].d;
			return o[i].r;
		}
		if (!o[i].r) {
			*ret = (struct inside_choice){ o[i].kind, n == 1 ? "no setting names anything else, and there is no TPM" : "the best that machine and settings offer" };
			return 0;
		}
	}
	*d = o[0].d;
	return o[0].r;
}

static int open_once(const struct agent_config *cfg, struct mst_crypto *c, struct mst_secenv **ret_s, struct mst_diag *d)
{
	struct inside_choice choice = { .kind = MST_SECENV_FILE };
	struct secenv_root *root = NULL;
	int r = inside_settle(cfg, c, d);

	if (!r)
		r = inside_choose(cfg, c, &choice, d);
	if (!r)
		r = inside_root(cfg, choice.kind, c, &root, d);
	return r ? r : mst_secenv_open(cfg->state, cfg->key_file, root, c, ret_s, d);
}

int agent_store_open(const struct agent_config *cfg, struct mst_crypto *c, struct mst_secenv **ret_s, struct mst_diag *d)
{
	mst_ms until = agent_now() + STORE_MS;
	int r;

	while ((r = open_once(cfg, c, ret_s, d)) == MST_SECENV_LOCKED && agent_now() < until)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	return r;
}
