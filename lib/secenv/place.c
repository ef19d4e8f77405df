#include "secenv/place.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if MST_WITH_TPM
#include "secenv/tpm.h"
#endif
#if MST_WITH_PKCS11
#include "secenv/pkcs11.h"
#endif

static int wanted(struct mst_diag *d, const struct mst_secenv_place *p, const char *setting, const char *words)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", p->group, setting);
	mst_diag_set(d, 0, name, words, NULL);
	return MST_FAULT_CONFIG;
}

static int open_tpm(const struct mst_secenv_place *p, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
#if MST_WITH_TPM
	struct mst_secenv_tpm t = { .tcti = p->tcti, .pin_file = p->pin_file };

	if (!mst_secenv_pcrs(p->pcrs, &t.pcrs))
		return wanted(d, p, "pcrs", "not a list like \"0,2,7\", each once, 0 to 23");
	return mst_secenv_tpm_open(&t, c, ret, d);
#else
	(void)c, (void)ret;
	return wanted(d, p, "backend", "tpm was left out when this program was built");
#endif
}

static int open_token(const struct mst_secenv_place *p, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
#if MST_WITH_PKCS11
	const struct mst_secenv_pkcs11 t = { .module = p->module, .token = p->token, .pin_file = p->pin_file };

	if (!*t.token || !*t.pin_file)
		return wanted(d, p, *t.token ? "pin_file" : "token", "is needed with pkcs11");
	return mst_secenv_pkcs11_open(&t, c, ret, d);
#else
	(void)c, (void)ret;
	return wanted(d, p, "backend", "pkcs11 was left out when this program was built");
#endif
}

/* --- a PIN that was refused --- */

static bool describe(const char *pin_file, char *out, size_t cap)
{
	struct stat st;

	if (!*pin_file || stat(pin_file, &st))
		return false;
	snprintf(out, cap, "refused: device %ju file %ju octets %jd written %jd.%09ld\n", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, (intmax_t)st.st_size,
		 (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return true;
}

/* Once: a process that is confined cannot read it later. */
static void look(struct mst_secenv_guard *g)
{
	int fd = g->looked ? -1 : open(g->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, g->refused, sizeof(g->refused) - 1);

	if (fd >= 0)
		close(fd);
	if (n >= 0)
		g->refused[n] = '\0';
	g->looked = true;
}

bool mst_secenv_place_refused(const struct mst_secenv_place *p, struct mst_secenv_guard *g)
{
	char now[MST_SECENV_MARK];

	if (!g)
		return false;
	look(g);
	return g->refused[0] && describe(p->pin_file, now, sizeof(now)) && strcmp(now, g->refused) == 0;
}

void mst_secenv_place_result(const struct mst_secenv_place *p, struct mst_secenv_guard *g, int r)
{
	int fd;

	if (!g || (r && r != MST_SECENV_REFUSED))
		return;
	look(g);
	if (!r && g->refused[0]) {
		(void)unlink(g->path);
		g->refused[0] = '\0';
	}
	if (!r || !describe(p->pin_file, g->refused, sizeof(g->refused)))
		return;
	/* what cannot be written is known at least for as long as this process lives; another user's mark in our directory gives way */
	fd = open(g->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && !unlink(g->path))
		fd = open(g->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && write(fd, g->refused, strlen(g->refused)) < 0)
		(void)unlink(g->path);
	if (fd >= 0)
		close(fd);
}

int mst_secenv_place_open(const struct mst_secenv_place *p, enum mst_secenv_kind kind, struct mst_secenv_guard *guard,
			  struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d)
{
	int r;

	if (kind == MST_SECENV_FILE || kind == MST_SECENV_SECRET) {
		if (kind == MST_SECENV_SECRET && !*p->secret_file)
			return wanted(d, p, "secret_file", "is needed with secret");
		*ret = mst_secenv_file(kind == MST_SECENV_SECRET ? p->secret_file : NULL, c);
		return *ret ? 0 : MST_FAULT_MEMORY;
	}
	if (mst_secenv_place_refused(p, guard)) {
		mst_diag_set(d, 0, p->group, "the device has refused this PIN, and is not given it again as it counts wrong ones; put the right PIN into ",
			     p->pin_file, NULL);
		return MST_SECENV_REFUSED;
	}
	r = kind == MST_SECENV_TPM ? open_tpm(p, c, ret, d) : open_token(p, c, ret, d);
	if (r)
		mst_secenv_place_result(p, guard, r);
	return r;
}

static int try_root(struct secenv_root *root, struct mst_diag *d)
{
	uint8_t digest[MST_SHA256_LEN] = { 0 }, sig[80], record[ROOT_RECORD_MAX], key[32];
	struct mst_writer w = mst_writer_of(record, sizeof(record));
	struct mst_secenv_key k = { .n = 0 };
	struct mst_diag unused;
	size_t n = 0;
	int r, gone = 0;

	if (!root->ops->key_make) {              /* files: what opens them is all that there is */
		r = root->ops->bind(root, &w, key, d);
		mst_wipe(key, sizeof(key));
		return r;
	}
	r = root->ops->key_make(root, &k, d);
	if (r)
		return r;
	r = root->ops->key_sign(root, &k, digest, sig, sizeof(sig), &n, d);
	if (root->ops->key_erase)
		gone = root->ops->key_erase(root, &k, r ? &unused : d);
	return r ? r : gone;
}

int mst_secenv_place_works(const struct mst_secenv_place *p, enum mst_secenv_kind kind, struct mst_secenv_guard *guard, struct mst_crypto *c,
			   struct mst_diag *d)
{
	struct secenv_root *root = NULL;
	int r;

	if (kind == MST_SECENV_FILE)
		return 0;
	r = mst_secenv_place_open(p, kind, guard, c, &root, d);
	if (r)
		return r;
	r = try_root(root, d);
	mst_secenv_place_result(p, guard, r);
	root->ops->free(root);
	return r;
}

bool mst_secenv_place_tpm_there(void)
{
	return access("/dev/tpmrm0", F_OK) == 0 || access("/sys/class/tpmrm/tpmrm0", F_OK) == 0;
}

/* --- as people write it --- */

bool mst_secenv_place_parse(const char *text, enum mst_secenv_kind *ret_kind, struct mst_secenv_place *ret_p, char buf[MST_SECENV_URI_MAX],
			    struct mst_diag *d)
{
	*ret_p = (struct mst_secenv_place){ "ca_key", "", "", "", "", "", "" };
	if (strcmp(text, "file") == 0) {
		*ret_kind = MST_SECENV_FILE;
		return true;
	}
	if (strcmp(text, "tpm") == 0 || strncmp(text, "tpm:", 4) == 0) {
		*ret_kind = MST_SECENV_TPM;
		snprintf(buf, MST_SECENV_URI_MAX, "%s", text[3] ? text + 4 : "");
		ret_p->tcti = buf;
		return true;
	}
#if MST_WITH_PKCS11
	if (strncmp(text, "pkcs11:", 7) == 0) {
		*ret_kind = MST_SECENV_PKCS11;
		return mst_secenv_pkcs11_uri(text, buf, ret_p, d);
	}
#endif
	mst_diag_set(d, 0, "", "is neither file nor tpm nor a URI like pkcs11:token=LABEL?pin-source=FILE", NULL);
	return false;
}

int mst_secenv_place_tokens(void (*each)(void *arg, const char *label, bool initialised), void *arg, struct mst_diag *d)
{
#if MST_WITH_PKCS11
	return mst_secenv_pkcs11_tokens(each, arg, d);
#else
	(void)each, (void)arg;
	mst_diag_set(d, 0, "pkcs11", "was left out when this program was built", NULL);
	return MST_SECENV_NONE;
#endif
}
