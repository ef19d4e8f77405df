/* What passes between the machine and the one who drives it: sessions, octets, records. */
#include "enrolee/device-card.h"

/* Sessions ------------------------------------------------------------------------------------------- */

void device_describe_session(struct device *d, mst_ms now, mst_time utc)
{
	struct enrolee_session in = enrolee_session(&d->inner);
	struct muster_session *s = &d->session;
	const struct mst_instruction *i = d->next ? &d->sequence.instructions[d->next - 1] : NULL;

	if (device_card_talks(d)) {
		device_card_describe(d);
		return;
	}
	*s = (struct muster_session){
		.number = in.number, .auth = in.psk ? MUSTER_AUTH_PSK : MUSTER_AUTH_CERTIFICATE, .host = in.host, .port = in.port,
		.psk_identity = in.psk_identity, .utc = device_utc(d, now, utc), .utc_is_set = mst_clock_is_set(&d->clock, utc, now),
		.export_label = !in.exports ? NULL : d->quirks.mef_label == MST_MEF_LABEL_CONNECTION ? MST_LABEL_CONNECTION : MST_LABEL_BOOTSTRAP,
	};
	if (in.ua)
		s->suite = (unsigned)in.ua[3] << 8 | in.ua[4];
	if (in.key)
		s->psk = (struct muster_octets){ in.key->b, in.key->n };
	d->out_n = d->out_sent = 0;
	if (in.psk || !i)
		return;
	/* An instruction's anchors and pins replace the device's own: it says what authenticates that peer. */
	for (unsigned n = 0; n < i->n_anchors; n++)
		d->anchor[n] = (struct muster_octets){ i->anchors[n].p, i->anchors[n].n };
	for (unsigned n = 0; n < i->n_pins; n++) {
		(void)mst_view_to_str(i->pins[n], d->pin_text[n], sizeof(d->pin_text[n]));
		d->pin[n] = d->pin_text[n];
	}
	s->anchors = d->anchor;
	s->n_anchors = i->n_anchors;
	s->pins = d->pin;
	s->n_pins = i->n_pins;
}

const struct muster_session *muster_session(const struct muster_enrolee *e)
{
	return &device_of_const(e)->session;
}

void muster_opened(struct muster_enrolee *e, unsigned char *exported, int64_t now, int64_t utc)
{
	struct device *d = device_of(e);

	if (device_card_talks(d))
		device_card_opened(d);
	else
		enrolee_opened(&d->inner, exported, now, device_utc(d, now, utc));
	device_settle(d, now, utc);
}

void muster_lost(struct muster_enrolee *e, enum muster_reason r, const char *detail, int64_t now, int64_t utc)
{
	struct device *d = device_of(e);
	struct mst_http_msg m;
	struct mst_response a;
	struct mst_diag why = { 0 };

	bool whole = r == MUSTER_OK && muster_want(e) == MUSTER_WANT_RECEIVE && !mst_http_read_end(&d->http, &m, &why);

	/* Closed in good order: the end of an answer that gave no length. */
	if (device_card_talks(d) && whole)
		device_card_feed(d, &m, now, utc);
	else if (device_card_talks(d))
		device_card_lost(d, device_reason_inside(r), detail, now, utc);
	else if (whole &&
	    !mst_answer_from_http(&m, &a, &why))
		enrolee_feed(&d->inner, &a, now, device_utc(d, now, utc));
	else
		enrolee_lost(&d->inner, device_reason_inside(r), detail, now, device_utc(d, now, utc));
	device_settle(d, now, utc);
}

/* Octets --------------------------------------------------------------------------------------------- */

void device_make_request(struct device *d, mst_ms now, mst_time utc)
{
	struct mst_writer w = mst_writer_of(d->io, sizeof(d->io));

	if (device_card_talks(d)) {
		device_card_request(d);
		return;
	}
	mst_request_to_http(enrolee_request(&d->inner), mst_view_str(enrolee_session(&d->inner).host), &w);
	d->out_n = w.n;
	d->out_sent = 0;
	if (w.ok)
		return;
	d->out_n = 0;
	enrolee_lost(&d->inner, PROV_INTERNAL, "the request does not fit", now, device_utc(d, now, utc));
	device_settle(d, now, utc);              /* one instruction further: this ends */
}

const void *muster_output(const struct muster_enrolee *e, size_t *ret_n)
{
	const struct device *d = device_of_const(e);
	bool wanted = muster_want(e) == MUSTER_WANT_SEND;

	*ret_n = wanted ? d->out_n - d->out_sent : 0;
	return d->io + d->out_sent;
}

void muster_sent(struct muster_enrolee *e, size_t n)
{
	struct device *d = device_of(e);

	if (muster_want(e) != MUSTER_WANT_SEND)
		return;
	d->out_sent += n < d->out_n - d->out_sent ? n : d->out_n - d->out_sent;
	if (d->out_sent < d->out_n)
		return;
	d->out_n = d->out_sent = 0;
	mst_http_read_begin(&d->http, d->io, sizeof(d->io));
	if (device_card_talks(d))
		device_card_sent(d);
	else
		enrolee_sent(&d->inner);
}

void muster_received(struct muster_enrolee *e, const void *octets, size_t n, int64_t now, int64_t utc)
{
	struct device *d = device_of(e);
	struct mst_diag why = { 0 };
	struct mst_response a;
	struct mst_http_msg m;
	size_t used;
	int r;

	if (muster_want(e) != MUSTER_WANT_RECEIVE)
		return;                          /* nobody asked */
	r = mst_http_read_feed(&d->http, (struct mst_view){ octets, n }, &used, &m, &why);
	if (r == MST_HTTP_READ_MORE)
		return;
	if (device_card_talks(d) && !r) {
		device_card_feed(d, &m, now, utc);
		device_settle(d, now, utc);
		return;
	}
	if (device_card_talks(d)) {
		device_card_lost(d, PROV_MALFORMED, why.text, now, utc);
		device_settle(d, now, utc);
		return;
	}
	if (!r)
		r = mst_answer_from_http(&m, &a, &why);
	if (r)
		enrolee_garbage(&d->inner, why.text, now, device_utc(d, now, utc));
	else
		enrolee_feed(&d->inner, &a, now, device_utc(d, now, utc));
	device_settle(d, now, utc);
}

/* Records -------------------------------------------------------------------------------------------- */

const void *muster_record(struct muster_enrolee *e, size_t *ret_n)
{
	struct device *d = device_of(e);
	struct mst_writer w = mst_writer_of(d->io, sizeof(d->io));
	struct mst_root_cred c;

	*ret_n = 0;
	if (muster_want(e) != MUSTER_WANT_SAVE)
		return d->io;
	c = *enrolee_credential(&d->inner);
	c.generation = d->generation + 1;
	if (!mst_root_cred_encode(&c, &w))
		*ret_n = w.n;
	mst_root_cred_wipe(&c);
	return d->io;
}

/*
 * What the slot "pending" holds from now on, for the instructions that follow: what is found there proven is promoted without another
 * question, and the port promotes what lies there.
 */
static void note_pending(struct device *d, bool known)
{
	d->has_pending = known;
	if (known) {
		d->pending = *enrolee_credential(&d->inner);
		d->pending.generation = d->generation;
	} else {
		mst_key_wipe(&d->pending.key);       /* its MEF is for the report still */
		mst_key_wipe(&d->pending.ke);
	}
}

void muster_saved(struct muster_enrolee *e, int64_t now, int64_t utc)
{
	struct device *d = device_of(e);
	enum muster_want w = muster_want(e);

	mst_wipe(d->io, MST_ROOT_CRED_MAX);
	d->generation += w == MUSTER_WANT_SAVE;
	if (w == MUSTER_WANT_SAVE || w == MUSTER_WANT_PROMOTE)
		note_pending(d, w == MUSTER_WANT_SAVE);
	enrolee_saved(&d->inner, now, device_utc(d, now, utc));
	device_settle(d, now, utc);
}

void muster_save_failed(struct muster_enrolee *e, const char *detail, int64_t now, int64_t utc)
{
	struct device *d = device_of(e);

	mst_wipe(d->io, MST_ROOT_CRED_MAX);
	if (muster_want(e) == MUSTER_WANT_SAVE)
		note_pending(d, false);          /* the old record or the new one */
	enrolee_save_failed(&d->inner, detail, now, device_utc(d, now, utc));
	device_settle(d, now, utc);
}

int64_t muster_deadline(const struct muster_enrolee *e)
{
	const struct device *d = device_of_const(e);

	if (device_card_talks(d))
		return device_card_deadline(d);
	return d->running ? enrolee_deadline(&d->inner) : MUSTER_NEVER;
}

void muster_tick(struct muster_enrolee *e, int64_t now, int64_t utc)
{
	struct device *d = device_of(e);

	if (device_card_talks(d))
		device_card_tick(d, now);
	enrolee_tick(&d->inner, now, device_utc(d, now, utc));
	device_settle(d, now, utc);
}
