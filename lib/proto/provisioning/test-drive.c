/* Random lives of an engine, from a stream of octets; shared by the property test and the fuzzer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/provisioning/test-world.h"

#define HOLDS(x) ((x) ? (void)0 : broken(#x, __LINE__))

static void broken(const char *what, int line)
{
	fprintf(stderr, "does not hold (test-drive.c:%d): %s\n", line, what);
	abort();
}

static void check_places(const struct prov *p)
{
	size_t open = 0;

	HOLDS(p->depth <= PROV_DEPTH_MAX);
	HOLDS(p->n_reports <= PROV_REASONS_MAX);
	HOLDS(!p->reports_lost || p->n_reports == PROV_REASONS_MAX);
	HOLDS(p->retry_after <= PROV_RETRY_AFTER_MAX);
	HOLDS(p->resources.count <= PROV_RESOURCES_MAX && p->resources.n <= PROV_RESOURCES_OCTETS);
	if (p->state == PROV_IDLE)
		return;
	HOLDS(p->runs > 0);
	HOLDS(strlen(p->attempt) == PROV_ATTEMPT);
	for (unsigned i = 0; i <= p->depth; i++) {
		const struct prov_level *l = &p->level[i];

		open += l->n;
		HOLDS(l->seq.n_instructions > 0 && l->index < l->seq.n_instructions);
		HOLDS(i == p->depth || l->seq.instructions[l->index].kind == MST_INSTR_DISCOVERY);
	}
	HOLDS(open <= PROV_SEQ_TOTAL);
	/* a run asks no more resources than it remembers, and each level above 0 stands for one */
	HOLDS(p->resources.count >= p->depth);
}

void check_engine(const struct prov *p, mst_ms now)
{
	const struct mst_instruction *i = prov_current(p);
	enum prov_want want = prov_want(p);

	HOLDS((unsigned)p->state < PROV_STATE__COUNT);
	check_places(p);
	/* one instruction at work, and only while it is wanted */
	HOLDS((i != NULL) == (want == PROV_WANT_DISCOVER || want == PROV_WANT_BOOTSTRAP));
	HOLDS(!i || (i->kind == MST_INSTR_DISCOVERY) == (want == PROV_WANT_DISCOVER));
	HOLDS(want != PROV_WANT_DISCOVER || !prov_resource_seen(&p->resources, i->method, i->uri));
	/* what is awaited has an end; where nothing is awaited there is none */
	HOLDS((prov_deadline(p) == MST_NEVER) == (p->state == PROV_IDLE || p->state == PROV_ENROLLED));
	HOLDS(want != PROV_WANT_NOTHING || prov_deadline(p) != MST_NEVER || p->state == PROV_IDLE ||
	      p->state == PROV_ENROLLED);
	HOLDS(prov_deadline(p) >= now);
	HOLDS((prov_progress(p).n > 0) == (want == PROV_WANT_SAVE));
}

void check_step(const struct prov *p, enum prov_state before, enum prov_event ev)
{
	const struct prov_cell *c = prov_cell(before, ev);

	HOLDS(p->state == before || c->to >> p->state & 1u);
}

/* ---- the stream ---------------------------------------------------------------------------------- */

struct life {
	struct world *w;
	struct mst_reader in;
	struct prov *twin;              /* resumes from each blob, to see that it is whole */
	uint32_t methods;
};

static struct seq made;

static struct mst_view make_sequence(struct mst_reader *in)
{
	static const char *const uri[] = { "https://a", "https://B/", "https://b:443", "https://c/%41" };
	static const char *const name[] = { "_muster._tcp", "_Muster._TCP", "_x", "https://b" };
	static const int method[] = { MST_METHOD_PSK, MST_METHOD_CERT, MST_METHOD_GBA,    MST_METHOD_FILE,
				      MST_METHOD_BBN, MST_METHOD_BSF,  MST_METHOD_DNS_SD, MST_METHOD_DHCP };
	unsigned n = mst_read_u8(in) % 5 + 1u;
	struct mst_instruction *i;

	seq_start(&made);
	for (unsigned k = 0; k < n; k++) {
		uint8_t x = mst_read_u8(in), y = mst_read_u8(in);
		int m = method[x % MST_COUNT(method)];

		/* a peer has a URI, everything else a name; the rest of `y` makes a few bad ones */
		i = seq_add(&made, m, m < MST_METHOD_FILE || m == MST_METHOD_BBN || m == MST_METHOD_BSF ?
		            uri[y % MST_COUNT(uri)] : name[y > 250 ? 3 : y % 3]);
		if (i->kind == MST_INSTR_BOOTSTRAP && x > 240)
			seq_expires(i, UTC + (y % 3) - 1);
	}
	if (n == 5)
		seq_valid(&made, UTC - 100, UTC + 100);
	return seq_done(&made);
}

static struct mst_view take_raw(struct mst_reader *in)
{
	size_t n = mst_read_u8(in);

	if (n == 0xff)
		n = mst_read_u16(in);   /* seldom, or one of these would eat up a whole life */
	return mst_read(in, n < in->left ? n : in->left);
}

/* The blob brings an engine of the same abilities to the same place. */
static void check_blob(struct life *l)
{
	struct world *w = l->w;
	struct mst_view blob = prov_progress(w->p);
	enum prov_state after = w->p->after_save;
	struct mst_diag d = { 0 };

	HOLDS(prov_init(l->twin, prov_size(), &w->cfg) != NULL);
	prov_set_methods(l->twin, l->methods);
	HOLDS(prov_resume(l->twin, blob, w->now, w->utc, 1, &d) == 0);
	check_engine(l->twin, w->now);
	if (after == PROV_WAITING || after == PROV_ENROLLED)
		HOLDS(prov_state(l->twin) == after);
	else
		HOLDS(mst_view_eq(prov_progress(l->twin), blob));
}

static void boot(struct life *l)
{
	world_boot(l->w);
	l->methods = l->w->cfg.methods;
}

static void resume_from(struct life *l, struct mst_view blob)
{
	struct world *w = l->w;
	struct mst_diag d = { 0 };

	boot(l);
	if (prov_resume(w->p, blob, w->now, w->utc, mst_read_u32(&l->in), &d))
		HOLDS(prov_state(w->p) == PROV_IDLE && d.text[0]);
	else
		check_step(w->p, PROV_IDLE, PROV_EV_RESUME);
}

static void flip_and_resume(struct life *l)
{
	static uint8_t blob[PROV_BLOB_MAX];
	unsigned flips = mst_read_u8(&l->in) % 4;
	size_t n = l->w->disk_n;

	memcpy(blob, l->w->disk, n);
	for (unsigned i = 0; n && i < flips; i++) {
		size_t at = mst_read_u16(&l->in) % n;

		blob[at] ^= mst_read_u8(&l->in);
	}
	resume_from(l, (struct mst_view){ blob, n });
}

/* Sequences and blobs: true when `op` was one of them. */
static bool with_octets(struct life *l, unsigned op)
{
	struct world *w = l->w;
	enum prov_state before = prov_state(w->p);
	struct mst_view v;

	switch (op) {
	case 0: case 1:
		v = op ? take_raw(&l->in) : make_sequence(&l->in);
		if (prov_trigger(w->p, v, ATTEMPT, w->now, w->utc, mst_read_u32(&l->in), NULL))
			HOLDS(prov_state(w->p) == before);
		check_step(w->p, before, PROV_EV_TRIGGER);
		return true;
	case 2: case 3: case 4:
		v = op == 4 ? take_raw(&l->in) : make_sequence(&l->in);
		if (prov_discovered(w->p, v, w->now, w->utc, mst_read_u32(&l->in), NULL) == PROV_REFUSED)
			HOLDS(prov_state(w->p) == before);
		check_step(w->p, before, PROV_EV_DISCOVERED);
		return true;
	case 5:
		resume_from(l, (struct mst_view){ w->disk, w->disk_n });
		return true;
	case 6: case 7:
		/* mostly these end a life, so not too often */
		if (mst_read_u8(&l->in) & 3)
			resume_from(l, (struct mst_view){ w->disk, w->disk_n });
		else if (op == 6)
			resume_from(l, take_raw(&l->in));
		else
			flip_and_resume(l);
		return true;
	default:
		return false;
	}
}

/* What is wanted gets done; most of the time, so that lives get somewhere. */
static void good_shell(struct life *l, uint32_t rnd)
{
	struct world *w = l->w;

	switch (prov_want(w->p)) {
	case PROV_WANT_SAVE:
		world_step(w, false);
		return;
	case PROV_WANT_DISCOVER:
		(void)!prov_discovered(w->p, make_sequence(&l->in), w->now, w->utc, rnd, NULL);
		return;
	case PROV_WANT_BOOTSTRAP:
		if (rnd % 8)
			prov_failed(w->p, PROV_UNREACHABLE, "", 0, w->now, w->utc, rnd);
		else
			prov_succeeded(w->p, w->now, w->utc, rnd);
		return;
	case PROV_WANT_NOTHING:
		w->now = prov_deadline(w->p) < MST_NEVER ? prov_deadline(w->p) : w->now;
		prov_tick(w->p, w->now, w->utc, rnd);
		return;
	}
}

static void plain(struct life *l, unsigned op)
{
	struct world *w = l->w;
	enum prov_state before = prov_state(w->p);
	uint32_t rnd = mst_read_u32(&l->in);

	switch (op) {
	case 8:
		prov_save_failed(w->p, w->now, w->utc, rnd);
		check_step(w->p, before, PROV_EV_SAVE_FAILED);
		return;
	case 9:
		prov_succeeded(w->p, w->now, w->utc, rnd);
		check_step(w->p, before, PROV_EV_SUCCEEDED);
		return;
	case 10: case 11:
		prov_failed(w->p, (enum prov_reason)(rnd % 20), "x", (int64_t)(rnd % 7) * 1000 - 1000, w->now,
			    w->utc, rnd);
		check_step(w->p, before, PROV_EV_FAILED);
		return;
	case 12:
		w->now = prov_deadline(w->p) < MST_NEVER ? prov_deadline(w->p) : w->now;
		prov_tick(w->p, w->now, w->utc, rnd);
		check_step(w->p, before, PROV_EV_TIMER);
		return;
	case 13:
		prov_tick(w->p, w->now, w->utc, rnd);
		HOLDS(prov_state(w->p) == before || before != PROV_IDLE);
		return;
	case 14:
		prov_credential_lost(w->p, w->now, w->utc, rnd);
		check_step(w->p, before, PROV_EV_CREDENTIAL_LOST);
		return;
	case 15:
		l->methods = rnd & 1 ? ALL_METHODS : rnd;
		prov_set_methods(w->p, l->methods);
		return;
	case 16:
		w->utc = rnd % 4 ? UTC + rnd % 200 - 100 : 0;
		return;
	default:
		good_shell(l, rnd);
		return;
	}
}

unsigned drive(struct mst_view octets)
{
	struct life l = { .w = world_new(NULL, 0), .in = mst_reader_of(octets), .twin = malloc(prov_size()) };
	unsigned events = 0;

	HOLDS(l.twin != NULL);
	boot(&l);
	for (; l.in.left && l.in.ok && events < 4096; events++) {
		unsigned op = mst_read_u8(&l.in) % 28;
		uint32_t serial = prov_serial(l.w->p);

		l.w->log[0] = '\0';
		if (!with_octets(&l, op))
			plain(&l, op);
		check_engine(l.w->p, prov_deadline(l.w->p) < l.w->now ? 0 : l.w->now);
		if (prov_want(l.w->p) == PROV_WANT_SAVE && prov_serial(l.w->p) != serial)
			check_blob(&l);
	}
	free(l.twin);
	world_free(l.w);
	return events;
}
