/* keys.h: one job a question, each with a session of its own to the MAF (an exporter's key is a session's: spec 3.2). */
#include "agent/job.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent/inside.h"
#include "base/text.h"
#include "codec/secret-text.h"
#include "crypto/derive.h"
#include "crypto/heap.h"

#define LIST_MAX MST_TARGETS_MAX

struct key_job {
	struct key_job *next;
	struct agent *a;
	struct bufferevent *to;
	const struct key_op *op;
	json_t *q;                           /* texts below are borrowed from it */
	const char *targets[LIST_MAX], *labels[MST_LABELS_MAX];
	struct mmaf_key_ask ask;
	struct mst_key value;
	char rel[MST_ID_MAX], from[MST_ID_MAX], attempt[33];
	struct enrolee_peer maf_at;
	char identity[MST_ID_MAX];           /* KmID, as this MAF spells it */
	struct mst_quirks quirks;
	struct saef saef;
	struct mmaf maf;
	struct mst_client *client;
	struct event *timer;
};

static const struct key_op {
	const char *name;
	bool saef;
	enum mmaf_job job;
} ops[] = {
	{ "saef-connect", true, MMAF_JOB_KEY_REGISTER },   { "saef-accept", true, MMAF_JOB_KEY_RETRIEVE },
	{ "key-list", false, MMAF_JOB__COUNT },            { "key-register", false, MMAF_JOB_KEY_REGISTER },
	{ "key-retrieve", false, MMAF_JOB_KEY_RETRIEVE },  { "key-update", false, MMAF_JOB_KEY_UPDATE },
	{ "key-delete", false, MMAF_JOB_KEY_DELETE },
};

static const struct key_op *op_of(const char *name)
{
	for (size_t i = 0; name && i < MST_COUNT(ops); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];
	return NULL;
}

bool keys_op(const char *op)
{
	return op_of(op) != NULL || regs_op(op);
}

/* Answers ---------------------------------------------------------------------------------------------- */

json_t *keys_refusal(enum saef_outcome o, const char *detail)
{
	return json_pack("{s:b, s:s, s:s, s:o}", "ok", false, "outcome", saef_outcome_text(o), "words", saef_outcome_words(o), "detail",
			 status_text(detail));
}

json_t *keys_bad(const char *field, const char *text)
{
	return json_pack("{s:b, s:s, s:{s:s, s:s}}", "ok", false, "outcome", "bad-question", "error", "field", field, "text", text);
}

void keys_put_key(json_t *o, const struct mst_key *k)
{
	char text[MST_SECRET_TEXT_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	mst_secret_write(k, &w);
	mst_put_nul(&w);
	json_object_set_new(o, "key", json_string(w.ok ? text : ""));
	mst_wipe(text, sizeof(text));
}

/* Its registrar's point of access goes with the key: for who registers there. */
static json_t *link_json(const struct agent *a, const struct saef_link *l, bool reused)
{
	json_t *o = json_pack("{s:b, s:s, s:s, s:s, s:o, s:b}", "ok", true, "identity", l->psk_identity, "peer", l->peer, "credentialID",
			      l->credential_id, "until", status_time(l->until), "reused", reused);

	if (!strcmp(l->peer, a->active.registrar_cse_id))
		json_object_set_new(o, "poa", status_text(a->active.registrar_poa[0]));
	keys_put_key(o, &l->psk);
	return o;
}

json_t *keys_ok(json_t *o)
{
	json_object_set_new(o, "ok", json_true());
	return o;
}

/* Ends -------------------------------------------------------------------------------------------------- */

static void job_free(struct key_job *j)
{
	struct agent_keys *keys = j->a->keys;

	for (struct key_job **p = &keys->job; *p; p = &(*p)->next)
		if (*p == j) {
			*p = j->next;
			keys->jobs--;
			break;
		}
	mst_client_free(j->client);
	if (j->timer)
		event_free(j->timer);
	json_decref(j->q);
	saef_deinit(&j->saef);
	mmaf_deinit(&j->maf);
	mst_wipe(j, sizeof(*j));
	free(j);
}

void keys_tell(struct agent *a, struct bufferevent *to, json_t *answer)
{
	if (!to) {
		agent_told(a, answer);
		return;
	}
	control_answer(a, to, answer);
	json_decref(answer);
}

void keys_join(const char *const *targets, size_t n, char *out, size_t cap)
{
	struct mst_writer w = mst_writer_of(out, cap);

	for (size_t i = 0; i < n; i++) {
		mst_put_str(&w, i ? "\n" : "");
		mst_put_str(&w, targets[i]);
	}
	mst_put_nul(&w);
	if (!w.ok)
		out[0] = '\0';
}

/* Registered with the MAF: durable here before anybody uses it. */
static void keep(struct agent *a, struct kept_key *k)
{
	agent_point(a, "key-registered");
	if (!kept_put(a, k))
		agent_point(a, "key-kept");
	agent_log(a, AGENT_INFO, "key-registered", "key", k->key_id, "target", k->targets, NULL);
	mst_key_wipe(&k->key);
}

static json_t *saef_ended(struct key_job *j)
{
	const struct saef_link *l = saef_link(&j->saef);
	enum saef_outcome o = saef_outcome(&j->saef);
	struct kept_key k = { .suid = 32, .until = l->until, .key = j->value };

	if (o != SAEF_DONE) {
		agent_log(j->a, AGENT_WARN, "key-refused", "outcome", saef_outcome_text(o), "for", j->op->name, "detail",
			  saef_detail(&j->saef), NULL);
		return keys_refusal(o, saef_detail(&j->saef));
	}
	if (j->op->job == MMAF_JOB_KEY_REGISTER) {
		(void)mst_copy_text(k.key_id, sizeof(k.key_id), l->psk_identity);
		(void)mst_copy_text(k.targets, sizeof(k.targets), l->peer);
		keep(j->a, &k);
	}
	mst_key_wipe(&k.key);
	return link_json(j->a, l, false);
}

json_t *keys_failed(const struct mst_failure *f)
{
	return json_pack("{s:b, s:s, s:s, s:o}", "ok", false, "outcome", prov_reason_text(f->reason), "words", status_words(f->reason),
			 "detail", status_text(f->detail));
}

json_t *keys_done(struct agent *a, enum mmaf_job job, struct kept_key *k, const char *source, bool new_targets)
{
	struct kept_key *old = kept_find(a, k->key_id);
	json_t *o = keys_ok(kept_json(k));

	if (job == MMAF_JOB_KEY_REGISTER) {
		keep(a, k);
	} else if (job == MMAF_JOB_KEY_RETRIEVE) {
		json_object_set_new(o, "source", status_text(source));
		keys_put_key(o, &k->key);
	} else if (job == MMAF_JOB_KEY_DELETE) {
		if (kept_drop(a, k->key_id))
			agent_log(a, AGENT_WARN, "key-not-forgotten", "key", k->key_id, NULL);
	} else if (old) {
		k->key = old->key;
		k->suid = old->suid;
		k->derived = old->derived;
		k->until = k->until ? k->until : old->until;
		if (!new_targets)
			memcpy(k->targets, old->targets, sizeof(k->targets));
		json_decref(o);
		o = keys_ok(kept_json(k));
		(void)!kept_put(a, k);
	}
	mst_key_wipe(&k->key);
	return o;
}

static json_t *key_ended(struct key_job *j)
{
	const struct mmaf_key *r = &j->maf.result.key;
	struct kept_key k = { .suid = r->suid, .until = r->until, .key = r->value };

	if (mmaf_state(&j->maf) != MMAF_DONE)
		return keys_failed(mmaf_failure(&j->maf));
	(void)mst_copy_text(k.key_id, sizeof(k.key_id), r->key_id);
	keys_join(j->targets, j->ask.n_targets, k.targets, sizeof(k.targets));
	return keys_done(j->a, j->op->job, &k, r->source, j->ask.n_targets != 0);
}

/* Machine ------------------------------------------------------------------------------------------------ */

static enum mmaf_want job_want(const struct key_job *j, const struct mst_request **ret_q)
{
	return j->op->saef ? saef_want(&j->saef, ret_q) : mmaf_want(&j->maf, ret_q);
}

static void job_lost(struct key_job *j, enum prov_reason r, const char *detail)
{
	if (j->op->saef)
		saef_lost(&j->saef, r, detail, agent_now(), agent_utc(j->a));
	else
		mmaf_lost(&j->maf, r, detail, agent_now(), agent_utc(j->a));
}

static void arm(struct key_job *j)
{
	mst_ms at = j->op->saef ? saef_deadline(&j->saef) : mmaf_deadline(&j->maf), left = at - agent_now();
	struct timeval t = { .tv_sec = left > 0 ? left / 1000 : 0, .tv_usec = left > 0 ? (left % 1000) * 1000 : 1 };

	if (at != MST_NEVER)
		evtimer_add(j->timer, &t);
}

static void drive(struct key_job *j)
{
	const struct mst_request *q = NULL;
	struct bufferevent *to = j->to;
	struct agent *a = j->a;
	json_t *answer;

	for (;;) {
		switch (job_want(j, &q)) {
		case MMAF_WANT_SESSION: return;
		case MMAF_WANT_ANSWER: arm(j); return;
		case MMAF_WANT_SEND:
			if (!j->client || !session_send(j->client, q, j->maf_at.host))
				job_lost(j, PROV_INTERNAL, "the request could not be sent");
			else if (j->op->saef)
				saef_sent(&j->saef);
			else
				mmaf_sent(&j->maf);
			break;
		case MMAF_WANT_NOTHING:
			answer = j->op->saef ? saef_ended(j) : key_ended(j);
			job_free(j);
			keys_tell(a, to, answer);
			return;
		}
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct key_job *j = arg;

	(void)fd;
	(void)what;
	if (j->op->saef)
		saef_tick(&j->saef, agent_now(), agent_utc(j->a));
	else
		mmaf_tick(&j->maf, agent_now(), agent_utc(j->a));
	drive(j);
}

static void on_open(void *owner, struct mst_client *c)
{
	struct key_job *j = owner;
	uint8_t exported[MST_EXPORT_LEN], rel[MST_REL_ID_LEN];
	bool wanted = j->op->job == MMAF_JOB_KEY_REGISTER && !j->ask.value;

	if (wanted && mst_client_export(c, MST_LABEL_CONNECTION, exported, sizeof(exported))) {
		job_lost(j, PROV_INTERNAL, "the key could not be exported from the session");
	} else if (!j->op->saef) {
		if (wanted) {
			mst_export_split(exported, rel, &j->value);
			mmaf_exported(&j->maf, rel, &j->value);
		}
		mmaf_opened(&j->maf, agent_now(), agent_utc(j->a));
	} else {
		uint8_t copy[MST_EXPORT_LEN];

		if (wanted) {
			memcpy(copy, exported, sizeof(copy));
			mst_export_split(copy, rel, &j->value);      /* Kc itself: what the link holds may be its first half */
		}
		saef_opened(&j->saef, wanted ? exported : NULL, agent_now(), agent_utc(j->a));
	}
	mst_wipe(exported, sizeof(exported));
	drive(j);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct key_job *j = owner;
	struct mst_response answer;
	struct mst_diag d = { 0 };
	bool good = session_answer(m, &answer, &d) == 0;

	(void)c;
	if (j->op->saef && good)
		saef_feed(&j->saef, &answer, agent_now(), agent_utc(j->a));
	else if (j->op->saef)
		saef_garbage(&j->saef, d.text, agent_now(), agent_utc(j->a));
	else if (good)
		mmaf_feed(&j->maf, &answer, agent_now(), agent_utc(j->a));
	else
		mmaf_garbage(&j->maf, d.text, agent_now(), agent_utc(j->a));
	drive(j);
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct key_job *j = owner;
	char text[MST_DIALOG_DETAIL];

	(void)c;
	session_detail(text, sizeof(text), why, detail);
	job_lost(j, session_reason(why), text);
	drive(j);
}

static const struct mst_client_ops client_ops = { on_open, on_response, on_end };

/* Questions ---------------------------------------------------------------------------------------------- */

const char *keys_text(const json_t *q, const char *member)
{
	const char *s = json_string_value(json_object_get(q, member));

	return s ? s : "";
}

/* False: something in it is no text, or there are too many. */
bool keys_list_of(const json_t *q, const char *member, const char **out, size_t max, size_t *ret_n)
{
	const json_t *all = json_object_get(q, member), *one;
	size_t i;

	*ret_n = 0;
	if (all && (!json_is_array(all) || json_array_size(all) > max))
		return false;
	json_array_foreach(all, i, one) {
		if (!json_is_string(one))
			return false;
		out[(*ret_n)++] = json_string_value(one);
	}
	return true;
}

/* Whom to connect to; a node's first peer is its registrar (spec 5.5, step 4). */
static const char *peer_of(const struct agent *a, const json_t *q)
{
	const char *peer = keys_text(q, "peer");

	return *peer ? peer : a->active.registrar_cse_id;
}

mst_time keys_end_of(const struct agent *a, const json_t *q, int64_t otherwise)
{
	const json_t *s = json_object_get(q, "seconds");
	int64_t n = json_is_integer(s) && json_integer_value(s) > 0 && json_integer_value(s) < 10 * INT64_C(31536000) ?
		    json_integer_value(s) : otherwise;

	return n ? agent_utc(a) + n : 0;
}

static bool fill_lists(struct key_job *j, struct mst_diag *d)
{
	struct mst_view rel, fqdn;
	char maf[MST_ID_MAX], own[MST_ID_MAX];
	const char *id = keys_text(j->q, "keyID"), *value = keys_text(j->q, "value");

	if (!keys_list_of(j->q, "targets", j->targets, LIST_MAX, &j->ask.n_targets) ||
	    !keys_list_of(j->q, "labels", j->labels, MST_LABELS_MAX, &j->ask.n_labels)) {
		mst_diag_set(d, 0, "targets", "targets and labels are lists of at most 16 texts", NULL);
		return false;
	}
	j->ask.targets = j->targets;
	j->ask.labels = j->labels;
	j->ask.suid = json_integer_value(json_object_get(j->q, "SUID"));
	if (*value && mst_secret_read(mst_view_str(value), &j->value, d))
		return false;
	j->ask.value = *value ? &j->value : NULL;
	if (j->op->job == MMAF_JOB_KEY_REGISTER)
		return true;
	/* only the MAF that this node belongs to is asked */
	if (!saef_maf_of(id, maf) || !mst_key_id_split(mst_view_str(id), &rel, &fqdn) || !mst_view_to_str(rel, j->rel, sizeof(j->rel))) {
		mst_diag_set(d, 0, "keyID", "expected a key identifier like 0A1B@maf.example.com", NULL);
		return false;
	}
	if (!mst_id_normalise(MST_ID_FQDN, mst_view_str(j->a->active.maf_fqdn), own) || strcmp(maf, own) != 0) {
		mst_diag_set(d, 0, "keyID", "names another MAF than this node's: ", j->a->active.maf_fqdn, NULL);
		return false;
	}
	j->ask.rel_key_id = j->rel;
	return true;
}

static bool start_maf(struct key_job *j, struct mst_diag *d)
{
	const struct mst_root_cred *c = &j->a->active;
	struct mmaf_config mc = {
		.job = j->op->job, .maf_fqdn = c->maf_fqdn, .base = j->maf_at.path[0] ? j->maf_at.path : "/MAFBase", .from = j->from,
		.attempt = j->attempt, .admin_fqdn = c->admin_fqdn, .client_id = c->cse_id[0] ? c->cse_id : c->ae_id, .key = &j->ask,
		.expires = keys_end_of(j->a, j->q, j->op->job == MMAF_JOB_KEY_REGISTER ? KEYS_LIFETIME_S : 0),
		.quirks = &j->quirks, .answer_ms = j->a->cfg.answer_timeout * 1000,
	};

	return fill_lists(j, d) && mmaf_init(&j->maf, &mc, d);
}

static bool start_saef(struct key_job *j, json_t **ret_answer, struct mst_diag *d)
{
	const struct mst_root_cred *c = &j->a->active;
	struct saef_config sc = {
		.maf_fqdn = c->maf_fqdn, .base = j->maf_at.path[0] ? j->maf_at.path : "/MAFBase", .from = j->from, .attempt = j->attempt,
		.admin_fqdn = c->admin_fqdn, .client_id = c->cse_id[0] ? c->cse_id : c->ae_id, .quirks = &j->quirks,
		.expires = keys_end_of(j->a, j->q, KEYS_LIFETIME_S), .answer_ms = j->a->cfg.answer_timeout * 1000, .peers = j->targets,
	};
	enum saef_outcome o;

	if (j->op->job == MMAF_JOB_KEY_REGISTER)
		return saef_connect(&j->saef, &sc, peer_of(j->a, j->q), d);
	if (!keys_list_of(j->q, "from", j->targets, LIST_MAX, &sc.n_peers)) {
		mst_diag_set(d, 0, "from", "a list of at most 16 identifiers", NULL);
		return false;
	}
	o = saef_accept(&j->saef, &sc, keys_text(j->q, "identity"));
	if (o == SAEF_GOING_ON)
		return true;
	*ret_answer = keys_refusal(o, "");
	return false;
}

/* A connection to the same peer again: the key is there already. */
static json_t *reuse(struct agent *a, const json_t *q)
{
	const struct mst_quirks quirks = agent_config_quirks(&a->cfg);
	struct kept_key *k = kept_for(a, peer_of(a, q));
	struct saef_link l = { 0 };
	json_t *answer;

	if (!k)
		return NULL;
	if (json_is_true(json_object_get(q, "fresh"))) {
		/* the peer does not take it; what the MAF holds of it ends by itself */
		if (kept_drop(a, k->key_id))
			agent_log(a, AGENT_WARN, "key-not-forgotten", "key", k->key_id, NULL);
		return NULL;
	}
	l.until = k->until;
	saef_psk(&k->key, quirks.saef_psk_first_half, &l.psk);
	if (!mst_copy_text(l.psk_identity, sizeof(l.psk_identity), k->key_id) || !mst_copy_text(l.peer, sizeof(l.peer), k->targets) ||
	    !mst_credential_id_make(12, mst_view_str(k->key_id), l.credential_id))
		l.credential_id[0] = '\0';
	answer = link_json(a, &l, true);
	mst_wipe(&l, sizeof(l));
	return answer;
}

/* Whose key it is says its SUID (TS-0003 12.2): 21 to 25 with an MEF, 32 to 35 with a MAF. */
static bool keys_of_mef(const struct kept_key *k)
{
	return k->suid < 32;
}

static json_t *list_kept(struct agent *a, bool mef)
{
	json_t *all = json_array();

	kept_load(a);
	for (size_t i = 0; i < a->keys->n_kept; i++)
		if (a->keys->kept[i].until > agent_utc(a) && keys_of_mef(&a->keys->kept[i]) == mef)
			json_array_append_new(all, kept_json(&a->keys->kept[i]));
	return json_pack("{s:b, s:o}", "ok", true, "keys", all);
}

/* What needs no MAF. */
static json_t *at_once(struct agent *a, const struct key_op *op, const json_t *q)
{
	struct kept_key *k = kept_find(a, keys_text(q, "keyID"));
	bool mef = json_is_true(json_object_get(q, "mef"));
	json_t *answer;

	if (op->job == MMAF_JOB__COUNT)
		return list_kept(a, mef);
	if (op->saef && a->has_active && a->active.suid == MST_SUID_KPSA)
		return keys_cse_ask(a, op->job == MMAF_JOB_KEY_REGISTER, q);
	if (!a->has_active || !(mef ? a->active.mef_reg_id : a->active.maf_uri)[0])
		return keys_refusal(SAEF_NO_CREDENTIAL, "");
	if (op->saef && op->job == MMAF_JOB_KEY_REGISTER)
		return reuse(a, q);
	if (op->job != MMAF_JOB_KEY_RETRIEVE || op->saef || !k || keys_of_mef(k) != mef || k->until <= agent_utc(a))
		return NULL;
	answer = keys_ok(kept_json(k));
	keys_put_key(answer, &k->key);
	return answer;
}

static bool begin(struct key_job *j, json_t **ret_answer, struct mst_diag *d)
{
	struct agent *a = j->a;
	const struct mst_root_cred *c = &a->active;

	j->quirks = agent_config_quirks(&a->cfg);
	if (!enrolee_peer_of(mst_view_str(c->maf_uri), &j->maf_at) || !enrolee_maf_from(c, j->from) || !agent_make_attempt(a, j->attempt)) {
		mst_diag_set(d, 0, "", "the credential names no MAF that can be asked", NULL);
		return false;
	}
	j->timer = evtimer_new(a->base, on_timer, j);
	if (!j->timer || !(j->op->saef ? start_saef(j, ret_answer, d) : start_maf(j, d)))
		return false;
	if (session_open_maf(a, j, &j->maf_at, c, &client_ops, &j->client) == 0)
		return true;
	mst_diag_set(d, 0, "", "the session could not be begun", NULL);
	return false;
}

bool keys_ready(struct agent *a)
{
	if (!a->keys)
		a->keys = mst_heap_locked(sizeof(*a->keys));
	inside_look_memory(a);
	return a->keys != NULL;
}

json_t *keys_ask(struct agent *a, struct bufferevent *to, const json_t *q)
{
	const struct key_op *op = op_of(keys_text(q, "op"));
	struct mst_diag d = { 0 };
	bool registration = regs_op(keys_text(q, "op"));
	struct key_job *j;
	json_t *answer;

	if (!op && !registration)
		return keys_bad("op", "not one of these");
	if (!keys_ready(a))
		return keys_refusal(SAEF_INTERNAL, mst_fault_text(MST_FAULT_MEMORY));
	if (registration)
		return regs_ask(a, to, q);
	answer = at_once(a, op, q);
	if (answer)
		return answer;
	if (!op->saef && json_is_true(json_object_get(q, "mef")))
		return keys_mef_ask(a, to, op->job, q);
	j = a->keys->jobs < KEYS_JOBS_MAX ? mst_heap_locked(sizeof(*j)) : NULL;
	if (!j)
		return keys_refusal(SAEF_BUSY, "");
	*j = (struct key_job){ .next = a->keys->job, .a = a, .to = to, .op = op, .q = json_deep_copy(q) };
	a->keys->job = j;
	a->keys->jobs++;
	if (begin(j, &answer, &d))
		return NULL;
	job_free(j);
	return answer ? answer : keys_bad(d.field, d.text[0] ? d.text : "not usable");
}

json_t *agent_keys(struct agent *a, const json_t *q)
{
	json_t *at_once;

	a->only_check = true;
	at_once = keys_ask(a, NULL, q);
	if (at_once)
		return at_once;
	if (!a->stop)
		event_base_dispatch(a->base);
	return json_incref(a->verdict);
}

void keys_forget(struct agent *a, const struct bufferevent *to)
{
	for (struct key_job *j = a->keys ? a->keys->job : NULL, *next; j; j = next) {
		next = j->next;
		if (j->to == to)
			job_free(j);
	}
	if (a->keys)
		proc_job_forget(a, to, false);
}

void keys_close(struct agent *a)
{
	if (!a->keys)
		return;
	for (struct key_job *j = a->keys->job, *next; j; j = next) {
		next = j->next;
		job_free(j);
	}
	proc_job_forget(a, NULL, true);
	mst_wipe(a->keys, sizeof(*a->keys));
	free(a->keys);
	a->keys = NULL;
}
