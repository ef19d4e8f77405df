#include "codec/quirks.h"

/* Each value is the reading that the spec sheet proposes; the clause stands at the member. */
const struct mst_quirks mst_quirks_default = {
	.names = MST_PROFILE_LONG,
	.km = MST_KM_USAGE_CONSTRAINED,
	.mef_label = MST_MEF_LABEL_BOOTSTRAP,
	.hex_lower = false,
	.coap_early = false,
	.saef_psk_first_half = false,
	.naf_as_spelled = false,
	.ae_uri = MST_AE_URI_HTTPS,
	.repeat_conflicts = false,
};
