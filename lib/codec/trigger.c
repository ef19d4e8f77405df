/* The pushed trigger: tables, the rules between fields, frame and text form. */
#include "codec/trigger.h"

#include <string.h>

#include "base/text.h"
#include "codec/cbor.h"
#include "codec/checks.h"
#include "codec/ident.h"
#include "codec/json.h"

#define BODY_DEPTH 2

static const struct mst_enum_value what_value[] = {
	{ "run", MST_TRIGGER_RUN },
	{ "renew", MST_TRIGGER_RENEW },
	{ "check", MST_TRIGGER_CHECK },
	{ "instruction", MST_TRIGGER_INSTRUCTION },
	{ "onem2m", MST_TRIGGER_ONEM2M },
};
const struct mst_enum_table mst_trigger_what_table = { "thing to do", what_value, MST_COUNT(what_value) };

/* Those of mst_method_table whose resource is a peer. */
static const struct mst_enum_value method_value[] = {
	{ "psk", MST_METHOD_PSK }, { "cert", MST_METHOD_CERT }, { "gba", MST_METHOD_GBA },
	{ "bbn", MST_METHOD_BBN }, { "bsf", MST_METHOD_BSF },
};
static const struct mst_enum_table method_table = { "method", method_value, MST_COUNT(method_value) };

#define S struct mst_trigger_instruction
static const struct mst_field instruction_row[] = {
	MST_ROW(METHOD, 1, ENUM, MST_F_REQUIRED, S, method, 0, 0, "how: psk, cert, gba, bbn, bsf",
		.values = &method_table),
	MST_ROW(URI, 2, STR, MST_F_REQUIRED, S, uri, 1, 120, "whom to ask, without its https://",
		.check = mst_check_token, .expects = MST_EXPECTS_TOKEN),
	MST_ROW(TARGET, 3, STR, 0, S, target, 1, 120, "bootstrap: enrolment target",
		.check = mst_check_target, .expects = "a MAF-FQDN, an absolute CSE-ID or an absolute AE-ID"),
	MST_ROW(ADMIN_FQDN, 4, STR, 0, S, admin_fqdn, 1, 120, "bootstrap: administrating stakeholder",
		.check = mst_check_fqdn, .expects = MST_EXPECTS_FQDN),
};
#undef S
static const struct mst_msg instruction_msg = {
	.what = "short instruction", .size = sizeof(struct mst_trigger_instruction), .field = instruction_row,
	.n = MST_COUNT(instruction_row), .doc = "One instruction in short form.",
};

#define S struct mst_trigger
static const struct mst_field trigger_row[] = {
	MST_ROW(VERSION, 1, INT, MST_F_REQUIRED, S, version, 1, 1, "version of this format"),
	MST_ROW(NODE, 2, BYTES, MST_F_REQUIRED, S, node, MST_TRIGGER_HINT, MST_TRIGGER_HINT,
		"SHA-256 of the M2M-Node-ID, first octets"),
	MST_ROW(KEY, 3, BYTES, MST_F_REQUIRED, S, key, MST_TRIGGER_HINT, MST_TRIGGER_HINT,
		"SHA-256 of the key id or the public key, first octets"),
	MST_ROW(COUNTER, 4, INT, MST_F_REQUIRED, S, counter, 1, MST_TRIGGER_COUNTER_MAX, "larger than any before"),
	MST_ROW(ISSUED, 5, TIME, MST_F_REQUIRED, S, issued, 0, 0, "when it was made"),
	MST_ROW(WINDOW, 6, DURATION, MST_F_REQUIRED, S, window, 1, MST_TRIGGER_WINDOW_MAX, "how long it is good"),
	MST_ROW(WHAT, 7, ENUM, MST_F_REQUIRED, S, what, 0, 0, "what to do", .values = &mst_trigger_what_table),
	MST_ROW(INSTRUCTION, 8, OBJECT, 0, S, instruction, 0, 0, "what = instruction", .sub = &instruction_msg),
	MST_ROW(PAYLOAD, 9, BYTES, 0, S, payload, 2, MST_TRIGGER_MAX, "what = onem2m: the device trigger"),
};
#undef S
const struct mst_msg mst_trigger_msg = {
	.what = "trigger", .size = sizeof(struct mst_trigger), .field = trigger_row, .n = MST_COUNT(trigger_row),
	.doc = "A pushed hint that makes a node dial out.",
};

#define S struct mst_device_trigger
static const struct mst_field device_row[] = {
	MST_ROW(TPE, 1, INT, MST_F_REQUIRED, S, purpose, 1, 65535, "triggerPurpose, TS-0004 6.3.4.2.49"),
	MST_ROW(TIA, 2, STR, MST_F_REQUIRED, S, address, 1, 255, "triggerInfoAddress: URI of the <MEFBase>",
		.check = mst_check_uri, .expects = MST_EXPECTS_URI),
	MST_ROW_LIST(TIPA, 3, STR, 0, S, poa, n_poa, 1, MST_DEVICE_POA_MAX, 1, 255,
		     "triggerInfoPoA: bindings and ports of the MEF", .check = mst_check_uri,
		     .expects = MST_EXPECTS_URI),
};
#undef S
/* Open: what is not used for this purpose (tist, tio, tirt, tiae) is no reason to refuse. */
const struct mst_msg mst_device_trigger_msg = {
	.what = "device trigger", .root = MST_N_TGP, .open = true, .size = sizeof(struct mst_device_trigger),
	.field = device_row, .n = MST_COUNT(device_row), .doc = "triggerPayload, TS-0004 8.2.6.",
};

static bool has(const struct mst_trigger *t, unsigned row)
{
	return t->has >> row & 1;
}

static int malformed(struct mst_diag *d, enum mst_name field, const char *text)
{
	mst_diag_set(d, 0, mst_name(field, MST_PROFILE_LONG), text, NULL);
	return MST_TRIGGER_MALFORMED;
}

int mst_trigger_check(const struct mst_trigger *t, struct mst_diag *d)
{
	uint8_t room[600];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_sequence s;

	if (has(t, MST_TR_INSTRUCTION) != (t->what == MST_TRIGGER_INSTRUCTION))
		return malformed(d, MST_N_INSTRUCTION, "belongs to what = instruction, and to nothing else");
	if (has(t, MST_TR_PAYLOAD) != (t->what == MST_TRIGGER_ONEM2M))
		return malformed(d, MST_N_PAYLOAD, "belongs to what = onem2m, and to nothing else");
	return t->what == MST_TRIGGER_INSTRUCTION ? mst_trigger_sequence(t, &a, &s, d) : 0;
}

int mst_trigger_sequence(const struct mst_trigger *t, struct mst_arena *a, struct mst_sequence *ret_s,
			 struct mst_diag *d)
{
	const struct mst_trigger_instruction *si = &t->instruction;
	struct mst_instruction *i = &ret_s->instructions[0];
	uint8_t *text = mst_arena_take(a, si->uri.n + 8);
	struct mst_writer w = mst_writer_of(text, text ? si->uri.n + 8 : 0);

	memset(ret_s, 0, sizeof(*ret_s));
	if (!text)
		return malformed(d, MST_N_URI, "too long");
	if (!strcmp(mst_enum_text(&method_table, si->method), "?"))
		return malformed(d, MST_N_METHOD, "one of psk, cert, gba, bbn, bsf");
	mst_put_str(&w, "https://");
	mst_put(&w, si->uri);
	ret_s->has = 1u << MST_SQ_VERSION | 1u << MST_SQ_INSTRUCTIONS;
	ret_s->version = 1;
	ret_s->n_instructions = 1;
	i->has = 1u << MST_IN_KIND | 1u << MST_IN_METHOD | 1u << MST_IN_URI;
	i->kind = si->method < MST_METHOD_FILE ? MST_INSTR_BOOTSTRAP : MST_INSTR_DISCOVERY;
	i->method = si->method;
	i->uri = mst_written(&w);
	if (si->has >> MST_TI_TARGET & 1) {
		i->has |= 1u << MST_IN_TARGET;
		i->target = si->target;
		/* a key for a MAF, or for a CSE or AE (spec 4.4.1): the target says which */
		if (!mst_check_fqdn(si->target)) {
			i->has |= 1u << MST_IN_SUID;
			i->suid = 22;
		}
	}
	if (si->has >> MST_TI_ADMIN & 1) {
		i->has |= 1u << MST_IN_ADMIN;
		i->admin_fqdn = si->admin_fqdn;
	}
	return mst_sequence_check(ret_s, d) ? MST_TRIGGER_MALFORMED : 0;
}

int mst_trigger_read_body(struct mst_view in, struct mst_trigger *ret_t, struct mst_diag *d)
{
	struct mst_arena none = mst_arena_of(NULL, 0);

	if (in.n > MST_TRIGGER_MAX)
		return MST_TRIGGER_TOO_LARGE;
	if (mst_msg_read_cbor(&mst_trigger_msg, in, &none, ret_t, d))
		return MST_TRIGGER_MALFORMED;
	return mst_trigger_check(ret_t, d);
}

int mst_trigger_read(struct mst_view in, struct mst_trigger *ret_t, struct mst_view *ret_body,
		     struct mst_view *ret_tag, struct mst_diag *d)
{
	struct mst_cbor c = mst_cbor_of(in);
	enum mst_cbor_item first;
	size_t body;
	int r;

	if (in.n > MST_TRIGGER_MAX) {
		mst_diag_set(d, MST_TRIGGER_MAX, "", "more than 140 octets", NULL);
		return MST_TRIGGER_TOO_LARGE;
	}
	first = mst_cbor_next(&c);
	if (first != MST_CBOR_MAP || !mst_cbor_skip(&c, first, BODY_DEPTH)) {
		mst_diag_set(d, c.start, "", "expected a map", NULL);
		return MST_TRIGGER_MALFORMED;
	}
	body = c.at;
	*ret_body = mst_view_sub(in, 0, body);
	r = mst_trigger_read_body(*ret_body, ret_t, d);
	if (r)
		return r;
	if (body == in.n)
		return MST_TRIGGER_UNSIGNED;
	if (mst_cbor_next(&c) != MST_CBOR_BYTES || c.at != in.n ||
	    (c.bytes.n != MST_TRIGGER_MAC && c.bytes.n != MST_TRIGGER_SIGNATURE)) {
		mst_diag_set(d, body, "tag", "expected 16 or 64 octets and nothing after them", NULL);
		return MST_TRIGGER_MALFORMED;
	}
	*ret_tag = c.bytes;
	return 0;
}

void mst_trigger_write_body(const struct mst_trigger *t, struct mst_writer *w)
{
	mst_msg_write_cbor(&mst_trigger_msg, t, w);
}

void mst_trigger_put_tag(struct mst_writer *w, struct mst_view tag)
{
	mst_cbor_put_bytes(w, tag);
}

void mst_trigger_cover(struct mst_writer *w, struct mst_view node_id, struct mst_view body)
{
	if (node_id.n >= MST_ID_MAX)
		w->ok = false;
	mst_put(w, MST_VIEW_LIT("muster trigger 1\0"));
	mst_put_block16(w, node_id);
	mst_put(w, body);
}

void mst_trigger_put_text(struct mst_writer *w, struct mst_view octets)
{
	size_t before = w->n;

	mst_put_str(w, MST_TRIGGER_TEXT_PREFIX);
	mst_put_base64(w, octets);
	if (w->n - before > MST_TRIGGER_TEXT_MAX)
		w->ok = false;
	mst_put_nul(w);
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct mst_view trim(struct mst_view v)
{
	while (v.n && blank(v.p[v.n - 1]))
		v.n--;
	while (v.n && blank(v.p[0]))
		v = mst_view_sub(v, 1, v.n);
	return v;
}

/* A body has more than one member; a device trigger has exactly its root, named by a text. */
static bool bare(struct mst_view v)
{
	return mst_view_starts(v, "{") || (v.n > 1 && v.p[0] == 0xa1 && v.p[1] >> 5 == 3);
}

int mst_trigger_unwrap(struct mst_view in, uint8_t out[MST_TRIGGER_MAX], struct mst_view *ret_octets,
		       struct mst_diag *d)
{
	struct mst_view text = trim(in), code;
	size_t n = 0;

	*ret_octets = in;
	if (bare(text)) {
		*ret_octets = bare(in) && !mst_view_starts(in, "{") ? in : text;
		return ret_octets->n > MST_DEVICE_TRIGGER_MAX ? MST_TRIGGER_TOO_LARGE : MST_TRIGGER_BARE;
	}
	if (in.n && in.p[0] >> 5 == 5)
		return in.n > MST_TRIGGER_MAX ? MST_TRIGGER_TOO_LARGE : 0;
	if (text.n > (MST_TRIGGER_MAX + 2) / 3 * 4 + strlen(MST_TRIGGER_TEXT_PREFIX)) {
		mst_diag_set(d, MST_TRIGGER_MAX, "", "more than 140 octets", NULL);
		return MST_TRIGGER_TOO_LARGE;
	}
	if (!mst_view_starts(text, MST_TRIGGER_TEXT_PREFIX)) {
		mst_diag_set(d, 0, "", "expected a trigger's octets, \"m1:\" and base64, or a device trigger", NULL);
		return MST_TRIGGER_MALFORMED;
	}
	code = mst_view_sub(text, strlen(MST_TRIGGER_TEXT_PREFIX), text.n);
	if (!mst_base64_decode(code, out, MST_TRIGGER_MAX, &n)) {
		mst_diag_set(d, strlen(MST_TRIGGER_TEXT_PREFIX), "", "expected base64", NULL);
		return MST_TRIGGER_MALFORMED;
	}
	*ret_octets = (struct mst_view){ out, n };
	return 0;
}

/* One value of a device trigger as JSON; CBOR's other kinds have no place in it. */
static bool to_json(struct mst_cbor *c, enum mst_cbor_item t, unsigned levels, struct mst_writer *w)
{
	size_t n = c->count;
	bool map = t == MST_CBOR_MAP;

	if (t == MST_CBOR_TEXT)
		mst_json_put_string(w, c->bytes);
	else if (t == MST_CBOR_INT && c->fits)
		mst_put_dec(w, c->number);
	else if (!map && t != MST_CBOR_ARRAY)
		return false;
	if (!map && t != MST_CBOR_ARRAY)
		return w->ok;
	if (!levels)
		return false;
	mst_put_str(w, map ? "{" : "[");
	for (size_t i = 0; i < n && w->ok; i++) {
		if (i)
			mst_put_str(w, ",");
		if (map) {
			if (mst_cbor_next(c) != MST_CBOR_TEXT)
				return false;
			mst_json_put_string(w, c->bytes);
			mst_put_str(w, ":");
		}
		if (!to_json(c, mst_cbor_next(c), levels - 1, w))
			return false;
	}
	mst_put_str(w, map ? "}" : "]");
	return w->ok;
}

int mst_device_trigger_read(struct mst_view in, struct mst_arena *a, struct mst_device_trigger *ret_t,
			    struct mst_diag *d)
{
	struct mst_cbor c = mst_cbor_of(in);
	size_t room_n = (a->cap - a->n) / 4 * 3;
	struct mst_writer w;
	uint8_t *room;

	memset(ret_t, 0, sizeof(*ret_t));
	if (in.n > MST_DEVICE_TRIGGER_MAX) {
		mst_diag_set(d, MST_DEVICE_TRIGGER_MAX, "", "more than 512 octets", NULL);
		return MST_MSG_TOO_LARGE;
	}
	if (mst_view_starts(in, "{"))
		return mst_msg_read_json(&mst_device_trigger_msg, MST_PROFILE_LONG, in, a, ret_t, d);
	if (mst_view_starts(in, "<")) {
		mst_diag_set(d, 0, "", "XML is not taken here; expected JSON or CBOR", NULL);
		return MST_MSG_MALFORMED;
	}
	/* JSON of the same content is a little longer: quotes and decimal digits */
	room = mst_arena_take(a, room_n);
	w = mst_writer_of(room, room ? room_n : 0);
	if (!room || !to_json(&c, mst_cbor_next(&c), 4, &w) || c.at != in.n) {
		mst_diag_set(d, c.start, "", "expected JSON, or CBOR with the names as text", NULL);
		return MST_MSG_MALFORMED;
	}
	return mst_msg_read_json(&mst_device_trigger_msg, MST_PROFILE_LONG, mst_written(&w), a, ret_t, d);
}
