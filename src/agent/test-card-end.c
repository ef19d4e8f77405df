/*
 * The agent ends while a card's answer is there and nobody has heard of it: what the answer holds, keys among it, goes with it. Only that the card has refused a PIN,
 * and counted that, is kept.
 */
#include "tests/support/cm.h"

#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/card-int.h"

static void done(struct agent *a, const struct card_reply *r)
{
	(void)a;
	(void)r;
	fail_msg("the loop does not run");
}

/* In place of the keys of a card in software, and of its work: it refuses the PIN. */
int __wrap_card_load_keys(const struct agent_config *cfg, struct mst_crypto *c, struct aka_keys *ret_k, struct mst_diag *d);
int __real_card_load_keys(const struct agent_config *cfg, struct mst_crypto *c, struct aka_keys *ret_k, struct mst_diag *d);
void __wrap_card_work(struct card_work *w);

int __wrap_card_load_keys(const struct agent_config *cfg, struct mst_crypto *c, struct aka_keys *ret_k, struct mst_diag *d)
{
	return cfg->card_pin_file[0] ? 0 : __real_card_load_keys(cfg, c, ret_k, d);
}

void __wrap_card_work(struct card_work *w)
{
	w->reply.r = MST_CARD_PIN_WRONG;
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
static struct agent *asked(struct mst_secenv *env, const char *pin_file)
{
	struct agent_config cfg = { .log_level = AGENT_ERROR, .card_kind = AGENT_CARD_SOFTWARE, .card_timeout = 60 };
	struct card_question q = { .job = CARD_IDENTITY };
	struct agent *a;

	snprintf(cfg.card_key_file, sizeof(cfg.card_key_file), "/nonexistent/usim");
	snprintf(cfg.card_pin_file, sizeof(cfg.card_pin_file), "%s", pin_file);
	a = agent_new(&cfg, false);
	assert_non_null(a);
	a->base = event_base_new();
	assert_non_null(a->base);
	a->env = env;
	assert_int_equal(card_ask(a, &q, done), 0);
	return a;
}

static void ended(struct agent *a)
{
	card_free(a);
	event_base_free(a->base);
	a->base = NULL;
	a->env = NULL;               /* the test's */
	agent_free(a);
}

/* Not a descriptor stays, and under ASan not an octet. */
static void not_heard(void **state)
{
	unsigned before = descriptors();
	struct agent *a = asked(NULL, "");

	(void)state;
	assert_true(descriptors() > before);
	ended(a);
	assert_int_equal(descriptors(), before);
}

/* It would be given to the card again at the next start, and the third time blocks it. */
static void a_refused_pin_is_noted(void **state)
{
	char dir[] = "/tmp/mst-card-end-XXXXXX", pin[64], key[64], command[64];
	struct mst_secenv *env = NULL;
	struct mst_diag d = { 0 };
	uint8_t blob[64];
	size_t n = 0;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(pin, sizeof(pin), "%s/pin", dir);
	fd = open(pin, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && write(fd, "1234", 4) == 4 && !close(fd));
	snprintf(command, sizeof(command), "%s/state", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	if (mst_secenv_file_open(command, key, mst_crypto_openssl(), &env, &d))
		fail_msg("%s: %s", d.field, d.text);
	assert_int_equal(env->ops->load_blob(env, "pin-refused", blob, sizeof(blob), &n, NULL), MST_SECENV_NONE);
	ended(asked(env, pin));
	assert_int_equal(env->ops->load_blob(env, "pin-refused", blob, sizeof(blob), &n, NULL), 0);
	assert_int_equal(n, MST_SHA256_LEN);
	env->ops->close(env);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(not_heard), cmocka_unit_test(a_refused_pin_is_noted) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
