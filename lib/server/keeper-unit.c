/* The keeper process: keeper-local.c behind the frame decoder. */
#include <string.h>

#include "crypto/pki.h"
#include "keeper/keeper-wire.h"
#include "server/ca-device.h"
#include "server/keeper-device.h"
#include "server/unit.h"

#define SIGNER_MS 4000           /* the engine waits a second longer for us (KEEPER_MS), and has us ended then */

struct keeper_unit {
	struct mst_unit u;                /* first */
	struct mst_keeper *keeper;
	struct mst_link *engine;
	struct mst_call *signer;          /* of a CA key in a device; NULL: none is there now */
};

/* The digest goes to who has the device. A signer that does not answer is given up; its process begins anew and is joined again. */
static int ask_signer(void *arg, struct mst_view record, const uint8_t digest[MST_SHA256_LEN], uint8_t *ret_sig, size_t cap, size_t *ret_n,
		      struct mst_diag *d)
{
	struct keeper_unit *k = arg;
	struct mst_signed_frame f;
	uint8_t b[512];
	size_t n = 0;
	int r = k->signer ? mst_call(k->signer, (struct mst_view){ digest, MST_SHA256_LEN }, b, sizeof(b), &n) : MST_FAULT_CLOSED;

	(void)record;                    /* the signer reads it where the keeper does */
	if (r) {
		k->signer = mst_call_free(k->signer);
		mst_diag_set(d, 0, "ca_key", "the process with the device does not answer; its log says why", NULL);
		return MST_KEEPER_AWAY;
	}
	if (!mst_get_signed((struct mst_view){ b, n }, &f) || f.sig.n > cap)
		return MST_FAULT_BUG;
	mst_diag_set(d, 0, "ca_key", f.why, NULL);
	if (f.sig.n)
		memcpy(ret_sig, f.sig.p, f.sig.n);
	*ret_n = f.sig.n;
	return f.rc;
}

static int open_keys(struct keeper_unit *k, struct mst_diag *d)
{
	const struct mst_ca_holder ca = { ask_signer, k };

	if (k->keeper)
		return 0;
	if (!k->u.conf)
		return MST_FAULT_BUG;
	return mst_keeper_open(k->u.conf, true, &ca, k->u.crypto, &k->keeper, d);
}

static int keeper_start(struct mst_unit *u, struct mst_diag *d)
{
	struct keeper_unit *k = (struct keeper_unit *)(void *)u;
	const char *which = "";
	int r = mst_crypto_self_test(u->crypto, &which);

	if (r) {
		mst_diag_set(d, 0, "self test", which, ": the crypto library gives a wrong answer", NULL);
		return r;
	}
	r = mst_unit_gba_test(u, d);
	if (r)
		return r;
	/* a TPM's library has its own way with keys on curves, and must find OpenSSL as it is */
	r = open_keys(k, d);
	mst_ec_fast_install();
	if (!r && u->again)
		mst_keeper_local_spent(k->keeper);
	return r;
}

static int keeper_reload(struct mst_unit *u, struct mst_diag *d)
{
	struct keeper_unit *k = (struct keeper_unit *)(void *)u;

	(void)d;
	if (!k->keeper)
		return MST_FAULT_BUG;
	mst_keeper_take(k->keeper, u->conf);
	return 0;
}

/* May come before START: the keys of the processes that were started earlier. */
static void keeper_channel(struct mst_unit *u, const struct mst_channel *c)
{
	struct keeper_unit *k = (struct keeper_unit *)(void *)u;
	struct mst_diag d = { 0 };

	if (open_keys(k, &d) || mst_keeper_local_channel(k->keeper, c->id, c->key, c->duties))
		mst_log(&u->log, MST_LOG_ERROR, "a channel was not taken", "why", d.text, NULL);
}

static void on_frame(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	struct keeper_unit *k = owner;
	uint8_t b[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	(void)fd;
	if (!k->u.started)
		mst_put_u32(&w, (uint32_t)MST_FAULT_CLOSED), mst_put_u16(&w, 0);
	else if (mst_keeper_serve(k->keeper, f->payload, &w))
		k->u.m.v[MST_M_KEEPER_CALLS]++;
	else {
		k->u.m.v[MST_M_KEEPER_REFUSED]++;
		mst_log(&k->u.log, MST_LOG_ERROR, "a malformed call", NULL);
	}
	(void)!mst_link_send(l, MST_FRAME_KEEPER_ANSWER, f->id, mst_written(&w));
	mst_wipe(b, sizeof(b));
}

/* An engine that ended has a successor, with another link. One that lives and has given us up has the supervisor end us. */
static void on_down(void *owner, struct mst_link *l, const char *why)
{
	struct keeper_unit *k = owner;
	bool broke = mst_link_broke(l);

	if (k->engine == l)
		k->engine = NULL;
	(void)mst_link_free(l);
	if (!broke)
		return;
	mst_log(&k->u.log, MST_LOG_ERROR, "the link to the engine is lost; another process begins", "why", why, NULL);
	mst_unit_done(&k->u);            /* the next one is joined to the engine anew */
}

static const struct mst_link_ops ops = { on_frame, on_down };

static int keeper_attach(struct mst_unit *u, const struct mst_link_frame *who, struct mst_link *l, int fd)
{
	struct keeper_unit *k = (struct keeper_unit *)(void *)u;

	if (!l && who->peer == MST_PROC_SIGNER) {
		k->signer = mst_call_free(k->signer);
		return mst_call_new(&mst_call_signer, fd, SIGNER_MS, &k->signer);
	}
	if (who->peer != MST_PROC_ENGINE || fd >= 0)
		return MST_FAULT_BUG;
	(void)mst_link_free(k->engine);
	k->engine = l;
	mst_link_owner(l, &ops, k);
	return 0;
}

static void keeper_drain(struct mst_unit *u)
{
	mst_unit_done(u);
}

static void keeper_stop(struct mst_unit *u)
{
	struct keeper_unit *k = (struct keeper_unit *)(void *)u;

	k->engine = mst_link_free(k->engine);
	k->signer = mst_call_free(k->signer);
	if (k->keeper)
		k->keeper->ops->close(k->keeper);
}

const struct mst_unit_ops mst_keeper_unit = {
	.kind = MST_PROC_KEEPER,
	.size = sizeof(struct keeper_unit),
	.start = keeper_start,
	.reload = keeper_reload,
	.attach = keeper_attach,
	.channel = keeper_channel,
	.drain = keeper_drain,
	.stop = keeper_stop,
	.raw_peer = MST_PROC_SIGNER,
};
