/* A maker's secret that was taken (maker.h): what opens it, and what does not. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secenv/maker.h"

#define IDENTITY "node-7@bbn.example.com"

static struct mst_crypto *c;
static char top[64];
static struct mst_secenv *one, *other;

static struct mst_secenv *store(const char *name)
{
	char dir[96], key_file[96];
	struct mst_secenv *s = NULL;
	struct mst_diag d = { 0 };

	snprintf(dir, sizeof(dir), "%s/%s", top, name);
	snprintf(key_file, sizeof(key_file), "%s/%s.key", top, name);
	assert_int_equal(mst_secenv_file_open(dir, key_file, c, &s, &d), 0);
	return s;
}

static int set_up(void **state)
{
	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-maker-XXXXXX");
	assert_non_null(mkdtemp(top));
	one = store("one");
	other = store("other");
	return 0;
}

static int tear_down(void **state)
{
	char cmd[96];

	(void)state;
	one->ops->close(one);
	other->ops->close(other);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static struct mst_key secret_of(size_t n)
{
	struct mst_key k = { .n = n };

	for (size_t i = 0; i < n; i++)
		k.b[i] = (uint8_t)(i + 1);
	return k;
}

static struct mst_view sealed(struct mst_secenv *s, const char *identity, size_t n, char *text, size_t cap)
{
	const struct mst_key secret = secret_of(n);
	struct mst_writer w = mst_writer_of(text, cap);
	struct mst_secenv_key k;
	struct mst_diag d = { 0 };

	assert_int_equal(maker_seal(s, c, identity, &secret, &w, &k, &d), 0);
	assert_true(k.n > 32);
	return mst_written(&w);
}

static void assert_opens(struct mst_secenv *s, struct mst_view text, size_t n)
{
	const struct mst_key want = secret_of(n);
	struct mst_key k;
	struct mst_diag d = { 0 };

	assert_int_equal(maker_open(s, c, text, IDENTITY, &k, NULL, &d), 0);
	assert_int_equal(k.n, n);
	assert_memory_equal(k.b, want.b, n);
}

static void every_length(void **state)
{
	char text[MAKER_TEXT_MAX];

	(void)state;
	for (size_t n = 16; n <= MST_KEY_MAX; n++) {
		struct mst_view v = sealed(one, IDENTITY, n, text, sizeof(text));

		assert_true(maker_is_sealed(v));
		assert_opens(one, v, n);
	}
	assert_false(maker_is_sealed(MST_VIEW_LIT("0123-4567-89AB-CDEF-FEDC-BA98-7654-3210=296E")));
}

/* The longest identity, and the longest key that a back end may give: room for both is there. */
static int longest_import(struct mst_secenv *s, struct mst_view v, struct mst_secenv_key *ret, struct mst_diag *d)
{
	(void)s;
	(void)v;
	(void)d;
	memset(ret->b, 'T', ret->n = sizeof(ret->b));
	return 0;
}

static int same_hmac(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_view message, uint8_t out[MST_SHA256_LEN], struct mst_diag *d)
{
	(void)s;
	(void)d;
	return c->ops->hmac_sha256(c, (struct mst_view){ k->b, 32 }, message, out);
}

static void the_longest(void **state)
{
	static const struct mst_secenv_ops ops = { .secret_import = longest_import, .secret_hmac = same_hmac };
	struct mst_secenv s = { &ops };
	const struct mst_key secret = secret_of(MST_KEY_MAX);
	char identity[MST_ID_MAX], text[2 * MAKER_TEXT_MAX];
	struct mst_writer w = mst_writer_of(text, MAKER_TEXT_MAX);
	struct mst_secenv_key k;
	struct mst_diag d = { 0 };
	struct mst_key got;
	size_t n;

	(void)state;
	memset(identity, 'i', sizeof(identity));
	identity[sizeof(identity) - 1] = '\0';
	assert_int_equal(maker_seal(&s, c, identity, &secret, &w, &k, &d), 0);
	n = w.n;
	assert_int_equal(maker_open(&s, c, mst_written(&w), identity, &got, NULL, &d), 0);
	/* and two of them are a file */
	assert_true(2 * n < MAKER_FILE_MAX);
	memcpy(text + n, text, n);
	assert_int_equal(maker_open(&s, c, (struct mst_view){ (uint8_t *)text, 2 * n }, identity, &got, NULL, &d), 0);
	assert_int_equal(got.n, MST_KEY_MAX);
}

/* While a store moves there is a block for each: the one that this store opens is it, wherever it stands. */
static void the_stores_own_block(void **state)
{
	char a[MAKER_TEXT_MAX], b[MAKER_TEXT_MAX], file[2 * MAKER_TEXT_MAX];
	struct mst_view of_one, of_other;
	struct mst_diag d = { 0 };
	struct mst_key k;

	(void)state;
	of_one = sealed(one, IDENTITY, 16, a, sizeof(a));
	of_other = sealed(other, IDENTITY, 32, b, sizeof(b));
	assert_int_equal(maker_open(other, c, of_one, IDENTITY, &k, NULL, &d), MST_SECENV_CLEARED);
	assert_int_equal(k.n, 0);
	for (int i = 0; i < 2; i++) {
		struct mst_writer w = mst_writer_of(file, sizeof(file));
		struct maker_box x;

		mst_put(&w, i ? of_other : of_one);
		mst_put(&w, i ? of_one : of_other);
		assert_opens(one, mst_written(&w), 16);
		assert_opens(other, mst_written(&w), 32);
		/* and is given, to be written again */
		assert_int_equal(maker_open(other, c, mst_written(&w), IDENTITY, &k, &x, &d), 0);
		w = mst_writer_of(file, sizeof(file));
		maker_put(&x, &w);
		assert_int_equal(w.n, of_other.n);
		assert_memory_equal(w.p, of_other.p, w.n);
	}
}

static void of_another_identity(void **state)
{
	char text[MAKER_TEXT_MAX];
	struct mst_view v;
	struct mst_diag d = { 0 };
	struct mst_key k;
	bool inside = true;

	(void)state;
	v = sealed(one, IDENTITY, 32, text, sizeof(text));
	assert_int_equal(maker_check(v, IDENTITY, &inside, &d), 0);
	assert_false(inside);
	assert_int_equal(maker_check(v, "node-8@bbn.example.com", &inside, &d), MST_SECENV_OTHER);
	assert_non_null(strstr(d.text, IDENTITY));
	assert_int_equal(maker_open(one, c, v, "node-8@bbn.example.com", &k, NULL, &d), MST_SECENV_OTHER);
	assert_int_equal(k.n, 0);
}

/* Every bit of it is bound: version, salt, key, identity, box. */
static void no_octet_is_anybodys(void **state)
{
	char text[MAKER_TEXT_MAX], again[MAKER_TEXT_MAX];
	struct mst_view v;
	uint8_t der[MAKER_MAX];
	size_t at = 0, n = 0;

	(void)state;
	v = sealed(one, IDENTITY, 32, text, sizeof(text));
	assert_int_equal(mst_pem_next(v, &at, MAKER_LABEL, der, sizeof(der), &n, NULL), 0);
	assert_true(n > 100);
	for (size_t i = 0; i < 8 * n; i++) {
		struct mst_writer w = mst_writer_of(again, sizeof(again));
		struct mst_diag d = { 0 };
		struct mst_key k;

		der[i / 8] ^= (uint8_t)(1u << i % 8);
		mst_pem_put(&w, MAKER_LABEL, (struct mst_view){ der, n });
		assert_int_not_equal(maker_open(one, c, mst_written(&w), IDENTITY, &k, NULL, &d), 0);
		assert_int_equal(k.n, 0);
		assert_true(d.text[0]);
		der[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	/* nor one less, or one more */
	for (size_t less = 1; less <= n; less++) {
		struct mst_writer w = mst_writer_of(again, sizeof(again));
		struct mst_key k;

		mst_pem_put(&w, MAKER_LABEL, (struct mst_view){ der, n - less });
		assert_int_not_equal(maker_open(one, c, mst_written(&w), IDENTITY, &k, NULL, NULL), 0);
	}
}

static void what_is_none(void **state)
{
	char text[MAKER_TEXT_MAX];
	struct mst_view v;
	struct mst_key k;
	bool inside;

	(void)state;
	assert_int_equal(maker_open(one, c, MST_VIEW_LIT("words\n"), IDENTITY, &k, NULL, NULL), MST_SECENV_NONE);
	v = sealed(one, IDENTITY, 32, text, sizeof(text));
	for (size_t n = 0; n + 1 < v.n; n++)             /* but for the last line feed */
		assert_int_not_equal(maker_check((struct mst_view){ v.p, n }, IDENTITY, &inside, NULL), 0);
}

/* Nothing of the store is in it: there after all of that has been erased, as long as its key file is. */
static void a_store_that_begins_anew(void **state)
{
	char text[MAKER_TEXT_MAX], cmd[128];
	struct mst_view v;

	(void)state;
	v = sealed(one, IDENTITY, 32, text, sizeof(text));
	one->ops->close(one);
	snprintf(cmd, sizeof(cmd), "rm -r %s/one", top);
	assert_int_equal(system(cmd), 0);
	one = store("one");
	assert_opens(one, v, 32);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(every_length), T(the_longest), T(the_stores_own_block), T(of_another_identity), T(no_octet_is_anybodys),
					    T(what_is_none), T(a_store_that_begins_anew) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
