/* Texts generated from the table: example, effective configuration, manual. */
#include <stdio.h>
#include <string.h>

#include "server/config-internal.h"

static void indent(struct mst_writer *w, unsigned depth)
{
	while (depth--)
		mst_put_str(w, "    ");
}

static void put_quoted(struct mst_writer *w, const char *s)
{
	mst_put_str(w, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			mst_put_str(w, "\\");
		mst_put(w, (struct mst_view){ (const uint8_t *)s, 1 });
	}
	mst_put_str(w, "\"");
}

static bool bare(const struct mst_conf_item *it)
{
	return it->type == MST_CONF_T_BOOL || it->type == MST_CONF_T_COUNT;
}

/* A value out of the struct at `at`. */
static void put_value(struct mst_writer *w, const struct mst_conf_item *it, const char *at)
{
	if (it->type == MST_CONF_T_BOOL)
		mst_put_str(w, *(const bool *)at ? "true" : "false");
	else if (it->type == MST_CONF_T_COUNT) {
		mst_put_dec(w, *(const int64_t *)(const void *)at);
		if (*(const int64_t *)(const void *)at > INT32_MAX)
			mst_put_str(w, "L");         /* else libconfig would read it modulo 2^32 */
	} else if (it->type == MST_CONF_T_CHOICE)
		put_quoted(w, it->choices[*(const int64_t *)(const void *)at]);
	else if (it->type == MST_CONF_T_SECONDS) {
		mst_put_str(w, "\"");
		mst_conf_put_duration(w, *(const int64_t *)(const void *)at);
		mst_put_str(w, "\"");
	} else
		put_quoted(w, at);
}

static void put_sample(struct mst_writer *w, const struct mst_conf_item *it)
{
	const char *v = it->def ? it->def : it->sample;

	if (bare(it))
		mst_put_str(w, v);
	else
		put_quoted(w, v);
}

static void put_help(struct mst_writer *w, const struct mst_conf_item *it, unsigned depth)
{
	char num[96];

	indent(w, depth);
	mst_put_str(w, "// ");
	mst_put_str(w, it->help);
	if (it->type == MST_CONF_T_CHOICE) {
		for (size_t i = 0; it->choices[i]; i++) {
			mst_put_str(w, i ? " | " : ": ");
			mst_put_str(w, it->choices[i]);
		}
	} else if (it->type == MST_CONF_T_COUNT) {
		snprintf(num, sizeof(num), " (%lld to %lld)", (long long)it->least, (long long)it->most);
		mst_put_str(w, num);
	} else if (it->type == MST_CONF_T_SECONDS) {
		mst_put_str(w, " (");
		mst_conf_put_duration(w, it->least);
		mst_put_str(w, " to ");
		mst_conf_put_duration(w, it->most);
		mst_put_str(w, ")");
	}
	mst_put_str(w, "\n");
}

static const char *own_name(const char *key)
{
	const char *dot = strrchr(key, '.');

	return dot ? dot + 1 : key;
}

static bool child_of(const char *key, const char *prefix)
{
	size_t n = strlen(prefix);

	if (n && (strncmp(key, prefix, n) || key[n] != '.'))
		return false;
	return !strchr(key + (n ? n + 1 : 0), '.');
}

static void put_group(struct mst_writer *w, const char *base, const char *prefix, unsigned depth);

static void put_list(struct mst_writer *w, const struct mst_conf_item *it, const char *base)
{
	size_t n = base ? *(const size_t *)(const void *)(base + it->count) : 1;

	mst_put_str(w, " = [");
	for (size_t i = 0; i < n; i++) {
		mst_put_str(w, i ? ", " : " ");
		if (base)
			put_value(w, it, base + it->offset + i * it->cap);
		else
			put_sample(w, it);
	}
	mst_put_str(w, n ? " ];\n" : "];\n");
}

static void put_groups(struct mst_writer *w, const struct mst_conf_item *it, const char *base, unsigned depth)
{
	size_t n = base ? *(const size_t *)(const void *)(base + it->count) : 1;

	mst_put_str(w, " = (");
	for (size_t i = 0; i < n; i++) {
		mst_put_str(w, i ? ", {\n" : " {\n");
		put_group(w, base ? base + it->offset + i * it->stride : NULL, it->key, depth + 1);
		indent(w, depth);
		mst_put_str(w, "}");
	}
	mst_put_str(w, n ? " );\n" : ");\n");
}

static void put_group(struct mst_writer *w, const char *base, const char *prefix, unsigned depth)
{
	for (size_t i = 0; i < mst_conf_n_items; i++) {
		const struct mst_conf_item *it = &mst_conf_items[i];

		if (!child_of(it->key, prefix) || (!base && (it->flags & MST_CONF_HIDDEN)))
			continue;
		if (base && it->type == MST_CONF_T_GROUP && it->offset && !*(const bool *)(base + it->offset))
			continue;
		if (!base) {
			if (!depth)
				mst_put_str(w, "\n");
			put_help(w, it, depth);
		}
		indent(w, depth);
		mst_put_str(w, own_name(it->key));
		if (it->type == MST_CONF_T_GROUP) {
			mst_put_str(w, " = {\n");
			put_group(w, base, it->key, depth + 1);
			indent(w, depth);
			mst_put_str(w, "};\n");
		} else if (it->type == MST_CONF_T_GROUPS) {
			put_groups(w, it, base, depth);
		} else if (it->flags & MST_CONF_LIST) {
			put_list(w, it, base);
		} else {
			mst_put_str(w, " = ");
			if (base)
				put_value(w, it, base + it->offset);
			else
				put_sample(w, it);
			mst_put_str(w, ";\n");
		}
	}
}

void mst_conf_print(const struct mst_conf *c, struct mst_writer *w)
{
	if (!c)
		mst_put_str(w,
			    "// Configuration of musterd, with every setting. Generated from the table in\n"
			    "// lib/server/config-table.c; values are the defaults, or samples where there "
			    "is none.\n"
			    "// Relative paths are relative to the directory of this file. See "
			    "musterd.conf(5).\n");
	put_group(w, (const char *)c, "", 0);
}

/* scdoc reads * _ \ as markup. */
static void put_manual_text(struct mst_writer *w, const char *s)
{
	for (; *s; s++) {
		if (strchr("*_\\<>#", *s))
			mst_put_str(w, "\\");
		mst_put(w, (struct mst_view){ (const uint8_t *)s, 1 });
	}
}

void mst_conf_manual(struct mst_writer *w)
{
	for (size_t i = 0; i < mst_conf_n_items; i++) {
		const struct mst_conf_item *it = &mst_conf_items[i];
		char num[64];

		mst_put_str(w, "*");
		put_manual_text(w, it->key);
		mst_put_str(w, "*");
		if (it->type == MST_CONF_T_GROUP)
			mst_put_str(w, " = { … }");
		else if (it->type == MST_CONF_T_GROUPS)
			mst_put_str(w, " = ( { … }, … )");
		else if (it->flags & MST_CONF_LIST)
			mst_put_str(w, " = [ \"…\", … ]");
		mst_put_str(w, "\n\t");
		put_manual_text(w, it->help);
		mst_put_str(w, ".");
		if (it->flags & MST_CONF_LIST || it->type == MST_CONF_T_GROUPS) {
			snprintf(num, sizeof(num), " At most %zu.", it->max);
			mst_put_str(w, num);
		}
		if (it->type == MST_CONF_T_CHOICE)
			for (size_t k = 0; it->choices[k]; k++) {
				mst_put_str(w, k ? ", " : " One of ");
				put_manual_text(w, it->choices[k]);
			}
		else if (it->type == MST_CONF_T_COUNT) {
			snprintf(num, sizeof(num), " %lld to %lld", (long long)it->least,
				 (long long)it->most);
			mst_put_str(w, num);
		} else if (it->type == MST_CONF_T_SECONDS) {
			mst_put_str(w, " A duration, ");
			mst_conf_put_duration(w, it->least);
			mst_put_str(w, " to ");
			mst_conf_put_duration(w, it->most);
		}
		if (it->type == MST_CONF_T_CHOICE || it->type == MST_CONF_T_COUNT ||
		    it->type == MST_CONF_T_SECONDS)
			mst_put_str(w, ".");
		if (it->def) {
			mst_put_str(w, " Default: ");
			put_manual_text(w, *it->def ? it->def : "\"\"");
			mst_put_str(w, ".");
		}
		if (it->flags & MST_CONF_NEEDED)
			mst_put_str(w, " Required.");
		if (it->flags & MST_CONF_FIXED)
			mst_put_str(w, it->type == MST_CONF_T_GROUP ? " Whether it is there is changed by a restart only." :
				       " Changed by a restart only.");
		mst_put_str(w, "\n\n");
	}
}
