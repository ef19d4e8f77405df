/* Payloads of the supervisor's messages. */
#include <string.h>

#include "server/frame-internal.h"
#include "server/frame.h"

void mst_put_conf(struct mst_writer *w, const struct mst_conf_frame *c)
{
	mst_put_text16(w, c->file);
	mst_put_block32(w, c->text);
	mst_put(w, (struct mst_view){ c->maf_anchor, sizeof(c->maf_anchor) });
	mst_put_u8(w, (uint8_t)c->makers.n);
	for (size_t i = 0; i < c->makers.n; i++) {
		mst_put(w, (struct mst_view){ c->makers.sha256[i], MST_SHA256_LEN });
		mst_put_text16(w, c->makers.subject[i]);
	}
	mst_put_u64(w, (uint64_t)c->crl_number);
	mst_put_u64(w, (uint64_t)c->crl_made);
	mst_put_u64(w, (uint64_t)c->crl_until);
}

bool mst_get_conf(struct mst_view v, struct mst_conf_frame *ret_c)
{
	struct mst_reader r = mst_reader_of(v);
	struct mst_view anchor;

	memset(ret_c, 0, sizeof(*ret_c));
	mst_get_text16(&r, ret_c->file, sizeof(ret_c->file));
	ret_c->text = mst_read_block32(&r);
	anchor = mst_read(&r, sizeof(ret_c->maf_anchor));
	if (anchor.n == sizeof(ret_c->maf_anchor))
		memcpy(ret_c->maf_anchor, anchor.p, anchor.n);
	ret_c->makers.n = (size_t)mst_get_enum(&r, MST_MAKERS_MAX + 1);
	for (size_t i = 0; i < ret_c->makers.n; i++) {
		anchor = mst_read(&r, MST_SHA256_LEN);
		if (anchor.n == MST_SHA256_LEN)
			memcpy(ret_c->makers.sha256[i], anchor.p, MST_SHA256_LEN);
		mst_get_text16(&r, ret_c->makers.subject[i], sizeof(ret_c->makers.subject[i]));
	}
	ret_c->crl_number = (int64_t)mst_read_u64(&r);
	ret_c->crl_made = (mst_time)mst_read_u64(&r);
	ret_c->crl_until = (mst_time)mst_read_u64(&r);
	return mst_read_end(&r) && (!ret_c->text.n || !memchr(ret_c->text.p, 0, ret_c->text.n));
}

void mst_put_link(struct mst_writer *w, const struct mst_link_frame *l)
{
	mst_put_u8(w, (uint8_t)l->peer);
	mst_put_u8(w, (uint8_t)l->role);
	mst_put_u32(w, l->channel);
}

bool mst_get_link(struct mst_view v, struct mst_link_frame *ret_l)
{
	struct mst_reader r = mst_reader_of(v);

	memset(ret_l, 0, sizeof(*ret_l));
	ret_l->peer = (enum mst_process)mst_get_enum(&r, MST_PROC__COUNT);
	ret_l->role = (enum mst_role)mst_get_enum(&r, MST_ROLE__COUNT);
	ret_l->channel = mst_read_u32(&r);
	return mst_read_end(&r) && ret_l->peer != MST_PROC_SUPERVISOR;
}

void mst_put_channel(struct mst_writer *w, const struct mst_channel *c)
{
	mst_put_u32(w, c->id);
	mst_put_u8(w, (uint8_t)c->duties);
	mst_put(w, (struct mst_view){ c->key, sizeof(c->key) });
}

bool mst_get_channel(struct mst_view v, struct mst_channel *ret_c)
{
	struct mst_reader r = mst_reader_of(v);
	struct mst_view key;

	memset(ret_c, 0, sizeof(*ret_c));
	ret_c->id = mst_read_u32(&r);
	ret_c->duties = (unsigned)mst_get_enum(&r, MST_DUTY__ALL + 1);
	key = mst_read(&r, sizeof(ret_c->key));
	if (!mst_read_end(&r))
		return false;
	memcpy(ret_c->key, key.p, sizeof(ret_c->key));
	return true;
}

void mst_put_health(struct mst_writer *w, const struct mst_health_frame *h)
{
	mst_put_u8(w, (uint8_t)h->ready);
	mst_put_u8(w, h->draining);
	mst_put_block32(w, h->text);
}

bool mst_get_health(struct mst_view v, struct mst_health_frame *ret_h)
{
	struct mst_reader r = mst_reader_of(v);

	memset(ret_h, 0, sizeof(*ret_h));
	ret_h->ready = (enum mst_ready)mst_get_enum(&r, MST_READY__COUNT);
	ret_h->draining = mst_get_enum(&r, 2) == 1;
	ret_h->text = mst_read_block32(&r);
	return mst_read_end(&r);
}

void mst_put_signed(struct mst_writer *w, const struct mst_signed_frame *f)
{
	mst_put_u32(w, (uint32_t)(int32_t)f->rc);
	mst_put_block16(w, f->sig);
	mst_put_text16(w, f->why);
}

/* A signature, or none and why. */
bool mst_get_signed(struct mst_view v, struct mst_signed_frame *ret_f)
{
	struct mst_reader r = mst_reader_of(v);

	memset(ret_f, 0, sizeof(*ret_f));
	ret_f->rc = (int)(int32_t)mst_read_u32(&r);
	ret_f->sig = mst_read_block16(&r);
	mst_get_text16(&r, ret_f->why, sizeof(ret_f->why));
	return mst_read_end(&r) && (ret_f->rc == 0) == (ret_f->sig.n > 0) && ret_f->sig.n <= 80 && ret_f->rc <= MST_KEEPER_AWAY && ret_f->rc >= MST_FAULT_CLOSED;
}

void mst_put_pids(struct mst_writer *w, const struct mst_pids *p)
{
	mst_put_u16(w, (uint16_t)p->n);
	for (size_t i = 0; i < p->n; i++)
		mst_put_u32(w, p->pid[i]);
}

bool mst_get_pids(struct mst_view v, struct mst_pids *ret_p)
{
	struct mst_reader r = mst_reader_of(v);
	size_t n = mst_read_u16(&r);

	memset(ret_p, 0, sizeof(*ret_p));
	if (n > MST_PIDS)
		return false;
	for (; ret_p->n < n; ret_p->n++)
		ret_p->pid[ret_p->n] = mst_read_u32(&r);
	return mst_read_end(&r);
}
