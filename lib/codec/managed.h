/*
 * The management objects that a MEF client works with (TS-0022, spec 7.2 and 7.3), as one document. The document, the
 * `path` of an object and the devMgmtID that leads to it are ours (doc/decisions/0017): TS-0022 has these objects in the
 * tree of a device management protocol, of which none is built in. Its short names are not known: long ones stand here.
 *
 *   {"objects":[{"path":"registrar","mgmtDefinition":1020,"CSE-ID":"//sp.example.com/IN-CSE"},
 *               {"path":"registrar/auth","mgmtDefinition":1022,"SUID":22,…},
 *               {"path":"registrar/auth/mef","mgmtDefinition":1026,"fqdn":"mef.example.com",…}]}
 *
 * Parent and child of an object are told by the paths. A document never holds one of the same path twice, nor an object
 * whose parent is not in it.
 */
#ifndef MST_CODEC_MANAGED_H
#define MST_CODEC_MANAGED_H

#include "codec/resources.h"

#define MST_OBJECTS_MAX 24
#define MST_OBJECTS_OCTETS 12288     /* of a document in JSON */
#define MST_SUITES_MAX 8
/* devMgmtID of such a document (TS-0003 12.3.2.2 ends at 4): GET of the URI in the session of Mmef. */
#define MST_DEV_MGMT_OURS 128

enum mst_mgmt { MST_MGMT_REGISTRATION = 1020, MST_MGMT_DATA_COLLECTION, MST_MGMT_AUTH_PROFILE, MST_MGMT_TRUST_ANCHOR = 1024,
		MST_MGMT_MAF_REG, MST_MGMT_MEF_REG };
const char *mst_mgmt_text(int64_t mgmt);     /* "authenticationProfile"; "?" */

struct mst_object {
	uint32_t has;
	struct mst_view path;
	int64_t mgmt;                         /* enum mst_mgmt */
	/* authenticationProfile */
	int64_t suid;
	struct mst_view suites[MST_SUITES_MAX];
	uint16_t n_suites;
	struct mst_view symm_key_id, symm_key_value;
	struct mst_view key_labels[MST_LABELS_MAX];
	uint16_t n_key_labels;
	int64_t key_duration;                 /* seconds */
	struct mst_view my_cert;              /* SHA-256 of the certificate, 64 hex digits */
	/* trustAnchorCred */
	struct mst_view cert, uri;
	/* MAFClientRegCfg, MEFClientRegCfg (sec:clientRegCfg, 12.4.2) */
	struct mst_view fqdn, admin_fqdn;
	mst_time expires;
	struct mst_view labels[MST_LABELS_MAX];
	uint16_t n_labels;
	int64_t http_port, coap_port, websocket_port;
	/* registration */
	struct mst_view originator, poa[MST_POA_MAX];
	uint16_t n_poa;
	struct mst_view cse_base, registrar, app_id;
	/* dataCollection */
	struct mst_view container_path;
};
enum { MST_MO_PATH, MST_MO_MGMT, MST_MO_SUID, MST_MO_SUITES, MST_MO_KEY_ID, MST_MO_KEY_VALUE, MST_MO_KEY_LABELS, MST_MO_KEY_DURATION,
       MST_MO_MY_CERT, MST_MO_CERT, MST_MO_URI, MST_MO_FQDN, MST_MO_ADMIN, MST_MO_EXPIRES, MST_MO_LABELS, MST_MO_HTTP, MST_MO_COAP,
       MST_MO_WS, MST_MO_ORIGINATOR, MST_MO_POA, MST_MO_CSE_BASE, MST_MO_REGISTRAR, MST_MO_APP, MST_MO_CONTAINER };

struct mst_objects {
	uint32_t has;
	struct mst_object object[MST_OBJECTS_MAX];
	uint16_t n;
};
extern const struct mst_msg mst_objects_msg;

/*
 * Rules between members: every object has what its definition needs and nothing that belongs to another one; paths.
 * `from_mef`: the MEF is the device management server, which must neither name nor give a symmetric key (TS-0003 8.3.8).
 * 0, or MST_MSG_INVALID or MST_MSG_MISSING with the object's path and what would be right.
 */
MST_MUST_CHECK int mst_objects_check(const struct mst_objects *o, bool from_mef, struct mst_diag *d);
/* By path; one leading slash does not count. NULL: there is none. */
const struct mst_object *mst_object_find(const struct mst_objects *o, struct mst_view path);
/* NULL when it has none. */
const struct mst_object *mst_object_parent(const struct mst_objects *o, const struct mst_object *x);
/* The first child of that definition. */
const struct mst_object *mst_object_child(const struct mst_objects *o, const struct mst_object *x, int64_t mgmt);

/* deviceConfigURI, "<devMgmtID>:<URI>". False when it is none. */
MST_MUST_CHECK bool mst_device_config_split(struct mst_view v, int64_t *ret_id, struct mst_view *ret_uri);
/* SHA-256 as 64 hex digits, either case. */
bool mst_fingerprint_valid(struct mst_view v);

#endif
