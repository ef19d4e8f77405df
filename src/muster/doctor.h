/* Between the files of `muster doctor`. */
#ifndef MUSTER_DOCTOR_H
#define MUSTER_DOCTOR_H

#include <libconfig.h>

#include "base/view.h"
#include "muster.h"

struct doctor {
	struct muster *m;
	config_t conf;
	json_t *found;
	unsigned bad;
	struct mst_view ca;              /* the keeper's certificate, while lists are looked at */
};

void doctor_finding(struct doctor *d, bool good, const char *what, const char *detail, const char *remedy);
void doctor_lists(struct doctor *d);
void doctor_diameter(struct doctor *d);
/* `where`: a reader's name or its beginning, "" for any, or a modem's port, which begins with '/'. `pin_file` may be NULL. */
void doctor_card(struct doctor *d, const char *where, const char *pin_file);

#endif
