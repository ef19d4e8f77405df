/*
 * Keys of SIMs in what people give in (admin API, /v1/sims): each member "secret" that is a text (proto/aka/sim.h) becomes an object,
 *
 *   {"sealed": "<base64, for the keeper>", "algorithm": "milenage"}   or   {"wrong": "<why it is none>"}
 *
 * so that the engine sees no key in clear, and one that is mistyped spoils its own row alone. What is no JSON does not get that far:
 * nobody knows where its keys would stand.
 */
#include <string.h>

#include "base/text.h"
#include "codec/json.h"
#include "proto/aka/sim.h"
#include "server/listener-internal.h"

bool listener_is_sims(struct mst_view path)
{
	for (size_t i = 0; i < path.n; i++)
		if (mst_view_starts(mst_view_sub(path, i, path.n), "/sims"))
			return true;
	return false;
}

static void put_wrong(const struct mst_diag *d, struct mst_writer *out)
{
	mst_put_str(out, "{\"wrong\":");
	mst_json_put_string(out, mst_view_str(d->text));
	mst_put_str(out, "}");
}

/* 0 or a fault. */
static int put_secret(struct listener *l, struct mst_view text, struct mst_writer *out)
{
	struct mst_key k = { .n = 0 };
	struct mst_writer w = mst_writer_of(k.b, sizeof(k.b));
	struct mst_wrapped sealed;
	struct mst_diag d = { 0 };
	struct aka_sim s;
	int r;

	if (aka_sim_read(text, &s, &d)) {
		put_wrong(&d, out);
		return 0;
	}
	aka_sim_pack(&s, &w);
	k.n = w.n;
	r = w.ok ? mst_channel_seal(&l->u.channel, l->u.crypto, MST_PURPOSE_SIM, &k, &sealed) : MST_FAULT_BUG;
	if (!r) {
		mst_put_str(out, "{\"sealed\":\"");
		mst_put_base64(out, (struct mst_view){ sealed.b, sealed.n });
		mst_put_str(out, "\",\"algorithm\":\"");
		mst_put_str(out, aka_algorithm_text(s.keys.algorithm));
		mst_put_str(out, "\"}");
	}
	mst_key_wipe(&k);
	aka_sim_wipe(&s);
	return r;
}

int listener_seal_sims(struct listener *l, struct mst_view content, struct mst_writer *out, struct mst_diag *d)
{
	uint8_t room[512];
	size_t done = 0;
	int r = 0;
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_json j = mst_json_of(content, &a);
	enum mst_json_token t = MST_JSON_NULL;
	bool named = false;

	while (!r && t != MST_JSON_END && t != MST_JSON_ERROR) {
		a.n = 0;
		t = mst_json_next(&j);
		if (named && t == MST_JSON_STRING) {
			mst_put(out, mst_view_sub(content, done, j.start - done));
			done = j.at;
			r = put_secret(l, j.text, out);
		}
		named = t == MST_JSON_NAME && mst_view_eq_str(j.text, "secret");
	}
	mst_wipe(room, sizeof(room));
	mst_put(out, mst_view_sub(content, done, content.n));
	if (!r && t != MST_JSON_ERROR && out->ok)
		return 0;
	mst_wipe(out->p, out->n);
	mst_diag_set(d, 0, "body", r || t != MST_JSON_ERROR ? "the secrets cannot be sealed" : "expected JSON: ", r || !j.why ? "" : j.why, NULL);
	return t == MST_JSON_ERROR ? 400 : 500;
}
