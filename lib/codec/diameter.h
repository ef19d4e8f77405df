/*
 * Zh and Zn over Diameter (TS 29.109 on RFC 6733): the four messages, as octets. MAR/MAA between BSF and HSS, BIR/BIA
 * between NAF and BSF. Connections, capabilities, watchdog and routing are a library's (lib/diameter), which gets its
 * dictionary from the table here, so that both read the same.
 */
#ifndef MST_CODEC_DIAMETER_H
#define MST_CODEC_DIAMETER_H

#include "base/attr.h"
#include "base/time.h"
#include "base/writer.h"

#define MST_DM_3GPP 10415u
#define MST_DM_ZN 16777220u            /* application of NAF and BSF */
#define MST_DM_ZH 16777221u            /* of BSF and HSS */
#define MST_DM_MULTIMEDIA_AUTH 303u    /* MAR, MAA */
#define MST_DM_BOOTSTRAPPING_INFO 310u /* BIR, BIA */
#define MST_DM_SCHEME "Digest-AKAv1-MD5"
#define MST_DM_OCTETS 65536            /* of a message that is read */
#define MST_DM_GSIDS 8

enum mst_dm_outcome { MST_DM_BAD = 1 };

/* Result-Code (RFC 6733 7.1), and Experimental-Result-Code of 3GPP (TS 29.109 6.2). */
enum mst_dm_result {
	MST_DM_SUCCESS = 2001,
	MST_DM_UNABLE_TO_DELIVER = 3002, MST_DM_TOO_BUSY = 3004, MST_DM_APPLICATION_UNSUPPORTED = 3007,
	MST_DM_AVP_UNSUPPORTED = 5001, MST_DM_INVALID_AVP_VALUE = 5004, MST_DM_MISSING_AVP = 5005,
	MST_DM_AVP_NOT_ALLOWED = 5008, MST_DM_TOO_MANY_AVPS = 5009, MST_DM_UNABLE_TO_COMPLY = 5012, MST_DM_INVALID_AVP_LENGTH = 5014,
	MST_DM_IDENTITY_UNKNOWN = 5401, MST_DM_NOT_AUTHORIZED = 5402, MST_DM_BTID_INVALID = 5403,     /* of 3GPP */
};
/* "IDENTITY_UNKNOWN"; of `experimental` results those of 3GPP. NULL when it is not known here. */
const char *mst_dm_result_text(uint32_t result, bool experimental);

/* What an AVP holds. SKIP: may be there, with M too, and says nothing that is needed. */
enum mst_dm_kind { MST_DM_TEXT, MST_DM_OCTET, MST_DM_U32, MST_DM_GROUP, MST_DM_SKIP };
struct mst_dm_avp {
	const char *name;
	uint32_t code, vendor;
	enum mst_dm_kind kind;
	bool optional;                 /* the M bit is not set */
	bool many;
	uint32_t parent;               /* code of the group that it stands in; 0 = the message */
	uint16_t offset;               /* in struct mst_dm */
	uint16_t least, most;          /* octets */
};
extern const struct mst_dm_avp mst_dm_avps[];
extern const size_t mst_dm_n_avps;

/* A message. Views into what was read; empty when absent. */
struct mst_dm {
	uint32_t command, application;
	bool request, error;           /* R and E bits */
	uint64_t has;                  /* bit i: row i of the table was there */
	struct mst_view session, origin_host, origin_realm, destination_host, destination_realm;
	uint32_t for_application;      /* of Vendor-Specific-Application-Id */
	uint32_t result;
	bool experimental;
	struct mst_view error_message, impi, public_id;
	struct mst_view btid, naf_id;              /* NAF-Id: FQDN and five octets of Ua */
	uint32_t in_card_aware;
	struct mst_view gsid[MST_DM_GSIDS];
	size_t n_gsid;
	struct mst_view me_key, uicc_key, guss;    /* GUSS or USS list: XML */
	uint32_t expiry, created, gba_type;        /* NTP seconds: mst_dm_time() */
	/* SIP-Auth-Data-Item */
	struct mst_view scheme, authenticate, authorization, ck, ik;
	/* groups and numbers that are looked at while reading */
	uint32_t vendor, exp_vendor, exp_result, plain_result, auth_application, session_state;
};

/* What was wrong, in a form that can be answered. */
struct mst_dm_fault { uint32_t result; const struct mst_dm_avp *avp; char text[120]; };

/*
 * Read one of the four, whole with its header. Every AVP of the table at most once, in its own group, with a length and
 * value that it may have; what is needed is there. An AVP that is not known is passed over when its M bit is not set.
 * 0 or MST_DM_BAD with `f`; then *ret_m is read as far as it was good (the session and who asks, as a rule).
 */
MST_MUST_CHECK int mst_dm_read(struct mst_view raw, struct mst_dm *ret_m, struct mst_dm_fault *f);

/* NTP seconds (RFC 6733 4.3.1, with the era that begins in 2036). Outside of 1968 to 2104: latches `w`. */
mst_time mst_dm_time(uint32_t ntp);
MST_MUST_CHECK bool mst_dm_ntp(mst_time t, uint32_t *ret_ntp);

/* --- writing: AVPs behind Session-Id and the origin, which the library gives --- */

void mst_dm_put(struct mst_writer *w, uint32_t code, struct mst_view v);     /* an AVP of the table; latches when it is none */
void mst_dm_put_u32(struct mst_writer *w, uint32_t code, uint32_t x);
size_t mst_dm_open(struct mst_writer *w, uint32_t code);                     /* a group … */
void mst_dm_close(struct mst_writer *w, size_t at);                          /* … ends */
/* Header with the octets to come; mst_dm_finish() writes the length. For tests, and for whoever has no library. */
void mst_dm_put_header(struct mst_writer *w, uint32_t command, uint32_t application, bool request);
void mst_dm_finish(struct mst_writer *w);

struct mst_dm_mar { struct mst_view realm, host, impi; const uint8_t *rnd, *auts; /* 16 and 14 octets after a failed synchronisation, else NULL */ };
void mst_dm_put_mar(struct mst_writer *w, const struct mst_dm_mar *q);
struct mst_dm_bir { struct mst_view realm, host, btid, naf_fqdn; const uint8_t *ua; /* 5 octets */ bool in_card_aware; };
void mst_dm_put_bir(struct mst_writer *w, const struct mst_dm_bir *q);

struct mst_dm_maa { struct mst_view impi, rnd, autn, xres, ck, ik, guss; };    /* guss may be empty */
void mst_dm_put_maa(struct mst_writer *w, const struct mst_dm_maa *a);
/* impi, uicc_key, uss may be empty; created 0 = not told */
struct mst_dm_bia { struct mst_view impi, me_key, uicc_key, uss; mst_time expiry, created; uint32_t gba_type; };
void mst_dm_put_bia(struct mst_writer *w, const struct mst_dm_bia *a);
/* An answer that is none: result (5401 to 5403: experimental), the AVP that it is about or NULL, words or "". */
void mst_dm_put_refusal(struct mst_writer *w, uint32_t application, uint32_t result, const struct mst_dm_avp *about, const char *words);

#endif
