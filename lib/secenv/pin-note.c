/* Which PINs devices have refused: what is noted of a PIN's file, and the note, one line for each device. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secenv/guard.h"
#include "secenv/sealed.h"

#define LINE (MST_SECENV_DEVICE + MST_SECENV_MARK)

/* --- names and marks --- */

/* Behind what is there: of one line, whatever octets it has; what has no room is left out. */
static void put_plain(char *out, size_t cap, const char *text)
{
	for (size_t n = strlen(out); *text && n + 4 <= cap; text++) {
		bool plain = *text >= ' ' && *text < 0x7f && *text != '%';

		n += (size_t)snprintf(out + n, cap - n, plain ? "%c" : "%%%02X", (unsigned char)*text);
	}
}

void mst_secenv_device(enum mst_secenv_kind kind, const char *name, char out[MST_SECENV_DEVICE])
{
	snprintf(out, MST_SECENV_DEVICE, "the %s%s", kind == MST_SECENV_TPM ? "TPM" : kind == MST_SECENV_UICC ? "card" : "token", *name ? " " : "");
	put_plain(out, MST_SECENV_DEVICE, name);
}

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	return n > 1 && *dir == '/' && strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* Where that file is one that a service manager makes anew at each start; else NULL. */
static const char *credential(const char *path, char real[PATH_MAX])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY"), *at[] = { path, realpath(path, real) ? real : path };

	for (size_t i = 0; i < MST_COUNT(at); i++)
		if (below(at[i], "/run/credentials") || (dir && below(at[i], dir)))
			return at[i];
	return NULL;
}

static void mark_credential(const char *path, const struct stat *st, char out[MST_SECENV_MARK])
{
	snprintf(out, MST_SECENV_MARK, MST_SECENV_CREDENTIAL "octets %jd ", (intmax_t)st->st_size);
	put_plain(out, MST_SECENV_MARK, path);
}

void mst_secenv_mark(const char *pin_file, char out[MST_SECENV_MARK])
{
	char real[PATH_MAX];
	const char *anew;
	struct stat st;

	*out = '\0';
	if (!*pin_file) {
		snprintf(out, MST_SECENV_MARK, "no file is named");
	} else if (!stat(pin_file, &st)) {
		anew = credential(pin_file, real);
		if (anew)
			mark_credential(anew, &st, out);
		else
			snprintf(out, MST_SECENV_MARK, "device %ju file %ju octets %jd written %jd.%09ld", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
				 (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	}
}

/* A person's shell does not know of a unit's directory of credentials: what was noted as one is looked at as one. */
static bool fits(const char *mark, const char *pin_file)
{
	char now[MST_SECENV_MARK];
	struct stat st;

	mst_secenv_mark(pin_file, now);
	if (strcmp(mark, now) == 0)
		return true;
	if (strncmp(mark, MST_SECENV_CREDENTIAL, strlen(MST_SECENV_CREDENTIAL)) != 0 || stat(pin_file, &st))
		return false;
	mark_credential(pin_file, &st, now);
	return strcmp(mark, now) == 0;
}

/* --- the note --- */

static size_t find(const struct mst_secenv_guard *g, const char *device)
{
	size_t i = 0;

	while (i < g->n && strcmp(g->noted[i].device, device) != 0)
		i++;
	return i;
}

static void drop(struct mst_secenv_guard *g, size_t i)
{
	g->n--;
	memmove(&g->noted[i], &g->noted[i + 1], (g->n - i) * sizeof(g->noted[0]));
}

/* The newest is the last, and the oldest gives way: somebody who names device after device may lose a try. */
static void put(struct mst_secenv_guard *g, const char *device, const char *mark)
{
	size_t i = find(g, device);

	if (i < g->n || g->n == MST_SECENV_NOTED)
		drop(g, i < g->n ? i : 0);
	snprintf(g->noted[g->n].device, MST_SECENV_DEVICE, "%s", device);
	snprintf(g->noted[g->n].mark, MST_SECENV_MARK, "%s", mark);
	g->n++;
}

/* What is no such line is none of ours; one without an end was cut off. */
static void take(struct mst_secenv_guard *g, char *text)
{
	char *end, *tab;

	for (; (end = strchr(text, '\n')); text = end + 1) {
		*end = '\0';
		tab = strchr(text, '\t');
		if (!tab)
			continue;
		*tab = '\0';
		if (tab - text > 0 && tab - text < MST_SECENV_DEVICE && end - tab > 1 && end - tab <= MST_SECENV_MARK)
			put(g, text, tab + 1);
	}
}

/* Each time, as others write it, too. A process that is confined may not see it: then what it knows has to do. */
static void look(struct mst_secenv_guard *g)
{
	int fd = g->unwritten ? -1 : open(g->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char all[MST_SECENV_NOTED * LINE + 1];
	ssize_t n;

	if (fd < 0) {
		if (!g->unwritten && errno == ENOENT)
			g->n = 0;
		return;
	}
	n = read(fd, all, sizeof(all) - 1);
	close(fd);
	if (n < 0)
		return;
	all[n] = '\0';
	g->n = 0;
	take(g, all);
}

const char *mst_secenv_refused(struct mst_secenv_guard *g, const char *device, const char *pin_file)
{
	size_t i;

	if (!g)
		return NULL;
	look(g);
	i = find(g, device);
	return i < g->n && fits(g->noted[i].mark, pin_file) ? g->noted[i].mark : NULL;
}

/* --- writing it --- */

struct handing { struct secenv_port port; /* first */ const char *dir; };

/* What root was refused a daemon of another user's could not read: then it would try the same once more. */
static void hand_over(const char *dir, int fd)
{
	struct stat st;

	if (geteuid() == 0 && stat(dir, &st) == 0)
		(void)!fchown(fd, st.st_uid, st.st_gid);
}

/* Before the file has its name. */
static int sync_handed(struct secenv_port *p, int fd)
{
	hand_over(((const struct handing *)(const void *)p)->dir, fd);
	return fsync(fd);
}

/* A first start may be refused before there is a directory. */
static void make_dir(const char *dir)
{
	char parent[1024 + 4];
	int fd = mkdir(dir, 0700) ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	snprintf(parent, sizeof(parent), "%s/..", dir);
	hand_over(parent, fd);
	close(fd);
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!fsync(fd);
	close(fd);
}

/* Whole or not at all: half a note, or one that a power cut takes back, costs a try. */
static int write_note(struct mst_secenv_guard *g, struct mst_diag *d)
{
	const char *slash = strrchr(g->path, '/');
	char dir[sizeof(g->path)], all[MST_SECENV_NOTED * LINE + 1];
	struct handing h = { *secenv_port_real(), dir };
	struct stat st;
	size_t n = 0;
	int r;

	if (!g->n && (unlink(g->path) == 0 || errno == ENOENT)) {
		g->unwritten = false;
		return 0;
	}
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - g->path) : 1, slash ? g->path : ".");
	if (*dir && stat(dir, &st) && errno == ENOENT)
		make_dir(dir);
	for (size_t i = 0; i < g->n; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s\t%s\n", g->noted[i].device, g->noted[i].mark);
	h.port.fsync = sync_handed;
	r = secenv_write_path(&h.port, g->path, (struct mst_view){ (const uint8_t *)all, n }, d);
	g->unwritten = r != 0;
	return r;
}

int mst_secenv_note(struct mst_secenv_guard *g, const char *device, const char *mark, struct mst_diag *d)
{
	if (!g || !*mark)
		return 0;
	look(g);
	put(g, device, mark);
	return write_note(g, d);
}

void mst_secenv_taken(struct mst_secenv_guard *g, const char *device)
{
	size_t i = g ? find(g, device) : 0;
	struct mst_secenv_noted was;

	if (!g || i == g->n)
		return;
	was = g->noted[i];
	look(g);
	i = find(g, device);
	/* another process may have been refused another one meanwhile */
	if (i == g->n || strcmp(was.mark, g->noted[i].mark) != 0)
		return;
	drop(g, i);
	(void)!write_note(g, NULL);
}
