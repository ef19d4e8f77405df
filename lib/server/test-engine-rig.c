#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cm.h"

#include "server/test-engine-rig.h"

struct engine_rig t;


/* --- the role: what the path says is done --- */

static int event_of(struct mst_role_env *env, const char *what)
{
	struct mst_event e = { .when = env->now };

	t.fail_store = env->store;
	snprintf(e.role, sizeof(e.role), "mef");
	snprintf(e.what, sizeof(e.what), "%s", what);
	if (t.fail_at) {
		mst_store_fail_at(env->store, t.fail_at);
		t.fail_at = 0;
	}
	return mst_store_event_append(env->store, &e);
}

/* Each AUTS is another one, as far as nobody repeats it. */
static void want(struct mst_answer *a, const char *ue)
{
	static uint8_t n;

	a->wants_fetch = true;
	a->fetch = (struct mst_fetch){ .kind = MST_FETCH_ZH, .binding = MST_BIND_DIAMETER, .resync = strcmp(ue, "vector") != 0, .rnd = { 1 }, .auts = { 2, ++n } };
	a->fetch.mark = t.mark;
	if (!strcmp(ue, "same"))
		a->fetch.auts[1] = 0;
	snprintf(a->fetch.ue_id, sizeof(a->fetch.ue_id), "%s", ue);
	snprintf(a->fetch.server_name, sizeof(a->fetch.server_name), "%s", "hss");
}

/* "/wants" asks once, "/wants-2" twice, and so on: what came is seen again each time, and the answer has two secrets. */
static int resumed(struct mst_role_env *env, const struct mst_exchange *x, const struct mst_fetch_result *f, struct mst_answer *a)
{
	static const char content[] = "{\"a\":\"\",\"b\":\"\"}";
	char what[40];
	int r;

	assert_true(mst_view_to_str(x->request.to, what, sizeof(what)));
	assert_true(mst_view_starts(x->request.to, "/wants") && mst_view_eq_str(x->authorization, "Digest x"));
	assert_int_equal(x->channel, CHANNEL);
	r = event_of(env, mst_fetch_end_name[f->end]);
	if (r)
		return r;
	t.resumed++;
	t.given_back = f->mark;
	if (!strcmp(what, "/wants-fault"))
		return MST_FAULT_CRYPTO;
	if (f->end == MST_FETCH_OK && what[6] == '-' && t.resumed < (unsigned)(what[7] - '0')) {
		want(a, "again");
		return 0;
	}
	mst_put_str(&a->content, content);
	a->rsc = f->end == MST_FETCH_OK ? 200 : 503;
	a->retry_after = f->retry_after;
	a->parcel = (struct mst_parcel){ f->key, { { 6, 0, 8 }, { 13, 8, 32 } }, 2 };
	if (f->end != MST_FETCH_OK)
		a->parcel = (struct mst_parcel){ .n_fills = 0 };
	snprintf(a->headers, sizeof(a->headers), "Expires: never\r\n");
	return 0;
}

static int handle(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a)
{
	char what[40];
	int r;

	assert_true(mst_view_to_str(x->request.to, what, sizeof(what)));
	assert_int_equal(x->channel, CHANNEL);
	r = event_of(env, what);
	if (r)
		return r;
	if (!strcmp(what, "/fault"))
		return MST_FAULT_CRYPTO;
	if (!strcmp(what, "/due"))       /* something ends by the clock */
		return mst_store_gba_lock_put(env->store, &(struct mst_gba_lock){ .impi = "x", .origin = "y", .wrong = 1, .until = 1, .forget = 1 });
	if (!strcmp(what, "/large"))
		for (int i = 0; i < 2 * MST_ANSWER_MAX; i++)
			mst_put_str(&a->content, "x");
	if (!strncmp(what, "/wants", 6)) {
		mst_put_str(&a->content, "not looked at");
		want(a, !strcmp(what, "/wants/vector") ? "vector" : !strcmp(what, "/wants/same") ? "same" : "first");
		return 0;
	}
	mst_put_str(&a->content, "{}");
	if (!strcmp(what, "/key"))
		a->release = (struct mst_release){ .wanted = true, .at = 1 };
	a->rsc = MST_RSC_OK;
	a->whose = (struct mst_whose){ 3, 30 };
	if (!strcmp(what, "/suspend"))
		a->cut.group = 30;
	if (!strcmp(what, "/no")) {
		a->rsc = 404;
		a->event_only = true;
	}
	return 0;
}

static int psk_lookup(struct mst_role_env *env, const struct mst_psk_ask *q, struct mst_psk_answer *a)
{
	t.fail_store = env->store;
	if (!strncmp(q->identity, "fetch", 5)) {
		snprintf(a->fetch.path, sizeof(a->fetch.path), "/fetchCredentials/%s/21", q->identity);
		snprintf(a->fetch.server_name, sizeof(a->fetch.server_name), "%c", q->identity[5]);
		return MST_PSK_FETCH;
	}
	if (!strncmp(q->identity, "zn", 2)) {
		a->fetch = (struct mst_fetch){ .kind = MST_FETCH_ZN, .binding = MST_BIND_DIAMETER, .btid = "b@bsf", .naf_fqdn = "maf", .ua = gba_ua_tls(q->suite) };
		return MST_PSK_FETCH;
	}
	a->release.wanted = true;
	return strcmp(q->identity, "known") ? MST_PSK_UNKNOWN : 0;
}

static int fetched(struct mst_role_env *env, const struct mst_psk_ask *q, const struct mst_fetch_result *f, struct mst_psk_answer *a)
{
	(void)q;
	if (event_of(env, mst_fetch_end_name[f->end]))
		return MST_FAULT_STORE;
	a->release.wanted = true;
	return f->end == MST_FETCH_OK ? 0 : f->end == MST_FETCH_LIST_STALE ? MST_PSK_BUSY : MST_PSK_UNKNOWN;
}

static int handshake_failed(struct mst_role_env *env, const struct mst_peer *p, enum mst_tls_end why, const char *detail)
{
	(void)p;
	(void)detail;
	return event_of(env, why == MST_TLS_PSK_REFUSED ? "psk" : "handshake");
}

/* A node and a subscription, whenever there is anything. */
static int clocked(struct mst_role_env *env, struct mst_clocked *c)
{
	*c = (struct mst_clocked){ .nodes_gone = 1, .gone = { 3 }, .subs_ended = 1, .over = { 30 } };
	return event_of(env, "clock");
}

static const struct mst_role_ops role = { .role = MST_ROLE_MEF, .primitives = true, .network = true,
	.strangers_count = true, .for_strangers = true, .psk = true, .handle = handle,
	.psk_lookup = psk_lookup, .handshake_failed = handshake_failed, .fetched = fetched, .resumed = resumed, .clock = clocked };

/* An operator's command that does what no transaction undoes. */
static int command(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a)
{
	char what[40];

	assert_true(mst_view_to_str(x->request.to, what, sizeof(what)));
	t.commands++;
	a->rsc = MST_RSC_OK;
	return event_of(env, what);
}

static const struct mst_role_ops admin = { .role = MST_ROLE_ADMIN, .handle = command };
static const struct mst_role_ops *const roles[] = { &role, &admin, NULL };

/* --- the keeper --- */

static int release(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, enum mst_key_purpose p,
                   const char *key_id, enum mst_derive_how how, int suid, const char *target, uint32_t to, struct mst_wrapped *ret)
{
	(void)k;
	(void)a;
	(void)w;
	(void)p;
	(void)key_id;
	(void)how;
	(void)suid;
	(void)target;
	if (t.releases < MST_COUNT(t.released_to))
		t.released_to[t.releases] = to;
	t.releases++;
	*ret = (struct mst_wrapped){ { 7 }, 1 };
	return 0;
}

static int last_seal(struct mst_keeper *k, struct mst_log_seal *ret)
{
	(void)k;
	*ret = t.sealed;
	return 0;
}

static int one_generation(struct mst_keeper *k, struct mst_keeper_generations *ret)
{
	(void)k;
	*ret = (struct mst_keeper_generations){ .now = 1 };
	return 0;
}

static int seal_log(struct mst_keeper *k, struct mst_log_seal *s, bool anew)
{
	(void)k;
	(void)anew;
	memset(s->sig, 0x5e, sizeof(s->sig));
	if (t.sealed.seq)                /* else nobody asks for more than the call */
		t.sealed = *s;
	return 0;
}

static int no_rates(struct mst_keeper *k, struct mst_keeper_rates *ret)
{
	(void)k;
	*ret = (struct mst_keeper_rates){ 0 };
	return 0;
}

static int ca_here(struct mst_keeper *k, struct mst_keeper_ca *ret)
{
	(void)k;
	*ret = (struct mst_keeper_ca){ .kind = 0 };
	return 0;
}

static const struct mst_keeper_ops keeper_ops = { .name = "test", .release = release, .seal_log = seal_log, .last_seal = last_seal, .generations = one_generation,
						  .rates = no_rates, .ca_state = ca_here };
static struct mst_keeper keeper = { &keeper_ops };

/* --- the other ends --- */

static void on_frame(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	struct mst_answer_frame a;
	struct mst_psk_answer_frame p;

	(void)owner;
	(void)l;
	(void)fd;
	switch ((int)f->type) {
	case MST_FRAME_READY: t.ready = true; break;
	case MST_FRAME_FAILED: t.failed = true; break;
	case MST_FRAME_BUSY: t.busy++; break;
	case MST_FRAME_VIOLATION: t.violations++; break;
	case MST_FRAME_CUT:
		t.cuts++;
		assert_true(mst_get_cut(f->payload, &t.cut));
		break;
	case MST_FRAME_FETCH:
		t.fetches++;
		t.fetch_id = f->id;
		assert_true(mst_get_fetch(f->payload, &t.fetch));
		break;
	case MST_FRAME_ANSWER:
		assert_true(mst_get_answer(f->payload, &a));
		t.answers++;
		t.rsc[f->id] = (unsigned)a.rsc;
		t.answer = a;
		if (a.has_key)
			assert_int_equal(a.at, 1);
		break;
	case MST_FRAME_PSK_ANSWER:
		assert_true(mst_get_psk_answer(f->payload, &p));
		p.key.n ? t.psk_known++ : t.psk_unknown++;
		break;
	default: break;
	}
}

static void on_down(void *owner, struct mst_link *l, const char *why)
{
	(void)why;
	(void)owner;
	if (l == t.listener)
		t.listener = NULL;
	if (l == t.control)
		t.control = NULL;
	if (l == t.connector)
		t.connector = NULL;
	if (l == t.diameter)
		t.diameter = NULL;
	if (l == t.local)
		t.local = NULL;
	(void)mst_link_free(l);
}

static const struct mst_link_ops ops = { on_frame, on_down };

void turn(void)
{
	for (int i = 0; i < 100; i++)
		event_base_loop(t.base, EVLOOP_NONBLOCK);
}

struct mst_link *attach(enum mst_process kind, enum mst_role r, uint32_t channel)
{
	struct mst_link_config a = { .base = t.base, .self = kind, .peer = MST_PROC_ENGINE, .frame_max = MST_FRAME_MAX,
		.queue_max = 64 * MST_FRAME_MAX }, b = mst_unit_link(t.engine, kind);
	struct mst_link_frame who = { kind, r, channel };
	struct mst_link *mine, *its;

	b.queue_max = t.queue_max ? t.queue_max : b.queue_max;
	assert_int_equal(mst_link_memory(&a, &b, &mine, &its), 0);
	mst_link_owner(mine, &ops, NULL);
	mst_link_phase(mine, MST_PHASE_RUNNING);
	assert_int_equal(mst_unit_attach(t.engine, &who, its), 0);
	return mine;
}

int up(void **state)
{
	struct mst_link_config a, b;
	struct mst_unit_setup s = { .crypto = mst_crypto_openssl(), .roles = roles, .name = "engine" };
	struct mst_conf_frame f = { .text = MST_VIEW_LIT(
		"store = \"sqlite:muster.db\"; limits = { queue = 400; group = 64; fetch = 5; fetches = 8; };\n"
		"log = { level = \"error\"; };\n"
		"mef = { fqdn = \"mef.example.com\"; listen = [\"127.0.0.1:0\"]; certificate = \"a\"; key = \"b\"; client_anchors = [\"c\"]; };") };
	uint8_t buf[1024];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	struct mst_link *end;

	(void)state;
	memset(&t, 0, sizeof(t));
	strcpy(t.dir, "/tmp/mst-engine-XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	snprintf(f.file, sizeof(f.file), "%s/musterd.conf", t.dir);
	fclose(fopen(f.file, "w"));
	t.base = s.base = event_base_new();
	event_base_priority_init(t.base, 3);
	a = b = (struct mst_link_config){ .base = t.base, .frame_max = MST_FRAME_CONTROL_MAX, .queue_max = MST_FRAME_CONTROL_MAX };
	a.peer = b.self = MST_PROC_ENGINE;
	assert_int_equal(mst_link_memory(&a, &b, &t.control, &end), 0);
	mst_link_owner(t.control, &ops, NULL);
	assert_int_equal(mst_unit_new(&mst_engine_unit, &s, end, &t.engine), 0);
	t.engine->log.fd = -1;
	mst_engine_keeper(t.engine, &keeper);
	t.listener = attach(MST_PROC_LISTENER, MST_ROLE_MEF, CHANNEL);
	t.connector = attach(MST_PROC_CONNECTOR, MST_ROLE_MAF, 9);
	t.diameter = attach(MST_PROC_DIAMETER, MST_ROLE_NONE, 10);
	t.local = attach(MST_PROC_LISTENER, MST_ROLE_NONE, 11);
	mst_put_conf(&w, &f);
	assert_int_equal(mst_link_send(t.control, MST_FRAME_CONF, 0, mst_written(&w)), 0);
	assert_int_equal(mst_link_send(t.control, MST_FRAME_START, 0, MST_VIEW_NONE), 0);
	turn();
	assert_true(t.ready && !t.failed);
	mst_link_phase(t.control, MST_PHASE_RUNNING);
	return 0;
}

int down(void **state)
{
	char path[128];
	static const char *const files[] = { "muster.db", "muster.db-wal", "muster.db-shm", "musterd.conf" };

	(void)state;
	mst_unit_free(t.engine);
	mst_link_free(t.control);
	mst_link_free(t.listener);
	mst_link_free(t.connector);
	mst_link_free(t.diameter);
	mst_link_free(t.local);
	event_base_free(t.base);
	for (size_t i = 0; i < MST_COUNT(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", t.dir, files[i]);
		unlink(path);
	}
	return rmdir(t.dir);
}

void ask_on(struct mst_link *l, uint64_t id, const char *path, enum mst_role r)
{
	static uint8_t b[65536];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_exchange x = { .role = r, .channel = 999 /* not believed */, .request = { .op = MST_OP_RETRIEVE, .to = mst_view_str(path) },
		.authorization = MST_VIEW_LIT("Digest x"), .peer.how = t.how };

	snprintf(x.peer.address, sizeof(x.peer.address), "%s", t.address);
	mst_put_exchange(&w, &x);
	assert_int_equal(mst_link_send(l, MST_FRAME_EXCHANGE, id, mst_written(&w)), 0);
}

void ask(uint64_t id, const char *path, enum mst_role r)
{
	ask_on(t.listener, id, path, r);
}

void ask_local(uint64_t id, const char *path)
{
	ask_on(t.local, id, path, MST_ROLE_ADMIN);
}

void ask_psk(uint64_t id, const char *identity)
{
	ask_psk_with(id, identity, 0);
}

void ask_psk_with(uint64_t id, const char *identity, uint16_t suite)
{
	uint8_t b[1024];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_psk_ask q = { .role = MST_ROLE_MEF, .channel = 999, .suite = suite };

	snprintf(q.identity, sizeof(q.identity), "%s", identity);
	snprintf(q.address, sizeof(q.address), "%s", t.address);
	mst_put_psk_ask(&w, &q);
	assert_int_equal(mst_link_send(t.listener, MST_FRAME_PSK_ASK, id, mst_written(&w)), 0);
}

void tell_failed(enum mst_tls_end why)
{
	uint8_t b[2048];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_handshake_failed h = { .role = MST_ROLE_MEF, .why = why, .peer.how = MST_AUTH_PSK };

	mst_put_handshake_failed(&w, &h);
	assert_int_equal(mst_link_send(t.listener, MST_FRAME_HANDSHAKE_FAILED, 0, mst_written(&w)), 0);
}

struct counted { const char *what; unsigned n; };

static int count_event(void *arg, const struct mst_event *e)
{
	struct counted *c = arg;

	c->n += strncmp(e->what, c->what, strlen(c->what)) == 0;
	return 0;
}

unsigned events(const char *what)
{
	struct mst_event_filter f = { .after = 0 };
	struct counted c = { what, 0 };

	assert_non_null(t.fail_store);
	assert_int_equal(mst_store_event_list(t.fail_store, &f, count_event, &c), 0);
	return c.n;
}
