/* What the briefing's tables say, for test-openapi.py: "MESSAGE MEMBER required|optional [VALUE,…]". */
#include <stdio.h>

#include "codec/briefing.h"

static void print_message(const char *name, const struct mst_msg *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct mst_field *f = &m->field[i];

		printf("%s %s %s ", name, mst_name(f->name, MST_PROFILE_LONG), f->flags & MST_F_REQUIRED ? "required" : "optional");
		for (size_t k = 0; f->type == MST_T_ENUM && k < f->values->n; k++)
			printf("%s%s", k ? "," : "", f->values->v[k].text);
		putchar('\n');
	}
}

int main(void)
{
	print_message("Location", &mst_location_msg);
	print_message("Failure", &mst_brief_failure_msg);
	print_message("Ask", &mst_brief_ask_msg);
	print_message("Answer", &mst_brief_answer_msg);
	print_message("Refusal", &mst_brief_refusal_msg);
	print_message("Report", &mst_brief_report_msg);
	return 0;
}
