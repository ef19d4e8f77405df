/*
 * A foreign BSF or NAF asks. What it says becomes the exchanges that it would have had over the SBI (gba.md 12.5), so that
 * the roles know one language: a MAR is generate-auth-data and then subscriber-data, a BIR bootstrapping-info-retrieval.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/gba/keys.h"
#include "server/diameter-internal.h"

struct call {
	struct call *next;
	uint64_t id, frame;               /* of the message, of the exchange */
	uint32_t application;
	enum mst_sbi_call stage;
	mst_ms deadline;
	char peer[MST_ID_MAX], impi[MST_ID_MAX];
	struct mst_zh_answer vector;      /* while the subscriber's data are asked for; its views are not used */
	struct mst_key secret;
};

static struct call *find(struct diameter *d, uint64_t frame)
{
	struct call *c = d->calls;

	while (c && c->frame != frame)
		c = c->next;
	return c;
}

static void call_free(struct diameter *d, struct call *c)
{
	for (struct call **at = &d->calls; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	mst_wipe(c, sizeof(*c));
	free(c);
}

static void send(struct diameter *d, uint64_t id, uint32_t result, struct mst_writer *w)
{
	int r = w->ok ? mst_diam_answer(d->node, id, result, mst_written(w)) : MST_FAULT_BUG;

	if (r)
		mst_log(&d->u.log, MST_LOG_ERROR, "an answer could not be sent", "why", mst_fault_text(r), NULL);
	d->u.m.v[result == MST_DM_SUCCESS ? MST_M_ANSWERS_OK : result == MST_DM_TOO_BUSY ? MST_M_BUSY : MST_M_ANSWERS_REFUSED]++;
}

static void refuse(struct diameter *d, uint64_t id, uint32_t application, uint32_t result, const struct mst_dm_avp *about, const char *words)
{
	struct mst_writer w = mst_writer_of(d->out, MST_FRAME_MAX);
	const char *name = mst_dm_result_text(result, true) ?: mst_dm_result_text(result, false);

	mst_log(&d->u.log, MST_LOG_DEBUG, "refused", "result", name, "why", words, NULL);
	mst_dm_put_refusal(&w, application, result, about, words);
	send(d, id, result, &w);
}

/* --- to the engine --- */

/* Who asks, as the roles know peers: by name. The node has seen to it that it is the peer's, or a trusted agent's word. */
static void put_peer(const struct call *c, struct mst_peer *p)
{
	p->how = MST_AUTH_CERT;
	p->cert.n_san = 1;
	p->cert.san[0].kind = MST_ID_FQDN;
	memcpy(p->cert.san[0].value, c->peer, sizeof(p->cert.san[0].value));
	snprintf(p->cert.subject, sizeof(p->cert.subject), "Diameter peer %.200s", c->peer);
	snprintf(p->address, sizeof(p->address), "Diameter");
}

static bool exchange(struct diameter *d, struct call *c, struct mst_view content)
{
	struct mst_sbi_route route = { .call = c->stage, .kind = MST_SBI_UE_IMPI };
	struct mst_exchange x = { .role = c->application == MST_DM_ZH ? MST_ROLE_HSS : MST_ROLE_ZN, .channel = d->u.channel.id,
		.session = c->id, .plain = true };
	struct mst_writer w = mst_writer_of(d->out, MST_FRAME_MAX), path;
	uint8_t to[1024];

	if (c->application == MST_DM_ZH)
		memcpy(route.ue_id, c->impi, sizeof(route.ue_id));
	path = mst_writer_of(to, sizeof(to));
	mst_sbi_put_path(&path, &route);
	put_peer(c, &x.peer);
	x.request.op = c->stage == MST_SBI_ZH_SDM ? MST_OP_RETRIEVE : MST_OP_CREATE;
	x.request.to = mst_written(&path);
	x.request.media = content.n ? MST_VIEW_LIT("application/json") : MST_VIEW_NONE;
	x.request.content = content;
	mst_put_exchange(&w, &x);
	c->frame = ++d->next;
	return path.ok && w.ok && d->engine && !mst_link_send(d->engine, MST_FRAME_EXCHANGE, c->frame, mst_written(&w));
}

static bool begin_zh(struct diameter *d, struct call *c, const struct mst_dm *m)
{
	struct mst_writer w = mst_writer_of(d->text, MST_FRAME_MAX);
	struct mst_zh_ask ask = { .resync = m->authorization.n == 30 };

	if (ask.resync) {
		memcpy(ask.rnd, m->authorization.p, sizeof(ask.rnd));
		memcpy(ask.auts, m->authorization.p + sizeof(ask.rnd), sizeof(ask.auts));
	}
	c->stage = MST_SBI_ZH_AUTH;
	mst_zh_ask_write(c->stage, &ask, &w);
	return w.ok && exchange(d, c, mst_written(&w));
}

/* False: the NAF-Id is none. */
static bool zn_ask(const struct mst_dm *m, struct mst_zn_ask *ask)
{
	struct gba_ua ua;

	ask->btid = m->btid;
	ask->in_card_aware = m->in_card_aware;
	if (!gba_naf_id_split(m->naf_id, &ask->naf_fqdn, &ua) || !mst_id_valid(MST_ID_FQDN, ask->naf_fqdn))
		return false;
	memcpy(ask->ua, ua.b, sizeof(ask->ua));
	for (size_t i = 0; i < m->n_gsid; i++) {
		uint64_t x;

		if (!mst_parse_dec(m->gsid[i], UINT32_MAX, &x))
			return false;
		ask->gsid[ask->n_gsids++] = (uint32_t)x;
	}
	return true;
}

/* What we know already; 0: asked. Else the result of the refusal. */
static uint32_t begin(struct diameter *d, struct call *c, const struct mst_dm *m, bool relay, const struct mst_dm_avp **about, const char **why)
{
	enum mst_role role = m->application == MST_DM_ZH ? MST_ROLE_HSS : MST_ROLE_ZN;
	struct mst_writer w = mst_writer_of(d->text, MST_FRAME_MAX);
	struct mst_zn_ask ask = { 0 };

	*why = "no HSS or BSF for this is here";
	if (!diameter_plays(d, role))
		return MST_DM_UNABLE_TO_DELIVER;
	*about = NULL;
	*why = "the Origin-Host is not the peer's, which is no agent";
	if (!relay && !mst_view_eq_nocase(m->origin_host, mst_view_str(c->peer)))
		return MST_DM_UNABLE_TO_COMPLY;
	*why = "the Origin-Host is no name";
	if (!mst_id_normalise(MST_ID_FQDN, m->origin_host, c->peer))
		return MST_DM_INVALID_AVP_VALUE;
	*why = "we begin anew";
	if (d->again)
		return MST_DM_TOO_BUSY;
	*why = "we are busy";
	if (m->application == MST_DM_ZH) {
		if (!mst_view_to_str(m->impi, c->impi, sizeof(c->impi)))
			return MST_DM_IDENTITY_UNKNOWN;
		return begin_zh(d, c, m) ? 0 : MST_DM_TOO_BUSY;
	}
	if (!zn_ask(m, &ask)) {
		*why = "NAF-Id or GAA-Service-Identifier: a FQDN and five octets, or a decimal number, are wanted";
		return MST_DM_INVALID_AVP_VALUE;
	}
	c->stage = MST_SBI_ZN_INFO;
	mst_zn_ask_write(&ask, &w);
	return w.ok && exchange(d, c, mst_written(&w)) ? 0 : MST_DM_TOO_BUSY;
}

void serve_request(struct diameter *d, uint64_t id, const char *peer, bool relay, struct mst_view raw)
{
	const struct mst_dm_avp *about = NULL;
	struct mst_dm_fault f;
	struct mst_dm m;
	const char *why = "";
	struct call *c;
	uint32_t result;

	d->u.m.v[MST_M_REQUESTS]++;
	if (mst_dm_read(raw, &m, &f)) {
		mst_log(&d->u.log, MST_LOG_WARNING, "a message that cannot be taken", "peer", peer, "why", f.text, NULL);
		refuse(d, id, m.application ? m.application : MST_DM_ZN, f.result, f.avp, f.text);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		refuse(d, id, m.application, MST_DM_TOO_BUSY, NULL, "");
		return;
	}
	c->id = id;
	c->application = m.application;
	c->deadline = mst_now_ms() + d->u.conf->limits.answer * 1000;
	snprintf(c->peer, sizeof(c->peer), "%s", peer);
	c->next = d->calls;
	d->calls = c;
	result = begin(d, c, &m, relay, &about, &why);
	if (!result)
		return;
	refuse(d, id, m.application, result, about, why);
	call_free(d, c);
}

/* --- from the engine --- */

/* Status of HTTP to a result of Diameter. */
static uint32_t result_of(const struct call *c, int status)
{
	switch (status) {
	case 403: return MST_DM_NOT_AUTHORIZED;
	case 404: return c->application == MST_DM_ZH ? MST_DM_IDENTITY_UNKNOWN : MST_DM_BTID_INVALID;
	case 400: return MST_DM_INVALID_AVP_VALUE;
	case 429: case 503: return MST_DM_TOO_BUSY;
	default: return MST_DM_UNABLE_TO_COMPLY;
	}
}

static void give_up(struct diameter *d, struct call *c, uint32_t result, const char *words)
{
	refuse(d, c->id, c->application, result, NULL, words);
	call_free(d, c);
}

static void refused(struct diameter *d, struct call *c, const struct mst_answer_frame *a)
{
	struct mst_arena arena = mst_arena_of(d->arena, DIAMETER_ARENA);
	struct mst_problem p = { 0 };
	char words[200] = "";

	if (!mst_problem_read(a->content, &arena, &p, NULL))
		(void)mst_view_to_str(mst_view_sub(p.detail.n ? p.detail : p.title, 0, sizeof(words) - 1), words, sizeof(words));
	give_up(d, c, result_of(c, a->rsc), words);
}

/* The vector's secret comes beside the text, which has holes for it: here it goes into AVPs and never into the text. */
static bool open_parcel(struct diameter *d, const struct mst_answer_frame *a, enum mst_key_use use, struct mst_key *ret_k)
{
	return a->parcel.n_fills && !mst_channel_open(&d->u.channel, d->u.crypto, use, &a->parcel.sealed, ret_k);
}

/* The content with its holes filled, so that one reader judges it whole. Wiped by whoever had it read. */
static struct mst_view filled(struct diameter *d, const struct mst_answer_frame *a, const struct mst_key *k)
{
	struct mst_writer w = mst_writer_of(d->text, MST_FRAME_MAX);
	struct mst_sbi_hole hole[MST_FILLS_MAX];

	for (size_t i = 0; i < a->parcel.n_fills; i++)
		hole[i] = (struct mst_sbi_hole){ a->parcel.fill[i].at, a->parcel.fill[i].from, a->parcel.fill[i].n };
	mst_sbi_fill(a->content, hole, a->parcel.n_fills, mst_key_view(k), &w);
	return mst_written(&w);
}

static void take_vector(struct diameter *d, struct call *c, const struct mst_answer_frame *a)
{
	struct mst_arena arena = mst_arena_of(d->arena, DIAMETER_ARENA);
	struct mst_key k = { 0 };
	struct mst_diag g = { 0 };
	bool good = open_parcel(d, a, MST_USE_VECTOR, &k) && !mst_zh_answer_read(c->stage, filled(d, a, &k), &arena, &c->vector, &c->secret, &g);

	mst_key_wipe(&k);
	mst_wipe(d->text, MST_FRAME_MAX);
	mst_wipe(d->arena, arena.n);
	c->vector.impi = MST_VIEW_NONE;
	c->stage = MST_SBI_ZH_SDM;
	if (!good) {
		mst_log(&d->u.log, MST_LOG_ERROR, "the HSS answered what cannot be read", "field", g.field, "why", g.text, NULL);
		give_up(d, c, MST_DM_UNABLE_TO_COMPLY, "");
	} else if (!exchange(d, c, MST_VIEW_NONE)) {
		give_up(d, c, MST_DM_TOO_BUSY, "");
	}
}

/* The subscriber's settings as XML into d->text; empty when there are none. False: they cannot be had. */
static bool guss_xml(struct diameter *d, const struct call *c, const struct mst_answer_frame *a, struct mst_view *ret)
{
	struct mst_arena arena = mst_arena_of(d->arena, DIAMETER_ARENA);
	struct mst_writer w = mst_writer_of(d->text, MST_FRAME_MAX);
	struct mst_guss g;
	struct mst_diag diag = { 0 };

	*ret = MST_VIEW_NONE;
	if (a->rsc == 404)
		return true;
	if (a->rsc != 200 || mst_guss_read_json(a->content, &arena, &g, &diag))
		return false;
	g.impi = mst_view_str(c->impi);
	mst_guss_write(&g, &w);
	*ret = mst_written(&w);
	return w.ok;
}

static void send_maa(struct diameter *d, struct call *c, const struct mst_answer_frame *a)
{
	struct mst_writer w = mst_writer_of(d->out, MST_FRAME_MAX);
	struct mst_view secret = mst_key_view(&c->secret), guss;
	size_t n = c->vector.xres_n;

	if (!guss_xml(d, c, a, &guss)) {
		give_up(d, c, a->rsc == 503 ? MST_DM_TOO_BUSY : MST_DM_UNABLE_TO_COMPLY, "the security settings cannot be had");
		return;
	}
	mst_dm_put_maa(&w, &(struct mst_dm_maa){ .impi = mst_view_str(c->impi), .rnd = { c->vector.rnd, 16 }, .autn = { c->vector.autn, 16 },
		.xres = mst_view_sub(secret, 0, n), .ck = mst_view_sub(secret, n, 16), .ik = mst_view_sub(secret, n + 16, 16), .guss = guss });
	send(d, c->id, MST_DM_SUCCESS, &w);
	mst_wipe(d->out, w.n);
	call_free(d, c);
}

static void send_bia(struct diameter *d, struct call *c, const struct mst_answer_frame *a)
{
	struct mst_arena arena = mst_arena_of(d->arena, DIAMETER_ARENA);
	struct mst_writer w = mst_writer_of(d->out, MST_FRAME_MAX), xml;
	struct mst_key k = { 0 }, secret = { 0 };
	struct mst_zn_answer info;
	struct mst_guss uss;
	struct mst_diag g = { 0 };
	struct mst_dm_bia bia;
	uint8_t list[MST_GUSS_OCTETS];
	bool good = open_parcel(d, a, MST_USE_NAF_KEYS, &k) && !mst_zn_answer_read(filled(d, a, &k), &arena, &info, &uss, &secret, &g) && info.has_expiry;

	xml = mst_writer_of(list, sizeof(list));
	if (good && info.uss) {
		uss.impi = MST_VIEW_NONE;
		mst_guss_write(&uss, &xml);
	}
	if (good && xml.ok) {
		bia = (struct mst_dm_bia){ .impi = info.impi, .me_key = mst_view_sub(mst_key_view(&secret), 0, 32),
			.uicc_key = info.has_int ? mst_view_sub(mst_key_view(&secret), 32, 32) : MST_VIEW_NONE, .uss = mst_written(&xml),
			.expiry = info.expiry, .created = info.has_created ? info.created : 0, .gba_type = info.type ? (uint32_t)info.type - 1 : 0 };
		mst_dm_put_bia(&w, &bia);
		send(d, c->id, MST_DM_SUCCESS, &w);
		call_free(d, c);
	} else {
		mst_log(&d->u.log, MST_LOG_ERROR, "the BSF answered what cannot be told by Diameter", "field", g.field, "why", g.text, NULL);
		give_up(d, c, MST_DM_UNABLE_TO_COMPLY, "");
	}
	mst_wipe(d->out, w.n);
	mst_wipe(d->text, MST_FRAME_MAX);
	mst_wipe(d->arena, arena.n);
	mst_key_wipe(&k);
	mst_key_wipe(&secret);
}

void serve_answer(struct diameter *d, uint64_t frame, struct mst_view payload)
{
	struct call *c = find(d, frame);
	struct mst_answer_frame a;

	if (!c)
		return;
	if (!mst_get_answer(payload, &a))
		give_up(d, c, MST_DM_UNABLE_TO_COMPLY, "");
	else if (c->stage == MST_SBI_ZH_SDM)
		send_maa(d, c, &a);
	else if (a.rsc != 200)
		refused(d, c, &a);
	else if (c->stage == MST_SBI_ZH_AUTH)
		take_vector(d, c, &a);
	else
		send_bia(d, c, &a);
}

void serve_busy(struct diameter *d, uint64_t frame)
{
	struct call *c = find(d, frame);

	if (c)
		give_up(d, c, MST_DM_TOO_BUSY, "");
}

void serve_late(struct diameter *d, mst_ms now)
{
	for (struct call *c = d->calls, *next; c; c = next) {
		next = c->next;
		if (now >= c->deadline)
			give_up(d, c, MST_DM_TOO_BUSY, "");
	}
}
