/*
 * The pushed trigger (architecture 3.3, lesson 30): a hint, small enough for one SMS, that makes a node dial
 * out. Ours, not oneM2M's. A CBOR sequence (RFC 8742) of two items:
 *
 *   body    map, deterministic, the table of trigger.c
 *   tag     octets: 16 = HMAC-SHA-256 cut to its first half, 64 = ECDSA P-256 with SHA-256, r || s
 *
 * Both are over mst_trigger_cover(): a label of ours, the whole M2M-Node-ID (of which only a hint travels)
 * and the body as it stands there.
 *
 * Octets (one SMS with 8-bit coding holds 140):
 *
 *   map head                    1
 *   version 1                   2
 *   node hint                   6     SHA-256 of the M2M-Node-ID, first 4 octets
 *   key hint                    6     of the key id (MAC) or of the public key (signature): which key to check with
 *   counter                  2..10    6 for counters that begin as the time of day, as ours do
 *   issued                      6     seconds
 *   window                   2..6     4 for hours to half a day
 *   what                        2
 *   tag                    17 or 66
 *                        ---------
 *   "run", "renew", "check"    50 with a MAC, 99 with a signature
 *   + instruction               7 and its URI (https:// is understood), 4 and target, 3 and stakeholder: a briefing
 *                              node's URI of up to 83 octets fits beside a MAC, of up to 34 beside a signature
 *   + payload                   3 and the oneM2M device trigger: up to 87 octets beside a MAC
 *
 * As text, for telephones and gateways without 8-bit messages: "m1:" and base64, all of it in the GSM alphabet;
 * up to 117 octets fit into a text message of 160 characters.
 */
#ifndef MST_CODEC_TRIGGER_H
#define MST_CODEC_TRIGGER_H

#include "codec/instr.h"

#define MST_TRIGGER_MAX 140          /* octets, tag included */
#define MST_TRIGGER_TEXT_MAX 160     /* characters of one text message */
#define MST_TRIGGER_HINT 4
#define MST_TRIGGER_MAC 16
#define MST_TRIGGER_SIGNATURE 64
#define MST_TRIGGER_COVER_MAX 448    /* room for mst_trigger_cover() */
#define MST_TRIGGER_COUNTER_MAX (INT64_C(1) << 53)
#define MST_TRIGGER_WINDOW_MAX (31 * 86400)
#define MST_TRIGGER_TEXT_PREFIX "m1:"

enum mst_trigger_what {
	MST_TRIGGER_RUN = 1,            /* bootstrap with the instructions that the node has */
	MST_TRIGGER_RENEW = 2,          /* the same, when it is enrolled */
	MST_TRIGGER_CHECK = 3,          /* is the credential still good? */
	MST_TRIGGER_INSTRUCTION = 4,    /* carry out this one */
	MST_TRIGGER_ONEM2M = 5,         /* a device trigger of oneM2M (spec 7.4) */
};
extern const struct mst_enum_table mst_trigger_what_table;

struct mst_trigger_instruction {
	uint32_t has;
	int method;                     /* psk, cert, gba, bbn, bsf */
	struct mst_view uri;            /* without its https:// */
	struct mst_view target, admin_fqdn;      /* bootstrap only */
};
enum { MST_TI_METHOD, MST_TI_URI, MST_TI_TARGET, MST_TI_ADMIN };

struct mst_trigger {
	uint32_t has;
	int64_t version;                /* 1 */
	struct mst_view node, key;      /* hints */
	int64_t counter;                /* strictly increasing for one node */
	mst_time issued;
	int64_t window;                 /* seconds after `issued` in which it is good */
	int what;                       /* enum mst_trigger_what */
	struct mst_trigger_instruction instruction;
	struct mst_view payload;
};
enum { MST_TR_VERSION, MST_TR_NODE, MST_TR_KEY, MST_TR_COUNTER, MST_TR_ISSUED, MST_TR_WINDOW, MST_TR_WHAT,
       MST_TR_INSTRUCTION, MST_TR_PAYLOAD };
extern const struct mst_msg mst_trigger_msg;

enum mst_trigger_outcome {
	MST_TRIGGER_MALFORMED = 1,
	MST_TRIGGER_TOO_LARGE,
	MST_TRIGGER_UNSIGNED,           /* a good body with nothing after it */
	MST_TRIGGER_BARE,               /* a device trigger of oneM2M outside of any frame */
};

/*
 * Read what a message carried: the octets themselves, or their text form with blanks and line ends around it,
 * which is decoded into `out`. 0 with *ret_octets (borrowed from `in` or `out`), MALFORMED, TOO_LARGE, or BARE
 * with *ret_octets the payload, as JSON or CBOR, of up to MST_DEVICE_TRIGGER_MAX octets.
 */
MST_MUST_CHECK int mst_trigger_unwrap(struct mst_view in, uint8_t out[MST_TRIGGER_MAX], struct mst_view *ret_octets,
				      struct mst_diag *d);
/* Views in *ret_t, *ret_body and *ret_tag are borrowed from `in`. 0 or an outcome other than BARE. */
MST_MUST_CHECK int mst_trigger_read(struct mst_view in, struct mst_trigger *ret_t, struct mst_view *ret_body,
				    struct mst_view *ret_tag, struct mst_diag *d);
/* The body alone, as it is before somebody puts a tag after it. */
MST_MUST_CHECK int mst_trigger_read_body(struct mst_view in, struct mst_trigger *ret_t, struct mst_diag *d);
/* The rules between fields, for a trigger made by hand; MALFORMED with the field in `d`. */
MST_MUST_CHECK int mst_trigger_check(const struct mst_trigger *t, struct mst_diag *d);
void mst_trigger_write_body(const struct mst_trigger *t, struct mst_writer *w);
void mst_trigger_put_tag(struct mst_writer *w, struct mst_view tag);
/* What the tag is made over. Latches when `node_id` is longer than an identifier. */
void mst_trigger_cover(struct mst_writer *w, struct mst_view node_id, struct mst_view body);
/* "m1:…"; NUL-terminated. Latches when it does not fit into one text message. */
void mst_trigger_put_text(struct mst_writer *w, struct mst_view octets);
/* The short form as a sequence of one instruction. Texts go into `a` (600 octets are enough). */
MST_MUST_CHECK int mst_trigger_sequence(const struct mst_trigger *t, struct mst_arena *a, struct mst_sequence *ret_s,
					struct mst_diag *d);

/* --- the device trigger of oneM2M: TS-0004 8.2.6, spec 7.4 --- */

#define MST_DEVICE_TRIGGER_MAX 512
#define MST_DEVICE_POA_MAX 8
#define MST_PURPOSE_ENROLMENT 4      /* enrolmentRequest */

struct mst_device_trigger {
	uint32_t has;
	int64_t purpose;
	struct mst_view address;        /* of the <MEFBase>, absolute */
	struct mst_view poa[MST_DEVICE_POA_MAX];
	uint16_t n_poa;
};
enum { MST_DT_PURPOSE, MST_DT_ADDRESS, MST_DT_POA };
extern const struct mst_msg mst_device_trigger_msg;

/* JSON, or CBOR with the short names as text; XML is refused. Views into `in` or the arena, for which
 * 2 * MST_DEVICE_TRIGGER_MAX octets are enough. Outcomes: enum mst_msg_outcome. */
MST_MUST_CHECK int mst_device_trigger_read(struct mst_view in, struct mst_arena *a,
					   struct mst_device_trigger *ret_t, struct mst_diag *d);

#endif
