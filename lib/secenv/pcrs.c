#include <string.h>

#include "base/text.h"
#include "secenv/secenv.h"

bool mst_secenv_pcrs(const char *text, uint32_t *ret_mask)
{
	*ret_mask = 0;
	while (*text) {
		uint64_t n;
		size_t len = strcspn(text, ",");

		if (!mst_parse_dec((struct mst_view){ (const uint8_t *)text, len }, 23, &n) || (*ret_mask >> n & 1))
			return false;
		*ret_mask |= UINT32_C(1) << n;
		text += len + (text[len] == ',');
		if (!*text && text[-1] == ',')
			return false;
	}
	return true;
}
