/* The audit chain, the same for every database: canonical text and hash of an entry (store.h). */
#include "store/ops.h"

#include <stdio.h>
#include <string.h>

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

#define SHORTENED "audit.shortened"

/* Number and hash of the anchor come first: these words are compared. */
static void put_anchor(const struct mst_event_anchor *a, char *text, size_t cap)
{
	char hex[2 * MST_SHA256_LEN + 1];
	struct mst_writer w = mst_writer_of(hex, sizeof(hex));

	mst_put_hex(&w, (struct mst_view){ a->hash, sizeof(a->hash) });
	mst_put_nul(&w);
	snprintf(text, cap, "removed up to %llu, hash %s: ", (unsigned long long)a->seq, w.ok ? hex : "");
}

void mst_event_shortened(const struct mst_event_anchor *a, uint64_t n, mst_time now, struct mst_event *ret)
{
	size_t at;

	*ret = (struct mst_event){ .when = now, .role = "server", .what = SHORTENED, .who = "engine" };
	put_anchor(a, ret->why, sizeof(ret->why));
	at = strlen(ret->why);
	snprintf(ret->why + at, sizeof(ret->why) - at, "%llu entries", (unsigned long long)n);
}

bool mst_event_tells(const struct mst_event *e, const struct mst_event_anchor *a)
{
	char text[sizeof(e->why)];

	put_anchor(a, text, sizeof(text));
	return e->seq == a->told && !strcmp(e->what, SHORTENED) && !strncmp(e->why, text, strlen(text));
}
