/* Any octets as BootstrappingInfo: what is taken can be written, and reads back as the same; nothing is read beyond it. */
#include <stdlib.h>

#include "xml/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t room[MST_BSF_INFO_OCTETS], again[MST_BSF_INFO_OCTETS], text[8 * MST_BSF_INFO_OCTETS];
	struct mst_arena a = mst_arena_of(room, sizeof(room)), b = mst_arena_of(again, sizeof(again));
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_bsf_info i, back;
	struct mst_diag d = { 0 };
	int r = mst_xml_bsf_info((struct mst_view){ p, n }, &a, &i, &d);

	if (r != 0 && r != MST_XML_BAD)
		abort();
	if (r) {
		if (!d.text[0])
			abort();
		return 0;
	}
	if (mst_bsf_info_wrong(&i) || n > MST_BSF_INFO_OCTETS)
		abort();
	mst_bsf_info_write(&i, &w);
	if (!w.ok)                           /* escaping may make it longer than the limit, and nothing else may fail */
		return w.n > MST_BSF_INFO_OCTETS / 2 ? 0 : (abort(), 0);
	if (mst_xml_bsf_info(mst_written(&w), &b, &back, &d) || !mst_view_eq(i.btid, back.btid) || i.lifetime != back.lifetime ||
	    i.current_time != back.current_time || !mst_view_eq(i.instructions, back.instructions) ||
	    !mst_view_eq(i.configuration, back.configuration))
		abort();
	return 0;
}
