/*
 * keys.h: the key procedures with the MEF (TS-0003 8.3.5.2.7 to 8.3.5.2.10) by hand, each in a session of its own, with
 * whatever proves this node to its MEF and under the trust of the instruction that led there (origin.c).
 *
 * A key of the exporter is Ke, which never leaves the MEF: what is kept here is what the target gets, derived for its usage
 * (10.3.7, spec 3.4). The key for the MAF (SUID 21) is not made here: that is the root credential, and comes by enrolment.
 */
#include "agent/keys.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/secret-text.h"
#include "crypto/derive.h"
#include "proto/procedure/procedure.h"

struct key_mef_job {
	struct key_mef_job *next;
	struct agent *a;
	struct bufferevent *to;
	enum mmaf_job job;
	json_t *q;                           /* texts are borrowed from it */
	const char *targets[MST_TARGETS_MAX];
	size_t n_targets;
	char target_fqdn[MST_ID_MAX];        /* of an exporter's key: whom it is derived for */
	char rel[MST_ID_MAX], from[MST_ID_MAX], attempt[33];
	struct mst_key value;                /* of ours; else what the session gave */
	bool exporter;
	struct mst_quirks quirks;
	struct enrolee_peer mef;
	struct mst_tls_ctx *tls;
	struct session_pins pins;
	struct procedure proc;
	struct mst_client *client;
	struct event *timer;
};

static void job_free(struct key_mef_job *j)
{
	struct agent_keys *keys = j->a->keys;

	for (struct key_mef_job **p = &keys->mef; *p; p = &(*p)->next)
		if (*p == j) {
			*p = j->next;
			keys->jobs--;
			break;
		}
	mst_client_free(j->client);
	mst_tls_ctx_free(j->tls);
	if (j->timer)
		event_free(j->timer);
	json_decref(j->q);
	procedure_deinit(&j->proc);
	mst_wipe(j, sizeof(*j));
	free(j);
}

/* Machine ------------------------------------------------------------------------------------------------ */

/* As the target gets it. */
static bool make_key(struct key_mef_job *j, struct mst_key *ret)
{
	const struct procedure_result *r = &j->proc.result;

	if (j->job != MMAF_JOB_KEY_REGISTER)
		*ret = r->key;
	else if (!j->exporter)
		*ret = j->value;
	else
		return mst_derive_usage(j->a->crypto, &j->value, (int)r->suid, mst_view_str(j->target_fqdn), ret) == 0;
	return true;
}

static json_t *ended(struct key_mef_job *j)
{
	const struct procedure_result *r = &j->proc.result;
	struct kept_key k = { .suid = r->suid, .until = r->expires, .derived = j->exporter };
	const char *rel = j->job == MMAF_JOB_KEY_REGISTER ? r->id : j->rel;
	struct mst_writer w = mst_writer_of(k.key_id, sizeof(k.key_id));

	if (procedure_end(&j->proc) != PROCEDURE_DONE)
		return keys_failed(procedure_failure(&j->proc));
	mst_put_str(&w, rel);
	mst_put_str(&w, "@");
	mst_put_str(&w, j->a->active.mef_fqdn);
	mst_put_nul(&w);
	if (!w.ok || !make_key(j, &k.key))
		return keys_refusal(SAEF_INTERNAL, "the key could not be derived or named");
	keys_join(j->targets, j->n_targets, k.targets, sizeof(k.targets));
	return keys_done(j->a, j->job, &k, r->client_id, j->n_targets != 0);
}

static void go_on(struct key_mef_job *j)
{
	const struct mst_request *q = j->client ? procedure_request(&j->proc) : NULL;
	struct bufferevent *to = j->to;
	struct agent *a = j->a;
	json_t *answer;

	if (q && session_send(j->client, q, j->mef.host))
		procedure_sent(&j->proc);
	else if (q)
		procedure_lost(&j->proc, PROV_INTERNAL, "the request could not be sent");
	if (procedure_end(&j->proc) == PROCEDURE_RUNS)
		return;
	answer = ended(j);
	job_free(j);
	keys_tell(a, to, answer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct key_mef_job *j = arg;

	(void)fd;
	(void)what;
	procedure_lost(&j->proc, PROV_TIMEOUT, "the MEF did not answer in time");
	go_on(j);
}

static void on_open(void *owner, struct mst_client *c)
{
	struct key_mef_job *j = owner;
	const char *label = j->quirks.mef_label == MST_MEF_LABEL_CONNECTION ? MST_LABEL_CONNECTION : MST_LABEL_BOOTSTRAP;
	uint8_t exported[MST_EXPORT_LEN], rel[MST_REL_ID_LEN];
	struct timeval t = { .tv_sec = j->a->cfg.answer_timeout, .tv_usec = 1 };

	if (j->exporter && mst_client_export(c, label, exported, sizeof(exported)))
		procedure_lost(&j->proc, PROV_INTERNAL, "the key could not be exported from the session");
	else if (j->exporter)
		mst_export_split(exported, rel, &j->value);
	if (j->exporter)
		mst_wipe(exported, sizeof(exported));
	evtimer_add(j->timer, &t);
	go_on(j);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct key_mef_job *j = owner;
	struct mst_response answer;
	struct mst_diag d = { 0 };

	(void)c;
	if (session_answer(m, &answer, &d) == 0)
		procedure_feed(&j->proc, &answer, agent_utc(j->a));
	else
		procedure_garbage(&j->proc, d.text);
	go_on(j);
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct key_mef_job *j = owner;
	char text[MST_DIALOG_DETAIL];

	(void)c;
	session_detail(text, sizeof(text), why, detail);
	procedure_lost(&j->proc, session_reason(why), text);
	go_on(j);
}

static const struct mst_client_ops client_ops = { on_open, on_response, on_end };

/* Questions ---------------------------------------------------------------------------------------------- */

static bool refuse(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return false;
}

/* Which key: of the MEF that this node is registered with. */
static bool which(struct key_mef_job *j, struct mst_diag *d)
{
	const char *id = keys_text(j->q, "keyID");
	const struct kept_key *kept = kept_find(j->a, id);
	struct mst_view rel, fqdn;

	/* 8.3.5.2.9 lets targets change; but another one would get another key, which only the MEF could make */
	if (kept && kept->derived && j->n_targets)
		return refuse(d, "targets", "the session's key was made for its target; register another one");
	if (!mst_key_id_split(mst_view_str(id), &rel, &fqdn) || !mst_view_to_str(rel, j->rel, sizeof(j->rel)))
		return refuse(d, "keyID", "expected a key identifier like 0A1B@mef.example.com");
	if (mst_id_equal(MST_ID_FQDN, fqdn, mst_view_str(j->a->active.mef_fqdn)))
		return true;
	mst_diag_set(d, 0, "keyID", "names another MEF than this node's: ", j->a->active.mef_fqdn, NULL);
	return false;
}

/* What a registration is about: a key of ours, or the session's, which is one target's and made for its name. */
static bool what_key(struct key_mef_job *j, int64_t suid, struct mst_diag *d)
{
	const char *value = keys_text(j->q, "value");

	if (suid == 21)
		return refuse(d, "SUID", "the key for the MAF is the root credential; it comes by enrolment (muster-agent trigger). Expected 22 to 25");
	j->exporter = !*value;
	if (!j->exporter)
		return mst_secret_read(mst_view_str(value), &j->value, d) == 0;
	if (j->n_targets != 1)
		return refuse(d, "targets", "the session's key is for one target; several take a key of your own (--value)");
	return mst_cse_public_name(mst_view_str(j->targets[0]), j->target_fqdn) ||
	       refuse(d, "targets", "the session's key is for an absolute CSE-ID; others take a key of your own (--value)");
}

static bool start(struct key_mef_job *j, struct mst_diag *d)
{
	static const enum procedure_what procedures[MMAF_JOB__COUNT] = {
		[MMAF_JOB_KEY_REGISTER] = PROCEDURE_KEY_REGISTER, [MMAF_JOB_KEY_RETRIEVE] = PROCEDURE_KEY_GET,
		[MMAF_JOB_KEY_UPDATE] = PROCEDURE_KEY_UPDATE, [MMAF_JOB_KEY_DELETE] = PROCEDURE_KEY_DEREGISTER,
	};
	const struct mst_root_cred *cred = &j->a->active;
	const char *labels[MST_LABELS_MAX];
	struct mst_view label[MST_LABELS_MAX], target[MST_TARGETS_MAX];
	bool registers = j->job == MMAF_JOB_KEY_REGISTER;
	struct procedure_config c = {
		.what = procedures[j->job], .base = j->mef.path[0] ? j->mef.path : "/MEFBase", .from = j->from, .attempt = j->attempt,
		.id = registers ? NULL : j->rel, .admin_fqdn = registers ? cred->admin_fqdn : NULL,
		.suid = registers ? json_integer_value(json_object_get(j->q, "SUID")) : 0,
		.expires = keys_end_of(j->a, j->q, registers ? KEYS_LIFETIME_S : 0), .quirks = &j->quirks,
		.own = { cred->cse_id[0] ? cred->cse_id : NULL, cred->node_id[0] ? cred->node_id : NULL, cred->ae_id[0] ? cred->ae_id : NULL },
		.answer_ms = j->a->cfg.answer_timeout * 1000,
	};

	if (!keys_list_of(j->q, "targets", j->targets, MST_TARGETS_MAX, &j->n_targets) ||
	    !keys_list_of(j->q, "labels", labels, MST_LABELS_MAX, &c.n_labels))
		return refuse(d, "targets", "targets and labels are lists of at most 16 texts");
	if (!(registers ? what_key(j, c.suid, d) : which(j, d)))
		return false;
	for (size_t i = 0; i < c.n_labels; i++)
		label[i] = mst_view_str(labels[i]);
	for (size_t i = 0; i < j->n_targets; i++)
		target[i] = mst_view_str(j->targets[i]);
	c.labels = c.n_labels ? label : NULL;
	c.targets = j->n_targets ? target : NULL;
	c.n_targets = j->n_targets;
	c.value = registers && !j->exporter ? &j->value : NULL;
	return procedure_init(&j->proc, &c, agent_now(), d);
}

static bool begin(struct key_mef_job *j, struct mst_diag *d)
{
	struct agent *a = j->a;
	bool psk;

	j->quirks = agent_config_quirks(&a->cfg);
	if (!agent_bootstrap_methods(a))
		return refuse(d, "", "this node holds no initial credential to show to the MEF");
	if (!agent_make_attempt(a, j->attempt) || origin_open(a, &a->active, &j->mef, &j->tls, &j->pins, d))
		return d->text[0] ? false : refuse(d, "", "the credential names no MEF that can be asked");
	if (a->from[0] || !enrolee_maf_from(&a->active, j->from))
		memcpy(j->from, a->from, sizeof(j->from));
	if (!start(j, d))
		return false;
	psk = !j->tls;
	j->timer = evtimer_new(a->base, on_timer, j);
	if (j->timer && session_open_for(a, j, j->mef.host, j->mef.port, psk ? a->tls_psk : j->tls, psk ? NULL : &j->pins,
					 psk ? &a->psk : NULL, psk ? a->cfg.psk_identity : NULL, &client_ops, &j->client) == 0)
		return true;
	return refuse(d, "", "the session could not be begun");
}

json_t *keys_mef_ask(struct agent *a, struct bufferevent *to, enum mmaf_job job, const json_t *q)
{
	struct key_mef_job *j = a->keys->jobs < KEYS_JOBS_MAX ? calloc(1, sizeof(*j)) : NULL;
	struct mst_diag d = { 0 };

	if (!j)
		return keys_refusal(SAEF_BUSY, "");
	*j = (struct key_mef_job){ .next = a->keys->mef, .a = a, .to = to, .job = job, .q = json_deep_copy(q) };
	a->keys->mef = j;
	a->keys->jobs++;
	if (begin(j, &d))
		return NULL;
	job_free(j);
	return keys_bad(d.field, d.text[0] ? d.text : "not usable");
}

void keys_mef_forget(struct agent *a, const struct bufferevent *to, bool all)
{
	for (struct key_mef_job *j = a->keys->mef, *next; j; j = next) {
		next = j->next;
		if (all || j->to == to)
			job_free(j);
	}
}
