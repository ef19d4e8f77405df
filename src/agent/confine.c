#include "agent/confine.h"

#include <limits.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

/*
 * The system calls that it keeps, besides the usual ones (sandbox/usual.c): of these it has all, since names are looked up, and the card is
 * asked, in threads, and the bus and the readers of cards are local sockets. A row without a reason was recorded in the scenario tests (tools/record-calls compares);
 * one with a reason is there for a path that no test takes, or another C library.
 */
#define AGT 1u
static const struct mst_sandbox_call calls[] = {
	{ AGT, SCMP_SYS(getuid), 0, "D-Bus says who asks" },
	{ AGT, SCMP_SYS(geteuid), 0, "D-Bus says who asks" },
	{ AGT, SCMP_SYS(getgid), 0, "D-Bus says who asks" },
	{ AGT, SCMP_SYS(getegid), 0, "D-Bus says who asks" },
	{ AGT, SCMP_SYS(getresuid), 0, NULL },                           /* D-Bus */
	{ AGT, SCMP_SYS(getresgid), 0, "D-Bus says who asks" },
	{ AGT, SCMP_SYS(ioctl), MST_ARGS_DEVICE, NULL },                 /* a serial line: which one, of those that are opened later, is Landlock's business */
	{ AGT, SCMP_SYS(shutdown), 0, "connections of D-Bus and of readers of cards that end" },
	{ AGT, SCMP_SYS(select), 0, "a serial line" },
	{ AGT, SCMP_SYS(pselect6), 0, "a serial line" },
	/* files: which ones is Landlock's business */
	{ AGT, SCMP_SYS(openat2), 0, NULL },
	{ AGT, SCMP_SYS(statx), 0, "newfstatat() of later C libraries" },
	{ AGT, SCMP_SYS(readlink), 0, "D-Bus" },
	{ AGT, SCMP_SYS(readlinkat), 0, "D-Bus" },
	{ AGT, SCMP_SYS(fsync), 0, NULL },
	{ AGT, SCMP_SYS(ftruncate), 0, NULL },                           /* a token in software */
	{ AGT, SCMP_SYS(renameat), 0, NULL },
	{ AGT, SCMP_SYS(renameat2), 0, "renameat() of other machines" },
	{ AGT, SCMP_SYS(unlink), 0, NULL },
	{ AGT, SCMP_SYS(unlinkat), 0, NULL },
	{ AGT, SCMP_SYS(flock), 0, "the state's lock, when it is closed" },
	/* a module of PKCS#11 that keeps its objects in files */
	{ AGT, SCMP_SYS(rename), 0, "a module of PKCS#11" },
	{ AGT, SCMP_SYS(mkdir), 0, "a module of PKCS#11" },
	{ AGT, SCMP_SYS(ftruncate), 0, "a module of PKCS#11" },
	{ AGT, SCMP_SYS(fdatasync), 0, "a module of PKCS#11" },
	/* the local page, the control socket */
	{ AGT, SCMP_SYS(accept4), 0, NULL },
};

/* What may still be opened by name, besides what names are looked up in and the places that the configuration names. */
static const struct mst_sandbox_path common[] = {
	{ "/usr/share/zoneinfo", MST_PATH_READ },
	{ "/etc/machine-id", MST_PATH_READ },                    /* D-Bus */
	{ "/etc/pkcs11", MST_PATH_READ },
	{ "/etc", MST_PATH_READ },                               /* the resolver's files are replaced. The last: not root's, whose are passwords of others in it */
};

/*
 * Of a file that may be replaced while the agent runs, the directory: a rule is for the file that is there now. Where it is a
 * symbolic link, as those of programs that renew certificates, also the directory that it leads to now.
 */
#define FILE_OF(m) { offsetof(struct agent_config, m), MST_PATH_READ, true }
static const struct { size_t offset; unsigned may; bool file; } named[] = {
	{ offsetof(struct agent_config, state), MST_PATH_WRITE, false },
	{ offsetof(struct agent_config, run), MST_PATH_WRITE, false },
	{ offsetof(struct agent_config, trigger_socket), MST_PATH_WRITE, true },         /* is removed at the end */
	{ offsetof(struct agent_config, card_device), MST_PATH_WRITE | MST_PATH_DEVICE, true },     /* modems come and go */
	{ offsetof(struct agent_config, secenv_device), MST_PATH_WRITE | MST_PATH_DEVICE, false },
	{ offsetof(struct agent_config, secenv_module_state), MST_PATH_WRITE | MST_PATH_DEVICE, false },
	FILE_OF(secenv_module), FILE_OF(secenv_secret), FILE_OF(secenv_pin),             /* a token that was away is logged into anew */
	FILE_OF(file), FILE_OF(key_file), FILE_OF(certificate), FILE_OF(key), FILE_OF(anchors), FILE_OF(bootstrap), FILE_OF(psk_file),
	FILE_OF(objects), FILE_OF(bundle_anchors), FILE_OF(trigger_signers), FILE_OF(card_pin_file), FILE_OF(card_key_file),
};
#undef FILE_OF

#define TEXTS (MST_COUNT(named) + AGENT_MEDIA_MAX)
#define PATHS (MST_COUNT(common) + MST_COUNT(named) + TEXTS)

struct paths { struct mst_sandbox_path v[PATHS]; char text[TEXTS][AGENT_PATH_MAX]; size_t n; };

/* Where media will be mounted: what is there now of the pattern's beginning, which is not the root. */
static void medium_of(const char *pattern, char dir[AGENT_PATH_MAX])
{
	struct stat st;
	char *slash;

	snprintf(dir, AGENT_PATH_MAX, "%s", pattern);
	dir[strcspn(dir, "*?[\\")] = '\0';
	while ((slash = strrchr(dir, '/')) != NULL && slash != dir && (!slash[1] || stat(dir, &st)))
		*slash = '\0';
}

static void collect(const struct agent_config *cfg, struct paths *p)
{
	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < MST_COUNT(common) - !geteuid(); i++)
		p->v[p->n++] = common[i];
	for (size_t i = 0; i < MST_COUNT(named); i++) {
		const char *path = (const char *)cfg + named[i].offset;
		char real[PATH_MAX], *slash;

		if (!*path)
			continue;
		/* all devices of the machine are root's: the one that is there now, then */
		if (!geteuid() && named[i].may & MST_PATH_DEVICE && realpath(path, real) && strncmp(real, "/dev/", 5) == 0 && !strchr(real + 5, '/')) {
			p->v[p->n++] = (struct mst_sandbox_path){ path, named[i].may };
			continue;
		}
		if (named[i].file)
			p->v[p->n++] = (struct mst_sandbox_path){ path, named[i].may | MST_PATH_TARGET };
		snprintf(p->text[i], sizeof(p->text[i]), "%s", path);
		slash = named[i].file ? strrchr(p->text[i], '/') : NULL;
		if (slash)
			slash[slash == p->text[i]] = '\0';
		else if (named[i].file)
			snprintf(p->text[i], sizeof(p->text[i]), ".");
		p->v[p->n++] = (struct mst_sandbox_path){ p->text[i], named[i].may };
	}
	for (size_t i = 0; i < cfg->n_media; i++) {
		char *dir = p->text[MST_COUNT(named) + i];

		medium_of(cfg->media[i], dir);
		if (dir[0] && dir[1])
			p->v[p->n++] = (struct mst_sandbox_path){ dir, MST_PATH_READ };
	}
}

int agent_confine(struct agent *a)
{
	static struct paths p;
	struct mst_sandbox_ask ask = { .usual = MST_USUAL_RUN | MST_USUAL_PEERS | MST_USUAL_NAMES | MST_USUAL_LOCAL, .who = AGT, .call = calls,
				       .n_calls = MST_COUNT(calls), .path = p.v, .connects = true, .abstract = true };

	if (!a->cfg.sandbox)
		return 0;
	tzset();
	collect(&a->cfg, &p);
	ask.n = p.n;
	for (size_t i = 0; mst_sandbox_all[i]; i++) {
		int r = mst_sandbox_all[i]->apply(&ask);

		if (r < 0) {
			agent_log(a, AGENT_ERROR, "sandbox", "mechanism", mst_sandbox_all[i]->name, "why", mst_sandbox_fault(r), "remedy",
				  "set sandbox = \"no\" to run without", NULL);
			return r;
		}
		agent_log(a, AGENT_DEBUG, r ? "sandbox-absent" : "sandbox", "mechanism", mst_sandbox_all[i]->name, NULL);
	}
	return 0;
}
