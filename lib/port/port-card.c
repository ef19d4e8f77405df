/* What a device with a subscriber's card needs beside its card (include/muster/card.h). */
#include "port/openssl-port.h"
#include "xml/xml.h"

int muster_openssl_md5(void *ctx, const void *octets, size_t n, unsigned char out[16])
{
	struct mst_crypto *c = mst_crypto_openssl();

	(void)ctx;
	return c->ops->old_hash(c, MST_OLD_MD5, (struct mst_view){ octets, n }, out);
}

int muster_openssl_bootstrapping_info(void *ctx, const void *xml, size_t n, void *room, size_t room_n, struct muster_bootstrapping *ret)
{
	struct mst_arena a = mst_arena_of(room, room_n);
	struct mst_bsf_info i = { .lifetime = 0 };
	struct mst_diag d = { 0 };
	int r = mst_xml_bsf_info((struct mst_view){ xml, n }, &a, &i, &d);

	(void)ctx;
	*ret = (struct muster_bootstrapping){ 0 };
	if (!r)
		*ret = (struct muster_bootstrapping){ { i.btid.p, i.btid.n }, i.lifetime, i.current_time, { i.configuration.p, i.configuration.n } };
	return r;
}
