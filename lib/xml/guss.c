#include "xml/xml.h"

#include <string.h>

#include "base/text.h"

enum part { NOTHING, GUSS, BSF_INFO, UICC_TYPE, LIFE_TIME, USS_LIST, USS, UIDS, UID, UE_IDS, UE_ID, FLAGS, FLAG, NAF_LIST, NAF_USS, NAF_UIDS,
	    NAF_UID, NAF_UE_IDS, NAF_UE_ID, NAF_FLAGS, NAF_FLAG, KEY_CHOICE, NAF_KEY_CHOICE, PARTS };

/* Twice below `uss`: in the subscriber's settings, and as a root, as a NAF gets it. */
static const struct mst_xml_part part[PARTS] = {
	[GUSS] = { "guss", NOTHING },
	[BSF_INFO] = { "bsfInfo", GUSS },
	[UICC_TYPE] = { "uiccType", BSF_INFO, .text = true },
	[LIFE_TIME] = { "lifeTime", BSF_INFO, .text = true },
	[USS_LIST] = { "ussList", GUSS },
	[USS] = { "uss", USS_LIST, .many = true },
	[UIDS] = { "uids", USS },
	[UID] = { "uid", UIDS, .text = true, .many = true },
	[UE_IDS] = { "ueIds", USS },
	[UE_ID] = { "ueId", UE_IDS, .text = true, .many = true },
	[FLAGS] = { "flags", USS },
	[FLAG] = { "flag", FLAGS, .text = true, .many = true },
	[KEY_CHOICE] = { "keyChoice", USS, .text = true },
	[NAF_LIST] = { "ussList", NOTHING },
	[NAF_USS] = { "uss", NAF_LIST, .many = true },
	[NAF_UIDS] = { "uids", NAF_USS },
	[NAF_UID] = { "uid", NAF_UIDS, .text = true, .many = true },
	[NAF_UE_IDS] = { "ueIds", NAF_USS },
	[NAF_UE_ID] = { "ueId", NAF_UE_IDS, .text = true, .many = true },
	[NAF_FLAGS] = { "flags", NAF_USS },
	[NAF_FLAG] = { "flag", NAF_FLAGS, .text = true, .many = true },
	[NAF_KEY_CHOICE] = { "keyChoice", NAF_USS, .text = true },
};

struct reading { struct mst_guss *g; struct mst_arena *a; };

static bool keep(struct mst_arena *a, struct mst_view v, struct mst_view *ret)
{
	uint8_t *to = mst_arena_take(a, v.n);

	if (!to)
		return false;
	memcpy(to, v.p, v.n);
	*ret = (struct mst_view){ to, v.n };
	return true;
}

static bool number(struct mst_view v, uint32_t *ret)
{
	uint64_t x;

	if (!mst_parse_dec(mst_xml_stripped(v), UINT32_MAX, &x))
		return false;
	*ret = (uint32_t)x;
	return true;
}

/* What is not understood is no permission: it may be the card's key alone that is meant. */
static const char *choose(struct mst_uss *u, struct mst_view v)
{
	if (u->key_choice != MST_KEY_CHOICE_NONE)
		return "uss with two keyChoices";
	return mst_key_choice_read(v, &u->key_choice) ? NULL : "keyChoice is none of ME_BASED_KEY, UICC_BASED_KEY, ME_UICC_BASED_KEYS";
}

static const char *begin_uss(struct reading *r, const struct mst_xml_element *e)
{
	struct mst_uss *u = &r->g->uss[r->g->n];
	struct mst_view group, choice;

	if (r->g->n == MST_USS_MAX)
		return "more than 16 uss";
	*u = (struct mst_uss){ .n_ids = 0 };
	if (!number(mst_xml_attribute(e, "id"), &u->gsid))
		return "uss without a number as its id";
	if (!number(mst_xml_attribute(e, "type"), &u->type))
		return "uss without a number as its type";
	group = mst_xml_attribute(e, "nafGroup");
	if (group.n && !keep(r->a, group, &u->naf_group))
		return "more text than there is room for";
	r->g->n++;
	choice = mst_xml_attribute(e, "keyChoice");
	return choice.p ? choose(u, mst_xml_stripped(choice)) : NULL;
}

static const char *begin(void *ctx, unsigned which, const struct mst_xml_element *e)
{
	struct reading *r = ctx;
	struct mst_view id;

	if (which == USS || which == NAF_USS)
		return begin_uss(r, e);
	if (which != GUSS)
		return NULL;
	id = mst_xml_attribute(e, "id");
	if (!id.n || !mst_printable_ascii(id))
		return "guss without an id";
	return keep(r->a, id, &r->g->impi) ? NULL : "more text than there is room for";
}

static const char *bsf_value(struct mst_guss *g, unsigned which, struct mst_view v)
{
	uint64_t x;

	if (which == UICC_TYPE) {
		g->in_card = mst_view_eq_str(v, "GBA_U");
		return g->in_card || mst_view_eq_str(v, "GBA") ? NULL : "uiccType is neither GBA nor GBA_U";
	}
	if (!mst_parse_dec(v, INT32_MAX, &x))
		return "lifeTime is no number of seconds";
	g->lifetime = (int64_t)x;
	return NULL;
}

static const char *value(void *ctx, unsigned which, struct mst_view text)
{
	struct mst_guss *g = ((struct reading *)ctx)->g;
	struct mst_view v = mst_xml_stripped(text);
	struct mst_uss *u;

	if (which == UICC_TYPE || which == LIFE_TIME)
		return bsf_value(g, which, v);
	u = &g->uss[g->n - 1];               /* within a uss, so there is one */
	if (which == FLAG || which == NAF_FLAG)
		return u->n_flags == MST_USS_FLAGS_MAX ? "more than 8 flags" : number(v, &u->flag[u->n_flags++]) ? NULL : "a flag that is no number";
	if (which == KEY_CHOICE || which == NAF_KEY_CHOICE)
		return choose(u, v);
	if (!v.n)
		return "an empty uid";
	if (u->n_ids == MST_USS_IDS_MAX)
		return "more than 8 uids";
	u->id[u->n_ids++] = v;
	return NULL;
}

int mst_xml_guss(struct mst_view in, struct mst_arena *a, struct mst_guss *ret_g, struct mst_diag *d)
{
	const struct mst_xml_parts p = { part, PARTS, "the root is neither guss nor ussList", a, begin, value };
	struct mst_guss g = { .n = 0 };
	struct reading r = { &g, a };
	int ret = mst_xml_parts(in, MST_GUSS_OCTETS, &p, &r, d);

	if (ret)
		return ret;
	for (size_t i = 0; i < g.n; i++)
		if (!g.uss[i].n_ids) {
			mst_diag_set(d, 0, "uss", "without a uid", NULL);
			return MST_XML_BAD;
		}
	*ret_g = g;
	return 0;
}
