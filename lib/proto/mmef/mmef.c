#include "proto/mmef/internal.h"

#include "base/text.h"

typedef enum mmef_state handler(struct mmef *m, const struct mmef_input *in);

const char *mmef_state_text(enum mmef_state s)
{
	static const char *const text[MMEF_STATE__COUNT] = {
		[MMEF_IDLE] = "opening",
		[MMEF_REGISTERING] = "registering",
		[MMEF_COMMANDING] = "asking for commands",
		[MMEF_FETCHING] = "fetching management objects",
		[MMEF_EXECUTING] = "carrying out a command",
		[MMEF_REPORTING] = "reporting a command",
		[MMEF_CONFIGURING] = "fetching the configuration",
		[MMEF_KEYING] = "registering the key",
		[MMEF_CONFIRMING] = "reading the registration back",
		[MMEF_UPDATING] = "updating the registration",
		[MMEF_LEAVING] = "de-registering",
		[MMEF_DONE] = "done",
		[MMEF_FAILED] = "failed",
	};

	return (unsigned)s < MMEF_STATE__COUNT ? text[s] : "?";
}

enum mmef_state mmef_failed(struct mmef *m, enum prov_reason r, const char *text)
{
	(void)mst_dialog_fail(&m->dialog, r, text, NULL);
	return MMEF_FAILED;
}

/* Requests ------------------------------------------------------------------------------------------- */

/* 4.3.1: Registration */
static enum mmef_state ask_registration(struct mmef *m, mst_ms now)
{
	struct mst_client_reg r = {
		.has = 1u << MST_CR_ET | 1u << MST_CR_ADMIN,
		.et = m->expires,
		.admin_fqdn = mst_view_str(m->admin_fqdn),
	};

	if (!mst_dialog_ask(&m->dialog, MST_OP_CREATE, m->base, "", "", MST_TY_MEF_CLIENT_REG,
			    &mst_mef_client_reg_msg, &r, now))
		return MMEF_FAILED;
	return MMEF_REGISTERING;
}

/* 4.3.2: Configuration Retrieval */
static enum mmef_state ask_configuration(struct mmef *m, mst_ms now)
{
	if (!mst_dialog_ask(&m->dialog, MST_OP_RETRIEVE, m->base, m->result.reg_id, "/cfg", 0, NULL, NULL,
			    now))
		return MMEF_FAILED;
	return MMEF_CONFIGURING;
}

/* 4.4.1: Key Registration without Key Value: the exporter's key, authorising the target to fetch it */
static enum mmef_state ask_key(struct mmef *m, mst_ms now)
{
	struct mst_key_reg k = {
		.has = 1u << MST_KR_ET | 1u << MST_KR_ADMIN | 1u << MST_KR_SUID | 1u << MST_KR_TARGETS,
		.et = m->expires, .admin_fqdn = mst_view_str(m->result.admin_fqdn), .suid = m->suid,
		.targets = { mst_view_str(m->target) }, .n_targets = 1,
	};

	if (!mst_dialog_ask(&m->dialog, MST_OP_CREATE, m->base, "", "", MST_TY_SYMM_KEY_REG, &mst_key_reg_msg,
			    &k, now))
		return MMEF_FAILED;
	return MMEF_KEYING;
}

/* RETRIEVE of our own registration: 4004 when it is unknown or has expired (4.5) */
static enum mmef_state ask_record(struct mmef *m, mst_ms now)
{
	if (!mst_dialog_ask(&m->dialog, MST_OP_RETRIEVE, m->base, m->result.reg_id, "", 0, NULL, NULL, now))
		return MMEF_FAILED;
	return MMEF_CONFIRMING;
}

/* 4.3.3: at least one of expirationTime and labels; here the former */
static enum mmef_state ask_update(struct mmef *m, mst_ms now)
{
	struct mst_client_reg r = { .has = 1u << MST_CR_ET, .et = m->expires };

	if (!mst_dialog_ask(&m->dialog, MST_OP_UPDATE, m->base, m->result.reg_id, "", 0,
			    &mst_mef_client_reg_msg, &r, now))
		return MMEF_FAILED;
	return MMEF_UPDATING;
}

static enum mmef_state ask_leave(struct mmef *m, mst_ms now)
{
	if (!mst_dialog_ask(&m->dialog, MST_OP_DELETE, m->base, m->result.reg_id, "", 0, NULL, NULL, now))
		return MMEF_FAILED;
	return MMEF_LEAVING;
}

/* Events --------------------------------------------------------------------------------------------- */

static enum mmef_state on_opened(struct mmef *m, const struct mmef_input *in)
{
	if (m->job == MMEF_JOB_ENROL && (!in->rel || !in->ke || in->ke->n != MST_KEY_LEN))
		return mmef_failed(m, PROV_INTERNAL, "the session gave no enrolment key");
	if (in->rel && in->ke) {
		memcpy(m->rel, in->rel, sizeof(m->rel));
		m->ke = *in->ke;
	}
	switch (m->job) {
	case MMEF_JOB_ENROL: return ask_registration(m, in->now);
	case MMEF_JOB_COMMANDS: return mmef_retrieve_command(m, in->now);
	case MMEF_JOB_CONFIRM: return ask_record(m, in->now);
	case MMEF_JOB_UPDATE: return ask_update(m, in->now);
	case MMEF_JOB_LEAVE: return ask_leave(m, in->now);
	case MMEF_JOB__COUNT: break;
	}
	return mmef_failed(m, PROV_INTERNAL, "no such job");
}

static enum mmef_state on_registered(struct mmef *m, const struct mmef_input *in)
{
	struct mst_arena arena = mst_arena_of(m->text, sizeof(m->text));
	struct mmef_result *res = &m->result;
	struct mst_client_reg r;

	if (!mst_dialog_answered(&m->dialog, in->answer, MST_RSC_CREATED) ||
	    !mst_dialog_read(&m->dialog, in->answer, &mst_mef_client_reg_msg, &arena, &r))
		return MMEF_FAILED;
	if (!mst_reg_id_valid(r.ri))
		return mmef_failed(m, PROV_MALFORMED, "the MEF's registration has no usable ri");
	if (!(r.has & 1u << MST_CR_ET) || r.et <= in->utc)
		return mmef_failed(m, PROV_EXPIRED, "the MEF's registration has ended already (et)");
	/* The MEF may change any value (4.3.1) and we store what it says, but it must say it. */
	if (!mst_id_valid(MST_ID_FQDN, r.admin_fqdn))
		return mmef_failed(m, PROV_MALFORMED, "the MEF's registration has no adminFQDN");
	if (!r.client_id.n)
		return mmef_failed(m, PROV_MALFORMED, "the MEF's registration has no clientID");
	if (!mst_view_to_str(r.ri, res->reg_id, sizeof(res->reg_id)) ||
	    !mst_view_to_str(r.client_id, res->client_id, sizeof(res->client_id)) ||
	    !mst_view_to_str(r.admin_fqdn, res->admin_fqdn, sizeof(res->admin_fqdn)))
		return mmef_failed(m, PROV_MALFORMED, "a name in the MEF's registration is too long");
	/* Who had no name of its own to say (TS-0004 8.2.2) says from now on what it was told. */
	if (!m->dialog.from[0] && !mst_id_from_param(MST_ID_CSE_ABS, r.client_id, m->dialog.from) &&
	    !mst_id_from_param(MST_ID_AE_ABS, r.client_id, m->dialog.from) &&
	    !mst_copy_text(m->dialog.from, sizeof(m->dialog.from), res->client_id))
		return mmef_failed(m, PROV_MALFORMED, "the clientID in the MEF's registration is too long");
	res->reg_until = r.et;
	/* Command Retrieve is mandatory after a registration, child reference or not (8.3.4.6). */
	return mmef_retrieve_command(m, in->now);
}

/* NO_MORE_COMMANDS: go on with what the job has left. */
static enum mmef_state after_commands(struct mmef *m, enum mmef_state next, mst_ms now)
{
	if (next != MMEF_CONFIGURING)
		return next;
	return m->job == MMEF_JOB_ENROL ? ask_configuration(m, now) : MMEF_DONE;
}

static enum mmef_state on_command(struct mmef *m, const struct mmef_input *in)
{
	return after_commands(m, mmef_on_command(m, in, MST_RSC_OK), in->now);
}

static enum mmef_state on_next_command(struct mmef *m, const struct mmef_input *in)
{
	return after_commands(m, mmef_on_command(m, in, MST_RSC_UPDATED), in->now);
}

static enum mmef_state on_document(struct mmef *m, const struct mmef_input *in)
{
	return mmef_on_document(m, in);
}

static bool keep(struct mst_view v, char out[MST_ID_MAX])
{
	return mst_view_to_str(v, out, MST_ID_MAX);
}

static bool keep_configuration(struct mmef_result *res, const struct mst_client_cfg *c)
{
	if (!keep(c->node_id, res->node_id) || !keep(c->cse_id, res->cse_id) || !keep(c->ae_id, res->ae_id) ||
	    !keep(c->registrar_cse_id, res->registrar_cse_id) || !keep(c->maf_fqdn, res->maf_fqdn) ||
	    !keep(c->maf_uri, res->maf_uri))
		return false;
	for (size_t i = 0; i < c->n_registrar_poa; i++) {
		if (!keep(c->registrar_poa[i], res->registrar_poa[i]))
			return false;
	}
	res->n_registrar_poa = c->n_registrar_poa;
	res->n_anchors = c->n_anchors;
	memcpy(res->anchors, c->anchors, sizeof(res->anchors));
	if (c->has & 1u << MST_CF_UNTIL)
		res->subscription_until = c->subscription_until;
	if (c->has & 1u << MST_CF_TIME)
		res->server_time = c->server_time;
	return true;
}

static enum mmef_state on_configured(struct mmef *m, const struct mmef_input *in)
{
	struct mst_arena arena = mst_arena_of(m->text, sizeof(m->text));
	struct mst_client_cfg c;

	if (!mst_dialog_answered(&m->dialog, in->answer, MST_RSC_OK))
		return MMEF_FAILED;
	if (!mst_dialog_read(&m->dialog, in->answer, &mst_mef_client_cfg_msg, &arena, &c))
		return MMEF_FAILED;
	if (!keep_configuration(&m->result, &c))
		return mmef_failed(m, PROV_MALFORMED, "a name in the MEF's configuration is too long");
	if (m->result.maf_fqdn[0] &&
	    !mst_id_equal(MST_ID_FQDN, mst_view_str(m->result.maf_fqdn), mst_view_str(m->target)))
		return mmef_failed(m, PROV_REFUSED,
				   "the MEF's configuration names another MAF than the instruction");
	if ((c.has & 1u << MST_CF_UNTIL) && c.subscription_until <= in->utc)
		return mmef_failed(m, PROV_EXPIRED, "the subscription has ended");
	/* The session is authenticated, so this is secure time: it judges the rest (lesson 15). */
	return ask_key(m, in->now);
}

/* Is `source` one of the names that the MEF itself gave us? */
static bool own_identity(const struct mmef_result *res, struct mst_view source)
{
	return mst_id_enrolee_equal(source, res->client_id) || mst_id_enrolee_equal(source, res->cse_id) ||
	       mst_id_enrolee_equal(source, res->node_id) || mst_id_enrolee_equal(source, res->ae_id);
}

/* The checks of spec 4.4.5; NULL when all hold. */
static const char *key_reg_fault(const struct mmef *m, const struct mst_key_reg *k)
{
	if (!own_identity(&m->result, k->source_client_id))
		return "the key registration is not ours (sourceClientID)";
	if (!mst_id_equal(MST_ID_FQDN, k->admin_fqdn, mst_view_str(m->result.admin_fqdn)))
		return "the key registration has another adminFQDN than was asked";
	if (!(k->has & 1u << MST_KR_SUID) || k->suid != m->suid)
		return "the key registration has another SUID than was asked";
	if (k->n_targets != 1 || !mst_id_equal(MST_ID_FQDN, k->targets[0], mst_view_str(m->target)))
		return "the key registration has other targetIDs than were asked";
	return NULL;
}

static bool make_ke_id(struct mmef *m, struct mst_view answered)
{
	char own[MST_ID_MAX];
	struct mst_view rel, fqdn;
	struct mst_writer w = mst_writer_of(m->result.ke_id, sizeof(m->result.ke_id));

	if (!mst_key_id_make(m->rel, mst_view_str(m->mef_fqdn), own) ||
	    !mst_key_id_split(mst_view_str(own), &rel, &fqdn))
		return false;
	/* Spec 3.3: the id in the answer counts; hexBinary ids are compared without case (1.4). */
	m->result.other_ke_id = !mst_view_eq_nocase(answered, rel);
	mst_put(&w, m->result.other_ke_id ? answered : rel);
	mst_put_str(&w, "@");
	mst_put(&w, fqdn);
	mst_put_nul(&w);
	return w.ok;
}

static enum mmef_state on_keyed(struct mmef *m, const struct mmef_input *in)
{
	uint8_t scratch[1024];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	mst_time at = m->result.server_time > in->utc ? m->result.server_time : in->utc;
	const char *fault;
	struct mst_key_reg k;

	if (!mst_dialog_answered(&m->dialog, in->answer, MST_RSC_CREATED) ||
	    !mst_dialog_read(&m->dialog, in->answer, &mst_key_reg_msg, &arena, &k))
		return MMEF_FAILED;
	if (!(k.has & 1u << MST_KR_ET) || k.et <= at)
		return mmef_failed(m, PROV_EXPIRED, "the key registration has ended already (et)");
	fault = key_reg_fault(m, &k);
	if (fault)
		return mmef_failed(m, PROV_MALFORMED, fault);
	if (!mst_id_valid(MST_ID_REL_KEY, k.relative_key_id) || !make_ke_id(m, k.relative_key_id))
		return mmef_failed(m, PROV_MALFORMED, "the key registration has no usable relativeKeyID");
	m->result.key_until = k.et;
	return MMEF_DONE;
}

static enum mmef_state on_confirmed(struct mmef *m, const struct mmef_input *in)
{
	struct mst_arena arena = mst_arena_of(m->text, sizeof(m->text));
	struct mst_client_reg r;

	if (!mst_dialog_answered(&m->dialog, in->answer, MST_RSC_OK) ||
	    !mst_dialog_read(&m->dialog, in->answer, &mst_mef_client_reg_msg, &arena, &r))
		return MMEF_FAILED;
	if (!mst_view_eq_str(r.ri, m->result.reg_id))
		return mmef_failed(m, PROV_MALFORMED, "the MEF answered with another registration (ri)");
	if (!(r.has & 1u << MST_CR_ET))
		return mmef_failed(m, PROV_MALFORMED, "the MEF's registration has no et");
	m->result.reg_until = r.et;
	return MMEF_DONE;
}

static enum mmef_state on_updated(struct mmef *m, const struct mmef_input *in)
{
	struct mst_arena arena = mst_arena_of(m->text, sizeof(m->text));
	struct mst_client_reg r;

	if (!mst_dialog_answered(&m->dialog, in->answer, MST_RSC_UPDATED) ||
	    !mst_dialog_read(&m->dialog, in->answer, &mst_mef_client_reg_msg, &arena, &r))
		return MMEF_FAILED;
	if (!(r.has & 1u << MST_CR_ET))
		return mmef_failed(m, PROV_MALFORMED, "the MEF's answer to the update has no et");
	if (r.et <= in->utc)
		return mmef_failed(m, PROV_EXPIRED, "the MEF's registration has ended already (et)");
	m->result.reg_until = r.et;
	/* Command Retrieve is mandatory after any registration procedure but de-registration (8.3.4.6). */
	return mmef_retrieve_command(m, in->now);
}

static enum mmef_state on_left(struct mmef *m, const struct mmef_input *in)
{
	return mst_dialog_left(&m->dialog, in->answer) ? MMEF_DONE : MMEF_FAILED;
}

static enum mmef_state on_lost(struct mmef *m, const struct mmef_input *in)
{
	(void)mst_dialog_lost(&m->dialog, in->reason, in->detail);
	return MMEF_FAILED;
}

static enum mmef_state on_garbage(struct mmef *m, const struct mmef_input *in)
{
	return mmef_failed(m, PROV_MALFORMED, in->detail);
}

static enum mmef_state on_timer(struct mmef *m, const struct mmef_input *in)
{
	return mst_dialog_in_time(&m->dialog, in->now, mmef_state_text(m->state)) ? m->state : MMEF_FAILED;
}

static enum mmef_state ignore(struct mmef *m, const struct mmef_input *in)
{
	(void)in;
	return m->state;
}

/* An answer to nothing asked, or a second opening: the session cannot be trusted to be in step. */
static enum mmef_state violated(struct mmef *m, const struct mmef_input *in)
{
	(void)in;
	(void)mst_dialog_out_of_turn(&m->dialog, mmef_state_text(m->state));
	return MMEF_FAILED;
}

/* The whole procedure. Ended states ignore everything: late events of a closing session are no news. */
static handler *const table[MMEF_STATE__COUNT][MMEF_EVENT__COUNT] = {
	/*                      OPENED     ANSWER           GARBAGE     LOST     TIMER    */
	[MMEF_IDLE]         = { on_opened, violated,        violated,   on_lost, ignore   },
	[MMEF_REGISTERING]  = { violated,  on_registered,   on_garbage, on_lost, on_timer },
	[MMEF_COMMANDING]   = { violated,  on_command,      on_garbage, on_lost, on_timer },
	[MMEF_FETCHING]     = { violated,  on_document,     on_garbage, on_lost, on_timer },
	[MMEF_EXECUTING]    = { violated,  violated,        on_garbage, on_lost, ignore   },
	[MMEF_REPORTING]    = { violated,  on_next_command, on_garbage, on_lost, on_timer },
	[MMEF_CONFIGURING]  = { violated,  on_configured,   on_garbage, on_lost, on_timer },
	[MMEF_KEYING]       = { violated,  on_keyed,        on_garbage, on_lost, on_timer },
	[MMEF_CONFIRMING]   = { violated,  on_confirmed,    on_garbage, on_lost, on_timer },
	[MMEF_UPDATING]     = { violated,  on_updated,      on_garbage, on_lost, on_timer },
	[MMEF_LEAVING]      = { violated,  on_left,         on_garbage, on_lost, on_timer },
	[MMEF_DONE]         = { ignore,    ignore,          ignore,     ignore,  ignore   },
	[MMEF_FAILED]       = { ignore,    ignore,          ignore,     ignore,  ignore   },
};

/* The only writer of the state. */
static void step(struct mmef *m, enum mmef_event ev, const struct mmef_input *in)
{
	m->state = table[m->state][ev](m, in);
	if (m->state == MMEF_DONE || m->state == MMEF_FAILED)
		mst_dialog_rest(&m->dialog);
	if (m->state == MMEF_FAILED)
		mst_key_wipe(&m->ke);
}

/* Interface ------------------------------------------------------------------------------------------ */

static bool init_commands(struct mmef *m, const struct mmef_config *cfg, struct mst_diag *d)
{
	bool ok = !cfg->last_cmd || mst_copy_text(m->last_cmd, sizeof(m->last_cmd), cfg->last_cmd);

	for (size_t i = 0; ok && i < MMEF_SERVES; i++)
		ok = !cfg->serves[i] || mst_copy_text(m->serves[i], sizeof(m->serves[i]), cfg->serves[i]);
	if (!ok)
		mst_diag_set(d, 0, "serves", "too long", NULL);
	return ok;
}

static bool init_texts(struct mmef *m, const struct mmef_config *cfg, struct mst_diag *d)
{
	bool needs_reg = cfg->job != MMEF_JOB_ENROL;

	if (!mst_id_normalise(MST_ID_FQDN, mst_view_str(cfg->mef_fqdn), m->mef_fqdn)) {
		mst_diag_set(d, 0, "mef_fqdn", "not an FQDN", NULL);
		return false;
	}
	if (!mst_copy_text(m->base, sizeof(m->base), cfg->base) || m->base[0] != '/') {
		mst_diag_set(d, 0, "base", "not an absolute path", NULL);
		return false;
	}
	if (needs_reg && (!mst_reg_id_valid(mst_view_str(cfg->reg_id)) ||
	                  !mst_copy_text(m->result.reg_id, sizeof(m->result.reg_id), cfg->reg_id))) {
		mst_diag_set(d, 0, "reg_id", "not a registration's id", NULL);
		return false;
	}
	if (needs_reg)
		return true;
	if (!mst_id_normalise(MST_ID_FQDN, mst_view_str(cfg->admin_fqdn), m->admin_fqdn)) {
		mst_diag_set(d, 0, "admin_fqdn", "not an FQDN", NULL);
		return false;
	}
	if (!mst_id_normalise(MST_ID_FQDN, mst_view_str(cfg->target), m->target)) {
		mst_diag_set(d, 0, "target", "not an FQDN; this build enrols with MAFs", NULL);
		return false;
	}
	return true;
}

bool mmef_init(struct mmef *m, const struct mmef_config *cfg, struct mst_diag *d)
{
	const struct mst_quirks *q = cfg->quirks ? cfg->quirks : &mst_quirks_default;
	struct mst_dialog_config dc = { .who = "MEF",
					.from = cfg->from,
					.attempt = cfg->attempt,
					.names = q->names,
					.answer_ms = cfg->answer_ms };

	memset(m, 0, sizeof(*m));
	m->job = cfg->job;
	m->suid = cfg->suid;
	m->expires = cfg->expires;
	m->classes = cfg->classes;
	m->last_status = cfg->last_status;
	m->only_subject = cfg->only_subject;
	m->port = cfg->port;
	if (!mst_dialog_init(&m->dialog, &dc)) {
		mst_diag_set(d, 0, "from", "too long", NULL);
		return false;
	}
	return init_commands(m, cfg, d) && init_texts(m, cfg, d);
}

void mmef_deinit(struct mmef *m)
{
	mst_wipe(m, sizeof(*m));
	m->state = MMEF_FAILED;
	m->dialog.deadline = MST_NEVER;
}

void mmef_opened(struct mmef *m, const uint8_t rel[16], const struct mst_key *ke, mst_ms now, mst_time utc)
{
	step(m, MMEF_EV_OPENED, &(struct mmef_input){ .rel = rel, .ke = ke, .now = now, .utc = utc });
}

void mmef_feed(struct mmef *m, const struct mst_response *a, mst_ms now, mst_time utc)
{
	/* An answer to a request that has not left is no answer to it. */
	bool early = m->dialog.to_send;

	step(m, early ? MMEF_EV_GARBAGE : MMEF_EV_ANSWER,
	     &(struct mmef_input){ .answer = a,
				   .detail = "an answer before the request was sent",
				   .now = now,
				   .utc = utc });
}

void mmef_garbage(struct mmef *m, const char *detail, mst_ms now, mst_time utc)
{
	step(m, MMEF_EV_GARBAGE, &(struct mmef_input){ .detail = detail, .now = now, .utc = utc });
}

void mmef_lost(struct mmef *m, enum prov_reason r, const char *detail, mst_ms now, mst_time utc)
{
	step(m, MMEF_EV_LOST, &(struct mmef_input){ .reason = r, .detail = detail, .now = now, .utc = utc });
}

void mmef_tick(struct mmef *m, mst_ms now, mst_time utc)
{
	step(m, MMEF_EV_TIMER, &(struct mmef_input){ .now = now, .utc = utc });
}

void mmef_executed(struct mmef *m, int64_t status, int64_t again, mst_ms now)
{
	if (m->state != MMEF_EXECUTING)
		return;
	m->state = status ? mmef_report(m, mst_view_str(m->result.command.cmd_id), status, now) : MMEF_DONE;
	if (!status) {
		m->result.retry_duration = again;
		mst_dialog_rest(&m->dialog);
	}
}

void mmef_sent(struct mmef *m)
{
	mst_dialog_sent(&m->dialog);
}

enum mmef_want mmef_want(const struct mmef *m, const struct mst_request **ret_q)
{
	const struct mst_request *q = mst_dialog_out(&m->dialog);

	if (m->state == MMEF_IDLE)
		return MMEF_WANT_SESSION;
	if (m->state == MMEF_DONE || m->state == MMEF_FAILED)
		return MMEF_WANT_NOTHING;
	if (m->state == MMEF_EXECUTING)
		return MMEF_WANT_EXECUTE;
	if (!q)
		return MMEF_WANT_ANSWER;
	*ret_q = q;
	return MMEF_WANT_SEND;
}

enum mmef_state mmef_state(const struct mmef *m)
{
	return m->state;
}

mst_ms mmef_deadline(const struct mmef *m)
{
	return m->dialog.deadline;
}

const struct mst_failure *mmef_failure(const struct mmef *m)
{
	return &m->dialog.failure;
}

const struct mst_key *mmef_ke(const struct mmef *m)
{
	return &m->ke;
}
