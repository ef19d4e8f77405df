/*
 * A new generation of the key-encryption key (decision 0027): every key in the store is wrapped anew, some rows at a time between
 * decisions, each piece with its place in one transaction. Both generations open what they have wrapped meanwhile. When a whole
 * pass is through the keeper destroys the one before; what it could not open holds that up, until an operator says otherwise.
 * The place is a number of a row, and a file that was written anew (.dump, VACUUM) has others. So before the end the database is asked, by an index and in one
 * transaction with the end, how many keys are not of the new generation: other ones than the pass has left, and it begins at the first row.
 *
 * A server of databases may be another one an hour later: a standby that lagged has rows of before then. So with one the generation before stays for keeper_wait,
 * and then every row is looked at once more, in the database as it is by then; what is found is wrapped anew, and the wait begins anew.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/engine-internal.h"

#define PIECE 128u
#define LOOK 64u                 /* of those that are looked at: the keeper is asked about each, and decisions wait meanwhile */
#define PAUSE_MS 20
#define AGAIN_MS (60 * 1000)

struct piece { struct mst_wrapped_row row[PIECE]; size_t n; };

static int keep(void *arg, const struct mst_wrapped_row *r)
{
	struct piece *p = arg;

	p->row[p->n++] = *r;
	return 0;
}

/* Of the role here that the row is of; "": it is not played. */
static const char *fqdn_of(const struct engine *e, enum mst_wrapped_part part, const struct mst_wrapped_row *r)
{
	const struct mst_role_conf *conf = e->role_conf[part == MST_WRAPPED_AV ? MST_ROLE_BSF : r->role];

	return conf ? conf->fqdn : "";
}

static int rewrap(struct engine *e, enum mst_wrapped_part part, const struct mst_wrapped_row *r, struct mst_wrapped *out)
{
	return mst_wrapped_anew(e->keeper, part, r, fqdn_of(e, part, r), out);
}

/* As mst_store_wrapped_others() would count it. */
static bool is_other(const struct mst_rotation *z, const struct mst_wrapped *w)
{
	uint8_t head[MST_WRAPPED_HEAD];

	mst_wrapped_head((uint32_t)z->generation, head);
	return w->n && (w->n < sizeof(head) || memcmp(w->b, head, sizeof(head)) != 0);
}

/* One row; 0 or a fault. */
static int turn(struct engine *e, struct mst_rotation *z, const struct mst_wrapped_row *r)
{
	struct mst_wrapped out = { .n = 0 };
	int got;

	if (!r->key.n || mst_wrapped_generation(&r->key) == z->generation) {
		z->rows++;
		return 0;
	}
	got = rewrap(e, (enum mst_wrapped_part)z->part, r, &out);
	if (got < 0)
		return got;
	z->rows++;
	z->stays += got && is_other(z, &r->key);
	if (got == MST_KEEPER_FORGED || got == MST_KEEPER_DENIED) {
		if (!z->bad++)
			snprintf(z->bad_key, sizeof(z->bad_key), "%s", r->key_id);
		return 0;
	}
	if (got)
		return 0;
	z->changed++;
	z->kept_until = 0;               /* none was left, and now there is: of a standby that has taken over */
	got = mst_store_wrapped_put(e->store, (enum mst_wrapped_part)z->part, r->row, &out);
	return got > 0 ? MST_FAULT_BUG : got;
}

/* One piece inside a group. 0 or a fault. */
static int take_piece(struct engine *e, struct mst_rotation *z)
{
	static struct piece p;
	int r;

	p.n = 0;
	r = mst_store_wrapped_list(e->store, (enum mst_wrapped_part)z->part, z->after, PIECE, keep, &p);
	for (size_t i = 0; !r && i < p.n; i++) {
		r = turn(e, z, &p.row[i]);
		if (!r)
			z->after = p.row[i].row;
	}
	if (!r && p.n < PIECE) {
		z->part++;
		z->after = 0;
	}
	mst_wipe(&p, sizeof(p));
	return r;
}

static int tell(struct engine *e, const char *what, const char *why)
{
	struct mst_event v = { .when = (mst_time)time(NULL), .role = "server", .who = "engine" };

	snprintf(v.what, sizeof(v.what), "%s", what);
	snprintf(v.why, sizeof(v.why), "%s", why);
	return mst_store_event_append(e->store, &v);
}

/* A file has no standby. */
static int64_t wait_of(const struct engine *e)
{
	return mst_store_file(e->u.conf->store) ? 0 : e->u.conf->keeper_wait;
}

/* A pass is through: the event with the rows' state, before the keeper destroys anything. */
static int tell_end(struct engine *e, const struct mst_rotation *z)
{
	int64_t wait = wait_of(e);
	char why[256];

	if (z->bad)
		snprintf(why, sizeof(why), "%" PRIi64 " keys could not be opened, the first is %.100s; the generation before stays", z->bad, z->bad_key);
	else if (wait)
		snprintf(why, sizeof(why), "generation %" PRIi64 ": %" PRIi64 " keys wrapped anew; the generation before stays for %" PRIi64 " s, for a standby that lags (keeper_wait)",
			 z->generation, z->changed, wait);
	else
		snprintf(why, sizeof(why), "generation %" PRIi64 ": %" PRIi64 " keys wrapped anew; the generation before is not needed any more", z->generation,
			 z->changed);
	return tell(e, z->bad ? "keeper.rotation-held" : "keeper.rewrapped", why);
}

/* A pass is through. What was given up before holds nothing up, however often it is seen. */
static int pass_through(struct engine *e, struct mst_rotation *z)
{
	if (z->bad <= z->given_up) {
		z->bad = 0;
		z->bad_key[0] = '\0';
	}
	if (!z->bad && z->kept_until)
		return 0;
	if (!z->bad)
		z->kept_until = (mst_time)time(NULL) + wait_of(e);
	return tell_end(e, z);
}

/* Said when it is true. A power cut in between leaves it unsaid; that every key was wrapped anew is in the log by then. */
static int tell_destroyed(struct engine *e, const struct mst_keeper_generations *g)
{
	char why[96];
	int r = mst_store_begin(e->store);

	if (r)
		return r;
	snprintf(why, sizeof(why), "generation %u of the key-encryption key is destroyed, %u is in use", (unsigned)g->before, (unsigned)g->now);
	r = tell(e, "keeper.rotated", why);
	if (!r)
		return mst_store_commit(e->store);
	mst_store_rollback(e->store);
	return r;
}

static void tell_held(struct engine *e, const struct mst_rotation *z)
{
	mst_log(&e->u.log, MST_LOG_ERROR, "keys could not be wrapped anew; the generation before stays", "first", z->bad_key, "remedy",
		"muster keeper show; muster keeper finish", NULL);
}

static int retire(struct engine *e, const struct mst_keeper_generations *g)
{
	int r = e->keeper->ops->retire(e->keeper, g->before);

	if (r <= 0)
		return r;
	/* its CA key is still encrypted by the one before, which the next start mends: asking again at once is of no use */
	mst_log(&e->u.log, MST_LOG_ERROR, "the keeper does not give up the key-encryption key of before", "remedy",
		"look whether its directory can be written; restart musterd", NULL);
	return MST_FAULT_IO;
}

/*
 * Where it is; from the beginning for a key that the store has not seen. What it has seen under the same number may be another one, when the keeper's
 * directory came back from a backup and the begin of this rotation was not committed: that says nothing about rows.
 */
static int where(struct engine *e, const struct mst_keeper_generations *g, struct mst_rotation *z)
{
	int r = mst_store_rotation_get(e->store, z);

	if (r < 0 || (!r && mst_rotation_fits(z, g)))
		return r;
	*z = (struct mst_rotation){ .generation = g->now, .begun = (mst_time)time(NULL) };
	memcpy(z->mark, g->mark, sizeof(z->mark));
	return 0;
}

/* What a rotation waits for, once a pass is through. */
enum next { NEXT_PIECE, NEXT_NOTHING /* somebody's word, or the time */, NEXT_END };

static enum next next_of(const struct engine *e, const struct mst_rotation *z)
{
	if (z->part < MST_WRAPPED__COUNT)
		return NEXT_PIECE;
	if (z->bad || (mst_time)time(NULL) < z->kept_until)
		return NEXT_NOTHING;
	return !wait_of(e) || (z->kept_until && z->kept_until == e->rotate_looked) ? NEXT_END : NEXT_PIECE;
}

static void begin_pass(struct mst_rotation *z)
{
	z->part = z->after = z->rows = z->stays = 0;
}

/*
 * Rows were passed over. Every one is seen once more; when some still were not, then a minute later: a row with a number that no pass comes by needs somebody's hand.
 */
static int go_over_again(struct engine *e, struct mst_rotation *z, int64_t others)
{
	char n[24], seen[24];
	int r;

	snprintf(n, sizeof(n), "%" PRIi64, others);
	snprintf(seen, sizeof(seen), "%" PRIi64, z->stays);
	mst_log(&e->u.log, MST_LOG_WARNING, "there are other keys of the generation before than were seen; all are looked at anew, and it stays", "keys", n, "seen", seen, NULL);
	begin_pass(z);
	r = mst_store_rotation_put(e->store, z);
	if (!r)
		r = mst_store_commit(e->store);
	if (!r && e->rotate_again)
		e->rotate_at = mst_now_ms() + AGAIN_MS;
	e->rotate_again = true;
	return r ? r : 1;
}

/*
 * The one before is destroyed, if nothing needs it: looked at and done inside of one transaction, in which nobody else changes rows. It is one question to five indices, however
 * many rows there are. 0, 1: there is more to do, or a fault.
 */
static int end(struct engine *e, const struct mst_keeper_generations *g)
{
	uint8_t head[MST_WRAPPED_HEAD];
	struct mst_rotation z;
	int64_t others = 0;
	int r = mst_store_begin(e->store);

	if (r)
		return r;
	mst_wrapped_head(g->now, head);
	r = where(e, g, &z);
	if (!r && next_of(e, &z) == NEXT_END) {
		r = mst_store_wrapped_others(e->store, head, &others);
		if (!r && others != z.stays)
			r = go_over_again(e, &z, others);
		else if (!r)
			r = retire(e, g);
		mst_store_rollback(e->store);
		if (r)
			return r;
		e->rotate_again = false;
		mst_log(&e->u.log, MST_LOG_INFO, "a new key-encryption key is in use, the one before is destroyed", NULL);
		return tell_destroyed(e, g);
	}
	mst_store_rollback(e->store);
	return r ? r : 1;
}

/* One row of the look below. 0 or a fault. */
static int look_at(struct engine *e, const struct mst_keeper_generations *g, const struct mst_wrapped_row *r)
{
	struct mst_wrapped none;
	int got;

	if (!mst_keeper_has(g, &r->key)) {
		if (!e->dead.n++)
			snprintf(e->dead.first, sizeof(e->dead.first), "%s", r->key_id);
		return 0;
	}
	/* of a role that is not played here nobody knows the name that is bound into it */
	if (!r->key.n || ((enum mst_wrapped_part)e->dead.part == MST_WRAPPED_KEYREG && !*fqdn_of(e, MST_WRAPPED_KEYREG, r)))
		return 0;
	got = rewrap(e, (enum mst_wrapped_part)e->dead.part, r, &none);
	if (got == MST_KEEPER_FORGED && !e->dead.foreign++)
		snprintf(e->dead.first_foreign, sizeof(e->dead.first_foreign), "%s", r->key_id);
	return got < 0 ? got : 0;
}

static int tell_dead(struct engine *e)
{
	static const char *const words[] = { "are of no generation that the keeper has", "do not open, though their generation is here: another keeper wrapped them, or "
					     "they were changed" };
	const int64_t n[] = { e->dead.n, e->dead.foreign };
	const char *const first[] = { e->dead.first, e->dead.first_foreign };
	char why[256];
	int r = mst_store_begin(e->store);

	for (size_t i = 0; !r && i < MST_COUNT(n); i++) {
		if (!n[i])
			continue;
		snprintf(why, sizeof(why), "%" PRIi64 " keys of the store %s; the first is %.80s", n[i], words[i], first[i]);
		mst_log(&e->u.log, MST_LOG_ERROR, "store and keeper are not of one time", "why", why, "remedy", "bring both back from the same backup; muster doctor", NULL);
		r = tell(e, "keeper.dead-keys", why);
	}
	if (!r)
		return mst_store_commit(e->store);
	mst_store_rollback(e->store);
	return r;
}

/*
 * Nothing rotates: are there keys that nobody can open? A store that was brought back beside another keeper, or a newer one, has some, and nobody
 * would know before a node is refused. Looked at once after each start, in pieces as above. 0, 1: there is more, or a fault.
 */
static int look_for_dead(struct engine *e, const struct mst_keeper_generations *g)
{
	static struct piece p;
	int r;

	if (e->dead.done)
		return 0;
	p.n = 0;
	r = mst_store_wrapped_list(e->store, (enum mst_wrapped_part)e->dead.part, e->dead.after, LOOK, keep, &p);
	for (size_t i = 0; !r && i < p.n; i++) {
		r = look_at(e, g, &p.row[i]);
		e->dead.after = p.row[i].row;
	}
	if (!r && p.n < LOOK) {
		e->dead.part++;
		e->dead.after = 0;
	}
	mst_wipe(&p, sizeof(p));
	if (r || e->dead.part < MST_WRAPPED_AV)
		return r ? r : 1;
	e->dead.done = true;
	e->u.m.v[MST_M_KEEPER_DEAD] = (uint64_t)(e->dead.n + e->dead.foreign);
	return e->dead.n || e->dead.foreign ? tell_dead(e) : 0;
}

/* Of versions that left no mark: the number has to do. */
static bool may_be(const struct mst_rotation *z, const struct mst_keeper_generations *g)
{
	static const uint8_t none[MST_GENERATION_MARK];

	return mst_rotation_fits(z, g) || (z->generation == g->now && !memcmp(z->mark, none, sizeof(none)));
}

/*
 * With a keeper's directory of before a rotation there is no start beside a daemon that has the new one: what was written here would open
 * nowhere else (decision 0038). Alone it is what a backup gives back, and look_for_dead() counts what is lost.
 */
int engine_rotate_start(struct engine *e, struct mst_diag *d)
{
	struct mst_keeper_generations g;
	struct mst_rotation z = { .generation = 0 };
	bool alone = true;
	char text[16];
	int r = e->keeper->ops->generations(e->keeper, &g);

	r = r > 0 ? MST_FAULT_BUG : r ? r : mst_store_begin(e->store);
	if (r)
		return r;
	r = mst_store_rotation_get(e->store, &z);
	if (r >= 0)
		r = mst_store_alone(e->store, &alone);
	mst_store_rollback(e->store);
	if (r || alone || z.generation < g.now || may_be(&z, &g))
		return r;
	snprintf(text, sizeof(text), "%u", (unsigned)g.now);
	mst_diag_set(d, 0, "keeper", "its key-encryption key is of generation ", text, ", and another musterd uses the database with a newer or another one; copy its keeper's "
		     "directory to here", NULL);
	return MST_FAULT_CONFIG;
}

/* The next piece, in a group; of another pass, when one is through. Where it is is read in there: another daemon may work on it, too. */
static int go_on(struct engine *e, const struct mst_keeper_generations *g, struct mst_rotation *z)
{
	bool over, again;
	int r = mst_store_begin(e->store);

	if (r)
		return r;
	r = where(e, g, z);
	if (!r && next_of(e, z) == NEXT_PIECE) {
		if (z->part == MST_WRAPPED__COUNT)
			begin_pass(z);
		r = take_piece(e, z);
		over = z->part == MST_WRAPPED__COUNT;
		again = over && z->kept_until;
		if (!r && over)
			r = pass_through(e, z);
		if (!r)
			r = mst_store_rotation_put(e->store, z);
		if (!r)
			r = mst_store_commit(e->store);
		if (!r && again)
			e->rotate_looked = z->kept_until;
		if (!r)
			return 0;
	}
	mst_store_rollback(e->store);
	return r > 0 ? MST_FAULT_BUG : r;
}

/* 0: done for now, 1: there is more, or a fault. */
static int step(struct engine *e)
{
	struct mst_keeper_generations g;
	struct mst_rotation z;
	int r = e->keeper->ops->generations(e->keeper, &g);

	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	e->u.m.v[MST_M_KEEPER_GENERATION] = g.now;
	if (!g.before) {
		e->rotate_looked = 0;
		return look_for_dead(e, &g);
	}
	r = where(e, &g, &z);
	if (!r && next_of(e, &z) == NEXT_PIECE) {
		r = go_on(e, &g, &z);
		if (!r)
			e->u.m.v[MST_M_KEEPER_REWRAPPED] = (uint64_t)z.changed;
		if (!r && z.bad && z.part == MST_WRAPPED__COUNT)
			tell_held(e, &z);
	}
	if (r)
		return r;
	switch (next_of(e, &z)) {
	case NEXT_PIECE: return 1;
	case NEXT_END: return end(e, &g);
	case NEXT_NOTHING: break;
	}
	return 0;
}

void engine_rotate(struct engine *e)
{
	int r;

	if (!e->u.started || e->u.draining || mst_now_ms() < e->rotate_at)
		return;
	r = step(e);
	if (r < 0) {
		mst_log(&e->u.log, MST_LOG_ERROR, "keys are not wrapped anew; tried again later", "why", mst_fault_text(r), NULL);
		e->rotate_at = mst_now_ms() + AGAIN_MS;
	} else if (r > 0 && e->rotate_timer) {
		static const struct timeval pause = { 0, PAUSE_MS * 1000 };

		(void)event_add(e->rotate_timer, &pause);
	}
}
