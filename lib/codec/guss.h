/*
 * GBA user security settings (TS 29.109 annex A): which service keys a subscriber may have, for whom. The same struct for
 * XML (Diameter) and JSON (the SBI's Nhss_gbaSDM). Written here; read by lib/xml.
 */
#ifndef MST_CODEC_GUSS_H
#define MST_CODEC_GUSS_H

#include "base/time.h"
#include "base/writer.h"
#include "codec/msg.h"

#define MST_GUSS_OCTETS 16384
#define MST_GUSS_NS "guss-schema-of-3gpp-gaa"
#define MST_USS_MAX 16
#define MST_USS_IDS_MAX 8
#define MST_USS_FLAGS_MAX 8

/*
 * Which of the two keys of GBA_U the service is to be given (TS 29.309): the one that the ME has (Ks_ext_NAF, and Ks_NAF without
 * GBA_U), the one that stays in the card (Ks_int_NAF) and no other, or both. In the XML of annex A it is of later releases, whose
 * schema is not at hand. We write an element behind `flags`, with the words of the SBI, and read an element or an attribute of
 * that name and those words in any case, with or without - and _ between.
 */
enum mst_key_choice { MST_KEY_CHOICE_NONE, MST_KEY_CHOICE_ME, MST_KEY_CHOICE_UICC, MST_KEY_CHOICE_BOTH };
extern const struct mst_enum_table mst_key_choice_table;
/* False: no such word. */
bool mst_key_choice_read(struct mst_view v, enum mst_key_choice *ret);

struct mst_uss {
	uint32_t gsid, type;                 /* 0 to 999999 are 3GPP's */
	struct mst_view naf_group;           /* optional */
	struct mst_view id[MST_USS_IDS_MAX]; /* what the subscriber is called at that service: at least one */
	size_t n_ids;
	uint32_t flag[MST_USS_FLAGS_MAX];
	size_t n_flags;
	enum mst_key_choice key_choice;
};

struct mst_guss {
	struct mst_view impi;                /* empty in the list that a NAF gets (root ussList) */
	bool in_card;                        /* uiccType GBA_U */
	int64_t lifetime;                    /* seconds; 0 = the BSF's own */
	struct mst_uss uss[MST_USS_MAX];
	size_t n;
};
/* As `guss`, or with an empty impi as `ussList`. What is no character of XML, or does not fit, latches `w`. */
void mst_guss_write(const struct mst_guss *g, struct mst_writer *w);

/* Character data of XML 1.0, between elements. Latches on what is none. */
void mst_put_xml_text(struct mst_writer *w, struct mst_view v);

#endif
