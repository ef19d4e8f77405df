#include "proto/mmef/object.h"

#include "base/text.h"

#define BIT(i) (1u << (i))
#define SYMM BIT(0)          /* what a SUID wants of its object: spec 7.2 */
#define DURATION BIT(1)
#define MEF_CHILD BIT(2)
#define MAF_CHILD BIT(3)
#define PSK_SUITES BIT(4)
#define CERT_PRINT BIT(5)
#define CERT_SUITES BIT(6)
#define ANCHOR BIT(7)

/*
 * The table of 8.3.9.9.2. SUID 31 is in the source as well but no value of m2m:suid, and 21 is the MAF's. The source has the
 * check of trustAnchorCred the wrong way round (spec 11): a profile for certificates without an anchor is what fails.
 */
static const struct { uint8_t suid; uint8_t act; int16_t parent; uint8_t wants; } rules[] = {
	{ 11, MMEF_ACT_LOCAL_KEY, MST_MGMT_MAF_REG, SYMM | PSK_SUITES },
	{ 12, MMEF_ACT_LOCAL_KEY, MST_MGMT_REGISTRATION, SYMM | PSK_SUITES },
	{ 13, MMEF_ACT_LOCAL_KEY, MST_MGMT_DATA_COLLECTION, SYMM },
	{ 21, MMEF_ACT_KEY_AT_MEF, MST_MGMT_MAF_REG, DURATION | MEF_CHILD | PSK_SUITES },
	{ 22, MMEF_ACT_KEY_AT_MEF, MST_MGMT_REGISTRATION, DURATION | MEF_CHILD | PSK_SUITES },
	{ 23, MMEF_ACT_KEY_AT_MEF, MST_MGMT_DATA_COLLECTION, DURATION | MEF_CHILD },
	{ 32, MMEF_ACT_KEY_AT_MAF, MST_MGMT_REGISTRATION, DURATION | MAF_CHILD | PSK_SUITES },
	{ 33, MMEF_ACT_KEY_AT_MAF, MST_MGMT_DATA_COLLECTION, DURATION | MAF_CHILD },
	{ 41, MMEF_ACT_LOCAL_CERT, MST_MGMT_MAF_REG, CERT_PRINT | CERT_SUITES | ANCHOR },
	{ 42, MMEF_ACT_LOCAL_CERT, MST_MGMT_REGISTRATION, CERT_PRINT | CERT_SUITES | ANCHOR },
	{ 43, MMEF_ACT_LOCAL_CERT, MST_MGMT_DATA_COLLECTION, CERT_PRINT | CERT_SUITES | ANCHOR },
};

/* One mandatory suite for each transport (2.5.2, 2.5.3); a profile is for one transport, so one of them has to be named. */
static bool names_suite(const struct mst_object *x, const char *tls, const char *dtls)
{
	for (size_t i = 0; i < x->n_suites; i++)
		if (mst_view_eq_str(x->suites[i], tls) || mst_view_eq_str(x->suites[i], dtls))
			return true;
	return false;
}

static bool meets(const struct mst_objects *o, const struct mst_object *x, unsigned wants)
{
	if ((wants & SYMM) && !(x->has & BIT(MST_MO_KEY_ID)))
		return false;
	if ((wants & DURATION) && !(x->has & BIT(MST_MO_KEY_DURATION)))
		return false;
	if ((wants & MEF_CHILD) && !mst_object_child(o, x, MST_MGMT_MEF_REG))
		return false;
	if ((wants & MAF_CHILD) && !mst_object_child(o, x, MST_MGMT_MAF_REG))
		return false;
	if ((wants & PSK_SUITES) && !names_suite(x, "TLS_PSK_WITH_AES_128_CBC_SHA256", "TLS_PSK_WITH_AES_128_CCM_8"))
		return false;
	if ((wants & CERT_PRINT) && !(x->has & BIT(MST_MO_MY_CERT)))
		return false;
	if ((wants & CERT_SUITES) &&
	    !names_suite(x, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"))
		return false;
	return !(wants & ANCHOR) || mst_object_child(o, x, MST_MGMT_TRUST_ANCHOR);
}

/* "//sp.example.com/CSE1/base/container" → "//sp.example.com/CSE1"; an SP-relative path names no CSE of somebody's. */
static bool cse_of_path(struct mst_view path, char out[MST_ID_MAX])
{
	struct mst_view rest = mst_view_sub(path, 2, path.n);
	size_t sp, cse;

	if (!mst_view_starts(path, "//"))
		return false;
	sp = mst_view_find(rest, '/');
	rest = mst_view_sub(rest, sp + 1, rest.n);
	cse = mst_view_find(rest, '/');
	return mst_id_normalise(MST_ID_CSE_ABS, mst_view_sub(path, 0, 2 + sp + 1 + cse), out);
}

/* targetIDs of a key registration: by the parent (8.3.9.9.4). */
static bool target_of(const struct mst_object *parent, char out[MST_ID_MAX])
{
	switch (parent->mgmt) {
	case MST_MGMT_REGISTRATION: return mst_id_normalise(MST_ID_CSE_ABS, parent->registrar, out);
	case MST_MGMT_DATA_COLLECTION: return cse_of_path(parent->container_path, out);
	case MST_MGMT_MAF_REG: return mst_id_normalise(MST_ID_FQDN, parent->fqdn, out);
	default: return false;
	}
}

static int64_t judge_profile(const struct mst_objects *o, const struct mst_object *x, const struct mmef_command *c, struct mmef_plan *p)
{
	const struct mst_object *parent = mst_object_parent(o, x);
	size_t i = 0;

	if (c->specific != MMEF_SPECIFIC_GOOD)
		return MST_CMD_MO_BAD_ARGS;
	if (c->suid != x->suid)
		return MST_CMD_MO_UNACCEPTABLE;
	while (i < MST_COUNT(rules) && rules[i].suid != x->suid)
		i++;
	/* a SUID for which 8.3.9.9.2 has no rule: nothing is to be done with it */
	if (i == MST_COUNT(rules))
		return MST_CMD_MO_UNACCEPTABLE;
	if (!parent || parent->mgmt != rules[i].parent || !meets(o, x, rules[i].wants))
		return MST_CMD_MO_INCONSISTENT;
	p->act = (enum mmef_act)rules[i].act;
	if (p->act == MMEF_ACT_KEY_AT_MEF)
		p->reg = mst_object_child(o, x, MST_MGMT_MEF_REG);
	if (p->act == MMEF_ACT_KEY_AT_MAF)
		p->reg = mst_object_child(o, x, MST_MGMT_MAF_REG);
	return p->reg && !target_of(parent, p->target) ? MST_CMD_MO_INCONSISTENT : 0;
}

int64_t mmef_judge(const struct mst_objects *o, const struct mmef_command *c, struct mmef_plan *ret)
{
	static const int64_t types[] = { 0, MST_MGMT_AUTH_PROFILE, MST_MGMT_TRUST_ANCHOR, MST_MGMT_MAF_REG };
	const struct mst_object *x = mst_object_find(o, mst_view_str(c->object_path));

	memset(ret, 0, sizeof(*ret));
	if (c->object_type < 1 || c->object_type > 3)
		return MST_CMD_UNACCEPTABLE;
	if (!x)
		return MST_CMD_MO_NOT_FOUND;
	if (x->mgmt != types[c->object_type])
		return MST_CMD_MO_TYPE;
	ret->object = x;
	if (x->mgmt == MST_MGMT_AUTH_PROFILE)
		return judge_profile(o, x, c, ret);
	/* 12.4.10: specific arguments are defined for type 1 only */
	if (c->specific != MMEF_SPECIFIC_NONE)
		return MST_CMD_MO_BAD_ARGS;
	ret->act = x->mgmt == MST_MGMT_TRUST_ANCHOR ? MMEF_ACT_TRUST_ANCHOR : MMEF_ACT_MAF_REGISTER;
	ret->reg = x->mgmt == MST_MGMT_MAF_REG ? x : NULL;
	return 0;
}

const char *mmef_judge_words(int64_t status)
{
	switch (status) {
	case MST_CMD_UNACCEPTABLE: return "no such type of object";
	case MST_CMD_MO_NOT_FOUND: return "there is no object of that path";
	case MST_CMD_MO_TYPE: return "the object there is of another type";
	case MST_CMD_MO_BAD_ARGS: return "objectTypeSpecificArgs are not what that type takes";
	case MST_CMD_MO_UNACCEPTABLE: return "the SUID is another one than the object's, or one that nothing is done for";
	case MST_CMD_MO_INCONSISTENT: return "the object lacks what its SUID needs: its parent, its children, or members";
	default: return "";
	}
}
