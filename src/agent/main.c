#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "agent/inside.h"
#include "agent/link.h"
#include "base/text.h"
#include "crypto/heap.h"
#include "muster/version.h"

#define DEFAULT_CONFIG "/etc/muster/muster-agent.conf"

#define SESSIONS_MAX 256              /* at one time: with servers, with other nodes, of the page */

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_FAULT = 3 };

struct options {
	const char *file;
	bool check, once, json, media, clear, yes;
	uint64_t wait_s;             /* for a medium */
	const char *what, *device, *push, *source;
	const char *at, *site;               /* place */
	struct link_options link;            /* connect, accept */
	struct link_key_options key;
	const char *what2, *admin_fqdn;
	struct link_ae_options ae;
	char used[16];                       /* letters of the options below, which only some commands take */
};

static int cmd_run(const struct agent_config *cfg, const struct options *o)
{
	return agent_live(cfg, o->once);
}

static int cmd_status(const struct agent_config *cfg, const struct options *o)
{
	return ctl_status(cfg, o->json);
}

static int cmd_check(const struct agent_config *cfg, const struct options *o)
{
	return ctl_check(cfg, o->json);
}

static int cmd_page(const struct agent_config *cfg, const struct options *o)
{
	return ctl_page(cfg, o->json);
}

static int cmd_place(const struct agent_config *cfg, const struct options *o)
{
	return ctl_place(cfg, o->at, o->site, o->clear, o->json);
}

static int cmd_trigger(const struct agent_config *cfg, const struct options *o)
{
	if (o->push)
		return ctl_push(cfg, o->push, o->source);
	return o->media ? ctl_trigger_media(cfg, o->device, (int64_t)o->wait_s) : ctl_trigger(cfg, o->what);
}

static int cmd_reset(const struct agent_config *cfg, const struct options *o)
{
	return ctl_reset(cfg, o->yes);
}

static int cmd_doctor(const struct agent_config *cfg, const struct options *o)
{
	return ctl_doctor(cfg, o->json);
}

static int cmd_secenv(const struct agent_config *cfg, const struct options *o)
{
	if (o->what && !strcmp(o->what, "move"))
		return ctl_move(cfg, o->what2, o->yes);
	if (o->what && !strcmp(o->what, "take") && !o->what2)
		return ctl_take(cfg, o->yes);
	fprintf(stderr, "muster-agent secenv: move [file|secret|tpm|pkcs11|card] --yes, or take --yes\n");
	return EXIT_USAGE;
}

static int cmd_request(const struct agent_config *cfg, const struct options *o)
{
	return ctl_request(cfg, o->what, o->key.out);
}

static int cmd_connect(const struct agent_config *cfg, const struct options *o)
{
	struct link_options l = o->link;

	l.where = o->what;
	l.json = o->json;
	return link_connect(cfg, &l);
}

static int cmd_accept(const struct agent_config *cfg, const struct options *o)
{
	struct link_options l = o->link;

	l.where = o->what;
	l.json = o->json;
	l.wait_s = (int64_t)o->wait_s;
	return link_accept(cfg, &l);
}

static int cmd_key(const struct agent_config *cfg, const struct options *o)
{
	struct link_key_options k = o->key;

	k.verb = o->what;
	k.key_id = o->what2;
	k.lifetime_s = o->link.lifetime_s;
	k.json = o->json;
	return link_key(cfg, &k);
}

static int cmd_register(const struct agent_config *cfg, const struct options *o)
{
	struct link_reg_options r = { .verb = o->what, .id = o->what2, .admin_fqdn = o->admin_fqdn, .labels = o->key.labels,
				      .n_labels = o->key.n_labels, .lifetime_s = o->link.lifetime_s, .mef = o->key.mef, .json = o->json };

	return link_reg(cfg, &r);
}

static int cmd_register_ae(const struct agent_config *cfg, const struct options *o)
{
	struct link_ae_options a = o->ae;

	a.uri = o->what;
	a.json = o->json;
	return link_ae(cfg, &a);
}

static const struct command {
	const char *name;
	int (*run)(const struct agent_config *cfg, const struct options *o);
	int operands;                        /* at most */
	const char *help;
	const char *takes;                   /* of the options that few take; NULL: none */
} commands[] = {
	{ "run", cmd_run, 0, "run [--once]         be the agent; --once: until enrolled (0) or failed (1)" },
	{ "status", cmd_status, 0,
	  "status [--json]      what it does, what it has, and why something failed" },
	{ "check", cmd_check, 0,
	  "check [--json]       use the credential at the MAF once, change nothing: 0 good, 1 not" },
	{ "page", cmd_page, 0,
	  "page [--json]        a one-time code for the local page, and its address" },
	{ "place", cmd_place, 0,
	  "place [--at LAT,LON[,METRES]] [--site SITE] | --clear | [--json]\n"
	  "                       where this node is; without options: what is known of it" },
	{ "reset", cmd_reset, 0,
	  "reset --yes          factory reset: forget all but the initial credential; the agent must not run" },
	{ "doctor", cmd_doctor, 0,
	  "doctor [--json]      what this machine offers to keep keys in, what is chosen, and why" },
	{ "secenv", cmd_secenv, 2,
	  "secenv move [BACKEND] --yes\n"
	  "                       the store to another back end (default: the best); the agent must not run\n"
	  "  secenv take --yes    the maker's secret of psk_file into the secure environment; the agent must not run" },
	{ "request", cmd_request, 1,
	  "request [NAME] [--out FILE]\n"
	  "                       make the node's key in the secure environment, and a certification request for it", "O" },
	{ "trigger", cmd_trigger, 1,
	  "trigger [FILE|URI]   bootstrap now, with these or the configured instructions; FILE may be a signed bundle\n"
	  "  trigger --media [--device DEV] [--wait SECONDS]\n"
	  "                       bootstrap now, with the signed bundle on a mounted medium\n"
	  "  trigger --push FILE|- [--source sms|mm|push]\n"
	  "                       a message that was received: followed when it is a good trigger" },
	{ "connect", cmd_connect, 1,
	  "connect [--peer ID] [--lifetime TIME] [--json] HOST:PORT\n"
	  "                       a connection to another node, secured by a key that the MAF gives to both", "EL" },
	{ "accept", cmd_accept, 1,
	  "accept [--from ID]… [--wait SECONDS] [--json] ADDRESS:PORT\n"
	  "                       the other end of it: for the first node that connects", "F" },
	{ "key", cmd_key, 2,
	  "key list | register --target ID… [--suid N] [--lifetime TIME] [--label TEXT]… [--value FILE] |\n"
	  "      retrieve KEYID [--out FILE] | update KEYID [--target ID]… [--lifetime TIME] [--label TEXT]… | delete KEYID\n"
	  "                       keys that this node shares with others through its MAF, or with --mef its MEF; all with --json", "LTUBVOM" },
	{ "register", cmd_register, 2,
	  "register show [ID] | new --admin-fqdn FQDN [--lifetime TIME] [--label TEXT]… |\n"
	  "           update [ID] [--lifetime TIME] [--label TEXT]… | delete ID\n"
	  "                       this node's registrations with its MAF, or with --mef its MEF; all with --json", "DLBM" },
	{ "register-ae", cmd_register_ae, 1,
	  "register-ae --app-id ID [--ae-id STEM] [--psk-identity KEYID --psk-file FILE [--psk-raw]] [--json] [URI]\n"
	  "                       an AE of this node at its registrar CSE, with a key of the MAF or one from a file", "aipfr" },
};

static void usage(FILE *f)
{
	fprintf(f, "usage: muster-agent [-c FILE] COMMAND\n       muster-agent [-c FILE] --check\n\n");
	for (size_t i = 0; i < MST_COUNT(commands); i++)
		fprintf(f, "  %s\n", commands[i].help);
	fprintf(f,
		"\n  -c, --config FILE   configuration (default %s)\n  --check             read configuration and the files it "
		"names, and say what is wrong\n"
		"  --help, --version\n",
		DEFAULT_CONFIG);
}

/* Keys are in this memory: no core, no debugger of others, nothing inherited. */
static void harden(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	setenv("TSS2_LOG", "all+NONE", 0);       /* what a TPM says, we say; its library's own lines go to who asks for them */
	/* keys that are shared with others pass through JSON texts (keys.h) and buffers of the control socket */
	(void)mst_heap_openssl();
	if (!mst_heap_lock(SESSIONS_MAX))        /* a running agent tells it in its log and status, too: inside_look_memory() */
		fprintf(stderr, "muster-agent: memory for keys cannot be locked, so they may get into swap: %s; raise the limit of locked memory "
			"(LimitMEMLOCK= of the unit, ulimit -l)\n", strerror(errno));
	mst_json_begin(mst_heap_free);
	event_set_mem_functions(malloc, mst_heap_realloc, mst_heap_free);
}

/* A store that is written, or a key that is made, with wrong answers is of no use to anybody. run does it itself, and tells it in its log. */
static bool crypto_is_right(const struct command *c)
{
	const char *which = NULL;

	if (c->run == cmd_run || !mst_crypto_self_test(mst_crypto_openssl(), &which))
		return true;
	fprintf(stderr, "muster-agent: %s: the crypto library gives a wrong answer; nothing was done\n", which ? which : "self-test");
	return false;
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < MST_COUNT(commands); i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

/* Append to a list of at most `max`. */
static bool add(const char **list, size_t *n, size_t max, const char *one)
{
	if (*n == max) {
		fprintf(stderr, "at most %zu of them\n", max);
		return false;
	}
	list[(*n)++] = one;
	return true;
}

/* Options of connect, accept and key. */
static bool parse_link(int c, struct options *o)
{
	uint64_t n;
	size_t used = strlen(o->used);

	if (used + 1 < sizeof(o->used) && !strchr(o->used, c))
		o->used[used] = (char)c;
	switch (c) {
	case 'E': o->link.peer = optarg; return true;
	case 'F': return add(o->link.from, &o->link.n_from, LINK_FROM_MAX, optarg);
	case 'T': return add(o->key.targets, &o->key.n_targets, LINK_FROM_MAX, optarg);
	case 'B': return add(o->key.labels, &o->key.n_labels, LINK_FROM_MAX, optarg);
	case 'V': o->key.value = optarg; return true;
	case 'O': o->key.out = optarg; return true;
	case 'M': o->key.mef = true; return true;
	case 'D': o->admin_fqdn = optarg; return true;
	case 'a': o->ae.app_id = optarg; return true;
	case 'i': o->ae.ae_id = optarg; return true;
	case 'p': o->ae.psk_identity = optarg; return true;
	case 'f': o->ae.psk_file = optarg; return true;
	case 'r': o->ae.psk_raw = true; return true;
	case 'L':
		if (agent_config_seconds(optarg, &o->link.lifetime_s) && o->link.lifetime_s > 0)
			return true;
		fprintf(stderr, "--lifetime: a duration like \"90s\", \"5m\", \"1h\" or \"7d\"\n");
		return false;
	case 'U':
		if (mst_parse_dec(mst_view_str(optarg), 99, &n)) {
			o->key.suid = (int64_t)n;
			return true;
		}
		fprintf(stderr, "--suid: 32 to 35; with --mef 22 to 25\n");
		return false;
	default: return false;
	}
}

static bool all_taken(const struct command *c, const struct options *o)
{
	for (const char *p = o->used; *p; p++)
		if (!c->takes || !strchr(c->takes, *p))
			return false;
	return true;
}

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check", no_argument, NULL, 'k' },
	{ "once", no_argument, NULL, 'o' },
	{ "crash-points", no_argument, NULL, 'Q' },      /* for tests of power cuts; not in the help */
	{ "json", no_argument, NULL, 'j' },
	{ "at", required_argument, NULL, 'A' },
	{ "site", required_argument, NULL, 'S' },
	{ "clear", no_argument, NULL, 'C' },
	{ "yes", no_argument, NULL, 'y' },
	{ "push", required_argument, NULL, 'P' },
	{ "source", required_argument, NULL, 's' },
	{ "media", no_argument, NULL, 'm' },
	{ "device", required_argument, NULL, 'd' },
	{ "wait", required_argument, NULL, 'w' },
	{ "peer", required_argument, NULL, 'E' },
	{ "from", required_argument, NULL, 'F' },
	{ "lifetime", required_argument, NULL, 'L' },
	{ "target", required_argument, NULL, 'T' },
	{ "admin-fqdn", required_argument, NULL, 'D' },
	{ "suid", required_argument, NULL, 'U' },
	{ "label", required_argument, NULL, 'B' },
	{ "value", required_argument, NULL, 'V' },
	{ "mef", no_argument, NULL, 'M' },
	{ "out", required_argument, NULL, 'O' },
	{ "app-id", required_argument, NULL, 'a' },
	{ "ae-id", required_argument, NULL, 'i' },
	{ "psk-identity", required_argument, NULL, 'p' },
	{ "psk-file", required_argument, NULL, 'f' },
	{ "psk-raw", no_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ 0 },
};

static int parse(int argc, char **argv, struct options *o, const struct command **ret_c)
{

	int c;

	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c': o->file = optarg; break;
		case 'k': o->check = true; break;
		case 'o': o->once = true; break;
		case 'Q': agent_point_list(stdout); return -1;
		case 'j': o->json = true; break;
		case 'A': o->at = optarg; break;
		case 'S': o->site = optarg; break;
		case 'C': o->clear = true; break;
		case 'y': o->yes = true; break;
		case 'P': o->push = optarg; break;
		case 's': o->source = optarg; break;
		case 'm': o->media = true; break;
		case 'd': o->device = optarg; break;
		case 'w':
			if (mst_parse_dec(mst_view_str(optarg), 3600, &o->wait_s))
				break;
			fprintf(stderr, "--wait: 0 to 3600 seconds\n");
			return EXIT_USAGE;
		case 'h': usage(stdout); return -1;
		case 'v': printf("muster-agent %s\n", MST_VERSION); return -1;
		case '?': return EXIT_USAGE;
		default:
			if (!parse_link(c, o))
				return EXIT_USAGE;
		}
	}
	if (o->check && optind == argc)
		return 0;
	*ret_c = optind < argc ? find(argv[optind]) : NULL;
	if (!*ret_c || argc - optind - 1 > (*ret_c)->operands || !all_taken(*ret_c, o) ||
	    (argc - optind == 1 && ((*ret_c)->run == cmd_connect || (*ret_c)->run == cmd_accept || (*ret_c)->run == cmd_key ||
				  (*ret_c)->run == cmd_register))) {
		usage(stderr);
		return EXIT_USAGE;
	}
	o->what = argv[optind + 1];
	if (o->yes && (*ret_c)->run != cmd_reset && (*ret_c)->run != cmd_secenv) {
		usage(stderr);
		return EXIT_USAGE;
	}
	o->what2 = o->what ? argv[optind + 2] : NULL;
	if ((o->at || o->site || o->clear) && ((*ret_c)->run != cmd_place || (o->clear && (o->at || o->site)))) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (((o->push || o->source) && ((*ret_c)->run != cmd_trigger || o->what || !o->push || o->media)) ||
	    ((o->device || (o->wait_s && (*ret_c)->run != cmd_accept)) && !o->media) || (o->media && (o->what || (*ret_c)->run != cmd_trigger))) {
		usage(stderr);
		return EXIT_USAGE;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .file = DEFAULT_CONFIG };
	const struct command *c = NULL;
	static struct agent_config cfg;
	int r = parse(argc, argv, &o, &c);

	if (r)
		return r < 0 ? EXIT_DONE : r;
	harden();
	json_object_seed(0);            /* of its hash tables; the source is out of reach behind the sandbox */
	if (agent_config_read(o.file, &cfg, stderr))
		return EXIT_REFUSED;
	if (o.check)
		return agent_config_check(&cfg, stdout, stderr) ? EXIT_REFUSED : EXIT_DONE;
	return crypto_is_right(c) ? c->run(&cfg, &o) : EXIT_FAULT;
}
