/*
 * The agent's configuration reader: whatever is in the file, it opens nothing and answers with a configuration, or with
 * errors of which each names the file.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/place.h"

#define FILE_NAME "/x/muster-agent.conf"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
const char *__lsan_default_suppressions(void);

/* As in fuzz-config.c: libconfig 1.5 forgets the text it was collecting before a syntax error. */
const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

static void check_errors(const char *said)
{
	if (!*said)
		abort();
	for (const char *line = said; *line; line = strchr(line, '\n') + 1)
		if (strncmp(line, FILE_NAME ":", sizeof(FILE_NAME)) || !strchr(line, '\n'))
			abort();
}

static void check_config(const struct agent_config *c)
{
	const char *at = c->methods;
	struct mst_diag d = { 0 };
	int m;

	(void)agent_config_quirks(c);
	(void)agent_config_route(c, "mef.example.com", 8443);
	while (agent_config_method(&at, &m))
		if (!m)
			abort();
	if (c->n_routes > AGENT_ROUTES_MAX || c->n_media > AGENT_MEDIA_MAX || c->backoff_first > c->backoff_max ||
	    !memchr(c->state, 0, sizeof(c->state)) || (c->place.has && !place_good(&c->place, &d)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char text[64 * 1024], said[1 << 20];
	static struct agent_config c;
	FILE *err;

	if (n >= sizeof(text) || memchr(p, 0, n))
		return 0;
	memcpy(text, p, n);
	text[n] = '\0';
	memset(said, 0, sizeof(said));
	err = fmemopen(said, sizeof(said), "w");
	if (!err)
		return 0;
	if (agent_config_parse(FILE_NAME, text, &c, err)) {
		fclose(err);
		check_errors(said);
		return 0;
	}
	fclose(err);
	if (said[0])
		abort();
	check_config(&c);
	return 0;
}
