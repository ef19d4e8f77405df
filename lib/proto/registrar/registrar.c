#include "proto/registrar/registrar.h"

#include <string.h>

#include "codec/checks.h"

#define BIT(i) (1u << (i))

static bool refuse(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return false;
}

/* TS-0001 7.2: "C…" is the registrar's to give, "S…" the provider's; either may be asked for by the letter alone. */
static bool may_be_from(const char *from)
{
	return !*from || !strcmp(from, "C") || !strcmp(from, "S") || mst_id_valid(MST_ID_AE_STEM, mst_view_str(from));
}

bool registrar_init(struct registrar *r, const struct registrar_config *c, mst_ms now, struct mst_diag *d)
{
	struct mst_dialog_config dc = { .who = "CSE", .from = c->from, .attempt = c->attempt, .answer_ms = c->answer_ms };
	struct mst_ae ae = { .has = BIT(MST_AE_API) | BIT(MST_AE_RR) | BIT(MST_AE_SRV) | (c->expires ? BIT(MST_AE_ET) : 0u), .et = c->expires, .n_srv = 1 };

	memset(r, 0, sizeof(*r));
	r->end = REGISTRAR_FAILED;
	if (!mst_copy_text(r->app_id, sizeof(r->app_id), c->app_id) || !mst_check_token(mst_view_str(r->app_id)) || !*r->app_id)
		return refuse(d, "appID", "1 to 255 printable characters without spaces");
	if (!mst_copy_text(r->release, sizeof(r->release), c->release) || !mst_check_token(mst_view_str(r->release)) || !*r->release)
		return refuse(d, "release", "expected a release like 3");
	if (!mst_copy_text(r->from, sizeof(r->from), c->from) || !may_be_from(r->from))
		return refuse(d, "aeID", "expected an AE-ID-Stem like C190XX7T or S190XX7T, or C or S for one to be given (TS-0001 7.2)");
	if (c->base[0] != '/' || !mst_dialog_init(&r->dialog, &dc))
		return refuse(d, "base", "expected the path of the CSEBase, like /cse-in");
	ae.api = mst_view_str(r->app_id);
	ae.srv[0] = mst_view_str(r->release);
	if (!mst_dialog_ask(&r->dialog, MST_OP_CREATE, c->base, "", "", MST_TY_AE, &mst_ae_msg, &ae, now))
		return refuse(d, "base", r->dialog.failure.detail);
	r->end = REGISTRAR_RUNS;
	return true;
}

const struct mst_request *registrar_request(const struct registrar *r)
{
	return r->end == REGISTRAR_RUNS ? mst_dialog_out(&r->dialog) : NULL;
}

void registrar_sent(struct registrar *r)
{
	mst_dialog_sent(&r->dialog);
}

static bool bad(struct registrar *r, const char *text)
{
	return mst_dialog_fail(&r->dialog, PROV_MALFORMED, text, NULL);
}

static bool take(struct registrar *r, const struct mst_response *a)
{
	uint8_t scratch[2048];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_ae ae;

	if (!mst_dialog_answered(&r->dialog, a, MST_RSC_CREATED) || !mst_dialog_read(&r->dialog, a, &mst_ae_msg, &arena, &ae))
		return false;
	if (!(ae.has & BIT(MST_AE_AEI)))
		return bad(r, "the registrar gave no AE-ID (aei)");
	if (!mst_view_to_str(ae.aei, r->result.ae_id, sizeof(r->result.ae_id)) || !mst_view_to_str(ae.ri, r->result.id, sizeof(r->result.id)) ||
	    !mst_view_to_str(ae.rn, r->result.name, sizeof(r->result.name)))
		return bad(r, "a name of the AE is too long");
	/* an id that it has already is kept: another one would be somebody else */
	if (r->from[0] && r->from[1] && !mst_view_eq_str(ae.aei, r->from))
		return bad(r, "the registrar gave another AE-ID than the one asked for");
	r->result.expires = ae.has & BIT(MST_AE_ET) ? ae.et : 0;
	return true;
}

void registrar_feed(struct registrar *r, const struct mst_response *a)
{
	if (r->end != REGISTRAR_RUNS)
		return;
	if (r->dialog.to_send) {
		registrar_garbage(r, "an answer before the request was sent");
		return;
	}
	r->end = take(r, a) ? REGISTRAR_DONE : REGISTRAR_FAILED;
	mst_dialog_rest(&r->dialog);
}

void registrar_garbage(struct registrar *r, const char *detail)
{
	if (r->end == REGISTRAR_RUNS && !bad(r, detail))
		r->end = REGISTRAR_FAILED;
}

void registrar_lost(struct registrar *r, enum prov_reason why, const char *detail)
{
	if (r->end == REGISTRAR_RUNS && !mst_dialog_lost(&r->dialog, why, detail))
		r->end = REGISTRAR_FAILED;
}

enum registrar_end registrar_end(const struct registrar *r) { return r->end; }
const struct mst_failure *registrar_failure(const struct registrar *r) { return &r->dialog.failure; }
