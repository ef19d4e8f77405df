/*
 * Any answers at a UE, and any requests at a BSF. The input's first octet says who is asked; the rest are headers and a body:
 * "Name: value" lines, an empty line, the body. A UE never ends with a key whose BSF did not prove itself; a BSF never
 * grants, since the input does not know RES.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/gba/bsf.h"
#include "proto/gba/ue.h"
#include "xml/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define BSF "bsf.mnc001.mcc001.pub.3gppnetwork.org"

static uint8_t secret;

/* No hash of a library, but one that the input cannot know: the octets are mixed with a counter of the run. */
static int hash(struct mst_crypto *c, enum mst_old_hash which, struct mst_view msg, uint8_t *out)
{
	uint32_t x = 2166136261u + secret;

	(void)c;
	for (size_t i = 0; i < msg.n; i++)
		x = (x ^ msg.p[i]) * 16777619u;
	for (size_t i = 0; i < (which == MST_OLD_MD5 ? 16u : 20u); i++) {
		x = (x ^ (uint32_t)i) * 16777619u;
		out[i] = (uint8_t)(x >> 13);
	}
	return 0;
}

static int sha(struct mst_crypto *c, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	(void)c;
	memset(out, (int)(msg.n & 0xff), MST_SHA256_LEN);
	return 0;
}

static int hmac(struct mst_crypto *c, struct mst_view key, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	(void)key;
	return sha(c, msg, out);
}

static void message(struct mst_view v, struct mst_http_msg *m)
{
	*m = (struct mst_http_msg){ .method = MST_VIEW_LIT("GET"), .target = MST_VIEW_LIT("/") };
	while (v.n && m->n < MST_HTTP_HEADERS_MAX) {
		size_t end = mst_view_find(v, '\n'), colon;
		struct mst_view l = mst_view_sub(v, 0, end);

		v = mst_view_sub(v, end + 1, v.n);
		if (!l.n)
			break;
		colon = mst_view_find(l, ':');
		m->header[m->n++] = (struct mst_http_header){ mst_view_sub(l, 0, colon), mst_view_sub(l, colon + 2, l.n) };
	}
	m->body = v;
}

static void at_a_ue(struct mst_crypto *c, struct mst_view in, uint8_t how)
{
	static uint8_t room[MST_BSF_INFO_OCTETS];
	static const int status[] = { 401, 200, 403, 503 };
	static struct gba_ue u;
	const struct gba_ue_config cfg = { .crypto = c, .read_info = mst_xml_bsf_info, .info = mst_arena_of(room, sizeof(room)), .impi = IMPI,
					   .host = BSF, .bsf = how & 4 ? NULL : BSF, .agent = "fuzz", .akav2 = how & 8 };
	struct gba_card_answer a = { .res_n = 8, .has_keys = true };
	uint8_t cnonce[GBA_CNONCE] = { secret };
	struct mst_http_msg m;

	message(in, &m);
	if (!gba_ue_init(&u, &cfg, 0))
		abort();
	m.status = 401;
	gba_ue_feed(&u, &m, 0, 0);
	if (u.state == GBA_UE_CARD)
		gba_ue_card(&u, how & 16 ? GBA_CARD_SYNC : GBA_CARD_OK, &a, cnonce, 0);
	if (gba_ue_request(&u).n == 0 && !gba_ue_ended(&u))
		abort();
	m.status = status[how & 3];
	gba_ue_feed(&u, &m, 0, 0);
	/* rspauth cannot have been right, nor was it allowed to be missing */
	if (u.state == GBA_UE_DONE || u.result.btid[0] || (u.state == GBA_UE_FAILED && (!u.detail[0] || u.result.ks.n)))
		abort();
	gba_ue_deinit(&u);
}

static void at_a_bsf(struct mst_crypto *c, struct mst_view in, uint8_t how)
{
	static struct gba_run run, before;
	struct gba_run_config cfg = { .algorithm = how & 2 ? GBA_AKAV2_MD5 : GBA_AKAV1_MD5, .auth_only = how & 4 };
	struct gba_av v = { .xres_n = 8, .xres = { secret } };
	const uint8_t zero[16] = { 0 };
	struct gba_claim q;
	struct gba_ask first = { .kind = GBA_ASK_FIRST, .auth = { .username = MST_VIEW_LIT(IMPI) } }, a;
	uint8_t opaque[GBA_OPAQUE] = { 0 };
	enum gba_judgement j;
	struct mst_http_msg m;
	struct mst_diag d = { 0 };
	int status = 0;

	message(in, &m);
	if (gba_ask_read(&m, BSF, &a, &status, &d)) {
		if ((status != 400 && status != 405) || !d.text[0])
			abort();
		return;
	}
	if (gba_run_open(&cfg, zero, zero, IMPI, &first, opaque, 0, &run))
		abort();
	before = run;
	if (gba_run_match(c, &run, &a, BSF, 1, &j, &d))
		abort();
	if (j == GBA_JUDGE_PROVE) {
		q = gba_claim_of(&run, &a);
		if (gba_prove(c, &v, &q, a.body) != GBA_MISMATCH)
			abort();
		j = gba_run_proven(&run, &a, false);
	}
	if (j == GBA_JUDGE_GRANTED || j == GBA_JUDGE_REPEATED || j == GBA_JUDGE_RESYNC)
		abort();
	before.state = run.state;
	if (memcmp(&before, &run, sizeof(run)) != 0 || (run.state != GBA_RUN_OPEN && j != GBA_JUDGE_WRONG))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct mst_crypto_ops ops = { .name = "fuzz", .sha256 = sha, .hmac_sha256 = hmac, .old_hash = hash };
	static struct mst_crypto c = { &ops };

	if (!n)
		return 0;
	secret++;
	if (p[0] & 0x80)
		at_a_bsf(&c, (struct mst_view){ p + 1, n - 1 }, p[0]);
	else
		at_a_ue(&c, (struct mst_view){ p + 1, n - 1 }, p[0]);
	return 0;
}
