/*
 * keys.h: the key procedures with the MEF (TS-0003 8.3.5.2.7 to 8.3.5.2.10) by hand, each in a session of its own, with
 * whatever proves this node to its MEF and under the trust of the instruction that led there (origin.c).
 *
 * A key of the exporter is Ke, which never leaves the MEF: what is kept here is what the target gets, derived for its usage
 * (10.3.7, spec 3.4). The key for the MAF (SUID 21) is not made here: that is the root credential, and comes by enrolment.
 */
#include "agent/job.h"

#include <string.h>

#include "base/text.h"
#include "codec/secret-text.h"
#include "crypto/derive.h"

struct key_mef_job {
	struct proc_job p;                   /* first */
	enum mmaf_job job;
	const char *targets[MST_TARGETS_MAX];
	size_t n_targets;
	char target_fqdn[MST_ID_MAX];        /* of an exporter's key: whom it is derived for */
	char rel[MST_ID_MAX];
	struct mst_key value;                /* of ours; else what the session gave */
	bool exporter;
};

static struct key_mef_job *of(struct proc_job *p)
{
	return (struct key_mef_job *)(void *)p;
}

/* As the target gets it. */
static bool make_key(struct key_mef_job *j, struct mst_key *ret)
{
	const struct procedure_result *r = &j->p.proc.result;

	if (j->job != MMAF_JOB_KEY_REGISTER)
		*ret = r->key;
	else if (!j->exporter)
		*ret = j->value;
	else
		return mst_derive_usage(j->p.a->crypto, &j->value, (int)r->suid, mst_view_str(j->target_fqdn), ret) == 0;
	return true;
}

static json_t *ended(struct proc_job *p)
{
	struct key_mef_job *j = of(p);
	const struct procedure_result *r = &p->proc.result;
	struct kept_key k = { .suid = r->suid, .until = r->expires, .derived = j->exporter };
	const char *rel = j->job == MMAF_JOB_KEY_REGISTER ? r->id : j->rel;
	struct mst_writer w = mst_writer_of(k.key_id, sizeof(k.key_id));

	mst_put_str(&w, rel);
	mst_put_str(&w, "@");
	mst_put_str(&w, j->p.a->active.mef_fqdn);
	mst_put_nul(&w);
	if (!w.ok || !make_key(j, &k.key))
		return keys_refusal(SAEF_INTERNAL, "the key could not be derived or named");
	keys_join(j->targets, j->n_targets, k.targets, sizeof(k.targets));
	return keys_done(j->p.a, j->job, &k, r->client_id, j->n_targets != 0);
}

/* The session's key, before anything is asked in it. */
static bool opened(struct proc_job *p, struct mst_client *c)
{
	struct key_mef_job *j = of(p);
	const char *label = p->quirks.mef_label == MST_MEF_LABEL_CONNECTION ? MST_LABEL_CONNECTION : MST_LABEL_BOOTSTRAP;
	uint8_t exported[MST_EXPORT_LEN], rel[MST_REL_ID_LEN];

	if (!j->exporter)
		return true;
	if (mst_client_export(c, label, exported, sizeof(exported)))
		return false;
	mst_export_split(exported, rel, &j->value);
	mst_wipe(exported, sizeof(exported));
	return true;
}

static const struct proc_job_ops ops = { sizeof(struct key_mef_job), opened, ended };

/* Questions ---------------------------------------------------------------------------------------------- */

static bool refuse(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return false;
}

/* Which key: of the MEF that this node is registered with. */
static bool which(struct key_mef_job *j, struct mst_diag *d)
{
	const char *id = keys_text(j->p.q, "keyID");
	const struct kept_key *kept = kept_find(j->p.a, id);
	struct mst_view rel, fqdn;

	/* 8.3.5.2.9 lets targets change; but another one would get another key, which only the MEF could make */
	if (kept && kept->derived && j->n_targets)
		return refuse(d, "targets", "the session's key was made for its target; register another one");
	if (!mst_key_id_split(mst_view_str(id), &rel, &fqdn) || !mst_view_to_str(rel, j->rel, sizeof(j->rel)))
		return refuse(d, "keyID", "expected a key identifier like 0A1B@mef.example.com");
	if (mst_id_equal(MST_ID_FQDN, fqdn, mst_view_str(j->p.a->active.mef_fqdn)))
		return true;
	mst_diag_set(d, 0, "keyID", "names another MEF than this node's: ", j->p.a->active.mef_fqdn, NULL);
	return false;
}

/* What a registration is about: a key of ours, or the session's, which is one target's and made for its name. */
static bool what_key(struct key_mef_job *j, int64_t suid, struct mst_diag *d)
{
	const char *value = keys_text(j->p.q, "value");

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
	const struct mst_root_cred *cred = &j->p.a->active;
	const char *labels[MST_LABELS_MAX];
	struct mst_view label[MST_LABELS_MAX], target[MST_TARGETS_MAX];
	bool registers = j->job == MMAF_JOB_KEY_REGISTER;
	struct procedure_config c = proc_job_config(&j->p, procedures[j->job]);

	c.id = registers ? NULL : j->rel;
	c.admin_fqdn = registers ? cred->admin_fqdn : NULL;
	c.suid = registers ? json_integer_value(json_object_get(j->p.q, "SUID")) : 0;
	c.expires = keys_end_of(j->p.a, j->p.q, registers ? KEYS_LIFETIME_S : 0);
	if (!keys_list_of(j->p.q, "targets", j->targets, MST_TARGETS_MAX, &j->n_targets) ||
	    !keys_list_of(j->p.q, "labels", labels, MST_LABELS_MAX, &c.n_labels))
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
	return procedure_init(&j->p.proc, &c, agent_now(), d);
}

json_t *keys_mef_ask(struct agent *a, struct bufferevent *to, enum mmaf_job job, const json_t *q)
{
	struct proc_job *p = proc_job_new(a, to, &ops, q);
	struct mst_diag d = { 0 };

	if (!p)
		return keys_refusal(SAEF_BUSY, "");
	of(p)->job = job;
	if (proc_job_dial(p, false, &d) && start(of(p), &d) && proc_job_open(p, &d))
		return NULL;
	proc_job_free(p);
	return keys_bad(d.field, d.text[0] ? d.text : "not usable");
}
