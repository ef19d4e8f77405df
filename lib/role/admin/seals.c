/* /v1/events/verify, /v1/events/seals, /v1/events/seal, /v1/events/accept: is the audit log whole, and the one that the keeper sealed? */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "role/admin/admin.h"

/* Entries of one answer: the engine decides nothing else meanwhile, some microseconds an entry. */
#define WALK 20000
#define WALK_MAX 100000

enum { AT_AFTER, AT_HASH, AT_LIMIT };

static json_t *hex_json(const uint8_t *p, size_t n)
{
	char hex[2 * MST_LOG_SEAL_SIG + 1];
	struct mst_writer w = mst_writer_of(hex, sizeof(hex));

	mst_put_hex(&w, (struct mst_view){ p, n });
	mst_put_nul(&w);
	mst_ascii_lower(hex);
	return w.ok ? json_string(hex) : NULL;
}

static json_t *head_json(const struct mst_event_head *h)
{
	return json_pack("{s:I, s:o}", "seq", (json_int_t)h->seq, "hash", hex_json(h->hash, sizeof(h->hash)));
}

static json_t *seal_json(const struct mst_log_seal *s)
{
	return json_pack("{s:I, s:o, s:o, s:o}", "seq", (json_int_t)s->seq, "hash", hex_json(s->hash, sizeof(s->hash)), "when",
			 admin_json_time(s->when), "signature", hex_json(s->sig, sizeof(s->sig)));
}

static bool take_start(struct admin *q, struct mst_event_walk *w, struct mst_diag *d)
{
	uint64_t limit;
	size_t n = 0;

	*w = (struct mst_event_walk){ .limit = 0 };
	if (!admin_number("after", q->param[AT_AFTER], 0, INT64_MAX, &w->at.seq, d) ||
	    !admin_number("limit", q->param[AT_LIMIT], WALK, WALK_MAX, &limit, d))
		return false;
	w->limit = (size_t)limit;
	if (!w->at.seq && !q->param[AT_HASH][0])
		return true;
	if (mst_hex_decode(mst_view_str(q->param[AT_HASH]), w->at.hash, sizeof(w->at.hash), &n) && n == sizeof(w->at.hash))
		return true;
	mst_diag_set(d, 0, "hash", "expected the hash of the entry `after`, 64 hexadecimal digits, as the answer before gave it", NULL);
	return false;
}

/* 0 when the log has what the keeper sealed last; MST_FAULT_CORRUPT (also when it was given up: retention goes no further), or another fault. */
static int look_at_seal(struct admin *q, struct mst_log_seal *s)
{
	struct mst_event_head h;
	int r = q->env->keeper->ops->last_seal(q->env->keeper, s);

	if (r || !s->seq)
		return r > 0 ? MST_FAULT_BUG : r;
	h.seq = s->seq;
	memcpy(h.hash, s->hash, sizeof(h.hash));
	r = mst_store_event_is(q->env->store, &h);
	return r > 0 ? MST_FAULT_CORRUPT : r;
}

int admin_event_verify(struct admin *q)
{
	struct mst_log_seal seal = { .seq = 0 };
	struct mst_event_walk w;
	struct mst_diag d;
	bool fits = true;
	int r;

	if (!take_start(q, &w, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = mst_store_event_walk(q->env->store, &w);
	if (r && r != MST_FAULT_CORRUPT)
		return r;
	if (!r && w.end) {
		r = look_at_seal(q, &seal);
		fits = r != MST_FAULT_CORRUPT;
		if (r && fits)
			return r;
		w.bad = fits ? 0 : seal.seq;
	}
	return admin_answer(q, MST_RSC_OK, json_pack("{s:b, s:I, s:o, s:b, s:o*, s:o*}", "ok", !r, "entries", (json_int_t)w.entries, "at", head_json(&w.at),
						     "end", w.end, "firstBad", w.bad ? json_integer((json_int_t)w.bad) : NULL, "seal",
						     seal.seq ? json_pack("{s:I, s:b, s:o}", "seq", (json_int_t)seal.seq, "fits", fits, "when",
									  admin_json_time(seal.when)) : NULL));
}

static int add_seal(void *arg, const struct mst_log_seal *s)
{
	return json_array_append_new(arg, seal_json(s)) ? MST_FAULT_MEMORY : 0;
}

int admin_seal_list(struct admin *q)
{
	struct mst_log_seal last = { .seq = 0 };
	struct mst_event_head head;
	struct mst_diag d;
	json_t *list;
	uint64_t after;
	bool fits;
	int r;

	if (!admin_number("after", q->param[0], 0, INT64_MAX, &after, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = mst_store_event_head(q->env->store, &head);
	if (!r)
		r = look_at_seal(q, &last);
	fits = r != MST_FAULT_CORRUPT;
	if (r && fits)
		return r;
	list = json_array();
	r = mst_store_seal_list(q->env->store, after, add_seal, list);
	if (r) {
		json_decref(list);
		return r;
	}
	return admin_answer(q, MST_RSC_OK, json_pack("{s:o, s:o*, s:b, s:o}", "head", head_json(&head), "keeper", last.seq ? seal_json(&last) : NULL,
						     "fits", fits, "seals", list));
}

/* The engine does it, when this is committed and what stands in the log is on the disk. */
int admin_seal_now(struct admin *q)
{
	struct mst_event_head head;
	int r = mst_store_event_head(q->env->store, &head);

	if (r)
		return r;
	q->a->seal = MST_SEAL_NOW;
	return admin_answer(q, MST_RSC_OK, json_pack("{s:o}", "head", head_json(&head)));
}

/* The keeper wants to hear that somebody stands for it from who knows who asks; with four eyes it has heard two by now. */
static int stand(struct admin *q)
{
	uint8_t text[MST_SAID_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_said said = { q->x->channel, { q->x->said.b, q->x->said.n }, MST_VIEW_NONE, q->env->now };

	if (q->approved)
		return 0;
	mst_put_said(&w, q->x->request.to, q->x->request.content);
	said.request = mst_written(&w);
	return w.ok ? q->env->keeper->ops->leave_own(q->env->keeper, &said) : MST_KEEPER_FORGED;
}

int admin_seal_accept(struct admin *q)
{
	struct mst_log_seal last = { .seq = 0 };
	char reason[128], why[256];
	struct mst_diag d;
	int r;

	if (!admin_decode_reason(q->body, true, reason, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = look_at_seal(q, &last);
	if (r && r != MST_FAULT_CORRUPT)
		return r;
	if (!r) {
		mst_diag_set(&d, 0, "", "the log is the one that the keeper sealed; there is nothing to accept", NULL);
		return admin_refuse(q, MST_RSC_CONFLICT, &d);
	}
	r = stand(q);
	if (r > 0) {
		mst_diag_set(&d, 0, "", "the keeper does not take it that you said so; was musterd restarted, or the clock set? Try again; when the clock was set back, restart musterd first", NULL);
		return admin_refuse(q, MST_RSC_CONFLICT, &d);
	}
	if (r)
		return r;
	snprintf(why, sizeof(why), "instead of the one whose entry %llu was sealed: %s", (unsigned long long)last.seq, reason);
	r = admin_event(q, "audit.accepted", 0, why);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	q->a->seal = MST_SEAL_ANEW;
	return admin_answer(q, MST_RSC_OK, json_pack("{s:I}", "instead", (json_int_t)last.seq));
}
