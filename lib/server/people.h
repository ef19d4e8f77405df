/*
 * Who asks at admin.listen is told by the user id that the kernel gives (SO_PEERCRED), in the numbers of the user namespace that
 * musterd runs in. A user whom that namespace does not map is told as the overflow id, 65534, and so are all others like that: no entry
 * with such a number may ever match, and whoever has an entry must be mapped (user_namespaces(7)).
 */
#ifndef MST_SERVER_PEOPLE_H
#define MST_SERVER_PEOPLE_H

#include "server/config.h"

/*
 * Are all of four_eyes.people and admin.providers users that the kernel tells by their numbers? What is not is reported with its setting and
 * the setting's line in `text`. `proc`: "/proc".
 */
void mst_people_check(const struct mst_conf *c, const char *text, const char *proc, struct mst_conf_report *r);

#endif
