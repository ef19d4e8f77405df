#include "proto/procedure/procedure.h"

#include "base/text.h"

#define BIT(i) (1u << (i))

const char *const procedure_name[PROCEDURE__COUNT] = {
	"register", "registration", "update", "deregister", "key-register", "key-retrieve", "key-update", "key-deregister",
};

/* Parameters: which each procedure must and may have. */
enum { P_ID = 1, P_ET = 2, P_LABELS = 4, P_ADMIN = 8, P_SUID = 16, P_TARGETS = 32, P_VALUE = 64 };
static const struct { uint8_t must, may, any; enum mst_op op; int rsc; } rows[PROCEDURE__COUNT] = {
	[PROCEDURE_REGISTER] = { P_ET | P_ADMIN, P_LABELS, 0, MST_OP_CREATE, MST_RSC_CREATED },
	[PROCEDURE_REG_GET] = { P_ID, 0, 0, MST_OP_RETRIEVE, MST_RSC_OK },
	[PROCEDURE_REG_UPDATE] = { P_ID, 0, P_ET | P_LABELS, MST_OP_UPDATE, MST_RSC_UPDATED },
	[PROCEDURE_DEREGISTER] = { P_ID, 0, 0, MST_OP_DELETE, MST_RSC_DELETED },
	[PROCEDURE_KEY_REGISTER] = { P_ET | P_ADMIN | P_SUID, P_LABELS | P_TARGETS | P_VALUE, 0, MST_OP_CREATE, MST_RSC_CREATED },
	[PROCEDURE_KEY_GET] = { P_ID, 0, 0, MST_OP_RETRIEVE, MST_RSC_OK },
	[PROCEDURE_KEY_UPDATE] = { P_ID, 0, P_ET | P_LABELS | P_TARGETS, MST_OP_UPDATE, MST_RSC_UPDATED },
	[PROCEDURE_KEY_DEREGISTER] = { P_ID, 0, 0, MST_OP_DELETE, MST_RSC_DELETED },
};

static bool of_keys(enum procedure_what w)
{
	return w >= PROCEDURE_KEY_REGISTER;
}

static bool refuse(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return false;
}

static unsigned given(const struct procedure_config *c)
{
	return (c->id && *c->id ? P_ID : 0u) | (c->expires ? P_ET : 0u) | (c->labels ? P_LABELS : 0u) |
	       (c->admin_fqdn && *c->admin_fqdn ? P_ADMIN : 0u) | (c->suid ? P_SUID : 0u) | (c->targets ? P_TARGETS : 0u) |
	       (c->value ? P_VALUE : 0u);
}

static const char *param_text(unsigned p)
{
	static const char *const names[] = { "id", "expirationTime", "labels", "adminFQDN", "SUID", "targetIDs", "Key Value" };

	for (size_t i = 0; i < MST_COUNT(names); i++)
		if (p & BIT(i))
			return names[i];
	return "";
}

static bool check(const struct procedure_config *c, struct mst_diag *d)
{
	unsigned has = given(c), bad;

	if ((unsigned)c->what >= PROCEDURE__COUNT)
		return refuse(d, "what", "no such procedure");
	bad = rows[c->what].must & ~has;
	if (bad)
		return refuse(d, param_text(bad), "is missing");
	bad = has & ~(unsigned)(rows[c->what].must | rows[c->what].may | rows[c->what].any);
	if (bad)
		return refuse(d, param_text(bad), "is no parameter of this procedure");
	if (rows[c->what].any && !(has & rows[c->what].any))
		return refuse(d, "", "an update names at least one of expirationTime, labels and, for keys, targetIDs");
	if (c->n_labels > MST_LABELS_MAX || c->n_targets > MST_TARGETS_MAX || (c->targets && !c->n_targets))
		return refuse(d, c->n_labels > MST_LABELS_MAX ? "labels" : "targetIDs", "1 to 16 of them");
	if ((has & P_ID) && !(of_keys(c->what) ? mst_id_valid(MST_ID_REL_KEY, mst_view_str(c->id)) : mst_reg_id_valid(mst_view_str(c->id))))
		return refuse(d, "id", "can stand in no path");
	if (has & P_SUID) {
		int64_t low = c->maf ? 32 : 21, high = c->maf ? 35 : 25;

		if (c->suid < low || c->suid > high)
			return refuse(d, "SUID", c->maf ? "32 to 35 at a MAF" : "21 to 25 at an MEF");
	}
	return true;
}

static bool copy(struct procedure *p, const struct procedure_config *c, struct mst_diag *d)
{
	if (c->admin_fqdn && *c->admin_fqdn && !mst_id_normalise(MST_ID_FQDN, mst_view_str(c->admin_fqdn), p->admin_fqdn))
		return refuse(d, "adminFQDN", "not an FQDN");
	if (!mst_copy_text(p->id, sizeof(p->id), c->id ? c->id : ""))
		return refuse(d, "id", "too long");
	for (size_t i = 0; i < MST_COUNT(p->own); i++)
		if (c->own[i] && !mst_copy_text(p->own[i], sizeof(p->own[i]), c->own[i]))
			return refuse(d, "own", "too long");
	for (size_t i = 0; i < c->n_targets; i++)
		if (!mst_view_to_str(c->targets[i], p->target[i], sizeof(p->target[i])))
			return refuse(d, "targetIDs", "too long");
	p->n_targets = c->n_targets;
	p->suid = c->suid;
	return true;
}

static bool ask_reg(struct procedure *p, const struct procedure_config *c, mst_ms now)
{
	struct mst_client_reg r = { .et = c->expires, .admin_fqdn = mst_view_str(p->admin_fqdn), .n_lbl = (uint16_t)c->n_labels };

	r.has = p->asked;
	for (size_t i = 0; i < c->n_labels; i++)
		r.lbl[i] = c->labels[i];
	return mst_dialog_ask(&p->dialog, rows[p->what].op, c->base, p->id, "", p->what == PROCEDURE_REGISTER ?
			      (p->maf ? MST_TY_MAF_CLIENT_REG : MST_TY_MEF_CLIENT_REG) : 0,
			      r.has ? (p->maf ? &mst_maf_client_reg_msg : &mst_mef_client_reg_msg) : NULL, &r, now);
}

static bool ask_key(struct procedure *p, const struct procedure_config *c, mst_ms now)
{
	struct mst_key_reg k = { .has = p->asked, .et = c->expires, .admin_fqdn = mst_view_str(p->admin_fqdn), .suid = c->suid,
				 .n_lbl = (uint16_t)c->n_labels, .n_targets = (uint16_t)c->n_targets };

	for (size_t i = 0; i < c->n_labels; i++)
		k.lbl[i] = c->labels[i];
	for (size_t i = 0; i < c->n_targets; i++)
		k.targets[i] = c->targets[i];
	if (c->value) {
		k.has |= BIT(MST_KR_KEY);
		k.key_value = (struct mst_view){ c->value->b, c->value->n };
	}
	return mst_dialog_ask(&p->dialog, rows[p->what].op, c->base, p->id, "", p->what == PROCEDURE_KEY_REGISTER ? MST_TY_SYMM_KEY_REG : 0,
			      k.has ? &mst_key_reg_msg : NULL, &k, now);
}

bool procedure_init(struct procedure *p, const struct procedure_config *c, mst_ms now, struct mst_diag *d)
{
	const struct mst_quirks *q = c->quirks ? c->quirks : &mst_quirks_default;
	struct mst_dialog_config dc = { .who = c->maf ? "MAF" : "MEF", .from = c->from, .attempt = c->attempt, .names = q->names,
					.answer_ms = c->answer_ms };
	unsigned has = given(c);

	memset(p, 0, sizeof(*p));
	p->what = c->what;
	p->maf = c->maf;
	p->end = PROCEDURE_FAILED;
	if (!mst_dialog_init(&p->dialog, &dc))
		return refuse(d, "from", "too long");
	if (!check(c, d) || !copy(p, c, d))
		return false;
	if (of_keys(c->what))
		p->asked = (has & P_ET ? BIT(MST_KR_ET) : 0) | (has & P_LABELS ? BIT(MST_KR_LBL) : 0) | (has & P_ADMIN ? BIT(MST_KR_ADMIN) : 0) |
			   (has & P_SUID ? BIT(MST_KR_SUID) : 0) | (has & P_TARGETS ? BIT(MST_KR_TARGETS) : 0);
	else
		p->asked = (has & P_ET ? BIT(MST_CR_ET) : 0) | (has & P_LABELS ? BIT(MST_CR_LBL) : 0) | (has & P_ADMIN ? BIT(MST_CR_ADMIN) : 0);
	if (!(of_keys(c->what) ? ask_key(p, c, now) : ask_reg(p, c, now)))
		return refuse(d, "", p->dialog.failure.detail);
	p->end = PROCEDURE_RUNS;
	return true;
}

void procedure_deinit(struct procedure *p)
{
	mst_wipe(p, sizeof(*p));
	p->end = PROCEDURE_FAILED;
	p->dialog.deadline = MST_NEVER;
}

/* --- answers --- */

static bool bad(struct procedure *p, enum prov_reason r, const char *text)
{
	return mst_dialog_fail(&p->dialog, r, text, NULL);
}

/* "The client shall check": own identity, nothing over, the same stakeholder (8.3.9.9.4, 8.3.9.9.8). */
static bool ours(const struct procedure *p, struct mst_view id)
{
	bool any = false;

	for (size_t i = 0; i < MST_COUNT(p->own); i++) {
		if (!p->own[i][0])
			continue;
		any = true;
		if (mst_id_enrolee_equal(id, p->own[i]))
			return true;
	}
	return !any;
}

static bool keep(struct mst_view v, char out[MST_ID_MAX])
{
	return mst_view_to_str(v, out, MST_ID_MAX);
}

static bool take_reg(struct procedure *p, const struct mst_client_reg *r, mst_time utc)
{
	struct procedure_result *x = &p->result;
	bool whole = p->what != PROCEDURE_REG_UPDATE;

	if (!keep(r->ri, x->id) || !keep(r->client_id, x->client_id) || !keep(r->admin_fqdn, x->admin_fqdn) ||
	    !keep(r->assigned_symm_key_id, x->km_id))
		return bad(p, PROV_MALFORMED, "a name in the registration is too long");
	x->expires = r->has & BIT(MST_CR_ET) ? r->et : 0;
	if (whole && (!mst_reg_id_valid(r->ri) || !(r->has & BIT(MST_CR_ET)) || !r->admin_fqdn.n || !r->client_id.n))
		return bad(p, PROV_MALFORMED, "the registration lacks one of ri, et, adminFQDN and clientID");
	if (!whole && (p->asked & ~r->has))
		return bad(p, PROV_MALFORMED, "the answer to the update lacks what was asked for");
	if (x->expires && x->expires <= utc)
		return bad(p, PROV_EXPIRED, "the registration has ended already (et)");
	if (p->what == PROCEDURE_REG_GET && !mst_view_eq_str(r->ri, p->id))
		return bad(p, PROV_MALFORMED, "the answer is another registration (ri)");
	if (p->what != PROCEDURE_REGISTER)
		return true;
	if (!mst_id_equal(MST_ID_FQDN, r->admin_fqdn, mst_view_str(p->admin_fqdn)))
		return bad(p, PROV_MALFORMED, "the registration has another adminFQDN than was asked");
	return ours(p, r->client_id) || bad(p, PROV_MALFORMED, "the registration is not ours (clientID)");
}

/* A MAF by its FQDN, a CSE or AE by its ID: where it is asked by its FQDN it is answered so, too. */
static bool same_target(struct mst_view a, const char *b)
{
	return mst_id_equal(MST_ID_FQDN, a, mst_view_str(b)) || mst_id_enrolee_equal(a, b);
}

static bool same_targets(const struct procedure *p, const struct mst_key_reg *k)
{
	if (k->n_targets != p->n_targets)
		return false;
	for (size_t i = 0; i < p->n_targets; i++)
		if (!same_target(k->targets[i], p->target[i]))
			return false;
	return true;
}

static bool check_registered(struct procedure *p, const struct mst_key_reg *k)
{
	if (!mst_id_valid(MST_ID_REL_KEY, k->relative_key_id) || !keep(k->relative_key_id, p->result.id))
		return bad(p, PROV_MALFORMED, "the key registration has no usable relativeKeyID");
	if (!ours(p, k->source_client_id))
		return bad(p, PROV_MALFORMED, "the key registration is not ours (sourceClientID)");
	if (!mst_id_equal(MST_ID_FQDN, k->admin_fqdn, mst_view_str(p->admin_fqdn)))
		return bad(p, PROV_MALFORMED, "the key registration has another adminFQDN than was asked");
	if (!(k->has & BIT(MST_KR_SUID)) || k->suid != p->suid)
		return bad(p, PROV_MALFORMED, "the key registration has another SUID than was asked");
	if (p->n_targets ? !same_targets(p, k) : !k->n_targets)
		return bad(p, PROV_MALFORMED, "the key registration has other targetIDs than were asked");
	return true;
}

static bool take_key(struct procedure *p, const struct mst_key_reg *k, mst_time utc)
{
	struct procedure_result *x = &p->result;

	x->expires = k->has & BIT(MST_KR_ET) ? k->et : 0;
	x->suid = k->suid;
	x->n_targets = k->n_targets;
	if (!keep(k->source_client_id, x->client_id) || !keep(k->admin_fqdn, x->admin_fqdn) || (k->n_targets && !keep(k->targets[0], x->target)))
		return bad(p, PROV_MALFORMED, "a name in the key registration is too long");
	if (p->what == PROCEDURE_KEY_UPDATE ? (p->asked & ~k->has) != 0 : !x->expires)
		return bad(p, PROV_MALFORMED, "the answer lacks what was asked for");
	if (x->expires && x->expires <= utc)
		return bad(p, PROV_EXPIRED, "the key registration has ended already (et)");
	if (p->what == PROCEDURE_KEY_REGISTER)
		return check_registered(p, k);
	if (p->what == PROCEDURE_KEY_UPDATE)
		return true;
	if (!k->key_value.n || k->key_value.n > sizeof(x->key.b) || !(k->has & BIT(MST_KR_SUID)) || !k->source_client_id.n)
		return bad(p, PROV_MALFORMED, "the key retrieved lacks one of keyValue, SUID and sourceClientID");
	memcpy(x->id, p->id, sizeof(x->id));
	memcpy(x->key.b, k->key_value.p, k->key_value.n);
	x->key.n = k->key_value.n;
	return true;
}

static bool take(struct procedure *p, const struct mst_response *a, mst_time utc)
{
	uint8_t scratch[4096];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_client_reg r;
	struct mst_key_reg k;
	bool ok;

	if (rows[p->what].op == MST_OP_DELETE)
		return mst_dialog_left(&p->dialog, a);
	if (!mst_dialog_answered(&p->dialog, a, rows[p->what].rsc))
		return false;
	if (!of_keys(p->what))
		return mst_dialog_read(&p->dialog, a, p->maf ? &mst_maf_client_reg_msg : &mst_mef_client_reg_msg, &arena, &r) &&
		       take_reg(p, &r, utc);
	ok = mst_dialog_read(&p->dialog, a, &mst_key_reg_msg, &arena, &k) && take_key(p, &k, utc);
	mst_wipe(scratch, sizeof(scratch));
	return ok;
}

void procedure_feed(struct procedure *p, const struct mst_response *a, mst_time utc)
{
	if (p->end != PROCEDURE_RUNS)
		return;
	if (p->dialog.to_send) {
		procedure_garbage(p, "an answer before the request was sent");
		return;
	}
	p->end = take(p, a, utc) ? PROCEDURE_DONE : PROCEDURE_FAILED;
	if (p->end == PROCEDURE_FAILED)
		mst_key_wipe(&p->result.key);
	mst_dialog_rest(&p->dialog);
}

void procedure_garbage(struct procedure *p, const char *detail)
{
	if (p->end == PROCEDURE_RUNS && !bad(p, PROV_MALFORMED, detail))
		p->end = PROCEDURE_FAILED;
}

void procedure_lost(struct procedure *p, enum prov_reason r, const char *detail)
{
	if (p->end == PROCEDURE_RUNS && !mst_dialog_lost(&p->dialog, r, detail))
		p->end = PROCEDURE_FAILED;
}

void procedure_tick(struct procedure *p, mst_ms now)
{
	if (p->end == PROCEDURE_RUNS && !mst_dialog_in_time(&p->dialog, now, procedure_name[p->what]))
		p->end = PROCEDURE_FAILED;
}

const struct mst_request *procedure_request(const struct procedure *p)
{
	return p->end == PROCEDURE_RUNS ? mst_dialog_out(&p->dialog) : NULL;
}

void procedure_sent(struct procedure *p)
{
	mst_dialog_sent(&p->dialog);
	/* a Key Value has left; it is not needed here any more */
	mst_wipe(p->dialog.content, sizeof(p->dialog.content));
}

enum procedure_end procedure_end(const struct procedure *p) { return p->end; }
mst_ms procedure_deadline(const struct procedure *p) { return p->end == PROCEDURE_RUNS ? p->dialog.deadline : MST_NEVER; }
const struct mst_failure *procedure_failure(const struct procedure *p) { return &p->dialog.failure; }
