/* The table behind config.h; only the config-*.c files and their tests look at it. */
#ifndef MST_SERVER_CONFIG_TABLE_H
#define MST_SERVER_CONFIG_TABLE_H

#include "server/config.h"

enum mst_conf_type {
	MST_CONF_T_TEXT,
	MST_CONF_T_PATH,
	MST_CONF_T_ADDRESS, /* host:port, [v6]:port, unix:path */
	MST_CONF_T_FQDN,
	MST_CONF_T_URI,
	MST_CONF_T_STORE, /* "sqlite:path" */
	MST_CONF_T_SECONDS,
	MST_CONF_T_COUNT,
	MST_CONF_T_BOOL,
	MST_CONF_T_CHOICE,
	MST_CONF_T_GROUP,  /* bool `present` at offset */
	MST_CONF_T_GROUPS, /* list of groups: rows with this key as prefix are relative to one element */
};
#define MST_CONF_LIST 1u
#define MST_CONF_NEEDED 2u       /* must be given when its group is; without a group: always */
#define MST_CONF_EMPTY_OK 4u     /* "" is a value */
#define MST_CONF_FIXED 8u        /* changing it needs a restart */
#define MST_CONF_HIDDEN 16u      /* not in the example */
#define MST_CONF_SECRET 32u      /* PATH: nobody else's to read, or something in it is */
#define MST_CONF_DOMAIN 64u      /* FQDN: of a domain, a provider or a stakeholder, with which no server shows a certificate */

struct mst_conf_item {
	const char *key;
	enum mst_conf_type type;
	unsigned flags;
	const char *def;          /* default as it would be written; NULL = none */
	const char *sample;       /* for the example when there is no default */
	int64_t least, most;      /* COUNT, SECONDS */
	size_t offset, cap;       /* of the (first) value; octets of one string */
	size_t count, max;        /* LIST, GROUPS: offset of the size_t count; how many fit */
	size_t stride;            /* GROUPS: size of an element */
	const char *const *choices;
	const char *help;
};
extern const struct mst_conf_item mst_conf_items[];
extern const size_t mst_conf_n_items;

#endif
