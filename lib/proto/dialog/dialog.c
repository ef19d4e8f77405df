#include "proto/dialog/dialog.h"

#include "base/secret.h"
#include "base/text.h"

bool mst_copy_text(char *out, size_t cap, const char *s)
{
	return mst_view_to_str(mst_view_str(s ? s : ""), out, cap);
}

bool mst_reg_id_valid(struct mst_view v)
{
	if (!v.n || v.n >= MST_REG_ID_MAX)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '-' && c != '.' && c != '_' && c != '~')
			return false;
	}
	/* "." and ".." are path segments with a meaning of their own (RFC 3986 3.3). */
	return !mst_view_eq_str(v, ".") && !mst_view_eq_str(v, "..");
}

/*
 * RSC to reason (spec 8.7). Only NOT_FOUND says "unknown" (lesson 6); a server that failed by itself is
 * asked again later; everything else authenticated is a refusal.
 */
static const struct {
	int rsc;
	enum prov_reason reason;
} meanings[] = {
	{ MST_RSC_BAD_REQUEST, PROV_MALFORMED },
	{ MST_RSC_RELEASE_NOT_SUPPORTED, PROV_MALFORMED },
	{ MST_RSC_NOT_FOUND, PROV_UNKNOWN },
	{ MST_RSC_OPERATION_NOT_ALLOWED, PROV_REFUSED },
	{ MST_RSC_REQUEST_TIMEOUT, PROV_BUSY },
	{ MST_RSC_UNSUPPORTED_MEDIA_TYPE, PROV_MALFORMED },
	{ MST_RSC_CONTENTS_UNACCEPTABLE, PROV_REFUSED },
	{ MST_RSC_NO_PRIVILEGE, PROV_REFUSED },
	{ MST_RSC_CONFLICT, PROV_REFUSED },
	{ MST_RSC_NOT_AUTHENTICATED, PROV_NOT_AUTHENTICATED },
	{ MST_RSC_SECURITY_REQUIRED, PROV_NOT_AUTHENTICATED },
	{ MST_RSC_ALREADY_REGISTERED, PROV_REFUSED },
	{ MST_RSC_SUBSCRIPTION_NOT_ESTABLISHED, PROV_REFUSED },
	{ MST_RSC_INTERNAL, PROV_BUSY },
	{ MST_RSC_NOT_IMPLEMENTED, PROV_REFUSED },
	{ MST_RSC_TARGET_NOT_REACHABLE, PROV_BUSY },
	{ MST_RSC_NOT_ACCEPTABLE, PROV_MALFORMED },
};

enum prov_reason mst_reason_of_rsc(int rsc)
{
	for (size_t i = 0; i < MST_COUNT(meanings); i++) {
		if (meanings[i].rsc == rsc)
			return meanings[i].reason;
	}
	if (rsc >= 5000 && rsc < 6000)
		return PROV_BUSY;
	/* A status of the 4000 class that we do not know is still a refusal; a success or an intermediate
	 * status that nobody asked for is not understandable. */
	return rsc >= 4000 && rsc < 5000 ? PROV_REFUSED : PROV_MALFORMED;
}

/* Join as much as fits: a detail is for people and may be cut. */
static void join(char *out, size_t cap, const char *piece, va_list ap)
{
	size_t n = 0;

	for (; piece; piece = va_arg(ap, const char *)) {
		for (const char *s = piece; *s && n + 1 < cap; s++)
			out[n++] = *s;
	}
	out[n] = '\0';
}

bool mst_dialog_fail(struct mst_dialog *d, enum prov_reason r, const char *piece, ...)
{
	va_list ap;

	if (d->failure.reason == PROV_OK) {
		d->failure.reason = r;
		va_start(ap, piece);
		join(d->failure.detail, sizeof(d->failure.detail), piece, ap);
		va_end(ap);
	}
	mst_dialog_rest(d);
	return false;
}

void mst_dialog_rest(struct mst_dialog *d)
{
	d->to_send = d->outstanding = false;
	d->deadline = MST_NEVER;
}

bool mst_dialog_lost(struct mst_dialog *d, enum prov_reason r, const char *detail)
{
	return mst_dialog_fail(d, r == PROV_OK ? PROV_UNREACHABLE : r, detail, NULL);
}

/* The session cannot be trusted to be in step any more. */
bool mst_dialog_out_of_turn(struct mst_dialog *d, const char *doing)
{
	return mst_dialog_fail(d, PROV_MALFORMED, "out of turn while ", doing, NULL);
}

bool mst_dialog_in_time(struct mst_dialog *d, mst_ms now, const char *doing)
{
	return now < d->deadline ||
	       mst_dialog_fail(d, PROV_TIMEOUT, "no answer from the ", d->who, " while ", doing, NULL);
}

bool mst_dialog_left(struct mst_dialog *d, const struct mst_response *a)
{
	return mst_dialog_answered(d, a, a->rsc == MST_RSC_NOT_FOUND ? MST_RSC_NOT_FOUND : MST_RSC_DELETED);
}

bool mst_dialog_init(struct mst_dialog *d, const struct mst_dialog_config *cfg)
{
	struct mst_writer w;

	*d = (struct mst_dialog){ .names = cfg->names, .answer_ms = cfg->answer_ms, .deadline = MST_NEVER };
	w = mst_writer_of(d->vsi, sizeof(d->vsi));
	mst_put_str(&w, "attempt=");
	mst_put_str(&w, cfg->attempt ? cfg->attempt : "");
	mst_put_nul(&w);
	return w.ok && mst_copy_text(d->who, sizeof(d->who), cfg->who) &&
	       mst_copy_text(d->from, sizeof(d->from), cfg->from);
}

/* rqi: unique per attempt and request, so that both ends' logs can be laid beside each other. */
static bool next_rqi(struct mst_dialog *d)
{
	struct mst_writer w = mst_writer_of(d->rqi, sizeof(d->rqi));

	mst_put(&w, mst_view_sub(mst_view_str(d->vsi), sizeof("attempt=") - 1, 8));
	mst_put_str(&w, "-");
	mst_put_dec(&w, (int64_t)++d->seq);
	mst_put_nul(&w);
	return w.ok;
}

static bool put_path(struct mst_dialog *d, const char *base, const char *id, const char *tail)
{
	struct mst_writer w = mst_writer_of(d->path, sizeof(d->path));

	mst_put_str(&w, base);
	if (*id) {
		mst_put_str(&w, "/");
		mst_put_str(&w, id);
	}
	mst_put_str(&w, tail);
	mst_put_nul(&w);
	return w.ok;
}

bool mst_dialog_ask(struct mst_dialog *d, enum mst_op op, const char *base, const char *id, const char *tail,
                    int ty, const struct mst_msg *m, const void *msg, mst_ms now)
{
	struct mst_writer w = mst_writer_of(d->content, sizeof(d->content));

	if (m)
		mst_msg_write_json(m, d->names, msg, &w);
	if (!w.ok || !put_path(d, base, id, tail) || !next_rqi(d))
		return mst_dialog_fail(d, PROV_INTERNAL, "a request to the ", d->who,
				       " does not fit its buffer", NULL);
	d->out = (struct mst_request){
		.op = op,
		.to = mst_view_str(d->path),
		.from = mst_view_str(d->from),
		.rqi = mst_view_str(d->rqi),
		.rvi = MST_VIEW_LIT("3"),
		.vsi = mst_view_str(d->vsi),
		.accept = MST_VIEW_LIT("application/json"),
		.media = m ? MST_VIEW_LIT("application/json") : MST_VIEW_NONE,
		.ty = ty,
		.content = mst_written(&w),
	};
	d->failure.rsc = 0;
	d->failure.retry_after = 0;
	d->to_send = d->outstanding = true;
	d->deadline = now > MST_NEVER - d->answer_ms ? MST_NEVER : now + d->answer_ms;
	return true;
}

const struct mst_request *mst_dialog_out(const struct mst_dialog *d)
{
	return d->to_send ? &d->out : NULL;
}

void mst_dialog_sent(struct mst_dialog *d)
{
	d->to_send = false;
}

/* The short text for people that a refusal may carry. */
struct refusal {
	uint32_t has;
	struct mst_view text;
};
static const struct mst_field refusal_fields[] = {
	MST_ROW(DBG, 1, STR, 0, struct refusal, text, 1, 256, "why, in the peer's words"),
};
static const struct mst_msg refusal_msg = {
	.what = "refusal", .open = true, .size = sizeof(struct refusal),
	.field = refusal_fields, .n = MST_COUNT(refusal_fields), .doc = "content of an answer that refuses",
};

/* Into `out`, with what is not printable as '?': it goes into logs and terminals. "" when there is none. */
static void read_refusal(const struct mst_dialog *d, const struct mst_response *a,
			 char out[MST_DIALOG_DETAIL])
{
	uint8_t scratch[512];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct refusal r;
	size_t n = 0;

	out[0] = '\0';
	if (!a->content.n || mst_msg_read_json(&refusal_msg, d->names, a->content, &arena, &r, NULL) != 0)
		return;
	for (; n < r.text.n && n + 1 < MST_DIALOG_DETAIL; n++)
		out[n] = r.text.p[n] < 0x20 || r.text.p[n] > 0x7e ? '?' : (char)r.text.p[n];
	out[n] = '\0';
}

bool mst_dialog_answered(struct mst_dialog *d, const struct mst_response *a, int want)
{
	char code[24], words[MST_DIALOG_DETAIL];
	struct mst_writer w = mst_writer_of(code, sizeof(code));

	mst_dialog_rest(d);
	mst_wipe(d->content, sizeof(d->content));
	d->failure.rsc = a->rsc;
	d->failure.retry_after = a->retry_after > 0 ? a->retry_after : 0;
	if (a->rsc == want && !mst_view_eq(a->rqi, mst_view_str(d->rqi)))
		return mst_dialog_fail(d, PROV_MALFORMED, "the ", d->who, " answered another request than ",
				       d->rqi, ": X-M2M-RI differs", NULL);
	if (a->rsc == want)
		return true;
	mst_put_dec(&w, a->rsc);
	mst_put_nul(&w);
	read_refusal(d, a, words);
	return mst_dialog_fail(
		d, a->retry_after > 0 && a->rsc >= 5000 ? PROV_BUSY : mst_reason_of_rsc(a->rsc), "the ",
		d->who, " answered ", code, " ", mst_rsc_text(a->rsc), *words ? ": " : "", words, NULL);
}

bool mst_dialog_read(struct mst_dialog *d, const struct mst_response *a, const struct mst_msg *m,
                     struct mst_arena *arena, void *ret)
{
	struct mst_diag diag = { 0 };
	int r = mst_msg_read_json(m, d->names, a->content, arena, ret, &diag);

	if (r == 0)
		return true;
	if (r < 0)
		return mst_dialog_fail(d, PROV_INTERNAL, "reading the ", m->what, " failed", NULL);
	return mst_dialog_fail(d, PROV_MALFORMED, "the ", d->who, "'s ", m->what, " is not understandable: ",
	                       diag.field, *diag.field ? ": " : "", diag.text, NULL);
}
