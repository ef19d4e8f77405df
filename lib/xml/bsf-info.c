#include "xml/xml.h"

enum part { NOTHING, ROOT, BTID, LIFETIME, EXTENSION, CURRENT_TIME, INSTRUCTIONS, CONFIGURATION, PARTS };

/* Local elements of the schema may come with its namespace or without; ours with ours. */
static const struct mst_xml_part part[PARTS] = {
	[ROOT] = { "BootstrappingInfo", NOTHING, MST_BSF_INFO_NS },
	[BTID] = { "btid", ROOT, MST_BSF_INFO_NS, .ns_or_none = true, .text = true },
	[LIFETIME] = { "lifetime", ROOT, MST_BSF_INFO_NS, .ns_or_none = true, .text = true },
	[EXTENSION] = { "Extension", ROOT, MST_BSF_INFO_NS, .ns_or_none = true },
	[CURRENT_TIME] = { "currenttime", EXTENSION, MST_BSF_INFO_NS, .ns_or_none = true, .text = true },
	[INSTRUCTIONS] = { "instructions", EXTENSION, MST_BSF_INFO_OUR_NS, .text = true },
	[CONFIGURATION] = { "configuration", EXTENSION, MST_BSF_INFO_OUR_NS, .text = true },
};

struct reading { bool seen[PARTS]; struct mst_view text[PARTS]; };

static const char *value(void *ctx, unsigned which, struct mst_view text)
{
	struct reading *r = ctx;

	r->seen[which] = true;
	r->text[which] = text;
	return NULL;
}

static int wrong(struct mst_diag *d, const char *field, const char *why)
{
	mst_diag_set(d, 0, field, why, NULL);
	return MST_XML_BAD;
}

int mst_xml_bsf_info(struct mst_view in, struct mst_arena *a, struct mst_bsf_info *ret_i, struct mst_diag *d)
{
	const struct mst_xml_parts p = { part, PARTS, "the root is not BootstrappingInfo in " MST_BSF_INFO_NS, a, NULL, value };
	struct reading r = { .seen = { false } };
	struct mst_bsf_info i = { .lifetime = 0 };
	int ret = mst_xml_parts(in, MST_BSF_INFO_OCTETS, &p, &r, d);
	const char *why;

	if (ret)
		return ret;
	i.btid = mst_xml_stripped(r.text[BTID]);
	if (!r.seen[BTID])
		return wrong(d, "btid", "missing");
	if (!r.seen[LIFETIME] || !mst_parse_datetime(mst_xml_stripped(r.text[LIFETIME]), &i.lifetime))
		return wrong(d, "lifetime", "missing, or not like 2030-01-01T00:00:00Z");
	if (r.seen[CURRENT_TIME] && !mst_parse_datetime(mst_xml_stripped(r.text[CURRENT_TIME]), &i.current_time))
		return wrong(d, "currenttime", "not like 2030-01-01T00:00:00Z");
	i.instructions = r.text[INSTRUCTIONS];
	i.configuration = r.text[CONFIGURATION];
	why = mst_bsf_info_wrong(&i);
	if (why)
		return wrong(d, "BootstrappingInfo", why);
	*ret_i = i;
	return 0;
}
