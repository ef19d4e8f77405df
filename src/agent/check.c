/*
 * Is the credential in use still good? Now and then the registration is read back in a KmID session.
 * Only an authenticated answer sends the node back to bootstrap (architecture 3.2.7, 6.2; lessons 5 and 6): the
 * MAF saying "not found" inside the session, or the MEF not knowing the node any more. That the MAF refuses the
 * handshake is nobody's word, as anybody on the path can forge the alert; several times in a row make the agent ask
 * the MEF (ask.c). When the MEF knows the node and the MAF still refuses for long, the node enrols again.
 *
 * A person who asks (`muster-agent check`) is told the same things apart, and nothing is changed.
 */
#include "agent/agent.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define REFUSALS_TO_ASK 3
#define AGAIN_MS (10 * 60 * 1000)

static void close_check(struct agent *a)
{
	a->check_client = mst_client_free(a->check_client);
	if (a->check)
		mmaf_deinit(a->check);
	free(a->check);
	a->check = NULL;
}

enum meaning { UNCLEAR, GOOD, LOST, REFUSED, NOTHING, MEF_KNOWS, MEF_LOST, MEF_REFUSES, UNPROVEN, KEY_ENDED, GOOD_CSE };

static json_t *verdict(const struct mst_root_cred *c, enum meaning m, enum prov_reason r, const char *detail)
{
	static const struct { const char *result, *words; } means[] = {
		[UNCLEAR] = { "unclear", "this says nothing about the credential; ask again later" },
		[GOOD] = { "good", "the MAF authenticates this node with it" },
		[GOOD_CSE] = { "good", "the CSE and this node authenticate each other with it" },
		[LOST] = { "lost", "the MAF does not know the registration any more" },
		[REFUSED] = { "refused", "the MAF knows it and refuses" },
		[NOTHING] = { "none", "this node has no credential" },
		[MEF_KNOWS] = { "refused", "the MAF, or somebody on the way to it, does not accept it, but the MEF knows "
					   "this node: nothing is lost, the agent goes on trying" },
		[MEF_LOST] = { "lost", "the MAF does not accept it, and the MEF does not know this node any more or has "
				       "revoked it" },
		[MEF_REFUSES] = { "refused", "the MAF does not accept it, and the MEF refuses: ask the provider about "
					     "subscription or suspension" },
		[UNPROVEN] = { "unclear", "the MAF, or somebody on the way to it, does not accept it, and the MEF gave no "
					  "answer: this says nothing about the credential; ask again later" },
		[KEY_ENDED] = { "refused", "who was asked, or somebody on the way to it, does not accept the key that was bootstrapped with the "
					   "operator: the agent bootstraps again when that stays so" },
	};

	return json_pack("{s:b, s:s, s:s, s:s, s:o, s:s, s:s}", "ok", m == GOOD || m == GOOD_CSE, "result", means[m].result, "reason",
			 prov_reason_text(r), "words", means[m].words, "detail", status_text(detail), "keyID",
			 c->key_id, "maf", agent_target_uri(c));
}

json_t *check_verdict(const struct mst_root_cred *c, enum prov_reason r, const char *detail)
{
	return verdict(c,
		       r == PROV_OK        ? (c->suid == MST_SUID_KPSA ? GOOD_CSE : GOOD)
		       : r == PROV_UNKNOWN ? LOST
		       : r == PROV_EMPTY   ? NOTHING
		       : r == PROV_REFUSED ? REFUSED
					   : UNCLEAR,
		       r, detail);
}

void check_drop(struct agent *a)
{
	bool asked = a->check_asked;

	close_check(a);
	ask_drop(a);
	a->check_asked = false;
	if (asked)
		agent_told(a, check_verdict(&a->active, PROV_BUSY, "a bootstrap began"));
}

/* More and more seldom while the MAF goes on refusing, and not the whole fleet at once (lesson 18). */
static mst_ms wait_after(struct agent *a, unsigned refusals)
{
	mst_ms every = a->cfg.check_every * 1000, ceiling = AGAIN_MS;

	for (unsigned i = REFUSALS_TO_ASK; i < refusals && ceiling < every; i++)
		ceiling *= 2;
	ceiling = ceiling < every ? ceiling : every;
	return refusals <= REFUSALS_TO_ASK ? ceiling
					   : 1000 + (mst_ms)((uint64_t)ceiling * agent_random(a) >> 32);
}

/* The MAF, or somebody in its place, does not take the credential. */
static void refused(struct agent *a)
{
	if (!a->check_refusals++)
		a->refused_since = agent_now();
	a->check_at = agent_now() + wait_after(a, a->check_refusals);
}

/*
 * A key of GBA that the MAF does not take has ended, or the BSF has lost it: there is nobody to ask but the BSF, and that is
 * bootstrapping. Should somebody on the path have said it, nothing is lost: the slot stays until the new key is proven.
 */
static bool ask_bsf(struct agent *a)
{
	if (a->active.method != MST_METHOD_GBA)
		return false;
	agent_bootstrap_again(a, "re-bootstrapping", "the key that was bootstrapped with the operator is not taken any more");
	return true;
}

static void ask_mef(struct agent *a)
{
	struct mst_diag d = { 0 };
	struct mst_failure f = { .reason = PROV_UNREACHABLE };

	if (ask_start(a, &d))
		return;
	snprintf(f.detail, sizeof(f.detail), "%.191s", d.text);
	check_asked_mef(a, ASK_UNCLEAR, &f);
}

void check_asked_mef(struct agent *a, enum ask_answer what, const struct mst_failure *f)
{
	static const char *const word[] = { [ASK_UNCLEAR] = "unclear", [ASK_KNOWN] = "known", [ASK_LOST] = "lost",
					    [ASK_REFUSED] = "refused" };
	static const enum meaning means[] = { [ASK_UNCLEAR] = UNPROVEN, [ASK_KNOWN] = MEF_KNOWS,
					      [ASK_LOST] = MEF_LOST, [ASK_REFUSED] = MEF_REFUSES };
	static const char *const says[] = { [ASK_UNCLEAR] = "the MEF gave no answer", [ASK_KNOWN] = "the MEF knows this node",
					    [ASK_LOST] = "the MEF does not know this node any more",
					    [ASK_REFUSED] = "the MEF refuses for now" };

	if (a->check_asked) {
		a->check_asked = false;
		agent_told(a, verdict(&a->active, means[what], what == ASK_KNOWN ? PROV_NOT_AUTHENTICATED : f->reason,
				      f->detail));
		return;
	}
	agent_log(a, AGENT_WARN, "asked-mef", "result", word[what], "detail", f->detail, "mef", a->active.mef_uri, NULL);
	snprintf(a->check_text, sizeof(a->check_text), "refused by the MAF %u times; %s%s%.150s", a->check_refusals,
		 says[what], f->detail[0] ? ": " : "", f->detail);
	if (what == ASK_LOST)
		agent_bootstrap_again(a, "credential-lost", "the MAF refuses the credential, and the MEF does not know "
							    "this node any more or has revoked it");
	else if (what == ASK_KNOWN && agent_now() - a->refused_since >= a->cfg.reenrol_after * 1000)
		agent_bootstrap_again(a, "re-enrolment", "the MEF knows this node, but the MAF has refused its credential "
							 "for longer than reenrol_after");
}

/* The check itself is over and closed. */
static void judged(struct agent *a, bool good, struct mst_failure f)
{
	mst_ms every = a->cfg.check_every * 1000, again = every < AGAIN_MS ? every : AGAIN_MS;

	if (a->check_asked && (good || f.reason != PROV_NOT_AUTHENTICATED)) {
		a->check_asked = false;
		agent_told(a, check_verdict(&a->active, good ? PROV_OK : f.reason, f.detail));
		return;
	}
	if (a->check_asked && a->active.method == MST_METHOD_GBA) {
		a->check_asked = false;
		agent_told(a, verdict(&a->active, KEY_ENDED, f.reason, f.detail));
		return;
	}
	if (a->check_asked) {
		ask_mef(a);
		return;
	}
	snprintf(a->check_text, sizeof(a->check_text), "%.24s%s%s",
		 good ? "good" : prov_reason_text(f.reason), good ? "" : ": ", good ? "" : f.detail);
	a->check_at = agent_now() + (good ? every : again);
	agent_log(a, good ? AGENT_INFO : AGENT_WARN, "checked", "key", a->active.key_id, "result",
		  a->check_text, NULL);
	if (good)
		a->check_refusals = 0;
	if (!good && f.reason == PROV_UNKNOWN)
		agent_bootstrap_again(a, "credential-lost", "the MAF does not know the registration any more");
	if (good || f.reason != PROV_NOT_AUTHENTICATED)
		return;          /* "unreachable" in between takes nothing back and adds nothing */
	refused(a);
	if (a->check_refusals >= REFUSALS_TO_ASK && !ask_bsf(a))
		ask_mef(a);
}

static void ended(struct agent *a)
{
	struct mst_failure f = *mmaf_failure(a->check);
	bool good = mmaf_state(a->check) == MMAF_DONE;
	mst_time until = good ? a->check->result.reg_until : 0;

	close_check(a);
	if (good && !a->check_asked)
		renew_learned(a, true, a->active.maf_reg_id, until);
	judged(a, good, f);
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
	mmaf_lost(a->check, session_root_reason(why), text, agent_now(), agent_utc(a));
	drive(a);
	agent_turn(a);
}

static const struct mst_client_ops check_ops = { on_open, on_response, on_end };

/* Kpsa: that the CSE opens a session with it says all. */
static void on_cse_open(void *owner, struct mst_client *c)
{
	struct agent *a = owner;

	(void)c;
	close_check(a);
	judged(a, true, (struct mst_failure){ 0 });
	agent_turn(a);
}

static void on_cse_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct agent *a = owner;
	struct mst_failure f = { .reason = session_reason(why) };

	(void)c;
	session_detail(f.detail, sizeof(f.detail), why, detail);
	close_check(a);
	judged(a, false, f);
	agent_turn(a);
}

static const struct mst_client_ops cse_ops = { on_cse_open, on_response, on_cse_end };

static bool begin_cse(struct agent *a)
{
	const struct mst_root_cred *c = &a->active;
	struct enrolee_peer cse;

	return enrolee_https_of(mst_view_str(c->registrar_poa[0]), &cse) &&
	       session_open_maf(a, a, &cse, c, &cse_ops, &a->check_client) == 0;
}

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
		.btid = mst_is_naf_key(c) ? c->key_id : NULL,
		.answer_ms = a->cfg.answer_timeout * 1000,
	};
	struct mst_diag d = { 0 };

	if (c->suid == MST_SUID_KPSA)
		return begin_cse(a);
	if (!enrolee_peer_of(mst_view_str(c->maf_uri), &maf) || !enrolee_maf_from(c, from))
		return false;
	mc.base = maf.path[0] ? maf.path : "/MAFBase";
	a->check = calloc(1, sizeof(*a->check));
	if (!a->check)
		return false;
	if (mmaf_init(a->check, &mc, &d) && session_open_maf(a, a, &maf, c, &check_ops, &a->check_client) == 0)
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

bool check_running(const struct agent *a)
{
	return a->check_client || a->ask;
}

mst_ms check_deadline(const struct agent *a)
{
	mst_ms mef = ask_deadline(a), maf = a->check ? mmaf_deadline(a->check) : MST_NEVER;

	return mef < maf ? mef : maf;
}

void check_tick(struct agent *a)
{
	mst_ms now = agent_now();

	if (now >= ask_deadline(a))
		ask_tick(a);
	if (!a->check || now < mmaf_deadline(a->check))
		return;
	mmaf_tick(a->check, now, agent_utc(a));
	drive(a);
}

json_t *check_ask(struct agent *a)
{
	if (!a->has_active)
		return check_verdict(&a->active, PROV_EMPTY, "");
	if (a->errand != AGENT_NO_ERRAND)
		return check_verdict(&a->active, PROV_BUSY, "a bootstrap is going on");
	/* A check of the agent's own is under way: it is the asker's now, and the next one is soon. */
	if (check_running(a) && !a->check_asked)
		a->check_at = agent_now() + 1000;
	if (!check_running(a) && !begin(a))
		return check_verdict(&a->active, PROV_INTERNAL, "the session could not be begun");
	a->check_asked = true;
	return NULL;
}

json_t *agent_check(struct agent *a)
{
	json_t *at_once;

	a->only_check = true;
	at_once = check_ask(a);
	if (at_once)
		return at_once;
	agent_turn(a);
	if (!a->stop)
		event_base_dispatch(a->base);
	return json_incref(a->verdict);
}
