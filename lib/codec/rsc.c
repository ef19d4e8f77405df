/* Operations and response status codes: TS-0004 6.6.3, their HTTP statuses: TS-0009 6.3.2 (spec 8.7). */
#include "codec/primitive.h"

static const struct { int rsc, http; const char *text; } rsc_row[] = {
	{ MST_RSC_ACCEPTED, 202, "ACCEPTED" },
	{ MST_RSC_OK, 200, "OK" },
	{ MST_RSC_CREATED, 201, "CREATED" },
	{ MST_RSC_DELETED, 200, "DELETED" },
	{ MST_RSC_UPDATED, 200, "UPDATED" },
	{ MST_RSC_BAD_REQUEST, 400, "BAD_REQUEST" },
	{ MST_RSC_RELEASE_NOT_SUPPORTED, 501, "RELEASE_VERSION_NOT_SUPPORTED" },
	{ MST_RSC_NOT_FOUND, 404, "NOT_FOUND" },
	{ MST_RSC_OPERATION_NOT_ALLOWED, 405, "OPERATION_NOT_ALLOWED" },
	{ MST_RSC_REQUEST_TIMEOUT, 504, "REQUEST_TIMEOUT" },
	{ MST_RSC_UNSUPPORTED_MEDIA_TYPE, 415, "UNSUPPORTED_MEDIA_TYPE" },
	{ MST_RSC_CONTENTS_UNACCEPTABLE, 400, "CONTENTS_UNACCEPTABLE" },
	{ MST_RSC_NO_PRIVILEGE, 403, "ORIGINATOR_HAS_NO_PRIVILEGE" },
	{ MST_RSC_CONFLICT, 409, "CONFLICT" },
	{ MST_RSC_NOT_AUTHENTICATED, 403, "ORIGINATOR_NOT_AUTHENTICATED" },
	{ MST_RSC_SECURITY_REQUIRED, 403, "SECURITY_ASSOCIATION_REQUIRED" },
	{ MST_RSC_ALREADY_REGISTERED, 403, "ORIGINATOR_HAS_ALREADY_REGISTERED" },
	/* the mapping table that was read has no row for it; 403 is ours, as for its neighbours */
	{ MST_RSC_SUBSCRIPTION_NOT_ESTABLISHED, 403, "SERVICE_SUBSCRIPTION_NOT_ESTABLISHED" },
	{ MST_RSC_INTERNAL, 500, "INTERNAL_SERVER_ERROR" },
	{ MST_RSC_NOT_IMPLEMENTED, 501, "NOT_IMPLEMENTED" },
	{ MST_RSC_TARGET_NOT_REACHABLE, 404, "TARGET_NOT_REACHABLE" },
	{ MST_RSC_NOT_ACCEPTABLE, 406, "NOT_ACCEPTABLE" },
};

int mst_rsc_http(int rsc)
{
	for (size_t i = 0; i < MST_COUNT(rsc_row); i++)
		if (rsc_row[i].rsc == rsc)
			return rsc_row[i].http;
	return 500;
}

/* TS-0009 6.3.2 goes from RSC to status. What HTTP refuses by itself has mostly no row there; each answer has an RSC (8.3), so these
 * are ours: what is no good request is BAD_REQUEST. */
static const struct { int http, rsc; } http_row[] = {
	{ 400, MST_RSC_BAD_REQUEST },
	{ 408, MST_RSC_REQUEST_TIMEOUT },
	{ 411, MST_RSC_BAD_REQUEST },
	{ 413, MST_RSC_BAD_REQUEST },
	{ 414, MST_RSC_BAD_REQUEST },
	{ 417, MST_RSC_BAD_REQUEST },
	{ 431, MST_RSC_BAD_REQUEST },
	{ 501, MST_RSC_NOT_IMPLEMENTED },
	{ 505, MST_RSC_BAD_REQUEST },
};

int mst_http_rsc(int status)
{
	for (size_t i = 0; i < MST_COUNT(http_row); i++)
		if (http_row[i].http == status)
			return http_row[i].rsc;
	return 0;
}

const char *mst_rsc_text(int rsc)
{
	for (size_t i = 0; i < MST_COUNT(rsc_row); i++)
		if (rsc_row[i].rsc == rsc)
			return rsc_row[i].text;
	return "unknown response status code";
}

const char *mst_op_text(enum mst_op op)
{
	switch (op) {
	case MST_OP_CREATE: return "CREATE";
	case MST_OP_RETRIEVE: return "RETRIEVE";
	case MST_OP_UPDATE: return "UPDATE";
	case MST_OP_DELETE: return "DELETE";
	case MST_OP_NOTIFY: return "NOTIFY";
	case MST_OP_NONE: break;
	}
	return "no operation";
}
