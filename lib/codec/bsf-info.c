#include "codec/bsf-info.h"

#include <stddef.h>

#include "base/text.h"

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

/*
 * Character data. The octets are UTF-8 (JSON is); of the control characters XML has only tab, line feed and carriage
 * return, and a reader would turn the last into a line feed, so it is written by number. U+FFFE and U+FFFF are none.
 */
static void put_text(struct mst_writer *w, struct mst_view v)
{
	if (!mst_utf8_valid(v))
		w->ok = false;
	for (size_t i = 0; i < v.n; i++) {
		uint8_t x = v.p[i];

		if (x == '&')
			mst_put_str(w, "&amp;");
		else if (x == '<')
			mst_put_str(w, "&lt;");
		else if (x == '>')
			mst_put_str(w, "&gt;");
		else if (x == '\r')
			mst_put_str(w, "&#13;");
		else if ((x < 0x20 && x != '\t' && x != '\n') || (x == 0xef && i + 2 < v.n && v.p[i + 1] == 0xbf && v.p[i + 2] >= 0xbe))
			w->ok = false;
		else
			mst_put_u8(w, x);
	}
}

static void put_extension(struct mst_writer *w, const struct mst_bsf_info *i)
{
	mst_put_str(w, "<Extension>");
	if (i->current_time) {
		mst_put_str(w, "<currenttime>");
		mst_put_datetime(w, i->current_time);
		mst_put_str(w, "</currenttime>");
	}
	if (i->instructions.n) {
		mst_put_str(w, "<instructions xmlns=\"" MST_BSF_INFO_OUR_NS "\">");
		put_text(w, i->instructions);
		mst_put_str(w, "</instructions>");
	}
	mst_put_str(w, "</Extension>");
}

void mst_bsf_info_write(const struct mst_bsf_info *i, struct mst_writer *w)
{
	size_t before = w->n;

	if (mst_bsf_info_wrong(i))
		w->ok = false;
	mst_put_str(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><BootstrappingInfo xmlns=\"" MST_BSF_INFO_NS "\"><btid>");
	put_text(w, i->btid);
	mst_put_str(w, "</btid><lifetime>");
	mst_put_datetime(w, i->lifetime);
	mst_put_str(w, "</lifetime>");
	if (i->current_time || i->instructions.n)
		put_extension(w, i);
	mst_put_str(w, "</BootstrappingInfo>");
	if (w->n - before > MST_BSF_INFO_OCTETS)
		w->ok = false;
}
