/*
 * `muster init`: a complete local installation in one directory. Nothing that exists is overwritten: the
 * keeper's keys are made once, and a second init of the same directory is refused.
 */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cert.h"
#include "init-ca.h"
#include "init-place.h"
#include "install.h"
#include "keeper/signer.h"
#include "muster.h"
#include "muster/version.h"
#include "transport/address.h"

#define SERVER_DAYS 825
#define LIST_DAYS 7                    /* crl.lifetime of the configuration below */

static const char *const directories[] = { "", "tls", "anchors", "crls", "store", "run" };

struct keeper_issuer {
	struct mst_keeper *keeper;
	struct mst_view issuer;
};

static int issue_by_keeper(void *arg, struct mst_view spki, const struct mst_cert_spec *spec, uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	struct keeper_issuer *k = arg;
	/* the operator at the console is the authority here: init runs before there is any role that could decide */
	struct mst_authorisation leave = mst_keeper_own_leave(spec->common_name, "muster init");
	struct mst_keeper_signer signer = mst_keeper_signer_of(k->keeper, &leave);

	return mst_cert_issue(mst_crypto_openssl(), &signer.signer, k->issuer, spki, spec, ret_der, cap, ret_n);
}

static int issue_server(struct keeper_issuer *k, const char *fqdn, const char *prefix)
{
	struct mst_cert_spec spec = { .role = MST_CERT_BOTH, .n_san = 1 };

	snprintf(spec.common_name, sizeof(spec.common_name), "%.120s", fqdn);
	spec.san[0].kind = MST_ID_FQDN;
	snprintf(spec.san[0].value, sizeof(spec.san[0].value), "%s", fqdn);
	spec.not_before = wall_clock() - 60;
	spec.not_after = spec.not_before + (int64_t)SERVER_DAYS * 86400;
	return issue_files(issue_by_keeper, k, k->issuer, &spec, prefix);
}

/* An empty list, so that there is one from the beginning (TS-0003 8.1.2.5); musterd makes those that follow. */
static int issue_list(struct keeper_issuer *k, const char *path)
{
	static uint8_t der[4096];
	struct mst_authorisation leave = mst_keeper_own_leave(MST_KEEPER_CRL, "muster init");
	struct mst_keeper_signer signer = mst_keeper_signer_of(k->keeper, &leave);
	mst_time now = wall_clock();
	size_t n = 0;

	if (mst_crl_issue(&signer.signer, k->issuer, NULL, 0, now, now - 60, now + (int64_t)LIST_DAYS * 86400, der, sizeof(der), &n) != 0) {
		complain("the revocation list could not be made");
		return EXIT_FAULT;
	}
	return cert_write_pem(path, "X509 CRL", (struct mst_view){ der, n }, 0644);
}

static int make_keys(const struct install *in)
{
	/* CA certificates carry name constraints: TS-0003 8.1.2.2 */
	const char *const permitted[] = { in->sp, in->mef, in->maf, in->bbn, in->hss, in->zn, in->bsf };
	const struct { const char *fqdn, *prefix; } server[] = {
		{ in->mef, "tls/mef" }, { in->maf, "tls/maf" }, { in->bbn, "tls/bbn" },
		{ in->hss, "tls/hss" }, { in->zn, "tls/zn" }, { in->bsf, "tls/bsf" }, { in->cse, "tls/cse" },
	};
	size_t names = *in->plmn ? MST_COUNT(permitted) : 4, servers = *in->plmn ? MST_COUNT(server) - !*in->cse : 3;
	char keeper_dir[4096], prefix[4096];
	static uint8_t ca[MST_CERT_MAX];
	struct keeper_issuer k = { 0 };
	struct mst_diag d = { 0 };
	size_t n = 0;
	int r;

	path_join(keeper_dir, sizeof(keeper_dir), in->dir, "keeper");
	r = mst_keeper_create_files_in(keeper_dir, &(struct mst_keeper_new_ca){ in->sp, permitted, names, in->ca ? in->ca->root : NULL }, wall_clock(),
				       mst_crypto_openssl(), &d);
	if (r == 0)
		r = in->ca ? init_ca_keeper(in->ca, keeper_dir, &k.keeper, &d) : mst_keeper_local_open(keeper_dir, mst_crypto_openssl(), &k.keeper, &d);
	if (r != 0) {
		complain("the keeper's keys: %s", d.text[0] ? d.text : mst_fault_text(r));
		return EXIT_FAULT;
	}
	mst_keeper_local_certifies(k.keeper, &(struct mst_keeper_certifies){ .servers = true });
	r = k.keeper->ops->ca_cert(k.keeper, ca, sizeof(ca), &n) == 0 ? EXIT_DONE : EXIT_FAULT;
	k.issuer = (struct mst_view){ ca, n };
	for (size_t i = 0; i < servers && r == EXIT_DONE; i++)
		r = issue_server(&k, server[i].fqdn, path_join(prefix, sizeof(prefix), in->dir, server[i].prefix));
	if (r == EXIT_DONE)
		r = issue_list(&k, path_join(prefix, sizeof(prefix), in->dir, "crls/ca.crl"));
	k.keeper->ops->close(k.keeper);
	return r;
}

static int write_config(const struct install *in)
{
	char path[4096], text[16384], maf[1024] = "", host[80];
	struct mst_writer more = mst_writer_of(maf, sizeof(maf));
	int n;

	snprintf(host, sizeof(host), strchr(in->address, ':') ? "[%.70s]" : "%.70s", in->address);
	if (*in->plmn)
		install_gba_maf(in, host, &more);
	mst_put_nul(&more);
	n = snprintf(text, sizeof(text),
		"# Made by muster init. `musterd --check -c musterd.conf` looks at it; musterd.conf(5) explains it.\n"
		"processes = \"%s\";\n"
		"listeners = %d;\n"
		"store = \"sqlite:store/muster.db\";\n"
		"keeper = \"keeper\";\n"
		"run = \"run\";\n"
		"log = { format = \"text\"; level = \"info\"; };\n"
		"metrics = \"%s\";\n"
		"crl = { file = \"crls/ca.crl\"; lifetime = \"7d\"; };  # musterd renews it by itself\n\n"
		"bbn = {\n"
		"  fqdn = \"%s\";\n"
		"  listen = [\"%s:%u\"];\n"
		"  certificate = \"tls/bbn.pem\";\n"
		"  key = \"tls/bbn.key\";\n"
		"  client_anchors = [\"anchors/\", \"keeper/ca.pem\"];\n"
		"  crls = [\"crls/\"];\n"
		"  require_crl_of = [\"keeper/ca.pem\"];\n"
		"  profile = \"both\";\n"
		"};\n\n"
		"mef = {\n"
		"  fqdn = \"%s\";\n"
		"  listen = [\"%s:%u\"];\n"
		"  certificate = \"tls/mef.pem\";\n"
		"  key = \"tls/mef.key\";\n"
		"  client_anchors = [\"anchors/\", \"keeper/ca.pem\"];\n"
		"  crls = [\"crls/\"];\n"
		"  require_crl_of = [\"keeper/ca.pem\"];  # of the makers' CAs only what they give\n"
		"  profile = \"both\";\n"
		"  mafs = [\"%s\"];\n"
		"  maf_anchor = \"keeper/ca.pem\";  # a maker's CA must not be able to name a MAF\n"
		"};\n\n"
		"maf = {\n"
		"  fqdn = \"%s\";\n"
		"  listen = [\"%s:%u\"];\n"
		"  certificate = \"tls/maf.pem\";\n"
		"  key = \"tls/maf.key\";\n"
		"  profile = \"both\";\n"
		"  mef_anchors = [\"keeper/ca.pem\"];\n"
		"  crls = [\"crls/\"];\n"
		"  require_crl_of = [\"keeper/ca.pem\"];\n"
		"  mefs = ( { fqdn = \"%s\"; uri = \"https://%s:%u\"; connect_to = \"%s:%u\"; } );\n"
		"%s"
		"};\n\n"
		"admin = { listen = [\"unix:%s\"]; };\n",
		in->processes, in->listeners, in->metrics, in->bbn, host, in->bbn_port, in->mef, host, in->mef_port, in->maf, in->maf, host, in->maf_port, in->mef, in->mef,
		in->mef_port, host, in->mef_port, maf, in->socket ? in->socket : "run/admin.sock");
	if (n < 0 || (size_t)n >= sizeof(text) || !more.ok) {
		complain("a name is too long");
		return EXIT_USAGE;
	}
	more = mst_writer_of(text + n, sizeof(text) - (size_t)n);
	if (*in->plmn)
		install_gba_groups(in, host, &more);
	if (in->ca)
		init_ca_config(in->ca, &more);
	if (!more.ok) {
		complain("a name is too long");
		return EXIT_USAGE;
	}
	return write_file(path_join(path, sizeof(path), in->dir, "musterd.conf"), text, (size_t)n + more.n, 0600) == 0 ? EXIT_DONE : EXIT_FAULT;
}

static int fill(const struct install *in)
{
	char path[4096];
	int r;

	for (size_t i = 0; i < MST_COUNT(directories); i++)
		if (make_dir(path_join(path, sizeof(path), in->dir, directories[i])) < 0)
			return EXIT_FAULT;
	r = make_keys(in);
	return r == EXIT_DONE ? write_config(in) : r;
}

int install_make(const struct install *in)
{
	struct install there = *in;
	struct place place;
	char path[4096];
	int r;

	if (wall_clock() < MST_BUILD_TIME - 86400) {
		complain("the clock shows a time before this program was built; set it first: the CA's validity starts now");
		return EXIT_REFUSED;
	}
	if (access(path_join(path, sizeof(path), in->dir, "musterd.conf"), F_OK) == 0) {
		complain("%s is there already: this is an installation; init never overwrites one", path);
		return EXIT_REFUSED;
	}
	r = place_begin(&place, in->dir);
	if (r != EXIT_DONE)
		return r;
	there.dir = place.building;
	return place_end(&place, fill(&there));
}

/* An address to listen on: numeric, IPv4 or IPv6. */
static bool address_good(const char *text)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *ai = NULL;
	bool good = getaddrinfo(text, NULL, &hints, &ai) == 0;

	if (ai)
		freeaddrinfo(ai);
	return good;
}

/* As musterd takes `metrics`: numbers, and loopback only. */
static bool metrics_good(const char *text)
{
	char host[256];
	uint16_t port;

	return !*text || ((strncmp(text, "127.", 4) == 0 || strncmp(text, "[::1]:", 6) == 0) &&
	                  strspn(text, "0123456789.:[]") == strlen(text) && address_split(text, host, sizeof(host), &port));
}

/* Directories are typed with a slash at their end; "." cannot be moved into place. */
static bool name_of(char *dir)
{
	size_t n = strlen(dir);
	const char *last;

	while (n > 1 && dir[n - 1] == '/')
		dir[--n] = '\0';
	last = strrchr(dir, '/');
	last = last ? last + 1 : dir;
	return *last && strcmp(last, ".") != 0 && strcmp(last, "..") != 0;
}

static bool port_from(const char *text, unsigned *ret_port)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*ret_port = (unsigned)n;
	return *text && !*end && n >= 1 && n <= 65535;
}

static bool ports_apart(const struct install *in, bool gba)
{
	const unsigned port[] = { in->mef_port, in->maf_port, in->bbn_port, in->hss_port, in->bsf_port, in->zn_port };

	for (size_t i = 0; i < (gba ? MST_COUNT(port) : 3); i++)
		for (size_t j = 0; j < i; j++)
			if (port[i] == port[j])
				return false;
	return true;
}

static int tell(const struct muster *m, const struct install *in)
{
	json_t *j;

	if (m->json) {
		j = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "dir", in->dir, "address", in->address, "sp", in->sp, "mef", in->mef, "maf", in->maf, "bbn", in->bbn,
			      "caKey", mst_secenv_kind_text(in->ca->kind));
		if (*in->plmn)
			json_object_update_new(j, json_pack("{s:s,s:s,s:s}", "hss", in->hss, "bsf", in->bsf, "zn", in->zn));
		return print_json(j);
	}
	say("made an installation in %s: provider %s, MEF %s on port %u, MAF %s on port %u, briefing node %s on port %u", in->dir, in->sp,
	    in->mef, in->mef_port, in->maf, in->maf_port, in->bbn, in->bbn_port);
	if (*in->plmn)
		say("and for SIMs: HSS %s on port %u, BSF %s on port %u, towards NAFs %s on port %u", in->hss, in->hss_port, in->bsf, in->bsf_port,
		    in->zn, in->zn_port);
	if (strncmp(in->address, "127.", 4) == 0 || strcmp(in->address, "::1") == 0)
		say("only this machine reaches it, at %s; for nodes elsewhere write another address, like 0.0.0.0, into each listen of %s/musterd.conf "
		    "(init --address 0.0.0.0 does)", in->address, in->dir);
	if (*in->plmn && in->bsf_port != 80)
		say("nodes that know nothing but their IMSI look for the BSF at port 80: --bsf-port 80; musterd(8), SYSTEMD, has what the unit needs for that");
	init_ca_hint(in->ca, strcmp(in->processes, "split") == 0);
	if (in->socket)
		say("next: put the makers' CA certificates into %s/anchors/, then, as root: systemctl enable --now musterd", in->dir);
	else
		say("next: put the makers' CA certificates into %s/anchors/, then: musterd -c %s/musterd.conf", in->dir, in->dir);
	return EXIT_DONE;
}

int cmd_init(struct muster *m, int argc, char **argv)
{
	const char *sp = "sp.example.com", *mef = NULL, *maf = NULL, *bbn = NULL, *mef_port = "8443", *maf_port = "8444", *bbn_port = "8445", *address = "127.0.0.1",
	           *processes = "split", *metrics = "", *gba = NULL, *ca_key = NULL, *ca_pin = NULL, *ca_state = NULL, *hss_port = "8449", *bsf_port = "8080", *zn_port = "8448";
	const struct opt opts[] = { { "sp", &sp, NULL }, { "mef", &mef, NULL }, { "maf", &maf, NULL }, { "mef-port", &mef_port, NULL },
		                    { "maf-port", &maf_port, NULL }, { "bbn", &bbn, NULL }, { "bbn-port", &bbn_port, NULL }, { "address", &address, NULL },
		                    { "processes", &processes, NULL }, { "metrics", &metrics, NULL }, { "gba", &gba, NULL },
		                    { "hss-port", &hss_port, NULL }, { "bsf-port", &bsf_port, NULL }, { "zn-port", &zn_port, NULL },
		                    { "ca-key", &ca_key, NULL }, { "ca-pin-file", &ca_pin, NULL }, { "ca-module-state", &ca_state, NULL } };
	static struct init_ca ca;
	struct install in = { .listeners = 2 };
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1)
		return usage_error(NULL, "give one directory");
	if (!name_of(argv[0]))
		return usage_error(NULL, "\"%s\": give the directory by a name of its own, like provider; init makes it", argv[0]);
	if (!metrics_good(metrics))
		return usage_error(NULL, "--metrics: \"%s\" is no loopback address like 127.0.0.1:9464 or [::1]:9464", metrics);
	in.dir = argv[0];
	in.socket = place_is_units(in.dir) ? UNIT_SOCKET : NULL;
	in.address = address;
	in.processes = processes;
	in.metrics = metrics;
	if (!port_from(mef_port, &in.mef_port) || !port_from(maf_port, &in.maf_port) || !port_from(bbn_port, &in.bbn_port))
		return usage_error(NULL, "a port is 1 to 65535");
	if (!port_from(hss_port, &in.hss_port) || !port_from(bsf_port, &in.bsf_port) || !port_from(zn_port, &in.zn_port))
		return usage_error(NULL, "a port is 1 to 65535");
	if (!ports_apart(&in, gba != NULL))
		return usage_error(NULL, gba ? "each role needs a port of its own" : "MEF, MAF and briefing node need a port each");
	if (!address_good(address))
		return usage_error(NULL, "--address: \"%s\" is no numeric IPv4 or IPv6 address", address);
	if (strcmp(processes, "split") != 0 && strcmp(processes, "single") != 0)
		return usage_error(NULL, "--processes is split or single");
	if (!mst_id_normalise(MST_ID_FQDN, mst_view_str(sp), in.sp))
		return usage_error(NULL, "--sp: \"%s\" is not an FQDN", sp);
	snprintf(in.mef, sizeof(in.mef), "mef.%.240s", in.sp);
	snprintf(in.maf, sizeof(in.maf), "maf.%.240s", in.sp);
	snprintf(in.bbn, sizeof(in.bbn), "bbn.%.240s", in.sp);
	if ((mef && !mst_id_normalise(MST_ID_FQDN, mst_view_str(mef), in.mef)) ||
	    (maf && !mst_id_normalise(MST_ID_FQDN, mst_view_str(maf), in.maf)) ||
	    (bbn && !mst_id_normalise(MST_ID_FQDN, mst_view_str(bbn), in.bbn)))
		return usage_error(NULL, "--mef, --maf and --bbn are FQDNs");
	if (gba && !install_gba(&in, gba))
		return usage_error(NULL, "--gba: \"%s\" is not MCC and MNC of a mobile operator, 5 or 6 digits; 00101 is for tests", gba);
	if (!init_ca_parse(&ca, ca_key, ca_pin, ca_state))
		return EXIT_USAGE;
	if (ca.kind == MST_SECENV_TPM && strcmp(processes, "single") == 0)
		return usage_error(NULL, "--ca-key tpm needs --processes split");
	in.ca = &ca;
	r = init_ca_open(m, in.ca, &(struct mst_diag){ 0 });
	if (r == EXIT_DONE)
		r = install_make(&in);
	init_ca_close(&ca);
	return r == EXIT_DONE ? tell(m, &in) : r;
}
