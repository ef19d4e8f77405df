/*
 * The agent's configuration: one typed table (config.c) makes the reader, the defaults and --check.
 * Every error names file, line and setting.
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <stdio.h>

#include "codec/briefing.h"
#include "codec/ident.h"
#include "enrolee/enrolee.h"

#define AGENT_PATH_MAX 512
#define AGENT_ROUTES_MAX 16
#define AGENT_MEDIA_MAX 8

enum agent_log_format { AGENT_LOG_TEXT, AGENT_LOG_JSON };
enum agent_log_level { AGENT_ERROR, AGENT_WARN, AGENT_INFO, AGENT_DEBUG };

enum agent_brief_format { AGENT_BRIEF_CBOR, AGENT_BRIEF_JSON };

/* Where the node is (struct mst_location in storage of its own); `has`: bits MST_LO_… */
struct agent_place {
	uint32_t has;
	int64_t latitude, longitude, accuracy;
	char cell[49], site[65];
};

enum agent_card_kind { AGENT_CARD_NONE, AGENT_CARD_SOFTWARE, AGENT_CARD_PCSC, AGENT_CARD_AT };

enum agent_backend { AGENT_BACKEND_AUTO, AGENT_BACKEND_FILE, AGENT_BACKEND_TPM, AGENT_BACKEND_PKCS11, AGENT_BACKEND_CARD };

/* Whence device triggers of oneM2M are taken: within a frame that proves itself, or from local helpers as well. */
enum agent_onem2m { AGENT_ONEM2M_FRAMED, AGENT_ONEM2M_PUSH };

struct agent_route {
	char name[AGENT_PATH_MAX];           /* "mef.example.com:8443" */
	char address[AGENT_PATH_MAX];        /* "127.0.0.1:8443" */
};

struct agent_config {
	char file[AGENT_PATH_MAX];
	char state[AGENT_PATH_MAX], key_file[AGENT_PATH_MAX];
	char certificate[AGENT_PATH_MAX], key[AGENT_PATH_MAX], anchors[AGENT_PATH_MAX];
	char bootstrap[AGENT_PATH_MAX], run[AGENT_PATH_MAX];
	char node_id[MST_ID_MAX];
	char bundle_anchors[AGENT_PATH_MAX];
	char media[AGENT_MEDIA_MAX][AGENT_PATH_MAX];         /* directories, or patterns of such */
	size_t n_media;
	char page[128];                      /* address of the local page; "" = none */
	char lan_names[AGENT_PATH_MAX];      /* names that the LAN may tell of, patterns; "" = every one */
	char dns_server[128];                /* "address:port, …" instead of the system's */
	int64_t backoff_first, backoff_max, check_every, reenrol_after, open_timeout, answer_timeout;   /* seconds */
	int64_t log_format, log_level;
	/* what a briefing node is told (facts.c) */
	char maker[64], model[64], serial[64], batch[64], firmware[64];
	char methods[128];                   /* in order of preference; "" = as built in */
	struct agent_place place;
	char psk_identity[MST_ID_MAX], psk_file[AGENT_PATH_MAX];
	char objects[AGENT_PATH_MAX];        /* management objects that the maker put here; "" = none */
	int64_t briefing_format;             /* enum agent_brief_format */
	int64_t tls_profile, sandbox;
	int64_t last_resort;                 /* the initial credential serves when the MEF's certificate does not */
	int64_t names, hex, mef_label, saef_psk, coap_options, naf_name;       /* quirks */
	/* pushed triggers (door.h) */
	char trigger_listen[AGENT_PATH_MAX];         /* UDP: "127.0.0.1:5686"; "" = none */
	char trigger_socket[AGENT_PATH_MAX];         /* local datagrams; "" = none */
	char trigger_signers[AGENT_PATH_MAX];        /* certificates whose keys may sign triggers; "" = none */
	char trigger_naf[AGENT_PATH_MAX];            /* FQDN: keys of GBA sessions for it authenticate triggers; "" = none */
	char trigger_bus[AGENT_PATH_MAX];            /* D-Bus address; "" = the system's */
	int64_t trigger_onem2m, trigger_mm;
	/* the subscriber's card (card.h), and bootstrapping with it (ub.h) */
	int64_t card_kind, card_application, card_speed, card_timeout, card_mnc_digits, card_gba;
	char card_reader[128], card_device[AGENT_PATH_MAX], card_pin_file[AGENT_PATH_MAX], card_imsi[16], card_key_file[AGENT_PATH_MAX];
	char gba_bsf[MST_ID_MAX], gba_ua[16], gba_realm[MST_ID_MAX], gba_cse_id[MST_ID_MAX];
	int64_t gba_identity, gba_separator, gba_without_rspauth, gba_amf;
	/* the secure environment (inside.h) */
	int64_t secenv_backend;
	char secenv_secret[AGENT_PATH_MAX], secenv_module[AGENT_PATH_MAX], secenv_pin[AGENT_PATH_MAX], secenv_tcti[AGENT_PATH_MAX], secenv_module_state[AGENT_PATH_MAX];
	char secenv_device[AGENT_PATH_MAX];  /* of a TPM, as secenv.tcti says; "" = none */
	char secenv_token[64], secenv_pcrs[64], secenv_reader[128];
	char crash_at[32];
	struct agent_route route[AGENT_ROUTES_MAX];
	size_t n_routes;
};

/* The file's text, which is changed. 0, or MST_FAULT_CONFIG after having explained to `err`; opens nothing. */
MST_MUST_CHECK int agent_config_parse(const char *file, char *text, struct agent_config *ret_c, FILE *err);
/* 0, or MST_FAULT_CONFIG after having explained to `err`. */
MST_MUST_CHECK int agent_config_read(const char *file, struct agent_config *ret_c, FILE *err);
/* Do the files that it names make sense? 0, or MST_FAULT_CONFIG after having explained each that does not, with its setting. */
MST_MUST_CHECK int agent_config_check(const struct agent_config *c, FILE *out, FILE *err);
/* Between prefix and B-TID in a TLS identity; 0: the bare B-TID. */
char agent_config_separator(const struct agent_config *c);
/* As this node's MEF and MAF read the standard. */
struct mst_quirks agent_config_quirks(const struct agent_config *c);
/* secenv.pcrs as a mask; false: it is none. */
MST_MUST_CHECK bool agent_config_pcrs(const struct agent_config *c, uint32_t *ret_mask);
/* "90s", "5m", "1h", "7d". */
MST_MUST_CHECK bool agent_config_seconds(const char *s, int64_t *ret);
/* The next word of a list with blanks or commas between, as a method; false at the end. *ret_m 0: there is no such one. */
MST_MUST_CHECK bool agent_config_method(const char **at, int *ret_m);
/* Address to dial for "host:port", or NULL. */
const char *agent_config_route(const struct agent_config *c, const char *host, uint16_t port);

#endif
