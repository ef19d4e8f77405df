/* Which rule decides: each condition by itself, words for each, and the index against trying one after the other. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "role/rules/rule.h"

#define RULES 300
static uint8_t store[RULES * 2048];
static size_t used;
static struct mst_view cbor[RULES];
static size_t n_rules;
static struct mst_diag d;

static void start(void)
{
	used = n_rules = 0;
}

static void add_rule(const struct mst_rule *r)
{
	struct mst_writer w = mst_writer_of(store + used, sizeof(store) - used);

	assert_true(n_rules < RULES);
	mst_rule_write_cbor(r, &w);
	assert_true(w.ok);
	cbor[n_rules++] = mst_written(&w);
	used += w.n;
}

static void add(const char *json)
{
	static uint8_t octets[MST_RULE_OCTETS];
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));
	struct mst_rule r;

	if (mst_rule_read_json(mst_view_str(json), &a, &r, &d))
		fail_msg("%s: %s: %s", json, d.field, d.text);
	add_rule(&r);
}

/* The rule at hand, then one for all. */
static struct mst_rule_set *set_of(const char *more, const char *when)
{
	struct mst_rule_set *set;
	char text[2048];

	start();
	snprintf(text, sizeof(text), "{\"name\":\"a\",%s\"when\":{%s},\"then\":{\"deny\":\"a\"}}", more, when);
	add(text);
	assert_int_equal(mst_rule_set_build(cbor, n_rules, &set, NULL, &d), 0);
	return set;
}

static uint8_t fact_octets[MST_FACTS_OCTETS];
static struct mst_rule_facts facts_of(const char *json)
{
	struct mst_arena a = mst_arena_of(fact_octets, sizeof(fact_octets));
	static char text[4096];
	struct mst_rule_facts f;

	snprintf(text, sizeof(text), "{\"now\":\"20260601T000000\",\"authentication\":\"cert\"%s%s}", *json ? "," : "", json);
	if (strstr(json, "\"authentication\""))
		snprintf(text, sizeof(text), "{\"now\":\"20260601T000000\",%s}", json);
	if (mst_rule_facts_read_json(mst_view_str(text), &a, &f, &d))
		fail_msg("%s: %s: %s", json, d.field, d.text);
	return f;
}

static char words[MST_RULE_WORDS_MAX];
static int keep_words(void *arg, const struct mst_rule_verdict *v)
{
	*(bool *)arg = v->holds;
	snprintf(words, sizeof(words), "%s", v->words);
	return 0;
}

#define HERE "\"location\":{\"latitude\":525200000,\"longitude\":134050000,\"accuracy\":30}"
#define FIXED "\"place\":{\"latitude\":525200000,\"longitude\":134050000,\"site\":\"north-1\"}"
static const struct {
	const char *more, *when, *facts;
	int outcome;
	const char *words;
} cases[] = {
	{ "", "", "", 0, "holds: it is for every node" },
	{ "", "\"makers\":[\"acme\",\"b*\"]", "\"maker\":\"acme\"", 0, "holds: maker is acme, as acme or b*" },
	{ "", "\"makers\":[\"acme\",\"b*\"]", "\"maker\":\"bolt\"", 0, "as acme or b*" },
	{ "", "\"makers\":[\"acme\",\"b*\"]", "\"maker\":\"acme2\"", 1, "no: maker is acme2, wanted acme or b*" },
	{ "", "\"makers\":[\"acme\"]", "", 1, "no: maker is not known, wanted acme" },
	{ "", "\"makers\":[\"*\"]", "\"maker\":\"x\"", 0, "as *" },
	{ "", "\"models\":[\"m1\"],\"batches\":[\"7*\"]", "\"model\":\"m1\",\"batch\":\"77\"", 0, "model is m1, as m1; batch is 77" },
	{ "", "\"models\":[\"m1\"],\"batches\":[\"7*\"]", "\"model\":\"m1\",\"batch\":\"87\"", 1, "no: batch is 87" },
	{ "", "\"subscriptions\":[\"gold\"]", "\"subscription\":\"gold\"", 0, "subscription is gold" },
	{ "", "\"sites\":[\"north*\"]", "\"location\":{\"site\":\"north-2\"}", 0, "site is north-2, as north*" },
	/* the registry's word goes before the node's, unless the rule says otherwise */
	{ "", "\"sites\":[\"north*\"]", FIXED ",\"location\":{\"site\":\"south-2\"}", 0, "north-1" },
	{ "", "\"sites\":[\"north*\"],\"placeFrom\":\"node\"", FIXED ",\"location\":{\"site\":\"south-2\"}", 1, "south-2" },
	{ "", "\"sites\":[\"north*\"],\"placeFrom\":\"registry\"", "\"location\":{\"site\":\"north-2\"}", 1, "not known" },
	{ "", "\"cells\":[\"262-01-*\"]", "\"location\":{\"cell\":\"262-01-4711-1\"}", 0, "cell is 262-01-4711-1" },
	{ "", "\"cells\":[\"262-01-4711-2\"]", "\"location\":{\"cell\":\"262-01-4711-1\"}", 1, "wanted 262-01-4711-2" },
	{ "", "\"circle\":{\"latitude\":525200000,\"longitude\":134000000,\"radius\":500}", HERE, 0,
	  "place (said by the node) 52.5200000,13.4050000 is within 500 m of 52.5200000,13.4000000" },
	{ "", "\"circle\":{\"latitude\":525200000,\"longitude\":134000000,\"radius\":300}", HERE, 1, "is not within 300 m" },
	{ "", "\"circle\":{\"latitude\":525200000,\"longitude\":134000000,\"radius\":500},\"maxAccuracy\":30", HERE, 0, "within" },
	{ "", "\"circle\":{\"latitude\":525200000,\"longitude\":134000000,\"radius\":500},\"maxAccuracy\":29", HERE, 1,
	  "is known to 30 m, wanted 29 m or better" },
	{ "", "\"circle\":{\"latitude\":525200000,\"longitude\":134000000,\"radius\":500},\"maxAccuracy\":29", FIXED, 1,
	  "place (from the registry)" },
	{ "", "\"circle\":{\"latitude\":0,\"longitude\":0,\"radius\":500}", "", 1, "coordinates are not known" },
	{ "", "\"polygon\":[{\"latitude\":520000000,\"longitude\":130000000},{\"latitude\":530000000,\"longitude\":130000000},"
	      "{\"latitude\":530000000,\"longitude\":140000000}]", HERE, 0, "is inside the polygon of 3 corners" },
	{ "", "\"polygon\":[{\"latitude\":520000000,\"longitude\":130000000},{\"latitude\":520000000,\"longitude\":140000000},"
	      "{\"latitude\":530000000,\"longitude\":140000000}]", HERE, 1, "is not inside" },
	/* names count when they are proven, or the rule is content with less */
	{ "", "\"nodePrefixes\":[\"urn:dev:\"]", "\"nodeID\":\"urn:dev:1\",\"nodeProven\":true", 0, "M2M-Node-ID is urn:dev:1" },
	{ "", "\"nodePrefixes\":[\"urn:dev:\"]", "\"nodeID\":\"urn:dev:1\"", 1, "only stated, not proven" },
	{ "", "\"nodePrefixes\":[\"urn:dev:\"],\"stated\":true", "\"nodeID\":\"urn:dev:1\"", 0, "urn:dev:*" },
	{ "", "\"devicePrefixes\":[\"0.2.481.1\"]", "\"deviceID\":\"0.2.481.1.100\",\"deviceProven\":true", 0, "0.2.481.1*" },
	{ "", "\"devicePrefixes\":[\"0.2.481.1\"]", "\"deviceID\":\"0.2.481.12\",\"deviceProven\":true", 1, "0.2.481.12" },
	{ "", "\"imsiPrefixes\":[\"26201\",\"26202\"]", "\"imsi\":\"262021234567890\",\"imsiProven\":true", 0, "26201* or 26202*" },
	{ "", "\"imsiPrefixes\":[\"26201\"]", "\"imsi\":\"262021234567890\",\"imsiProven\":true", 1, "wanted 26201*" },
	{ "", "\"issuers\":[\"CN=Acme*\"]", "\"issuerName\":\"CN=Acme CA\"", 0, "issuer of the certificate is CN=Acme CA" },
	{ "", "\"issuers\":[\"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\"]",
	  "\"issuerName\":\"CN=x\",\"issuer\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"", 0, "000102" },
	{ "", "\"issuers\":[\"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1E\"]",
	  "\"issuerName\":\"CN=x\",\"issuer\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"", 1, "wanted 000102" },
	{ "", "\"serials\":{\"from\":\"0099\",\"to\":\"1200\"}", "\"serial\":\"100\"", 0, "as from 0099 to 1200" },
	{ "", "\"serials\":{\"from\":\"99\",\"to\":\"1200\"}", "\"serial\":\"0001201\"", 1, "wanted from 99 to 1200" },
	{ "", "\"serials\":{\"from\":\"99\",\"to\":\"1200\"}", "\"serial\":\"a100\"", 1, "serial number is a100" },
	{ "", "\"serials\":{\"from\":\"A100\",\"to\":\"A199\"}", "\"serial\":\"A150\"", 0, "A150" },
	{ "", "\"serials\":{\"from\":\"A100\",\"to\":\"A199\"}", "\"serial\":\"A1500\"", 1, "A1500" },
	{ "", "\"failed\":{\"reason\":\"un*\",\"method\":\"cert\",\"resource\":\"https://a.\"}",
	  "\"failures\":[{\"reason\":\"refused\"},{\"reason\":\"unreachable\",\"method\":\"cert\",\"resource\":\"https://a.b\"}]", 0,
	  "it failed before with reason un* by cert at https://a.*" },
	/* one failure has to be all of it */
	{ "", "\"failed\":{\"reason\":\"un*\",\"method\":\"cert\"}",
	  "\"failures\":[{\"reason\":\"unreachable\",\"method\":\"psk\"},{\"reason\":\"refused\",\"method\":\"cert\"}]", 1, "did not fail" },
	{ "", "\"authentication\":[\"psk\"]", "", 1, "it authenticated by cert, wanted psk" },
	{ "", "\"authentication\":[\"psk\",\"cert\"]", "", 0, "by cert, as cert or psk" },
	{ "", "\"methods\":[\"psk\",\"gba\"]", "\"methods\":[\"cert\",\"gba\"]", 0, "it can do one of psk, gba" },
	{ "", "\"methods\":[\"psk\"]", "\"methods\":[\"cert\"]", 1, "none of psk" },
	{ "\"validFrom\":\"20260601T000000\",\"validUntil\":\"20260601T000001\",", "", "", 0, "in its time" },
	{ "\"validFrom\":\"20260601T000001\",", "", "", 1, "it begins at 20260601T000001" },
	{ "\"validUntil\":\"20260601T000000\",", "", "", 1, "it ended at 20260601T000000" },
	{ "\"disabled\":true,", "", "", 1, "switched off" },
	/* strangers */
	{ "", "", "\"authentication\":\"none\"", 2, "the rule is not public" },
	{ "", "\"makers\":[\"acme\"]", "\"authentication\":\"none\"", 1, "not public" },
	{ "", "\"nodePrefixes\":[\"urn:\"],\"authentication\":[\"cert\"]", "\"authentication\":\"none\",\"nodeID\":\"urn:x\"", 2, "not public" },
	{ "", "", "\"unknownNode\":true", 2, "nobody has made this node known" },
	{ "\"public\":true,", "", "\"unknownNode\":true", 0, "every node" },
	{ "\"public\":true,", "", "\"authentication\":\"none\"", 0, "every node" },
	{ "\"public\":true,", "\"imsiPrefixes\":[\"26201\"],\"stated\":true", "\"authentication\":\"none\",\"imsi\":\"262011\"", 0, "26201*" },
	{ "\"public\":true,", "\"imsiPrefixes\":[\"26201\"]", "\"authentication\":\"none\",\"imsi\":\"262011\"", 1, "not proven" },
};

static void each_condition(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		struct mst_rule_set *set = set_of(cases[i].more, cases[i].when);
		struct mst_rule_facts f = facts_of(cases[i].facts);
		struct mst_rule_match m, m2;
		bool holds;
		int o = mst_rule_decide(set, &f, &m), o2 = mst_rule_decide_linear(set, &f, &m2);

		assert_int_equal(mst_rule_explain(set, &f, keep_words, &holds), 0);
		if (o != cases[i].outcome || o2 != o || holds != !o || !strstr(words, cases[i].words))
			fail_msg("case %zu, %s, %s: %d, %d, %s", i, cases[i].when, cases[i].facts, o, o2, words);
		if (!o)
			assert_true(mst_view_eq_str(m.name, "a"));
		mst_rule_set_free(set);
	}
}

static void the_first_wins(void **state)
{
	struct mst_rule_facts f = facts_of("\"maker\":\"acme\",\"model\":\"m\"");
	struct mst_rule_set *set;
	struct mst_rule_match m;
	size_t bad;

	(void)state;
	start();
	add("{\"name\":\"off\",\"disabled\":true,\"then\":{\"deny\":\"x\"}}");
	add("{\"name\":\"other\",\"when\":{\"makers\":[\"bolt\"]},\"then\":{\"deny\":\"x\"}}");
	add("{\"name\":\"model\",\"when\":{\"models\":[\"m\"]},\"then\":{\"deny\":\"x\"}}");
	add("{\"name\":\"maker\",\"when\":{\"makers\":[\"acme\"]},\"then\":{\"deny\":\"x\"}}");
	add("{\"name\":\"all\",\"then\":{\"deny\":\"x\"}}");
	assert_int_equal(mst_rule_set_build(cbor, n_rules, &set, NULL, &d), 0);
	assert_int_equal(mst_rule_set_size(set), 5);
	assert_int_equal(mst_rule_decide(set, &f, &m), 0);
	assert_int_equal(m.place, 2);
	assert_true(mst_view_eq(m.cbor, cbor[2]));
	set = mst_rule_set_free(set);
	add("{\"name\":\"model\",\"then\":{\"deny\":\"x\"}}");
	assert_int_equal(mst_rule_set_build(cbor, n_rules, &set, &bad, &d), MST_MSG_INVALID);
	assert_int_equal(bad, 5);
	assert_string_equal(d.field, "name");
	cbor[1].n--;
	assert_true(mst_rule_set_build(cbor, n_rules, &set, &bad, &d) > 0);
	assert_int_equal(bad, 1);
	/* none at all */
	assert_int_equal(mst_rule_set_build(NULL, 0, &set, NULL, &d), 0);
	assert_int_equal(mst_rule_decide(set, &f, &m), MST_RULE_NONE);
	assert_int_equal(mst_rule_set_name(set, 0).n, 0);
	mst_rule_set_free(set);
}

/* --- random rules and facts --- */

static uint32_t any(uint32_t n)
{
	return (uint32_t)random() % n;
}

/* Few and short texts, so that they meet. */
static struct mst_view any_text(bool star)
{
	static const char *const texts[] = { "a", "ab", "abc", "b", "ba", "bab", "c.1", "c.1.2", "c.12", "1", "12", "123" };
	static const char *const stars[] = { "*", "a*", "ab*", "b*", "c.1*", "1*", "12*" };

	return mst_view_str(star && any(3) == 0 ? stars[any(MST_COUNT(stars))] : texts[any(MST_COUNT(texts))]);
}

static uint16_t any_list(struct mst_view *v, uint32_t *has, unsigned row, bool star)
{
	uint16_t n = (uint16_t)(1 + any(3));

	if (any(5))
		return 0;
	for (uint16_t i = 0; i < n; i++)
		v[i] = any_text(star);
	*has |= UINT32_C(1) << row;
	return n;
}

static int64_t any_degrees(int64_t most)
{
	static const int64_t near[] = { 0, 525200000, 899000000, 1799000000, 450000000 };
	int64_t x = near[any(MST_COUNT(near))] + (int64_t)any(40000000) - 20000000;

	x = any(2) ? x : -x;
	return x > most ? most : x < -most ? -most : x;
}

static void any_areas(struct mst_rule_when *w)
{
	if (!any(4)) {
		w->circle.has = 7;
		w->circle.latitude = any_degrees(90 * MST_DEGREE);
		w->circle.longitude = any_degrees(180 * MST_DEGREE);
		w->circle.radius = 1 + any(any(2) ? 1000000 : 100000);
		w->has |= 1u << MST_RW_CIRCLE;
	}
	if (!any(6)) {
		for (size_t i = 0; i < 3; i++) {
			w->polygon[i].has = 3;
			w->polygon[i].latitude = any_degrees(90 * MST_DEGREE);
			w->polygon[i].longitude = any_degrees(180 * MST_DEGREE);
		}
		w->n_polygon = 3;
		w->has |= 1u << MST_RW_POLYGON;
	}
	if ((w->has & (1u << MST_RW_CIRCLE | 1u << MST_RW_POLYGON)) && any(2)) {
		w->place_from = (int)(1 + any(2));
		w->has |= 1u << MST_RW_PLACE_FROM;
	}
}

static void any_rule(size_t i)
{
	static char names[RULES][8];
	struct mst_rule r = { .has = 1u << MST_RU_NAME | 1u << MST_RU_THEN | 1u << MST_RU_WHEN | 1u << MST_RU_DISABLED | 1u << MST_RU_PUBLIC };
	struct mst_rule_when *w = &r.when;

	snprintf(names[i], sizeof(names[i]), "r%zu", i);
	r.name = mst_view_str(names[i]);
	r.then.has = 1u << MST_RT_DENY;
	r.then.deny = MST_VIEW_LIT("x");
	r.disabled = !any(10);
	r.open = !any(3);
	w->n_sites = any_list(w->sites, &w->has, MST_RW_SITES, true);
	w->n_issuers = any_list(w->issuers, &w->has, MST_RW_ISSUERS, true);
	w->n_node_prefixes = any_list(w->node_prefixes, &w->has, MST_RW_NODES, false);
	w->n_makers = any_list(w->makers, &w->has, MST_RW_MAKERS, true);
	w->n_models = any_list(w->models, &w->has, MST_RW_MODELS, true);
	w->n_batches = any_list(w->batches, &w->has, MST_RW_BATCHES, true);
	w->n_subscriptions = any_list(w->subscriptions, &w->has, MST_RW_SUBSCRIPTIONS, true);
	if (!any(6)) {
		static const char *const arcs[] = { "1", "1.2", "1.", "1.2.3" };

		w->device_prefixes[0] = mst_view_str(arcs[any(4)]);
		w->n_device_prefixes = 1;
		w->has |= 1u << MST_RW_DEVICES;
	}
	if (w->n_node_prefixes || w->n_device_prefixes) {
		w->stated = any(2);
		w->has |= 1u << MST_RW_STATED;
	}
	any_areas(w);
	/* two corners may have come out as one point, or half round the earth: not a rule then */
	if (mst_rule_check(&r, &d))
		w->has &= ~(1u << MST_RW_POLYGON), w->has &= ~(1u << MST_RW_PLACE_FROM), w->n_polygon = 0;
	add_rule(&r);
}

static void any_location(struct mst_location *l)
{
	if (any(2)) {
		l->latitude = any_degrees(90 * MST_DEGREE);
		l->longitude = any_degrees(180 * MST_DEGREE);
		l->has |= 1u << MST_LO_LATITUDE | 1u << MST_LO_LONGITUDE;
	}
	if (any(2)) {
		l->site = any_text(false);
		l->has |= 1u << MST_LO_SITE;
	}
}

static void any_facts(struct mst_rule_facts *f)
{
	static const char *const ids[] = { "1", "1.2", "1.23", "1.2.3.4", "2" };

	*f = (struct mst_rule_facts){ .now = 5, .auth = (int)(1 + any(3)) };
	f->maker = any(4) ? any_text(false) : MST_VIEW_NONE;
	f->model = any_text(false);
	f->batch = any_text(false);
	f->subscription = any(2) ? any_text(false) : MST_VIEW_NONE;
	f->node_id = any_text(false);
	f->unknown = !any(8);
	f->node_proven = any(2);
	f->device_id = mst_view_str(ids[any(5)]);
	f->device_proven = any(2);
	f->issuer_name = any_text(false);
	any_location(&f->place);
	any_location(&f->location);
}

static int keep_first(void *arg, const struct mst_rule_verdict *v)
{
	size_t *first = arg;

	if (v->holds && *first == SIZE_MAX)
		*first = v->place;
	return 0;
}

static void the_index_decides_as_the_list_does(void **state)
{
	size_t found = 0, none = 0, strangers = 0;

	(void)state;
	srandom(42);
	for (int round = 0; round < 400; round++) {
		size_t n = 1 + any(round % 2 ? 10 : RULES - 1);
		struct mst_rule_set *set;

		start();
		for (size_t i = 0; i < n; i++)
			any_rule(i);
		assert_int_equal(mst_rule_set_build(cbor, n_rules, &set, NULL, &d), 0);
		for (int k = 0; k < 100; k++) {
			struct mst_rule_match m = { 0 }, m2 = { 0 };
			struct mst_rule_facts f;
			size_t first = SIZE_MAX;
			int o, o2;

			any_facts(&f);
			o = mst_rule_decide(set, &f, &m);
			o2 = mst_rule_decide_linear(set, &f, &m2);
			assert_int_equal(o, o2);
			assert_int_equal(m.place, m2.place);
			if (k % 10 == 0) {
				assert_int_equal(mst_rule_explain(set, &f, keep_first, &first), 0);
				assert_int_equal(first, o ? SIZE_MAX : m.place);
			}
			found += o == 0;
			none += o == MST_RULE_NONE;
			strangers += o == MST_RULE_NONE_PUBLIC;
		}
		mst_rule_set_free(set);
	}
	assert_true(found > 5000 && none > 2000 && strangers > 500);
}

/* Words of a long rule are cut, not overrun, and stay UTF-8. */
static void long_words(void **state)
{
	char when[2048] = "\"makers\":[\"x\"", facts[64] = "";
	struct mst_rule_set *set;
	bool holds;

	(void)state;
	for (int i = 0; i < 15; i++) {
		strcat(when, ",\"");
		for (int k = 0; k < 31; k++)
			strcat(when, "\xc3\xb6");
		strcat(when, "\"");
	}
	strcat(when, "]");
	set = set_of("", when);
	for (int i = 1; i < 40; i++) {
		struct mst_rule_facts f;

		snprintf(facts, sizeof(facts), "\"maker\":\"%*s\"", i, "a");
		f = facts_of(facts);
		assert_int_equal(mst_rule_explain(set, &f, keep_words, &holds), 0);
		assert_true(strlen(words) < sizeof(words) && strlen(words) > sizeof(words) - 8);
		assert_string_equal(words + strlen(words) - 3, "...");
		assert_true(mst_utf8_valid(mst_view_str(words)));
	}
	mst_rule_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_condition),
		cmocka_unit_test(the_first_wins),
		cmocka_unit_test(the_index_decides_as_the_list_does),
		cmocka_unit_test(long_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
