/* Any octets as each kind of identifier, and as a URI: the canonical spelling is valid, and its own. */
#include <stdlib.h>

#include "codec/ident.h"
#include "codec/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void kind(enum mst_id_kind k, struct mst_view in)
{
	char once[MST_ID_MAX], twice[MST_ID_MAX];

	if (mst_id_normalise(k, in, once) != mst_id_valid(k, in))
		abort();
	if (!mst_id_valid(k, in))
		return;
	if (!mst_id_normalise(k, mst_view_str(once), twice) || !mst_view_eq(mst_view_str(once),
		mst_view_str(twice)) ||
	    !mst_id_equal(k, in, mst_view_str(once)))
		abort();
	if (mst_id_from_param(k, in, once) && !mst_from_matches(mst_view_str(once), k, in))
		abort();
}

/* Taken apart and put together it is the same, in its canonical spelling, which stays as it is. */
static void credential(struct mst_view in)
{
	char once[MST_ID_MAX], twice[MST_ID_MAX];
	struct mst_view who;
	int type, again;

	if (!mst_credential_id_split(in, &type, &who))
		return;
	if (!mst_credential_id_make(type, who, once) || !mst_view_eq_nocase(in, mst_view_str(once)))
		abort();
	if (!mst_credential_id_split(mst_view_str(once), &again, &who) || again != type || !mst_credential_id_make(type, who, twice) ||
	    !mst_view_eq_str(mst_view_str(once), twice))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view in = { p, n }, a, b;
	char out[MST_ID_MAX];
	struct mst_uri_parts u;

	for (int k = MST_ID_NONE; k <= MST_ID_KM; k++)
		kind((enum mst_id_kind)k, in);
	if (mst_key_id_split(in, &a, &b) && a.n + b.n + 1 != n)
		abort();
	credential(in);
	if (mst_cse_public_name(in, out) && !mst_id_valid(MST_ID_FQDN, mst_view_str(out)))
		abort();
	if (mst_uri_split(in, &u) && (!u.port || !u.host.n))
		abort();
	return 0;
}
