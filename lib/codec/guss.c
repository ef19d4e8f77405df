#include "codec/guss.h"

#include "base/text.h"

static const struct mst_enum_value choice_value[] = {
	{ "ME_BASED_KEY", MST_KEY_CHOICE_ME }, { "UICC_BASED_KEY", MST_KEY_CHOICE_UICC }, { "ME_UICC_BASED_KEYS", MST_KEY_CHOICE_BOTH },
};
const struct mst_enum_table mst_key_choice_table = { "choice of key", choice_value, MST_COUNT(choice_value) };

/* Nothing but the letters of a word. */
static struct mst_view letters(struct mst_view v, uint8_t room[32])
{
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '-' || v.p[i] == '_')
			continue;
		if (n == 32)
			return MST_VIEW_NONE;
		room[n++] = v.p[i];
	}
	return (struct mst_view){ room, n };
}

bool mst_key_choice_read(struct mst_view v, enum mst_key_choice *ret)
{
	uint8_t given[32], word[32];
	struct mst_view is = letters(v, given);

	for (size_t i = 0; i < MST_COUNT(choice_value); i++)
		if (mst_view_eq_nocase(is, letters(mst_view_str(choice_value[i].text), word))) {
			*ret = (enum mst_key_choice)choice_value[i].value;
			return true;
		}
	return false;
}

/*
 * The octets are UTF-8; of the control characters XML has only tab, line feed and carriage return, and a reader would turn
 * the last into a line feed, so it is written by number. U+FFFE and U+FFFF are none.
 */
static void put_escaped(struct mst_writer *w, struct mst_view v, bool attribute)
{
	static const struct { uint8_t c; bool attribute_only; const char *text; } row[] = {
		{ '&', false, "&amp;" }, { '<', false, "&lt;" }, { '>', false, "&gt;" }, { '\r', false, "&#13;" },
		{ '"', true, "&quot;" }, { '\t', true, "&#9;" }, { '\n', true, "&#10;" },
	};

	if (!mst_utf8_valid(v))
		w->ok = false;
	for (size_t i = 0; i < v.n; i++) {
		uint8_t x = v.p[i];
		size_t k = 0;

		while (k < MST_COUNT(row) && (row[k].c != x || (row[k].attribute_only && !attribute)))
			k++;
		if (k < MST_COUNT(row))
			mst_put_str(w, row[k].text);
		else if ((x < 0x20 && x != '\t' && x != '\n') || (x == 0xef && i + 2 < v.n && v.p[i + 1] == 0xbf && v.p[i + 2] >= 0xbe))
			w->ok = false;
		else
			mst_put_u8(w, x);
	}
}

void mst_put_xml_text(struct mst_writer *w, struct mst_view v)
{
	put_escaped(w, v, false);
}

static void put_number(struct mst_writer *w, const char *before, int64_t x, const char *behind)
{
	mst_put_str(w, before);
	mst_put_dec(w, x);
	mst_put_str(w, behind);
}

static void put_uss(struct mst_writer *w, const struct mst_uss *u)
{
	put_number(w, "<uss id=\"", u->gsid, "\" type=\"");
	put_number(w, "", u->type, "\"");
	if (u->naf_group.n) {
		mst_put_str(w, " nafGroup=\"");
		put_escaped(w, u->naf_group, true);
		mst_put_str(w, "\"");
	}
	mst_put_str(w, "><uids>");
	for (size_t i = 0; i < u->n_ids; i++) {
		mst_put_str(w, "<uid>");
		mst_put_xml_text(w, u->id[i]);
		mst_put_str(w, "</uid>");
	}
	mst_put_str(w, "</uids><flags>");
	for (size_t i = 0; i < u->n_flags; i++)
		put_number(w, "<flag>", u->flag[i], "</flag>");
	mst_put_str(w, "</flags>");
	if (u->key_choice != MST_KEY_CHOICE_NONE) {
		mst_put_str(w, "<keyChoice>");
		mst_put_str(w, mst_enum_text(&mst_key_choice_table, (int)u->key_choice));
		mst_put_str(w, "</keyChoice>");
	}
	mst_put_str(w, "</uss>");
}

void mst_guss_write(const struct mst_guss *g, struct mst_writer *w)
{
	bool whole = g->impi.n;
	size_t before = w->n;

	mst_put_str(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
	if (whole) {
		mst_put_str(w, "<guss xmlns=\"" MST_GUSS_NS "\" id=\"");
		put_escaped(w, g->impi, true);
		mst_put_str(w, g->in_card ? "\"><bsfInfo><uiccType>GBA_U</uiccType>" : "\"><bsfInfo><uiccType>GBA</uiccType>");
		if (g->lifetime)
			put_number(w, "<lifeTime>", g->lifetime, "</lifeTime>");
		mst_put_str(w, "</bsfInfo>");
	}
	mst_put_str(w, whole ? "<ussList>" : "<ussList xmlns=\"" MST_GUSS_NS "\">");
	for (size_t i = 0; i < g->n; i++) {
		if (!g->uss[i].n_ids)
			w->ok = false;
		put_uss(w, &g->uss[i]);
	}
	mst_put_str(w, whole ? "</ussList></guss>" : "</ussList>");
	if (w->n - before > MST_GUSS_OCTETS)
		w->ok = false;
}
