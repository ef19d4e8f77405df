/*
 * Instructions and sequences of them (architecture 3.1), the common currency of triggers, discovery
 * and bootstrap. One format, two encodings (JSON, CBOR) from one table; ours, not oneM2M's.
 */
#ifndef MST_CODEC_INSTR_H
#define MST_CODEC_INSTR_H

#include "codec/msg.h"

#define MST_SEQ_MAX 16              /* instructions in a sequence */
#define MST_SEQ_OCTETS 16384        /* largest encoded sequence */
#define MST_ANCHORS_MAX 4           /* trust anchors (DER) in one instruction */
#define MST_ANCHOR_OCTETS 2048
#define MST_PINS_MAX 4

enum mst_instr_kind { MST_INSTR_BOOTSTRAP = 1, MST_INSTR_DISCOVERY = 2 };

enum mst_method {
	/* bootstrap */
	MST_METHOD_PSK = 1,
	MST_METHOD_CERT = 2,
	MST_METHOD_GBA = 3,
	/* discovery */
	MST_METHOD_FILE = 16,
	MST_METHOD_BBN = 17,
	MST_METHOD_BSF = 18,
	MST_METHOD_DNS_SD = 19,
	MST_METHOD_DNS_SRV = 20,
	MST_METHOD_DHCP = 21,
};
extern const struct mst_enum_table mst_method_table;

struct mst_instruction {
	uint32_t has;
	int kind;                       /* enum mst_instr_kind */
	int method;                     /* enum mst_method, of that kind */
	/* bootstrap: the MEF's (BSF's) URI, "https://mef.example.com:8443"; discovery: the resource:
	 * a URI, a file name, a service name. Required. */
	struct mst_view uri;
	struct mst_view anchors[MST_ANCHORS_MAX];   /* DER certificates that authenticate that peer */
	uint16_t n_anchors;
	struct mst_view pins[MST_PINS_MAX];         /* ni:///sha-256;… public key identifiers */
	uint16_t n_pins;
	struct mst_view label;          /* for people: "site 7, provider A"; optional */
	/* bootstrap only */
	struct mst_view target;         /* enrolment target: MAF-FQDN, absolute CSE-ID or AE-ID. Required */
	/* 21 (target: a MAF) or 22..25 (target: a CSE or AE). Readers fill in 21 */
	int64_t suid;
	struct mst_view admin_fqdn;     /* administrating stakeholder. Required */
	struct mst_view maf_uri;        /* where the MAF listens when that is not https://<target>:443 */
	mst_time expires;               /* enrolment expiry proposed; optional */
	int64_t http_port, coap_port, websocket_port;   /* optional, 1..65535 */
};
/* Bits of `has`, in table order. */
enum { MST_IN_KIND, MST_IN_METHOD, MST_IN_URI, MST_IN_ANCHORS, MST_IN_PINS, MST_IN_TARGET, MST_IN_SUID,
	MST_IN_ADMIN,
       MST_IN_MAF_URI, MST_IN_EXPIRES, MST_IN_HTTP_PORT, MST_IN_COAP_PORT, MST_IN_WEBSOCKET_PORT,
       MST_IN_LABEL };

struct mst_sequence {
	uint32_t has;
	int64_t version;                /* 1 */
	struct mst_view id;             /* briefing or bundle id, for correlation; optional */
	mst_time valid_from, valid_until;           /* optional */
	struct mst_instruction instructions[MST_SEQ_MAX];
	uint16_t n_instructions;
};
enum { MST_SQ_VERSION, MST_SQ_ID, MST_SQ_VALID_FROM, MST_SQ_VALID_UNTIL, MST_SQ_INSTRUCTIONS };
extern const struct mst_msg mst_instruction_msg;  /* the table alone: without the rules between its fields */
extern const struct mst_msg mst_sequence_msg;

/*
 * Read and validate a whole sequence, rules between fields included (method fits kind, target present
 * for bootstrap, …). An arena of MST_SEQ_OCTETS is always enough. Outcomes: enum mst_msg_outcome.
 */
MST_MUST_CHECK int mst_sequence_read_json(struct mst_view in, struct mst_arena *a,
                                          struct mst_sequence *ret_s, struct mst_diag *d);
MST_MUST_CHECK int mst_sequence_read_cbor(struct mst_view in, struct mst_arena *a,
                                          struct mst_sequence *ret_s, struct mst_diag *d);
/* The rules between fields alone, for a sequence made by hand; fills in SUID 21. */
MST_MUST_CHECK int mst_sequence_check(struct mst_sequence *s, struct mst_diag *d);
void mst_sequence_write_json(const struct mst_sequence *s, struct mst_writer *w);
void mst_sequence_write_cbor(const struct mst_sequence *s, struct mst_writer *w);

#endif
