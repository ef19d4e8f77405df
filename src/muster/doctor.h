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
/* As musterd reads its settings: from the installation's directory, unless it begins with a slash. */
void doctor_place(const struct doctor *d, const char *name, char *out, size_t cap);
/* A file of the keeper's directory, as a setting would name it. */
const char *doctor_of_keeper(const struct doctor *d, const char *file, char out[4096]);
/* One file, certificate or listening address each. */
void doctor_secret_file(struct doctor *d, const char *name, const char *what, const char *remedy);
void doctor_certificate(struct doctor *d, const char *name, const char *what, const char *remedy);        /* `remedy`: when its end is near */
void doctor_port(struct doctor *d, const char *role);
/* What a group in musterd.conf names: key and certificate; of a role its first address, too. */
void doctor_pair(struct doctor *d, const char *group);
void doctor_role(struct doctor *d, const char *role);
void doctor_lists(struct doctor *d);
/* HSS, BSF and its face towards NAFs, where they are configured: their files, and whether they know one another. */
void doctor_gba(struct doctor *d);
void doctor_diameter(struct doctor *d);
void doctor_door(struct doctor *d);
/* `where`: a reader's name or its beginning, "" for any, or a modem's port, which begins with '/'. `pin_file` may be NULL. */
void doctor_card(struct doctor *d, const char *where, const char *pin_file);

/* doctor-keys.c */
void doctor_keys(struct doctor *d);
void doctor_ca_key(struct doctor *d, const json_t *keeper);

#endif
