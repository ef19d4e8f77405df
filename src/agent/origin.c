/*
 * Where a credential came from: the bootstrap instruction that led to it, kept with the anchors, pins and
 * address that authenticate its MEF, so that the MEF can be asked later when the instructions are long gone.
 *
 * A few blobs take turns, each naming the attempt that it belongs to: what is written for a pending slot never touches
 * what belongs to the active one, nor to those that the node is leaving still, and promoting a slot needs no write here.
 */
#include "agent/agent.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define ORIGIN_MAX AGENT_ORIGIN_MAX

/* one for the pending slot, one for the active one, and one for each that is left (LEAVE_MAX) */
static const char *const names[] = { "origin-a", "origin-b", "origin-c", "origin-d" };

/* 0: `name` holds the origin of that attempt, and `ret_rest` (into `b`) its sequence. Positive: it does not. */
static int load(struct agent *a, const char *name, const char *attempt, uint8_t *b, struct mst_view *ret_rest,
		struct mst_diag *d)
{
	struct mst_reader r;
	struct mst_view whose;
	size_t n = 0;
	int rc = a->env->ops->load_blob(a->env, name, b, ORIGIN_MAX, &n, d);

	if (rc)
		return rc;
	r = mst_reader_of((struct mst_view){ b, n });
	if (mst_read_u8(&r) != VERSION)
		return MST_SECENV_NONE;
	whose = mst_read_block16(&r);
	if (!r.ok || !mst_view_eq_str(whose, attempt))
		return MST_SECENV_NONE;
	*ret_rest = mst_view_sub((struct mst_view){ b, n }, 3 + whose.n, n);
	return 0;
}

/* Is what `name` holds of the active credential, or of one that is left? */
static bool wanted_still(struct agent *a, const char *name, uint8_t *b)
{
	struct mst_view rest;

	if (a->has_active && load(a, name, a->active.attempt, b, &rest, NULL) == 0)
		return true;
	for (size_t i = 0; leave_attempt(a, i); i++)
		if (load(a, name, leave_attempt(a, i), b, &rest, NULL) == 0)
			return true;
	return false;
}

int origin_keep(struct agent *a, const struct mst_instruction *i, const char *attempt, struct mst_diag *d)
{
	struct mst_sequence *s = calloc(1, sizeof(*s));
	uint8_t *b = malloc(ORIGIN_MAX);
	struct mst_writer w = mst_writer_of(b, b ? ORIGIN_MAX : 0);
	size_t slot = 0;
	int r = MST_FAULT_MEMORY;

	if (s && b) {
		while (slot + 1 < MST_COUNT(names) && wanted_still(a, names[slot], b))
			slot++;
		s->has = 1u << MST_SQ_VERSION | 1u << MST_SQ_INSTRUCTIONS;
		s->version = 1;
		s->instructions[0] = *i;
		s->n_instructions = 1;
		mst_put_u8(&w, VERSION);
		mst_put_block16(&w, mst_view_str(attempt));
		mst_sequence_write_cbor(s, &w);
		r = w.ok ? a->env->ops->store_blob(a->env, names[slot], mst_written(&w), d) : MST_FAULT_BUG;
	}
	free(b);
	free(s);
	return r;
}

/* With which of our initial credentials, as far as it is still there. */
static int trust(struct agent *a, int method, const struct mst_instruction *i, bool coap, struct mst_tls_ctx **ret_tls,
		 struct session_pins *ret_pins, struct mst_diag *d)
{
	if (!(agent_bootstrap_methods(a) >> method & 1)) {
		mst_diag_set(d, 0, "origin", "the credential that this node was enrolled with is gone", NULL);
		return MST_SECENV_NONE;
	}
	if (method != MST_METHOD_PSK)
		return session_tls_mef(a, i, coap, ret_tls, ret_pins, d);
	*ret_tls = NULL;
	return 0;
}

/* The sequence that was kept for it. 0, a secenv outcome or a fault. */
static int read_kept(struct agent *a, const struct mst_root_cred *c, struct agent_origin *o, struct mst_diag *d)
{
	struct mst_arena arena = mst_arena_of(o->scratch, sizeof(o->scratch));
	struct mst_view cbor = MST_VIEW_NONE;
	int r = MST_SECENV_NONE;

	/* A damaged one is not an absent one (lesson 16): it may have been ours. */
	for (size_t i = 0; i < MST_COUNT(names) && r; i++) {
		int one = load(a, names[i], c->attempt, o->blob, &cbor, d);

		r = one == MST_SECENV_NONE ? r : one;
	}
	return r ? r : mst_sequence_read_cbor(cbor, &arena, &o->s, d);
}

int origin_instruction(struct agent *a, const struct mst_root_cred *c, struct agent_origin *o, struct mst_diag *d)
{
	int r = read_kept(a, c, o, d);

	if (r != MST_SECENV_NONE)
		return r;
	/* Kept by an agent that kept no instruction yet: what the credential itself knows, under the configured anchors. */
	memset(o, 0, sizeof(*o));
	o->s.has = 1u << MST_SQ_VERSION | 1u << MST_SQ_INSTRUCTIONS;
	o->s.version = 1;
	o->s.n_instructions = 1;
	o->s.instructions[0] = (struct mst_instruction){
		.has = 1u << MST_IN_KIND | 1u << MST_IN_METHOD | 1u << MST_IN_URI | 1u << MST_IN_TARGET | 1u << MST_IN_SUID | 1u << MST_IN_ADMIN |
		       (c->maf_uri[0] ? 1u << MST_IN_MAF_URI : 0),
		.kind = MST_INSTR_BOOTSTRAP, .uri = mst_view_str(c->mef_uri), .suid = c->suid,
		.method = c->method ? c->method : a->key.n ? MST_METHOD_CERT : MST_METHOD_PSK, .target = mst_view_str(agent_target(c)),
		.admin_fqdn = mst_view_str(c->admin_fqdn), .maf_uri = mst_view_str(c->maf_uri) };
	return 0;
}

static void by_https(struct enrolee_peer *p, bool https)
{
	p->port = https ? p->https : p->port;
	p->coap = p->coap && !https;
}

/* What authenticates the MEF, from the sequence that was kept. */
static int open_kept(struct agent *a, const struct mst_root_cred *c, const struct mst_sequence *s, bool https, struct enrolee_peer *ret_mef, struct mst_tls_ctx **ret_tls,
		     struct session_pins *ret_pins, struct mst_diag *d)
{
	const struct mst_instruction *i = &s->instructions[0];

	if (!enrolee_mef_of(i, ret_mef) || strcmp(ret_mef->host, c->mef_fqdn) != 0) {
		mst_diag_set(d, 0, "origin", "the instruction that was kept names another MEF", NULL);
		return MST_SECENV_CORRUPT;
	}
	by_https(ret_mef, https);
	return trust(a, i->method, i, ret_mef->coap, ret_tls, ret_pins, d);
}

int origin_open(struct agent *a, const struct mst_root_cred *c, bool https, struct enrolee_peer *ret_mef, struct mst_tls_ctx **ret_tls,
		struct session_pins *ret_pins, struct mst_diag *d)
{
	struct agent_origin *o = calloc(1, sizeof(*o));
	int r = o ? read_kept(a, c, o, d) : MST_FAULT_MEMORY;

	if (!r) {
		r = open_kept(a, c, &o->s, https, ret_mef, ret_tls, ret_pins, d);
	} else if (r == MST_SECENV_NONE) {
		/* Kept by an agent that kept no instruction yet: the configured anchors are what there is. */
		if (enrolee_peer_of(mst_view_str(c->mef_uri), ret_mef)) {
			by_https(ret_mef, https);
			r = trust(a, a->key.n ? MST_METHOD_CERT : MST_METHOD_PSK, NULL, ret_mef->coap, ret_tls, ret_pins, d);
		} else {
			mst_diag_set(d, 0, "origin", "the credential names no MEF", NULL);
		}
	}
	free(o);
	return r;
}
