/*
 * The connector: mutually authenticated sessions to other servers, one request at a time on each, a few
 * sessions per server, everything with a deadline. It seals what it fetched and forgets it.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/resources.h"
#include "codec/uri.h"
#include "server/connector-internal.h"

struct session {
	struct connector *c;
	struct mst_client *client;
	char uri[512], server_name[MST_ID_MAX], connect_to[128];
	char host[MST_ID_MAX];            /* of the URI */
	uint16_t port;
	enum mst_role role;               /* who asks, and whom: what it trusts and shows */
	enum mst_fetch_kind kind;
	unsigned epoch;                   /* of the trust that it was opened with */
	bool open, used; /* used: it has answered before, so it may simply have been closed since */
	struct job *job;
	mst_ms since;
};

static void pump(struct connector *c);

void connector_report(struct connector *c, struct job *j, struct mst_fetch_result *r)
{
	uint8_t b[MST_FETCH_TEXT + 2048];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	r->channel = c->u.channel.id;
	c->u.m.v[MST_M_FETCHES]++;
	c->u.m.v[MST_M_FETCHES_FAILED] += r->end != MST_FETCH_OK;
	/* what the other server does not know, a stranger may have named */
	mst_log(&c->u.log, r->end == MST_FETCH_OK || r->end == MST_FETCH_UNKNOWN ? MST_LOG_DEBUG : MST_LOG_WARNING, "fetch", "server",
		j->f.server_name, "end", mst_fetch_end_name[r->end], "detail", r->detail, "attempt",
		j->f.attempt, NULL);
	mst_put_fetch_result(&w, r);
	mst_crash_pass(&c->u.crash, MST_CRASH_FETCH_AFTER);
	if (c->engine)
		(void)!mst_link_send(c->engine, MST_FRAME_FETCH_RESULT, j->id, mst_written(&w));
	mst_wipe(b, w.n);
	free(j->text);
	free(j);
}

void connector_report_end(struct connector *c, struct job *j, enum mst_fetch_end end, const char *detail)
{
	struct mst_fetch_result r = { .end = end };

	snprintf(r.detail, sizeof(r.detail), "%s", detail ? detail : "");
	connector_report(c, j, &r);
}

static void session_free(struct session *s)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (s->c->session[i] == s)
			s->c->session[i] = NULL;
	if (s->client)
		(void)mst_client_free(s->client);
	free(s);
}

/* --- answers --- */

static enum mst_fetch_end end_of_rsc(int rsc)
{
	if (rsc == MST_RSC_NOT_FOUND)
		return MST_FETCH_UNKNOWN;
	return rsc >= 5000 ? MST_FETCH_BUSY : MST_FETCH_REFUSED;
}

/* The content of an answer: the key, sealed at once. */
static enum mst_fetch_end take_key(struct connector *c, const struct job *j, struct mst_view content,
				   struct mst_fetch_result *r)
{
	uint8_t scratch[8192];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	enum mst_fetch_end end = MST_FETCH_MALFORMED;
	struct mst_view credential, enrolee;
	struct mst_fetched f = { 0 };
	struct mst_key_reg k = { 0 };
	struct mst_diag d = { 0 };
	struct mst_key key = { 0 };
	bool read;

	if (j->f.registered) {
		read = !mst_msg_read_json(&mst_key_reg_msg, j->f.names, content, &a, &k, &d);
		credential = k.key_value;
		enrolee = k.source_client_id;
		r->lifetime = k.has & (1u << MST_KR_ET) ? k.et : 0;
	} else {
		read = !mst_msg_read_json(&mst_fetched_msg, j->f.names, content, &a, &f, &d);
		credential = f.credential;
		enrolee = f.enrolee_id;
		r->lifetime = f.has & (1u << MST_FE_LIFETIME) ? f.lifetime : 0;
	}
	if (!read)
		snprintf(r->detail, sizeof(r->detail), "%.60s: %.90s", d.field, d.text);
	else if (!j->f.registered && !f.status)
		end = MST_FETCH_UNKNOWN;
	else if (!mst_view_to_str(enrolee, r->enrolee_id, sizeof(r->enrolee_id)) ||
		 credential.n < MST_KEY_LEN || !mst_key_set(&key, credential))
		snprintf(r->detail, sizeof(r->detail), "no key of at least %d octets in the answer",
			 MST_KEY_LEN);
	else if (mst_channel_seal(&c->u.channel, c->u.crypto, mst_fetch_purpose(&j->f), &key, &r->key))
		end = MST_FETCH_BUSY;
	else
		end = MST_FETCH_OK;
	mst_key_wipe(&key);
	mst_wipe(scratch, sizeof(scratch));
	return end;
}

static void on_response(void *owner, struct mst_client *client, const struct mst_http_msg *m)
{
	struct session *s = owner;
	struct connector *c = s->c;
	struct mst_fetch_result r = { .end = MST_FETCH_MALFORMED };
	struct mst_response a = { 0 };
	struct mst_diag d = { 0 };
	struct job *j = s->job;

	(void)client;
	if (!j)
		return;
	s->job = NULL;
	s->used = true;
	s->since = mst_now_ms();
	if (mst_response_from_http(m, &a, &d)) {
		r.end = m->status == 503 ? MST_FETCH_BUSY : MST_FETCH_MALFORMED;
		snprintf(r.detail, sizeof(r.detail), "status %d: %.100s", m->status, d.text);
	} else {
		r.rsc = a.rsc;
		r.end = a.rsc == MST_RSC_OK ? take_key(c, j, a.content, &r) : end_of_rsc(a.rsc);
		if (r.end != MST_FETCH_OK && !r.detail[0])
			snprintf(r.detail, sizeof(r.detail), "%d %s", a.rsc, mst_rsc_text(a.rsc));
	}
	if (r.end != MST_FETCH_OK)
		r.enrolee_id[0] = '\0';
	connector_report(c, j, &r);
	if (s->epoch != c->epoch)              /* old trust ends with the answer that was under way */
		session_free(s);
	pump(c);
}

enum mst_fetch_end connector_end_of_tls(enum mst_tls_end e)
{
	switch (e) {
	case MST_TLS_OPEN: case MST_TLS_CLOSED: case MST_TLS_CUT: case MST_TLS_TRUNCATED: case MST_TLS_UNREACHABLE:
	case MST_TLS_NAME_UNKNOWN: case MST_TLS_SILENT: case MST_TLS_TIMEOUT:
		return MST_FETCH_UNREACHABLE;
	case MST_TLS_UNTRUSTED:
	case MST_TLS_EXPIRED:
	case MST_TLS_NOT_YET_VALID:
	case MST_TLS_BAD_CERTIFICATE:
	case MST_TLS_WRONG_NAME:
	case MST_TLS_NO_CERTIFICATE:
	case MST_TLS_NO_SNI:
		return MST_FETCH_UNTRUSTED;
	case MST_TLS_REVOKED:
		return MST_FETCH_REVOKED;
	case MST_TLS_CRL_STALE:
		return MST_FETCH_LIST_STALE;
	case MST_TLS_ALERT: case MST_TLS_PSK_REFUSED: case MST_TLS_NO_COMMON_SUITE:
		return MST_FETCH_REFUSED;
	case MST_TLS_PROTOCOL:
	case MST_TLS_TOO_LARGE:
		return MST_FETCH_MALFORMED;
	case MST_TLS_BUSY:
		return MST_FETCH_BUSY;
	}
	return MST_FETCH_UNREACHABLE;
}

static void put_back(struct connector *c, struct job *j)
{
	j->next = c->head;
	c->head = j;
	if (!j->next)
		c->tail = &j->next;
}

static void on_end(void *owner, struct mst_client *client, enum mst_tls_end why, const char *detail)
{
	struct session *s = owner;
	struct connector *c = s->c;
	struct job *j = s->job;
	bool again = s->used || (s->open && mst_client_good_bye(client));
	char text[160];

	s->job = NULL;
	snprintf(text, sizeof(text), "%s%s%s", mst_tls_end_text(why), detail && *detail ? ": " : "",
		 detail ? detail : "");
	session_free(s);
	if (j && again && !j->retried && connector_end_of_tls(why) == MST_FETCH_UNREACHABLE) {
		/* a kept session that the server has closed in the meantime, or a new one for which it has new settings; GET may be repeated */
		j->retried = true;
		put_back(c, j);
	} else if (j) {
		connector_report_end(c, j, connector_end_of_tls(why), text);
	}
	pump(c);
}

static int send_job(struct session *s)
{
	struct connector *c = s->c;
	uint8_t b[4096], path[512];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	char rqi[32], vsi[64], host[300];
	struct mst_request q = { .op = MST_OP_RETRIEVE,
				 .rvi = MST_VIEW_LIT("3"),
				 .accept = MST_VIEW_LIT("application/json") };
	size_t n = 0;

	snprintf(rqi, sizeof(rqi), "f%llu", (unsigned long long)++c->next_rqi);
	snprintf(vsi, sizeof(vsi), "attempt=%s", s->job->f.attempt);
	snprintf(host, sizeof(host), "%.250s:%u", s->server_name, s->port);
	if (!mst_percent_decode(mst_view_str(s->job->f.path), path, sizeof(path), &n))
		return MST_FAULT_BUG;
	q.to = (struct mst_view){ path, n };
	q.from = mst_view_str(s->job->f.from);
	q.rqi = mst_view_str(rqi);
	if (s->job->f.attempt[0])
		q.vsi = mst_view_str(vsi);
	mst_request_to_http(&q, mst_view_str(host), &w);
	if (!w.ok)
		return MST_FAULT_BUG;
	mst_crash_pass(&c->u.crash, MST_CRASH_FETCH_BEFORE);
	return mst_client_send(s->client, mst_written(&w));
}

static void on_open(void *owner, struct mst_client *client)
{
	struct session *s = owner;

	(void)client;
	s->open = true;
	s->since = mst_now_ms();
	if (s->job && send_job(s)) {
		struct job *j = s->job;

		s->job = NULL;
		connector_report_end(s->c, j, MST_FETCH_BUSY, "the request cannot be sent");
	}
}

static const struct mst_client_ops client_ops = { on_open, on_response, on_end };

/* --- jobs and sessions --- */

struct mst_tls_ctx *connector_tls(const struct connector *c, const struct mst_fetch *f)
{
	for (size_t i = 0; i < MST_ASKERS; i++)
		if (mst_askers[i].role == f->role && mst_askers[i].kind == f->kind)
			return c->tls[i];
	return NULL;
}

/* A free place, or that of the session that has idled longest; SESSIONS_MAX: all are at work. */
static size_t free_place(struct connector *c)
{
	size_t idle = SESSIONS_MAX;

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		const struct session *s = c->session[i];

		if (!s)
			return i;
		if (s->open && !s->job && (idle == SESSIONS_MAX || s->since < c->session[idle]->since))
			idle = i;
	}
	if (idle < SESSIONS_MAX)
		session_free(c->session[idle]);
	return idle;
}

static struct session *dial(struct connector *c, const struct mst_fetch *f, size_t i)
{
	struct mst_client_config cfg = { .base = c->u.base, .tls = connector_tls(c, f), .limits = { 16384, 65536 },
		.connect_ms = c->u.conf->limits.fetch * 1000, .handshake_ms = c->u.conf->limits.fetch * 1000,
		.answer_ms = c->u.conf->limits.fetch * 1000 };
	struct session *s = calloc(1, sizeof(*s));
	struct mst_uri_parts parts;

	if (!s)
		return NULL;
	s->c = c;
	s->epoch = c->epoch;
	s->role = f->role;
	s->kind = f->kind;
	s->since = mst_now_ms();
	memcpy(s->uri, f->uri, sizeof(s->uri));
	memcpy(s->server_name, f->server_name, sizeof(s->server_name));
	memcpy(s->connect_to, f->connect_to, sizeof(s->connect_to));
	if (!mst_uri_split(mst_view_str(f->uri), &parts) ||
	    !mst_view_to_str(parts.host, s->host, sizeof(s->host))) {
		free(s);
		return NULL;
	}
	s->port = parts.port;
	cfg.host = s->host;
	cfg.port = s->port;
	cfg.server_name = s->server_name;
	cfg.connect_to = s->connect_to[0] ? s->connect_to : NULL;
	if (mst_client_new(&cfg, &client_ops, s, &s->client)) {
		free(s);
		return NULL;
	}
	c->session[i] = s;
	return s;
}

static bool same_server(const struct session *s, const struct mst_fetch *f)
{
	return s->role == f->role && s->kind == f->kind && !strcmp(s->uri, f->uri) && !strcmp(s->server_name, f->server_name) &&
	       !strcmp(s->connect_to, f->connect_to);
}

static void tell_no_anchors(struct connector *c, struct job *j)
{
	char text[160] = "this role asks nobody";

	for (size_t i = 0; i < MST_ASKERS; i++)
		if (mst_askers[i].role == j->f.role && mst_askers[i].kind == j->f.kind)
			snprintf(text, sizeof(text), "no trust anchors for other servers: set %s.%s", mst_role_name[j->f.role],
				 mst_askers[i].anchors);
	connector_report_end(c, j, MST_FETCH_UNTRUSTED, text);
}

/* Give `j` to a session; false when it must wait for one. */
static bool place(struct connector *c, struct job *j)
{
	unsigned count = 0;
	struct session *s;
	size_t at;

	if (!connector_tls(c, &j->f)) {         /* a reload has taken them while it waited */
		tell_no_anchors(c, j);
		return true;
	}
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		s = c->session[i];
		if (!s || s->epoch != c->epoch || !same_server(s, &j->f))
			continue;
		count++;
		if (!s->open || s->job)
			continue;
		s->job = j;
		if (!send_job(s))
			return true;
		s->job = NULL;
	}
	at = count < SESSIONS_PER_SERVER ? free_place(c) : SESSIONS_MAX;
	if (at == SESSIONS_MAX)
		return false;
	s = dial(c, &j->f, at);
	if (s)
		s->job = j;
	else if (!count)
		connector_report_end(c, j, MST_FETCH_UNREACHABLE,
			   "the server's URI is malformed, or there is no memory for a session");
	return s || !count;
}

static void pump(struct connector *c)
{
	struct job **at = &c->head;

	while (*at) {
		struct job *j = *at;
		struct job *next = j->next;

		*at = next;                    /* place() may report and free it */
		if (!place(c, j)) {
			*at = j;
			at = &j->next;
		}
	}
	c->tail = at;
}

static void on_frame(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	struct connector *c = owner;
	struct job *j = calloc(1, sizeof(*j));

	(void)l;
	(void)fd;
	if (!j)
		return;
	j->id = f->id;
	j->deadline = mst_now_ms() + c->u.conf->limits.fetch * 1000;
	if (f->type != MST_FRAME_FETCH || !mst_get_fetch(f->payload, &j->f)) {
		free(j);
		return;
	}
	if (!connector_tls(c, &j->f)) {
		tell_no_anchors(c, j);
		return;
	}
	if (j->f.kind != MST_FETCH_KEY) {
		connector_sbi_take(c, j);
		return;
	}
	*c->tail = j;
	c->tail = &j->next;
	pump(c);
}

static void drop_jobs(struct connector *c)
{
	while (c->head) {
		struct job *j = c->head;

		c->head = j->next;
		free(j);
	}
	c->tail = &c->head;
	connector_sbi_drop_jobs(c);
}

static void on_down(void *owner, struct mst_link *l, const char *why)
{
	struct connector *c = owner;
	bool broke = mst_link_broke(l);

	if (c->engine == l)
		c->engine = NULL;
	(void)mst_link_free(l);
	drop_jobs(c);
	if (!broke || !c->u.own_process)
		return;
	mst_log(&c->u.log, MST_LOG_ERROR, "the link to the engine is lost; another process begins", "why", why, NULL);
	mst_unit_done(&c->u);            /* the next one is joined to the engine anew */
}

static const struct mst_link_ops ops = { on_frame, on_down };

static int connector_attach(struct mst_unit *u, const struct mst_link_frame *who, struct mst_link *l, int fd)
{
	struct connector *c = (struct connector *)(void *)u;

	if (who->peer != MST_PROC_ENGINE || fd >= 0)
		return MST_FAULT_BUG;
	if (!c->tail)
		c->tail = &c->head;
	(void)mst_link_free(c->engine);
	c->engine = l;
	mst_link_owner(l, &ops, c);
	return 0;
}

/* --- life --- */

static void free_tls(struct mst_tls_ctx *tls[MST_ASKERS])
{
	for (size_t i = 0; i < MST_ASKERS; i++)
		if (tls[i])
			tls[i] = mst_tls_ctx_free(tls[i]);
}

/* All of them, or none. */
static int make_tls(struct connector *c, struct mst_diag *d, struct mst_tls_ctx *ret[MST_ASKERS])
{
	int r = 0;

	for (size_t i = 0; i < MST_ASKERS; i++)
		ret[i] = NULL;
	for (size_t k = 0; k < c->u.n_materials && !r; k++)
		for (size_t i = 0; i < MST_ASKERS && !r; i++) {
			const struct mst_material *m = &c->u.material[k];
			size_t n;

			/* a reload may have taken its anchors away: then it asks nobody any more */
			if (mst_askers[i].role == m->role && mst_askers[i].kind == m->kind &&
			    mst_conf_asker_anchors(c->u.conf, &mst_askers[i], &n))
				r = mst_material_tls(c->u.conf, m, NULL, 0, &ret[i], d);
		}
	if (r)
		free_tls(ret);
	return r;
}

static int connector_start(struct mst_unit *u, struct mst_diag *d)
{
	struct connector *c = (struct connector *)(void *)u;

	if (!c->tail)
		c->tail = &c->head;
	if (!u->n_materials)
		return 0;
	mst_ec_fast_install();
	return make_tls(c, d, c->tls);
}

void connector_new_trust(struct connector *c)
{
	c->epoch++;
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct session *s = c->session[i];

		/* old trust must not live on in kept sessions; nor ask in one that is just opening, which its server may draw out */
		if (!s || (s->job && s->open))
			continue;
		if (s->job)
			put_back(c, s->job);
		session_free(s);
	}
	connector_sbi_reload(c);
	pump(c);
}

static int connector_reload(struct mst_unit *u, struct mst_diag *d)
{
	struct connector *c = (struct connector *)(void *)u;
	struct mst_tls_ctx *tls[MST_ASKERS];
	int r = make_tls(c, d, tls);

	if (r)
		return r;
	free_tls(c->tls);
	memcpy(c->tls, tls, sizeof(c->tls));
	connector_new_trust(c);
	return 0;
}

static void connector_tick(struct mst_unit *u)
{
	struct connector *c = (struct connector *)(void *)u;
	mst_ms now = mst_now_ms();
	struct job **at = &c->head;

	while (*at) {
		struct job *j = *at;

		if (now < j->deadline) {
			at = &j->next;
			continue;
		}
		*at = j->next;
		connector_report_end(c, j, MST_FETCH_BUSY, "no free session in time");
	}
	c->tail = at;
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct session *s = c->session[i];

		if (s && s->open && !s->job && now - s->since > 30000)
			session_free(s);
	}
	connector_sbi_tick(c);
}

static void connector_drain(struct mst_unit *u)
{
	mst_unit_done(u);
}

static void connector_stop(struct mst_unit *u)
{
	struct connector *c = (struct connector *)(void *)u;

	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (c->session[i]) {
			free(c->session[i]->job);
			session_free(c->session[i]);
		}
	connector_sbi_stop(c);
	drop_jobs(c);
	(void)mst_link_free(c->engine);
	free_tls(c->tls);
}

const struct mst_unit_ops mst_connector_unit = {
	.kind = MST_PROC_CONNECTOR,
	.size = sizeof(struct connector),
	.start = connector_start,
	.reload = connector_reload,
	.attach = connector_attach,
	.drain = connector_drain,
	.tick = connector_tick,
	.stop = connector_stop,
};
