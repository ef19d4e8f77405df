#include <string.h>

#include "transport/tls.h"

/* A real deployment writes an AE-ID with a scheme before it; spec 2.5.4: strip one, compare the rest. */
static struct mst_view without_scheme(struct mst_view v)
{
	static const char *const scheme[] = { "https:", "http:", "coaps:" };

	for (size_t i = 0; i < MST_COUNT(scheme); i++)
		if (mst_view_starts(v, scheme[i]) && mst_view_starts(mst_view_sub(v, strlen(scheme[i]), v.n), "//"))
			return mst_view_sub(v, strlen(scheme[i]), v.n);
	return v;
}

static bool san_is(const struct mst_san *s, enum mst_id_kind kind, const char *value)
{
	struct mst_view have = mst_view_str(s->value), want = mst_view_str(value);

	if (s->kind != kind)
		return false;
	if (kind == MST_ID_FQDN)
		return mst_view_eq_nocase(have, want);
	if (kind == MST_ID_AE_ABS)
		return mst_view_eq(without_scheme(have), without_scheme(want));
	return mst_view_eq(have, want);
}

bool mst_cert_names(const struct mst_cert_info *i, enum mst_id_kind kind, const char *value)
{
	char public_name[MST_ID_MAX];

	/* no wildcards, on neither side (spec 2.5.4) */
	if (!value || !*value || (kind == MST_ID_FQDN && strchr(value, '*')))
		return false;
	for (size_t k = 0; k < i->n_san; k++)
		if (san_is(&i->san[k], kind, value))
			return true;
	/* a CSE's certificate holds its public domain name (TS-0001 6.5.1.1) */
	if (kind == MST_ID_CSE_ABS && mst_cse_public_name(mst_view_str(value), public_name))
		return mst_cert_names(i, MST_ID_FQDN, public_name);
	return false;
}
