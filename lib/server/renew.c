#include "server/renew.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/request.h"
#include "files/replace.h"
#include "keeper/signer.h"

#define DAY 86400
#define PEM_ROOM 16384
#define PLACES (MST_ROLE__COUNT + 1)

/* Where a certificate of ours is, and whose. */
struct place { const char *whose, *fqdn, *certificate, *key; };

struct renewal {
	const struct mst_renewal *r;
	struct mst_keeper *keeper;
	struct mst_crypto *crypto;
	struct place place[PLACES];
	size_t n_places;
	uint8_t ca[MST_CERT_MAX];
	size_t n_ca;
	mst_time until;
	unsigned made;
};

static size_t places(const struct mst_conf *c, struct place p[PLACES])
{
	size_t n = 0;

	for (int i = MST_ROLE_NONE + 1; i < MST_ROLE__COUNT; i++) {
		const struct mst_conf_role *r = mst_conf_role(c, (enum mst_role)i);

		if (r && *r->certificate && *r->key)
			p[n++] = (struct place){ mst_role_name[i], r->fqdn, r->certificate, r->key };
	}
	if (mst_conf_diameter_tls(c))
		p[n++] = (struct place){ "diameter", c->diameter.identity, c->diameter.certificate, c->diameter.key };
	return n;
}

static void __attribute__((format(printf, 4, 5))) tell(const struct renewal *v, const struct place *p, bool good, const char *format, ...)
{
	char text[2 * MST_CONF_PATH + 700];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s: %s: ", p->whose, p->certificate);
	va_list ap;

	va_start(ap, format);
	vsnprintf(text + n, sizeof(text) - n, format, ap);
	va_end(ap);
	v->r->tell(v->r->arg, good, text);
}

/* The first block of the file with this label: 0, -1 (it has none), or an errno. */
static int first_block(const char *path, const char *label, uint8_t *der, size_t cap, size_t *ret_n)
{
	uint8_t *pem = malloc(PEM_ROOM);
	FILE *f = fopen(path, "rbe");
	int r = !f ? errno : pem ? 0 : ENOMEM;
	size_t n, at = 0;

	*ret_n = 0;
	if (!r) {
		(void)setvbuf(f, NULL, _IONBF, 0);       /* it may be a key: no other buffer */
		n = fread(pem, 1, PEM_ROOM, f);
		r = mst_pem_next((struct mst_view){ pem, n }, &at, label, der, cap, ret_n, NULL) || !*ret_n ? -1 : 0;
		mst_wipe(pem, n);
	}
	if (f)
		fclose(f);
	free(pem);
	return r;
}

/* The first certificate of the file: 0, 1 when there is no file, or -1, told. */
static int old_certificate(const struct renewal *v, const struct place *p, struct mst_cert_info *ret_i, bool *ret_ours)
{
	uint8_t der[MST_CERT_MAX];
	size_t n;
	int r = first_block(p->certificate, "CERTIFICATE", der, sizeof(der), &n);

	if (r == ENOENT)
		return 1;
	if (r > 0) {
		tell(v, p, false, "cannot be read: %s", strerror(r));
		return -1;
	}
	if (r || mst_cert_info((struct mst_view){ der, n }, ret_i, NULL)) {
		tell(v, p, false, "holds no certificate of our profile; put it aside, and one is made for %s", p->fqdn);
		return -1;
	}
	*ret_ours = mst_cert_issued_by((struct mst_view){ der, n }, (struct mst_view){ v->ca, v->n_ca });
	return 0;
}

/* --- which key --- */

static bool one_file(const char *a, const char *b)
{
	struct stat x, y;

	return !strcmp(a, b) || (!stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* Roles may have one certificate together, with its key. */
static bool alike(const struct place *p, const struct place *q)
{
	return !strcmp(p->certificate, q->certificate) && !strcmp(p->key, q->key);
}

/* A file of p's that would be written, and that another one has, too, and not both together: told. */
static bool shares(const struct renewal *v, const struct place *p)
{
	const char *const own[] = { p->certificate, p->key };
	size_t n = v->r->new_keys ? 2 : 1;

	if (one_file(p->key, p->certificate)) {
		tell(v, p, false, "its key is in the same file; put each into a file of its own");
		return true;
	}
	for (size_t i = 0; i < v->n_places; i++) {
		const struct place *q = &v->place[i];

		for (size_t k = 0; k < n && !alike(p, q); k++)
			if (one_file(own[k], q->key) || one_file(own[k], q->certificate)) {
				tell(v, p, false, "%s is the %s's, too: give each a key and a certificate of its own, or name the same two for both", own[k], q->whose);
				return true;
			}
	}
	return false;
}

/* The public half of the key that is there. 0; 1: there is none; or -1, told. */
static int key_there(const struct renewal *v, const struct place *p, uint8_t spki[MST_SPKI_MAX], size_t *ret_n)
{
	uint8_t pkcs8[MST_PKEY_MAX];
	size_t n = 0;
	int r = first_block(p->key, "PRIVATE KEY", pkcs8, sizeof(pkcs8), &n);
	bool good = !r && !mst_pkey_public((struct mst_view){ pkcs8, n }, spki, MST_SPKI_MAX, ret_n);

	mst_wipe(pkcs8, sizeof(pkcs8));
	if (good || r == ENOENT)
		return !good;
	if (r > 0)
		tell(v, p, false, "%s cannot be read: %s", p->key, strerror(r));
	else
		tell(v, p, false, "%s holds no key on P-256 (PKCS#8, PEM), which is what the keeper's CA certifies; put it aside, and one is made", p->key);
	return -1;
}

/* A key goes with its own certificate alone: any other may be what another CA has been asked to certify. `old`: NULL when there is no certificate. Else told. */
static bool key_may_go(const struct renewal *v, const struct place *p, struct mst_view spki, const struct mst_cert_info *old)
{
	uint8_t sha256[MST_SHA256_LEN];

	if (!v->r->new_keys || !spki.n)
		return true;
	if (old && !v->crypto->ops->sha256(v->crypto, spki, sha256) && !memcmp(sha256, old->spki_sha256, sizeof(sha256)))
		return true;
	if (old)
		tell(v, p, false, "%s is not its key; put it aside, in case another CA is to certify it, and both are made anew", p->key);
	else
		tell(v, p, false, "is not there, and %s is; put it aside, in case another CA is to certify it, and both are made", p->key);
	return false;
}

/* A certificate, with its key when that is new, into their files; what was not done is told. */
static bool put(const struct renewal *v, const struct place *p, struct mst_view pkcs8, struct mst_view leaf)
{
	uint8_t key[2048], chain[PEM_ROOM];
	struct mst_writer k = mst_writer_of(key, sizeof(key)), c = mst_writer_of(chain, sizeof(chain));
	bool placed = false;
	size_t at = 0;
	int e;

	if (pkcs8.n)
		mst_pem_put(&k, "PRIVATE KEY", pkcs8);
	mst_pem_put(&c, "CERTIFICATE", leaf);
	mst_pem_put(&c, "CERTIFICATE", (struct mst_view){ v->ca, v->n_ca });
	const struct mst_file f[] = { { .path = p->key, .content = mst_written(&k), .mode = 0600, .same_owner = true },
				      { .path = p->certificate, .content = mst_written(&c), .mode = 0644, .same_owner = true } };

	const struct mst_file *first = &f[pkcs8.n ? 0 : 1];

	e = k.ok && c.ok ? mst_files_replace(first, pkcs8.n ? 2 : 1, &at, &placed) : ENOMEM;
	mst_wipe(key, sizeof(key));
	if (e && placed)
		tell(v, p, false, "%s is written, and may be gone after a power cut: %s", first[at].path, strerror(e));
	else if (e)
		tell(v, p, false, "cannot write %s: %s", first[at].path, strerror(e));
	return !e;
}

/* For the key that is there, `kept`, or (empty) for a new one. */
static bool issue(const struct renewal *v, const struct place *p, const char *fqdn, struct mst_view kept)
{
	struct mst_cert_spec spec = { .role = MST_CERT_BOTH, .n_san = 1, .not_before = v->r->now - 60, .not_after = v->until, .path_len = -1 };
	struct mst_authorisation leave = mst_keeper_own_leave(fqdn, "musterd --renew-certificates");
	struct mst_keeper_signer k = mst_keeper_signer_of(v->keeper, &leave);
	uint8_t pkcs8[MST_PKEY_MAX], spki[MST_SPKI_MAX], der[MST_CERT_MAX];
	struct mst_view ca = { v->ca, v->n_ca }, leaf = { der, 0 }, key = kept;
	size_t n_key = 0, n_spki = 0;
	struct mst_cert_info info;
	bool good = false;

	spec.san[0].kind = MST_ID_FQDN;
	snprintf(spec.san[0].value, sizeof(spec.san[0].value), "%s", fqdn);
	snprintf(spec.common_name, sizeof(spec.common_name), "%.64s", fqdn);
	if (!kept.n && !mst_pkey_generate(pkcs8, sizeof(pkcs8), &n_key) && !mst_pkey_public((struct mst_view){ pkcs8, n_key }, spki, sizeof(spki), &n_spki))
		key = (struct mst_view){ spki, n_spki };
	if (!key.n)
		tell(v, p, false, "no key could be made");
	else if (mst_cert_issue(v->crypto, &k.signer, ca, key, &spec, der, sizeof(der), &leaf.n))
		tell(v, p, false, "the keeper's CA did not sign for %s: where its key is in a device, musterd --check says more", fqdn);
	else if (mst_cert_permitted(leaf, ca, &info))
		tell(v, p, false, "the keeper's CA may not certify %s; have another CA do it", fqdn);
	else
		good = put(v, p, (struct mst_view){ pkcs8, kept.n ? 0 : n_key }, leaf);
	mst_wipe(pkcs8, sizeof(pkcs8));
	return good;
}

static bool renew_ours(struct renewal *v, const struct place *p, const struct mst_cert_info *old)
{
	char fqdn[MST_ID_MAX], until[17] = "";
	struct mst_writer w = mst_writer_of(until, sizeof(until) - 1);
	uint8_t spki[MST_SPKI_MAX];
	size_t n = 0;
	struct mst_view there;

	snprintf(fqdn, sizeof(fqdn), "%.*s", MST_ID_MAX - 1, old ? old->san[0].value : p->fqdn);
	if (shares(v, p) || key_there(v, p, spki, &n) < 0)
		return false;
	there = (struct mst_view){ spki, n };
	if (!key_may_go(v, p, there, old) || !issue(v, p, fqdn, v->r->new_keys ? MST_VIEW_NONE : there))
		return false;
	v->made++;
	mst_put_timestamp(&w, v->until);
	tell(v, p, true, "%s for %s, until %s%s", old ? "renewed" : "made", fqdn, until, v->r->new_keys || !n ? ", with a new key" : "");
	return true;
}

/* False: it should be new, and is not. */
static bool renew(struct renewal *v, const struct place *p)
{
	struct mst_cert_info old = { 0 };
	bool ours = true;
	int r = old_certificate(v, p, &old, &ours);

	if (r < 0)
		return false;
	if (!ours) {
		tell(v, p, true, "is of another CA, and stays as it is: have it renewed there");
		return true;
	}
	if (!r && (old.n_san != 1 || old.san[0].kind != MST_ID_FQDN)) {
		tell(v, p, false, "has other names than one FQDN, which the keeper's CA does not give; put it aside, and one is made for %s", p->fqdn);
		return false;
	}
	return renew_ours(v, p, r ? NULL : &old);
}

int mst_renew_certificates(const struct mst_conf *c, struct mst_keeper *k, struct mst_crypto *crypto, const struct mst_renewal *r, unsigned *ret_new,
			   struct mst_diag *d)
{
	struct renewal v = { .r = r, .keeper = k, .crypto = crypto };
	mst_time ca_until;
	bool good = true;
	int e = k->ops->ca_cert(k, v.ca, sizeof(v.ca), &v.n_ca);

	if (e || mst_ca_until((struct mst_view){ v.ca, v.n_ca }, &ca_until)) {
		mst_diag_set(d, 0, "ca.pem", "cannot be read", NULL);
		return e < 0 ? e : MST_FAULT_CORRUPT;
	}
	if (ca_until <= r->now) {
		mst_diag_set(d, 0, "ca.pem", "the CA has ended, and with it what it has certified: another CA is another installation (muster init)", NULL);
		return MST_FAULT_CONFIG;
	}
	v.until = r->now + r->days * DAY < ca_until ? r->now + r->days * DAY : ca_until;
	v.n_places = places(c, v.place);
	for (size_t i = 0; i < v.n_places; i++) {
		size_t before = 0;

		while (before < i && !alike(&v.place[before], &v.place[i]))
			before++;
		if (before == i && !renew(&v, &v.place[i]))
			good = false;
	}
	*ret_new = v.made;
	return good ? 0 : 1;
}
