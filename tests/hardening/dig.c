/*
 * What a node or a keeper holds, for a test that looks for it elsewhere: dig [--secret FILE] STATE KEYFILE [RECORD], or dig KEEPER. RECORD is a key that
 * the node made itself (muster-agent request), as it lies there. Lines "WHAT HEX".
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keeper/files.h"
#include "secenv/secenv.h"
#include "secenv/store.h"

static void octets(const char *what, const uint8_t *p, size_t n)
{
	printf("%s ", what);
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
	printf("\n");
}

static void show(const char *slot, const char *what, const struct mst_key *k)
{
	char name[24];

	snprintf(name, sizeof(name), "%s-%s", slot, what);
	if (k->n)
		octets(name, k->b, k->n);
}

static int keeper(const char *dir)
{
	static struct keeper_files f;
	struct mst_diag d = { 0 };
	int fd;

	if (keeper_files_read(dir, NULL, mst_crypto_openssl(), &f, &fd, &d)) {
		fprintf(stderr, "dig: %s %s\n", d.field, d.text);
		return 1;
	}
	for (size_t i = 0; i < f.n_kek; i++) {
		uint8_t wrap[KEK_LEN];

		octets("kek", f.kek[i].key, sizeof(f.kek[i].key));
		/* what it serves with: the other one is forgotten once this is made (keeper-rotate.c) */
		if (keeper_subkey(mst_crypto_openssl(), f.kek[i].key, "muster keeper: wrapping 1", wrap))
			return 1;
		octets("wrap", wrap, sizeof(wrap));
	}
	octets("ca", f.ca_key, f.n_ca_key);
	mst_wipe(&f, sizeof(f));
	close(fd);
	return 0;
}

/* A private key that the node has made in files: sealed (lib/secenv/keys.c). */
static void private_key(struct mst_secenv *s, const char *what, struct mst_view sealed)
{
	uint8_t key[MST_PKEY_MAX], tag = 'F';
	size_t n = 0;

	if (sealed.n && sealed.p[0] == tag &&
	    !mst_box_open(mst_crypto_openssl(), ((struct file_env *)s)->s.key, (struct mst_view){ &tag, 1 }, mst_view_sub(sealed, 1, sealed.n - 1), key,
			  sizeof(key), &n))
		octets(what, key, n);
	mst_wipe(key, sizeof(key));
}

/* The one that was made for a certificate, in what the agent keeps of that (src/agent/own.c). */
static void certificate(struct mst_secenv *s)
{
	static uint8_t blob[8192];
	struct mst_diag d = { 0 };
	size_t n = 0;
	struct mst_reader r;

	if (s->ops->load_blob(s, "cert-active", blob, sizeof(blob), &n, &d) || !n)
		return;
	r = mst_reader_of((struct mst_view){ blob, n });
	(void)mst_read_u8(&r);
	private_key(s, "cert", mst_read_block16(&r));
}

static void record(struct mst_secenv *s, const char *path)
{
	uint8_t sealed[MST_PKEY_MAX + 64];
	FILE *f = fopen(path, "rbe");

	if (!f) {
		perror(path);
		return;
	}
	private_key(s, "node.key", (struct mst_view){ sealed, fread(sealed, 1, sizeof(sealed), f) });
	fclose(f);
}

int main(int argc, char **argv)
{
	static const char *const name[] = { "active", "pending" };
	struct mst_secenv *s = NULL;
	struct mst_diag d = { 0 };
	struct mst_root_cred c;
	const char *secret = NULL;

	if (argc == 2)
		return keeper(argv[1]);
	if (argc > 2 && !strcmp(argv[1], "--secret")) {
		secret = argv[2];
		argc -= 2;
		argv += 2;
	}
	if (argc < 3 || argc > 4 || mst_secenv_open(argv[1], argv[2], mst_secenv_file(secret, mst_crypto_openssl()), mst_crypto_openssl(), &s, &d)) {
		fprintf(stderr, "dig: %s %s\n", d.field, d.text);
		return 1;
	}
	for (int slot = MST_SLOT_ACTIVE; slot <= MST_SLOT_PENDING; slot++)
		if (!s->ops->load(s, (enum mst_slot)slot, &c, &d)) {
			show(name[slot], "km", &c.key);
			show(name[slot], "ke", &c.ke);
			mst_root_cred_wipe(&c);
		}
	certificate(s);
	if (argc == 4)
		record(s, argv[3]);
	s->ops->close(s);
	return 0;
}
