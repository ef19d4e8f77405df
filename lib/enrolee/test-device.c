/*
 * The public interface (include/muster/): a maker's view. Whole enrolments in octets, cut in pieces, with the power cut at
 * every save; ports that fail at every call; and every wrong use that a header warns of.
 */
#include "tests/support/cm.h"

#include <pthread.h>
#include <stdio.h>

#include "base/text.h"
#include "crypto/crypto.h"
#include "enrolee/enrolee.h"
#include "muster/credential.h"
#include "muster/run.h"

#define UTC INT64_C(2052460800)      /* 2035-01-15T08:00: later than any build, and believed (clock.h) */
#define INSTRUCTION(MEF) \
	"{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://" MEF ":8443\",\"target\":\"maf.example.com\",\"adminFQDN\":\"sp.example.com\"}"
#define SEQUENCE "{\"version\":1,\"instructions\":[" INSTRUCTION("mef.example.com") "]}"
#define KM_ID "0123abcd@maf.example.com"

static const struct { int status, rsc; const char *json; } answers[] = {
	{ 201, 2001, "{\"sec:mefClientReg\":{\"ri\":\"reg-1\",\"et\":\"20360101T000000\",\"adminFQDN\":\"sp.example.com\","
		     "\"clientID\":\"urn:dev:ops:1-2-3\"}}" },
	{ 200, 2000, "{\"sec:mefClientCmd\":{\"cmdID\":\"c\",\"cmdStatusCode\":10,\"cmdDescription\":{\"cmdClassID\":0,"
		     "\"cmdArgs\":{\"noMoreCmdArgs\":{\"retryDuration\":\"P1D\"}}}}}" },
	{ 200, 2000, "{\"sec:mefClientCfg\":{\"nodeID\":\"urn:dev:ops:1-2-3\",\"cseID\":\"//sp.example.com/C1\",\"registrarPoA\":"
		     "[\"https://in.sp.example.com\"],\"subscriptionUntil\":\"20350601T000000\",\"serverTime\":\"20350115T080001\","
		     "\"mafURI\":\"https://maf.example.com:8444/MAF\"}}" },
	{ 201, 2001, "{\"sec:symmKeyReg\":{\"relativeKeyID\":\"A0A1A2A3A4A5A6A7A8A9AAABACADAEAF\",\"et\":\"20350701T000000\","
		     "\"sourceClientID\":\"urn:dev:ops:1-2-3\",\"adminFQDN\":\"sp.example.com\",\"SUID\":21,\"targetIDs\":[\"maf.example.com\"]}}" },
	{ 201, 2001, "{\"sec:mafClientReg\":{\"ri\":\"r7\",\"et\":\"20350501T000000\",\"adminFQDN\":\"sp.example.com\","
		     "\"clientID\":\"//sp.example.com/C1\",\"assignedSymmKeyID\":\"" KM_ID "\"}}" },
	{ 200, 2000, "{\"sec:mafClientReg\":{\"ri\":\"r7\",\"et\":\"20350501T000000\",\"adminFQDN\":\"sp.example.com\","
		     "\"clientID\":\"//sp.example.com/C1\",\"assignedSymmKeyID\":\"" KM_ID "\"}}" },
};

/* The world that the ports lead to: a MEF and a MAF, two slots, and a counter at which something fails. */
static struct world {
	unsigned calls, fail_at;             /* the call that fails; 0 = none */
	unsigned maf_down;                   /* so many sessions with the MAF fail */
	bool fired;
	unsigned answer;                     /* next of `answers` */
	char request[8192], reply[4096];
	size_t request_n, reply_n, reply_at;
	uint8_t slot[2][MUSTER_RECORD_MAX];
	size_t slot_n[2];
	unsigned opened, closed, promoted, derived;
	int64_t now;
	char steps[512];
} w;
static struct muster_enrolee e;

static bool fails(void)
{
	w.fired |= ++w.calls == w.fail_at;
	return w.calls == w.fail_at;
}

static int hmac(void *ctx, const void *key, size_t key_n, const void *message, size_t message_n, unsigned char out[32])
{
	struct mst_crypto *c = mst_crypto_openssl();

	(void)ctx;
	w.derived++;
	if (fails())
		return 1;
	return c->ops->hmac_sha256(c, (struct mst_view){ key, key_n }, (struct mst_view){ message, message_n }, out);
}

static enum muster_reason open_session(void *ctx, const struct muster_session *s, unsigned char exported[MUSTER_EXPORT_LEN], int64_t ms,
				       char *detail)
{
	(void)ctx;
	assert_true(ms > 0 && ms <= 30000);
	w.opened++;
	w.request_n = w.reply_n = w.reply_at = 0;
	/* the MAF's sessions are by key; what was done before is not asked for again */
	if (s->auth == MUSTER_AUTH_PSK) {
		assert_string_equal(s->host, "maf.example.com");
		assert_int_equal(s->psk.n, MUSTER_KEY_LEN);
		assert_null(s->export_label);
		w.answer = strcmp(s->psk_identity, KM_ID) ? 4 : 5;
		if (w.maf_down && w.maf_down--)
			return MUSTER_UNREACHABLE;
	} else {
		assert_string_equal(s->export_label, "EXPORTER-oneM2M-Bootstrap");
		w.answer = 0;
		for (unsigned i = 0; i < MUSTER_EXPORT_LEN; i++)
			exported[i] = (unsigned char)(0xa0 + i);
	}
	if (!fails())
		return MUSTER_OK;
	snprintf(detail, 160, "no cable");
	return MUSTER_UNREACHABLE;
}

/* The answer to what stands in w.request, once it is whole. */
static void reply(void)
{
	struct mst_view q = { (const uint8_t *)w.request, w.request_n };
	const char *ri = strstr(w.request, "X-M2M-RI: "), *body = strstr(w.request, "\r\n\r\n"), *length = strstr(w.request, "Content-Length: ");
	uint64_t n = 0;

	if (!body)
		return;
	if (length)
		assert_true(mst_parse_dec((struct mst_view){ (const uint8_t *)length + 16, strcspn(length + 16, "\r") }, 8192, &n));
	if (q.n < (size_t)(body + 4 - w.request) + n)
		return;
	assert_non_null(ri);
	w.reply_n = (size_t)snprintf(w.reply, sizeof(w.reply),
				     "HTTP/1.1 %d \r\nX-M2M-RSC: %d\r\nX-M2M-RI: %.*s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
				     answers[w.answer].status, answers[w.answer].rsc, (int)strcspn(ri + 10, "\r"), ri + 10,
				     strlen(answers[w.answer].json), answers[w.answer].json);
	w.reply_at = 0;
	w.request_n = 0;
	w.answer++;
}

static enum muster_reason write_some(void *ctx, const void *octets, size_t n, size_t *ret_n, int64_t ms, char *detail)
{
	size_t some = n > 100 ? 100 : n;

	(void)ctx;
	(void)ms;
	(void)detail;
	memcpy(w.request + w.request_n, octets, some);
	w.request_n += some;
	w.request[w.request_n] = '\0';
	*ret_n = some;
	reply();
	return fails() ? MUSTER_UNREACHABLE : MUSTER_OK;
}

static enum muster_reason read_some(void *ctx, void *out, size_t cap, size_t *ret_n, int64_t ms, char *detail)
{
	size_t some = w.reply_n - w.reply_at;

	(void)ctx;
	(void)ms;
	(void)detail;
	assert_true(some);
	some = some > 7 ? 7 : some;
	assert_true(cap >= some);
	memcpy(out, w.reply + w.reply_at, some);
	w.reply_at += some;
	*ret_n = some;
	return fails() ? MUSTER_UNREACHABLE : MUSTER_OK;
}

static void shut(void *ctx)
{
	(void)ctx;
	w.closed++;
}

static enum muster_reason load(void *ctx, enum muster_slot slot, void *out, size_t cap, size_t *ret_n, char *detail)
{
	(void)ctx;
	assert_int_equal(cap, MUSTER_RECORD_MAX);
	memcpy(out, w.slot[slot], w.slot_n[slot]);
	*ret_n = w.slot_n[slot];
	if (!fails())
		return MUSTER_OK;
	snprintf(detail, 160, "the flash is worn out");
	return MUSTER_STORAGE;
}

static enum muster_reason store(void *ctx, enum muster_slot slot, const void *record, size_t n, char *detail)
{
	(void)ctx;
	(void)detail;
	assert_int_equal(slot, MUSTER_SLOT_PENDING);
	if (fails())
		return MUSTER_STORAGE;
	memcpy(w.slot[slot], record, n);
	w.slot_n[slot] = n;
	return MUSTER_OK;
}

static enum muster_reason promote(void *ctx, char *detail)
{
	(void)ctx;
	(void)detail;
	if (fails())
		return MUSTER_STORAGE;
	memcpy(w.slot[MUSTER_SLOT_ACTIVE], w.slot[MUSTER_SLOT_PENDING], MUSTER_RECORD_MAX);
	w.slot_n[MUSTER_SLOT_ACTIVE] = w.slot_n[MUSTER_SLOT_PENDING];
	w.slot_n[MUSTER_SLOT_PENDING] = 0;
	w.promoted++;
	return MUSTER_OK;
}

static int64_t now(void *ctx)
{
	(void)ctx;
	return w.now += 5;
}

static int64_t utc(void *ctx)
{
	(void)ctx;
	return UTC;
}

static int octets(void *ctx, void *out, size_t n)
{
	(void)ctx;
	memset(out, 0x5a, n);
	return fails();
}

static void step(void *ctx, const char *s)
{
	(void)ctx;
	snprintf(w.steps + strlen(w.steps), sizeof(w.steps) - strlen(w.steps), "%s ", s);
}

static const struct muster_ports ports = {
	.size = sizeof(ports), .transport = { NULL, open_session, write_some, read_some, shut }, .storage = { NULL, load, store, promote },
	.clock = { NULL, now, utc }, .random = { NULL, octets }, .step = step,
};

static struct muster_config config(void)
{
	return (struct muster_config){ .size = sizeof(struct muster_config), .crypto = { NULL, hmac }, .certified_name = "urn:dev:ops:1-2-3" };
}

static void fresh(void)
{
	struct muster_config c = config();

	w = (struct world){ 0 };
	assert_int_equal(muster_init(&e, &c), MUSTER_OK);
}

static enum muster_reason enrol(const char *sequence)
{
	return muster_run(&e, &ports, sequence, sequence ? strlen(sequence) : 0);
}

static void test_a_whole_enrolment(void **state)
{
	static struct muster_credential c;

	(void)state;
	fresh();
	assert_int_equal(enrol(SEQUENCE), MUSTER_OK);
	assert_int_equal(muster_want(&e), MUSTER_WANT_NOTHING);
	assert_string_equal(w.steps, "mef.open mef.register mef.command mef.config mef.key-register node.save maf.open maf.register node.save "
				     "maf.activated maf.registration node.save node.promote ");
	assert_int_equal(w.opened, 3);
	assert_int_equal(w.derived, 1);
	assert_int_equal(w.slot_n[MUSTER_SLOT_PENDING], 0);
	assert_int_equal(muster_reports(&e), 1);
	assert_int_equal(muster_report(&e, 0).reason, MUSTER_OK);
	assert_string_equal(muster_report(&e, 0).uri, "https://mef.example.com:8443");
	assert_int_equal(muster_report(&e, 1).reason, MUSTER_INTERNAL);
	assert_string_equal(muster_attempt(&e), "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a");
	assert_true(muster_credential_read(&c, w.slot[MUSTER_SLOT_ACTIVE], w.slot_n[MUSTER_SLOT_ACTIVE]));
	assert_string_equal(muster_credential_text(&c, MUSTER_KEY_ID), KM_ID);
	assert_string_equal(muster_credential_text(&c, MUSTER_NODE_ID), "urn:dev:ops:1-2-3");
	assert_string_equal(muster_credential_text(&c, MUSTER_CSE_ID), "//sp.example.com/C1");
	assert_string_equal(muster_credential_text(&c, MUSTER_AE_ID), "");
	assert_string_equal(muster_credential_text(&c, MUSTER_REGISTRAR_POA), "https://in.sp.example.com");
	assert_string_equal(muster_credential_text(&c, MUSTER_MAF_URI), "https://maf.example.com:8444/MAF");
	assert_string_equal(muster_credential_text(&c, MUSTER_MEF_FQDN), "mef.example.com");
	assert_string_equal(muster_credential_text(&c, MUSTER_ADMIN_FQDN), "sp.example.com");
	assert_string_equal(muster_credential_text(&c, MUSTER_ATTEMPT), muster_attempt(&e));
	assert_string_equal(muster_credential_text(&c, MUSTER_TEXT_COUNT_), "");
	assert_true(muster_credential_confirmed(&c));
	assert_int_equal(muster_credential_until(&c), 2061590400);        /* 2035-05-01: the sooner of all ends */
	assert_true(muster_credential_renew_at(&c, 0) > muster_credential_obtained(&c));
	assert_true(muster_credential_renew_at(&c, UINT32_MAX) < muster_credential_until(&c));
	assert_int_equal(muster_credential_generation(&c), 3);            /* three saves */
	/* again, with a credential in use: the new one counts on */
	assert_int_equal(enrol(SEQUENCE), MUSTER_OK);
	assert_true(muster_credential_read(&c, w.slot[MUSTER_SLOT_ACTIVE], w.slot_n[MUSTER_SLOT_ACTIVE]));
	assert_int_equal(muster_credential_generation(&c), 6);
	muster_credential_wipe(&c);
	assert_false(muster_credential_read(&c, w.slot[MUSTER_SLOT_ACTIVE], w.slot_n[MUSTER_SLOT_ACTIVE] - 1));
	muster_wipe(&e);
	for (size_t i = 0; i < sizeof(e); i++)
		assert_int_equal(((const uint8_t *)&e)[i], 0);
}

/* Each call of each port fails once: a reason is told, no slot is spoilt, and the same machine then enrols (lessons 1, 4, 14). */
static void test_every_port_fails(void **state)
{
	unsigned n = 0, fired = 1;

	(void)state;
	for (unsigned at = 1; fired; at++) {
		enum muster_reason r;

		fresh();
		w.fail_at = at;
		r = enrol(SEQUENCE);
		fired = w.fired;
		if (!fired) {
			assert_int_equal(r, MUSTER_OK);
			break;
		}
		n++;
		assert_int_not_equal(r, MUSTER_OK);
		assert_int_equal(muster_end(&e), r);
		assert_int_equal(w.promoted, 0);
		assert_int_equal(w.slot_n[MUSTER_SLOT_ACTIVE], 0);
		w.fail_at = 0;
		/* once with the sequence at hand; where something is pending, also without */
		if (w.slot_n[MUSTER_SLOT_PENDING] && at % 2)
			assert_int_equal(enrol(NULL), MUSTER_OK);
		else
			assert_int_equal(enrol(SEQUENCE), MUSTER_OK);
		assert_int_equal(w.promoted, 1);
	}
	assert_true(n > 100);
}

/* The power goes right after each save: what is durable is enough to go on, and the MEF is not needed any more (lesson 2). */
static void test_power_cut_after_each_save(void **state)
{
	(void)state;
	for (unsigned cut = 1; cut <= 3; cut++) {
		struct muster_start s = { .size = sizeof(s), .sequence = SEQUENCE, .sequence_n = strlen(SEQUENCE) };
		unsigned char exported[MUSTER_EXPORT_LEN] = { 1 };
		unsigned saves = 0;
		char detail[160];
		size_t n;

		fresh();
		assert_int_equal(muster_start(&e, &s, 1, UTC), MUSTER_OK);
		while (saves < cut) {
			const void *p;
			uint8_t piece[64];

			switch (muster_want(&e)) {
			case MUSTER_WANT_OPEN:
				assert_int_equal(open_session(NULL, muster_session(&e), exported, 1, detail), MUSTER_OK);
				muster_opened(&e, muster_session(&e)->export_label ? exported : NULL, 1, UTC);
				break;
			case MUSTER_WANT_SEND:
				p = muster_output(&e, &n);
				assert_int_equal(write_some(NULL, p, n, &n, 1, detail), MUSTER_OK);
				muster_sent(&e, n);
				break;
			case MUSTER_WANT_RECEIVE:
				assert_int_equal(read_some(NULL, piece, sizeof(piece), &n, 1, detail), MUSTER_OK);
				muster_received(&e, piece, n, 1, UTC);
				break;
			case MUSTER_WANT_CARD:
				fail_msg("a device without a card is asked for one");
				break;
			case MUSTER_WANT_SAVE:
				p = muster_record(&e, &n);
				assert_int_equal(store(NULL, MUSTER_SLOT_PENDING, p, n, detail), MUSTER_OK);
				if (++saves < cut)
					muster_saved(&e, 1, UTC);
				break;
			case MUSTER_WANT_PROMOTE:
			case MUSTER_WANT_NOTHING:
				fail_msg("not there yet");
			}
		}
		w.opened = 0;
		muster_wipe(&e);
		struct muster_config c = config();
		assert_int_equal(muster_init(&e, &c), MUSTER_OK);
		assert_int_equal(enrol(NULL), MUSTER_OK);
		assert_int_equal(w.opened, cut == 1 ? 2 : cut == 2 ? 1 : 0);
		assert_int_equal(w.promoted, 1);
		assert_string_equal(muster_report(&e, 0).uri, "https://mef.example.com:8443");
	}
}

/*
 * Two providers, and B's key was proven and saved when the power went. Now A answers as far as its MEF, and its key takes the place of
 * B's in the slot: it is the one that the slot holds, and nobody has proven it.
 */
static void test_what_the_slot_holds_is_what_is_known(void **state)
{
	static const char both[] = "{\"version\":1,\"instructions\":[" INSTRUCTION("mef.a.example.com") "," INSTRUCTION("mef.example.com") "]}";
	static struct muster_credential c;

	(void)state;
	fresh();
	assert_int_equal(enrol(SEQUENCE), MUSTER_OK);
	memcpy(w.slot[MUSTER_SLOT_PENDING], w.slot[MUSTER_SLOT_ACTIVE], MUSTER_RECORD_MAX);
	w.slot_n[MUSTER_SLOT_PENDING] = w.slot_n[MUSTER_SLOT_ACTIVE];
	w.promoted = w.opened = 0;
	w.maf_down = 1;
	assert_int_equal(enrol(both), MUSTER_OK);
	assert_int_equal(muster_reports(&e), 2);
	assert_int_equal(muster_report(&e, 0).reason, MUSTER_UNREACHABLE);
	assert_true(muster_credential_read(&c, w.slot[MUSTER_SLOT_ACTIVE], w.slot_n[MUSTER_SLOT_ACTIVE]));
	assert_string_equal(muster_credential_text(&c, MUSTER_MEF_FQDN), "mef.example.com");
	assert_true(muster_credential_confirmed(&c));
	assert_string_equal(muster_credential_text(&c, MUSTER_KEY_ID), KM_ID);
	assert_int_equal(w.promoted, 1);
	assert_int_equal(w.opened, 2 + 3);           /* A's two, and B anew: its slot is gone */
	/* the control: A's MEF does not answer either, and what is in the slot serves */
	memcpy(w.slot[MUSTER_SLOT_PENDING], w.slot[MUSTER_SLOT_ACTIVE], MUSTER_RECORD_MAX);
	w.slot_n[MUSTER_SLOT_PENDING] = w.slot_n[MUSTER_SLOT_ACTIVE];
	w.opened = 0;
	w.calls = 0;
	w.fail_at = 4;                               /* two loads, the random numbers, the first session */
	assert_int_equal(enrol(both), MUSTER_OK);
	assert_int_equal(w.opened, 1);
	assert_int_equal(w.promoted, 2);
	muster_credential_wipe(&c);
}

static void test_every_instruction_has_its_reason(void **state)
{
	static const char sequence[] =
		"{\"version\":1,\"instructions\":[{\"kind\":\"discovery\",\"method\":\"bbn\",\"uri\":\"https://bbn.example.com\"},"
		"{\"kind\":\"bootstrap\",\"method\":\"psk\",\"uri\":\"https://mef.example.com\",\"target\":\"maf.example.com\",\"adminFQDN\":\"sp.example.com\"},"
		INSTRUCTION("one.example.com") "," INSTRUCTION("two.example.com") "]}";
	static const enum muster_reason want[] = { MUSTER_UNSUPPORTED, MUSTER_UNSUPPORTED, MUSTER_UNREACHABLE, MUSTER_OK };

	(void)state;
	fresh();
	w.fail_at = 4;                       /* two loads, the random numbers, the first session */
	assert_int_equal(enrol(sequence), MUSTER_OK);
	assert_int_equal(muster_reports(&e), MST_COUNT(want));
	for (unsigned i = 0; i < MST_COUNT(want); i++)
		assert_int_equal(muster_report(&e, i).reason, want[i]);
	assert_string_equal(muster_report(&e, 2).step, "mef.open");
	assert_string_equal(muster_report(&e, 2).detail, "no cable");
	assert_string_equal(muster_report(&e, 3).uri, "https://two.example.com:8443");
}

static void test_refused_beginnings(void **state)
{
	static const struct { const char *sequence; enum muster_reason reason; const char *detail; } rows[] = {
		{ "{\"version\":1,\"instructions\":[]}", MUSTER_MALFORMED, "instructions" },
		{ "{\"version\":1}", MUSTER_MALFORMED, "instructions" },
		{ "\xa1\x01", MUSTER_MALFORMED, "" },
		{ "", MUSTER_MALFORMED, "" },
		{ "{\"version\":1,\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"pks\",\"uri\":\"https://m.example.com\"}]}",
		  MUSTER_UNKNOWN_METHOD, "instructions[0].method" },
		{ "{\"version\":1,\"validUntil\":\"20341231T000000\",\"instructions\":[" INSTRUCTION("m.example.com") "]}", MUSTER_EXPIRED, "validUntil" },
		{ "{\"version\":1,\"validFrom\":\"20351231T000000\",\"instructions\":[" INSTRUCTION("m.example.com") "]}", MUSTER_NOT_YET_VALID, "validFrom" },
		{ NULL, MUSTER_UNKNOWN, "neither" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		fresh();
		assert_int_equal(enrol(rows[i].sequence), rows[i].reason);
		assert_int_equal(muster_end(&e), rows[i].reason);
		assert_non_null(strstr(muster_detail(&e), rows[i].detail));
		assert_int_equal(muster_want(&e), MUSTER_WANT_NOTHING);
		assert_int_equal(w.opened, 0);
		assert_int_equal(enrol(SEQUENCE), MUSTER_OK);
	}
}

/* Damaged is not empty (lesson 16): nothing begins until somebody decides. */
static void test_a_damaged_slot(void **state)
{
	static const char *const name[] = { [MUSTER_SLOT_ACTIVE] = "active", [MUSTER_SLOT_PENDING] = "pending" };

	(void)state;
	for (unsigned slot = 0; slot < 2; slot++) {
		fresh();
		memset(w.slot[slot], 0xee, 40);
		w.slot_n[slot] = 40;
		assert_int_equal(enrol(SEQUENCE), MUSTER_STORAGE);
		assert_non_null(strstr(muster_detail(&e), name[slot]));
		assert_int_equal(w.opened, 0);
	}
}

static void test_bad_configurations(void **state)
{
	static const char long_name[300] = { [0 ... 298] = 'x' };
	struct muster_config good = config(), bad[] = { good, good, good, good, good, good }, born = good;

	(void)state;
	bad[0].size--;
	bad[1].crypto.hmac_sha256 = NULL;
	bad[2].open_ms = -1;
	bad[3].psk_identity = "serial-7@maker.example.com";      /* and no secret */
	bad[4].psk = "secret";
	bad[4].psk_n = 6;                                        /* and no identity */
	bad[5].certified_name = long_name;
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_int_equal(muster_init(&e, &bad[i]), MUSTER_UNSUPPORTED);
	assert_int_equal(muster_init(&e, &good), MUSTER_OK);
	born.psk_identity = "serial-7@maker.example.com";
	born.psk = long_name;
	for (born.psk_n = 1; born.psk_n <= 65; born.psk_n++)     /* as the servers take them (decision 0014) */
		assert_int_equal(muster_init(&e, &born), born.psk_n < 16 || born.psk_n > 64 ? MUSTER_UNSUPPORTED : MUSTER_OK);
}

/* Up to the first request: it is sent. */
static void asked(const char *sequence)
{
	struct muster_start s = { .size = sizeof(s), .sequence = sequence, .sequence_n = strlen(sequence) };
	unsigned char exported[MUSTER_EXPORT_LEN] = { 1 };
	size_t n;

	fresh();
	assert_int_equal(muster_start(&e, &s, 1000, UTC), MUSTER_OK);
	muster_opened(&e, exported, 1000, UTC);
	assert_int_equal(exported[0], 0);
	(void)muster_output(&e, &n);
	muster_sent(&e, n - 1);
	assert_int_equal(muster_want(&e), MUSTER_WANT_SEND);
	muster_sent(&e, 100);                /* more than there is: no harm */
	assert_int_equal(muster_want(&e), MUSTER_WANT_RECEIVE);
}

static void test_other_answers(void **state)
{
	static const struct { const char *http; enum muster_reason reason; int64_t retry; } rows[] = {
		{ "HTTP/1.1 503 \r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n", MUSTER_BUSY, 77 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", MUSTER_MALFORMED, 0 },
		{ "SSH-2.0-x\r\n\r\n", MUSTER_MALFORMED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		asked(SEQUENCE);
		muster_received(&e, rows[i].http, strlen(rows[i].http), 1001, UTC);
		assert_int_equal(muster_want(&e), MUSTER_WANT_NOTHING);
		assert_int_equal(muster_end(&e), rows[i].reason);
		assert_int_equal(muster_retry_after(&e), rows[i].retry);
		assert_true(muster_detail(&e)[0]);
	}
}

static void test_time_runs_out_and_sessions_end(void **state)
{
	(void)state;
	asked(SEQUENCE);
	assert_int_equal(muster_deadline(&e), 1000 + 30000);
	muster_tick(&e, 30999, UTC);
	assert_int_equal(muster_want(&e), MUSTER_WANT_RECEIVE);
	muster_tick(&e, 31000, UTC);
	assert_int_equal(muster_end(&e), MUSTER_TIMEOUT);
	assert_int_equal(muster_deadline(&e), MUSTER_NEVER);
	asked(SEQUENCE);
	muster_lost(&e, MUSTER_OK, "closed", 1001, UTC);
	assert_int_equal(muster_end(&e), MUSTER_UNREACHABLE);
	asked(SEQUENCE);
	muster_lost(&e, MUSTER_UNTRUSTED, "somebody\033[2J else \xff", 1001, UTC);
	assert_int_equal(muster_end(&e), MUSTER_UNTRUSTED);
	assert_string_equal(muster_detail(&e), "somebody?[2J else ?");       /* nothing that a terminal would obey */
}

/* Every input in every state that a maker's bug could choose: never a crash, never a promotion, and a way back. */
static void test_inputs_out_of_turn(void **state)
{
	(void)state;
	for (unsigned input = 0; input < 7; input++)
		for (unsigned begun = 0; begun < 3; begun++) {
			unsigned char exported[MUSTER_EXPORT_LEN] = { 0 };
			size_t n;

			if (begun)
				asked(SEQUENCE);
			else
				fresh();
			if (begun == 2)
				muster_lost(&e, MUSTER_UNREACHABLE, NULL, 1001, UTC);
			switch (input) {
			case 0: muster_opened(&e, exported, 1001, UTC); break;
			case 1: muster_received(&e, "x", 1, 1001, UTC); break;
			case 2: muster_sent(&e, 5); break;
			case 3: muster_saved(&e, 1001, UTC); break;
			case 4: muster_save_failed(&e, "x", 1001, UTC); break;
			case 5: muster_tick(&e, 1001, UTC); break;
			default: (void)muster_record(&e, &n); assert_int_equal(n, 0); break;
			}
			assert_int_not_equal(muster_want(&e), MUSTER_WANT_SAVE);
			assert_int_not_equal(muster_want(&e), MUSTER_WANT_PROMOTE);
			assert_int_equal(enrol(SEQUENCE), MUSTER_OK);
		}
}

/* The monotonic clock may count from any origin (run.h): the host may have been up for a year, or count from before. */
static void test_time_from_any_origin(void **state)
{
	static const int64_t origin[] = { 0, INT64_C(400) * 86400 * 1000, -INT64_C(400) * 86400 * 1000, INT64_C(1) << 52 };
	struct muster_start s = { .size = sizeof(s), .sequence = SEQUENCE, .sequence_n = strlen(SEQUENCE) };
	int64_t build;

	(void)state;
	fresh();
	build = muster_time(&e, 0, 0);
	for (size_t i = 0; i < MST_COUNT(origin); i++) {
		fresh();
		assert_int_equal(muster_time(&e, origin[i], 0), build);      /* before the first start */
		assert_int_equal(muster_start(&e, &s, origin[i], 0), MUSTER_OK);
		assert_int_equal(muster_time(&e, origin[i], 0), build);
		assert_int_equal(muster_time(&e, origin[i], build + 1), build + 1);  /* a clock that is right is right */
		assert_int_equal(muster_session(&e)->utc, build);
		/* from then on it counts, also over another start */
		assert_int_equal(muster_time(&e, origin[i] + 5000, 0), build + 5);
		assert_int_equal(muster_start(&e, &s, origin[i] + 6000, 0), MUSTER_OK);
		assert_int_equal(muster_time(&e, origin[i] + 7000, 0), build + 7);
	}
}

/* No clock: what the MEF says is believed, what a broken battery says is not (lesson 15). */
static void test_time_without_a_clock(void **state)
{
	(void)state;
	fresh();
	assert_true(muster_time(&e, 0, 0) > 1700000000);
	assert_int_equal(enrol(SEQUENCE), MUSTER_OK);
	/* told 2035-01-15T08:00:01 */
	assert_in_range(muster_time(&e, w.now, 0), UTC - 1, UTC + 10);
}

#if !defined(MST_SANITIZED) && defined(__OPTIMIZE__)
static void *on_its_own_stack(void *arg)
{
	*(enum muster_reason *)arg = enrol(SEQUENCE);
	return NULL;
}
#endif

/* What libmuster(3) promises of the stack: everything, ports of this test included. Sanitizers and -O0 have frames of their own. */
static void test_stack(void **state)
{
#if !defined(MST_SANITIZED) && defined(__OPTIMIZE__)
	static uint8_t stack[256 * 1024] __attribute__((aligned(4096)));
	enum muster_reason r = MUSTER_INTERNAL;
	size_t untouched = 0;
	pthread_attr_t attr;
	pthread_t thread;

	fresh();
	memset(stack, 0xa5, sizeof(stack));
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstack(&attr, stack, sizeof(stack)), 0);
	assert_int_equal(pthread_create(&thread, &attr, on_its_own_stack, &r), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
	assert_int_equal(r, MUSTER_OK);
	while (untouched < sizeof(stack) && stack[untouched] == 0xa5)
		untouched++;
	assert_in_range(sizeof(stack) - untouched, 1, 32 * 1024);
#endif
	(void)state;
}

/* What programs were compiled with: another number here is another version of the shared library. */
static void test_layout(void **state)
{
	(void)state;
#ifdef __LP64__
	assert_int_equal(sizeof(struct muster_enrolee), 98304);
	assert_int_equal(sizeof(struct muster_credential), 8192);
	assert_int_equal(sizeof(struct muster_config), 88);
	assert_int_equal(offsetof(struct muster_config, certified_name), 24);
	assert_int_equal(offsetof(struct muster_config, label_connection), 73);
	assert_int_equal(offsetof(struct muster_config, card), 80);
	assert_int_equal(sizeof(struct muster_start), 72);
	assert_int_equal(offsetof(struct muster_start, random), 56);
	assert_int_equal(sizeof(struct muster_session), 104);
	assert_int_equal(offsetof(struct muster_session, psk), 32);
	assert_int_equal(offsetof(struct muster_session, utc), 88);
	assert_int_equal(sizeof(struct muster_report), 32);
	assert_int_equal(sizeof(struct muster_ports), 136);
	assert_int_equal(offsetof(struct muster_ports, step_ctx), 128);
#endif
	assert_int_equal(MUSTER_INTERNAL, 13);
	assert_int_equal(MUSTER_WANT_PROMOTE, 5);
	assert_int_equal(MUSTER_ATTEMPT, 11);
}

static void test_words(void **state)
{
	(void)state;
	for (unsigned r = 0; r < MUSTER_REASON_COUNT_; r++)
		for (unsigned o = 0; o < r; o++)
			assert_string_not_equal(muster_reason_text((enum muster_reason)r), muster_reason_text((enum muster_reason)o));
	assert_non_null(muster_reason_text((enum muster_reason)99));
	assert_true(muster_enrolee_size() <= MUSTER_ENROLEE_SIZE);
	assert_true(muster_version()[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_enrolment), cmocka_unit_test(test_every_port_fails), cmocka_unit_test(test_power_cut_after_each_save),
		cmocka_unit_test(test_every_instruction_has_its_reason), cmocka_unit_test(test_refused_beginnings),
		cmocka_unit_test(test_a_damaged_slot), cmocka_unit_test(test_bad_configurations), cmocka_unit_test(test_other_answers),
		cmocka_unit_test(test_time_runs_out_and_sessions_end), cmocka_unit_test(test_inputs_out_of_turn),
		cmocka_unit_test(test_time_without_a_clock), cmocka_unit_test(test_time_from_any_origin),
		cmocka_unit_test(test_what_the_slot_holds_is_what_is_known), cmocka_unit_test(test_stack), cmocka_unit_test(test_layout), cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
