/* Small readers and writers that the payload files share. */
#ifndef MST_SERVER_FRAME_INTERNAL_H
#define MST_SERVER_FRAME_INTERNAL_H

#include "base/writer.h"

void mst_put_text16(struct mst_writer *w, const char *s);
void mst_get_text16(struct mst_reader *r, char *out, size_t cap);     /* latches: too long, or a NUL inside */
int mst_get_enum(struct mst_reader *r, int count);                    /* one octet below `count`; latches */

#endif
