/* The comma-separated parameters that the three headers are made of. */
#ifndef MST_PROTO_GBA_PARAMS_H
#define MST_PROTO_GBA_PARAMS_H

#include "proto/gba/digest.h"

enum gba_param {
	P_USERNAME, P_REALM, P_NONCE, P_URI, P_RESPONSE, P_QOP, P_NC, P_CNONCE, P_OPAQUE, P_ALGORITHM, P_AUTS, P_STALE, P_RSPAUTH,
	P_NEXTNONCE, P__COUNT
};

struct gba_params { uint32_t has; struct mst_view v[P__COUNT]; };

/* Parameters up to the end, or up to the name of the next scheme (`schemes`), where `*rest` then stands. */
int gba_params_read(struct mst_view *rest, bool schemes, struct gba_params *ret_p, struct mst_diag *d);
/* A scheme's name and the blanks behind it; false at the end. */
bool gba_scheme_read(struct mst_view *rest, struct mst_view *ret_name);
/* Skip what belongs to a scheme that is not ours, in whatever form. */
int gba_scheme_skip(struct mst_view *rest, struct mst_diag *d);

bool gba_param_has(const struct gba_params *p, enum gba_param which);
const char *gba_param_name(enum gba_param which);
/* `, name="value"`, the comma unless it is the first (`*n` counts). A value that cannot stand in quotes latches. */
void gba_put_quoted(struct mst_writer *w, unsigned *n, enum gba_param which, struct mst_view v);
void gba_put_plain(struct mst_writer *w, unsigned *n, enum gba_param which, struct mst_view v);
bool gba_lower_hex(struct mst_view v, size_t n);
int gba_bad(struct mst_diag *d, const char *field, const char *text);

#endif
