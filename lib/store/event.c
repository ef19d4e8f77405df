/* The audit chain, the same for every database: canonical text and hash of an entry (store.h). */
#include "store/ops.h"

#include "base/text.h"

static void put_number(struct mst_writer *w, const char *name, int64_t x)
{
	mst_put_str(w, name);
	mst_put_dec(w, x);
	mst_put_u8(w, '\n');
}

static void put_text(struct mst_writer *w, const char *name, const char *text)
{
	mst_put_str(w, name);
	mst_put_percent(w, mst_view_str(text));
	mst_put_u8(w, '\n');
}

int mst_event_hash(const uint8_t prev[MST_SHA256_LEN], const struct mst_event *e,
		   uint8_t ret_hash[MST_SHA256_LEN])
{
	uint8_t text[3072];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	mst_put(&w, (struct mst_view){ prev, MST_SHA256_LEN });
	put_number(&w, "seq=", (int64_t)e->seq);
	put_number(&w, "at=", e->when);
	put_text(&w, "role=", e->role);
	put_text(&w, "what=", e->what);
	put_number(&w, "node=", e->node);
	put_text(&w, "who=", e->who);
	put_text(&w, "attempt=", e->attempt);
	put_number(&w, "outcome=", e->outcome);
	put_text(&w, "why=", e->why);
	if (!w.ok)
		return MST_FAULT_BUG;
	return mst_crypto_openssl()->ops->sha256(mst_crypto_openssl(), mst_written(&w), ret_hash);
}
