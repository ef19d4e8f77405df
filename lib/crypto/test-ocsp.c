/* Certificate status online; the openssl command makes requests and judges answers. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "crypto/ocsp.h"
#include "crypto/pki.h"

#define DAY 86400

static struct party { uint8_t key[MST_PKEY_MAX], spki[128], cert[MST_CERT_MAX]; size_t n_key, n_spki, n_cert; struct mst_local_signer s; } ca, node, signer,
	other;
static char dir[64];
static mst_time now;

static struct mst_view der_of(const struct party *p) { return (struct mst_view){ p->cert, p->n_cert }; }

static void make(struct party *p, enum mst_cert_role role, const char *name, const struct party *by)
{
	struct mst_cert_spec s = { .role = role, .not_before = now - DAY, .not_after = now + DAY, .path_len = -1 };

	snprintf(s.common_name, sizeof(s.common_name), "%s", name);
	if (role == MST_CERT_CLIENT) {
		s.n_san = 1;
		s.san[0].kind = MST_ID_FQDN;
		snprintf(s.san[0].value, sizeof(s.san[0].value), "%s", name);
		s.ocsp_uri = "http://ocsp.sp.example.com:8447/ocsp";
	}
	assert_int_equal(mst_pkey_generate(p->key, sizeof(p->key), &p->n_key), 0);
	assert_int_equal(mst_local_signer_init(&p->s, (struct mst_view){ p->key, p->n_key }), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ p->key, p->n_key }, p->spki, sizeof(p->spki), &p->n_spki), 0);
	assert_int_equal(mst_cert_issue(mst_crypto_openssl(), by ? (struct mst_signer *)(uintptr_t)&by->s.signer : &p->s.signer,
					by ? der_of(by) : MST_VIEW_NONE, (struct mst_view){ p->spki, p->n_spki }, &s, p->cert,
					sizeof(p->cert), &p->n_cert), 0);
}

static void put_file(const char *name, struct mst_view v)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(v.p, 1, v.n, f), v.n);
	fclose(f);
}

static void put_pem(const char *name, struct mst_view der)
{
	uint8_t b[2 * MST_CERT_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_pem_put(&w, "CERTIFICATE", der);
	put_file(name, mst_written(&w));
}

static size_t get_file(const char *name, uint8_t *out, size_t cap)
{
	char path[128];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(out, 1, cap, f);
	fclose(f);
	return n;
}

static const char *run(const char *command)
{
	static char out[8192];
	char cmd[1024];
	size_t n;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "cd %s && (%s) 2>&1", dir, command);
	f = popen(cmd, "r");
	assert_non_null(f);
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = 0;
	pclose(f);
	return out;
}

static int set_up(void **state)
{
	(void)state;
#ifdef TEST_EC_FAST
	mst_ec_fast_install();
#endif
	now = (mst_time)time(NULL);
	snprintf(dir, sizeof(dir), "/tmp/mst-ocsp-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	make(&ca, MST_CERT_CA, "our CA", NULL);
	make(&other, MST_CERT_CA, "another CA", NULL);
	make(&node, MST_CERT_CLIENT, "cse1.sp.example.com", &ca);
	make(&signer, MST_CERT_OCSP, "OCSP responder", &ca);
	put_pem("ca.pem", der_of(&ca));
	put_pem("other.pem", der_of(&other));
	put_pem("node.pem", der_of(&node));
	put_pem("signer.pem", der_of(&signer));
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	mst_local_signer_deinit(&ca.s);
	mst_local_signer_deinit(&node.s);
	mst_local_signer_deinit(&signer.s);
	mst_local_signer_deinit(&other.s);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

/* What `openssl ocsp` asks with these arguments, read. */
static struct mst_ocsp_request ask(const char *args)
{
	uint8_t der[MST_OCSP_REQUEST_MAX];
	struct mst_ocsp_request q;
	struct mst_diag d = { 0 };
	char cmd[600];
	size_t n;

	snprintf(cmd, sizeof(cmd), "openssl ocsp %s -reqout req.der", args);
	(void)run(cmd);
	n = get_file("req.der", der, sizeof(der));
	if (mst_ocsp_request_read((struct mst_view){ der, n }, der_of(&ca), &q, &d))
		fail_msg("%s: %s", d.field, d.text);
	return q;
}

static struct mst_ocsp_answer answer_to(const struct mst_ocsp_request *q, enum mst_ocsp_status status)
{
	struct mst_ocsp_answer a = { .n = q->n, .n_nonce = q->n_nonce, .this_update = now, .next_update = now + 3600 };

	memcpy(a.nonce, q->nonce, sizeof(a.nonce));
	for (size_t i = 0; i < q->n; i++)
		a.single[i] = (struct mst_ocsp_single){ q->asked[i].id, status, status == MST_OCSP_REVOKED ? now - 60 : 0,
							status == MST_OCSP_REVOKED ? 1 : 0 };
	return a;
}

static int respond(const struct party *by, const struct mst_ocsp_answer *a, uint8_t *der, size_t cap, size_t *n)
{
	return mst_ocsp_response_make((struct mst_view){ by->key, by->n_key }, der_of(by), der_of(&ca), a, der, cap, n);
}

static void requests_of_openssl_are_read(void **state)
{
	static const char *const hash[] = { "sha1", "sha256", "sha384", "sha512" };
	struct mst_ocsp_request q;
	struct mst_cert_info i;
	char args[200];

	(void)state;
	assert_int_equal(mst_cert_info(der_of(&node), &i, NULL), 0);
	for (size_t h = 0; h < MST_COUNT(hash); h++) {
		snprintf(args, sizeof(args), "-%s -issuer ca.pem -cert node.pem", hash[h]);
		q = ask(args);
		assert_true(q.n == 1 && q.asked[0].ours && q.n_nonce >= 16 && q.n_nonce <= 32);
		assert_string_equal(q.asked[0].serial, i.serial);
	}
	q = ask("-no_nonce -issuer ca.pem -serial 0x01 -issuer other.pem -cert node.pem");
	assert_true(q.n == 2 && q.n_nonce == 0 && q.asked[0].ours && !q.asked[1].ours);
	assert_string_equal(q.asked[0].serial, "01");
	/* a serial number that no certificate of ours can have */
	q = ask("-issuer ca.pem -serial 0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021");
	assert_true(q.asked[0].ours && !q.asked[0].serial[0]);
	q = ask("-issuer ca.pem -serial -5");
	assert_true(q.asked[0].ours && !q.asked[0].serial[0]);
}

static void answers_satisfy_openssl(void **state)
{
	static const struct { enum mst_ocsp_status s; const char *say; } row[] = {
		{ MST_OCSP_GOOD, "Cert Status: good" }, { MST_OCSP_REVOKED, "Cert Status: revoked" }, { MST_OCSP_UNKNOWN, "Cert Status: unknown" },
	};
	struct mst_ocsp_request q = ask("-sha256 -issuer ca.pem -cert node.pem");
	uint8_t der[MST_OCSP_RESPONSE_MAX];
	size_t n;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_ocsp_answer a = answer_to(&q, row[i].s);
		const char *said;

		assert_int_equal(respond(&signer, &a, der, sizeof(der), &n), 0);
		put_file("resp.der", (struct mst_view){ der, n });
		said = run("openssl ocsp -reqin req.der -respin resp.der -CAfile ca.pem -resp_text");
		if (!strstr(said, "Response verify OK") || !strstr(said, row[i].say) || !strstr(said, "Next Update") ||
		    strstr(said, "Nonce Verify error") || strstr(said, "WARNING") || !strstr(said, "keyCompromise") != (row[i].s != MST_OCSP_REVOKED))
			fail_msg("%s", said);
		/* a library of its own; it has its own idea of which key may sign */
		said = run("ocsptool -e -S resp.der --load-issuer ca.pem --load-trust ca.pem");
		if (!strstr(said, "Verifying OCSP Response: Success"))
			fail_msg("%s", said);
	}
	/* RFC 6960 4.2.2.2: what the CA has not made a responder of is none */
	{
		struct mst_ocsp_answer a = answer_to(&q, MST_OCSP_GOOD);

		assert_int_equal(respond(&node, &a, der, sizeof(der), &n), 0);
		put_file("resp.der", (struct mst_view){ der, n });
		assert_non_null(strstr(run("openssl ocsp -reqin req.der -respin resp.der -CAfile ca.pem -resp_text"),
				       "Response Verify Failure"));
	}
	assert_non_null(strstr(run("openssl x509 -in signer.pem -noout -text"), "OCSP No Check"));
	assert_non_null(strstr(run("openssl x509 -in node.pem -noout -ocsp_uri"), "http://ocsp.sp.example.com:8447/ocsp"));
}

static void what_must_not_be_said_is_not_signed(void **state)
{
	struct mst_ocsp_request q = ask("-issuer other.pem -cert node.pem -issuer ca.pem -cert node.pem");
	struct mst_ocsp_answer good = answer_to(&q, MST_OCSP_UNKNOWN), a = good;
	uint8_t der[MST_OCSP_RESPONSE_MAX];
	size_t n = 0;

	(void)state;
	assert_int_equal(respond(&signer, &a, der, sizeof(der), &n), 0);
	a.single[0].status = MST_OCSP_GOOD;              /* of another CA's */
	assert_int_equal(respond(&signer, &a, der, sizeof(der), &n), MST_PKI_MALFORMED);
	a = good, a.single[1].status = (enum mst_ocsp_status)3;
	assert_int_equal(respond(&signer, &a, der, sizeof(der), &n), MST_PKI_MALFORMED);
	a = good, a.single[1].status = MST_OCSP_REVOKED, a.single[1].reason = 7;
	assert_int_equal(respond(&signer, &a, der, sizeof(der), &n), MST_PKI_MALFORMED);
	a = good, a.single[1].id.n -= 1;
	assert_int_equal(respond(&signer, &a, der, sizeof(der), &n), MST_PKI_MALFORMED);
	a = good, a.n = 0;
	assert_int_equal(respond(&signer, &a, der, sizeof(der), &n), MST_PKI_MALFORMED);
	a = good, a.next_update = a.this_update;
	assert_int_equal(respond(&signer, &a, der, sizeof(der), &n), MST_PKI_MALFORMED);
	a = good;
	assert_int_equal(respond(&signer, &a, der, 100, &n), MST_PKI_NO_ROOM);
}

/* Each octet of a good request changed, each beginning of it, and extensions as RFC 9654 and 6960 do not want them. */
static void wrong_requests_are_refused(void **state)
{
	static const struct { const char *why; size_t inner; uint8_t tag; bool critical; const char *oid; bool good; } row[] = {
		{ "a nonce of 1 octet", 1, 0x04, false, "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x02", true },
		{ "of 128", 128, 0x04, false, "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x02", true },
		{ "of 129", 129, 0x04, false, "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x02", false },
		{ "of none", 0, 0x04, false, "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x02", false },
		{ "no OCTET STRING", 8, 0x02, false, "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x02", false },
		{ "another extension", 4, 0x04, false, "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x63", true },
		{ "a critical one", 4, 0x04, true, "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x63", false },
	};
	uint8_t der[MST_OCSP_REQUEST_MAX + 64], b[512];
	struct mst_ocsp_request q;
	struct mst_diag d = { 0 };
	size_t n, list;

	(void)state;
	(void)ask("-no_nonce -issuer ca.pem -cert node.pem");
	n = get_file("req.der", der, sizeof(der));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(mst_ocsp_request_read((struct mst_view){ der, i }, der_of(&ca), &q, NULL), MST_PKI_MALFORMED);
		der[i] ^= 0x80;
		(void)!mst_ocsp_request_read((struct mst_view){ der, n }, der_of(&ca), &q, NULL);
		der[i] ^= 0x80;
	}
	der[n] = 0;
	assert_int_equal(mst_ocsp_request_read((struct mst_view){ der, n + 1 }, der_of(&ca), &q, &d), MST_PKI_MALFORMED);
	assert_string_equal(d.field, "request");
	/* SEQUENCE { SEQUENCE { requestList, [2] EXPLICIT SEQUENCE { Extension } } } around the list that openssl made */
	assert_true(der[0] == 0x30 && der[1] < 0x80 && der[2] == 0x30 && der[3] < 0x80);
	list = n - 4;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		size_t in = row[i].inner, val = in + (in < 128 ? 2 : 3), ext = 11 + (row[i].critical ? 3u : 0u) + val + (val < 128 ? 2 : 3);
		size_t seq = ext + (ext < 128 ? 2 : 3), seqs = seq + (seq < 128 ? 2 : 3), all = list + seqs + (seqs < 128 ? 2 : 3);
		struct mst_writer w = mst_writer_of(b, sizeof(b));
		int r;

		for (size_t h = 0; h < 2; h++)
			mst_put_u8(&w, 0x30), mst_put_u8(&w, 0x82), mst_put_u16(&w, (uint16_t)(h ? all : all + 4));
		mst_put(&w, (struct mst_view){ der + 4, list });
		{
			const struct { uint8_t tag; size_t n; } part[] = { { 0xa2, seqs }, { 0x30, seq }, { 0x30, ext } };

			for (size_t k = 0; k < 3; k++) {
				mst_put_u8(&w, part[k].tag);
				if (part[k].n >= 128)
					mst_put_u8(&w, 0x81);
				mst_put_u8(&w, (uint8_t)part[k].n);
			}
		}
		mst_put(&w, (struct mst_view){ (const uint8_t *)row[i].oid, 11 });
		if (row[i].critical)
			mst_put(&w, (struct mst_view){ (const uint8_t *)"\x01\x01\xff", 3 });
		mst_put_u8(&w, 0x04);
		if (val >= 128)
			mst_put_u8(&w, 0x81);
		mst_put_u8(&w, (uint8_t)val);
		mst_put_u8(&w, row[i].tag);
		if (in >= 128)
			mst_put_u8(&w, 0x81);
		mst_put_u8(&w, (uint8_t)in);
		for (size_t k = 0; k < in; k++)
			mst_put_u8(&w, 7);
		r = mst_ocsp_request_read(mst_written(&w), der_of(&ca), &q, &d);
		if (r != (row[i].good ? 0 : MST_PKI_MALFORMED))
			fail_msg("%s: %d %s %s", row[i].why, r, d.field, d.text);
	}
}

static void errors_are_written(void **state)
{
	uint8_t b[16];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	(void)state;
	mst_ocsp_error_put(MST_OCSP_UNAUTHORIZED, &w);
	put_file("resp.der", mst_written(&w));
	assert_non_null(strstr(run("openssl ocsp -respin resp.der -noverify"), "Responder Error: unauthorized (6)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_of_openssl_are_read), cmocka_unit_test(answers_satisfy_openssl),
		cmocka_unit_test(what_must_not_be_said_is_not_signed), cmocka_unit_test(wrong_requests_are_refused),
		cmocka_unit_test(errors_are_written),
	};

	return cmocka_run_group_tests_name("ocsp", tests, set_up, tear_down);
}
