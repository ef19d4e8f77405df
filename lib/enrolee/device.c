/* Beginning, going from instruction to instruction, ending. */
#include "enrolee/device-card.h"

#include "base/text.h"
#include "codec/secret-text.h"
#include "muster/version.h"

#define DEADLINE_MS 30000

/* Configuration -------------------------------------------------------------------------------------- */

static int hmac_sha256(struct mst_crypto *c, struct mst_view key, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	const struct muster_crypto *port = &((struct device_crypto *)(void *)c)->port;

	return port->hmac_sha256(port->ctx, key.p, key.n, msg.p, msg.n, out) ? MST_FAULT_CRYPTO : 0;
}

static int old_hash(struct mst_crypto *c, enum mst_old_hash which, struct mst_view v, uint8_t *out)
{
	const struct muster_card *card = ((struct device_crypto *)(void *)c)->card;

	return which != MST_OLD_MD5 || !card || card->md5(card->ctx, v.p, v.n, out) ? MST_FAULT_CRYPTO : 0;
}

static const struct mst_crypto_ops port_ops = { .name = "the device's own", .hmac_sha256 = hmac_sha256, .old_hash = old_hash };

static bool config_good(const struct muster_config *c)
{
	bool psk = c->psk_identity && *c->psk_identity;

	return c->size == sizeof(*c) && c->crypto.hmac_sha256 && c->open_ms >= 0 && c->answer_ms >= 0 && psk == (c->psk && c->psk_n) &&
	       (!psk || c->psk_n >= MST_SECRET_MIN) && c->psk_n <= MST_KEY_MAX && strlen(psk ? c->psk_identity : "") < MST_ID_MAX &&
	       strlen(c->certified_name ? c->certified_name : "") < MST_ID_MAX;
}

enum muster_reason muster_init(struct muster_enrolee *e, const struct muster_config *c)
{
	struct device *d = device_of(e);

	mst_wipe(e, sizeof(*e));
	if (!config_good(c))
		return MUSTER_UNSUPPORTED;
	d->crypto = (struct device_crypto){ .base = { &port_ops }, .port = c->crypto };
	d->quirks = mst_quirks_default;
	d->quirks.hex_lower = c->hex_lower;
	d->quirks.mef_label = c->label_connection ? MST_MEF_LABEL_CONNECTION : MST_MEF_LABEL_BOOTSTRAP;
	if (c->psk_n)
		(void)mst_key_set(&d->kpm, (struct mst_view){ c->psk, c->psk_n });
	d->cfg = (struct enrolee_config){
		.crypto = &d->crypto.base, .quirks = &d->quirks,
		.methods = (c->certified_name ? 1u << MST_METHOD_CERT : 0) | (c->psk_n ? 1u << MST_METHOD_PSK : 0),
		.from = c->certified_name ? c->certified_name : "", .kpm_id = c->psk_identity, .kpm = &d->kpm,
		.open_ms = c->open_ms ? c->open_ms : DEADLINE_MS, .answer_ms = c->answer_ms ? c->answer_ms : DEADLINE_MS,
	};
	if (c->card && !device_card_init(d, c->card)) {
		muster_wipe(e);
		return MUSTER_UNSUPPORTED;
	}
	enrolee_init(&d->inner, &d->cfg);
	mst_clock_init(&d->clock, MST_BUILD_TIME, 0, MST_NEVER);     /* not counting yet: muster_start() */
	return MUSTER_OK;
}

void muster_wipe(struct muster_enrolee *e)
{
	if (device_of(e)->card)
		mst_wipe(device_of(e)->card, sizeof(struct device_card));
	mst_wipe(e, sizeof(*e));
}

mst_time device_utc(const struct device *d, mst_ms now, mst_time utc)
{
	return mst_clock_now(&d->clock, utc, now);
}

/* From instruction to instruction -------------------------------------------------------------------- */

/* For people, and of strangers: nothing that a terminal would obey, cut between characters. */
static void plain_text(char *out, size_t cap, struct mst_view v)
{
	size_t n = 0;

	for (size_t at = 0; at < v.n;) {
		size_t step = mst_plain_step(v.p + at, v.n - at);

		if (n + (step ? step : 1) >= cap)
			break;
		if (step)
			memcpy(out + n, v.p + at, step);
		else
			out[n] = '?';
		n += step ? step : 1;
		at += step ? step : 1;
	}
	out[n] = '\0';
}

static void report(struct device *d, enum muster_reason r, const char *detail)
{
	struct device_report *p = &d->report[d->n_reports];
	struct mst_view uri = d->next ? d->sequence.instructions[d->next - 1].uri : mst_view_str(d->pending.mef_uri);

	d->end = r;
	plain_text(d->detail, sizeof(d->detail), mst_view_str(detail));
	if (d->n_reports == DEVICE_REPORTS_MAX)
		return;                          /* cannot be: one an instruction, and one for the slot */
	p->reason = r;
	p->step = r ? enrolee_step_text(d->doing) : "";
	plain_text(p->uri, sizeof(p->uri), uri);
	plain_text(p->detail, sizeof(p->detail), mst_view_str(detail));
	d->n_reports++;
}

/* The next instruction that begins; false when there is none left. */
static bool begin_next(struct device *d, mst_ms now, mst_time utc)
{
	while (d->next < d->sequence.n_instructions) {
		const struct mst_instruction *i = &d->sequence.instructions[d->next++];
		struct mst_diag why = { 0 };

		d->doing = ENROLEE_STEP_NONE;
		if (enrolee_start(&d->inner, i, d->attempt, d->has_pending ? &d->pending : NULL, now, device_utc(d, now, utc), &why))
			return true;
		report(d, MUSTER_UNSUPPORTED, why.text);
	}
	return false;
}

static void ended(struct device *d)
{
	const struct mst_failure *f = enrolee_failure(&d->inner);
	bool done = enrolee_state(&d->inner) == ENROLEE_DONE;

	report(d, done ? MUSTER_OK : device_reason(f->reason), done ? "" : f->detail);
	if (f->retry_after > d->retry_after)
		d->retry_after = f->retry_after;
	d->running = !done;
}

void device_settle(struct device *d, mst_ms now, mst_time utc)
{
	enum muster_want w;

	for (;;) {
		while (d->running && enrolee_want(&d->inner) == ENROLEE_WANT_NOTHING) {
			ended(d);
			device_card_reset(d);
			d->running = d->running && begin_next(d, now, utc);
		}
		if (!device_card_talks(d))
			break;
		device_card_settle(d, now, utc);
		if (device_card_talks(d))
			break;
	}
	if (d->inner.server_time)
		(void)mst_clock_told(&d->clock, d->inner.server_time, MST_TIME_MAX, now);
	d->inner.server_time = 0;                /* it was that moment's */
	if (!d->running)
		return;
	d->doing = enrolee_step(&d->inner);
	w = device_want(d);
	if (w == MUSTER_WANT_OPEN)
		device_describe_session(d, now, utc);
	else if (w == MUSTER_WANT_SEND && !d->out_n)
		device_make_request(d, now, utc);
}

/* Beginning ------------------------------------------------------------------------------------------ */

static enum muster_reason refuse(struct device *d, enum muster_reason r, const struct mst_diag *why)
{
	struct mst_writer w = mst_writer_of(d->detail, sizeof(d->detail));

	mst_put_str(&w, why->field);
	mst_put_str(&w, why->field[0] ? ": " : "");
	mst_put_str(&w, why->text);
	mst_put_nul(&w);
	if (!w.ok)
		plain_text(d->detail, sizeof(d->detail), mst_view_str(why->text));
	d->end = r;
	return r;
}

/* Into our own storage, as CBOR, where the views of the sequence then point. The buffer serves as scratch. */
static int read_sequence(struct device *d, struct mst_view in, struct mst_diag *why)
{
	struct mst_arena scratch = mst_arena_of(d->io, sizeof(d->io)), none = mst_arena_of(d->io, 0);
	struct mst_writer w = mst_writer_of(d->cbor, sizeof(d->cbor));
	size_t at = 0;
	int r;

	while (at < in.n && (in.p[at] == ' ' || in.p[at] == '\n' || in.p[at] == '\r' || in.p[at] == '\t'))
		at++;
	/* no CBOR sequence begins with '{' */
	r = at < in.n && in.p[at] == '{' ? mst_sequence_read_json(in, &scratch, &d->sequence, why)
					 : mst_sequence_read_cbor(in, &scratch, &d->sequence, why);
	if (r)
		return r;
	mst_sequence_write_cbor(&d->sequence, &w);
	if (!w.ok) {
		mst_diag_set(why, 0, "", "the sequence is too large", NULL);
		return MST_MSG_TOO_LARGE;
	}
	return mst_sequence_read_cbor(mst_written(&w), &none, &d->sequence, why);
}

static enum muster_reason take_sequence(struct device *d, struct mst_view in)
{
	struct mst_diag why = { 0 };
	int r = read_sequence(d, in, &why);
	enum muster_reason reason = device_reason(prov_reason_of(r, &why));

	if (!r)
		return MUSTER_OK;
	/* reasons that have no word outside are about its form */
	return refuse(d, r > 0 && reason == MUSTER_INTERNAL ? MUSTER_MALFORMED : reason, &why);
}

static enum muster_reason in_time(struct device *d, mst_ms now, mst_time utc)
{
	const struct mst_sequence *s = &d->sequence;
	mst_time t = device_utc(d, now, utc);
	struct mst_diag why = { 0 };

	if (s->has & 1u << MST_SQ_VALID_UNTIL && t >= s->valid_until) {
		mst_diag_set(&why, 0, "validUntil", "is past", NULL);
		return refuse(d, MUSTER_EXPIRED, &why);
	}
	if (s->has & 1u << MST_SQ_VALID_FROM && t < s->valid_from && mst_clock_is_set(&d->clock, utc, now)) {
		mst_diag_set(&why, 0, "validFrom", "is still to come", NULL);
		return refuse(d, MUSTER_NOT_YET_VALID, &why);
	}
	return MUSTER_OK;
}

/* A slot's record; damaged is not empty (lesson 16). */
static bool take_slot(const void *p, size_t n, struct mst_root_cred *c, bool *ret_there)
{
	*ret_there = p && n;
	return !*ret_there || mst_root_cred_decode((struct mst_view){ p, n }, c);
}

static enum muster_reason take_slots(struct device *d, const struct muster_start *s)
{
	struct mst_root_cred active;
	struct mst_diag why = { 0 };
	bool there, ok;

	memset(&active, 0, sizeof(active));
	ok = take_slot(s->active, s->active_n, &active, &there) && take_slot(s->pending, s->pending_n, &d->pending, &d->has_pending);
	d->generation = active.generation > d->pending.generation ? active.generation : d->pending.generation;
	mst_root_cred_wipe(&active);
	if (ok)
		return MUSTER_OK;
	mst_diag_set(&why, 0, d->has_pending ? "pending" : "active", "the record of this slot is damaged", NULL);
	return refuse(d, MUSTER_STORAGE, &why);
}

/* As it is after muster_init(), whatever happened before (lesson 1). */
static void forget_run(struct device *d)
{
	enrolee_deinit(&d->inner);
	enrolee_init(&d->inner, &d->cfg);
	device_card_reset(d);
	mst_root_cred_wipe(&d->pending);
	mst_wipe(d->io, sizeof(d->io));
	memset(&d->sequence, 0, sizeof(d->sequence));
	d->running = d->has_pending = false;
	d->next = d->n_reports = 0;
	d->out_n = d->out_sent = 0;
	d->doing = ENROLEE_STEP_NONE;
	d->retry_after = 0;
	d->end = MUSTER_OK;
	d->detail[0] = d->attempt[0] = '\0';
}

void device_not_begun(struct device *d, enum muster_reason r, const char *detail)
{
	forget_run(d);
	d->end = r;
	plain_text(d->detail, sizeof(d->detail), mst_view_str(detail));
}

static enum muster_reason begin(struct device *d, const struct muster_start *s, mst_ms now, mst_time utc)
{
	struct mst_writer w = mst_writer_of(d->attempt, sizeof(d->attempt));
	struct mst_diag why = { 0 };

	mst_put_hex(&w, (struct mst_view){ s->random, sizeof(s->random) });
	mst_put_nul(&w);
	mst_ascii_lower(d->attempt);
	if (s->sequence) {
		d->running = begin_next(d, now, utc);
		return MUSTER_OK;                /* even when not one instruction began: the reports say why */
	}
	if (!d->has_pending || !enrolee_resume(&d->inner, &d->pending, now, device_utc(d, now, utc))) {
		mst_diag_set(&why, 0, "", "neither a sequence nor anything pending", NULL);
		return refuse(d, MUSTER_UNKNOWN, &why);
	}
	(void)mst_copy_text(d->attempt, sizeof(d->attempt), d->pending.attempt);
	d->running = true;
	return MUSTER_OK;
}

enum muster_reason muster_start(struct muster_enrolee *e, const struct muster_start *s, int64_t now, int64_t utc)
{
	struct device *d = device_of(e);
	enum muster_reason r = MUSTER_OK;
	struct mst_diag why = { 0 };

	forget_run(d);
	if (d->clock.at == MST_NEVER)
		d->clock.at = now;               /* which may count from any origin */
	if (s->size != sizeof(*s)) {
		mst_diag_set(&why, 0, "size", "of another version of the library", NULL);
		return refuse(d, MUSTER_UNSUPPORTED, &why);
	}
	if (s->sequence)
		r = take_sequence(d, (struct mst_view){ s->sequence, s->sequence_n });
	if (!r)
		r = in_time(d, now, utc);
	if (!r)
		r = take_slots(d, s);
	if (!r)
		r = begin(d, s, now, utc);
	if (!r)
		device_settle(d, now, utc);
	return r;
}
