#include "proto/saef/saef.h"

#include <string.h>

#include "crypto/derive.h"

#define SUID_SAEF 32
#define CRED_KM 11           /* sec:credIDTypeID: symmetric key towards a MAF */
#define CRED_SAEF 12

static const struct { const char *text, *words; bool shown; } outcomes[SAEF_OUTCOME__COUNT] = {
	[SAEF_GOING_ON] = { "going-on", "the MAF is being asked", false },
	[SAEF_DONE] = { "done", "the key is there", false },
	[SAEF_IDENTITY_MALFORMED] = { "identity-malformed", "the peer's PSK identity is no key identifier (KEY@MAF); it does not "
				      "use MAF-based security", false },
	[SAEF_OTHER_MAF] = { "other-maf", "the peer's key is of a MAF that this node does not belong to; nobody was asked", false },
	[SAEF_KEY_UNKNOWN] = { "key-unknown", "the MAF has no such key: never registered, ended or de-registered; the peer "
			       "registers another", false },
	[SAEF_NOT_A_TARGET] = { "not-a-target", "the MAF does not give this key to this node: the peer has to name this node as "
				"its target; or the peer itself is not served any more", false },
	[SAEF_KEY_ENDED] = { "key-ended", "the key's lifetime is over; the peer registers another. If that repeats, look at this "
			     "node's clock", false },
	[SAEF_OTHER_USE] = { "other-use", "the key is registered for another use than securing a connection (SUID 32)", false },
	[SAEF_PEER_NOT_WANTED] = { "peer-not-wanted", "the peer is genuine, but none of those that are waited for (--from)", false },
	[SAEF_NOT_REGISTERED] = { "not-registered", "the MAF does not know this node's registration any more; it has to bootstrap "
				  "again", false },
	[SAEF_REFUSED] = { "refused", "the MAF refuses; the provider knows why (subscription, suspension, too many keys)", false },
	[SAEF_NOT_AUTHENTICATED] = { "not-authenticated", "the MAF does not take this node's credential; muster-agent check says "
				     "more", true },
	[SAEF_MAF_UNREACHABLE] = { "maf-unreachable", "the MAF gives no answer; try again later", true },
	[SAEF_MAF_UNTRUSTED] = { "maf-untrusted", "who answers at the MAF's address cannot prove to be it", true },
	[SAEF_MALFORMED] = { "malformed", "the MAF's answer is not understandable", true },
	[SAEF_NO_CREDENTIAL] = { "no-credential", "this node has no credential of a MAF yet; it has to bootstrap first", true },
	[SAEF_BUSY] = { "busy", "too many keys are being asked for at once; try again", true },
	[SAEF_INTERNAL] = { "internal", "this node could not do it", true },
};

const char *saef_outcome_text(enum saef_outcome o)
{
	return (unsigned)o < SAEF_OUTCOME__COUNT ? outcomes[o].text : "?";
}

const char *saef_outcome_words(enum saef_outcome o)
{
	return (unsigned)o < SAEF_OUTCOME__COUNT ? outcomes[o].words : "?";
}

enum saef_outcome saef_outcome_of(const char *text)
{
	for (int i = 0; text && i < SAEF_OUTCOME__COUNT; i++)
		if (mst_view_eq_str(mst_view_str(text), outcomes[i].text))
			return (enum saef_outcome)i;
	return SAEF_INTERNAL;
}

/* Our own trouble is no verdict on the peer's key: it must not throw a good one away. */
bool saef_hidden(enum saef_outcome o)
{
	return (unsigned)o < SAEF_OUTCOME__COUNT && !outcomes[o].shown;
}

void saef_psk(const struct mst_key *kc, bool first_half, struct mst_key *ret_psk)
{
	*ret_psk = *kc;
	if (!first_half)
		return;
	ret_psk->n = kc->n / 2;      /* spec 3.5 */
	mst_wipe(ret_psk->b + ret_psk->n, sizeof(ret_psk->b) - ret_psk->n);
}

bool saef_maf_of(const char *psk_identity, char ret_fqdn[MST_ID_MAX])
{
	struct mst_view rel, fqdn, id = mst_view_str(psk_identity);

	return mst_id_valid(MST_ID_KEY, id) && mst_key_id_split(id, &rel, &fqdn) &&
	       mst_id_normalise(MST_ID_FQDN, fqdn, ret_fqdn);
}

static bool begin(struct saef *s, const struct saef_config *c, enum mmaf_job job, struct mst_diag *d)
{
	struct mmaf_config mc = {
		.job = job,
		.maf_fqdn = c->maf_fqdn,
		.base = c->base,
		.from = c->from,
		.attempt = c->attempt,
		.admin_fqdn = c->admin_fqdn,
		.expires = c->expires,
		.client_id = c->client_id,
		.key = &s->ask,
		.quirks = c->quirks,
		.answer_ms = c->answer_ms,
	};

	s->first_half = c->quirks && c->quirks->saef_psk_first_half;
	return mmaf_init(&s->maf, &mc, d);
}

bool saef_connect(struct saef *s, const struct saef_config *c, const char *peer, struct mst_diag *d)
{
	memset(s, 0, sizeof(*s));
	s->maf.dialog.deadline = MST_NEVER;
	if (!mst_id_normalise(MST_ID_CSE_ABS, mst_view_str(peer), s->peer) &&
	    !mst_id_normalise(MST_ID_AE_ABS, mst_view_str(peer), s->peer)) {
		mst_diag_set(d, 0, "peer", "an absolute CSE-ID or AE-ID is needed, like //sp.example.com/CSE1", NULL);
		s->outcome = SAEF_INTERNAL;
		return false;
	}
	s->target[0] = s->peer;
	s->ask = (struct mmaf_key_ask){ .suid = SUID_SAEF, .targets = s->target, .n_targets = 1 };
	if (begin(s, c, MMAF_JOB_KEY_REGISTER, d))
		return true;
	s->outcome = SAEF_INTERNAL;
	return false;
}

enum saef_outcome saef_accept(struct saef *s, const struct saef_config *c, const char *psk_identity)
{
	struct mst_view id = mst_view_str(psk_identity), rel, fqdn;
	char maf[MST_ID_MAX], own[MST_ID_MAX];
	struct mst_diag d = { 0 };

	memset(s, 0, sizeof(*s));
	s->accepts = true;
	s->maf.dialog.deadline = MST_NEVER;
	s->peers = c->peers;
	s->n_peers = c->n_peers;
	if (!saef_maf_of(psk_identity, maf) || !mst_key_id_split(id, &rel, &fqdn) ||
	    !mst_view_to_str(rel, s->rel, sizeof(s->rel)) ||
	    !mst_view_to_str(id, s->link.psk_identity, sizeof(s->link.psk_identity)))
		return s->outcome = SAEF_IDENTITY_MALFORMED;
	/* 8.2.2.3: "B sees a MAF-FQDN after the @ and asks that MAF": the one it trusts, and never where a peer points */
	if (!mst_id_normalise(MST_ID_FQDN, mst_view_str(c->maf_fqdn), own) || !mst_view_eq_str(mst_view_str(maf), own))
		return s->outcome = SAEF_OTHER_MAF;
	s->ask = (struct mmaf_key_ask){ .rel_key_id = s->rel };
	s->outcome = begin(s, c, MMAF_JOB_KEY_RETRIEVE, &d) ? SAEF_GOING_ON : SAEF_INTERNAL;
	return s->outcome;
}

void saef_deinit(struct saef *s)
{
	mst_wipe(s, sizeof(*s));
	s->outcome = SAEF_INTERNAL;
	s->maf.dialog.deadline = MST_NEVER;
}

static enum saef_outcome meaning(bool accepts, const struct mst_failure *f)
{
	switch (f->reason) {
	case PROV_UNKNOWN: return accepts ? SAEF_KEY_UNKNOWN : SAEF_NOT_REGISTERED;
	/* an answer inside the session; 4128: the owner's subscription or ours */
	case PROV_REFUSED: return accepts && f->rsc == MST_RSC_NO_PRIVILEGE ? SAEF_NOT_A_TARGET : SAEF_REFUSED;
	case PROV_EXPIRED: return f->rsc ? SAEF_KEY_ENDED : SAEF_MAF_UNTRUSTED;
	case PROV_NOT_AUTHENTICATED: return SAEF_NOT_AUTHENTICATED;
	case PROV_UNREACHABLE:
	case PROV_TIMEOUT:
	case PROV_BUSY: return SAEF_MAF_UNREACHABLE;
	case PROV_UNTRUSTED:
	case PROV_NOT_YET_VALID: return SAEF_MAF_UNTRUSTED;
	case PROV_MALFORMED:
	case PROV_OVERSIZED:
	case PROV_WRONG_SERVICE:
	case PROV_UNSUPPORTED: return SAEF_MALFORMED;
	case PROV_OK:
	case PROV_TOO_DEEP:
	case PROV_LOOP:
	case PROV_EMPTY:
	case PROV_UNKNOWN_METHOD:
	case PROV_STORAGE:
	case PROV_NO_READER:
	case PROV_NO_CARD:
	case PROV_NO_APPLICATION:
	case PROV_CARD_PIN:
	case PROV_CARD_SYNC:
	case PROV_FALSE_NETWORK:
	case PROV_NOT_PROVEN:
	case PROV_UNKNOWN_SUBSCRIBER:
	case PROV_INTERNAL:
	case PROV_REASON__COUNT: break;
	}
	return SAEF_INTERNAL;
}

/* Who is A? Its CSE-ID or AE-ID by the MAF's word; else the Credential-ID of its KmID, for the caller to resolve. */
static bool bind_source(struct saef *s, const struct mmaf_key *k)
{
	struct mst_view source = mst_view_str(k->source);

	if (mst_id_valid(MST_ID_CSE_ABS, source) || mst_id_valid(MST_ID_AE_ABS, source))
		return mst_copy_text(s->link.peer, sizeof(s->link.peer), k->source);
	return !mst_id_valid(MST_ID_KM, source) || mst_credential_id_make(CRED_KM, source, s->link.credential_id);
}

static bool wanted(const struct saef *s)
{
	struct mst_view p = mst_view_str(s->link.peer);

	for (size_t i = 0; i < s->n_peers; i++)
		if (mst_id_equal(MST_ID_CSE_ABS, p, mst_view_str(s->peers[i])) ||
		    mst_id_equal(MST_ID_AE_ABS, p, mst_view_str(s->peers[i])))
			return true;
	return !s->n_peers;
}

static enum saef_outcome take(struct saef *s)
{
	const struct mmaf_key *k = &s->maf.result.key;

	s->link.until = k->until;
	saef_psk(&k->value, s->first_half, &s->link.psk);
	if (!s->accepts && (!mst_copy_text(s->link.psk_identity, sizeof(s->link.psk_identity), k->key_id) ||
			    !mst_copy_text(s->link.peer, sizeof(s->link.peer), s->peer)))
		return SAEF_MALFORMED;
	if (s->accepts && k->suid != SUID_SAEF)
		return SAEF_OTHER_USE;
	if (s->accepts && !bind_source(s, k))
		return SAEF_MALFORMED;
	if (!s->link.credential_id[0] &&
	    !mst_credential_id_make(CRED_SAEF, mst_view_str(s->link.psk_identity), s->link.credential_id))
		return SAEF_MALFORMED;
	return s->accepts && !wanted(s) ? SAEF_PEER_NOT_WANTED : SAEF_DONE;
}

/* After every input: where are we? */
static void moved(struct saef *s)
{
	if (s->outcome != SAEF_GOING_ON)
		return;
	if (mmaf_state(&s->maf) == MMAF_DONE)
		s->outcome = take(s);
	else if (mmaf_state(&s->maf) == MMAF_FAILED)
		s->outcome = meaning(s->accepts, mmaf_failure(&s->maf));
	if (s->outcome == SAEF_GOING_ON)
		return;
	s->failure = *mmaf_failure(&s->maf);
	mmaf_deinit(&s->maf);
	if (s->outcome != SAEF_DONE)
		mst_key_wipe(&s->link.psk);
}

void saef_opened(struct saef *s, uint8_t *exported, mst_ms now, mst_time utc)
{
	uint8_t rel[MST_REL_ID_LEN];
	struct mst_key kc = { 0 };

	if (exported && s->outcome == SAEF_GOING_ON) {
		mst_export_split(exported, rel, &kc);
		mmaf_exported(&s->maf, rel, &kc);
		mst_key_wipe(&kc);
	}
	if (exported)
		mst_wipe(exported, MST_EXPORT_LEN);
	if (s->outcome == SAEF_GOING_ON)
		mmaf_opened(&s->maf, now, utc);
	moved(s);
}

void saef_sent(struct saef *s)
{
	if (s->outcome == SAEF_GOING_ON)
		mmaf_sent(&s->maf);
}

void saef_feed(struct saef *s, const struct mst_response *a, mst_ms now, mst_time utc)
{
	if (s->outcome == SAEF_GOING_ON)
		mmaf_feed(&s->maf, a, now, utc);
	moved(s);
}

void saef_garbage(struct saef *s, const char *detail, mst_ms now, mst_time utc)
{
	if (s->outcome == SAEF_GOING_ON)
		mmaf_garbage(&s->maf, detail, now, utc);
	moved(s);
}

void saef_lost(struct saef *s, enum prov_reason r, const char *detail, mst_ms now, mst_time utc)
{
	if (s->outcome == SAEF_GOING_ON)
		mmaf_lost(&s->maf, r, detail, now, utc);
	moved(s);
}

void saef_tick(struct saef *s, mst_ms now, mst_time utc)
{
	if (s->outcome == SAEF_GOING_ON)
		mmaf_tick(&s->maf, now, utc);
	moved(s);
}

enum mmaf_want saef_want(const struct saef *s, const struct mst_request **ret_q)
{
	return s->outcome == SAEF_GOING_ON ? mmaf_want(&s->maf, ret_q) : MMAF_WANT_NOTHING;
}

mst_ms saef_deadline(const struct saef *s)
{
	return s->outcome == SAEF_GOING_ON ? mmaf_deadline(&s->maf) : MST_NEVER;
}

enum saef_outcome saef_outcome(const struct saef *s)
{
	return s->outcome;
}

const char *saef_detail(const struct saef *s)
{
	return s->failure.detail;
}

const struct saef_link *saef_link(const struct saef *s)
{
	return &s->link;
}
