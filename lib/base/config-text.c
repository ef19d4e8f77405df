#include "base/config-text.h"

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
