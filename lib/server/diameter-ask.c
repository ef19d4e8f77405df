/*
 * A foreign HSS or BSF is asked, as the connector asks one over the SBI: a ZH fetch is a MAR, a ZN fetch a BIR, and what they
 * answer comes back in the one shape that both bindings have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/diameter-internal.h"
#include "xml/xml.h"

struct question { struct question *next; uint64_t id, frame; struct mst_fetch f; mst_ms deadline; };

static void report(struct diameter *d, struct question *q, struct mst_fetch_result *r)
{
	struct mst_writer w = mst_writer_of(d->out, MST_FRAME_MAX);

	for (struct question **at = &d->questions; *at; at = &(*at)->next)
		if (*at == q) {
			*at = q->next;
			break;
		}
	r->channel = d->u.channel.id;
	d->u.m.v[MST_M_FETCHES]++;
	d->u.m.v[MST_M_FETCHES_FAILED] += r->end != MST_FETCH_OK;
	/* what the other server does not know, a stranger may have named */
	mst_log(&d->u.log, r->end == MST_FETCH_OK || r->end == MST_FETCH_UNKNOWN ? MST_LOG_DEBUG : MST_LOG_WARNING, "fetch", "server",
		q->f.server_name, "end", mst_fetch_end_name[r->end], "detail", r->detail, "attempt", q->f.attempt, NULL);
	mst_put_fetch_result(&w, r);
	mst_crash_pass(&d->u.crash, MST_CRASH_FETCH_AFTER);
	if (d->engine && w.ok)
		(void)!mst_link_send(d->engine, MST_FRAME_FETCH_RESULT, q->frame, mst_written(&w));
	free(q);
}

static void report_end(struct diameter *d, struct question *q, enum mst_fetch_end end, const char *detail)
{
	struct mst_fetch_result r = { .end = end };

	snprintf(r.detail, sizeof(r.detail), "%.159s", detail);
	report(d, q, &r);
}

/* --- out --- */

static const struct mst_diam_peer *peer_of(const struct diameter *d, const char *identity)
{
	for (size_t i = 0; i < d->n_peers; i++)
		if (!strcasecmp(d->peer[i].identity, identity))
			return &d->peer[i];
	return NULL;
}

static bool relay_open(struct diameter *d)
{
	for (size_t i = 0; i < d->n_peers; i++)
		if (d->peer[i].relay && mst_diam_is_open(d->node, d->peer[i].identity))
			return true;
	return false;
}

static int ask(struct diameter *d, const struct question *q)
{
	const struct mst_diam_peer *p = peer_of(d, q->f.server_name);
	struct mst_writer w = mst_writer_of(d->out, MST_FRAME_MAX);
	struct mst_view host = mst_view_str(q->f.server_name), realm = p ? mst_view_str(p->realm) : host;

	if (!p && mst_view_find(host, '.') < host.n)          /* behind an agent: its realm is its domain, for want of a better one */
		realm = mst_view_sub(host, mst_view_find(host, '.') + 1, host.n);
	if (q->f.kind == MST_FETCH_ZH)
		mst_dm_put_mar(&w, &(struct mst_dm_mar){ realm, host, mst_view_str(q->f.ue_id), q->f.resync ? q->f.rnd : NULL, q->f.auts });
	else
		mst_dm_put_bir(&w, &(struct mst_dm_bir){ realm, host, mst_view_str(q->f.btid), mst_view_str(q->f.naf_fqdn), q->f.ua.b, q->f.in_card_aware });
	mst_crash_pass(&d->u.crash, MST_CRASH_FETCH_BEFORE);
	return w.ok ? mst_diam_ask(d->node, q->f.kind == MST_FETCH_ZH ? MST_DM_ZH : MST_DM_ZN, q->id, mst_written(&w),
				   (unsigned)d->u.conf->limits.fetch) : MST_FAULT_BUG;
}

void ask_fetch(struct diameter *d, uint64_t frame, struct mst_view payload)
{
	struct question *q = calloc(1, sizeof(*q));
	char words[300];

	if (!q)
		return;                        /* the engine has a deadline of its own */
	if (!mst_get_fetch(payload, &q->f)) {
		free(q);
		return;
	}
	q->frame = frame;
	q->id = ++d->next;
	q->deadline = mst_now_ms() + d->u.conf->limits.fetch * 1000 + 500;
	q->next = d->questions;
	d->questions = q;
	if (q->f.kind == MST_FETCH_KEY || q->f.binding != MST_BIND_DIAMETER) {
		report_end(d, q, MST_FETCH_MALFORMED, "not to be asked by Diameter");
	} else if (d->again) {
		report_end(d, q, MST_FETCH_BUSY, "the process of Diameter begins anew");
	} else if (!mst_diam_is_open(d->node, q->f.server_name) && !relay_open(d)) {
		snprintf(words, sizeof(words), peer_of(d, q->f.server_name) ? "the Diameter peer %.100s is not connected" :
			 "%.60s is no peer of diameter.peers, and no agent is connected", q->f.server_name);
		report_end(d, q, MST_FETCH_UNREACHABLE, words);
	} else if (ask(d, q)) {
		report_end(d, q, MST_FETCH_BUSY, "the request cannot be sent");
	}
}

/* --- back --- */

#define CX_USER_UNKNOWN 5001           /* of TS 29.229, which some answer on Zh, too (gba.md 18.2) */

static enum mst_fetch_end end_of(const struct mst_dm *m)
{
	if (m->experimental)
		return m->result == MST_DM_IDENTITY_UNKNOWN || m->result == MST_DM_BTID_INVALID || m->result == CX_USER_UNKNOWN ? MST_FETCH_UNKNOWN :
		       MST_FETCH_REFUSED;
	switch (m->result / 1000) {
	case 3: return m->result == MST_DM_TOO_BUSY ? MST_FETCH_BUSY : MST_FETCH_UNREACHABLE;
	case 4: return MST_FETCH_BUSY;
	default: return m->result == MST_DM_UNABLE_TO_COMPLY ? MST_FETCH_BUSY : MST_FETCH_REFUSED;
	}
}

/* XML into JSON, in d->text. False: it is none, with words. */
static bool settings(struct diameter *d, const struct question *q, struct mst_view xml, struct mst_fetch_result *r)
{
	struct mst_arena arena = mst_arena_of(d->arena, DIAMETER_ARENA);
	struct mst_writer w = mst_writer_of(d->text, MST_FETCH_TEXT);
	struct mst_diag g = { 0 };
	struct mst_guss guss;

	if (!xml.n)
		return true;
	if (mst_xml_guss(xml, &arena, &guss, &g)) {
		snprintf(r->detail, sizeof(r->detail), "GBA-UserSecSettings: %.60s: %.60s", g.field, g.text);
		return false;
	}
	if (q->f.kind == MST_FETCH_ZH && guss.impi.n && !mst_id_impi_equal(guss.impi, q->f.ue_id)) {
		snprintf(r->detail, sizeof(r->detail), "GBA-UserSecSettings: of another subscriber");
		return false;
	}
	if (q->f.kind == MST_FETCH_ZH)
		mst_guss_write_json(&guss, &w);
	else
		mst_uss_list_write_json(&guss, &w);
	if (!w.ok)
		snprintf(r->detail, sizeof(r->detail), "GBA-UserSecSettings: more than %d octets as JSON", MST_FETCH_TEXT);
	r->text = mst_written(&w);
	return w.ok;
}

static bool append(struct mst_key *k, struct mst_view v)
{
	if (v.n > sizeof(k->b) - k->n)
		return false;
	memcpy(k->b + k->n, v.p, v.n);
	k->n += v.n;
	return true;
}

/* A success: everything strictly, the keys sealed at once. */
static enum mst_fetch_end take(struct diameter *d, const struct question *q, const struct mst_dm *m, struct mst_fetch_result *r)
{
	bool zh = q->f.kind == MST_FETCH_ZH, good;
	struct mst_key k = { 0 };
	int rc;

	if (zh && m->impi.n && !mst_id_impi_equal(m->impi, q->f.ue_id)) {
		snprintf(r->detail, sizeof(r->detail), "User-Name: is not whom we asked for");
		return MST_FETCH_MALFORMED;
	}
	if (!settings(d, q, m->guss, r))
		return MST_FETCH_MALFORMED;
	if (zh) {
		memcpy(r->rnd, m->authenticate.p, sizeof(r->rnd));
		memcpy(r->autn, m->authenticate.p + sizeof(r->rnd), sizeof(r->autn));
		r->xres_n = (uint8_t)m->authorization.n;
		good = append(&k, m->authorization) && append(&k, m->ck) && append(&k, m->ik);
	} else {
		r->has_int = q->f.in_card_aware && m->uicc_key.n;
		r->lifetime = mst_dm_time(m->expiry);
		good = append(&k, m->me_key) && (!r->has_int || append(&k, m->uicc_key)) && mst_view_to_str(m->impi, r->impi, sizeof(r->impi));
	}
	rc = good ? mst_channel_seal(&d->u.channel, d->u.crypto, mst_fetch_purpose(&q->f), &k, &r->key) : MST_FAULT_BUG;
	mst_key_wipe(&k);
	return rc ? MST_FETCH_BUSY : MST_FETCH_OK;
}

static struct question *find(struct diameter *d, uint64_t id)
{
	struct question *q = d->questions;

	while (q && q->id != id)
		q = q->next;
	return q;
}

void ask_answer(struct diameter *d, uint64_t id, struct mst_view raw)
{
	struct mst_fetch_result r = { .end = MST_FETCH_MALFORMED };
	struct question *q = find(d, id);
	struct mst_dm_fault f;
	struct mst_dm m;

	if (!q)
		return;
	if (mst_dm_read(raw, &m, &f)) {
		snprintf(r.detail, sizeof(r.detail), "%s", f.text);
	} else if (m.application != (q->f.kind == MST_FETCH_ZH ? MST_DM_ZH : MST_DM_ZN) || m.request) {
		snprintf(r.detail, sizeof(r.detail), "an answer to another question");
	} else if (m.result != MST_DM_SUCCESS || m.experimental) {
		const char *name = mst_dm_result_text(m.result, m.experimental);

		r.rsc = m.result <= 9999 ? (int)m.result : 0;
		r.end = end_of(&m);
		snprintf(r.detail, sizeof(r.detail), "%s %u %.40s%s%.*s", m.experimental ? "Experimental-Result" : "Result-Code", m.result, name ? name : "",
			 m.error_message.n ? ": " : "", (int)(m.error_message.n < 60 ? m.error_message.n : 60), m.error_message.n ? (const char *)m.error_message.p : "");
	} else if (!mst_view_eq_nocase(m.origin_host, mst_view_str(q->f.server_name))) {
		r.xres_n = m.authorization.n <= GBA_XRES_MAX ? (uint8_t)m.authorization.n : 0;
		snprintf(r.detail, sizeof(r.detail), "the Origin-Host of the answer is not whom we asked");
		r.end = MST_FETCH_UNTRUSTED;
	} else {
		r.end = take(d, q, &m, &r);
	}
	if (r.end != MST_FETCH_OK) {
		struct mst_fetch_result bare = { .end = r.end, .rsc = r.rsc, .xres_n = r.xres_n };

		memcpy(bare.detail, r.detail, sizeof(bare.detail));
		r = bare;
	}
	report(d, q, &r);
	mst_wipe(d->text, MST_FETCH_TEXT);
}

void ask_none(struct diameter *d, uint64_t id, bool unreachable, const char *words)
{
	struct question *q = find(d, id);

	if (q)
		report_end(d, q, unreachable ? MST_FETCH_UNREACHABLE : MST_FETCH_MALFORMED, words);
}

void ask_late(struct diameter *d, mst_ms now)
{
	for (struct question *q = d->questions, *next; q; q = next) {
		next = q->next;
		if (now >= q->deadline)
			report_end(d, q, MST_FETCH_UNREACHABLE, "no answer in time");
	}
}

void ask_drop(struct diameter *d)
{
	while (d->questions) {
		struct question *q = d->questions;

		d->questions = q->next;
		free(q);
	}
}
