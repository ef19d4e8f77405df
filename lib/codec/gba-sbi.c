/* GBA over the SBI: tables (spec gba 12.1 to 12.4), and what turns them into the structs that programs use. */
#include "codec/gba-sbi.h"

#include <string.h>

#include "base/text.h"
#include "codec/checks.h"
#include "codec/walk.h"

static bool is_hex(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!((v.p[i] >= '0' && v.p[i] <= '9') || ((v.p[i] | 0x20) >= 'a' && (v.p[i] | 0x20) <= 'f')))
			return false;
	return v.n % 2 == 0;
}

static int two_digits(struct mst_view v)
{
	uint64_t x = 99;

	if (v.n == 2 && v.p[0] == '0')
		v = mst_view_sub(v, 1, 1);
	return mst_parse_dec(v, 99, &x) ? (int)x : 99;
}

/* RFC 3339: what we write, and offsets from UTC as well. */
static bool read_time(struct mst_view v, mst_time *ret_t)
{
	char utc[48];
	struct mst_writer w = mst_writer_of(utc, sizeof(utc));
	struct mst_view zone = mst_view_sub(v, v.n - (v.n < 6 ? v.n : 6), 6);
	int hours, minutes;
	mst_time t;

	if (mst_parse_datetime(v, ret_t))
		return true;
	if (zone.n != 6 || (zone.p[0] != '+' && zone.p[0] != '-') || zone.p[3] != ':')
		return false;
	hours = two_digits(mst_view_sub(zone, 1, 2));
	minutes = two_digits(mst_view_sub(zone, 4, 2));
	mst_put(&w, mst_view_sub(v, 0, v.n - 6));
	mst_put_u8(&w, 'Z');
	if (hours > 23 || minutes > 59 || !mst_parse_datetime(mst_written(&w), &t))
		return false;
	t -= (zone.p[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	*ret_t = t;
	return t >= 0 && t <= MST_TIME_MAX;
}

static bool check_time(struct mst_view v)
{
	mst_time t;

	return read_time(v, &t);
}

#define HEX .check = is_hex, .expects = "hex digits, two for each octet"
#define TIME .check = check_time, .expects = "a date-time of RFC 3339 like 2030-01-01T00:00:00Z"
#define TOKEN .check = mst_check_token, .expects = MST_EXPECTS_TOKEN
#define PLAIN .check = mst_text_plain, .expects = MST_EXPECTS_LABEL
/* No check: an error text repeats what it refuses. take_secret() looks at the digits. */
#define KEY_ROW(NAME, KEY, FLAGS, m, MIN, MAX, DOC) MST_ROW(NAME, KEY, STR, FLAGS, S, m, MIN, MAX, DOC)

/* --- user security settings --- */

struct sbi_ue { uint32_t has; struct mst_view id; };
struct sbi_flag { uint32_t has; int64_t flag; };
struct sbi_uss {
	uint32_t has;
	int64_t gsid, type;
	struct sbi_ue ue[MST_USS_IDS_MAX];
	struct mst_view naf_group;
	struct sbi_flag flag[MST_USS_FLAGS_MAX];
	int key_choice;
	uint16_t n_ue, n_flag;
};
enum { USS_GSID, USS_TYPE, USS_UES, USS_GROUP, USS_FLAGS, USS_CHOICE };
struct sbi_item { uint32_t has; struct sbi_uss uss; };
struct sbi_list { uint32_t has; struct sbi_item item[MST_USS_MAX]; uint16_t n; };

#define S struct sbi_ue
static const struct mst_field ue_row[] = {
	MST_ROW(UE_ID, 1, STR, MST_F_REQUIRED, S, id, 1, MST_ID_MAX - 1, "what the subscriber is called at that service", PLAIN),
};
#undef S
static const struct mst_msg ue_msg = { .what = "ueIds", .open = true, .size = sizeof(struct sbi_ue), .field = ue_row, .n = MST_COUNT(ue_row) };

#define S struct sbi_flag
static const struct mst_field flag_row[] = {
	MST_ROW(FLAG, 1, INT, MST_F_REQUIRED, S, flag, 0, UINT32_MAX, "what the subscriber may"),
};
#undef S
static const struct mst_msg flag_msg = { .what = "flags", .open = true, .size = sizeof(struct sbi_flag), .field = flag_row, .n = MST_COUNT(flag_row) };

#define S struct sbi_uss
static const struct mst_field uss_row[] = {
	MST_ROW(GS_ID, 1, INT, MST_F_REQUIRED, S, gsid, 0, UINT32_MAX, "GAA service identifier"),
	MST_ROW(GS_TYPE, 2, INT, MST_F_REQUIRED, S, type, 0, UINT32_MAX, "type of the service; 0 is none in particular"),
	MST_ROW_LIST(UE_IDS, 3, OBJECT, MST_F_REQUIRED, S, ue, n_ue, 1, MST_USS_IDS_MAX, 0, 0, "what the subscriber is called there",
		.sub = &ue_msg),
	MST_ROW(NAF_GROUP, 4, STR, 0, S, naf_group, 1, MST_ID_MAX - 1, "the NAFs that this is for", PLAIN),
	MST_ROW_LIST(FLAGS, 5, OBJECT, 0, S, flag, n_flag, 0, MST_USS_FLAGS_MAX, 0, 0, "what the subscriber may", .sub = &flag_msg),
	MST_ROW(KEY_CHOICE, 6, ENUM, 0, S, key_choice, 0, 0, "which key the service is to be given", .values = &mst_key_choice_table),
};
#undef S
static const struct mst_msg uss_msg = { .what = "uss", .open = true, .size = sizeof(struct sbi_uss), .field = uss_row, .n = MST_COUNT(uss_row) };

#define S struct sbi_item
static const struct mst_field item_row[] = {
	MST_ROW(USS, 1, OBJECT, MST_F_REQUIRED, S, uss, 0, 0, "security settings for one service", .sub = &uss_msg),
};
#undef S
static const struct mst_msg item_msg = { .what = "ussList", .open = true, .size = sizeof(struct sbi_item), .field = item_row,
					 .n = MST_COUNT(item_row) };

#define USS_LIST(KEY, FLAGS, S, m, nm) MST_ROW_LIST(USS_LIST, KEY, OBJECT, FLAGS, S, m, nm, 0, MST_USS_MAX, 0, 0, \
	"security settings, one for each service", .sub = &item_msg)

static const struct mst_field list_row[] = { USS_LIST(1, MST_F_REQUIRED, struct sbi_list, item, n) };
const struct mst_msg mst_uss_list_msg = {
	.what = "user security settings", .open = true, .size = sizeof(struct sbi_list), .field = list_row, .n = MST_COUNT(list_row),
	.doc = "What a service is told of a subscriber.",
};

struct sbi_bsf_info { uint32_t has; int type; int64_t lifetime; };
enum { BSF_TYPE, BSF_LIFETIME };
struct sbi_guss { uint32_t has; struct sbi_bsf_info bsf; struct sbi_item item[MST_USS_MAX]; uint16_t n; };
enum { GUSS_BSF, GUSS_LIST };
struct sbi_sdm { uint32_t has; struct sbi_guss guss; };

static const struct mst_enum_value uicc_value[] = { { "GBA", 0 }, { "GBA_U", 1 } };
static const struct mst_enum_table uicc_table = { "type of card", uicc_value, MST_COUNT(uicc_value) };

#define S struct sbi_bsf_info
static const struct mst_field bsf_row[] = {
	MST_ROW(UICC_TYPE, 1, ENUM, 0, S, type, 0, 0, "whether the card makes the keys itself", .values = &uicc_table),
	MST_ROW(LIFE_TIME, 2, INT, 0, S, lifetime, 0, UINT32_MAX, "seconds that a bootstrapped key is good for"),
};
#undef S
static const struct mst_msg bsf_msg = { .what = "bsfInfo", .open = true, .size = sizeof(struct sbi_bsf_info), .field = bsf_row,
					.n = MST_COUNT(bsf_row) };

#define S struct sbi_guss
static const struct mst_field guss_row[] = {
	MST_ROW(BSF_INFO, 1, OBJECT, 0, S, bsf, 0, 0, "for the BSF itself", .sub = &bsf_msg),
	USS_LIST(2, 0, S, item, n),
};
#undef S
static const struct mst_msg guss_msg = { .what = "guss", .open = true, .size = sizeof(struct sbi_guss), .field = guss_row,
					 .n = MST_COUNT(guss_row) };

#define S struct sbi_sdm
static const struct mst_field sdm_row[] = {
	MST_ROW(GUSS, 1, OBJECT, MST_F_REQUIRED, S, guss, 0, 0, "GBA user security settings", .sub = &guss_msg),
};
#undef S
const struct mst_msg mst_sdm_answer_msg = {
	.what = "subscriber data", .open = true, .size = sizeof(struct sbi_sdm), .field = sdm_row, .n = MST_COUNT(sdm_row),
	.doc = "What the HSS says of a subscriber.",
};

/* --- Zn --- */

struct sbi_naf { uint32_t has; struct mst_view fqdn, ua; };
struct sbi_zn_ask { uint32_t has; struct mst_view btid; struct sbi_naf naf; bool aware; int64_t gsid[MST_SBI_GSIDS_MAX]; uint16_t n; };
enum { ZNQ_BTID, ZNQ_NAF, ZNQ_AWARE, ZNQ_GSIDS };
struct sbi_zn_answer {
	uint32_t has;
	struct mst_view me, uicc, expiry, created;
	struct sbi_item item[MST_USS_MAX];
	uint16_t n;
	int type;
	struct mst_view impi;
};
enum { ZNA_ME, ZNA_UICC, ZNA_EXPIRY, ZNA_CREATED, ZNA_LIST, ZNA_TYPE, ZNA_IMPI };

#define S struct sbi_naf
static const struct mst_field naf_row[] = {
	MST_ROW(NAF_FQDN, 1, STR, MST_F_REQUIRED, S, fqdn, 1, MST_ID_MAX - 1, "FQDN of the NAF", .check = mst_check_fqdn, .expects = MST_EXPECTS_FQDN),
	MST_ROW(UA_SEC_PROT_ID, 2, STR, MST_F_REQUIRED, S, ua, 10, 10, "Ua security protocol identifier (TS 33.220 annex H)", HEX),
};
#undef S
static const struct mst_msg naf_msg = { .what = "nafId", .open = true, .size = sizeof(struct sbi_naf), .field = naf_row, .n = MST_COUNT(naf_row) };

#define S struct sbi_zn_ask
static const struct mst_field zn_ask_row[] = {
	MST_ROW(BT_ID, 1, STR, MST_F_REQUIRED, S, btid, 1, MST_ID_MAX - 1, "B-TID, as the UE has it", TOKEN),
	MST_ROW(NAF_ID, 2, OBJECT, MST_F_REQUIRED, S, naf, 0, 0, "who asks, and for which protocol", .sub = &naf_msg),
	MST_ROW(GBA_U_AWARE, 3, BOOL, 0, S, aware, 0, 0, "the NAF can use Ks_int_NAF"),
	MST_ROW_LIST(GS_IDS, 4, INT, 0, S, gsid, n, 1, MST_SBI_GSIDS_MAX, 0, UINT32_MAX, "services whose security settings are wanted"),
};
#undef S
const struct mst_msg mst_zn_ask_msg = {
	.what = "bootstrapping info request", .open = true, .size = sizeof(struct sbi_zn_ask), .field = zn_ask_row, .n = MST_COUNT(zn_ask_row),
	.doc = "A NAF asks the BSF for its key.",
};

static const struct mst_enum_value type_value[] = { { "3G_GBA", MST_GBA_3G }, { "2G_GBA", MST_GBA_2G }, { "GBA_DIGEST", MST_GBA_DIGEST } };
static const struct mst_enum_table type_table = { "type of GBA", type_value, MST_COUNT(type_value) };

#define S struct sbi_zn_answer
static const struct mst_field zn_answer_row[] = {
	KEY_ROW(ME_KEY_MATERIAL, 1, MST_F_REQUIRED, me, 64, 64, "Ks_NAF or Ks_ext_NAF"),
	KEY_ROW(UICC_KEY_MATERIAL, 2, 0, uicc, 64, 64, "Ks_int_NAF"),
	MST_ROW(KEY_EXPIRY_TIME, 3, STR, 0, S, expiry, 1, 40, "until when the key is good", TIME),
	MST_ROW(BOOTSTRAPPING_INFO_CREATION_TIME, 4, STR, 0, S, created, 1, 40, "when the subscriber bootstrapped", TIME),
	USS_LIST(5, 0, S, item, n),
	MST_ROW(GBA_TYPE, 6, ENUM, 0, S, type, 0, 0, "how the subscriber bootstrapped", .values = &type_table),
	MST_ROW(IMPI, 7, STR, 0, S, impi, 1, MST_ID_MAX - 1, "private identity of the subscriber", TOKEN),
};
#undef S
const struct mst_msg mst_zn_answer_msg = {
	.what = "bootstrapping info", .open = true, .size = sizeof(struct sbi_zn_answer), .field = zn_answer_row, .n = MST_COUNT(zn_answer_row),
	.doc = "The key of one NAF for one subscriber.",
};

/* --- Zh --- */

struct sbi_resync { uint32_t has; struct mst_view rnd, auts; };
struct sbi_zh_ask { uint32_t has; int scheme; struct sbi_resync resync; };
enum { ZHQ_SCHEME, ZHQ_RESYNC };
struct sbi_av { uint32_t has; struct mst_view rnd, xres, autn, ck, ik; };
struct sbi_zh_answer { uint32_t has; struct sbi_av av; struct mst_view impi; };
enum { ZHA_AV, ZHA_IMPI };

#define S struct sbi_resync
static const struct mst_field resync_row[] = {
	MST_ROW(RAND, 1, STR, MST_F_REQUIRED, S, rnd, 32, 32, "RAND that the card has answered", HEX),
	MST_ROW(AUTS, 2, STR, MST_F_REQUIRED, S, auts, 28, 28, "AUTS that it gave", HEX),
};
#undef S
static const struct mst_msg resync_msg = { .what = "resynchronizationInfo", .open = true, .size = sizeof(struct sbi_resync),
					   .field = resync_row, .n = MST_COUNT(resync_row) };

static const struct mst_enum_value scheme_value[] = { { "DIGEST_AKAV1_MD5", 1 } };
static const struct mst_enum_table scheme_table = { "scheme", scheme_value, MST_COUNT(scheme_value) };

#define S struct sbi_zh_ask
#define RESYNC MST_ROW(RESYNCHRONIZATION_INFO, 2, OBJECT, 0, S, resync, 0, 0, "the card's sequence number is another", .sub = &resync_msg)
static const struct mst_field zh_ask_row[] = {
	MST_ROW(AUTHENTICATION_SCHEME, 1, ENUM, MST_F_REQUIRED, S, scheme, 0, 0, "what the vector is for", .values = &scheme_table), RESYNC,
};
static const struct mst_field udm_ask_row[] = {
	MST_ROW(AUTH_TYPE, 1, ENUM, MST_F_REQUIRED, S, scheme, 0, 0, "what the vector is for", .values = &scheme_table), RESYNC,
};
#undef S
const struct mst_msg mst_zh_ask_msg = {
	.what = "request of a vector", .open = true, .size = sizeof(struct sbi_zh_ask), .field = zh_ask_row, .n = MST_COUNT(zh_ask_row),
	.doc = "A BSF asks the HSS for an authentication vector.",
};
const struct mst_msg mst_udm_ask_msg = {
	.what = "request of a vector", .open = true, .size = sizeof(struct sbi_zh_ask), .field = udm_ask_row, .n = MST_COUNT(udm_ask_row),
	.doc = "A BSF asks the UDM for an authentication vector.",
};

#define S struct sbi_av
static const struct mst_field av_row[] = {
	MST_ROW(RAND, 1, STR, MST_F_REQUIRED, S, rnd, 32, 32, "challenge", HEX),
	KEY_ROW(XRES, 2, MST_F_REQUIRED, xres, 8, 32, "the right answer"),
	MST_ROW(AUTN, 3, STR, MST_F_REQUIRED, S, autn, 32, 32, "the network's proof", HEX),
	KEY_ROW(CK, 4, MST_F_REQUIRED, ck, 32, 32, "cipher key"),
	KEY_ROW(IK, 5, MST_F_REQUIRED, ik, 32, 32, "integrity key"),
};
#undef S
static const struct mst_msg av_msg = { .what = "3gAkaAv", .open = true, .size = sizeof(struct sbi_av), .field = av_row, .n = MST_COUNT(av_row) };

#define S struct sbi_zh_answer
static const struct mst_field zh_answer_row[] = {
	MST_ROW(AKA_AV_3G, 1, OBJECT, MST_F_REQUIRED, S, av, 0, 0, "authentication vector", .sub = &av_msg),
	MST_ROW(IMPI, 2, STR, 0, S, impi, 1, MST_ID_MAX - 1, "private identity of the subscriber", TOKEN),
};
#undef S
const struct mst_msg mst_zh_answer_msg = {
	.what = "vector", .open = true, .size = sizeof(struct sbi_zh_answer), .field = zh_answer_row, .n = MST_COUNT(zh_answer_row),
	.doc = "One authentication vector.",
};
const struct mst_msg mst_udm_answer_msg = {
	.what = "vector", .open = true, .size = sizeof(struct sbi_zh_answer), .field = zh_answer_row, .n = MST_COUNT(zh_answer_row) - 1,
	.doc = "One authentication vector.",
};

/* --- hex --- */

static void unhex(struct mst_view text, uint8_t *out, size_t n)
{
	size_t got;

	if (!mst_hex_decode(text, out, n, &got) || got != n)
		memset(out, 0, n);               /* the table has looked at length and digits */
}

static struct mst_view hex_of(const uint8_t *p, size_t n, uint8_t *room)
{
	struct mst_writer w = mst_writer_of(room, 2 * n);

	mst_put_hex_lower(&w, (struct mst_view){ p, n });
	return mst_written(&w);
}

/* Behind what stands in *k. */
static int take_secret(struct mst_view text, const char *field, struct mst_key *k, struct mst_diag *d)
{
	size_t n;

	if (mst_hex_decode(text, k->b + k->n, sizeof(k->b) - k->n, &n)) {
		k->n += n;
		return 0;
	}
	mst_key_wipe(k);
	mst_diag_set(d, 0, field, "not hex digits, two for each octet (they are not repeated here)", NULL);
	return MST_MSG_INVALID;
}

void mst_sbi_fill(struct mst_view content, const struct mst_sbi_hole *h, size_t n, struct mst_view secret, struct mst_writer *w)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t room[2 * 256];

		if (h[i].at < at || h[i].at > content.n || (size_t)h[i].from + h[i].n > secret.n) {
			w->ok = false;
			return;
		}
		mst_put(w, mst_view_sub(content, at, h[i].at - at));
		mst_put(w, hex_of(secret.p + h[i].from, h[i].n, room));
		mst_wipe(room, sizeof(room));
		at = h[i].at;
	}
	mst_put(w, mst_view_sub(content, at, content.n));
}

/* Where the text of an empty member ends: a name in quotes with a colon behind it cannot stand within a text. */
static void put_hole(const struct mst_writer *w, size_t start, enum mst_name name, size_t from, size_t n, struct mst_sbi_hole *h)
{
	char want[40];
	struct mst_writer x = mst_writer_of(want, sizeof(want));
	struct mst_view text = mst_written(w);

	mst_put_u8(&x, '"');
	mst_put_str(&x, mst_name(name, MST_PROFILE_LONG));
	mst_put_str(&x, "\":\"");
	for (size_t i = start; i + x.n <= text.n; i++)
		if (!memcmp(text.p + i, want, x.n))
			*h = (struct mst_sbi_hole){ (uint32_t)(i + x.n), (uint8_t)from, (uint8_t)n };
}

/* --- lists of settings --- */

static void uss_in(const struct sbi_uss *s, struct mst_uss *u)
{
	*u = (struct mst_uss){ .gsid = (uint32_t)s->gsid, .type = (uint32_t)s->type, .naf_group = s->naf_group, .n_ids = s->n_ue,
			       .n_flags = s->n_flag, .key_choice = (enum mst_key_choice)s->key_choice };
	for (size_t i = 0; i < s->n_ue; i++)
		u->id[i] = s->ue[i].id;
	for (size_t i = 0; i < s->n_flag; i++)
		u->flag[i] = (uint32_t)s->flag[i].flag;
}

static void uss_out(const struct mst_uss *u, struct sbi_uss *s)
{
	*s = (struct sbi_uss){ .has = 1u << USS_GSID | 1u << USS_TYPE | 1u << USS_UES, .gsid = u->gsid, .type = u->type,
			       .naf_group = u->naf_group, .n_ue = (uint16_t)u->n_ids, .n_flag = (uint16_t)u->n_flags, .key_choice = (int)u->key_choice };
	s->has |= (uint32_t)(u->naf_group.n != 0) << USS_GROUP | (uint32_t)(u->n_flags != 0) << USS_FLAGS |
		  (uint32_t)(u->key_choice != MST_KEY_CHOICE_NONE) << USS_CHOICE;
	for (size_t i = 0; i < u->n_ids && i < MST_USS_IDS_MAX; i++)
		s->ue[i] = (struct sbi_ue){ 1, u->id[i] };
	for (size_t i = 0; i < u->n_flags && i < MST_USS_FLAGS_MAX; i++)
		s->flag[i] = (struct sbi_flag){ 1, u->flag[i] };
}

static void list_in(const struct sbi_item *item, size_t n, struct mst_guss *g)
{
	g->n = n;
	for (size_t i = 0; i < n; i++)
		uss_in(&item[i].uss, &g->uss[i]);
}

static uint16_t list_out(const struct mst_guss *g, struct sbi_item item[MST_USS_MAX])
{
	for (size_t i = 0; i < g->n && i < MST_USS_MAX; i++) {
		item[i].has = 1;
		uss_out(&g->uss[i], &item[i].uss);
	}
	return (uint16_t)g->n;
}

int mst_uss_list_read_json(struct mst_view in, struct mst_arena *a, struct mst_guss *ret, struct mst_diag *d)
{
	struct sbi_list l;
	int o = mst_msg_read_json(&mst_uss_list_msg, MST_PROFILE_LONG, in, a, &l, d);

	memset(ret, 0, sizeof(*ret));
	if (!o)
		list_in(l.item, l.n, ret);
	return o;
}

void mst_uss_list_write_json(const struct mst_guss *g, struct mst_writer *w)
{
	struct sbi_list l = { .has = 1 };

	l.n = list_out(g, l.item);
	mst_msg_write_json(&mst_uss_list_msg, MST_PROFILE_LONG, &l, w);
}

int mst_guss_read_json(struct mst_view in, struct mst_arena *a, struct mst_guss *ret, struct mst_diag *d)
{
	struct sbi_sdm m;
	int o = mst_msg_read_json(&mst_sdm_answer_msg, MST_PROFILE_LONG, in, a, &m, d);

	memset(ret, 0, sizeof(*ret));
	if (o)
		return o;
	ret->in_card = m.guss.bsf.type == 1;
	ret->lifetime = m.guss.bsf.lifetime;
	list_in(m.guss.item, m.guss.n, ret);
	return 0;
}

void mst_guss_write_json(const struct mst_guss *g, struct mst_writer *w)
{
	struct sbi_sdm m = { .has = 1 };

	m.guss.has = 1u << GUSS_BSF | 1u << GUSS_LIST;
	m.guss.bsf = (struct sbi_bsf_info){ 1u << BSF_TYPE | (uint32_t)(g->lifetime != 0) << BSF_LIFETIME, g->in_card, g->lifetime };
	m.guss.n = list_out(g, m.guss.item);
	if (g->lifetime < 0 || g->lifetime > UINT32_MAX)
		w->ok = false;
	mst_msg_write_json(&mst_sdm_answer_msg, MST_PROFILE_LONG, &m, w);
}

/* --- Zn --- */

int mst_zn_ask_read(struct mst_view in, struct mst_arena *a, struct mst_zn_ask *ret, struct mst_diag *d)
{
	struct sbi_zn_ask m;
	int o = mst_msg_read_json(&mst_zn_ask_msg, MST_PROFILE_LONG, in, a, &m, d);

	memset(ret, 0, sizeof(*ret));
	if (o)
		return o;
	ret->btid = m.btid;
	ret->naf_fqdn = m.naf.fqdn;
	unhex(m.naf.ua, ret->ua, sizeof(ret->ua));
	ret->in_card_aware = m.aware;
	ret->n_gsids = m.n;
	for (size_t i = 0; i < m.n; i++)
		ret->gsid[i] = (uint32_t)m.gsid[i];
	return 0;
}

void mst_zn_ask_write(const struct mst_zn_ask *m, struct mst_writer *w)
{
	uint8_t room[2 * MST_SBI_UA];
	struct sbi_zn_ask s = { .has = 1u << ZNQ_BTID | 1u << ZNQ_NAF | (uint32_t)m->in_card_aware << ZNQ_AWARE | (uint32_t)(m->n_gsids != 0) << ZNQ_GSIDS,
				.btid = m->btid, .naf = { 3, m->naf_fqdn, hex_of(m->ua, sizeof(m->ua), room) }, .aware = m->in_card_aware,
				.n = (uint16_t)m->n_gsids };

	for (size_t i = 0; i < m->n_gsids && i < MST_SBI_GSIDS_MAX; i++)
		s.gsid[i] = m->gsid[i];
	mst_msg_write_json(&mst_zn_ask_msg, MST_PROFILE_LONG, &s, w);
}

int mst_zn_answer_read(struct mst_view in, struct mst_arena *a, struct mst_zn_answer *ret, struct mst_guss *ret_uss,
		       struct mst_key *ret_secret, struct mst_diag *d)
{
	struct sbi_zn_answer m;
	int o = mst_msg_read_json(&mst_zn_answer_msg, MST_PROFILE_LONG, in, a, &m, d);

	memset(ret, 0, sizeof(*ret));
	memset(ret_uss, 0, sizeof(*ret_uss));
	memset(ret_secret, 0, sizeof(*ret_secret));
	if (!o)
		o = take_secret(m.me, mst_name(MST_N_ME_KEY_MATERIAL, MST_PROFILE_LONG), ret_secret, d);
	if (!o && m.uicc.n)
		o = take_secret(m.uicc, mst_name(MST_N_UICC_KEY_MATERIAL, MST_PROFILE_LONG), ret_secret, d);
	if (o)
		return o;
	ret->has_int = m.uicc.n != 0;
	ret->has_expiry = read_time(m.expiry, &ret->expiry);
	ret->has_created = read_time(m.created, &ret->created);
	ret->type = (enum mst_gba_type)m.type;
	ret->impi = m.impi;
	list_in(m.item, m.n, ret_uss);
	ret->uss = ret_uss;
	return 0;
}

static struct mst_view time_text(mst_time t, uint8_t room[40], struct mst_writer *w)
{
	struct mst_writer x = mst_writer_of(room, 40);

	mst_put_datetime(&x, t);
	w->ok = w->ok && x.ok;
	return mst_written(&x);
}

size_t mst_zn_answer_write(const struct mst_zn_answer *m, struct mst_writer *w, struct mst_sbi_hole hole[MST_SBI_HOLES])
{
	uint8_t expiry[40], created[40];
	size_t start = w->n;
	struct sbi_zn_answer s = { .has = 1u << ZNA_ME | (uint32_t)m->has_int << ZNA_UICC | (uint32_t)m->has_expiry << ZNA_EXPIRY |
					  (uint32_t)m->has_created << ZNA_CREATED | (uint32_t)(m->uss && m->uss->n) << ZNA_LIST |
					  (uint32_t)(m->type != 0) << ZNA_TYPE | (uint32_t)(m->impi.n != 0) << ZNA_IMPI,
				   .type = (int)m->type, .impi = m->impi };

	if (m->has_expiry)
		s.expiry = time_text(m->expiry, expiry, w);
	if (m->has_created)
		s.created = time_text(m->created, created, w);
	if (m->uss)
		s.n = list_out(m->uss, s.item);
	mst_msg_write_json(&mst_zn_answer_msg, MST_PROFILE_LONG, &s, w);
	put_hole(w, start, MST_N_ME_KEY_MATERIAL, 0, 32, &hole[0]);
	if (m->has_int)
		put_hole(w, start, MST_N_UICC_KEY_MATERIAL, 32, 32, &hole[1]);
	return m->has_int ? 2 : 1;
}

/* --- Zh --- */

static const struct mst_msg *zh_ask_of(enum mst_sbi_call c)
{
	return c == MST_SBI_UDM_AV ? &mst_udm_ask_msg : &mst_zh_ask_msg;
}

static const struct mst_msg *zh_answer_of(enum mst_sbi_call c)
{
	return c == MST_SBI_UDM_AV ? &mst_udm_answer_msg : &mst_zh_answer_msg;
}

int mst_zh_ask_read(enum mst_sbi_call call, struct mst_view in, struct mst_arena *a, struct mst_zh_ask *ret, struct mst_diag *d)
{
	struct sbi_zh_ask m;
	int o = mst_msg_read_json(zh_ask_of(call), MST_PROFILE_LONG, in, a, &m, d);

	memset(ret, 0, sizeof(*ret));
	if (o)
		return o;
	ret->resync = m.has >> ZHQ_RESYNC & 1;
	if (ret->resync) {
		unhex(m.resync.rnd, ret->rnd, sizeof(ret->rnd));
		unhex(m.resync.auts, ret->auts, sizeof(ret->auts));
	}
	return 0;
}

void mst_zh_ask_write(enum mst_sbi_call call, const struct mst_zh_ask *m, struct mst_writer *w)
{
	uint8_t rnd[2 * MST_SBI_RAND], auts[2 * MST_SBI_AUTS];
	struct sbi_zh_ask s = { .has = 1u << ZHQ_SCHEME | (uint32_t)m->resync << ZHQ_RESYNC, .scheme = 1,
				.resync = { 3, hex_of(m->rnd, sizeof(m->rnd), rnd), hex_of(m->auts, sizeof(m->auts), auts) } };

	mst_msg_write_json(zh_ask_of(call), MST_PROFILE_LONG, &s, w);
}

int mst_zh_answer_read(enum mst_sbi_call call, struct mst_view in, struct mst_arena *a, struct mst_zh_answer *ret,
		       struct mst_key *ret_secret, struct mst_diag *d)
{
	struct sbi_zh_answer m;
	int o = mst_msg_read_json(zh_answer_of(call), MST_PROFILE_LONG, in, a, &m, d);

	memset(ret, 0, sizeof(*ret));
	memset(ret_secret, 0, sizeof(*ret_secret));
	if (!o)
		o = take_secret(m.av.xres, "3gAkaAv.xres", ret_secret, d);
	ret->xres_n = (uint8_t)ret_secret->n;
	if (!o)
		o = take_secret(m.av.ck, "3gAkaAv.ck", ret_secret, d);
	if (!o)
		o = take_secret(m.av.ik, "3gAkaAv.ik", ret_secret, d);
	if (o) {
		memset(ret, 0, sizeof(*ret));
		return o;
	}
	ret->impi = m.impi;
	unhex(m.av.rnd, ret->rnd, sizeof(ret->rnd));
	unhex(m.av.autn, ret->autn, sizeof(ret->autn));
	return 0;
}

size_t mst_zh_answer_write(enum mst_sbi_call call, const struct mst_zh_answer *m, struct mst_writer *w, struct mst_sbi_hole hole[MST_SBI_HOLES])
{
	uint8_t rnd[2 * MST_SBI_RAND], autn[2 * MST_SBI_RAND];
	size_t start = w->n;
	struct sbi_zh_answer s = { .has = 1u << ZHA_AV | (uint32_t)(m->impi.n && call != MST_SBI_UDM_AV) << ZHA_IMPI, .impi = m->impi,
				   .av = { .has = 31, .rnd = hex_of(m->rnd, sizeof(m->rnd), rnd),
					   .autn = hex_of(m->autn, sizeof(m->autn), autn) } };

	mst_msg_write_json(zh_answer_of(call), MST_PROFILE_LONG, &s, w);
	put_hole(w, start, MST_N_XRES, 0, m->xres_n, &hole[0]);
	put_hole(w, start, MST_N_CK, m->xres_n, 16, &hole[1]);
	put_hole(w, start, MST_N_IK, (size_t)m->xres_n + 16, 16, &hole[2]);
	return 3;
}
