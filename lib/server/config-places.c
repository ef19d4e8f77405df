/* What the configuration names, out of its table: a setting that is new is in it by itself. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server/config-internal.h"

/* Its path, or NULL: addresses that are no local sockets. */
static const char *path_in(const struct mst_conf_item *it, const char *value)
{
	bool local = it->type == MST_CONF_T_ADDRESS && !strncmp(value, "unix:", 5);

	return local ? value + 5 : it->type == MST_CONF_T_PATH && *value ? value : NULL;
}

static bool of_item(const struct mst_conf *c, const struct mst_conf_item *it, mst_conf_place_each *each, void *arg)
{
	const char *at = (const char *)c + it->offset;
	bool list = it->flags & MST_CONF_LIST;
	size_t n = list ? *(const size_t *)(const void *)((const char *)c + it->count) : 1;
	char field[96];

	for (size_t i = 0; i < n; i++) {
		struct mst_conf_place p = { field, path_in(it, at + i * it->cap), it->flags & MST_CONF_SECRET };

		snprintf(field, sizeof(field), list ? "%s[%zu]" : "%s", it->key, i);
		if (p.path && each(arg, &p))
			return true;
	}
	return false;
}

/* Rows of an element of the groups before them have offsets in it. */
static bool in_groups(const struct mst_conf_item *groups, const struct mst_conf_item *it)
{
	size_t n = groups ? strlen(groups->key) : 0;

	return n && !strncmp(it->key, groups->key, n) && it->key[n] == '.';
}

bool mst_conf_places(const struct mst_conf *c, mst_conf_place_each *each, void *arg)
{
	const struct mst_conf_item *groups = NULL;

	for (size_t i = 0; i < mst_conf_n_items; i++) {
		const struct mst_conf_item *it = &mst_conf_items[i];

		if (it->type == MST_CONF_T_GROUPS)
			groups = it;
		/* none of those is a path */
		if ((it->type == MST_CONF_T_PATH || it->type == MST_CONF_T_ADDRESS) && !in_groups(groups, it) && of_item(c, it, each, arg))
			return true;
	}
	return false;
}

static size_t count_at(const char *base, size_t offset)
{
	return *(const size_t *)(const void *)(base + offset);
}

static bool has_name(const struct mst_conf_item *it, const char *base, const char *name)
{
	size_t n = it->flags & MST_CONF_LIST ? count_at(base, it->count) : 1;

	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(base + it->offset + i * it->cap, name))
			return true;
	return false;
}

bool mst_conf_names_server(const struct mst_conf *c, const char *name)
{
	const struct mst_conf_item *groups = NULL;
	const char *conf = (const char *)c;
	bool found = false;

	for (size_t i = 0; i < mst_conf_n_items && !found; i++) {
		const struct mst_conf_item *it = &mst_conf_items[i];

		if (it->type == MST_CONF_T_GROUPS)
			groups = it;
		if (it->type != MST_CONF_T_FQDN || it->flags & MST_CONF_DOMAIN)
			continue;
		if (!in_groups(groups, it))
			found = has_name(it, conf, name);
		for (size_t k = 0; in_groups(groups, it) && k < count_at(conf, groups->count) && !found; k++)
			found = has_name(it, conf + groups->offset + k * groups->stride, name);
	}
	return found;
}
