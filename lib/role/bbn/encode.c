/* Verdict → answer, in the encoding that was asked for. */
#include <string.h>

#include "role/bbn/bbn.h"

#define BIT(i) (1u << (i))

static void put(const struct mst_msg *m, const void *msg, bool cbor, struct mst_answer *a)
{
	a->media = cbor ? "application/cbor" : "application/json";
	if (cbor)
		mst_msg_write_cbor(m, msg, &a->content);
	else
		mst_msg_write_json(m, MST_PROFILE_LONG, msg, &a->content);
}

/* What of the peer's own text a refusal may hold is made plain. */
static void put_refusal(const struct bbn_call *c, const struct bbn_verdict *v, mst_time now, struct mst_answer *a)
{
	struct mst_brief_refusal m = { .version = 1, .why = v->why, .server_time = now };
	char say[sizeof(v->say)];
	size_t n = 0;

	for (; v->say[n]; n++)
		say[n] = v->say[n] < 0x20 || v->say[n] > 0x7e ? '?' : v->say[n];
	m.has = BIT(MST_BX_VERSION) | BIT(MST_BX_WHY) | BIT(MST_BX_TIME) | (n ? BIT(MST_BX_TEXT) : 0);
	m.text = (struct mst_view){ (const uint8_t *)say, n };
	put(&mst_brief_refusal_msg, &m, c->cbor, a);
}

static int put_answer(const struct bbn_call *c, const struct mst_briefing *b, mst_time now, struct mst_arena *arena, struct mst_answer *a)
{
	static _Thread_local struct mst_brief_answer m;
	struct mst_diag d = { 0 };
	int r;

	m = (struct mst_brief_answer){ .has = BIT(MST_BW_VERSION) | BIT(MST_BW_TIME) | BIT(MST_BW_SEQUENCE), .version = 1, .server_time = now };
	r = mst_sequence_read_cbor((struct mst_view){ b->answer.b, b->answer.n }, arena, &m.sequence, &d);
	if (r)
		return r < 0 ? r : MST_FAULT_CORRUPT;
	r = mst_brief_answer_check(&m, &d);
	if (r)
		return MST_FAULT_BUG;
	put(&mst_brief_answer_msg, &m, c->cbor, a);
	return 0;
}

int bbn_encode(struct mst_role_env *env, const struct bbn_call *c, const struct bbn_verdict *v, const struct bbn_records *r,
	       struct mst_arena *a, struct mst_answer *answer)
{
	int e = 0;

	answer->rsc = v->rsc;
	answer->retry_after = v->retry;
	answer->content.n = 0;
	if (v->why)
		put_refusal(c, v, env->now, answer);
	else if (c->what == BBN_BRIEF)
		e = put_answer(c, v->again ? &r->briefing : &v->briefing, env->now, a, answer);
	if (e)
		return e;
	return answer->content.ok ? 0 : MST_FAULT_MEMORY;
}
