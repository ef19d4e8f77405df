/*
 * The MEF's command channel seen by the client (spec 7.1, TS-0003 8.3.9). A command is read in two
 * steps: first its envelope, so that a command with unknown class or broken arguments can be reported by
 * its cmdID (rule 5), then the arguments of the class by the strict table.
 */
#include "proto/mmef/internal.h"

#include "codec/managed.h"
#include "codec/uri.h"

/* The envelope: what every command has, whatever its class; unknown members are none of its business. */
struct envelope_description { uint32_t has; int64_t class_id; };
struct envelope {
	uint32_t has;
	struct mst_view cmd_id;
	struct envelope_description description;
	int64_t status;
};

static const struct mst_field description_fields[] = {
	MST_ROW(CMD_CLASS_ID, 1, INT, MST_F_REQUIRED, struct envelope_description, class_id, 0, INT32_MAX,
		"cmdClassID, 12.3.2.3"),
};
static const struct mst_msg description_msg = {
	.what = "command description", .open = true, .size = sizeof(struct envelope_description),
	.field = description_fields, .n = MST_COUNT(description_fields), .doc = "the class of a command",
};
static const struct mst_field envelope_fields[] = {
	MST_ROW(CMD_ID, 1, STR, MST_F_REQUIRED, struct envelope, cmd_id, 1, MST_REG_ID_MAX - 1,
		"cmdID, 8.3.9.2"),
	MST_ROW(CMD_DESCRIPTION, 2, OBJECT, MST_F_REQUIRED, struct envelope, description, 0, 0,
		"cmdDescription, 12.4.4", .sub = &description_msg),
	MST_ROW(CMD_STATUS_CODE, 3, INT, MST_F_REQUIRED, struct envelope, status, MST_CMD_ISSUED,
		MST_CMD_REISSUED, "cmdStatusCode as a MEF sets it: 10 or 11"),
};
static const struct mst_msg envelope_msg = {
	.what = "command", .root = MST_N_MEF_CLIENT_CMD, .open = true, .size = sizeof(struct envelope),
	.field = envelope_fields, .n = MST_COUNT(envelope_fields), .doc = "a command without its arguments",
};

enum mmef_state mmef_retrieve_command(struct mmef *m, mst_ms now)
{
	if (!mst_dialog_ask(&m->dialog, MST_OP_RETRIEVE, m->base, m->result.reg_id, "/cmd", 0, NULL, NULL,
			    now))
		return MMEF_FAILED;
	return MMEF_COMMANDING;
}

enum mmef_state mmef_report(struct mmef *m, struct mst_view cmd_id, int64_t status, mst_ms now)
{
	struct mst_client_cmd c = { .has = 1u << MST_CC_ID | 1u << MST_CC_STATUS,
				    .cmd_id = cmd_id,
				    .status_code = status };

	if (!mst_dialog_ask(&m->dialog, MST_OP_UPDATE, m->base, m->result.reg_id, "/cmd", 0,
			    &mst_client_cmd_msg, &c, now))
		return MMEF_FAILED;
	/* The envelope bounds the id, so it fits; 40 is an answer about the id, not the result of the
	 * command. */
	if (status != MST_CMD_REPEATED) {
		if (!mst_view_to_str(cmd_id, m->last_cmd, sizeof(m->last_cmd)))
			return mmef_failed(m, PROV_MALFORMED, "the MEF's cmdID holds a NUL");
		m->last_status = status;
	}
	return MMEF_REPORTING;
}

/* Class 0: its duration, or -1 when its arguments are broken. */
static int64_t no_more_duration(const struct mmef *m, const struct mst_response *a)
{
	uint8_t scratch[512];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_client_cmd c;

	if (mst_msg_read_json(&mst_client_cmd_msg, m->dialog.names, a->content, &arena, &c, NULL) != 0)
		return -1;
	if (!(c.description.has & 1u << MST_CD_ARGS) || !(c.description.args.has & 1u << MST_CA_NO_MORE))
		return -1;
	return c.description.args.no_more.retry_duration >= 0 ? c.description.args.no_more.retry_duration
							      : -1;
}

/* Rule 3: parse failure → give up or Retrieve again. We ask once more, then give up with the reason. */
static enum mmef_state unreadable(struct mmef *m, const struct mst_diag *why, mst_ms now)
{
	if (!m->retrieved_again) {
		m->retrieved_again = true;
		return mmef_retrieve_command(m, now);
	}
	(void)mst_dialog_fail(&m->dialog, PROV_MALFORMED,
			      "the MEF's command is not understandable, twice: ", why->field,
			      *why->field ? ": " : "", why->text, NULL);
	return MMEF_FAILED;
}

/* Is the URI that of our MEF, in the very session that authenticated it? Then its path is kept. */
static bool own_uri(const struct mmef *m, struct mst_view uri, char out[MST_ID_MAX])
{
	struct mst_uri_parts u;

	if (!mst_uri_split(uri, &u) || !mst_view_eq_str(u.scheme, "https") || u.host_kind != MST_URI_FQDN ||
	    !mst_id_equal(MST_ID_FQDN, u.host, mst_view_str(m->mef_fqdn)) || u.port != m->port ||
	    mst_view_find(u.path, '?') < u.path.n)
		return false;
	while (u.path.n && u.path.p[u.path.n - 1] == '/')
		u.path.n--;
	return u.path.n && mst_view_to_str(u.path, out, MST_ID_MAX);
}

static bool subject_fits(const struct mmef *m, const struct mst_cert_prov_args *a)
{
	static const enum mst_id_kind kinds[] = { MST_ID_NONE, MST_ID_NODE, MST_ID_CSE_ABS, MST_ID_AE_ABS };

	/* the source prints the rule for CSEs twice and swaps the checks of the two identifiers; meant is this (spec 7.1) */
	return a->subject_type >= 1 && a->subject_type <= 3 && (!m->only_subject || a->subject_type == m->only_subject) &&
	       mst_id_valid(kinds[a->subject_type], a->subject_id);
}

/* --- the arguments of the classes: 0, or the cmdStatusCode that says why not --- */

/* 8.3.9.4: for whom the command is; one without targetID is for the client itself. */
static bool for_us(const struct mmef *m, const struct mst_cmd_description *d)
{
	if (!(d->has & 1u << MST_CD_TARGET))
		return true;
	for (size_t i = 0; i < MMEF_SERVES; i++)
		if (mst_id_enrolee_equal(d->target, m->serves[i]))
			return true;
	return false;
}

/* Class 1 (8.3.9.7). */
static int64_t read_cert_prov(struct mmef *m, const struct mst_client_cmd *c)
{
	const struct mst_cert_prov_args *args = &c->description.args.cert_prov;
	struct mmef_cert_prov *p = &m->result.cert_prov;

	memset(p, 0, sizeof(*p));
	/* protocol 2, SCEP, is not built in */
	if (args->protocol != 1 || !own_uri(m, args->uri, p->path) || !subject_fits(m, args) ||
	    !mst_view_to_str(args->subject_id, p->subject_id, sizeof(p->subject_id)) ||
	    !mst_view_to_str(c->cmd_id, p->cmd_id, sizeof(p->cmd_id)))
		return MST_CMD_UNACCEPTABLE;
	p->subject_type = args->subject_type;
	return 0;
}

/* Class 2 (8.3.9.8): of the protocols of 12.3.2.2 none is built in; ours is (doc/decisions/0017). */
static int64_t read_dev_cfg(struct mmef *m, const struct mst_client_cmd *c)
{
	struct mst_view uri;
	int64_t protocol;

	if (!mst_device_config_split(c->description.args.dev_cfg.device_config_uri, &protocol, &uri))
		return MST_CMD_BAD_ARGS;
	return protocol == MST_DEV_MGMT_OURS && own_uri(m, uri, m->result.command.object_path) ? 0 : MST_CMD_UNACCEPTABLE;
}

/* Class 3: the object is judged by who has it (object.h). */
static int64_t read_mo_node(struct mmef *m, const struct mst_client_cmd *c)
{
	const struct mst_mo_node_args *args = &c->description.args.mo_node;
	struct mmef_command *x = &m->result.command;

	x->object_type = args->object_type;
	if (args->has & 1u << 2) {
		x->specific = MMEF_SPECIFIC_GOOD;
		x->suid = args->specific.suid;
	}
	return mst_view_to_str(args->object_path, x->object_path, sizeof(x->object_path)) ? 0 : MST_CMD_UNACCEPTABLE;
}

/* A command of which only objectTypeSpecificArgs cannot be read has a status of its own (302), once its object is looked at. */
static const struct mst_field lax_mo_row[] = {
	MST_ROW(OBJECT_PATH, 1, STR, MST_F_REQUIRED, struct mst_mo_node_args, object_path, 1, 255, "objectPath"),
	MST_ROW(OBJECT_TYPE_ID, 2, INT, MST_F_REQUIRED, struct mst_mo_node_args, object_type, 0, 255, "objectTypeID"),
};
static const struct mst_msg lax_mo_msg = {
	.what = "MONodeCmdArgs", .open = true, .size = sizeof(struct mst_mo_node_args), .field = lax_mo_row, .n = MST_COUNT(lax_mo_row),
};
static const struct mst_field lax_args_row[] = {
	MST_ROW(MO_NODE_CMD_ARGS, 4, OBJECT, MST_F_REQUIRED, struct mst_cmd_args, mo_node, 0, 0, "class 3", .sub = &lax_mo_msg),
};
static const struct mst_msg lax_args_msg = {
	.what = "cmdArgs", .size = sizeof(struct mst_cmd_args), .field = lax_args_row, .n = MST_COUNT(lax_args_row),
};
static const struct mst_field lax_description_row[] = {
	MST_ROW(CMD_ARGS, 2, OBJECT, MST_F_REQUIRED, struct mst_cmd_description, args, 0, 0, "cmdArgs", .sub = &lax_args_msg),
};
static const struct mst_msg lax_description_msg = {
	.what = "cmdDescription", .open = true, .size = sizeof(struct mst_cmd_description), .field = lax_description_row,
	.n = MST_COUNT(lax_description_row),
};
static const struct mst_field lax_row[] = {
	MST_ROW(CMD_DESCRIPTION, 2, OBJECT, MST_F_REQUIRED, struct mst_client_cmd, description, 0, 0, "cmdDescription",
		.sub = &lax_description_msg),
};
static const struct mst_msg lax_msg = {
	.what = "command", .root = MST_N_MEF_CLIENT_CMD, .open = true, .size = sizeof(struct mst_client_cmd), .field = lax_row,
	.n = MST_COUNT(lax_row),
};

static bool holds(const char *text, const char *part)
{
	struct mst_view v = mst_view_str(text);

	for (size_t i = 0; i < v.n; i++)
		if (mst_view_starts(mst_view_sub(v, i, v.n), part))
			return true;
	return false;
}

static int64_t read_lax(struct mmef *m, const struct mst_response *a, const struct mst_diag *why)
{
	struct mmef_command *x = &m->result.command;
	uint8_t scratch[512];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_client_cmd c;

	if (x->class_id != MST_CMD_MO_NODE || !holds(why->field, mst_name(MST_N_OBJECT_TYPE_SPECIFIC_ARGS, m->dialog.names)) ||
	    mst_msg_read_json(&lax_msg, m->dialog.names, a->content, &arena, &c, NULL) != 0)
		return MST_CMD_BAD_ARGS;
	x->specific = MMEF_SPECIFIC_BAD;
	x->object_type = c.description.args.mo_node.object_type;
	return mst_view_to_str(c.description.args.mo_node.object_path, x->object_path, sizeof(x->object_path)) ? 0 : MST_CMD_UNACCEPTABLE;
}

/* 0 and result.command is filled. */
static int64_t read_command(struct mmef *m, const struct envelope *e, const struct mst_response *a)
{
	struct mmef_command *x = &m->result.command;
	uint8_t scratch[2048];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_diag why = { 0 };
	struct mst_client_cmd c;

	memset(x, 0, sizeof(*x));
	x->class_id = e->description.class_id;
	if (!mst_view_to_str(e->cmd_id, x->cmd_id, sizeof(x->cmd_id)))
		return MST_CMD_BAD_ARGS;
	if (mst_msg_read_json(&mst_client_cmd_msg, m->dialog.names, a->content, &arena, &c, &why) != 0)
		return read_lax(m, a, &why);
	/* a choice of one: that of the class (12.4.4) */
	if (c.description.args.has != 1u << x->class_id)
		return MST_CMD_BAD_ARGS;
	if (!for_us(m, &c.description))
		return MST_CMD_UNACCEPTABLE;
	switch ((enum mst_cmd_class)x->class_id) {
	case MST_CMD_CERT_PROV: return read_cert_prov(m, &c);
	case MST_CMD_DEV_CFG: return read_dev_cfg(m, &c);
	case MST_CMD_MO_NODE: return read_mo_node(m, &c);
	case MST_CMD_NO_MORE: break;
	}
	return MST_CMD_CLASS_UNSUPPORTED;
}

static enum mmef_state execute(struct mmef *m, const struct envelope *e, const struct mst_response *a, mst_ms now)
{
	int64_t status = read_command(m, e, a);

	if (status)
		return mmef_report(m, e->cmd_id, status, now);
	if (m->job != MMEF_JOB_COMMANDS) {
		/* Unreported, so the MEF issues it again (rule 7): enrolling waits for nothing else. */
		m->result.command_waits = true;
		m->result.retry_duration = 0;
		return MMEF_CONFIGURING;
	}
	if (m->result.command.class_id != MST_CMD_DEV_CFG)
		return MMEF_EXECUTING;
	if (!mst_dialog_ask(&m->dialog, MST_OP_RETRIEVE, m->result.command.object_path, "", "", 0, NULL, NULL, now))
		return MMEF_FAILED;
	return MMEF_FETCHING;
}

/* What it is worth is the shell's to say; that there is none is the MEF's doing (201). */
enum mmef_state mmef_on_document(struct mmef *m, const struct mmef_input *in)
{
	struct mst_view content = in->answer->content;

	/* a refusal is no failure of the session: any status will do, as long as it answers what was asked */
	if (!mst_dialog_answered(&m->dialog, in->answer, in->answer->rsc))
		return MMEF_FAILED;
	if (in->answer->rsc != MST_RSC_OK || !content.n || content.n > sizeof(m->text))
		return mmef_report(m, mst_view_str(m->result.command.cmd_id), MST_CMD_CFG_SERVER, in->now);
	memcpy(m->text, content.p, content.n);
	m->result.command.document = (struct mst_view){ m->text, content.n };
	return MMEF_EXECUTING;
}

static enum mmef_state act(struct mmef *m, const struct envelope *e, const struct mst_response *a, mst_ms now)
{
	bool repeated = *m->last_cmd && mst_view_eq_str(e->cmd_id, m->last_cmd);
	int64_t duration;

	switch (e->description.class_id) {
	case MST_CMD_NO_MORE:
		/* Well-formed class 0 ends the loop, whatever its cmdID: no Update is sent for it. */
		duration = no_more_duration(m, a);
		if (duration >= 0) {
			m->result.retry_duration = duration;
			return MMEF_CONFIGURING;
		}
		if (!repeated)
			return mmef_report(m, e->cmd_id, MST_CMD_BAD_ARGS, now);
		break;
	case MST_CMD_CERT_PROV:
	case MST_CMD_DEV_CFG:
	case MST_CMD_MO_NODE:
		if ((m->classes >> e->description.class_id & 1) && !repeated)
			return execute(m, e, a, now);
		/* fall through */
	default:
		/* A class that is recognised but not executed here is "not supported" like an unknown one. */
		if (!repeated) {
			m->result.commands_refused++;
			return mmef_report(m, e->cmd_id, MST_CMD_CLASS_UNSUPPORTED, now);
		}
		break;
	}
	/* Rule 7: reissued means that our Update was lost: say the same again. Rule 4: otherwise 40. */
	return mmef_report(m, e->cmd_id, e->status == MST_CMD_REISSUED ? m->last_status : MST_CMD_REPEATED, now);
}

enum mmef_state mmef_on_command(struct mmef *m, const struct mmef_input *in, int want_rsc)
{
	uint8_t scratch[512];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_diag why = { 0 };
	struct envelope e;

	if (!mst_dialog_answered(&m->dialog, in->answer, want_rsc))
		return MMEF_FAILED;
	if (++m->commands > MMEF_COMMANDS_MAX)
		return mmef_failed(m, PROV_MALFORMED, "the MEF issues commands without end");
	if (mst_msg_read_json(&envelope_msg, m->dialog.names, in->answer->content, &arena, &e, &why) != 0)
		return unreadable(m, &why, in->now);
	return act(m, &e, in->answer, in->now);
}
