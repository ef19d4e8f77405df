/*
 * Commands for a UICC and the answers that carry GBA, octet by octet (ETSI TS 102 221 11.1, TS 31.102 4.2 and 7.1,
 * TS 31.103; the sheet's section 8). Pure: what is sent and received is the caller's.
 *
 * Everything that a decoder hands out is borrowed from the answer that it read. An answer to AUTHENTICATE holds CK
 * and IK or a NAF key: the caller wipes it.
 */
#ifndef MST_CODEC_UICC_H
#define MST_CODEC_UICC_H

#include "base/attr.h"
#include "base/diag.h"
#include "base/writer.h"

#define MST_APDU_MAX 261             /* header 4, Lc 1, data 255, Le 1 */
#define MST_APDU_ANSWER_MAX 258      /* data 256, status word 2 */
#define MST_UICC_AID_MAX 16
#define MST_UICC_IMSI_MAX 16         /* 15 digits and a NUL */
#define MST_UICC_RAND 16
#define MST_UICC_AUTN 16
#define MST_UICC_AUTS 14
#define MST_UICC_PIN_MAX 8

/* Instructions and the P2 of AUTHENTICATE (8.3). */
enum {
	MST_INS_VERIFY = 0x20, MST_INS_AUTHENTICATE = 0x88, MST_INS_SELECT = 0xa4, MST_INS_READ_BINARY = 0xb0,
	MST_INS_READ_RECORD = 0xb2, MST_INS_GET_RESPONSE = 0xc0, MST_INS_UPDATE_BINARY = 0xd6,
};
enum mst_uicc_context { MST_UICC_3G = 0x81, MST_UICC_GBA = 0x84 };

/* Files (8.2, 8.4). */
enum {
	MST_EF_DIR = 0x2f00, MST_EF_IMSI = 0x6f07, MST_EF_AD = 0x6fad, MST_EF_UST = 0x6f38, MST_EF_GBABP_USIM = 0x6fd6,
	MST_EF_IMPI = 0x6f02, MST_EF_IST = 0x6f07, MST_EF_GBABP_ISIM = 0x6fd5,
};
#define MST_UST_GBA 68               /* service numbers, counted from 1 */
#define MST_IST_GBA 2

/* Status words that mean something to us (8.3). 61xx and 6Cxx are the transport's: see secenv/card.h. */
enum {
	MST_SW_OK = 0x9000, MST_SW_MAC = 0x9862, MST_SW_NO_CONTEXT = 0x9864, MST_SW_STALE_KEY = 0x9865, MST_SW_LENGTH = 0x6700,
	MST_SW_NO_PIN = 0x6982, MST_SW_BLOCKED = 0x6983, MST_SW_CONDITIONS = 0x6985, MST_SW_BAD_DATA = 0x6a80,
	MST_SW_NO_FILE = 0x6a82, MST_SW_NO_RECORD = 0x6a83, MST_SW_WRONG_P1P2 = 0x6a86, MST_SW_NO_DATA = 0x6a88,
	MST_SW_NO_INS = 0x6d00, MST_SW_NO_CLA = 0x6e00,
};

/*
 * One command on the basic channel. `data` of up to 255 octets, may be empty; `le` is -1 for none, 0 for "as much as
 * there is". Latches in `w` when `data` is longer.
 */
void mst_uicc_command(struct mst_writer *w, uint8_t ins, uint8_t p1, uint8_t p2, struct mst_view data, int le);
/* The same in another class: an application's own commands. */
void mst_uicc_command_of(struct mst_writer *w, uint8_t class, uint8_t ins, uint8_t p1, uint8_t p2, struct mst_view data, int le);
/* AUTHENTICATE in a 3G or GBA context: RAND (`challenge`) and AUTN (AUTN* for GBA_U), 16 octets each. */
void mst_uicc_authenticate(struct mst_writer *w, enum mst_uicc_context context, struct mst_view challenge, struct mst_view autn);
/* AUTHENTICATE as GBA NAF derivation: latches when the two do not fit into one command. */
void mst_uicc_derive_naf(struct mst_writer *w, struct mst_view naf_id, struct mst_view impi);
/* VERIFY of the application's PIN: 4 to 8 digits; false, and nothing written, for anything else. */
MST_MUST_CHECK bool mst_uicc_verify_pin(struct mst_writer *w, struct mst_view pin);

/* Decoders give 0 or MST_UICC_MALFORMED with the reason in `d` (may be NULL). */
enum { MST_UICC_MALFORMED = 1 };

/* What SELECT says of a file or an application (FCP, 102 221 11.1.1.3). */
struct mst_uicc_fcp {
	struct mst_view aid;            /* empty for an elementary file */
	uint32_t size;                  /* of a transparent file; 0 when not told */
	uint8_t record;                 /* length of a record; 0 for a transparent file or an application */
	bool pin;                       /* the application's or the universal PIN is switched on */
};
MST_MUST_CHECK int mst_uicc_fcp_read(struct mst_view v, struct mst_uicc_fcp *ret_f, struct mst_diag *d);
/* A record of EF_DIR: the application's identifier, 5 to 16 octets; empty for an unused record. */
MST_MUST_CHECK int mst_uicc_dir_read(struct mst_view v, struct mst_view *ret_aid, struct mst_diag *d);
bool mst_uicc_is_usim(struct mst_view aid);
bool mst_uicc_is_isim(struct mst_view aid);
bool mst_uicc_is_csim(struct mst_view aid);          /* 3GPP2's, of networks of CDMA: told apart, not spoken with (decision 0015) */
/* EF_IMSI: 6 to 15 digits. */
MST_MUST_CHECK int mst_uicc_imsi_read(struct mst_view v, char ret_imsi[MST_UICC_IMSI_MAX], struct mst_diag *d);
/* EF_AD: digits of the MNC, 2 or 3. */
MST_MUST_CHECK int mst_uicc_ad_read(struct mst_view v, int *ret_digits, struct mst_diag *d);
/* EF_IMPI: the NAI in its TLV 80. */
MST_MUST_CHECK int mst_uicc_impi_read(struct mst_view v, struct mst_view *ret_impi, struct mst_diag *d);
/* Is service `number` (from 1) in a service table (EF_UST, EF_IST)? A table that ends before has it not. */
bool mst_uicc_service(struct mst_view table, unsigned number);

/* The answer to AUTHENTICATE. Either `auts` (the card found the sequence number stale) or the others. */
struct mst_uicc_auth {
	struct mst_view res;            /* 4 to 16 octets */
	struct mst_view ck, ik;         /* 16 each in the 3G context, empty in the GBA context */
	struct mst_view auts;           /* 14, or empty */
};
MST_MUST_CHECK int mst_uicc_auth_read(struct mst_view v, enum mst_uicc_context context, struct mst_uicc_auth *ret_a, struct mst_diag *d);
/* The answer to a NAF derivation: Ks_ext_NAF, 32 octets. */
MST_MUST_CHECK int mst_uicc_naf_read(struct mst_view v, struct mst_view *ret_key, struct mst_diag *d);

/* EF_GBABP (8.4): RAND, B-TID, lifetime as the text that the BSF gave. All empty in a file never written. */
struct mst_uicc_gbabp { struct mst_view challenge, btid, lifetime; };
MST_MUST_CHECK int mst_uicc_gbabp_read(struct mst_view v, struct mst_uicc_gbabp *ret_b, struct mst_diag *d);
void mst_uicc_gbabp_write(const struct mst_uicc_gbabp *b, struct mst_writer *w);

#endif
