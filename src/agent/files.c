#include "agent/card.h"
#include "agent/door.h"
#include "agent/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"
#include "crypto/heap.h"
#include "secenv/private.h"

enum { NOT_READ = 1, NOT_READ_LARGE };

/* About the file as a whole; whoever shows it names the file (agent_file_words). */
static int refuse(struct mst_diag *d, const char *text)
{
	mst_diag_set(d, 0, "", text, NULL);
	return NOT_READ;
}

const char *agent_file_words(char *out, size_t cap, const char *path, const struct mst_diag *d, int r)
{
	snprintf(out, cap, "%s: %s%s%s", path, d->field, d->field[0] ? ": " : "",
		 d->text[0] ? d->text : r < 0 ? mst_fault_text(r) : "not usable");
	return out;
}

void agent_name_file(struct mst_diag *d, const char *path, int r)
{
	const struct mst_diag in = *d;

	mst_diag_set(d, in.offset, path, in.field, in.field[0] ? ": " : "",
		     in.text[0] ? in.text : r < 0 ? mst_fault_text(r) : "not usable", NULL);
}

/* A diag's field holds less than a path may have: is this the path that was cut to fit? */
static bool means(const struct mst_diag *d, const char *path)
{
	size_t n = strlen(d->field);

	return !strcmp(d->field, path) || (n + 1 == sizeof(d->field) && !strncmp(d->field, path, n));
}

void agent_store_words(const struct agent_config *cfg, const struct mst_diag *d, int r, char *out, size_t cap)
{
	const char *text = d->text[0] ? d->text : r < 0 ? mst_fault_text(r) : "not usable";

	if (!d->field[0] || means(d, cfg->state))
		snprintf(out, cap, "%s: %s", cfg->state, text);
	else if (means(d, cfg->key_file))
		snprintf(out, cap, "%s: %s", cfg->key_file, text);
	else if (strchr(d->field, '/') || !strcmp(d->field, "TPM") || !strcmp(d->field, "token") || r >= MST_SECENV_ABSENT)
		/* of the device, or of another file */
		snprintf(out, cap, "%s: %s", d->field, text);
	else
		snprintf(out, cap, "%s/%s: %s", cfg->state, d->field, text);
}

/* Only what root or we ourselves put there, and nobody else can change, may tell a node whom to join. */
static const char *distrust(int fd, const struct stat *st)
{
	(void)fd;
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to neither root nor the agent's user";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "can be written by others; chmod go-w";
	return NULL;
}

/* The initial credential's key is this node: nobody else's eyes, nobody else's file (as musterd asks of its own). */
static const char *distrust_key(int fd, const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to neither root nor the agent's user";
	if (!mst_is_private(fd, st))
		return "may be read or changed by others; chmod 600";
	return NULL;
}

static int read_all(int fd, size_t max, uint8_t **ret_p, size_t *ret_n)
{
	uint8_t *p = malloc(max + 1);
	size_t n = 0;
	ssize_t r;

	if (!p)
		return MST_FAULT_MEMORY;
	while ((r = read(fd, p + n, max + 1 - n)) != 0) {
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			break;
		n += (size_t)r;
		if (n > max)
			break;
	}
	if (r == 0) {
		p[n] = '\0';
		*ret_p = p;
		*ret_n = n;
		return 0;
	}
	mst_wipe(p, n < max + 1 ? n : max + 1);
	free(p);
	return n > max ? MST_FAULT_SPACE : MST_FAULT_IO;
}

static int read_file(const char *path, size_t max, const char *(*doubt)(int fd, const struct stat *), uint8_t **ret_p,
		     size_t *ret_n, struct mst_diag *d)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *why;
	struct stat st;
	int r;

	if (fd < 0)
		return refuse(d, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return refuse(d, "not a regular file");
	}
	why = doubt ? doubt(fd, &st) : NULL;
	if (why) {
		close(fd);
		return refuse(d, why);
	}
	r = read_all(fd, max, ret_p, ret_n);
	if (r == MST_FAULT_SPACE || r == MST_FAULT_IO) {
		(void)refuse(d, r == MST_FAULT_SPACE ? "too large" : strerror(errno));
		r = r == MST_FAULT_SPACE ? NOT_READ_LARGE : NOT_READ;
	}
	close(fd);
	return r;
}

int agent_read_file(const char *path, size_t max, bool trusted, uint8_t **ret_p, size_t *ret_n,
		    struct mst_diag *d)
{
	return read_file(path, max, trusted ? distrust : NULL, ret_p, ret_n, d);
}

/* Initial credential --------------------------------------------------------------------------------- */

int agent_load_anchors(const char *path, uint8_t *store[16], struct mst_view view[16], size_t *n, struct mst_diag *d)
{
	uint8_t *pem, der[MST_CERT_MAX];
	size_t size, at = 0, der_n = 0;
	int r = agent_read_file(path, 1u << 20, true, &pem, &size, d);

	if (r)
		return r;
	for (;;) {
		r = mst_pem_next((struct mst_view){ pem, size }, &at, "CERTIFICATE", der, sizeof(der), &der_n,
				 d);
		if (r || !der_n)
			break;
		if (*n == 16) {
			r = refuse(d, "more than 16 certificates");
			break;
		}
		store[*n] = malloc(der_n);
		if (!store[*n]) {
			r = MST_FAULT_MEMORY;
			break;
		}
		memcpy(store[*n], der, der_n);
		view[*n] = (struct mst_view){ store[*n], der_n };
		(*n)++;
	}
	free(pem);
	return r;
}

static int load_key(struct agent *a, struct mst_diag *d)
{
	size_t n, at = 0;
	uint8_t *pem;
	int r = read_file(a->cfg.key, 65536, distrust_key, &pem, &n, d);

	if (r)
		return r;
	r = mst_pem_next((struct mst_view){ pem, n }, &at, "PRIVATE KEY", a->key.b, sizeof(a->key.b), &a->key.n, d);
	if (!r && !a->key.n)
		r = inside_key_of(a->env, (struct mst_view){ pem, n }, &a->key, d);
	if (!r && !a->key.n)
		r = refuse(d, "holds no PKCS#8 key (-----BEGIN PRIVATE KEY-----), nor one of muster-agent request");
	mst_wipe(pem, n);
	free(pem);
	return r;
}

/* Who our certificate says we are: the most telling name in it (spec 2.5.4). */
static bool own_name(const struct mst_cert_info *i, char out[MST_ID_MAX])
{
	static const enum mst_id_kind order[] = { MST_ID_NODE, MST_ID_DEVICE, MST_ID_CSE_ABS, MST_ID_AE_ABS,
						  MST_ID_FQDN };

	for (size_t k = 0; k < MST_COUNT(order); k++) {
		for (size_t s = 0; s < i->n_san; s++) {
			if (i->san[s].kind == order[k])
				return mst_copy_text(out, MST_ID_MAX, i->san[s].value);
		}
	}
	return false;
}

static int load_chain(struct agent *a, struct mst_diag *d)
{
	uint8_t *pem, der[MST_CERT_MAX];
	size_t n, at = 0, der_n = 0;
	struct mst_cert_info *info = NULL;
	int r = agent_read_file(a->cfg.certificate, 65536, false, &pem, &n, d);

	if (r)
		return r;
	a->chain_pem = (char *)pem;
	a->chain_n = n;
	r = mst_pem_next((struct mst_view){ pem, n }, &at, "CERTIFICATE", der, sizeof(der), &der_n, d);
	if (!r && !der_n)
		r = refuse(d, "holds no certificate");
	if (r)
		return r;
	info = calloc(1, sizeof(*info));
	if (!info)
		return MST_FAULT_MEMORY;
	r = mst_cert_info((struct mst_view){ der, der_n }, info, d);
	if (!r && a->cfg.node_id[0])
		memcpy(a->from, a->cfg.node_id, sizeof(a->from));
	else if (!r && !own_name(info, a->from))
		r = refuse(d, "names neither node, device, CSE, AE nor host; set node_id");
	free(info);
	return r;
}

/* In the one encoding that there is for it. */
int agent_read_secret(const char *path, uint8_t **ret_p, size_t *ret_n, struct mst_diag *d)
{
	return read_file(path, 4096, distrust_key, ret_p, ret_n, d);
}

static int load_own_anchors(struct agent *a, struct mst_diag *d)
{
	return agent_load_anchors(a->cfg.anchors, a->anchor, a->anchors, &a->n_anchors, d);
}

/* A setting that names a file (or what is like one), and what makes sure of it. */
struct named {
	const char *setting;
	size_t path;                         /* in struct agent_config; "" = not set */
	int (*load)(struct agent *a, struct mst_diag *d);
	bool certificate;                    /* not of a node that was born without one */
};

#define NAMED(member) offsetof(struct agent_config, member)
static const struct named identity[] = {
	{ "psk_file", NAMED(psk_file), inside_secret_load, false },
	{ "certificate", NAMED(certificate), load_chain, true },
	{ "key", NAMED(key), load_key, true },
	{ "anchors", NAMED(anchors), load_own_anchors, false },
};

static const char *path_of(const struct agent *a, const struct named *n)
{
	return (const char *)&a->cfg + n->path;
}

/* A node may have been born with a secret or a subscriber's card instead of a certificate: enough for a MEF, or a BSF. */
static bool born_without_certificate(const struct agent *a)
{
	return (a->cfg.psk_file[0] || card_there(&a->cfg)) && access(a->cfg.certificate, F_OK) && errno == ENOENT;
}

/* And one with a card alone meets nobody who has a certificate, unless its settings or instructions say so. */
static bool needs_no_anchors(const struct agent *a, const struct named *n)
{
	return n->load == load_own_anchors && card_there(&a->cfg) && born_without_certificate(a) && access(a->cfg.anchors, F_OK) && errno == ENOENT;
}

static bool wanted(const struct agent *a, const struct named *n)
{
	return path_of(a, n)[0] && !(n->certificate && born_without_certificate(a)) && !needs_no_anchors(a, n);
}

int agent_load_identity(struct agent *a, const char **ret_path, struct mst_diag *d)
{
	int r = 0;

	for (size_t i = 0; !r && i < MST_COUNT(identity); i++) {
		if (!wanted(a, &identity[i]))
			continue;
		*ret_path = path_of(a, &identity[i]);
		r = identity[i].load(a, d);
	}
	if (!r && born_without_certificate(a))
		memcpy(a->from, a->cfg.node_id, sizeof(a->from));
	return r;
}

/* Sequences ------------------------------------------------------------------------------------------ */

int agent_sequence_to_cbor(struct mst_view in, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	struct mst_writer w = mst_writer_of(out, cap);
	struct mst_sequence *s = calloc(1, sizeof(*s));
	uint8_t *scratch = malloc(2 * MST_SEQ_OCTETS);
	struct mst_arena arena = mst_arena_of(scratch, 2 * MST_SEQ_OCTETS);
	size_t at = 0;
	int r = MST_FAULT_MEMORY;

	if (!s || !scratch)
		goto out;
	while (at < in.n && (in.p[at] == ' ' || in.p[at] == '\n' || in.p[at] == '\r' || in.p[at] == '\t'))
		at++;
	/* No CBOR sequence begins with '{' (it would be a text string of 27 octets). */
	if (at < in.n && in.p[at] == '{')
		r = mst_sequence_read_json(in, &arena, s, d);
	else
		r = mst_sequence_read_cbor(in, &arena, s, d);
	if (r)
		goto out;
	mst_sequence_write_cbor(s, &w);
	r = w.ok ? 0 : MST_MSG_TOO_LARGE;
	if (r)
		(void)refuse(d, "the sequence is too large");
	if (!r)
		*ret_n = w.n;
out:
	free(scratch);
	free(s);
	return r;
}

int agent_read_sequence(const char *path, bool trusted, uint8_t *out, size_t cap, size_t *ret_n,
			struct mst_diag *d)
{
	uint8_t *p;
	size_t n;
	int r = agent_read_file(path, 2 * MST_SEQ_OCTETS, trusted, &p, &n, d);

	if (r)
		return r;
	r = agent_sequence_to_cbor((struct mst_view){ p, n }, out, cap, ret_n, d);
	free(p);
	return r;
}

enum prov_reason agent_file_reason(int r)
{
	return r < 0 ? PROV_INTERNAL : r == NOT_READ_LARGE ? PROV_OVERSIZED : r ? PROV_UNREACHABLE : PROV_OK;
}

enum prov_reason agent_read_instructions(const char *path, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	uint8_t *p = NULL;
	size_t n = 0;
	int r = agent_read_file(path, 2 * MST_SEQ_OCTETS, true, &p, &n, d);
	enum prov_reason reason = agent_file_reason(r);

	if (!r && !n) {
		(void)refuse(d, "nothing stands in it");
		reason = PROV_EMPTY;
	} else if (!r) {
		reason = prov_reason_of(agent_sequence_to_cbor((struct mst_view){ p, n }, out, cap, ret_n, d), d);
	}
	free(p);
	return reason;
}

static int check_bundle_anchors(struct agent *a, struct mst_diag *d)
{
	uint8_t *store[16] = { 0 };
	struct mst_view view[16];
	size_t n = 0;
	int r = agent_load_anchors(a->cfg.bundle_anchors, store, view, &n, d);

	if (!r && !n)
		r = refuse(d, "holds no certificate");
	for (size_t i = 0; i < n; i++)
		free(store[i]);
	return r;
}

static int check_bootstrap(struct agent *a, struct mst_diag *d)
{
	uint8_t *cbor = malloc(MST_SEQ_OCTETS);
	size_t n = 0;
	int r = cbor ? agent_read_sequence(a->cfg.bootstrap, true, cbor, MST_SEQ_OCTETS, &n, d) : MST_FAULT_MEMORY;

	free(cbor);
	return r;
}

static int check_listen(struct agent *a, struct mst_diag *d)
{
	return door_check_listen(&a->cfg, d);
}

static int check_signers(struct agent *a, struct mst_diag *d)
{
	return door_check_signers(&a->cfg, d);
}

static int check_objects(struct agent *a, struct mst_diag *d)
{
	uint8_t *text = NULL, *room = NULL;
	struct mst_objects *o = NULL;
	size_t n = 0;
	int r = agent_read_file(a->cfg.objects, MST_OBJECTS_OCTETS, true, &text, &n, d);

	if (!r) {
		o = managed_objects((struct mst_view){ text, n }, &room, false, d);
		r = o ? 0 : MST_FAULT_CONFIG;
		mst_wipe(text, n);
	}
	if (room)
		mst_wipe(room, MST_OBJECTS_OCTETS);
	free(room);
	free(o);
	free(text);
	return r;
}

static const struct named others[] = {
	{ "objects", NAMED(objects), check_objects, false },
	{ "bundle_anchors", NAMED(bundle_anchors), check_bundle_anchors, false },
	{ "bootstrap", NAMED(bootstrap), check_bootstrap, false },
	{ "trigger.listen", NAMED(trigger_listen), check_listen, false },
	{ "trigger.signers", NAMED(trigger_signers), check_signers, false },
};

/* One after the other, whatever the ones before said: a person mends all in one go. How many are wrong. */
static unsigned check_each(struct agent *a, const struct named *table, size_t count, FILE *err)
{
	char words[2 * AGENT_PATH_MAX];
	unsigned wrong = 0;

	for (size_t i = 0; i < count; i++) {
		struct mst_diag d = { 0 };
		int r = wanted(a, &table[i]) ? table[i].load(a, &d) : 0;

		if (!r)
			continue;
		fprintf(err, "%s: %s: %s\n", a->cfg.file, table[i].setting,
			agent_file_words(words, sizeof(words), path_of(a, &table[i]), &d, r));
		wrong++;
	}
	return wrong;
}

static unsigned check_card(struct agent *a, FILE *err)
{
	struct card_reply *r = calloc(1, sizeof(*r));
	char words[2 * AGENT_PATH_MAX];
	unsigned wrong = 0;

	if (r && card_there(&a->cfg)) {
		r->r = card_check(&a->cfg, r);
		wrong = r->r != 0;
		card_words(r, words, sizeof(words));
		if (wrong)
			fprintf(err, "%s: card: %s\n", a->cfg.file, words);
		else if (!a->from[0])
			snprintf(a->from, sizeof(a->from), "%s", r->impi[0] ? r->impi : "known by its card");
	}
	free(r);
	return wrong;
}

int agent_config_check(const struct agent_config *c, FILE *out, FILE *err)
{
	struct agent *a = mst_heap_locked(sizeof(*a));
	unsigned wrong;

	if (!a)
		return MST_FAULT_MEMORY;
	a->cfg = *c;
	wrong = check_each(a, identity, MST_COUNT(identity), err);
	wrong += check_each(a, others, MST_COUNT(others), err);
	wrong += check_card(a, err);
	if (!wrong)
		fprintf(out, "%s: good; this node is %s, %zu trust anchor%s\n", c->file, a->from[0] ? a->from : c->psk_identity,
			a->n_anchors, a->n_anchors == 1 ? "" : "s");
	for (size_t i = 0; i < a->n_anchors; i++)
		free(a->anchor[i]);
	free(a->chain_pem);
	mst_wipe(a, sizeof(*a));
	free(a);
	return wrong ? MST_FAULT_CONFIG : 0;
}
