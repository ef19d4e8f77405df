/*
 * Pushed triggers keyed by GBA: each session with a BSF gives a key for the NAF of trigger.naf (TS 33.220, Ua identifier
 * FF00000001 of the private range). It is kept apart from credentials, so that a node that is enrolled nowhere, or no longer
 * where the trigger comes from, can be called. Sealed, as all blobs; the session's other keys cannot be told from it.
 */
#include <string.h>

#include "agent/door.h"

#define BLOB "gba-trigger"
#define VERSION 1
#define BLOB_MAX (3 * MST_ID_MAX)

/* GBA_U: only the card could make it. What an older session left goes then, too: the BSF counts on the newest one. */
void door_gba_keep(struct agent *a, const struct gba_context *x)
{
	uint8_t b[BLOB_MAX], naf_id[GBA_NAF_ID_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	const char *naf = a->cfg.trigger_naf;
	struct mst_key key = { .n = 0 };
	size_t n = 0;
	int r = 0;

	if (!naf[0])
		return;
	if (!x->in_card)
		r = gba_naf_id(mst_view_str(naf), &gba_ua_trigger, naf_id, &n) ?
			    gba_ks_naf(a->crypto, GBA_KEY_ME, x->ks.b, x->rnd, mst_view_str(x->impi), (struct mst_view){ naf_id, n }, &key) :
			    MST_FAULT_BUG;
	mst_put_u8(&w, VERSION);
	mst_put_block16(&w, mst_view_str(naf));
	mst_put_block16(&w, mst_view_str(x->btid));
	mst_put_u64(&w, (uint64_t)x->expires);
	mst_put_block16(&w, (struct mst_view){ key.b, key.n });
	if (r || !w.ok || a->env->ops->store_blob(a->env, BLOB, mst_written(&w), NULL))
		agent_log(a, AGENT_WARN, "trigger-key-not-kept", "naf", naf, NULL);
	if (a->door)
		a->door->keyed = false;
	mst_key_wipe(&key);
	mst_wipe(b, sizeof(b));
}

static bool read_kept(struct mst_view blob, const char *naf, char ret_id[MST_ID_MAX], mst_time *ret_expires, struct mst_key *ret_key)
{
	struct mst_reader r = mst_reader_of(blob);
	struct mst_view whose, btid, key;
	uint8_t version = mst_read_u8(&r);
	uint64_t expires;

	whose = mst_read_block16(&r);
	btid = mst_read_block16(&r);
	expires = mst_read_u64(&r);
	key = mst_read_block16(&r);
	if (!mst_read_end(&r) || version != VERSION || !mst_view_eq_str(whose, naf) || key.n != MST_KEY_LEN || expires > (uint64_t)MST_TIME_MAX ||
	    !gba_trigger_id(btid, ret_id))
		return false;
	memcpy(ret_key->b, key.p, key.n);
	ret_key->n = MST_KEY_LEN;
	*ret_expires = (mst_time)expires;
	return true;
}

int door_gba_add(struct agent *a)
{
	uint8_t b[BLOB_MAX];
	struct mst_key key = { .n = 0 };
	char id[MST_ID_MAX];
	mst_time expires = 0;
	size_t n = 0;
	int r = 1;

	a->door->gba_expires = 0;
	if (!a->cfg.trigger_naf[0] || a->env->ops->load_blob(a->env, BLOB, b, sizeof(b), &n, NULL))
		return 1;
	/* without the time only the counter counts, as for everything at the door */
	if (read_kept((struct mst_view){ b, n }, a->cfg.trigger_naf, id, &expires, &key) && expires > agent_utc_or_0(a)) {
		r = trigger_add_opaque(&a->door->trigger, &key, id);
		a->door->gba_expires = expires;
	}
	mst_key_wipe(&key);
	mst_wipe(b, sizeof(b));
	return r;
}
