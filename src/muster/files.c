#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

int write_files(const struct mst_file *f, size_t n)
{
	bool placed;
	size_t at;
	int e = mst_files_replace(f, n, &at, &placed);

	if (e && placed)
		complain("%s is written, and may be gone after a power cut: %s", f[at].path, strerror(e));
	else if (e)
		complain("cannot write %s: %s", f[at].path, strerror(e));
	return e ? -1 : 0;
}

int write_file(const char *path, const void *p, size_t n, unsigned mode)
{
	return write_files(&(struct mst_file){ .path = path, .content = { p, n }, .mode = mode }, 1);
}

int make_dir(const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	complain("cannot make the directory %s: %s", path, strerror(errno));
	return -1;
}
