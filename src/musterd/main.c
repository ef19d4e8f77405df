/* musterd: the infrastructure's daemon. Wiring only: which roles there are, and what the command line says.
 */
#include <event2/event.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "crypto/heap.h"
#include "jansson/read.h"
#include "muster/version.h"
#include "role/admin/admin.h"
#include "role/role.h"
#include "server/ca-device.h"
#include "server/check.h"
#include "server/crash.h"
#include "server/keeper-device.h"
#include "server/renew.h"
#include "server/supervisor.h"

static const struct mst_role_ops *const roles[] = { &mst_role_bbn, &mst_role_mef, &mst_role_maf, &mst_role_ocsp, &mst_role_hss,
						     &mst_role_bsf, &mst_role_zn, &mst_role_admin, NULL };

enum what { RUN, CHECK, PRINT, RENEW, CHILD };
struct options {
	enum what what;
	const char *file;
	int64_t days;                        /* RENEW; 0: as usual */
	bool new_keys;
	/* of a child, given by the supervisor */
	enum mst_process kind;
	enum mst_role role;
	const char *name;
	size_t sockets;
	bool metrics_socket;
};

static const char usage[] =
	"usage: musterd [-c FILE] [--check | --print-config | --renew-certificates [--days N] [--new-keys]]\n"
	"\n"
	"  -c, --config FILE   configuration (default /etc/muster/musterd.conf)\n"
	"      --check         read the configuration and what it names, say what is wrong, end\n"
	"      --print-config  print the configuration in effect, defaults included, end\n"
	"      --renew-certificates\n"
	"                      new certificates for the servers, by the keeper's CA, for N days (825), of new keys if you say so; then reload musterd\n"
	"      --version       print the version, end\n"
	"      --help          print this, end\n"
	"\n"
	"SIGHUP reads configuration, certificates and revocation lists again; SIGTERM drains and ends.\n"
	"See musterd(8) and musterd.conf(5).\n";

enum {
	OPT_CHECK = 256,
	OPT_PRINT,
	OPT_VERSION,
	OPT_HELP,
	OPT_PROCESS,
	OPT_NAME,
	OPT_ROLE,
	OPT_SOCKETS,
	OPT_METRICS,
	OPT_POINTS,
	OPT_RENEW,
	OPT_DAYS,
	OPT_NEW_KEYS
};
static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, OPT_CHECK },
	{ "print-config", no_argument, NULL, OPT_PRINT }, { "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "process", required_argument, NULL, OPT_PROCESS }, { "name", required_argument, NULL, OPT_NAME },
	{ "role", required_argument, NULL, OPT_ROLE }, { "sockets", required_argument, NULL, OPT_SOCKETS },
	{ "metrics-socket", no_argument, NULL, OPT_METRICS }, { "crash-points", no_argument, NULL, OPT_POINTS },
	{ "renew-certificates", no_argument, NULL, OPT_RENEW }, { "days", required_argument, NULL, OPT_DAYS },
	{ "new-keys", no_argument, NULL, OPT_NEW_KEYS },
	{ NULL, 0, NULL, 0 },
};

static bool child_option(struct options *o, int opt, const char *arg)
{
	int i = 0;

	switch (opt) {
	case OPT_PROCESS:
		while (i < MST_PROC__COUNT && strcmp(mst_process_name[i], arg))
			i++;
		o->kind = (enum mst_process)i;
		o->what = CHILD;
		return i > MST_PROC_SUPERVISOR && i < MST_PROC__COUNT;
	case OPT_NAME:
		o->name = arg;
		return true;
	case OPT_ROLE:
		for (i = MST_ROLE_NONE + 1; i < MST_ROLE__COUNT; i++)
			if (!strcmp(mst_role_name[i], arg))
				o->role = (enum mst_role)i;
		return o->role != MST_ROLE_NONE || !strcmp(arg, "none");
	case OPT_SOCKETS:
		o->sockets = (size_t)strtoul(arg, NULL, 10);
		return o->sockets <= MST_UNIT_SOCKETS;
	case OPT_METRICS:
		o->metrics_socket = true;
		return true;
	default:
		return false;
	}
}

/* For the power-cut scenario, so that it can forget none. */
static void list_points(void)
{
	for (int i = MST_CRASH_NEVER + 1; i < MST_CRASH__COUNT; i++)
		puts(mst_crash_name[i]);
}

static bool take_days(struct options *o, const char *text)
{
	char *end;

	o->days = strtol(text, &end, 10);
	if (*text && !*end && o->days >= 1 && o->days <= MST_RENEW_DAYS_MAX)
		return true;
	fprintf(stderr, "musterd: --days: \"%s\": 1 to %d is wanted\n", text, MST_RENEW_DAYS_MAX);
	return false;
}

/* 0: go on; else the exit status + 1. */
static int parse(struct options *o, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "c:", options, NULL)) != -1)
		switch (opt) {
		case 'c': o->file = optarg; break;
		case OPT_CHECK: o->what = CHECK; break;
		case OPT_PRINT: o->what = PRINT; break;
		case OPT_VERSION: printf("musterd %s\n", MST_VERSION); return 1;
		case OPT_RENEW: o->what = RENEW; break;
		case OPT_DAYS:
			if (!take_days(o, optarg))
				return 3;
			break;
		case OPT_NEW_KEYS: o->new_keys = true; break;
		case OPT_POINTS: list_points(); return 1;
		case OPT_HELP: fputs(usage, stdout); return 1;
		default:
			if (!child_option(o, opt, optarg)) {
				fputs(usage, stderr);
				return 3;
			}
		}
	if ((o->days || o->new_keys) && o->what != RENEW) {
		fprintf(stderr, "musterd: %s is for --renew-certificates\n%s", o->days ? "--days" : "--new-keys", usage);
		return 3;
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "musterd: unexpected argument \"%s\"\n%s", argv[optind], usage);
	return 3;
}

static void say(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s\n", text);
}

/* A CA key in a device: is it that of the certificate, and does it sign? */
static int look_at_ca(const struct mst_conf *c, struct mst_diag *d)
{
	struct mst_ca_device *v = NULL;
	struct mst_ca_record rec;
	int r = mst_keeper_ca_record(c->keeper, &rec, d);

	if (r || (!rec.kind && !c->ca_key.key.backend))
		return r;
	r = mst_ca_device_new(c, mst_crypto_openssl(), &v, d);
	if (!r)
		r = mst_ca_device_look(v, d);
	(void)mst_ca_device_free(v);
	return r;
}

/* What only a look inside can tell, the keeper's keys: at a start the keeper process does that itself. */
static int check(const struct mst_conf *c, const char *source, struct mst_conf_report *r)
{
	struct mst_keeper *k = NULL;
	struct mst_diag d = { 0 };

	if (mst_check_installation(c, source, roles, r))
		return MST_FAULT_CONFIG;
	if (mst_keeper_open(c, false, NULL, mst_crypto_openssl(), &k, &d) || look_at_ca(c, &d)) {
		if (k)
			k->ops->close(k);
		fprintf(stderr, "%s: keeper: %s/%s: %s\n", c->file, c->keeper, d.field, d.text);
		r->errors++;
		return MST_FAULT_CONFIG;
	}
	k->ops->close(k);
	return 0;
}

static void say_renewed(void *arg, bool good, const char *text)
{
	(void)arg;
	fprintf(good ? stdout : stderr, "%s\n", text);
}

/* The keeper in this process, and a device with the CA's key if there is one; what runs is not asked. */
static int renew(const struct mst_conf *c, const struct options *o)
{
	const struct mst_renewal how = { .days = o->days ? o->days : MST_RENEW_DAYS, .new_keys = o->new_keys, .now = (mst_time)time(NULL), .tell = say_renewed };
	struct mst_crypto *crypto = mst_crypto_openssl();
	struct mst_ca_device *v = NULL;
	struct mst_ca_holder ca = { NULL, NULL };
	struct mst_keeper *k = NULL;
	struct mst_diag d = { 0 };
	unsigned made = 0;
	int r;

	if (how.now < MST_BUILD_TIME - 86400) {          /* as muster init: what is made now may have ended before anybody sees it */
		fputs("musterd: the clock shows a time before this program was built; set it first: the certificates' validity starts now\n", stderr);
		return 3;
	}
	r = c->ca_key.key.backend ? mst_ca_device_new(c, crypto, &v, &d) : 0;
	if (v)
		ca = mst_ca_device_holder(v);
	if (!r && v && mst_ca_device_look(v, &d))        /* why it does not sign is known here; at a certificate, only that it did not */
		r = MST_FAULT_CONFIG;
	if (!r)
		r = mst_keeper_open(c, false, &ca, crypto, &k, &d);
	if (k)                           /* whoever may read its files is the authority (decision 0051) */
		mst_keeper_local_certifies(k, &(struct mst_keeper_certifies){ .servers = true });
	if (!r)
		r = mst_renew_certificates(c, k, crypto, &how, &made, &d);
	if (k)
		k->ops->close(k);
	(void)mst_ca_device_free(v);
	if (r < 0)
		fprintf(stderr, "%s: keeper: %s/%s: %s\n", c->file, c->keeper, d.field, d.text[0] ? d.text : mst_fault_text(r));
	else if (made)
		puts("now reload musterd (SIGHUP): it shows them then, or when it next takes a revocation list over");
	return r ? 3 : 0;
}

static int look_at_config(const struct options *o)
{
	struct mst_conf_report r = { .line = say };
	static char text[256 * 1024];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_conf *c;
	char *source = NULL;
	int e = mst_conf_load(o->file, &r, &c, &source);
	int status = 0;

	if (e == MST_FAULT_MEMORY) {
		fprintf(stderr, "%s: out of memory\n", o->file);
		return 3;
	}
	if (e) {
		fprintf(stderr, "%s: %u error%s\n", o->file, r.errors, r.errors == 1 ? "" : "s");
		return 2;
	}
	if (o->what == PRINT)
		mst_conf_print(c, &w);
	else if (o->what == RENEW)
		status = renew(c, o);
	else if (check(c, source, &r))
		status = 2;
	else
		mst_put_str(&w, "good\n");
	mst_conf_free(c);
	free(source);
	if (status && o->what != RENEW)
		fprintf(stderr, "%s: %u error%s\n", o->file, r.errors, r.errors == 1 ? "" : "s");
	if (status)
		return status;
	return !w.ok || fwrite(text, 1, w.n, stdout) != w.n || fflush(stdout) ? 3 : 0;
}

/* That of Diameter is a program of its own (decision 0023). */
static const struct mst_unit_ops *const kinds[MST_PROC__COUNT] = {
	[MST_PROC_LISTENER] = &mst_listener_unit, [MST_PROC_CONNECTOR] = &mst_connector_unit,
	[MST_PROC_ENGINE] = &mst_engine_unit, [MST_PROC_KEEPER] = &mst_keeper_unit,
	[MST_PROC_SIGNER] = &mst_signer_unit,
};

int main(int argc, char **argv)
{
	struct options o = { .file = "/etc/muster/musterd.conf", .name = "child" };
	struct mst_supervisor_setup s = { .roles = roles,
					  .crypto = mst_crypto_openssl(),
					  .ready_fd = STDOUT_FILENO };
	int r = parse(&o, argc, argv);

	/* keys pass through buffers of both: what is given back is wiped (crypto/heap.h) */
	(void)mst_heap_openssl();
	event_set_mem_functions(malloc, mst_heap_realloc, mst_heap_free);
	mst_json_begin(mst_heap_free);
	if (r)
		return r - 1;
	if (o.what == CHILD && !mst_unit_is_child()) {
		fputs("musterd: --process is for musterd itself, which starts its processes; start it without\n", stderr);
		return 2;
	}
	json_object_seed(0);                    /* of its hash tables; the source is out of reach behind the sandbox */
	if (o.what == CHILD || o.what == RUN)
		mst_heap_watch();
	if (o.what == CHILD)
		return mst_unit_main(kinds[o.kind], o.role, o.name, o.sockets, o.metrics_socket, roles, s.crypto);
	if (o.what != RUN)
		return look_at_config(&o);
	s.conf_file = o.file;
	return mst_supervise(&s);
}
