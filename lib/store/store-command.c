/* Dispatch of what the command channel needs. */
#include "store/ops.h"

const char *const mst_command_state_name[] = { "waiting", "issued", "ended", "cancelled" };
const char *const mst_command_step_name[] = { "added", "issued", "reissued", "reported", "cancelled", "reported-late" };

int mst_store_command_insert(struct mst_store *s, struct mst_command *r)
{
	return s->ops->command_insert(s, r);
}

int mst_store_command_update(struct mst_store *s, const struct mst_command *r)
{
	return s->ops->command_update(s, r);
}

int mst_store_command_get(struct mst_store *s, int64_t id, struct mst_command *ret)
{
	return s->ops->command_get(s, id, ret);
}

int mst_store_command_next(struct mst_store *s, enum mst_role role, int64_t node, const char *admin_fqdn, struct mst_command *ret)
{
	return s->ops->command_next(s, role, node, admin_fqdn, ret);
}

int mst_store_command_issued(struct mst_store *s, int64_t node, const char *reg_id, const char *cmd_id, struct mst_command *ret)
{
	return s->ops->command_issued(s, node, reg_id, cmd_id, ret);
}

int mst_store_command_list(struct mst_store *s, int64_t node, int64_t after, size_t limit, int (*each)(void *,
		const struct mst_command *), void *arg)
{
	return s->ops->command_list(s, node, after, limit, each, arg);
}

int mst_store_command_open(struct mst_store *s, const char *sub_id, size_t limit, int (*each)(void *, const struct mst_command *), void *arg)
{
	return s->ops->command_open(s, sub_id, limit, each, arg);
}

int mst_store_command_trim(struct mst_store *s, int64_t node, size_t keep)
{
	return s->ops->command_trim(s, node, keep);
}

int mst_store_command_step_add(struct mst_store *s, const struct mst_command_step *r)
{
	return s->ops->command_step_add(s, r);
}

int mst_store_command_step_list(struct mst_store *s, int64_t command, int (*each)(void *, const struct mst_command_step *),
				void *arg)
{
	return s->ops->command_step_list(s, command, each, arg);
}

int mst_store_device_config_put(struct mst_store *s, const struct mst_device_config *r)
{
	return s->ops->device_config_put(s, r);
}

int mst_store_device_config_get(struct mst_store *s, int64_t node, const char *admin_fqdn, struct mst_device_config *ret)
{
	return s->ops->device_config_get(s, node, admin_fqdn, ret);
}

int mst_store_device_config_drop(struct mst_store *s, int64_t node)
{
	return s->ops->device_config_drop(s, node);
}
