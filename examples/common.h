/* What the examples share and devices do otherwise: files of instructions and secrets, words for how it ended. */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <muster/enrolee.h>
#include <stdio.h>
#include <sys/stat.h>

static size_t read_file(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(out, 1, cap, f) : 0;

	if (f)
		fclose(f);
	return n;
}

/* As libmuster-openssl asks of a key that it reads itself; false with words in `detail`. */
static inline bool private_file(const char *path, char detail[160])
{
	struct stat st;
	bool there = stat(path, &st) == 0;

	if (there && !(st.st_mode & 077))
		return true;
	snprintf(detail, 160, "%s: %s", path, there ? "may be read or changed by others; chmod 600" : "is not there");
	return false;
}

/* Every instruction's reason, then the last word. The exit status of the program. */
static int say_end(const struct muster_enrolee *e, enum muster_reason r)
{
	for (unsigned i = 0; i < muster_reports(e); i++) {
		struct muster_report p = muster_report(e, i);

		if (p.reason != MUSTER_OK)
			fprintf(stderr, "%s: %s%s%s: %s\n", p.uri, muster_reason_text(p.reason), *p.step ? " at " : "", p.step, p.detail);
	}
	if (r == MUSTER_OK)
		printf("enrolled, attempt %s\n", muster_attempt(e));
	else
		fprintf(stderr, "not enrolled: %s: %s\n", muster_reason_text(r), muster_detail(e));
	return r != MUSTER_OK;
}

#endif
