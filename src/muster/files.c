#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/heap.h"
#include "muster.h"

#define FILE_MAX_OCTETS (256u << 20)
#define WRITE_PATH_MAX 4096
#define BESIDE_MAX (WRITE_PATH_MAX + 16)

char *path_join(char *out, size_t cap, const char *dir, const char *name)
{
	int n = name[0] == '/' ? snprintf(out, cap, "%s", name) : snprintf(out, cap, "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= cap) {
		complain("the path %s/%s is too long", dir, name);
		exit(EXIT_USAGE);
	}
	return out;
}

char *read_file(const char *path, size_t *ret_n)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
	size_t n = 0, cap = 1 << 16;
	char *buf = malloc(cap + 1);

	if (!f || !buf) {
		complain("cannot read %s: %s", path, strerror(errno));
		free(buf);
		return NULL;
	}
	/* it may be a secret: no buffer of the library's that keeps a copy */
	(void)setvbuf(f, NULL, _IONBF, 0);
	for (;;) {
		size_t got = fread(buf + n, 1, cap - n, f);
		char *more;

		n += got;
		if (got == 0)
			break;
		if (n < cap)
			continue;
		more = cap < FILE_MAX_OCTETS ? mst_heap_realloc(buf, 2 * cap + 1) : NULL;
		if (!more) {
			complain("%s is too large", path);
			mst_heap_free(buf);
			return NULL;
		}
		buf = more;
		cap *= 2;
	}
	if (ferror(f)) {
		complain("cannot read %s: %s", path, strerror(errno));
		mst_heap_free(buf);
		buf = NULL;
	} else {
		buf[n] = '\0';
		*ret_n = n;
	}
	if (f != stdin)
		fclose(f);
	return buf;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

/* As a file that is made by open(2) gets it. */
static mode_t masked(unsigned mode)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	return mode & ~mask;
}

/* The new name is there; without this a power cut could still take it back. */
static int sync_dir(const char *path, const char *slash)
{
	char dir[WRITE_PATH_MAX];
	int fd, bad;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES ? 0 : -1;                 /* one may write there without the right to read it */
	bad = fsync(fd) < 0 && errno != EINVAL;                  /* of a file system that does not do this */
	close(fd);
	return bad ? -1 : 0;
}

/* Beside its place, under a name that nobody guesses: who else may write in that directory has put nothing there that a key would go into. */
static int write_beside(const struct file_out *f, char beside[BESIDE_MAX])
{
	const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
	struct stat st;
	int fd, bad;

	*beside = '\0';
	errno = ENAMETOOLONG;
	if (strlen(f->path) >= WRITE_PATH_MAX)
		return -1;
	errno = EISDIR;                                          /* here, before another file is in its place */
	if (!stat(f->path, &st) && S_ISDIR(st.st_mode))
		return -1;
	snprintf(beside, BESIDE_MAX, "%.*s.%.200s.XXXXXX", (int)(name - f->path), f->path, name);
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0) {
		*beside = '\0';
		return -1;
	}
	bad = fchmod(fd, masked(f->mode)) < 0 || write_all(fd, f->p, f->n) < 0 || fsync(fd) < 0 ? errno : 0;
	if (close(fd) < 0 && !bad)
		bad = errno;
	errno = bad;
	return bad ? -1 : 0;
}

int write_files(const struct file_out *f, size_t n)
{
	char beside[FILES_TOGETHER][BESIDE_MAX] = { "" };
	size_t at = 0;
	int e;

	while (at < n && !write_beside(&f[at], beside[at]))
		at++;
	if (at == n)
		for (at = 0; at < n && !rename(beside[at], f[at].path); at++)
			*beside[at] = '\0';
	e = errno;
	for (size_t i = 0; i < n; i++)
		if (*beside[i])
			unlink(beside[i]);
	if (at < n) {
		complain("cannot write %s: %s", f[at].path, strerror(e));
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		if (sync_dir(f[i].path, strrchr(f[i].path, '/')) < 0) {
			complain("%s is written, and may be gone after a power cut: %s", f[i].path, strerror(errno));
			return -1;
		}
	return 0;
}

int write_file(const char *path, const void *p, size_t n, unsigned mode)
{
	return write_files(&(struct file_out){ path, p, n, mode }, 1);
}

int make_dir(const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	complain("cannot make the directory %s: %s", path, strerror(errno));
	return -1;
}
