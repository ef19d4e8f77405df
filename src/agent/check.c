/*
 * Is the credential in use still good? Now and then the registration is read back in a KmID session.
 * Only a definite answer sends the node back to bootstrap (lessons 5 and 6): the MAF saying "not found"
 * inside the authenticated session, or the MAF refusing the credential several times in a row. Anybody on
 * the path can forge one refused handshake; nobody can make "unreachable" look like one of these.
 *
 * A person who asks (`muster-agent check`) is told the same three things apart, and nothing is changed.
 */
#include "agent/agent.h"

#include <stdlib.h>
#include <string.h>

#define REFUSALS_MEAN_LOST 3
#define AGAIN_MS (10 * 60 * 1000)

static void close_check(struct agent *a)
{
	a->check_client = mst_client_free(a->check_client);
	if (a->check)
		mmaf_deinit(a->check);
	free(a->check);
	a->check = NULL;
}

json_t *check_verdict(const struct mst_root_cred *c, enum prov_reason r, const char *detail)
{
	const char *result = "unclear", *words = "this says nothing about the credential; ask again later";

	if (r == PROV_OK) {
		result = "good";
		words = "the MAF authenticates this node with it";
	} else if (r == PROV_UNKNOWN) {
		result = "lost";
		words = "the MAF does not know the registration any more";
	} else if (r == PROV_NOT_AUTHENTICATED) {
		result = "lost";
		words = "the MAF does not accept it: unknown there, revoked, or suspended";
	} else if (r == PROV_EMPTY) {
		result = "none";
		words = "this node has no credential";
	} else if (r == PROV_REFUSED) {
		result = "refused";
		words = "the MAF knows it and refuses";
	}
	return json_pack("{s:b, s:s, s:s, s:s, s:o, s:s, s:s}", "ok", r == PROV_OK, "result", result, "reason",
			 prov_reason_text(r), "words", words, "detail", status_text(detail), "keyID",
			 c->key_id, "maf", c->maf_uri);
}

void check_drop(struct agent *a)
{
	bool asked = a->check_asked;

	close_check(a);
	a->check_asked = false;
	if (asked)
		agent_told(a, check_verdict(&a->active, PROV_BUSY, "a bootstrap began"));
}

static void ended(struct agent *a)
{
	struct mst_failure f = *mmaf_failure(a->check);
	bool good = mmaf_state(a->check) == MMAF_DONE;
	mst_ms every = a->cfg.check_every * 1000, again = every < AGAIN_MS ? every : AGAIN_MS;

	close_check(a);
	if (a->check_asked) {
		a->check_asked = false;
		agent_told(a, check_verdict(&a->active, good ? PROV_OK : f.reason, f.detail));
		return;
	}
	snprintf(a->check_text, sizeof(a->check_text), "%.24s%s%s",
		 good ? "good" : prov_reason_text(f.reason), good ? "" : ": ", good ? "" : f.detail);
	a->check_at = agent_now() + (good ? every : again);
	agent_log(a, good ? AGENT_INFO : AGENT_WARN, "checked", "key", a->active.key_id, "result",
		  a->check_text, NULL);
	a->check_refusals = !good && f.reason == PROV_NOT_AUTHENTICATED ? a->check_refusals + 1 : 0;
	if (!good && f.reason == PROV_UNKNOWN)
		agent_lost_credential(a, "the MAF does not know the registration any more");
	else if (a->check_refusals >= REFUSALS_MEAN_LOST)
		agent_lost_credential(a, "the MAF refused the credential three times in a row");
}

static void drive(struct agent *a)
{
	const struct mst_request *q = NULL;

	while (a->check) {
		switch (mmaf_want(a->check, &q)) {
		case MMAF_WANT_SESSION:
		case MMAF_WANT_ANSWER:
			return;
		case MMAF_WANT_SEND:
			if (session_send(a->check_client, q, a->check->maf_fqdn))
				mmaf_sent(a->check);
			else
				mmaf_lost(a->check, PROV_INTERNAL, "the request could not be sent",
					  agent_now(), agent_utc(a));
			break;
		case MMAF_WANT_NOTHING:
			ended(a);
			return;
		}
	}
}

static void on_open(void *owner, struct mst_client *c)
{
	struct agent *a = owner;

	(void)c;
	mmaf_opened(a->check, agent_now(), agent_utc(a));
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
		mmaf_feed(a->check, &answer, agent_now(), agent_utc(a));
	else
		mmaf_garbage(a->check, d.text, agent_now(), agent_utc(a));
	drive(a);
	agent_turn(a);
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct agent *a = owner;
	char text[MST_DIALOG_DETAIL];

	(void)c;
	session_detail(text, sizeof(text), why, detail);
	mmaf_lost(a->check, session_reason(why), text, agent_now(), agent_utc(a));
	drive(a);
	agent_turn(a);
}

static const struct mst_client_ops check_ops = { on_open, on_response, on_end };

static bool begin(struct agent *a)
{
	const struct mst_root_cred *c = &a->active;
	char from[MST_ID_MAX] = "";
	struct enrolee_peer maf;
	struct mmaf_config mc = {
		.job = MMAF_JOB_CONFIRM,
		.maf_fqdn = c->maf_fqdn,
		.from = from,
		.attempt = c->attempt,
		.reg_id = c->maf_reg_id,
		.answer_ms = a->cfg.answer_timeout * 1000,
	};
	struct mst_diag d = { 0 };

	if (!enrolee_peer_of(mst_view_str(c->maf_uri), &maf) || !enrolee_maf_from(c, from))
		return false;
	mc.base = maf.path[0] ? maf.path : "/MAFBase";
	a->check = calloc(1, sizeof(*a->check));
	if (!a->check)
		return false;
	if (mmaf_init(a->check, &mc, &d) && session_open(a, maf.host, maf.port, a->tls_psk, &c->key, c->key_id,
							 &check_ops, &a->check_client) == 0)
		return true;
	agent_log(a, AGENT_WARN, "check-not-started", "text", d.text, NULL);
	close_check(a);
	return false;
}

void check_start(struct agent *a)
{
	a->check_at = agent_now() + a->cfg.check_every * 1000;
	(void)begin(a);
}

json_t *check_ask(struct agent *a)
{
	if (!a->has_active)
		return check_verdict(&a->active, PROV_EMPTY, "");
	if (a->errand != AGENT_NO_ERRAND)
		return check_verdict(&a->active, PROV_BUSY, "a bootstrap is going on");
	/* A check of the agent's own is under way: it is the asker's now, and the next one is soon. */
	if (a->check && !a->check_asked)
		a->check_at = agent_now() + 1000;
	if (!a->check && !begin(a))
		return check_verdict(&a->active, PROV_INTERNAL, "the session could not be begun");
	a->check_asked = true;
	return NULL;
}
