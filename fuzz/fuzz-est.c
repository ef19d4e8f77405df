/*
 * What EST carries, on any octets: requests, attributes, bags, their base64; and the client's machine fed with answers made
 * of them. What is read is well-formed, base64 as OpenSSL reads it; a request that is taken has proven its key.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/request.h"
#include "proto/est/est.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char *attrs(void *ctx, struct mst_view der, struct est_attrs *ret)
{
	struct mst_csr_attrs a;

	(void)ctx;
	if (mst_csr_attrs_read(der, &a))
		return "no";
	memset(ret, 0, sizeof(*ret));
	ret->has_challenge = a.has_challenge;
	memcpy(ret->challenge, a.challenge, sizeof(ret->challenge));
	return NULL;
}

static const char *csr(void *ctx, const struct est_name *name, const char *challenge, uint8_t *out, size_t cap, size_t *ret_n)
{
	(void)ctx;
	(void)name;
	*ret_n = strlen(challenge) + 1;
	if (*ret_n > cap)
		abort();
	memcpy(out, challenge, *ret_n);
	return NULL;
}

static const char *bag(void *ctx, struct mst_view v)
{
	static uint8_t out[MST_BAG_MAX];
	struct mst_bag b;

	(void)ctx;
	if (mst_bag_read(v, out, sizeof(out), &b))
		return "no";
	if (!b.n || b.n > MST_BAG_CERTS)
		abort();
	return NULL;
}

/* OpenSSL is not as strict as we are: what we take, it takes. */
static void base64(struct mst_view v)
{
	static uint8_t ours[16384], theirs[sizeof(ours) + 64];
	EVP_ENCODE_CTX *x;
	size_t n = 0;
	int a = 0, b = 0;

	if (v.n > sizeof(ours) || !mst_est_get_base64(v, ours, MST_CSR_MAX, &n))
		return;
	if (n > MST_CSR_MAX)
		abort();
	x = EVP_ENCODE_CTX_new();
	EVP_DecodeInit(x);
	if (EVP_DecodeUpdate(x, theirs, &a, v.p, (int)v.n) < 0 || EVP_DecodeFinal(x, theirs + a, &b) < 0 ||
	    !mst_view_eq((struct mst_view){ ours, n }, (struct mst_view){ theirs, (size_t)(a + b) }))
		abort();
	EVP_ENCODE_CTX_free(x);
}

/* Answers: status/2 by the first octet, the rest up to a zero octet is the body. */
static void drive(struct mst_view v)
{
	static const struct est_port port = { NULL, attrs, csr, bag, bag };
	struct est_config c = { .host = "mef.example.com", .base = "/.well-known/est", .port = &port, .answer_ms = 1000 };
	static struct est e;

	c.job = v.n ? (enum est_job)(v.p[0] % EST_JOB__COUNT) : EST_JOB_ENROLL;
	if (!est_init(&e, &c))
		abort();
	est_opened(&e, 1);
	while (v.n && !est_ended(&e)) {
		struct mst_view body = mst_view_sub(v, 1, mst_view_find(mst_view_sub(v, 1, v.n), 0));
		struct mst_http_msg m = { .status = 2 * v.p[0], .body = body };

		if (est_request(&e).n)
			est_sent(&e);
		est_feed(&e, &m, 2);
		v = mst_view_sub(v, 2 + body.n, v.n);
	}
	if (est_ended(&e) && est_request(&e).n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view v = { p, n };
	uint8_t out[MST_BAG_MAX];
	struct mst_csr_info info;
	struct mst_csr_attrs a;
	struct mst_diag d = { 0 };
	struct mst_bag b;

	base64(v);
	if (mst_csr_info(v, &info, &d) == 0)
		for (size_t i = 0; i < info.n_san; i++)
			if (!mst_id_valid(info.san[i].kind, mst_view_str(info.san[i].value)))
				abort();
	if (mst_csr_attrs_read(v, &a) == 0 && a.has_san && !mst_id_valid(a.san.kind, mst_view_str(a.san.value)))
		abort();
	if (mst_bag_read(v, out, sizeof(out), &b) == 0 && (!b.n || b.n > MST_BAG_CERTS))
		abort();
	drive(v);
	return 0;
}
