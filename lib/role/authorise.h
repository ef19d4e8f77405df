/*
 * The only maker of authorisations (architecture 5.2): releasing or signing a key needs one, and only a
 * role's decide.c may include this header (tools/check-house). Default deny by construction: a path that
 * never reaches decide has nothing to show to the keeper.
 */
#ifndef MST_ROLE_AUTHORISE_H
#define MST_ROLE_AUTHORISE_H

#include <string.h>

#include "keeper/keeper.h"

static inline struct mst_authorisation mst_authorise_release(const char *key_id, const char *to)
{
	struct mst_authorisation a = { .what = MST_AUTH_RELEASE };

	strncpy(a.key_id, key_id, sizeof(a.key_id) - 1);
	strncpy(a.to, to, sizeof(a.to) - 1);
	return a;
}

static inline struct mst_authorisation mst_authorise_sign(const char *subject, const char *to)
{
	struct mst_authorisation a = { .what = MST_AUTH_SIGN };

	strncpy(a.key_id, subject, sizeof(a.key_id) - 1);
	strncpy(a.to, to, sizeof(a.to) - 1);
	return a;
}

static inline struct mst_authorisation mst_authorise_status(const char *serial, const char *to)
{
	struct mst_authorisation a = { .what = MST_AUTH_STATUS };

	strncpy(a.key_id, serial, sizeof(a.key_id) - 1);
	strncpy(a.to, to, sizeof(a.to) - 1);
	return a;
}

static inline struct mst_authorisation mst_authorise_trigger(const char *key_id, const char *node_id)
{
	struct mst_authorisation a = { .what = MST_AUTH_TRIGGER };

	strncpy(a.key_id, key_id, sizeof(a.key_id) - 1);
	strncpy(a.to, node_id, sizeof(a.to) - 1);
	return a;
}

static inline struct mst_authorisation mst_authorise_vector(const char *sim, const char *to)
{
	struct mst_authorisation a = { .what = MST_AUTH_VECTOR };

	strncpy(a.key_id, sim, sizeof(a.key_id) - 1);
	strncpy(a.to, to, sizeof(a.to) - 1);
	return a;
}

static inline struct mst_authorisation mst_authorise_bootstrap(const char *btid, const char *impi)
{
	struct mst_authorisation a = { .what = MST_AUTH_BOOTSTRAP };

	strncpy(a.key_id, btid, sizeof(a.key_id) - 1);
	strncpy(a.to, impi, sizeof(a.to) - 1);
	return a;
}

#endif
