/*
 * The question to the MEF, whose word counts: does it still know this node? Asked in a session with the node's
 * certificate or its maker's secret, under the trust of the instruction that led to the credential (origin.c), by reading the node's own
 * registration back (spec 4.5: 4004 when it is unknown). Only what is answered inside that session is an answer;
 * however a session ends without one, nothing is known (architecture 6.2, lessons 2 and 6).
 */
#include "agent/agent.h"

#include <stdlib.h>
#include <string.h>

struct agent_ask {
	struct mmef mef;
	struct mst_client *client;
	struct mst_tls_ctx *tls;
	struct session_pins pins;
	char host[MST_ID_MAX];
};

void ask_drop(struct agent *a)
{
	struct agent_ask *k = a->ask;

	a->ask = NULL;
	if (!k)
		return;
	mst_client_free(k->client);
	mst_tls_ctx_free(k->tls);
	mmef_deinit(&k->mef);
	free(k);
}

static void ended(struct agent *a)
{
	struct mst_failure f = *mmef_failure(&a->ask->mef);
	enum ask_answer what = ASK_UNCLEAR;

	if (mmef_state(&a->ask->mef) == MMEF_DONE)
		what = ASK_KNOWN;
	else if (f.rsc == MST_RSC_NOT_FOUND || f.rsc == MST_RSC_NO_PRIVILEGE)
		what = ASK_LOST;         /* unknown, or revoked: a MEF tells a stranger from a revoked node to nobody */
	else if (f.reason == PROV_REFUSED && f.rsc)
		what = ASK_REFUSED;
	ask_drop(a);
	check_asked_mef(a, what, &f);
}

static void drive(struct agent *a)
{
	const struct mst_request *q = NULL;

	while (a->ask) {
		switch (mmef_want(&a->ask->mef, &q)) {
		case MMEF_WANT_SESSION:
		case MMEF_WANT_ANSWER:
		case MMEF_WANT_EXECUTE:         /* never with a job that takes no commands */
			return;
		case MMEF_WANT_SEND:
			if (session_send(a->ask->client, q, a->ask->host))
				mmef_sent(&a->ask->mef);
			else
				mmef_lost(&a->ask->mef, PROV_INTERNAL, "the request could not be sent", agent_now(),
					  agent_utc(a));
			break;
		case MMEF_WANT_NOTHING:
			ended(a);
			return;
		}
	}
}

static void on_open(void *owner, struct mst_client *c)
{
	struct agent *a = owner;

	(void)c;
	mmef_opened(&a->ask->mef, NULL, NULL, agent_now(), agent_utc(a));
	drive(a);
	agent_turn(a);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct agent *a = owner;
	struct mst_response answer;
	struct mst_diag d = { 0 };

	(void)c;
	if (session_answer(m, &answer, &d) == 0)
		mmef_feed(&a->ask->mef, &answer, agent_now(), agent_utc(a));
	else
		mmef_garbage(&a->ask->mef, d.text, agent_now(), agent_utc(a));
	drive(a);
	agent_turn(a);
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct agent *a = owner;
	char text[MST_DIALOG_DETAIL];

	(void)c;
	session_detail(text, sizeof(text), why, detail);
	if (why == MST_TLS_EXPIRED)
		agent_doubt_time(a);
	mmef_lost(&a->ask->mef, session_reason(why), text, agent_now(), agent_utc(a));
	drive(a);
	agent_turn(a);
}

static const struct mst_client_ops ask_ops = { on_open, on_response, on_end };

static int open_session(struct agent *a, struct agent_ask *k, const struct enrolee_peer *mef)
{
	return session_open_mef(a, a, mef, k->tls, &k->pins, &ask_ops, &k->client);
}

bool ask_start(struct agent *a, struct mst_diag *d)
{
	const struct mst_root_cred *c = &a->active;
	struct mmef_config mc = {
		.job = MMEF_JOB_CONFIRM,
		.from = a->from,
		.attempt = c->attempt,
		.reg_id = c->mef_reg_id,
		.answer_ms = a->cfg.answer_timeout * 1000,
	};
	struct enrolee_peer mef;
	char from[MST_ID_MAX];
	struct agent_ask *k;
	int r;

	if (!agent_bootstrap_methods(a)) {
		mst_diag_set(d, 0, "", "this node holds no initial credential to ask the MEF with", NULL);
		return false;
	}
	a->ask = k = calloc(1, sizeof(*k));
	r = k ? origin_open(a, c, false, &mef, &k->tls, &k->pins, d) : MST_FAULT_MEMORY;
	if (!r) {
		memcpy(k->host, mef.host, sizeof(k->host));
		mc.mef_fqdn = k->host;
		mc.base = mef.path[0] ? mef.path : "/MEFBase";
		if (!a->from[0] && enrolee_maf_from(c, from))
			mc.from = from;
		r = mmef_init(&k->mef, &mc, d) ? open_session(a, k, &mef) : MST_SECENV_CORRUPT;
	}
	if (!r)
		return true;
	if (!d->text[0])
		mst_diag_set(d, 0, "", r < 0 ? mst_fault_text(r) : "it could not be begun", NULL);
	ask_drop(a);
	return false;
}

mst_ms ask_deadline(const struct agent *a)
{
	return a->ask ? mmef_deadline(&a->ask->mef) : MST_NEVER;
}

void ask_tick(struct agent *a)
{
	mmef_tick(&a->ask->mef, agent_now(), agent_utc(a));
	drive(a);
}
