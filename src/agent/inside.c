#include "agent/inside.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "secenv/place.h"
#include "secenv/uicc.h"

#define STORE_MS 5000            /* a command that looks at the store takes moments */

const char *agent_store_remedy(int r)
{
	return mst_secenv_remedy(r);
}

const char *inside_words(int r, const struct mst_diag *d)
{
	return d->text[0] ? d->text : r < 0 ? mst_fault_text(r) : "the device refused";
}

/* A process has one state. The note of a PIN that was refused lies in it, and is none of the store's files. */
static struct mst_secenv_guard *guard_of(const struct agent_config *cfg)
{
	static struct mst_secenv_guard g;
	char path[sizeof(g.path)];

	snprintf(path, sizeof(path), "%.1000s/" INSIDE_REFUSED, cfg->state);
	if (strcmp(path, g.path) != 0) {
		g = (struct mst_secenv_guard){ .n = 0 };
		memcpy(g.path, path, sizeof(path));
	}
	return &g;
}

struct card { const struct agent_config *cfg; struct mst_crypto *c; };

static int open_card(const void *ctx, struct secenv_root **ret, struct mst_diag *d)
{
	const struct card *o = ctx;
	const struct mst_secenv_uicc u = { .reader = o->cfg->secenv_reader, .pin_file = o->cfg->secenv_pin };

	return mst_secenv_uicc_open(&u, o->c, ret, d);
}

static int open_device(const struct agent_config *cfg, enum mst_secenv_kind kind, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
	const struct card card = { cfg, c };
	char reader[MST_SECENV_DEVICE];
	const struct mst_secenv_guarded how = { .group = "secenv", .pin_file = cfg->secenv_pin, .device = reader, .guard = guard_of(cfg), .logs_in = true,
						.open = open_card, .ctx = &card };
	const struct mst_secenv_place p = { "secenv", cfg->secenv_secret, cfg->secenv_pin, cfg->secenv_tcti, cfg->secenv_pcrs, cfg->secenv_module,
					    cfg->secenv_token };
	int r;

	mst_secenv_device(MST_SECENV_UICC, cfg->secenv_reader, reader);
	r = kind == MST_SECENV_UICC ? mst_secenv_guarded_open(&how, ret, d) : mst_secenv_place_open(&p, kind, guard_of(cfg), c, ret, d);
	/* what tpm2-tss finds by itself may be a daemon's, which needs no device here */
	if (kind == MST_SECENV_TPM && r == MST_SECENV_ABSENT && !cfg->secenv_tcti[0])
		(void)inside_tpm_hidden(d);
	return r;
}

int inside_root(const struct agent_config *cfg, enum mst_secenv_kind kind, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
	if (kind == MST_SECENV_FILE || kind == MST_SECENV_SECRET) {
		*ret = mst_secenv_file(kind == MST_SECENV_SECRET ? cfg->secenv_secret : NULL, c);
		return *ret ? 0 : MST_FAULT_MEMORY;
	}
	return open_device(cfg, kind, c, ret, d);
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

/*
 * Opening says little: a TPM is told nothing by it, and a token may lack what comes after the log-in. So it is tried; where the store is, by opening
 * it once more, which needs no room and disturbs nobody.
 */
static int try_it(const struct agent_config *cfg, struct mst_crypto *c, struct secenv_root *root, struct mst_diag *d)
{
	enum mst_secenv_kind kind;
	struct mst_diag unused;

	if (root->ops->kind != MST_SECENV_FILE && !mst_secenv_kind_of(cfg->key_file, c, &kind, &unused) && kind == root->ops->kind)
		return secenv_root_opens(root, cfg->key_file, c, d);
	return secenv_root_try(root, ROOT_STORE | ROOT_KEYS, d);
}

static void make_offer(const struct agent_config *cfg, struct mst_crypto *c, enum mst_secenv_kind kind, struct inside_offer *o)
{
	struct secenv_root *root = NULL;
	struct mst_diag unused;

	*o = (struct inside_offer){ .kind = kind };
	o->r = inside_root(cfg, kind, c, &root, &o->d);
	if (!o->r) {
		o->offers = root->ops->offers;
		o->r = try_it(cfg, c, root, &o->d);
		root->ops->free(root);
	}
	o->remedy = mst_secenv_remedy(o->r);
	if (o->r == MST_SECENV_ABSENT && kind == MST_SECENV_TPM && !cfg->secenv_tcti[0] && inside_tpm_hidden(&unused))
		o->remedy = INSIDE_REACH_TPM;
}

static size_t look(const struct agent_config *cfg, struct mst_crypto *c, bool all, struct inside_offer ret[INSIDE_KINDS])
{
	size_t n = 0;

	for (size_t i = 0; i < INSIDE_KINDS && (all || !n || ret[n - 1].r); i++)
		if (spoken_of(cfg, order[i]))
			make_offer(cfg, c, order[i], &ret[n++]);
	return n;
}

size_t inside_offers(const struct agent_config *cfg, struct mst_crypto *c, struct inside_offer ret[INSIDE_KINDS])
{
	return look(cfg, c, true, ret);
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

/* A device that only holds back is as good as it was, and whoever began elsewhere would stay there. */
static bool is_passed_over(const struct agent_config *cfg, const struct inside_offer *o)
{
	return o->r && o->r != MST_SECENV_BUSY && !named(cfg, o->kind);
}

static int best_of(const struct agent_config *cfg, const struct inside_offer *o, size_t n, struct inside_choice *ret, struct mst_diag *d)
{
	size_t i = 0;

	while (i + 1 < n && is_passed_over(cfg, &o[i]))
		i++;
	if (o[i].r) {
		*d = o[i].d;
		return o[i].r;
	}
	*ret = (struct inside_choice){ .kind = o[i].kind, .why = "the best that machine and settings offer" };
	if (i)
		ret->passed = o[0];
	else if (!spoken_of(cfg, MST_SECENV_TPM) && o[i].kind == MST_SECENV_FILE)
		ret->why = "no setting names anything else, and there is no TPM";
	return 0;
}

int inside_choose(const struct agent_config *cfg, struct mst_crypto *c, const struct inside_offer *known, size_t n_known, struct inside_choice *ret,
		  struct mst_diag *d)
{
	struct inside_offer o[INSIDE_KINDS];
	enum mst_secenv_kind kind;
	int r;

	if (cfg->secenv_backend != AGENT_BACKEND_AUTO) {
		*ret = (struct inside_choice){ .kind = wanted(cfg), .why = "the settings say so (secenv.backend)" };
		return 0;
	}
	/* Never another one than before: that would be an empty store beside the credential that the node has. */
	r = mst_secenv_kind_of(cfg->key_file, c, &kind, d);
	if (!r)
		*ret = (struct inside_choice){ .kind = kind, .why = "the store that is there is bound to it" };
	if (r != MST_SECENV_NONE)
		return r;
	return known ? best_of(cfg, known, n_known, ret, d) : best_of(cfg, o, look(cfg, c, false, o), ret, d);
}

static int open_once(const struct agent_config *cfg, struct mst_crypto *c, struct mst_secenv **ret_s, struct inside_offer *ret_passed, struct mst_diag *d)
{
	struct inside_choice choice = { .kind = MST_SECENV_FILE };
	struct secenv_root *root = NULL;
	int r = inside_settle(cfg, c, d);

	if (!r)
		r = inside_choose(cfg, c, NULL, 0, &choice, d);
	if (!r)
		r = inside_root(cfg, choice.kind, c, &root, d);
	if (choice.passed.r)             /* once: the store is bound when it is asked again */
		*ret_passed = choice.passed;
	return r ? r : mst_secenv_open(cfg->state, cfg->key_file, root, c, ret_s, d);
}

int inside_open(const struct agent_config *cfg, struct mst_crypto *c, struct mst_secenv **ret_s, struct inside_offer *ret_passed, struct mst_diag *d)
{
	mst_ms until = agent_now() + STORE_MS;
	int r;

	ret_passed->r = 0;
	while ((r = open_once(cfg, c, ret_s, ret_passed, d)) == MST_SECENV_LOCKED && agent_now() < until)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	return r;
}

int agent_store_open(const struct agent_config *cfg, struct mst_crypto *c, struct mst_secenv **ret_s, struct mst_diag *d)
{
	struct inside_offer passed;
	int r = inside_open(cfg, c, ret_s, &passed, d);

	if (!r && passed.r)
		fprintf(stderr, "muster-agent: %s is not used for this new store: %s\n  what to do: %s\n", mst_secenv_kind_text(passed.kind),
			inside_words(passed.r, &passed.d), passed.remedy);
	return r;
}
