#include "enrolee/enrolee.h"

#include "crypto/derive.h"

#define MAF_BASE "/MAFBase"
#define MEF_BASE "/MEFBase"
#define SUID_MAF 21           /* spec 1.5: provisioned by RSPF, shared with a MAF */

struct input {
	uint8_t *exported;
	const struct mst_response *answer;
	enum prov_reason reason;
	const char *detail;
	mst_ms now;
	mst_time utc;
};
typedef enum enrolee_state handler(struct enrolee *e, const struct input *in);

const char *enrolee_state_text(enum enrolee_state s)
{
	static const char *const text[ENROLEE_STATE__COUNT] = {
		[ENROLEE_IDLE] = "idle", [ENROLEE_MEF] = "with the MEF", [ENROLEE_SAVING_KEY] = "saving the key",
		[ENROLEE_MAF] = "enrolling with the MAF", [ENROLEE_SAVING_KMID] = "saving the credential",
		[ENROLEE_CONFIRMING] = "confirming the credential", [ENROLEE_SAVING_PROOF] = "saving the confirmation",
		[ENROLEE_PROMOTING] = "replacing the old credential", [ENROLEE_DONE] = "done", [ENROLEE_FAILED] = "failed",
	};

	return (unsigned)s < ENROLEE_STATE__COUNT ? text[s] : "?";
}

static const char *const point_text[ENROLEE_POINT__COUNT] = {
	[ENROLEE_AT_NOTHING] = "", [ENROLEE_AT_MEF_OPENED] = "mef-opened",
	[ENROLEE_AT_MEF_REGISTERED] = "mef-registered", [ENROLEE_AT_MEF_KEYED] = "mef-keyed",
	[ENROLEE_AT_PENDING_SAVED] = "pending-saved", [ENROLEE_AT_MAF_OPENED] = "maf-opened",
	[ENROLEE_AT_MAF_REGISTERED] = "maf-registered", [ENROLEE_AT_KMID_SAVED] = "kmid-saved",
	[ENROLEE_AT_MAF_REOPENED] = "maf-reopened", [ENROLEE_AT_CONFIRMED] = "confirmed",
	[ENROLEE_AT_PROOF_SAVED] = "proof-saved", [ENROLEE_AT_PROMOTED] = "promoted",
};

const char *enrolee_point_text(enum enrolee_point p)
{
	return (unsigned)p < ENROLEE_POINT__COUNT ? point_text[p] : "?";
}

enum enrolee_point enrolee_point_of(const char *name)
{
	for (unsigned p = ENROLEE_AT_NOTHING + 1; p < ENROLEE_POINT__COUNT; p++) {
		if (mst_view_eq_str(mst_view_str(name), point_text[p]))
			return (enum enrolee_point)p;
	}
	return ENROLEE_AT_NOTHING;
}

static enum enrolee_state failed(struct enrolee *e, enum prov_reason r, const char *text)
{
	e->failure = (struct mst_failure){ .reason = r };
	/* A detail is for people: what does not fit is cut by copying what does. */
	for (size_t i = 0; text && text[i] && i + 1 < sizeof(e->failure.detail); i++)
		e->failure.detail[i] = text[i];
	return ENROLEE_FAILED;
}

/* Sessions ------------------------------------------------------------------------------------------- */

static void want_session(struct enrolee *e, mst_ms now)
{
	e->session++;
	e->session_open = false;
	e->open_deadline = now + e->cfg.open_ms;
}

static enum enrolee_state begin_mef(struct enrolee *e, mst_ms now, mst_time utc)
{
	struct mmef_config mc = {
		.job = MMEF_JOB_ENROL, .mef_fqdn = e->mef.host, .base = e->mef.path[0] ? e->mef.path : MEF_BASE, .from = e->from,
		.attempt = e->attempt, .admin_fqdn = e->admin_fqdn, .target = e->target, .suid = e->suid,
		/* Nothing proposed: as long as the provider gives. With an unset clock anything else could be past. */
		.expires = e->expires ? e->expires : MST_TIME_MAX, .quirks = e->cfg.quirks, .answer_ms = e->cfg.answer_ms,
	};
	struct mst_diag d = { 0 };

	(void)utc;
	mst_root_cred_wipe(&e->cred);
	if (!mmef_init(&e->machine.mef, &mc, &d))
		return failed(e, PROV_UNSUPPORTED, d.text);
	want_session(e, now);
	return ENROLEE_MEF;
}

bool enrolee_maf_from(const struct mst_root_cred *c, char out[MST_ID_MAX])
{
	if (c->cse_id[0])
		return mst_id_from_param(MST_ID_CSE_ABS, mst_view_str(c->cse_id), out);
	if (c->ae_id[0])
		return mst_id_from_param(MST_ID_AE_ABS, mst_view_str(c->ae_id), out);
	return c->node_id[0] && mst_copy_text(out, MST_ID_MAX, c->node_id);
}

static enum enrolee_state begin_maf(struct enrolee *e, enum mmaf_job job, mst_ms now)
{
	const struct mst_root_cred *c = &e->cred;
	char from[MST_ID_MAX];
	struct mmaf_config mc = {
		.job = job, .maf_fqdn = c->maf_fqdn, .from = from, .attempt = e->attempt, .admin_fqdn = c->admin_fqdn,
		.expires = c->not_after, .reg_id = c->maf_reg_id, .quirks = e->cfg.quirks, .answer_ms = e->cfg.answer_ms,
	};
	struct mst_diag d = { 0 };

	if (!enrolee_uri_parse(mst_view_str(c->maf_uri), &e->maf))
		return failed(e, PROV_MALFORMED, "the MAF's URI is not https://fqdn[:port][/path]");
	mc.base = e->maf.path[0] ? e->maf.path : MAF_BASE;
	if (!enrolee_maf_from(c, from))
		return failed(e, PROV_MALFORMED, "the MEF told us no identity to use with the MAF");
	if (!mmaf_init(&e->machine.maf, &mc, &d))
		return failed(e, PROV_MALFORMED, d.text);
	want_session(e, now);
	return job == MMAF_JOB_REGISTER ? ENROLEE_MAF : ENROLEE_CONFIRMING;
}

/* A slot's next step is written in the slot: confirmed, named by KmID, or named by KeID. */
static enum enrolee_state begin_slot(struct enrolee *e, mst_ms now)
{
	e->resumed = true;
	if (e->cred.confirmed)
		return ENROLEE_PROMOTING;
	return begin_maf(e, mst_view_eq_str(mst_view_str(e->cred.key_id), e->cred.ke_id) ? MMAF_JOB_REGISTER : MMAF_JOB_CONFIRM, now);
}

/* MEF stage ------------------------------------------------------------------------------------------ */

static mst_time sooner(mst_time a, mst_time b)
{
	return !b || (a && a < b) ? a : b;
}

static int derive(struct enrolee *e, struct mst_key *ret_km)
{
	const struct mst_quirks *q = e->cfg.quirks ? e->cfg.quirks : &mst_quirks_default;
	struct mst_view maf = mst_view_str(e->target);

	switch (q->km) {
	case MST_KM_USAGE_CONSTRAINED: return mst_derive_usage(e->cfg.crypto, &e->cred.ke, (int)e->suid, maf, ret_km);
	case MST_KM_MASTER: return mst_derive_km(e->cfg.crypto, &e->cred.ke, maf, ret_km);
	case MST_KM_REGISTERED: *ret_km = e->cred.ke; return 0;
	}
	return MST_FAULT_BUG;
}

static bool put_default_uri(char out[MST_ID_MAX], const char *fqdn)
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);

	mst_put_str(&w, "https://");
	mst_put_str(&w, fqdn);
	mst_put_nul(&w);
	return w.ok;
}

/* Everything that the MEF stage yielded becomes one record: key, names, addresses, ends. */
static bool make_credential(struct enrolee *e, mst_time utc)
{
	const struct mmef_result *r = &e->machine.mef.result;
	struct mst_root_cred *c = &e->cred;
	bool ok = true;

	mst_root_cred_wipe(c);
	c->ke = *mmef_ke(&e->machine.mef);
	c->suid = e->suid;
	c->obtained = r->server_time > utc ? r->server_time : utc;
	c->not_after = sooner(sooner(r->key_until, r->reg_until), r->subscription_until);
	ok &= mst_copy_text(c->ke_id, sizeof(c->ke_id), r->ke_id) && mst_copy_text(c->key_id, sizeof(c->key_id), r->ke_id);
	ok &= mst_copy_text(c->admin_fqdn, sizeof(c->admin_fqdn), r->admin_fqdn);
	ok &= mst_copy_text(c->mef_fqdn, sizeof(c->mef_fqdn), e->mef.host) && mst_copy_text(c->mef_uri, sizeof(c->mef_uri), e->mef_uri);
	ok &= mst_copy_text(c->mef_reg_id, sizeof(c->mef_reg_id), r->reg_id);
	ok &= mst_copy_text(c->maf_fqdn, sizeof(c->maf_fqdn), e->target);
	ok &= r->maf_uri[0] ? mst_copy_text(c->maf_uri, sizeof(c->maf_uri), r->maf_uri) :
	      e->maf_uri[0] ? mst_copy_text(c->maf_uri, sizeof(c->maf_uri), e->maf_uri) : put_default_uri(c->maf_uri, e->target);
	/* Without an identity from the MEF the one that our certificate proves is still ours. */
	ok &= mst_copy_text(c->node_id, sizeof(c->node_id), r->node_id[0] ? r->node_id : e->from);
	ok &= mst_copy_text(c->cse_id, sizeof(c->cse_id), r->cse_id) && mst_copy_text(c->ae_id, sizeof(c->ae_id), r->ae_id);
	ok &= mst_copy_text(c->registrar_cse_id, sizeof(c->registrar_cse_id), r->registrar_cse_id);
	c->n_registrar_poa = r->n_registrar_poa < MST_COUNT(c->registrar_poa) ? r->n_registrar_poa : MST_COUNT(c->registrar_poa);
	for (size_t i = 0; i < c->n_registrar_poa; i++)
		ok &= mst_copy_text(c->registrar_poa[i], sizeof(c->registrar_poa[i]), r->registrar_poa[i]);
	ok &= mst_copy_text(c->attempt, sizeof(c->attempt), e->attempt);
	return ok;
}

static bool keep_anchors(struct enrolee *e)
{
	const struct mmef_result *r = &e->machine.mef.result;
	struct mst_writer w = mst_writer_of(e->anchors, sizeof(e->anchors));

	for (size_t i = 0; i < r->n_anchors; i++)
		mst_put_block16(&w, r->anchors[i]);
	e->anchors_n = w.n;
	return w.ok;
}

static enum enrolee_state mef_done(struct enrolee *e, mst_time utc)
{
	const struct mmef_result *r = &e->machine.mef.result;
	bool ok = make_credential(e, utc) && keep_anchors(e);
	int rc = ok ? derive(e, &e->cred.key) : 0;

	e->server_time = r->server_time;
	e->retry_duration = r->retry_duration;
	e->commands_refused = r->commands_refused;
	e->other_ke_id = r->other_ke_id;
	mmef_deinit(&e->machine.mef);
	if (!ok)
		return failed(e, PROV_MALFORMED, "a name that the MEF told us is too long");
	if (rc)
		return failed(e, PROV_INTERNAL, rc > 0 ? "Km cannot be derived for this MAF name" : "the crypto library failed");
	e->point = ENROLEE_AT_MEF_KEYED;
	return ENROLEE_SAVING_KEY;
}

/* After every input to the MEF machine: where are we now? */
static enum enrolee_state mef_moved(struct enrolee *e, mst_time utc)
{
	struct mmef *m = &e->machine.mef;

	if (e->point < ENROLEE_AT_MEF_REGISTERED && m->result.reg_id[0])
		e->point = ENROLEE_AT_MEF_REGISTERED;
	if (mmef_state(m) == MMEF_DONE)
		return mef_done(e, utc);
	if (mmef_state(m) != MMEF_FAILED)
		return ENROLEE_MEF;
	e->failure = *mmef_failure(m);
	mmef_deinit(m);
	return ENROLEE_FAILED;
}

static enum enrolee_state mef_opened(struct enrolee *e, const struct input *in)
{
	uint8_t rel[MST_REL_ID_LEN];
	struct mst_key ke = { 0 };
	enum enrolee_state next;

	if (e->session_open || !in->exported)
		return failed(e, PROV_INTERNAL, "the MEF session gave no enrolment key");
	e->session_open = true;
	e->point = ENROLEE_AT_MEF_OPENED;
	mst_export_split(in->exported, rel, &ke);
	mmef_opened(&e->machine.mef, rel, &ke, in->now, in->utc);
	next = mef_moved(e, in->utc);
	mst_key_wipe(&ke);
	mst_wipe(rel, sizeof(rel));
	return next;
}

static enum enrolee_state mef_answer(struct enrolee *e, const struct input *in)
{
	mmef_feed(&e->machine.mef, in->answer, in->now, in->utc);
	return mef_moved(e, in->utc);
}

static enum enrolee_state mef_garbage(struct enrolee *e, const struct input *in)
{
	mmef_garbage(&e->machine.mef, in->detail, in->now, in->utc);
	return mef_moved(e, in->utc);
}

static enum enrolee_state mef_lost(struct enrolee *e, const struct input *in)
{
	mmef_lost(&e->machine.mef, in->reason, in->detail, in->now, in->utc);
	return mef_moved(e, in->utc);
}

static enum enrolee_state mef_timer(struct enrolee *e, const struct input *in)
{
	if (!e->session_open && in->now >= e->open_deadline)
		return failed(e, PROV_TIMEOUT, "the session with the MEF did not open in time");
	mmef_tick(&e->machine.mef, in->now, in->utc);
	return mef_moved(e, in->utc);
}

/* MAF stage ------------------------------------------------------------------------------------------ */

static enum enrolee_state registered(struct enrolee *e)
{
	const struct mmaf_result *r = &e->machine.maf.result;
	struct mst_root_cred *c = &e->cred;

	e->point = ENROLEE_AT_MAF_REGISTERED;
	c->not_after = sooner(c->not_after, r->reg_until);
	if (!mst_copy_text(c->key_id, sizeof(c->key_id), r->km_id) || !mst_copy_text(c->maf_reg_id, sizeof(c->maf_reg_id), r->reg_id))
		return failed(e, PROV_MALFORMED, "a name that the MAF told us is too long");
	return ENROLEE_SAVING_KMID;
}

static enum enrolee_state confirmed(struct enrolee *e)
{
	e->point = ENROLEE_AT_CONFIRMED;
	e->cred.confirmed = true;
	mst_key_wipe(&e->cred.ke);
	return ENROLEE_SAVING_PROOF;
}

/*
 * A slot that the MAF definitely does not take (the provider lost it, revoked it, or it is too old) must
 * not stand in the way for ever (lesson 3): once, back to the MEF. Unreachable and refused by policy are
 * no reason (lesson 6).
 */
static bool slot_is_dead(const struct enrolee *e)
{
	return e->resumed && e->has_instruction &&
	       (e->failure.reason == PROV_NOT_AUTHENTICATED || e->failure.reason == PROV_UNKNOWN || e->failure.reason == PROV_EXPIRED);
}

static enum enrolee_state maf_moved(struct enrolee *e, mst_ms now, mst_time utc)
{
	struct mmaf *m = &e->machine.maf;

	if (mmaf_state(m) == MMAF_DONE)
		return e->state == ENROLEE_MAF ? registered(e) : confirmed(e);
	if (mmaf_state(m) != MMAF_FAILED)
		return e->state;
	e->failure = *mmaf_failure(m);
	mmaf_deinit(m);
	if (!slot_is_dead(e))
		return ENROLEE_FAILED;
	e->resumed = false;
	e->failure = (struct mst_failure){ 0 };
	e->point = ENROLEE_AT_NOTHING;
	return begin_mef(e, now, utc);
}

static enum enrolee_state maf_opened(struct enrolee *e, const struct input *in)
{
	if (e->session_open)
		return failed(e, PROV_INTERNAL, "a session was opened twice");
	e->session_open = true;
	e->point = e->state == ENROLEE_MAF ? ENROLEE_AT_MAF_OPENED : ENROLEE_AT_MAF_REOPENED;
	mmaf_opened(&e->machine.maf, in->now, in->utc);
	return maf_moved(e, in->now, in->utc);
}

static enum enrolee_state maf_answer(struct enrolee *e, const struct input *in)
{
	mmaf_feed(&e->machine.maf, in->answer, in->now, in->utc);
	return maf_moved(e, in->now, in->utc);
}

static enum enrolee_state maf_garbage(struct enrolee *e, const struct input *in)
{
	mmaf_garbage(&e->machine.maf, in->detail, in->now, in->utc);
	return maf_moved(e, in->now, in->utc);
}

static enum enrolee_state maf_lost(struct enrolee *e, const struct input *in)
{
	mmaf_lost(&e->machine.maf, in->reason, in->detail, in->now, in->utc);
	return maf_moved(e, in->now, in->utc);
}

static enum enrolee_state maf_timer(struct enrolee *e, const struct input *in)
{
	if (!e->session_open && in->now >= e->open_deadline)
		return failed(e, PROV_TIMEOUT, "the session with the MAF did not open in time");
	mmaf_tick(&e->machine.maf, in->now, in->utc);
	return maf_moved(e, in->now, in->utc);
}

/* Saving --------------------------------------------------------------------------------------------- */

static enum enrolee_state key_saved(struct enrolee *e, const struct input *in)
{
	e->point = ENROLEE_AT_PENDING_SAVED;
	return begin_maf(e, MMAF_JOB_REGISTER, in->now);
}

static enum enrolee_state kmid_saved(struct enrolee *e, const struct input *in)
{
	e->point = ENROLEE_AT_KMID_SAVED;
	return begin_maf(e, MMAF_JOB_CONFIRM, in->now);
}

static enum enrolee_state proof_saved(struct enrolee *e, const struct input *in)
{
	(void)in;
	e->point = ENROLEE_AT_PROOF_SAVED;
	return ENROLEE_PROMOTING;
}

static enum enrolee_state promoted(struct enrolee *e, const struct input *in)
{
	(void)in;
	e->point = ENROLEE_AT_PROMOTED;
	return ENROLEE_DONE;
}

static enum enrolee_state save_failed(struct enrolee *e, const struct input *in)
{
	return failed(e, PROV_STORAGE, in->detail);
}

/* Table ---------------------------------------------------------------------------------------------- */

static enum enrolee_state on_start(struct enrolee *e, const struct input *in)
{
	return begin_mef(e, in->now, in->utc);
}

static enum enrolee_state ignore(struct enrolee *e, const struct input *in)
{
	(void)in;
	return e->state;
}

/* An input that our own shell may not give here. */
static enum enrolee_state violated(struct enrolee *e, const struct input *in)
{
	(void)in;
	return failed(e, PROV_INTERNAL, "an input out of turn");
}

/* While saving, the session that just ended may still report: that is no news (ignore). */
static handler *const table[ENROLEE_STATE__COUNT][ENROLEE_EVENT__COUNT] = {
	/*                         START     OPENED      ANSWER      GARBAGE      LOST      SAVED        SAVE_FAILED  TIMER */
	[ENROLEE_IDLE]         = { on_start, violated,   ignore,     ignore,      ignore,   violated,    violated,    ignore },
	[ENROLEE_MEF]          = { violated, mef_opened, mef_answer, mef_garbage, mef_lost, violated,    violated,    mef_timer },
	[ENROLEE_SAVING_KEY]   = { violated, violated,   ignore,     ignore,      ignore,   key_saved,   save_failed, ignore },
	[ENROLEE_MAF]          = { violated, maf_opened, maf_answer, maf_garbage, maf_lost, violated,    violated,    maf_timer },
	[ENROLEE_SAVING_KMID]  = { violated, violated,   ignore,     ignore,      ignore,   kmid_saved,  save_failed, ignore },
	[ENROLEE_CONFIRMING]   = { violated, maf_opened, maf_answer, maf_garbage, maf_lost, violated,    violated,    maf_timer },
	[ENROLEE_SAVING_PROOF] = { violated, violated,   ignore,     ignore,      ignore,   proof_saved, save_failed, ignore },
	[ENROLEE_PROMOTING]    = { violated, violated,   ignore,     ignore,      ignore,   promoted,    save_failed, ignore },
	[ENROLEE_DONE]         = { violated, ignore,     ignore,     ignore,      ignore,   ignore,      ignore,      ignore },
	[ENROLEE_FAILED]       = { violated, ignore,     ignore,     ignore,      ignore,   ignore,      ignore,      ignore },
};

static void enter(struct enrolee *e, enum enrolee_state next)
{
	e->state = next;
	if (next == ENROLEE_FAILED || next == ENROLEE_DONE) {
		/* What is durable lies in the slots; nothing of it stays here. */
		mst_wipe(&e->machine, sizeof(e->machine));
		mst_key_wipe(&e->cred.key);
		mst_key_wipe(&e->cred.ke);
		e->session_open = false;
	}
}

/* The only caller of handlers, and with enter() the only writer of the state. */
static void step(struct enrolee *e, enum enrolee_event ev, const struct input *in)
{
	enter(e, table[e->state][ev](e, in));
	}

/* Interface ------------------------------------------------------------------------------------------ */

void enrolee_init(struct enrolee *e, const struct enrolee_config *cfg)
{
	memset(e, 0, sizeof(*e));
	e->cfg = *cfg;
	e->retry_duration = -1;
}

void enrolee_deinit(struct enrolee *e)
{
	mst_wipe(e, sizeof(*e));
}

bool enrolee_supports(const struct enrolee_config *cfg, const struct mst_instruction *i, struct mst_diag *d)
{
	struct enrolee_uri u;

	if (i->kind != MST_INSTR_BOOTSTRAP || i->method != MST_METHOD_CERT) {
		mst_diag_set(d, 0, "method", "only bootstrap by certificate is built in", NULL);
		return false;
	}
	if (!(cfg->methods & 1u << MST_METHOD_CERT)) {
		mst_diag_set(d, 0, "method", "this device holds no certificate", NULL);
		return false;
	}
	if (!enrolee_uri_parse(i->uri, &u)) {
		mst_diag_set(d, 0, "uri", "not https://fqdn[:port][/path], which is what this device can reach", NULL);
		return false;
	}
	if ((i->suid && i->suid != SUID_MAF) || !mst_id_valid(MST_ID_FQDN, i->target)) {
		mst_diag_set(d, 0, "target", "only enrolment with a MAF (its FQDN, SUID 21) is built in", NULL);
		return false;
	}
	if (!mst_id_valid(MST_ID_FQDN, i->admin_fqdn)) {
		mst_diag_set(d, 0, "adminFQDN", "not an FQDN", NULL);
		return false;
	}
	if (i->maf_uri.n && !enrolee_uri_parse(i->maf_uri, &u)) {
		mst_diag_set(d, 0, "mafURI", "not https://fqdn[:port][/path]", NULL);
		return false;
	}
	return true;
}

static bool take_instruction(struct enrolee *e, const struct mst_instruction *i, const char *attempt)
{
	e->suid = SUID_MAF;
	e->expires = i->expires;
	if (!enrolee_uri_parse(i->uri, &e->mef))
		return false;
	/* An explicit port in the instruction wins over the URI's (9.2.2.1: httpPort). */
	if (i->http_port > 0 && i->http_port <= UINT16_MAX)
		e->mef.port = (uint16_t)i->http_port;
	return mst_view_to_str(i->uri, e->mef_uri, sizeof(e->mef_uri)) && mst_view_to_str(i->maf_uri, e->maf_uri, sizeof(e->maf_uri)) &&
	       mst_id_normalise(MST_ID_FQDN, i->target, e->target) && mst_id_normalise(MST_ID_FQDN, i->admin_fqdn, e->admin_fqdn) &&
	       mst_copy_text(e->attempt, sizeof(e->attempt), attempt) && mst_copy_text(e->from, sizeof(e->from), e->cfg.from);
}

static bool usable(const struct mst_root_cred *p, mst_time utc)
{
	return p->key.n == MST_KEY_LEN && p->key_id[0] && p->not_after > utc;
}

static bool fits(const struct enrolee *e, const struct mst_root_cred *p)
{
	return p->suid == e->suid && mst_view_eq_str(mst_view_str(p->mef_fqdn), e->mef.host) &&
	       mst_view_eq_str(mst_view_str(p->maf_fqdn), e->target) &&
	       mst_id_equal(MST_ID_FQDN, mst_view_str(p->admin_fqdn), mst_view_str(e->admin_fqdn));
}

bool enrolee_start(struct enrolee *e, const struct mst_instruction *i, const char *attempt,
                   const struct mst_root_cred *pending, mst_ms now, mst_time utc, struct mst_diag *d)
{
	struct enrolee_config cfg = e->cfg;

	enrolee_deinit(e);                   /* re-usable after any end (lesson 1) */
	enrolee_init(e, &cfg);
	if (!enrolee_supports(&e->cfg, i, d))
		return false;
	if (!take_instruction(e, i, attempt)) {
		mst_diag_set(d, 0, "uri", "too long", NULL);
		return false;
	}
	e->has_instruction = true;
	if (pending && usable(pending, utc) && fits(e, pending)) {
		e->cred = *pending;
		enter(e, begin_slot(e, now));
		return true;
	}
	step(e, ENROLEE_EV_START, &(struct input){ .now = now, .utc = utc });
	return true;
}

bool enrolee_resume(struct enrolee *e, const struct mst_root_cred *pending, mst_ms now, mst_time utc)
{
	struct enrolee_config cfg = e->cfg;

	enrolee_deinit(e);
	enrolee_init(e, &cfg);
	if (!usable(pending, utc) || !mst_copy_text(e->attempt, sizeof(e->attempt), pending->attempt))
		return false;
	e->cred = *pending;
	enter(e, begin_slot(e, now));
	return true;
}

void enrolee_opened(struct enrolee *e, uint8_t *exported, mst_ms now, mst_time utc)
{
	step(e, ENROLEE_EV_OPENED, &(struct input){ .exported = exported, .now = now, .utc = utc });
	if (exported)
		mst_wipe(exported, MST_EXPORT_LEN);
}

void enrolee_sent(struct enrolee *e)
{
	if (e->state == ENROLEE_MEF)
		mmef_sent(&e->machine.mef);
	else if (e->state == ENROLEE_MAF || e->state == ENROLEE_CONFIRMING)
		mmaf_sent(&e->machine.maf);
}

void enrolee_feed(struct enrolee *e, const struct mst_response *a, mst_ms now, mst_time utc)
{
	step(e, ENROLEE_EV_ANSWER, &(struct input){ .answer = a, .now = now, .utc = utc });
}

void enrolee_garbage(struct enrolee *e, const char *detail, mst_ms now, mst_time utc)
{
	step(e, ENROLEE_EV_GARBAGE, &(struct input){ .detail = detail, .now = now, .utc = utc });
}

void enrolee_lost(struct enrolee *e, enum prov_reason r, const char *detail, mst_ms now, mst_time utc)
{
	step(e, ENROLEE_EV_LOST, &(struct input){ .reason = r, .detail = detail, .now = now, .utc = utc });
}

void enrolee_saved(struct enrolee *e, mst_ms now, mst_time utc)
{
	step(e, ENROLEE_EV_SAVED, &(struct input){ .now = now, .utc = utc });
}

void enrolee_save_failed(struct enrolee *e, const char *detail, mst_ms now, mst_time utc)
{
	step(e, ENROLEE_EV_SAVE_FAILED, &(struct input){ .detail = detail, .now = now, .utc = utc });
}

void enrolee_tick(struct enrolee *e, mst_ms now, mst_time utc)
{
	step(e, ENROLEE_EV_TIMER, &(struct input){ .now = now, .utc = utc });
}

const struct mst_request *enrolee_request(const struct enrolee *e)
{
	if (e->state == ENROLEE_MEF)
		return mst_dialog_out(&e->machine.mef.dialog);
	if (e->state == ENROLEE_MAF || e->state == ENROLEE_CONFIRMING)
		return mst_dialog_out(&e->machine.maf.dialog);
	return NULL;
}

enum enrolee_want enrolee_want(const struct enrolee *e)
{
	switch (e->state) {
	case ENROLEE_MEF:
	case ENROLEE_MAF:
	case ENROLEE_CONFIRMING:
		if (!e->session_open)
			return ENROLEE_WANT_OPEN;
		return enrolee_request(e) ? ENROLEE_WANT_SEND : ENROLEE_WANT_ANSWER;
	case ENROLEE_SAVING_KEY:
	case ENROLEE_SAVING_KMID:
	case ENROLEE_SAVING_PROOF:
		return ENROLEE_WANT_SAVE;
	case ENROLEE_PROMOTING:
		return ENROLEE_WANT_PROMOTE;
	case ENROLEE_IDLE:
	case ENROLEE_DONE:
	case ENROLEE_FAILED:
	case ENROLEE_STATE__COUNT:
		break;
	}
	return ENROLEE_WANT_NOTHING;
}

enum enrolee_state enrolee_state(const struct enrolee *e)
{
	return e->state;
}

enum enrolee_point enrolee_point(const struct enrolee *e)
{
	return e->point;
}

mst_ms enrolee_deadline(const struct enrolee *e)
{
	if (enrolee_want(e) == ENROLEE_WANT_OPEN)
		return e->open_deadline;
	if (e->state == ENROLEE_MEF)
		return mmef_deadline(&e->machine.mef);
	if (e->state == ENROLEE_MAF || e->state == ENROLEE_CONFIRMING)
		return mmaf_deadline(&e->machine.maf);
	return MST_NEVER;
}

struct enrolee_session enrolee_session(const struct enrolee *e)
{
	struct enrolee_session s = { 0 };

	if (e->state == ENROLEE_MEF) {
		s = (struct enrolee_session){ .number = e->session, .host = e->mef.host, .port = e->mef.port };
	} else if (e->state == ENROLEE_MAF || e->state == ENROLEE_CONFIRMING) {
		/* The name is the MAF's identity; the URI says only where it listens. */
		s = (struct enrolee_session){ .number = e->session, .psk = true, .host = e->maf.host, .port = e->maf.port,
		                              .psk_identity = e->cred.key_id, .key = &e->cred.key };
	}
	return s;
}

const struct mst_root_cred *enrolee_credential(const struct enrolee *e)
{
	return &e->cred;
}

const struct mst_failure *enrolee_failure(const struct enrolee *e)
{
	return &e->failure;
}

struct mst_view enrolee_anchors(const struct enrolee *e)
{
	return (struct mst_view){ e->anchors, e->anchors_n };
}
