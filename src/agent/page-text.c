/* What people type, paste and scan, as a sequence: see page.h. */
#include "agent/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/uri.h"

#define QR_PREFIX "MUSTER:"

static struct mst_view trimmed(struct mst_view t)
{
	while (t.n && (t.p[0] == ' ' || t.p[0] == '\t' || t.p[0] == '\n' || t.p[0] == '\r')) {
		t.p++;
		t.n--;
	}
	while (t.n && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t' || t.p[t.n - 1] == '\n' || t.p[t.n - 1] == '\r'))
		t.n--;
	return t;
}

/* base64url without padding (RFC 4648 5), as fits a QR code and an address's fragment. */
static bool from_base64url(struct mst_view t, uint8_t *out, size_t cap, size_t *ret_n)
{
	size_t padded = (t.n + 3) / 4 * 4;
	uint8_t *plain = t.n % 4 == 1 ? NULL : malloc(padded + 1);
	bool ok = plain != NULL;

	for (size_t i = 0; ok && i < padded; i++) {
		uint8_t c = i < t.n ? t.p[i] : '=';

		ok = c != '+' && c != '/' && (c != '=' || i >= t.n);
		plain[i] = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	ok = ok && mst_base64_decode((struct mst_view){ plain, padded }, out, cap, ret_n);
	free(plain);
	return ok;
}

/* One discovery by method bbn: a person named who is to be asked; the agent's own anchors say who that is. */
static int from_name(struct mst_view t, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	struct mst_sequence *s = calloc(1, sizeof(*s));
	struct mst_writer w = mst_writer_of(out, cap);
	char uri[600];
	int r;

	if (!s)
		return PROV_INTERNAL;
	snprintf(uri, sizeof(uri), "%s%.*s", memmem(t.p, t.n, "://", 3) ? "" : "https://", (int)t.n, t.p);
	s->has = 1u << MST_SQ_VERSION | 1u << MST_SQ_INSTRUCTIONS;
	s->version = 1;
	s->n_instructions = 1;
	s->instructions[0] = (struct mst_instruction){
		.has = 1u << MST_IN_KIND | 1u << MST_IN_METHOD | 1u << MST_IN_URI,
		.kind = MST_INSTR_DISCOVERY, .method = MST_METHOD_BBN, .uri = mst_view_str(uri),
	};
	r = mst_sequence_check(s, d);
	if (!r) {
		mst_sequence_write_cbor(s, &w);
		r = w.ok ? 0 : PROV_INTERNAL;
		*ret_n = w.n;
	} else {
		mst_diag_set(d, 0, "text", "neither a name like bbn.example.com, a URI, a sequence in JSON nor MUSTER: and its code",
			     NULL);
		r = PROV_MALFORMED;
	}
	free(s);
	return r;
}

int page_text_to_cbor(struct mst_view text, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	struct mst_view t = trimmed(text), code;
	uint8_t *octets;
	size_t n = 0;
	int r;

	if (t.n && t.p[0] == '{') {
		r = agent_sequence_to_cbor(t, out, cap, ret_n, d);
		return (int)prov_reason_of(r, d);
	}
	if (mst_view_starts(t, QR_PREFIX)) {
		code = mst_view_sub(t, strlen(QR_PREFIX), t.n - strlen(QR_PREFIX));
		octets = malloc(MST_SEQ_OCTETS);
		if (!octets)
			return PROV_INTERNAL;
		r = PROV_MALFORMED;
		if (from_base64url(code, octets, MST_SEQ_OCTETS, &n)) {
			r = agent_sequence_to_cbor((struct mst_view){ octets, n }, out, cap, ret_n, d);
			r = (int)prov_reason_of(r, d);
		} else {
			mst_diag_set(d, 0, "text", "what follows MUSTER: is no base64url; scan the code again", NULL);
		}
		free(octets);
		return r;
	}
	if (!t.n || t.n > 500) {
		mst_diag_set(d, 0, "text", t.n ? "more than 500 octets and no JSON" : "is empty", NULL);
		return t.n ? PROV_OVERSIZED : PROV_EMPTY;
	}
	return from_name(t, out, cap, ret_n, d);
}
