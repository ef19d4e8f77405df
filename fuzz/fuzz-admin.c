/* Bodies, paths and queries of the admin API: octets into the request as the listener would hand them over.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "role/admin/admin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/mst-fuzz-XXXXXX";

/* The store notices when its files go while it is open, so they go at the end. */
static void remove_store(void)
{
	static const char *const part[] = { "", "-wal", "-shm" };
	char path[64];

	for (size_t i = 0; i < MST_COUNT(part); i++) {
		snprintf(path, sizeof(path), "%s/f.db%s", dir, part[i]);
		unlink(path);
	}
	rmdir(dir);
}

static struct mst_store *open_store(void)
{
	struct mst_store *s;
	char path[64];

	if (!mkdtemp(dir) || atexit(remove_store))
		abort();
	snprintf(path, sizeof(path), "sqlite:%s/f.db", dir);
	if (mst_store_open(path, &s, NULL))
		abort();
	return s;
}

/* First line: "P path?query" or "G path?query"; the rest is the body. Nothing is ever committed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t room[MST_ANSWER_MAX];
	static struct mst_store *s;
	struct mst_view in = { data, size };
	size_t line = mst_view_find(in, '\n');
	struct mst_role_env env = { .now = 1795212591 };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .peer = { .how = MST_AUTH_LOCAL, .uid = 0 } };
	struct mst_answer a = { .content = mst_writer_of(room, sizeof(room)) };
	json_t *j;

	if (!s)
		s = open_store();
	if (size < 2)
		return 0;
	env.store = s;
	x.request.op = data[0] == 'P' ? MST_OP_CREATE : MST_OP_RETRIEVE;
	x.request.to = mst_view_sub(in, 2, line > 2 ? line - 2 : 0);
	x.request.content = mst_view_sub(in, line + 1, size);
	if (mst_store_begin(s) || mst_store_mark(s) || mst_role_admin.handle(&env, &x, &a))
		abort();
	mst_store_undo(s);
	mst_store_rollback(s);
	/* an answer always, and always JSON */
	j = a.rsc && a.content.ok ? json_loadb((const char *)a.content.p, a.content.n, 0, NULL) : NULL;
	if (!j)
		abort();
	json_decref(j);
	return 0;
}
