/* The store's face: seals of the audit log, and wrapped keys wherever they are. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/ops.h"

int mst_store_event_head(struct mst_store *s, struct mst_event_head *ret)
{
	return s->ops->event_head(s, ret);
}

int mst_store_event_walk(struct mst_store *s, struct mst_event_walk *w)
{
	return s->ops->event_walk(s, w);
}

int mst_store_event_is(struct mst_store *s, const struct mst_event_head *h)
{
	return s->ops->event_is(s, h);
}

int mst_store_seal_put(struct mst_store *s, const struct mst_log_seal *r)
{
	return s->ops->seal_put(s, r);
}

int mst_store_seal_list(struct mst_store *s, uint64_t after, int (*each)(void *, const struct mst_log_seal *), void *arg)
{
	return s->ops->seal_list(s, after, each, arg);
}

int mst_store_wrapped_list(struct mst_store *s, enum mst_wrapped_part p, int64_t after, size_t limit,
			   int (*each)(void *, const struct mst_wrapped_row *), void *arg)
{
	return (unsigned)p < MST_WRAPPED__COUNT ? s->ops->wrapped_list(s, p, after, limit, each, arg) : MST_FAULT_BUG;
}

int mst_store_wrapped_put(struct mst_store *s, enum mst_wrapped_part p, int64_t row, const struct mst_wrapped *key)
{
	return (unsigned)p < MST_WRAPPED__COUNT ? s->ops->wrapped_put(s, p, row, key) : MST_FAULT_BUG;
}

int mst_store_wrapped_others(struct mst_store *s, const uint8_t head[MST_WRAPPED_HEAD], int64_t *ret_n)
{
	return s->ops->wrapped_others(s, head, ret_n);
}

bool mst_rotation_fits(const struct mst_rotation *r, const struct mst_keeper_generations *g)
{
	return r->generation == g->now && memcmp(r->mark, g->mark, sizeof(r->mark)) == 0;
}

int mst_store_rotation_put(struct mst_store *s, const struct mst_rotation *r)
{
	return s->ops->rotation_put(s, r);
}

int mst_store_rotation_get(struct mst_store *s, struct mst_rotation *ret)
{
	return s->ops->rotation_get(s, ret);
}

/* What is bound into the wrapping of a registered key is its whole name (role/common/apply.c), and whether it is Ke is a setting's to say. */
static int keyreg_anew(struct mst_keeper *k, const struct mst_wrapped_row *r, const char *fqdn, struct mst_wrapped *ret_w)
{
	static const enum mst_key_purpose purposes[] = { MST_PURPOSE_KEYREG, MST_PURPOSE_KE };
	char key_id[MST_ID_MAX];
	int got = MST_KEEPER_FORGED;

	if (!*fqdn || snprintf(key_id, sizeof(key_id), "%s@%s", r->key_id, fqdn) >= (int)sizeof(key_id))
		return got;
	for (size_t i = 0; i < MST_COUNT(purposes) && got == MST_KEEPER_FORGED; i++)
		got = k->ops->rewrap(k, &r->key, purposes[i], key_id, ret_w);
	return got;
}

/* A vector is bound to the B-TID that its RAND gives, which is what the nonce begins with (TS 24.109). When the BSF has another name by now
 * nobody can answer it any more, and nothing is lost with it: there is nothing to do. */
static int vector_anew(struct mst_keeper *k, const struct mst_wrapped_row *r, const char *fqdn, struct mst_wrapped *ret_w)
{
	uint8_t raw[GBA_RAND + GBA_AUTN];
	char btid[MST_ID_MAX];
	struct mst_writer w = mst_writer_of(btid, sizeof(btid));
	size_t n;
	int got;

	if (!*fqdn || !mst_base64_decode(mst_view_str(r->key_id), raw, sizeof(raw), &n) || n != sizeof(raw))
		return MST_KEEPER_SAME;
	mst_put_base64(&w, (struct mst_view){ raw, GBA_RAND });
	mst_put_str(&w, "@");
	mst_put_str(&w, fqdn);
	mst_put_nul(&w);
	if (!w.ok)
		return MST_KEEPER_SAME;
	got = k->ops->rewrap(k, &r->key, MST_PURPOSE_AV, btid, ret_w);
	return got == MST_KEEPER_FORGED ? (int)MST_KEEPER_SAME : got;
}

int mst_wrapped_anew(struct mst_keeper *k, enum mst_wrapped_part p, const struct mst_wrapped_row *r, const char *fqdn, struct mst_wrapped *ret_w)
{
	switch (p) {
	case MST_WRAPPED_CREDENTIAL: return k->ops->rewrap(k, &r->key, r->purpose, r->key_id, ret_w);
	case MST_WRAPPED_KEYREG: return keyreg_anew(k, r, fqdn, ret_w);
	case MST_WRAPPED_SIM: return k->ops->rewrap(k, &r->key, MST_PURPOSE_SIM, r->key_id, ret_w);
	case MST_WRAPPED_KS: return k->ops->rewrap(k, &r->key, MST_PURPOSE_KS, r->key_id, ret_w);
	case MST_WRAPPED_AV: return vector_anew(k, r, fqdn, ret_w);
	case MST_WRAPPED__COUNT: break;
	}
	return MST_FAULT_BUG;
}

int mst_store_alone(struct mst_store *s, bool *ret)
{
	return s->ops->alone(s, ret);
}

int mst_store_approval_insert(struct mst_store *s, struct mst_approval *r)
{
	return s->ops->approval_insert(s, r);
}

int mst_store_approval_update(struct mst_store *s, const struct mst_approval *r)
{
	return s->ops->approval_update(s, r);
}

int mst_store_approval_get(struct mst_store *s, int64_t id, struct mst_approval *ret)
{
	return s->ops->approval_get(s, id, ret);
}

int mst_store_approval_list(struct mst_store *s, bool waits, int64_t after, size_t limit, int (*each)(void *, const struct mst_approval *), void *arg)
{
	return s->ops->approval_list(s, waits, after, limit, each, arg);
}

int mst_store_approval_forget(struct mst_store *s, mst_time before)
{
	return s->ops->approval_forget(s, before);
}
