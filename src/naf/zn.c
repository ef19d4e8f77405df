/* naf.h: Nbsp_GBA as a client (TS 29.309). Questions share one session; one that ends unanswered takes nobody's key for wrong. */
#include "naf/naf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "codec/gba-sbi.h"
#include "role/common/naf.h"

#define STREAMS NAF_ASKS_MAX             /* where the BSF takes so many at once nobody waits for others */
#define ANSWER_MS 10000

struct ask {
	bool used, sent, again;              /* again: a session has ended under it once */
	uint64_t id;                         /* of the stream, once sent */
	uint64_t origin, turn, number;       /* whose it is, when it is sent, and how many came before it */
	char btid[MST_ID_MAX];
	struct gba_ua ua;
	naf_done *done;
	void *who;
};

struct naf_zn {
	struct event_base *base;
	const struct naf_settings *s;
	struct mst_client *client;
	bool open;
	uint64_t turn, number;               /* of the last one sent; of the last one that came */
	struct ask ask[NAF_ASKS_MAX];
};

static void tell(struct ask *q, enum naf_end end, const struct naf_key *k, const char *words)
{
	naf_done *done = q->done;
	void *who = q->who;

	*q = (struct ask){ 0 };
	done(who, end, k, words);
}

/* --- the question --- */

static void put_question(const struct naf_zn *z, const struct ask *q, struct mst_writer *w)
{
	struct mst_zn_ask m = { .btid = mst_view_str(q->btid), .naf_fqdn = mst_view_str(z->s->name) };
	struct mst_sbi_route route = { .call = MST_SBI_ZN_INFO };
	uint8_t body[1024];
	struct mst_writer b = mst_writer_of(body, sizeof(body));

	memcpy(m.ua, q->ua.b, sizeof(m.ua));
	mst_zn_ask_write(&m, &b);
	mst_put_str(w, "POST ");
	mst_put_str(w, z->s->root);
	mst_sbi_put_path(w, &route);
	mst_put_str(w, " HTTP/1.1\r\nHost: ");
	mst_put_str(w, z->s->bsf_host);
	mst_put_str(w, ":");
	mst_put_dec(w, z->s->bsf_port);
	mst_put_str(w, "\r\nUser-Agent: AF-");
	mst_put_str(w, z->s->name);
	mst_put_str(w, "\r\nAccept: application/json, " MST_SBI_PROBLEM "\r\nContent-Type: application/json\r\nContent-Length: ");
	mst_put_dec(w, (int64_t)b.n);
	mst_put_str(w, "\r\n\r\n");
	mst_put(w, mst_written(&b));
	w->ok = w->ok && b.ok;
}

static void dial(struct naf_zn *z);

/* Each address has one question in each turn, so who asks much waits for itself: a BSF with HTTP/1.1 takes one after the other. */
static void take_turn(struct naf_zn *z, struct ask *q)
{
	q->number = ++z->number;
	q->turn = z->turn;
	for (size_t i = 0; i < NAF_ASKS_MAX; i++) {
		const struct ask *o = &z->ask[i];

		if (o != q && o->used && o->origin == q->origin && o->turn >= q->turn)
			q->turn = o->turn + 1;
	}
}

static struct ask *next(struct naf_zn *z)
{
	struct ask *first = NULL;

	for (size_t i = 0; i < NAF_ASKS_MAX; i++) {
		struct ask *q = &z->ask[i];

		if (q->used && !q->sent && (!first || q->turn < first->turn || (q->turn == first->turn && q->number < first->number)))
			first = q;
	}
	return first;
}

static void send_all(struct naf_zn *z)
{
	uint8_t b[4096];
	struct ask *q;

	if (!z->client)
		dial(z);
	while (z->client && z->open && mst_client_room(z->client) && (q = next(z))) {
		struct mst_writer w = mst_writer_of(b, sizeof(b));

		z->turn = q->turn > z->turn ? q->turn : z->turn;
		put_question(z, q, &w);
		if (!w.ok || mst_client_ask(z->client, mst_written(&w), &q->id))
			tell(q, NAF_LATER, NULL, "the question could not be sent");
		else
			q->sent = true;
	}
}

/* --- the answer --- */

/* A key with everything that a NAF wants to know of it (TS 33.220 4.5.3), or the words for what is missing. */
static const char *read_key(struct mst_view body, struct naf_key *k)
{
	uint8_t room[MST_SBI_ARENA], list[4096];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_writer w = mst_writer_of(list, sizeof(list));
	struct mst_guss *uss = calloc(1, sizeof(*uss));
	struct mst_zn_answer z;
	const char *wrong = "the BSF's answer is malformed";

	if (uss && mst_zn_answer_read(body, &a, &z, uss, &k->key, NULL) == 0) {
		k->key.n = k->key.n > MST_KEY_LEN ? MST_KEY_LEN : k->key.n;
		k->expires = z.has_expiry ? z.expiry : 0;
		if (uss->n)
			mst_uss_list_write_json(uss, &w);
		wrong = !z.has_expiry ? "the BSF does not say when the key ends" : k->expires <= (mst_time)time(NULL) ? "the key has ended" :
			!w.ok ? "the BSF's list of USSs is too long" : mst_naf_uid(mst_written(&w), k->uid);
	}
	free(uss);
	mst_wipe(room, sizeof(room));
	return wrong;
}

static enum naf_end refusal(const struct mst_http_msg *m, char words[NAF_WORDS])
{
	uint8_t room[2048];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_problem p = { 0 };
	struct mst_view text;

	if (mst_problem_read(m->body, &a, &p, NULL))
		p = (struct mst_problem){ 0 };
	text = p.detail.n ? p.detail : p.title;
	if (m->status == 404 && !text.n)
		text = MST_VIEW_LIT("it does not know the B-TID: the node must bootstrap anew");
	snprintf(words, NAF_WORDS, "the BSF answers %d%s%.*s%s%.*s", m->status, p.cause.n ? " " : "", (int)(p.cause.n < 40 ? p.cause.n : 40),
		 p.cause.n ? (const char *)p.cause.p : "", text.n ? ": " : "", (int)(text.n < 90 ? text.n : 90), text.n ? (const char *)text.p : "");
	return m->status == 429 || m->status / 100 == 5 ? NAF_LATER : NAF_REFUSED;
}

static void on_answer(void *owner, struct mst_client *c, uint64_t id, const struct mst_http_msg *m, enum mst_tls_end why, const char *detail)
{
	struct naf_zn *z = owner;
	struct naf_key k = { .expires = 0 };
	char words[NAF_WORDS] = "";
	enum naf_end end = NAF_LATER;
	const char *wrong = words;

	(void)c;
	for (size_t i = 0; i < NAF_ASKS_MAX; i++) {
		if (!z->ask[i].used || !z->ask[i].sent || z->ask[i].id != id)
			continue;
		if (!m) {
			snprintf(words, sizeof(words), "the BSF gives no answer: %.60s%s%.80s", mst_tls_end_text(why), detail && *detail ? ": " : "",
				 detail ? detail : "");
		} else if (m->status != 200) {
			end = refusal(m, words);
		} else {
			wrong = read_key(m->body, &k);
			end = wrong ? NAF_REFUSED : NAF_KEY;
		}
		tell(&z->ask[i], end, end == NAF_KEY ? &k : NULL, wrong ? wrong : "");
		break;
	}
	mst_wipe(&k, sizeof(k));
	send_all(z);
}

/* --- the session --- */

static void on_open(void *owner, struct mst_client *c)
{
	struct naf_zn *z = owner;

	(void)c;
	z->open = true;
	send_all(z);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	(void)owner;
	(void)c;
	(void)m;
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct naf_zn *z = owner;
	bool waited = false;
	char words[NAF_WORDS];

	(void)c;
	z->client = mst_client_free(z->client);
	snprintf(words, sizeof(words), "the BSF cannot be asked: %.60s%s%.80s", mst_tls_end_text(why), detail && *detail ? ": " : "", detail ? detail : "");
	for (size_t i = 0; i < NAF_ASKS_MAX; i++) {
		struct ask *q = &z->ask[i];

		/* a session that was idle has ended under a question: another one is worth a try, once */
		if (q->used && z->open && !(q->sent && q->again)) {
			q->again |= q->sent;
			q->sent = false;
			waited = true;
		} else if (q->used) {
			tell(q, NAF_LATER, NULL, words);
		}
	}
	z->open = false;
	if (waited)
		send_all(z);
}

static const struct mst_client_ops ops = { on_open, on_response, on_end, on_answer };

static void dial(struct naf_zn *z)
{
	const struct naf_settings *s = z->s;
	struct mst_client_config c = { .base = z->base, .tls = s->tls_bsf, .host = s->bsf_host, .port = s->bsf_port, .server_name = s->bsf_host,
				       .connect_to = s->dial, .limits = { 16384, 65536 }, .streams = STREAMS, .connect_ms = ANSWER_MS,
				       .handshake_ms = ANSWER_MS, .answer_ms = ANSWER_MS };

	z->open = false;
	if (mst_client_new(&c, &ops, z, &z->client))
		z->client = NULL;
}

bool naf_zn_ask(struct naf_zn *z, const char *btid, const struct gba_ua *ua, uint64_t origin, naf_done *done, void *who)
{
	for (size_t i = 0; i < NAF_ASKS_MAX; i++) {
		if (z->ask[i].used)
			continue;
		z->ask[i] = (struct ask){ .used = true, .ua = *ua, .origin = origin, .done = done, .who = who };
		MST_STR_SET(z->ask[i].btid, btid);
		take_turn(z, &z->ask[i]);
		send_all(z);
		/* neither a session nor one to come */
		if (!z->client)
			z->ask[i] = (struct ask){ 0 };
		return z->client != NULL;
	}
	return false;
}

void naf_zn_forget(struct naf_zn *z, const void *who)
{
	for (size_t i = 0; i < NAF_ASKS_MAX; i++)
		if (z->ask[i].who == who)
			z->ask[i] = (struct ask){ 0 };
}

void naf_zn_anew(struct naf_zn *z)
{
	bool waits = false;

	z->client = mst_client_free(z->client);
	z->open = false;
	for (size_t i = 0; i < NAF_ASKS_MAX; i++) {
		z->ask[i].sent = false;
		waits |= z->ask[i].used;
	}
	if (waits)
		send_all(z);
}

struct naf_zn *naf_zn_new(struct event_base *base, const struct naf_settings *s)
{
	struct naf_zn *z = calloc(1, sizeof(*z));

	if (z) {
		z->base = base;
		z->s = s;
	}
	return z;
}

struct naf_zn *naf_zn_free(struct naf_zn *z)
{
	if (z)
		mst_client_free(z->client);
	free(z);
	return NULL;
}
