#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/heap.h"
#include "muster.h"

#define FILE_MAX_OCTETS (256u << 20)

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

int write_file(const char *path, const void *p, size_t n, unsigned mode)
{
	char tmp[4200];
	int fd, bad;

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0) {
		complain("cannot write %s: %s", tmp, strerror(errno));
		return -1;
	}
	bad = write_all(fd, p, n) < 0 || fsync(fd) < 0;
	bad |= close(fd) < 0;
	if (bad || rename(tmp, path) < 0) {
		complain("cannot write %s: %s", path, strerror(errno));
		unlink(tmp);
		return -1;
	}
	return 0;
}

int make_dir(const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	complain("cannot make the directory %s: %s", path, strerror(errno));
	return -1;
}
