/* Names of TS 23.003, PSK identities and realms of Ua, and Ua security protocol identifiers. */
#include "proto/gba/keys.h"

#include <string.h>

#include "base/text.h"

#define NETWORK "3gppnetwork.org"

/* --- Ua identifiers --- */

const struct gba_ua gba_ua_default = { { 0, 0, 0, 0, 0 } }, gba_ua_http_digest = { { 1, 0, 0, 0, 2 } },
		    gba_ua_tls13 = { { 1, 0, 0, 0, 7 } }, gba_ua_tmpi = { { 1, 0, 0, 1, 0 } }, gba_ua_trigger = { { 0xff, 0, 0, 0, 1 } };

/* The first `n` octets decide; longer rows stand before shorter ones. */
static const struct { uint8_t b[GBA_UA]; size_t n; const char *words; } ua_row[] = {
	{ { 0, 0, 0, 0, 0 }, 5, "default" },
	{ { 0 }, 1, NULL },
	{ { 1, 0, 0, 0, 0 }, 5, "subscriber certificates" },
	{ { 1, 0, 0, 0, 1 }, 5, "MBMS" },
	{ { 1, 0, 0, 0, 2 }, 5, "HTTP Digest" },
	{ { 1, 0, 0, 0, 3 }, 5, "MBMS over HTTP" },
	{ { 1, 0, 0, 0, 4 }, 5, "MBMS over SIP" },
	{ { 1, 0, 0, 0, 5 }, 5, "Generic Push Layer" },
	{ { 1, 0, 0, 0, 6 }, 5, "IMS key management over HTTP" },
	{ { 1, 0, 0, 0, 7 }, 5, "TLS 1.3 with shared key" },
	{ { 1, 0, 0, 1, 0 }, 5, "TMPI" },
	{ { 1, 0, 1 }, 3, "TLS with shared key, or Digest in TLS" },
	{ { 1, 0, 2 }, 3, "TLS with shared key, in a browser" },
	{ { 1 }, 1, "3GPP" },
	{ { 2 }, 1, "3GPP2" },
	{ { 3 }, 1, "OMA" },
	{ { 4 }, 1, "GSMA" },
	{ { 0xff }, 1, "private" },
};

const char *gba_ua_words(const struct gba_ua *u)
{
	for (size_t i = 0; i < MST_COUNT(ua_row); i++)
		if (!memcmp(u->b, ua_row[i].b, ua_row[i].n))
			return ua_row[i].words;
	/* a letter or digit in its place is the end of a name that came without an identifier */
	return u->b[0] >= 0x20 && u->b[0] <= 0x7e ? NULL : "unknown organisation";
}

struct gba_ua gba_ua_tls(uint16_t suite)
{
	return (struct gba_ua){ { 1, 0, 1, (uint8_t)(suite >> 8), (uint8_t)suite } };
}

bool gba_ua_parse(struct mst_view hex, struct gba_ua *ret_u)
{
	size_t n;

	return mst_hex_decode(hex, ret_u->b, GBA_UA, &n) && n == GBA_UA && gba_ua_words(ret_u);
}

void gba_put_ua(struct mst_writer *w, const struct gba_ua *u)
{
	mst_put_hex(w, (struct mst_view){ u->b, GBA_UA });
}

/* --- from the IMSI --- */

static bool put_name(const char *head, struct mst_view imsi, unsigned mnc_digits, const char *tail, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);

	if (imsi.n < 6 || imsi.n > GBA_IMSI_MAX || (mnc_digits != 2 && mnc_digits != 3))
		return false;
	for (size_t i = 0; i < imsi.n; i++)
		if (imsi.p[i] < '0' || imsi.p[i] > '9')
			return false;
	mst_put_str(&w, head);
	mst_put_str(&w, mnc_digits == 2 ? "mnc0" : "mnc");
	mst_put(&w, mst_view_sub(imsi, 3, mnc_digits));
	mst_put_str(&w, ".mcc");
	mst_put(&w, mst_view_sub(imsi, 0, 3));
	mst_put_str(&w, tail);
	mst_put_nul(&w);
	return w.ok;
}

bool gba_impi_of_imsi(struct mst_view imsi, unsigned mnc_digits, char out[MST_ID_MAX])
{
	char head[GBA_IMSI_MAX + 6];
	struct mst_writer w = mst_writer_of(head, sizeof(head));

	mst_put(&w, imsi);
	mst_put_str(&w, "@ims.");
	mst_put_nul(&w);
	return w.ok && put_name(head, imsi, mnc_digits, "." NETWORK, out);
}

bool gba_bsf_of_imsi(struct mst_view imsi, unsigned mnc_digits, char out[MST_ID_MAX])
{
	return put_name("bsf.", imsi, mnc_digits, ".pub." NETWORK, out);
}

struct mst_view gba_btid_domain(struct mst_view btid)
{
	size_t at = btid.n;

	while (at && btid.p[at - 1] != '@')
		at--;
	return at ? mst_view_sub(btid, at, btid.n) : MST_VIEW_NONE;
}

bool gba_bsf_of_impi(struct mst_view impi, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);
	char own[MST_ID_MAX];
	struct mst_view domain;
	bool network;

	if (!mst_view_to_str(impi, own, sizeof(own)))
		return false;
	mst_id_impi(own, own);
	domain = gba_btid_domain(mst_view_str(own));
	network = mst_view_ends(domain, "." NETWORK);
	mst_put_str(&w, "bsf.");
	mst_put(&w, network ? mst_view_sub(domain, 0, domain.n - (sizeof(NETWORK) - 1)) : domain);
	if (network)
		mst_put_str(&w, "pub." NETWORK);
	mst_put_nul(&w);
	return w.ok && domain.n && domain.n + 1 < impi.n && mst_id_valid(MST_ID_FQDN, mst_view_str(out));
}

bool gba_btid_make(const uint8_t rnd[GBA_RAND], struct mst_view bsf, char out[MST_BTID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_BTID_MAX);

	mst_put_base64(&w, (struct mst_view){ rnd, GBA_RAND });
	mst_put_str(&w, "@");
	mst_put(&w, bsf);
	mst_put_nul(&w);
	return w.ok && mst_id_valid(MST_ID_FQDN, bsf);
}

/* --- Ua --- */

static const struct { const char *text; enum gba_hint hint; } prefix[] = {
	{ "3GPP-bootstrapping-uicc", GBA_HINT_UICC },
	{ "3GPP-bootstrapping-digest", GBA_HINT_DIGEST },
	{ "3GPP-bootstrapping", GBA_HINT_ME },
};

struct mst_view gba_psk_identity_btid(struct mst_view identity, enum gba_hint *ret_hint)
{
	struct mst_view rest = identity;

	*ret_hint = GBA_HINT_BARE;
	for (size_t i = 0; i < MST_COUNT(prefix) && *ret_hint == GBA_HINT_BARE; i++)
		if (mst_view_starts(identity, prefix[i].text)) {
			rest = mst_view_sub(identity, strlen(prefix[i].text), identity.n);
			*ret_hint = prefix[i].hint;
			if (rest.n && mst_view_find(MST_VIEW_LIT(";.:,"), rest.p[0]) < 4)
				rest = mst_view_sub(rest, 1, rest.n);
		}
	return rest.n && rest.n < MST_BTID_MAX && mst_printable_ascii(rest) && gba_btid_domain(rest).n ? rest : MST_VIEW_NONE;
}

void gba_put_psk_identity(struct mst_writer *w, enum gba_hint h, char separator, struct mst_view btid)
{
	for (size_t i = 0; separator && i < MST_COUNT(prefix); i++)
		if (prefix[i].hint == h) {
			mst_put_str(w, prefix[i].text);
			mst_put_u8(w, (uint8_t)separator);
		}
	mst_put(w, btid);
}

bool gba_realm_for(struct mst_view realm, struct mst_view host, enum gba_hint *ret_hint)
{
	while (realm.n) {
		size_t end = mst_view_find(realm, ';'), at;
		struct mst_view one = mst_view_sub(realm, 0, end), before;

		at = mst_view_find(one, '@');
		before = mst_view_sub(one, 0, at);
		for (size_t i = 0; i < MST_COUNT(prefix); i++)
			if (mst_view_eq_str(before, prefix[i].text) && host.n && at < one.n &&
			    mst_view_eq_nocase(mst_view_sub(one, at + 1, one.n), host)) {
				*ret_hint = prefix[i].hint;
				return true;
			}
		realm = mst_view_sub(realm, end + 1, realm.n);
	}
	return false;
}

bool gba_btid_rand(struct mst_view btid, uint8_t ret_rnd[GBA_RAND])
{
	uint8_t rnd[GBA_RAND];
	char again[MST_BTID_MAX];
	struct mst_view domain = gba_btid_domain(btid);
	size_t n = 0;

	if (!domain.n || domain.n + 1 >= btid.n || !mst_base64_decode(mst_view_sub(btid, 0, btid.n - domain.n - 1), rnd, sizeof(rnd), &n) ||
	    n != GBA_RAND || !gba_btid_make(rnd, domain, again) || !mst_view_eq_str(btid, again))
		return false;
	memcpy(ret_rnd, rnd, GBA_RAND);
	return true;
}

bool gba_trigger_id(struct mst_view btid, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);

	mst_put_str(&w, "trigger:");
	mst_put(&w, btid);
	mst_put_nul(&w);
	return w.ok && btid.n && mst_printable_ascii(btid);
}
