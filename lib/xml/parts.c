#include "xml/xml.h"

#include <string.h>

struct reading {
	const struct mst_xml_parts *p;
	void *ctx;
	unsigned at, unknown;        /* unknown: depth inside elements that nobody knows */
	uint32_t seen;               /* in the parent that is open: bits by part */
	struct mst_view text;
};

static unsigned part_of(const struct reading *r, const struct mst_xml_element *e)
{
	for (unsigned i = 1; i < r->p->n; i++) {
		const struct mst_xml_part *k = &r->p->part[i];

		if (k->parent == r->at && !strcmp(k->name, e->name) && (!k->ns || !strcmp(k->ns, e->ns) || (k->ns_or_none && !*e->ns)))
			return i;
	}
	return 0;
}

/* A new parent: what stands in it has not been seen. */
static void forget_inside(struct reading *r, unsigned parent)
{
	for (unsigned i = 1; i < r->p->n; i++)
		if (r->p->part[i].parent == parent)
			r->seen &= ~(UINT32_C(1) << i);
}

static const char *begin(void *ctx, const struct mst_xml_element *e)
{
	struct reading *r = ctx;
	unsigned i;

	if (r->unknown) {
		r->unknown++;
		return NULL;
	}
	if (r->p->part[r->at].text)
		return "an element where text is expected";
	i = part_of(r, e);
	if (!i && !r->at)
		return r->p->what;
	if (!i) {
		r->unknown = 1;
		return NULL;
	}
	if ((r->seen >> i & 1) && !r->p->part[i].many)
		return "an element that may stand once stands twice";
	r->seen |= UINT32_C(1) << i;
	forget_inside(r, i);
	r->at = i;
	r->text = (struct mst_view){ r->p->a->p + r->p->a->n, 0 };
	return r->p->begin ? r->p->begin(r->ctx, i, e) : NULL;
}

/* Pieces of one text come one after the other, and nobody else takes from the arena meanwhile: they join. */
static const char *text(void *ctx, struct mst_view piece)
{
	struct reading *r = ctx;
	uint8_t *to;

	if (r->unknown || !r->p->part[r->at].text || !piece.n)
		return NULL;
	to = mst_arena_take(r->p->a, piece.n);
	if (!to)
		return "more text than there is room for";
	memcpy(to, piece.p, piece.n);
	r->text.n += piece.n;
	return NULL;
}

static const char *end(void *ctx, const struct mst_xml_element *e)
{
	struct reading *r = ctx;
	unsigned i = r->at;

	(void)e;
	if (r->unknown) {
		r->unknown--;
		return NULL;
	}
	r->at = r->p->part[i].parent;
	return r->p->part[i].text && r->p->value ? r->p->value(r->ctx, i, r->text) : NULL;
}

int mst_xml_parts(struct mst_view in, size_t max, const struct mst_xml_parts *p, void *ctx, struct mst_diag *d)
{
	static const struct mst_xml_ops ops = { begin, text, end };
	struct reading r = { .p = p, .ctx = ctx };

	return mst_xml_walk(in, max, &ops, &r, d);
}

struct mst_view mst_xml_stripped(struct mst_view v)
{
	static const struct mst_view blank = MST_VIEW_LIT(" \t\r\n");

	while (v.n && mst_view_find(blank, v.p[v.n - 1]) < blank.n)
		v.n--;
	while (v.n && mst_view_find(blank, v.p[0]) < blank.n)
		v = mst_view_sub(v, 1, v.n);
	return v;
}
