#include "codec/bsf-info.h"

#include <stddef.h>

#include "base/text.h"
#include "codec/guss.h"

const char *mst_bsf_info_wrong(const struct mst_bsf_info *i)
{
	if (!i->btid.n || i->btid.n >= MST_BTID_MAX || !mst_printable_ascii(i->btid))
		return "btid: not 1 to 255 printable ASCII characters without blanks";
	if (i->lifetime <= 0 || i->lifetime > MST_TIME_MAX)
		return "lifetime: not a time";
	if (i->current_time < 0 || i->current_time > MST_TIME_MAX)
		return "currenttime: not a time";
	return NULL;
}

static void put_ours(struct mst_writer *w, const char *name, struct mst_view text)
{
	if (!text.n)
		return;
	mst_put_str(w, "<");
	mst_put_str(w, name);
	mst_put_str(w, " xmlns=\"" MST_BSF_INFO_OUR_NS "\">");
	mst_put_xml_text(w, text);
	mst_put_str(w, "</");
	mst_put_str(w, name);
	mst_put_str(w, ">");
}

static void put_extension(struct mst_writer *w, const struct mst_bsf_info *i)
{
	mst_put_str(w, "<Extension>");
	if (i->current_time) {
		mst_put_str(w, "<currenttime>");
		mst_put_datetime(w, i->current_time);
		mst_put_str(w, "</currenttime>");
	}
	put_ours(w, "instructions", i->instructions);
	put_ours(w, "configuration", i->configuration);
	mst_put_str(w, "</Extension>");
}

void mst_bsf_info_write(const struct mst_bsf_info *i, struct mst_writer *w)
{
	size_t before = w->n;

	if (mst_bsf_info_wrong(i))
		w->ok = false;
	mst_put_str(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><BootstrappingInfo xmlns=\"" MST_BSF_INFO_NS "\"><btid>");
	mst_put_xml_text(w, i->btid);
	mst_put_str(w, "</btid><lifetime>");
	mst_put_datetime(w, i->lifetime);
	mst_put_str(w, "</lifetime>");
	if (i->current_time || i->instructions.n || i->configuration.n)
		put_extension(w, i);
	mst_put_str(w, "</BootstrappingInfo>");
	if (w->n - before > MST_BSF_INFO_OCTETS)
		w->ok = false;
}
