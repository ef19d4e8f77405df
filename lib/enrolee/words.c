/* Names of states and points, and the questions that an enrolee answers. */
#include "enrolee/enrolee.h"

const char *enrolee_state_text(enum enrolee_state s)
{
	static const char *const text[ENROLEE_STATE__COUNT] = {
		[ENROLEE_IDLE] = "idle",
		[ENROLEE_BOOTSTRAPPING] = "bootstrapping with the operator",
		[ENROLEE_KEYING] = "deriving the key in the card",
		[ENROLEE_MEF] = "with the MEF",
		[ENROLEE_SAVING_KEY] = "saving the key",
		[ENROLEE_MAF] = "enrolling with the MAF",
		[ENROLEE_SAVING_KMID] = "saving the credential",
		[ENROLEE_CONFIRMING] = "confirming the credential",
		[ENROLEE_PROVING] = "proving the key to the CSE",
		[ENROLEE_SAVING_PROOF] = "saving the confirmation",
		[ENROLEE_PROMOTING] = "replacing the old credential",
		[ENROLEE_DONE] = "done",
		[ENROLEE_FAILED] = "failed",
	};

	return (unsigned)s < ENROLEE_STATE__COUNT ? text[s] : "?";
}

static const char *const point_text[ENROLEE_POINT__COUNT] = {
	[ENROLEE_AT_NOTHING] = "", [ENROLEE_AT_BOOTSTRAPPED] = "bootstrapped",
	[ENROLEE_AT_NAF_KEYED] = "naf-keyed", [ENROLEE_AT_MEF_OPENED] = "mef-opened",
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

static const struct { const char *text, *words; } steps[ENROLEE_STEP__COUNT] = {
	[ENROLEE_STEP_NONE] = { "", "" },
	[ENROLEE_STEP_BOOTSTRAP] = { "bsf.bootstrap", "bootstrapping with the operator's BSF, by the card" },
	[ENROLEE_STEP_NAF_KEY] = { "card.naf-key", "deriving the key for the MAF or CSE in the card" },
	[ENROLEE_STEP_MEF_OPEN] = { "mef.open", "opening the session with the MEF, by certificate" },
	[ENROLEE_STEP_MEF_REGISTER] = { "mef.register", "registering with the MEF" },
	[ENROLEE_STEP_MEF_COMMAND] = { "mef.command", "asking the MEF for commands" },
	[ENROLEE_STEP_MEF_CONFIG] = { "mef.config", "asking the MEF for the configuration" },
	[ENROLEE_STEP_MEF_KEY] = { "mef.key-register", "registering the key at the MEF" },
	[ENROLEE_STEP_SAVE] = { "node.save", "saving what was learnt" },
	[ENROLEE_STEP_MAF_OPEN] = { "maf.open", "opening the session with the MAF, by the new key" },
	[ENROLEE_STEP_MAF_REGISTER] = { "maf.register", "registering with the MAF" },
	[ENROLEE_STEP_MAF_REOPEN] = { "maf.activated", "using the credential for the first time" },
	[ENROLEE_STEP_MAF_RETRIEVE] = { "maf.registration", "reading the registration back from the MAF" },
	[ENROLEE_STEP_CSE_OPEN] = { "cse.open", "opening the session with the CSE, by the new key" },
	[ENROLEE_STEP_PROMOTE] = { "node.promote", "replacing the old credential" },
};

const char *enrolee_step_text(enum enrolee_step s)
{
	return (unsigned)s < ENROLEE_STEP__COUNT ? steps[s].text : "?";
}

const char *enrolee_step_words(enum enrolee_step s)
{
	return (unsigned)s < ENROLEE_STEP__COUNT ? steps[s].words : "?";
}

enum enrolee_step enrolee_step_of(const char *name)
{
	for (unsigned s = ENROLEE_STEP_NONE + 1; s < ENROLEE_STEP__COUNT; s++) {
		if (mst_view_eq_str(mst_view_str(name), steps[s].text))
			return (enum enrolee_step)s;
	}
	return ENROLEE_STEP_NONE;
}

static enum enrolee_step mef_step(enum mmef_state s)
{
	static const enum enrolee_step step[MMEF_STATE__COUNT] = {
		[MMEF_REGISTERING] = ENROLEE_STEP_MEF_REGISTER, [MMEF_COMMANDING] = ENROLEE_STEP_MEF_COMMAND,
		[MMEF_REPORTING] = ENROLEE_STEP_MEF_COMMAND, [MMEF_CONFIGURING] = ENROLEE_STEP_MEF_CONFIG,
		[MMEF_KEYING] = ENROLEE_STEP_MEF_KEY,
	};

	return (unsigned)s < MMEF_STATE__COUNT ? step[s] : ENROLEE_STEP_NONE;
}

enum enrolee_step enrolee_step(const struct enrolee *e)
{
	switch (e->state) {
	case ENROLEE_BOOTSTRAPPING:
		return ENROLEE_STEP_BOOTSTRAP;
	case ENROLEE_KEYING:
		return ENROLEE_STEP_NAF_KEY;
	case ENROLEE_MEF:
		return e->session_open ? mef_step(mmef_state(&e->machine.mef)) : ENROLEE_STEP_MEF_OPEN;
	case ENROLEE_MAF:
		return e->session_open ? ENROLEE_STEP_MAF_REGISTER : ENROLEE_STEP_MAF_OPEN;
	case ENROLEE_CONFIRMING:
		return e->session_open ? ENROLEE_STEP_MAF_RETRIEVE : ENROLEE_STEP_MAF_REOPEN;
	case ENROLEE_PROVING:
		return ENROLEE_STEP_CSE_OPEN;
	case ENROLEE_SAVING_KEY:
	case ENROLEE_SAVING_KMID:
	case ENROLEE_SAVING_PROOF:
		return ENROLEE_STEP_SAVE;
	case ENROLEE_PROMOTING:
		return ENROLEE_STEP_PROMOTE;
	case ENROLEE_IDLE:
	case ENROLEE_DONE:
	case ENROLEE_FAILED:
	case ENROLEE_STATE__COUNT:
		break;
	}
	return ENROLEE_STEP_NONE;
}

const char *enrolee_bsf(const struct enrolee *e)
{
	return e->via_mef ? "" : e->mef_uri;
}

struct enrolee_naf enrolee_naf(const struct enrolee *e)
{
	return (struct enrolee_naf){ { e->naf_id, e->naf_id_n }, e->impi };
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
	case ENROLEE_BOOTSTRAPPING:
		return ENROLEE_WANT_BOOTSTRAP;
	case ENROLEE_KEYING:
		return ENROLEE_WANT_NAF_KEY;
	case ENROLEE_MEF:
	case ENROLEE_MAF:
	case ENROLEE_CONFIRMING:
	case ENROLEE_PROVING:
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
	if (enrolee_want(e) == ENROLEE_WANT_OPEN || e->state == ENROLEE_BOOTSTRAPPING || e->state == ENROLEE_KEYING)
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
		s = (struct enrolee_session){ .number = e->session,
					      .psk = e->by_secret || e->gba,
					      .exports = true,
					      .host = e->mef.host,
					      .port = e->mef.port };
		if (e->by_secret) {
			s.psk_identity = e->cfg.kpm_id;
			s.key = e->cfg.kpm;
		} else if (e->gba) {
			s.psk_identity = e->identity;
			s.key = &e->naf_key;
			s.ua = e->cfg.ua.b;
		}
	} else if (e->state == ENROLEE_MAF || e->state == ENROLEE_CONFIRMING || e->state == ENROLEE_PROVING) {
		/* The name is the MAF's identity; the URI says only where it listens. */
		s = (struct enrolee_session){ .number = e->session,
					      .psk = true,
					      .host = e->maf.host,
					      .port = e->maf.port,
					      .psk_identity = e->identity,
					      .key = &e->cred.key,
					      .ua = mst_is_naf_key(&e->cred) ? e->cred.ua : NULL };
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
