/* Inside a struct muster_card_room: the conversation with a BSF, and the way to the card. device-card.c; the rest of the device calls it. */
#ifndef MST_ENROLEE_DEVICE_CARD_H
#define MST_ENROLEE_DEVICE_CARD_H

#include "enrolee/device.h"
#include "muster/card.h"
#include "secenv/card.h"

#define CARD_INFO_OCTETS 16384           /* texts of a BSF's answer: that fits into DEVICE_IO_OCTETS */

enum device_card_stage { CARD_IDLE, CARD_IDENTITY, CARD_DIALOGUE };
struct device_card {
	struct mst_card_port apdu;           /* the first member: transmit() gets back to the rest from it */
	struct muster_card port;
	enum device_card_stage stage;
	struct gba_ue ue;
	struct enrolee_peer bsf;
	char host[MST_ID_MAX + 8];
	unsigned sessions, reopened;
	bool open, waits, served;
	enum prov_reason lost;
	uint8_t info[CARD_INFO_OCTETS];
};
_Static_assert(sizeof(struct device_card) <= sizeof(struct muster_card_room), "MUSTER_CARD_SIZE is too small: a new major version");
_Static_assert(_Alignof(struct device_card) <= _Alignof(struct muster_card_room), "alignment");
_Static_assert(MUSTER_APDU_MAX == MST_APDU_ANSWER_MAX && (int)MUSTER_CARD_ISIM == (int)MST_CARD_ISIM, "as within");

/* False: that is no card's port. */
MST_MUST_CHECK bool device_card_init(struct device *d, const struct muster_card *c);
void device_card_reset(struct device *d);
/* Is the session, or the want, one of the conversation with the BSF? */
bool device_card_talks(const struct device *d);
enum muster_want device_card_want(const struct device *d);       /* BOOTSTRAP or NAF_KEY is the enrolee's want */
void device_card_settle(struct device *d, mst_ms now, mst_time utc);
void device_card_describe(struct device *d);
void device_card_request(struct device *d);
mst_ms device_card_deadline(const struct device *d);
void device_card_opened(struct device *d);
void device_card_sent(struct device *d);
void device_card_feed(struct device *d, const struct mst_http_msg *m, mst_ms now, mst_time utc);
void device_card_lost(struct device *d, enum prov_reason r, const char *detail, mst_ms now, mst_time utc);
void device_card_tick(struct device *d, mst_ms now);

#endif
