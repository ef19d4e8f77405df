/* How often a token is given a PIN: it may count each, whatever it answers. And a token that makes other keys than it was asked for. */
#include "tests/support/cm.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "secenv/pkcs11.h"
#include "secenv/place.h"
#include "secenv/root.h"

static void how_often(void **state)
{
	static const struct { CK_RV says; CK_FLAGS flags; unsigned most; } row[] = {
		{ CKR_PIN_INCORRECT, 0, 1 },
		{ CKR_PIN_LOCKED, 0, 1 },
		/* a person who said no at the keys of a reader, and a maker's own words, of which nobody here knows what they mean */
		{ CKR_FUNCTION_CANCELED, 0, 1 },
		{ CKR_VENDOR_DEFINED | 7, 0, 1 },
		{ CKR_ARGUMENTS_BAD, 0, 1 },
		/* the token says that it has counted one */
		{ CKR_GENERAL_ERROR, CKF_USER_PIN_COUNT_LOW, 1 },
		{ CKR_FUNCTION_FAILED, CKF_USER_PIN_FINAL_TRY, 1 },
		/* another process logs in (SoftHSM2) */
		{ CKR_GENERAL_ERROR, 0, 8 },
		{ CKR_USER_PIN_NOT_INITIALIZED, 0, 8 },
	};
	char pin[] = "/tmp/mst-pin-XXXXXX";
	int fd = mkstemp(pin);
	void *module = dlopen(TOKEN_MODULE, RTLD_NOW);         /* held: what it counts stays */
	CK_RV *says;
	unsigned *logins;
	CK_FLAGS *flags;

	(void)state;
	assert_true(fd >= 0 && write(fd, "1234", 4) == 4 && !close(fd));
	assert_non_null(module);
	says = dlsym(module, "module_says");
	logins = dlsym(module, "module_logins");
	flags = dlsym(module, "module_flags");
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		const struct mst_secenv_pkcs11 cfg = { .module = TOKEN_MODULE, .token = "odd", .pin_file = pin };
		struct secenv_root *root = NULL;
		struct mst_diag d = { 0 };

		*says = row[i].says;
		*flags = row[i].flags;
		*logins = 0;
		assert_true(mst_secenv_pkcs11_open(&cfg, mst_crypto_openssl(), &root, &d) != 0);
		if (*logins != row[i].most)
			fail_msg("%zu: the PIN was given %u times: %s", i, *logins, d.text);
	}
	dlclose(module);
	unlink(pin);
}

/* Who may not write over another user's mark, in a directory of his own, makes one. */
static int mark_it(const char *pin, struct mst_secenv_guard *g)
{
	struct mst_secenv_guard later = { .looked = false };
	char mark[MST_SECENV_MARK];

	if (!geteuid() && (setgid(65534) || setuid(65534)))
		return 2;
	mst_secenv_mark(pin, mark);
	mst_secenv_note(g, mark);
	memcpy(later.path, g->path, sizeof(later.path));
	return !mst_secenv_refused(&later, pin);
}

static void a_mark_of_another_user(void **state)
{
	char dir[] = "/tmp/mst-mark-XXXXXX", pin[64];
	struct mst_secenv_guard g = { .looked = false };
	int fd, status = -1;
	pid_t child;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(pin, sizeof(pin), "%s/pin", dir);
	snprintf(g.path, sizeof(g.path), "%s/refused", dir);
	fd = open(pin, O_CREAT | O_WRONLY, 0644);
	assert_true(fd >= 0 && write(fd, "1234", 4) == 4 && !close(fd));
	fd = open(g.path, O_CREAT | O_WRONLY, 0);
	assert_true(fd >= 0 && !close(fd));
	assert_true(geteuid() || !chown(dir, 65534, 65534));
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(mark_it(pin, &g));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_false(unlink(pin) || unlink(g.path) || rmdir(dir));
}

/* A key that can be read out is none: it is erased at once, and nobody is told its name. */
static void keys_that_come_out(void **state)
{
	static uint8_t octets[MST_KEY_LEN];
	char pin[] = "/tmp/mst-pin-XXXXXX";
	int fd = mkstemp(pin);
	const struct mst_secenv_pkcs11 cfg = { .module = TOKEN_MODULE, .token = "odd", .pin_file = pin };
	void *module = dlopen(TOKEN_MODULE, RTLD_NOW);
	unsigned *keys = dlsym(module, "module_keys");
	CK_BBOOL *out = dlsym(module, "module_gives_out");
	struct secenv_root *root = NULL;

	(void)state;
	assert_true(fd >= 0 && write(fd, "1234", 4) == 4 && !close(fd));
	*(CK_RV *)dlsym(module, "module_says") = CKR_OK;
	assert_int_equal(mst_secenv_pkcs11_open(&cfg, mst_crypto_openssl(), &root, NULL), 0);
	for (int i = 0; i < 2; i++) {
		struct mst_secenv_key k = { .n = 0 };
		struct mst_diag d = { 0 };
		int bad;

		*keys = 0;
		*out = i ? CK_TRUE : CK_FALSE;
		bad = i ? MST_SECENV_CORRUPT : 0;
		assert_int_equal(root->ops->secret_import(root, (struct mst_view){ octets, sizeof(octets) }, &k, &d), bad);
		assert_int_equal(*keys, i ? 0 : 1);
		assert_int_equal(k.n == 0, i);
		*keys = 0;
		k.n = 0;
		assert_int_equal(root->ops->key_make(root, &k, &d), bad);
		assert_int_equal(*keys, i ? 0 : 2);
		assert_int_equal(k.n == 0, i);
		assert_int_equal(strstr(d.text, "can be read out") != NULL, i);
	}
	root->ops->free(root);
	dlclose(module);
	unlink(pin);
}

static void write_pin(const char *path, const char *pin)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0 && write(fd, pin, strlen(pin)) == (ssize_t)strlen(pin) && !close(fd));
}

/* As a process that is started again has it. */
static int open_anew(const struct mst_secenv_place *p, const char *mark, struct mst_secenv_guard *g, struct secenv_root **ret)
{
	struct mst_diag d = { 0 };

	*g = (struct mst_secenv_guard){ .looked = false };
	snprintf(g->path, sizeof(g->path), "%s", mark);
	*ret = NULL;
	return mst_secenv_place_open(p, MST_SECENV_PKCS11, g, mst_crypto_openssl(), ret, &d);
}

/* At the opening, and by a root that has to log in again later: the PIN that it has is not the file's any more by then. */
static void one_try(void **state)
{
	char dir[] = "/tmp/mst-mark-XXXXXX", pin[64], mark[64], sub[64];
	const struct mst_secenv_place p = { .group = "ca_key", .pin_file = pin, .module = TOKEN_MODULE, .token = "odd", .secret_file = "", .tcti = "", .pcrs = "" };
	void *module = dlopen(TOKEN_MODULE, RTLD_NOW);
	unsigned *logins = dlsym(module, "module_logins");
	CK_RV *says = dlsym(module, "module_says");
	CK_BBOOL *loses = dlsym(module, "module_loses");
	struct mst_secenv_key k = { .n = 0 };
	struct mst_secenv_guard g;
	struct secenv_root *root;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(pin, sizeof(pin), "%s/pin", dir);
	snprintf(sub, sizeof(sub), "%s/state", dir);
	snprintf(mark, sizeof(mark), "%s/state/refused", dir);         /* a directory that is not there yet */
	write_pin(pin, "1234");
	*(CK_FLAGS *)dlsym(module, "module_flags") = 0;
	*says = CKR_PIN_INCORRECT;
	*logins = 0;
	for (int i = 0; i < 3; i++)
		assert_int_equal(open_anew(&p, mark, &g, &root), MST_SECENV_REFUSED);
	assert_int_equal(*logins, 1);
	write_pin(pin, "12345");
	*says = CKR_OK;
	assert_int_equal(open_anew(&p, mark, &g, &root), 0);
	assert_int_equal(*logins, 2);
	assert_int_not_equal(access(mark, F_OK), 0);
	*says = CKR_PIN_INCORRECT;
	*loses = CK_TRUE;
	write_pin(pin, "123456");                                      /* which nobody has tried */
	for (int i = 0; i < 3; i++)
		assert_int_equal(root->ops->key_make(root, &k, NULL), MST_SECENV_REFUSED);
	assert_int_equal(*logins, 3);
	root->ops->free(root);
	*loses = CK_FALSE;
	*says = CKR_OK;
	assert_int_equal(open_anew(&p, mark, &g, &root), 0);
	assert_int_equal(*logins, 4);
	root->ops->free(root);
	/* nobody was asked by a file that could not be read */
	*says = CKR_PIN_INCORRECT;
	assert_int_equal(chmod(pin, 0644), 0);
	assert_int_equal(open_anew(&p, mark, &g, &root), MST_SECENV_REFUSED);
	assert_int_equal(*logins, 4);
	assert_int_not_equal(access(mark, F_OK), 0);
	dlclose(module);
	assert_false(unlink(pin) || rmdir(sub) || rmdir(dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(how_often), cmocka_unit_test(a_mark_of_another_user), cmocka_unit_test(keys_that_come_out),
					    cmocka_unit_test(one_try) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
