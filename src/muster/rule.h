/* What `muster rule` consists of: flags and files to a rule, a rule to words. */
#ifndef MUSTER_RULE_H
#define MUSTER_RULE_H

#include "muster.h"

/*
 * The flags of add and edit, taken out of argv. Positional arguments stay: their count is returned, or -1 after having
 * explained a mistake.
 */
struct rule_flags {
	json_t *top, *when, *then;      /* members that were given */
	const char *file;               /* --file */
	const char *before, *after, *position;
};
int rule_flags_take(struct rule_flags *f, int argc, char **argv);
void rule_flags_free(struct rule_flags *f);
/* Anything that says what the rule is, besides --file and where it goes? */
bool rule_flags_any(const struct rule_flags *f);
/* Lay them over a rule. */
void rule_flags_apply(const struct rule_flags *f, json_t *rule);
/* before, after, position into a request. False: explained. */
bool rule_flags_place(const struct rule_flags *f, json_t *body);

/*
 * Rules of a file: one rule, a list, or what `muster rule show --json` and `list --json` print. Appends to `list`;
 * *ret_set (may be NULL) is the number of the set in it, 0 when it has none. False: explained.
 */
bool rule_file_read(const char *path, json_t *list, json_int_t *ret_set);

/* "site north*, maker acme" and "cert https://mef.example.com, then bbn …"; static buffers, one each. */
const char *rule_when_words(const json_t *rule);
const char *rule_then_words(const json_t *rule);

#endif
