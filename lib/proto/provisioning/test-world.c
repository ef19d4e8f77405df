#include "proto/provisioning/test-world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bit of `has` that belongs to the member at `offset`. */
static uint32_t has_bit(const struct mst_msg *m, size_t offset)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->field[i].offset == offset)
			return UINT32_C(1) << i;
	fprintf(stderr, "no row of %s has offset %zu\n", m->what, offset);
	abort();
}

static const struct mst_msg *instruction_msg(void)
{
	for (size_t i = 0; i < mst_sequence_msg.n; i++)
		if (mst_sequence_msg.field[i].offset == offsetof(struct mst_sequence, instructions))
			return mst_sequence_msg.field[i].sub;
	abort();
}

#define HAS_S(q, m) ((q)->s.has |= has_bit(&mst_sequence_msg, offsetof(struct mst_sequence, m)))
#define HAS_I(i, m) ((i)->has |= has_bit(instruction_msg(), offsetof(struct mst_instruction, m)))

void seq_start(struct seq *q)
{
	memset(&q->s, 0, sizeof(q->s));
	q->s.version = 1;
	HAS_S(q, version);
	HAS_S(q, instructions);
}

struct mst_instruction *seq_add(struct seq *q, int method, const char *uri)
{
	struct mst_instruction *i = &q->s.instructions[q->s.n_instructions++];

	i->kind = method < MST_METHOD_FILE ? MST_INSTR_BOOTSTRAP : MST_INSTR_DISCOVERY;
	i->method = method;
	i->uri = mst_view_str(uri);
	HAS_I(i, kind);
	HAS_I(i, method);
	HAS_I(i, uri);
	if (i->kind == MST_INSTR_BOOTSTRAP) {
		i->target = mst_view_str("maf.example.com");
		i->admin_fqdn = mst_view_str("sp.example.com");
		i->suid = 21;
		HAS_I(i, target);
		HAS_I(i, admin_fqdn);
		HAS_I(i, suid);
	}
	return i;
}

void seq_valid(struct seq *q, mst_time from, mst_time until)
{
	q->s.valid_from = from;
	q->s.valid_until = until;
	if (from)
		HAS_S(q, valid_from);
	if (until)
		HAS_S(q, valid_until);
}

void seq_expires(struct mst_instruction *i, mst_time when)
{
	i->expires = when;
	HAS_I(i, expires);
}

void seq_anchor(struct mst_instruction *i, struct mst_view der)
{
	i->anchors[i->n_anchors++] = der;
	HAS_I(i, anchors);
}

void seq_maf_uri(struct mst_instruction *i, const char *uri)
{
	i->maf_uri = mst_view_str(uri);
	HAS_I(i, maf_uri);
}

struct mst_view seq_done(struct seq *q)
{
	struct mst_writer w = mst_writer_of(q->octets, sizeof(q->octets));

	mst_sequence_write_cbor(&q->s, &w);
	q->cbor = mst_written(&w);
	if (!q->cbor.n) {
		fprintf(stderr, "a test's sequence does not fit\n");
		abort();
	}
	return q->cbor;
}

struct mst_view seq_text(struct seq *q, const char *text)
{
	static const struct { const char *word; int method;
	} method[] = {
		{ "psk", MST_METHOD_PSK },       { "cert", MST_METHOD_CERT },
		{ "gba", MST_METHOD_GBA },       { "file", MST_METHOD_FILE },
		{ "bbn", MST_METHOD_BBN },       { "bsf", MST_METHOD_BSF },
		{ "dns-sd", MST_METHOD_DNS_SD }, { "dns-srv", MST_METHOD_DNS_SRV },
		{ "dhcp", MST_METHOD_DHCP },
	};
	static char words[64][256];
	static unsigned at;
	char name[16];
	int used;

	seq_start(q);
	for (; *text; text += used + (text[used] == ';'), text += *text == ' ') {
		char *uri = words[at++ % 64];
		int m = 0;

		if (sscanf(text, "%15s %255[^;]%n", name, uri, &used) != 2)
			abort();
		for (size_t i = 0; i < MST_COUNT(method); i++)
			if (!strcmp(method[i].word, name))
				m = method[i].method;
		if (!m)
			abort();
		seq_add(q, m, uri);
	}
	return seq_done(q);
}

struct world *world_new(const struct answer *a, size_t n)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w || !(w->p = malloc(prov_size())))
		abort();
	w->cfg = (struct prov_config){ .methods = ALL_METHODS, .backoff_first = 5000, .backoff_max = 3600000,
	                               .discover_ms = 60000, .bootstrap_ms = 120000 };
	w->answer = a;
	w->n_answers = n;
	w->now = NOW;
	w->utc = UTC;
	world_boot(w);
	return w;
}

struct world *world_free(struct world *w)
{
	free(w->p);
	free(w);
	return NULL;
}

void world_boot(struct world *w)
{
	/* nothing of the old memory may matter */
	memset(w->p, 0xa5, prov_size());
	if (!prov_init(w->p, prov_size(), &w->cfg))
		abort();
}

void world_log(struct world *w, const char *word)
{
	size_t n = strlen(w->log);

	snprintf(w->log + n, sizeof(w->log) - n, "%s%s", n ? " " : "", word);
}

static const struct answer *answer_of(const struct world *w, struct mst_view uri)
{
	static const struct answer nobody = { "", { NULL, 0 }, PROV_UNREACHABLE, 0 };

	for (size_t i = 0; i < w->n_answers; i++)
		if (mst_view_eq_str(uri, w->answer[i].uri))
			return &w->answer[i];
	return &nobody;
}

static void do_save(struct world *w, bool lost)
{
	struct mst_view v = prov_progress(w->p);

	if (w->disk_full) {
		world_log(w, "save=full");
		if (!lost)
			prov_save_failed(w->p, w->now, w->utc, w->rnd);
		return;
	}
	world_log(w, "save");
	memcpy(w->disk, v.p, v.n);
	w->disk_n = v.n;
	if (!lost)
		prov_saved(w->p, w->now, w->utc, w->rnd);
}

static void do_effect(struct world *w, bool discover, bool lost)
{
	const struct mst_instruction *i = prov_current(w->p);
	const struct answer *a = answer_of(w, i->uri);
	bool good = discover ? a->yields.n > 0 : a->reason == PROV_OK;
	char word[512];

	w->effects++;
	snprintf(word, sizeof(word), "%s:%.*s%s%s", discover ? "get" : "try", (int)i->uri.n,
		 (const char *)i->uri.p, good ? "" : "=", good ? "" : prov_reason_text(a->reason));
	world_log(w, word);
	if (lost)
		return;
	if (!good)
		prov_failed(w->p, a->reason, "as the world has it", a->retry_after, w->now, w->utc, w->rnd);
	else if (discover)
		(void)!prov_discovered(w->p, a->yields, w->now, w->utc, w->rnd, NULL);
	else
		prov_succeeded(w->p, w->now, w->utc, w->rnd);
}

bool world_step(struct world *w, bool lost)
{
	switch (prov_want(w->p)) {
	case PROV_WANT_NOTHING:
		return false;
	case PROV_WANT_SAVE:
		do_save(w, lost);
		return true;
	case PROV_WANT_DISCOVER:
		do_effect(w, true, lost);
		return true;
	case PROV_WANT_BOOTSTRAP:
		do_effect(w, false, lost);
		return true;
	}
	return false;
}

void world_run(struct world *w)
{
	for (unsigned i = 0; world_step(w, false); i++)
		if (i > 100000) {
			fprintf(stderr, "a run without end\n");
			abort();
		}
}

void world_start(struct world *w, struct mst_view seq)
{
	struct mst_diag d = { 0 };

	if (prov_trigger(w->p, seq, ATTEMPT, w->now, w->utc, w->rnd, &d)) {
		fprintf(stderr, "trigger refused: %s: %s\n", d.field, d.text);
		abort();
	}
}

const char *world_reports(const struct world *w)
{
	static char text[4096];
	const struct prov_report *r;
	size_t n = prov_reports(w->p, &r), at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u.%u=%s", i ? " " : "", r[i].depth,
				       r[i].index, prov_reason_text(r[i].reason));
	return text;
}

/* xorshift64*: the same numbers on every machine */
uint32_t next_random(uint64_t *seed)
{
	uint64_t x = *seed;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*seed = x;
	return (uint32_t)(x * UINT64_C(0x2545F4914F6CDD1D) >> 32);
}
