/*
 * Durable progress. Ours, version 1, big endian:
 *
 *   "MPRG" u8 version  u8 state to go to  32 attempt  u32 runs  u32 retry_after
 *   u64 wait_ms  u64 wait_since
 *   u8 depth  (depth + 1) × { u8 index, block32 sequence }
 *   u8 count × { u8 method, block16 normalised resource }
 *   u32 reports lost
 *   u8 reports × { u8 depth, index, kind, method, reason, u64 when, block16 resource, block16 detail }
 *
 * No checksum: the secure environment seals it. It is decoded strictly all the same; what does not make
 * sense in every part is corrupt, and corrupt is never taken for fresh (lesson 16).
 */
#include <string.h>

#include "base/text.h"
#include "proto/provisioning/provisioning-state.h"

#define VERSION 1
#define HEADER (4 + 1 + 1 + PROV_ATTEMPT + 4 + 4 + 8 + 8 + 1)
#define REPORT (5 + 8 + 2 + 95 + 2 + 95)

/* The largest progress that can come about fits, so writing cannot fail. */
_Static_assert(HEADER + PROV_LEVELS * 5 + PROV_SEQ_TOTAL + 1 + PROV_RESOURCES_OCTETS + 5 +
               PROV_REASONS_MAX * REPORT <= PROV_BLOB_MAX, "PROV_BLOB_MAX");
_Static_assert(PROV_SEQ_TOTAL >= MST_SEQ_OCTETS, "every trigger can be kept");

/* ---- writing ------------------------------------------------------------------------------------- */

static void put_reports(const struct prov *p, struct mst_writer *w)
{
	mst_put_u32(w, p->reports_lost);
	mst_put_u8(w, (uint8_t)p->n_reports);
	for (unsigned i = 0; i < p->n_reports; i++) {
		const struct prov_report *x = &p->report[i];

		mst_put_u8(w, x->depth);
		mst_put_u8(w, x->index);
		mst_put_u8(w, x->kind);
		mst_put_u8(w, x->method);
		mst_put_u8(w, (uint8_t)x->reason);
		mst_put_u64(w, (uint64_t)x->when);
		mst_put_block16(w, mst_view_str(x->resource));
		mst_put_block16(w, mst_view_str(x->detail));
	}
}

void prov_progress_write(struct prov *p)
{
	struct mst_writer w = mst_writer_of(p->blob, sizeof(p->blob));

	mst_put_str(&w, "MPRG");
	mst_put_u8(&w, VERSION);
	mst_put_u8(&w, (uint8_t)p->after_save);
	mst_put(&w, (struct mst_view){ (const uint8_t *)p->attempt, PROV_ATTEMPT });
	mst_put_u32(&w, p->runs);
	mst_put_u32(&w, p->retry_after);
	mst_put_u64(&w, (uint64_t)p->wait_ms);
	mst_put_u64(&w, (uint64_t)p->wait_since);
	mst_put_u8(&w, p->depth);
	for (unsigned i = 0; i <= p->depth; i++) {
		mst_put_u8(&w, p->level[i].index);
		mst_put_block32(&w, (struct mst_view){ p->level[i].octets, p->level[i].n });
	}
	mst_put_u8(&w, p->resources.count);
	mst_put(&w, (struct mst_view){ p->resources.octets, p->resources.n });
	put_reports(p, &w);
	p->blob_n = (uint32_t)mst_written(&w).n;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static bool bad(struct mst_diag *d, struct mst_view blob, const struct mst_reader *r, const char *field,
		const char *why)
{
	mst_diag_set(d, blob.n - r->left, field, why, NULL);
	return false;
}

/* Largest wait that prov_wait and prov_wait_left together can make. */
#define WAIT_MAX (INT64_C(1000) * PROV_RETRY_AFTER_MAX + 2 * INT64_C(4294967295))

static bool read_header(struct prov *p, struct mst_reader *r, enum prov_state *ret_state)
{
	bool magic = mst_view_eq_str(mst_read(r, 4), "MPRG") && mst_read_u8(r) == VERSION;
	unsigned s = mst_read_u8(r);
	struct mst_view attempt = mst_read(r, PROV_ATTEMPT);
	uint8_t octets[PROV_ATTEMPT / 2];
	size_t n;
	uint64_t wait, since;

	p->runs = mst_read_u32(r);
	p->retry_after = mst_read_u32(r);
	wait = mst_read_u64(r);
	since = mst_read_u64(r);
	p->depth = mst_read_u8(r);
	if (!r->ok || !magic || s >= PROV_STATE__COUNT || s == PROV_IDLE || s == PROV_SAVING ||
	    !mst_hex_decode(attempt, octets, sizeof(octets), &n) || p->runs == 0 ||
	    p->retry_after > PROV_RETRY_AFTER_MAX || wait > WAIT_MAX || since > MST_TIME_MAX ||
	    p->depth > PROV_DEPTH_MAX)
		return false;
	/* between runs only the trigger's own sequence is open */
	if ((s == PROV_WAITING || s == PROV_ENROLLED) && p->depth)
		return false;
	memcpy(p->attempt, attempt.p, PROV_ATTEMPT);
	p->wait_ms = (mst_ms)wait;
	p->wait_since = (mst_time)since;
	*ret_state = (enum prov_state)s;
	return true;
}

/* Every open sequence but the innermost is at a discovery; the innermost is at what the state says. */
static bool read_levels(struct prov *p, struct mst_reader *r, enum prov_state s, struct mst_diag *d)
{
	size_t total = 0;

	for (unsigned i = 0; i <= p->depth; i++) {
		struct prov_level *l = &p->level[i];
		uint8_t index = mst_read_u8(r);
		struct mst_view seq = mst_read_block32(r);
		int kind = i < p->depth || s == PROV_DISCOVERING ? MST_INSTR_DISCOVERY : MST_INSTR_BOOTSTRAP;

		total += seq.n;
		if (!r->ok || !seq.n || seq.n > MST_SEQ_OCTETS || total > PROV_SEQ_TOTAL ||
		    prov_load_level(p, i, seq, d) || index >= l->seq.n_instructions)
			return false;
		l->index = index;
		if (s == PROV_WAITING || s == PROV_ENROLLED ? index != 0
							    : l->seq.instructions[index].kind != kind)
			return false;
	}
	return true;
}

static bool read_resources(struct prov *p, struct mst_reader *r)
{
	unsigned count = mst_read_u8(r);

	for (unsigned i = 0; i < count; i++) {
		unsigned method = mst_read_u8(r);
		struct mst_view name = mst_read_block16(r);
		size_t before = p->resources.n;

		/* each is in its normal form, and there once */
		if (!r->ok || prov_resource_seen(&p->resources, (int)method, name) ||
		    !prov_resource_add(&p->resources, (int)method, name) ||
		    p->resources.n - before != name.n + 3 ||
		    memcmp(p->resources.octets + before + 3, name.p, name.n) != 0)
			return false;
	}
	return r->ok && count >= p->depth;
}

static bool read_text(struct mst_reader *r, char *out, size_t cap)
{
	struct mst_view v = mst_read_block16(r);

	if (!r->ok || v.n >= cap)
		return false;
	prov_put_text(out, cap, v);
	return v.n == 0 || memcmp(out, v.p, v.n) == 0;
}

static bool read_report(struct mst_reader *r, struct prov_report *x)
{
	uint64_t when;
	unsigned reason;

	x->depth = mst_read_u8(r);
	x->index = mst_read_u8(r);
	x->kind = mst_read_u8(r);
	x->method = mst_read_u8(r);
	reason = mst_read_u8(r);
	when = mst_read_u64(r);
	if (!r->ok || x->depth > PROV_DEPTH_MAX || x->index >= MST_SEQ_MAX || x->kind > MST_INSTR_DISCOVERY ||
	    x->method > 31 || reason >= PROV_REASON__COUNT || when > MST_TIME_MAX)
		return false;
	x->reason = (enum prov_reason)reason;
	x->when = (mst_time)when;
	return read_text(r, x->resource, sizeof(x->resource)) && read_text(r, x->detail, sizeof(x->detail));
}

static bool read_reports(struct prov *p, struct mst_reader *r)
{
	uint32_t lost = mst_read_u32(r);
	unsigned n = mst_read_u8(r);

	if (!r->ok || n > PROV_REASONS_MAX || (lost && n < PROV_REASONS_MAX))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!read_report(r, &p->report[i]))
			return false;
	p->n_reports = n;
	p->reports_lost = lost;
	return true;
}

/* Into an engine that knows nothing; on false the caller makes it forget again. */
bool prov_progress_read(struct prov *p, struct mst_view blob, enum prov_state *ret_state, struct mst_diag *d)
{
	struct mst_reader r = mst_reader_of(blob);
	enum prov_state s = PROV_IDLE;

	prov_forget(p);
	if (blob.n > PROV_BLOB_MAX)
		return bad(d, blob, &r, "progress", "longer than progress can be");
	if (!read_header(p, &r, &s))
		return bad(d, blob, &r, "progress.header", "not the progress of a run, version 1");
	if (!read_levels(p, &r, s, d))
		return bad(d, blob, &r, "progress.sequences", "the open sequences do not fit together");
	if (!read_resources(p, &r))
		return bad(d, blob, &r, "progress.resources", "the list of resources is damaged");
	if (!read_reports(p, &r))
		return bad(d, blob, &r, "progress.reports", "the reports are damaged");
	if (!mst_read_end(&r))
		return bad(d, blob, &r, "progress", "octets after the end");
	*ret_state = s;
	return true;
}
