/*
 * A foreign Diameter node on the packaged library: transport only. What it says and hears are whole messages in hexadecimal,
 * which the test writes and reads with its own means; only what the library must know of them is listed here, by hand from
 * TS 29.109.
 *
 *   peer SETTINGS [IDENTITY]         the second: says that it is that one, whatever the settings and the certificate say
 *     < send HEX        a request; goes where its Destination-Host says
 *     < reply ID HEX    an answer to a request
 *     > open NAME / closed NAME / request ID HEX / answer HEX / none
 */
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX 64
static struct msg *waiting[MAX];
static unsigned n_waiting;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const struct { unsigned code; const char *name; enum dict_avp_basetype type; } avps[] = {
	{ 400, "GBA-UserSecSettings", AVP_TYPE_OCTETSTRING }, { 401, "Transaction-Identifier", AVP_TYPE_OCTETSTRING },
	{ 402, "NAF-Hostname", AVP_TYPE_OCTETSTRING }, { 403, "GAA-Service-Identifier", AVP_TYPE_OCTETSTRING },
	{ 404, "Key-ExpiryTime", AVP_TYPE_OCTETSTRING }, { 405, "ME-Key-Material", AVP_TYPE_OCTETSTRING },
	{ 406, "UICC-Key-Material", AVP_TYPE_OCTETSTRING }, { 407, "GBA_U-Awareness-Indicator", AVP_TYPE_INTEGER32 },
	{ 408, "BootstrapInfoCreationTime", AVP_TYPE_OCTETSTRING }, { 410, "GBA-Type", AVP_TYPE_INTEGER32 },
	{ 612, "SIP-Auth-Data-Item", AVP_TYPE_GROUPED }, { 608, "SIP-Authentication-Scheme", AVP_TYPE_OCTETSTRING },
	{ 609, "SIP-Authenticate", AVP_TYPE_OCTETSTRING }, { 610, "SIP-Authorization", AVP_TYPE_OCTETSTRING },
	{ 625, "Confidentiality-Key", AVP_TYPE_OCTETSTRING }, { 626, "Integrity-Key", AVP_TYPE_OCTETSTRING },
};

static void die(const char *what)
{
	fprintf(stderr, "peer: %s\n", what);
	exit(3);
}

static void say(const char *word, int id, const uint8_t *b, size_t n)
{
	pthread_mutex_lock(&lock);
	fputs(word, stdout);
	if (id >= 0)
		printf(" %d", id);
	if (b)
		putchar(' ');
	for (size_t i = 0; i < n; i++)
		printf("%02x", b[i]);
	putchar('\n');
	fflush(stdout);
	pthread_mutex_unlock(&lock);
}

static void say_message(const char *word, int id, struct msg *m)
{
	uint8_t *b = NULL;
	size_t n = 0;

	if (fd_msg_bufferize(m, &b, &n))
		die("a message cannot be written");
	say(word, id, b, n);
	free(b);
}

static int on_request(struct msg **m, struct avp *a, struct session *s, void *data, enum disp_action *act)
{
	int id;

	(void)a;
	(void)s;
	(void)data;
	pthread_mutex_lock(&lock);
	id = (int)(n_waiting++ % MAX);
	waiting[id] = *m;
	pthread_mutex_unlock(&lock);
	say_message("request", id, *m);
	*m = NULL;
	*act = DISP_ACT_CONT;
	return 0;
}

static void on_answer(void *data, struct msg **m)
{
	(void)data;
	say_message("answer", -1, *m);
	fd_msg_free(*m);
	*m = NULL;
}

static void on_expired(void *data, DiamId_t to, size_t n, struct msg **m)
{
	(void)data;
	(void)to;
	(void)n;
	say("none", -1, NULL, 0);
	fd_msg_free(*m);
	*m = NULL;
}

static void hook(enum fd_hook_type type, struct msg *m, struct peer_hdr *p, void *other, struct fd_hook_permsgdata *pmd, void *data)
{
	char line[400];

	(void)m;
	(void)pmd;
	(void)data;
	snprintf(line, sizeof(line), "%s %s %s", type == HOOK_PEER_CONNECT_SUCCESS ? "open" : "closed", p ? p->info.pi_diamid : "?",
		 type == HOOK_PEER_CONNECT_FAILED && other ? (char *)other : "");
	say(line, -1, NULL, 0);
}

static void dictionary(void)
{
	struct dictionary *d = fd_g_config->cnf_dict;
	struct dict_vendor_data v = { 10415, (char[]){ "3GPP" } };
	struct dict_object *vendor, *app;
	static const struct { unsigned app, command; const char *name; } apps[] = { { 16777220, 310, "Zn" }, { 16777221, 303, "Zh" } };

	if (fd_dict_new(d, DICT_VENDOR, &v, NULL, &vendor))
		die("vendor");
	for (size_t i = 0; i < sizeof(avps) / sizeof(avps[0]); i++) {
		char name[64];
		struct dict_avp_data a = { avps[i].code, 10415, name, AVP_FLAG_VENDOR | AVP_FLAG_MANDATORY, AVP_FLAG_VENDOR | AVP_FLAG_MANDATORY, avps[i].type };

		snprintf(name, sizeof(name), "%s", avps[i].name);
		if (fd_dict_new(d, DICT_AVP, &a, NULL, NULL))
			die("AVP");
	}
	for (size_t i = 0; i < 2; i++) {
		char name[64], request[80], answer[80];
		struct dict_application_data a = { apps[i].app, name };
		struct dict_cmd_data q = { apps[i].command, request, CMD_FLAG_REQUEST, CMD_FLAG_REQUEST }, r = { apps[i].command, answer, CMD_FLAG_REQUEST, 0 };
		struct disp_when when = { 0 };

		snprintf(name, sizeof(name), "%s", apps[i].name);
		snprintf(request, sizeof(request), "%s-Request", name);
		snprintf(answer, sizeof(answer), "%s-Answer", name);
		if (fd_dict_new(d, DICT_APPLICATION, &a, vendor, &app) || fd_dict_new(d, DICT_COMMAND, &q, app, &when.command) ||
		    fd_dict_new(d, DICT_COMMAND, &r, app, NULL))
			die("application");
		when.app = app;
		if (fd_disp_app_support(app, vendor, 1, 0) || fd_disp_register(on_request, DISP_HOW_CC, &when, NULL, NULL))
			die("support");
	}
}

static struct msg *message(const char *hex)
{
	size_t n = strlen(hex) / 2;
	uint8_t *b = malloc(n);
	struct msg *m = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned x;

		if (sscanf(hex + 2 * i, "%2x", &x) != 1)
			die("no hexadecimal");
		b[i] = (uint8_t)x;
	}
	if (fd_msg_parse_buffer(&b, n, &m))
		die("no message");
	return m;
}

static void command(char *line)
{
	struct timespec until;
	struct msg *m;
	char *hex;
	int id;

	line[strcspn(line, "\n")] = '\0';
	if (!strncmp(line, "send ", 5)) {
		struct msg_hdr *h;

		m = message(line + 5);
		if (fd_msg_hdr(m, &h))
			die("header");
		h->msg_eteid = fd_msg_eteid_get();
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += 30;
		if (fd_msg_send_timeout(&m, on_answer, NULL, on_expired, &until))
			die("not sent");
	} else if (!strncmp(line, "reply ", 6)) {
		struct msg_hdr *h = NULL, *of = NULL;

		id = (int)strtol(line + 6, &hex, 10);
		m = message(hex + 1);
		pthread_mutex_lock(&lock);
		if (id < 0 || id >= MAX || !waiting[id] || fd_msg_hdr(m, &h) || fd_msg_hdr(waiting[id], &of) || fd_msg_answ_associate(m, waiting[id]))
			die("no such request");
		waiting[id] = NULL;
		pthread_mutex_unlock(&lock);
		h->msg_hbhid = of->msg_hbhid;
		h->msg_eteid = of->msg_eteid;
		if (fd_msg_send(&m, NULL, NULL))
			die("not sent");
	} else {
		die("unknown command");
	}
}

int main(int argc, char **argv)
{
	struct fd_hook_hdl *h;
	static char line[70000];

	if (argc < 2)
		die("usage: peer SETTINGS");
	fd_g_debug_lvl = FD_LOG_FATAL;
	if (fd_core_initialize())
		die("initialize");
	fd_g_debug_lvl = FD_LOG_FATAL;
	if (fd_core_parseconf(argv[1]))
		die("settings");
	if (argc > 2) {
		fd_g_config->cnf_diamid = strdup(argv[2]);
		fd_g_config->cnf_diamid_len = strlen(argv[2]);
	}
	dictionary();
	if (fd_hook_register(HOOK_MASK(HOOK_PEER_CONNECT_SUCCESS, HOOK_PEER_CONNECT_FAILED), hook, NULL, NULL, &h) || fd_core_start() ||
	    fd_core_waitstartcomplete())
		die("start");
	say("ready", -1, NULL, 0);
	while (fgets(line, sizeof(line), stdin))
		command(line);
	fd_core_shutdown();
	fd_core_wait_shutdown_complete();
	return 0;
}
