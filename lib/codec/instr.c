/* The instruction sequence: table, then the rules between its fields (architecture 3.1). */
#include "codec/instr.h"

#include <string.h>

#include "codec/checks.h"
#include "codec/ident.h"
#include "codec/uri.h"
#include "codec/walk.h"

static const struct mst_enum_value kind_value[] = {
	{ "bootstrap", MST_INSTR_BOOTSTRAP }, { "discovery", MST_INSTR_DISCOVERY },
};
static const struct mst_enum_table kind_table = { "kind of instruction", kind_value, MST_COUNT(kind_value) };

static const struct mst_enum_value method_value[] = {
	{ "psk", MST_METHOD_PSK }, { "cert", MST_METHOD_CERT }, { "gba", MST_METHOD_GBA },
	{ "file", MST_METHOD_FILE }, { "bbn", MST_METHOD_BBN }, { "bsf", MST_METHOD_BSF },
	{ "dns-sd", MST_METHOD_DNS_SD }, { "dns-srv", MST_METHOD_DNS_SRV }, { "dhcp", MST_METHOD_DHCP },
};
const struct mst_enum_table mst_method_table = { "method", method_value, MST_COUNT(method_value) };

#define S struct mst_instruction
static const struct mst_field instruction_row[] = {
	MST_ROW(KIND, 1, ENUM, MST_F_REQUIRED, S, kind, 0, 0, "run a bootstrap, or find out with whom",
	        .values = &kind_table),
	MST_ROW(METHOD, 2, ENUM, MST_F_REQUIRED, S, method, 0, 0,
	        "how: psk, cert, gba; or file, bbn, bsf, dns-sd, dns-srv, dhcp",
	        .values = &mst_method_table),
	MST_ROW(URI, 3, STR, MST_F_REQUIRED, S, uri, 1, 512,
	        "the MEF or BSF; discovery: where the sequence is",
	        .check = mst_check_label, .expects = MST_EXPECTS_LABEL),
	MST_ROW_LIST(ANCHORS, 4, BYTES, 0, S, anchors, n_anchors, 1, MST_ANCHORS_MAX, 16, MST_ANCHOR_OCTETS,
	             "certificates (DER) that authenticate that peer", .check = mst_check_der,
	             .expects = MST_EXPECTS_DER),
	MST_ROW_LIST(PINS, 5, STR, 0, S, pins, n_pins, 1, MST_PINS_MAX, 1, 64,
	             "public keys of that peer (RFC 6920, TS-0003 10.1.2)", .check = mst_check_pin,
	             .expects = "a public key identifier like ni:///sha-256;..."),
	MST_ROW(TARGET, 6, STR, 0, S, target, 1, 255,
	        "bootstrap: enrolment target, a MAF-FQDN, absolute CSE-ID or AE-ID",
	        .check = mst_check_target, .expects = "a MAF-FQDN, an absolute CSE-ID or an absolute AE-ID"),
	MST_ROW(SUID, 7, INT, 0, S, suid, 21, 25,
	        "bootstrap: what the key is for (TS-0004 6.3.4.2.39); 21 when absent"),
	MST_ROW(ADMIN_FQDN, 8, STR, 0, S, admin_fqdn, 1, 255,
	        "bootstrap: administrating stakeholder (TS-0003 8.3.5.1)",
	        .check = mst_check_fqdn, .expects = MST_EXPECTS_FQDN),
	MST_ROW(MAF_URI, 9, STR, 0, S, maf_uri, 1, 255,
	        "bootstrap: where the MAF listens, when not https://target",
	        .check = mst_check_uri, .expects = MST_EXPECTS_URI),
	MST_ROW(EXPIRES, 10, TIME, 0, S, expires, 0, 0, "bootstrap: proposed end of the enrolment"),
	MST_ROW(HTTP_PORT, 11, INT, 0, S, http_port, 1, 65535,
	        "bootstrap: the MEF offers HTTPS there (TS-0003 12.4.2)"),
	MST_ROW(COAP_PORT, 12, INT, 0, S, coap_port, 1, 65535, "bootstrap: the MEF offers CoAPS there"),
	MST_ROW(WEBSOCKET_PORT, 13, INT, 0, S, websocket_port, 1, 65535,
	        "bootstrap: the MEF offers WebSocket there"),
	MST_ROW(LABEL, 14, STR, 0, S, label, 1, 64, "for people", .check = mst_check_label,
	        .expects = MST_EXPECTS_LABEL),
};
#undef S
const struct mst_msg mst_instruction_msg = {
	.what = "instruction", .size = sizeof(struct mst_instruction), .field = instruction_row,
	.n = MST_COUNT(instruction_row), .doc = "One bootstrap or discovery to try.",
};

#define S struct mst_sequence
static const struct mst_field sequence_row[] = {
	MST_ROW(VERSION, 1, INT, MST_F_REQUIRED, S, version, 1, 1, "version of this format"),
	MST_ROW(ID, 2, STR, 0, S, id, 1, 64, "briefing or bundle, for correlation",
	        .check = mst_check_token, .expects = MST_EXPECTS_TOKEN),
	MST_ROW(VALID_FROM, 3, TIME, 0, S, valid_from, 0, 0, "not to be used before"),
	MST_ROW(VALID_UNTIL, 4, TIME, 0, S, valid_until, 0, 0, "begins nothing from then on; who was enrolled by it stays"),
	MST_ROW_LIST(INSTRUCTIONS, 5, OBJECT, MST_F_REQUIRED, S, instructions, n_instructions, 1, MST_SEQ_MAX,
	             0, 0,
	             "tried in order until one succeeds", .sub = &mst_instruction_msg),
};
#undef S
const struct mst_msg mst_sequence_msg = {
	.what = "instruction sequence", .size = sizeof(struct mst_sequence), .field = sequence_row,
	.n = MST_COUNT(sequence_row), .doc = "What a node is told to do to get into service.",
};

/* What each method wants of `uri`. */
enum resource { RESOURCE_PEER, RESOURCE_TEXT, RESOURCE_SERVICE };
static const struct method_rule {
	int method, kind;
	enum resource resource;
	const char *schemes;            /* PEER: allowed */
	const char *expects;
} method_rule[] = {
	/* the host is the MEF-FQDN, which goes into the KeID (spec 3.3): an address will not do */
	{ MST_METHOD_PSK, MST_INSTR_BOOTSTRAP, RESOURCE_PEER, "https coaps wss",
	  "https, coaps or wss URI with an FQDN" },
	{ MST_METHOD_CERT, MST_INSTR_BOOTSTRAP, RESOURCE_PEER, "https coaps wss",
	  "https, coaps or wss URI with an FQDN" },
	/* Ub may run without TLS: the answer is protected by the AKA key */
	{ MST_METHOD_GBA, MST_INSTR_BOOTSTRAP, RESOURCE_PEER, "http https",
	  "http or https URI with an FQDN" },
	{ MST_METHOD_FILE, MST_INSTR_DISCOVERY, RESOURCE_TEXT, NULL, "file name" },
	{ MST_METHOD_BBN, MST_INSTR_DISCOVERY, RESOURCE_PEER, "https coaps",
	  "https or coaps URI with an FQDN" },
	{ MST_METHOD_BSF, MST_INSTR_DISCOVERY, RESOURCE_PEER, "http https",
	  "http or https URI with an FQDN" },
	{ MST_METHOD_DNS_SD, MST_INSTR_DISCOVERY, RESOURCE_SERVICE, NULL,
	  "service name like _muster-bbn._tcp.local" },
	{ MST_METHOD_DNS_SRV, MST_INSTR_DISCOVERY, RESOURCE_SERVICE, NULL,
	  "service name like _muster-bbn._tcp.example.com" },
	{ MST_METHOD_DHCP, MST_INSTR_DISCOVERY, RESOURCE_TEXT, NULL, "interface name" },
};

static const struct method_rule *rule_of(int method)
{
	for (size_t i = 0; i < MST_COUNT(method_rule); i++)
		if (method_rule[i].method == method)
			return &method_rule[i];
	return NULL;
}

static bool resource_ok(const struct method_rule *rule, struct mst_view uri)
{
	struct mst_uri_parts u;

	if (rule->resource == RESOURCE_PEER)
		return mst_uri_split(uri, &u) && u.host_kind == MST_URI_FQDN && mst_uri_scheme_in(&u,
			rule->schemes);
	if (rule->resource == RESOURCE_SERVICE)
		return mst_view_starts(uri, "_") && mst_check_token(uri);
	return true;
}

static bool has(const struct mst_instruction *in, unsigned row)
{
	return in->has >> row & 1;
}

static const char *row_name(unsigned row)
{
	return mst_name(instruction_row[row].name, MST_PROFILE_LONG);
}

/* Members that a bootstrap must have, and those that a discovery must not. */
static int check_members(const struct mst_walk *w, const struct mst_path *at,
	const struct mst_instruction *in)
{
	static const unsigned required[] = { MST_IN_TARGET, MST_IN_ADMIN };
	static const unsigned only[] = { MST_IN_TARGET, MST_IN_SUID, MST_IN_ADMIN, MST_IN_MAF_URI,
		MST_IN_EXPIRES,
	                                 MST_IN_HTTP_PORT, MST_IN_COAP_PORT, MST_IN_WEBSOCKET_PORT };
	bool bootstrap = in->kind == MST_INSTR_BOOTSTRAP;
	struct mst_path p = { at, NULL, 0 };

	for (size_t i = 0; bootstrap && i < MST_COUNT(required); i++) {
		p.name = row_name(required[i]);
		if (!has(in, required[i]))
			return mst_walk_fail(w, &p, 0, MST_MSG_MISSING, "a bootstrap needs it", NULL, NULL);
	}
	for (size_t i = 0; !bootstrap && i < MST_COUNT(only); i++) {
		p.name = row_name(only[i]);
		if (has(in, only[i]))
			return mst_walk_fail(w, &p, 0, MST_MSG_INVALID,
			                     "belongs to a bootstrap, not to a discovery", NULL, NULL);
	}
	return 0;
}

/* The key's use decides what kind of target it has (spec 4.4.1). */
static int check_target(const struct mst_walk *w, const struct mst_path *at, const struct mst_instruction *in)
{
	struct mst_path p = { at, row_name(MST_IN_TARGET), 0 }, uri = { at, row_name(MST_IN_MAF_URI), 0 };
	bool maf = in->suid == 21;

	if (maf && !mst_check_fqdn(in->target))
		return mst_walk_fail(w, &p, 0, MST_MSG_INVALID,
			"SUID 21 is a key for a MAF: its FQDN expected", NULL, NULL);
	if (!maf && mst_check_fqdn(in->target))
		return mst_walk_fail(w, &p, 0, MST_MSG_INVALID,
		                     "this SUID is a key for a peer: an absolute CSE-ID or AE-ID expected",
		                     NULL, NULL);
	if (!maf && has(in, MST_IN_MAF_URI))
		return mst_walk_fail(w, &uri, 0, MST_MSG_INVALID, "only SUID 21 leads to a MAF", NULL, NULL);
	return 0;
}

/* The rules between the fields of one instruction; 0 or an outcome. */
static int check_instruction(const struct mst_walk *w, const struct mst_path *at,
                             const struct mst_sequence *s,
                             const struct mst_instruction *in)
{
	const struct method_rule *rule = rule_of(in->method);
	const char *method = mst_enum_text(&mst_method_table, in->method);
	bool bootstrap = in->kind == MST_INSTR_BOOTSTRAP;
	struct mst_path p = { at, row_name(MST_IN_METHOD), 0 };
	int o;

	if (!rule || rule->kind != in->kind)
		return mst_walk_fail(w, &p, 0, MST_MSG_INVALID, method, bootstrap ?
		                     " is not for bootstrap; one of psk, cert, gba" :
		                     " is not for discovery; one of file, bbn, bsf, dns-sd, dns-srv, dhcp",
		                     NULL);
	p.name = row_name(MST_IN_URI);
	if (!resource_ok(rule, in->uri))
		return mst_walk_fail(w, &p, 0, MST_MSG_INVALID, method, " needs the ", rule->expects);
	o = check_members(w, at, in);
	if (!o && bootstrap)
		o = check_target(w, at, in);
	p.name = row_name(MST_IN_EXPIRES);
	if (!o && has(in, MST_IN_EXPIRES) && (s->has >> MST_SQ_VALID_FROM & 1) &&
		in->expires <= s->valid_from)
		o = mst_walk_fail(w, &p, 0, MST_MSG_INVALID, "must be later than validFrom", NULL, NULL);
	return o;
}

int mst_sequence_check(struct mst_sequence *s, struct mst_diag *d)
{
	struct mst_walk w = { NULL, d, MST_PROFILE_LONG };
	struct mst_path list = { NULL, mst_name(MST_N_INSTRUCTIONS, MST_PROFILE_LONG), 0 };
	struct mst_path until = { NULL, mst_name(MST_N_VALID_UNTIL, MST_PROFILE_LONG), 0 };
	uint32_t both = UINT32_C(1) << MST_SQ_VALID_FROM | UINT32_C(1) << MST_SQ_VALID_UNTIL;

	if ((s->has & both) == both && s->valid_until <= s->valid_from)
		return mst_walk_fail(&w, &until, 0, MST_MSG_INVALID, "must be later than validFrom", NULL,
		                     NULL);
	for (size_t i = 0; i < s->n_instructions; i++) {
		struct mst_instruction *in = &s->instructions[i];
		struct mst_path at = { &list, NULL, (unsigned)i };
		int o;

		if (in->kind == MST_INSTR_BOOTSTRAP && !has(in, MST_IN_SUID))
			in->suid = 21;
		o = check_instruction(&w, &at, s, in);
		if (o)
			return o;
	}
	return 0;
}

static int too_large(struct mst_sequence *s, struct mst_diag *d)
{
	memset(s, 0, sizeof(*s));
	mst_diag_set(d, MST_SEQ_OCTETS, "", "more than 16384 octets", NULL);
	return MST_MSG_TOO_LARGE;
}

/* The rules after the table; a refused sequence leaves nothing behind. */
static int finish(int o, struct mst_sequence *s, struct mst_diag *d)
{
	if (!o)
		o = mst_sequence_check(s, d);
	if (o)
		memset(s, 0, sizeof(*s));
	return o;
}

int mst_sequence_read_json(struct mst_view in, struct mst_arena *a, struct mst_sequence *ret_s,
                           struct mst_diag *d)
{
	if (in.n > MST_SEQ_OCTETS)
		return too_large(ret_s, d);
	return finish(mst_msg_read_json(&mst_sequence_msg, MST_PROFILE_LONG, in, a, ret_s, d), ret_s, d);
}

int mst_sequence_read_cbor(struct mst_view in, struct mst_arena *a, struct mst_sequence *ret_s,
                           struct mst_diag *d)
{
	if (in.n > MST_SEQ_OCTETS)
		return too_large(ret_s, d);
	return finish(mst_msg_read_cbor(&mst_sequence_msg, in, a, ret_s, d), ret_s, d);
}

void mst_sequence_write_json(const struct mst_sequence *s, struct mst_writer *w)
{
	mst_msg_write_json(&mst_sequence_msg, MST_PROFILE_LONG, s, w);
}

void mst_sequence_write_cbor(const struct mst_sequence *s, struct mst_writer *w)
{
	mst_msg_write_cbor(&mst_sequence_msg, s, w);
}
