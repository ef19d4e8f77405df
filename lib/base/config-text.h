/*
 * What libconfig would do to a configuration's text without a word, found before it reads it: a text that it would cut at
 * `\x00`, a number that it would take modulo 2^32, a file that it would read in place of ours. Strings end with NUL; nothing here knows a setting.
 */
#ifndef MST_BASE_CONFIG_TEXT_H
#define MST_BASE_CONFIG_TEXT_H

#include <stdbool.h>

/* Behind the comment or the text in quotes that begins at `p`; `p` itself when none does. */
const char *mst_config_past(const char *p);
/* Is there a line with @include? Its number in *ret_line. */
bool mst_config_has_include(const char *text, unsigned *ret_line);
/* Is there a whole number without L, decimal or hex, that 32 bits do not hold? 4294967298 would be 2 and pass for good. Its line in *ret_line. */
bool mst_config_has_wrapped_number(const char *text, unsigned *ret_line);
/* `\x00` inside quotes becomes `\x01`, in place: who reads the value finds a control character instead of its end. */
void mst_config_show_nul(char *text);
/* Does a value hold a control character (below 20 in hex, or 7F)? */
bool mst_config_has_control(const char *value);

#endif
