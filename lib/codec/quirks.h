/*
 * Every ambiguity of the standard (spec sections 3 and 11) is one member here, per peer, and nowhere
 * else. The defaults are the [P] choices of the spec sheet.
 */
#ifndef MST_CODEC_QUIRKS_H
#define MST_CODEC_QUIRKS_H

#include <stdbool.h>

#include "codec/names.h"

struct mst_quirks {
	enum mst_profile names;
	/* Which key a MAF takes for SUID 21: spec 3.4 "open points", 2.7. */
	enum { MST_KM_USAGE_CONSTRAINED /* 3.4.3 */, MST_KM_MASTER /* 3.4.1 */, MST_KM_REGISTERED /* Ke */ } km;
	/* Exporter label of a MEF key registration: spec 3.2. */
	enum { MST_MEF_LABEL_BOOTSTRAP, MST_MEF_LABEL_CONNECTION } mef_label;
	bool hex_lower;                 /* hexBinary ids sent in lower case: spec 1.4 */
	bool coap_early;                /* oneM2M's CoAP options by their numbers before TS-0008 V3.7.0: spec 8.4 */
	bool saef_psk_first_half;       /* spec 3.5 */
	/* A node's NAF_Id has the target's name as the instruction spells it, not in lower case: TS 33.220 B.3 folds none (spec gba 6). */
	bool naf_as_spelled;
	enum { MST_AE_URI_HTTPS, MST_AE_URI_BARE } ae_uri;      /* spec 2.5.4 */
	/* Answer to a repeated registration of the same client and adminFQDN: the same record, or 4117. */
	bool repeat_conflicts;
};
extern const struct mst_quirks mst_quirks_default;

#endif
