/*
 * Visits to the MEF after the enrolment: to ask for commands, to carry CERT_PROV out (TS-0003 8.3.9.7), to renew the
 * certificate that came of it, and to show the new one for the first time. One at a time, each a session of its own.
 *
 *   COMMANDS  Command Retrieve; a CERT_PROV is carried out by EST inside the session; reported with 20, 100 or 101. A request
 *             that waits for approval is not reported: the MEF issues the command again at the next visit. DEV_CFG and
 *             MO_NODE are carried out by order.c, inside the session as far as they need the MEF
 *             A MEF that is visited by CoAP is visited by HTTPS for what EST does.
 *   RENEW     simplereenroll in a session with the certificate that is to be renewed; where the maker's secret proves both ends
 *             there is none, and simpleenroll asks for the next one, for the same name
 *   ANEW      the same with the initial certificate, when the one in use has ended or is refused: the last resort (lesson 9)
 *   PROVE     cacerts in a session with the new one; then it is the active one (lesson 4)
 */
#include "agent/inside.h"
#include "agent/order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/derive.h"

#define AGAIN_S 600                  /* a visit that failed is repeated after this, or at the next regular one */
#define RESUME_S 2                   /* after a start, for what was left unfinished */
#define PROOFS_MAX 3                 /* refused proofs after which a new certificate is given up */

enum visit_job { VISIT_COMMANDS, VISIT_RENEW, VISIT_ANEW, VISIT_PROVE };
static const char *const job_name[] = { "commands", "renew", "anew", "prove" };

struct agent_visit {
	enum visit_job job;
	struct mmef mef;             /* COMMANDS */
	bool mef_runs, est_runs;
	struct est est;
	struct est_port port;
	struct mst_client *client;
	struct mst_tls_ctx *tls;
	struct session_pins pins;
	char host[MST_ID_MAX], base[MST_ID_MAX], from[MST_ID_MAX];
	uint16_t tcp;
	bool coap;                   /* the session is CoAP's, and EST is not there (RFC 7030) */
	bool exported, has_key;      /* the session's key; it is not used up yet */
	uint8_t rel[MST_REL_ID_LEN];
	struct mst_key ke;
	uint8_t ca[MST_BAG_MAX];     /* what cacerts gave, in one piece */
	struct mst_bag bag;
	bool refused;                /* our certificate was not taken: the next visit shows another one */
	bool no;                     /* the renewal's request was refused: the next one wants another key */
	bool opened, answered;       /* answered: in TLS 1.3 a refused certificate shows after the opening only */
};

static bool renews(enum visit_job job)
{
	return job == VISIT_RENEW || job == VISIT_ANEW;
}

/* Where what is asked for waits. */
static enum own_slot slot_of(const struct agent_visit *v)
{
	return renews(v->job) ? OWN_RENEWAL : OWN_REQUEST;
}

void visit_drop(struct agent *a)
{
	struct agent_visit *v = a->visit;

	a->visit = NULL;
	order_drop(a);
	if (!v)
		return;
	mst_client_free(v->client);
	mst_tls_ctx_free(v->tls);
	if (v->mef_runs)
		mmef_deinit(&v->mef);
	mst_wipe(v, sizeof(*v));
	free(v);
}

/* --- what EST needs keys and ASN.1 for --- */

static const char *port_attrs(void *ctx, struct mst_view der, struct est_attrs *ret)
{
	struct mst_csr_attrs a;

	(void)ctx;
	if (mst_csr_attrs_read(der, &a))
		return "not what RFC 7030 4.5.2 describes";
	ret->has_name = a.has_san;
	ret->name.kind = a.san.kind;
	memcpy(ret->name.value, a.san.value, sizeof(ret->name.value));
	ret->has_challenge = a.has_challenge;
	memcpy(ret->challenge, a.challenge, sizeof(ret->challenge));
	return NULL;
}

/* A cmdID is one of its registration only. */
static void command_name(const struct agent *a, char out[128])
{
	snprintf(out, 128, "%.63s %.63s", a->active.mef_reg_id, a->visit->mef.result.cert_prov.cmd_id);
}

static const char *port_csr(void *ctx, const struct est_name *name, const char *challenge, uint8_t *out, size_t cap, size_t *ret_n)
{
	struct agent *a = ctx;
	const struct own_cert *c = &a->own.slot[slot_of(a->visit)];
	struct mst_diag d = { 0 };
	char command[128] = "";
	int r;

	if (a->visit->job == VISIT_COMMANDS)
		command_name(a, command);
	r = own_request(a, slot_of(a->visit), name, *challenge ? challenge : NULL, command, &d);
	if (!r && c->csr_n > cap)
		r = MST_FAULT_BUG;
	if (r) {
		agent_log(a, AGENT_ERROR, "key", "why", inside_words(r, &d), "remedy", agent_store_remedy(r), NULL);
		return "the secure environment made no key, did not sign with it or did not keep the request";
	}
	memcpy(out, c->csr, c->csr_n);
	*ret_n = c->csr_n;
	agent_point(a, "cert-requested");
	return NULL;
}

static const char *port_ca(void *ctx, struct mst_view bag)
{
	struct agent_visit *v = ((struct agent *)ctx)->visit;

	return mst_bag_read(bag, v->ca, sizeof(v->ca), &v->bag) ? "not a bag of certificates" : NULL;
}

static bool of_that_ca(const struct agent_visit *v, struct mst_view der)
{
	for (size_t i = 0; i < v->bag.n; i++)
		if (mst_cert_fits(der, v->bag.cert[i]))
			return true;
	return false;
}

static const char *port_issued(void *ctx, struct mst_view bag)
{
	struct agent *a = ctx;
	struct own_cert c = a->own.slot[slot_of(a->visit)];
	struct mst_secenv_key old = { .n = 0 };
	uint8_t out[MST_BAG_MAX], ours[MST_SPKI_MAX], theirs[MST_SPKI_MAX];
	struct mst_cert_info info;
	struct mst_diag d = { 0 };
	struct mst_bag b;
	const char *why = NULL;
	size_t n = 0, m = 0;

	if (mst_bag_read(bag, out, sizeof(out), &b) || b.cert[0].n > sizeof(c.der) || mst_cert_info(b.cert[0], &info, NULL))
		why = "not a bag with one certificate";
	else if (a->env->ops->key_public(a->env, &c.key, ours, sizeof(ours), &n, NULL) ||
		 mst_cert_public(b.cert[0], theirs, sizeof(theirs), &m) || n != m || memcmp(ours, theirs, n))
		why = "not for our key";
	else if (!mst_cert_names(&info, c.name.kind, c.name.value))
		why = "not for the name that was asked for";
	else if (!of_that_ca(a->visit, b.cert[0]))
		why = "not of the MEF's CA";
	else if (info.not_after <= agent_utc(a))
		why = "over already";
	if (!why) {
		memcpy(c.der, b.cert[0].p, c.der_n = b.cert[0].n);
		c.csr_n = 0;
		c.obtained = agent_utc(a);
		c.not_after = info.not_after;
		old = a->own.slot[OWN_PENDING].key;
		a->own.slot[OWN_PENDING] = c;
		if (own_store(a, OWN_PENDING, &d)) {
			own_wipe(&a->own.slot[OWN_PENDING]);
			why = "it cannot be stored";
		} else {
			agent_point(a, "cert-saved");
			own_forget(a, slot_of(a->visit));
			own_release(a, &old);
		}
	}
	own_wipe(&c);
	mst_wipe(&old, sizeof(old));
	return why;
}

/* --- driving --- */

static bool begin_est(struct agent *a, enum est_job job, const char *path, const struct est_name *name, struct mst_view csr)
{
	struct agent_visit *v = a->visit;
	char host[MST_ID_MAX + 8];
	struct est_config c = { .job = job, .host = host, .base = path, .name = *name, .csr = csr, .port = &v->port,
				.answer_ms = a->cfg.answer_timeout * 1000 };

	snprintf(host, sizeof(host), v->tcp == 443 ? "%s" : "%s:%u", v->host, v->tcp);
	v->port = (struct est_port){ a, port_attrs, port_csr, port_ca, port_issued };
	v->est_runs = est_init(&v->est, &c);
	if (v->est_runs)
		est_opened(&v->est, agent_now());
	return v->est_runs;
}

/* The MEF's command: carried out before, or to be carried out now. */
static void executed(struct agent *a, int64_t status, int64_t again, const char *detail)
{
	const struct mmef_command *c = &a->visit->mef.result.command;

	if (status && c->class_id == MST_CMD_CERT_PROV)
		order_note(a, c->cmd_id, c->class_id, a->visit->mef.result.cert_prov.subject_id, status, detail);
	mmef_executed(&a->visit->mef, status, again, agent_now());
}

static void execute_cert_prov(struct agent *a)
{
	const struct mmef_cert_prov *p = &a->visit->mef.result.cert_prov;
	const struct own_cert *old = &a->own.slot[OWN_REQUEST];
	struct mst_view csr = MST_VIEW_NONE;
	struct est_name name;
	char command[128];

	command_name(a, command);
	for (int s = OWN_ACTIVE; s <= OWN_PENDING; s++)
		if (a->own.slot[s].there && !strcmp(a->own.slot[s].cmd_id, command)) {
			/* our report was lost (rule 7 of the command channel) */
			executed(a, MST_CMD_OK, 0, "");
			return;
		}
	if (!est_name_of(p->subject_type, mst_view_str(p->subject_id), &name)) {
		executed(a, MST_CMD_UNACCEPTABLE, 0, "that name can stand in no certificate");
		return;
	}
	if (old->there && old->name.kind == name.kind && !strcmp(old->name.value, name.value))
		csr = (struct mst_view){ old->csr, old->csr_n };
	if (a->visit->coap) {
		/* not reported, so that the MEF gives it again: to a visit by HTTPS, at once */
		a->visit_https = true;
		executed(a, 0, 1, "");
		return;
	}
	if (!begin_est(a, EST_JOB_ENROLL, p->path, &name, csr))
		executed(a, MST_CMD_CERT_CLIENT, 0, "the request could not be begun");
}

static struct order_mef session_of(const struct agent_visit *v)
{
	return (struct order_mef){ .host = v->host, .base = v->base, .from = v->from, .rel = v->has_key ? v->rel : NULL,
				   .ke = v->has_key ? &v->ke : NULL };
}

static void execute(struct agent *a)
{
	struct agent_visit *v = a->visit;
	struct order_mef mef = session_of(v);

	if (v->mef.result.command.class_id == MST_CMD_CERT_PROV) {
		execute_cert_prov(a);
		return;
	}
	order_begin(a, &v->mef.result.command, &mef);
	if (!a->order)       /* no memory: given again */
		mmef_executed(&v->mef, 0, AGAIN_S, agent_now());
}

/* True when something was done. */
static bool drive_order(struct agent *a)
{
	struct agent_visit *v = a->visit;
	const struct mst_request *q;
	int64_t status;

	if (order_ended(a, &status)) {
		if (order_used_key(a))
			v->has_key = false;
		order_drop(a);
		/* a renewal comes after the commands: then there is nobody to report to, and this changes nothing */
		mmef_executed(&v->mef, status, 0, agent_now());
		return true;
	}
	q = order_request(a);
	if (!q)
		return false;
	if (session_send(v->client, q, v->host))
		order_sent(a);
	else
		order_lost(a, "the request could not be sent");
	return true;
}

static void plan(struct agent *a, int64_t seconds)
{
	a->visit_at = agent_now() + (seconds < 1 ? 1 : seconds > 30 * 86400 ? 30 * 86400 : seconds) * 1000;
}

static void proven(struct agent *a, bool good, bool answered)
{
	struct mst_diag d = { 0 };

	if (good) {
		int r = own_promote(a, &d);

		if (r)
			agent_log(a, AGENT_ERROR, "certificate-not-promoted", "why", agent_why(&d, r), NULL);
		else
			agent_log(a, AGENT_INFO, "certificate-in-use", "name", a->own.slot[OWN_ACTIVE].name.value, NULL);
		once_did(a, true, "certificate", a->own.slot[OWN_ACTIVE].name.value);
		agent_point(a, "cert-promoted");
		a->proofs_failed = 0;
	} else if (answered || ++a->proofs_failed >= PROOFS_MAX) {
		agent_log(a, AGENT_WARN, "certificate-given-up", "why", "the MEF does not take it; the one before it stays", NULL);
		own_forget(a, OWN_PENDING);
		a->proofs_failed = 0;
	}
}

static void est_over(struct agent *a)
{
	struct agent_visit *v = a->visit;
	bool done = v->est.state == EST_DONE, later = v->est.state == EST_LATER;

	v->est_runs = false;
	agent_log(a, done || later ? AGENT_INFO : AGENT_WARN, "est", "for", job_name[v->job], "end", est_state_text(v->est.state), "detail",
		  v->est.detail, NULL);
	if (v->est.state == EST_FAILED && v->job != VISIT_PROVE && !strncmp(v->est.detail, "the MEF refused: 4", 18)) {
		v->no = renews(v->job) && a->own.slot[OWN_RENEWAL].there;
		own_forget(a, slot_of(v));       /* this request leads nowhere: the next one is made anew (lesson 3) */
	}
	if (v->job == VISIT_PROVE)
		proven(a, done, v->answered);
	if (v->job == VISIT_COMMANDS)
		executed(a, done ? MST_CMD_OK : later ? 0 : v->est.blame == EST_BLAME_CLIENT ? MST_CMD_CERT_CLIENT : MST_CMD_CERT_SERVER,
			 v->est.retry_after, done ? "" : v->est.detail);
}

static void over(struct agent *a)
{
	struct agent_visit *v = a->visit;
	bool renewal = renews(v->job), good = v->job == VISIT_COMMANDS ? mmef_state(&v->mef) == MMEF_DONE : v->est.state == EST_DONE;
	int64_t again = v->job == VISIT_COMMANDS && good ? v->mef.result.retry_duration :
			v->est.state == EST_LATER ? v->est.retry_after : v->refused ? 1 : v->no ? own_renewal_refused(a) : AGAIN_S;
	bool at_once;

	if (v->job == VISIT_COMMANDS && !good)
		agent_log(a, AGENT_WARN, "visit", "why", mmef_failure(&v->mef)->detail, NULL);
	if (renewal && !good) {
		a->own.renew_at = agent_utc(a) + again;
		if (!v->refused)             /* else another one is shown at once */
			once_did(a, false, "certificate", v->est.detail);
	}
	if (v->job == VISIT_COMMANDS && good && again)
		a->commands_every = again;
	at_once = v->job == VISIT_COMMANDS && good && !again;
	if (v->job == VISIT_COMMANDS && good)
		managed_visited(a, again);
	/* a key is renewed in a session of a visit for commands; without one it waits like that visit */
	if (v->job == VISIT_COMMANDS && (!good || !v->exported))
		managed_put_off(a->managed, agent_utc(a), agent_utc(a) + AGAIN_S);
	a->show = NULL;
	a->visit_https = a->visit_https && v->coap;
	visit_drop(a);
	if (at_once)
		a->visit_at = agent_now();   /* a command wants a session of its own */
	else if (good || !renewal)           /* a renewal that fails has a time of its own, and commands keep theirs: they may be what it waits for */
		plan(a, good ? a->commands_every : again);
	if (good && a->own.slot[OWN_PENDING].there)
		a->visit_at = agent_now();
}

/* A key that MO_NODE had registered comes to its end: a new one, in this session while its own key has not been used. */
static bool renew_key(struct agent *a)
{
	struct order_mef mef = session_of(a->visit);

	return mmef_state(&a->visit->mef) == MMEF_DONE && a->visit->mef.result.retry_duration && a->visit->client && mef.rel && order_renew(a, &mef);
}

static void drive(struct agent *a)
{
	const struct mst_request *q = NULL;
	struct agent_visit *v;

	while ((v = a->visit) && v->opened) {
		if (v->est_runs) {
			struct mst_view out = est_request(&v->est);

			if (est_ended(&v->est))
				est_over(a);
			else if (!out.n)
				return;
			else if (mst_client_send(v->client, out) == 0)
				est_sent(&v->est);
			else
				est_lost(&v->est, "the request could not be sent", agent_now());
			continue;
		}
		if (v->job != VISIT_COMMANDS) {
			over(a);
			return;
		}
		if (a->order) {
			if (!drive_order(a))
				return;
			continue;
		}
		switch (mmef_want(&v->mef, &q)) {
		case MMEF_WANT_SESSION:
		case MMEF_WANT_ANSWER: return;
		case MMEF_WANT_EXECUTE: execute(a); break;
		case MMEF_WANT_SEND:
			if (session_send(v->client, q, v->host))
				mmef_sent(&v->mef);
			else
				mmef_lost(&v->mef, PROV_INTERNAL, "the request could not be sent", agent_now(), agent_utc(a));
			break;
		case MMEF_WANT_NOTHING:
			if (!renew_key(a)) {
				over(a);
				return;
			}
			break;
		}
	}
}

void visit_go_on(struct agent *a)
{
	drive(a);
}

/* A key may be registered in this session (order.c); one that has none says so when it is asked for one. */
static void export_key(struct agent *a, struct mst_client *c)
{
	struct mst_quirks q = agent_config_quirks(&a->cfg);
	struct agent_visit *v = a->visit;
	uint8_t exported[MST_EXPORT_LEN];

	v->has_key = v->exported = mst_client_export(c, q.mef_label == MST_MEF_LABEL_CONNECTION ? MST_LABEL_CONNECTION : MST_LABEL_BOOTSTRAP, exported,
				       sizeof(exported)) == 0;
	if (v->has_key)
		mst_export_split(exported, v->rel, &v->ke);
	mst_wipe(exported, sizeof(exported));
}

static void on_open(void *owner, struct mst_client *c)
{
	struct agent *a = owner;
	struct agent_visit *v = a->visit;

	v->opened = true;
	if (v->job == VISIT_COMMANDS)
		export_key(a, c);
	if (v->job == VISIT_COMMANDS)
		mmef_opened(&v->mef, NULL, NULL, agent_now(), agent_utc(a));
	else
		est_opened(&v->est, agent_now());
	drive(a);
	agent_turn(a);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct agent *a = owner;
	struct mst_response answer;
	struct mst_diag d = { 0 };

	(void)c;
	a->visit->answered = true;
	if (a->visit->est_runs)
		est_feed(&a->visit->est, m, agent_now());
	else if (a->visit->job != VISIT_COMMANDS)
		est_lost(&a->visit->est, "an answer to nothing that was asked", agent_now());
	else if (session_answer(m, &answer, &d) == 0) {
		if (a->order)
			order_feed(a, &answer);
		else
			mmef_feed(&a->visit->mef, &answer, agent_now(), agent_utc(a));
	} else
		mmef_garbage(&a->visit->mef, d.text, agent_now(), agent_utc(a));
	drive(a);
	agent_turn(a);
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct agent *a = owner;
	struct agent_visit *v = a->visit;
	char text[MST_DIALOG_DETAIL];

	session_detail(text, sizeof(text), why, detail);
	agent_log(a, AGENT_DEBUG, "visit-ended", "for", job_name[v->job], "why", text, NULL);
	if (why == MST_TLS_EXPIRED)
		agent_doubt_time(a);
	if (!v->answered)
		v->refused = own_session_ended(a, why, mst_client_proven(c));
	if (v->est_runs || v->job != VISIT_COMMANDS)
		est_lost(&v->est, text, agent_now());
	if (a->order)
		order_lost(a, text);
	if (v->job == VISIT_COMMANDS && !v->est_runs)
		mmef_lost(&v->mef, session_reason(why), text, agent_now(), agent_utc(a));
	if (v->job == VISIT_PROVE && !v->answered && session_reason(why) != PROV_NOT_AUTHENTICATED)
		a->proofs_failed = 0;        /* unreachable is no verdict (lesson 6) */
	v->opened = true;                    /* what is left needs no session */
	drive(a);
	agent_turn(a);
}

static const struct mst_client_ops visit_ops = { on_open, on_response, on_end };

/* Where the maker's secret proves both ends, it does here. */
static int open_session(struct agent *a, const struct enrolee_peer *mef)
{
	struct agent_visit *v = a->visit;
	return session_open_mef(a, a, mef, v->tls, &v->pins, &visit_ops, &v->client);
}

static bool start(struct agent *a, enum visit_job job)
{
	static const char est_path[] = MST_EST_PATH;
	const struct own_cert *shown = job == VISIT_RENEW ? &a->own.slot[OWN_ACTIVE] : job == VISIT_PROVE ? &a->own.slot[OWN_PENDING] : NULL;
	static const enum est_job jobs[] = { EST_JOB_PROVE, EST_JOB_REENROLL, EST_JOB_AGAIN, EST_JOB_PROVE };
	const struct own_cert *old = &a->own.slot[OWN_RENEWAL];
	struct mmef_config mc = { .job = MMEF_JOB_COMMANDS, .from = a->from, .attempt = a->active.attempt, .reg_id = a->active.mef_reg_id,
				  .classes = COMMAND_CLASSES, .answer_ms = a->cfg.answer_timeout * 1000 };
	struct est_config ec = { .job = jobs[job], .base = est_path,
				 .answer_ms = a->cfg.answer_timeout * 1000 };
	const struct managed_result *last = managed_last(a->managed, a->active.mef_reg_id);
	char host[MST_ID_MAX + 8];
	struct mst_diag d = { 0 };
	struct enrolee_peer mef;
	struct agent_visit *v;
	int r;

	a->show = shown;
	a->visit = v = calloc(1, sizeof(*v));
	r = v ? origin_open(a, &a->active, job != VISIT_COMMANDS || a->visit_https, &mef, &v->tls, &v->pins, &d) : MST_FAULT_MEMORY;
	if (!r) {
		v->job = job;
		memcpy(v->host, mef.host, sizeof(v->host));
		v->tcp = mef.port;
		v->coap = mef.coap;
		snprintf(host, sizeof(host), mef.port == 443 ? "%s" : "%s:%u", v->host, mef.port);
		v->port = (struct est_port){ a, port_attrs, port_csr, port_ca, port_issued };
		mc.mef_fqdn = v->host;
		snprintf(v->base, sizeof(v->base), "%s", mef.path[0] ? mef.path : "/MEFBase");
		if (a->from[0] || !enrolee_maf_from(&a->active, v->from))
			memcpy(v->from, a->from, sizeof(v->from));
		mc.base = v->base;
		mc.from = v->from;
		mc.last_cmd = last ? last->cmd_id : NULL;
		mc.last_status = last ? last->status : 0;
		mc.serves[0] = a->active.cse_id;
		mc.serves[1] = a->active.ae_id;
		mc.serves[2] = a->active.node_id;
		mc.port = mef.https;         /* of the URIs that its commands have */
		ec.host = host;
		ec.port = &v->port;
		ec.name = a->own.slot[OWN_ACTIVE].name;
		if (!v->tls && job == VISIT_RENEW)
			ec.job = EST_JOB_AGAIN;
		if (renews(job) && old->there && !strcmp(old->name.value, ec.name.value))
			ec.csr = (struct mst_view){ old->csr, old->csr_n };
		v->mef_runs = job == VISIT_COMMANDS && mmef_init(&v->mef, &mc, &d);
		v->est_runs = job != VISIT_COMMANDS && est_init(&v->est, &ec);
		r = v->mef_runs || v->est_runs ? open_session(a, &mef) : MST_FAULT_BUG;
	}
	if (!r)
		return true;
	agent_log(a, AGENT_WARN, "visit", "for", job_name[job], "why", d.text[0] ? d.text : "it could not be begun", NULL);
	a->show = NULL;
	visit_drop(a);
	if (!renews(job)) {
		plan(a, AGAIN_S);
		managed_put_off(a->managed, agent_utc(a), agent_utc(a) + AGAIN_S);
	} else {
		a->own.renew_at = agent_utc(a) + AGAIN_S;
		once_did(a, false, "certificate", d.text[0] ? d.text : "it could not be begun");
	}
	return false;
}

/* Not before the proof of a new certificate. */
static mst_time key_due(const struct agent *a)
{
	const struct managed_key *k = a->own.slot[OWN_PENDING].there ? NULL : managed_next_key(a->managed);

	return k ? k->renew_at : MST_TIME_MAX;
}

static mst_time renewal_at(const struct agent *a)
{
	return a->own.slot[OWN_ACTIVE].there ? a->own.renew_at : MST_TIME_MAX;
}

/* A MEF behind an operator's BSF is visited by enrolling anew: the key of its session ends with the B-TID. */
static bool may_visit(const struct agent *a)
{
	return a->has_active && a->active.mef_reg_id[0] && a->active.method != MST_METHOD_GBA && agent_bootstrap_methods(a);
}

bool visit_due(const struct agent *a)
{
	return may_visit(a) && (agent_utc(a) >= renewal_at(a) || agent_utc(a) >= key_due(a) || agent_now() >= a->visit_at);
}

void visit_start(struct agent *a)
{
	enum visit_job job = VISIT_COMMANDS;

	if (a->visit || !visit_due(a))
		return;
	if (a->own.slot[OWN_PENDING].there && agent_now() >= a->visit_at)
		job = VISIT_PROVE;
	else if (agent_utc(a) >= renewal_at(a))
		/* one that is over may still be renewed, where the MEF has a window; if not, the next time it is refused */
		job = own_refused(a) && a->cfg.last_resort ? VISIT_ANEW : VISIT_RENEW;
	else if (a->own.slot[OWN_PENDING].there)
		return;
	(void)start(a, job);
}

mst_ms visit_deadline(const struct agent *a)
{
	mst_ms at;

	if (!a->visit) {
		mst_time due = key_due(a) < renewal_at(a) ? key_due(a) : renewal_at(a), left = due - agent_utc(a);

		if (!may_visit(a))
			return MST_NEVER;
		if (left >= 86400)
			return a->visit_at;
		at = agent_now() + (left > 0 ? left : 0) * 1000;
		return at < a->visit_at ? at : a->visit_at;
	}
	at = a->visit->est_runs ? est_deadline(&a->visit->est) : order_deadline(a);
	return a->visit->mef_runs && mmef_deadline(&a->visit->mef) < at ? mmef_deadline(&a->visit->mef) : at;
}

void visit_tick(struct agent *a)
{
	if (!a->visit)
		return;
	if (a->visit->est_runs)
		est_tick(&a->visit->est, agent_now());
	else if (a->order)
		order_tick(a);
	else if (a->visit->mef_runs)
		mmef_tick(&a->visit->mef, agent_now(), agent_utc(a));
	drive(a);
}

void visit_soon(struct agent *a, int64_t seconds)
{
	if (seconds)
		plan(a, seconds);
	else
		a->visit_at = agent_now();
}

void visit_begin(struct agent *a)
{
	/* the MEF says how often; until it has, or while something was left unfinished with it, soon */
	a->commands_every = a->own.slot[OWN_PENDING].there || a->own.slot[OWN_REQUEST].there || !a->managed->every || a->managed->unreported ?
			    RESUME_S : a->managed->every;
	plan(a, a->commands_every);
}
