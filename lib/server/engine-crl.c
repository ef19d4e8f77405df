/*
 * The revocation list of our own CA is kept fresh: the engine sees when a new one is due, the admin role decides and
 * has the keeper sign, and the supervisor, who has the files, writes it and lets everybody take it over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/pki.h"
#include "server/engine-internal.h"

#define PACE_MS 1000                /* between two lists: whoever revokes many need not write many */
#define AGAIN_MS 10000              /* after a failure */
#define OTHERS_MS 5000
#define SKEW 120                    /* seconds that a list may be ahead: the clock was set back, or the setting is shorter now */

static const struct mst_role_ops *maker(const struct engine *e)
{
	const struct mst_role_ops *role = mst_unit_role(&e->u, MST_ROLE_ADMIN);

	return role && role->list && e->u.conf->crl.file[0] ? role : NULL;
}

static bool due(const struct engine *e, mst_time now)
{
	int64_t life = e->u.conf->crl.lifetime;

	return e->crl_changed || now >= e->u.crl_until - life / 2 || e->u.crl_until > now + life + SKEW;
}

static int is_newer(void *arg, const struct mst_cert_row *r)
{
	struct engine *e = arg;

	e->crl_changed = e->crl_changed || r->revoked >= e->u.crl_made;
	return e->crl_changed;
}

/* The power may have gone between a revocation and its list. */
int engine_crl_start(struct engine *e)
{
	int r = mst_store_cert_list_revoked(e->store, (mst_time)time(NULL), is_newer, e);

	return r < 0 ? r : 0;
}

/* What another program has revoked in the store that it shares with us: our list is of that, too. */
static void look_at_others(struct engine *e, mst_ms now)
{
	if (mst_store_file(e->u.conf->store) || now < e->crl_look)
		return;
	e->crl_look = now + OTHERS_MS;
	(void)!engine_crl_start(e);      /* a fault is told by whoever needs the store next */
}

static int make(struct engine *e, const struct mst_role_ops *role, struct mst_list *l)
{
	struct mst_role_env env = { .store = e->store, .keeper = e->keeper, .crypto = e->u.crypto,
		.conf = e->role_conf[MST_ROLE_ADMIN], .now = (mst_time)time(NULL) };
	int r = mst_store_begin(e->store);

	if (r)
		return r;
	l->number = e->u.crl_number + 1 > env.now ? e->u.crl_number + 1 : env.now;
	l->lifetime = e->u.conf->crl.lifetime;
	r = role->list(&env, l);
	if (!r)
		r = mst_store_commit(e->store);
	if (r)
		mst_store_rollback(e->store);
	return r;
}

void engine_crl(struct engine *e)
{
	const struct mst_role_ops *role = e->u.started && !e->u.draining ? maker(e) : NULL;
	mst_ms now = mst_now_ms();
	struct mst_list l = { .cap = MST_CRL_MAX };
	int r;

	if (role)
		look_at_others(e, now);
	if (!role || now < e->crl_again || !due(e, (mst_time)time(NULL)))
		return;
	e->crl_again = now + PACE_MS;
	l.der = malloc(l.cap);
	r = l.der ? make(e, role, &l) : MST_FAULT_MEMORY;
	if (r) {
		e->crl_again = now + AGAIN_MS;
		mst_log(&e->u.log, MST_LOG_ERROR, "no new revocation list; tried again", "why",
			e->u.m.v[MST_M_KEEPER_CA_AWAY] ? "the device with the CA's key does not sign" : mst_fault_text(r), NULL);
	} else if (!mst_link_send(e->u.control, MST_FRAME_CRL, 0, (struct mst_view){ l.der, l.n })) {
		e->u.crl_number = l.number;
		e->u.crl_made = l.made;
		e->u.crl_until = l.until;
		e->crl_changed = false;
	}
	free(l.der);
}
