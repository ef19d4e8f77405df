#include "tests/support/cm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "secenv/card.h"
#include "secenv/test-device.h"
#include "secenv/uicc.h"
#if MST_WITH_TPM
#include "secenv/tpm.h"
#endif
#if MST_WITH_PKCS11
#include "secenv/pkcs11.h"
#endif

#define PIN "246813"

static struct {
	enum device_kind kind;
	char dir[64], pin_file[96], tcti[64];
	enum device_pin pin;
	uint32_t pcrs;
	int port;
	pid_t swtpm, card;
	FILE *to_card, *from_card;
} dev;

static void must(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static bool is_free(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	assert_true(fd >= 0);
	close(fd);
	return good;
}

/* The name that tests/support/waiting.py holds for a port, as long as we live: neither gets the other's. False when somebody has it. */
static bool hold_name(int port)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "muster-test-port-%d", port);

	assert_true(fd >= 0 && n > 0);
	if (bind(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0)
		return true;
	close(fd);
	return false;
}

/* Two ports in a row, as the TCTI wants them, and none that the kernel gives to whoever asks for any, where it leaves some. Another program may
 * take them before swtpm does: then it ends, and we look again. */
static int two_ports(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	int first = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &first), 1);
	fclose(f);
	if (first < 12288 + 1000)
		first = 65536;
	for (;;) {
		unsigned chance;
		int port;

		assert_int_equal(getrandom(&chance, sizeof(chance), 0), sizeof(chance));
		port = 12288 + (int)(chance % (unsigned)(first - 1 - 12288));
		if (hold_name(port) && hold_name(port + 1) && is_free(port) && is_free(port + 1))
			return port;
	}
}

static bool answers(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in own = { 0 };
	socklen_t n = sizeof(own);
	/* where the kernel may give us this very port we would be connected to ourselves */
	bool ok = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && getsockname(fd, (struct sockaddr *)&own, &n) == 0 && own.sin_port != a.sin_port;

	close(fd);
	return ok;
}

/* True when it serves. */
static bool run_swtpm(int port)
{
	char state[96], server[64], ctrl[64];
	pid_t parent = getpid();
	int end;

	snprintf(state, sizeof(state), "dir=%s/tpm", dev.dir);
	snprintf(server, sizeof(server), "type=tcp,port=%d", port);
	snprintf(ctrl, sizeof(ctrl), "type=tcp,port=%d", port + 1);
	dev.swtpm = fork();
	assert_true(dev.swtpm >= 0);
	if (dev.swtpm == 0) {
		int null = open("/dev/null", O_RDWR);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl", ctrl, "--flags",
		       "not-need-init,startup-clear", (char *)NULL);
		_exit(127);
	}
	end = (int)syscall(SYS_pidfd_open, dev.swtpm, 0);
	for (int i = 0; i < 60000; i += 5) {
		int status;

		if (waitpid(dev.swtpm, &status, WNOHANG) == dev.swtpm) {
			dev.swtpm = 0;
			close(end);
			if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
				fail_msg("swtpm is not installed");
			return false;
		}
		if (answers(port + 1)) {
			close(end);
			return true;
		}
		/* its end is an event, its beginning is none */
		(void)poll(&(struct pollfd){ .fd = end, .events = POLLIN }, 1, 5);
	}
	fail_msg("swtpm does not answer");
	return false;
}

static void end_swtpm(void)
{
	if (dev.swtpm > 0) {
		kill(dev.swtpm, SIGKILL);
		waitpid(dev.swtpm, NULL, 0);
	}
	dev.swtpm = 0;
}

static void start_swtpm(void)
{
	char cmd[160];

	snprintf(cmd, sizeof(cmd), "mkdir -p %s/tpm", dev.dir);
	must(cmd);
	do
		dev.port = two_ports();
	while (!run_swtpm(dev.port));
	snprintf(dev.tcti, sizeof(dev.tcti), "swtpm:host=127.0.0.1,port=%d", dev.port);
	setenv("TPM2TOOLS_TCTI", dev.tcti, 1);
	setenv("TSS2_LOG", "all+NONE", 0);
}

static void start_token(void)
{
	char path[96], cmd[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/softhsm2.conf", dev.dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n", dev.dir);
	fclose(f);
	setenv("SOFTHSM2_CONF", path, 1);
	snprintf(cmd, sizeof(cmd), "mkdir -p %s/tokens && softhsm2-util --init-token --free --label 'muster test' --pin " PIN
		 " --so-pin 97531 >/dev/null", dev.dir);
	must(cmd);
}

void device_card(const char *words)
{
	char line[160];

	fprintf(dev.to_card, "%s\n", words);
	fflush(dev.to_card);
	assert_non_null(fgets(line, sizeof(line), dev.from_card));
	assert_string_equal(line, "ok\n");
}

void device_inventory(const char *name)
{
	static const char *const tool[] = { "true >", "true >", "tpm2_getcap handles-nv-index >", "find tokens -name '*.object' | sort >" };
	char cmd[128];

	if (device_kind() == DEVICE_CARD) {
		snprintf(cmd, sizeof(cmd), "list %s/%s", device_dir(), name);
		device_card(cmd);
		return;
	}
	snprintf(cmd, sizeof(cmd), "(%s %s)", tool[device_kind()], name);
	device_tool(cmd);
}

static void start_card(void)
{
	int to[2], from[2];
	char line[160], program[256], where[160];

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	dev.card = fork();
	assert_true(dev.card >= 0);
	if (dev.card == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		close(to[1]);
		close(from[0]);
		snprintf(program, sizeof(program), "%s/tests/support/key_card.py", getenv("MST_SOURCE"));
		execl("/usr/bin/python3", "python3", program, dev.dir, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	dev.to_card = fdopen(to[1], "w");
	dev.from_card = fdopen(from[0], "r");
	assert_non_null(fgets(line, sizeof(line), dev.from_card));
	assert_int_equal(sscanf(line, "ready %150s", where), 1);
	setenv("PCSCLITE_CSOCK_NAME", where, 1);
}

/* It ends by itself, and pcscd with it, when nobody speaks to it any more. */
static void end_card(void)
{
	fclose(dev.to_card);
	fclose(dev.from_card);
	assert_int_equal(waitpid(dev.card, NULL, 0), dev.card);
}

/* The reader sees a card a moment after it was put in, and misses it a moment after it was taken out. */
static void card_seen(bool there)
{
	for (int i = 0; i < 60000; i += 5) {
		struct mst_card_port *p = NULL;
		int r = mst_card_pcsc_open("", &p, NULL);

		if (!r)
			p->ops->close(p);
		if (there == !r)
			return;
		/* the helper's end is an event, what pcscd sees is none */
		if (poll(&(struct pollfd){ .fd = fileno(dev.from_card), .events = POLLIN }, 1, 5) > 0)
			fail_msg("the card's helper has ended");
	}
	fail_msg("the reader does not notice the card");
}

void device_pin(enum device_pin p)
{
	FILE *f = fopen(dev.pin_file, "w");

	assert_non_null(f);
	fprintf(f, "%s\n", p == PIN_WRONG ? "111111" : PIN);
	fclose(f);
	assert_int_equal(chmod(dev.pin_file, 0600), 0);
	dev.pin = p;
}

void device_start(const char *name)
{
	static const char *const names[] = { "file", "secret", "tpm", "pkcs11", "card" };

	memset(&dev, 0, sizeof(dev));
	while (strcmp(names[dev.kind], name) != 0)
		assert_true((size_t)++dev.kind < MST_COUNT(names));
	snprintf(dev.dir, sizeof(dev.dir), "/tmp/mst-device-XXXXXX");
	assert_non_null(mkdtemp(dev.dir));
	snprintf(dev.pin_file, sizeof(dev.pin_file), "%s/pin", dev.dir);
	device_pin(dev.kind == DEVICE_TPM ? PIN_NONE : PIN_RIGHT);
	if (dev.kind == DEVICE_TPM)
		start_swtpm();
	else if (dev.kind == DEVICE_TOKEN)
		start_token();
	if (dev.kind != DEVICE_CARD)
		return;
	start_card();
	card_seen(true);
}

void device_stop(void)
{
	char cmd[96];

	end_swtpm();
	if (dev.kind == DEVICE_CARD)
		end_card();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dev.dir);
	must(cmd);
}

enum device_kind device_kind(void)
{
	return dev.kind;
}

const char *device_dir(void)
{
	return dev.dir;
}

int device_port(void)
{
	return dev.port;
}

void device_pcrs(uint32_t mask)
{
	dev.pcrs = mask;
}

int device_root(struct secenv_root **ret, struct mst_diag *d)
{
	struct mst_crypto *c = mst_crypto_openssl();

#if MST_WITH_TPM
	if (dev.kind == DEVICE_TPM) {
		const struct mst_secenv_tpm t = { dev.tcti, dev.pin == PIN_NONE ? "" : dev.pin_file, dev.pcrs };

		return mst_secenv_tpm_open(&t, c, ret, d);
	}
#endif
#if MST_WITH_PKCS11
	if (dev.kind == DEVICE_TOKEN) {
		const struct mst_secenv_pkcs11 p = { "/usr/lib/softhsm/libsofthsm2.so", "muster test", dev.pin_file };

		return mst_secenv_pkcs11_open(&p, c, ret, d);
	}
#endif
	if (dev.kind == DEVICE_CARD) {
		const struct mst_secenv_uicc u = { "Virtual", dev.pin_file };

		return mst_secenv_uicc_open(&u, c, ret, d);
	}
	(void)d;
	*ret = mst_secenv_file(dev.kind == DEVICE_SECRET ? dev.pin_file : NULL, c);
	return *ret ? 0 : MST_FAULT_MEMORY;
}

/* The directory of tokens stays, or SoftHSM2 does not begin at all. */
static void move(const char *from, const char *to, bool away)
{
	char a[128], b[128];

	snprintf(a, sizeof(a), "%s/%s", dev.dir, from);
	snprintf(b, sizeof(b), "%s/%s", dev.dir, to);
	if (!away)
		assert_int_equal(rmdir(b), 0);
	assert_int_equal(rename(a, b), 0);
	if (away)
		assert_int_equal(mkdir(a, 0700), 0);
}

void device_remove(void)
{
	if (dev.kind == DEVICE_TPM)
		end_swtpm();
	else if (dev.kind == DEVICE_TOKEN)
		move("tokens", "away", true);
	if (dev.kind != DEVICE_CARD)
		return;
	device_card("remove");
	card_seen(false);
}

void device_return(void)
{
	if (dev.kind == DEVICE_TPM)
		start_swtpm();
	else if (dev.kind == DEVICE_TOKEN)
		move("away", "tokens", false);
	if (dev.kind != DEVICE_CARD)
		return;
	device_card("return");
	card_seen(true);
}

void device_clear(void)
{
	char cmd[128];

	if (dev.kind == DEVICE_TPM) {
		device_tool("tpm2_clear -c lockout");
	} else if (dev.kind == DEVICE_TOKEN) {
		snprintf(cmd, sizeof(cmd), "rm -rf %s/tokens", dev.dir);
		must(cmd);
		start_token();
	} else if (dev.kind == DEVICE_CARD) {
		device_card("clear");
	}
}

void device_tool(const char *command)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "cd %s && %s >tool.log 2>&1 || { cat tool.log >&2; false; }", dev.dir, command);
	must(cmd);
}
