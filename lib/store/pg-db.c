/* PostgreSQL: opening, groups, and what became of one whose connection was lost. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "store/pg.h"

#define SETTLE_MS 15000         /* so long a commit is looked for whose answer was lost */
#define LOOK_MS 200

static const char lock[] = "SELECT id FROM store_writer WHERE id = 1 FOR UPDATE";

static int batch(struct pg *p, const char *first, const char *second)
{
	PGresult *none;
	int r = pg_add(p, SQ_NO_SLOT, first, NULL);

	r = r ? r : pg_add(p, SQ_NO_SLOT, second, NULL);
	r = r ? r : pg_end(p, PG_BATCH, &none);
	return r > 0 ? MST_FAULT_BUG : r;
}

/* Whoever is here has the row: no other group is under way. */
static int begin(struct pg *p)
{
	int r = batch(p, "BEGIN ISOLATION LEVEL READ COMMITTED", lock);

	p->wrote = false;
	if (r && p->c)
		(void)!pg_do(p, "ROLLBACK");
	else if (r)
		p->q.may_repeat = true;         /* a connection that had ended, and nobody had noticed */
	return r;
}

static const struct sq_col number_col[] = { { SQ_I64, 0, 0 } };

/* 1: it is there; 0: it is not; or a fault. With the lock, so a commit that is under way has ended. */
static int is_there(struct pg *p)
{
	int64_t n = 0;
	int r = pg_connect(p);

	r = r ? r : begin(p);
	if (r)
		return r;
	r = sq_one(&p->q, SQ_NO_SLOT, "SELECT n FROM store_group WHERE name = ?1", SQ_ARGS(SQ_S(p->name)), SQ_COLS(number_col), &n);
	(void)!pg_do(p, "ROLLBACK");
	return r < 0 ? r : !r && n == p->group;
}

/* The commit was asked for, and the connection lost before the answer: the database knows. */
static int settle(struct pg *p)
{
	int64_t until = pg_now() + p->q.settle_ms;
	int r;

	p->q.in_group = false;
	p->q.lost = 0;
	while ((r = is_there(p)) < 0 && pg_now() < until) {
		p->again_at = 0;
		(void)poll(NULL, 0, LOOK_MS);
	}
	p->q.in_group = true;
	if (r == 1)
		return 0;
	p->q.may_repeat = !r;
	p->q.in_doubt = r < 0;
	if (r < 0)
		snprintf(p->q.error, sizeof(p->q.error), "the connection was lost in a commit, and the database did not come back to tell what became of it");
	return MST_FAULT_STORE;
}

static int commit(struct pg *p)
{
	PGresult *res = NULL;
	struct pg_params a = { .n = 0 };
	bool wrote = p->wrote;
	const struct sq_arg arg[] = { SQ_S(p->name), SQ_I(p->group + 1), SQ_I(time(NULL)) };
	int r = 0;

	if (wrote) {
		p->group++;
		r = pg_args(&a, arg, MST_COUNT(arg));
		r = r ? r : pg_add(p, SQ_COMMIT, "INSERT INTO store_group (name, n, at) VALUES (?1, ?2, ?3)"
				   " ON CONFLICT (name) DO UPDATE SET n = excluded.n, at = excluded.at", &a);
	}
	r = r ? r : pg_add(p, SQ_NO_SLOT, "COMMIT", NULL);
	if (r)
		return r;
	r = pg_end(p, wrote, &res);
	/* of a transaction that had failed it says so, and does not commit */
	if (!r && strcmp(pq.PQcmdStatus(res), "COMMIT"))
		r = MST_FAULT_STORE;
	pq.PQclear(res);
	if (r && !p->c && wrote)
		return settle(p);
	return r > 0 ? MST_FAULT_BUG : r;
}

static int control(struct sq *q, enum sq_slot slot)
{
	struct pg *p = pg_of(q);
	int r;

	switch ((int)slot) {
	case SQ_BEGIN: return begin(p);
	case SQ_COMMIT: return commit(p);
	case SQ_ROLLBACK:
		p->n_batch = 0;
		return p->c && pq.PQtransactionStatus(p->c) != PQTRANS_IDLE ? pg_do(p, "ROLLBACK") : 0;
	case SQ_MARK: r = pg_do(p, "SAVEPOINT decision"); break;
	case SQ_MARK_2: r = pg_do(p, "SAVEPOINT part"); break;
	case SQ_RELEASE: r = pg_do(p, "RELEASE decision"); break;
	case SQ_RELEASE_2: r = pg_do(p, "RELEASE part"); break;
	case SQ_UNDO: r = pg_do(p, "ROLLBACK TO decision"); break;
	case SQ_UNDO_2: r = pg_do(p, "ROLLBACK TO part"); break;
	default: return MST_FAULT_BUG;
	}
	if (r && !q->lost)
		q->lost = r;
	return r;
}

static int present(struct sq *q)
{
	return q->in_group ? 0 : pg_connect(pg_of(q));
}

static int octets(struct sq *q, uint64_t *ret)
{
	return sq_one(q, SQ_NO_SLOT, "SELECT pg_database_size(current_database())", NULL, 0, SQ_COLS(number_col), ret);
}

/* Our own share of it does not stand in the way; until the group ends nobody new gets one. */
static int alone(struct sq *q, bool *ret)
{
	static const struct sq_col col[] = { { SQ_BOOL, 0, 0 } };

	return sq_one(q, SQ_NO_SLOT, "SELECT pg_try_advisory_xact_lock(" PG_PRESENCE ")::int", NULL, 0, SQ_COLS(col), ret);
}

/* From here on a rotation by somebody else is noticed. */
static int note_generation(struct pg *p)
{
	struct mst_rotation z = { .generation = 0 };
	int r = sq_rotation_get(&p->q.base, &z);

	p->q.generation = z.generation;
	memcpy(p->q.mark[0], z.mark, sizeof(z.mark));
	p->opened = true;
	return r < 0 ? r : 0;
}

static struct mst_store *close_connection(struct sq *q)
{
	struct pg *p = pg_of(q);

	if (p->c)
		pq.PQfinish(p->c);
	if (p->dial)
		pq.PQfinish(p->dial);
	if (p->conninfo)
		mst_wipe(p->conninfo, strlen(p->conninfo));
	free(p->conninfo);
	free(p->hosts);
	free(p->addresses);
	free(p->ports);
	free(p);
	return NULL;
}

static const char *const text[SQ_TEXT__COUNT] = {
	/* the words of the index's own condition, so that it serves */
	[SQ_TEXT_IDENTITY_WILD] = "SELECT 0, count(*) FROM identity WHERE anchor IN"
				  " ('\\x0000000000000000000000000000000000000000000000000000000000000000',"
				  " '\\xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF')",
};

static const struct sq_driver driver = {
	.own_groups = true, .text = text, .put = pg_put, .open = pg_open, .next = pg_next, .shut = pg_shut, .control = control,
	.present = present, .octets = octets, .alone = alone, .close = close_connection,
};

static int give_name(struct pg *p)
{
	struct mst_crypto *c = mst_crypto_openssl();
	uint8_t b[16];
	int r = c->ops->random(c, b, sizeof(b));

	for (size_t i = 0; i < sizeof(b) && !r; i++)
		snprintf(p->name + 2 * i, 3, "%02x", b[i]);
	return r;
}

int mst_store_pg_open(const char *rest, struct mst_store **ret_s, struct mst_diag *d)
{
	struct pg *p;
	int r = mst_store_pg_check(rest, d);

	if (r)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return MST_FAULT_MEMORY;
	p->q.base.ops = &sq_ops;
	p->q.db = &driver;
	p->q.settle_ms = SETTLE_MS;
	p->conninfo = strdup(rest);
	r = p->conninfo ? give_name(p) : MST_FAULT_MEMORY;
	r = r ? r : pg_look_up(p, d);
	r = r ? r : pg_load(d);
	r = r ? r : pg_connect(p);
	r = r ? r : pg_schema(p, d);
	r = r ? r : sq_event_reload(&p->q);
	r = r ? r : note_generation(p);
	if (r) {
		if (!d->text[0])
			mst_diag_set(d, 0, "store", "the database cannot be used: ", p->q.error[0] ? p->q.error : mst_fault_text(r), NULL);
		close_connection(&p->q);
		return r > 0 ? MST_FAULT_CORRUPT : r;
	}
	*ret_s = &p->q.base;
	return 0;
}
