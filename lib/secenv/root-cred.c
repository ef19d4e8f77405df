/*
 * Root credentials as octets: a version, then the fields in the order of this file. Lengths and limits are
 * checked on reading as if a stranger had written it; the seal around it says who did.
 */
#include "secenv/secenv.h"

#include <stddef.h>
#include <string.h>

#define VERSION 3
#define VERSION_WITHOUT_TERMS 2        /* of agents that kept the earliest of the ends alone, as not_after */
#define VERSION_WITHOUT_METHOD 1       /* of agents before GBA */

#define TEXT(field) { offsetof(struct mst_root_cred, field), sizeof(((struct mst_root_cred *)0)->field) }
static const struct { size_t at, cap; } texts[] = {
	TEXT(key_id), TEXT(ke_id), TEXT(admin_fqdn), TEXT(mef_fqdn), TEXT(mef_uri), TEXT(mef_reg_id),
	TEXT(maf_fqdn), TEXT(maf_uri), TEXT(maf_reg_id), TEXT(node_id), TEXT(cse_id), TEXT(ae_id),
	TEXT(registrar_cse_id), TEXT(attempt),
};

void mst_root_cred_wipe(struct mst_root_cred *c)
{
	mst_wipe(c, sizeof(*c));
}

bool mst_is_naf_key(const struct mst_root_cred *c)
{
	uint8_t any = 0;

	for (size_t i = 0; i < sizeof(c->ua); i++)
		any |= c->ua[i];
	return any != 0;
}

static mst_time sooner(mst_time end, const struct mst_reg_term *t)
{
	return t->until && t->until < end ? t->until : end;
}

mst_time mst_root_cred_until(const struct mst_root_cred *c)
{
	return sooner(sooner(c->not_after, &c->mef_reg), &c->maf_reg);
}

/* Text that is not terminated within its field is a fault of the caller: latch. */
static void put_text(struct mst_writer *w, const char *s, size_t cap)
{
	size_t n = strnlen(s, cap);

	if (n == cap)
		w->ok = false;
	mst_put_block16(w, (struct mst_view){ (const uint8_t *)s, n });
}

static void put_term(struct mst_writer *w, const struct mst_reg_term *t)
{
	mst_put_u64(w, (uint64_t)t->since);
	mst_put_u64(w, (uint64_t)t->until);
}

int mst_root_cred_encode(const struct mst_root_cred *c, struct mst_writer *w)
{
	if (c->key.n > MST_KEY_MAX || c->ke.n > MST_KEY_MAX ||
	    c->n_registrar_poa > MST_COUNT(c->registrar_poa))
		return MST_FAULT_BUG;
	mst_put_u16(w, VERSION);
	mst_put_block16(w, mst_key_view(&c->key));
	mst_put_block16(w, mst_key_view(&c->ke));
	for (size_t i = 0; i < MST_COUNT(texts); i++)
		put_text(w, (const char *)c + texts[i].at, texts[i].cap);
	mst_put_u8(w, (uint8_t)c->n_registrar_poa);
	for (size_t i = 0; i < c->n_registrar_poa; i++)
		put_text(w, c->registrar_poa[i], sizeof(c->registrar_poa[i]));
	mst_put_u64(w, (uint64_t)c->suid);
	mst_put_u8(w, c->confirmed);
	mst_put_u64(w, (uint64_t)c->not_after);
	mst_put_u64(w, (uint64_t)c->obtained);
	mst_put_u64(w, c->generation);
	mst_put_u8(w, c->method);
	mst_put(w, (struct mst_view){ c->ua, sizeof(c->ua) });
	put_term(w, &c->mef_reg);
	put_term(w, &c->maf_reg);
	return w->ok ? 0 : MST_FAULT_MEMORY;
}

static void read_key(struct mst_reader *r, struct mst_key *k)
{
	struct mst_view v = mst_read_block16(r);

	if (v.n && !mst_key_set(k, v))
		r->ok = false;
}

static void read_text(struct mst_reader *r, char *out, size_t cap)
{
	struct mst_view v = mst_read_block16(r);

	if (r->ok && !mst_view_to_str(v, out, cap))
		r->ok = false;
}

static void read_term(struct mst_reader *r, struct mst_reg_term *t)
{
	t->since = (mst_time)mst_read_u64(r);
	t->until = (mst_time)mst_read_u64(r);
}

static bool read_flag(struct mst_reader *r)
{
	uint8_t x = mst_read_u8(r);

	if (x > 1)
		r->ok = false;
	return x == 1;
}

bool mst_root_cred_decode(struct mst_view v, struct mst_root_cred *ret_c)
{
	struct mst_reader r = mst_reader_of(v);
	struct mst_root_cred c;
	struct mst_view ua;
	uint16_t version;
	bool ok;

	memset(&c, 0, sizeof(c));
	version = mst_read_u16(&r);
	if (version > VERSION || version < VERSION_WITHOUT_METHOD)
		r.ok = false;
	read_key(&r, &c.key);
	read_key(&r, &c.ke);
	for (size_t i = 0; i < MST_COUNT(texts); i++)
		read_text(&r, (char *)&c + texts[i].at, texts[i].cap);
	c.n_registrar_poa = mst_read_u8(&r);
	if (c.n_registrar_poa > MST_COUNT(c.registrar_poa))
		r.ok = false;
	for (size_t i = 0; r.ok && i < c.n_registrar_poa; i++)
		read_text(&r, c.registrar_poa[i], sizeof(c.registrar_poa[i]));
	c.suid = (int64_t)mst_read_u64(&r);
	c.confirmed = read_flag(&r);
	c.not_after = (mst_time)mst_read_u64(&r);
	c.obtained = (mst_time)mst_read_u64(&r);
	c.generation = mst_read_u64(&r);
	if (version >= VERSION_WITHOUT_TERMS) {
		c.method = mst_read_u8(&r);
		ua = mst_read(&r, sizeof(c.ua));
		if (r.ok)
			memcpy(c.ua, ua.p, sizeof(c.ua));
	}
	if (version >= VERSION) {
		read_term(&r, &c.mef_reg);
		read_term(&r, &c.maf_reg);
	}
	ok = mst_read_end(&r);
	if (ok)
		*ret_c = c;
	mst_root_cred_wipe(&c);
	return ok;
}
