/* How often a token is given a PIN: it may count each, whatever it answers. And a token that makes other keys than it was asked for. */
#include "tests/support/cm.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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
	struct mst_secenv_guard later = { .n = 0 };
	char mark[MST_SECENV_MARK];
	struct mst_diag d = { 0 };

	if (!geteuid() && (setgid(65534) || setuid(65534)))
		return 2;
	mst_secenv_mark(pin, mark);
	if (mst_secenv_note(g, "the token odd", mark, &d))
		return 3;
	memcpy(later.path, g->path, sizeof(later.path));
	return !mst_secenv_refused(&later, "the token odd", pin);
}

static void a_mark_of_another_user(void **state)
{
	char dir[] = "/tmp/mst-mark-XXXXXX", pin[64];
	struct mst_secenv_guard g = { .n = 0 };
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
static struct mst_diag told;

static int open_anew(const struct mst_secenv_place *p, const char *mark, struct mst_secenv_guard *g, struct secenv_root **ret)
{
	*g = (struct mst_secenv_guard){ .n = 0 };
	snprintf(g->path, sizeof(g->path), "%s", mark);
	*ret = NULL;
	told.text[0] = '\0';
	return mst_secenv_place_open(p, MST_SECENV_PKCS11, g, mst_crypto_openssl(), ret, &told);
}

/* A device of the test module, whose answers are told it, with a directory for PIN and note. */
static struct odd {
	char dir[64], pin[96], note[96];
	struct mst_secenv_place p;
	void *module;
	unsigned *logins;
	CK_RV *says;
} odd;

static int begin_odd(void **state)
{
	(void)state;
	snprintf(odd.dir, sizeof(odd.dir), "/tmp/mst-mark-XXXXXX");
	assert_non_null(mkdtemp(odd.dir));
	snprintf(odd.pin, sizeof(odd.pin), "%s/pin", odd.dir);
	snprintf(odd.note, sizeof(odd.note), "%s/refused", odd.dir);
	odd.p = (struct mst_secenv_place){ .group = "ca_key", .pin_file = odd.pin, .module = TOKEN_MODULE, .token = "odd", .secret_file = "", .tcti = "", .pcrs = "" };
	odd.module = dlopen(TOKEN_MODULE, RTLD_NOW);
	odd.logins = dlsym(odd.module, "module_logins");
	odd.says = dlsym(odd.module, "module_says");
	*(CK_FLAGS *)dlsym(odd.module, "module_flags") = 0;
	*(CK_BBOOL *)dlsym(odd.module, "module_loses") = CK_FALSE;
	*odd.logins = 0;
	write_pin(odd.pin, "1234");
	return 0;
}

static int end_odd(void **state)
{
	(void)state;
	(void)!unlink(odd.pin);
	(void)!unlink(odd.note);
	dlclose(odd.module);
	return rmdir(odd.dir);           /* nothing else is left in it */
}

static int open_odd(struct mst_secenv_guard *g)
{
	struct secenv_root *root;
	int r = open_anew(&odd.p, odd.note, g, &root);

	if (!r)
		root->ops->free(root);
	return r;
}

/* One PIN file may be for several: what one has refused another one is asked, and what one has taken the other is not given again. */
static void each_device_for_itself(void **state)
{
	static const char *const odd_names[] = { "a\tb", "a\nthe token odd\tb", "%09", "\xc3\xa4", "" };
	struct mst_secenv_guard g = { .n = 0 }, later;
	char mark[MST_SECENV_MARK], device[MST_SECENV_DEVICE], longest[2000];

	(void)state;
	*odd.says = CKR_PIN_INCORRECT;
	assert_int_equal(open_odd(&g), MST_SECENV_REFUSED);
	assert_int_equal(open_odd(&g), MST_SECENV_REFUSED);
	assert_non_null(strstr(told.text, "the token odd has refused this PIN"));
	assert_int_equal(*odd.logins, 1);
	mst_secenv_device(MST_SECENV_TPM, "device:/dev/tpmrm0", device);
	assert_string_equal(device, "the TPM device:/dev/tpmrm0");
	assert_null(mst_secenv_refused(&g, device, odd.pin));
	mst_secenv_mark(odd.pin, mark);
	assert_int_equal(mst_secenv_note(&g, device, mark, &told), 0);
	mst_secenv_taken(&g, device);
	assert_null(mst_secenv_refused(&g, device, odd.pin));
	assert_int_equal(open_odd(&g), MST_SECENV_REFUSED);
	assert_int_equal(*odd.logins, 1);
	/* whatever a name has in it, it is that of one device */
	for (size_t i = 0; i < MST_COUNT(odd_names); i++) {
		mst_secenv_device(MST_SECENV_PKCS11, odd_names[i], device);
		assert_null(mst_secenv_refused(&g, device, odd.pin));
		assert_int_equal(mst_secenv_note(&g, device, mark, &told), 0);
		assert_non_null(mst_secenv_refused(&g, device, odd.pin));
		assert_int_equal(g.n, i + 2);
	}
	assert_int_equal(open_odd(&g), MST_SECENV_REFUSED);
	/* however many, and however long their names are, the note stays a small one */
	memset(longest, 'x', sizeof(longest) - 1);
	for (unsigned i = 0; i < 2 * MST_SECENV_NOTED; i++) {
		snprintf(longest, 100, "%u", i);
		longest[strlen(longest)] = 'x';
		longest[sizeof(longest) - 1] = '\0';
		mst_secenv_device(MST_SECENV_UICC, longest, device);
		assert_int_equal(mst_secenv_note(&g, device, mark, &told), 0);
		later = (struct mst_secenv_guard){ .n = 0 };
		memcpy(later.path, g.path, sizeof(later.path));
		assert_non_null(mst_secenv_refused(&later, device, odd.pin));
		assert_true(later.n <= MST_SECENV_NOTED);
	}
}

/* What is no note of ours says nothing, and what was cut off does not either. */
static void strange_notes(void **state)
{
	static const char *const row[] = { "", "\n", "\t\n", "the token odd\n", "the token odd\t\n", "the token odd\tx", "\tx\n", "refused: device 1 file 2\n" };
	struct mst_secenv_guard g;

	(void)state;
	*odd.says = CKR_OK;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		write_pin(odd.note, row[i]);
		assert_int_equal(open_odd(&g), 0);
	}
}

static void make_anew(const char *pin)
{
	char old[128];

	snprintf(old, sizeof(old), "%s.old", odd.pin);
	assert_false(rename(odd.pin, old));      /* so that its inode stays taken */
	write_pin(odd.pin, pin);
	assert_false(unlink(old));
}

/* As systemd does it with a credential: the same path, and a new file at each start. */
static void a_file_that_is_made_anew(void **state)
{
	struct mst_secenv_guard g;

	(void)state;
	assert_false(setenv("CREDENTIALS_DIRECTORY", odd.dir, 1));
	*odd.says = CKR_PIN_INCORRECT;
	for (int i = 0; i < 3; i++) {
		make_anew("1234");
		assert_int_equal(open_odd(&g), MST_SECENV_REFUSED);
		assert_int_equal(*odd.logins, 1);
	}
	assert_non_null(strstr(told.text, "where this credential comes from, and remove "));
	assert_non_null(strstr(told.text, odd.note));
	/* a person's command does not know of the directory, and holds as well */
	assert_false(unsetenv("CREDENTIALS_DIRECTORY"));
	make_anew("1234");
	assert_int_equal(open_odd(&g), MST_SECENV_REFUSED);
	assert_int_equal(*odd.logins, 1);
	/* as told */
	assert_false(setenv("CREDENTIALS_DIRECTORY", odd.dir, 1));
	make_anew("4321");
	*odd.says = CKR_OK;
	assert_int_equal(open_odd(&g), MST_SECENV_REFUSED);
	assert_false(unlink(odd.note));
	assert_int_equal(open_odd(&g), 0);
	/* or where it has another length */
	*odd.says = CKR_PIN_INCORRECT;
	assert_int_equal(open_odd(&g), MST_SECENV_REFUSED);
	*odd.says = CKR_OK;
	make_anew("12345");
	assert_int_equal(open_odd(&g), 0);
	assert_int_not_equal(access(odd.note, F_OK), 0);
	assert_false(unsetenv("CREDENTIALS_DIRECTORY"));
}

/* PIN and device are as they were told to be: nothing was counted, nothing is noted. */
static void not_ready_is_not_refused(void **state)
{
	static const CK_RV says[] = { CKR_USER_PIN_NOT_INITIALIZED, CKR_PIN_EXPIRED };
	struct mst_secenv_guard g;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(says); i++) {
		*odd.says = says[i];
		assert_int_equal(open_odd(&g), MST_SECENV_UNREADY);
		assert_int_not_equal(access(odd.note, F_OK), 0);
		*odd.says = CKR_OK;
		assert_int_equal(open_odd(&g), 0);
	}
}

/* A disk that takes nothing: in a process of its own. */
static int refused_on_a_full_disk(void)
{
	struct mst_secenv_guard g;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 0, 0 }))
		return 2;
	*odd.says = CKR_PIN_INCORRECT;
	if (open_odd(&g) != MST_SECENV_REFUSED || !strstr(told.text, "could not be noted in ") || !strstr(told.text, odd.note) || !strstr(told.text, "too large"))
		return 3;
	/* it is known here */
	if (!mst_secenv_refused(&g, "the token odd", odd.pin))
		return 4;
	return *odd.logins == 1 ? 0 : 5;
}

static void a_note_that_cannot_be_written(void **state)
{
	static const char kept[] = "the TPM\tdevice 1 file 2 octets 3 written 4.5\n";
	char now[sizeof(kept)] = "";
	struct mst_secenv_guard g;
	int fd, status = -1;
	pid_t child;

	(void)state;
	write_pin(odd.note, kept);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(refused_on_a_full_disk());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* what was there is there, whole, and nothing beside it */
	fd = open(odd.note, O_RDONLY);
	assert_true(fd >= 0 && read(fd, now, sizeof(now)) == sizeof(kept) - 1 && !close(fd));
	assert_string_equal(now, kept);
	/* the next start tries it, and another's line stays */
	*odd.says = CKR_PIN_INCORRECT;
	assert_int_equal(open_odd(&g), MST_SECENV_REFUSED);
	assert_null(strstr(told.text, "noted"));
	assert_int_equal(g.n, 2);
	assert_int_equal(open_odd(&g), MST_SECENV_REFUSED);
	assert_int_equal(*odd.logins, 1);
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

#define T(f) cmocka_unit_test_setup_teardown(f, begin_odd, end_odd)

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(how_often), cmocka_unit_test(a_mark_of_another_user), cmocka_unit_test(keys_that_come_out),
					    cmocka_unit_test(one_try), T(each_device_for_itself), T(strange_notes), T(a_file_that_is_made_anew),
					    T(not_ready_is_not_refused), T(a_note_that_cannot_be_written) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
