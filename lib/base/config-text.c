#include "base/config-text.h"

#include <stdint.h>
#include <string.h>

/* Behind the quote that ends a text; `p` is behind the one that began it. */
static const char *past_quote(const char *p)
{
	for (; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : p;
}

const char *mst_config_past(const char *p)
{
	if (*p == '"')
		return past_quote(p + 1);
	if (*p == '#' || !strncmp(p, "//", 2))
		return p + strcspn(p, "\n");
	if (!strncmp(p, "/*", 2)) {
		const char *end = strstr(p + 2, "*/");

		return end ? end + 2 : p + strlen(p);
	}
	return p;
}

bool mst_config_has_include(const char *text, unsigned *ret_line)
{
	unsigned line = 1;

	for (const char *p = text; p; p = strchr(p, '\n')) {
		if (*p == '\n') {
			p++;
			line++;
		}
		p += strspn(p, " \t\r");
		if (!strncmp(p, "@include", 8)) {
			*ret_line = line;
			return true;
		}
	}
	return false;
}

static unsigned digit_of(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (unsigned)(at - digits) % 16 : 16;
}

/* Is that word, of `n` characters, a whole number without L, and too large? */
static bool wraps(const char *word, size_t n)
{
	bool hex = n > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X'), minus = *word == '-';
	size_t at = hex ? 2 : minus || *word == '+' ? 1 : 0;
	unsigned base = hex ? 16 : 10;
	uint64_t x = 0, most = (uint64_t)INT32_MAX + minus;

	for (; at < n && digit_of(word[at]) < base; at++)
		x = x > most ? x : x * base + digit_of(word[at]);
	return at == n && x > most;
}

bool mst_config_has_wrapped_number(const char *text, unsigned *ret_line)
{
	const char *p = text;

	while (*p) {
		const char *past = mst_config_past(p);
		size_t word = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+*");

		if (past != p) {
			p = past;
			continue;
		}
		if (wraps(p, word)) {
			*ret_line = 1;
			for (const char *q = text; q < p; q++)
				*ret_line += *q == '\n';
			return true;
		}
		p += word ? word : 1;
	}
	return false;
}

void mst_config_show_nul(char *text)
{
	for (char *p = text; *p;) {
		char *past = text + (mst_config_past(p) - text);

		for (char *q = p + 1; *p == '"' && q < past; q++) {
			if (*q != '\\')
				continue;
			q++;
			if ((*q == 'x' || *q == 'X') && q[1] == '0' && q[2] == '0')
				q[2] = '1';
		}
		p = past == p ? p + 1 : past;
	}
}

bool mst_config_has_control(const char *value)
{
	for (const unsigned char *p = (const unsigned char *)value; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return true;
	return false;
}
