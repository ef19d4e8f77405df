/* What the configuration names, out of its table: a setting that is new is in it by itself. */
#include <stdio.h>
#include <string.h>

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

bool mst_conf_places(const struct mst_conf *c, mst_conf_place_each *each, void *arg)
{
	const char *groups = "";

	for (size_t i = 0; i < mst_conf_n_items; i++) {
		const struct mst_conf_item *it = &mst_conf_items[i];
		size_t n = strlen(groups);

		if (it->type == MST_CONF_T_GROUPS)
			groups = it->key;
		/* rows of an element have offsets in it: none of them is a path */
		if ((it->type == MST_CONF_T_PATH || it->type == MST_CONF_T_ADDRESS) && !(n && !strncmp(it->key, groups, n) && it->key[n] == '.') &&
		    of_item(c, it, each, arg))
			return true;
	}
	return false;
}
