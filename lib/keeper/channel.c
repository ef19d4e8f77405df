#include "keeper/channel.h"

static struct mst_view aad_of(const struct mst_channel *ch, enum channel_way way, unsigned what, uint8_t *out, size_t cap)
{
	struct mst_writer w = mst_writer_of(out, cap);

	mst_put_str(&w, "muster channel 2");
	mst_put_u8(&w, (uint8_t)way);
	mst_put_u8(&w, (uint8_t)what);
	mst_put_u32(&w, ch->id);
	return mst_written(&w);
}

int channel_seal(const struct mst_channel *ch, enum channel_way way, unsigned what, struct mst_crypto *c,
		 const struct mst_key *k, struct mst_wrapped *ret_s)
{
	struct mst_wrapped s = { .n = 0 };
	struct mst_writer w = mst_writer_of(s.b, sizeof(s.b));
	uint8_t aad[32];
	int r;

	if (k->n == 0 || k->n > MST_KEY_ROOM)
		return MST_FAULT_BUG;
	r = mst_box_seal(c, ch->key, aad_of(ch, way, what, aad, sizeof(aad)), mst_key_view(k), &w);
	if (r)
		return r;
	s.n = (uint16_t)w.n;
	*ret_s = s;
	return 0;
}

int channel_open(const struct mst_channel *ch, enum channel_way way, unsigned what, struct mst_crypto *c,
		 struct mst_view sealed, struct mst_key *ret_k)
{
	uint8_t aad[32];
	struct mst_key k = { .n = 0 };
	int r;

	if (sealed.n <= MST_BOX_OVERHEAD || sealed.n > MST_BOX_OVERHEAD + MST_KEY_ROOM)
		return MST_KEEPER_FORGED;
	r = mst_box_open(c, ch->key, aad_of(ch, way, what, aad, sizeof(aad)), sealed, k.b, sizeof(k.b), &k.n);
	if (r == 0)
		*ret_k = k;
	mst_key_wipe(&k);
	return r > 0 ? MST_KEEPER_FORGED : r;
}

int mst_channel_seal(const struct mst_channel *ch, struct mst_crypto *c, enum mst_key_purpose p, const struct mst_key *k,
		     struct mst_wrapped *ret_s)
{
	return p == MST_PURPOSE_NONE ? MST_FAULT_BUG : channel_seal(ch, CHANNEL_TO_KEEPER, (unsigned)p, c, k, ret_s);
}

int mst_channel_open(const struct mst_channel *ch, struct mst_crypto *c, enum mst_key_use use, const struct mst_wrapped *s,
		     struct mst_key *ret_k)
{
	if (s->n > sizeof(s->b) || use == MST_USE_NONE)
		return MST_KEEPER_FORGED;
	return channel_open(ch, CHANNEL_FROM_KEEPER, (unsigned)use, c, (struct mst_view){ s->b, s->n }, ret_k);
}
