#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"

static FILE *open_part(const struct load *l, unsigned i, const char *suffix)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/node-%05u%s", l->certs, i, suffix);
	f = fopen(path, "re");
	if (!f)
		fprintf(stderr, "load-client: %s: %s\n", path, strerror(errno));
	return f;
}

static int read_certificate(struct load *l, struct load_node *n, unsigned i)
{
	FILE *f = open_part(l, i, ".pem");

	if (!f)
		return -1;
	n->cert = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	f = open_part(l, i, ".key");
	if (!f)
		return -1;
	n->pkey = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	if (n->cert && n->pkey)
		return 0;
	fprintf(stderr, "load-client: node %u: no certificate with key\n", i);
	return -1;
}

static char *next_line(FILE *f, char *line, size_t cap, const char *path)
{
	if (!fgets(line, (int)cap, f)) {
		fprintf(stderr, "load-client: %s has too few lines\n", path);
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static int read_ids(struct load *l)
{
	FILE *f = fopen(l->ids, "re");
	char line[256];
	int r = f ? 0 : -1;

	if (!f)
		fprintf(stderr, "load-client: %s: %s\n", l->ids, strerror(errno));
	for (unsigned i = 0; r == 0 && i < l->first + l->nodes; i++) {
		if (!next_line(f, line, sizeof(line), l->ids))
			r = -1;
		else if (i >= l->first)
			snprintf(l->node[i - l->first].id, sizeof(l->node[0].id), "%s", line);
	}
	if (f)
		fclose(f);
	return r;
}

/* "KeID hex(Ke) id" a line, in the order of the nodes. */
static int read_key(struct load_node *n, char *line)
{
	char *save = NULL, *id = strtok_r(line, " ", &save), *hex = strtok_r(NULL, " ", &save),
	     *node = strtok_r(NULL, " ", &save);

	if (!id || !hex || !node || strlen(hex) != 2 * MST_KEY_LEN)
		return -1;
	snprintf(n->key_id, sizeof(n->key_id), "%s", id);
	snprintf(n->id, sizeof(n->id), "%s", node);
	for (size_t i = 0; i < MST_KEY_LEN; i++) {
		char octet[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		n->ke.b[i] = (uint8_t)strtoul(octet, NULL, 16);
	}
	n->ke.n = MST_KEY_LEN;
	n->kpm = n->ke;
	memcpy(n->kpm_id, n->key_id, sizeof(n->kpm_id));
	return 0;
}

static int read_keys(struct load *l)
{
	FILE *f = fopen(l->keys_in, "re");
	char line[1024];
	int r = f ? 0 : -1;

	if (!f)
		fprintf(stderr, "load-client: %s: %s\n", l->keys_in, strerror(errno));
	for (unsigned i = 0; r == 0 && i < l->first + l->nodes; i++)
		if (!next_line(f, line, sizeof(line), l->keys_in) ||
		    (i >= l->first && read_key(&l->node[i - l->first], line) < 0))
			r = -1;
	if (f)
		fclose(f);
	mst_wipe(line, sizeof(line));
	return r;
}

static int read_sims(struct load *l)
{
	FILE *f = fopen(l->sims, "re");
	char line[1024];
	int r = f ? 0 : -1;

	if (!f)
		fprintf(stderr, "load-client: %s: %s\n", l->sims, strerror(errno));
	for (unsigned i = 0; r == 0 && i < l->first + l->nodes; i++)
		if (!next_line(f, line, sizeof(line), l->sims) || (i >= l->first && load_sim_read(&l->node[i - l->first], line) < 0))
			r = -1;
	if (f)
		fclose(f);
	mst_wipe(line, sizeof(line));
	return r;
}

int load_nodes(struct load *l)
{
	int r = 0;

	l->node = calloc(l->nodes, sizeof(*l->node));
	if (!l->node)
		return -1;
	for (unsigned i = 0; r == 0 && l->certs && i < l->nodes; i++)
		r = read_certificate(l, &l->node[i], l->first + i);
	if (r == 0 && l->ids)
		r = read_ids(l);
	if (r == 0 && l->keys_in)
		r = read_keys(l);
	if (r == 0 && l->sims)
		r = read_sims(l);
	return r;
}

int load_keys_write(const struct load *l)
{
	int fd = open(l->keys_out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f) {
		fprintf(stderr, "load-client: %s: %s\n", l->keys_out, strerror(errno));
		return -1;
	}
	for (unsigned i = 0; i < l->nodes; i++) {
		const struct load_node *n = &l->node[i];

		if (!n->ke.n)
			continue;
		fprintf(f, "%s ", n->key_id);
		for (size_t k = 0; k < n->ke.n; k++)
			fprintf(f, "%02x", n->ke.b[k]);
		fprintf(f, " %s\n", n->id);
	}
	return fclose(f) == 0 ? 0 : -1;
}

void load_nodes_free(struct load *l)
{
	for (unsigned i = 0; l->node && i < l->nodes; i++) {
		X509_free(l->node[i].cert);
		EVP_PKEY_free(l->node[i].pkey);
		EVP_CIPHER_CTX_free(l->node[i].sim.aes);
		mst_key_wipe(&l->node[i].ke);
	}
	free(l->node);
	X509_free(l->server_cert);
}
