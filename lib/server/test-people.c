/* Who is named by user id must be somebody whom the kernel tells by that number: planted maps of user namespaces. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cm.h"

#include "server/people.h"

#define ALL "         0          0 4294967295\n"
/* systemd's PrivateUsers=yes for user 993, and a container of an ordinary user */
#define PRIVATE "         0          0          1\n       993        993          1\n"
#define CONTAINER "         0       1000          1\n         1     100000      65536\n"
#define ADMIN "admin = { listen = [\"unix:run/admin.sock\"];\n%s};\n"
#define PEOPLE(a, b) "four_eyes = { people = ( { uid = " a "; },\n{ uid = " b "; } ); };\n"
#define PROVIDER(a) "providers = ( { sp = \"sp.example.com\";\nuid = " a "; } );\n"

static char said[8192], proc[64];

static void note(void *arg, const char *text)
{
	(void)arg;
	strncat(said, text, sizeof(said) - strlen(said) - 1);
	strncat(said, "\n", sizeof(said) - strlen(said) - 1);
}

/* NULL: there is no such file. */
static void plant(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	(void)unlink(path);
	if (!text)
		return;
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static unsigned check(const char *people, const char *provider)
{
	struct mst_conf_report r = { .line = note };
	struct mst_conf *c = NULL;
	char text[1024];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "%s", people);
	snprintf(text + n, sizeof(text) - n, ADMIN, provider);
	said[0] = '\0';
	assert_int_equal(mst_conf_read("/etc/muster/musterd.conf", text, &r, &c), 0);
	mst_people_check(c, text, proc, &r);
	mst_conf_free(c);
	return r.errors;
}

static int set_up(void **state)
{
	static const char *const dir[] = { "", "/self", "/sys", "/sys/kernel" };
	char path[128];

	(void)state;
	snprintf(proc, sizeof(proc), "/tmp/mst-people-XXXXXX");
	assert_non_null(mkdtemp(proc));
	for (size_t i = 1; i < sizeof(dir) / sizeof(dir[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", proc, dir[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	plant("self/comm", "musterd\n");
	plant("self/uid_map", ALL);
	plant("sys/kernel/overflowuid", "65534\n");
	return 0;
}

static int tear_down(void **state)
{
	static const char *const left[] = { "/sys/kernel", "/sys", "/self", "" };
	char path[128];

	(void)state;
	plant("self/comm", NULL);
	plant("self/uid_map", NULL);
	plant("sys/kernel/overflowuid", NULL);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", proc, left[i]);
		assert_int_equal(rmdir(path), 0);
	}
	return 0;
}

static void everybody_is_mapped(void **state)
{
	(void)state;
	assert_int_equal(check(PEOPLE("0", "4294967294L"), PROVIDER("1201")), 0);
	assert_string_equal(said, "");
}

/* Not one of those whom PrivateUsers=yes leaves; where nobody is named, it does not matter. */
static void not_mapped(void **state)
{
	(void)state;
	plant("self/uid_map", PRIVATE);
	assert_int_equal(check("", ""), 0);
	assert_int_equal(check(PEOPLE("0", "993"), ""), 0);
	assert_int_equal(check(PEOPLE("0", "994"), PROVIDER("1201")), 2);
	assert_non_null(strstr(said, "/etc/muster/musterd.conf:2: four_eyes.people[1].uid: 994 is none of the users of this user namespace"));
	assert_non_null(strstr(said, "/etc/muster/musterd.conf:5: admin.providers[0].uid: 1201 is none of the users of this user namespace"));
	assert_non_null(strstr(said, "PrivateUsers=no"));
}

/* What counts are the numbers inside. */
static void in_a_container(void **state)
{
	(void)state;
	plant("self/uid_map", CONTAINER);
	assert_int_equal(check(PEOPLE("0", "65533"), PROVIDER("65536")), 0);
	assert_int_equal(check(PEOPLE("1", "100000"), PROVIDER("65537")), 2);
}

/* Mapped or not: it is said of others, too. */
static void the_overflow_id(void **state)
{
	(void)state;
	assert_int_equal(check(PEOPLE("0", "65534"), PROVIDER("65534")), 2);
	assert_non_null(strstr(said, "four_eyes.people[1].uid: 65534 is nobody's"));
	assert_non_null(strstr(said, "admin.providers[0].uid: 65534 is nobody's"));
	plant("sys/kernel/overflowuid", "1301\n");
	assert_int_equal(check(PEOPLE("1301", "65534"), PROVIDER("1302")), 2);
	assert_non_null(strstr(said, "four_eyes.people[0].uid: 1301 is nobody's"));
}

/* ProcSubset=pid hides it, which is no matter while everybody is mapped. */
static void the_overflow_id_is_hidden(void **state)
{
	(void)state;
	plant("sys/kernel/overflowuid", NULL);
	assert_int_equal(check(PEOPLE("0", "1301"), PROVIDER("1201")), 0);
	assert_int_equal(check(PEOPLE("0", "65534"), ""), 1);
	plant("self/uid_map", CONTAINER);
	assert_int_equal(check("", ""), 0);
	assert_int_equal(check(PEOPLE("0", "1301"), ""), 1);
	assert_non_null(strstr(said, "four_eyes.people: some users are not mapped here"));
	plant("self/uid_map", ALL);
	plant("sys/kernel/overflowuid", "many\n");
	assert_int_equal(check(PEOPLE("0", "1301"), ""), 0);
}

static void no_map(void **state)
{
	static const char *const bad[] = { "", "\n", "0 0\n", "0 0 4294967295", "0 0 -1\n", "0 0 1 \n", "0 0 4294967296\n", "a\n", "0 0 1\n\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		plant("self/uid_map", bad[i]);
		assert_int_equal(check(PEOPLE("0", "1301"), ""), 1);
		assert_non_null(strstr(said, "uid_map: Invalid argument"));
	}
	/* a kernel without user namespaces; then no /proc at all */
	plant("self/uid_map", NULL);
	assert_int_equal(check(PEOPLE("0", "1301"), ""), 0);
	plant("self/comm", NULL);
	assert_int_equal(check("", PROVIDER("1201")), 1);
	assert_non_null(strstr(said, "admin.providers: which users the kernel tells musterd of"));
	assert_int_equal(check("", ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everybody_is_mapped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_mapped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(in_a_container, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_overflow_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_overflow_id_is_hidden, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_map, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("people", tests, NULL, NULL);
}
