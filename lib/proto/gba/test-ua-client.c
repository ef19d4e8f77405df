/* Digest on Ua, the UE's side. What is sent and what proves the answers was worked out by a program that shares nothing with ours. */
#include "proto/gba/test-world.h"
#include "proto/gba/ua-client.h"

#define NAF "maf.example.com"
#define REALM "3GPP-bootstrapping@" NAF
#define CNONCE "00112233445566778899aabbccddeeff"
#define REGISTER "POST /MAFBase HTTP/1.1\r\nHost: " NAF "\r\nContent-Length: 2\r\n\r\n{}"
#define RETRIEVE "GET /MAFBase/r7 HTTP/1.1\r\nHost: " NAF "\r\n\r\n"
#define DEMAND(realm, more) "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"" realm "\", " more "\r\n\r\n"
#define CHALLENGED DEMAND(REALM, "nonce=\"n1\", algorithm=MD5, qop=\"auth,auth-int\"")
#define TAKEN(info, body) "HTTP/1.1 201 Created\r\nAuthentication-Info: " info "\r\n\r\n" body
#define PROVEN "qop=auth-int, rspauth=\"940cb22b16c62bd85a493919128fd202\", cnonce=\"" CNONCE "\", nc=00000001"

static const uint8_t ours[GBA_CLIENT_CNONCE] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
static struct gba_client u;
static struct message x;

static void begin(void)
{
	struct mst_key key = { .n = 32 };

	for (unsigned i = 0; i < 32; i++)
		key.b[i] = (uint8_t)i;
	assert_true(gba_client_init(&u, mst_crypto_openssl(), NAF, MST_VIEW_LIT(BTID), &key));
}

/* It goes out with that header, or with none. */
static void sends(const char *request, const char *authorization)
{
	uint8_t out[GBA_CLIENT_OCTETS + 1024];
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_view v;

	assert_true(gba_client_request(&u, mst_view_str(request), ours, &w));
	split(&x, mst_written(&w));
	v = mst_http_find(&x.m, "Authorization");
	if (!mst_view_eq_str(v, authorization))
		fail_msg("sent: %.*s", (int)v.n, (const char *)v.p);
	assert_true(mst_view_eq_str(mst_http_find(&x.m, "User-Agent"), "3gpp-gba") && mst_view_eq_str(mst_http_find(&x.m, "Host"), NAF));
}

static enum gba_client_end says(const char *answer)
{
	split(&x, mst_view_str(answer));
	return gba_client_answer(&u, &x.m);
}

#define DIGEST(realm, nonce, uri, qop, nc, response, algorithm)                                                                               \
	"Digest username=\"" BTID "\", realm=\"" realm "\", nonce=\"" nonce "\", uri=\"" uri "\", qop=" qop ", nc=" nc ", cnonce=\"" CNONCE      \
	"\", response=\"" response "\", algorithm=" algorithm
#define FIRST DIGEST(REALM, "n1", "/MAFBase", "auth-int", "00000001", "f7d4de0b7b3c9c6725961080392694f1", "MD5")
#define SECOND DIGEST(REALM, "n1", "/MAFBase/r7", "auth-int", "00000002", "3e11a81cfd771acdd21e01f87c4350ee", "MD5")
#define ANEW DIGEST(REALM, "n2", "/MAFBase/r7", "auth-int", "00000001", "e2cd78add922bcd48ba808fd4bee75a9", "MD5")

static void challenged(void)
{
	begin();
	sends(REGISTER, "");
	assert_int_equal(says(CHALLENGED), GBA_CLIENT_AGAIN);
	sends(REGISTER, FIRST);
}

/* Challenge, answer, rspauth; the nonce serves on, counted; a new one is counted from the beginning. */
static void one_session(void **state)
{
	(void)state;
	challenged();
	assert_int_equal(says(TAKEN(PROVEN, "[1]")), GBA_CLIENT_TAKE);
	sends(RETRIEVE, SECOND);
	assert_int_equal(says(DEMAND(REALM, "nonce=\"n2\", algorithm=MD5, qop=\"auth-int\", stale=true")), GBA_CLIENT_AGAIN);
	sends(RETRIEVE, ANEW);
	assert_int_equal(says("HTTP/1.1 404 Not Found\r\nX-M2M-RSC: 4004\r\n\r\n"), GBA_CLIENT_TAKE);
	/* nextnonce: as good as a challenge */
	challenged();
	assert_int_equal(says(TAKEN(PROVEN ", nextnonce=\"n2\"", "[1]")), GBA_CLIENT_TAKE);
	sends(RETRIEVE, ANEW);
	gba_client_deinit(&u);
	assert_int_equal(u.password[0], 0);
}

/* SHA-256 (RFC 7616), qop auth, and a realm that names several kinds of keys, which is echoed whole. */
#define BOTH "3GPP-bootstrapping-uicc@" NAF ";" REALM
static void sha_256_and_several_keys(void **state)
{
	(void)state;
	begin();
	sends(REGISTER, "");
	assert_int_equal(says(DEMAND(BOTH, "nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"")), GBA_CLIENT_AGAIN);
	sends(REGISTER, DIGEST(BOTH, "n1", "/MAFBase", "auth", "00000001", "eff9ff4e10845cdf71201489a2bf2918ad9f97126962c377c4099097eeca8d00", "SHA-256"));
	assert_int_equal(says(TAKEN("qop=auth, rspauth=\"f6b57836c40bf01cad085e5a7467cb77ce89fc35af944647a31962ad7f13bf4e\", cnonce=\"" CNONCE
				    "\", nc=00000001", "whatever")), GBA_CLIENT_TAKE);
}

enum at { FRESH, ANSWERED };
static const struct { enum at at; const char *answer; enum gba_client_end end; const char *words; } rows[] = {
	{ FRESH, "HTTP/1.1 200 OK\r\n\r\n", GBA_CLIENT_NOT_PROVEN, "without asking for the key" },
	{ FRESH, TAKEN(PROVEN, "[1]"), GBA_CLIENT_NOT_PROVEN, "without asking for the key" },
	{ FRESH, "HTTP/1.1 503 Service Unavailable\r\n\r\n", GBA_CLIENT_TAKE, "" },
	{ FRESH, "HTTP/1.1 401 Unauthorized\r\n\r\n", GBA_CLIENT_TAKE, "" },
	{ FRESH, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"" REALM "\"\r\n\r\n", GBA_CLIENT_BAD, "no Digest" },
	{ FRESH, DEMAND(REALM, "nonce=\"n1\", algorithm=AKAv1-MD5, qop=\"auth-int\""), GBA_CLIENT_BAD, "no Digest" },
	{ FRESH, DEMAND(REALM, "nonce=\"n1\", algorithm=MD5"), GBA_CLIENT_BAD, "no qop" },
	{ FRESH, DEMAND(REALM, "algorithm=MD5, qop=\"auth\""), GBA_CLIENT_BAD, "missing" },
	{ FRESH, DEMAND("3GPP-bootstrapping@other.example.com", "nonce=\"n1\", algorithm=MD5, qop=\"auth\""), GBA_CLIENT_BAD, REALM },
	{ FRESH, DEMAND("muster", "nonce=\"n1\", algorithm=MD5, qop=\"auth\""), GBA_CLIENT_BAD, REALM },
	{ FRESH, DEMAND("3GPP-bootstrapping-uicc@" NAF, "nonce=\"n1\", algorithm=MD5, qop=\"auth\""), GBA_CLIENT_BAD, "stays in the card" },
	{ ANSWERED, CHALLENGED, GBA_CLIENT_REFUSED, "does not take" },
	{ ANSWERED, DEMAND(REALM, "nonce=\"n2\", algorithm=MD5, qop=\"auth-int\", stale=false"), GBA_CLIENT_REFUSED, "does not take" },
	{ ANSWERED, "HTTP/1.1 200 OK\r\n\r\n", GBA_CLIENT_TAKE, "" },
	{ ANSWERED, TAKEN(PROVEN, "[2]"), GBA_CLIENT_NOT_PROVEN, "rspauth" },
	{ ANSWERED, TAKEN("qop=auth-int, rspauth=\"940cb22b16c62bd85a493919128fd203\", cnonce=\"" CNONCE "\", nc=00000001", "[1]"), GBA_CLIENT_NOT_PROVEN, "rspauth" },
	{ ANSWERED, TAKEN("qop=auth, rspauth=\"e8042a3ed4c9ee40cbcbd8b297e6ba83\", cnonce=\"" CNONCE "\", nc=00000001", "[1]"), GBA_CLIENT_NOT_PROVEN, "rspauth" },
	{ ANSWERED, TAKEN("qop=auth-int, rspauth=\"940cb22b16c62bd85a493919128fd202\", cnonce=\"" CNONCE "\", nc=00000002", "[1]"), GBA_CLIENT_NOT_PROVEN, "rspauth" },
	{ ANSWERED, TAKEN("qop=auth-int, rspauth=\"940cb22b16c62bd85a493919128fd202\", cnonce=\"aa\", nc=00000001", "[1]"), GBA_CLIENT_NOT_PROVEN, "rspauth" },
	{ ANSWERED, TAKEN(PROVEN ", nonce=\"n2\"", "[1]"), GBA_CLIENT_NOT_PROVEN, "rspauth" },
	{ ANSWERED, TAKEN("rspauth=", "[1]"), GBA_CLIENT_NOT_PROVEN, "rspauth" },
};

static void answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		enum gba_client_end end;

		if (rows[i].at == ANSWERED) {
			challenged();
		} else {
			begin();
			sends(REGISTER, "");
		}
		end = says(rows[i].answer);
		if (end != rows[i].end || !strstr(u.detail, rows[i].words))
			fail_msg("row %zu: %d %s", i, (int)end, u.detail);
		/* what was refused is not tried again with the same challenge */
		if (end != GBA_CLIENT_TAKE)
			sends(REGISTER, "");
	}
}

/* Neither a NAF whose nonces are always too old keeps a node busy. */
static void nonces_that_never_hold(void **state)
{
	(void)state;
	challenged();
	assert_int_equal(says(DEMAND(REALM, "nonce=\"n2\", algorithm=MD5, qop=\"auth-int\", stale=true")), GBA_CLIENT_AGAIN);
	sends(RETRIEVE, ANEW);
	assert_int_equal(says(DEMAND(REALM, "nonce=\"n3\", algorithm=MD5, qop=\"auth-int\", stale=true")), GBA_CLIENT_BAD);
	assert_non_null(strstr(u.detail, "too old"));
}

static void what_cannot_be_sent(void **state)
{
	static const char *const none[] = { "", "GET / HTTP/1.1\r\nHost: x\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET  HTTP/1.1\r\n\r\n" };
	uint8_t out[2 * GBA_CLIENT_OCTETS];
	char text[GBA_VALUE_MAX + 64] = "GET /";
	struct mst_key key = { .n = 32 }, empty = { .n = 0 };
	struct mst_writer w;

	(void)state;
	begin();
	for (size_t i = 0; i < MST_COUNT(none); i++) {
		w = mst_writer_of(out, sizeof(out));
		if (gba_client_request(&u, mst_view_str(none[i]), ours, &w))
			fail_msg("row %zu", i);
	}
	memset(text + 5, 'a', GBA_VALUE_MAX);
	strcpy(text + 5 + GBA_VALUE_MAX, " HTTP/1.1\r\n\r\n");
	w = mst_writer_of(out, sizeof(out));
	assert_false(gba_client_request(&u, mst_view_str(text), ours, &w));
	w = mst_writer_of(out, 20);
	assert_false(gba_client_request(&u, MST_VIEW_LIT(RETRIEVE), ours, &w));
	assert_false(gba_client_init(&u, mst_crypto_openssl(), NAF, MST_VIEW_LIT(BTID), &empty));
	assert_false(gba_client_init(&u, mst_crypto_openssl(), NAF, MST_VIEW_NONE, &key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_session), cmocka_unit_test(sha_256_and_several_keys), cmocka_unit_test(answers), cmocka_unit_test(nonces_that_never_hold),
		cmocka_unit_test(what_cannot_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
