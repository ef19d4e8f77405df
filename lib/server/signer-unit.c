/*
 * The signer's process: it has the device with the CA's key, and nothing else (decision 0035). The keeper gives it digests. Whatever a module of
 * PKCS#11 needs to run is here, outside of the process that keeps keys.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "server/ca-device.h"
#include "server/unit.h"

#define DEADLINE_S 20            /* a device that hangs ends this process, which then begins anew */

struct signer_unit {
	struct mst_unit u;                /* first */
	struct mst_ca_device *device;
	struct mst_link *keeper;
};

static int signer_start(struct mst_unit *u, struct mst_diag *d)
{
	struct signer_unit *s = (struct signer_unit *)(void *)u;
	struct mst_diag why = { 0 };
	int r = mst_ca_device_own(u->conf, d);

	r = r ? r : mst_ca_device_new(u->conf, u->crypto, &s->device, d);
	if (r)
		return r;
	/* It may come later: what needs no CA goes on meanwhile. What it needs of files is in memory afterwards, as far as it is there. */
	alarm(DEADLINE_S);
	r = mst_ca_device_look(s->device, &why);
	alarm(0);
	if (r)
		mst_log(&u->log, MST_LOG_ERROR, "the device with the CA's key does not sign; nothing is certified or revoked until it does", "why", why.text,
			NULL);
	return r < 0 ? r : 0;
}

static void on_frame(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	struct signer_unit *s = owner;
	struct mst_signed_frame a = { .rc = MST_FAULT_CLOSED };
	struct mst_diag d = { 0 };
	uint8_t sig[80], b[512];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	size_t n = 0;

	(void)fd;
	if (f->payload.n != MST_SHA256_LEN) {
		a.rc = MST_FAULT_BUG;
		mst_log(&s->u.log, MST_LOG_ERROR, "a malformed digest", NULL);
	} else if (s->u.started) {
		alarm(DEADLINE_S);
		a.rc = mst_ca_device_sign(s->device, f->payload.p, sig, sizeof(sig), &n, &d);
		alarm(0);
	}
	a.sig = (struct mst_view){ sig, a.rc ? 0 : n };
	memcpy(a.why, d.text, sizeof(a.why) < sizeof(d.text) ? sizeof(a.why) : sizeof(d.text));
	a.why[sizeof(a.why) - 1] = '\0';
	mst_put_signed(&w, &a);
	(void)!mst_link_send(l, MST_FRAME_SIGNED, f->id, mst_written(&w));
}

/* The keeper is gone, or has given up waiting: another process begins, and is joined to it. */
static void on_down(void *owner, struct mst_link *l, const char *why)
{
	struct signer_unit *s = owner;

	(void)why;
	if (s->keeper == l)
		s->keeper = NULL;
	(void)mst_link_free(l);
	if (!s->keeper)
		mst_unit_done(&s->u);
}

static const struct mst_link_ops ops = { on_frame, on_down };

static int signer_attach(struct mst_unit *u, const struct mst_link_frame *who, struct mst_link *l, int fd)
{
	struct signer_unit *s = (struct signer_unit *)(void *)u;

	if (who->peer != MST_PROC_KEEPER || fd >= 0)
		return MST_FAULT_BUG;
	(void)mst_link_free(s->keeper);
	s->keeper = l;
	mst_link_owner(l, &ops, s);
	return 0;
}

static void signer_drain(struct mst_unit *u)
{
	mst_unit_done(u);
}

static void signer_stop(struct mst_unit *u)
{
	struct signer_unit *s = (struct signer_unit *)(void *)u;

	s->keeper = mst_link_free(s->keeper);
	s->device = mst_ca_device_free(s->device);
}

const struct mst_unit_ops mst_signer_unit = {
	.kind = MST_PROC_SIGNER,
	.size = sizeof(struct signer_unit),
	.start = signer_start,
	.attach = signer_attach,
	.drain = signer_drain,
	.stop = signer_stop,
};
