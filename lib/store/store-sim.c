/* Dispatch of SIMs, by the IMPI that is looked for. */
#include "store/ops.h"

const char *const mst_sim_state_name[] = { "active", "suspended" };
const char *const mst_sim_uicc_name[] = { "gba", "gba_u" };

int mst_store_sim_insert(struct mst_store *s, struct mst_sim *r)
{
	mst_id_impi(r->impi, r->impi);
	return s->ops->sim_insert(s, r);
}

int mst_store_sim_number(struct mst_store *s, const struct mst_sim *r)
{
	return s->ops->sim_number(s, r);
}

int mst_store_sim_update(struct mst_store *s, const struct mst_sim *r)
{
	return s->ops->sim_update(s, r);
}

int mst_store_sim_delete(struct mst_store *s, int64_t id)
{
	return s->ops->sim_delete(s, id);
}

int mst_store_sim_find(struct mst_store *s, enum mst_sim_name by, const char *name, struct mst_sim *ret)
{
	char key[MST_ID_MAX];

	if (by != MST_SIM_BY_IMPI)
		return s->ops->sim_find(s, by, name, ret);
	mst_id_impi(name, key);
	return s->ops->sim_find(s, by, key, ret);
}

int mst_store_sim_of_node(struct mst_store *s, int64_t node, struct mst_sim *ret)
{
	return s->ops->sim_of_node(s, node, ret);
}

int mst_store_sim_list(struct mst_store *s, const struct mst_sim_filter *f, int (*each)(void *, const struct mst_sim *), void *arg)
{
	return s->ops->sim_list(s, f, each, arg);
}
