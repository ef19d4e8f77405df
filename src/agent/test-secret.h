/* A maker's secret for an agent in a test: a file, for the setting psk_file. */
#ifndef AGENT_TEST_SECRET_H
#define AGENT_TEST_SECRET_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/agent.h"
#include "codec/secret-text.h"

/* `path` is a template of mkstemp(); whoever asks removes it. */
static inline void maker_secret_file(struct agent *a, char *path)
{
	const struct mst_key key = { .b = { 7 }, .n = MST_KEY_LEN };
	char text[MST_SECRET_TEXT_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	int fd = mkstemp(path);

	mst_secret_write(&key, &w);
	assert_true(fd >= 0 && w.ok && write(fd, text, w.n) == (ssize_t)w.n && !close(fd));
	snprintf(a->cfg.psk_file, sizeof(a->cfg.psk_file), "%s", path);
	a->has_secret = true;
}

#endif
