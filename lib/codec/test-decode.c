/*
 * Helper of test-schema.py and test-rule-schema.py, not a test by itself: decodes sequences (with the argument "bundle"
 * bundles, with "rule" rules) from standard input, one JSON text a line, and prints outcome, field and text, one line each.
 */
#include <stdio.h>
#include <string.h>

#include "codec/bundle.h"
#include "codec/rule.h"

int main(int argc, char **argv)
{
	static char line[2 * MST_SEQ_OCTETS];
	static uint8_t octets[MST_BUNDLE_OCTETS];
	static struct mst_sequence s;
	static struct mst_bundle b;
	bool bundle = argc > 1 && !strcmp(argv[1], "bundle");
	static struct mst_rule r;
	bool rule = argc > 1 && strcmp(argv[1], "rule") == 0;

	while (fgets(line, sizeof(line), stdin)) {
		struct mst_arena a = mst_arena_of(octets, sizeof(octets));
		struct mst_diag d = { 0 };
		int o;

		line[strcspn(line, "\n")] = '\0';
		o = bundle ? mst_bundle_read_json(mst_view_str(line), &a, &b, &d)
		    : rule ? mst_rule_read_json(mst_view_str(line), &a, &r, &d)
			   : mst_sequence_read_json(mst_view_str(line), &a, &s, &d);
		printf("%d\t%s\t%s\t%s\n", o, mst_msg_outcome_text(o), d.field, d.text);
	}
	return ferror(stdin) || ferror(stdout);
}
