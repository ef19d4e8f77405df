/* Opening and closing; storage, clock, random numbers and the one HMAC. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "port/openssl-port.h"

void port_say(char *detail, const char *where, const char *what)
{
	snprintf(detail, PORT_DETAIL, "%s%s%s", where, *where ? ": " : "", what);
}

/* Storage -------------------------------------------------------------------------------------------- */

static enum muster_reason storage_failed(const struct mst_diag *d, int r, char *detail)
{
	port_say(detail, d->field, d->text[0] ? d->text : r < 0 ? mst_fault_text(r) : "not usable");
	return MUSTER_STORAGE;
}

static enum mst_slot slot_of(enum muster_slot s)
{
	return s == MUSTER_SLOT_ACTIVE ? MST_SLOT_ACTIVE : MST_SLOT_PENDING;
}

static enum muster_reason load(void *ctx, enum muster_slot slot, void *out, size_t cap, size_t *ret_n, char *detail)
{
	struct muster_openssl *o = ctx;
	struct mst_writer w = mst_writer_of(out, cap);
	struct mst_root_cred c;
	struct mst_diag d = { 0 };
	int r = o->env->ops->load(o->env, slot_of(slot), &c, &d);

	*ret_n = 0;
	if (r == MST_SECENV_NONE)
		return MUSTER_OK;
	if (!r) {
		r = mst_root_cred_encode(&c, &w);
		*ret_n = r ? 0 : w.n;
		mst_root_cred_wipe(&c);
	}
	return r ? storage_failed(&d, r, detail) : MUSTER_OK;
}

static enum muster_reason store(void *ctx, enum muster_slot slot, const void *record, size_t n, char *detail)
{
	struct muster_openssl *o = ctx;
	struct mst_root_cred c;
	struct mst_diag d = { 0 };
	int r;

	if (!mst_root_cred_decode((struct mst_view){ record, n }, &c)) {
		port_say(detail, "", "not a record");
		return MUSTER_STORAGE;
	}
	r = o->env->ops->store(o->env, slot_of(slot), &c, &d);
	mst_root_cred_wipe(&c);
	return r ? storage_failed(&d, r, detail) : MUSTER_OK;
}

static enum muster_reason promote(void *ctx, char *detail)
{
	struct muster_openssl *o = ctx;
	struct mst_diag d = { 0 };
	int r = o->env->ops->promote(o->env, &d);

	return r ? storage_failed(&d, r, detail) : MUSTER_OK;
}

/* Clock, random numbers, HMAC ------------------------------------------------------------------------ */

static int64_t now(void *ctx)
{
	struct timespec t;

	(void)ctx;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t utc(void *ctx)
{
	(void)ctx;
	return (int64_t)time(NULL);
}

static int octets(void *ctx, void *out, size_t n)
{
	struct mst_crypto *c = mst_crypto_openssl();

	(void)ctx;
	return c->ops->random(c, out, n);
}

static int hmac_sha256(void *ctx, const void *key, size_t key_n, const void *message, size_t message_n, unsigned char out[32])
{
	struct mst_crypto *c = mst_crypto_openssl();

	(void)ctx;
	return c->ops->hmac_sha256(c, (struct mst_view){ key, key_n }, (struct mst_view){ message, message_n }, out);
}

struct muster_crypto muster_openssl_crypto(void)
{
	return (struct muster_crypto){ NULL, hmac_sha256 };
}

struct muster_ports muster_openssl_ports(struct muster_openssl *o)
{
	return (struct muster_ports){
		.size = sizeof(struct muster_ports), .transport = port_transport(o), .storage = { o, load, store, promote },
		.clock = { NULL, now, utc }, .random = { NULL, octets },
	};
}

/* Opening and closing -------------------------------------------------------------------------------- */

static int open_state(struct muster_openssl *o, char *detail)
{
	struct mst_crypto *c = mst_crypto_openssl();
	struct mst_diag d = { 0 };
	const char *which = "";
	int r = mst_crypto_self_test(c, &which);

	if (r) {
		port_say(detail, "self-test", which);
		return -1;
	}
	r = mst_secenv_file_open(o->cfg.state, o->cfg.key_file, c, &o->env, &d);
	if (r == MST_SECENV_LOCKED)
		port_say(detail, o->cfg.state, "another process has it");
	else if (r)
		port_say(detail, d.field[0] ? d.field : o->cfg.state, d.text[0] ? d.text : r < 0 ? mst_fault_text(r) : "not usable");
	return r ? -1 : 0;
}

int muster_openssl_open(const struct muster_openssl_config *c, struct muster_openssl **ret, char *detail)
{
	struct muster_openssl *o;

	*ret = NULL;
	detail[0] = '\0';
	if (c->size != sizeof(*c) || !c->state || !c->key_file || !c->certificate != !c->key) {
		port_say(detail, "configuration", "want state, key_file, and certificate with key or neither");
		return -1;
	}
	o = calloc(1, sizeof(*o));
	if (!o) {
		port_say(detail, "", mst_fault_text(MST_FAULT_MEMORY));
		return -1;
	}
	o->cfg = *c;
	if (port_load_identity(o, detail) || open_state(o, detail)) {
		muster_openssl_close(o);
		return -1;
	}
	*ret = o;
	return 0;
}

void muster_openssl_close(struct muster_openssl *o)
{
	if (!o)
		return;
	mst_blocking_free(o->session);
	if (o->env)
		o->env->ops->close(o->env);
	for (size_t i = 0; i < o->n_anchors; i++)
		free(o->anchor[i]);
	free(o->chain);
	mst_wipe(o, sizeof(*o));
	free(o);
}

const char *muster_openssl_name(const struct muster_openssl *o)
{
	return o->name[0] ? o->name : NULL;
}
