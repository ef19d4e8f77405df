/* Walks a libconfig tree along the table; every error is reported and the walk goes on. */
#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config-text.h"
#include "base/text.h"
#include "server/config-internal.h"

struct walk {
	struct mst_conf *c;
	struct mst_conf_report *r;
	const char *file;
};

void mst_conf_wrong(struct mst_conf_report *r, const char *file, unsigned line, const char *field,
		    const char *fmt, ...)
{
	char what[400], text[MST_CONF_PATH + 600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (line)
		snprintf(text, sizeof(text), "%s:%u: %s%s%s", file, line, field, *field ? ": " : "", what);
	else
		snprintf(text, sizeof(text), "%s: %s%s%s", file, field, *field ? ": " : "", what);
	r->errors++;
	if (r->line)
		r->line(r->arg, text);
}

#define WRONG(w, s, field, ...) \
	mst_conf_wrong((w)->r, (w)->file, (s) ? config_setting_source_line(s) : 0, field, __VA_ARGS__)

static const char *type_text(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64: return "a number";
	case CONFIG_TYPE_FLOAT: return "a number with a fraction";
	case CONFIG_TYPE_STRING: return "a text";
	case CONFIG_TYPE_BOOL: return "true or false";
	case CONFIG_TYPE_ARRAY: return "an array";
	case CONFIG_TYPE_LIST: return "a list";
	case CONFIG_TYPE_GROUP: return "a group";
	default: return "something else";
	}
}

/* Is `key` a direct member of the group `prefix` ("" = top)? Then its own name, else NULL. */
static const char *member_of(const char *key, const char *prefix)
{
	size_t n = strlen(prefix);

	if (n) {
		if (strncmp(key, prefix, n) || key[n] != '.')
			return NULL;
		key += n + 1;
	}
	return strchr(key, '.') ? NULL : key;
}

static const struct mst_conf_item *find(const char *prefix, const char *name)
{
	for (size_t i = 0; i < mst_conf_n_items; i++) {
		const char *m = member_of(mst_conf_items[i].key, prefix);

		if (m && !strcmp(m, name))
			return &mst_conf_items[i];
	}
	return NULL;
}

/* Edit distance, for "did you mean". Both at most 63 octets; longer ones are far from everything. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64], up, left;
	size_t n = strlen(a), m = strlen(b);

	if (n > 63 || m > 63)
		return 99;
	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		up = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			left = up + (a[i - 1] != b[j - 1]);
			up = row[j];
			if (row[j] + 1 < left)
				left = row[j] + 1;
			if (row[j - 1] + 1 < left)
				left = row[j - 1] + 1;
			row[j] = left;
		}
	}
	return row[m];
}

static void unknown(struct walk *w, const config_setting_t *s, const char *prefix, const char *field,
		    const char *name)
{
	const char *best = NULL;
	unsigned least = 4;

	for (size_t i = 0; i < mst_conf_n_items; i++) {
		const char *m = member_of(mst_conf_items[i].key, prefix);
		unsigned d = m ? distance(name, m) : 99;

		if (d < least && d < strlen(name)) {
			least = d;
			best = m;
		}
	}
	if (best)
		WRONG(w, s, field, "unknown setting; did you mean \"%s\"?", best);
	else
		WRONG(w, s, field, "unknown setting; see musterd.conf(5) for those that exist");
}

static bool put_text(char *out, size_t cap, const char *a, const char *b, const char *c)
{
	int n = snprintf(out, cap, "%s%s%s", a, b, c);

	return n >= 0 && (size_t)n < cap;
}

/* A path, or the path behind `scheme`, made absolute against the file's directory. */
static bool put_path(struct walk *w, char *out, size_t cap, const char *scheme, const char *path)
{
	char dir[MST_CONF_PATH + 2];

	if (path[0] == '/')
		return put_text(out, cap, scheme, path, "");
	snprintf(dir, sizeof(dir), "%s%s/", scheme, w->c->dir);
	return put_text(out, cap, dir, path, "");
}

static bool good_address(const char *v)
{
	const char *colon = strrchr(v, ':');
	uint64_t port;

	if (!strncmp(v, "unix:", 5))
		return v[5] != '\0';
	if (!colon || colon == v || !mst_parse_dec(mst_view_str(colon + 1), 65535, &port))
		return false;
	if (v[0] == '[')
		return colon[-1] == ']' && colon - v > 3;
	return memchr(v, ':', (size_t)(colon - v)) == NULL;
}

/* An LDH host name with a dot at least once: what TS-0003 calls an FQDN. */
static bool good_fqdn(const char *v)
{
	size_t label = 0, n = strlen(v);
	bool dot = false;

	if (n > 253)
		return false;
	for (size_t i = 0; i <= n; i++) {
		char ch = v[i];

		if (ch == '.' || !ch) {
			if (!label || label > 63 || v[i - 1] == '-')
				return false;
			dot |= ch == '.';
			label = 0;
		} else if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || (ch == '-' && label)) {
			label++;
		} else {
			return false;
		}
	}
	return dot;
}

/* One text value checked and stored; false after reporting. */
static bool store_text(struct walk *w, const config_setting_t *s, const struct mst_conf_item *it,
                       const char *field, const char *v, char *out)
{
	const char *want = NULL;
	bool fits = true;

	if (!*v && (it->flags & MST_CONF_EMPTY_OK)) {
		out[0] = '\0';
		return true;
	}
	if (!*v)
		want = "it may not be empty";
	else if (it->type == MST_CONF_T_PATH)
		fits = put_path(w, out, it->cap, "", v);
	else if (it->type == MST_CONF_T_ADDRESS && !good_address(v))
		want = "an address like 127.0.0.1:8443, [::1]:8443 or unix:run/x.sock";
	else if (it->type == MST_CONF_T_ADDRESS && !strncmp(v, "unix:", 5))
		fits = put_path(w, out, it->cap < 5 + 108 ? it->cap : 5 + 108, "unix:", v + 5);
	else if (it->type == MST_CONF_T_FQDN && !good_fqdn(v))
		want = "a fully qualified domain name in lower case, like mef.example.com";
	else if (it->type == MST_CONF_T_URI &&
		 (strncmp(v, "https://", 8) || !v[8] || !mst_printable_ascii(mst_view_str(v))))
		want = "a URI that begins with https://";
	else if (it->type == MST_CONF_T_STORE && (strncmp(v, "sqlite:", 7) || !v[7]))
		want = "sqlite: and a file name, like sqlite:store/muster.db";
	else if (it->type == MST_CONF_T_STORE)
		fits = put_path(w, out, it->cap, "sqlite:", v + 7);
	else
		fits = put_text(out, it->cap, v, "", "");
	if (want)
		WRONG(w, s, field, "\"%.100s\" will not do; %s", v, want);
	else if (!fits)
		WRONG(w, s, field, "too long; at most %zu characters, the directory of this file included",
		      it->cap - 1);
	return !want && fits;
}

static void store_number(struct walk *w, const config_setting_t *s, const struct mst_conf_item *it,
                         const char *field, int64_t v, int64_t *out)
{
	char lo[32], hi[32];
	struct mst_writer a = mst_writer_of(lo, sizeof(lo)), b = mst_writer_of(hi, sizeof(hi));

	if (v >= it->least && v <= it->most) {
		*out = v;
		return;
	}
	if (it->type == MST_CONF_T_SECONDS) {
		mst_conf_put_duration(&a, it->least);
		mst_conf_put_duration(&b, it->most);
	} else {
		mst_put_dec(&a, it->least);
		mst_put_dec(&b, it->most);
	}
	mst_put_nul(&a);
	mst_put_nul(&b);
	WRONG(w, s, field, "%lld is out of range; %s to %s", (long long)v, lo, hi);
}

static void store_choice(struct walk *w, const config_setting_t *s, const struct mst_conf_item *it,
                         const char *field, const char *v, int64_t *out)
{
	char all[160] = "";

	for (size_t i = 0; it->choices[i]; i++) {
		if (!strcmp(it->choices[i], v)) {
			*out = (int64_t)i;
			return;
		}
		if (i)
			strncat(all, ", ", sizeof(all) - strlen(all) - 1);
		strncat(all, it->choices[i], sizeof(all) - strlen(all) - 1);
	}
	WRONG(w, s, field, "unknown value \"%.60s\"; one of %s", v, all);
}

/* A scalar, from a setting, or from the default's text when `s` is NULL. */
static void read_scalar(struct walk *w, const config_setting_t *s, const struct mst_conf_item *it,
                        const char *field, char *out)
{
	int type = s ? config_setting_type(s) : CONFIG_TYPE_STRING;
	const char *text = s ? config_setting_get_string(s) : it->def;
	bool number = type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
	int64_t n = 0;

	if (text && mst_config_has_control(text)) {
		WRONG(w, s, field, "holds a control character; a text without \\x00 to \\x1f and \\x7f is wanted");
		return;
	}
	if (it->type == MST_CONF_T_BOOL) {
		if (!s)
			*(bool *)out = !strcmp(it->def, "true");
		else if (type != CONFIG_TYPE_BOOL)
			WRONG(w, s, field, "is %s; true or false without quotes is wanted", type_text(s));
		else
			*(bool *)out = config_setting_get_bool(s) != 0;
	} else if (it->type == MST_CONF_T_COUNT) {
		if (s && !number)
			WRONG(w, s, field, "is %s; a whole number is wanted", type_text(s));
		else
			store_number(w, s, it, field,
				     s ? config_setting_get_int64(s) : strtoll(it->def, NULL, 10),
				     (int64_t *)(void *)out);
	} else if (it->type == MST_CONF_T_SECONDS) {
		if (number)
			n = config_setting_get_int64(s);
		else if (!text || !mst_conf_duration(text, &n)) {
			WRONG(w, s, field,
			      "is no duration; seconds, or a text like \"90s\", \"15m\", \"12h\", \"365d\", "
			      "\"4w\" is wanted");
			return;
		}
		store_number(w, s, it, field, n, (int64_t *)(void *)out);
	} else if (!text) {
		WRONG(w, s, field, "is %s; a text in double quotes is wanted", type_text(s));
	} else if (it->type == MST_CONF_T_CHOICE) {
		store_choice(w, s, it, field, text, (int64_t *)(void *)out);
	} else {
		(void)store_text(w, s, it, field, text, out);
	}
}

/* What a person looks for; cut short where nobody would read on. */
static void full_name(char *out, size_t cap, const char *a, const char *b, const char *c)
{
	struct mst_writer w = mst_writer_of(out, cap - 1);

	mst_put_str(&w, a);
	mst_put_str(&w, b);
	mst_put_str(&w, c);
	out[w.n] = '\0';
}

/* `prefix` is the table's, "maf.mefs"; `shown` what a person looks for, "maf.mefs[1]". */
static void read_group(struct walk *w, const config_setting_t *g, const char *prefix, const char *shown,
		       char *base, bool needed);

static void read_list(struct walk *w, const config_setting_t *s, const struct mst_conf_item *it,
		      const char *shown, char *base)
{
	size_t *n = (size_t *)(void *)(base + it->count);
	int have = config_setting_length(s);
	char field[260], index[16];

	if (!config_setting_is_aggregate(s) || config_setting_is_group(s)) {
		WRONG(w, s, shown, "is %s; %s is wanted", type_text(s), it->type == MST_CONF_T_GROUPS ?
		      "a list of groups ( { … } )" : "an array of texts [ \"…\" ]");
		return;
	}
	if ((size_t)have > it->max) {
		WRONG(w, s, shown, "%d entries are too many; at most %zu", have, it->max);
		return;
	}
	if (!have && (it->flags & MST_CONF_NEEDED))
		WRONG(w, s, shown, "is empty; at least one entry is needed");
	for (int i = 0; i < have; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		snprintf(index, sizeof(index), "[%d]", i);
		full_name(field, sizeof(field), shown, index, "");
		if (it->type != MST_CONF_T_GROUPS)
			read_scalar(w, e, it, field, base + it->offset + it->cap * *n);
		else if (!config_setting_is_group(e))
			WRONG(w, e, field, "is %s; a group { … } is wanted", type_text(e));
		else
			read_group(w, e, it->key, field, base + it->offset + it->stride * *n, true);
		(*n)++;
	}
}

static void read_item(struct walk *w, const config_setting_t *s, const struct mst_conf_item *it,
		      const char *shown, char *base)
{
	if (it->type == MST_CONF_T_GROUP) {
		if (!config_setting_is_group(s)) {
			WRONG(w, s, shown, "is %s; a group { … } is wanted", type_text(s));
			return;
		}
		if (it->offset)
			*(bool *)(base + it->offset) = true;
		read_group(w, s, it->key, shown, base, true);
	} else if ((it->flags & MST_CONF_LIST) || it->type == MST_CONF_T_GROUPS) {
		read_list(w, s, it, shown, base);
	} else {
		read_scalar(w, s, it, shown, base + it->offset);
	}
}

/* All members of one group: those given, then defaults for the rest. `g` NULL: the group is absent. */
static void read_group(struct walk *w, const config_setting_t *g, const char *prefix, const char *shown,
		       char *base, bool needed)
{
	int n = g ? config_setting_length(g) : 0;
	char field[260];

	for (int i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(g, (unsigned)i);
		const struct mst_conf_item *it = find(prefix, config_setting_name(s));

		full_name(field, sizeof(field), shown, *shown ? "." : "", config_setting_name(s));
		if (it)
			read_item(w, s, it, field, base);
		else
			unknown(w, s, prefix, field, config_setting_name(s));
	}
	for (size_t i = 0; i < mst_conf_n_items; i++) {
		const struct mst_conf_item *it = &mst_conf_items[i];
		const char *name = member_of(it->key, prefix);

		if (!name || (g && config_setting_get_member(g, name)))
			continue;
		full_name(field, sizeof(field), shown, *shown ? "." : "", name);
		if (it->type == MST_CONF_T_GROUP)
			read_group(w, NULL, it->key, field, base, false);
		else if (it->flags & MST_CONF_NEEDED && needed)
			WRONG(w, g, field, "is missing; %s", it->help);
		else if (it->def)
			read_scalar(w, NULL, it, field, base + it->offset);
	}
}

/* The library's path has a dot before an index: "maf.mefs.[1].fqdn". */
static unsigned line_of(const void *text, const char *field)
{
	char path[260];
	size_t n = 0;

	for (const char *p = field; *p && n + 2 < sizeof(path); p++) {
		if (*p == '[')
			path[n++] = '.';
		path[n++] = *p;
	}
	path[n] = '\0';
	while (n) {
		const config_setting_t *s = config_lookup(text, path);

		if (s)
			return config_setting_source_line(s);
		while (n && path[n] != '.')
			n--;
		path[n] = '\0';
	}
	return 0;
}

unsigned mst_conf_line_in(const char *text, const char *field)
{
	unsigned line = 0;
	config_t cfg;

	config_init(&cfg);
	if (config_read_string(&cfg, text) == CONFIG_TRUE)
		line = line_of(&cfg, field);
	config_destroy(&cfg);
	return line;
}

static void set_place(struct mst_conf *c, const char *file)
{
	const char *slash;
	char cwd[MST_CONF_PATH] = "";
	char *real = realpath(file, NULL);
	const char *full = real ? real : file;

	if (full[0] != '/' && !mst_conf_cwd(cwd, sizeof(cwd)))
		cwd[0] = '\0';
	snprintf(c->file, sizeof(c->file), "%s", file);
	slash = strrchr(full, '/');
	if (full[0] == '/')
		snprintf(c->dir, sizeof(c->dir), "%.*s", (int)(slash - full), full);
	else
		snprintf(c->dir, sizeof(c->dir), "%.400s/%.*s", cwd, slash ? (int)(slash - full) : 1,
			 slash ? full : ".");
	free(real);
}

int mst_conf_read(const char *file, const char *text, struct mst_conf_report *r, struct mst_conf **ret_c)
{
	struct mst_conf *c = calloc(1, sizeof(*c));
	struct walk w = { .c = c, .r = r, .file = file };
	char *shown = strdup(text);
	config_t cfg;
	unsigned line;

	r->errors = 0;
	if (!c || !shown) {
		free(shown);
		free(c);
		return MST_FAULT_MEMORY;
	}
	set_place(c, file);
	mst_config_show_nul(shown);
	config_init(&cfg);
	/* An include would be read by the supervisor only and would not be there for its children. */
	if (mst_config_has_include(text, &line)) {
		mst_conf_wrong(r, file, line, "@include", "is not allowed; put all settings into this file");
	} else if (mst_config_has_wrapped_number(text, &line)) {
		mst_conf_wrong(r, file, line, "", "a number beyond 2147483647; write an L behind a number as large as that");
	} else if (config_read_string(&cfg, shown) != CONFIG_TRUE) {
		mst_conf_wrong(r, file, (unsigned)config_error_line(&cfg), "",
			       "%s; the syntax is that of libconfig: name = value;", config_error_text(&cfg));
	} else {
		read_group(&w, config_root_setting(&cfg), "", "", (char *)c, true);
		if (!r->errors)
			mst_conf_rules(c, file, line_of, &cfg, r);
	}
	config_destroy(&cfg);
	free(shown);
	if (r->errors) {
		free(c);
		return MST_FAULT_CONFIG;
	}
	*ret_c = c;
	return 0;
}
