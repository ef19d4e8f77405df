/* The node's side of a briefing: every answer, every end, in every state, with the clock in our hand. */
#include "tests/support/cm.h"

#include "base/text.h"
#include "proto/briefing/briefing.h"

#define ATTEMPT "00112233445566778899aabbccddeeff"
#define URI "https://BBN.example.com:8445/ask/"
#define GOOD "{\"version\":1,\"serverTime\":\"20270115T080000\",\"sequence\":{\"version\":1,\"id\":\"b/7\",\"instructions\":[" \
	"{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.example.com\",\"target\":\"maf.example.com\"," \
	"\"adminFQDN\":\"sp.example.com\"}]}}"

static struct briefing b;
static mst_ms now;
static struct mst_brief_ask question;
static struct mst_brief_report report;

static struct mst_view V(const char *s) { return mst_view_str(s); }

static bool begin_with(enum briefing_job job, const char *uri, bool cbor, const char *id, struct mst_diag *d)
{
	struct briefing_config c = { .uri = V(uri), .cbor = cbor, .open_ms = 2000, .answer_ms = 5000 };

	now = 1000;
	question = (struct mst_brief_ask){ .has = 1u << MST_BA_VERSION | 1u << MST_BA_ATTEMPT | 1u << MST_BA_METHODS, .version = 1,
					   .attempt = V(ATTEMPT), .methods = { MST_METHOD_CERT }, .n_methods = 1 };
	report = (struct mst_brief_report){ .has = 1u << MST_BR_VERSION | 1u << MST_BR_ATTEMPT | 1u << MST_BR_DONE | 1u << MST_BR_ENROLLED,
					    .version = 1, .attempt = V(ATTEMPT), .done = true };
	return job == BRIEFING_JOB_ASK ? briefing_ask(&b, &c, &question, now, d) : briefing_report(&b, &c, id, &report, now, d);
}

static void reach(enum briefing_state s)
{
	struct mst_diag d = { 0 };

	assert_true(begin_with(s == BRIEFING_REPORTING ? BRIEFING_JOB_REPORT : BRIEFING_JOB_ASK, URI, false, "b/7", &d));
	if (s == BRIEFING_OPENING)
		return;
	briefing_opened(&b, ++now);
	assert_int_equal(briefing_want(&b), BRIEFING_WANT_SEND);
	briefing_sent(&b);
	if (s == BRIEFING_FAILED)
		briefing_lost(&b, PROV_UNREACHABLE, "gone", ++now);
	if (s == BRIEFING_DONE)
		briefing_feed(&b, &(struct mst_http_msg){ .status = 200, .n = 1,
			.header = { { MST_VIEW_LIT("content-type"), MST_VIEW_LIT("application/json; charset=utf-8") } }, .body = V(GOOD) }, ++now);
	assert_int_equal(briefing_state(&b), s);
}

static void answer(int status, const char *media, const char *retry, struct mst_view body)
{
	struct mst_http_msg m = { .status = status, .n = 2, .body = body,
				  .header = { { MST_VIEW_LIT("Content-Type"), V(media) }, { MST_VIEW_LIT("Retry-After"), V(retry) } } };

	briefing_feed(&b, &m, ++now);
}

static void the_request(void **state)
{
	static const char json[] = "POST /ask HTTP/1.1\r\nHost: bbn.example.com:8445\r\nContent-Type: application/json\r\n"
				   "Accept: application/json\r\nContent-Length: 77\r\n\r\n"
				   "{\"version\":1,\"attempt\":\"" ATTEMPT "\",\"methods\":[\"cert\"]}";
	static const char head[] = "POST /briefing/b%2F7/report HTTP/1.1\r\nHost: bbn.example.com\r\nContent-Type: application/cbor\r\n"
				   "Accept: application/cbor\r\nContent-Length: 42\r\n\r\n\xa4\x01\x01\x02\x78\x20";
	static uint8_t out[BRIEFING_REQUEST];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	(void)state;
	reach(BRIEFING_OPENING);
	assert_int_equal(briefing_want(&b), BRIEFING_WANT_SESSION);
	assert_string_equal(b.host, "bbn.example.com");
	assert_int_equal(b.port, 8445);
	briefing_opened(&b, ++now);
	assert_int_equal(briefing_want(&b), BRIEFING_WANT_SEND);
	assert_int_equal(briefing_deadline(&b), now + 5000);
	briefing_request(&b, &w);
	assert_int_equal(w.n, sizeof(json) - 1);
	assert_memory_equal(out, json, w.n);
	briefing_sent(&b);
	assert_int_equal(briefing_want(&b), BRIEFING_WANT_ANSWER);

	assert_true(begin_with(BRIEFING_JOB_REPORT, "https://bbn.example.com", true, "b/7", NULL));
	briefing_opened(&b, ++now);
	w = mst_writer_of(out, sizeof(out));
	briefing_request(&b, &w);
	assert_true(w.ok && w.n == sizeof(head) - 1 + 42 - 6);
	assert_memory_equal(out, head, sizeof(head) - 1);
}

static void briefed(void **state)
{
	static uint8_t cbor[4096], room[4096];
	static struct mst_sequence s;
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_writer w = mst_writer_of(cbor, sizeof(cbor));

	(void)state;
	reach(BRIEFING_DONE);
	assert_int_equal(b.server_time, 1800000000);
	assert_string_equal(b.id, "b/7");
	assert_int_equal(briefing_want(&b), BRIEFING_WANT_NOTHING);
	assert_true(briefing_deadline(&b) == MST_NEVER);
	assert_int_equal(mst_sequence_read_cbor(briefing_sequence(&b), &a, &s, NULL), 0);
	assert_true(s.n_instructions == 1 && mst_view_eq_str(s.instructions[0].target, "maf.example.com"));
	/* the same in CBOR, whatever we asked for */
	mst_msg_write_cbor(&mst_brief_answer_msg, &b.answer, &w);
	reach(BRIEFING_ASKING);
	answer(200, "Application/CBOR", "", mst_written(&w));
	assert_int_equal(briefing_state(&b), BRIEFING_DONE);
	assert_string_equal(b.id, "b/7");
	/* a report wants nothing but to have been taken */
	for (int status = 200; status <= 204; status += 4) {
		reach(BRIEFING_REPORTING);
		answer(status, "", "", MST_VIEW_NONE);
		assert_int_equal(briefing_state(&b), BRIEFING_DONE);
	}
}

#define J "application/json"
static void no_instructions(void **state)
{
	static const struct { int status; const char *media, *retry, *body; enum prov_reason reason; int64_t retry_after; const char *says; } rows[] = {
		{ 404, J, "3600", "{\"version\":1,\"why\":\"no-rule\"}", PROV_REFUSED, 3600, "no rule of the owner" },
		{ 403, J, "", "{\"version\":1,\"why\":\"unknown-node\",\"text\":\"nobody named it\"}", PROV_UNKNOWN, 0, ": nobody named it" },
		{ 403, J, "", "{\"version\":1,\"why\":\"not-authenticated\"}", PROV_NOT_AUTHENTICATED, 0, "authenticated node" },
		{ 403, J, "", "{\"version\":1,\"why\":\"mismatch\",\"text\":\"serial\"}", PROV_NOT_AUTHENTICATED, 0, "not what it proved: serial" },
		{ 403, J, "", "{\"version\":1,\"why\":\"not-active\"}", PROV_REFUSED, 0, "not active" },
		{ 409, J, "", "{\"version\":1,\"why\":\"no-method\"}", PROV_REFUSED, 0, "can this node do" },
		{ 400, J, "", "{\"version\":1,\"why\":\"malformed\",\"text\":\"methods: missing\"}", PROV_REFUSED, 0, "methods: missing" },
		{ 503, J, "7", "{\"version\":1,\"why\":\"busy\"}", PROV_BUSY, 7, "is busy" },
		/* the status asks to come again, whatever the words */
		{ 503, J, "7", "{\"version\":1,\"why\":\"malformed\",\"text\":\"full\"}", PROV_BUSY, 7, "is busy: full" },
		{ 429, J, "9", "{\"version\":1,\"why\":\"no-rule\"}", PROV_BUSY, 9, "is busy" },
		/* HTTP alone */
		{ 503, "text/html", "5", "<h1>full</h1>", PROV_BUSY, 5, "HTTP 503" },
		{ 500, "", "", "", PROV_BUSY, 0, "HTTP 500" },
		{ 502, J, "", "{}", PROV_BUSY, 0, "HTTP 502" },
		{ 429, "", "99999999", "", PROV_BUSY, PROV_RETRY_AFTER_MAX, "HTTP 429" },
		{ 429, "", "Wed, 21 Oct 2026 07:28:00 GMT", "", PROV_BUSY, 0, "HTTP 429" },
		{ 429, "", "-1", "", PROV_BUSY, 0, "HTTP 429" },
		{ 425, "", "", "", PROV_BUSY, 0, "HTTP 425" },
		{ 408, "", "", "", PROV_TIMEOUT, 0, "HTTP 408" },
		{ 401, "", "", "", PROV_NOT_AUTHENTICATED, 0, "HTTP 401" },
		{ 403, "text/plain", "", "no", PROV_REFUSED, 0, "HTTP 403" },
		{ 404, "text/html", "", "<h1>?</h1>", PROV_WRONG_SERVICE, 0, "HTTP 404: is there a briefing node" },
		{ 413, "", "", "", PROV_REFUSED, 0, "HTTP 413" },
		{ 302, "", "", "", PROV_WRONG_SERVICE, 0, "redirection" },
		{ 202, "", "", "", PROV_WRONG_SERVICE, 0, "HTTP 202" },
		{ 42, "", "", "", PROV_WRONG_SERVICE, 0, "HTTP 42: no such status" },
		/* no answer at 200 is none of this */
		{ 200, "text/html", "", GOOD, PROV_WRONG_SERVICE, 0, "Content-Type: neither" },
		{ 200, J, "", "", PROV_EMPTY, 0, "without content" },
		{ 204, "", "", "", PROV_EMPTY, 0, "without content" },
		{ 200, J, "", "{\"version\":1,\"why\":\"no-rule\"}", PROV_MALFORMED, 0, "why" },
		{ 200, J, "", "{\"version\":1,\"serverTime\":\"20270115T080000\",\"sequence\":{\"version\":1,\"id\":\"x\",\"instructions\":[]}}",
		  PROV_EMPTY, 0, "sequence.instructions: " },
		{ 200, J, "", "{\"version\":1,\"serverTime\":\"20270115T080000\",\"sequence\":{\"version\":1,\"id\":\"x\",\"instructions\":"
		  "[{\"kind\":\"discovery\",\"method\":\"magic\",\"uri\":\"https://a.example.com\"}]}}", PROV_UNKNOWN_METHOD, 0, ".method: " },
		{ 200, J, "", "{\"version\":1,\"serverTime\":\"20270115T080000\",\"sequence\":{\"version\":1,\"instructions\":[]}}",
		  PROV_EMPTY, 0, "" },
		{ 200, J, "", "{\"version\":1", PROV_MALFORMED, 0, "" },
		{ 200, "application/cbor", "", GOOD, PROV_MALFORMED, 0, "" },
		/* what it says is shown to people */
		{ 403, J, "", "{\"version\":1,\"why\":\"not-active\",\"text\":\"a\\u001b[2Jb\"}", PROV_REFUSED, 0, "HTTP 403" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		const struct mst_failure *f = briefing_failure(&b);

		reach(BRIEFING_ASKING);
		answer(rows[i].status, rows[i].media, rows[i].retry, V(rows[i].body));
		if (briefing_state(&b) != BRIEFING_FAILED || f->reason != rows[i].reason || f->retry_after != rows[i].retry_after ||
		    !strstr(f->detail, rows[i].says) || !f->detail[0] || briefing_sequence(&b).n)
			fail_msg("%zu: state %d, %s, %lld, %s", i, briefing_state(&b), prov_reason_text(f->reason), (long long)f->retry_after,
				 f->detail);
		/* a report is refused in the same words */
		if (rows[i].status < 300)
			continue;
		reach(BRIEFING_REPORTING);
		answer(rows[i].status, rows[i].media, rows[i].retry, V(rows[i].body));
		assert_int_equal(f->reason, rows[i].reason);
	}
	reach(BRIEFING_ASKING);
	answer(403, J, "", V("{\"version\":1,\"why\":\"not-active\",\"serverTime\":\"20270115T080000\"}"));
	assert_int_equal(b.server_time, 1800000000);
}

static void too_large(void **state)
{
	static uint8_t body[MST_BRIEF_ANSWER_OCTETS + 1];

	(void)state;
	memset(body, ' ', sizeof(body));
	memcpy(body, GOOD, sizeof(GOOD) - 1);
	reach(BRIEFING_ASKING);
	answer(200, J, "", (struct mst_view){ body, sizeof(body) - 1 });
	assert_int_equal(briefing_state(&b), BRIEFING_DONE);
	reach(BRIEFING_ASKING);
	answer(200, J, "", (struct mst_view){ body, sizeof(body) });
	assert_int_equal(briefing_failure(&b)->reason, PROV_OVERSIZED);
	assert_non_null(strstr(briefing_failure(&b)->detail, "more octets"));
}

/* Every event in every state; an end is the end. */
static void every_event_in_every_state(void **state)
{
	static const enum briefing_state after[BRIEFING_STATE__COUNT][BRIEFING_EVENT__COUNT] = {
		[BRIEFING_OPENING] = { BRIEFING_ASKING, BRIEFING_FAILED, BRIEFING_FAILED, BRIEFING_FAILED, BRIEFING_FAILED },
		[BRIEFING_ASKING] = { BRIEFING_FAILED, BRIEFING_DONE, BRIEFING_FAILED, BRIEFING_FAILED, BRIEFING_FAILED },
		[BRIEFING_REPORTING] = { BRIEFING_FAILED, BRIEFING_DONE, BRIEFING_FAILED, BRIEFING_FAILED, BRIEFING_FAILED },
		[BRIEFING_DONE] = { BRIEFING_DONE, BRIEFING_DONE, BRIEFING_DONE, BRIEFING_DONE, BRIEFING_DONE },
		[BRIEFING_FAILED] = { BRIEFING_FAILED, BRIEFING_FAILED, BRIEFING_FAILED, BRIEFING_FAILED, BRIEFING_FAILED },
	};

	(void)state;
	for (int s = 0; s < BRIEFING_STATE__COUNT; s++) {
		for (int e = 0; e < BRIEFING_EVENT__COUNT; e++) {
			reach((enum briefing_state)s);
			switch ((enum briefing_event)e) {
			case BRIEFING_EV_OPENED: briefing_opened(&b, ++now); break;
			case BRIEFING_EV_ANSWER: answer(200, J, "", V(GOOD)); break;
			case BRIEFING_EV_GARBAGE: briefing_garbage(&b, "noise", ++now); break;
			case BRIEFING_EV_LOST: briefing_lost(&b, PROV_UNTRUSTED, "who?", ++now); break;
			case BRIEFING_EV_TIMER: briefing_tick(&b, now + 5000); break;
			case BRIEFING_EVENT__COUNT: break;
			}
			if (briefing_state(&b) != after[s][e])
				fail_msg("%s, event %d: %s", briefing_state_text((enum briefing_state)s), e, briefing_state_text(briefing_state(&b)));
			assert_int_equal(briefing_state(&b) == BRIEFING_FAILED, briefing_failure(&b)->reason != PROV_OK);
			assert_int_equal(briefing_deadline(&b) == MST_NEVER, briefing_want(&b) == BRIEFING_WANT_NOTHING);
		}
	}
	assert_string_equal(briefing_state_text(BRIEFING_STATE__COUNT), "?");
}

/* Lesson 7: every wait has its end, and not before. */
static void deadlines(void **state)
{
	(void)state;
	reach(BRIEFING_OPENING);
	briefing_tick(&b, 2999);
	assert_int_equal(briefing_state(&b), BRIEFING_OPENING);
	briefing_tick(&b, 3000);
	assert_int_equal(briefing_failure(&b)->reason, PROV_TIMEOUT);
	reach(BRIEFING_ASKING);
	briefing_tick(&b, briefing_deadline(&b) - 1);
	assert_int_equal(briefing_state(&b), BRIEFING_ASKING);
	briefing_tick(&b, briefing_deadline(&b));
	assert_int_equal(briefing_failure(&b)->reason, PROV_TIMEOUT);
	/* an answer to what was not sent */
	reach(BRIEFING_OPENING);
	briefing_opened(&b, ++now);
	answer(200, J, "", V(GOOD));
	assert_int_equal(briefing_failure(&b)->reason, PROV_MALFORMED);
	reach(BRIEFING_ASKING);
	briefing_lost(&b, PROV_OK, "closed", ++now);
	assert_int_equal(briefing_failure(&b)->reason, PROV_UNREACHABLE);
}

static void not_to_be_sent(void **state)
{
	static const char *const uris[] = {
		"", "bbn.example.com", "http://bbn.example.com", "coap://bbn.example.com", "wss://bbn.example.com", "coaps://[::1]/", "coaps://bbn.example.com/?a", "https://127.0.0.1/briefing", "https://[::1]/",
		"https://bbn.example.com/?a=b", "https://user@bbn.example.com/",
	};
	char text[BRIEFING_PATH + 64] = "https://bbn.example.com/";
	struct mst_diag d;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(uris); i++) {
		memset(&d, 0, sizeof(d));
		if (begin_with(BRIEFING_JOB_ASK, uris[i], true, NULL, &d) || strcmp(d.field, "uri") || briefing_want(&b) != BRIEFING_WANT_NOTHING)
			fail_msg("%s: %s", uris[i], d.text);
	}
	memset(text + strlen(text), 'x', BRIEFING_PATH);
	assert_false(begin_with(BRIEFING_JOB_ASK, text, true, NULL, &d));
	assert_true(briefing_deadline(&b) == MST_NEVER);
}

/* The same machine over either; what is sent over CoAP has the same path and content. */
static void over_coap(void **state)
{
	(void)state;
	assert_true(begin_with(BRIEFING_JOB_ASK, "coaps://bbn.example.com/x", true, NULL, NULL));
	assert_true(b.coap);
	assert_int_equal(b.port, 5684);
	assert_string_equal(b.path, "/x");
	assert_string_equal(briefing_media(&b), "application/cbor");
	assert_true(b.content_n);
	assert_true(begin_with(BRIEFING_JOB_ASK, "coaps://bbn.example.com:5000", false, NULL, NULL));
	assert_int_equal(b.port, 5000);
	assert_string_equal(b.path, "/briefing");
	assert_true(begin_with(BRIEFING_JOB_ASK, URI, true, NULL, NULL));
	assert_false(b.coap);
}

/* A question with every failure at its longest, each character of which JSON writes twice: the newest stay. */
static void what_is_too_long_loses_the_oldest(void **state)
{
	struct briefing_config c = { .uri = V(URI), .open_ms = 1, .answer_ms = 1 };
	static char quote[97];

	(void)state;
	assert_true(begin_with(BRIEFING_JOB_ASK, URI, false, NULL, NULL));
	memset(quote, '"', 96);
	question.has |= 1u << MST_BA_FAILURES;
	question.n_failures = MST_BRIEF_FAILURES_MAX;
	for (size_t i = 0; i < MST_BRIEF_FAILURES_MAX; i++) {
		question.failures[i] = (struct mst_brief_failure){
			.has = 1u << MST_BF_RESOURCE | 1u << MST_BF_METHOD | 1u << MST_BF_REASON | 1u << MST_BF_STEP | 1u << MST_BF_DETAIL,
			.method = MST_METHOD_CERT, .resource = { (uint8_t *)quote, 96 }, .reason = { (uint8_t *)quote, 32 },
			.step = { (uint8_t *)quote, 32 }, .detail = { (uint8_t *)quote, 96 },
		};
	}
	question.failures[0].detail = V("oldest");
	question.failures[MST_BRIEF_FAILURES_MAX - 1].detail = V("newest");
	assert_true(briefing_ask(&b, &c, &question, 0, NULL));
	assert_true(b.content_n > MST_BRIEF_OCTETS - 1024 && b.content_n <= MST_BRIEF_OCTETS);
	assert_null(memmem(b.content, b.content_n, "oldest", 6));
	assert_non_null(memmem(b.content, b.content_n, "newest", 6));
	/* what is no text at all cannot be said, however short */
	question.maker = (struct mst_view){ (const uint8_t *)"\xff", 1 };
	question.has |= 1u << MST_BA_MAKER;
	assert_false(briefing_ask(&b, &c, &question, 0, NULL));
	assert_int_equal(briefing_want(&b), BRIEFING_WANT_NOTHING);
}

static void plain(void **state)
{
	static const struct { const char *in; size_t cap; const char *out; } rows[] = {
		{ "as it is", 64, "as it is" }, { "a\x1b[2Jb", 64, "a?[2Jb" }, { "a\xe2\x80\xae" "b", 64, "a??\?b" }, { "K\xc3\xb6ln", 64, "K\xc3\xb6ln" },
		{ "K\xc3\xb6ln", 3, "K" }, { "K\xc3\xb6ln", 4, "K\xc3\xb6" }, { "x\xff", 64, "x?" }, { "abc", 1, "" }, { "", 4, "" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		briefing_plain(out, rows[i].cap, V(rows[i].in));
		assert_string_equal(out, rows[i].out);
		assert_true(mst_text_plain(V(out)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request), cmocka_unit_test(briefed), cmocka_unit_test(no_instructions), cmocka_unit_test(too_large),
		cmocka_unit_test(every_event_in_every_state), cmocka_unit_test(deadlines), cmocka_unit_test(not_to_be_sent), cmocka_unit_test(over_coap),
		cmocka_unit_test(what_is_too_long_loses_the_oldest), cmocka_unit_test(plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
