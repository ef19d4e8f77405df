/*
 * Kinds ub and gba: a subscriber's card and phone in small (TS 33.220, TS 24.109), by OpenSSL's AES, MD5 and HMAC and nothing of the
 * server's. Milenage as in TS 35.206 with OPc given; the number in AUTN is not remembered, its MAC is checked.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "load.h"

#define HEX 33
static const unsigned char tls12_suite[5] = { 1, 0, 1, 0x00, 0xae }, tls13[5] = { 1, 0, 0, 0, 7 };

/* --- the card --- */

static bool aes(EVP_CIPHER_CTX *x, const unsigned char in[16], unsigned char out[16])
{
	int n = 0;

	return EVP_EncryptUpdate(x, out, &n, in, 16) == 1 && n == 16;
}

/* OUTi = E(rot(TEMP ^ OPc, r) ^ c) ^ OPc; r in octets, c in the last octet. */
static bool out_i(EVP_CIPHER_CTX *x, const unsigned char temp[16], const unsigned char opc[16], unsigned r, unsigned char c, unsigned char out[16])
{
	unsigned char in[16];

	for (unsigned i = 0; i < 16; i++)
		in[i] = temp[(i + r) % 16] ^ opc[(i + r) % 16];
	in[15] ^= c;
	if (!aes(x, in, out))
		return false;
	for (unsigned i = 0; i < 16; i++)
		out[i] ^= opc[i];
	return true;
}

/* f1 over the number that AUTN hides: is it the operator's? */
static bool mac_good(EVP_CIPHER_CTX *x, const struct load_sim *s, const unsigned char temp[16], const unsigned char autn[16], const unsigned char ak[6])
{
	unsigned char in1[16], in[16], out[16];

	for (unsigned i = 0; i < 6; i++)
		in1[i] = autn[i] ^ ak[i];
	memcpy(in1 + 6, autn + 6, 2);
	memcpy(in1 + 8, in1, 8);
	for (unsigned i = 0; i < 16; i++)
		in[i] = temp[i] ^ in1[(i + 8) % 16] ^ s->opc[(i + 8) % 16];
	if (!aes(x, in, out))
		return false;
	for (unsigned i = 0; i < 8; i++)
		if ((out[i] ^ s->opc[i]) != autn[8 + i])
			return false;
	return true;
}

static bool authenticate(struct load_sim *s, const unsigned char challenge[32])
{
	EVP_CIPHER_CTX *x = s->aes;
	unsigned char in[16], temp[16], out2[16];

	for (unsigned i = 0; i < 16; i++)
		in[i] = challenge[i] ^ s->opc[i];
	if (!aes(x, in, temp) || !out_i(x, temp, s->opc, 0, 1, out2) || !out_i(x, temp, s->opc, 4, 2, s->ks) || !out_i(x, temp, s->opc, 8, 4, s->ks + 16))
		return false;
	memcpy(s->res, out2 + 8, 8);
	memcpy(s->rnd, challenge, 16);
	return mac_good(x, s, temp, challenge + 16, out2);
}

/* --- Digest --- */

static void hex_of(const unsigned char *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static bool md5(const void *p, size_t n, char out[HEX])
{
	unsigned char d[16];

	if (EVP_Digest(p, n, d, NULL, EVP_md5(), NULL) != 1)
		return false;
	hex_of(d, sizeof(d), out);
	return true;
}

/* `method` "": rspauth. */
static bool digest(const struct load_sim *s, const char *realm, const char *method, const char *body, size_t body_n, char out[HEX])
{
	char a1[600], text[700], ha1[HEX], ha2[HEX], entity[HEX];
	int n = snprintf(a1, sizeof(a1) - 8, "%s:%s:", s->impi, realm);

	if (n < 0 || (size_t)n >= sizeof(a1) - 8)
		return false;
	memcpy(a1 + n, s->res, 8);
	if (!md5(a1, (size_t)n + 8, ha1) || !md5(body, body_n, entity))
		return false;
	n = snprintf(text, sizeof(text), "%s:/:%s", method, entity);
	if (!md5(text, (size_t)n, ha2))
		return false;
	n = snprintf(text, sizeof(text), "%s:%s:00000001:%s:auth-int:%s", ha1, s->nonce, s->cnonce, ha2);
	return n > 0 && (size_t)n < sizeof(text) && md5(text, (size_t)n, out);
}

size_t load_ub_request(const struct load *l, struct load_node *node, unsigned step, char *out, size_t cap)
{
	struct load_sim *s = &node->sim;
	unsigned char chance[16];
	char response[HEX] = "", more[700] = "";
	int n;

	if (step == 1) {
		if (RAND_bytes(chance, sizeof(chance)) != 1)
			return 0;
		hex_of(chance, sizeof(chance), s->cnonce);
		if (!digest(s, l->server_name, "GET", "", 0, response))
			return 0;
		n = snprintf(more, sizeof(more), ", qop=auth-int, nc=00000001, cnonce=\"%s\", algorithm=AKAv1-MD5%s%s%s", s->cnonce,
			     s->opaque[0] ? ", opaque=\"" : "", s->opaque, s->opaque[0] ? "\"" : "");
		if (n < 0 || (size_t)n >= sizeof(more))
			return 0;
	}
	n = snprintf(out, cap, "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: load 3gpp-gba\r\nAuthorization: Digest username=\"%s\", realm=\"%s\", "
		     "nonce=\"%s\", uri=\"/\", response=\"%s\"%s\r\n\r\n", l->server_name, s->impi, l->server_name, step ? s->nonce : "", response, more);
	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

/* The value of name="…" among the header's, whichever header it is in. */
static bool parameter(const char *head, size_t n, const char *name, char *out, size_t cap)
{
	char with[40];
	int w = snprintf(with, sizeof(with), " %s=\"", name);
	const char *p = memmem(head, n, with, (size_t)w), *end;

	if (!p)
		return false;
	p += w;
	end = memchr(p, '"', n - (size_t)(p - head));
	if (!end || (size_t)(end - p) >= cap)
		return false;
	memcpy(out, p, (size_t)(end - p));
	out[end - p] = '\0';
	return true;
}

static bool challenged(struct load_sim *s, const char *in, size_t head)
{
	unsigned char octets[40];

	s->opaque[0] = '\0';
	(void)parameter(in, head, "opaque", s->opaque, sizeof(s->opaque));
	return strncmp(in, "HTTP/1.1 401", 12) == 0 && parameter(in, head, "nonce", s->nonce, sizeof(s->nonce)) && strlen(s->nonce) == 44 &&
	       EVP_DecodeBlock(octets, (const unsigned char *)s->nonce, 44) == 33 && authenticate(s, octets);
}

/* HMAC-SHA-256(Ks, 01 || "gba-me" || RAND || IMPI || NAF_Id), each with its length. */
static bool ks_naf(const struct load *l, struct load_node *node)
{
	unsigned char b[1024], *p = b;
	const struct load_sim *s = &node->sim;
	size_t impi = strlen(s->impi), naf = strlen(l->maf) + 5;
	unsigned n = 0;

	*p++ = 1;
#define PART(octets, len) (memcpy(p, (octets), (len)), p += (len))
#define LENGTH(len) (*p++ = (unsigned char)((len) >> 8), *p++ = (unsigned char)(len))
	PART("gba-me", 6);
	LENGTH(6);
	PART(s->rnd, 16);
	LENGTH(16);
	PART(s->impi, impi);
	LENGTH(impi);
	PART(l->maf, naf - 5);
	PART(l->tls == 12 ? tls12_suite : tls13, 5);
	LENGTH(naf);
#undef PART
#undef LENGTH
	node->ke.n = MST_KEY_LEN;
	return HMAC(EVP_sha256(), s->ks, 32, b, (size_t)(p - b), node->ke.b, &n) && n == MST_KEY_LEN;
}

/* A B-TID of this RAND, under a right rspauth: then both have the same Ks. */
static bool granted(const struct load *l, struct load_node *node, const char *in, size_t head, const char *body, size_t length)
{
	static const char open[] = "<btid>";
	const struct load_sim *s = &node->sim;
	const char *p = memmem(body, length, open, sizeof(open) - 1);
	char said[HEX], want[HEX], btid[300];
	int n;

	if (strncmp(in, "HTTP/1.1 200", 12) != 0 || !p || !parameter(in, head, "rspauth", said, sizeof(said)) ||
	    !digest(s, l->server_name, "", body, length, want) || strcmp(said, want) != 0)
		return false;
	n = EVP_EncodeBlock((unsigned char *)btid, s->rnd, 16);
	n += snprintf(btid + n, sizeof(btid) - (size_t)n, "@%s", l->server_name);
	p += sizeof(open) - 1;
	if (length - (size_t)(p - body) <= (size_t)n || memcmp(p, btid, (size_t)n) != 0 || p[n] != '<' || (size_t)n >= sizeof(node->key_id))
		return false;
	memcpy(node->key_id, btid, (size_t)n + 1);
	return l->kind == LOAD_UB || ks_naf(l, node);
}

bool load_ub_check(const struct load *l, struct load_node *n, unsigned step, const char *in, size_t head, const char *body, size_t length)
{
	return step == 0 ? challenged(&n->sim, in, head) : granted(l, n, in, head, body, length);
}

/* --- "IMPI hex(K) hex(OPc) id" a line --- */

static bool octets_of(const char *hex, unsigned char out[16])
{
	long n = 0;
	unsigned char *b = OPENSSL_hexstr2buf(hex, &n);

	if (b && n == 16)
		memcpy(out, b, 16);
	OPENSSL_clear_free(b, b ? (size_t)n : 0);
	return b && n == 16;
}

int load_sim_read(struct load_node *n, char *line)
{
	char *save = NULL, *impi = strtok_r(line, " ", &save), *k = strtok_r(NULL, " ", &save), *opc = strtok_r(NULL, " ", &save),
	     *id = strtok_r(NULL, " ", &save);
	struct load_sim *s = &n->sim;
	unsigned char key[16];
	bool good;

	if (!impi || !k || !opc || !id || strlen(impi) >= sizeof(s->impi) || !octets_of(k, key) || !octets_of(opc, s->opc))
		return -1;
	snprintf(s->impi, sizeof(s->impi), "%s", impi);
	snprintf(n->id, sizeof(n->id), "%s", id);
	s->aes = EVP_CIPHER_CTX_new();
	good = s->aes && EVP_EncryptInit_ex(s->aes, EVP_aes_128_ecb(), NULL, key, NULL) == 1 && EVP_CIPHER_CTX_set_padding(s->aes, 0) == 1;
	OPENSSL_cleanse(key, sizeof(key));
	return good ? 0 : -1;
}
