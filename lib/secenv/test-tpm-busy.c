/*
 * A TPM that is busy (decision 0034): between the store and swtpm stands somebody who refuses commands with the codes that a real
 * one has when it tests itself, spares its memory, or could not begin.
 */
#include "tests/support/cm.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>

#include "secenv/test-device.h"
#include "secenv/tpm.h"

#define PAIRS 16
#define ALL_COMMANDS 0u
#define FOREVER 1000000u

struct pair { int from, to; bool data; uint8_t b[4096]; size_t n; };

static struct {
	pthread_t thread;
	int listen[2], stop[2], port;
	unsigned in_row;                 /* refused since one passed: swtpm's TCTI connects for each command */
	struct pair pair[PAIRS];
	/* what is refused: this command or all, this often each, with this code, or, so often in all, by the end of the connection */
	atomic_uint code, times, rc, refusals, passed, cuts;
} middle;

static struct mst_crypto *c;
static char top[64], dir[96], key_file[96], tcti[64];

static uint32_t be32(const uint8_t *p)
{
	struct mst_reader r = mst_reader_of((struct mst_view){ p, 4 });

	return mst_read_u32(&r);
}

static void drop(struct pair *p)
{
	close(p->from);
	close(p->to);
	*p = (struct pair){ .from = -1, .to = -1 };
}

/* Tag TPM_ST_NO_SESSIONS, size, code (part 1, 18.5). */
static bool refuse(const struct pair *p)
{
	uint8_t b[10] = { 0x80, 0x01, 0, 0, 0, sizeof(b), 0, 0, (uint8_t)(middle.rc >> 8), (uint8_t)middle.rc };

	middle.refusals++;
	if (middle.cuts) {
		middle.times = --middle.cuts ? middle.times : 0;
		return false;
	}
	return write(p->from, b, sizeof(b)) == sizeof(b);
}

/* A whole command is there, or some of one. */
static bool from_store(struct pair *p)
{
	ssize_t n = read(p->from, p->b + p->n, sizeof(p->b) - p->n);

	if (n <= 0)
		return false;
	p->n += (size_t)n;
	if (p->data && (p->n < 10 || p->n < be32(p->b + 2)))
		return true;
	if (p->data && middle.in_row < middle.times && (middle.code == ALL_COMMANDS || middle.code == be32(p->b + 6))) {
		middle.in_row++;
		p->n = 0;
		return refuse(p);
	}
	middle.in_row = p->data ? 0 : middle.in_row;
	middle.passed += p->data;
	n = write(p->to, p->b, p->n);
	p->n = 0;
	return n > 0;
}

static bool from_tpm(const struct pair *p)
{
	uint8_t b[4096];
	ssize_t n = read(p->to, b, sizeof(b));

	return n > 0 && write(p->from, b, (size_t)n) == n;
}

static struct sockaddr_in at(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void admit(int i)
{
	struct sockaddr_in a = at(device_port() + i);

	for (size_t k = 0; k < PAIRS; k++) {
		struct pair *p = &middle.pair[k];

		if (p->from >= 0)
			continue;
		*p = (struct pair){ accept(middle.listen[i], NULL, NULL), socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), i == 0, { 0 }, 0 };
		if (connect(p->to, (struct sockaddr *)&a, sizeof(a)))
			drop(p);
		return;
	}
	abort();
}

static void *relay(void *unused)
{
	(void)unused;
	for (;;) {
		struct pollfd f[3 + 2 * PAIRS] = { { middle.listen[0], POLLIN, 0 }, { middle.listen[1], POLLIN, 0 }, { middle.stop[0], POLLIN, 0 } };

		for (size_t k = 0; k < PAIRS; k++) {
			f[3 + 2 * k] = (struct pollfd){ middle.pair[k].from, POLLIN, 0 };
			f[4 + 2 * k] = (struct pollfd){ middle.pair[k].to, POLLIN, 0 };
		}
		if (poll(f, MST_COUNT(f), -1) < 0)
			continue;
		if (f[2].revents)
			return NULL;
		for (size_t k = 0; k < PAIRS; k++)
			if ((f[4 + 2 * k].revents && !from_tpm(&middle.pair[k])) || (f[3 + 2 * k].revents && !from_store(&middle.pair[k])))
				drop(&middle.pair[k]);
		for (int i = 0; i < 2; i++)
			if (f[i].revents)
				admit(i);
	}
}

/* Two ports in a row, as swtpm has. */
static int listen_twice(void)
{
	for (;;) {
		struct sockaddr_in a = at(0);
		socklen_t n = sizeof(a);

		for (int i = 0; i < 2; i++)
			middle.listen[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(middle.listen[0], (struct sockaddr *)&a, sizeof(a)), 0);
		assert_int_equal(getsockname(middle.listen[0], (struct sockaddr *)&a, &n), 0);
		a = at(ntohs(a.sin_port) + 1);
		if (bind(middle.listen[1], (struct sockaddr *)&a, sizeof(a)) == 0 && listen(middle.listen[0], PAIRS) == 0 && listen(middle.listen[1], PAIRS) == 0)
			return ntohs(a.sin_port) - 1;
		close(middle.listen[0]);
		close(middle.listen[1]);
	}
}

static int group_begin(void **state)
{
	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-busy-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/state", top);
	snprintf(key_file, sizeof(key_file), "%s/state.key", top);
	for (size_t k = 0; k < PAIRS; k++)
		middle.pair[k].from = middle.pair[k].to = -1;
	middle.port = listen_twice();
	snprintf(tcti, sizeof(tcti), "swtpm:host=127.0.0.1,port=%d", middle.port);
	assert_int_equal(pipe(middle.stop), 0);
	assert_int_equal(pthread_create(&middle.thread, NULL, relay, NULL), 0);
	return 0;
}

static int group_end(void **state)
{
	char cmd[96];

	(void)state;
	close(middle.stop[1]);
	assert_int_equal(pthread_join(middle.thread, NULL), 0);
	for (size_t k = 0; k < PAIRS; k++)
		if (middle.pair[k].from >= 0)
			drop(&middle.pair[k]);
	close(middle.listen[0]);
	close(middle.listen[1]);
	close(middle.stop[0]);
	snprintf(cmd, sizeof(cmd), "rm -r %s", top);
	assert_int_equal(system(cmd), 0);
	return 0;
}

static void refusing(TPM2_RC rc, uint32_t code, unsigned times)
{
	middle.rc = rc;
	middle.code = code;
	middle.refusals = 0;
	middle.times = times;
}

static int try_open(struct mst_secenv **ret, struct mst_diag *d)
{
	const struct mst_secenv_tpm t = { tcti, "", 0 };
	struct secenv_root *root = NULL;
	int r = mst_secenv_tpm_open(&t, c, &root, d);

	return r ? r : mst_secenv_open(dir, key_file, root, c, ret, d);
}

static struct mst_secenv *must_open(void)
{
	struct mst_secenv *s = NULL;
	struct mst_diag d = { 0 };
	int r = try_open(&s, &d);

	if (r)
		fail_msg("%d: %s: %s", r, d.field, d.text);
	return s;
}

static int put(struct mst_secenv *s, uint8_t x, struct mst_diag *d)
{
	static struct mst_root_cred k;

	memset(&k, 0, sizeof(k));
	memset(k.key.b, x, MST_KEY_LEN);
	k.key.n = MST_KEY_LEN;
	k.generation = x;
	return s->ops->store(s, MST_SLOT_ACTIVE, &k, d);
}

static unsigned holds(struct mst_secenv *s)
{
	static struct mst_root_cred k;

	return s->ops->load(s, MST_SLOT_ACTIVE, &k, NULL) == 0 ? (unsigned)k.generation : 0;
}

static const TPM2_RC codes[] = { TPM2_RC_RETRY, TPM2_RC_NV_RATE, TPM2_RC_NV_UNAVAILABLE, TPM2_RC_TESTING, TPM2_RC_YIELDED, TPM2_RC_OBJECT_MEMORY,
				 TPM2_RC_SESSION_MEMORY };

/* Every command is refused, once or twice, and nobody notices. */
static void a_busy_tpm_is_waited_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(codes); i++) {
		uint8_t digest[MST_SHA256_LEN] = { 7 }, sig[128];
		struct mst_secenv_key k;
		struct mst_secenv *s;
		unsigned passed, times = i ? 1 : 2;
		size_t n = 0;

		middle.passed = 0;
		refusing(codes[i], ALL_COMMANDS, times);
		s = must_open();
		assert_int_equal(put(s, (uint8_t)(i + 1), NULL), 0);
		assert_int_equal(s->ops->key_make(s, &k, NULL), 0);
		assert_int_equal(s->ops->key_sign(s, &k, digest, sig, sizeof(sig), &n, NULL), 0);
		passed = middle.passed;
		assert_true(passed > 10);
		assert_int_equal(middle.refusals, times * passed);
		s->ops->close(s);
		refusing(0, ALL_COMMANDS, 0);
		s = must_open();
		assert_int_equal(holds(s), i + 1);
		s->ops->close(s);
	}
}

/* One that gets never ready is told as that, in the end, and the store is what it was. */
static void a_tpm_that_stays_busy_is_told(void **state)
{
	struct mst_diag d = { 0 };
	struct mst_secenv *s = must_open();
	unsigned was, is;

	(void)state;
	assert_int_equal(put(s, 20, NULL), 0);
	s->ops->close(s);
	s = NULL;
	refusing(TPM2_RC_NV_RATE, ALL_COMMANDS, FOREVER);
	assert_int_equal(try_open(&s, &d), MST_SECENV_BUSY);
	assert_null(s);
	assert_string_equal(d.field, "TPM");
	assert_non_null(strstr(d.text, "busy"));
	assert_non_null(strstr(mst_secenv_remedy(MST_SECENV_BUSY), "try again"));
	was = middle.refusals;
	assert_in_range(was, 5, 40);             /* bounded, and not by spinning */
	/* only the counter cannot be written: the disk may have the change, and then it stands */
	refusing(0, ALL_COMMANDS, 0);
	s = must_open();
	refusing(TPM2_RC_NV_UNAVAILABLE, TPM2_CC_NV_Increment, FOREVER);
	assert_int_equal(put(s, 21, &d), MST_FAULT_IO);
	assert_non_null(strstr(d.text, "busy"));
	s->ops->close(s);
	refusing(0, ALL_COMMANDS, 0);
	s = must_open();
	is = holds(s);
	assert_true(is == 20 || is == 21);
	assert_int_equal(put(s, 22, NULL), 0);
	s->ops->close(s);
	s = must_open();
	assert_int_equal(holds(s), 22);
	s->ops->close(s);
}

/* What it says of something else is told at once. */
static void other_refusals_are_not_repeated(void **state)
{
	struct mst_diag d = { 0 };
	struct mst_secenv *s = NULL;

	(void)state;
	refusing(TPM2_RC_LOCKOUT, TPM2_CC_CreatePrimary, FOREVER);
	assert_int_equal(try_open(&s, &d), MST_SECENV_LOCKOUT);
	assert_int_equal(middle.refusals, 1);
	/* slots that stay full: sooner than a TPM that is busy, and with what is to be done */
	refusing(TPM2_RC_OBJECT_MEMORY, TPM2_CC_CreatePrimary, FOREVER);
	assert_int_equal(try_open(&s, &d), MST_SECENV_FULL);
	assert_in_range(middle.refusals, 3, 10);
	assert_non_null(strstr(d.text, "tpm2_flushcontext"));
	refusing(0, ALL_COMMANDS, 0);
	s = must_open();
	s->ops->close(s);
}

static unsigned loaded(const char *what)
{
	unsigned n = 0;
	char line[200], cmd[300];
	FILE *f;

	snprintf(cmd, sizeof(cmd), "tpm2_getcap -T swtpm:host=127.0.0.1,port=%d handles-%s", device_port(), what);
	f = popen(cmd, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n++;
	assert_int_equal(pclose(f), 0);
	return n;
}

/* The connection ends while something is thrown out of the TPM: it does not stay there, for no resource manager would see to that. */
static void what_a_lost_connection_leaves_behind(void **state)
{
	static const TPM2_CC command[] = { TPM2_CC_FlushContext, TPM2_CC_CreatePrimary, TPM2_CC_StartAuthSession, TPM2_CC_Create, TPM2_CC_Load,
					 TPM2_CC_Sign, TPM2_CC_NV_Increment };
	const uint8_t digest[MST_SHA256_LEN] = { 7 };
	struct mst_secenv *s = must_open();
	struct mst_secenv_key key, k;

	(void)state;
	assert_int_equal(s->ops->key_make(s, &key, NULL), 0);
	for (size_t i = 0; i < MST_COUNT(command); i++) {
		uint8_t sig[128];
		size_t n;

		refusing(0, command[i], FOREVER);
		middle.cuts = 1;
		(void)s->ops->key_make(s, &k, NULL);
		(void)s->ops->key_sign(s, &key, digest, sig, sizeof(sig), &n, NULL);
		(void)put(s, 30, NULL);
		assert_int_equal(middle.refusals, 1);
		refusing(0, ALL_COMMANDS, 0);
		if (loaded("transient") || loaded("loaded-session"))
			fail_msg("command %#x: %u objects and %u sessions are left", command[i], loaded("transient"), loaded("loaded-session"));
		assert_int_equal(put(s, (uint8_t)(i + 31), NULL), 0);
		assert_int_equal(holds(s), i + 31);
	}
	s->ops->close(s);
}

/* Its file is there, and not for this user. */
static void a_device_that_is_closed_is_told(void **state)
{
	char file[] = "/tmp/test-tpm-XXXXXX", way[64];
	struct mst_secenv_tpm t = { .tcti = way, .pin_file = "" };
	struct secenv_root *root = NULL;
	struct mst_diag d = { 0 };
	bool is_root = geteuid() == 0;
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0 && !fchmod(fd, 0) && !close(fd));
	snprintf(way, sizeof(way), "device:%s", file);
	assert_true(!is_root || !seteuid(65534));
	assert_int_equal(mst_secenv_tpm_open(&t, c, &root, &d), MST_SECENV_ABSENT);
	assert_true(!is_root || !seteuid(0));
	assert_non_null(strstr(d.text, "may not use /tmp/test-tpm-"));
	assert_non_null(strstr(d.text, "group tss"));
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mst_secenv_tpm_open(&t, c, &root, &d), MST_SECENV_ABSENT);
	assert_non_null(strstr(d.text, "no TPM answers at device:/tmp/"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_tpm_is_waited_for), cmocka_unit_test(a_tpm_that_stays_busy_is_told),
		cmocka_unit_test(other_refusals_are_not_repeated), cmocka_unit_test(what_a_lost_connection_leaves_behind),
		cmocka_unit_test(a_device_that_is_closed_is_told),
	};
	int failed;

	device_start("tpm");
	failed = cmocka_run_group_tests(tests, group_begin, group_end);
	device_stop();
	return failed;
}
