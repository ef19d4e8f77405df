/*
 * The MEF's command channel seen by the client (spec 7.1, TS-0003 8.3.9). A command is read in two
 * steps: first its envelope, so that a command with unknown class or broken arguments can be reported by
 * its cmdID (rule 5), then the arguments of the class by the strict table.
 */
#include "proto/mmef/internal.h"

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

/* Class 1 (8.3.9.7): 0 and result.cert_prov is filled, or the cmdStatusCode that says why not. */
static int64_t read_cert_prov(struct mmef *m, const struct mst_response *a)
{
	struct mmef_cert_prov *p = &m->result.cert_prov;
	uint8_t scratch[1024];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	const struct mst_cert_prov_args *args;
	struct mst_client_cmd c;

	memset(p, 0, sizeof(*p));
	if (mst_msg_read_json(&mst_client_cmd_msg, m->dialog.names, a->content, &arena, &c, NULL) != 0 ||
	    !(c.description.has & 1u << MST_CD_ARGS) || !(c.description.args.has & 1u << MST_CA_CERT_PROV))
		return MST_CMD_BAD_ARGS;
	args = &c.description.args.cert_prov;
	/* protocol 2, SCEP, is not built in */
	if (args->protocol != 1 || !own_uri(m, args->uri, p->path) || !subject_fits(m, args) ||
	    !mst_view_to_str(args->subject_id, p->subject_id, sizeof(p->subject_id)) ||
	    !mst_view_to_str(c.cmd_id, p->cmd_id, sizeof(p->cmd_id)))
		return MST_CMD_UNACCEPTABLE;
	p->subject_type = args->subject_type;
	return 0;
}

static enum mmef_state cert_prov(struct mmef *m, const struct envelope *e, const struct mst_response *a, mst_ms now)
{
	int64_t status = read_cert_prov(m, a);

	if (status)
		return mmef_report(m, e->cmd_id, status, now);
	if (m->job == MMEF_JOB_COMMANDS)
		return MMEF_EXECUTING;
	/* Unreported, so the MEF issues it again (rule 7): enrolling does not wait for an operator's approval. */
	m->result.cert_prov_waits = true;
	m->result.retry_duration = 0;
	return MMEF_CONFIGURING;
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
		if (m->can_cert_prov && !repeated)
			return cert_prov(m, e, a, now);
		/* fall through */
	case MST_CMD_DEV_CFG:
	case MST_CMD_MO_NODE:
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
