/* A world for tests of Ub: a UE with a software card, a BSF in few lines, an AuC; messages pass as text. */
#ifndef MST_PROTO_GBA_TEST_WORLD_H
#define MST_PROTO_GBA_TEST_WORLD_H

#include "tests/support/cm.h"

#include "base/text.h"
#include "proto/aka/vectors.h"
#include "proto/gba/bsf.h"
#include "proto/gba/ue.h"
#include "xml/xml.h"

#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define BSF "bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@" BSF
#define NONCE "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="
#define NOW 1800000000
#define ORDER "{\"version\":1}"


extern struct mst_crypto *c;
extern const uint8_t cnonce[GBA_CNONCE], opaque[GBA_OPAQUE];

/* A message as the transport would give it. */
struct message { char text[40000]; struct mst_http_msg m; };
void split(struct message *x, struct mst_view text);

struct world {
	struct aka_keys k;
	struct aka_usim card;
	uint64_t last;                       /* of the AuC */
	uint8_t next_rand;
	uint8_t amf[AKA_AMF];
	struct gba_run_config rc;
	struct gba_run run;
	struct gba_av av;
	struct gba_session session;
	uint8_t ks[GBA_KS];
	struct gba_ue ue;
	struct gba_ue_config uc;
	struct message request, answer;
	enum gba_judgement judged;
	unsigned challenges;
	mst_time now;
	mst_ms ms;
	const char *instructions, *configuration;
	bool server_tmpi, gba_u;
};

struct world *world_new(void);
void world_free(struct world *w);
struct aka_vector vector(struct world *w);
/* Both halves of a judgement, as the role and the keeper have them between them. */
enum gba_judgement judge(struct world *w, const struct gba_ask *a, struct mst_diag *d);
void open_session(struct world *w, int64_t lifetime);
/* The role in few lines: what w->request holds is answered into w->answer. */
void bsf(struct world *w);
void start(struct world *w);
/* One step of the UE; false when it has nothing more to do. */
bool step(struct world *w);
void to_the_end(struct world *w);
void done(const struct world *w);            /* the UE is, or the test fails and says why */

#endif
