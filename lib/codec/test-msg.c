/* Properties of every table: both encodings say the same, and strangers read what we write. */
#include "tests/support/cm.h"

#include <cbor.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "codec/briefing.h"
#include "codec/cbor.h"
#include "codec/checks.h"
#include "codec/instr.h"
#include "codec/resources.h"

static const struct mst_msg *const table[] = {
	&mst_sequence_msg, &mst_mef_client_reg_msg, &mst_maf_client_reg_msg, &mst_key_reg_msg,
		&mst_fetched_msg,
	&mst_client_cmd_msg, &mst_mef_client_cfg_msg, &mst_maf_client_cfg_msg, &mst_location_msg, &mst_brief_ask_msg,
	&mst_brief_answer_msg, &mst_brief_refusal_msg, &mst_brief_report_msg,
};

/* Room for any message of the tables, aligned for all of them. */
union any {
	struct mst_sequence s;
	struct mst_client_reg r;
	struct mst_key_reg k;
	struct mst_fetched f;
	struct mst_client_cmd c;
	struct mst_client_cfg g;
	struct mst_brief_ask a;
	struct mst_brief_answer w;
	struct mst_brief_refusal x;
	struct mst_brief_report p;
};

#define ROOM 65536
static uint8_t pool[ROOM * 2], arena_octets[2][ROOM], text[3][ROOM];
static size_t pool_used;
static uint64_t seed;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static uint8_t *octets(size_t n)
{
	uint8_t *p = pool + pool_used;

	assert_true(pool_used + n <= sizeof(pool));
	pool_used += n;
	return p;
}

static const char *const sample[] = {
	"maf.example.com", "00112233445566778899aabbccddeeff", "0.2.481.1.100", "262011234567890", "262-01-4711-99", "https",
		"//sp.example.com/CSE1", "//sp.example.com/S1", "urn:dev:ops:1",
		"AB@maf.example.com", "AB_c.9-",
	"https://a.example.com:1/x", "ni:///sha-256-120;f4OxZX_x_FO5LcGBSKHW", "K\xc3\xb6ln \"7\" \\ /",
		"\xf0\x9f\x98\x80", "x",
};

static struct mst_view draw_text(const struct mst_field *f)
{
	static const char letter[] = "aB9-._~ \"\\/\n\x01\x7f{}[]:,'<&";

	for (unsigned attempt = 0;; attempt++) {
		struct mst_view v = mst_view_str(sample[draw(MST_COUNT(sample))]);

		assert_true(attempt < 1000);
		if (draw(2)) {
			size_t n = (size_t)(f->min + (int64_t)draw((uint64_t)(f->max - f->min + 1)));
			uint8_t *p = octets(n > 80 ? n = 80 : n);

			for (size_t i = 0; i < n; i++)
				p[i] = (uint8_t)letter[draw(sizeof(letter) - 1)];
			v = (struct mst_view){ p, n };
		}
		if ((int64_t)v.n >= f->min && (int64_t)v.n <= f->max && (!f->check || f->check(v)))
			return v;
	}
}

static struct mst_view draw_octets(const struct mst_field *f)
{
	size_t n = (size_t)f->min + draw((uint64_t)(f->max - f->min + 1));
	uint8_t *p = octets(n > 100 ? n = 100 : n);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)draw(256);
	if (f->check) {                 /* the only check of octets: DER */
		p[0] = 0x30;
		p[1] = (uint8_t)(n - 2);
	}
	return (struct mst_view){ p, n };
}

static void draw_msg(const struct mst_msg *m, uint8_t *out);

static void draw_value(const struct mst_field *f, uint8_t *slot)
{
	switch (f->type) {
	case MST_T_STR: *(struct mst_view *)(void *)slot = draw_text(f); break;
	case MST_T_BYTES: case MST_T_SECRET: *(struct mst_view *)(void *)slot = draw_octets(f); break;
	case MST_T_INT: *(int64_t *)(void *)slot = f->min + (int64_t)draw((uint64_t)(f->max - f->min + 1)); break;
	case MST_T_TIME: *(int64_t *)(void *)slot = (int64_t)draw(draw(2) ? 4102444800 : MST_TIME_MAX + 1); break;
	case MST_T_DURATION: *(int64_t *)(void *)slot = (int64_t)draw(draw(2) ? 100000 : 1000000000); break;
	case MST_T_BOOL: *(bool *)slot = draw(2); break;
	case MST_T_ENUM: *(int *)(void *)slot = f->values->v[draw(f->values->n)].value; break;
	case MST_T_OBJECT: draw_msg(f->sub, slot); break;
	}
}

static void draw_msg(const struct mst_msg *m, uint8_t *out)
{
	uint32_t has = 0;

	memset(out, 0, m->size);
	for (size_t i = 0; i < m->n; i++) {
		const struct mst_field *f = &m->field[i];
		uint16_t n = 1;

		if (!(f->flags & MST_F_REQUIRED) && draw(3) == 0)
			continue;
		has |= UINT32_C(1) << i;
		if (f->flags & MST_F_LIST) {
			n = (uint16_t)(f->list_min + draw((uint64_t)f->list_max - f->list_min + 1u));
			memcpy(out + f->count, &n, sizeof(n));
		}
		for (size_t e = 0; e < n; e++)
			draw_value(f, out + f->offset + e * f->stride);
	}
	memcpy(out, &has, sizeof(has));
}

static bool same_msg(const struct mst_msg *m, const uint8_t *a, const uint8_t *b);

static bool same_value(const struct mst_field *f, const uint8_t *a, const uint8_t *b)
{
	switch (f->type) {
	case MST_T_STR: case MST_T_BYTES: case MST_T_SECRET:
		return mst_view_eq(*(const struct mst_view *)(const void *)a,
		                   *(const struct mst_view *)(const void *)b);
	case MST_T_INT: case MST_T_TIME: case MST_T_DURATION: return memcmp(a, b, sizeof(int64_t)) == 0;
	case MST_T_BOOL: return *(const bool *)a == *(const bool *)b;
	case MST_T_ENUM: return memcmp(a, b, sizeof(int)) == 0;
	case MST_T_OBJECT: return same_msg(f->sub, a, b);
	}
	return false;
}

static bool same_msg(const struct mst_msg *m, const uint8_t *a, const uint8_t *b)
{
	uint32_t has;

	memcpy(&has, a, sizeof(has));
	if (memcmp(a, b, sizeof(has)) != 0)
		return false;
	for (size_t i = 0; i < m->n; i++) {
		const struct mst_field *f = &m->field[i];
		uint16_t n = 1;

		if (!(has >> i & 1))
			continue;
		if (f->flags & MST_F_LIST) {
			memcpy(&n, a + f->count, sizeof(n));
			if (memcmp(&n, b + f->count, sizeof(n)) != 0)
				return false;
		}
		for (size_t e = 0; e < n; e++)
			if (!same_value(f, a + f->offset + e * f->stride, b + f->offset + e * f->stride))
				return false;
	}
	return true;
}

/* libcbor reads it whole and, writing it again, makes the same octets. */
static void libcbor_agrees(struct mst_view v)
{
	struct cbor_load_result r;
	cbor_item_t *item = cbor_load(v.p, v.n, &r);
	unsigned char *again = NULL;
	size_t room, n;

	assert_non_null(item);
	assert_int_equal(r.error.code, CBOR_ERR_NONE);
	assert_int_equal(r.read, v.n);
	n = cbor_serialize_alloc(item, &again, &room);
	assert_int_equal(n, v.n);
	assert_memory_equal(again, v.p, n);
	free(again);
	cbor_decref(&item);
}

static void jansson_agrees(struct mst_view v)
{
	json_error_t e;
	json_t *j = json_loadb((const char *)v.p, v.n, JSON_REJECT_DUPLICATES, &e);

	if (!j)
		fail_msg("jansson: %s", e.text);
	json_decref(j);
}

static void one_round_trip(const struct mst_msg *m, enum mst_profile p)
{
	static union any drawn, from_json, from_cbor;
	struct mst_writer json = mst_writer_of(text[0], ROOM), cbor = mst_writer_of(text[1], ROOM),
		again = mst_writer_of(text[2], ROOM);
	struct mst_arena a = mst_arena_of(arena_octets[0], ROOM), b = mst_arena_of(arena_octets[1], ROOM);
	struct mst_diag d = { 0 };

	pool_used = 0;
	draw_msg(m, (uint8_t *)&drawn);
	mst_msg_write_json(m, p, &drawn, &json);
	mst_msg_write_cbor(m, &drawn, &cbor);
	assert_true(json.ok && cbor.ok);
	if (mst_msg_read_json(m, p, mst_written(&json), &a, &from_json, &d))
		fail_msg("%s: %s: %s in %.*s", m->what, d.field, d.text, (int)json.n, (char *)text[0]);
	if (mst_msg_read_cbor(m, mst_written(&cbor), &b, &from_cbor, &d))
		fail_msg("%s: %s: %s", m->what, d.field, d.text);
	assert_true(a.n <= json.n && b.n == 0);
	assert_true(same_msg(m, (uint8_t *)&drawn, (uint8_t *)&from_json));
	assert_true(same_msg(m, (uint8_t *)&drawn, (uint8_t *)&from_cbor));
	mst_msg_write_json(m, p, &from_cbor, &again);
	assert_true(mst_view_eq(mst_written(&again), mst_written(&json)));
	again.n = 0;
	mst_msg_write_cbor(m, &from_json, &again);
	assert_true(mst_view_eq(mst_written(&again), mst_written(&cbor)));
	libcbor_agrees(mst_written(&cbor));
	jansson_agrees(mst_written(&json));
}

static void json_and_cbor_say_the_same(void **state)
{
	const char *given = getenv("MST_SEED");

	(void)state;
	seed = given ? strtoull(given, NULL, 0) : 0x6d75737465720001;
	print_message("# seed 0x%llx (MST_SEED)\n", (unsigned long long)seed);
	for (unsigned round = 0; round < 300; round++)
		for (size_t t = 0; t < MST_COUNT(table); t++)
			one_round_trip(table[t], round % 2 ? MST_PROFILE_LONG : MST_PROFILE_TS0032);
}

/* No strict prefix of a message is a message, and none leaves anything in the struct. */
static void every_prefix_is_refused(void **state)
{
	static const union any zero;
	static union any drawn, got;

	(void)state;
	seed = 7;
	for (size_t t = 0; t < MST_COUNT(table); t++) {
		const struct mst_msg *m = table[t];
		struct mst_writer json = mst_writer_of(text[0], 2000), cbor = mst_writer_of(text[1], 2000);

		do {                    /* a small one, and not an empty one */
			pool_used = 0;
			json = mst_writer_of(text[0], 2000);
			cbor = mst_writer_of(text[1], 2000);
			draw_msg(m, (uint8_t *)&drawn);
			mst_msg_write_json(m, MST_PROFILE_LONG, &drawn, &json);
			mst_msg_write_cbor(m, &drawn, &cbor);
		} while (!json.ok || !cbor.ok || cbor.n < 20);
		for (size_t n = 0; n < json.n; n++) {
			struct mst_arena a = mst_arena_of(arena_octets[0], ROOM);

			assert_int_not_equal(mst_msg_read_json(m, MST_PROFILE_LONG,
			                                       (struct mst_view){ text[0], n }, &a, &got,
				NULL), 0);
			assert_memory_equal(&got, &zero, m->size);
		}
		for (size_t n = 0; n < cbor.n; n++) {
			struct mst_arena a = mst_arena_of(arena_octets[0], ROOM);

			assert_int_not_equal(mst_msg_read_cbor(m, (struct mst_view){ text[1], n }, &a, &got,
			                                       NULL), 0);
			assert_memory_equal(&got, &zero, m->size);
		}
	}
}

static void check_table(const struct mst_msg *m, unsigned depth)
{
	assert_true(depth <= MST_MSG_DEPTH && m->n <= MST_MSG_FIELDS_MAX && m->what);
	for (size_t i = 0; i < m->n; i++) {
		const struct mst_field *f = &m->field[i];
		size_t elements = f->flags & MST_F_LIST ? f->list_max : 1;

		assert_true(f->doc && *f->doc && f->key >= 0 && *mst_name(f->name, MST_PROFILE_LONG));
		assert_true(f->offset >= sizeof(uint32_t) && f->offset + elements * f->stride <= m->size);
		assert_true(!f->check == !f->expects);
		assert_true((f->type == MST_T_ENUM) == (f->values != NULL) &&
		            (f->type == MST_T_OBJECT) == (f->sub != NULL));
		if (f->type == MST_T_STR || f->type == MST_T_INT || f->type == MST_T_BYTES ||
		    f->type == MST_T_SECRET)
			assert_true(f->min <= f->max && f->max > 0);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(f->key, m->field[j].key);
			for (int p = 0; p < MST_PROFILE__COUNT; p++)
				assert_string_not_equal(mst_name(f->name, (enum mst_profile)p),
				                        mst_name(m->field[j].name, (enum mst_profile)p));
		}
		if (f->sub)
			check_table(f->sub, depth + 1 + !!(f->flags & MST_F_LIST));
	}
}

static void tables_are_sound(void **state)
{
	(void)state;
	for (size_t t = 0; t < MST_COUNT(table); t++) {
		assert_true(table[t]->size <= sizeof(union any));
		check_table(table[t], 1 + (table[t]->root != MST_N_NONE));
	}
	/* `has` is read by row number: the enumerations must follow the tables */
	assert_int_equal(mst_mef_client_reg_msg.field[MST_CR_CH].name, MST_N_CH);
	assert_int_equal(mst_key_reg_msg.field[MST_KR_KEY].name, MST_N_KEY_VALUE);
	assert_int_equal(mst_fetched_msg.field[MST_FE_ERROR].name, MST_N_ERROR_STRING);
	assert_int_equal(mst_client_cmd_msg.field[MST_CC_STATUS].name, MST_N_CMD_STATUS_CODE);
	assert_int_equal(mst_mef_client_cfg_msg.field[MST_CF_ANCHORS].name, MST_N_ANCHORS);
	assert_int_equal(mst_sequence_msg.field[MST_SQ_INSTRUCTIONS].name, MST_N_INSTRUCTIONS);
	assert_int_equal(mst_sequence_msg.field[MST_SQ_INSTRUCTIONS].sub->field[MST_IN_LABEL].name,
	                 MST_N_LABEL);
}

static int read_as(const struct mst_msg *m, const char *json, void *ret, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(arena_octets[0], ROOM);

	return mst_msg_read_json(m, MST_PROFILE_LONG, mst_view_str(json), &a, ret, d);
}

/* spec 4.5, as printed there */
static void resources_of_the_spec_sheet(void **state)
{
	static union any got;
	struct mst_diag d;

	(void)state;
	assert_int_equal(read_as(&mst_mef_client_reg_msg,
		"{\"sec:mefClientReg\":{\"ty\":65001,\"ri\":\"reg-0007\",\"rn\":\"reg-0007\",\"pi\":\"MEFBase\",\n"
		" \"ct\":\"20260101T120000\",\"lt\":\"20260101T120000\",\"et\":\"20261231T000000\",\"lbl\":[\"site:7\"],\n"
		" \"adminFQDN\":\"sp.example.com\",\"clientID\":\"//sp.example.com/CSE0001\",\n"
		" \"ch\":[{\"nm\":\"cmd\",\"typ\":65004,\"val\":\"/MEFBase/reg-0007/cmd\"}]}}", &got, &d), 0);
	assert_int_equal(got.r.n_ch, 1);
	assert_true(mst_view_eq_str(got.r.ch[0].val, "/MEFBase/reg-0007/cmd"));
	assert_int_equal(got.r.et, 1798675200);
	assert_false(got.r.has >> MST_CR_KMID & 1);
	assert_int_equal(read_as(&mst_key_reg_msg,
		"{\"sec:symmKeyReg\":{\"et\":\"20260701T000000\",\"sourceClientID\":\"//sp.example.com/CSE0001\",\n"
		" \"adminFQDN\":\"sp.example.com\",\"SUID\":21,\"keyValue\":\"DhQaGtXIQHYMyN4y4YXnlPm5hIE/RuwvL9kd+DtRzzo=\"}}", &got, &d), 0);
	assert_int_equal(got.k.key_value.n, 32);
	assert_int_equal(got.k.key_value.p[0], 0x0e);
	assert_int_equal(read_as(&mst_client_cmd_msg,
		"{\"sec:mefClientCmd\":{\"cmdID\":\"c-18\",\"cmdStatusCode\":10,\"cmdDescription\":{\"cmdClassID\":0,"
		"\"cmdArgs\":{\"noMoreCmdArgs\":{\"retryDuration\":\"P1D\"}}}}}", &got, &d), 0);
	assert_int_equal(got.c.description.args.no_more.retry_duration, 86400);
	/* an unknown class keeps its unknown arguments to itself: TS-0003 8.3.9, answered with 41 */
	assert_int_equal(read_as(&mst_client_cmd_msg,
	                         "{\"sec:mefClientCmd\":{\"cmdID\":\"c\",\"cmdStatusCode\":10,"
		"\"cmdDescription\":{\"cmdClassID\":9,\"cmdArgs\":{\"x\":[{\"y\":null}]}}}}", &got, &d), 0);
	assert_int_equal(got.c.description.class_id, 9);
	assert_int_equal(read_as(&mst_fetched_msg,
	                         "{\"status\":false,\"errorString\":\"not for this target\"}", &got, &d), 0);
	assert_false(got.f.status);
}

static void refusals(void **state)
{
	static const struct { const struct mst_msg *m; const char *json; int outcome; const char *field,
		*says; } row[] = {
		{ &mst_key_reg_msg, "{}", MST_MSG_MISSING, "sec:symmKeyReg", "required" },
		{ &mst_key_reg_msg, "{\"sec:mefClientReg\":{}}", MST_MSG_UNKNOWN_FIELD, "",
		  "sec:symmKeyReg" },
		{ &mst_key_reg_msg, "{\"sec:symmKeyReg\":[]}", MST_MSG_WRONG_TYPE, "sec:symmKeyReg",
		  "an array" },
		{ &mst_key_reg_msg, "{\"sec:symmKeyReg\":{},\"sec:symmKeyReg\":{}}", MST_MSG_DUPLICATE,
		  "sec:symmKeyReg", "twice" },
		{ &mst_key_reg_msg, "{\"sec:symmKeyReg\":{},\"x\":{}}", MST_MSG_UNKNOWN_FIELD, "",
		  "only one root" },
		{ &mst_key_reg_msg, "{\"sec:symmKeyReg\":{\"SUID\":true}}", MST_MSG_WRONG_TYPE,
		  "sec:symmKeyReg.SUID", "an integer" },
		{ &mst_key_reg_msg, "{\"sec:symmKeyReg\":{\"targetIDs\":[\"a b\"]}}", MST_MSG_INVALID,
		  "sec:symmKeyReg.targetIDs[0]", "a b" },
		{ &mst_key_reg_msg, "{\"sec:symmKeyReg\":{\"keyValue\":\"QQ==\"}}", MST_MSG_OUT_OF_RANGE,
		  "sec:symmKeyReg.keyValue", "1 octets" },
		{ &mst_key_reg_msg, "{\"sec:symmKeyReg\":{\"adminFQDN\":\"\"}}", MST_MSG_OUT_OF_RANGE,
		  "sec:symmKeyReg.adminFQDN", "1..255" },
		{ &mst_client_cmd_msg,
		  "{\"sec:mefClientCmd\":{\"cmdID\":\"c\",\"cmdStatusCode\":10,\"cmdDescription\":{\"cmdClassID\":0,"
		  "\"cmdArgs\":{\"noMoreCmdArgs\":{\"retryDuration\":\"P1Y\"}}}}}", MST_MSG_INVALID,
		  "sec:mefClientCmd.cmdDescription.cmdArgs.noMoreCmdArgs.retryDuration", "P1DT2H" },
		{ &mst_client_cmd_msg,
		  "{\"sec:mefClientCmd\":{\"cmdID\":\"c\",\"cmdStatusCode\":10,\"cmdDescription\":{\"cmdClassID\":0,"
		  "\"cmdArgs\":{\"x\":[[[[[1]]]]]}}}}", MST_MSG_DEPTH_EXCEEDED,
		  "sec:mefClientCmd.cmdDescription.cmdArgs.x", "8 levels" },
		{ &mst_fetched_msg, "{\"status\":\"true\"}", MST_MSG_WRONG_TYPE, "status",
		  "expected true or false" },
		{ &mst_fetched_msg, "{\"status\":true,\"\\u001b[2J\":1}", MST_MSG_UNKNOWN_FIELD, "?[2J",
		  "fetched credential" },
	};
	static union any got;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_diag d = { 0 };
		int o = read_as(row[i].m, row[i].json, &got, &d);

		if (o != row[i].outcome || strcmp(d.field, row[i].field) != 0 || !strstr(d.text, row[i].says))
			fail_msg("row %zu: %s, %s at %zu: %s", i, mst_msg_outcome_text(o), d.field, d.offset,
			         d.text);
	}
}

/* A key never shows up in what is logged about it. */
static void secrets_are_not_explained(void **state)
{
	static union any got;
	struct mst_diag d;

	(void)state;
	assert_int_equal(read_as(&mst_fetched_msg, "{\"status\":true,\"credential\":\"c2VjcmV0*\"}", &got,
	                         &d), MST_MSG_INVALID);
	assert_null(strstr(d.text, "c2Vj"));
	assert_int_equal(read_as(&mst_fetched_msg, "{\"status\":true,\"credential\":\"c2VjcmV0\"}", &got, &d),
	                 MST_MSG_OUT_OF_RANGE);
	assert_null(strstr(d.text, "secret"));
}

static void open_messages_skip_what_they_do_not_know(void **state)
{
	static const uint8_t cbor[] = "\xa3\x01\x61n\x18\x28\x82\xa1\x61x\xf6\x20\x20\x40";
	static const uint8_t twice[] = "\xa2\x18\x28\x01\x18\x28\x01";
	static union any got;
	struct mst_arena a = mst_arena_of(arena_octets[0], ROOM);
	struct mst_diag d;

	(void)state;
	assert_int_equal(read_as(&mst_mef_client_cfg_msg,
		"{\"sec:mefClientCfg\":{\"new\":{\"a\":[1.5,null]},\"nodeID\":\"n\",\"\\u006eew2\":\"\\n\"}}",
			&got, &d), 0);
	assert_true(mst_view_eq_str(got.g.node_id, "n"));
	assert_int_equal(mst_msg_read_cbor(&mst_mef_client_cfg_msg, (struct mst_view){ cbor,
	                                   sizeof(cbor) - 1 }, &a, &got, &d), 0);
	assert_true(mst_view_eq_str(got.g.node_id, "n"));
	assert_int_equal(mst_msg_read_cbor(&mst_mef_client_cfg_msg, (struct mst_view){ twice,
	                                   sizeof(twice) - 1 }, &a, &got, &d),
	                 MST_MSG_DUPLICATE);
}

/* Base64 that had to be unescaped first still fits in an arena of the message's size. */
static void the_arena_need_not_exceed_the_message(void **state)
{
	static const char json[] = "{\"status\":true,\"credential\":\"\\/\\/\\/\\/AAAAAAAAAAAAAAAAAAAAAAAA\"}";
	static union any got;
	struct mst_arena a = mst_arena_of(arena_octets[0], 31);

	(void)state;
	assert_int_equal(read_as(&mst_fetched_msg, json, &got, NULL), 0);
	assert_int_equal(mst_msg_read_json(&mst_fetched_msg, MST_PROFILE_LONG, mst_view_str(json), &a, &got,
	                                   NULL), MST_MSG_TOO_LARGE);
	a = mst_arena_of(arena_octets[0], 32);          /* the text between the quotes */
	assert_int_equal(mst_msg_read_json(&mst_fetched_msg, MST_PROFILE_LONG, mst_view_str(json), &a, &got,
	                                   NULL), 0);
	assert_int_equal(got.f.credential.n, 21);
	assert_int_equal(got.f.credential.p[0], 0xff);
	assert_int_equal(a.n, 21);
}

static void writers_refuse_what_readers_would(void **state)
{
	struct mst_fetched f = { .has = 1u << MST_FE_ERROR, .error = mst_view_str("\xff") };
	struct mst_sequence *s = calloc(1, sizeof(*s));
	struct mst_writer w = mst_writer_of(text[0], ROOM), c = mst_writer_of(text[1], ROOM);

	(void)state;
	mst_msg_write_json(&mst_fetched_msg, MST_PROFILE_LONG, &f, &w);
	mst_msg_write_cbor(&mst_fetched_msg, &f, &c);
	assert_false(w.ok || c.ok);
	assert_non_null(s);
	s->has = 1u << MST_SQ_INSTRUCTIONS;
	s->n_instructions = MST_SEQ_MAX + 1;
	w = mst_writer_of(text[0], ROOM);
	c = mst_writer_of(text[1], ROOM);
	mst_sequence_write_json(s, &w);
	mst_sequence_write_cbor(s, &c);
	assert_false(w.ok || c.ok);
	s->n_instructions = 1;
	s->instructions[0].has = 1u << MST_IN_METHOD;
	s->instructions[0].method = 99;
	w = mst_writer_of(text[0], ROOM);
	mst_sequence_write_json(s, &w);
	assert_false(w.ok);
	free(s);
	assert_string_equal(mst_enum_text(&mst_method_table, MST_METHOD_DNS_SRV), "dns-srv");
	assert_string_equal(mst_enum_text(&mst_method_table, 99), "?");
	assert_string_equal(mst_msg_outcome_text(MST_MSG_INVALID), "invalid value");
	assert_string_equal(mst_msg_outcome_text(-1), "fault");
}

/* RFC 8949 appendix A, the rows that we use */
static void cbor_known_answers(void **state)
{
	static const struct { int64_t x; const char *hex; } row[] = {
		{ 0, "00" }, { 1, "01" }, { 10, "0A" }, { 23, "17" }, { 24, "1818" }, { 100, "1864" },
		{ 1000, "1903E8" },
		{ 1000000, "1A000F4240" }, { 1000000000000, "1B000000E8D4A51000" }, { -1, "20" },
		{ -10, "29" }, { -100, "3863" },
		{ -1000, "3903E7" }, { INT64_MIN, "3B7FFFFFFFFFFFFFFF" }, { INT64_MAX, "1B7FFFFFFFFFFFFFFF" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		uint8_t buf[16], hex[40];
		struct mst_writer w = mst_writer_of(buf, sizeof(buf)), h = mst_writer_of(hex, sizeof(hex));
		struct mst_cbor c;

		mst_cbor_put_int(&w, row[i].x);
		mst_put_hex(&h, mst_written(&w));
		assert_true(mst_view_eq_str(mst_written(&h), row[i].hex));
		c = mst_cbor_of(mst_written(&w));
		assert_int_equal(mst_cbor_next(&c), MST_CBOR_INT);
		assert_true(c.fits && c.number == row[i].x);
	}
}

/* Each type, met with what is not it, in each encoding: said in the words of that encoding. */
static void wrong_types_are_named(void **state)
{
#define V(s) { (const uint8_t *)(s), sizeof(s) - 1 }
	static const struct { const struct mst_msg *m; struct mst_view in; bool json; const char *says; } row[] = {
		{ &mst_fetched_msg, V("{\"credential\":1}"), true, "expected a base64 text, found a number" },
		{ &mst_fetched_msg, V("{\"lifetime\":{}}"), true,
		  "expected a timestamp text, found an object" },
		{ &mst_fetched_msg, V("{\"enroleeID\":false}"), true,
		  "expected a text, found true or false" },
		{ &mst_client_cmd_msg, V("{\"sec:mefClientCmd\":{\"cmdDescription\":\"x\"}}"), true,
		  "expected an object, found a text" },
		{ &mst_client_cmd_msg,
		  V("{\"sec:mefClientCmd\":{\"cmdDescription\":{\"cmdArgs\":{\"noMoreCmdArgs\":"
		                         "{\"retryDuration\":7}}}}}"), true,
		                         "expected a duration text, found a number" },
		{ &mst_fetched_msg, V("\xa1\x01\x01"), false, "expected true or false, found a number" },
		{ &mst_fetched_msg, V("\xa1\x02\x61x"), false, "expected a byte string, found a text" },
		{ &mst_fetched_msg, V("\xa1\x03\xa0"), false, "expected a text, found a map" },
		{ &mst_fetched_msg, V("\xa1\x04\xf6"), false, "expected a time in seconds, found null" },
		{ &mst_fetched_msg, V("\xa1\x04\xf5"), false,
		  "expected a time in seconds, found true or false" },
		{ &mst_client_cmd_msg, V("\xa1\x02\x80"), false, "expected a map, found an array" },
		{ &mst_client_cmd_msg, V("\xa1\x02\xa1\x02\xa1\x01\xa1\x01\x40"), false,
		  "expected a duration in seconds, found a byte string" },
	};
	static union any got;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_arena a = mst_arena_of(arena_octets[0], ROOM);
		struct mst_diag d = { 0 };
		int o = row[i].json ? mst_msg_read_json(row[i].m, MST_PROFILE_LONG, row[i].in, &a, &got, &d) :
		                      mst_msg_read_cbor(row[i].m, row[i].in, &a, &got, &d);

		if (o != MST_MSG_WRONG_TYPE || strcmp(d.text, row[i].says) != 0)
			fail_msg("row %zu: %s, %s: %s", i, mst_msg_outcome_text(o), d.field, d.text);
	}
}

static void cbor_is_bounded_too(void **state)
{
	static const struct { struct mst_view in; int outcome; } row[] = {
		{ V("\xa1\x18\x28\x81\x81\x81\x81\x81\x81\x81\x01"), 0 },
		{ V("\xa1\x18\x28\x81\x81\x81\x81\x81\x81\x81\x81\x01"), MST_MSG_DEPTH_EXCEEDED },
		{ V("\xa1\x18\x28\x81"), MST_MSG_MALFORMED },
		{ V("\xa1\x18\x28\x82\x01"), MST_MSG_MALFORMED },
		{ V("\xa1\x18\x28\xf8\x20"), MST_MSG_MALFORMED },
		{ V("\xa1\x18\x28\xf7"), MST_MSG_MALFORMED },
		{ V("\xa1\x18\x28\x1c"), MST_MSG_MALFORMED },
		{ V("\xa1\x18\x28\x19\x01"), MST_MSG_MALFORMED },
	};
	static union any got;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_arena a = mst_arena_of(arena_octets[0], ROOM);
		int o = mst_msg_read_cbor(&mst_mef_client_cfg_msg, row[i].in, &a, &got, NULL);

		if (o != row[i].outcome)
			fail_msg("row %zu: %s", i, mst_msg_outcome_text(o));
	}
}

static void der_in_its_shortest_form(void **state)
{
	static const struct { const char *head; size_t n, head_n; bool ok; } row[] = {
		{ "\x30\x7f", 0x7f, 2, true }, { "\x30\x81\x80", 0x80, 3, true },
		{ "\x30\x82\x01\x00", 0x100, 4, true },
		{ "\x30\x81\x7f", 0x7f, 3, false }, { "\x30\x82\x00\x80", 0x80, 4, false },
		{ "\x30\x80", 0x10, 2, false },
		{ "\x30\x83\x00\x01\x00", 0x100, 5, false }, { "\x31\x10", 0x10, 2, false },
		{ "\x30\x10", 0x11, 2, false },
		{ "\x30\x10", 0x0f, 2, false }, { "\x30\x00", 0, 2, false }, { "\x30", 0, 1, false },
		{ "", 0, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		memcpy(pool, row[i].head, row[i].head_n);
		memset(pool + row[i].head_n, 0, row[i].n);
		if (mst_check_der((struct mst_view){ pool, row[i].head_n + row[i].n }) != row[i].ok)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_sound), cmocka_unit_test(json_and_cbor_say_the_same),
			cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(resources_of_the_spec_sheet), cmocka_unit_test(refusals),
			cmocka_unit_test(secrets_are_not_explained),
		cmocka_unit_test(open_messages_skip_what_they_do_not_know),
			cmocka_unit_test(the_arena_need_not_exceed_the_message),
		cmocka_unit_test(writers_refuse_what_readers_would), cmocka_unit_test(cbor_known_answers),
		cmocka_unit_test(wrong_types_are_named), cmocka_unit_test(cbor_is_bounded_too),
			cmocka_unit_test(der_in_its_shortest_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
