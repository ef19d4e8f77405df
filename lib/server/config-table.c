/* Every setting of musterd.conf, in the order in which the example shows them. */
#include <stddef.h>

#include "server/config-table.h"

static const char *const processes_choices[] = { "split", "single", NULL };
static const char *const kek_choices[] = { "file", "secret", "tpm", "pkcs11", NULL };      /* enum mst_secenv_kind */
static const char *const ca_choices[] = { "file", "tpm", "pkcs11", NULL };                  /* ca_kinds in keeper-device.c */
static const char *const format_choices[] = { "text", "json", NULL };
static const char *const level_choices[] = { "error", "warning", "info", "debug", NULL };
static const char *const profile_choices[] = { "onem2m", "modern", "both", NULL };   /* enum mst_tls_profile */

static const char *const km_choices[] = { "usage", "master", "registered", NULL };      /* struct mst_quirks: km */
static const char *const names_choices[] = { "long", "ts0032", NULL };                  /* enum mst_profile */
static const char *const coap_choices[] = { "iana", "early", NULL };                    /* coap_early */
static const char *const hex_choices[] = { "upper", "lower", NULL };                    /* hex_lower */
static const char *const reenrol_choices[] = { "open", "ended", "window", NULL };          /* enum mst_reenrol */
static const char *const amf_choices[] = { "gba", "any", NULL };
static const char *const binding_choices[] = { "sbi", "diameter", NULL };                /* enum mst_fetch_binding */
static const char *const label_choices[] = { "bootstrap", "connection", NULL };         /* mef_label */

#define AT(m) .offset = offsetof(struct mst_conf, m)
#define STR(m) AT(m), .cap = sizeof(((struct mst_conf *)0)->m)
#define LST(more, m, n) .flags = MST_CONF_LIST | (more), AT(m), .cap = sizeof(((struct mst_conf *)0)->m[0]), \
	.count = offsetof(struct mst_conf, n), .max = MST_COUNT(((struct mst_conf *)0)->m)
#define MUST (MST_CONF_NEEDED | MST_CONF_FIXED)
#define ELEM(S, m) .offset = offsetof(S, m), .cap = sizeof(((S *)0)->m)
#define ELEM_LST(more, S, m, n) .flags = MST_CONF_LIST | (more), .offset = offsetof(S, m), .cap = sizeof(((S *)0)->m[0]), \
	.count = offsetof(S, n), .max = MST_COUNT(((S *)0)->m)
#define RANGE(lo, hi) .least = (lo), .most = (hi)
#define DAY INT64_C(86400)

/* NOLINTBEGIN(bugprone-macro-parentheses): `role` is a member's name, which takes none. */
#define BSFS(role, more) \
	{ #role ".bsfs", MST_CONF_T_GROUPS, AT(role.bsfs), .stride = sizeof(struct mst_conf_bsf), \
	  .count = offsetof(struct mst_conf, role.n_bsfs), .max = MST_BSFS_MAX, .help = (more) }, \
	{ #role ".bsfs.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "bsf.example.com", ELEM(struct mst_conf_bsf, fqdn), \
	  .help = "its name, which its certificate must have" }, \
	{ #role ".bsfs.uri", MST_CONF_T_URI, MST_CONF_EMPTY_OK, "", NULL, ELEM(struct mst_conf_bsf, uri), \
	  .help = "where its Nbsp_GBA service is (binding sbi), like https://bsf.example.com:8448; \"\" = https and its name" }, \
	{ #role ".bsfs.connect_to", MST_CONF_T_ADDRESS, MST_CONF_EMPTY_OK, "", NULL, ELEM(struct mst_conf_bsf, connect_to), \
	  .help = "dial this address instead of resolving the name; the name check stays" }, \
	{ #role ".bsfs.binding", MST_CONF_T_CHOICE, 0, "sbi", NULL, ELEM(struct mst_conf_bsf, binding), .choices = binding_choices, \
	  .help = "how Zn is spoken: sbi (TS 29.309, HTTP and JSON by TLS) or diameter (TS 29.109)" }, \
	{ #role ".bsfs.domains", MST_CONF_T_FQDN, .sample = "bsf.example.com", ELEM_LST(MST_CONF_DOMAIN, struct mst_conf_bsf, domains, n_domains), \
	  .help = "what stands behind the @ of its B-TIDs; empty: its name" }, \
	{ #role ".bsfs.sps", MST_CONF_T_FQDN, .sample = "sp.example.com", ELEM_LST(MST_CONF_DOMAIN, struct mst_conf_bsf, sps, n_sps), \
	  .help = "service providers whose clients it may vouch for; needed with more than one BSF, empty with one: any, but at a MEF no node that has a " \
		  "secret of its maker's" }, \
	{ #role ".bsf_anchors", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, role.gba_anchors, role.n_gba_anchors), \
	  .help = "trust anchors for BSFs that are asked by TLS; the first ones of a mef, with neither maf nor bsf here, want a restart" }, \
	{ #role ".require_bsf_crl", MST_CONF_T_BOOL, 0, "false", NULL, AT(role.require_gba_crl), \
	  .help = "ask no BSF for a key whose issuer has no current list in crls" }, \
	{ #role ".require_bsf_crl_of", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, role.gba_crl_issuers, role.n_gba_crl_issuers), \
	  .help = "certificates of CAs whose current list is required of a BSF, whatever require_bsf_crl says of the others" },
#define RATE(name, which, preset, more) \
	{ "keeper_limits." #name, MST_CONF_T_COUNT, MST_CONF_FIXED, preset, NULL, RANGE(0, 1000000000), AT(keeper_limits.alarm[which]), \
	  .help = more }, \
	{ "keeper_limits." #name "_most", MST_CONF_T_COUNT, MST_CONF_FIXED, "0", NULL, RANGE(0, 1000000000), AT(keeper_limits.most[which]), \
	  .help = "above this they are refused" },
/* NOLINTEND(bugprone-macro-parentheses) */

const struct mst_conf_item mst_conf_items[] = {
	{ "processes", MST_CONF_T_CHOICE, MST_CONF_FIXED, "split", NULL, AT(processes), .choices = processes_choices,
	  .help = "one process per duty (split), or all in one for small installations (single)" },
	{ "listeners", MST_CONF_T_COUNT, MST_CONF_FIXED, "2", NULL, RANGE(1, 16), AT(listeners),
	  .help = "listener processes for each role, OCSP and BSF among them, but not for admin; one per core is a good number" },
	{ "store", MST_CONF_T_STORE, MST_CONF_FIXED, "sqlite:store/muster.db", NULL, STR(store),
	  .help = "where records are kept: a file (sqlite:FILE) in a directory with nothing else of the installation, which the engine may write as a whole, or a server that several hosts share (postgresql:CONNECTION)" },
	{ "keeper", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_FIXED, "keeper", NULL, STR(keeper),
	  .help = "directory of the keeper: key-encryption key and CA" },
	{ "keeper_key", MST_CONF_T_GROUP, .help = "where the key-encryption key comes from; a change is for the next muster keeper rotate" },
	{ "keeper_key.backend", MST_CONF_T_CHOICE, MST_CONF_FIXED, "file", NULL, AT(keeper_key.backend), .choices = kek_choices,
	  .help = "a file in the keeper's directory (file), a secret like a systemd credential (secret), a TPM 2.0 (tpm), a token (pkcs11)" },
	{ "keeper_key.secret_file", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(keeper_key.secret_file),
	  .help = "secret: its file, of mode 0600, like /run/credentials/musterd.service/kek" },
	{ "keeper_key.tcti", MST_CONF_T_TEXT, MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(keeper_key.tcti),
	  .help = "tpm: the way to it, like device:/dev/tpmrm0; \"\" = what tpm2-tss finds" },
	{ "keeper_key.pcrs", MST_CONF_T_TEXT, MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(keeper_key.pcrs),
	  .help = "tpm: PCRs (SHA-256) that must be what they were when the key was made, like \"0,2,7\"" },
	{ "keeper_key.module", MST_CONF_T_PATH, MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(keeper_key.module),
	  .help = "pkcs11: the library; \"\" = every one that p11-kit knows" },
	{ "keeper_key.module_state", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(keeper_key.module_state),
	  .help = "pkcs11: what the library needs of files and local sockets once it is open, as in ca_key; with this, or module_network, the process that asks it has nothing else" },
	{ "keeper_key.module_network", MST_CONF_T_BOOL, MST_CONF_FIXED, "false", NULL, AT(keeper_key.module_network),
	  .help = "pkcs11: the library reaches its token by the network" },
	{ "keeper_key.token", MST_CONF_T_TEXT, MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(keeper_key.token),
	  .help = "pkcs11: the token's label" },
	{ "keeper_key.pin_file", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(keeper_key.pin_file),
	  .help = "tpm, pkcs11: a file of mode 0600 with the PIN. One that was refused is not tried again before this file has changed; a credential of systemd not before the "
		  "note is removed, see KEEPER in musterd(8)" },
	{ "keeper_wait", MST_CONF_T_SECONDS, 0, "1h", NULL, RANGE(0, 30 * DAY), AT(keeper_wait),
	  .help = "postgresql: how long the key-encryption key of before stays when every key is wrapped anew; more than a standby may ever lag behind. "
		  "muster keeper finish destroys it at once" },
	{ "ca_key", MST_CONF_T_GROUP, .help = "where the CA's private key is; made there by muster init --ca-key" },
	{ "ca_key.backend", MST_CONF_T_CHOICE, MST_CONF_FIXED, "file", NULL, AT(ca_key.key.backend), .choices = ca_choices,
	  .help = "in ca.key, encrypted by the key-encryption key (file), or inside of a TPM 2.0 (tpm) or a token (pkcs11), which signs" },
	{ "ca_key.tcti", MST_CONF_T_TEXT, MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(ca_key.key.tcti),
	  .help = "tpm: the way to it, like device:/dev/tpmrm0; \"\" = what tpm2-tss finds" },
	{ "ca_key.module", MST_CONF_T_PATH, MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(ca_key.key.module),
	  .help = "pkcs11: the library; \"\" = every one that p11-kit knows" },
	{ "ca_key.module_state", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(ca_key.key.module_state),
	  .help = "pkcs11: a file, directory or local socket, beside libraries, the resolver's files, /etc/pkcs11, and /etc where musterd is not root and no other secret of its configuration is there, that the library needs while it runs, like its device, its tokens' files, or the socket of pcscd; local sockets are out of its reach unless one is named" },
	{ "ca_key.module_network", MST_CONF_T_BOOL, MST_CONF_FIXED, "false", NULL, AT(ca_key.key.module_network),
	  .help = "pkcs11: the library reaches its token by the network; without it the process that signs makes no connection" },
	{ "ca_key.token", MST_CONF_T_TEXT, MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(ca_key.key.token),
	  .help = "pkcs11: the token's label" },
	{ "ca_key.pin_file", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(ca_key.key.pin_file),
	  .help = "tpm, pkcs11: a file of mode 0600 with the PIN; best in a directory of its own, which the process that signs may read" },
	{ "keeper_limits", MST_CONF_T_GROUP,
	  .help = "how much may leave the keeper in a minute: with so many there is an alarm, above ..._most the keeper refuses until a minute has "
		  "less, and peers are told to come again; 0 = neither. The presets tell of who takes the keys of a whole fleet at once; muster keeper show tells "
		  "the busiest minute, and an installation that has more needs more" },
	RATE(kpm, MST_RATE_KPM, "6000", "makers' secrets, for handshakes of nodes that have nothing else, and at the briefing node")
	RATE(ke, MST_RATE_KE, "6000", "keys derived of enrolment keys")
	RATE(keyreg, MST_RATE_KEYREG, "6000", "registered keys")
	RATE(km, MST_RATE_KM, "6000", "master credentials, for handshakes with the MAF")
	RATE(naf_keys, MST_RATE_NAF_KEYS, "6000", "keys of GBA for NAFs")
	RATE(vectors, MST_RATE_VECTORS, "6000", "vectors of AKA")
	RATE(certificates, MST_RATE_CERTIFICATES, "1200", "certificates that are signed; revocation lists are not limited")
	RATE(triggers, MST_RATE_TRIGGERS, "1200", "pushed triggers")
	{ "four_eyes", MST_CONF_T_GROUP, .help = "what waits until a second person has said yes to exactly that (muster approve)" },
	{ "four_eyes.keeper", MST_CONF_T_BOOL, MST_CONF_FIXED, "false", NULL, AT(four_eyes.keeper),
	  .help = "a new key-encryption key, giving up keys that nobody can open, and not waiting for a standby (keeper_wait)" },
	{ "four_eyes.audit", MST_CONF_T_BOOL, MST_CONF_FIXED, "false", NULL, AT(four_eyes.audit),
	  .help = "standing for an audit log that is not the one that was sealed" },
	{ "four_eyes.certificates", MST_CONF_T_BOOL, MST_CONF_FIXED, "false", NULL, AT(four_eyes.certificates),
	  .help = "approving requests for certificates and ending certificates for good, also by revoking, releasing or moving a node "
		  "that loses some; muster node suspend stops one at once" },
	{ "four_eyes.subscriptions", MST_CONF_T_BOOL, MST_CONF_FIXED, "false", NULL, AT(four_eyes.subscriptions),
	  .help = "ending a subscription with all of its nodes, and muster gba flush; a SIM that is bound, unbound or "
		  "removed, or whose node is revoked, released or moved, loses its own sessions by one person" },
	{ "four_eyes.export", MST_CONF_T_BOOL, MST_CONF_FIXED, "false", NULL, AT(four_eyes.export_),
	  .help = "a copy of the audit log; without one only the last day of it is shown, in a provider's name, too, but "
		  "to the provider's own people what is theirs" },
	{ "four_eyes.expires", MST_CONF_T_SECONDS, MST_CONF_FIXED, "1d", NULL, RANGE(60, 30 * DAY), AT(four_eyes.expires),
	  .help = "how long a yes is waited for" },
	{ "four_eyes.people", MST_CONF_T_GROUPS, AT(four_eyes.people), .stride = sizeof(struct mst_conf_person),
	  .count = offsetof(struct mst_conf, four_eyes.n_people), .max = MST_PEOPLE_MAX,
	  .help = "who may ask for it and say yes, two at least, and whatever the installation's own user may ask for besides; with any, all users may "
		  "connect to the sockets; a reload changes them, at the keeper, too: what somebody asked for or said yes to who is not named any more is nothing then" },
	{ "four_eyes.people.uid", MST_CONF_T_COUNT, MST_CONF_NEEDED, NULL, "1301", RANGE(0, 4294967294), ELEM(struct mst_conf_person, uid),
	  .help = "user id on this machine, as musterd hears it from the kernel: of the user namespace that it runs in; not 65534, which stands "
		  "for everybody whom that one does not map" },
	{ "run", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_FIXED, "run", NULL, STR(run),
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

	{ "audit", MST_CONF_T_GROUP, .help = "how much of the audit log is kept (looked at each hour, and after a reload), and how often it is sealed" },
	{ "audit.keep", MST_CONF_T_SECONDS, 0, "400d", NULL, RANGE(0, 36500 * DAY), AT(audit.keep),
	  .help = "entries older than this are removed, from the beginning on; 0s = kept for ever" },
	{ "audit.max_events", MST_CONF_T_COUNT, 0, "10000000", NULL, RANGE(0, INT64_C(1000000000000)), AT(audit.max_events),
	  .help = "and of the others only so many, about 400 octets each, are kept; 0 = any number" },
	{ "audit.seal", MST_CONF_T_SECONDS, 0, "1m", NULL, RANGE(0, 365 * DAY), AT(audit.seal),
	  .help = "how often the keeper signs the newest entry, when there is one; what was written since could be cut off unnoticed. 0s = only when "
		  "somebody asks" },

	{ "limits", MST_CONF_T_GROUP, .help = "beyond these a peer is refused early and cheaply" },
	{ "limits.connections", MST_CONF_T_COUNT, 0, "4096", NULL, RANGE(1, 1000000), AT(limits.connections),
	  .help = "open connections of one listener process; when all are taken, the address that has most gives way to others; each takes 64 octets of locked memory; more than that has room for at the start wants a restart" },
	{ "limits.handshakes", MST_CONF_T_COUNT, MST_CONF_FIXED, "256", NULL, RANGE(1, 100000), AT(limits.handshakes),
	  .help = "handshakes that run at the same time in one listener process" },
	{ "limits.requests", MST_CONF_T_COUNT, MST_CONF_FIXED, "1024", NULL, RANGE(1, 100000), AT(limits.requests),
	  .help = "requests of one listener process that wait for an answer; then 503. Of the process of Diameter likewise, then TOO_BUSY: half of them is anybody's, "
		  "beyond that each connected peer has an equal share" },
	{ "limits.coap_sessions", MST_CONF_T_COUNT, MST_CONF_FIXED, "4096", NULL, RANGE(1, 1000000), AT(limits.coap_sessions),
	  .help = "DTLS sessions of one listener process and address for CoAP, about 45 kB each; beyond, the one that idles longest makes room; handshakes take half of them at most" },
	{ "limits.queue", MST_CONF_T_COUNT, 0, "4096", NULL, RANGE(1, 100000), AT(limits.queue),
	  .help = "requests that wait in the engine; then 503; when half is taken each listener process has an equal share of it, and commands of operators are always let in" },
	{ "limits.group", MST_CONF_T_COUNT, 0, "128", NULL, RANGE(1, 4096), AT(limits.group),
	  .help = "decisions in one transaction at most" },
	{ "limits.fetches", MST_CONF_T_COUNT, 0, "256", NULL, RANGE(1, 4096), AT(limits.fetches),
	  .help = "questions to other servers (keys, and an HSS's vectors) that run at the same time; servers that are configured have equal shares of it, "
		  "of which half is anybody's and one address has no more than a quarter beyond that, and who comes "
		  "when one's is full is told 503 and to come again in a second" },
	{ "limits.header_octets", MST_CONF_T_COUNT, 0, "16384", NULL, RANGE(1024, 65536), AT(limits.header_octets),
	  .help = "octets of an HTTP header" },
	{ "limits.body_octets", MST_CONF_T_COUNT, 0, "262144", NULL, RANGE(1024, 262144), AT(limits.body_octets),
	  .help = "octets of a request's content" },
	{ "limits.bodies", MST_CONF_T_COUNT, 0, "16777216", NULL, RANGE(262144, 1073741824), AT(limits.bodies),
	  .help = "octets of the contents of all requests of one listener process, of which one address keeps others from half at most; then 503" },
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
	{ "bbn.coap_listen", MST_CONF_T_ADDRESS, .sample = "127.0.0.1:5684", LST(MST_CONF_FIXED, bbn.coap_listen, bbn.n_coap_listen),
	  .help = "addresses (UDP) for the same over CoAP with DTLS 1.2; none: it is not offered" },
	{ "bbn.certificate", MST_CONF_T_PATH, MST_CONF_NEEDED, NULL, "tls/bbn.pem", STR(bbn.certificate),
	  .help = "own certificate and intermediates, PEM" },
	{ "bbn.key", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_NEEDED, NULL, "tls/bbn.key", STR(bbn.key),
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
	  .help = "take nodes that prove themselves by their makers' secrets (muster node secret); false: nor in a session that is open" },
	{ "bbn.strangers", MST_CONF_T_BOOL, 0, "false", NULL, AT(bbn.strangers),
	  .help = "take questions of nodes that show neither certificate nor key (a SIM only); public rules alone answer them, and nothing tells them whether there are others" },
	{ "bbn.publish", MST_CONF_T_TEXT, MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(bbn.publish),
	  .help = "name under which the Avahi daemon tells of it on the LAN (_muster-bbn._tcp, and with coap_listen _muster-bbn._udp); \"\" = it does not" },
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
	{ "mef.coap_listen", MST_CONF_T_ADDRESS, .sample = "127.0.0.1:5685", LST(MST_CONF_FIXED, mef.coap_listen, mef.n_coap_listen),
	  .help = "addresses (UDP) for the same over CoAP with DTLS 1.2 (TS-0008), but certificates; none: it is not offered" },
	{ "mef.certificate", MST_CONF_T_PATH, MST_CONF_NEEDED, NULL, "tls/mef.pem", STR(mef.certificate),
	  .help = "own certificate and intermediates, PEM" },
	{ "mef.key", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_NEEDED, NULL, "tls/mef.key", STR(mef.key),
	  .help = "its private key, PKCS#8 PEM, readable by the owner only" },
	{ "mef.client_anchors", MST_CONF_T_PATH, .sample = "anchors/", LST(0, mef.client_anchors, mef.n_client_anchors),
	  .help = "trust anchors for nodes and MAFs: PEM or DER files, or directories of them" },
	{ "mef.node_certificates", MST_CONF_T_BOOL, 0, "true", NULL, AT(mef.node_certificates),
	  .help = "enrol nodes by certificate; false: by secret or SIM only, and client_anchors are for MAFs. One that was issued over EST is then "
		  "renewed there, until it is revoked, and good for nothing else at this MEF" },
	{ "mef.psk", MST_CONF_T_BOOL, 0, "true", NULL, AT(mef.psk),
	  .help = "enrol nodes by the KpmID and Kpm that their makers gave them (muster node secret); false: nor in a session that is open. "
		  "It says nothing of nodes that prove themselves by their SIM (bsfs)" },
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
	{ "mef.stakeholders", MST_CONF_T_FQDN, .sample = "trust.example.org", LST(MST_CONF_DOMAIN, mef.stakeholders, mef.n_stakeholders),
	  .help = "administrating stakeholders with whom every node may register, besides its own provider (TS-0003 8.3.5.1)" },
	{ "mef.registration_lifetime", MST_CONF_T_SECONDS, 0, "365d", NULL, RANGE(60, 3650 * DAY), AT(mef.registration_lifetime),
	  .help = "longest registration" },
	{ "mef.retry_duration", MST_CONF_T_SECONDS, 0, "1d", NULL, RANGE(1, 365 * DAY), AT(mef.retry_duration),
	  .help = "when a client without commands asks again" },
	{ "mef.reenrol", MST_CONF_T_CHOICE, 0, "open", NULL, AT(mef.reenrol), .choices = reenrol_choices,
	  .help = "may an enrolled node enrol anew: at any time, when the key that it enrolled with has ended, or only in a window of muster node "
		  "reenrol; renewal in the second half of that key's life always may" },
	{ "mef.est", MST_CONF_T_BOOL, 0, "true", NULL, AT(mef.est),
	  .help = "certificates for nodes over EST (TS-0003 8.3.6.2) below /.well-known/est, issued by the keeper's CA, under no name of a "
		  "server that stands in this file" },
	{ "mef.est_approval", MST_CONF_T_BOOL, 0, "false", NULL, AT(mef.est_approval),
	  .help = "a first certificate waits for muster cert approve; renewals do not, but for nodes by secret, which show no certificate that could be renewed" },
	{ "mef.est_lifetime", MST_CONF_T_SECONDS, 0, "90d", NULL, RANGE(10, 3650 * DAY), AT(mef.est_lifetime),
	  .help = "how long a certificate is good, at most until the subscription and the CA end" },
	{ "mef.est_grace", MST_CONF_T_SECONDS, 0, "0s", NULL, RANGE(0, 3650 * DAY), AT(mef.est_grace),
	  .help = "so long after its end a certificate that was issued over EST here may still be renewed, and nothing else; 0s = not at all" },
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
	{ "mef.quirks.coap", MST_CONF_T_CHOICE, 0, "iana", NULL, AT(mef.quirks.coap_options), .choices = coap_choices,
	  .help = "numbers of oneM2M's CoAP options: IANA's (TS-0008 V3.7.0 and later), or the early ones from 256 upwards" },
	{ "mef.quirks.mef_label", MST_CONF_T_CHOICE, 0, "bootstrap", NULL, AT(mef.quirks.mef_label), .choices = label_choices,
	  .help = "exporter label of a key registration at the MEF (TS-0003 10.3.1 names both); its clients must have the same" },
	{ "mef.quirks.repeat_conflicts", MST_CONF_T_BOOL, 0, "false", NULL, AT(mef.quirks.repeat_conflicts),
	  .help = "a repeated registration is answered 4117 instead of with the record that is there" },

	{ "maf", MST_CONF_T_GROUP, MST_CONF_FIXED, AT(maf.present), .help = "M2M Authentication Function (TS-0003 8.8)" },
	{ "maf.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "maf.example.com", STR(maf.fqdn),
	  .help = "MAF-FQDN" },
	{ "maf.listen", MST_CONF_T_ADDRESS, .sample = "127.0.0.1:8444", LST(MUST, maf.listen, maf.n_listen),
	  .help = "addresses; port 0 takes any free one" },
	{ "maf.coap_listen", MST_CONF_T_ADDRESS, .sample = "127.0.0.1:5686", LST(MST_CONF_FIXED, maf.coap_listen, maf.n_coap_listen),
	  .help = "addresses (UDP) for the same over CoAP with DTLS 1.2 (TS-0008); none: it is not offered" },
	{ "maf.certificate", MST_CONF_T_PATH, MST_CONF_NEEDED, NULL, "tls/maf.pem", STR(maf.certificate),
	  .help = "own certificate and intermediates, PEM; also shown to MEFs" },
	{ "maf.key", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_NEEDED, NULL, "tls/maf.key", STR(maf.key),
	  .help = "its private key, PKCS#8 PEM" },
	{ "maf.client_anchors", MST_CONF_T_PATH, .sample = "anchors/", LST(0, maf.client_anchors, maf.n_client_anchors),
	  .help = "trust anchors for clients with certificates; empty: pre-shared keys only" },
	{ "maf.crls", MST_CONF_T_PATH, .sample = "crls/", LST(0, maf.crls, maf.n_crls),
	  .help = "certificate revocation lists, for clients, MEFs and BSFs: files or directories" },
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
	  .help = "MEFs that this MAF asks for keys. The keys that one gave (KeIDs) end when it is taken out, in open sessions, too. KmIDs that "
		  "clients have got for them by then stay to their end: muster node revoke ends one, after muster node add where the client is no node here" },
	{ "maf.mefs.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "mef.example.com", ELEM(struct mst_conf_link, fqdn),
	  .help = "MEF-FQDN, as in the key identifiers" },
	{ "maf.mefs.uri", MST_CONF_T_URI, MST_CONF_NEEDED, NULL, "https://mef.example.com:8443", ELEM(struct mst_conf_link, uri),
	  .help = "where it is" },
	{ "maf.mefs.connect_to", MST_CONF_T_ADDRESS, MST_CONF_EMPTY_OK, "", NULL, ELEM(struct mst_conf_link, connect_to),
	  .help = "dial this address instead of resolving the name; the name check stays" },
	{ "maf.mefs.sps", MST_CONF_T_FQDN, .sample = "sp.example.com", ELEM_LST(MST_CONF_DOMAIN, struct mst_conf_link, sps, n_sps),
	  .help = "service providers whose clients it may vouch for, as in //sp.example.com/CSE01; needed with more than "
		  "one MEF, empty with one: any. Its KeIDs of other clients end as if it were taken out" },
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
	{ "maf.quirks.coap", MST_CONF_T_CHOICE, 0, "iana", NULL, AT(maf.quirks.coap_options), .choices = coap_choices,
	  .help = "as for the MEF" },
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

	{ "hss", MST_CONF_T_GROUP, MST_CONF_FIXED, AT(hss.present),
	  .help = "the operator's SIMs, for BSFs: vectors of AKA and user security settings over the SBI (Zh; TS 29.562)" },
	{ "hss.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "hss.example.com", STR(hss.fqdn),
	  .help = "its name, in its certificate" },
	{ "hss.listen", MST_CONF_T_ADDRESS, .sample = "127.0.0.1:8449", LST(MUST, hss.listen, hss.n_listen),
	  .help = "addresses; port 0 takes any free one" },
	{ "hss.certificate", MST_CONF_T_PATH, MST_CONF_NEEDED, NULL, "tls/hss.pem", STR(hss.certificate),
	  .help = "own certificate and intermediates, PEM" },
	{ "hss.key", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_NEEDED, NULL, "tls/hss.key", STR(hss.key),
	  .help = "its private key, PKCS#8 PEM" },
	{ "hss.client_anchors", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(MST_CONF_NEEDED, hss.client_anchors, hss.n_client_anchors),
	  .help = "trust anchors for BSFs" },
	{ "hss.bsfs", MST_CONF_T_FQDN, .sample = "bsf.example.com", LST(MST_CONF_NEEDED, hss.zh_bsfs, hss.n_zh_bsfs),
	  .help = "BSFs that may ask, by the FQDN in their certificate" },
	{ "hss.crls", MST_CONF_T_PATH, .sample = "crls/", LST(0, hss.crls, hss.n_crls),
	  .help = "certificate revocation lists: files or directories" },
	{ "hss.require_crl", MST_CONF_T_BOOL, 0, "false", NULL, AT(hss.require_crl),
	  .help = "as for the MEF" },
	{ "hss.require_crl_of", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, hss.crl_issuers, hss.n_crl_issuers),
	  .help = "as for the MEF" },
	{ "hss.profile", MST_CONF_T_CHOICE, 0, "both", NULL, AT(hss.profile), .choices = profile_choices,
	  .help = "as for the MEF" },
	{ "hss.mnc_digits", MST_CONF_T_COUNT, 0, "2", NULL, RANGE(2, 3), AT(hss.mnc_digits),
	  .help = "digits of the operator's MNC, for the IMPI of a SIM that is given in with its IMSI alone (TS 23.003 13.3)" },
	{ "hss.vector_interval", MST_CONF_T_SECONDS, 0, "10s", NULL, RANGE(1, DAY), AT(hss.vector_interval),
	  .help = "one vector of a SIM in this time, in the long run: each costs a sequence number that is never used again. A quarter of bsf.lifetime at "
		  "most, when that BSF is here" },
	{ "hss.vector_burst", MST_CONF_T_COUNT, 0, "20", NULL, RANGE(1, 1000), AT(hss.vector_burst),
	  .help = "and so many at once, after a rest; then 429 with Retry-After" },
	{ "diameter", MST_CONF_T_GROUP, MST_CONF_FIXED, AT(diameter.present),
	  .help = "Zh and Zn over Diameter (TS 29.109), for an operator's HSS, BSF and NAFs; wants processes = \"split\"; a reload that changes what stands in it ends "
		  "all connections of Diameter and makes them anew" },
	{ "diameter.identity", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "dra.example.com", STR(diameter.identity),
	  .help = "Origin-Host: our name, in our certificate, too" },
	{ "diameter.realm", MST_CONF_T_FQDN, MST_CONF_DOMAIN | MST_CONF_NEEDED, NULL, "example.com", STR(diameter.realm),
	  .help = "Origin-Realm" },
	{ "diameter.listen", MST_CONF_T_TEXT, .sample = "127.0.0.1", LST(0, diameter.listen, diameter.n_listen),
	  .help = "addresses of IP, without a port, on which peers may dial us; TCP only; empty: we dial" },
	{ "diameter.port", MST_CONF_T_COUNT, 0, "3868", NULL, RANGE(0, 65535), AT(diameter.port),
	  .help = "port in clear, for peers without TLS; 0 = none" },
	{ "diameter.secure_port", MST_CONF_T_COUNT, 0, "5868", NULL, RANGE(0, 65535), AT(diameter.secure_port),
	  .help = "port of TLS (RFC 6733 13.1); 0 = none" },
	{ "diameter.certificate", MST_CONF_T_PATH, MST_CONF_EMPTY_OK, NULL, "tls/diameter.pem", STR(diameter.certificate),
	  .help = "own certificate and intermediates, PEM; needed when any peer has TLS" },
	{ "diameter.key", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_EMPTY_OK, NULL, "tls/diameter.key", STR(diameter.key),
	  .help = "its private key, PKCS#8 PEM" },
	{ "diameter.anchors", MST_CONF_T_PATH, .sample = "anchors/", LST(0, diameter.anchors, diameter.n_anchors),
	  .help = "trust anchors for peers" },
	{ "diameter.crls", MST_CONF_T_PATH, .sample = "crls/", LST(0, diameter.crls, diameter.n_crls),
	  .help = "certificate revocation lists, for peers: files or directories" },
	{ "diameter.require_crl_of", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, diameter.crl_issuers, diameter.n_crl_issuers),
	  .help = "those of diameter.anchors under which peers are heard only while a current list of theirs is in crls. When it ends, all "
		  "connections of Diameter end and are made anew without that CA" },
	{ "diameter.retry", MST_CONF_T_SECONDS, 0, "10s", NULL, RANGE(1, 3600), AT(diameter.retry),
	  .help = "between two attempts to connect to a peer (Tc)" },
	{ "diameter.watchdog", MST_CONF_T_SECONDS, 0, "30s", NULL, RANGE(6, 3600), AT(diameter.watchdog),
	  .help = "silence after which a peer is asked whether it is there, and after another given up (Tw)" },
	{ "diameter.peers", MST_CONF_T_GROUPS, AT(diameter.peers), .stride = sizeof(struct mst_conf_diameter_peer),
	  .count = offsetof(struct mst_conf, diameter.n_peers), .max = MST_CONF_DIAMETER_PEERS,
	  .help = "who may talk with us: nobody else is heard" },
	{ "diameter.peers.identity", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "hss.example.net", ELEM(struct mst_conf_diameter_peer, identity),
	  .help = "its Origin-Host, which its certificate must show; also the name by which bsf.hss, hss.bsfs and the like know it" },
	{ "diameter.peers.realm", MST_CONF_T_FQDN, MST_CONF_DOMAIN | MST_CONF_NEEDED, NULL, "example.net", ELEM(struct mst_conf_diameter_peer, realm),
	  .help = "its realm" },
	{ "diameter.peers.connect_to", MST_CONF_T_TEXT, MST_CONF_EMPTY_OK, "", NULL, ELEM(struct mst_conf_diameter_peer, connect_to),
	  .help = "address of IP at which we dial it, with a port or without; \"\" = it dials us" },
	{ "diameter.peers.tls", MST_CONF_T_BOOL, 0, "true", NULL, ELEM(struct mst_conf_diameter_peer, tls),
	  .help = "false: in clear, which is for loopback: keys of subscribers pass here, and a peer is whoever it says it is" },
	{ "diameter.peers.ipsec", MST_CONF_T_BOOL, 0, "false", NULL, ELEM(struct mst_conf_diameter_peer, ipsec),
	  .help = "with tls = false, beyond loopback: you say that IPsec protects the line, and that nothing without IPsec reaches our ports. musterd "
		  "cannot see whether that is so" },
	{ "diameter.peers.relay", MST_CONF_T_BOOL, 0, "false", NULL, ELEM(struct mst_conf_diameter_peer, relay),
	  .help = "an agent of the operator: it may speak for others, and gets what is for nobody else here" },

	{ "bsf", MST_CONF_T_GROUP, MST_CONF_FIXED, AT(bsf.present),
	  .help = "Bootstrapping Server Function (3GPP GBA, TS 33.220): nodes prove themselves by their SIM; by plain HTTP, protected by the SIM's key" },
	{ "bsf.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "bsf.mnc001.mcc001.pub.3gppnetwork.org", STR(bsf.fqdn),
	  .help = "its name: the realm towards nodes, the end of its B-TIDs, and the name in its certificate towards the HSS" },
	{ "bsf.listen", MST_CONF_T_ADDRESS, .sample = "127.0.0.1:8080", LST(MUST, bsf.listen, bsf.n_listen),
	  .help = "addresses (Ub), without TLS; operators' nodes expect port 80 (SYSTEMD in musterd(8))" },
	{ "bsf.base", MST_CONF_T_TEXT, 0, "/", NULL, STR(bsf.base),
	  .help = "path where nodes bootstrap (TS 24.109)" },
	{ "bsf.hss", MST_CONF_T_GROUP, .help = "the HSS that gives vectors and user security settings (Zh)" },
	{ "bsf.hss.fqdn", MST_CONF_T_FQDN, MST_CONF_EMPTY_OK, NULL, "hss.example.com", STR(bsf.ask_hss.fqdn),
	  .help = "its name, which its certificate must have; must be given" },
	{ "bsf.hss.uri", MST_CONF_T_URI, MST_CONF_EMPTY_OK, "", NULL, STR(bsf.ask_hss.uri),
	  .help = "where it is (binding sbi), like https://hss.example.com:8449; \"\" = https and its name" },
	{ "bsf.hss.connect_to", MST_CONF_T_ADDRESS, MST_CONF_EMPTY_OK, "", NULL, STR(bsf.ask_hss.connect_to),
	  .help = "dial this address instead of resolving the name; the name check stays" },
	{ "bsf.hss.binding", MST_CONF_T_CHOICE, 0, "sbi", NULL, AT(bsf.ask_hss.binding), .choices = binding_choices,
	  .help = "how Zh is spoken: sbi (TS 29.562, HTTP and JSON by TLS) or diameter (TS 29.109)" },
	{ "bsf.hss.amf", MST_CONF_T_CHOICE, 0, "gba", NULL, AT(bsf.ask_hss.amf), .choices = amf_choices,
	  .help = "which vectors are taken: gba, those without the separation bit in AMF, which is for EPS and 5G (TS 33.102 annex H); any, for an HSS that sets it "
		  "all the same" },
	{ "bsf.certificate", MST_CONF_T_PATH, MST_CONF_EMPTY_OK, NULL, "tls/bsf.pem", STR(bsf.certificate),
	  .help = "own certificate and intermediates, PEM, shown to the HSS (binding sbi)" },
	{ "bsf.key", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_EMPTY_OK, NULL, "tls/bsf.key", STR(bsf.key),
	  .help = "its private key, PKCS#8 PEM" },
	{ "bsf.hss_anchors", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, bsf.gba_anchors, bsf.n_gba_anchors),
	  .help = "trust anchors for the HSS that is asked by TLS" },
	{ "bsf.crls", MST_CONF_T_PATH, .sample = "crls/", LST(0, bsf.crls, bsf.n_crls),
	  .help = "certificate revocation lists for the HSS: files or directories" },
	{ "bsf.require_crl", MST_CONF_T_BOOL, 0, "false", NULL, AT(bsf.require_gba_crl),
	  .help = "ask no HSS whose issuer has no current list in crls (binding sbi; see diameter.require_crl_of)" },
	{ "bsf.require_crl_of", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, bsf.gba_crl_issuers, bsf.n_gba_crl_issuers),
	  .help = "certificates of CAs whose current list is required of the HSS, whatever require_crl says of the others" },
	{ "bsf.lifetime", MST_CONF_T_SECONDS, 0, "1d", NULL, RANGE(60, 366 * DAY), AT(bsf.session_lifetime),
	  .help = "longest life of what a bootstrap gives; a subscriber's settings (GUSS) may say less, as little as they like" },
	{ "bsf.challenge_lifetime", MST_CONF_T_SECONDS, 0, "60s", NULL, RANGE(5, 3600), AT(bsf.challenge_lifetime),
	  .help = "how long a node has to answer a challenge at least, and may send its answer again. One that nobody has answered is given to "
		  "whoever asks for that subscriber for half of bsf.lifetime, two days at most, so that strangers cost it one vector in that time" },
	{ "bsf.tmpi", MST_CONF_T_BOOL, 0, "true", NULL, AT(bsf.tmpi),
	  .help = "give nodes that can do it a name for next time that does not tell who they are (TMPI). Whoever listens to Ub recognises a node all the same that "
		  "bsf.briefing tells its names" },
	{ "bsf.lock_after", MST_CONF_T_COUNT, 0, "5", NULL, RANGE(0, 1000), AT(bsf.lock_after),
	  .help = "wrong answers of one subscriber in a row from one address after which no RES of fewer than 8 octets, no AUTS and no question for a new challenge is "
		  "taken from there for a while; 0 = never" },
	{ "bsf.lock_time", MST_CONF_T_SECONDS, 0, "5m", NULL, RANGE(1, DAY), AT(bsf.lock_time),
	  .help = "that while" },
	{ "bsf.briefing", MST_CONF_T_BOOL, 0, "true", NULL, AT(bsf.briefing),
	  .help = "tell nodes in the answer where and how to go on, by the owner's rules (muster rule), and what they are called (M2M-Node-ID, CSE-ID, AE-ID, registrar). "
		  "It is authenticated and not encrypted, as Ub is plain HTTP: who listens there can tell by it that two bootstraps are one node's, whatever "
		  "bsf.tmpi hides" },
	{ "bsf.briefing_validity", MST_CONF_T_SECONDS, 0, "1d", NULL, RANGE(60, 3650 * DAY), AT(bsf.validity),
	  .help = "how long instructions are good when their rule does not say" },
	{ "bsf.keep", MST_CONF_T_SECONDS, 0, "30d", NULL, RANGE(60, 3650 * DAY), AT(bsf.keep),
	  .help = "how long briefings are remembered; 16 of a node at most" },
	{ "bsf.gsid", MST_CONF_T_COUNT, 0, "1000001", NULL, RANGE(0, 4294967295), AT(bsf.gsid),
	  .help = "service (GSID) that a subscriber's settings must have for a NAF that names none: ours for oneM2M" },
	{ "bsf.trigger_naf", MST_CONF_T_FQDN, MST_CONF_EMPTY_OK, "", NULL, STR(bsf.trigger_naf),
	  .help = "with keys for this name (Ua identifier FF00000001) muster trigger reaches nodes that have nothing but a session here; \"\" = not. "
		  "Nodes have the same name as trigger.naf. On Zn that key is for a NAF alone whose bsf.nafs.names has the name" },
	{ "bsf.nafs", MST_CONF_T_GROUPS, AT(bsf.nafs), .stride = sizeof(struct mst_conf_naf),
	  .count = offsetof(struct mst_conf, bsf.n_nafs), .max = MST_NAFS_MAX,
	  .help = "what NAFs may besides having keys under the name in their certificate" },
	{ "bsf.nafs.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "maf.example.com", ELEM(struct mst_conf_naf, fqdn),
	  .help = "the name in its certificate" },
	{ "bsf.nafs.names", MST_CONF_T_FQDN, .sample = "cse1.sp.example.com", ELEM_LST(0, struct mst_conf_naf, names, n_names),
	  .help = "other names that it may ask keys for" },
	{ "bsf.nafs.groups", MST_CONF_T_TEXT, .sample = "m2m", ELEM_LST(0, struct mst_conf_naf, groups, n_groups),
	  .help = "groups of NAFs (nafGroup in subscribers' settings) that it is in" },
	{ "bsf.nafs.impi", MST_CONF_T_BOOL, 0, "false", NULL, ELEM(struct mst_conf_naf, impi),
	  .help = "it is told the private identity (IMPI) of subscribers, and with it, as a rule, their IMSI. MAF and MEF of muster do not need it" },

	{ "zn", MST_CONF_T_GROUP, MST_CONF_FIXED, AT(zn.present),
	  .help = "the BSF's face towards NAFs, such as a MAF: their keys by B-TID (Zn, Nbsp_GBA; TS 29.309)" },
	{ "zn.fqdn", MST_CONF_T_FQDN, MST_CONF_NEEDED, NULL, "bsf.example.com", STR(zn.fqdn),
	  .help = "its name, in its certificate" },
	{ "zn.listen", MST_CONF_T_ADDRESS, .sample = "127.0.0.1:8448", LST(MUST, zn.listen, zn.n_listen),
	  .help = "addresses; port 0 takes any free one" },
	{ "zn.certificate", MST_CONF_T_PATH, MST_CONF_NEEDED, NULL, "tls/zn.pem", STR(zn.certificate),
	  .help = "own certificate and intermediates, PEM" },
	{ "zn.key", MST_CONF_T_PATH, MST_CONF_SECRET | MST_CONF_NEEDED, NULL, "tls/zn.key", STR(zn.key),
	  .help = "its private key, PKCS#8 PEM" },
	{ "zn.client_anchors", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(MST_CONF_NEEDED, zn.client_anchors, zn.n_client_anchors),
	  .help = "trust anchors for NAFs" },
	{ "zn.crls", MST_CONF_T_PATH, .sample = "crls/", LST(0, zn.crls, zn.n_crls),
	  .help = "certificate revocation lists: files or directories" },
	{ "zn.require_crl", MST_CONF_T_BOOL, 0, "false", NULL, AT(zn.require_crl),
	  .help = "as for the MEF" },
	{ "zn.require_crl_of", MST_CONF_T_PATH, .sample = "keeper/ca.pem", LST(0, zn.crl_issuers, zn.n_crl_issuers),
	  .help = "as for the MEF" },
	{ "zn.profile", MST_CONF_T_CHOICE, 0, "both", NULL, AT(zn.profile), .choices = profile_choices,
	  .help = "as for the MEF" },

	{ "admin", MST_CONF_T_GROUP, MST_CONF_FIXED, AT(admin.present), .help = "operator's interface" },
	{ "admin.listen", MST_CONF_T_ADDRESS, .sample = "unix:run/admin.sock", LST(MUST, admin.listen, admin.n_listen),
	  .help = "local sockets; the peer must be the daemon's own user or root, or one of four_eyes.people or admin.providers" },

	{ "admin.providers", MST_CONF_T_GROUPS, AT(admin.providers), .stride = sizeof(struct mst_conf_provider),
	  .count = offsetof(struct mst_conf, admin.n_providers), .max = MST_PROVIDERS_MAX,
	  .help = "service providers whose own people may ask, each for its own subscriptions, nodes and events, and nothing else; with "
		  "any, all users may connect to the sockets, if they may enter the directories that these are in" },
	{ "admin.providers.sp", MST_CONF_T_FQDN, MST_CONF_DOMAIN | MST_CONF_NEEDED, NULL, "sp.example.com", ELEM(struct mst_conf_provider, sp),
	  .help = "the provider, as in its subscriptions (adminFQDN)" },
	{ "admin.providers.uid", MST_CONF_T_COUNT, MST_CONF_NEEDED, NULL, "1201", RANGE(1, 4294967294), ELEM(struct mst_conf_provider, uid),
	  .help = "user id of its people on this machine; as for four_eyes.people" },

	{ "test", MST_CONF_T_GROUP, MST_CONF_HIDDEN | MST_CONF_FIXED, AT(test.present), .help = "for tests only: die on purpose" },
	{ "test.crash_at", MST_CONF_T_TEXT, MST_CONF_HIDDEN | MST_CONF_EMPTY_OK | MST_CONF_FIXED, "", NULL, STR(test.crash_at),
	  .help = "a name of the table in lib/server/crash.c: the whole daemon is killed there" },
	{ "test.crash_after", MST_CONF_T_COUNT, MST_CONF_HIDDEN | MST_CONF_FIXED, "1", NULL, RANGE(1, 1000000), AT(test.crash_after),
	  .help = "at which passage" },
};
const size_t mst_conf_n_items = MST_COUNT(mst_conf_items);
