#include "proto/trigger/trigger.h"

#include <string.h>

#include "base/attr.h"
#include "base/secret.h"

#define BLOB_VERSION 1

static const struct { const char *text, *words; } verdicts[TRIGGER_VERDICT__COUNT] = {
	[TRIGGER_ACCEPTED] = { "accepted", "followed" },
	[TRIGGER_MALFORMED] = { "malformed", "it is no trigger" },
	[TRIGGER_OVERSIZED] = { "oversized", "it is larger than a trigger may be" },
	[TRIGGER_UNSIGNED] = { "unsigned", "nothing proves who sent it" },
	[TRIGGER_FORGED] = { "wrong-mac", "its MAC or signature is wrong" },
	[TRIGGER_EXPIRED] = { "expired", "its time window is over; or this node's clock is wrong" },
	[TRIGGER_EARLY] = { "early", "it was made in the future: one of the two clocks is wrong" },
	[TRIGGER_REPLAYED] = { "replayed", "its counter is not larger than the last one's" },
	[TRIGGER_OTHER_NODE] = { "other-node", "it is for another node" },
	[TRIGGER_OTHER_KEY] = { "other-key", "it was made with a key that this node does not have" },
	[TRIGGER_RATE] = { "rate", "there are too many of them" },
	[TRIGGER_NOT_KEPT] = { "not-kept", "its counter could not be kept, so nothing could tell a replay from it" },
	[TRIGGER_WRONG_PURPOSE] = { "wrong-purpose", "a device trigger for something else than enrolmentRequest" },
	[TRIGGER_UNKNOWN_MEF] = { "unknown-mef", "it names a MEF that this node has no instruction for" },
	[TRIGGER_UNUSABLE] = { "unusable", "there is nothing here that it could begin" },
	[TRIGGER_INTERNAL] = { "internal", "the agent failed inside" },
};

const char *trigger_verdict_text(enum trigger_verdict v)
{
	return (unsigned)v < TRIGGER_VERDICT__COUNT ? verdicts[v].text : "?";
}

const char *trigger_verdict_words(enum trigger_verdict v)
{
	return (unsigned)v < TRIGGER_VERDICT__COUNT ? verdicts[v].words : "?";
}

static const char *const sources[TRIGGER_SOURCE__COUNT] = { "sms", "datagram", "mm", "push", "socket" };

const char *trigger_source_text(enum trigger_source s)
{
	return (unsigned)s < TRIGGER_SOURCE__COUNT ? sources[s] : "?";
}

bool trigger_source_of(const char *word, enum trigger_source *ret_s)
{
	for (unsigned i = 0; i < TRIGGER_SOURCE__COUNT; i++) {
		if (strcmp(sources[i], word) == 0) {
			*ret_s = (enum trigger_source)i;
			return true;
		}
	}
	return false;
}

void trigger_init(struct trigger *t, const struct trigger_config *c, mst_ms now)
{
	memset(t, 0, sizeof(*t));
	t->cfg = *c;
	for (size_t i = 0; i < TRIGGER_SOURCE__COUNT; i++) {
		t->macs[i] = (struct trigger_bucket){ c->macs.burst, now };
		t->signatures[i] = (struct trigger_bucket){ c->signatures.burst, now };
	}
	t->runs = t->bare = (struct trigger_bucket){ c->runs.burst, now };
}

void trigger_deinit(struct trigger *t)
{
	mst_wipe(t, sizeof(*t));
}

/* What is kept ------------------------------------------------------------------------------------------ */

bool trigger_kept_load(struct trigger *t, struct mst_view blob)
{
	struct mst_reader r = mst_reader_of(blob);
	uint8_t version, n;

	t->n_kept = 0;
	t->damaged = false;
	if (!blob.n)
		return true;
	version = mst_read_u8(&r);
	n = mst_read_u8(&r);
	for (uint8_t i = 0; i < n && i < TRIGGER_KEPT_MAX && r.ok; i++) {
		struct mst_view id = mst_read(&r, MST_SHA256_LEN);
		uint64_t counter = mst_read_u64(&r);

		if (!r.ok)
			break;
		memcpy(t->kept[i].id, id.p, MST_SHA256_LEN);
		t->kept[i].counter = counter;
		t->n_kept++;
	}
	t->damaged = version != BLOB_VERSION || n > TRIGGER_KEPT_MAX || !mst_read_end(&r);
	if (t->damaged)
		t->n_kept = 0;
	return !t->damaged;
}

void trigger_kept_put(const struct trigger *t, struct mst_writer *w)
{
	mst_put_u8(w, BLOB_VERSION);
	mst_put_u8(w, (uint8_t)t->n_kept);
	for (size_t i = 0; i < t->n_kept; i++) {
		mst_put(w, (struct mst_view){ t->kept[i].id, MST_SHA256_LEN });
		mst_put_u64(w, t->kept[i].counter);
	}
}

void trigger_kept(struct trigger *t)
{
	t->moved = 0;
}

void trigger_not_kept(struct trigger *t)
{
	if (t->moved)
		t->kept[t->moved - 1].counter = t->before;
	t->moved = 0;
}

/* Index of the key's counter, or n_kept. */
static size_t kept_of(const struct trigger *t, const struct trigger_key *k)
{
	size_t i = 0;

	while (i < t->n_kept && memcmp(t->kept[i].id, k->id, MST_SHA256_LEN) != 0)
		i++;
	return i;
}

static bool in_use(const struct trigger *t, size_t kept)
{
	for (size_t i = 0; i < t->n_keys; i++) {
		if (kept_of(t, &t->key[i]) == kept)
			return true;
	}
	return false;
}

/* A place for a new key's counter. A key that this node does not have any more verifies nothing: its place is free.
 * There are fewer keys than places. */
static size_t make_place(struct trigger *t, const struct trigger_key *k)
{
	size_t i = t->n_kept;

	if (i == TRIGGER_KEPT_MAX) {
		i = 0;
		while (i + 1 < TRIGGER_KEPT_MAX && in_use(t, i))
			i++;
	} else {
		t->n_kept++;
	}
	memcpy(t->kept[i].id, k->id, MST_SHA256_LEN);
	t->kept[i].counter = 0;
	return i;
}

static void move_counter(struct trigger *t, const struct trigger_key *k, uint64_t counter)
{
	size_t i = kept_of(t, k);

	if (i == t->n_kept)
		i = make_place(t, k);
	t->before = t->kept[i].counter;
	t->moved = i + 1;
	t->kept[i].counter = counter;
}

/* Names and keys ---------------------------------------------------------------------------------------- */

void trigger_forget_keys(struct trigger *t)
{
	mst_wipe(t->key, sizeof(t->key));
	t->n_keys = 0;
	t->n_nodes = 0;
}

int trigger_add_node(struct trigger *t, const char *node_id)
{
	size_t n = strlen(node_id);
	int r;

	for (size_t i = 0; i < t->n_nodes; i++) {
		if (strcmp(t->node[i], node_id) == 0)
			return 0;
	}
	if (!n || n >= MST_ID_MAX || t->n_nodes == TRIGGER_NODES_MAX)
		return 1;
	r = mst_trigger_hint(t->cfg.crypto, mst_view_str(node_id), t->node_hint[t->n_nodes]);
	if (!r)
		memcpy(t->node[t->n_nodes++], node_id, n + 1);
	return r;
}

static int add_key(struct trigger *t, struct trigger_key *k, struct mst_view name)
{
	int r = mst_trigger_hint(t->cfg.crypto, name, k->hint);

	if (!r)
		r = t->cfg.crypto->ops->sha256(t->cfg.crypto, name, k->id);
	if (!r)
		t->key[t->n_keys++] = *k;
	mst_wipe(k, sizeof(*k));
	return r;
}

int trigger_add_opaque(struct trigger *t, const struct mst_key *root, const char *id)
{
	struct trigger_key k = { .signature = false };
	int r;

	if (t->n_keys == TRIGGER_KEYS_MAX || !root->n)
		return 1;
	r = mst_derive_trigger(t->cfg.crypto, root, mst_view_str(id), &k.mac);
	return r ? r : add_key(t, &k, mst_view_str(id));
}

int trigger_add_root(struct trigger *t, const struct mst_key *root, const char *key_id)
{
	char canonical[MST_ID_MAX];
	bool has = mst_id_normalise(MST_ID_KEY, mst_view_str(key_id), canonical);

	return trigger_add_opaque(t, root, has ? canonical : key_id);
}

int trigger_add_signer(struct trigger *t, struct mst_view spki)
{
	struct trigger_key k = { .signature = true };

	if (t->n_keys == TRIGGER_KEYS_MAX || !spki.n || spki.n > sizeof(k.spki))
		return 1;
	memcpy(k.spki, spki.p, spki.n);
	k.spki_n = spki.n;
	return add_key(t, &k, spki);
}

/* Checks ------------------------------------------------------------------------------------------------ */

static bool take_token(struct trigger_bucket *b, const struct trigger_rate *r, mst_ms now)
{
	mst_ms more = r->every > 0 && now > b->at ? (now - b->at) / r->every : 0;

	if (b->tokens >= r->burst || more >= (mst_ms)(r->burst - b->tokens)) {
		b->tokens = r->burst;
		b->at = now;             /* it begins to refill when it is drawn from */
	} else {
		b->tokens += (unsigned)more;
		b->at += more * r->every;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}

static const struct trigger_key *key_of(const struct trigger *t, struct mst_view hint, bool signature)
{
	for (size_t i = 0; i < t->n_keys; i++) {
		if (t->key[i].signature == signature &&
		    mst_view_eq(hint, (struct mst_view){ t->key[i].hint, MST_TRIGGER_HINT }))
			return &t->key[i];
	}
	return NULL;
}

static const char *node_of(const struct trigger *t, struct mst_view hint)
{
	for (size_t i = 0; i < t->n_nodes; i++) {
		if (mst_view_eq(hint, (struct mst_view){ t->node_hint[i], MST_TRIGGER_HINT }))
			return t->node[i];
	}
	return NULL;
}

static enum trigger_verdict of_outcome(int outcome)
{
	switch (outcome) {
	case 0: return TRIGGER_ACCEPTED;
	case MST_TRIGGER_TOO_LARGE: return TRIGGER_OVERSIZED;
	case MST_TRIGGER_UNSIGNED: return TRIGGER_UNSIGNED;
	default: return TRIGGER_MALFORMED;
	}
}

/* What can be said without crypto. */
static enum trigger_verdict precheck(const struct trigger *t, const struct mst_trigger *m, const struct trigger_key *k,
				     mst_time utc)
{
	size_t kept = kept_of(t, k);

	if (t->damaged)
		return TRIGGER_NOT_KEPT;
	if (kept < t->n_kept && (uint64_t)m->counter <= t->kept[kept].counter)
		return TRIGGER_REPLAYED;
	if (utc && utc > m->issued + m->window + TRIGGER_SKEW)
		return TRIGGER_EXPIRED;
	if (utc && utc < m->issued - TRIGGER_SKEW)
		return TRIGGER_EARLY;
	return TRIGGER_ACCEPTED;
}

static enum trigger_verdict proof(const struct trigger *t, const struct trigger_key *k, const char *node,
				  struct mst_view body, struct mst_view tag)
{
	uint8_t cover[MST_TRIGGER_COVER_MAX], mac[MST_TRIGGER_MAC];
	struct mst_writer w = mst_writer_of(cover, sizeof(cover));
	int r;

	mst_trigger_cover(&w, mst_view_str(node), body);
	if (!w.ok)
		return TRIGGER_INTERNAL;
	if (k->signature) {
		r = t->cfg.verify(t->cfg.crypto, (struct mst_view){ k->spki, k->spki_n }, mst_written(&w), tag.p);
		return r < 0 ? TRIGGER_INTERNAL : r ? TRIGGER_FORGED : TRIGGER_ACCEPTED;
	}
	r = mst_trigger_mac(t->cfg.crypto, &k->mac, mst_written(&w), mac);
	if (!r && !mst_ct_equal((struct mst_view){ mac, sizeof(mac) }, tag))
		r = 1;
	mst_wipe(mac, sizeof(mac));
	return r < 0 ? TRIGGER_INTERNAL : r ? TRIGGER_FORGED : TRIGGER_ACCEPTED;
}

/* Bare ones have their own ration: who need not prove himself must keep nobody out who does. */
static bool may_run(struct trigger *t, bool bare, mst_ms now)
{
	return take_token(bare ? &t->bare : &t->runs, &t->cfg.runs, now);
}

/* What a signature costs, a thousand MACs do: forged MACs use up no more than their own kind's tokens. */
static bool may_check(struct trigger *t, const struct trigger_key *k, enum trigger_source s, mst_ms now)
{
	return k->signature ? take_token(&t->signatures[s], &t->cfg.signatures, now) : take_token(&t->macs[s], &t->cfg.macs, now);
}

static enum trigger_verdict take_framed(struct trigger *t, struct mst_view octets, enum trigger_source s, mst_ms now,
					mst_time utc, struct trigger_order *o, struct mst_diag *d)
{
	struct mst_view body, tag;
	const struct trigger_key *k;
	enum trigger_verdict v = of_outcome(mst_trigger_read(octets, &o->trigger, &body, &tag, d));
	const char *node;

	if (v)
		return v;
	node = node_of(t, o->trigger.node);
	if (!node)
		return TRIGGER_OTHER_NODE;
	k = key_of(t, o->trigger.key, tag.n == MST_TRIGGER_SIGNATURE);
	if (!k)
		return TRIGGER_OTHER_KEY;
	v = precheck(t, &o->trigger, k, utc);
	if (v)
		return v;
	if (!may_check(t, k, s, now))
		return TRIGGER_RATE;
	v = proof(t, k, node, body, tag);
	if (v)
		return v;
	if (!may_run(t, false, now))
		return TRIGGER_RATE;
	move_counter(t, k, (uint64_t)o->trigger.counter);
	o->what = o->trigger.what;
	o->payload = o->trigger.payload;
	return TRIGGER_ACCEPTED;
}

static enum trigger_verdict take_bare(struct trigger *t, struct mst_view payload, enum trigger_source s, mst_ms now,
				      struct trigger_order *o)
{
	if (s != TRIGGER_PUSH || !t->cfg.bare_from_push)
		return TRIGGER_UNSIGNED;
	if (!may_run(t, true, now))
		return TRIGGER_RATE;
	o->what = MST_TRIGGER_ONEM2M;
	o->bare = true;
	o->payload = payload;
	return TRIGGER_ACCEPTED;
}

static void note(struct trigger *t, enum trigger_source s, enum trigger_verdict v, const char *detail, mst_time utc)
{
	struct trigger_refusal *l = &t->last[t->next_last];

	t->count[v]++;
	if (v == TRIGGER_ACCEPTED)
		return;
	*l = (struct trigger_refusal){ .when = utc, .source = s, .verdict = v };
	(void)mst_view_to_str(mst_view_sub(mst_view_str(detail), 0, sizeof(l->detail) - 1), l->detail,
			      sizeof(l->detail));
	t->next_last = (t->next_last + 1) % TRIGGER_LAST_MAX;
	t->n_last += t->n_last < TRIGGER_LAST_MAX;
}

void trigger_failed(struct trigger *t, enum trigger_source s, enum trigger_verdict why, const char *detail, mst_time utc)
{
	t->count[TRIGGER_ACCEPTED] -= t->count[TRIGGER_ACCEPTED] > 0;
	note(t, s, why, detail, utc);
}

enum trigger_verdict trigger_take(struct trigger *t, struct mst_view in, enum trigger_source s, mst_ms now, mst_time utc,
				  struct trigger_order *ret_o)
{
	struct mst_diag d = { 0 };
	struct mst_view octets;
	enum trigger_verdict v;
	int r;

	memset(ret_o, 0, sizeof(*ret_o));
	r = mst_trigger_unwrap(in, ret_o->room, &octets, &d);
	if (r == MST_TRIGGER_BARE)
		v = take_bare(t, octets, s, now, ret_o);
	else
		v = r ? of_outcome(r) : take_framed(t, octets, s, now, utc, ret_o, &d);
	note(t, s, v, d.text, utc);
	return v;
}
