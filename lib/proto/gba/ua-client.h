/*
 * Digest on Ua, the UE's side (TS 33.222 5.3, TS 24.109 5, RFC 2617, RFC 7616): inside a session that proved the NAF by its certificate each
 * request is proved with the B-TID as name and base64 of the NAF key as password. PURE.
 *
 *   gba_client_request()    the request as it goes out: with its proof once there is a challenge
 *   gba_client_answer()     TAKE: the caller's; AGAIN: the same request once more through gba_client_request()
 *
 * The key is Ks_NAF, or Ks_ext_NAF of a card with GBA_U: a NAF that asks for Ks_int_NAF alone (3GPP-bootstrapping-uicc) gets none. One
 * request at a time; one machine for each session, whose challenge it keeps.
 */
#ifndef MST_PROTO_GBA_UA_CLIENT_H
#define MST_PROTO_GBA_UA_CLIENT_H

#include "base/secret.h"
#include "proto/gba/digest.h"
#include "proto/gba/keys.h"

#define GBA_CLIENT_CNONCE 16
#define GBA_CLIENT_OCTETS 4096               /* by so much a request grows at most */
#define GBA_CLIENT_DETAIL 160

enum gba_client_end {
	GBA_CLIENT_TAKE,
	GBA_CLIENT_AGAIN,
	GBA_CLIENT_REFUSED,          /* the NAF does not take B-TID and key: it is time to bootstrap anew (TS 24.109 5.2.5) */
	GBA_CLIENT_NOT_PROVEN,       /* what answers does not have the key, or did not ask for ours */
	GBA_CLIENT_BAD,              /* no challenge that can be answered */
	GBA_CLIENT_FAULT,
};

struct gba_client {
	struct mst_crypto *crypto;
	char naf[MST_ID_MAX], btid[MST_BTID_MAX];
	char password[2 * MST_KEY_MAX];
	/* the challenge that stands */
	bool challenged, has_opaque;
	enum gba_algorithm algorithm;
	enum gba_qop qop;
	uint32_t count;              /* how often its nonce was used */
	char realm[GBA_VALUE_MAX + 1], nonce[GBA_VALUE_MAX + 1], opaque[GBA_VALUE_MAX + 1];
	/* the request that was sent last */
	bool proved;
	unsigned challenges;         /* it met */
	char uri[GBA_VALUE_MAX + 1], nc[9], cnonce[2 * GBA_CLIENT_CNONCE + 1];
	char detail[GBA_CLIENT_DETAIL];      /* after all but TAKE and AGAIN; plain text */
};

/* `naf`: the FQDN that the session's certificate proved. False when a name does not fit. */
MST_MUST_CHECK bool gba_client_init(struct gba_client *c, struct mst_crypto *crypto, const char *naf, struct mst_view btid, const struct mst_key *key);
void gba_client_deinit(struct gba_client *c);        /* wipes */
/* `request`: whole HTTP/1.1 octets. False when it is none, or cannot be proved (a target that is too long). */
MST_MUST_CHECK bool gba_client_request(struct gba_client *c, struct mst_view request, const uint8_t cnonce[GBA_CLIENT_CNONCE], struct mst_writer *w);
enum gba_client_end gba_client_answer(struct gba_client *c, const struct mst_http_msg *m);

#endif
