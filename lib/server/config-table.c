/* Every setting of musterd.conf, in the order in which the example shows them. */
#include <stddef.h>

#include "server/config-table.h"

static const char *const processes_choices[] = { "split", "single", NULL };
static const char *const format_choices[] = { "text", "json", NULL };
static const char *const level_choices[] = { "error", "warning", "info", "debug", NULL };
static const char *const profile_choices[] = { "onem2m", "modern", "both", NULL };   /* enum mst_tls_profile */

static const char *const km_choices[] = { "usage", "master", "registered", NULL };      /* struct mst_quirks: km */
static const char *const names_choices[] = { "long", "ts0032", NULL };                  /* enum mst_profile */
static const char *const hex_choices[] = { "upper", "lower", NULL };                    /* hex_lower */
static const char *const reenrol_choices[] = { "open", "ended", "window", NULL };          /* enum mst_reenrol */
static const char *const binding_choices[] = { "sbi", "diameter", NULL };                /* enum mst_fetch_binding */
static const char *const label_choices[] = { "bootstrap", "connection", NULL };         /* mef_label */

#define AT(m) .offset = offsetof(struct mst_conf, m)
#define STR(m) AT(m), .cap = sizeof(((struct mst_conf *)0)->m)
#define LST(more, m, n) .flags = MST_CONF_LIST | (more), AT(m), .cap = sizeof(((struct mst_conf *)0)->m[0]), \
	.count = offsetof(struct mst_conf, n), .max = MST_COUNT(((struct mst_conf *)0)->m)
#define MUST (MST_CONF_NEEDED | MST_CONF_FIXED)
#define ELEM(S, m) .offset = offsetof(S, m), .cap = sizeof(((S *)0)->m)
#define ELEM_LST(S, m, n) .flags = MST_CONF_LIST, .offset = offsetof(S, m), .cap = sizeof(((S *)0)->m[0]), \
	.count = offsetof(S, n), .max = MST_COUNT(((S *)0)->m)
#define RANGE(lo, hi) .least = (lo), .most = (hi)
#define DAY INT64_C(86400)

#define BSFS(role, more) \
	{ #role ".bsfs", MST_CONF_T_GROUPS, AT(role.bsfs), .stride = sizeof(struct mst_conf_bsf), \
	  .count = offsetof(struct mst_conf, role.n_bsfs), .max = MST_BSFS_MAX, .help = more }, \
	{ #role ".bsfs.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "bsf.example.com", ELEM(struct mst_conf_bsf, fqdn), \
	  .help = "its name, which its certificate must have" }, \
	{ #role ".bsfs.uri", MST_CONF_T_URI, MST_CONF_EMPTY_OK, "", NULL, ELEM(struct mst_conf_bsf, uri), \
	  .help = "where its Nbsp_GBA service is (binding sbi), like https://bsf.example.com:8448; \"\" = https and its name" }, \
	{ #role ".bsfs.connect_to", MST_CONF_T_ADDRESS, MST_CONF_EMPTY_OK, "", NULL, ELEM(struct mst_conf_bsf, connect_to), \
	  .help = "dial this address instead of resolving the name; the name check stays" }, \
	{ #role ".bsfs.binding", MST_CONF_T_CHOICE, 0, "sbi", NULL, ELEM(struct mst_conf_bsf, binding), .choices = binding_choices, \
	  .help = "how Zn is spoken: sbi (TS 29.309, HTTP and JSON by TLS) or diameter (TS 29.109)" }, \
	{ #role ".bsfs.domains", MST_CONF_T_FQDN, .sample = "bsf.example.com", ELEM_LST(struct mst_conf_bsf, domains, n_domains), \
	  .help = "what stands behind the @ of its B-TIDs; empty: its name" }, \
	{ #role ".bsfs.sps", MST_CONF_T_FQDN, .sample = "sp.example.com", ELEM_LST(struct mst_conf_bsf, sps, n_sps), \
	  .help = "service providers whose clients it may vouch for; needed with more than one BSF, empty with one: any" }, \
	{ #role ".bsf_anchors", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, role.gba_anchors, role.n_gba_anchors), \
	  .help = "trust anchors for BSFs that are asked by TLS" },

const struct mst_conf_item mst_conf_items[] = {
	{ "processes", MST_CONF_T_CHOICE, MST_CONF_FIXED, "split", NULL, AT(processes), .choices = processes_choices,
	  .help = "one process per duty (split), or all in one for small installations (single)" },
	{ "listeners", MST_CONF_T_COUNT, MST_CONF_FIXED, "2", NULL, RANGE(1, 16), AT(listeners),
	  .help = "listener processes for each role that speaks TLS; one per core is a good number" },
	{ "store", MST_CONF_T_STORE, MST_CONF_FIXED, "sqlite:store/muster.db", NULL, STR(store),
	  .help = "where records are kept" },
	{ "keeper", MST_CONF_T_PATH, MST_CONF_FIXED, "keeper", NULL, STR(keeper),
	  .help = "directory of the keeper: key-encryption key and CA" },
	{ "run", MST_CONF_T_PATH, MST_CONF_FIXED, "run", NULL, STR(run),
	  .help = "directory for the pid file and sockets" },
	{ "user", MST_CONF_T_TEXT, MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(user),
	  .help = "started as root: who the processes become once the addresses are bound; owns store and keeper" },
	{ "log", MST_CONF_T_GROUP, .help = "messages on standard error" },
	{ "log.format", MST_CONF_T_CHOICE, 0, "text", NULL, AT(log_format), .choices = format_choices,
	  .help = "one line of text, or one JSON object, a message" },
	{ "log.level", MST_CONF_T_CHOICE, 0, "info", NULL, AT(log_level), .choices = level_choices,
	  .help = "the least important message that is still written" },
	{ "metrics", MST_CONF_T_ADDRESS, MST_CONF_EMPTY_OK | MST_CONF_FIXED, "127.0.0.1:9464", NULL, STR(metrics),
	  .help = "HTTP for /metrics /healthz /readyz, loopback addresses only; \"\" = off" },
	{ "sandbox", MST_CONF_T_BOOL, MST_CONF_FIXED, "true", NULL, AT(sandbox),
	  .help = "Landlock and seccomp for every process, where the kernel has them" },

	{ "crl", MST_CONF_T_GROUP, .help = "revocation list of our own CA (the keeper's)" },
	{ "crl.file", MST_CONF_T_PATH, MST_CONF_EMPTY_OK, "", NULL, STR(crl.file),
	  .help = "file that it is written to, and taken over from, by musterd itself; best inside a directory of mef.crls and "
		  "maf.crls. \"\" = none is made" },
	{ "crl.lifetime", MST_CONF_T_SECONDS, 0, "7d", NULL, RANGE(4, 365 * DAY), AT(crl.lifetime),
	  .help = "how long a list is good; a new one is made when half of it is over, and at once when a certificate is revoked" },

	{ "audit", MST_CONF_T_GROUP, .help = "how much of the audit log is kept; looked at each hour, and after a reload" },
	{ "audit.keep", MST_CONF_T_SECONDS, 0, "400d", NULL, RANGE(0, 36500 * DAY), AT(audit.keep),
	  .help = "entries older than this are removed, from the beginning on; 0s = kept for ever" },
	{ "audit.max_events", MST_CONF_T_COUNT, 0, "10000000", NULL, RANGE(0, INT64_C(1000000000000)), AT(audit.max_events),
	  .help = "and of the others only so many, about 400 octets each, are kept; 0 = any number" },

	{ "limits", MST_CONF_T_GROUP, .help = "beyond these a peer is refused early and cheaply" },
	{ "limits.connections", MST_CONF_T_COUNT, 0, "4096", NULL, RANGE(1, 1000000), AT(limits.connections),
	  .help = "open connections of one listener process" },
	{ "limits.handshakes", MST_CONF_T_COUNT, MST_CONF_FIXED, "256", NULL, RANGE(1, 100000), AT(limits.handshakes),
	  .help = "handshakes that run at the same time in one listener process" },
	{ "limits.requests", MST_CONF_T_COUNT, MST_CONF_FIXED, "1024", NULL, RANGE(1, 100000), AT(limits.requests),
	  .help = "requests of one listener process that wait for an answer; then 503" },
	{ "limits.queue", MST_CONF_T_COUNT, 0, "4096", NULL, RANGE(1, 100000), AT(limits.queue),
	  .help = "requests that wait in the engine; then 503" },
	{ "limits.group", MST_CONF_T_COUNT, 0, "128", NULL, RANGE(1, 4096), AT(limits.group),
	  .help = "decisions in one transaction at most" },
	{ "limits.fetches", MST_CONF_T_COUNT, 0, "256", NULL, RANGE(1, 4096), AT(limits.fetches),
	  .help = "key fetches from other servers that run at the same time" },
	{ "limits.header_octets", MST_CONF_T_COUNT, 0, "16384", NULL, RANGE(1024, 65536), AT(limits.header_octets),
	  .help = "octets of an HTTP header" },
	{ "limits.body_octets", MST_CONF_T_COUNT, 0, "262144", NULL, RANGE(1024, 262144), AT(limits.body_octets),
	  .help = "octets of a request's content" },
	{ "limits.bodies", MST_CONF_T_COUNT, 0, "16777216", NULL, RANGE(262144, 1073741824), AT(limits.bodies),
	  .help = "octets of the contents of all requests of one listener process; then 503" },
	{ "limits.hello", MST_CONF_T_SECONDS, 0, "5s", NULL, RANGE(1, 600), AT(limits.hello),
	  .help = "time for a handshake's first message" },
	{ "limits.session", MST_CONF_T_SECONDS, 0, "1h", NULL, RANGE(1, 86400), AT(limits.session),
	  .help = "time after which a connection is closed behind an answer" },
	{ "limits.handshake", MST_CONF_T_SECONDS, 0, "20s", NULL, RANGE(1, 600), AT(limits.handshake),
	  .help = "time for a handshake, key fetch included" },
	{ "limits.header", MST_CONF_T_SECONDS, 0, "10s", NULL, RANGE(1, 600), AT(limits.header),
	  .help = "time for a request's header" },
	{ "limits.body", MST_CONF_T_SECONDS, 0, "20s", NULL, RANGE(1, 600), AT(limits.body),
	  .help = "time for a request's content" },
	{ "limits.idle", MST_CONF_T_SECONDS, 0, "60s", NULL, RANGE(1, 86400), AT(limits.idle),
	  .help = "time without a request before a connection is closed" },
	{ "limits.answer", MST_CONF_T_SECONDS, 0, "30s", NULL, RANGE(1, 600), AT(limits.answer),
	  .help = "time for an answer from the engine" },
	{ "limits.write", MST_CONF_T_SECONDS, 0, "20s", NULL, RANGE(1, 600), AT(limits.write),
	  .help = "time for a peer to take an answer" },
	{ "limits.fetch", MST_CONF_T_SECONDS, 0, "10s", NULL, RANGE(1, 600), AT(limits.fetch),
	  .help = "time for a key fetch from another server" },
	{ "limits.drain", MST_CONF_T_SECONDS, 0, "10s", NULL, RANGE(1, 600), AT(limits.drain),
	  .help = "time for what is outstanding after SIGTERM" },

	{ "bbn", MST_CONF_T_GROUP, MST_CONF_FIXED, AT(bbn.present), .help = "Bootstrap Briefing Node: tells nodes where and how to enrol, by the owner's rules" },
	{ "bbn.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "bbn.example.com", STR(bbn.fqdn),
	  .help = "its name, in its certificate and in the identities of nodes' secrets" },
	{ "bbn.listen", MST_CONF_T_ADDRESS, .sample = "127.0.0.1:8445", LST(MUST, bbn.listen, bbn.n_listen),
	  .help = "addresses; port 0 takes any free one" },
	{ "bbn.certificate", MST_CONF_T_PATH, MST_CONF_NEEDED, NULL, "tls/bbn.pem", STR(bbn.certificate),
	  .help = "own certificate and intermediates, PEM" },
	{ "bbn.key", MST_CONF_T_PATH, MST_CONF_NEEDED, NULL, "tls/bbn.key", STR(bbn.key),
	  .help = "its private key, PKCS#8 PEM" },
	{ "bbn.client_anchors", MST_CONF_T_PATH, .sample = "anchors/", LST(0, bbn.client_anchors, bbn.n_client_anchors),
	  .help = "trust anchors for nodes; empty: nodes with a secret only, and strangers when they are let in" },
	{ "bbn.crls", MST_CONF_T_PATH, .sample = "crls/", LST(0, bbn.crls, bbn.n_crls),
	  .help = "certificate revocation lists: files or directories" },
	{ "bbn.require_crl", MST_CONF_T_BOOL, 0, "false", NULL, AT(bbn.require_crl),
	  .help = "as for the MEF" },
	{ "bbn.require_crl_of", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, bbn.crl_issuers, bbn.n_crl_issuers),
	  .help = "as for the MEF" },
	{ "bbn.profile", MST_CONF_T_CHOICE, 0, "both", NULL, AT(bbn.profile), .choices = profile_choices,
	  .help = "as for the MEF" },
	{ "bbn.base", MST_CONF_T_TEXT, 0, "/briefing", NULL, STR(bbn.base),
	  .help = "path where questions are taken" },
	{ "bbn.psk", MST_CONF_T_BOOL, 0, "true", NULL, AT(bbn.psk),
	  .help = "take nodes that prove themselves by their makers' secrets (muster node secret)" },
	{ "bbn.strangers", MST_CONF_T_BOOL, 0, "false", NULL, AT(bbn.strangers),
	  .help = "take questions of nodes that show neither certificate nor key (a SIM only); public rules alone answer them, and nothing tells them whether there are others" },
	{ "bbn.publish", MST_CONF_T_TEXT, MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(bbn.publish),
	  .help = "name under which the Avahi daemon tells of it on the LAN (_muster-bbn._tcp); \"\" = it does not" },
	{ "bbn.briefing_validity", MST_CONF_T_SECONDS, 0, "1d", NULL, RANGE(60, 3650 * DAY), AT(bbn.validity),
	  .help = "how long instructions are good when their rule does not say" },
	{ "bbn.retry_duration", MST_CONF_T_SECONDS, 0, "1h", NULL, RANGE(1, 365 * DAY), AT(bbn.retry_duration),
	  .help = "when a node that no rule is for asks again" },
	{ "bbn.keep", MST_CONF_T_SECONDS, 0, "30d", NULL, RANGE(60, 3650 * DAY), AT(bbn.keep),
	  .help = "how long briefings are remembered, for reports and `muster rule replay`; 16 of a node at most" },

	{ "mef", MST_CONF_T_GROUP, MST_CONF_FIXED, AT(mef.present), .help = "M2M Enrolment Function (TS-0003 8.3)" },
	{ "mef.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "mef.example.com", STR(mef.fqdn),
	  .help = "MEF-FQDN: its identity, the name in its certificate, the second part of its key identifiers" },
	{ "mef.listen", MST_CONF_T_ADDRESS, .sample = "127.0.0.1:8443", LST(MUST, mef.listen, mef.n_listen),
	  .help = "addresses; port 0 takes any free one" },
	{ "mef.certificate", MST_CONF_T_PATH, MST_CONF_NEEDED, NULL, "tls/mef.pem", STR(mef.certificate),
	  .help = "own certificate and intermediates, PEM" },
	{ "mef.key", MST_CONF_T_PATH, MST_CONF_NEEDED, NULL, "tls/mef.key", STR(mef.key),
	  .help = "its private key, PKCS#8 PEM, readable by the owner only" },
	{ "mef.client_anchors", MST_CONF_T_PATH, .sample = "anchors/", LST(0, mef.client_anchors, mef.n_client_anchors),
	  .help = "trust anchors for nodes and MAFs: PEM or DER files, or directories of them" },
	{ "mef.node_certificates", MST_CONF_T_BOOL, 0, "true", NULL, AT(mef.node_certificates),
	  .help = "enrol nodes by certificate; false: by secret only, and client_anchors are for MAFs" },
	{ "mef.psk", MST_CONF_T_BOOL, 0, "true", NULL, AT(mef.psk),
	  .help = "enrol nodes by the KpmID and Kpm that their makers gave them (muster node secret)" },
	{ "mef.crls", MST_CONF_T_PATH, .sample = "crls/", LST(0, mef.crls, mef.n_crls),
	  .help = "certificate revocation lists: files or directories" },
	{ "mef.require_crl", MST_CONF_T_BOOL, 0, "false", NULL, AT(mef.require_crl),
	  .help = "refuse certificates whose issuer has no current list here (TS-0003 8.1.2.5), makers' CAs included" },
	{ "mef.require_crl_of", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, mef.crl_issuers, mef.n_crl_issuers),
	  .help = "certificates of CAs whose current list is required, whatever require_crl says of the others" },
	{ "mef.profile", MST_CONF_T_CHOICE, 0, "both", NULL, AT(mef.profile), .choices = profile_choices,
	  .help = "TLS: the suites of TS-0003 only, modern ones only, or both" },
	{ "mef.base", MST_CONF_T_TEXT, 0, "/MEFBase", NULL, STR(mef.base),
	  .help = "path of the base resource" },
	{ "mef.mafs", MST_CONF_T_FQDN, .sample = "maf.example.com", LST(0, mef.mafs, mef.n_mafs),
	  .help = "MAFs that may fetch credentials, by the FQDN in their certificate" },
	{ "mef.maf_anchor", MST_CONF_T_PATH, MST_CONF_EMPTY_OK, "", NULL, STR(mef.maf_anchor),
	  .help = "certificate that a MAF's path must end at; \"\" = any of client_anchors, makers' included" },
	{ "mef.stakeholders", MST_CONF_T_FQDN, .sample = "trust.example.org", LST(0, mef.stakeholders, mef.n_stakeholders),
	  .help = "administrating stakeholders with whom every node may register, besides its own provider (TS-0003 8.3.5.1)" },
	{ "mef.registration_lifetime", MST_CONF_T_SECONDS, 0, "365d", NULL, RANGE(60, 3650 * DAY), AT(mef.registration_lifetime),
	  .help = "longest registration" },
	{ "mef.retry_duration", MST_CONF_T_SECONDS, 0, "1d", NULL, RANGE(1, 365 * DAY), AT(mef.retry_duration),
	  .help = "when a client without commands asks again" },
	{ "mef.reenrol", MST_CONF_T_CHOICE, 0, "open", NULL, AT(mef.reenrol), .choices = reenrol_choices,
	  .help = "may an enrolled node enrol anew: at any time, when its registration has ended, or only in a window of muster node "
		  "reenrol; renewal in the second half of a registration always may" },
	{ "mef.est", MST_CONF_T_BOOL, 0, "true", NULL, AT(mef.est),
	  .help = "certificates for nodes over EST (TS-0003 8.3.6.2) below /.well-known/est, issued by the keeper's CA" },
	{ "mef.est_approval", MST_CONF_T_BOOL, 0, "false", NULL, AT(mef.est_approval),
	  .help = "a first certificate waits for muster cert approve; renewals do not" },
	{ "mef.est_lifetime", MST_CONF_T_SECONDS, 0, "90d", NULL, RANGE(10, 3650 * DAY), AT(mef.est_lifetime),
	  .help = "how long a certificate is good, at most until the subscription and the CA end" },
	{ "mef.est_grace", MST_CONF_T_SECONDS, 0, "0s", NULL, RANGE(0, 3650 * DAY), AT(mef.est_grace),
	  .help = "so long after its end a certificate may still be renewed, and nothing else; 0s = not at all" },
	{ "mef.est_retry", MST_CONF_T_SECONDS, 0, "5m", NULL, RANGE(1, 30 * DAY), AT(mef.est_retry),
	  .help = "when a client whose request waits for approval asks again" },
	{ "mef.est_uri", MST_CONF_T_URI, MST_CONF_EMPTY_OK, "", NULL, STR(mef.est_uri),
	  .help = "where nodes are told to go for certificates; \"\" = https, the FQDN, the port of the first address, /.well-known/est" },
	BSFS(mef, "BSFs of mobile operators: this MEF is a NAF of theirs, and a node proves itself by its SIM, as by a maker's secret")
	{ "mef.quirks", MST_CONF_T_GROUP, .help = "ours: another reading where the standard leaves more than one open" },
	{ "mef.quirks.km", MST_CONF_T_CHOICE, 0, "usage", NULL, AT(mef.quirks.km), .choices = km_choices,
	  .help = "key given to a MAF for SUID 21: usage-constrained (10.3.7), master, or the registered one itself" },
	{ "mef.quirks.names", MST_CONF_T_CHOICE, 0, "long", NULL, AT(mef.quirks.names), .choices = names_choices,
	  .help = "names on the wire; until the text of TS-0032 is at hand both columns are the same, so that this changes nothing yet" },
	{ "mef.quirks.hex", MST_CONF_T_CHOICE, 0, "upper", NULL, AT(mef.quirks.hex), .choices = hex_choices,
	  .help = "case of key identifiers that are sent (hexBinary, TS-0003 10.3.4); both are taken" },
	{ "mef.quirks.mef_label", MST_CONF_T_CHOICE, 0, "bootstrap", NULL, AT(mef.quirks.mef_label), .choices = label_choices,
	  .help = "exporter label of a key registration at the MEF (TS-0003 10.3.1 names both); its clients must have the same" },
	{ "mef.quirks.repeat_conflicts", MST_CONF_T_BOOL, 0, "false", NULL, AT(mef.quirks.repeat_conflicts),
	  .help = "a repeated registration is answered 4117 instead of with the record that is there" },

	{ "maf", MST_CONF_T_GROUP, MST_CONF_FIXED, AT(maf.present), .help = "M2M Authentication Function (TS-0003 8.8)" },
	{ "maf.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "maf.example.com", STR(maf.fqdn),
	  .help = "MAF-FQDN" },
	{ "maf.listen", MST_CONF_T_ADDRESS, .sample = "127.0.0.1:8444", LST(MUST, maf.listen, maf.n_listen),
	  .help = "addresses; port 0 takes any free one" },
	{ "maf.certificate", MST_CONF_T_PATH, MST_CONF_NEEDED, NULL, "tls/maf.pem", STR(maf.certificate),
	  .help = "own certificate and intermediates, PEM; also shown to MEFs" },
	{ "maf.key", MST_CONF_T_PATH, MST_CONF_NEEDED, NULL, "tls/maf.key", STR(maf.key),
	  .help = "its private key, PKCS#8 PEM" },
	{ "maf.client_anchors", MST_CONF_T_PATH, .sample = "anchors/", LST(0, maf.client_anchors, maf.n_client_anchors),
	  .help = "trust anchors for clients with certificates; empty: pre-shared keys only" },
	{ "maf.crls", MST_CONF_T_PATH, .sample = "crls/", LST(0, maf.crls, maf.n_crls),
	  .help = "certificate revocation lists, for clients and MEFs: files or directories" },
	{ "maf.require_crl", MST_CONF_T_BOOL, 0, "false", NULL, AT(maf.require_crl),
	  .help = "as for the MEF, for the clients' certificates" },
	{ "maf.require_crl_of", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, maf.crl_issuers, maf.n_crl_issuers),
	  .help = "as for the MEF" },
	{ "maf.require_mef_crl", MST_CONF_T_BOOL, 0, "true", NULL, AT(maf.require_peer_crl),
	  .help = "ask no MEF for a key whose issuer has no current list in crls (TS-0003 8.1.2.5: shall)" },
	{ "maf.profile", MST_CONF_T_CHOICE, 0, "both", NULL, AT(maf.profile), .choices = profile_choices,
	  .help = "as for the MEF" },
	{ "maf.base", MST_CONF_T_TEXT, 0, "/MAFBase", NULL, STR(maf.base),
	  .help = "path of the base resource" },
	{ "maf.registration_lifetime", MST_CONF_T_SECONDS, 0, "365d", NULL, RANGE(60, 3650 * DAY), AT(maf.registration_lifetime),
	  .help = "longest registration" },
	{ "maf.mefs", MST_CONF_T_GROUPS, AT(maf.mefs), .stride = sizeof(struct mst_conf_link),
	  .count = offsetof(struct mst_conf, maf.n_mefs), .max = 8,
	  .help = "MEFs that this MAF asks for keys" },
	{ "maf.mefs.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "mef.example.com", ELEM(struct mst_conf_link, fqdn),
	  .help = "MEF-FQDN, as in the key identifiers" },
	{ "maf.mefs.uri", MST_CONF_T_URI, MST_CONF_NEEDED, NULL, "https://mef.example.com:8443", ELEM(struct mst_conf_link, uri),
	  .help = "where it is" },
	{ "maf.mefs.connect_to", MST_CONF_T_ADDRESS, MST_CONF_EMPTY_OK, "", NULL, ELEM(struct mst_conf_link, connect_to),
	  .help = "dial this address instead of resolving the name; the name check stays" },
	{ "maf.mefs.sps", MST_CONF_T_FQDN, .sample = "sp.example.com", ELEM_LST(struct mst_conf_link, sps, n_sps),
	  .help = "service providers whose clients it may vouch for, as in //sp.example.com/CSE01; needed with more than "
		  "one MEF, empty with one: any" },
	{ "maf.mefs.quirks", MST_CONF_T_GROUP, .help = "ours: as that MEF reads the standard" },
	{ "maf.mefs.quirks.km", MST_CONF_T_CHOICE, 0, "usage", NULL, ELEM(struct mst_conf_link, quirks.km), .choices = km_choices,
	  .help = "registered: asks for the registered key (8.3.5.2.8); else for a credential (8.3.9)" },
	{ "maf.mefs.quirks.names", MST_CONF_T_CHOICE, 0, "long", NULL, ELEM(struct mst_conf_link, quirks.names), .choices = names_choices,
	  .help = "as for the MEF, towards that one" },
	{ "maf.mefs.quirks.hex", MST_CONF_T_CHOICE, 0, "upper", NULL, ELEM(struct mst_conf_link, quirks.hex), .choices = hex_choices,
	  .help = "as for the MEF, towards that one" },
	{ "maf.mef_anchors", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, maf.peer_anchors, maf.n_peer_anchors),
	  .help = "trust anchors for MEFs" },
	BSFS(maf, "BSFs of mobile operators: this MAF is a NAF of theirs (3GPP GBA), and takes nodes by their SIM (TS-0003 8.3.2.3)")
	{ "maf.quirks", MST_CONF_T_GROUP, .help = "ours: another reading where the standard leaves more than one open" },
	{ "maf.quirks.names", MST_CONF_T_CHOICE, 0, "long", NULL, AT(maf.quirks.names), .choices = names_choices,
	  .help = "as for the MEF, towards clients" },
	{ "maf.quirks.hex", MST_CONF_T_CHOICE, 0, "upper", NULL, AT(maf.quirks.hex), .choices = hex_choices,
	  .help = "as for the MEF, towards clients" },
	{ "maf.quirks.repeat_conflicts", MST_CONF_T_BOOL, 0, "false", NULL, AT(maf.quirks.repeat_conflicts),
	  .help = "a repeated registration is answered 4117 instead of with the record that is there" },

	{ "ocsp", MST_CONF_T_GROUP, MST_CONF_FIXED, AT(ocsp.present),
	  .help = "status of the certificates that this installation issues, for whoever asks (RFC 6960), by plain HTTP" },
	{ "ocsp.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "ocsp.example.com", STR(ocsp.fqdn),
	  .help = "its name, for the address in certificates" },
	{ "ocsp.listen", MST_CONF_T_ADDRESS, .sample = "127.0.0.1:8447", LST(MUST, ocsp.listen, ocsp.n_listen),
	  .help = "addresses, without TLS: what is told is signed, and no secret" },
	{ "ocsp.base", MST_CONF_T_TEXT, 0, "/ocsp", NULL, STR(ocsp.base),
	  .help = "path where questions are taken" },
	{ "ocsp.uri", MST_CONF_T_TEXT, MST_CONF_EMPTY_OK, "", NULL, STR(ocsp.uri),
	  .help = "what certificates say of it; \"\" = http, the FQDN, the port of the first address, the base" },
	{ "ocsp.validity", MST_CONF_T_SECONDS, 0, "1h", NULL, RANGE(60, 15 * DAY), AT(ocsp.validity),
	  .help = "how long an answer is good, so that a revoked certificate may be taken for good by who keeps one" },

	{ "admin", MST_CONF_T_GROUP, MST_CONF_FIXED, AT(admin.present), .help = "operator's interface" },
	{ "admin.listen", MST_CONF_T_ADDRESS, .sample = "unix:run/admin.sock", LST(MUST, admin.listen, admin.n_listen),
	  .help = "local sockets; the peer must be the daemon's own user or root" },

	{ "admin.providers", MST_CONF_T_GROUPS, AT(admin.providers), .stride = sizeof(struct mst_conf_provider),
	  .count = offsetof(struct mst_conf, admin.n_providers), .max = MST_PROVIDERS_MAX,
	  .help = "service providers whose own people may ask, each for its own subscriptions, nodes and events, and nothing else; with "
		  "any, all users may connect to the sockets" },
	{ "admin.providers.sp", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "sp.example.com", ELEM(struct mst_conf_provider, sp),
	  .help = "the provider, as in its subscriptions (adminFQDN)" },
	{ "admin.providers.uid", MST_CONF_T_COUNT, MST_CONF_NEEDED, NULL, "1201", RANGE(1, 4294967294), ELEM(struct mst_conf_provider, uid),
	  .help = "user id of its people on this machine" },

	{ "test", MST_CONF_T_GROUP, MST_CONF_HIDDEN | MST_CONF_FIXED, AT(test.present), .help = "for tests only: die on purpose" },
	{ "test.crash_at", MST_CONF_T_TEXT, MST_CONF_HIDDEN | MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(test.crash_at),
	  .help = "a name of the table in lib/server/crash.c: the whole daemon is killed there" },
	{ "test.crash_after", MST_CONF_T_COUNT, MST_CONF_HIDDEN | MST_CONF_FIXED, "1", NULL, RANGE(1, 1000000), AT(test.crash_after),
	  .help = "at which passage" },
};
const size_t mst_conf_n_items = MST_COUNT(mst_conf_items);
