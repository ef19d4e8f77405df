#include "codec/uicc.h"

#include <string.h>

static int malformed(struct mst_diag *d, const char *what, const char *why)
{
	mst_diag_set(d, 0, what, why, NULL);
	return MST_UICC_MALFORMED;
}

/* --- commands --- */

void mst_uicc_command(struct mst_writer *w, uint8_t ins, uint8_t p1, uint8_t p2, struct mst_view data, int le)
{
	const uint8_t head[4] = { 0x00, ins, p1, p2 };

	if (data.n > 255) {
		w->ok = false;
		return;
	}
	mst_put(w, (struct mst_view){ head, sizeof(head) });
	if (data.n != 0) {
		mst_put_u8(w, (uint8_t)data.n);
		mst_put(w, data);
	}
	if (le >= 0)
		mst_put_u8(w, (uint8_t)le);
}

/* `lead` (0 for none), then the two parts, each behind its length. */
static void authenticate(struct mst_writer *w, enum mst_uicc_context context, uint8_t lead, struct mst_view a, struct mst_view b)
{
	uint8_t room[255];
	struct mst_writer data = mst_writer_of(room, sizeof(room));

	if (a.n > 255 || b.n > 255) {
		w->ok = false;
		return;
	}
	if (lead != 0)
		mst_put_u8(&data, lead);
	mst_put_u8(&data, (uint8_t)a.n);
	mst_put(&data, a);
	mst_put_u8(&data, (uint8_t)b.n);
	mst_put(&data, b);
	if (data.ok)
		mst_uicc_command(w, MST_INS_AUTHENTICATE, 0, (uint8_t)context, mst_written(&data), 0);
	else
		w->ok = false;
}

void mst_uicc_authenticate(struct mst_writer *w, enum mst_uicc_context context, struct mst_view challenge, struct mst_view autn)
{
	if (challenge.n != MST_UICC_RAND || autn.n != MST_UICC_AUTN)
		w->ok = false;
	else
		authenticate(w, context, context == MST_UICC_GBA ? 0xdd : 0, challenge, autn);
}

void mst_uicc_derive_naf(struct mst_writer *w, struct mst_view naf_id, struct mst_view impi)
{
	authenticate(w, MST_UICC_GBA, 0xde, naf_id, impi);
}

bool mst_uicc_verify_pin(struct mst_writer *w, struct mst_view pin)
{
	uint8_t padded[MST_UICC_PIN_MAX];

	if (pin.n < 4 || pin.n > MST_UICC_PIN_MAX)
		return false;
	for (size_t i = 0; i < pin.n; i++)
		if (pin.p[i] < '0' || pin.p[i] > '9')
			return false;
	memset(padded, 0xff, sizeof(padded));
	memcpy(padded, pin.p, pin.n);
	mst_uicc_command(w, MST_INS_VERIFY, 0, 1, (struct mst_view){ padded, sizeof(padded) }, -1);
	return true;
}

/* --- BER-TLV, as far as a card uses it here: one-octet tags, lengths of one or two octets --- */

struct tlv { uint8_t tag; struct mst_view value; };

static bool tlv_next(struct mst_reader *r, struct tlv *ret)
{
	size_t n;

	if (r->left == 0)
		return false;
	ret->tag = mst_read_u8(r);
	n = mst_read_u8(r);
	if (n == 0x81)
		n = mst_read_u8(r);
	else if (n > 0x7f)
		r->ok = false;
	ret->value = mst_read(r, n);
	return r->ok;
}

/* --- answers --- */

static bool is_pin(uint8_t reference)
{
	return (reference >= 0x01 && reference <= 0x08) || reference == 0x11;    /* application PINs; the universal one */
}

/* PIN status template: tag 90 has one bit for each key reference (tag 83) that follows, from the left. */
static bool pin_on(struct mst_view v)
{
	struct mst_reader r = mst_reader_of(v);
	uint8_t bits = 0, bit = 0x80;
	struct tlv t;

	while (tlv_next(&r, &t)) {
		if (t.tag == 0x90 && t.value.n > 0)
			bits = t.value.p[0];
		else if (t.tag == 0x83 && t.value.n == 1) {
			if ((bits & bit) != 0 && is_pin(t.value.p[0]))
				return true;
			bit = (uint8_t)(bit >> 1);
		}
	}
	return false;
}

int mst_uicc_fcp_read(struct mst_view v, struct mst_uicc_fcp *ret_f, struct mst_diag *d)
{
	struct mst_reader outer = mst_reader_of(v), r;
	struct mst_uicc_fcp f = { 0 };
	struct tlv t;

	if (!tlv_next(&outer, &t) || t.tag != 0x62)
		return malformed(d, "FCP", "the answer to SELECT is no file control parameters (tag 62)");
	r = mst_reader_of(t.value);
	while (tlv_next(&r, &t)) {
		switch (t.tag) {
		case 0x80:
			if (t.value.n < 2 || t.value.n > 4)
				return malformed(d, "FCP", "file size (tag 80) is not 2 to 4 octets");
			for (size_t i = 0; i < t.value.n; i++)
				f.size = f.size << 8 | t.value.p[i];
			break;
		case 0x82:
			if (t.value.n != 2 && t.value.n != 5)
				return malformed(d, "FCP", "file descriptor (tag 82) is not 2 or 5 octets");
			if (t.value.n == 5)
				f.record = t.value.p[3];
			break;
		case 0x84:
			if (t.value.n == 0 || t.value.n > MST_UICC_AID_MAX)
				return malformed(d, "FCP", "application identifier (tag 84) is not 1 to 16 octets");
			f.aid = t.value;
			break;
		case 0xc6:
			f.pin = pin_on(t.value);
			break;
		default:        /* life cycle, security attributes, proprietary: nothing for us */
			break;
		}
	}
	if (!r.ok)
		return malformed(d, "FCP", "a length runs over the end");
	*ret_f = f;
	return 0;
}

int mst_uicc_dir_read(struct mst_view v, struct mst_view *ret_aid, struct mst_diag *d)
{
	struct mst_reader outer = mst_reader_of(v), r;
	struct tlv t;

	*ret_aid = MST_VIEW_NONE;
	if (v.n > 0 && v.p[0] == 0xff)
		return 0;
	if (!tlv_next(&outer, &t) || t.tag != 0x61)
		return malformed(d, "EF_DIR", "the record does not begin with an application template (tag 61)");
	r = mst_reader_of(t.value);
	while (tlv_next(&r, &t))
		if (t.tag == 0x4f) {
			if (t.value.n < 5 || t.value.n > MST_UICC_AID_MAX)
				return malformed(d, "EF_DIR", "application identifier (tag 4F) is not 5 to 16 octets");
			*ret_aid = t.value;
			return 0;
		}
	return malformed(d, "EF_DIR", "the record has no application identifier (tag 4F)");
}

static bool is_application(struct mst_view aid, uint16_t owner, uint8_t last)
{
	const uint8_t head[7] = { 0xa0, 0x00, 0x00, (uint8_t)(owner >> 8), (uint8_t)owner, 0x10, last };

	return aid.n >= sizeof(head) && memcmp(aid.p, head, sizeof(head)) == 0;
}

bool mst_uicc_is_usim(struct mst_view aid) { return is_application(aid, 0x0087, 0x02); }
bool mst_uicc_is_isim(struct mst_view aid) { return is_application(aid, 0x0087, 0x04); }
bool mst_uicc_is_csim(struct mst_view aid) { return is_application(aid, 0x0343, 0x02); }

int mst_uicc_imsi_read(struct mst_view v, char ret_imsi[MST_UICC_IMSI_MAX], struct mst_diag *d)
{
	size_t digits = 0, last;

	ret_imsi[0] = '\0';
	if (v.n < 2 || v.p[0] < 4 || v.p[0] > 8 || v.n < (size_t)v.p[0] + 1)
		return malformed(d, "EF_IMSI", "its length is not 4 to 8 octets, or not there");
	/* The first nibble has the parity: 9 for an odd number of digits, 1 for an even one. */
	if ((v.p[1] & 0x07) != 1)
		return malformed(d, "EF_IMSI", "the first nibble does not say that this is an IMSI");
	last = 2 * (size_t)v.p[0] - ((v.p[1] & 0x08) != 0 ? 0 : 1);
	for (size_t i = 1; i < last; i++) {
		unsigned digit = i % 2 != 0 ? v.p[1 + i / 2] >> 4 : v.p[1 + i / 2] & 0x0fU;

		if (digit > 9) {
			ret_imsi[0] = '\0';
			return malformed(d, "EF_IMSI", "a digit is none");
		}
		ret_imsi[digits++] = (char)('0' + digit);
	}
	ret_imsi[digits] = '\0';
	return 0;
}

int mst_uicc_ad_read(struct mst_view v, int *ret_digits, struct mst_diag *d)
{
	int digits;

	if (v.n < 4)
		return malformed(d, "EF_AD", "it does not say how many digits the MNC has (octet 4)");
	digits = v.p[3] & 0x0f;
	if (digits != 2 && digits != 3)
		return malformed(d, "EF_AD", "the number of MNC digits is not 2 or 3");
	*ret_digits = digits;
	return 0;
}

int mst_uicc_impi_read(struct mst_view v, struct mst_view *ret_impi, struct mst_diag *d)
{
	struct mst_reader r = mst_reader_of(v);
	struct tlv t;

	if (!tlv_next(&r, &t) || t.tag != 0x80 || t.value.n == 0)
		return malformed(d, "EF_IMPI", "it does not begin with a private identity (tag 80)");
	for (size_t i = 0; i < t.value.n; i++)
		if (t.value.p[i] < 0x21 || t.value.p[i] > 0x7e)
			return malformed(d, "EF_IMPI", "the private identity is not printable text");
	*ret_impi = t.value;
	return 0;
}

bool mst_uicc_service(struct mst_view table, unsigned number)
{
	size_t octet = (number - 1) / 8;

	return number > 0 && octet < table.n && (table.p[octet] >> (number - 1) % 8 & 1) != 0;
}

static struct mst_view read_block8(struct mst_reader *r)
{
	return mst_read(r, mst_read_u8(r));
}

int mst_uicc_auth_read(struct mst_view v, enum mst_uicc_context context, struct mst_uicc_auth *ret_a, struct mst_diag *d)
{
	struct mst_reader r = mst_reader_of(v);
	struct mst_uicc_auth a = { 0 };
	uint8_t kind = mst_read_u8(&r);

	if (r.ok && kind == 0xdc) {
		a.auts = read_block8(&r);
		if (!r.ok || a.auts.n != MST_UICC_AUTS)
			return malformed(d, "AUTHENTICATE", "the card's AUTS is not 14 octets");
		*ret_a = a;
		return 0;
	}
	if (!r.ok || kind != 0xdb)
		return malformed(d, "AUTHENTICATE", "the answer is neither a success (DB) nor a stale sequence number (DC)");
	a.res = read_block8(&r);
	if (!r.ok || a.res.n < 4 || a.res.n > 16)
		return malformed(d, "AUTHENTICATE", "RES is not 4 to 16 octets");
	if (context == MST_UICC_3G) {
		a.ck = read_block8(&r);
		a.ik = read_block8(&r);
		if (!r.ok || a.ck.n != 16 || a.ik.n != 16)
			return malformed(d, "AUTHENTICATE", "CK and IK are not 16 octets each");
		if (r.left != 0 && read_block8(&r).n != 8)      /* Kc, when the card does 2G as well */
			return malformed(d, "AUTHENTICATE", "what follows IK is no Kc of 8 octets");
	}
	if (!mst_read_end(&r))
		return malformed(d, "AUTHENTICATE", "there is more than the answer holds");
	*ret_a = a;
	return 0;
}

int mst_uicc_naf_read(struct mst_view v, struct mst_view *ret_key, struct mst_diag *d)
{
	struct mst_reader r = mst_reader_of(v);
	uint8_t kind = mst_read_u8(&r);
	struct mst_view key = read_block8(&r);

	if (!mst_read_end(&r) || kind != 0xdb || key.n != 32)
		return malformed(d, "AUTHENTICATE", "the answer to a NAF derivation is not DB and a key of 32 octets");
	*ret_key = key;
	return 0;
}

int mst_uicc_gbabp_read(struct mst_view v, struct mst_uicc_gbabp *ret_b, struct mst_diag *d)
{
	struct mst_reader r = mst_reader_of(v);
	struct mst_uicc_gbabp b = { 0 };

	/* Never written, or RAND stored by the card and the rest not yet by us: FF follows. */
	if (v.n == 0 || v.p[0] == 0xff) {
		*ret_b = b;
		return 0;
	}
	b.challenge = read_block8(&r);
	if (!r.ok || (b.challenge.n != 0 && b.challenge.n != MST_UICC_RAND))
		return malformed(d, "EF_GBABP", "RAND is not 16 octets");
	if (r.left > 0 && r.p[0] != 0xff) {
		b.btid = read_block8(&r);
		if (r.ok && r.left > 0 && r.p[0] != 0xff)
			b.lifetime = read_block8(&r);
	}
	if (!r.ok)
		return malformed(d, "EF_GBABP", "a length runs over the end");
	*ret_b = b;
	return 0;
}

void mst_uicc_gbabp_write(const struct mst_uicc_gbabp *b, struct mst_writer *w)
{
	const struct mst_view parts[3] = { b->challenge, b->btid, b->lifetime };

	for (size_t i = 0; i < 3; i++) {
		if (parts[i].n > 254)           /* FF would read as "not written" */
			w->ok = false;
		mst_put_u8(w, (uint8_t)parts[i].n);
		mst_put(w, parts[i]);
	}
}
