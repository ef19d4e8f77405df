#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "crypto/heap.h"
#include "init-place.h"
#include "muster.h"
#include "muster/version.h"

#define FQDN_OCTETS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

static const struct command commands[] = {
	{ "init", cmd_init, "DIR [--sp FQDN] [--mef FQDN] [--maf FQDN] [--bbn FQDN] [--address ADDR] [--mef-port N] [--maf-port N] [--bbn-port N] [--processes split|single] "
	  "[--metrics ADDR] [--gba MCCMNC] [--hss-port N] [--bsf-port N] [--zn-port N] "
	  "[--ca-key file|best[:TCTI]|tpm[:TCTI]|pkcs11:URI] [--ca-pin-file FILE] [--ca-module-state PATH]",
	  "make a complete local installation: CA, roles, store, configuration" },
	{ "node", cmd_node, "add|import|bind|number|place|secret|list|show|revoke|release|suspend|resume|reenrol|move …", "the nodes of the fleet" },
	{ "subscription", cmd_subscription, "add|list|show|extend|suspend|resume|end …", "M2M service subscriptions" },
	{ "gba", cmd_gba, "show|flush …", "what nodes have bootstrapped by their SIMs" },
	{ "sim", cmd_sim, "add|import|list|show|bind|unbind|suspend|resume|remove …", "the operator's SIMs, for bootstrapping over the mobile network" },
	{ "rule", cmd_rule, "add|edit|move|list|show|enable|disable|delete|check|try|replay|history|rollback …",
	  "which nodes get which instructions" },
	{ "cert", cmd_cert, "ca|issue|sign|show|list|requests|approve|reject|revoke|crl …", "maker's and owner's certificates, for tests and small makers" },
	{ "trigger", cmd_trigger,
	  "NODE [--what run|renew|check] [--instruction METHOD=URI [--target FQDN --admin-fqdn FQDN]] [--payload FILE] [--window 12h] "
	  "[--signer PREFIX|--key gba] [--via print|sms|datagram] [--to +NUMBER|HOST:PORT]", "tell a node to dial out now" },
	{ "bundle", cmd_bundle, "make|show …", "signed instructions for files and removable media" },
	{ "events", cmd_events, "[--follow] [--node ID] [--attempt ID] [--what PREFIX] [--role ROLE] [--since DATE] [--limit N]", "what happened: who, what, why" },
	{ "keeper", cmd_keeper, "show|rotate|finish …", "the keeper's key-encryption key" },
	{ "approve", cmd_approve, "list|show|give|refuse|page …", "say yes, as a second person, to what waits for one (four_eyes)" },
	{ "audit", cmd_audit, "verify|export|seal|accept …", "is the audit log whole? copies of it, and seals" },
	{ "command", cmd_command, "cert-prov|dev-cfg|mo-node|list|show|cancel …", "what the MEF tells nodes to do" },
	{ "qr", cmd_qr, "FILE [--page URL] [--svg FILE]", "a sequence of instructions as a QR code, for a technician's phone" },
	{ "status", cmd_status, "[--wait SECONDS]", "the installation at a glance" },
	{ "doctor", cmd_doctor, "[--card[=READER|/dev/PORT] [--pin-file FILE]]", "look for what is missing or wrong, and say what to do" },
	{ "demo", cmd_demo, "[--nodes N] [--dir DIR] [--bin DIR] [--keep]", "briefing nodes, rules, two providers and a fleet of nodes, on this machine" },
};

static void help(void)
{
	say("usage: muster [-C DIR] [--socket PATH] [--provider FQDN] [--timeout SECONDS] [--json] COMMAND …\n");
	for (size_t i = 0; i < MST_COUNT(commands); i++)
		say("  %-13s %s", commands[i].name, commands[i].help);
	say("\n  -C DIR         the installation (default: the current directory, or that of musterd.service)");
	say("  --socket PATH  the admin socket (default: DIR/run/admin.sock, or " UNIT_SOCKET " of musterd.service)");
	say("  --provider FQDN  as the people of that service provider: its subscriptions, nodes and events only");
	say("  --timeout SECONDS  how long an answer of the installation is waited for (default: 60)");
	say("  --json         answers as JSON");
	say("  --help, --version");
	say("\n`muster COMMAND --help` tells more. Exit status: 0 done, 1 refused, 2 usage, 3 fault, 4 waits for a second person.");
}

static void print_command(const char *prefix, const struct command *c, FILE *to)
{
	fprintf(to, "usage: %s %s%s%s\n", prefix, c->name, *c->usage ? " " : "", c->usage);
}

static const struct command *running;
static const char *running_prefix = "muster";

int usage_error(const struct command *c, const char *fmt, ...)
{
	va_list ap;

	c = c ? c : running;
	fprintf(stderr, "%s%s%s: ", running_prefix, c ? " " : "", c ? c->name : "");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (c)
		print_command(running_prefix, c, stderr);
	return EXIT_USAGE;
}

static const struct command *find_command(const struct command *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

/* As everywhere behind --help; and alone, as it is said to a group: no installation is meant that is called so (./help is). */
static bool wants_words(const char *prefix, int argc, char **argv)
{
	return argc > 1 && (strcmp(argv[argc - 1], "--help") == 0 || (argc == 2 && strcmp(argv[1], "help") == 0 && strcmp(prefix, "muster") == 0));
}

int run_command(struct muster *m, const struct command *table, size_t n, const char *prefix, int argc, char **argv)
{
	const struct command *c = argc ? find_command(table, n, argv[0]) : NULL;
	bool wants_help = argc && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0);

	if (!c) {
		if (!wants_help)
			fprintf(stderr, argc ? "%s: there is no command \"%s\" here\n" : "%s: a command is missing\n", prefix,
			        argc ? argv[0] : "");
		for (size_t i = 0; i < n; i++)
			fprintf(wants_help ? stdout : stderr, "  %s %s %s\n      %s\n", prefix, table[i].name, table[i].usage,
			        table[i].help);
		return wants_help ? EXIT_DONE : EXIT_USAGE;
	}
	running = c;
	running_prefix = prefix;
	if (wants_words(prefix, argc, argv) && c->run != cmd_node && c->run != cmd_subscription && c->run != cmd_cert &&
	    c->run != cmd_bundle && c->run != cmd_command && c->run != cmd_rule && c->run != cmd_sim && c->run != cmd_audit && c->run != cmd_approve &&
	    c->run != cmd_keeper && c->run != cmd_gba && !(c->run == cmd_events && argc == 3 && argv[1][0] != '-')) {
		print_command(prefix, c, stdout);
		say("%s", c->help);
		return EXIT_DONE;
	}
	return c->run(m, argc - 1, argv + 1);
}

int take_options(const struct command *c, int argc, char **argv, const struct opt *opts, size_t n)
{
	int kept = 0;
	bool ended = false;

	for (int i = 0; i < argc; i++) {
		const struct opt *o = NULL;

		if (ended || strncmp(argv[i], "--", 2) != 0) {
			argv[kept++] = argv[i];
			continue;
		}
		if (argv[i][2] == '\0') {
			ended = true;
			continue;
		}
		for (size_t j = 0; j < n && !o; j++)
			if (strcmp(opts[j].name, argv[i] + 2) == 0)
				o = &opts[j];
		if (!o) {
			usage_error(c, "unknown option %s", argv[i]);
			return -1;
		}
		if (o->flag) {
			*o->flag = true;
			continue;
		}
		if (i + 1 == argc) {
			usage_error(c, "the option %s needs a value", argv[i]);
			return -1;
		}
		*o->value = argv[++i];
	}
	return kept;
}

static bool timeout_from(const char *text, mst_ms *ret)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end || n < 1 || n > 3600) {
		complain("--timeout %s: expected seconds, 1 to 3600", shown(text));
		return false;
	}
	*ret = (mst_ms)n * 1000;
	return true;
}

/* Global options may stand anywhere before the command's own. */
static int global_options(struct muster *m, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "socket", required_argument, NULL, 's' },
		{ "provider", required_argument, NULL, 'p' }, { "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+C:hV", options, NULL)) != -1) {
		switch (c) {
		case 'C': m->dir = optarg; break;
		case 'j': m->json = true; break;
		case 'p': m->provider = optarg; break;
		case 't':
			if (!timeout_from(optarg, &m->patience))
				return -EXIT_USAGE - 1;
			break;
		case 's': snprintf(m->socket, sizeof(m->socket), "%s", optarg); break;
		case 'h': help(); return -EXIT_DONE - 1;
		case 'V': say("muster %s", MST_VERSION); return -EXIT_DONE - 1;
		default: fprintf(stderr, "muster: see muster --help\n"); return -EXIT_USAGE - 1;
		}
	}
	return optind;
}

/* --json is welcome after the command too: people type it last. */
static int take_trailing_json(struct muster *m, int argc, char **argv)
{
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			m->json = true;
		else
			argv[kept++] = argv[i];
	}
	return kept;
}

static bool is_there(const char *dir, const char *name)
{
	char path[4096];

	return access(path_join(path, sizeof(path), dir, name), F_OK) == 0;
}

/* None is named, and none is here: that of musterd.service is meant, on a machine that has one. */
static bool units_is_meant(const struct muster *m)
{
	return !m->dir && !*m->socket && !is_there(".", "run/admin.sock") && !is_there(".", "musterd.conf") && access(UNIT_DIR, F_OK) == 0;
}

static void find_installation(struct muster *m)
{
	if (!m->dir)
		m->dir = units_is_meant(m) ? UNIT_DIR : ".";
	if (*m->socket)
		return;
	m->units = place_is_units(m->dir);
	path_join(m->socket, sizeof(m->socket), m->dir, "run/admin.sock");
}

int main(int argc, char **argv)
{
	struct muster m = { .patience = 60000 };
	const char *failed = NULL;
	int first, r;

	signal(SIGPIPE, SIG_IGN);
	(void)mst_heap_openssl();
	mst_json_begin(mst_heap_free);     /* an import's rows bring secrets along */
	m.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	m.terminal = isatty(STDERR_FILENO);
	first = global_options(&m, argc, argv);
	if (first < 0)
		return -first - 1;
	if (first == argc) {
		help();
		return EXIT_USAGE;
	}
	if (mst_crypto_self_test(mst_crypto_openssl(), &failed) != 0) {
		complain("the crypto self-test failed at \"%s\"; nothing was done", failed ? failed : "?");
		return EXIT_FAULT;
	}
	if (m.provider && (!*m.provider || m.provider[strspn(m.provider, FQDN_OCTETS)])) {
		complain("--provider %s: expected a name like north.example.com", shown(m.provider));
		return EXIT_USAGE;
	}
	find_installation(&m);
	argc = take_trailing_json(&m, argc - first, argv + first);
	r = run_command(&m, commands, MST_COUNT(commands), "muster", argc, argv + first);
	/* a full disk under the answer: who reads it must not take half for the whole */
	if (fflush(stdout) || ferror(stdout)) {
		complain("the answer could not be written: %s", strerror(errno));
		return EXIT_FAULT;
	}
	return r;
}
