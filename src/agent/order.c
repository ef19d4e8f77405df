/* DEV_CFG and MO_NODE carried out: TS-0003 8.3.9.8, 8.3.9.9. */
#include "agent/order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/derive.h"

enum stage { AT_NOTHING, AT_REGISTER /* with the MEF, for another stakeholder */, AT_KEY, AT_MAF, AT_ANCHOR, AT_END };

struct agent_order {
	enum stage stage;
	int64_t status;
	bool used_key, again;
	char cmd_id[MST_REG_ID_MAX], what[MANAGED_PATH], detail[128];
	int64_t class_id;
	/* the objects; the plan has views into them */
	struct mst_objects *objects;
	uint8_t *room, *text;
	size_t text_n;
	struct mmef_plan plan;
	/* the MEF's session */
	char mef_host[MST_ID_MAX], mef_base[MST_ID_MAX], mef_from[MST_ID_MAX];
	bool has_key;
	uint8_t rel[MST_REL_ID_LEN];
	struct mst_key ke;
	struct procedure proc;
	bool proc_runs;
	/* a session of its own: with a MAF, or with whoever has the anchor */
	struct mst_client *client;
	struct mst_tls_ctx *tls;
	struct enrolee_peer peer;
	struct managed_reg reg;      /* made on the way, to be kept with the key */
	bool has_reg;
};

/* A maker's objects may hold a key. */
static void forget(uint8_t *p, size_t n)
{
	if (p)
		mst_wipe(p, n);
	free(p);
}

void order_drop(struct agent *a)
{
	struct agent_order *k = a->order;

	a->order = NULL;
	if (!k)
		return;
	mst_client_free(k->client);
	mst_tls_ctx_free(k->tls);
	if (k->proc_runs)
		procedure_deinit(&k->proc);
	free(k->objects);
	forget(k->room, k->room ? MST_OBJECTS_OCTETS : 0);
	forget(k->text, k->text_n);
	mst_wipe(k, sizeof(*k));
	free(k);
}

bool order_ended(const struct agent *a, int64_t *ret_status)
{
	*ret_status = a->order->again ? 0 : a->order->status;
	return a->order->stage == AT_END;
}

bool order_used_key(const struct agent *a)
{
	return a->order->used_key;
}

/* --- results --- */

static void fill_result(const struct agent *a, const struct agent_order *k, struct managed_result *x)
{
	*x = (struct managed_result){ .class_id = k->class_id, .status = k->status, .when = agent_utc(a) };
	snprintf(x->reg_id, sizeof(x->reg_id), "%.127s", a->active.mef_reg_id);
	snprintf(x->cmd_id, sizeof(x->cmd_id), "%s", k->cmd_id);
	snprintf(x->what, sizeof(x->what), "%s", k->what);
	snprintf(x->detail, sizeof(x->detail), "%s", k->detail);
}

/* `next` NULL: no effect, the result alone. */
static void end(struct agent *a, struct managed *next, int64_t status, const char *detail)
{
	struct agent_order *k = a->order;
	struct managed_result x;
	struct mst_diag d = { 0 };

	k->stage = AT_END;
	k->status = status;
	if (detail != k->detail)
		snprintf(k->detail, sizeof(k->detail), "%.120s", detail);
	next = next ? next : managed_stage(a);
	fill_result(a, k, &x);
	if (next && k->cmd_id[0])
		managed_put_result(next, &x);
	if (!k->cmd_id[0])
		once_did(a, status == MST_CMD_OK, k->what, k->detail);
	if (!k->cmd_id[0] && status != MST_CMD_OK) {
		/* a renewal: nothing to keep, and nobody to tell */
		managed_drop(next);
	} else if (managed_commit(a, next, &d)) {
		/* nothing of it counts, and it says so; given again it would be tried again */
		k->status = status == MST_CMD_OK ? (k->class_id == MST_CMD_DEV_CFG ? MST_CMD_CFG_CLIENT : MST_CMD_MO_FAILED) : status;
		snprintf(k->detail, sizeof(k->detail), "not kept: %.100s", d.text);
	}
	agent_log(a, k->status == MST_CMD_OK ? AGENT_INFO : AGENT_WARN, "command", "class", mst_cmd_class_text(k->class_id), "what", k->what,
		  "status", mst_cmd_status_text(k->status), "detail", k->detail, NULL);
	agent_point(a, "command-done");
}

void order_note(struct agent *a, const char *cmd_id, int64_t class_id, const char *what, int64_t status, const char *detail)
{
	struct managed *next = managed_stage(a);
	struct managed_result x = { .class_id = class_id, .status = status, .when = agent_utc(a) };
	struct mst_diag d = { 0 };
	int r;

	snprintf(x.reg_id, sizeof(x.reg_id), "%.127s", a->active.mef_reg_id);
	snprintf(x.cmd_id, sizeof(x.cmd_id), "%s", cmd_id);
	snprintf(x.what, sizeof(x.what), "%.130s", what);
	snprintf(x.detail, sizeof(x.detail), "%.120s", detail);
	if (next)
		managed_put_result(next, &x);
	r = managed_commit(a, next, &d);
	if (r)
		agent_log(a, AGENT_WARN, "command-not-noted", "why", agent_why(&d, r), NULL);
}

/* --- DEV_CFG --- */

static void configure(struct agent *a, struct mst_view document)
{
	struct agent_order *k = a->order;
	struct mst_diag d = { 0 };
	struct managed *next;

	if (document.n > MST_OBJECTS_OCTETS) {
		end(a, NULL, MST_CMD_CFG_SERVER, "the document is longer than 12288 octets");
		return;
	}
	k->objects = managed_objects(document, &k->room, true, &d);
	if (!k->objects) {
		char text[128];

		snprintf(text, sizeof(text), "%.50s: %.70s", d.field, d.text[0] ? d.text : "no memory");
		end(a, NULL, d.text[0] ? MST_CMD_CFG_SERVER : MST_CMD_CFG_CLIENT, text);
		return;
	}
	snprintf(k->what, sizeof(k->what), "%u objects", (unsigned)k->objects->n);
	next = managed_stage(a);
	if (next) {
		memcpy(next->objects, document.p, document.n);
		next->n_objects = document.n;
		next->objects_since = agent_utc(a);
	}
	end(a, next, MST_CMD_OK, "");
}

/* --- procedures --- */

static void failed(struct agent *a, const char *detail)
{
	end(a, NULL, MST_CMD_MO_FAILED, detail);
}

static bool start_procedure(struct agent *a, struct procedure_config *c)
{
	struct agent_order *k = a->order;
	static _Thread_local struct mst_quirks quirks;
	struct mst_diag d = { 0 };
	char text[128];

	quirks = agent_config_quirks(&a->cfg);
	c->attempt = a->active.attempt;
	c->quirks = &quirks;
	c->answer_ms = a->cfg.answer_timeout * 1000;
	if (!c->own[0]) {
		c->own[0] = a->active.cse_id[0] ? a->active.cse_id : NULL;
		c->own[1] = a->active.node_id[0] ? a->active.node_id : NULL;
		c->own[2] = a->active.ae_id[0] ? a->active.ae_id : NULL;
	}
	k->proc_runs = procedure_init(&k->proc, c, agent_now(), &d);
	if (k->proc_runs)
		return true;
	snprintf(text, sizeof(text), "%.40s %.80s", d.field, d.text);
	failed(a, text);
	return false;
}

static bool at_mef(struct agent *a, enum stage stage, struct procedure_config *c)
{
	struct agent_order *k = a->order;

	c->base = k->mef_base;
	c->from = k->mef_from;
	k->stage = stage;
	return start_procedure(a, c);
}

static void register_key(struct agent *a, bool maf, const char *base, const char *from)
{
	struct agent_order *k = a->order;
	struct mst_view target = mst_view_str(k->plan.target);
	char admin[MST_ID_MAX];
	struct procedure_config c = { .what = PROCEDURE_KEY_REGISTER, .maf = maf, .base = base, .from = from, .admin_fqdn = admin,
				      .suid = k->plan.object->suid, .expires = agent_utc(a) + k->plan.object->key_duration,
				      .targets = &target, .n_targets = 1, .n_labels = k->plan.object->n_key_labels };

	c.labels = k->plan.object->has & 1u << MST_MO_KEY_LABELS ? k->plan.object->key_labels : NULL;
	if (!mst_view_to_str(k->plan.reg->admin_fqdn, admin, sizeof(admin))) {
		failed(a, "adminFQDN is too long");
		return;
	}
	k->stage = maf ? AT_MAF : AT_KEY;
	(void)start_procedure(a, &c);
}

/* 8.3.9.9.4: registered with that stakeholder first, if not yet (2.6). */
static void register_key_at_mef(struct agent *a)
{
	struct agent_order *k = a->order;
	char admin[MST_ID_MAX];
	struct procedure_config c = { .what = PROCEDURE_REGISTER, .admin_fqdn = admin };
	mst_time until = k->plan.reg->expires;

	if (!mst_id_equal(MST_ID_FQDN, k->plan.reg->fqdn, mst_view_str(k->mef_host))) {
		failed(a, "the MEFClientRegCfg names another MEF than the one that this node is registered with");
		return;
	}
	if (!k->has_key) {
		k->again = true;         /* one exporter key a session (spec 3.2): the next one brings another */
		k->stage = AT_END;
		return;
	}
	if (!mst_view_to_str(k->plan.reg->admin_fqdn, admin, sizeof(admin)))
		return failed(a, "adminFQDN is too long");
	k->used_key = true;
	if (!mst_id_equal(MST_ID_FQDN, k->plan.reg->admin_fqdn, mst_view_str(a->active.admin_fqdn))) {
		c.expires = until ? until : MST_TIME_MAX;
		c.labels = k->plan.reg->has & 1u << MST_MO_LABELS ? k->plan.reg->labels : NULL;
		c.n_labels = k->plan.reg->n_labels;
		(void)at_mef(a, AT_REGISTER, &c);
		return;
	}
	register_key(a, false, k->mef_base, k->mef_from);
}

/* The key as the target gets it: Ke itself never leaves the MEF (spec 3.4); at a MAF it is the key itself. */
static int key_of(struct agent *a, bool maf, struct mst_key *ret)
{
	struct agent_order *k = a->order;
	char fqdn[MST_ID_MAX];

	if (maf) {
		*ret = k->ke;
		return 0;
	}
	if (!mst_id_normalise(MST_ID_FQDN, mst_view_str(k->plan.target), fqdn) && !mst_cse_public_name(mst_view_str(k->plan.target), fqdn))
		return MST_DERIVE_BAD_ID;
	if (k->plan.object->suid != 21 || mst_quirks_default.km == MST_KM_USAGE_CONSTRAINED)
		return mst_derive_usage(a->crypto, &k->ke, (int)k->plan.object->suid, mst_view_str(fqdn), ret);
	return mst_derive_km(a->crypto, &k->ke, mst_view_str(fqdn), ret);
}

static void keep_key(struct agent *a, bool maf)
{
	struct agent_order *k = a->order;
	struct managed_key x = { .suid = k->proc.result.suid, .until = k->proc.result.expires };
	struct managed *next = managed_stage(a);
	bool ok;

	x.renew_at = mst_renew_at(agent_utc(a), x.until, agent_random(a));
	if (x.renew_at < agent_utc(a) + (x.until - agent_utc(a)) / 2 + 1)    /* a life of seconds has no tenths */
		x.renew_at = agent_utc(a) + (x.until - agent_utc(a)) / 2 + 1;
	snprintf(x.path, sizeof(x.path), "%s", k->what);
	snprintf(x.id, sizeof(x.id), "%.120s@%.130s", k->proc.result.id, maf ? a->active.maf_fqdn : k->mef_host);
	snprintf(x.target, sizeof(x.target), "%s", k->plan.target);
	snprintf(x.admin_fqdn, sizeof(x.admin_fqdn), "%s", k->proc.result.admin_fqdn);
	ok = next && key_of(a, maf, &x.key) == 0 && managed_put_key(next, &x) && (!k->has_reg || managed_put_reg(next, &k->reg));
	mst_key_wipe(&x.key);
	if (ok) {
		end(a, next, MST_CMD_OK, x.id);
		return;
	}
	managed_drop(next);
	failed(a, "there is no room for the key, or none could be derived");
}

static void made_reg(struct agent *a, const char *fqdn)
{
	struct agent_order *k = a->order;

	k->has_reg = true;
	k->reg = (struct managed_reg){ .since = agent_utc(a), .until = k->proc.result.expires, .want = k->plan.reg->expires, .maf = k->stage == AT_MAF };
	(void)mst_view_to_str(k->plan.reg->path, k->reg.path, sizeof(k->reg.path));
	snprintf(k->reg.fqdn, sizeof(k->reg.fqdn), "%s", fqdn);
	snprintf(k->reg.admin_fqdn, sizeof(k->reg.admin_fqdn), "%s", k->proc.result.admin_fqdn);
	snprintf(k->reg.id, sizeof(k->reg.id), "%.127s", k->proc.result.id);
}

static void keep_reg(struct agent *a)
{
	struct agent_order *k = a->order;
	struct managed *next = managed_stage(a);

	if (next && managed_put_reg(next, &k->reg)) {
		end(a, next, MST_CMD_OK, k->reg.id);
		return;
	}
	managed_drop(next);
	failed(a, "there is no room for the registration");
}

/* The procedure at work has ended: what next? */
static void follow(struct agent *a)
{
	struct agent_order *k = a->order;

	if (procedure_end(&k->proc) == PROCEDURE_RUNS)
		return;
	if (procedure_end(&k->proc) == PROCEDURE_FAILED) {
		failed(a, procedure_failure(&k->proc)->detail);
		return;
	}
	switch (k->stage) {
	case AT_REGISTER:
		made_reg(a, k->mef_host);
		procedure_deinit(&k->proc);
		register_key(a, false, k->mef_base, k->mef_from);
		return;
	case AT_KEY:
		keep_key(a, false);
		return;
	case AT_MAF:
		if (k->plan.act == MMEF_ACT_KEY_AT_MAF) {
			keep_key(a, true);
		} else {
			made_reg(a, a->active.maf_fqdn);
			keep_reg(a);
		}
		return;
	case AT_NOTHING:
	case AT_ANCHOR:
	case AT_END: return;
	}
}

/* --- the visit's session --- */

const struct mst_request *order_request(struct agent *a)
{
	struct agent_order *k = a->order;

	return k->proc_runs && (k->stage == AT_REGISTER || k->stage == AT_KEY) ? procedure_request(&k->proc) : NULL;
}

void order_sent(struct agent *a)
{
	procedure_sent(&a->order->proc);
}

void order_feed(struct agent *a, const struct mst_response *r)
{
	procedure_feed(&a->order->proc, r, agent_utc(a));
	follow(a);
}

void order_lost(struct agent *a, const char *detail)
{
	struct agent_order *k = a->order;

	/* A session that broke off says nothing of the object: the command is given again. Those with others go on. */
	(void)detail;
	if (k->stage == AT_REGISTER || k->stage == AT_KEY) {
		k->again = true;
		k->stage = AT_END;
	}
}

mst_ms order_deadline(const struct agent *a)
{
	return a->order && a->order->proc_runs && a->order->stage != AT_END ? procedure_deadline(&a->order->proc) : MST_NEVER;
}

void order_tick(struct agent *a)
{
	if (a->order->proc_runs && a->order->stage != AT_END) {
		procedure_tick(&a->order->proc, agent_now());
		follow(a);
	}
}

/* --- sessions of its own --- */

static void side_send(struct agent *a)
{
	struct agent_order *k = a->order;
	const struct mst_request *q = procedure_request(&k->proc);

	if (!q)
		return;
	if (session_send(k->client, q, k->peer.host)) {
		procedure_sent(&k->proc);
		return;
	}
	failed(a, "the request could not be sent");
}

static void ask_for_anchor(struct agent *a)
{
	struct agent_order *k = a->order;
	char text[2 * MST_ID_MAX + 96], port[8] = "";

	if (k->peer.port != 443)
		snprintf(port, sizeof(port), ":%u", k->peer.port);
	snprintf(text, sizeof(text), "GET %.250s HTTP/1.1\r\nHost: %.250s%s\r\nAccept: */*\r\n\r\n", k->peer.path[0] ? k->peer.path : "/",
		 k->peer.host, port);
	if (mst_client_send(k->client, mst_view_str(text)))
		failed(a, "the request could not be sent");
}

static void side_turn(struct agent *a)
{
	struct agent_order *k = a->order;

	if (k->stage == AT_END)
		k->client = mst_client_free(k->client);
	visit_go_on(a);
	agent_turn(a);
}

static void side_open(void *owner, struct mst_client *c)
{
	struct agent *a = owner;
	struct agent_order *k = a->order;
	uint8_t exported[MST_EXPORT_LEN];

	if (k->stage == AT_ANCHOR) {
		ask_for_anchor(a);
	} else {
		if (k->plan.act == MMEF_ACT_KEY_AT_MAF) {
			if (mst_client_export(c, MST_LABEL_CONNECTION, exported, sizeof(exported)))
				failed(a, "the key could not be exported from the session");
			else
				mst_export_split(exported, k->rel, &k->ke);
			mst_wipe(exported, sizeof(exported));
		}
		if (k->stage != AT_END)
			side_send(a);
	}
	side_turn(a);
}

/* DER, or PEM with one certificate. */
static size_t anchor_der(const struct mst_http_msg *m, uint8_t *out, size_t cap)
{
	size_t at = 0, n = 0;

	if (m->body.n && m->body.p[0] == 0x30 && m->body.n <= cap) {
		memcpy(out, m->body.p, m->body.n);
		return m->body.n;
	}
	return mst_pem_next(m->body, &at, "CERTIFICATE", out, cap, &n, NULL) == 0 ? n : 0;
}

static void take_anchor(struct agent *a, const struct mst_http_msg *m)
{
	struct agent_order *k = a->order;
	struct managed *next = managed_stage(a);
	struct managed_anchor *x = calloc(1, sizeof(*x));
	struct mst_cert_info info;
	const char *why = NULL;

	if (!x || !next)
		why = "no memory";
	else if (m->status != 200)
		why = "the server of the anchor has none there";
	else if (!(x->n = anchor_der(m, x->der, sizeof(x->der))) || mst_cert_info((struct mst_view){ x->der, x->n }, &info, NULL))
		why = "what the server gave is no certificate";
	else if (!order_prints_as(a, (struct mst_view){ x->der, x->n }, k->plan.object->cert))
		why = "the certificate that the server gave has another fingerprint";
	else if (a->crypto->ops->sha256(a->crypto, (struct mst_view){ x->der, x->n }, x->sha256))
		why = "the crypto library failed";
	if (!why) {
		snprintf(x->path, sizeof(x->path), "%s", k->what);
		why = managed_put_anchor(next, x) ? NULL : "there is no room for another anchor";
	}
	free(x);
	if (why) {
		managed_drop(next);
		failed(a, why);
		return;
	}
	end(a, next, MST_CMD_OK, "fetched");
}

static void side_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct agent *a = owner;
	struct agent_order *k = a->order;
	struct mst_response answer;
	struct mst_diag d = { 0 };

	(void)c;
	if (k->stage == AT_ANCHOR) {
		take_anchor(a, m);
	} else if (k->stage == AT_MAF) {
		if (session_answer(m, &answer, &d) == 0)
			procedure_feed(&k->proc, &answer, agent_utc(a));
		else
			procedure_garbage(&k->proc, d.text);
		follow(a);
	}
	side_turn(a);
}

static void side_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct agent *a = owner;
	char text[MST_DIALOG_DETAIL];

	(void)c;
	session_detail(text, sizeof(text), why, detail);
	if (a->order->stage != AT_END)
		failed(a, text);
	side_turn(a);
}

static const struct mst_client_ops side_ops = { side_open, side_response, side_end };

static void fetch_anchor(struct agent *a)
{
	struct agent_order *k = a->order;
	struct mst_tls_config c = {
		.profile = (enum mst_tls_profile)a->cfg.tls_profile, .require_ems = true, .anchors = a->anchors, .n_anchors = a->n_anchors,
		.now = session_utc, .now_arg = a, .clock_floor = agent_floor(a),
	};
	struct mst_diag d = { 0 };
	int r;

	if (!(k->plan.object->has & 1u << MST_MO_URI) || !enrolee_https_of(k->plan.object->uri, &k->peer)) {
		failed(a, "the anchor is not here, and its URI leads nowhere");
		return;
	}
	k->stage = AT_ANCHOR;
	r = mst_tls_ctx_new(&c, &k->tls, &d);
	if (!r)
		r = session_open(a, a, &k->peer, k->tls, NULL, NULL, NULL, &side_ops, &k->client);
	if (r)
		failed(a, r > 0 ? d.text : mst_fault_text(r));
}

/* To the MAF, with the root credential: 8.3.9.9.8, and 8.3.9.9.6 for keys. */
static void at_maf(struct agent *a)
{
	struct agent_order *k = a->order;
	const struct mst_object *g = k->plan.reg;
	char admin[MST_ID_MAX], from[MST_ID_MAX], base[MST_ID_MAX];
	const uint32_t ports = 1u << MST_MO_HTTP | 1u << MST_MO_COAP | 1u << MST_MO_WS;
	struct procedure_config c = { .what = PROCEDURE_REGISTER, .maf = true, .base = base, .from = from, .admin_fqdn = admin,
				      .expires = g->expires ? g->expires : MST_TIME_MAX, .n_labels = g->n_labels };

	c.labels = g->has & 1u << MST_MO_LABELS ? g->labels : NULL;
	if (!mst_id_equal(MST_ID_FQDN, g->fqdn, mst_view_str(a->active.maf_fqdn)) ||
	    !enrolee_peer_of(mst_view_str(a->active.maf_uri), &k->peer) || !enrolee_maf_from(&a->active, from)) {
		failed(a, "this node has no credential for that MAF");
		return;
	}
	if ((g->has & ports) && !(g->has & (1u << MST_MO_HTTP | 1u << MST_MO_COAP))) {
		failed(a, "of the protocols that the MAF speaks none is built in here");
		return;
	}
	/* the one that it has spoken until now, as long as that is there */
	if (g->has & ports && !(g->has & 1u << (k->peer.coap ? MST_MO_COAP : MST_MO_HTTP)))
		k->peer.coap = !k->peer.coap;
	if (g->has & ports)
		k->peer.port = (uint16_t)(k->peer.coap ? g->coap_port : g->http_port);
	if (!mst_view_to_str(g->admin_fqdn, admin, sizeof(admin)))
		return failed(a, "adminFQDN is too long");
	snprintf(base, sizeof(base), "%s", k->peer.path[0] ? k->peer.path : "/MAFBase");
	k->stage = AT_MAF;
	if (k->plan.act == MMEF_ACT_KEY_AT_MAF)
		register_key(a, true, base, from);
	else
		(void)start_procedure(a, &c);
	if (k->stage != AT_MAF)
		return;
	if (session_open_maf(a, a, &k->peer, &a->active, &side_ops, &k->client))
		failed(a, "the session could not be begun");
}

/* --- MO_NODE --- */

/* The objects that the MEF gave, and those that the maker or a local tool put on the node, which may name keys. */
static int64_t judge(struct agent *a, const struct mmef_command *c)
{
	struct agent_order *k = a->order;
	struct mst_diag d = { 0 };
	int64_t status = MST_CMD_MO_NOT_FOUND;

	k->objects = managed_objects((struct mst_view){ a->managed->objects, a->managed->n_objects }, &k->room, true, &d);
	if (k->objects)
		status = mmef_judge(k->objects, c, &k->plan);
	if (status != MST_CMD_MO_NOT_FOUND || !a->cfg.objects[0])
		return status;
	free(k->objects);
	free(k->room);
	k->objects = NULL;
	k->room = NULL;
	if (agent_read_file(a->cfg.objects, MST_OBJECTS_OCTETS, true, &k->text, &k->text_n, &d) == 0)
		k->objects = managed_objects((struct mst_view){ k->text, k->text_n }, &k->room, false, &d);
	if (k->objects)
		return mmef_judge(k->objects, c, &k->plan);
	agent_log(a, AGENT_WARN, "objects", "file", a->cfg.objects, "field", d.field, "why", d.text, NULL);
	return status;
}

static void node(struct agent *a, const struct mmef_command *c)
{
	struct agent_order *k = a->order;
	int64_t status = judge(a, c);

	if (status) {
		end(a, NULL, status, mmef_judge_words(status));
		return;
	}
	switch (k->plan.act) {
	case MMEF_ACT_LOCAL_KEY:
		if (order_has_key_named(a, k->plan.object))
			end(a, NULL, MST_CMD_OK, "the key is there");
		else
			failed(a, "there is no key of that identifier");
		return;
	case MMEF_ACT_LOCAL_CERT:
		if (order_has_cert(a, k->plan.object->my_cert))
			end(a, NULL, MST_CMD_OK, "the certificate is there");
		else
			failed(a, "there is no certificate of that fingerprint with its key");
		return;
	case MMEF_ACT_TRUST_ANCHOR:
		if (order_has_anchor(a, k->plan.object->cert))
			end(a, NULL, MST_CMD_OK, "it was trusted already");
		else
			fetch_anchor(a);
		return;
	case MMEF_ACT_KEY_AT_MEF: register_key_at_mef(a); return;
	case MMEF_ACT_KEY_AT_MAF:
	case MMEF_ACT_MAF_REGISTER: at_maf(a); return;
	}
}

void order_begin(struct agent *a, const struct mmef_command *c, const struct order_mef *mef)
{
	struct agent_order *k = calloc(1, sizeof(*k));

	order_drop(a);
	a->order = k;
	if (!k)
		return;
	k->class_id = c->class_id;
	snprintf(k->cmd_id, sizeof(k->cmd_id), "%s", c->cmd_id);
	snprintf(k->what, sizeof(k->what), "%.130s", c->class_id == MST_CMD_MO_NODE && c->object_path[0] == '/' ? c->object_path + 1 : c->object_path);
	snprintf(k->mef_host, sizeof(k->mef_host), "%s", mef->host);
	snprintf(k->mef_base, sizeof(k->mef_base), "%s", mef->base);
	snprintf(k->mef_from, sizeof(k->mef_from), "%s", mef->from);
	k->has_key = mef->rel && mef->ke && mef->ke->n;
	if (k->has_key) {
		memcpy(k->rel, mef->rel, sizeof(k->rel));
		k->ke = *mef->ke;
	}
	if (c->class_id == MST_CMD_DEV_CFG)
		configure(a, c->document);
	else
		node(a, c);
}

bool order_renew(struct agent *a, const struct order_mef *mef)
{
	struct managed_key *k = managed_next_key(a->managed);
	struct mmef_command c = { .class_id = MST_CMD_MO_NODE, .object_type = 1, .specific = MMEF_SPECIFIC_GOOD };

	if (!k || k->renew_at > agent_utc(a))
		return false;
	c.suid = k->suid;
	snprintf(c.object_path, sizeof(c.object_path), "%s", k->path);
	/* should it fail, it is tried again then, while there is anything to renew; durable is only what succeeded */
	k->renew_at = k->until > agent_utc(a) ? agent_utc(a) + ORDER_AGAIN_S : MST_TIME_MAX;
	order_begin(a, &c, mef);
	return a->order != NULL;
}
