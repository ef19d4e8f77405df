/*
 * The representations that travel on Mmef and Mmaf (spec 4, 5, 7), as message tables shared by client
 * and server. Names are placeholders through the names table (spec 4.5).
 */
#ifndef MST_CODEC_RESOURCES_H
#define MST_CODEC_RESOURCES_H

#include "codec/msg.h"

#define MST_LABELS_MAX 16
#define MST_TARGETS_MAX 16
#define MST_POA_MAX 8

struct mst_child_ref { uint32_t has; struct mst_view nm; int64_t typ; struct mst_view val; };

/* sec:mefClientReg and sec:mafClientReg: 4.3.1, 5.2. The same members serve requests and answers; the
 * role says which are required when (client_reg_create_msg, …). */
struct mst_client_reg {
	uint32_t has;
	int64_t ty;
	struct mst_view ri, rn, pi;
	mst_time ct, lt, et;
	struct mst_view lbl[MST_LABELS_MAX];
	uint16_t n_lbl;
	struct mst_view admin_fqdn;
	struct mst_view client_id;            /* the identity that the MEF/MAF holds for the client */
	struct mst_view assigned_symm_key_id; /* MAF: KmID */
	struct mst_child_ref ch[2];
	uint16_t n_ch;
};
/* Bits of `has`, in table order. */
enum { MST_CR_TY, MST_CR_RI, MST_CR_RN, MST_CR_PI, MST_CR_CT, MST_CR_LT, MST_CR_ET, MST_CR_LBL,
       MST_CR_ADMIN, MST_CR_CLIENT, MST_CR_KMID, MST_CR_CH };
extern const struct mst_msg mst_mef_client_reg_msg, mst_maf_client_reg_msg;

/* sec:symmKeyReg: 4.4. */
struct mst_key_reg {
	uint32_t has;
	int64_t ty;
	struct mst_view ri, rn, pi;
	mst_time ct, lt, et;
	struct mst_view lbl[MST_LABELS_MAX];
	uint16_t n_lbl;
	struct mst_view admin_fqdn;
	int64_t suid;
	struct mst_view targets[MST_TARGETS_MAX];
	uint16_t n_targets;
	struct mst_view relative_key_id, source_client_id;
	struct mst_view key_value;            /* secret */
};
enum { MST_KR_TY, MST_KR_RI, MST_KR_RN, MST_KR_PI, MST_KR_CT, MST_KR_LT, MST_KR_ET, MST_KR_LBL,
       MST_KR_ADMIN, MST_KR_SUID, MST_KR_TARGETS, MST_KR_RELKEY, MST_KR_SOURCE, MST_KR_KEY };
extern const struct mst_msg mst_key_reg_msg;

/* Answer to /fetchCredentials/<KeID>/<SUID>: 2.7.1, member names ours. */
struct mst_fetched {
	uint32_t has;
	bool status;
	struct mst_view credential;           /* secret */
	struct mst_view enrolee_id;
	mst_time lifetime;
	struct mst_view error;
};
enum { MST_FE_STATUS, MST_FE_CREDENTIAL, MST_FE_ENROLEE, MST_FE_LIFETIME, MST_FE_ERROR };
extern const struct mst_msg mst_fetched_msg;

/* sec:mefClientCmd: 7.1. cmdArgs is a choice of one member. */
struct mst_no_more_args { uint32_t has; int64_t retry_duration; };
struct mst_cert_prov_args { uint32_t has; int64_t protocol; struct mst_view uri; int64_t subject_type; struct mst_view subject_id; };
struct mst_dev_cfg_args { uint32_t has; struct mst_view device_config_uri; };
struct mst_mo_node_specific { uint32_t has; int64_t suid; };
struct mst_mo_node_args { uint32_t has; struct mst_view object_path; int64_t object_type; struct mst_mo_node_specific specific; };
struct mst_cmd_args {
	uint32_t has;
	struct mst_no_more_args no_more;
	struct mst_cert_prov_args cert_prov;
	struct mst_dev_cfg_args dev_cfg;
	struct mst_mo_node_args mo_node;
};
struct mst_cmd_description { uint32_t has; int64_t class_id; struct mst_cmd_args args; struct mst_view target; };
struct mst_client_cmd {
	uint32_t has;
	struct mst_view cmd_id;
	struct mst_cmd_description description;
	int64_t status_code;
};
enum { MST_CC_ID, MST_CC_DESCRIPTION, MST_CC_STATUS };
enum { MST_CD_CLASS, MST_CD_ARGS, MST_CD_TARGET };
enum { MST_CA_NO_MORE, MST_CA_CERT_PROV, MST_CA_DEV_CFG, MST_CA_MO_NODE };
enum mst_cmd_class { MST_CMD_NO_MORE = 0, MST_CMD_CERT_PROV = 1, MST_CMD_DEV_CFG = 2, MST_CMD_MO_NODE = 3 };
enum mst_cmd_status { MST_CMD_ISSUED = 10, MST_CMD_REISSUED = 11, MST_CMD_OK = 20, MST_CMD_REPEATED = 40,
                      MST_CMD_CLASS_UNSUPPORTED = 41, MST_CMD_BAD_ARGS = 42, MST_CMD_UNACCEPTABLE = 43,
                      MST_CMD_CERT_SERVER = 100, MST_CMD_CERT_CLIENT = 101, MST_CMD_CFG_SERVER = 201, MST_CMD_CFG_CLIENT = 202,
                      MST_CMD_MO_NOT_FOUND = 300, MST_CMD_MO_TYPE = 301, MST_CMD_MO_BAD_ARGS = 302, MST_CMD_MO_UNACCEPTABLE = 303,
                      MST_CMD_MO_INCONSISTENT = 304, MST_CMD_MO_FAILED = 305 };
/* "UNACCEPTABLE_ARGUMENTS", as 12.3.2.4 has it behind MEF_CLIENT_CMD_; "?" for what is none. And "MO_NODE" of a class. */
const char *mst_cmd_status_text(int64_t status);
const char *mst_cmd_class_text(int64_t class_id);
extern const struct mst_msg mst_client_cmd_msg;

/* MEFClientCfg, MAFClientCfg (4.3.2): members ours. What the node needs to work: architecture 3.5. */
struct mst_client_cfg {
	uint32_t has;
	struct mst_view node_id;              /* M2M-Node-ID */
	struct mst_view cse_id;               /* absolute CSE-ID assigned by the provider */
	struct mst_view ae_id;
	struct mst_view registrar_cse_id;     /* absolute */
	struct mst_view registrar_poa[MST_POA_MAX];
	uint16_t n_registrar_poa;
	struct mst_view maf_fqdn, maf_uri;
	mst_time subscription_until;          /* bound of every key lifetime; never the M2M-Sub-ID */
	mst_time server_time;                 /* authenticated time: lesson 15 */
	struct mst_view anchors[4];           /* DER: trust for MAF and registrar */
	uint16_t n_anchors;
};
enum { MST_CF_NODE, MST_CF_CSE, MST_CF_AE, MST_CF_REGISTRAR, MST_CF_POA, MST_CF_MAF, MST_CF_MAF_URI,
       MST_CF_UNTIL, MST_CF_TIME, MST_CF_ANCHORS };
extern const struct mst_msg mst_mef_client_cfg_msg, mst_maf_client_cfg_msg;

/* m2m:ae at a registrar (TS-0001 9.6.5, 10.2.2.2): what a Create carries, and what is read of the answer. */
#define MST_AE_RELEASES_MAX 4
struct mst_ae {
	uint32_t has;
	struct mst_view api;                  /* App-ID */
	bool rr;                              /* requestReachability */
	struct mst_view srv[MST_AE_RELEASES_MAX];
	uint16_t n_srv;
	mst_time et;
	struct mst_view aei, ri, rn;          /* given by the registrar */
};
enum { MST_AE_API, MST_AE_RR, MST_AE_SRV, MST_AE_ET, MST_AE_AEI, MST_AE_RI, MST_AE_RN };
extern const struct mst_msg mst_ae_msg;

#endif
