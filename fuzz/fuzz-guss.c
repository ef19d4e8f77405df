/* Any octets as GUSS or as a list of USS: what is taken can be written, and reads back as the same. */
#include <stdlib.h>

#include "xml/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t room[MST_GUSS_OCTETS], again[MST_GUSS_OCTETS], text[8 * MST_GUSS_OCTETS], text2[8 * MST_GUSS_OCTETS];
	struct mst_arena a = mst_arena_of(room, sizeof(room)), b = mst_arena_of(again, sizeof(again));
	struct mst_writer w = mst_writer_of(text, sizeof(text)), x = mst_writer_of(text2, sizeof(text2));
	static struct mst_guss g, back;
	struct mst_diag d = { 0 };
	int r = mst_xml_guss((struct mst_view){ p, n }, &a, &g, &d);

	if (r) {
		if (r != MST_XML_BAD || !d.text[0])
			abort();
		return 0;
	}
	mst_guss_write(&g, &w);
	if (!w.ok)                           /* escaping may make it longer than the limit, and nothing else may fail */
		return w.n > MST_GUSS_OCTETS / 2 ? 0 : (abort(), 0);
	if (mst_xml_guss(mst_written(&w), &b, &back, &d))
		abort();
	mst_guss_write(&back, &x);
	if (!mst_view_eq(mst_written(&w), mst_written(&x)))
		abort();
	return 0;
}
