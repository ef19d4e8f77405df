/* The configuration table: every kind of error, all of them at once, and the generated texts. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/cm.h"

#include "server/config-table.h"

static char said[8192];

static void note(void *arg, const char *text)
{
	(void)arg;
	strncat(said, text, sizeof(said) - strlen(said) - 1);
	strncat(said, "\n", sizeof(said) - strlen(said) - 1);
}

static struct mst_conf *read_text(const char *text)
{
	struct mst_conf_report r = { .line = note };
	struct mst_conf *c = NULL;
	int rc;

	said[0] = '\0';
	rc = mst_conf_read("/etc/muster/musterd.conf", text, &r, &c);
	assert_int_equal(rc, c ? 0 : MST_FAULT_CONFIG);
	assert_int_equal(r.errors == 0, c != NULL);
	return c;
}

#define MEF "mef = { fqdn = \"mef.example.com\"; listen = [\"127.0.0.1:1\"]; certificate = \"a.pem\"; key = \"a.key\"; client_anchors = [\"x/\"]; };\n"
#define OCSP "ocsp = { fqdn = \"ocsp.example.com\"; "
#define MAF "maf = { fqdn = \"m.example.com\"; listen = [\"127.0.0.1:2\"]; key = \"b\"; certificate = \"a\"; "
#define BSF(more) "bsf = { fqdn = \"b.example.com\"; listen = [\"127.0.0.1:4\"]; hss = { fqdn = \"h.example.com\"; }; certificate = \"a\"; " \
		  "key = \"b\"; hss_anchors = [\"c\"]; " more " };\n"
#define HSS "hss = { fqdn = \"h.example.com\"; listen = [\"127.0.0.1:3\"]; certificate = \"a\"; key = \"b\"; client_anchors = [\"c\"]; "
#define ADMIN "admin = { listen = [\"unix:run/admin.sock\"]; };\n"
#define DIAM "diameter = { identity = \"d.example.com\"; realm = \"example.com\"; "
#define TLS "certificate = \"a\"; key = \"b\"; anchors = [\"c\"]; "

static void defaults(void **state)
{
	struct mst_conf *c = read_text(MEF ADMIN);
	struct mst_role_conf rc;

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->processes, MST_CONF_SPLIT);
	assert_int_equal(c->listeners, 2);
	assert_string_equal(c->store, "sqlite:/etc/muster/store/muster.db");
	assert_string_equal(c->keeper, "/etc/muster/keeper");
	assert_string_equal(c->mef.certificate, "/etc/muster/a.pem");
	assert_string_equal(c->mef.client_anchors[0], "/etc/muster/x/");
	assert_string_equal(c->admin.listen[0], "unix:/etc/muster/run/admin.sock");
	assert_string_equal(c->mef.base, "/MEFBase");
	assert_int_equal(c->mef.profile, MST_TLS_BOTH);
	assert_int_equal(c->mef.registration_lifetime, 365 * 86400);
	assert_int_equal(c->limits.group, 128);
	assert_true(c->sandbox);
	assert_null(mst_conf_role(c, MST_ROLE_MAF));
	mst_conf_role_conf(c, MST_ROLE_MEF, &rc);
	assert_string_equal(rc.fqdn, "mef.example.com");
	assert_int_equal(rc.retry_duration, 86400);
	mst_conf_free(c);
}

static void lists_and_groups(void **state)
{
	struct mst_conf *c = read_text(
		"processes = \"single\";\nmaf = { fqdn = \"maf.example.com\"; listen = [\"127.0.0.1:1\", \"[::1]:2\"]; certificate = \"/c\"; key = \"/k\";\n"
		"mef_anchors = [\"ca.pem\"]; registration_lifetime = \"2w\";\n"
		"mefs = ( { fqdn = \"a.example.com\"; uri = \"https://a.example.com\"; sps = [\"sp.example.com\"]; }, { fqdn = \"b.example.com\"; uri = \"https://b.example.com:9\"; connect_to = \"127.0.0.1:9\"; sps = [\"x.example.com\", \"y.example.com\"]; } ); };");
	struct mst_role_conf rc;

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->processes, MST_CONF_SINGLE);
	assert_int_equal(c->maf.n_listen, 2);
	assert_string_equal(c->maf.listen[1], "[::1]:2");
	mst_conf_role_conf(c, MST_ROLE_MAF, &rc);
	assert_int_equal(rc.n_mef, 2);
	assert_string_equal(rc.mef[1].fqdn, "b.example.com");
	assert_string_equal(rc.mef[1].connect_to, "127.0.0.1:9");
	assert_string_equal(rc.mef[0].connect_to, "");
	assert_int_equal(rc.mef[0].n_sp, 1);
	assert_string_equal(rc.mef[0].sp[0], "sp.example.com");
	assert_int_equal(rc.mef[1].n_sp, 2);
	assert_string_equal(rc.mef[1].sp[1], "y.example.com");
	assert_int_equal(rc.reg_lifetime, 14 * 86400);
	mst_conf_free(c);
}

#define BBN "bbn = { fqdn = \"bbn.example.com\"; listen = [\"127.0.0.1:1\"]; certificate = \"a\"; key = \"b\"; "

/* Lesson 27: each way to enrol by itself, and what an installation without a briefing node calls secrets. */
static void ways_to_enrol(void **state)
{
#define BARE "mef = { fqdn = \"mef.example.com\"; listen = [\"127.0.0.1:1\"]; certificate = \"a\"; key = \"b\"; "
	static const struct { const char *text; bool psk, certs; } row[] = {
		{ BARE "client_anchors = [\"c\"]; };", true, true },
		{ BARE "client_anchors = [\"c\"]; psk = false; };", false, true },
		{ BARE "client_anchors = [\"c\"]; node_certificates = false; mafs = [\"maf.example.com\"]; };", true, false },
		{ BARE "node_certificates = false; };", true, false },
		{ BARE "client_anchors = [\"c\"]; psk = false; bsfs = ( { fqdn = \"bsf.example.com\"; uri = \"https://bsf.example.com:8448\"; domains = [\"bsf.example.net\"]; } );\n"
		  "bsf_anchors = [\"d\"]; };", false, true },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct mst_conf *c = read_text(i ? BBN "psk = false; };" : BBN "};");
		struct mst_role_conf rc;

		if (!c)
			fail_msg("%s", said);
		mst_conf_role_conf(c, MST_ROLE_BBN, &rc);
		assert_int_equal(rc.no_secrets, i);
		mst_conf_free(c);
	}
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_conf *c = read_text(row[i].text);
		struct mst_role_conf rc;

		if (!c)
			fail_msg("%s", said);
		assert_int_equal(c->mef.psk, row[i].psk);
		mst_conf_role_conf(c, MST_ROLE_MEF, &rc);
		assert_int_equal(rc.no_node_certs, !row[i].certs);
		assert_int_equal(rc.no_secrets, !row[i].psk);
		assert_string_equal(rc.secret_fqdn, "mef.example.com");
		mst_conf_free(c);
	}
}

/* Who takes the keys of ten thousand nodes within a minute is told by the presets; what leaves seldom is told sooner. */
static void a_theft_is_above_the_presets(void **state)
{
	struct mst_conf *c = read_text(BBN "};");

	(void)state;
	if (!c)
		fail_msg("%s", said);
	for (size_t i = 0; i < MST_RATE__COUNT; i++) {
		if (c->keeper_limits.alarm[i] < 1 || c->keeper_limits.alarm[i] > 10000)
			fail_msg("rate %zu: %lld", i, (long long)c->keeper_limits.alarm[i]);
		assert_int_equal(c->keeper_limits.most[i], 0);   /* a fleet that comes back after a power cut is not kept out */
	}
	assert_true(c->keeper_limits.alarm[MST_RATE_CERTIFICATES] <= 1200 && c->keeper_limits.alarm[MST_RATE_TRIGGERS] <= 1200);
	mst_conf_free(c);
}

static void briefing_node(void **state)
{
	struct mst_conf *c = read_text(BBN "};");
	struct mst_role_conf rc;

	(void)state;
	if (!c)
		fail_msg("%s", said);
	mst_conf_role_conf(c, MST_ROLE_BBN, &rc);
	assert_string_equal(rc.base, "/briefing");
	assert_false(rc.strangers);                      /* nobody is served as nobody, unless the operator says so */
	assert_int_equal(rc.validity, 86400);
	assert_int_equal(rc.retry_duration, 3600);
	assert_int_equal(rc.keep, 30 * 86400);
	mst_conf_free(c);
	c = read_text(BBN "strangers = true; briefing_validity = \"2h\"; keep = \"7d\"; base = \"/b\"; }; admin = { listen = [\"unix:x\"]; };");
	if (!c)
		fail_msg("%s", said);
	mst_conf_role_conf(c, MST_ROLE_BBN, &rc);
	assert_true(rc.strangers);
	assert_int_equal(rc.validity, 7200);
	assert_int_equal(rc.keep, 7 * 86400);
	mst_conf_role_conf(c, MST_ROLE_ADMIN, &rc);
	assert_string_equal(rc.secret_fqdn, "bbn.example.com");
	mst_conf_free(c);
	assert_null(read_text(BBN "base = \"/b/\"; };"));
	assert_non_null(strstr(said, "bbn.base: \"/b/\" ends with /"));
	assert_null(read_text(BBN "base = \"b\"; };"));
	assert_non_null(strstr(said, "bbn.base: \"b\" is no path"));
	assert_null(read_text(BBN "briefing_validity = \"1s\"; };"));
	assert_non_null(strstr(said, "bbn.briefing_validity"));
}

/* Ours, and each of them reaches the role that acts on it. */
static void quirks(void **state)
{
	struct mst_conf *c = read_text(
		"mef = { fqdn = \"mef.example.com\"; listen = [\"127.0.0.1:1\"]; certificate = \"a\"; key = \"b\"; client_anchors = [\"x\"];\n"
		"quirks = { km = \"master\"; names = \"ts0032\"; hex = \"lower\"; coap = \"early\"; mef_label = \"connection\"; repeat_conflicts = true; }; };\n"
		MAF "mef_anchors = [\"c\"]; bsf_anchors = [\"c\"]; bsfs = ( { fqdn = \"b.op\"; } ); quirks = { repeat_conflicts = true; }; mefs = (\n"
		"{ fqdn = \"a.b\"; uri = \"https://x\"; sps = [\"p.q\"]; }, { fqdn = \"a.c\"; uri = \"https://y\"; sps = [\"p.r\"]; quirks = { km = \"registered\"; hex = \"lower\"; }; } ); };");
	struct mst_role_conf rc;

	(void)state;
	if (!c)
		fail_msg("%s", said);
	mst_conf_role_conf(c, MST_ROLE_MEF, &rc);
	assert_int_equal(rc.quirks.km, MST_KM_MASTER);
	assert_true(rc.quirks.names == MST_PROFILE_TS0032 && rc.quirks.hex_lower && rc.quirks.mef_label == MST_MEF_LABEL_CONNECTION);
	assert_true(rc.quirks.repeat_conflicts && rc.quirks.coap_early);
	mst_conf_role_conf(c, MST_ROLE_MAF, &rc);
	assert_int_equal(rc.n_bsf, 1);
	assert_string_equal(rc.bsf[0].uri, "https://b.op");
	assert_true(rc.bsf[0].n_domain == 1 && !strcmp(rc.bsf[0].domain[0], "b.op") && rc.bsf[0].binding == MST_BIND_SBI);
	assert_int_equal(mst_role_servers(&rc), 3);
	assert_int_equal(rc.quirks.km, MST_KM_USAGE_CONSTRAINED);
	assert_true(rc.quirks.repeat_conflicts);
	assert_int_equal(rc.mef[0].quirks.km, MST_KM_USAGE_CONSTRAINED);
	assert_int_equal(rc.mef[1].quirks.km, MST_KM_REGISTERED);
	assert_true(rc.mef[1].quirks.hex_lower && !rc.mef[0].quirks.hex_lower && !rc.quirks.hex_lower);
	assert_int_equal(rc.quirks.mef_label, MST_MEF_LABEL_BOOTSTRAP);
	mst_conf_free(c);
	assert_null(read_text(MEF "maf = {\n quirks = { km = \"master\"; }; };"));
	assert_non_null(strstr(said, ":3: maf.quirks.km: unknown setting"));
}

/* One wrong thing each; the line, the field and what would be right must be named. */
static const struct { const char *text, *want; } wrong[] = {
	{ "listners = 3;\n" ADMIN, ":1: listners: unknown setting; did you mean \"listeners\"?" },
	{ "zzzzzzzz = 3;\n" ADMIN, ":1: zzzzzzzz: unknown setting; see musterd.conf(5)" },
	{ "log = { levle = \"info\"; };\n" ADMIN, ":1: log.levle: unknown setting; did you mean \"level\"?" },
	{ "listeners = 0;\n" ADMIN, ":1: listeners: 0 is out of range; 1 to 16" },
	{ "listeners = \"2\";\n" ADMIN, ":1: listeners: is a text; a whole number is wanted" },
	{ "sandbox = 1;\n" ADMIN, ":1: sandbox: is a number; true or false without quotes is wanted" },
	{ "\n\nprocesses = \"many\";\n" ADMIN, ":3: processes: unknown value \"many\"; one of split, single" },
	{ "store = \"mysql:x\";\n" ADMIN, ":1: store: \"mysql:x\" will not do; sqlite: and a file name" },
	{ "store = \"postgresql:dbname=m\";\n" ADMIN, ":1: store: user=NAME is wanted" },
	{ "store = \"postgresql:dbname=m user=m password=x\";\n" ADMIN, ":1: store: a password has no place here; passfile=FILE" },
	{ "store = 7;\n" ADMIN, ":1: store: is a number; a text in double quotes is wanted" },
	{ "keeper = \"\";\n" ADMIN, ":1: keeper: \"\" will not do; it may not be empty" },
	{ "log = 3;\n" ADMIN, ":1: log: is a number; a group { … } is wanted" },
	{ "limits = { idle = \"1 hour\"; };\n" ADMIN, ":1: limits.idle: is no duration; seconds, or a text like" },
	{ "limits = { idle = \"800d\"; };\n" ADMIN, ":1: limits.idle: 69120000 is out of range; 1s to 1d" },
	{ "limits = { fetch = 30; handshake = 20; };\n" ADMIN, ":1: limits.fetch: is not shorter than limits.handshake" },
	{ "metrics = \"0.0.0.0:9464\";\n" ADMIN, ":1: metrics: \"0.0.0.0:9464\" is not a loopback address" },
	{ "metrics = \"9464\";\n" ADMIN, ":1: metrics: \"9464\" will not do; an address like" },
	{ "admin = { listen = [\"127.0.0.1:1\"]; };", ":1: admin.listen[0]: \"127.0.0.1:1\" would be reachable from the network" },
	{ "admin = { listen = []; };", "admin.listen: is empty; at least one entry is needed" },
	{ "admin = { };", "admin.listen: is missing" },
	{ "admin = { listen = \"unix:x\"; };", "admin.listen: is a text; an array of texts" },
	{ "admin = { listen = [\"::1:80\"]; };", "admin.listen[0]: \"::1:80\" will not do" },
	{ "", "no role is configured" },
	{ "mef = { fqdn = \"MEF.example.com\"; listen = [\"127.0.0.1:0\"]; certificate = \"a\"; key = \"b\"; client_anchors = [\"c\"]; };",
	  "mef.fqdn: \"MEF.example.com\" will not do; a fully qualified domain name in lower case" },
	{ "mef = { fqdn = \"mef.example.com\"; listen = [\"unix:x\"]; certificate = \"a\"; key = \"b\"; client_anchors = [\"c\"]; };",
	  ":1: mef.listen[0]: \"unix:/etc/muster/x\" is local; TLS endpoints need host:port" },
	{ "mef = { fqdn = \"mef.example.com\"; listen = [\"127.0.0.1:1\", \"127.0.0.1:1\"]; certificate = \"a\"; key = \"b\"; client_anchors = [\"c\"]; };",
	  ":1: mef.listen[1]: \"127.0.0.1:1\" stands there twice" },
	{ "mef = { fqdn = \"mef.example.com\"; listen = [\"127.0.0.1:1\"]; certificate = \"a\"; key = \"b\"; };", ":1: mef.client_anchors: is empty, so no node's" },
	{ "mef = { fqdn = \"mef.example.com\"; listen = [\"127.0.0.1:1\"]; certificate = \"a\"; key = \"b\"; node_certificates = false; mafs = [\"maf.example.com\"]; };",
	  ":1: mef.client_anchors: is empty, so no MAF" },
	{ "mef = { fqdn = \"mef.example.com\"; listen = [\"127.0.0.1:1\"]; certificate = \"a\"; key = \"b\"; client_anchors = [\"c\"]; node_certificates = false; psk = false; };",
	  ":1: mef.psk: is false" },
	{ "mef = { fqdn = \"mef.example.com\"; listen = [\"127.0.0.1:1\"]; key = \"b\"; client_anchors = [\"c\"]; };", "mef.certificate: is missing; own certificate" },
	{ "mef = { base = \"x\"; fqdn = \"mef.example.com\"; listen = [\"127.0.0.1:1\"]; key = \"b\"; certificate = \"a\"; client_anchors = [\"c\"]; };",
	  ":1: mef.base: \"x\" is no path" },
	{ "maf = { fqdn = \"m.example.com\"; listen = [\"127.0.0.1:1\"]; key = \"b\"; certificate = \"a\"; mefs = ( 3 ); };",
	  "maf.mefs[0]: is a number; a group" },
	{ "maf = { fqdn = \"m.example.com\"; listen = [\"127.0.0.1:1\"]; key = \"b\"; certificate = \"a\"; mefs = ( { fqdn = \"a.b\"; uri = \"http://x\"; } ); };",
	  ":1: maf.mefs[0].uri: \"http://x\" will not do; a URI that begins with https://" },
	{ "maf = { fqdn = \"m.example.com\"; listen = [\"127.0.0.1:1\"]; key = \"b\"; certificate = \"a\"; mefs = ( { fqdn = \"a.b\"; uri = \"https://x\"; } ); };",
	  ":1: maf.mef_anchors: is empty" },
	{ MAF "mefs = ( { fqdn = \"a.b\"; uri = \"https://x\"; },\n { fqdn = \"UPPER\"; uri = \"https://x\"; } ); };",
	  ":2: maf.mefs[1].fqdn: \"UPPER\" will not do" },
	{ MAF "mefs = ( { fqdn = \"a.b\"; uri = \"https://x\"; },\n { fqdn = \"a.c\"; url = \"https://x\"; } ); };",
	  ":2: maf.mefs[1].url: unknown setting; did you mean \"uri\"?" },
	{ MAF "mefs = ( { fqdn = \"a.b\"; uri = \"https://x\"; },\n { fqdn = \"a.c\"; } ); };",
	  ":2: maf.mefs[1].uri: is missing; where it is" },
	{ MAF "mef_anchors = [\"c\"]; mefs = ( { fqdn = \"a.b\"; uri = \"https://x\"; sps = [\"p.q\"]; },\n"
	  "{ fqdn = \"a.b\"; uri = \"https://y\"; sps = [\"p.q\"]; } ); };",
	  ":2: maf.mefs[1].fqdn: \"a.b\" stands there twice" },
	{ MAF "mef_anchors = [\"c\"]; mefs = ( { fqdn = \"a.b\"; uri = \"https://x\"; sps = [\"p.q\"]; },\n"
	  "{ fqdn = \"a.c\"; uri = \"https://y\"; } ); };",
	  ":2: maf.mefs[1].sps: is missing; with several MEFs each says whose clients it may vouch for" },
	{ MAF "mef_anchors = [\"c\"]; mefs = ( { fqdn = \"a.b\"; uri = \"https://x\"; sps = [\"P.q\"]; } ); };",
	  ":1: maf.mefs[0].sps[0]: \"P.q\" will not do; a fully qualified domain name" },
	{ MAF "bsfs = ( { fqdn = \"b.op\"; } ); };", ":1: maf.bsf_anchors: is empty, so no BSF could be trusted" },
	{ MAF "bsf_anchors = [\"c\"]; bsfs = (\n{ fqdn = \"b.op\"; binding = \"map\"; } ); };", ":2: maf.bsfs[0].binding: unknown value \"map\"; one of sbi, diameter" },
	{ MAF "bsf_anchors = [\"c\"]; bsfs = ( { fqdn = \"b.op\"; sps = [\"p.q\"]; },\n{ fqdn = \"b.op\"; sps = [\"p.q\"]; } ); };",
	  ":2: maf.bsfs[1].fqdn: \"b.op\" stands there twice" },
	{ MAF "bsf_anchors = [\"c\"]; bsfs = ( { fqdn = \"b.op\"; sps = [\"p.q\"]; },\n{ fqdn = \"c.op\"; } ); };",
	  ":2: maf.bsfs[1].sps: is missing; with several BSFs" },
	{ MAF "bsf_anchors = [\"c\"]; bsfs = ( { fqdn = \"b.op\";\n domains = [ \"b.op\", \"m.example.com\" ]; } ); };",
	  ":2: maf.bsfs[0].domains: \"m.example.com\" stands behind the @ of other key identifiers here" },
	{ MAF "bsf_anchors = [\"c\"]; mef_anchors = [\"c\"]; mefs = ( { fqdn = \"a.b\"; uri = \"https://x\"; } ); bsfs = ( { fqdn = \"a.b\"; } ); };",
	  ":1: maf.bsfs[0].fqdn: \"a.b\" stands behind the @" },
	{ MEF "\nmaf = { fqdn = \"m.example.com\"; key = \"b\"; certificate = \"a\";\n listen = [ \"127.0.0.1:3\",\n \"127.0.0.1:1\"]; };\n",
	  ":5: maf.listen[1]: \"127.0.0.1:1\" is an address of the role mef already" },
	{ MEF "\nmetrics = \"127.0.0.1:1\";", ":3: metrics: \"127.0.0.1:1\" is an address of the role mef already" },
	{ "\nmetrics = \"localhost:9464\";\n" ADMIN, ":2: metrics: \"localhost:9464\" is not a loopback address" },
	{ "metrics = \"127.example.com:9464\";\n" ADMIN, ":1: metrics: \"127.example.com:9464\" is not a loopback address" },
	{ "listeners = 2.5;\n" ADMIN, ":1: listeners: is a number with a fraction; a whole number is wanted" },
	{ ADMIN "test = { crash_at = \"lunch\"; };", ":2: test.crash_at: unknown point \"lunch\"" },
	{ ADMIN "log = { format = \"json\\x00\"; };", ":2: log.format: holds a control character" },
	{ MAF "mefs = (\n{ fqdn = \"a.b\"; uri = \"https://x\\x00.evil\"; } ); };", ":2: maf.mefs[0].uri: holds a control character" },
	{ "store = \"sqlite:a\\X00b\";\n" ADMIN, ":1: store: holds a control character" },
	{ ADMIN "  @include \"x\"\n", ":2: @include: is not allowed" },
	{ "# 9999999999\nlog = { level = \"99999999999 \\\" 9999999999\"; };\n/* 9999999999 */ listeners = 4294967298;\n" ADMIN,
	  ":3: a number beyond 2147483647; write an L" },
	{ "listeners = -4294967294;\n" ADMIN, ":1: a number beyond 2147483647" },
	{ "listeners = 0x100000002;\n" ADMIN, ":1: a number beyond 2147483647" },
	{ "listeners = 99999999999999999999;\n" ADMIN, ":1: a number beyond 2147483647" },
	{ "listeners = 4294967298L;\n" ADMIN, ":1: listeners: 4294967298 is out of range; 1 to 16" },
	{ OCSP "listen = [\"127.0.0.1:1\"]; uri = \"https://ocsp.example.com\"; };", ":1: ocsp.uri: \"https://ocsp.example.com\" will not do" },
	{ OCSP "listen = [\"127.0.0.1:1\"]; uri = \"http://\"; };", ":1: ocsp.uri: \"http://\" will not do" },
	{ OCSP "listen = [\"127.0.0.1:0\"]; };", "ocsp.uri: is missing, and ocsp.listen[0] takes any port" },
	{ OCSP "listen = [\"127.0.0.1:1\"]; validity = \"16d\"; };", ":1: ocsp.validity: 1382400 is out of range" },
	{ OCSP "listen = [\"127.0.0.1:1\"]; base = \"x\"; };", ":1: ocsp.base: \"x\" is no path" },
	{ "ocsp = { listen = [\"127.0.0.1:1\"]; };", "ocsp.fqdn: is missing; its name" },
	{ MEF "\nocsp = { fqdn = \"ocsp.example.com\"; listen = [\"127.0.0.1:1\"]; };", ":3: ocsp.listen[0]: \"127.0.0.1:1\" is an address of the role mef already" },
	{ "hss = { fqdn = \"h.example.com\"; listen = [\"127.0.0.1:1\"]; certificate = \"a\"; key = \"b\"; client_anchors = [\"c\"]; };", "hss.bsfs: is missing" },
	{ HSS "bsfs = [\"b\"]; };", ":1: hss.bsfs[0]: \"b\" will not do" },
	{ HSS "bsfs = [\"b.example.com\"]; mnc_digits = 4; };", ":1: hss.mnc_digits: 4 is out of range; 2 to 3" },
	{ HSS "bsfs = [\"b.example.com\"]; vector_interval = \"0s\"; };", ":1: hss.vector_interval: 0 is out of range" },
	{ HSS "bsfs = [\"b.example.com\"]; vector_burst = 0; };", ":1: hss.vector_burst: 0 is out of range" },
	{ HSS "bsfs = [\"b.example.com\"]; vector_interval = \"21601s\"; };\n" BSF(""), ":1: hss.vector_interval: is too long for bsf.lifetime" },
	{ HSS "bsfs = [\"b.example.com\"]; vector_interval = \"31s\"; };\n" BSF("lifetime = \"60s\";"), ":1: hss.vector_interval: is too long for bsf.lifetime" },
	{ MEF HSS "bsfs = [\"b.example.com\"]; listen = [\"127.0.0.1:1\"]; };", "duplicate setting name" },
	/* in clear, a name is only a word */
	{ ADMIN DIAM "listen = [\"127.0.0.1\", \"192.0.2.1\"]; peers = (\n{ identity = \"h.op\"; realm = \"op.example\"; tls = false; } ); };",
	  ":3: diameter.peers[0].tls: is false, and diameter.listen[1] is no loopback address, so whoever reaches it could say that it is h.op" },
	{ ADMIN DIAM "listen = [\"::\"]; port = 0; peers = ( { identity = \"h.op\"; realm = \"op.example\"; tls = false; connect_to = \"[::1]:3868\"; } ); };",
	  ":2: diameter.peers[0].tls: is false, and diameter.listen[0] is no loopback" },
	{ ADMIN DIAM "peers = ( { identity = \"h.op\"; realm = \"op.example\"; tls = false; connect_to = \"192.0.2.9\"; } ); };",
	  ":2: diameter.peers[0].tls: is false, and connect_to is no loopback address, so keys of subscribers could be read on the way to h.op" },
	{ ADMIN DIAM TLS "peers = ( { identity = \"h.op\"; realm = \"op.example\"; ipsec = true; connect_to = \"192.0.2.9\"; } ); };",
	  ":2: diameter.peers[0].ipsec: is true, and tls is, too" },
	{ "a = ;\n", ":1: syntax error" },
	{ ADMIN ADMIN, ":2: duplicate setting name" },
};

static void each_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(wrong); i++) {
		struct mst_conf *c = read_text(wrong[i].text);

		if (c || !strstr(said, wrong[i].want))
			fail_msg("row %zu: wanted \"%s\", got \"%s\"", i, wrong[i].want, said);
		assert_ptr_equal(strstr(said, "/etc/muster/musterd.conf"), said);
	}
}

/* Where it can be had: on loopback, or where the operator has said why. */
static void diameter_in_clear(void **state)
{
	static const char *const good[] = {
		ADMIN DIAM "listen = [\"127.0.0.2\", \"::1\", \"0:0:0:0:0:0:0:1\"]; peers = ( { identity = \"h.op\"; realm = \"op.example\"; tls = false; } ); };",
		ADMIN DIAM "peers = ( { identity = \"h.op\"; realm = \"op.example\"; tls = false; connect_to = \"[::1]:3868\"; } ); };",
		ADMIN DIAM "listen = [\"192.0.2.1\"]; peers = ( { identity = \"h.op\"; realm = \"op.example\"; tls = false; ipsec = true; } ); };",
		ADMIN DIAM TLS "listen = [\"192.0.2.1\"]; peers = ( { identity = \"h.op\"; realm = \"op.example\"; } ); };",
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(good); i++) {
		struct mst_conf *c = read_text(good[i]);

		if (!c)
			fail_msg("row %zu: %s", i, said);
		mst_conf_free(c);
	}
}

static void all_errors_at_once(void **state)
{
	(void)state;
	assert_null(read_text("listeners = 99;\nsandbox = 3;\nnonsense = 1;\nlog = { level = \"loud\"; };\n"));
	assert_non_null(strstr(said, ":1: listeners"));
	assert_non_null(strstr(said, ":2: sandbox"));
	assert_non_null(strstr(said, ":3: nonsense"));
	assert_non_null(strstr(said, ":4: log.level"));
}

static void too_many(void **state)
{
	char text[512] = "admin = { listen = [";

	(void)state;
	for (int i = 0; i < MST_CONF_LISTEN + 1; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\"unix:%d\"", i ? ", " : "", i);
	strcat(text, "]; };");
	assert_null(read_text(text));
	assert_non_null(strstr(said, "9 entries are too many; at most 8"));
}

static void durations(void **state)
{
	static const struct { const char *t; int64_t s; } good[] = {
		{ "0", 0 }, { "90", 90 }, { "90s", 90 }, { "15m", 900 }, { "12h", 43200 }, { "365d", 31536000 }, { "4w", 2419200 },
	};
	static const char *const bad[] = { "", "d", "-1", "1.5h", "1y", "01", "1 d", "99999999999d" };
	int64_t s;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(good); i++) {
		assert_true(mst_conf_duration(good[i].t, &s));
		assert_int_equal(s, good[i].s);
	}
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_false(mst_conf_duration(bad[i], &s));
}

static void restart_fields(void **state)
{
	struct mst_conf *a = read_text(MEF ADMIN), *b = read_text("log = { level = \"debug\"; };\n" MEF ADMIN),
	                *c = read_text("listeners = 3;\n" MEF ADMIN), *d = read_text(MEF);

	(void)state;
	assert_null(mst_conf_needs_restart(a, a));
	assert_null(mst_conf_needs_restart(a, b));
	assert_string_equal(mst_conf_needs_restart(a, c), "listeners");
	assert_string_equal(mst_conf_needs_restart(a, d), "admin");
	mst_conf_free(a);
	mst_conf_free(b);
	mst_conf_free(c);
	mst_conf_free(d);
}

static bool note_place(void *arg, const struct mst_conf_place *p)
{
	char *list = arg;

	if (!strncmp(p->path, "/etc/muster/", 12))
		snprintf(list + strlen(list), 512 - strlen(list), "%s%s%s ", p->field, p->secret ? "!" : "", p->path + 11);
	return !strcmp(p->field, "admin.listen[1]");
}

/* What nobody else may have in a directory of his: a setting that is forgotten here is open to whoever has one. */
static void places(void **state)
{
	struct mst_conf *c = read_text("keeper_key = { pin_file = \"p\"; secret_file = \"s\"; module_state = \"t\"; }; ca_key = { pin_file = \"q\"; };\n" MEF
				       "admin = { listen = [\"unix:a\", \"unix:b\", \"unix:c\"]; };\n");
	char list[512] = "";
	size_t n = 0;

	(void)state;
	assert_non_null(c);
	assert_true(mst_conf_places(c, note_place, list));
	assert_string_equal(list, "keeper!/keeper keeper_key.secret_file!/s keeper_key.module_state!/t keeper_key.pin_file!/p ca_key.pin_file!/q run!/run "
			    "mef.certificate/a.pem mef.key!/a.key mef.client_anchors[0]/x/ admin.listen[0]/a admin.listen[1]/b ");
	mst_conf_free(c);
	for (size_t i = 0; i < mst_conf_n_items; i++) {
		const char *key = mst_conf_items[i].key, *last = strrchr(key, '.') ? strrchr(key, '.') : key;
		bool secret = mst_conf_items[i].flags & MST_CONF_SECRET, path = mst_conf_items[i].type == MST_CONF_T_PATH;

		n += secret ? 1U : 0U;
		if (path && (!strcmp(last, ".key") || !strcmp(last, ".pin_file") || !strcmp(last, ".secret_file") || !strcmp(last, ".module_state")) && !secret)
			fail_msg("%s is no secret", key);
		assert_true(path || !secret);
	}
	assert_int_equal(n, 14);
}

/* Names of servers are all that may be one; a domain, a provider and a stakeholder show no certificate. */
static void servers(void **state)
{
	static const char *const yes[] = { "mef.example.com", "MEF.Example.com", "maf1.example.com", "maf2.example.com", "m.example.com", "a.example.com", "c.example.com", "bsf1.example.com",
					   "b.example.com", "h.example.com", "naf.example.com", "cse1.example.com", "cse2.example.com", "naf2.example.com", "t.example.com", "hs.example.com",
					   "asker.example.com", "d.example.com", "peer.example.com" },
				 *const no[] = { "example.com", "sp1.example.com", "sp2.example.com", "sp3.example.com", "dom.example.com", "trust.example.com", "elsewhere.example.com", "group" };
	struct mst_conf *c = read_text("mef = { fqdn = \"mef.example.com\"; listen = [\"127.0.0.1:1\"]; certificate = \"a\"; key = \"b\"; client_anchors = [\"x/\"]; mafs = [\"maf1.example.com\", "
				       "\"maf2.example.com\"]; stakeholders = [\"trust.example.com\"]; };\n" MAF "mef_anchors = [\"c\"]; bsf_anchors = [\"c\"]; mefs = ({ fqdn = \"a.example.com\"; uri = \"https://x\"; "
				       "sps = [\"sp1.example.com\"]; }, { fqdn = \"c.example.com\"; uri = \"https://x\"; sps = [\"sp2.example.com\"]; }); bsfs = ({ fqdn = \"bsf1.example.com\"; "
				       "domains = [\"dom.example.com\"]; sps = [\"sp3.example.com\"]; }); };\n"
				       BSF("trigger_naf = \"t.example.com\"; nafs = ({ fqdn = \"naf.example.com\"; names = [\"cse1.example.com\", \"cse2.example.com\"]; groups = [\"group\"]; }, "
					   "{ fqdn = \"naf2.example.com\"; });")
				       "hss = { fqdn = \"hs.example.com\"; listen = [\"127.0.0.1:3\"]; certificate = \"a\"; key = \"b\"; client_anchors = [\"c\"]; bsfs = [\"asker.example.com\"]; };\n"
				       DIAM TLS "peers = ({ identity = \"peer.example.com\"; realm = \"example.com\"; connect_to = \"127.0.0.1\"; }); };\n"
				       "admin = { listen = [\"unix:a\"]; providers = ({ sp = \"sp1.example.com\"; uid = 0x4b1; }); };\n");

	static struct mst_role_conf rc;

	(void)state;
	if (!c)
		fail_msg("%s", said);
	for (size_t i = 0; i < MST_COUNT(yes); i++)
		if (!mst_conf_names_server(c, yes[i]))
			fail_msg("%s is none", yes[i]);
	for (size_t i = 0; i < MST_COUNT(no); i++)
		if (mst_conf_names_server(c, no[i]))
			fail_msg("%s is one", no[i]);
	/* the admin role lets nobody give a node the name of a MAF that the MEF knows */
	mst_conf_role_conf(c, MST_ROLE_ADMIN, &rc);
	assert_int_equal(rc.n_maf, 2);
	assert_string_equal(rc.maf_fqdn[1], "maf2.example.com");
	mst_conf_free(c);
}

static char text[64 * 1024], file[64 * 1024];

static void slurp(const char *name)
{
	char path[1024];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", getenv("MST_SOURCE"), name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(file, 1, sizeof(file) - 1, f);
	file[n] = '\0';
	fclose(f);
}

static void printed(const struct mst_conf *c, void (*manual)(struct mst_writer *))
{
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	if (manual)
		manual(&w);
	else
		mst_conf_print(c, &w);
	mst_put_nul(&w);
	assert_true(w.ok);
}

static void example_is_current(void **state)
{
	struct mst_conf *c;

	(void)state;
	printed(NULL, NULL);
	slurp("conf/musterd.conf.example");
	assert_string_equal(file, text);
	c = read_text(text);
	if (!c)
		fail_msg("%s", said);
	mst_conf_free(c);
}

static void manual_is_current(void **state)
{
	(void)state;
	printed(NULL, mst_conf_manual);
	slurp("man/musterd.conf.5.scd");
	assert_non_null(strstr(file, text));
}

static void print_reads_back(void **state)
{
	struct mst_conf *c, *d;

	(void)state;
	printed(NULL, NULL);
	c = read_text(text);
	assert_non_null(c);
	c->audit.max_events = 900000000000;
	printed(c, NULL);
	d = read_text(text);
	if (!d)
		fail_msg("%s", said);
	assert_memory_equal(c, d, sizeof(*c));
	mst_conf_free(c);
	mst_conf_free(d);
}

static void missing_file(void **state)
{
	struct mst_conf_report r = { .line = note };
	struct mst_conf *c = NULL;

	(void)state;
	said[0] = '\0';
	assert_int_equal(mst_conf_load("/nonexistent/musterd.conf", &r, &c, NULL), MST_FAULT_CONFIG);
	assert_non_null(strstr(said, "cannot be read (No such file or directory)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults), cmocka_unit_test(lists_and_groups), cmocka_unit_test(ways_to_enrol), cmocka_unit_test(a_theft_is_above_the_presets), cmocka_unit_test(briefing_node),
		cmocka_unit_test(quirks), cmocka_unit_test(each_error), cmocka_unit_test(diameter_in_clear),
		cmocka_unit_test(all_errors_at_once), cmocka_unit_test(too_many), cmocka_unit_test(durations),
		cmocka_unit_test(restart_fields), cmocka_unit_test(example_is_current), cmocka_unit_test(manual_is_current),
		cmocka_unit_test(print_reads_back), cmocka_unit_test(missing_file), cmocka_unit_test(places), cmocka_unit_test(servers),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
