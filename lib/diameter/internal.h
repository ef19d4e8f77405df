/* Between node.c (queue, messages), peers.c (who may talk), settings.c (what the library reads) and dictionary.c. */
#ifndef MST_DIAMETER_INTERNAL_H
#define MST_DIAMETER_INTERNAL_H

#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>
#include <gnutls/x509.h>

#include "diameter/diameter.h"

struct mst_diam_files { int fd[160]; size_t n; char settings[32]; gnutls_x509_crt_t without[MST_DIAM_WITHOUT]; unsigned n_without; };

enum diam_what { DIAM_REQUEST, DIAM_ANSWER, DIAM_NONE, DIAM_PEER };
/* What a thread of the library saw. */
struct diam_event {
	struct diam_event *next;
	enum diam_what what;
	uint64_t id;
	struct msg *msg;                       /* REQUEST: kept for the answer */
	uint8_t *raw;
	size_t n_raw;
	char peer[MST_ID_MAX], words[160];
	size_t place;                          /* REQUEST: of the peer that it came from */
	bool flag;                             /* REQUEST: relay; NONE: unreachable; PEER: open */
};
/* The node's queue; takes `e`. NULL is fine. */
void diam_post(struct diam_event *e);
struct diam_event *diam_event(enum diam_what what, uint64_t id);
void diam_say(bool error, const char *text);

/* dictionary.c */
struct diam_dict { struct dict_object *app[2], *command[2], *vendor; };     /* Zn, Zh */
MST_MUST_CHECK int diam_dictionary(struct diam_dict *d);
MST_MUST_CHECK int diam_add_avps(msg_or_avp *to, struct mst_view avps);

/* settings.c */
MST_MUST_CHECK int diam_settings(const struct mst_diam_config *c, struct mst_diam_files *f, struct mst_diag *d);
void diam_settings_close(struct mst_diam_files *f);
/* Once the library has read its settings, and before it meets anybody. */
MST_MUST_CHECK int diam_settings_without(const struct mst_diam_files *f);

/* peers.c: tables of who is configured and who is connected; from any thread. */
MST_MUST_CHECK int diam_peers_begin(const struct mst_diam_config *c);
MST_MUST_CHECK int diam_peers_hooks(bool tls);
void diam_peers_end(void);
/* May this connected peer be heard? Then: which of those that are configured it is, and how many are connected, it among them. */
struct diam_peer { size_t place, open; bool relay; };
bool diam_peer_good(const char *identity, size_t n, struct diam_peer *ret_p);
/* An answer that the library threw away: whose it would have been. */
void diam_dropped(struct msg *m, const char *why);

#endif
