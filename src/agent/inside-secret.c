/*
 * The maker's secret (Kpm): in clear in psk_file, or taken into the secure environment by `muster-agent secenv take` (secenv/maker.h). Either way
 * the agent reads it for a session and has none of it in between.
 */
#include "agent/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/secret-text.h"
#include "secenv/maker.h"
#include "secenv/sealed.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_FAULT = 3 };

#define PART ".taking"           /* of psk_file: what will take its place */
#define NAME_MAX_OURS 40u        /* what secenv_write_file() has room for, with that */

/* What to do about a file of a secret that was taken; for a device, what is said of other keys. */
static const char *remedy_of(int r)
{
	switch (r) {
	case MST_SECENV_CORRUPT:
		return "put psk_file back from a copy; without one, give the node a secret again (muster node secret)";
	case MST_SECENV_CLEARED:
		return "put the device back that the secret was taken into, or the key file of that store; when it is gone, give the node a secret again (muster node secret)";
	case MST_SECENV_CHANGED:
		return "start the machine as it was when the secret was taken; after a wanted change give the node a secret again (muster node secret)";
	case MST_SECENV_OTHER: return "set psk_identity as it was, or give the node a secret for the other one";
	case INSIDE_NOT_READ: return "put the maker's secret there as muster node secret writes it, or as muster-agent secenv take left it";
	default: return agent_store_remedy(r);
	}
}

/* --- for a session --- */

int inside_secret_read(const struct agent_config *cfg, struct mst_secenv *env, struct mst_crypto *c, struct mst_key *ret, bool *ret_sealed,
		       struct mst_diag *d)
{
	struct mst_diag why = { 0 };
	bool inside = false;
	uint8_t *p = NULL;
	size_t n = 0;
	int r = agent_read_secret(cfg->psk_file, &p, &n, d);
	struct mst_view text = { p, n };

	mst_key_wipe(ret);
	*ret_sealed = false;
	if (r)
		return r < 0 ? r : INSIDE_NOT_READ;
	*ret_sealed = maker_is_sealed(text);
	if (!*ret_sealed)
		r = mst_secret_read(text, ret, &why) ? INSIDE_NOT_READ : 0;
	else if (env)            /* NULL: the file is looked at, and not into it */
		r = maker_open(env, c, text, cfg->psk_identity, ret, NULL, d);
	else
		r = maker_check(text, cfg->psk_identity, &inside, d);
	if (r == INSIDE_NOT_READ)
		mst_diag_set(d, 0, "", why.text, NULL);
	mst_wipe(p, n);
	free(p);
	return r;
}

/* In the log with what to do, and for status. */
static void tell(struct agent *a, int r, struct mst_diag *d)
{
	char words[AGENT_PATH_MAX + 288];

	snprintf(a->secret_why, sizeof(a->secret_why), "%s", inside_words(r, d));
	if (!d->text[0])
		mst_diag_set(d, 0, d->field, a->secret_why, NULL);
	agent_log(a, AGENT_ERROR, "key", "why", agent_file_words(words, sizeof(words), a->cfg.psk_file, d, r), "remedy", remedy_of(r), NULL);
}

int inside_secret(struct agent *a, struct mst_key *ret, struct mst_diag *d)
{
	bool sealed = false;
	int r = inside_secret_read(&a->cfg, a->env, a->crypto, ret, &sealed, d);

	if (r)
		tell(a, r, d);
	else
		a->secret_why[0] = '\0';
	return r;
}

/* The file is good, and the device does not open it now, or fails: that may be otherwise when the secret is wanted. */
static bool may_come_back(int r)
{
	return r != MST_SECENV_CORRUPT && r != MST_SECENV_OTHER && r != INSIDE_NOT_READ && r != MST_FAULT_BUG;
}

int inside_secret_load(struct agent *a, struct mst_diag *d)
{
	bool sealed = false;
	struct mst_key key;
	int r = inside_secret_read(&a->cfg, a->env, a->crypto, &key, &sealed, d);

	mst_key_wipe(&key);
	if (sealed && may_come_back(r)) {
		tell(a, r, d);
		r = 0;
	}
	a->has_secret = !r;
	return r;
}

/* --- what the node was born with, and how that lies there --- */

static const char *key_is(const struct agent_config *cfg)
{
	struct mst_secenv_key k = { .n = 0 };
	const char *how = NULL;
	uint8_t *p = NULL;
	size_t n = 0, at = 0;

	if (!cfg->key[0] || access(cfg->key, F_OK) || agent_read_secret(cfg->key, &p, &n, NULL))
		return NULL;
	if (!mst_pem_next((struct mst_view){ p, n }, &at, "PRIVATE KEY", k.b, sizeof(k.b), &k.n, NULL) && k.n)
		how = "clear";
	else if (!inside_key_of(NULL, (struct mst_view){ p, n }, &k, NULL) && k.n)
		how = mst_secenv_key_inside(&k) ? "device" : k.b[0] == 0x30 ? "clear" : "sealed";
	mst_wipe(&k, sizeof(k));
	mst_wipe(p, n);
	free(p);
	return how;
}

static const char *secret_is(const struct agent_config *cfg)
{
	bool inside = false;
	const char *how = NULL;
	uint8_t *p = NULL;
	size_t n = 0;

	if (!cfg->psk_file[0] || agent_read_secret(cfg->psk_file, &p, &n, NULL))
		return NULL;
	if (!maker_is_sealed((struct mst_view){ p, n }))
		how = "clear";
	else if (!maker_check((struct mst_view){ p, n }, cfg->psk_identity, &inside, NULL))
		how = inside ? "device" : "sealed";
	mst_wipe(p, n);
	free(p);
	return how;
}

json_t *inside_born(const struct agent_config *cfg)
{
	static const struct { const char *setting; const char *(*how)(const struct agent_config *cfg); const char *warning, *remedy; } of[] = {
		{ "psk_file", secret_is, "the maker's secret lies there in clear: who copies the disk is this node for every MEF that lets it enrol",
		  "muster-agent secenv take --yes, best before the machine leaves your hands" },
		{ "key", key_is, "the key of the initial certificate lies there in clear: who copies the disk is this node for every MEF that lets it enrol",
		  "have a key made inside, and its request certified: muster-agent request, with another file as \"key\"" },
	};
	json_t *all = json_array();

	for (size_t i = 0; i < MST_COUNT(of); i++) {
		const char *how = of[i].how(cfg);
		bool clear = how && !strcmp(how, "clear");

		if (how)
			json_array_append_new(all, json_pack("{s:s, s:s, s:s?, s:s?}", "setting", of[i].setting, "kept", how, "warning",
							     clear ? of[i].warning : NULL, "remedy", clear ? of[i].remedy : NULL));
	}
	return all;
}

/* --- the command --- */

struct taking {
	const struct agent_config *cfg;
	struct mst_crypto *c;
	struct mst_secenv *env;
	int dir;
	char name[NAME_MAX_OURS + 1], part[AGENT_PATH_MAX + sizeof(PART)];      /* in the directory; and with it */
	struct mst_key secret;
};

static int complain_so(const struct taking *t, int r, const struct mst_diag *d, const char *remedy)
{
	char words[AGENT_PATH_MAX + 288];

	fprintf(stderr, "%s\n  what to do: %s\n", agent_file_words(words, sizeof(words), t->cfg->psk_file, d, r), remedy);
	return r < 0 ? EXIT_FAULT : EXIT_REFUSED;
}

static int complain(const struct taking *t, int r, const struct mst_diag *d)
{
	return complain_so(t, r, d, remedy_of(r));
}

/* Of the file and its directory. */
static int complain_write(const struct taking *t, int r, struct mst_diag *d)
{
	d->field[0] = '\0';              /* the name of a part of it, if any */
	return complain_so(t, r, d, "let this user write in the directory of psk_file, and make room on its disk; until it says that it is done the secret may be "
			   "there in clear");
}

static int say(const struct taking *t, const char *what, const char *remedy)
{
	fprintf(stderr, "%s: %s\n  what to do: %s\n", t->cfg->psk_file, what, remedy);
	return EXIT_REFUSED;
}

static void reached(const struct taking *t, const char *point)
{
	if (!strcmp(t->cfg->crash_at, point))
		kill(getpid(), SIGKILL);
}

/* Under another name the secret would stay as it is. */
static int look_at_names(const struct taking *t)
{
	struct stat st;

	if (lstat(t->cfg->psk_file, &st))
		return say(t, strerror(errno), "put the maker's secret there (muster node secret), or set psk_file right");
	if (S_ISLNK(st.st_mode))
		return say(t, "is a symbolic link, and what it leads to would stay as it is", "name the file itself as psk_file");
	if (S_ISREG(st.st_mode) && st.st_nlink > 1)
		return say(t, "has another name (a hard link), under which the secret would stay as it is", "remove that one");
	return 0;
}

static int find_dir(struct taking *t)
{
	const char *file = t->cfg->psk_file, *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
	char dir[AGENT_PATH_MAX];

	if (strlen(name) > NAME_MAX_OURS)
		return say(t, "has a name that is too long for this", "give it one of 40 characters at most");
	snprintf(t->name, sizeof(t->name), "%s", name);
	snprintf(t->part, sizeof(t->part), "%s" PART, file);
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - file + 1) : 1, slash ? file : ".");
	t->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->dir < 0 ? say(t, strerror(errno), "let this user read and write its directory") : 0;
}

/* What a command that was cut off has left: its file, and the key in the device that the file names. */
static void give_back_part(const struct taking *t)
{
	struct maker_box x;
	uint8_t *p = NULL;
	size_t n = 0, at = 0;

	if (agent_read_secret(t->part, &p, &n, NULL))
		return;
	if (!maker_read((struct mst_view){ p, n }, &at, &x, NULL) && x.key.n && t->env->ops->key_erase(t->env, &x.key, NULL))
		fprintf(stderr, "muster-agent: %s: the key in it could not be given back; it stays in the device, and opens nothing\n", t->part);
	free(p);
	unlink(t->part);
}

/* As it lies on the disk now: does it give the secret again? */
static int look_again(const struct taking *t, struct mst_diag *d)
{
	struct mst_key again = { .n = 0 };
	uint8_t *p = NULL;
	size_t n = 0;
	int r = agent_read_secret(t->part, &p, &n, d);

	if (!r)
		r = maker_open(t->env, t->c, (struct mst_view){ p, n }, t->cfg->psk_identity, &again, NULL, d);
	if (!r && !mst_ct_equal(mst_key_view(&again), mst_key_view(&t->secret))) {
		mst_diag_set(d, 0, "", "what was written does not give the secret again", NULL);
		r = MST_SECENV_CORRUPT;
	}
	mst_key_wipe(&again);
	free(p);
	return r;
}

/* The sealed file whole and opened beside the old one; then one rename. */
static int carry_out(const struct taking *t)
{
	char text[MAKER_TEXT_MAX], part[NAME_MAX_OURS + sizeof(PART)];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_secenv_key key = { .n = 0 };
	struct mst_diag d = { 0 };
	bool written = false;
	int r;

	give_back_part(t);
	snprintf(part, sizeof(part), "%s" PART, t->name);
	r = maker_seal(t->env, t->c, t->cfg->psk_identity, &t->secret, &w, &key, &d);
	if (!r) {
		reached(t, "take-made");
		written = true;
		r = secenv_write_file(secenv_port_real(), t->dir, part, mst_written(&w), &d);
	}
	if (!r) {
		reached(t, "take-written");
		written = false;
		r = look_again(t, &d);
	}
	if (!r && renameat(t->dir, part, t->dir, t->name)) {
		written = true;
		r = secenv_os_outcome(&d, "");
	}
	if (!r) {
		reached(t, "take-taken");
		if (!fsync(t->dir))
			return 0;
		(void)secenv_os_outcome(&d, "");         /* it is there, and after a cut perhaps the old one again: either is whole */
		return complain_write(t, MST_FAULT_IO, &d);
	}
	unlinkat(t->dir, part, 0);
	if (key.n && t->env->ops->key_erase(t->env, &key, NULL))
		fprintf(stderr, "muster-agent: a key that opens nothing stays in the device\n");
	return written ? complain_write(t, r, &d) : complain(t, r, &d);
}

/* A store that begins beside a device of this machine is no place for what is to be safe from a stolen disk: that is for a person to say. */
static int look_at_device(const struct taking *t)
{
	struct inside_choice choice = { .kind = MST_SECENV_FILE };
	enum mst_secenv_kind there;
	struct mst_diag d = { 0 };
	int r = mst_secenv_kind_of(t->cfg->key_file, t->c, &there, &d);

	if (r != MST_SECENV_NONE || inside_choose(t->cfg, t->c, NULL, 0, &choice, &d) || !choice.passed.r)
		return 0;                /* what is wrong is told by who opens it */
	fprintf(stderr, "muster-agent secenv take: this machine has a %s that cannot be used: %s; nothing was changed\n  what to do: %s; or say secenv.backend = \"%s\" "
		"to have the secret there\n", mst_secenv_kind_text(choice.passed.kind), inside_words(choice.passed.r, &choice.passed.d),
		choice.passed.r == MST_SECENV_ABSENT ? "run this as the agent's unit does (runuser -u muster-agent -g muster-agent -G tss -- muster-agent ...)" :
		choice.passed.remedy, mst_secenv_kind_text(choice.kind));
	return EXIT_REFUSED;
}

static int take(struct taking *t)
{
	enum mst_secenv_kind kind = MST_SECENV_FILE;
	char words[AGENT_PATH_MAX + 192];
	struct mst_diag d = { 0 };
	bool sealed = false;
	int code = find_dir(t), r;

	if (code)
		return code;
	/* before a store is begun for it */
	r = inside_secret_read(t->cfg, NULL, t->c, &t->secret, &sealed, &d);
	if (r)
		return complain(t, r, &d);
	if (sealed)              /* since we looked */
		return say(t, "somebody else has just taken it", "nothing");
	code = look_at_device(t);
	if (code)
		return code;
	r = agent_store_open(t->cfg, t->c, &t->env, &d);
	if (r) {
		agent_store_words(t->cfg, &d, r, words, sizeof(words));
		fprintf(stderr, "%s\n  what to do: %s\n", words, agent_store_remedy(r));
		return r < 0 ? EXIT_FAULT : EXIT_REFUSED;
	}
	code = carry_out(t);
	if (!code && !mst_secenv_kind_of(t->cfg->key_file, t->c, &kind, &d))
		printf("%s: the secret is sealed now for %s, and no longer in this file in clear; the disk may still have what was there before, and so has every copy of it\n",
		       t->cfg->psk_file, mst_secenv_kind_text(kind));
	return code;
}

/* Told without the store, and while the agent runs: whoever asks at each start of the machine is answered. */
static bool taken_already(const struct agent_config *cfg)
{
	const char *how = secret_is(cfg);

	return how && strcmp(how, "clear") != 0;
}

/* The one that took it may have ended before it was sure of that. */
static int say_already(struct taking *t)
{
	struct mst_diag d = { 0 };
	int code = find_dir(t);

	if (code)
		return code;
	if (fsync(t->dir)) {
		(void)secenv_os_outcome(&d, "");
		return complain_write(t, MST_FAULT_IO, &d);
	}
	printf("%s: the secret is in the secure environment already\n", t->cfg->psk_file);
	return EXIT_DONE;
}

int ctl_take(const struct agent_config *cfg, bool yes)
{
	struct taking t = { .cfg = cfg, .c = mst_crypto_openssl(), .dir = -1 };
	int fd, code;

	if (!cfg->psk_file[0]) {
		fprintf(stderr, "muster-agent secenv take: psk_file is not set: this node has no maker's secret\n");
		return EXIT_REFUSED;
	}
	code = look_at_names(&t);
	if (code)
		return code;
	if (taken_already(cfg)) {
		code = say_already(&t);
		if (t.dir >= 0)
			close(t.dir);
		return code;
	}
	if (!yes) {
		fprintf(stderr, "muster-agent secenv take: the maker's secret in %s is sealed with a key of the secure environment, and the file is replaced by one that is "
				"worth nothing without that; there is no way back but another secret. The agent must not run; say --yes\n", cfg->psk_file);
		return EXIT_USAGE;
	}
	fd = ctl_may_write(cfg) ? ctl_lock_state(cfg) : -1;
	if (fd < 0)
		return EXIT_REFUSED;
	code = take(&t);
	if (t.env)
		t.env->ops->close(t.env);
	if (t.dir >= 0)
		close(t.dir);
	close(fd);
	mst_wipe(&t, sizeof(t));
	return code;
}
