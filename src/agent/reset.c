/*
 * Factory reset: the node forgets whom it was with, and all that it was told. What it was born with lies outside of its state and
 * stays. The credentials go first, each in one atomic step, then the key pairs that were made in a device; wherever the power goes, the node has what it had or has nothing
 * of it, and the same command finishes the work.
 */
#include "agent/inside.h"
#include "agent/own.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_FAULT = 3 };

int ctl_lock_state(const struct agent_config *cfg)
{
	char path[AGENT_PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/agent.lock", cfg->run);
	if (mkdir(cfg->run, 0700) && errno != EEXIST) {
		fprintf(stderr, "muster-agent: %s: %s\n", cfg->run, strerror(errno));
		return -1;
	}
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	fprintf(stderr, "muster-agent: %s: %s\n", path, fd >= 0 && errno == EWOULDBLOCK ? "the agent is running; stop it first" :
		strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

bool ctl_may_write(const struct agent_config *cfg)
{
	const char *const files[] = { cfg->state, cfg->psk_file };
	const struct passwd *user;
	char name[64], number[16];
	struct stat st;

	for (size_t i = 0; geteuid() == 0 && i < MST_COUNT(files); i++) {
		if (!files[i][0] || stat(files[i], &st) || st.st_uid == 0)
			continue;
		user = getpwuid(st.st_uid);
		snprintf(number, sizeof(number), "%u", (unsigned)st.st_uid);
		snprintf(name, sizeof(name), "%s", user ? user->pw_name : number);
		fprintf(stderr, "muster-agent: %s: belongs to user %s, whose agent could not read what root writes; nothing was changed\n  what to do: runuser -u %s -g %s "
			"[-G tss, with a TPM] -- muster-agent ...\n", files[i], name, name, name);
		return false;
	}
	return true;
}

static void point(const struct agent_config *cfg, const char *name)
{
	if (!strcmp(cfg->crash_at, name))
		kill(getpid(), SIGKILL);
}

/* Key pairs that were made for certificates in a token or a card are objects there, and only the store knows which. */
static void tell_left(const struct agent_config *cfg)
{
	struct mst_diag d = { 0 };
	enum mst_secenv_kind kind;

	if (!mst_secenv_kind_of(cfg->key_file, mst_crypto_openssl(), &kind, &d) && (kind == MST_SECENV_PKCS11 || kind == MST_SECENV_UICC))
		fprintf(stderr, "muster-agent: %s: the store cannot be read, so nobody knows which key pairs were made there for certificates; they stay there\n",
			mst_secenv_kind_text(kind));
}

/*
 * Both slots, and the keys of certificates in a device, before the files that name them: as long as the store can be read. What cannot be read goes
 * with its file.
 */
static int erase_slots(const struct agent_config *cfg)
{
	struct mst_secenv *env = NULL;
	struct mst_diag d = { 0 };
	int r = agent_store_open(cfg, mst_crypto_openssl(), &env, &d);

	if (r == MST_SECENV_CORRUPT || r >= MST_SECENV_CLEARED) {
		tell_left(cfg);
		return 0;
	}
	if (!r)
		r = env->ops->erase(env, MST_SLOT_PENDING, &d);
	if (!r)
		r = env->ops->erase(env, MST_SLOT_ACTIVE, &d);
	if (!r) {
		point(cfg, "reset-slots");
		r = own_erase(env, &d);
	}
	if (env)
		env->ops->close(env);
	if (r == MST_SECENV_CORRUPT) {
		tell_left(cfg);
		return 0;
	}
	if (r)
		fprintf(stderr, "muster-agent: %s: %s\n", cfg->state, d.text[0] ? d.text : r < 0 ? mst_fault_text(r) : "cannot be changed");
	return r;
}

static int remove_files(const char *dir)
{
	DIR *list = opendir(dir);
	const struct dirent *e;
	int failed = 0;

	if (!list)
		return errno == ENOENT ? 0 : -1;
	while ((errno = 0, e = readdir(list)) != NULL) {
		struct stat st;

		/* what a device has refused it counts on */
		if (!strcmp(e->d_name, INSIDE_REFUSED))
			continue;
		if (fstatat(dirfd(list), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			failed |= unlinkat(dirfd(list), e->d_name, 0);
	}
	failed |= errno;
	failed |= fsync(dirfd(list));
	closedir(list);
	return failed;
}

/* What the store left in a TPM or a token. Whoever has lost the device has lost that, too. */
static void unbind(const struct agent_config *cfg)
{
	struct mst_crypto *c = mst_crypto_openssl();
	struct secenv_root *root = NULL;
	struct mst_diag d = { 0 };
	enum mst_secenv_kind kind;
	int r = mst_secenv_kind_of(cfg->key_file, c, &kind, &d);

	if (r || kind == MST_SECENV_FILE || kind == MST_SECENV_SECRET)
		return;
	r = inside_root(cfg, kind, c, &root, &d);
	if (!r)
		r = mst_secenv_unbind(cfg->key_file, root, c, &d);
	if (!r)
		return;
	fprintf(stderr, "muster-agent: %s: %s; what the store had in it stays there\n", mst_secenv_kind_text(kind), inside_words(r, &d));
	unlink(cfg->key_file);
}

int ctl_reset(const struct agent_config *cfg, bool yes)
{
	int fd, r;

	if (!yes) {
		fprintf(stderr, "muster-agent reset: this node forgets its credentials and all that it was told; say --yes. Where its provider wants "
				"a window for that (mef.reenrol), have it opened: muster node reenrol\n");
		return EXIT_USAGE;
	}
	fd = ctl_lock_state(cfg);
	if (fd < 0)
		return EXIT_REFUSED;
	r = erase_slots(cfg);
	if (!r)
		point(cfg, "reset-erased");
	if (!r && remove_files(cfg->state)) {
		fprintf(stderr, "muster-agent: %s: %s\n", cfg->state, strerror(errno));
		r = MST_FAULT_IO;
	}
	if (!r)
		unbind(cfg);
	close(fd);
	if (r)
		return EXIT_FAULT;
	printf("this node is as it was delivered: it has its initial credential and nothing else\n");
	return EXIT_DONE;
}
