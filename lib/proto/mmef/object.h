/*
 * MO_NODE (TS-0003 8.3.9.9, spec 7.2): is the object that a command names there, of its type and consistent, and what is
 * to be done with it? PURE: the shell does it.
 */
#ifndef MST_PROTO_MMEF_OBJECT_H
#define MST_PROTO_MMEF_OBJECT_H

#include "codec/managed.h"
#include "proto/mmef/mmef.h"

enum mmef_act {
	MMEF_ACT_LOCAL_KEY,          /* SUID 11 to 13: is the key there? */
	MMEF_ACT_KEY_AT_MEF,         /* SUID 21 to 23: register one with the MEF */
	MMEF_ACT_KEY_AT_MAF,         /* SUID 32, 33: with the MAF */
	MMEF_ACT_LOCAL_CERT,         /* SUID 41 to 43: is the certificate there, with its key? */
	MMEF_ACT_TRUST_ANCHOR,       /* is it there? else fetch it */
	MMEF_ACT_MAF_REGISTER,
};

struct mmef_plan {
	enum mmef_act act;
	const struct mst_object *object;
	const struct mst_object *reg;        /* KEY_AT_MEF, KEY_AT_MAF: the child with fqdn and adminFQDN; MAF_REGISTER: the object */
	char target[MST_ID_MAX];             /* KEY_AT_…: targetIDs */
};

/* 0 and the plan, or the cmdStatusCode (300 to 304, 43) that says why not. */
MST_MUST_CHECK int64_t mmef_judge(const struct mst_objects *o, const struct mmef_command *c, struct mmef_plan *ret);
/* For people: why, of the last word of mmef_judge(). Constant. */
const char *mmef_judge_words(int64_t status);

#endif
