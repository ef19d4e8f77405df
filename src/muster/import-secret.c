/*
 * Makers' secrets by the thousand: from a file that the maker has encrypted, to a certificate of the operator's or with
 * a password. What is inside goes row by row to the daemon's local socket, where the listener seals it; it is on no
 * command line, in no log, and on no disk in clear.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/secret.h"
#include "crypto/envelope.h"
#include "crypto/pki.h"
#include "import.h"
#include "secenv/private.h"

#define OPEN_HELP "give --password-file FILE, or --certificate FILE.pem and --key FILE.pem"

/* A secret file that others may read is none. */
static char *read_own(const char *path, size_t *ret_n)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && !mst_is_private_file(path, &st, false)) {
		complain("%s: others may read it; chmod 600 it", path);
		return NULL;
	}
	return read_file(path, ret_n);
}

/* The first PEM block of that name. The buffer is the caller's. */
static bool pem_block(const char *path, bool own, const char *label, uint8_t *der, size_t cap, struct mst_view *ret)
{
	struct mst_diag d = { 0 };
	size_t size = 0, at = 0, n = 0;
	char *text = own ? read_own(path, &size) : read_file(path, &size);
	bool good;

	if (!text)
		return false;
	good = mst_pem_next((struct mst_view){ (uint8_t *)text, size }, &at, label, der, cap, &n, &d) == 0 && n > 0;
	if (!good)
		complain("%s: holds no %s in PEM%s%s", path, label, d.text[0] ? ": " : "", d.text);
	mst_wipe(text, size);
	free(text);
	*ret = (struct mst_view){ der, n };
	return good;
}

static int open_with(const char *path, const struct mst_envelope_key *k, char **text, size_t *size)
{
	struct mst_diag d = { 0 };
	char *clear = NULL;
	size_t n = 0;
	int r = mst_envelope_open((struct mst_view){ (uint8_t *)*text, *size }, k, &clear, &n, &d);

	if (r) {
		complain("%s: %s", path, r == MST_FAULT_CONFIG ? d.text : "out of memory");
		return r == MST_FAULT_CONFIG ? EXIT_REFUSED : EXIT_FAULT;
	}
	free(*text);
	*text = clear;
	*size = n;
	return EXIT_DONE;
}

static int with_password(const char *path, const char *file, char **text, size_t *size)
{
	struct mst_envelope_key k = { 0 };
	size_t n = 0, all;
	char *password = read_own(file, &n);
	int r;

	if (!password)
		return EXIT_USAGE;
	all = n;
	while (n && (password[n - 1] == '\n' || password[n - 1] == '\r'))
		n--;
	k.password = (struct mst_view){ (uint8_t *)password, n };
	if (n)
		r = open_with(path, &k, text, size);
	else
		r = usage_error(NULL, "%s: is empty; its first line is the password", file);
	mst_wipe(password, all);
	free(password);
	return r;
}

static int with_key(const char *path, const struct unlock *how, char **text, size_t *size)
{
	uint8_t cert[MST_CERT_MAX], key[8192];      /* RSA keys are long */
	struct mst_envelope_key k = { 0 };
	int r = EXIT_USAGE;

	if (pem_block(how->certificate, false, "CERTIFICATE", cert, sizeof(cert), &k.cert) &&
	    pem_block(how->key, true, "PRIVATE KEY", key, sizeof(key), &k.pkcs8))
		r = open_with(path, &k, text, size);
	mst_wipe(key, sizeof(key));
	return r;
}

int import_unlock(const char *path, const struct unlock *how, char **text, size_t *size, bool *ret_encrypted)
{
	bool pair = how->certificate && how->key, given = how->password_file || how->certificate || how->key;

	*ret_encrypted = mst_envelope_is((struct mst_view){ (uint8_t *)*text, *size });
	if (!*ret_encrypted && !given)
		return EXIT_DONE;
	if (!*ret_encrypted) {
		complain("%s: is not encrypted (CMS, DER or PEM), so there is nothing to open with a password or key", path);
		return EXIT_REFUSED;
	}
	if (!how->password_file == !pair || !how->certificate != !how->key)
		return usage_error(NULL, "%s is encrypted: %s", path, OPEN_HELP);
	return pair ? with_key(path, how, text, size) : with_password(path, how->password_file, text, size);
}

const char *import_take_secret(json_t *row, bool encrypted, struct row_secret *s, char *error, size_t cap)
{
	const char *text = text_of(row, "secret"), *identity = text_of(row, "kpmID");
	struct mst_diag d = { 0 };
	struct mst_key k;
	int r;

	s->text[0] = '\0';
	if (!*text && !*identity)
		return NULL;
	if (!*text)
		return "kpmID: without a secret";
	if (!encrypted)
		return "secret: is taken from an encrypted file only (openssl cms -encrypt)";
	r = mst_secret_read(mst_view_str(text), &k, &d);
	mst_key_wipe(&k);
	if (r) {
		snprintf(error, cap, "secret: %s", d.text);
		return error;
	}
	if (!mst_view_to_str(mst_view_str(text), s->text, sizeof(s->text)) ||
	    !mst_view_to_str(mst_view_str(identity), s->identity, sizeof(s->identity)) ||
	    !mst_view_to_str(mst_view_str(text_of(row, "nodeID")), s->node, sizeof(s->node))) {
		s->text[0] = '\0';
		return "secret, kpmID or nodeID: too long";
	}
	json_object_del(row, "secret");
	json_object_del(row, "kpmID");
	return NULL;
}

int import_put_secret(struct api *a, struct row_secret *s, char *error, size_t cap)
{
	json_t *answer = NULL, *body = json_string(s->text);
	const json_t *why;
	char path[2048];
	struct mst_writer w = path_start(path, sizeof(path), "/v1/nodes/");
	int status = 0;

	*error = '\0';
	mst_wipe(s->text, sizeof(s->text));
	path_piece(&w, s->node);
	mst_put_str(&w, "/secret");
	path_query(&w, "identity", s->identity);
	if (api_call(a, "POST", path_end(&w), body, &status, &answer) < 0)
		return EXIT_FAULT;
	if (status != 200) {
		why = json_object_get(answer, "error");
		snprintf(error, cap, "its secret is not stored: %s%s%s", text_of(why, "field"), *text_of(why, "field") ? ": " : "",
		         text_of(why, "text"));
	}
	json_decref(answer);
	return EXIT_DONE;
}
