/* An HSS with the real keeper, one SIM in the rig's node, and the card that goes with it. */
#ifndef MST_ROLE_TEST_HSS_RIG_H
#define MST_ROLE_TEST_HSS_RIG_H

#include "proto/aka/sim.h"
#include "role/test-est-rig.h"

#define HSS_IMSI "001010000000001"
#define HSS_IMPI HSS_IMSI "@ims.mnc001.mcc001.3gppnetwork.org"
#define HSS_BSF "bsf.sp.example.com"
#define HSS_AUTH "/nhss-gba-ueau/v1/impi-" HSS_IMPI "/security-information/generate-auth-data"
#define HSS_SDM "/nhss-gba-sdm/v1/impi-" HSS_IMPI "/subscriber-data"
#define HSS_PLAIN_ASK "{\"authenticationScheme\":\"DIGEST_AKAV1_MD5\"}"

extern struct aka_sim hss_sim;
extern struct aka_usim hss_card;

int hss_up(void **state);
int hss_down(void **state);
/* One request from the BSF of that name; the answer's status, and its content with what the listener puts in in est_rig.text. */
int hss_ask(const char *bsf, enum mst_op op, const char *to, const char *content);
/* The same in parts: est_rig.x is made, rig_handle() is the caller's, and nothing is put into the content. */
void hss_prepare(const char *bsf, enum mst_op op, const char *to, const char *content);
const char *hss_resync_ask(const uint8_t rnd[16], const uint8_t auts[14]);
int hss_vector(void);
int hss_resync(const uint8_t rnd[16], const uint8_t auts[14]);
/* The vector of the last answer. */
struct hss_got { uint8_t rnd[16], autn[16], xres[16], ck[16], ik[16]; size_t xres_n; };
struct hss_got hss_got(void);
/* What the card says to it: as aka_usim_run(); on 0 RES, CK and IK are those of the vector. */
int hss_card_takes(const struct hss_got *g, struct aka_answer *ret);
struct mst_sim hss_row(void);
void hss_put_row(const struct mst_sim *s);

#endif
