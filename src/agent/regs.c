/*
 * keys.h: the registration procedures with MEF and MAF by hand (TS-0003 8.3.5.2.3 to 8.3.5.2.6, 8.8.2.3 to 8.8.2.6). A node has a
 * registration for each administrating stakeholder (8.3.5.1). The one with its provider is made by enrolment and carries the root
 * credential: it is shown and changed here, made and given up elsewhere. Those with others are the operator's own, and nothing of
 * them is kept here.
 */
#include "agent/job.h"

#include <string.h>

#define LIFETIME_S (90 * INT64_C(86400))     /* proposed when nobody says how long; the server grants what it will */

static const struct reg_op { const char *name; enum procedure_what what; } ops[] = {
	{ "reg-new", PROCEDURE_REGISTER }, { "reg-show", PROCEDURE_REG_GET }, { "reg-update", PROCEDURE_REG_UPDATE },
	{ "reg-delete", PROCEDURE_DEREGISTER },
};

static const struct reg_op *op_of(const char *name)
{
	for (size_t i = 0; name && i < MST_COUNT(ops); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];
	return NULL;
}

bool regs_op(const char *op)
{
	return op_of(op) != NULL;
}

struct reg_job {
	struct proc_job p;                   /* first */
	char id[MST_ID_MAX];
	bool own;                            /* the one with the node's provider */
};

static struct reg_job *of(struct proc_job *p)
{
	return (struct reg_job *)(void *)p;
}

static json_t *text_or_null(const char *s)
{
	return *s ? status_text(s) : json_null();
}

static json_t *ended(struct proc_job *p)
{
	const struct procedure_result *r = &p->proc.result;

	renew_learned(p->a, p->maf, of(p)->id, r->expires);
	agent_log(p->a, AGENT_INFO, "registration", "did", procedure_name[p->proc.what], "at", p->maf ? "maf" : "mef", "id",
		  r->id[0] ? r->id : of(p)->id, NULL);
	return json_pack("{s:b, s:s, s:o, s:s, s:o, s:o, s:o, s:b}", "ok", true, "did", procedure_name[p->proc.what], "id",
			 status_text(r->id[0] ? r->id : of(p)->id), "at", p->maf ? "maf" : "mef", "client", text_or_null(r->client_id), "adminFQDN",
			 text_or_null(r->admin_fqdn), "until", r->expires ? status_time(r->expires) : json_null(), "own", of(p)->own);
}

static const struct proc_job_ops job_ops = { .size = sizeof(struct reg_job), .ended = ended };

static bool refuse(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return false;
}

/* Which one, or with whom a new one is. */
static bool which(struct reg_job *j, enum procedure_what what, struct mst_diag *d)
{
	const struct mst_root_cred *c = &j->p.a->active;
	const char *id = keys_text(j->p.q, "id"), *admin = keys_text(j->p.q, "adminFQDN");
	const char *own = j->p.maf ? c->maf_reg_id : c->mef_reg_id;

	if (what == PROCEDURE_REGISTER) {
		if (!mst_id_valid(MST_ID_FQDN, mst_view_str(admin)))
			return refuse(d, "adminFQDN", "with whom? expected the administrating stakeholder's FQDN (--admin-fqdn)");
		return !mst_id_equal(MST_ID_FQDN, mst_view_str(admin), mst_view_str(c->admin_fqdn)) ||
		       refuse(d, "adminFQDN", "is this node's provider: that registration is made by enrolment (muster-agent trigger)");
	}
	if (*admin)
		return refuse(d, "adminFQDN", "belongs to a new registration");
	if (!*id && !*own)
		return refuse(d, "id", "which one? this node's own has no number here");
	if (!mst_copy_text(j->id, sizeof(j->id), *id ? id : own))
		return refuse(d, "id", "longer than 255 octets");
	j->own = !strcmp(j->id, own);
	return what != PROCEDURE_DEREGISTER || !j->own ||
	       refuse(d, "id", "this node's root credential hangs on it; it is left by a change of provider, or a factory reset");
}

static bool start(struct reg_job *j, enum procedure_what what, struct mst_diag *d)
{
	struct procedure_config c = proc_job_config(&j->p, what);
	const char *labels[MST_LABELS_MAX];
	struct mst_view label[MST_LABELS_MAX];

	if (!keys_list_of(j->p.q, "labels", labels, MST_LABELS_MAX, &c.n_labels))
		return refuse(d, "labels", "a list of at most 16 texts");
	for (size_t i = 0; i < c.n_labels; i++)
		label[i] = mst_view_str(labels[i]);
	c.labels = c.n_labels ? label : NULL;
	c.id = what == PROCEDURE_REGISTER ? NULL : j->id;
	c.admin_fqdn = what == PROCEDURE_REGISTER ? keys_text(j->p.q, "adminFQDN") : NULL;
	c.expires = keys_end_of(j->p.a, j->p.q, what == PROCEDURE_REGISTER ? LIFETIME_S : 0);
	if (what == PROCEDURE_REG_UPDATE && !c.expires && !c.labels)
		return refuse(d, "seconds", "what is to change? a lifetime or labels");
	return procedure_init(&j->p.proc, &c, agent_now(), d);
}

json_t *regs_ask(struct agent *a, struct bufferevent *to, const json_t *q)
{
	const struct reg_op *op = op_of(keys_text(q, "op"));
	bool mef = json_is_true(json_object_get(q, "mef"));
	struct mst_diag d = { 0 };
	struct proc_job *p;

	if (!op)
		return keys_bad("op", "not one of these");
	if (!a->has_active || !(mef ? a->active.mef_reg_id : a->active.maf_uri)[0])
		return keys_refusal(SAEF_NO_CREDENTIAL, "");
	p = proc_job_new(a, to, &job_ops, q);
	if (!p)
		return keys_refusal(SAEF_BUSY, "");
	if (proc_job_dial(p, !mef, &d) && which(of(p), op->what, &d) && start(of(p), op->what, &d) && proc_job_open(p, &d))
		return NULL;
	proc_job_free(p);
	return keys_bad(d.field, d.text[0] ? d.text : "not usable");
}
