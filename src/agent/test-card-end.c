/* The agent ends while a card's answer is there and nobody has heard of it: what the answer holds, keys among it, goes with it. */
#include "tests/support/cm.h"

#include <dirent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/card.h"

static void done(struct agent *a, const struct card_reply *r)
{
	(void)a;
	(void)r;
	fail_msg("the loop does not run");
}

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A card in software answers in the call itself; here with an error, for there is no file with its keys. */
static struct agent *asked(void)
{
	struct agent_config cfg = { .log_level = AGENT_ERROR, .card_kind = AGENT_CARD_SOFTWARE, .card_timeout = 60 };
	struct card_question q = { .job = CARD_IDENTITY };
	struct agent *a;

	snprintf(cfg.card_key_file, sizeof(cfg.card_key_file), "/nonexistent/usim");
	a = agent_new(&cfg, false);
	assert_non_null(a);
	a->base = event_base_new();
	assert_non_null(a->base);
	assert_int_equal(card_ask(a, &q, done), 0);
	return a;
}

static void ended(struct agent *a)
{
	card_free(a);
	event_base_free(a->base);
	a->base = NULL;
	agent_free(a);
}

/* Not a descriptor stays, and under ASan not an octet. */
static void not_heard(void **state)
{
	unsigned before = descriptors();
	struct agent *a = asked();

	(void)state;
	assert_true(descriptors() > before);
	ended(a);
	assert_int_equal(descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(not_heard) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
