/*
 * A new generation of the key-encryption key (decision 0027). From the moment that it is on the disk everything is wrapped with it; the
 * one before opens what it has wrapped, until the engine has had every row wrapped anew and says so.
 */
#include <string.h>

#include "keeper/local.h"

static const char wrap_label[] = "muster keeper: wrapping 1", mark_label[] = "muster keeper: which key 1";

int keeper_kek_ready(struct local *l, const struct keeper_kek *k, struct keeper_kek *ret)
{
	struct keeper_kek out = { .gen = k->gen, .kind = k->kind };
	uint8_t mark[KEK_LEN];
	int r = keeper_subkey(l->c, k->key, wrap_label, out.key);

	if (!r)
		r = keeper_subkey(l->c, k->key, mark_label, mark);
	if (!r) {
		memcpy(out.mark, mark, sizeof(out.mark));
		*ret = out;
	}
	mst_wipe(&out, sizeof(out));
	return r;
}

int keeper_generations(struct mst_keeper *k, struct mst_keeper_generations *ret)
{
	struct local *l = keeper_of(k);

	*ret = (struct mst_keeper_generations){ .now = l->wrap[0].gen, .before = l->n_wrap > 1 ? l->wrap[1].gen : 0,
						.kind = (uint32_t)l->wrap[0].kind };
	memcpy(ret->mark, l->wrap[0].mark, sizeof(ret->mark));
	return 0;
}

/* The CA's key by the newest generation. */
static int seal_ca(struct local *l)
{
	int r = keeper_ca_seal(l->dir, l->c, &l->unsealed, &l->files, NULL);

	if (!r)
		mst_wipe(&l->unsealed, sizeof(l->unsealed));
	return r;
}

/* The key of the next one: of the device, or random. */
static int next_kek(struct local *l, struct keeper_kek *next)
{
	if (!l->in_device)
		return l->c->ops->random(l->c, next->key, KEK_LEN);
	next->kind = l->spare.kind;
	memcpy(next->key, l->spare.key, KEK_LEN);
	return 0;
}

/*
 * What can fail comes first, and is put in place behind that: a number stands for its own key at any time, or what is wrapped under it opens no
 * more after the next start.
 */
int keeper_rotate(struct mst_keeper *k, uint32_t *ret_gen)
{
	struct local *l = keeper_of(k);
	struct keeper_kek next = { .gen = l->wrap[0].gen + 1 }, ready;
	int r;

	if (l->n_wrap > 1 || next.gen > MST_GENERATION_MAX)
		return keeper_refuse(l, MST_KEEPER_DENIED);
	if (l->in_device && !l->spare.gen)
		return keeper_refuse(l, MST_KEEPER_AWAY);
	if (!keeper_allowed(l, KEEPER_ROTATE))
		return keeper_refuse(l, MST_KEEPER_LEAVE);
	r = next_kek(l, &next);
	if (!r)
		r = keeper_kek_ready(l, &next, &ready);
	if (!r)
		r = l->in_device ? keeper_kek_take_spare(l->dir, next.gen) : keeper_kek_write(l->dir, next.gen, next.key, NULL);
	if (!r) {
		mst_wipe(&l->spare, sizeof(l->spare));
		l->wrap[1] = l->wrap[0];
		l->wrap[0] = ready;
		l->n_wrap = 2;
		/* The rotation has begun. When the power goes before this the next start does it; when it fails, keeper_retire(). */
		l->unsealed = next;
		(void)!seal_ca(l);
		l->counts.rotated++;
		*ret_gen = next.gen;
	}
	mst_wipe(&ready, sizeof(ready));
	mst_wipe(&next, sizeof(next));
	return r;
}

int keeper_rewrap(struct mst_keeper *k, const struct mst_wrapped *w, enum mst_key_purpose p, const char *key_id, struct mst_wrapped *ret_w)
{
	struct local *l = keeper_of(k);
	struct mst_key key = { .n = 0 };
	int r;

	if ((unsigned)p <= MST_PURPOSE_NONE || (unsigned)p >= MST_PURPOSE__COUNT || !keeper_id_usable(key_id))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	/* a generation of that number may be another keeper's: only what opens is ours */
	r = keeper_unwrap(l, w, p, key_id, &key);
	if (!r)
		r = mst_wrapped_generation(w) == l->wrap[0].gen ? (int)MST_KEEPER_SAME : keeper_wrap(l, &key, p, key_id, ret_w);
	mst_key_wipe(&key);
	l->counts.rewrapped += !r;
	l->counts.refused += r == MST_KEEPER_FORGED;
	return r;
}

int keeper_retire(struct mst_keeper *k, uint32_t gen)
{
	struct local *l = keeper_of(k);
	int r = 0;

	if (l->n_wrap < 2 || gen != l->wrap[1].gen || (l->files.ca_gen != l->wrap[0].gen && l->unsealed.gen != l->wrap[0].gen))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	if (l->unsealed.gen)
		r = seal_ca(l);
	if (r)
		return r;
	r = keeper_kek_destroy(l->dir, &l->wrap[1], NULL);
	if (r)
		return r;
	mst_wipe(&l->wrap[1], sizeof(l->wrap[1]));
	l->n_wrap = 1;
	return 0;
}
