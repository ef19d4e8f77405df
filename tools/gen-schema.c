/*
 * Prints what follows from the message tables, so that it cannot drift from the decoder:
 *   gen-schema schema [NAME]   JSON Schema (draft 2020-12) of a message for people; instruction-sequence by default
 *   gen-schema dict            words for a fuzzer: member names and enumeration values
 *   gen-schema rule-dict       the same for owner's rules
 */
#include <stdio.h>
#include <string.h>

#include "codec/briefing.h"
#include "codec/bundle.h"
#include "codec/instr.h"
#include "codec/managed.h"
#include "codec/resources.h"
#include "codec/rule.h"

#define ID "https://muster.example/schema/"

/* In a rule a subscription fills in what an instruction leaves out. */
static bool in_rule;

static void indent(unsigned level)
{
	printf("\n%*s", (int)(level * 2), "");
}

static void quoted(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('"');
}

static void pair(unsigned level, const char *name, const char *value)
{
	indent(level);
	quoted(name);
	printf(": ");
	quoted(value);
	putchar(',');
}

static void object_body(const struct mst_msg *m, unsigned level);

static void base64_body(const struct mst_field *f, unsigned level)
{
	/* lengths in octets, as base64 characters */
	indent(level);
	printf("\"minLength\": %lld, \"maxLength\": %lld,", (long long)(f->min + 2) / 3 * 4,
	       (long long)(f->max + 2) / 3 * 4);
	pair(level, "contentEncoding", "base64");
	indent(level);
	printf("\"pattern\": \"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$\"");
	if (f->type == MST_T_SECRET)
		printf(", \"writeOnly\": true");
}

static void enum_body(const struct mst_field *f, unsigned level)
{
	indent(level);
	printf("\"enum\": [");
	for (size_t i = 0; i < f->values->n; i++) {
		printf("%s", i ? ", " : "");
		quoted(f->values->v[i].text);
	}
	printf("]");
}

/* Members of the schema of one value, behind those that stand before. */
static void value_body(const struct mst_field *f, unsigned level)
{
	static const char *const type[] = {
		[MST_T_STR] = "string", [MST_T_BYTES] = "string", [MST_T_INT] = "integer",
			[MST_T_BOOL] = "boolean",
		[MST_T_TIME] = "string", [MST_T_DURATION] = "string", [MST_T_ENUM] = "string",
			[MST_T_OBJECT] = "object",
		[MST_T_SECRET] = "string",
	};

	indent(level);
	printf("\"type\": \"%s\"", type[f->type]);
	if (f->type != MST_T_BOOL)
		putchar(',');
	switch (f->type) {
	case MST_T_STR:
		/* octets of UTF-8 in our tables, characters in a schema: never stricter than the decoder */
		if (f->check) {
			indent(level);
			printf("\"$comment\": \"%s; %lld octets at most\",", f->expects, (long long)f->max);
		}
		indent(level);
		printf("\"minLength\": %d, \"maxLength\": %lld", f->min > 0, (long long)f->max);
		break;
	case MST_T_INT:
		indent(level);
		printf("\"minimum\": %lld, \"maximum\": %lld", (long long)f->min, (long long)f->max);
		break;
	case MST_T_TIME:
		pair(level, "$comment", "m2m:timestamp, UTC (TS-0004 6.3.3)");
		indent(level);
		printf("\"pattern\": \"^[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9](,[0-9]{1,6})?$\"");
		break;
	case MST_T_DURATION:
		indent(level);
		printf("\"pattern\": \"^P([0-9]+W)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$\"");
		break;
	case MST_T_BYTES: case MST_T_SECRET: base64_body(f, level); break;
	case MST_T_ENUM: enum_body(f, level); break;
	case MST_T_OBJECT: object_body(f->sub, level); break;
	case MST_T_BOOL: break;
	}
}

static void field(const struct mst_field *f, unsigned level)
{
	indent(level);
	quoted(mst_name(f->name, MST_PROFILE_LONG));
	printf(": {");
	pair(level + 1, "description", f->doc);
	if (f->flags & MST_F_LIST) {
		indent(level + 1);
		printf("\"type\": \"array\", \"minItems\": %u, \"maxItems\": %u,", f->list_min, f->list_max);
		indent(level + 1);
		printf("\"items\": {");
		value_body(f, level + 2);
		indent(level + 1);
		putchar('}');
	} else {
		value_body(f, level + 1);
	}
	indent(level);
	putchar('}');
}

/* The rules of lib/codec/instr.c between the members of one instruction. */
static void instruction_rules(unsigned level)
{
	static const char *const only[] = {
		"target", "SUID", "adminFQDN", "mafURI", "expires", "httpPort", "coapPort", "websocketPort",
	};

	putchar(',');
	indent(level);
	printf("\"if\": {\"properties\": {\"kind\": {\"const\": \"bootstrap\"}}},");
	indent(level);
	printf("\"then\": {");
	indent(level + 1);
	printf("\"required\": [%s],", in_rule ? "" : "\"target\", \"adminFQDN\"");
	indent(level + 1);
	printf("\"properties\": {\"method\": {\"enum\": [\"psk\", \"cert\", \"gba\"]}},");
	indent(level + 1);
	printf("\"if\": {\"properties\": {\"method\": {\"const\": \"gba\"}}},");
	indent(level + 1);
	printf("\"then\": {\"properties\": {\"uri\": {\"pattern\": \"^https?://\"}}},");
	indent(level + 1);
	printf("\"else\": {\"properties\": {\"uri\": {\"pattern\": \"^(https|coaps|wss)://\"}}},");
	indent(level + 1);
	printf("\"allOf\": [{");
	indent(level + 2);
	printf("\"if\": {\"properties\": {\"SUID\": {\"const\": 21}}},");
	indent(level + 2);
	printf("\"then\": {\"properties\": {\"target\": {\"pattern\": \"^[^/]\"}}},");
	indent(level + 2);
	printf("\"else\": {\"properties\": {\"target\": {\"pattern\": \"^//\"}, \"mafURI\": false}}");
	indent(level + 1);
	printf("}]");
	indent(level);
	printf("},");
	indent(level);
	printf("\"else\": {");
	indent(level + 1);
	printf("\"properties\": {");
	indent(level + 2);
	printf("\"method\": {\"enum\": [\"file\", \"bbn\", \"bsf\", \"dns-sd\", \"dns-srv\", \"dhcp\"]}");
	for (size_t i = 0; i < MST_COUNT(only); i++) {
		putchar(',');
		indent(level + 2);
		printf("\"%s\": false", only[i]);
	}
	indent(level + 1);
	printf("}");
	indent(level);
	printf("}");
}

/* The rules of lib/codec/briefing.c between members. */
static const struct { const struct mst_msg *msg; const char *rule; } rules[] = {
	{ &mst_location_msg, "\"dependentRequired\": {\"latitude\": [\"longitude\"], \"longitude\": [\"latitude\"], \"accuracy\": [\"latitude\"]}" },
	{ &mst_brief_ask_msg, "\"allOf\": [{\"properties\": {\"methods\": {\"uniqueItems\": true}}}]" },
	{ &mst_brief_answer_msg, "\"allOf\": [{\"properties\": {\"sequence\": {\"required\": [\"id\"]}}}]" },
	{ &mst_brief_report_msg, "\"if\": {\"properties\": {\"enrolled\": {\"const\": true}}}, "
				 "\"then\": {\"properties\": {\"done\": {\"const\": true}}}, "
				 "\"else\": {\"properties\": {\"target\": false}}" },
};

/* The rules of lib/codec/bundle.c: one way to say for whom. */
static void bundle_rules(unsigned level)
{
	putchar(',');
	indent(level);
	printf("\"anyOf\": [{\"required\": [\"nodes\"]}, {\"required\": [\"any\"]}, {\"required\": [\"maker\"]}, "
	       "{\"required\": [\"model\"]}, {\"required\": [\"batch\"]}],");
	indent(level);
	printf("\"dependentSchemas\": {");
	indent(level + 1);
	printf("\"any\": {\"properties\": {\"any\": {\"const\": true}, \"nodes\": false, \"maker\": false, \"model\": false, "
	       "\"batch\": false}},");
	indent(level + 1);
	printf("\"nodes\": {\"properties\": {\"maker\": false, \"model\": false, \"batch\": false}}");
	indent(level);
	putchar('}');
}

static void object_body(const struct mst_msg *m, unsigned level)
{
	bool first = true;

	if (m->doc)
		pair(level, "title", m->what);
	indent(level);
	printf("\"additionalProperties\": %s,", m->open ? "true" : "false");
	indent(level);
	printf("\"required\": [");
	for (size_t i = 0; i < m->n; i++) {
		if (!(m->field[i].flags & MST_F_REQUIRED))
			continue;
		printf("%s", first ? "" : ", ");
		quoted(mst_name(m->field[i].name, MST_PROFILE_LONG));
		first = false;
	}
	printf("],");
	indent(level);
	printf("\"properties\": {");
	for (size_t i = 0; i < m->n; i++) {
		if (i)
			putchar(',');
		field(&m->field[i], level + 1);
	}
	indent(level);
	putchar('}');
	if (m == mst_sequence_msg.field[MST_SQ_INSTRUCTIONS].sub)
		instruction_rules(level);
	for (size_t i = 0; i < MST_COUNT(rules); i++) {
		if (m != rules[i].msg)
			continue;
		putchar(',');
		indent(level);
		printf("%s", rules[i].rule);
	}
	if (m == &mst_bundle_msg)
		bundle_rules(level);
	if (m == mst_rule_msg.field[MST_RU_THEN].sub) {
		putchar(',');
		indent(level);
		printf("\"oneOf\": [{\"required\": [\"instructions\"]}, "
		       "{\"required\": [\"deny\"], \"properties\": {\"validFor\": false, \"order\": false}}]");
	}
}

/* What has a schema of its own. */
static const struct { const char *name, *source; const struct mst_msg *msg; } published[] = {
	{ "instruction-sequence", "instr.c", &mst_sequence_msg },
	{ "briefing-request", "briefing.c", &mst_brief_ask_msg },
	{ "briefing", "briefing.c", &mst_brief_answer_msg },
	{ "briefing-refusal", "briefing.c", &mst_brief_refusal_msg },
	{ "briefing-report", "briefing.c", &mst_brief_report_msg },
	{ "bundle", "bundle.c", &mst_bundle_msg },
	{ "management-objects", "managed.c", &mst_objects_msg },
	{ "rule", "rule.c", &mst_rule_msg },
};

static int schema(const char *name)
{
	size_t i = 0;

	while (i < MST_COUNT(published) && strcmp(published[i].name, name) != 0)
		i++;
	if (i == MST_COUNT(published))
		return fprintf(stderr, "gen-schema: no message \"%s\"\n", name), 2;
	in_rule = published[i].msg == &mst_rule_msg;
	putchar('{');
	pair(1, "$schema", "https://json-schema.org/draft/2020-12/schema");
	indent(1);
	printf("\"$id\": \"" ID "%s.schema.json\",", name);
	indent(1);
	printf("\"$comment\": \"generated by tools/gen-schema from lib/codec/%s; do not edit\",", published[i].source);
	pair(1, "description", published[i].msg->doc);
	indent(1);
	printf("\"type\": \"object\",");
	object_body(published[i].msg, 1);
	printf("\n}\n");
	return 0;
}

static void words(const struct mst_msg *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct mst_field *f = &m->field[i];

		printf("\"\\\"%s\\\":\"\n", mst_name(f->name, MST_PROFILE_LONG));
		for (size_t v = 0; f->values && v < f->values->n; v++)
			printf("\"\\\"%s\\\"\"\n", f->values->v[v].text);
		if (f->sub)
			words(f->sub);
	}
}

static void dict(void)
{
	static const struct mst_msg *const table[] = {
		&mst_sequence_msg, &mst_mef_client_reg_msg, &mst_key_reg_msg, &mst_fetched_msg,
			&mst_client_cmd_msg,
		&mst_mef_client_cfg_msg, &mst_brief_ask_msg, &mst_brief_refusal_msg, &mst_brief_report_msg,
	};

	printf("# generated by tools/gen-schema from the message tables\n");
	for (size_t i = 0; i < MST_COUNT(table); i++) {
		if (table[i]->root != MST_N_NONE)
			printf("\"\\\"%s\\\":\"\n", mst_name(table[i]->root, MST_PROFILE_LONG));
		words(table[i]);
	}
}

static void rule_dict(void)
{
	printf("# generated by tools/gen-schema from the message tables\n");
	words(&mst_rule_msg);
	words(&mst_rule_facts_msg);
}

int main(int argc, char **argv)
{
	int r = 0;

	if ((argc == 2 || argc == 3) && strcmp(argv[1], "schema") == 0)
		r = schema(argc == 3 ? argv[2] : "instruction-sequence");
	else if (argc == 2 && strcmp(argv[1], "dict") == 0)
		dict();
	else if (argc == 2 && strcmp(argv[1], "rule-dict") == 0)
		rule_dict();
	else
		return fprintf(stderr, "usage: gen-schema schema [NAME]|dict|rule-dict\n"), 2;
	return r ? r : ferror(stdout) || fflush(stdout) ? 1 : 0;
}
