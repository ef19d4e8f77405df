/*
 * HSS and BSF over the service based interface (spec gba 12): HTTP/2 with several requests on one session, or HTTP/1.1 where the
 * server has nothing else. A fetch of kind ZH is two requests at the same time, for the vector and for the user security settings,
 * and one result. Keys are sealed as soon as they are read.
 *
 * What was asked on a kept session that has ended in the meantime, or on a new one that the server ended in order (it has new settings), is asked once
 * more on another: asked twice, an HSS gives a newer vector, and a BSF the same key.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/gba-sbi.h"
#include "codec/uri.h"
#include "server/connector-internal.h"

#define STREAMS 64
#define H2_SESSIONS_PER_SERVER 2        /* each takes as many requests as the server allows */
#define IDLE_MS 30000
#define RETRY_AFTER_MAX 86400

struct sbi_session {
	struct connector *c;
	struct mst_client *client;
	char uri[512], server_name[MST_ID_MAX], connect_to[128];
	char host[MST_ID_MAX];            /* of the URI */
	char root[256];                   /* its path, to which those of the calls are added */
	uint16_t port;
	enum mst_role role;               /* who asks, and whom: what it trusts and shows */
	enum mst_fetch_kind kind;
	unsigned epoch;                   /* of the trust that it was opened with */
	bool open, used;
	unsigned running;
	mst_ms since;
};

static void pump(struct connector *c);

/* --- jobs --- */

/* What is still said to it there is said to nobody. */
static void leave(struct sbi_part *p)
{
	if (p->on)
		p->on->running--;
	p->on = NULL;
}

static void take_out(struct connector *c, struct job *j)
{
	struct job **at = &c->sbi_jobs;

	while (*at && *at != j)
		at = &(*at)->next;
	if (*at)
		*at = j->next;
	j->next = NULL;
	for (size_t i = 0; i < j->n_parts; i++)
		leave(&j->part[i]);
}

static void done(struct connector *c, struct job *j)
{
	take_out(c, j);
	if (j->r.end != MST_FETCH_OK) {
		/* half an answer is none */
		j->r.key.n = 0;
		j->r.text = MST_VIEW_NONE;
		j->r.impi[0] = '\0';
	}
	connector_report(c, j, &j->r);
}

static void failed(struct connector *c, struct job *j, enum mst_fetch_end end, const char *detail)
{
	j->r.end = end;
	snprintf(j->r.detail, sizeof(j->r.detail), "%s", detail);
	done(c, j);
}

static struct job *job_of(const struct connector *c, const struct sbi_session *s, uint64_t asked, struct sbi_part **ret_p)
{
	for (struct job *j = c->sbi_jobs; j; j = j->next)
		for (size_t i = 0; i < j->n_parts; i++)
			if (j->part[i].on == s && j->part[i].asked == asked) {
				*ret_p = &j->part[i];
				return j;
			}
	return NULL;
}

static bool waits(const struct sbi_part *p)
{
	return !p->on && !p->answered;
}

static bool is_second(const struct job *j, const struct sbi_part *p)
{
	return p != &j->part[0];
}

/* --- what is asked --- */

static enum mst_sbi_call call_of(const struct job *j, const struct sbi_part *p)
{
	return j->f.kind == MST_FETCH_ZN ? MST_SBI_ZN_INFO : is_second(j, p) ? MST_SBI_ZH_SDM : MST_SBI_ZH_AUTH;
}

static void put_question(const struct job *j, const struct sbi_part *p, struct mst_writer *w)
{
	const struct mst_fetch *f = &j->f;
	struct mst_zh_ask zh = { .resync = f->resync };
	struct mst_zn_ask zn = { .btid = mst_view_str(f->btid), .naf_fqdn = mst_view_str(f->naf_fqdn), .in_card_aware = f->in_card_aware };

	if (f->kind == MST_FETCH_ZN) {
		memcpy(zn.ua, f->ua.b, sizeof(zn.ua));
		mst_zn_ask_write(&zn, w);
	} else if (!is_second(j, p)) {
		memcpy(zh.rnd, f->rnd, sizeof(zh.rnd));
		memcpy(zh.auts, f->auts, sizeof(zh.auts));
		mst_zh_ask_write(MST_SBI_ZH_AUTH, &zh, w);
	}
}

static void put_request(const struct sbi_session *s, const struct job *j, const struct sbi_part *p, struct mst_writer *w)
{
	struct mst_sbi_route route = { .call = call_of(j, p), .kind = MST_SBI_UE_IMPI };
	uint8_t body[2048];
	struct mst_writer b = mst_writer_of(body, sizeof(body));

	snprintf(route.ue_id, sizeof(route.ue_id), "%s", j->f.ue_id);
	put_question(j, p, &b);
	mst_put_str(w, mst_sbi_method(route.call));
	mst_put_str(w, " ");
	mst_put_str(w, s->root);
	mst_sbi_put_path(w, &route);
	mst_put_str(w, " HTTP/1.1\r\nHost: ");
	mst_put_str(w, s->server_name);
	mst_put_str(w, ":");
	mst_put_dec(w, s->port);
	/* the network function that asks, TS 29.500 5.2.2.2 */
	mst_put_str(w, j->f.kind == MST_FETCH_ZN ? "\r\nUser-Agent: AF-" : "\r\nUser-Agent: GBA_BSF-");
	mst_put_str(w, j->f.from);
	mst_put_str(w, "\r\nAccept: application/json, " MST_SBI_PROBLEM "\r\n");
	if (j->f.attempt[0]) {
		mst_put_str(w, "X-M2M-VSI: attempt=");
		mst_put_str(w, j->f.attempt);
		mst_put_str(w, "\r\n");
	}
	if (b.n) {
		mst_put_str(w, "Content-Type: application/json\r\nContent-Length: ");
		mst_put_dec(w, (int64_t)b.n);
		mst_put_str(w, "\r\n");
	}
	mst_put_str(w, "\r\n");
	mst_put(w, mst_written(&b));
	w->ok = w->ok && b.ok;
}

static int ask(struct sbi_session *s, const struct job *j, struct sbi_part *p)
{
	uint8_t b[4096];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	int r;

	put_request(s, j, p, &w);
	if (!w.ok)
		return MST_FAULT_BUG;
	mst_crash_pass(&s->c->u.crash, MST_CRASH_FETCH_BEFORE);
	r = mst_client_ask(s->client, mst_written(&w), &p->asked);
	if (!r) {
		p->on = s;
		s->running++;
	}
	return r;
}

/* --- what is answered --- */

static bool is_json(struct mst_view media, bool problem)
{
	struct mst_view type = mst_view_sub(media, 0, mst_view_find(media, ';'));

	while (type.n && type.p[type.n - 1] == ' ')
		type.n--;
	return mst_view_eq_nocase(type, MST_VIEW_LIT("application/json")) || (problem && mst_view_eq_nocase(type, MST_VIEW_LIT(MST_SBI_PROBLEM)));
}

static enum mst_fetch_end end_of_status(int status)
{
	if (status == 404)
		return MST_FETCH_UNKNOWN;
	if (status == 429 || status / 100 == 5)
		return MST_FETCH_BUSY;
	return status / 100 == 4 ? MST_FETCH_REFUSED : MST_FETCH_MALFORMED;
}

/* The server's own words, for people, when they are such. */
static void take_problem(const struct mst_http_msg *m, struct mst_fetch_result *r)
{
	uint8_t room[2048];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_problem p = { 0 };
	uint64_t seconds;

	if (is_json(mst_http_find(m, "Content-Type"), true) && mst_problem_read(m->body, &a, &p, NULL))
		p = (struct mst_problem){ 0 };
	if (!p.detail.n)
		p.detail = p.title;
	snprintf(r->detail, sizeof(r->detail), "status %d%s%.*s%s%.*s", m->status, p.cause.n ? " " : "", (int)(p.cause.n < 40 ? p.cause.n : 40),
		 p.cause.n ? (const char *)p.cause.p : "", p.detail.n ? ": " : "", (int)(p.detail.n < 80 ? p.detail.n : 80),
		 p.detail.n ? (const char *)p.detail.p : "");
	if (mst_parse_dec(mst_http_find(m, "Retry-After"), RETRY_AFTER_MAX, &seconds))
		r->retry_after = (int)seconds;
}

static enum mst_fetch_end malformed(struct mst_fetch_result *r, const struct mst_diag *d)
{
	snprintf(r->detail, sizeof(r->detail), "%.60s: %.90s", d->field, d->text);
	return MST_FETCH_MALFORMED;
}

static enum mst_fetch_end seal(struct connector *c, struct job *j, struct mst_key *k)
{
	int r = mst_channel_seal(&c->u.channel, c->u.crypto, mst_fetch_purpose(&j->f), k, &j->r.key);

	mst_key_wipe(k);
	if (r)
		snprintf(j->r.detail, sizeof(j->r.detail), "the key cannot be sealed");
	return r ? MST_FETCH_BUSY : MST_FETCH_OK;
}

static enum mst_fetch_end take_vector(struct connector *c, struct job *j, struct mst_view body, struct mst_arena *a)
{
	struct mst_zh_answer z;
	struct mst_diag d = { 0 };
	struct mst_key k;

	if (mst_zh_answer_read(MST_SBI_ZH_AUTH, body, a, &z, &k, &d))
		return malformed(&j->r, &d);
	if (z.impi.n && !mst_id_impi_equal(z.impi, j->f.ue_id)) {
		mst_key_wipe(&k);
		mst_diag_set(&d, 0, "impi", "is another subscriber's than was asked for", NULL);
		return malformed(&j->r, &d);
	}
	memcpy(j->r.rnd, z.rnd, sizeof(j->r.rnd));
	memcpy(j->r.autn, z.autn, sizeof(j->r.autn));
	j->r.xres_n = z.xres_n;
	return seal(c, j, &k);
}

/* In our own spelling, and nothing in it that we do not know. */
static enum mst_fetch_end take_settings(struct job *j, struct mst_guss *g, bool list)
{
	struct mst_writer w;

	j->text = malloc(MST_FETCH_TEXT);
	w = mst_writer_of(j->text, j->text ? MST_FETCH_TEXT : 0);
	if (list)
		mst_uss_list_write_json(g, &w);
	else
		mst_guss_write_json(g, &w);
	j->r.text = mst_written(&w);
	if (!w.ok)
		snprintf(j->r.detail, sizeof(j->r.detail), "the user security settings are too long");
	return w.ok ? MST_FETCH_OK : MST_FETCH_MALFORMED;
}

static enum mst_fetch_end take_guss(struct job *j, struct mst_view body, struct mst_arena *a)
{
	struct mst_guss *g = calloc(1, sizeof(*g));
	struct mst_diag d = { 0 };
	enum mst_fetch_end end = MST_FETCH_BUSY;

	if (g)
		end = mst_guss_read_json(body, a, g, &d) ? malformed(&j->r, &d) : take_settings(j, g, false);
	free(g);
	return end;
}

static enum mst_fetch_end take_naf_key(struct connector *c, struct job *j, struct mst_view body, struct mst_arena *a)
{
	struct mst_guss *g = calloc(1, sizeof(*g));
	enum mst_fetch_end end = MST_FETCH_BUSY;
	struct mst_zn_answer z;
	struct mst_diag d = { 0 };
	struct mst_key k = { 0 };

	if (!g)
		return end;
	if (mst_zn_answer_read(body, a, &z, g, &k, &d)) {
		end = malformed(&j->r, &d);
	} else {
		j->r.has_int = z.has_int && j->f.in_card_aware;
		if (!j->r.has_int && k.n > GBA_KS) {    /* not asked for */
			mst_wipe(k.b + GBA_KS, k.n - GBA_KS);
			k.n = GBA_KS;
		}
		j->r.lifetime = z.has_expiry ? z.expiry : 0;
		(void)mst_view_to_str(z.impi, j->r.impi, sizeof(j->r.impi));
		end = g->n ? take_settings(j, g, true) : MST_FETCH_OK;
		if (end == MST_FETCH_OK)
			end = seal(c, j, &k);
	}
	mst_key_wipe(&k);
	free(g);
	return end;
}

static enum mst_fetch_end take_answer(struct connector *c, struct job *j, bool second, const struct mst_http_msg *m)
{
	uint8_t room[MST_SBI_ARENA];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	enum mst_fetch_end end;

	j->r.rsc = m->status;
	if (second && m->status == 404)
		return MST_FETCH_OK;            /* a subscriber without settings: what that means is the BSF's to say */
	if (m->status != 200) {
		take_problem(m, &j->r);
		return end_of_status(m->status);
	}
	if (!is_json(mst_http_find(m, "Content-Type"), false)) {
		snprintf(j->r.detail, sizeof(j->r.detail), "the answer is not of type application/json");
		return MST_FETCH_MALFORMED;
	}
	if (j->f.kind == MST_FETCH_ZN)
		end = take_naf_key(c, j, m->body, &a);
	else
		end = second ? take_guss(j, m->body, &a) : take_vector(c, j, m->body, &a);
	mst_wipe(room, a.n);
	return end;
}

/* Without a vector there is nothing to wait for; with one both count. */
static const struct sbi_part *decides(const struct job *j)
{
	const struct sbi_part *first = &j->part[0], *second = &j->part[1];

	if (!first->answered || (j->n_parts == 2 && first->end == MST_FETCH_OK && !second->answered))
		return NULL;
	return first->end == MST_FETCH_OK && j->n_parts == 2 && second->end != MST_FETCH_OK ? second : first;
}

static void answered(struct connector *c, struct job *j, struct sbi_part *p, const struct mst_http_msg *m)
{
	struct mst_fetch_result *r = &j->r;
	const struct sbi_part *by;

	r->detail[0] = '\0';
	r->retry_after = 0;
	p->end = take_answer(c, j, is_second(j, p), m);
	p->answered = true;
	memcpy(p->detail, r->detail, sizeof(p->detail));
	p->rsc = r->rsc;
	p->retry_after = r->retry_after;
	leave(p);
	by = decides(j);
	if (!by)
		return;
	r->end = by->end;
	r->rsc = by->rsc;
	r->retry_after = by->retry_after;
	memcpy(r->detail, by->detail, sizeof(r->detail));
	done(c, j);
}

/* --- sessions --- */

static void session_free(struct sbi_session *s)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (s->c->sbi[i] == s)
			s->c->sbi[i] = NULL;
	if (s->client)
		(void)mst_client_free(s->client);
	free(s);
}

/* True: it waits for another session. */
static bool again(struct sbi_part *p)
{
	if (p->retried)
		return false;
	p->retried = true;
	leave(p);
	return true;
}

static void on_answer(void *owner, struct mst_client *client, uint64_t id, const struct mst_http_msg *m, enum mst_tls_end why, const char *detail)
{
	struct sbi_session *s = owner;
	struct connector *c = s->c;
	struct sbi_part *p = NULL;
	struct job *j = job_of(c, s, id, &p);
	char text[160];

	(void)client;
	s->since = mst_now_ms();
	s->used = s->used || m;
	if (j && m)
		answered(c, j, p, m);
	else if (j && !(why == MST_TLS_BUSY && again(p))) {
		snprintf(text, sizeof(text), "%s: %.100s", mst_tls_end_text(why), detail);
		failed(c, j, connector_end_of_tls(why), text);
	}
	if (s->epoch != c->epoch && !s->running)        /* old trust ends with the answer that was under way */
		session_free(s);
	pump(c);
}

static void on_open(void *owner, struct mst_client *client)
{
	struct sbi_session *s = owner;

	(void)client;
	s->open = true;
	s->since = mst_now_ms();
	pump(s->c);
}

static bool same_server(const struct sbi_session *s, const struct mst_fetch *f)
{
	return s->role == f->role && s->kind == f->kind && !strcmp(s->uri, f->uri) && !strcmp(s->server_name, f->server_name) &&
	       !strcmp(s->connect_to, f->connect_to);
}

/* Is there another session that gets on with what waits? */
static bool another_open(const struct sbi_session *s, const struct mst_fetch *f)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		const struct sbi_session *x = s->c->sbi[i];

		if (x && x != s && x->open && x->epoch == s->epoch && same_server(x, f))
			return true;
	}
	return false;
}

static void on_end(void *owner, struct mst_client *client, enum mst_tls_end why, const char *detail)
{
	struct sbi_session *s = owner;
	struct connector *c = s->c;
	enum mst_fetch_end end = connector_end_of_tls(why);
	bool kept = end == MST_FETCH_UNREACHABLE && why != MST_TLS_TIMEOUT && (s->used || (s->open && mst_client_good_bye(client)));
	char text[160];

	snprintf(text, sizeof(text), "%s%s%.100s", mst_tls_end_text(why), *detail ? ": " : "", detail);
	for (struct job *j = c->sbi_jobs, *next; j; j = next) {
		bool bad = false;

		next = j->next;
		for (size_t i = 0; i < j->n_parts; i++) {
			struct sbi_part *p = &j->part[i];

			/* what waits for a session that could not be opened has waited for nothing */
			bad |= p->on == s ? !(kept && again(p)) :
			       waits(p) && !s->open && s->epoch == c->epoch && same_server(s, &j->f) && !another_open(s, &j->f);
		}
		if (bad)
			failed(c, j, end, text);
	}
	session_free(s);
	pump(c);
}

static const struct mst_client_ops client_ops = { .on_open = on_open, .on_end = on_end, .on_answer = on_answer };

static bool fill(struct sbi_session *s, const struct mst_fetch *f)
{
	struct mst_uri_parts parts;

	memcpy(s->uri, f->uri, sizeof(s->uri));
	memcpy(s->server_name, f->server_name, sizeof(s->server_name));
	memcpy(s->connect_to, f->connect_to, sizeof(s->connect_to));
	if (!mst_uri_split(mst_view_str(f->uri), &parts) || !mst_view_to_str(parts.host, s->host, sizeof(s->host)))
		return false;
	while (parts.path.n && parts.path.p[parts.path.n - 1] == '/')
		parts.path.n--;
	s->port = parts.port;
	return mst_view_find(parts.path, '?') == parts.path.n && mst_view_to_str(parts.path, s->root, sizeof(s->root));
}

/* A free place, or that of the session that has idled longest; SESSIONS_MAX: all are at work. */
static size_t free_place(struct connector *c)
{
	size_t idle = SESSIONS_MAX;

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		const struct sbi_session *s = c->sbi[i];

		if (!s)
			return i;
		if (s->open && !s->running && (idle == SESSIONS_MAX || s->since < c->sbi[idle]->since))
			idle = i;
	}
	if (idle < SESSIONS_MAX)
		session_free(c->sbi[idle]);
	return idle;
}

static struct sbi_session *dial(struct connector *c, const struct mst_fetch *f, size_t i)
{
	mst_ms ms = c->u.conf->limits.fetch * 1000;
	struct mst_client_config cfg = { .base = c->u.base, .tls = connector_tls(c, f), .limits = { 16384, 65536 }, .streams = STREAMS,
		.connect_ms = ms, .handshake_ms = ms, .answer_ms = ms };
	struct sbi_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct sbi_session){ .c = c, .epoch = c->epoch, .role = f->role, .kind = f->kind, .since = mst_now_ms() };
	cfg.host = s->host;
	cfg.server_name = s->server_name;
	if (!fill(s, f)) {
		free(s);
		return NULL;
	}
	cfg.port = s->port;
	cfg.connect_to = s->connect_to[0] ? s->connect_to : NULL;
	if (mst_client_new(&cfg, &client_ops, s, &s->client)) {
		free(s);
		return NULL;
	}
	c->sbi[i] = s;
	return s;
}

enum placed { PLACED, WAITS, NOWHERE };

static enum placed place(struct connector *c, const struct job *j, struct sbi_part *p)
{
	unsigned count = 0, most = SESSIONS_PER_SERVER;
	bool opening = false;
	size_t at;

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct sbi_session *s = c->sbi[i];

		if (!s || s->epoch != c->epoch || !same_server(s, &j->f))
			continue;
		count++;
		opening = opening || !s->open;
		if (mst_client_is_h2(s->client))
			most = H2_SESSIONS_PER_SERVER;
		if (s->open && mst_client_room(s->client) && !ask(s, j, p))
			return PLACED;
	}
	at = opening || count >= most ? SESSIONS_MAX : free_place(c);
	return at == SESSIONS_MAX || dial(c, &j->f, at) || count ? WAITS : NOWHERE;
}

static void pump(struct connector *c)
{
	for (struct job *j = c->sbi_jobs, *next; j; j = next) {
		bool nowhere = false;

		next = j->next;
		for (size_t i = 0; i < j->n_parts && !nowhere; i++)
			nowhere = waits(&j->part[i]) && place(c, j, &j->part[i]) == NOWHERE;
		if (nowhere)
			failed(c, j, MST_FETCH_UNREACHABLE, "the server's URI is malformed, or there is no memory for a session");
	}
}

/* --- for connector.c --- */

void connector_sbi_take(struct connector *c, struct job *j)
{
	struct job **at = &c->sbi_jobs;

	j->n_parts = j->f.kind == MST_FETCH_ZH ? 2 : 1;
	while (*at)
		at = &(*at)->next;
	*at = j;
	pump(c);
}

void connector_sbi_reload(struct connector *c)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (c->sbi[i] && !c->sbi[i]->running)
			session_free(c->sbi[i]);
	pump(c);                                        /* what waited for one of them */
}

void connector_sbi_tick(struct connector *c)
{
	mst_ms now = mst_now_ms();

	for (struct job *j = c->sbi_jobs, *next; j; j = next) {
		next = j->next;
		if ((waits(&j->part[0]) || (j->n_parts == 2 && waits(&j->part[1]))) && now >= j->deadline)
			failed(c, j, MST_FETCH_BUSY, "no free session in time");
	}
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (c->sbi[i] && c->sbi[i]->open && !c->sbi[i]->running && now - c->sbi[i]->since > IDLE_MS)
			session_free(c->sbi[i]);
}

void connector_sbi_drop_jobs(struct connector *c)
{
	while (c->sbi_jobs) {
		struct job *j = c->sbi_jobs;

		take_out(c, j);
		free(j->text);
		free(j);
	}
}

void connector_sbi_stop(struct connector *c)
{
	connector_sbi_drop_jobs(c);
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (c->sbi[i])
			session_free(c->sbi[i]);
}
