/*
 * Roles bsf and zn with the real keeper over a real store, an HSS that gives TS 35.208 set 1, and a UE that knows it.
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

struct bsf_rig {
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
	const char *from, *name;
	int64_t mark;                   /* of the question that was asked last: what comes is given back with it */
	uint8_t res_n;                  /* octets of RES; 0: all 8 */
	char opaque[40], text[1200];
};
extern struct bsf_rig g;
/* A SIM of this installation with its node and subscription: a_home() makes what is usual, keep_home() writes it down. */
struct bsf_home { struct mst_subscription sub; struct mst_node node; struct mst_sim sim; };
extern struct bsf_home home;
void a_home(const char *node_id);
void keep_home(bool insert);

int bsf_up(void **state);
int bsf_down(void **state);
struct mst_role_env bsf_env(void);
/* In a transaction of its own. The status, -1 when it wants to ask first, or the fault as it is. */
int turn(const struct mst_role_ops *ops, const struct mst_fetch_result *f);
/* From `g.from`, or from nowhere. */
int ub(const char *authorization);
/* TS 35.208 set 1, as spec gba 17.1 has it; another RAND for each `n` but 0. */
struct mst_fetch_result from_hss(const char *guss, uint8_t n);
int hss(const char *guss, uint8_t n);
/* An answer to the challenge that g.a holds, as `g.name`; by RES of the vector, or by something else. */
const char *answer(const char *password);
/* What a stranger has who knows an IMPI and nothing else: first messages, guesses, and this, the AUTS of nobody's card. */
const char *forged_auts(void);
void bootstrap(const char *guss, uint8_t n);
/* A NAF of that name asks; in parts: g.x is made, turn() is the caller's. */
void zn_prepare(const char *fqdn, const char *content);
int zn(const char *fqdn, const char *content);
int sessions(void);
bool challenge_kept(const char *nonce);

#endif
