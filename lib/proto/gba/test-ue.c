/* What a UE sends, octet for octet, and everything that it must not take. */
#include "proto/gba/test-world.h"

#include <stdio.h>
#include <stdlib.h>

/* --- worked messages --- */

static void feed_text(struct gba_ue *u, struct message *x, const char *text)
{
	split(x, mst_view_str(text));
	gba_ue_feed(u, &x->m, 0, NOW);
}

static const struct gba_card_answer set_1 = {
	.res = "\xa5\x42\x11\xd5\xe3\xba\x50\xbf", .res_n = 8, .has_keys = true,
	.ck = { 0xb4, 0x0b, 0xa9, 0xa3, 0xc5, 0x8b, 0x2a, 0x05, 0xbb, 0xf0, 0xd9, 0x87, 0xb2, 0x1b, 0xf8, 0xcb },
	.ik = { 0xf7, 0x69, 0xbc, 0xd7, 0x51, 0x04, 0x46, 0x04, 0x12, 0x76, 0x72, 0x71, 0x1c, 0x6d, 0x34, 0x41 },
	.auts = { 0xba, 0x85, 0x3f, 0x3c, 0x12, 0x1c, 0xb5, 0x5e, 0xdb, 0x82, 0x00, 0x40, 0xab, 0x41 },
};

#define CHALLENGE                                                                                                                              \
	"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"" BSF "\", nonce=\"" NONCE                                                \
	"\", algorithm=AKAv1-MD5, qop=\"auth-int\", opaque=\"abc\"\r\n\r\n"
#define BODY                                                                                                                                   \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?><BootstrappingInfo xmlns=\"uri:3gpp-gba\"><btid>" BTID                                          \
	"</btid><lifetime>2030-01-01T00:00:00Z</lifetime></BootstrappingInfo>"
#define INFO "qop=auth-int, rspauth=\"141c0b2712f97b8d4669e4175a24e6c5\", cnonce=\"6629fae49393a05397450978507c4ef1\", nc=00000001"
#define GRANTED(info, body) "HTTP/1.1 200 OK\r\nAuthentication-Info: " info "\r\n\r\n" body

/* 17.2: what the UE sends, octet for octet, and what it makes of the answer. */
static void worked_messages(void **state)
{
	struct world *w = world_new();
	struct gba_ue *u = &w->ue;

	(void)state;
	start(w);
	assert_true(mst_view_eq_str(gba_ue_request(u), "GET / HTTP/1.1\r\nHost: " BSF "\r\nUser-Agent: test; 3gpp-gba-tmpi\r\nAccept: */*\r\nAuthorization: "
		"Digest username=\"" IMPI "\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\"\r\n\r\n"));
	feed_text(u, &w->answer, CHALLENGE);
	assert_int_equal(u->state, GBA_UE_CARD);
	assert_true(aka_test_is(gba_ue_challenge(u).rnd, 16, "23553cbe9637a89d218ae64dae47bf35"));
	assert_true(aka_test_is(gba_ue_challenge(u).autn, 16, "55f328b43577b9b94a9ffac354dfafb3"));
	gba_ue_card(u, GBA_CARD_SYNC, &set_1, cnonce, 0);
	assert_int_equal(u->state, GBA_UE_RESYNCING);
	split(&w->request, gba_ue_request(u));
	assert_true(mst_view_eq_str(mst_http_find(&w->request.m, "Authorization"), "Digest username=\"" IMPI "\", realm=\"" BSF "\", nonce=\"" NONCE
		"\", uri=\"/\", qop=auth-int, nc=00000001, cnonce=\"6629fae49393a05397450978507c4ef1\", response=\"6e4313e098877a61bc5c8c4188357931\", "
		"opaque=\"abc\", algorithm=AKAv1-MD5, auts=\"uoU/PBIctV7bggBAq0E=\""));
	feed_text(u, &w->answer, CHALLENGE);
	gba_ue_card(u, GBA_CARD_OK, &set_1, cnonce, 0);
	split(&w->request, gba_ue_request(u));
	assert_true(mst_view_eq_str(mst_http_find(&w->request.m, "Authorization"), "Digest username=\"" IMPI "\", realm=\"" BSF "\", nonce=\"" NONCE
		"\", uri=\"/\", qop=auth-int, nc=00000001, cnonce=\"6629fae49393a05397450978507c4ef1\", response=\"89908cbf89ab0dd80f68724fea78576a\", "
		"opaque=\"abc\", algorithm=AKAv1-MD5"));
	feed_text(u, &w->answer, GRANTED(INFO, BODY));
	done(w);
	assert_string_equal(u->result.btid, BTID);
	assert_int_equal(u->result.expires, 1893456000);
	assert_true(u->result.authenticated);
	assert_string_equal(u->result.tmpi, "");     /* this BSF did not say that it understands them */
	world_free(w);
}

/* RFC 3310 3.2: behind RAND and AUTN stands what the server likes; the text is echoed as it is. Quotes and qop as they come. */
static void a_longer_nonce(void **state)
{
	static const char nonce[] = "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7NzZXJ2ZXI=";
	struct world *w = world_new();
	struct gba_authorization a;
	struct mst_diag d = { 0 };

	(void)state;
	start(w);
	feed_text(&w->ue, &w->answer, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: Digest realm=" BSF
		  ", nonce=\"I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7NzZXJ2ZXI=\", algorithm=\"AKAv1-MD5\", qop=\"auth,auth-int\"\r\n\r\n");
	assert_int_equal(w->ue.state, GBA_UE_CARD);
	assert_true(aka_test_is(gba_ue_challenge(&w->ue).autn, 16, "55f328b43577b9b94a9ffac354dfafb3"));
	gba_ue_card(&w->ue, GBA_CARD_OK, &set_1, cnonce, 0);
	split(&w->request, gba_ue_request(&w->ue));
	assert_int_equal(gba_authorization_read(mst_http_find(&w->request.m, "Authorization"), &a, &d), 0);
	assert_true(mst_view_eq_str(a.nonce, nonce));
	assert_int_equal(a.qop, GBA_QOP_AUTH_INT);
	assert_false(a.has_opaque);
	world_free(w);
}

enum at { AT_ASKING, AT_CARD, AT_ANSWERING, AT_RESYNCING };
static const struct {
	const char *what;
	enum at at;
	enum gba_card card;
	const char *text;            /* NULL: the card's answer is all */
	enum gba_ue_state state;
	enum gba_failure failure;
} ue_row[] = {
	{ "MAC failure", AT_CARD, GBA_CARD_MAC, NULL, GBA_UE_FAILED, GBA_FAIL_NETWORK },
	{ "no card", AT_CARD, GBA_CARD_FAILED, NULL, GBA_UE_FAILED, GBA_FAIL_CARD },
	{ "unknown identity", AT_ASKING, 0, "HTTP/1.1 403 Forbidden\r\n\r\n", GBA_UE_FAILED, GBA_FAIL_IDENTITY },
	{ "unknown identity", AT_ASKING, 0, "HTTP/1.1 404 Not Found\r\n\r\n", GBA_UE_FAILED, GBA_FAIL_IDENTITY },
	{ "the HSS is down", AT_ASKING, 0, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\n\r\n", GBA_UE_LATER, GBA_FAIL_NONE },
	{ "the HSS is down", AT_ANSWERING, 0, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\n\r\n", GBA_UE_LATER, GBA_FAIL_NONE },
	{ "a login page", AT_ASKING, 0, "HTTP/1.1 200 OK\r\n\r\n<html>", GBA_UE_FAILED, GBA_FAIL_REFUSED },
	{ "a redirect", AT_ASKING, 0, "HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", GBA_UE_FAILED, GBA_FAIL_REFUSED },
	{ "401 without a challenge", AT_ASKING, 0, "HTTP/1.1 401 Unauthorized\r\n\r\n", GBA_UE_FAILED, GBA_FAIL_PROTOCOL },
	{ "Basic only", AT_ASKING, 0, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n", GBA_UE_FAILED, GBA_FAIL_PROTOCOL },
	{ "AKAv2 that was not allowed", AT_ASKING, 0,
	  "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"" BSF "\", nonce=\"" NONCE "\", algorithm=AKAv2-MD5\r\n\r\n", GBA_UE_FAILED, GBA_FAIL_PROTOCOL },
	{ "another realm", AT_ASKING, 0,
	  "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"evil\", nonce=\"" NONCE "\", algorithm=AKAv1-MD5\r\n\r\n", GBA_UE_FAILED, GBA_FAIL_PROTOCOL },
	{ "a nonce without AUTN", AT_ASKING, 0,
	  "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"" BSF "\", nonce=\"I1U8vpY3qJ0hiuZNrke/NQ==\", algorithm=AKAv1-MD5\r\n\r\n", GBA_UE_FAILED,
	  GBA_FAIL_PROTOCOL },
	{ "a nonce that is not base64", AT_ASKING, 0,
	  "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"" BSF "\", nonce=\"0123456789abcdef0123456789abcdef01234567-\", algorithm=AKAv1-MD5\r\n\r\n",
	  GBA_UE_FAILED, GBA_FAIL_PROTOCOL },
	{ "a broken challenge", AT_ASKING, 0, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"" BSF "\r\n\r\n", GBA_UE_FAILED, GBA_FAIL_PROTOCOL },
	{ "RES is not taken", AT_ANSWERING, 0, CHALLENGE, GBA_UE_FAILED, GBA_FAIL_REFUSED },
	{ "refused after the answer", AT_ANSWERING, 0, "HTTP/1.1 403 Forbidden\r\n\r\n", GBA_UE_FAILED, GBA_FAIL_REFUSED },
	{ "AUTS is not taken", AT_RESYNCING, 0, "HTTP/1.1 403 Forbidden\r\n\r\n", GBA_UE_FAILED, GBA_FAIL_REFUSED },
	{ "granted for AUTS", AT_RESYNCING, 0, GRANTED(INFO, BODY), GBA_UE_FAILED, GBA_FAIL_REFUSED },
	{ "no rspauth", AT_ANSWERING, 0, "HTTP/1.1 200 OK\r\n\r\n" BODY, GBA_UE_FAILED, GBA_FAIL_RSPAUTH },
	{ "a wrong rspauth", AT_ANSWERING, 0,
	  GRANTED("qop=auth-int, rspauth=\"141c0b2712f97b8d4669e4175a24e6c6\", cnonce=\"6629fae49393a05397450978507c4ef1\", nc=00000001", BODY), GBA_UE_FAILED,
	  GBA_FAIL_RSPAUTH },
	{ "rspauth of auth for auth-int", AT_ANSWERING, 0,
	  GRANTED("qop=auth, rspauth=\"b6253251bd979343b068f8fb7f2b6179\", cnonce=\"6629fae49393a05397450978507c4ef1\", nc=00000001", BODY), GBA_UE_FAILED,
	  GBA_FAIL_RSPAUTH },
	{ "another cnonce", AT_ANSWERING, 0,
	  GRANTED("qop=auth-int, rspauth=\"141c0b2712f97b8d4669e4175a24e6c5\", cnonce=\"6629fae49393a05397450978507c4ef2\", nc=00000001", BODY), GBA_UE_FAILED,
	  GBA_FAIL_RSPAUTH },
	{ "another nonce", AT_ANSWERING, 0, GRANTED(INFO ", nonce=\"x\"", BODY), GBA_UE_FAILED, GBA_FAIL_RSPAUTH },
	{ "a broken Authentication-Info", AT_ANSWERING, 0, GRANTED("rspauth=", BODY), GBA_UE_FAILED, GBA_FAIL_RSPAUTH },
	{ "a body that was changed", AT_ANSWERING, 0, GRANTED(INFO, BODY " "), GBA_UE_FAILED, GBA_FAIL_RSPAUTH },
};

static void what_a_ue_does_not_take(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(ue_row); i++) {
		static const uint8_t zero[GBA_KS];
		struct world *w = world_new();
		struct gba_ue *u = &w->ue;

		start(w);
		if (ue_row[i].at != AT_ASKING) {
			feed_text(u, &w->answer, CHALLENGE);
			if (ue_row[i].at != AT_CARD)
				gba_ue_card(u, ue_row[i].at == AT_RESYNCING ? GBA_CARD_SYNC : GBA_CARD_OK, &set_1, cnonce, 0);
		}
		if (ue_row[i].text)
			feed_text(u, &w->answer, ue_row[i].text);
		else
			gba_ue_card(u, ue_row[i].card, &(struct gba_card_answer){ .words = "no reader" }, cnonce, 0);
		if (u->state != ue_row[i].state || u->failure != ue_row[i].failure)
			print_message("# %s: %s, %s: %s\n", ue_row[i].what, gba_ue_state_text(u->state), gba_failure_text(u->failure), u->detail);
		assert_int_equal(u->state, ue_row[i].state);
		assert_int_equal(u->failure, ue_row[i].failure);
		assert_int_equal(gba_ue_request(u).n, 0);
		/* nothing of a run that failed is left */
		assert_memory_equal(u->result.ks.b, zero, GBA_KS);
		assert_memory_equal(u->password, zero, sizeof(zero));
		assert_int_equal(u->result.btid[0], 0);
		assert_int_equal(u->retry_after, u->state == GBA_UE_LATER ? 30 : 0);
		assert_int_equal(u->detail[0] != 0, u->state == GBA_UE_FAILED);
		/* and an ended run stays as it is */
		feed_text(u, &w->answer, CHALLENGE);
		gba_ue_lost(u, "x");
		gba_ue_tick(u, 1 << 30);
		gba_ue_card(u, GBA_CARD_OK, &set_1, cnonce, 0);
		assert_int_equal(u->state, ue_row[i].state);
		assert_int_equal(u->failure, ue_row[i].failure);
		world_free(w);
	}
}

/* Trap 11: set 1 has AMF b9b9. With the rule the card is not even asked, so it counts nothing; without, it is a challenge as any. */
static void a_challenge_for_another_kind_of_access(void **state)
{
	(void)state;
	for (int strict = 0; strict < 2; strict++) {
		struct world *w = world_new();

		w->uc.strict_amf = strict;
		start(w);
		feed_text(&w->ue, &w->answer, CHALLENGE);
		assert_int_equal(w->ue.state, strict ? GBA_UE_FAILED : GBA_UE_CARD);
		assert_int_equal(w->ue.failure, strict ? GBA_FAIL_AMF : GBA_FAIL_NONE);
		assert_int_equal(!!strstr(w->ue.detail, "AMF b9b9"), strict);
		if (strict)
			assert_int_equal(gba_ue_request(&w->ue).n, 0);
		world_free(w);
	}
	/* and what our network gives passes */
	{
		struct world *w = world_new();

		w->uc.strict_amf = true;
		start(w);
		to_the_end(w);
		done(w);
		world_free(w);
	}
}

/* rspauth is right, and the body under it is none: nothing is taken. */
static void an_authentic_body_that_is_none(void **state)
{
	static const char *const body[] = { "", "<x/>", "<!DOCTYPE a><BootstrappingInfo/>", "<BootstrappingInfo xmlns=\"uri:3gpp-gba\"><btid>x</btid></BootstrappingInfo>",
		("<BootstrappingInfo xmlns=\"uri:3gpp-gba\"><btid>x@y</btid><lifetime>2030-01-01T00:00:00Z</lifetime><Extension>"
		 "<currenttime>2031-01-01T00:00:00Z</currenttime></Extension></BootstrappingInfo>") };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(body); i++) {
		struct world *w = world_new();
		struct gba_digest g = { GBA_AKAV1_MD5, GBA_QOP_AUTH_INT, MST_VIEW_LIT(IMPI), MST_VIEW_LIT(BSF), MST_VIEW_LIT(NONCE), MST_VIEW_LIT("00000001"),
					MST_VIEW_LIT("6629fae49393a05397450978507c4ef1"), MST_VIEW_LIT("/"), { set_1.res, 8 }, { 0 }, mst_view_str(body[i]) };
		char hex[GBA_DIGEST_HEX], text[1024];

		assert_int_equal(gba_digest(c, &g, hex), 0);
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nAuthentication-Info: qop=auth-int, rspauth=\"%s\", cnonce=\"6629fae49393a05397450978507c4ef1\", "
			 "nc=00000001\r\n\r\n%s", hex, body[i]);
		start(w);
		feed_text(&w->ue, &w->answer, CHALLENGE);
		gba_ue_card(&w->ue, GBA_CARD_OK, &set_1, cnonce, 0);
		feed_text(&w->ue, &w->answer, text);
		assert_int_equal(w->ue.failure, GBA_FAIL_PROTOCOL);
		assert_int_equal(w->ue.result.ks.n, 0);
		world_free(w);
	}
}

static void without_rspauth_by_configuration(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->uc.without_rspauth = true;
	start(w);
	feed_text(&w->ue, &w->answer, CHALLENGE);
	gba_ue_card(&w->ue, GBA_CARD_OK, &set_1, cnonce, 0);
	feed_text(&w->ue, &w->answer, "HTTP/1.1 200 OK\r\n\r\n<BootstrappingInfo xmlns=\"uri:3gpp-gba\"><btid>" BTID "</btid><lifetime>2030-01-01T00:00:00Z</lifetime>"
		  "<Extension><instructions xmlns=\"" MST_BSF_INFO_OUR_NS "\">{}</instructions><configuration xmlns=\"" MST_BSF_INFO_OUR_NS "\">{}</configuration></Extension></BootstrappingInfo>");
	done(w);
	assert_false(w->ue.result.authenticated);
	assert_int_equal(w->ue.result.instructions.n, 0);
	assert_int_equal(w->ue.result.configuration.n, 0);
	/* broken and huge XML, when nothing authenticates it either */
	for (int i = 0; i < 2; i++) {
		char *big = calloc(1, MST_BSF_INFO_OCTETS + 100);

		assert_non_null(big);
		memset(big, 'x', MST_BSF_INFO_OCTETS + 90);
		memcpy(big, "HTTP/1.1 200 OK\r\n\r\n<a>", 22);
		start(w);
		feed_text(&w->ue, &w->answer, CHALLENGE);
		gba_ue_card(&w->ue, GBA_CARD_OK, &set_1, cnonce, 0);
		feed_text(&w->ue, &w->answer, i ? big : "HTTP/1.1 200 OK\r\n\r\n<!DOCTYPE a>");
		assert_int_equal(w->ue.failure, GBA_FAIL_PROTOCOL);
		free(big);
	}
	world_free(w);
}

static void time_and_clocks(void **state)
{
	struct world *w = world_new();

	(void)state;
	start(w);
	gba_ue_tick(&w->ue, 14999);
	assert_false(gba_ue_ended(&w->ue));
	gba_ue_tick(&w->ue, 15000);
	assert_int_equal(w->ue.failure, GBA_FAIL_UNREACHABLE);
	start(w);
	gba_ue_lost(&w->ue, "reset\r\nby peer");
	assert_string_equal(w->ue.detail, "the connection to the BSF ended: reset??by peer");
	/* a clock of ours in 2040 does not end a key (lesson 15): without the BSF's own time nothing is known */
	start(w);
	feed_text(&w->ue, &w->answer, CHALLENGE);
	gba_ue_card(&w->ue, GBA_CARD_OK, &set_1, cnonce, 0);
	split(&w->answer, MST_VIEW_LIT(GRANTED(INFO, BODY)));
	gba_ue_feed(&w->ue, &w->answer.m, 0, 2208988800);
	done(w);
	assert_int_equal(w->ue.result.remaining, -1);
	/* whatever the UE's clock says, the BSF's counts */
	w->now = NOW;
	start(w);
	assert_true(step(w) && step(w));
	split(&w->request, gba_ue_request(&w->ue));
	bsf(w);
	gba_ue_feed(&w->ue, &w->answer.m, 0, 0);
	done(w);
	assert_int_equal(w->ue.result.remaining, 3600);
	world_free(w);
}

static void a_card_that_never_agrees(void **state)
{
	struct world *w = world_new();

	(void)state;
	start(w);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(w->ue.state, i ? GBA_UE_RESYNCING : GBA_UE_ASKING);
		feed_text(&w->ue, &w->answer, CHALLENGE);
		gba_ue_card(&w->ue, GBA_CARD_SYNC, &set_1, cnonce, 0);
	}
	assert_int_equal(w->ue.failure, GBA_FAIL_SYNC);
	world_free(w);
}

static void names_that_cannot_be_sent(void **state)
{
	static const struct { const char *impi, *host, *path; } row[] = {
		{ "", BSF, "/" }, { "a b@c", BSF, "/" }, { "a\"b@c", BSF, "/" }, { "a\r\nX: y@c", BSF, "/" }, { IMPI, "x\r\ny", "/" }, { IMPI, BSF, "x" },
		{ IMPI, BSF, "/ HTTP/1.1" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct world *w = world_new();

		w->uc.impi = row[i].impi;
		w->uc.host = row[i].host;
		w->uc.path = row[i].path;
		assert_false(gba_ue_init(&w->ue, &w->uc, 0));
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(worked_messages), cmocka_unit_test(a_longer_nonce), cmocka_unit_test(what_a_ue_does_not_take),
		cmocka_unit_test(a_challenge_for_another_kind_of_access), cmocka_unit_test(an_authentic_body_that_is_none),
		cmocka_unit_test(without_rspauth_by_configuration), cmocka_unit_test(time_and_clocks),
		cmocka_unit_test(a_card_that_never_agrees), cmocka_unit_test(names_that_cannot_be_sent),
	};

	c = mst_crypto_openssl();
	return cmocka_run_group_tests(t, NULL, NULL);
}
