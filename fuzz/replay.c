/*
 * Replays a corpus directory through a fuzz target in every ordinary build, so that each finding stays
 * found without a fuzzer. Fails on an empty or missing corpus: a check that cannot fail is none.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int replay_file(const char *dir, const char *name)
{
	char path[4096];
	static uint8_t buf[1 << 20];
	uint8_t *copy;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return 1;
	}
	n = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	/* an exact-size heap copy, so that a sanitizer sees the first octet read too far */
	copy = malloc(n ? n : 1);
	if (!copy)
		return 1;
	for (size_t i = 0; i < n; i++)
		copy[i] = buf[i];
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	int bad = 0;

	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *e;

		if (!d) {
			perror(argv[i]);
			return 1;
		}
		while ((e = readdir(d)))
			if (e->d_name[0] != '.') {
				bad |= replay_file(argv[i], e->d_name);
				count++;
			}
		closedir(d);
	}
	printf("%u inputs replayed\n", count);
	return bad || !count;
}
