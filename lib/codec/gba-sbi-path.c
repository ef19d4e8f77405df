/* GBA over the SBI: what is called, for whom, and why it was refused. */
#include "codec/gba-sbi.h"

#include <string.h>

#include "base/text.h"
#include "codec/checks.h"

/* --- paths --- */

static const struct { const char *method, *before, *behind; } call_row[MST_SBI_CALL__COUNT] = {
	[MST_SBI_ZN_INFO] = { "POST", "/nbsp-gba/v1/bootstrapping-info-retrieval", NULL },
	[MST_SBI_ZH_AUTH] = { "POST", "/nhss-gba-ueau/v1/", "/security-information/generate-auth-data" },
	[MST_SBI_ZH_SDM] = { "GET", "/nhss-gba-sdm/v1/", "/subscriber-data" },
	[MST_SBI_UDM_AV] = { "POST", "/nudm-ueau/v1/", "/gba-security-information/generate-av" },
};

static const char *const ue_prefix[] = {
	[MST_SBI_UE_IMPI] = "impi-", [MST_SBI_UE_IMSI] = "imsi-", [MST_SBI_UE_MSISDN] = "msisdn-", [MST_SBI_UE_IMPU] = "impu-",
};

const char *mst_sbi_method(enum mst_sbi_call c)
{
	return call_row[c].method;
}

static bool good_ue(enum mst_sbi_ue kind, struct mst_view v)
{
	bool digits = true;

	if (kind == MST_SBI_UE_IMPI || kind == MST_SBI_UE_IMPU)
		return mst_check_token(v);
	for (size_t i = 0; i < v.n; i++)
		digits = digits && v.p[i] >= '0' && v.p[i] <= '9';
	return digits && v.n >= 5 && v.n <= 15;
}

static int read_ue(struct mst_view segment, struct mst_sbi_route *r)
{
	uint8_t text[MST_ID_MAX + 8];
	struct mst_view v = { text, 0 };

	if (!mst_percent_decode(segment, text, sizeof(text), &v.n))
		return MST_SBI_BAD_UE;
	for (size_t k = 0; k < MST_COUNT(ue_prefix); k++) {
		struct mst_view rest = mst_view_sub(v, strlen(ue_prefix[k]), v.n);

		if (!mst_view_starts(v, ue_prefix[k]))
			continue;
		r->kind = (enum mst_sbi_ue)k;
		return good_ue(r->kind, rest) && mst_view_to_str(rest, r->ue_id, sizeof(r->ue_id)) ? 0 : MST_SBI_BAD_UE;
	}
	return MST_SBI_BAD_UE;
}

int mst_sbi_route(struct mst_view path, struct mst_sbi_route *ret_r)
{
	path = mst_view_sub(path, 0, mst_view_find(path, '?'));
	memset(ret_r, 0, sizeof(*ret_r));
	for (size_t c = 0; c < MST_SBI_CALL__COUNT; c++) {
		struct mst_view rest = mst_view_sub(path, strlen(call_row[c].before), path.n);
		size_t slash = mst_view_find(rest, '/');
		int r;

		ret_r->call = (enum mst_sbi_call)c;
		if (!mst_view_starts(path, call_row[c].before))
			continue;
		if (!call_row[c].behind) {
			if (!rest.n)
				return 0;
			continue;
		}
		if (!mst_view_eq_str(mst_view_sub(rest, slash, rest.n), call_row[c].behind))
			continue;
		r = read_ue(mst_view_sub(rest, 0, slash), ret_r);
		if (r)
			memset(ret_r, 0, sizeof(*ret_r));
		return r;
	}
	memset(ret_r, 0, sizeof(*ret_r));
	return MST_SBI_NO_SUCH;
}

void mst_sbi_put_path(struct mst_writer *w, const struct mst_sbi_route *r)
{
	mst_put_str(w, call_row[r->call].before);
	if (!call_row[r->call].behind)
		return;
	mst_put_str(w, ue_prefix[r->kind]);
	mst_put_percent(w, mst_view_str(r->ue_id));
	mst_put_str(w, call_row[r->call].behind);
}

#define PLAIN .check = mst_text_plain, .expects = MST_EXPECTS_LABEL

/* --- problems --- */

#define S struct mst_problem
static const struct mst_field problem_row[] = {
	MST_ROW(TITLE, 1, STR, 0, S, title, 0, 255, "what kind of problem", PLAIN),
	MST_ROW(STATUS, 2, INT, 0, S, status, 100, 599, "the HTTP status"),
	MST_ROW(DETAIL, 3, STR, 0, S, detail, 0, 1024, "this very problem", PLAIN),
	MST_ROW(CAUSE, 4, STR, 0, S, cause, 0, 255, "the same for programs", PLAIN),
};
#undef S
const struct mst_msg mst_problem_msg = {
	.what = "problem", .open = true, .size = sizeof(struct mst_problem), .field = problem_row, .n = MST_COUNT(problem_row),
	.doc = "Why a request was refused.",
};

int mst_problem_read(struct mst_view in, struct mst_arena *a, struct mst_problem *ret, struct mst_diag *d)
{
	return mst_msg_read_json(&mst_problem_msg, MST_PROFILE_LONG, in, a, ret, d);
}

void mst_problem_write(struct mst_writer *w, int status, const char *title, const char *detail, const char *cause)
{
	struct mst_problem p = { .title = mst_view_str(title), .status = status, .detail = mst_view_str(detail), .cause = mst_view_str(cause) };

	p.has = (p.title.n && mst_text_plain(p.title)) | (uint32_t)(status != 0) << 1 | (uint32_t)(p.detail.n && mst_text_plain(p.detail)) << 2 |
		(uint32_t)(p.cause.n && mst_text_plain(p.cause)) << 3;
	mst_msg_write_json(&mst_problem_msg, MST_PROFILE_LONG, &p, w);
}
