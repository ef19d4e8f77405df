#include "codec/names.h"

#define MST_NAME_ROW(id, l, s) [MST_N_##id] = { l, s },
static const char *const name[MST_N__COUNT][MST_PROFILE__COUNT] = {
	[MST_N_NONE] = { "", "" },
	MST_NAMES(MST_NAME_ROW)
};

const char *mst_name(enum mst_name n, enum mst_profile p)
{
	if ((unsigned)n >= MST_N__COUNT || (unsigned)p >= MST_PROFILE__COUNT)
		return "";
	return name[n][p];
}
