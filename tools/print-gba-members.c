/* What the tables of GBA over the SBI say, for test-openapi.py: "+MESSAGE MEMBER required|optional [VALUE,…]". Argument: hss or zn. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "codec/gba-sbi.h"

/* A message within a message is called as its member, with a capital: uss, Uss. */
static void print_message(const char *name, const struct mst_msg *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct mst_field *f = &m->field[i];

		printf("%s%s %s %s ", m->open ? "+" : "", name, mst_name(f->name, MST_PROFILE_LONG), f->flags & MST_F_REQUIRED ? "required" : "optional");
		for (size_t k = 0; f->type == MST_T_ENUM && k < f->values->n; k++)
			printf("%s%s", k ? "," : "", f->values->v[k].text);
		putchar('\n');
	}
	for (size_t i = 0; i < m->n; i++)
		if (m->field[i].type == MST_T_OBJECT) {
			char sub[64];

			snprintf(sub, sizeof(sub), "%s", mst_name(m->field[i].name, MST_PROFILE_LONG));
			sub[0] = (char)toupper((unsigned char)sub[0]);
			print_message(sub, m->field[i].sub);
		}
}

int main(int argc, char **argv)
{
	bool hss = argc > 1 && !strcmp(argv[1], "hss");

	print_message(hss ? "Ask" : "InfoRequest", hss ? &mst_zh_ask_msg : &mst_zn_ask_msg);
	print_message(hss ? "Vector" : "Info", hss ? &mst_zh_answer_msg : &mst_zn_answer_msg);
	if (hss)
		print_message("SubscriberData", &mst_sdm_answer_msg);
	print_message("Problem", &mst_problem_msg);
	return 0;
}
