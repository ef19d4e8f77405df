/*
 * The library reads its settings, certificates and key from files. They are written into memory (memfd) and named by
 * /proc/self/fd, so that no key lies on a disk and the process needs no directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/secret.h"
#include "crypto/pki.h"
#include "diameter/internal.h"

static int file(struct mst_diam_files *f, struct mst_view v, char ret_path[32])
{
	int fd = f->n < MST_COUNT(f->fd) ? memfd_create("diameter", MFD_CLOEXEC) : -1;

	if (fd < 0)
		return MST_FAULT_IO;
	f->fd[f->n++] = fd;
	for (size_t at = 0; at < v.n; ) {
		ssize_t n = write(fd, v.p + at, v.n - at);

		if (n <= 0)
			return MST_FAULT_IO;
		at += (size_t)n;
	}
	snprintf(ret_path, 32, "/proc/self/fd/%d", fd);
	return 0;
}

static int pem_file(struct mst_diam_files *f, const char *label, struct mst_view der, char ret_path[32])
{
	size_t cap = der.n * 2 + 256;
	uint8_t *b = malloc(cap);
	struct mst_writer w = mst_writer_of(b, b ? cap : 0);
	int r = MST_FAULT_MEMORY;

	if (b) {
		mst_pem_put(&w, label, der);
		r = w.ok ? file(f, mst_written(&w), ret_path) : MST_FAULT_BUG;
		mst_wipe(b, cap);
	}
	free(b);
	return r;
}

/* A group of RFC 7919: else the library makes one of 1024 bits at each start, which takes seconds. */
static int group_file(struct mst_diam_files *f, char ret_path[32])
{
	gnutls_dh_params_t p;
	gnutls_datum_t pem = { 0 };
	int r = MST_FAULT_MEMORY;

	if (gnutls_dh_params_init(&p))
		return r;
	if (!gnutls_dh_params_import_raw(p, &gnutls_ffdhe_2048_group_prime, &gnutls_ffdhe_2048_group_generator) &&
	    !gnutls_dh_params_export2_pkcs3(p, GNUTLS_X509_FMT_PEM, &pem))
		r = file(f, (struct mst_view){ pem.data, pem.size }, ret_path);
	gnutls_free(pem.data);
	gnutls_dh_params_deinit(p);
	return r;
}

static void line(struct mst_writer *w, const char *name, const char *value)
{
	mst_put_str(w, name);
	mst_put_str(w, " = \"");
	mst_put_str(w, value);
	mst_put_str(w, "\";\n");
}

static void number(struct mst_writer *w, const char *name, unsigned x)
{
	mst_put_str(w, name);
	mst_put_str(w, " = ");
	mst_put_dec(w, x);
	mst_put_str(w, ";\n");
}

static int put_tls(const struct mst_diam_config *c, struct mst_diam_files *f, struct mst_writer *w)
{
	char chain[32], key[32], path[32];
	int r = file(f, c->chain_pem, chain);

	r = r ? r : pem_file(f, "PRIVATE KEY", c->key_pkcs8, key);
	if (!r) {
		mst_put_str(w, "TLS_Cred = \"");
		mst_put_str(w, chain);
		mst_put_str(w, "\", \"");
		mst_put_str(w, key);
		mst_put_str(w, "\";\n");
	}
	/* a file each: it wants a file's certificates to be a path, in order */
	for (size_t i = 0; i < c->n_anchors && !r; i++) {
		r = pem_file(f, "CERTIFICATE", c->anchors[i], path);
		line(w, "TLS_CA", path);
	}
	r = r ? r : group_file(f, path);
	if (!r)
		line(w, "TLS_DH_File", path);
	/*
	 * TLS 1.2, not 1.3: the library sends and receives on one session in two threads, and with 1.3 GnuTLS sends from within a
	 * receive, too (session tickets), so that both write to the same buffer; a sanitizer sees the use after its end at once.
	 */
	line(w, "TLS_Prio", "SECURE128:-VERS-ALL:+VERS-TLS1.2:-RSA:-DHE-RSA:-AES-128-CBC:-AES-256-CBC:%NO_TICKETS");
	return r;
}

static void put_peer(const struct mst_diam_peer *p, struct mst_writer *w)
{
	mst_put_str(w, "ConnectPeer = \"");
	mst_put_str(w, p->identity);
	mst_put_str(w, "\" { No_SCTP; ");
	if (!p->tls)
		mst_put_str(w, "No_TLS; ");
	line(w, "ConnectTo", p->address);
	if (p->realm[0])
		line(w, "Realm", p->realm);
	if (p->port)
		number(w, "Port", p->port);
	mst_put_str(w, "};\n");
}

static int load_without(const struct mst_diam_config *c, struct mst_diam_files *f)
{
	for (size_t i = 0; i < c->n_without; i++) {
		gnutls_datum_t der = { (unsigned char *)(uintptr_t)c->without[i].p, (unsigned)c->without[i].n };

		if (f->n_without == MST_DIAM_WITHOUT || gnutls_x509_crt_init(&f->without[f->n_without]))
			return MST_FAULT_MEMORY;
		if (gnutls_x509_crt_import(f->without[f->n_without++], &der, GNUTLS_X509_FMT_DER))
			return MST_FAULT_CONFIG;
	}
	return 0;
}

/* The library wants the issuer of our own certificate among its anchors, or does not start: so they all are, and leave again. */
int diam_settings_without(const struct mst_diam_files *f)
{
	gnutls_x509_trust_list_t list = NULL;

	if (!f->n_without)
		return 0;
	gnutls_certificate_get_trust_list(fd_g_config->cnf_sec_data.credentials, &list);
	/* the number of those that were found, twice the same counting as one */
	return list && gnutls_x509_trust_list_remove_cas(list, f->without, f->n_without) > 0 ? 0 : MST_FAULT_BUG;
}

int diam_settings(const struct mst_diam_config *c, struct mst_diam_files *f, struct mst_diag *d)
{
	bool tls = false;
	char text[16384];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	int r = 0;

	for (size_t i = 0; i < c->n_peers; i++)
		tls = tls || c->peer[i].tls;
	line(&w, "Identity", c->identity);
	line(&w, "Realm", c->realm);
	mst_put_str(&w, "No_SCTP;\nNoRelay;\n");
	number(&w, "Port", c->n_listen ? c->port : 0);
	number(&w, "SecPort", tls && c->n_listen ? c->secure_port : 0);
	number(&w, "TcTimer", c->retry);
	number(&w, "TwTimer", c->watchdog);
	number(&w, "AppServThreads", 2);
	number(&w, "ThreadsPerServer", 2);
	for (size_t i = 0; i < c->n_listen; i++)
		line(&w, "ListenOn", c->listen[i]);
	if (!c->n_listen)
		line(&w, "ListenOn", "127.0.0.1");             /* with port 0: nowhere; without it: everywhere */
	if (tls) {
		r = put_tls(c, f, &w);
		r = r ? r : load_without(c, f);
	}
	for (size_t i = 0; i < c->n_peers && !r; i++)
		if (c->peer[i].address[0])
			put_peer(&c->peer[i], &w);
	if (!r && !w.ok)
		r = MST_FAULT_BUG;
	r = r ? r : file(f, mst_written(&w), f->settings);
	if (r)
		mst_diag_set(d, 0, "diameter", "its files cannot be made: ", strerrordesc_np(errno), NULL);
	return r;
}

void diam_settings_close(struct mst_diam_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		close(f->fd[i]);
	f->n = 0;
	for (unsigned i = 0; i < f->n_without; i++)
		gnutls_x509_crt_deinit(f->without[i]);
	f->n_without = 0;
}
