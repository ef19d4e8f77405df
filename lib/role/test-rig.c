#include "role/test-rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"

#define MEF "mef.example.com"
#define MAF "maf.example.com"
#define SET(array, text) snprintf(array, sizeof(array), "%s", text)

/* --- keeper double: "ciphertext" = tag, binding, key --- */

static struct rig *the_rig;

static uint32_t fnv(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h;
}

static void box(struct mst_wrapped *w, uint8_t tag, uint32_t bind, const uint8_t key[32])
{
	w->b[0] = tag;
	memcpy(w->b + 1, &bind, 4);
	memcpy(w->b + 5, key, 32);
	w->b[37] = (uint8_t)(tag ^ key[0] ^ bind);
	w->n = 38;
}

static bool unbox(struct mst_view v, uint8_t tag, uint32_t bind, uint8_t key[32])
{
	uint32_t b;

	if (v.n != 38 || v.p[0] != tag)
		return false;
	memcpy(&b, v.p + 1, 4);
	memcpy(key, v.p + 5, 32);
	return b == bind && v.p[37] == (uint8_t)(tag ^ key[0] ^ bind);
}

/* Who sealed it, as what. */
static uint32_t sealing(uint32_t channel, enum mst_key_purpose as)
{
	return channel + (uint32_t)as * 104729u;
}

struct mst_wrapped rig_seal(uint8_t fill, enum mst_key_purpose as)
{
	struct mst_wrapped w = { 0 };
	uint8_t key[32];

	memset(key, fill, sizeof(key));
	box(&w, 'S', sealing(RIG_CHANNEL, as), key);
	return w;
}

static uint32_t binding(enum mst_key_purpose p, const char *key_id)
{
	return fnv(key_id) + (uint32_t)p * 7919u;
}

static int k_wrap(struct mst_keeper *k, uint32_t from, struct mst_view sealed, enum mst_key_purpose p, const char *key_id,
                  struct mst_wrapped *ret)
{
	uint8_t key[32];

	(void)k;
	if (!unbox(sealed, 'S', sealing(from, p), key))
		return MST_KEEPER_FORGED;
	the_rig->wraps++;
	box(ret, 'W', binding(p, key_id), key);
	return 0;
}

static int k_create(struct mst_keeper *k, enum mst_key_purpose p, const char *key_id, struct mst_wrapped *ret)
{
	uint8_t key[32];

	(void)k;
	memset(key, 0xcc, sizeof(key));
	the_rig->created++;
	box(ret, 'W', binding(p, key_id), key);
	return 0;
}

static int k_differs(struct mst_keeper *k, uint32_t from, struct mst_view sealed, const struct mst_wrapped *w, enum mst_key_purpose p,
                     const char *key_id)
{
	uint8_t a[32], b[32];

	(void)k;
	if (p != MST_PURPOSE_KPM)
		return MST_KEEPER_DENIED;
	if (!unbox(sealed, 'S', sealing(from, MST_PURPOSE_KEYREG), a) || !unbox((struct mst_view){ w->b, w->n }, 'W', binding(p, key_id), b))
		return MST_KEEPER_FORGED;
	return memcmp(a, b, sizeof(a)) ? 0 : MST_KEEPER_SAME;
}

/* Not HMAC: a test only has to see which derivation it was. */
static void derived(uint8_t key[32], enum mst_derive_how how, int suid, const char *target)
{
	uint32_t h = how == MST_DERIVE_NONE ? 0 : fnv(target) + (uint32_t)suid * 31u + (uint32_t)how;

	for (size_t i = 0; i < 32; i++)
		key[i] ^= (uint8_t)(h >> (8 * (i % 4)));
}

static int k_release(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, enum mst_key_purpose p,
                     const char *key_id, enum mst_derive_how how, int suid, const char *target, uint32_t to, struct mst_wrapped *ret)
{
	uint8_t key[32];

	(void)k;
	/* Ke lets out derived keys only, all others only themselves */
	if (a->what != MST_AUTH_RELEASE || strcmp(a->key_id, key_id) || !a->to[0] ||
	    (p == MST_PURPOSE_KE) == (how == MST_DERIVE_NONE))
		return MST_KEEPER_DENIED;
	if (!unbox((struct mst_view){ w->b, w->n }, 'W', binding(p, key_id), key))
		return MST_KEEPER_FORGED;
	derived(key, how, suid, target);
	box(ret, 'S', to, key);
	return 0;
}

static int k_derive(struct mst_keeper *k, const struct mst_wrapped *w, enum mst_key_purpose p, const char *key_id,
                    enum mst_derive_how how, int suid, const char *target, enum mst_key_purpose new_p, const char *new_key_id,
                    struct mst_wrapped *ret)
{
	uint8_t key[32];

	(void)k;
	if (!unbox((struct mst_view){ w->b, w->n }, 'W', binding(p, key_id), key))
		return MST_KEEPER_FORGED;
	derived(key, how, suid, target);
	box(ret, 'W', binding(new_p, new_key_id), key);
	return 0;
}

static int k_ca_cert(struct mst_keeper *k, uint8_t *out, size_t cap, size_t *ret_n)
{
	(void)k;
	if (cap < 64)
		return MST_FAULT_BUG;
	memset(out, 0x30, 64);
	*ret_n = 64;
	return 0;
}

static int no_seal(struct mst_keeper *k, struct mst_log_seal *ret)
{
	(void)k;
	*ret = (struct mst_log_seal){ .seq = 0 };
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
	return 0;
}

static const struct mst_keeper_ops keeper_ops = {
	.name = "double", .wrap = k_wrap, .create = k_create, .release = k_release, .differs = k_differs, .derive = k_derive, .ca_cert = k_ca_cert, .seal_log = seal_log,
	.last_seal = no_seal, .generations = one_generation,
};
static struct mst_keeper keeper_double = { &keeper_ops };

/* --- crypto double: only random is asked for, and must differ each time --- */

static int c_random(struct mst_crypto *c, uint8_t *out, size_t n)
{
	static uint8_t next;

	(void)c;
	memset(out, ++next, n);
	return 0;
}

static const struct mst_crypto_ops crypto_ops = { .name = "double", .random = c_random };
static struct mst_crypto crypto_double = { &crypto_ops };

/* --- the installation --- */

static void put_registry(struct rig *r)
{
	struct mst_subscription s = { .not_before = RIG_NOW - RIG_DAY, .not_after = RIG_NOW + 300 * RIG_DAY, .key_lifetime = 200 * RIG_DAY };
	struct mst_node n = { .state = MST_NODE_KNOWN, .created = RIG_NOW };
	struct mst_identity i = { .kind = MST_ID_NODE, .value = RIG_NODE };

	SET(s.id, "sub-secret");
	SET(s.sp_fqdn, "sp.example.com");
	SET(s.maf_fqdn, MAF);
	SET(s.maf_uri, "https://" MAF ":8444");
	SET(s.registrar_cse_id, "//sp.example.com/IN1");
	SET(s.registrar_poa, "https://in.sp.example.com");
	SET(n.node_id, RIG_NODE);
	SET(n.cse_id, RIG_CSE);
	SET(n.sub_id, s.id);
	assert_int_equal(mst_store_begin(r->store), 0);
	assert_int_equal(mst_store_sub_put(r->store, &s, true), 0);
	assert_int_equal(mst_store_node_insert(r->store, &n), 0);
	i.node = r->node = n.id;
	assert_int_equal(mst_store_identity_put(r->store, &i), 0);
	assert_int_equal(mst_store_commit(r->store), 0);
}

void rig_up(struct rig *r)
{
	struct mst_diag d = { 0 };

	memset(r, 0, sizeof(*r));
	the_rig = r;
	r->now = RIG_NOW;
	r->keeper = &keeper_double;
	r->crypto = &crypto_double;
	snprintf(r->dir, sizeof(r->dir), "%s/mst-role-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->url, sizeof(r->url), "sqlite:%s/muster.db", r->dir);
	assert_int_equal(mst_store_open(r->url, &r->store, &d), 0);
	SET(r->mef_conf.fqdn, MEF);
	SET(r->mef_conf.base, "/MEFBase");
	r->mef_conf.quirks = mst_quirks_default;
	r->mef_conf.reg_lifetime = 365 * RIG_DAY;
	r->mef_conf.retry_duration = RIG_DAY;
	r->mef_conf.n_maf = 1;
	SET(r->mef_conf.maf_fqdn[0], MAF);
	SET(r->bbn_conf.fqdn, "bbn.example.com");
	SET(r->bbn_conf.base, "/briefing");
	r->bbn_conf.retry_duration = 3600;
	r->bbn_conf.validity = RIG_DAY;
	r->bbn_conf.keep = 30 * RIG_DAY;
	SET(r->ocsp_conf.base, "/ocsp");
	r->ocsp_conf.validity = 3600;
	SET(r->maf_conf.fqdn, MAF);
	SET(r->maf_conf.base, "/MAFBase");
	r->maf_conf.quirks = mst_quirks_default;
	r->maf_conf.reg_lifetime = 365 * RIG_DAY;
	r->maf_conf.n_mef = 1;
	SET(r->maf_conf.mef[0].fqdn, MEF);
	SET(r->maf_conf.mef[0].uri, "https://" MEF ":8443");
	r->maf_conf.mef[0].quirks = mst_quirks_default;
	put_registry(r);
}

static const struct mst_role_ops *ops_of(enum mst_role role)
{
	return role == MST_ROLE_MEF ? &mst_role_mef : role == MST_ROLE_MAF ? &mst_role_maf : role == MST_ROLE_OCSP ? &mst_role_ocsp :
	       role == MST_ROLE_HSS ? &mst_role_hss :
	       &mst_role_bbn;
}

void rig_down(struct rig *r)
{
	char path[300];
	static const char *const suffix[] = { "", "-wal", "-shm", "-journal" };

	for (size_t i = 0; i < MST_COUNT(r->state); i++)
		if (r->state[i])
			ops_of((enum mst_role)i)->forget(r->state[i]);
	r->store = mst_store_close(r->store);
	for (size_t i = 0; i < MST_COUNT(suffix); i++) {
		snprintf(path, sizeof(path), "%s/muster.db%s", r->dir, suffix[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(r->dir), 0);
}

struct mst_role_env rig_env(struct rig *r, enum mst_role role)
{
	const struct mst_role_conf *conf = role == MST_ROLE_MEF ? &r->mef_conf : role == MST_ROLE_MAF ? &r->maf_conf :
					   role == MST_ROLE_OCSP ? &r->ocsp_conf : role == MST_ROLE_HSS ? &r->hss_conf : &r->bbn_conf;

	return (struct mst_role_env){ r->store, r->keeper, r->crypto, conf, r->now, &r->state[role] };
}

void rig_id(uint8_t fill, const char *fqdn, char out[MST_ID_MAX])
{
	uint8_t id[16];

	memset(id, fill, sizeof(id));
	assert_true(mst_key_id_make(id, mst_view_str(fqdn), out));
}

void rig_peer_cert(struct rig *r, enum mst_id_kind kind, const char *name)
{
	memset(&r->x, 0, sizeof(r->x));
	r->x.peer.how = MST_AUTH_CERT;
	SET(r->x.peer.address, "[::1]:4711");
	if (name)
		rig_peer_also(r, kind, name);
}

void rig_peer_also(struct rig *r, enum mst_id_kind kind, const char *name)
{
	struct mst_cert_info *c = &r->x.peer.cert;

	/* as it is read of a certificate: a CSE's name is a dNSName, and that is in lower case */
	assert_true(c->n_san < MST_SANS_MAX && mst_id_normalise(kind, mst_view_str(name), c->san[c->n_san].value));
	c->san[c->n_san++].kind = kind;
}

void rig_peer_psk(struct rig *r, const char *identity)
{
	memset(&r->x, 0, sizeof(r->x));
	r->x.peer.how = MST_AUTH_PSK;
	SET(r->x.peer.address, "[::1]:4712");
	SET(r->x.peer.psk_identity, identity);
	r->x.peer.suite = r->suite;
}

/* What the engine and the listener do after the commit with a release. */
static void hand_over(struct rig *r, const struct mst_role_env *env)
{
	const struct mst_release *l = &r->a.release;
	struct mst_wrapped sealed;

	r->has_handed = false;
	if (!l->wanted)
		return;
	r->releases++;
	if (r->keeper != &keeper_double)
		return;         /* the test hands over itself */
	assert_int_equal(env->keeper->ops->release(env->keeper, &l->authorisation, &l->key, l->purpose, l->key_id, l->how, l->suid,
	                                           l->target, RIG_CHANNEL, &sealed), 0);
	assert_true(unbox((struct mst_view){ sealed.b, sealed.n }, 'S', RIG_CHANNEL, r->handed));
	r->has_handed = true;
}

int rig_handle(struct rig *r, enum mst_role role)
{
	struct mst_role_env env = rig_env(r, role);
	int e;

	memset(&r->a, 0, sizeof(r->a));
	r->a.content = mst_writer_of(r->content, sizeof(r->content));
	e = mst_store_begin(r->store);
	if (e)
		return e;
	e = mst_store_mark(r->store);
	if (e) {
		mst_store_rollback(r->store);
		return e;
	}
	e = ops_of(role)->handle(&env, &r->x, &r->a);
	if (e < 0) {
		mst_store_undo(r->store);
		mst_store_rollback(r->store);
		return e;
	}
	assert_int_equal(e, 0);
	e = mst_store_release(r->store);
	if (!e)
		e = mst_store_commit(r->store);
	if (e) {
		mst_store_rollback(r->store);
		return e;
	}
	assert_true(r->a.content.ok);
	memcpy(r->text, r->content, r->a.content.n);
	r->text[r->a.content.n] = 0;
	hand_over(r, &env);
	return r->a.rsc;
}

void rig_export(struct rig *r, enum mst_role role, uint8_t fill)
{
	bool mef = role == MST_ROLE_MEF;

	if (mef)
		r->x.export_key = rig_seal(fill, MST_PURPOSE_KE);
	if (!mef || r->mef_conf.quirks.km == MST_KM_REGISTERED)
		r->x.export_reg = rig_seal(fill, MST_PURPOSE_KEYREG);
}

int rig_do(struct rig *r, enum mst_role role, enum mst_op op, const char *to, const char *from, int ty,
           uint8_t fill, const char *content)
{
	struct mst_exchange *x = &r->x;

	x->role = role;
	x->channel = RIG_CHANNEL;
	SET(x->attempt, "0123456789abcdef0123456789abcdef");
	x->request = (struct mst_request){
		.op = op, .to = mst_view_str(to), .from = mst_view_str(from), .rqi = mst_view_str("r1"), .rvi = mst_view_str("3"),
		.ty = ty, .content = mst_view_str(content),
	};
	if (content)
		x->request.media = mst_view_str("application/json");
	x->has_export = fill != 0;
	memset(x->export_id, fill, sizeof(x->export_id));
	x->export_key = x->export_reg = (struct mst_wrapped){ 0 };
	if (fill)
		rig_export(r, role, fill);
	x->session = fill;
	return rig_handle(r, role);
}

void rig_rule(struct rig *r, const char *json, int64_t place)
{
	static struct mst_rule rule;
	static struct mst_rule_row row;
	static uint8_t room[MST_RULE_OCTETS];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_rules_version v = { .at = RIG_NOW };
	struct mst_writer w = mst_writer_of(row.cbor.b, sizeof(row.cbor.b));
	struct mst_diag d = { 0 };

	if (mst_rule_read_json(mst_view_str(json), &a, &rule, &d))
		fail_msg("%s: %s", d.field, d.text);
	assert_int_equal(mst_store_begin(r->store), 0);
	assert_int_equal(mst_store_rules_next(r->store, &v), 0);
	mst_rule_write_cbor(&rule, &w);
	row.cbor.n = (uint16_t)w.n;
	row.place = place;
	row.since = v.version;
	row.until = 0;
	assert_true(mst_view_to_str(rule.name, row.name, sizeof(row.name)));
	assert_int_equal(mst_store_rule_put(r->store, &row), 0);
	assert_int_equal(mst_store_commit(r->store), 0);
}

int rig_brief(struct rig *r, enum mst_op op, const char *to, const char *media, const char *accept, struct mst_view content)
{
	r->x.role = MST_ROLE_BBN;
	r->x.channel = RIG_CHANNEL;
	r->x.request = (struct mst_request){ .op = op, .to = mst_view_str(to), .media = mst_view_str(media),
					     .accept = mst_view_str(accept), .content = content };
	return rig_handle(r, MST_ROLE_BBN);
}

static int in_group(struct rig *r, int e)
{
	int c = e < 0 ? e : mst_store_commit(r->store);

	if (c)
		mst_store_rollback(r->store);
	return c ? c : e;
}

static struct mst_psk_ask ask(const struct rig *r, enum mst_role role, const char *identity)
{
	struct mst_psk_ask q = { .role = role, .channel = RIG_CHANNEL, .suite = r->suite };

	SET(q.identity, identity);
	SET(q.address, "[::1]:4712");
	return q;
}

int rig_lookup_at(struct rig *r, enum mst_role role, const char *identity, struct mst_psk_answer *a)
{
	struct mst_role_env env = rig_env(r, role);
	struct mst_psk_ask q = ask(r, role, identity);
	int e = mst_store_begin(r->store);

	return e ? e : in_group(r, ops_of(role)->psk_lookup(&env, &q, a));
}

int rig_lookup(struct rig *r, const char *identity, struct mst_psk_answer *a)
{
	return rig_lookup_at(r, MST_ROLE_MAF, identity, a);
}

int rig_fetched_at(struct rig *r, enum mst_role role, const char *identity, const struct mst_fetch_result *got, struct mst_psk_answer *a)
{
	struct mst_role_env env = rig_env(r, role);
	struct mst_psk_ask q = ask(r, role, identity);
	int e = mst_store_begin(r->store);

	return e ? e : in_group(r, ops_of(role)->fetched(&env, &q, got, a));
}

int rig_fetched(struct rig *r, const char *identity, const struct mst_fetch_result *got, struct mst_psk_answer *a)
{
	return rig_fetched_at(r, MST_ROLE_MAF, identity, got, a);
}

struct mst_event rig_failed(struct rig *r, enum mst_role role, const char *identity)
{
	struct mst_role_env env = rig_env(r, role);
	struct mst_event e;
	char what[40];

	rig_peer_psk(r, identity);
	assert_int_equal(mst_store_begin(r->store), 0);
	assert_int_equal(in_group(r, ops_of(role)->handshake_failed(&env, &r->x.peer, MST_TLS_PSK_REFUSED, "the detail")), 0);
	assert_true(rig_last_event(r, &e));
	snprintf(what, sizeof(what), "%s.handshake-failed", mst_role_name[role]);
	assert_string_equal(e.what, what);
	assert_non_null(strstr(e.why, "the detail"));
	assert_non_null(strstr(e.why, "what to do: "));
	return e;
}

/* --- looking --- */

static int put_cred(void *arg, const struct mst_credential *c)
{
	struct mst_writer *w = arg;
	const char *part[] = { "cred ", c->key_id, " ", c->client_id, " ", c->via, " " };

	for (size_t i = 0; i < MST_COUNT(part); i++)
		mst_put_str(w, part[i]);
	mst_put_dec(w, (int64_t)c->state);
	mst_put_u8(w, ' ');
	mst_put_dec(w, c->expires);
	mst_put_u8(w, '\n');
	return 0;
}

static int put_keyreg(void *arg, const struct mst_keyreg *k)
{
	struct mst_writer *w = arg;
	const char *part[] = { "keyreg ", k->rel_key_id, " ", k->targets, " ", k->labels, " " };

	for (size_t i = 0; i < MST_COUNT(part); i++)
		mst_put_str(w, part[i]);
	mst_put_dec(w, k->expires);
	mst_put_u8(w, '\n');
	return 0;
}

static void put_reg(struct rig *r, enum mst_role role, struct mst_writer *w)
{
	static const char *const clients[] = { RIG_CSE, RIG_NODE, "//sp.example.com/CSE0002", MAF };
	struct mst_registration g;

	for (size_t i = 0; i < MST_COUNT(clients); i++) {
		assert_true(mst_store_cred_list(r->store, role, clients[i], put_cred, w) >= 0);
		if (mst_store_reg_find(r->store, role, clients[i], "sp.example.com", &g))
			continue;
		mst_put_str(w, g.reg_id);
		mst_put_u8(w, ' ');
		mst_put_str(w, g.key_id);
		mst_put_u8(w, ' ');
		mst_put_str(w, g.labels);
		mst_put_str(w, g.last_cmd);
		mst_put_dec(w, g.expires);
		mst_put_u8(w, ' ');
		mst_put_dec(w, g.modified);
		mst_put_u8(w, '\n');
		assert_true(mst_store_keyreg_list(r->store, role, g.reg_id, put_keyreg, w) >= 0);
	}
}

static int put_node(void *arg, const struct mst_node *n)
{
	struct mst_writer *w = arg;

	mst_put_str(w, n->node_id);
	mst_put_u8(w, ' ');
	mst_put_dec(w, (int64_t)n->state);
	mst_put_u8(w, ' ');
	mst_put_str(w, n->last_step);
	mst_put_dec(w, n->last_seen);
	mst_put_u8(w, '\n');
	return 0;
}

static int put_briefing(void *arg, const struct mst_briefing *b)
{
	struct mst_writer *w = arg;
	const char *part[] = { "briefing ", b->id, " ", b->who, " ", b->attempt, " ", b->rule, " ", b->reported, " ", b->target, " " };

	for (size_t i = 0; i < MST_COUNT(part); i++)
		mst_put_str(w, part[i]);
	mst_put_dec(w, b->outcome);
	mst_put_dec(w, (int64_t)b->state);
	mst_put_dec(w, b->failures);
	mst_put_u8(w, '\n');
	return 0;
}

void rig_fingerprint(struct rig *r, char *out, size_t cap)
{
	struct mst_writer w = mst_writer_of(out, cap);
	struct mst_node_filter all = { .state = -1, .limit = 100 };

	assert_true(mst_store_node_list(r->store, &all, put_node, &w) >= 0);
	put_reg(r, MST_ROLE_MEF, &w);
	put_reg(r, MST_ROLE_MAF, &w);
	assert_true(mst_store_briefing_list(r->store, &(struct mst_briefing_filter){ 0 }, put_briefing, &w) >= 0);
	mst_put_nul(&w);
	assert_true(w.ok);
}

static int keep_event(void *arg, const struct mst_event *e)
{
	*(struct mst_event *)arg = *e;
	return 0;
}

bool rig_last_event(struct rig *r, struct mst_event *ret)
{
	struct mst_event_filter f = { .limit = 100000 };

	memset(ret, 0, sizeof(*ret));
	assert_true(mst_store_event_list(r->store, &f, keep_event, ret) >= 0);
	return ret->seq != 0;
}

const char *rig_member(struct rig *r, const char *name, char *out, size_t cap)
{
	char pattern[64];
	const char *p, *end;

	out[0] = 0;
	snprintf(pattern, sizeof(pattern), "\"%s\":\"", name);
	p = strstr(r->text, pattern);
	if (!p)
		return out;
	p += strlen(pattern);
	end = strchr(p, '"');
	if (!end || (size_t)(end - p) >= cap)
		return out;
	memcpy(out, p, (size_t)(end - p));
	out[end - p] = 0;
	return out;
}
