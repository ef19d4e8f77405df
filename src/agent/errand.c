/* One errand: carries out what lib/enrolee wants, and tells the engine (or the slot logic) how it ended. */
#include "agent/card.h"
#include "agent/inside.h"
#include "agent/ub.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "crypto/derive.h"

static void close_session(struct agent *a)
{
	a->client = mst_client_free(a->client);
}

void errand_drop(struct agent *a)
{
	close_session(a);
	a->tls_mef = mst_tls_ctx_free(a->tls_mef);
	if (a->errand != AGENT_NO_ERRAND) {
		ub_drop(a);
		card_forget(a);
	}
	a->errand_waits = false;
	a->session = 0;
	a->errand = AGENT_NO_ERRAND;
	upkeep_drop(a);
	a->seen_point = ENROLEE_AT_NOTHING;
	enrolee_deinit(a->enrolee);
}

static void begin(struct agent *a, enum agent_errand errand)
{
	struct enrolee_peer bsf;
	bool tls;
	struct enrolee_config c = {
		.crypto = a->crypto, .methods = agent_bootstrap_methods(a), .coap = true, .from = a->from, .kpm_id = a->cfg.psk_identity,
		.quirks = &a->quirks, .open_ms = a->cfg.open_timeout * 1000, .answer_ms = a->cfg.answer_timeout * 1000, .classes = COMMAND_CLASSES,
	};

	a->quirks = agent_config_quirks(&a->cfg);
	if (!card_ua(&a->cfg, &c.ua))
		c.methods &= ~(UINT32_C(1) << MST_METHOD_GBA);       /* the configuration was looked at: it is one */
	c.digest = card_digest(c.ua.b);
	if (enrolee_bsf_of(mst_view_str(a->cfg.gba_bsf), &bsf, &tls)) {
		memcpy(a->bsf_host, bsf.host, sizeof(a->bsf_host));
		c.bsf_host = a->bsf_host;
	}
	c.own_cse_id = a->cfg.gba_cse_id;
	c.psk_separator = agent_config_separator(&a->cfg);
	c.bootstrap_ms = ub_ms(&a->cfg);
	errand_drop(a);
	a->errand = errand;
	a->doing = ENROLEE_STEP_NONE;
	enrolee_init(a->enrolee, &c);
}

/* The way a run's errand ends without success. The slot keeps what it has: a later run goes on from it. */
static void run_failed(struct agent *a, enum prov_reason r, const char *detail, int64_t retry_after)
{
	const struct prov_report *all;
	size_t report = prov_reports(a->prov, &all);
	enum enrolee_step step = a->doing;

	agent_log(a, AGENT_WARN, "instruction-failed", "reason", prov_reason_text(r), "step",
		  enrolee_step_text(step), "detail", detail, "attempt", prov_attempt(a->prov), NULL);
	errand_drop(a);
	upkeep_run_failed(a, retry_after);
	prov_failed(a->prov, r, detail, retry_after, agent_now(), agent_utc_or_0(a), agent_random(a));
	record_failed(a, report, step);
}

/* PROV_OK, or why it cannot be begun, with `text`. */
static enum prov_reason follow(struct agent *a, const struct mst_instruction *i, const char *attempt, char text[MST_DIALOG_DETAIL])
{
	struct mst_diag d = { 0 };
	struct enrolee_peer mef;
	bool coap = enrolee_peer_of(i->uri, &mef) && mef.coap;
	/* the key itself authenticates that peer: neither anchors nor the time count */
	int r = i->method == MST_METHOD_PSK || i->method == MST_METHOD_GBA ? 0 : session_tls_mef(a, i, coap, &a->tls_mef, &a->pins_mef, &d);

	if (r) {
		snprintf(text, MST_DIALOG_DETAIL, "%.191s", r > 0 ? d.text : mst_fault_text(r));
		return r > 0 ? PROV_MALFORMED : PROV_INTERNAL;
	}
	if (enrolee_start(a->enrolee, i, attempt, a->has_pending ? &a->pending : NULL, agent_now(), agent_utc(a), &d))
		return PROV_OK;
	snprintf(text, MST_DIALOG_DETAIL, "%.40s: %.100s", d.field, d.text);
	return PROV_UNSUPPORTED;
}

void errand_start(struct agent *a, const struct mst_instruction *i)
{
	char text[MST_DIALOG_DETAIL];
	enum prov_reason r;

	begin(a, AGENT_RUN);
	a->serial = prov_serial(a->prov);
	upkeep_tries(a, i);
	r = follow(a, i, prov_attempt(a->prov), text);
	if (r)
		run_failed(a, r, text, 0);
}

void errand_keep(struct agent *a, const struct mst_instruction *i, const char *attempt)
{
	struct mst_failure f = { .reason = PROV_OK };
	struct agent_upkeep *kept = a->upkeep;

	a->upkeep = NULL;        /* what begin() drops is somebody else's */
	begin(a, AGENT_KEEP);
	a->upkeep = kept;
	f.reason = follow(a, i, attempt, f.detail);
	if (!f.reason)
		return;
	upkeep_ended(a, false, &f, ENROLEE_STEP_NONE);
	errand_drop(a);
}

void errand_finish_pending(struct agent *a)
{
	begin(a, AGENT_FINISH);
	a->finishing_first = !a->has_active;
	if (strcmp(a->pending.attempt, json_string_value(json_object_get(a->record, "attempt"))))
		record_begin(a, a->pending.attempt, "pending-slot");
	agent_log(a, AGENT_INFO, "finishing", "key", a->pending.key_id, "attempt", a->pending.attempt, NULL);
	if (!enrolee_resume(a->enrolee, &a->pending, agent_now(), agent_utc(a))) {
		agent_log(a, AGENT_INFO, "pending-dropped", "why", "it has ended, or names no node", NULL);
		a->has_pending = false;
		mst_root_cred_wipe(&a->pending);
		errand_drop(a);
	}
}

/* Session callbacks ---------------------------------------------------------------------------------- */

static void on_open(void *owner, struct mst_client *c)
{
	uint8_t exported[MST_EXPORT_LEN];
	struct agent *a = owner;
	bool exports = enrolee_session(a->enrolee).exports;
	const struct mst_peer *peer = mst_client_peer(c);
	const char *label = a->quirks.mef_label == MST_MEF_LABEL_CONNECTION ? MST_LABEL_CONNECTION : MST_LABEL_BOOTSTRAP;

	a->server_not_after = exports ? session_speaks_until(peer) : 0;
	if (exports && mst_client_export(c, label, exported, sizeof(exported)) != 0) {
		enrolee_lost(a->enrolee, PROV_INTERNAL, "the key could not be exported from the session",
			     agent_now(), agent_utc(a));
	} else {
		enrolee_opened(a->enrolee, exports ? exported : NULL, agent_now(), agent_utc(a));
	}
	mst_wipe(exported, sizeof(exported));
	agent_turn(a);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct agent *a = owner;
	struct mst_response answer;
	struct mst_diag d = { 0 };

	(void)c;
	if (session_answer(m, &answer, &d) == 0)
		enrolee_feed(a->enrolee, &answer, agent_now(), agent_utc(a));
	else
		enrolee_garbage(a->enrolee, d.text, agent_now(), agent_utc(a));
	agent_turn(a);
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct agent *a = owner;
	char text[MST_DIALOG_DETAIL], end[MST_DIALOG_DETAIL];
	bool root = enrolee_session(a->enrolee).psk && !enrolee_session(a->enrolee).exports, proven;     /* with MAF or CSE */

	/* The instruction names the MEF only; who failed may be the MAF that it led to. */
	session_detail(end, sizeof(end), why, detail);
	snprintf(text, sizeof(text), "at %.80s (%s): %.90s", enrolee_session(a->enrolee).host,
		 enrolee_step_text(enrolee_step(a->enrolee)), end);
	proven = mst_client_proven(c);
	close_session(a);
	if (why == MST_TLS_EXPIRED)
		agent_doubt_time(a);
	if (!enrolee_session(a->enrolee).psk && enrolee_point(a->enrolee) <= ENROLEE_AT_MEF_OPENED)
		(void)own_session_ended(a, why, proven);
	enrolee_lost(a->enrolee, root ? session_root_reason(why) : session_reason(why), text, agent_now(), agent_utc(a));
	agent_turn(a);
}

static const struct mst_client_ops session_ops = { on_open, on_response, on_end };

/* Wants ---------------------------------------------------------------------------------------------- */

static void open_wanted(struct agent *a)
{
	struct enrolee_session s = enrolee_session(a->enrolee);
	struct mst_diag d = { 0 };
	struct mst_key secret = { .n = 0 };
	int r = 0;

	close_session(a);
	a->session = s.number;
	agent_log(a, AGENT_DEBUG, "opening", "host", s.host, "identity",
		  s.psk ? s.psk_identity : "certificate", NULL);
	if (s.psk && !s.key)             /* the maker's secret, here for this session alone */
		r = inside_secret(a, &secret, &d);
	if (!r && s.psk)
		r = session_open_key(a, a, s.at, s.ua, s.key ? s.key : &secret, s.psk_identity, &session_ops, &a->client);
	else if (!r)
		r = a->tls_mef ? session_open(a, a, s.at, a->tls_mef, &a->pins_mef, NULL, NULL, &session_ops, &a->client) : MST_FAULT_CRYPTO;
	mst_key_wipe(&secret);
	if (r)
		enrolee_lost(a->enrolee, PROV_INTERNAL, inside_words(r, &d), agent_now(), agent_utc(a));
}

/* What the errand follows; NULL: nothing, it finishes what is in the slot. */
static const struct mst_instruction *instruction(const struct agent *a)
{
	return a->errand == AGENT_RUN ? prov_current(a->prov) : a->errand == AGENT_KEEP ? upkeep_instruction(a) : NULL;
}

static void bootstrapped(struct agent *a, const struct ub_outcome *o)
{
	a->errand_waits = false;
	if (!o->reason) {
		enrolee_bootstrapped(a->enrolee, o->context, agent_now(), agent_utc(a));
		return;
	}
	a->bsf_retry_after = o->retry_after;
	enrolee_lost(a->enrolee, o->reason, o->detail, agent_now(), agent_utc(a));
}

static void bootstrap_wanted(struct agent *a)
{
	const char *uri = enrolee_bsf(a->enrolee);
	const struct gba_context *x = ub_kept(a, *uri ? uri : a->cfg.gba_bsf);

	if (x) {
		agent_log(a, AGENT_INFO, "bootstrapped-already", "btid", x->btid, NULL);
		enrolee_bootstrapped(a->enrolee, x, agent_now(), agent_utc(a));
		return;
	}
	a->errand_waits = true;
	ub_start(a, uri, *uri ? instruction(a) : NULL, UB_KEY, bootstrapped);
}

static void card_keyed(struct agent *a, const struct card_reply *r)
{
	char words[MST_DIALOG_DETAIL];

	a->errand_waits = false;
	if (r->r == 0) {
		enrolee_keyed(a->enrolee, &r->key, agent_now(), agent_utc(a));
	} else {
		card_words(r, words, sizeof(words));
		enrolee_lost(a->enrolee, card_reason(r->r), words, agent_now(), agent_utc(a));
	}
}

static void naf_key_wanted(struct agent *a)
{
	struct enrolee_naf naf = enrolee_naf(a->enrolee);
	struct card_question q = { .job = CARD_NAF_KEY, .naf_id_n = naf.naf_id.n };

	memcpy(q.naf_id, naf.naf_id.p, naf.naf_id.n);
	snprintf(q.impi, sizeof(q.impi), "%s", naf.impi);
	a->errand_waits = true;
	if (card_ask(a, &q, card_keyed)) {
		a->errand_waits = false;
		enrolee_lost(a->enrolee, PROV_INTERNAL, "the card could not be asked", agent_now(), agent_utc(a));
	}
}

static void send_wanted(struct agent *a)
{
	const struct mst_request *q = enrolee_request(a->enrolee);

	if (a->client && session_send(a->client, q, enrolee_session(a->enrolee).host))
		enrolee_sent(a->enrolee);
	else
		enrolee_lost(a->enrolee, PROV_INTERNAL, "the request could not be sent", agent_now(),
			     agent_utc(a));
}

/* The anchors that came with the configuration, for those who talk to the registrar: u16 length, DER, … */
static int save_anchors(struct agent *a, struct mst_diag *d)
{
	struct mst_view v = enrolee_anchors(a->enrolee);

	return v.n ? a->env->ops->store_blob(a->env, "anchors", v, d) : 0;
}

static void save_wanted(struct agent *a)
{
	uint64_t generation =
		a->active.generation > a->pending.generation ? a->active.generation : a->pending.generation;
	struct mst_diag d = { 0 };
	int r;

	close_session(a);
	a->pending = *enrolee_credential(a->enrolee);
	a->pending.generation = generation + 1;
	a->has_pending = true;
	r = save_anchors(a, &d);
	if (!r && instruction(a)) {
		r = origin_keep(a, instruction(a), a->pending.attempt, &d);
		if (!r)
			agent_point(a, "origin-kept");
	}
	if (!r)
		r = a->env->ops->store(a->env, MST_SLOT_PENDING, &a->pending, &d);
	if (r)
		enrolee_save_failed(a->enrolee, r > 0 ? d.text : mst_fault_text(r), agent_now(),
				    agent_utc(a));
	else
		enrolee_saved(a->enrolee, agent_now(), agent_utc(a));
}

static void promote_wanted(struct agent *a)
{
	bool other_mef = a->has_active && strcmp(a->active.mef_fqdn, a->pending.mef_fqdn) != 0;
	struct mst_diag d = { 0 };
	int r;

	close_session(a);
	r = leave_keep(a, &d);
	if (!r)
		r = a->env->ops->promote(a->env, &d);
	if (r) {
		enrolee_save_failed(a->enrolee, r > 0 ? d.text : mst_fault_text(r), agent_now(),
				    agent_utc(a));
		return;
	}
	mst_root_cred_wipe(&a->active);
	a->active = a->pending;
	inside_put_away(a);
	a->has_active = true;
	a->active_damaged = a->pending_damaged = a->has_pending = false;
	json_decref(a->damage);
	a->damage = NULL;
	mst_root_cred_wipe(&a->pending);
	agent_point(a, "slots-changed");
	/* certificates that the old MEF issued prove the node to nobody else; own_load() does it when the power goes before */
	for (int s = 0; other_mef && s < OWN__COUNT; s++)
		own_forget(a, (enum own_slot)s);
	enrolee_saved(a->enrolee, agent_now(), agent_utc(a));
}

static void ended(struct agent *a)
{
	struct mst_failure f = *enrolee_failure(a->enrolee);
	bool done = enrolee_state(a->enrolee) == ENROLEE_DONE;
	enum agent_errand errand = a->errand;

	if (a->enrolee->commands_refused)
		agent_log(a, AGENT_WARN, "command-refused", "why",
			  "the MEF gave a command of a class that is not built in", NULL);
	if (a->enrolee->other_ke_id)
		agent_log(a, AGENT_WARN, "other-key-id", "key", a->enrolee->cred.ke_id, NULL);
	/* what the NAF does not take is of no use to a later instruction either, and what it has taken has done its work */
	if (done || f.reason == PROV_NOT_AUTHENTICATED || f.reason == PROV_UNKNOWN)
		ub_forget(a);
	if (!done && a->bsf_retry_after)
		f.retry_after = a->bsf_retry_after;
	a->bsf_retry_after = 0;
	if (errand == AGENT_RUN && !done) {
		run_failed(a, f.reason, f.detail, f.retry_after);
		return;
	}
	if (errand == AGENT_FINISH) {
		record_report(a, agent_target_uri(done ? &a->active : &a->pending), done ? PROV_OK : f.reason,
			      done ? "" : f.detail, done ? ENROLEE_STEP_NONE : a->doing);
		record_end(a, done ? "enrolled" : "failed");
	}
	if (done) {
		visit_soon(a, a->enrolee->command_waits ? 0 : a->enrolee->retry_duration >= 0 ? a->enrolee->retry_duration : a->commands_every);
		once_did(a, true, "root key", a->active.key_id);
		agent_log(a, AGENT_INFO, "enrolled", "key", a->active.key_id, "target", agent_target(&a->active),
			  "cse", a->active.cse_id, "attempt", a->active.attempt, NULL);
	}
	if (errand == AGENT_KEEP)
		upkeep_ended(a, done, &f, done ? ENROLEE_STEP_NONE : a->doing);
	errand_drop(a);
	if (errand == AGENT_FINISH && !done)
		agent_log(a, AGENT_WARN, "finishing-failed", "reason", prov_reason_text(f.reason), "detail",
			  f.detail, NULL);
	if (errand == AGENT_RUN)
		prov_succeeded(a->prov, agent_now(), agent_utc_or_0(a), agent_random(a));
	else if (errand == AGENT_FINISH)
		agent_finished(a, done, f.reason);
}

static void note_point(struct agent *a)
{
	enum enrolee_point p = enrolee_point(a->enrolee);

	record_step(a);
	if (p == a->seen_point)
		return;
	a->seen_point = p;
	if (a->enrolee->server_time)
		agent_learn_time(a, a->enrolee->server_time);
	if (p != ENROLEE_AT_NOTHING)
		agent_point(a, enrolee_point_text(p));
}

void errand_drive(struct agent *a)
{
	for (;;) {
		note_point(a);
		if (a->errand_waits)
			return;
		switch (enrolee_want(a->enrolee)) {
		case ENROLEE_WANT_BOOTSTRAP:
			bootstrap_wanted(a);
			break;
		case ENROLEE_WANT_NAF_KEY:
			naf_key_wanted(a);
			break;
		case ENROLEE_WANT_OPEN:
			if (a->session == enrolee_session(a->enrolee).number)
				return;
			open_wanted(a);
			break;
		case ENROLEE_WANT_SEND:
			send_wanted(a);
			break;
		case ENROLEE_WANT_SAVE:
			save_wanted(a);
			break;
		case ENROLEE_WANT_PROMOTE:
			promote_wanted(a);
			break;
		case ENROLEE_WANT_ANSWER:
			return;
		case ENROLEE_WANT_NOTHING:
			ended(a);
			return;
		}
	}
}
