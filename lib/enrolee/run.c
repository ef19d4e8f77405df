/* The blocking loop of include/muster/run.h: nothing but questions to the machine and calls of ports. */
#include "muster/run.h"

#include "enrolee/device-card.h"

#define DETAIL 160
#define PIECE 1024                       /* octets received at one time: of the stack */

struct loop {
	struct muster_enrolee *e;
	const struct muster_ports *p;
	char detail[DETAIL];
};

static int64_t now(const struct loop *l)
{
	return l->p->clock.now(l->p->clock.ctx);
}

static int64_t utc(const struct loop *l)
{
	return l->p->clock.utc(l->p->clock.ctx);
}

/* How long a port may wait; at least a moment, so that a deadline that has come is seen by a tick. */
static int64_t left(const struct loop *l)
{
	int64_t at = muster_deadline(l->e), t = now(l);

	return at == MUSTER_NEVER ? 1000 : at > t ? at - t : 1;
}

static void lost(struct loop *l, enum muster_reason r)
{
	muster_lost(l->e, r == MUSTER_OK ? MUSTER_INTERNAL : r, l->detail, now(l), utc(l));
}

static void open_session(struct loop *l)
{
	const struct muster_transport *t = &l->p->transport;
	const struct muster_session *s = muster_session(l->e);
	unsigned char exported[MUSTER_EXPORT_LEN];
	enum muster_reason r;

	t->close(t->ctx);
	memset(exported, 0, sizeof(exported));
	r = t->open(t->ctx, s, exported, left(l), l->detail);
	if (r)
		lost(l, r);
	else
		muster_opened(l->e, s->export_label ? exported : NULL, now(l), utc(l));
	mst_wipe(exported, sizeof(exported));
}

static void send_some(struct loop *l)
{
	const struct muster_transport *t = &l->p->transport;
	size_t n, sent = 0;
	const void *octets = muster_output(l->e, &n);
	enum muster_reason r = t->write(t->ctx, octets, n, &sent, left(l), l->detail);

	if (r)
		lost(l, r);
	else if (sent)
		muster_sent(l->e, sent);
	else
		muster_tick(l->e, now(l), utc(l));
}

static void receive_some(struct loop *l)
{
	const struct muster_transport *t = &l->p->transport;
	unsigned char piece[PIECE];
	size_t n = 0;
	enum muster_reason r = t->read(t->ctx, piece, sizeof(piece), &n, left(l), l->detail);

	if (r)
		lost(l, r);
	else if (n)
		muster_received(l->e, piece, n, now(l), utc(l));
	else
		muster_tick(l->e, now(l), utc(l));
	mst_wipe(piece, sizeof(piece));
}

static void use_card(struct loop *l)
{
	unsigned char random[16];

	if (l->p->random.octets(l->p->random.ctx, random, sizeof(random)))
		lost(l, MUSTER_INTERNAL);
	else
		muster_use_card(l->e, random, now(l), utc(l));
}

static void saved(struct loop *l, enum muster_reason r)
{
	if (r)
		muster_save_failed(l->e, l->detail, now(l), utc(l));
	else
		muster_saved(l->e, now(l), utc(l));
}

static void save(struct loop *l)
{
	const struct muster_storage *s = &l->p->storage;
	size_t n;
	const void *record = muster_record(l->e, &n);

	l->p->transport.close(l->p->transport.ctx);
	saved(l, n ? s->store(s->ctx, MUSTER_SLOT_PENDING, record, n, l->detail) : MUSTER_INTERNAL);
}

/* What the slots hold goes to the machine; both copies are wiped. */
static enum muster_reason start(struct loop *l, const void *sequence, size_t n)
{
	unsigned char active[MUSTER_RECORD_MAX], pending[MUSTER_RECORD_MAX];
	struct muster_start s = { .size = sizeof(s), .sequence = sequence, .sequence_n = n, .active = active, .pending = pending };
	const struct muster_storage *st = &l->p->storage;
	enum muster_reason r = st->load(st->ctx, MUSTER_SLOT_ACTIVE, active, sizeof(active), &s.active_n, l->detail);

	if (!r)
		r = st->load(st->ctx, MUSTER_SLOT_PENDING, pending, sizeof(pending), &s.pending_n, l->detail);
	if (!r && l->p->random.octets(l->p->random.ctx, s.random, sizeof(s.random)))
		r = MUSTER_INTERNAL;
	if (r)
		device_not_begun(device_of(l->e), r, l->detail);
	else
		r = muster_start(l->e, &s, now(l), utc(l));
	mst_wipe(active, sizeof(active));
	mst_wipe(pending, sizeof(pending));
	return r;
}

static void step(struct loop *l, const char **last)
{
	const char *s = muster_step(l->e);

	if (l->p->step && *s && !mst_view_eq_str(mst_view_str(s), *last))
		l->p->step(l->p->step_ctx, s);
	*last = s;
}

enum muster_reason muster_run(struct muster_enrolee *e, const struct muster_ports *p, const void *sequence, size_t n)
{
	struct loop l = { .e = e, .p = p };
	const char *last = "";
	enum muster_reason r;

	if (p->size != sizeof(*p))
		return MUSTER_UNSUPPORTED;
	r = start(&l, sequence, n);
	if (r)
		return r;
	for (;;) {
		step(&l, &last);
		l.detail[0] = '\0';
		switch (muster_want(e)) {
		case MUSTER_WANT_NOTHING:
			p->transport.close(p->transport.ctx);
			return muster_end(e);
		case MUSTER_WANT_OPEN:
			open_session(&l);
			break;
		case MUSTER_WANT_SEND:
			send_some(&l);
			break;
		case MUSTER_WANT_RECEIVE:
			receive_some(&l);
			break;
		case MUSTER_WANT_CARD:
			use_card(&l);
			break;
		case MUSTER_WANT_SAVE:
			save(&l);
			break;
		case MUSTER_WANT_PROMOTE:
			p->transport.close(p->transport.ctx);
			saved(&l, p->storage.promote(p->storage.ctx, l.detail));
			break;
		}
	}
}
