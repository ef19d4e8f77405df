/* Words for the numbers of the command channel (TS-0003 12.3.2.3, 12.3.2.4). */
#include "codec/resources.h"

const char *mst_cmd_class_text(int64_t class_id)
{
	static const char *const text[] = { "NO_MORE_COMMANDS", "CERT_PROV", "DEV_CFG", "MO_NODE" };

	return class_id >= 0 && class_id <= MST_CMD_MO_NODE ? text[class_id] : "?";
}

const char *mst_cmd_status_text(int64_t status)
{
	static const struct { int64_t status; const char *text; } rows[] = {
		{ MST_CMD_ISSUED, "ISSUED" }, { MST_CMD_REISSUED, "REISSUED" }, { MST_CMD_OK, "OK" },
		{ MST_CMD_REPEATED, "REPEATED_CMD_ID" }, { MST_CMD_CLASS_UNSUPPORTED, "CLASS_NOT_SUPPORTED" },
		{ MST_CMD_BAD_ARGS, "BAD_ARGUMENTS" }, { MST_CMD_UNACCEPTABLE, "UNACCEPTABLE_ARGUMENTS" },
		{ MST_CMD_CERT_SERVER, "CERT_PROV_SERVER_ERROR" }, { MST_CMD_CERT_CLIENT, "CERT_PROV_CLIENT_ERROR" },
		{ MST_CMD_CFG_SERVER, "DEV_CFG_SERVER_ERROR" }, { MST_CMD_CFG_CLIENT, "DEV_CFG_CLIENT_ERROR" },
		{ MST_CMD_MO_NOT_FOUND, "MO_NODE_NOT_FOUND" }, { MST_CMD_MO_TYPE, "MO_NODE_TYPE_CONFLICT" },
		{ MST_CMD_MO_BAD_ARGS, "MO_NODE_BAD_ARGS" }, { MST_CMD_MO_UNACCEPTABLE, "MO_NODE_UNACCEPTABLE_ARGS" },
		{ MST_CMD_MO_INCONSISTENT, "MO_NODE_INCONSISTENT_CONFIG" }, { MST_CMD_MO_FAILED, "MO_NODE_PROCESSING_FAILED" },
	};

	for (size_t i = 0; i < MST_COUNT(rows); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "?";
}
