/*
 * The configuration of musterd: one table says what every setting is called, its type, default, limits and
 * meaning (config-table.c). Reader, `--check`, `--print-config`, the example file and the manual's list are
 * all made from it, so they cannot disagree.
 *
 * Syntax is libconfig's. Every error is reported, not only the first, as
 *     file:line: field: what is wrong; what would be right
 */
#ifndef MST_SERVER_CONFIG_H
#define MST_SERVER_CONFIG_H

#include "base/attr.h"
#include "base/fault.h"
#include "base/writer.h"
#include "server/exchange.h"

#define MST_CONF_PATH 512
#define MST_CONF_ADDR 160
#define MST_CONF_LISTEN 8
#define MST_CONF_PATHS 16

enum mst_conf_processes { MST_CONF_SPLIT, MST_CONF_SINGLE };
enum mst_conf_log_format { MST_CONF_LOG_TEXT, MST_CONF_LOG_JSON };

/* Ours: which reading of the standard a peer wants (codec/quirks.h). Zero is the default of each. */
struct mst_conf_quirks { int64_t km, names, hex, mef_label, coap_options; bool repeat_conflicts; };
struct mst_conf_link {
	char fqdn[MST_ID_MAX], uri[512], connect_to[128];
	char sps[MST_MEF_SPS][MST_ID_MAX];
	size_t n_sps;
	struct mst_conf_quirks quirks;
};

/* A BSF that this NAF asks for keys of GBA. */
struct mst_conf_bsf {
	char fqdn[MST_ID_MAX], uri[512], connect_to[128];
	int64_t binding;                              /* enum mst_fetch_binding */
	char domains[MST_BSF_DOMAINS][MST_ID_MAX];
	size_t n_domains;
	char sps[MST_MEF_SPS][MST_ID_MAX];
	size_t n_sps;
};

/* A NAF that asks our BSF. */
struct mst_conf_naf {
	char fqdn[MST_ID_MAX], names[MST_NAF_NAMES][MST_ID_MAX], groups[MST_NAF_NAMES][64];
	size_t n_names, n_groups;
	bool impi;
};

struct mst_conf_provider { char sp[MST_ID_MAX]; int64_t uid; };

/* One group per role; members that a role has no row for stay empty. */
struct mst_conf_role {
	bool present;
	char fqdn[MST_ID_MAX];
	char base[64];
	char listen[MST_CONF_LISTEN][MST_CONF_ADDR];
	size_t n_listen;
	char coap_listen[MST_CONF_LISTEN][MST_CONF_ADDR];     /* bbn, mef, maf: UDP */
	size_t n_coap_listen;
	char certificate[MST_CONF_PATH], key[MST_CONF_PATH];
	char client_anchors[MST_CONF_PATHS][MST_CONF_PATH];
	size_t n_client_anchors;
	char peer_anchors[MST_CONF_PATHS][MST_CONF_PATH];     /* maf: mef_anchors */
	size_t n_peer_anchors;
	/* Of the servers of GBA that the role asks: maf and mef: bsf_anchors; bsf: hss_anchors. With them its certificate is shown. */
	char gba_anchors[MST_CONF_PATHS][MST_CONF_PATH];
	size_t n_gba_anchors;
	bool require_gba_crl;                                 /* of those servers: maf and mef: require_bsf_crl; bsf: require_crl */
	char gba_crl_issuers[MST_CONF_PATHS][MST_CONF_PATH];  /* and ..._of */
	size_t n_gba_crl_issuers;
	char crls[MST_CONF_PATHS][MST_CONF_PATH];
	size_t n_crls;
	bool require_crl;
	char crl_issuers[MST_CONF_PATHS][MST_CONF_PATH];      /* require_crl_of */
	size_t n_crl_issuers;
	bool require_peer_crl;                                /* maf: require_mef_crl */
	int64_t profile;                  /* enum mst_tls_profile */
	int64_t registration_lifetime;
	int64_t retry_duration;
	bool psk;                         /* bbn, mef: makers' secrets are taken */
	bool node_certificates;           /* mef: nodes' certificates are taken */
	bool strangers;                   /* bbn */
	char publish[64];                 /* bbn: name on the LAN; "" = not told */
	int64_t validity, keep;           /* bbn; validity: ocsp, too */
	char uri[MST_ID_MAX];             /* ocsp */
	char mafs[8][MST_ID_MAX];
	size_t n_mafs;
	char maf_anchor[MST_CONF_PATH];
	char stakeholders[8][MST_ID_MAX];                     /* mef */
	size_t n_stakeholders;
	bool est, est_approval;
	int64_t est_lifetime, est_grace, est_retry;           /* seconds */
	int64_t reenrol;                                      /* mef: enum mst_reenrol */
	char est_uri[MST_ID_MAX];
	char zh_bsfs[8][MST_ID_MAX];                          /* hss: bsfs */
	size_t n_zh_bsfs;
	int64_t vector_interval, vector_burst, mnc_digits;    /* hss */
	struct mst_conf_quirks quirks;
	struct mst_conf_link mefs[8];
	size_t n_mefs;
	struct mst_conf_bsf bsfs[MST_BSFS_MAX];               /* maf, mef: as a NAF of GBA */
	size_t n_bsfs;
	/* bsf */
	int64_t session_lifetime, challenge_lifetime, lock_after, lock_time, gsid;
	bool tmpi, briefing;
	char trigger_naf[MST_ID_MAX];
	struct { char fqdn[MST_ID_MAX], uri[512], connect_to[128]; int64_t binding, amf; } ask_hss;
	struct mst_conf_naf nafs[MST_NAFS_MAX];
	size_t n_nafs;
	struct mst_conf_provider providers[MST_PROVIDERS_MAX];        /* admin */
	size_t n_providers;
};

struct mst_conf_limits {
	int64_t connections, handshakes, requests, coap_sessions, queue, group, fetches;
	int64_t header_octets, body_octets, bodies;
	int64_t hello, session;                       /* seconds, as the others: */
	int64_t handshake, header, body, idle, answer, write, fetch, drain;     /* seconds */
};

#define MST_CONF_DIAMETER_PEERS 16
struct mst_conf_diameter_peer { char identity[MST_ID_MAX], realm[MST_ID_MAX], connect_to[MST_CONF_ADDR]; bool tls, ipsec, relay; };
struct mst_conf_diameter {
	bool present;
	char identity[MST_ID_MAX], realm[MST_ID_MAX];
	char listen[MST_CONF_LISTEN][64];                     /* addresses of IP */
	size_t n_listen;
	int64_t port, secure_port, retry, watchdog;
	char certificate[MST_CONF_PATH], key[MST_CONF_PATH];
	char anchors[MST_CONF_PATHS][MST_CONF_PATH], crls[MST_CONF_PATHS][MST_CONF_PATH];
	size_t n_anchors, n_crls;
	char crl_issuers[MST_CONF_PATHS][MST_CONF_PATH];      /* require_crl_of */
	size_t n_crl_issuers;
	struct mst_conf_diameter_peer peers[MST_CONF_DIAMETER_PEERS];
	size_t n_peers;
};

struct mst_conf_audit { int64_t keep /* seconds */, max_events /* 0: without end */, seal /* seconds; 0: never by itself */; };

/* Where new generations of the key-encryption key come from, and what those that are there need (keeper-device.h). */
struct mst_conf_keeper_key {
	int64_t backend;
	char secret_file[MST_CONF_PATH], pin_file[MST_CONF_PATH], tcti[256], pcrs[72], module[MST_CONF_PATH], token[64];
	char module_state[MST_CONF_PATH];
	bool module_network;             /* the token is a service elsewhere */
};
/* Where the CA's key is (ca-device.h): its signer reaches the device for as long as musterd runs. */
struct mst_conf_ca_key {
	struct mst_conf_keeper_key key;
};

/* By enum mst_keeper_rate; a minute. */
struct mst_conf_keeper_limits { int64_t alarm[MST_RATE__COUNT], most[MST_RATE__COUNT]; };

/* What wants the yes of a second person (decision 0035). */
struct mst_conf_four_eyes {
	bool keeper, audit, certificates, subscriptions, export_;
	int64_t expires;
	struct mst_conf_person { int64_t uid; } people[MST_PEOPLE_MAX];
	size_t n_people;
};

struct mst_conf_test { bool present; char crash_at[32]; int64_t crash_after; };

struct mst_conf {
	char file[MST_CONF_PATH], dir[MST_CONF_PATH];
	int64_t processes;
	int64_t listeners;
	char store[MST_CONF_PATH], keeper[MST_CONF_PATH], run[MST_CONF_PATH];
	char user[64];
	int64_t log_format, log_level;
	char metrics[MST_CONF_ADDR];
	bool sandbox;
	struct { char file[MST_CONF_PATH]; int64_t lifetime; } crl;
	struct mst_conf_audit audit;
	struct mst_conf_keeper_key keeper_key;
	int64_t keeper_wait;
	struct mst_conf_ca_key ca_key;
	struct mst_conf_keeper_limits keeper_limits;
	struct mst_conf_four_eyes four_eyes;
	struct mst_conf_limits limits;
	struct mst_conf_role bbn, mef, maf, ocsp, hss, bsf, zn, admin;
	struct mst_conf_diameter diameter;
	struct mst_conf_test test;
};
/* What is switched on, bits by enum mst_four. */
unsigned mst_conf_four(const struct mst_conf_four_eyes *f);

/* One whole line per error, without a newline. */
struct mst_conf_report {
	void (*line)(void *arg, const char *text);
	void *arg;
	unsigned errors;
};

/*
 * Read `text`, which stands (or stood) in `file`. Relative paths become absolute against the file's
 * directory. 0, or MST_FAULT_CONFIG after everything wrong was reported; *ret_c (heap) only on 0.
 */
MST_MUST_CHECK int mst_conf_read(const char *file, const char *text, struct mst_conf_report *r,
				 struct mst_conf **ret_c);
/* The same from disk; *ret_text (heap, may be NULL) receives the text, which the children are sent. */
MST_MUST_CHECK int mst_conf_load(const char *file, struct mst_conf_report *r, struct mst_conf **ret_c,
				 char **ret_text);
struct mst_conf *mst_conf_free(struct mst_conf *c);

/* Does any peer of Diameter speak TLS, so that certificates are needed? */
bool mst_conf_diameter_tls(const struct mst_conf *c);
/* "192.0.2.1:3868", "[2001:db8::1]:3868", or without a port (0 then): numbers only. */
MST_MUST_CHECK bool mst_conf_ip(const char *text, char *ret_ip, size_t cap, uint16_t *ret_port);
/* Every file and directory that is named, and local sockets, with the setting ("mef.crls[1]"), until `each` says true: then true. Not what `store` names. */
struct mst_conf_place { const char *field, *path; bool secret /* or has secrets in it */; };
typedef bool mst_conf_place_each(void *arg, const struct mst_conf_place *p);
bool mst_conf_places(const struct mst_conf *c, mst_conf_place_each *each, void *arg);
/* Is that the name of a role of ours, or of a server that one of them knows by it? In whatever case; `name` is not empty. */
bool mst_conf_names_server(const struct mst_conf *c, const char *name);
/* NULL when the role is not configured. */
const struct mst_conf_role *mst_conf_role(const struct mst_conf *c, enum mst_role role);
/* Which roles ask other servers, and what for: each has trust anchors of its own in the connector. */
struct mst_asker { enum mst_role role; enum mst_fetch_kind kind; const char *anchors, *crl /* settings */, *whose /* "MEF" */; };
#define MST_ASKERS 4
extern const struct mst_asker mst_askers[MST_ASKERS];
/* Its anchors, or NULL when it asks nobody (by TLS). */
const char (*mst_conf_asker_anchors(const struct mst_conf *c, const struct mst_asker *a, size_t *ret_n))[MST_CONF_PATH];
/* Is there a role that asks at all, so that a connector is needed? */
bool mst_conf_asks(const struct mst_conf *c);
void mst_conf_role_conf(const struct mst_conf *c, enum mst_role role, struct mst_role_conf *ret);
/* First setting that differs and that a running daemon cannot take over; NULL when a reload is enough. */
const char *mst_conf_needs_restart(const struct mst_conf *was, const struct mst_conf *is);

/* Generated texts. `c` NULL prints the annotated example with the table's sample values. */
void mst_conf_print(const struct mst_conf *c, struct mst_writer *w);
void mst_conf_manual(struct mst_writer *w);       /* option list in scdoc */

/* "365d", "1h", "90s", "2w"; plain digits are seconds. */
MST_MUST_CHECK bool mst_conf_duration(const char *text, int64_t *ret_seconds);
void mst_conf_put_duration(struct mst_writer *w, int64_t seconds);

#endif
