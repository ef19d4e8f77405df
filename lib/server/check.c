/* Files and directories of an installation, looked at before anything depends on them. */
#include "server/check.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/pki.h"
#include "sandbox/sandbox.h"
#include "server/config-internal.h"
#include "server/frame.h"
#include "server/material.h"
#include "server/people.h"
#include "server/privilege.h"
#include "store/store.h"

struct look { const struct mst_conf *c; const char *text; struct mst_conf_report *r; mst_role_table roles; struct mst_privilege as; };
#define WRONG(l, field, ...) mst_conf_wrong((l)->r, (l)->c->file, mst_conf_line_in((l)->text, field), field, __VA_ARGS__)

/* --- directories --- */

/* Whoever uses it has no power over others' files: the named user, or root without capabilities. */
static bool foreign(const struct look *l, const struct stat *st)
{
	return l->as.root && st->st_uid != l->as.uid;
}

static const char *user_of(const struct look *l)
{
	return l->as.drop ? l->c->user : "root";
}

static bool directory(const struct look *l, const char *field, const char *path, const char *remedy)
{
	struct stat st;

	if (stat(path, &st))
		WRONG(l, field, "%s: %s; %s", path, strerror(errno), remedy);
	else if (!S_ISDIR(st.st_mode))
		WRONG(l, field, "%s: is no directory; %s", path, remedy);
	else if (st.st_mode & S_IWOTH)
		WRONG(l, field, "%s: everybody may write here; chmod 700 it", path);
	else if (strcmp(field, "run") && foreign(l, &st))
		WRONG(l, field, "%s: does not belong to %s, who is to use it; chown -R %s it, or name its owner in user", path, user_of(l), user_of(l));
	else
		return true;
	return false;
}

static void keeper_file(const struct look *l, const char *path, mode_t not)
{
	struct stat st;

	if (stat(path, &st))
		WRONG(l, "keeper", "%s: %s; `muster init` makes it", path, strerror(errno));
	else if (foreign(l, &st))
		WRONG(l, "keeper", "%s: does not belong to %s; chown it", path, user_of(l));
	else if (!S_ISREG(st.st_mode) || st.st_mode & not)
		WRONG(l, "keeper", "%s: may be %s by others; chmod %s it", path, not == 077 ? "read" : "written", not == 077 ? "600" : "644");
}

static void keeper_files(const struct look *l)
{
	static const struct { const char *name; mode_t not; } file[] = { { "ca.key", 077 }, { "ca.pem", 022 } };
	const char *dir = l->c->keeper;
	char path[MST_CONF_PATH + 16];
	glob_t keks = { 0 };

	if (!directory(l, "keeper", dir, "`muster init` makes one; a lost one comes back from the backup only"))
		return;
	/* generations of the key-encryption key: one, or two while keys are wrapped anew */
	snprintf(path, sizeof(path), "%s/kek*.key", dir);
	if (glob(path, GLOB_NOSORT, NULL, &keks) == 0) {
		for (size_t i = 0; i < keks.gl_pathc; i++)
			keeper_file(l, keks.gl_pathv[i], 077);
		globfree(&keks);
	} else {
		snprintf(path, sizeof(path), "%s/kek.key", dir);
		keeper_file(l, path, 077);
	}
	for (size_t i = 0; i < MST_COUNT(file); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, file[i].name);
		keeper_file(l, path, file[i].not);
	}
}

/* What the way to a server needs. libpq passes over a file that others may read, and says that a password is missing. */
static void store_files(const struct look *l)
{
	struct mst_store_needs n;
	struct stat st;

	mst_store_needs(l->c->store, &n);
	for (size_t i = 0; i < n.n_reads; i++) {
		if (stat(n.reads[i], &st))
			WRONG(l, "store", "%s: %s", n.reads[i], strerror(errno));
		else if (!S_ISREG(st.st_mode))
			WRONG(l, "store", "%s: is no regular file", n.reads[i]);
		else if (n.secret[i] && st.st_mode & 077)
			WRONG(l, "store", "%s: may be read by others; chmod 600 it", n.reads[i]);
		else if (n.secret[i] && foreign(l, &st))
			WRONG(l, "store", "%s: does not belong to %s, who is to use it; chown it", n.reads[i], user_of(l));
	}
}

/* The engine reads, writes and removes whatever is below the database's directory: that must be nothing else of the installation's. */
struct with_store { const struct look *l; const char *dir; };

static bool lies_there(void *arg, const struct mst_conf_place *p)
{
	const struct with_store *w = arg;

	if (!mst_path_leads(p->path, w->dir))
		return false;
	WRONG(w->l, p->field, "%s: lies in the directory of store, %s, and the engine reads and writes everything there; give the database a directory of its own, "
	      "and move its files there while musterd is stopped, or put this one elsewhere", p->path, w->dir);
	return true;
}

static void nothing_else_of_ours(const struct look *l, const char *path, const char *dir)
{
	struct with_store w = { l, dir };
	const char *name = strrchr(l->c->file, '/');

	if (mst_path_leads(l->c->file, dir))
		WRONG(l, "store", "%s: %s lies in its directory, too, and the engine reads and writes everything there; give the database a directory of its own, "
		      "like sqlite:store/muster.db, and move its files there while musterd is stopped", path, name ? name + 1 : l->c->file);
	else
		(void)mst_conf_places(l->c, lies_there, &w);
}

static void store_place(const struct look *l)
{
	const char *path = mst_store_file(l->c->store);
	char dir[MST_CONF_PATH];
	struct stat st;
	char *slash;

	if (!path) {
		store_files(l);
		return;
	}
	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	if (!directory(l, "store", slash ? dir : ".", "mkdir -m 700 it; the records are kept there"))
		return;
	nothing_else_of_ours(l, path, slash ? dir : ".");
	if (!stat(path, &st) && (!S_ISREG(st.st_mode) || st.st_mode & 022))
		WRONG(l, "store", "%s: is no file of ours alone; chmod 600 it", path);
}

/* It is made at the start when it is not there. */
static void run_place(const struct look *l)
{
	struct stat st;

	if (stat(l->c->run, &st) && errno == ENOENT)
		return;
	(void)directory(l, "run", l->c->run, "a directory that may be written is wanted");
}

/* --- certificates --- */

/* In one process with everything else the key is read, and at a reload read again, by that user. */
static void readable(const struct look *l, const char *role, const struct mst_conf_role *r)
{
	char field[64];
	struct stat st;

	snprintf(field, sizeof(field), "%s.key", role);
	if (l->as.drop && l->c->processes == MST_CONF_SINGLE && !stat(r->key, &st) && st.st_uid != l->as.uid)
		WRONG(l, field, "%s: does not belong to %s, who reads it when processes = \"single\"; chown it",
		      r->key, l->c->user);
}

static void fits(const struct look *l, const char *role, const struct mst_conf_role *r,
		 const struct mst_material *m)
{
	uint8_t der[MST_CERT_MAX], cert_spki[1024], key_spki[1024];
	size_t at = 0, n = 0, nc = 0, nk = 0;
	struct mst_cert_info info;
	struct mst_diag d = { 0 };
	char field[64];

	snprintf(field, sizeof(field), "%s.certificate", role);
	if (mst_pem_next(m->chain_pem, &at, "CERTIFICATE", der, sizeof(der), &n, &d) || !n ||
	    mst_cert_info((struct mst_view){ der, n }, &info, &d)) {
		WRONG(l, field, "%s: cannot be used (%s); PEM, own certificate first, is wanted", r->certificate,
		      d.text[0] ? d.text : "no certificate in it");
		return;
	}
	if (!mst_cert_names(&info, MST_ID_FQDN, r->fqdn))
		WRONG(l, field, "%s: names %s, not %s; a certificate with exactly this DNS name is wanted",
		      r->certificate, info.n_san ? info.san[0].value : "nobody", r->fqdn);
	if (!mst_cert_public((struct mst_view){ der, n }, cert_spki, sizeof(cert_spki), &nc) &&
	    (mst_pkey_public(m->key_pkcs8, key_spki, sizeof(key_spki), &nk) || nc != nk ||
	     memcmp(cert_spki, key_spki, nc))) {
		snprintf(field, sizeof(field), "%s.key", role);
		WRONG(l, field, "%s: is not the key of %s; give the two that belong together, or, where the certificate is of the keeper's CA: musterd "
		      "--renew-certificates certifies the key that is there", r->key, r->certificate);
	}
}

/* The library has the last word: what it refuses here it would refuse in every process. */
static void usable(const struct look *l, const struct mst_material *m, const struct mst_asker *outward)
{
	struct mst_tls_ctx *ctx = NULL;
	struct mst_diag d = { 0 };
	char field[160];

	if (mst_material_tls(l->c, m, outward ? NULL : mst_role_of(l->roles, m->role), MST_MATERIAL_TRIAL, &ctx, &d)) {
		snprintf(field, sizeof(field), "%s.%s", mst_role_name[m->role], d.field);
		WRONG(l, field, "%s", d.text[0] ? d.text : "refused by the TLS library");
		return;
	}
	mst_tls_ctx_free(ctx);
}

static void trusts(const struct look *l, const char *role, const struct mst_conf_role *r,
		   const struct mst_material *m, const struct mst_asker *outward)
{
	char field[64];
	size_t n;

	snprintf(field, sizeof(field), "%s.%s", role, outward ? outward->anchors : "client_anchors");
	if (!m->n_anchors && (outward || (!strcmp(role, "mef") && (r->node_certificates || r->n_mafs))))
		WRONG(l, field, "no certificate in any of them, so nobody could be trusted; put PEM or DER "
		      "files into %s", outward ? mst_conf_asker_anchors(l->c, outward, &n)[0] : r->client_anchors[0]);
	snprintf(field, sizeof(field), "%s.crls", role);
	if (m->n_crls || l->c->crl.file[0])
		return;
	if (!outward && (r->require_crl || m->n_crl_issuers))
		WRONG(l, field, "no list in any of them, but %s.require_crl%s is set, so everybody would be "
		      "refused; put the issuers' lists there", role, r->require_crl ? "" : "_of");
	if (outward && outward->kind != MST_FETCH_KEY && (r->require_gba_crl || m->n_crl_issuers))
		WRONG(l, field, "no list in any of them, but %s.%s%s is set, so no %s would be asked; put the issuer's list there", role,
		      outward->crl, r->require_gba_crl ? "" : "_of", outward->whose);
	if (outward && outward->kind == MST_FETCH_KEY && r->require_peer_crl)
		WRONG(l, field, "no list in any of them, so no MEF would be asked (TS-0003 8.1.2.5); put the list of the "
		      "MEFs' issuer there, or set %s.require_mef_crl = false", role);
}

/* The supervisor writes the list: as root, or as who it has become. */
static void list_place(const struct look *l)
{
	char dir[MST_CONF_PATH];
	struct stat st;
	char *slash;

	if (!l->c->crl.file[0])
		return;
	snprintf(dir, sizeof(dir), "%s", l->c->crl.file);
	slash = strrchr(dir, '/');
	*slash = '\0';
	if (stat(dir, &st) || !S_ISDIR(st.st_mode))
		WRONG(l, "crl.file", "%s: is no directory; mkdir -m 755 it", dir);
	else if (st.st_mode & S_IWOTH)
		WRONG(l, "crl.file", "%s: everybody may write here; chmod 755 it", dir);
	else if (l->as.drop && l->c->processes == MST_CONF_SINGLE && st.st_uid != l->as.uid)
		WRONG(l, "crl.file", "%s: does not belong to %s, who writes the list when processes = \"single\"; chown it", dir,
		      l->c->user);
	else if (!l->as.drop && access(dir, W_OK | X_OK))
		WRONG(l, "crl.file", "%s: %s; chown it to the daemon's user", dir, strerror(errno));
}

static void certificates(const struct look *l, enum mst_role which, const struct mst_asker *outward, uint8_t *b, size_t cap)
{
	const struct mst_conf_role *r = mst_conf_role(l->c, which);
	struct mst_writer w = mst_writer_of(b, cap);
	const char *role = mst_role_name[which];
	struct mst_diag d = { 0 };
	struct mst_material m;
	unsigned before = l->r->errors;
	size_t n;

	if (!r || (outward && !mst_conf_asker_anchors(l->c, outward, &n)))
		return;
	if (mst_material_load(l->c, which, outward, &w, &d))
		WRONG(l, d.field, "%s", d.text);
	else if (!mst_material_decode(mst_written(&w), &m))
		WRONG(l, role, "certificates and lists cannot be used together");
	else {
		if (!outward) {
			fits(l, role, r, &m);
			readable(l, role, r);
		}
		trusts(l, role, r, &m, outward);
		if (l->r->errors == before)
			usable(l, &m, outward);
		mst_material_deinit(&m);
	}
	mst_wipe(b, w.n);
}

/* The library knows lists that are there, and none that must be: only a whole anchor can be left out (diameter-unit.c). */
static void diameter_lists(const struct look *l, const struct mst_material *m)
{
	for (size_t i = 0; i < m->n_crl_issuers; i++) {
		size_t k = 0;

		while (k < m->n_anchors && !mst_view_eq(m->anchor[k], m->crl_issuer[i]))
			k++;
		if (k == m->n_anchors)
			WRONG(l, "diameter.require_crl_of", "certificate %zu in it is none of diameter.anchors; of others no list can be required", i + 1);
	}
	if (m->n_crl_issuers && !m->n_crls && !l->c->crl.file[0])
		WRONG(l, "diameter.crls", "no list in any of them, but diameter.require_crl_of is set, so peers would be refused; put the issuers' "
		      "lists there");
}

static void diameter_certificates(const struct look *l, uint8_t *b, size_t cap)
{
	struct mst_conf_role *r = calloc(1, sizeof(*r));      /* as if it were one */
	struct mst_writer w = mst_writer_of(b, cap);
	struct mst_diag d = { 0 };
	struct mst_material m;

	if (r && mst_conf_diameter_tls(l->c)) {
		memcpy(r->fqdn, l->c->diameter.identity, sizeof(r->fqdn));
		memcpy(r->certificate, l->c->diameter.certificate, sizeof(r->certificate));
		memcpy(r->key, l->c->diameter.key, sizeof(r->key));
		if (mst_material_diameter(l->c, &w, &d))
			WRONG(l, d.field, "%s", d.text);
		else if (!mst_material_decode(mst_written(&w), &m))
			WRONG(l, "diameter", "certificates and lists cannot be used together");
		else {
			fits(l, "diameter", r, &m);
			if (!m.n_anchors)
				WRONG(l, "diameter.anchors", "no certificate in any of them, so no peer could be trusted");
			diameter_lists(l, &m);
			mst_material_deinit(&m);
		}
		mst_wipe(b, w.n);
	}
	free(r);
}

int mst_check_installation(const struct mst_conf *c, const char *text, mst_role_table roles, struct mst_conf_report *r)
{
	static const enum mst_role tls[] = { MST_ROLE_BBN, MST_ROLE_MEF, MST_ROLE_MAF, MST_ROLE_HSS, MST_ROLE_ZN };
	struct look l = { .c = c, .text = text, .r = r, .roles = roles };
	size_t cap = MST_FRAME_CONTROL_MAX - 64;
	uint8_t *b = malloc(cap), anchor[MST_SHA256_LEN];
	struct mst_diag d = { 0 };

	if (!b)
		return MST_FAULT_MEMORY;
	r->errors = 0;
	if (mst_privilege_find(c->user, &l.as))
		WRONG(&l, "user", "%s is nobody here, or root itself; an ordinary account is wanted", c->user);
	mst_people_check(c, text, "/proc", r);
	store_place(&l);
	keeper_files(&l);
	run_place(&l);
	list_place(&l);
	for (size_t i = 0; i < MST_COUNT(tls); i++)
		certificates(&l, tls[i], NULL, b, cap);
	for (size_t i = 0; i < MST_ASKERS; i++)
		certificates(&l, mst_askers[i].role, &mst_askers[i], b, cap);
	diameter_certificates(&l, b, cap);
	if (mst_material_maf_anchor(c, anchor, &d))
		WRONG(&l, d.field, "%s", d.text);
	free(b);
	return r->errors ? MST_FAULT_CONFIG : 0;
}
