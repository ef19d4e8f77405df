/* The command channel at the MEF (TS-0003 8.3.9, spec 7.1): which command is given, and what a report means. PURE. */
#include <string.h>

#include "role/mef/decide.h"

#define BIT(i) (1u << (i))

/* 12.3.2.4: what a client may say, of which classes. 10 and 11 are the MEF's own. */
static const struct { int16_t status; uint8_t classes; } reports[] = {
	{ MST_CMD_OK, 15 },           { MST_CMD_REPEATED, 15 },  { MST_CMD_CLASS_UNSUPPORTED, 15 },
	{ MST_CMD_BAD_ARGS, 15 },     { MST_CMD_UNACCEPTABLE, BIT(MST_CMD_CERT_PROV) | BIT(MST_CMD_DEV_CFG) | BIT(MST_CMD_MO_NODE) },
	{ MST_CMD_CERT_SERVER, BIT(MST_CMD_CERT_PROV) },         { MST_CMD_CERT_CLIENT, BIT(MST_CMD_CERT_PROV) },
	{ MST_CMD_CFG_SERVER, BIT(MST_CMD_DEV_CFG) },            { MST_CMD_CFG_CLIENT, BIT(MST_CMD_DEV_CFG) },
	{ MST_CMD_MO_NOT_FOUND, BIT(MST_CMD_MO_NODE) },          { MST_CMD_MO_TYPE, BIT(MST_CMD_MO_NODE) },
	{ MST_CMD_MO_BAD_ARGS, BIT(MST_CMD_MO_NODE) },           { MST_CMD_MO_UNACCEPTABLE, BIT(MST_CMD_MO_NODE) },
	{ MST_CMD_MO_INCONSISTENT, BIT(MST_CMD_MO_NODE) },       { MST_CMD_MO_FAILED, BIT(MST_CMD_MO_NODE) },
};

bool mst_mef_status_fits(int64_t status, int class_id)
{
	for (size_t i = 0; i < MST_COUNT(reports); i++)
		if (reports[i].status == status)
			return class_id < 0 || (class_id <= MST_CMD_MO_NODE && (reports[i].classes >> class_id & 1));
	return false;
}

static void step(struct mst_verdict *v, const struct mst_command *m, enum mst_command_step_what what, const char *cmd_id, int64_t status,
                 mst_time now)
{
	struct mst_command_step *s = &v->step[v->n_step++];

	*s = (struct mst_command_step){ .command = m->id, .at = now, .what = what, .status = status };
	MST_STR_SET(s->cmd_id, cmd_id);
}

static bool is_out(const struct mst_records *r)
{
	return r->has_out && !strcmp(r->out.cmd_id, r->reg.last_cmd);
}

/* A new cmdID, for the next command when there is one and for NO_MORE_COMMANDS otherwise. */
static void issue_command(const struct mst_records *r, mst_time now, struct mst_verdict *v)
{
	struct mst_writer w = mst_writer_of(v->cmd_id, sizeof(v->cmd_id));
	uint64_t n = 0;

	if (r->reg.last_cmd[0] && !mst_parse_dec(mst_view_sub(mst_view_str(r->reg.last_cmd), 2, 30), UINT32_MAX, &n))
		n = 0;
	mst_put_str(&w, "c-");
	mst_put_dec(&w, (int64_t)n + 1);
	mst_put_nul(&w);
	v->cmd_status = MST_CMD_ISSUED;
	if (!v->put_reg)
		v->reg = r->reg;
	MST_STR_SET(v->reg.last_cmd, v->cmd_id);
	v->reg.modified = now;
	v->put_reg = true;
	if (!r->has_next)
		return;
	v->gives = v->put_give = true;
	v->give = r->next;
	v->give.state = MST_COMMAND_ISSUED;
	v->give.issued = now;
	MST_STR_SET(v->give.reg_id, r->reg.reg_id);
	MST_STR_SET(v->give.cmd_id, v->cmd_id);
	step(v, &v->give, MST_STEP_ISSUED, v->cmd_id, MST_CMD_ISSUED, now);
}

static void next_command(const struct mst_records *r, const struct mst_role_conf *conf, bool report, mst_time now,
                         struct mst_verdict *v)
{
	bool cancelled = is_out(r) && r->out.state == MST_COMMAND_CANCELLED;

	v->retry = conf->retry_duration;
	v->body = MST_BODY_CMD;
	/* NO_MORE_COMMANDS is not reported on: it is over as soon as there is something else */
	if (r->reg.last_cmd[0] && !report && !cancelled && (is_out(r) || !r->has_next)) {
		/* a command that was not reported on is given again, as reissued (8.3.9.2) */
		MST_STR_SET(v->cmd_id, r->reg.last_cmd);
		v->cmd_status = MST_CMD_REISSUED;
		v->gives = is_out(r);
		if (v->gives) {
			v->give = r->out;
			step(v, &v->give, MST_STEP_REISSUED, v->cmd_id, MST_CMD_REISSUED, now);
		}
		return;
	}
	issue_command(r, now, v);
}

/* The report is about what was given last: it ends that, unless the operator has taken it back meanwhile. */
static void take_report(const struct mst_client_cmd *q, const struct mst_records *r, mst_time now, struct mst_verdict *v)
{
	v->reg = r->reg;
	v->reg.last_cmd_status = (int)q->status_code;
	v->put_reg = true;
	if (!is_out(r))
		return;
	if (r->out.state == MST_COMMAND_CANCELLED) {
		step(v, &r->out, MST_STEP_LATE, r->out.cmd_id, q->status_code, now);
		return;
	}
	v->put_out = true;
	v->out = r->out;
	v->out.state = MST_COMMAND_ENDED;
	v->out.status = q->status_code;
	v->out.ended = now;
	step(v, &v->out, MST_STEP_REPORTED, v->out.cmd_id, q->status_code, now);
}

/* For the audit log: which command of the operator's went where. */
static void tell(const struct mst_client_cmd *q, bool latest, const struct mst_records *r, bool set, struct mst_verdict *v)
{
	struct mst_writer w = mst_writer_of(v->why, sizeof(v->why));

	if (set && !latest) {
		mst_put_str(&w, "not the latest command: content ignored; ");
	} else if (set && is_out(r)) {
		mst_put_str(&w, "command ");
		mst_put_dec(&w, r->out.id);
		mst_put_str(&w, r->out.state == MST_COMMAND_CANCELLED ? " was cancelled, and ended with " : " ended with ");
		mst_put_dec(&w, q->status_code);
		mst_put_str(&w, " ");
		mst_put_str(&w, mst_cmd_status_text(q->status_code));
		mst_put_str(&w, "; ");
	} else if (set) {
		mst_put_str(&w, "status taken; ");
	}
	mst_put_str(&w, v->cmd_id);
	if (v->gives) {
		mst_put_str(&w, ": command ");
		mst_put_dec(&w, v->give.id);
		mst_put_str(&w, " ");
		mst_put_str(&w, mst_cmd_class_text(v->give.class_id));
		mst_put_str(&w, v->cmd_status == MST_CMD_REISSUED ? ", again" : "");
	} else {
		mst_put_str(&w, ": no more commands");
	}
	mst_put_nul(&w);
}

void mst_mef_decide_command(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                            const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v)
{
	const struct mst_client_cmd *q = &c->cmd;
	bool set = c->what == MST_CALL_CMD_SET, latest = false;

	if (!mst_decide_own_reg(w, r, now, v))
		return;
	if (set) {
		if (!(q->has & BIT(MST_CC_ID)) || !(q->has & BIT(MST_CC_STATUS)) || (q->has & BIT(MST_CC_DESCRIPTION)) ||
		    !mst_mef_status_fits(q->status_code, -1)) {
			mst_refuse(v, MST_RSC_BAD_REQUEST, "give cmdID and a cmdStatusCode of the client", NULL);
			return;
		}
		latest = r->reg.last_cmd[0] && mst_view_eq_str(q->cmd_id, r->reg.last_cmd);
		if (latest && is_out(r) && !mst_mef_status_fits(q->status_code, r->out.class_id)) {
			mst_refuse(v, MST_RSC_BAD_REQUEST, "that cmdStatusCode is of another class of commands", NULL);
			return;
		}
	}
	if (latest)
		take_report(q, r, now, v);
	next_command(r, conf, latest, now, v);
	tell(q, latest, r, set, v);
	v->rsc = set ? MST_RSC_UPDATED : MST_RSC_OK;
	mst_decide_step(v, w, c, "mef-command", now);
}

void mst_mef_decide_objects(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, mst_time now,
                            struct mst_verdict *v)
{
	if (!mst_decide_own_reg(w, r, now, v))
		return;
	if (!r->has_objects) {
		mst_refuse(v, MST_RSC_NOT_FOUND, "no configuration", "no management objects are kept for the node and this stakeholder");
		return;
	}
	v->rsc = MST_RSC_OK;
	v->body = MST_BODY_OBJECTS;
	mst_decide_step(v, w, c, "mef-objects", now);
}
