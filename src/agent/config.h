/*
 * The agent's configuration: one typed table (config.c) makes the reader, the defaults and --check.
 * Every error names file, line and setting.
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <stdio.h>

#include "codec/ident.h"
#include "enrolee/enrolee.h"

#define AGENT_PATH_MAX 512
#define AGENT_ROUTES_MAX 16

enum agent_log_format { AGENT_LOG_TEXT, AGENT_LOG_JSON };
enum agent_log_level { AGENT_ERROR, AGENT_WARN, AGENT_INFO, AGENT_DEBUG };

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
	char page[128];                      /* address of the local page; "" = none */
	char lan_names[AGENT_PATH_MAX];      /* names that the LAN may tell of, patterns; "" = every one */
	char dns_server[128];                /* "address:port, …" instead of the system's */
	int64_t backoff_first, backoff_max, check_every, reenrol_after, open_timeout, answer_timeout;   /* seconds */
	int64_t log_format, log_level;
	int64_t tls_profile;
	int64_t last_resort;                 /* the initial credential serves when the MEF's certificate does not */
	char crash_at[32];
	struct agent_route route[AGENT_ROUTES_MAX];
	size_t n_routes;
};

/* 0, or MST_FAULT_CONFIG after having explained to `err`. */
MST_MUST_CHECK int agent_config_read(const char *file, struct agent_config *ret_c, FILE *err);
/* Do the files that it names make sense? 0, or MST_FAULT_CONFIG after having explained. */
MST_MUST_CHECK int agent_config_check(const struct agent_config *c, FILE *out, FILE *err);
/* Address to dial for "host:port", or NULL. */
const char *agent_config_route(const struct agent_config *c, const char *host, uint16_t port);

#endif
