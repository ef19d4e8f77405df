/* The key procedures of Mmaf: TS-0003 8.8.2.7 to 8.8.2.10 (spec 4.4, 5.4). */
#include "proto/mmaf/internal.h"

#include "base/text.h"

#define BIT(i) (1u << (i))
#define KEY_MIN 16
#define SUID_SAEF 32
#define SUID_ESPRIM 33
#define SUID_LAST 35

static bool refuse(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return false;
}

static bool one_target(int64_t suid)
{
	return suid == SUID_SAEF || suid == SUID_ESPRIM;     /* spec 5.3 */
}

static bool same_target(struct mst_view a, struct mst_view b)
{
	return mst_id_equal(MST_ID_CSE_ABS, a, b) || mst_id_equal(MST_ID_AE_ABS, a, b);
}

static bool target_good(const char *t)
{
	return mst_id_valid(MST_ID_CSE_ABS, mst_view_str(t)) || mst_id_valid(MST_ID_AE_ABS, mst_view_str(t));
}

static bool register_good(struct mmaf *m, const struct mmaf_key_ask *k, struct mst_diag *d)
{
	if (k->suid < SUID_SAEF || k->suid > SUID_LAST)
		return refuse(d, "suid", "a MAF distributes keys for SUID 32 to 35");
	if (!k->n_targets || k->n_targets > (one_target(k->suid) ? 1 : MST_TARGETS_MAX))
		return refuse(d, "targets", one_target(k->suid) ? "this SUID takes exactly one target" : "1 to 16 of them");
	if (k->value && (k->value->n < KEY_MIN || k->value->n > MST_KEY_MAX))
		return refuse(d, "value", "a key has 16 to 64 octets");
	m->suid = k->suid;
	if (k->value)
		m->result.key.value = *k->value;
	return k->n_targets > 1 || mst_copy_text(m->target, sizeof(m->target), k->targets[0]) ||
	       refuse(d, "targets", "too long");
}

bool mmaf_key_init(struct mmaf *m, const struct mmaf_config *cfg, struct mst_diag *d)
{
	const struct mmaf_key_ask *k = cfg->key;
	struct mst_writer w = mst_writer_of(m->result.key.key_id, sizeof(m->result.key.key_id));

	if (!k)
		return refuse(d, "key", "missing");
	m->key = k;
	if (!mst_copy_text(m->client_id, sizeof(m->client_id), cfg->client_id))
		return refuse(d, "client_id", "too long");
	for (size_t i = 0; i < k->n_targets; i++)
		if (!target_good(k->targets[i]))
			return refuse(d, "targets", "a target is an absolute CSE-ID or AE-ID, like //sp.example.com/CSE1");
	if (k->n_labels > MST_LABELS_MAX)
		return refuse(d, "labels", "more than 16");
	if (m->job == MMAF_JOB_KEY_REGISTER)
		return register_good(m, k, d);
	if (!k->rel_key_id || !mst_id_valid(MST_ID_REL_KEY, mst_view_str(k->rel_key_id)))
		return refuse(d, "rel_key_id", "not the relative part of a key identifier");
	if (m->job == MMAF_JOB_KEY_UPDATE && !m->expires && !k->n_targets && !k->n_labels)
		return refuse(d, "key", "an update has an end, labels or targets (8.8.2.9)");
	mst_put_str(&w, k->rel_key_id);
	mst_put_str(&w, "@");
	mst_put_str(&w, m->maf_fqdn);
	mst_put_nul(&w);
	return w.ok || refuse(d, "rel_key_id", "too long");
}

static void put_lists(const struct mmaf_key_ask *k, struct mst_key_reg *r)
{
	for (size_t i = 0; i < k->n_targets; i++)
		r->targets[r->n_targets++] = mst_view_str(k->targets[i]);
	for (size_t i = 0; i < k->n_labels; i++)
		r->lbl[r->n_lbl++] = mst_view_str(k->labels[i]);
	r->has |= (k->n_targets ? BIT(MST_KR_TARGETS) : 0) | (k->n_labels ? BIT(MST_KR_LBL) : 0);
}

static enum mmaf_state failed(struct mmaf *m, enum prov_reason r, const char *text)
{
	(void)mst_dialog_fail(&m->dialog, r, text, NULL);
	return MMAF_FAILED;
}

static enum mmaf_state ask(struct mmaf *m, enum mst_op op, const char *id, const struct mst_key_reg *r, mst_ms now,
			   enum mmaf_state next)
{
	bool ok = mst_dialog_ask(&m->dialog, op, m->base, id, "", op == MST_OP_CREATE ? MST_TY_SYMM_KEY_REG : 0,
				 r ? &mst_key_reg_msg : NULL, r, now);

	return ok ? next : MMAF_FAILED;
}

enum mmaf_state mmaf_key_begin(struct mmaf *m, const struct mmaf_input *in)
{
	const struct mmaf_key_ask *k = m->key;
	struct mst_key_reg r = { .et = m->expires, .admin_fqdn = mst_view_str(m->admin_fqdn), .suid = m->suid };

	put_lists(k, &r);
	switch (m->job) {
	case MMAF_JOB_KEY_REGISTER:
		/* "the client shall export when it sends no Key Value" */
		if (!k->value && !m->exported)
			return failed(m, PROV_INTERNAL, "the session's key was not exported");
		r.has |= BIT(MST_KR_ET) | BIT(MST_KR_ADMIN) | BIT(MST_KR_SUID);
		if (k->value) {
			r.key_value = mst_key_view(&m->result.key.value);
			r.has |= BIT(MST_KR_KEY);
		}
		return ask(m, MST_OP_CREATE, "", &r, in->now, MMAF_KEY_REGISTERING);
	case MMAF_JOB_KEY_RETRIEVE:
		return ask(m, MST_OP_RETRIEVE, k->rel_key_id, NULL, in->now, MMAF_KEY_RETRIEVING);
	case MMAF_JOB_KEY_UPDATE:
		r.has |= m->expires ? BIT(MST_KR_ET) : 0;
		return ask(m, MST_OP_UPDATE, k->rel_key_id, &r, in->now, MMAF_KEY_UPDATING);
	case MMAF_JOB_KEY_DELETE:
		return ask(m, MST_OP_DELETE, k->rel_key_id, NULL, in->now, MMAF_KEY_DELETING);
	case MMAF_JOB_REGISTER:
	case MMAF_JOB_CONFIRM:
	case MMAF_JOB_UPDATE:
	case MMAF_JOB_LEAVE:
	case MMAF_JOB_CONFIG:
	case MMAF_JOB__COUNT:
		break;
	}
	return failed(m, PROV_INTERNAL, "no such job");
}

/* What every answer with a key may bring, into the result. `need`: members that must be there. */
static bool take(struct mmaf *m, const struct mmaf_input *in, uint32_t need, const struct mst_key_reg *r)
{
	struct mmaf_key *k = &m->result.key;

	if ((r->has & need) != need)
		return mst_dialog_fail(&m->dialog, PROV_MALFORMED, "the MAF's answer about the key lacks a member", NULL);
	if ((r->has & BIT(MST_KR_ET)) && r->et <= in->utc)
		return mst_dialog_fail(&m->dialog, PROV_EXPIRED, "the key has ended already (et)", NULL);
	if (r->has & BIT(MST_KR_ET))
		k->until = r->et;
	if (r->has & BIT(MST_KR_SUID))
		k->suid = r->suid;
	if ((r->has & BIT(MST_KR_SOURCE)) && !mst_view_to_str(r->source_client_id, k->source, sizeof(k->source)))
		return mst_dialog_fail(&m->dialog, PROV_MALFORMED, "the MAF's sourceClientID is too long", NULL);
	return true;
}

static bool read_key(struct mmaf *m, const struct mmaf_input *in, int want, struct mst_arena *arena, struct mst_key_reg *r)
{
	return mst_dialog_answered(&m->dialog, in->answer, want) &&
	       mst_dialog_read(&m->dialog, in->answer, &mst_key_reg_msg, arena, r);
}

/* 8.3.9.9.4: what came back is what was asked for. The MAF may change a list of several targets, which is told, but who
 * asked for one peer must not have given the key to another. */
static bool as_asked(struct mmaf *m, const struct mst_key_reg *r)
{
	const char *what = NULL;

	if (r->suid != m->suid)
		what = "SUID";
	else if (!mst_id_equal(MST_ID_FQDN, r->admin_fqdn, mst_view_str(m->admin_fqdn)))
		what = "adminFQDN";
	else if (m->client_id[0] && !mst_id_enrolee_equal(r->source_client_id, m->client_id))
		what = "sourceClientID";
	else if (m->target[0] && (r->n_targets != 1 || !same_target(r->targets[0], mst_view_str(m->target))))
		what = "targetIDs";
	return !what || mst_dialog_fail(&m->dialog, PROV_MALFORMED, "the MAF registered another key than was asked for: ",
					what, NULL);
}

static bool name_key(struct mmaf *m, const struct mst_key_reg *r)
{
	struct mmaf_key *k = &m->result.key;
	struct mst_writer w = mst_writer_of(k->key_id, sizeof(k->key_id));
	char hex[2 * sizeof(m->rel) + 1];
	struct mst_writer h = mst_writer_of(hex, sizeof(hex));

	mst_put(&w, r->relative_key_id);
	mst_put_str(&w, "@");
	mst_put_str(&w, m->maf_fqdn);
	mst_put_nul(&w);
	mst_put_hex(&h, (struct mst_view){ m->rel, sizeof(m->rel) });
	mst_put_nul(&h);
	k->other_id = m->exported && !mst_view_eq_nocase(r->relative_key_id, mst_view_str(hex));
	return w.ok || mst_dialog_fail(&m->dialog, PROV_MALFORMED, "the MAF's relativeKeyID is too long", NULL);
}

enum mmaf_state mmaf_key_registered(struct mmaf *m, const struct mmaf_input *in)
{
	uint8_t scratch[8192];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_key_reg r;
	bool ok = read_key(m, in, MST_RSC_CREATED, &arena, &r) &&
		  take(m, in, BIT(MST_KR_RELKEY) | BIT(MST_KR_ET) | BIT(MST_KR_SOURCE) | BIT(MST_KR_ADMIN) | BIT(MST_KR_SUID) |
		       BIT(MST_KR_TARGETS), &r) &&
		  as_asked(m, &r) && name_key(m, &r);

	return ok ? MMAF_DONE : MMAF_FAILED;
}

/* TS-0003 8.8.2.8: the target list does not come with it. */
enum mmaf_state mmaf_key_retrieved(struct mmaf *m, const struct mmaf_input *in)
{
	uint8_t scratch[8192];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_key_reg r;
	bool ok = read_key(m, in, MST_RSC_OK, &arena, &r) &&
		  take(m, in, BIT(MST_KR_ET) | BIT(MST_KR_SOURCE) | BIT(MST_KR_ADMIN) | BIT(MST_KR_SUID) | BIT(MST_KR_KEY), &r);

	if (ok && !mst_key_set(&m->result.key.value, r.key_value))
		ok = mst_dialog_fail(&m->dialog, PROV_MALFORMED, "the MAF's keyValue is no key", NULL);
	mst_wipe(scratch, sizeof(scratch));
	return ok ? MMAF_DONE : MMAF_FAILED;
}

enum mmaf_state mmaf_key_updated(struct mmaf *m, const struct mmaf_input *in)
{
	uint8_t scratch[8192];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_key_reg r;
	bool ok = read_key(m, in, MST_RSC_UPDATED, &arena, &r) && take(m, in, m->expires ? BIT(MST_KR_ET) : 0, &r);

	return ok ? MMAF_DONE : MMAF_FAILED;
}
