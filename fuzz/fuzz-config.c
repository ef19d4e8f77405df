/* The configuration reader: whatever is in the file, it answers with errors or a configuration. */
#include <stdlib.h>
#include <string.h>

#include "server/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 forgets the text it was collecting when a string is followed by a syntax error: a few octets
 * for each refused reload, not ours to free. */
const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char text[64 * 1024], back[128 * 1024];
	struct mst_conf_report r = { 0 };
	struct mst_writer w = mst_writer_of(back, sizeof(back));
	struct mst_conf *c;

	if (n >= sizeof(text) || memchr(p, 0, n))
		return 0;
	memcpy(text, p, n);
	text[n] = '\0';
	if (mst_conf_read("/x/musterd.conf", text, &r, &c)) {
		if (!r.errors)
			abort();
		return 0;
	}
	mst_conf_print(c, &w);
	if (!w.ok)
		abort();
	mst_conf_free(c);
	return 0;
}
