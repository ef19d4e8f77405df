#include "server/material.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/heap.h"
#include "crypto/pki.h"
#include "secenv/private.h"
#include "server/frame-internal.h"

#define FILE_OCTETS (4 * 1024 * 1024)

/* `own_list` may be absent yet: the engine has it made. */
struct load { struct mst_writer *w; struct mst_diag *d; const char *field, *own_list; size_t count, max; };

static int refuse(struct load *l, const char *path, const char *why, const char *remedy)
{
	mst_diag_set(l->d, 0, l->field, path, ": ", why, "; ", remedy, NULL);
	return MST_FAULT_CONFIG;
}

static int slurp(struct load *l, const char *path, uint8_t **ret_p, size_t *ret_n)
{
	struct stat st;
	FILE *f;
	uint8_t *p;
	size_t n;

	/* the supervisor would wait for ever at a pipe that lies among the anchors */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return refuse(l, path, "is no regular file", "move it away");
	f = fopen(path, "rbe");
	if (!f)
		return refuse(l, path, strerror(errno), "give a file that exists and may be read");
	/* a key is among what is read here: no other buffer */
	(void)setvbuf(f, NULL, _IONBF, 0);
	p = malloc(FILE_OCTETS + 1);
	n = p ? fread(p, 1, FILE_OCTETS + 1, f) : 0;
	fclose(f);
	if (!p)
		return MST_FAULT_MEMORY;
	if (!n || n > FILE_OCTETS) {
		free(p);
		return refuse(l, path, n ? "too large" : "empty or unreadable",
			      "a file of at most 4 MiB is wanted");
	}
	*ret_p = p;
	*ret_n = n;
	return 0;
}

/* The TLS library must be able to read it; else the file is named here, where it is known. */
static int put_block(struct load *l, const char *path, const char *label, struct mst_view der)
{
	bool crl = !strcmp(label, "X509 CRL");
	struct mst_tls_config t = { .anchors = &der, .n_anchors = !crl, .crls = &der, .n_crls = crl };
	struct mst_tls_ctx *ctx = NULL;
	struct mst_diag d = { 0 };

	if (mst_tls_ctx_new(&t, &ctx, &d))
		return refuse(l, path, d.text[0] ? d.text : "cannot be read",
			      crl ? "only revocation lists belong there" : "only certificates belong there");
	mst_tls_ctx_free(ctx);
	if (++l->count > l->max)
		return refuse(l, path, "too many", "fewer entries");
	mst_put_block32(l->w, der);
	return 0;
}

/* All blocks of a PEM file, or the one of a DER file, as block32 entries. */
static int put_blocks(struct load *l, const char *path, const char *label)
{
	uint8_t *p, *der;
	size_t n, at = 0, k = 0;
	int r = slurp(l, path, &p, &n);

	if (r)
		return r;
	if (p[0] == 0x30) {
		r = put_block(l, path, label, (struct mst_view){ p, n });
		free(p);
		return r;
	}
	der = malloc(n);
	for (size_t found = 0; der && !r; found++) {
		struct mst_diag d = { 0 };

		if (mst_pem_next((struct mst_view){ p, n }, &at, label, der, n, &k, &d))
			r = refuse(l, path, "broken PEM", d.text);
		else if (!k && !found)
			r = refuse(l, path, !strcmp(label, "X509 CRL") ? "holds no revocation list"
								  : "holds no certificate",
				   "move it away; DER or PEM blocks of that kind are wanted");
		else if (!k)
			break;
		else
			r = put_block(l, path, label, (struct mst_view){ der, k });
	}
	r = der ? r : MST_FAULT_MEMORY;
	free(der);
	free(p);
	return r;
}

static int only_files(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int put_path(struct load *l, const char *path, const char *label)
{
	struct dirent **e;
	struct stat st;
	char name[1024];
	int n, r = 0;

	if (stat(path, &st)) {
		if (errno == ENOENT && l->own_list && !strcmp(path, l->own_list))
			return 0;
		return refuse(l, path, strerror(errno), "give a file or a directory that exists");
	}
	if (!S_ISDIR(st.st_mode))
		return put_blocks(l, path, label);
	n = scandir(path, &e, only_files, alphasort);
	if (n < 0)
		return refuse(l, path, strerror(errno), "give a directory that may be read");
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", e[i]->d_name);
		if (!r)
			r = put_blocks(l, name, label);
		free(e[i]);
	}
	free(e);
	return r;
}

static int put_paths(struct load *l, const char (*path)[MST_CONF_PATH], size_t n, const char *label,
		     size_t max)
{
	size_t at = l->w->n;
	uint8_t *count = mst_put_space(l->w, 2);
	int r = 0;

	l->count = 0;
	l->max = max;
	for (size_t i = 0; i < n && !r; i++)
		r = put_path(l, path[i], label);
	if (!r && count && l->w->ok) {
		l->w->p[at] = (uint8_t)(l->count >> 8);
		l->w->p[at + 1] = (uint8_t)l->count;
	}
	return r;
}

static int put_key(struct load *l, const char *path)
{
	uint8_t *p, der[MST_PKEY_MAX];
	struct mst_diag d = { 0 };
	struct stat st;
	size_t n, at = 0, k = 0;
	int r;

	if (!stat(path, &st) && !mst_is_private_file(path, &st, false))
		return refuse(l, path, "may be read by others", "chmod 600 it");
	r = slurp(l, path, &p, &n);
	if (r)
		return r;
	if (mst_pem_next((struct mst_view){ p, n }, &at, "PRIVATE KEY", der, sizeof(der), &k, &d) || !k)
		r = refuse(l, path, "holds no unencrypted PKCS#8 key", "a PEM block PRIVATE KEY is wanted");
	else
		mst_put_block32(l->w, (struct mst_view){ der, k });
	mst_wipe(der, sizeof(der));
	mst_wipe(p, n);
	free(p);
	return r;
}

static int put_chain(struct load *l, const char *path)
{
	uint8_t *p;
	size_t n;
	int r = slurp(l, path, &p, &n);

	if (r)
		return r;
	if (p[0] == 0x30)
		r = refuse(l, path, "is DER", "PEM is wanted");
	else
		mst_put_block32(l->w, (struct mst_view){ p, n });
	free(p);
	return r;
}

int mst_material_load(const struct mst_conf *c, enum mst_role role, const struct mst_asker *asker, struct mst_writer *w,
		      struct mst_diag *d)
{
	const char (*anchors)[MST_CONF_PATH];
	size_t n_anchors = 0;
	const struct mst_conf_role *r = mst_conf_role(c, role);
	char field[64];
	struct load l = { .w = w, .d = d, .field = field, .own_list = c->crl.file };
	int rc;

	if (!r)
		return MST_FAULT_BUG;
	mst_put_u8(w, (uint8_t)role);
	mst_put_u8(w, (uint8_t)(asker ? asker->kind : 0));
	snprintf(field, sizeof(field), "%s.certificate", mst_role_name[role]);
	rc = put_chain(&l, r->certificate);
	snprintf(field, sizeof(field), "%s.key", mst_role_name[role]);
	rc = rc ? rc : put_key(&l, r->key);
	snprintf(field, sizeof(field), "%s.%s", mst_role_name[role], asker ? asker->anchors : "client_anchors");
	anchors = asker ? mst_conf_asker_anchors(c, asker, &n_anchors) : NULL;
	if (!rc && asker)
		rc = put_paths(&l, anchors, n_anchors, "CERTIFICATE", MST_MATERIAL_ANCHORS);
	else if (!rc)
		rc = put_paths(&l, r->client_anchors, r->n_client_anchors, "CERTIFICATE",
			       MST_MATERIAL_ANCHORS);
	snprintf(field, sizeof(field), "%s.crls", mst_role_name[role]);
	rc = rc ? rc : put_paths(&l, r->crls, r->n_crls, "X509 CRL", MST_MATERIAL_CRLS);
	snprintf(field, sizeof(field), "%s.%s_of", mst_role_name[role], asker ? asker->crl : "require_crl");
	if (!rc && asker)              /* of a MEF it is of all or of none */
		rc = put_paths(&l, r->gba_crl_issuers, asker->kind == MST_FETCH_KEY ? 0 : r->n_gba_crl_issuers, "CERTIFICATE", MST_MATERIAL_ANCHORS);
	else if (!rc)
		rc = put_paths(&l, r->crl_issuers, r->n_crl_issuers, "CERTIFICATE", MST_MATERIAL_ANCHORS);
	if (!rc && !w->ok)
		rc = refuse(&l, field, "certificates and lists are too large together",
			    "split or prune them");
	return rc;
}

int mst_material_diameter(const struct mst_conf *c, struct mst_writer *w, struct mst_diag *d)
{
	const struct mst_conf_diameter *r = &c->diameter;
	struct load l = { .w = w, .d = d, .field = "diameter.certificate", .own_list = c->crl.file };
	int rc;

	mst_put_u8(w, MST_ROLE_NONE);
	mst_put_u8(w, 0);
	rc = put_chain(&l, r->certificate);
	l.field = "diameter.key";
	rc = rc ? rc : put_key(&l, r->key);
	l.field = "diameter.anchors";
	rc = rc ? rc : put_paths(&l, r->anchors, r->n_anchors, "CERTIFICATE", MST_MATERIAL_ANCHORS);
	l.field = "diameter.crls";
	rc = rc ? rc : put_paths(&l, r->crls, r->n_crls, "X509 CRL", MST_MATERIAL_CRLS);
	l.field = "diameter.require_crl_of";
	rc = rc ? rc : put_paths(&l, r->crl_issuers, r->n_crl_issuers, "CERTIFICATE", MST_MATERIAL_ANCHORS);
	if (!rc && !w->ok)
		rc = refuse(&l, "diameter", "certificates and lists are too large together", "split or prune them");
	return rc;
}

static size_t get_list(struct mst_reader *r, struct mst_view *v, size_t max)
{
	size_t n = mst_read_u16(r);

	if (n > max) {
		r->ok = false;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		v[i] = mst_read_block32(r);
	return n;
}

static bool lock_key(struct mst_material *m)
{
	struct mst_view k = m->key_pkcs8;

	if (!k.n)
		return true;
	m->key = k.n <= MST_PKEY_MAX ? mst_heap_take(k.n) : NULL;
	if (!m->key)
		return false;
	memcpy(m->key, k.p, k.n);
	mst_wipe(m->octets + (k.p - m->octets), k.n);
	m->key_pkcs8.p = m->key;
	return true;
}

bool mst_material_decode(struct mst_view v, struct mst_material *ret_m)
{
	struct mst_material m = { .octets = malloc(v.n ? v.n : 1), .n_octets = v.n };
	struct mst_reader r;

	if (!m.octets)
		return false;
	if (v.n)
		memcpy(m.octets, v.p, v.n);
	r = mst_reader_of((struct mst_view){ m.octets, v.n });
	m.role = (enum mst_role)mst_get_enum(&r, MST_ROLE__COUNT);
	m.kind = (enum mst_fetch_kind)mst_get_enum(&r, MST_FETCH_KIND__COUNT);
	m.chain_pem = mst_read_block32(&r);
	m.key_pkcs8 = mst_read_block32(&r);
	m.n_anchors = get_list(&r, m.anchor, MST_MATERIAL_ANCHORS);
	m.n_crls = get_list(&r, m.crl, MST_MATERIAL_CRLS);
	m.n_crl_issuers = get_list(&r, m.crl_issuer, MST_MATERIAL_ANCHORS);
	if (!mst_read_end(&r) || !lock_key(&m)) {
		mst_material_deinit(&m);
		return false;
	}
	*ret_m = m;
	return true;
}

void mst_material_deinit(struct mst_material *m)
{
	if (m->octets)
		mst_wipe(m->octets, m->n_octets);
	free(m->octets);
	mst_heap_give(m->key);
	memset(m, 0, sizeof(*m));
}

static bool same_all(const struct mst_view *a, size_t n_a, const struct mst_view *b, size_t n_b)
{
	size_t i = 0;

	while (i < n_a && i < n_b && mst_view_eq(a[i], b[i]))
		i++;
	return i == n_a && i == n_b;
}

bool mst_material_same_but_lists(const struct mst_material *a, const struct mst_material *b)
{
	return mst_view_eq(a->chain_pem, b->chain_pem) && mst_ct_equal(a->key_pkcs8, b->key_pkcs8) &&
	       same_all(a->anchor, a->n_anchors, b->anchor, b->n_anchors) &&
	       same_all(a->crl_issuer, a->n_crl_issuers, b->crl_issuer, b->n_crl_issuers);
}

int mst_material_maf_anchor(const struct mst_conf *c, uint8_t ret_sha256[MST_SHA256_LEN], struct mst_diag *d)
{
	const char *path = c->mef.present ? c->mef.maf_anchor : "";
	uint8_t pem[16384], der[MST_CERT_MAX];
	struct mst_cert_info info;
	size_t n, at = 0, k = 0;
	FILE *f;
	int r;

	memset(ret_sha256, 0, MST_SHA256_LEN);
	if (!path[0])
		return 0;
	errno = 0;
	f = fopen(path, "rbe");
	n = f ? fread(pem, 1, sizeof(pem), f) : 0;
	if (!n && errno)
		mst_diag_set(d, 0, "mef.maf_anchor", path, ": ", strerror(errno), "; give a file that exists and may be read", NULL);
	r = !n && errno ? MST_FAULT_CONFIG : 0;
	if (f)
		fclose(f);
	if (r)
		return r;
	if (!n ||
	    mst_pem_next((struct mst_view){ pem, n }, &at, "CERTIFICATE", der, sizeof(der), &k, d) || !k ||
	    mst_cert_info((struct mst_view){ der, k }, &info, d)) {
		mst_diag_set(d, 0, "mef.maf_anchor", path, ": no certificate; a PEM file is wanted", NULL);
		return MST_FAULT_CONFIG;
	}
	memcpy(ret_sha256, info.sha256, MST_SHA256_LEN);
	return 0;
}

int mst_material_tls(const struct mst_conf *c, const struct mst_material *m, const struct mst_role_ops *ops, unsigned how,
		     struct mst_tls_ctx **ret, struct mst_diag *d)
{
	const struct mst_conf_role *r = mst_conf_role(c, m->role);
	const char *names[1];
	struct mst_tls_config t = { .names = names,
				    .require_ems = true };     /* the exporter's key is of one session only */

	if (!r)
		return MST_FAULT_BUG;
	if (ops) {
		names[0] = r->fqdn;
		t.n_names = 1;
		t.server = t.require_sni = true;
		t.datagram = how & MST_MATERIAL_DATAGRAM;
		/* a client of a NAF may prove itself by Digest (listener-digest.c), over HTTP */
		t.require_client_cert = ops->client_cert_required && !r->strangers && (!r->n_bsfs || t.datagram);
		/* a MAF's clients have nothing else to show */
		t.allow_psk = ops->psk && (r->psk || m->role == MST_ROLE_MAF || r->n_bsfs);
		/* TS 33.222 5.4: bootstrapping is possible here; TLS 1.3 has no hint */
		t.psk_hint = r->n_bsfs ? "3GPP-bootstrapping" : NULL;
		/* for a renewal, which is over HTTPS */
		t.expired_grace = m->role == MST_ROLE_MEF && r->est && !t.datagram ? r->est_grace : 0;
		t.synchronous_psk = how & MST_MATERIAL_TRIAL;
		t.h2 = ops->sbi;
	}
	t.profile = (enum mst_tls_profile)r->profile;
	/* A role's profile is what its nodes are met with. Between servers it is no reason to do without HTTP/2, which wants an AEAD. */
	if (!ops && m->kind != MST_FETCH_KEY && t.profile == MST_TLS_ONEM2M)
		t.profile = MST_TLS_BOTH;
	t.chain_pem = m->chain_pem;
	t.key_pkcs8 = m->key_pkcs8;
	t.anchors = m->anchor;
	t.n_anchors = m->n_anchors;
	t.crls = m->crl;
	t.n_crls = m->n_crls;
	t.require_crl = ops ? r->require_crl : m->kind == MST_FETCH_KEY ? r->require_peer_crl : r->require_gba_crl;
	t.crl_issuers = m->crl_issuer;
	t.n_crl_issuers = m->n_crl_issuers;
	return mst_tls_ctx_new(&t, ret, d);
}

static void add_maker(struct mst_makers *m, const uint8_t own[MST_SHA256_LEN], const struct mst_cert_info *info)
{
	const uint8_t *sha256 = info->sha256;

	if (m->n == MST_MAKERS_MAX || !memcmp(own, sha256, MST_SHA256_LEN))
		return;
	for (size_t i = 0; i < m->n; i++)
		if (!memcmp(m->sha256[i], sha256, MST_SHA256_LEN))
			return;
	/* cut, a subject would be another's: then a rule can name this anchor by its hash only */
	if (!mst_view_to_str(mst_view_str(info->subject), m->subject[m->n], sizeof(m->subject[m->n])))
		m->subject[m->n][0] = '\0';
	memcpy(m->sha256[m->n++], sha256, MST_SHA256_LEN);
}

/* Client anchors of one role, its own certificate's CA left out. */
static int makers_of(const struct mst_conf *c, enum mst_role role, struct mst_writer *w, const uint8_t own[MST_SHA256_LEN],
		     struct mst_makers *m, struct mst_diag *d)
{
	const struct mst_conf_role *conf = mst_conf_role(c, role);
	char field[64];
	struct load l = { .w = w, .d = d, .field = field };
	struct mst_reader r;
	int rc;

	if (!conf)
		return 0;
	snprintf(field, sizeof(field), "%s.client_anchors", mst_role_name[role]);
	w->n = 0;
	rc = put_paths(&l, conf->client_anchors, conf->n_client_anchors, "CERTIFICATE", MST_MATERIAL_ANCHORS);
	if (!rc && !w->ok)
		rc = refuse(&l, field, "certificates are too large together", "split or prune them");
	if (rc)
		return rc;
	r = mst_reader_of(mst_written(w));
	for (size_t n = mst_read_u16(&r); n && r.ok; n--) {
		struct mst_cert_info info;

		/* one that is no certificate of ours is said by the listener, which cannot start with it */
		if (!mst_cert_info(mst_read_block32(&r), &info, d))
			add_maker(m, own, &info);
	}
	return 0;
}

int mst_material_makers(const struct mst_conf *c, struct mst_makers *ret_m, struct mst_diag *d)
{
	static const enum mst_role roles[] = { MST_ROLE_BBN, MST_ROLE_MEF, MST_ROLE_MAF };
	size_t cap = 256 * 1024;
	uint8_t *b = malloc(cap), own[MST_SHA256_LEN];
	struct mst_writer w = mst_writer_of(b, cap);
	struct mst_makers m = { 0 };
	int r = b ? mst_material_maf_anchor(c, own, d) : MST_FAULT_MEMORY;

	for (size_t i = 0; i < MST_COUNT(roles) && !r; i++)
		r = makers_of(c, roles[i], &w, own, &m, d);
	free(b);
	if (!r)
		*ret_m = m;
	return r;
}
