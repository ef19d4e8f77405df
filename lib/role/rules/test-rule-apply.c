/* What a rule gives: negotiation, transports, what comes from the subscription, refusals. */
#include "tests/support/cm.h"

#include "base/time.h"
#include "role/rules/rule.h"

static uint8_t octets[MST_RULE_OCTETS];
static struct mst_rule rule;
static struct mst_rule_facts facts;
static struct mst_sequence seq;
static struct mst_diag d;

static void read_rule(const char *then)
{
	static char text[4096];
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	mst_put_str(&w, "{\"name\":\"r\",\"then\":");
	mst_put_str(&w, then);
	mst_put_str(&w, "}");
	if (mst_rule_read_json(mst_written(&w), &a, &rule, &d))
		fail_msg("%s: %s", d.field, d.text);
}

static int apply(void)
{
	return mst_rule_apply(&rule, &facts, MST_VIEW_LIT("b-1"), &seq, &d);
}

static void can(int a, int b, int c)
{
	facts = (struct mst_rule_facts){ .now = 1000, .auth = MST_RULE_AUTH_CERT };
	facts.methods[0] = a;
	facts.methods[1] = b;
	facts.methods[2] = c;
	facts.n_methods = (uint16_t)(c ? 3 : b ? 2 : a ? 1 : 0);
}

#define WHO "\"target\":\"maf.example.com\",\"adminFQDN\":\"sp.example.com\""
#define CERT "{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.example.com\"," WHO "}"
#define PSK "{\"kind\":\"bootstrap\",\"method\":\"psk\",\"uri\":\"https://mef.example.com\"," WHO "}"
#define PSK_COAP "{\"kind\":\"bootstrap\",\"method\":\"psk\",\"uri\":\"coaps://mef.example.com\"," WHO "}"
#define GBA "{\"kind\":\"bootstrap\",\"method\":\"gba\",\"uri\":\"http://bsf.example.com\"," WHO "}"
#define BBN "{\"kind\":\"discovery\",\"method\":\"bbn\",\"uri\":\"https://bbn.example.com\"}"

static void in_the_owners_order_or_the_nodes(void **state)
{
	(void)state;
	read_rule("{\"instructions\":[" CERT "," PSK_COAP "," PSK "," BBN "]}");
	can(MST_METHOD_PSK, MST_METHOD_GBA, MST_METHOD_CERT);
	assert_int_equal(apply(), 0);
	assert_int_equal(seq.n_instructions, 2); /* coaps: it has no such transport; bbn: it cannot */
	assert_int_equal(seq.instructions[0].method, MST_METHOD_CERT);
	assert_int_equal(seq.instructions[1].method, MST_METHOD_PSK);
	assert_true(mst_view_eq_str(seq.id, "b-1"));
	assert_int_equal(seq.valid_until, 1000 + 86400);
	read_rule("{\"validFor\":\"PT1H\",\"order\":\"node\",\"instructions\":[" CERT "," PSK_COAP "," PSK "," BBN "]}");
	facts.transports[0] = MST_VIEW_LIT("coaps");
	facts.transports[1] = MST_VIEW_LIT("https");
	facts.n_transports = 2;
	assert_int_equal(apply(), 0);
	assert_int_equal(seq.n_instructions, 3);
	assert_true(mst_view_eq_str(seq.instructions[0].uri, "coaps://mef.example.com"));
	assert_int_equal(seq.instructions[1].method, MST_METHOD_PSK);
	assert_int_equal(seq.instructions[2].method, MST_METHOD_CERT);
	assert_int_equal(seq.valid_until, 1000 + 3600);
}

static void nothing_that_it_can_do(void **state)
{
	(void)state;
	read_rule("{\"instructions\":[" CERT "]}");
	can(MST_METHOD_PSK, 0, 0);
	assert_int_equal(apply(), MST_RULE_NO_METHOD);
	can(MST_METHOD_CERT, 0, 0);
	facts.transports[0] = MST_VIEW_LIT("coaps");
	facts.n_transports = 1;
	assert_int_equal(apply(), MST_RULE_NO_METHOD);
	assert_non_null(strstr(d.text, "transport"));
	/* GBA over plain HTTP needs no TLS transport */
	read_rule("{\"instructions\":[" GBA "]}");
	can(MST_METHOD_GBA, 0, 0);
	assert_int_equal(apply(), 0);
}

static void the_subscription_fills_in(void **state)
{
	static const char open[] = "{\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.example.com\"}]}";

	(void)state;
	read_rule(open);
	can(MST_METHOD_CERT, 0, 0);
	assert_int_equal(apply(), MST_RULE_NO_SUBSCRIPTION);
	facts.sp = MST_VIEW_LIT("two.example.com");
	assert_int_equal(apply(), MST_RULE_NO_SUBSCRIPTION);
	facts.maf = MST_VIEW_LIT("maf.two.example.com");
	assert_int_equal(apply(), 0);
	assert_true(mst_view_eq_str(seq.instructions[0].target, "maf.two.example.com"));
	assert_true(mst_view_eq_str(seq.instructions[0].admin_fqdn, "two.example.com"));
	assert_false(seq.instructions[0].has >> MST_IN_MAF_URI & 1);
	facts.maf_uri = MST_VIEW_LIT("https://maf.two.example.com:8444");
	assert_int_equal(apply(), 0);
	assert_true(mst_view_eq_str(seq.instructions[0].maf_uri, "https://maf.two.example.com:8444"));
	/* what is there stays; another MAF's address does not belong to it */
	read_rule("{\"instructions\":[" CERT "]}");
	assert_int_equal(apply(), 0);
	assert_true(mst_view_eq_str(seq.instructions[0].target, "maf.example.com"));
	assert_false(seq.instructions[0].has >> MST_IN_MAF_URI & 1);
	/* a subscription's words that are no instruction's */
	read_rule(open);
	facts.maf = MST_VIEW_LIT("no fqdn");
	assert_int_equal(apply(), MST_RULE_NO_SUBSCRIPTION);
	assert_true(d.text[0] != '\0');
}

static void a_refusal_has_its_words(void **state)
{
	(void)state;
	read_rule("{\"deny\":\"stolen last week\"}");
	can(MST_METHOD_CERT, 0, 0);
	assert_int_equal(apply(), MST_RULE_DENIED);
	assert_string_equal(d.text, "stolen last week");
	assert_true(mst_view_eq_str(rule.then.deny, "stolen last week"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_owners_order_or_the_nodes),
		cmocka_unit_test(nothing_that_it_can_do),
		cmocka_unit_test(the_subscription_fills_in),
		cmocka_unit_test(a_refusal_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
