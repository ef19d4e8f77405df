/*
 * For the tests that run the whole agent: the real program against a provider in this process (test-mock.h), which
 * is served until the program has ended or has said something.
 */
#ifndef AGENT_TEST_RUN_H
#define AGENT_TEST_RUN_H

#include "tests/support/cm.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/test-mock.h"
#include "secenv/secenv.h"

#define DEADLINE_S 60

extern const char *program;          /* muster-agent */
extern struct mock *m;               /* of the running test */
extern char out_path[192], err_path[192];    /* what the agent that was started last says */

int setup(void **state);             /* cmocka's: a mock, and paths in its directory */
int teardown(void **state);

void read_text(const char *path, char *out, size_t cap);
pid_t start_agent(const char *conf, const char *a1, const char *a2);
/* Until the program has ended; its wait status. A program that hangs fails the test with its log. */
int serve_until_exit(pid_t pid);
/* Until `word` stands in the running agent's log, so many times. */
void serve_until(pid_t pid, const char *word);
void serve_until_times(pid_t pid, const char *word, unsigned times);
void serve_a_moment(void);
unsigned said(const char *word);     /* how often until now */
int run(const char *conf, const char *a1, const char *a2);
void expect_exit(int got, int want);
void expect_clean_stop(pid_t pid);
json_t *status_of(const char *conf); /* overwrites err_path's file */
/* The same beside an agent that runs: its log stays what is waited for. */
json_t *status_beside(const char *conf);
const char *text(const json_t *s, const char *object, const char *name);
/* What an agent that does not run keeps; to be closed. */
struct mst_secenv *state_of(const char *name);
/* The active slot of an agent that does not run; slot_put() wipes `c`. */
struct mst_root_cred slot_of(const char *name);
void slot_put(const char *name, struct mst_root_cred *c);
/* Its key has lived for so many seconds and has so many left; when it ends. */
mst_time key_near_the_end(const char *name, int lived, int left);
/* Both sides have the same truth: the agent's active slot is what the MAF saw confirmed. */
void expect_enrolled(const char *conf);

#endif
