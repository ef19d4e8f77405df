/*
 * For tests and fuzzing of the engine: a writer of sequences, and a world in which each resource has a
 * fixed answer, so that a whole run is one line of text to compare.
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/provisioning/provisioning-state.h"

#define ATTEMPT "00112233445566778899AABBCCDDEEFF"
#define NOW 1000
#define UTC INT64_C(1795000000)
#define ALL_METHODS 0xffffffffu

/* A sequence being written: seq_start, seq_add…, seq_done. Good until the next seq_start of that slot. */
struct seq {
	struct mst_sequence s;
	uint8_t octets[MST_SEQ_OCTETS];
	struct mst_view cbor;
};
void seq_start(struct seq *q);
struct mst_instruction *seq_add(struct seq *q, int method, const char *uri);
void seq_valid(struct seq *q, mst_time from, mst_time until);      /* 0 = not given */
void seq_expires(struct mst_instruction *i, mst_time when);
void seq_anchor(struct mst_instruction *i, struct mst_view der);
void seq_maf_uri(struct mst_instruction *i, const char *uri);
struct mst_view seq_done(struct seq *q);
/* "bbn https://a; cert https://b": one word for the method, then the name. */
struct mst_view seq_text(struct seq *q, const char *text);

struct answer {
	const char *uri;
	struct mst_view yields;         /* of a discovery; empty: it fails with `reason` */
	enum prov_reason reason;        /* of a bootstrap: PROV_OK = success */
	int64_t retry_after;
};

struct world {
	struct prov *p;
	struct prov_config cfg;
	const struct answer *answer;
	size_t n_answers;
	mst_ms now;
	mst_time utc;
	uint32_t rnd;
	bool disk_full;
	uint8_t disk[PROV_BLOB_MAX];    /* what survives */
	size_t disk_n;
	char log[4096];                 /* "save get:https://a save try:https://b=refused …" */
	unsigned effects;
};

struct world *world_new(const struct answer *a, size_t n);
struct world *world_free(struct world *w);
void world_boot(struct world *w);       /* engine from nothing; the disk stays */
void world_log(struct world *w, const char *word);
/* Carry out what is wanted, and tell the engine unless `lost`. False when nothing is wanted. */
bool world_step(struct world *w, bool lost);
void world_run(struct world *w);        /* steps until nothing is wanted */
void world_start(struct world *w, struct mst_view seq);
/* Reports as text: "0.0=unreachable 1.2=ok". */
const char *world_reports(const struct world *w);

/*
 * What holds after every event, whatever came before; aborts with a word when it does not. `before` is
 * the state in which `ev` was given.
 */
void check_engine(const struct prov *p, mst_ms now);
void check_step(const struct prov *p, enum prov_state before, enum prov_event ev);

/* A stream of octets drives an engine through events, sequences and blobs of all sorts. Counts events. */
unsigned drive(struct mst_view octets);

uint32_t next_random(uint64_t *seed);

#endif
