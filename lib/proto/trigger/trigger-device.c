/* A device trigger of oneM2M with purpose enrolmentRequest (TS-0001 8.3.3.2.1, spec 7.4) as an instruction. */
#include <string.h>

#include "codec/uri.h"
#include "proto/trigger/trigger.h"

/* The MEF's HTTPS door: the first point of access of that binding and host, else the address itself. */
static struct mst_uri_parts door_of(const struct mst_device_trigger *t, const struct mst_uri_parts *base)
{
	struct mst_uri_parts u;

	for (size_t i = 0; i < t->n_poa; i++) {
		if (mst_uri_split(t->poa[i], &u) && mst_uri_scheme_in(&u, "https") &&
		    mst_view_eq_nocase(u.host, base->host))
			return u;
	}
	return *base;
}

static const struct mst_instruction *known_mef(const struct mst_sequence *known, size_t n_known, struct mst_view host)
{
	struct mst_uri_parts u;

	for (size_t k = 0; k < n_known; k++) {
		for (size_t i = 0; i < known[k].n_instructions; i++) {
			const struct mst_instruction *in = &known[k].instructions[i];

			if (in->kind == MST_INSTR_BOOTSTRAP && in->method != MST_METHOD_GBA &&
			    mst_uri_split(in->uri, &u) && mst_view_eq_nocase(u.host, host))
				return in;
		}
	}
	return NULL;
}

/* "https://host:port/path" */
static bool put_uri(struct mst_arena *a, const struct mst_uri_parts *door, struct mst_view path, struct mst_view *ret)
{
	size_t cap = 8 + door->host.n + 6 + path.n;
	uint8_t *p = mst_arena_take(a, cap);
	struct mst_writer w = mst_writer_of(p, p ? cap : 0);

	mst_put_str(&w, "https://");
	mst_put(&w, door->host);
	mst_put_str(&w, ":");
	mst_put_dec(&w, door->port);
	mst_put(&w, path);
	*ret = mst_written(&w);
	return w.ok;
}

enum trigger_verdict trigger_from_device(struct mst_view payload, const struct mst_sequence *known, size_t n_known,
					 struct mst_arena *a, struct mst_sequence *ret_s, struct mst_diag *d)
{
	const struct mst_instruction *mef;
	struct mst_uri_parts base, door;
	struct mst_device_trigger t;
	struct mst_view path;

	if (mst_device_trigger_read(payload, a, &t, d))
		return TRIGGER_MALFORMED;
	if (t.purpose != MST_PURPOSE_ENROLMENT) {
		mst_diag_set(d, 0, "tpe", "4 (enrolmentRequest) is the only purpose that is followed here", NULL);
		return TRIGGER_WRONG_PURPOSE;
	}
	if (!mst_uri_split(t.address, &base) || base.host_kind != MST_URI_FQDN) {
		mst_diag_set(d, 0, "tia", "expected the absolute URI of a <MEFBase>", NULL);
		return TRIGGER_MALFORMED;
	}
	door = door_of(&t, &base);
	path = base.path;
	mef = known_mef(known, n_known, base.host);
	if (!mef || !mst_uri_scheme_in(&door, "https")) {
		mst_diag_set(d, 0, "tia", mef ? "that MEF is not offered over HTTPS" :
			     "no instruction of this node names that MEF", NULL);
		return TRIGGER_UNKNOWN_MEF;
	}
	memset(ret_s, 0, sizeof(*ret_s));
	ret_s->has = 1u << MST_SQ_VERSION | 1u << MST_SQ_INSTRUCTIONS;
	ret_s->version = 1;
	ret_s->n_instructions = 1;
	ret_s->instructions[0] = *mef;
	if (!put_uri(a, &door, mst_view_eq_str(path, "/") ? MST_VIEW_NONE : path, &ret_s->instructions[0].uri))
		return TRIGGER_INTERNAL;
	return mst_sequence_check(ret_s, d) ? TRIGGER_MALFORMED : TRIGGER_ACCEPTED;
}
