/* Verdict → answer. */
#include "role/common/common.h"
#include "role/common/naf.h"

#include <stdio.h>
#include <string.h>

#define BIT(i) (1u << (i))

static struct mst_view text(const char *s)
{
	return mst_view_str(s);
}

static void encode_reg(const struct mst_role_twin *t, const struct mst_role_conf *conf, const struct mst_verdict *v,
                       struct mst_writer *w)
{
	const struct mst_registration *g = &v->reg;
	char key_id[MST_ID_MAX];
	char cmd[sizeof(conf->base) + sizeof(g->reg_id) + 8];
	struct mst_client_reg c = {
		.has = v->show, .ty = t->reg_ty, .ri = text(g->reg_id), .rn = text(g->reg_id),
		.pi = text(conf->base[0] == '/' ? conf->base + 1 : conf->base),
		.ct = g->created, .lt = g->modified, .et = g->expires,
		.admin_fqdn = text(g->admin_fqdn), .client_id = text(g->client_id),
	};

	if (mst_naf_domain(conf, gba_btid_domain(text(g->key_id))))
		memcpy(key_id, g->key_id, sizeof(key_id));       /* a B-TID stays as it is */
	else
		mst_key_id_spell(g->key_id, conf->quirks.hex_lower, key_id);
	c.assigned_symm_key_id = text(key_id);
	c.n_lbl = (uint16_t)mst_lines_split(g->labels, c.lbl, MST_LABELS_MAX);
	if (v->wait_command) {
		/* the reference that makes the client retrieve its command: 8.3.4.6 */
		snprintf(cmd, sizeof(cmd), "%s/%s/cmd", conf->base, g->reg_id);
		c.ch[0] = (struct mst_child_ref){ .has = 7, .nm = text("cmd"), .typ = MST_TY_MEF_CLIENT_CMD, .val = text(cmd) };
		c.n_ch = 1;
	}
	mst_msg_write_json(t->reg_msg, conf->quirks.names, &c, w);
}

static void encode_key(const struct mst_role_conf *conf, const struct mst_verdict *v, struct mst_writer *w)
{
	const struct mst_keyreg *k = &v->keyreg;
	char rel[MST_ID_MAX];
	struct mst_key_reg c = {
		.has = v->show, .et = k->expires, .admin_fqdn = text(k->admin_fqdn), .suid = k->suid,
		.source_client_id = text(k->client_id),
	};

	mst_key_id_spell(k->rel_key_id, conf->quirks.hex_lower, rel);
	c.rn = c.relative_key_id = text(rel);

	c.n_lbl = (uint16_t)mst_lines_split(k->labels, c.lbl, MST_LABELS_MAX);
	c.n_targets = (uint16_t)mst_lines_split(k->targets, c.targets, MST_TARGETS_MAX);
	mst_msg_write_json(&mst_key_reg_msg, conf->quirks.names, &c, w);
}

static void encode_fetched(const struct mst_role_conf *conf, const struct mst_verdict *v, struct mst_writer *w)
{
	struct mst_fetched c = { .status = v->rsc == MST_RSC_OK };

	if (c.status) {
		c.has = BIT(MST_FE_STATUS) | BIT(MST_FE_CREDENTIAL) | BIT(MST_FE_ENROLEE) | BIT(MST_FE_LIFETIME);
		c.enrolee_id = text(v->enrolee);
		c.lifetime = v->lifetime;
	} else {
		c.has = BIT(MST_FE_STATUS) | BIT(MST_FE_ERROR);
		c.error = text(v->say);
	}
	mst_msg_write_json(&mst_fetched_msg, conf->quirks.names, &c, w);
}

/* Arguments by class (TS-0003 12.4.5 and following). */
static void command_args(const struct mst_command *m, struct mst_cmd_args *a)
{
	switch ((enum mst_cmd_class)m->class_id) {
	case MST_CMD_CERT_PROV:
		a->has = BIT(MST_CA_CERT_PROV);
		a->cert_prov = (struct mst_cert_prov_args){ .has = 15, .protocol = m->number, .uri = text(m->uri),
							    .subject_type = m->kind, .subject_id = text(m->subject) };
		return;
	case MST_CMD_DEV_CFG:
		a->has = BIT(MST_CA_DEV_CFG);
		a->dev_cfg = (struct mst_dev_cfg_args){ .has = 1, .device_config_uri = text(m->uri) };
		return;
	case MST_CMD_MO_NODE:
		a->has = BIT(MST_CA_MO_NODE);
		a->mo_node = (struct mst_mo_node_args){ .has = m->kind ? 7 : 3, .object_path = text(m->uri), .object_type = m->number,
							.specific = { .has = 1, .suid = m->kind } };
		return;
	case MST_CMD_NO_MORE:
		break;
	}
}

static void encode_cmd(const struct mst_role_conf *conf, const struct mst_verdict *v, struct mst_writer *w)
{
	struct mst_client_cmd c = {
		.has = BIT(MST_CC_ID) | BIT(MST_CC_DESCRIPTION) | BIT(MST_CC_STATUS),
		.cmd_id = text(v->cmd_id), .status_code = v->cmd_status,
		.description = {
			.has = BIT(MST_CD_CLASS) | BIT(MST_CD_ARGS), .class_id = v->gives ? v->give.class_id : MST_CMD_NO_MORE,
			.args = { .has = BIT(MST_CA_NO_MORE), .no_more = { .has = 1, .retry_duration = v->retry } },
		},
	};

	if (v->gives) {
		memset(&c.description.args, 0, sizeof(c.description.args));
		command_args(&v->give, &c.description.args);
		if (v->give.target[0]) {
			c.description.has |= BIT(MST_CD_TARGET);
			c.description.target = text(v->give.target);
		}
	}
	mst_msg_write_json(&mst_client_cmd_msg, conf->quirks.names, &c, w);
}

static uint32_t given(struct mst_view *out, const char *s, int bit)
{
	*out = text(s);
	return s[0] ? BIT(bit) : 0;
}

void mst_role_put_cfg(const struct mst_msg *m, enum mst_profile names, const struct mst_who *who, struct mst_view ca, mst_time now,
                      struct mst_writer *w)
{
	struct mst_client_cfg c = { .server_time = now };

	c.has = BIT(MST_CF_TIME);
	if (who->has_node) {
		c.has |= given(&c.node_id, who->node.node_id, MST_CF_NODE) | given(&c.cse_id, who->node.cse_id, MST_CF_CSE) |
		         given(&c.ae_id, who->node.ae_id, MST_CF_AE);
	}
	if (who->has_sub) {
		/* the M2M-Sub-ID stays here: TS-0001 7.1.6 */
		c.has |= given(&c.registrar_cse_id, who->sub.registrar_cse_id, MST_CF_REGISTRAR) |
		         given(&c.registrar_poa[0], who->sub.registrar_poa, MST_CF_POA) |
		         given(&c.maf_fqdn, who->sub.maf_fqdn, MST_CF_MAF) | given(&c.maf_uri, who->sub.maf_uri, MST_CF_MAF_URI);
		c.n_registrar_poa = who->sub.registrar_poa[0] ? 1 : 0;
		c.subscription_until = who->sub.not_after;
		c.has |= BIT(MST_CF_UNTIL);
	}
	if (ca.n) {
		c.anchors[0] = ca;
		c.n_anchors = 1;
		c.has |= BIT(MST_CF_ANCHORS);
	}
	mst_msg_write_json(m, names, &c, w);
}

/* A short word for whoever debugs the peer; what it may hold of the peer's own text is made harmless. */
static void encode_refusal(const struct mst_role_conf *conf, const struct mst_verdict *v, struct mst_writer *w)
{
	if (!v->say[0])
		return;
	mst_put_str(w, "{\"");
	mst_put_str(w, mst_name(MST_N_DBG, conf->quirks.names));
	mst_put_str(w, "\":\"");
	for (const char *p = v->say; *p; p++)
		mst_put_u8(w, *p < 0x20 || *p > 0x7e ? '?' : *p == '"' || *p == '\\' ? '\'' : (uint8_t)*p);
	mst_put_str(w, "\"}");
}

/* Where the base64 text of the key goes: between the quotes of the empty member. A quote inside another value is
 * escaped, so the pattern stands only there. */
static bool place_key(enum mst_name member, enum mst_profile p, struct mst_answer *a)
{
	char pattern[64];
	struct mst_view all = mst_written(&a->content);
	int n = snprintf(pattern, sizeof(pattern), "\"%s\":\"\"", mst_name(member, p));

	if (n <= 0 || (size_t)n >= sizeof(pattern))
		return false;
	for (size_t i = 0; i + (size_t)n <= all.n; i++)
		if (mst_view_starts(mst_view_sub(all, i, all.n), pattern)) {
			a->release.at = i + (size_t)n - 1;
			return true;
		}
	return false;
}

int mst_role_encode(const struct mst_role_twin *t, const struct mst_role_conf *conf, const struct mst_records *r,
                    mst_time now, const struct mst_who *w, const struct mst_verdict *v, struct mst_answer *a)
{
	a->rsc = v->rsc;
	a->close = v->close;
	a->release = v->release;
	a->content.n = 0;
	switch (v->body) {
	case MST_BODY_NONE:
		if (v->rsc >= MST_RSC_BAD_REQUEST)
			encode_refusal(conf, v, &a->content);
		break;
	case MST_BODY_REG: encode_reg(t, conf, v, &a->content); break;
	case MST_BODY_KEY: encode_key(conf, v, &a->content); break;
	case MST_BODY_FETCHED: encode_fetched(conf, v, &a->content); break;
	case MST_BODY_CMD: encode_cmd(conf, v, &a->content); break;
	case MST_BODY_OBJECTS: mst_put_str(&a->content, r->objects.content); break;
	case MST_BODY_CFG: mst_role_put_cfg(t->cfg_msg, conf->quirks.names, w, r->ca, now, &a->content); break;
	}
	if (!a->content.ok)
		return MST_FAULT_MEMORY;
	if (v->rsc == MST_RSC_CREATED)
		snprintf(a->location, sizeof(a->location), "%s/%s", conf->base,
		         v->body == MST_BODY_KEY ? v->keyreg.rel_key_id : v->reg.reg_id);
	if (a->release.wanted &&
	    !place_key(v->body == MST_BODY_FETCHED ? MST_N_CREDENTIAL : MST_N_KEY_VALUE, conf->quirks.names, a))
		return MST_FAULT_BUG;
	return 0;
}
