/* `muster doctor`: does everybody who is named by user id get to the admin socket? What is inside a closed directory only its owner and root do. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "doctor.h"
#include "init-place.h"

/* Is anybody named but root and `owner`? */
static bool names_others(const config_t *conf, const char *path, uid_t owner)
{
	const config_setting_t *list = config_lookup(conf, path);
	int n = list ? config_setting_length(list) : 0;
	long long uid;

	for (int i = 0; i < n; i++)
		if (config_setting_lookup_int64(config_setting_get_elem(list, (unsigned)i), "uid", &uid) && uid && uid != (long long)owner)
			return true;
	return false;
}

/* The first directory on the way that is closed to all but its owner; a group, or a list of access, may be meant for them. */
static bool closed(char *path, struct stat *ret_st)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (stat(path, ret_st) == 0 && !(ret_st->st_mode & (S_IXGRP | S_IXOTH)))
			return true;
		*slash = '/';
	}
	return false;
}

void doctor_door(struct doctor *d)
{
	char *path = realpath(api_socket(d->m), NULL), text[4300];
	struct stat st;

	if (path && closed(path, &st) && (names_others(&d->conf, "four_eyes.people", st.st_uid) || names_others(&d->conf, "admin.providers", st.st_uid))) {
		snprintf(text, sizeof(text), "%.4000s is closed to others, and four_eyes.people or admin.providers names some", path);
		doctor_finding(d, false, "admin socket", text, "they cannot connect: put it where everybody may enter, with musterd.service admin.listen = "
			       "[\"unix:" UNIT_SOCKET "\"]; musterd itself judges who asks");
	}
	free(path);
}
