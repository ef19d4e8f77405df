/*
 * `muster-agent secenv move`: the store to another back end, as secenv/move.h does it, with what of the agent's own hangs on it: keys in
 * the slots of certificates, the initial key where that was made by `muster-agent request`, and the maker's secret where that was taken.
 */
#include "agent/inside.h"
#include "agent/own.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secenv/maker.h"
#include "secenv/move.h"
#include "secenv/root.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_FAULT = 3 };

struct moving {
	const struct agent_config *cfg;
	struct mst_crypto *c;
	struct mst_secenv_key initial, fresh;    /* of the setting `key`, before and after; n = 0: none that is ours */
	struct mst_secenv_key left[OWN__COUNT + 2];      /* what stays in the old device, and goes there */
	size_t n_left;
	bool sealed;                             /* the maker's secret was taken (secenv/maker.h): */
	struct maker_box old;                    /* its block for the store that is there, */
	char secret[MAKER_TEXT_MAX];             /* and the one for the new store */
	size_t secret_n;
};

static int root_of(void *ctx, enum mst_secenv_kind kind, struct secenv_root **ret, struct mst_diag *d)
{
	const struct moving *m = ctx;

	return inside_root(m->cfg, kind, m->c, ret, d);
}

static int blob_of(void *ctx, struct mst_secenv *from, struct mst_secenv *to, const char *name, uint8_t *b, size_t cap, size_t *n, struct mst_diag *d)
{
	struct moving *m = ctx;
	int r = own_rekey(from, to, name, b, cap, n, &m->left[m->n_left], d);

	if (!r && m->left[m->n_left].n && m->n_left + 1 < MST_COUNT(m->left))
		m->n_left++;
	return r;
}

/* None of the store's: named whole. */
static int write_file(const char *path, const struct mst_writer *w, struct mst_diag *d)
{
	int r = w->ok ? secenv_write_path(secenv_port_real(), path, mst_written(w), d) : MST_FAULT_BUG;
	const struct mst_diag in = *d;

	if (r)
		mst_diag_set(d, 0, path, in.text, NULL);
	return r;
}

/* The file of the setting `key` with these keys. */
static int write_key(const struct agent_config *cfg, const struct mst_secenv_key *const k[], size_t n, struct mst_diag *d)
{
	uint8_t b[4 * MST_SECENV_KEY_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	for (size_t i = 0; i < n; i++)
		mst_pem_put(&w, INSIDE_LABEL, (struct mst_view){ k[i]->b, k[i]->n });
	return write_file(cfg->key, &w, d);
}

static void reached(void *ctx, const char *name)
{
	const struct moving *m = ctx;

	if (!strcmp(m->cfg->crash_at, name))
		kill(getpid(), SIGKILL);
}

/* Both, the old one's and the new one's: whichever store there is after a cut, its key is in the file. */
static int initial_key(struct moving *m, struct mst_secenv *from, struct mst_secenv *to, struct mst_diag *d)
{
	const struct mst_secenv_key *const both[] = { &m->initial, &m->fresh };
	int r;

	if (!m->initial.n)
		return 0;
	r = mst_secenv_rekey(from, to, &m->initial, &m->fresh, d);
	if (!r)
		r = write_key(m->cfg, both, MST_COUNT(both), d);
	if (!r)
		reached(m, "move-keyed");
	return r;
}

/* What a move that was cut off has left in the device that this one leads to: named by a block that is not the old store's. */
static void give_back_others(const struct moving *m, struct mst_secenv *to, struct mst_view text)
{
	struct maker_box x;
	size_t at = 0;

	while (!maker_read(text, &at, &x, NULL) && x.key.n)
		if (!mst_view_eq((struct mst_view){ x.key.b, x.key.n }, (struct mst_view){ m->old.key.b, m->old.key.n }))
			(void)to->ops->key_erase(to, &x.key, NULL);      /* of another device: not its business */
}

/* The maker's secret, for both likewise: opened by the one, sealed anew for the other. */
static int maker_secret(struct moving *m, struct mst_secenv *from, struct mst_secenv *to, struct mst_diag *d)
{
	struct mst_writer w = mst_writer_of(m->secret, sizeof(m->secret));
	struct mst_key secret = { .n = 0 };
	struct mst_secenv_key made = { .n = 0 };
	char both[2 * MAKER_TEXT_MAX];
	struct mst_writer file = mst_writer_of(both, sizeof(both));
	uint8_t *p = NULL;
	size_t n = 0;
	int r;

	if (!m->sealed)
		return 0;
	r = agent_read_secret(m->cfg->psk_file, &p, &n, d);
	if (!r)
		r = maker_open(from, m->c, (struct mst_view){ p, n }, m->cfg->psk_identity, &secret, &m->old, d);
	if (!r)
		give_back_others(m, to, (struct mst_view){ p, n });
	if (!r)
		r = maker_seal(to, m->c, m->cfg->psk_identity, &secret, &w, &made, d);
	if (!r) {
		m->secret_n = w.n;
		maker_put(&m->old, &file);
		mst_put(&file, mst_written(&w));
		r = write_file(m->cfg->psk_file, &file, d);
	}
	mst_key_wipe(&secret);
	free(p);
	if (!r)
		reached(m, "move-secret");
	else if (made.n)
		(void)to->ops->key_erase(to, &made, NULL);       /* what cannot be given back opens nothing */
	return r;
}

static int outside(void *ctx, struct mst_secenv *from, struct mst_secenv *to, struct mst_diag *d)
{
	int r = initial_key(ctx, from, to, d);

	return r ? r : maker_secret(ctx, from, to, d);
}

/* Once the new one is the store: its block alone, and what the old one's was sealed with goes where a device has it. */
static void secret_moved(struct moving *m)
{
	struct mst_writer w = { (uint8_t *)m->secret, sizeof(m->secret), m->secret_n, true };
	struct mst_diag d = { 0 };

	if (!m->sealed)
		return;
	if (write_file(m->cfg->psk_file, &w, &d)) {
		fprintf(stderr, "muster-agent: %s: %s; it can still be opened with the back end of before, too\n", m->cfg->psk_file, d.text);
		return;
	}
	if (mst_secenv_key_inside(&m->old.key))
		m->left[m->n_left++] = m->old.key;
}

static struct secenv_move move_of(struct moving *m)
{
	return (struct secenv_move){ .dir = m->cfg->state, .key_file = m->cfg->key_file, .c = m->c, .ctx = m, .root = root_of, .blob = blob_of,
				     .also = outside, .point = reached };
}

int inside_settle(const struct agent_config *cfg, struct mst_crypto *c, struct mst_diag *d)
{
	struct moving m = { .cfg = cfg, .c = c };
	const struct secenv_move move = move_of(&m);

	return mst_secenv_move_settle(&move, d);
}

/* --- the command --- */

/* One of the node's own files, of which the store knows nothing: named whole, or as much of that as there is room for. */
static bool is_of_the_node(const struct agent_config *cfg, const struct mst_diag *d)
{
	size_t n = strlen(d->field);

	return n && (!strncmp(d->field, cfg->psk_file, n) || !strncmp(d->field, cfg->key, n)) && strchr(d->field, '/');
}

static int complain(const struct agent_config *cfg, int r, const struct mst_diag *d)
{
	char words[AGENT_PATH_MAX + 192];

	agent_store_words(cfg, d, r, words, sizeof(words));
	fprintf(stderr, "%s\n  what to do: %s\n", words, r == MST_SECENV_OTHER ? "nothing" : is_of_the_node(cfg, d) ?
		"let this user write in the directory of this file, and make room on its disk" : agent_store_remedy(r));
	return r < 0 ? EXIT_FAULT : EXIT_REFUSED;
}

/* The best that there is, when none is named. */
static int target_of(const struct agent_config *cfg, struct mst_crypto *c, const char *name, enum mst_secenv_kind *ret)
{
	static const struct { const char *name; enum mst_secenv_kind kind; } kinds[] = {
		{ "file", MST_SECENV_FILE }, { "secret", MST_SECENV_SECRET }, { "tpm", MST_SECENV_TPM }, { "pkcs11", MST_SECENV_PKCS11 },
		{ "card", MST_SECENV_UICC },
	};
	struct inside_offer o[INSIDE_KINDS];
	size_t n;

	if (name && !strcmp(name, "secret") && !cfg->secenv_secret[0]) {
		fprintf(stderr, "muster-agent secenv move: for a secret, secenv.secret_file has to name it\n");
		return EXIT_REFUSED;
	}
	for (size_t i = 0; name && i < MST_COUNT(kinds); i++) {
		if (!strcmp(name, kinds[i].name)) {
			*ret = kinds[i].kind;
			return 0;
		}
	}
	if (name) {
		fprintf(stderr, "muster-agent secenv move: \"%s\" is none of file, secret, tpm, pkcs11 and card\n", name);
		return EXIT_USAGE;
	}
	n = inside_offers(cfg, c, o);
	for (size_t i = 0; i < n; i++) {
		if (!o[i].r) {
			*ret = o[i].kind;
			return 0;
		}
	}
	fprintf(stderr, "muster-agent secenv move: this machine offers nothing; muster-agent doctor says why\n");
	return EXIT_REFUSED;
}

/* One that cannot be looked at is none that is not there: left behind, nothing would open it. */
static bool is_absent(const char *path)
{
	return !path[0] || (access(path, F_OK) && errno == ENOENT);
}

/* The initial key, when it is one of the secure environment; a device's own cannot come along. */
static int find_initial(struct moving *m, struct mst_secenv *env)
{
	const struct agent_config *cfg = m->cfg;
	struct mst_diag d = { 0 };
	uint8_t *pem = NULL;
	size_t n = 0;
	int r;

	if (is_absent(cfg->key))
		return 0;
	r = agent_read_secret(cfg->key, &pem, &n, &d);
	if (r) {
		fprintf(stderr, "%s: %s\n", cfg->key, d.text);
		return EXIT_REFUSED;
	}
	if (inside_key_of(env, (struct mst_view){ pem, n }, &m->initial, &d))
		m->initial.n = 0;                /* PKCS #8, or nothing that we made */
	mst_wipe(pem, n);
	free(pem);
	if (!mst_secenv_key_inside(&m->initial))
		return 0;
	fprintf(stderr, "%s: the key of the initial certificate was made in the device and never leaves it, so the node would have none after the move; "
			"nothing was changed\n  what to do: give the node another initial credential first (muster-agent request with another file "
			"as \"key\", certificate, reset), or leave the store where it is\n", cfg->key);
	return EXIT_REFUSED;
}

/* A maker's secret that was taken comes along, so the store that is there has to open it. */
static int find_secret(struct moving *m, struct mst_secenv *env)
{
	struct mst_diag d = { 0 };
	struct mst_key secret;
	char words[AGENT_PATH_MAX + 288];
	int r;

	if (is_absent(m->cfg->psk_file))
		return 0;
	r = inside_secret_read(m->cfg, env, m->c, &secret, &m->sealed, &d);
	mst_key_wipe(&secret);
	if (!r)
		return 0;                        /* in clear it stays as it is; sealed it comes along */
	/* what cannot be read may be sealed, and after the move nothing would open it */
	fprintf(stderr, "%s; nothing was changed\n  what to do: mend that first, or take psk_file out of the settings: a secret that does not open cannot come along\n",
		agent_file_words(words, sizeof(words), m->cfg->psk_file, &d, r));
	return r < 0 ? EXIT_FAULT : EXIT_REFUSED;
}

/* What of certificates was in the old device: the store does not know it any more, and it serves nobody. */
static void erase_left(struct moving *m, enum mst_secenv_kind old)
{
	struct secenv_root *root = NULL;
	struct mst_diag d = { 0 };
	int r = m->n_left ? inside_root(m->cfg, old, m->c, &root, &d) : MST_SECENV_NONE;

	for (size_t i = 0; !r && i < m->n_left; i++)
		if (root->ops->key_erase)
			r = root->ops->key_erase(root, &m->left[i], &d);
	if (r && r != MST_SECENV_NONE)
		fprintf(stderr, "muster-agent: %s: %s; a key that serves nobody stays there\n", mst_secenv_kind_text(old), inside_words(r, &d));
	if (root)
		root->ops->free(root);
}

static int look(struct moving *m, enum mst_secenv_kind *ret_old)
{
	struct mst_secenv *env = NULL;
	struct mst_diag d = { 0 };
	struct secenv_root *root = NULL;
	int r = inside_settle(m->cfg, m->c, &d), code;

	/* as it is now, whatever the settings say of what is to come */
	if (!r)
		r = mst_secenv_kind_of(m->cfg->key_file, m->c, ret_old, &d);
	if (!r)
		r = inside_root(m->cfg, *ret_old, m->c, &root, &d);
	if (!r)
		r = mst_secenv_open(m->cfg->state, m->cfg->key_file, root, m->c, &env, &d);
	if (r == MST_SECENV_NONE) {
		fprintf(stderr, "muster-agent secenv move: there is no store yet; the settings say where it will be\n");
		return EXIT_REFUSED;
	}
	if (r)
		return complain(m->cfg, r, &d);
	code = find_initial(m, env);
	if (!code)
		code = find_secret(m, env);
	env->ops->close(env);
	return code;
}

static int carry_out(struct moving *m, enum mst_secenv_kind old, enum mst_secenv_kind to)
{
	const struct secenv_move move = move_of(m);
	const struct mst_secenv_key *const new[] = { &m->fresh };
	struct inside_choice choice = { .kind = to };
	const char *again = "";
	struct mst_diag d = { 0 };
	int r = mst_secenv_move(&move, to, &d);

	if (r)
		return complain(m->cfg, r, &d);
	if (d.text[0])
		fprintf(stderr, "muster-agent: %s: %s; what the store had there stays, and is asked for again later\n", mst_secenv_kind_text(old), d.text);
	memset(&d, 0, sizeof(d));
	if (m->n_left)
		again = "; the agent asks its MEF for another certificate, with a new key";
	if (m->fresh.n && write_key(m->cfg, new, MST_COUNT(new), &d))
		fprintf(stderr, "muster-agent: %s: %s; the key of before is still in it, and opens nothing any more\n", m->cfg->key, d.text);
	secret_moved(m);
	erase_left(m, old);
	if (inside_choose(m->cfg, m->c, NULL, 0, &choice, &d) || choice.kind != to)
		printf("set secenv.backend to what it is now, or to \"auto\": the settings say something else, and the agent does not start so\n");
	printf("the store is in %s now, and nothing of it in %s any more%s\n", mst_secenv_kind_text(to), mst_secenv_kind_text(old), again);
	return EXIT_DONE;
}

int ctl_move(const struct agent_config *cfg, const char *to, bool yes)
{
	struct moving m = { .cfg = cfg, .c = mst_crypto_openssl() };
	enum mst_secenv_kind kind = MST_SECENV_FILE, old = MST_SECENV_FILE;
	int fd, code = target_of(cfg, m.c, to, &kind);

	if (code)
		return code;
	if (!yes) {
		fprintf(stderr, "muster-agent secenv move: root credentials, a maker's secret that was taken and what the agent remembers are sealed for %s, and the old store is erased; keys "
				"that were made in a device stay there, and other ones are made. The agent must not run; say --yes\n",
			mst_secenv_kind_text(kind));
		return EXIT_USAGE;
	}
	fd = ctl_may_write(cfg) ? ctl_lock_state(cfg) : -1;
	if (fd < 0)
		return EXIT_REFUSED;
	code = look(&m, &old);
	if (!code)
		code = carry_out(&m, old, kind);
	close(fd);
	mst_wipe(&m, sizeof(m));
	return code;
}
