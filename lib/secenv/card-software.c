/*
 * A UICC in software: it takes the same commands as a card (TS 102 221, TS 31.102) and answers as a T=1 card does, so that
 * everything above the port is what meets a real one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "proto/gba/keys.h"
#include "secenv/card.h"

#define BLOB "usim"
#define BLOB_VERSION 1
#define GBABP_SIZE 400
#define SW_MEMORY 0x6581         /* memory problem: nothing was changed (102 221 10.2.1.4) */

static const uint8_t usim_aid[12] = { 0xa0, 0, 0, 0, 0x87, 0x10, 0x02, 0xff, 0x49, 0xff, 0x05, 0x89 };
static const uint8_t isim_aid[12] = { 0xa0, 0, 0, 0, 0x87, 0x10, 0x04, 0xff, 0x49, 0xff, 0x05, 0x89 };

/* What a card remembers without power. */
struct memory {
	struct aka_usim counters;
	uint8_t ks[GBA_KS], challenge[GBA_RAND];
	bool has_ks;
	uint8_t gbabp[GBABP_SIZE];
};

struct software_port {
	struct mst_card_port port;
	struct mst_crypto *crypto;
	struct mst_secenv *secenv;
	struct aka_keys keys;
	struct memory memory;
	bool gba;
	uint8_t imsi[9], ad[4], ust[9], ist[1], impi[2 + 255];
	size_t n_impi;                   /* 0: no ISIM */
	enum mst_card_app app;           /* ANY: none selected */
	unsigned file;
};

/* --- what is kept --- */

static int keep(struct software_port *p, const struct memory *m)
{
	uint8_t b[1024];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_diag d = { 0 };
	int r;

	mst_put_u8(&w, BLOB_VERSION);
	mst_put_u64(&w, m->counters.highest);
	for (size_t i = 0; i < AKA_IND_COUNT; i++)
		mst_put_u64(&w, m->counters.seq[i]);
	mst_put_u8(&w, m->has_ks);
	mst_put(&w, (struct mst_view){ m->ks, sizeof(m->ks) });
	mst_put(&w, (struct mst_view){ m->challenge, sizeof(m->challenge) });
	mst_put(&w, (struct mst_view){ m->gbabp, sizeof(m->gbabp) });
	r = w.ok ? p->secenv->ops->store_blob(p->secenv, BLOB, mst_written(&w), &d) : MST_FAULT_BUG;
	mst_wipe(b, sizeof(b));
	if (!r)
		p->memory = *m;
	return r;
}

static void take(struct mst_reader *r, uint8_t *out, size_t n)
{
	struct mst_view v = mst_read(r, n);

	if (v.n == n)
		memcpy(out, v.p, n);
}

static int recall(struct software_port *p, struct mst_diag *d)
{
	uint8_t b[1024];
	size_t n = 0;
	int r = p->secenv->ops->load_blob(p->secenv, BLOB, b, sizeof(b), &n, d);
	struct mst_reader in = mst_reader_of((struct mst_view){ b, n });
	struct memory *m = &p->memory;

	memset(m->gbabp, 0xff, sizeof(m->gbabp));
	m->counters.ind_bits = AKA_IND_BITS;
	m->counters.delta = AKA_DELTA;
	if (r == MST_SECENV_NONE)
		return 0;
	if (r == MST_SECENV_CORRUPT)
		return MST_CARD_NO_CARD;
	if (r)
		return r;
	if (mst_read_u8(&in) != BLOB_VERSION)
		in.ok = false;
	m->counters.highest = mst_read_u64(&in);
	for (size_t i = 0; i < AKA_IND_COUNT; i++)
		m->counters.seq[i] = mst_read_u64(&in);
	m->has_ks = mst_read_u8(&in) != 0;
	take(&in, m->ks, sizeof(m->ks));
	take(&in, m->challenge, sizeof(m->challenge));
	take(&in, m->gbabp, sizeof(m->gbabp));
	mst_wipe(b, sizeof(b));
	if (mst_read_end(&in))
		return 0;
	mst_diag_set(d, 0, BLOB, "not written by this version; a laboratory's card may begin anew: remove it", NULL);
	return MST_CARD_NO_CARD;
}

/* --- answers --- */

static void put_tlv(struct mst_writer *w, uint8_t tag, struct mst_view v)
{
	if (v.n > 0x7f) {
		w->ok = false;
		return;
	}
	mst_put_u8(w, tag);
	mst_put_u8(w, (uint8_t)v.n);
	mst_put(w, v);
}

static struct mst_view aid_of(enum mst_card_app app)
{
	return app == MST_CARD_ISIM ? (struct mst_view){ isim_aid, sizeof(isim_aid) } : (struct mst_view){ usim_aid, sizeof(usim_aid) };
}

static struct mst_view dir_aid(const struct software_port *p, unsigned record)
{
	if (record == 1)
		return aid_of(MST_CARD_USIM);
	return record == 2 && p->n_impi > 0 ? aid_of(MST_CARD_ISIM) : MST_VIEW_NONE;
}

#define DIR_RECORD 16            /* 61 0E 4F 0C and the identifier */

/* FCP of an application (with its identifier; no PIN) or of a file. */
static unsigned put_fcp(struct mst_writer *w, struct mst_view aid, size_t size, uint8_t record)
{
	static const uint8_t folder[] = { 0x78, 0x21 }, file[] = { 0x41, 0x21 }, no_pin[] = { 0x90, 0x01, 0x00, 0x83, 0x01, 0x01 };
	const uint8_t lines[] = { 0x42, 0x21, 0x00, record, 2 }, octets[] = { (uint8_t)(size >> 8), (uint8_t)size };
	uint8_t b[64];
	struct mst_writer inner = mst_writer_of(b, sizeof(b));

	if (aid.n > 0 || (size == 0 && record == 0)) {
		put_tlv(&inner, 0x82, (struct mst_view){ folder, sizeof(folder) });
		if (aid.n > 0)
			put_tlv(&inner, 0x84, aid);
		put_tlv(&inner, 0xc6, (struct mst_view){ no_pin, sizeof(no_pin) });
	} else {
		put_tlv(&inner, 0x82, record ? (struct mst_view){ lines, sizeof(lines) } : (struct mst_view){ file, sizeof(file) });
		put_tlv(&inner, 0x80, (struct mst_view){ octets, sizeof(octets) });
	}
	put_tlv(w, 0x62, mst_written(&inner));
	return MST_SW_OK;
}

/* The selected application's file, or empty. */
static struct mst_view content(const struct software_port *p, unsigned file)
{
	const struct { enum mst_card_app app; unsigned file; struct mst_view v; } files[] = {
		{ MST_CARD_USIM, MST_EF_IMSI, { p->imsi, sizeof(p->imsi) } }, { MST_CARD_USIM, MST_EF_AD, { p->ad, sizeof(p->ad) } },
		{ MST_CARD_USIM, MST_EF_UST, { p->ust, sizeof(p->ust) } }, { MST_CARD_ISIM, MST_EF_IMPI, { p->impi, p->n_impi } },
		{ MST_CARD_ISIM, MST_EF_IST, { p->ist, sizeof(p->ist) } },
		{ MST_CARD_USIM, MST_EF_GBABP_USIM, { p->memory.gbabp, p->gba ? GBABP_SIZE : 0 } },
		{ MST_CARD_ISIM, MST_EF_GBABP_ISIM, { p->memory.gbabp, p->gba ? GBABP_SIZE : 0 } },
	};

	for (size_t i = 0; i < MST_COUNT(files); i++)
		if (files[i].app == p->app && files[i].file == file)
			return files[i].v;
	return MST_VIEW_NONE;
}

struct command { uint8_t ins, p1, p2; struct mst_view data; unsigned le; };

static unsigned run_select(struct software_port *p, const struct command *c, struct mst_writer *w)
{
	struct mst_view v;
	unsigned file;

	if (c->p1 == 4) {
		for (unsigned i = 1; i <= 2; i++) {
			v = dir_aid(p, i);
			if (c->data.n < 5 || c->data.n > v.n || memcmp(v.p, c->data.p, c->data.n) != 0)
				continue;
			p->app = i == 2 ? MST_CARD_ISIM : MST_CARD_USIM;
			p->file = 0;
			return put_fcp(w, v, 0, 0);
		}
		return MST_SW_NO_FILE;
	}
	if (c->p1 != 0 || c->data.n != 2)
		return MST_SW_WRONG_P1P2;
	file = (unsigned)c->data.p[0] << 8 | c->data.p[1];
	if (file == 0x3f00 || file == MST_EF_DIR) {
		p->app = MST_CARD_ANY;
		p->file = file;
		return put_fcp(w, MST_VIEW_NONE, file == MST_EF_DIR ? 2 * DIR_RECORD : 0, file == MST_EF_DIR ? DIR_RECORD : 0);
	}
	v = content(p, file);
	if (v.n == 0)
		return MST_SW_NO_FILE;
	p->file = file;
	return put_fcp(w, MST_VIEW_NONE, v.n, 0);
}

static unsigned run_record(struct software_port *p, const struct command *c, struct mst_writer *w)
{
	struct mst_view aid = dir_aid(p, c->p1);
	uint8_t b[DIR_RECORD];
	struct mst_writer inner = mst_writer_of(b, sizeof(b));

	if (p->file != MST_EF_DIR || c->p2 != 4)
		return MST_SW_CONDITIONS;
	if (aid.n == 0)
		return MST_SW_NO_RECORD;
	put_tlv(&inner, 0x4f, aid);
	put_tlv(w, 0x61, mst_written(&inner));
	return MST_SW_OK;
}

static unsigned run_read(struct software_port *p, const struct command *c, struct mst_writer *w)
{
	struct mst_view v = content(p, p->file);
	size_t at = (size_t)c->p1 << 8 | c->p2;

	if (v.n == 0)
		return MST_SW_CONDITIONS;
	if (at >= v.n)
		return MST_SW_LENGTH;
	mst_put(w, mst_view_sub(v, at, c->le ? c->le : 256));
	return MST_SW_OK;
}

static unsigned run_update(struct software_port *p, const struct command *c, struct mst_writer *w)
{
	size_t at = (size_t)c->p1 << 8 | c->p2;
	struct memory next = p->memory;
	unsigned sw = MST_SW_OK;

	(void)w;
	if (p->file != MST_EF_GBABP_USIM && p->file != MST_EF_GBABP_ISIM)
		sw = MST_SW_CONDITIONS;
	else if (c->data.n == 0 || at + c->data.n > GBABP_SIZE)
		sw = MST_SW_LENGTH;
	else {
		memcpy(next.gbabp + at, c->data.p, c->data.n);
		if (keep(p, &next))
			sw = SW_MEMORY;
	}
	mst_wipe(&next, sizeof(next));
	return sw;
}

/* --- AUTHENTICATE --- */

static void put_block8(struct mst_writer *w, const uint8_t *b, size_t n)
{
	mst_put_u8(w, (uint8_t)n);
	mst_put(w, (struct mst_view){ b, n });
}

/* AUTN* to AUTN needs IK (33.220 5.3.2), which depends on K and RAND alone. */
static int plain_autn(struct software_port *p, const uint8_t *challenge, uint8_t autn[AKA_AUTN])
{
	struct aka_out o;
	int r = aka_compute(p->crypto, &p->keys, challenge, NULL, NULL, AKA_WANT_F2345, &o);

	if (!r)
		r = gba_autn_star(p->crypto, o.ik, autn);
	mst_wipe(&o, sizeof(o));
	return r;
}

static unsigned authenticate(struct software_port *p, const uint8_t *challenge, const uint8_t *autn, bool gba, struct mst_writer *w)
{
	struct memory next = p->memory;
	struct aka_answer a = { 0 };
	uint8_t plain[AKA_AUTN];
	unsigned sw = MST_SW_OK;
	int r = 0;

	memcpy(plain, autn, sizeof(plain));
	if (gba)
		r = plain_autn(p, challenge, plain);
	if (!r)
		r = aka_usim_run(p->crypto, &p->keys, &next.counters, challenge, plain, &a);
	if (r == AKA_SYNC_FAILURE) {
		mst_put_u8(w, 0xdc);
		put_block8(w, a.auts, sizeof(a.auts));
	} else if (r == AKA_MAC_FAILURE) {
		sw = MST_SW_MAC;
	} else if (r) {
		sw = SW_MEMORY;
	} else {
		if (gba) {
			gba_ks(a.ck, a.ik, next.ks);
			next.has_ks = true;
			memcpy(next.challenge, challenge, sizeof(next.challenge));
			memset(next.gbabp, 0xff, sizeof(next.gbabp));
			next.gbabp[0] = GBA_RAND;
			memcpy(next.gbabp + 1, challenge, GBA_RAND);
		}
		if (keep(p, &next)) {
			sw = SW_MEMORY;
		} else {
			mst_put_u8(w, 0xdb);
			put_block8(w, a.res, a.res_n);
			if (!gba) {
				put_block8(w, a.ck, a.ck_n);
				put_block8(w, a.ik, a.ik_n);
			}
		}
	}
	aka_answer_wipe(&a);
	mst_wipe(&next, sizeof(next));
	return sw;
}

static unsigned derive_naf(struct software_port *p, struct mst_reader *r, struct mst_writer *w)
{
	struct mst_view naf_id = mst_read(r, mst_read_u8(r)), impi = mst_read(r, mst_read_u8(r));
	struct mst_key key = { .n = 0 };
	unsigned sw = MST_SW_OK;

	if (!mst_read_end(r))
		return MST_SW_BAD_DATA;
	if (!p->memory.has_ks)
		return MST_SW_CONDITIONS;
	if (gba_ks_naf(p->crypto, GBA_KEY_ME, p->memory.ks, p->memory.challenge, impi, naf_id, &key)) {
		sw = MST_SW_BAD_DATA;
	} else {
		mst_put_u8(w, 0xdb);
		put_block8(w, key.b, key.n);
	}
	mst_key_wipe(&key);
	return sw;
}

static unsigned run_authenticate(struct software_port *p, const struct command *c, struct mst_writer *w)
{
	struct mst_reader r = mst_reader_of(c->data);
	bool gba = c->p2 == MST_UICC_GBA;
	struct mst_view challenge, autn;
	uint8_t lead;

	if (p->app == MST_CARD_ANY)
		return MST_SW_CONDITIONS;
	if (c->p1 != 0 || (!gba && c->p2 != MST_UICC_3G))
		return MST_SW_WRONG_P1P2;
	if (gba && !p->gba)
		return MST_SW_NO_CONTEXT;
	lead = gba ? mst_read_u8(&r) : 0;
	if (lead == 0xde)
		return derive_naf(p, &r, w);
	challenge = mst_read(&r, mst_read_u8(&r));
	autn = mst_read(&r, mst_read_u8(&r));
	if (!mst_read_end(&r) || challenge.n != AKA_RAND || autn.n != AKA_AUTN || (gba && lead != 0xdd))
		return MST_SW_BAD_DATA;
	return authenticate(p, challenge.p, autn.p, gba, w);
}

/* --- the port --- */

static int software_transmit(struct mst_card_port *port, struct mst_view command, uint8_t *out, size_t *ret_n, struct mst_diag *d)
{
	static const struct { uint8_t ins; unsigned (*run)(struct software_port *p, const struct command *c, struct mst_writer *w); } table[] = {
		{ MST_INS_SELECT, run_select }, { MST_INS_READ_RECORD, run_record }, { MST_INS_READ_BINARY, run_read },
		{ MST_INS_UPDATE_BINARY, run_update }, { MST_INS_AUTHENTICATE, run_authenticate },
	};
	struct software_port *p = (struct software_port *)port;
	struct mst_writer w = mst_writer_of(out, MST_APDU_ANSWER_MAX - 2);
	struct mst_reader r = mst_reader_of(command);
	unsigned sw = MST_SW_NO_INS;
	struct command c = { 0 };
	uint8_t cla = mst_read_u8(&r);

	(void)d;
	c.ins = mst_read_u8(&r);
	c.p1 = mst_read_u8(&r);
	c.p2 = mst_read_u8(&r);
	if (r.left > 1)
		c.data = mst_read(&r, mst_read_u8(&r));
	if (r.left > 0)
		c.le = mst_read_u8(&r);
	if (!mst_read_end(&r))
		sw = MST_SW_LENGTH;
	else if (cla != 0)
		sw = MST_SW_NO_CLA;
	else
		for (size_t i = 0; i < MST_COUNT(table); i++)
			if (table[i].ins == c.ins)
				sw = table[i].run(p, &c, &w);
	if (sw != MST_SW_OK)
		w.n = 0;
	out[w.n] = (uint8_t)(sw >> 8);
	out[w.n + 1] = (uint8_t)sw;
	*ret_n = w.n + 2;
	return w.ok ? 0 : MST_FAULT_BUG;
}

static void software_close(struct mst_card_port *port)
{
	struct software_port *p = (struct software_port *)port;

	mst_wipe(p, sizeof(*p));
	free(p);
}

/* EF_IMSI: length, parity with the first digit, then two digits an octet (31.102 4.2.2). */
static bool put_imsi(const char *imsi, uint8_t out[9])
{
	size_t n = strlen(imsi);

	if (n < 6 || n > 15 || strspn(imsi, "0123456789") != n)
		return false;
	memset(out, 0xff, 9);
	out[0] = (uint8_t)(n / 2 + 1);
	out[1] = (uint8_t)((imsi[0] - '0') << 4 | (n % 2 ? 9 : 1));
	for (size_t i = 1; i < n; i++) {
		uint8_t *o = &out[1 + (i + 1) / 2], digit = (uint8_t)(imsi[i] - '0');

		*o = i % 2 ? (uint8_t)((*o & 0xf0) | digit) : (uint8_t)((*o & 0x0f) | digit << 4);
	}
	return true;
}

static int refuse(struct mst_diag *d, const char *field, const char *words)
{
	mst_diag_set(d, 0, field, words, NULL);
	return MST_CARD_ODD;
}

static int fill(struct software_port *p, const struct mst_card_software *s, struct mst_diag *d)
{
	size_t n = s->impi ? strlen(s->impi) : 0;

	if (!put_imsi(s->imsi, p->imsi))
		return refuse(d, "imsi", "must be 6 to 15 digits");
	if (s->mnc_digits != 2 && s->mnc_digits != 3)
		return refuse(d, "mnc_digits", "must be 2 or 3");
	if (n > 127)
		return refuse(d, "impi", "is longer than 127 characters");
	if (aka_keys_check(s->keys, d))
		return MST_CARD_ODD;
	if (s->keys->mac_n != 8 || s->keys->ck_n != 16 || s->keys->ik_n != 16 || s->keys->res_n > 16)
		return refuse(d, "keys", "a card's commands have room for MAC 8, CK and IK 16, and RES up to 16 octets");
	p->keys = *s->keys;
	p->gba = s->gba;
	p->ad[3] = (uint8_t)s->mnc_digits;
	p->ust[8] = s->gba ? 0x08 : 0;
	p->ist[0] = s->gba ? 0x02 : 0;
	if (n > 0) {
		p->impi[0] = 0x80;
		p->impi[1] = (uint8_t)n;
		memcpy(p->impi + 2, s->impi, n);
		p->n_impi = n + 2;
	}
	return 0;
}

int mst_card_software_open(const struct mst_card_software *s, struct mst_crypto *c, struct mst_card_port **ret_p, struct mst_diag *d)
{
	static const struct mst_card_port_ops ops = { "software", software_transmit, software_close };
	struct software_port *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return MST_FAULT_MEMORY;
	p->port = (struct mst_card_port){ &ops, true };
	p->crypto = c;
	p->secenv = s->secenv;
	r = fill(p, s, d);
	if (!r)
		r = recall(p, d);
	if (r) {
		software_close(&p->port);
		return r;
	}
	*ret_p = &p->port;
	return 0;
}
