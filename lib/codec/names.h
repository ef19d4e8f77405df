/*
 * The only place with oneM2M wire names (architecture 5.6). Two profiles: the long placeholders of
 * spec 4.5, and TS-0032's short names, which stay equal to the long ones until the text is at hand.
 * Universal attributes (TS-0004 T8.2.3-1) have their standard short names in both.
 *
 * Every name is a row of MST_NAMES(X): X(ENUM, "long", "ts0032"). The codec owner adds rows.
 */
#ifndef MST_CODEC_NAMES_H
#define MST_CODEC_NAMES_H

#include "codec/names-list.h"

enum mst_profile { MST_PROFILE_LONG, MST_PROFILE_TS0032, MST_PROFILE__COUNT };

#define MST_NAME_ENUM(id, l, s) MST_N_##id,
enum mst_name { MST_N_NONE, MST_NAMES(MST_NAME_ENUM) MST_N__COUNT };
#undef MST_NAME_ENUM

/* Never NULL; "" for MST_N_NONE. */
const char *mst_name(enum mst_name n, enum mst_profile p);

/* Numeric resourceType values: ours until TS-0032 (spec 4.5). */
enum mst_ty {
	MST_TY_NONE = 0,
	MST_TY_AE = 2,
	MST_TY_MEF_CLIENT_REG = 65001,
	MST_TY_MAF_CLIENT_REG = 65002,
	MST_TY_SYMM_KEY_REG = 65003,
	MST_TY_MEF_CLIENT_CMD = 65004,
};

#endif
