/* Bodies of the admin API: members by table, unknown ones refused, identifiers in canonical spelling. */
#include "role/admin/admin.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "codec/ident.h"
#include "codec/trigger.h"
#include "proto/aka/aka.h"
#include "proto/gba/keys.h"
#include "role/admin/decide.h"

enum member_type { TEXT, IDENT, SUB_ID, URI, TIME, SECONDS, LIST, PEM, REASON, COUNT, SECRET };
struct member {
	const char *name;
	enum member_type type;
	bool required;
	enum mst_id_kind kind; /* IDENT */
	size_t at, cap;
};

static bool wrong(struct mst_diag *d, const char *field, const char *expected)
{
	mst_diag_set(d, 0, field, "expected ", expected, NULL);
	return false;
}

static struct mst_view text_of(const json_t *v)
{
	return (struct mst_view){ (const uint8_t *)json_string_value(v), json_string_length(v) };
}

/*
 * Text that a terminal and a log show as it is: no control characters (C0, DEL, C1), no line or paragraph
 * separators, nothing that turns the direction of what stands beside it.
 */
static bool plain_text(struct mst_view v)
{
	return mst_utf8_valid(v) && mst_text_plain(v);
}

static bool take_text(const char *field, const json_t *v, char *out, size_t cap, struct mst_diag *d)
{
	char most[24];

	if (json_is_string(v) && plain_text(text_of(v)) && mst_view_to_str(text_of(v), out, cap))
		return true;
	snprintf(most, sizeof(most), "%zu", cap - 1);
	mst_diag_set(d, 0, field, "expected text of 1 to ", most, " octets without control characters", NULL);
	return false;
}

static bool take_ident(const char *field, const json_t *v, enum mst_id_kind kind, char *out,
		       struct mst_diag *d)
{
	static const struct {
		enum mst_id_kind kind;
		const char *example;
	} examples[] = {
		{ MST_ID_FQDN, "maf.example.com" },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE0001" },
		{ MST_ID_AE_ABS, "//sp.example.com/S98821" },
		{ MST_ID_NODE, "urn:dev:ops:32473-sensor-1" },
		{ MST_ID_DEVICE, "0.2.481.1.100.3030.10011" },
	};
	const char *example = "";

	if (json_is_string(v) && mst_id_normalise(kind, text_of(v), out))
		return true;
	for (size_t i = 0; i < MST_COUNT(examples); i++)
		if (examples[i].kind == kind)
			example = examples[i].example;
	mst_diag_set(d, 0, field, "expected a valid ", mst_id_kind_text(kind), ", like ", example, NULL);
	return false;
}

static bool take_uri(const char *field, const json_t *v, char *out, struct mst_diag *d)
{
	struct mst_view t = json_is_string(v) ? text_of(v) : MST_VIEW_NONE;
	size_t colon = mst_view_find(t, ':');

	if (colon && mst_view_starts(mst_view_sub(t, colon, t.n), "://") && t.n > colon + 3 &&
	    mst_printable_ascii(t) && mst_view_to_str(t, out, MST_ID_MAX))
		return true;
	return wrong(d, field, "a URI of at most 255 octets, like https://maf.example.com:8444");
}

static bool take_seconds(const char *field, const json_t *v, int64_t *ret, struct mst_diag *d)
{
	int64_t s = 0;

	if (json_is_integer(v))
		s = json_integer_value(v);
	else if (!json_is_string(v) || !mst_parse_duration(text_of(v), &s))
		s = 0;
	if (s < 1 || s > MST_TIME_MAX)
		return wrong(d, field, "seconds, at least 1, or a duration like P90D");
	*ret = s;
	return true;
}

/* CRLReason of RFC 5280 5.3.1; 6 and 8 are for certificates that come back, which ours do not. */
static bool take_reason(const char *field, const json_t *v, int *ret, struct mst_diag *d)
{
	json_int_t n = json_is_integer(v) ? json_integer_value(v) : -1;

	if (n < 0 || n > 10 || n == 6 || n == 7 || n == 8)
		return wrong(d, field, "a reason of RFC 5280 5.3.1: 0 to 5, 9 or 10");
	*ret = (int)n;
	return true;
}

/* A number, or its digits: a table has texts only. */
static bool take_count(const char *field, const json_t *v, int64_t *ret, struct mst_diag *d)
{
	uint64_t x = 0;

	if (json_is_integer(v) && json_integer_value(v) >= 0)
		x = (uint64_t)json_integer_value(v);
	else if (!json_is_string(v) || !mst_parse_dec(text_of(v), INT64_MAX, &x))
		return wrong(d, field, "a number, not negative");
	*ret = (int64_t)x;
	return true;
}

static bool take(const struct member *m, const json_t *v, void *out, struct mst_diag *d)
{
	void *p = (uint8_t *)out + m->at;

	switch (m->type) {
	case TEXT:
		return take_text(m->name, v, p, m->cap, d);
	case IDENT:
		return take_ident(m->name, v, m->kind, p, d);
	case SUB_ID: /* M2M-Sub-ID: printable ASCII as an M2M-Node-ID; the provider's own name for it */
		return (json_is_string(v) && mst_id_normalise(MST_ID_NODE, text_of(v), p)) ||
		       wrong(d, m->name, "an M2M-Sub-ID, printable ASCII without blanks, like gold-2027");
	case URI:
		return take_uri(m->name, v, p, d);
	case TIME:
		if (json_is_string(v) && mst_parse_timestamp(text_of(v), p))
			return true;
		return wrong(d, m->name, "a UTC time like 20270131T235959");
	case SECONDS:
		return take_seconds(m->name, v, p, d);
	case LIST:
		return json_is_array(v) || wrong(d, m->name, "a list");
	case PEM:
		*(struct mst_view *)p = json_is_string(v) ? text_of(v) : MST_VIEW_NONE;
		return ((struct mst_view *)p)->n || wrong(d, m->name, "a certificate, PEM");
	case REASON:
		return take_reason(m->name, v, p, d);
	case COUNT:
		return take_count(m->name, v, p, d);
	case SECRET:
		*(const json_t **)p = v;
		return json_is_object(v) || wrong(d, m->name, "the SIM's keys as text, as muster(1) has it");
	}
	return false;
}

/* Only a name that is short and plain is said back. */
static bool unknown_member(const char *name, const struct member *m, size_t n, struct mst_diag *d)
{
	char known[120] = "";
	size_t at = 0, len = strlen(name);
	bool plain = len < 32;

	for (size_t i = 0; i < len; i++)
		plain = plain && ((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
				  (name[i] >= '0' && name[i] <= '9'));
	for (size_t i = 0; i < n && at < sizeof(known); i++)
		at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "", m[i].name);
	mst_diag_set(d, 0, plain ? name : "", "unknown member; known are ", known, NULL);
	return false;
}

/* Empty text counts as absent: a table exported from a spreadsheet has every column. */
static bool present(const json_t *v)
{
	return v && !json_is_null(v) && !(json_is_string(v) && json_string_length(v) == 0);
}

static bool members(const json_t *j, const struct member *m, size_t n, void *out, struct mst_diag *d)
{
	const char *name;
	json_t *v;

	if (!json_is_object(j))
		return wrong(d, "", "a JSON object");
	json_object_foreach((json_t *)j, name, v)
	{
		size_t i = 0;

		while (i < n && strcmp(m[i].name, name))
			i++;
		if (i == n)
			return unknown_member(name, m, n, d);
	}
	for (size_t i = 0; i < n; i++) {
		v = json_object_get(j, m[i].name);
		if (!present(v)) {
			if (m[i].required)
				return take(&m[i], NULL, out, d); /* fails, and says what is expected */
			continue;
		}
		if (!take(&m[i], v, out, d))
			return false;
	}
	return true;
}

#define AT(s, m) offsetof(s, m), sizeof(((s *)0)->m)

struct identity_input {
	char kind[16], value[MST_ID_MAX], anchor[2 * MST_SHA256_LEN + 1];
};
static const struct member identity_members[] = {
	{ "kind", TEXT, true, 0, AT(struct identity_input, kind) },
	{ "value", TEXT, true, 0, AT(struct identity_input, value) },
	{ "anchor", TEXT, false, 0, AT(struct identity_input, anchor) },
};
static const struct {
	const char *name;
	enum mst_id_kind kind;
} identity_kinds[] = {
	{ "fqdn", MST_ID_FQDN },   { "node", MST_ID_NODE }, { "device", MST_ID_DEVICE },
	{ "cse", MST_ID_CSE_ABS }, { "ae", MST_ID_AE_ABS },
};

bool admin_decode_anchor(const char *field, const char *text, uint8_t ret[MST_SHA256_LEN], struct mst_diag *d)
{
	uint8_t hash[MST_SHA256_LEN];
	size_t n = 0;

	if (!strcmp(text, "any")) {
		memcpy(ret, mst_anchor_any, MST_SHA256_LEN);
		return true;
	}
	if (!strcmp(text, "none")) {
		memcpy(ret, mst_anchor_none, MST_SHA256_LEN);
		return true;
	}
	/* all zero means "bound to none" in a row, which nobody can ask for */
	if (!mst_hex_decode(mst_view_str(text), hash, sizeof(hash), &n) || n != MST_SHA256_LEN ||
	    strspn(text, "0") == strlen(text))
		return wrong(d, field, "64 hex digits, SHA-256 of the trust anchor's certificate, \"any\", or \"none\" (it has no certificate)");
	memcpy(ret, hash, MST_SHA256_LEN);
	return true;
}

static bool decode_identity(const json_t *j, struct mst_identity *ret, struct mst_diag *d)
{
	struct identity_input in = { .kind = "" };

	if (!members(j, identity_members, MST_COUNT(identity_members), &in, d))
		return false;
	for (size_t i = 0; i < MST_COUNT(identity_kinds); i++)
		if (!strcmp(identity_kinds[i].name, in.kind))
			ret->kind = identity_kinds[i].kind;
	if (ret->kind == MST_ID_NONE)
		return wrong(d, "kind", "one of fqdn, node, device, cse, ae");
	if (!take_ident("value", json_object_get(j, "value"), ret->kind, ret->value, d))
		return false;
	return !in.anchor[0] || admin_decode_anchor("anchor", in.anchor, ret->anchor, d);
}

static bool decode_identities(const json_t *list, struct admin_node_input *ret, struct mst_diag *d)
{
	struct mst_diag inner = { 0 };
	char field[60];
	json_t *one;
	size_t i;

	if (json_array_size(list) < 1 || json_array_size(list) > ADMIN_IDENTITIES_MAX)
		return wrong(d, "identities", "1 to 8 identities");
	json_array_foreach(list, i, one)
	{
		if (!decode_identity(one, &ret->identity[i], &inner)) {
			snprintf(field, sizeof(field), "identities[%zu]%s%.40s", i, inner.field[0] ? "." : "",
				 inner.field);
			mst_diag_set(d, 0, field, inner.text, NULL);
			return false;
		}
		for (size_t k = 0; k < i; k++)
			if (ret->identity[k].kind == ret->identity[i].kind &&
			    !strcmp(ret->identity[k].value, ret->identity[i].value)) {
				snprintf(field, sizeof(field), "identities[%zu]", i);
				return wrong(d, field, "each name once");
			}
	}
	ret->n = json_array_size(list);
	return true;
}

#define N(m) AT(struct admin_node_input, node.m)
static const struct member node_members[] = {
	{ "nodeID", IDENT, true, MST_ID_NODE, N(node_id) },
	{ "cseID", IDENT, false, MST_ID_CSE_ABS, N(cse_id) },
	{ "aeID", IDENT, false, MST_ID_AE_ABS, N(ae_id) },
	{ "subscription", SUB_ID, false, 0, N(sub_id) },
	{ "maker", TEXT, false, 0, N(maker) },
	{ "model", TEXT, false, 0, N(model) },
	{ "serial", TEXT, false, 0, N(serial) },
	{ "batch", TEXT, false, 0, N(batch) },
	{ "anchor", TEXT, false, 0, AT(struct admin_node_input, anchor) },
	{ "identities", LIST, false, 0, 0, 0 },
};

/* What the node's member "anchor" says goes for all of its names that say nothing. */
static bool decode_names(const json_t *j, struct admin_node_input *ret, struct mst_diag *d)
{
	static const uint8_t none[MST_SHA256_LEN];
	const json_t *list = json_object_get(j, "identities");
	uint8_t anchor[MST_SHA256_LEN] = { 0 };

	if (ret->anchor[0] && !admin_decode_anchor("anchor", ret->anchor, anchor, d))
		return false;
	if (present(list)) {
		if (!decode_identities(list, ret, d))
			return false;
	} else {
		/* Known by its M2M-Node-ID when nothing else is said. */
		ret->identity[0].kind = MST_ID_NODE;
		memcpy(ret->identity[0].value, ret->node.node_id, sizeof(ret->node.node_id));
		ret->n = 1;
	}
	for (size_t i = 0; i < ret->n; i++)
		if (!memcmp(ret->identity[i].anchor, none, sizeof(none)))
			memcpy(ret->identity[i].anchor, anchor, sizeof(anchor));
	return true;
}

bool admin_decode_node(const json_t *j, struct admin_node_input *ret, struct mst_diag *d)
{
	memset(ret, 0, sizeof(*ret));
	return members(j, node_members, MST_COUNT(node_members), ret, d) && decode_names(j, ret, d);
}

bool admin_decode_bind(const json_t *j, uint8_t ret[MST_SHA256_LEN], struct mst_diag *d)
{
	static const struct member bind = { "anchor", TEXT, true, 0, 0, 2 * MST_SHA256_LEN + 1 };
	char text[2 * MST_SHA256_LEN + 1] = "";

	return members(j, &bind, 1, text, d) && admin_decode_anchor("anchor", text, ret, d);
}

/* "+", then 4 to 20 digits; "" takes it away. */
bool admin_decode_number(const json_t *j, char ret[MST_NUMBER_MAX], struct mst_diag *d)
{
	static const struct member number = { "number", TEXT, false, 0, 0, MST_NUMBER_MAX };
	size_t n;

	memset(ret, 0, MST_NUMBER_MAX);
	if (!members(j, &number, 1, ret, d))
		return false;
	n = strlen(ret);
	if (!n || (ret[0] == '+' && n >= 5 && n <= 21 && strspn(ret + 1, "0123456789") == n - 1))
		return true;
	return wrong(d, "number", "an international number like +491701234567, or an empty text for none");
}

#define T(m) AT(struct admin_trigger_input, m)
static const struct member trigger_members[] = {
	{ "what", TEXT, true, 0, T(what_text) },
	{ "window", SECONDS, false, 0, T(window) },
	{ "method", TEXT, false, 0, T(method_text) },
	{ "uri", TEXT, false, 0, T(uri) },
	{ "target", TEXT, false, 0, T(target) },
	{ "adminFQDN", IDENT, false, MST_ID_FQDN, T(admin_fqdn) },
	{ "payload", TEXT, false, 0, T(payload) },
	{ "signer", TEXT, false, 0, T(signer) },
	{ "key", TEXT, false, 0, T(key_text) },
	{ "via", TEXT, false, 0, T(via) },
	{ "to", TEXT, false, 0, T(to) },
};

/* The value of a text in the table; 0 when there is none. */
static int value_of(const struct mst_enum_table *t, const char *text)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->v[i].text, text))
			return t->v[i].value;
	return 0;
}

bool admin_decode_trigger(const json_t *j, struct admin_trigger_input *ret, struct mst_diag *d)
{
	size_t n = 0;

	memset(ret, 0, sizeof(*ret));
	ret->window = 12 * 3600;
	if (!members(j, trigger_members, MST_COUNT(trigger_members), ret, d))
		return false;
	ret->what = value_of(&mst_trigger_what_table, ret->what_text);
	if (!ret->what)
		return wrong(d, "what", "one of run, renew, check, instruction, onem2m");
	if (ret->window > MST_TRIGGER_WINDOW_MAX)
		return wrong(d, "window", "at most 31 days");
	if (ret->method_text[0]) {
		ret->method = value_of(&mst_method_table, ret->method_text);
		if (!ret->method)
			return wrong(d, "method", "one of psk, cert, gba, bbn, bsf");
	}
	if (!strncmp(ret->uri, "https://", 8))
		memmove(ret->uri, ret->uri + 8, strlen(ret->uri + 8) + 1);
	if (!ret->method != !ret->uri[0])
		return wrong(d, "uri", "method and uri together");
	if (ret->signer[0] && (!mst_hex_decode(mst_view_str(ret->signer), ret->signer_hint, MST_TRIGGER_HINT, &n) ||
			       n != MST_TRIGGER_HINT))
		return wrong(d, "signer", "8 hex digits: the first octets of SHA-256 of the public key");
	ret->gba = !strcmp(ret->key_text, "gba");
	if (ret->key_text[0] && !ret->gba)
		return wrong(d, "key", "gba, or nothing: the key in use");
	if (ret->gba && ret->signer[0])
		return wrong(d, "key", "key or signer");
	return true;
}

#define S(m) AT(struct mst_subscription, m)
static const struct member sub_members[] = {
	{ "id", SUB_ID, true, 0, S(id) },
	{ "spFQDN", IDENT, true, MST_ID_FQDN, S(sp_fqdn) },
	{ "mafFQDN", IDENT, true, MST_ID_FQDN, S(maf_fqdn) },
	{ "mafURI", URI, false, 0, S(maf_uri) },
	{ "registrarCSE", IDENT, false, MST_ID_CSE_ABS, S(registrar_cse_id) },
	{ "registrarPoA", URI, false, 0, S(registrar_poa) },
	{ "notBefore", TIME, false, 0, S(not_before) },
	{ "notAfter", TIME, true, 0, S(not_after) },
	{ "keyLifetime", SECONDS, false, 0, S(key_lifetime) },
};

bool admin_decode_sub(const json_t *j, struct mst_subscription *ret, struct mst_diag *d)
{
	memset(ret, 0, sizeof(*ret));
	if (!members(j, sub_members, MST_COUNT(sub_members), ret, d))
		return false;
	if (!ret->maf_uri[0])
		snprintf(ret->maf_uri, sizeof(ret->maf_uri), "https://%.246s", ret->maf_fqdn);
	return true;
}

bool admin_decode_reason(const json_t *j, bool required, char ret[128], struct mst_diag *d)
{
	const struct member reason = { "reason", TEXT, required, 0, 0, 128 };

	memset(ret, 0, 128);
	return members(j, &reason, 1, ret, d);
}

bool admin_decode_certreq(const json_t *j, bool reason_required, struct admin_certreq_input *ret, struct mst_diag *d)
{
	const struct member m[] = {
		{ "reason", TEXT, reason_required, 0, AT(struct admin_certreq_input, reason) },
		{ "node", IDENT, false, MST_ID_NODE, AT(struct admin_certreq_input, node) },
		{ "sha256", TEXT, false, 0, AT(struct admin_certreq_input, sha256) },
	};

	memset(ret, 0, sizeof(*ret));
	return members(j, m, MST_COUNT(m), ret, d);
}

#define GRACE_MOST (90 * INT64_C(86400))
#define WINDOW_MOST (31 * INT64_C(86400))

bool admin_decode_act(const json_t *j, const char *act, char ret_reason[128], int64_t *ret_seconds, struct mst_diag *d)
{
	struct args { char reason[128]; int64_t seconds; } a = { .seconds = 0 };
	bool release = !strcmp(act, "release"), reenrol = !strcmp(act, "reenrol");
	const struct member m[] = {
		{ "reason", TEXT, true, 0, offsetof(struct args, reason), sizeof(a.reason) },
		{ release ? "grace" : "window", SECONDS, reenrol, 0, offsetof(struct args, seconds), 0 },
	};

	if (!members(j, m, release || reenrol ? 2 : 1, &a, d))
		return false;
	if (a.seconds > (release ? GRACE_MOST : WINDOW_MOST))
		return wrong(d, m[1].name, release ? "at most 90 days" : "at most 31 days");
	memcpy(ret_reason, a.reason, sizeof(a.reason));
	*ret_seconds = a.seconds;
	return true;
}

#define M(m) AT(struct admin_move_input, m)
static const struct member move_members[] = {
	{ "subscription", SUB_ID, true, 0, M(as.sub_id) }, { "cseID", IDENT, false, MST_ID_CSE_ABS, M(as.cse_id) },
	{ "aeID", IDENT, false, MST_ID_AE_ABS, M(as.ae_id) }, { "grace", SECONDS, false, 0, M(grace) },
	{ "reason", TEXT, true, 0, M(reason) },
};

bool admin_decode_move(const json_t *j, struct admin_move_input *ret, struct mst_diag *d)
{
	memset(ret, 0, sizeof(*ret));
	ret->grace = 7 * 86400;
	return members(j, move_members, MST_COUNT(move_members), ret, d) &&
	       (ret->grace <= GRACE_MOST || wrong(d, "grace", "at most 90 days"));
}

bool admin_decode_extend(const json_t *j, mst_time *ret_until, struct mst_diag *d)
{
	static const struct member until = { "notAfter", TIME, true, 0, 0, 0 };

	return members(j, &until, 1, ret_until, d);
}

bool admin_decode_cert(const json_t *j, struct mst_view *ret_pem, int *ret_reason, struct mst_diag *d)
{
	struct cert { struct mst_view pem; int reason; } c = { .reason = 0 };
	static const struct member cert_members[] = {
		{ "certificate", PEM, true, 0, offsetof(struct cert, pem), 0 },
		{ "reason", REASON, false, 0, offsetof(struct cert, reason), 0 },
	};

	if (!members(j, cert_members, MST_COUNT(cert_members), &c, d))
		return false;
	*ret_pem = c.pem;
	*ret_reason = c.reason;
	return true;
}

bool admin_decode_revoke(const json_t *j, int *ret_reason, struct mst_diag *d)
{
	static const struct member reason = { "reason", REASON, false, 0, 0, 0 };

	return members(j, &reason, 1, ret_reason, d);
}

bool admin_decode_cert_prov(const json_t *j, struct admin_command_input *ret, struct mst_diag *d)
{
	static const struct member arg_members[] = {
		{ "subject", TEXT, false, 0, AT(struct admin_command_input, subject) },
		{ "uri", URI, false, 0, AT(struct admin_command_input, uri) },
	};

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->class_text, sizeof(ret->class_text), "cert-prov");
	return members(j, arg_members, MST_COUNT(arg_members), ret, d);
}

bool admin_decode_command(const json_t *j, struct admin_command_input *ret, json_t **ret_nodes, json_t **ret_objects, struct mst_diag *d)
{
	static const struct member command_members[] = {
		{ "nodes", LIST, true, 0, 0, 0 },
		{ "class", TEXT, true, 0, AT(struct admin_command_input, class_text) },
		{ "subject", TEXT, false, 0, AT(struct admin_command_input, subject) },
		{ "uri", TEXT, false, 0, AT(struct admin_command_input, uri) },
		{ "objects", LIST, false, 0, 0, 0 },
		{ "path", TEXT, false, 0, AT(struct admin_command_input, path) },
		{ "type", TEXT, false, 0, AT(struct admin_command_input, type) },
		{ "SUID", SECONDS, false, 0, AT(struct admin_command_input, suid) },
		{ "target", TEXT, false, 0, AT(struct admin_command_input, target) },
		{ "adminFQDN", IDENT, false, MST_ID_FQDN, AT(struct admin_command_input, admin_fqdn) },
	};

	memset(ret, 0, sizeof(*ret));
	if (json_object_get(j, "SUID") && !json_is_integer(json_object_get(j, "SUID")))
		return wrong(d, "SUID", "a number of m2m:suid, like 22");
	if (!members(j, command_members, MST_COUNT(command_members), ret, d))
		return false;
	*ret_nodes = json_object_get(j, "nodes");
	*ret_objects = json_object_get(j, "objects");
	return (json_array_size(*ret_nodes) && json_array_size(*ret_nodes) <= ADMIN_IMPORT_MAX) || wrong(d, "nodes", "1 to 1000 nodes");
}

bool admin_decode_rows(const json_t *j, json_t **ret_rows, struct mst_diag *d)
{
	static const struct member rows = { "rows", LIST, true, 0, 0, 0 };

	if (!members(j, &rows, 1, ret_rows, d))
		return false;
	*ret_rows = json_object_get(j, "rows");
	return (json_array_size(*ret_rows) && json_array_size(*ret_rows) <= ADMIN_IMPORT_MAX) ||
	       wrong(d, "rows", "1 to 1000 rows");
}

/* What is not said: AMF 0, index 1 of 32, numbers from the beginning, GSID of oneM2M at this installation, GBA_ME. */
#define SIM_GSID 1000001
#define SIM_IND 1
struct sim_text {
	struct mst_sim sim;
	const json_t *secret;
	char amf[5], uicc[8], key_choice[24], node[MST_ID_MAX];
	int64_t mnc_digits, ind;
};
#define SIM(m) AT(struct sim_text, m)
static const struct member sim_members[] = {
	{ "imsi", TEXT, true, 0, SIM(sim.imsi) },
	{ "impi", TEXT, false, 0, SIM(sim.impi) },
	{ "mncDigits", COUNT, false, 0, SIM(mnc_digits) },
	{ "msisdn", TEXT, false, 0, SIM(sim.msisdn) },
	{ "secret", SECRET, true, 0, offsetof(struct sim_text, secret), 0 },
	{ "amf", TEXT, false, 0, SIM(amf) },
	{ "sqn", COUNT, false, 0, SIM(sim.sqn) },
	{ "ind", COUNT, false, 0, SIM(ind) },
	{ "node", TEXT, false, 0, SIM(node) },
	{ "uiccType", TEXT, false, 0, SIM(uicc) },
	{ "lifetime", SECONDS, false, 0, SIM(sim.lifetime) },
	{ "nafGroup", TEXT, false, 0, SIM(sim.naf_group) },
	{ "gsid", COUNT, false, 0, SIM(sim.gsid) },
	{ "keyChoice", TEXT, false, 0, SIM(key_choice) },
};

static bool decode_sealed(const json_t *j, struct admin_sim_input *ret, struct mst_diag *d)
{
	const char *why = json_string_value(json_object_get(j, "wrong")), *algorithm = json_string_value(json_object_get(j, "algorithm"));
	const json_t *sealed = json_object_get(j, "sealed");
	size_t n = 0;

	if (why) {
		mst_diag_set(d, 0, "secret", why, NULL);
		return false;
	}
	if (!json_is_string(sealed) || !algorithm || !mst_base64_decode(text_of(sealed), ret->sealed.b, sizeof(ret->sealed.b), &n))
		return wrong(d, "secret", "the SIM's keys as text, as muster(1) has it");
	ret->sealed.n = (uint16_t)n;
	ret->sim.algorithm = !strcmp(algorithm, aka_algorithm_text(AKA_TUAK)) ? AKA_TUAK : AKA_MILENAGE;
	return true;
}

static bool decode_amf(const char *text, int *ret, struct mst_diag *d)
{
	uint8_t b[2];
	size_t n = 0;

	if (*text && (!mst_hex_decode(mst_view_str(text), b, sizeof(b), &n) || n != sizeof(b)))
		return wrong(d, "amf", "four hex digits from 0000 to 7FFF");
	*ret = *text ? b[0] << 8 | b[1] : 0;
	return true;
}

bool admin_decode_sim(const json_t *j, const struct mst_role_conf *conf, struct admin_sim_input *ret, struct mst_diag *d)
{
	struct sim_text t = { .mnc_digits = conf && conf->mnc_digits ? conf->mnc_digits : 2, .ind = SIM_IND };

	memset(ret, 0, sizeof(*ret));
	t.sim.gsid = SIM_GSID;
	if (!members(j, sim_members, MST_COUNT(sim_members), &t, d) || !decode_amf(t.amf, &t.sim.amf, d))
		return false;
	if (t.mnc_digits != 2 && t.mnc_digits != 3)
		return wrong(d, "mncDigits", "2 or 3");
	if (!t.sim.impi[0] && !gba_impi_of_imsi(mst_view_str(t.sim.imsi), (unsigned)t.mnc_digits, t.sim.impi))
		return wrong(d, "imsi", "6 to 15 digits, like 001010000000001");
	if (t.uicc[0] && strcmp(t.uicc, "GBA") && strcmp(t.uicc, "GBA_U"))
		return wrong(d, "uiccType", "GBA or GBA_U");
	t.sim.uicc = strcmp(t.uicc, "GBA_U") ? MST_SIM_GBA_ME : MST_SIM_GBA_U;
	t.sim.key_choice = (enum mst_key_choice)value_of(&mst_key_choice_table, t.key_choice);
	if (t.key_choice[0] && !t.sim.key_choice)
		return wrong(d, "keyChoice", "one of ME_BASED_KEY, UICC_BASED_KEY, ME_UICC_BASED_KEYS");
	t.sim.ind = t.ind > 255 ? 255 : (int)t.ind;
	ret->sim = t.sim;
	memcpy(ret->node, t.node, sizeof(ret->node));
	return decode_sealed(t.secret, ret, d);
}

bool admin_decode_sim_bind(const json_t *j, bool bind, char ret_node[MST_ID_MAX], struct mst_diag *d)
{
	static const struct member node = { "node", TEXT, true, 0, 0, MST_ID_MAX };

	return members(j, &node, bind ? 1 : 0, ret_node, d);
}
