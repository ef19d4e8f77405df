/*
 * Both ways of decoding a public key accept and refuse exactly the same: the same inputs are judged in two
 * children, one with and one without the way around the decoder, and the verdicts compared octet for octet.
 */
#include "tests/support/cm.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/pki.h"

#define NOW INT64_C(1800000000)
#define VERDICTS_MAX 8192

struct der { uint8_t b[MST_CERT_MAX]; size_t n; };
static struct der cert, ca;
static uint8_t ca_key[MST_PKEY_MAX];
static size_t n_ca_key;

static int make_inputs(void **state)
{
	struct mst_crypto *c = mst_crypto_openssl();
	struct mst_cert_spec s = { .role = MST_CERT_CA,
				   .common_name = "CA",
				   .not_before = NOW,
				   .not_after = NOW + 1000,
				   .path_len = -1 };
	struct mst_local_signer signer;
	uint8_t spki[128], key[MST_PKEY_MAX];
	size_t n_spki, n_key;

	(void)state;
	assert_false(mst_ec_fast_installed());
	assert_int_equal(mst_pkey_generate(ca_key, sizeof(ca_key), &n_ca_key), 0);
	assert_int_equal(mst_local_signer_init(&signer, (struct mst_view){ ca_key, n_ca_key }), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ ca_key, n_ca_key }, spki, sizeof(spki), &n_spki),
			 0);
	assert_int_equal(mst_cert_issue(c, &signer.signer, MST_VIEW_NONE, (struct mst_view){ spki, n_spki },
					&s, ca.b, sizeof(ca.b), &ca.n),
			 0);
	assert_int_equal(mst_pkey_generate(key, sizeof(key), &n_key), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ key, n_key }, spki, sizeof(spki), &n_spki), 0);
	s.role = MST_CERT_CLIENT;
	s.n_san = 1;
	s.san[0] = (struct mst_san){ MST_ID_NODE, "urn:dev:ops:1" };
	assert_int_equal(mst_cert_issue(c, &signer.signer, (struct mst_view){ ca.b, ca.n },
					(struct mst_view){ spki, n_spki }, &s, cert.b, sizeof(cert.b),
					&cert.n),
			 0);
	mst_local_signer_deinit(&signer);
	return 0;
}

/* What a TLS peer does with a certificate: decode, take the key, check the signature, compare. */
static uint8_t judge(const struct der *d, EVP_PKEY *issuer)
{
	const unsigned char *p = d->b;
	X509 *x = d2i_X509(NULL, &p, (long)d->n);
	EVP_PKEY *k = x ? X509_get0_pubkey(x) : NULL;
	struct mst_cert_info info;
	uint8_t v = (uint8_t)((x != NULL) | (k != NULL) << 1);

	v = (uint8_t)(v | (x && X509_verify(x, issuer) == 1) << 2);
	v = (uint8_t)(v | (k && EVP_PKEY_eq(k, issuer) == 1) << 3);
	v = (uint8_t)(v | (k && EVP_PKEY_get_bits(k) == 256) << 4);
	v = (uint8_t)(v | (mst_cert_info((struct mst_view){ d->b, d->n }, &info, NULL) & 3) << 5);
	v = (uint8_t)(v | (k && i2d_PUBKEY(k, NULL) == 91 && EVP_PKEY_get_size(k) == 72 && EVP_PKEY_get_security_bits(k) == 128) << 7);
	X509_free(x);
	return v;
}

static size_t judge_all(uint8_t *verdict)
{
	const unsigned char *p = ca.b;
	X509 *x = d2i_X509(NULL, &p, (long)ca.n);
	EVP_PKEY *issuer = X509_get0_pubkey(x);
	struct der d;
	size_t n = 0;

	verdict[n++] = judge(&ca, issuer);
	verdict[n++] = judge(&cert, issuer);
	for (size_t i = 0; i < cert.n; i++)
		for (unsigned bit = 0; bit < 8; bit += 3) {
			d = cert;
			d.b[i] = (uint8_t)(d.b[i] ^ 1u << bit);
			verdict[n++] = judge(&d, issuer);
		}
	for (size_t len = 0; len < cert.n; len += 7) {
		d = cert;
		d.n = len;
		verdict[n++] = judge(&d, issuer);
	}
	X509_free(x);
	return n;
}

static size_t in_child(bool fast, uint8_t *verdict)
{
	int fd[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (fast)
			mst_ec_fast_install();
		if (mst_ec_fast_installed() != fast)
			_exit(3);
		n = judge_all(verdict);
		_exit(write(fd[1], verdict, n) == (ssize_t)n ? 0 : 4);
	}
	close(fd[1]);
	while ((got = read(fd[0], verdict + n, VERDICTS_MAX - n)) > 0)
		n += (size_t)got;
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return n;
}

static void both_ways_judge_alike(void **state)
{
	static uint8_t stock[VERDICTS_MAX], fast[VERDICTS_MAX];
	size_t n = in_child(false, stock), refused = 0;

	(void)state;
	assert_true(n > 500);
	assert_int_equal(stock[0], 1 | 2 | 4 | 8 | 16 | 128);
	assert_int_equal(stock[1], 1 | 2 | 4 | 16 | 128);
	for (size_t i = 2; i < n; i++)
		refused += !(stock[i] & 4);
	assert_int_equal(refused, n - 2);       /* no changed octet leaves a good signature */
	assert_int_equal(in_child(true, fast), n);
	assert_memory_equal(stock, fast, n);
}

struct spki { unsigned char b[512]; int n; };

static void make_spki(const char *curve, const char *encoding, struct spki *ret)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	unsigned char *p = ret->b;
	EVP_PKEY *k = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_group_name(c, curve), 1);
	assert_int_equal(EVP_PKEY_CTX_set_ec_param_enc(c, strcmp(encoding, "explicit") ? OPENSSL_EC_NAMED_CURVE : OPENSSL_EC_EXPLICIT_CURVE), 1);
	assert_int_equal(EVP_PKEY_generate(c, &k), 1);
	ret->n = i2d_PUBKEY(k, NULL);
	assert_in_range(ret->n, 64, sizeof(ret->b));
	assert_int_equal(i2d_PUBKEY(k, &p), ret->n);
	EVP_PKEY_free(k);
	EVP_PKEY_CTX_free(c);
}

/* Other curves, and one whose numbers stand in the key: as a child without the way around left them. */
static void other_curves(void **state)
{
	static const struct { const char *curve, *encoding; int bits; } row[] = {
		{ "P-256", "named", 256 }, { "P-384", "named", 384 }, { "P-521", "named", 521 }, { "P-256", "explicit", 256 },
	};
	int status;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct spki in, out;

		make_spki(row[i].curve, row[i].encoding, &in);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			const unsigned char *p = in.b;
			unsigned char *q = out.b;
			EVP_PKEY *k, *again;

			mst_ec_fast_install();
			k = d2i_PUBKEY(NULL, &p, in.n);
			p = in.b;
			again = d2i_PUBKEY(NULL, &p, in.n);
			_exit(!(k && again && EVP_PKEY_get_bits(k) == row[i].bits && EVP_PKEY_eq(k, again) == 1 && i2d_PUBKEY(k, &q) == in.n &&
				!memcmp(in.b, out.b, (size_t)in.n)));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

static void keys_made_and_signatures_given_both_ways_fit(void **state)
{
	struct mst_crypto *c = mst_crypto_openssl();
	struct mst_local_signer stock, fast;
	const unsigned char *p = ca.b, *q = ca.b;
	X509 *way[2];
	uint8_t digest[MST_SHA256_LEN] = { 1 }, sig[128];
	size_t n;
	EVP_PKEY_CTX *x;

	(void)state;
	assert_int_equal(mst_local_signer_init(&stock, (struct mst_view){ ca_key, n_ca_key }), 0);
	way[1] = d2i_X509(NULL, &p, (long)ca.n);
	assert_non_null(X509_get0_pubkey(way[1]));
	mst_ec_fast_install();
	mst_ec_fast_install();                  /* twice is once */
	assert_true(mst_ec_fast_installed());
	way[0] = d2i_X509(NULL, &q, (long)ca.n);
	assert_int_equal(mst_local_signer_init(&fast, (struct mst_view){ ca_key, n_ca_key }), 0);
	assert_int_equal(c->ops->sha256(c, MST_VIEW_LIT("x"), digest), 0);
	for (int turn = 0; turn < 2; turn++) {
		struct mst_local_signer *by = turn ? &fast : &stock;

		assert_int_equal(by->signer.sign(&by->signer, digest, sig, sizeof(sig), &n), 0);
		x = EVP_PKEY_CTX_new(X509_get0_pubkey(way[turn]), NULL);
		assert_int_equal(EVP_PKEY_verify_init(x), 1);
		assert_int_equal(EVP_PKEY_verify(x, sig, n, digest, sizeof(digest)), 1);
		sig[n - 1] ^= 1;
		assert_int_not_equal(EVP_PKEY_verify(x, sig, n, digest, sizeof(digest)), 1);
		EVP_PKEY_CTX_free(x);
	}
	mst_local_signer_deinit(&stock);
	mst_local_signer_deinit(&fast);
	X509_free(way[0]);
	X509_free(way[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_judge_alike),
		cmocka_unit_test(other_curves),
		cmocka_unit_test(keys_made_and_signatures_given_both_ways_fit),
	};

	return cmocka_run_group_tests(tests, make_inputs, NULL);
}
