#include "proto/gba/keys.h"

#include <string.h>

#include "base/text.h"

#define S_MAX 1024
#define FC_GBA 0x01

int gba_kdf(struct mst_crypto *c, struct mst_view key, uint8_t fc, const struct mst_view *p, size_t n, uint8_t out[MST_SHA256_LEN])
{
	uint8_t s[S_MAX];
	struct mst_writer w = mst_writer_of(s, sizeof(s));
	int r;

	if (n > 8)
		return MST_FAULT_BUG;
	mst_put_u8(&w, fc);
	for (size_t i = 0; i < n; i++) {
		mst_put(&w, p[i]);
		mst_put_u16(&w, (uint16_t)p[i].n);      /* behind what it counts */
	}
	r = w.ok ? c->ops->hmac_sha256(c, key, mst_written(&w), out) : MST_FAULT_MEMORY;
	mst_wipe(s, sizeof(s));
	return r;
}

void gba_ks(const uint8_t ck[16], const uint8_t ik[16], uint8_t ret_ks[GBA_KS])
{
	memcpy(ret_ks, ck, 16);
	memcpy(ret_ks + 16, ik, 16);
}

bool gba_naf_id(struct mst_view fqdn, const struct gba_ua *ua, uint8_t out[GBA_NAF_ID_MAX], size_t *ret_n)
{
	struct mst_writer w = mst_writer_of(out, GBA_NAF_ID_MAX);

	if (!mst_id_valid(MST_ID_FQDN, fqdn) || !gba_ua_words(ua))
		return false;
	mst_put(&w, fqdn);
	mst_put(&w, (struct mst_view){ ua->b, GBA_UA });
	*ret_n = w.n;
	return w.ok;
}

bool gba_naf_id_split(struct mst_view naf_id, struct mst_view *ret_fqdn, struct gba_ua *ret_ua)
{
	struct mst_view fqdn;

	if (naf_id.n <= GBA_UA || naf_id.n > GBA_NAF_ID_MAX)
		return false;
	fqdn = mst_view_sub(naf_id, 0, naf_id.n - GBA_UA);
	memcpy(ret_ua->b, naf_id.p + fqdn.n, GBA_UA);
	*ret_fqdn = fqdn;
	return mst_id_valid(MST_ID_FQDN, fqdn) && gba_ua_words(ret_ua);
}

static bool name(struct mst_view v)
{
	return v.n && v.n < MST_ID_MAX && mst_printable_ascii(v);
}

int gba_ks_naf(struct mst_crypto *c, enum gba_key_kind kind, const uint8_t ks[GBA_KS], const uint8_t rnd[GBA_RAND], struct mst_view impi,
	       struct mst_view naf_id, struct mst_key *ret_key)
{
	const struct mst_view p[] = { kind == GBA_KEY_INT ? MST_VIEW_LIT("gba-u") : MST_VIEW_LIT("gba-me"), { rnd, GBA_RAND }, impi, naf_id };
	struct mst_view fqdn;
	struct gba_ua ua;
	int r;

	*ret_key = (struct mst_key){ .n = 0 };
	if (!name(impi) || !gba_naf_id_split(naf_id, &fqdn, &ua))
		return GBA_BAD_NAME;
	r = gba_kdf(c, (struct mst_view){ ks, GBA_KS }, FC_GBA, p, MST_COUNT(p), ret_key->b);
	if (!r)
		ret_key->n = MST_SHA256_LEN;
	return r;
}

/* --- TMPI --- */

#define TMPI_DOMAIN "@tmpi.bsf.3gppnetwork.org"
#define TMPI_OCTETS 24

int gba_tmpi(struct mst_crypto *c, const uint8_t ks[GBA_KS], const uint8_t rnd[GBA_RAND], struct mst_view impi, struct mst_view bsf,
	     char ret_tmpi[MST_ID_MAX])
{
	uint8_t id[GBA_NAF_ID_MAX], out[MST_SHA256_LEN];
	struct mst_writer w = mst_writer_of(ret_tmpi, MST_ID_MAX), b = mst_writer_of(id, sizeof(id));
	struct mst_view p[] = { MST_VIEW_LIT("gba-me"), { rnd, GBA_RAND }, impi, { 0 } };
	int r;

	mst_put(&b, bsf);
	mst_put(&b, (struct mst_view){ gba_ua_tmpi.b, GBA_UA });
	p[3] = mst_written(&b);
	if (!name(impi) || !name(bsf) || !b.ok)
		return GBA_BAD_NAME;
	r = gba_kdf(c, (struct mst_view){ ks, GBA_KS }, FC_GBA, p, MST_COUNT(p), out);
	if (!r) {
		mst_put_base64(&w, (struct mst_view){ out, TMPI_OCTETS });
		mst_put_str(&w, TMPI_DOMAIN);
		mst_put_nul(&w);
	}
	mst_wipe(out, sizeof(out));
	return r;
}

bool gba_is_tmpi(struct mst_view identity)
{
	uint8_t out[TMPI_OCTETS];
	size_t n;

	return mst_view_ends(identity, TMPI_DOMAIN) &&
	       mst_base64_decode(mst_view_sub(identity, 0, identity.n - (sizeof(TMPI_DOMAIN) - 1)), out, sizeof(out), &n) && n == sizeof(out);
}

int gba_autn_star(struct mst_crypto *c, const uint8_t ik[16], uint8_t autn[GBA_AUTN])
{
	uint8_t h[MST_SHA1_LEN];
	int r = c->ops->old_hash(c, MST_OLD_SHA1, (struct mst_view){ ik, 16 }, h);

	for (size_t i = 0; !r && i < 8; i++)
		autn[8 + i] ^= h[i];
	mst_wipe(h, sizeof(h));
	return r;
}
