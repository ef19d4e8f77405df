#include "agent/own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/inside.h"
#include "secenv/move.h"

#define REFUSED_MS (60 * 60 * 1000)  /* then it is shown again: who did not take it may have had a bad hour (lesson 3) */
#define REFUSED_FIRST 600      /* seconds to the next try of a renewal that was refused; twice as long after each, since each makes a key */
#define REFUSED_MOST 86400
#define VERSION 3              /* 1 did not name the MEF; before 3 the key was PKCS #8 */
#define BLOB_MAX 8192

static const char *const names[OWN__COUNT] = { "cert-active", "cert-pending", "cert-request", "cert-renewal" };

void own_wipe(struct own_cert *c)
{
	mst_wipe(c, sizeof(*c));
}

static void put(const struct own_cert *c, struct mst_writer *w)
{
	mst_put_u8(w, VERSION);
	mst_put_block16(w, (struct mst_view){ c->key.b, c->key.n });
	mst_put_block16(w, (struct mst_view){ c->csr, c->csr_n });
	mst_put_block16(w, (struct mst_view){ c->der, c->der_n });
	mst_put_u8(w, (uint8_t)c->name.kind);
	mst_put_block16(w, mst_view_str(c->name.value));
	mst_put_block16(w, mst_view_str(c->cmd_id));
	mst_put_u64(w, (uint64_t)c->obtained);
	mst_put_u64(w, (uint64_t)c->not_after);
	mst_put_block16(w, mst_view_str(c->mef));
}

static void get_octets(struct mst_reader *r, uint8_t *out, size_t cap, size_t *ret_n)
{
	struct mst_view v = mst_read_block16(r);

	if (v.n > cap) {
		r->ok = false;
		return;
	}
	if (v.n)
		memcpy(out, v.p, v.n);
	*ret_n = v.n;
}

static bool get(struct mst_view v, struct own_cert *c)
{
	struct mst_reader r = mst_reader_of(v);
	uint8_t version = mst_read_u8(&r);

	memset(c, 0, sizeof(*c));
	if (version < 1 || version > VERSION)
		return false;
	get_octets(&r, c->key.b, sizeof(c->key.b), &c->key.n);
	get_octets(&r, c->csr, sizeof(c->csr), &c->csr_n);
	get_octets(&r, c->der, sizeof(c->der), &c->der_n);
	c->name.kind = (enum mst_id_kind)mst_read_u8(&r);
	if (!mst_view_to_str(mst_read_block16(&r), c->name.value, sizeof(c->name.value)) ||
	    !mst_view_to_str(mst_read_block16(&r), c->cmd_id, sizeof(c->cmd_id)))
		r.ok = false;
	c->obtained = (mst_time)mst_read_u64(&r);
	c->not_after = (mst_time)mst_read_u64(&r);
	if (version > 1 && !mst_view_to_str(mst_read_block16(&r), c->mef, sizeof(c->mef)))
		r.ok = false;
	c->there = mst_read_end(&r) && c->key.n;
	return c->there;
}

/* A key of another device than the store's, which the store was moved away from: it cannot be used, nor come along. */
static bool left_behind(struct agent *a, const struct own_cert *c)
{
	uint8_t spki[MST_SPKI_MAX];
	size_t n = 0;

	return mst_secenv_key_inside(&c->key) && a->env->ops->key_public(a->env, &c->key, spki, sizeof(spki), &n, NULL) == MST_SECENV_CLEARED;
}

/* After a move: a key that is in no device although there is one now gives way to one that is made there. */
static bool out_of_place(struct agent *a, const struct own_cert *c)
{
	return left_behind(a, c) || (!mst_secenv_key_inside(&c->key) && a->env->ops->offers(a->env).keys_inside);
}

static void plan_renewal(struct agent *a)
{
	const struct own_cert *c = &a->own.slot[OWN_ACTIVE];

	a->own.refused_wait = 0;
	a->own.renew_at = !c->there ? MST_TIME_MAX : out_of_place(a, c) ? agent_utc(a) : mst_renew_at(c->obtained, c->not_after, agent_random(a));
}

int own_rekey(struct mst_secenv *from, struct mst_secenv *to, const char *name, uint8_t *b, size_t cap, size_t *n, struct mst_secenv_key *ret_left,
	      struct mst_diag *d)
{
	struct own_cert *c;
	struct mst_secenv_key key = { .n = 0 };
	struct mst_writer w = mst_writer_of(b, cap);
	bool ours = false;
	int r;

	ret_left->n = 0;
	for (size_t s = 0; s < OWN__COUNT; s++)
		ours |= !strcmp(name, names[s]);
	if (!ours || !*n)
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return MST_FAULT_MEMORY;
	if (!get((struct mst_view){ b, *n }, c)) {
		mst_diag_set(d, 0, name, "holds no certificate that this version knows", NULL);
		r = MST_SECENV_CORRUPT;
	} else {
		r = mst_secenv_rekey(from, to, &c->key, &key, d);
	}
	if (r == MST_SECENV_NONE) {
		*ret_left = c->key;
		r = 0;
	} else if (!r) {
		c->key = key;
		put(c, &w);
		*n = w.n;
		r = w.ok ? 0 : MST_FAULT_MEMORY;
	}
	own_wipe(c);
	free(c);
	mst_wipe(&key, sizeof(key));
	return r;
}

/* Room for a slot and for what is in it; either may be NULL. */
static void give_back(struct own_cert *c, uint8_t *b)
{
	if (c)
		own_wipe(c);
	if (b)
		mst_wipe(b, BLOB_MAX);
	free(c);
	free(b);
}

/* One slot of own_erase(). */
static int erase_one(struct mst_secenv *env, const char *name, struct own_cert *c, uint8_t *b, struct mst_diag *d)
{
	struct mst_diag unused = { 0 };
	size_t n = 0;
	int r = env->ops->load_blob(env, name, b, BLOB_MAX, &n, d);

	if (r == MST_SECENV_NONE || (!r && !n))
		return 0;
	if (!r && !get((struct mst_view){ b, n }, c)) {
		mst_diag_set(d, 0, name, "holds no certificate that this version knows", NULL);
		r = MST_SECENV_CORRUPT;
	}
	if (!r && env->ops->key_erase)
		r = env->ops->key_erase(env, &c->key, d);
	/* a slot without its key is of no use to an agent that is started in place of the rest of the reset; on a full disk it stays until its file goes */
	if (!r)
		(void)!env->ops->store_blob(env, name, MST_VIEW_NONE, &unused);
	return r;
}

int own_erase(struct mst_secenv *env, struct mst_diag *d)
{
	struct own_cert *c = calloc(1, sizeof(*c));
	uint8_t *b = malloc(BLOB_MAX);
	int r = b && c ? 0 : MST_FAULT_MEMORY;
	bool lost = false;

	for (int s = 0; !r && s < OWN__COUNT; s++) {
		r = erase_one(env, names[s], c, b, d);
		lost |= r == MST_SECENV_CORRUPT;
		r = r == MST_SECENV_CORRUPT ? 0 : r;
	}
	give_back(c, b);
	return !r && lost ? MST_SECENV_CORRUPT : r;
}

json_t *own_status(struct mst_secenv *env)
{
	struct own_cert *c = calloc(1, sizeof(*c));
	uint8_t *b = malloc(BLOB_MAX);
	json_t *o = json_null();
	size_t n = 0;

	if (b && c && env->ops->load_blob(env, names[OWN_ACTIVE], b, BLOB_MAX, &n, NULL) == 0 && n && get((struct mst_view){ b, n }, c))
		o = json_pack("{s:s, s:o, s:o}", "name", c->name.value, "obtained", status_time(c->obtained), "until", status_time(c->not_after));
	give_back(c, b);
	return o;
}

/* Until it had a place of its own a renewal's request lay where a command's does. It is of no command; it may have been approved. */
static void part_requests(struct agent *a)
{
	struct own_cert *c = &a->own.slot[OWN_REQUEST], *to = &a->own.slot[OWN_RENEWAL];
	struct mst_diag d = { 0 };

	if (!c->there || c->cmd_id[0])
		return;
	if (!to->there) {
		*to = *c;
		if (own_store(a, OWN_RENEWAL, &d)) {
			own_wipe(to);
			return;
		}
	}
	own_forget(a, OWN_REQUEST);
}

void own_load(struct agent *a)
{
	uint8_t *b = malloc(BLOB_MAX);

	for (int s = 0; b && s < OWN__COUNT; s++) {
		struct mst_diag d = { 0 };
		size_t n = 0;
		int r = a->env->ops->load_blob(a->env, names[s], b, BLOB_MAX, &n, &d);

		/* an empty blob is an empty slot */
		if (r == MST_SECENV_NONE || (!r && !n))
			continue;
		if (r || !get((struct mst_view){ b, n }, &a->own.slot[s])) {
			own_wipe(&a->own.slot[s]);
			agent_log(a, AGENT_WARN, "certificate-slot", "name", names[s], "why", d.text[0] ? d.text : "cannot be read", NULL);
		}
		mst_wipe(b, n);
		if (a->has_active && a->own.slot[s].mef[0] && strcmp(a->own.slot[s].mef, a->active.mef_fqdn) != 0) {
			agent_log(a, AGENT_INFO, "certificate-slot", "name", names[s], "why", "of another MEF than the node is with now", NULL);
			own_forget(a, (enum own_slot)s);
		}
	}
	free(b);
	part_requests(a);
	for (int s = OWN_PENDING; s < OWN__COUNT; s++)
		if (a->own.slot[s].there && left_behind(a, &a->own.slot[s]))
			own_forget(a, (enum own_slot)s);
	if (a->own.slot[OWN_ACTIVE].there && left_behind(a, &a->own.slot[OWN_ACTIVE])) {
		agent_log(a, AGENT_INFO, "certificate-slot", "name", names[OWN_ACTIVE], "why", "its key has stayed in another device", NULL);
		a->own.left_behind = true;       /* as one that is not taken: the initial credential asks for another one */
	}
	plan_renewal(a);
}

int own_store(struct agent *a, enum own_slot s, struct mst_diag *d)
{
	uint8_t *b = malloc(BLOB_MAX);
	struct mst_writer w = mst_writer_of(b, b ? BLOB_MAX : 0);
	int r;

	if (a->own.slot[s].there)
		put(&a->own.slot[s], &w);
	r = !b || !w.ok ? MST_FAULT_MEMORY : a->env->ops->store_blob(a->env, names[s], mst_written(&w), d);
	if (b)
		mst_wipe(b, BLOB_MAX);
	free(b);
	return r;
}

void own_release(struct agent *a, const struct mst_secenv_key *k)
{
	struct mst_diag d = { 0 };
	int r;

	for (int s = 0; s < OWN__COUNT; s++)
		if (mst_ct_equal((struct mst_view){ a->own.slot[s].key.b, a->own.slot[s].key.n }, (struct mst_view){ k->b, k->n }))
			return;
	r = k->n && a->env->ops->key_erase ? a->env->ops->key_erase(a->env, k, &d) : 0;
	if (r)
		agent_log(a, AGENT_WARN, "key-not-erased", "why", agent_why(&d, r), NULL);
}

void own_forget(struct agent *a, enum own_slot s)
{
	struct mst_secenv_key key = a->own.slot[s].key;
	struct mst_diag d = { 0 };
	int r;

	if (!a->own.slot[s].there)
		return;
	own_wipe(&a->own.slot[s]);
	r = own_store(a, s, &d);
	if (r)
		agent_log(a, AGENT_WARN, "certificate-slot", "name", names[s], "why", agent_why(&d, r), NULL);
	else
		own_release(a, &key);
	mst_wipe(&key, sizeof(key));
}

/*
 * Until the new request is durable the one before is what it was, and its key with it; a key that comes to nothing goes from the device at once,
 * since nobody would know of it any more.
 */
int own_request(struct agent *a, enum own_slot s, const struct est_name *name, const char *challenge, const char *cmd_id, struct mst_diag *d)
{
	struct own_cert *c = &a->own.slot[s], old = *c, next = { .there = true, .name = *name };
	struct mst_san san = { .kind = name->kind };
	int r = a->env->ops->key_make(a->env, &next.key, d);

	memcpy(san.value, name->value, sizeof(san.value));
	memcpy(next.mef, a->active.mef_fqdn, sizeof(next.mef));
	snprintf(next.cmd_id, sizeof(next.cmd_id), "%s", cmd_id);
	if (!r)
		r = inside_request(a->env, &next.key, &san, challenge, next.csr, sizeof(next.csr), &next.csr_n, d);
	if (!r) {
		*c = next;
		r = own_store(a, s, d);
		if (r)
			*c = old;
	}
	own_release(a, r ? &next.key : &old.key);
	own_wipe(&old);
	own_wipe(&next);
	return r;
}

int64_t own_renewal_refused(struct agent *a)
{
	int64_t next = a->own.refused_wait ? 2 * a->own.refused_wait : REFUSED_FIRST;

	a->own.refused_wait = next < REFUSED_MOST ? next : REFUSED_MOST;
	return a->own.refused_wait;
}

int own_promote(struct agent *a, struct mst_diag *d)
{
	struct own_cert old = a->own.slot[OWN_ACTIVE];
	int r;

	a->own.slot[OWN_ACTIVE] = a->own.slot[OWN_PENDING];
	/* the active one first: a power cut between the two leaves the same one in both */
	r = own_store(a, OWN_ACTIVE, d);
	if (r)
		a->own.slot[OWN_ACTIVE] = old;
	else
		own_forget(a, OWN_PENDING);
	if (!r) {
		own_release(a, &old.key);
		own_forget(a, OWN_RENEWAL);
		a->own.left_behind = false;
	}
	own_wipe(&old);
	a->own.refused_until = 0;
	plan_renewal(a);
	return r;
}

bool own_refused(const struct agent *a)
{
	return a->own.left_behind || agent_now() < a->own.refused_until;
}

bool own_session_ended(struct agent *a, enum mst_tls_end why, bool proven)
{
	const struct own_cert *shown = own_choice(a);

	if (session_reason(why) != PROV_NOT_AUTHENTICATED || !proven)
		return false;
	if (!shown)
		a->own.refused_until = 0;
	if (shown != &a->own.slot[OWN_ACTIVE])
		return false;
	a->own.refused_until = agent_now() + REFUSED_MS;
	agent_log(a, AGENT_WARN, "certificate-refused", "remedy", a->cfg.last_resort ? "the initial certificate is used instead, for an hour at most" :
		  "last_resort = \"no\" forbids the initial certificate; ask the operator", NULL);
	return a->cfg.last_resort;
}

const struct own_cert *own_choice(const struct agent *a)
{
	const struct own_cert *c = &a->own.slot[OWN_ACTIVE];

	if (a->show)
		return a->show;
	/* over, or not taken: the initial credential, unless the operator wants none of that */
	if (!c->there || (a->cfg.last_resort && (own_refused(a) || c->not_after <= agent_utc(a))))
		return NULL;
	return c;
}
