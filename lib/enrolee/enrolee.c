#include "enrolee/internal.h"

#include "crypto/derive.h"

#define MAF_BASE "/MAFBase"
#define MEF_BASE "/MEFBase"

struct input {
	uint8_t *exported;
	const struct mst_response *answer;
	const struct gba_context *context;
	const struct mst_key *key;
	enum prov_reason reason;
	const char *detail;
	mst_ms now;
	mst_time utc;
};
typedef enum enrolee_state handler(struct enrolee *e, const struct input *in);

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
		.job = MMEF_JOB_ENROL,
		.mef_fqdn = e->mef.host,
		.base = e->mef.path[0] ? e->mef.path : MEF_BASE,
		.from = e->from,
		.attempt = e->attempt,
		.admin_fqdn = e->admin_fqdn,
		.target = e->target,
		.suid = e->suid,
		/* Nothing proposed: as long as the provider gives. With an unset clock anything else could be
		   past. */
		.expires = e->expires ? e->expires : MST_TIME_MAX,
		.classes = e->cfg.classes,
		.port = e->mef.https,
		.quirks = e->cfg.quirks,
		.answer_ms = e->cfg.answer_ms,
	};
	struct mst_diag d = { 0 };

	(void)utc;
	mst_root_cred_wipe(&e->cred);
	if (!mmef_init(&e->machine.mef, &mc, &d))
		return failed(e, PROV_UNSUPPORTED, d.text);
	want_session(e, now);
	return ENROLEE_MEF;
}

static enum enrolee_state begin_gba(struct enrolee *e, mst_ms now)
{
	mst_root_cred_wipe(&e->cred);
	e->open_deadline = now + e->cfg.bootstrap_ms;
	return ENROLEE_BOOTSTRAPPING;
}

static enum enrolee_state begin_first(struct enrolee *e, mst_ms now, mst_time utc)
{
	return e->gba ? begin_gba(e, now) : begin_mef(e, now, utc);
}

/* A B-TID is spelled as it came; every other key id may have its hex spelled as the peer likes it. */
static bool put_identity(struct enrolee *e)
{
	if (mst_is_naf_key(&e->cred))
		return enrolee_spell_btid(e, e->cred.key_id, e->identity);
	mst_key_id_spell(e->cred.key_id, e->cfg.quirks && e->cfg.quirks->hex_lower, e->identity);
	return true;
}

static enum enrolee_state nobody(struct enrolee *e)
{
	return failed(e, e->gba ? PROV_UNSUPPORTED : PROV_MALFORMED,
		      e->gba ? "neither the BSF nor a setting (gba.cse_id, node_id) says who this node is to the MAF"
			     : "the MEF told us no identity to use with the MAF");
}

static enum enrolee_state begin_maf(struct enrolee *e, enum mmaf_job job, mst_ms now)
{
	const struct mst_root_cred *c = &e->cred;
	char from[MST_ID_MAX];
	struct mmaf_config mc = {
		.job = job,
		.maf_fqdn = c->maf_fqdn,
		.from = from,
		.attempt = e->attempt,
		.admin_fqdn = c->admin_fqdn,
		.expires = c->not_after,
		.reg_id = c->maf_reg_id,
		.btid = mst_is_naf_key(c) ? c->ke_id : NULL,         /* GBA: the KeID is a B-TID */
		.quirks = e->cfg.quirks,
		.answer_ms = e->cfg.answer_ms,
	};
	struct mst_diag d = { 0 };

	if (!enrolee_peer_of(mst_view_str(c->maf_uri), &e->maf))
		return failed(e, PROV_MALFORMED, "the MAF's URI is not https://fqdn[:port][/path], nor coaps");
	/* a NAF key is for one suite of TLS (TS 33.220 H.3) */
	if (e->maf.coap && (!e->cfg.coap || e->gba))
		return failed(e, PROV_UNSUPPORTED, e->gba ? "a key of GBA is used over HTTPS, and the MAF's URI is coaps" : "the MAF's URI is coaps, which is not built in");
	if (!put_identity(e))
		return failed(e, PROV_UNSUPPORTED, "the B-TID with its prefix is longer than a TLS identity may be: send it bare");
	mc.base = e->maf.path[0] ? e->maf.path : MAF_BASE;
	if (!enrolee_maf_from(c, from))
		return nobody(e);
	if (!mmaf_init(&e->machine.maf, &mc, &d))
		return failed(e, PROV_MALFORMED, d.text);
	want_session(e, now);
	return job == MMAF_JOB_REGISTER ? ENROLEE_MAF : ENROLEE_CONFIRMING;
}

/* Kpsa: to be proven in a session with the CSE. The same for a slot alone, so that it reads what the slot says. */
static enum enrolee_state begin_cse(struct enrolee *e, mst_ms now)
{
	if (!enrolee_https_of(mst_view_str(e->cred.registrar_poa[0]), &e->maf))
		return failed(e, PROV_MALFORMED, "the CSE's point of access is not https://fqdn[:port][/path]");
	if (!put_identity(e))
		return failed(e, PROV_UNSUPPORTED, "the B-TID with its prefix is longer than a TLS identity may be: send it bare");
	want_session(e, now);
	return ENROLEE_PROVING;
}

/* With a key that nobody has confirmed yet. */
static enum enrolee_state begin_use(struct enrolee *e, mst_ms now)
{
	if (e->cred.suid == MST_SUID_KPSA)
		return begin_cse(e, now);
	return begin_maf(e, e->cred.maf_reg_id[0] ? MMAF_JOB_CONFIRM : MMAF_JOB_REGISTER, now);
}

/* A slot's next step is written in the slot: confirmed, registered (with a KmID), or not. */
static enum enrolee_state begin_slot(struct enrolee *e, mst_ms now)
{
	e->resumed = true;
	if (e->cred.confirmed)
		return ENROLEE_PROMOTING;
	return begin_use(e, now);
}

/* GBA stage ------------------------------------------------------------------------------------------ */

/* The NAF key is there, and what it is for goes on: the MEF that is the NAF, or the pending slot. */
static enum enrolee_state keyed(struct enrolee *e, const struct mst_key *key, mst_ms now, mst_time utc)
{
	if (key->n != MST_KEY_LEN)
		return failed(e, PROV_INTERNAL, "a NAF key has 32 octets");
	e->point = ENROLEE_AT_NAF_KEYED;
	if (!e->via_mef) {
		e->cred.key = *key;
		return ENROLEE_SAVING_KEY;
	}
	e->naf_key = *key;
	if (!enrolee_spell_btid(e, e->btid, e->identity))
		return failed(e, PROV_UNSUPPORTED, "the B-TID with its prefix is longer than a TLS identity may be: send it bare");
	return begin_mef(e, now, utc);
}

static enum enrolee_state gba_done(struct enrolee *e, const struct input *in)
{
	const struct gba_context *x = in->context;
	struct mst_diag d = { 0 };
	char from[MST_ID_MAX];
	struct mst_key key;
	enum enrolee_state next;
	int r;

	e->point = ENROLEE_AT_BOOTSTRAPPED;
	e->server_time = x->bsf_time;
	if (!enrolee_put_naf(e, x))
		return failed(e, PROV_MALFORMED, "a name is too long");
	if (!e->via_mef && !enrolee_make_gba(e, x, in->utc, &d)) {
		struct mst_writer w;

		(void)failed(e, PROV_MALFORMED, "");
		w = mst_writer_of(e->failure.detail, sizeof(e->failure.detail) - 1);
		mst_put_str(&w, "the BSF's configuration: ");
		mst_put_str(&w, d.field);
		mst_put_str(&w, d.field[0] ? ": " : "");
		mst_put_str(&w, d.text);
		return ENROLEE_FAILED;
	}
	/* a slot that is of no use is not written: nothing is to stand in the way of the next answer, which may say it (lesson 3) */
	if (!e->via_mef && !enrolee_for_cse(e) && !enrolee_maf_from(&e->cred, from))
		return nobody(e);
	if (x->in_card)
		return ENROLEE_KEYING;
	r = enrolee_derive_naf(e, x, &key);
	next = r ? failed(e, PROV_INTERNAL, r > 0 ? "no key can be derived for this name" : "the crypto library failed") :
		   keyed(e, &key, in->now, in->utc);
	mst_key_wipe(&key);
	return next;
}

static enum enrolee_state card_keyed(struct enrolee *e, const struct input *in)
{
	return keyed(e, in->key, in->now, in->utc);
}

static enum enrolee_state gba_lost(struct enrolee *e, const struct input *in)
{
	return failed(e, in->reason, in->detail);
}

static enum enrolee_state gba_timer(struct enrolee *e, const struct input *in)
{
	return in->now >= e->open_deadline ? failed(e, PROV_TIMEOUT, "bootstrapping did not end in time") : e->state;
}

/* MEF stage ------------------------------------------------------------------------------------------ */

static enum enrolee_state mef_done(struct enrolee *e, mst_time utc)
{
	const struct mmef_result *r = &e->machine.mef.result;
	bool ok = enrolee_make_credential(e, utc) && enrolee_keep_anchors(e);
	int rc = ok ? enrolee_derive(e, &e->cred.key) : 0;

	e->server_time = r->server_time;
	e->retry_duration = r->retry_duration;
	e->commands_refused = r->commands_refused;
	e->command_waits = r->command_waits;
	e->other_ke_id = r->other_ke_id;
	mmef_deinit(&e->machine.mef);
	if (!ok)
		return failed(e, PROV_MALFORMED, "a name that the MEF told us is too long");
	if (rc)
		return failed(e, PROV_INTERNAL,
			      rc > 0 ? "Km cannot be derived for this MAF name"
				     : "the crypto library failed");
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

static enum enrolee_state registered(struct enrolee *e, mst_time utc)
{
	const struct mmaf_result *r = &e->machine.maf.result;
	struct mst_root_cred *c = &e->cred;

	e->point = ENROLEE_AT_MAF_REGISTERED;
	c->maf_reg = (struct mst_reg_term){ utc > c->obtained ? utc : c->obtained, r->reg_until };
	if (!mst_copy_text(c->key_id, sizeof(c->key_id), r->km_id) ||
	    !mst_copy_text(c->maf_reg_id, sizeof(c->maf_reg_id), r->reg_id))
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
 * not stand in the way for ever (lesson 3): once, back to the beginning. Unreachable and refused by policy are
 * no reason (lesson 6). Nor is that there is no common suite, which says nothing of the key; unless the settings name another suite by
 * now, for which that key of GBA is none (TS 33.220 H.3).
 */
static bool key_is_for_other_suite(const struct enrolee *e)
{
	return mst_is_naf_key(&e->cred) && memcmp(e->cred.ua, e->cfg.ua.b, sizeof(e->cred.ua)) != 0;
}

static bool slot_is_dead(const struct enrolee *e)
{
	return e->resumed && e->has_instruction &&
	       (e->failure.reason == PROV_NOT_AUTHENTICATED || e->failure.reason == PROV_UNKNOWN ||
		e->failure.reason == PROV_EXPIRED || (e->failure.reason == PROV_UNSUPPORTED && key_is_for_other_suite(e)));
}

static enum enrolee_state refused_again(struct enrolee *e, mst_ms now, mst_time utc)
{
	if (!slot_is_dead(e))
		return ENROLEE_FAILED;
	e->resumed = false;
	e->failure = (struct mst_failure){ 0 };
	e->point = ENROLEE_AT_NOTHING;
	return begin_first(e, now, utc);
}

static enum enrolee_state maf_moved(struct enrolee *e, mst_ms now, mst_time utc)
{
	struct mmaf *m = &e->machine.maf;

	if (mmaf_state(m) == MMAF_DONE)
		return e->state == ENROLEE_MAF ? registered(e, utc) : confirmed(e);
	if (mmaf_state(m) != MMAF_FAILED)
		return e->state;
	e->failure = *mmaf_failure(m);
	mmaf_deinit(m);
	return refused_again(e, now, utc);
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

/* CSE stage ------------------------------------------------------------------------------------------ */

/* TLS-PSK: that it is open is the proof, for both. */
static enum enrolee_state cse_opened(struct enrolee *e, const struct input *in)
{
	(void)in;
	return confirmed(e);
}

static enum enrolee_state cse_lost(struct enrolee *e, const struct input *in)
{
	(void)failed(e, in->reason, in->detail);
	return refused_again(e, in->now, in->utc);
}

static enum enrolee_state cse_timer(struct enrolee *e, const struct input *in)
{
	return in->now >= e->open_deadline ? failed(e, PROV_TIMEOUT, "the session with the CSE did not open in time") : e->state;
}

/* Saving --------------------------------------------------------------------------------------------- */

static enum enrolee_state key_saved(struct enrolee *e, const struct input *in)
{
	e->point = ENROLEE_AT_PENDING_SAVED;
	return begin_use(e, in->now);
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

static enum enrolee_state unsaved(struct enrolee *e, const struct input *in)
{
	return failed(e, PROV_STORAGE, in->detail);
}

/* Table ---------------------------------------------------------------------------------------------- */

static enum enrolee_state on_start(struct enrolee *e, const struct input *in)
{
	return begin_first(e, in->now, in->utc);
}

static enum enrolee_state ignore(struct enrolee *e, const struct input *in)
{
	(void)in;
	return e->state;
}

/* An input that our own shell may not give here. */
static enum enrolee_state never(struct enrolee *e, const struct input *in)
{
	(void)in;
	return failed(e, PROV_INTERNAL, "an input out of turn");
}

/* While saving, the session that just ended may still report: that is no news (ignore). */
static handler *const table[ENROLEE_STATE__COUNT][ENROLEE_EVENT__COUNT] = {
	/*                         START     OPENED      ANSWER      GARBAGE      LOST      SAVED        SAVE_FAILED TIMER      BOOTSTRAPPED KEYED */
	[ENROLEE_IDLE]          = { on_start, never,      ignore,     ignore,      ignore,   never,       never,      ignore,    never,       never },
	[ENROLEE_BOOTSTRAPPING] = { never,    never,      ignore,     ignore,      gba_lost, never,       never,      gba_timer, gba_done,    never },
	[ENROLEE_KEYING]        = { never,    never,      ignore,     ignore,      gba_lost, never,       never,      gba_timer, never,       card_keyed },
	[ENROLEE_MEF]           = { never,    mef_opened, mef_answer, mef_garbage, mef_lost, never,       never,      mef_timer, never,       never },
	[ENROLEE_SAVING_KEY]    = { never,    never,      ignore,     ignore,      ignore,   key_saved,   unsaved,    ignore,    never,       never },
	[ENROLEE_MAF]           = { never,    maf_opened, maf_answer, maf_garbage, maf_lost, never,       never,      maf_timer, never,       never },
	[ENROLEE_SAVING_KMID]   = { never,    never,      ignore,     ignore,      ignore,   kmid_saved,  unsaved,    ignore,    never,       never },
	[ENROLEE_CONFIRMING]    = { never,    maf_opened, maf_answer, maf_garbage, maf_lost, never,       never,      maf_timer, never,       never },
	[ENROLEE_PROVING]       = { never,    cse_opened, ignore,     ignore,      cse_lost, never,       never,      cse_timer, never,       never },
	[ENROLEE_SAVING_PROOF]  = { never,    never,      ignore,     ignore,      ignore,   proof_saved, unsaved,    ignore,    never,       never },
	[ENROLEE_PROMOTING]     = { never,    never,      ignore,     ignore,      ignore,   promoted,    unsaved,    ignore,    never,       never },
	[ENROLEE_DONE]          = { never,    ignore,     ignore,     ignore,      ignore,   ignore,      ignore,     ignore,    ignore,      ignore },
	[ENROLEE_FAILED]        = { never,    ignore,     ignore,     ignore,      ignore,   ignore,      ignore,     ignore,    ignore,      ignore },
};

static void enter(struct enrolee *e, enum enrolee_state next)
{
	e->state = next;
	if (next == ENROLEE_FAILED || next == ENROLEE_DONE) {
		/* What is durable lies in the slots; nothing of it stays here. */
		mst_wipe(&e->machine, sizeof(e->machine));
		mst_key_wipe(&e->cred.key);
		mst_key_wipe(&e->cred.ke);
		mst_key_wipe(&e->naf_key);
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

bool enrolee_start(struct enrolee *e, const struct mst_instruction *i, const char *attempt,
                   const struct mst_root_cred *pending, mst_ms now, mst_time utc, struct mst_diag *d)
{
	struct enrolee_config cfg = e->cfg;

	enrolee_deinit(e);                   /* re-usable after any end (lesson 1) */
	enrolee_init(e, &cfg);
	if (!enrolee_supports(&e->cfg, i, d))
		return false;
	if (!enrolee_take_instruction(e, i, attempt)) {
		mst_diag_set(d, 0, "uri", "too long", NULL);
		return false;
	}
	e->has_instruction = true;
	if (pending && enrolee_usable(pending, utc) && enrolee_fits(e, pending)) {
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
	if (!enrolee_usable(pending, utc) || !mst_copy_text(e->attempt, sizeof(e->attempt), pending->attempt))
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

void enrolee_bootstrapped(struct enrolee *e, const struct gba_context *x, mst_ms now, mst_time utc)
{
	step(e, ENROLEE_EV_BOOTSTRAPPED, &(struct input){ .context = x, .now = now, .utc = utc });
}

void enrolee_keyed(struct enrolee *e, const struct mst_key *key, mst_ms now, mst_time utc)
{
	step(e, ENROLEE_EV_KEYED, &(struct input){ .key = key, .now = now, .utc = utc });
}
