#include "server/crash.h"

#include <signal.h>
#include <string.h>

const char *const mst_crash_name[MST_CRASH__COUNT] = {
	[MST_CRASH_NEVER] = "",
	[MST_CRASH_REQUEST_READ] = "request-read",
	[MST_CRASH_DECIDED] = "decided",
	[MST_CRASH_COMMIT_BEFORE] = "commit-before",
	[MST_CRASH_COMMIT_AFTER] = "commit-after",
	[MST_CRASH_RELEASE_BEFORE] = "release-before",
	[MST_CRASH_ANSWER_BEFORE] = "answer-before",
	[MST_CRASH_ANSWER_AFTER] = "answer-after",
	[MST_CRASH_PSK_BEFORE] = "psk-before",
	[MST_CRASH_FETCH_BEFORE] = "fetch-before",
	[MST_CRASH_FETCH_AFTER] = "fetch-after",
};

enum mst_crash_point mst_crash_find(const char *name)
{
	int i = 0;

	while (i < MST_CRASH__COUNT && strcmp(mst_crash_name[i], name))
		i++;
	return (enum mst_crash_point)i;
}

struct mst_crash mst_crash_of(const struct mst_conf *c)
{
	struct mst_crash k = { .at = mst_crash_find(c->test.crash_at), .left = c->test.crash_after };

	if (!c->test.present || k.at == MST_CRASH__COUNT)
		k.at = MST_CRASH_NEVER;
	return k;
}

void mst_crash_pass(struct mst_crash *k, enum mst_crash_point here)
{
	if (k->at != here || here == MST_CRASH_NEVER || --k->left > 0)
		return;
	raise(SIGKILL);
}
