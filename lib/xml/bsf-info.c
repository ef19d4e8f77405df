#include "xml/xml.h"

#include <string.h>

enum part { NOTHING, ROOT, BTID, LIFETIME, EXTENSION, CURRENT_TIME, INSTRUCTIONS, PARTS };

/* Where each stands; elements of the schema may come with its namespace or, being local ones, without. */
static const struct { const char *name; enum part parent; bool ours, text; } known[PARTS] = {
	[ROOT] = { "BootstrappingInfo", NOTHING, false, false },
	[BTID] = { "btid", ROOT, false, true },
	[LIFETIME] = { "lifetime", ROOT, false, true },
	[EXTENSION] = { "Extension", ROOT, false, false },
	[CURRENT_TIME] = { "currenttime", EXTENSION, false, true },
	[INSTRUCTIONS] = { "instructions", EXTENSION, true, true },
};

struct reading {
	struct mst_arena *a;
	enum part at;
	unsigned unknown;            /* depth inside elements that nobody knows */
	bool seen[PARTS];
	struct mst_view text[PARTS];
};

static enum part part_of(enum part parent, const struct mst_xml_element *e)
{
	for (enum part p = ROOT; p < PARTS; p++) {
		bool ns = known[p].ours ? !strcmp(e->ns, MST_BSF_INFO_OUR_NS) :
					  !strcmp(e->ns, MST_BSF_INFO_NS) || (p != ROOT && !*e->ns);

		if (known[p].parent == parent && ns && !strcmp(known[p].name, e->name))
			return p;
	}
	return NOTHING;
}

static const char *begin(void *ctx, const struct mst_xml_element *e)
{
	struct reading *r = ctx;
	enum part p;

	if (r->unknown) {
		r->unknown++;
		return NULL;
	}
	if (known[r->at].text)
		return "an element where text is expected";
	p = part_of(r->at, e);
	if (p == NOTHING && r->at == NOTHING)
		return "the root is not BootstrappingInfo in " MST_BSF_INFO_NS;
	if (p == NOTHING) {
		r->unknown = 1;
		return NULL;
	}
	if (r->seen[p])
		return "an element that may stand once stands twice";
	r->seen[p] = true;
	r->at = p;
	r->text[p] = (struct mst_view){ r->a->p + r->a->n, 0 };
	return NULL;
}

/* Pieces of one text come one after the other, and nobody else takes from the arena meanwhile: they join. */
static const char *text(void *ctx, struct mst_view piece)
{
	struct reading *r = ctx;
	uint8_t *to;

	if (r->unknown || !known[r->at].text || !piece.n)
		return NULL;
	to = mst_arena_take(r->a, piece.n);
	if (!to)
		return "more text than there is room for";
	memcpy(to, piece.p, piece.n);
	r->text[r->at].n += piece.n;
	return NULL;
}

static const char *end(void *ctx, const struct mst_xml_element *e)
{
	struct reading *r = ctx;

	(void)e;
	if (r->unknown)
		r->unknown--;
	else
		r->at = known[r->at].parent;
	return NULL;
}

static struct mst_view stripped(struct mst_view v)
{
	while (v.n && strchr(" \t\r\n", v.p[v.n - 1]))
		v.n--;
	while (v.n && strchr(" \t\r\n", v.p[0]))
		v = mst_view_sub(v, 1, v.n);
	return v;
}

static int wrong(struct mst_diag *d, const char *field, const char *why)
{
	mst_diag_set(d, 0, field, why, NULL);
	return MST_XML_BAD;
}

int mst_xml_bsf_info(struct mst_view in, struct mst_arena *a, struct mst_bsf_info *ret_i, struct mst_diag *d)
{
	static const struct mst_xml_ops ops = { begin, text, end };
	struct reading r = { .a = a };
	struct mst_bsf_info i = { 0 };
	int ret = mst_xml_walk(in, MST_BSF_INFO_OCTETS, &ops, &r, d);
	const char *why;

	if (ret)
		return ret;
	i.btid = stripped(r.text[BTID]);
	if (!r.seen[BTID])
		return wrong(d, "btid", "missing");
	if (!r.seen[LIFETIME] || !mst_parse_datetime(stripped(r.text[LIFETIME]), &i.lifetime))
		return wrong(d, "lifetime", "missing, or not like 2030-01-01T00:00:00Z");
	if (r.seen[CURRENT_TIME] && !mst_parse_datetime(stripped(r.text[CURRENT_TIME]), &i.current_time))
		return wrong(d, "currenttime", "not like 2030-01-01T00:00:00Z");
	i.instructions = r.text[INSTRUCTIONS];
	why = mst_bsf_info_wrong(&i);
	if (why)
		return wrong(d, "BootstrappingInfo", why);
	*ret_i = i;
	return 0;
}
