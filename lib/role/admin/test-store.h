/* A store of a test's own, in a directory of its own, and what is asked over it: for the tests of this role. */
#ifndef MST_ROLE_ADMIN_TEST_STORE_H
#define MST_ROLE_ADMIN_TEST_STORE_H

#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "role/admin/admin.h"
#include "store/store.h"

static inline void test_store_open(char dir[64], const char *name, struct mst_store **ret)
{
	char url[128];

	snprintf(dir, 64, "/tmp/mst-%s-XXXXXX", name);
	assert_non_null(mkdtemp(dir));
	snprintf(url, sizeof(url), "sqlite:%s/t.db", dir);
	assert_int_equal(mst_store_open(url, ret, NULL), 0);
}

static inline void test_store_close(const char *dir, struct mst_store *s)
{
	static const char *const names[] = { "t.db", "t.db-wal", "t.db-shm" };
	char path[128];

	mst_store_close(s);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* In a transaction of its own, undone when it is not `kept`. The answer's text stands in `room`. */
static inline struct mst_answer test_admin_ask(struct mst_role_env *env, const struct mst_exchange *x, bool kept, char room[MST_ANSWER_MAX + 1])
{
	struct mst_answer a = { .content = mst_writer_of((uint8_t *)room, MST_ANSWER_MAX) };

	assert_int_equal(mst_store_begin(env->store), 0);
	assert_int_equal(mst_role_admin.handle(env, x, &a), 0);
	if (kept)
		assert_int_equal(mst_store_commit(env->store), 0);
	else
		mst_store_rollback(env->store);
	room[a.content.n] = 0;
	return a;
}

#endif
