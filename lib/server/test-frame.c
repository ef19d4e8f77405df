/* Frames and payloads: round trips, every truncation, every rule of a field. */
#include "tests/support/cm.h"

#include "server/frame.h"

static uint8_t buf[128 * 1024];

static void frames(void **state)
{
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	struct mst_frame f;
	size_t used;

	(void)state;
	mst_frame_put(&w, MST_FRAME_EXCHANGE, 0x0102030405060708, MST_VIEW_LIT("payload"));
	mst_frame_put(&w, MST_FRAME_READY, 0, MST_VIEW_NONE);
	for (size_t i = 0; i < MST_FRAME_HEAD + 7; i++)
		assert_int_equal(mst_frame_get((struct mst_view){ buf, i }, MST_FRAME_MAX, &f, &used), MST_FRAME_MORE);
	assert_int_equal(mst_frame_get(mst_written(&w), MST_FRAME_MAX, &f, &used), 0);
	assert_int_equal(used, MST_FRAME_HEAD + 7);
	assert_int_equal(f.type, MST_FRAME_EXCHANGE);
	assert_true(f.id == 0x0102030405060708);
	assert_true(mst_view_eq_str(f.payload, "payload"));
	assert_int_equal(mst_frame_get((struct mst_view){ buf + used, w.n - used }, MST_FRAME_MAX, &f, &used), 0);
	assert_int_equal(f.type, MST_FRAME_READY);
	assert_int_equal(f.payload.n, 0);
	/* too long, too short, no such type */
	assert_int_equal(mst_frame_get((struct mst_view){ (const uint8_t *)"\xff\xff\xff\xff\x01", 5 }, MST_FRAME_MAX, &f, &used), MST_FRAME_BAD);
	assert_int_equal(mst_frame_get((struct mst_view){ (const uint8_t *)"\0\0\0\x08\x01", 5 }, MST_FRAME_MAX, &f, &used), MST_FRAME_BAD);
	assert_int_equal(mst_frame_get((struct mst_view){ (const uint8_t *)"\0\0\0\x09\0", 5 }, MST_FRAME_MAX, &f, &used), MST_FRAME_BAD);
	assert_int_equal(mst_frame_get((struct mst_view){ (const uint8_t *)"\0\0\0\x09\x7f", 5 }, MST_FRAME_MAX, &f, &used), MST_FRAME_BAD);
}

static struct mst_exchange sample(void)
{
	struct mst_exchange x = { .role = MST_ROLE_MEF, .channel = 3, .session = 77, .has_export = true,
		.export_key = { { 1, 2, 3 }, 3 }, .export_reg = { { 4, 5 }, 2 }, .attempt = "0123456789abcdef0123456789ABCDEF" };

	x.peer.how = MST_AUTH_CERT;
	x.peer.cert.n_san = 2;
	x.peer.cert.san[0].kind = MST_ID_NODE;
	strcpy(x.peer.cert.san[0].value, "urn:dev:ops:1");
	x.peer.cert.san[1].kind = MST_ID_FQDN;
	strcpy(x.peer.cert.san[1].value, "a.example.com");
	strcpy(x.peer.cert.subject, "CN=x");
	x.peer.cert.not_after = 99;
	x.peer.anchor_sha256[31] = 9;
	strcpy(x.peer.address, "[::1]:5");
	x.request.op = MST_OP_CREATE;
	x.request.to = MST_VIEW_LIT("/MEFBase");
	x.request.rqi = MST_VIEW_LIT("r1");
	x.request.ty = 65001;
	x.request.content = MST_VIEW_LIT("{}");
	x.peer.suite = 0xc037;
	x.authorization = MST_VIEW_LIT("Digest username=\"a\"");
	x.user_agent = MST_VIEW_LIT("3gpp-gba-tmpi");
	return x;
}

static void exchange(void **state)
{
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	struct mst_exchange x = sample(), y;

	(void)state;
	mst_put_exchange(&w, &x);
	assert_true(w.ok);
	for (size_t i = 0; i < w.n; i++)
		assert_false(mst_get_exchange((struct mst_view){ buf, i }, &y));
	assert_false(mst_get_exchange((struct mst_view){ buf, w.n + 1 }, &y));
	assert_true(mst_get_exchange(mst_written(&w), &y));
	assert_memory_equal(&x.peer, &y.peer, sizeof(x.peer));
	assert_true(mst_view_eq(x.request.to, y.request.to));
	assert_true(mst_view_eq(x.request.content, y.request.content));
	assert_int_equal(y.request.ty, 65001);
	assert_true(y.session == 77 && y.channel == 3 && y.has_export && y.export_key.n == 3 && y.export_reg.n == 2 && y.export_reg.b[1] == 5);
	assert_string_equal(y.attempt, x.attempt);
	assert_true(y.peer.suite == 0xc037 && mst_view_eq(x.authorization, y.authorization) && mst_view_eq(x.user_agent, y.user_agent));
}

static bool goes_through(const struct mst_exchange *x)
{
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	struct mst_exchange y;

	mst_put_exchange(&w, x);
	return mst_get_exchange(mst_written(&w), &y);
}

static void exchange_rules(void **state)
{
	struct mst_exchange x = sample();

	(void)state;
	assert_true(goes_through(&x));
	x.role = MST_ROLE_NONE;
	assert_false(goes_through(&x));
	x = sample();
	x.role = MST_ROLE__COUNT;
	assert_false(goes_through(&x));
	x = sample();
	x.has_export = false;
	assert_false(goes_through(&x));
	x = sample();
	x.has_key_value = true;
	assert_false(goes_through(&x));
	x = sample();
	strcpy(x.attempt, "forged\nline");
	assert_false(goes_through(&x));
	x = sample();
	x.peer.cert.san[0].kind = (enum mst_id_kind)99;
	assert_false(goes_through(&x));
	x = sample();
	x.request.op = (enum mst_op)9;
	assert_false(goes_through(&x));
	x = sample();
	x.export_key.n = MST_WRAPPED_MAX;
	assert_true(goes_through(&x));
	x.export_key.n = 0;                     /* a MAF's */
	assert_true(goes_through(&x));
	x.export_reg.n = 0;
	assert_false(goes_through(&x));
}

static void answer(void **state)
{
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	struct mst_answer_frame a = { .rsc = 2001, .retry_after = 3, .close = true, .media = "application/json",
		.location = "/MEFBase/1", .has_key = true, .key = { { 9 }, 1 }, .at = 4, .content = MST_VIEW_LIT("abcdef"),
		.headers = "Expires: x\r\n", .parcel = { { { 8 }, 1 }, { { 0, 0, 16 }, { 6, 16, 32 } }, 2 } }, b;

	(void)state;
	mst_put_answer(&w, &a);
	for (size_t i = 0; i < w.n; i++)
		assert_false(mst_get_answer((struct mst_view){ buf, i }, &b));
	assert_true(mst_get_answer(mst_written(&w), &b));
	assert_true(b.rsc == 2001 && b.retry_after == 3 && b.close && b.has_key && b.at == 4);
	assert_string_equal(b.location, a.location);
	assert_string_equal(b.headers, a.headers);
	assert_memory_equal(&b.parcel.fill, &a.parcel.fill, sizeof(a.parcel.fill));
	/* secrets: places rise and are inside, octets are inside the longest key, and none without the other */
	{
		static const struct mst_parcel bad[] = {
			{ { { 8 }, 1 }, { { 2, 0, 16 }, { 1, 16, 32 } }, 2 },
			{ { { 8 }, 1 }, { { 7, 0, 16 } }, 1 },
			{ { { 8 }, 1 }, { { 1, 60, 16 } }, 1 },
			{ { { 8 }, 1 }, { { 1, 0, 0 } }, 1 },
			{ { { 8 }, 1 }, { { 0, 0, 0 } }, 0 },
			{ { { 0 }, 0 }, { { 1, 0, 16 } }, 1 },
		};
		struct mst_parcel good = a.parcel;

		for (size_t i = 0; i < MST_COUNT(bad); i++) {
			a.parcel = bad[i];
			w = mst_writer_of(buf, sizeof(buf));
			mst_put_answer(&w, &a);
			assert_false(mst_get_answer(mst_written(&w), &b));
		}
		a.parcel = good;
	}
	/* the key's place must be inside */
	a.at = 7;
	w = mst_writer_of(buf, sizeof(buf));
	mst_put_answer(&w, &a);
	assert_false(mst_get_answer(mst_written(&w), &b));
}

static void small_ones(void **state)
{
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	struct mst_psk_ask q = { MST_ROLE_MAF, 2, "id@maf.example.com", "127.0.0.1:1", 0xaf }, q2;
	struct mst_psk_answer_frame k = { { { 5, 6 }, 2 }, { 8, 80 } }, k2;
	struct mst_whose cut = { .group = 9 }, cut2, nobody = { 0 }, bad = { .one = -1 };
	struct mst_handshake_failed h = { .role = MST_ROLE_MEF, .why = MST_TLS_CUT, .detail = "x" }, h2;
	struct mst_refused x = { .role = MST_ROLE_MAF, .status = 4102, .attempt = "0123456789abcdef0123456789abcdef", .why = "y" }, x2;
	struct mst_fetch zh = { .kind = MST_FETCH_ZH, .binding = MST_BIND_DIAMETER, .role = MST_ROLE_BSF, .ue_id = "i@h", .resync = true,
		.rnd = { 1 }, .auts = { 2 } };
	struct mst_fetch zn = { .kind = MST_FETCH_ZN, .role = MST_ROLE_MAF, .btid = "b@bsf", .naf_fqdn = "maf", .ua = { { 1, 0, 1, 0, 0xae } },
		.in_card_aware = true };
	struct mst_fetch f = { .role = MST_ROLE_MAF, .uri = "https://m", .server_name = "m", .path = "/fetchCredentials/x/21", .from = "maf",
		.names = MST_PROFILE_TS0032, .registered = true }, f2;
	struct mst_fetch_result r = { .end = MST_FETCH_OK, .rsc = 2000, .key = { { 1 }, 1 }, .channel = 4, .enrolee_id = "e",
		.lifetime = -1, .rnd = { 1 }, .autn = { 2 }, .xres_n = 8, .has_int = true, .impi = "i", .text = MST_VIEW_LIT("{}"), .retry_after = 3 }, r2;
	struct mst_link_frame l = { MST_PROC_LISTENER, MST_ROLE_MEF, 3 }, l2;
	struct mst_channel c = { 7, { 1 }, MST_DUTY_MAF }, c2;
	struct mst_health_frame he = { MST_READY_YES, false, MST_VIEW_LIT("t") }, he2;
	struct mst_pids pids = { { 7, 4194304 }, 2 }, pids2;
	struct mst_conf_frame cf = { "/etc/x", MST_VIEW_LIT("a = 1;") }, cf2;

	(void)state;
#define TRIP(put, get, a, b) do { \
		w = mst_writer_of(buf, sizeof(buf)); put(&w, &(a)); assert_true(w.ok); \
		for (size_t i = 0; i < w.n; i++) assert_false(get((struct mst_view){ buf, i }, &(b))); \
		assert_false(get((struct mst_view){ buf, w.n + 1 }, &(b))); \
		assert_true(get(mst_written(&w), &(b))); } while (0)
	TRIP(mst_put_psk_ask, mst_get_psk_ask, q, q2);
	assert_memory_equal(&q, &q2, sizeof(q));
	TRIP(mst_put_psk_answer, mst_get_psk_answer, k, k2);
	assert_true(k2.key.n == 2 && k2.key.b[1] == 6 && k2.whose.one == 8 && k2.whose.group == 80);
	TRIP(mst_put_cut, mst_get_cut, cut, cut2);
	assert_true(!cut2.one && cut2.group == 9);
	for (int i = 0; i < 2; i++) {        /* of nobody, and no number of ours */
		w = mst_writer_of(buf, sizeof(buf));
		mst_put_cut(&w, i ? &bad : &nobody);
		assert_false(mst_get_cut(mst_written(&w), &cut2));
	}
	TRIP(mst_put_handshake_failed, mst_get_handshake_failed, h, h2);
	assert_int_equal(h2.why, MST_TLS_CUT);
	TRIP(mst_put_refused, mst_get_refused, x, x2);
	assert_true(x2.status == 4102 && !strcmp(x2.attempt, x.attempt) && !strcmp(x2.why, "y"));
	TRIP(mst_put_fetch, mst_get_fetch, f, f2);
	assert_string_equal(f2.path, f.path);
	TRIP(mst_put_fetch, mst_get_fetch, zh, f2);
	assert_memory_equal(&zh, &f2, sizeof(zh));
	TRIP(mst_put_fetch, mst_get_fetch, zn, f2);
	assert_memory_equal(&zn, &f2, sizeof(zn));
	TRIP(mst_put_fetch_result, mst_get_fetch_result, r, r2);
	assert_true(r2.lifetime == -1 && r2.key.n == 1);
	assert_true(r2.rnd[0] == 1 && r2.autn[0] == 2 && r2.xres_n == 8 && r2.has_int && r2.text.n == 2 && r2.retry_after == 3);
	assert_string_equal(r2.impi, "i");
	TRIP(mst_put_link, mst_get_link, l, l2);
	assert_true(l2.peer == l.peer && l2.role == l.role && l2.channel == 3);
	TRIP(mst_put_channel, mst_get_channel, c, c2);
	assert_memory_equal(c.key, c2.key, 32);
	TRIP(mst_put_health, mst_get_health, he, he2);
	assert_true(he2.ready == MST_READY_YES && !he2.draining);
	TRIP(mst_put_pids, mst_get_pids, pids, pids2);
	assert_true(pids2.n == 2 && pids2.pid[0] == 7 && pids2.pid[1] == 4194304);
	pids.n = MST_PIDS + 1;               /* more than there can be */
	w = mst_writer_of(buf, sizeof(buf));
	mst_put_u16(&w, (uint16_t)pids.n);
	w.n += 4 * pids.n;
	assert_false(mst_get_pids(mst_written(&w), &pids2));
	TRIP(mst_put_conf, mst_get_conf, cf, cf2);
	assert_string_equal(cf2.file, cf.file);
	/* a key without a good end, a good end without a key */
	r.end = MST_FETCH_REFUSED;
	w = mst_writer_of(buf, sizeof(buf));
	mst_put_fetch_result(&w, &r);
	assert_false(mst_get_fetch_result(mst_written(&w), &r2));
	r.end = MST_FETCH_OK;
	r.key.n = 0;
	w = mst_writer_of(buf, sizeof(buf));
	mst_put_fetch_result(&w, &r);
	assert_false(mst_get_fetch_result(mst_written(&w), &r2));
}

static void header_lines(void **state)
{
	static const char *const good[] = { "", "WWW-Authenticate: Digest realm=\"a\"\r\n", "Expires: a\r\nX-3GPP: b\r\n", "A: \r\n" };
	static const char *const bad[] = { "A: b", "A: b\n", "A:b\r\n", ": b\r\n", "A : b\r\n", "A: b\r\n\r\n", "A: b\rc\r\n", "A: \x7f\r\n",
		"A: \xc3\xa4\r\n", "content-length: 3\r\n", "Transfer-Encoding: chunked\r\n", "X: y\r\nConnection: close\r\n", "\r\n" };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(good); i++)
		assert_true(mst_answer_headers_good(good[i]));
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_false(mst_answer_headers_good(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames), cmocka_unit_test(exchange), cmocka_unit_test(exchange_rules), cmocka_unit_test(answer),
		cmocka_unit_test(small_ones), cmocka_unit_test(header_lines),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
