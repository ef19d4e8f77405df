#include "codec/checks.h"

#include "base/text.h"
#include "codec/ident.h"
#include "codec/uri.h"

bool mst_check_fqdn(struct mst_view v) { return mst_id_valid(MST_ID_FQDN, v); }
bool mst_check_token(struct mst_view v) { return v.n && mst_printable_ascii(v); }
bool mst_check_key_id(struct mst_view v) { return mst_id_valid(MST_ID_KM, v); }
bool mst_check_rel_key(struct mst_view v) { return mst_id_valid(MST_ID_REL_KEY, v); }
bool mst_check_node_id(struct mst_view v) { return mst_id_valid(MST_ID_NODE, v); }
bool mst_check_cse_abs(struct mst_view v) { return mst_id_valid(MST_ID_CSE_ABS, v); }
bool mst_check_ae_abs(struct mst_view v) { return mst_id_valid(MST_ID_AE_ABS, v); }
bool mst_check_pin(struct mst_view v) { return mst_id_valid(MST_ID_PUBLIC_KEY, v); }

bool mst_check_label(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			return false;
	return mst_utf8_valid(v);
}

bool mst_check_target(struct mst_view v)
{
	return mst_check_fqdn(v) || mst_check_cse_abs(v) || mst_check_ae_abs(v);
}

bool mst_check_uri(struct mst_view v)
{
	struct mst_uri_parts u;

	return mst_uri_split(v, &u) && mst_uri_scheme_in(&u, "https coaps wss");
}

bool mst_check_der(struct mst_view v)
{
	struct mst_reader r = mst_reader_of(v);
	uint8_t tag = mst_read_u8(&r), first = mst_read_u8(&r);
	size_t n = first;

	if (first == 0x81)
		n = mst_read_u8(&r);
	else if (first == 0x82)
		n = mst_read_u16(&r);
	else if (first > 0x7f)
		return false;
	/* shortest form only */
	if ((first == 0x81 && n < 0x80) || (first == 0x82 && n < 0x100))
		return false;
	return r.ok && tag == 0x30 && n && r.left == n;
}
