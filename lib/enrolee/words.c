/* Names of states and points, and the questions that an enrolee answers. */
#include "enrolee/enrolee.h"

const char *enrolee_state_text(enum enrolee_state s)
{
	static const char *const text[ENROLEE_STATE__COUNT] = {
		[ENROLEE_IDLE] = "idle",
		[ENROLEE_MEF] = "with the MEF",
		[ENROLEE_SAVING_KEY] = "saving the key",
		[ENROLEE_MAF] = "enrolling with the MAF",
		[ENROLEE_SAVING_KMID] = "saving the credential",
		[ENROLEE_CONFIRMING] = "confirming the credential",
		[ENROLEE_SAVING_PROOF] = "saving the confirmation",
		[ENROLEE_PROMOTING] = "replacing the old credential",
		[ENROLEE_DONE] = "done",
		[ENROLEE_FAILED] = "failed",
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
		s = (struct enrolee_session){ .number = e->session,
					      .host = e->mef.host,
					      .port = e->mef.port };
	} else if (e->state == ENROLEE_MAF || e->state == ENROLEE_CONFIRMING) {
		/* The name is the MAF's identity; the URI says only where it listens. */
		s = (struct enrolee_session){ .number = e->session,
					      .psk = true,
					      .host = e->maf.host,
					      .port = e->maf.port,
					      .psk_identity = e->cred.key_id,
					      .key = &e->cred.key };
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
