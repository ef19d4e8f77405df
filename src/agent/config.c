#include "agent/config.h"
#include "secenv/secenv.h"

#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/card.h"
#include "agent/place.h"
#include "base/config-text.h"
#include "base/text.h"
#include "transport/tls.h"

#define CONFIG_OCTETS (256u << 10)

enum type { T_TEXT, T_PATH, T_SECONDS, T_CHOICE, T_POINT, T_LABEL, T_METHODS };

static const char *const brief_formats[] = { "cbor", "json", NULL };
static const char *const formats[] = { "text", "json", NULL };
static const char *const levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const amfs[] = { "any", "gba", NULL };
static const char *const no_yes[] = { "no", "yes", NULL };
/* In the order of codec/quirks.h. */
static const char *const names[] = { "long", "ts0032", NULL };
static const char *const editions[] = { "iana", "early", NULL };
static const char *const hexes[] = { "upper", "lower", NULL };
static const char *const labels[] = { "bootstrap", "connection", NULL };
static const char *const halves[] = { "whole", "first-half", NULL };
static const char *const naf_names[] = { "lower", "spelled", NULL };
static const char *const onem2m[] = { "framed", "push", NULL };
static const char *const switches[] = { "off", "on", NULL };
static const char *const profiles[] = { "onem2m", "modern", "both", NULL };

/* In the order of enum agent_backend. */
static const char *const backends[] = { "auto", "file", "tpm", "pkcs11", "card", NULL };
static const char *const card_kinds[] = { "none", "software", "pcsc", "at", NULL };
/* In the order of enum mst_card_app. */
static const char *const card_apps[] = { "any", "usim", "isim", NULL };
static const char *const mnc_digits[] = { "2", "3", NULL };
static const char *const identities[] = { "bare", "prefix", NULL };
static const char *const separators[] = { ";", ".", ":", ",", NULL };
static const char *const speeds[] = { "0", "9600", "19200", "38400", "57600", "115200", "230400", "460800", "921600", NULL };    /* card-open.c */

/* The whole configuration on one screen. Paths are relative to the file; "" = not set. */
static const struct item {
	const char *name;
	enum type type;
	size_t offset, size;
	const char *preset;
	int64_t least, most;                 /* SECONDS */
	const char *const *choices;
} items[] = {
#define TEXT(n, m, t, d)                                                                                     \
	{                                                                                                    \
		n, t, offsetof(struct agent_config, m), sizeof(((struct agent_config *)0)->m), d, 0, 0, NULL \
	}
#define NUMBER(n, m, d, lo, hi) { n, T_SECONDS, offsetof(struct agent_config, m), 0, d, lo, hi, NULL }
#define CHOICE(n, m, d, list) { n, T_CHOICE, offsetof(struct agent_config, m), 0, d, 0, 0, list }
	TEXT("state", state, T_PATH, "state"),
	TEXT("key_file", key_file, T_PATH, "state.key"),
	TEXT("certificate", certificate, T_PATH, "node.pem"),
	TEXT("key", key, T_PATH, "node.key"),
	TEXT("anchors", anchors, T_PATH, "anchors.pem"),
	TEXT("bootstrap", bootstrap, T_PATH, ""),
	TEXT("run", run, T_PATH, "run"),
	TEXT("node_id", node_id, T_TEXT, ""),
	TEXT("maker", maker, T_LABEL, ""),
	TEXT("model", model, T_LABEL, ""),
	TEXT("serial", serial, T_LABEL, ""),
	TEXT("batch", batch, T_LABEL, ""),
	TEXT("firmware", firmware, T_LABEL, ""),
	TEXT("methods", methods, T_METHODS, ""),
	TEXT("psk_identity", psk_identity, T_LABEL, ""),
	TEXT("psk_file", psk_file, T_PATH, ""),
	TEXT("objects", objects, T_PATH, ""),
	CHOICE("briefing_format", briefing_format, "cbor", brief_formats),
	TEXT("bundle_anchors", bundle_anchors, T_PATH, ""),
	TEXT("page", page, T_TEXT, ""),
	TEXT("lan_names", lan_names, T_TEXT, ""),
	TEXT("dns_server", dns_server, T_TEXT, ""),
	NUMBER("backoff_first", backoff_first, "5s", 1, 86400),
	NUMBER("backoff_max", backoff_max, "1h", 1, 604800),
	NUMBER("check_every", check_every, "1d", 1, 31536000),
	NUMBER("reenrol_after", reenrol_after, "1h", 1, 31536000),
	NUMBER("open_timeout", open_timeout, "30s", 1, 600),
	NUMBER("answer_timeout", answer_timeout, "30s", 1, 600),
	CHOICE("last_resort", last_resort, "yes", no_yes),
	CHOICE("tls_profile", tls_profile, "both", profiles),
	CHOICE("sandbox", sandbox, "yes", no_yes),
	CHOICE("quirks.names", names, "long", names),
	CHOICE("quirks.hex", hex, "upper", hexes),
	CHOICE("quirks.coap", coap_options, "iana", editions),
	CHOICE("quirks.mef_label", mef_label, "bootstrap", labels),
	CHOICE("quirks.saef_psk", saef_psk, "whole", halves),
	CHOICE("quirks.naf", naf_name, "lower", naf_names),
	CHOICE("log.format", log_format, "text", formats),
	CHOICE("log.level", log_level, "info", levels),
	TEXT("trigger.listen", trigger_listen, T_TEXT, ""),
	TEXT("trigger.socket", trigger_socket, T_PATH, ""),
	TEXT("trigger.signers", trigger_signers, T_PATH, ""),
	TEXT("trigger.naf", trigger_naf, T_TEXT, ""),
	CHOICE("trigger.onem2m", trigger_onem2m, "framed", onem2m),
	CHOICE("trigger.modem_manager", trigger_mm, "off", switches),
	TEXT("trigger.bus", trigger_bus, T_TEXT, ""),
	CHOICE("card.kind", card_kind, "none", card_kinds),
	TEXT("card.reader", card_reader, T_LABEL, ""),
	TEXT("card.device", card_device, T_PATH, ""),
	CHOICE("card.speed", card_speed, "0", speeds),
	CHOICE("card.application", card_application, "any", card_apps),
	TEXT("card.pin_file", card_pin_file, T_PATH, ""),
	NUMBER("card.timeout", card_timeout, "30s", 1, 600),
	TEXT("card.imsi", card_imsi, T_TEXT, ""),
	CHOICE("card.mnc_digits", card_mnc_digits, "2", mnc_digits),
	TEXT("card.key_file", card_key_file, T_PATH, ""),
	CHOICE("card.gba", card_gba, "no", no_yes),
	TEXT("gba.bsf", gba_bsf, T_TEXT, ""),
	TEXT("gba.ua", gba_ua, T_TEXT, "01000100ae"),
	CHOICE("gba.identity", gba_identity, "bare", identities),
	CHOICE("gba.separator", gba_separator, ";", separators),
	CHOICE("gba.without_rspauth", gba_without_rspauth, "no", no_yes),
	CHOICE("gba.amf", gba_amf, "any", amfs),
	TEXT("gba.realm", gba_realm, T_TEXT, ""),
	TEXT("gba.cse_id", gba_cse_id, T_TEXT, ""),
	CHOICE("secenv.backend", secenv_backend, "auto", backends),
	TEXT("secenv.secret_file", secenv_secret, T_PATH, ""),
	TEXT("secenv.tcti", secenv_tcti, T_TEXT, ""),
	TEXT("secenv.pcrs", secenv_pcrs, T_TEXT, ""),
	TEXT("secenv.module", secenv_module, T_PATH, ""),
	TEXT("secenv.module_state", secenv_module_state, T_PATH, ""),
	TEXT("secenv.token", secenv_token, T_LABEL, ""),
	TEXT("secenv.reader", secenv_reader, T_TEXT, ""),
	TEXT("secenv.pin_file", secenv_pin, T_PATH, ""),
	/* Test hook: kill -9 itself at the named point (man page, POINTS). */
	TEXT("crash_at", crash_at, T_POINT, ""),
#undef TEXT
#undef NUMBER
#undef CHOICE
};

struct reading {
	struct agent_config *c;
	const char *dir;                     /* of the file, with a slash, or "" */
	FILE *err;
	int errors;
};

static void complain(struct reading *r, const config_setting_t *s, const char *name, const char *text)
{
	fprintf(r->err, "%s:%u: %s: %s\n", r->c->file, s ? (unsigned)config_setting_source_line(s) : 1, name, text);
	r->errors++;
}

bool agent_config_seconds(const char *s, int64_t *ret)
{
	static const struct {
		char suffix;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end = NULL;
	unsigned long n;

	if (*s < '0' || *s > '9')
		return false;
	n = strtoul(s, &end, 10);
	for (size_t i = 0; i < MST_COUNT(units); i++) {
		if (*end == units[i].suffix && !end[1] && n < 100000000) {
			*ret = (int64_t)n * units[i].seconds;
			return true;
		}
	}
	return false;
}

bool agent_config_method(const char **at, int *ret_m)
{
	const char *p = *at + strspn(*at, " ,");
	size_t n = strcspn(p, " ,");

	*at = p + n;
	*ret_m = 0;
	for (size_t i = 0; i < mst_method_table.n; i++)
		if (strlen(mst_method_table.v[i].text) == n && !strncmp(p, mst_method_table.v[i].text, n))
			*ret_m = mst_method_table.v[i].value;
	return n > 0;
}

static bool methods_good(const char *v)
{
	uint32_t seen = 0;
	int m;

	while (agent_config_method(&v, &m)) {
		if (!m || (seen >> m & 1))
			return false;
		seen |= UINT32_C(1) << m;
	}
	return true;
}

static void set_text(struct reading *r, const struct item *it, const config_setting_t *s, const char *v)
{
	char *out = (char *)r->c + it->offset;
	bool relative = it->type == T_PATH && *v && *v != '/';
	int n = snprintf(out, it->size, "%s%s", relative ? r->dir : "", v);

	if (n < 0 || (size_t)n >= it->size)
		complain(r, s, it->name, "too long");
	else if (it->type == T_POINT && *v && !agent_point_known(v))
		complain(r, s, it->name, "no such point; the man page lists them");
	else if (it->type == T_LABEL && !mst_text_plain(mst_view_str(v)))
		complain(r, s, it->name, "holds a control character");
	else if (it->type == T_METHODS && !methods_good(v))
		complain(r, s, it->name, "not a list like \"cert bbn\", each once, of psk, cert, gba, file, bbn, bsf, dns-sd, dns-srv, dhcp");
}

static void set_value(struct reading *r, const struct item *it, const config_setting_t *s, const char *v)
{
	int64_t *number = (int64_t *)(void *)((char *)r->c + it->offset);
	char text[256];
	int64_t x;
	size_t n;

	if (mst_config_has_control(v)) {
		complain(r, s, it->name, "holds a control character");
		return;
	}
	switch (it->type) {
	case T_TEXT:
	case T_PATH:
	case T_POINT:
	case T_LABEL:
	case T_METHODS:
		set_text(r, it, s, v);
		return;
	case T_SECONDS:
		if (!agent_config_seconds(v, &x)) {
			complain(r, s, it->name, "not a duration like \"90s\", \"5m\", \"1h\" or \"7d\"");
		} else if (x < it->least || x > it->most) {
			snprintf(text, sizeof(text), "must be %lld to %lld seconds", (long long)it->least,
				 (long long)it->most);
			complain(r, s, it->name, text);
		} else {
			*number = x;
		}
		return;
	case T_CHOICE:
		for (x = 0; it->choices[x]; x++) {
			if (!strcmp(v, it->choices[x])) {
				*number = x;
				return;
			}
		}
		n = (size_t)snprintf(text, sizeof(text), "unknown value \"%.40s\"; one of", v);
		for (x = 0; it->choices[x] && n < sizeof(text); x++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s", x ? "," : "", it->choices[x]);
		complain(r, s, it->name, text);
		return;
	}
}

static void read_routes(struct reading *r, config_setting_t *list)
{
	struct agent_config *c = r->c;

	if (!config_setting_is_list(list)) {
		complain(r, list, "connect_to",
			 "must be a list: ( { name = \"host:port\"; address = \"host:port\"; } )");
		return;
	}
	for (unsigned i = 0; i < (unsigned)config_setting_length(list); i++) {
		config_setting_t *e = config_setting_get_elem(list, i);
		const char *name = NULL, *address = NULL;
		struct agent_route *route = &c->route[c->n_routes];

		if (c->n_routes == AGENT_ROUTES_MAX) {
			complain(r, e, "connect_to", "more than 16 entries");
			return;
		}
		if (!config_setting_is_group(e) || config_setting_length(e) != 2 ||
		    !config_setting_lookup_string(e, "name", &name) ||
		    !config_setting_lookup_string(e, "address", &address) || !strrchr(name, ':') ||
		    !strrchr(address, ':')) {
			complain(r, e, "connect_to", "an entry has name and address, both \"host:port\"");
			continue;
		}
		if (mst_config_has_control(name) || mst_config_has_control(address))
			complain(r, e, "connect_to", "holds a control character");
		if ((size_t)snprintf(route->name, sizeof(route->name), "%s", name) >= sizeof(route->name) ||
		    (size_t)snprintf(route->address, sizeof(route->address), "%s", address) >=
			    sizeof(route->address))
			complain(r, e, "connect_to", "too long");
		c->n_routes++;
	}
}

/* location = { latitude = "52.5200066"; longitude = "13.4049540"; accuracy = "20"; cell = "…"; site = "…"; } */
static void read_location(struct reading *r, config_setting_t *group)
{
	struct mst_diag d = { 0 };
	char name[64];

	if (!config_setting_is_group(group)) {
		complain(r, group, "location", "must be a group: { latitude = \"52.52\"; longitude = \"13.40\"; site = \"…\"; }");
		return;
	}
	for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
		config_setting_t *s = config_setting_get_elem(group, i);
		const char *v = config_setting_get_string(s);

		snprintf(name, sizeof(name), "location.%.40s", config_setting_name(s));
		if (!v)
			complain(r, s, name, "must be a text in quotes");
		else if (mst_config_has_control(v))
			complain(r, s, name, "holds a control character");
		else if (!place_set(&r->c->place, config_setting_name(s), v, &d))
			complain(r, s, name, d.text);
	}
	if (!r->errors && !place_good(&r->c->place, &d))
		complain(r, group, "location", d.text);
}

/* One text, or a list of texts; absolute paths, which may be patterns. */
static void read_media(struct reading *r, const config_setting_t *s)
{
	struct agent_config *c = r->c;
	bool one = config_setting_type(s) == CONFIG_TYPE_STRING;
	unsigned n = one ? 1 : (unsigned)config_setting_length(s);

	if (!one && !config_setting_is_list(s) && !config_setting_is_array(s)) {
		complain(r, s, "media", "must be a list of directories: [ \"/media/*\", \"/run/media/*/*\" ]");
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		const char *v = one ? config_setting_get_string(s) : config_setting_get_string_elem(s, (int)i);

		if (c->n_media == AGENT_MEDIA_MAX)
			complain(r, s, "media", "more than 8 entries");
		else if (!v || v[0] != '/' || strlen(v) >= AGENT_PATH_MAX || mst_config_has_control(v))
			complain(r, s, "media", "an entry is an absolute directory in quotes, or a pattern like \"/media/*\"");
		else
			snprintf(c->media[c->n_media++], AGENT_PATH_MAX, "%s", v);
	}
}

static const struct item *find_item(const char *name)
{
	for (size_t i = 0; i < MST_COUNT(items); i++) {
		if (!strcmp(items[i].name, name))
			return &items[i];
	}
	return NULL;
}

/* Every setting in the file must be in the table: a misspelt one is an error, not a default. */
static void read_group(struct reading *r, config_setting_t *group, const char *prefix)
{
	for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
		config_setting_t *s = config_setting_get_elem(group, i);
		const char *v = config_setting_get_string(s);
		const struct item *it;
		char name[128];

		snprintf(name, sizeof(name), "%s%s", prefix, config_setting_name(s));
		it = find_item(name);
		if (!*prefix && !strcmp(name, "log") && config_setting_is_group(s))
			read_group(r, s, "log.");
		else if (!*prefix && !strcmp(name, "quirks") && config_setting_is_group(s))
			read_group(r, s, "quirks.");
		else if (!*prefix && !strcmp(name, "trigger") && config_setting_is_group(s))
			read_group(r, s, "trigger.");
		else if (!*prefix && !strcmp(name, "card") && config_setting_is_group(s))
			read_group(r, s, "card.");
		else if (!*prefix && !strcmp(name, "gba") && config_setting_is_group(s))
			read_group(r, s, "gba.");
		else if (!*prefix && !strcmp(name, "secenv") && config_setting_is_group(s))
			read_group(r, s, "secenv.");
		else if (!strcmp(name, "connect_to"))
			read_routes(r, s);
		else if (!strcmp(name, "location"))
			read_location(r, s);
		else if (!strcmp(name, "media"))
			read_media(r, s);
		else if (!it)
			complain(r, s, name, "unknown setting");
		else if (!v)
			complain(r, s, name, "must be a text in quotes");
		else
			set_value(r, it, s, v);
	}
}

char agent_config_separator(const struct agent_config *c)
{
	return c->gba_identity ? separators[c->gba_separator][0] : 0;
}

/* What the settings of card and gba need of one another. */
static void check_card(struct reading *r, const config_t *cfg)
{
	struct agent_config *c = r->c;
	struct enrolee_peer bsf;
	struct gba_ua ua;
	bool tls;

	if (c->card_kind == AGENT_CARD_SOFTWARE && !(c->card_imsi[0] && c->card_key_file[0]))
		complain(r, config_lookup(cfg, "card.kind"), "card.kind", "a card in software needs card.imsi and card.key_file");
	if (c->card_kind == AGENT_CARD_AT && !c->card_device[0])
		complain(r, config_lookup(cfg, "card.kind"), "card.kind", "needs card.device, the modem's port, like \"/dev/ttyUSB2\"");
	if (c->card_imsi[0] && (strlen(c->card_imsi) < 6 || strspn(c->card_imsi, "0123456789") != strlen(c->card_imsi)))
		complain(r, config_lookup(cfg, "card.imsi"), "card.imsi", "must be 6 to 15 digits");
	if (!card_ua(c, &ua))
		complain(r, config_lookup(cfg, "gba.ua"), "gba.ua", "one of 01000100ae, 01000100a8, 010001c037, tls13; with Digest 010001c02b, 010001c023");
	/* it enters a key at both ends, and bsf.trigger_naf has no capitals */
	mst_ascii_lower(c->trigger_naf);
	if (c->trigger_naf[0] && !mst_id_valid(MST_ID_FQDN, mst_view_str(c->trigger_naf)))
		complain(r, config_lookup(cfg, "trigger.naf"), "trigger.naf", "not an FQDN like trigger.sp.example.com");
	if (c->gba_bsf[0] && !enrolee_bsf_of(mst_view_str(c->gba_bsf), &bsf, &tls))
		complain(r, config_lookup(cfg, "gba.bsf"), "gba.bsf", "not http(s)://fqdn[:port][/path]");
	if (c->gba_cse_id[0] && !mst_id_valid(MST_ID_CSE_ABS, mst_view_str(c->gba_cse_id)))
		complain(r, config_lookup(cfg, "gba.cse_id"), "gba.cse_id", "not an absolute CSE-ID like //sp.example.com/C1");
}

/* "0,2,7", each 0 to 23; the mask, or false. */
bool agent_config_pcrs(const struct agent_config *c, uint32_t *ret_mask)
{
	return mst_secenv_pcrs(c->secenv_pcrs, ret_mask);
}

/* What the settings of secenv need of one another. */
static void check_secenv(struct reading *r, const config_t *cfg)
{
	struct agent_config *c = r->c;
	uint32_t mask;

	if (c->secenv_backend != AGENT_BACKEND_FILE)
		snprintf(c->secenv_device, sizeof(c->secenv_device), "%s", !c->secenv_tcti[0] ? "/dev/tpmrm0" :
			 !strncmp(c->secenv_tcti, "device:", 7) ? c->secenv_tcti + 7 : "");

	if (c->secenv_backend == AGENT_BACKEND_PKCS11 && !c->secenv_token[0])
		complain(r, config_lookup(cfg, "secenv.backend"), "secenv.token", "is needed with pkcs11: the token's label");
	if (c->secenv_backend == AGENT_BACKEND_PKCS11 && !c->secenv_pin[0])
		complain(r, config_lookup(cfg, "secenv.backend"), "secenv.pin_file", "is needed with pkcs11: a file with the user's PIN");
	if (!agent_config_pcrs(c, &mask))
		complain(r, config_lookup(cfg, "secenv.pcrs"), "secenv.pcrs", "not a list like \"0,2,7\", each once, 0 to 23");
	if (c->secenv_secret[0] && c->secenv_backend > AGENT_BACKEND_FILE)
		complain(r, config_lookup(cfg, "secenv.secret_file"), "secenv.secret_file", "is of the back end file; tpm, pkcs11 and card have pin_file");
}

/* Before it is opened: the other end of a pipe is not waited for. */
static const char *unreadable(const char *file)
{
	struct stat st;

	if (stat(file, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "is no regular file";
	return access(file, R_OK) < 0 ? strerror(errno) : NULL;
}

int agent_config_parse(const char *file, char *text, struct agent_config *ret_c, FILE *err)
{
	struct agent_config *c = calloc(1, sizeof(*c));
	char dir[AGENT_PATH_MAX] = "";
	struct reading r = { .c = c, .dir = dir, .err = err };
	const char *slash = strrchr(file, '/');
	unsigned line = 0;
	config_t cfg;

	if (!c) {
		fprintf(err, "%s: %s\n", file, mst_fault_text(MST_FAULT_MEMORY));
		return MST_FAULT_MEMORY;
	}
	if ((size_t)snprintf(c->file, sizeof(c->file), "%s", file) >= sizeof(c->file)) {
		fprintf(err, "%s: the file's name is too long\n", file);
		free(c);
		return MST_FAULT_CONFIG;
	}
	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - file + 1), file);
	for (size_t i = 0; i < MST_COUNT(items); i++)
		set_value(&r, &items[i], NULL, items[i].preset);
	mst_config_show_nul(text);
	config_init(&cfg);
	if (mst_config_has_include(text, &line)) {
		fprintf(err, "%s:%u: @include: is not allowed; put all settings into this file\n", file, line);
		r.errors++;
	} else if (config_read_string(&cfg, text) != CONFIG_TRUE) {
		fprintf(err, "%s:%d: %s\n", file, config_error_line(&cfg), config_error_text(&cfg));
		r.errors++;
	} else {
		read_group(&r, config_root_setting(&cfg), "");
	}
	if (!r.errors && c->backoff_first > c->backoff_max)
		complain(&r, config_lookup(&cfg, "backoff_max"), "backoff_max", "is less than backoff_first");
	if (!r.errors)
		check_card(&r, &cfg);
	if (!r.errors)
		check_secenv(&r, &cfg);
	if (!r.errors && !c->psk_identity[0] != !c->psk_file[0])
		complain(&r, NULL, c->psk_file[0] ? "psk_file" : "psk_identity", "psk_identity and psk_file belong together");
	if (!r.errors)
		*ret_c = *c;
	config_destroy(&cfg);
	free(c);
	return r.errors ? MST_FAULT_CONFIG : 0;
}

int agent_config_read(const char *file, struct agent_config *ret_c, FILE *err)
{
	struct mst_diag d = { 0 };
	uint8_t *text = NULL;
	const char *why = unreadable(file);
	size_t n = 0;
	int r;

	if (why) {
		fprintf(err, "%s: cannot be read (%s); give the right file with -c\n", file, why);
		return MST_FAULT_CONFIG;
	}
	r = agent_read_file(file, CONFIG_OCTETS, false, &text, &n, &d);
	if (!r && memchr(text, 0, n)) {
		mst_diag_set(&d, 0, "", "is not a configuration; a text file is wanted", NULL);
		free(text);
		r = MST_FAULT_CONFIG;
	}
	if (r) {
		fprintf(err, "%s: %s\n", file, d.text[0] ? d.text : mst_fault_text(r));
		return r < 0 ? r : MST_FAULT_CONFIG;
	}
	r = agent_config_parse(file, (char *)text, ret_c, err);
	free(text);
	return r;
}

struct mst_quirks agent_config_quirks(const struct agent_config *c)
{
	struct mst_quirks q = mst_quirks_default;

	q.names = (enum mst_profile)c->names;
	q.hex_lower = c->hex != 0;
	q.coap_early = c->coap_options != 0;
	q.mef_label = (__typeof__(q.mef_label))c->mef_label;
	q.saef_psk_first_half = c->saef_psk != 0;
	q.naf_as_spelled = c->naf_name != 0;
	return q;
}

const char *agent_config_route(const struct agent_config *c, const char *host, uint16_t port)
{
	char name[AGENT_PATH_MAX];

	snprintf(name, sizeof(name), "%s:%u", host, port);
	for (size_t i = 0; i < c->n_routes; i++) {
		if (!strcasecmp(c->route[i].name, name))
			return c->route[i].address;
	}
	return NULL;
}
