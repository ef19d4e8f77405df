/* The keys that this node registered, in one sealed blob: format byte, then for each u16-length texts and numbers. */
#include "agent/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"

#define BLOB "keys"
#define BLOB_MAX (KEYS_KEPT_MAX * (MST_ID_MAX + 1024 + MST_KEY_MAX + 32) + 8)
#define FORMAT 1
#define DERIVED 0x8000u              /* beside the SUID */
#define GOOD_FOR_S 30                /* what ends within it is not begun with */

static bool read_one(struct mst_reader *r, struct kept_key *k)
{
	bool ok = mst_view_to_str(mst_read_block16(r), k->key_id, sizeof(k->key_id)) &&
		  mst_view_to_str(mst_read_block16(r), k->targets, sizeof(k->targets));
	uint16_t suid;

	suid = mst_read_u16(r);
	k->suid = suid & ~DERIVED;
	k->derived = (suid & DERIVED) != 0;
	k->until = (mst_time)mst_read_u64(r);
	return ok && r->ok && mst_key_set(&k->key, mst_read_block16(r));
}

static void decode(struct agent_keys *keys, struct mst_view v)
{
	struct mst_reader r = mst_reader_of(v);

	if (mst_read_u8(&r) != FORMAT)
		return;
	while (r.ok && r.left && keys->n_kept < KEYS_KEPT_MAX) {
		if (!read_one(&r, &keys->kept[keys->n_kept]))
			return;
		keys->n_kept++;
	}
}

void kept_load(struct agent *a)
{
	struct agent_keys *keys = a->keys;
	uint8_t *blob;
	size_t n = 0;

	if (keys->loaded)
		return;
	keys->loaded = true;
	blob = malloc(BLOB_MAX);
	/* What cannot be read is missed: another key is registered. It holds no credential. */
	if (blob && a->env->ops->load_blob(a->env, BLOB, blob, BLOB_MAX, &n, NULL) == 0)
		decode(keys, (struct mst_view){ blob, n });
	if (blob)
		mst_wipe(blob, n);
	free(blob);
}

static int save(struct agent *a)
{
	uint8_t *blob = malloc(BLOB_MAX);
	struct mst_writer w = mst_writer_of(blob, blob ? BLOB_MAX : 0);
	struct mst_diag d = { 0 };
	int r;

	if (!blob)
		return MST_FAULT_MEMORY;
	mst_put_u8(&w, FORMAT);
	for (size_t i = 0; i < a->keys->n_kept; i++) {
		const struct kept_key *k = &a->keys->kept[i];

		mst_put_block16(&w, mst_view_str(k->key_id));
		mst_put_block16(&w, mst_view_str(k->targets));
		mst_put_u16(&w, (uint16_t)((uint16_t)k->suid | (k->derived ? DERIVED : 0)));
		mst_put_u64(&w, (uint64_t)k->until);
		mst_put_block16(&w, mst_key_view(&k->key));
	}
	r = w.ok ? a->env->ops->store_blob(a->env, BLOB, mst_written(&w), &d) : MST_FAULT_BUG;
	mst_wipe(blob, BLOB_MAX);
	free(blob);
	if (r)
		agent_log(a, AGENT_WARN, "keys-not-kept", "why", r > 0 && d.text[0] ? d.text : mst_fault_text(r), NULL);
	return r;
}

static void take_out(struct agent_keys *keys, size_t i)
{
	keys->n_kept--;
	if (i < keys->n_kept)
		keys->kept[i] = keys->kept[keys->n_kept];
	mst_wipe(&keys->kept[keys->n_kept], sizeof(keys->kept[0]));
}

static void forget_ended(struct agent *a)
{
	for (size_t i = a->keys->n_kept; i-- > 0;)
		if (a->keys->kept[i].until <= agent_utc(a))
			take_out(a->keys, i);
}

int kept_put(struct agent *a, const struct kept_key *k)
{
	struct agent_keys *keys = a->keys;
	struct kept_key *old = kept_find(a, k->key_id);
	size_t first = 0;

	forget_ended(a);
	if (old) {
		*old = *k;
		return save(a);
	}
	for (size_t i = 1; i < keys->n_kept; i++)
		if (keys->kept[i].until < keys->kept[first].until)
			first = i;
	if (keys->n_kept == KEYS_KEPT_MAX)
		take_out(keys, first);
	keys->kept[keys->n_kept++] = *k;
	return save(a);
}

int kept_drop(struct agent *a, const char *key_id)
{
	struct kept_key *k = kept_find(a, key_id);

	if (!k)
		return 0;
	take_out(a->keys, (size_t)(k - a->keys->kept));
	return save(a);
}

struct kept_key *kept_find(struct agent *a, const char *key_id)
{
	kept_load(a);
	for (size_t i = 0; i < a->keys->n_kept; i++)
		if (mst_id_equal(MST_ID_KM, mst_view_str(a->keys->kept[i].key_id), mst_view_str(key_id)))
			return &a->keys->kept[i];
	return NULL;
}

struct kept_key *kept_for(struct agent *a, const char *peer)
{
	char maf[MST_ID_MAX], own[MST_ID_MAX];
	struct kept_key *best = NULL;

	kept_load(a);
	for (size_t i = 0; i < a->keys->n_kept; i++) {
		struct kept_key *k = &a->keys->kept[i];

		/* of another MAF, of another provider: not of this credential */
		if (k->suid == 32 && k->until > agent_utc(a) + GOOD_FOR_S && saef_maf_of(k->key_id, maf) &&
		    mst_id_normalise(MST_ID_FQDN, mst_view_str(a->active.maf_fqdn), own) && !strcmp(maf, own) &&
		    (mst_id_equal(MST_ID_CSE_ABS, mst_view_str(k->targets), mst_view_str(peer)) ||
		     mst_id_equal(MST_ID_AE_ABS, mst_view_str(k->targets), mst_view_str(peer))) &&
		    (!best || k->until > best->until))
			best = k;
	}
	return best;
}

json_t *kept_json(const struct kept_key *k)
{
	json_t *targets = json_array();
	const char *at = k->targets;

	while (*at) {
		size_t n = strcspn(at, "\n");

		json_array_append_new(targets, json_stringn(at, n));
		at += n + (at[n] == '\n');
	}
	return json_pack("{s:s, s:I, s:o, s:o}", "keyID", k->key_id, "SUID", (json_int_t)k->suid, "targets", targets, "until",
			 status_time(k->until));
}
