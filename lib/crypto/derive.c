#include "crypto/derive.h"

#include <string.h>

#include "base/text.h"

#define MESSAGE_MAX 512         /* longest label (68) and identifier (255) with room */

/* TS-0003 10.3.2, 10.3.3, 10.3.7: the octets of the label, no NUL, no length, no separator. */
static const char label_km[] = "oneM2M Enrolment Key to Master Credential derivation";
static const char label_kpsa[] = "oneM2M Enrolment Key to Provisioned Secure Connection Key derivation";
/* Ours. */
static const char label_trigger[] = "muster Root Credential to Trigger Key derivation";
static const char label_usage[] = "oneM2M Enrolment Key to Usage-Constrained Symmetric Key derivation";

void mst_export_split(uint8_t out[MST_EXPORT_LEN], uint8_t ret_rel[MST_REL_ID_LEN], struct mst_key *ret_key)
{
	/* TS-0003 10.3.1: 16 most significant octets the relative id, 32 least significant the key */
	memcpy(ret_rel, out, MST_REL_ID_LEN);
	(void)mst_key_set(ret_key,
			  (struct mst_view){ out + MST_REL_ID_LEN, MST_EXPORT_LEN - MST_REL_ID_LEN });
	mst_wipe(out, MST_EXPORT_LEN);
}

/* HMAC-SHA-256(Ke, label || suid || id). NFKC is the identity on ASCII, so anything else is refused. */
static int derive(struct mst_crypto *c, const struct mst_key *ke, const char *label, int64_t suid,
                  struct mst_view id, struct mst_key *ret_key)
{
	uint8_t message[MESSAGE_MAX], mac[MST_SHA256_LEN];
	struct mst_writer w = mst_writer_of(message, sizeof(message));
	int r;

	if (id.n == 0 || !mst_printable_ascii(id) || suid < -1)
		return MST_DERIVE_BAD_ID;
	if (ke->n == 0)
		return MST_FAULT_BUG;
	mst_put_str(&w, label);
	if (suid >= 0)
		mst_put_dec(&w, suid);
	mst_put(&w, id);
	if (!w.ok)
		return MST_DERIVE_BAD_ID;
	r = c->ops->hmac_sha256(c, mst_key_view(ke), mst_written(&w), mac);
	if (!r)
		(void)mst_key_set(ret_key, (struct mst_view){ mac, sizeof(mac) });
	mst_wipe(mac, sizeof(mac));
	return r;
}

int mst_derive_km(struct mst_crypto *c, const struct mst_key *ke, struct mst_view maf_fqdn,
		  struct mst_key *ret_km)
{
	return derive(c, ke, label_km, -1, maf_fqdn, ret_km);
}

int mst_derive_kpsa(struct mst_crypto *c, const struct mst_key *ke, struct mst_view other_id,
		    struct mst_key *ret_kpsa)
{
	return derive(c, ke, label_kpsa, -1, other_id, ret_kpsa);
}

int mst_derive_usage(struct mst_crypto *c, const struct mst_key *ke, int suid, struct mst_view target_fqdn,
		     struct mst_key *ret_key)
{
	if (suid < 0)
		return MST_DERIVE_BAD_ID;
	return derive(c, ke, label_usage, suid, target_fqdn, ret_key);
}

int mst_derive_trigger(struct mst_crypto *c, const struct mst_key *root, struct mst_view key_id,
		       struct mst_key *ret_key)
{
	return derive(c, root, label_trigger, -1, key_id, ret_key);
}

int mst_trigger_mac(struct mst_crypto *c, const struct mst_key *key, struct mst_view covered,
		    uint8_t ret_mac[MST_TRIGGER_MAC])
{
	uint8_t mac[MST_SHA256_LEN];
	int r = c->ops->hmac_sha256(c, mst_key_view(key), covered, mac);

	if (!r)
		memcpy(ret_mac, mac, MST_TRIGGER_MAC);
	mst_wipe(mac, sizeof(mac));
	return r;
}

int mst_trigger_hint(struct mst_crypto *c, struct mst_view of, uint8_t ret_hint[MST_TRIGGER_HINT])
{
	uint8_t digest[MST_SHA256_LEN];
	int r = c->ops->sha256(c, of, digest);

	if (!r)
		memcpy(ret_hint, digest, MST_TRIGGER_HINT);
	return r;
}

int mst_export_tls12(struct mst_crypto *c, struct mst_view master_secret, struct mst_view client_random,
                     struct mst_view server_random, const char *label, uint8_t out[MST_EXPORT_LEN])
{
	/* P_SHA256 of RFC 5246 section 5: A(i) || seed, with A(i) = HMAC(secret, A(i-1)) and A(0) = seed */
	uint8_t block[MST_SHA256_LEN + 160], mac[MST_SHA256_LEN];
	struct mst_writer w = mst_writer_of(block + MST_SHA256_LEN, sizeof(block) - MST_SHA256_LEN);
	size_t done = 0;
	int r;

	mst_put_str(&w, label);
	mst_put(&w, client_random);
	mst_put(&w, server_random);
	if (!w.ok)
		return MST_FAULT_MEMORY;
	r = c->ops->hmac_sha256(c, master_secret, mst_written(&w), block);
	while (!r && done < MST_EXPORT_LEN) {
		size_t take = MST_EXPORT_LEN - done < sizeof(mac) ? MST_EXPORT_LEN - done : sizeof(mac);

		r = c->ops->hmac_sha256(c, master_secret, (struct mst_view){ block, MST_SHA256_LEN + w.n },
					mac);
		if (r)
			break;
		memcpy(out + done, mac, take);
		done += take;
		r = c->ops->hmac_sha256(c, master_secret, (struct mst_view){ block, MST_SHA256_LEN }, mac);
		memcpy(block, mac, sizeof(mac));
	}
	if (r)
		mst_wipe(out, MST_EXPORT_LEN);
	mst_wipe(block, sizeof(block));
	mst_wipe(mac, sizeof(mac));
	return r;
}
