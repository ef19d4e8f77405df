/*
 * Where `muster init` makes an installation, so that a failure leaves nothing half made behind and of two at once one wins: beside the
 * place, under a name that is nobody else's, and moved there whole. Where that cannot be, in an empty directory that is ours
 * (/var/lib/muster, whose user may not write in /var/lib): in HALF_MADE inside of it, and moved out from there with the configuration last, by which
 * it is an installation.
 */
#ifndef MUSTER_INIT_PLACE_H
#define MUSTER_INIT_PLACE_H

#include <stdbool.h>

#define HALF_MADE ".making"            /* while it is in the place, what is there is no installation */

/* The installation of musterd.service. Nobody else gets into its directory, so its socket is elsewhere. */
#define UNIT_DIR "/var/lib/muster"
#define UNIT_SOCKET "/run/muster/admin.sock"
bool place_is_units(const char *dir);

/* `lock`: what is being built beside the place is locked by who builds it; what is not is left of one that died. */
struct place { const char *dir; char building[4200]; bool inside; int lock; };
/* EXIT_DONE: build in `building`, then place_end(). Else explained. */
int place_begin(struct place *p, const char *dir);
/* `r`: EXIT_DONE when it was built; else it is removed. What became of it. */
int place_end(struct place *p, int r);

#endif
