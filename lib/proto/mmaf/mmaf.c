#include "proto/mmaf/internal.h"

#include "base/secret.h"

typedef enum mmaf_state handler(struct mmaf *m, const struct mmaf_input *in);

const char *mmaf_state_text(enum mmaf_state s)
{
	static const char *const text[MMAF_STATE__COUNT] = {
		[MMAF_IDLE] = "opening",
		[MMAF_REGISTERING] = "registering",
		[MMAF_CONFIRMING] = "confirming the credential",
		[MMAF_UPDATING] = "updating the registration",
		[MMAF_LEAVING] = "de-registering",
		[MMAF_CONFIGURING] = "retrieving the configuration",
		[MMAF_KEY_REGISTERING] = "registering a key",
		[MMAF_KEY_RETRIEVING] = "retrieving a key",
		[MMAF_KEY_UPDATING] = "updating a key",
		[MMAF_KEY_DELETING] = "de-registering a key",
		[MMAF_DONE] = "done",
		[MMAF_FAILED] = "failed",
	};

	return (unsigned)s < MMAF_STATE__COUNT ? text[s] : "?";
}

static enum mmaf_state failed(struct mmaf *m, enum prov_reason r, const char *text)
{
	(void)mst_dialog_fail(&m->dialog, r, text, NULL);
	return MMAF_FAILED;
}

static enum mmaf_state on_opened(struct mmaf *m, const struct mmaf_input *in)
{
	struct mst_client_reg create = {
		.has = 1u << MST_CR_ET | 1u << MST_CR_ADMIN,
		.et = m->expires,
		.admin_fqdn = mst_view_str(m->admin_fqdn),
	};
	struct mst_client_reg update = { .has = 1u << MST_CR_ET, .et = m->expires };
	const struct mst_msg *table = &mst_maf_client_reg_msg;
	const char *id = m->result.reg_id;
	enum mmaf_state next = MMAF_FAILED;
	bool ok = false;

	switch (m->job) {
	case MMAF_JOB_REGISTER:
		ok = mst_dialog_ask(&m->dialog, MST_OP_CREATE, m->base, "", "", MST_TY_MAF_CLIENT_REG, table,
				    &create, in->now);
		next = MMAF_REGISTERING;
		break;
	case MMAF_JOB_CONFIRM:
		ok = mst_dialog_ask(&m->dialog, MST_OP_RETRIEVE, m->base, id, "", 0, NULL, NULL, in->now);
		next = MMAF_CONFIRMING;
		break;
	case MMAF_JOB_UPDATE:
		ok = mst_dialog_ask(&m->dialog, MST_OP_UPDATE, m->base, id, "", 0, table, &update, in->now);
		next = MMAF_UPDATING;
		break;
	case MMAF_JOB_LEAVE:
		ok = mst_dialog_ask(&m->dialog, MST_OP_DELETE, m->base, id, "", 0, NULL, NULL, in->now);
		next = MMAF_LEAVING;
		break;
	case MMAF_JOB_CONFIG:
		ok = mst_dialog_ask(&m->dialog, MST_OP_RETRIEVE, m->base, id, "/cfg", 0, NULL, NULL, in->now);
		next = MMAF_CONFIGURING;
		break;
	case MMAF_JOB_KEY_REGISTER:
	case MMAF_JOB_KEY_RETRIEVE:
	case MMAF_JOB_KEY_UPDATE:
	case MMAF_JOB_KEY_DELETE:
		next = mmaf_key_begin(m, in);
		ok = next != MMAF_FAILED;
		break;
	case MMAF_JOB__COUNT:
		break;
	}
	m->key = NULL;
	return ok ? next : failed(m, PROV_INTERNAL, "no such job");
}

/*
 * KmID = MAF_RELATIVE_KmID@MAF-FQDN (spec 1.4): one of another MAF would be presented to the wrong one. With GBA it is the B-TID
 * under which the session's key stands (TS-0003 8.3.2.3), and no other.
 */
static bool km_id_of_this_maf(const struct mmaf *m, struct mst_view id)
{
	struct mst_view rel, fqdn;

	if (m->btid[0])
		return mst_id_equal(MST_ID_KM, id, mst_view_str(m->btid));
	return mst_key_id_split(id, &rel, &fqdn) && mst_id_equal(MST_ID_FQDN, fqdn, mst_view_str(m->maf_fqdn));
}

/* What every answer with a registration may bring: et in the future, an assigned key id that is the MAF's. */
static bool take(struct mmaf *m, const struct mmaf_input *in, int want_rsc, struct mst_client_reg *r)
{
	uint8_t scratch[2048];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));

	if (!mst_dialog_answered(&m->dialog, in->answer, want_rsc) ||
	    !mst_dialog_read(&m->dialog, in->answer, &mst_maf_client_reg_msg, &arena, r))
		return false;
	if ((r->has & 1u << MST_CR_ET) && r->et <= in->utc)
		return mst_dialog_fail(&m->dialog, PROV_EXPIRED,
				       "the MAF's registration has ended already (et)", NULL);
	m->result.reg_until = r->has & 1u << MST_CR_ET ? r->et : 0;
	if ((r->has & 1u << MST_CR_CLIENT) &&
	    !mst_view_to_str(r->client_id, m->result.client_id, sizeof(m->result.client_id)))
		return mst_dialog_fail(&m->dialog, PROV_MALFORMED, "the MAF's clientID is too long", NULL);
	if ((r->has & 1u << MST_CR_KMID) &&
	    (!km_id_of_this_maf(m, r->assigned_symm_key_id) ||
	     !mst_view_to_str(r->assigned_symm_key_id, m->result.km_id, sizeof(m->result.km_id))))
		return mst_dialog_fail(&m->dialog, PROV_MALFORMED,
				       "the MAF's assignedSymmKeyID is not a KmID of ", m->maf_fqdn, NULL);
	/* TS-0003 8.3.2.3: with GBA KmID takes the value of KeID, whether the MAF says so or not, as the BSF spelt it */
	if (m->btid[0])
		memcpy(m->result.km_id, m->btid, sizeof(m->result.km_id));
	/* The texts of `r` lie in the scratch that ends here; whoever needs more has it in the result. */
	if ((r->has & 1u << MST_CR_RI) && m->job == MMAF_JOB_REGISTER &&
	    (!mst_reg_id_valid(r->ri) || !mst_view_to_str(r->ri, m->result.reg_id, sizeof(m->result.reg_id))))
		return mst_dialog_fail(&m->dialog, PROV_MALFORMED, "the MAF's registration has no usable ri",
				       NULL);
	if ((r->has & 1u << MST_CR_RI) && m->job != MMAF_JOB_REGISTER &&
	    !mst_view_eq_str(r->ri, m->result.reg_id))
		return mst_dialog_fail(&m->dialog, PROV_MALFORMED,
				       "the MAF answered with another registration", NULL);
	return true;
}

static enum mmaf_state on_registered(struct mmaf *m, const struct mmaf_input *in)
{
	struct mst_client_reg r;

	if (!take(m, in, MST_RSC_CREATED, &r))
		return MMAF_FAILED;
	if (!m->result.reg_id[0] || !(r.has & 1u << MST_CR_ET))
		return failed(m, PROV_MALFORMED, "the MAF's registration has no ri or no et");
	/* "present when Km is newly provisioned by an RSPF" (8.8.2.3): and it was. */
	if (!m->result.km_id[0] && !m->with_km)
		return failed(m, PROV_MALFORMED, "the MAF assigned no KmID (assignedSymmKeyID)");
	return MMAF_DONE;
}

static enum mmaf_state on_confirmed(struct mmaf *m, const struct mmaf_input *in)
{
	struct mst_client_reg r;

	return take(m, in, MST_RSC_OK, &r) ? MMAF_DONE : MMAF_FAILED;
}

static enum mmaf_state on_updated(struct mmaf *m, const struct mmaf_input *in)
{
	struct mst_client_reg r;

	if (!take(m, in, MST_RSC_UPDATED, &r))
		return MMAF_FAILED;
	if (!(r.has & 1u << MST_CR_ET))
		return failed(m, PROV_MALFORMED, "the MAF's answer to the update has no et");
	return MMAF_DONE;
}

static enum mmaf_state on_left(struct mmaf *m, const struct mmaf_input *in)
{
	return mst_dialog_left(&m->dialog, in->answer) ? MMAF_DONE : MMAF_FAILED;
}

static enum mmaf_state on_config(struct mmaf *m, const struct mmaf_input *in)
{
	uint8_t scratch[8192];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_client_cfg c;

	if (!mst_dialog_answered(&m->dialog, in->answer, MST_RSC_OK) ||
	    !mst_dialog_read(&m->dialog, in->answer, &mst_maf_client_cfg_msg, &arena, &c))
		return MMAF_FAILED;
	m->result.server_time = c.has & 1u << MST_CF_TIME ? c.server_time : 0;
	m->result.subscription_until = c.has & 1u << MST_CF_UNTIL ? c.subscription_until : 0;
	if ((c.has & 1u << MST_CF_REGISTRAR) &&
	    !mst_view_to_str(c.registrar_cse_id, m->result.registrar_cse_id, sizeof(m->result.registrar_cse_id)))
		return failed(m, PROV_MALFORMED, "the MAF's registrarCSEID is too long");
	return MMAF_DONE;
}

static enum mmaf_state on_lost(struct mmaf *m, const struct mmaf_input *in)
{
	(void)mst_dialog_lost(&m->dialog, in->reason, in->detail);
	return MMAF_FAILED;
}

static enum mmaf_state on_garbage(struct mmaf *m, const struct mmaf_input *in)
{
	return failed(m, PROV_MALFORMED, in->detail);
}

static enum mmaf_state on_timer(struct mmaf *m, const struct mmaf_input *in)
{
	return mst_dialog_in_time(&m->dialog, in->now, mmaf_state_text(m->state)) ? m->state : MMAF_FAILED;
}

static enum mmaf_state ignore(struct mmaf *m, const struct mmaf_input *in)
{
	(void)in;
	return m->state;
}

static enum mmaf_state violated(struct mmaf *m, const struct mmaf_input *in)
{
	(void)in;
	(void)mst_dialog_out_of_turn(&m->dialog, mmaf_state_text(m->state));
	return MMAF_FAILED;
}

static handler *const table[MMAF_STATE__COUNT][MMAF_EVENT__COUNT] = {
	/*                         OPENED     ANSWER               GARBAGE     LOST     TIMER    */
	[MMAF_IDLE]            = { on_opened, violated,            violated,   on_lost, ignore   },
	[MMAF_REGISTERING]     = { violated,  on_registered,       on_garbage, on_lost, on_timer },
	[MMAF_CONFIRMING]      = { violated,  on_confirmed,        on_garbage, on_lost, on_timer },
	[MMAF_UPDATING]        = { violated,  on_updated,          on_garbage, on_lost, on_timer },
	[MMAF_LEAVING]         = { violated,  on_left,             on_garbage, on_lost, on_timer },
	[MMAF_CONFIGURING]     = { violated,  on_config,           on_garbage, on_lost, on_timer },
	[MMAF_KEY_REGISTERING] = { violated,  mmaf_key_registered, on_garbage, on_lost, on_timer },
	[MMAF_KEY_RETRIEVING]  = { violated,  mmaf_key_retrieved,  on_garbage, on_lost, on_timer },
	[MMAF_KEY_UPDATING]    = { violated,  mmaf_key_updated,    on_garbage, on_lost, on_timer },
	[MMAF_KEY_DELETING]    = { violated,  on_left,             on_garbage, on_lost, on_timer },
	[MMAF_DONE]            = { ignore,    ignore,              ignore,     ignore,  ignore   },
	[MMAF_FAILED]          = { ignore,    ignore,              ignore,     ignore,  ignore   },
};

/* The only writer of the state. */
static void step(struct mmaf *m, enum mmaf_event ev, const struct mmaf_input *in)
{
	m->state = table[m->state][ev](m, in);
	if (m->state == MMAF_FAILED)
		mst_key_wipe(&m->result.key.value);
	if (m->state == MMAF_DONE || m->state == MMAF_FAILED) {
		mst_wipe(m->dialog.content, sizeof(m->dialog.content));      /* a Key Value may be in it */
		mst_dialog_rest(&m->dialog);
	}
}

bool mmaf_init(struct mmaf *m, const struct mmaf_config *cfg, struct mst_diag *d)
{
	const struct mst_quirks *q = cfg->quirks ? cfg->quirks : &mst_quirks_default;
	struct mst_dialog_config dc = { .who = "MAF",
					.from = cfg->from,
					.attempt = cfg->attempt,
					.names = q->names,
					.answer_ms = cfg->answer_ms };

	memset(m, 0, sizeof(*m));
	m->job = cfg->job;
	m->expires = cfg->expires;
	if (!mst_dialog_init(&m->dialog, &dc)) {
		mst_diag_set(d, 0, "from", "too long", NULL);
		return false;
	}
	if (!mst_id_normalise(MST_ID_FQDN, mst_view_str(cfg->maf_fqdn), m->maf_fqdn)) {
		mst_diag_set(d, 0, "maf_fqdn", "not an FQDN", NULL);
		return false;
	}
	if (!mst_copy_text(m->base, sizeof(m->base), cfg->base) || m->base[0] != '/') {
		mst_diag_set(d, 0, "base", "not an absolute path", NULL);
		return false;
	}
	if ((cfg->job == MMAF_JOB_REGISTER || cfg->job == MMAF_JOB_KEY_REGISTER) &&
	    !mst_id_normalise(MST_ID_FQDN, mst_view_str(cfg->admin_fqdn), m->admin_fqdn)) {
		mst_diag_set(d, 0, "admin_fqdn", "not an FQDN", NULL);
		return false;
	}
	if (cfg->btid && cfg->btid[0] && !mst_id_normalise(MST_ID_BTID, mst_view_str(cfg->btid), m->btid)) {
		mst_diag_set(d, 0, "btid", "not a B-TID", NULL);
		return false;
	}
	m->with_km = cfg->with_km;
	if (cfg->job >= MMAF_JOB_KEY_REGISTER)
		return mmaf_key_init(m, cfg, d);
	if (cfg->job != MMAF_JOB_REGISTER &&
	    (!mst_reg_id_valid(mst_view_str(cfg->reg_id)) ||
	     !mst_copy_text(m->result.reg_id, sizeof(m->result.reg_id), cfg->reg_id))) {
		mst_diag_set(d, 0, "reg_id", "not a registration's id", NULL);
		return false;
	}
	return true;
}

void mmaf_deinit(struct mmaf *m)
{
	mst_wipe(m, sizeof(*m));
	m->state = MMAF_FAILED;
	m->dialog.deadline = MST_NEVER;
}

void mmaf_exported(struct mmaf *m, const uint8_t rel[16], const struct mst_key *kc)
{
	if (m->state != MMAF_IDLE || m->job != MMAF_JOB_KEY_REGISTER || m->key->value)
		return;
	memcpy(m->rel, rel, sizeof(m->rel));
	m->result.key.value = *kc;
	m->exported = true;
}

void mmaf_opened(struct mmaf *m, mst_ms now, mst_time utc)
{
	step(m, MMAF_EV_OPENED, &(struct mmaf_input){ .now = now, .utc = utc });
}

void mmaf_feed(struct mmaf *m, const struct mst_response *a, mst_ms now, mst_time utc)
{
	bool early = m->dialog.to_send;

	step(m, early ? MMAF_EV_GARBAGE : MMAF_EV_ANSWER,
	     &(struct mmaf_input){ .answer = a,
			      .detail = "an answer before the request was sent",
			      .now = now,
			      .utc = utc });
}

void mmaf_garbage(struct mmaf *m, const char *detail, mst_ms now, mst_time utc)
{
	step(m, MMAF_EV_GARBAGE, &(struct mmaf_input){ .detail = detail, .now = now, .utc = utc });
}

void mmaf_lost(struct mmaf *m, enum prov_reason r, const char *detail, mst_ms now, mst_time utc)
{
	step(m, MMAF_EV_LOST, &(struct mmaf_input){ .reason = r, .detail = detail, .now = now, .utc = utc });
}

void mmaf_tick(struct mmaf *m, mst_ms now, mst_time utc)
{
	step(m, MMAF_EV_TIMER, &(struct mmaf_input){ .now = now, .utc = utc });
}

void mmaf_sent(struct mmaf *m)
{
	mst_dialog_sent(&m->dialog);
}

enum mmaf_want mmaf_want(const struct mmaf *m, const struct mst_request **ret_q)
{
	const struct mst_request *q = mst_dialog_out(&m->dialog);

	if (m->state == MMAF_IDLE)
		return MMAF_WANT_SESSION;
	if (m->state == MMAF_DONE || m->state == MMAF_FAILED)
		return MMAF_WANT_NOTHING;
	if (!q)
		return MMAF_WANT_ANSWER;
	*ret_q = q;
	return MMAF_WANT_SEND;
}

enum mmaf_state mmaf_state(const struct mmaf *m)
{
	return m->state;
}

mst_ms mmaf_deadline(const struct mmaf *m)
{
	return m->dialog.deadline;
}

const struct mst_failure *mmaf_failure(const struct mmaf *m)
{
	return &m->dialog.failure;
}
