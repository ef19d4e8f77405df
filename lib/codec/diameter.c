#include "codec/diameter.h"

#include <stddef.h>
#include <string.h>

#define HEADER 20
#define R_BIT 0x80
#define P_BIT 0x40
#define E_BIT 0x20
#define V_BIT 0x80
#define M_BIT 0x40
#define NTP_1970 INT64_C(2208988800)
#define NTP_ERA (INT64_C(1) << 32)

#define BASE(n, c) .name = (n), .code = (c)
#define GPP(n, c) .name = (n), .code = (c), .vendor = MST_DM_3GPP
#define IN(m, lo, hi) .offset = offsetof(struct mst_dm, m), .least = (lo), .most = (hi)
#define TEXT(m, lo, hi) .kind = MST_DM_TEXT, IN(m, lo, hi)
#define OCTET(m, lo, hi) .kind = MST_DM_OCTET, IN(m, lo, hi)
#define U32(m) .kind = MST_DM_U32, IN(m, 4, 4)
#define GROUP .kind = MST_DM_GROUP, .least = 0, .most = 65535
#define SKIP .kind = MST_DM_SKIP, .least = 0, .most = 65535, .many = true
#define XML_OCTETS 16384

/* TS 29.109 table 6.1, those of TS 29.229 that it takes over, and of RFC 6733 what these messages may carry. */
const struct mst_dm_avp mst_dm_avps[] = {
	{ BASE("Session-Id", 263), TEXT(session, 1, 512) },
	{ BASE("Origin-Host", 264), TEXT(origin_host, 1, 255) },
	{ BASE("Origin-Realm", 296), TEXT(origin_realm, 1, 255) },
	{ BASE("Destination-Host", 293), TEXT(destination_host, 1, 255) },
	{ BASE("Destination-Realm", 283), TEXT(destination_realm, 1, 255) },
	{ BASE("Vendor-Specific-Application-Id", 260), GROUP },
	{ BASE("Vendor-Id", 266), .parent = 260, U32(vendor) },
	{ BASE("Auth-Application-Id", 258), .parent = 260, U32(auth_application) },
	{ BASE("Auth-Session-State", 277), U32(session_state) },
	{ BASE("Result-Code", 268), U32(plain_result) },
	{ BASE("Experimental-Result", 297), GROUP },
	{ BASE("Vendor-Id", 266), .parent = 297, U32(exp_vendor) },
	{ BASE("Experimental-Result-Code", 298), .parent = 297, U32(exp_result) },
	{ BASE("Error-Message", 281), .optional = true, TEXT(error_message, 0, 1024) },
	{ BASE("User-Name", 1), TEXT(impi, 1, 255) },
	{ GPP("GBA-UserSecSettings", 400), OCTET(guss, 1, XML_OCTETS) },
	{ GPP("Transaction-Identifier", 401), TEXT(btid, 1, 255) },
	{ GPP("NAF-Id", 402), OCTET(naf_id, 6, 260) },
	{ GPP("GAA-Service-Identifier", 403), .many = true, TEXT(gsid, 1, 10) },
	{ GPP("Key-ExpiryTime", 404), U32(expiry) },
	{ GPP("ME-Key-Material", 405), OCTET(me_key, 32, 32) },
	{ GPP("UICC-Key-Material", 406), OCTET(uicc_key, 32, 32) },
	{ GPP("GBA_U-Awareness-Indicator", 407), U32(in_card_aware) },
	{ GPP("BootstrapInfoCreationTime", 408), U32(created) },
	{ GPP("GUSS-Timestamp", 409), .optional = true, SKIP },
	{ GPP("GBA-Type", 410), U32(gba_type) },
	{ GPP("Public-Identity", 601), TEXT(public_id, 1, 255) },
	{ GPP("SIP-Auth-Data-Item", 612), GROUP },
	{ GPP("SIP-Authentication-Scheme", 608), .parent = 612, TEXT(scheme, 1, 64) },
	{ GPP("SIP-Authenticate", 609), .parent = 612, OCTET(authenticate, 32, 32) },
	{ GPP("SIP-Authorization", 610), .parent = 612, OCTET(authorization, 4, 30) },
	{ GPP("Confidentiality-Key", 625), .parent = 612, OCTET(ck, 16, 16) },
	{ GPP("Integrity-Key", 626), .parent = 612, OCTET(ik, 16, 16) },
	{ GPP("SIP-Item-Number", 613), .parent = 612, SKIP },
	{ GPP("SIP-Number-Auth-Items", 607), SKIP },
	{ GPP("Supported-Features", 628), SKIP },
	{ BASE("Failed-AVP", 279), SKIP }, { BASE("Proxy-Info", 284), SKIP }, { BASE("Route-Record", 282), SKIP },
	{ BASE("Origin-State-Id", 278), SKIP }, { BASE("Error-Reporting-Host", 294), SKIP }, { BASE("Redirect-Host", 292), SKIP },
	{ BASE("Redirect-Host-Usage", 261), SKIP }, { BASE("Redirect-Max-Cache-Time", 262), SKIP },
	{ BASE("Auth-Application-Id", 258), SKIP }, { BASE("Event-Timestamp", 55), SKIP },
};
const size_t mst_dm_n_avps = MST_COUNT(mst_dm_avps);
_Static_assert(MST_COUNT(mst_dm_avps) <= 64, "a bit each");

static const struct { uint16_t result; bool experimental; const char *text; } results[] = {
	{ MST_DM_SUCCESS, false, "SUCCESS" }, { MST_DM_UNABLE_TO_DELIVER, false, "UNABLE_TO_DELIVER" }, { MST_DM_TOO_BUSY, false, "TOO_BUSY" },
	{ MST_DM_APPLICATION_UNSUPPORTED, false, "APPLICATION_UNSUPPORTED" }, { MST_DM_AVP_UNSUPPORTED, false, "AVP_UNSUPPORTED" },
	{ MST_DM_INVALID_AVP_VALUE, false, "INVALID_AVP_VALUE" }, { MST_DM_MISSING_AVP, false, "MISSING_AVP" },
	{ MST_DM_AVP_NOT_ALLOWED, false, "AVP_NOT_ALLOWED" }, { MST_DM_TOO_MANY_AVPS, false, "AVP_OCCURS_TOO_MANY_TIMES" },
	{ MST_DM_UNABLE_TO_COMPLY, false, "UNABLE_TO_COMPLY" }, { MST_DM_INVALID_AVP_LENGTH, false, "INVALID_AVP_LENGTH" },
	{ MST_DM_IDENTITY_UNKNOWN, true, "IDENTITY_UNKNOWN" }, { MST_DM_NOT_AUTHORIZED, true, "NOT_AUTHORIZED" },
	{ MST_DM_BTID_INVALID, true, "TRANSACTION_IDENTIFIER_INVALID" },
};

const char *mst_dm_result_text(uint32_t result, bool experimental)
{
	for (size_t i = 0; i < MST_COUNT(results); i++)
		if (results[i].result == result && results[i].experimental == experimental)
			return results[i].text;
	return NULL;
}

mst_time mst_dm_time(uint32_t ntp)
{
	return (int64_t)ntp - NTP_1970 + (ntp & 0x80000000u ? 0 : NTP_ERA);
}

bool mst_dm_ntp(mst_time t, uint32_t *ret_ntp)
{
	if (t < -NTP_1970 + NTP_ERA / 2 || t > -NTP_1970 + NTP_ERA + NTP_ERA / 2 - 1)
		return false;
	*ret_ntp = (uint32_t)(t + NTP_1970);
	return true;
}

/* --- reading --- */

static int bad(struct mst_dm_fault *f, uint32_t result, const struct mst_dm_avp *avp, const char *why)
{
	struct mst_writer w = mst_writer_of(f->text, sizeof(f->text) - 1);

	memset(f->text, 0, sizeof(f->text));
	if (avp) {
		mst_put_str(&w, avp->name);
		mst_put_str(&w, ": ");
	}
	mst_put_str(&w, why);
	f->result = result;
	f->avp = avp;
	return MST_DM_BAD;
}

static const struct mst_dm_avp *row_of(uint32_t code, uint32_t vendor, uint32_t parent)
{
	for (size_t i = 0; i < mst_dm_n_avps; i++)
		if (mst_dm_avps[i].code == code && mst_dm_avps[i].vendor == vendor && mst_dm_avps[i].parent == parent)
			return &mst_dm_avps[i];
	return NULL;
}

static bool printable(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			return false;
	return true;
}

static int take(const struct mst_dm_avp *row, struct mst_view v, struct mst_dm *m, struct mst_dm_fault *f)
{
	uint64_t bit = UINT64_C(1) << (row - mst_dm_avps);
	uint8_t *at = (uint8_t *)m + row->offset;
	struct mst_reader r = mst_reader_of(v);

	if ((m->has & bit) && !row->many)
		return bad(f, MST_DM_TOO_MANY_AVPS, row, "is there twice");
	m->has |= bit;
	if (v.n < row->least || v.n > row->most)
		return bad(f, MST_DM_INVALID_AVP_LENGTH, row, "cannot be so long or short");
	if (row->kind == MST_DM_U32) {
		uint32_t x = mst_read_u32(&r);

		memcpy(at, &x, sizeof(x));
	} else if (row->kind == MST_DM_TEXT && !printable(v)) {
		return bad(f, MST_DM_INVALID_AVP_VALUE, row, "is no text");
	} else if (row->offset == offsetof(struct mst_dm, gsid) && row->many) {
		if (m->n_gsid == MST_DM_GSIDS)
			return bad(f, MST_DM_TOO_MANY_AVPS, row, "too many");
		m->gsid[m->n_gsid++] = v;
	} else if (row->kind == MST_DM_TEXT || row->kind == MST_DM_OCTET) {
		memcpy(at, &v, sizeof(v));
	}
	return 0;
}

/* AVPs of the message (parent 0) or of one group. */
static int read_avps(struct mst_view in, uint32_t parent, struct mst_dm *m, struct mst_dm_fault *f)
{
	struct mst_reader r = mst_reader_of(in);

	while (r.left) {
		uint32_t code = mst_read_u32(&r), word = mst_read_u32(&r), vendor = 0, n = word & 0xffffff;
		uint8_t flags = (uint8_t)(word >> 24);
		size_t head = flags & V_BIT ? 12 : 8, pad = (4 - n % 4) & 3;
		const struct mst_dm_avp *row;
		struct mst_view v;
		int rc;

		if (flags & V_BIT)
			vendor = mst_read_u32(&r);
		if (!r.ok || n < head)
			return bad(f, MST_DM_INVALID_AVP_LENGTH, NULL, "an AVP is shorter than its head");
		v = mst_read(&r, n - head);
		(void)mst_read(&r, pad < r.left ? pad : r.left);     /* the last in a group comes without from some */
		if (!r.ok)
			return bad(f, MST_DM_INVALID_AVP_LENGTH, NULL, "an AVP is longer than what it stands in");
		row = row_of(code, vendor, parent);
		if (!row && (flags & M_BIT))
			return bad(f, MST_DM_AVP_UNSUPPORTED, NULL, "an AVP that is not known here must be understood (M)");
		if (!row)
			continue;
		rc = row->kind == MST_DM_GROUP ? take(row, (struct mst_view){ NULL, 0 }, m, f) : take(row, v, m, f);
		if (!rc && row->kind == MST_DM_GROUP)
			rc = read_avps(v, row->code, m, f);
		if (rc)
			return rc;
	}
	return 0;
}

static bool has(const struct mst_dm *m, uint32_t code, uint32_t parent)
{
	for (size_t i = 0; i < mst_dm_n_avps; i++)
		if (mst_dm_avps[i].code == code && mst_dm_avps[i].parent == parent)
			return m->has >> i & 1;
	return false;
}

static int need(const struct mst_dm *m, const uint32_t *codes, size_t n, uint32_t parent, struct mst_dm_fault *f)
{
	for (size_t i = 0; i < n; i++)
		if (!has(m, codes[i], parent))
			for (size_t k = 0; k < mst_dm_n_avps; k++)
				if (mst_dm_avps[k].code == codes[i] && mst_dm_avps[k].parent == parent)
					return bad(f, MST_DM_MISSING_AVP, &mst_dm_avps[k], "is missing");
	return 0;
}

static const struct mst_dm_avp *gpp(uint32_t code, uint32_t parent)
{
	return row_of(code, MST_DM_3GPP, parent);
}

/* Both kinds of result cannot be there, and one must. */
static int take_result(struct mst_dm *m, struct mst_dm_fault *f)
{
	static const uint32_t plain[] = { 268 }, in_group[] = { 266, 298 };

	if (!has(m, 297, 0)) {
		m->result = m->plain_result;
		return need(m, plain, 1, 0, f);
	}
	if (has(m, 268, 0))
		return bad(f, MST_DM_AVP_NOT_ALLOWED, row_of(297, 0, 0), "stands beside a Result-Code");
	m->experimental = true;
	m->result = m->exp_result;
	if (need(m, in_group, MST_COUNT(in_group), 297, f))
		return MST_DM_BAD;
	return m->exp_vendor == MST_DM_3GPP ? 0 : bad(f, MST_DM_INVALID_AVP_VALUE, row_of(297, 0, 0), "is not of 3GPP");
}

static int check_mar(const struct mst_dm *m, struct mst_dm_fault *f)
{
	/* the grammar has User-Name optional, but whose vector would it be: the BSF always knows the IMPI (TS 29.109 4.2) */
	static const uint32_t must[] = { 277, 1 }, item[] = { 608 };

	if (need(m, must, MST_COUNT(must), 0, f))
		return MST_DM_BAD;
	if (!has(m, 612, 0))
		return 0;
	if (need(m, item, MST_COUNT(item), 612, f))
		return MST_DM_BAD;
	if (!mst_view_eq_str(m->scheme, MST_DM_SCHEME))
		return bad(f, MST_DM_INVALID_AVP_VALUE, gpp(608, 612), "only " MST_DM_SCHEME " is known");
	if (has(m, 610, 612) && m->authorization.n != 30)
		return bad(f, MST_DM_INVALID_AVP_VALUE, gpp(610, 612), "16 octets of RAND and 14 of AUTS are wanted");
	return 0;
}

static int check_maa(const struct mst_dm *m, struct mst_dm_fault *f)
{
	static const uint32_t must[] = { 612 }, item[] = { 609, 610, 625, 626 };

	if (need(m, must, 1, 0, f) || need(m, item, MST_COUNT(item), 612, f))
		return MST_DM_BAD;
	if (has(m, 608, 612) && !mst_view_eq_str(m->scheme, MST_DM_SCHEME))
		return bad(f, MST_DM_INVALID_AVP_VALUE, gpp(608, 612), "only " MST_DM_SCHEME " is known");
	if (m->authorization.n > 16)
		return bad(f, MST_DM_INVALID_AVP_VALUE, gpp(610, 612), "XRES of 4 to 16 octets is wanted");
	return 0;
}

static int check_bia(const struct mst_dm *m, struct mst_dm_fault *f)
{
	/* User-Name is told to NAFs that are meant to hear it: optional in the grammar, too */
	static const uint32_t must[] = { 405, 404 };

	if (need(m, must, MST_COUNT(must), 0, f))
		return MST_DM_BAD;
	return m->gba_type > 2 ? bad(f, MST_DM_INVALID_AVP_VALUE, gpp(410, 0), "0, 1 or 2 is wanted") : 0;
}

static int check(struct mst_dm *m, struct mst_dm_fault *f)
{
	static const uint32_t all[] = { 263, 264, 296 }, asks[] = { 260, 283 }, in_vsai[] = { 266, 258 }, bir[] = { 401, 402 };
	bool zh = m->application == MST_DM_ZH;

	if (need(m, all, MST_COUNT(all), 0, f) || (m->request && need(m, asks, MST_COUNT(asks), 0, f)))
		return MST_DM_BAD;
	if (has(m, 260, 0) && need(m, in_vsai, MST_COUNT(in_vsai), 260, f))
		return MST_DM_BAD;
	m->for_application = m->auth_application;
	if (has(m, 260, 0) && (m->vendor != MST_DM_3GPP || m->for_application != m->application))
		return bad(f, MST_DM_INVALID_AVP_VALUE, row_of(260, 0, 0), "is not that of the header");
	if (!m->request && take_result(m, f))
		return MST_DM_BAD;
	if (m->request && zh)
		return check_mar(m, f);
	if (m->request && m->in_card_aware > 1)
		return bad(f, MST_DM_INVALID_AVP_VALUE, gpp(407, 0), "0 or 1 is wanted");
	if (m->request)
		return need(m, bir, MST_COUNT(bir), 0, f);
	if (m->result != MST_DM_SUCCESS || m->experimental)
		return 0;
	return zh ? check_maa(m, f) : check_bia(m, f);
}

int mst_dm_read(struct mst_view raw, struct mst_dm *ret_m, struct mst_dm_fault *f)
{
	struct mst_reader r = mst_reader_of(raw);
	uint32_t first = mst_read_u32(&r), second = mst_read_u32(&r);
	uint8_t flags = (uint8_t)(second >> 24);

	memset(ret_m, 0, sizeof(*ret_m));
	memset(f, 0, sizeof(*f));
	ret_m->command = second & 0xffffff;
	ret_m->application = mst_read_u32(&r);
	(void)mst_read(&r, 8);                       /* hop-by-hop and end-to-end identifiers: the library's */
	ret_m->request = flags & R_BIT;
	ret_m->error = flags & E_BIT;
	if (!r.ok || first >> 24 != 1 || (first & 0xffffff) != raw.n || raw.n > MST_DM_OCTETS || raw.n % 4)
		return bad(f, MST_DM_UNABLE_TO_COMPLY, NULL, "no Diameter message of version 1");
	if (!(ret_m->application == MST_DM_ZH && ret_m->command == MST_DM_MULTIMEDIA_AUTH) &&
	    !(ret_m->application == MST_DM_ZN && ret_m->command == MST_DM_BOOTSTRAPPING_INFO))
		return bad(f, MST_DM_APPLICATION_UNSUPPORTED, NULL, "neither Multimedia-Auth of Zh nor Bootstrapping-Info of Zn");
	if (read_avps(mst_view_sub(raw, HEADER, raw.n), 0, ret_m, f))
		return MST_DM_BAD;
	return check(ret_m, f);
}

/* --- writing --- */

static const struct mst_dm_avp *known(struct mst_writer *w, uint32_t code)
{
	for (size_t i = 0; i < mst_dm_n_avps; i++)
		if (mst_dm_avps[i].code == code)
			return &mst_dm_avps[i];
	w->ok = false;
	return NULL;
}

static size_t put_head(struct mst_writer *w, uint32_t code)
{
	const struct mst_dm_avp *row = known(w, code);
	size_t at = w->n;

	if (!row)
		return at;
	mst_put_u32(w, code);
	mst_put_u32(w, (uint32_t)((row->vendor ? V_BIT : 0) | (row->optional ? 0 : M_BIT)) << 24);
	if (row->vendor)
		mst_put_u32(w, row->vendor);
	return at;
}

static void put_length(struct mst_writer *w, size_t at)
{
	size_t n = w->n - at;

	if (!w->ok)
		return;
	if (n > 0xffffff) {
		w->ok = false;
		return;
	}
	w->p[at + 5] = (uint8_t)(n >> 16);
	w->p[at + 6] = (uint8_t)(n >> 8);
	w->p[at + 7] = (uint8_t)n;
	while (w->ok && (w->n - at) % 4)
		mst_put_u8(w, 0);
}

void mst_dm_put(struct mst_writer *w, uint32_t code, struct mst_view v)
{
	size_t at = put_head(w, code);

	mst_put(w, v);
	put_length(w, at);
}

void mst_dm_put_u32(struct mst_writer *w, uint32_t code, uint32_t x)
{
	size_t at = put_head(w, code);

	mst_put_u32(w, x);
	put_length(w, at);
}

size_t mst_dm_open(struct mst_writer *w, uint32_t code)
{
	return put_head(w, code);
}

void mst_dm_close(struct mst_writer *w, size_t at)
{
	put_length(w, at);
}

void mst_dm_put_header(struct mst_writer *w, uint32_t command, uint32_t application, bool request)
{
	mst_put_u32(w, 1u << 24);
	mst_put_u32(w, (uint32_t)(P_BIT | (request ? R_BIT : 0)) << 24 | command);
	mst_put_u32(w, application);
	mst_put_u64(w, 0);
}

void mst_dm_finish(struct mst_writer *w)
{
	if (!w->ok || w->n > 0xffffff) {
		w->ok = false;
		return;
	}
	w->p[1] = (uint8_t)(w->n >> 16);
	w->p[2] = (uint8_t)(w->n >> 8);
	w->p[3] = (uint8_t)w->n;
}

static void put_vsai(struct mst_writer *w, uint32_t application)
{
	size_t at = mst_dm_open(w, 260);

	mst_dm_put_u32(w, 266, MST_DM_3GPP);
	mst_dm_put_u32(w, 258, application);
	mst_dm_close(w, at);
	if (application == MST_DM_ZH)
		mst_dm_put_u32(w, 277, 1);           /* NO_STATE_MAINTAINED */
}

static void put_where(struct mst_writer *w, struct mst_view realm, struct mst_view host)
{
	mst_dm_put(w, 283, realm);
	if (host.n)
		mst_dm_put(w, 293, host);
}

static void put_opt(struct mst_writer *w, uint32_t code, struct mst_view v)
{
	if (v.n)
		mst_dm_put(w, code, v);
}

void mst_dm_put_mar(struct mst_writer *w, const struct mst_dm_mar *q)
{
	size_t at;

	put_vsai(w, MST_DM_ZH);
	put_where(w, q->realm, q->host);
	mst_dm_put(w, 1, q->impi);
	at = mst_dm_open(w, 612);
	mst_dm_put(w, 608, mst_view_str(MST_DM_SCHEME));
	if (q->rnd && q->auts) {
		size_t in = mst_dm_open(w, 610);

		mst_put(w, (struct mst_view){ q->rnd, 16 });
		mst_put(w, (struct mst_view){ q->auts, 14 });
		mst_dm_close(w, in);
	}
	mst_dm_close(w, at);
}

void mst_dm_put_bir(struct mst_writer *w, const struct mst_dm_bir *q)
{
	size_t at;

	put_vsai(w, MST_DM_ZN);
	put_where(w, q->realm, q->host);
	mst_dm_put(w, 401, q->btid);
	at = mst_dm_open(w, 402);
	mst_put(w, q->naf_fqdn);
	mst_put(w, (struct mst_view){ q->ua, 5 });
	mst_dm_close(w, at);
	mst_dm_put_u32(w, 407, q->in_card_aware);
}

void mst_dm_put_maa(struct mst_writer *w, const struct mst_dm_maa *a)
{
	size_t at, in;

	put_vsai(w, MST_DM_ZH);
	mst_dm_put_u32(w, 268, MST_DM_SUCCESS);
	mst_dm_put(w, 1, a->impi);
	at = mst_dm_open(w, 612);
	mst_dm_put(w, 608, mst_view_str(MST_DM_SCHEME));
	in = mst_dm_open(w, 609);
	mst_put(w, a->rnd);
	mst_put(w, a->autn);
	mst_dm_close(w, in);
	mst_dm_put(w, 610, a->xres);
	mst_dm_put(w, 625, a->ck);
	mst_dm_put(w, 626, a->ik);
	mst_dm_close(w, at);
	put_opt(w, 400, a->guss);
}

static void put_time(struct mst_writer *w, uint32_t code, mst_time t)
{
	uint32_t ntp = 0;

	if (!mst_dm_ntp(t, &ntp))
		w->ok = false;
	mst_dm_put_u32(w, code, ntp);
}

void mst_dm_put_bia(struct mst_writer *w, const struct mst_dm_bia *a)
{
	put_vsai(w, MST_DM_ZN);
	mst_dm_put_u32(w, 268, MST_DM_SUCCESS);
	put_opt(w, 1, a->impi);
	mst_dm_put(w, 405, a->me_key);
	put_opt(w, 406, a->uicc_key);
	put_time(w, 404, a->expiry);
	if (a->created)
		put_time(w, 408, a->created);
	put_opt(w, 400, a->uss);
	mst_dm_put_u32(w, 410, a->gba_type);
}

void mst_dm_put_refusal(struct mst_writer *w, uint32_t application, uint32_t result, const struct mst_dm_avp *about, const char *words)
{
	bool experimental = mst_dm_result_text(result, true);
	size_t at, inner;

	put_vsai(w, application);
	if (experimental) {
		at = mst_dm_open(w, 297);
		mst_dm_put_u32(w, 266, MST_DM_3GPP);
		mst_dm_put_u32(w, 298, result);
		mst_dm_close(w, at);
	} else {
		mst_dm_put_u32(w, 268, result);
	}
	if (words[0])
		mst_dm_put(w, 281, mst_view_str(words));
	if (!about)
		return;
	/* an example of what was wanted, of zeros and of the least length (RFC 6733 7.5) */
	at = mst_dm_open(w, 279);
	inner = mst_dm_open(w, about->code);
	for (size_t i = 0; i < about->least; i++)
		mst_put_u8(w, 0);
	mst_dm_close(w, inner);
	mst_dm_close(w, at);
}
