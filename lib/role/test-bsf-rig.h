/*
 * Roles bsf and zn with the real keeper over a real store, and an HSS that says what a test tells it to: one subscriber, the worked
 * values of spec gba 17.1, one NAF that has a name more and a group.
 */
#ifndef MST_ROLE_TEST_BSF_RIG_H
#define MST_ROLE_TEST_BSF_RIG_H

#include "tests/support/cm.h"

#include "role/bsf/bsf.h"
#include "role/zn/zn.h"

#define NOW INT64_C(1800000000)
#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define BSF "bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@" BSF
#define NONCE "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="
#define GUSS(info, group) "{\"guss\":{\"bsfInfo\":{" info "},\"ussList\":[{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"x\"}]" group "}}]}}"
#define FIRST "Digest username=\"" IMPI "\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\""
#define ASK(btid, naf, more) "{\"btId\":\"" btid "\",\"nafId\":{\"nafFqdn\":\"" naf "\",\"uaSecProtId\":\"01000100AE\"}" more "}"

extern struct rig {
	char dir[128];
	struct mst_store *store;
	struct mst_keeper *keeper;
	struct mst_crypto *c;
	struct mst_channel connector, zn;
	struct mst_role_conf conf;
	void *state;
	mst_time now;
	struct mst_exchange x;
	struct mst_answer a;
	uint8_t content[MST_ANSWER_MAX];
	const char *from;
	char opaque[40], text[1200];
} g;

int up(void **state);
int down(void **state);
struct mst_role_env env(void);
/* In a transaction of its own. The status, -1 when it wants to ask first, or the fault as it is. */
int turn(const struct mst_role_ops *ops, const struct mst_fetch_result *f);
/* Message 1 or 3 on Ub, from `g.from`, or from nowhere. */
int ub(const char *authorization);
/* What the HSS answers: TS 35.208 set 1; another RAND for each `n` but 0. And then the BSF goes on. */
struct mst_fetch_result from_hss(const char *guss, uint8_t n);
int hss(const char *guss, uint8_t n);
/* An answer to the challenge that g.a holds; by RES of the vector, or by something else. */
const char *answer(const char *password);
void bootstrap(const char *guss, uint8_t n);
/* A NAF of that name asks; in parts: g.x is made, turn() is the caller's. */
void zn_prepare(const char *fqdn, const char *content);
int zn(const char *fqdn, const char *content);
int sessions(void);
bool challenge_kept(const char *nonce);

#endif
