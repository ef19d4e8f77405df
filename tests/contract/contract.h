/*
 * Contract of the store: one suite for every database. A program gets "sqlite:" and makes each test's store in a directory of its
 * own, or the URL of an empty database of a server, and makes each one's in a schema of its own (tests/support/postgres.py).
 */
#ifndef TESTS_CONTRACT_CONTRACT_H
#define TESTS_CONTRACT_CONTRACT_H

#include "tests/support/cm.h"

#include "store/store.h"

struct fix {
	struct mst_store *s;
	char dir[64], url[400], path[128], schema[32];
};

extern const char *contract_prefix;
/* Of a server: as another program. */
void contract_sql(const char *sql);

int contract_set_up(void **state);
int contract_tear_down(void **state);
void contract_reopen(struct fix *f);
/* A path that no test has used before; the caller removes the directory with contract_tear_down(). */
struct fix *contract_new(void);

/* Rows with every member set, told apart by `i`. */
struct mst_subscription make_sub(int i);
struct mst_node make_node(int i);
struct mst_registration make_reg(int i);
struct mst_keyreg make_keyreg(int i, int reg);
struct mst_credential make_cred(int i);
struct mst_cert_row make_cert(int i);
struct mst_event make_event(int i);
struct mst_sim make_sim(int i);

/*
 * One decision that touches every table, for node `i`. Returns the first fault. Whether it is there, and
 * whole: 1 all of it, 0 nothing of it; anything between fails the test.
 */
int write_decision(struct mst_store *s, int i);
int read_decision(struct mst_store *s, int i);
/* A group with that one decision. */
int group_of_one(struct mst_store *s, int i);
/* Things that hold at any time: the audit chain, the counters. Returns how many nodes there are. */
int64_t check_invariants(struct mst_store *s);

/* What takes 0022 and what came after it back: for databases as they were before. */
#define CONTRACT_BACK_0022 " DROP INDEX credential_head; DROP INDEX keyreg_head; DROP INDEX sim_head; DROP INDEX gba_session_head; DROP INDEX gba_run_head;" \
			   " ALTER TABLE rotation DROP COLUMN stays;" CONTRACT_BACK_0023
#define CONTRACT_BACK_0023 " DROP INDEX gba_session_subscriber; ALTER TABLE gba_session DROP COLUMN subscriber; DROP TABLE gba_tmpi;" \
			   " CREATE INDEX gba_session_impi ON gba_session (impi, created);" \
			   " CREATE TABLE gba_tmpi (impi TEXT NOT NULL PRIMARY KEY, tmpi TEXT NOT NULL UNIQUE, made BIGINT NOT NULL);" CONTRACT_BACK_0024
#define CONTRACT_BACK_0024 " DROP INDEX identity_of_cse; DROP INDEX node_of_cse; DROP INDEX subscription_by_sp;"
/* A database as it was before 0021, in which IMPIs are as somebody typed them; `by_hand` makes those changes while the store is closed. */
void contract_realms_before_0021(struct fix *f, void (*by_hand)(const struct fix *f, const char *sql));

#endif
