/*
 * Tables of the resources on Mmef and Mmaf. No member is required here where requests, answers and
 * updates differ in what they must carry (spec 4.3, 4.4): the role that decides says so.
 */
#include "codec/resources.h"

#include "base/secret.h"
#include "codec/checks.h"

#define TOKEN .check = mst_check_token, .expects = MST_EXPECTS_TOKEN
#define FQDN .check = mst_check_fqdn, .expects = MST_EXPECTS_FQDN
#define FIELDS(rows) .field = (rows), .n = MST_COUNT(rows)
/* keys of our own in a client's hands (spec 4.4.1 Key Value) are never shorter than 128 bits */
#define KEY_MIN 16

/* Universal and common attributes, the same keys in every resource: TS-0004 T8.2.3-1. */
#define COMMON_ROWS(S) \
	MST_ROW(TY, 1, INT, 0, S, ty, 1, 99999, "resourceType"), \
	MST_ROW(RI, 2, STR, 0, S, ri, 1, 255, "resourceID", TOKEN), \
	MST_ROW(RN, 3, STR, 0, S, rn, 1, 255, "resourceName", TOKEN), \
	MST_ROW(PI, 4, STR, 0, S, pi, 1, 255, "parentID", TOKEN), \
	MST_ROW(CT, 5, TIME, 0, S, ct, 0, 0, "creationTime"), \
	MST_ROW(LT, 6, TIME, 0, S, lt, 0, 0, "lastModifiedTime"), \
	MST_ROW(ET, 7, TIME, 0, S, et, 0, 0, "expirationTime, proposed or granted (TS-0003 8.3.5.2.3)"), \
	MST_ROW_LIST(LBL, 8, STR, 0, S, lbl, n_lbl, 0, MST_LABELS_MAX, 1, 128, "labels (m2m:labels)", \
	             .check = mst_check_label, .expects = MST_EXPECTS_LABEL), \
	MST_ROW(ADMIN_FQDN, 9, STR, 0, S, admin_fqdn, 1, 255, "administrating stakeholder (TS-0003 8.3.5.1)", FQDN)

static const struct mst_field child_ref_row[] = {
	MST_ROW(NM, 1, STR, MST_F_REQUIRED, struct mst_child_ref, nm, 1, 255, "name of the child", TOKEN),
	MST_ROW(TYP, 2, INT, MST_F_REQUIRED, struct mst_child_ref, typ, 1, 99999,
	        "resourceType of the child"),
	MST_ROW(VAL, 3, STR, MST_F_REQUIRED, struct mst_child_ref, val, 1, 255, "address of the child",
	        TOKEN),
};
static const struct mst_msg child_ref_msg = {
	.what = "child reference", .size = sizeof(struct mst_child_ref), FIELDS(child_ref_row),
	.doc = "TS-0004 8.4.2",
};

static const struct mst_field client_reg_row[] = {
	COMMON_ROWS(struct mst_client_reg),
	MST_ROW(CLIENT_ID, 10, STR, 0, struct mst_client_reg, client_id, 1, 255,
	        "identity that the server holds for the client (TS-0003 8.3.5.2.3)", TOKEN),
	MST_ROW(ASSIGNED_SYMM_KEY_ID, 11, STR, 0, struct mst_client_reg, assigned_symm_key_id, 1, 255,
	        "KmID that the MAF assigned (TS-0003 8.8.2.3)", .check = mst_check_key_id,
	        .expects = "a key identifier like 0A1B@maf.example.com"),
	MST_ROW_LIST(CH, 12, OBJECT, 0, struct mst_client_reg, ch, n_ch, 0, 2, 0, 0,
	             "child references: a command waits (TS-0003 8.3.4.6)", .sub = &child_ref_msg),
};
const struct mst_msg mst_mef_client_reg_msg = {
	.what = "MEF client registration", .root = MST_N_MEF_CLIENT_REG,
	.size = sizeof(struct mst_client_reg),
	FIELDS(client_reg_row), .doc = "TS-0003 8.3.5.2.3",
};
const struct mst_msg mst_maf_client_reg_msg = {
	.what = "MAF client registration", .root = MST_N_MAF_CLIENT_REG,
	.size = sizeof(struct mst_client_reg),
	FIELDS(client_reg_row), .doc = "TS-0003 8.8.2.3",
};

static const struct mst_field key_reg_row[] = {
	COMMON_ROWS(struct mst_key_reg),
	MST_ROW(SUID, 10, INT, 0, struct mst_key_reg, suid, 10, 45,
	        "what the key is for (m2m:suid, TS-0004 6.3.4.2.39)"),
	MST_ROW_LIST(TARGET_IDS, 11, STR, 0, struct mst_key_reg, targets, n_targets, 1, MST_TARGETS_MAX, 1,
	             255,
	             "who may fetch the key (TS-0003 8.3.5.2.7)", TOKEN),
	MST_ROW(RELATIVE_KEY_ID, 12, STR, 0, struct mst_key_reg, relative_key_id, 1, 255,
	        "key identifier before the @ (sec:relKeyID)", .check = mst_check_rel_key,
	        .expects = "letters, digits, dot, underscore, hyphen"),
	MST_ROW(SOURCE_CLIENT_ID, 13, STR, 0, struct mst_key_reg, source_client_id, 1, 255,
	        "identity of the Source MEF Client", TOKEN),
	MST_ROW(KEY_VALUE, 14, SECRET, 0, struct mst_key_reg, key_value, KEY_MIN, MST_KEY_MAX,
	        "the key itself (TS-0003 8.3.5.2.8)"),
};
const struct mst_msg mst_key_reg_msg = {
	.what = "symmetric key registration", .root = MST_N_SYMM_KEY_REG, .size = sizeof(struct mst_key_reg),
	FIELDS(key_reg_row), .doc = "TS-0003 8.3.5.2.7",
};

static const struct mst_field fetched_row[] = {
	MST_ROW(STATUS, 1, BOOL, MST_F_REQUIRED, struct mst_fetched, status, 0, 0,
	        "true: the credential follows"),
	MST_ROW(CREDENTIAL, 2, SECRET, 0, struct mst_fetched, credential, KEY_MIN, MST_KEY_MAX,
	        "usage-constrained key (TS-0003 10.3.7)"),
	MST_ROW(ENROLEE_ID, 3, STR, 0, struct mst_fetched, enrolee_id, 1, 255, "identity of the Enrolee",
	        TOKEN),
	MST_ROW(LIFETIME, 4, TIME, 0, struct mst_fetched, lifetime, 0, 0, "end of the key's lifetime"),
	MST_ROW(ERROR_STRING, 5, STR, 0, struct mst_fetched, error, 0, 255, "why there is none",
	        .check = mst_check_label, .expects = MST_EXPECTS_LABEL),
};
const struct mst_msg mst_fetched_msg = {
	.what = "fetched credential", .size = sizeof(struct mst_fetched), FIELDS(fetched_row),
	.doc = "TS-0003 8.3.2.1; members ours",
};

static const struct mst_field no_more_row[] = {
	MST_ROW(RETRY_DURATION, 1, DURATION, MST_F_REQUIRED, struct mst_no_more_args, retry_duration, 0, 0,
	        "ask again after"),
};
static const struct mst_field cert_prov_row[] = {
	MST_ROW(CERT_PROV_PROTOCOL_ID, 1, INT, MST_F_REQUIRED, struct mst_cert_prov_args, protocol, 0, 255,
	        "1 EST, 2 SCEP"),
	MST_ROW(CMD_URI, 2, STR, MST_F_REQUIRED, struct mst_cert_prov_args, uri, 1, 255,
	        "base URI of that protocol", TOKEN),
	MST_ROW(CERT_SUBJECT_TYPE, 3, INT, MST_F_REQUIRED, struct mst_cert_prov_args, subject_type, 0, 255,
	        "1 Node-ID, 2 CSE-ID, 3 AE-ID"),
	MST_ROW(CERT_SUBJECT_ID, 4, STR, MST_F_REQUIRED, struct mst_cert_prov_args, subject_id, 1, 255,
	        "identity for the certificate", TOKEN),
};
static const struct mst_field dev_cfg_row[] = {
	MST_ROW(DEVICE_CONFIG_URI, 1, STR, MST_F_REQUIRED, struct mst_dev_cfg_args, device_config_uri, 1, 255,
	        "devMgmtID:URI (TS-0003 12.3.2.2)", TOKEN),
};
static const struct mst_field mo_specific_row[] = {
	MST_ROW(SUID, 1, INT, MST_F_REQUIRED, struct mst_mo_node_specific, suid, 10, 45, "m2m:suid"),
};
static const struct mst_msg mo_specific_msg = {
	.what = "objectTypeSpecificArgs", .size = sizeof(struct mst_mo_node_specific),
	FIELDS(mo_specific_row),
};
static const struct mst_field mo_node_row[] = {
	MST_ROW(OBJECT_PATH, 1, STR, MST_F_REQUIRED, struct mst_mo_node_args, object_path, 1, 255,
	        "the management object", TOKEN),
	MST_ROW(OBJECT_TYPE_ID, 2, INT, MST_F_REQUIRED, struct mst_mo_node_args, object_type, 0, 255,
	        "1 authenticationProfile, 2 trustAnchorCred, 3 MAFClientRegCfg"),
	MST_ROW(OBJECT_TYPE_SPECIFIC_ARGS, 3, OBJECT, 0, struct mst_mo_node_args, specific, 0, 0,
	        "for type 1 only",
	        .sub = &mo_specific_msg),
};
static const struct mst_msg no_more_msg = {
	.what = "noMoreCmdArgs", .size = sizeof(struct mst_no_more_args), FIELDS(no_more_row),
};
static const struct mst_msg cert_prov_msg = {
	.what = "certProvCmdArgs", .size = sizeof(struct mst_cert_prov_args), FIELDS(cert_prov_row),
};
static const struct mst_msg dev_cfg_msg = {
	.what = "devCfgCmdArgs", .size = sizeof(struct mst_dev_cfg_args), FIELDS(dev_cfg_row),
};
static const struct mst_msg mo_node_msg = {
	.what = "MONodeCmdArgs", .size = sizeof(struct mst_mo_node_args), FIELDS(mo_node_row),
};

static const struct mst_field cmd_args_row[] = {
	MST_ROW(NO_MORE_CMD_ARGS, 1, OBJECT, 0, struct mst_cmd_args, no_more, 0, 0, "class 0",
	        .sub = &no_more_msg),
	MST_ROW(CERT_PROV_CMD_ARGS, 2, OBJECT, 0, struct mst_cmd_args, cert_prov, 0, 0, "class 1",
	        .sub = &cert_prov_msg),
	MST_ROW(DEV_CFG_CMD_ARGS, 3, OBJECT, 0, struct mst_cmd_args, dev_cfg, 0, 0, "class 2",
	        .sub = &dev_cfg_msg),
	MST_ROW(MO_NODE_CMD_ARGS, 4, OBJECT, 0, struct mst_cmd_args, mo_node, 0, 0, "class 3",
	        .sub = &mo_node_msg),
};
/* open: the arguments of an unknown class must not hide the class, which is answered with status 41 */
static const struct mst_msg cmd_args_msg = {
	.what = "cmdArgs", .open = true, .size = sizeof(struct mst_cmd_args), FIELDS(cmd_args_row),
};
static const struct mst_field cmd_description_row[] = {
	MST_ROW(CMD_CLASS_ID, 1, INT, MST_F_REQUIRED, struct mst_cmd_description, class_id, 0, 65535,
	        "which command (TS-0003 12.3.2.3)"),
	MST_ROW(CMD_ARGS, 2, OBJECT, MST_F_REQUIRED, struct mst_cmd_description, args, 0, 0,
	        "one member, of that class",
	        .sub = &cmd_args_msg),
	MST_ROW(TARGET_ID, 3, STR, 0, struct mst_cmd_description, target, 1, 255,
	        "AE or CSE that the command is for", TOKEN),
};
static const struct mst_msg cmd_description_msg = {
	.what = "cmdDescription", .size = sizeof(struct mst_cmd_description), FIELDS(cmd_description_row),
	.doc = "TS-0003 12.4.4",
};
static const struct mst_field client_cmd_row[] = {
	MST_ROW(CMD_ID, 1, STR, MST_F_REQUIRED, struct mst_client_cmd, cmd_id, 1, 64,
	        "identifies the command", TOKEN),
	MST_ROW(CMD_DESCRIPTION, 2, OBJECT, 0, struct mst_client_cmd, description, 0, 0, "the command",
	        .sub = &cmd_description_msg),
	MST_ROW(CMD_STATUS_CODE, 3, INT, MST_F_REQUIRED, struct mst_client_cmd, status_code, 0, 999,
	        "issued, or how it went (TS-0003 12.3.2.4)"),
};
const struct mst_msg mst_client_cmd_msg = {
	.what = "MEF client command", .root = MST_N_MEF_CLIENT_CMD, .size = sizeof(struct mst_client_cmd),
	FIELDS(client_cmd_row), .doc = "TS-0003 8.3.9",
};

static const struct mst_field client_cfg_row[] = {
	MST_ROW(NODE_ID, 1, STR, 0, struct mst_client_cfg, node_id, 1, 255, "M2M-Node-ID",
	        .check = mst_check_node_id, .expects = "an M2M-Node-ID"),
	MST_ROW(CSE_ID, 2, STR, 0, struct mst_client_cfg, cse_id, 1, 255, "CSE-ID assigned by the provider",
	        .check = mst_check_cse_abs, .expects = MST_EXPECTS_CSE),
	MST_ROW(AE_ID, 3, STR, 0, struct mst_client_cfg, ae_id, 1, 255, "AE-ID assigned by the provider",
	        .check = mst_check_ae_abs, .expects = "an absolute AE-ID like //sp.example.com/S1"),
	MST_ROW(REGISTRAR_CSE_ID, 4, STR, 0, struct mst_client_cfg, registrar_cse_id, 1, 255, "the registrar",
	        .check = mst_check_cse_abs, .expects = MST_EXPECTS_CSE),
	MST_ROW_LIST(REGISTRAR_POA, 5, STR, 0, struct mst_client_cfg, registrar_poa, n_registrar_poa, 0,
	             MST_POA_MAX,
	             1, 255, "points of access of the registrar", TOKEN),
	MST_ROW(MAF_FQDN, 6, STR, 0, struct mst_client_cfg, maf_fqdn, 1, 255, "MAF-ID", FQDN),
	MST_ROW(MAF_URI, 7, STR, 0, struct mst_client_cfg, maf_uri, 1, 255, "where the MAF listens",
	        .check = mst_check_uri, .expects = MST_EXPECTS_URI),
	MST_ROW(SUBSCRIPTION_UNTIL, 8, TIME, 0, struct mst_client_cfg, subscription_until, 0, 0,
	        "end of the subscription"),
	MST_ROW(SERVER_TIME, 9, TIME, 0, struct mst_client_cfg, server_time, 0, 0,
	        "time at the server when it answered"),
	MST_ROW_LIST(ANCHORS, 10, BYTES, 0, struct mst_client_cfg, anchors, n_anchors, 0, 4, 16, 2048,
	             "trust anchors for MAF and registrar (DER)", .check = mst_check_der,
	             .expects = MST_EXPECTS_DER),
};
/* open: a node in the field outlives the server's version */
const struct mst_msg mst_mef_client_cfg_msg = {
	.what = "MEF client configuration", .root = MST_N_MEF_CLIENT_CFG, .open = true,
	.size = sizeof(struct mst_client_cfg), FIELDS(client_cfg_row),
	.doc = "TS-0003 8.3.5.2.4; members ours",
};
const struct mst_msg mst_maf_client_cfg_msg = {
	.what = "MAF client configuration", .root = MST_N_MAF_CLIENT_CFG, .open = true,
	.size = sizeof(struct mst_client_cfg), FIELDS(client_cfg_row), .doc = "TS-0003 8.8.2.4; members ours",
};

static const struct mst_field ae_row[] = {
	MST_ROW(API, 1, STR, 0, struct mst_ae, api, 1, 255, "App-ID", TOKEN),
	MST_ROW(RR, 2, BOOL, 0, struct mst_ae, rr, 0, 0, "requestReachability"),
	MST_ROW_LIST(SRV, 3, STR, 0, struct mst_ae, srv, n_srv, 1, MST_AE_RELEASES_MAX, 1, 8, "supportedReleaseVersions", TOKEN),
	MST_ROW(ET, 4, TIME, 0, struct mst_ae, et, 0, 0, "expirationTime, proposed or granted"),
	MST_ROW(AEI, 5, STR, 0, struct mst_ae, aei, 1, 255, "AE-ID", TOKEN),
	MST_ROW(RI, 6, STR, 0, struct mst_ae, ri, 1, 255, "resourceID", TOKEN),
	MST_ROW(RN, 7, STR, 0, struct mst_ae, rn, 1, 255, "resourceName", TOKEN),
};
const struct mst_msg mst_ae_msg = {
	.what = "AE", .root = MST_N_AE, .open = true, .size = sizeof(struct mst_ae), FIELDS(ae_row), .doc = "TS-0001 9.6.5",
};
