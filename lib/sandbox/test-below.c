/* What leads through a directory: by its name, by links, by links that links lead to. */
#include "tests/support/cm.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

static char home[] = "/tmp/mst-below-XXXXXX";

static void file(const char *name)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fclose(f);
}

static int set_up(void **state)
{
	static const char *const link[][2] = {
		{ "store", "to-it" }, { "store/a", "to-a" }, { "../store/a", "etc/up" }, { "store/current", "twice" }, { "../etc", "store/current" }, { "store/../etc/b", "through" },
		{ "round", "round" }, { "nowhere", "broken" }, { "etc", "good" }, { "good/b", "good-twice" }, { "/", "root" },
	};

	(void)state;
	assert_non_null(mkdtemp(home));
	assert_int_equal(chdir(home), 0);
	assert_false(mkdir("store", 0700) || mkdir("store/d", 0700) || mkdir("storeroom", 0700) || mkdir("etc", 0700));
	file("store/a");
	file("storeroom/a");
	file("etc/b");
	for (size_t i = 0; i < MST_COUNT(link); i++)
		assert_int_equal(symlink(link[i][0], link[i][1]), 0);
	return 0;
}

static int tear_down(void **state)
{
	char command[80];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", home);
	return chdir("/") || system(command); /* NOLINT(cert-env33-c): a directory of ours */
}

static void leads(void **state)
{
	static const struct { const char *path; bool yes; } row[] = {
		{ "store", true }, { "store/", true }, { "./store/a", true }, { "store//d", true }, { "store/d/new", true }, { "store/new", true }, { "to-it", true }, { "to-it/a", true },
		{ "to-a", true }, { "etc/up", true }, { "etc/../store", true }, { "etc/./../store/a", true }, { "etc/../../../../../../../tmp", false }, { "twice", true }, { "twice/b", true },
		{ "through", true }, { "store/../etc/b", true }, { "etc", false }, { "etc/b", false }, { "etc/b/more", false }, { "storeroom/a", false }, { "good/b", false }, { "good-twice", false },
		{ "round", false }, { "round/store", false }, { "broken", false }, { "nowhere", false }, { "nowhere/store", false }, { ".", false }, { "", false }, { "/", false }, { "root", false },
	};
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		if (mst_path_leads(row[i].path, "store") != row[i].yes)
			fail_msg("%s", row[i].path);
		snprintf(path, sizeof(path), "%s/%s", home, row[i].path);
		if (*row[i].path != '/' && mst_path_leads(path, "to-it") != row[i].yes)
			fail_msg("%s", path);
		snprintf(path, sizeof(path), "root/%s/%s", home, row[i].path);
		if (*row[i].path != '/' && mst_path_leads(path, "to-it") != row[i].yes)
			fail_msg("%s", path);
	}
	/* everything is below the root, and nothing below what is not there */
	assert_true(mst_path_leads("etc/b", "/"));
	assert_true(mst_path_leads("/", "/"));
	assert_false(mst_path_leads("etc/b", "nowhere"));
}

static void too_long(void **state)
{
	char path[PATH_MAX + 100];

	(void)state;
	memset(path, '/', sizeof(path));
	memcpy(path + sizeof(path) - 6, "store", 6);
	assert_false(mst_path_leads(path, "store"));
	assert_int_equal(chdir("/"), 0);
	assert_true(mst_path_leads(home + 1, home));
	assert_int_equal(chdir(home), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(leads), cmocka_unit_test(too_long) };

	return cmocka_run_group_tests_name("below", tests, set_up, tear_down);
}
