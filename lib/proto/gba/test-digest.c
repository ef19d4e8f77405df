/* The three headers and what is computed over them, against worked values, and what must be refused. */
#include "tests/support/cm.h"

#include "base/text.h"
#include "proto/gba/digest.h"

#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define BSF "bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@" BSF
#define NONCE "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="
#define CNONCE "6629fae49393a05397450978507c4ef1"
#define BODY                                                                                                                                   \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?><BootstrappingInfo xmlns=\"uri:3gpp-gba\"><btid>" BTID                                          \
	"</btid><lifetime>2030-01-01T00:00:00Z</lifetime></BootstrappingInfo>"
#define RES "\xa5\x42\x11\xd5\xe3\xba\x50\xbf"
#define HASH "89908cbf89ab0dd80f68724fea78576a"

static struct mst_crypto *c;

static const struct mst_view ck = MST_VIEW_LIT("\xb4\x0b\xa9\xa3\xc5\x8b\x2a\x05\xbb\xf0\xd9\x87\xb2\x1b\xf8\xcb"),
			     ik = MST_VIEW_LIT("\xf7\x69\xbc\xd7\x51\x04\x46\x04\x12\x76\x72\x71\x1c\x6d\x34\x41"),
			     none = { NULL, 0 };

#define AKA(a, q, m, u, b, p)                                                                                                                  \
	{ a, q, MST_VIEW_LIT(IMPI), MST_VIEW_LIT(BSF), MST_VIEW_LIT(NONCE), MST_VIEW_LIT("00000001"), MST_VIEW_LIT(CNONCE), MST_VIEW_LIT(u), p,  \
	  MST_VIEW_LIT(m), b }

/* What is hashed on the way, in its order: through a port that notes each MD5 in hex. */
static char noted[4][2 * MST_MD5_LEN + 1];
static size_t n_noted;
static int noting(struct mst_crypto *x, enum mst_old_hash which, struct mst_view v, uint8_t *out)
{
	struct mst_writer w;
	int r = c->ops->old_hash(c, which, v, out);

	(void)x;
	assert_true(n_noted < MST_COUNT(noted));
	w = mst_writer_of(noted[n_noted], sizeof(noted[0]));
	mst_put_hex(&w, (struct mst_view){ out, MST_MD5_LEN });
	mst_put_nul(&w);
	mst_ascii_lower(noted[n_noted++]);
	return r;
}

static void note(const struct gba_digest *g, char hex[GBA_DIGEST_HEX])
{
	static const struct mst_crypto_ops ops = { .name = "noting", .old_hash = noting };
	struct mst_crypto x = { &ops };

	n_noted = 0;
	assert_int_equal(gba_digest(&x, g, hex), 0);
}

#define HA1 "aa1517fcfdfc9c20fbc6ff9f5ee08371"
#define HA2 "15df3e1aa09254633226c3d41891b148"
#define EMPTY "d41d8cd98f00b204e9800998ecf8427e"

/* 17.2 and 17.4 of the sheet, with what it has of H(A1), H(body) (auth-int alone) and H(A2). */
static void worked_values(void **state)
{
	static const struct { const char *what; struct gba_digest g; const char *want, *a1, *body, *a2; } row[] = {
		{ "response, auth-int", AKA(GBA_AKAV1_MD5, GBA_QOP_AUTH_INT, "GET", "/", { 0 }, MST_VIEW_LIT(RES)), HASH,
		  HA1, EMPTY, HA2 },
		{ "response, auth", AKA(GBA_AKAV1_MD5, GBA_QOP_AUTH, "GET", "/", { 0 }, MST_VIEW_LIT(RES)), "3e96d7cdb2f1429a638384af2f0183eb",
		  HA1, NULL, "71998c64aea37ae77020c49c00f73fa8" },
		{ "rspauth, auth-int", AKA(GBA_AKAV1_MD5, GBA_QOP_AUTH_INT, "", "/", MST_VIEW_LIT(BODY), MST_VIEW_LIT(RES)),
		  "141c0b2712f97b8d4669e4175a24e6c5", HA1, "5e5d887a831077020029713aa36bd78b", "3bb90c32764aea0a99124655e9cd5c41" },
		{ "rspauth, auth", AKA(GBA_AKAV1_MD5, GBA_QOP_AUTH, "", "/", MST_VIEW_LIT(BODY), MST_VIEW_LIT(RES)), "b6253251bd979343b068f8fb7f2b6179",
		  HA1, NULL, "fb256b96ee496724e4579987e5a6e4da" },
		{ "AKAv2, auth-int", AKA(GBA_AKAV2_MD5, GBA_QOP_AUTH_INT, "GET", "/", { 0 }, MST_VIEW_LIT("shzt3q8CWaZnCAWqs3WmEQ==")),
		  "65cd8201ea513a4114665ad8f02cad06", "b2d5dff41a7c48488e9754505419f89a", EMPTY, HA2 },
		{ "resynchronisation: empty password", AKA(GBA_AKAV1_MD5, GBA_QOP_AUTH_INT, "GET", "/", { 0 }, { 0 }),
		  "6e4313e098877a61bc5c8c4188357931", "c3d2d6510758f9459508c70bb39b1b51", EMPTY, HA2 },
		{ "the wrong password: RES in hex", AKA(GBA_AKAV1_MD5, GBA_QOP_AUTH_INT, "GET", "/", { 0 }, MST_VIEW_LIT("a54211d5e3ba50bf")),
		  "3f4cc036b41700cfa75d1d77e9db96ae", NULL, EMPTY, HA2 },
		{ "Ua over HTTP",
		  { GBA_MD5, GBA_QOP_AUTH_INT, MST_VIEW_LIT(BTID), MST_VIEW_LIT("3GPP-bootstrapping@mef.sp.example"),
		    MST_VIEW_LIT("1a2b3c4d5e6f708192a3b4c5d6e7f809"), MST_VIEW_LIT("00000001"), MST_VIEW_LIT(CNONCE), MST_VIEW_LIT("/mefp"),
		    MST_VIEW_LIT("G8bytHqn0F3Ia8DhWd3QXe/5ZbGzt1S0NvwTc1iSbG0="), MST_VIEW_LIT("GET"), { 0 } },
		  "12d800b83545087312f401364b6eac64", "93f1a2c152c9f58776d2074f448c3018", EMPTY, "8e102f79633efcc11e957e45a6c21f3d" },
		/* RFC 7616 3.9.1 with SHA-256 */
		{ "SHA-256",
		  { GBA_SHA256, GBA_QOP_AUTH, MST_VIEW_LIT("Mufasa"), MST_VIEW_LIT("http-auth@example.org"),
		    MST_VIEW_LIT("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"), MST_VIEW_LIT("00000001"),
		    MST_VIEW_LIT("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"), MST_VIEW_LIT("/dir/index.html"), MST_VIEW_LIT("Circle of Life"),
		    MST_VIEW_LIT("GET"), { 0 } },
		  "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", NULL, NULL, NULL },
	};

	(void)state;
	assert_int_equal(sizeof(BODY) - 1, 214);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		char hex[GBA_DIGEST_HEX];

		print_message("# %s\n", row[i].what);
		assert_int_equal(gba_digest(c, &row[i].g, hex), 0);
		assert_string_equal(hex, row[i].want);
		assert_int_equal(gba_digest_check(c, &row[i].g, mst_view_str(row[i].want)), 0);
		if (row[i].a2) {
			note(&row[i].g, hex);
			assert_int_equal(n_noted, row[i].body ? 4 : 3);
			if (row[i].a1)
				assert_string_equal(noted[0], row[i].a1);
			if (row[i].body)
				assert_string_equal(noted[1], row[i].body);
			assert_string_equal(noted[n_noted - 2], row[i].a2);
			assert_string_equal(noted[n_noted - 1], row[i].want);
		}
	}
}

/* 17.6 has the H(A1) of a password that people know: the same place. */
static void a_password_of_text(void **state)
{
	const struct gba_digest g = { .algorithm = GBA_MD5, .username = MST_VIEW_LIT("user@example.com"), .realm = MST_VIEW_LIT("example.com"),
				      .password = MST_VIEW_LIT("secret"), .uri = MST_VIEW_LIT("/"), .method = MST_VIEW_LIT("GET") };
	char hex[GBA_DIGEST_HEX];

	(void)state;
	note(&g, hex);
	assert_string_equal(noted[0], "d01b3bddfb0ce488e6e97db71839a6e4");
}

static void passwords(void **state)
{
	uint8_t p[GBA_PASSWORD_MAX], key[16], long_res[33] = { 0 };
	size_t n;

	(void)state;
	assert_int_equal(gba_password(c, GBA_AKAV1_MD5, MST_VIEW_LIT(RES), none, none, p, &n), 0);
	assert_int_equal(n, 8);
	assert_memory_equal(p, RES, 8);
	assert_int_equal(gba_password(c, GBA_AKAV2_MD5, MST_VIEW_LIT(RES), ik, ck, p, &n), 0);
	assert_int_equal(n, 24);
	assert_memory_equal(p, "shzt3q8CWaZnCAWqs3WmEQ==", 24);
	assert_int_equal(gba_password(c, GBA_AKAV2_MD5, (struct mst_view){ long_res, 32 }, ik, ck, p, &n), 0);
	assert_int_equal(gba_password(c, GBA_AKAV1_MD5, (struct mst_view){ long_res, 33 }, ik, ck, p, &n), MST_FAULT_BUG);
	assert_int_equal(gba_password(c, GBA_AKAV1_MD5, (struct mst_view){ long_res, 3 }, ik, ck, p, &n), MST_FAULT_BUG);
	assert_int_equal(gba_password(c, GBA_MD5, MST_VIEW_LIT(RES), ik, ck, p, &n), MST_FAULT_BUG);
	assert_int_equal(gba_akav2_key(c, GBA_AKAV2_IK, MST_VIEW_LIT(RES), ik, ck, key), 0);
	assert_int_equal(gba_akav2_key(c, GBA_AKAV2_CK, MST_VIEW_LIT(RES), ik, ck, p), 0);
	assert_memory_not_equal(key, p, 16);
}

/* Whatever is another one than was hashed does not fit. */
static void each_part_counts(void **state)
{
	static const struct gba_digest right = AKA(GBA_AKAV1_MD5, GBA_QOP_AUTH_INT, "GET", "/", { 0 }, MST_VIEW_LIT(RES));
	struct gba_digest g[11];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(g); i++)
		g[i] = right;
	g[0].username = MST_VIEW_LIT("001010000000002@ims.mnc001.mcc001.3gppnetwork.org");
	g[1].realm = MST_VIEW_LIT("bsf.example.com");
	g[2].nonce = MST_VIEW_LIT("I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7N=");
	g[3].nc = MST_VIEW_LIT("00000002");
	g[4].cnonce = MST_VIEW_LIT("6629fae49393a05397450978507c4ef2");
	g[5].qop = GBA_QOP_AUTH;
	g[6].uri = MST_VIEW_LIT("/other");
	g[7].method = MST_VIEW_LIT("POST");
	g[8].body = MST_VIEW_LIT("x");
	g[9].password = MST_VIEW_LIT("\xa5\x42\x11\xd5\xe3\xba\x50\xbe");
	g[10].qop = GBA_QOP_NONE;
	assert_int_equal(gba_digest_check(c, &right, MST_VIEW_LIT(HASH)), 0);
	for (size_t i = 0; i < MST_COUNT(g); i++)
		assert_int_equal(gba_digest_check(c, &g[i], MST_VIEW_LIT(HASH)), GBA_MISMATCH);
	assert_int_equal(gba_digest_check(c, &right, MST_VIEW_LIT("")), GBA_MISMATCH);
	assert_int_equal(gba_digest_check(c, &right, MST_VIEW_LIT("89908CBF89AB0DD80F68724FEA78576A")), GBA_MISMATCH);
}

/* --- headers --- */

static void the_sheets_challenge(void **state)
{
	static const char text[] = "Digest realm=\"" BSF "\", nonce=\"" NONCE "\", algorithm=AKAv1-MD5, qop=\"auth-int\", opaque=\"abc\"";
	struct mst_view rest = mst_view_str(text);
	struct gba_challenge g;
	struct mst_diag d = { 0 };
	char out[512];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	(void)state;
	assert_int_equal(gba_challenge_next(&rest, &g, &d), 0);
	assert_true(mst_view_eq_str(g.realm, BSF) && mst_view_eq_str(g.nonce, NONCE) && mst_view_eq_str(g.opaque, "abc"));
	assert_int_equal(g.algorithm, GBA_AKAV1_MD5);
	assert_int_equal(g.qops, GBA_QOP_AUTH_INT);
	assert_false(g.stale);
	gba_put_challenge(&w, &g);
	mst_put_nul(&w);
	assert_true(w.ok);
	assert_string_equal(out, text);
	assert_int_equal(gba_challenge_next(&rest, &g, &d), GBA_END);
}

static void which_challenge_is_taken(void **state)
{
	static const struct { const char *header[3]; int want; const char *realm; enum gba_qop qop; } row[] = {
		{ { "Digest realm=\"a\",nonce=\"n\",algorithm=AKAv1-MD5,qop=\"auth\"" }, 0, "a", GBA_QOP_AUTH },
		{ { "Digest realm=a , nonce = n , algorithm=\"akav1-md5\" , qop=auth-int" }, 0, "a", GBA_QOP_AUTH_INT },
		{ { "Basic realm=\"b\"", "Digest realm=\"a\", nonce=\"n\", algorithm=AKAv1-MD5, qop=\"auth,auth-int\"" }, 0, "a", GBA_QOP_AUTH_INT },
		{ { "Basic realm=\"b\", Digest realm=\"a\", nonce=\"n\", algorithm=AKAv1-MD5" }, 0, "a", GBA_QOP_NONE },
		{ { "Negotiate, Digest realm=\"a\", nonce=\"n\", algorithm=AKAv1-MD5" }, 0, "a", GBA_QOP_NONE },
		{ { "Negotiate YII/x+==, Digest realm=\"a\", nonce=\"n\", algorithm=AKAv1-MD5" }, 0, "a", GBA_QOP_NONE },
		{ { "Digest realm=\"m\", nonce=\"n\", Digest realm=\"a\", nonce=\"n\", algorithm=AKAv1-MD5" }, 0, "a", GBA_QOP_NONE },
		{ { "Digest realm=\"m\", nonce=\"n\", algorithm=MD5-sess", "Digest realm=\"v2\", nonce=\"n\", algorithm=AKAv2-MD5",
		    "Digest realm=\"a\", nonce=\"n\", algorithm=AKAv1-MD5" }, 0, "a", GBA_QOP_NONE },
		{ { "Digest realm=\"q\", nonce=\"n\", algorithm=AKAv1-MD5, qop=\"other\"", "Digest realm=\"a\", nonce=\"n\", algorithm=AKAv1-MD5, qop=\" auth , x\"" },
		  0, "a", GBA_QOP_AUTH },
		{ { "Digest realm=\"a\", domain=\"x \\\"y\\\" z\", nonce=\"n\", algorithm=AKAv1-MD5, charset=UTF-8, userhash=false" }, 0, "a", GBA_QOP_NONE },
		{ { "digest REALM=\"a\",, NONCE=\"n\", Algorithm=AKAV1-MD5," }, 0, "a", GBA_QOP_NONE },
		{ { "Basic realm=\"b\"" }, GBA_END, NULL, 0 },
		{ { "Digest realm=\"m\", nonce=\"n\"" }, GBA_END, NULL, 0 },
		{ { "" }, GBA_END, NULL, 0 },
		{ { "Digest realm=\"a\", algorithm=AKAv1-MD5" }, GBA_BAD, NULL, 0 },
		{ { "Digest nonce=\"n\", algorithm=AKAv1-MD5" }, GBA_BAD, NULL, 0 },
		{ { "Digest realm=\"a\", realm=\"b\", nonce=\"n\", algorithm=AKAv1-MD5" }, GBA_BAD, NULL, 0 },
		{ { "Digest realm=\"a\\\"b\", nonce=\"n\", algorithm=AKAv1-MD5" }, GBA_BAD, NULL, 0 },
		{ { "Digest realm=\"a\", nonce=\"n, algorithm=AKAv1-MD5" }, GBA_BAD, NULL, 0 },
		{ { "Digest realm=\"a\" nonce=\"n\", algorithm=AKAv1-MD5" }, GBA_BAD, NULL, 0 },
		{ { "Digest realm=\"a\", nonce=, algorithm=AKAv1-MD5" }, GBA_BAD, NULL, 0 },
		{ { "Digest realm=\"a\", nonce=\"n\", =x" }, GBA_BAD, NULL, 0 },
		{ { "Digest realm=\"\xc3\xa4\", nonce=\"n\", algorithm=AKAv1-MD5" }, GBA_BAD, NULL, 0 },
		{ { "Digest realm=\"a\x01\", nonce=\"n\", algorithm=AKAv1-MD5" }, GBA_BAD, NULL, 0 },
		{ { "Digest;realm=\"a\"" }, GBA_BAD, NULL, 0 },
		{ { "\"Digest\"" }, GBA_BAD, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_http_msg m = { .status = 401 };
		struct gba_challenge g;
		struct mst_diag d = { 0 };
		int r;

		for (size_t h = 0; h < 3 && row[i].header[h]; h++)
			m.header[m.n++] = (struct mst_http_header){ MST_VIEW_LIT("www-authenticate"), mst_view_str(row[i].header[h]) };
		r = gba_challenge_pick(&m, 1u << GBA_AKAV1_MD5, &g, &d);
		if (r != row[i].want)
			print_message("# row %zu: %d, %s: %s\n", i, r, d.field, d.text);
		assert_int_equal(r, row[i].want);
		if (!r) {
			assert_true(mst_view_eq_str(g.realm, row[i].realm));
			assert_int_equal(gba_qop_choose(g.qops), row[i].qop);
		}
		assert_int_equal(d.text[0] != 0, r == GBA_BAD);
	}
}

#define GOOD                                                                                                                                   \
	"Digest username=\"" IMPI "\", realm=\"" BSF "\", nonce=\"" NONCE "\", uri=\"/\", qop=auth-int, nc=00000001, cnonce=\"" CNONCE           \
	"\", response=\"" HASH "\", opaque=\"abc\", algorithm=AKAv1-MD5"

static void authorizations(void **state)
{
	struct gba_authorization a;
	struct mst_diag d = { 0 };
	char out[1024];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	(void)state;
	assert_int_equal(gba_authorization_read(MST_VIEW_LIT(GOOD), &a, &d), 0);
	assert_false(gba_is_first(&a) || a.has_auts);
	assert_true(mst_view_eq_str(a.nc, "00000001"));
	gba_put_authorization(&w, &a);
	mst_put_nul(&w);
	assert_string_equal(out, GOOD);
	/* message 1 of Ub, as it stands in TS 24.109 A.3 */
	assert_int_equal(gba_authorization_read(MST_VIEW_LIT("Digest username=\"" IMPI "\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\""), &a, &d), 0);
	assert_true(gba_is_first(&a));
	/* what counts for a challenge, where there is none yet */
	assert_int_equal(gba_authorization_read(MST_VIEW_LIT("Digest username=\"" IMPI "\", realm=\"" BSF "\", cnonce=\"x\", nc=1, nonce=\"\", uri=\"/\", response=\"\""), &a, &d), 0);
	assert_true(gba_is_first(&a) && !a.cnonce.n && !a.nc.n);
	assert_int_equal(gba_authorization_read(MST_VIEW_LIT("Digest username=\"" IMPI "\", realm=\"" BSF "\", qop=auth-int, nonce=\"\", uri=\"/\", response=\"\""), &a, &d), 0);
	assert_true(gba_is_first(&a) && a.qop == GBA_QOP_NONE);
	/* quoted where the grammar has no quotes, and the other way round */
	assert_int_equal(gba_authorization_read(MST_VIEW_LIT("Digest username=u,realm=r,nonce=n,uri=\"/\",qop=\"auth\",nc=\"0000000a\",cnonce=x,response=" HASH
							     ",algorithm=\"AKAv1-MD5\",auts=\"uoU/PBIctV7bggBAq0E=\""), &a, &d), 0);
	assert_true(a.has_auts);
	assert_memory_equal(a.auts, "\xba\x85\x3f\x3c\x12\x1c\xb5\x5e\xdb\x82\x00\x40\xab\x41", 14);
	w = mst_writer_of(out, sizeof(out));
	gba_put_authorization(&w, &a);
	assert_int_equal(gba_authorization_read(mst_written(&w), &a, &d), 0);
	assert_true(a.has_auts);
}

#define REST(qop, more) "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"" HASH "\"" qop more

static void authorizations_that_are_none(void **state)
{
	static const struct { const char *text, *field; } row[] = {
		{ "", "header" },
		{ "Digest", "username" },
		{ "Basic dXNlcjpwdw==", "header" },
		{ "Digest username=\"u\"", "realm" },
		{ "Digest username=\"\", realm=\"r\", nonce=\"\", uri=\"/\", response=\"\"", "username" },
		{ "Digest username=\"u\", realm=\"r\", nonce=\"\", uri=\"/\"", "response" },
		{ "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"\"", "response" },
		{ "Digest username=\"u\", realm=\"r\", nonce=\"\", uri=\"/\", response=\"" HASH "\"", "response" },
		{ "Digest username=\"u\", realm=\"r\", nonce=\"n\", response=\"" HASH "\"", "uri" },
		{ "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"89908CBF89AB0DD80F68724FEA78576A\"", "response" },
		{ "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"89908c\"", "response" },
		{ REST(", qop=auth-conf", ", nc=00000001, cnonce=\"x\""), "qop" },
		{ REST(", qop=AUTH", ", nc=00000001, cnonce=\"x\""), "qop" },
		{ REST(", qop=\"auth,auth-int\"", ", nc=00000001, cnonce=\"x\""), "qop" },
		{ REST(", qop=auth", ", cnonce=\"x\""), "nc" },
		{ REST(", qop=auth", ", nc=00000001"), "cnonce" },
		{ REST(", qop=auth", ", nc=00000001, cnonce=\"\""), "cnonce" },
		{ REST(", qop=auth", ", nc=1, cnonce=\"x\""), "nc" },
		{ REST(", qop=auth", ", nc=0000000A, cnonce=\"x\""), "nc" },
		{ REST("", ", nc=00000001"), "nc" },
		{ REST("", ", cnonce=\"x\""), "nc" },
		{ REST("", ", algorithm=SHA-512"), "algorithm" },
		{ REST("", ", auts=\"uoU/PBIctV7bggBAq0E\""), "auts" },
		{ REST("", ", auts=\"uoU/PBIctV7bggBAqw==\""), "auts" },
		{ REST("", ", auts=\"\""), "auts" },
		{ REST("", ", auts=\"uoU/PBIctV7bggBAq0E=\", auts=\"uoU/PBIctV7bggBAq0E=\""), "auts" },
		{ "Digest username=\"u\", realm=\"r\", nonce=\"\", uri=\"/\", response=\"\", auts=\"uoU/PBIctV7bggBAq0E=\"", "auts" },
		{ REST("", ", username=\"v\""), "username" },
		{ REST("", ", Digest username=\"v\""), "header" },
		{ REST("", " x"), "header" },
		{ REST("", ", x"), "header" },
	};
	char long_one[GBA_HEADER_MAX + 2];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct gba_authorization a = { .nc = MST_VIEW_LIT("as it was") };
		struct mst_diag d = { 0 };
		int r = gba_authorization_read(mst_view_str(row[i].text), &a, &d);

		if (r != GBA_BAD || strcmp(d.field, row[i].field))
			print_message("# row %zu: %d, %s: %s\n", i, r, d.field, d.text);
		assert_int_equal(r, GBA_BAD);
		assert_string_equal(d.field, row[i].field);
		assert_true(mst_view_eq_str(a.nc, "as it was"));
	}
	memset(long_one, 'a', sizeof(long_one));
	memcpy(long_one, GOOD ", x=", sizeof(GOOD ", x=") - 1);
	{
		struct gba_authorization a;
		struct mst_diag d = { 0 };

		assert_int_equal(gba_authorization_read((struct mst_view){ (uint8_t *)long_one, GBA_HEADER_MAX }, &a, &d), 0);
		assert_int_equal(gba_authorization_read((struct mst_view){ (uint8_t *)long_one, GBA_HEADER_MAX + 1 }, &a, &d), GBA_BAD);
		memset(long_one, 'a', sizeof(long_one));
		memcpy(long_one, REST("", ", opaque="), sizeof(REST("", ", opaque=")) - 1);
		assert_int_equal(gba_authorization_read((struct mst_view){ (uint8_t *)long_one, 1000 }, &a, &d), GBA_BAD);
		assert_string_equal(d.field, "opaque");
	}
}

static void authentication_infos(void **state)
{
	static const char good[] = "qop=auth-int, rspauth=\"141c0b2712f97b8d4669e4175a24e6c5\", cnonce=\"" CNONCE "\", nc=00000001, opaque=\"abc\", nonce=\"" NONCE "\"";
	static const struct { const char *text, *field; } bad[] = {
		{ "", "rspauth" }, { "qop=auth", "rspauth" }, { "rspauth=\"\"", "rspauth" }, { "rspauth=\"xyz\"", "rspauth" },
		{ "rspauth=\"" HASH "\", qop=auth", "nc" }, { "rspauth=\"" HASH "\", qop=x, nc=00000001, cnonce=\"x\"", "qop" },
		{ "rspauth=\"" HASH "\", rspauth=\"" HASH "\"", "rspauth" }, { "Digest rspauth=\"" HASH "\"", "header" },
		{ "rspauth=\"" HASH "\", nextnonce=\"a", "header" },
	};
	struct gba_auth_info i;
	struct mst_diag d = { 0 };
	char out[512];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	(void)state;
	assert_int_equal(gba_auth_info_read(mst_view_str(good), &i, &d), 0);
	gba_put_auth_info(&w, &i);
	mst_put_nul(&w);
	assert_string_equal(out, good);
	assert_int_equal(gba_auth_info_read(MST_VIEW_LIT("nextnonce=\"x\",rspauth=\"" HASH "\""), &i, &d), 0);
	assert_true(mst_view_eq_str(i.nextnonce, "x"));
	for (size_t k = 0; k < MST_COUNT(bad); k++) {
		assert_int_equal(gba_auth_info_read(mst_view_str(bad[k].text), &i, &d), GBA_BAD);
		assert_string_equal(d.field, bad[k].field);
	}
}

static void what_cannot_be_written(void **state)
{
	static const char *const bad[] = { "a\"b", "a\\b", "a\r\nb", "\x7f", "\xc3\xa4" };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		struct gba_challenge g = { .realm = mst_view_str(bad[i]), .nonce = MST_VIEW_LIT("n"), .algorithm = GBA_MD5 };
		char out[256];
		struct mst_writer w = mst_writer_of(out, sizeof(out));

		gba_put_challenge(&w, &g);
		assert_false(w.ok);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(worked_values), cmocka_unit_test(a_password_of_text), cmocka_unit_test(passwords), cmocka_unit_test(each_part_counts),
		cmocka_unit_test(the_sheets_challenge), cmocka_unit_test(which_challenge_is_taken), cmocka_unit_test(authorizations),
		cmocka_unit_test(authorizations_that_are_none), cmocka_unit_test(authentication_infos), cmocka_unit_test(what_cannot_be_written),
	};

	c = mst_crypto_openssl();
	return cmocka_run_group_tests(t, NULL, NULL);
}
